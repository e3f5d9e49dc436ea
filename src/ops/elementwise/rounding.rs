//! Rounding, signs and neighbours of numbers.

use crate::bail;
use crate::core::spoken::library;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::expr::{Left, Scalar};
use crate::ops::complex::Of;
use crate::ops::elementwise::binary::ordered;
use crate::ops::elementwise::map::{self, Call, promoted};
use crate::tensor::{Args, Operand, Outs, Tensor};

/// `round` to a number of decimals, which floats only have.
fn round_to(x: &Tensor, decimals: i64, kernel: &'static str, a: &Args) -> Result<Outs> {
    if !x.dtype().is_float() {
        return Err(x.dtype().lacks(kernel));
    }
    let scale = Number::Float(10f64.powi(decimals.unsigned_abs().min(400) as i32));
    let row = if decimals < 0 { &round_above::ROW } else { &round_below::ROW };
    map::call_with(row, [Operand::Tensor(x)], [scale], a)
}

fn not_complex(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_complex() {
        bail!(NotImplemented, "{} is not supported for complex inputs", c.row.name);
    }
    Ok(())
}

fn real_signs(_: &Call, dtype: DType) -> Result<()> {
    if dtype.is_complex() {
        bail!(
            NotImplemented,
            "Unlike NumPy, {0}.sign is not intended to support complex numbers. Please use {0}.sgn instead.",
            library()
        );
    }
    Ok(())
}

/// Both operands of one dtype, as PyTorch demands.
fn one_dtype(x: &Tensor, values: &Tensor) -> Result<()> {
    if x.dtype().is_complex() || values.dtype().is_complex() {
        bail!(Runtime, "heaviside is not yet implemented for complex tensors.");
    }
    if x.dtype() != values.dtype() {
        bail!(Runtime, "heaviside is not yet implemented for tensors with different dtypes.");
    }
    Ok(())
}

/// By dtype: the smallest subnormal number, one over the unit roundoff, the largest finite number.
fn grain(dtype: DType) -> [Number; 3] {
    let (digits, least, most) = match dtype {
        DType::F64 => (53, f64::from_bits(1), f64::MAX),
        DType::BF16 => (8, 2f64.powi(-133), 255.0 * 2f64.powi(120)),
        DType::F16 => (11, 2f64.powi(-24), 65504.0),
        _ => (24, 2f64.powi(-149), f32::MAX as f64),
    };
    [least, 2f64.powi(digits), most].map(Number::Float)
}

fn only_floats(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_float() { Ok(()) } else { Err(dtype.lacks(c.row.kernel)) }
}

/// m and e of x = m 2^e with m in [0.5, 1); of zeros, infinities and NaN, x and 0.
#[inline(always)]
fn split<S: Scalar>(x: S) -> (S, S)
where
    f64: Left<S>,
{
    let plain = x.ne(0.0) & x.abs().lt(f64::INFINITY);
    let a = S::select(plain, x, S::lit(1.0));
    // The logarithm may be rounded across a power of two. Two factors, since 2^-e itself may overflow.
    let e = a.abs().log2().floor() + 1.0;
    let half = (e * 0.5).floor();
    let m = a * (-half).exp2() * (half - e).exp2();
    let (low, high) = (m.abs().lt(0.5), m.abs().ge(1.0));
    let m = S::select(low, 2.0 * m, S::select(high, 0.5 * m, m));
    let e = S::select(low, e - 1.0, S::select(high, e + 1.0, e));
    (S::select(plain, m, x), S::select(plain, e, S::lit(0.0)))
}

elementwise! {
    /// The largest whole number that is not above each element.
    ///
    ///     >>> torch.floor(torch.tensor([1.7, -1.2]))
    ///     tensor([ 1., -2.])
    floor(x) numeric + same_out + rare + unsigned kernel "floor_vml_cpu" {
        value: x.floor(),
        grad(y, g): [S::lit(0.0)],
        check: not_complex,
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "u(0, 3)", "edges(0.0, -0.0, -0.5, INF, -INF, NAN)"],
    }
    /// The smallest whole number that is not below each element.
    ///
    ///     >>> torch.ceil(torch.tensor([1.2, -1.7]))
    ///     tensor([ 2., -1.])
    ceil(x) numeric + same_out + rare + unsigned kernel "ceil_vml_cpu" {
        value: x.ceil(),
        grad(y, g): [S::lit(0.0)],
        check: not_complex,
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, -0.5, INF, -INF, NAN)"],
    }
    /// The nearest whole number, of two the even one; with `decimals`, the nearest number of so many decimal places
    /// (tens, hundreds for negative ones), which floats only have.
    ///
    ///     >>> torch.round(torch.tensor([0.5, 1.5, 2.345]))
    ///     tensor([0., 2., 2.])
    round(x) numeric + same_out + rare + unsigned as [
        "round(Tensor self) -> Tensor",
        "round(Tensor self, *, int decimals) -> Tensor",
        "special.round(Tensor self, *, int decimals=0) -> Tensor",
    ] kernel "round_vml_cpu" {
        value: x.round(),
        grad(y, g): [S::lit(0.0)],
        call(x = self: &Tensor, decimals: Option<i64>; a) {
            match decimals {
                None => map::call_on(&ROW, [Operand::Tensor(x)], a),
                Some(0) if a.overload == 2 || x.dtype().is_float() => map::call_on(&ROW, [Operand::Tensor(x)], a),
                Some(n) => round_to(x, n, if n == 0 { "round_vml_cpu" } else { "round_cpu" }, a),
            }
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.5, 1.5, -0.5, -0.0, INF, NAN)", "u(2, 3), decimals=1",
            "u(2, 3) * 100, decimals=-1", "u(2, 3), decimals=0"],
    }
    /// Each element without its fraction.
    trunc(x) numeric + same_out + rare + unsigned aliases ["fix"] kernel "trunc_vml_cpu" {
        value: x.trunc(),
        grad(y, g): [S::lit(0.0)],
        check: not_complex,
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, -0.5, INF, -INF, NAN)"],
    }
    /// The fraction of each element, of its sign.
    frac(x) float_only + same_out + rare {
        value: x - x.trunc(),
        grad(y, g): [g],
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, -0.5, INF, NAN)"],
    }
    /// -1, 0 or 1 by the sign of each element; 0 for NaN.
    ///
    ///     >>> torch.sign(torch.tensor([-2., 0., 3.]))
    ///     tensor([-1.,  0.,  1.])
    sign(x) all + same_out + rare {
        value: x.sign(),
        grad(y, g): [S::lit(0.0)],
        check: real_signs,
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, -3.0, INF, NAN)"],
    }
    /// `sign` of a real tensor.
    sgn(x) all + same_out + rare {
        value: x.sign(),
        grad(y, g): [S::lit(0.0)],
        complex: |x| Of::Sgn.run(x),
        samples: ["u(2, 3)", "edges(0.0, -0.0, -3.0, INF, NAN)"],
    }
    /// Whether the sign bit of each element is set: of negative numbers, and of -0.
    signbit(x) -> bool all + rare + unsigned + out_only {
        value: S::lit(1.0).copysign(x).lt(0.0),
        call(x = self: &Tensor; a) {
            if x.dtype().is_complex() {
                bail!(NotImplemented, "signbit is not implemented for complex tensors.");
            }
            crate::ops::elementwise::classify::only_bool("signbit", a)?;
            map::call_on(&ROW, [Operand::Tensor(x)], a)
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, -3.0, INF, -INF)"],
    }
    /// The magnitude of `self` with the sign of `other`, the sign of -0 included.
    ///
    /// Gradient: g with the change of sign, 0 where `self` is 0; none for `other`.
    copysign(a, b) float + rare as ["copysign(Tensor self, Operand other) -> Tensor"]
        named "CopysignBackward0|CopysignBackward1" {
        value: a.copysign(b),
        grad(y, g): [S::select(a.eq(0.0), S::lit(0.0), g * (y / a)), S::lit(0.0)],
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "u(2, 3), -2", "edges(0.0, 1.0, INF).detach(), edges(-0.0, -0.0, -INF).detach()"],
    }
    /// The next number of the dtype from `self` towards `other`; where they are equal, `other`.
    /// It has no derivative (backward raises RuntimeError).
    ///
    /// After Rump, Zimmermann, Boldo and Melquiond, "Computing predecessor and successor in rounding to nearest", 2009.
    nextafter(a, b; least = Number::Int(0), scale = Number::Int(0), most = Number::Int(0)) all + rare as [
        "nextafter(Tensor self, Tensor other) -> Tensor",
    ] {
        value: {
            let m = a.abs();
            // Times this a magnitude is between half and three halves of its distance to the next one.
            let part = (1.0 + 2.0 / scale) / scale;
            // Subnormal numbers are evenly spaced; small ones are made larger, so that no step is rounded.
            let (even, small) = (m.lt(scale * least), m.lt(scale));
            let from = S::select(even, a, S::select(small, a * scale, a));
            let step = S::select(even, least, part * from.abs());
            let to = S::select(b.gt(a), from + step, from - step);
            let y = S::select(small & !even, to / scale, to).copysign(a);
            let y = S::select(a.eq(0.0), least.copysign(b), y);
            let y = S::select(m.eq(f64::INFINITY), most.copysign(a), y);
            let y = S::select(a.eq(b), b, y);
            S::select(a.ne(a) | b.ne(b), a + b, y)
        },
        check: only_floats,
        call(x = self: &Tensor, other: &Tensor; a) {
            let dtype = promoted(&[x, other])?;
            map::call_with(&ROW, [Operand::Tensor(x), Operand::Tensor(other)], grain(dtype), a)
        },
        samples: ["u(2, 3).detach(), u(2, 3).detach()", "u(2, 3).detach(), u(3).detach()",
            "edges(1.0, 1.0, 2.0).detach(), edges(2.0, 0.0, 2.0).detach()",
            "edges(0.0, -0.0, INF, 1.0).detach(), edges(1.0, -1.0, 0.0, NAN).detach()"],
    }
    /// 0 where an element is negative, 1 where it is positive, `values` where it is 0.
    heaviside(x, values) all + rare as ["heaviside(Tensor self, Tensor values) -> Tensor"] {
        value: S::select(x.eq(0.0), values, S::select(x.gt(0.0), S::lit(1.0), S::lit(0.0))),
        call(x = self: &Tensor, values: &Tensor; a) {
            std::iter::once(values).chain(a.out.iter().copied()).try_for_each(|t| one_dtype(x, t))?;
            map::call_on(&ROW, [Operand::Tensor(x), Operand::Tensor(values)], a)
        },
        samples: ["u(2, 3), u(2, 3)", "edges(0.0, -0.0, 1.0, -1.0, NAN), u(1)", "ix(4, n=2), ix(4, n=5)", "u(2), ix(2, n=2)"],
    }
    /// The larger of both, element by element; a number where the other is NaN.
    fmax(a, b) all + rare + out_only + compares as ["fmax(Tensor self, Tensor other) -> Tensor"] {
        value: S::select(a.ge(b) | b.ne(b), a, b),
        grad(y, g): [S::select(a.ge(b) | b.ne(b), g, S::lit(0.0)), S::select(a.ge(b) | b.ne(b), S::lit(0.0), g)],
        check: ordered,
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "edges(0.0, NAN, INF, NAN), edges(NAN, 1.0, -INF, NAN)"],
    }
    /// The smaller of both, element by element; a number where the other is NaN.
    fmin(a, b) all + rare + out_only + compares as ["fmin(Tensor self, Tensor other) -> Tensor"] {
        value: S::select(a.le(b) | b.ne(b), a, b),
        grad(y, g): [S::select(a.le(b) | b.ne(b), g, S::lit(0.0)), S::select(a.le(b) | b.ne(b), S::lit(0.0), g)],
        check: ordered,
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "edges(0.0, NAN, INF, NAN), edges(NAN, 1.0, -INF, NAN)"],
    }
    /// The greatest common divisor, never negative; of 0 and 0 it is 0.
    gcd(a, b) bits + rare as ["gcd(Tensor self, Tensor other) -> Tensor"] {
        value: a.gcd(b),
        check: no_bools,
        samples: ["ix(2, 3, n=60), ix(2, 3, n=60)", "ix(2, 3, n=60) - 30, ix(3, n=60)", "ix(3, n=2) * 0, ix(3, n=9)",
            "u(2, 3), u(2, 3)"],
    }
    /// The least common multiple, never negative; 0 where either is 0.
    lcm(a, b) bits + rare as ["lcm(Tensor self, Tensor other) -> Tensor"] {
        value: (a / a.gcd(b) * b).abs(),
        check: no_bools,
        samples: ["ix(2, 3, n=60), ix(2, 3, n=60)", "ix(2, 3, n=60) - 30, ix(3, n=60)", "ix(3, n=2) * 0, ix(3, n=9)",
            "u(2, 3), u(2, 3)"],
    }
    /// The fraction that `frexp` gives.
    mantissa(x) float_only + rare as [] named "FrexpBackward" {
        value: split(x).0,
        grad(y, g): [S::select(x.eq(0.0), g, g * (-split(x).1).exp2())],
        samples: [],
    }
    /// The exponent that `frexp` gives.
    exponent(x) float_only + rare as [] {
        value: split(x).1,
        samples: [],
    }
    /// `round` to decimals.
    round_below(x; scale = Number::Int(1)) float_only + rare + wide as [] named "RoundBackward1" kernel "round_cpu" {
        value: (x * scale).round() / scale,
        grad(y, g): [S::lit(0.0)],
        samples: [],
    }
    /// `round` to tens.
    round_above(x; scale = Number::Int(1)) float_only + rare + wide as [] named "RoundBackward1" kernel "round_cpu" {
        value: (x / scale).round() * scale,
        grad(y, g): [S::lit(0.0)],
        samples: [],
    }
}

fn no_bools(c: &Call, dtype: DType) -> Result<()> {
    if dtype == DType::Bool { Err(dtype.lacks(c.row.kernel)) } else { Ok(()) }
}
