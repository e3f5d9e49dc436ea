//! `Size`: the tuple of a tensor's sizes, a subclass of tuple made by the raw C API, since one is built on
//! each `x.shape`.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::ffi;

use super::errors::{P, checked, fetched, raise};
use crate::core::spoken::as_torch;
use crate::error::Result;
use crate::spoken;

static SIZE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

#[inline]
pub fn size_type() -> *mut ffi::PyTypeObject {
    SIZE.load(Relaxed)
}

/// The int at place `i` of several: as in PyTorch, only the first may not be a bool.
#[inline]
pub fn nth_int(o: P, i: usize) -> Result<Option<i64>> {
    if i > 0 && super::convert::is_bool(o) {
        // SAFETY: a static object.
        let yes = unsafe { ffi::Py_True() };
        return Ok(Some((o == yes) as i64));
    }
    super::convert::int(o)
}

/// A new Size; null with an exception set where memory is short.
pub fn new(shape: &[usize]) -> P {
    // SAFETY: the GIL is held; a fresh tuple takes over each item.
    unsafe {
        let t = ffi::PyType_GenericAlloc(size_type(), shape.len() as ffi::Py_ssize_t);
        if t.is_null() {
            return t;
        }
        for (i, &n) in shape.iter().enumerate() {
            ffi::PyTuple_SetItem(t, i as ffi::Py_ssize_t, ffi::PyLong_FromSize_t(n));
        }
        t
    }
}

/// A Size of the items of a plain tuple, whose reference is given up.
unsafe fn from_tuple(tuple: P) -> P {
    if tuple.is_null() {
        return tuple;
    }
    // SAFETY: says the caller.
    unsafe {
        let out = ffi::PyObject_CallFunctionObjArgs(size_type().cast(), tuple, null_mut::<ffi::PyObject>());
        ffi::Py_DECREF(tuple);
        out
    }
}

/// `Size(iterable of ints)`.
unsafe extern "C" fn make(class: *mut ffi::PyTypeObject, args: P, kwargs: P) -> P {
    // SAFETY: slot arguments; the base's `tp_new` checks them.
    unsafe {
        let slot = ffi::PyType_GetSlot(&raw mut ffi::PyTuple_Type, ffi::Py_tp_new);
        let new: ffi::newfunc = std::mem::transmute::<*mut c_void, ffi::newfunc>(slot);
        let out = new(class, args, kwargs);
        if out.is_null() {
            return out;
        }
        if let Err(e) = check_items(out) {
            ffi::Py_DECREF(out);
            return raise(e);
        }
        out
    }
}

/// # Safety
/// `t` is a fresh tuple.
unsafe fn check_items(t: P) -> Result<()> {
    // SAFETY: says the caller; an item that is replaced is given up by `PyTuple_SetItem`.
    unsafe {
        for i in 0..ffi::PyTuple_Size(t) {
            let item = ffi::PyTuple_GetItem(t, i);
            if ffi::PyLong_CheckExact(item) != 0 {
                continue;
            }
            let index = ffi::PyNumber_Index(item);
            if index.is_null() {
                ffi::PyErr_Clear();
                return Err(crate::err!(
                    Type,
                    "{}() takes an iterable of 'int' (item {i} is '{}')",
                    spoken!("Size"),
                    super::convert::type_name(item)
                ));
            }
            if ffi::PyTuple_SetItem(t, i, index) != 0 {
                return Err(fetched());
            }
        }
    }
    Ok(())
}

unsafe extern "C" fn repr(o: P) -> P {
    // SAFETY: slot arguments; each new reference is given back.
    unsafe {
        let list = ffi::PySequence_List(o);
        if list.is_null() {
            return list;
        }
        let text =
            ffi::PyUnicode_FromFormat(if as_torch() { c"torch.Size(%R)" } else { c"rustgrad.Size(%R)" }.as_ptr(), list);
        ffi::Py_DECREF(list);
        text
    }
}

/// The tuple's own slot, by number.
unsafe fn tuple_slot(slot: c_int) -> *mut c_void {
    // SAFETY: tuple is a static type with these slots.
    unsafe { ffi::PyType_GetSlot(&raw mut ffi::PyTuple_Type, slot) }
}

unsafe extern "C" fn concat(a: P, b: P) -> P {
    // SAFETY: slot arguments. PyTorch refuses Size + list in tuple's words.
    unsafe {
        let slot = std::mem::transmute::<*mut c_void, ffi::binaryfunc>(tuple_slot(ffi::Py_sq_concat));
        from_tuple(slot(a, b))
    }
}

unsafe extern "C" fn repeat(a: P, n: ffi::Py_ssize_t) -> P {
    // SAFETY: slot arguments.
    unsafe {
        let slot = std::mem::transmute::<*mut c_void, ffi::ssizeargfunc>(tuple_slot(ffi::Py_sq_repeat));
        // A repeat by 1 gives the tuple itself back, already a Size.
        from_tuple(slot(a, n))
    }
}

unsafe extern "C" fn subscript(a: P, key: P) -> P {
    // SAFETY: slot arguments.
    unsafe {
        let slot = std::mem::transmute::<*mut c_void, ffi::binaryfunc>(tuple_slot(ffi::Py_mp_subscript));
        let out = slot(a, key);
        if !out.is_null() && ffi::Py_TYPE(key) == &raw mut ffi::PySlice_Type { from_tuple(out) } else { out }
    }
}

unsafe extern "C" fn numel(o: P, _: P) -> P {
    // SAFETY: method arguments.
    unsafe {
        let mut n: i64 = 1;
        for i in 0..ffi::PyTuple_Size(o) {
            n = n.wrapping_mul(ffi::PyLong_AsLongLong(ffi::PyTuple_GetItem(o, i)));
        }
        ffi::PyLong_FromLongLong(n)
    }
}

unsafe extern "C" fn reduce(o: P, _: P) -> P {
    // SAFETY: method arguments; `N` takes over the reference.
    unsafe {
        match checked(ffi::PySequence_List(o)) {
            Ok(list) => {
                let tuple = ffi::PyList_AsTuple(list);
                ffi::Py_DECREF(list);
                ffi::Py_BuildValue(c"O(N)".as_ptr(), size_type(), tuple)
            }
            Err(e) => raise(e),
        }
    }
}

const DOC: &CStr = c"The sizes of a tensor, one per dim: a tuple of ints.";

/// Makes the type.
///
/// # Safety
/// Called once, at import, with the GIL held.
pub unsafe fn make_type() -> Result<P> {
    let method = |name: &'static CStr, f: ffi::PyCFunction, doc: &'static CStr| ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: f },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: doc.as_ptr(),
    };
    // The table lives as long as the type.
    let methods = Box::leak(Box::new([
        method(c"numel", numel, c"numel($self)\n--\n\nThe number of elements of a tensor of this size."),
        method(c"__reduce__", reduce, c"For pickle."),
        ffi::PyMethodDef::zeroed(),
    ]));
    let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
    let mut slots = [
        slot(ffi::Py_tp_new, make as *mut c_void),
        slot(ffi::Py_tp_repr, repr as *mut c_void),
        slot(ffi::Py_tp_doc, DOC.as_ptr() as *mut c_void),
        slot(ffi::Py_sq_concat, concat as *mut c_void),
        slot(ffi::Py_sq_repeat, repeat as *mut c_void),
        slot(ffi::Py_mp_subscript, subscript as *mut c_void),
        slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast()),
        slot(0, null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"rustgrad.Size".as_ptr(),
        basicsize: 0,
        itemsize: 0,
        flags: ffi::Py_TPFLAGS_DEFAULT as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec is complete, and tuple its only base; sizes are inherited.
    let t = checked(unsafe { ffi::PyType_FromSpecWithBases(&mut spec, (&raw mut ffi::PyTuple_Type).cast()) })?;
    SIZE.store(t.cast(), Relaxed);
    Ok(t)
}
