//! Writing at indices along one dim: scatter, scatter_reduce; and reading by take_along_dim. (Reading by gather and adding by
//! scatter_add stand in `index.rs`, whole entries of a dim in `entries.rs`.)

use super::create::zeros_like;
use super::entries::from_end;
use super::index::{check_bounds, indices, of_source, raised, same_ndim};
use crate::core::shape::{broadcast, list, normalize_dim};
use crate::core::{DType, Meta, Number, Put, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Outs, Saves, Tensor, apply, apply_inplace, data};
use crate::{bail, cpu, gpu};

ops! {
    /// `self` with `src[i][j]`, or a number, at `[index[i][j]][j]` for dim 0, and likewise for others. Of several values for one
    /// place the last is kept.
    ///
    /// With `reduce` "add" or "multiply" the values are added to, or multiplied with, what is there.
    scatter + out + overwrites + exact + apart as [
        "scatter(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
        "scatter(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
        "scatter(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
        "scatter(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            dim: i64,
            index: &Tensor,
            src: Option<&Tensor>,
            value: Option<Number>,
            reduce: Option<&str>;
            a
        ) {
            let dim = normalize_dim(dim, x.ndim())?;
            let index = indices("scatter", index)?;
            let single;
            let src = match (src, value) {
                (Some(src), _) => src,
                (None, value) => {
                    single = number(value.unwrap_or(Number::Int(0)), x, index.shape())?;
                    &single
                }
            };
            check_scatter("scatter", x, dim, &index, src)?;
            if reduce == Some("add") {
                let y = x.scatter_add(dim, &index, src)?;
                return if a.inplace { over(x, &y) } else { Ok(Outs::Tensor(y)) };
            }
            let how = match reduce {
                None => Put::Set,
                Some("multiply") => Put::Multiply,
                Some(_) => bail!(Runtime, "reduce argument must be either add or multiply."),
            };
            if a.inplace {
                return apply_inplace(Scatter { dim, how }, &[x, &index, src]).map(Outs::Over);
            }
            apply(Scatter { dim, how }, &[x, &index, src]).map(Outs::Tensor)
        },
        samples: [
            "u(3, 4), 0, ix(2, 4, n=3), u(2, 4)",
            "u(3, 4), 1, ix(3, 2, n=4), 1.5",
            "u(3, 4), -1, ix(3, 2, n=4), u(3, 4)",
            "u(4, 3).t(), 0, ix(1, 3, n=3), u(2, 3)",
            "u(), 0, ix(n=1), u()",
            "u(3, 4), 0, ix(0, 4, n=3), u(2, 4)",
            "u(3, 4), 0, ix(2, n=3), u(2, 4)",
            "u(3, 4), 0, ix(2, 5, n=3), u(2, 5)",
            "u(3, 4), 0, ix(2, 4, n=3) + 3, u(2, 4)",
            "u(3, 4), 0, u(2, 4), u(2, 4)",
        ],
    }
    /// `self` with the values of `src` at `index` along `dim` reduced into it: `reduce` is "sum", "prod", "mean", "amax" or
    /// "amin". Without `include_self` what `self` had at these places does not count.
    scatter_reduce + out + inplace + exact + apart as [
        "scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
    ] graph "ScatterReduceBackward0" {
        call(x = self: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str, include_self: bool) {
            let dim = normalize_dim(dim, x.ndim())?;
            let index = indices("scatter_reduce", index)?;
            check_scatter("scatter", x, dim, &index, src)?;
            let src = clipped(src, index.shape())?;
            reduced(x, dim, &index, &src, Reduce::parse(reduce)?, include_self)
        },
        samples: [
            "u(3, 4), 0, ix(4, 4, n=3), u(4, 4), 'sum'",
            "u(3, 4), 0, ix(4, 4, n=3), u(4, 4), 'prod'",
            "u(3, 4), 0, ix(4, 4, n=3), u(4, 4), 'mean'",
            "u(3, 4), 0, ix(4, 4, n=3), u(4, 4), 'amax'",
            "u(3, 4), 0, ix(4, 4, n=3), u(4, 4), 'amin'",
            "u(3, 4), 1, ix(3, 6, n=4), u(3, 6), 'sum', include_self=False",
            "u(3, 4), 1, ix(3, 6, n=4), u(3, 6), 'prod', include_self=False",
            "u(3, 4), 1, ix(3, 6, n=4), u(3, 6), 'mean', include_self=False",
            "u(3, 4), 1, ix(3, 6, n=4), u(3, 6), 'amax', include_self=False",
            "u(3, 4), 1, ix(3, 6, n=4), u(3, 6), 'amin', include_self=False",
            "edges(2.0, 0.0, 3.0), 0, ix(6, n=3), edges(0.0, 2.0, 0.0, 1.0, 3.0, 0.0), 'prod'",
            "u(4, 3).t(), 0, ix(1, 3, n=3), u(2, 4), 'sum'",
            "u(3, 4), 0, ix(0, 4, n=3), u(2, 4), 'mean'",
            "u(3, 4), 0, ix(2, 4, n=3), u(2, 4), 'max'",
            "u(3, 4), 0, ix(2, 4, n=3) + 3, u(2, 4), 'sum'",
        ],
    }
    /// `gather` where `self` and `indices` first broadcast in all other dims; without `dim` both are flattened. With it
    /// negative indices count from the end.
    take_along_dim + out + exact as ["take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor"] {
        call(x = self: &Tensor, index = indices: &Tensor, dim: Option<i64>) {
            if index.dtype() != DType::I64 {
                bail!(
                    Runtime,
                    "torch.take_along_dim(): dtype of indices should be Long but got {}",
                    index.dtype().scalar_name()
                );
            }
            let Some(dim) = dim else {
                return x.reshape(&[x.numel()])?.gather(0, &index.reshape(&[index.numel()])?);
            };
            if x.ndim() != index.ndim() {
                bail!(
                    Runtime,
                    "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions \
                     for input, and {} dimensions for indices",
                    x.ndim(),
                    index.ndim()
                );
            }
            let dim = normalize_dim(dim, x.ndim())?;
            let index = &from_end(index, x.shape().get(dim).copied().unwrap_or(1))?;
            let with = |shape: &[usize], n: usize| {
                let mut out: Shape = shape.into();
                if let Some(size) = out.get_mut(dim) {
                    *size = n;
                }
                out
            };
            let both = broadcast(&with(x.shape(), 1), &with(index.shape(), 1))?;
            let size = |t: &Tensor| t.shape().get(dim).copied().unwrap_or(1);
            let wide = x.expand_to(&with(&both, size(x)))?;
            wide.gather(dim as i64, &index.expand_to(&with(&both, size(index)))?)
        },
        samples: [
            "u(3, 4), ix(3, 2, n=4), 1",
            "u(3, 4), ix(1, 4, n=3) - 3, dim=0",
            "u(1, 4), ix(3, 2, n=4), 1",
            "u(3, 2), ix(5, n=6)",
            "u(3, 2), ix(2, 2, n=6)",
            "u(3, 4), ix(4, n=3), 0",
            "u(3, 4), ix(2, 2, n=3), 0",
            "u(3, 4), u(3, 4) > 0, 0",
        ],
    }
}

/// A number as a tensor of any shape.
pub fn number(value: Number, like: &Tensor, shape: &[usize]) -> Result<Tensor> {
    super::create::check_fits(value, like.dtype())?;
    Tensor::constant(&[], like.dtype(), like.device(), value.cast(like.dtype()))?.expand_to(shape)
}

/// `y`, computed aside, over `x`.
fn over(x: &Tensor, y: &Tensor) -> Result<Outs> {
    crate::tensor::views::replace("scatter", x, y).map(Outs::Over)
}

fn check_scatter(name: &str, x: &Tensor, dim: usize, index: &Tensor, src: &Tensor) -> Result<()> {
    if x.dtype() != src.dtype() {
        bail!(Runtime, "{name}(): Expected self.dtype to be equal to src.dtype");
    }
    if index.numel() == 0 {
        return Ok(());
    }
    same_ndim(x, index, "self")?;
    same_ndim(src, index, "src")?;
    let size = |t: &Tensor, d: usize| t.shape().get(d).copied().unwrap_or(1);
    for d in 0..index.ndim() {
        let n = index.shape()[d];
        if (d != dim && n > size(x, d)) || n > size(src, d) {
            bail!(
                Runtime,
                "Expected index {} to be no larger than self {} apart from dimension {dim} and to be no larger size than src {}",
                list(index.shape()),
                list(x.shape()),
                list(src.shape())
            );
        }
    }
    Ok(())
}

/// The part of `src` that an index of `shape` uses.
fn clipped(src: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let mut out = src.clone();
    for (d, &n) in shape.iter().enumerate().take(src.ndim()) {
        if out.shape()[d] > n {
            out = out.narrow(d, 0, n)?;
        }
    }
    Ok(out)
}

/// How several values for one place become one.
#[derive(Clone, Copy, PartialEq)]
pub enum Reduce {
    Sum,
    Mean,
    Product,
    Extremum(Put),
}

impl Reduce {
    pub fn parse(name: &str) -> Result<Reduce> {
        Ok(match name {
            "sum" => Reduce::Sum,
            "mean" => Reduce::Mean,
            "prod" => Reduce::Product,
            "amax" | "max" => Reduce::Extremum(Put::Larger),
            "amin" | "min" => Reduce::Extremum(Put::Smaller),
            other => bail!(Runtime, "reduce argument must be either sum, prod, mean, amax or amin, got {other}"),
        })
    }

    /// What changes no value.
    fn identity(self, dtype: DType) -> Number {
        let (low, high) = match dtype {
            DType::Bool => (Number::Bool(false), Number::Bool(true)),
            d if d.is_float() => (Number::Float(f64::NEG_INFINITY), Number::Float(f64::INFINITY)),
            d => {
                let (low, high) = d.range().unwrap_or_default();
                (Number::Int(low as i64), Number::unsigned(high as u64))
            }
        };
        match self {
            Reduce::Sum | Reduce::Mean => Number::Int(0),
            Reduce::Product => Number::Int(1),
            Reduce::Extremum(Put::Larger) => low,
            Reduce::Extremum(_) => high,
        }
    }
}

/// `src`, as large as `index`, reduced into `x`.
pub fn reduced(
    x: &Tensor,
    dim: usize,
    index: &Tensor,
    src: &Tensor,
    how: Reduce,
    include_self: bool,
) -> Result<Tensor> {
    let from = match include_self {
        true => x.clone(),
        false => x.scatter_set(dim, index, &number(how.identity(x.dtype()), x, index.shape())?)?,
    };
    match how {
        Reduce::Sum => from.scatter_add(dim, index, src),
        Reduce::Product => apply(Scatter { dim, how: Put::Multiply }, &[&from, index, src]),
        Reduce::Extremum(how) => apply(Scatter { dim, how }, &[&from, index, src]),
        Reduce::Mean => {
            let sum = from.scatter_add(dim, index, src)?;
            let counted = sum.detach().to_dtype(sum.dtype().to_real())?;
            let one = number(Number::Int(1), &counted, index.shape())?;
            // What no index names counts as one element.
            let start = number(Number::Int(include_self as i64), &counted, sum.shape())?;
            let count = start.scatter_add(dim, index, &one)?;
            let count = count.maximum(&number(Number::Int(1), &count, &[])?)?;
            if x.dtype().is_differentiable() { sum.div(&count) } else { sum.floor_divide(&count) }
        }
    }
}

impl Tensor {
    /// This tensor with `src` at `index` (int64, fitting, as large as `src`) along `dim`.
    pub fn scatter_set(&self, dim: usize, index: &Tensor, src: &Tensor) -> Result<Tensor> {
        apply(Scatter { dim, how: Put::Set }, &[self, index, src])
    }
}

/// Inputs: what is written to, int64 indices, and values.
struct Scatter {
    dim: usize,
    how: Put,
}

impl Scatter {
    /// The gradients of values at places that several indices may name, where the place has the larger or smaller of them: each
    /// that equals the result has an equal share.
    fn shared(&self, c: &Context, g: &Tensor) -> Result<Grads> {
        let (x, index, src, y) = (c.input(0)?, c.input(1)?, c.input(2)?, c.output()?);
        let dim = self.dim as i64;
        let mine = x.eq(&y)?.to_dtype(g.dtype())?;
        let theirs = src.eq(&y.gather(dim, &index)?)?.to_dtype(g.dtype())?;
        let each = g.div(&mine.scatter_add(self.dim, &index, &theirs)?)?;
        let own = if c.needs(0) { Some(mine.mul(&each)?) } else { None };
        let other = if c.needs(2) { Some(theirs.mul(&each.gather(dim, &index)?)?) } else { None };
        Ok(Grads::Inline(3, [own, None, other]))
    }

    /// The gradients of a product: of each factor the product of the others, also where factors are 0.
    fn factors(&self, c: &Context, g: &Tensor) -> Result<Grads> {
        let (x, index, src) = (c.input(0)?, c.input(1)?, c.input(2)?);
        if x.dtype().is_complex() {
            // As real ones, of the conjugated factors.
            return self.factors_of(c, g, [x.conj()?, index, src.conj()?], c.output()?.conj()?);
        }
        self.factors_of(c, g, [x, index, src], c.output()?)
    }

    fn factors_of(&self, c: &Context, g: &Tensor, [x, index, src]: [Tensor; 3], y: Tensor) -> Result<Grads> {
        let dim = self.dim as i64;
        let again = |x: &Tensor, src: &Tensor| apply(Scatter { dim: self.dim, how: Put::Multiply }, &[x, &index, src]);
        let one = Number::Int(1);
        let without =
            |t: &Tensor, places: &Tensor| places.choose(Operand::Number(one.cast(t.dtype())), Operand::Tensor(t));
        let ones = zeros_like(&x)?.add_number(1i64)?;
        let own = if c.needs(0) { Some(g.mul(&again(&ones, &src)?)?) } else { None };
        if !c.needs(2) {
            return Ok(Grads::Inline(3, [own, None, None]));
        }
        // One zero among the factors of a place: its gradient is the product of the rest. Two: all are 0, and that of each zero
        // is the other one times the product of the rest, which second derivatives need.
        let zero = src.eq(&zeros_like(&src)?)?;
        let count = zeros_like(&x)?.scatter_add(self.dim, &index, &zero.to_dtype(x.dtype())?)?.gather(dim, &index)?;
        let single = zero.logical_and(&count.eq(&number(one, &count, &[])?)?)?;
        let rest = g.mul(&again(&x, &without(&src, &single)?)?)?.gather(dim, &index)?;
        let others = g.mul(&y)?.gather(dim, &index)?.div(&without(&src, &zero)?)?;
        let pair = zero.logical_and(&count.eq(&number(Number::Int(2), &count, &[])?)?)?;
        let zeros = zero.choose(Operand::Tensor(&src), Operand::Number(Number::Int(0).cast(src.dtype())))?;
        let zeros = zeros_like(&x)?.scatter_add(self.dim, &index, &zeros)?.gather(dim, &index)?;
        let both = g.mul(&again(&x, &without(&src, &zero)?)?)?.gather(dim, &index)?.mul(&zeros.sub(&src)?)?;
        let other = pair.choose(
            Operand::Tensor(&both),
            Operand::Tensor(&single.choose(Operand::Tensor(&rest), Operand::Tensor(&others))?),
        )?;
        Ok(Grads::Inline(3, [own, None, Some(other)]))
    }
}

impl Op for Scatter {
    fn name(&self) -> &'static str {
        if self.how == Put::Set { "scatter" } else { "scatter_reduce" }
    }
    fn complex(&self) -> bool {
        matches!(self.how, Put::Set | Put::Multiply)
    }
    fn edge_order(&self) -> &'static [usize] {
        &[0, 2]
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if x[0].dtype == DType::C32 && self.how == Put::Multiply {
            return Err(DType::C32.lacks("scatter_gather_tensor_cpu"));
        }
        Ok(x[0].contiguous(x[0].shape().into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (index, to) = (raised(x[1]), raised(&out[0]));
        if index.numel() > 0 {
            check_bounds(&index, self.dim, to.shape()[self.dim])?;
        }
        cpu::copy::copy(x[0], &out[0])?;
        if index.numel() > 0 {
            cpu::scatter::scatter(&to, self.dim, &index, &raised(x[2]), self.how);
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::copy(x[0], &out[0])?;
        gpu::scatter::put(self.name(), &raised(&out[0]), self.dim, &raised(x[1]), &raised(x[2]), self.how)
    }
    fn aliases(&self) -> bool {
        true
    }
    fn saves(&self, _: Mask) -> Saves {
        match self.how {
            Put::Set => Saves::input_at(1).and(Saves::META),
            _ => Saves::INPUTS.and(Saves::OUTPUT),
        }
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        match self.how {
            Put::Multiply => return self.factors(c, g),
            Put::Larger | Put::Smaller => return self.shared(c, g),
            Put::Set => {}
        }
        let index = c.input(1)?;
        Grads::three(
            c,
            || g.scatter_set(self.dim, &index, &number(Number::Int(0), g, index.shape())?),
            || bail!(Runtime, "scatter: an index has no gradient"),
            || of_source(g, self.dim, &index, &c.meta(2)?),
        )
    }
}
