//! Reading and writing files of tensors, without holding the GIL meanwhile.

use std::collections::HashMap;
use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::to_python;
use super::object::{as_tensor, wrap};
use crate::io::safetensors;
use crate::tensor::door::enter;

/// The submodule `io`.
pub fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let m = PyModule::new(py, "io")?;
    m.add_function(wrap_pyfunction!(save_safetensors, &m)?)?;
    m.add_function(wrap_pyfunction!(load_safetensors, &m)?)?;
    Ok(m)
}

/// Writes a dict of tensors to a file, with a note for each name in `metadata`.
#[pyfunction]
#[pyo3(signature = (tensors, path, metadata = None))]
fn save_safetensors(
    py: Python<'_>,
    tensors: &Bound<'_, PyDict>,
    path: PathBuf,
    metadata: Option<HashMap<String, String>>,
) -> PyResult<()> {
    let mut arrays = Vec::with_capacity(tensors.len());
    for (name, value) in tensors {
        // SAFETY: `value` is alive, and the GIL is held.
        let Some(t) = (unsafe { as_tensor(value.as_ptr()) }) else {
            return Err(PyTypeError::new_err("save: expected a dict from names to tensors"));
        };
        arrays.push((name.extract::<String>()?, t.on_cpu().map_err(|e| to_python(py, e))?));
    }
    // The note that PyTorch's readers look for.
    let text = metadata.unwrap_or_else(|| HashMap::from([("format".to_string(), "pt".to_string())]));
    py.detach(|| safetensors::save(&path, &arrays, Some(text))).map_err(|e| to_python(py, e))
}

/// The tensors of a file by name, in the order of the file.
#[pyfunction]
fn load_safetensors(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let (arrays, _) = py.detach(|| safetensors::load(&path)).map_err(|e| to_python(py, e))?;
    let tensors = PyDict::new(py);
    for (name, array) in arrays {
        // SAFETY: `wrap` gives a new reference, or null with an exception set.
        let object = unsafe { Bound::from_owned_ptr_or_err(py, wrap(enter("load", array)))? };
        tensors.set_item(name, object)?;
    }
    Ok(tensors)
}
