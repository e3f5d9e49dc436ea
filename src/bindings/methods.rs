//! Methods of Tensor that are no ops: what it is (sizes, strides, flags), subclasses, shallow copies.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::call::number;
use super::errors::{OrForeign, P, checked, to_python};
use super::native::Native;
use super::object::{as_tensor, tensor_type, wrap, wrap_as};
use super::size;
use crate::bail;
use crate::core::shape::normalize_dim;
use crate::core::{DType, Device, Layout, Meta, Number};
use crate::device::Array;
use crate::error::Result;
use crate::ops::copy::Format;
use crate::tensor::{Args, Operand, Tensor, data};

fn int(n: usize) -> Result<P> {
    checked(number(Number::Int(n as i64)))
}

fn truth(b: bool) -> Result<P> {
    checked(number(Number::Bool(b)))
}

macro_rules! native {
    ($schema:literal, $doc:literal, $call:expr) => {
        Native { schema: &[$schema], aliases: &[], doc: $doc, call: $call }
    };
}

pub static ROWS: &[Native] = &[
    native!(
        "method.__rdiv__(Tensor self, Operand other) -> Tensor",
        "`other / self`. Python 3 has no slot for this name, which PyTorch keeps.",
        |a, _| {
            let inverse = a.t(0)?.reciprocal()?;
            let y = match a.operand(1)? {
                Operand::Tensor(t) => inverse.mul(t)?,
                Operand::Number(n) => inverse.mul_number(n)?,
            };
            checked(wrap(y))
        }
    ),
    Native {
        schema: &["method.size(Tensor self, int? dim=None) -> Any"],
        aliases: &[],
        doc: "All sizes, or that of dim `dim`.",
        call: |a, _| {
            let t = a.t(0)?;
            match a.opt_int(1) {
                None => checked(size::new(t.shape())),
                Some(d) => int(t.shape()[dim(t, d)?]),
            }
        },
    },
    Native {
        schema: &["method.stride(Tensor self, int? dim=None) -> Any"],
        aliases: &[],
        doc: "All strides, in elements, or that of dim `dim`.",
        call: |a, _| {
            let t = a.t(0)?;
            if let Some(d) = a.opt_int(1) {
                return checked(number(Number::Int(t.layout().strides[dim(t, d)?] as i64)));
            }
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            Ok(PyTuple::new(py, t.layout().strides.iter()).or_foreign()?.into_ptr())
        },
    },
    Native {
        schema: &["numel(Tensor self) -> int"],
        aliases: &["method.nelement"],
        doc: "The number of elements.",
        call: |a, _| int(a.t(0)?.numel()),
    },
    Native {
        schema: &["method.dim(Tensor self) -> int"],
        aliases: &["method.ndimension"],
        doc: "The number of dims.",
        call: |a, _| int(a.t(0)?.ndim()),
    },
    native!("method.element_size(Tensor self) -> int", "Bytes per element.", |a, _| int(a.t(0)?.dtype().size())),
    native!(
        "method.storage_offset(Tensor self) -> int",
        "The first element's place in the memory block, in elements.",
        |a, _| { int(a.t(0)?.layout().offset) }
    ),
    native!("method.data_ptr(Tensor self) -> int", "The address of the first element.", |a, _| {
        let t = a.t(0)?;
        int(if t.numel() == 0 || t.device().is_gpu() { 0 } else { t.array().bytes_ptr() as usize })
    }),
    native!("method.get_device(Tensor self) -> int", "The number of the GPU, -1 for main memory.", |a, _| {
        checked(number(Number::Int(if a.t(0)?.device().is_gpu() { 0 } else { -1 })))
    }),
    Native {
        schema: &["method.is_contiguous(Tensor self, *, memory_format? memory_format=None) -> bool"],
        aliases: &[],
        doc: "Whether the elements lie in C order without gaps (or in the order of `memory_format`).",
        call: |a, _| {
            let t = a.t(0)?;
            match Format::arg(a, 1)? {
                Some(f @ Format::ChannelsLast(rank)) if t.ndim() == rank as usize => {
                    let wanted = f.layout(t.layout())?;
                    truth((0..t.ndim()).all(|d| t.shape()[d] == 1 || t.layout().strides[d] == wanted.strides[d]))
                }
                Some(Format::ChannelsLast(_)) => truth(false),
                _ => truth(t.is_contiguous()),
            }
        },
    },
    native!("is_floating_point(Tensor self) -> bool", "Whether the elements are floats.", |a, _| {
        truth(a.t(0)?.dtype().is_float())
    }),
    native!("is_complex(Tensor self) -> bool", "False: no dtype here is complex.", |_, _| truth(false)),
    native!("is_signed(Tensor self) -> bool", "Whether the elements may be negative.", |a, _| {
        truth(!matches!(a.t(0)?.dtype(), DType::Bool | DType::U8))
    }),
    native!("is_inference(Tensor self) -> bool", "Whether the tensor was made in inference mode.", |_, _| truth(false)),
    native!("is_same_size(Tensor self, Tensor other) -> bool", "Whether both have the same sizes.", |a, _| {
        truth(a.t(0)?.shape() == a.t(1)?.shape())
    }),
    native!(
        "method.is_set_to(Tensor self, Tensor tensor) -> bool",
        "Whether both show the same memory with the same sizes and strides.",
        |a, _| {
            let (x, y) = (a.t(0)?.array(), a.t(1)?.array());
            truth(x.storage.same(&y.storage) && x.layout == y.layout)
        }
    ),
    native!("method.is_shared(Tensor self) -> bool", "False: memory is not shared between processes.", |_, _| truth(
        false
    )),
    native!("method.is_pinned(Tensor self) -> bool", "False: memory is not pinned.", |_, _| truth(false)),
    Native {
        schema: &[
            "method.type(Tensor self) -> str",
            "method.type(Tensor self, str dtype, bool non_blocking=False) -> Tensor",
        ],
        aliases: &[],
        doc: "The name of the tensor's type, `rustgrad.FloatTensor`; or the tensor as another.",
        call: type_name,
    },
    Native {
        schema: &["method.as_subclass(Tensor self, Any cls) -> Any"],
        aliases: &[],
        doc: "A view of this tensor that is an instance of `cls`.",
        call: |a, _| {
            let class = a.opt_object(1).map_or(null_mut(), |o| o.cast());
            subclass(class, alias(a.t(0)?))
        },
    },
    Native {
        schema: &["method.__format__(Tensor self, str format_spec) -> str"],
        aliases: &[],
        doc: "A 0-d tensor formats as its number, others as their text.",
        call: |a, this| {
            let t = a.t(0)?;
            // SAFETY: the GIL is held; each new reference is handed on or given back.
            unsafe {
                let py = Python::assume_attached();
                let spec = PyString::new(py, a.opt_str(1).unwrap_or_default());
                if t.ndim() == 0 && ffi::Py_TYPE(this) == tensor_type() {
                    let value = checked(number(super::data::item(t)?))?;
                    let text = ffi::PyObject_Format(value, spec.as_ptr());
                    ffi::Py_DECREF(value);
                    return checked(text);
                }
                if a.opt_str(1).unwrap_or_default().is_empty() {
                    return checked(ffi::PyObject_Str(this));
                }
                bail!(Type, "unsupported format string passed to {}.__format__", super::convert::type_name(this))
            }
        },
    },
    Native {
        schema: &["method.__complex__(Tensor self) -> complex"],
        aliases: &[],
        doc: "The only element as a complex number.",
        call: |a, _| {
            let t = a.t(0)?;
            if t.numel() != 1 {
                bail!(Value, "only one element tensors can be converted to Python scalars");
            }
            // SAFETY: the GIL is held.
            checked(unsafe { ffi::PyComplex_FromDoubles(super::data::item(t)?.to_f64(), 0.0) })
        },
    },
    Native {
        schema: &["method.__reversed__(Tensor self) -> Any"],
        aliases: &[],
        doc: "The entries of dim 0, last first.",
        call: |a, _| {
            if a.t(0)?.ndim() == 0 {
                bail!(Type, "iteration over a 0-d tensor");
            }
            let parts = super::index::unbind(a.t(0)?)?;
            // SAFETY: the GIL is held, and the reference is new.
            let parts = unsafe { Bound::from_owned_ptr(Python::assume_attached(), parts) };
            let builtins = parts.py().import("builtins").or_foreign()?;
            Ok(builtins.call_method1("reversed", (parts,)).or_foreign()?.into_ptr())
        },
    },
    Native {
        schema: &["method.__copy__(Tensor self) -> Any"],
        aliases: &[],
        doc: "For copy.copy: another tensor over the same memory.",
        call: |a, this| {
            let t = a.t(0)?;
            let copy = t.detach();
            if t.requires_grad() {
                copy.set_requires_grad(true)?;
            }
            // SAFETY: the object's own class.
            let o = subclass(unsafe { ffi::Py_TYPE(this).cast() }, copy)?;
            copy_attributes(this, o, None)?;
            Ok(o)
        },
    },
    Native {
        schema: &["method._to_bytes(Tensor self) -> bytes"],
        aliases: &[],
        doc: "The elements in C order, in this machine's byte order.",
        call: |a, _| {
            let flat = flat_bytes(a.t(0)?)?;
            // SAFETY: the GIL is held; contiguous memory of that length.
            unsafe {
                let n = flat.numel() * flat.dtype.size();
                checked(ffi::PyBytes_FromStringAndSize(flat.bytes_ptr().cast(), n as ffi::Py_ssize_t))
            }
        },
    },
];

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
fn type_name(a: &Args, _: P) -> Result<P> {
    let t = a.t(0)?;
    if a.overload == 0 {
        let text = format!("rustgrad.{}Tensor", t.dtype().scalar_name());
        // SAFETY: the GIL is held; UTF-8 of that length.
        return checked(unsafe {
            ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t)
        });
    }
    let name = a.opt_str(1).unwrap_or_default();
    let short = name.strip_prefix("rustgrad.").or(name.strip_prefix("torch.")).and_then(|n| n.strip_suffix("Tensor"));
    match DType::ALL.into_iter().find(|d| Some(d.scalar_name()) == short) {
        Some(d) => checked(wrap(t.to_dtype(d)?)),
        None => bail!(Value, "invalid type: '{name}'"),
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
    let flat = Array::empty(Meta::new(Layout::contiguous(t.shape().into()), t.dtype(), Device::CPU))?;
    data::copy(t.array(), &flat)?;
    Ok(flat)
}
