//! Whole entries of a dim, or of the flattened tensor, written or read at a vector of indices: index_add, index_copy, index_fill,
//! index_reduce, take, put.

use super::copy::Format;
use super::create::zeros_like;
use super::scatter::{Reduce, number, reduced};
use crate::core::shape::{list, normalize_dim, numel};
use crate::core::{DType, Number, Shape};
use crate::error::Result;
use crate::ops;
use crate::tensor::{Operand, Tensor};
use crate::{bail, cpu, err};

ops! {
    /// `self` with `alpha` times the entries of `source` added to those of `dim` at `index`, a vector.
    index_add + out + inplace + exact + apart as [
        "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
    ] graph "IndexAddBackward0" {
        call(x = self: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: Number) {
            let (dim, index) = entries("index_add", x, dim, index, source)?;
            let source = if alpha == Number::Int(1) { source.clone() } else { source.mul_number(alpha)?.to_dtype(x.dtype())? };
            x.scatter_add(dim, &index, &source.reshape(index.shape())?)
        },
        samples: [
            "u(3, 4), 0, ix(5, n=3), u(5, 4)",
            "u(3, 4), 1, ix(2, n=4), u(3, 2), alpha=2",
            "u(4, 3).t(), -1, ix(3, n=4), u(3, 3)",
            "u(3), 0, ix(n=3), u(1)",
            "u(), 0, ix(1, n=1), u(1)",
            "u(), 0, ix(1, n=1), u()",
            "u(3, 4), 0, ix(0, n=3), u(0, 4)",
            "u(3, 4), 0, ix(2, n=3), u(2, 3)",
            "u(3, 4), 0, ix(2, n=3), u(3, 4)",
            "u(3, 4), 0, ix(2, n=3) + 3, u(2, 4)",
            "u(3, 4), 0, ix(1, 1, n=3), u(1, 4)",
        ],
    }
    /// `self` with the entries of `source` in place of those of `dim` at `index`, a vector.
    index_copy + out + inplace + exact + apart as [
        "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor",
    ] graph "IndexCopyBackward0" {
        call(x = self: &Tensor, dim: i64, index: &Tensor, source: &Tensor) {
            let (dim, index) = copy_entries(x, dim, index, source)?;
            x.scatter_set(dim, &index, &source.reshape(index.shape())?)
        },
        samples: [
            "u(3, 4), 0, at(2, 0), u(2, 4)",
            "u(3, 4), 1, at(1, 3), u(3, 2)",
            "u(4, 3).t(), -1, at(2, 0), u(3, 2)",
            "u(3), 0, at(1).reshape(()), u()",
            "u(), 0, at(0), u()",
            "u(3, 4), 0, ix(0, n=3), u(0, 4)",
            "u(3, 4), 0, ix(2, n=3), u(2, 3)",
            "u(3, 4), 0, ix(2, n=3), u(3, 4)",
            "u(3, 4), 0, ix(2, n=3) + 3, u(2, 4)",
        ],
    }
    /// `self` with `value`, a number or a 0-d tensor, as the entries of `dim` at `index`, a vector.
    index_fill + inplace + apart as [
        "index_fill(Tensor self, int dim, Tensor index, Tensor value) -> Tensor",
        "index_fill(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    ] graph "IndexFillBackward0" {
        call(x = self: &Tensor, dim: i64, index: &Tensor, value: Operand) {
            let dim = normalize_dim(dim, x.ndim())?;
            if index.dtype() != DType::I64 {
                bail!(Index, "index_fill_(): Expected dtype int64 for index.");
            }
            if index.ndim() > 1 {
                bail!(Runtime, "Index has to be a vector/scalar");
            }
            let n = x.shape().get(dim).copied().unwrap_or(1);
            let index = from_end(index, n)?;
            in_range(&index, dim, n)?;
            // A mask over the dim, so that an index that repeats changes nothing, in the gradient of `value` either.
            let index = index.reshape(&[index.numel()])?;
            let hits = number(Number::Int(0), &index, &[n])?;
            let ones = number(Number::Int(1), &index, &[index.numel()])?;
            let mut own = Shape::filled(1, x.ndim());
            if let Some(size) = own.get_mut(dim) {
                *size = n;
            }
            let mask = hits.scatter_add(0, &index, &ones)?.to_dtype(DType::Bool)?.reshape(&own)?;
            let value = match value {
                Operand::Number(n) if n.imag() != 0.0 && !x.dtype().is_complex() => {
                    bail!(Runtime, "index_fill_(): Converting complex Scalar to non-complex type is not supported")
                }
                Operand::Number(n) => number(n, x, &[])?,
                Operand::Tensor(t) if t.ndim() > 0 => bail!(
                    Runtime,
                    "index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                    t.ndim()
                ),
                Operand::Tensor(t) => t.to_dtype(x.dtype())?,
            };
            mask.choose(Operand::Tensor(&value), Operand::Tensor(x))
        },
        samples: [
            "u(3, 4), 0, ix(2, n=3), 1.5",
            "u(3, 4), 1, ix(2, n=4), 2",
            "u(4, 3).t(), -1, ix(3, n=4), u()",
            "u(3), 0, ix(n=3), 1",
            "u(), 0, ix(1, n=1), 1",
            "u(3, 4), 0, ix(0, n=3), 1",
            "u(3, 4), 0, ix(2, n=3) + 3, 1",
            "u(3, 4), 0, ix(2, n=3), u(1)",
        ],
    }
    /// `self` with the entries of `source` reduced into those of `dim` at `index`, a vector: `reduce` is "prod", "mean", "amax"
    /// or "amin".
    index_reduce + out + inplace + exact + apart as [
        "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor",
    ] graph "IndexReduceBackward0" {
        call(x = self: &Tensor, dim: i64, index: &Tensor, source: &Tensor, reduce: &str, include_self: bool) {
            let reduce = match reduce {
                "prod" | "mean" | "amax" | "amin" => Reduce::parse(reduce)?,
                other => bail!(
                    Runtime,
                    "reduce argument must be either prod, mean, amax or amin, got {other}."
                ),
            };
            if !include_self && x.dtype() == DType::Bool && reduce != Reduce::Mean {
                return Err(x.dtype().lacks("index_reduce"));
            }
            // PyTorch's loop over rows multiplies complex numbers, that over elements does not.
            if x.dtype().is_complex() && (x.ndim() < 2 || !matches!(reduce, Reduce::Product | Reduce::Mean)) {
                return Err(x.dtype().lacks("index_func_"));
            }
            let (dim, index) = entries("index_reduce", x, dim, index, source)?;
            reduced(x, dim, &index, &source.reshape(index.shape())?, reduce, include_self)
        },
        samples: [
            "u(3, 4), 0, ix(5, n=3), u(5, 4), 'prod'",
            "u(3, 4), 0, ix(5, n=3), u(5, 4), 'mean'",
            "u(3, 4), 1, ix(5, n=4), u(3, 5), 'amax', include_self=False",
            "u(4, 3).t(), -1, ix(5, n=4), u(3, 5), 'amin'",
            "u(3, 4), 0, ix(2, n=3), u(2, 4), 'sum'",
        ],
    }
    /// The elements of the flattened tensor at `index`, of any shape; negative indices count from the end.
    take + out + exact + apart as ["take(Tensor self, Tensor index) -> Tensor"] graph "TakeBackward0" {
        call(x = self: &Tensor, index: &Tensor) {
            if index.dtype() != DType::I64 {
                bail!(Runtime, "take(): Expected a long tensor for index, but got {}", index.dtype().scalar_name());
            }
            let n = x.numel();
            if n == 0 && index.numel() > 0 {
                bail!(Index, "take(): tried to take from an empty tensor");
            }
            let places = from_end(index, n)?.reshape(&[index.numel()])?;
            checked(&places, n)?;
            x.reshape(&[n])?.index_select(0, &places)?.view_to(index.shape())
        },
        samples: ["u(3, 4), ix(5, n=12)", "u(3, 2).t(), ix(2, 2, n=6) - 6", "u(3), ix(n=3)", "u(3), ix(0, n=3)", "u(0), ix(1, n=1)",
            "u(3), ix(2, n=3) + 3", "u(3), u(2)"],
    }
    /// `self` with the elements of `source` at `index`, both flattened; with `accumulate` added to what is there.
    put + inplace + apart as [
        "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
    ] graph "PutBackward0" {
        call(x = self: &Tensor, index: &Tensor, source: &Tensor, accumulate: bool) {
            if index.dtype() != DType::I64 {
                bail!(Runtime, "put_(): Expected a long tensor for index, but got {}", index.dtype().scalar_name());
            }
            if x.dtype() != source.dtype() {
                bail!(
                    Runtime,
                    "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
                    x.dtype().scalar_name(),
                    source.dtype().scalar_name()
                );
            }
            if index.numel() != source.numel() {
                bail!(
                    Index,
                    "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, \
                     index.numel() = {}",
                    source.numel(),
                    index.numel()
                );
            }
            let n = x.numel();
            if n == 0 && index.numel() > 0 {
                bail!(Index, "put_(): Tried to put elements into an empty tensor");
            }
            let places = from_end(index, n)?.reshape(&[index.numel()])?;
            checked(&places, n)?;
            let (flat, source) = (x.reshape(&[n])?, source.reshape(&[index.numel()])?);
            let y = if accumulate { flat.scatter_add(0, &places, &source) } else { flat.scatter_set(0, &places, &source) };
            let y = y?.view_to(x.shape())?;
            if x.is_contiguous() {
                return Ok(y);
            }
            let out = x.detach().cloned(Format::Preserve)?;
            out.copy_from(&y)?;
            Ok(out)
        },
        samples: ["u(3, 4), at(1, 5, -1), u(3)", "u(3, 4), ix(2, 3, n=12), u(2, 3), True",
            "u(3, 2).t(), at(1, 4), u(2)", "u(3), ix(0, n=3), u(0)", "u(3), ix(2, n=3) + 3, u(2)", "u(3), ix(2, n=3), u(3)"],
    }
}

/// A vector of indices over `shape`: repeated along all dims but `dim`.
fn across(index: &Tensor, shape: &[usize], dim: usize) -> Result<Tensor> {
    if shape.is_empty() {
        return index.reshape(&[]);
    }
    let mut own = Shape::filled(1, shape.len());
    own[dim] = index.numel();
    index.reshape(&own)?.expand_to(shape)
}

/// The dim, and a vector of indices along it as wide as `source`.
fn entries(name: &str, x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result<(usize, Tensor)> {
    let dim = normalize_dim(dim, x.ndim())?;
    if index.ndim() > 1 {
        bail!(
            Index,
            "{name}_(): Index is supposed to be a vector, but got dim: {} with type: {}",
            index.ndim(),
            index.dtype().scalar_name()
        );
    }
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        bail!(Runtime, "{name}_(): Expected dtype int32/int64 for index but got: {}", index.dtype().scalar_name());
    }
    if x.dtype() != source.dtype() {
        bail!(
            Runtime,
            "{name}_(): self ({}) and source ({}) must have the same scalar type",
            x.dtype().scalar_name(),
            source.dtype().scalar_name()
        );
    }
    let along = if source.ndim() == 0 { 1 } else { source.shape().get(dim).copied().unwrap_or(1) };
    if along != index.numel() {
        bail!(
            Runtime,
            "{name}_(): Number of indices ({}) should be equal to source.size(dim): ({along}), for dim: {dim}",
            index.numel()
        );
    }
    let mut shape: Shape = x.shape().into();
    if let Some(n) = shape.get_mut(dim) {
        *n = index.numel();
    }
    let same = source.ndim() == x.ndim() && *shape == *source.shape();
    if x.ndim() != source.ndim() && (x.ndim() == 0 || source.ndim() > 1)
        || !same && source.numel() != numel(&shape)
        || (x.ndim() > 1 && !same)
    {
        bail!(
            Runtime,
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {} \
             source.shape = {}",
            list(x.shape()),
            list(source.shape())
        );
    }
    Ok((dim, across(&index.detach().to_dtype(DType::I64)?, &shape, dim)?))
}

/// As [`entries`], with the refusals of `index_copy`.
fn copy_entries(x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result<(usize, Tensor)> {
    let dim = normalize_dim(dim, x.ndim())?;
    if index.ndim() > 1 {
        bail!(Index, "index_copy_(): Index should have dimension 1 or 0 (got {})", index.ndim());
    }
    let n = index.numel();
    if source.ndim() == 0 && n != 1 {
        bail!(Index, "index_copy_(): When source is scalar, index should have one element (got {n})");
    }
    if source.ndim() != x.ndim() && source.ndim() != 0 && x.ndim() != 0 {
        bail!(
            Index,
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality \
             ({}), destination dimensionality ({})",
            source.ndim(),
            x.ndim()
        );
    }
    if index.dtype() != DType::I64 {
        bail!(Runtime, "index_copy_(): Expected a long tensor for index, but got {}", index.dtype().scalar_name());
    }
    if x.dtype() != source.dtype() {
        bail!(
            Runtime,
            "index_copy_(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
            x.dtype().scalar_name(),
            source.dtype().scalar_name()
        );
    }
    let sizes = |t: &Tensor| -> Shape { (0..t.ndim()).filter(|&d| d != dim).map(|d| t.shape()[d]).collect() };
    if source.ndim() > 0 && x.ndim() > 0 && sizes(source) != sizes(x) {
        bail!(
            Runtime,
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: {} at dimension \
             {dim} and source slice shape: {} at dimension 0.",
            list(&sizes(x)),
            list(&sizes(source))
        );
    }
    if source.ndim() > 0 && n != source.shape().get(dim).copied().unwrap_or(1) {
        bail!(
            Index,
            "index_copy_(): Number of indices ({n}) should be equal to source.size(dim) ({})",
            source.shape().get(dim).copied().unwrap_or(1)
        );
    }
    in_range(index, dim, x.shape().get(dim).copied().unwrap_or(1))?;
    let mut shape: Shape = x.shape().into();
    if let Some(size) = shape.get_mut(dim) {
        *size = n;
    }
    Ok((dim, across(&index.detach(), &shape, dim)?))
}

/// Negative indices counted from the end of `n` elements.
pub fn from_end(index: &Tensor, n: usize) -> Result<Tensor> {
    let index = index.detach();
    let below = index.lt(&zeros_like(&index)?)?;
    below.choose(Operand::Tensor(&index.add_number(n as i64)?), Operand::Tensor(&index))
}

/// Refuses what is outside of a dim of `n` entries; the GPU reports it when a result is read.
fn in_range(index: &Tensor, dim: usize, n: usize) -> Result<()> {
    if !index.device().is_cpu() {
        return Ok(());
    }
    match cpu::gather::out_of_range(index.array(), n) {
        Some(i) => Err(err!(Index, "index {i} is out of bounds for dimension {dim} with size {n}")),
        None => Ok(()),
    }
}

fn checked(index: &Tensor, n: usize) -> Result<()> {
    if !index.device().is_cpu() {
        return Ok(());
    }
    match cpu::gather::out_of_range(index.array(), n) {
        Some(i) => Err(err!(Index, "out of range: tried to access index {i} on a tensor of {n} elements.")),
        None => Ok(()),
    }
}
