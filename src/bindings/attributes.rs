//! Attributes of a tensor, and the slots that make it a sequence: shape, grad, data ...; len, iteration, truth.

use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::ffi;
use pyo3::prelude::*;

use super::call::{none, number, panicked};
use super::convert::type_name;
use super::data::item;
use super::errors::{OrForeign, P, checked, fetched, raise};
use super::install::slot;
use super::object::{as_tensor, keep_class, wrap};
use super::operators::guarded;
use super::{autograd, gil, index, node, overrides, size, types};
use crate::core::{Number, spoken};
use crate::error::Result;
use crate::tensor::door;
use crate::tensor::{Tensor, mode};
use crate::{bail, err};

type Get = fn(&Tensor, P) -> Result<P>;
/// The value is null where the attribute is deleted.
type Set = fn(&Tensor, P, P) -> Result<()>;

pub struct Attribute {
    pub name: &'static CStr,
    get: Get,
    set: Option<Set>,
    /// Its type, as a stub writes it.
    pub stub: &'static str,
    pub doc: &'static CStr,
}

impl Attribute {
    pub fn writable(&self) -> bool {
        self.set.is_some()
    }
}

const fn read(name: &'static CStr, stub: &'static str, doc: &'static CStr, get: Get) -> Attribute {
    Attribute { name, get, set: None, stub, doc }
}

const fn write(name: &'static CStr, stub: &'static str, doc: &'static CStr, get: Get, set: Set) -> Attribute {
    Attribute { name, get, set: Some(set), stub, doc }
}

/// A new reference to True or False.
fn truth(b: bool) -> Result<P> {
    Ok(number(Number::Bool(b)))
}

fn count(n: usize) -> Result<P> {
    // SAFETY: the GIL is held.
    checked(unsafe { ffi::PyLong_FromSize_t(n) })
}

pub static ATTRIBUTES: &[Attribute] = &[
    read(c"shape", "Size", c"The sizes, one per dim.", |t, _| checked(size::new(t.shape()))),
    read(c"dtype", "_dtype", c"The element type.", |t, _| {
        let o = types::dtype_object(t.dtype());
        // SAFETY: an immortal object.
        unsafe { ffi::Py_INCREF(o) };
        Ok(o)
    }),
    read(c"device", "_device", c"Where the elements are.", |t, _| {
        // SAFETY: the GIL is held.
        let py = unsafe { Python::assume_attached() };
        Ok(types::device_object(py, t.device().shown()).or_foreign()?.into_ptr())
    }),
    read(c"layout", "_layout", c"How the elements are stored: `strided`.", |_, _| {
        // SAFETY: the GIL is held.
        let py = unsafe { Python::assume_attached() };
        types::strided(py).map(Bound::into_ptr).ok_or_else(|| err!(Runtime, "internal error: no layout"))
    }),
    write(
        c"requires_grad",
        "_bool",
        c"Whether operations on this tensor are recorded for backward.",
        |t, _| truth(t.requires_grad()),
        |t, _, v| {
            // SAFETY: static objects.
            let on = unsafe {
                if v.is_null() || (v != ffi::Py_True() && v != ffi::Py_False()) {
                    bail!(Runtime, "requires_grad must be a bool");
                }
                v == ffi::Py_True()
            };
            t.set_requires_grad(on)
        },
    ),
    write(
        c"grad",
        "Tensor | None",
        c"The gradient that backward accumulates here; None before the first.",
        autograd::get_grad,
        autograd::set_grad,
    ),
    write(c"_grad", "Tensor | None", c"`grad` under its older name.", autograd::get_grad, autograd::set_grad),
    read(c"grad_fn", "Any", c"The graph node that made this tensor; None for a leaf.", |t, _| node::grad_fn(t)),
    read(c"is_leaf", "_bool", c"Whether no recorded operation made this tensor.", |t, _| truth(t.is_leaf())),
    read(c"retains_grad", "_bool", c"Whether this non-leaf keeps its gradient.", |t, _| {
        truth(t.extra(|e| e.retained.is_some()) == Some(true))
    }),
    read(c"output_nr", "_int", c"Which output of `grad_fn` this is.", |t, _| count(t.output_nr() as usize)),
    write(
        c"data",
        "Tensor",
        c"The same memory outside the graph, with versions of its own.",
        |t, _| checked(wrap(door::data(t))),
        set_data,
    ),
    read(c"T", "Tensor", c"All dims in reverse order.", |t, _| {
        if t.ndim() != 2 && t.ndim() != 0 {
            mode::warn(
                "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will \
                 throw an error in a future release. Consider `x.mT` to transpose batches of matrices or \
                 `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.",
            )?;
        }
        checked(wrap(t.reversed()?))
    }),
    read(c"mT", "Tensor", c"The last two dims swapped.", |t, _| checked(wrap(t.mt()?))),
    read(c"H", "Tensor", c"A matrix transposed and conjugated.", |t, _| match t.ndim() {
        0 | 2 => checked(wrap(if t.ndim() == 2 { t.transpose(0, 1)?.conj()? } else { t.conj()? })),
        n => bail!(Runtime, "tensor.H is only supported on matrices (2-D tensors). Got {n}-D tensor."),
    }),
    read(c"mH", "Tensor", c"The last two dims swapped, and the elements conjugated.", |t, _| {
        checked(wrap(t.mt()?.conj()?))
    }),
    write(
        c"real",
        "Tensor",
        c"The real parts: a view of complex numbers, a real tensor itself.",
        |t, _| checked(wrap(t.real()?)),
        |t, _, v| assign(&t.real()?, v),
    ),
    write(
        c"imag",
        "Tensor",
        c"The imaginary parts, a view. Real tensors are refused.",
        |t, _| checked(wrap(t.imag()?)),
        |t, _, v| assign(&t.imag()?, v),
    ),
    read(c"ndim", "_int", c"The number of dims.", |t, _| count(t.ndim())),
    read(c"itemsize", "_int", c"Bytes per element.", |t, _| count(t.dtype().size())),
    read(c"nbytes", "_int", c"Bytes of all elements.", |t, _| count(t.dtype().size().wrapping_mul(t.numel()))),
    read(c"_version", "_int", c"How often the memory was changed in place.", |t, _| {
        if t.is_inference() {
            bail!(Runtime, "Inference tensors do not track version counter.");
        }
        count(t.version() as usize)
    }),
    read(c"_base", "Tensor | None", c"The tensor that this is a view of.", |t, _| match t.base() {
        Some(base) => checked(wrap(base)),
        None => Ok(none()),
    }),
    read(c"is_cpu", "_bool", c"Whether the elements are in main memory.", |t, _| truth(t.device().is_cpu())),
    read(c"is_gpu", "_bool", c"Whether the elements are on the GPU.", |t, _| truth(t.device().is_gpu())),
    read(c"is_cuda", "_bool", c"Whether the elements are on a GPU that this program calls cuda.", |t, _| {
        truth(t.device().is_gpu() && spoken::gpu_as_cuda())
    }),
    read(c"is_mps", "_bool", c"False.", |_, _| truth(false)),
    read(c"is_meta", "_bool", c"Whether there are no elements: on `meta` a tensor has all but those.", |t, _| {
        truth(t.device().is_meta())
    }),
    read(c"is_sparse", "_bool", c"False.", |_, _| truth(false)),
    read(c"is_quantized", "_bool", c"False.", |_, _| truth(false)),
    read(c"is_nested", "_bool", c"False.", |_, _| truth(false)),
    read(c"__array_priority__", "_int", c"NumPy leaves operators between arrays and tensors to us.", |_, _| {
        count(1000)
    }),
];

/// `x.real = v`.
fn assign(part: &Tensor, v: P) -> Result<()> {
    // SAFETY: a live object, or null.
    if let Some(v) = (!v.is_null()).then(|| unsafe { as_tensor(v) }).flatten() {
        part.copy_from(v)?;
        return Ok(());
    }
    let number = if v.is_null() { None } else { super::convert::number(v, false)? };
    match number {
        Some(n) => part.copy_from(&super::data::from_number(n, part.dtype())?).map(|_| ()),
        None => bail!(Type, "the parts of a complex tensor are set to a tensor or a number"),
    }
}

fn set_data(t: &Tensor, _: P, v: P) -> Result<()> {
    // SAFETY: a live object, or null.
    let new = if v.is_null() { None } else { unsafe { as_tensor(v) } };
    let Some(new) = new else {
        if v.is_null() {
            bail!(Runtime, "Deleting tensor data is not allowed. Delete tensor instead!");
        }
        bail!(Type, "Variable data has to be a tensor, but got {}", type_name(v));
    };
    if t.requires_grad() && !new.dtype().is_differentiable() {
        bail!(Runtime, "data set to a tensor that requires gradients must be floating point or complex dtype");
    }
    door::set_data(t, new);
    Ok(())
}

/// The class of a tensor whose results are of it too; null for a plain tensor.
///
/// # Safety
/// `o` is alive.
unsafe fn class_of(o: P) -> *mut ffi::PyTypeObject {
    // SAFETY: says the caller.
    let class = unsafe { ffi::Py_TYPE(o) };
    if super::object::is_plain(class) { std::ptr::null_mut() } else { class }
}

/// `shape.__get__`.
fn spelled(attribute: &Attribute, how: &str) -> String {
    format!("{}.{how}", attribute.name.to_string_lossy())
}

unsafe extern "C" fn get(o: P, closure: *mut c_void) -> P {
    // SAFETY: the closure is an entry of the table above; `o` is a tensor object, says the descriptor.
    let attribute = unsafe { &*closure.cast::<Attribute>() };
    let run = || {
        if overrides::active()
            // SAFETY: as above.
            && let Some(found) = unsafe { overrides::slot(&spelled(attribute, "__get__"), &[o]) }?
        {
            return Ok(found);
        }
        // SAFETY: as above.
        let t = unsafe { as_tensor(o) }.ok_or_else(|| err!(Runtime, "a tensor that was taken apart"))?;
        let found = (attribute.get)(t, o)?;
        // Gradients and bases are what they are.
        let kept = matches!(attribute.name.to_bytes(), b"grad" | b"_grad" | b"_base");
        // SAFETY: as above.
        Ok(if kept { found } else { unsafe { keep_class(found, class_of(o)) } })
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(p)) => p,
        Ok(Err(e)) => raise(e),
        Err(panic) => raise(panicked(&attribute.name.to_string_lossy(), &*panic)),
    }
}

unsafe extern "C" fn set(o: P, value: P, closure: *mut c_void) -> c_int {
    // SAFETY: as `get`.
    let attribute = unsafe { &*closure.cast::<Attribute>() };
    done(&attribute.name.to_string_lossy(), || {
        if overrides::active()
            && !value.is_null()
            // SAFETY: as `get`; what is given back is None.
            && unsafe { overrides::slot(&spelled(attribute, "__set__"), &[o, value]) }?.is_some()
        {
            return Ok(());
        }
        // SAFETY: as `get`.
        let t = unsafe { as_tensor(o) }.ok_or_else(|| err!(Runtime, "a tensor that was taken apart"))?;
        match attribute.set {
            Some(set) => set(t, o, value),
            None => bail!(Runtime, "internal error: attribute without a setter"),
        }
    })
}

/// The frame of slots that return 0 or -1.
fn done(name: &str, f: impl FnOnce() -> Result<()>) -> c_int {
    gil::settle();
    let e = match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(())) => return 0,
        Ok(Err(e)) => e,
        Err(panic) => panicked(name, &*panic),
    };
    raise(e);
    -1
}

/// The table of getters and setters for the type.
pub fn getters() -> Vec<ffi::PyGetSetDef> {
    ATTRIBUTES
        .iter()
        .map(|a| ffi::PyGetSetDef {
            name: a.name.as_ptr(),
            get: Some(get),
            set: a.set.map(|_| set as ffi::setter),
            doc: a.doc.as_ptr(),
            closure: std::ptr::from_ref(a).cast_mut().cast(),
        })
        .collect()
}

/// # Safety
/// `o` is the first argument of a slot of the type.
#[inline]
unsafe fn this<'a>(o: P) -> Result<&'a Tensor> {
    // SAFETY: says the caller.
    unsafe { as_tensor(o) }.ok_or_else(|| err!(Runtime, "a tensor that was taken apart"))
}

unsafe extern "C" fn length(o: P) -> ffi::Py_ssize_t {
    let mut n = -1;
    done("__len__", || {
        // SAFETY: a slot argument.
        unsafe {
            if overrides::active()
                && let Some(found) = overrides::count("__len__", &[o])?
            {
                n = found;
                return Ok(());
            }
            match this(o)?.shape().first() {
                Some(&first) => n = first as ffi::Py_ssize_t,
                None => bail!(Type, "len() of a 0-d tensor"),
            }
        }
        Ok(())
    });
    n
}

unsafe extern "C" fn iterate(o: P) -> P {
    guarded("__iter__", || {
        // SAFETY: a slot argument.
        let t = unsafe { this(o)? };
        if t.ndim() == 0 {
            bail!(Type, "iteration over a 0-d tensor");
        }
        let parts = index::unbind(t)?;
        // SAFETY: the GIL is held; the tuple is given up to its iterator.
        unsafe {
            keep_class(parts, class_of(o));
            let iterator = ffi::PyObject_GetIter(parts);
            ffi::Py_DECREF(parts);
            checked(iterator).map(Some)
        }
    })
}

unsafe extern "C" fn contains(o: P, value: P) -> c_int {
    let mut found = 0;
    let failed = done("__contains__", || {
        // SAFETY: slot arguments; every new reference is given back.
        unsafe {
            if overrides::active()
                && let Some(n) = overrides::count("__contains__", &[o, value])?
            {
                found = (n != 0) as c_int;
                return Ok(());
            }
            let bool_of_numpy = as_tensor(value).is_none() && super::convert::is_numpy_bool(value);
            if bool_of_numpy || as_tensor(value).is_none() && super::convert::number(value, false)?.is_none() {
                bail!(
                    Runtime,
                    "Tensor.__contains__ only supports Tensor or scalar, but you passed in a {}.",
                    text_of(ffi::PyObject_Str(ffi::Py_TYPE(value).cast()))
                );
            }
            let equal = checked(ffi::PyObject_RichCompare(o, value, ffi::Py_EQ))?;
            let any = ffi::PyObject_CallMethod(equal, c"any".as_ptr(), std::ptr::null());
            ffi::Py_DECREF(equal);
            let any = checked(any)?;
            found = ffi::PyObject_IsTrue(any);
            ffi::Py_DECREF(any);
            if found < 0 { Err(fetched()) } else { Ok(()) }
        }
    });
    if failed < 0 { -1 } else { found }
}

/// The text of a new str reference, which is given up.
fn text_of(o: P) -> String {
    if o.is_null() {
        return String::new();
    }
    let text = super::convert::text(o).ok().flatten().unwrap_or_default().to_string();
    // SAFETY: a new reference.
    unsafe { ffi::Py_DECREF(o) };
    text
}

unsafe extern "C" fn get_item(o: P, key: P) -> P {
    // SAFETY: slot arguments.
    guarded("__getitem__", || unsafe {
        if overrides::active()
            && let Some(result) = overrides::slot("__getitem__", &[o, key])?
        {
            return Ok(Some(result));
        }
        let read = checked(wrap(index::read(this(o)?, key)?))?;
        Ok(Some(keep_class(read, class_of(o))))
    })
}

unsafe extern "C" fn set_item(o: P, key: P, value: P) -> c_int {
    done("__setitem__", || {
        if value.is_null() {
            bail!(Type, "Tensor does not support deleting items");
        }
        // SAFETY: slot arguments; what is given back is None.
        unsafe {
            if overrides::active() && overrides::slot("__setitem__", &[o, key, value])?.is_some() {
                return Ok(());
            }
            index::write(this(o)?, key, value)
        }
    })
}

unsafe extern "C" fn is_true(o: P) -> c_int {
    let mut answer = 0;
    let failed = done("__bool__", || {
        if overrides::active()
            // SAFETY: a slot argument.
            && let Some(n) = unsafe { overrides::count("__bool__", &[o]) }?
        {
            answer = (n != 0) as c_int;
            return Ok(());
        }
        // SAFETY: a slot argument.
        let t = unsafe { this(o)? };
        match t.numel() {
            1 => answer = !item(t)?.is_zero() as c_int,
            0 => bail!(Runtime, "Boolean value of Tensor with no values is ambiguous"),
            _ => {
                return Err(err!(Runtime, "Boolean value of Tensor with more than one value is ambiguous")
                    .hint("this tensor has more than one element; reduce it first, with .any() or .all()"));
            }
        }
        Ok(())
    });
    if failed < 0 { -1 } else { answer }
}

/// What the class of `o`, or a mode, makes of this slot; None where nobody takes it over.
///
/// # Safety
/// `o` is the argument of a slot.
unsafe fn taken(name: &str, o: P) -> Result<Option<P>> {
    // SAFETY: says the caller.
    if overrides::active() { unsafe { overrides::slot(name, &[o]) } } else { Ok(None) }
}

/// The only element, for conversions.
fn only(t: &Tensor) -> Result<Number> {
    if t.numel() != 1 {
        bail!(Value, "only one element tensors can be converted to Python scalars");
    }
    item(t)
}

/// As [`only`], without an imaginary part; `c` is the type that it does not fit otherwise.
fn real_only(t: &Tensor, c: &str) -> Result<Number> {
    match only(t)? {
        Number::Complex(re, 0.0) => Ok(Number::Float(re)),
        Number::Complex(..) => Err(err!(Runtime, "value cannot be converted to type {c} without overflow")
            .hint("take its .real, or .abs(), or complex(x)")),
        n => Ok(n),
    }
}

unsafe extern "C" fn to_int(o: P) -> P {
    guarded("__int__", || {
        // SAFETY: a slot argument; PyLong_FromDouble has Python's errors for NaN and infinities.
        unsafe {
            if let Some(found) = taken("__int__", o)? {
                return Ok(Some(found));
            }
            checked(match real_only(this(o)?, "int64_t")? {
                Number::Float(f) => ffi::PyLong_FromDouble(f),
                n => ffi::PyLong_FromLongLong(n.to_i64()),
            })
            .map(Some)
        }
    })
}

unsafe extern "C" fn to_float(o: P) -> P {
    guarded("__float__", || {
        // SAFETY: a slot argument.
        unsafe {
            if let Some(found) = taken("__float__", o)? {
                return Ok(Some(found));
            }
            checked(ffi::PyFloat_FromDouble(real_only(this(o)?, "double")?.to_f64())).map(Some)
        }
    })
}

unsafe extern "C" fn to_index(o: P) -> P {
    guarded("__index__", || {
        // SAFETY: a slot argument.
        if let Some(found) = unsafe { taken("__index__", o) }? {
            return Ok(Some(found));
        }
        // SAFETY: a slot argument.
        let t = unsafe { this(o)? };
        if t.numel() != 1 || !t.dtype().is_integral() {
            bail!(Type, "only integer tensors of a single element can be converted to an index");
        }
        // SAFETY: the GIL is held.
        checked(unsafe { ffi::PyLong_FromLongLong(item(t)?.to_i64()) }).map(Some)
    })
}

/// `repr(x)` and `str(x)`. A subclass other than Parameter goes by its own name.
unsafe extern "C" fn repr(o: P) -> P {
    guarded("__repr__", || {
        // SAFETY: a slot argument.
        if let Some(found) = unsafe { taken("__repr__", o) }? {
            return Ok(Some(found));
        }
        // SAFETY: a slot argument.
        let t = unsafe { this(o)? };
        // SAFETY: as above.
        let class = unsafe { ffi::Py_TYPE(o) };
        // As deep as Python would go, whose stack this is: PyTorch prints a dim a call.
        // SAFETY: the GIL is held.
        super::data::check_depth(t, unsafe { ffi::Py_GetRecursionLimit() } as usize)?;
        let name = (!super::object::is_plain(class)).then(|| type_name(o));
        let text = crate::tensor::display::show(t, name.as_deref())?;
        // SAFETY: the GIL is held; the text is UTF-8 of that length.
        checked(unsafe { ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t) })
            .map(Some)
    })
}

/// `Tensor(2, 3)`, `Tensor([1, 2])`, `Tensor()`: PyTorch's old constructor, always of the default dtype.
unsafe extern "C" fn make(class: *mut ffi::PyTypeObject, args: P, kwargs: P) -> P {
    guarded("Tensor", || {
        // SAFETY: slot arguments.
        unsafe {
            let t = super::data::legacy(args, kwargs)?;
            let o = checked(super::object::wrap_as(t, class))?;
            Ok(Some(o))
        }
    })
}

/// All slots of this room.
pub fn slots() -> Vec<ffi::PyType_Slot> {
    vec![
        slot(ffi::Py_tp_new, make as *mut c_void),
        slot(ffi::Py_tp_repr, repr as *mut c_void),
        slot(ffi::Py_tp_iter, iterate as *mut c_void),
        slot(ffi::Py_sq_length, length as *mut c_void),
        slot(ffi::Py_mp_length, length as *mut c_void),
        slot(ffi::Py_sq_contains, contains as *mut c_void),
        slot(ffi::Py_mp_subscript, get_item as *mut c_void),
        slot(ffi::Py_mp_ass_subscript, set_item as *mut c_void),
        slot(ffi::Py_nb_bool, is_true as *mut c_void),
        slot(ffi::Py_nb_int, to_int as *mut c_void),
        slot(ffi::Py_nb_float, to_float as *mut c_void),
        slot(ffi::Py_nb_index, to_index as *mut c_void),
    ]
}
