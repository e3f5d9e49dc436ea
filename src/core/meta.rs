//! All that is known of a tensor without its data: what `infer` reads and writes.

use super::{DType, Device, Layout, Shape};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    pub layout: Layout,
    pub dtype: DType,
    pub device: Device,
}

impl Meta {
    #[inline]
    pub fn new(layout: Layout, dtype: DType, device: Device) -> Meta {
        Meta { layout, dtype, device }
    }

    /// A contiguous tensor of this shape, with dtype and device of `self`.
    #[inline]
    pub fn contiguous(&self, shape: Shape) -> Meta {
        Meta { layout: Layout::contiguous(shape), dtype: self.dtype, device: self.device }
    }

    #[inline]
    #[must_use]
    pub fn with_dtype(mut self, dtype: DType) -> Meta {
        self.dtype = dtype;
        self
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    #[inline]
    pub fn strides(&self) -> &[isize] {
        &self.layout.strides
    }

    #[inline]
    pub fn ndim(&self) -> usize {
        self.layout.ndim()
    }

    #[inline]
    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }
}
