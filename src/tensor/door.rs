//! What only the door hands out: leave to make a tensor. Whoever wants a new tensor, a view, or another array in an old
//! handle must show a [`Token`], and no floor above this one can make one. So an operation that forgets to pass the door
//! does not compile, and whoever watches the door (tests today; capture, transforms and the profiler tomorrow) sees
//! every result.

use std::cell::RefCell;

use super::handle::{Tensor, ViewKind};
use super::mode;
use crate::core::{DType, Layout};
use crate::device::Array;

/// Leave to make a tensor.
#[derive(Clone, Copy)]
pub struct Token(pub(super) ());

/// What the door asks of this thread's modes, read once per call.
#[derive(Clone, Copy)]
pub struct Door(u8);

impl Door {
    #[inline(always)]
    pub fn here() -> Door {
        Door(mode::bits())
    }

    /// Leave for a short way, which makes its result without [`apply`](super::apply()); None where somebody watches, so that
    /// the call must be an op.
    #[inline(always)]
    pub fn token(self) -> Option<Token> {
        if self.0 & mode::WATCHED == 0 { Some(Token(())) } else { None }
    }

    /// Whether a result of these tensors may have to be recorded for backward.
    #[inline(always)]
    pub fn records<'a>(self, mut x: impl Iterator<Item = &'a Tensor>) -> bool {
        self.0 & mode::GRAD != 0 && x.any(|t| t.requires_grad())
    }
}

/// The tensor over `array`, whose elements come from outside: the user's data, a file. `name` is the function that was
/// called. What is computed, or drawn, is an op.
pub fn enter(name: &'static str, array: Array) -> Tensor {
    let t = Tensor::new(array, Token(()));
    note(name, &[&t]);
    t
}

/// A view of `of` under another layout, for a short way.
#[inline]
pub fn view(of: &Tensor, layout: Layout, token: Token) -> Tensor {
    let out = Tensor::new(of.array().with_layout(layout), token);
    mark_view(of, &out);
    out
}

/// A view of `of` under another layout, in elements of another dtype.
pub fn view_as(of: &Tensor, layout: Layout, dtype: DType, token: Token) -> Tensor {
    let mut array = of.array().with_layout(layout);
    array.meta.dtype = dtype;
    let out = Tensor::new(array, token);
    mark_view(of, &out);
    out
}

/// Notes that `out` is a view of `of`.
#[inline]
pub fn mark_view(of: &Tensor, out: &Tensor) {
    out.set_base(of, if mode::grad_enabled() { ViewKind::Recorded } else { ViewKind::NoGrad });
}

/// `x.data`: the same memory outside the graph, with a version of its own.
pub fn data(x: &Tensor) -> Tensor {
    let out = enter("data", x.array().clone());
    out.with_extra(|e| e.version = Some(0));
    out
}

/// `x.data = new`. The tensor keeps its own version, whatever the memory's.
pub fn set_data(x: &Tensor, new: &Tensor) {
    let version = x.version();
    x.set_array(new.array().clone(), Token(()));
    x.with_extra(|e| e.version = Some(version));
    note("set_data", &[x]);
}

/// An op's name and its results, as they pass the door.
pub type Watcher = Box<dyn FnMut(&'static str, &[&Tensor])>;

thread_local! {
    static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
}

/// Shows every result of this thread to `watcher`; returns the one before. It must not call ops.
pub fn watch(watcher: Option<Watcher>) -> Option<Watcher> {
    mode::set_bit(mode::WATCHED, watcher.is_some());
    WATCHER.replace(watcher)
}

/// Tells the watcher, if there is one.
#[inline(always)]
pub(super) fn note(name: &'static str, results: &[&Tensor]) {
    if mode::bits() & mode::WATCHED != 0 {
        told(name, results);
    }
}

#[cold]
fn told(name: &'static str, results: &[&Tensor]) {
    WATCHER.with_borrow_mut(|w| {
        if let Some(w) = w {
            w(name, results);
        }
    });
}
