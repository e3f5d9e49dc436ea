//! What the floors below borrow from Python: releasing the GIL, warnings, and references that die
//! where nobody holds the GIL. Those wait on a list; it is emptied on the next entry from Python.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::*};

use pyo3::exceptions::PyUserWarning;
use pyo3::ffi;
use pyo3::prelude::*;

use super::errors::P;
use crate::error::Result;
use crate::tensor::handle::{ObjectHooks, set_object_hooks};
use crate::tensor::mode;

/// Set when the interpreter begins to end: from then on references leak, and threads that return
/// from a kernel stop where they are.
static EXITING: AtomicBool = AtomicBool::new(false);
static WAITING: AtomicBool = AtomicBool::new(false);
static LIST: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());

struct Waiting(P);
// SAFETY: the pointer is only used by who holds the GIL.
unsafe impl Send for Waiting {}

/// A Python object that Rust memory keeps alive; may be dropped on any thread.
pub struct Owned(P);
// SAFETY: dropping defers the DECREF, and `get` asks for the GIL.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Owned {
    /// Takes over one reference.
    ///
    /// # Safety
    /// `object` is a new reference.
    pub unsafe fn new(object: P) -> Owned {
        Owned(object)
    }

    /// The object.
    pub fn get<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: the reference is this one's as long as it lives, and the GIL is held.
        unsafe { Bound::from_borrowed_ptr(py, self.0) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if !EXITING.load(Relaxed) {
            LIST.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(Waiting(self.0));
            WAITING.store(true, Release);
        }
    }
}

/// Lets go of what was dropped without the GIL. Called with the GIL, on entry and after deallocation.
#[inline(always)]
pub fn settle() {
    if WAITING.load(Relaxed) {
        settle_slowly();
    }
}

#[cold]
fn settle_slowly() {
    WAITING.store(false, Relaxed);
    let list = std::mem::take(&mut *LIST.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    for Waiting(object) in list {
        // SAFETY: the GIL is held, and the list owned this reference.
        unsafe { ffi::Py_DECREF(object) };
    }
}

/// Runs `f` without the GIL.
fn unlocked(f: &mut (dyn FnMut() + Send)) {
    // SAFETY: the GIL is held here, and `f` touches no Python object: it is Send, and tensors are not.
    let state = unsafe { ffi::PyEval_SaveThread() };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    while EXITING.load(Acquire) && !is_main() {
        // The interpreter would end this thread by unwinding through Rust frames, which aborts.
        std::thread::park();
    }
    // SAFETY: the state that was saved above, on this thread.
    unsafe { ffi::PyEval_RestoreThread(state) };
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

static MAIN: std::sync::OnceLock<std::thread::ThreadId> = std::sync::OnceLock::new();

fn is_main() -> bool {
    MAIN.get().is_none_or(|&id| id == std::thread::current().id())
}

fn warn(message: &str) -> Result<()> {
    Python::attach(|py| {
        let text = std::ffi::CString::new(message).unwrap_or_default();
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)
    })
    .map_err(super::errors::foreign)
}

/// # Safety
/// Called with the GIL and a live object, says floor 4.
unsafe fn incref(object: *mut std::ffi::c_void) {
    if !EXITING.load(Relaxed) {
        // SAFETY: as above.
        unsafe { ffi::Py_INCREF(object.cast()) };
    }
}

/// # Safety
/// As [`incref`].
unsafe fn decref(object: *mut std::ffi::c_void) {
    if !EXITING.load(Relaxed) {
        // SAFETY: as above.
        unsafe { ffi::Py_DECREF(object.cast()) };
    }
}

#[pyfunction]
fn _at_exit() {
    EXITING.store(true, Release);
}

pub fn init(py: Python<'_>) -> PyResult<()> {
    set_object_hooks(ObjectHooks { incref, decref });
    mode::set_unlocked(unlocked);
    mode::set_warn(warn);
    let threading = py.import("sys")?.getattr("modules")?.get_item("threading");
    // Imported on a thread other than the main one, no thread counts as main: parking would hang the exit.
    let on_main = threading.is_err()
        || py
            .import("threading")?
            .call_method0("current_thread")?
            .is(&py.import("threading")?.call_method0("main_thread")?);
    if on_main {
        let _ = MAIN.set(std::thread::current().id());
    }
    py.import("atexit")?.call_method1("register", (wrap_pyfunction!(_at_exit, py)?,))?;
    Ok(())
}
