//! Puts every entry into its place: method descriptors on Tensor, functions in the submodules.
//!
//! A `PyMethodDef` carries no user data, so method k of the flattened registry gets thunk k of a table of
//! instances of one const-generic function. Functions carry their entry in `m_self` and need no thunk.

use std::borrow::Cow;
use std::ffi::{CString, c_int, c_void};
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::ffi;

use super::call::{Given, dispatch};
use super::entry::{Entries, Entry, Overload};
use super::errors::{P, checked, fetched, raise};
use super::mismatch::literal;
use crate::error::Result;
use crate::ops::schema::{Default, Param};
use crate::{bail, err};

/// Most methods: thunks exist for as many.
pub const MAX_METHODS: usize = 2048;

type Thunk = ffi::PyCFunctionFastWithKeywords;

/// The entry of method k.
static METHODS: [AtomicPtr<Entry>; MAX_METHODS] = [const { AtomicPtr::new(null_mut()) }; MAX_METHODS];

unsafe extern "C" fn method<const ROW: usize>(this: P, args: *const P, n: ffi::Py_ssize_t, names: P) -> P {
    // SAFETY: set at import, before the descriptor with this thunk was made; the rest are a C call's arguments.
    unsafe { dispatch(&*METHODS[ROW].load(Relaxed), Given { this, args, n: n as usize, names }) }
}

/// Sixteen thunks.
macro_rules! row16 {
    ($h:expr) => {
        [
            method::<{ $h * 16 }>,
            method::<{ $h * 16 + 1 }>,
            method::<{ $h * 16 + 2 }>,
            method::<{ $h * 16 + 3 }>,
            method::<{ $h * 16 + 4 }>,
            method::<{ $h * 16 + 5 }>,
            method::<{ $h * 16 + 6 }>,
            method::<{ $h * 16 + 7 }>,
            method::<{ $h * 16 + 8 }>,
            method::<{ $h * 16 + 9 }>,
            method::<{ $h * 16 + 10 }>,
            method::<{ $h * 16 + 11 }>,
            method::<{ $h * 16 + 12 }>,
            method::<{ $h * 16 + 13 }>,
            method::<{ $h * 16 + 14 }>,
            method::<{ $h * 16 + 15 }>,
        ]
    };
}

/// Eight rows of sixteen.
macro_rules! rows8 {
    ($g:expr) => {
        [
            row16!($g * 8),
            row16!($g * 8 + 1),
            row16!($g * 8 + 2),
            row16!($g * 8 + 3),
            row16!($g * 8 + 4),
            row16!($g * 8 + 5),
            row16!($g * 8 + 6),
            row16!($g * 8 + 7),
        ]
    };
}

static THUNKS: [[[Thunk; 16]; 8]; 16] = [
    rows8!(0),
    rows8!(1),
    rows8!(2),
    rows8!(3),
    rows8!(4),
    rows8!(5),
    rows8!(6),
    rows8!(7),
    rows8!(8),
    rows8!(9),
    rows8!(10),
    rows8!(11),
    rows8!(12),
    rows8!(13),
    rows8!(14),
    rows8!(15),
];

/// What stands in `m_self` of an installed function.
#[repr(C)]
struct Row {
    head: ffi::PyObject,
    entry: *const Entry,
}

unsafe extern "C" fn function(this: P, args: *const P, n: ffi::Py_ssize_t, names: P) -> P {
    // SAFETY: `m_self` of these functions is a Row, whose entry lives for ever.
    unsafe {
        let entry = &*(*this.cast::<Row>()).entry;
        dispatch(entry, Given { this: null_mut(), args, n: n as usize, names })
    }
}

/// For pickle: the module that the function is found in.
unsafe extern "C" fn row_reduce(this: P, _: P) -> P {
    // SAFETY: as `function`; each new reference is handed on or given back.
    unsafe {
        let entry = &*(*this.cast::<Row>()).entry;
        let importlib = ffi::PyImport_ImportModule(c"importlib".as_ptr());
        if importlib.is_null() {
            return importlib;
        }
        let import = ffi::PyObject_GetAttrString(importlib, c"import_module".as_ptr());
        ffi::Py_DECREF(importlib);
        match CString::new(format!("rustgrad._rustgrad.{}", entry.module)) {
            Ok(name) => ffi::Py_BuildValue(c"N(s)".as_ptr(), import, name.as_ptr()),
            Err(_) => raise(err!(Value, "a NUL in a name")),
        }
    }
}

/// The type of [`Row`].
unsafe fn row_type() -> Result<*mut ffi::PyTypeObject> {
    let methods = Box::leak(Box::new([
        ffi::PyMethodDef {
            ml_name: c"__reduce__".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: row_reduce },
            ml_flags: ffi::METH_NOARGS,
            ml_doc: c"For pickle.".as_ptr(),
        },
        ffi::PyMethodDef::zeroed(),
    ]));
    let mut slots = [
        ffi::PyType_Slot { slot: ffi::Py_tp_methods, pfunc: methods.as_mut_ptr().cast() },
        ffi::PyType_Slot { slot: 0, pfunc: null_mut() },
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"rustgrad.type".as_ptr(),
        basicsize: size_of::<Row>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION) as u32,
        slots: slots.as_mut_ptr(),
    };
    const _: () = assert!(offset_of!(Row, entry) == size_of::<ffi::PyObject>());
    // SAFETY: the spec is complete; its method table was leaked.
    let row = checked(unsafe { ffi::PyType_FromSpec(&mut spec) })?;
    // Functions print as PyTorch's: <built-in method relu of type object at 0x...>.
    // SAFETY: a new type, and a name for it.
    unsafe {
        let name = checked(ffi::PyUnicode_InternFromString(c"type".as_ptr()))?;
        let done = ffi::PyObject_SetAttrString(row, c"__name__".as_ptr(), name);
        ffi::Py_DECREF(name);
        if done != 0 { Err(fetched()) } else { Ok(row.cast()) }
    }
}

/// Installs all names; `modules` makes or finds a submodule.
///
/// # Safety
/// Called once, at import, with the GIL held, when the Tensor type exists.
pub unsafe fn install(tensor: P, modules: &mut dyn FnMut(&'static str) -> Result<P>) -> Result<&'static [Entry]> {
    // Callables point at their entries, for ever.
    let built: &'static [Entry] = Box::leak(Entries::build()?.list.into_boxed_slice());
    // SAFETY: says the caller.
    let row = unsafe { row_type()? };
    let mut next = 0;
    for entry in built {
        let doc = CString::new(doc(entry)).map_err(|_| err!(Value, "a NUL in the doc of {}", entry.name))?;
        // The interpreter keeps a pointer to the definition and its texts.
        let def = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: entry.name_c.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.into_raw(),
        }));
        // SAFETY: says the caller; every new reference is handed over or given back.
        unsafe {
            if entry.method {
                if next == MAX_METHODS {
                    bail!(Runtime, "internal error: more than {MAX_METHODS} methods");
                }
                METHODS[next].store(std::ptr::from_ref(entry).cast_mut(), Relaxed);
                def.ml_meth = ffi::PyMethodDefPointer {
                    PyCFunctionFastWithKeywords: THUNKS[next / 128][next / 16 % 8][next % 16],
                };
                next += 1;
                let descriptor = checked(ffi::PyDescr_NewMethod(tensor.cast(), def))?;
                let done = ffi::PyObject_SetAttrString(tensor, entry.name_c.as_ptr(), descriptor);
                ffi::Py_DECREF(descriptor);
                if done != 0 {
                    return Err(fetched());
                }
            } else {
                let this = checked(ffi::PyType_GenericAlloc(row, 0))?;
                (*this.cast::<Row>()).entry = entry;
                let text = CString::new(match entry.module {
                    "torch" => "rustgrad".to_string(),
                    "nn" => "rustgrad.nn.functional".to_string(),
                    m => format!("rustgrad.{m}"),
                })
                .map_err(|_| err!(Value, "a NUL in a name"))?;
                let module_name = checked(ffi::PyUnicode_InternFromString(text.as_ptr()))?;
                let f = checked(ffi::PyCFunction_NewEx(def, this, module_name))?;
                ffi::Py_DECREF(this);
                ffi::Py_DECREF(module_name);
                let module = modules(entry.module)?;
                let done = ffi::PyObject_SetAttrString(module, entry.name_c.as_ptr(), f);
                ffi::Py_DECREF(f);
                if done != 0 {
                    return Err(fetched());
                }
            }
        }
    }
    Ok(built)
}

/// The text signature, where Python can write one, the signatures and the docs.
fn doc(entry: &Entry) -> String {
    let mut text = String::with_capacity(512);
    if let Some(parameters) = text_signature(entry) {
        for part in [&entry.name, "(", &parameters, ")\n--\n\n"] {
            text += part;
        }
    }
    let signatures = text.len();
    for o in &entry.overloads {
        let from = text.len();
        for part in [&entry.name, &*super::mismatch::signature(o), " -> ", &super::describe::returns(o), "\n"] {
            text += part;
        }
        if text[signatures..from].lines().any(|line| *line == text[from..text.len() - 1]) {
            text.truncate(from);
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for o in &entry.overloads {
        let doc = o.target.doc();
        if !seen.contains(&doc) {
            for part in ["\n", &super::describe::doc(entry, doc), "\n"] {
                text += part;
            }
            seen.push(doc);
        }
    }
    if entry.overloads.iter().any(|o| o.inplace) {
        text += "\nIn place: the result is written over `self`, which is returned.\n";
    }
    text
}

/// The parameters of all overloads together: those that come in one order, optional where an overload does without, or else what
/// they begin with and `*args, **kwargs`.
fn text_signature(entry: &Entry) -> Option<String> {
    let named = |p: &Param| -> Cow<'static, str> {
        if super::describe::RESERVED.contains(&p.name) { format!("{}_", p.name).into() } else { p.name.into() }
    };
    let positional = |o: &'_ Overload| o.schema.params.iter().skip(o.start).filter(|p| !p.keyword_only).count();
    let at_place = |o: &Overload, at: usize| {
        o.schema.params.iter().skip(o.start).filter(|p| !p.keyword_only).nth(at).map(|p| p.name)
    };
    let longest = entry.overloads.iter().max_by_key(|o| positional(o))?;
    let ordered = longest.schema.params.iter().skip(longest.start).filter(|p| !p.keyword_only);
    let (names, plain): (Vec<_>, Vec<_>) = ordered.map(|p| (named(p), p.name)).unzip();
    let shared = |at: usize| entry.overloads.iter().all(|o| at_place(o, at).is_none_or(|n| n == plain[at]));
    let agreed = (0..names.len()).take_while(|&at| shared(at)).count();
    let mut parts: Vec<Cow<'static, str>> = if entry.method { vec!["$self".into()] } else { vec![] };
    // Python reads literals only.
    let value = |d: &Default| match d {
        Default::Float(f) if f.is_infinite() => if *f > 0.0 { "1e999" } else { "-1e999" }.into(),
        d => literal(d),
    };
    let mut optional = false;
    for (at, name) in names.iter().enumerate().take(agreed) {
        let given: Vec<Option<&Default>> = entry
            .overloads
            .iter()
            .map(|o| o.schema.params.get(o.start + at).filter(|p| !p.keyword_only).and_then(|p| p.default.as_ref()))
            .collect();
        let lacks = entry.overloads.iter().any(|o| positional(o) <= at);
        optional |= lacks || given.iter().all(Option::is_some);
        parts.push(match (optional, given.iter().flatten().next()) {
            (false, _) => name.clone(),
            (true, Some(d)) => format!("{name}={}", value(d)).into(),
            (true, None) => format!("{name}=None").into(),
        });
    }
    if agreed < names.len() {
        parts.push("*args".into());
        parts.push("**kwargs".into());
        return Some(parts.join(", "));
    }
    let mut keywords: Vec<Cow<'static, str>> = vec![];
    for p in entry.overloads.iter().flat_map(|o| &o.schema.params[o.start..]).filter(|p| p.keyword_only) {
        let name = named(p);
        if names.contains(&name) || keywords.iter().any(|k| k.split('=').next() == Some(&*name)) {
            continue;
        }
        keywords.push(p.default.as_ref().map_or(name.clone(), |d| format!("{name}={}", value(d)).into()));
    }
    if !keywords.is_empty() {
        parts.push("*".into());
        parts.append(&mut keywords);
    }
    Some(parts.join(", "))
}

/// The C function as a type slot.
pub fn slot(slot: c_int, pfunc: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc }
}
