//! How reprs and messages call the library and its GPU: `rustgrad` and `gpu`, or `torch` and `cuda` in a program that runs
//! as a PyTorch program (`python -m rustgrad.as_torch`).

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static AS_TORCH: AtomicBool = AtomicBool::new(false);
static GPU_AS_CUDA: AtomicBool = AtomicBool::new(false);

/// Whether the program calls the library `torch`.
pub fn as_torch() -> bool {
    AS_TORCH.load(Relaxed)
}

/// From now on the library is called `torch`, or `rustgrad` again.
pub fn set_as_torch(on: bool) {
    AS_TORCH.store(on, Relaxed);
}

/// Whether the program calls the GPU `cuda`.
pub fn gpu_as_cuda() -> bool {
    GPU_AS_CUDA.load(Relaxed)
}

/// From now on the GPU is called `cuda`, or `gpu` again.
pub fn set_gpu_as_cuda(on: bool) {
    GPU_AS_CUDA.store(on, Relaxed);
}

/// The library's name: the first part of every qualified name that a repr or a message shows.
pub fn library() -> &'static str {
    if as_torch() { "torch" } else { "rustgrad" }
}

/// `spoken!("dtype")` is `"rustgrad.dtype"` or `"torch.dtype"`, a static text.
#[macro_export]
macro_rules! spoken {
    ($name:literal) => {
        if $crate::core::spoken::as_torch() { concat!("torch.", $name) } else { concat!("rustgrad.", $name) }
    };
}
