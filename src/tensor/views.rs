//! Writes in place on tensors that share memory: who may be written, and how history follows.
//!
//! A view knows its root and its own layout over the root's storage. Writing `y` to a view of a recorded
//! root is, for the graph, a new root: the old one with `y` scattered into the view's elements
//! (`CopySlices`). Every view of that root is stale from then on and, when next asked, becomes an
//! `AsStrided` of the new root. A stamp in the root counts its histories.

use std::rc::Rc;

use super::apply::{apply, record};
use super::data;
use super::def::Written;
use super::door::{Token, note};
use super::handle::{Tensor, ViewKind};
use super::mode;
use super::node::{Edge, Node};
use super::op::{Context, Cotangents, Grads, Mask, Op};
use super::tangent;
use crate::bail;
use crate::core::{Layout, Meta};
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// Refuses to write where two elements are one.
pub fn check_distinct(target: &Tensor) -> Result<()> {
    if target.layout().overlaps_itself() {
        bail!(
            Runtime,
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. \
             Please clone() the tensor before performing the operation."
        );
    }
    Ok(())
}

/// Refuses to write to a tensor of inference mode outside of it.
#[cold]
pub fn check_mode(target: &Tensor) -> Result<()> {
    if mode::bits() & mode::BEFORE_WRITE != 0 {
        super::saved::before_write(target)?;
    }
    if target.is_inference() && !mode::inference() { Err(inference_only()) } else { Ok(()) }
}

#[cold]
fn inference_only() -> Box<crate::error::Error> {
    err!(
        Runtime,
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor \
         before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
    )
}

/// Refuses to write where gradients or elements would be lost.
pub fn check_writable(op: &str, target: &Tensor) -> Result<()> {
    check_distinct(target)?;
    check_history(op, target)
}

/// Why a view whose history the writes of others would lose, or could not tell of, must not be written to; with `indirect`,
/// why its history cannot be told after its base was. None for views that may be.
#[cold]
fn refused(view: &Tensor, indirect: bool) -> Option<Box<crate::error::Error>> {
    let what = if indirect {
        "its base or another view of its base has been modified inplace"
    } else {
        "is being modified inplace"
    };
    let made = view.made_by().map(|node| {
        let maker = node.op().grad_name().replace("Backward", "");
        format!("Output {} of {maker} is a view", view.output_nr())
    });
    let unseen = |mode: &str, block: &str, now: &str| {
        let origin = match &made {
            Some(made) => format!("{made} of a view which was created in {mode}"),
            None => format!("A view was created in {mode}"),
        };
        format!(
            "{origin} and {what} {now}. Given that this use case is ambiguous and error-prone, it is forbidden. You can \
             clarify your code by moving both the view and the inplace either both inside the {block} block (if you don't \
             want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
        )
    };
    let text = match view.view_kind() {
        ViewKind::Recorded => return None,
        ViewKind::NoGrad => unseen("no_grad mode", "no_grad", "with grad mode enabled"),
        ViewKind::Inference => unseen("inference mode", "inference_mode", "in normal mode"),
        ViewKind::Custom => format!(
            "{} and {what}. This view was created inside a custom Function (or because an input was returned as-is) and the \
             autograd logic to handle view+inplace would override the custom backward associated with the custom Function, \
             leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom \
             Function.",
            made.unwrap_or_else(|| "This tensor is a view".into())
        ),
        ViewKind::Many => format!(
            "{} and {what}. This view is the output of a function that returns multiple views. Such functions do not allow \
             the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.",
            made.unwrap_or_else(|| "This tensor is a view".into())
        ),
    };
    Some(err!(Runtime, "{text}"))
}

/// Refuses to write where gradients would be lost.
pub fn check_history(op: &str, target: &Tensor) -> Result<()> {
    let bits = mode::bits();
    if target.is_inference() || bits & mode::BEFORE_WRITE != 0 {
        check_mode(target)?;
    }
    if bits & (mode::GRAD | mode::INFERENCE) != mode::GRAD {
        return Ok(());
    }
    let base = target.base();
    if let Some(base) = &base {
        let plain = !matches!(target.view_kind(), ViewKind::NoGrad | ViewKind::Inference | ViewKind::Custom);
        if plain && base.is_leaf() && target.requires_grad() {
            return Err(err!(
                Runtime,
                "a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
            .hint(format!("{op}: write under torch.no_grad(), or to a clone()")));
        }
        if target.requires_grad()
            && let Some(error) = refused(target, false)
        {
            return Err(error);
        }
    } else if target.is_leaf() && target.requires_grad() {
        return Err(err!(Runtime, "a leaf Variable that requires grad is being used in an in-place operation.")
            .hint(format!("{op}: write under torch.no_grad(), or to a clone()")));
    }
    Ok(())
}

/// `target` as it is before a write: same history, its elements copied if backward will read them.
pub fn past(target: &Tensor, copy: bool) -> Result<Tensor> {
    let array = if copy {
        let meta = Meta::new(Layout::contiguous(target.shape().into()), target.dtype(), target.device());
        let fresh = Array::empty(meta)?;
        data::copy(target.array(), &fresh)?;
        fresh
    } else {
        target.array().clone()
    };
    let old = Tensor::new(array, Token(false));
    if let Edge::Node(node, nr) = target.edge()? {
        old.set_history(node, nr);
    }
    if tangent::any([target].into_iter()) {
        old.set_tangent(target.tangent());
    }
    Ok(old)
}

/// `target` has been overwritten with result `nr` of `node`: its history, and that of what it views, is new.
pub fn rebase(target: &Tensor, node: Rc<Node>, nr: u32) -> Result<()> {
    let Some(base) = target.base() else {
        target.replace_history(node, nr);
        target.bump_history();
        return Ok(());
    };
    let old = past(&base, false)?;
    let written = Tensor::new(target.array().clone(), Token(false));
    written.set_history(node, nr);
    if let Some(node) = scattered(&base, &old, &written)? {
        base.replace_history(node, 0);
    }
    base.bump_history();
    rebuild(target)
}

/// The node of `base`, which was `old` before `written`, a view of it, was written.
fn scattered(base: &Tensor, old: &Tensor, written: &Tensor) -> Result<Option<Rc<Node>>> {
    let op = |root: &Tensor, view: &Tensor| CopySlices { base: root.layout().clone(), view: view.layout().clone() };
    match (base.dtype().is_complex(), written.dtype().is_complex()) {
        // Both in the elements of the root, or the parts of a complex number in those of a real one.
        (false, true) => {
            let written = written.view_as_real()?;
            record(op(base, &written), &[old, &written], base)
        }
        (true, false) => {
            let old = old.view_as_real()?;
            let parts = Tensor::new(old.array().clone(), Token(false));
            if let Some(node) = record(op(&parts, written), &[&old, written], &parts)? {
                parts.set_history(node, 0);
            }
            parts.view_as_complex()?.grad_fn()
        }
        _ => record(op(base, written), &[old, written], base),
    }
}

/// Writes the finished `y` over `target`, which takes over its history.
pub fn replace(name: &'static str, target: &Tensor, y: &Tensor) -> Result<Written> {
    data::copy(y.array(), target.array())?;
    target.bump_version();
    if let Edge::Node(node, nr) = y.edge()? {
        rebase(target, node, nr)?;
    }
    if tangent::any([target, y].into_iter()) {
        tangent::overwritten(target, y.tangent())?;
    }
    note(name, &[], &[target]);
    Ok(Written(()))
}

/// Gives `x` the layout and the history that its view by `op` would have (`x.squeeze_()`).
pub fn become_view<O: Op>(x: &Tensor, op: O) -> Result<Written> {
    let name = op.name();
    check_mode(x)?;
    let Some(layout) = op.view(x.layout()) else { return Ok(Written(())) };
    let array = x.array().with_layout(layout?);
    let record = mode::recording() && x.requires_grad();
    if record {
        check_history(name, x)?;
    }
    let old = if record { Some(past(x, false)?) } else { None };
    if tangent::any([x].into_iter()) {
        let of = past(x, false)?;
        tangent::viewed(&op, &of, x)?;
    }
    x.set_array(array, Token(false));
    x.bump_version();
    if let Some(old) = old {
        if x.is_view() {
            // The history of a view is that of its root, seen through the new layout.
            rebuild(x)?;
        } else {
            // As in PyTorch, `retain_grad()` stays with the shape that it was asked for.
            x.set_history(Node::record(op, &[&old], std::slice::from_ref(x), Mask(1), 0)?, 0);
        }
    }
    note(name, &[], &[x]);
    Ok(Written(()))
}

/// A stale view becomes an `AsStrided` of its root.
pub fn rebuild(view: &Tensor) -> Result<()> {
    let Some(base) = view.base() else { return Ok(()) };
    if (base.requires_grad() || view.made_by().is_some())
        && let Some(error) = refused(view, true)
    {
        return Err(error);
    }
    view.mark_fresh();
    let _grad = mode::GradGuard::new(true);
    if let Some(node) = shown(&base, view)? {
        view.replace_history(node, 0);
    }
    Ok(())
}

/// The node of `view` of a root.
fn shown(base: &Tensor, view: &Tensor) -> Result<Option<Rc<Node>>> {
    let op = |root: &Tensor, view: &Tensor| AsStrided { base: root.layout().clone(), view: view.layout().clone() };
    match (base.dtype().is_complex(), view.dtype().is_complex()) {
        (true, false) => {
            let parts = base.view_as_real()?;
            record(op(&parts, view), &[&parts], view)
        }
        (false, true) => {
            let parts = Tensor::new(view.array().clone(), Token(false)).view_as_real()?;
            parts.clear_base();
            if let Some(node) = record(op(base, &parts), &[base], &parts)? {
                parts.set_history(node, 0);
            }
            parts.view_as_complex()?.grad_fn()
        }
        _ => record(op(base, view), &[base], view),
    }
}

/// The elements of a root's storage under the layout of a view.
pub struct AsStrided {
    pub base: Layout,
    pub view: Layout,
}

impl Op for AsStrided {
    fn name(&self) -> &'static str {
        "as_strided"
    }
    fn grad_name(&self) -> String {
        "AsStridedBackward".into()
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        // Gradients need not lie as the root did: `place` moves them there first.
        if *x == self.base { Some(Ok(self.view.clone())) } else { None }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.view.shape.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let placed = place(x[0], &self.base, &self.base, &self.view)?;
        data::copy(&placed.with_layout(self.view.clone()), &out[0])
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(AsStridedBackward { base: self.base.clone(), view: self.view.clone() }, &[g.one()?])?)
    }
}

/// Adds each element of a view's gradient to the element of the root that it shows.
pub struct AsStridedBackward {
    base: Layout,
    view: Layout,
}

impl Op for AsStridedBackward {
    fn name(&self) -> &'static str {
        "as_strided_backward"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.base.shape.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let placed = place(x[0], &self.view, &self.base, &self.view)?;
        data::copy(&placed.with_layout(self.base.clone()), &out[0])
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(AsStrided { base: self.base.clone(), view: self.view.clone() }, &[g.one()?])?)
    }
}

/// The root with the view's elements replaced. The data are already in place when this is recorded; run
/// as an op (in second derivatives) it computes them afresh.
pub struct CopySlices {
    base: Layout,
    view: Layout,
}

impl Op for CopySlices {
    fn name(&self) -> &'static str {
        "copy_slices"
    }
    fn grad_name(&self) -> String {
        "CopySlices".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.base.shape.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let placed = place(x[0], &self.base, &self.base, &self.view)?;
        data::copy(x[1], &placed.with_layout(self.view.clone()))?;
        data::copy(&placed.with_layout(self.base.clone()), &out[0])
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        let (base, view) = (&self.base, &self.view);
        Grads::two(
            c,
            || {
                let zeros = g.zeros_of(&view.shape)?;
                apply(CopySlices { base: base.clone(), view: view.clone() }, &[g, &zeros])
            },
            || apply(AsStrided { base: base.clone(), view: view.clone() }, &[g]),
        )
    }
}

/// `x` under `layout`, which is that of the root or of the view, in a block of zeros that reaches as far as both do.
/// Elements that are one in memory are added. What an expanded root repeats is then averaged: the elements are equal, or
/// gradients of which each has its share.
fn place(x: &Array, layout: &Layout, root: &Layout, view: &Layout) -> Result<Array> {
    let end = root.end().max(view.end());
    let room = Array::zeros(Meta::new(Layout::contiguous([end][..].into()), x.dtype, x.device))?;
    let there = room.with_layout(layout.clone());
    if layout.overlaps_itself() {
        data::add_overlapping(x, &there)?;
    } else {
        data::copy(x, &there)?;
    }
    if root.overlaps_itself() {
        data::share(&room, root)?;
    }
    Ok(room)
}
