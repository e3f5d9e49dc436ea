//! Order along a dim: sort, argsort, msort, topk, kthvalue, median, nanmedian, mode. NaN counts as the largest.

use crate::core::shape::normalize_dim;
use crate::core::{DType, Layout, Meta, Shape};
use crate::cpu::sort::Want;
use crate::device::Array;
use crate::error::Result;
use crate::gpu::order::Pick;
use crate::ops;
use crate::ops::call::show_as;
use crate::ops::index::raised;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, Tensor, apply, apply_many};
use crate::{bail, cpu, gpu};

ops! {
    /// The entries of `dim` in order, and where each stood. Equal ones keep their order, also without `stable`.
    ///
    /// On the GPU it is not implemented.
    ///
    ///     >>> torch.sort(torch.tensor([3., 1., 2.])).values
    ///     tensor([1., 2., 3.])
    sort + out + exact as [
        "sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
        "sort(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
    ] {
        call(x = self: &Tensor, dim: i64, descending: bool) { sorted("sort", x, dim, descending).map(Outs::Many) },
        samples: [
            "uniq(6)",
            "u(2, 5), 0",
            "u(2, 5), -1, True",
            "u(3, 2).t(), 1",
            "edges(1.0, NAN, -0.0, 0.0, INF, -INF, NAN), 0",
            "edges(1.0, NAN, 2.0), 0, True",
            "ix(3, 20, n=4), stable=True",
            "ix(20, n=3), stable=True, descending=True",
            "u(2, 3, 4), dim=1",
            "u()",
            "u(0, 3), 0",
            "u(2, 0)",
            "u(2, 3), 2",
        ],
    }
    /// Where the entries of `dim` stand in order. See `sort`.
    ///
    ///     >>> torch.argsort(torch.tensor([3., 1., 2.]), descending=True)
    ///     tensor([0, 2, 1])
    argsort as [
        "argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor",
        "argsort(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: i64, descending: bool) {
            match sorted("argsort", x, dim, descending)?.pop() {
                Some(places) => Ok(places),
                None => bail!(Runtime, "internal error: argsort without indices"),
            }
        },
        samples: ["uniq(6)", "uniq(2, 5), 0, True", "ix(20, n=3), stable=True", "u()", "u(2, 3), 2"],
    }
    /// `sort` along dim 0, without the indices.
    msort + out + exact as ["msort(Tensor self) -> Tensor"] graph "SortBackward0" {
        call(x = self: &Tensor) { Ok(sorted("msort", x, 0, false)?.swap_remove(0)) },
        samples: ["u(6)", "u(5, 2)", "u()"],
    }
    /// The `k` largest (or smallest) entries of `dim`, and where they stood; in order if `sorted`.
    ///
    ///     >>> torch.topk(torch.tensor([3., 1., 2.]), 2).indices
    ///     tensor([0, 2])
    topk + out + exact as [
        "topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
    ] {
        call(x = self: &Tensor, k: i64, dim: i64, largest: bool, ordered = sorted: bool) {
            let dim = normalize_dim(dim, x.ndim())?;
            if k < 0 || k > x.shape().get(dim).copied().unwrap_or(1) as i64 {
                bail!(Runtime, "selected index k out of range");
            }
            if x.dtype() == DType::Bool {
                bail!(Runtime, "topk does not support bool dtypes on CPU");
            }
            if x.dtype().is_complex() {
                bail!(Runtime, " topk does not support complex dtypes on CPU");
            }
            let op = Order { name: "topk", dim, descending: largest, want: Want::First(k as usize, ordered), keepdim: true, from: x.shape().into() };
            op.run(x).map(Outs::Many)
        },
        samples: [
            "uniq(6), 3",
            "uniq(2, 5), 2, 0",
            "uniq(2, 5), 2, -1, False",
            "uniq(3, 2).t(), 2",
            "uniq(6), 6",
            "uniq(6), 0",
            "u(), 1",
            "u(3), 4",
            "u(3), 1, 1",
        ],
    }
    /// The `k`th smallest entry of `dim`, counted from 1, and where it stood.
    kthvalue + out + exact as ["kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)"] {
        call(x = self: &Tensor, k: i64, dim: i64, keepdim: bool) {
            let dim = normalize_dim(dim, x.ndim())?;
            let n = x.shape().get(dim).copied().unwrap_or(1);
            if n == 0 {
                bail!(Index, "kthvalue(): Expected reduction dim {dim} to have non-zero size.");
            }
            if k < 1 || k > n as i64 {
                bail!(Runtime, "kthvalue(): selected number k out of range for dimension {dim}");
            }
            if x.dtype() == DType::Bool && x.ndim() > 0 {
                return Err(DType::Bool.lacks("kthvalue_cpu"));
            }
            let op = Order { name: "kthvalue", dim, descending: false, want: Want::At(k as usize - 1), keepdim, from: x.shape().into() };
            op.run(x).map(Outs::Many)
        },
        samples: ["uniq(6), 3", "uniq(2, 5), 2, 0", "uniq(2, 5), 5, 1, True", "uniq(3, 2).t(), 1", "u(), 1", "u(3), 4", "u(3), 0", "u(0), 1"],
    }
    /// The middle element (of two the smaller), of all or along `dim` with its place. NaN where there is one.
    median + out + exact as [
        "median(Tensor self) -> Tensor; no out",
        "median(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, keepdim: bool) { middle("median", x, dim, keepdim, Want::Median) },
        samples: ["uniq(6)", "uniq(5)", "edges(1.0, 2.0, 2.0, 3.0)", "uniq(2, 5), 1", "uniq(2, 3, 4), 0, True", "uniq(3, 2).t(), 1", "edges(1.0, NAN, 2.0)", "edges(1.0, NAN, 2.0), 0", "u()",
            "u(), 0", "u(0, 3), 1", "u(0, 3), 0"],
    }
    /// The middle element (of two the smaller) of those that are not NaN, of all or along `dim` with its place.
    nanmedian + out + exact as [
        "nanmedian(Tensor self) -> Tensor; no out",
        "nanmedian(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, keepdim: bool) { middle("nanmedian", x, dim, keepdim, Want::NanMedian) },
        samples: ["uniq(6)", "uniq(2, 5), 1", "edges(1.0, 2.0, 2.0)", "edges(1.0, NAN, 2.0, 3.0)", "edges(1.0, NAN, 2.0), 0", "edges(NAN, NAN)", "uniq(3, 2).t(), 1", "u(0, 3), 0"],
    }
    /// The smallest of the elements of `dim` that occur most often, and where it last stood.
    mode + out + exact as ["mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)"] {
        call(x = self: &Tensor, dim: i64, keepdim: bool) {
            let dim = normalize_dim(dim, x.ndim())?;
            if x.shape().get(dim) == Some(&0) {
                bail!(Index, "mode(): Expected reduction dim {dim} to have non-zero size.");
            }
            let op = Order { name: "mode", dim, descending: false, want: Want::Mode, keepdim, from: x.shape().into() };
            op.run(x).map(Outs::Many)
        },
        samples: ["ix(9, n=3)", "ix(3, 9, n=3)", "ix(3, 9, n=2), 0, True", "edges(1.0, 2.0, 2.0, 1.0, 3.0)", "u()", "u(0), 0"],
    }
}

fn sorted(name: &'static str, x: &Tensor, dim: i64, descending: bool) -> Result<Vec<Tensor>> {
    let dim = normalize_dim(dim, x.ndim())?;
    if x.dtype().is_complex() {
        bail!(Runtime, " Sort does not support complex dtypes on CPU");
    }
    Order { name, dim, descending, want: Want::Sorted, keepdim: true, from: x.shape().into() }.run(x)
}

fn refuse_bool(x: &Tensor, kernel: &str) -> Result<()> {
    if x.dtype() == DType::Bool { Err(DType::Bool.lacks(kernel)) } else { Ok(()) }
}

fn middle(name: &'static str, x: &Tensor, dim: Option<i64>, keepdim: bool, want: Want) -> Result<Outs> {
    let Some(dim) = dim else {
        if x.numel() == 0 {
            // NaN, or what becomes of it as an integer.
            return Tensor::constant(&[], x.dtype(), x.device(), f64::NAN).map(Outs::Tensor);
        }
        refuse_bool(x, "median_cpu")?;
        let flat = x.reshape(&[x.numel()])?;
        let y = apply(Middle { name, want }, &[&flat])?;
        show_as(if want == Want::Median { "MedianBackward0" } else { "NanmedianBackward0" }, &[x], &y)?;
        return Ok(Outs::Tensor(y));
    };
    let dim = normalize_dim(dim, x.ndim())?;
    if x.shape().get(dim) == Some(&0) {
        bail!(Index, "{name}(): Expected reduction dim {dim} to have non-zero size.");
    }
    refuse_bool(x, "median_out")?;
    let outs = Order { name, dim, descending: false, want, keepdim, from: x.shape().into() }.run(x)?;
    show_as(if want == Want::Median { "MedianBackward1" } else { "NanmedianBackward1" }, &[x], &outs[0])?;
    Ok(Outs::Many(outs))
}

/// What is wanted as the GPU picks it from entries in order.
fn pick(want: Want) -> Pick {
    match want {
        Want::Sorted | Want::First(..) => Pick::From(0),
        Want::At(k) => Pick::From(k),
        Want::Median => Pick::Median,
        Want::NanMedian => Pick::NanMedian,
        Want::Mode => Pick::Mode,
    }
}

/// The middle element of a vector. Elements equal to it share the gradient evenly.
struct Middle {
    name: &'static str,
    want: Want,
}

impl Op for Middle {
    fn name(&self) -> &'static str {
        self.name
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(Shape::new()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let value = out[0].with_layout(out[0].layout.unsqueezed(0));
        let place = Array::empty(Meta::new(Layout::contiguous([1][..].into()), DType::I64, x[0].device))?;
        cpu::sort::order(x[0], 0, false, self.want, &value, &place);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let value = out[0].with_layout(out[0].layout.unsqueezed(0));
        let place = Array::empty(Meta::new(Layout::contiguous([1][..].into()), DType::I64, x[0].device))?;
        gpu::order::order(self.name, x[0], 0, false, pick(self.want), &value, &place)
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        8 * x[0].numel()
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::OUTPUT)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, y) = (c.input(0)?, c.output()?);
        // NaN equals NaN here.
        let hit = x.eq(&y)?.logical_or(&x.ne(&x)?.logical_and(&y.ne(&y)?)?)?.to_dtype(x.dtype())?;
        Grads::one(g.one()?.div(&hit.sum_all()?)?.mul(&hit)?)
    }
}

/// Entries along a dim in order, and their places.
pub struct Order {
    pub name: &'static str,
    pub dim: usize,
    pub descending: bool,
    pub want: Want,
    /// Whether the dim stays, of size 1, where one entry is wanted.
    pub keepdim: bool,
    pub from: Shape,
}

impl Order {
    pub fn run(self, x: &Tensor) -> Result<Vec<Tensor>> {
        apply_many(self, &[x])
    }

    fn drops(&self) -> bool {
        !self.keepdim && !self.from.is_empty()
    }
}

impl Op for Order {
    fn name(&self) -> &'static str {
        self.name
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let mut shape = self.from.clone();
        let n = match self.want {
            Want::Sorted => shape.get(self.dim).copied().unwrap_or(1),
            Want::First(k, _) => k,
            _ => 1,
        };
        if let Some(size) = shape.get_mut(self.dim) {
            *size = n;
        }
        if self.drops() {
            shape.remove(self.dim);
        }
        let mut values = x[0].contiguous(shape);
        if self.want == Want::Sorted {
            values.layout = super::copy::Format::Preserve.layout(&x[0].layout)?;
        }
        Ok(vec![values.clone(), values.with_dtype(DType::I64)])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if x[0].numel() == 0 {
            return Ok(());
        }
        let kept = |a: &Array| if self.drops() { a.with_layout(a.layout.unsqueezed(self.dim)) } else { a.clone() };
        cpu::sort::order(x[0], self.dim, self.descending, self.want, &kept(&out[0]), &kept(&out[1]));
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if x[0].numel() == 0 || out[0].numel() == 0 {
            return Ok(());
        }
        let kept = |a: &Array| match self.drops() {
            true => a.with_layout(a.layout.unsqueezed(self.dim)),
            false => raised(a),
        };
        let (values, places) = (kept(&out[0]), kept(&out[1]));
        gpu::order::order(self.name, &raised(x[0]), self.dim, self.descending, pick(self.want), &values, &places)
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        8 * x[0].numel()
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::output_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        if self.from.is_empty() {
            return Grads::one(g.clone());
        }
        let kept = |t: &Tensor| if self.drops() { t.unsqueeze_dims(&[self.dim]) } else { Ok(t.clone()) };
        let (g, places) = (kept(g)?, kept(&c.output_at(1)?)?);
        let room = g.zeros_of(&self.from)?;
        Grads::one(room.scatter_add(self.dim, &places, &g)?)
    }
}
