//! The terms of pointwise losses: what each element of input and target adds, before the mean or the sum.

use crate::core::Number;
use crate::elementwise;
use crate::expr::{Left, Scalar};

/// log(sigmoid(x))
#[inline(always)]
fn log_sigmoid<S: Scalar>(x: S) -> S
where
    f64: Left<S>,
{
    // Not by the magnitude, whose slope at 0 is 0.
    x.min(0.0) - S::select(x.lt(0.0), x, -x).exp().log1p()
}

#[inline(always)]
fn sigmoid<S: Scalar>(x: S) -> S
where
    f64: Left<S>,
{
    1.0 / (1.0 + (-x).exp())
}

elementwise! {
    /// |a - b|.
    absolute_distance(a, b) numeric + no_variants as [] named "AbsBackward" {
        value: (a - b).abs(),
        grad(y, g): [g * (a - b).sign(), -(g * (a - b).sign())],
        samples: [],
    }
    /// (a - b)^2 / (2 beta) for distances below beta, else |a - b| - beta / 2.
    smooth_l1(a, b; beta = Number::Int(1)) float_only + no_variants as [] named "SmoothL1LossBackward" kernel "smooth_l1_cpu" {
        value: {
            let z = (a - b).abs();
            S::select(z.lt(beta), 0.5 * z * z / beta, z - 0.5 * beta)
        },
        grad(y, g): [
            S::select((a - b).le(-beta), -g, S::select((a - b).ge(beta), g, g * (a - b) / beta)),
            S::select((a - b).le(-beta), g, S::select((a - b).ge(beta), -g, -(g * (a - b) / beta))),
        ],
        samples: [],
    }
    /// (a - b)^2 / 2 up to distances of delta, else delta (|a - b| - delta / 2).
    huber(a, b; delta = Number::Int(1)) float_only + rare + no_variants as [] named "HuberLossBackward" kernel "huber_cpu" {
        value: {
            let z = (a - b).abs();
            S::select(z.le(delta), 0.5 * z * z, delta * (z - 0.5 * delta))
        },
        grad(y, g): [
            S::select((a - b).le(-delta), -(g * delta), S::select((a - b).ge(delta), g * delta, g * (a - b))),
            S::select((a - b).le(-delta), g * delta, S::select((a - b).ge(delta), -(g * delta), -(g * (a - b)))),
        ],
        samples: [],
    }
    /// -t log(x) - (1 - t) log(1 - x), with logarithms of at least -100.
    bernoulli_nll(x, t) float_only + rare + no_variants as []
        named "BinaryCrossEntropyBackward" kernel "binary_cross_entropy" {
        value: (t - 1.0) * (-x).log1p().max(-100.0) - t * x.log().max(-100.0),
        grad(y, g): [g * (x - t) / ((1.0 - x) * x).max(1e-12), g * ((1.0 - x).log() - x.log())],
        samples: [],
    }
    /// Whether each element is a probability.
    probable(x) -> bool all + rare + no_variants as [] {
        value: x.ge(0.0) & x.le(1.0),
        samples: [],
    }
    /// `bernoulli_nll` of sigmoid(x).
    bernoulli_nll_of_logits(x, t) float_only + no_variants as []
        named "BinaryCrossEntropyWithLogitsBackward" kernel "log_sigmoid_cpu" {
        value: (1.0 - t) * x - log_sigmoid(x),
        grad(y, g): [g * (sigmoid(x) - t), -(g * x)],
        samples: [],
    }
    /// The same, where terms of the positive class weigh `p`.
    weighed_nll_of_logits(x, t, p) float_only + rare + no_variants as []
        named "BinaryCrossEntropyWithLogitsBackward" kernel "log_sigmoid_cpu" {
        value: (1.0 - t) * x - ((p - 1.0) * t + 1.0) * log_sigmoid(x),
        grad(y, g): [
            g * ((p * t + 1.0 - t) * sigmoid(x) - p * t),
            g * (log_sigmoid(-x) - p * log_sigmoid(x)),
            g * (-(t * log_sigmoid(x))),
        ],
        samples: [],
    }
    /// log(1 + exp(-t x)); no gradient for t.
    soft_margin(x, t) float_only + rare + no_variants as [] named "SoftMarginLossBackward" {
        value: (1.0 + (-(t * x)).exp()).log(),
        grad(y, g): [
            g * (-t * (-(t * x)).exp() / (1.0 + (-(t * x)).exp())),
            g * (-x * (-(t * x)).exp() / (1.0 + (-(t * x)).exp())),
        ],
        samples: [],
    }
    /// `y` itself, which PyTorch cannot derive from the first operand: without partials, so that backward says so.
    polynomial(_x, y) float_only + rare + no_variants as [] {
        value: y,
        samples: [],
    }
}
