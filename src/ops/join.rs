//! Tensors put together: cat, stack, hstack, vstack.

use crate::core::promote::promoted;
use crate::core::shape::{check_numel, list, normalize_dim};
use crate::core::{DType, Layout, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::write::check_castable;
use crate::tensor::{Args, Context, Cotangents, Grads, Op, Tensor, apply, data};
use crate::{bail, err};

ops! {
    /// Tensors one after the other along `dim`; they agree in all other dims, and dtypes promote.
    ///
    /// A 1-d tensor without elements is skipped.
    ///
    ///     >>> torch.cat((torch.tensor([1, 2]), torch.tensor([3])))
    ///     tensor([1, 2, 3])
    cat + out + apart as ["function.cat(Tensor[] tensors, int dim=0) -> Tensor"] aliases ["concat", "concatenate"] {
        call(x = tensors: &[&Tensor], dim: i64; a) {
            let Some(first) = x.iter().find(|t| !skipped(t.meta())).or(x.first()) else {
                bail!(Value, "torch.cat(): expected a non-empty list of Tensors")
            };
            if let Some(at) = x.iter().position(|t| t.ndim() == 0) {
                bail!(Runtime, "zero-dimensional tensor (at position {at}) cannot be concatenated");
            }
            check_out(x, a)?;
            // Of nothing but skipped ones the dim does not matter.
            if skipped(first.meta()) {
                return cat(x, 0);
            }
            cat(x, normalize_dim(dim, first.ndim())?)
        },
        samples: [
            "[u(2, 3), u(2, 3)]",
            "[u(2, 3), u(2, 1), u(2, 2)], 1",
            "[u(3, 2).t(), u(2, 3)], -1",
            "[u(2, 3), u(0)]",
            "[u(2), ix(3, n=4)]",
            "[u(0, 3), u(2, 3)]",
            "[]",
            "[u(2, 3), u(3, 2)]",
            "[u(2, 3), u(2, 3, 1)]",
            "[u(), u()]",
            "[u(2, 3)], 2",
        ],
    }
    /// Tensors of one shape side by side along a new dim.
    ///
    ///     >>> torch.stack((torch.tensor([1, 2]), torch.tensor([3, 4])), dim=1)
    ///     tensor([[1, 3],
    ///             [2, 4]])
    stack + out + apart as ["function.stack(Tensor[] tensors, int dim=0) -> Tensor"] {
        call(x = tensors: &[&Tensor], dim: i64; a) {
            let Some(first) = x.first() else { bail!(Runtime, "stack expects a non-empty TensorList") };
            let dim = normalize_dim(dim, first.ndim() + 1)?;
            for (i, t) in x.iter().enumerate() {
                if t.shape() != first.shape() {
                    bail!(
                        Runtime,
                        "stack expects each tensor to be equal size, but got {} at entry 0 and {} at entry {i}",
                        list(first.shape()),
                        list(t.shape())
                    );
                }
            }
            check_out(x, a)?;
            apply(Join { dim, new: true, parts: parts(x) }, x)
        },
        samples: [
            "[u(2, 3), u(2, 3)]",
            "[u(2, 3), u(2, 3)], 2",
            "[u(3, 2).t(), u(2, 3)], -2",
            "[u(), u()]",
            "[u(2), ix(2, n=4)]",
            "[]",
            "[u(2, 3), u(3, 2)]",
            "[u(2)], 2",
        ],
    }
    /// `cat` along dim 1, or along dim 0 for 1-d tensors; 0-d tensors count as 1-d.
    hstack + out + apart as ["function.hstack(Tensor[] tensors) -> Tensor"] {
        call(tensors: &[&Tensor]) { stacked("hstack", tensors, 1) },
        samples: ["[u(2), u(3)]", "[u(2, 1), u(2, 3)]", "[u(), u(2)]", "[]"],
    }
    /// `cat` along dim 0, where 1-d tensors count as rows.
    vstack + out + apart as ["function.vstack(Tensor[] tensors) -> Tensor"] aliases ["row_stack"] {
        call(tensors: &[&Tensor]) { stacked("vstack", tensors, 2) },
        samples: ["[u(3), u(3)]", "[u(2, 3), u(3)]", "[u(), u()]", "[]"],
    }
}

/// `cat` of tensors raised to at least `least` dims.
fn stacked(name: &str, x: &[&Tensor], least: usize) -> Result<Tensor> {
    if x.is_empty() {
        bail!(Runtime, "{name} expects a non-empty TensorList");
    }
    let raise = |t: &&Tensor| match (t.ndim(), least) {
        (0, 1) => t.unsqueeze_dims(&[0]),
        (0, _) => t.unsqueeze_dims(&[0, 1]),
        (1, 2) => t.unsqueeze_dims(&[0]),
        _ => Ok((*t).clone()),
    };
    let raised: Vec<Tensor> = x.iter().map(raise).collect::<Result<_>>()?;
    let refs: Vec<&Tensor> = raised.iter().collect();
    cat(&refs, if least == 1 && raised[0].ndim() > 1 { 1 } else { 0 })
}

/// The dtype that all convert to; None without any.
fn common(mut dtypes: impl Iterator<Item = DType>) -> Result<Option<DType>> {
    dtypes.try_fold(None, |all, d| all.map_or(Ok(d), |a| promoted(a, d)).map(Some))
}

/// PyTorch's class of error where the parts do not fit the dtype of `out=`.
fn check_out(x: &[&Tensor], a: &Args) -> Result<()> {
    let dtype = common(x.iter().map(|t| t.dtype()))?;
    match (dtype, a.out_dtype()) {
        (Some(from), Some(to)) if check_castable(from, to).is_err() => {
            bail!(Type, "torch.cat(): input types can't be cast to the desired output type {}", to.scalar_name())
        }
        _ => Ok(()),
    }
}

/// Tensors one after the other along `dim`.
pub fn cat(x: &[&Tensor], dim: usize) -> Result<Tensor> {
    apply(Join { dim, new: false, parts: parts(x) }, x)
}

fn parts(x: &[&Tensor]) -> Vec<(Shape, DType)> {
    x.iter().map(|t| (t.shape().into(), t.dtype())).collect()
}

/// PyTorch skips these for the sake of old programs.
fn skipped(m: &Meta) -> bool {
    m.shape() == [0]
}

struct Join {
    dim: usize,
    /// Along a new dim (`stack`).
    new: bool,
    parts: Vec<(Shape, DType)>,
}

impl Join {
    /// The layout of part `i` within the result.
    fn part(&self, whole: &Layout, i: usize) -> Layout {
        if self.new {
            return whole.selected(self.dim, i);
        }
        let size = |s: &Shape| if **s == [0] { 0 } else { s[self.dim] };
        let start = self.parts[..i].iter().map(|(s, _)| size(s)).sum();
        whole.sliced(self.dim, start, size(&self.parts[i].0), 1)
    }
}

impl Op for Join {
    fn name(&self) -> &'static str {
        if self.new { "stack" } else { "cat" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let dtype = common(x.iter().map(|m| m.dtype))?.unwrap_or(DType::F32);
        let real: Vec<(usize, &&Meta)> = x.iter().enumerate().filter(|(_, m)| self.new || !skipped(m)).collect();
        let Some((_, first)) = real.first() else { return Ok(x[0].contiguous(x[0].shape().into()).with_dtype(dtype)) };
        let mut shape: Shape = first.shape().into();
        if self.new {
            shape.insert(self.dim, x.len());
            let mut meta = first.contiguous(shape).with_dtype(dtype);
            // As in PyTorch, the parts are one after the other along an old dim, which is then cut.
            if self.dim < first.ndim() && x.iter().all(|m| m.layout.suggests_channels_last()) {
                let mut joined = first.contiguous(first.shape().into()).layout;
                joined.shape[self.dim] *= x.len();
                joined.strides = joined.channels_last_strides().unwrap_or_default();
                meta.layout = joined.viewed(meta.shape()).unwrap_or(meta.layout);
            }
            return Ok(meta);
        }
        shape[self.dim] = 0;
        for (i, m) in &real {
            if m.ndim() != first.ndim() {
                return Err(err!(
                    Runtime,
                    "Tensors must have same number of dimensions: got {} and {}",
                    first.ndim(),
                    m.ndim()
                )
                .hint(format!("cat: got shapes {} and {}", list(first.shape()), list(m.shape()))));
            }
            for d in (0..m.ndim()).filter(|&d| d != self.dim) {
                if m.shape()[d] != first.shape()[d] {
                    return Err(err!(
                        Runtime,
                        "Sizes of tensors must match except in dimension {}. Expected size {} but got size {} for tensor \
                         number {i} in the list.",
                        self.dim,
                        first.shape()[d],
                        m.shape()[d]
                    )
                    .hint(format!("cat: got shapes {} and {}", list(first.shape()), list(m.shape()))));
                }
            }
            shape[self.dim] = shape[self.dim].saturating_add(m.shape()[self.dim]);
        }
        check_numel(&shape)?;
        let mut meta = first.contiguous(shape).with_dtype(dtype);
        if real.iter().all(|(_, m)| m.layout.suggests_channels_last()) {
            meta.layout.strides = meta.layout.channels_last_strides().unwrap_or_default();
        }
        Ok(meta)
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        for (i, part) in x.iter().enumerate().filter(|(_, part)| part.numel() > 0) {
            data::copy(part, &out[0].with_layout(self.part(&out[0].layout, i)))?;
        }
        Ok(())
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        let mut start = 0;
        let mut grads = Vec::with_capacity(self.parts.len());
        for (i, (shape, dtype)) in self.parts.iter().enumerate() {
            let n = if self.new || **shape == [0] { 0 } else { shape[self.dim] };
            // Long lists share the last bit of the mask.
            grads.push(if !dtype.is_differentiable() || !c.needs(i.min(63)) {
                None
            } else if **shape == [0] && !self.new {
                Some(Tensor::constant(shape, *dtype, g.device(), 0)?)
            } else if self.new {
                Some(g.select(self.dim, i)?.to_dtype(*dtype)?)
            } else {
                Some(g.narrow(self.dim, start, n)?.to_dtype(*dtype)?)
            });
            start += n;
        }
        Grads::many(grads)
    }
}
