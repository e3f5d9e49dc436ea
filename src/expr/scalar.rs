//! The operations that every scalar expression is made of. The list is fixed: a new one touches this file,
//! `lanes.rs`, `math.rs`, `dual.rs` and `wgsl.rs` (`graph.rs` and `program.rs` are derived from the list).

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

/// Calls `$m!` with the intrinsics: one operand; two operands; comparisons.
#[macro_export]
macro_rules! intrinsics {
    ($m:ident) => {
        $m! {
            unary: neg exp exp2 expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh sqrt rsqrt
                abs floor ceil round trunc sign erf erfc erfinv lgamma digamma bit_not;
            binary: add sub mul div rem pow atan2 copysign zeta gcd min max bit_and bit_or bit_xor shl shr;
            compare: eq ne lt le gt ge;
        }
    };
}

/// What a comparison gives: a truth value per element.
pub trait Mask:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    fn of(value: bool) -> Self;
}

/// A number on the left of an operator: `1.0 - x`.
pub trait Left<S>: Add<S, Output = S> + Sub<S, Output = S> + Mul<S, Output = S> + Div<S, Output = S> {}

macro_rules! scalar {
    (unary: neg $($u:ident)*; binary: add sub mul div $($b:ident)*; compare: $($c:ident)*;) => {
        /// A number in an expression. Bodies call these only: no `if`, no `<`, no closure, so that the loop around
        /// them vectorises and the same text can be recorded.
        ///
        /// `rem` has the dividend's sign (C's `fmod`), `div` of integers cuts towards zero, `min` and `max` let NaN
        /// win, `round` is to even, `zeta(s, q)` is Hurwitz's. The bit operations and `gcd` mean something for integers only.
        pub trait Scalar:
            Copy
            + From<f64>
            + Neg<Output = Self>
            + Add<Output = Self>
            + Sub<Output = Self>
            + Mul<Output = Self>
            + Div<Output = Self>
            + Add<f64, Output = Self>
            + Sub<f64, Output = Self>
            + Mul<f64, Output = Self>
            + Div<f64, Output = Self>
        {
            type Mask: Mask;

            #[inline(always)]
            fn lit(value: f64) -> Self {
                Self::from(value)
            }
            fn select(c: Self::Mask, a: Self, b: Self) -> Self;
            $(fn $u(self) -> Self;)*
            $(fn $b(self, other: impl Into<Self>) -> Self;)*
            $(fn $c(self, other: impl Into<Self>) -> Self::Mask;)*

            fn square(self) -> Self {
                self * self
            }

            /// `self * by + plus`, where loops of the CPU round once, as PyTorch's do. No intrinsic: a recorded expression has a
            /// product and a sum.
            #[inline(always)]
            fn mul_add(self, by: Self, plus: Self) -> Self {
                self * by + plus
            }
        }
    };
}
intrinsics!(scalar);

/// Implements the operators of `$t`, also with an `f64` on either side, from functions of two `$t`.
#[macro_export]
macro_rules! operators {
    ($gen:tt $t:ty, $($trait:ident $method:ident $f:path;)*) => {
        $($crate::operators!(@one $gen $t, $trait $method $f);)*
        $crate::operators!(@left $gen $t);
    };
    (@one [$($gen:tt)*] $t:ty, $trait:ident $method:ident $f:path) => {
        impl<$($gen)*> ::std::ops::$trait for $t {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                $f(self, other)
            }
        }
        impl<$($gen)*> ::std::ops::$trait<f64> for $t {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: f64) -> Self {
                $f(self, <$t>::from(other))
            }
        }
        impl<$($gen)*> ::std::ops::$trait<$t> for f64 {
            type Output = $t;
            #[inline(always)]
            fn $method(self, other: $t) -> $t {
                $f(<$t>::from(self), other)
            }
        }
    };
    (@left [$($gen:tt)*] $t:ty) => {
        impl<$($gen)*> $crate::expr::Left<$t> for f64 {}
    };
}
