//! Complex numbers as pairs of floats and back, over the same memory: `view_as_real` and `view_as_complex`. They stand on this
//! floor because a write through such a view changes the history of a root of the other kind (`views.rs`).

use super::apply::apply;
use super::handle::Tensor;
use super::op::{Context, Cotangents, Grads, Op};
use super::source::Laid;
use crate::bail;
use crate::core::dtype::OnGpu;
use crate::core::{DType, Layout};
use crate::error::Result;

/// The layout of the complex numbers whose parts lie along the last dim; PyTorch's refusals where they are no pairs.
fn pairs(x: &Layout) -> Result<Layout> {
    let Some(last) = x.ndim().checked_sub(1) else {
        bail!(Runtime, "Input tensor must have one or more dimensions");
    };
    if x.shape[last] != 2 {
        bail!(Runtime, "Tensor must have a last dimension of size 2");
    }
    if x.strides[last] != 1 {
        bail!(Runtime, "Tensor must have a last dimension with stride 1");
    }
    if x.strides[..last].iter().any(|s| s % 2 != 0) {
        bail!(Runtime, "Tensor must have a stride divisible by 2 for all but last dimension");
    }
    if !x.offset.is_multiple_of(2) {
        bail!(Runtime, "Tensor must have a storage_offset divisible by 2");
    }
    let strides = x.strides[..last].iter().map(|s| s / 2).collect();
    Ok(Layout { shape: x.shape[..last].into(), strides, offset: x.offset / 2 })
}

/// Complex numbers as pairs of floats.
struct ViewAsReal;

impl Op for ViewAsReal {
    fn name(&self) -> &'static str {
        "view_as_real"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.parts()))
    }
    fn view_dtype(&self, x: DType) -> DType {
        x.to_real()
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.paired()?)
    }
}

/// Pairs of floats as complex numbers.
struct ViewAsComplex;

impl Op for ViewAsComplex {
    fn name(&self) -> &'static str {
        "view_as_complex"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(pairs(x))
    }
    fn view_dtype(&self, x: DType) -> DType {
        x.to_complex()
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.view_as_real()?)
    }
}

impl Tensor {
    /// The real and imaginary parts along a new last dim, over the same memory.
    pub fn view_as_real(&self) -> Result<Tensor> {
        if !self.dtype().is_complex() {
            bail!(Runtime, "view_as_real is only supported for complex tensors");
        }
        apply(ViewAsReal, &[self])
    }

    /// The complex numbers whose parts lie along the last dim, over the same memory.
    pub fn view_as_complex(&self) -> Result<Tensor> {
        if !matches!(self.dtype(), DType::F16 | DType::F32 | DType::F64) {
            bail!(
                Runtime,
                "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {}",
                self.dtype().scalar_name()
            );
        }
        if self.device().is_gpu() && self.dtype().to_complex().row().gpu == OnGpu::Nothing {
            return Err(self.dtype().to_complex().lacks_on_gpu("view_as_complex"));
        }
        apply(ViewAsComplex, &[self])
    }

    /// As [`view_as_complex`](Self::view_as_complex), of a copy where the parts are no pairs in memory.
    pub fn paired(&self) -> Result<Tensor> {
        if pairs(self.layout()).is_ok() {
            return self.view_as_complex();
        }
        apply(Laid { layout: Layout::contiguous(self.shape().into()) }, &[self])?.view_as_complex()
    }
}
