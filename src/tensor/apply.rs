//! The door: every tensor operation passes through here. Infer, run, record.
//!
//! The generic part is three lines around code that takes `&dyn Op`, so that an op costs little text.

use std::rc::Rc;

use super::door::{Door, Token, mark_view, note, note_many, view, view_as};
use super::handle::Tensor;
use super::mode;
use super::node::Node;
use super::op::{Mask, Op};
use super::{replay, tangent};
use crate::core::shape::check_numel;
use crate::core::{DType, Meta};
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// Runs an op with one output.
#[inline]
pub fn apply<O: Op>(op: O, x: &[&Tensor]) -> Result<Tensor> {
    let records = recorded(x.iter().copied());
    if records && let Some(outs) = op.composed(x) {
        return outs?.pop().ok_or_else(|| err!(Runtime, "internal error: {} is composed of nothing", op.name()));
    }
    let (name, out) = (op.name(), result(&op, x)?);
    let taken = replay::taken();
    if records {
        remember(op, x, &out)?;
    }
    if !taken {
        note(name, x, &[&out]);
    }
    Ok(out)
}

/// Whether a result of these tensors may have to be recorded. With [`remember`] the door for ops that find their result
/// in a shorter way than being made.
#[inline]
pub fn recorded<'a>(x: impl Iterator<Item = &'a Tensor>) -> bool {
    Door::here().records(x)
}

/// Makes `out` the recorded result of `op`, if it can carry a gradient.
#[inline(never)]
pub fn remember<O: Op>(op: O, x: &[&Tensor], out: &Tensor) -> Result<()> {
    // A view of a tensor of inference mode is one as well.
    if !out.is_inference() && out.dtype().is_differentiable() && op.differentiable() {
        if mode::bits() & mode::DUAL != 0 {
            return remember_dual(op, x, out);
        }
        let node = Node::record(op, x, std::slice::from_ref(out), needs(x), 0)?;
        out.set_history(node, 0);
    }
    Ok(())
}

/// As [`remember`], in forward mode: the result carries a tangent, or is recorded, or both.
#[inline(never)]
fn remember_dual<O: Op>(op: O, x: &[&Tensor], out: &Tensor) -> Result<()> {
    let mut dual = tangent::any(x.iter().copied());
    if dual
        && let &[of] = x
        && of.array().storage.same(&out.array().storage)
    {
        dual = !tangent::viewed(&op, of, out)?;
    }
    let records = needs_recording(x).0 != 0;
    if records || dual {
        let node = Node::record(op, x, std::slice::from_ref(out), needs(x), 0)?;
        if records {
            out.set_history(node.clone(), 0);
        }
        if dual {
            tangent::push(&node, x, &[out])?;
        }
    }
    Ok(())
}

/// Runs an op with several outputs.
pub fn apply_many<O: Op>(op: O, x: &[&Tensor]) -> Result<Vec<Tensor>> {
    let needs = needs(x);
    if needs.0 != 0
        && let Some(outs) = op.composed(x)
    {
        return outs;
    }
    let (name, outs) = (op.name(), run_many(&op, x)?);
    if needs.0 != 0 && op.differentiable() {
        let node = Node::record(op, x, &outs, needs, 0)?;
        let dual = tangent::any(x.iter().copied());
        if !dual || needs_recording(x).0 != 0 {
            for (i, t) in outs.iter().enumerate().filter(|(_, t)| t.dtype().is_differentiable()) {
                t.set_history(node.clone(), i as u32);
            }
        }
        if dual {
            tangent::push(&node, x, &outs.iter().collect::<Vec<_>>())?;
        }
    }
    note_many(name, x, &outs);
    Ok(outs)
}

/// Runs a view op whose array is not its input's under another layout: the same bytes as another dtype. Carries no gradient.
pub fn apply_view(name: &'static str, of: &Tensor, array: Array) -> Tensor {
    let out = Tensor::new(array, Token(of.is_inference()));
    mark_view(of, &out);
    note(name, &[of], &[&out]);
    out
}

/// The inputs that a node would send gradients to, those that carry tangents included.
#[inline]
pub(super) fn needs(x: &[&Tensor]) -> Mask {
    let bits = mode::bits();
    if bits & mode::INFERENCE != 0 || bits & (mode::GRAD | mode::DUAL) == 0 {
        return Mask::default();
    }
    let door = Door::here();
    those(x, |t| door.differentiates(t))
}

/// The inputs that a recorded node sends gradients to.
#[inline]
pub(super) fn needs_recording(x: &[&Tensor]) -> Mask {
    if mode::recording() { those(x, |t| t.requires_grad()) } else { Mask::default() }
}

#[inline]
fn those(x: &[&Tensor], wanted: impl Fn(&Tensor) -> bool) -> Mask {
    let mut mask = Mask::default();
    for (i, t) in x.iter().enumerate() {
        if wanted(t) {
            // Long lists (`cat`) share the last bit.
            mask = mask.with(i.min(63));
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
pub(super) fn result<O: Op>(op: &O, x: &[&Tensor]) -> Result<Tensor> {
    if let Some(&of) = x.first()
        && let Some(layout) = op.view(of.layout())
    {
        let layout = layout?;
        check_numel(&layout.shape)?;
        let dtype = op.view_dtype(of.dtype());
        if dtype != of.dtype() {
            return Ok(view_as(of, layout, dtype, Token(false)));
        }
        return Ok(view(of, layout, Token(false)));
    }
    run(op, x)
}

#[inline]
pub(super) fn inferred(op: &dyn Op, x: &[&Tensor]) -> Result<Meta> {
    check_inputs(op, x)?;
    with_metas(x, |m| op.infer(m))
}

/// Refuses inputs that do not live together, or are complex where the op computes real numbers only.
#[inline]
fn check_inputs(op: &dyn Op, x: &[&Tensor]) -> Result<()> {
    let Some((first, rest)) = x.split_first() else { return Ok(()) };
    if x.iter().any(|t| t.dtype().is_complex()) && !op.complex() {
        return Err(no_complex(op, x));
    }
    match rest.iter().find(|t| t.device() != first.device()) {
        Some(other) if !op.crosses_devices() => Err(apart(op.name(), [first.device(), other.device()])),
        _ => Ok(()),
    }
}

#[cold]
fn no_complex(op: &dyn Op, x: &[&Tensor]) -> Box<crate::error::Error> {
    let dtype = x.iter().map(|t| t.dtype()).find(|d| d.is_complex()).unwrap_or(DType::C64);
    // PyTorch names its kernels, some of which have other names than their ops.
    let kernel = match op.name() {
        "kthvalue" => "kthvalue_cpu",
        "median" | "nanmedian" => "median_cpu",
        "mode" => "mode_cpu",
        "amax" => "max_values_cpu",
        "amin" => "min_values_cpu",
        "max" => "max_all",
        "min" => "min_all",
        "softmax" => "softmax_lastdim_kernel_impl",
        "log_softmax" => "log_softmax_lastdim_kernel_impl",
        "searchsorted" | "bucketize" => "searchsorted_out_cpu",
        name => name,
    };
    err!(NotImplemented, "\"{kernel}\" not implemented for '{}'", dtype.scalar_name())
        .hint("rustgrad does not compute this op on complex numbers yet")
}

#[cold]
pub(super) fn apart(op: &str, devices: [crate::core::Device; 2]) -> Box<crate::error::Error> {
    if devices.iter().any(|d| d.is_meta()) {
        return err!(Runtime, "Tensor on device {} is not on the expected device {}!", devices[1], devices[0])
            .hint(format!("{op}: bring them together with .to(device); what is on meta has no elements to bring"));
    }
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
    let replays = mode::bits() & mode::REPLAY != 0;
    if replays && let Some(out) = replay::kept(op.name(), x)?.and_then(|mut list| list.pop()) {
        return Ok(out);
    }
    let make = if op.zeroed() { Array::zeros } else { Array::empty };
    let out = make(meta).map_err(|e| e.asked_by(op.name()))?;
    compute(op, x, std::slice::from_ref(&out))?;
    let out = Tensor::new(out, Token::here());
    if replays {
        replay::made(op.name(), x, std::slice::from_ref(&out))?;
    }
    Ok(out)
}

fn run_many(op: &dyn Op, x: &[&Tensor]) -> Result<Vec<Tensor>> {
    check_inputs(op, x)?;
    let metas = with_metas(x, |m| op.infer_many(m))?;
    let replays = mode::bits() & mode::REPLAY != 0;
    if replays && let Some(outs) = replay::kept(op.name(), x)? {
        return Ok(outs);
    }
    let outs = metas.into_iter().map(Array::empty).collect::<Result<Vec<_>>>().map_err(|e| e.asked_by(op.name()))?;
    compute(op, x, &outs)?;
    let outs: Vec<Tensor> = outs.into_iter().map(|a| Tensor::new(a, Token::here())).collect();
    if replays {
        replay::made(op.name(), x, &outs)?;
    }
    Ok(outs)
}

/// Runs the kernel, without the GIL where it takes long: then on arrays of its own, since another
/// thread may replace a tensor's meanwhile.
pub(super) fn compute(op: &dyn Op, x: &[&Tensor], out: &[Array]) -> Result<()> {
    with_arrays(x, |arrays| {
        if let Some(y) = out.first()
            && !y.device.is_cpu()
        {
            return away(op, arrays, out);
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

/// As [`compute`], for results that are not in main memory. On `meta` nothing is computed: all that a result has there is what
/// was inferred.
#[inline(never)]
fn away(op: &dyn Op, x: &[&Array], out: &[Array]) -> Result<()> {
    if out.iter().all(|y| y.device.is_meta()) {
        return Ok(());
    }
    if op.everywhere() { op.cpu(x, out) } else { op.gpu(x, out) }
}

/// A node for an op that floor 4 itself records (views).
pub(super) fn record<O: Op>(op: O, x: &[&Tensor], out: &Tensor) -> Result<Option<Rc<Node>>> {
    let needs = needs_recording(x);
    if needs.0 == 0 { Ok(None) } else { Node::record(op, x, std::slice::from_ref(out), needs, 0).map(Some) }
}
