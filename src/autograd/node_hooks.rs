//! Hooks of whole nodes: `grad_fn.register_prehook` and `grad_fn.register_hook`.

use std::rc::Rc;

use crate::bail;
use crate::error::Result;
use crate::tensor::node::GradList;
use crate::tensor::op::Grads;
use crate::tensor::{Node, Tensor};

/// Runs the hooks on the gradients of the node's outputs, in the order of their registration.
pub fn pre(node: &Rc<Node>, grads: &mut [Option<Tensor>]) -> Result<()> {
    // Taken out of the node first: a hook may register others.
    let hooks: Vec<_> = node.with_extra(|e| e.pre.iter().map(|(_, hook)| hook.clone()).collect());
    for hook in hooks {
        if let Some(new) = hook(grads)? {
            check(&new, grads)?;
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
            check(&new, &inputs)?;
            inputs = new;
        }
    }
    Ok(Grads::Heap(inputs))
}

/// A hook returns as many gradients as it was given, each of the shape it had.
fn check(new: &[Option<Tensor>], old: &[Option<Tensor>]) -> Result<()> {
    if new.len() != old.len() {
        bail!(
            Runtime,
            "hook '<unknown>' has returned an incorrect number of values (got {}, but expected {})",
            new.len(),
            old.len()
        );
    }
    for (new, old) in new.iter().zip(old) {
        match (new, old) {
            (Some(new), Some(old)) if new.shape() != old.shape() => {
                bail!(Runtime, "hook '<unknown>' has changed the size of value")
            }
            (Some(_), None) => bail!(Runtime, "can't replace a None gradient with a non-None value"),
            _ => {}
        }
    }
    Ok(())
}
