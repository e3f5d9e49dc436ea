//! Powers. Common exponents have a formula of their own.

use crate::bail;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::ops::complex::finished;
use crate::ops::copy::Format;
use crate::ops::elementwise::map::{self, Call, Row, numbers_fit, on};
use crate::tensor::{Args, Operand, Outs, Tensor, views};

fn no_negative_integers(c: &Call, dtype: DType) -> Result<()> {
    if let Some(n) = c.number_at(1)
        && dtype.is_integral()
        && n.to_i64() < 0
    {
        bail!(Runtime, "Integers to negative integer powers are not allowed.");
    }
    if c.number_at(1).is_some() { numbers_fit(c, dtype) } else { Ok(()) }
}

/// The row for `x ** exponent`.
fn case(x: Operand, exponent: Operand) -> Option<&'static Row> {
    let (Operand::Tensor(x), Operand::Number(n)) = (x, exponent) else { return None };
    if n.imag() != 0.0 {
        return None;
    }
    match (x.dtype().is_differentiable(), n) {
        (false, Number::Int(2)) if x.dtype() != DType::Bool => Some(&super::unary::square::ROW),
        (true, _) => match n.to_f64() {
            2.0 => Some(&super::unary::square::ROW),
            3.0 => Some(&cube::ROW),
            // PyTorch's float16 loop has no case for roots, which shows at -inf and -0.
            0.5 | -0.5 if x.dtype() == DType::F16 => None,
            0.5 => Some(&root::ROW),
            -0.5 => Some(&inverse_root::ROW),
            -1.0 => Some(&inverse::ROW),
            -2.0 => Some(&inverse_square::ROW),
            _ => None,
        },
        _ => None,
    }
}

/// `x` to the power of 0 or 1, for which PyTorch needs no kernel.
fn unchanged(x: &Tensor, n: i64, a: &Args) -> Result<Outs> {
    let y = match n {
        1 => x.cloned(Format::Preserve)?,
        _ => on(&super::compare::eq::ROW, [x, x].map(Operand::Tensor))?.to_dtype(x.dtype())?,
    };
    if !a.inplace {
        return Ok(y.into());
    }
    views::check_writable("pow", x)?;
    views::replace("pow", x, &y).map(Outs::Over)
}

fn mul(a: Operand, b: Operand) -> Result<Tensor> {
    on(&super::binary::mul::ROW, [a, b])
}

fn zero_where(c: &Tensor, x: &Tensor) -> Result<Tensor> {
    on(&super::select::where_::ROW, [Operand::Tensor(c), ZERO, Operand::Tensor(x)])
}

const ZERO: Operand = Operand::Number(Number::Float(0.0));

/// The gradients in halves: PyTorch rounds after each step, so that what overflows there does here.
fn half_grad([a, b]: [Operand; 2], y: Option<&Tensor>, g: &Tensor, k: usize) -> Result<Tensor> {
    use super::compare::{eq, ge, logical_and};
    let g = Operand::Tensor(g);
    if k == 0 {
        let by_one;
        let less = match b {
            Operand::Tensor(n) => {
                by_one = n.add_number(-1)?;
                Operand::Tensor(&by_one)
            }
            Operand::Number(Number::Float(n)) => Operand::Number(Number::Float(n - 1.0)),
            Operand::Number(n) => Operand::Number(Number::Int(n.to_i64() - 1)),
        };
        let slope = mul(Operand::Tensor(&on(&pow::ROW, [a, less])?), b)?;
        let grad = mul(g, Operand::Tensor(&slope))?;
        return match b {
            Operand::Number(n) if n.is_zero() => mul(g, ZERO),
            Operand::Number(_) => Ok(grad),
            Operand::Tensor(_) => zero_where(&on(&eq::ROW, [b, ZERO])?, &grad),
        };
    }
    let Some(y) = y else { bail!(Runtime, "internal error: pow backward without its result") };
    let y = Operand::Tensor(y);
    let log = match a {
        Operand::Number(n) => mul(y, Operand::Number(Number::Float(n.to_f64().ln())))?,
        Operand::Tensor(_) => mul(y, Operand::Tensor(&on(&super::unary::log::ROW, [a])?))?,
    };
    let up = || on(&ge::ROW, [b, ZERO]);
    let log = match a {
        Operand::Number(n) if n.is_zero() => zero_where(&up()?, &log)?,
        Operand::Number(_) => log,
        Operand::Tensor(_) => {
            let (flat, up) = (on(&eq::ROW, [a, ZERO])?, up()?);
            zero_where(&on(&logical_and::ROW, [Operand::Tensor(&flat), Operand::Tensor(&up)])?, &log)?
        }
    };
    mul(g, Operand::Tensor(&log))
}

elementwise! {
    /// `self` to the power of `exponent`, element by element; either may be a number.
    ///
    /// Gradients: g b a^(b-1) and g y log a, 0 where b is 0 or a is 0. Integers to negative powers are refused.
    ///
    ///     >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    ///     tensor([1., 4., 9.])
    pow(a, b) numeric + complex + parametric as [
        "pow(Tensor self, Operand exponent) -> Tensor; __pow__ __ipow__",
        "function.pow(Operand self, Tensor exponent) -> Tensor; __rpow__",
    ] named "PowBackward1|PowBackward0|PowBackward2" kernel "pow" {
        value: a.pow(b),
        grad(y, g): [
            S::select(b.eq(0.0), S::lit(0.0), g * (b * a.pow(b - 1.0))),
            g * S::select(a.eq(0.0) & b.ge(0.0), S::lit(0.0), y * a.log()),
        ],
        half_grad: half_grad,
        check: no_negative_integers,
        call(x = self: Operand, exponent: Operand; a) {
            if let (Operand::Tensor(t), Operand::Number(Number::Int(n @ (0 | 1)))) = (x, exponent)
                && t.dtype().is_limited()
            {
                return unchanged(t, n, a);
            }
            if let (Operand::Tensor(t), Operand::Number(n)) = (x, exponent)
                && t.dtype().is_complex()
                && n.imag() == 0.0
                && matches!(n.to_f64(), 0.0 | 1.0)
            {
                // Anything to the power of 0 is 1, also where the logarithm is infinite or NaN.
                let y = match n.to_f64() {
                    0.0 => t.eq(t)?.logical_or(&t.ne(t)?)?.choose(Operand::Number(Number::Int(1)), x)?,
                    _ => t.cloned(Format::Preserve)?,
                };
                return finished("pow", y, a);
            }
            match case(x, exponent) {
                Some(row) => map::call_on(row, [x], a),
                None => map::call_on(&ROW, [x, exponent], a),
            }
        },
        samples: ["pos(2, 3), u(2, 3)", "pos(2, 3), u(3)", "u(2, 3), 2", "u(2, 3), 3", "pos(2, 3), 0.5", "nz(2, 3), -1.0",
            "pos(2, 3), -0.5", "nz(2, 3), -2.0", "pos(2, 3), 2.5", "u(2, 3), 0", "u(3, 2).t(), 2"],
    }
    /// x^3.
    cube(x) all + complex + stepwise_bf16 as [] named "PowBackward" {
        value: x * x * x,
        grad(y, g): [g * (3.0 * (x * x))],
        samples: [],
    }
    /// x^0.5, whose gradient is that of a power.
    root(x) float + complex as [] named "PowBackward" {
        value: x.sqrt(),
        grad(y, g): [g * (0.5 / y)],
        samples: [],
    }
    /// x^-0.5.
    inverse_root(x) float + complex as [] named "PowBackward" {
        value: x.rsqrt(),
        grad(y, g): [g * (-0.5 * (y * y * y))],
        samples: [],
    }
    /// x^-1. The gradient is -x^-2, to the bit: what programs that work it out by hand compare with.
    inverse(x) float + complex as [] named "PowBackward" {
        value: 1.0 / x,
        grad(y, g): [g * -(1.0 / (x * x))],
        samples: [],
    }
    /// x^-2.
    inverse_square(x) float + complex + stepwise_bf16 as [] named "PowBackward" {
        value: 1.0 / (x * x),
        grad(y, g): [g * (-2.0 * (y / x))],
        samples: [],
    }
}
