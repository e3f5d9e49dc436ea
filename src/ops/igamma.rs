//! The regularised incomplete gamma functions.

use crate::core::Meta;
use crate::core::layout::elementwise;
use crate::core::shape::broadcast;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::map::promoted;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply};
use crate::{bail, cpu};

const SAMPLES: &[&str] = &[
    "pos(2, 3).detach(), pos(2, 3)",
    "pos(3, 2).t().detach(), pos(3)",
    "pos(3).detach() * 30, pos(3) * 30",
    "edges(-1.0, 0.0, 0.0, 2.0, 2.0, INF, 2.0, INF, NAN).detach(), edges(1.0, 0.0, 1.0, 0.0, -1.0, 1.0, INF, INF, 1.0).detach()",
    "pos(3).detach(), pos(2).detach()",
    "ix(3, n=3), ix(3, n=3)",
];

ops! {
    /// The regularised lower incomplete gamma function of parameter `self`: the integral of t^(self - 1) e^-t from 0 to `other`,
    /// divided by that to infinity.
    ///
    /// Floats only. Gradient: of `other` only.
    igamma + out + inplace as ["igamma(Tensor self, Tensor other) -> Tensor"] aliases ["special.gammainc"] {
        call(a = self: &Tensor, x = other: &Tensor) { incomplete(a, x, false) },
        samples: SAMPLES,
    }
    /// 1 - `igamma`, exact where that is small.
    igammac + out + inplace as ["igammac(Tensor self, Tensor other) -> Tensor"] aliases ["special.gammaincc"] {
        call(a = self: &Tensor, x = other: &Tensor) { incomplete(a, x, true) },
        samples: SAMPLES,
    }
}

fn incomplete(a: &Tensor, x: &Tensor, upper: bool) -> Result<Tensor> {
    let dtype = promoted(&[a, x])?;
    let shape = broadcast(a.shape(), x.shape())?;
    if !dtype.is_float() {
        return Err(dtype.lacks(if upper { "igammac_cpu" } else { "igamma_cpu" }));
    }
    let (a, x) = (a.to_dtype(dtype)?, x.to_dtype(dtype)?);
    apply(Incomplete { upper }, &[&a.expand_to(&shape)?, &x.expand_to(&shape)?])
}

struct Incomplete {
    upper: bool,
}

impl Op for Incomplete {
    fn name(&self) -> &'static str {
        if self.upper { "igammac" } else { "igamma" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(Meta::new(elementwise(x[0].shape().into(), &[&x[0].layout, &x[1].layout], false), x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::igamma::igamma(x[0], x[1], self.upper, &out[0]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        256 * x[0].numel()
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        if c.needs(0) {
            bail!(NotImplemented, "the derivative for '{}: input' is not implemented.", self.name());
        }
        let (a, x) = (c.input(0)?, c.input(1)?);
        let slope = a.add_number(-1i64)?.mul(&x.log()?)?.sub(&x)?.sub(&a.lgamma()?)?.exp()?;
        let slope = if self.upper { slope.neg()? } else { slope };
        Grads::two(c, || bail!(Runtime, "internal error: no derivative"), || g.one()?.mul(&slope))
    }
}
