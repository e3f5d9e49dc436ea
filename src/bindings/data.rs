//! Between Python data and tensors: `tensor(...)` from nested sequences with PyTorch's dtype inference and errors,
//! and back: `item`, `tolist`.

use std::ptr::addr_of_mut;

use pyo3::exceptions::PyRecursionError;
use pyo3::ffi;

use super::autograd::again;
use super::call::number;
use super::convert::{self, is_bool, is_none, type_name};
use super::errors::{P, checked, fetched, foreign};
use super::native::natives;
use super::numpy;
use super::object::{as_tensor, wrap};
use crate::core::promote::promoted;
use crate::core::shape::list;
use crate::core::{DType, Device, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::device::array::number_at;
use crate::error::Result;
use crate::tensor::door::enter;
use crate::tensor::{Tensor, data, mode};
use crate::{bail, err};

/// PyTorch's limit on nesting.
const MAX_DIMS: usize = 128;

natives! {
    /// A tensor with a copy of `data`: a number, nested sequences of numbers, a NumPy array, or a tensor.
    ///
    /// Floats have the default dtype, ints int64, bools bool; arrays and NumPy scalars keep theirs.
    tensor as [
        "function.tensor(Any data, *, dtype? dtype=None, device? device=None, bool requires_grad=False, bool pin_memory=False) -> Tensor",
    ] {
        call(data: P, dtype: Option<DType>, device: Option<Device>, requires_grad: bool) {
            let device = device_for(data, device)?;
            // SAFETY: an argument of the call.
            if unsafe { as_tensor(data) }.is_some() {
                mode::warn(
                    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or \
                     sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
                )?;
            }
            finish(from_data(data, dtype, device, true)?, requires_grad)
        }
    }
    /// A tensor of `data`, sharing its memory where it is a tensor or a NumPy array of that dtype.
    as_tensor as ["function.as_tensor(Any data, dtype? dtype=None, device? device=None) -> Tensor"] {
        call(data: P, dtype: Option<DType>, device: Option<Device>) {
            let device = device_for(data, device)?;
            // SAFETY: an argument of the call.
            if let Some(t) = unsafe { as_tensor(data) } {
                let wanted = dtype.unwrap_or(t.dtype());
                if wanted == t.dtype() && device == t.device() {
                    return Ok(again(data));
                }
                return checked(wrap(t.to_device(device)?.to_dtype(wanted)?));
            }
            checked(wrap(from_data(data, dtype, device, false)?))
        }
    }
    /// A tensor of `obj`, sharing its memory where possible unless `copy`; `copy=False` forbids to copy. Given `requires_grad`, `obj`
    /// itself is set so where it is the result.
    asarray as [
        "function.asarray(Any obj, *, dtype? dtype=None, device? device=None, bool? copy=None, bool? requires_grad=None) -> Tensor",
    ] {
        call(data = obj: P, dtype: Option<DType>, device: Option<Device>, copy: Option<bool>, requires_grad: Option<bool>) {
            let device = device_for(data, device)?;
            // SAFETY: an argument of the call.
            let t = match unsafe { as_tensor(data) }.cloned().map_or_else(|| numpy::over_dlpack(data), |t| Ok(Some(t)))? {
                Some(t) => brought(t, dtype, device, copy)?,
                None if numpy::is_buffer(data) => brought(numpy::over_buffer(data, dtype)?, dtype, device, copy)?,
                None if copy == Some(false) => {
                    if !numpy::is_array(data) {
                        if numpy::is_instance(data, "generic") {
                            bail!(
                                Runtime,
                                "can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray. "
                            );
                        }
                        bail!(Value, "can't alias arbitrary sequence into a tensor.");
                    }
                    brought(numpy::share(data, false)?, dtype, device, copy)?
                }
                None => from_data(data, dtype, device, copy == Some(true))?,
            };
            // Unless told, a tensor goes on in its graph. What is no leaf can leave it only as another tensor.
            match requires_grad {
                Some(false) if t.requires_grad() && t.is_leaf() => t.set_requires_grad(false)?,
                Some(false) if t.requires_grad() => return checked(wrap(t.detach())),
                _ => {}
            }
            finish(t, requires_grad == Some(true))
        }
    }
    /// A tensor with a copy of `data` and, unless told otherwise, the dtype and device of `self`.
    new_tensor as [
        "method.new_tensor(Tensor self, Any data, *, dtype? dtype=None, device? device=None, bool requires_grad=False, layout? layout=None, bool pin_memory=False) -> Tensor",
    ] {
        call(x = self: &Tensor, data: P, dtype: Option<DType>, device: Option<Device>, requires_grad: bool) {
            let device = device_of(Some(device.unwrap_or(x.device())))?;
            let dtype = dtype.unwrap_or(x.dtype());
            finish(from_data(data, Some(dtype), device, true)?, requires_grad)
        }
    }
    /// The only element, as a Python number.
    item as ["method.item(Tensor self) -> Number"] {
        call(t = self: &Tensor) {
            if t.numel() != 1 {
                return Err(err!(Runtime, "a Tensor with {} elements cannot be converted to Scalar", t.numel())
                    .hint("use tolist(), or index one element first"));
            }
            checked(number(item(t)?))
        }
    }
    /// The elements as nested lists of Python numbers; a number for a 0-d tensor.
    tolist as ["method.tolist(Tensor self) -> Any"] {
        call(x = self: &Tensor) {
            check_depth(x, MAX_DEPTH)?;
            let x = &x.on_cpu()?;
            to_list(x, 0, x.layout.offset)
        }
    }
}

/// The device that was given, which must be one that tensors can be on; the default device if none was.
fn device_of(given: Option<Device>) -> Result<Device> {
    let device = given.unwrap_or_else(mode::default_device);
    device.require("tensor")?;
    Ok(device.plain())
}

/// As [`device_of`], for a tensor of `data`: a tensor stays where it is, unless the program has named a default device.
fn device_for(data: P, given: Option<Device>) -> Result<Device> {
    let default = mode::default_device();
    // SAFETY: an argument of the call.
    match (given, unsafe { as_tensor(data) }) {
        (None, Some(t)) if default.is_cpu() => Ok(t.device()),
        _ => device_of(given),
    }
}

/// `asarray` of a tensor: with this dtype, if one is given, on this device; itself where that is no change.
fn brought(t: Tensor, dtype: Option<DType>, device: Device, copy: Option<bool>) -> Result<Tensor> {
    let dtype = dtype.unwrap_or(t.dtype());
    if copy == Some(false) && device != t.device() {
        bail!(Value, "can't alias tensor from device '{}' to '{}'.", t.device().shown(), device.shown());
    }
    if copy == Some(false) && dtype != t.dtype() {
        let (from, to) = (t.dtype().scalar_name(), dtype.scalar_name());
        bail!(Value, "can't alias tensor with dtype '{from}' into dtype '{to}'.");
    }
    if copy == Some(true) && dtype == t.dtype() && device == t.device() {
        return t.cloned(crate::ops::copy::Format::Preserve);
    }
    t.to_dtype(dtype)?.to_device(device)
}

fn finish(t: Tensor, requires_grad: bool) -> Result<P> {
    if requires_grad {
        if !t.dtype().is_differentiable() {
            bail!(Runtime, "Only Tensors of floating point and complex dtype can require gradients");
        }
        t.set_requires_grad(true)?;
    }
    checked(wrap(t))
}

/// The only element, wherever it is.
pub fn item(t: &Tensor) -> Result<Number> {
    if t.device().is_cpu() { Ok(first(t.array())) } else { data::number(t) }
}

fn first(x: &Array) -> Number {
    // SAFETY: the caller has checked that there is an element.
    unsafe { number_at(x.bytes_ptr(), x.dtype) }
}

/// Lists within lists for which the stack has room.
const MAX_DEPTH: usize = 10_000;

/// Refuses what goes into each dim by a call of its own, where there are more dims than `limit`.
pub fn check_depth(t: &Tensor, limit: usize) -> Result<()> {
    if t.ndim() > limit {
        return Err(foreign(PyRecursionError::new_err("maximum recursion depth exceeded")));
    }
    Ok(())
}

/// Dim `dim` and those below it, from element `at` of the storage on.
fn to_list(x: &Array, dim: usize, at: usize) -> Result<P> {
    if dim == x.ndim() {
        // SAFETY: `at` is an element of the layout.
        return checked(number(unsafe { number_at(x.storage.ptr().add(at * x.dtype.size()), x.dtype) }));
    }
    let n = x.shape()[dim];
    // SAFETY: the GIL is held; the fresh list takes over each item, and is given up on failure.
    unsafe {
        let list = checked(ffi::PyList_New(n as ffi::Py_ssize_t))?;
        for i in 0..n {
            let here = (at as isize + i as isize * x.strides()[dim]) as usize;
            match to_list(x, dim + 1, here) {
                Ok(v) => ffi::PyList_SetItem(list, i as ffi::Py_ssize_t, v),
                Err(e) => {
                    ffi::Py_DECREF(list);
                    return Err(e);
                }
            };
        }
        Ok(list)
    }
}

/// `Tensor(...)`: sizes, or data, as the default dtype.
///
/// # Safety
/// `args` is a tuple, `kwargs` null or a dict.
pub unsafe fn legacy(args: P, kwargs: P) -> Result<Tensor> {
    let dtype = mode::default_float();
    // SAFETY: says the caller; the value is borrowed.
    let (given, device) = unsafe {
        let given = if kwargs.is_null() { 0 } else { ffi::PyDict_Size(kwargs) };
        let device =
            if given == 0 { std::ptr::null_mut() } else { ffi::PyDict_GetItemString(kwargs, c"device".as_ptr()) };
        if given > (!device.is_null()) as isize {
            bail!(Type, "Tensor() takes no keyword arguments but device");
        }
        let device = if device.is_null() { None } else { convert::device(device)? };
        if device.is_some() && ffi::PyTuple_Size(args) == 1 && as_tensor(ffi::PyTuple_GetItem(args, 0)).is_some() {
            bail!(
                Runtime,
                "Legacy tensor constructor of the form torch.Tensor(tensor, device=device) is not supported.  Use \
                 torch.tensor(...) or torch.as_tensor(...) instead."
            );
        }
        (device, device_of(device)?)
    };
    // SAFETY: says the caller; items are borrowed.
    unsafe {
        let n = ffi::PyTuple_Size(args);
        if n == 1 {
            let first = ffi::PyTuple_GetItem(args, 0);
            if let Some(t) = as_tensor(first) {
                return Ok(super::methods::alias(t));
            }
            let is_size = ffi::Py_TYPE(first) == super::size::size_type();
            if convert::int(first)?.is_none() && !is_size {
                let sequence = ffi::PySequence_Check(first) != 0 && !convert::is_numpy_scalar(first);
                if !sequence && !numpy::is_array(first) {
                    return Err(err!(Type, "new(): data must be a sequence (got {})", type_name(first))
                        .hint("a tensor of one number is tensor(number)"));
                }
                return from_data(first, Some(dtype), device_for(first, given)?, true);
            }
        }
        let mut shape = Shape::new();
        let first = if n == 1 { ffi::PyTuple_GetItem(args, 0) } else { args };
        let sizes = if ffi::PyTuple_Check(first) != 0 { first } else { args };
        for i in 0..ffi::PyTuple_Size(sizes) {
            let it = ffi::PyTuple_GetItem(sizes, i);
            match convert::int(it)? {
                Some(v) if v >= 0 => shape.push(v as usize),
                Some(v) => {
                    let all = (0..ffi::PyTuple_Size(sizes)).map(|k| convert::int(ffi::PyTuple_GetItem(sizes, k)));
                    let all = all.map(|n| Ok(n?.unwrap_or(0))).collect::<Result<Vec<i64>>>()?;
                    bail!(Runtime, "Trying to create tensor with negative dimension {v}: {}", list(&all))
                }
                None => bail!(Type, "new(): expected ints as sizes, but got {}", type_name(it)),
            }
        }
        if n == 0 {
            shape.push(0);
        }
        crate::ops::create::empty("Tensor", Layout::contiguous(shape), dtype, device)
    }
}

/// A tensor of `data`; arrays and tensors are copied if `copy`.
pub fn from_data(data: P, dtype: Option<DType>, device: Device, copy: bool) -> Result<Tensor> {
    // SAFETY: an argument of the call.
    if let Some(t) = unsafe { as_tensor(data) } {
        let t = t.detach();
        let wanted = dtype.unwrap_or(t.dtype());
        return if wanted != t.dtype() || device != t.device() {
            t.to_device(device)?.to_dtype(wanted)
        } else if copy {
            t.cloned(crate::ops::copy::Format::Preserve)
        } else {
            Ok(t)
        };
    }
    if numpy::is_array(data) {
        let shared = match dtype.map_or(Ok(None), |_| numpy::widened(data))? {
            Some(wide) => wide,
            None => numpy::share(data, copy)?,
        };
        return match dtype {
            Some(d) if d != shared.dtype() => shared.to_dtype(d)?.to_device(device),
            _ if device != shared.device() => shared.to_device(device),
            _ if copy => shared.cloned(crate::ops::copy::Format::Contiguous),
            _ => Ok(shared),
        };
    }
    // SAFETY: a live object.
    if unsafe { is_text(data) } {
        bail!(Type, "new(): invalid data type '{}'", type_name(data));
    }
    if let Some(t) = numpy::over_storage(data, dtype)? {
        return t.to_device(device);
    }
    let mut reader = Reader { values: Vec::new(), found: None, wanted: dtype };
    let shape = sizes(data)?;
    reader.infer(data, 0)?;
    let dtype = dtype.or(reader.found).unwrap_or_else(mode::default_float);
    reader.wanted = Some(dtype);
    reader.values.reserve(shape.iter().product());
    // What has no element is not looked at further.
    if !shape.contains(&0) {
        reader.store(data, &shape, 0)?;
    }
    let out = Array::empty(Meta::new(Layout::contiguous(shape), dtype, Device::CPU))?;
    for (i, v) in reader.values.iter().enumerate() {
        // SAFETY: one value per element, checked by `store`; the array is fresh.
        unsafe { put(*v, &out, i) };
    }
    enter("tensor", out).to_device(device)
}

/// Whether `o` is a str or bytes, which are sequences of no numbers.
///
/// # Safety
/// `o` is alive.
unsafe fn is_text(o: P) -> bool {
    // SAFETY: says the caller.
    unsafe { ffi::PyUnicode_Check(o) != 0 || ffi::PyBytes_Check(o) != 0 }
}

/// Whether `o` is a sequence to go into: list, tuple, range, tensor; never str.
fn is_sequence(o: P) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::PySequence_Check(o) != 0 }
}

/// The shape of nested sequences, by their first items.
fn sizes(data: P) -> Result<Shape> {
    let mut shape = Shape::new();
    let mut at = data;
    let mut owned: P = std::ptr::null_mut();
    let mut run = || -> Result<()> {
        loop {
            // SAFETY: `at` is alive: an argument, or the reference in `owned`.
            unsafe {
                // A tensor in the first place counts as a number.
                if as_tensor(at).is_some() {
                    return Ok(());
                }
                if !is_sequence(at) || numpy::is_zero_d(at) {
                    return Ok(());
                }
                let n = ffi::PySequence_Size(at);
                if n < 0 {
                    return Err(fetched());
                }
                shape.push(n as usize);
                if shape.len() > MAX_DIMS {
                    bail!(Value, "too many dimensions '{}'", type_name(data));
                }
                if n == 0 {
                    return Ok(());
                }
                let first = ffi::PySequence_GetItem(at, 0);
                if first.is_null() {
                    ffi::PyErr_Clear();
                    bail!(Value, "could not determine the shape of object type '{}'", type_name(at));
                }
                if ffi::PyUnicode_Check(first) != 0 {
                    ffi::Py_DECREF(first);
                    bail!(Value, "too many dimensions 'str'");
                }
                let old = std::mem::replace(&mut owned, first);
                ffi::Py_XDECREF(old);
                at = first;
            }
        }
    };
    let outcome = run();
    // SAFETY: the reference is ours.
    unsafe { ffi::Py_XDECREF(owned) };
    outcome.map(|()| shape)
}

struct Reader {
    values: Vec<Number>,
    found: Option<DType>,
    wanted: Option<DType>,
}

impl Reader {
    fn see(&mut self, d: DType) -> Result<()> {
        self.found = Some(self.found.map_or(Ok(d), |f| promoted(f, d))?);
        Ok(())
    }

    /// The dtype that PyTorch would infer; not asked for where the caller names one.
    fn infer(&mut self, o: P, depth: usize) -> Result<()> {
        if self.wanted.is_some() {
            return Ok(());
        }
        // SAFETY: live objects; each new reference is given back.
        unsafe {
            let t = ffi::Py_TYPE(o);
            if t == addr_of_mut!(ffi::PyFloat_Type) {
                self.see(mode::default_float())?;
            } else if t == addr_of_mut!(ffi::PyLong_Type) {
                self.see(DType::I64)?;
            } else if is_bool(o) {
                self.see(DType::Bool)?;
            } else if t == addr_of_mut!(ffi::PyComplex_Type) {
                self.see(mode::default_float().to_complex())?;
            } else if let Some(t) = as_tensor(o) {
                self.see(t.dtype())?;
            } else if is_text(o) {
                bail!(Type, "new(): invalid data type '{}'", type_name(o));
            } else if let Some(d) = numpy::dtype_of(o) {
                self.see(d?)?;
                if depth > 0 && numpy::is_array(o) {
                    numpy::warn_of_arrays()?;
                }
            } else if ffi::PyFloat_Check(o) != 0 {
                self.see(mode::default_float())?;
            } else if ffi::PyLong_Check(o) != 0 {
                self.see(DType::I64)?;
            } else if ffi::PyComplex_Check(o) != 0 {
                self.see(mode::default_float().to_complex())?;
            } else if is_sequence(o) {
                if depth > MAX_DIMS {
                    bail!(Type, "new(): self-referential lists are incompatible");
                }
                let n = ffi::PySequence_Size(o);
                if n < 0 {
                    return Err(fetched());
                }
                if n == 0 {
                    self.see(mode::default_float())?;
                }
                for i in 0..n {
                    let it = checked(ffi::PySequence_GetItem(o, i))?;
                    let outcome = self.infer(it, depth + 1);
                    ffi::Py_DECREF(it);
                    outcome?;
                }
            } else {
                bail!(Runtime, "Could not infer dtype of {}", type_name(o));
            }
        }
        Ok(())
    }

    fn store(&mut self, o: P, shape: &[usize], dim: usize) -> Result<()> {
        // SAFETY: live objects; each new reference is given back.
        unsafe {
            if let Some(t) = as_tensor(o) {
                if t.device().is_meta() {
                    return Err(data::no_item());
                }
                return self.store_tensor(&t.to_device(Device::CPU)?.detach(), shape, dim);
            }
            if dim == shape.len() {
                return self.store_number(o);
            }
            let n = if is_sequence(o) && !numpy::is_zero_d(o) { ffi::PySequence_Size(o) } else { -1 };
            if n < 0 {
                if !ffi::PyErr_Occurred().is_null() {
                    return Err(fetched());
                }
                bail!(Type, "not a sequence");
            }
            if n as usize != shape[dim] {
                bail!(Value, "expected sequence of length {} at dim {dim} (got {n})", shape[dim]);
            }
            for i in 0..n {
                let it = checked(ffi::PySequence_GetItem(o, i))?;
                let outcome = self.store(it, shape, dim + 1);
                ffi::Py_DECREF(it);
                outcome?;
            }
        }
        Ok(())
    }

    /// A tensor among the data: a number where no dim is left to fill, else a sequence like a list.
    fn store_tensor(&mut self, t: &Tensor, shape: &[usize], dim: usize) -> Result<()> {
        if dim < shape.len() && t.ndim() > 0 {
            if t.shape()[0] != shape[dim] {
                bail!(Value, "expected sequence of length {} at dim {dim} (got {})", shape[dim], t.shape()[0]);
            }
            return (0..t.shape()[0]).try_for_each(|i| self.store_tensor(&t.select(0, i)?, shape, dim + 1));
        }
        if dim < shape.len() || t.numel() != 1 {
            if !t.dtype().is_float() {
                bail!(Type, "only integer tensors of a single element can be converted to an index");
            }
            bail!(Value, "only one element tensors can be converted to Python scalars");
        }
        self.push(item(t)?)
    }

    fn store_number(&mut self, o: P) -> Result<()> {
        // PyTorch reads an int as int64, but for uint64, and among floats as a float.
        // SAFETY: a live object; the GIL is held.
        let long = unsafe { ffi::PyLong_Check(o) } != 0;
        if long && self.wanted == Some(DType::Bool) {
            // SAFETY: as above.
            return self.push(Number::Bool(unsafe { ffi::PyObject_IsTrue(o) } == 1));
        }
        if long && self.wanted.is_some_and(|d| d.is_float() || d.is_complex()) {
            // SAFETY: as above.
            let v = unsafe { ffi::PyLong_AsDouble(o) };
            // SAFETY: as above.
            if v == -1.0 && !unsafe { ffi::PyErr_Occurred() }.is_null() {
                return Err(fetched());
            }
            if v.abs() >= 9.2e18 {
                return self.push(Number::Float(v));
            }
        }
        let read = convert::number(o, true);
        let read = if self.wanted == Some(DType::U64) { read } else { read.map_err(too_long) };
        match read? {
            Some(n) => self.push(n),
            None if is_none(o) => bail!(Type, "must be real number, not NoneType"),
            // An array without dims is its number.
            None if numpy::is_zero_d(o) => self.store_number(numpy::number_of(o)?.as_ptr()),
            None => {
                bail!(Type, "'{}' object cannot be interpreted as an integer", type_name(o))
            }
        }
    }

    /// Integers that do not fit raise; -1 in an unsigned type wraps, and floats are cut, as in PyTorch.
    fn push(&mut self, n: Number) -> Result<()> {
        match self.wanted {
            Some(d) if matches!(n, Number::Complex(..)) && d.is_float() => {
                bail!(Type, "must be real number, not complex")
            }
            Some(d) if matches!(n, Number::Complex(..)) && d.is_integral() && d != DType::Bool => {
                bail!(Type, "'complex' object cannot be interpreted as an integer")
            }
            Some(DType::U64) if matches!(n, Number::Float(_)) => bail!(Type, "an integer is required"),
            Some(DType::U64) if n.to_i64() < 0 && !matches!(n, Number::Unsigned(_)) => {
                bail!(Overflow, "can't convert negative int to unsigned")
            }
            Some(d) if d.is_integral() && d != DType::Bool && !n.fits(d) => {
                if matches!(n, Number::Unsigned(_)) {
                    bail!(Value, "Overflow when unpacking long long");
                }
                return Err(n.misfit_of(d, d.name()));
            }
            _ => {}
        }
        self.values.push(n);
        Ok(())
    }
}

/// An int beyond 64 bits: here PyTorch raises ValueError.
#[cold]
pub fn too_long(e: Box<crate::error::Error>) -> Box<crate::error::Error> {
    let overflow = e
        .foreign
        .as_ref()
        .and_then(|f| f.downcast_ref::<pyo3::PyErr>())
        .is_some_and(|e| pyo3::Python::attach(|py| e.is_instance_of::<pyo3::exceptions::PyOverflowError>(py)));
    if overflow { err!(Value, "Overflow when unpacking long long") } else { e }
}

/// A 0-d tensor with a number, which must fit the dtype.
pub fn from_number(n: Number, dtype: DType) -> Result<Tensor> {
    if (dtype.is_integral() || matches!(n, Number::Complex(..))) && !n.fits(dtype) {
        return Err(n.misfit(dtype));
    }
    let out = Array::empty(Meta::new(Layout::contiguous(Shape::new()), dtype, Device::CPU))?;
    // SAFETY: one element, freshly made.
    unsafe { put(n, &out, 0) };
    Ok(enter("tensor", out))
}

/// Writes element `i` of a contiguous array.
///
/// # Safety
/// The array has that element, and nobody else sees it.
unsafe fn put(n: Number, out: &Array, i: usize) {
    let (bits, size) = (n.bits(out.dtype), out.dtype.size());
    // SAFETY: the caller's promise; an element has at most as many bytes as the bits.
    unsafe { std::ptr::copy_nonoverlapping(bits.as_ptr(), out.bytes_ptr().add(i * size), size) }
}
