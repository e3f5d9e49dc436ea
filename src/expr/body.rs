//! One formula as a type, so that a loop, a recorder or a derivative can be compiled around it. `elementwise!`
//! writes the implementations.

use super::scalar::{Left, Scalar};

/// Operands of one formula: a row's inputs (at most 5), its output and the incoming gradient.
pub const MAX_INPUTS: usize = 8;
/// Numbers of one formula (`alpha`, `min`).
pub const MAX_PARAMS: usize = 4;

/// Where a formula takes its operands from and puts its result.
pub trait Place<S: Scalar>: Copy {
    type Done;
    fn num(self, i: usize) -> S;
    fn mask(self, i: usize) -> S::Mask;
    fn param(self, i: usize) -> S;
    fn put(self, value: S) -> Self::Done;
    fn put_mask(self, value: S::Mask) -> Self::Done;
}

/// A formula. It reads each operand at most once, before it puts its result.
pub trait Body: 'static {
    fn eval<S: Scalar, P: Place<S>>(place: P) -> P::Done
    where
        f64: Left<S>;
}
