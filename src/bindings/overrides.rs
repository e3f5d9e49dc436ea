//! `__torch_function__`: a call that has a tensor of a user's class among its arguments goes to that class, which may be any
//! class with such a method; and calls inside a `TorchFunctionMode` go to the mode. Which class is asked, and what is done where
//! it says nothing, is written in Python (`rustgrad/overrides.py`).
//!
//! Nothing of it is looked at before a program defines such a class or enters a mode: one load of a flag a call.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::call::{Given, none, number};
use super::entry::Entry;
use super::errors::{OrForeign, P, checked};
use super::native::natives;
use super::object::{is_plain, tensor_type};
use crate::core::Number;
use crate::error::Result;

/// Whether a subclass of Tensor was defined that takes part, or a mode was ever entered.
static EXPECTED: AtomicBool = AtomicBool::new(false);
/// Whether a mode is open.
static MODE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Calls go to ops themselves while this is not 0.
    static DISABLED: Cell<i64> = const { Cell::new(0) };
}

natives! {
    /// From now on arguments are asked for `__torch_function__`; `mode` says whether a TorchFunctionMode is open.
    expect as ["function._expect_overrides(bool mode=False) -> None"] {
        call(mode: bool) {
            EXPECTED.store(true, Relaxed);
            MODE.store(mode, Relaxed);
            Ok(none())
        }
    }
    /// Adds to how many blocks are open in which no argument is asked; returns how many there are.
    disable as ["function._disable_overrides(int by) -> int"] {
        call(by: i64) {
            DISABLED.set(DISABLED.get() + by);
            checked(number(Number::Int(DISABLED.get())))
        }
    }
}

#[inline(always)]
pub fn active() -> bool {
    EXPECTED.load(Relaxed) && DISABLED.get() == 0
}

/// Whether `o` is a tensor of a class of the user's.
///
/// # Safety
/// `o` is null or alive.
unsafe fn of_user(o: P) -> bool {
    if o.is_null() {
        return false;
    }
    // SAFETY: says the caller.
    unsafe {
        let class = ffi::Py_TYPE(o);
        !is_plain(class) && ffi::PyType_IsSubtype(class, tensor_type()) != 0
    }
}

/// Whether `o`, or an item of it where it is a list or a tuple, is a tensor of a class of the user's.
///
/// # Safety
/// As [`of_user`].
unsafe fn concerns(o: P) -> bool {
    // SAFETY: says the caller; items are borrowed.
    unsafe {
        if of_user(o) {
            return true;
        }
        if o.is_null() || (ffi::PyList_Check(o) == 0 && ffi::PyTuple_Check(o) == 0) {
            return false;
        }
        let n = ffi::PySequence_Size(o).max(0);
        (0..n).any(|i| {
            let item = if ffi::PyList_Check(o) != 0 { ffi::PyList_GetItem(o, i) } else { ffi::PyTuple_GetItem(o, i) };
            of_user(item)
        })
    }
}

/// Whether the class of `o`, which is no tensor, has `__torch_function__`.
///
/// # Safety
/// `o` is alive.
unsafe fn speaks(o: P) -> bool {
    // SAFETY: says the caller.
    unsafe {
        let class = ffi::Py_TYPE(o);
        ffi::PyType_IsSubtype(class, tensor_type()) == 0
            && ffi::PyObject_HasAttrString(class.cast(), c"__torch_function__".as_ptr()) != 0
    }
}

/// What the classes of the arguments make of a call; None where they have no say.
///
/// # Safety
/// The arguments are those of a C call; the GIL is held.
#[cold]
pub unsafe fn call(entry: &Entry, given: Given, mismatched: bool) -> Result<Option<P>> {
    // SAFETY: says the caller.
    unsafe {
        let n = given.n + given.keywords();
        let asked = |o: P| if mismatched { !o.is_null() && speaks(o) } else { concerns(o) };
        let any = (entry.method && asked(given.this)) || (0..n).any(|i| asked(given.at(i)));
        if entry.name.starts_with('_') || entry.name == "as_subclass" || !(any || (!mismatched && MODE.load(Relaxed))) {
            return Ok(None);
        }
        let py = Python::assume_attached();
        let object = |o: P| Bound::from_borrowed_ptr(py, o);
        let this = entry.method.then(|| object(given.this));
        let args: Vec<_> = this.into_iter().chain((0..given.n).map(|i| object(given.at(i)))).collect();
        let kwargs = PyDict::new(py);
        for k in 0..given.keywords() {
            let name = object(ffi::PyTuple_GetItem(given.names, k as ffi::Py_ssize_t));
            kwargs.set_item(name, object(given.at(given.n + k))).or_foreign()?;
        }
        let place = if entry.method { "Tensor" } else { entry.module };
        ask(py, place, &entry.name, args, &kwargs)
    }
}

/// As [`call`], for a slot of the type: `__add__`, `__getitem__`.
///
/// # Safety
/// The arguments are alive; the GIL is held.
#[cold]
pub unsafe fn slot(name: &str, args: &[P]) -> Result<Option<P>> {
    // SAFETY: says the caller.
    unsafe {
        if !MODE.load(Relaxed) && !args.iter().any(|&o| concerns(o)) {
            return Ok(None);
        }
        let py = Python::assume_attached();
        let args = args.iter().map(|&o| Bound::from_borrowed_ptr(py, o)).collect();
        ask(py, "Tensor", name, args, &PyDict::new(py))
    }
}

/// As [`slot`], for an operator by its short name, `add`; `b` is null for operators of one operand.
///
/// # Safety
/// As [`slot`].
#[cold]
pub unsafe fn operator(name: &str, a: P, b: P, inplace: bool) -> Result<Option<P>> {
    // SAFETY: says the caller.
    unsafe {
        if b.is_null() {
            return slot(&format!("__{name}__"), &[a]);
        }
        if inplace {
            return slot(&format!("__i{name}__"), &[a, b]);
        }
        if super::object::as_tensor(a).is_some() {
            return slot(&format!("__{name}__"), &[a, b]);
        }
        slot(&format!("__r{name}__"), &[b, a])
    }
}

fn ask(
    py: Python<'_>,
    place: &str,
    name: &str,
    args: Vec<Bound<'_, PyAny>>,
    kwargs: &Bound<'_, PyDict>,
) -> Result<Option<P>> {
    let run = || -> PyResult<Option<P>> {
        let take = py.import("rustgrad.overrides")?.getattr("_take_over")?;
        let found = take.call1((place, name, PyTuple::new(py, args)?, kwargs))?;
        if found.is_none() { Ok(None) } else { Ok(Some(found.get_item(0)?.into_ptr())) }
    };
    run().or_foreign()
}
