//! What kind of number each element is, and numbers in the place of those that are none.

use crate::bail;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::ops::complex::{finished, joined};
use crate::ops::elementwise::map::{self, Row};
use crate::tensor::{Args, Operand, Outs, Tensor};

/// Of complex numbers, what `row` says of both parts, together by `and` or by `or`; None of real ones.
fn of_parts(x: &Tensor, row: &'static Row, and: bool) -> Result<Option<Outs>> {
    if !x.dtype().is_complex() {
        return Ok(None);
    }
    let of = |part: Tensor| map::on(row, [Operand::Tensor(&part)]);
    let (re, im) = (of(x.real()?)?, of(x.imag()?)?);
    let both = if and { re.logical_and(&im)? } else { re.logical_or(&im)? };
    Ok(Some(Outs::Tensor(both)))
}

/// `row`, which asks about infinities and NaN, on floats; on integers and bool the row of the one answer.
fn on_floats(x: &Tensor, row: &'static Row, answer: bool) -> &'static Row {
    match (x.dtype().is_float(), answer) {
        (true, _) => row,
        (false, true) => &isreal::ROW,
        (false, false) => &isnan::ROW,
    }
}

/// The largest finite number of a dtype.
fn most(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::MAX,
        DType::F16 => 65504.0,
        DType::BF16 => 255.0 * 2f64.powi(120),
        _ => f32::MAX as f64,
    }
}

/// Refuses an `out=` that does not hold bool.
pub fn only_bool(name: &str, a: &Args) -> Result<()> {
    match a.out {
        [out, ..] if out.dtype() != DType::Bool => bail!(Runtime, "{name} does not support non-boolean outputs."),
        _ => Ok(()),
    }
}

elementwise! {
    /// Whether each element is NaN.
    ///
    ///     >>> torch.isnan(torch.tensor([1., float('nan')]))
    ///     tensor([False,  True])
    isnan(x) -> bool all + complex + chalf + rare + unsigned + no_variants {
        value: x.ne(x),
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is infinite.
    isinf(x) -> bool all + rare + unsigned + no_variants {
        value: x.abs().eq(f64::INFINITY),
        call(x = self: &Tensor; a) {
            match of_parts(x, &ROW, false)? {
                Some(y) => Ok(y),
                None => map::call_on(on_floats(x, &ROW, false), [Operand::Tensor(x)], a),
            }
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is positive infinity.
    isposinf(x) -> bool all + rare + unsigned + out_only {
        value: x.eq(f64::INFINITY),
        call(x = self: &Tensor; a) {
            if x.dtype().is_complex() {
                bail!(Runtime, "isposinf does not support complex inputs.");
            }
            only_bool("isposinf", a)?;
            map::call_on(on_floats(x, &ROW, false), [Operand::Tensor(x)], a)
        },
        samples: ["u(2, 3)", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is negative infinity.
    isneginf(x) -> bool all + rare + unsigned + out_only {
        value: x.eq(f64::NEG_INFINITY),
        call(x = self: &Tensor; a) {
            if x.dtype().is_complex() {
                bail!(Runtime, "isneginf does not support complex inputs.");
            }
            only_bool("isneginf", a)?;
            map::call_on(on_floats(x, &ROW, false), [Operand::Tensor(x)], a)
        },
        samples: ["u(2, 3)", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is neither infinite nor NaN.
    isfinite(x) -> bool all + rare + unsigned + no_variants {
        value: x.abs().lt(f64::INFINITY),
        call(x = self: &Tensor; a) {
            match of_parts(x, &ROW, true)? {
                Some(y) => Ok(y),
                None => map::call_on(on_floats(x, &ROW, true), [Operand::Tensor(x)], a),
            }
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether the imaginary part is zero: always, of a dtype that has none.
    isreal(x) -> bool all + rare + unsigned + no_variants {
        value: x.eq(x) | x.ne(x),
        complex: |x| map::on(&crate::ops::elementwise::compare::logical_not::ROW, [Operand::Tensor(&x.imag()?)]),
        samples: ["u(2, 3)", "edges(0.0, INF, NAN)"],
    }
    /// `nan` in the place of NaN (0 if it is not given), `posinf` and `neginf` in the place of infinities (the largest and the
    /// lowest finite number of the dtype).
    ///
    /// Gradient: g where the element is finite.
    nan_to_num(x; nan = Number::Int(0), high = Number::Int(0), low = Number::Int(0)) all + rare as [
        "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
    ] {
        value: {
            let y = S::select(x.eq(f64::INFINITY), high, x);
            let y = S::select(x.eq(f64::NEG_INFINITY), low, y);
            S::select(x.ne(x), nan, y)
        },
        grad(y, g): [S::select(x.abs().lt(f64::INFINITY), g, S::lit(0.0))],
        call(x = self: &Tensor, nan: Option<f64>, posinf: Option<f64>, neginf: Option<f64>; a) {
            if let &[out] = a.out
                && out.dtype() != x.dtype()
            {
                let (of, is) = (out.dtype().scalar_name(), x.dtype().scalar_name());
                bail!(Runtime, "nan_to_num: dtype of out: {of} should be same as input: {is}");
            }
            let most = most(x.dtype().to_real());
            let numbers = [nan.unwrap_or(0.0), posinf.unwrap_or(most), neginf.unwrap_or(-most)].map(Number::Float);
            if x.dtype().is_complex() {
                // Each part by itself.
                let of = |part: Tensor| map::on_with(&ROW, [Operand::Tensor(&part)], numbers);
                finished("nan_to_num", joined(&of(x.real()?)?, &of(x.imag()?)?)?, a)
            } else if x.dtype().is_float() {
                map::call_with(&ROW, [Operand::Tensor(x)], numbers, a)
            } else {
                map::call_on(&itself::ROW, [Operand::Tensor(x)], a)
            }
        },
        samples: ["u(2, 3)", "edges(0.0, INF, -INF, NAN)", "edges(0.0, INF, -INF, NAN), 2.0, posinf=5.0",
            "edges(1.0, INF, -INF, NAN), neginf=-1.0"],
    }
    /// The angle of a real number.
    real_angle(x) float + rare as [] named "AngleBackward" kernel "angle_cpu" {
        value: S::select(x.lt(0.0), S::lit(std::f64::consts::PI), S::select(x.ne(x), x, S::lit(0.0))),
        grad(y, g): [S::lit(0.0)],
        samples: [],
    }
    /// What integers and bool are to `nan_to_num`.
    itself(x) all + complex + chalf + rare + unsigned as [] {
        value: x,
        grad(y, g): [g],
        samples: [],
    }
    /// Whether `self` is within `atol + rtol * |other|` of `other`, or equal to it; NaN equals NaN if `equal_nan`.
    near(a, b; rtol = Number::Int(0), atol = Number::Int(0)) -> bool float + complex + rare + wide + out_only as [] {
        value: {
            let off = (a - b).abs();
            a.eq(b) | off.lt(f64::INFINITY) & off.le(atol + (rtol * b).abs())
        },
        samples: [],
    }
}
