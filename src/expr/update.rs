//! A formula with several results: one element's step of an optimizer. It reads the parameter, its gradient and its state,
//! and writes the parameter and its state anew. As a type it becomes a compiled loop, recorded it becomes WGSL or tensor ops.

use std::cell::RefCell;

use super::graph::{Expr, Graph};
use super::scalar::{Left, Scalar};

/// Operands of an update at most: the parameter, its gradient, and its state.
pub const MAX_OPERANDS: usize = 6;
/// Numbers of an update at most.
pub const MAX_NUMBERS: usize = 12;

/// Where an update reads and writes one element. Operand 0 is the parameter, 1 the gradient; the state follows.
pub trait Slots<S: Scalar>: Copy {
    fn get(self, k: usize) -> S;
    /// A number that all elements share, and that changes from step to step.
    fn number(self, j: usize) -> S;
    /// A choice that all elements share: known before the loop begins, and before a shader is printed.
    fn flag(self, j: usize) -> bool;
    fn put(self, k: usize, value: S);
    /// A value as if it had been stored in between, as PyTorch's chains of in-place ops do.
    fn rounded(self, value: S) -> S;

    /// A number as PyTorch's `add` takes its `alpha`: rounded to the tensors' dtype. Other numbers keep their digits.
    #[inline(always)]
    fn alpha(self, number: S) -> S {
        self.rounded(number)
    }

    /// Stores what is also needed further on.
    #[inline(always)]
    fn keep(self, k: usize, value: S) -> S {
        let value = self.rounded(value);
        self.put(k, value);
        value
    }
}

/// A formula with several results. It reads an operand before it writes that operand.
pub trait Update: 'static {
    fn eval<S: Scalar, P: Slots<S>>(slots: P)
    where
        f64: Left<S>;
}

/// An update written down, for one choice of its flags.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub graph: Graph,
    /// What is written: operands, and the nodes that they get.
    pub results: Vec<(usize, u32)>,
}

/// The slots of recording.
#[derive(Clone, Copy)]
struct Leaves<'a> {
    flags: u32,
    results: &'a RefCell<Vec<(usize, Expr)>>,
}

impl Slots<Expr> for Leaves<'_> {
    fn get(self, k: usize) -> Expr {
        Graph::leaf(k)
    }
    fn number(self, j: usize) -> Expr {
        Graph::leaf_param(j)
    }
    fn flag(self, j: usize) -> bool {
        self.flags >> j & 1 == 1
    }
    fn put(self, k: usize, value: Expr) {
        self.results.borrow_mut().push((k, value));
    }
    fn rounded(self, value: Expr) -> Expr {
        value.rounded()
    }
}

impl Recorded {
    pub fn of<U: Update>(flags: u32) -> Recorded {
        let results = RefCell::new(Vec::new());
        let record = || {
            U::eval::<Expr, _>(Leaves { flags, results: &results });
            results.borrow().iter().map(|&(_, value)| value).collect()
        };
        let (graph, roots) = Graph::several(record);
        let operands = results.borrow().iter().map(|&(k, _)| k).collect::<Vec<_>>();
        Recorded { graph, results: operands.into_iter().zip(roots).collect() }
    }
}
