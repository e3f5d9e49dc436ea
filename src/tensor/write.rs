//! The door for what is written over tensors that exist: in place, and into the user's `out=`. History, views and versions
//! follow; what would lose elements or gradients is refused before anything is written.

use super::apply::{apart, compute, inferred, needs, needs_recording, result};
use super::data;
use super::def::Written;
use super::door::{Token, note};
use super::handle::Tensor;
use super::mode;
use super::node::Node;
use super::op::Op;
use super::tangent;
use super::views;
use crate::bail;
use crate::core::shape::list;
use crate::core::{DType, Layout, Meta};
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// Lets `short` write over `target` what nobody records, if it can.
#[inline]
pub fn overwrite(name: &'static str, target: &Tensor, short: impl FnOnce() -> bool) -> Result<Option<Written>> {
    views::check_writable(name, target)?;
    if tangent::any([target].into_iter()) || !short() {
        return Ok(None);
    }
    target.bump_version();
    note(name, &[], &[target]);
    Ok(Some(Written(())))
}

/// Runs an op over its first input. The result's shape must be the input's, its dtype castable to it;
/// history, views and versions follow.
pub fn apply_inplace<O: Op>(op: O, x: &[&Tensor]) -> Result<Written> {
    let Some((&target, others)) = x.split_first() else {
        bail!(Runtime, "internal error: {} without inputs", op.name())
    };
    let (needs, name) = (needs(x), op.name());
    let record = needs.0 != 0 && op.differentiable();
    if !op.repeats() {
        views::check_distinct(target)?;
    }
    views::check_history(op.name(), target)?;
    let meta = inferred(&op, x)?;
    check_inplace_meta(&op, &meta, target)?;
    others.iter().try_for_each(|t| check_overlap(target, t))?;
    // Backward of the op may read what it is about to overwrite.
    let keeps_old = record && op.saves(needs).input(0);
    let old = if record { views::past(target, keeps_old)? } else { target.clone() };
    let dual = record && tangent::any(x.iter().copied());
    let recorded = record && (!dual || needs_recording(x).0 != 0);
    // Tangents are found after the write, from what the others were before it.
    let apart = |t: &&Tensor| t.array().storage.same(&target.array().storage);
    let copies = if dual && others.iter().any(apart) {
        others.iter().map(|t| views::past(t, true)).collect::<Result<_>>()?
    } else {
        vec![]
    };
    let copied: Vec<&Tensor> = copies.iter().collect();
    let others = if copied.is_empty() { others } else { &copied[..] };
    let late = dual && op.saves(needs).output(0);
    with_first(&old, others, |inputs| {
        if op.aliases() && meta.dtype == target.dtype() {
            compute(&op, inputs, std::slice::from_ref(target.array()))?;
        } else {
            let fresh = result(&op, inputs)?;
            data::copy(fresh.array(), target.array())?;
        }
        let node = if record {
            let pending = if target.has_own_version() { 0 } else { 1 };
            Some(Node::record(op, inputs, std::slice::from_ref(target), needs, pending)?)
        } else {
            None
        };
        let mut tangents = vec![];
        if let Some(node) = node.as_ref().filter(|_| dual && !late) {
            tangents = tangent::pushed(node, inputs, &[target])?;
        }
        target.bump_version();
        if let Some(node) = node.as_ref().filter(|_| late) {
            tangents = tangent::pushed(node, inputs, &[target])?;
        }
        if let Some(node) = node.as_ref().filter(|_| recorded) {
            views::rebase(target, node.clone(), 0)?;
        }
        let Some(node) = node.filter(|_| dual) else { return Ok(()) };
        tangent::overwritten(target, tangents.pop().flatten())?;
        tangent::follow(&node, &[target]);
        Ok::<(), Box<crate::error::Error>>(())
    })?;
    note(name, &[], &[target]);
    Ok(Written(()))
}

/// Calls `f` with `first` and then `others`, without allocating for up to three.
#[inline]
fn with_first<R>(first: &Tensor, others: &[&Tensor], f: impl FnOnce(&[&Tensor]) -> R) -> R {
    match *others {
        [] => f(&[first]),
        [a] => f(&[first, a]),
        [a, b] => f(&[first, a, b]),
        _ => f(&[&[first], others].concat()),
    }
}

/// Runs an op into tensors of the user (`out=`): resized where their shape is wrong, cast where the dtype allows.
pub fn apply_out<O: Op>(op: O, x: &[&Tensor], out: &Tensor) -> Result<()> {
    refuse_out_with_grad(op.name(), x, &[out])?;
    x.iter().try_for_each(|t| check_overlap(out, t))?;
    let meta = inferred(&op, x)?;
    check_same_device(op.name(), &meta, out)?;
    check_castable(meta.dtype, out.dtype())?;
    resize_out(out, &meta)?;
    let overlaps = x.iter().any(|t| t.array().storage.same(&out.array().storage));
    if meta.dtype == out.dtype() && !overlaps && (out.layout().strides == meta.layout.strides || op.aliases()) {
        compute(&op, x, std::slice::from_ref(out.array()))?;
    } else {
        let fresh = result(&op, x)?;
        data::copy(fresh.array(), out.array())?;
    }
    out.bump_version();
    note(op.name(), x, &[out]);
    Ok(())
}

/// Copies a finished result into the user's `out=` tensor.
pub fn copy_to_out(name: &'static str, result: &Tensor, out: &Tensor) -> Result<()> {
    if result.is(out) {
        return Ok(());
    }
    refuse_out_with_grad(name, &[result], &[out])?;
    check_same_device(name, result.meta(), out)?;
    check_castable(result.dtype(), out.dtype())?;
    resize_out(out, result.meta())?;
    data::copy(result.array(), out.array())?;
    out.bump_version();
    note(name, &[], &[out]);
    Ok(())
}

/// Refuses an `out=` on another device than the result's.
fn check_same_device(name: &str, meta: &Meta, out: &Tensor) -> Result<()> {
    if meta.device == out.device() {
        return Ok(());
    }
    if meta.device.is_meta() || out.device().is_meta() {
        bail!(
            Runtime,
            "Attempting to copy from device {} to device {}, but cross-device copies are not allowed!",
            meta.device,
            out.device()
        );
    }
    Err(apart(name, [meta.device, out.device()]))
}

/// `out=` cannot be recorded.
pub fn refuse_out_with_grad(name: &str, x: &[&Tensor], out: &[&Tensor]) -> Result<()> {
    if !out.is_empty() && tangent::any(x.iter().chain(out).copied()) {
        return Err(err!(
            NotImplemented,
            "Trying to use forward AD with {name}_out that does not support it because it is an out= function"
        )
        .hint("drop out="));
    }
    if !out.is_empty() && mode::recording() && x.iter().chain(out).any(|t| t.requires_grad()) {
        return Err(err!(
            Runtime,
            "{name}(): functions with out=... arguments don't support automatic differentiation, but one of the \
             arguments requires grad."
        )
        .hint("drop out=, or run under torch.no_grad()"));
    }
    out.iter().try_for_each(|t| views::check_mode(t))
}

/// Gives `out` the shape of `meta`, with PyTorch's warning where it had elements of another shape.
pub fn resize_out(out: &Tensor, meta: &Meta) -> Result<()> {
    views::check_distinct(out)?;
    if out.shape() == meta.shape() {
        return Ok(());
    }
    if out.numel() != 0 {
        mode::warn(&format!(
            "An output with one or more elements was resized since it had shape {}, which does not match the required \
             output shape {}. This behavior is deprecated, and in a future PyTorch release outputs will not be resized \
             unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero \
             elements with t.resize_(0).",
            list(out.shape()),
            list(meta.shape())
        ))?;
    }
    let (old, offset) = (out.array(), out.layout().offset);
    let size = out.dtype().size();
    // A result that is a view of something larger is not dense; its copy is.
    let mut layout =
        if meta.layout.is_dense() { meta.layout.clone() } else { Layout::contiguous(meta.layout.shape.clone()) };
    layout.offset = 0;
    if meta.numel().checked_add(offset).and_then(|n| n.checked_mul(size)).is_some_and(|n| n <= old.storage.bytes()) {
        // What fits stays in its memory, which others may share.
        layout.offset = offset;
        out.set_array(old.with_layout(layout), Token(false));
        return Ok(());
    }
    if old.storage.is_foreign() {
        bail!(Runtime, "Trying to resize storage that is not resizable");
    }
    out.set_array(Array::empty(Meta::new(layout, out.dtype(), out.device()))?, Token(false));
    Ok(())
}

/// Gives `t` another array, outside any history: what `resize_` and `set_` do.
pub fn relaid(name: &'static str, t: &Tensor, array: Array) {
    t.set_array(array, Token::here());
    note(name, &[], &[t]);
}

/// PyTorch's `canCast`: floats do not fit integers, nothing but bool fits bool.
pub fn check_castable(from: DType, to: DType) -> Result<()> {
    let (complex, float) = (from.is_complex() && !to.is_complex(), from.is_float() && to.is_integral());
    if complex || float || (from != DType::Bool && to == DType::Bool) {
        return Err(err!(
            Runtime,
            "result type {} can't be cast to the desired output type {}",
            from.scalar_name(),
            to.scalar_name()
        )
        .hint(format!("the result is {}; use the out-of-place form, or convert the target first", from.name())));
    }
    Ok(())
}

fn check_inplace_meta(op: &dyn Op, meta: &Meta, target: &Tensor) -> Result<()> {
    if meta.shape() != target.shape() {
        return Err(err!(
            Runtime,
            "output with shape {} doesn't match the broadcast shape {}",
            list(target.shape()),
            list(meta.shape())
        )
        .hint(format!(
            "{}_ writes over its first tensor and cannot enlarge it; use the out-of-place form",
            op.name()
        )));
    }
    check_castable(meta.dtype, target.dtype())
}

/// Refuses an input that shares some but not all elements with what is written.
fn check_overlap(target: &Tensor, input: &Tensor) -> Result<()> {
    let (a, b) = (target.array(), input.array());
    if !a.storage.same(&b.storage) || a.layout == b.layout {
        return Ok(());
    }
    let apart = a.layout.end() <= b.layout.offset || b.layout.end() <= a.layout.offset;
    if !apart && a.layout.is_dense() && b.layout.is_dense() && a.numel() > 0 && b.numel() > 0 {
        return Err(overlap());
    }
    Ok(())
}

/// Refuses an `out=` over memory that an input reads.
pub fn check_apart(out: &Tensor, input: &Tensor) -> Result<()> {
    let (a, b) = (out.array(), input.array());
    let apart = a.layout.end() <= b.layout.offset || b.layout.end() <= a.layout.offset;
    if out.is(input) || (a.storage.same(&b.storage) && !apart && a.numel() > 0 && b.numel() > 0) {
        return Err(overlap());
    }
    Ok(())
}

/// Refuses to write in place over memory that another argument reads, where that is plain to see: both without gaps, or the
/// same elements.
pub fn check_apart_inplace(target: &Tensor, input: &Tensor) -> Result<()> {
    let same = target.array().storage.same(&input.array().storage) && target.layout() == input.layout();
    if target.is(input) || (same && target.numel() > 0) { Err(overlap()) } else { check_overlap(target, input) }
}

#[cold]
fn overlap() -> Box<crate::error::Error> {
    err!(
        Runtime,
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory \
         location. Please clone() the tensor before performing the operation."
    )
}
