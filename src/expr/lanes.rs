//! Native lanes: float32, float64 and int64 as scalars of compiled loops. Other dtypes convert to one of them per
//! tile (float16 and bfloat16 to float32, bool and the other integers to int64). Complex lanes stand in `complex.rs`.

use super::math;
use super::scalar::{Mask, Scalar};
use crate::core::Stored;
use crate::core::dtype::f64_to_i64;
use crate::{intrinsics, operators};

/// A number of a compiled loop.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(transparent)]
pub struct Lane<T>(pub T);

impl Mask for bool {
    #[inline(always)]
    fn of(value: bool) -> bool {
        value
    }
}

macro_rules! native {
    (unary: $($u:ident)*; binary: $($b:ident)*; compare: $($c:ident)*;) => {
        /// An element type that loops are compiled for.
        pub trait Native: Stored {
            fn lit(value: f64) -> Self;
            fn pick(c: bool, a: Self, b: Self) -> Self;
            $(fn $u(self) -> Self;)*
            $(fn $b(self, other: Self) -> Self;)*
            $(fn $c(self, other: Self) -> bool;)*
            fn mul_add(self, by: Self, plus: Self) -> Self;
        }
    };
}
intrinsics!(native);

macro_rules! forward {
    (unary: neg $($u:ident)*; binary: add sub mul div $($b:ident)*; compare: $($c:ident)*;) => {
        impl<T: Native> Scalar for Lane<T> {
            type Mask = bool;
            #[inline(always)]
            fn select(c: bool, a: Self, b: Self) -> Self {
                Lane(T::pick(c, a.0, b.0))
            }
            $(#[inline(always)]
            fn $u(self) -> Self {
                Lane(Native::$u(self.0))
            })*
            $(#[inline(always)]
            fn $b(self, other: impl Into<Self>) -> Self {
                Lane(Native::$b(self.0, other.into().0))
            })*
            $(#[inline(always)]
            fn $c(self, other: impl Into<Self>) -> bool {
                Native::$c(self.0, other.into().0)
            })*
            #[inline(always)]
            fn mul_add(self, by: Self, plus: Self) -> Self {
                Lane(Native::mul_add(self.0, by.0, plus.0))
            }
        }
    };
}
intrinsics!(forward);

impl<T: Native> From<f64> for Lane<T> {
    #[inline(always)]
    fn from(value: f64) -> Self {
        Lane(T::lit(value))
    }
}

impl<T: Native> std::ops::Neg for Lane<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Lane(Native::neg(self.0))
    }
}

impl<T: Native> Lane<T> {
    #[inline(always)]
    fn plus(self, o: Self) -> Self {
        Lane(Native::add(self.0, o.0))
    }
    #[inline(always)]
    fn minus(self, o: Self) -> Self {
        Lane(Native::sub(self.0, o.0))
    }
    #[inline(always)]
    fn times(self, o: Self) -> Self {
        Lane(Native::mul(self.0, o.0))
    }
    #[inline(always)]
    fn over(self, o: Self) -> Self {
        Lane(Native::div(self.0, o.0))
    }
}
operators! { [T: Native] Lane<T>,
    Add add Lane::plus; Sub sub Lane::minus; Mul mul Lane::times; Div div Lane::over;
}

/// What both float lanes do alike: the processor's own operations.
macro_rules! float_basics {
    ($t:ident) => {
        #[inline(always)]
        fn lit(value: f64) -> Self {
            value as $t
        }
        #[inline(always)]
        fn pick(c: bool, a: Self, b: Self) -> Self {
            if c { a } else { b }
        }
        #[inline(always)]
        fn neg(self) -> Self {
            -self
        }
        #[inline(always)]
        fn add(self, o: Self) -> Self {
            self + o
        }
        #[inline(always)]
        fn sub(self, o: Self) -> Self {
            self - o
        }
        #[inline(always)]
        fn mul(self, o: Self) -> Self {
            self * o
        }
        #[inline(always)]
        fn div(self, o: Self) -> Self {
            self / o
        }
        #[inline(always)]
        fn mul_add(self, by: Self, plus: Self) -> Self {
            $t::mul_add(self, by, plus)
        }
        #[inline(always)]
        fn rem(self, o: Self) -> Self {
            self % o
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            $t::sqrt(self)
        }
        #[inline(always)]
        fn rsqrt(self) -> Self {
            1.0 / $t::sqrt(self)
        }
        #[inline(always)]
        fn abs(self) -> Self {
            $t::abs(self)
        }
        #[inline(always)]
        fn copysign(self, o: Self) -> Self {
            $t::copysign(self, o)
        }
        #[inline(always)]
        fn floor(self) -> Self {
            $t::floor(self)
        }
        #[inline(always)]
        fn ceil(self) -> Self {
            $t::ceil(self)
        }
        #[inline(always)]
        fn round(self) -> Self {
            self.round_ties_even()
        }
        #[inline(always)]
        fn trunc(self) -> Self {
            $t::trunc(self)
        }
        #[inline(always)]
        fn sign(self) -> Self {
            (self > 0.0) as u8 as $t - (self < 0.0) as u8 as $t
        }
        // Not `f32::min`, which lets NaN lose.
        #[inline(always)]
        fn min(self, o: Self) -> Self {
            if (self < o) | (self.is_nan()) { self } else { o }
        }
        #[inline(always)]
        fn max(self, o: Self) -> Self {
            if (self > o) | (self.is_nan()) { self } else { o }
        }
        #[inline(always)]
        fn eq(self, o: Self) -> bool {
            self == o
        }
        #[inline(always)]
        fn ne(self, o: Self) -> bool {
            self != o
        }
        #[inline(always)]
        fn lt(self, o: Self) -> bool {
            self < o
        }
        #[inline(always)]
        fn le(self, o: Self) -> bool {
            self <= o
        }
        #[inline(always)]
        fn gt(self, o: Self) -> bool {
            self > o
        }
        #[inline(always)]
        fn ge(self, o: Self) -> bool {
            self >= o
        }
        // Refused for floats by the dtype rules.
        #[inline(always)]
        fn bit_not(self) -> Self {
            self
        }
        #[inline(always)]
        fn gcd(self, _: Self) -> Self {
            self
        }
        #[inline(always)]
        fn bit_and(self, _: Self) -> Self {
            self
        }
        #[inline(always)]
        fn bit_or(self, _: Self) -> Self {
            self
        }
        #[inline(always)]
        fn bit_xor(self, _: Self) -> Self {
            self
        }
        #[inline(always)]
        fn shl(self, _: Self) -> Self {
            self
        }
        #[inline(always)]
        fn shr(self, _: Self) -> Self {
            self
        }
    };
}

macro_rules! functions {
    ($module:ident: $($u:ident)*; $($b:ident)*) => {
        $(#[inline(always)]
        fn $u(self) -> Self {
            math::$module::$u(self)
        })*
        $(#[inline(always)]
        fn $b(self, o: Self) -> Self {
            math::$module::$b(self, o)
        })*
    };
}

macro_rules! float_lane {
    ($t:ident) => {
        impl Native for $t {
            float_basics! { $t }
            functions! { $t: exp exp2 expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh erf erfc
            erfinv lgamma digamma; pow atan2 zeta }
        }
    };
}
float_lane! { f32 }
float_lane! { f64 }

macro_rules! through_f64 {
    ($($u:ident)*; $($b:ident)*) => {
        // No row computes these on integers: they promote to a float dtype first.
        $(#[inline(always)]
        fn $u(self) -> Self {
            f64_to_i64(Native::$u(self as f64))
        })*
        $(#[inline(always)]
        fn $b(self, o: Self) -> Self {
            f64_to_i64(Native::$b(self as f64, o as f64))
        })*
    };
}

/// Integer operations wrap; a zero divisor, which the ops refuse beforehand, gives 0.
impl Native for i64 {
    through_f64! { exp exp2 expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh sqrt rsqrt erf erfc
    erfinv lgamma digamma; atan2 zeta }
    #[inline(always)]
    fn lit(value: f64) -> i64 {
        f64_to_i64(value)
    }
    #[inline(always)]
    fn pick(c: bool, a: i64, b: i64) -> i64 {
        if c { a } else { b }
    }
    #[inline(always)]
    fn neg(self) -> i64 {
        self.wrapping_neg()
    }
    #[inline(always)]
    fn abs(self) -> i64 {
        self.wrapping_abs()
    }
    #[inline(always)]
    fn floor(self) -> i64 {
        self
    }
    #[inline(always)]
    fn ceil(self) -> i64 {
        self
    }
    #[inline(always)]
    fn round(self) -> i64 {
        self
    }
    #[inline(always)]
    fn trunc(self) -> i64 {
        self
    }
    #[inline(always)]
    fn sign(self) -> i64 {
        self.signum()
    }
    #[inline(always)]
    fn bit_not(self) -> i64 {
        !self
    }
    #[inline(always)]
    fn add(self, o: i64) -> i64 {
        self.wrapping_add(o)
    }
    #[inline(always)]
    fn sub(self, o: i64) -> i64 {
        self.wrapping_sub(o)
    }
    #[inline(always)]
    fn mul(self, o: i64) -> i64 {
        self.wrapping_mul(o)
    }
    #[inline(always)]
    fn mul_add(self, by: i64, plus: i64) -> i64 {
        self.wrapping_mul(by).wrapping_add(plus)
    }
    #[inline(always)]
    fn copysign(self, o: i64) -> i64 {
        if o < 0 { self.wrapping_abs().wrapping_neg() } else { self.wrapping_abs() }
    }
    #[inline(always)]
    fn gcd(self, o: i64) -> i64 {
        math::gcd_i64(self, o)
    }
    #[inline(always)]
    fn min(self, o: i64) -> i64 {
        if self < o { self } else { o }
    }
    #[inline(always)]
    fn max(self, o: i64) -> i64 {
        if self > o { self } else { o }
    }
    #[inline(always)]
    fn bit_and(self, o: i64) -> i64 {
        self & o
    }
    #[inline(always)]
    fn bit_or(self, o: i64) -> i64 {
        self | o
    }
    #[inline(always)]
    fn bit_xor(self, o: i64) -> i64 {
        self ^ o
    }
    #[inline(always)]
    fn div(self, o: i64) -> i64 {
        if o == 0 { 0 } else { self.wrapping_div(o) }
    }
    #[inline(always)]
    fn rem(self, o: i64) -> i64 {
        if o == 0 { 0 } else { self.wrapping_rem(o) }
    }
    #[inline(always)]
    fn pow(self, o: i64) -> i64 {
        math::pow_i64(self, o)
    }
    #[inline(always)]
    fn shl(self, o: i64) -> i64 {
        if (0..64).contains(&o) { self << (o & 63) } else { 0 }
    }
    #[inline(always)]
    fn shr(self, o: i64) -> i64 {
        if (0..64).contains(&o) { self >> (o & 63) } else { self >> 63 }
    }
    #[inline(always)]
    fn eq(self, o: i64) -> bool {
        self == o
    }
    #[inline(always)]
    fn ne(self, o: i64) -> bool {
        self != o
    }
    #[inline(always)]
    fn lt(self, o: i64) -> bool {
        self < o
    }
    #[inline(always)]
    fn le(self, o: i64) -> bool {
        self <= o
    }
    #[inline(always)]
    fn gt(self, o: i64) -> bool {
        self > o
    }
    #[inline(always)]
    fn ge(self, o: i64) -> bool {
        self >= o
    }
}
