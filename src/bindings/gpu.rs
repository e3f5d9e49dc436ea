//! `rustgrad.gpu`: what is known of the adapter and its memory, and waiting for it.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::errors::to_python;
use super::object::as_tensor;
use crate::device::gpu::trace::Event;
use crate::device::gpu::{self, gpu};
use crate::error::Result;
use crate::gpu::map::settle;

fn told<T>(py: Python<'_>, r: Result<T>) -> PyResult<T> {
    r.map_err(|e| to_python(py, e))
}

/// Whether `device="gpu"` works here. Starts the GPU where there is one.
#[pyfunction]
fn gpu_is_available(py: Python<'_>) -> bool {
    py.detach(gpu::is_available)
}

/// The adapter's name, and whether it is a program on the CPU.
#[pyfunction]
fn gpu_adapter(py: Python<'_>) -> PyResult<(String, bool)> {
    let g = told(py, py.detach(|| gpu("gpu")))?;
    Ok((g.name().to_string(), g.is_software()))
}

/// Whether `cuda` means the GPU in this program.
#[pyfunction]
fn _cuda_is_gpu(py: Python<'_>) -> bool {
    py.detach(super::types::cuda_is_gpu)
}

/// From now on the program calls the GPU `cuda`, or no longer: for tests, which have no hardware.
#[pyfunction]
fn _call_gpu_cuda(on: bool) {
    crate::core::spoken::set_gpu_as_cuda(on);
}

/// Wait until all that was asked of the GPU is done.
#[pyfunction]
fn gpu_synchronize(py: Python<'_>) -> PyResult<()> {
    told(py, py.detach(|| gpu("synchronize").and_then(|g| settle().and_then(|()| g.synchronize("synchronize")))))
}

/// Give cached buffers back to the driver.
#[pyfunction]
fn gpu_empty_cache() {
    if let Some(g) = gpu::started() {
        // What fails here is raised by the next call.
        let _ = settle();
        g.empty_cache();
    }
}

/// Bytes of the GPU's memory by use.
#[pyfunction]
fn gpu_memory(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    told(py, settle())?;
    let s = gpu::started().map(|g| g.statistics()).unwrap_or_default();
    let d = PyDict::new(py);
    for (name, n) in
        [("in_use", s.in_use), ("cached", s.cached), ("peak", s.peak), ("limit", s.limit), ("buffers", s.buffers)]
    {
        d.set_item(name, n)?;
    }
    Ok(d)
}

/// Count the most bytes in use anew.
#[pyfunction]
fn gpu_reset_peak(py: Python<'_>) -> PyResult<()> {
    told(py, settle())?;
    if let Some(g) = gpu::started() {
        g.reset_peak();
    }
    Ok(())
}

/// Time kernels from now on; whether by the device's own clock.
#[pyfunction]
fn gpu_start_profile(py: Python<'_>) -> PyResult<bool> {
    told(py, settle().and_then(|()| gpu("gpu.profile")?.start_profile()))
}

/// End the profile: (op, calls, seconds), the longest first.
#[pyfunction]
fn gpu_stop_profile(py: Python<'_>) -> PyResult<Vec<(String, u64, f64)>> {
    let settled = settle();
    let entries = gpu::started().map_or(vec![], |g| g.stop_profile());
    told(py, settled)?;
    Ok(entries.into_iter().map(|e| (e.op, e.calls, e.nanoseconds * 1e-9)).collect())
}

/// Destroy the device, to test what follows.
#[pyfunction]
fn _gpu_destroy(py: Python<'_>) -> PyResult<()> {
    told(py, gpu("gpu").map(|g| g.destroy()))
}

/// The op and the WGSL text of every kernel that was compiled, from the first call on: for tests.
#[pyfunction]
fn _gpu_texts(py: Python<'_>) -> PyResult<Vec<(String, String)>> {
    told(py, settle())?;
    Ok(crate::gpu::kernel::texts())
}

/// Begin or end to listen to what the device is asked, and what was heard since: for tests.
#[pyfunction]
fn _gpu_trace<'py>(py: Python<'py>, on: bool) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let tuple = |event| match event {
        Event::Upload { buffer, bytes } => ("upload", buffer, PyBytes::new(py, &bytes)).into_pyobject(py),
        Event::Clear { buffer } => ("clear", buffer).into_pyobject(py),
        Event::Launch { op, text, meta, groups, bindings } => {
            ("launch", op, text, PyBytes::new(py, &meta), groups, bindings).into_pyobject(py)
        }
    };
    told(py, settle())?;
    gpu::trace::listen(on).into_iter().map(tuple).collect()
}

/// What stands for a tensor's buffer in a trace.
#[pyfunction]
fn _gpu_buffer(t: &Bound<'_, PyAny>) -> Option<usize> {
    // SAFETY: a live object; the GIL is held.
    let t = unsafe { as_tensor(t.as_ptr()) }?;
    t.array().storage.gpu().map(|b| b.id())
}

pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(gpu_is_available, m)?)?;
    m.add_function(wrap_pyfunction!(gpu_adapter, m)?)?;
    m.add_function(wrap_pyfunction!(_cuda_is_gpu, m)?)?;
    m.add_function(wrap_pyfunction!(_call_gpu_cuda, m)?)?;
    m.add_function(wrap_pyfunction!(gpu_synchronize, m)?)?;
    m.add_function(wrap_pyfunction!(gpu_empty_cache, m)?)?;
    m.add_function(wrap_pyfunction!(gpu_memory, m)?)?;
    m.add_function(wrap_pyfunction!(gpu_reset_peak, m)?)?;
    m.add_function(wrap_pyfunction!(gpu_start_profile, m)?)?;
    m.add_function(wrap_pyfunction!(gpu_stop_profile, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_destroy, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_texts, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_trace, m)?)?;
    m.add_function(wrap_pyfunction!(_gpu_buffer, m)?)?;
    Ok(())
}
