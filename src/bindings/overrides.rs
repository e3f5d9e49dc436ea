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
use super::entry::{Entry, Target};
use super::errors::{OrForeign, P, checked, fetched};
use super::native::natives;
use super::object::{as_tensor, is_plain, tensor_type};
use crate::core::Number;
use crate::error::Result;

/// Whether a subclass of Tensor was defined that takes part, or a mode was ever entered.
static EXPECTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether a mode is open.
    static MODE: Cell<bool> = const { Cell::new(false) };
    /// Classes are not asked while this is not 0.
    static DISABLED: Cell<i64> = const { Cell::new(0) };
}

natives! {
    /// From now on arguments are asked for `__torch_function__`; `mode` says whether a TorchFunctionMode is open in this thread.
    expect as ["function._expect_overrides(bool mode) -> None"] {
        call(mode: bool) {
            EXPECTED.store(true, Relaxed);
            MODE.set(mode);
            Ok(none())
        }
    }
    /// Adds to how many blocks are open in which no class is asked; returns how many there are.
    disable as ["function._disable_overrides(int by) -> int"] {
        call(by: i64) {
            DISABLED.set(DISABLED.get() + by);
            checked(number(Number::Int(DISABLED.get())))
        }
    }
}

/// Whether somebody may take this call over.
#[inline(always)]
pub fn active() -> bool {
    EXPECTED.load(Relaxed) && awake()
}

#[cold]
fn awake() -> bool {
    DISABLED.get() == 0 || MODE.get()
}

/// Whether results are plain tensors here, whatever the arguments are: in a block of `DisableTorchFunctionSubclass`, and where
/// `class` says that it takes no part.
///
/// # Safety
/// `class` is a type object; the GIL is held.
pub unsafe fn takes_no_part(class: *mut ffi::PyTypeObject) -> bool {
    if DISABLED.get() > 0 {
        return true;
    }
    // SAFETY: says the caller.
    let class = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), class.cast()) };
    class.getattr("__torch_function__").is_ok_and(|f| f.hasattr("_takes_no_part").unwrap_or(false))
}

/// Whether `test` holds for `o`, or for an item of it where it is a list or a tuple.
///
/// # Safety
/// `o` is null or alive; the GIL is held.
unsafe fn any(o: P, test: unsafe fn(P) -> bool) -> bool {
    // SAFETY: says the caller; items are borrowed.
    unsafe {
        if o.is_null() {
            return false;
        }
        if test(o) {
            return true;
        }
        let (list, tuple) = (ffi::PyList_Check(o) != 0, ffi::PyTuple_Check(o) != 0);
        let n = if list || tuple { ffi::PySequence_Size(o).max(0) } else { 0 };
        (0..n).any(|i| test(if list { ffi::PyList_GetItem(o, i) } else { ffi::PyTuple_GetItem(o, i) }))
    }
}

/// Whether `o` is a tensor of a user's class.
///
/// # Safety
/// `o` is alive.
unsafe fn of_user(o: P) -> bool {
    // SAFETY: says the caller.
    unsafe {
        let class = ffi::Py_TYPE(o);
        !is_plain(class) && ffi::PyType_IsSubtype(class, tensor_type()) != 0
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

/// Whether calls of this name go to classes and modes. Conversions to tensors and questions about the process do not.
fn may_be_taken(entry: &Entry) -> bool {
    let private = entry.name.starts_with('_') && !entry.name.starts_with("__");
    if private || entry.name == "as_subclass" {
        return false;
    }
    let op = entry.overloads.iter().any(|o| matches!(o.target, Target::Op(_)));
    op || entry.method || ["is_floating_point", "is_complex", "numel", "result_type"].contains(&entry.name.as_str())
}

/// What the classes of the arguments, or a mode, make of a call; None where they have no say. `mismatched`: the call fits no
/// schema line, so that an argument may be no tensor but of a class that takes over.
///
/// # Safety
/// The arguments are those of a C call; the GIL is held.
#[cold]
pub unsafe fn call(entry: &Entry, given: Given, mismatched: bool) -> Result<Option<P>> {
    // SAFETY: says the caller.
    unsafe {
        let n = given.n + given.keywords();
        let test: unsafe fn(P) -> bool = if mismatched { speaks } else { of_user };
        let concerned = (mismatched || DISABLED.get() == 0)
            && ((entry.method && any(given.this, test)) || (0..n).any(|i| any(given.at(i), test)));
        let made = !entry.method && ["tensor", "as_tensor", "from_numpy"].contains(&entry.name.as_str());
        let by_mode = !mismatched && MODE.get() && (made || may_be_taken(entry));
        if !(by_mode || concerned && may_be_taken(entry)) {
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
        ask(py, (place, &entry.name, false), args, &kwargs)
    }
}

/// # Safety
/// As [`slot`].
unsafe fn concerned(args: &[P]) -> bool {
    // SAFETY: says the caller.
    unsafe { MODE.get() || (DISABLED.get() == 0 && args.iter().any(|&o| any(o, of_user))) }
}

/// As [`call`], for a slot or an attribute of the type: `__getitem__`, `shape.__get__`.
///
/// # Safety
/// The arguments are alive; the GIL is held.
#[cold]
pub unsafe fn slot(name: &str, args: &[P]) -> Result<Option<P>> {
    // SAFETY: says the caller.
    unsafe { if concerned(args) { asked(name, args, false) } else { Ok(None) } }
}

/// As [`slot`], for slots that give a number; deleted attributes have a null argument and are nobody's.
///
/// # Safety
/// As [`slot`].
#[cold]
pub unsafe fn count(name: &str, args: &[P]) -> Result<Option<isize>> {
    // SAFETY: says the caller; the new reference is given back.
    unsafe {
        let Some(found) = slot(name, args)? else { return Ok(None) };
        let n = ffi::PyNumber_AsSsize_t(found, std::ptr::null_mut());
        ffi::Py_DECREF(found);
        if n == -1 && !ffi::PyErr_Occurred().is_null() { Err(fetched()) } else { Ok(Some(n)) }
    }
}

/// # Safety
/// As [`slot`].
unsafe fn asked(name: &str, args: &[P], operator: bool) -> Result<Option<P>> {
    // SAFETY: says the caller.
    unsafe {
        let py = Python::assume_attached();
        let args = args.iter().map(|&o| Bound::from_borrowed_ptr(py, o)).collect();
        ask(py, ("Tensor", name, operator), args, &PyDict::new(py))
    }
}

/// The methods that PyTorch names for Python's operators: the plain one, and the one for a number on the left.
const OPERATORS: &[(&str, &str, &str)] = &[
    ("add", "add", "add"),
    ("sub", "sub", "__rsub__"),
    ("mul", "mul", "mul"),
    ("truediv", "div", "__rdiv__"),
    ("floordiv", "__floordiv__", "__rfloordiv__"),
    ("mod", "remainder", "__rmod__"),
    ("pow", "pow", "__rpow__"),
    ("matmul", "matmul", "__rmatmul__"),
    ("and", "__and__", "bitwise_and"),
    ("or", "__or__", "bitwise_or"),
    ("xor", "__xor__", "bitwise_xor"),
    ("lshift", "__lshift__", "__rlshift__"),
    ("rshift", "__rshift__", "__rrshift__"),
    ("neg", "neg", ""),
    ("abs", "abs", ""),
    ("pos", "positive", ""),
    ("invert", "__invert__", ""),
    ("lt", "lt", ""),
    ("le", "le", ""),
    ("eq", "__eq__", ""),
    ("ne", "ne", ""),
    ("gt", "gt", ""),
    ("ge", "ge", ""),
];

/// As [`slot`], for an operator by its short name, `add`; `b` is null for operators of one operand. `mismatched` as in [`call`].
///
/// # Safety
/// As [`slot`].
#[cold]
pub unsafe fn operator(name: &str, a: P, b: P, inplace: bool, mismatched: bool) -> Result<Option<P>> {
    let row = OPERATORS.iter().find(|row| row.0 == name).copied();
    let Some((_, plain, reflected)) = row else { return Ok(None) };
    // SAFETY: says the caller; in place, what is given back is `a` itself where the class says nothing else.
    unsafe {
        let both: &[P] = if b.is_null() { &[a] } else { &[a, b] };
        if !(if mismatched { both.iter().any(|&o| speaks(o)) } else { concerned(both) }) {
            return Ok(None);
        }
        let run = |name: &str, args: &[P]| asked(name, args, true);
        if inplace {
            return match plain {
                "__floordiv__" => run("floor_divide_", both),
                plain if plain.starts_with("__") => run(&format!("__i{}", &plain[2..]), both),
                plain => run(&format!("{plain}_"), both),
            };
        }
        if as_tensor(a).is_some() || b.is_null() {
            return run(plain, both);
        }
        run(reflected, &[b, a])
    }
}

/// `which`: the module or class of a function, its name, and whether a TypeError means NotImplemented, as it does of operators.
fn ask(
    py: Python<'_>,
    which: (&str, &str, bool),
    args: Vec<Bound<'_, PyAny>>,
    kwargs: &Bound<'_, PyDict>,
) -> Result<Option<P>> {
    let run = || -> PyResult<Option<P>> {
        let take = py.import("rustgrad.overrides")?.getattr("_take_over")?;
        let found = take.call1((which.0, which.1, PyTuple::new(py, args)?, kwargs, which.2))?;
        if found.is_none() { Ok(None) } else { Ok(Some(found.get_item(0)?.into_ptr())) }
    };
    run().or_foreign()
}
