//! Methods of Tensor that are no ops: what it is (sizes, strides, flags), subclasses, copying and pickling.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

use super::call::number;
use super::errors::{OrForeign, P, checked, to_python};
use super::native::Native;
use super::object::{as_tensor, tensor_type, wrap, wrap_as};
use super::{size, types};
use crate::bail;
use crate::core::shape::normalize_dim;
use crate::core::spoken::{self, library};
use crate::core::{DType, Device, DeviceKind, Layout, Meta, Number, Shape};
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
    Native {
        schema: &["method.cuda(Tensor self, Device? device=None, bool non_blocking=False, *, memory_format? \
             memory_format=None) -> Tensor"],
        aliases: &[],
        doc: "`self.to(\"cuda\")`: an error, but for PyTorch programs run by rustgrad.as_torch on a machine with a GPU.",
        call: |a, _| {
            let device =
                a.opt_device(1).unwrap_or_else(|| types::present(Device { kind: DeviceKind::Cuda, index: None }));
            device.require("cuda")?;
            checked(wrap(a.t(0)?.to_device(device.plain())?))
        },
    },
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
            "method.type(Tensor self, Any dtype, bool non_blocking=False) -> Tensor",
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
                let spec = pyo3::types::PyString::new(py, a.opt_str(1).unwrap_or_default());
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
        schema: &["method.__deepcopy__(Tensor self, Any memo) -> Any"],
        aliases: &[],
        doc: "For copy.deepcopy: a leaf with its own memory, gradient and attributes.",
        call: deep_copy,
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
        schema: &["method.__reduce_ex__(Tensor self, Any protocol) -> tuple"],
        aliases: &[],
        doc: "For pickle.",
        call: reduce,
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
        let place = if t.device().is_gpu() && spoken::gpu_as_cuda() { "cuda." } else { "" };
        let text = format!("{}.{place}{}Tensor", library(), t.dtype().scalar_name());
        // SAFETY: the GIL is held; UTF-8 of that length.
        return checked(unsafe {
            ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t)
        });
    }
    if a.overload == 2 {
        return by_class(t, a.opt_object(1).map_or(null_mut(), |o| o.cast()));
    }
    let name = a.opt_str(1).unwrap_or_default();
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
        _ => bail!(Value, "dtype must be a type, str, or dtype object"),
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

fn deep_copy(a: &Args, this: P) -> Result<P> {
    let t = a.t(0)?;
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
        (py, Bound::from_borrowed_ptr(py, a.opt_object(1).map_or(ffi::Py_None(), |o| o.cast())))
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

fn reduce(a: &Args, this: P) -> Result<P> {
    let t = a.t(0)?;
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
        let t = Tensor::new(out).to_device(device.map_or(Device::CPU, |d| d.get().0.plain()))?;
        if requires_grad {
            t.set_requires_grad(true)?;
        }
        subclass(cls.as_ptr(), t)
    };
    let o = made().map_err(|e| to_python(py, e))?;
    // SAFETY: a new reference.
    Ok(unsafe { Bound::from_owned_ptr(py, o) })
}
