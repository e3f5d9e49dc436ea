//! Running extremes and the running log-sum-exp along a dim: cummax, cummin, logcumsumexp.

use crate::core::shape::normalize_dim;
use crate::core::{DType, Layout, Meta, Number};
use crate::device::Array;
use crate::error::Result;
use crate::ops::elementwise::compare::{gt, lt};
use crate::ops::elementwise::map::on;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Outs, Saves, Tensor, apply, apply_many};
use crate::{cpu, gpu, ops};

const EXTREMES: &[&str] = &[
    "u(5), 0",
    "u(2, 5), 1",
    "u(2, 3, 4), -2",
    "u(3, 2).t(), 0",
    "ix(9, n=3), 0",
    "edges(1.0, NAN, 3.0, INF, NAN), 0",
    "edges(1.0, -0.0, 0.0, -INF), 0",
    "mask(5), 0",
    "u(), 0",
    "u(0, 3), 0",
    "u(2, 0), 1",
    "u(2, 3), 2",
];

ops! {
    /// The largest of each element along `dim` and all before it, and the last place where it stands. NaN is the largest.
    cummax + out + exact as ["cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)"] {
        call(x = self: &Tensor, dim: i64) { extreme(x, dim, true) },
        samples: EXTREMES,
    }
    /// The smallest of each element along `dim` and all before it, and the last place where it stands. NaN is the smallest.
    cummin + out + exact as ["cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)"] {
        call(x = self: &Tensor, dim: i64) { extreme(x, dim, false) },
        samples: EXTREMES,
    }
    /// The logarithm of the sum of the exponentials of each element along `dim` and all before it, without overflow.
    logcumsumexp + out + exact as ["logcumsumexp(Tensor self, int dim) -> Tensor"] {
        call(x = self: &Tensor, dim: i64) {
            let dim = normalize_dim(dim, x.ndim())?;
            if x.dtype().is_integral() {
                return Err(x.dtype().lacks("logcumsumexp_out_cpu"));
            }
            if x.ndim() == 0 {
                return x.cloned(crate::ops::copy::Format::Contiguous);
            }
            apply(Running { dim, backwards: false }, &[x])
        },
        samples: [
            "u(5), 0",
            "u(2, 5), 1",
            "u(2, 3, 4), -2",
            "u(3, 2).t(), 0",
            "edges(1000.0, 1000.0, -INF, 1001.0).detach(), 0",
            "edges(-INF, -INF, 0.0, INF, INF).detach(), 0",
            "edges(1.0, NAN, 2.0).detach(), 0",
            "u(), 0",
            "u(0, 3), 0",
            "u(2, 3), 2",
            "cx(2, 5), 1",
            "cx(3, 2), 0",
        ],
    }
}

fn extreme(x: &Tensor, dim: i64, largest: bool) -> Result<Outs> {
    let dim = normalize_dim(dim, x.ndim())?;
    if (x.dtype().is_limited() || x.dtype().is_complex()) && x.numel() > 0 && x.ndim() > 0 {
        return Err(x.dtype().lacks(if largest { "cummax_cpu" } else { "cummin_cpu" }));
    }
    apply_many(Extreme { dim, largest }, &[x]).map(Outs::Many)
}

struct Extreme {
    dim: usize,
    largest: bool,
}

impl Op for Extreme {
    fn name(&self) -> &'static str {
        if self.largest { "cummax" } else { "cummin" }
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let values = x[0].contiguous(x[0].shape().into());
        Ok(vec![values.clone(), values.with_dtype(DType::I64)])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::running::extreme(x[0], self.dim, self.largest, &out[0], &out[1]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::running::extreme(self.name(), x[0], self.dim, self.largest, &out[0], &out[1])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::output_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        if g.ndim() == 0 {
            return Grads::one(g.clone());
        }
        Grads::one(g.zeros_of(g.shape())?.scatter_add(self.dim, &c.output_at(1)?, g)?)
    }
}

/// `logcumsumexp` of the elements before, or behind, each.
struct Running {
    dim: usize,
    backwards: bool,
}

impl Op for Running {
    fn name(&self) -> &'static str {
        "logcumsumexp"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(Meta::new(Layout::contiguous(x[0].shape().into()), x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::running::logcumsumexp(x[0], self.dim, self.backwards, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if x[0].dtype.is_complex() {
            return Err(x[0].dtype.lacks_on_gpu(self.name()));
        }
        gpu::running::logcumsumexp(x[0], self.dim, self.backwards, &out[0])
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        32 * x[0].numel()
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::OUTPUT)
    }
    /// Each input has, of every result behind it, the gradient times exp(x - y): summed as logarithms, those of positive
    /// gradients apart from those of negative ones.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, y, g) = (c.input(0)?, c.output()?, g.one()?);
        if x.numel() == 0 {
            return Grads::one(g.clone());
        }
        let behind = |logs: &Tensor| -> Result<Tensor> {
            apply(Running { dim: self.dim, backwards: !self.backwards }, &[&logs.sub(&y)?])?.add(&x)?.exp()
        };
        if x.dtype().is_complex() {
            return Grads::one(behind(&g.conj()?.log()?)?.conj()?);
        }
        let zero = Operand::Number(Number::Int(0));
        let size = g.abs()?.log()?;
        // Finite, so that derivatives of this meet no difference of infinities.
        let least = match x.dtype() {
            DType::F16 => -65504.0,
            DType::BF16 | DType::F32 => -3.0e38,
            _ => f64::MIN,
        };
        let least = Operand::Number(Number::Float(least));
        let side = |kept: Tensor| -> Result<Tensor> { behind(&kept.choose(Operand::Tensor(&size), least)?) };
        let up = side(on(&gt::ROW, [Operand::Tensor(g), zero])?)?;
        Grads::one(up.sub(&side(on(&lt::ROW, [Operand::Tensor(g), zero])?)?)?)
    }
}
