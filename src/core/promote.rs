//! PyTorch's promotion: the lattice of two dtypes, and the result type of operands that differ in
//! category (tensors with dimensions, 0-d tensors, Python numbers).

use super::dtype::DType;
use super::number::Number;
use crate::err;
use crate::error::{Error, Result};

/// The smallest dtype that both convert to; None between uint16, uint32 or uint64 and another integer or complex dtype, which
/// PyTorch does not promote.
#[inline]
pub const fn promote(a: DType, b: DType) -> Option<DType> {
    use DType::*;
    if a as u8 == b as u8 {
        return Some(a);
    }
    if a.is_limited() || b.is_limited() {
        return match (a.is_float(), b.is_float()) {
            (true, _) => Some(a),
            (_, true) => Some(b),
            _ => None,
        };
    }
    if a.is_complex() || b.is_complex() {
        // The wider parts win; halves of two kinds meet in float32.
        return match promote(a.to_real(), b.to_real()) {
            Some(F64) => Some(C128),
            Some(F32 | BF16) => Some(C64),
            Some(_) if a as u8 == C32 as u8 || b as u8 == C32 as u8 => Some(C32),
            _ => Some(C64),
        };
    }
    Some(match (a, b) {
        (Bool, other) | (other, Bool) => other,
        (F64, _) | (_, F64) => F64,
        (F32, _) | (_, F32) => F32,
        (F16, BF16) | (BF16, F16) => F32,
        (F16, _) | (_, F16) => F16,
        (BF16, _) | (_, BF16) => BF16,
        (I64, _) | (_, I64) => I64,
        (I32, _) | (_, I32) => I32,
        // uint8 and int8 meet in int16.
        _ => I16,
    })
}

/// As [`promote`], with PyTorch's refusal.
#[inline]
pub fn promoted(a: DType, b: DType) -> Result<DType> {
    promote(a, b).ok_or_else(|| clash(a, b))
}

#[cold]
fn clash(a: DType, b: DType) -> Box<Error> {
    err!(
        Runtime,
        "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {} and {}",
        a.scalar_name(),
        b.scalar_name()
    )
    .hint("convert one of them first: x.long()")
}

/// The dtype a bare Python number stands for, given the default float dtype.
#[inline]
pub fn number_dtype(n: Number, default_float: DType) -> DType {
    match n {
        Number::Bool(_) => DType::Bool,
        Number::Int(_) => DType::I64,
        Number::Unsigned(_) => DType::U64,
        Number::Float(_) => default_float,
        Number::Complex(..) => default_float.to_complex(),
    }
}

/// Collects operands one by one; [`Promotion::result`] is PyTorch's `result_type`.
///
/// A category of lower rank (0-d tensors, then numbers) only counts where its kind (bool < int < float)
/// is higher than that of every operand of higher rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Promotion {
    dim: Option<DType>,
    zero_dim: Option<DType>,
    number: Option<DType>,
    /// The first two dtypes that have no common one.
    clash: Option<(DType, DType)>,
}

impl Promotion {
    #[inline]
    pub fn tensor(&mut self, dtype: DType, ndim: usize) {
        let slot = if ndim == 0 { &mut self.zero_dim } else { &mut self.dim };
        let both = slot.map_or(Some(dtype), |d| promote(d, dtype));
        if let (None, Some(before)) = (both, *slot) {
            self.clash = self.clash.or(Some((before, dtype)));
        }
        *slot = both.or(*slot);
    }

    #[inline]
    pub fn number(&mut self, n: Number, default_float: DType) {
        let dtype = number_dtype(n, default_float);
        self.number = Some(self.number.map_or(dtype, |d| promote(d, dtype).unwrap_or(d)));
    }

    /// None where there was no operand.
    #[inline]
    pub fn result(self) -> Result<Option<DType>> {
        if let Some((a, b)) = self.clash {
            return Err(clash(a, b));
        }
        combine(combine(self.dim, self.zero_dim)?, self.number)
    }
}

#[inline]
fn combine(higher: Option<DType>, lower: Option<DType>) -> Result<Option<DType>> {
    match (higher, lower) {
        // (PyTorch's `promote_types` refuses uint16 beside a complex dtype, its `result_type` does not.)
        (Some(h), Some(l)) if h.is_limited() && l.is_complex() => Ok(Some(l)),
        (Some(h), Some(l)) if h.is_float() && l.is_complex() => Ok(Some(h.to_complex())),
        (Some(h), Some(l)) if l.category() > h.category() => Ok(Some(promoted(h, l)?)),
        (Some(h), _) => Ok(Some(h)),
        (None, l) => Ok(l),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DType::*;

    fn of(dims: &[(DType, usize)], numbers: &[Number]) -> DType {
        let mut p = Promotion::default();
        dims.iter().for_each(|&(d, n)| p.tensor(d, n));
        numbers.iter().for_each(|&n| p.number(n, F32));
        p.result().unwrap().unwrap()
    }

    #[test]
    fn lattice() {
        assert_eq!(promote(F16, BF16), Some(F32));
        assert_eq!(promote(U8, I32), Some(I32));
        assert_eq!(promote(I64, F16), Some(F16));
        assert_eq!(promote(Bool, U8), Some(U8));
        assert_eq!(promote(U8, I8), Some(I16));
        assert_eq!(promote(U16, I64), None);
        assert_eq!(promote(U64, BF16), Some(BF16));
        assert_eq!(promote(C32, BF16), Some(C64));
        assert_eq!(promote(I64, C32), Some(C32));
        assert_eq!(promote(C64, F64), Some(C128));
        for a in DType::ALL {
            for b in DType::ALL {
                assert_eq!(promote(a, b), promote(b, a), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn categories() {
        assert_eq!(of(&[(F32, 1), (F64, 0)], &[]), F32);
        assert_eq!(of(&[(I64, 1), (F64, 0)], &[]), F64);
        assert_eq!(of(&[(I64, 2)], &[Number::Float(1.0)]), F32);
        assert_eq!(of(&[(F16, 2)], &[Number::Float(1.0)]), F16);
        assert_eq!(of(&[(U8, 2)], &[Number::Int(300)]), U8);
        assert_eq!(of(&[(Bool, 2)], &[Number::Int(3)]), I64);
        assert_eq!(of(&[(F32, 0), (F64, 0)], &[]), F64);
    }
}
