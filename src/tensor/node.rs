//! Graph nodes: an op that ran, what it saved, and where its gradients go.
//!
//! One allocation holds node and op. Nodes carry a global sequence number: a consumer is always
//! younger than what it consumed, so descending order is a topological order. Dropping never recurses:
//! nodes and saved tensors go through a thread-local list.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::handle::Tensor;
use super::op::{Mask, Op, Saves};
use super::saved::{Saved, SavedList, kept_input, kept_output};
use super::{mode, saved};
use crate::core::Meta;
use crate::error::Result;

/// A Python callable or a native function that sees a gradient and may replace it.
#[derive(Clone)]
pub struct Hook(pub Rc<HookFn>);

/// Returns the gradient to go on with, or None to leave it as it is.
pub type HookFn = dyn Fn(&Tensor) -> Result<Option<Tensor>>;

/// Gradients of all outputs or all inputs of a node; None where nothing has arrived.
pub type GradList = Vec<Option<Tensor>>;

/// Sees the gradients of a node's outputs before its op runs backward, and may replace them.
pub type PreHookFn = dyn Fn(&[Option<Tensor>]) -> Result<Option<GradList>>;

/// Sees what a node's op gave its inputs, and the gradients of its outputs; may replace the former.
pub type PostHookFn = dyn Fn(&[Option<Tensor>], &[Option<Tensor>]) -> Result<Option<GradList>>;

/// Where a gradient goes.
#[derive(Clone)]
pub enum Edge {
    /// Nobody asked.
    None,
    /// A leaf that accumulates into `.grad`.
    Leaf(Tensor),
    /// Output `.1` of a node.
    Node(Rc<Node>, u32),
}

impl Edge {
    #[inline]
    pub fn is_some(&self) -> bool {
        !matches!(self, Edge::None)
    }
}

/// A short list of edges, inline up to three.
pub enum Edges {
    Inline(u8, [Edge; 3]),
    Heap(Vec<Edge>),
}

impl std::ops::Deref for Edges {
    type Target = [Edge];
    #[inline]
    fn deref(&self) -> &[Edge] {
        match self {
            Edges::Inline(n, e) => &e[..*n as usize],
            Edges::Heap(v) => v,
        }
    }
}

/// Gradients that have arrived for the outputs of a node, and whether the engine has queued it.
#[derive(Default)]
pub struct Scratch {
    /// The run that owns the slots; 0 is nobody.
    pub owner: u64,
    pub first: Option<Tensor>,
    /// Slots of outputs 1 and up.
    pub rest: Vec<Option<Tensor>>,
}

/// What few nodes have.
#[derive(Default)]
pub struct NodeExtra {
    /// Hooks of tensors, on the gradient of one output: `(output, id, hook)`.
    pub hooks: Vec<(u32, u64, Hook)>,
    /// `grad_fn.register_prehook`: hooks on the gradients of all outputs.
    pub pre: Vec<(u64, Rc<PreHookFn>)>,
    /// `grad_fn.register_hook`: hooks on the gradients of all inputs.
    pub post: Vec<(u64, Rc<PostHookFn>)>,
    /// Where outputs with `retain_grad` find their gradient; shared with the handle, which the node must not own.
    pub retain: Vec<(u32, Rc<RefCell<Option<Tensor>>>)>,
    /// Shapes and dtypes of the inputs, for ops that save [`Saves::META`].
    pub metas: Vec<Meta>,
    /// What floor 8 keeps with the node, under the id by which the collector finds it: a custom function's context, `metadata`.
    pub payload: Option<(u64, Rc<dyn Any>)>,
    /// The class name and the edges that a user sees, where the nodes behind this one stand for one of PyTorch's.
    pub shown: Option<(Cow<'static, str>, Vec<Edge>)>,
    /// Where the node was made, in anomaly mode.
    pub trace: Option<Rc<dyn Any>>,
}

pub struct Node<O: ?Sized = dyn Op> {
    pub seq: u64,
    /// How many outputs may get a gradient.
    pub outputs: u32,
    pub needs: Mask,
    pub edges: RefCell<Edges>,
    pub saved: RefCell<SavedList>,
    pub scratch: RefCell<Scratch>,
    pub extra: RefCell<Option<Box<NodeExtra>>>,
    /// Last, so that `Rc<Node<Tanh>>` becomes `Rc<Node>`.
    op: OpBox<O>,
}

/// Gives `Node` a sized prefix with a `Drop` of its own.
struct OpBox<O: ?Sized>(O);

thread_local! {
    static DRAINING: Cell<bool> = const { Cell::new(false) };
    static DRAIN: RefCell<Vec<Garbage>> = const { RefCell::new(Vec::new()) };
}

enum Garbage {
    Edge(Edge),
    Saved(Saved),
}

impl Garbage {
    /// Whether a node may die with it.
    #[inline]
    fn may_end_node(&self) -> bool {
        let ends = |t: &Tensor| !t.is_leaf() || t.is_view();
        match self {
            Garbage::Edge(Edge::None) => false,
            Garbage::Edge(Edge::Node(node, _)) => Rc::strong_count(node) == 1,
            Garbage::Edge(Edge::Leaf(t)) | Garbage::Saved(Saved::Input(t, ..) | Saved::Output(t, ..)) => ends(t),
            Garbage::Saved(Saved::Packed(_)) => true,
        }
    }
}

impl Node {
    #[inline]
    pub fn op(&self) -> &dyn Op {
        &self.op.0
    }

    /// The edges that a user sees.
    pub fn shown_edges(&self) -> Vec<Edge> {
        if let Some((_, edges)) = self.extra.borrow().as_ref().and_then(|e| e.shown.as_ref()) {
            return edges.clone();
        }
        self.ordered_edges()
    }

    /// The edges in PyTorch's order, without those of indices and masks. Copied: Python code may run between one and the next.
    pub fn ordered_edges(&self) -> Vec<Edge> {
        let edges = self.edges.borrow();
        match self.op().edge_order() {
            [] => edges.iter().cloned().collect(),
            order => order.iter().map(|&i| edges.get(i).cloned().unwrap_or(Edge::None)).collect(),
        }
    }

    /// The class name that a user sees.
    pub fn class_name(&self) -> String {
        match self.extra.borrow().as_ref().and_then(|e| e.shown.as_ref()) {
            Some((name, _)) => name.to_string(),
            None => self.op().node_name(),
        }
    }

    /// What saved `i`-th output or input looked like, where the op saved [`Saves::META`].
    pub fn input_meta(&self, i: usize) -> Option<Meta> {
        self.extra.borrow().as_ref().and_then(|e| e.metas.get(i).cloned())
    }

    /// Whether hooks or `retain_grad` wait for a gradient here.
    #[inline]
    pub fn hooked(&self) -> bool {
        self.extra.borrow().as_ref().is_some_and(|e| !e.hooks.is_empty() || !e.retain.is_empty() || !e.pre.is_empty())
    }

    /// Whether hooks wait for the gradients of the inputs.
    #[inline]
    pub fn post_hooked(&self) -> bool {
        self.extra.borrow().as_ref().is_some_and(|e| !e.post.is_empty())
    }

    pub fn with_extra<R>(&self, f: impl FnOnce(&mut NodeExtra) -> R) -> R {
        f(self.extra.borrow_mut().get_or_insert_default())
    }

    /// Lets go of the saved tensors; a second backward will say so.
    pub fn release(&self) {
        if !self.saved.borrow().is_empty() {
            // Taken out first: what is dropped may look at this node again.
            let mut old = self.saved.replace(SavedList::Released);
            old.clear();
        }
    }

    pub fn released(&self) -> bool {
        matches!(*self.saved.borrow(), SavedList::Released)
    }
}

impl<O: Op> Node<O> {
    /// A node for `op`, which makes `outs` from `x`. In place, it is recorded before the write: an input that shares the
    /// written memory is saved at its version until then, the output at that after `pending` more.
    #[inline]
    pub fn record(op: O, x: &[&Tensor], outs: &[Tensor], needs: Mask, pending: u32) -> Result<Rc<Node>> {
        let saves = op.saves(needs);
        let mut saved = SavedList::EMPTY;
        if saves.any() {
            if mode::bits() & mode::SAVED_HOOKS != 0 {
                for i in saved::order(op.name(), x.len()).into_iter().filter(|&i| saves.input(i)) {
                    saved.push(kept_input(x[i], i as u8)?);
                }
            } else {
                for (i, &t) in x.iter().enumerate() {
                    if saves.input(i) {
                        saved.push(kept_input(t, i as u8)?);
                    }
                }
            }
            for (i, t) in outs.iter().enumerate() {
                if saves.output(i) {
                    saved.push(kept_output(t, i as u8, pending)?);
                }
            }
        }
        let edges = match x.len() {
            0..=3 => {
                let mut inline = [Edge::None, Edge::None, Edge::None];
                for (e, &t) in inline.iter_mut().zip(x) {
                    if needs_one(t) {
                        *e = t.edge()?;
                    }
                }
                Edges::Inline(x.len() as u8, inline)
            }
            _ => Edges::Heap(x.iter().map(|t| t.edge()).collect::<Result<_>>()?),
        };
        let mut extra = if saves.contains(Saves::META) {
            let metas = x.iter().map(|t| t.meta().clone()).collect();
            Some(Box::new(NodeExtra { metas, ..NodeExtra::default() }))
        } else {
            None
        };
        if mode::anomaly().0 {
            extra = Some(traced(extra));
        }
        Ok(Rc::new(Node {
            seq: next_seq(),
            outputs: outs.len() as u32,
            needs,
            edges: RefCell::new(edges),
            saved: RefCell::new(saved),
            scratch: RefCell::new(Scratch::default()),
            extra: RefCell::new(extra),
            op: OpBox(op),
        }))
    }
}

/// In anomaly mode a node keeps where it was made.
#[cold]
#[inline(never)]
fn traced(extra: Option<Box<NodeExtra>>) -> Box<NodeExtra> {
    let mut extra = extra.unwrap_or_default();
    extra.trace = saved::trace();
    extra
}

#[inline]
fn needs_one(t: &Tensor) -> bool {
    t.requires_grad()
}

/// One counter for all threads, since a graph may span several; the GIL makes the two steps one.
#[inline]
fn next_seq() -> u64 {
    static SEQ: AtomicU64 = AtomicU64::new(1);
    let n = SEQ.load(Relaxed);
    SEQ.store(n + 1, Relaxed);
    n
}

impl<O: ?Sized> Drop for Node<O> {
    #[inline]
    fn drop(&mut self) {
        self.saved.get_mut().clear();
        let edges = match self.edges.get_mut() {
            Edges::Inline(n, e) => &mut e[..*n as usize],
            Edges::Heap(v) => &mut v[..],
        };
        for e in edges {
            discard(Garbage::Edge(std::mem::replace(e, Edge::None)));
        }
    }
}

/// Drops now, or leaves it to the drop that is under way above us: a chain of a million nodes needs no
/// stack. The flag is set before anything is dropped, since a saved tensor owns its node.
#[inline]
fn discard(g: Garbage) {
    if g.may_end_node() { discard_in_turn(g) } else { drop(g) }
}

/// Drops what a node kept, in its turn.
#[inline]
pub(super) fn discard_saved(s: Saved) {
    discard(Garbage::Saved(s));
}

fn discard_in_turn(g: Garbage) {
    // At thread exit the list may be gone; then plain recursion is all that is left.
    let Ok(nested) = DRAINING.try_with(|d| d.replace(true)) else { return drop(g) };
    if nested {
        let mut g = Some(g);
        let _ = DRAIN.try_with(|list| list.borrow_mut().extend(g.take()));
        return;
    }
    drop(g);
    while let Ok(Some(next)) = DRAIN.try_with(|list| list.borrow_mut().pop()) {
        drop(next);
    }
    let _ = DRAINING.try_with(|d| d.set(false));
}

/// `(16, 128)`, as Python writes a tuple.
pub fn tuple(shape: &[usize]) -> String {
    let items: Vec<String> = shape.iter().map(|n| n.to_string()).collect();
    if items.len() == 1 { format!("({},)", items[0]) } else { format!("({})", items.join(", ")) }
}
