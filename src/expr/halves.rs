//! Arithmetic in halves: a float32 that is rounded to float16 or bfloat16 after each operation, as PyTorch's vectors of halves
//! are. Most formulas compute in float32 and round once; a few give other results where each step is rounded.

use super::lanes::Native;
use super::scalar::Scalar;
use crate::{intrinsics, operators};

/// A half as a scalar of compiled loops: bfloat16 (`BRAIN`) or float16.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(transparent)]
pub struct Half<const BRAIN: bool>(pub f32);

/// The nearest half, ties to even. No branch and no conversion, so that loops around it vectorise.
#[inline(always)]
fn rounded<const BRAIN: bool>(x: f32) -> f32 {
    let bits = x.to_bits();
    if BRAIN {
        let up = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
        return f32::from_bits(if x.is_nan() { bits } else { up });
    }
    let a = f32::from_bits(bits & 0x7fff_ffff);
    // Ten bits of the mantissa; below the smallest normal number, 2^-14, all that a sum with 0.5 keeps: multiples of 2^-24.
    let normal = f32::from_bits((a.to_bits() + 0xfff + (a.to_bits() >> 13 & 1)) & 0xffff_e000);
    let small = (a + 0.5) - 0.5;
    let y = if a < 1.0 / 16384.0 { small } else { normal };
    let y = if y > 65504.0 { f32::INFINITY } else { y };
    let y = if x.is_nan() { a } else { y };
    f32::from_bits(y.to_bits() | bits & 0x8000_0000)
}

impl<const BRAIN: bool> Half<BRAIN> {
    #[inline(always)]
    pub fn of(x: f32) -> Self {
        Half(rounded::<BRAIN>(x))
    }
    #[inline(always)]
    fn plus(self, o: Self) -> Self {
        Half::of(self.0 + o.0)
    }
    #[inline(always)]
    fn minus(self, o: Self) -> Self {
        Half::of(self.0 - o.0)
    }
    #[inline(always)]
    fn times(self, o: Self) -> Self {
        Half::of(self.0 * o.0)
    }
    #[inline(always)]
    fn over(self, o: Self) -> Self {
        Half::of(self.0 / o.0)
    }
}
operators! { [const BRAIN: bool] Half<BRAIN>,
    Add add Half::plus; Sub sub Half::minus; Mul mul Half::times; Div div Half::over;
}

impl<const BRAIN: bool> From<f64> for Half<BRAIN> {
    #[inline(always)]
    fn from(value: f64) -> Self {
        Half::of(value as f32)
    }
}

impl<const BRAIN: bool> std::ops::Neg for Half<BRAIN> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Half(-self.0)
    }
}

macro_rules! forward {
    (unary: neg $($u:ident)*; binary: add sub mul div $($b:ident)*; compare: $($c:ident)*;) => {
        impl<const BRAIN: bool> Scalar for Half<BRAIN> {
            type Mask = bool;
            #[inline(always)]
            fn select(c: bool, a: Self, b: Self) -> Self {
                if c { a } else { b }
            }
            $(#[inline(always)]
            fn $u(self) -> Self {
                Half::of(Native::$u(self.0))
            })*
            $(#[inline(always)]
            fn $b(self, other: impl Into<Self>) -> Self {
                Half::of(Native::$b(self.0, other.into().0))
            })*
            $(#[inline(always)]
            fn $c(self, other: impl Into<Self>) -> bool {
                Native::$c(self.0, other.into().0)
            })*
        }
    };
}
intrinsics!(forward);

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};

    #[test]
    fn rounding_is_that_of_conversions() {
        // Every float with a short mantissa, around all halves and between them.
        for high in 0..=u16::MAX as u32 {
            for low in [0, 1, 0x7fff, 0x8000, 0x8001, 0xfff, 0x1000, 0x1001, 0x17ff, 0x2fff, 0x3000, 0x3001, 0xffff] {
                let x = f32::from_bits(high << 16 | low);
                let (a, b) = (Half::<false>::of(x).0, f16::from_f32(x).to_f32());
                assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{x:?} {a:?} {b:?}");
                let (a, b) = (Half::<true>::of(x).0, bf16::from_f32(x).to_f32());
                assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{x:?} {a:?} {b:?}");
            }
        }
    }
}
