//! Dual numbers: a value and its derivative in one direction. The only table of derivatives: over [`super::Expr`] it
//! differentiates symbolically (`diff.rs`), over lanes it tests the derivatives that rows state.

use super::scalar::{Left, Scalar};
use crate::{intrinsics, operators};

#[derive(Debug, Clone, Copy)]
pub struct Dual<S> {
    pub value: S,
    pub slope: S,
}

impl<S: Scalar> Dual<S> {
    pub fn new(value: S, slope: S) -> Dual<S> {
        Dual { value, slope }
    }

    pub fn constant(value: S) -> Dual<S> {
        Dual { value, slope: S::lit(0.0) }
    }

    fn plus(self, o: Self) -> Self {
        Dual::new(self.value + o.value, self.slope + o.slope)
    }
    fn minus(self, o: Self) -> Self {
        Dual::new(self.value - o.value, self.slope - o.slope)
    }
    fn times(self, o: Self) -> Self {
        Dual::new(self.value * o.value, self.slope * o.value + self.value * o.slope)
    }
    fn over(self, o: Self) -> Self {
        let y = self.value / o.value;
        Dual::new(y, (self.slope - y * o.slope) / o.value)
    }
}

impl<S: Scalar> From<f64> for Dual<S> {
    fn from(value: f64) -> Self {
        Dual::constant(S::lit(value))
    }
}

impl<S: Scalar> std::ops::Neg for Dual<S> {
    type Output = Self;
    fn neg(self) -> Self {
        Dual::new(-self.value, -self.slope)
    }
}
operators! { [S: Scalar] Dual<S>, Add add Dual::plus; Sub sub Dual::minus; Mul mul Dual::times; Div div Dual::over; }

/// dy/dx of one-operand intrinsics, from x and y. Steps (floor, sign) have derivative 0, as in PyTorch. The
/// derivative of digamma is zeta's at 2.
macro_rules! slopes {
    ($x:ident $y:ident; $($name:ident: $slope:expr;)*) => {
        $(fn $name(self) -> Self {
            let $x = self.value;
            let $y = $x.$name();
            let _ = $y;
            Dual::new($y, self.slope * $slope)
        })*
    };
}

macro_rules! compares {
    (unary: $($u:ident)*; binary: $($b:ident)*; compare: $($c:ident)*;) => {
        $(fn $c(self, other: impl Into<Self>) -> S::Mask {
            self.value.$c(other.into().value)
        })*
    };
}

/// Bits have no derivative.
macro_rules! bits {
    ($($b:ident)*) => {
        $(fn $b(self, other: impl Into<Self>) -> Self {
            Dual::constant(self.value.$b(other.into().value))
        })*
    };
}

const TWO_OVER_SQRT_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI;
const LN_2: f64 = std::f64::consts::LN_2;
const LN_10: f64 = std::f64::consts::LN_10;

impl<S: Scalar> Scalar for Dual<S>
where
    f64: Left<S>,
{
    type Mask = S::Mask;

    fn select(c: S::Mask, a: Self, b: Self) -> Self {
        Dual::new(S::select(c, a.value, b.value), S::select(c, a.slope, b.slope))
    }

    slopes! { x y;
        exp: y;
        exp2: y * LN_2;
        expm1: y + 1.0;
        log: 1.0 / x;
        log1p: 1.0 / (x + 1.0);
        log2: 1.0 / (x * LN_2);
        log10: 1.0 / (x * LN_10);
        sin: x.cos();
        cos: -x.sin();
        tan: 1.0 + y * y;
        asin: (1.0 - x * x).rsqrt();
        acos: -(1.0 - x * x).rsqrt();
        atan: 1.0 / (1.0 + x * x);
        sinh: x.cosh();
        cosh: x.sinh();
        tanh: 1.0 - y * y;
        sqrt: 0.5 / y;
        rsqrt: -0.5 * (y * y * y);
        abs: x.sign();
        floor: S::lit(0.0);
        ceil: S::lit(0.0);
        round: S::lit(0.0);
        trunc: S::lit(0.0);
        sign: S::lit(0.0);
        erf: TWO_OVER_SQRT_PI * (-(x * x)).exp();
        erfc: -TWO_OVER_SQRT_PI * (-(x * x)).exp();
        erfinv: (y * y).exp() / TWO_OVER_SQRT_PI;
        lgamma: x.digamma();
        digamma: S::lit(2.0).zeta(x);
    }
    fn bit_not(self) -> Self {
        Dual::constant(self.value.bit_not())
    }

    fn rem(self, other: impl Into<Self>) -> Self {
        let o = other.into();
        let whole = (self.value / o.value).trunc();
        Dual::new(self.value.rem(o.value), self.slope - whole * o.slope)
    }

    /// The base's part is b a^(b-1), 0 for b = 0; the exponent's is y log a, 0 where y is (a = 0, b >= 0).
    fn pow(self, other: impl Into<Self>) -> Self {
        let (a, b) = (self, other.into());
        let y = a.value.pow(b.value);
        let base = b.value * a.value.pow(b.value - 1.0);
        let base = S::select(b.value.eq(0.0), S::lit(0.0), base);
        let exponent = S::select(a.value.eq(0.0) & b.value.ge(0.0), S::lit(0.0), y * a.value.log());
        Dual::new(y, base * a.slope + exponent * b.slope)
    }

    fn atan2(self, other: impl Into<Self>) -> Self {
        let (a, b) = (self, other.into());
        let d = a.value * a.value + b.value * b.value;
        Dual::new(a.value.atan2(b.value), (a.slope * b.value - b.slope * a.value) / d)
    }

    /// The sign's own slope is 0.
    fn copysign(self, other: impl Into<Self>) -> Self {
        let (a, b) = (self, other.into());
        let y = a.value.copysign(b.value);
        Dual::new(y, a.slope * S::select(a.value.eq(0.0), S::lit(0.0), y / a.value))
    }

    /// Its derivative in s is no intrinsic, so it is NaN.
    fn zeta(self, other: impl Into<Self>) -> Self {
        let (s, q) = (self, other.into());
        let down = -(s.value * (s.value + 1.0).zeta(q.value));
        let unknown = S::select(s.slope.eq(0.0), S::lit(0.0), S::lit(f64::NAN));
        Dual::new(s.value.zeta(q.value), down * q.slope + unknown)
    }

    /// Where both are equal each has half, as in PyTorch.
    fn min(self, other: impl Into<Self>) -> Self {
        let (a, b) = (self, other.into());
        let tie = S::select(a.value.eq(b.value), 0.5 * (a.slope + b.slope), b.slope);
        Dual::new(a.value.min(b.value), S::select(a.value.lt(b.value), a.slope, tie))
    }

    fn max(self, other: impl Into<Self>) -> Self {
        let (a, b) = (self, other.into());
        let tie = S::select(a.value.eq(b.value), 0.5 * (a.slope + b.slope), b.slope);
        Dual::new(a.value.max(b.value), S::select(a.value.gt(b.value), a.slope, tie))
    }

    bits! { gcd bit_and bit_or bit_xor shl shr }
    intrinsics!(compares);
}
