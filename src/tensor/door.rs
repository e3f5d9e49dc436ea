//! What only the door hands out: leave to make a tensor. Whoever wants a new tensor, a view, or another array in an old
//! handle must show a [`Token`], and no floor above this one can make one. So an operation that forgets to pass the door
//! does not compile, and whoever watches the door (tests today; capture, transforms and the profiler tomorrow) sees
//! every result.

use std::cell::{Cell, RefCell};

use super::handle::{Tensor, ViewKind};
use super::mode;
use crate::core::{DType, Layout};
use crate::device::Array;

/// Leave to make a tensor; says whether inference mode is on, whose tensors stay outside of graphs for ever.
#[derive(Clone, Copy)]
pub struct Token(pub(super) bool);

impl Token {
    /// Leave by the thread's mode.
    #[inline(always)]
    pub(super) fn here() -> Token {
        Token(mode::inference())
    }
}

/// Leave for what floor 8 shows anew without computing: an input that a custom function returns.
pub fn pass() -> Token {
    Token::here()
}

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
        if self.0 & (mode::WATCHED | mode::REPLAY) == 0 { Some(Token(self.0 & mode::INFERENCE != 0)) } else { None }
    }

    /// Whether a result of these tensors may have to be recorded for backward.
    #[inline(always)]
    pub fn records<'a>(self, mut x: impl Iterator<Item = &'a Tensor>) -> bool {
        // In forward mode tangents are found from what would be recorded, under no_grad as well.
        self.0 & mode::INFERENCE == 0 && self.0 & (mode::GRAD | mode::DUAL) != 0 && x.any(|t| self.differentiates(t))
    }

    /// Whether a result of `t` has a derivative that somebody asks for, outside of inference mode.
    #[inline(always)]
    pub(super) fn differentiates(self, t: &Tensor) -> bool {
        (self.0 & mode::GRAD != 0 && t.requires_grad()) || (self.0 & mode::DUAL != 0 && t.tangent().is_some())
    }
}

/// The tensor over `array`, whose elements come from outside: the user's data, a file. `name` is the function that was
/// called. What is computed, or drawn, is an op.
pub fn enter(name: &'static str, array: Array) -> Tensor {
    let t = Tensor::new(array, Token::here());
    note(name, &[], &[&t]);
    t
}

/// A view of `of` under another layout, for a short way.
#[inline]
pub fn view(of: &Tensor, layout: Layout, _: Token) -> Tensor {
    let out = Tensor::new(of.array().with_layout(layout), Token(of.is_inference()));
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
    out.set_base(of, view_kind(ViewKind::Recorded));
}

/// `recorded`, or what a view is that is made where nothing is recorded.
pub fn view_kind(recorded: ViewKind) -> ViewKind {
    let bits = mode::bits();
    if bits & mode::INFERENCE != 0 {
        ViewKind::Inference
    } else if bits & mode::GRAD != 0 {
        recorded
    } else {
        ViewKind::NoGrad
    }
}

/// `x.data`: the same memory outside the graph, with a version of its own.
pub fn data(x: &Tensor) -> Tensor {
    let out = enter("data", x.array().clone());
    out.set_inference(x.is_inference());
    out.with_extra(|e| e.version = Some(0));
    out
}

/// `x.data = new`. The tensor keeps its own version, whatever the memory's.
pub fn set_data(x: &Tensor, new: &Tensor) {
    let version = x.version();
    x.set_array(new.array().clone(), Token(false));
    x.with_extra(|e| e.version = Some(version));
    note("set_data", &[], &[x]);
}

/// An op's name, what it computed from (nothing where it wrote over its input), and its results, as they pass the door.
pub type Watcher = Box<dyn FnMut(&'static str, &[&Tensor], &[&Tensor])>;

thread_local! {
    static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
    /// The op whose backward runs, while somebody watches; empty outside of backward.
    static BACKWARD: Cell<&'static str> = const { Cell::new("") };
}

/// Shows every result of this thread to `watcher`; returns the one before. It must not call ops.
pub fn watch(watcher: Option<Watcher>) -> Option<Watcher> {
    mode::set_bit(mode::WATCHED, watcher.is_some());
    WATCHER.replace(watcher)
}

/// Tells the watcher, if there is one.
#[inline(always)]
pub(super) fn note(name: &'static str, inputs: &[&Tensor], results: &[&Tensor]) {
    if mode::bits() & mode::WATCHED != 0 {
        told(name, inputs, results);
    }
}

/// As [`note`], of several results.
#[inline(always)]
pub(super) fn note_many(name: &'static str, inputs: &[&Tensor], results: &[Tensor]) {
    if mode::bits() & mode::WATCHED != 0 {
        told(name, inputs, &results.iter().collect::<Vec<_>>());
    }
}

/// Calls `f`, the backward of the op `name`, and says so to a watcher that asks.
#[inline(always)]
pub fn backward_of<R>(name: impl FnOnce() -> &'static str, f: impl FnOnce() -> R) -> R {
    if mode::bits() & mode::WATCHED == 0 {
        return f();
    }
    let before = BACKWARD.replace(name());
    let out = f();
    BACKWARD.set(before);
    out
}

/// The op whose backward this thread runs; empty where there is none, or nobody watched when it began.
pub fn backward() -> &'static str {
    BACKWARD.get()
}

#[cold]
fn told(name: &'static str, inputs: &[&Tensor], results: &[&Tensor]) {
    WATCHER.with_borrow_mut(|w| {
        if let Some(w) = w {
            w(name, inputs, results);
        }
    });
}
