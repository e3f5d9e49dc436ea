//! A Python number: what stands beside tensors in `x * 2.0`, and what `item()` gives back.

use super::dtype::{Bits, Category, DType, Element, Kind, Stored, WIDEST, f64_to_i64};
use crate::err;
use crate::error::Error;

/// A float as PyTorch's messages write it, C++'s way: six digits, `3e+38`, `nan`.
pub fn spelled(v: f64) -> String {
    if v.is_nan() {
        return "nan".into();
    }
    if v == 0.0 || v.is_infinite() {
        return v.to_string();
    }
    let text = format!("{v:.5e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let cut = |s: &str| {
        if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_string() } else { s.to_string() }
    };
    if (-4..6).contains(&power) {
        return cut(&format!("{v:.*}", (5 - power) as usize));
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", cut(digits), power.abs())
}

/// Its tag takes a word, so that a copy is whole words: one with a byte for a tag is copied in parts that overlap, which stalls
/// where it was just written.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(u64)]
pub enum Number {
    Bool(bool),
    Int(i64),
    /// From 2^63 on: an element of a uint64 tensor. [`Number::unsigned`] makes it.
    Unsigned(u64),
    Float(f64),
    /// A real and an imaginary part.
    Complex(f64, f64),
}

impl Number {
    /// A number that is not negative.
    #[inline]
    pub fn unsigned(v: u64) -> Number {
        i64::try_from(v).map_or(Number::Unsigned(v), Number::Int)
    }

    #[inline]
    pub fn category(self) -> Category {
        match self {
            Number::Bool(_) => Category::Bool,
            Number::Int(_) | Number::Unsigned(_) => Category::Int,
            Number::Float(_) => Category::Float,
            Number::Complex(..) => Category::Complex,
        }
    }

    /// Of a complex number the real part.
    #[inline]
    pub fn to_f64(self) -> f64 {
        match self {
            Number::Bool(b) => b as u8 as f64,
            Number::Int(i) => i as f64,
            Number::Unsigned(i) => i as f64,
            Number::Float(f) | Number::Complex(f, _) => f,
        }
    }

    /// The imaginary part, 0 of a real number.
    #[inline]
    pub fn imag(self) -> f64 {
        if let Number::Complex(_, im) = self { im } else { 0.0 }
    }

    /// The complex conjugate.
    #[inline]
    pub fn conj(self) -> Number {
        if let Number::Complex(re, im) = self { Number::Complex(re, -im) } else { self }
    }

    /// What is beyond an int64 keeps its low bits.
    #[inline]
    pub fn to_i64(self) -> i64 {
        match self {
            Number::Bool(b) => b as i64,
            Number::Int(i) => i,
            Number::Unsigned(i) => i as i64,
            Number::Float(f) | Number::Complex(f, _) => f64_to_i64(f),
        }
    }

    pub fn is_zero(self) -> bool {
        match self {
            Number::Bool(b) => !b,
            Number::Int(i) => i == 0,
            Number::Unsigned(_) => false,
            Number::Float(f) => f == 0.0,
            Number::Complex(re, im) => re == 0.0 && im == 0.0,
        }
    }

    /// The error for a number that a dtype cannot hold.
    #[cold]
    pub fn misfit(self, dtype: DType) -> Box<Error> {
        self.misfit_of(dtype, if dtype.is_half() { dtype.c_words() } else { dtype.c_name() })
    }

    /// As [`Number::misfit`], where PyTorch calls the dtype `name`.
    #[cold]
    pub fn misfit_of(self, dtype: DType, name: &str) -> Box<Error> {
        let range = match (dtype.range(), dtype.to_real()) {
            (Some((low, high)), _) => format!("{low} to {high}"),
            (_, DType::Bool) => "0 to 1".to_string(),
            (_, DType::F16) => "-65504 to 65504".to_string(),
            (_, DType::F64) => "about -1.8e308 to 1.8e308".to_string(),
            _ => "about -3.4e38 to 3.4e38".to_string(),
        };
        let value = match self {
            Number::Float(v) => v.to_string(),
            Number::Unsigned(v) => v.to_string(),
            Number::Complex(re, im) => format!("{re}{im:+}j"),
            n => n.to_i64().to_string(),
        };
        err!(Runtime, "value cannot be converted to type {name} without overflow")
            .hint(format!("{value} is outside of what {} holds, {range}", dtype.name()))
    }

    /// Whether the value survives the cast to `dtype` in PyTorch's sense: integers in range, floats
    /// not beyond the largest finite value (infinities and NaN are representable in float types).
    pub fn fits(self, dtype: DType) -> bool {
        if dtype == DType::Bool {
            return true;
        }
        if let Number::Complex(re, im) = self {
            let within = |v| Number::Float(v).fits(dtype.to_real());
            return within(re) && if dtype.is_complex() { within(im) } else { im == 0.0 };
        }
        let (low, high) = match (dtype.to_real(), dtype.range()) {
            (DType::F64, _) => return true,
            (DType::I64, _) => {
                return match self {
                    Number::Unsigned(_) => false,
                    Number::Float(f) => (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f),
                    _ => true,
                };
            }
            // Negative numbers wrap.
            (d, Some((_, high))) if d.kind() == Kind::Unsigned => (-(high as f64), high as f64),
            (_, Some((low, high))) => (low as f64, high as f64),
            (DType::F16, _) => (-65504.0, 65504.0),
            (DType::BF16, _) => (-3.3895313892515355e38, 3.3895313892515355e38),
            _ => (f32::MIN as f64, f32::MAX as f64),
        };
        let v = self.to_f64();
        (v >= low && v <= high) || (dtype.is_differentiable() && !v.is_finite())
    }

    /// The number after a cast to `dtype`: integers wrap, halves round. In a complex dtype a real number stays one.
    pub fn cast(self, dtype: DType) -> Number {
        if let (Number::Complex(re, im), true) = (self, dtype.is_complex()) {
            let part = |v| Number::Float(v).cast(dtype.to_real()).to_f64();
            return Number::Complex(part(re), part(im));
        }
        crate::dispatch!(dtype.to_real(), T => T::from_number(self).number())
    }

    /// The one element of `dtype` that this is.
    pub fn bits(self, dtype: DType) -> Bits {
        let mut out = crate::dispatch!(dtype.to_real(), T => T::from_number(self).bits());
        if let (Number::Complex(_, im), true) = (self, dtype.is_complex()) {
            let half = dtype.size() / 2;
            let (re, im) = (out, Number::Float(im).bits(dtype.to_real()));
            out[..half].copy_from_slice(&re[..half]);
            out[half..2 * half].copy_from_slice(&im[..half]);
        }
        out
    }

    /// The element of `dtype` that these bytes are.
    pub fn of_bits(bits: Bits, dtype: DType) -> Number {
        let real = |bits: Bits| crate::dispatch!(dtype.to_real(), T => T::of_bits(&bits).number());
        if !dtype.is_complex() {
            return real(bits);
        }
        let mut im: Bits = [0; WIDEST];
        let half = dtype.size() / 2;
        im[..half].copy_from_slice(&bits[half..2 * half]);
        Number::Complex(real(bits).to_f64(), real(im).to_f64())
    }
}

impl From<f64> for Number {
    fn from(v: f64) -> Number {
        Number::Float(v)
    }
}
impl From<i64> for Number {
    fn from(v: i64) -> Number {
        Number::Int(v)
    }
}
impl From<bool> for Number {
    fn from(v: bool) -> Number {
        Number::Bool(v)
    }
}
