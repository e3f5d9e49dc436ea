//! Floor 8: the Python C API, a thin skin. Ops are installed from the registry; what is written by hand here are
//! types, attributes, indexing and the conversions between Python's data and ours.

mod attributes;
mod autocast;
mod autograd;
mod call;
mod convert;
mod counts;
mod data;
mod describe;
mod entry;
mod errors;
mod function;
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
mod node;
mod numpy;
mod object;
mod older;
mod operators;
mod optim;
mod over;
mod overrides;
mod saved;
mod saved_tensor;
mod size;
mod storage;
mod tangents;
mod types;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pyo3::exceptions::{PyImportError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule};

use entry::Entry;
use errors::{OrForeign, P, to_python};

use crate::cpu::dispatch::Level;
use crate::device::settings;

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

/// From now on `empty` and kin fill what they make with NaN or the largest integers, or no longer.
#[pyfunction]
fn _fill_uninitialized(on: bool) {
    crate::tensor::mode::set_fill(on);
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

/// Gives memory that is kept for later tensors back to the system.
#[pyfunction]
fn _cpu_empty_cache() {
    crate::device::cpu::empty_cache();
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// How many panics there were, those that became exceptions included: for tests.
#[pyfunction]
fn _panics() -> usize {
    PANICS.load(Relaxed)
}

fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Relaxed);
        before(info);
    }));
}

/// The classes of results with named items, by name: what `rustgrad.return_types` shows.
#[pyfunction]
fn _return_types(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let classes = PyDict::new(py);
    for class in entry::named_classes() {
        // SAFETY: a class of the registry, which lives for ever.
        let class = unsafe { Bound::from_borrowed_ptr(py, class) };
        classes.set_item(class.getattr("__name__")?, class)?;
    }
    Ok(classes)
}

/// Makes the submodule of a dotted place (`signal.windows`), and those on the way to it.
fn submodule<'py>(m: &Bound<'py, PyModule>, place: &str) -> PyResult<Bound<'py, PyModule>> {
    let registered = m.py().import("sys")?.getattr("modules")?;
    let mut at = m.clone();
    for part in place.split('.') {
        let full = format!("{}.{part}", at.name()?);
        at = match registered.get_item(&full) {
            Ok(found) => found.cast_into::<PyModule>()?,
            Err(_) => {
                let fresh = PyModule::new(m.py(), &full)?;
                at.add(part, &fresh)?;
                registered.set_item(&full, &fresh)?;
                fresh
            }
        };
    }
    Ok(at)
}

/// Fills the module. There is one Tensor type per process: a second interpreter is refused.
pub fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    // SAFETY: the GIL is held.
    if unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) } != 0 || ENTRIES.get().is_some() {
        return Err(PyImportError::new_err("rustgrad can be loaded once per process, by its main interpreter"));
    }
    settings::choice("RUSTGRAD_CPU", &["portable", "avx2", "avx512"]).map_err(PyValueError::new_err)?;
    settings::count("RUSTGRAD_NUM_THREADS").map_err(PyValueError::new_err)?;
    gil::init(py)?;
    count_panics();
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
    m.add("_LinAlgError", py.get_type::<errors::_LinAlgError>())?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    all.extend(["Tensor", "Size", "OutOfMemoryError", "UntypedStorage"].map(String::from));
    let make = wrap_pyfunction!(methods::_make_subclass, m)?;
    let static_method = py.import("builtins")?.getattr("staticmethod")?.call1((make,))?;
    tensor.setattr("_make_subclass", static_method)?;
    storage::add(m)?;
    over::add(m)?;
    m.add_function(wrap_pyfunction!(_describe, m)?)?;
    m.add_function(wrap_pyfunction!(_call_library_torch, m)?)?;
    m.add_function(wrap_pyfunction!(_fill_uninitialized, m)?)?;
    m.add_function(wrap_pyfunction!(_library, m)?)?;
    m.add_function(wrap_pyfunction!(_return_types, m)?)?;
    m.add_function(wrap_pyfunction!(_cpu_capability, m)?)?;
    m.add_function(wrap_pyfunction!(_cpu_empty_cache, m)?)?;
    m.add_function(wrap_pyfunction!(_panics, m)?)?;
    gpu::add(m)?;
    node::add(m)?;
    function::add(m)?;
    saved::add(m)?;
    tangents::add(m)?;
    m.add("io", io::module(py)?)?;
    m.add("optim", optim::module(py)?)?;
    m.add("RemovableHandle", py.get_type::<autograd::RemovableHandle>())?;

    // The submodules, one per place that an op names.
    let mut modules: HashMap<&'static str, Bound<'_, PyModule>> = HashMap::new();
    let mut find = |place: &'static str| -> PyResult<P> {
        if !modules.contains_key(place) {
            modules.insert(place, submodule(m, place)?);
        }
        Ok(modules[place].as_ptr())
    };
    // SAFETY: once, at import, and the type exists.
    let entries = unsafe { install::install(tensor.as_ptr(), &mut |place| find(place).or_foreign()) }
        .map_err(|e| to_python(py, e))?;
    let _ = ENTRIES.set(entries);
    operators::connect().map_err(|e| to_python(py, e))?;
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
    for (place, module) in &modules {
        module.add("__all__", PyList::new(py, lists.remove(place).unwrap_or_default())?)?;
    }
    m.add("__all__", PyList::new(py, all)?)?;
    Ok(())
}
