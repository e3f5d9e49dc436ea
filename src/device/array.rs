//! What kernels compute on: a storage, a layout and a dtype. It is `Send`, so kernels may run without
//! the GIL, and it gives raw pointers, never slices: an in-place op or an aliasing `out=` has two
//! arrays over the same bytes.

use super::storage::Storage;
use crate::core::{DType, Element, Layout};

#[derive(Clone)]
pub struct Array {
    pub layout: Layout,
    pub dtype: DType,
    pub storage: Storage,
}

impl Array {
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

    /// The first element (of a tensor that has one).
    #[inline]
    pub fn ptr<T: Element>(&self) -> *mut T {
        debug_assert_eq!(T::DTYPE, self.dtype);
        self.bytes_ptr().cast()
    }

    /// The first element, untyped.
    #[inline]
    pub fn bytes_ptr(&self) -> *mut u8 {
        self.storage.ptr().wrapping_add(self.layout.offset * self.dtype.size())
    }

    /// The same elements under another layout of the same storage.
    #[inline]
    pub fn with_layout(&self, layout: Layout) -> Array {
        Array { layout, dtype: self.dtype, storage: self.storage.clone() }
    }
}
