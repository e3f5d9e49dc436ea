//! Operations on the bits of integers; on bool they are logic.

use crate::core::DType;
use crate::elementwise;
use crate::error::Result;
use crate::ops::elementwise::map::{self, Call};
use crate::tensor::{Operand, Tensor};

/// Shifts take no bool.
fn shifts(c: &Call, dtype: DType) -> Result<()> {
    if dtype == DType::Bool {
        return Err(DType::Bool.lacks(c.row.kernel));
    }
    Ok(())
}

elementwise! {
    /// Each bit turned; on bool, not.
    bitwise_not(x) bits + same_out as ["bitwise_not(Tensor self) -> Tensor; __invert__"] {
        value: x.bit_not(),
        call(x = self: &Tensor; a) {
            // A bool's byte has one bit that counts.
            let row = if x.dtype() == DType::Bool { &super::super::compare::logical_not::ROW } else { &ROW };
            map::call_on(row, [Operand::Tensor(x)], a)
        },
        samples: ["ix(2, 3, n=5)", "mask(2, 3)"],
    }
    /// Bits that are set in both; on bool, and.
    bitwise_and(a, b) bits + unsigned as [
        "bitwise_and(Tensor self, Operand other) -> Tensor; __and__ __rand__ __iand__",
        "function.bitwise_and(Operand self, Tensor other) -> Tensor",
    ] {
        value: a.bit_and(b),
        samples: ["ix(2, 3, n=9), ix(2, 3, n=9)", "mask(2, 3), mask(3)", "ix(2, 3, n=9), 3"],
    }
    /// Bits that are set in either; on bool, or.
    bitwise_or(a, b) bits + unsigned as [
        "bitwise_or(Tensor self, Operand other) -> Tensor; __or__ __ror__ __ior__",
        "function.bitwise_or(Operand self, Tensor other) -> Tensor",
    ] {
        value: a.bit_or(b),
        samples: ["ix(2, 3, n=9), ix(2, 3, n=9)", "mask(2, 3), mask(3)", "ix(2, 3, n=9), 3"],
    }
    /// Bits that are set in exactly one; on bool, unequal.
    bitwise_xor(a, b) bits + unsigned as [
        "bitwise_xor(Tensor self, Operand other) -> Tensor; __xor__ __rxor__ __ixor__",
        "function.bitwise_xor(Operand self, Tensor other) -> Tensor",
    ] {
        value: a.bit_xor(b),
        samples: ["ix(2, 3, n=9), ix(2, 3, n=9)", "mask(2, 3), mask(3)", "ix(2, 3, n=9), 3"],
    }
    /// Bits moved up by `other` places; what leaves is lost.
    bitwise_left_shift(a, b) bits as [
        "bitwise_left_shift(Tensor self, Operand other) -> Tensor; __lshift__ __ilshift__",
        "function.bitwise_left_shift(Operand self, Tensor other) -> Tensor; __rlshift__",
    ] kernel "lshift_cpu" {
        value: a.shl(b),
        check: shifts,
        samples: ["ix(2, 3, n=9), ix(2, 3, n=3)", "ix(2, 3, n=9), 2"],
    }
    /// Bits moved down by `other` places, copies of the sign following.
    bitwise_right_shift(a, b) bits as [
        "bitwise_right_shift(Tensor self, Operand other) -> Tensor; __rshift__ __irshift__",
        "function.bitwise_right_shift(Operand self, Tensor other) -> Tensor; __rrshift__",
    ] kernel "rshift_cpu" {
        value: a.shr(b),
        check: shifts,
        samples: ["ix(2, 3, n=9), ix(2, 3, n=3)", "ix(2, 3, n=9), 2"],
    }
}
