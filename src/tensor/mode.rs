//! Thread-local switches that the door asks: whether to record, and the default float dtype; and the
//! few things that floor 8 lends to those below it.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::core::DType;

thread_local! {
    static GRAD: Cell<bool> = const { Cell::new(true) };
    static INFERENCE: Cell<bool> = const { Cell::new(false) };
    static DEFAULT_FLOAT: Cell<DType> = const { Cell::new(DType::F32) };
}

#[inline]
pub fn grad_enabled() -> bool {
    GRAD.get()
}

/// Returns what was set before.
#[inline]
pub fn set_grad_enabled(on: bool) -> bool {
    GRAD.replace(on)
}

#[inline]
pub fn inference() -> bool {
    INFERENCE.get()
}

/// Returns what was set before.
pub fn set_inference(on: bool) -> bool {
    INFERENCE.replace(on)
}

/// The dtype of Python floats: `torch.get_default_dtype()`.
#[inline]
pub fn default_float() -> DType {
    DEFAULT_FLOAT.get()
}

pub fn set_default_float(dtype: DType) {
    DEFAULT_FLOAT.set(dtype);
}

/// Sets grad mode until dropped.
pub struct GradGuard(bool);

impl GradGuard {
    pub fn new(on: bool) -> GradGuard {
        GradGuard(set_grad_enabled(on))
    }
}

impl Drop for GradGuard {
    fn drop(&mut self) {
        set_grad_enabled(self.0);
    }
}

/// Runs a kernel with the GIL released.
pub type Unlocked = fn(&mut (dyn FnMut() + Send));

static UNLOCKED: OnceLock<Unlocked> = OnceLock::new();

/// Told once by the bindings; without Python there is nothing to release.
pub fn set_unlocked(f: Unlocked) {
    let _ = UNLOCKED.set(f);
}

/// Elements of work above which the GIL is released: some 20 us of the cheapest kernels.
pub const UNLOCK_COST: usize = 1 << 16;

#[inline]
pub fn unlocked(cost: usize, f: &mut (dyn FnMut() + Send)) {
    match UNLOCKED.get() {
        Some(run) if cost >= UNLOCK_COST => run(f),
        _ => f(),
    }
}

/// Shows a `UserWarning`; an error where warnings are errors.
pub type Warn = fn(&str) -> crate::error::Result<()>;

static WARN: OnceLock<Warn> = OnceLock::new();

/// Told once by the bindings.
pub fn set_warn(f: Warn) {
    let _ = WARN.set(f);
}

#[cold]
pub fn warn(message: &str) -> crate::error::Result<()> {
    WARN.get().map_or(Ok(()), |f| f(message))
}
