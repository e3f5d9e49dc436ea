//! Complex lanes: complex64 and complex128 as scalars of loops. Arithmetic is done in the lane's own precision;
//! functions go through float64 (`math/complex.rs`). What complex numbers lack is refused by the rows before, and here
//! the operand itself.

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
            /// As C multiplies (C99, annex G.5.1), which powers are made of: a factor that has an infinity is
            /// infinite, whatever its other part is.
            fn whole_product(self, o: Self) -> Self {
                let plain = Native::mul(self, o);
                if !plain.re.is_nan() || !plain.im.is_nan() {
                    return plain;
                }
                let infinite = |z: Self| z.re.is_infinite() || z.im.is_infinite();
                let over = [self.re * o.re, self.im * o.im, self.re * o.im, self.im * o.re];
                if !infinite(self) && !infinite(o) && !over.iter().any(|v| v.is_infinite()) {
                    return plain;
                }
                // Of an infinite factor its direction; else NaN becomes a zero.
                let direction = |z: Self| {
                    let part = |v: $t| match infinite(z) {
                        true => (v.is_infinite() as u8 as $t).copysign(v),
                        false if v.is_nan() => (0.0 as $t).copysign(v),
                        false => v,
                    };
                    Complex { re: part(z.re), im: part(z.im) }
                };
                let turned = Native::mul(direction(self), direction(o));
                Complex { re: $t::INFINITY * turned.re, im: $t::INFINITY * turned.im }
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
            /// The plain formula, as PyTorch's: an infinity times a number without imaginary part has a NaN. A sum's
            /// `alpha`, 1 too, is such a number.
            #[inline(always)]
            fn mul(self, o: Self) -> Self {
                let (a, b) = (self, o);
                Complex { re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re }
            }
            /// After R. L. Smith (1962): by the larger part of the divisor, so that its square is not taken. Both
            /// parts of a quotient by 0 are divided by 0, of positive sign.
            #[inline(always)]
            fn div(self, o: Self) -> Self {
                let (a, b) = (self, o);
                let straight = b.re.abs() >= b.im.abs();
                let (p, q) = if straight { (b.re, b.im) } else { (b.im, b.re) };
                let ratio = q / p;
                let by = 1.0 / (p + q * ratio);
                let (re, im) = if straight {
                    (a.re + a.im * ratio, a.im - a.re * ratio)
                } else {
                    (a.re * ratio + a.im, a.im * ratio - a.re)
                };
                let zero = (b.re == 0.0) & (b.im == 0.0);
                let (over_re, over_im) = (a.re / b.re.abs(), a.im / b.im.abs());
                Complex { re: if zero { over_re } else { re * by }, im: if zero { over_im } else { im * by } }
            }
            #[inline(always)]
            fn mul_add(self, by: Self, plus: Self) -> Self {
                Native::add(Native::mul(self, by), plus)
            }
            #[inline(always)]
            fn pow(self, o: Self) -> Self {
                Self::narrowed(m::exp(o.whole_product(self.log()).wide()))
            }
            #[inline(always)]
            fn exp2(self) -> Self {
                let by = std::$t::consts::LN_2;
                Self::narrowed(m::exp(Complex { re: self.re * by, im: self.im * by }.wide()))
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
            functions! { exp expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh sqrt rsqrt }
            lacking! { floor ceil round trunc erf erfc erfinv lgamma digamma bit_not;
            rem atan2 copysign zeta gcd min max bit_and bit_or bit_xor shl shr }
        }
    };
}
complex_lane! { f32 }
complex_lane! { f64 }
