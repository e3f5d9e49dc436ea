//! Floor 8: the Python C API, a thin skin. Ops are installed from the registry; what is written by hand here are
//! types, attributes, indexing and the conversions between Python's data and ours.

mod attributes;
mod autograd;
mod call;
mod convert;
mod data;
mod describe;
mod entry;
mod errors;
mod functions;
mod gil;
mod gpu;
mod hooks;
mod index;
mod install;
mod io;
mod methods;
mod mismatch;
mod native;
mod numpy;
mod object;
mod operators;
mod optim;
mod size;
mod types;

use std::collections::HashMap;
use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule};

use entry::Entry;
use errors::to_python;

use crate::cpu::dispatch::Level;

static ENTRIES: OnceLock<&'static [Entry]> = OnceLock::new();

/// The registry as Python data.
#[pyfunction]
fn _describe(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    describe::describe(py, ENTRIES.get().copied().unwrap_or(&[]))
}

/// From now on reprs and messages call the library `torch`, or `rustgrad` again.
#[pyfunction]
fn _call_library_torch(on: bool) {
    crate::core::spoken::set_as_torch(on);
}

/// What reprs and messages call the library: `rustgrad`, or `torch` after `rustgrad.as_torch()`.
#[pyfunction]
fn _library() -> &'static str {
    crate::core::spoken::library()
}

/// The instruction set that kernels use, as PyTorch calls it.
#[pyfunction]
fn _cpu_capability() -> &'static str {
    match crate::cpu::dispatch::level() {
        Level::Portable => "DEFAULT",
        Level::Avx2 => "AVX2",
        Level::Avx512 => "AVX512",
    }
}

/// The classes of results with named items, by the name of their op.
#[pyfunction]
fn _return_types(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let classes = PyDict::new(py);
    for e in ENTRIES.get().copied().unwrap_or(&[]) {
        for o in e.overloads.iter().filter(|o| !o.class.is_null()) {
            // SAFETY: the class of a result lives for ever.
            classes.set_item(&e.name, unsafe { Bound::from_borrowed_ptr(py, o.class) })?;
        }
    }
    Ok(classes)
}

/// The submodules, one per place.
const PLACES: [&str; 5] = ["torch", "nn", "linalg", "special", "fft"];

/// Fills the module. There is one Tensor type per process: a second interpreter is refused.
pub fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    // SAFETY: the GIL is held.
    if unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) } != 0 || ENTRIES.get().is_some() {
        return Err(PyImportError::new_err("rustgrad can be loaded once per process, by its main interpreter"));
    }
    gil::init(py)?;
    let mut all: Vec<String> = Vec::new();
    types::add_to(m, &mut all)?;
    // SAFETY: once, at import; the slots follow the C API.
    let (tensor, size) = unsafe {
        let slots = operators::slots().into_iter().chain(attributes::slots()).collect();
        let doc = c"A tensor: elements of one dtype in as many dims as needed, and its place in the graph.";
        let tensor = object::make_type(c"rustgrad.Tensor", doc, slots, attributes::getters());
        let size = size::make_type().map_err(|e| to_python(py, e))?;
        (Bound::from_owned_ptr_or_err(py, tensor)?, Bound::from_owned_ptr(py, size))
    };
    // The bare name is what messages show: 'Tensor' object has no attribute ...
    tensor.setattr("__name__", "Tensor")?;
    m.add("Tensor", &tensor)?;
    m.add("Size", &size)?;
    m.add("OutOfMemoryError", errors::out_of_memory_class(py)?)?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    all.extend(["Tensor", "Size", "OutOfMemoryError"].map(String::from));
    let make = wrap_pyfunction!(methods::_make_subclass, m)?;
    let static_method = py.import("builtins")?.getattr("staticmethod")?.call1((make,))?;
    tensor.setattr("_make_subclass", static_method)?;
    m.add_function(wrap_pyfunction!(methods::_rebuild_tensor, m)?)?;
    m.add_function(wrap_pyfunction!(_describe, m)?)?;
    m.add_function(wrap_pyfunction!(_call_library_torch, m)?)?;
    m.add_function(wrap_pyfunction!(_library, m)?)?;
    m.add_function(wrap_pyfunction!(_return_types, m)?)?;
    m.add_function(wrap_pyfunction!(_cpu_capability, m)?)?;
    gpu::add(m)?;
    m.add("io", io::module(py)?)?;
    m.add("optim", optim::module(py)?)?;
    m.add("RemovableHandle", py.get_type::<autograd::RemovableHandle>())?;

    let mut modules: HashMap<&'static str, Bound<'_, PyModule>> = HashMap::new();
    let registered = py.import("sys")?.getattr("modules")?;
    for place in PLACES {
        let full = format!("{}.{place}", m.name()?);
        let sub = PyModule::new(py, &full)?;
        m.add(place, &sub)?;
        registered.set_item(&full, &sub)?;
        modules.insert(place, sub);
    }
    // SAFETY: once, at import, and the type exists.
    let entries = unsafe {
        install::install(tensor.as_ptr(), &mut |place| match modules.get(place) {
            Some(m) => Ok(m.as_ptr()),
            None => Err(crate::err!(Runtime, "internal error: no module {place}")),
        })
    }
    .map_err(|e| to_python(py, e))?;
    let _ = ENTRIES.set(entries);
    operators::connect(entries).map_err(|e| to_python(py, e))?;
    let mut lists: HashMap<&str, Vec<&str>> = HashMap::new();
    for e in entries.iter().filter(|e| !e.method) {
        let native = e.overloads.iter().all(|o| matches!(o.target, entry::Target::Native(_)));
        // Functions that are no ops are found at the top too, private ones only there by star import's rule.
        if native && e.module == "torch" {
            m.add(e.name.as_str(), modules["torch"].getattr(e.name.as_str())?)?;
        }
        if !e.name.starts_with('_') {
            lists.entry(e.module).or_default().push(&e.name);
        }
    }
    for place in PLACES {
        let names = lists.remove(place).unwrap_or_default();
        modules[place].add("__all__", PyList::new(py, names)?)?;
    }
    m.add("__all__", PyList::new(py, all)?)?;
    Ok(())
}
