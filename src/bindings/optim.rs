//! One call per step of an optimizer: it walks the parameters of a group and runs a kernel on each that has a gradient.
//! Their state lives in the dicts that Python shows as `optimizer.state`, which are read and filled here.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::errors::to_python;
use super::object::{as_tensor, wrap};
use crate::core::optim::{Adam, Sgd};
use crate::core::{DType, Device, Element, Layout, Meta, Shape, layout, shape};
use crate::device::Array;
use crate::error::Result;
use crate::tensor::door::enter;
use crate::tensor::{Tensor, mode};
use crate::{bail, cpu, err, gpu};

/// Elements from which a kernel is worth letting other Python threads run meanwhile.
const RELEASE: usize = 32 * 1024;

/// The submodule `optim`.
pub fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let m = PyModule::new(py, "optim")?;
    m.add_function(wrap_pyfunction!(sgd_step, &m)?)?;
    m.add_function(wrap_pyfunction!(adam_step, &m)?)?;
    Ok(m)
}

/// One step of stochastic gradient descent over `params`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the options of the optimizer, as its group holds them")]
fn sgd_step(
    py: Python<'_>,
    params: &Bound<'_, PyList>,
    state: &Bound<'_, PyDict>,
    lr: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    maximize: bool,
) -> PyResult<()> {
    let mut options = Sgd { lr, momentum, dampening, weight_decay, nesterov, maximize, first: false };
    for object in params {
        let Some((param, grad)) = with_gradient(&object)? else { continue };
        let mut buffer = None;
        if momentum != 0.0 {
            let key = intern!(py, "momentum_buffer");
            let own = state_of(state, &object)?;
            let found = own.get_item(key)?.filter(|o| !o.is_none());
            options.first = found.is_none();
            buffer = Some(match found {
                Some(o) => state_tensor(&o, key, &param)?,
                None => new_state(py, &own, key, &param)?,
            });
        }
        let (p, g, b) = (param.array().clone(), grad.array().clone(), buffer.as_ref().map(|b| b.array().clone()));
        if p.device.is_gpu() {
            gpu::optim::sgd(&p, &g, b.as_ref(), &options).map_err(|e| to_python(py, e))?;
        } else {
            release_if_big(py, p.numel(), || cpu::optim::sgd(&p, &g, b.as_ref(), &options));
        }
        wrote(&[Some(&param), buffer.as_ref()]);
    }
    Ok(())
}

/// One step of Adam, or of AdamW if `decoupled`, over `params`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the options of the optimizer, as its group holds them")]
fn adam_step(
    py: Python<'_>,
    params: &Bound<'_, PyList>,
    state: &Bound<'_, PyDict>,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
) -> PyResult<()> {
    for object in params {
        let Some((param, grad)) = with_gradient(&object)? else { continue };
        let own = state_of(state, &object)?;
        let named = |key: &Bound<'_, PyString>| match own.get_item(key)? {
            Some(o) => state_tensor(&o, key, &param),
            None => new_state(py, &own, key, &param),
        };
        let counter = counter(py, &own)?;
        let mean = named(intern!(py, "exp_avg"))?;
        let square = named(intern!(py, "exp_avg_sq"))?;
        let largest = if amsgrad { Some(named(intern!(py, "max_exp_avg_sq"))?) } else { None };
        let step = count(&counter);
        let options = Adam { lr, beta1, beta2, eps, weight_decay, decoupled, maximize, step };
        let (p, g, m, s) = (param.array().clone(), grad.array().clone(), mean.array().clone(), square.array().clone());
        let l = largest.as_ref().map(|l| l.array().clone());
        if p.device.is_gpu() {
            gpu::optim::adam(&p, &g, &m, &s, l.as_ref(), &options).map_err(|e| to_python(py, e))?;
        } else {
            release_if_big(py, p.numel(), || cpu::optim::adam(&p, &g, &m, &s, l.as_ref(), &options));
        }
        wrote(&[Some(&param), Some(&mean), Some(&square), largest.as_ref()]);
    }
    Ok(())
}

fn release_if_big(py: Python<'_>, numel: usize, kernel: impl FnOnce() + Send) {
    if numel >= RELEASE { py.detach(kernel) } else { kernel() }
}

fn wrote(tensors: &[Option<&Tensor>]) {
    tensors.iter().flatten().for_each(|t| t.bump_version());
}

/// The parameter and its gradient, or None where there is none. What the kernels rely on is checked here.
fn with_gradient(object: &Bound<'_, PyAny>) -> PyResult<Option<(Tensor, Tensor)>> {
    // SAFETY: `object` is alive, and the GIL is held.
    let Some(param) = (unsafe { as_tensor(object.as_ptr()) }) else {
        return Err(PyTypeError::new_err("optimizer: a parameter group may hold tensors only"));
    };
    let Some(grad) = param.grad() else { return Ok(None) };
    let check = || -> Result<()> {
        if !param.dtype().is_float() {
            bail!(Runtime, "optimizer: a parameter must be floating point, but this one is {}", param.dtype().name());
        }
        if !param.is_contiguous() && param.layout().overlaps_itself() {
            bail!(
                Runtime,
                "unsupported operation: more than one element of the written-to tensor refers to a single memory \
                 location. Please clone() the tensor before performing the operation."
            );
        }
        fits("the gradient", &grad, param)
    };
    check().map_err(|e| to_python(object.py(), e))?;
    Ok(Some((param.clone(), grad)))
}

fn fits(what: &str, t: &Tensor, param: &Tensor) -> Result<()> {
    if t.device() != param.device() {
        return Err(err!(
            Runtime,
            "optimizer: {what} is on {}, but its parameter is on {}",
            t.device(),
            param.device()
        )
        .hint(
            "move the model, model.to(device), before making the optimizer; load_state_dict moves state that was saved",
        ));
    }
    if t.shape() != param.shape() || t.dtype() != param.dtype() {
        return Err(err!(
            Runtime,
            "optimizer: {what} is {} of shape {}, but its parameter is {} of shape {}",
            t.dtype().name(),
            shape::list(t.shape()),
            param.dtype().name(),
            shape::list(param.shape())
        )
        .hint(
            "state follows its parameter only through load_state_dict; convert the model before making the optimizer",
        ));
    }
    Ok(())
}

/// The dict of one parameter's state, made if missing.
fn state_of<'py>(state: &Bound<'py, PyDict>, param: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    match state.get_item(param)? {
        Some(own) => Ok(own.cast_into::<PyDict>()?),
        None => {
            let own = PyDict::new(state.py());
            state.set_item(param, &own)?;
            Ok(own)
        }
    }
}

fn state_tensor(object: &Bound<'_, PyAny>, key: &Bound<'_, PyString>, param: &Tensor) -> PyResult<Tensor> {
    // SAFETY: `object` is alive, and the GIL is held.
    let Some(t) = (unsafe { as_tensor(object.as_ptr()) }) else {
        return Err(PyTypeError::new_err(format!("optimizer: state '{key}' must be a tensor")));
    };
    let checked = fits(&format!("state '{key}'"), t, param).and_then(|()| {
        if !t.is_contiguous() && t.layout().overlaps_itself() {
            bail!(Runtime, "optimizer: state '{key}' is an expanded tensor, which cannot be written to");
        }
        Ok(())
    });
    checked.map_err(|e| to_python(object.py(), e))?;
    Ok(t.clone())
}

/// Zeros like the parameter, kept under `key`.
fn new_state(py: Python<'_>, own: &Bound<'_, PyDict>, key: &Bound<'_, PyString>, param: &Tensor) -> PyResult<Tensor> {
    let like = layout::preserved(param.layout());
    let zeros = Array::zeros(Meta::new(like, param.dtype(), param.device())).map_err(|e| to_python(py, e))?;
    keep(py, own, key, enter("zeros", zeros))
}

fn keep(py: Python<'_>, own: &Bound<'_, PyDict>, key: &Bound<'_, PyString>, t: Tensor) -> PyResult<Tensor> {
    // SAFETY: `wrap` gives a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, wrap(t.clone()))? };
    own.set_item(key, object)?;
    Ok(t)
}

/// The tensor that counts this parameter's steps.
fn counter(py: Python<'_>, own: &Bound<'_, PyDict>) -> PyResult<Tensor> {
    let key = intern!(py, "step");
    match own.get_item(key)? {
        // SAFETY: the object is alive, and the GIL is held.
        Some(o) => match unsafe { as_tensor(o.as_ptr()) } {
            Some(t) if t.numel() == 1 && t.device() == Device::CPU => Ok(t.clone()),
            _ => Err(PyTypeError::new_err("optimizer: state 'step' must be a tensor of one element")),
        },
        None => {
            let dtype = if mode::default_float() == DType::F64 { DType::F64 } else { DType::F32 };
            let meta = Meta::new(Layout::contiguous(Shape::new()), dtype, Device::CPU);
            keep(py, own, key, enter("zeros", Array::zeros(meta).map_err(|e| to_python(py, e))?))
        }
    }
}

/// One step more.
fn count(counter: &Tensor) -> f64 {
    let array = counter.array();
    counter.bump_version();
    crate::dispatch!(array.dtype, T => {
        let p = array.ptr::<T>();
        // SAFETY: the array has one element, and the GIL is held.
        unsafe {
            *p = T::from_f64((*p).to_f64() + 1.0);
            (*p).to_f64()
        }
    })
}
