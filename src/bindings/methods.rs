//! Methods of Tensor that are no ops: what it is (sizes, strides, flags), subclasses, shallow copies.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::call::number;
use super::errors::{OrForeign, P, checked, to_python};
use super::native::natives;
use super::object::{as_tensor, tensor_type, wrap, wrap_as};
use super::{size, types};
use crate::bail;
use crate::core::shape::normalize_dim;
use crate::core::spoken::{self, library};
use crate::core::{DType, Device, DeviceKind, Layout, Meta, Number};
use crate::device::Array;
use crate::error::Result;
use crate::ops::copy::Format;
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
    /// The address of the first element. On the GPU, whose drivers tell none, a number that tells memory apart as one would; on
    /// `meta` as if memory began at 0.
    data_ptr as ["method.data_ptr(Tensor self) -> int"] {
        call(t = self: &Tensor) {
            let array = t.array();
            int(match array.storage.gpu() {
                _ if t.numel() == 0 => 0,
                // As PyTorch counts, from the address 0.
                _ if t.device().is_meta() => t.layout().offset * t.dtype().size(),
                Some(block) => block.address as usize + t.layout().offset * t.dtype().size(),
                None => array.bytes_ptr() as usize,
            })
        }
    }
    /// `self.to("cuda")`: an error, but for PyTorch programs run by rustgrad.as_torch on a machine with a GPU.
    cuda as ["method.cuda(Tensor self, device? device=None, bool non_blocking=False, *, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, device: Option<Device>) {
            let device = device.unwrap_or_else(|| types::present(Device { kind: DeviceKind::Cuda, index: None }));
            device.require("cuda")?;
            checked(wrap(x.to_device(device.plain())?))
        }
    }
    /// The number of the GPU, -1 for main memory.
    get_device as ["get_device(Tensor self) -> int"] {
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
    /// False: conjugates are computed at once.
    is_conj as ["is_conj(Tensor self) -> bool"] {
        call() { truth(false) }
    }
    /// False: negatives are computed at once.
    is_neg as ["is_neg(Tensor self) -> bool"] {
        call() { truth(false) }
    }
    /// Whether the elements may be negative.
    is_signed as ["is_signed(Tensor self) -> bool"] {
        call(x = self: &Tensor) { truth(x.dtype().is_signed()) }
    }
    /// Whether the tensor was made in inference mode.
    is_inference as ["is_inference(Tensor self) -> bool"] {
        call(x = self: &Tensor) { truth(x.is_inference()) }
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
    /// False: memory is not pinned.
    is_pinned as ["method.is_pinned(Tensor self) -> bool"] {
        call() { truth(false) }
    }
    /// The name of the tensor's type, `rustgrad.FloatTensor`; or the tensor as another.
    type_ as [
        "method.type(Tensor self) -> str",
        "method.type(Tensor self, str dtype, bool non_blocking=False) -> Tensor",
        "method.type(Tensor self, Any dtype, bool non_blocking=False) -> Tensor",
    ] {
        call(x = self: &Tensor, dtype: Option<&str>, class = dtype: P; a) {
            if a.overload == 2 { by_class(x, class) } else { type_name(x, dtype) }
        }
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
                let spec = PyString::new(py, format_spec);
                if t.ndim() == 0 && !t.device().is_meta() && ffi::Py_TYPE(this) == tensor_type() {
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
            let v = super::data::item(t)?;
            // SAFETY: the GIL is held.
            checked(unsafe { ffi::PyComplex_FromDoubles(v.to_f64(), v.imag()) })
        }
    }
    /// The entries of dim 0, last first, as one tensor; a 0-d tensor itself.
    reversed as ["method.__reversed__(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            checked(wrap(if x.ndim() == 0 { x.clone() } else { x.flip(&[0])? }))
        }
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
        let place = match t.device().kind {
            DeviceKind::Meta => "meta.",
            DeviceKind::Gpu if spoken::gpu_as_cuda() => "cuda.",
            _ => "",
        };
        let text = format!("{}.{place}{}Tensor", library(), t.dtype().scalar_name());
        // SAFETY: the GIL is held; UTF-8 of that length.
        return checked(unsafe {
            ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t)
        });
    };
    let (name, on_gpu) = match name.split_once(".cuda.") {
        Some((library, rest)) => (format!("{library}.{rest}"), true),
        None => (name.to_string(), false),
    };
    let short = name.strip_prefix("rustgrad.").or(name.strip_prefix("torch.")).and_then(|n| n.strip_suffix("Tensor"));
    match DType::ALL.into_iter().find(|d| Some(d.scalar_name()) == short) {
        Some(d) => checked(wrap(placed(t, d, on_gpu)?)),
        None => bail!(Value, "invalid type: '{name}'"),
    }
}

/// `t` as `dtype`, on the CPU or on what this program calls cuda.
fn placed(t: &Tensor, dtype: DType, on_gpu: bool) -> Result<Tensor> {
    let kind = if on_gpu { DeviceKind::Cuda } else { DeviceKind::Cpu };
    let device = types::present(Device { kind, index: None });
    device.require("type")?;
    t.to_device(device)?.to_dtype(dtype)
}

/// `t` as the tensors of a class such as `torch.FloatTensor`, which says its `dtype` and whether it `is_cuda`.
fn by_class(t: &Tensor, class: P) -> Result<P> {
    // SAFETY: an argument of the call; the GIL is held.
    let class = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), class) };
    let name = |e: &str| class.getattr(e).ok();
    let dtype = name("dtype").and_then(|d| types::as_dtype(d.as_ptr()));
    let on_gpu = name("is_cuda").and_then(|v| v.extract::<bool>().ok());
    match (dtype, on_gpu) {
        (Some(d), Some(g)) if class.is_instance_of::<PyType>() => checked(wrap(placed(t, d, g)?)),
        _ => bail!(Type, "dtype must be a type, str, or dtype object"),
    }
}

/// `t`, which has no object yet, as an instance of `class`.
pub fn subclass(class: P, t: Tensor) -> Result<P> {
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
pub fn copy_attributes(from: P, to: P, memo: Option<&Bound<'_, PyAny>>) -> Result<()> {
    // SAFETY: live objects; the GIL is held.
    let (from, to) = unsafe {
        let py = Python::assume_attached();
        (Bound::from_borrowed_ptr(py, from), Bound::from_borrowed_ptr(py, to))
    };
    let py = from.py();
    let run = || -> PyResult<()> {
        let dict = from.getattr("__dict__")?.cast_into::<PyDict>()?;
        if !dict.is_empty() {
            let dict = match memo {
                Some(memo) => py.import("copy")?.call_method1("deepcopy", (dict, memo))?,
                None => dict.copy()?.into_any(),
            };
            to.getattr("__dict__")?.call_method1("update", (dict,))?;
        }
        let class = from.get_type();
        if super::object::is_plain(class.as_type_ptr()) {
            return Ok(());
        }
        for name in py.import("copyreg")?.call_method1("_slotnames", (class,))?.try_iter()? {
            let name = name?.cast_into::<PyString>()?;
            let Ok(value) = from.getattr(&name) else { continue };
            let value = match memo {
                Some(memo) => py.import("copy")?.call_method1("deepcopy", (value, memo))?,
                None => value,
            };
            to.setattr(name, value)?;
        }
        Ok(())
    };
    run().or_foreign()
}

/// The elements in C order, in memory that may be the tensor's own.
fn flat_bytes(t: &Tensor) -> Result<Array> {
    if t.is_contiguous() {
        return t.on_cpu();
    }
    if t.device().is_meta() {
        return Err(data::no_data());
    }
    let flat = Array::empty(Meta::new(Layout::contiguous(t.shape().into()), t.dtype(), Device::CPU))?;
    data::copy(t.array(), &flat)?;
    Ok(flat)
}
