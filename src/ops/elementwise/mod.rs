//! Elementwise ops: each is a row, an expression; [`map`] makes an op of it.

pub mod activation;
pub mod bessel;
pub mod binary;
pub mod bits;
pub mod classify;
pub mod compare;
pub mod distance;
pub mod exponential;
pub mod fits;
pub mod formula;
pub mod map;
pub mod masked;
pub mod power;
pub mod rectifier;
pub mod rounding;
pub mod select;
pub mod special;
pub mod table;
pub mod trigonometric;
pub mod unary;

use crate::tensor::{Operand, Tensor, Written};

/// Lists the rows of tables.
macro_rules! tables {
    ($($table:ident),*) => {
        /// All rows, those without a name of their own included (for tests and benchmarks of their formulas).
        pub fn rows() -> impl Iterator<Item = &'static map::Row> {
            [$($table::ROWS),*].into_iter().flat_map(|rows| rows.iter().copied())
        }
    };
}
tables!(
    unary,
    activation,
    binary,
    power,
    compare,
    bits,
    select,
    rounding,
    classify,
    exponential,
    trigonometric,
    special,
    bessel,
    rectifier,
    distance,
    masked
);

impl Tensor {
    /// `self += other`.
    pub fn add_inplace(&self, other: &Tensor) -> crate::error::Result<Written> {
        map::over(&binary::add::ROW, [Operand::Tensor(self), Operand::Tensor(other)])
    }

    /// `self + number`.
    pub fn add_number(&self, n: impl Into<crate::core::Number>) -> crate::error::Result<Tensor> {
        map::on(&binary::add::ROW, [Operand::Tensor(self), Operand::Number(n.into())])
    }

    /// `self * number`.
    pub fn mul_number(&self, n: impl Into<crate::core::Number>) -> crate::error::Result<Tensor> {
        map::on(&binary::mul::ROW, [Operand::Tensor(self), Operand::Number(n.into())])
    }

    /// `self / number`.
    pub fn div_number(&self, n: impl Into<crate::core::Number>) -> crate::error::Result<Tensor> {
        map::on(&binary::div::ROW, [Operand::Tensor(self), Operand::Number(n.into())])
    }

    /// Elements of `a` where `self`, a bool tensor, is true, else of `b`.
    pub fn choose(&self, a: Operand, b: Operand) -> crate::error::Result<Tensor> {
        map::on(&select::where_::ROW, [Operand::Tensor(self), a, b])
    }
}

#[cfg(test)]
mod tests;
