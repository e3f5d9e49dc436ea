//! Random tensors: what draws from a generator (the default one, or `generator=`), in PyTorch's order and to its bits.
//!
//! Draws are serial and hold the generator's lock, so two threads cannot mix their streams within a tensor.

use super::copy::Format;
use super::create::{check_fits, like, sizes, zeros_like};
use super::draw_bounds::{between, digits, upwards, within};
use super::options::Options;
use crate::core::number::spelled;
use crate::core::{DType, Device, Layout, Meta, Number};
use crate::cpu::random;
use crate::device::{Array, SharedGenerator};
use crate::error::Result;
use crate::ops;
use crate::tensor::apply::recorded;
use crate::tensor::apply_inplace;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, Tensor, Written, apply, data};
use crate::{bail, cpu, err};

/// What is drawn for each element.
#[derive(Debug, Clone, Copy)]
pub enum Draw {
    Uniform {
        from: f64,
        to: f64,
    },
    Normal {
        mean: f64,
        std: f64,
    },
    Exponential {
        lambda: f64,
    },
    Cauchy {
        median: f64,
        sigma: f64,
    },
    LogNormal {
        mean: f64,
        std: f64,
    },
    /// How many trials of probability p it takes until one succeeds.
    Geometric {
        p: f64,
    },
    /// 1 with probability p, else 0.
    Coins {
        p: f64,
    },
    /// `low + draw % range`, where 0 stands for 2^64.
    Integers {
        low: i64,
        range: u64,
    },
    AnyIntegers,
}

impl Draw {
    /// The in-place op's name.
    const fn name(self) -> &'static str {
        match self {
            Draw::Uniform { .. } => "uniform",
            Draw::Normal { .. } => "normal",
            Draw::Exponential { .. } => "exponential",
            Draw::Cauchy { .. } => "cauchy",
            Draw::LogNormal { .. } => "log_normal",
            Draw::Geometric { .. } => "geometric",
            Draw::Coins { .. } => "bernoulli",
            Draw::Integers { .. } | Draw::AnyIntegers => "random",
        }
    }

    /// Refuses what PyTorch refuses.
    pub fn check(self, dtype: DType) -> Result<()> {
        let float = dtype.is_float();
        if dtype.is_complex() && matches!(self, Draw::Uniform { .. } | Draw::Normal { .. }) {
            return self.check(dtype.to_real());
        }
        match self {
            Draw::Uniform { .. } if !float => Err(dtype.lacks("check_uniform_bounds")),
            Draw::Uniform { from, to } => within(from, to, dtype),
            Draw::Normal { std, .. } if std < 0.0 || std.is_nan() => {
                bail!(Runtime, "normal expects std >= 0.0, but found std {}", spelled(std))
            }
            Draw::Normal { .. } if !float => Err(dtype.lacks("normal_kernel_cpu")),
            Draw::Exponential { lambda } if lambda <= 0.0 || lambda.is_nan() => {
                bail!(Runtime, "exponential_ expects lambda > 0.0, but found lambda={}", spelled(lambda))
            }
            Draw::Exponential { .. } if !float => bail!(
                Runtime,
                "Exponential distribution is a continuous probability distribution. dtype must be a floating point but \
                 you specified {}",
                dtype.scalar_name()
            ),
            Draw::Cauchy { .. } if !float => bail!(
                Runtime,
                "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you \
                 specified {}",
                dtype.c_words()
            ),
            Draw::Cauchy { sigma, .. } if sigma <= 0.0 || sigma.is_nan() => {
                bail!(Runtime, "cauchy_ expects sigma > 0.0, but found sigma={}", spelled(sigma))
            }
            Draw::LogNormal { std, .. } if std <= 0.0 || std.is_nan() => {
                bail!(Runtime, "log_normal_ expects std > 0.0, but found std={}", spelled(std))
            }
            Draw::LogNormal { .. } if !float => Err(dtype.lacks("log_normal_cpu")),
            Draw::Geometric { p } if !(p > 0.0 && p < 1.0) => {
                bail!(Runtime, "geometric_ expects p to be in (0, 1), but got p={}", spelled(p))
            }
            Draw::Geometric { .. } if dtype == DType::Bool => Err(dtype.lacks("geometric_cpu")),
            Draw::Geometric { .. } => dtype.usual("geometric_cpu"),
            Draw::Coins { p } if !(0.0..=1.0).contains(&p) => {
                bail!(Runtime, "bernoulli_ expects p to be in [0, 1], but got p={}", spelled(p))
            }
            Draw::Coins { .. } => dtype.usual("bernoulli_scalar_cpu_"),
            Draw::AnyIntegers => dtype.usual("random_kernel_cpu"),
            Draw::Integers { .. } if dtype.is_complex() => Err(dtype.lacks("random_from_to")),
            _ => Ok(()),
        }
    }

    fn into(self, out: &Array, generator: &SharedGenerator) {
        if out.dtype.is_complex() {
            // Both parts in turn, each with half of the variance.
            let draw = match self {
                Draw::Normal { mean, std } => Draw::Normal { mean, std: std / std::f64::consts::SQRT_2 },
                other => other,
            };
            return draw.into(&cpu::complex::parts(out), generator);
        }
        let g = &mut *generator.lock();
        match self {
            Draw::Uniform { from, to } => random::uniform(out, g, from, to),
            Draw::Normal { mean, std } => random::normal(out, g, mean, std),
            Draw::Exponential { lambda } => random::exponential(out, g, lambda),
            Draw::Cauchy { median, sigma } => random::cauchy(out, g, median, sigma),
            Draw::LogNormal { mean, std } => random::log_normal(out, g, mean, std),
            Draw::Geometric { p } => random::geometric(out, g, p),
            Draw::Coins { p } => random::coins(out, g, p, 1.0),
            Draw::Integers { low, range } => random::integers(out, g, low, range),
            Draw::AnyIntegers => random::any_integers(out, g),
        }
    }

    /// A fresh tensor of draws for `device`, to which the caller brings it from its source.
    pub fn make(
        self,
        name: &'static str,
        layout: Layout,
        dtype: DType,
        device: Device,
        generator: &SharedGenerator,
    ) -> Result<Tensor> {
        self.check(dtype)?;
        let meta = Meta::new(layout, dtype, device.source());
        apply(Fresh { name, meta, draw: self, generator: generator.clone() }, &[])
    }

    /// Overwrites `t` with draws.
    pub fn over(self, t: &Tensor, generator: &SharedGenerator) -> Result<Written> {
        self.check(t.dtype())?;
        apply_inplace(Overwrite { draw: self, generator: generator.clone() }, &[t])
    }
}

/// Draws from nothing, on the CPU: one stream serves all devices.
struct Fresh {
    name: &'static str,
    meta: Meta,
    draw: Draw,
    generator: SharedGenerator,
}

impl Op for Fresh {
    fn name(&self) -> &'static str {
        self.name
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        self.draw.into(&out[0], &self.generator);
        Ok(())
    }
}

/// A permutation of the first integers, on the CPU.
struct Permutation {
    meta: Meta,
    generator: SharedGenerator,
}

impl Op for Permutation {
    fn name(&self) -> &'static str {
        "randperm"
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        random::permutation(&out[0], &mut self.generator.lock());
        Ok(())
    }
}

/// Ones with the probabilities that the input holds.
struct Coins {
    layout: Layout,
    dtype: DType,
    generator: SharedGenerator,
}

impl Op for Coins {
    fn name(&self) -> &'static str {
        "bernoulli"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if !x[0].dtype.is_float() {
            return Err(x[0].dtype.lacks("bernoulli_tensor_cpu_p_"));
        }
        self.dtype.usual("bernoulli_tensor_cpu_self_")?;
        Ok(Meta::new(self.layout.clone(), self.dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if !random::all_probabilities(x[0]) {
            return Err(err!(
                Runtime,
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, \
                 please report an enhancement request to PyTorch.)"
            )
            .hint("bernoulli: every probability must lie in [0, 1]"));
        }
        random::coins_by(&out[0], x[0], &mut self.generator.lock());
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        // Probabilities decide what is drawn, which happens on the CPU.
        let drawn = Array::empty(Meta::new(out[0].layout.clone(), out[0].dtype, Device::CPU))?;
        self.cpu(&[&data::moved(x[0], Device::CPU)?], std::slice::from_ref(&drawn))?;
        data::copy(&drawn, &out[0])
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(zeros_like(g.one()?)?)
    }
}

/// Input 0 overwritten with draws.
struct Overwrite {
    draw: Draw,
    generator: SharedGenerator,
}

impl Op for Overwrite {
    fn name(&self) -> &'static str {
        self.draw.name()
    }
    fn complex(&self) -> bool {
        true
    }
    fn grad_name(&self) -> String {
        let mut name = self.name().to_string();
        name[..1].make_ascii_uppercase();
        let form = if matches!(self.draw, Draw::Coins { .. }) { 1 } else { 0 };
        format!("{name}Backward{form}")
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        self.draw.into(&out[0], &self.generator);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        // Drawn under the same strides: PyTorch draws normal numbers in another way where they are not contiguous.
        let layout = &out[0].layout;
        let room = Layout::contiguous([layout.end() - layout.offset][..].into());
        let room = Array::empty(Meta::new(room, out[0].dtype, Device::CPU))?;
        let drawn = room.with_layout(Layout { offset: 0, ..layout.clone() });
        self.cpu(x, std::slice::from_ref(&drawn))?;
        data::copy(&drawn, &out[0])
    }
    fn aliases(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(zeros_like(g.one()?)?)
    }
}

/// `out` as a result of the tensors it was drawn with: nothing flows back, and a gradient of 0 says so.
pub fn drawn_from(name: &'static str, out: &Tensor, parameters: &[&Tensor]) -> Result<Tensor> {
    if !recorded(parameters.iter().copied()) {
        return Ok(out.clone());
    }
    let inputs: Vec<&Tensor> = std::iter::once(out).chain(parameters.iter().copied()).collect();
    let drawn = apply(Drawn { name }, &inputs)?;
    drawn.clear_base();
    Ok(drawn)
}

/// Input 0, drawn with the others as parameters.
struct Drawn {
    name: &'static str,
}

impl Op for Drawn {
    fn name(&self) -> &'static str {
        self.name
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.clone()))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::META
    }
    fn vjp(&self, c: &Context, _: &Cotangents) -> Result<Grads> {
        let zeros = |i| -> Result<Option<Tensor>> {
            if !c.needs(i) {
                return Ok(None);
            }
            let meta = c.meta(i)?;
            Tensor::constant(meta.shape(), meta.dtype, meta.device, 0).map(Some)
        };
        Grads::many((0..3).map(zeros).collect::<Result<_>>()?)
    }
}

const UNIT: Draw = Draw::Uniform { from: 0.0, to: 1.0 };
const STANDARD: Draw = Draw::Normal { mean: 0.0, std: 1.0 };
const DRAWN: &[&str] = &["(2, 3)", "2, 3", "(20,), dtype=float64", "(33,), dtype=bfloat16", "()", "(2,), dtype=int64"];
const DRAWN_LIKE: &[&str] = &["u(2, 3)", "u(5, 4).t()", "ix(3, n=4), dtype=float32", "ix(3, n=4)"];

ops! {
    /// Uniform in [0, 1).
    rand + out as ["function.rand(int[] size, *, Generator? generator=None, {options}) -> Tensor"] {
        call(size: &[i64], generator: &SharedGenerator, options: Options) {
            let layout = Layout::contiguous(sizes(size)?);
            options.finish(UNIT.make("rand", layout, options.float(), options.device(), generator)?)
        },
        samples: DRAWN,
    }
    /// `rand` with the shape, strides and dtype of `self`.
    rand_like as [
        "function.rand_like(Tensor self, *, Generator? generator=None, {options}, memory_format? memory_format=None) -> Tensor",
    ] {
        call(x = self: &Tensor, generator: &SharedGenerator, options: Options, memory_format: Option<Format>) {
            like(x, options, memory_format, |layout, dtype, d| UNIT.make("rand_like", layout, dtype, d, generator))
        },
        samples: DRAWN_LIKE,
    }
    /// Normal, with mean 0 and deviation 1.
    randn + out as ["function.randn(int[] size, *, Generator? generator=None, {options}) -> Tensor"] {
        call(size: &[i64], generator: &SharedGenerator, options: Options) {
            let layout = Layout::contiguous(sizes(size)?);
            options.finish(STANDARD.make("randn", layout, options.float(), options.device(), generator)?)
        },
        samples: DRAWN,
    }
    /// `randn` with the shape, strides and dtype of `self`.
    randn_like as [
        "function.randn_like(Tensor self, *, Generator? generator=None, {options}, memory_format? memory_format=None) -> Tensor",
    ] {
        call(x = self: &Tensor, generator: &SharedGenerator, options: Options, memory_format: Option<Format>) {
            like(x, options, memory_format, |layout, dtype, d| STANDARD.make("randn_like", layout, dtype, d, generator))
        },
        samples: DRAWN_LIKE,
    }
    /// Integers in [low, high), int64 unless `dtype` says otherwise.
    randint + out as [
        "function.randint(int high, int[] size, *, Generator? generator=None, {options}) -> Tensor",
        "function.randint(int low, int high, int[] size, *, Generator? generator=None, {options}) -> Tensor",
    ] {
        call(low: Option<i64>, high: i64, size: &[i64], generator: &SharedGenerator, options: Options) {
            let dtype = options.or(DType::I64);
            let draw = between(low.unwrap_or(0), high, dtype)?;
            options.finish(draw.make("randint", Layout::contiguous(sizes(size)?), dtype, options.device(), generator)?)
        },
        samples: [
            "10, (5,)",
            "-5, 5, (3, 4)",
            "0, 2**40, (4,)",
            "7, (3,), dtype=float32",
            "5, 2, (2,)",
            "300, (2,), dtype=uint8",
        ],
    }
    /// Integers in [low, high) with the shape, strides and dtype of `self`.
    randint_like as [
        "function.randint_like(Tensor self, int high, *, Generator? generator=None, {options}, memory_format? memory_format=None) -> Tensor",
        "function.randint_like(Tensor self, int low, int high, *, Generator? generator=None, {options}, memory_format? memory_format=None) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            low: Option<i64>,
            high: i64,
            generator: &SharedGenerator,
            options: Options,
            memory_format: Option<Format>
        ) {
            like(x, options, memory_format, |layout, dtype, d| {
                between(low.unwrap_or(0), high, dtype)?.make("randint_like", layout, dtype, d, generator)
            })
        },
        samples: ["u(2, 3), 5", "u(2, 3), 2, 5", "u(5, 4).t(), 9"],
    }
    /// A random permutation of 0 to n - 1, int64 unless `dtype` says otherwise.
    randperm + out as ["function.randperm(int n, *, Generator? generator=None, {options}) -> Tensor"] {
        call(n: i64, generator: &SharedGenerator, options: Options) {
            let layout = Layout::contiguous(sizes(&[n])?);
            let dtype = options.or(DType::I64);
            dtype.usual("randperm")?;
            if let Some(digits) = digits(dtype) {
                if dtype != DType::BF16 && n > (1 << digits) + 1 {
                    bail!(Runtime, "n cannot be greater than {} for {} type.", (1i64 << digits) + 1, dtype.scalar_name());
                }
            } else {
                if dtype == DType::Bool {
                    return Err(dtype.lacks("randperm"));
                }
                // The numbers end at n - 1.
                check_fits(Number::Int((n - 1).max(0)), dtype)?;
            }
            let meta = Meta::new(layout, dtype, options.source());
            options.finish(apply(Permutation { meta, generator: generator.clone() }, &[])?)
        },
        samples: ["10", "17, dtype=int32", "5, dtype=float16", "0", "1", "-1", "3000, dtype=float16"],
    }
    /// Overwrites `self` with uniform numbers in [from, to).
    uniform_ as ["method.uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, from: f64, to: f64, generator: &SharedGenerator) {
            Draw::Uniform { from, to }.over(x, generator)
        },
        samples: ["u(2, 3)", "u(20), -3, 11.5", "u(5, 4).t()", "u(6)[::2], 1, 2", "u(2), 2, 1"],
    }
    /// Overwrites `self` with normal numbers.
    normal_ as ["method.normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, mean: f64, std: f64, generator: &SharedGenerator) {
            Draw::Normal { mean, std }.over(x, generator)
        },
        samples: ["u(2, 3)", "u(40), 0.5, 2.25", "u(5, 4).t()", "u(34)[::2]", "u(3), 0, -1"],
    }
    /// Overwrites `self` with exponential numbers of rate `lambd`.
    exponential_ as ["method.exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, lambd: f64, generator: &SharedGenerator) {
            Draw::Exponential { lambda: lambd }.over(x, generator)
        },
        samples: ["u(20)", "u(5), 2.5", "u(5), -1"],
    }
    /// Overwrites `self` with numbers of the Cauchy distribution.
    cauchy_ as ["method.cauchy_(Tensor self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, median: f64, sigma: f64, generator: &SharedGenerator) {
            Draw::Cauchy { median, sigma }.over(x, generator)
        },
        samples: ["u(20)", "u(5), 2, 0.5", "u(5), 0, -1", "u(5, 4).t()"],
    }
    /// Overwrites `self` with exponentials of normal numbers.
    log_normal_ as ["method.log_normal_(Tensor self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, mean: f64, std: f64, generator: &SharedGenerator) {
            Draw::LogNormal { mean, std }.over(x, generator)
        },
        samples: ["u(20)", "u(5), 0, 0.5", "u(5), 0, -1", "u(5, 4).t()"],
    }
    /// Overwrites `self` with the numbers of trials of probability `p` until one succeeds.
    geometric_ as ["method.geometric_(Tensor self, float p, *, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, p: f64, generator: &SharedGenerator) { Draw::Geometric { p }.over(x, generator) },
        samples: ["u(20), 0.3", "ix(20, n=3), 0.1", "u(5), 1", "u(5), 0"],
    }
    /// Overwrites `self` with integers in [from, to): from 0, and up to the largest that the dtype holds exactly, where
    /// a bound is not given.
    random_ as [
        "method.random_(Tensor self, *, Generator? generator=None) -> Tensor",
        "method.random_(Tensor self, int to, *, Generator? generator=None) -> Tensor",
        "method.random_(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor",
    ] {
        call(x = self: &Tensor, from: Option<i64>, to: Option<i64>, generator: &SharedGenerator) {
            match (from, to) {
                (None, None) => Draw::AnyIntegers,
                (from, Some(to)) => between(from.unwrap_or(0), to, x.dtype())?,
                (Some(from), None) => upwards(from, x.dtype())?,
            }
            .over(x, generator)
        },
        samples: [
            "u(6)",
            "u(6), 5",
            "u(6), -3, 9",
            "u(3), 5, 5",
            "ix(6, n=3)",
            "ix(6, n=3), 2**40",
            "ix(4, n=3), 7, None",
        ],
    }
    /// Ones with probability `p` (each element of `self` where it is not given), else zeros.
    bernoulli + out as [
        "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor",
        "bernoulli(Tensor self, float p, *, Generator? generator=None) -> Tensor; no out",
    ] {
        call(x = self: &Tensor, p: Option<f64>, generator: &SharedGenerator; a) {
            let layout = Layout::contiguous(x.shape().into());
            // What is drawn is of the dtype of `out=`: ones and zeros fit any.
            let dtype = a.out.first().map_or(x.dtype(), |out| out.dtype());
            match p {
                Some(p) => {
                    let drawn = Draw::Coins { p }.make("bernoulli", layout, x.dtype(), x.device(), generator)?;
                    drawn_from("bernoulli", &drawn.to_device(x.device())?, &[x])
                }
                None => apply(Coins { layout, dtype, generator: generator.clone() }, &[x]),
            }
        },
        samples: ["pos(20) * 0.1", "pos(5, 4).t() * 0.1", "u(20), 0.3", "pos(3) * 100"],
    }
    /// Overwrites `self` with ones with probability `p`, else zeros.
    bernoulli_ as [
        "method.bernoulli_(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor",
        "method.bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor",
    ] {
        call(x = self: &Tensor, p: Option<f64>, by = p: Option<&Tensor>, generator: &SharedGenerator) {
            let Some(p) = by else { return Draw::Coins { p: p.unwrap_or(0.5) }.over(x, generator).map(Outs::Over) };
            crate::tensor::views::check_writable("bernoulli", x)?;
            if crate::core::shape::broadcast(x.shape(), p.shape())?[..] != *x.shape() {
                bail!(
                    Runtime,
                    "output with shape {} doesn't match the broadcast shape of p {}",
                    crate::core::shape::list(x.shape()),
                    crate::core::shape::list(p.shape())
                );
            }
            let layout = Format::Preserve.layout(x.layout())?;
            let coins = Coins { layout, dtype: x.dtype(), generator: generator.clone() };
            x.copy_from(&apply(coins, &[&p.detach()])?)?;
            Ok(Outs::Tensor(x.clone()))
        },
        samples: ["u(20)", "u(20), 0.3", "ix(5, n=3), 0.5", "u(3), pos(3) * 0.1", "u(3), 2.0"],
    }
}
