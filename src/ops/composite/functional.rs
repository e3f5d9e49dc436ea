//! Functions of nn.functional that are made of rows and reductions: gated and learned activations, normalized vectors,
//! distances between them.

use crate::core::shape::{broadcast, normalize_dim, normalize_dims};
use crate::core::{DType, Device, Layout, Number, Shape};
use crate::device::Array;
use crate::device::rng::{SharedGenerator, default_generator};
use crate::error::Result;
use crate::ops;
use crate::ops::composite::{called, minus};
use crate::ops::create::zeros_like;
use crate::ops::elementwise::compare::eq;
use crate::ops::elementwise::map::{self, on, promoted};
use crate::ops::elementwise::rectifier;
use crate::ops::elementwise::rectifier::{activated, bounded, elu, gated, leaky_relu, prelu_kernel, rrelu_kernel};
use crate::ops::elementwise::select::{clamp_min, where_};
use crate::ops::extremum::argmax;
use crate::ops::random::Draw;
use crate::tensor::door::enter;
use crate::tensor::{Arg, Args, Operand, Outs, Tensor, mode};
use crate::{bail, err};

const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// `x` raised to at least `low`.
pub fn at_least(x: &Tensor, low: f64) -> Result<Tensor> {
    on(&clamp_min::ROW, [Operand::Tensor(x), Operand::Number(Number::Float(low))])
}

fn only_floats(x: &Tensor) -> Result<()> {
    if !x.dtype().is_differentiable() {
        bail!(
            Runtime,
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
            x.dtype().scalar_name()
        );
    }
    Ok(())
}

/// The p-norm along `dims`, of a float tensor; its gradient is 0 where the norm is.
pub fn norm(x: &Tensor, p: f64, dims: &[usize], keepdim: bool) -> Result<Tensor> {
    only_floats(x)?;
    let dims: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
    x.vector_norm(p, if dims.is_empty() { None } else { Some(&dims) }, keepdim, None)
}

/// `x1 - x2 + eps`, whose norm along the last dim is their distance.
pub fn distance(x1: &Tensor, x2: &Tensor, p: f64, eps: f64, keepdim: bool) -> Result<Tensor> {
    let d = minus(x1, x2)?.add_number(eps)?;
    let dims: Shape = (d.ndim().saturating_sub(1)..d.ndim()).collect();
    norm(&d, p, &dims, keepdim)
}

/// Raised to at least `eps`, with the gradient of what it was.
fn raised(x: &Tensor, eps: f64) -> Result<Tensor> {
    x.add(&at_least(&x.detach(), eps)?.sub(&x.detach())?)
}

/// `leaky_relu` with random slopes: one is drawn for each element that is not positive, in their order, as PyTorch does.
fn rrelu_drawn(x: &Tensor, lower: f64, upper: f64, generator: &SharedGenerator, over: bool) -> Result<Outs> {
    for (name, bound) in [("lower", lower), ("upper", upper)] {
        if !bound.is_finite() {
            bail!(Runtime, "rrelu: {name} bound must be finite, got {}", crate::core::number::spelled(bound));
        }
    }
    if !x.dtype().is_float() || x.dtype() == DType::F16 {
        return Err(x.dtype().lacks("rrelu_with_noise_out_cpu"));
    }
    let slopes = if x.device().is_meta() { zeros_like(&x.detach())? } else { slopes(x, lower, upper, generator)? };
    let operands = [x, &slopes].map(Operand::Tensor);
    if over {
        map::over(&rrelu_kernel::ROW, operands).map(Outs::Over)
    } else {
        on(&rrelu_kernel::ROW, operands).map(Outs::Tensor)
    }
}

/// The slopes that are drawn for `x`: 1 where it is positive.
fn slopes(x: &Tensor, lower: f64, upper: f64, generator: &SharedGenerator) -> Result<Tensor> {
    let values = x.detach().to_device(Device::CPU)?.to_dtype(DType::F64)?.contiguous()?.array().to_vec::<f64>();
    let count = values.iter().filter(|v| **v <= 0.0).count();
    let layout = Layout::contiguous([count][..].into());
    let drawn = Draw::Uniform { from: lower, to: upper }.make("rrelu", layout, DType::F64, Device::CPU, generator)?;
    let mut drawn = drawn.array().to_vec::<f64>().into_iter();
    let slopes: Vec<f64> = values.iter().map(|v| if *v <= 0.0 { drawn.next().unwrap_or(1.0) } else { 1.0 }).collect();
    enter("rrelu", Array::from_slice(x.shape(), &slopes)?).to_dtype(x.dtype())?.to_device(x.device())
}

/// As the user asks: fresh, or over `x`.
fn selu_of(x: &Tensor, inplace: bool, a: &Args) -> Result<Outs> {
    activated(&elu::ROW, x, [SELU_ALPHA * SELU_SCALE, SELU_SCALE, 1.0], inplace, a)
}

fn celu_of(x: &Tensor, alpha: f64, inplace: bool, a: &Args) -> Result<Outs> {
    if alpha == 0.0 {
        return Err(err!(Runtime, "ZeroDivisionError: alpha cannot be 0 for CELU"));
    }
    activated(&rectifier::celu_of_alpha::ROW, x, [alpha, 1.0, 1.0 / alpha], inplace, a)
}

ops! {
    /// `elu` with the scale and the alpha that keep mean 0 and variance 1.
    ///
    /// Klambauer et al., "Self-normalizing neural networks", 2017.
    selu as [
        "function.selu(Tensor self) -> Tensor",
        "nn.selu(Tensor input, bool inplace=False) -> Tensor",
        "nn.selu_(Tensor input) -> Tensor",
        "function.selu_(Tensor self) -> Tensor",
    ] {
        call(x = self: &Tensor, inplace: bool; a) { selu_of(x, inplace || a.overload >= 2, a) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 20.0, -20.0, INF, -INF, NAN).detach()"],
    }
    /// x, and `alpha * (exp(x / alpha) - 1)` where x is not positive.
    ///
    /// Barron, 2017. Raises RuntimeError for alpha 0.
    celu as [
        "function.celu(Tensor self, Scalar alpha=1.0) -> Tensor",
        "nn.celu(Tensor input, float alpha=1.0, bool inplace=False) -> Tensor",
        "nn.celu_(Tensor input, float alpha=1.0) -> Tensor",
        "function.celu_(Tensor self, Scalar alpha=1.0) -> Tensor",
    ] {
        call(x = self: &Tensor, alpha: f64, inplace: bool; a) { celu_of(x, alpha, inplace || a.overload >= 2, a) },
        samples: ["u(2, 3)", "u(3, 2).t(), 0.5", "u(3), 0.0", "edges(0.0, 20.0, -20.0, INF, -INF, NAN).detach()"],
    }
    /// `hardtanh` between 0 and 6.
    relu6 as ["nn.relu6(Tensor input, bool inplace=False) -> Tensor"] {
        call(x = input: &Tensor, inplace: bool; a) { bounded(x, 0.0, 6.0, inplace, a) },
        samples: ["u(2, 3)", "u(3, 2).t() * 4", "edges(0.0, 6.0, 7.0, INF, -INF, NAN)"],
    }
    /// `leaky_relu` with the mean of `lower` and `upper` as slope; with `training` a slope is drawn for each element, uniformly
    /// between both.
    ///
    /// Xu et al., 2015. Raises RuntimeError where lower is above upper.
    rrelu as [
        "function.rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor",
        "nn.rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, bool training=False, bool inplace=False) -> Tensor",
        "nn.rrelu_(Tensor input, float lower=0.125, float upper=0.3333333333333333, bool training=False) -> Tensor",
        "function.rrelu_(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor",
    ] graph "RreluWithNoiseBackward0" {
        call(
            x = self: &Tensor,
            lower: f64,
            upper: f64,
            training: bool,
            generator: &SharedGenerator,
            inplace: bool;
            a
        ) {
            if lower > upper {
                bail!(Runtime, "Lower bound should be less than or equal to the upper bound");
            }
            let over = inplace || a.overload >= 2;
            if training {
                return rrelu_drawn(x, lower, upper, generator, over || a.inplace);
            }
            if over {
                return activated(&leaky_relu::ROW, x, [(lower + upper) * 0.5], over, a);
            }
            activated(&leaky_relu::ROW, &x.contiguous()?, [(lower + upper) * 0.5], over, a)
        },
        samples: ["u(2, 3)", "u(3, 2).t(), 0.25, 0.5", "u(3), 0.5, 0.25",
            "u(2, 3), training=True"],
    }
    /// The first half along `dim` times the sigmoid of the second.
    ///
    /// Dauphin et al., 2016. Raises RuntimeError where the size of `dim` is odd.
    glu as ["nn.glu(Tensor input, int dim=-1) -> Tensor"] graph "GluBackward0" {
        call(x = input: &Tensor, dim: i64) {
            if x.ndim() == 0 {
                bail!(Runtime, "glu does not support scalars because halving size must be even");
            }
            let dim = normalize_dim(dim, x.ndim())?;
            let size = x.shape()[dim];
            if !size.is_multiple_of(2) {
                bail!(Runtime, "Halving dimension must be even, but dimension {dim} is size {size}");
            }
            let halves = [x.narrow(dim, 0, size / 2)?, x.narrow(dim, size / 2, size / 2)?];
            on(&gated::ROW, [&halves[0], &halves[1]].map(Operand::Tensor))
        },
        samples: ["u(2, 4)", "u(4, 3), 0", "u(4, 2).t()", "u(2, 3)", "u()", "edges(0.0, INF, -1.0, NAN, 100.0, -100.0).detach()"],
    }
    /// x, and `weight * x` where x is not positive: one weight, or one for each channel (dim 1).
    ///
    /// He et al., 2015.
    prelu as ["prelu(Tensor self, Tensor weight) -> Tensor", "nn.prelu(Tensor input, Tensor weight) -> Tensor"] {
        call(x = self: &Tensor, weight: &Tensor) {
            if x.dtype() != weight.dtype() {
                let names = [x, weight].map(|t| t.dtype().scalar_name());
                bail!(Runtime, "prelu: Type promoting not supported. Got {} and {}", names[0], names[1]);
            }
            if weight.ndim() > 1 {
                bail!(Runtime, "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {}", weight.ndim());
            }
            let mut shape = Shape::filled(1, x.ndim());
            if weight.numel() != 1 {
                if x.ndim() == 0 {
                    bail!(Runtime, "Not allow zero-dim input tensor.");
                }
                let channels = if x.ndim() > 1 { x.shape()[1] } else { 1 };
                if channels != weight.numel() {
                    bail!(
                        Runtime,
                        "Mismatch of parameter numbers and input channel size. Found parameter numbers = {} and channel size \
                         = {channels}.",
                        weight.numel()
                    );
                }
                shape[1] = channels;
            }
            on(&prelu_kernel::ROW, [x, &weight.reshape(&shape)?].map(Operand::Tensor))
        },
        samples: ["u(2, 3), u(3)", "u(2, 3), u(1)", "u(2, 3, 2), u(3)", "u(3, 2).t(), u(3)", "u(2, 3), u(2)", "u(3), u()"],
    }
    /// x / (1 + |x|).
    softsign as ["nn.softsign(Tensor input) -> Tensor"] {
        call(x = input: &Tensor) { x.div(&x.abs()?.add_number(1)?) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 100.0, -100.0, NAN)"],
    }
    /// x - tanh(x).
    tanhshrink as ["nn.tanhshrink(Tensor input) -> Tensor"] {
        call(x = input: &Tensor) { minus(x, &x.tanh()?) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 100.0, -100.0, INF, NAN)"],
    }
    /// `softmax` of the negative.
    softmin as ["nn.softmin(Tensor input, int? dim=None, int _stacklevel=3, dtype? dtype=None) -> Tensor"] {
        call(x = input: &Tensor, dim: Option<i64>, dtype: Option<DType>) {
            let dim = match dim {
                Some(dim) => dim,
                None => {
                    mode::warn(
                        "Implicit dimension choice for softmin has been deprecated. Change the call to include dim=X as an \
                         argument.",
                    )?;
                    if matches!(x.ndim(), 0 | 1 | 3) { 0 } else { 1 }
                }
            };
            x.neg()?.to_dtype(dtype.unwrap_or(x.dtype()))?.softmax(dim)
        },
        samples: ["u(2, 3), 1", "u(3, 2).t(), 0", "u(2, 3), dim=0, dtype=float64", "u(2, 3)", "u(2, 3), 2"],
    }
    /// A sample of the Gumbel-softmax distribution: softmax((logits + noise) / tau) along `dim`; with `hard` a one-hot
    /// vector, whose gradient is that of the soft one.
    ///
    /// Jang, Gu and Poole, 2017; Maddison, Mnih and Teh, 2017.
    gumbel_softmax as [
        "nn.gumbel_softmax(Tensor logits, float tau=1, bool hard=False, float eps=1e-10, int dim=-1) -> Tensor",
    ] {
        call(x = logits: &Tensor, tau: f64, hard: bool, eps: f64, dim: i64) {
            if eps != 1e-10 {
                mode::warn("`eps` parameter is deprecated and has no effect.")?;
            }
            let layout = Layout::contiguous(x.shape().into());
            let draws = Draw::Exponential { lambda: 1.0 }.make("gumbel_softmax", layout, x.dtype(), x.device(), default_generator())?;
            let noise = draws.log()?.neg()?.to_device(x.device())?;
            let soft = x.add(&noise)?.div_number(tau)?.softmax(dim)?;
            if !hard {
                return Ok(soft);
            }
            let at = normalize_dim(dim, x.ndim())?;
            let along = [Arg::Tensor(&soft), Arg::Number(dim.into()), Arg::Bool(true)];
            let place = called(&argmax::DEF, &along)?;
            let one = Operand::Number(Number::Float(1.0));
            let ones = on(&where_::ROW, [Operand::Tensor(&on(&eq::ROW, [&place, &place].map(Operand::Tensor))?), one,
                Operand::Number(Number::Float(0.0))])?.to_dtype(x.dtype())?;
            let hot = if x.ndim() == 0 { ones } else { zeros_like(x)?.scatter_add(at, &place, &ones)? };
            hot.sub(&soft.detach())?.add(&soft)
        },
        samples: ["u(2, 3)", "u(2, 3), hard=True", "u(3, 2).t(), 0.5, dim=0", "u(4), tau=2.0, hard=True"],
    }
    /// Vectors along `dim` divided by their p-norms, or by `eps` where that is more.
    normalize + out as ["nn.normalize(Tensor input, float p=2.0, int[1] dim=[1], float eps=1e-12) -> Tensor; out"] {
        call(x = input: &Tensor, p: f64, dim: &[i64], eps: f64) {
            only_floats(x)?;
            let mut dims = normalize_dims(dim, x.ndim())?;
            dims.sort_unstable();
            let dims = if x.ndim() == 0 { Shape::new() } else { dims };
            x.div(&at_least(&norm(x, p, &dims, true)?, eps)?)
        },
        samples: ["u(2, 3)", "u(3, 2).t(), 1.0, 0", "u(2, 3), p=INF", "u(2, 3), p=3.0, dim=0", "u(2, 3, 4), dim=(0, 2)",
            "u(3)", "nz(2, 3).detach() * 0"],
    }
    /// The cosine of the angle between vectors along `dim`: their product over that of their norms, each at least `eps`.
    cosine_similarity as [
        "function.cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor",
        "nn.cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor",
    ] {
        call(x1: &Tensor, x2: &Tensor, dim: i64, eps: f64) {
            let dtype = promoted(&[x1, x2])?;
            if !dtype.is_float() {
                bail!(Runtime, "expected common dtype to be floating point, yet common dtype is {}", dtype.scalar_name());
            }
            if eps < 0.0 || eps.is_nan() {
                bail!(Runtime, "eps must be non-negative, got: {}", crate::core::number::spelled(eps));
            }
            let shape = broadcast(x1.shape(), x2.shape())?;
            let dim = normalize_dim(dim, shape.len())?;
            let dims: Shape = if shape.is_empty() { Shape::new() } else { [dim][..].into() };
            let unit = |x: &Tensor| -> Result<Tensor> {
                let x = x.to_dtype(dtype)?.expand_to(&shape)?;
                x.div(&raised(&norm(&x, 2.0, &dims, true)?, eps)?)
            };
            unit(x1)?.mul(&unit(x2)?)?.sum(&dims, false)
        },
        samples: ["u(2, 3), u(2, 3)", "u(3, 2).t(), u(3)", "u(2, 3), u(2, 3), dim=0, eps=1.0", "ix(2, 3, n=4), ix(2, 3, n=4)",
            "nz(2, 3).detach() * 0, u(2, 3).detach()"],
    }
    /// The p-norm of `x1 - x2 + eps` along the last dim.
    pairwise_distance as [
        "function.pairwise_distance(Tensor x1, Tensor x2, float p=2.0, float eps=1e-06, bool keepdim=False) -> Tensor",
        "nn.pairwise_distance(Tensor x1, Tensor x2, float p=2.0, float eps=1e-06, bool keepdim=False) -> Tensor",
    ] graph "NormBackward1" {
        call(x1: &Tensor, x2: &Tensor, p: f64, eps: f64, keepdim: bool) { distance(x1, x2, p, eps, keepdim) },
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3), 1.0, keepdim=True", "u(3, 2).t(), u(2, 3), 3.0", "u(2, 3), u(2, 4)"],
    }
}
