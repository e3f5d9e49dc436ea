//! The contract of an op: what it infers, computes, saves and differentiates, and what its derivative
//! sees. Everything an op needs beside its inputs stands in its own fields, plain data.

use std::rc::Rc;

use super::door::Token;
use super::handle::Tensor;
use super::mode;
use super::node::{Edge, Node};
use super::saved::{Saved, SavedList};
use crate::bail;
use crate::core::shape::list;
use crate::core::spoken::{as_torch, library};
use crate::core::{DType, Layout, Meta};
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// A set of inputs or outputs, by position (the first 64).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mask(pub u64);

impl Mask {
    pub const ALL: Mask = Mask(u64::MAX);

    #[inline]
    pub fn has(self, i: usize) -> bool {
        i < 64 && self.0 >> i & 1 == 1
    }

    #[inline]
    pub fn with(self, i: usize) -> Mask {
        Mask(if i < 64 { self.0 | 1 << i } else { self.0 })
    }
}

/// What a node keeps for backward: any of its first 16 inputs, first 8 outputs, and the inputs' metas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saves(u32);

impl Saves {
    pub const NONE: Saves = Saves(0);
    /// All inputs.
    pub const INPUTS: Saves = Saves(0xffff);
    /// Output 0.
    pub const OUTPUT: Saves = Saves(1 << 16);
    /// Shape, strides and dtype of every input: `c.shape(i)`. Costs an allocation; ops on the hot path
    /// keep the shape in a field instead.
    pub const META: Saves = Saves(1 << 24);

    pub const fn input_at(i: usize) -> Saves {
        Saves(1 << i)
    }
    pub const fn output_at(i: usize) -> Saves {
        Saves(1 << (16 + i))
    }
    #[must_use]
    pub const fn and(self, other: Saves) -> Saves {
        Saves(self.0 | other.0)
    }
    #[inline]
    pub const fn contains(self, other: Saves) -> bool {
        self.0 & other.0 == other.0
    }
    #[inline]
    pub const fn any(self) -> bool {
        self.0 != 0
    }
    #[inline]
    pub const fn input(self, i: usize) -> bool {
        i < 16 && self.0 >> i & 1 == 1
    }
    #[inline]
    pub const fn output(self, i: usize) -> bool {
        i < 8 && self.0 >> (16 + i) & 1 == 1
    }
}

/// `LogSoftmaxBackward` of `log_softmax`.
pub fn backward_class(name: &str) -> String {
    let mut out = String::new();
    for part in name.split('_') {
        let mut chars = part.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.extend(chars);
    }
    out + "Backward"
}

/// An operation that has been given its parameters. It is plain data: tensors come as inputs.
///
/// A view op implements [`Op::view`] and nothing else of the forward side; a one-output op
/// [`Op::infer`] and [`Op::cpu`]; an op with several outputs [`Op::outputs`], [`Op::infer_many`] and
/// [`Op::cpu`].
pub trait Op: Send + Sync + 'static {
    /// PyTorch's name of the op, as in error messages: `softmax`.
    fn name(&self) -> &'static str;

    /// The class name of `grad_fn` without its `0`: `SoftmaxBackward`.
    fn grad_name(&self) -> String {
        backward_class(self.name())
    }

    /// The inputs that PyTorch's node lists, in its order, where these are not all in theirs: by it the graph is shown and
    /// leaves are finished. A number beyond the inputs is one that PyTorch made a tensor of.
    fn edge_order(&self) -> &'static [usize] {
        &[]
    }

    /// The class name of `grad_fn`. PyTorch numbers an op's overloads; ops say a number other than 0 themselves.
    fn node_name(&self) -> String {
        let name = self.grad_name();
        if name.ends_with("Backward") { name + "0" } else { name }
    }

    /// The layout of the result over the same storage, where this op is a view of input 0.
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        let _ = x;
        None
    }

    /// The dtype of the result of a view, given that of input 0: views of complex numbers as their parts have another.
    fn view_dtype(&self, x: DType) -> DType {
        x
    }

    /// Checks the inputs and says what the result is. All refusals of the op happen here, before any work.
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let _ = x;
        bail!(Runtime, "internal error: {} has no infer", self.name())
    }

    /// How many outputs the op has.
    fn outputs(&self) -> usize {
        1
    }

    /// As [`Op::infer`], for ops with several outputs.
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        Ok(vec![self.infer(x)?])
    }

    /// Computes on the CPU into `out`, fresh contiguous arrays unless `infer` asked for other strides.
    /// May run without the GIL.
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let _ = (x, out);
        bail!(NotImplemented, "{}: not implemented for the CPU", self.name())
    }

    /// As [`Op::cpu`], on arrays of the GPU: appends kernels to the open batch.
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let dtype = x.first().map_or_else(|| out[0].dtype, |a| a.dtype);
        Err(err!(NotImplemented, "{}: not implemented on the GPU (for {})", self.name(), dtype.name())
            .hint("use x.cpu(), and .to(\"gpu\") on the result"))
    }

    /// The results in terms of other ops, for an op without a derivative of its own: the door runs these instead where the
    /// results are recorded.
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        let _ = x;
        None
    }

    /// Whether the results are all zero: memory comes zeroed, and nothing is computed.
    fn zeroed(&self) -> bool {
        false
    }

    /// Whether `cpu` does all of its work through [`super::data`], and so runs on any device.
    fn everywhere(&self) -> bool {
        false
    }

    /// Whether inputs and outputs may live on different devices: copies.
    fn crosses_devices(&self) -> bool {
        false
    }

    /// Whether the op takes complex tensors: those that only move elements do.
    fn complex(&self) -> bool {
        self.everywhere()
    }

    /// Whether `cpu` (or `gpu`) may write its output over input 0 (same shape and dtype, read before written). Ops that
    /// may not compute aside and copy when used in place.
    fn aliases(&self) -> bool {
        false
    }

    /// Whether an element may be written more than once: all are given one value, so that a tensor in which indices name one
    /// element can be written too.
    fn repeats(&self) -> bool {
        false
    }

    /// Work in elements, to decide on releasing the GIL.
    fn cost(&self, x: &[&Array], out: &[Array]) -> usize {
        x.iter().map(|a| a.numel()).chain(out.iter().map(|a| a.numel())).max().unwrap_or(0)
    }

    /// What backward needs, given which inputs need a gradient.
    fn saves(&self, needs: Mask) -> Saves {
        let _ = needs;
        Saves::NONE
    }

    /// Whether results can carry gradients at all (`argmax` cannot). Integer outputs never do.
    fn differentiable(&self) -> bool {
        true
    }

    /// The inputs that this op's backward reads in PyTorch, where it is one op: what a recorded backward gives requires grad
    /// where one of these does ([`super::tie`]).
    fn ties(&self) -> Mask {
        Mask::default()
    }

    /// The vector-Jacobian product: gradients of the inputs from those of the outputs, in tensor ops.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let _ = (c, g);
        bail!(NotImplemented, "the derivative for '{}' is not implemented.", self.name())
    }
}

/// What a vjp sees of the forward call.
pub struct Context<'a> {
    node: &'a Rc<Node>,
}

impl<'a> Context<'a> {
    #[inline]
    pub fn new(node: &'a Rc<Node>) -> Context<'a> {
        Context { node }
    }

    /// Whether input `i` needs a gradient.
    #[inline]
    pub fn needs(&self, i: usize) -> bool {
        self.node.needs.has(i)
    }

    pub fn node(&self) -> &Rc<Node> {
        self.node
    }

    /// Saved input `i`, if it was not changed since.
    #[inline]
    pub fn input(&self, i: usize) -> Result<Tensor> {
        let saved = self.node.saved.borrow();
        for s in saved.iter() {
            match s {
                Saved::Input(_, at, _) if *at as usize == i => return self.restored(s, mode::recording()),
                Saved::Packed(p) if !p.output && p.at as usize == i => return self.restored(s, mode::recording()),
                _ => {}
            }
        }
        Err(self.missing(&saved))
    }

    /// Saved output `i`: as the recorded result it was, where backward is recorded itself.
    #[inline]
    pub fn output_at(&self, i: usize) -> Result<Tensor> {
        let saved = self.node.saved.borrow();
        for s in saved.iter() {
            match s {
                Saved::Output(_, at, _) if *at as usize == i => return self.restored(s, mode::recording()),
                Saved::Packed(p) if p.output && p.at as usize == i => return self.restored(s, mode::recording()),
                _ => {}
            }
        }
        Err(self.missing(&saved))
    }

    /// What was saved, if it was not changed since; `joined` to the graph where it matters.
    #[inline]
    pub(super) fn restored(&self, s: &Saved, joined: bool) -> Result<Tensor> {
        match s {
            Saved::Input(t, _, version) => {
                if t.version() != *version {
                    return Err(self.changed(s, t.version(), *version));
                }
                Ok(t.clone())
            }
            Saved::Output(alias, at, version) => {
                let array = alias.array();
                if array.storage.version() != *version {
                    return Err(self.changed(s, array.storage.version(), *version));
                }
                if joined { self.as_output(alias, *at) } else { Ok(alias.clone()) }
            }
            Saved::Packed(kept) => {
                let t = kept.packed.unpack()?;
                match (joined, kept.output) {
                    (false, _) => Ok(t),
                    (true, true) => self.as_output(&t, kept.at),
                    (true, false) => super::saved::rejoined(t, &kept.edge),
                }
            }
        }
    }

    /// `t` as output `at` of this node.
    fn as_output(&self, t: &Tensor, at: u8) -> Result<Tensor> {
        let out = Tensor::new(t.array().clone(), Token(false));
        if t.dtype().is_differentiable() {
            out.set_history(self.node.clone(), at as u32);
        }
        if let Some(tangent) = t.tangent() {
            out.set_tangent(Some(tangent));
        }
        Ok(out)
    }

    /// A saved tensor with its place in the graph, for who looks at a node.
    pub fn kept(&self, s: &Saved) -> Result<Tensor> {
        self.restored(s, true)
    }

    /// Saved output 0.
    #[inline]
    pub fn output(&self) -> Result<Tensor> {
        self.output_at(0)
    }

    /// Meta of input `i`, where the op saves [`Saves::META`].
    pub fn meta(&self, i: usize) -> Result<Meta> {
        match self.node.input_meta(i) {
            Some(m) => Ok(m),
            None => bail!(Runtime, "internal error: {} did not save the meta of input {i}", self.node.op().name()),
        }
    }

    #[cold]
    fn missing(&self, saved: &SavedList) -> Box<crate::error::Error> {
        match saved {
            SavedList::Released => backward_twice(),
            _ => err!(Runtime, "internal error: {} asked for what it did not save", self.node.op().name()),
        }
    }

    #[cold]
    fn changed(&self, s: &Saved, now: u32, then: u32) -> Box<crate::error::Error> {
        const SAYS: &str =
            "one of the variables needed for gradient computation has been modified by an inplace operation";
        const CAUSE: &str = "a later in-place op (one whose name ends in _, or an indexed or augmented assignment) wrote to \
                             it; use the out-of-place form";
        let kept = format!("{} backward: {}, was changed in place", self.node.op().name(), s.what());
        if !as_torch() {
            return err!(Runtime, "{SAYS}: {kept} (version {now}, saved at {then})").hint(CAUSE);
        }
        let (t, edge) = match s {
            Saved::Input(t, ..) => (t, t.edge().unwrap_or(Edge::None)),
            Saved::Output(t, at, _) if t.dtype().is_differentiable() => (t, Edge::Node(self.node.clone(), *at as u32)),
            Saved::Output(t, ..) => (t, Edge::None),
            Saved::Packed(_) => return err!(Runtime, "{SAYS}: {kept}").hint(CAUSE),
        };
        // PyTorch keeps a layer's weight as the view w.t(), and makes the node of a view anew once its base has changed.
        let weight = matches!(s, Saved::Input(_, 1, _)) && self.node.op().name() == "linear";
        let from = match edge {
            _ if weight || t.is_view() => ", which is output 0 of AsStrided,".into(),
            Edge::Node(node, nr) => format!(", which is output {nr} of {},", bare(&node.class_name())),
            _ => String::new(),
        };
        let mut shape = t.shape().to_vec();
        if weight {
            shape.reverse();
        }
        err!(
            Runtime,
            "{SAYS}: [{}.{}Tensor {}]{from} is at version {now}; expected version {then} instead. Hint: enable anomaly \
             detection to find the operation that failed to compute its gradient, with \
             {}.autograd.set_detect_anomaly(True, check_nan=False).",
            library(),
            t.dtype().scalar_name(),
            list(&shape),
            library()
        )
        .hint(format!("{kept}; {CAUSE}"))
    }
}

/// `MulBackward0` as PyTorch's errors call it: `Mul`.
fn bare(class: &str) -> &str {
    match class {
        "CopySlices" => "torch::autograd::CopySlices",
        _ => class.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix("Backward").unwrap_or(class),
    }
}

#[cold]
pub fn backward_twice() -> Box<crate::error::Error> {
    err!(
        Runtime,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have \
         already been freed). Saved intermediate values of the graph are freed when you call .backward() or \
         autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you \
         need to access saved tensors after calling backward."
    )
}

/// The incoming gradients, one per output; None is zero.
pub struct Cotangents<'a>(pub &'a [Option<Tensor>]);

impl Cotangents<'_> {
    /// The gradient of the only output.
    #[inline]
    pub fn one(&self) -> Result<&Tensor> {
        match self.0.first() {
            Some(Some(g)) => Ok(g),
            _ => bail!(Runtime, "internal error: backward of an output that has no gradient"),
        }
    }

    #[inline]
    pub fn get(&self, i: usize) -> Option<&Tensor> {
        self.0.get(i).and_then(Option::as_ref)
    }
}

/// The outgoing gradients, one per input; None is zero.
pub enum Grads {
    Inline(u8, [Option<Tensor>; 3]),
    Heap(Vec<Option<Tensor>>),
}

impl Grads {
    #[inline]
    pub fn one(g: Tensor) -> Result<Grads> {
        Ok(Grads::Inline(1, [Some(g), None, None]))
    }

    /// Runs only what input 0 and 1 need.
    #[inline]
    pub fn two(
        c: &Context,
        first: impl FnOnce() -> Result<Tensor>,
        second: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Grads> {
        let a = if c.needs(0) { Some(first()?) } else { None };
        let b = if c.needs(1) { Some(second()?) } else { None };
        Ok(Grads::Inline(2, [a, b, None]))
    }

    /// Runs only what the three inputs need.
    #[inline]
    pub fn three(
        c: &Context,
        first: impl FnOnce() -> Result<Tensor>,
        second: impl FnOnce() -> Result<Tensor>,
        third: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Grads> {
        let a = if c.needs(0) { Some(first()?) } else { None };
        let b = if c.needs(1) { Some(second()?) } else { None };
        let d = if c.needs(2) { Some(third()?) } else { None };
        Ok(Grads::Inline(3, [a, b, d]))
    }

    pub fn many(v: Vec<Option<Tensor>>) -> Result<Grads> {
        Ok(Grads::Heap(v))
    }

    #[inline]
    pub fn take(&mut self, i: usize) -> Option<Tensor> {
        match self {
            Grads::Inline(n, g) if i < *n as usize => g[i].take(),
            Grads::Inline(..) => None,
            Grads::Heap(v) => v.get_mut(i).and_then(Option::take),
        }
    }
}
