//! What kernels compute on: a storage and the meta that says how to read it. It is `Send`, so kernels
//! may run without the GIL, and it gives raw pointers, never slices: an in-place op or an aliasing
//! `out=` has two arrays over the same bytes.

use std::ops::Deref;

use super::storage::Storage;
use crate::core::dtype::{OnGpu, WIDEST};
use crate::core::{DType, Device, Element, Layout, Meta, Number, Stored};
use crate::dispatch;
use crate::error::Result;

/// What an elementwise kernel gets in one place of its formula.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Array(&'a Array),
    Number(Number),
    /// The formula names it, but does not need it.
    Unused,
}

#[derive(Clone)]
pub struct Array {
    pub meta: Meta,
    pub storage: Storage,
}

impl Deref for Array {
    type Target = Meta;
    #[inline]
    fn deref(&self) -> &Meta {
        &self.meta
    }
}

impl Array {
    #[inline]
    pub fn new(meta: Meta, storage: Storage) -> Array {
        Array { meta, storage }
    }

    /// Fresh memory of any content for a dense `meta`, on its device.
    #[inline]
    pub fn empty(meta: Meta) -> Result<Array> {
        let bytes = bytes_of(&meta)?;
        debug_assert!(meta.layout.end() <= meta.numel(), "memory for a layout that is not dense");
        let storage = if meta.device.is_cpu() { Storage::new(bytes)? } else { away(&meta, bytes)? };
        Ok(Array { storage, meta })
    }

    /// Fresh zeros for a dense `meta`.
    pub fn zeros(meta: Meta) -> Result<Array> {
        let bytes = bytes_of(&meta)?;
        if !meta.device.is_cpu() {
            let storage = away(&meta, bytes)?;
            if let Some(block) = storage.gpu() {
                super::gpu::gpu("zeros")?.clear("zeros", block)?;
            }
            return Ok(Array { storage, meta });
        }
        Ok(Array { storage: Storage::zeroed(bytes)?, meta })
    }

    /// A contiguous CPU array with these elements (for tests and small tables).
    pub fn from_slice<T: Stored>(shape: &[usize], values: &[T]) -> Result<Array> {
        let meta = Meta::new(Layout::contiguous(shape.into()), T::DTYPE, Device::CPU);
        assert_eq!(meta.numel(), values.len(), "from_slice: shape and values differ in number");
        let out = Array::empty(meta)?;
        // SAFETY: the block holds numel elements and is not shared yet.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), out.ptr::<T>(), values.len()) };
        Ok(out)
    }

    /// The elements of a contiguous array.
    pub fn to_vec<T: Stored>(&self) -> Vec<T> {
        assert!(self.is_contiguous() && self.dtype == T::DTYPE, "to_vec: contiguous arrays of that dtype only");
        // SAFETY: contiguous, so numel elements follow the first.
        (0..self.numel()).map(|i| unsafe { self.ptr::<T>().add(i).read() }).collect()
    }

    /// The element at an index inside the shape.
    pub fn element(&self, index: &[usize]) -> Number {
        assert!(
            index.len() == self.ndim() && index.iter().zip(self.shape()).all(|(i, n)| i < n),
            "element: no such index"
        );
        let at: isize = index.iter().zip(self.strides()).map(|(&i, &s)| i as isize * s).sum();
        let size = self.dtype.size();
        // SAFETY: the layout covers every index inside the shape.
        unsafe { number_at(self.bytes_ptr().wrapping_offset(at * size as isize), self.dtype) }
    }

    /// The first element (of an array that has one).
    #[inline]
    pub fn ptr<T: Stored>(&self) -> *mut T {
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
        Array { meta: Meta::new(layout, self.dtype, self.device), storage: self.storage.clone() }
    }

    /// The real (`k` is 0) or imaginary (1) parts of complex numbers, over their memory.
    pub fn part(&self, k: usize) -> Array {
        let mut layout = self.layout.clone();
        layout.strides.iter_mut().for_each(|s| *s *= 2);
        layout.offset = 2 * layout.offset + k;
        Array { meta: Meta::new(layout, self.dtype.to_real(), self.device), storage: self.storage.clone() }
    }

    /// The same elements as [`DType`] of equal size.
    pub fn with_dtype(&self, dtype: DType) -> Array {
        debug_assert_eq!(dtype.size(), self.dtype.size());
        Array { meta: self.meta.clone().with_dtype(dtype), storage: self.storage.clone() }
    }
}

/// The element of `dtype` at `p`.
///
/// # Safety
/// There is one.
pub unsafe fn number_at(p: *const u8, dtype: DType) -> Number {
    if dtype.is_complex() {
        let mut bits = [0; WIDEST];
        // SAFETY: the caller's; no element has more bytes.
        unsafe { std::ptr::copy_nonoverlapping(p, bits.as_mut_ptr(), dtype.size()) };
        return Number::of_bits(bits, dtype);
    }
    // SAFETY: the caller's.
    dispatch!(dtype, T => unsafe { p.cast::<T>().read() }.number())
}

/// A block that is not in main memory.
#[cold]
fn away(meta: &Meta, bytes: usize) -> Result<Storage> {
    if meta.device.is_meta() {
        return Ok(Storage::nowhere(bytes));
    }
    match meta.dtype.row().gpu {
        OnGpu::Nothing => Err(meta.dtype.lacks_on_gpu("tensor")),
        _ => Storage::on_gpu(bytes),
    }
}

/// Bytes that a dense `meta` takes; PyTorch's errors where an int64 does not count them, or the elements of a stride.
fn bytes_of(meta: &Meta) -> Result<usize> {
    let mut bytes = Some(meta.dtype.size());
    for &n in meta.shape() {
        bytes = bytes.and_then(|b| b.checked_mul(n)).filter(|&b| b <= isize::MAX as usize);
    }
    let Some(bytes) = bytes else {
        return Err(crate::err!(
            Runtime,
            "Storage size calculation overflowed with sizes={}",
            crate::core::shape::list(meta.shape())
        )
        .hint("the tensor has more bytes than an address can count"));
    };
    if bytes == 0 && meta.ndim() > 2 {
        let slowest = meta.shape()[1..].iter().try_fold(1usize, |acc, &n| acc.checked_mul(n.max(1)));
        if slowest.is_none_or(|n| n > isize::MAX as usize) {
            return Err(crate::err!(Runtime, "Stride calculation overflowed"));
        }
    }
    Ok(bytes)
}
