//! The Python type `Tensor`: a heap type over the raw C API. One tensor, one object: the object owns one
//! count of the handle, and the handle one reference to the object while its count is above one.
//!
//! Objects are not tracked by the garbage collector until they can be in a cycle (an attribute, a hook,
//! a gradient), and those of the exact type are kept on a free list: each saves tens of nanoseconds per op.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::ffi;
use pyo3::prelude::*;

use super::errors::P;
use super::gil;
use super::{hooks, overrides};
use crate::tensor::Tensor;
use crate::tensor::handle::Part;

/// The layout of every tensor object; subclasses made in Python add nothing to it.
#[repr(C)]
pub struct Object {
    head: ffi::PyObject,
    /// [`Tensor::as_raw`]; null only in an object that is being made or has been taken apart.
    handle: *mut c_void,
    dict: P,
    weak: P,
}

static TENSOR: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());
static PARAMETER: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// Objects of the exact type, ready for reuse.
const KEEP: usize = 128;

struct FreeList(UnsafeCell<(usize, [P; KEEP])>);
// SAFETY: only touched with the GIL held.
unsafe impl Sync for FreeList {}

static FREE: FreeList = FreeList(UnsafeCell::new((0, [null_mut(); KEEP])));

#[inline(always)]
pub fn tensor_type() -> *mut ffi::PyTypeObject {
    TENSOR.load(Relaxed)
}

/// Told once by `nn.Parameter`, so that parameters pass the fast type test.
pub fn set_parameter_type(t: *mut ffi::PyTypeObject) {
    PARAMETER.store(t, Relaxed);
}

/// Whether a class prints as `tensor`: Tensor itself, and Parameter.
pub fn is_plain(class: *mut ffi::PyTypeObject) -> bool {
    class == tensor_type() || class == PARAMETER.load(Relaxed)
}

/// The tensor inside `o`, if it is one.
///
/// # Safety
/// `o` is alive while the result is used; the GIL is held.
#[inline(always)]
pub unsafe fn as_tensor<'a>(o: P) -> Option<&'a Tensor> {
    // SAFETY: objects of these types, and of subtypes, begin with `Object`, whose handle is set.
    unsafe {
        let t = ffi::Py_TYPE(o);
        let plain = t == tensor_type() || t == PARAMETER.load(Relaxed);
        if plain || ffi::PyType_IsSubtype(t, tensor_type()) != 0 {
            if !plain {
                note_subclass(t);
            }
            let object = o.cast::<Object>();
            if (*object).handle.is_null() {
                return None;
            }
            return Some(Tensor::borrow_raw(&(*object).handle));
        }
        None
    }
}

/// The most derived class among the tensors that were looked at since [`forget_subclass`]: that of a call's results.
static SUBCLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

#[cold]
unsafe fn note_subclass(t: *mut ffi::PyTypeObject) {
    let known = SUBCLASS.load(Relaxed);
    // SAFETY: both are types, alive as long as the call's arguments.
    if known.is_null() || unsafe { ffi::PyType_IsSubtype(t, known) } != 0 {
        SUBCLASS.store(t, Relaxed);
    }
}

/// A call begins.
#[inline(always)]
pub fn forget_subclass() {
    SUBCLASS.store(null_mut(), Relaxed);
}

/// The class of the results of a call whose arguments have been read; null for Tensor. Asked before a kernel may release the GIL.
#[inline(always)]
pub fn subclass() -> *mut ffi::PyTypeObject {
    SUBCLASS.load(Relaxed)
}

/// `result` with its fresh tensors as instances of `class`, where that is a class of the user's.
///
/// # Safety
/// `result` is a new reference, and the GIL is held.
#[inline(always)]
pub unsafe fn keep_class(result: P, class: *mut ffi::PyTypeObject) -> P {
    if !class.is_null() && !result.is_null() {
        // SAFETY: says the caller.
        unsafe { become_class(result, class) };
    }
    result
}

#[cold]
unsafe fn become_class(result: P, class: *mut ffi::PyTypeObject) {
    // SAFETY: the objects are alive; items are borrowed from the fresh tuple.
    unsafe {
        if ffi::PyTuple_Check(result) != 0 {
            (0..ffi::PyTuple_Size(result)).for_each(|i| become_class(ffi::PyTuple_GetItem(result, i), class));
            return;
        }
        // Somebody's tensor stays what it is, and what ops make of our own classes (parameters, buffers) is a plain tensor.
        let fresh = ffi::Py_TYPE(result) == tensor_type() && ffi::Py_REFCNT(result) == 1;
        if fresh
            && !is_ours(class)
            && !overrides::takes_no_part(class)
            && ffi::PyObject_SetAttrString(result, c"__class__".as_ptr(), class.cast::<ffi::PyObject>()) != 0
        {
            // A class with slots of its own has another layout: the result is a plain tensor.
            ffi::PyErr_Clear();
        }
    }
}

unsafe fn is_ours(class: *mut ffi::PyTypeObject) -> bool {
    let parameter = PARAMETER.load(Relaxed);
    // SAFETY: a type object, with the GIL held.
    unsafe {
        if !parameter.is_null() && ffi::PyType_IsSubtype(class, parameter) != 0 {
            return true;
        }
        let class = Bound::from_borrowed_ptr(Python::assume_attached(), class.cast());
        let module = class.getattr("__module__").and_then(|m| m.extract::<String>()).unwrap_or_default();
        ["rustgrad", "torch"].contains(&module.split('.').next().unwrap_or_default())
    }
}

/// The Python object of `t`: a new reference, or null with an exception set.
#[inline]
pub fn wrap(t: Tensor) -> P {
    let existing: P = t.object().cast();
    if !existing.is_null() {
        // SAFETY: a handle's object is alive while the handle has a count beside the object's own, as `t` is.
        unsafe { ffi::Py_INCREF(existing) };
        return existing;
    }
    // SAFETY: the GIL is held; the fresh object is filled before anybody sees it.
    unsafe {
        let free = FREE.0.get();
        let o = if (*free).0 > 0 {
            (*free).0 -= 1;
            ffi::PyObject_Init((*free).1[(*free).0], tensor_type())
        } else {
            ffi::PyObject_GC_New::<ffi::PyObject>(tensor_type())
        };
        if o.is_null() {
            return o;
        }
        fill(o, t);
        o
    }
}

/// # Safety
/// `o` is a fresh object of the tensor type or a subtype, and `t` has no object.
#[inline(always)]
unsafe fn fill(o: P, t: Tensor) {
    // SAFETY: says the caller.
    unsafe {
        let object = o.cast::<Object>();
        (*object).handle = t.as_raw();
        (*object).dict = null_mut();
        (*object).weak = null_mut();
        t.give_to_object(o.cast());
    }
}

/// `t`, which has no object yet, as an instance of `class`, a subtype of Tensor.
///
/// # Safety
/// The GIL is held, and `class` is a type object.
pub unsafe fn wrap_as(t: Tensor, class: *mut ffi::PyTypeObject) -> P {
    if class == tensor_type() {
        return wrap(t);
    }
    // SAFETY: `tp_alloc` of a heap type gives a zeroed, tracked object with room for `Object`.
    unsafe {
        let slot = ffi::PyType_GetSlot(class, ffi::Py_tp_alloc);
        let alloc: ffi::allocfunc = if slot.is_null() {
            ffi::PyType_GenericAlloc
        } else {
            std::mem::transmute::<*mut c_void, ffi::allocfunc>(slot)
        };
        let o = alloc(class, 0);
        if !o.is_null() {
            fill(o, t);
        }
        o
    }
}

/// From now on the garbage collector looks at `o`.
///
/// # Safety
/// `o` is a tensor object and the GIL is held.
pub unsafe fn track(o: P) {
    // SAFETY: says the caller.
    unsafe {
        if ffi::PyObject_GC_IsTracked(o) == 0 {
            ffi::PyObject_GC_Track(o.cast());
        }
    }
}

unsafe extern "C" fn dealloc(o: P) {
    // SAFETY: called by the interpreter on an object whose last reference is gone.
    unsafe {
        // Always: an object tracked without a dict (a hook, a gradient) must not reach the free list tracked.
        ffi::PyObject_GC_UnTrack(o.cast());
        let object = o.cast::<Object>();
        if !(*object).weak.is_null() {
            ffi::PyObject_ClearWeakRefs(o);
        }
        if !(*object).dict.is_null() {
            ffi::Py_CLEAR(&raw mut (*object).dict);
        }
        let handle = std::mem::replace(&mut (*object).handle, null_mut());
        if !handle.is_null() {
            Tensor::release_object(handle);
        }
        let class = ffi::Py_TYPE(o);
        let free = FREE.0.get();
        if class == tensor_type() && (*free).0 < KEEP {
            (*free).1[(*free).0] = o;
            (*free).0 += 1;
        } else {
            ffi::PyObject_GC_Del(o.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
    gil::settle();
}

unsafe extern "C" fn traverse(o: P, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector with the GIL held; nothing is allocated or counted here.
    unsafe {
        let see = |p: P| if p.is_null() { 0 } else { visit(p, arg) };
        let object = o.cast::<Object>();
        let found = see(ffi::Py_TYPE(o).cast());
        if found != 0 {
            return found;
        }
        let found = see((*object).dict);
        if found != 0 || (*object).handle.is_null() {
            return found;
        }
        let t = Tensor::borrow_raw(&(*object).handle);
        // While Rust holds the tensor too, the handle's reference keeps the object alive, unvisited.
        if t.count() != 1 {
            return 0;
        }
        let mut found = 0;
        t.owned_parts(&mut |part| {
            let p: P = match part {
                Part::Hook(id) => hooks::callable(id),
                // Held by this tensor and by its own object: what the gradient's handle refers to is ours.
                Part::Tensor(grad) if grad.count() == 2 => grad.object().cast(),
                Part::Tensor(_) => null_mut(),
            };
            if found == 0 && !p.is_null() {
                found = visit(p, arg);
            }
        });
        found
    }
}

unsafe extern "C" fn clear(o: P) -> c_int {
    // SAFETY: as `traverse`; what is dropped here may run Python code, after the object was emptied of it.
    unsafe {
        let object = o.cast::<Object>();
        ffi::Py_CLEAR(&raw mut (*object).dict);
        if !(*object).handle.is_null() {
            let t = Tensor::borrow_raw(&(*object).handle);
            if t.count() == 1 {
                t.drop_owned_parts();
            }
        }
    }
    0
}

unsafe extern "C" fn set_attribute(o: P, name: P, value: P) -> c_int {
    // SAFETY: slot arguments.
    unsafe {
        let done = ffi::PyObject_GenericSetAttr(o, name, value);
        if !(*o.cast::<Object>()).dict.is_null() {
            track(o);
        }
        done
    }
}

/// `x.__dict__`: what is put there may lead back to `x`.
unsafe extern "C" fn get_dict(o: P, _: *mut c_void) -> P {
    // SAFETY: slot arguments.
    unsafe {
        let dict = ffi::PyObject_GenericGetDict(o, null_mut());
        track(o);
        dict
    }
}

unsafe extern "C" fn set_dict(o: P, value: P, _: *mut c_void) -> c_int {
    // SAFETY: slot arguments.
    unsafe {
        let done = ffi::PyObject_GenericSetDict(o, value, null_mut());
        track(o);
        done
    }
}

/// Makes the type from the slots of the other rooms.
///
/// # Safety
/// Called once, at import, with the GIL held; the slots and getters follow the C API's signatures.
pub unsafe fn make_type(
    name: &'static CStr,
    doc: &'static CStr,
    more: Vec<ffi::PyType_Slot>,
    getters: Vec<ffi::PyGetSetDef>,
) -> P {
    let member = |name: &'static CStr, offset: usize| ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: std::ptr::null(),
    };
    // SAFETY: an all-zero entry ends each table.
    let (end_member, end_getter) =
        unsafe { (std::mem::zeroed::<ffi::PyMemberDef>(), std::mem::zeroed::<ffi::PyGetSetDef>()) };
    // The tables live as long as the type, which is for ever.
    let members = Box::leak(Box::new([
        member(c"__dictoffset__", offset_of!(Object, dict)),
        member(c"__weaklistoffset__", offset_of!(Object, weak)),
        end_member,
    ]));
    let mut getters = getters;
    getters.push(ffi::PyGetSetDef {
        name: c"__dict__".as_ptr(),
        get: Some(get_dict),
        set: Some(set_dict),
        doc: std::ptr::null(),
        closure: null_mut(),
    });
    getters.push(end_getter);
    let getters = Box::leak(getters.into_boxed_slice());
    let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
    let mut slots = vec![
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse as *mut c_void),
        slot(ffi::Py_tp_clear, clear as *mut c_void),
        slot(ffi::Py_tp_setattro, set_attribute as *mut c_void),
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
        slot(ffi::Py_tp_getset, getters.as_mut_ptr().cast()),
        slot(ffi::Py_tp_doc, doc.as_ptr() as *mut c_void),
    ];
    slots.extend(more);
    slots.push(slot(0, null_mut()));
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size_of::<Object>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec is complete; the interpreter copies it, and keeps pointers only to what was leaked.
    let t = unsafe { ffi::PyType_FromSpec(&mut spec) };
    TENSOR.store(t.cast(), Relaxed);
    t
}
