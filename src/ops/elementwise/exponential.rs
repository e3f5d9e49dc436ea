//! Exponentials and logarithms beyond `exp` and `log`.

use crate::core::Number;
use crate::elementwise;
use crate::error::Result;
use crate::expr::{Left, Scalar};
use crate::ops::complex::{finished, log_add_exp};
use crate::ops::elementwise::map::{self, on};
use crate::ops::elementwise::select::clamp;
use crate::tensor::{Args, Operand, Outs, Tensor};

const LN_2: f64 = std::f64::consts::LN_2;
const LN_10: f64 = std::f64::consts::LN_10;
const LOG2_E: f64 = std::f64::consts::LOG2_E;

fn logit_of(x: &Tensor, eps: Option<f64>, a: &Args) -> Result<Outs> {
    if x.dtype().is_half() && !a.inplace {
        // PyTorch rounds the quotient, whose logarithm is steep.
        let within = match eps {
            Some(eps) => on(&clamp::ROW, [Operand::Tensor(x), number(eps), number(1.0 - eps)])?,
            None => x.clone(),
        };
        return within.div(&within.neg()?.add_number(1.0)?)?.log().map(Outs::Tensor);
    }
    match eps {
        None => map::call_on(&logit::ROW, [Operand::Tensor(x)], a),
        Some(eps) => map::call_with(&logit_within::ROW, [Operand::Tensor(x)], [Number::Float(eps)], a),
    }
}

fn number(n: f64) -> Operand<'static> {
    Operand::Number(Number::Float(n))
}

/// x log(y), 0 where x is 0, NaN where y is.
#[inline(always)]
fn times_log<S: Scalar>(x: S, y: S, log: S) -> S
where
    f64: Left<S>,
{
    S::select(y.eq(y) & x.eq(0.0), S::lit(0.0), x * log)
}

elementwise! {
    /// 2 to the power of each element.
    exp2(x) float + complex + rare aliases ["special.exp2"] {
        value: x.exp2(),
        grad(y, g): [g * (y * LN_2)],
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 10.0, 128.0, -150.0, INF, -INF, NAN)"],
    }
    /// The logarithm of each element to base 2; negative elements give NaN.
    log2(x) float + complex + rare {
        value: x.log2(),
        grad(y, g): [g / (x * LN_2)],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -1.0, 8.0, INF, NAN)"],
    }
    /// The logarithm of each element to base 10; negative elements give NaN.
    log10(x) float + complex + rare {
        value: x.log10(),
        grad(y, g): [g / (x * LN_10)],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -1.0, 1000.0, INF, NAN)"],
    }
    /// The natural logarithm of 1 + x; exact near 0.
    log1p(x) float + complex + rare aliases ["special.log1p"] named "Log1PBackward" {
        value: x.log1p(),
        grad(y, g): [g / (x + 1.0)],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -0.0, 1e-8, -1.0, -2.0, INF, NAN)"],
    }
    /// log(exp(self) + exp(other)), without overflow.
    logaddexp(a, b) float_only + rare + out_only as ["logaddexp(Tensor self, Tensor other) -> Tensor"] {
        value: {
            let y = a.max(b) + (-(a - b).abs()).exp().log1p();
            S::select(a.eq(b) & a.abs().eq(f64::INFINITY), a, y)
        },
        grad(y, g): [g / (1.0 + (b - a).exp()), g / (1.0 + (a - b).exp())],
        call(x = self: &Tensor, other: &Tensor; a) {
            if x.dtype().is_complex() || other.dtype().is_complex() {
                return finished("logaddexp", log_add_exp(x, other)?, a);
            }
            map::call_on(&ROW, [x, other].map(Operand::Tensor), a)
        },
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "edges(INF, -INF, NAN, 100.0), edges(INF, -INF, 0.0, -100.0)"],
    }
    /// The logarithm to base 2 of 2^self + 2^other, without overflow.
    logaddexp2(a, b) float_only + rare + out_only as ["logaddexp2(Tensor self, Tensor other) -> Tensor"] {
        value: {
            let y = a.max(b) + LOG2_E * (-(a - b).abs()).exp2().log1p();
            S::select(a.eq(b) & a.abs().eq(f64::INFINITY), a, y)
        },
        grad(y, g): [g / (1.0 + (b - a).exp2()), g / (1.0 + (a - b).exp2())],
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3)", "edges(INF, -INF, NAN, 100.0), edges(INF, -INF, 0.0, -100.0)"],
    }
    /// log(x / (1 - x)), the inverse of `sigmoid`; with `eps`, x is brought into [eps, 1 - eps] before, else it gives NaN outside
    /// [0, 1].
    logit(x) float + rare as ["logit(Tensor self, float? eps=None) -> Tensor", "special.logit(Tensor self, float? eps=None) -> Tensor"] {
        value: (x / (1.0 - x)).log(),
        grad(y, g): [S::select(x.lt(0.0) | x.gt(1.0), S::lit(f64::NAN), g / (x * (1.0 - x)))],
        call(x = self: &Tensor, eps: Option<f64>; a) {
            logit_of(x, eps, a)
        },
        samples: ["u(2, 3, lo=0.1, hi=0.9)", "u(2, 3, lo=0.1, hi=0.9), 0.25", "u(3, 2).t(), eps=0.125",
            "edges(0.0, 1.0, 0.5, 2.0, NAN).detach()"],
    }
    /// x log(y), 0 where x is 0 (unless y is NaN).
    xlogy(x, z) float + rare as [
        "xlogy(Tensor self, Operand other) -> Tensor",
        "function.xlogy(Operand self, Tensor other) -> Tensor",
        "special.xlogy(Operand self, Operand other) -> Tensor",
    ] named "XlogyBackward0|XlogyBackward2|XlogyBackward1" {
        value: times_log(x, z, z.log()),
        grad(y, g): [S::select(x.eq(0.0) & z.le(0.0), S::lit(0.0), times_log(g, z, z.log())), g * x / z],
        samples: ["pos(2, 3), pos(2, 3)", "u(2, 3), pos(3)", "u(2, 3), 2", "edges(0.0, 0.0, 1.0, 0.0), edges(0.0, NAN, 0.0, -1.0)"],
    }
    /// x log(1 + y), 0 where x is 0 (unless y is NaN).
    xlog1py(x, z) float + rare + out_only as ["special.xlog1py(Operand self, Operand other) -> Tensor"]
        named "SpecialXlog1PyBackward0|SpecialXlog1PyBackward2|SpecialXlog1PyBackward1" {
        value: times_log(x, z, z.log1p()),
        grad(y, g): [S::select(x.eq(0.0) & z.le(-1.0), S::lit(0.0), times_log(g, z, z.log1p())), g * x / (z + 1.0)],
        samples: ["pos(2, 3), pos(2, 3)", "u(2, 3), pos(3)", "u(2, 3), 2", "edges(0.0, 0.0, 1.0), edges(-1.0, NAN, -1.0)"],
    }
    /// -x log(x), each term of an entropy; 0 at 0, -inf where x is negative.
    entr(x) float + rare + out_only as ["special.entr(Tensor self) -> Tensor"] named "SpecialEntrBackward" {
        value: {
            let y = S::select(x.eq(0.0), S::lit(0.0), S::lit(f64::NEG_INFINITY));
            S::select(x.gt(0.0), -x * x.log(), S::select(x.ne(x), x, y))
        },
        grad(y, g): [g * (-x.log() - 1.0)],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -1.0, INF, NAN)"],
    }
    /// `logit` with `eps`.
    logit_within(x; eps = Number::Int(0)) float + rare + wide as [] named "LogitBackward" {
        value: {
            let z = S::select(x.lt(eps), eps, S::select(x.gt(1.0 - eps), 1.0 - eps, x));
            (z / (1.0 - z)).log()
        },
        grad(y, g): [S::select(x.lt(eps) | x.gt(1.0 - eps), S::lit(0.0), g / (x * (1.0 - x)))],
        samples: [],
    }
}
