//! Dropout, and draws that are made of others: normal with tensors of parameters, multinomial.

use super::copy::Format;
use super::create::{Made, fresh, sizes};
use super::random::{Draw, drawn_from};
use crate::core::{DType, Device, Layout, Meta, Shape};
use crate::cpu::{multinomial, random};
use crate::device::Array;
use crate::error::Result;
use crate::tensor::apply::refuse_out_with_grad;
use crate::tensor::def::Twins;
use crate::tensor::mode::GradGuard;
use crate::tensor::{Args, OpDef, Outs, Tensor, data, mode};
use crate::{bail, gpu};

/// The rows of this family.
pub const ROWS: &[&OpDef] = &[&DROPOUT, &NN_DROPOUT, &NORMAL, &MULTINOMIAL];

pub const DROPOUT: OpDef = OpDef {
    schema: &["function.dropout(Tensor input, float p, bool train) -> Tensor"],
    aliases: &[],
    doc: "See `nn.functional.dropout`.",
    twins: Twins::NONE,
    call: |a| dropout(a.t(0)?, a.float(1)?, a.flag(2), false),
    samples: &["u(4, 5), 0.5, True", "u(4, 5), 0.5, False"],
};

pub const NN_DROPOUT: OpDef = OpDef {
    schema: &["nn.dropout(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor"],
    aliases: &[],
    doc: "Zeros with probability `p`, other elements divided by 1 - p; `input` itself where not `training` or p is 0.\n\nDraws \
          PyTorch's mask for the same seed. Srivastava et al. 2014, in the inverted form.",
    twins: Twins::NONE,
    call: |a| dropout(a.t(0)?, a.opt_float(1).unwrap_or(0.5), a.opt_flag(2).unwrap_or(true), a.flag(3)),
    samples: &[
        "u(4, 5)",
        "u(4, 5), 0.1",
        "u(5, 4).t(), 0.3",
        "u(4, 5), 0.5, False",
        "u(4, 5), 0.0",
        "u(4, 5), 1.0",
        "u(0, 3)",
        "u(4, 5), 0.4, inplace=True",
        "u(2), 1.5",
        "ix(3, n=4)",
    ],
};

fn dropout(x: &Tensor, p: f64, training: bool, inplace: bool) -> Result<Outs> {
    if !(0.0..=1.0).contains(&p) {
        bail!(Value, "dropout probability has to be between 0 and 1, but got {p:?}");
    }
    if !training || p == 0.0 || x.numel() == 0 {
        return Ok(x.clone().into());
    }
    if p < 1.0 {
        x.dtype().usual("bernoulli_scalar_cpu_")?;
    }
    if !x.dtype().is_float() && p < 1.0 {
        bail!(Runtime, "result type Float can't be cast to the desired output type {}", x.dtype().scalar_name());
    }
    let noise = Tensor::new(noise(x, p)?);
    if inplace {
        x.copy_from(&x.mul(&noise)?)?;
        return Ok(x.clone().into());
    }
    Outs::one(x.mul(&noise))
}

/// What `x` is multiplied with.
fn noise(x: &Tensor, p: f64) -> Result<Array> {
    let meta = Meta::new(Format::Preserve.layout(x.layout())?, x.dtype(), x.device());
    if p == 1.0 {
        return Array::zeros(meta);
    }
    let draw = |meta: Meta, keep: f64, on: f64| -> Result<Array> {
        let (out, g) = (Array::empty(meta)?, crate::device::rng::default_generator().clone());
        mode::unlocked(out.numel(), &mut || random::coins(&out, &mut g.lock(), keep, on));
        Ok(out)
    };
    // What is kept is divided in the dtype, by way of float32 for halves.
    let keep = 1.0 - p;
    let scale = if x.dtype() == DType::F64 { 1.0 / keep } else { (1.0 / keep as f32) as f64 };
    if !x.device().is_gpu() {
        return draw(meta, keep, scale);
    }
    let mask = draw(Meta::new(meta.layout.clone(), DType::Bool, Device::CPU), keep, 1.0)?;
    let out = Array::empty(meta)?;
    gpu::dropout::noise(&data::moved(&mask, x.device())?, scale, &out)?;
    Ok(out)
}

pub const NORMAL: OpDef = OpDef {
    schema: &[
        "function.normal(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor",
        "function.normal(Tensor mean, float std=1, *, Generator? generator=None) -> Tensor",
        "function.normal(float mean, Tensor std, *, Generator? generator=None) -> Tensor",
        "function.normal(float mean, float std, int[] size, *, Generator? generator=None, dtype? dtype=None, layout? \
         layout=None, device? device=None, bool pin_memory=False, bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "Normal numbers with the given means and deviations, broadcast to one shape; or of shape `size`.",
    twins: Twins::OUT,
    call: normal,
    samples: &[
        "0.5, 2.0, (3, 4)",
        "u(20), 2.0",
        "u(5)",
        "0.5, pos(20)",
        "u(4, 5), pos(5)",
        "0.0, -1.0, (2,)",
        "u(3), u(3)",
    ],
};

fn normal(a: &Args) -> Result<Outs> {
    if a.overload == 3 {
        let made = Made::parse("normal", a, 4)?;
        let draw = Draw::Normal { mean: a.float(0)?, std: a.float(1)? };
        let layout = Layout::contiguous(sizes(a.ints(2)?)?);
        return made.finish(draw.make("normal", layout, made.float(), a.generator(3))?);
    }
    let (mean, std) = (a.opt_t(0), a.opt_t(1));
    let parameters: Vec<&Tensor> = mean.into_iter().chain(std).collect();
    refuse_out_with_grad("normal", &parameters, a.out)?;
    if let (1, Some(m), &[out]) = (a.overload, mean, a.out)
        && out.shape() != m.shape()
    {
        // PyTorch's form with a number for `std` draws into `out` as it is.
        bail!(
            Runtime,
            "output with shape {} doesn't match the broadcast shape {}",
            crate::core::shape::list(out.shape()),
            crate::core::shape::list(m.shape())
        );
    }
    Outs::one(drawn_from("normal", &by_parameters(a, mean, std)?, &parameters))
}

/// Normals whose mean, deviation or both are tensors.
fn by_parameters(a: &Args, mean: Option<&Tensor>, std: Option<&Tensor>) -> Result<Tensor> {
    let _off = GradGuard::new(false);
    let g = a.generator(2);
    let draws = |x: &Tensor, shape: &[usize], std: f64| {
        let layout = Layout::contiguous(shape.into());
        Draw::Normal { mean: 0.0, std }.make("normal", layout, x.dtype(), g)?.to_device(x.device())
    };
    match (mean, std) {
        (Some(mean), None) => {
            let layout = Format::Preserve.layout(mean.layout())?;
            let draw = Draw::Normal { mean: 0.0, std: a.opt_float(1).unwrap_or(1.0) };
            draw.make("normal", layout, mean.dtype(), g)?.to_device(mean.device())?.add(mean)
        }
        (mean, Some(std)) => {
            if std.dtype().is_float() && !multinomial::none_negative(&data::moved(std.array(), Device::CPU)?) {
                bail!(Runtime, "normal expects all elements of std >= 0.0");
            }
            match mean {
                Some(mean) => {
                    let shape = crate::core::shape::broadcast(mean.shape(), std.shape())?;
                    draws(mean, &shape, 1.0)?.mul(std)?.add(mean)
                }
                None => {
                    let layout = Format::Preserve.layout(std.layout())?;
                    let unit = Draw::Normal { mean: 0.0, std: 1.0 }.make("normal", layout, std.dtype(), g)?;
                    unit.to_device(std.device())?.mul(std)?.add_number(a.float(0)?)
                }
            }
        }
        (None, None) => bail!(Runtime, "internal error: normal without a tensor"),
    }
}

pub const MULTINOMIAL: OpDef = OpDef {
    schema: &[
        "multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
    ],
    aliases: &[],
    doc: "Indices drawn with the weights `self`, one row of weights or several; without `replacement` none twice.",
    twins: Twins::OUT.exact(),
    call: |a| Outs::one(by_weight(a)),
    samples: &[
        "pos(4), 2",
        "pos(3, 5), 1",
        "pos(3, 5), 4",
        "pos(3, 5), 9, replacement=True",
        "pos(4), 5",
        "pos(4), 0",
        "u(4), 2",
        "ix(4, n=3), 1",
    ],
};

fn by_weight(a: &Args) -> Result<Tensor> {
    let (p, n, replacement) = (a.t(0)?, a.int(1)?, a.flag(2));
    if !p.dtype().is_float() {
        bail!(Runtime, "multinomial only supports floating-point dtypes for input, got: {}", p.dtype().scalar_name());
    }
    if p.ndim() == 0 || p.ndim() > 2 {
        bail!(Runtime, "prob_dist must be 1 or 2 dim");
    }
    let classes = p.shape()[p.ndim() - 1];
    if n <= 0 {
        bail!(Runtime, "cannot sample n_sample <= 0 samples");
    }
    if !replacement && n > classes as i64 {
        bail!(Runtime, "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    }
    let mut shape: Shape = p.shape().into();
    shape[p.ndim() - 1] = n as usize;
    let out = fresh("multinomial", Layout::contiguous(shape), DType::I64)?;
    let weights = data::moved(p.array(), Device::CPU)?;
    match multinomial::draw(&weights, replacement, out.array(), &mut a.generator(3).lock()) {
        Ok(()) => out.to_device(p.device()),
        Err(multinomial::BadWeights::Value) => {
            bail!(Runtime, "probability tensor contains either `inf`, `nan` or element < 0")
        }
        Err(multinomial::BadWeights::Sum) => {
            bail!(Runtime, "invalid multinomial distribution (sum of probabilities <= 0)")
        }
    }
}
