//! The door: every tensor operation passes through here. Infer, run, record.
//!
//! The generic part is three lines around code that takes `&dyn Op`, so that an op costs little text.

use std::rc::Rc;

use super::data;
use super::handle::{Tensor, ViewKind};
use super::mode;
use super::node::Node;
use super::op::{Mask, Op};
use super::views;
use crate::bail;
use crate::core::shape::{check_numel, list};
use crate::core::{DType, Layout, Meta};
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// Runs an op with one output.
#[inline]
pub fn apply<O: Op>(op: O, x: &[&Tensor]) -> Result<Tensor> {
    let out = result(&op, x)?;
    if recorded(x.iter().copied()) {
        remember(op, x, &out)?;
    }
    Ok(out)
}

/// Whether a result of these tensors may have to be recorded. With [`remember`] the door for ops that find their result
/// in a shorter way than being made.
#[inline]
pub fn recorded<'a>(mut x: impl Iterator<Item = &'a Tensor>) -> bool {
    mode::grad_enabled() && x.any(|t| t.requires_grad())
}

/// Makes `out` the recorded result of `op`, if it can carry a gradient.
#[inline(never)]
pub fn remember<O: Op>(op: O, x: &[&Tensor], out: &Tensor) -> Result<()> {
    if out.dtype().is_float() && op.differentiable() {
        let node = Node::record(op, x, std::slice::from_ref(out), needs(x), 0)?;
        out.set_history(node, 0);
    }
    Ok(())
}

/// Lets `short` write over `target` what nobody records; whether it did.
#[inline]
pub fn overwrite(name: &str, target: &Tensor, short: impl FnOnce() -> bool) -> Result<bool> {
    views::check_writable(name, target)?;
    let done = short();
    if done {
        target.bump_version();
    }
    Ok(done)
}

/// Runs an op with several outputs.
pub fn apply_many<O: Op>(op: O, x: &[&Tensor]) -> Result<Vec<Tensor>> {
    let outs = run_many(&op, x)?;
    let needs = needs(x);
    if needs.0 != 0 && op.differentiable() {
        let node = Node::record(op, x, &outs, needs, 0)?;
        for (i, t) in outs.iter().enumerate().filter(|(_, t)| t.dtype().is_float()) {
            t.set_history(node.clone(), i as u32);
        }
    }
    Ok(outs)
}

/// Runs an op over its first input. The result's shape must be the input's, its dtype castable to it;
/// history, views and versions follow.
pub fn apply_inplace<O: Op>(op: O, x: &[&Tensor]) -> Result<()> {
    let Some((&target, others)) = x.split_first() else {
        bail!(Runtime, "internal error: {} without inputs", op.name())
    };
    let needs = needs(x);
    let record = needs.0 != 0 && op.differentiable();
    views::check_writable(op.name(), target)?;
    let meta = inferred(&op, x)?;
    check_inplace_meta(&op, &meta, target)?;
    others.iter().try_for_each(|t| check_overlap(target, t))?;
    // Backward of the op may read what it is about to overwrite.
    let keeps_old = record && op.saves(needs).input(0);
    let old = if record { views::past(target, keeps_old)? } else { target.clone() };
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
        target.bump_version();
        node.map_or(Ok(()), |node| views::rebase(target, node, 0))
    })
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
    Ok(())
}

/// Copies a finished result into the user's `out=` tensor.
pub fn copy_to_out(name: &str, result: &Tensor, out: &Tensor) -> Result<()> {
    if result.is(out) {
        return Ok(());
    }
    refuse_out_with_grad(name, &[result], &[out])?;
    check_same_device(name, result.meta(), out)?;
    check_castable(result.dtype(), out.dtype())?;
    resize_out(out, result.meta())?;
    data::copy(result.array(), out.array())?;
    out.bump_version();
    Ok(())
}

/// Refuses an `out=` on another device than the result's.
fn check_same_device(name: &str, meta: &Meta, out: &Tensor) -> Result<()> {
    if meta.device == out.device() { Ok(()) } else { Err(apart(name, [meta.device, out.device()])) }
}

/// `out=` cannot be recorded.
pub fn refuse_out_with_grad(name: &str, x: &[&Tensor], out: &[&Tensor]) -> Result<()> {
    if !out.is_empty() && mode::grad_enabled() && x.iter().chain(out).any(|t| t.requires_grad()) {
        return Err(err!(
            Runtime,
            "{name}(): functions with out=... arguments don't support automatic differentiation, but one of the \
             arguments requires grad."
        )
        .hint("drop out=, or run under torch.no_grad()"));
    }
    Ok(())
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
    if meta.numel().checked_add(offset).and_then(|n| n.checked_mul(size)).is_some_and(|n| n <= old.storage.bytes()) {
        // What fits stays in its memory, which others may share.
        let layout = Layout { offset, ..meta.layout.clone() };
        out.set_array(old.with_layout(layout));
        return Ok(());
    }
    if old.storage.is_foreign() {
        bail!(Runtime, "Trying to resize storage that is not resizable");
    }
    out.set_array(Array::empty(Meta::new(meta.layout.clone(), out.dtype(), out.device()))?);
    Ok(())
}

/// PyTorch's `canCast`: floats do not fit integers, nothing but bool fits bool.
pub fn check_castable(from: DType, to: DType) -> Result<()> {
    if (from.is_float() && !to.is_float()) || (from != DType::Bool && to == DType::Bool) {
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

#[cold]
fn overlap() -> Box<crate::error::Error> {
    err!(
        Runtime,
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory \
         location. Please clone() the tensor before performing the operation."
    )
}

/// The inputs that a node would send gradients to.
#[inline]
fn needs(x: &[&Tensor]) -> Mask {
    let mut mask = Mask::default();
    if mode::grad_enabled() {
        for (i, t) in x.iter().enumerate() {
            if t.requires_grad() {
                // Long lists (`cat`) share the last bit.
                mask = mask.with(i.min(63));
            }
        }
    }
    mask
}

/// Calls `f` with the metas of `x`, without allocating for up to four.
#[inline]
fn with_metas<R>(x: &[&Tensor], f: impl FnOnce(&[&Meta]) -> R) -> R {
    match x {
        [] => f(&[]),
        [a] => f(&[a.meta()]),
        [a, b] => f(&[a.meta(), b.meta()]),
        [a, b, c] => f(&[a.meta(), b.meta(), c.meta()]),
        _ => f(&x.iter().map(|t| t.meta()).collect::<Vec<_>>()),
    }
}

/// As [`with_metas`], for arrays.
#[inline]
fn with_arrays<R>(x: &[&Tensor], f: impl FnOnce(&[&Array]) -> R) -> R {
    match x {
        [] => f(&[]),
        [a] => f(&[a.array()]),
        [a, b] => f(&[a.array(), b.array()]),
        [a, b, c] => f(&[a.array(), b.array(), c.array()]),
        _ => f(&x.iter().map(|t| t.array()).collect::<Vec<_>>()),
    }
}

/// The result alone: a view, or computed into fresh memory.
#[inline]
fn result<O: Op>(op: &O, x: &[&Tensor]) -> Result<Tensor> {
    if let Some(&of) = x.first()
        && let Some(layout) = op.view(of.layout())
    {
        let layout = layout?;
        check_numel(&layout.shape)?;
        return Ok(alias(of, of.array().with_layout(layout)));
    }
    run(op, x)
}

#[inline]
fn inferred(op: &dyn Op, x: &[&Tensor]) -> Result<Meta> {
    check_devices(op, x)?;
    with_metas(x, |m| op.infer(m))
}

/// Refuses inputs that do not live together.
#[inline]
fn check_devices(op: &dyn Op, x: &[&Tensor]) -> Result<()> {
    let Some((first, rest)) = x.split_first() else { return Ok(()) };
    match rest.iter().find(|t| t.device() != first.device()) {
        Some(other) if !op.crosses_devices() => Err(apart(op.name(), [first.device(), other.device()])),
        _ => Ok(()),
    }
}

#[cold]
fn apart(op: &str, devices: [crate::core::Device; 2]) -> Box<crate::error::Error> {
    err!(
        Runtime,
        "Expected all tensors to be on the same device, but found at least two devices, {} and {}! ({op})",
        devices[0],
        devices[1]
    )
    .hint("bring them together with .to(device)")
}

fn run(op: &dyn Op, x: &[&Tensor]) -> Result<Tensor> {
    let meta = inferred(op, x)?;
    let out = Array::empty(meta).map_err(|e| e.asked_by(op.name()))?;
    compute(op, x, std::slice::from_ref(&out))?;
    Ok(Tensor::new(out))
}

/// A view of `of` over `array`.
#[inline]
pub fn alias(of: &Tensor, array: Array) -> Tensor {
    let out = Tensor::new(array);
    mark_view(of, &out);
    out
}

/// Notes that `out` is a view of `of`.
#[inline]
pub fn mark_view(of: &Tensor, out: &Tensor) {
    out.set_base(of, if mode::grad_enabled() { ViewKind::Recorded } else { ViewKind::NoGrad });
}

fn run_many(op: &dyn Op, x: &[&Tensor]) -> Result<Vec<Tensor>> {
    check_devices(op, x)?;
    let metas = with_metas(x, |m| op.infer_many(m))?;
    let outs = metas.into_iter().map(Array::empty).collect::<Result<Vec<_>>>().map_err(|e| e.asked_by(op.name()))?;
    compute(op, x, &outs)?;
    Ok(outs.into_iter().map(Tensor::new).collect())
}

/// Runs the kernel, without the GIL where it takes long: then on arrays of its own, since another
/// thread may replace a tensor's meanwhile.
fn compute(op: &dyn Op, x: &[&Tensor], out: &[Array]) -> Result<()> {
    with_arrays(x, |arrays| {
        if out.first().is_some_and(|y| y.device.is_gpu()) {
            return if op.everywhere() { op.cpu(arrays, out) } else { op.gpu(arrays, out) };
        }
        let cost = op.cost(arrays, out);
        if cost < mode::UNLOCK_COST {
            return op.cpu(arrays, out);
        }
        let owned: Vec<Array> = arrays.iter().map(|&a| a.clone()).collect();
        let outs: Vec<Array> = out.to_vec();
        let mut result = Ok(());
        mode::unlocked(cost, &mut || {
            let refs: Vec<&Array> = owned.iter().collect();
            result = op.cpu(&refs, &outs);
        });
        result
    })
}

/// A node for an op that floor 4 itself records (views).
pub(super) fn record<O: Op>(op: O, x: &[&Tensor], out: &Tensor) -> Result<Option<Rc<Node>>> {
    let needs = needs(x);
    if needs.0 == 0 { Ok(None) } else { Node::record(op, x, std::slice::from_ref(out), needs, 0).map(Some) }
}
