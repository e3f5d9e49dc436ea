//! Largest and smallest elements: amax, amin, max and min in their three forms, argmax, argmin. NaN wins everywhere.

use super::create::zeros_like;
use super::reduce::Over;
use crate::core::shape::normalize_dim;
use crate::core::{DType, Meta};
use crate::device::Array;
use crate::error::Result;
use crate::tensor::def::Twins;
use crate::tensor::{Args, Context, Cotangents, Grads, Mask, Op, OpDef, Outs, Saves, Tensor, apply, apply_many};
use crate::{bail, cpu, gpu};

/// The rows of this family.
pub const ROWS: &[&OpDef] = &[&AMAX, &AMIN, &MAX, &MIN, &ARGMAX, &ARGMIN];

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

/// A row of `amax` or `amin`.
macro_rules! over_dims {
    ($row:ident, $name:literal, $largest:literal, $doc:literal) => {
        pub const $row: OpDef = OpDef {
            schema: &[concat!($name, "(Tensor self, int[1]? dim=[], bool keepdim=False) -> Tensor")],
            aliases: &[],
            doc: $doc,
            twins: Twins::OUT.exact(),
            call: |a| {
                let x = a.t(0)?;
                let over = Over::new(x, a.opt_ints(1), a.flag(2))?;
                refuse_empty($name, x, &over, a.opt_ints(1).is_none_or(|d| d.is_empty()))?;
                Outs::one(apply(Amax { over, largest: $largest, all: false }, &[x]))
            },
            samples: OVER_DIMS,
        };
    };
}
over_dims!(AMAX, "amax", true, "Largest element over `dim` (all dims if empty). Ties share the gradient evenly.");
over_dims!(AMIN, "amin", false, "Smallest element over `dim` (all dims if empty). Ties share the gradient evenly.");

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
        let hit = x.eq(&y)?.to_dtype(x.dtype())?;
        let share = self.over.kept(g.one()?)?.div(&hit.sum(&self.over.dims, true)?)?;
        Grads::one(share.mul(&hit)?)
    }
}

/// A row of `max` or `min`.
macro_rules! three_forms {
    ($row:ident, $name:literal, $largest:literal, $other:ident, $doc:literal) => {
        pub const $row: OpDef = OpDef {
            schema: &[
                concat!($name, "(Tensor self) -> Tensor"),
                concat!($name, "(Tensor self, Tensor other) -> Tensor"),
                concat!($name, "(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"),
            ],
            aliases: &[],
            doc: $doc,
            twins: Twins::OUT.exact(),
            call: |a| {
                let x = a.t(0)?;
                match a.overload {
                    0 => {
                        let over = Over::new(x, None, false)?;
                        refuse_empty($name, x, &over, true)?;
                        Outs::one(apply(Amax { over, largest: $largest, all: true }, &[x]))
                    }
                    1 => Outs::one(x.$other(a.t(1)?)),
                    _ => along($name, x, a.int(1)?, a.flag(2), $largest).map(Outs::Many),
                }
            },
            samples: &[
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
            ],
        };
    };
}
three_forms!(
    MAX,
    "max",
    true,
    maximum,
    "The largest element; or along `dim`, with the index of its first occurrence; or of `self` and `other`, element by \
     element."
);
three_forms!(
    MIN,
    "min",
    false,
    minimum,
    "The smallest element; or along `dim`, with the index of its first occurrence; or of `self` and `other`, element by \
     element."
);

fn along(name: &str, x: &Tensor, dim: i64, keepdim: bool, largest: bool) -> Result<Vec<Tensor>> {
    let over = Over::new(x, Some(&[dim]), keepdim)?;
    let dim = normalize_dim(dim, x.ndim())?;
    refuse_empty(name, x, &over, false)?;
    apply_many(Extremum { over, dim, largest }, &[x])
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

/// A row of `argmax` or `argmin`.
macro_rules! places {
    ($row:ident, $name:literal, $largest:literal, $doc:literal) => {
        pub const $row: OpDef = OpDef {
            schema: &[concat!($name, "(Tensor self, int? dim=None, bool keepdim=False) -> Tensor")],
            aliases: &[],
            doc: $doc,
            twins: Twins::OUT.exact(),
            call: |a| Outs::one(place($name, a, $largest)),
            samples: &[
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
            ],
        };
    };
}
places!(
    ARGMAX,
    "argmax",
    true,
    "The index of the largest element, its first occurrence, along `dim` or in the flattened tensor."
);
places!(
    ARGMIN,
    "argmin",
    false,
    "The index of the smallest element, its first occurrence, along `dim` or in the flattened tensor."
);

fn place(name: &'static str, a: &Args, largest: bool) -> Result<Tensor> {
    let x = a.t(0)?;
    let dim = a.opt_int(1);
    let one = dim.map(|d| [d]);
    if x.dtype() == DType::Bool {
        bail!(Runtime, "{name}(): does not support bool input");
    }
    let over = Over::new(x, one.as_ref().map(|d| &d[..]), a.flag(2))?;
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
    /// Largest element over `dims`, which are ascending and not empty.
    pub fn amax(&self, dims: &[usize], keepdim: bool) -> Result<Tensor> {
        apply(Amax { over: Over::of(self, dims, keepdim), largest: true, all: false }, &[self])
    }
}
