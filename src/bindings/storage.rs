//! Memory blocks as Python objects: `UntypedStorage`, tensors made over one, and copying and pickling of tensors, which
//! keep what tensors share.

use std::ffi::c_int;
use std::ops::Range;
use std::ptr::NonNull;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyIndexError, PyNotImplementedError, PyOverflowError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PySequence, PySlice, PyTuple};

use super::errors::{OrForeign, P, to_python};
use super::gil::Owned;
use super::native::natives;
use super::types;
use crate::core::spoken::library;
use crate::core::{DType, Device, Layout, Meta, Shape};
use crate::device::Array;
use crate::device::storage::Storage;
use crate::err;
use crate::error::Result;
use crate::tensor::{Tensor, data};

natives! {
    /// The memory block that this tensor and its views show: the same object for each of them.
    untyped_storage as ["method.untyped_storage(Tensor self) -> UntypedStorage"] {
        call(x = self: &Tensor) {
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            let memory = object(py, x.array()).or_foreign()?;
            let kept = Kept(memory.clone().into_ptr());
            let before = x.with_extra(|e| e.memory.replace(Box::new(kept)));
            drop(before); // not while the tensor's own parts are borrowed
            Ok(memory.into_ptr())
        }
    }
    /// Whether other processes see the memory: `share_memory_` was called, or it is on a GPU.
    is_shared as ["method.is_shared(Tensor self) -> bool"] {
        call(x = self: &Tensor) {
            let array = x.array();
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            let module = py.import("rustgrad._storages").or_foreign()?;
            let found = object(py, array).and_then(|s| module.call_method1("is_shared", (s,))).or_foreign()?;
            Ok(found.into_ptr())
        }
    }
}

/// A reference to an object that a tensor holds, who is dropped by whom has the GIL.
struct Kept(P);

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and the GIL is held. pyo3 would let go of it later, where it did not attach itself.
        unsafe { ffi::Py_DECREF(self.0) };
    }
}

/// A block of memory without a dtype, which tensors share.
#[pyclass(frozen, weakref, name = "UntypedStorage", module = "rustgrad")]
pub struct UntypedStorage {
    pub(super) storage: Storage,
    pub(super) device: Device,
}

/// The bytes of a block as a one-dimensional uint8 array.
fn bytes_of(storage: &Storage, device: Device) -> Array {
    let layout = Layout::contiguous(Shape::from_slice(&[storage.bytes()]));
    Array::new(Meta::new(layout, DType::U8, device), storage.clone())
}

/// The place that an index names among `n` bytes.
fn place(index: &Bound<'_, PyAny>, n: isize) -> PyResult<usize> {
    let index: isize = index.extract()?;
    if !(-n..n).contains(&index) {
        return Err(PyIndexError::new_err(format!("index {index} is out of range for a storage of {n} bytes")));
    }
    Ok(index.rem_euclid(n) as usize)
}

/// The places that a slice names among `n` bytes.
fn span(slice: &Bound<'_, PySlice>, n: isize) -> PyResult<Range<usize>> {
    let part = slice.indices(n)?;
    if part.step != 1 {
        let text = format!("Trying to slice with a step of {}, but only a step of 1 is supported", part.step);
        return Err(PyRuntimeError::new_err(text));
    }
    Ok(part.start as usize..part.stop.max(part.start) as usize)
}

impl UntypedStorage {
    pub fn array(&self) -> Array {
        bytes_of(&self.storage, self.device)
    }

    /// The bytes, where they are in this machine's memory.
    fn bytes(&self) -> PyResult<&[u8]> {
        if self.device.is_meta() {
            return Err(PyNotImplementedError::new_err("Not available for 'meta' device type"));
        }
        if !self.storage.is_here() {
            return Err(PyBufferError::new_err(
                "the memory of this storage is on the GPU\nhint: copy it first, with .cpu()",
            ));
        }
        // SAFETY: the block has that many bytes; writers hold the GIL, as the reader does.
        Ok(unsafe { std::slice::from_raw_parts(self.storage.ptr(), self.storage.bytes()) })
    }

    /// A new object over a copy of the bytes.
    fn copied(&self, py: Python<'_>, device: Device) -> PyResult<Py<UntypedStorage>> {
        let storage = copied(&self.array(), device).map_err(|e| to_python(py, e))?;
        Ok(object(py, &bytes_of(&storage, device))?.unbind())
    }

    fn moved(slf: &Bound<'_, Self>, device: Device) -> PyResult<Py<UntypedStorage>> {
        device.require("storage").map_err(|e| to_python(slf.py(), e))?;
        if device.plain() == slf.get().device {
            Ok(slf.clone().unbind())
        } else {
            slf.get().copied(slf.py(), device.plain())
        }
    }
}

/// A copy of a whole array in a block of its own.
fn copied(from: &Array, device: Device) -> Result<Storage> {
    if from.device.is_meta() && !device.is_meta() {
        return Err(data::no_data());
    }
    let to = Array::empty(Meta::new(from.layout.clone(), from.dtype, device))?;
    data::copy(from, &to)?;
    Ok(to.storage)
}

#[pymethods]
impl UntypedStorage {
    /// `data` zeros in main memory, or on `device`; or the bytes of a sequence of numbers.
    #[new]
    #[pyo3(signature = (data = None, *, device = None))]
    fn new(
        py: Python<'_>,
        data: Option<&Bound<'_, PyAny>>,
        device: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<UntypedStorage> {
        if let Some(numbers) = data.and_then(|d| d.cast::<PySequence>().ok()) {
            let bytes = numbers.try_iter()?.map(|n| Ok(n?.extract::<i64>()? as u8)).collect::<PyResult<Vec<u8>>>()?;
            let made = Self::_from_bytes(py, PyBytes::new(py, &bytes).as_any(), None)?.into_bound(py);
            let device = device.filter(|d| !d.is_none()).map_or(Ok(Device::CPU), types::device_of)?;
            let made = Self::moved(&made, device)?.into_bound(py);
            let this = made.get();
            return Ok(UntypedStorage { storage: this.storage.clone(), device: this.device });
        }
        let nbytes: usize = data.map_or(Ok(0), |d| d.extract())?;
        let device = device.filter(|d| !d.is_none()).map_or(Ok(Device::CPU), types::device_of)?.plain();
        let layout = Layout::contiguous(Shape::from_slice(&[nbytes]));
        let made = device.require("storage").and_then(|()| Array::zeros(Meta::new(layout, DType::U8, device)));
        let storage = made.map_err(|e| to_python(py, e))?.storage;
        Ok(UntypedStorage { storage, device })
    }

    /// `nbytes` of main memory with any content, to be written before it is read.
    #[staticmethod]
    fn _empty(py: Python<'_>, nbytes: usize) -> PyResult<Py<UntypedStorage>> {
        let storage = Storage::new(nbytes).map_err(|e| to_python(py, e))?;
        Ok(object(py, &bytes_of(&storage, Device::CPU))?.unbind())
    }

    /// A storage over the memory of a writable memoryview, which it keeps alive.
    #[staticmethod]
    fn _over(view: &Bound<'_, pyo3::types::PyMemoryView>) -> PyResult<Py<UntypedStorage>> {
        let buffer = PyBuffer::<u8>::get(view)?;
        if buffer.readonly() || !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("a storage needs a writable, contiguous buffer"));
        }
        let bytes = buffer.len_bytes();
        let Some(ptr) = NonNull::new(buffer.buf_ptr().cast::<u8>()) else {
            return Self::_empty(view.py(), 0);
        };
        // SAFETY: the memoryview holds the buffer's export as long as it lives, and its only other users do not release it.
        let storage = unsafe { Storage::foreign(ptr, bytes, Box::new(Owned::new(view.clone().into_ptr()))) };
        Ok(object(view.py(), &bytes_of(&storage, Device::CPU))?.unbind())
    }

    /// Moves the bytes into a writable memoryview of that length or more, for all tensors that show them.
    fn _relocate(&self, view: &Bound<'_, pyo3::types::PyMemoryView>) -> PyResult<()> {
        let (bytes, room) = (self.bytes()?, self.storage.room());
        let buffer = PyBuffer::<u8>::get(view)?;
        if buffer.readonly() || !buffer.is_c_contiguous() || buffer.len_bytes() < room {
            return Err(PyBufferError::new_err("a storage needs a writable, contiguous buffer, no shorter than it is"));
        }
        let Some(ptr) = NonNull::new(buffer.buf_ptr().cast::<u8>()) else {
            return Ok(());
        };
        // SAFETY: both have that many bytes, and the memoryview holds the buffer's export as long as it lives; the GIL is held.
        unsafe {
            std::ptr::copy(bytes.as_ptr(), ptr.as_ptr(), room);
            self.storage.relocate(ptr, Box::new(Owned::new(view.clone().into_ptr())));
        }
        Ok(())
    }

    /// Makes the storage `nbytes` long, keeping what it has; new bytes are zero. RuntimeError where the memory is another's.
    fn resize_<'py>(slf: Bound<'py, Self>, nbytes: usize) -> PyResult<Bound<'py, Self>> {
        let (py, this) = (slf.py(), slf.get());
        if this.device.is_meta() {
            // The block of a tensor on meta is a number, which is the tensors'.
            return Err(PyNotImplementedError::new_err("storage.resize_: not on 'meta'"));
        }
        this.bytes()?;
        if !this.resizable() {
            return Err(PyRuntimeError::new_err("Trying to resize storage that is not resizable"));
        }
        // SAFETY: the memory is here and the block's own, and the GIL is held.
        unsafe { this.storage.resize(nbytes) }.map_err(|e| to_python(py, e))?;
        Ok(slf)
    }

    /// How many bytes tensors may show: more than `nbytes` after the storage was cut.
    #[getter]
    fn _room(&self) -> usize {
        self.storage.room()
    }

    /// Whether `resize_` works: the memory is the storage's own.
    fn resizable(&self) -> bool {
        self.storage.is_here() && !self.storage.is_foreign()
    }

    /// The Python object that lends the memory; None where it is the storage's own.
    #[getter]
    fn _lender(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        Some(self.storage.lender()?.downcast_ref::<Owned>()?.get(py).unbind())
    }

    /// What Python adds: casts, names of files, memory that processes share.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("rustgrad._storages")?.call_method1("attribute", (slf, name))
    }

    /// The first `nbytes` bytes of a file, mapped: writes go to the file if `shared`, which then may also be new or shorter.
    /// RuntimeError for a file that cannot be opened or is too short.
    #[staticmethod]
    #[pyo3(signature = (filename, shared = false, nbytes = 0))]
    fn from_file(filename: &Bound<'_, PyAny>, shared: bool, nbytes: usize) -> PyResult<Py<UntypedStorage>> {
        let py = filename.py();
        let (mode, words) = if shared { ("a+b", "read-write") } else { ("rb", "read-only") };
        let file = py.import("builtins")?.getattr("open")?.call1((filename, mode)).map_err(|e| {
            let said = |name: &str| e.value(py).getattr(name).map_or(String::new(), |v| v.to_string());
            let (why, number) = (said("strerror"), said("errno"));
            PyRuntimeError::new_err(format!("unable to open file <{filename}> in {words} mode: {why} ({number})"))
        })?;
        let made = mapped(&file, filename, shared, nbytes);
        file.call_method0("close")?;
        made
    }

    /// A copy of the bytes in a buffer: elements of `dtype`, in an order that is named.
    #[staticmethod]
    #[pyo3(signature = (*args, **named))]
    fn from_buffer<'py>(args: &Bound<'py, PyTuple>, named: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        args.py().import("rustgrad._storages")?.getattr("from_buffer")?.call(args, named)
    }

    /// This storage, as other kinds of storages give theirs.
    fn untyped(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// The inverse of pickling: a block with a copy of these bytes. What lived on the GPU goes back there.
    #[staticmethod]
    #[pyo3(signature = (buffer, device = None))]
    fn _from_bytes(
        py: Python<'_>,
        buffer: &Bound<'_, PyAny>,
        device: Option<&Bound<'_, types::Device>>,
    ) -> PyResult<Py<Self>> {
        let buffer = PyBuffer::<u8>::get(buffer)?;
        let made = Self::_empty(py, buffer.len_bytes())?.into_bound(py);
        let block = &made.get().storage;
        // SAFETY: a fresh block of that many bytes.
        let target = unsafe { std::slice::from_raw_parts_mut(block.ptr(), block.bytes()) };
        buffer.copy_to_slice(py, target)?;
        Self::moved(&made, device.map_or(Device::CPU, |d| d.get().0))
    }

    /// The number of bytes.
    fn nbytes(&self) -> usize {
        self.storage.bytes()
    }

    /// The bytes with what PyTorch's object takes, so that `sys.getsizeof` tells as much: summaries of models add it up.
    fn __sizeof__(&self) -> usize {
        const OBJECT: usize = 48;
        OBJECT + self.storage.bytes()
    }

    /// The number of bytes.
    fn size(&self) -> usize {
        self.storage.bytes()
    }

    fn __len__(&self) -> usize {
        self.storage.bytes()
    }

    /// Bytes per element: 1.
    fn element_size(&self) -> usize {
        1
    }

    /// The address of the memory; on the GPU a number that tells blocks apart, on `meta` 0.
    fn data_ptr(&self) -> usize {
        match self.storage.gpu() {
            Some(block) => block.address as usize,
            None if self.device.is_meta() => 0,
            None => self.storage.ptr() as usize,
        }
    }

    /// What tells this storage from others.
    #[getter]
    fn _cdata(&self) -> usize {
        self.storage.address()
    }

    /// Where the memory is.
    #[getter]
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, types::Device>> {
        types::device_object(py, self.device)
    }

    /// False: there is no CUDA here.
    #[getter]
    fn is_cuda(&self) -> bool {
        false
    }

    /// This storage in main memory; itself where it is there.
    fn cpu(slf: &Bound<'_, Self>) -> PyResult<Py<UntypedStorage>> {
        Self::moved(slf, Device::CPU)
    }

    /// This storage on the GPU; itself where it is there.
    #[pyo3(signature = (device = None, non_blocking = false))]
    fn cuda(
        slf: &Bound<'_, Self>,
        device: Option<&Bound<'_, PyAny>>,
        non_blocking: bool,
    ) -> PyResult<Py<UntypedStorage>> {
        let _ = (device, non_blocking); // there is one GPU, and reads wait for it
        Self::moved(slf, Device::GPU)
    }

    /// This storage on `device`; itself where it is there.
    fn to(slf: &Bound<'_, Self>, device: &Bound<'_, PyAny>) -> PyResult<Py<UntypedStorage>> {
        Self::moved(slf, types::device_of(device)?)
    }

    /// A copy.
    fn clone(&self, py: Python<'_>) -> PyResult<Py<UntypedStorage>> {
        self.copied(py, self.device)
    }

    /// The bytes as a list of ints.
    fn tolist(&self) -> PyResult<Vec<i64>> {
        Ok(self.bytes()?.iter().map(|&b| b as i64).collect())
    }

    /// A byte as a number, or for a slice of step 1 a storage over these bytes, which are shared.
    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let n = this.storage.bytes() as isize;
        let Ok(slice) = index.cast::<PySlice>() else {
            return Ok(this.bytes()?[place(index, n)?].into_pyobject(py)?.into_any());
        };
        let bytes = &this.bytes()?[span(slice, n)?];
        let (Some(first), false) = (NonNull::new(bytes.as_ptr().cast_mut()), bytes.is_empty()) else {
            return Ok(Self::_empty(py, 0)?.into_bound(py).into_any());
        };
        // SAFETY: the bytes lie in this storage's block, which its object keeps alive.
        let storage =
            unsafe { Storage::foreign(first, bytes.len(), Box::new(Owned::new(slf.clone().into_any().into_ptr()))) };
        Ok(object(py, &bytes_of(&storage, this.device))?.into_any())
    }

    /// Overwrites one byte, or each of a slice, by `value`.
    fn __setitem__(&self, index: &Bound<'_, PyAny>, value: u8) -> PyResult<()> {
        let n = self.bytes()?.len() as isize;
        let span = match index.cast::<PySlice>() {
            Ok(slice) => span(slice, n)?,
            Err(_) => place(index, n).map(|at| at..at + 1)?,
        };
        // SAFETY: the bytes lie in the block; writers hold the GIL.
        unsafe { self.storage.ptr().add(span.start).write_bytes(value, span.len()) };
        Ok(())
    }

    /// Overwrites each byte by `value`.
    fn fill_<'py>(slf: Bound<'py, Self>, value: u8) -> PyResult<Bound<'py, Self>> {
        slf.get().__setitem__(PySlice::full(slf.py()).as_any(), value)?;
        Ok(slf)
    }

    fn __repr__(&self) -> String {
        let (n, place) = (self.storage.bytes(), if library() == "torch" { "torch.storage" } else { "rustgrad" });
        let shown = match self.bytes() {
            Ok([]) => " \n".to_string(),
            Ok(bytes) => bytes.iter().fold(String::new(), |all, byte| all + &format!(" {byte}\n")),
            Err(_) => "...\n".to_string(), // not in this machine's memory
        };
        format!("{shown}[{place}.UntypedStorage(device={}) of size {n}]", self.device)
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'py, PyDict>) -> PyResult<Bound<'py, Self>> {
        let this = slf.get();
        let copy = copied_once(&this.array(), Some(memo)).map_err(|e| to_python(slf.py(), e))?;
        object(slf.py(), &bytes_of(&copy, this.device))
    }

    /// Protocol 5 passes the memory itself, so that a pickler may send it beside the pickle.
    fn __reduce_ex__<'py>(slf: &Bound<'py, Self>, protocol: i64) -> PyResult<Bound<'py, PyTuple>> {
        let (py, this) = (slf.py(), slf.get());
        if this.device.is_meta() {
            return (py.import("rustgrad._rustgrad")?.getattr("_storage_nowhere")?, (this.storage.bytes(),))
                .into_pyobject(py);
        }
        let rebuild = py.get_type::<UntypedStorage>().getattr("_from_bytes")?;
        let here = if this.storage.is_here() { slf.clone() } else { this.copied(py, Device::CPU)?.into_bound(py) };
        let bytes = match protocol {
            5.. => py.import("pickle")?.call_method1("PickleBuffer", (here,))?,
            _ => PyBytes::new(py, here.get().bytes()?).into_any(),
        };
        let args = match this.device.is_gpu() {
            true => (bytes, types::device_object(py, this.device)?).into_pyobject(py)?,
            false => (bytes,).into_pyobject(py)?,
        };
        (rebuild, args).into_pyobject(py)
    }

    /// # Safety
    /// Called by Python with a `view` to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let bytes = slf.get().bytes()?;
        // SAFETY: says the caller; the view takes a reference to this object, which keeps the block.
        let failed = unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), bytes.as_ptr().cast_mut().cast(), bytes.len() as isize, 0, flags)
        };
        if failed != 0 { Err(PyErr::fetch(slf.py())) } else { Ok(()) }
    }
}

/// The first `nbytes` bytes of an open file, mapped.
fn mapped(
    file: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    shared: bool,
    nbytes: usize,
) -> PyResult<Py<UntypedStorage>> {
    let py = file.py();
    let descriptor = file.call_method0("fileno")?;
    let size: usize = py.import("os")?.getattr("fstat")?.call1((&descriptor,))?.getattr("st_size")?.extract()?;
    if size < nbytes && !shared {
        return Err(PyRuntimeError::new_err(format!(
            "file <{name}> size <{size}> is smaller than the required mapping size <{nbytes}>"
        )));
    }
    if size < nbytes {
        file.call_method1("truncate", (nbytes,))?;
    }
    if nbytes == 0 {
        return UntypedStorage::_empty(py, 0);
    }
    let map = py.import("rustgrad._storages")?.getattr("FileMap")?.call1((descriptor, nbytes, shared, name))?;
    UntypedStorage::_over(&pyo3::types::PyMemoryView::from(&map)?)
}

/// The object of an array's block: one for each block, for as long as anybody holds the object.
pub(super) fn object<'py>(py: Python<'py>, array: &Array) -> PyResult<Bound<'py, UntypedStorage>> {
    static ALIVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || Ok::<_, PyErr>(py.import("weakref")?.getattr("WeakValueDictionary")?.call0()?.unbind());
    let alive = ALIVE.get_or_try_init(py, make)?.bind(py);
    let key = array.storage.address();
    if let Ok(found) = alive.call_method1("get", (key,))?.cast_into::<UntypedStorage>() {
        return Ok(found);
    }
    let made = Bound::new(py, UntypedStorage { storage: array.storage.clone(), device: array.device })?;
    alive.set_item(key, &made)?;
    Ok(made)
}

/// The inverse of pickling a block on `meta`: as many bytes, and no memory.
#[pyfunction]
pub fn _storage_nowhere(py: Python<'_>, nbytes: usize) -> PyResult<Py<UntypedStorage>> {
    if nbytes > isize::MAX as usize {
        return Err(PyOverflowError::new_err("a storage has at most 2^63 - 1 bytes"));
    }
    Ok(object(py, &bytes_of(&Storage::nowhere(nbytes), Device::META))?.unbind())
}

/// A copy of an array's whole block, which later copies with the same memo find.
pub(super) fn copied_once(from: &Array, memo: Option<&Bound<'_, PyDict>>) -> Result<Storage> {
    let copy = || copied(&bytes_of(&from.storage, from.device), from.device);
    let Some(memo) = memo else { return copy() };
    let py = memo.py();
    // Beside the ids of objects, which are ints.
    let own = match memo.get_item("rustgrad").or_foreign()? {
        Some(own) => own.cast_into::<PyDict>().map_err(|_| err!(Type, "deepcopy: a foreign entry in the memo"))?,
        None => {
            let own = PyDict::new(py);
            memo.set_item("rustgrad", &own).or_foreign()?;
            own
        }
    };
    let key = from.storage.address();
    if let Some(found) = own.get_item(key).or_foreign()? {
        let (_, found) = found.extract::<(Bound<'_, UntypedStorage>, Bound<'_, UntypedStorage>)>().or_foreign()?;
        return Ok(found.get().storage.clone());
    }
    let made = copy()?;
    // With the original, whose address stays its own as long as the memo lives.
    let pair = (object(py, from).or_foreign()?, object(py, &bytes_of(&made, from.device)).or_foreign()?);
    own.set_item(key, pair).or_foreign()?;
    Ok(made)
}

/// Adds the class and the function to the module.
pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<UntypedStorage>()?;
    m.add_function(wrap_pyfunction!(_storage_nowhere, m)?)
}
