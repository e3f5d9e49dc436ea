//! Sums into memory where several indices name one element, in index order: a scatter of the places that a layout names.

use super::access::Type;
use super::kernel::{Kernel, Operand};
use super::map::launch;
use super::walk::Walk;
use super::words::words;
use super::{copy, scatter};
use crate::core::layout::contiguous_strides;
use crate::core::{DType, Layout, Meta, Number};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::err;
use crate::error::Result;

const OP: &str = "as_strided";

static OFFSETS: &str = include_str!("../../shaders/offsets.wgsl");
/// Its address stands for the formula of [`share`].
static SHARE: u8 = 0;

words! { struct Offsets { out, offset } }

/// Where each element of a layout stands in memory, in index order.
fn offsets(layout: &Layout, like: &Array) -> Result<Array> {
    let g = gpu(OP)?;
    let out = Array::empty(Meta::new(Layout::contiguous([layout.numel()][..].into()), DType::I64, like.device))?;
    let walk = Walk::new(&layout.shape, &[&contiguous_strides(&layout.shape), &layout.strides]).only(1);
    let to = Operand::of(&out);
    let words = Offsets { out: to.first(g), offset: layout.offset as u32 }.words().and(walk.words());
    let kernel = Kernel {
        op: OP,
        id: OFFSETS.as_ptr().addr(),
        variant: walk.ndim() as u64,
        consts: &[],
        reads: &[],
        writes: &[to],
        body: &|| Ok(walk.text("walk", 0) + OFFSETS),
    };
    kernel.run_linear(out.numel(), 256, &words, &[])?;
    Ok(out)
}

/// `to[i] += from[i]` for each index in order; `to` may be expanded.
pub fn add(from: &Array, to: &Array) -> Result<()> {
    if from.numel() == 0 {
        return Ok(());
    }
    let from = if from.is_contiguous() { from.clone() } else { copy::packed(from)? };
    let row = Layout { offset: from.layout.offset, ..Layout::contiguous([from.numel()][..].into()) };
    let all = Layout::contiguous([to.storage.bytes() / to.dtype.size()][..].into());
    scatter::add(OP, &to.with_layout(all), 0, &offsets(&to.layout, to)?, &from.with_layout(row))
}

/// Divides each element of the contiguous `room` by how many indices of `layout` name it, where that is more than one.
pub fn share(room: &Array, layout: &Layout) -> Result<()> {
    if !room.dtype.is_float() {
        return Err(err!(NotImplemented, "{OP}: not implemented on the GPU for {}", room.dtype.name()));
    }
    let float = |n| Array::empty(Meta::new(Layout::contiguous([n][..].into()), DType::F32, room.device));
    let (counts, one) = (float(room.numel())?, float(1)?);
    copy::fill(&counts, Number::Int(0))?;
    copy::fill(&one, Number::Int(1))?;
    let ones = one.with_layout(one.layout.broadcast_to(&[layout.numel()]));
    scatter::add(OP, &counts, 0, &offsets(layout, room)?, &ones)?;
    let key = (std::ptr::from_ref(&SHARE).addr(), 0);
    launch(OP, key, &[(room, Type::F32), (&counts, Type::F32)], &[], Type::F32, room, &|| {
        let formula = "fn formula(x: f32, n: f32) -> f32 { return select(x, x / n, n > 1.0); }\n";
        Ok((formula.into(), vec!["@0".into(), "@1".into()]))
    })
}
