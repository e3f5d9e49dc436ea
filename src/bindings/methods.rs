//! Methods of Tensor that are no ops: what it is (sizes, strides, flags), subclasses, copying and pickling.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

use super::call::number;
use super::errors::{OrForeign, P, checked, to_python};
use super::native::natives;
use super::object::{as_tensor, tensor_type, wrap, wrap_as};
use super::{size, types};
use crate::bail;
use crate::core::shape::normalize_dim;
use crate::core::{DType, Device, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops::copy::Format;
use crate::tensor::door::enter;
use crate::tensor::{Tensor, data};

fn int(n: usize) -> Result<P> {
    checked(number(Number::Int(n as i64)))
}

fn truth(b: bool) -> Result<P> {
    checked(number(Number::Bool(b)))
}

natives! {
    /// All sizes, or that of dim `dim`.
    size as ["method.size(Tensor self, int? dim=None) -> Any"] {
        call(t = self: &Tensor, d = dim: Option<i64>) {
            match d {
                None => checked(size::new(t.shape())),
                Some(d) => int(t.shape()[dim(t, d)?]),
            }
        }
    }
    /// All strides, in elements, or that of dim `dim`.
    stride as ["method.stride(Tensor self, int? dim=None) -> Any"] {
        call(t = self: &Tensor, d = dim: Option<i64>) {
            if let Some(d) = d {
                return checked(number(Number::Int(t.layout().strides[dim(t, d)?] as i64)));
            }
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            Ok(PyTuple::new(py, t.layout().strides.iter()).or_foreign()?.into_ptr())
        }
    }
    /// The number of elements.
    numel as ["numel(Tensor self) -> int"] aliases ["method.nelement"] {
        call(x = self: &Tensor) { int(x.numel()) }
    }
    /// The number of dims.
    dim as ["method.dim(Tensor self) -> int"] aliases ["method.ndimension"] {
        call(x = self: &Tensor) { int(x.ndim()) }
    }
    /// Bytes per element.
    element_size as ["method.element_size(Tensor self) -> int"] {
        call(x = self: &Tensor) { int(x.dtype().size()) }
    }
    /// The first element's place in the memory block, in elements.
    storage_offset as ["method.storage_offset(Tensor self) -> int"] {
        call(x = self: &Tensor) { int(x.layout().offset) }
    }
    /// The address of the first element.
    data_ptr as ["method.data_ptr(Tensor self) -> int"] {
        call(t = self: &Tensor) {
            int(if t.numel() == 0 || t.device().is_gpu() { 0 } else { t.array().bytes_ptr() as usize })
        }
    }
    /// The number of the GPU, -1 for main memory.
    get_device as ["method.get_device(Tensor self) -> int"] {
        call(x = self: &Tensor) { checked(number(Number::Int(if x.device().is_gpu() { 0 } else { -1 }))) }
    }
    /// Whether the elements lie in C order without gaps (or in the order of `memory_format`).
    is_contiguous as ["method.is_contiguous(Tensor self, *, memory_format? memory_format=None) -> bool"] {
        call(t = self: &Tensor, memory_format: Option<Format>) {
            match memory_format {
                Some(Format::ChannelsLast(rank)) => truth(t.ndim() == rank as usize && t.layout().is_channels_last()),
                _ => truth(t.is_contiguous()),
            }
        }
    }
    /// Whether the elements are floats.
    is_floating_point as ["is_floating_point(Tensor self) -> bool"] {
        call(x = self: &Tensor) { truth(x.dtype().is_float()) }
    }
    /// Whether the elements are complex numbers.
    is_complex as ["is_complex(Tensor self) -> bool"] {
        call(x = self: &Tensor) { truth(x.dtype().is_complex()) }
    }
    /// Whether the elements may be negative.
    is_signed as ["is_signed(Tensor self) -> bool"] {
        call(x = self: &Tensor) { truth(x.dtype().is_signed()) }
    }
    /// Whether the tensor was made in inference mode.
    is_inference as ["is_inference(Tensor self) -> bool"] {
        call() { truth(false) }
    }
    /// Whether both have the same sizes.
    is_same_size as ["is_same_size(Tensor self, Tensor other) -> bool"] {
        call(x = self: &Tensor, other: &Tensor) { truth(x.shape() == other.shape()) }
    }
    /// Whether both show the same memory with the same sizes and strides.
    is_set_to as ["method.is_set_to(Tensor self, Tensor tensor) -> bool"] {
        call(x = self: &Tensor, tensor: &Tensor) {
            let (x, y) = (x.array(), tensor.array());
            truth(x.storage.same(&y.storage) && x.layout == y.layout)
        }
    }
    /// False: memory is not shared between processes.
    is_shared as ["method.is_shared(Tensor self) -> bool"] {
        call() { truth(false) }
    }
    /// False: memory is not pinned.
    is_pinned as ["method.is_pinned(Tensor self) -> bool"] {
        call() { truth(false) }
    }
    /// The name of the tensor's type, `rustgrad.FloatTensor`; or the tensor as another.
    type_ as [
        "method.type(Tensor self) -> str",
        "method.type(Tensor self, str dtype, bool non_blocking=False) -> Tensor",
    ] {
        call(x = self: &Tensor, dtype: Option<&str>) { type_name(x, dtype) }
    }
    /// A view of this tensor that is an instance of `cls`.
    as_subclass as ["method.as_subclass(Tensor self, Any cls) -> Any"] {
        call(x = self: &Tensor, cls: P) { subclass(cls, alias(x)) }
    }
    /// A 0-d tensor formats as its number, others as their text.
    format as ["method.__format__(Tensor self, str format_spec) -> str"] {
        call(t = self: &Tensor, format_spec: &str; _a, this) {
            // SAFETY: the GIL is held; each new reference is handed on or given back.
            unsafe {
                let py = Python::assume_attached();
                let spec = pyo3::types::PyString::new(py, format_spec);
                if t.ndim() == 0 && ffi::Py_TYPE(this) == tensor_type() {
                    let value = checked(number(super::data::item(t)?))?;
                    let text = ffi::PyObject_Format(value, spec.as_ptr());
                    ffi::Py_DECREF(value);
                    return checked(text);
                }
                if format_spec.is_empty() {
                    return checked(ffi::PyObject_Str(this));
                }
                bail!(Type, "unsupported format string passed to {}.__format__", super::convert::type_name(this))
            }
        }
    }
    /// The only element as a complex number.
    complex as ["method.__complex__(Tensor self) -> complex"] {
        call(t = self: &Tensor) {
            if t.numel() != 1 {
                bail!(Value, "only one element tensors can be converted to Python scalars");
            }
            // SAFETY: the GIL is held.
            checked(unsafe { ffi::PyComplex_FromDoubles(super::data::item(t)?.to_f64(), 0.0) })
        }
    }
    /// The entries of dim 0, last first.
    reversed as ["method.__reversed__(Tensor self) -> Any"] {
        call(x = self: &Tensor) {
            if x.ndim() == 0 {
                bail!(Type, "iteration over a 0-d tensor");
            }
            let parts = super::index::unbind(x)?;
            // SAFETY: the GIL is held, and the reference is new.
            let parts = unsafe { Bound::from_owned_ptr(Python::assume_attached(), parts) };
            let builtins = parts.py().import("builtins").or_foreign()?;
            Ok(builtins.call_method1("reversed", (parts,)).or_foreign()?.into_ptr())
        }
    }
    /// For copy.deepcopy: a leaf with its own memory, gradient and attributes.
    deepcopy as ["method.__deepcopy__(Tensor self, Any memo) -> Any"] {
        call(x = self: &Tensor, memo: P; _a, this) { deep_copy(x, memo, this) }
    }
    /// For copy.copy: another tensor over the same memory.
    copy as ["method.__copy__(Tensor self) -> Any"] {
        call(t = self: &Tensor; _a, this) {
            let copy = t.detach();
            if t.requires_grad() {
                copy.set_requires_grad(true)?;
            }
            // SAFETY: the object's own class.
            let o = subclass(unsafe { ffi::Py_TYPE(this).cast() }, copy)?;
            copy_attributes(this, o, None)?;
            Ok(o)
        }
    }
    /// For pickle.
    reduce_ex as ["method.__reduce_ex__(Tensor self, Any protocol) -> tuple"] {
        call(x = self: &Tensor; _a, this) { reduce(x, this) }
    }
    /// The elements in C order, in this machine's byte order.
    to_bytes as ["method._to_bytes(Tensor self) -> bytes"] {
        call(x = self: &Tensor) {
            let flat = flat_bytes(x)?;
            // SAFETY: the GIL is held; contiguous memory of that length.
            unsafe {
                let n = flat.numel() * flat.dtype.size();
                checked(ffi::PyBytes_FromStringAndSize(flat.bytes_ptr().cast(), n as ffi::Py_ssize_t))
            }
        }
    }
}

/// A dim of a tensor that has some, in PyTorch's words.
fn dim(t: &Tensor, d: i64) -> Result<usize> {
    if t.ndim() == 0 {
        bail!(Index, "Dimension specified as {d} but tensor has no dimensions");
    }
    normalize_dim(d, t.ndim())
}

/// Another tensor with the same elements and history: a view.
pub fn alias(t: &Tensor) -> Tensor {
    // A view under its own shape is always possible.
    t.view_to(t.shape()).unwrap_or_else(|_| t.clone())
}

/// `rustgrad.FloatTensor`, and what such names mean.
fn type_name(t: &Tensor, name: Option<&str>) -> Result<P> {
    let Some(name) = name else {
        let text = format!("rustgrad.{}Tensor", t.dtype().scalar_name());
        // SAFETY: the GIL is held; UTF-8 of that length.
        return checked(unsafe {
            ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t)
        });
    };
    let short = name.strip_prefix("rustgrad.").or(name.strip_prefix("torch.")).and_then(|n| n.strip_suffix("Tensor"));
    match DType::ALL.into_iter().find(|d| Some(d.scalar_name()) == short) {
        Some(d) => checked(wrap(t.to_dtype(d)?)),
        None => bail!(Value, "invalid type: '{name}'"),
    }
}

/// `t`, which has no object yet, as an instance of `class`.
fn subclass(class: P, t: Tensor) -> Result<P> {
    // SAFETY: a live object; it is used as a type only if it is one.
    unsafe {
        if class.is_null() || ffi::PyType_Check(class) == 0 || ffi::PyType_IsSubtype(class.cast(), tensor_type()) == 0 {
            bail!(Type, "cls must be a type (got {})", super::convert::type_name(class));
        }
        checked(wrap_as(t, class.cast()))
    }
}

/// `Tensor._make_subclass(cls, data, require_grad=False)`: `data` outside the graph, as an instance of `cls`.
#[pyfunction]
#[pyo3(signature = (cls, data, require_grad = false))]
pub fn _make_subclass<'py>(
    cls: &Bound<'py, PyType>,
    data: &Bound<'py, PyAny>,
    require_grad: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = cls.py();
    // SAFETY: an argument, alive during the call.
    let Some(t) = (unsafe { as_tensor(data.as_ptr()) }) else {
        return Err(pyo3::exceptions::PyTypeError::new_err("_make_subclass: data must be a Tensor"));
    };
    let made = || -> Result<P> {
        let fresh = t.detach();
        if require_grad {
            fresh.set_requires_grad(true)?;
        }
        subclass(cls.as_ptr(), fresh)
    };
    let o = made().map_err(|e| to_python(py, e))?;
    // SAFETY: a new reference.
    Ok(unsafe { Bound::from_owned_ptr(py, o) })
}

/// The attributes of `from`, copied to `to`: deeply where there is a memo.
fn copy_attributes(from: P, to: P, memo: Option<&Bound<'_, PyAny>>) -> Result<()> {
    // SAFETY: live objects; the GIL is held.
    let (from, to) = unsafe {
        let py = Python::assume_attached();
        (Bound::from_borrowed_ptr(py, from), Bound::from_borrowed_ptr(py, to))
    };
    let run = || -> PyResult<()> {
        let dict = from.getattr("__dict__")?.cast_into::<PyDict>()?;
        if dict.is_empty() {
            return Ok(());
        }
        let dict = match memo {
            Some(memo) => from.py().import("copy")?.call_method1("deepcopy", (dict, memo))?,
            None => dict.copy()?.into_any(),
        };
        to.getattr("__dict__")?.call_method1("update", (dict,))?;
        Ok(())
    };
    run().or_foreign()
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
    let (py, memo) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, memo))
    };
    let key = this as usize;
    if let Ok(dict) = memo.cast::<PyDict>()
        && let Some(done) = dict.get_item(key).or_foreign()?
    {
        return Ok(done.into_ptr());
    }
    let copy = t.detach().cloned(Format::Preserve)?;
    if t.requires_grad() {
        copy.set_requires_grad(true)?;
    }
    if let Some(g) = t.grad() {
        copy.set_grad(Some(g.detach().cloned(Format::Preserve)?));
    }
    // SAFETY: the object's own class.
    let o = subclass(unsafe { ffi::Py_TYPE(this).cast() }, copy)?;
    // SAFETY: a new reference.
    let o = unsafe { Bound::from_owned_ptr(py, o) };
    if let Ok(dict) = memo.cast::<PyDict>() {
        dict.set_item(key, &o).or_foreign()?;
    }
    copy_attributes(this, o.as_ptr(), Some(&memo))?;
    Ok(o.into_ptr())
}

/// The elements in C order, in memory that may be the tensor's own.
fn flat_bytes(t: &Tensor) -> Result<Array> {
    if t.is_contiguous() {
        return t.on_cpu();
    }
    let flat = Array::empty(Meta::new(Layout::contiguous(t.shape().into()), t.dtype(), Device::CPU))?;
    data::copy(t.array(), &flat)?;
    Ok(flat)
}

fn reduce(t: &Tensor, this: P) -> Result<P> {
    // SAFETY: the GIL is held; arguments are alive.
    let (py, this) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, this))
    };
    let flat = flat_bytes(t)?;
    // SAFETY: contiguous memory of that length, read at once.
    let bytes = unsafe { std::slice::from_raw_parts(flat.bytes_ptr(), flat.numel() * flat.dtype.size()) };
    let run = || -> PyResult<P> {
        let rebuild = py.import("rustgrad._rustgrad")?.getattr("_rebuild_tensor")?;
        let bytes = if flat.numel() == 0 { PyBytes::new(py, &[]) } else { PyBytes::new(py, bytes) };
        let dtype = this.getattr("dtype")?;
        let shape = PyTuple::new(py, t.shape())?;
        let class = this.get_type();
        let device = if t.device().is_gpu() { Some(this.getattr("device")?) } else { None };
        let args = (class, bytes, dtype, shape, t.requires_grad(), device);
        let dict = this.getattr("__dict__")?.cast_into::<PyDict>()?;
        let out = if dict.is_empty() {
            (rebuild, args).into_pyobject(py)?
        } else {
            (rebuild, args, dict).into_pyobject(py)?.into_any().cast_into::<PyTuple>()?
        };
        Ok(out.into_ptr())
    };
    run().or_foreign()
}

/// The inverse of pickling. What lived on the GPU goes back there.
#[pyfunction]
#[pyo3(signature = (cls, bytes, dtype, shape, requires_grad, device = None))]
pub fn _rebuild_tensor<'py>(
    cls: &Bound<'py, PyType>,
    bytes: &Bound<'py, PyBytes>,
    dtype: &Bound<'py, types::DType>,
    shape: Vec<usize>,
    requires_grad: bool,
    device: Option<&Bound<'py, types::Device>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = cls.py();
    let made = || -> Result<P> {
        let meta = Meta::new(Layout::contiguous(Shape::from_slice(&shape)), dtype.get().0, Device::CPU);
        let out = Array::empty(meta)?;
        let data = bytes.as_bytes();
        let wanted = if out.numel() == 0 { 0 } else { out.numel() * out.dtype.size() };
        if data.len() != wanted {
            bail!(Value, "a pickled tensor has {} bytes where its shape needs {wanted}", data.len());
        }
        // SAFETY: both have that many bytes, and the array is fresh.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), out.bytes_ptr(), wanted) };
        let t = enter("pickle", out).to_device(device.map_or(Device::CPU, |d| d.get().0.plain()))?;
        if requires_grad {
            t.set_requires_grad(true)?;
        }
        subclass(cls.as_ptr(), t)
    };
    let o = made().map_err(|e| to_python(py, e))?;
    // SAFETY: a new reference.
    Ok(unsafe { Bound::from_owned_ptr(py, o) })
}
