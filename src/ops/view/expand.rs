//! Elements repeated without a copy (stride 0), and the sum that is its derivative.

use crate::core::shape::{broadcast, list};
use crate::core::spoken::library;
use crate::core::{Layout, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Op, Tensor, apply};
use crate::{bail, cpu, gpu};

ops! {
    /// Dims of size 1 repeated to `size`, without a copy; -1 keeps a size, and new dims may be put in front.
    ///
    /// Several elements of the result are one in memory: clone before writing to it.
    expand as ["method.expand(Tensor self, int[] size, *, bool implicit=False) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64]) { expanded(x, size) },
        samples: [
            "u(3, 1), (3, 4)",
            "u(3, 1), (2, -1, 4)",
            "u(), (2, 3)",
            "u(1, 3), 0, 3",
            "u(3), (2,)",
            "u(3, 1), (-1, 3, 1)",
            "u(3, 1), (3,)",
        ],
    }
    /// `self.expand(other.size())`.
    expand_as as ["method.expand_as(Tensor self, Tensor other) -> Tensor"] {
        call(x = self: &Tensor, other: &Tensor) {
            let sizes: Vec<i64> = other.shape().iter().map(|&n| n as i64).collect();
            expanded(x, &sizes)
        },
        samples: ["u(3, 1), u(2, 3, 4)", "u(3), u(4)"],
    }
    /// `self.expand(size)`.
    broadcast_to as ["broadcast_to(Tensor self, int[] size) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64]) { expanded(x, size) },
        samples: ["u(3, 1), (2, 3, 4)", "u(3), (2,)"],
    }
}

fn expanded(x: &Tensor, sizes: &[i64]) -> Result<Tensor> {
    if sizes.len() < x.ndim() {
        bail!(
            Runtime,
            "expand({}.{}Tensor{{{}}}, size={}): the number of sizes provided ({}) must be greater or equal to the number of \
             dimensions in the tensor ({})",
            library(),
            x.dtype().scalar_name(),
            list(x.shape()),
            list(sizes),
            sizes.len(),
            x.ndim()
        );
    }
    let to = x.layout().expand(sizes)?.shape;
    apply(Expand { to, from: x.layout().shape.clone() }, &[x])
}

impl Tensor {
    /// Broadcast to `shape`, without a copy.
    pub fn expand_to(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        apply(Expand { to: shape.into(), from: self.layout().shape.clone() }, &[self])
    }

    /// Summed back to a shape that broadcasts to this one.
    pub fn sum_to(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        apply(SumTo { to: shape.into(), from: self.layout().shape.clone() }, &[self])
    }
}

struct Expand {
    to: Shape,
    from: Shape,
}

impl Op for Expand {
    fn name(&self) -> &'static str {
        "expand"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        let sizes: crate::core::shape::Dims<i64> = self.to.iter().map(|&n| n as i64).collect();
        Some(x.expand(&sizes))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.sum_to(&self.from)?)
    }
}

/// The sum over what broadcasting repeated.
pub struct SumTo {
    to: Shape,
    from: Shape,
}

impl SumTo {
    fn repeated(&self) -> Shape {
        let lead = self.from.len() - self.to.len();
        (0..self.from.len()).filter(|&d| d < lead || (self.to[d - lead] == 1 && self.from[d] != 1)).collect()
    }
}

impl Op for SumTo {
    fn name(&self) -> &'static str {
        "sum_to"
    }
    fn complex(&self) -> bool {
        true
    }
    fn grad_name(&self) -> String {
        "SumBackward1".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if broadcast(&self.to, x[0].shape()).ok().as_deref() != Some(x[0].shape()) {
            bail!(Runtime, "internal error: sum_to from {:?} to {:?}", x[0].shape(), self.to);
        }
        Ok(x[0].contiguous(self.to.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::reduce::sum(x[0], &self.repeated(), &out[0])
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::sum("sum", x[0], &self.repeated(), &out[0])
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.expand_to(&self.from)?)
    }
}
