//! Draws from Poisson's distribution, each element with a rate of its own.

use crate::core::{Device, Layout, Meta};
use crate::cpu::random;
use crate::device::{Array, SharedGenerator};
use crate::err;
use crate::error::Result;
use crate::ops;
use crate::ops::create::zeros_like;
use crate::tensor::Tensor;
use crate::tensor::{Context, Cotangents, Grads, Op, apply, data};

ops! {
    /// Numbers of Poisson's distribution, whose rates are the elements of `self`.
    ///
    /// Floats only. Raises RuntimeError for a negative rate. Its gradient is 0.
    poisson as ["function.poisson(Tensor self, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, generator: &SharedGenerator) {
            apply(Poisson { generator: generator.clone() }, &[x])
        },
        samples: ["pos(20)", "pos(5, 4).t() * 20", "edges(0.0, 30.0)", "u(3) - 5", "ix(3, n=3)"],
    }
}

struct Poisson {
    generator: SharedGenerator,
}

impl Op for Poisson {
    fn name(&self) -> &'static str {
        "poisson"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if !x[0].dtype.is_float() {
            return Err(x[0].dtype.lacks("poisson_cpu"));
        }
        Ok(Meta::new(crate::core::layout::preserved(&x[0].layout), x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if !random::poisson(&out[0], x[0], &mut self.generator.lock()) {
            return Err(err!(Runtime, "invalid Poisson rate, expected rate to be non-negative")
                .hint("poisson: every element of the input must be 0 or more"));
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        // Rates decide how much is drawn, which happens on the CPU.
        let drawn = Array::empty(Meta::new(Layout::contiguous(out[0].shape().into()), out[0].dtype, Device::CPU))?;
        self.cpu(&[&data::moved(x[0], Device::CPU)?], std::slice::from_ref(&drawn))?;
        data::copy(&drawn, &out[0])
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(zeros_like(g.one()?)?)
    }
}
