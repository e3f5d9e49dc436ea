//! Sums, means, any and all, variances over any set of dims.

use crate::core::dtype::Category;
use crate::core::shape::{check_dims, normalize_dim, normalize_dims};
use crate::core::{DType, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::compare::ne;
use crate::ops::join::cat;
use crate::tensor::{Args, Context, Cotangents, Grads, Mask, Op, Operand, Saves, Tensor, apply, mode};
use crate::{bail, cpu, err, gpu};

/// What a reduction runs over.
#[derive(Debug, Clone)]
pub struct Over {
    /// Ascending.
    pub dims: Shape,
    pub keepdim: bool,
    /// The input's shape.
    pub from: Shape,
}

impl Over {
    /// `dims` as the user wrote them; none given stands for all.
    pub fn new(x: &Tensor, dims: Option<&[i64]>, keepdim: bool) -> Result<Over> {
        let mut all = match dims {
            None => (0..x.ndim()).collect(),
            Some([]) => {
                check_dims(x.ndim())?;
                (0..x.ndim()).collect()
            }
            Some(d) => normalize_dims(d, x.ndim())?,
        };
        if x.ndim() == 0 {
            all = Shape::new();
        }
        all.sort_unstable();
        Ok(Over { dims: all, keepdim, from: x.shape().into() })
    }

    /// As `new`, over dims that are in range and ascending.
    pub fn of(x: &Tensor, dims: &[usize], keepdim: bool) -> Over {
        Over { dims: dims.into(), keepdim, from: x.shape().into() }
    }

    /// The result's shape.
    pub fn shape(&self) -> Shape {
        let mut out = Shape::new();
        for (d, &n) in self.from.iter().enumerate() {
            match (self.dims.contains(&d), self.keepdim) {
                (false, _) => out.push(n),
                (true, true) => out.push(1),
                (true, false) => {}
            }
        }
        out
    }

    /// Elements per result.
    pub fn count(&self) -> usize {
        self.dims.iter().map(|&d| self.from[d]).product()
    }

    /// A result, or its gradient, repeated to the input's shape.
    pub fn spread(&self, g: &Tensor) -> Result<Tensor> {
        self.kept(g)?.expand_to(&self.from)
    }

    /// A result with its reduced dims put back, of size 1.
    pub fn kept(&self, y: &Tensor) -> Result<Tensor> {
        if self.keepdim || y.ndim() == 0 { Ok(y.clone()) } else { y.unsqueeze_dims(&self.dims) }
    }
}

ops! {
    /// Sum over `dim` (all dims if it is None or empty).
    ///
    /// Integers and bool give int64 unless `dtype` says otherwise; `dtype` casts before adding. float16 and bfloat16
    /// add in float32.
    ///
    ///     >>> torch.sum(torch.tensor([[1., 2.], [3., 4.]]), dim=0)
    ///     tensor([4., 6.])
    sum + out + exact as [
        "sum(Tensor self, *, dtype? dtype=None) -> Tensor; no out",
        "sum(Tensor self, int[1]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>; a) {
            sum(x, Over::new(x, dim, keepdim)?, dtype.or(a.out_dtype()), a.overload as u8)
        },
        samples: [
            "u(2, 3)",
            "u(2, 3), 1",
            "u(2, 3, 4), (0, 2), keepdim=True",
            "u(3, 2).t(), 0",
            "u(4, 6)[:, ::2], -1",
            "u(1, 3).expand(4, 3), 0",
            "u(2, 3), dim=None, keepdim=True",
            "u()",
            "u(), 0",
            "u(0, 3), 0",
            "u(2, 3), 1, dtype=float64",
            "u(12, 40), 0",
            "u(2, 3), 2",
            "u(2, 3), (0, 0)",
        ],
    }
    /// Mean over `dim` (all dims if it is None or empty) of a float tensor; `dtype` casts first.
    ///
    ///     >>> torch.mean(torch.tensor([[1., 2.], [3., 4.]]), dim=1, keepdim=True)
    ///     tensor([[1.5000],
    ///             [3.5000]])
    mean + out as [
        "mean(Tensor self, *, dtype? dtype=None) -> Tensor",
        "mean(Tensor self, int[1]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>; a) {
            let over = Over::new(x, dim, keepdim)?;
            let (which, asked) = if dtype.is_some() { ("Optional", dtype) } else { ("Input", None) };
            let asked = asked.unwrap_or(x.dtype());
            if !asked.is_differentiable() {
                return Err(err!(
                    Runtime,
                    "mean(): could not infer output dtype. {which} dtype must be either a floating point or complex dtype. \
                     Got: {}",
                    asked.scalar_name()
                )
                .hint("x.float().mean(), or mean(dtype=float32)"));
            }
            if asked == DType::C32 {
                return Err(asked.lacks("sum_cpu"));
            }
            apply(Mean { over, form: a.overload as u8 }, &[&x.to_dtype(asked)?])
        },
        samples: [
            "u(2, 3)",
            "u(2, 3), 1",
            "u(2, 3, 4), (0, 2), keepdim=True",
            "u(3, 2).t(), 0",
            "u(2, 3), None",
            "u(0, 3)",
            "ix(3, n=5), dtype=float32",
            "ix(3, n=5)",
            "u(2, 3), dtype=int64",
        ],
    }
    /// Whether any element is not zero, over `dim` (all dims if None).
    ///
    /// uint8 gives uint8, others bool.
    ///
    ///     >>> torch.any(torch.tensor([[False, True], [False, False]]), dim=1)
    ///     tensor([ True, False])
    any + out as [
        "any(Tensor self) -> Tensor",
        "any(Tensor self, int dim, bool keepdim=False) -> Tensor",
        "any(Tensor self, int[1]? dim=None, bool keepdim=False) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, dims = dim: Option<&[i64]>, keepdim: bool; a) {
            truth(x, dim, dims, keepdim, true, a)
        },
        samples: TRUTHS,
    }
    /// Whether no element is zero, over `dim` (all dims if None).
    ///
    /// uint8 gives uint8, others bool.
    ///
    ///     >>> torch.all(torch.tensor([True, False]))
    ///     tensor(False)
    all + out as [
        "all(Tensor self) -> Tensor",
        "all(Tensor self, int dim, bool keepdim=False) -> Tensor",
        "all(Tensor self, int[1]? dim=None, bool keepdim=False) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, dims = dim: Option<&[i64]>, keepdim: bool; a) {
            truth(x, dim, dims, keepdim, false, a)
        },
        samples: TRUTHS,
    }
    /// Variance over `dim` (all dims if it is None or empty): the mean square distance from the mean, with the number
    /// of elements less `correction` (1, or 0 if not `unbiased`) as divisor.
    ///
    ///     >>> torch.var(torch.tensor([1., 2., 3., 4.]), correction=0)
    ///     tensor(1.2500)
    var + out as [
        "var(Tensor self, bool unbiased=True) -> Tensor; no out",
        "var(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
        "var(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            dim: Option<&[i64]>,
            unbiased: Option<bool>,
            correction: Option<f64>,
            keepdim: bool
        ) {
            var(x, dim, correction.unwrap_or(divisor(unbiased)), keepdim, false)
        },
        samples: SPREADS,
    }
    /// Standard deviation: the root of `var`.
    ///
    ///     >>> torch.std(torch.tensor([1., 2., 3., 4.]))
    ///     tensor(1.2910)
    std_ + out as [
        "std(Tensor self, bool unbiased=True) -> Tensor; no out",
        "std(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
        "std(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            dim: Option<&[i64]>,
            unbiased: Option<bool>,
            correction: Option<f64>,
            keepdim: bool
        ) {
            var(x, dim, correction.unwrap_or(divisor(unbiased)), keepdim, true)
        },
        samples: SPREADS,
    }
    /// The product of each element along `dim` with all before it.
    ///
    /// Integers and bool give int64 unless `dtype` says otherwise; `dtype` casts first. The gradient is exact where
    /// elements are 0.
    cumprod + out + inplace + exact as ["cumprod(Tensor self, int dim, *, dtype? dtype=None) -> Tensor"] {
        call(x = self: &Tensor, dim: i64, dtype: Option<DType>; a) {
            let dim = normalize_dim(dim, x.ndim())?;
            if a.inplace && dtype.is_some_and(|d| d != x.dtype()) {
                bail!(Runtime, "Bad in-place call: input tensor dtype and output tensor dtype should match");
            }
            if a.inplace && x.dtype() == DType::Bool && x.ndim() > 0 && x.numel() > 0 {
                return Err(DType::Bool.lacks("cumprod_out_cpu"));
            }
            if a.inplace && x.ndim() > 0 && x.numel() > 0 {
                x.dtype().to_real().usual("cumprod_out_cpu")?;
            }
            let default = if x.dtype().is_integral() && !a.inplace { DType::I64 } else { x.dtype() };
            let dtype = dtype.or(a.out_dtype()).unwrap_or(default);
            if dtype == DType::C32 {
                return Err(dtype.lacks("cumprod_out_cpu"));
            }
            apply(Scan { dim, backwards: false, first: 1.0 }, &[&x.to_dtype(dtype)?])
        },
        samples: [
            "u(4), 0",
            "u(2, 3), 1",
            "u(2, 3, 4), -2",
            "u(3, 2).t(), 0",
            "u(), 0",
            "u(0, 3), 0",
            "edges(2.0, 0.0, 3.0, 0.0, 4.0), 0",
            "u(2, 3), 0, dtype=float64",
            "u(2, 3), 2",
        ],
    }
}

pub(super) fn sum(x: &Tensor, over: Over, dtype: Option<DType>, form: u8) -> Result<Tensor> {
    let default = if x.dtype().is_integral() { DType::I64 } else { x.dtype() };
    let dtype = dtype.unwrap_or(default);
    if dtype == DType::C32 {
        return Err(dtype.lacks("sum_cpu"));
    }
    let direct = match (x.dtype(), dtype) {
        (a, b) if a == b => true,
        (a, DType::F32) => a.is_half(),
        (a, b) => a.is_integral() && b.category() == Category::Int,
    };
    if direct {
        return apply(Sum { over, dtype, from: x.dtype(), form }, &[x]);
    }
    apply(Sum { over, dtype, from: dtype, form }, &[&x.to_dtype(dtype)?])
}

impl Tensor {
    /// Sum over `dims`, ascending.
    pub fn sum(&self, dims: &[usize], keepdim: bool) -> Result<Tensor> {
        sum(self, Over::of(self, dims, keepdim), None, 1)
    }

    /// Sum of all elements.
    pub fn sum_all(&self) -> Result<Tensor> {
        let dims: Shape = (0..self.ndim()).collect();
        sum(self, Over::of(self, &dims, false), None, 0)
    }

    /// Mean over `dims`, ascending, of a float tensor.
    pub fn mean(&self, dims: &[usize], keepdim: bool) -> Result<Tensor> {
        apply(Mean { over: Over::of(self, dims, keepdim), form: 1 }, &[self])
    }

    /// Mean of all elements of a float tensor.
    pub fn mean_all(&self) -> Result<Tensor> {
        let dims: Shape = (0..self.ndim()).collect();
        apply(Mean { over: Over::of(self, &dims, false), form: 0 }, &[self])
    }
}

struct Sum {
    over: Over,
    dtype: DType,
    from: DType,
    form: u8,
}

impl Op for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn complex(&self) -> bool {
        true
    }
    fn grad_name(&self) -> String {
        format!("SumBackward{}", self.form)
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.over.shape()).with_dtype(self.dtype))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::reduce::sum(x[0], &self.over.dims, &out[0])
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::sum("sum", x[0], &self.over.dims, &out[0])
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(self.over.spread(&g.one()?.to_dtype(self.from)?)?)
    }
}

struct Mean {
    over: Over,
    form: u8,
}

impl Op for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }
    fn complex(&self) -> bool {
        true
    }
    fn grad_name(&self) -> String {
        format!("MeanBackward{}", self.form)
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.over.shape()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::reduce::mean(x[0], &self.over.dims, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::mean("mean", x[0], &self.over.dims, &out[0])
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?.div_number(self.over.count() as f64)?;
        Grads::one(self.over.spread(&g)?)
    }
}

/// `any` or `all`, over all dims, one dim, or the dims listed, of which none reduces nothing.
fn truth(x: &Tensor, one: Option<i64>, dims: Option<&[i64]>, keepdim: bool, any: bool, a: &Args) -> Result<Tensor> {
    let over = match (one, dims) {
        (Some(dim), _) => Over::new(x, Some(&[dim]), keepdim)?,
        (None, Some([])) => Over::of(x, &[], keepdim),
        (None, None) if a.overload == 0 => Over::new(x, Some(&[]), keepdim)?,
        (None, dims) => Over::new(x, dims, keepdim)?,
    };
    let op = Truth { over, any };
    if let Some(d) = a.out_dtype().filter(|d| !matches!(d, DType::Bool | DType::U8)) {
        bail!(Runtime, "{} only supports bool tensor for result, got: {}", op.name(), d.scalar_name());
    }
    if x.dtype().is_complex() {
        let zero = Operand::Number(crate::core::Number::Int(0));
        return apply(op, &[&crate::ops::elementwise::map::on(&ne::ROW, [Operand::Tensor(x), zero])?]);
    }
    apply(op, &[x])
}

struct Truth {
    over: Over,
    any: bool,
}

impl Op for Truth {
    fn name(&self) -> &'static str {
        if self.any { "any" } else { "all" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let dtype = if x[0].dtype == DType::U8 { DType::U8 } else { DType::Bool };
        Ok(x[0].contiguous(self.over.shape()).with_dtype(dtype))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let run = if self.any { cpu::reduce::any } else { cpu::reduce::all };
        run(x[0], &self.over.dims, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::truth(self.name(), x[0], &self.over.dims, self.any, &out[0])
    }
    fn differentiable(&self) -> bool {
        false
    }
}

const TRUTHS: &[&str] = &[
    "mask(2, 3)",
    "mask(2, 3), 1",
    "u(2, 3), 0, True",
    "u(2, 3, 4), (0, 2)",
    "u(2, 3), ()",
    "u(0, 3), 0",
    "edges(0.0, NAN)",
    "u()",
];

const SPREADS: &[&str] = &[
    "u(2, 3)",
    "u(2, 3), 1",
    "u(2, 3), 0, False",
    "u(2, 3), False",
    "u(2, 3, 4), (0, 2), keepdim=True",
    "u(3, 2).t(), 0, correction=0",
    "u(2, 3), dim=1, correction=0.5",
    "u(12, 40), 0",
    "ix(3, n=5)",
];

/// What is taken from the number of elements before dividing: 1, or 0 where not `unbiased`.
pub(super) fn divisor(unbiased: Option<bool>) -> f64 {
    if unbiased.unwrap_or(true) { 1.0 } else { 0.0 }
}

pub(super) fn var(x: &Tensor, dim: Option<&[i64]>, correction: f64, keepdim: bool, root: bool) -> Result<Tensor> {
    let name = if root { "std" } else { "var" };
    if x.dtype().is_complex() {
        // Each part's, together.
        let of = |part: Tensor| var(&part, dim, correction, keepdim, false);
        let both = of(x.real()?)?.add(&of(x.imag()?)?)?;
        return if root { both.sqrt() } else { Ok(both) };
    }
    if !x.dtype().is_float() {
        bail!(Runtime, "std and var only support floating point and complex dtypes");
    }
    let over = Over::new(x, dim, keepdim)?;
    if over.count() as f64 <= correction && over.shape().iter().all(|&n| n > 0) {
        mode::warn(&format!(
            "{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input \
             numel divided by output numel)."
        ))?;
    }
    apply(Var { over, correction, root }, &[x])
}

struct Var {
    over: Over,
    correction: f64,
    root: bool,
}

impl Op for Var {
    fn name(&self) -> &'static str {
        if self.root { "std" } else { "var" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.over.shape()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::reduce::var(x[0], &self.over.dims, self.correction, self.root, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::var(self.name(), x[0], &self.over.dims, self.correction, self.root, &out[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        if self.root { Saves::INPUTS.and(Saves::OUTPUT) } else { Saves::INPUTS }
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, mut g) = (c.input(0)?, g.one()?.clone());
        if self.root {
            // d sqrt(v) = dv / (2 sqrt(v)), and 0 where the deviation is 0.
            let y = c.output()?;
            let zero = y.eq(&y.mul_number(0.0)?)?;
            let by = g.div(&y.mul_number(2.0)?)?;
            g = zero.choose(Operand::Number(0.0.into()), Operand::Tensor(&by))?;
        }
        let by = 2.0 / (self.over.count() as f64 - self.correction);
        let apart = x.sub(&x.mean(&self.over.dims, true)?)?;
        Grads::one(self.over.kept(&g)?.mul_number(by)?.mul(&apart)?)
    }
}

/// `y[i] = a[i] y[i - 1] + b[i]` along a dim, from `first` on. Inputs: a, and b if it is not 0. Its gradient is such a
/// recurrence the other way, so that derivatives of any order are.
pub(super) struct Scan {
    pub dim: usize,
    pub backwards: bool,
    pub first: f64,
}

impl Scan {
    /// `x` moved one place on in the order of the scan, `first` coming in.
    pub fn shifted(&self, x: &Tensor, backwards: bool, first: f64) -> Result<Tensor> {
        if x.ndim() == 0 {
            return x.mul_number(0.0)?.add_number(first);
        }
        let n = x.shape()[self.dim];
        if n == 0 {
            return Ok(x.clone());
        }
        let kept = x.narrow(self.dim, if backwards { 1 } else { 0 }, n - 1)?;
        let mut shape: Shape = x.shape().into();
        shape[self.dim] = 1;
        let edge = Tensor::constant(&shape, x.dtype(), x.device(), first)?;
        cat(&if backwards { [&kept, &edge] } else { [&edge, &kept] }, self.dim)
    }
}

impl Op for Scan {
    fn name(&self) -> &'static str {
        "cumprod"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(x[0].shape().into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::scan::scan(x[0], x.get(1).copied(), self.dim, self.backwards, self.first, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::running::scan("cumprod", x[0], x.get(1).copied(), self.dim, self.backwards, self.first, &out[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(0).and(Saves::OUTPUT)
    }
    /// db solves the recurrence of g backwards, with a one place on; da = db times the value that a multiplied.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let onward = self.shifted(&c.input(0)?.conj()?, !self.backwards, 0.0)?;
        let back = Scan { dim: self.dim, backwards: !self.backwards, first: 0.0 };
        let db = apply(back, &[&onward, g.one()?])?;
        Grads::two(c, || db.mul(&self.shifted(&c.output()?.conj()?, self.backwards, self.first)?), || Ok(db.clone()))
    }
}
