//! Largest and smallest elements: amax, amin, max and min in their three forms, argmax, argmin. NaN wins everywhere.

use super::create::zeros_like;
use super::reduce::Over;
use crate::core::shape::normalize_dim;
use crate::core::{DType, Meta};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, Tensor, apply, apply_many};
use crate::{bail, cpu, gpu};

const OVER_DIMS: &[&str] = &[
    "u(2, 3)",
    "u(2, 3), 1",
    "u(2, 3, 4), (0, 2), keepdim=True",
    "u(3, 2).t(), 0",
    "u(4, 6)[:, ::2], -1",
    "edges(1.0, NAN, 3.0, -INF)",
    "u()",
    "u(0, 3), 1",
    "u(0, 3), 0",
    "u(0, 3)",
    "mask(2, 3)",
];

const THREE_FORMS: &[&str] = &[
    "u(2, 3)",
    "uniq(2, 3), 1",
    "uniq(2, 3, 4), 0, keepdim=True",
    "uniq(3, 2).t(), 0",
    "uniq(20, 12), 0",
    "edges(1.0, NAN, 3.0, NAN), 0",
    "u(), 0",
    "u(2, 3), u(3)",
    "u(0, 3), 1",
    "u(0, 3), 0",
    "u(0, 3)",
    "mask(2, 3), 0",
];

const PLACES: &[&str] = &[
    "uniq(2, 3)",
    "uniq(2, 3), 1",
    "uniq(2, 3, 4), 0, keepdim=True",
    "uniq(3, 2).t()",
    "uniq(20, 12), 0",
    "uniq(2, 3), keepdim=True",
    "edges(1.0, NAN, 3.0, NAN)",
    "u(3, 4) > 5.0, 0",
    "u(0, 3), 0",
    "u(0, 3)",
    "u()",
];

ops! {
    /// Largest element over `dim` (all dims if empty). Ties share the gradient evenly.
    ///
    ///     >>> torch.amax(torch.tensor([[1., 2.], [3., 4.]]), dim=1)
    ///     tensor([2., 4.])
    amax + out + exact as ["amax(Tensor self, int[1]? dim=[], bool keepdim=False) -> Tensor"] {
        call(x = self: &Tensor, dim: Option<&[i64]>, keepdim: bool) {
            let over = Over::new(x, dim, keepdim)?;
            refuse_empty("amax", x, &over, dim.is_none_or(|d| d.is_empty()))?;
            apply(Amax { over, largest: true, all: false }, &[x])
        },
        samples: OVER_DIMS,
    }
    /// Smallest element over `dim` (all dims if empty). Ties share the gradient evenly.
    amin + out + exact as ["amin(Tensor self, int[1]? dim=[], bool keepdim=False) -> Tensor"] {
        call(x = self: &Tensor, dim: Option<&[i64]>, keepdim: bool) {
            let over = Over::new(x, dim, keepdim)?;
            refuse_empty("amin", x, &over, dim.is_none_or(|d| d.is_empty()))?;
            apply(Amax { over, largest: false, all: false }, &[x])
        },
        samples: OVER_DIMS,
    }
    /// The largest element; or along `dim`, with the index of its first occurrence; or of `self` and `other`, element by
    /// element.
    max + out + exact as [
        "max(Tensor self) -> Tensor",
        "max(Tensor self, Tensor other) -> Tensor",
        "max(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    ] {
        call(x = self: &Tensor, other: Option<&Tensor>, dim: Option<i64>, keepdim: bool) {
            match (other, dim) {
                (Some(other), _) => x.maximum(other).map(Outs::Tensor),
                (None, Some(dim)) => along("max", x, dim, keepdim, true),
                (None, None) => of_all("max", x, true),
            }
        },
        samples: THREE_FORMS,
    }
    /// The smallest element; or along `dim`, with the index of its first occurrence; or of `self` and `other`, element by
    /// element.
    min + out + exact as [
        "min(Tensor self) -> Tensor",
        "min(Tensor self, Tensor other) -> Tensor",
        "min(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    ] {
        call(x = self: &Tensor, other: Option<&Tensor>, dim: Option<i64>, keepdim: bool) {
            match (other, dim) {
                (Some(other), _) => x.minimum(other).map(Outs::Tensor),
                (None, Some(dim)) => along("min", x, dim, keepdim, false),
                (None, None) => of_all("min", x, false),
            }
        },
        samples: THREE_FORMS,
    }
    /// The index of the largest element, its first occurrence, along `dim` or in the flattened tensor.
    ///
    ///     >>> torch.argmax(torch.tensor([[1., 2.], [3., 4.]]), dim=1)
    ///     tensor([1, 1])
    argmax + out + exact as ["argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor"] {
        call(x = self: &Tensor, dim: Option<i64>, keepdim: bool) { place("argmax", x, dim, keepdim, true) },
        samples: PLACES,
    }
    /// The index of the smallest element, its first occurrence, along `dim` or in the flattened tensor.
    argmin + out + exact as ["argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor"] {
        call(x = self: &Tensor, dim: Option<i64>, keepdim: bool) { place("argmin", x, dim, keepdim, false) },
        samples: PLACES,
    }
}

/// Complex numbers have no order.
fn refuse_complex(name: &str, x: &Tensor) -> Result<()> {
    if x.dtype().is_complex() {
        bail!(Runtime, "{name}(): does not support complex input");
    }
    Ok(())
}

fn refuse_empty(name: &str, x: &Tensor, over: &Over, all: bool) -> Result<()> {
    if x.numel() != 0 {
        return Ok(());
    }
    if all {
        bail!(
            Runtime,
            "{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the \
             'dim' argument."
        );
    }
    match over.dims.iter().find(|&&d| over.from[d] == 0) {
        Some(d) => bail!(Index, "{name}(): Expected reduction dim {d} to have non-zero size."),
        None => Ok(()),
    }
}

/// The extremum over dims, without its place.
struct Amax {
    over: Over,
    largest: bool,
    /// `max()` of all elements, which PyTorch counts as another op.
    all: bool,
}

impl Op for Amax {
    fn name(&self) -> &'static str {
        match (self.all, self.largest) {
            (false, true) => "amax",
            (false, false) => "amin",
            (true, true) => "max",
            (true, false) => "min",
        }
    }
    fn grad_name(&self) -> String {
        match (self.all, self.largest) {
            (false, true) => "AmaxBackward0",
            (false, false) => "AminBackward0",
            (true, true) => "MaxBackward1",
            (true, false) => "MinBackward1",
        }
        .into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if x[0].numel() > 0 {
            x[0].dtype.usual(match (self.all, self.largest) {
                (false, true) => "max_values_cpu",
                (false, false) => "min_values_cpu",
                (true, true) => "max_all",
                (true, false) => "min_all",
            })?;
        }
        Ok(x[0].contiguous(self.over.shape()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let run = if self.largest { cpu::reduce::amax } else { cpu::reduce::amin };
        run(x[0], &self.over.dims, &out[0]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::extremum(self.name(), x[0], &self.over.dims, self.largest, &out[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::OUTPUT)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, y) = (c.input(0)?, self.over.kept(&c.output()?)?);
        let mut hit = x.eq(&y)?;
        if self.all {
            // NaN equals NaN here, but not in amax.
            hit = hit.logical_or(&x.ne(&x)?.logical_and(&y.ne(&y)?)?)?;
        }
        let hit = hit.to_dtype(x.dtype())?;
        let share = self.over.kept(g.one()?)?.div(&hit.sum(&self.over.dims, true)?)?;
        Grads::one(share.mul(&hit)?)
    }
}

/// `max` or `min` of all elements.
fn of_all(name: &str, x: &Tensor, largest: bool) -> Result<Outs> {
    let over = Over::new(x, None, false)?;
    refuse_empty(name, x, &over, true)?;
    apply(Amax { over, largest, all: true }, &[x]).map(Outs::Tensor)
}

fn along(name: &str, x: &Tensor, dim: i64, keepdim: bool, largest: bool) -> Result<Outs> {
    let over = Over::new(x, Some(&[dim]), keepdim)?;
    let dim = normalize_dim(dim, x.ndim())?;
    refuse_complex(name, x)?;
    refuse_empty(name, x, &over, false)?;
    apply_many(Extremum { over, dim, largest }, &[x]).map(Outs::Many)
}

/// The extremum along one dim, and its place.
struct Extremum {
    over: Over,
    dim: usize,
    largest: bool,
}

impl Op for Extremum {
    fn name(&self) -> &'static str {
        if self.largest { "max" } else { "min" }
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        if x[0].numel() > 0 && x[0].ndim() > 0 {
            x[0].dtype.usual(if self.largest { "max_cpu" } else { "min_cpu" })?;
        }
        let values = x[0].contiguous(self.over.shape());
        Ok(vec![values.clone(), values.with_dtype(DType::I64)])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::argreduce::extremum(x[0], self.dim, self.largest, &out[0], &out[1]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::placed(self.name(), x[0], &self.over.dims, self.largest, Some(&out[0]), &out[1])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::output_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        let (g, index) = (self.over.kept(g)?, self.over.kept(&c.output_at(1)?)?);
        if self.over.from.is_empty() {
            return Grads::one(g);
        }
        let like = g.expand_to(&self.over.from)?;
        Grads::one(zeros_like(&like)?.scatter_add(self.dim, &index, &g)?)
    }
}

fn place(name: &'static str, x: &Tensor, dim: Option<i64>, keepdim: bool, largest: bool) -> Result<Tensor> {
    let one = dim.map(|d| [d]);
    if x.dtype() == DType::Bool {
        bail!(Runtime, "{name}(): does not support bool input");
    }
    refuse_complex(name, x)?;
    let over = Over::new(x, one.as_ref().map(|d| &d[..]), keepdim)?;
    if x.numel() == 0 && dim.is_none() {
        bail!(Index, "{name}(): Expected reduction dim to be specified for input.numel() == 0.");
    }
    refuse_empty(name, x, &over, false)?;
    let dim = dim.map(|d| normalize_dim(d, x.ndim())).transpose()?;
    apply(Place { over, dim, largest }, &[x])
}

struct Place {
    over: Over,
    dim: Option<usize>,
    largest: bool,
}

impl Op for Place {
    fn name(&self) -> &'static str {
        if self.largest { "argmax" } else { "argmin" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        x[0].dtype.usual(if self.largest { "argmax_cpu" } else { "argmin_cpu" })?;
        Ok(x[0].contiguous(self.over.shape()).with_dtype(DType::I64))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if out[0].numel() > 0 {
            cpu::argreduce::arg_extremum(x[0], self.dim, self.largest, &out[0]);
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::reduce::placed(self.name(), x[0], &self.over.dims, self.largest, None, &out[0])
    }
    fn differentiable(&self) -> bool {
        false
    }
}

impl Tensor {
    /// Smallest element over `dims`, which are ascending and not empty.
    pub fn amin(&self, dims: &[usize], keepdim: bool) -> Result<Tensor> {
        apply(Amax { over: Over::of(self, dims, keepdim), largest: false, all: false }, &[self])
    }

    /// Largest element over `dims`, which are ascending and not empty.
    pub fn amax(&self, dims: &[usize], keepdim: bool) -> Result<Tensor> {
        apply(Amax { over: Over::of(self, dims, keepdim), largest: true, all: false }, &[self])
    }
}
