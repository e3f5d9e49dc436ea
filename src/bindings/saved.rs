//! Hooks on what nodes save (`autograd.graph.saved_tensors_hooks`), and anomaly mode's traces.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use pyo3::exceptions::{PyRuntimeError, PyUserWarning};
use pyo3::prelude::*;

use super::autograd::object;
use super::convert::type_name;
use super::errors::OrForeign;
use super::hooks::Callable;
use super::object::as_tensor;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::tensor::mode::{self, GradGuard};
use crate::tensor::saved::{Packed, SavedHooks, set_saved_hooks};
use crate::{autograd, bail};

/// The hooks of this thread, the innermost last, and why there must be none.
#[derive(Default)]
struct Hooks {
    stack: Vec<(Py<PyAny>, Py<PyAny>)>,
    refused: Option<String>,
    /// Called with a tensor before it is written over.
    before_write: Option<Py<PyAny>>,
}

thread_local! {
    static HOOKS: RefCell<Hooks> = RefCell::default();
}

/// What `pack` made, and the function that turns it into a tensor again.
struct ByPython {
    made: Callable,
    unpack: Callable,
}

impl Packed for ByPython {
    fn unpack(&self) -> Result<Tensor> {
        // SAFETY: backward runs with the GIL held, and both objects are alive while this is.
        let (made, unpack) = unsafe {
            let py = Python::assume_attached();
            (Bound::from_borrowed_ptr(py, self.made.object()), Bound::from_borrowed_ptr(py, self.unpack.object()))
        };
        let result = unpack.call1((made,)).or_foreign()?;
        // SAFETY: a live object.
        match unsafe { as_tensor(result.as_ptr()) } {
            Some(t) => Ok(t.clone()),
            None => bail!(
                Type,
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type {}",
                type_name(result.as_ptr())
            ),
        }
    }
}

fn kept(o: &Bound<'_, PyAny>) -> Callable {
    // SAFETY: a live object; the GIL is held.
    unsafe { Callable::keep(autograd::next_hook_id(), o.as_ptr()) }
}

fn pack(t: &Tensor) -> Result<Rc<dyn Packed>> {
    // SAFETY: ops are recorded with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let found = HOOKS.with_borrow(|h| h.stack.last().map(|(p, u)| (p.clone_ref(py), u.clone_ref(py))));
    let Some((pack, unpack)) = found else { bail!(Runtime, "internal error: no hooks for saved tensors") };
    packed(t, pack.bind(py), unpack.bind(py))
}

/// What `pack` makes of a tensor, and how `unpack` turns it into one again.
pub fn packed(t: &Tensor, pack: &Bound<'_, PyAny>, unpack: &Bound<'_, PyAny>) -> Result<Rc<dyn Packed>> {
    let py = pack.py();
    let _grad = GradGuard::new(false);
    let version = t.version();
    let made = pack.call1((object(py, Some(t.clone())).or_foreign()?,)).or_foreign()?;
    if t.version() != version {
        bail!(
            Runtime,
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be \
             modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need \
             to perform in-place operations on the input to a pack hook."
        );
    }
    Ok(Rc::new(ByPython { made: kept(&made), unpack: kept(unpack) }))
}

fn refresh(h: &Hooks) {
    mode::set_bit(mode::SAVED_HOOKS, !h.stack.is_empty());
}

/// From now on `pack` sees every tensor that is saved, and `unpack` turns what it returned into a tensor again.
#[pyfunction]
fn _push_saved_hooks(pack: Py<PyAny>, unpack: Py<PyAny>) -> PyResult<()> {
    HOOKS.with_borrow_mut(|h| {
        if let Some(why) = &h.refused {
            return Err(PyRuntimeError::new_err(why.clone()));
        }
        h.stack.push((pack, unpack));
        refresh(h);
        Ok(())
    })
}

#[pyfunction]
fn _pop_saved_hooks() {
    let gone = HOOKS.with_borrow_mut(|h| {
        let gone = h.stack.pop();
        refresh(h);
        gone
    });
    drop(gone);
}

/// Forbids hooks, with `message` as the error; None allows them. Returns what it was.
#[pyfunction]
#[pyo3(signature = (message))]
fn _refuse_saved_hooks(message: Option<String>) -> PyResult<Option<String>> {
    HOOKS.with_borrow_mut(|h| {
        if !h.stack.is_empty()
            && let Some(why) = message
        {
            return Err(PyRuntimeError::new_err(why));
        }
        Ok(std::mem::replace(&mut h.refused, message))
    })
}

/// From now on `hook` is called with each tensor before it is written over; None ends that. False where there is one already.
#[pyfunction]
#[pyo3(signature = (hook))]
fn _before_write(hook: Option<Py<PyAny>>) -> bool {
    let gone = HOOKS.with_borrow_mut(|h| {
        if hook.is_some() && h.before_write.is_some() {
            return Err(hook);
        }
        mode::set_bit(mode::BEFORE_WRITE, hook.is_some());
        Ok(std::mem::replace(&mut h.before_write, hook))
    });
    gone.is_ok()
}

fn before_write(t: &Tensor) -> Result<()> {
    // SAFETY: ops run with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let Some(hook) = HOOKS.with_borrow(|h| h.before_write.as_ref().map(|f| f.clone_ref(py))) else { return Ok(()) };
    let t = object(py, Some(t.clone())).or_foreign()?;
    hook.bind(py).call1((t,)).or_foreign().map(drop)
}

/// Counts a write to `x` that nobody has seen.
#[pyfunction]
fn _increment_version(x: &Bound<'_, PyAny>) {
    // SAFETY: an argument of the call.
    if let Some(t) = unsafe { as_tensor(x.as_ptr()) } {
        t.bump_version();
    }
}

/// The lines of Python that run now, outermost first.
fn trace() -> Option<Rc<dyn Any>> {
    // SAFETY: ops are recorded with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let lines = py.import("traceback").and_then(|m| m.call_method0("format_stack"));
    let text = lines.and_then(|l| l.extract::<Vec<String>>()).ok()?.concat();
    Some(Rc::new(text))
}

fn show(name: &str, trace: Option<&dyn Any>) -> Result<()> {
    let text = match trace.and_then(|t| t.downcast_ref::<String>()) {
        Some(lines) => format!("Error detected in {name}. Traceback of forward call that caused the error:\n{lines}"),
        None => format!(
            "Error detected in {name}. No forward pass information available. Enable detect anomaly during forward pass for \
             more information."
        ),
    };
    Python::attach(|py| {
        // A warning needs no error beside it: the one under way is set again afterwards.
        let text = std::ffi::CString::new(text).unwrap_or_default();
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)
    })
    .or_foreign()
}

/// Switches anomaly mode, of all threads.
#[pyfunction]
#[pyo3(signature = (enabled, check_nan = Some(true)))]
fn set_anomaly_enabled(enabled: bool, check_nan: Option<bool>) {
    let check_nan = check_nan.unwrap_or(true);
    mode::set_anomaly(enabled, check_nan && enabled);
    CHECK_NAN.store(check_nan, std::sync::atomic::Ordering::Relaxed);
}

static CHECK_NAN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);

/// Whether anomaly mode is on.
#[pyfunction]
fn is_anomaly_enabled() -> bool {
    mode::anomaly().0
}

/// Whether anomaly mode looks for NaN, if it is on.
#[pyfunction]
fn is_anomaly_check_nan_enabled() -> bool {
    CHECK_NAN.load(std::sync::atomic::Ordering::Relaxed)
}

pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    set_saved_hooks(SavedHooks { pack, trace, before_write, order: super::saved_tensor::saving_order });
    autograd::set_show(show);
    autograd::serve_tangents();
    m.add_function(wrap_pyfunction!(_push_saved_hooks, m)?)?;
    m.add_function(wrap_pyfunction!(_pop_saved_hooks, m)?)?;
    m.add_function(wrap_pyfunction!(_refuse_saved_hooks, m)?)?;
    m.add_function(wrap_pyfunction!(_before_write, m)?)?;
    m.add_function(wrap_pyfunction!(_increment_version, m)?)?;
    m.add_function(wrap_pyfunction!(set_anomaly_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(is_anomaly_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(is_anomaly_check_nan_enabled, m)?)
}
