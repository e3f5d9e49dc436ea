//! A counted block of memory that tensors share, with the version that in-place ops bump.
//!
//! The count is atomic, since kernels that run without the GIL hold storages. Blocks come from
//! [`super::cpu`], header and data in one, so that a small tensor costs no malloc once warm.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::err;
use crate::error::Result;

/// Memory that another owner lends (a NumPy array); dropping the owner gives it back.
pub type Owner = Box<dyn Any + Send + Sync>;

struct Inner {
    ptr: NonNull<u8>,
    bytes: usize,
    version: AtomicU32,
    owner: Option<Owner>,
}

// SAFETY: the block is plain memory; who may write it when is the rule of `tensor::apply`.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

#[derive(Clone)]
pub struct Storage(Arc<Inner>);

fn layout(bytes: usize) -> Option<std::alloc::Layout> {
    std::alloc::Layout::from_size_align(bytes.max(1), 64).ok()
}

impl Storage {
    /// `bytes` of memory with any content, aligned to 64.
    pub fn new(bytes: usize) -> Result<Storage> {
        Self::allocate(bytes, false)
    }

    /// `bytes` zeros.
    pub fn zeroed(bytes: usize) -> Result<Storage> {
        Self::allocate(bytes, true)
    }

    fn allocate(bytes: usize, zero: bool) -> Result<Storage> {
        let block = layout(bytes).and_then(|l| {
            // SAFETY: the size is not zero.
            NonNull::new(unsafe { if zero { std::alloc::alloc_zeroed(l) } else { std::alloc::alloc(l) } })
        });
        match block {
            Some(ptr) => Ok(Storage(Arc::new(Inner { ptr, bytes, version: AtomicU32::new(0), owner: None }))),
            None => Err(err!(OutOfMemory, "not enough memory: you tried to allocate {bytes} bytes")),
        }
    }

    /// Memory that `owner` keeps alive.
    ///
    /// # Safety
    /// `ptr` is valid for reads and writes of `bytes` bytes while `owner` lives.
    pub unsafe fn foreign(ptr: NonNull<u8>, bytes: usize, owner: Owner) -> Storage {
        Storage(Arc::new(Inner { ptr, bytes, version: AtomicU32::new(0), owner: Some(owner) }))
    }

    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        self.0.ptr.as_ptr()
    }

    #[inline]
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// How often the content was changed in place.
    #[inline]
    pub fn version(&self) -> u32 {
        self.0.version.load(Relaxed)
    }

    #[inline]
    pub fn bump_version(&self) {
        self.0.version.fetch_add(1, Relaxed);
    }

    /// Whether both are the same block.
    #[inline]
    pub fn same(&self, other: &Storage) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.owner.is_none()
            && let Some(l) = layout(self.bytes)
        {
            // SAFETY: allocated with this layout in `allocate`.
            unsafe { std::alloc::dealloc(self.ptr.as_ptr(), l) }
        }
    }
}
