//! What nodes keep for backward: tensors, with the version that they had, or what the user's hooks made of them.

use std::any::Any;
use std::rc::Rc;
use std::sync::OnceLock;

use super::door::Token;
use super::handle::Tensor;
use super::mode;
use super::node::{Edge, Node, discard_saved, tuple};
use super::op::{Context, Cotangents, Grads, Mask, Op, backward_twice};
use crate::core::{Layout, Meta};
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// What a hook made of a saved tensor.
pub trait Packed {
    fn unpack(&self) -> Result<Tensor>;
}

/// Floor 8's part: the hooks in force, the lines of Python that run now, and who wants to know of writes.
pub struct SavedHooks {
    pub pack: fn(&Tensor) -> Result<Rc<dyn Packed>>,
    pub trace: fn() -> Option<Rc<dyn Any>>,
    pub before_write: fn(&Tensor) -> Result<()>,
    /// In which order PyTorch saves those of an op's first `n` inputs that it saves.
    pub order: fn(&str, usize) -> Vec<usize>,
}

static HOOKS: OnceLock<SavedHooks> = OnceLock::new();

/// Told once by the bindings.
pub fn set_saved_hooks(hooks: SavedHooks) {
    let _ = HOOKS.set(hooks);
}

/// Tells who copies saved tensors that `target` is about to be written over.
#[cold]
pub fn before_write(target: &Tensor) -> Result<()> {
    HOOKS.get().map_or(Ok(()), |h| (h.before_write)(target))
}

/// The order in which hooks see what the op `name` saves of its first `n` inputs.
#[cold]
pub fn order(name: &str, n: usize) -> Vec<usize> {
    HOOKS.get().map_or_else(|| (0..n).collect(), |h| (h.order)(name, n))
}

#[cold]
pub fn trace() -> Option<Rc<dyn Any>> {
    HOOKS.get().and_then(|h| (h.trace)())
}

/// Input `at` of a node, kept at its version.
#[inline]
pub fn kept_input(t: &Tensor, at: u8) -> Result<Saved> {
    if t.is_inference() {
        return Err(inference());
    }
    if mode::bits() & mode::SAVED_HOOKS != 0
        && let Some(hooks) = HOOKS.get()
    {
        let (packed, edge) = ((hooks.pack)(t)?, t.edge()?);
        return Ok(Saved::Packed(Box::new(ByHooks { packed, output: false, at, edge })));
    }
    Ok(Saved::Input(t.clone(), at, t.version()))
}

/// Output `at` of a node, as an alias; `pending` writes to it are still to come.
#[inline]
pub fn kept_output(t: &Tensor, at: u8, pending: u32) -> Result<Saved> {
    let alias = Tensor::new(t.array().clone(), Token(false));
    if mode::bits() & mode::SAVED_HOOKS != 0
        && let Some(hooks) = HOOKS.get()
    {
        let packed = (hooks.pack)(&alias)?;
        return Ok(Saved::Packed(Box::new(ByHooks { packed, output: true, at, edge: Edge::None })));
    }
    Ok(Saved::Output(alias, at, t.array().storage.version() + pending))
}

#[cold]
fn inference() -> Box<crate::error::Error> {
    err!(
        Runtime,
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in \
         computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in \
         autograd, or use `{}.no_grad()` instead of `{0}.inference_mode()`.",
        crate::core::spoken::library()
    )
}

/// A tensor kept for backward.
pub enum Saved {
    /// Input `.1`: the very tensor, with its Python object.
    Input(Tensor, u8, u32),
    /// Output `.1`, kept as an alias outside the graph: the tensor itself would own this node, a cycle.
    Output(Tensor, u8, u32),
    /// What hooks made of a tensor.
    Packed(Box<ByHooks>),
}

/// What hooks made of a tensor; it comes back through them.
pub struct ByHooks {
    pub packed: Rc<dyn Packed>,
    /// Whether it was an output, and which.
    pub output: bool,
    pub at: u8,
    /// Where the gradient of an input goes.
    pub edge: Edge,
}

/// What ops save, inline up to three.
pub enum SavedList {
    Few([Option<Saved>; 3]),
    Heap(Vec<Saved>),
    /// Backward has run without `retain_graph`.
    Released,
}

impl SavedList {
    pub const EMPTY: SavedList = SavedList::Few([None, None, None]);

    pub fn iter(&self) -> impl Iterator<Item = &Saved> {
        let (few, rest): (&[Option<Saved>], &[Saved]) = match self {
            SavedList::Few(list) => (list, &[]),
            SavedList::Heap(list) => (&[], list),
            SavedList::Released => (&[], &[]),
        };
        few.iter().flatten().chain(rest)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        matches!(self, SavedList::Few([None, ..]))
    }

    #[inline]
    pub fn push(&mut self, s: Saved) {
        match self {
            SavedList::Few(list) => match list.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(s),
                None => {
                    let few = std::mem::take(list);
                    *self = SavedList::Heap(few.into_iter().flatten().chain([s]).collect());
                }
            },
            SavedList::Heap(list) => list.push(s),
            SavedList::Released => {}
        }
    }

    /// Puts `s` in the place of the `at`-th that is kept, which it returns.
    pub fn replace(&mut self, at: usize, s: Saved) -> Option<Saved> {
        let place = match self {
            SavedList::Few(list) => list.iter_mut().flatten().nth(at)?,
            SavedList::Heap(list) => list.get_mut(at)?,
            SavedList::Released => return None,
        };
        Some(std::mem::replace(place, s))
    }

    /// Lets go of what it holds, without recursion.
    #[inline]
    pub fn clear(&mut self) {
        match self {
            SavedList::Few(list) => {
                list.iter_mut().filter_map(Option::take).for_each(discard_saved);
            }
            SavedList::Heap(list) => list.drain(..).for_each(discard_saved),
            SavedList::Released => {}
        }
    }
}

impl Saved {
    pub fn what(&self) -> String {
        match self {
            Saved::Input(t, ..) => format!("its saved input, {} {}", t.dtype().name(), tuple(t.shape())),
            Saved::Output(t, ..) => format!("its saved output, {} {}", t.dtype().name(), tuple(t.shape())),
            Saved::Packed(_) => "what hooks keep".into(),
        }
    }
}

/// The tensors that `node` keeps, as they were in the forward call: with their place in the graph.
pub fn kept(node: &Rc<Node>) -> Result<Vec<Tensor>> {
    if node.released() {
        return Err(backward_twice());
    }
    let context = Context::new(node);
    node.saved.borrow().iter().map(|s| context.restored(s, true)).collect()
}

/// What a hook gave back, as the input that it stands for: gradients go where the input's do.
pub fn rejoined(t: Tensor, edge: &Edge) -> Result<Tensor> {
    if let Edge::Leaf(leaf) = edge
        && t.is(leaf)
    {
        return Ok(t);
    }
    let alias = Tensor::new(t.array().clone(), Token(false));
    match edge {
        Edge::None => {}
        Edge::Node(node, nr) => alias.set_history(node.clone(), *nr),
        Edge::Leaf(leaf) => {
            let node = Node::record(Unpacked, &[leaf], std::slice::from_ref(&alias), Mask(1), 0)?;
            alias.set_history(node, 0);
        }
    }
    Ok(alias)
}

/// A leaf that came back from a hook in other memory.
struct Unpacked;

impl Op for Unpacked {
    fn name(&self) -> &'static str {
        "unpacked"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.clone()))
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].clone())
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        super::data::copy(x[0], &out[0])
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.clone())
    }
}
