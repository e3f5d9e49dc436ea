//! Indexing by ints, slices, `...` and None, read and written.
//!
//! Outside a graph an index is read as one layout; inside one it is the chain of views that PyTorch records.

use pyo3::ffi;

use super::convert::{is_bool, is_none, type_name};
use super::errors::{P, checked, fetched};
use super::object::{as_tensor, wrap};
use crate::core::shape::list;
use crate::core::{DType, Layout};
use crate::error::Result;
use crate::tensor::apply::alias;
use crate::tensor::handle::ViewKind;
use crate::tensor::{Tensor, mode};
use crate::{bail, err};

/// One entry of an index.
#[derive(Clone, Copy)]
enum Step {
    /// An int, and the position in the index, for messages.
    At(i64),
    Slice {
        start: i64,
        stop: i64,
        step: i64,
    },
    NewDim,
    Rest,
}

/// Entries of an index that live inline.
const INLINE: usize = 8;

struct Steps {
    inline: [Step; INLINE],
    len: usize,
    more: Vec<Step>,
}

impl Steps {
    fn push(&mut self, s: Step) {
        if self.len < INLINE {
            self.inline[self.len] = s;
        } else {
            self.more.push(s);
        }
        self.len += 1;
    }

    /// As PyTorch, which lets an ellipsis after the first stand for nothing.
    fn push_unless_second_rest(&mut self, s: Step) {
        if !(matches!(s, Step::Rest) && self.iter().any(|s| matches!(s, Step::Rest))) {
            self.push(s);
        }
    }

    fn iter(&self) -> impl Iterator<Item = Step> + '_ {
        self.inline[..self.len.min(INLINE)].iter().chain(&self.more).copied()
    }
}

fn parse(key: P) -> Result<Steps> {
    let mut steps = Steps { inline: [Step::NewDim; INLINE], len: 0, more: Vec::new() };
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
                d if d.is_float() => {
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

/// The part of a dim of `n` entries that a slice shows: start and length.
fn clip(start: i64, stop: i64, step: i64, n: usize) -> (usize, usize) {
    let n = n as i64;
    let place = |v: i64| (if v < 0 { v.saturating_add(n) } else { v }).clamp(0, n);
    let (start, stop) = (place(start), place(stop));
    let len = if stop > start { (stop - start - 1) / step + 1 } else { 0 };
    (start as usize, len as usize)
}

/// `x[key]`: a view.
pub fn read(x: &Tensor, key: P) -> Result<Tensor> {
    let steps = parse(key)?;
    view(x, &steps)
}

fn view(x: &Tensor, steps: &Steps) -> Result<Tensor> {
    let used = steps.iter().filter(|s| matches!(s, Step::At(_) | Step::Slice { .. })).count();
    if used > x.ndim() {
        if x.ndim() == 0 && used == 1 && matches!(steps.inline[0], Step::At(_)) && steps.len == 1 {
            return Err(err!(
                Index,
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert \
                 a 0-dim tensor to a number"
            ));
        }
        if x.ndim() == 0 && steps.iter().any(|s| matches!(s, Step::Slice { .. })) && steps.len == 1 {
            bail!(Index, "slice() cannot be applied to a 0-dim tensor.");
        }
        return Err(err!(Index, "too many indices for tensor of dimension {}", x.ndim())
            .hint(format!("the tensor has shape {}", list(x.shape()))));
    }
    let recorded = mode::grad_enabled() && x.requires_grad();
    let mut layout = x.layout().clone();
    let mut chain = recorded.then(|| x.clone());
    let mut dim = 0;
    // Dims of `x` itself, for messages.
    let mut original = 0;
    for s in steps.iter() {
        match s {
            Step::At(i) => {
                let n = layout.shape[dim];
                if i < -(n as i64) || i >= n as i64 {
                    return Err(err!(Index, "index {i} is out of bounds for dimension {original} with size {n}").hint(
                        format!("the tensor has shape {}; negative indices count from the end", list(x.shape())),
                    ));
                }
                let at = (if i < 0 { i + n as i64 } else { i }) as usize;
                match &mut chain {
                    Some(t) => {
                        *t = t.select(dim, at)?;
                        layout = t.layout().clone();
                    }
                    None => layout = layout.selected(dim, at),
                }
                original += 1;
            }
            Step::Slice { start, stop, step } => {
                let n = layout.shape[dim];
                let (start, len) = clip(start, stop, step, n);
                match &mut chain {
                    // A whole dim needs no node.
                    Some(_) if len == n && step == 1 => {}
                    Some(t) => {
                        *t = t.slice(dim, start, len, step as usize)?;
                        layout = t.layout().clone();
                    }
                    None => layout = layout.sliced(dim, start, len, step as usize),
                }
                dim += 1;
                original += 1;
            }
            Step::NewDim => {
                match &mut chain {
                    Some(t) => {
                        *t = t.unsqueeze_dims(&[dim])?;
                        layout = t.layout().clone();
                    }
                    None => layout = layout.unsqueezed(dim),
                }
                dim += 1;
            }
            Step::Rest => {
                let rest = x.ndim() - used;
                dim += rest;
                original += rest;
            }
        }
    }
    Ok(match chain {
        // `x[...]` is a new tensor, never `x` itself.
        Some(t) if t.is(x) => super::methods::alias(x),
        Some(t) => t,
        None => view_of(x, layout),
    })
}

fn view_of(x: &Tensor, layout: Layout) -> Tensor {
    alias(x, x.array().with_layout(layout))
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
        bail!(Type, "can't assign a {} to a rustgrad.{}Tensor", type_name(value), x.dtype().scalar_name())
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
