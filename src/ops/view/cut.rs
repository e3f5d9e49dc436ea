//! Tensors cut by NumPy's rules (tensor_split, hsplit, vsplit, dsplit), and copies with a part in it replaced.

use super::window::{narrow, parts, strided_layout};
use crate::bail;
use crate::core::Device;
use crate::core::Shape;
use crate::core::shape::normalize_dim;
use crate::core::{DType, Layout};
use crate::error::Result;
use crate::ops;
use crate::ops::copy::Format;
use crate::tensor::apply::recorded;
use crate::tensor::views::AsStrided;
use crate::tensor::{Context, Cotangents, Grads, Op, Outs, Tensor, apply};

ops! {
    /// Dim `dim` cut into `sections` parts of equal size (the first ones one larger where it does not divide), or before each
    /// of `indices`.
    tensor_split as [
        "tensor_split(Tensor self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor[]",
        "tensor_split(Tensor self, int sections, int dim=0) -> Tensor[]",
        "tensor_split(Tensor self, int[] indices, int dim=0) -> Tensor[]",
    ] {
        call(
            x = self: &Tensor,
            given = tensor_indices_or_sections: Option<&Tensor>,
            sections: Option<i64>,
            indices: Option<&[i64]>,
            dim: i64
        ) {
            if x.ndim() == 0 {
                bail!(Runtime, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
            }
            let dim = normalize_dim(dim, x.ndim())?;
            match (given, sections, indices) {
                (Some(t), ..) => {
                    if t.dtype() != DType::I64 {
                        bail!(
                            Runtime,
                            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got {}",
                            t.dtype().scalar_name()
                        );
                    }
                    if t.ndim() > 1 {
                        bail!(
                            Runtime,
                            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional \
                             tensor, but got a tensor with {} dims",
                            t.ndim()
                        );
                    }
                    if t.device().is_meta() {
                        bail!(
                            Runtime,
                            "tensor_split expected tensor_indices_or_sections to be on cpu, but it's on {}",
                            t.device()
                        );
                    }
                    let v = t.detach().to_device(Device::CPU)?.contiguous()?.array().to_vec::<i64>();
                    if t.ndim() == 0 { sectioned(x, v[0], dim) } else { split_at(x, &v, dim) }
                }
                (_, Some(n), _) => sectioned(x, n, dim),
                (_, _, indices) => split_at(x, indices.unwrap_or(&[]), dim),
            }
        },
        samples: [
            "u(5, 2), 2",
            "u(2, 5), (1, 3), 1",
            "u(2, 5), 3, -1",
            "u(5), (3, 1, 9)",
            "u(5), at(1, 4)",
            "u(5), at(2).reshape(())",
            "u(5), (-2,)",
            "u(5), ()",
            "u(0, 2), 2",
            "u(5), 0",
            "u(), 1",
            "u(5), 2, 1",
            "u(5), torch.tensor([1.0])",
        ],
    }
    /// `tensor_split` along dim 1, or along dim 0 of a vector; sections must divide it.
    hsplit as [
        "hsplit(Tensor self, int sections) -> Tensor[]",
        "hsplit(Tensor self, int[] indices) -> Tensor[]",
    ] {
        call(x = self: &Tensor, sections: Option<i64>, indices: Option<&[i64]>) {
            split_along(x, if x.ndim() == 1 { 0 } else { 1 }, "hsplit", 1, sections, indices)
        },
        samples: ["u(4), 2", "u(2, 4), 2", "u(2, 4), (1, 3)", "u(2, 3), 2", "u(), 1", "u(2, 4), 0"],
    }
    /// `tensor_split` along dim 0; sections must divide it.
    vsplit as [
        "vsplit(Tensor self, int sections) -> Tensor[]",
        "vsplit(Tensor self, int[] indices) -> Tensor[]",
    ] {
        call(x = self: &Tensor, sections: Option<i64>, indices: Option<&[i64]>) {
            split_along(x, 0, "vsplit", 2, sections, indices)
        },
        samples: ["u(4, 2), 2", "u(4, 2), (1, 3)", "u(3, 2), 2", "u(4), 2"],
    }
    /// `tensor_split` along dim 2; sections must divide it.
    dsplit as [
        "dsplit(Tensor self, int sections) -> Tensor[]",
        "dsplit(Tensor self, int[] indices) -> Tensor[]",
    ] {
        call(x = self: &Tensor, sections: Option<i64>, indices: Option<&[i64]>) {
            split_along(x, 2, "dsplit", 3, sections, indices)
        },
        samples: ["u(1, 2, 4), 2", "u(1, 2, 4), (1, 3)", "u(1, 2, 3), 2", "u(4, 2), 2"],
    }
    /// `narrow` in new memory.
    narrow_copy + out + exact as [
        "narrow_copy(Tensor self, int dim, int start, int length) -> Tensor",
    ] graph "NarrowCopyBackward0" {
        call(x = self: &Tensor, dim: i64, start: i64, length: i64) {
            if x.ndim() > 0 && dim >= x.ndim() as i64 {
                bail!(Runtime, "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.");
            }
            narrow(x, dim, start, length)?.cloned(Format::Contiguous)
        },
        samples: ["u(4, 3), 0, 1, 2", "u(4, 3), -1, -2, 1", "u(4, 3), 0, 3, 2", "u(), 0, 0, 0"],
    }
    /// A copy of `self` with `src` as entry `index` of dim `dim`.
    select_scatter as [
        "select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor",
    ] graph "SelectScatterBackward0" {
        call(x = self: &Tensor, src: &Tensor, dim: i64, index: i64) { x.replaced(src, |y| y.select_at(dim, index)) },
        samples: [
            "u(2, 3), u(3), 0, 1",
            "u(3, 2).t(), u(2), 1, -1",
            "u(2, 3), u(2), 0, 1",
            "u(2, 3), u(3), 0, 2",
            "u(), u(), 0, 0",
        ],
    }
    /// A copy of `self` with `src` as the entries `start` to `end` of dim `dim`, `step` apart.
    slice_scatter + out + exact as [
        "slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
    ] graph "SliceScatterBackward0" {
        call(x = self: &Tensor, src: &Tensor, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) {
            let (dim, start, len) = sliced(x, dim, start, end, step)?;
            x.replaced(src, |y| y.slice(dim, start, len, step as usize))
        },
        samples: [
            "u(4, 3), u(2, 3), 0, 1, 3",
            "u(4, 3), u(4, 2), 1, 0, None, 2",
            "u(3, 4).t(), u(4, 1), 1, -1",
            "u(4, 3), u(4, 3)",
            "u(4, 3), u(0, 3), 0, 3, 1",
            "u(4, 3), u(3, 3), 0, 1, 3",
        ],
    }
    /// A copy of `self` with `src` under the shape, strides and offset of a view.
    as_strided_scatter as [
        "as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
    ] graph "AsStridedScatterBackward0" {
        call(x = self: &Tensor, src: &Tensor, size: &[i64], stride: &[i64], storage_offset: Option<i64>) {
            let (kept, given) = (x, src);
            let (x, src) = (&x.detach(), &src.detach());
            // The strides may reach what lies between the elements of `self`: all of the memory up to its end is copied.
            let all = Layout::contiguous([x.layout().end()][..].into());
            let memory = apply(AsStrided { base: x.layout().clone(), view: all.clone() }, &[x])?.cloned(Format::Contiguous)?;
            let copy = apply(AsStrided { base: all, view: x.layout().clone() }, &[&memory])?;
            let view = strided_layout(&copy, size, stride, storage_offset)?;
            let written = copy.overlaid(src, |y| {
                apply(AsStrided { base: y.layout().clone(), view: view.clone() }, &[y])
            })?;
            if !recorded([kept, given].into_iter()) {
                return Ok(written);
            }
            let scattered = apply(Scattered { view, from: x.layout().shape.clone() }, &[&written, kept, given])?;
            scattered.clear_base();
            Ok(scattered)
        },
        samples: [
            "u(12), u(3, 2), (3, 2), (4, 1)",
            "u(3, 4), u(2, 2), (2, 2), (4, 2), 1",
            "u(12), u(3), (2,), (1,)",
        ],
    }
}

/// Input 0, which is input 1 with input 2 under `view`, both of which it stands for in the graph.
struct Scattered {
    view: Layout,
    from: Shape,
}

impl Op for Scattered {
    fn name(&self) -> &'static str {
        "as_strided_scatter"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.clone()))
    }
    /// PyTorch's: the gradient of `self` is that of the elements that were replaced, not of those that were kept.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?.contiguous()?;
        let base = Layout::contiguous(self.from.clone());
        let replaced = apply(AsStrided { base: base.clone(), view: self.view.clone() }, &[&g])?;
        let whole = || {
            let zeros = g.zeros_of(&self.from)?;
            zeros.overlaid(&replaced, |y| apply(AsStrided { base: base.clone(), view: self.view.clone() }, &[y]))
        };
        let first = if c.needs(1) { Some(whole()?) } else { None };
        Grads::many(vec![None, first, Some(replaced.clone())])
    }
}

/// The dim, the first entry and the number of entries of a slice.
pub(crate) fn sliced(
    x: &Tensor,
    dim: i64,
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
) -> Result<(usize, usize, usize)> {
    if x.ndim() == 0 {
        bail!(Index, "slice() cannot be applied to a 0-dim tensor.");
    }
    let dim = normalize_dim(dim, x.ndim())?;
    if step <= 0 {
        bail!(Runtime, "slice step must be positive");
    }
    let n = x.shape()[dim] as i64;
    let place = |v: i64| (if v < 0 { v.saturating_add(n) } else { v }).clamp(0, n);
    let (start, end) = (place(start.unwrap_or(0)), place(end.unwrap_or(n)));
    let len = if end > start { (end - start - 1) / step + 1 } else { 0 };
    Ok((dim, start as usize, len as usize))
}

fn sectioned(x: &Tensor, sections: i64, dim: usize) -> Result<Outs> {
    if sections <= 0 {
        bail!(Runtime, "number of sections must be larger than 0, got {sections}");
    }
    let (n, sections) = (x.shape()[dim], sections as usize);
    let (each, more) = (n / sections, n % sections);
    parts(x, dim, (0..sections).map(|i| each + (i < more) as usize), "slice")
}

fn split_at(x: &Tensor, indices: &[i64], dim: usize) -> Result<Outs> {
    let n = x.shape()[dim] as i64;
    let place = |v: i64| (if v < 0 { v.saturating_add(n) } else { v }).clamp(0, n);
    let mut out = vec![];
    let mut start = 0;
    for end in indices.iter().map(|&i| place(i)).chain([n]) {
        out.push(x.slice(dim, start as usize, (end - start).max(0) as usize, 1)?);
        start = end;
    }
    Ok(super::as_many(x, out))
}

fn split_along(
    x: &Tensor,
    dim: usize,
    name: &str,
    least: usize,
    sections: Option<i64>,
    indices: Option<&[i64]>,
) -> Result<Outs> {
    if x.ndim() < least {
        bail!(
            Runtime,
            "torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {} dimensions!",
            x.ndim()
        );
    }
    let Some(n) = sections else { return split_at(x, indices.unwrap_or(&[]), dim) };
    if n == 0 || x.shape()[dim] as i64 % n != 0 {
        bail!(
            Runtime,
            "torch.{name} attempted to split along dimension {dim}, but the size of the dimension {} is not divisible by the \
             split_size {n}!",
            x.shape()[dim]
        );
    }
    sectioned(x, n, dim)
}
