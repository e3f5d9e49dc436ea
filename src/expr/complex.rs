//! Complex lanes: complex64 and complex128 as scalars of loops. Arithmetic is done in the lane's own precision; functions go
//! through float64 (`math/complex.rs`). What complex numbers lack is refused by the rows before, and here the operand itself.

use super::lanes::Native;
use super::math::complex as m;
use crate::core::Complex;

macro_rules! functions {
    ($($u:ident)*) => {
        $(#[inline(always)]
        fn $u(self) -> Self {
            Self::narrowed(m::$u(self.wide()))
        })*
    };
}

/// What no row asks of complex numbers.
macro_rules! lacking {
    ($($u:ident)*; $($b:ident)*) => {
        $(#[inline(always)]
        fn $u(self) -> Self {
            self
        })*
        $(#[inline(always)]
        fn $b(self, _: Self) -> Self {
            self
        })*
    };
}

/// Order is that of the real parts: formulas compare numbers whose imaginary part is 0.
macro_rules! orders {
    ($($f:ident $op:tt;)*) => {
        $(#[inline(always)]
        fn $f(self, o: Self) -> bool {
            self.re $op o.re
        })*
    };
}

macro_rules! complex_lane {
    ($t:ident) => {
        impl Complex<$t> {
            #[inline(always)]
            fn wide(self) -> Complex<f64> {
                Complex { re: self.re as f64, im: self.im as f64 }
            }
            #[inline(always)]
            fn narrowed(v: Complex<f64>) -> Self {
                Complex { re: v.re as $t, im: v.im as $t }
            }
        }

        impl Native for Complex<$t> {
            #[inline(always)]
            fn lit(value: f64) -> Self {
                Complex { re: value as $t, im: 0.0 }
            }
            #[inline(always)]
            fn pick(c: bool, a: Self, b: Self) -> Self {
                if c { a } else { b }
            }
            #[inline(always)]
            fn neg(self) -> Self {
                Complex { re: -self.re, im: -self.im }
            }
            #[inline(always)]
            fn add(self, o: Self) -> Self {
                Complex { re: self.re + o.re, im: self.im + o.im }
            }
            #[inline(always)]
            fn sub(self, o: Self) -> Self {
                Complex { re: self.re - o.re, im: self.im - o.im }
            }
            /// Where that is NaN, a factor without imaginary part scales: a sum's `alpha` of 1 leaves infinities as they are.
            #[inline(always)]
            fn mul(self, o: Self) -> Self {
                let (a, b) = (self, o);
                let full = Complex { re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re };
                let scaled = Complex { re: a.re * b.re, im: if a.im == 0.0 { a.re * b.im } else { a.im * b.re } };
                let lost = full.re.is_nan() | full.im.is_nan();
                if lost & ((a.im == 0.0) | (b.im == 0.0)) { scaled } else { full }
            }
            #[inline(always)]
            fn div(self, o: Self) -> Self {
                let (a, b) = (self, o);
                if b.im == 0.0 {
                    return Complex { re: a.re / b.re, im: a.im / b.re };
                }
                let swap = b.re.abs() < b.im.abs();
                let (p, q) = if swap { (b.im, b.re) } else { (b.re, b.im) };
                let ratio = q / p;
                let by = p + q * ratio;
                if swap {
                    Complex { re: (a.re * ratio + a.im) / by, im: (a.im * ratio - a.re) / by }
                } else {
                    Complex { re: (a.re + a.im * ratio) / by, im: (a.im - a.re * ratio) / by }
                }
            }
            #[inline(always)]
            fn mul_add(self, by: Self, plus: Self) -> Self {
                Native::add(Native::mul(self, by), plus)
            }
            #[inline(always)]
            fn pow(self, o: Self) -> Self {
                Self::narrowed(m::pow(self.wide(), o.wide()))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                Complex { re: m::abs(self.wide()) as $t, im: 0.0 }
            }
            #[inline(always)]
            fn sign(self) -> Self {
                Self::narrowed(m::sgn(self.wide()))
            }
            #[inline(always)]
            fn eq(self, o: Self) -> bool {
                (self.re == o.re) & (self.im == o.im)
            }
            #[inline(always)]
            fn ne(self, o: Self) -> bool {
                (self.re != o.re) | (self.im != o.im)
            }
            orders! { lt <; le <=; gt >; ge >=; }
            functions! { exp exp2 expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh sqrt rsqrt }
            lacking! { floor ceil round trunc erf erfc erfinv lgamma digamma bit_not;
            rem atan2 copysign zeta gcd min max bit_and bit_or bit_xor shl shr }
        }
    };
}
complex_lane! { f32 }
complex_lane! { f64 }
