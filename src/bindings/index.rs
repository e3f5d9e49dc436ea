//! Python's index objects, read and written: ints, slices, `...` and None become the steps of [`subscript`](crate::ops::subscript),
//! a view; tensors, arrays, sequences and bools then choose among what it shows.

use pyo3::ffi;

use super::convert::{is_bool, is_none, type_name};
use super::errors::{P, checked, fetched};
use super::object::{as_tensor, wrap};
use crate::core::spoken::library;
use crate::core::{DType, Device, Number};
use crate::error::Result;
use crate::ops::index_put::Places;
use crate::ops::shared;
use crate::ops::subscript::{Step, Steps, view};
use crate::tensor::Tensor;
use crate::tensor::door::view_kind;
use crate::tensor::handle::ViewKind;
use crate::{bail, err};

/// The steps of an index; None where something in it is no step.
fn parse(key: P) -> Result<Option<Steps>> {
    let mut steps = Steps::new();
    // SAFETY: a live key; items are borrowed.
    unsafe {
        if ffi::PyTuple_Check(key) != 0 {
            for i in 0..ffi::PyTuple_Size(key) {
                match step(ffi::PyTuple_GetItem(key, i))? {
                    Some(step) => steps.push_unless_second_rest(step),
                    None => return Ok(None),
                }
            }
        } else {
            match step(key)? {
                Some(step) => steps.push(step),
                None => return Ok(None),
            }
        }
    }
    Ok(Some(steps))
}

/// What tensors in an index choose: the view that its other parts show, and the places in it.
///
/// # Safety
/// `key` is alive.
#[cold]
unsafe fn chosen(x: &Tensor, key: P, written: Option<&[usize]>) -> Result<(Tensor, Places)> {
    // SAFETY: says the caller; items are borrowed.
    let items: Vec<P> = unsafe {
        if ffi::PyTuple_Check(key) != 0 {
            (0..ffi::PyTuple_Size(key)).map(|i| ffi::PyTuple_GetItem(key, i)).collect()
        } else if let Some(items) = list_as_tuple(key) {
            items
        } else {
            vec![key]
        }
    };
    let mut parts = vec![];
    for item in items {
        // SAFETY: an item lives as long as the key.
        parts.push(unsafe {
            match step(item)? {
                Some(step) => Part::Step(step),
                None => part(x, item)?,
            }
        });
    }
    let used: usize = parts.iter().map(Part::dims).sum();
    let (mut steps, mut indices) = (Steps::new(), vec![]);
    let all = Step::Slice { start: 0, stop: i64::MAX, step: 1 };
    let mut rested = false;
    for part in parts {
        match part {
            Part::Step(Step::Rest) if rested => {}
            Part::Step(step) => {
                steps.push(step);
                let shown = match step {
                    Step::At(_) => 0,
                    Step::Slice { .. } | Step::NewDim => 1,
                    Step::Rest => x.ndim().saturating_sub(used),
                };
                rested |= matches!(step, Step::Rest);
                indices.extend((0..shown).map(|_| None));
            }
            Part::Along(t) => {
                (0..Part::along(&t)).for_each(|_| steps.push(all));
                indices.push(Some(t));
            }
            Part::Bool(b) => {
                steps.push(Step::NewDim);
                // The entry of the new dim, or none.
                indices.push(Some(Tensor::constant(&[b as usize], DType::I64, x.device(), 0)?));
            }
        }
    }
    let shown = view(x, &steps)?;
    let indices: Vec<Option<&Tensor>> = indices.iter().map(Option::as_ref).collect();
    let places = Places::new(&shown, &indices, written)?;
    Ok((shown, places))
}

/// The items of a short list in which something is no number: PyTorch takes it for a tuple.
///
/// # Safety
/// `key` is alive.
unsafe fn list_as_tuple(key: P) -> Option<Vec<P>> {
    // SAFETY: says the caller; items are borrowed.
    unsafe {
        if ffi::PyList_Check(key) == 0 || ffi::PyList_Size(key) >= 32 {
            return None;
        }
        let items: Vec<P> = (0..ffi::PyList_Size(key)).map(|i| ffi::PyList_GetItem(key, i)).collect();
        let nested = |&o: &P| {
            as_tensor(o).is_some()
                || ffi::PyList_Check(o) != 0
                || ffi::PyTuple_Check(o) != 0
                || ffi::PyUnicode_Check(o) != 0
                || ffi::Py_TYPE(o) == &raw mut ffi::PySlice_Type
                || o == ffi::Py_Ellipsis()
                || is_none(o)
        };
        if items.iter().any(nested) { Some(items) } else { None }
    }
}

/// A part of an index with tensors.
enum Part {
    Step(Step),
    /// Indices along a dim, or a mask of as many dims as it has.
    Along(Tensor),
    /// A new dim, of size 1 where true, else 0.
    Bool(bool),
}

impl Part {
    fn along(t: &Tensor) -> usize {
        if matches!(t.dtype(), DType::Bool | DType::U8) { t.ndim() } else { 1 }
    }

    /// Dims of the tensor that this part takes.
    fn dims(&self) -> usize {
        match self {
            Part::Step(Step::At(_) | Step::Slice { .. }) => 1,
            Part::Step(_) | Part::Bool(_) => 0,
            Part::Along(t) => Part::along(t),
        }
    }
}

/// What is no step: a bool, a tensor, or what becomes a tensor.
///
/// # Safety
/// `o` is alive.
unsafe fn part(x: &Tensor, o: P) -> Result<Part> {
    // SAFETY: says the caller.
    let t = unsafe {
        if is_bool(o) {
            return Ok(Part::Bool(o == ffi::Py_True()));
        }
        match as_tensor(o) {
            Some(t) => t.detach(),
            None => {
                let t = super::data::from_data(o, None, Device::CPU, true)?;
                // What is no mask becomes indices, an empty list and floats too.
                if matches!(t.dtype(), DType::Bool | DType::U8) { t } else { t.to_dtype(DType::I64)? }
            }
        }
    };
    match t.dtype() {
        DType::Bool | DType::U8 if t.ndim() == 0 => Ok(Part::Bool(!super::data::item(&t)?.is_zero())),
        // The CPU alone knows the indices that a mask means.
        DType::Bool | DType::U8 if x.device().is_meta() => Ok(Part::Along(t)),
        DType::Bool | DType::U8 | DType::I32 | DType::I64 => Ok(Part::Along(t.to_device(x.device())?)),
        _ => bail!(Index, "tensors used as indices must be long, int, byte or bool tensors"),
    }
}

/// The step that `o` stands for, if it is one.
///
/// # Safety
/// `o` is alive.
unsafe fn step(o: P) -> Result<Option<Step>> {
    // SAFETY: says the caller.
    unsafe {
        if ffi::PyLong_CheckExact(o) != 0 {
            let v = ffi::PyLong_AsLongLong(o);
            if v == -1 && !ffi::PyErr_Occurred().is_null() {
                return Err(super::data::too_long(fetched()));
            }
            return Ok(Some(Step::At(v)));
        }
        if ffi::Py_TYPE(o) == &raw mut ffi::PySlice_Type {
            return slice(o).map(Some);
        }
        if is_none(o) {
            return Ok(Some(Step::NewDim));
        }
        if o == ffi::Py_Ellipsis() {
            return Ok(Some(Step::Rest));
        }
        if let Some(t) = as_tensor(o) {
            return match t.dtype() {
                DType::Bool | DType::U8 => Ok(None),
                d if !matches!(d, DType::I32 | DType::I64) && t.ndim() > 0 || !d.is_integral() => {
                    bail!(Index, "tensors used as indices must be long, int, byte or bool tensors")
                }
                _ if t.ndim() == 0 => Ok(Some(Step::At(super::data::item(t)?.to_i64()))),
                _ => Ok(None),
            };
        }
        if is_bool(o) {
            return Ok(None);
        }
        if ffi::PyUnicode_Check(o) != 0 || ffi::PyBytes_Check(o) != 0 {
            return Err(err!(Type, "new(): invalid data type '{}'", type_name(o))
                .hint("a tensor is indexed by ints, slices, `...`, None, lists and tensors"));
        }
        // A 0-d array of integers counts as an int.
        if super::numpy::is_array(o)
            && !(super::numpy::is_zero_d(o)
                && super::numpy::dtype_of(o).is_some_and(|d| d.is_ok_and(|d| d.is_integral())))
            || ffi::PyList_Check(o) != 0
            || ffi::PyTuple_Check(o) != 0
            || ffi::PyRange_Check(o) != 0
        {
            return Ok(None);
        }
        if let Some(v) = super::convert::int(o)? {
            return Ok(Some(Step::At(v)));
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
        if v == -1 && !ffi::PyErr_Occurred().is_null() { Err(fetched()) } else { Ok(Some(Step::At(v))) }
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

/// `x[key]`: a view, or, where tensors choose, new memory.
pub fn read(x: &Tensor, key: P) -> Result<Tensor> {
    match parse(key)? {
        Some(steps) => view(x, &steps),
        None => {
            // SAFETY: the key lives while its subscript is read.
            let (shown, places) = unsafe { chosen(x, key, None)? };
            let y = places.get(&shown)?;
            if y.requires_grad() { y.named("IndexBackward0", &shown) } else { Ok(y) }
        }
    }
}

/// `x[key] = value`: a write through a view, or into the places in it that tensors choose.
///
/// # Safety
/// `value` is alive.
pub unsafe fn write(x: &Tensor, key: P, value: P) -> Result<()> {
    match parse(key)? {
        Some(steps) => {
            let target = view(x, &steps)?;
            // SAFETY: says the caller.
            copy(&target, &unsafe { given(x, value)? })
        }
        None => {
            // SAFETY: says the caller; the key lives while its subscript is written.
            let v = unsafe { given(x, value)? };
            // SAFETY: as above.
            let (shown, places) = unsafe { chosen(x, key, Some(v.shape()))? };
            put(&shown, &places, &v)
        }
    }
}

/// Writes `v` to the places of a view. Leading dims of size 1 do not count, as in PyTorch.
fn put(shown: &Tensor, places: &Places, v: &Tensor) -> Result<()> {
    let ones = v.shape().iter().take_while(|&&n| n == 1).count();
    let v = if ones > 0 { v.reshape(&v.shape()[ones..])? } else { v.clone() };
    let v = if v.ndim() == 0 || shown.device().is_meta() { v.to_device(shown.device())? } else { v };
    if shared::put(shown, places, &v)? {
        return Ok(());
    }
    shown.copy_from(&places.put(shown, &v, false)?)
}

/// The value that is assigned, as a tensor.
///
/// # Safety
/// `value` is alive.
unsafe fn given(x: &Tensor, value: P) -> Result<Tensor> {
    // SAFETY: says the caller.
    unsafe {
        if let Some(v) = as_tensor(value) {
            return Ok(v.clone());
        }
        // Of NumPy's numbers its integers and the float64, which is Python's float.
        let refused = super::convert::is_numpy_scalar(value)
            && ffi::PyFloat_Check(value) == 0
            && (super::convert::is_numpy_bool(value)
                || ffi::PyType_GetSlot(ffi::Py_TYPE(value), ffi::Py_nb_index).is_null());
        let number = if refused { None } else { super::convert::number(value, false)? };
        if let Some(n) = number {
            if matches!(n, Number::Unsigned(_)) && x.dtype() != DType::U64 {
                bail!(Value, "Overflow when unpacking long long");
            }
            return super::data::from_number(n, x.dtype());
        }
        let error =
            err!(Type, "can't assign a {} to a {}.{}Tensor", type_name(value), library(), x.dtype().scalar_name());
        let data = super::numpy::is_array(value) || super::convert::is_numpy_scalar(value);
        let data = data || ffi::PySequence_Check(value) != 0 && ffi::PyUnicode_Check(value) == 0;
        Err(if data { error.hint(format!("assign a tensor: {}.tensor(value)", library())) } else { error })
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
                t.set_base(x, view_kind(ViewKind::Many));
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
