//! Copies and fills wherever the data are: the choice between the devices' kernels stands here once.

use super::handle::Tensor;
use crate::core::{Device, DeviceKind, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::{Error, Result};
use crate::{bail, cpu, err, gpu};

/// PyTorch's error where elements of a tensor on `meta` are asked for.
#[cold]
pub fn no_data() -> Box<Error> {
    err!(NotImplemented, "Cannot copy out of meta tensor; no data!")
        .hint("a tensor on meta has shape, strides and dtype, but no elements: make one with device=\"cpu\"")
}

/// PyTorch's error for an op on `meta` whose result depends on elements, by more than their number.
pub fn needs_values(op: &str, x: &[&Tensor]) -> Result<()> {
    if x.iter().all(|t| !t.device().is_meta()) {
        return Ok(());
    }
    Err(err!(
        NotImplemented,
        "aten::{op}: attempted to run this operator with Meta tensors, but there was no fake impl or Meta kernel registered."
    )
    .hint("what this gives depends on elements, of which a tensor on meta has none"))
}

/// PyTorch's error where a number is asked of a tensor on `meta`.
#[cold]
pub fn no_item() -> Box<Error> {
    err!(Runtime, "Tensor.item() cannot be called on meta tensors")
        .hint("a tensor on meta has no elements; a program that looks at them cannot run there")
}

/// The only element of `t`, wherever it is.
pub fn number(t: &Tensor) -> Result<Number> {
    if t.device().is_meta() {
        return Err(no_item());
    }
    if t.numel() != 1 {
        bail!(Runtime, "a Tensor with {} elements cannot be converted to Scalar", t.numel());
    }
    Ok(t.on_cpu()?.element(&Shape::zeros(t.ndim())))
}

/// `to[i] = from[i]`, cast to the dtype of `to`; `from` broadcasts to its shape, and may live on another device.
pub fn copy(from: &Array, to: &Array) -> Result<()> {
    match (from.device.kind, to.device.kind) {
        (DeviceKind::Cpu, DeviceKind::Cpu) => cpu::copy::copy(from, to),
        (_, DeviceKind::Meta) => Ok(()),
        (DeviceKind::Meta, _) => Err(no_data()),
        (DeviceKind::Cpu, _) => up(from, to),
        (_, DeviceKind::Cpu) => down(from, to),
        _ => gpu::copy::copy(from, to),
    }
}

/// The cost of a copy, for [`super::Op::cost`]: one from the GPU waits for it.
pub fn copy_cost(from: &[&Array], to: &Array) -> usize {
    if !to.device.is_gpu() && from.iter().any(|a| a.device.is_gpu()) { usize::MAX } else { to.numel() }
}

/// `to[i] = value`, cast to the dtype of `to`.
pub fn fill(to: &Array, value: Number) -> Result<()> {
    match to.device.kind {
        DeviceKind::Cpu => cpu::copy::fill(to, value),
        DeviceKind::Meta => {}
        _ => return gpu::copy::fill(to, value),
    }
    Ok(())
}

/// `to[i] += from[i]`, both on one device, where several indices may name one element of `to`.
pub fn add_overlapping(from: &Array, to: &Array) -> Result<()> {
    match to.device.kind {
        DeviceKind::Cpu => cpu::overlap::add(from, to),
        DeviceKind::Meta => {}
        _ => return gpu::overlap::add(from, to),
    }
    Ok(())
}

/// Divides each element of the contiguous `room` by how many indices of `layout` name it, where that is more than one.
pub fn share(room: &Array, layout: &Layout) -> Result<()> {
    match room.device.kind {
        DeviceKind::Cpu => cpu::overlap::share(room, layout),
        DeviceKind::Meta => {}
        _ => return gpu::overlap::share(room, layout),
    }
    Ok(())
}

/// Whether nobody else holds this memory. Work that was put off holds what it reads: it is launched first.
pub fn is_private(a: &Array) -> bool {
    a.storage.is_unique() || a.device.is_gpu() && gpu::map::settle().is_ok() && a.storage.is_unique()
}

/// The array on `device`: itself where it is there, else a copy, with the same strides where they are dense.
pub fn moved(from: &Array, device: Device) -> Result<Array> {
    if from.device == device {
        return Ok(from.clone());
    }
    if from.device.is_meta() {
        return Err(no_data());
    }
    let shape = from.layout.shape.clone();
    let layout = match from.layout.is_dense() {
        true => Layout { shape, strides: from.layout.strides.clone(), offset: 0 },
        false => Layout::contiguous(shape),
    };
    let to = Array::empty(Meta::new(layout, from.dtype, device))?;
    copy(from, &to)?;
    Ok(to)
}

/// Whether `a` is all of its storage, in some order.
fn is_whole(a: &Array) -> bool {
    a.layout.offset == 0 && a.layout.is_dense() && a.numel() * a.dtype.size() == a.storage.bytes()
}

/// To the GPU: cast on this side, since float64 does not exist on the other.
fn up(from: &Array, to: &Array) -> Result<()> {
    if to.numel() == 0 {
        return Ok(());
    }
    let from = from.with_layout(from.layout.broadcast_to(to.shape()));
    let repeats = |d: &usize| from.layout.strides[*d] == 0 && from.layout.shape[*d] > 1;
    if (0..from.ndim()).any(|d| repeats(&d)) {
        return up_once(&from, to);
    }
    let from = &from;
    let target = match is_whole(to) {
        true => to.clone(),
        false => Array::empty(to.contiguous(to.layout.shape.clone()))?,
    };
    let same = from.dtype == to.dtype && from.layout.is_dense();
    if same && from.layout.shape == target.layout.shape && from.layout.strides == target.layout.strides {
        gpu::copy::upload(from, &target)?;
    } else {
        let staged = Array::empty(Meta::new(target.layout.clone(), to.dtype, Device::CPU))?;
        cpu::copy::copy(from, &staged)?;
        gpu::copy::upload(&staged, &target)?;
    }
    if target.storage.same(&to.storage) { Ok(()) } else { gpu::copy::copy(&target, to) }
}

/// What repeats along some dims: goes up once, a single number without memory of its own.
fn up_once(from: &Array, to: &Array) -> Result<()> {
    let mut layout = from.layout.clone();
    for d in 0..layout.ndim() {
        if layout.strides[d] == 0 {
            layout.shape[d] = 1;
        }
    }
    let part = from.with_layout(layout);
    let meta = part.contiguous(part.layout.shape.clone()).with_dtype(to.dtype);
    if part.numel() == 1 {
        let one = Array::empty(meta)?;
        cpu::copy::copy(&part, &one)?;
        return fill(to, one.element(&Shape::zeros(one.ndim())));
    }
    let staged = Array::empty(Meta::new(meta.layout, to.dtype, to.device))?;
    up(&part, &staged)?;
    gpu::copy::copy(&staged.with_layout(staged.layout.broadcast_to(to.shape())), to)
}

/// To the CPU, once all that was asked of the GPU before is done.
fn down(from: &Array, to: &Array) -> Result<()> {
    let dense = if from.layout.is_dense() { from.clone() } else { gpu::copy::packed(from)? };
    let same = dense.dtype == to.dtype && to.layout.is_dense() && dense.layout.shape == to.layout.shape;
    if same && dense.layout.strides == to.layout.strides {
        return gpu::copy::download(&dense, to);
    }
    let layout = Layout { offset: 0, ..dense.layout.clone() };
    let staged = Array::empty(Meta::new(layout, dense.dtype, Device::CPU))?;
    gpu::copy::download(&dense, &staged)?;
    cpu::copy::copy(&staged, to)
}
