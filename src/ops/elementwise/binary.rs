//! Arithmetic of two operands. Each broadcasts and promotes; a number counts by its kind only.

use crate::bail;
use crate::core::dtype::Category;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::expr::{Left, Scalar};
use crate::ops::elementwise::map::{self, Call};
use crate::tensor::{Args, Operand, Outs, Tensor};

/// PyTorch's checks of `alpha` against the dtype of the result.
fn alpha_fits(c: &Call, dtype: DType) -> Result<()> {
    match c.params[0] {
        Number::Int(1) => Ok(()),
        Number::Bool(_) if dtype != DType::Bool => bail!(Runtime, "Boolean alpha only supported for Boolean results."),
        Number::Complex(..) if !dtype.is_complex() => {
            bail!(Runtime, "For non-complex input tensors, argument alpha must not be a complex number.")
        }
        Number::Float(_) if dtype.is_integral() => {
            bail!(Runtime, "For integral input tensors, argument alpha must not be a floating point number.")
        }
        alpha => map::fits(alpha, dtype),
    }
}

/// Refuses complex numbers, which have no order.
pub(super) fn ordered(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_complex() {
        bail!(Runtime, "{} not implemented for complex tensors.", c.row.name);
    }
    Ok(())
}

/// No operand of a difference is bool, tensor or number.
fn subtract(row: &'static map::Row, operands: [Operand; 2], a: &Args) -> Result<Outs> {
    let bools = operands.map(|o| match o {
        Operand::Tensor(t) => t.dtype() == DType::Bool,
        Operand::Number(n) => n.category() == Category::Bool,
    });
    match bools {
        [false, false] => map::call::<2, 1>(row, a),
        [true, true] => bail!(
            Runtime,
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` \
             operator instead."
        ),
        _ => bail!(
            Runtime,
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the \
             `~` or `logical_not()` operator instead."
        ),
    }
}

/// a / b rounded down, exactly: from the remainder, as Python does; a quotient that is almost whole is not lifted by its
/// rounding. Integers follow the same steps.
#[inline(always)]
fn floor_quotient<S: Scalar>(a: S, b: S) -> S
where
    f64: Left<S>,
{
    let m = a.rem(b);
    let q = (a - m) / b;
    let q = S::select(m.ne(0.0) & (m.lt(0.0) ^ b.lt(0.0)), q - 1.0, q);
    let f = q.floor();
    let f = S::select((q - f).gt(0.5), f + 1.0, f);
    // By its sign and not times zero: drivers take x * 0.0 for 0.0.
    let f = S::select(q.eq(0.0), S::lit(0.0).copysign(a / b), f);
    S::select(b.eq(0.0), a / b, f)
}

/// The gradients of a quotient in halves, rounded after each step as PyTorch's are.
fn stepwise_quotients([a, b]: [Operand; 2], _: Option<&Tensor>, g: &Tensor, k: usize) -> Result<Tensor> {
    let over_b = |x: Operand| map::on(&div::ROW, [x, b]);
    if k == 0 {
        return over_b(Operand::Tensor(g));
    }
    let slope = over_b(Operand::Tensor(&over_b(a)?))?;
    g.neg()?.mul(&slope)
}

/// The row of a division by its rounding mode.
fn rounding(mode: Option<&str>) -> Result<&'static map::Row> {
    match mode {
        None => Ok(&div::ROW),
        Some("trunc") => Ok(&div_trunc::ROW),
        Some("floor") => Ok(&div_floor::ROW),
        Some(other) => {
            bail!(Runtime, "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{other}'")
        }
    }
}

elementwise! {
    /// `self + alpha * other`.
    ///
    ///     >>> torch.add(torch.tensor([1., 2.]), torch.tensor([10., 20.]), alpha=2)
    ///     tensor([21., 42.])
    add(a, b; alpha = Number::Int(1)) all + numbers + complex + chalf as [
        "method.add(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor; __add__ __radd__ __iadd__",
        "function.add(Operand self, Operand other, *, Scalar alpha=1) -> Tensor",
    ] kernel "add_stub" {
        value: alpha.mul_add(b, a),
        grad(y, g): [g, g * alpha],
        check: alpha_fits,
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "u(3, 1), u(2, 1, 4)", "u(2, 3), 2", "u(2, 3), 0.5", "u(2, 3), u()",
            "u(3, 2).t(), u(2, 3)", "u(6)[::2], u(3)", "u(2, 3), u(2, 3), alpha=2", "u(0, 3), u(3)"],
    }
    /// `self - alpha * other`.
    ///
    ///     >>> torch.sub(torch.tensor([5., 6.]), 1)
    ///     tensor([4., 5.])
    sub(a, b; alpha = Number::Int(1)) all + numbers + complex + chalf as [
        "method.sub(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor; __sub__ __isub__",
        "function.sub(Operand self, Operand other, *, Scalar alpha=1) -> Tensor",
    ] aliases ["subtract"] kernel "add_stub" {
        value: (-alpha).mul_add(b, a),
        grad(y, g): [g, -(g * alpha)],
        check: alpha_fits,
        call(x = self: Operand, other: Operand, _alpha = alpha: Number; a) { subtract(&ROW, [x, other], a) },
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "u(3, 1), u(4)", "u(2, 3), 2", "u(3, 2).t(), u(2, 3), alpha=3"],
    }
    /// `other - alpha * self`.
    rsub(a, b; alpha = Number::Int(1)) all + complex + chalf + no_variants + reversed as [
        "function.rsub(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor; __rsub__",
        "function.rsub(Tensor self, Scalar other, Scalar alpha) -> Tensor",
    ] named "RsubBackward0|RsubBackward1" kernel "add_stub" {
        value: (-alpha).mul_add(a, b),
        grad(y, g): [-(g * alpha), g],
        check: alpha_fits,
        call(x = self: Operand, other: Operand, _alpha = alpha: Number; a) { subtract(&ROW, [x, other], a) },
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), 2", "u(2, 3), 0.5"],
    }
    /// `self * other`.
    ///
    ///     >>> torch.mul(torch.tensor([[1.], [2.]]), torch.tensor([10., 20.]))
    ///     tensor([[10., 20.],
    ///             [20., 40.]])
    mul(a, b) all + numbers + complex + chalf + wide + unsigned as [
        "method.mul(Tensor self, Operand other) -> Tensor; __mul__ __rmul__ __imul__",
        "function.mul(Operand self, Operand other) -> Tensor",
    ] aliases ["multiply"] {
        value: a * b,
        grad(y, g): [g * b, g * a],
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "u(3, 1), u(2, 1, 4)", "u(2, 3), 2", "u(2, 3), 0.5", "u(2, 3), u()",
            "u(3, 2).t(), u(2, 3)", "u(6)[::2], u(3)"],
    }
    /// `self / other`; integers become floats. With `rounding_mode="trunc"` cut towards zero, with `"floor"` rounded down, and
    /// then integers stay integers.
    ///
    ///     >>> torch.div(torch.tensor([7., -7.]), 2, rounding_mode='floor')
    ///     tensor([ 3., -4.])
    div(a, b) float + numbers + complex + wide as [
        "method.div(Tensor self, Operand other) -> Tensor; __truediv__ __itruediv__",
        "method.div(Tensor self, Operand other, *, str? rounding_mode) -> Tensor",
        "function.div(Operand self, Operand other) -> Tensor",
        "function.div(Operand self, Operand other, *, str? rounding_mode) -> Tensor",
        "method.true_divide(Tensor self, Operand other) -> Tensor",
        "function.true_divide(Operand self, Operand other) -> Tensor",
    ] aliases ["divide"] {
        value: a / b,
        grad(y, g): [g / b, -(g * (a / b / b))],
        half_grad: stepwise_quotients,
        call(x = self: Operand, other: Operand, rounding_mode: Option<&str>; a) {
            map::call_on(rounding(rounding_mode)?, [x, other], a)
        },
        samples: ["u(2, 3), nz(2, 3)", "u(2, 3), nz(3)", "u(2, 3), 2", "u(3, 2).t(), nz(2, 3)",
            "u(2, 3), nz(2, 3), rounding_mode='trunc'", "u(2, 3), nz(2, 3), rounding_mode='floor'",
            "u(2, 3), 2, rounding_mode='floor'"],
    }
    /// `self // other`: the quotient rounded down, as Python's.
    floor_divide(a, b) numeric + numbers + divides + wide + stepwise as [
        "method.floor_divide(Tensor self, Operand other) -> Tensor; __floordiv__ __ifloordiv__",
        "function.floor_divide(Operand self, Operand other) -> Tensor; __rfloordiv__",
    ] kernel "div_floor_cpu" {
        value: floor_quotient(a, b),
        samples: ["u(2, 3), nz(2, 3)", "u(2, 3), nz(3)", "u(2, 3), 2"],
    }
    /// `self % other`, with the sign of `other`, as Python's.
    ///
    ///     >>> torch.remainder(torch.tensor([-3., 3.]), 2)
    ///     tensor([1., 1.])
    remainder(a, b) numeric + divides as [
        "remainder(Tensor self, Operand other) -> Tensor; __mod__ __imod__",
        "function.remainder(Operand self, Tensor other) -> Tensor; __rmod__",
    ] named "RemainderBackward1|RemainderBackward0" {
        value: {
            let r = a.rem(b);
            S::select(r.ne(0.0) & (r.lt(0.0) ^ b.lt(0.0)), r + b, r)
        },
        grad(y, g): [g, -(g * (a / b).floor())],
        samples: ["u(2, 3), nz(2, 3)", "u(2, 3), nz(3)", "u(2, 3), 2"],
    }
    /// The remainder with the sign of `self`, as C's fmod.
    fmod(a, b) numeric + divides as ["fmod(Tensor self, Operand other) -> Tensor"]
        named "FmodBackward1|FmodBackward0" {
        value: a.rem(b),
        grad(y, g): [g, -(g * (a / b).trunc())],
        samples: ["u(2, 3), nz(2, 3)", "u(2, 3), nz(3)", "u(2, 3), 2"],
    }
    /// The larger of both, element by element; NaN where either is.
    ///
    ///     >>> torch.maximum(torch.tensor([1., 5.]), torch.tensor([3., 2.]))
    ///     tensor([3., 5.])
    maximum(a, b) all + out_only + compares as ["maximum(Tensor self, Tensor other) -> Tensor"] {
        value: a.max(b),
        grad(y, g): [
            S::select(a.lt(b), S::lit(0.0), S::select(a.eq(b), 0.5 * g, g)),
            S::select(b.lt(a), S::lit(0.0), S::select(a.eq(b), 0.5 * g, g)),
        ],
        check: ordered,
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "u(3, 2).t(), u(2, 3)", "edges(0.0, NAN, INF), edges(NAN, 1.0, -INF)"],
    }
    /// The smaller of both, element by element; NaN where either is.
    minimum(a, b) all + out_only + compares as ["minimum(Tensor self, Tensor other) -> Tensor"] {
        value: a.min(b),
        grad(y, g): [
            S::select(b.lt(a), S::lit(0.0), S::select(a.eq(b), 0.5 * g, g)),
            S::select(a.lt(b), S::lit(0.0), S::select(a.eq(b), 0.5 * g, g)),
        ],
        check: ordered,
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "u(3, 2).t(), u(2, 3)", "edges(0.0, NAN, INF), edges(NAN, 1.0, -INF)"],
    }
    /// `(a - b)^2`, each term of a mean squared error.
    squared_distance(a, b) float_only + stepwise as [] named "MseLossBackward" {
        value: (a - b) * (a - b),
        grad(y, g): [g * (2.0 * (a - b)), -(g * (2.0 * (a - b)))],
        samples: [],
    }
    /// `div` with `rounding_mode="trunc"`.
    div_trunc(a, b) numeric + numbers + divides + wide + stepwise as [] named "DivBackward2" {
        value: (a / b).trunc(),
        grad(y, g): [S::lit(0.0), S::lit(0.0)],
        samples: [],
    }
    /// `div` with `rounding_mode="floor"`.
    div_floor(a, b) numeric + numbers + divides + wide + stepwise as [] named "DivBackward2" {
        value: floor_quotient(a, b),
        grad(y, g): [S::lit(0.0), S::lit(0.0)],
        samples: [],
    }
}
