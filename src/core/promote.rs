//! PyTorch's promotion: the lattice of two dtypes, and the result type of operands that differ in
//! category (tensors with dimensions, 0-d tensors, Python numbers).

use super::dtype::{Category, DType};
use super::number::Number;

/// The smallest dtype that both convert to.
#[inline]
pub const fn promote(a: DType, b: DType) -> DType {
    use DType::*;
    if a as u8 == b as u8 {
        return a;
    }
    match (a, b) {
        (Bool, other) | (other, Bool) => other,
        (F64, _) | (_, F64) => F64,
        (F32, _) | (_, F32) => F32,
        (F16, BF16) | (BF16, F16) => F32,
        (F16, _) | (_, F16) => F16,
        (BF16, _) | (_, BF16) => BF16,
        (I64, _) | (_, I64) => I64,
        (I32, _) | (_, I32) => I32,
        (U8, U8) => U8,
    }
}

/// The dtype a bare Python number stands for, given the default float dtype.
#[inline]
pub fn number_dtype(n: Number, default_float: DType) -> DType {
    match n {
        Number::Bool(_) => DType::Bool,
        Number::Int(_) => DType::I64,
        Number::Float(_) => default_float,
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
}

impl Promotion {
    #[inline]
    pub fn tensor(&mut self, dtype: DType, ndim: usize) {
        let slot = if ndim == 0 { &mut self.zero_dim } else { &mut self.dim };
        *slot = Some(slot.map_or(dtype, |d| promote(d, dtype)));
    }

    #[inline]
    pub fn number(&mut self, n: Number, default_float: DType) {
        let dtype = number_dtype(n, default_float);
        self.number = Some(self.number.map_or(dtype, |d| promote(d, dtype)));
    }

    #[inline]
    pub fn result(self) -> Option<DType> {
        combine(combine(self.dim, self.zero_dim), self.number)
    }
}

#[inline]
fn combine(higher: Option<DType>, lower: Option<DType>) -> Option<DType> {
    match (higher, lower) {
        (Some(h), Some(l)) if rank(l.category()) > rank(h.category()) => Some(promote(h, l)),
        (Some(h), _) => Some(h),
        (None, l) => l,
    }
}

#[inline]
const fn rank(c: Category) -> u8 {
    c as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use DType::*;

    fn of(dims: &[(DType, usize)], numbers: &[Number]) -> DType {
        let mut p = Promotion::default();
        dims.iter().for_each(|&(d, n)| p.tensor(d, n));
        numbers.iter().for_each(|&n| p.number(n, F32));
        p.result().unwrap()
    }

    #[test]
    fn lattice() {
        assert_eq!(promote(F16, BF16), F32);
        assert_eq!(promote(U8, I32), I32);
        assert_eq!(promote(I64, F16), F16);
        assert_eq!(promote(Bool, U8), U8);
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
