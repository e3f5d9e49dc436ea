//! From Python objects to the values of a schema. Exact types are asked first, by pointer; the rest follows
//! PyTorch's rules: ints accept NumPy's and 0-d integer tensors, floats accept ints, nothing accepts str.

use std::mem::MaybeUninit;
use std::ptr::addr_of_mut;

use pyo3::ffi;
use pyo3::prelude::*;

use super::errors::{P, fetched, foreign};
use super::object::as_tensor;
use super::types;
use crate::core::{DType, Device, Number};
use crate::device::rng::SharedGenerator;
use crate::err;
use crate::error::Result;
use crate::ops::schema::{Param, Type};
use crate::tensor::{Arg, Tensor};

/// `str`, of an object's type, as messages spell it: types written in C by their full name (`numpy.ndarray`).
pub fn type_name(o: P) -> String {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        let (py, t) = (Python::assume_attached(), ffi::Py_TYPE(o));
        let Ok(class) = Bound::from_borrowed_ptr(py, t.cast()).cast_into::<pyo3::types::PyType>() else {
            return String::new();
        };
        let name = class.name().map(|n| n.to_string()).unwrap_or_default();
        let module = class.module().map(|m| m.to_string()).unwrap_or_default();
        let written_in_c = ffi::PyType_GetFlags(t) & ffi::Py_TPFLAGS_HEAPTYPE == 0;
        if written_in_c && !module.is_empty() && module != "builtins" { format!("{module}.{name}") } else { name }
    }
}

#[inline(always)]
fn exact(o: P, t: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the object is alive.
    unsafe { ffi::Py_TYPE(o) == t }
}

#[inline(always)]
pub fn is_none(o: P) -> bool {
    // SAFETY: a static object.
    o == unsafe { ffi::Py_None() }
}

#[inline]
pub fn is_bool(o: P) -> bool {
    exact(o, addr_of_mut!(ffi::PyBool_Type))
}

/// A scalar of NumPy's, which is no subclass of Python's numbers. (A 0-d array, a matrix and a memory map are none.)
pub fn is_numpy_scalar(o: P) -> bool {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        let t = ffi::Py_TYPE(o);
        if ffi::PyType_GetSlot(t, ffi::Py_nb_index).is_null() && ffi::PyType_GetSlot(t, ffi::Py_nb_float).is_null() {
            return false;
        }
        super::numpy::is_instance(o, "generic")
    }
}

/// NumPy's bool, which has neither `__index__` nor a subclass relation.
pub fn is_numpy_bool(o: P) -> bool {
    super::numpy::is_instance(o, "bool_")
}

/// The value of a Python int; beyond 64 bits PyTorch's ValueError.
#[inline]
fn long(o: P) -> Result<i64> {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        let v = ffi::PyLong_AsLongLong(o);
        if v == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(super::data::too_long(fetched()));
        }
        Ok(v)
    }
}

/// The value of a Python int as a number: below 2^64, as PyTorch takes it.
#[inline]
fn long_number(o: P) -> Result<Number> {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        let v = ffi::PyLong_AsLongLong(o);
        if v == -1 && !ffi::PyErr_Occurred().is_null() { large(o) } else { Ok(Number::Int(v)) }
    }
}

/// As [`long_number`], where the exception is set that says that the int is no int64.
#[cold]
unsafe fn large(o: P) -> Result<Number> {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        let first = fetched();
        let v = ffi::PyLong_AsUnsignedLongLong(o);
        if !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
            return Err(first);
        }
        Ok(Number::unsigned(v))
    }
}

/// The value of a 0-d tensor that nobody differentiates, as PyTorch lets it stand for a number.
fn zero_d(t: &Tensor) -> Option<Number> {
    if t.ndim() == 0 && !t.requires_grad() { super::data::item(t).ok() } else { None }
}

/// An int: Python's, NumPy's, or a 0-d integer tensor. None where `o` is something else.
#[inline]
pub fn int(o: P) -> Result<Option<i64>> {
    if exact(o, addr_of_mut!(ffi::PyLong_Type)) {
        return long(o).map(Some);
    }
    if is_bool(o) || exact(o, addr_of_mut!(ffi::PyFloat_Type)) || exact(o, addr_of_mut!(ffi::PyUnicode_Type)) {
        return Ok(None);
    }
    int_slowly(o)
}

#[cold]
fn int_slowly(o: P) -> Result<Option<i64>> {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        if let Some(t) = as_tensor(o) {
            return Ok(match zero_d(t) {
                Some(Number::Int(i)) => Some(i),
                Some(Number::Bool(b)) if t.dtype() == DType::Bool => Some(b as i64),
                _ => None,
            });
        }
        let is_long = ffi::PyLong_Check(o) != 0;
        let whole = is_numpy_scalar(o) || super::numpy::is_whole_array(o);
        if !is_long && (!whole || ffi::PyType_GetSlot(ffi::Py_TYPE(o), ffi::Py_nb_index).is_null()) {
            return Ok(None);
        }
        let index = ffi::PyNumber_Index(o);
        if index.is_null() {
            return Err(fetched());
        }
        let v = long(index);
        ffi::Py_DECREF(index);
        v.map(Some)
    }
}

/// A number: Python's, NumPy's or (where `tensors`) a 0-d tensor.
#[inline]
pub fn number(o: P, tensors: bool) -> Result<Option<Number>> {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        if exact(o, addr_of_mut!(ffi::PyFloat_Type)) {
            return Ok(Some(Number::Float(ffi::PyFloat_AsDouble(o))));
        }
        if exact(o, addr_of_mut!(ffi::PyLong_Type)) {
            return long_number(o).map(Some);
        }
        if is_bool(o) {
            return Ok(Some(Number::Bool(o == ffi::Py_True())));
        }
        if exact(o, addr_of_mut!(ffi::PyUnicode_Type)) || is_none(o) {
            return Ok(None);
        }
        number_slowly(o, tensors)
    }
}

#[cold]
unsafe fn number_slowly(o: P, tensors: bool) -> Result<Option<Number>> {
    // SAFETY: the object is alive and the GIL is held.
    unsafe {
        if let Some(t) = as_tensor(o) {
            return Ok(if tensors { zero_d(t) } else { None });
        }
        if ffi::PyFloat_Check(o) != 0 {
            return Ok(Some(Number::Float(ffi::PyFloat_AsDouble(o))));
        }
        if ffi::PyLong_Check(o) != 0 {
            return long_number(o).map(Some);
        }
        if ffi::PyComplex_Check(o) != 0 {
            return Ok(Some(complex(o)));
        }
        if !is_numpy_scalar(o) {
            return Ok(None);
        }
        if super::numpy::is_instance(o, "complexfloating") {
            let name = c"__complex__";
            let method = ffi::PyObject_GetAttrString(o, name.as_ptr());
            let made = if method.is_null() { method } else { ffi::PyObject_CallObject(method, std::ptr::null_mut()) };
            ffi::Py_XDECREF(method);
            if made.is_null() {
                return Err(fetched());
            }
            let n = complex(made);
            ffi::Py_DECREF(made);
            return Ok(Some(n));
        }
        if is_numpy_bool(o) {
            // A number among tensors, but no bool: PyTorch reads it as the float 0 or 1.
            return match ffi::PyObject_IsTrue(o) {
                -1 => Err(fetched()),
                b => Ok(Some(Number::Float(b as f64))),
            };
        }
        if let Some(i) = int_slowly(o)? {
            return Ok(Some(Number::Int(i)));
        }
        let v = ffi::PyFloat_AsDouble(o);
        if v == -1.0 && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
            return Ok(None);
        }
        Ok(Some(Number::Float(v)))
    }
}

/// The value of a Python complex number.
///
/// # Safety
/// `o` is one.
unsafe fn complex(o: P) -> Number {
    // SAFETY: says the caller; neither part can fail then.
    unsafe { Number::Complex(ffi::PyComplex_RealAsDouble(o), ffi::PyComplex_ImagAsDouble(o)) }
}

/// A number that is not complex.
fn real_number(o: P) -> Result<Option<Number>> {
    Ok(number(o, true)?.filter(|n| !matches!(n, Number::Complex(..))))
}

#[inline]
fn boolean(o: P) -> Option<bool> {
    // SAFETY: static objects; IsTrue of a NumPy bool cannot fail.
    unsafe {
        if o == ffi::Py_True() {
            Some(true)
        } else if o == ffi::Py_False() {
            Some(false)
        } else if is_numpy_scalar(o) && is_numpy_bool(o) {
            Some(ffi::PyObject_IsTrue(o) == 1)
        } else {
            None
        }
    }
}

/// The text of a str, as long as the object lives.
pub fn text<'a>(o: P) -> Result<Option<&'a str>> {
    // SAFETY: the UTF-8 form is kept by the object.
    unsafe {
        if ffi::PyUnicode_Check(o) == 0 {
            return Ok(None);
        }
        let mut n = 0;
        let p = ffi::PyUnicode_AsUTF8AndSize(o, &mut n);
        if p.is_null() {
            return Err(fetched());
        }
        Ok(std::str::from_utf8(std::slice::from_raw_parts(p.cast(), n as usize)).ok())
    }
}

/// A dtype object, or one of Python's types that stand for one.
#[inline]
pub fn dtype(o: P) -> Option<DType> {
    if let Some(d) = types::as_dtype(o) {
        return Some(d);
    }
    if o == addr_of_mut!(ffi::PyFloat_Type).cast() {
        // What Python calls float has 64 bits.
        Some(DType::F64)
    } else if o == addr_of_mut!(ffi::PyLong_Type).cast() {
        Some(DType::I64)
    } else if o == addr_of_mut!(ffi::PyBool_Type).cast() {
        Some(DType::Bool)
    } else if o == addr_of_mut!(ffi::PyComplex_Type).cast() {
        Some(DType::C128)
    } else {
        None
    }
}

/// A device object or string. Ints are PyTorch's way to say cuda.
pub fn device(o: P) -> Result<Option<Device>> {
    // SAFETY: the object is alive and the GIL is held.
    let bound = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), o) };
    if let Ok(d) = bound.cast::<types::Device>() {
        return Ok(Some(d.get().0));
    }
    if let Some(s) = text(o)? {
        return types::parse_device(s).map(Some);
    }
    if exact(o, addr_of_mut!(ffi::PyLong_Type)) {
        return types::device_of(&bound).map(Some).map_err(foreign);
    }
    Ok(None)
}

fn generator<'a>(o: P) -> Option<&'a SharedGenerator> {
    // SAFETY: the object is alive, kept by the caller's arguments; the class is frozen.
    unsafe {
        let bound = Bound::from_borrowed_ptr(Python::assume_attached(), o);
        let g = bound.cast::<types::Generator>().ok()?;
        Some(&*(&g.get().0 as *const SharedGenerator))
    }
}

/// What lists convert into, and what must stay alive until the call is over.
pub struct Scratch<'a> {
    ints: [MaybeUninit<i64>; 16],
    used: usize,
    /// One null check where a call has none of these.
    rare: Option<Box<Rare<'a>>>,
}

/// What few calls have.
#[derive(Default)]
struct Rare<'a> {
    ints: Vec<Box<[MaybeUninit<i64>]>>,
    floats: Vec<Box<[f64]>>,
    bools: Vec<Box<[bool]>>,
    tensors: Vec<Box<[&'a Tensor]>>,
    optional: Vec<Box<[Option<&'a Tensor>]>>,
    numbers: Vec<Box<[Number]>>,
    keep: Vec<P>,
}

impl<'a> Scratch<'a> {
    #[inline]
    pub fn new() -> Scratch<'a> {
        Scratch { ints: [const { MaybeUninit::uninit() }; 16], used: 0, rare: None }
    }

    fn rare(&mut self) -> &mut Rare<'a> {
        self.rare.get_or_insert_default()
    }

    /// `n` ints filled by `f`; None if one of them is no int.
    ///
    /// # Safety
    /// The result is not used after the scratch is dropped or moved.
    #[inline]
    unsafe fn ints(&mut self, n: usize, mut f: impl FnMut(usize) -> Result<Option<i64>>) -> Result<Option<Arg<'a>>> {
        let slot: &mut [MaybeUninit<i64>] = if self.used + n <= self.ints.len() {
            self.used += n;
            &mut self.ints[self.used - n..self.used]
        } else {
            let more = &mut self.rare().ints;
            more.push(Box::new_uninit_slice(n));
            match more.last_mut() {
                Some(b) => b,
                None => return Ok(None),
            }
        };
        for (i, s) in slot.iter_mut().enumerate() {
            match f(i)? {
                Some(v) => {
                    s.write(v);
                }
                None => return Ok(None),
            }
        }
        // SAFETY: all were written, and the scratch outlives the call that the argument is for.
        Ok(Some(Arg::Ints(unsafe { std::slice::from_raw_parts(slot.as_ptr().cast(), n) })))
    }

    /// All of `items` as ints: `x.view(2, 3)`.
    ///
    /// # Safety
    /// As [`Scratch::ints`]; the objects are alive.
    #[inline]
    pub unsafe fn varargs(&mut self, items: *const P, n: usize) -> Result<Option<Arg<'a>>> {
        // SAFETY: says the caller.
        unsafe { self.ints(n, |i| super::size::nth_int(*items.add(i), i)) }
    }

    /// All of `items` as tensors: `meshgrid(x, y)`; None if one of them is no tensor.
    ///
    /// # Safety
    /// As [`Scratch::ints`]; the objects are alive.
    pub unsafe fn tensors(&mut self, items: *const P, n: usize) -> Result<Option<Arg<'a>>> {
        let mut list = Vec::with_capacity(n);
        for i in 0..n {
            // SAFETY: says the caller.
            match unsafe { as_tensor(*items.add(i)) } {
                Some(t) => list.push(t),
                None => return Ok(None),
            }
        }
        let lists = &mut self.rare().tensors;
        lists.push(list.into_boxed_slice());
        // SAFETY: boxes do not move their content, and live as long as the scratch.
        Ok(lists.last().map(|b| Arg::Tensors(unsafe { &*(&**b as *const [&Tensor]) })))
    }

    /// The entries of a list or tuple, all of which `read` must take.
    unsafe fn list<T>(&mut self, o: P, read: impl Fn(P) -> Result<Option<T>>) -> Result<Option<Box<[T]>>> {
        // SAFETY: the object is alive and the GIL is held, says the caller.
        let Some((tuple, n)) = (unsafe { self.items(o)? }) else { return Ok(None) };
        let mut list = Vec::with_capacity(n);
        for i in 0..n {
            // SAFETY: as above; the tuple has n entries.
            match read(unsafe { ffi::PyTuple_GetItem(tuple, i as ffi::Py_ssize_t) })? {
                Some(v) => list.push(v),
                None => return Ok(None),
            }
        }
        Ok(Some(list.into_boxed_slice()))
    }

    /// A tuple with the items of a list or tuple, alive as long as the scratch; None for other objects.
    ///
    /// # Safety
    /// `o` is alive.
    unsafe fn items(&mut self, o: P) -> Result<Option<(P, usize)>> {
        // SAFETY: says the caller. A list is copied: another thread may change it while a kernel runs.
        unsafe {
            if ffi::PyTuple_Check(o) != 0 {
                return Ok(Some((o, ffi::PyTuple_Size(o) as usize)));
            }
            if ffi::PyList_Check(o) == 0 {
                return Ok(None);
            }
            let tuple = ffi::PyList_AsTuple(o);
            if tuple.is_null() {
                return Err(fetched());
            }
            self.rare().keep.push(tuple);
            Ok(Some((tuple, ffi::PyTuple_Size(tuple) as usize)))
        }
    }

    /// `o` as the parameter `p` wants it; None if it is of another type.
    ///
    /// # Safety
    /// `o` and the scratch outlive the result; the GIL is held.
    #[inline]
    pub unsafe fn convert(&mut self, o: P, p: &Param) -> Result<Option<Arg<'a>>> {
        // SAFETY: says the caller.
        unsafe {
            match p.ty {
                Type::Tensor => {
                    if let Some(t) = as_tensor(o) {
                        return Ok(Some(Arg::Tensor(t)));
                    }
                }
                Type::Operand => {
                    if let Some(t) = as_tensor(o) {
                        return Ok(Some(Arg::Tensor(t)));
                    }
                    if let Some(n) = number(o, false)? {
                        return Ok(Some(Arg::Number(n)));
                    }
                }
                Type::Scalar => {
                    if let Some(n) = number(o, true)? {
                        return Ok(Some(Arg::Number(n)));
                    }
                }
                Type::Int => {
                    if let Some(i) = int(o)? {
                        return Ok(Some(Arg::Number(Number::Int(i))));
                    }
                }
                Type::Bool => {
                    if let Some(b) = boolean(o) {
                        return Ok(Some(Arg::Bool(b)));
                    }
                }
                Type::Ints => {
                    if let Some(a) = self.int_list(o, p)? {
                        return Ok(Some(a));
                    }
                }
                _ => {
                    if let Some(a) = self.convert_rare(o, p)? {
                        return Ok(Some(a));
                    }
                }
            }
            Ok(if is_none(o) && p.optional { Some(Arg::None) } else { None })
        }
    }

    /// # Safety
    /// As [`Scratch::convert`].
    unsafe fn int_list(&mut self, o: P, p: &Param) -> Result<Option<Arg<'a>>> {
        // SAFETY: says the caller; items are alive while their tuple is.
        unsafe {
            if let Some((tuple, n)) = self.items(o)? {
                return self.ints(n, |i| super::size::nth_int(ffi::PyTuple_GetItem(tuple, i as ffi::Py_ssize_t), i));
            }
            // A bare int stands for a list of as many as the schema says; for one of any length it is none. An integer
            // tensor of one element is its own list.
            match (p.len, as_tensor(o)) {
                (Some(len), _) => match int(o)? {
                    Some(v) => self.ints(len, |_| Ok(Some(v))),
                    None => Ok(None),
                },
                (None, Some(t)) if t.ndim() == 1 && t.numel() == 1 && t.dtype().is_integral() => {
                    let v = super::data::item(t)?.to_i64();
                    self.ints(1, |_| Ok(Some(v)))
                }
                _ => Ok(None),
            }
        }
    }

    /// # Safety
    /// As [`Scratch::convert`].
    #[cold]
    unsafe fn convert_rare(&mut self, o: P, p: &Param) -> Result<Option<Arg<'a>>> {
        // SAFETY: says the caller; boxes do not move their content, and live as long as the scratch.
        unsafe {
            Ok(match p.ty {
                Type::Float => real_number(o)?.map(|n| Arg::Number(Number::Float(n.to_f64()))),
                Type::Str => text(o)?.map(Arg::Str),
                Type::DType => dtype(o).map(Arg::DType),
                Type::Device => device(o)?.map(Arg::Device),
                Type::Layout => {
                    let bound = Bound::from_borrowed_ptr(Python::assume_attached(), o);
                    let Ok(layout) = bound.cast::<types::LayoutName>() else { return Ok(None) };
                    let name = layout.get().0;
                    if name != "strided" {
                        return Err(err!(NotImplemented, "this function makes no tensors of layout torch.{name}")
                            .hint("leave layout out; sparse_coo_tensor(size=...) is a sparse tensor of zeros"));
                    }
                    Some(Arg::None)
                }
                Type::MemoryFormat => {
                    let bound = Bound::from_borrowed_ptr(Python::assume_attached(), o);
                    bound.cast::<types::MemoryFormat>().ok().map(|m| Arg::Str(m.get().0))
                }
                Type::Generator => generator(o).map(Arg::Generator),
                Type::Any => Some(Arg::Object(o.cast())),
                Type::Tensors => {
                    let Some((tuple, n)) = self.items(o)? else { return Ok(None) };
                    let mut list = Vec::with_capacity(n);
                    for i in 0..n {
                        let item = ffi::PyTuple_GetItem(tuple, i as ffi::Py_ssize_t);
                        match as_tensor(item) {
                            Some(t) => list.push(t),
                            None => {
                                return Err(err!(
                                    Type,
                                    "expected Tensor as element {i} in argument 0, but got {}",
                                    type_name(item)
                                ));
                            }
                        }
                    }
                    let lists = &mut self.rare().tensors;
                    lists.push(list.into_boxed_slice());
                    lists.last().map(|b| Arg::Tensors(&*(&**b as *const [&Tensor])))
                }
                Type::OptionalTensors => {
                    let read = |o| Ok(as_tensor(o).map(Some).or_else(|| is_none(o).then_some(None)));
                    let Some(list) = self.list(o, read)? else { return Ok(None) };
                    let lists = &mut self.rare().optional;
                    lists.push(list);
                    lists.last().map(|b| Arg::OptionalTensors(&*(&**b as *const [Option<&Tensor>])))
                }
                Type::Scalars => {
                    let Some(list) = self.list(o, |o| number(o, true))? else { return Ok(None) };
                    let lists = &mut self.rare().numbers;
                    lists.push(list);
                    lists.last().map(|b| Arg::Numbers(&*(&**b as *const [Number])))
                }
                Type::Floats => {
                    let read = |o| Ok(real_number(o)?.map(Number::to_f64));
                    let Some(list) = self.list(o, read)? else { return Ok(None) };
                    let lists = &mut self.rare().floats;
                    lists.push(list);
                    lists.last().map(|b| Arg::Floats(&*(&**b as *const [f64])))
                }
                Type::Bools => {
                    let Some(list) = self.list(o, |o| Ok(boolean(o)))? else { return Ok(None) };
                    let lists = &mut self.rare().bools;
                    lists.push(list);
                    lists.last().map(|b| Arg::Bools(&*(&**b as *const [bool])))
                }
                Type::Tensor | Type::Operand | Type::Scalar | Type::Int | Type::Bool | Type::Ints => None,
            })
        }
    }
}

impl Drop for Rare<'_> {
    #[inline]
    fn drop(&mut self) {
        for &o in &self.keep {
            // SAFETY: new references that `items` made; the GIL is held.
            unsafe { ffi::Py_DECREF(o) };
        }
    }
}
