//! Forward mode: tensors that carry a tangent, and what the door makes of it.
//!
//! While a level is open the door gives each differentiable result of a tensor that carries a tangent its own: the product
//! of the op's Jacobian with the tangents of the inputs. Ops are not asked for a formula of their own. Their vjp is linear
//! in the gradient that comes in, so its transpose, one more backward through that one op, is the product wanted.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::OnceLock;

use super::data;
use super::door::{Token, note, view, view_as};
use super::handle::Tensor;
use super::mode::{self, GradGuard};
use super::node::Node;
use super::op::{Context, Cotangents, Op};
use super::saved::Saved;
use crate::core::{Layout, Meta};
use crate::device::Array;
use crate::error::Result;
use crate::{bail, err};

/// The gradients of outputs, each with the gradient that comes to it, by `inputs`; with `create_graph` recorded themselves.
/// None where there is none.
pub type Gradients = fn(&[(Tensor, Option<Tensor>)], &[Tensor], create_graph: bool) -> Result<Vec<Option<Tensor>>>;

static GRADIENTS: OnceLock<Gradients> = OnceLock::new();

/// Told once by the floor that runs backward.
pub fn set_gradients(f: Gradients) {
    let _ = GRADIENTS.set(f);
}

thread_local! {
    /// The number of the open level; tangents of others count for nothing. 0 where none is open.
    static LEVEL: Cell<u64> = const { Cell::new(0) };
    static LAST: Cell<u64> = const { Cell::new(0) };
    static ENABLED: Cell<bool> = const { Cell::new(true) };
}

/// Opens a level of this thread. False where one is open.
pub fn enter() -> bool {
    if LEVEL.get() != 0 {
        return false;
    }
    LAST.set(LAST.get() + 1);
    LEVEL.set(LAST.get());
    mode::set_bit(mode::DUAL, ENABLED.get());
    true
}

/// Closes the level: what carried tangents carries none.
pub fn exit() {
    LEVEL.set(0);
    mode::set_bit(mode::DUAL, false);
}

/// Has results carry tangents within levels, or not; returns what it was.
pub fn set_enabled(on: bool) -> bool {
    mode::set_bit(mode::DUAL, on && LEVEL.get() != 0);
    ENABLED.replace(on)
}

pub fn enabled() -> bool {
    ENABLED.get()
}

/// No result carries a tangent until this is dropped.
struct Off(bool);

impl Off {
    fn new() -> Off {
        Off(mode::set_bit(mode::DUAL, false))
    }
}

impl Drop for Off {
    fn drop(&mut self) {
        mode::set_bit(mode::DUAL, self.0);
    }
}

impl Tensor {
    /// The tangent that this tensor carries at the open level.
    pub fn tangent(&self) -> Option<Tensor> {
        let level = LEVEL.get();
        self.extra(|e| e.tangent.as_ref().filter(|(l, _)| *l == level).map(|(_, t)| t.clone())).flatten()
    }

    /// As it is, without a copy.
    pub fn set_tangent(&self, t: Option<Tensor>) {
        let level = LEVEL.get();
        // Dropped after the borrow: it may look at this tensor again.
        let old = self.with_extra(|e| std::mem::replace(&mut e.tangent, t.map(|t| (level, t))));
        drop(old);
    }

    /// Makes this tensor carry `t`, which has its shape: in its own strides, so that views of both are alike.
    pub fn become_dual(&self, t: &Tensor) -> Result<()> {
        let t = if t.layout().strides == self.layout().strides { t.clone() } else { laid(t, self)? };
        self.set_tangent(Some(t));
        Ok(())
    }
}

/// `t` with the strides of `like`.
fn laid(t: &Tensor, like: &Tensor) -> Result<Tensor> {
    let _off = Off::new();
    let mut layout = like.layout().clone();
    layout.offset = 0;
    if !layout.is_dense() {
        layout = Layout::contiguous(layout.shape.clone());
    }
    let room = zeros(layout, t)?;
    room.copy_from(t)?;
    Ok(room)
}

fn zeros(layout: Layout, like: &Tensor) -> Result<Tensor> {
    let array = Array::zeros(Meta::new(layout, like.dtype(), like.device()))?;
    let room = Tensor::new(array, Token::here());
    note("zeros", &[], &[&room]);
    Ok(room)
}

/// Whether a result of these tensors carries a tangent.
#[inline]
pub fn any<'a>(mut x: impl Iterator<Item = &'a Tensor>) -> bool {
    mode::bits() & (mode::DUAL | mode::INFERENCE) == mode::DUAL && x.any(|t| t.tangent().is_some())
}

/// Gives `out`, a view of `of` by `op`, the same view of the tangent. False where that is no view, or must be recorded.
pub fn viewed(op: &dyn Op, of: &Tensor, out: &Tensor) -> Result<bool> {
    let Some(t) = of.tangent().filter(|t| !(t.requires_grad() && mode::recording())) else { return Ok(false) };
    let Some(layout) = op.view(t.layout()) else { return Ok(false) };
    let (layout, dtype) = (layout?, op.view_dtype(t.dtype()));
    let shown =
        if dtype == t.dtype() { view(&t, layout, Token(false)) } else { view_as(&t, layout, dtype, Token(false)) };
    out.set_tangent(Some(shown));
    Ok(true)
}

/// Gives each differentiable output of `node`, just computed from `x`, its tangent.
pub fn push(node: &Rc<Node>, x: &[&Tensor], outs: &[&Tensor]) -> Result<()> {
    for (out, t) in outs.iter().zip(pushed(node, x, outs)?) {
        if let Some(t) = t {
            out.become_dual(&t)?;
        }
    }
    follow(node, outs);
    Ok(())
}

/// What the node keeps of its outputs carries their tangents, for derivatives of backward.
pub fn follow(node: &Rc<Node>, outs: &[&Tensor]) {
    for s in node.saved.borrow().iter() {
        if let Saved::Output(alias, at, _) = s
            && let Some(out) = outs.get(*at as usize)
        {
            alias.set_tangent(out.tangent());
        }
    }
}

/// The tangents of the outputs of `node`, which was recorded for `x`; None for those that have none.
pub fn pushed(node: &Rc<Node>, x: &[&Tensor], outs: &[&Tensor]) -> Result<Vec<Option<Tensor>>> {
    let Some(gradients) = GRADIENTS.get() else { bail!(Runtime, "internal error: nobody runs backward") };
    let tangents: Vec<Option<Tensor>> = x.iter().map(|t| t.tangent()).collect();
    let recorded = mode::recording()
        && (x.iter().any(|t| t.requires_grad()) || tangents.iter().flatten().any(|t| t.requires_grad()));
    let _off = Off::new();
    let _grad = GradGuard::new(true);
    let mut incoming = Vec::with_capacity(outs.len());
    for out in outs {
        incoming.push(if out.dtype().is_differentiable() {
            let g = Tensor::constant(out.shape(), out.dtype(), out.device(), 0)?;
            g.set_requires_grad(true)?;
            Some(g)
        } else {
            None
        });
    }
    let mut found = node.op().vjp(&Context::new(node), &Cotangents(&incoming)).map_err(|e| no_derivative(node, e))?;
    let mut pairs = Vec::new();
    for (i, t) in tangents.iter().enumerate() {
        if let (Some(g), Some(t)) = (found.take(i), t)
            && g.requires_grad()
        {
            // A broadcast input's gradient has been summed to its shape.
            pairs.push((g, Some(t.clone())));
        }
    }
    let wanted: Vec<Tensor> = incoming.iter().flatten().cloned().collect();
    let mut results = if pairs.is_empty() {
        vec![None; wanted.len()]
    } else {
        gradients(&pairs, &wanted, recorded).map_err(|e| no_derivative(node, e))?
    };
    let mut results = results.drain(..);
    let mut all = Vec::with_capacity(outs.len());
    for (out, g) in outs.iter().zip(&incoming) {
        if g.is_none() {
            all.push(None);
            continue;
        }
        let t = match results.next().flatten() {
            // Written over later, it must not be what another tensor carries.
            Some(t) if tangents.iter().flatten().any(|o| o.array().storage.same(&t.array().storage)) => fresh(&t)?,
            Some(t) if recorded || !t.requires_grad() => t,
            Some(t) => t.detach(),
            None => Tensor::constant(out.shape(), out.dtype(), out.device(), 0)?,
        };
        all.push(Some(t));
    }
    Ok(all)
}

fn fresh(t: &Tensor) -> Result<Tensor> {
    if t.requires_grad() {
        return t.add(&Tensor::constant(&[], t.dtype(), t.device(), 0)?);
    }
    let array = Array::empty(Meta::new(Layout::contiguous(t.shape().into()), t.dtype(), t.device()))?;
    data::copy(t.array(), &array)?;
    let out = Tensor::new(array, Token::here());
    note("clone", &[], &[&out]);
    Ok(out)
}

#[cold]
fn no_derivative(node: &Rc<Node>, e: Box<crate::error::Error>) -> Box<crate::error::Error> {
    if e.kind != crate::error::Kind::NotImplemented {
        return e;
    }
    err!(
        NotImplemented,
        "Trying to use forward AD with {} that does not support it because it has not been implemented yet.",
        node.op().name()
    )
    .hint(format!("tangents come from the derivative of its backward: {e}"))
}

/// `target` has been written, and its tangent is now `t`: written over the one that it carries, so that views and the
/// tensor that it is a view of see it too.
pub fn overwritten(target: &Tensor, t: Option<Tensor>) -> Result<()> {
    let _off = Off::new();
    match (target.tangent(), t) {
        (None, None) => Ok(()),
        (Some(old), None) => zeroed(&old),
        (Some(old), Some(t)) => old.copy_from(&t),
        (None, Some(t)) => {
            let Some(base) = target.base() else { return target.become_dual(&t) };
            let whole = match base.tangent() {
                Some(whole) => whole,
                None => {
                    let mut layout = base.layout().clone();
                    layout.offset = 0;
                    let whole = zeros(layout, &base)?;
                    base.set_tangent(Some(whole.clone()));
                    whole
                }
            };
            let mut layout = target.layout().clone();
            layout.offset = layout.offset - base.layout().offset + whole.layout().offset;
            let part = view(&whole, layout, Token(false));
            part.copy_from(&t)?;
            target.set_tangent(Some(part));
            Ok(())
        }
    }
}

fn zeroed(t: &Tensor) -> Result<()> {
    t.copy_from(&Tensor::constant(t.shape(), t.dtype(), t.device(), 0)?)
}
