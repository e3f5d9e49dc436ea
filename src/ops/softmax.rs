//! Softmax and log_softmax along a dim.

use super::reduce::Over;
use crate::core::shape::normalize_dim;
use crate::core::{DType, Meta};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply, mode};
use crate::{cpu, gpu};

const SAMPLES: &[&str] = &[
    "u(2, 3), 1",
    "u(2, 3), 0",
    "u(2, 3, 4), -2",
    "u(3, 2).t(), 0",
    "u(4, 6)[:, ::2], 1",
    "u(5, 70), 1",
    "u(), 0",
    "u(0, 3), 1",
    "u(2, 3), 0, dtype=float64",
    "edges(0.0, -INF, 1.0), 0",
    "u(2, 3), 2",
];

ops! {
    /// exp(x) divided by its sum along `dim`; `dtype` casts first.
    ///
    /// The largest element is subtracted before the exponential, so nothing overflows. A row of -inf gives NaN.
    ///
    ///     >>> torch.nn.functional.softmax(torch.tensor([0., 0.]), dim=0)
    ///     tensor([0.5000, 0.5000])
    softmax + out + exact as [
        "softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor",
        "nn.softmax(Tensor input, int? dim=None, int _stacklevel=3, dtype? dtype=None) -> Tensor",
        "special.softmax(Tensor input, int dim, dtype? dtype=None) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, dtype: Option<DType>) { called(x, dim, dtype, false) },
        samples: SAMPLES,
    }
    /// The logarithm of softmax along `dim`, without its rounding; `dtype` casts first.
    ///
    ///     >>> torch.nn.functional.log_softmax(torch.tensor([0., 0.]), dim=0)
    ///     tensor([-0.6931, -0.6931])
    log_softmax + out + exact as [
        "log_softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor",
        "nn.log_softmax(Tensor input, int? dim=None, int _stacklevel=3, dtype? dtype=None) -> Tensor",
        "special.log_softmax(Tensor input, int dim, *, dtype? dtype=None) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, dtype: Option<DType>) { called(x, dim, dtype, true) },
        samples: SAMPLES,
    }
}

fn called(x: &Tensor, dim: Option<i64>, dtype: Option<DType>, log: bool) -> Result<Tensor> {
    let dim = match dim {
        Some(d) => d,
        None => {
            let name = if log { "log_softmax" } else { "softmax" };
            mode::warn(&format!(
                "Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
            ))?;
            if matches!(x.ndim(), 0 | 1 | 3) { 0 } else { 1 }
        }
    };
    softmax(&x.to_dtype(dtype.unwrap_or(x.dtype()))?, dim, log)
}

fn softmax(x: &Tensor, dim: i64, log: bool) -> Result<Tensor> {
    apply(Softmax { dim: normalize_dim(dim, x.ndim())?, log }, &[x])
}

impl Tensor {
    pub fn softmax(&self, dim: i64) -> Result<Tensor> {
        softmax(self, dim, false)
    }

    pub fn log_softmax(&self, dim: i64) -> Result<Tensor> {
        softmax(self, dim, true)
    }
}

struct Softmax {
    dim: usize,
    log: bool,
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if !x[0].dtype.is_float() && x[0].numel() > 0 {
            let last = if self.dim + 1 >= x[0].ndim() { "_lastdim" } else { "" };
            return Err(x[0].dtype.lacks(&format!("{}{last}_kernel_impl", self.name())));
        }
        Ok(x[0].contiguous(x[0].shape().into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::softmax::forward(x[0], self.dim, self.log, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::softmax::forward(self.name(), x[0], self.dim, self.log, &out[0])
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        8 * x[0].numel()
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::OUTPUT
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(Backward { dim: self.dim, log: self.log }, &[g.one()?, &c.output()?])?)
    }
}

/// The gradient of the input from that of the output and the output, in one kernel.
struct Backward {
    dim: usize,
    log: bool,
}

impl Op for Backward {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax_backward" } else { "softmax_backward" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[1].contiguous(x[1].shape().into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::softmax::backward(x[0], x[1], self.dim, self.log, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::softmax::backward(self.name(), x[0], x[1], self.dim, self.log, &out[0])
    }
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        let (g, y) = (x[0], x[1]);
        let dims: &[usize] = if y.ndim() == 0 { &[] } else { &[self.dim] };
        let sum = |t: &Tensor| -> Result<Tensor> {
            let over = Over::of(t, dims, true);
            over.spread(&t.sum(dims, true)?)
        };
        let dx = || {
            if self.log { g.sub(&y.exp()?.mul(&sum(g)?)?) } else { y.mul(&g.sub(&sum(&g.mul(y)?)?)?) }
        };
        Some(dx().map(|dx| vec![dx]))
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        if self.log { 8 * x[0].numel() } else { 2 * x[0].numel() }
    }
    fn differentiable(&self) -> bool {
        false
    }
}
