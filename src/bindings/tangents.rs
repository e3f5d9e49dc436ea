//! Forward mode as Python sees it: levels, and the tangents that tensors carry; and results that are kept for code that
//! runs again.

use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::autograd::object;
use super::errors::{OrForeign, to_python};
use super::object::as_tensor;
use crate::error::Result;
use crate::tensor::replay::{self, Replay};
use crate::tensor::{Tensor, mode, tangent};

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

/// Has results carry tangents within levels, or not; returns what it was.
#[pyfunction]
fn _set_forward_mode(on: bool) -> bool {
    tangent::set_enabled(on)
}

/// Whether results carry tangents within levels.
#[pyfunction]
fn _forward_mode_enabled() -> bool {
    tangent::enabled()
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

/// Python functions that are asked about each op: `before(name, inputs)` may give its results, a list,
/// `after(name, inputs, results)` sees what was computed.
struct Asked {
    before: Option<Py<PyAny>>,
    after: Option<Py<PyAny>>,
}

impl Replay for Asked {
    fn kept(&self, name: &'static str, x: &[&Tensor]) -> Result<Option<Vec<Tensor>>> {
        let Some(before) = &self.before else { return Ok(None) };
        // SAFETY: ops run with the GIL held.
        let py = unsafe { Python::assume_attached() };
        let found = before.bind(py).call1((name, listed(py, x).or_foreign()?)).or_foreign()?;
        let Ok(list) = found.cast::<PyList>() else { return Ok(None) };
        // SAFETY: live objects.
        Ok(Some(list.iter().filter_map(|t| unsafe { as_tensor(t.as_ptr()) }.cloned()).collect()))
    }
    fn made(&self, name: &'static str, x: &[&Tensor], outs: Vec<Tensor>) -> Result<()> {
        let Some(after) = &self.after else { return Ok(()) };
        // SAFETY: ops run with the GIL held.
        let py = unsafe { Python::assume_attached() };
        let outs = listed(py, &outs.iter().collect::<Vec<_>>()).or_foreign()?;
        after.bind(py).call1((name, listed(py, x).or_foreign()?, outs)).or_foreign().map(drop)
    }
}

fn listed<'py>(py: Python<'py>, x: &[&Tensor]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for &t in x {
        list.append(object(py, Some(t.clone()))?)?;
    }
    Ok(list)
}

/// Asks these functions about each op of this thread; without either nobody is asked.
#[pyfunction]
#[pyo3(signature = (before, after))]
fn _replay(before: Option<Py<PyAny>>, after: Option<Py<PyAny>>) {
    let asked: Option<Rc<dyn Replay>> =
        if before.is_none() && after.is_none() { None } else { Some(Rc::new(Asked { before, after })) };
    drop(replay::set(asked));
}

pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_enter_dual_level, m)?)?;
    m.add_function(wrap_pyfunction!(_exit_dual_level, m)?)?;
    m.add_function(wrap_pyfunction!(_set_forward_mode, m)?)?;
    m.add_function(wrap_pyfunction!(_forward_mode, m)?)?;
    m.add_function(wrap_pyfunction!(_forward_mode_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(_tangent, m)?)?;
    m.add_function(wrap_pyfunction!(_set_tangent, m)?)?;
    m.add_function(wrap_pyfunction!(_replay, m)?)
}
