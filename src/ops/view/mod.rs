//! Ops that show the elements of a tensor in another shape, order or part, without copying them.
//!
//! Each is a change of layout ([`Op::view`]) whose derivative changes the layout back. By subject:
//! `reshape` (sizes), `order` (dims permuted), `window` (parts), `expand` (repeats).

mod expand;
mod order;
mod reshape;
mod window;

use std::slice::from_ref;

use crate::err;
use crate::error::Result;
use crate::tensor::handle::ViewKind;
use crate::tensor::node::Node;
use crate::tensor::views;
use crate::tensor::{Args, Mask, Op, OpDef, Outs, Tensor, apply, mode};

pub use expand::SumTo;

/// The rows of this family.
pub const ROWS: &[&OpDef] = &[
    &reshape::VIEW,
    &reshape::VIEW_AS,
    &reshape::RESHAPE,
    &reshape::RESHAPE_AS,
    &reshape::FLATTEN,
    &reshape::UNFLATTEN,
    &reshape::RAVEL,
    &reshape::SQUEEZE,
    &reshape::UNSQUEEZE,
    &order::PERMUTE,
    &order::TRANSPOSE,
    &order::SWAPAXES,
    &order::T,
    &order::ADJOINT,
    &order::MOVEDIM,
    &expand::EXPAND,
    &expand::EXPAND_AS,
    &expand::BROADCAST_TO,
    &window::SELECT,
    &window::NARROW,
    &window::UNBIND,
    &window::SPLIT,
    &window::SPLIT_WITH_SIZES,
    &window::CHUNK,
    &window::AS_STRIDED,
];

/// Runs a view op, or in place gives argument 0 the layout and the history that the view would have.
fn run<O: Op>(a: &Args, op: O) -> Result<Outs> {
    let x = a.t(0)?;
    if !a.inplace {
        return Outs::one(apply(op, &[x]));
    }
    let Some(layout) = op.view(x.layout()) else { return Ok(Outs::This) };
    let array = x.array().with_layout(layout?);
    let record = mode::grad_enabled() && x.requires_grad();
    if record {
        let viewed = x.base().is_some_and(|b| b.is_leaf());
        if x.is_leaf() || viewed {
            let what = if viewed { "a view of a leaf" } else { "a leaf" };
            return Err(err!(Runtime, "{what} Variable that requires grad is being used in an in-place operation.")
                .hint(format!("{0}_: use {0}, which makes a new tensor", op.name())));
        }
    }
    let old = if record { Some(views::past(x, false)?) } else { None };
    x.set_array(array);
    x.bump_version();
    if let Some(old) = old {
        if x.is_view() {
            // The history of a view is that of its root, seen through the new layout.
            views::rebuild(x)?;
        } else {
            // As in PyTorch, `retain_grad()` stays with the shape that it was asked for.
            x.set_history(Node::record(op, &[&old], from_ref(x), Mask(1), 0)?, 0);
        }
    }
    Ok(Outs::This)
}

/// Marks `parts` as several views made at once, which PyTorch forbids to write to when recorded.
fn as_many(x: &Tensor, parts: Vec<Tensor>) -> Outs {
    for part in &parts {
        let kind = if mode::grad_enabled() { ViewKind::Many } else { ViewKind::NoGrad };
        part.set_base(x, kind);
    }
    Outs::Many(parts)
}

#[cfg(test)]
mod tests;
