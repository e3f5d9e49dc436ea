//! The loss of connectionist temporal classification, `ctc_loss`.

use crate::core::shape::list;
use crate::core::{DType, Meta, Number};
use crate::cpu;
use crate::cpu::ctc::{Example, Given};
use crate::cpu::loss::Reduction;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::loss::reduction;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Saves, Tensor, apply, apply_many, data};
use crate::{bail, err};

const SAMPLES: &[&str] = &[
    "u(6, 2, 4).log_softmax(2), at(1, 2, 2, 3, 1, 3).view(2, 3), at(6, 5), at(3, 2)",
    "u(6, 2, 4).log_softmax(2), at(1, 2, 2, 1, 3), at(6, 5), at(3, 2)",
    "u(6, 2, 4).log_softmax(2), at(0, 2, 2, 1, 0), (6, 4), (3, 2), 3",
    "u(6, 4).log_softmax(1), at(1, 1), at(6), at(2)",
    "u(3, 2, 4).log_softmax(2), at(1, 1, 2, 3).view(2, 2), (2, 3), (2, 2), zero_infinity=True",
    "u(6, 2, 4).log_softmax(2), at(1, 2, 2, 1, 3), at(7, 5), at(3, 2)",
    "u(6, 2, 4).log_softmax(2), at(1, 2, 2, 1), at(6, 5), at(3, 2)",
    "u(6, 2, 4).log_softmax(2), at(1, 2, 2, 1, 3), (6,), (3, 2)",
    "u(6, 2, 4).log_softmax(2), at(1, 2, 2, 1, 3), (6, 5), (3, 2), 4",
];

ops! {
    /// Minus the log-probability of label sequences, summed over all ways to align them to longer sequences, in which labels
    /// repeat and blanks stand between them.
    ///
    /// log_probs: (T, N, C) or (T, C), logarithms of probabilities over the last dim. targets: (N, S), or (sum of
    /// target_lengths,), classes other than `blank`. input_lengths, target_lengths: (N,), tensors or sequences of ints. "mean"
    /// divides each loss by its number of labels, then takes the mean. `zero_infinity`: the loss of a sequence too short for its
    /// labels is 0, not infinite. Raises RuntimeError for lengths that do not fit, IndexError for a label that is no class. The
    /// gradient is that of log-probabilities which come from `log_softmax`. Graves et al., 2006.
    ctc_loss as [
        "nn.ctc_loss(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, str reduction='mean', bool zero_infinity=False) -> Tensor",
        "nn.ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, str reduction='mean', bool zero_infinity=False) -> Tensor",
    ] {
        call(
            x = log_probs: &Tensor,
            targets: &Tensor,
            steps = input_lengths: Option<&[i64]>,
            steps_tensor = input_lengths: Option<&Tensor>,
            labels = target_lengths: Option<&[i64]>,
            labels_tensor = target_lengths: Option<&Tensor>,
            blank: i64,
            how = reduction: &str,
            zero_infinity: bool
        ) {
            let how = reduction(None, None, how)?;
            let lengths = |list: Option<&[i64]>, tensor: Option<&Tensor>, name: &str| match tensor {
                Some(t) if t.dtype().is_integral() && t.dtype() != DType::Bool => whole(t),
                Some(_) => bail!(Runtime, "{name} must be integral"),
                None => Ok(list.unwrap_or(&[]).to_vec()),
            };
            let steps = lengths(steps, steps_tensor, "input_lengths")?;
            let labels = lengths(labels, labels_tensor, "target_lengths")?;
            loss(x, targets, &steps, &labels, blank, how, zero_infinity)
        },
        samples: SAMPLES,
    }
}

/// The elements of an integer tensor.
fn whole(t: &Tensor) -> Result<Vec<i64>> {
    data::needs_values("_ctc_loss.Tensor", &[t])?;
    let t = t.detach().to_dtype(DType::I64)?.reshape(&[t.numel()])?;
    Ok(t.contiguous()?.on_cpu()?.to_vec::<i64>())
}

const WHERE: &str = "(while checking arguments for ctc_loss_allocate_outputs)";

fn loss(
    x: &Tensor,
    targets: &Tensor,
    steps: &[i64],
    labels: &[i64],
    blank: i64,
    how: Reduction,
    zero_infinity: bool,
) -> Result<Tensor> {
    if x.ndim() != 2 && x.ndim() != 3 {
        let n = if x.ndim() == 1 { 2 } else { x.ndim() };
        bail!(
            Runtime,
            "Expected 3-dimensional tensor, but got {n}-dimensional tensor for argument #1 'log_probs' {WHERE}"
        );
    }
    if x.numel() == 0 {
        bail!(Runtime, "log_probs tensor must not be empty");
    }
    let single = x.ndim() == 2;
    let x = if single { x.unsqueeze_dims(&[1])? } else { x.clone() };
    let (most, batch, classes) = (x.shape()[0], x.shape()[1], x.shape()[2]);
    let targets = if single && targets.ndim() == 1 { targets.unsqueeze_dims(&[0])? } else { targets.clone() };
    if targets.ndim() != 1 && targets.ndim() != 2 {
        bail!(
            Runtime,
            "Expected 1 to 2 dimensions, but got {}-dimensional tensor for argument #2 'targets' {WHERE}",
            targets.ndim()
        );
    }
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        return Err(x.dtype().lacks("ctc_loss_cpu"));
    }
    if blank < 0 || blank >= classes as i64 {
        bail!(Runtime, "blank must be in label range");
    }
    if steps.len() != batch {
        bail!(Runtime, "input_lengths must be of size batch_size");
    }
    if labels.len() != batch {
        bail!(Runtime, "target_lengths must be of size batch_size");
    }
    for (name, lengths) in [("input_lengths", steps), ("target_lengths", labels)] {
        if let Some(n) = lengths.iter().find(|&&n| n < 0) {
            bail!(Runtime, "Expected {name} to have value at least 0, but got value {n} {WHERE}");
        }
    }
    if let Some(n) = steps.iter().find(|&&n| n > most as i64) {
        bail!(Runtime, "Expected input_lengths to have value at most {most}, but got value {n} {WHERE}");
    }
    let longest = labels.iter().copied().max().unwrap_or(0) as usize;
    let mut offsets = vec![];
    if targets.ndim() == 1 {
        let total: i64 = labels.iter().fold(0, |a, b| a.saturating_add(*b));
        if total != targets.numel() as i64 {
            bail!(
                Runtime,
                "Expected tensor to have size {total} at dimension 0, but got size {} for argument #2 'targets' {WHERE}",
                targets.numel()
            );
        }
        let mut at = 0;
        for &n in labels {
            offsets.push(at);
            at += n as usize;
        }
    } else {
        let [rows, columns] = [targets.shape()[0], targets.shape()[1]];
        if rows != batch {
            bail!(
                Runtime,
                "Expected tensor to have size {batch} at dimension 0, but got size {rows} for argument #2 'targets' {WHERE}"
            );
        }
        if columns < longest {
            bail!(
                Runtime,
                "Expected tensor to have size at least {longest} at dimension 1, but got size {columns} for argument #2 \
                 'targets' {WHERE}"
            );
        }
        offsets.extend((0..batch).map(|i| i * columns));
    }
    let examples: Vec<Example> = (0..batch)
        .map(|i| Example { offset: offsets[i], labels: labels[i] as usize, steps: steps[i] as usize })
        .collect();
    let known = whole(&targets)?;
    let used = examples.iter().flat_map(|e| &known[e.offset..e.offset + e.labels]);
    if let Some(bad) = used.copied().find(|&c| c < 0 || c >= classes as i64) {
        return Err(err!(Index, "Target {bad} is out of bounds.")
            .hint(format!("ctc_loss: labels are classes in [0, {classes}), log_probs has shape {}", list(x.shape()))));
    }
    let call = Ctc { examples, labels: known, blank, places: 2 * longest + 1, zero_infinity };
    let mut losses = apply_many(call, &[&x])?;
    losses.truncate(1);
    let Some(mut losses) = losses.pop() else { bail!(Runtime, "internal error: ctc_loss gave nothing") };
    if zero_infinity {
        let infinite = losses.eq(&Tensor::constant(&[], losses.dtype(), losses.device(), f64::INFINITY)?)?;
        losses = infinite.choose(Operand::Number(Number::Int(0)), Operand::Tensor(&losses))?;
    }
    match how {
        Reduction::None if single => losses.squeeze_dims(&[0]),
        Reduction::None => Ok(losses),
        Reduction::Sum => losses.sum_all(),
        Reduction::Mean => {
            let counts: Vec<i64> = labels.iter().map(|&n| n.max(1)).collect();
            losses.div(&super::composite::vector(&counts, &losses)?.to_dtype(losses.dtype())?)?.mean_all()
        }
    }
}

/// Outputs: the losses (N), and the forward sums (N, T, places). Input: log-probabilities (T, N, C).
#[derive(Clone)]
struct Ctc {
    examples: Vec<Example>,
    labels: Vec<i64>,
    blank: i64,
    /// Of the longest labelling, blanks included.
    places: usize,
    zero_infinity: bool,
}

impl Op for Ctc {
    fn name(&self) -> &'static str {
        "ctc_loss"
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (steps, n) = (x[0].shape()[0], x[0].shape()[1]);
        Ok(vec![x[0].contiguous([n][..].into()), x[0].contiguous([n, steps, self.places][..].into())])
    }
    fn cost(&self, _: &[&Array], out: &[Array]) -> usize {
        out[1].numel() * 16
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::ctc::forward(x[0], &self.labels, &self.examples, self.blank, &out[0], &out[1]);
        Ok(())
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::output_at(0)).and(Saves::output_at(1))
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        let op = Backward { of: self.clone() };
        Grads::one(apply(op, &[&c.input(0)?, g, &c.output_at(0)?, &c.output_at(1)?])?)
    }
}

/// Inputs: log-probabilities, the gradients of the losses, the losses, the forward sums.
struct Backward {
    of: Ctc,
}

impl Op for Backward {
    fn name(&self) -> &'static str {
        "_ctc_loss_backward"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(x[0].shape().into()))
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        x[3].numel() * 16
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let Ctc { examples, labels, blank, zero_infinity, .. } = &self.of;
        let given = Given { x: x[0], g: x[1], nll: x[2], alpha: x[3] };
        cpu::ctc::backward(&given, labels, examples, *blank, *zero_infinity, &out[0]);
        Ok(())
    }
}
