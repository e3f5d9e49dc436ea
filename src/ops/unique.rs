//! What is made of sorted elements: unique, unique_consecutive, isin, searchsorted, bucketize, bincount.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::sort::Order;
use crate::core::promote::promoted;
use crate::core::shape::{list, normalize_dim};
use crate::core::{DType, Meta, Number, Shape};
use crate::cpu::sort::Want;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::apply::{recorded, remember};
use crate::tensor::{Op, Operand, Outs, Tensor, apply, data, mode};
use crate::{bail, cpu, gpu};

ops! {
    /// For each element of `input` the place in the sorted `boundaries`, a vector, where it belongs: before equal ones, or after
    /// them if `right`.
    bucketize + out + exact as [
        "function.bucketize(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
        "function.bucketize(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    ] {
        call(x = self: Operand, boundaries: &Tensor, out_int32: bool, right: bool) {
            if boundaries.ndim() != 1 {
                bail!(Runtime, "boundaries tensor must be 1 dimension, but got dim({})", boundaries.ndim());
            }
            search("bucketize", boundaries, x, out_int32, right, None)
        },
        samples: ["u(2, 3), torch.tensor([-1.0, 0.0, 1.0]).to(mask(1).device)", "u(5), torch.tensor([-1.0, 0.0, 1.0]).to(mask(1).device), right=True", "ix(3, 4, n=5), at(1, 3), out_int32=True",
            "edges(NAN, INF, -0.0), torch.tensor([-1.0, 0.0, 1.0]).to(mask(1).device)", "u(3, 2).t(), torch.tensor([0.0]).to(mask(1).device)", "u(0), torch.tensor([0.0]).to(mask(1).device)", "u(3), torch.tensor([]).to(mask(1).device)",
            "u(3), torch.tensor([[0.0]]).to(mask(1).device)"],
    }
    /// For each element of `input` the place in the last dim of `sorted_sequence` where it belongs: before equal ones, or after
    /// them if `right` (or `side` is "right"). A vector serves all; else all dims but the last agree. `sorter` gives the order
    /// where the sequence is not sorted.
    searchsorted + out + exact as [
        "function.searchsorted(Tensor sorted_sequence, Tensor input, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor",
        "function.searchsorted(Tensor sorted_sequence, Scalar input, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor",
    ] {
        call(edges = sorted_sequence: &Tensor, x = input: Operand, out_int32: bool, right: bool, side: Option<&str>, sorter: Option<&Tensor>) {
            let right = match side {
                None => right,
                Some("left") if right => {
                    bail!(Runtime, "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True")
                }
                Some("left") => false,
                Some("right") => true,
                Some(other) => bail!(Runtime, "torch.searchsorted(): side can only be 'left' or 'right' but got {other}"),
            };
            search("searchsorted", edges, x, out_int32, right, sorter)
        },
        samples: ["torch.tensor([-1.0, 0.0, 1.0]).to(mask(1).device), torch.tensor([0.0, 2.0, -3.0]).to(mask(1).device)", "at(1, 3, 2, 4).reshape(2, 2), at(1, 2, 3, 4, 3, 2).reshape(2, 3)",
            "at(1, 3, 5), 3", "at(1, 3, 5), ix(2, 3, n=6), right=True", "at(1, 3, 5), ix(2, 3, n=6), side='right'",
            "at(5, 1, 3), ix(4, n=6), sorter=at(1, 2, 0)", "at(1, 3, 5), ix(4, n=6), out_int32=True",
            "at(1, 3, 2, 4).reshape(2, 2), at(1, 2, 3)", "at(1, 3, 5), ix(4, n=6), side='up'", "at(1, 3, 5), torch.tensor([1.0]).to(mask(1).device)"],
    }
    /// Whether each of `elements` is among `test_elements`; the reverse if `invert`.
    isin + out + exact as [
        "function.isin(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
        "function.isin(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor",
        "function.isin(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    ] {
        call(
            elements: Option<&Tensor>,
            element: Option<Number>,
            test_elements: Option<&Tensor>,
            test_element: Option<Number>,
            invert: bool
        ) {
            let like = match (elements, test_elements) {
                (Some(t), _) | (None, Some(t)) => t,
                (None, None) => bail!(Runtime, "internal error: isin without tensors"),
            };
            if let Some(Number::Bool(_)) = element.or(test_element) {
                bail!(Runtime, "Unsupported input type encountered for isin(): Bool");
            }
            let wrapped = |n: Number| number_tensor(n, like);
            let (x, of) = match (elements, test_elements, element, test_element) {
                (Some(x), Some(of), ..) => (x.clone(), of.clone()),
                (Some(x), None, _, Some(n)) => (x.clone(), wrapped(n)?),
                (None, Some(of), Some(n), _) => (wrapped(n)?, of.clone()),
                _ => bail!(Runtime, "internal error: isin without elements"),
            };
            isin(&x.detach(), &of.detach(), invert)
        },
        samples: ["u(2, 3), u(4)", "ix(3, 4, n=5), at(1, 3)", "ix(4, n=5), at(1, 3), invert=True", "ix(4, n=5), 2", "2, ix(4, n=5)",
            "u(3, 2).t(), u(2)", "ix(3, n=5), u(0)", "u(0), u(2)", "edges(NAN, 1.0), edges(NAN, 1.0)"],
    }
    /// The different elements, in order; with `return_inverse` also which of them each element is, with `return_counts` how often
    /// each occurs. With `dim` the different entries of that dim. They are in order also without `sorted`.
    ///
    ///     >>> torch.unique(torch.tensor([3, 1, 3, 2]))
    ///     tensor([1, 2, 3])
    unique as [
        "unique(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor; no out",
    ] {
        call(x = self: &Tensor, return_inverse: bool, return_counts: bool, dim: Option<i64>) {
            unique(x, dim, false, return_inverse, return_counts)
        },
        samples: ["ix(9, n=4)", "ix(3, 4, n=4), return_inverse=True", "ix(9, n=4), True, True, True", "u(6)", "edges(2.0, -0.0, 0.0, 1.0, 2.0)",
            "ix(8, 2, n=2), dim=0", "ix(2, 6, n=2), dim=1, return_inverse=True, return_counts=True", "u(0)", "u(), return_counts=True", "u(3, 2).t()",
            "u(2, 3), dim=2"],
    }
    /// As `unique`, of neighbours only: each run of equal elements, or entries of a dim, becomes one.
    unique_consecutive as [
        "unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor; no out",
    ] {
        call(x = self: &Tensor, return_inverse: bool, return_counts: bool, dim: Option<i64>) {
            unique(x, dim, true, return_inverse, return_counts)
        },
        samples: ["ix(12, n=2)", "ix(3, 4, n=2), return_inverse=True", "ix(12, n=2), True, True", "ix(8, 2, n=2), dim=0", "u(0)", "u()", "u(), dim=0", "u(3, 0), dim=0"],
    }
}

/// A number as a 0-d tensor: of the dtype of `like`, or of its own kind where that is higher.
fn number_tensor(n: Number, like: &Tensor) -> Result<Tensor> {
    let own = crate::core::promote::number_dtype(n, crate::tensor::mode::default_float());
    let dtype = if n.category() > like.dtype().category() { own } else { like.dtype() };
    // Beyond the dtype it wraps, as PyTorch's does here.
    Tensor::constant(&[], dtype, like.device(), n.cast(dtype))
}

fn search(
    name: &'static str,
    edges: &Tensor,
    x: Operand,
    narrow: bool,
    right: bool,
    sorter: Option<&Tensor>,
) -> Result<Tensor> {
    let made;
    let x = match x {
        Operand::Tensor(t) => t,
        Operand::Number(n) => {
            made = number_tensor(n, edges)?;
            &made
        }
    };
    if edges.ndim() == 0 {
        bail!(
            Runtime,
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim(0) and input value's dim({}) numel({})",
            x.ndim(),
            x.numel()
        );
    }
    if x.ndim() == 0 && edges.ndim() > 1 {
        bail!(
            Runtime,
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim({}) and input value's dim(0) numel(1)",
            edges.ndim()
        );
    }
    let last = edges.ndim() - 1;
    if edges.ndim() > 1 && (x.ndim() != edges.ndim() || x.shape()[..last] != edges.shape()[..last]) {
        bail!(
            Runtime,
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input \
             value tensor must match, but we got boundaries tensor {} and input value tensor {}",
            list(edges.shape()),
            list(x.shape())
        );
    }
    if let Some(s) = sorter {
        if s.shape() != edges.shape() {
            bail!(
                Runtime,
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {}and got sorter tensor {}",
                list(edges.shape()),
                list(s.shape())
            );
        }
        if s.dtype() != DType::I64 {
            bail!(
                Runtime,
                "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {}",
                s.dtype().scalar_name()
            );
        }
        let n = edges.shape()[last];
        if s.device().is_cpu() && cpu::gather::out_of_range(s.array(), n).is_some() {
            bail!(Runtime, "torch.searchsorted(): sorter index out of range");
        }
    }
    warn_of_copies(edges, x, sorter)?;
    let dtype = promoted(edges.dtype(), x.dtype())?;
    let (edges, x) = (edges.detach().to_dtype(dtype)?.contiguous()?, x.detach().to_dtype(dtype)?.contiguous()?);
    let op = Search { name, right, dtype: if narrow { DType::I32 } else { DType::I64 }, from: x.shape().into() };
    match sorter {
        Some(s) => apply(op, &[&edges, &x, &s.contiguous()?]),
        None => apply(op, &[&edges, &x]),
    }
}

/// PyTorch's warnings, each once a process, of what is copied before the search.
fn warn_of_copies(edges: &Tensor, x: &Tensor, sorter: Option<&Tensor>) -> Result<()> {
    static WARNED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
    for (i, (what, t)) in [("boundary", Some(edges)), ("input value", Some(x)), ("sorter", sorter)].iter().enumerate() {
        if t.is_some_and(|t| !t.is_contiguous()) && !WARNED[i].swap(true, Relaxed) {
            mode::warn(&format!(
                "torch.searchsorted(): {what} tensor is non-contiguous, this will lower the performance due to extra data copy when \
                 converting non-contiguous tensor to contiguous, please use contiguous {what} tensor if possible. This message will \
                 only appear once per program."
            ))?;
        }
    }
    Ok(())
}

struct Search {
    name: &'static str,
    right: bool,
    dtype: DType,
    from: Shape,
}

impl Op for Search {
    fn name(&self) -> &'static str {
        self.name
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[1].contiguous(self.from.clone()).with_dtype(self.dtype))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::sort::search(x[0], x.get(2).copied(), x[1], self.right, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::order::search(self.name, x[0], x.get(2).copied(), x[1], self.right, &out[0])
    }
    fn differentiable(&self) -> bool {
        false
    }
}

fn isin(x: &Tensor, of: &Tensor, invert: bool) -> Result<Tensor> {
    let dtype = promoted(x.dtype(), of.dtype())?;
    if let Some(d) = [x, of].map(Tensor::dtype).into_iter().find(|d| *d == DType::Bool || d.is_complex()) {
        bail!(Runtime, "Unsupported input type encountered for isin(): {}", d.scalar_name());
    }
    let (x, of) = (x.contiguous()?.to_dtype(dtype)?, of.to_dtype(dtype)?.reshape(&[of.numel()])?);
    let few = of.numel() <= 16;
    let hit = if of.numel() == 0 {
        x.ne(&x)?.logical_and(&x.eq(&x)?)?
    } else if few {
        let mut hit = x.eq(&of.select(0, 0)?)?;
        for i in 1..of.numel() {
            hit = hit.logical_or(&x.eq(&of.select(0, i)?)?)?;
        }
        hit
    } else {
        let op = Order {
            name: "isin",
            dim: 0,
            descending: false,
            want: Want::Sorted,
            keepdim: true,
            from: of.shape().into(),
        };
        let edges = op.run(&of)?.swap_remove(0);
        let flat = x.contiguous()?;
        let at = search("isin", &edges, Operand::Tensor(&flat), false, false, None)?;
        let last = super::scatter::number(Number::Int(of.numel() as i64 - 1), &at, &[])?;
        let found = edges.index_select(0, &at.minimum(&last)?.reshape(&[flat.numel()])?)?.view_to(flat.shape())?;
        found.eq(&flat)?
    };
    if invert { hit.logical_not() } else { Ok(hit) }
}

/// What backward meets of `unique`, which has no derivative, as in PyTorch. It is found, never computed.
struct Different {
    name: &'static str,
    grad_name: &'static str,
}

impl Op for Different {
    fn name(&self) -> &'static str {
        self.name
    }
    fn grad_name(&self) -> String {
        self.grad_name.into()
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        bail!(NotImplemented, "{}: a result whose size its values decide", self.name)
    }
}

/// Equal elements, or entries of a dim, made one: as they lie, or in order first.
fn unique(input: &Tensor, dim: Option<i64>, as_they_lie: bool, inverse: bool, counts: bool) -> Result<Outs> {
    let op = match (as_they_lie, dim) {
        (true, _) => "unique_consecutive",
        (false, None) => "_unique2",
        _ => "unique_dim",
    };
    data::needs_values(op, &[input])?;
    if input.dtype().is_complex() {
        return Err(input.dtype().lacks(if as_they_lie || dim.is_none() { "unique" } else { "unique_dim" }));
    }
    let x = input.detach();
    if !as_they_lie && dim.is_none() && x.device().is_cpu() {
        let flat = x.contiguous()?;
        if let Some(found) = cpu::sort::distinct(flat.array(), inverse) {
            let vector = |values: &[i64]| super::composite::vector(values, &flat);
            let mut out = vec![vector(&found.values)?.to_dtype(x.dtype())?];
            if inverse {
                out.push(vector(&found.places)?.view_to(x.shape())?);
            }
            if counts {
                out.push(vector(&found.counts)?);
            }
            return Ok(if out.len() == 1 { Outs::Tensor(out.swap_remove(0)) } else { Outs::Many(out) });
        }
    }
    let dim = dim.map(|d| entries_dim(d, x.shape())).transpose()?;
    // Entries as rows; the flattened tensor as a vector.
    let rows = match dim {
        None => x.reshape(&[x.numel()])?.contiguous()?,
        Some(d) => {
            let n = x.shape()[d];
            let order: Shape = std::iter::once(d).chain((0..x.ndim()).filter(|&i| i != d)).collect();
            x.permute(&order)?.reshape(&[n, x.numel() / n.max(1)])?.contiguous()?
        }
    };
    let n = rows.shape()[0];
    let places = if as_they_lie { super::composite::counted(n, x.device())? } else { lexicographic(&rows)? };
    let values = rows.index_select(0, &places)?;
    // A run begins where an entry differs from the one before it.
    let starts = if n == 0 {
        places.clone()
    } else {
        let differ = values.narrow(0, 1, n - 1)?.ne(&values.narrow(0, 0, n - 1)?)?;
        let differ = if rows.ndim() == 2 {
            differ.to_dtype(DType::I64)?.sum(&[1], false)?.to_dtype(DType::Bool)?
        } else {
            differ
        };
        let first = super::scatter::number(Number::Bool(true), &differ, &[1])?;
        super::nonzero::nonzero("unique", &super::join::cat(&[&first, &differ], 0)?, true)?
    };
    let kept = places.index_select(0, &starts)?;
    let mut out = vec![match dim {
        None => rows.index_select(0, &kept)?,
        Some(d) => {
            // As PyTorch's lies in memory: the dim in front.
            let order: Shape = std::iter::once(d).chain((0..x.ndim()).filter(|&i| i != d)).collect();
            let mut shape: Shape = order.iter().map(|&i| x.shape()[i]).collect();
            let mut back = Shape::zeros(order.len());
            order.iter().enumerate().for_each(|(i, &d)| back[d] = i);
            shape[0] = kept.numel();
            rows.index_select(0, &kept)?.view_to(&shape)?.permute(&back)?
        }
    }];
    if recorded([input].into_iter()) {
        let op = match (as_they_lie, dim) {
            (true, _) => Different { name: "unique_consecutive", grad_name: "UniqueConsecutiveBackward0" },
            (_, Some(_)) => Different { name: "unique_dim", grad_name: "UniqueDimBackward0" },
            _ => Different { name: "_unique2", grad_name: "Unique2Backward0" },
        };
        remember(op, &[input], &out[0])?;
    }
    let count = starts.numel();
    if inverse {
        // The number of the run at each place in order, put where the entry stood.
        let begins = super::scatter::number(Number::Int(0), &places, &[n])?;
        let ones = super::scatter::number(Number::Int(1), &places, &[count])?;
        let of = begins.scatter_set(0, &starts, &ones)?.cumsum(0, false)?.add_number(-1i64)?;
        let of = of.scatter_set(0, &places, &of)?;
        out.push(if dim.is_none() { of.view_to(x.shape())? } else { of });
    }
    if counts {
        let ends = if count == 0 {
            starts.clone()
        } else {
            let end = super::composite::vector(&[n as i64], &starts)?;
            super::join::cat(&[&starts.narrow(0, 1, count - 1)?, &end], 0)?
        };
        out.push(ends.sub(&starts)?);
    }
    Ok(if out.len() == 1 { Outs::Tensor(out.swap_remove(0)) } else { Outs::Many(out) })
}

/// The dim whose entries are compared. Entries without elements have no order.
fn entries_dim(dim: i64, shape: &[usize]) -> Result<usize> {
    if shape.is_empty() {
        bail!(Index, "Dimension specified as {dim} but tensor has no dimensions");
    }
    let d = normalize_dim(dim, shape.len())?;
    match shape.iter().filter(|&&n| n == 0).count() {
        0 => Ok(d),
        1 if shape[d] == 0 => Ok(d),
        1 => bail!(Runtime, "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"),
        _ => bail!(Runtime, "Number of zero sized dimensions is more than one, so unique cannot be applied "),
    }
}

/// The order of rows by their first column, then the second, and so on; of a vector by its elements.
fn lexicographic(rows: &Tensor) -> Result<Tensor> {
    let n = rows.shape()[0];
    let sorted = |column: &Tensor| -> Result<Tensor> {
        let op = Order {
            name: "unique",
            dim: 0,
            descending: false,
            want: Want::Sorted,
            keepdim: true,
            from: [n][..].into(),
        };
        Ok(op.run(column)?.swap_remove(1))
    };
    if rows.ndim() == 1 {
        return sorted(rows);
    }
    if rows.device().is_cpu() && !rows.dtype().is_complex() {
        return apply(Rows, &[rows]);
    }
    let mut places = super::composite::counted(n, rows.device())?;
    for c in (0..rows.shape()[1]).rev() {
        let column = rows.select(1, c)?.index_select(0, &places)?;
        places = places.index_select(0, &sorted(&column)?)?;
    }
    Ok(places)
}

/// The order of rows, as they are compared entry by entry.
struct Rows;

impl Op for Rows {
    fn name(&self) -> &'static str {
        "unique"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(x[0].shape()[..1].into()).with_dtype(DType::I64))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::sort::rows(x[0], &out[0]);
        Ok(())
    }
    fn differentiable(&self) -> bool {
        false
    }
}
