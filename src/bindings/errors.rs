//! From [`Error`] to Python exceptions and back. A Python exception that passes through Rust comes out as it went in.

use std::sync::OnceLock;

use pyo3::exceptions::*;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::core::spoken::as_torch;
use crate::error::{Error, Kind, Result};

/// A borrowed or owned object pointer, as the C API passes it.
pub type P = *mut ffi::PyObject;

static OUT_OF_MEMORY: OnceLock<Py<PyType>> = OnceLock::new();

pyo3::create_exception!(
    rustgrad,
    _LinAlgError,
    PyRuntimeError,
    "A matrix that is singular or not positive-definite, or an algorithm of linear algebra that did not converge."
);

/// `OutOfMemoryError(RuntimeError, MemoryError)`: two bases need a class made by `type`.
pub fn out_of_memory_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    if OUT_OF_MEMORY.get().is_none() {
        let bases = PyTuple::new(py, [py.get_type::<PyRuntimeError>(), py.get_type::<PyMemoryError>()])?;
        let dict = pyo3::types::PyDict::new(py);
        dict.set_item("__module__", "rustgrad")?;
        dict.set_item("__doc__", "A tensor does not fit into memory.")?;
        let class = py.get_type::<PyType>().call1(("OutOfMemoryError", bases, dict))?;
        let _ = OUT_OF_MEMORY.set(class.cast_into::<PyType>()?.unbind());
    }
    match OUT_OF_MEMORY.get() {
        Some(class) => Ok(class.bind(py)),
        None => Err(PyRuntimeError::new_err("internal error: no OutOfMemoryError class")),
    }
}

/// The exception that says what `e` says.
#[cold]
pub fn to_python(py: Python<'_>, mut e: Box<Error>) -> PyErr {
    if let Some(foreign) = e.foreign.take() {
        return match foreign.downcast::<PyErr>() {
            Ok(original) => *original,
            Err(_) => PyRuntimeError::new_err("internal error: an exception of unknown origin"),
        };
    }
    // A program that prints what it caught prints PyTorch's words. A traceback shows notes below them, as it shows hints.
    let note = if as_torch() { e.hint.take() } else { None };
    let text = e.to_string();
    let error = match e.kind {
        Kind::Runtime | Kind::Foreign => PyRuntimeError::new_err(text),
        Kind::Index => PyIndexError::new_err(text),
        Kind::Type => PyTypeError::new_err(text),
        Kind::Assertion => pyo3::exceptions::PyAssertionError::new_err(text),
        Kind::Overflow => PyOverflowError::new_err(text),
        Kind::Value => PyValueError::new_err(text),
        Kind::NotImplemented => PyNotImplementedError::new_err(text),
        Kind::LinAlg => _LinAlgError::new_err(text),
        Kind::OutOfMemory => match out_of_memory_class(py) {
            Ok(class) => PyErr::from_type(class.clone(), text),
            Err(e) => e,
        },
    };
    if let Some(hint) = note
        && let Err(other) = error.value(py).call_method1("add_note", (format!("hint: {hint}"),))
    {
        return other;
    }
    error
}

/// Sets the Python error indicator.
#[cold]
pub fn raise(e: Box<Error>) -> P {
    // Attached anew: pyo3 drops references at once only where it counts the attachment as its own.
    Python::attach(|py| to_python(py, e).restore(py));
    std::ptr::null_mut()
}

/// The exception that a C call has just set, as an [`Error`].
#[cold]
pub fn fetched() -> Box<Error> {
    Python::attach(|py| foreign(PyErr::fetch(py)))
}

#[cold]
pub fn foreign(e: PyErr) -> Box<Error> {
    Error::foreign(Box::new(e))
}

/// `?` for results of pyo3 in functions that return [`Result`].
pub trait OrForeign<T> {
    fn or_foreign(self) -> Result<T>;
}

impl<T> OrForeign<T> for PyResult<T> {
    fn or_foreign(self) -> Result<T> {
        self.map_err(foreign)
    }
}

/// A new reference, or the exception that explains its absence.
#[inline]
pub fn checked(object: P) -> Result<P> {
    if object.is_null() { Err(fetched()) } else { Ok(object) }
}
