//! Thread-local switches that the door asks: whether to record, and the default float dtype; and the
//! few things that floor 8 lends to those below it.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::core::{DType, Device};

/// Bits of a thread's mode, one byte that the door reads once per call.
/// Results are recorded for backward.
pub const GRAD: u8 = 1;
/// Somebody watches the door: short ways are closed.
pub const WATCHED: u8 = 2;
/// Inference mode.
const INFERENCE: u8 = 4;

thread_local! {
    static MODE: Cell<u8> = const { Cell::new(GRAD) };
    static DEFAULT_FLOAT: Cell<DType> = const { Cell::new(DType::F32) };
    static DEFAULT_DEVICE: Cell<Device> = const { Cell::new(Device::CPU) };
}

#[inline(always)]
pub fn bits() -> u8 {
    MODE.get()
}

/// Sets or clears a bit; returns whether it was set.
#[inline]
pub fn set_bit(bit: u8, on: bool) -> bool {
    let before = MODE.get();
    MODE.set(if on { before | bit } else { before & !bit });
    before & bit != 0
}

#[inline]
pub fn grad_enabled() -> bool {
    bits() & GRAD != 0
}

/// Returns what was set before.
#[inline]
pub fn set_grad_enabled(on: bool) -> bool {
    set_bit(GRAD, on)
}

#[inline]
pub fn inference() -> bool {
    bits() & INFERENCE != 0
}

/// Returns what was set before.
pub fn set_inference(on: bool) -> bool {
    set_bit(INFERENCE, on)
}

/// The dtype of Python floats: `torch.get_default_dtype()`.
#[inline]
pub fn default_float() -> DType {
    DEFAULT_FLOAT.get()
}

pub fn set_default_float(dtype: DType) {
    DEFAULT_FLOAT.set(dtype);
}

/// Where tensors are made that no device was named for: `torch.get_default_device()`.
#[inline]
pub fn default_device() -> Device {
    DEFAULT_DEVICE.get()
}

/// Returns what was set before.
pub fn set_default_device(device: Device) -> Device {
    DEFAULT_DEVICE.replace(device)
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
