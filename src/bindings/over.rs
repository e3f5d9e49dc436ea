//! Tensors over storages: made with sizes that are checked, copied deeply, and pickled.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::errors::{OrForeign, P, to_python};
use super::methods::{copy_attributes, subclass};
use super::native::natives;
use super::object::is_plain;
use super::storage::{UntypedStorage, copied_once, object};
use super::types;
use crate::core::{DType, Layout, Meta, Shape, Strides};
use crate::device::Array;
use crate::error::Result;
use crate::ops::copy::Format;
use crate::tensor::Tensor;
use crate::tensor::door::enter;
use crate::{bail, err};

/// PyTorch's limit on dims.
const MAX_DIMS: usize = 64;

natives! {
    /// For copy.deepcopy: a leaf with its gradient and attributes, in memory that it shares with the copies of those
    /// whose memory it shares now.
    deepcopy as ["method.__deepcopy__(Tensor self, Any memo) -> Any"] {
        call(x = self: &Tensor, memo: P; _a, this) { deep_copy(x, memo, this) }
    }
    /// For pickle: the memory block, which tensors of one pickle go on sharing, and how this tensor lies in it.
    reduce_ex as ["method.__reduce_ex__(Tensor self, Any protocol) -> tuple"] {
        call(x = self: &Tensor; _a, this) { reduce(x, this) }
    }
}

/// The tensor that lies in `storage` at `offset` with sizes `size` and strides `stride`, all in elements of `dtype`, as an
/// instance of `cls`. Everything is checked: the numbers may come from a file.
///
/// # Errors
/// RuntimeError for negative numbers, more than 64 dims, and what does not lie inside the storage.
#[pyfunction]
#[pyo3(signature = (cls, storage, dtype, offset, size, stride, requires_grad = false))]
pub fn _tensor_over<'py>(
    cls: &Bound<'py, PyType>,
    storage: &Bound<'py, UntypedStorage>,
    dtype: &Bound<'py, types::DType>,
    offset: i64,
    size: Vec<i64>,
    stride: Vec<i64>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = cls.py();
    let made = || -> Result<P> {
        let from = storage.get();
        let dtype = dtype.get().stored("_tensor_over")?;
        let layout = layout_inside(from, dtype, offset, &size, &stride)?;
        let t = enter("_rebuild", Array::new(Meta::new(layout, dtype, from.device), from.storage.clone()));
        if requires_grad {
            t.set_requires_grad(true)?;
        }
        subclass(cls.as_ptr(), t)
    };
    let o = made().map_err(|e| to_python(py, e))?;
    // SAFETY: a new reference.
    Ok(unsafe { Bound::from_owned_ptr(py, o) })
}

fn layout_inside(from: &UntypedStorage, dtype: DType, offset: i64, size: &[i64], stride: &[i64]) -> Result<Layout> {
    if size.len() > MAX_DIMS {
        bail!(Runtime, "ndim = {} is too large; a tensor has at most {MAX_DIMS} dims", size.len());
    }
    if size.len() != stride.len() {
        bail!(Runtime, "mismatch in length of strides and shape: {} sizes, {} strides", size.len(), stride.len());
    }
    let listed = |v: &[i64]| format!("{v:?}");
    if let Some(n) = size.iter().find(|&&n| n < 0) {
        bail!(Runtime, "Trying to create tensor with negative dimension {n}: {}", listed(size));
    }
    if stride.iter().any(|&s| s < 0) {
        bail!(Runtime, "as_strided: Negative strides are not supported at the moment, got strides: {}", listed(stride));
    }
    if offset < 0 {
        bail!(Runtime, "Tensor: invalid storage offset {offset}");
    }
    if from.device.is_gpu() && dtype == DType::F64 {
        return Err(dtype.lacks_on_gpu("load"));
    }
    let too_large = || {
        err!(Runtime, "Storage size calculation overflowed with sizes={} and strides={}", listed(size), listed(stride))
    };
    // One past the last element; and the number of elements, which must be countable even where strides are 0.
    let (mut end, mut numel) = (1i64, 1i64);
    for (&n, &s) in size.iter().zip(stride) {
        numel = numel.checked_mul(n.max(1)).ok_or_else(too_large)?;
        end = (n - 1).max(0).checked_mul(s).and_then(|reach| end.checked_add(reach)).ok_or_else(too_large)?;
    }
    let bytes = end.checked_add(offset).and_then(|e| e.checked_mul(dtype.size() as i64)).ok_or_else(too_large)?;
    if !size.contains(&0) && bytes > from.storage.bytes() as i64 {
        bail!(
            Runtime,
            "setStorage: sizes {}, strides {}, storage offset {offset}, and itemsize {} requiring a storage size of {bytes} are \
             out of bounds for storage of size {}",
            listed(size),
            listed(stride),
            dtype.size(),
            from.storage.bytes()
        );
    }
    if from.storage.is_here() && !(from.storage.ptr() as usize).is_multiple_of(dtype.size()) {
        bail!(Runtime, "the memory of a storage is not aligned to the {} bytes of {}", dtype.size(), dtype.name());
    }
    Ok(Layout {
        shape: size.iter().map(|&n| n as usize).collect::<Shape>(),
        strides: stride.iter().map(|&s| s as isize).collect::<Strides>(),
        offset: offset as usize,
    })
}

fn deep_copy(t: &Tensor, memo: P, this: P) -> Result<P> {
    if !t.is_leaf() {
        bail!(
            Runtime,
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If \
             you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see \
             https://github.com/pytorch/pytorch/pull/103001"
        );
    }
    // SAFETY: the GIL is held; arguments are alive.
    let memo = unsafe {
        let py = Python::assume_attached();
        Bound::from_borrowed_ptr(py, memo)
    };
    let dict = memo.cast::<PyDict>().ok();
    let key = this as usize;
    if let Some(done) = dict.map(|d| d.get_item(key)).transpose().or_foreign()?.flatten() {
        return Ok(done.into_ptr());
    }
    let from = t.array();
    let copy = match from.storage.bytes() {
        // Nothing to share: the allocator gives all empty blocks what it likes.
        0 => t.detach().cloned(Format::Preserve)?,
        _ => enter("deepcopy", Array::new(from.meta.clone(), copied_once(from, dict)?)),
    };
    if t.requires_grad() {
        copy.set_requires_grad(true)?;
    }
    if let Some(g) = t.grad() {
        copy.set_grad(Some(g.detach().cloned(Format::Preserve)?));
    }
    // SAFETY: the object's own class; a new reference.
    let o = unsafe { Bound::from_owned_ptr(memo.py(), subclass(ffi::Py_TYPE(this).cast(), copy)?) };
    if let Some(dict) = dict {
        dict.set_item(key, &o).or_foreign()?;
    }
    copy_attributes(this, o.as_ptr(), Some(&memo))?;
    Ok(o.into_ptr())
}

fn reduce(t: &Tensor, this: P) -> Result<P> {
    // SAFETY: the GIL is held; arguments are alive.
    let (py, this) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, this))
    };
    let run = || -> PyResult<P> {
        let rebuild = py.import("rustgrad._rustgrad")?.getattr("_tensor_over")?;
        let layout = t.layout();
        let size = PyTuple::new(py, layout.shape.iter())?;
        let stride = PyTuple::new(py, layout.strides.iter())?;
        let storage = object(py, t.array())?;
        let args = (this.get_type(), storage, this.getattr("dtype")?, layout.offset, size, stride, t.requires_grad());
        // A subclass may have slots, or a way of its own to say what it holds.
        let plain = is_plain(this.get_type().as_type_ptr());
        let state = if plain { this.getattr("__dict__")? } else { this.call_method0("__getstate__")? };
        let out = match state.is_truthy()? {
            false => (rebuild, args).into_pyobject(py)?,
            true => (rebuild, args, state).into_pyobject(py)?.into_any().cast_into::<PyTuple>()?,
        };
        Ok(out.into_ptr())
    };
    run().or_foreign()
}

/// Adds the function to the module.
pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_tensor_over, m)?)
}
