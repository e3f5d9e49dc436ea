//! What kind of number each element is, and numbers in the place of those that are none.

use crate::core::{DType, Number};
use crate::elementwise;
use crate::ops::elementwise::map::{self, Row};
use crate::tensor::{Operand, Tensor};

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

elementwise! {
    /// Whether each element is NaN.
    isnan(x) -> bool all + rare + unsigned + no_variants {
        value: x.ne(x),
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is infinite.
    isinf(x) -> bool all + rare + unsigned + no_variants {
        value: x.abs().eq(f64::INFINITY),
        call(x = self: &Tensor; a) { map::call_on(on_floats(x, &ROW, false), [Operand::Tensor(x)], a) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is positive infinity.
    isposinf(x) -> bool all + rare + unsigned + out_only {
        value: x.eq(f64::INFINITY),
        call(x = self: &Tensor; a) { map::call_on(on_floats(x, &ROW, false), [Operand::Tensor(x)], a) },
        samples: ["u(2, 3)", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is negative infinity.
    isneginf(x) -> bool all + rare + unsigned + out_only {
        value: x.eq(f64::NEG_INFINITY),
        call(x = self: &Tensor; a) { map::call_on(on_floats(x, &ROW, false), [Operand::Tensor(x)], a) },
        samples: ["u(2, 3)", "edges(0.0, INF, -INF, NAN)"],
    }
    /// Whether each element is neither infinite nor NaN.
    isfinite(x) -> bool all + rare + unsigned + no_variants {
        value: x.abs().lt(f64::INFINITY),
        call(x = self: &Tensor; a) { map::call_on(on_floats(x, &ROW, true), [Operand::Tensor(x)], a) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, INF, -INF, NAN)"],
    }
    /// True everywhere: no dtype here has an imaginary part.
    isreal(x) -> bool all + rare + unsigned + no_variants {
        value: x.eq(x) | x.ne(x),
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
            let most = most(x.dtype());
            let numbers = [nan.unwrap_or(0.0), posinf.unwrap_or(most), neginf.unwrap_or(-most)].map(Number::Float);
            if x.dtype().is_float() {
                map::call_with(&ROW, [Operand::Tensor(x)], numbers, a)
            } else {
                map::call_on(&itself::ROW, [Operand::Tensor(x)], a)
            }
        },
        samples: ["u(2, 3)", "edges(0.0, INF, -INF, NAN)", "edges(0.0, INF, -INF, NAN), 2.0, posinf=5.0",
            "edges(1.0, INF, -INF, NAN), neginf=-1.0"],
    }
    /// What integers and bool are to `nan_to_num`.
    itself(x) all + rare + unsigned as [] {
        value: x,
        samples: [],
    }
    /// Whether `self` is within `atol + rtol * |other|` of `other`, or equal to it; NaN equals NaN if `equal_nan`.
    near(a, b; rtol = Number::Int(0), atol = Number::Int(0)) -> bool float + rare + wide + out_only as [] {
        value: {
            let off = (a - b).abs();
            a.eq(b) | off.lt(f64::INFINITY) & off.le(atol + (rtol * b).abs())
        },
        samples: [],
    }
}
