//! Elementwise ops: each is a row, an expression; [`map`] makes an op of it.

pub mod activation;
pub mod binary;
pub mod bits;
pub mod compare;
pub mod formula;
pub mod map;
pub mod power;
pub mod select;
pub mod table;
pub mod unary;

use crate::tensor::{Operand, Tensor};

/// All rows, those without a name of their own included (for tests of their formulas).
pub fn rows() -> impl Iterator<Item = &'static map::Row> {
    [
        unary::ROWS,
        activation::ROWS,
        activation::FORMS,
        binary::ROWS,
        binary::FORMS,
        power::ROWS,
        power::CASES,
        compare::ROWS,
        bits::ROWS,
        select::ROWS,
        select::FORMS,
    ]
    .into_iter()
    .flat_map(|rows| rows.iter().copied())
}

/// Ops as methods, for derivatives and composites.
macro_rules! methods {
    ($($module:ident: $($name:ident)*;)*; $($module2:ident: $($name2:ident)*;)*) => {
        impl Tensor {
            $($(pub fn $name(&self) -> crate::error::Result<Tensor> {
                map::on(&$module::$name::ROW, [Operand::Tensor(self)])
            })*)*
            $($(pub fn $name2(&self, other: &Tensor) -> crate::error::Result<Tensor> {
                map::on(&$module2::$name2::ROW, [Operand::Tensor(self), Operand::Tensor(other)])
            })*)*
        }
    };
}
methods! {
    unary: neg abs exp log sqrt rsqrt sin cos tanh square reciprocal;
    activation: sigmoid relu silu;
    compare: logical_not;
    ;
    binary: add sub mul div maximum minimum;
    compare: eq ne lt le gt ge;
}

impl Tensor {
    /// `self += other`.
    pub fn add_inplace(&self, other: &Tensor) -> crate::error::Result<()> {
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
