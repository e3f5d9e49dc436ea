//! Elements at places given by tensors of indices for several dims, as `x[i, :, j]` names them: index_put, and what reads them.
//!
//! The indexed dims become one, in front; the indices become numbers along it. Then one gather or scatter does the work.

use super::copy::Format;
use super::create::zeros_like;
use super::nonzero::nonzero;
use crate::core::shape::{broadcast, list};
use crate::core::{DType, Device, Shape, spoken};
use crate::error::Result;
use crate::ops;
use crate::tensor::{Operand, Tensor, mode};
use crate::{bail, cpu, err};

ops! {
    /// `self` with `values` at the places that `indices` name, tensors of integers or masks for the first dims.
    /// They broadcast, as `values` do to what the indices would read. With `accumulate` the values are added.
    ///
    /// Without `accumulate`, of several values for one place the last is kept. Raises IndexError for an index out of range.
    index_put + inplace + apart as [
        "index_put(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> Tensor",
    ] graph "IndexPutBackward0" {
        call(x = self: &Tensor, indices: &[&Tensor], values: &Tensor, accumulate: bool) {
            let indices: Vec<Option<&Tensor>> = indices.iter().map(|&t| Some(t)).collect();
            Places::new(x, &indices, Some(values.shape()))?.put(x, values, accumulate)
        },
        samples: [
            "u(3, 4), (at(0, 2),), u(2, 4)",
            "u(3, 4), (at(0, 2), at(1, -1)), u(2)",
            "u(3, 4), (at(0, 2, 0),), u(3, 4), True",
            "u(2, 3, 4), (at(0, 1).reshape(2, 1), at(1, 2)), u(4)",
            "u(3, 4), (at(0, 2).reshape(2, 1), at(1, 3)), u(2, 1)",
            "u(3, 4), (mask(3, 4),), u()",
            "u(3, 4), (mask(3),), u(4)",
            "u(3, 2).t(), (at(1),), u(1, 3)",
            "u(3, 4), (ix(0, n=3),), u(0, 4)",
            "u(3, 4), (at(3),), u(1, 4)",
            "u(3, 4), (mask(2),), u(4)",
            "u(3, 4), (at(0), at(0), at(0)), u(1)",
            "u(3, 4), (at(0, 2),), u(3, 4)",
            "u(3, 4), (u(2) * 0.5,), u(2, 4)",
        ],
    }
}

/// Where the elements lie that indices name.
pub struct Places {
    /// The dims of the tensor, those that are indexed first.
    order: Shape,
    /// The dims of what is read, in this order from those of the indices and then the dims that are not indexed.
    back: Shape,
    /// The shape of the broadcast indices.
    shape: Shape,
    /// The sizes of the dims that are not indexed, of which `lead` stand before the indices' in what is read.
    rest: Shape,
    lead: usize,
    /// Numbers along the indexed dims made one, which has `size` entries.
    numbers: Tensor,
    size: usize,
    /// Whether a mask is the only index.
    mask: bool,
}

impl Places {
    /// Reads indices: bool and uint8 masks count as the indices of what is true. A mask on `meta`, of which nobody knows how much is
    /// true, serves only to write values, of the shape `written`.
    pub fn new(x: &Tensor, indices: &[Option<&Tensor>], written: Option<&[usize]>) -> Result<Places> {
        let is_mask = |t: &Tensor| matches!(t.dtype(), DType::Bool | DType::U8);
        let mut named = indices.iter().flatten();
        let mask = named.next().is_some_and(|t| is_mask(t)) && named.next().is_none();
        let mut given: Vec<(usize, Tensor)> = vec![];
        let mut dim = 0;
        for index in indices {
            let Some(index) = index else {
                dim += 1;
                continue;
            };
            match index.dtype() {
                DType::Bool | DType::U8 => {
                    if index.dtype() == DType::U8 {
                        let library = spoken::library();
                        mode::warn(&format!(
                            "indexing with dtype {library}.uint8 is now deprecated, please use a dtype {library}.bool instead."
                        ))?;
                    }
                    for k in 0..index.ndim() {
                        let size = x.shape().get(dim + k).copied();
                        if size.is_some_and(|n| n != index.shape()[k]) {
                            bail!(
                                Index,
                                "The shape of the mask {} at index {k} does not match the shape of the indexed tensor {} at index {}",
                                list(index.shape()),
                                list(x.shape()),
                                dim + k
                            );
                        }
                    }
                    let places = match written {
                        Some(values) if index.device().is_meta() => {
                            let n = count_for(values, indices, x.ndim());
                            Tensor::constant(&[n, index.ndim()], DType::I64, Device::META, 0)?
                        }
                        _ => nonzero("index", index, false)?.to_device(x.device())?,
                    };
                    for k in 0..index.ndim() {
                        given.push((dim + k, places.select(1, k)?));
                    }
                    dim += index.ndim();
                }
                DType::I64 | DType::I32 => {
                    given.push((dim, index.detach().to_dtype(DType::I64)?));
                    dim += 1;
                }
                _ => bail!(Index, "tensors used as indices must be long, int, byte or bool tensors"),
            }
        }
        if dim > x.ndim() {
            return Err(err!(Index, "too many indices for tensor of dimension {} (got {dim})", x.ndim())
                .hint(format!("the tensor has shape {}", list(x.shape()))));
        }
        let mut shape = Shape::new();
        for (_, t) in &given {
            shape = match broadcast(&shape, t.shape()) {
                Ok(shape) => shape,
                Err(_) => {
                    let all: Vec<String> = given.iter().map(|(_, t)| list(t.shape())).collect();
                    bail!(
                        Index,
                        "shape mismatch: indexing tensors could not be broadcast together with shapes {}",
                        all.join(", ")
                    )
                }
            };
        }
        let dims: Vec<usize> = given.iter().map(|g| g.0).collect();
        let others: Vec<usize> = (0..x.ndim()).filter(|d| !dims.contains(d)).collect();
        let mut numbers: Option<Tensor> = None;
        let mut size = 1;
        for (d, t) in given.iter().rev() {
            let n = x.shape()[*d];
            let t = in_range(t, *d, n)?;
            let scaled = if size == 1 { t } else { t.mul_number(size as i64)? };
            numbers = Some(match numbers {
                Some(sum) => sum.add(&scaled)?,
                None => scaled,
            });
            size *= n;
        }
        let numbers = match numbers {
            Some(t) => t.expand_to(&shape)?.reshape(&[shape.iter().product()])?,
            None => super::composite::vector(&[0], x)?,
        };
        // Where indexed dims lie together, those of the indices stand in their place; else in front.
        let adjacent = dims.windows(2).all(|w| w[1] == w[0] + 1);
        let lead = if adjacent { dims.first().copied().unwrap_or(0) } else { 0 };
        let k = shape.len();
        let back = (0..lead).map(|i| k + i).chain(0..k).chain((lead..others.len()).map(|i| k + i)).collect();
        Ok(Places {
            order: dims.iter().chain(&others).copied().collect(),
            back,
            shape,
            rest: others.iter().map(|&d| x.shape()[d]).collect(),
            lead,
            numbers,
            size,
            mask,
        })
    }

    /// The tensor with the indexed dims as rows.
    fn rows(&self, x: &Tensor) -> Result<Tensor> {
        let x = if x.ndim() == 0 { x.clone() } else { x.permute(&self.order)? };
        x.reshape(&[self.size, self.rest.iter().product()])
    }

    /// The sizes of the indices and of the dims that are not indexed.
    fn whole(&self) -> Shape {
        self.shape.iter().chain(self.rest.iter()).copied().collect()
    }

    /// The elements that are named, in new memory.
    pub fn get(&self, x: &Tensor) -> Result<Tensor> {
        let indexed = self.order.len() - self.rest.len();
        let (dims, others) = self.order.split_at(indexed);
        let (before, after) = others.split_at(self.lead);
        let order: Shape = before.iter().chain(dims).chain(after).copied().collect();
        let x = if x.ndim() == 0 { x.clone() } else { x.permute(&order)? };
        let (before, after) = self.rest.split_at(self.lead);
        let y =
            x.reshape(&[before.iter().product(), self.size, after.iter().product()])?.index_select(1, &self.numbers)?;
        let whole: Shape = before.iter().chain(self.shape.iter()).chain(after).copied().collect();
        y.view_to(&whole)
    }

    /// A copy of the tensor with `values`, which broadcast to what [`Places::get`] gives, in their place or added there.
    pub fn put(&self, x: &Tensor, values: &Tensor, accumulate: bool) -> Result<Tensor> {
        let whole = self.whole();
        let shown: Shape = self.back.iter().map(|&d| whole[d]).collect();
        let fits = broadcast(values.shape(), &shown).is_ok_and(|s| s == shown);
        if !fits {
            bail!(
                Runtime,
                "shape mismatch: value tensor of shape {} cannot be broadcast to indexing result of shape {}",
                list(values.shape()),
                list(&shown)
            );
        }
        // One number at the places of a mask is cast to the dtype, as a fill of the mask casts it.
        let values = &if values.dtype() == x.dtype() {
            values.clone()
        } else if self.mask && !accumulate && values.numel() == 1 && values.device().is_cpu() {
            values.to_dtype(x.dtype())?
        } else {
            bail!(
                Runtime,
                "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
                x.dtype().scalar_name(),
                values.dtype().scalar_name()
            )
        };
        let mut front = Shape::zeros(self.back.len());
        self.back.iter().enumerate().for_each(|(i, &d)| front[d] = i);
        let values = values.expand_to(&shown)?;
        let values = if values.ndim() == 0 { values } else { values.permute(&front)? };
        let (rows, width) = (self.rows(x)?, self.rest.iter().product::<usize>());
        let values = values.reshape(&[self.numbers.numel(), width])?;
        let index = self.numbers.reshape(&[self.numbers.numel(), 1])?.expand_to(&[self.numbers.numel(), width])?;
        let y = if accumulate { rows.scatter_add(0, &index, &values)? } else { rows.scatter_set(0, &index, &values)? };
        let sizes: Shape = self.order.iter().map(|&d| x.shape()[d]).collect();
        let y = y.view_to(&sizes)?;
        if y.ndim() == 0 {
            return Ok(y);
        }
        let mut inverse = Shape::zeros(self.order.len());
        self.order.iter().enumerate().for_each(|(i, &d)| inverse[d] = i);
        let y = y.permute(&inverse)?;
        if x.is_contiguous() {
            return y.contiguous();
        }
        // Dims lie in memory as they do in `x`.
        let out = x.detach().cloned(Format::Preserve)?;
        out.copy_from(&y)?;
        Ok(out)
    }
}

/// As many true elements of a mask on `meta` as `values` are written to: their own size where the only index is the mask and they
/// have one for it, else 1, which broadcasts.
fn count_for(values: &[usize], indices: &[Option<&Tensor>], ndim: usize) -> usize {
    let given: Vec<&Tensor> = indices.iter().flatten().copied().collect();
    let [mask] = given[..] else { return 1 };
    let before = indices.iter().take_while(|i| i.is_none()).count();
    let after = ndim.saturating_sub(before + mask.ndim());
    values.len().checked_sub(after + 1).map_or(1, |at| values[at])
}

/// Indices of a dim of `n` entries, negative ones counted from its end. The GPU reports what is out of range when a result is
/// read; on `meta` there is nothing to look at.
fn in_range(index: &Tensor, dim: usize, n: usize) -> Result<Tensor> {
    let below = index.lt(&zeros_like(index)?)?;
    let places = below.choose(Operand::Tensor(&index.add_number(n as i64)?), Operand::Tensor(index))?;
    if places.device().is_cpu()
        && let Some(i) = cpu::gather::out_of_range(places.array(), n)
    {
        if n == 0 {
            return Err(err!(Index, "index is out of bounds for dimension with size 0"));
        }
        let given = if i < 0 { i - n as i64 } else { i };
        return Err(err!(Index, "index {given} is out of bounds for dimension {dim} with size {n}"));
    }
    Ok(places)
}
