//! What few tensors have beside their array and their place in the graph.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use super::handle::Tensor;
use super::node::{Hook, PostHookFn, PreHookFn};

/// How a view came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    Recorded,
    /// Made under `no_grad`: writing to it in grad mode would lose gradients.
    NoGrad,
    /// Made in inference mode, of a tensor that was not.
    Inference,
    /// Returned by a custom function, whose backward a write would pass by.
    Custom,
    /// One of several outputs (`unbind`, `split`): PyTorch forbids writing to it when recorded.
    Many,
}

/// What few tensors have: gradients, hooks, a version of their own.
#[derive(Default)]
pub struct Extra {
    pub grad: Option<Tensor>,
    /// What the running backward has collected for this leaf.
    pub slot: Option<Tensor>,
    /// The run that owns the slot; 0 is nobody.
    pub slot_owner: u64,
    /// `.grad` of a non-leaf with `retain_grad`, shared with its node.
    pub retained: Option<Rc<RefCell<Option<Tensor>>>>,
    pub hooks: Vec<(u64, Hook)>,
    /// Run after `.grad` has been written.
    pub post_hooks: Vec<(u64, Hook)>,
    /// Hooks of the leaf's AccumulateGrad: on the gradient before it is added, and after.
    pub before: Vec<(u64, Rc<PreHookFn>)>,
    pub after: Vec<(u64, Rc<PostHookFn>)>,
    /// `x.data` shares memory but not the version.
    pub version: Option<u32>,
    /// What shows the memory to the program: kept, so that it is the same object each time it is asked for.
    pub memory: Option<Box<dyn Any>>,
    /// The tangent in forward mode, and the level that it belongs to.
    pub tangent: Option<(u64, Tensor)>,
}

/// What a tensor may be the only one to hold.
pub enum Part<'a> {
    /// A hook, by its id.
    Hook(u64),
    Tensor(&'a Tensor),
}

impl Tensor {
    /// Shows `f` what only this tensor holds, for the garbage collector. Skips what is being changed.
    pub fn owned_parts(&self, f: &mut dyn FnMut(Part)) {
        if let Ok(extra) = self.handle().extra.try_borrow()
            && let Some(e) = extra.as_deref()
        {
            e.hooks.iter().chain(&e.post_hooks).for_each(|(id, _)| f(Part::Hook(*id)));
            e.before.iter().map(|(id, _)| id).chain(e.after.iter().map(|(id, _)| id)).for_each(|id| f(Part::Hook(*id)));
            e.grad.iter().chain(e.tangent.as_ref().map(|(_, t)| t)).for_each(|t| f(Part::Tensor(t)));
        }
        if let Ok(node) = self.handle().grad_fn.try_borrow()
            && let Some(node) = node.as_ref().filter(|n| Rc::strong_count(n) == 1)
            && let Ok(extra) = node.extra.try_borrow()
            && let Some(e) = extra.as_deref()
        {
            let ids = e.hooks.iter().map(|(_, id, _)| *id).chain(e.pre.iter().map(|(id, _)| *id));
            ids.chain(e.post.iter().map(|(id, _)| *id))
                .chain(e.payload.as_ref().map(|p| p.0))
                .for_each(|id| f(Part::Hook(id)));
        }
    }

    /// Lets go of what [`Tensor::owned_parts`] shows.
    pub fn drop_owned_parts(&self) {
        // Taken out first: what is dropped may look at this tensor again.
        let extra = self.handle().extra.take();
        let node = self.handle().grad_fn.borrow().as_ref().filter(|n| Rc::strong_count(n) == 1).cloned();
        let hooks = node.map(|n| n.extra.take());
        drop((extra, hooks));
    }
}
