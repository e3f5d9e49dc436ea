//! Ops that show the elements of a tensor in another shape, order or part, without copying them.
//!
//! Each is a change of layout ([`Op::view`]) whose derivative changes the layout back. By subject:
//! `reshape` (sizes), `order` (dims permuted), `window` (parts), `cut` (parts in other ways, and copies with a part replaced), `diagonal`,
//! `sliding` (windows that overlap), `expand` (repeats).

pub mod cut;
pub mod diagonal;
pub mod expand;
pub mod order;
pub mod reshape;
pub mod sliding;
pub mod window;

use crate::error::Result;
use crate::tensor::door::view_kind;
use crate::tensor::handle::ViewKind;
use crate::tensor::views;
use crate::tensor::{Args, Op, Outs, Tensor, apply};

pub use expand::SumTo;

/// Runs a view op on `x`, or in place gives `x` the layout and the history that the view would have.
fn run<O: Op>(x: &Tensor, a: &Args, op: O) -> Result<Outs> {
    if !a.inplace {
        return apply(op, &[x]).map(Outs::Tensor);
    }
    views::become_view(x, op).map(Outs::Over)
}

/// Marks `parts` as several views made at once, which PyTorch forbids to write to when recorded.
fn as_many(x: &Tensor, parts: Vec<Tensor>) -> Outs {
    for part in &parts {
        part.set_base(x, view_kind(ViewKind::Many));
    }
    Outs::Many(parts)
}

#[cfg(test)]
mod tests;
