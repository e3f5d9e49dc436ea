//! Losses of margins: of classes, labels, rankings and triplets.

use super::functional::{at_least, distance};
use super::losses::{
    less_than, log_sigmoid, number, number_zero, only_where, reduced, reduced_as, size, terms, zero_where,
};
use super::{called, minus, refuted};
use crate::bail;
use crate::core::shape::list;
use crate::core::{DType, Number};
use crate::cpu::loss::Reduction;
use crate::error::Result;
use crate::ops;
use crate::ops::create::zeros_like;
use crate::ops::elementwise::compare::{eq, ge, lt};
use crate::ops::elementwise::distance::soft_margin;
use crate::ops::elementwise::map::{on, promoted};
use crate::ops::elementwise::select::{clamp_min, where_};
use crate::ops::loss::{reduction, refuse_grad};
use crate::ops::reduce::cumprod;
use crate::tensor::{Arg, Operand, Tensor, mode};

ops! {
    /// The mean of log(1 + exp(-target input)), of targets 1 and -1.
    soft_margin_loss as [
        "nn.soft_margin_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(x = input: &Tensor, target: &Tensor, size_average: Option<bool>, reduce: Option<bool>, how = reduction: &str) {
            let how = reduction(size_average, reduce, how)?;
            let dtype = promoted(&[x, target])?;
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
            refuse_grad("soft_margin_loss", "target", target)?;
            reduced_as("SoftMarginLossBackward0", &terms(&soft_margin::ROW, x, &target.detach(), [])?, how)
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
            if x.dtype() == DType::Bool {
                minus(x, x)?;
            }
            let apart = if x.dtype().is_float() {
                at_least(&less_than(margin, x)?, 0.0)?
            } else {
                called(&clamp_min::DEF,
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
            let d = target.neg()?.mul(&minus(input1, input2)?)?.add_number(margin)?;
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
            "u(2, 4), ix(2, 4, n=5) - 1",
            "u(4), ix(4, n=5) - 1, reduction='sum'",
            "u(4, 2).t(), ix(2, 4, n=4), reduction='none'",
            "u(2, 4), ix(2, 4, n=4) + 4",
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
            let yes = target.mul(&log_sigmoid(x)?)?;
            let mut terms = yes.add(&less_than(1.0, target)?.mul(&log_sigmoid(&x.neg()?)?)?)?.neg()?;
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
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
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
    Ok(!refuted(&side(&ge::ROW, low)?)? && !refuted(&side(&lt::ROW, high as i64)?)?)
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
    only_longs(x, target, "multi_margin_loss_cpu_kernel")?;
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
        refuse_grad("multi_margin_loss", "weight", w)?;
        terms = terms.mul(&w.detach().index_select(0, &target.reshape(&[n])?)?.reshape(&[n, 1])?)?;
    }
    let ones = on(
        &where_::ROW,
        [Operand::Tensor(&on(&eq::ROW, [&index, &index].map(Operand::Tensor))?), number(1.0), number(0.0)],
    )?
    .to_dtype(x.dtype())?;
    let terms = zero_where(&eq::ROW, &marked(&rows, &index, &ones)?, 1.0, &terms)?;
    let each = terms.sum(&[1], false)?.div_number(classes as f64)?;
    reduced_as("MultiMarginLossBackward0", &if x.ndim() < 2 { each.reshape(&[])? } else { each }, how)
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
    let given = called(&cumprod::DEF, &[Arg::Tensor(&given), Arg::Number(Number::Int(1))])?;
    let index = called(&clamp_min::DEF, &[Arg::Tensor(&index), Arg::Number(Number::Int(0))])?;
    let among = marked(&rows, &index, &given)?;
    let own = rows.gather(1, &index)?.reshape(&[n, classes, 1])?;
    let terms = at_least(&less_than(1.0, &own.sub(&rows.reshape(&[n, 1, classes])?)?)?, 0.0)?;
    let terms = terms.mul(&given.reshape(&[n, classes, 1])?)?;
    let terms = only_where(&among.reshape(&[n, 1, classes])?, 0.0, &terms)?;
    let each = terms.sum(&[1, 2], false)?.div_number(classes as f64)?;
    let each = if x.ndim() < 2 { each.reshape(&[])? } else { each };
    reduced_as("MultilabelMarginLossBackward0", &each, how)
}
