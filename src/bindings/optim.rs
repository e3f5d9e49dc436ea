//! One call per step of an optimizer: it walks the parameters of a group and runs the optimizer's row on each that has a
//! gradient. Their state lives in the dicts that Python shows as `optimizer.state`, which are read and filled here.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::errors::to_python;
use super::object::{as_tensor, wrap};
use crate::core::{DType, Device, Element, Layout, Meta, Shape, layout, shape};
use crate::device::Array;
use crate::error::Result;
use crate::expr::update::MAX_OPERANDS;
use crate::ops::update::{Counter, FRESH, MAX_COUNTERS, MAX_STATE, Part, Ready, Rule, lanes, replay};
use crate::tensor::door::enter;
use crate::tensor::{Tensor, mode};
use crate::{bail, err};

/// Elements from which a step is worth letting other Python threads run meanwhile.
const RELEASE: usize = 32 * 1024;
/// Numbers that an optimizer is called with at most.
const MAX_OPTIONS: usize = 8;

/// The submodule `optim`.
pub fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let m = PyModule::new(py, "optim")?;
    m.add_class::<Step>()?;
    Ok(m)
}

/// The step of the optimizer of this name, over the parameters of a group.
#[pyclass(module = "rustgrad._rustgrad.optim", frozen)]
struct Step {
    rule: &'static Rule,
    /// The names of its state: counters first.
    counters: Vec<Py<PyString>>,
    state: Vec<Py<PyString>>,
}

/// A parameter with all that a step of it reads and writes.
struct Found {
    param: Tensor,
    grad: Tensor,
    state: [Option<Tensor>; MAX_STATE],
    counters: [Option<Tensor>; MAX_COUNTERS],
    /// What the counters hold after the step.
    counts: [Counter; MAX_COUNTERS],
    ready: Ready,
}

impl Found {
    /// The step, where `of` gives the array of a tensor; the parameter stands for state that is not needed.
    fn part<'a>(&self, of: impl Fn(usize) -> Option<&'a Array>, param: &'a Array) -> Part<'a> {
        let x = std::array::from_fn(|k| of(k).unwrap_or(param));
        Part { x, numbers: self.ready.numbers, flags: self.ready.flags }
    }

    /// Operand `k` of the formula.
    fn operand(&self, k: usize) -> Option<&Tensor> {
        match k {
            0 => Some(&self.param),
            1 => Some(&self.grad),
            _ => self.state.get(k - 2)?.as_ref(),
        }
    }

    /// Notes that the step was done.
    fn done(&self) {
        self.counters.iter().zip(self.counts).for_each(|(t, count)| {
            if let Some(t) = t {
                write(t, count.value);
            }
        });
    }
}

#[pymethods]
impl Step {
    #[new]
    fn new(py: Python<'_>, name: &str) -> PyResult<Step> {
        let Some(rule) = Rule::named(name) else {
            return Err(PyValueError::new_err(format!("no optimizer is called '{name}'")));
        };
        let interned = |key: &str| PyString::intern(py, key).unbind();
        Ok(Step {
            rule,
            counters: rule.counters.iter().map(|(key, _)| interned(key)).collect(),
            state: rule.state.iter().map(|(key, _)| interned(key)).collect(),
        })
    }

    /// Changes the parameters once, and their state. `args` are the optimizer's options, numbers and then truth values.
    #[pyo3(signature = (params, state, *args))]
    fn __call__(
        &self,
        py: Python<'_>,
        params: &Bound<'_, PyList>,
        state: &Bound<'_, PyDict>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        let (options, choices) = self.options(args)?;
        let options = &options[..self.rule.options.len()];
        let mut found = Vec::with_capacity(params.len());
        let mut total = 0;
        for object in params {
            let Some(one) = self.find(&object, state, options, choices)? else { continue };
            total += one.param.numel();
            found.push(one);
        }
        let rule = self.rule;
        let done = if total >= RELEASE || found.iter().any(|one| one.param.dtype().is_complex()) {
            // Arrays of their own, since other threads may give the tensors new ones meanwhile.
            let own: Vec<[Option<Array>; MAX_OPERANDS]> =
                found.iter().map(|one| std::array::from_fn(|k| one.operand(k).map(|t| lanes(t.array())))).collect();
            let mut parts = Vec::with_capacity(found.len());
            for (one, own) in found.iter().zip(&own) {
                if let Some(param) = &own[0] {
                    parts.push(one.part(|k| own[k].as_ref(), param));
                }
            }
            py.detach(|| rule.run(&parts))
        } else {
            let mut parts = Vec::with_capacity(found.len());
            for one in &found {
                parts.push(one.part(|k| one.operand(k).map(Tensor::array), one.param.array()));
            }
            rule.run(&parts)
        };
        done.map_err(|e| to_python(py, e))?;
        for one in &found {
            one.done();
            one.param.bump_version();
            one.state.iter().flatten().for_each(Tensor::bump_version);
        }
        Ok(())
    }

    /// As a call, but of ops that are recorded, so that what follows can be differentiated through the step.
    #[pyo3(signature = (params, state, *args))]
    fn recorded(
        &self,
        py: Python<'_>,
        params: &Bound<'_, PyList>,
        state: &Bound<'_, PyDict>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        let (options, choices) = self.options(args)?;
        for object in params {
            let options = &options[..self.rule.options.len()];
            let Some(one) = self.find(&object, state, options, choices)? else { continue };
            let x: [Option<Tensor>; MAX_OPERANDS] = std::array::from_fn(|k| one.operand(k).cloned());
            let change = || -> Result<()> {
                for (k, value) in replay(self.rule, &x, &one.ready)? {
                    if let Some(operand) = one.operand(k) {
                        operand.copy_from(&value)?;
                    }
                }
                Ok(())
            };
            change().map_err(|e| to_python(py, e))?;
            one.done();
        }
        Ok(())
    }
}

impl Step {
    /// The numbers among the arguments, and the truth values as bits.
    fn options(&self, args: &Bound<'_, PyTuple>) -> PyResult<([f64; MAX_OPTIONS], u32)> {
        let rule = self.rule;
        let (numbers, choices) = (rule.options.len(), rule.choices.len());
        if args.len() != numbers + choices {
            let names: Vec<&str> = rule.options.iter().chain(rule.choices).copied().collect();
            return Err(PyTypeError::new_err(format!("{}: the options are {}", rule.name, names.join(", "))));
        }
        let mut options = [0.0; MAX_OPTIONS];
        let mut bits = 0;
        for (k, value) in args.iter_borrowed().enumerate() {
            match options.get_mut(k) {
                Some(option) if k < numbers => *option = value.extract()?,
                _ => bits |= u32::from(value.is_truthy()?) << (k - numbers),
            }
        }
        Ok((options, bits))
    }

    /// The parameter with its gradient, its state, made where it is missing, and the numbers of its step. None without a gradient.
    fn find(
        &self,
        object: &Bound<'_, PyAny>,
        state: &Bound<'_, PyDict>,
        options: &[f64],
        choices: u32,
    ) -> PyResult<Option<Found>> {
        let (py, rule) = (object.py(), self.rule);
        let Some((param, grad)) = with_gradient(object)? else { return Ok(None) };
        let mut own = None;
        let mut counters = [const { None }; MAX_COUNTERS];
        let mut counts = [Counter::default(); MAX_COUNTERS];
        for (k, (key, (_, start))) in self.counters.iter().zip(rule.counters).enumerate() {
            let (t, count) = counter(own_state(&mut own, state, object)?, key.bind(py), *start)?;
            (counters[k], counts[k]) = (Some(t), count);
        }
        let Some(mut ready) = (rule.prepare)(options, choices, &mut counts) else {
            return Err(PyTypeError::new_err(format!("{}: wrong options", rule.name)));
        };
        let mut tensors = [const { None }; MAX_STATE];
        for (slot, (key, (_, when))) in tensors.iter_mut().zip(self.state.iter().zip(rule.state)) {
            if when.is_some_and(|flag| ready.flags >> flag & 1 == 0) {
                continue;
            }
            let (own, key) = (own_state(&mut own, state, object)?, key.bind(py));
            *slot = Some(match own.get_item(key)?.filter(|o| !o.is_none()) {
                Some(o) => state_tensor(&o, key, &param)?,
                None => {
                    ready.flags |= 1 << FRESH;
                    new_state(py, own, key, &param)?
                }
            });
        }
        Ok(Some(Found { param, grad, state: tensors, counters, counts, ready }))
    }
}

/// The parameter and its gradient, or None where there is none. What the kernels rely on is checked here.
fn with_gradient(object: &Bound<'_, PyAny>) -> PyResult<Option<(Tensor, Tensor)>> {
    // SAFETY: `object` is alive, and the GIL is held.
    let Some(param) = (unsafe { as_tensor(object.as_ptr()) }) else {
        return Err(PyTypeError::new_err("optimizer: a parameter group may hold tensors only"));
    };
    let Some(grad) = param.grad() else { return Ok(None) };
    let check = || -> Result<()> {
        if !param.dtype().is_differentiable() {
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

/// The dict of one parameter's state, found once and made if missing.
fn own_state<'a, 'py>(
    known: &'a mut Option<Bound<'py, PyDict>>,
    state: &Bound<'py, PyDict>,
    param: &Bound<'py, PyAny>,
) -> PyResult<&'a Bound<'py, PyDict>> {
    let own = match known.take() {
        Some(own) => own,
        None => match state.get_item(param)? {
            Some(own) => own.cast_into::<PyDict>()?,
            None => {
                let own = PyDict::new(state.py());
                state.set_item(param, &own)?;
                own
            }
        },
    };
    Ok(known.insert(own))
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

/// The number under `key`, a tensor of one element, and what it holds; made where it is missing.
fn counter(own: &Bound<'_, PyDict>, key: &Bound<'_, PyString>, start: f64) -> PyResult<(Tensor, Counter)> {
    let py = own.py();
    let t = match own.get_item(key)? {
        // SAFETY: the object is alive, and the GIL is held.
        Some(o) => match unsafe { as_tensor(o.as_ptr()) } {
            Some(t) if t.numel() == 1 && t.device() == Device::CPU => t.clone(),
            _ => return Err(PyTypeError::new_err(format!("optimizer: state '{key}' must be a tensor of one element"))),
        },
        None => {
            let dtype = if mode::default_float() == DType::F64 { DType::F64 } else { DType::F32 };
            let meta = Meta::new(Layout::contiguous(Shape::new()), dtype, Device::CPU);
            let zeros = Array::zeros(meta).map_err(|e| to_python(py, e))?;
            let t = keep(py, own, key, enter("zeros", zeros))?;
            write(&t, start);
            t
        }
    };
    let array = t.array();
    // SAFETY: the array has one element, and the GIL is held.
    let value = crate::dispatch!(array.dtype, T => unsafe { *array.ptr::<T>() }.to_f64());
    let single = t.dtype() == DType::F32;
    Ok((t, Counter { value, single }))
}

/// Puts a number into a tensor of one element.
fn write(counter: &Tensor, value: f64) {
    let array = counter.array();
    counter.bump_version();
    // SAFETY: as above.
    crate::dispatch!(array.dtype, T => unsafe { *array.ptr::<T>() = T::from_f64(value) });
}
