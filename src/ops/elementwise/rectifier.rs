//! Activation functions that are bent lines or exponentials: leaky_relu, elu, hardtanh, softplus and their kin, by
//! PyTorch's formulas.

use crate::bail;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::expr::{Left, Scalar};
use crate::ops::elementwise::map::{self, Call, Row};
use crate::tensor::{Args, Operand, Outs, Tensor};

const SIXTH: f64 = 1.0 / 6.0;

/// `f(x, .., inplace=..)` of nn.functional, or `f_(x, ..)`, with the row's first params.
pub fn activated<const P: usize>(
    row: &'static Row,
    x: &Tensor,
    params: [f64; P],
    over: bool,
    a: &Args,
) -> Result<Outs> {
    let a = Args { overload: a.overload, values: a.values, inplace: a.inplace || over, out: a.out };
    map::call_with(row, [Operand::Tensor(x)], params.map(Number::Float), &a)
}

fn no_bool(_: &Call, dtype: DType) -> Result<()> {
    if dtype == DType::Bool {
        bail!(Runtime, "Bool inputs not supported for hardtanh");
    }
    Ok(())
}

/// Checked bounds of `hardtanh`.
pub fn bounded(x: &Tensor, low: f64, high: f64, over: bool, a: &Args) -> Result<Outs> {
    if low > high {
        bail!(Value, "min_val cannot be greater than max_val");
    }
    if x.dtype() == DType::U8 && (low < 0.0 || high < 0.0) {
        bail!(Runtime, "cannot do hardtanh on an unsigned type with negative limits");
    }
    activated(&hardtanh::ROW, x, [low, high], over, a)
}

#[inline(always)]
fn sigmoid<S: Scalar>(x: S) -> S
where
    f64: Left<S>,
{
    1.0 / (1.0 + (-x).exp())
}

/// tanh(log(1 + e)) = n / (n + 2) with e = exp(x) and n = e^2 + 2 e; 1 from x = 20 on.
#[inline(always)]
fn tanh_of_softplus<S: Scalar>(x: S) -> S
where
    f64: Left<S>,
{
    let e = x.min(20.0).exp();
    let n = e * (e + 2.0);
    n / (n + 2.0)
}

elementwise! {
    /// x, and `negative_slope * x` where x is not positive.
    leaky_relu(x; slope = Number::Int(0)) float_only + wide + no_variants as [
        "nn.leaky_relu(Tensor input, float negative_slope=0.01, bool inplace=False) -> Tensor",
        "nn.leaky_relu_(Tensor input, float negative_slope=0.01) -> Tensor",
    ] {
        value: S::select(x.gt(0.0), x, x * slope),
        grad(y, g): [S::select(x.gt(0.0), g, g * slope)],
        call(x = input: &Tensor, slope = negative_slope: f64, inplace: bool; a) {
            activated(&ROW, x, [slope], inplace || a.overload == 1, a)
        },
        samples: ["u(2, 3)", "u(3, 2).t(), 0.25", "u(6)[::2], -0.5", "edges(0.0, -0.0, INF, -INF, NAN)"],
    }
    /// x, and `alpha * (exp(x) - 1)` where x is not positive.
    ///
    /// Clevert, Unterthiner and Hochreiter, 2016.
    elu(x; low = Number::Int(1), high = Number::Int(1), inner = Number::Int(1)) float_only + wide + no_variants as [
        "nn.elu(Tensor input, float alpha=1.0, bool inplace=False) -> Tensor",
        "nn.elu_(Tensor input, float alpha=1.0) -> Tensor",
    ] {
        value: S::select(x.le(0.0), (x * inner).expm1() * low, x * high),
        grad(y, g): [S::select(x.le(0.0), g * (inner * low * (x * inner).exp()), g * high)],
        call(x = input: &Tensor, alpha: f64, inplace: bool; a) {
            activated(&ROW, x, [alpha], inplace || a.overload == 1, a)
        },
        samples: ["u(2, 3)", "u(3, 2).t(), 0.5", "edges(0.0, -0.0, 20.0, -20.0, INF, -INF, NAN).detach()"],
    }
    /// Elements below `min_val` become it, those above `max_val` become that; NaN stays.
    ///
    /// Gradient: g strictly within the bounds. Raises ValueError where min_val is above max_val.
    hardtanh(x; low = Number::Int(-1), high = Number::Int(1)) numeric + no_variants as [
        "nn.hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0, bool inplace=False) -> Tensor",
        "nn.hardtanh_(Tensor input, float min_val=-1.0, float max_val=1.0) -> Tensor",
    ] kernel "hardtanh_cpu" {
        value: x.max(low).min(high),
        grad(y, g): [S::select(x.le(low) | x.ge(high), S::lit(0.0), g)],
        check: no_bool,
        call(x = input: &Tensor, min_val: f64, max_val: f64, inplace: bool; a) {
            bounded(x, min_val, max_val, inplace || a.overload == 1, a)
        },
        samples: ["u(2, 3)", "u(3, 2).t(), 0.0, 1.5", "u(2, 3), 1.0, -1.0", "edges(0.0, 1.0, -1.0, INF, NAN)"],
    }
    /// x relu6(x + 3) / 6.
    ///
    /// Howard et al., "Searching for MobileNetV3", 2019.
    hardswish(x) float_only + no_variants as ["nn.hardswish(Tensor input, bool inplace=False) -> Tensor"] {
        value: x * (x + 3.0).max(0.0).min(6.0) / 6.0,
        grad(y, g): [S::select(x.le(-3.0), S::lit(0.0), S::select(x.lt(3.0), g * (x / 3.0 + 0.5), g))],
        call(x = input: &Tensor, inplace: bool; a) { activated(&ROW, x, [], inplace, a) },
        samples: ["u(2, 3)", "u(3, 2).t() * 2", "edges(0.0, 3.0, -3.0, 10.0, -10.0, NAN)"],
    }
    /// relu6(x + 3) / 6.
    hardsigmoid(x) float_only + no_variants as ["nn.hardsigmoid(Tensor input, bool inplace=False) -> Tensor"] {
        value: (x + 3.0).max(0.0).min(6.0) / 6.0,
        grad(y, g): [S::select(x.gt(-3.0) & x.lt(3.0), g * SIXTH, S::lit(0.0))],
        call(x = input: &Tensor, inplace: bool; a) { activated(&ROW, x, [], inplace, a) },
        // PyTorch's gradient in float64 multiplies with a sixth in float32.
        samples: ["u(2, 3).detach()", "(u(3, 2).t() * 2).detach()", "edges(0.0, 3.0, -3.0, 10.0, -10.0, NAN).detach()"],
    }
    /// x tanh(softplus(x)).
    ///
    /// Misra, 2019.
    mish(x) float_only + no_variants as ["nn.mish(Tensor input, bool inplace=False) -> Tensor"] {
        value: x * tanh_of_softplus(x),
        grad(y, g): [{
            let t = tanh_of_softplus(x);
            g * (t + x * sigmoid(x) * (1.0 - t * t))
        }],
        call(x = input: &Tensor, inplace: bool; a) { activated(&ROW, x, [], inplace, a) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 20.0, -20.0, INF, NAN)"],
    }
    /// log(1 + exp(beta x)) / beta, and x where beta x is above `threshold`.
    softplus(x; beta = Number::Int(1), threshold = Number::Int(20)) float_only + same_out + wide + out_only as [
        "nn.softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor; out",
    ] {
        value: {
            let z = x * beta;
            S::select(z.gt(threshold), x, z.exp().log1p() / beta)
        },
        grad(y, g): [{
            let z = x * beta;
            let e = z.exp();
            S::select(z.gt(threshold), g, g * e / (e + 1.0))
        }],
        samples: ["u(2, 3)", "u(3, 2).t(), 2", "u(2, 3), 1.5, 1", "edges(0.0, 20.0, 21.0, -100.0, INF, -INF, NAN).detach()"],
    }
    /// log(sigmoid(x)), without overflow.
    logsigmoid(x) float_only + out_only as ["nn.logsigmoid(Tensor input) -> Tensor; out"]
        named "LogSigmoidBackward" kernel "log_sigmoid_cpu" {
        value: x.min(0.0) - (-x.abs()).exp().log1p(),
        grad(y, g): [{
            let z = S::select(x.lt(0.0), x, -x).exp();
            let part = z / (1.0 + z);
            g * S::select(x.lt(0.0), 1.0 - part, part)
        }],
        call(x = input: &Tensor; a) { map::call_on(&ROW, [Operand::Tensor(&x.contiguous()?)], a) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 100.0, -100.0, INF, -INF, NAN).detach()"],
    }
    /// x brought `lambd` nearer to 0, and 0 within that distance of it.
    ///
    /// Raises RuntimeError for a negative `lambd`.
    softshrink(x; lambd = Number::Float(0.5)) float_only + same_out + wide + rare + out_only as [
        "nn.softshrink(Tensor self, Scalar lambd=0.5) -> Tensor; out",
    ] kernel "softshrink_check" {
        value: S::select(x.gt(lambd), x - lambd, S::select(x.lt(-lambd), x + lambd, S::select(x.ne(x), x, S::lit(0.0)))),
        grad(y, g): [S::select(x.ge(-lambd) & x.le(lambd), S::lit(0.0), g)],
        check: not_negative,
        samples: ["u(2, 3)", "u(3, 2).t(), 1", "u(3), -1", "edges(0.0, 0.5, -0.5, INF, NAN)"],
    }
    /// 0 within `lambd` of 0, else x.
    hardshrink(x; lambd = Number::Float(0.5)) float_only + same_out + rare + out_only as [
        "hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor",
        "nn.hardshrink(Tensor input, Scalar lambd=0.5) -> Tensor; out",
    ] {
        value: S::select(x.ge(-lambd) & x.le(lambd), S::lit(0.0), x),
        grad(y, g): [S::select(x.ge(-lambd) & x.le(lambd), S::lit(0.0), g)],
        samples: ["u(2, 3)", "u(3, 2).t(), 1", "edges(0.0, 0.5, -0.5, INF, NAN)"],
    }
    /// `value` where x is not above `threshold`.
    threshold(x; limit = Number::Int(0), value = Number::Int(0)) numeric + rare + out_only as [
        "function.threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor",
        "nn.threshold(Tensor input, Scalar threshold, Scalar value, bool inplace=False) -> Tensor",
        "nn.threshold_(Tensor input, Scalar threshold, Scalar value) -> Tensor",
        "function.threshold_(Tensor self, Scalar threshold, Scalar value) -> Tensor; no out",
    ] {
        value: S::select(x.le(limit), value, x),
        grad(y, g): [S::select(x.le(limit), S::lit(0.0), g)],
        check: map::params_fit,
        call(x = self: &Tensor, threshold: Number, value: Number, inplace: bool; a) {
            let a = Args { overload: 0, values: a.values, inplace: inplace || a.overload >= 2, out: a.out };
            map::call_with(&ROW, [Operand::Tensor(x)], [threshold, value], &a)
        },
        samples: ["u(2, 3), 0.5, 2", "u(3, 2).t(), 0, 20", "edges(0.0, 1.0, INF, NAN), 0, 1"],
    }
    /// `celu`: `elu` under another name.
    celu_of_alpha(x; low = Number::Int(1), high = Number::Int(1), inner = Number::Int(1)) float_only + wide + rare + no_variants
        as [] named "CeluBackward" kernel "elu_cpu" {
        value: S::select(x.le(0.0), (x * inner).expm1() * low, x * high),
        grad(y, g): [S::select(x.le(0.0), g * (inner * low * (x * inner).exp()), g * high)],
        samples: [],
    }
    /// a sigmoid(b), of the halves that `glu` makes.
    gated(a, b) float_only + no_variants as [] named "GluBackward" kernel "glu_cpu" {
        value: a * sigmoid(b),
        grad(y, g): [g * sigmoid(b), {
            let s = sigmoid(b);
            (1.0 - s) * s * g * a
        }],
        samples: [],
    }
    /// x times a slope that was drawn, 1 for positive x.
    rrelu_kernel(x, slope) float_only + rare + no_variants + tied as [] named "RreluWithNoiseBackward" {
        value: x * slope,
        grad(y, g): [g * slope, g * x],
        samples: [],
    }
    /// x, and `weight * x` where x is not positive.
    prelu_kernel(x, weight) float_only + no_variants as [] kernel "prelu_cpu" {
        value: S::select(x.gt(0.0), x, weight * x),
        grad(y, g): [S::select(x.gt(0.0), g, weight * g), S::select(x.gt(0.0), S::lit(0.0), x * g)],
        samples: [],
    }
}

fn not_negative(c: &Call, dtype: DType) -> Result<()> {
    let lambd = c.params[0].to_f64();
    if dtype.is_float() && (lambd < 0.0 || lambd.is_nan()) {
        bail!(
            Runtime,
            "lambda must be in range [0, 3.40282e+38] for input dtype {}, but found {lambd}",
            dtype.scalar_name()
        );
    }
    Ok(())
}
