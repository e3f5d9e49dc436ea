//! Python callables that the graph calls: hooks on a tensor's gradient, and on all gradients of a node.
//!
//! Floor 4 holds them as closures; a table lends the collector the callable behind each id.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::null_mut;
use std::rc::Rc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::errors::{OrForeign, P, checked, fetched};
use super::object;
use crate::bail;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::tensor::node::{GradList, Hook, PostHookFn, PreHookFn};

thread_local! {
    static CALLABLES: RefCell<HashMap<u64, P>> = RefCell::new(HashMap::new());
}

/// The callable of a hook, borrowed; null if it is none of Python's (or belongs to another thread: then
/// the collector does not see it, and a cycle through it stays).
pub fn callable(id: u64) -> P {
    CALLABLES.try_with(|c| c.borrow().get(&id).copied()).ok().flatten().unwrap_or(null_mut())
}

/// A reference to a Python object that belongs to the graph.
pub struct Callable {
    id: u64,
    object: P,
}

impl Drop for Callable {
    fn drop(&mut self) {
        let _ = CALLABLES.try_with(|c| c.borrow_mut().remove(&self.id));
        // SAFETY: hooks are dropped with their tensor or node, by who holds the GIL; the reference is ours.
        unsafe { ffi::Py_DECREF(self.object) };
    }
}

impl Callable {
    /// Takes a reference of its own to `object`, and shows it to the collector.
    ///
    /// # Safety
    /// `object` is alive and the GIL is held.
    pub unsafe fn keep(id: u64, object: P) -> Callable {
        // SAFETY: the caller promises that the object is alive and the GIL held.
        unsafe { ffi::Py_INCREF(object) };
        CALLABLES.with(|c| c.borrow_mut().insert(id, object));
        Callable { id, object }
    }

    /// Borrowed: alive while this is.
    pub fn object(&self) -> P {
        self.object
    }
}

/// A hook that calls `callable(grad)`; what it returns, if not None, goes on in its place.
///
/// # Safety
/// `callable` is alive and the GIL is held.
pub unsafe fn hook(id: u64, callable: P) -> Hook {
    // SAFETY: the caller's promise is that of `keep`.
    let kept = unsafe { Callable::keep(id, callable) };
    // The whole struct moves in: a captured field alone would leave the rest to be dropped here.
    Hook(Rc::new(move |g: &Tensor| call(&kept, g)))
}

/// A hook that calls `callable(grad_outputs)` on the gradients of all outputs of a node.
///
/// # Safety
/// `callable` is alive and the GIL is held.
pub unsafe fn pre_hook(id: u64, callable: P) -> Rc<PreHookFn> {
    // SAFETY: the caller's promise is that of `keep`.
    let kept = unsafe { Callable::keep(id, callable) };
    Rc::new(move |grads: &[Option<Tensor>]| call_on_lists(&kept, &[grads]))
}

/// A hook that calls `callable(grad_inputs, grad_outputs)` after a node's op has run backward.
///
/// # Safety
/// `callable` is alive and the GIL is held.
pub unsafe fn post_hook(id: u64, callable: P) -> Rc<PostHookFn> {
    // SAFETY: the caller's promise is that of `keep`.
    let kept = unsafe { Callable::keep(id, callable) };
    Rc::new(move |inputs: &[Option<Tensor>], outputs: &[Option<Tensor>]| call_on_lists(&kept, &[inputs, outputs]))
}

/// Calls a hook of a node with one tuple of gradients per list. It returns None, a tuple or a single gradient.
fn call_on_lists(callable: &Callable, lists: &[&[Option<Tensor>]]) -> Result<Option<GradList>> {
    // SAFETY: backward runs with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let tuples = lists.iter().map(|list| tuple_of(py, list)).collect::<PyResult<Vec<_>>>().or_foreign()?;
    let arguments = PyTuple::new(py, tuples).or_foreign()?;
    // SAFETY: the callable is kept alive by this hook.
    let function = unsafe { Bound::from_borrowed_ptr(py, callable.object) };
    let result = function.call1(arguments).or_foreign()?;
    if result.is_none() {
        return Ok(None);
    }
    let Ok(tuple) = result.cast::<PyTuple>() else {
        bail!(Type, "expected tuple, but hook returned '{}'", super::convert::type_name(result.as_ptr()))
    };
    let new = tuple.iter().map(|item| grad_of(&item)).collect::<Result<GradList>>()?;
    let old = lists[0];
    if new.len() != old.len() {
        bail!(
            Runtime,
            "hook '{}' has returned an incorrect number of values (got {}, but expected {})",
            name_of(callable.object),
            new.len(),
            old.len()
        );
    }
    for (new, old) in new.iter().zip(old) {
        match (new, old) {
            (Some(new), Some(old)) => check_alike(callable.object, old, new)?,
            (Some(_), None) => bail!(Runtime, "can't replace a None gradient with a non-None value"),
            _ => {}
        }
    }
    Ok(Some(new))
}

/// What a message calls a hook.
fn name_of(callable: P) -> String {
    // SAFETY: backward runs with the GIL held, and the hook is alive.
    let hook = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), callable) };
    hook.getattr("__name__").map_or_else(|_| "<unknown>".into(), |name| name.to_string())
}

/// A hook's gradient has the shape, dtype and device of the one that it was given.
fn check_alike(callable: P, old: &Tensor, new: &Tensor) -> Result<()> {
    if new.shape() != old.shape() {
        bail!(Runtime, "hook '{}' has changed the size of value", name_of(callable));
    }
    if new.dtype() != old.dtype() {
        let kind = |t: &Tensor| format!("{}.{}Tensor", crate::core::spoken::library(), t.dtype().scalar_name());
        bail!(
            Runtime,
            "hook '{}' has changed the type of value (was {} got {})",
            name_of(callable),
            kind(old),
            kind(new)
        );
    }
    if new.device() != old.device() {
        bail!(Runtime, "hook '{}' has changed the device of value", name_of(callable));
    }
    Ok(())
}

fn tuple_of<'py>(py: Python<'py>, list: &[Option<Tensor>]) -> PyResult<Bound<'py, PyTuple>> {
    let items = list.iter().map(|g| {
        let p = g.clone().map_or_else(super::call::none, object::wrap);
        // SAFETY: a new reference, or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, p) }
    });
    PyTuple::new(py, items.collect::<PyResult<Vec<_>>>()?)
}

fn grad_of(item: &Bound<'_, PyAny>) -> Result<Option<Tensor>> {
    if item.is_none() {
        return Ok(None);
    }
    // SAFETY: a live object.
    match unsafe { object::as_tensor(item.as_ptr()) } {
        Some(t) => Ok(Some(t.clone())),
        None => Err(crate::err!(
            Type,
            "expected Variable, but hook returned '{}'",
            super::convert::type_name(item.as_ptr())
        )),
    }
}

fn call(callable: &Callable, g: &Tensor) -> Result<Option<Tensor>> {
    let argument = object::wrap(g.clone());
    if argument.is_null() {
        return Err(fetched());
    }
    // SAFETY: both objects are alive, and each new reference is given back below.
    unsafe {
        let result = ffi::PyObject_CallFunctionObjArgs(callable.object, argument, null_mut::<ffi::PyObject>());
        ffi::Py_DECREF(argument);
        let result = checked(result)?;
        let out = if result == ffi::Py_None() {
            Ok(None)
        } else if let Some(t) = object::as_tensor(result) {
            check_alike(callable.object, g, t).map(|()| Some(t.clone()))
        } else {
            Err(crate::err!(Type, "expected Variable, but hook returned '{}'", super::convert::type_name(result)))
        };
        ffi::Py_DECREF(result);
        out
    }
}
