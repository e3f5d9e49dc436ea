//! Products over dims, running sums, and what is made of neighbours along a dim: prod, cumsum, diff, trapezoid and
//! cumulative_trapezoid.

use super::reduce::{Over, Scan};
use crate::core::shape::{broadcast, list, normalize_dim};
use crate::core::{DType, Layout, Meta, Number, Shape, Strides};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::call::show_as;
use crate::ops::join::cat;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply, data};
use crate::{bail, cpu, gpu};

ops! {
    /// The product of all elements, or of those along `dim`.
    ///
    /// Integers and bool give int64 unless `dtype` says otherwise; `dtype` casts first. The gradient is exact where elements
    /// are 0: the product of the others.
    ///
    ///     >>> torch.prod(torch.tensor([2., 3., 4.]))
    ///     tensor(24.)
    prod + out + exact as [
        "prod(Tensor self, *, dtype? dtype=None) -> Tensor; no out",
        "prod(Tensor self, int dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, keepdim: bool, dtype: Option<DType>; a) {
            let default = if x.dtype().is_integral() { DType::I64 } else { x.dtype() };
            let x = x.to_dtype(dtype.or(a.out_dtype()).unwrap_or(default))?;
            if x.dtype() == DType::C32 || x.dtype().is_limited() {
                return Err(x.dtype().lacks("prod_out_cpu"));
            }
            let Some(dim) = dim else {
                let flat = x.reshape(&[x.numel()])?;
                let y = apply(Product { over: Over::of(&flat, &[0], false) }, &[&flat])?;
                show_as("ProdBackward0", &[&x], &y)?;
                return Ok(y);
            };
            let y = apply(Product { over: Over::new(&x, Some(&[dim]), keepdim)? }, &[&x])?;
            show_as("ProdBackward1", &[&x], &y)?;
            Ok(y)
        },
        samples: [
            "u(2, 3)",
            "u(2, 3), 1",
            "u(2, 3, 4), 0, keepdim=True",
            "u(3, 2).t(), 0",
            "u(4, 6)[:, ::2], -1",
            "edges(2.0, 0.0, 3.0)",
            "edges(2.0, 0.0, 3.0, 0.0), 0",
            "u()",
            "u(), 0",
            "u(0, 3), 0",
            "u(0)",
            "u(12, 40), 0",
            "u(2, 3), 1, dtype=float64",
            "u(2, 3), 2",
        ],
    }
    /// The sum of each element along `dim` and all before it.
    ///
    /// Integers and bool give int64 unless `dtype` says otherwise; `dtype` casts first.
    ///
    ///     >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    ///     tensor([1, 3, 6])
    cumsum + out + inplace + exact as ["cumsum(Tensor self, int dim, *, dtype? dtype=None) -> Tensor"] {
        call(x = self: &Tensor, dim: i64, dtype: Option<DType>; a) {
            let dim = normalize_dim(dim, x.ndim())?;
            if a.inplace && dtype.is_some_and(|d| d != x.dtype()) {
                bail!(Runtime, "Bad in-place call: input tensor dtype and output tensor dtype should match");
            }
            if a.inplace && x.dtype() == DType::Bool && x.ndim() > 0 && x.numel() > 0 {
                return Err(DType::Bool.lacks("cumsum_out_cpu"));
            }
            let default = if !x.dtype().is_integral() || a.inplace { x.dtype() } else { DType::I64 };
            x.to_dtype(dtype.or(a.out_dtype()).unwrap_or(default))?.cumsum(dim, false)
        },
        samples: [
            "u(4), 0",
            "u(2, 3), 1",
            "u(2, 3, 4), -2",
            "u(3, 2).t(), 0",
            "u(), 0",
            "u(0, 3), 0",
            "u(40), 0",
            "mask(5), 0",
            "u(2, 3), 0, dtype=float64",
            "u(2, 3), 2",
        ],
    }
    /// Differences of neighbours along `dim`, `n` times, after `prepend` and `append` were put beside it. Bool gives whether
    /// neighbours differ.
    diff + out as [
        "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor",
    ] {
        call(x = self: &Tensor, n: i64, dim: i64, prepend: Option<&Tensor>, append: Option<&Tensor>) {
            if x.ndim() == 0 {
                bail!(Runtime, "diff expects input to be at least one-dimensional");
            }
            let dim = normalize_dim(dim, x.ndim())?;
            for t in [prepend, append].into_iter().flatten() {
                if t.ndim() != x.ndim() {
                    bail!(Runtime, "diff expects prepend or append to be the same dimension as input");
                }
                if (0..x.ndim()).any(|d| d != dim && t.shape()[d] != x.shape()[d]) {
                    bail!(
                        Runtime,
                        "diff expects the shape of tensor to prepend or append to match that of input except along the \
                         differencing dimension; input.size() = {}, but got tensor.size() = {}",
                        list(x.shape()),
                        list(t.shape())
                    );
                }
            }
            if n < 0 {
                bail!(Runtime, "order must be non-negative but got {n}");
            }
            if n == 0 {
                return x.cloned(crate::ops::copy::Format::Preserve);
            }
            let parts: Vec<&Tensor> = [prepend, Some(x), append].into_iter().flatten().collect();
            let mut y = if parts.len() > 1 { cat(&parts, dim)? } else { x.clone() };
            for _ in 0..n.min(y.shape()[dim] as i64) {
                let len = y.shape()[dim];
                if len == 0 {
                    break;
                }
                let (before, after) = (y.narrow(dim, 0, len - 1)?, y.narrow(dim, 1, len - 1)?);
                y = if y.dtype() == DType::Bool { after.logical_xor(&before)? } else { after.sub(&before)? };
            }
            Ok(y)
        },
        samples: [
            "u(5)",
            "u(2, 4), 2",
            "u(3, 2).t(), 1, 0",
            "u(2, 3), 1, 1, u(2, 1), u(2, 2)",
            "u(3), append=u(1)",
            "u(3), 0",
            "u(3), 5",
            "u(1)",
            "u()",
            "u(2, 3), -1",
            "u(2, 3), 1, 1, u(3, 1)",
        ],
    }
    /// The integral of `y` along `dim` by the trapezoidal rule: at points `x`, or `dx` apart.
    trapezoid as [
        "function.trapezoid(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
        "function.trapezoid(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor",
    ] aliases ["trapz"] {
        call(y: &Tensor, x: Option<&Tensor>, dx: Option<Number>, dim: i64) {
            let dim = normalize_dim(dim, y.ndim())?;
            if y.shape().get(dim) == Some(&0) {
                let shape: Shape = (0..y.ndim()).filter(|&d| d != dim).map(|d| y.shape()[d]).collect();
                return y.zeros_of(&shape);
            }
            areas("trapezoid", y, x, dx, dim)?.sum(&[dim], false)
        },
        samples: [
            "u(4)",
            "u(2, 4), dx=0.5",
            "u(2, 4), u(4)",
            "u(3, 2).t(), u(2, 3), dim=1",
            "u(3, 2), u(3), dim=0",
            "u(1)",
            "u(0)",
            "u(2, 4), u(3)",
            "u()",
        ],
    }
    /// The running integral of `y` along `dim` by the trapezoidal rule: at points `x`, or `dx` apart.
    cumulative_trapezoid as [
        "function.cumulative_trapezoid(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
        "function.cumulative_trapezoid(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor",
    ] {
        call(y: &Tensor, x: Option<&Tensor>, dx: Option<Number>, dim: i64) {
            let dim = normalize_dim(dim, y.ndim())?;
            let part = areas("cumulative_trapezoid", y, x, dx, dim)?;
            let dtype = if part.dtype().is_integral() { DType::I64 } else { part.dtype() };
            part.to_dtype(dtype)?.cumsum(dim, false)
        },
        samples: ["u(4)", "u(2, 4), dx=0.5", "u(2, 4), u(4)", "u(3, 2).t(), u(2, 3), dim=1", "u(1)", "u(2, 4), u(3)"],
    }
}

/// The areas between neighbours along `dim`.
fn areas(name: &str, y: &Tensor, x: Option<&Tensor>, dx: Option<Number>, dim: usize) -> Result<Tensor> {
    if y.ndim() == 0 {
        bail!(Index, "dimension specified as {dim} but tensor has no dimensions");
    }
    let n = y.shape()[dim];
    if n == 0 && x.is_none() {
        return Ok(y.clone());
    }
    let neighbours =
        |t: &Tensor, d: usize| -> Result<(Tensor, Tensor)> { Ok((t.narrow(d, 0, n - 1)?, t.narrow(d, 1, n - 1)?)) };
    if y.dtype() == DType::Bool || x.is_some_and(|x| x.dtype() == DType::Bool) {
        let which = if x.is_some() { "`x` or `y`" } else { "`y`" };
        bail!(Runtime, "{name}: received a bool input for {which}, but bool is not supported");
    }
    let sum = || -> Result<Tensor> {
        let (left, right) = neighbours(y, dim)?;
        left.add(&right)
    };
    let Some(x) = x else {
        let dx = dx.unwrap_or(Number::Int(1));
        if matches!(dx, Number::Bool(_) | Number::Complex(..)) {
            bail!(Runtime, "{name}: Currently, we only support dx as a real number.");
        }
        return sum()?.mul_number(dx.to_f64() / 2.0);
    };
    // Points stand along the last dim, or as a vector along `dim`.
    let x = if x.ndim() == 1 {
        if x.numel() != n {
            bail!(
                Runtime,
                "{name}: There must be one `x` value for each sample point. There are {} `x` values and {n} sample points.",
                x.numel()
            );
        }
        let mut own = Shape::filled(1, y.ndim());
        own[dim] = n;
        x.reshape(&own)?
    } else {
        let mut x = x.clone();
        while x.ndim() < y.ndim() {
            x = x.unsqueeze_dims(&[0])?;
        }
        x
    };
    let points = x.shape()[dim];
    if points != n {
        bail!(
            Runtime,
            "{name}: There must be one `x` value for each sample point. There are {points} `x` values and {n} sample points."
        );
    }
    broadcast(x.shape(), y.shape())?;
    if n == 0 {
        return Ok(y.clone());
    }
    let (from, to) = neighbours(&x, dim)?;
    to.sub(&from)?.mul(&sum()?)?.div_number(2.0)
}

impl Tensor {
    /// Running sums along `dim`, from its end if `backwards`.
    pub fn cumsum(&self, dim: usize, backwards: bool) -> Result<Tensor> {
        apply(Running { dim, backwards }, &[self])
    }
}

/// Running sums along a dim. Their transpose is such sums the other way.
struct Running {
    dim: usize,
    backwards: bool,
}

impl Op for Running {
    fn name(&self) -> &'static str {
        "cumsum"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(x[0].shape().into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::scan::scan(&ones(x[0])?, Some(x[0]), self.dim, self.backwards, 0.0, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::running::scan("cumsum", &ones(x[0])?, Some(x[0]), self.dim, self.backwards, 0.0, &out[0])
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.cumsum(self.dim, !self.backwards)?)
    }
}

/// Ones of the shape and dtype of `x`, one element in memory.
fn ones(x: &Array) -> Result<Array> {
    let one = Array::empty(x.contiguous([1][..].into()))?;
    data::fill(&one, Number::Int(1))?;
    Ok(one.with_layout(Layout { shape: x.layout.shape.clone(), strides: Strides::zeros(x.ndim()), offset: 0 }))
}

/// The product over one dim, or over none of a 0-d tensor.
struct Product {
    over: Over,
}

impl Op for Product {
    fn name(&self) -> &'static str {
        "prod"
    }
    fn complex(&self) -> bool {
        true
    }
    fn grad_name(&self) -> String {
        if self.over.from.len() == 1 && !self.over.keepdim { "ProdBackward0" } else { "ProdBackward1" }.into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.over.shape()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::reduce::prod(x[0], &self.over.dims, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        // The last of the running products.
        let Some(&dim) = self.over.dims.first() else { return data::copy(x[0], &out[0]) };
        let n = x[0].shape()[dim];
        if n == 0 {
            return data::fill(&out[0], Number::Int(1));
        }
        let all = Array::empty(x[0].contiguous(x[0].layout.shape.clone()))?;
        gpu::running::scan("prod", x[0], None, dim, false, 1.0, &all)?;
        let last = all.with_layout(all.layout.sliced(dim, n - 1, 1, 1));
        let to = if self.over.keepdim { out[0].clone() } else { out[0].with_layout(out[0].layout.unsqueezed(dim)) };
        data::copy(&last, &to)
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    /// Each element's derivative is the product of those before it and those after it.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, g) = (c.input(0)?, self.over.kept(g.one()?)?);
        let Some(&dim) = self.over.dims.first() else { return Grads::one(g) };
        let others = |backwards: bool| -> Result<Tensor> {
            let scan = Scan { dim, backwards, first: 1.0 };
            let all = scan.shifted(&x, backwards, 1.0)?;
            apply(scan, &[&all])
        };
        Grads::one(others(false)?.mul(&others(true)?)?.conj()?.mul(&g)?)
    }
}
