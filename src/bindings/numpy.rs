//! NumPy: arrays and tensors that share memory, each keeping the other's alive. NumPy is imported when first
//! needed, and spoken to through its Python interface, so that no version of its C API is baked in.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyFloat, PyInt, PyList, PyTuple};

use super::convert::type_name;
use super::errors::{OrForeign, P};
use super::gil::Owned;
use super::native::natives;
use super::object::{as_tensor, wrap};
use super::types;
use crate::core::{DType, Device, Layout, Meta, Shape, Strides};
use crate::device::Array;
use crate::device::storage::Storage;
use crate::error::Result;
use crate::tensor::door::enter;
use crate::tensor::{Tensor, data, mode};
use crate::{bail, err};

natives! {
    /// A tensor over the memory of a NumPy array, which it keeps alive: writes to either are seen by both.
    from_numpy as ["function.from_numpy(Any ndarray) -> Tensor"] {
        call(o = ndarray: P) {
            if !is_array(o) {
                bail!(Type, "expected np.ndarray (got {})", type_name(o));
            }
            super::errors::checked(wrap(share(o, false)?))
        }
    }
    /// A NumPy array over this tensor's memory, which it keeps alive: writes to either are seen by both.
    ///
    /// A tensor that requires a gradient is refused unless `force`, or under no_grad.
    numpy as ["method.numpy(Tensor self, *, bool force=False) -> Any"] {
        call(t = self: &Tensor, force: bool; _a, this) {
            if t.requires_grad() && mode::grad_enabled() && !force {
                bail!(Runtime, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
            }
            if force && t.device().is_meta() {
                return Err(data::no_data());
            }
            to_array(t, this)
        }
    }
    /// For NumPy: the elements as an array.
    array as ["method.__array__(Tensor self, Any dtype=None, *, bool? copy=None) -> Any"] {
        call(t = self: &Tensor, dtype: P, copy: Option<bool>; _a, this) {
            if t.requires_grad() && mode::grad_enabled() {
                bail!(Runtime, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
            }
            let array = to_array(t, this)?;
            // SAFETY: the GIL is held, and the reference is new.
            unsafe {
                let py = Python::assume_attached();
                let array = Bound::from_owned_ptr(py, array);
                let dtype = Some(Bound::from_borrowed_ptr(py, dtype)).filter(|d| !d.is_none());
                let array = match dtype {
                    Some(d) => array.call_method1("astype", (d,)).or_foreign()?,
                    None if copy == Some(true) => array.call_method0("copy").or_foreign()?,
                    None => array,
                };
                Ok(array.into_ptr())
            }
        }
    }
    /// For NumPy: the result of a ufunc as a tensor.
    array_wrap as [
        "method.__array_wrap__(Tensor self, Any array, Any context=None, bool return_scalar=False) -> Tensor",
    ] {
        call(array: P) {
            let t = super::data::from_data(array, None, Device::CPU, false)?;
            // PyTorch makes bytes of bools here, from a time when it had no bool.
            let t = if t.dtype() == DType::Bool { t.to_dtype(DType::U8)? } else { t };
            super::errors::checked(wrap(t))
        }
    }
}

/// NumPy, if the program has imported it; nothing is one of its objects otherwise.
fn loaded(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the GIL is held; the dict and its item are borrowed.
    unsafe {
        let modules = ffi::PyImport_GetModuleDict();
        let numpy = ffi::PyDict_GetItemString(modules, c"numpy".as_ptr());
        Bound::from_borrowed_ptr_or_opt(py, numpy)
    }
}

/// Whether `o` is an instance of a class of NumPy's.
pub fn is_instance(o: P, class: &str) -> bool {
    if o.is_null() {
        return false;
    }
    // SAFETY: a live object; the GIL is held.
    unsafe {
        let py = Python::assume_attached();
        let Some(numpy) = loaded(py) else { return false };
        let o = Bound::from_borrowed_ptr(py, o);
        numpy.getattr(class).and_then(|c| o.is_instance(&c)).unwrap_or(false)
    }
}

pub fn is_array(o: P) -> bool {
    is_instance(o, "ndarray")
}

/// A scalar or a 0-d array, which claims to be a sequence without having a length.
pub fn is_zero_d(o: P) -> bool {
    if is_instance(o, "generic") {
        return true;
    }
    // SAFETY: a live object; the GIL is held.
    let o = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), o) };
    is_array(o.as_ptr()) && o.getattr("ndim").and_then(|n| n.extract::<usize>()).is_ok_and(|n| n == 0)
}

/// PyTorch's warning, once a process, of a list with arrays in it.
#[cold]
pub fn warn_of_arrays() -> Result<()> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if WARNED.swap(true, Relaxed) {
        return Ok(());
    }
    mode::warn(
        "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a single \
         numpy.ndarray with numpy.array() before converting to a tensor.",
    )
}

/// A tensor over the memory of a DLPack capsule, or of an object that makes them; None for other objects.
pub fn over_dlpack(data: P) -> Result<Option<Tensor>> {
    // SAFETY: an argument of a call; the GIL is held.
    let o = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), data) };
    if !o.is_instance_of::<PyCapsule>() {
        let plain = o.is_instance_of::<PyList>() || o.is_instance_of::<PyTuple>() || o.is_instance_of::<PyFloat>();
        if plain || is_array(data) || is_instance(data, "generic") || !o.hasattr("__dlpack__").or_foreign()? {
            return Ok(None);
        }
    }
    let methods = o.py().import("rustgrad._methods").or_foreign()?;
    let made = methods.call_method1("from_dlpack", (&o,)).or_foreign()?;
    // SAFETY: a live object.
    Ok(unsafe { as_tensor(made.as_ptr()) }.cloned())
}

/// A tensor over a storage: one with a dtype, or one without, whose bytes are read as `dtype`, else as int64. None for what is
/// no storage.
pub fn over_storage(data: P, dtype: Option<DType>) -> Result<Option<Tensor>> {
    // SAFETY: an argument of a call; the GIL is held.
    let o = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), data) };
    let number = o.is_instance_of::<PyFloat>() || o.is_instance_of::<PyInt>();
    if number || o.is_instance_of::<PyList>() || o.is_instance_of::<PyTuple>() {
        return Ok(None);
    }
    let (storage, own) = match o.getattr_opt("_untyped_storage").or_foreign()? {
        Some(s) => (s, super::convert::dtype(o.getattr("dtype").or_foreign()?.as_ptr())),
        None => (o, None),
    };
    let Ok(storage) = storage.cast::<super::storage::UntypedStorage>() else { return Ok(None) };
    if let (Some(own), Some(wanted)) = (own, dtype)
        && own != wanted
    {
        let (wanted, own) = (wanted.scalar_name(), own.scalar_name());
        bail!(Runtime, "Expected a Storage of type {wanted} or an UntypedStorage, but got {own}");
    }
    let (bytes, dtype) = (storage.get().array(), own.or(dtype).unwrap_or(DType::I64));
    let layout = Layout::contiguous([bytes.numel() / dtype.size()][..].into());
    Ok(Some(enter("tensor", Array::new(Meta::new(layout, dtype, bytes.device), bytes.storage))))
}

/// Whether `o` is an array without dims that holds an integer.
pub fn is_whole_array(o: P) -> bool {
    is_array(o) && is_zero_d(o) && dtype_of(o).is_some_and(|d| d.is_ok_and(|d| d.is_integral() && d != DType::Bool))
}

/// The number of an array without dims, as Python's own object.
pub fn number_of(o: P) -> Result<Py<PyAny>> {
    // SAFETY: a live object; the GIL is held.
    let o = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), o) };
    o.call_method0("item").map(Bound::unbind).or_foreign()
}

/// The dtype of an array or a NumPy scalar; None for other objects.
pub fn dtype_of(o: P) -> Option<Result<DType>> {
    if !is_array(o) && !is_instance(o, "generic") {
        return None;
    }
    // SAFETY: a live object; the GIL is held.
    let o = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), o) };
    Some(dtype_by_name(&o))
}

fn dtype_by_name(o: &Bound<'_, PyAny>) -> Result<DType> {
    let dtype = o.getattr("dtype").or_foreign()?;
    let name: String = dtype.getattr("name").and_then(|n| n.extract()).or_foreign()?;
    if let Some(d) = DType::ALL.into_iter().find(|d| d.name() == name && !d.row().numpy.is_empty()) {
        return Ok(d);
    }
    let class: String =
        dtype.getattr("type").and_then(|t| t.getattr("__name__")).and_then(|n| n.extract()).or_foreign()?;
    Err(err!(
        Type,
        "can't convert np.ndarray of type numpy.{class}. The only supported types are: float64, float32, float16, \
         complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
    ))
}

/// The integers of an array whose integer dtype no tensor has, as int64; None for other arrays.
pub fn widened(o: P) -> Result<Option<Tensor>> {
    // SAFETY: a live array; the GIL is held.
    let a = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), o) };
    let kind: String = a.getattr("dtype").and_then(|d| d.getattr("kind")).and_then(|k| k.extract()).or_foreign()?;
    if dtype_by_name(&a).is_ok() || !matches!(kind.as_str(), "i" | "u") {
        return Ok(None);
    }
    let wide = a.call_method1("astype", ("int64",)).or_foreign()?;
    share(wide.as_ptr(), true).map(Some)
}

/// The tensor that `==` compares with: of an array of numbers. None for other objects and for arrays of text or of objects,
/// which equal no tensor.
pub fn comparable(o: P) -> Result<Option<Tensor>> {
    if !is_array(o) {
        return Ok(None);
    }
    if let Some(wide) = widened(o)? {
        return Ok(Some(wide));
    }
    // SAFETY: a live array; the GIL is held.
    let a = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), o) };
    let kind: String = a.getattr("dtype").and_then(|d| d.getattr("kind")).and_then(|k| k.extract()).or_foreign()?;
    // Bools, integers, floats, complex numbers.
    if matches!(kind.as_str(), "b" | "i" | "u" | "f" | "c") { share(o, false).map(Some) } else { Ok(None) }
}

/// A tensor over the memory of an array. Where it is `copied` at once, read-only memory is no matter.
pub fn share(o: P, copied: bool) -> Result<Tensor> {
    // SAFETY: a live array; the GIL is held.
    let a = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), o) };
    let dtype = dtype_by_name(&a)?;
    let native: bool = a.getattr("dtype").and_then(|d| d.getattr("isnative")).and_then(|n| n.extract()).or_foreign()?;
    if !native {
        bail!(
            Value,
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is \
             currently not supported."
        );
    }
    let shape: Vec<usize> = a.getattr("shape").and_then(|s| s.extract()).or_foreign()?;
    let bytes: Vec<isize> = a.getattr("strides").and_then(|s| s.extract()).or_foreign()?;
    let interface = a.getattr("__array_interface__").or_foreign()?;
    let (address, read_only): (usize, bool) = interface.get_item("data").and_then(|d| d.extract()).or_foreign()?;
    let size = dtype.size() as isize;
    let mut strides = Strides::new();
    for (&b, &n) in bytes.iter().zip(&shape) {
        if b % size != 0 {
            bail!(
                Value,
                "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate \
                 the memory."
            );
        }
        if b < 0 && n > 1 {
            bail!(
                Value,
                "At least one stride in the given numpy array is negative, and tensors with negative strides are not \
                 currently supported. (You can probably work around this by making a copy of your array  with \
                 array.copy().) "
            );
        }
        strides.push(b.max(0) / size);
    }
    if read_only && !copied {
        mode::warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing \
             to this tensor will result in undefined behavior. You may want to copy the array to protect its data or make \
             it writable before converting it to a tensor.",
        )?;
    }
    let layout = Layout { shape: Shape::from_slice(&shape), strides, offset: 0 };
    let reach = layout.end() * dtype.size();
    // A complex number is aligned as its parts are.
    let aligned = address.is_multiple_of(dtype.to_real().size());
    let Some(ptr) = NonNull::new(address as *mut u8).filter(|_| aligned) else {
        if aligned {
            return Ok(enter(
                "from_numpy",
                Array::empty(Meta::new(Layout::contiguous(layout.shape), dtype, Device::CPU))?,
            ));
        }
        bail!(Value, "given numpy array is not aligned to its element size; copy it first");
    };
    // SAFETY: a new reference to the array, which owns memory of that reach (or keeps alive who does).
    let storage = unsafe {
        let owner = Owned::new(a.clone().into_ptr());
        Storage::foreign(ptr, reach, Box::new(owner))
    };
    Ok(enter("from_numpy", Array::new(Meta::new(layout, dtype, Device::CPU), storage)))
}

/// What an array made from a tensor asks for its memory: NumPy reads `__array_interface__` once and keeps this
/// object as the array's base.
#[pyclass(frozen, module = "rustgrad")]
struct Memory {
    array: Array,
    /// For the tensor's object: `x.numpy().base` leads back to memory that is alive.
    #[expect(dead_code, reason = "held to be dropped")]
    tensor: Py<PyAny>,
}

#[pymethods]
impl Memory {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let x = &self.array;
        let size = x.dtype.size() as isize;
        let d = PyDict::new(py);
        d.set_item("version", 3)?;
        d.set_item("shape", PyTuple::new(py, x.shape())?)?;
        // The strides of NumPy's own arrays without elements are 0.
        let size = if x.numel() > 0 { size } else { 0 };
        d.set_item("strides", PyTuple::new(py, x.strides().iter().map(|s| s * size))?)?;
        d.set_item("typestr", x.dtype.row().numpy)?;
        d.set_item("data", (x.bytes_ptr() as usize, false))?;
        Ok(d)
    }
}

fn to_array(t: &Tensor, this: P) -> Result<P> {
    if t.dtype().row().numpy.is_empty() {
        bail!(Type, "Got unsupported ScalarType {}", t.dtype().scalar_name());
    }
    if !t.device().is_cpu() {
        return Err(err!(
            Type,
            "can't convert {} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
            t.device().kind.plain_name()
        ));
    }
    // SAFETY: the GIL is held; `this` is the tensor's object.
    unsafe {
        let py = Python::assume_attached();
        let tensor = Bound::from_borrowed_ptr(py, this).unbind();
        let memory = Bound::new(py, Memory { array: t.array().clone(), tensor }).or_foreign()?;
        let numpy = py.import("numpy").or_foreign()?;
        Ok(numpy.call_method1("asarray", (memory,)).or_foreign()?.into_ptr())
    }
}

/// Whether an object shows memory and nothing else: NumPy's arrays and numbers know their dtypes.
pub fn is_buffer(data: P) -> bool {
    // SAFETY: an argument of a call.
    let shows = unsafe { ffi::PyObject_CheckBuffer(data) } != 0;
    shows && !is_array(data) && !is_instance(data, "generic")
}

/// A tensor over an object's memory, read as elements of `dtype` or else of the default dtype.
pub fn over_buffer(data: P, dtype: Option<DType>) -> Result<Tensor> {
    let dtype = dtype.unwrap_or_else(mode::default_float);
    // SAFETY: an argument of a call; the GIL is held.
    unsafe {
        let py = Python::assume_attached();
        let named = PyDict::new(py);
        named.set_item("dtype", Bound::from_borrowed_ptr(py, types::dtype_object(dtype))).or_foreign()?;
        let data = Bound::from_borrowed_ptr(py, data);
        let package = py.import("rustgrad").or_foreign()?;
        let made = package.getattr("frombuffer").and_then(|f| f.call((data,), Some(&named))).or_foreign()?;
        match as_tensor(made.as_ptr()) {
            Some(t) => Ok(t.clone()),
            None => bail!(Type, "asarray(): frombuffer gave no tensor"),
        }
    }
}
