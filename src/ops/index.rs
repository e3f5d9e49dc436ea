//! Elements at given indices along a dim: gather, index_select, embedding; and scatter_add, which is their transpose.

use crate::core::shape::{list, normalize_dim};
use crate::core::{DType, Layout, Meta, Number, Shape, Strides};
use crate::cpu;
use crate::cpu::gather::out_of_range;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::apply_inplace;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, Tensor, apply, data};
use crate::{bail, err, gpu};

ops! {
    /// `out[i][j] = self[index[i][j]][j]` for dim 0, and likewise for others; shaped like `index` (int32 or int64),
    /// which is no larger than `self` in the other dims.
    ///
    ///     >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[1], [0]]))
    ///     tensor([[2],
    ///             [3]])
    gather + out + exact + apart as [
        "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: i64, index: &Tensor) { x.gather(dim, index) },
        samples: [
            "u(3, 4), 0, ix(2, 4, n=3)",
            "u(3, 4), 1, ix(3, 6, n=4)",
            "u(3, 4), -1, ix(2, 2, n=4)",
            "u(4, 3).t(), 0, ix(2, 3, n=3)",
            "u(3, 4), 0, ix(3, 2, n=3).t()",
            "u(), 0, ix(n=1)",
            "u(), 0, ix(1, n=1)",
            "u(3, 4), 0, ix(0, 4, n=3)",
            "u(3, 4), 0, ix(2, n=3)",
            "u(3, 4), 0, ix(1, 5, n=3)",
            "u(3, 4), 0, ix(2, 4, n=3) + 3",
            "u(3, 4), 2, ix(2, 4, n=3)",
            "u(3, 4), 0, u(2, 4)",
        ],
    }
    /// `self` with `src[i][j]` added to element `[index[i][j]][j]` for dim 0, and likewise for others. Indices may
    /// repeat; they are added in order, so the result does not depend on threads.
    ///
    ///     >>> torch.zeros(3).scatter_add(0, torch.tensor([0, 2, 2]), torch.ones(3))
    ///     tensor([1., 0., 2.])
    scatter_add + out + overwrites + exact + apart as [
        "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: i64, index: &Tensor, src: &Tensor; a) {
            let dim = normalize_dim(dim, x.ndim())?;
            let index = indices("scatter_add", index)?;
            if x.dtype() != src.dtype() {
                bail!(Runtime, "scatter(): Expected self.dtype to be equal to src.dtype");
            }
            if index.numel() > 0 {
                same_ndim(x, &index, "self")?;
                same_ndim(src, &index, "src")?;
                let size = |t: &Tensor, d: usize| t.shape().get(d).copied().unwrap_or(1);
                for d in 0..index.ndim() {
                    let n = index.shape()[d];
                    if (d != dim && n > size(x, d)) || n > size(src, d) {
                        bail!(
                            Runtime,
                            "Expected index {} to be no larger than self {} apart from dimension {dim} and to be no larger \
                             size than src {}",
                            list(index.shape()),
                            list(x.shape()),
                            list(src.shape())
                        );
                    }
                }
            }
            if a.inplace {
                return apply_inplace(ScatterAdd { dim }, &[x, &index, src]).map(Outs::Over);
            }
            x.scatter_add(dim, &index, src).map(Outs::Tensor)
        },
        samples: [
            "u(3, 4), 0, ix(2, 4, n=3), u(2, 4)",
            "u(3, 4), 1, ix(3, 6, n=4), u(3, 6)",
            "u(4, 3).t(), 0, ix(2, 3, n=3), u(2, 3)",
            "u(3, 4), 0, ix(3, 4, n=1), u(3, 4)",
            "u(), 0, ix(n=1), u()",
            "u(3, 4), 0, ix(0, 4, n=3), u(2, 4)",
            "u(3, 4), 0, ix(2, n=3), u(2, 4)",
            "u(3, 4), 0, ix(2, 5, n=3), u(2, 5)",
            "u(3, 4), 0, ix(2, 4, n=3) + 3, u(2, 4)",
        ],
    }
    /// The entries of `dim` at `index`, a vector of int32 or int64.
    ///
    ///     >>> torch.index_select(torch.tensor([[1, 2], [3, 4]]), 0, torch.tensor([1, 1]))
    ///     tensor([[3, 4],
    ///             [3, 4]])
    index_select + out + exact + apart as ["index_select(Tensor self, int dim, Tensor index) -> Tensor"] {
        call(x = self: &Tensor, dim: i64, index: &Tensor) {
            let dim = normalize_dim(dim, x.ndim())?;
            if index.ndim() > 1 {
                bail!(Index, "index_select(): Index is supposed to be a vector");
            }
            if !matches!(index.dtype(), DType::I32 | DType::I64) {
                bail!(Runtime, "index_select(): Expected dtype int32 or int64 for index");
            }
            if x.ndim() == 0 && index.numel() != 1 {
                bail!(Runtime, "index_select(): Index to scalar can have only 1 value, got {} value(s)", index.numel());
            }
            x.index_select(dim, &index.detach().to_dtype(DType::I64)?)
        },
        samples: [
            "u(3, 4), 0, ix(5, n=3)",
            "u(3, 4), 1, ix(2, n=4)",
            "u(4, 3).t(), -1, ix(3, n=4)",
            "u(3, 4), 0, ix(n=3)",
            "u(), 0, ix(1, n=1)",
            "u(3, 4), 0, ix(0, n=3)",
            "u(3, 4), 0, ix(2, n=3) + 3",
            "u(3, 4), 0, ix(1, 1, n=3)",
            "u(3, 4), 0, u(2)",
        ],
    }
    /// Rows of `weight` at `indices`. See `nn.functional.embedding`.
    embedding as [
        "function.embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
    ] {
        call(weight: &Tensor, indices: &Tensor, padding_idx: i64, scale_grad_by_freq: bool) { embedding(weight, indices, padding_idx, scale_grad_by_freq) },
        samples: ["u(5, 3), ix(2, 4, n=5)", "u(5, 3), ix(4, n=5), 2"],
    }
    /// Rows of `weight` (num_embeddings, dim) at the indices `input`: shape `input.shape + (dim,)`.
    ///
    /// The row `padding_idx` gets no gradient; `scale_grad_by_freq` divides each row's by how often it was used.
    /// Gradients are dense, also with `sparse`. Raises IndexError for an index out of range.
    ///
    ///     >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.tensor([[1., 2.], [3., 4.]]))
    ///     tensor([[3., 4.],
    ///             [1., 2.]])
    nn_embedding as [
        "nn.embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
    ] {
        call(
            index = input: &Tensor,
            weight: &Tensor,
            padding_idx: Option<i64>,
            max_norm: Option<f64>,
            scale_grad_by_freq: bool
        ) {
            if max_norm.is_some() {
                return Err(err!(NotImplemented, "embedding: max_norm is not supported yet")
                    .hint("renormalise the weight under torch.no_grad() before the call"));
            }
            let padding = match padding_idx {
                None => -1,
                Some(p) => {
                    let rows = weight.shape().first().copied().unwrap_or(0) as i64;
                    if p >= rows || p < -rows {
                        bail!(Assertion, "Padding_idx must be within num_embeddings");
                    }
                    if p < 0 { p + rows } else { p }
                }
            };
            embedding(weight, index, padding, scale_grad_by_freq)
        },
        samples: [
            "ix(2, 4, n=5), u(5, 3)",
            "ix(4, n=5), u(5, 3), 2",
            "ix(4, n=5), u(5, 3), -1",
            "ix(6, n=3), u(5, 3), scale_grad_by_freq=True",
            "ix(n=5), u(5, 3)",
            "ix(0, n=5), u(5, 3)",
            "ix(3, n=5) + 5, u(5, 3)",
            "u(3), u(5, 3)",
            "ix(3, n=5), u(5)",
        ],
    }
}

/// `index` as int64.
pub(super) fn indices(name: &str, index: &Tensor) -> Result<Tensor> {
    match index.dtype() {
        DType::I64 | DType::I32 => index.detach().to_dtype(DType::I64),
        _ => bail!(Runtime, "{name}(): Expected dtype int32/int64 for index"),
    }
}

pub(super) fn same_ndim(x: &Tensor, index: &Tensor, whose: &str) -> Result<()> {
    if x.ndim().max(1) != index.ndim().max(1) {
        bail!(Runtime, "Index tensor must have the same number of dimensions as {whose} tensor");
    }
    Ok(())
}

impl Tensor {
    pub fn gather(&self, dim: i64, index: &Tensor) -> Result<Tensor> {
        let dim = normalize_dim(dim, self.ndim())?;
        let index = indices("gather", index)?;
        if index.numel() > 0 {
            same_ndim(self, &index, "input")?;
            for d in (0..self.ndim()).filter(|&d| d != dim && d < index.ndim()) {
                if index.shape()[d] > self.shape()[d] {
                    bail!(
                        Runtime,
                        "Size does not match at dimension {d} expected index {} to be no larger than self {} apart from \
                         dimension {dim}",
                        list(index.shape()),
                        list(self.shape())
                    );
                }
            }
        }
        self.gather_at(dim, &index)
    }

    /// `gather` with checked arguments: an int64 index that fits.
    fn gather_at(&self, dim: usize, index: &Tensor) -> Result<Tensor> {
        apply(Gather { dim, from: self.shape().into() }, &[self, index])
    }

    /// This tensor with `src` added at `index` (int64, fitting) along `dim`.
    pub fn scatter_add(&self, dim: usize, index: &Tensor, src: &Tensor) -> Result<Tensor> {
        apply(ScatterAdd { dim }, &[self, index, src])
    }

    /// The entries of `dim` at a vector of int64 indices.
    pub fn index_select(&self, dim: usize, index: &Tensor) -> Result<Tensor> {
        apply(IndexSelect { dim, from: self.shape().into() }, &[self, index])
    }
}

/// Zeros of shape `from` with `src` added at `index` along `dim`.
fn place(from: &Shape, dim: usize, index: &Tensor, src: &Tensor) -> Result<Tensor> {
    apply(Place { dim, from: from.clone() }, &[index, src])
}

/// A 0-d array as one of one element.
pub(super) fn raised(x: &Array) -> Array {
    if x.ndim() == 0 { x.with_layout(x.layout.unsqueezed(0)) } else { x.clone() }
}

fn valid(size: usize) -> String {
    if size == 0 { "there is no valid index".into() } else { format!("valid indices are 0 to {}", size - 1) }
}

pub(super) fn check_bounds(index: &Array, dim: usize, size: usize) -> Result<()> {
    match out_of_range(index, size) {
        Some(i) => {
            Err(err!(Runtime, "index {i} is out of bounds for dimension {dim} with size {size}").hint(valid(size)))
        }
        None => Ok(()),
    }
}

struct Gather {
    dim: usize,
    from: Shape,
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn edge_order(&self) -> &'static [usize] {
        &[0]
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if x[1].numel() > 0 {
            x[0].dtype.to_real().usual("scatter_gather_tensor_cpu")?;
        }
        Ok(x[0].contiguous(x[1].shape().into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if out[0].numel() == 0 {
            return Ok(());
        }
        let (from, index) = (raised(x[0]), raised(x[1]));
        check_bounds(&index, self.dim, from.shape()[self.dim])?;
        cpu::gather::gather(&from, self.dim, &index, &raised(&out[0]));
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::gather::gather(self.name(), &raised(x[0]), self.dim, &raised(x[1]), &raised(&out[0]))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(place(&self.from, self.dim, &c.input(1)?, g.one()?)?)
    }
}

/// The transpose of [`Gather`].
struct Place {
    dim: usize,
    from: Shape,
}

impl Op for Place {
    fn name(&self) -> &'static str {
        "scatter_add"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[1].contiguous(self.from.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::copy::fill(&out[0], 0i64.into());
        if x[0].numel() > 0 {
            cpu::gather::scatter_add(&raised(&out[0]), self.dim, &raised(x[0]), &raised(x[1]));
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::fill(&out[0], 0i64.into())?;
        gpu::scatter::add(self.name(), &raised(&out[0]), self.dim, &raised(x[0]), &raised(x[1]))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(0)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::many(vec![None, Some(g.one()?.gather_at(self.dim, &c.input(0)?)?)])
    }
}

struct ScatterAdd {
    dim: usize,
}

impl Op for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if x[1].numel() > 0 {
            x[0].dtype.to_real().usual("scatter_gather_tensor_cpu")?;
        }
        Ok(x[0].contiguous(x[0].shape().into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (index, to) = (raised(x[1]), raised(&out[0]));
        if index.numel() > 0 {
            check_bounds(&index, self.dim, to.shape()[self.dim])?;
        }
        cpu::copy::copy(x[0], &out[0])?;
        if index.numel() > 0 {
            cpu::gather::scatter_add(&to, self.dim, &index, &raised(x[2]));
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::copy(x[0], &out[0])?;
        gpu::scatter::add(self.name(), &raised(&out[0]), self.dim, &raised(x[1]), &raised(x[2]))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(1).and(Saves::META)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::three(
            c,
            || Ok(g.clone()),
            || bail!(Runtime, "scatter_add: an index has no gradient"),
            || of_source(g, self.dim, &c.input(1)?, &c.meta(2)?),
        )
    }
}

/// The gradient of what was written, or added, at `index` along `dim`: that of the places. What the source has beyond the index
/// was not used.
pub(super) fn of_source(g: &Tensor, dim: usize, index: &Tensor, src: &Meta) -> Result<Tensor> {
    // An index without elements may have any rank: no entry of the gradient, then, which is still computed from `g`.
    let part = if index.ndim() == src.ndim() || g.ndim() == 0 { g.gather_at(dim, index)? } else { g.narrow(0, 0, 0)? };
    let more = |d: usize| [0, src.shape()[d] as i64 - part.shape()[d] as i64];
    let pad: Vec<i64> = (0..part.ndim().min(src.ndim())).rev().flat_map(more).collect();
    if pad.iter().all(|&n| n == 0) { Ok(part) } else { super::pad::constant(&part, &pad, Number::Int(0)) }
}

/// A vector of indices over `shape`: its entries along `dim`, repeated along the others.
fn along(index: &Layout, shape: &[usize], dim: usize) -> Layout {
    let mut strides = Strides::zeros(shape.len());
    if let Some(s) = strides.get_mut(dim) {
        *s = index.strides.first().copied().unwrap_or(0);
    }
    Layout { shape: shape.into(), strides, offset: index.offset }
}

struct IndexSelect {
    dim: usize,
    from: Shape,
}

impl Op for IndexSelect {
    fn name(&self) -> &'static str {
        "index_select"
    }
    fn edge_order(&self) -> &'static [usize] {
        &[0]
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if x[0].ndim() == 0 {
            x[0].dtype.to_real().usual("index_select")?;
        }
        let mut shape: Shape = x[0].shape().into();
        if let Some(n) = shape.get_mut(self.dim) {
            *n = x[1].numel();
        }
        Ok(x[0].contiguous(shape))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (from, to) = (raised(x[0]), raised(&out[0]));
        let size = from.shape()[self.dim];
        if let Some(i) = out_of_range(x[1], size) {
            return Err(err!(Index, "index out of range in self").hint(format!(
                "{}: got {i} at dim {} of size {size}; {}",
                self.name(),
                self.dim,
                valid(size)
            )));
        }
        let index = x[1].with_layout(along(&x[1].layout, to.shape(), self.dim));
        cpu::gather::gather(&from, self.dim, &index, &to);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let to = raised(&out[0]);
        let index = x[1].with_layout(along(&x[1].layout, to.shape(), self.dim));
        gpu::gather::gather(self.name(), &raised(x[0]), self.dim, &index, &to)
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (g, index) = (g.one()?, c.input(1)?);
        if g.ndim() == 0 {
            return Grads::one(g.clone());
        }
        let mut row = Shape::zeros(g.ndim());
        row.iter_mut().for_each(|n| *n = 1);
        row[self.dim] = index.numel();
        let over = index.view_to(&row)?.expand_to(g.shape())?;
        Grads::one(place(&self.from, self.dim, &over, g)?)
    }
}

fn embedding(weight: &Tensor, index: &Tensor, padding: i64, by_frequency: bool) -> Result<Tensor> {
    if weight.ndim() != 2 {
        bail!(Runtime, "'weight' must be 2-D");
    }
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        bail!(
            Runtime,
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got \
             torch.{}Tensor instead (while checking arguments for embedding)",
            index.dtype().scalar_name()
        );
    }
    let index = index.detach().to_dtype(DType::I64)?.contiguous()?;
    let op = Embedding { padding, by_frequency, from: weight.shape().into() };
    apply(op, &[weight, &index])
}

struct Embedding {
    /// Negative: none.
    padding: i64,
    by_frequency: bool,
    from: Shape,
}

impl Op for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }
    fn edge_order(&self) -> &'static [usize] {
        &[0]
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let mut shape: Shape = x[1].shape().into();
        shape.push(x[0].shape()[1]);
        Ok(x[0].contiguous(shape))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let size = x[0].shape()[0];
        if let Some(i) = out_of_range(x[1], size) {
            return Err(err!(Index, "index out of range in self").hint(format!("embedding: got {i}; {}", valid(size))));
        }
        let (index, to) = (Embedding::over(x[1], &self.from), Embedding::flat(&out[0], &self.from));
        cpu::gather::gather(x[0], 0, &index, &to);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (index, to) = (Embedding::over(x[1], &self.from), Embedding::flat(&out[0], &self.from));
        gpu::gather::gather(self.name(), x[0], 0, &index, &to)
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (index, width) = (c.input(1)?, self.from[1]);
        let n = index.numel();
        let g = g.one()?.reshape(&[n, width])?;
        let dw = place(&self.from, 0, &index.view_to(&[n, 1])?.expand_to(&[n, width])?, &g)?;
        if self.padding < 0 && !self.by_frequency {
            return Grads::one(dw);
        }
        let dtype = if dw.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let op = Factors { padding: self.padding, by_frequency: self.by_frequency, rows: self.from[0], dtype };
        Grads::one(dw.mul(&apply(op, &[&index])?.to_dtype(dw.dtype())?)?)
    }
}

impl Embedding {
    /// Rows as wide as those of a weight of shape `from`.
    fn flat(a: &Array, from: &Shape) -> Array {
        let shape = [a.numel() / from[1].max(1), from[1]];
        a.with_layout(Layout { offset: a.layout.offset, ..Layout::contiguous(shape[..].into()) })
    }

    /// Contiguous indices, each repeated along its row.
    fn over(index: &Array, from: &Shape) -> Array {
        let shape = [index.numel(), from[1]];
        let mut over = Layout { offset: index.layout.offset, ..Layout::contiguous(shape[..].into()) };
        over.strides[..2].copy_from_slice(&[1, 0]);
        index.with_layout(over)
    }
}

/// What each row's gradient in an embedding's weight is multiplied by, (rows, 1) in float32 or float64, given the indices.
struct Factors {
    padding: i64,
    by_frequency: bool,
    rows: usize,
    dtype: DType,
}

impl Op for Factors {
    fn name(&self) -> &'static str {
        "embedding"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous([self.rows, 1][..].into()).with_dtype(self.dtype))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let mut counts = vec![0u32; self.rows];
        cpu::gather::count(x[0], &mut counts);
        let factor = |(row, &n): (usize, &u32)| match row as i64 == self.padding {
            true => 0.0,
            false if self.by_frequency => 1.0 / n.max(1) as f64,
            false => 1.0,
        };
        let factors: Vec<f64> = counts.iter().enumerate().map(factor).collect();
        data::copy(&Array::from_slice(&[self.rows, 1], &factors)?, &out[0])
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if self.by_frequency {
            let layout = out[0].layout.clone();
            data::copy(&gpu::scatter::rarity(self.name(), x[0], self.rows)?.with_layout(layout), &out[0])?;
        } else {
            data::fill(&out[0], 1i64.into())?;
        }
        if (0..self.rows as i64).contains(&self.padding) {
            let row = out[0].layout.selected(0, self.padding as usize);
            data::fill(&out[0].with_layout(row), 0i64.into())?;
        }
        Ok(())
    }
    fn differentiable(&self) -> bool {
        false
    }
}
