//! A Python number: what stands beside tensors in `x * 2.0`, and what `item()` gives back.

use super::dtype::{Category, DType, f64_to_i64};
use crate::err;
use crate::error::Error;

/// Its tag takes a word, so that a copy is two words: one with a byte for a tag is copied in parts that overlap, which stalls
/// where it was just written.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(u64)]
pub enum Number {
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl Number {
    #[inline]
    pub fn category(self) -> Category {
        match self {
            Number::Bool(_) => Category::Bool,
            Number::Int(_) => Category::Int,
            Number::Float(_) => Category::Float,
        }
    }

    #[inline]
    pub fn to_f64(self) -> f64 {
        match self {
            Number::Bool(b) => b as u8 as f64,
            Number::Int(i) => i as f64,
            Number::Float(f) => f,
        }
    }

    #[inline]
    pub fn to_i64(self) -> i64 {
        match self {
            Number::Bool(b) => b as i64,
            Number::Int(i) => i,
            Number::Float(f) => f64_to_i64(f),
        }
    }

    pub fn is_zero(self) -> bool {
        match self {
            Number::Bool(b) => !b,
            Number::Int(i) => i == 0,
            Number::Float(f) => f == 0.0,
        }
    }

    /// The error for a number that a dtype cannot hold.
    #[cold]
    pub fn misfit(self, dtype: DType) -> Box<Error> {
        let range = match dtype {
            DType::Bool => "0 to 1",
            DType::U8 => "0 to 255",
            DType::I32 => "-2147483648 to 2147483647",
            DType::I64 => "-9223372036854775808 to 9223372036854775807",
            DType::F16 => "-65504 to 65504",
            DType::BF16 | DType::F32 => "about -3.4e38 to 3.4e38",
            DType::F64 => "about -1.8e308 to 1.8e308",
        };
        let value = match self {
            Number::Float(v) => v.to_string(),
            n => n.to_i64().to_string(),
        };
        let name = if dtype.is_half() { dtype.c_words() } else { dtype.c_name() };
        err!(Runtime, "value cannot be converted to type {name} without overflow")
            .hint(format!("{value} is outside of what {} holds, {range}", dtype.name()))
    }

    /// Whether the value survives the cast to `dtype` in PyTorch's sense: integers in range, floats
    /// not beyond the largest finite value (infinities and NaN are representable in float types).
    pub fn fits(self, dtype: DType) -> bool {
        let (low, high) = match dtype {
            DType::Bool => return true,
            // Negative numbers wrap.
            DType::U8 => (-255.0, 255.0),
            DType::I32 => (i32::MIN as f64, i32::MAX as f64),
            DType::I64 => {
                return match self {
                    Number::Float(f) => (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f),
                    _ => true,
                };
            }
            DType::F16 => (-65504.0, 65504.0),
            DType::BF16 => (-3.3895313892515355e38, 3.3895313892515355e38),
            DType::F32 => (f32::MIN as f64, f32::MAX as f64),
            DType::F64 => return true,
        };
        let v = self.to_f64();
        (v >= low && v <= high) || (dtype.is_float() && !v.is_finite())
    }

    /// The number after a cast to `dtype`: integers wrap, halves round.
    pub fn cast(self, dtype: DType) -> Number {
        use super::Element;
        crate::dispatch!(dtype, T => match dtype.category() {
            Category::Bool => Number::Bool(!self.is_zero()),
            Category::Int => Number::Int(T::from_i64(self.to_i64()).to_i64()),
            Category::Float => Number::Float(match self {
                Number::Int(i) => T::from_i64(i).to_f64(),
                _ => T::from_f64(self.to_f64()).to_f64(),
            }),
        })
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
