//! Ops written with other ops: no kernel and no derivative of their own. By subject: `rearrange` (order and repeats), `stacks`
//! (put together), `grid` (all pairs of entries), `triangle`, `products` (sums of products), `moments` (statistics and
//! distances), `norms`.

pub mod einsum;
pub mod grid;
pub mod moments;
pub mod norms;
pub mod products;
pub mod rearrange;
pub mod stacks;
pub mod triangle;

use crate::core::{DType, Device, Layout, Meta, Number};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Operand, Tensor};
use crate::{bail, cpu, gpu};

ops! {
    /// `other / self`: `self.reciprocal() * other`, rounded twice, as PyTorch does.
    rdiv as ["method.__rdiv__(Tensor self, Operand other) -> Tensor; __rtruediv__"] {
        call(x = self: &Tensor, other: Operand) {
            match other {
                Operand::Tensor(t) => x.reciprocal()?.mul(t),
                Operand::Number(n) => x.reciprocal()?.mul_number(n),
            }
        },
        samples: ["nz(2, 3), 2", "nz(2, 3), 0.5", "nz(2, 3), u(3)"],
    }
    /// `self` itself; bool is refused.
    positive as ["positive(Tensor self) -> Tensor; __pos__"] {
        call(x = self: &Tensor) {
            if x.dtype() == DType::Bool {
                bail!(Runtime, "The `+` operator, on a bool tensor is not supported.");
            }
            Ok(x.clone())
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "mask(2)"],
    }
}

/// 0, 1, 2, ... in int64.
pub fn counted(n: usize, device: Device) -> Result<Tensor> {
    let out = Array::empty(Meta::new(Layout::contiguous([n][..].into()), DType::I64, device))?;
    if device.is_gpu() {
        gpu::create::arange(&out, Number::Int(0), Number::Int(1))?;
    } else {
        cpu::create::arange(&out, Number::Int(0), Number::Int(1));
    }
    Ok(Tensor::new(out))
}

/// A vector of int64 where `like` lives.
pub fn vector(values: &[i64], like: &Tensor) -> Result<Tensor> {
    Tensor::new(Array::from_slice(&[values.len()], values)?).to_device(like.device())
}
