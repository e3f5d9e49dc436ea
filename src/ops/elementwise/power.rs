//! Powers. Common exponents have a formula of their own.

use crate::bail;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::ops::elementwise::map::{self, Call, Row};
use crate::tensor::Operand;

fn no_negative_integers(c: &Call, dtype: DType) -> Result<()> {
    if let Some(n) = c.number_at(1)
        && !dtype.is_float()
        && n.to_i64() < 0
    {
        bail!(Runtime, "Integers to negative integer powers are not allowed.");
    }
    Ok(())
}

/// The row for `x ** exponent`.
fn case(x: Operand, exponent: Operand) -> Option<&'static Row> {
    let (Operand::Tensor(x), Operand::Number(n)) = (x, exponent) else { return None };
    match (x.dtype().is_float(), n) {
        (false, Number::Int(2)) if x.dtype() != DType::Bool => Some(&super::unary::square::ROW),
        (true, _) => match n.to_f64() {
            2.0 => Some(&super::unary::square::ROW),
            3.0 => Some(&cube::ROW),
            0.5 => Some(&root::ROW),
            -0.5 => Some(&inverse_root::ROW),
            -1.0 => Some(&inverse::ROW),
            -2.0 => Some(&inverse_square::ROW),
            _ => None,
        },
        _ => None,
    }
}

elementwise! { DEFS, ROWS;
    /// `self` to the power of `exponent`, element by element; either may be a number.
    ///
    /// Gradients: g b a^(b-1) and g y log a, 0 where b is 0 or a is 0. Integers to negative powers are refused.
    pow(a, b) numeric as [
        "pow(Tensor self, Operand exponent) -> Tensor",
        "function.pow(Operand self, Tensor exponent) -> Tensor",
    ] named "PowBackward1|PowBackward0|PowBackward2" kernel "pow" {
        value: a.pow(b),
        grad(y, g): [
            S::select(b.eq(0.0), S::lit(0.0), g * (b * a.pow(b - 1.0))),
            g * S::select(a.eq(0.0) & b.ge(0.0), S::lit(0.0), y * a.log()),
        ],
        check: no_negative_integers,
        call: |a| {
            let (x, n) = (a.operand(0)?, a.operand(1)?);
            match case(x, n) {
                Some(row) => map::call_on(row, [x], a),
                None => map::call_on(&ROW, [x, n], a),
            }
        },
        samples: ["pos(2, 3), u(2, 3)", "pos(2, 3), u(3)", "u(2, 3), 2", "u(2, 3), 3", "pos(2, 3), 0.5", "nz(2, 3), -1.0",
            "pos(2, 3), -0.5", "nz(2, 3), -2.0", "pos(2, 3), 2.5", "u(2, 3), 0", "u(3, 2).t(), 2"],
    }
}

elementwise! { CASE_DEFS, CASES;
    /// x^3.
    cube(x) all as [] named "PowBackward" {
        value: x * x * x,
        grad(y, g): [g * (3.0 * (x * x))],
        samples: [],
    }
    /// x^0.5, whose gradient is that of a power.
    root(x) float as [] named "PowBackward" {
        value: x.sqrt(),
        grad(y, g): [g * (0.5 / y)],
        samples: [],
    }
    /// x^-0.5.
    inverse_root(x) float as [] named "PowBackward" {
        value: x.rsqrt(),
        grad(y, g): [g * (-0.5 * (y * y * y))],
        samples: [],
    }
    /// x^-1.
    inverse(x) float as [] named "PowBackward" {
        value: 1.0 / x,
        grad(y, g): [-(g * (y * y))],
        samples: [],
    }
    /// x^-2.
    inverse_square(x) float as [] named "PowBackward" {
        value: 1.0 / (x * x),
        grad(y, g): [g * (-2.0 * (y / x))],
        samples: [],
    }
}
