//! The real lanes of kernels that are written by hand: float32 and float64, in which all floats compute. (The lanes of formulas,
//! with every intrinsic, are `expr/lanes.rs`.)

use std::ops::{Add, Div, Mul, Sub};

use super::fold::{Fold, Squares, Sum, row_body};
use super::widen::Acc;
use crate::expr::math;

/// A float that kernels compute in. (The sums of rows are functions here, since bounds such as `Sum: Fold<Self>` would have to
/// be repeated by every kernel.)
pub trait Real:
    Acc + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const ONE: Self;
    fn of(v: f64) -> Self;
    fn exp(self) -> Self;
    fn log(self) -> Self;
    fn root(self) -> Self;
    fn tanh(self) -> Self;
    /// `self * a + b`, rounded once.
    fn fma(self, a: Self, b: Self) -> Self;
    /// The larger of both; a NaN in `other` is passed over.
    fn larger(self, other: Self) -> Self;

    /// The largest of `n` elements in memory, NaN passed over: one instruction a vector, where letting NaN win takes four.
    ///
    /// # Safety
    /// `n` elements are readable at `x`; so for the sums below.
    unsafe fn largest(x: *const Self, n: usize) -> Self;
    /// Their sum.
    ///
    /// # Safety
    /// As [`Real::largest`].
    unsafe fn total(x: *const Self, n: usize) -> Self;
    /// The sum of exp(x - m).
    ///
    /// # Safety
    /// As [`Real::largest`].
    unsafe fn total_exp(x: *const Self, n: usize, m: Self) -> Self;
    /// The sum of their squared distances from `mean`.
    ///
    /// # Safety
    /// As [`Real::largest`].
    unsafe fn squares(x: *const Self, n: usize, mean: Self) -> Self;
}

/// As [`Real::larger`].
#[derive(Clone, Copy)]
struct Larger;

/// exp(x - m), added up.
#[derive(Clone, Copy)]
struct SumExp<A>(A);

macro_rules! real {
    ($($t:ident)*) => { $(
        impl Fold<$t> for Larger {
            #[inline(always)]
            fn init(self) -> $t {
                <$t>::NEG_INFINITY
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                if x > acc { x } else { acc }
            }
        }
        impl Fold<$t> for SumExp<$t> {
            #[inline(always)]
            fn init(self) -> $t {
                0.0
            }
            #[inline(always)]
            fn pad(self) -> $t {
                <$t>::NEG_INFINITY
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                acc + math::$t::exp(x - self.0)
            }
            #[inline(always)]
            fn merge(self, a: $t, b: $t) -> $t {
                a + b
            }
        }

        impl Real for $t {
            const ONE: $t = 1.0;
            #[inline(always)]
            fn of(v: f64) -> $t {
                v as $t
            }
            #[inline(always)]
            fn exp(self) -> $t {
                math::$t::exp(self)
            }
            #[inline(always)]
            fn log(self) -> $t {
                math::$t::log(self)
            }
            #[inline(always)]
            fn root(self) -> $t {
                self.sqrt()
            }
            #[inline(always)]
            fn tanh(self) -> $t {
                math::$t::tanh(self)
            }
            #[inline(always)]
            fn fma(self, a: $t, b: $t) -> $t {
                self.mul_add(a, b)
            }
            #[inline(always)]
            fn larger(self, other: $t) -> $t {
                Larger.add(self, other)
            }
            #[inline(always)]
            unsafe fn largest(x: *const $t, n: usize) -> $t {
                // SAFETY: the caller's n elements.
                unsafe { row_body(x, n, Larger) }
            }
            #[inline(always)]
            unsafe fn total(x: *const $t, n: usize) -> $t {
                // SAFETY: the caller's n elements.
                unsafe { row_body(x, n, Sum) }
            }
            #[inline(always)]
            unsafe fn total_exp(x: *const $t, n: usize, m: $t) -> $t {
                // SAFETY: the caller's n elements.
                unsafe { row_body(x, n, SumExp(m)) }
            }
            #[inline(always)]
            unsafe fn squares(x: *const $t, n: usize, mean: $t) -> $t {
                // SAFETY: the caller's n elements.
                unsafe { row_body(x, n, Squares(mean)) }
            }
        }
    )* };
}
real!(f32 f64);
