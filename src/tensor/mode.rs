//! Switches that the door asks: whether this thread records, and the default float dtype of the process; and the
//! few things that floor 8 lends to those below it.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use crate::core::{DType, Device, Number};

/// Bits of a thread's mode, one byte that the door reads once per call.
/// Results are recorded for backward.
pub const GRAD: u8 = 1;
/// Somebody watches the door: short ways are closed.
pub const WATCHED: u8 = 2;
/// Inference mode.
pub const INFERENCE: u8 = 4;
/// Hooks keep what nodes save.
pub const SAVED_HOOKS: u8 = 8;
/// Somebody wants to know of tensors that are about to be written over.
pub const BEFORE_WRITE: u8 = 16;
/// Results of tensors that carry tangents carry them too.
pub const DUAL: u8 = 32;
/// Somebody keeps results, or gives those that were kept: short ways are closed.
pub const REPLAY: u8 = 64;

thread_local! {
    static MODE: Cell<u8> = const { Cell::new(GRAD) };
    static DEFAULT_DEVICE: Cell<Device> = const { Cell::new(Device::CPU) };
}

/// The dtypes that Python floats can have, and which of them they have: one choice for all threads, as in PyTorch.
const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];
static DEFAULT_FLOAT: AtomicU8 = AtomicU8::new(0);

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

/// What the user asked for last; inference mode records nothing all the same.
#[inline]
pub fn grad_enabled() -> bool {
    bits() & GRAD != 0
}

/// Whether operations are recorded.
#[inline]
pub fn recording() -> bool {
    bits() & (GRAD | INFERENCE) == GRAD
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
    FLOATS[DEFAULT_FLOAT.load(Relaxed) as usize % FLOATS.len()]
}

pub fn set_default_float(dtype: DType) {
    if let Some(at) = FLOATS.iter().position(|&d| d == dtype) {
        DEFAULT_FLOAT.store(at as u8, Relaxed);
    }
}

/// Where tensors are made that no device was named for: `torch.get_default_device()`. For this thread.
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

/// Whether memory of any content is filled all the same, so that what reads it by mistake is found.
static FILL: AtomicBool = AtomicBool::new(false);

pub fn set_fill(on: bool) {
    FILL.store(on, Relaxed);
}

/// What new memory of a dtype is filled with where that was asked for: NaN, or the largest integer.
#[inline]
pub fn fill_of(dtype: DType) -> Option<Number> {
    if !FILL.load(Relaxed) {
        return None;
    }
    Some(match dtype {
        DType::Bool => Number::Bool(true),
        DType::U64 => Number::Unsigned(u64::MAX),
        d if d.is_integral() => Number::Int(d.range().map_or(0, |(_, most)| most as i64)),
        _ => Number::Float(f64::NAN),
    })
}

/// Anomaly mode, of all threads: nodes keep the lines that made them, and backward looks for NaN.
static ANOMALY: AtomicU8 = AtomicU8::new(0);

/// Whether anomaly mode is on, and whether it looks for NaN.
#[inline]
pub fn anomaly() -> (bool, bool) {
    let bits = ANOMALY.load(Relaxed);
    (bits & 1 != 0, bits & 2 != 0)
}

pub fn set_anomaly(on: bool, check_nan: bool) {
    ANOMALY.store(on as u8 | (check_nan as u8) << 1, Relaxed);
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
