//! Python callables that the graph calls: hooks on a tensor's gradient.
//!
//! Floor 4 holds them as closures; a table lends the collector the callable behind each id.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::null_mut;
use std::rc::Rc;

use pyo3::ffi;

use super::errors::{P, checked, fetched};
use super::object;
use crate::bail;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::tensor::node::Hook;

thread_local! {
    static CALLABLES: RefCell<HashMap<u64, P>> = RefCell::new(HashMap::new());
}

/// The callable of a hook, borrowed; null if it is none of Python's (or belongs to another thread: then
/// the collector does not see it, and a cycle through it stays).
pub fn callable(id: u64) -> P {
    CALLABLES.try_with(|c| c.borrow().get(&id).copied()).ok().flatten().unwrap_or(null_mut())
}

struct Callable {
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

/// A hook that calls `callable(grad)`; what it returns, if not None, goes on in its place.
///
/// # Safety
/// `callable` is alive and the GIL is held.
pub unsafe fn hook(id: u64, callable: P) -> Hook {
    // SAFETY: says the caller.
    unsafe { ffi::Py_INCREF(callable) };
    CALLABLES.with(|c| c.borrow_mut().insert(id, callable));
    let kept = Callable { id, object: callable };
    // The whole struct moves in: a captured field alone would leave the rest to be dropped here.
    Hook(Rc::new(move |g: &Tensor| call(&kept, g)))
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
            check_shape(g, t).map(|()| Some(t.clone()))
        } else {
            Err(crate::err!(Type, "expected Variable, but hook returned '{}'", super::convert::type_name(result)))
        };
        ffi::Py_DECREF(result);
        out
    }
}

fn check_shape(g: &Tensor, new: &Tensor) -> Result<()> {
    if new.shape() != g.shape() {
        bail!(Runtime, "hook '<unknown>' has changed the size of value");
    }
    Ok(())
}
