//! Draws whose parameters are tensors: gamma, Dirichlet, Poisson and binomial variates, on the CPU for all devices.

use super::create::zeros_like;
use crate::core::{DType, Device, Layout, Meta, shape};
use crate::cpu::{reparameterized, variates};
use crate::device::{Array, SharedGenerator};
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply, data};
use crate::{bail, err};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Gamma,
    Dirichlet,
    Poisson,
    Binomial,
}

/// Draws by the inputs as parameters.
struct Draw {
    kind: Kind,
    generator: SharedGenerator,
}

impl Op for Draw {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Gamma => "_standard_gamma",
            Kind::Dirichlet => "_sample_dirichlet",
            Kind::Poisson => "poisson",
            Kind::Binomial => "binomial",
        }
    }
    fn grad_name(&self) -> String {
        match self.kind {
            Kind::Gamma => "StandardGammaBackward0",
            Kind::Dirichlet => "SampleDirichletBackward0",
            Kind::Poisson => "PoissonBackward0",
            Kind::Binomial => "BinomialBackward0",
        }
        .to_string()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let dtype = x[0].dtype;
        let kernel = match self.kind {
            Kind::Gamma => "gamma_cpu",
            Kind::Dirichlet => "dirichlet",
            Kind::Poisson => "poisson_cpu",
            Kind::Binomial => {
                for (m, name) in x.iter().zip(["count", "prob"]) {
                    if !m.dtype.is_float() {
                        let found = m.dtype.scalar_name();
                        bail!(Value, "binomial only supports floating-point dtypes for {name}, got: {found}");
                    }
                }
                if x[1].dtype != dtype {
                    let (found, wanted) = (x[1].dtype.scalar_name(), dtype.scalar_name());
                    bail!(Runtime, "Found dtype {found} but expected {wanted}");
                }
                "binomial_cpu"
            }
        };
        if !dtype.is_float() || (self.kind != Kind::Poisson && !matches!(dtype, DType::F32 | DType::F64)) {
            return Err(dtype.lacks(kernel));
        }
        let mut sizes = x[0].layout.shape.clone();
        if let Some(p) = x.get(1) {
            sizes = shape::broadcast(&sizes, &p.layout.shape)?;
        }
        Ok(Meta::new(Layout::contiguous(sizes), dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if self.kind == Kind::Poisson && variates::any_unfit_rate(x[0]) {
            return Err(err!(Runtime, "invalid Poisson rate, expected rate to be non-negative")
                .hint("poisson: every rate must be 0 or more, and none NaN"));
        }
        let g = &mut *self.generator.lock();
        match self.kind {
            Kind::Gamma => variates::gamma(&out[0], x[0], g),
            Kind::Dirichlet => variates::dirichlet(&out[0], x[0], g),
            Kind::Poisson => variates::poisson(&out[0], x[0], g),
            Kind::Binomial => variates::binomial(&out[0], x[0], x[1], g),
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        // Parameters decide how many numbers are drawn, which happens on the CPU.
        let drawn = Array::empty(Meta::new(out[0].layout.clone(), out[0].dtype, Device::CPU))?;
        let moved: Vec<Array> = x.iter().map(|a| data::moved(a, Device::CPU)).collect::<Result<_>>()?;
        self.cpu(&moved.iter().collect::<Vec<_>>(), std::slice::from_ref(&drawn))?;
        data::copy(&drawn, &out[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        match self.kind {
            Kind::Gamma | Kind::Dirichlet => Saves::INPUTS.and(Saves::OUTPUT),
            _ => Saves::NONE,
        }
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        match self.kind {
            Kind::Gamma => Grads::one(g.mul(&apply(GammaGrad, &[&c.input(0)?, &c.output()?])?)?),
            Kind::Dirichlet => {
                let (alpha, x) = (c.input(0)?, c.output()?);
                if alpha.shape().is_empty() {
                    return Grads::one(zeros_like(g)?);
                }
                let last = [alpha.shape().len() - 1];
                let total = alpha.sum(&last, true)?.expand_to(alpha.shape())?;
                let inner = g.sub(&x.mul(g)?.sum(&last, true)?)?;
                Grads::one(apply(DirichletGrad, &[&x, &alpha, &total])?.mul(&inner)?)
            }
            Kind::Poisson => Grads::one(zeros_like(g)?),
            Kind::Binomial => bail!(Runtime, "derivative for aten::binomial is not implemented"),
        }
    }
}

/// The broadcast shape of inputs of one float dtype.
fn alike(x: &[&Meta], kernel: &str) -> Result<Meta> {
    let dtype = x[0].dtype;
    let mut sizes = x[0].layout.shape.clone();
    for m in x {
        if m.dtype != dtype {
            bail!(Runtime, "Found dtype {} but expected {}", m.dtype.scalar_name(), dtype.scalar_name());
        }
        sizes = shape::broadcast(&sizes, &m.layout.shape)?;
    }
    if !matches!(dtype, DType::F32 | DType::F64) {
        return Err(dtype.lacks(kernel));
    }
    Ok(Meta::new(Layout::contiguous(sizes), dtype, x[0].device))
}

/// How a gamma variate changes with its shape parameter.
struct GammaGrad;

impl Op for GammaGrad {
    fn name(&self) -> &'static str {
        "_standard_gamma_grad"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        alike(x, "_standard_gamma_grad_cpu")
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        variates::each_of_two(&out[0], x[0], x[1], reparameterized::gamma);
        Ok(())
    }
    fn vjp(&self, _: &Context, _: &Cotangents) -> Result<Grads> {
        bail!(NotImplemented, "the derivative for '_standard_gamma_grad' is not implemented.")
    }
}

/// How a Dirichlet variate changes with its parameter, but for what all elements of a row share.
struct DirichletGrad;

impl Op for DirichletGrad {
    fn name(&self) -> &'static str {
        "_dirichlet_grad"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        alike(x, "_dirichlet_grad_cpu")
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        variates::each_of_three(&out[0], [x[0], x[1], x[2]], reparameterized::dirichlet);
        Ok(())
    }
    fn vjp(&self, _: &Context, _: &Cotangents) -> Result<Grads> {
        bail!(Runtime, "derivative for aten::_dirichlet_grad is not implemented")
    }
}

fn draw(kind: Kind, generator: &SharedGenerator, parameters: &[&Tensor]) -> Result<Tensor> {
    apply(Draw { kind, generator: generator.clone() }, parameters)
}

ops! {
    /// Poisson variates whose rates are the elements of `self`, in its dtype.
    poisson as ["function.poisson(Tensor self, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, generator: &SharedGenerator) { draw(Kind::Poisson, generator, &[x]) },
        samples: ["pos(20)", "pos(5, 4).t() * 30", "u(6)", "ix(3, n=3)", "pos(4) * 0"],
    }
    /// Binomial variates: successes of `count` trials of probability `prob`, which broadcast.
    binomial as ["function.binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor"] {
        call(count: &Tensor, prob: &Tensor, generator: &SharedGenerator) {
            draw(Kind::Binomial, generator, &[count, prob])
        },
        samples: [
            "pos(20) * 4, pos(20) / 8",
            "pos(5, 4).t() * 40, pos(4, 5) / 8",
            "pos(20) * 40, pos(20) / 200",
            "ix(3, n=3), pos(3)",
        ],
    }
    /// Gamma variates of shape `self` and rate 1.
    _standard_gamma as ["function._standard_gamma(Tensor self, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, generator: &SharedGenerator) { draw(Kind::Gamma, generator, &[x]) },
        samples: ["pos(20)", "pos(20) * 0.1", "pos(5, 4).t() * 20", "ix(3, n=3)"],
    }
    /// How the gamma variates `output` change with their shapes `self`.
    _standard_gamma_grad as ["function._standard_gamma_grad(Tensor self, Tensor output) -> Tensor"] {
        call(x = self: &Tensor, output: &Tensor) { apply(GammaGrad, &[x, output]) },
        samples: [
            "pos(20), pos(20)",
            "pos(20) * 0.1, pos(20) * 0.1",
            "pos(20) * 20, pos(20) * 20",
            "pos(20) + 30, pos(20) + 30",
        ],
    }
    /// Dirichlet variates along the last dim, of concentrations `self`.
    _sample_dirichlet as ["function._sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor"] {
        call(x = self: &Tensor, generator: &SharedGenerator) { draw(Kind::Dirichlet, generator, &[x]) },
        samples: ["pos(6)", "pos(5, 4).t() * 9", "pos(3, 3) * 0.01", "ix(3, n=3)"],
    }
    /// How the Dirichlet variates `x` change with `alpha`, whose sums along the last dim are `total`.
    _dirichlet_grad as ["function._dirichlet_grad(Tensor x, Tensor alpha, Tensor total) -> Tensor"] {
        call(x: &Tensor, alpha: &Tensor, total: &Tensor) { apply(DirichletGrad, &[x, alpha, total]) },
        samples: [
            "pos(20) / 8, pos(20), pos(20) + 4",
            "pos(20) / 9, pos(20) * 20, pos(20) * 20 + 80",
            "pos(20) * 0.01, pos(20), pos(20) + 4",
            "1 - pos(20) * 0.01, pos(20), pos(20) + 4",
        ],
    }
}
