//! Hooks of whole nodes: `grad_fn.register_prehook` and `grad_fn.register_hook`, also of a leaf's AccumulateGrad.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::accumulate::into_grad;
use crate::bail;
use crate::error::Result;
use crate::tensor::handle::Extra;
use crate::tensor::node::GradList;
use crate::tensor::op::Grads;
use crate::tensor::{Node, Tensor};

/// Runs the hooks on the gradients of the node's outputs, in the order of their registration.
pub fn pre(node: &Rc<Node>, grads: &mut [Option<Tensor>]) -> Result<()> {
    // Taken out of the node first: a hook may register others.
    let hooks: Vec<_> = node.with_extra(|e| e.pre.iter().map(|(_, hook)| hook.clone()).collect());
    for hook in hooks {
        if let Some(new) = hook(grads)? {
            grads.clone_from_slice(&new);
        }
    }
    Ok(())
}

/// Runs the hooks on what the node's op gave its inputs.
pub fn post(node: &Rc<Node>, mut outgoing: Grads, grads: &[Option<Tensor>]) -> Result<Grads> {
    let count = node.edges.borrow().len();
    let mut inputs: GradList = (0..count).map(|i| outgoing.take(i)).collect();
    let hooks: Vec<_> = node.with_extra(|e| e.post.iter().map(|(_, hook)| hook.clone()).collect());
    for hook in hooks {
        if let Some(new) = hook(&inputs, grads)? {
            inputs = new;
        }
    }
    Ok(Grads::Heap(inputs))
}

/// Whether a leaf has been given a hook since the process began: until then backward need not look for such leaves.
static ON_LEAVES: AtomicBool = AtomicBool::new(false);

/// Told by who gives a leaf a hook.
pub fn note_leaf() {
    ON_LEAVES.store(true, Relaxed);
}

pub fn on_leaves() -> bool {
    ON_LEAVES.load(Relaxed)
}

/// Whether anything is called when the gradient of a leaf is complete.
pub fn has_any(leaf: &Tensor) -> bool {
    leaf.extra(|e| !(e.hooks.is_empty() && e.post_hooks.is_empty() && e.before.is_empty() && e.after.is_empty()))
        .unwrap_or(false)
}

/// A copy of a leaf's hooks, which may register others.
pub fn of_leaf<T: Clone>(leaf: &Tensor, of: impl Fn(&Extra) -> &Vec<(u64, T)>) -> Vec<T> {
    leaf.extra(|e| of(e).iter().map(|(_, h)| h.clone()).collect()).unwrap_or_default()
}

/// Adds a finished gradient to `.grad` of a leaf, between the hooks before it and those after it.
pub fn accumulate(leaf: &Tensor, g: Tensor) -> Result<()> {
    let after = of_leaf(leaf, |e| &e.after);
    let before = of_leaf(leaf, |e| &e.before);
    if before.is_empty() && after.is_empty() {
        into_grad(leaf, g)?;
        return written(leaf);
    }
    let mut grads = [Some(g)];
    for hook in before {
        if let Some(new) = hook(&grads)? {
            grads.clone_from_slice(&new);
        }
    }
    if let [Some(g)] = &grads {
        into_grad(leaf, g.clone())?;
    }
    written(leaf)?;
    for hook in after {
        hook(&[], &grads)?;
    }
    Ok(())
}

/// `register_post_accumulate_grad_hook`.
fn written(leaf: &Tensor) -> Result<()> {
    for hook in of_leaf(leaf, |e| &e.post_hooks) {
        (hook.0)(leaf)?;
    }
    Ok(())
}

/// Makes `.grad` of a non-leaf keep what backward computes for it: `retain_grad()`.
pub fn retain_grad(t: &Tensor) -> Result<()> {
    if !t.requires_grad() {
        bail!(Runtime, "can't retain_grad on Tensor that has requires_grad=False");
    }
    let Some(node) = t.grad_fn()? else { return Ok(()) };
    if t.extra(|e| e.retained.is_some()) == Some(true) {
        return Ok(());
    }
    let slot = Rc::new(RefCell::new(None));
    t.with_extra(|e| e.retained = Some(slot.clone()));
    node.with_extra(|e| e.retain.push((t.output_nr(), slot)));
    Ok(())
}
