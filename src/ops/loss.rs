//! Losses: nll_loss, cross_entropy (class indices and probabilities), mse_loss.

use crate::core::promote::Promotion;
use crate::core::shape::{broadcast, list};
use crate::core::{DType, Meta, Shape};
use crate::cpu::loss::{Reduction, Sizes};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::call::show_as;
use crate::ops::create::zeros_like;
use crate::ops::elementwise::binary::squared_distance;
use crate::ops::elementwise::compare::eq;
use crate::ops::elementwise::map;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Saves, Tensor, apply, apply_many, mode};
use crate::{bail, cpu, err, gpu};

/// `reduction`, or what the old flags `size_average` and `reduce` say.
pub fn reduction(size_average: Option<bool>, reduce: Option<bool>, reduction: &str) -> Result<Reduction> {
    if size_average.is_some() || reduce.is_some() {
        let (name, kind) = match (size_average.unwrap_or(true), reduce.unwrap_or(true)) {
            (true, true) => ("mean", Reduction::Mean),
            (false, true) => ("sum", Reduction::Sum),
            (_, false) => ("none", Reduction::None),
        };
        mode::warn(&format!(
            "size_average and reduce args will be deprecated, please use reduction='{name}' instead."
        ))?;
        return Ok(kind);
    }
    match reduction {
        "none" => Ok(Reduction::None),
        "mean" => Ok(Reduction::Mean),
        "sum" => Ok(Reduction::Sum),
        other => bail!(Value, "{other} is not a valid value for reduction"),
    }
}

ops! {
    /// Minus the input at each target class: input (C,), (N, C) or (N, C, d1, ...) of log-probabilities, target (),
    /// (N,) or (N, d1, ...) of classes.
    ///
    /// `weight` (C,) weighs classes, also in the mean's divisor; targets equal to `ignore_index` do not count. Raises
    /// IndexError for a target that is no class.
    nll_loss as [
        "nn.nll_loss(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? reduce=None, str reduction='mean') -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            weight: Option<&Tensor>,
            size_average: Option<bool>,
            ignore = ignore_index: i64,
            reduce: Option<bool>,
            reduced = reduction: &str
        ) {
            let how = How { weight, ignore, reduction: reduction(size_average, reduce, reduced)? };
            how.nll(x, target).map(|(loss, _)| loss)
        },
        samples: [
            "u(4, 5), ix(4, n=5)",
            "u(4, 5), ix(4, n=5), pos(5)",
            "u(4, 5), ix(4, n=5), reduction='sum'",
            "u(4, 5), ix(4, n=5), pos(5), reduction='none'",
            "u(4, 5), ix(4, n=5), ignore_index=1",
            "u(5), ix(n=5)",
            "u(2, 5, 3), ix(2, 3, n=5), pos(5)",
            "u(2, 3, 2, 4), ix(2, 2, 4, n=3), reduction='none'",
            "u(5, 4).t(), ix(4, n=5)",
            "u(4, 5), ix(3, n=5)",
            "u(4, 5), ix(4, n=5) + 5",
            "u(4, 5), ix(4, n=5), pos(4)",
            "u(4, 5), ix(4, n=5), reduction='x'",
        ],
    }
    /// Cross entropy between logits and class indices (or probabilities), in nats.
    ///
    /// input: (C,), (N, C) or (N, C, d1, ...) logits; target: (), (N,) or (N, d1, ...) int64 in [0, C), or
    /// probabilities shaped like input. A scalar, or target's shape for 'none'. Raises IndexError for a target outside
    /// [0, C) other than ignore_index. Label smoothing after Szegedy et al. 2016, eq. 7.
    ///
    ///     >>> torch.nn.functional.cross_entropy(torch.tensor([[2., 0., 0.]]), torch.tensor([0]))
    ///     tensor(0.2395)
    cross_entropy as [
        "nn.cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? reduce=None, str reduction='mean', float label_smoothing=0.0) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            target: &Tensor,
            weight: Option<&Tensor>,
            size_average: Option<bool>,
            ignore = ignore_index: i64,
            reduce: Option<bool>,
            reduced = reduction: &str,
            label_smoothing: f64
        ) {
            let how = How { weight, ignore, reduction: reduction(size_average, reduce, reduced)? };
            how.cross_entropy(x, target, label_smoothing)
        },
        samples: [
            "u(4, 5), ix(4, n=5)",
            "u(4, 5), ix(4, n=5), pos(5)",
            "u(4, 5), ix(4, n=5), reduction='sum'",
            "u(4, 5), ix(4, n=5), pos(5), reduction='none'",
            "u(4, 5), ix(4, n=5), ignore_index=1, label_smoothing=0.2",
            "u(4, 5), ix(4, n=5), pos(5), label_smoothing=0.1",
            "u(5), ix(n=5)",
            "u(2, 5, 3), ix(2, 3, n=5), pos(5)",
            "u(4, 5), pos(4, 5)",
            "u(4, 5), pos(4, 5), pos(5), reduction='sum', label_smoothing=0.1",
            "u(2, 5, 3), pos(2, 5, 3), reduction='none'",
            "u(4, 5), ix(3, n=5)",
            "u(4, 5), ix(4, n=5) + 5",
            "u(4, 5), ix(4, n=5), label_smoothing=1.5",
            "u(4, 5), pos(4, 5), ignore_index=1",
        ],
    }
    /// The squared distance of `input` and `target`, its mean, or its sum; with `weight`, a weighted mean.
    ///
    ///     >>> torch.nn.functional.mse_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    ///     tensor(2.)
    mse_loss as [
        "nn.mse_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? weight=None) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            t = target: &Tensor,
            size_average: Option<bool>,
            reduce: Option<bool>,
            reduced = reduction: &str,
            weight: Option<&Tensor>
        ) {
            let reduction = reduction(size_average, reduce, reduced)?;
            if x.shape() != t.shape() {
                let size = |t: &Tensor| format!("torch.Size({})", list(t.shape()));
                mode::warn(&format!(
                    "Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect \
                     results due to broadcasting. Please ensure they have the same size.",
                    size(t),
                    size(x)
                ))?;
            }
            if x.dtype().is_integral() && t.dtype().is_integral() && weight.is_none() {
                return Err(x.dtype().lacks(if x.dtype().is_limited() { "add_stub" } else { "mse_cpu" }));
            }
            broadcast(x.shape(), t.shape())?;
            if weight.is_some() && (x.dtype() == DType::Bool || t.dtype() == DType::Bool) {
                bail!(Runtime, "Subtraction, the `-` operator, with a bool tensor is not supported.");
            }
            if let Some(w) = weight {
                let terms = x.sub(t)?.square()?;
                if w.shape() != x.shape() {
                    bail!(Value, "Weights and input must have the same size.");
                }
                let terms = terms.mul(w)?;
                return match reduction {
                    Reduction::None => Ok(terms),
                    Reduction::Sum => terms.sum_all(),
                    Reduction::Mean => terms.sum_all()?.div(&w.sum_all()?),
                };
            }
            let dtype = promoted(x, t)?;
            let shape = broadcast(x.shape(), t.shape())?;
            let (x, t) = (x.to_dtype(dtype)?.expand_to(&shape)?, t.to_dtype(dtype)?.expand_to(&shape)?);
            match reduction {
                Reduction::None => map::on(&squared_distance::ROW, [Operand::Tensor(&x), Operand::Tensor(&t)]),
                _ => apply(MseLoss { mean: reduction == Reduction::Mean }, &[&x, &t]),
            }
        },
        samples: [
            "u(2, 3), u(2, 3)",
            "u(2, 3), u(2, 3), reduction='sum'",
            "u(3, 2).t(), u(2, 3), reduction='none'",
            "u(2, 3), u(2, 3), weight=pos(2, 3)",
            "u(), u()",
            "u(2, 3), u(2, 4)",
            "ix(3, n=4), ix(3, n=4)",
        ],
    }
}

/// What would make a target of another shape fit.
fn shape_hint(x: &Tensor, target: &Tensor) -> String {
    let (xs, ts) = (x.shape(), target.shape());
    let shapes = format!("input has shape {}, target {}", list(xs), list(ts));
    if xs == ts {
        return format!("{shapes}: one-hot rows become class numbers by target.argmax(1)");
    }
    if xs.len() >= 3 && *ts == xs[..xs.len() - 1] {
        return format!(
            "{shapes}; classes stand in dim 1: give input.transpose(1, -1), or input.flatten(0, -2) with target.flatten()"
        );
    }
    if ts.len() > 1 && ts[ts.len() - 1] == 1 && ts.len() >= xs.len() {
        return format!("{shapes}; a class number per sample has no dim of its own: give target.squeeze(-1)");
    }
    format!("{shapes}; an input (N, C, ...) takes class numbers (N, ...)")
}

/// Refuses an argument that has no derivative, where it would need one.
pub(crate) fn refuse_grad(function: &str, name: &str, t: &Tensor) -> Result<()> {
    if t.requires_grad() && mode::recording() {
        bail!(
            Runtime,
            "The function '{function}' is not differentiable with respect to argument '{name}'. This input cannot have \
             requires_grad True."
        );
    }
    Ok(())
}

/// The options that nll_loss and cross_entropy share.
struct How<'a> {
    weight: Option<&'a Tensor>,
    ignore: i64,
    reduction: Reduction,
}

impl How<'_> {
    /// The loss of log-probabilities, and the sum of the weights.
    fn nll(&self, x: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
        let sizes = self.check(x, target)?;
        if !x.dtype().is_float() {
            return Err(x.dtype().lacks("nll_loss_out_frame"));
        }
        if !matches!(target.dtype(), DType::I64 | DType::U8) {
            let e = err!(Runtime, "expected target dtype to be Long or Byte, but got {}", target.dtype().scalar_name());
            return Err(e.hint(format!(
                "target holds the number of each sample's class, from 0 to {}: give {}",
                sizes.classes.saturating_sub(1),
                DType::I64.cast_of("target")
            )));
        }
        if let Some(w) = self.weight.filter(|w| w.dtype() != x.dtype()) {
            bail!(Runtime, "expected scalar type {} but found {}", x.dtype().scalar_name(), w.dtype().scalar_name());
        }
        let target = target.detach().to_dtype(DType::I64)?;
        if let Some(w) = self.weight {
            refuse_grad("nll_loss_forward", "weight", w)?;
        }
        let weight = self.weight.map(Tensor::detach);
        let op = NllLoss {
            sizes,
            ignore: self.ignore,
            reduction: self.reduction,
            from: x.shape().into(),
            places: target.shape().into(),
        };
        let mut inputs = vec![x, &target];
        inputs.extend(&weight);
        let mut outs = apply_many(op, &inputs)?.into_iter();
        match (outs.next(), outs.next()) {
            (Some(loss), Some(total)) => Ok((loss, total)),
            _ => bail!(Runtime, "internal error: nll_loss has two outputs"),
        }
    }

    fn check(&self, x: &Tensor, target: &Tensor) -> Result<Sizes> {
        if x.ndim() == 0 {
            bail!(Value, "Expected 1 or more dimensions (got 0)");
        }
        let given = target.shape().first().copied().unwrap_or(0);
        if x.ndim() > 1 && x.shape()[0] != given {
            bail!(Value, "Expected input batch_size ({}) to match target batch_size ({given}).", x.shape()[0]);
        }
        let classes = x.shape()[if x.ndim() > 1 { 1 } else { 0 }];
        if let Some(w) = self.weight.filter(|w| w.numel() != classes || w.ndim() != 1) {
            bail!(
                Runtime,
                "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of \
                 shape: {}",
                list(w.shape())
            );
        }
        let sizes = match x.ndim() {
            1 | 2 => {
                if target.ndim() > 1 || (x.ndim() == 2 && target.ndim() == 0) {
                    let e = err!(Runtime, "0D or 1D target tensor expected, multi-target not supported");
                    return Err(e.hint(shape_hint(x, target)));
                }
                if x.ndim() == 1 && target.numel() != 1 {
                    bail!(Value, "For 1D input, 1D target must have size 1, but got target size: {}", target.numel());
                }
                Sizes { batch: if x.ndim() == 2 { x.shape()[0] } else { 1 }, classes, rest: 1 }
            }
            n => {
                let rest = &x.shape()[2..];
                if target.ndim() != n - 1 || target.shape()[1..] != *rest {
                    let wanted: Vec<usize> = x.shape()[..1].iter().chain(rest).copied().collect();
                    if n == 4 {
                        if target.ndim() != 3 {
                            bail!(
                                Runtime,
                                "only batches of spatial targets supported (3D tensors) but got targets of dimension: {}",
                                target.ndim()
                            );
                        }
                        bail!(
                            Runtime,
                            "size mismatch (got input: {} , target: {}",
                            list(x.shape()),
                            list(target.shape())
                        );
                    }
                    let e = err!(Runtime, "Expected target size {}, got {}", list(&wanted), list(target.shape()));
                    return Err(e.hint(shape_hint(x, target)));
                }
                Sizes { batch: x.shape()[0], classes, rest: rest.iter().product() }
            }
        };
        Ok(sizes)
    }

    fn cross_entropy(&self, x: &Tensor, target: &Tensor, smoothing: f64) -> Result<Tensor> {
        if !(0.0..=1.0).contains(&smoothing) {
            bail!(Runtime, "label_smoothing must be between 0.0 and 1.0. Got: {smoothing}");
        }
        let dim = if x.ndim() > 1 { 1 } else { 0 };
        if x.shape() == target.shape() && x.ndim() > 0 {
            return self.probabilities(x, target, dim, smoothing);
        }
        if x.ndim() == 0 {
            bail!(Value, "Expected 1 or more dimensions (got 0)");
        }
        let y = x.log_softmax(dim as i64)?;
        let (loss, total) = self.nll(&y, target)?;
        if smoothing == 0.0 {
            return Ok(loss);
        }
        let classes = x.shape()[dim];
        let weighed = self.weighed(&y, dim)?;
        let each = weighed.sum(&[dim], false)?.neg()?;
        let ignored = map_eq(target, self.ignore)?;
        let each = ignored.choose(Operand::Number(0.0.into()), Operand::Tensor(&each))?;
        let smooth = match self.reduction {
            Reduction::None => each,
            Reduction::Sum => each.sum_all()?,
            Reduction::Mean => each.sum_all()?.div(&total.detach())?,
        };
        loss.mul_number(1.0 - smoothing)?.add(&smooth.mul_number(smoothing / classes as f64)?)
    }

    /// `y` times the weights of the classes, which are along `dim`.
    fn weighed(&self, y: &Tensor, dim: usize) -> Result<Tensor> {
        let Some(w) = self.weight else { return Ok(y.clone()) };
        let mut shape = Shape::filled(1, y.ndim());
        shape[dim] = y.shape()[dim];
        y.mul(&w.reshape(&shape)?)
    }

    fn probabilities(&self, x: &Tensor, target: &Tensor, dim: usize, smoothing: f64) -> Result<Tensor> {
        if !target.dtype().is_float() {
            return Err(err!(
                Runtime,
                "Expected floating point type for target with class probabilities, got {}",
                target.dtype().scalar_name()
            )
            .hint(format!(
                "a target of the input's shape, {}, holds probabilities: one-hot rows as {}, or class numbers as \
                 target.argmax({dim})",
                list(target.shape()),
                x.dtype().cast_of("target")
            )));
        }
        if self.ignore >= 0 {
            return Err(err!(Runtime, "ignore_index is not supported for floating point target")
                .hint("cross_entropy: a target shaped like the input holds probabilities, not classes"));
        }
        let classes = x.shape()[dim];
        if let Some(w) = self.weight.filter(|w| w.ndim() != 1 || w.numel() != classes) {
            bail!(
                Runtime,
                "cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight \
                 tensor of shape: {}",
                list(w.shape())
            );
        }
        let mut target = target.clone();
        if smoothing > 0.0 {
            target = target.mul_number(1.0 - smoothing)?.add_number(smoothing / classes as f64)?;
        }
        let terms = self.weighed(&x.log_softmax(dim as i64)?.mul(&target)?, dim)?;
        match self.reduction {
            Reduction::None => terms.sum(&[dim], false)?.neg(),
            Reduction::Sum => terms.sum_all()?.neg(),
            Reduction::Mean => {
                let total = terms.sum_all()?.neg()?;
                let mean = total.div_number(x.numel() as f64 / classes as f64)?;
                show_as("DivBackward1", &[&total], &mean)?;
                Ok(mean)
            }
        }
    }
}

/// Where an integer tensor equals `value`.
fn map_eq(x: &Tensor, value: i64) -> Result<Tensor> {
    map::on(&eq::ROW, [Operand::Tensor(x), Operand::Number(value.into())])
}

/// Inputs: log-probabilities, int64 targets, weights where present. Outputs: the loss, the sum of the weights.
struct NllLoss {
    sizes: Sizes,
    ignore: i64,
    reduction: Reduction,
    from: Shape,
    places: Shape,
}

impl NllLoss {
    fn like(&self) -> NllLoss {
        NllLoss { from: self.from.clone(), places: self.places.clone(), ..*self }
    }

    fn out_shape(&self) -> Shape {
        if self.reduction == Reduction::None { self.places.clone() } else { Shape::new() }
    }
}

const fn kind(reduction: Reduction) -> gpu::loss::Kind {
    match reduction {
        Reduction::None => gpu::loss::Kind::None,
        Reduction::Mean => gpu::loss::Kind::Mean,
        Reduction::Sum => gpu::loss::Kind::Sum,
    }
}

impl Op for NllLoss {
    fn name(&self) -> &'static str {
        "nll_loss"
    }
    fn grad_name(&self) -> String {
        if self.from.len() > 2 { "NllLoss2DBackward" } else { "NllLossBackward" }.into()
    }
    fn edge_order(&self) -> &'static [usize] {
        &[0]
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0].contiguous(self.out_shape()), x[0].contiguous(Shape::new())])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if let Some(t) = cpu::loss::bad_target(x[1], self.sizes.classes, self.ignore) {
            return Err(err!(Index, "Target {t} is out of bounds.")
                .hint(format!("targets are classes from 0 to {}, or ignore_index", self.sizes.classes as i64 - 1)));
        }
        let (weight, outs) = (x.get(2).copied(), [&out[0], &out[1]]);
        cpu::loss::forward(x[0], self.sizes, x[1], weight, self.ignore, self.reduction, outs);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (weight, outs) = (x.get(2).copied(), [&out[0], &out[1]]);
        gpu::loss::forward(x[0], x[1], weight, self.ignore, kind(self.reduction), outs)
    }
    fn ties(&self) -> Mask {
        Mask(1)
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::output_at(1))
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![]) };
        let (x, target, total) = (c.input(0)?, c.input(1)?, c.output_at(1)?.detach());
        let weight = c.input(2).ok();
        let mut inputs = vec![g, &target, &total, &x];
        inputs.extend(&weight);
        Grads::one(apply(Backward { of: self.like() }, &inputs)?)
    }
}

/// Inputs: g, targets, the sum of the weights, log-probabilities, weights where present. It is linear in g, and its transpose
/// is the loss itself; the log-probabilities do not matter, but PyTorch's gradient is recorded as theirs too, with zeros.
struct Backward {
    of: NllLoss,
}

impl Op for Backward {
    fn name(&self) -> &'static str {
        "nll_loss_backward"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.of.from.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let o = &self.of;
        cpu::loss::backward(x[0], o.sizes, x[1], x.get(4).copied(), o.ignore, o.reduction, x[2], &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let o = &self.of;
        gpu::loss::backward(x[0], x[1], x.get(4).copied(), o.ignore, kind(o.reduction), x[2], &out[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(1).and(Saves::input_at(4))
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (g, target) = (g.one()?, c.input(1)?);
        let weight = c.input(4).ok();
        let mut inputs = vec![g, &target];
        inputs.extend(&weight);
        let first = if c.needs(0) { Some(apply_many(self.of.like(), &inputs)?.swap_remove(0)) } else { None };
        let second = if c.needs(3) { Some(zeros_like(g)?) } else { None };
        Grads::many(vec![first, None, None, second])
    }
}

/// The dtype that two tensors have together.
fn promoted(x: &Tensor, t: &Tensor) -> Result<DType> {
    let mut p = Promotion::default();
    p.tensor(x.dtype(), x.ndim());
    p.tensor(t.dtype(), t.ndim());
    Ok(p.result()?.unwrap_or(x.dtype()))
}

/// The squared distance of two tensors of one shape and float dtype.
struct MseLoss {
    mean: bool,
}

impl Op for MseLoss {
    fn name(&self) -> &'static str {
        "mse_loss"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(Shape::new()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::loss::squared_distance(x[0], x[1], self.mean, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        crate::gpu::reduce::squared_distance("mse_loss", x[0], x[1], self.mean, &out[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, t) = (c.input(0)?, c.input(1)?);
        let scale = if self.mean { 2.0 / x.numel() as f64 } else { 2.0 };
        let d = x.sub(&t)?.mul(&g.one()?.mul_number(scale)?)?;
        let other = if c.needs(1) { Some(d.neg()?) } else { None };
        Grads::many(vec![c.needs(0).then_some(d), other])
    }
}
