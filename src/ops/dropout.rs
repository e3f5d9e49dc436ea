//! Dropout, and draws that are made of others: normal with tensors of parameters, multinomial.

use super::copy::Format;
use super::create::sizes;
use super::options::Options;
use super::random::{Draw, drawn_from};
use crate::core::number::spelled;
use crate::core::{DType, Device, Layout, Meta, Shape};
use crate::cpu::{multinomial, random};
use crate::device::rng::default_generator;
use crate::device::{Array, SharedGenerator};
use crate::error::Result;
use crate::ops;
use crate::tensor::mode::GradGuard;
use crate::tensor::write::refuse_out_with_grad;
use crate::tensor::{Args, Op, Tensor, apply, data};
use crate::{bail, err, gpu};

ops! {
    /// See `nn.functional.dropout`.
    dropout as ["function.dropout(Tensor input, float p, bool train) -> Tensor"] {
        call(x = input: &Tensor, p: f64, train: bool) { dropout(x, p, train, false) },
        samples: ["u(4, 5), 0.5, True", "u(4, 5), 0.5, False"],
    }
    /// Zeros with probability `p`, other elements divided by 1 - p; `input` itself where not `training` or p is 0.
    ///
    /// Draws PyTorch's mask for the same seed. Srivastava et al. 2014, in the inverted form.
    ///
    ///     >>> torch.nn.functional.dropout(torch.ones(3), 0.5, training=False)
    ///     tensor([1., 1., 1.])
    nn_dropout as ["nn.dropout(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor"] {
        call(x = input: &Tensor, p: f64, training: bool, inplace: bool) { dropout(x, p, training, inplace) },
        samples: [
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
    }
    /// Normal numbers with the given means and deviations, broadcast to one shape; or of shape `size`.
    normal + out as [
        "function.normal(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor",
        "function.normal(Tensor mean, float std=1, *, Generator? generator=None) -> Tensor",
        "function.normal(float mean, Tensor std, *, Generator? generator=None) -> Tensor",
        "function.normal(float mean, float std, int[] size, *, Generator? generator=None, {options}) -> Tensor",
    ] {
        call(
            mean: Option<&Tensor>,
            std: Option<&Tensor>,
            m = mean: Option<f64>,
            s = std: Option<f64>,
            size: Option<&[i64]>,
            generator: &SharedGenerator,
            options: Options;
            a
        ) {
            let (m, s) = (m.unwrap_or(0.0), s.unwrap_or(1.0));
            let Some(size) = size else { return normal([mean, std], [m, s], generator, a) };
            let layout = Layout::contiguous(sizes(size)?);
            let draw = Draw::Normal { mean: m, std: s };
            options.finish(draw.make("normal", layout, options.float(), options.device(), generator)?)
        },
        samples: [
            "0.5, 2.0, (3, 4)",
            "u(20), 2.0",
            "u(5)",
            "0.5, pos(20)",
            "u(4, 5), pos(5)",
            "0.0, -1.0, (2,)",
            "u(3), u(3)",
        ],
    }
    /// Indices drawn with the weights `self`, one row of weights or several; without `replacement` none twice.
    multinomial_ + out + exact as [
        "multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
    ] {
        call(x = self: &Tensor, num_samples: i64, replacement: bool, generator: &SharedGenerator) {
            by_weight(x, num_samples, replacement, generator)
        },
        samples: [
            "pos(4), 2",
            "pos(3, 5), 1",
            "pos(3, 5), 4",
            "pos(3, 5), 9, replacement=True",
            "pos(4), 5",
            "pos(4), 0",
            "u(4), 2",
            "ix(4, n=3), 1",
        ],
    }
}

fn dropout(x: &Tensor, p: f64, training: bool, inplace: bool) -> Result<Tensor> {
    if p.is_nan() {
        bail!(Runtime, "dropout probability has to be between 0 and 1, but got nan");
    }
    if !(0.0..=1.0).contains(&p) {
        bail!(Value, "dropout probability has to be between 0 and 1, but got {}", spelled(p));
    }
    if !training || p == 0.0 || x.numel() == 0 {
        return Ok(x.clone());
    }
    if p < 1.0 {
        x.dtype().usual("bernoulli_scalar_cpu_")?;
    }
    if !x.dtype().is_float() && p < 1.0 {
        bail!(Runtime, "result type Float can't be cast to the desired output type {}", x.dtype().scalar_name());
    }
    let layout = Format::Preserve.layout(x.layout())?;
    let generator = default_generator().clone();
    let noise = apply(Noise { p, meta: Meta::new(layout, x.dtype(), x.device()), generator }, &[])?;
    if inplace {
        x.copy_from(&x.mul(&noise)?)?;
        return Ok(x.clone());
    }
    x.mul(&noise)
}

/// What dropout multiplies with: 0 with probability `p`, else 1 / (1 - p).
struct Noise {
    p: f64,
    meta: Meta,
    generator: SharedGenerator,
}

impl Noise {
    /// What an element that is kept is multiplied with: divided in the dtype, by way of float32 for halves.
    fn scale(&self) -> f64 {
        let keep = 1.0 - self.p;
        if self.meta.dtype == DType::F64 { 1.0 / keep } else { (1.0 / keep as f32) as f64 }
    }
}

impl Op for Noise {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn zeroed(&self) -> bool {
        self.p == 1.0
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        if !self.zeroed() {
            random::coins(&out[0], &mut self.generator.lock(), 1.0 - self.p, self.scale());
        }
        Ok(())
    }
    fn gpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        if self.zeroed() {
            return Ok(());
        }
        let mask = Array::empty(Meta::new(out[0].layout.clone(), DType::Bool, Device::CPU))?;
        random::coins(&mask, &mut self.generator.lock(), 1.0 - self.p, 1.0);
        gpu::dropout::noise(&data::moved(&mask, out[0].device)?, self.scale(), &out[0])
    }
}

/// Normals of which at least one parameter is a tensor; `numbers` stand for those that are not.
fn normal(tensors: [Option<&Tensor>; 2], numbers: [f64; 2], g: &SharedGenerator, a: &Args) -> Result<Tensor> {
    let [mean, std] = tensors;
    let parameters: Vec<&Tensor> = mean.into_iter().chain(std).collect();
    refuse_out_with_grad("normal", &parameters, a.out)?;
    if let (Some(m), None, &[out]) = (mean, std, a.out)
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
    drawn_from("normal", &by_parameters(tensors, numbers, g)?, &parameters)
}

fn by_parameters([mean, std]: [Option<&Tensor>; 2], numbers: [f64; 2], g: &SharedGenerator) -> Result<Tensor> {
    let _off = GradGuard::new(false);
    let draws = |x: &Tensor, shape: &[usize], std: f64| {
        let layout = Layout::contiguous(shape.into());
        Draw::Normal { mean: 0.0, std }.make("normal", layout, x.dtype(), x.device(), g)?.to_device(x.device())
    };
    match (mean, std) {
        (Some(mean), None) => {
            let layout = Format::Preserve.layout(mean.layout())?;
            let draw = Draw::Normal { mean: 0.0, std: numbers[1] };
            draw.make("normal", layout, mean.dtype(), mean.device(), g)?.to_device(mean.device())?.add(mean)
        }
        (mean, Some(std)) => {
            let real = if std.dtype().is_float() { std.detach() } else { std.detach().to_dtype(DType::F64)? };
            if !real.device().is_meta() && !multinomial::none_negative(&data::moved(real.array(), Device::CPU)?) {
                bail!(Runtime, "normal expects all elements of std >= 0.0");
            }
            match mean {
                Some(mean) => {
                    let shape = crate::core::shape::broadcast(mean.shape(), std.shape())?;
                    draws(mean, &shape, 1.0)?.mul(std)?.add(mean)
                }
                None => {
                    let layout = Format::Preserve.layout(std.layout())?;
                    let unit =
                        Draw::Normal { mean: 0.0, std: 1.0 }.make("normal", layout, std.dtype(), std.device(), g)?;
                    unit.to_device(std.device())?.mul(std)?.add_number(numbers[0])
                }
            }
        }
        (None, None) => bail!(Runtime, "internal error: normal without a tensor"),
    }
}

fn by_weight(p: &Tensor, n: i64, replacement: bool, generator: &SharedGenerator) -> Result<Tensor> {
    if !p.dtype().is_float() {
        bail!(Runtime, "multinomial only supports floating-point dtypes for input, got: {}", p.dtype().scalar_name());
    }
    if p.ndim() == 0 || p.ndim() > 2 {
        bail!(Runtime, "prob_dist must be 1 or 2 dim");
    }
    let classes = p.shape()[p.ndim() - 1];
    if classes == 0 && replacement {
        return Err(err!(
            Runtime,
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
        .hint("multinomial: there are no weights to draw from"));
    }
    if n <= 0 {
        bail!(Runtime, "cannot sample n_sample <= 0 samples");
    }
    if !replacement && n > classes as i64 {
        bail!(Runtime, "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    }
    let mut shape: Shape = p.shape().into();
    shape[p.ndim() - 1] = n as usize;
    let op = Multinomial { shape, replacement, generator: generator.clone() };
    apply(op, &[p])
}

/// Indices drawn with the weights that the input holds, on the CPU.
struct Multinomial {
    shape: Shape,
    replacement: bool,
    generator: SharedGenerator,
}

impl Op for Multinomial {
    fn name(&self) -> &'static str {
        "multinomial"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.shape.clone()).with_dtype(DType::I64))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        match multinomial::draw(x[0], self.replacement, &out[0], &mut self.generator.lock()) {
            Ok(()) => Ok(()),
            Err(multinomial::BadWeights::Value) => {
                bail!(Runtime, "probability tensor contains either `inf`, `nan` or element < 0")
            }
            Err(multinomial::BadWeights::Sum) => {
                bail!(Runtime, "invalid multinomial distribution (sum of probabilities <= 0)")
            }
        }
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let drawn = Array::empty(Meta::new(out[0].layout.clone(), DType::I64, Device::CPU))?;
        self.cpu(&[&data::moved(x[0], Device::CPU)?], std::slice::from_ref(&drawn))?;
        data::copy(&drawn, &out[0])
    }
    fn differentiable(&self) -> bool {
        false
    }
}
