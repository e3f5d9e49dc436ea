//! The incomplete gamma functions igamma and igammac.

use crate::core::promote::Promotion;
use crate::core::shape::broadcast;
use crate::core::{DType, Layout, Meta};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply};
use crate::{bail, cpu};

const SAMPLES: &[&str] = &[
    "pos(2, 3), pos(2, 3)",
    "pos(2, 3), pos(3)",
    "pos(3, 2).t(), pos(2, 1)",
    "edges(0.0, 0.0, 1.0, INF, 1.0, INF, NAN, -1.0), edges(0.0, 1.0, 0.0, 1.0, INF, INF, 1.0, 1.0)",
    "edges(0.5, 2.0, 8.0, 30.0, 100.0, 1000.0, 32.0), edges(0.25, 3.0, 2.0, 32.0, 90.0, 1010.0, 64.0)",
    "pos(0, 3), pos(3)",
    "ix(3, n=4), ix(3, n=4)",
];

ops! {
    /// P(self, other): the part of the gamma function's integral that lies below `other`.
    ///
    /// Differentiable in `other` only.
    igamma + out + inplace as ["igamma(Tensor self, Tensor other) -> Tensor"] aliases ["special.gammainc"] {
        call(a = self: &Tensor, x = other: &Tensor) { incomplete(a, x, false) },
        samples: SAMPLES,
    }
    /// Q(self, other) = 1 - P(self, other).
    ///
    /// Differentiable in `other` only.
    igammac + out + inplace as ["igammac(Tensor self, Tensor other) -> Tensor"] aliases ["special.gammaincc"] {
        call(a = self: &Tensor, x = other: &Tensor) { incomplete(a, x, true) },
        samples: SAMPLES,
    }
}

fn incomplete(a: &Tensor, x: &Tensor, upper: bool) -> Result<Tensor> {
    let mut p = Promotion::default();
    p.tensor(a.dtype(), a.ndim());
    p.tensor(x.dtype(), x.ndim());
    let dtype = p.result()?.unwrap_or(DType::F32);
    if !dtype.is_float() {
        return Err(dtype.lacks(if upper { "igammac_cpu" } else { "igamma_cpu" }));
    }
    apply(Incomplete { upper }, &[&a.to_dtype(dtype)?, &x.to_dtype(dtype)?])
}

struct Incomplete {
    upper: bool,
}

impl Op for Incomplete {
    fn name(&self) -> &'static str {
        if self.upper { "igammac" } else { "igamma" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let shape = broadcast(x[0].shape(), x[1].shape())?;
        let layout: Layout = crate::core::layout::elementwise(shape, &[&x[0].layout, &x[1].layout], false);
        Ok(Meta::new(layout, x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::gamma::incomplete(x[0], x[1], &out[0], self.upper);
        Ok(())
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        if c.needs(0) {
            bail!(NotImplemented, "the derivative for '{}: input' is not implemented.", self.name());
        }
        let (a, x) = (c.input(0)?, c.input(1)?);
        let density = x.log()?.mul(&a.add_number(-1)?)?.sub(&x)?.sub(&a.lgamma()?)?.exp()?;
        let density = if self.upper { density.neg()? } else { density };
        Ok(Grads::Inline(2, [None, Some(g.one()?.mul(&density)?.sum_to(x.shape())?), None]))
    }
}
