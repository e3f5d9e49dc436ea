//! Code that runs a second time: results that were kept from the first take the place of kernels.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::door::Token;
use super::handle::Tensor;
use super::mode;
use crate::error::Result;

/// Who is asked about each op that makes a fresh result, while it is set for this thread.
pub trait Replay {
    /// Results that were kept, instead of running the op.
    fn kept(&self, name: &'static str, x: &[&Tensor]) -> Result<Option<Vec<Tensor>>>;
    /// The op has run: its results, outside of any graph.
    fn made(&self, name: &'static str, x: &[&Tensor], outs: Vec<Tensor>) -> Result<()>;
}

thread_local! {
    static TAKEN: Cell<bool> = const { Cell::new(false) };
    static CURRENT: RefCell<Option<Rc<dyn Replay>>> = const { RefCell::new(None) };
}

/// Asks `replay` from now on; None ends that. Returns who was asked before.
pub fn set(replay: Option<Rc<dyn Replay>>) -> Option<Rc<dyn Replay>> {
    mode::set_bit(mode::REPLAY, replay.is_some());
    CURRENT.replace(replay)
}

/// Calls `f` with who is asked, who is not asked meanwhile.
fn asked<R>(f: impl FnOnce(&dyn Replay) -> Result<R>) -> Result<Option<R>> {
    let Some(replay) = CURRENT.with_borrow(Clone::clone) else { return Ok(None) };
    mode::set_bit(mode::REPLAY, false);
    let found = f(&*replay);
    mode::set_bit(mode::REPLAY, true);
    found.map(Some)
}

/// Tensors over the arrays that were kept of this call.
#[cold]
pub(super) fn kept(name: &'static str, x: &[&Tensor]) -> Result<Option<Vec<Tensor>>> {
    let found = asked(|r| r.kept(name, x))?.flatten();
    TAKEN.set(found.is_some());
    Ok(found.map(|list| list.iter().map(|t| Tensor::new(t.array().clone(), Token::here())).collect()))
}

/// Whether the op that was asked about last did not run: then whoever counts what is computed need not know.
pub(super) fn taken() -> bool {
    mode::bits() & mode::REPLAY != 0 && TAKEN.replace(false)
}

/// Shows the results of a call.
#[cold]
pub(super) fn made(name: &'static str, x: &[&Tensor], outs: &[Tensor]) -> Result<()> {
    let aliases = outs.iter().map(|t| Tensor::new(t.array().clone(), Token(false))).collect();
    asked(|r| r.made(name, x, aliases)).map(drop)
}
