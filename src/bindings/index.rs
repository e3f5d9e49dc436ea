//! Python's index objects, read and written: ints, slices, `...` and None become the steps of [`subscript`].

use pyo3::ffi;

use super::convert::{is_bool, is_none, type_name};
use super::errors::{P, checked, fetched};
use super::object::{as_tensor, wrap};
use crate::core::DType;
use crate::core::spoken::library;
use crate::error::Result;
use crate::ops::subscript::{Step, Steps, view};
use crate::tensor::handle::ViewKind;
use crate::tensor::{Tensor, mode};
use crate::{bail, err};

fn parse(key: P) -> Result<Steps> {
    let mut steps = Steps::new();
    // SAFETY: a live key; items are borrowed.
    unsafe {
        if ffi::PyTuple_Check(key) != 0 {
            for i in 0..ffi::PyTuple_Size(key) {
                steps.push_unless_second_rest(step(ffi::PyTuple_GetItem(key, i))?);
            }
        } else {
            steps.push(step(key)?);
        }
    }
    Ok(steps)
}

#[cold]
fn advanced(what: &str) -> Box<crate::error::Error> {
    err!(NotImplemented, "indexing with {what} is not implemented yet; expected ints, slices, `...` or None")
        .hint("use index_select, gather or where")
}

/// # Safety
/// `o` is alive.
unsafe fn step(o: P) -> Result<Step> {
    // SAFETY: says the caller.
    unsafe {
        if ffi::PyLong_CheckExact(o) != 0 {
            let v = ffi::PyLong_AsLongLong(o);
            if v == -1 && !ffi::PyErr_Occurred().is_null() {
                return Err(super::data::too_long(fetched()));
            }
            return Ok(Step::At(v));
        }
        if ffi::Py_TYPE(o) == &raw mut ffi::PySlice_Type {
            return slice(o);
        }
        if is_none(o) {
            return Ok(Step::NewDim);
        }
        if o == ffi::Py_Ellipsis() {
            return Ok(Step::Rest);
        }
        if let Some(t) = as_tensor(o) {
            return match t.dtype() {
                DType::Bool | DType::U8 => Err(advanced("a boolean mask")),
                d if !matches!(d, DType::I32 | DType::I64) && t.ndim() > 0 || !d.is_integral() => {
                    bail!(Index, "tensors used as indices must be long, int, byte or bool tensors")
                }
                _ if t.ndim() == 0 => Ok(Step::At(super::data::item(t)?.to_i64())),
                _ => Err(advanced("an integer tensor")),
            };
        }
        if is_bool(o) {
            return Err(advanced("a bool"));
        }
        // A 0-d array of integers counts as an int.
        if super::numpy::is_array(o)
            && !(super::numpy::is_zero_d(o)
                && super::numpy::dtype_of(o).is_some_and(|d| d.is_ok_and(|d| d.is_integral())))
            || ffi::PyList_Check(o) != 0
            || ffi::PyTuple_Check(o) != 0
            || ffi::PyRange_Check(o) != 0
        {
            return Err(advanced("a sequence or an array"));
        }
        if let Some(v) = super::convert::int(o)? {
            return Ok(Step::At(v));
        }
        // What has `__index__` counts as an int.
        let index = ffi::PyNumber_Index(o);
        if index.is_null() {
            ffi::PyErr_Clear();
            bail!(
                Index,
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})",
                type_name(o)
            );
        }
        let v = ffi::PyLong_AsLongLong(index);
        ffi::Py_DECREF(index);
        if v == -1 && !ffi::PyErr_Occurred().is_null() { Err(fetched()) } else { Ok(Step::At(v)) }
    }
}

/// # Safety
/// `o` is a slice object.
unsafe fn slice(o: P) -> Result<Step> {
    // SAFETY: says the caller. Missing ends come back as 0 and the largest integer; 0-d tensors have `__index__`.
    unsafe {
        let (mut start, mut stop, mut step) = (0, 0, 0);
        if ffi::PySlice_Unpack(o, &mut start, &mut stop, &mut step) != 0 {
            return Err(fetched());
        }
        if step < 0 {
            return Err(err!(Value, "step must be greater than zero").hint("use flip to reverse a dim"));
        }
        Ok(Step::Slice { start: start as i64, stop: stop as i64, step: step as i64 })
    }
}

/// `x[key]`: a view.
pub fn read(x: &Tensor, key: P) -> Result<Tensor> {
    view(x, &parse(key)?)
}

/// `x[key] = value`: a write through a view.
///
/// # Safety
/// `value` is alive.
pub unsafe fn write(x: &Tensor, key: P, value: P) -> Result<()> {
    let steps = parse(key)?;
    let target = view(x, &steps)?;
    // SAFETY: says the caller.
    unsafe {
        if let Some(v) = as_tensor(value) {
            return copy(&target, v);
        }
        if let Some(n) = super::convert::number(value, false)? {
            let one = super::data::from_number(n, x.dtype())?;
            return copy(&target, &one);
        }
        if super::numpy::is_array(value) || (ffi::PySequence_Check(value) != 0 && ffi::PyUnicode_Check(value) == 0) {
            let v = super::data::from_data(value, Some(x.dtype()), x.device(), true)?;
            return copy(&target, &v);
        }
        bail!(Type, "can't assign a {} to a {}.{}Tensor", type_name(value), library(), x.dtype().scalar_name())
    }
}

/// Writes `v` into `target`; leading dims of size 1 that `target` lacks are dropped, as PyTorch does.
fn copy(target: &Tensor, v: &Tensor) -> Result<()> {
    let extra = v.ndim().saturating_sub(target.ndim());
    if extra > 0 && v.shape()[..extra].iter().all(|&n| n == 1) {
        let rest: Vec<usize> = v.shape()[extra..].to_vec();
        return copy(target, &v.reshape(&rest)?);
    }
    if v.shape() != target.shape() {
        let sizes: Vec<i64> = target.shape().iter().map(|&n| n as i64).collect();
        v.layout().expand(&sizes)?;
    }
    target.copy_from(v)
}

/// The entries of dim 0 as a tuple, for iteration.
pub fn unbind(x: &Tensor) -> Result<P> {
    let n = x.shape()[0];
    // SAFETY: the GIL is held; the fresh tuple takes over each item, and is given up on failure.
    unsafe {
        let tuple = checked(ffi::PyTuple_New(n as ffi::Py_ssize_t))?;
        for i in 0..n {
            let item = x.select(0, i).map(|t| {
                if mode::grad_enabled() {
                    t.set_base(x, ViewKind::Many);
                }
                wrap(t)
            });
            match item {
                Ok(o) if !o.is_null() => ffi::PyTuple_SetItem(tuple, i as ffi::Py_ssize_t, o),
                Ok(_) => {
                    ffi::Py_DECREF(tuple);
                    return Err(fetched());
                }
                Err(e) => {
                    ffi::Py_DECREF(tuple);
                    return Err(e);
                }
            };
        }
        Ok(tuple)
    }
}
