//! Forward mode as Python sees it: levels, and the tangents that tensors carry.

use pyo3::prelude::*;

use super::autograd::object;
use super::errors::to_python;
use super::object::as_tensor;
use crate::tensor::{mode, tangent};

/// Opens a level of dual tensors on this thread; False where one is open.
#[pyfunction]
fn _enter_dual_level() -> bool {
    tangent::enter()
}

/// Closes it.
#[pyfunction]
fn _exit_dual_level() {
    tangent::exit();
}

/// Has results carry tangents or not; returns what it was. Nothing carries any outside of a level.
#[pyfunction]
fn _set_forward_mode(on: bool) -> bool {
    tangent::set_enabled(on)
}

/// Whether results carry tangents.
#[pyfunction]
fn _forward_mode() -> bool {
    mode::bits() & mode::DUAL != 0
}

/// The tangent that a tensor carries, or None.
#[pyfunction]
fn _tangent<'py>(py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: an argument of the call.
    object(py, unsafe { as_tensor(x.as_ptr()) }.and_then(|x| x.tangent()))
}

/// Has `x` carry `tangent`, which has its shape; None takes it off.
#[pyfunction]
#[pyo3(signature = (x, tangent))]
fn _set_tangent<'py>(py: Python<'py>, x: &Bound<'py, PyAny>, tangent: &Bound<'py, PyAny>) -> PyResult<()> {
    // SAFETY: arguments of the call.
    let (x, t) = unsafe { (as_tensor(x.as_ptr()), as_tensor(tangent.as_ptr())) };
    match (x, t) {
        (Some(x), Some(t)) => x.become_dual(t).map_err(|e| to_python(py, e)),
        (Some(x), None) => {
            x.set_tangent(None);
            Ok(())
        }
        _ => Ok(()),
    }
}

pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_enter_dual_level, m)?)?;
    m.add_function(wrap_pyfunction!(_exit_dual_level, m)?)?;
    m.add_function(wrap_pyfunction!(_set_forward_mode, m)?)?;
    m.add_function(wrap_pyfunction!(_forward_mode, m)?)?;
    m.add_function(wrap_pyfunction!(_tangent, m)?)?;
    m.add_function(wrap_pyfunction!(_set_tangent, m)?)
}
