//! The error function, the gamma function and their kin.

use super::fits;
use crate::bail;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::ops::elementwise::map::{self, Call};
use crate::tensor::{Args, Operand, Outs, Tensor};

const TWO_OVER_SQRT_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI;
const SQRT_HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// sqrt(pi) / 2
const HALF_SQRT_PI: f64 = 0.886_226_925_452_758;
/// sqrt(2 / pi)
const ROOT_TWO_OVER_PI: f64 = 0.797_884_560_802_865_4;
/// sqrt(2 pi)
const ROOT_TAU: f64 = 2.506_628_274_631_000_7;

/// PyTorch has no kernel for float16 and bfloat16.
fn no_halves(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_half() { Err(dtype.lacks(c.row.kernel)) } else { Ok(()) }
}

pub fn polygamma_of(n: i64, x: &Tensor, a: &Args) -> Result<Outs> {
    match n {
        0 => map::call_on(&digamma::ROW, [Operand::Tensor(x)], a),
        1.. => {
            let factorial: f64 = (1..=n.min(200)).map(|k| k as f64).product();
            let factor = if n % 2 == 1 { factorial } else { -factorial };
            map::call_with(&polygamma::ROW, [Operand::Tensor(x)], [Number::Int(n), Number::Float(factor)], a)
        }
        _ => bail!(Runtime, "polygamma(n, x) does not support negative n."),
    }
}

elementwise! {
    /// The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
    erf(x) float + rare aliases ["special.erf"] kernel "erf_vml_cpu" {
        value: x.erf(),
        grad(y, g): [TWO_OVER_SQRT_PI * (-(x * x)).exp() * g],
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, 0.25, 5.0, INF, -INF, NAN)"],
    }
    /// 1 - erf(x), exact where that is small.
    erfc(x) float + rare aliases ["special.erfc"] kernel "erfc_vml_cpu" {
        value: x.erfc(),
        grad(y, g): [-TWO_OVER_SQRT_PI * (-(x * x)).exp() * g],
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 5.0, -5.0, INF, -INF, NAN)"],
    }
    /// The inverse of `erf`; NaN outside [-1, 1].
    erfinv(x) float + rare aliases ["special.erfinv"] kernel "erfinv_vml_cpu" {
        value: x.erfinv(),
        grad(y, g): [HALF_SQRT_PI * (y * y).exp() * g],
        samples: ["u(2, 3, lo=-0.9, hi=0.9)", "u(3, 2, lo=-0.9, hi=0.9).t()", "edges(0.0, 1.0, -1.0, 2.0, NAN)"],
    }
    /// exp(x^2) erfc(x), which does not underflow.
    erfcx(x) float + rare + out_only as ["special.erfcx(Tensor self) -> Tensor"] named "SpecialErfcxBackward" {
        value: fits::erfcx(x),
        grad(y, g): [(2.0 * x * y - TWO_OVER_SQRT_PI) * g],
        check: no_halves,
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 50.0, 1e20, -9.0, INF, -INF, NAN)"],
    }
    /// The inverse of `ndtr`; NaN outside [0, 1].
    ndtri(x) float + rare + out_only as ["special.ndtri(Tensor self) -> Tensor"] named "SpecialNdtriBackward" {
        value: fits::ndtri(x),
        grad(y, g): [g * (ROOT_TAU * (y * y * 0.5).exp())],
        check: no_halves,
        samples: ["u(2, 3, lo=0.1, hi=0.9)", "u(3, 2, lo=0.1, hi=0.9).t()", "edges(0.0, 1.0, 1e-20, 1e-4, 0.75, 2.0, NAN)"],
    }
    /// log(ndtr(x)), exact far left of 0.
    log_ndtr(x) float + rare + out_only as ["special.log_ndtr(Tensor self) -> Tensor"] named "SpecialLogNdtrBackward" {
        value: fits::log_ndtr(x),
        grad(y, g): [g / fits::erfcx(x * -SQRT_HALF) * ROOT_TWO_OVER_PI],
        check: no_halves,
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -10.0, -30.0, 10.0, INF, NAN)"],
    }
    /// The logarithm of the magnitude of the gamma function.
    lgamma(x) float + rare aliases ["special.gammaln"] kernel "lgamma_vml_cpu" {
        value: x.lgamma(),
        grad(y, g): [g * x.digamma()],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "nz(2, 3)", "edges(0.0, 1.0, 30.0, INF, NAN).detach()"],
    }
    /// The derivative of `lgamma`; infinite at 0, NaN at negative whole numbers.
    digamma(x) float + rare aliases ["special.digamma", "special.psi"] kernel "digamma" {
        value: x.digamma(),
        grad(y, g): [g * S::lit(2.0).zeta(x)],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -0.0, -1.0, 30.0, INF, NAN).detach()"],
    }
    /// The derivative of order `n` of `digamma`.
    polygamma(x; n = Number::Int(1), factor = Number::Int(1)) float + rare + inplace_only + wide as [
        "method.polygamma(Tensor self, int n) -> Tensor",
    ] {
        value: factor * (n + 1.0).zeta(x),
        grad(y, g): [g * (-(factor * (n + 1.0)) * (n + 2.0).zeta(x))],
        call(n: i64, x = self: &Tensor; a) { polygamma_of(n, x, a) },
        samples: ["pos(2, 3), 1", "pos(2, 3), 0", "pos(3, 2).t(), 2", "nz(2, 3), 4", "pos(3), -1"],
    }
    /// Hurwitz's zeta function: the sum of (other + k)^-self over all k >= 0.
    ///
    /// Gradient: of `other` only.
    zeta(s, q) float + rare + out_only as ["special.zeta(Operand self, Operand other) -> Tensor"]
        named "SpecialZetaBackward0|SpecialZetaBackward2|SpecialZetaBackward1" {
        value: s.zeta(q),
        grad(y, g): [g * f64::NAN, g * (-s * (s + 1.0).zeta(q))],
        check: no_halves,
        samples: ["u(2, 3, lo=1.0, hi=4.0).detach(), pos(2, 3)", "2, pos(3)", "u(3, lo=1.0, hi=4.0).detach(), 2",
            "edges(1.0, 0.5, 2.0, 2.0, 3.0, 2.5).detach(), edges(1.0, 1.0, 0.0, -1.0, -1.5, -1.5).detach()"],
    }
}
