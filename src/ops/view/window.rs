//! Parts of a tensor: select, slice, narrow, unbind, split, chunk, as_strided. The derivative of a part puts
//! the gradient into zeros of the whole.

use super::{as_many, run};
use crate::core::shape::{list, normalize_dim};
use crate::core::{DType, Layout, Meta, Number, Shape, Strides};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::views::AsStrided;
use crate::tensor::{Context, Cotangents, Grads, Op, Outs, Tensor, apply, data};
use crate::{bail, err};

ops! {
    /// Entry `index` of dim `dim`, which goes away.
    select as ["select(Tensor self, int dim, int index) -> Tensor"] {
        call(x = self: &Tensor, dim: i64, index: i64) { x.select_at(dim, index) },
        samples: [
            "u(2, 3, 4), 1, 2",
            "u(2, 3), -1, -1",
            "u(3), dim=0, index=1",
            "u(2, 3), 0, 2",
            "u(2, 3), 2, 0",
            "u(), 0, 0",
        ],
    }
    /// The `length` entries of dim `dim` from `start`.
    narrow as [
        "narrow(Tensor self, int dim, Tensor start, int length) -> Tensor",
        "narrow(Tensor self, int dim, int start, int length) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: i64, start: Option<i64>, at = start: Option<&Tensor>, length: i64) {
            let start = match at {
                Some(t) => integral_item(t)?,
                None => start.unwrap_or(0),
            };
            narrow(x, dim, start, length)
        },
        samples: [
            "u(4, 3), 0, 1, 2",
            "u(4, 3), -1, -2, 1",
            "u(4, 3), 0, 4, 0",
            "u(4, 3), 0, 3, 2",
            "u(4, 3), 0, 0, -1",
            "u(4, 3), 0, 5, 0",
            "u(), 0, 0, 0",
        ],
    }
    /// The entries of dim `dim`, one tensor each.
    unbind as ["unbind(Tensor self, int dim=0) -> Tensor[]"] {
        call(x = self: &Tensor, dim: i64) {
            let dim = normalize_dim(dim, x.ndim())?;
            if x.ndim() == 0 {
                bail!(Index, "Dimension specified as 0 but tensor has no dimensions");
            }
            let parts = (0..x.shape()[dim])
                .map(|index| x.window(Part::Select { dim, index }, "unbind"))
                .collect::<Result<Vec<_>>>()?;
            Ok(as_many(x, parts))
        },
        samples: ["u(2, 3)", "u(2, 3), 1", "u(2, 3), 2", "u()"],
    }
    /// Dim `dim` cut into parts of `split_size` entries (the last may be smaller), or of the sizes listed.
    ///
    ///     >>> torch.split(torch.arange(5), (2, 3))
    ///     (tensor([0, 1]), tensor([2, 3, 4]))
    split as [
        "method.split(Tensor self, int split_size, int dim=0) -> Tensor[]",
        "method.split(Tensor self, int[1] split_size, int dim=0) -> Tensor[]",
        "function.split(Tensor tensor, int split_size_or_sections, int dim=0) -> Tensor[]",
        "function.split(Tensor tensor, int[1] split_size_or_sections, int dim=0) -> Tensor[]",
    ] {
        call(
            x = self: Option<&Tensor>,
            tensor: Option<&Tensor>,
            split_size: Option<i64>,
            sizes = split_size: Option<&[i64]>,
            one = split_size_or_sections: Option<i64>,
            several = split_size_or_sections: Option<&[i64]>,
            dim: i64
        ) {
            let Some(x) = x.or(tensor) else { bail!(Runtime, "internal error: split without a tensor") };
            match split_size.or(one) {
                Some(size) => split(x, size, dim),
                None => split_sizes(x, sizes.or(several).unwrap_or(&[]), dim),
            }
        },
        samples: ["u(5, 2), 2", "u(2, 5), 3, 1", "u(5, 2), [1, 4]", "u(5), 0", "u(5), [1, 2]", "u(), 1"],
    }
    /// Dim `dim` cut into parts of the sizes listed.
    split_with_sizes as ["split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]"] {
        call(x = self: &Tensor, split_sizes: &[i64], dim: i64) { super::split_sizes(x, split_sizes, dim) },
        samples: ["u(5, 2), [1, 4]", "u(2, 5), [0, 2, 3], -1", "u(5), [1, 2]", "u(5), [6, -1]"],
    }
    /// Dim `dim` cut into at most `chunks` parts of equal size (the last may be smaller).
    ///
    ///     >>> torch.chunk(torch.arange(5), 2)
    ///     (tensor([0, 1, 2]), tensor([3, 4]))
    chunk as ["chunk(Tensor self, int chunks, int dim=0) -> Tensor[]"] {
        call(x = self: &Tensor, chunks: i64, dim: i64) {
            if x.ndim() == 0 {
                bail!(Runtime, "chunk expects at least a 1-dimensional tensor");
            }
            if chunks <= 0 {
                bail!(Runtime, "chunk expects `chunks` to be greater than 0, got: {chunks}");
            }
            let dim = normalize_dim(dim, x.ndim())?;
            let n = x.shape()[dim];
            if n == 0 {
                return parts(x, dim, (0..chunks).map(|_| 0), "split");
            }
            pieces(x, dim, n.div_ceil(chunks as usize))
        },
        samples: ["u(5, 2), 2", "u(2, 6), 4, 1", "u(0, 2), 3", "u(5), 0"],
    }
    /// The memory of `self` under any shape, strides and offset.
    ///
    /// Raises RuntimeError where they reach beyond it.
    as_strided + overwrites as ["as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64], stride: &[i64], storage_offset: Option<i64>; a) {
            let view = strided_layout(x, size, stride, storage_offset)?;
            run(x, a, AsStrided { base: x.layout().clone(), view })
        },
        samples: [
            "u(12), (3, 2), (4, 1)",
            "u(12), (3, 3), (2, 1), 1",
            "u(3, 4), (2, 2), (0, 1)",
            "u(12), (4,), (1, 1)",
            "u(12), (13,), (1,)",
            "u(12), (2,), (-1,)",
        ],
    }
}

/// `dim` as a number of a dim that can be split.
fn split_dim(x: &Tensor, dim: i64) -> Result<usize> {
    if x.ndim() == 0 {
        bail!(Runtime, "split expects at least a 1-dimensional tensor");
    }
    normalize_dim(dim, x.ndim())
}

fn split(x: &Tensor, size: i64, dim: i64) -> Result<Outs> {
    let dim = split_dim(x, dim)?;
    let n = x.shape()[dim];
    if size < 0 {
        bail!(Runtime, "split expects split_size be non-negative, but got split_size={size}");
    }
    if size == 0 && n != 0 {
        bail!(Runtime, "split_size can only be 0 if dimension size is 0, but got dimension size of {n}");
    }
    pieces(x, dim, size as usize)
}

fn split_sizes(x: &Tensor, sizes: &[i64], dim: i64) -> Result<Outs> {
    let dim = split_dim(x, dim)?;
    let n = x.shape()[dim];
    if sizes.iter().any(|&s| s < 0) {
        bail!(
            Runtime,
            "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={}",
            list(sizes)
        );
    }
    if sizes.iter().map(|&s| s as i128).sum::<i128>() != n as i128 {
        bail!(
            Runtime,
            "split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), but got \
             split_sizes={}",
            list(sizes)
        );
    }
    parts(x, dim, sizes.iter().map(|&s| s as usize), "split_with_sizes")
}

pub(super) fn strided_layout(x: &Tensor, size: &[i64], stride: &[i64], offset: Option<i64>) -> Result<Layout> {
    if size.len() != stride.len() {
        bail!(Runtime, "mismatch in length of strides and shape");
    }
    if stride.iter().any(|&s| s < 0) {
        bail!(Runtime, "as_strided: Negative strides are not supported at the moment, got strides: {}", list(stride));
    }
    let overflowed =
        || err!(Runtime, "Storage size calculation overflowed with sizes={} and strides={}", list(size), list(stride));
    if size.iter().any(|&n| n < 0) {
        return Err(overflowed().hint("a size is negative"));
    }
    let offset = match offset {
        Some(o) if o < 0 => bail!(Runtime, "Tensor: invalid storage offset {o}"),
        Some(o) => o as usize,
        None => x.layout().offset,
    };
    let item = x.dtype().size();
    let mut end = Some(offset);
    if !size.contains(&0) {
        for (&n, &s) in size.iter().zip(stride) {
            end = end.and_then(|e| e.checked_add(((n - 1) as usize).checked_mul(s as usize)?));
        }
        end = end.and_then(|e| e.checked_add(1));
    }
    let bytes = x.array().storage.bytes();
    let needed = end.and_then(|e| e.checked_mul(item)).filter(|&n| n <= i64::MAX as usize).ok_or_else(overflowed)?;
    if needed > bytes && !size.contains(&0) {
        bail!(
            Runtime,
            "setStorage: sizes {}, strides {}, storage offset {offset}, and itemsize {item} requiring a storage size of {} \
             are out of bounds for storage of size {bytes}",
            list(size),
            list(stride),
            needed
        );
    }
    Ok(Layout {
        shape: size.iter().map(|&n| n as usize).collect::<Shape>(),
        strides: stride.iter().map(|&s| s as isize).collect::<Strides>(),
        offset,
    })
}

fn pieces(x: &Tensor, dim: usize, size: usize) -> Result<Outs> {
    let n = x.shape()[dim];
    let count = if size == 0 { 1 } else { n.div_ceil(size).max(1) };
    parts(x, dim, (0..count).map(|i| size.min(n - i * size)), "split")
}

/// Parts that a machine has memory for: their handles alone are gigabytes.
const MOST_PARTS: usize = 1 << 24;

/// The parts of `dim` with the given sizes, one after the other.
pub(super) fn parts(x: &Tensor, dim: usize, sizes: impl Iterator<Item = usize>, named: &'static str) -> Result<Outs> {
    let (count, _) = sizes.size_hint();
    if count > MOST_PARTS {
        return Err(err!(OutOfMemory, "{named}: not enough memory for {count} tensors")
            .hint(format!("the dim has {} entries", x.shape()[dim])));
    }
    let mut start = 0;
    let mut out = vec![];
    for len in sizes {
        out.push(x.window(Part::Slice { dim, start, len, step: 1 }, named)?);
        start += len;
    }
    Ok(as_many(x, out))
}

pub(super) fn narrow(x: &Tensor, dim: i64, start: i64, length: i64) -> Result<Tensor> {
    if x.ndim() == 0 {
        bail!(Runtime, "narrow() cannot be applied to a 0-dim tensor.");
    }
    if length < 0 {
        bail!(Runtime, "narrow(): length must be non-negative.");
    }
    let dim = normalize_dim(dim, x.ndim())?;
    let n = x.shape()[dim] as i64;
    if start < -n || start > n {
        bail!(Index, "start out of range (expected to be in range of [{}, {n}], but got {start})", -n);
    }
    let start = if start < 0 { start + n } else { start };
    if length > n - start {
        bail!(Runtime, "start ({start}) + length ({length}) exceeds dimension size ({n}).");
    }
    x.slice(dim, start as usize, length as usize, 1)
}

fn integral_item(t: &Tensor) -> Result<i64> {
    if t.ndim() != 0 || t.dtype().is_float() || t.dtype() == DType::Bool {
        bail!(Runtime, "start must be an 0-dim integral Tensor.");
    }
    Ok(data::number(t)?.to_i64())
}

impl Tensor {
    /// Entry `index` (below the size) of dim `dim`, which goes away.
    pub fn select(&self, dim: usize, index: usize) -> Result<Tensor> {
        self.window(Part::Select { dim, index }, "select")
    }

    /// As [`Tensor::select`], counted from the end where negative, and checked.
    pub fn select_at(&self, dim: i64, index: i64) -> Result<Tensor> {
        if self.ndim() == 0 {
            bail!(Index, "select() cannot be applied to a 0-dim tensor.");
        }
        let dim = normalize_dim(dim, self.ndim())?;
        let n = self.shape()[dim] as i64;
        if index < -n || index >= n {
            return Err(err!(
                Index,
                "select(): index {index} out of range for tensor of size {} at dimension {dim}",
                list(self.shape())
            )
            .hint(format!("dim {dim} has {n} entries; negative indices count from the end")));
        }
        self.select(dim, (if index < 0 { index + n } else { index }) as usize)
    }

    /// `len` entries of `dim` from `start`, `step` apart; all inside the tensor.
    pub fn slice(&self, dim: usize, start: usize, len: usize, step: usize) -> Result<Tensor> {
        self.window(Part::Slice { dim, start, len, step }, "slice")
    }

    fn window(&self, part: Part, named: &'static str) -> Result<Tensor> {
        apply(Window { part, from: self.layout().shape.clone(), named }, &[self])
    }

    /// `len` entries of `dim` from `start`; all inside the tensor.
    pub fn narrow(&self, dim: usize, start: usize, len: usize) -> Result<Tensor> {
        self.slice(dim, start, len, 1)
    }
}

/// Zeros with `x` at every `step`th entry of `dim`, which gets `size` entries.
pub fn spread(x: &Tensor, dim: usize, size: usize, step: usize) -> Result<Tensor> {
    let mut from: Shape = x.shape().into();
    let len = std::mem::replace(&mut from[dim], size);
    apply(Place { part: Part::Slice { dim, start: 0, len, step }, from }, &[x])
}

#[derive(Clone, Copy)]
enum Part {
    Select { dim: usize, index: usize },
    Slice { dim: usize, start: usize, len: usize, step: usize },
}

impl Part {
    fn of(self, x: &Layout) -> Layout {
        match self {
            Part::Select { dim, index } => x.selected(dim, index),
            Part::Slice { dim, start, len, step } => x.sliced(dim, start, len, step),
        }
    }
}

/// A part of a tensor of shape `from`.
struct Window {
    part: Part,
    from: Shape,
    /// The op of which PyTorch says that it made the part.
    named: &'static str,
}

impl Op for Window {
    fn name(&self) -> &'static str {
        self.named
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(self.part.of(x)))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(Place { part: self.part, from: self.from.clone() }, &[g.one()?])?)
    }
}

/// Zeros of shape `from` with the input at the window.
struct Place {
    part: Part,
    from: Shape,
}

impl Op for Place {
    fn name(&self) -> &'static str {
        match self.part {
            Part::Select { .. } => "select_backward",
            Part::Slice { .. } => "slice_backward",
        }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.from.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let window = out[0].with_layout(self.part.of(&out[0].layout));
        if window.numel() != out[0].numel() {
            data::fill(&out[0], Number::Int(0))?;
        }
        data::copy(x[0], &window)
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.window(self.part, "slice")?)
    }
}
