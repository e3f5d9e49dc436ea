//! Pointwise losses: terms that are rows, then the mean, the sum, or neither.

use super::functional::at_least;
use super::{any_false, called, minus, refuted};
use crate::core::Number;
use crate::core::shape::{broadcast, list};
use crate::cpu::loss::Reduction;
use crate::error::Result;
use crate::ops;
use crate::ops::create::zeros_like;
use crate::ops::elementwise::compare::{eq, le, lt};
use crate::ops::elementwise::distance::{
    absolute_distance, bernoulli_nll, bernoulli_nll_of_logits, huber, probable, smooth_l1, weighed_nll_of_logits,
};
use crate::ops::elementwise::map::{Row, on, on_with, promoted};
use crate::ops::loss::reduction;
use crate::tensor::{Arg, Operand, Tensor, mode};
use crate::{bail, err};

pub(super) fn number(n: f64) -> Operand<'static> {
    Operand::Number(Number::Float(n))
}

/// Terms put together as asked. Only floats have a mean.
pub(super) fn reduced(terms: &Tensor, how: Reduction) -> Result<Tensor> {
    match how {
        Reduction::None => Ok(terms.clone()),
        Reduction::Sum => terms.sum_all(),
        Reduction::Mean => called(&crate::ops::reduce::mean::DEF, &[Arg::Tensor(terms)]),
    }
}

/// The same as a loss that is one node in PyTorch, of that name.
pub(super) fn reduced_as(name: &'static str, terms: &Tensor, how: Reduction) -> Result<Tensor> {
    let loss = reduced(terms, how)?;
    loss.name_node(name)?;
    Ok(loss)
}

pub(super) fn size(t: &Tensor) -> String {
    format!("torch.Size({})", list(t.shape()))
}

/// PyTorch's warning where the sizes of input and target differ.
fn warn_of_sizes(x: &Tensor, t: &Tensor) -> Result<()> {
    if x.shape() == t.shape() {
        return Ok(());
    }
    mode::warn(&format!(
        "Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect results due \
         to broadcasting. Please ensure they have the same size.",
        size(t),
        size(x)
    ))
}

/// A row of two tensors that broadcast, in the dtype they have together.
pub(super) fn terms<const P: usize>(row: &'static Row, x: &Tensor, t: &Tensor, params: [f64; P]) -> Result<Tensor> {
    on_with(row, [x, t].map(Operand::Tensor), params.map(Number::Float))
}

/// |x - t|, of integers in their own dtype.
fn absolute(x: &Tensor, t: &Tensor) -> Result<Tensor> {
    if promoted(&[x, t])?.is_float() { terms(&absolute_distance::ROW, x, t, []) } else { minus(x, t)?.abs() }
}

/// `x` with zeros where `row` says that `t` compares so with `n`.
pub(super) fn zero_where(row: &'static Row, t: &Tensor, n: f64, x: &Tensor) -> Result<Tensor> {
    on(row, [Operand::Tensor(t), number(n)])?.choose(Operand::Number(Number::Int(0)), Operand::Tensor(x))
}

/// `x` where `t` equals `n`, else zeros.
pub(super) fn only_where(t: &Tensor, n: f64, x: &Tensor) -> Result<Tensor> {
    on(&eq::ROW, [Operand::Tensor(t), number(n)])?.choose(Operand::Tensor(x), Operand::Number(Number::Int(0)))
}

pub(super) fn log_sigmoid(x: &Tensor) -> Result<Tensor> {
    on(&crate::ops::elementwise::rectifier::logsigmoid::ROW, [Operand::Tensor(x)])
}

/// n - x
pub(super) fn less_than(n: f64, x: &Tensor) -> Result<Tensor> {
    x.neg()?.add_number(n)
}

/// Weighed terms: their mean is over the weights.
fn weighed(terms: &Tensor, w: &Tensor, x: &Tensor, how: Reduction) -> Result<Tensor> {
    if w.shape() != x.shape() {
        bail!(Value, "Weights and input must have the same size.");
    }
    let terms = terms.mul(w)?;
    match how {
        Reduction::Mean => terms.sum_all()?.div(&w.sum_all()?),
        how => reduced(&terms, how),
    }
}

fn integral_refused(x: &Tensor, t: &Tensor, kernel: &'static str) -> Result<()> {
    let dtype = promoted(&[x, t])?;
    if dtype.is_float() { Ok(()) } else { Err(dtype.lacks(kernel)) }
}

ops! {
    /// The mean of |input - target|, which broadcast.
    ///
    /// `weight`, of the input's shape, weighs terms, also in the mean's divisor.
    l1_loss as [
        "nn.l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? weight=None) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str,
            weight: Option<&Tensor>
        ) {
            warn_of_sizes(x, target)?;
            let how = reduction(size_average, reduce, how)?;
            if weight.is_some_and(|w| w.shape() != x.shape()) {
                bail!(Value, "Weights and input must have the same size.");
            }
            let terms = absolute(x, target)?;
            match weight {
                Some(w) => weighed(&terms, w, x, how),
                None => reduced(&terms, how),
            }
        },
        samples: [
            "u(2, 3), u(2, 3)",
            "u(3, 2).t(), u(2, 3), reduction='sum'",
            "u(2, 3), u(3), reduction='none'",
            "u(2, 3), u(2, 3), weight=pos(2, 3)",
            "u(2, 3), u(2, 3), weight=pos(3)",
            "u(), u()",
            "u(2), u(2), reduction='x'",
        ],
    }
    /// The mean of (input - target)^2 / (2 beta) where that distance is below `beta`, else of |input - target| - beta / 2.
    ///
    /// Girshick, 2015. Raises RuntimeError for a negative `beta`; 0 makes it `l1_loss`.
    smooth_l1_loss as [
        "nn.smooth_l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', float beta=1.0) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str,
            beta: f64
        ) {
            warn_of_sizes(x, target)?;
            let how = reduction(size_average, reduce, how)?;
            if beta < 0.0 {
                bail!(Runtime, "smooth_l1_loss does not support negative values for beta.");
            }
            if beta == 0.0 {
                return reduced(&absolute(x, target)?, how);
            }
            reduced_as("SmoothL1LossBackward0", &terms(&smooth_l1::ROW, x, target, [beta])?, how)
        },
        samples: [
            "u(2, 3), u(2, 3)",
            "u(3, 2).t(), u(2, 3), reduction='sum'",
            "u(2, 3), u(3), reduction='none', beta=0.5",
            "u(2, 3), u(2, 3), beta=0.0",
            "u(2, 3), u(2, 3), beta=-1.0",
            "u(), u()",
        ],
    }
    /// The mean of (input - target)^2 / 2 up to distances of `delta`, else of delta (|input - target| - delta / 2).
    ///
    /// Huber, 1964. Raises RuntimeError unless `delta` is positive.
    huber_loss as [
        "nn.huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0, Tensor? weight=None) -> Tensor",
    ] {
        call(x = input: &Tensor, target: &Tensor, how = reduction: &str, delta: f64, weight: Option<&Tensor>) {
            warn_of_sizes(x, target)?;
            let how = reduction(None, None, how)?;
            if delta <= 0.0 {
                bail!(Runtime, "huber_loss does not support non-positive values for delta.");
            }
            let target = if x.dtype().is_float() { target.to_dtype(x.dtype())? } else { target.clone() };
            let terms = terms(&huber::ROW, x, &target, [delta])?;
            match weight {
                None => reduced_as("HuberLossBackward0", &terms, how),
                Some(w) if w.shape() != x.shape() => bail!(Value, "Weights and input must have the same size."),
                Some(w) => reduced(&terms.mul(w)?, how),
            }
        },
        samples: [
            "u(2, 3), u(2, 3)",
            "u(3, 2).t(), u(2, 3), reduction='sum', delta=0.5",
            "u(2, 3), u(3), reduction='none'",
            "u(2, 3), u(2, 3), weight=pos(2, 3)",
            "u(2, 3), u(2, 3), delta=0.0",
        ],
    }
    /// The mean of -target log(input) - (1 - target) log(1 - input), of probabilities; logarithms are at least -100.
    ///
    /// Input and target have one shape (ValueError) and dtype; `weight` broadcasts. Raises RuntimeError where an input is outside
    /// [0, 1].
    binary_cross_entropy as [
        "nn.binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            weight: Option<&Tensor>,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let how = reduction(size_average, reduce, how)?;
            if x.shape() != target.shape() {
                bail!(
                    Value,
                    "Using a target size ({}) that is different to the input size ({}) is deprecated. Please ensure they have \
                     the same size.",
                    size(target),
                    size(x)
                );
            }
            let weight = match weight {
                Some(w) => Some(w.detach().expand_to(&broadcast(target.shape(), w.shape())?)?),
                None => None,
            };
            if x.dtype() != target.dtype() {
                let (found, wanted) = (target.dtype(), x.dtype());
                return Err(err!(
                    Runtime,
                    "Found dtype {} but expected {}",
                    found.scalar_name(),
                    wanted.scalar_name()
                )
                .hint(format!("the target is {}, the input {}: give {}", found.name(), wanted.name(), wanted.cast_of("target"))));
            }
            integral_refused(x, target, "binary_cross_entropy")?;
            if refuted(&on(&probable::ROW, [Operand::Tensor(&x.detach())])?)? {
                bail!(Runtime, "all elements of input should be between 0 and 1");
            }
            let mut terms = terms(&bernoulli_nll::ROW, x, target, [])?;
            if let Some(w) = weight {
                terms = terms.mul(&w)?;
            }
            reduced_as("BinaryCrossEntropyBackward0", &terms, how)
        },
        samples: [
            "u(2, 3, lo=0.1, hi=0.9), u(2, 3, lo=0.0, hi=1.0)",
            "u(3, 2, lo=0.1, hi=0.9).t(), u(2, 3, lo=0.0, hi=1.0), reduction='sum'",
            "u(2, 3, lo=0.1, hi=0.9), u(2, 3, lo=0.0, hi=1.0), weight=pos(3).detach(), reduction='none'",
            "u(2, 3), u(2, 3)",
            "u(2, lo=0.1, hi=0.9), u(3)",
            "edges(0.0, 1.0, 0.0).detach(), edges(0.0, 0.0, 1.0).detach()",
        ],
    }
    /// The mean of `binary_cross_entropy` of sigmoid(input), without overflow.
    ///
    /// Input and target have one shape (ValueError); `weight` and `pos_weight`, the weight of terms of the positive class, broadcast.
    binary_cross_entropy_with_logits as [
        "nn.binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? pos_weight=None) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            weight: Option<&Tensor>,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str,
            pos_weight: Option<&Tensor>
        ) {
            let how = reduction(size_average, reduce, how)?;
            if x.shape() != target.shape() {
                let e = err!(Value, "Target size ({}) must be the same as input size ({})", size(target), size(x));
                let fits = target.numel() == x.numel();
                return Err(if fits { e.hint("one of them has a dim more: give target.view_as(input)") } else { e });
            }
            if !x.dtype().is_float() {
                return Err(x.dtype().lacks("log_sigmoid_cpu"));
            }
            if !target.dtype().is_float() {
                bail!(
                    Runtime,
                    "result type {} can't be cast to the desired output type {}",
                    x.dtype().scalar_name(),
                    target.dtype().scalar_name()
                );
            }
            let mut terms = match pos_weight {
                None => terms(&bernoulli_nll_of_logits::ROW, x, target, [])?,
                Some(p) => on(&weighed_nll_of_logits::ROW, [x, target, &p.detach()].map(Operand::Tensor))?,
            };
            if let Some(w) = weight {
                terms = terms.mul(&w.detach())?;
            }
            reduced_as("BinaryCrossEntropyWithLogitsBackward0", &terms, how)
        },
        samples: [
            "u(2, 3), u(2, 3, lo=0.0, hi=1.0)",
            "u(3, 2).t(), u(2, 3, lo=0.0, hi=1.0), reduction='sum'",
            "u(2, 3), u(2, 3, lo=0.0, hi=1.0), weight=pos(3).detach(), pos_weight=pos(3).detach(), reduction='none'",
            "u(2, 3), u(3)",
            "u(2, 3), ix(2, 3, n=2)",
            "edges(0.0, 100.0, -100.0), edges(1.0, 0.0, 0.0)",
        ],
    }
    /// The mean of target (log(target) - input), where the input is a log-probability; with `log_target` the target is one too.
    ///
    /// `reduction="batchmean"` divides the sum by the first size. Kullback and Leibler, 1951.
    kl_div as [
        "nn.kl_div(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', bool log_target=False) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            size_average: Option<bool>,
            reduce: Option<bool>,
            asked = reduction: &str,
            log_target: bool
        ) {
            let flags = size_average.is_some() || reduce.is_some();
            let batch = asked == "batchmean" && !flags;
            if asked == "mean" && !flags {
                mode::warn(
                    "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides \
                     only by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the \
                     same as 'batchmean' in the next major release.",
                )?;
            }
            let how = reduction(size_average, reduce, if batch { "sum" } else { asked })?;
            if !x.dtype().is_float() || !target.dtype().is_float() {
                return Err(err!(Runtime, "kl_div: Integral inputs not supported."));
            }
            let terms = if log_target {
                target.exp()?.mul(&target.sub(x)?)?
            } else {
                target.xlogy(target)?.sub(&target.mul(x)?)?
            };
            let loss = reduced(&terms, how)?;
            if batch && x.ndim() > 0 { loss.div_number(x.shape()[0] as f64) } else { Ok(loss) }
        },
        samples: [
            "u(2, 3), pos(2, 3)",
            "u(3, 2).t(), pos(2, 3), reduction='batchmean'",
            "u(2, 3), u(2, 3), reduction='none', log_target=True",
            "u(2, 3), pos(3), reduction='sum'",
            "u(2, 3), edges(0.0, 1.0, 0.5), reduction='none'",
            "ix(3, n=3), ix(3, n=3), reduction='sum'",
        ],
    }
    /// The mean of exp(input) - target input, the negative log-likelihood of a Poisson distribution less log(target!); without
    /// `log_input` of input - target log(input + eps).
    ///
    /// `full` adds Stirling's estimate of log(target!) where the target is above 1.
    poisson_nll_loss as [
        "nn.poisson_nll_loss(Tensor input, Tensor target, bool log_input=True, bool full=False, bool? size_average=None, float eps=1e-08, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            log_input: bool,
            full: bool,
            size_average: Option<bool>,
            eps: f64,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let how = reduction(size_average, reduce, how)?;
            let mut terms = if log_input {
                minus(&x.exp()?, &target.mul(x)?)?
            } else {
                minus(x, &target.mul(&x.add_number(eps)?.log()?)?)?
            };
            if full {
                let tau = 2.0 * std::f64::consts::PI;
                let stirling = minus(&target.mul(&target.log()?)?, target)?.add(&target.mul_number(tau)?.log()?.mul_number(0.5)?)?;
                terms = terms.add(&zero_where(&le::ROW, target, 1.0, &stirling)?.to_dtype(terms.dtype())?)?;
            }
            reduced(&terms, how)
        },
        samples: [
            "u(2, 3), pos(2, 3)",
            "pos(3, 2).t(), pos(2, 3), False, reduction='sum'",
            "u(2, 3), pos(3), full=True, reduction='none'",
            "u(2, 3), ix(2, 3, n=5), full=True",
        ],
    }
    /// The mean of (log(var) + (input - target)^2 / var) / 2, the negative log-likelihood of a normal distribution; `full` adds
    /// log(2 pi) / 2.
    ///
    /// `var`, at least `eps`, has the input's shape, or lacks its last dim, or has size 1 in one dim, or is a number (ValueError for
    /// other shapes and for negative variances).
    gaussian_nll_loss as [
        "nn.gaussian_nll_loss(Tensor input, Tensor target, Tensor var, bool full=False, float eps=1e-06, str reduction='mean') -> Tensor",
        "nn.gaussian_nll_loss(Tensor input, Tensor target, float var, bool full=False, float eps=1e-06, str reduction='mean') -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            var: Option<&Tensor>,
            number = var: Option<f64>,
            full: bool,
            eps: f64,
            how = reduction: &str
        ) {
            let var = match (var, number) {
                (Some(t), _) => t.clone(),
                (None, Some(n)) => zeros_like(x)?.add_number(n)?,
                _ => bail!(Runtime, "internal error: gaussian_nll_loss without var"),
            };
            if any_false(&on(&lt::ROW, [Operand::Tensor(&var.detach()), number_zero()])?.logical_not()?)? {
                bail!(Value, "var has negative entry/entries");
            }
            let (from, of) = (x.shape(), var.shape());
            let var = if from == of {
                var
            } else if !from.is_empty() && from[..from.len() - 1] == *of {
                var.unsqueeze_dims(&[of.len()])?
            } else if from.len() == of.len()
                && from.iter().zip(of).filter(|(a, b)| a != b).map(|(_, &b)| b).sum::<usize>() == 1
            {
                var
            } else {
                bail!(Value, "var is of incorrect size");
            };
            if !matches!(how, "none" | "mean" | "sum") {
                bail!(Value, "{how} is not valid");
            }
            let how = reduction(None, None, how)?;
            if !var.dtype().is_float() {
                let float = mode::default_float().scalar_name();
                bail!(Runtime, "result type {float} can't be cast to the desired output type {}", var.dtype().c_words());
            }
            let var = var.add(&at_least(&var.detach(), eps)?.sub(&var.detach())?)?;
            let terms = var.log()?.add(&minus(x, target)?.square()?.div(&var)?)?.mul_number(0.5)?;
            let constant = if full { 0.5 * (2.0 * std::f64::consts::PI).ln() } else { 0.0 };
            reduced(&if full { terms.add_number(constant)? } else { terms }, how)
        },
        samples: [
            "u(2, 3), u(2, 3), pos(2, 3)",
            "u(3, 2).t(), u(2, 3), pos(2), True, reduction='sum'",
            "u(2, 3), u(2, 3), pos(2, 1), reduction='none'",
            "u(2, 3), u(2, 3), 0.5",
            "u(2, 3), u(2, 3), pos(3)",
            "u(2, 3), u(2, 3), -1.0",
        ],
    }
}

pub(super) fn number_zero() -> Operand<'static> {
    Operand::Number(Number::Int(0))
}
