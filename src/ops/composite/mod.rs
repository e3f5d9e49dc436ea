//! Ops written with other ops: no kernel and no derivative of their own. By subject: `rearrange` (order and repeats), `stacks`
//! (put together), `grid` (all pairs of entries), `triangle`, `products` (sums of products), `moments` (statistics and
//! distances), `norms`.

pub mod einsum;
pub mod frames;
pub mod functional;
pub mod gamma;
pub mod grid;
pub mod histogram;
pub mod losses;
pub mod margins;
pub mod moments;
pub mod norms;
pub mod pairs;
pub mod pointwise;
pub mod polynomials;
pub mod products;
pub mod quantile;
pub mod rearrange;
pub mod slopes;
pub mod stacks;
pub mod triangle;
pub mod windows;

use crate::core::{DType, Device, Layout, Meta, Number};
use crate::cpu::map::any_zero;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::create::Arange;
use crate::tensor::apply;
use crate::tensor::door::enter;
use crate::tensor::{Arg, Args, OpDef, Operand, Outs, Tensor, data};
use crate::{bail, err};

/// `a - b` as users call it: bools are refused.
pub fn minus(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    called(&crate::ops::elementwise::binary::sub::DEF, &[Arg::Tensor(a), Arg::Tensor(b), Arg::Number(Number::Int(1))])
}

/// Whether a bool tensor has a false element; PyTorch's error on `meta`, where nobody knows.
pub fn any_false(x: &Tensor) -> Result<bool> {
    if x.device().is_meta() {
        return Err(data::no_item());
    }
    Ok(any_zero(&x.on_cpu()?))
}

/// As [`any_false`], of a condition on the values of an argument: on `meta` there are none to refuse.
pub fn refuted(x: &Tensor) -> Result<bool> {
    if x.device().is_meta() { Ok(false) } else { any_false(x) }
}

/// The tensor that another op gives for the arguments of its first schema line.
pub fn called(def: &OpDef, values: &[Arg]) -> Result<Tensor> {
    match (def.call)(&Args { overload: 0, values, inplace: false, out: &[] })? {
        Outs::Tensor(t) => Ok(t),
        _ => bail!(Runtime, "internal error: an op that a composite calls gives no tensor"),
    }
}

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
    let meta = Meta::new(Layout::contiguous([n][..].into()), DType::I64, device);
    apply(Arange { meta, start: Number::Int(0), step: Number::Int(1) }, &[])
}

/// `f` of 0, 1, 2, ... below `n`; refused where memory does not suffice.
pub fn listed(n: i64, f: impl Fn(i64) -> i64) -> Result<Vec<i64>> {
    let mut out = vec![];
    out.try_reserve_exact(n.max(0) as usize).map_err(|_| {
        err!(OutOfMemory, "not enough memory: you tried to allocate {} bytes", 8 * n as u128)
            .hint("the size of the result follows from the arguments")
    })?;
    out.extend((0..n).map(f));
    Ok(out)
}

/// A vector of int64 where `like` lives.
pub fn vector(values: &[i64], like: &Tensor) -> Result<Tensor> {
    enter("tensor", Array::from_slice(&[values.len()], values)?).to_device(like.device())
}
