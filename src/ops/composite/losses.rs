//! Pointwise losses: terms that are rows, then the mean, the sum, or neither.

use super::functional::{at_least, distance};
use super::{any_false, called};
use crate::core::shape::{broadcast, list};
use crate::core::{DType, Number};
use crate::cpu::loss::Reduction;
use crate::error::Result;
use crate::ops;
use crate::ops::create::zeros_like;
use crate::ops::elementwise::compare::{eq, ge, le, lt};
use crate::ops::elementwise::distance::{
    absolute_distance, bernoulli_nll, bernoulli_nll_of_logits, huber, probable, smooth_l1, soft_margin,
    weighed_nll_of_logits,
};
use crate::ops::elementwise::map::{Row, on, on_with, promoted};
use crate::ops::elementwise::select::where_;
use crate::ops::loss::reduction;
use crate::tensor::{Arg, Operand, Tensor, mode};
use crate::{bail, err};

fn number(n: f64) -> Operand<'static> {
    Operand::Number(Number::Float(n))
}

/// Terms put together as asked. Only floats have a mean.
fn reduced(terms: &Tensor, how: Reduction) -> Result<Tensor> {
    match how {
        Reduction::None => Ok(terms.clone()),
        Reduction::Sum => terms.sum_all(),
        Reduction::Mean => called(&crate::ops::reduce::mean::DEF, &[Arg::Tensor(terms)]),
    }
}

fn size(t: &Tensor) -> String {
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
fn terms<const P: usize>(row: &'static Row, x: &Tensor, t: &Tensor, params: [f64; P]) -> Result<Tensor> {
    on_with(row, [x, t].map(Operand::Tensor), params.map(Number::Float))
}

fn no_bools(x: &Tensor, t: &Tensor) -> Result<()> {
    match [x, t].map(|t| t.dtype() == DType::Bool) {
        [false, false] => Ok(()),
        [true, true] => bail!(
            Runtime,
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator \
             instead."
        ),
        _ => bail!(
            Runtime,
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the \
             `~` or `logical_not()` operator instead."
        ),
    }
}

/// `x` with zeros where `row` says that `t` compares so with `n`.
fn zero_where(row: &'static Row, t: &Tensor, n: f64, x: &Tensor) -> Result<Tensor> {
    on(row, [Operand::Tensor(t), number(n)])?.choose(Operand::Number(Number::Int(0)), Operand::Tensor(x))
}

/// `x` where `t` equals `n`, else zeros.
fn only_where(t: &Tensor, n: f64, x: &Tensor) -> Result<Tensor> {
    on(&eq::ROW, [Operand::Tensor(t), number(n)])?.choose(Operand::Tensor(x), Operand::Number(Number::Int(0)))
}

fn log_sigmoid(x: &Tensor) -> Result<Tensor> {
    on(&crate::ops::elementwise::rectifier::logsigmoid::ROW, [Operand::Tensor(x)])
}

/// n - x
fn less_than(n: f64, x: &Tensor) -> Result<Tensor> {
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
    let dtype = promoted(&[x, t]);
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
            no_bools(x, target)?;
            let terms = terms(&absolute_distance::ROW, x, target, [])?;
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
                no_bools(x, target)?;
                return reduced(&terms(&absolute_distance::ROW, x, target, [])?, how);
            }
            reduced(&terms(&smooth_l1::ROW, x, target, [beta])?, how)
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
                None => reduced(&terms, how),
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
    /// [0, 1] (on the CPU; a GPU is not asked).
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
                bail!(Runtime, "Found dtype {} but expected {}", target.dtype().scalar_name(), x.dtype().scalar_name());
            }
            integral_refused(x, target, "binary_cross_entropy")?;
            if !x.device().is_gpu() && any_false(&on(&probable::ROW, [Operand::Tensor(&x.detach())])?)? {
                bail!(Runtime, "all elements of input should be between 0 and 1");
            }
            let mut terms = terms(&bernoulli_nll::ROW, x, target, [])?;
            if let Some(w) = weight {
                terms = terms.mul(&w)?;
            }
            reduced(&terms, how)
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
                bail!(Value, "Target size ({}) must be the same as input size ({})", size(target), size(x));
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
            reduced(&terms, how)
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
    /// The mean of log(1 + exp(-target input)), of targets 1 and -1.
    soft_margin_loss as [
        "nn.soft_margin_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(x = input: &Tensor, target: &Tensor, size_average: Option<bool>, reduce: Option<bool>, how = reduction: &str) {
            let how = reduction(size_average, reduce, how)?;
            let dtype = promoted(&[x, target]);
            if dtype == DType::Bool {
                bail!(Runtime, "Negation, the `-` operator, on a bool tensor is not supported.");
            }
            if !dtype.is_float() {
                bail!(
                    Runtime,
                    "result type {} can't be cast to the desired output type {}",
                    mode::default_float().scalar_name(),
                    dtype.scalar_name()
                );
            }
            reduced(&terms(&soft_margin::ROW, x, &target.detach(), [])?, how)
        },
        samples: [
            "u(2, 3), u(2, 3).detach()",
            "u(3, 2).t(), u(3).detach(), reduction='sum'",
            "u(2, 3), ix(2, 3, n=2) * 2 - 1, reduction='none'",
            "u(2, 3), u(2).detach()",
        ],
    }
    /// The mean of the input where the target is 1, and of max(0, margin - input) where it is -1.
    hinge_embedding_loss as [
        "nn.hinge_embedding_loss(Tensor input, Tensor target, float margin=1.0, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            margin: f64,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let how = reduction(size_average, reduce, how)?;
            no_bools(x, target)?;
            let apart = if x.dtype().is_float() {
                at_least(&less_than(margin, x)?, 0.0)?
            } else {
                called(&crate::ops::elementwise::select::clamp_min::DEF,
                    &[Arg::Tensor(&x.neg()?.add_number(Number::Int(margin as i64))?), Arg::Number(Number::Int(0))])?
            };
            let apart = zero_where(&eq::ROW, target, 1.0, &apart)?;
            reduced(&apart.add(&zero_where(&eq::ROW, target, -1.0, x)?)?, how)
        },
        samples: [
            "u(2, 3), ix(2, 3, n=2) * 2 - 1",
            "u(3, 2).t(), ix(2, 3, n=2) * 2 - 1, 0.5, reduction='sum'",
            "u(2, 3), ix(3, n=2) * 2 - 1, reduction='none'",
        ],
    }
    /// The mean of max(0, margin - target (input1 - input2)).
    ///
    /// Raises RuntimeError unless all have as many dims.
    margin_ranking_loss as [
        "nn.margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            input1: &Tensor,
            input2: &Tensor,
            target: &Tensor,
            margin: f64,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let how = reduction(size_average, reduce, how)?;
            if input1.ndim() != input2.ndim() || input1.ndim() != target.ndim() {
                bail!(
                    Runtime,
                    "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {}, input2: {}, \
                     target: {} ",
                    size(input1),
                    size(input2),
                    size(target)
                );
            }
            let d = target.neg()?.mul(&input1.sub(input2)?)?.add_number(margin)?;
            reduced(&at_least(&d, 0.0)?, how)
        },
        samples: [
            "u(2, 3), u(2, 3), (ix(2, 3, n=2) * 2 - 1)",
            "u(3), u(3), (ix(3, n=2) * 2 - 1), 0.5, reduction='sum'",
            "u(2, 3), u(1, 3), (ix(2, 3, n=2) * 2 - 1), reduction='none'",
            "u(2, 3), u(2, 3), ix(3, n=2)",
        ],
    }
    /// The mean of 1 - cos of the angle between both inputs where the target is 1, and of max(0, cos - margin) where it is -1.
    ///
    /// Inputs (N, D) with target (N,), or (D,) with target (); RuntimeError for others.
    cosine_embedding_loss as [
        "nn.cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            input1: &Tensor,
            input2: &Tensor,
            target: &Tensor,
            margin: f64,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let how = reduction(size_average, reduce, how)?;
            let n = target.ndim();
            if n > 1 {
                bail!(Runtime, "0D or 1D target tensor expected, multi-target not supported");
            }
            if input1.ndim() != n + 1 || input2.ndim() != n + 1 {
                bail!(
                    Runtime,
                    "{n}D target tensor expects {}D input tensors, but found inputs with sizes {} and {}.",
                    n + 1,
                    list(input1.shape()),
                    list(input2.shape())
                );
            }
            let product = |a: &Tensor, b: &Tensor| a.mul(b)?.sum(&[n], false);
            let size = |a: &Tensor| product(a, a)?.add_number(1e-12);
            let cos = product(input1, input2)?.div(&size(input1)?.mul(&size(input2)?)?.sqrt()?)?;
            let alike = only_where(target, 1.0, &less_than(1.0, &cos)?)?;
            let apart = only_where(target, -1.0, &at_least(&cos.add_number(-margin)?, 0.0)?)?;
            reduced(&alike.add(&apart)?, how)
        },
        samples: [
            "u(2, 3), u(2, 3), (ix(2, n=2) * 2 - 1)",
            "u(3, 2).t(), u(2, 3), (ix(2, n=2) * 2 - 1), 0.25, reduction='sum'",
            "u(3), u(3), ix(n=1) - 1, reduction='none'",
            "u(2, 3), u(2, 3), ix(n=1)",
        ],
    }
    /// The mean of max(0, margin + d(anchor, positive) - d(anchor, negative)), d the p-norm of the difference plus `eps`.
    ///
    /// With `swap` the nearer of anchor and positive counts (Balntas et al., 2016). Raises ValueError unless `margin` is positive.
    triplet_margin_loss as [
        "nn.triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2, float eps=1e-06, bool swap=False, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            anchor: &Tensor,
            positive: &Tensor,
            negative: &Tensor,
            margin: f64,
            p: f64,
            eps: f64,
            swap: bool,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let how = reduction(size_average, reduce, how)?;
            if margin <= 0.0 {
                bail!(Value, "margin must be greater than 0, got {margin}");
            }
            let dims = [anchor, positive, negative].map(Tensor::ndim);
            if dims[0] != dims[1] || dims[1] != dims[2] {
                bail!(
                    Runtime,
                    "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: \
                     anchor {}D, positive {}D, and negative {}D inputs",
                    dims[0],
                    dims[1],
                    dims[2]
                );
            }
            let near = distance(anchor, positive, p, eps, false)?;
            let mut far = distance(anchor, negative, p, eps, false)?;
            if swap {
                far = far.minimum(&distance(positive, negative, p, eps, false)?)?;
            }
            reduced(&at_least(&near.sub(&far)?.add_number(margin)?, 0.0)?, how)
        },
        samples: [
            "u(2, 3), u(2, 3), u(2, 3)",
            "u(3, 2).t(), u(2, 3), u(2, 3), 0.5, 1.0, swap=True, reduction='none'",
            "u(3), u(3), u(3), reduction='sum'",
            "u(2, 3), u(2, 3), u(3)",
            "u(2, 3), u(2, 3), u(2, 3), margin=0.0",
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
                x.exp()?.sub(&target.mul(x)?)?
            } else {
                x.sub(&target.mul(&x.add_number(eps)?.log()?)?)?
            };
            if full {
                let tau = 2.0 * std::f64::consts::PI;
                let stirling = target.mul(&target.log()?)?.sub(target)?.add(&target.mul_number(tau)?.log()?.mul_number(0.5)?)?;
                terms = terms.add(&zero_where(&le::ROW, target, 1.0, &stirling)?)?;
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
            let var = var.add(&at_least(&var.detach(), eps)?.sub(&var.detach())?)?;
            let terms = var.log()?.add(&x.sub(target)?.square()?.div(&var)?)?.mul_number(0.5)?;
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
    /// The sum over the other classes of max(0, margin - input at the target + input)^p, over the number of classes.
    ///
    /// Input (N, C) with int64 target (N,), or (C,) with (). `p` is 1 or 2 (ValueError); `weight` (C,) weighs the target's class.
    multi_margin_loss as [
        "nn.multi_margin_loss(Tensor input, Tensor target, int p=1, float margin=1.0, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            p: i64,
            margin: f64,
            weight: Option<&Tensor>,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let how = reduction(size_average, reduce, how)?;
            if p != 1 && p != 2 {
                bail!(Value, "only p == 1 and p == 2 supported");
            }
            if weight.is_some_and(|w| w.ndim() != 1) {
                bail!(Value, "weight must be one-dimensional");
            }
            multi_margin(x, target, p, margin, weight, how)
        },
        samples: [
            "u(2, 4), ix(2, n=4)",
            "u(4, 2).t(), ix(2, n=4), p=2, margin=0.5, reduction='none'",
            "u(2, 4), ix(2, n=4), weight=pos(4).detach(), reduction='sum'",
            "u(4), ix(n=4)",
            "u(2, 4), ix(3, n=4)",
            "u(2, 4), ix(2, n=4) + 4",
            "u(2, 4), ix(2, n=4), p=3",
        ],
    }
    /// The sum over each target class j and each class i that is none of max(0, 1 - (input[j] - input[i])), over the number of
    /// classes.
    ///
    /// Input (N, C) or (C,), int64 target of the same shape: classes up to the first -1.
    multilabel_margin_loss as [
        "nn.multilabel_margin_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(x = input: &Tensor, target: &Tensor, size_average: Option<bool>, reduce: Option<bool>, how = reduction: &str) {
            multilabel_margin(x, target, reduction(size_average, reduce, how)?)
        },
        samples: [
            "u(2, 4), torch.tensor([[1, 2, -1, 0], [3, -1, -1, -1]], device=device('cpu'))",
            "u(4), torch.tensor([0, 3, -1, 1]), reduction='sum'",
            "u(2, 4), torch.tensor([[1, 2, 3, 0], [-1, 0, 0, 0]]), reduction='none'",
            "u(2, 4), torch.tensor([[1, 4, -1, 0], [3, -1, -1, -1]])",
            "u(2, 4), ix(2, n=4)",
        ],
    }
    /// The mean over classes of `binary_cross_entropy_with_logits`, for targets of several classes; `weight` (C,) weighs classes.
    multilabel_soft_margin_loss as [
        "nn.multilabel_soft_margin_loss(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            weight: Option<&Tensor>,
            size_average: Option<bool>,
            reduce: Option<bool>,
            how = reduction: &str
        ) {
            let flags = size_average.is_some() || reduce.is_some();
            if !flags && !matches!(how, "none" | "mean" | "sum") {
                bail!(Value, "{how} is not valid");
            }
            let how = reduction(size_average, reduce, how)?;
            let no = less_than(1.0, target)?.mul(&log_sigmoid(&x.neg()?)?)?;
            let mut terms = target.mul(&log_sigmoid(x)?)?.add(&no)?.neg()?;
            if let Some(w) = weight {
                terms = terms.mul(w)?;
            }
            if x.ndim() == 0 {
                bail!(Index, "Dimension specified as -1 but tensor has no dimensions");
            }
            let dim = x.ndim() - 1;
            let each = terms.sum(&[terms.ndim() - 1], false)?.div_number(x.shape()[dim] as f64)?;
            reduced(&each, how)
        },
        samples: [
            "u(2, 3), u(2, 3, lo=0.0, hi=1.0)",
            "u(3, 2).t(), u(2, 3, lo=0.0, hi=1.0), pos(3).detach(), reduction='none'",
            "u(3), u(3, lo=0.0, hi=1.0), reduction='sum'",
            "u(), u()",
        ],
    }
}

fn number_zero() -> Operand<'static> {
    Operand::Number(Number::Int(0))
}

/// (batch, classes) of an input of one or two dims.
fn batch_of(x: &Tensor) -> Result<(usize, usize)> {
    match *x.shape() {
        [] => Ok((1, 1)),
        [c] if c > 0 => Ok((1, c)),
        [n, c] if c > 0 => Ok((n, c)),
        _ => bail!(
            Runtime,
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {}",
            list(x.shape())
        ),
    }
}

fn only_longs(x: &Tensor, target: &Tensor, kernel: &'static str) -> Result<()> {
    if !x.dtype().is_float() {
        return Err(x.dtype().lacks(kernel));
    }
    if target.dtype() != DType::I64 {
        bail!(Runtime, "expected scalar type Long but found {}", target.dtype().scalar_name());
    }
    Ok(())
}

/// Whether every element of an int64 tensor is in `low..high`.
fn in_range(t: &Tensor, low: i64, high: usize) -> Result<bool> {
    let side = |row, n: i64| on(row, [Operand::Tensor(t), Operand::Number(n.into())]);
    Ok(!any_false(&side(&ge::ROW, low)?)? && !any_false(&side(&lt::ROW, high as i64)?)?)
}

/// 1 at the classes of `index` (N, k), else 0, in the shape and dtype of `x` (N, C).
fn marked(x: &Tensor, index: &Tensor, by: &Tensor) -> Result<Tensor> {
    zeros_like(x)?.scatter_add(1, index, by)
}

fn multi_margin(
    x: &Tensor,
    target: &Tensor,
    p: i64,
    margin: f64,
    weight: Option<&Tensor>,
    how: Reduction,
) -> Result<Tensor> {
    let (n, classes) = batch_of(x)?;
    if target.ndim() > 1 || target.numel() != n {
        bail!(
            Runtime,
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). \
             Expected target size [{n}], but got {}. Input has shape {}.",
            list(target.shape()),
            list(x.shape())
        );
    }
    if let Some(w) = weight.filter(|w| w.numel() != classes) {
        bail!(Runtime, "inconsistent weight size, expected {classes} but got {}", list(w.shape()));
    }
    only_longs(x, target, "MultiMarginLoss_updateOutput_frame")?;
    if !in_range(target, 0, classes)? {
        bail!(Runtime, "target out of range");
    }
    let (rows, index) = (x.reshape(&[n, classes])?, target.reshape(&[n, 1])?);
    let own = rows.gather(1, &index)?;
    let mut terms = at_least(&rows.sub(&own)?.add_number(margin)?, 0.0)?;
    if p == 2 {
        terms = terms.square()?;
    }
    if let Some(w) = weight {
        terms = terms.mul(&w.detach().index_select(0, &target.reshape(&[n])?)?.reshape(&[n, 1])?)?;
    }
    let ones = on(
        &where_::ROW,
        [Operand::Tensor(&on(&eq::ROW, [&index, &index].map(Operand::Tensor))?), number(1.0), number(0.0)],
    )?
    .to_dtype(x.dtype())?;
    let terms = zero_where(&eq::ROW, &marked(&rows, &index, &ones)?, 1.0, &terms)?;
    let each = terms.sum(&[1], false)?.div_number(classes as f64)?;
    reduced(&if x.ndim() < 2 { each.reshape(&[])? } else { each }, how)
}

fn multilabel_margin(x: &Tensor, target: &Tensor, how: Reduction) -> Result<Tensor> {
    let (n, classes) = batch_of(x)?;
    if target.shape() != x.shape() && !(x.ndim() < 2 && target.ndim() < 2 && target.numel() == classes) {
        bail!(Runtime, "inconsistent target size: {} for input of size: {}", list(target.shape()), list(x.shape()));
    }
    only_longs(x, target, "multilabel_margin_loss_forward_out_frame")?;
    if !in_range(target, -1, classes)? {
        bail!(Runtime, "argument #2 'target' is out of range");
    }
    let (rows, index) = (x.reshape(&[n, classes])?, target.reshape(&[n, classes])?);
    // Targets before the first -1, and which classes they are.
    let given = on(&ge::ROW, [Operand::Tensor(&index), number_zero()])?.to_dtype(x.dtype())?;
    let given = called(&crate::ops::reduce::cumprod::DEF, &[Arg::Tensor(&given), Arg::Number(Number::Int(1))])?;
    let index =
        called(&crate::ops::elementwise::select::clamp_min::DEF, &[Arg::Tensor(&index), Arg::Number(Number::Int(0))])?;
    let among = marked(&rows, &index, &given)?;
    let own = rows.gather(1, &index)?.reshape(&[n, classes, 1])?;
    let terms = at_least(&less_than(1.0, &own.sub(&rows.reshape(&[n, 1, classes])?)?)?, 0.0)?;
    let terms = terms.mul(&given.reshape(&[n, classes, 1])?)?;
    let terms = only_where(&among.reshape(&[n, 1, classes])?, 0.0, &terms)?;
    let each = terms.sum(&[1, 2], false)?.div_number(classes as f64)?;
    let each = if x.ndim() < 2 { each.reshape(&[])? } else { each };
    reduced(&each, how)
}
