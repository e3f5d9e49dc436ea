//! Tensors of a given layout (empty_strided and kin), and tensors that get another: resize_, resize_as_, set_.

use super::copy::Format;
use super::create::{number, sizes};
use super::options::Options;
use crate::core::shape::{check_numel, list};
use crate::core::{DType, Device, Layout, Meta, Shape, Strides};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::source::Constant;
use crate::tensor::write::relaid;
use crate::tensor::{Operand, Outs, Tensor, apply};
use crate::{bail, err};

ops! {
    /// Any content, under the sizes and strides given.
    empty_strided as ["function.empty_strided(int[] size, int[] stride, *, {options}) -> Tensor"] {
        call(size: &[i64], stride: &[i64], options: Options) {
            let layout = strided(size, stride)?;
            options.finish(room("empty_strided", layout, options.float(), options.device())?)
        },
        samples: ["(0, 3), (3, 1)", "(2, 3), (1,)", "(2, 3), (1, -1)", "(2, -3), (1, 1)"],
    }
    /// Any content of the dtype of `self`, under the sizes and strides given.
    new_empty_strided as ["method.new_empty_strided(Tensor self, int[] size, int[] stride, *, {options}) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64], stride: &[i64], options: Options) {
            let options = options.like(x);
            options.finish(room("new_empty_strided", strided(size, stride)?, options.or(x.dtype()), options.device())?)
        },
        samples: ["u(2), (0, 3), (3, 1)", "u(2), (2, 3), (1,)"],
    }
    /// Any content, dense in memory, where `physical_layout` lists the dims from the slowest to the fastest.
    empty_permuted as ["function.empty_permuted(int[] size, int[] physical_layout, *, {options}) -> Tensor"] {
        call(size: &[i64], physical_layout: &[i64], options: Options) {
            let layout = permuted(size, physical_layout)?;
            options.finish(room("empty_permuted", layout, options.float(), options.device())?)
        },
        samples: ["(0, 3), (1, 0)", "(2, 3), (0,)", "(2, 3), (0, 0)", "(2, 3), (0, 2)"],
    }
    /// A number as a 0-d tensor.
    scalar_tensor as ["function.scalar_tensor(Operand s, *, {options}) -> Tensor"] {
        call(s: Operand, options: Options) {
            let value = number(s)?;
            crate::ops::create::check_fits(value, options.float())?;
            options.finish(Tensor::constant(&[], options.float(), options.source(), value)?)
        },
        samples: ["3", "2.5, dtype=int64", "True"],
    }
    /// Gives `self` other sizes, in its own memory where that is large enough; else in a larger block, which begins with the
    /// same bytes and which other tensors do not share.
    resize_ as ["method.resize_(Tensor self, int[] size, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64], memory_format: Option<Format>) {
            crate::tensor::views::check_mode(x)?;
            resized(x, &sizes(size)?, memory_format)
        },
        samples: ["u(4), (2, 2)", "u(2, 3).contiguous(), (2,)", "u(3, 2).contiguous().t(), (3, 2)", "u(2), -1"],
    }
    /// `self.resize_(the_template.size())`.
    resize_as_ as ["resize_as_(Tensor self, Tensor the_template, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, like = the_template: &Tensor, memory_format: Option<Format>) {
            let format = match memory_format {
                Some(Format::Preserve) if like.layout().suggests_channels_last() => {
                    Some(Format::ChannelsLast(like.ndim() as u8))
                }
                Some(Format::Preserve) => None,
                other => other,
            };
            resized(x, like.shape(), format)
        },
        samples: ["u(4).detach(), u(2, 2)", "u(2, 3).detach().contiguous(), u(2)"],
    }
}

/// Uninitialised memory for any layout, also one with gaps or with elements that are one.
fn room(name: &'static str, layout: Layout, dtype: DType, device: Device) -> Result<Tensor> {
    let end = if layout.numel() == 0 { 0 } else { layout.end() };
    let meta = Meta::new(Layout::contiguous([end][..].into()), dtype, device);
    let block = apply(Constant { name, meta, value: None }, &[])?;
    relaid(name, &block, block.array().with_layout(layout));
    Ok(block)
}

fn strided(size: &[i64], stride: &[i64]) -> Result<Layout> {
    if size.len() != stride.len() {
        bail!(
            Runtime,
            "dimensionality of sizes ({}) must match dimensionality of strides ({})",
            size.len(),
            stride.len()
        );
    }
    let shape = sizes(size)?;
    check_numel(&shape)?;
    let overflowed =
        || err!(Runtime, "Storage size calculation overflowed with sizes={} and strides={}", list(size), list(stride));
    let mut end = Some(1usize);
    if !size.contains(&0) {
        for (&n, &s) in size.iter().zip(stride) {
            let s = usize::try_from(s).ok();
            end = end.and_then(|e| e.checked_add(((n - 1) as usize).checked_mul(s?)?));
        }
    }
    if end.is_none_or(|e| e > isize::MAX as usize / 16) || stride.iter().any(|&s| s < 0) {
        return Err(overflowed());
    }
    Ok(Layout { shape, strides: stride.iter().map(|&s| s as isize).collect::<Strides>(), offset: 0 })
}

fn permuted(size: &[i64], order: &[i64]) -> Result<Layout> {
    let n = size.len();
    if order.len() != n {
        bail!(
            Runtime,
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {n} is not \
             equal to len(physical_layout) = {}",
            order.len()
        );
    }
    let mut seen = vec![false; n];
    for (i, &d) in order.iter().enumerate() {
        let Some(slot) = usize::try_from(d).ok().and_then(|d| seen.get_mut(d)) else {
            bail!(
                Runtime,
                "Dimension out of range (expected to be between 0 and {}, but got {d} at index {i}).  NB: negative dims not \
                 currently supported; file an issue if you want it.",
                n as i64 - 1
            )
        };
        if std::mem::replace(slot, true) {
            bail!(Runtime, "Duplicate dim not allowed");
        }
    }
    let physical: Vec<i64> = order.iter().map(|&d| size[d as usize]).collect();
    let physical = sizes(&physical)?;
    check_numel(&physical)?;
    let dense = Layout::contiguous(physical);
    let mut back: Shape = Shape::zeros(n);
    order.iter().enumerate().for_each(|(i, &d)| back[d as usize] = i);
    Ok(dense.permuted(&back))
}

fn resized(x: &Tensor, size: &[usize], format: Option<Format>) -> Result<Outs> {
    if x.requires_grad() && !crate::tensor::mode::inference() {
        return Err(err!(Runtime, "cannot resize variables that require grad")
            .hint("resize_: resize x.detach(), or make a new tensor"));
    }
    if format == Some(Format::Preserve) {
        bail!(Runtime, "Unsupported memory format Preserve");
    }
    if x.shape() == size && format.is_none() {
        return Ok(Outs::Tensor(x.clone()));
    }
    check_numel(size)?;
    let layout = format.unwrap_or(Format::Contiguous).layout(&Layout::contiguous(size.into()))?;
    let layout = Layout { offset: x.layout().offset, ..layout };
    let end = if layout.numel() == 0 { 0 } else { layout.end() };
    let (old, item) = (x.array(), x.dtype().size());
    let needed = end
        .checked_mul(item)
        .filter(|&n| n <= i64::MAX as usize)
        .ok_or_else(|| err!(Runtime, "Storage size calculation overflowed with sizes={}", list(size)))?;
    if needed <= old.storage.bytes() {
        relaid("resize_", x, old.with_layout(layout));
        x.bump_version();
        return Ok(Outs::Tensor(x.clone()));
    }
    if old.storage.is_foreign() {
        bail!(Runtime, "Trying to resize storage that is not resizable");
    }
    let whole = |n: usize| Layout::contiguous([n][..].into());
    let kept = old.storage.bytes() / item;
    let larger = Array::empty(Meta::new(whole(end), x.dtype(), x.device()))?;
    if let Some(number) = crate::tensor::mode::fill_of(x.dtype()) {
        crate::tensor::data::fill(&larger, number)?;
    }
    crate::tensor::data::copy(&old.with_layout(whole(kept)), &larger.with_layout(whole(kept)))?;
    larger.storage.set_version(x.version());
    relaid("resize_", x, larger.with_layout(layout));
    x.bump_version();
    Ok(Outs::Tensor(x.clone()))
}
