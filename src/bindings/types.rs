//! The small classes beside Tensor: dtype, device, layout, memory_format, Generator. Equal by value or
//! singletons, as PyTorch's, and pickled by name.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use super::errors::{P, to_python};
use super::object;
use crate::core::spoken::{self, library};
use crate::core::{self, DeviceKind, Layout, Meta};
use crate::device::Array;
use crate::device::gpu;
use crate::device::rng::{SharedGenerator, default_generator};
use crate::err;
use crate::error::Result;
use crate::spoken;
use crate::tensor::door::enter;
use crate::tensor::mode;

/// The element type of a tensor, or the name of one that no tensor here has.
#[pyclass(frozen, name = "dtype", module = "rustgrad")]
pub struct DType(Which);

#[derive(Clone, Copy)]
enum Which {
    Stored(core::DType),
    Named(&'static Named),
}

/// A dtype of PyTorch that libraries name in tables and compare with, while rustgrad has no tensors of it.
struct Named {
    name: &'static str,
    signed: bool,
    float: bool,
}

/// All of them are of one byte.
static NAMED: [Named; 20] = [
    Named { name: "float8_e4m3fn", signed: true, float: true },
    Named { name: "float8_e4m3fnuz", signed: true, float: true },
    Named { name: "float8_e5m2", signed: true, float: true },
    Named { name: "float8_e5m2fnuz", signed: true, float: true },
    Named { name: "float8_e8m0fnu", signed: false, float: true },
    Named { name: "float4_e2m1fn_x2", signed: true, float: true },
    Named { name: "int1", signed: true, float: false },
    Named { name: "int2", signed: true, float: false },
    Named { name: "int3", signed: true, float: false },
    Named { name: "int4", signed: true, float: false },
    Named { name: "int5", signed: true, float: false },
    Named { name: "int6", signed: true, float: false },
    Named { name: "int7", signed: true, float: false },
    Named { name: "uint1", signed: false, float: false },
    Named { name: "uint2", signed: false, float: false },
    Named { name: "uint3", signed: false, float: false },
    Named { name: "uint4", signed: false, float: false },
    Named { name: "uint5", signed: false, float: false },
    Named { name: "uint6", signed: false, float: false },
    Named { name: "uint7", signed: false, float: false },
];

impl DType {
    /// The dtype, for who makes a tensor of it.
    ///
    /// # Errors
    /// NotImplementedError for one that is a name only.
    pub fn stored(&self, what: &str) -> Result<core::DType> {
        match self.0 {
            Which::Stored(d) => Ok(d),
            Which::Named(named) => {
                Err(err!(NotImplemented, "{what}(): rustgrad has no tensors of dtype {}.{}", library(), named.name)
                    .hint("float16 and bfloat16 are the smallest floats, int8 and uint8 the smallest integers"))
            }
        }
    }
}

/// Refuses an argument that is a dtype by name only.
///
/// # Safety
/// `o` is a living object.
pub unsafe fn refuse_named(py: Python<'_>, what: &str, o: P) -> Result<()> {
    // SAFETY: says the caller.
    match unsafe { Bound::from_borrowed_ptr(py, o) }.cast::<DType>() {
        Ok(d) => d.get().stored(what).map(|_| ()),
        Err(_) => Ok(()),
    }
}

/// The singletons, by `core::DType as usize`.
static DTYPES: [AtomicPtr<ffi::PyObject>; core::DType::ALL.len()] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; core::DType::ALL.len()];

/// The object of a dtype, borrowed: it lives for ever.
#[inline]
pub fn dtype_object(d: core::DType) -> P {
    DTYPES[d as usize].load(Relaxed)
}

/// The object of a dtype, as a new reference.
fn object_of(py: Python<'_>, d: core::DType) -> Bound<'_, PyAny> {
    // SAFETY: the table is filled before any dtype object can be asked.
    unsafe { Bound::from_borrowed_ptr(py, dtype_object(d)) }
}

/// The dtype that `o` is, if it is one.
#[inline]
pub fn as_dtype(o: P) -> Option<core::DType> {
    core::DType::ALL.into_iter().find(|&d| dtype_object(d) == o)
}

#[pymethods]
impl DType {
    fn __repr__(&self) -> String {
        format!("{}.{}", library(), self.__reduce__())
    }
    fn __reduce__(&self) -> &'static str {
        match self.0 {
            Which::Stored(d) => d.name(),
            Which::Named(named) => named.name,
        }
    }
    /// Bytes per element.
    #[getter]
    fn itemsize(&self) -> usize {
        match self.0 {
            Which::Stored(d) => d.size(),
            Which::Named(_) => 1,
        }
    }
    /// PyTorch's name in messages: Long for int64.
    #[getter]
    fn _scalar_name(&self) -> &'static str {
        match self.0 {
            Which::Stored(d) => d.scalar_name(),
            Which::Named(named) => named.name,
        }
    }
    /// C's name in PyTorch's messages: `long int` for int64.
    #[getter]
    fn _c_words(&self) -> &'static str {
        match self.0 {
            Which::Stored(d) => d.c_words(),
            Which::Named(named) => named.name,
        }
    }
    #[getter]
    fn is_floating_point(&self) -> bool {
        match self.0 {
            Which::Stored(d) => d.is_float(),
            Which::Named(named) => named.float,
        }
    }
    #[getter]
    fn is_complex(&self) -> bool {
        matches!(self.0, Which::Stored(d) if d.is_complex())
    }
    #[getter]
    fn is_signed(&self) -> bool {
        match self.0 {
            Which::Stored(d) => d.is_signed(),
            Which::Named(named) => named.signed,
        }
    }
    /// The dtype of the real part of this one.
    fn to_real<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let d = self.stored("to_real").map_err(|e| to_python(py, e))?;
        Ok(object_of(py, d.to_real()))
    }
    /// The complex dtype whose parts hold this one.
    fn to_complex<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let d = self.stored("to_complex").map_err(|e| to_python(py, e))?;
        Ok(object_of(py, d.to_complex()))
    }
}

thread_local! {
    /// The default devices outside of the `with device:` blocks that are open.
    static OUTER: RefCell<Vec<core::Device>> = const { RefCell::new(Vec::new()) };
}

/// Where a tensor lives: `device("cpu")`, `device("cuda", 0)`.
#[pyclass(frozen, eq, hash, name = "device", module = "rustgrad")]
#[derive(Clone)]
pub struct Device(pub core::Device);

impl Device {
    /// What equality looks at. There is one GPU, which tensors name without a number: `gpu` and `gpu:0` are equal, unless the
    /// program calls it `cuda` and expects PyTorch's rule.
    fn same(&self) -> core::Device {
        match self.0.index {
            Some(0) if self.0.is_gpu() && !spoken::gpu_as_cuda() => self.0.plain(),
            _ => self.0,
        }
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Device) -> bool {
        self.same() == other.same()
    }
}

impl Eq for Device {}

impl std::hash::Hash for Device {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.same().hash(state);
    }
}

#[pymethods]
impl Device {
    #[new]
    #[pyo3(signature = (r#type, index = None))]
    fn new(r#type: &Bound<'_, PyAny>, index: Option<i64>) -> PyResult<Device> {
        let given = device_of(r#type)?;
        let index = index.map(place).transpose()?;
        match index {
            None => Ok(Device(given)),
            Some(_) if given.index.is_some() => Err(PyRuntimeError::new_err(format!(
                "type (string) must not include an index because index was passed explicitly: {}",
                r#type.str()?
            ))),
            Some(_) => Ok(Device(core::Device { kind: given.kind, index })),
        }
    }
    #[getter]
    fn r#type(&self) -> &'static str {
        self.0.kind.name()
    }
    #[getter]
    fn index(&self) -> Option<u8> {
        self.0.index
    }
    /// Tensors that no device is named for are made here until the block ends.
    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let device = slf.get().0;
        device.require("with device").map_err(|e| to_python(slf.py(), e))?;
        let before = mode::set_default_device(device.plain());
        OUTER.with_borrow_mut(|outer| outer.push(before));
        Ok(slf.clone())
    }
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        if let Some(before) = OUTER.with_borrow_mut(Vec::pop) {
            mode::set_default_device(before);
        }
    }
    fn __repr__(&self) -> String {
        match self.0.index {
            None => format!("device(type='{}')", self.0.kind.name()),
            Some(i) => format!("device(type='{}', index={i})", self.0.kind.name()),
        }
    }
    fn __str__(&self) -> String {
        self.0.to_string()
    }
    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (String,)) {
        let name = self.0.kind.plain_name();
        (py.get_type::<Device>(), (self.0.index.map_or(name.to_string(), |i| format!("{name}:{i}")),))
    }
}

/// Whether `cuda` means the GPU: in a PyTorch program (`rustgrad.as_torch`), where a hardware GPU is present. Starts the GPU.
pub fn cuda_is_gpu() -> bool {
    if !spoken::gpu_as_cuda() && spoken::as_torch() && gpu::is_hardware() {
        spoken::set_gpu_as_cuda(true);
    }
    spoken::gpu_as_cuda()
}

/// The device that a name means in this program.
pub fn present(named: core::Device) -> core::Device {
    match named.kind {
        DeviceKind::Cuda if cuda_is_gpu() => core::Device { kind: DeviceKind::Gpu, ..named },
        _ => named,
    }
}

/// The device that a text names.
pub fn parse_device(text: &str) -> Result<core::Device> {
    Ok(present(core::Device::parse(text)?))
}

/// The number of a device among those of its kind.
fn place(index: i64) -> PyResult<u8> {
    match u8::try_from(index) {
        Ok(i) => Ok(i),
        Err(_) if index < 0 => Err(PyRuntimeError::new_err("Device index must not be negative")),
        Err(_) => Err(PyRuntimeError::new_err(format!("Device index must be at most 255, but got {index}"))),
    }
}

/// The device that `o` names: a device object, a string, or an index (PyTorch's way to say cuda).
pub fn device_of(o: &Bound<'_, PyAny>) -> PyResult<core::Device> {
    if let Ok(d) = o.cast::<Device>() {
        return Ok(d.get().0);
    }
    if let Ok(s) = o.cast::<PyString>() {
        return parse_device(&s.to_cow()?).map_err(|e| to_python(o.py(), e));
    }
    if let Ok(index) = o.extract::<i64>() {
        return Ok(present(core::Device { kind: DeviceKind::Cuda, index: Some(place(index)?) }));
    }
    Err(PyTypeError::new_err(format!(
        "device(): argument 'type' must be str or {}, not {}",
        spoken!("device"),
        o.get_type().name()?
    )))
}

static CPU: OnceLock<Py<Device>> = OnceLock::new();

/// A new reference to the object of a device.
pub fn device_object(py: Python<'_>, d: core::Device) -> PyResult<Bound<'_, Device>> {
    if d != core::Device::CPU {
        return Bound::new(py, Device(d));
    }
    if let Some(cpu) = CPU.get() {
        return Ok(cpu.bind(py).clone());
    }
    let made = Bound::new(py, Device(d))?;
    let _ = CPU.set(made.clone().unbind());
    Ok(made)
}

/// How elements are stored: `strided`, as all tensors are here, or one of PyTorch's sparse forms, which only have names.
#[pyclass(frozen, name = "layout", module = "rustgrad")]
pub struct LayoutName(pub &'static str);

#[pymethods]
impl LayoutName {
    fn __repr__(&self) -> String {
        format!("{}.{}", library(), self.0)
    }
    fn __reduce__(&self) -> &'static str {
        self.0
    }
}

/// An order of dims in memory, by name.
#[pyclass(frozen, name = "memory_format", module = "rustgrad")]
pub struct MemoryFormat(pub &'static str);

#[pymethods]
impl MemoryFormat {
    fn __repr__(&self) -> String {
        format!("{}.{}", library(), self.0)
    }
    fn __reduce__(&self) -> &'static str {
        self.0
    }
}

static STRIDED: OnceLock<Py<LayoutName>> = OnceLock::new();

/// The layout that tensors have, borrowed.
pub fn strided(py: Python<'_>) -> Option<Bound<'_, LayoutName>> {
    STRIDED.get().map(|s| s.bind(py).clone())
}

/// A stream of random numbers: PyTorch's, seed by seed.
#[pyclass(frozen, name = "Generator", module = "rustgrad")]
pub struct Generator(pub SharedGenerator);

#[pymethods]
impl Generator {
    #[new]
    #[pyo3(signature = (device = None))]
    fn new(device: Option<&Bound<'_, PyAny>>) -> PyResult<Generator> {
        if let Some(d) = device {
            let device = device_of(d)?;
            if device.is_meta() {
                return Err(PyRuntimeError::new_err("META device type not an accelerator."));
            }
            device.require("Generator").map_err(|e| to_python(d.py(), e))?;
        }
        Ok(Generator(SharedGenerator::new(crate::device::rng::DEFAULT_SEED)))
    }
    /// Start the stream of `seed` anew; returns the generator.
    fn manual_seed<'py>(slf: Bound<'py, Self>, seed: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        slf.get().0.lock().manual_seed(seed_of(seed)?);
        Ok(slf)
    }
    /// Seed from the operating system, and return that seed.
    fn seed(&self) -> u64 {
        self.0.lock().seed()
    }
    /// The seed that the stream started from.
    fn initial_seed(&self) -> u64 {
        self.0.lock().initial_seed()
    }
    /// The state, a uint8 tensor in PyTorch's byte layout.
    fn get_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.0.lock().state();
        let array = Array::from_slice(&[state.len()], &state).map_err(|e| to_python(py, e))?;
        // SAFETY: a new reference, or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, object::wrap(enter("get_state", array))) }
    }
    /// Take over a state that `get_state` returned; returns the generator.
    fn set_state<'py>(slf: Bound<'py, Self>, new_state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        // SAFETY: the argument is alive and the GIL is held.
        let t = unsafe { object::as_tensor(new_state.as_ptr()) };
        let Some(t) = t.filter(|t| t.dtype() == core::DType::U8) else {
            return Err(PyTypeError::new_err("expected a torch.ByteTensor, but got another type"));
        };
        let meta = Meta::new(Layout::contiguous(t.shape().into()), t.dtype(), core::Device::CPU);
        let bytes = Array::empty(meta).and_then(|flat| {
            crate::tensor::data::copy(t.array(), &flat)?;
            Ok(flat.to_vec::<u8>())
        });
        let bytes = bytes.map_err(|e| to_python(py, e))?;
        slf.get().0.lock().set_state(&bytes).map_err(|e| to_python(py, e))?;
        Ok(slf)
    }
    /// Another generator in the same state.
    fn clone_state(&self) -> Generator {
        Generator(self.0.fork())
    }
    #[getter]
    fn device<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Device>> {
        device_object(py, core::Device::CPU)
    }
    fn __reduce__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let state = slf.get().get_state(py)?;
        let rebuild = py.import("rustgrad._rustgrad")?.getattr("_rebuild_generator")?;
        Ok(PyTuple::new(py, [rebuild, PyTuple::new(py, [state])?.into_any()])?.into_any())
    }
}

#[pyfunction]
fn _rebuild_generator<'py>(py: Python<'py>, state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Generator>> {
    Generator::set_state(Bound::new(py, Generator::new(None)?)?, state)
}

/// A seed: negative numbers count down from 2^64.
fn seed_of(o: &Bound<'_, PyAny>) -> PyResult<u64> {
    let index = o
        .call_method0("__index__")
        .map_err(|_| PyTypeError::new_err("manual_seed expected a long, but got another type"))?;
    if let Ok(seed) = index.extract::<u64>() {
        return Ok(seed);
    }
    match index.extract::<i64>() {
        Ok(seed) => Ok(seed as u64),
        Err(_) => Err(PyValueError::new_err("Overflow when unpacking long long")),
    }
}

pub fn add_to(m: &Bound<'_, PyModule>, all: &mut Vec<String>) -> PyResult<()> {
    let py = m.py();
    let mut add = |name: &str, value: Bound<'_, PyAny>| -> PyResult<()> {
        m.add(name, value)?;
        all.push(name.to_string());
        Ok(())
    };
    add("dtype", py.get_type::<DType>().into_any())?;
    add("device", py.get_type::<Device>().into_any())?;
    add("layout", py.get_type::<LayoutName>().into_any())?;
    add("memory_format", py.get_type::<MemoryFormat>().into_any())?;
    add("Generator", py.get_type::<Generator>().into_any())?;
    for d in core::DType::ALL {
        let object = Bound::new(py, DType(Which::Stored(d)))?;
        // The table owns this reference for ever.
        DTYPES[d as usize].store(object.clone().into_ptr(), Relaxed);
        add(d.name(), object.clone().into_any())?;
        if !d.alias().is_empty() {
            add(d.alias(), object.into_any())?;
        }
    }
    for named in &NAMED {
        add(named.name, Bound::new(py, DType(Which::Named(named)))?.into_any())?;
    }
    let layout = Bound::new(py, LayoutName("strided"))?;
    let _ = STRIDED.set(layout.clone().unbind());
    add("strided", layout.into_any())?;
    for name in ["sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged", "_mkldnn"] {
        add(name, Bound::new(py, LayoutName(name))?.into_any())?;
    }
    for name in ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"] {
        let format = Bound::new(py, MemoryFormat(name))?;
        if name == "contiguous_format" {
            add("legacy_contiguous_format", format.clone().into_any())?;
        }
        add(name, format.into_any())?;
    }
    add("default_generator", Bound::new(py, Generator(default_generator().clone()))?.into_any())?;
    m.add_function(wrap_pyfunction!(_rebuild_generator, m)?)?;
    Ok(())
}
