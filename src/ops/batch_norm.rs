//! Batch normalisation.

use super::copy::Format;
use super::elementwise::map;
use super::norm::{Affine, check_parameters};
use crate::core::number::spelled;
use crate::core::shape::{list, normalize_dim};
use crate::core::spoken::library;
use crate::core::{DType, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::mode::{self, GradGuard};
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Saves, Tensor, apply_many};
use crate::{bail, cpu};

ops! {
    /// Each channel (dim 1) less its mean and divided by sqrt(variance + eps), then times `weight`, plus `bias`.
    ///
    /// `input` is (N, C, ...), the vectors (C,). In training mean and (biased) variance are those of the batch, and the running
    /// ones move towards them by the part `momentum` (the variance towards the unbiased one); else the running ones are taken.
    /// Raises ValueError for a single value per channel in training, RuntimeError for sizes that do not fit. Ioffe and Szegedy 2015.
    ///
    ///     >>> torch.nn.functional.batch_norm(torch.tensor([[1.], [3.]]), None, None, training=True)
    ///     tensor([[-1.0000],
    ///             [ 1.0000]])
    batch_norm as [
        "nn.batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor",
    ] graph "NativeBatchNormBackward0" {
        call(
            x = input: &Tensor,
            running_mean: Option<&Tensor>,
            running_var: Option<&Tensor>,
            weight: Option<&Tensor>,
            bias: Option<&Tensor>,
            training: bool,
            momentum: f64,
            eps: f64
        ) {
            if training {
                let channel: usize = x.shape().iter().enumerate().filter(|(d, _)| *d != 1).map(|(_, n)| n).product();
                if channel == 1 {
                    bail!(
                        Value,
                        "Expected more than 1 value per channel when training, got input size {}.Size({})",
                        library(),
                        list(x.shape())
                    );
                }
                if eps <= 0.0 {
                    bail!(Value, "batch_norm eps must be positive during training, but got {}", spelled(eps));
                }
            } else if eps < 0.0 {
                bail!(Value, "batch_norm eps must be non-negative, but got {}", spelled(eps));
            }
            if training && running_mean.is_some() != running_var.is_some() {
                bail!(Value, "running_mean and running_var must either both be None or neither be None");
            }
            if training || running_mean.is_some() {
                normalize_dim(1, x.ndim())?;
            }
            let running = match (running_mean, running_var) {
                (Some(mean), Some(var)) if !training => [mean, var],
                (mean, var) if training => return in_training(x, [mean, var], [weight, bias], momentum, eps),
                (None, _) => bail!(Runtime, "running_mean must be defined in evaluation mode"),
                _ => bail!(Runtime, "running_var must be defined in evaluation mode"),
            };
            checked(x, running.map(Some), [weight, bias])?;
            in_evaluation(x, running, [weight, bias], eps)
        },
        samples: [
            "u(4, 3), None, None, None, None, True",
            "u(4, 3, 5), None, None, u(3), u(3), True, 0.1, 1e-3",
            "u(2, 3, 4, 5), u(3), pos(3), u(3), u(3), True, 0.3",
            "u(2, 3, 4, 5), u(3), pos(3), u(3), u(3)",
            "u(2, 40, 2, 3), u(40), pos(40), u(40), None, True",
            "u(70, 35), u(35), pos(35), None, u(35), True",
            "u(3, 2, 4).transpose(0, 1), None, None, u(3), u(3), True",
            "u(4, 3), u(3), pos(3)",
            "u(0, 3), None, None, u(3), u(3), True",
            "u(1, 3), None, None, None, None, True",
            "u(4, 3), None, None",
            "u(4, 3), u(2), pos(3)",
            "u(4, 3), None, None, None, None, True, 0.1, 0.0",
            "ix(4, 3, n=5), None, None, None, None, True",
        ],
    }
}

/// Refuses vectors of another length than there are channels, and dtypes that PyTorch does not mix.
fn checked(x: &Tensor, running: [Option<&Tensor>; 2], parameters: [Option<&Tensor>; 2]) -> Result<()> {
    let channels = x.shape()[normalize_dim(1, x.ndim())?];
    let vectors = || running.into_iter().chain(parameters);
    for (name, vector) in ["running_mean", "running_var", "weight", "bias"].into_iter().zip(vectors()) {
        if let Some(v) = vector.filter(|v| v.numel() != channels) {
            bail!(Runtime, "{name} should contain {channels} elements not {}", v.numel());
        }
    }
    for v in running.into_iter().flatten() {
        if v.ndim() != 1 {
            bail!(Runtime, "TensorAccessor expected 1 dims but tensor has {}", v.ndim());
        }
    }
    for (name, v) in ["running_mean", "running_var"].into_iter().zip(running) {
        if mode::grad_enabled() && v.is_some_and(Tensor::requires_grad) {
            bail!(
                Runtime,
                "The function 'native_batch_norm' is not differentiable with respect to argument '{name}'. This input cannot have \
                 requires_grad True."
            );
        }
    }
    let dtype = x.dtype();
    if !dtype.is_float() {
        return Err(dtype.lacks("batch_norm"));
    }
    check_parameters(dtype, &[parameters[0], parameters[1], running[0], running[1]])
}

/// Halves compute in float32.
fn computed(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_half() { x.to_dtype(DType::F32) } else { Ok(x.clone()) }
}

/// A vector of channels, shaped to meet `x`.
fn per_channel(vector: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut shape = Shape::filled(1, x.ndim());
    shape[1] = vector.numel();
    vector.to_dtype(x.dtype())?.reshape(&shape)
}

/// The bias, tied to the other inputs of PyTorch's backward.
fn tied(bias: &Tensor, x: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
    let others: Vec<&Tensor> = [Some(x), weight].into_iter().flatten().collect();
    bias.tied_to(&others)
}

fn in_evaluation(
    input: &Tensor,
    [mean, var]: [&Tensor; 2],
    [weight, bias]: [Option<&Tensor>; 2],
    eps: f64,
) -> Result<Tensor> {
    let x = computed(input)?;
    let mut scale = var.to_dtype(x.dtype())?.add_number(eps)?.rsqrt()?;
    if let Some(w) = weight {
        scale = scale.mul(&w.to_dtype(x.dtype())?)?;
    }
    let mut shift = mean.to_dtype(x.dtype())?.neg()?.mul(&scale)?;
    if let Some(b) = bias {
        shift = shift.add(&tied(b, input, weight)?.to_dtype(x.dtype())?)?;
    }
    let (scale, shift) = (per_channel(&scale, &x)?, per_channel(&shift, &x)?);
    let operands = [Operand::Tensor(&shift), Operand::Tensor(&x), Operand::Tensor(&scale)];
    map::on(&super::elementwise::select::addcmul::ROW, operands)?.to_dtype(input.dtype())
}

fn in_training(
    input: &Tensor,
    running: [Option<&Tensor>; 2],
    [weight, bias]: [Option<&Tensor>; 2],
    momentum: f64,
    eps: f64,
) -> Result<Tensor> {
    if input.numel() > 0 {
        checked(input, running, [weight, bias])?;
    }
    let x = &computed(input)?;
    if x.numel() == 0 || x.device().is_gpu() {
        return in_ops(input, x, running, [weight, bias], momentum, eps);
    }
    let own = |v: Option<&Tensor>| v.map(|v| v.to_dtype(x.dtype())?.reshape(&[v.numel()])?.contiguous()).transpose();
    let (w, b) = (own(weight)?, own(bias)?);
    let op = BatchNorm { affine: Affine { weight: w.is_some(), bias: b.is_some() }, eps };
    let inputs: Vec<&Tensor> = [Some(x), w.as_ref(), b.as_ref()].into_iter().flatten().collect();
    let mut out = apply_many(op, &inputs)?;
    let moments = out.swap_remove(3);
    for (row, running) in running.iter().enumerate() {
        if let Some(running) = running {
            move_towards(running, &moments.narrow(0, row, 1)?.reshape(running.shape())?, momentum)?;
        }
    }
    out.swap_remove(0).to_dtype(input.dtype())
}

/// `running` moved towards `found`, the batch's, by the part `momentum`.
fn move_towards(running: &Tensor, found: &Tensor, momentum: f64) -> Result<()> {
    let _quiet = GradGuard::new(false);
    let kept = running.to_dtype(found.dtype())?.mul_number(1.0 - momentum)?;
    running.copy_from(&found.mul_number(momentum)?.add(&kept)?)?;
    Ok(())
}

/// Training in other ops: by the kernel of layer_norm over lines of channels.
fn in_ops(
    input: &Tensor,
    x: &Tensor,
    running: [Option<&Tensor>; 2],
    [weight, bias]: [Option<&Tensor>; 2],
    momentum: f64,
    eps: f64,
) -> Result<Tensor> {
    let mut y = if x.numel() == 0 {
        x.mul_number(1i64)?
    } else {
        let dims: Vec<i64> = (0..x.ndim() as i64).filter(|&d| d != 1).collect();
        let over: Vec<usize> = dims.iter().map(|&d| d as usize).collect();
        for (row, running) in running.iter().enumerate() {
            let Some(running) = running else { continue };
            let kept = x.detach();
            let found = match row {
                0 => kept.mean(&over, false)?,
                _ => super::reduce::var(&kept, Some(&dims), 1.0, false, false)?,
            };
            move_towards(running, &found.reshape(running.shape())?, momentum)?;
        }
        let (channels, n) = (x.shape()[1], x.numel() / x.shape()[1]);
        let lines = x.transpose(0, 1)?;
        let rows = lines.reshape(&[channels, n])?;
        super::norm::layer_norm(&rows, &[n as i64], None, None, eps)?.reshape(lines.shape())?.transpose(0, 1)?
    };
    if let Some(w) = weight {
        y = y.mul(&per_channel(w, x)?)?;
    }
    if let Some(b) = bias {
        y = y.add(&per_channel(&tied(b, input, weight)?, x)?)?;
    }
    let y = match input.layout().suggests_channels_last() {
        true if y.layout().is_channels_last() => y,
        true => y.cloned(Format::ChannelsLast(input.ndim() as u8))?,
        false => y.contiguous()?,
    };
    y.to_dtype(input.dtype())
}

/// x is float32 or float64. A last output has the mean and the unbiased variance in float64, for the running ones.
#[derive(Clone, Copy)]
struct BatchNorm {
    affine: Affine,
    eps: f64,
}

/// Dense in the order that PyTorch gives results: channels last where the input suggests it.
fn dense(x: &Meta) -> Meta {
    let mut y = x.contiguous(x.shape().into());
    if x.layout.suggests_channels_last() {
        y.layout.strides = x.layout.channels_last_strides().unwrap_or(y.layout.strides);
    }
    y
}

impl Op for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }
    fn grad_name(&self) -> String {
        "NativeBatchNormBackward".into()
    }
    fn outputs(&self) -> usize {
        4
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let channels = x[0].shape()[1];
        let row = x[0].contiguous([channels][..].into());
        let moments = x[0].contiguous([2, channels][..].into()).with_dtype(DType::F64);
        Ok(vec![dense(x[0]), row.clone(), row, moments])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let [weight, bias] = self.affine.parameters(x);
        cpu::batch_norm::forward(x[0], weight, bias, self.eps, [&out[0], &out[1], &out[2], &out[3]]);
        Ok(())
    }
    fn ties(&self) -> Mask {
        self.affine.ties()
    }
    fn saves(&self, _: Mask) -> Saves {
        self.affine.saves()
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![]) };
        self.affine.backward(c, g, Backward { norm: *self, input: c.needs(0) }, true)
    }
}

/// Inputs: g, x, mean, rstd, and the weight where present. Outputs: dx if asked for, dw and db.
struct Backward {
    norm: BatchNorm,
    input: bool,
}

impl Backward {
    /// The gradients in ops that can be differentiated again.
    fn in_ops(&self, g: &Tensor, x: &Tensor, weight: Option<&Tensor>) -> Result<Vec<Tensor>> {
        let dims: Vec<usize> = (0..x.ndim()).filter(|&d| d != 1).collect();
        let apart = x.sub(&x.mean(&dims, true)?)?;
        let rstd = apart.square()?.mean(&dims, true)?.add_number(self.norm.eps)?.rsqrt()?;
        let unit = apart.mul(&rstd)?;
        let mut grads = vec![];
        if self.input {
            let h = weight.map_or(Ok(g.clone()), |w| g.mul(&per_channel(w, x)?))?;
            let along = unit.mul(&h.mul(&unit)?.mean(&dims, true)?)?;
            grads.push(h.sub(&h.mean(&dims, true)?)?.sub(&along)?.mul(&rstd)?);
        }
        grads.extend([g.mul(&unit)?.sum(&dims, false)?, g.sum(&dims, false)?]);
        Ok(grads)
    }
}

impl Op for Backward {
    fn name(&self) -> &'static str {
        "batch_norm_backward"
    }
    fn outputs(&self) -> usize {
        2 + self.input as usize
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let row = x[1].contiguous([x[1].shape()[1]][..].into());
        let mut out = vec![row.clone(), row];
        if self.input {
            out.insert(0, dense(x[1]));
        }
        Ok(out)
    }
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        Some(self.in_ops(x[0], x[1], x.get(4).copied()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (dx, rows) = if self.input { (Some(&out[0]), &out[1..]) } else { (None, out) };
        cpu::batch_norm::backward([x[0], x[1], x[2], x[3]], x.get(4).copied(), dx, &rows[0], &rows[1]);
        Ok(())
    }
    fn differentiable(&self) -> bool {
        false
    }
}
