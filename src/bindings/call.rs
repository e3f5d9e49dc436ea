//! Calls: which overload takes these arguments, the call itself, and its results as Python objects.
//!
//! On the hot path nothing is allocated, hashed or locked: arguments live on the stack, keywords match by
//! pointer, and the tensors are borrowed from the caller.

use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::ffi;

use super::convert::{Scratch, int};
use super::entry::{Entry, Overload, Target};
use super::errors::{P, checked, fetched, raise};
use super::object::{forget_subclass, keep_class, subclass, wrap};
use super::{gil, mismatch, older, overrides};
use crate::core::Number;
use crate::error::Result;
use crate::ops::schema::Type;
use crate::tensor::def::MAX_ARGS;
use crate::tensor::{Arg, Args, Outs, Tensor};
use crate::{err, ops};

/// The arguments of a C call with METH_FASTCALL | METH_KEYWORDS.
#[derive(Clone, Copy)]
pub struct Given {
    /// `self`, for methods.
    pub this: P,
    pub args: *const P,
    pub n: usize,
    /// A tuple of names, or null; their values follow the positional arguments.
    pub names: P,
}

impl Given {
    /// # Safety
    /// `i` is below the number of all arguments.
    #[inline(always)]
    pub unsafe fn at(&self, i: usize) -> P {
        // SAFETY: says the caller.
        unsafe { *self.args.add(i) }
    }

    #[inline(always)]
    pub fn keywords(&self) -> usize {
        // SAFETY: null or a tuple.
        if self.names.is_null() { 0 } else { unsafe { ffi::PyTuple_Size(self.names) as usize } }
    }
}

/// Why an overload does not take the arguments.
#[derive(Clone, Copy)]
pub enum Mismatch {
    TooMany,
    /// Keyword `.0` of the call is no parameter.
    Keyword(usize),
    /// Keyword `.0` of the call was given by position too.
    Twice(usize),
    /// Parameter `.0` is missing.
    Missing(usize),
    /// Parameter `.0` cannot be object `.1`.
    Wrong(usize, P),
}

/// The C function of every installed name.
///
/// # Safety
/// The arguments are those of a C call; the GIL is held.
#[inline]
pub unsafe fn dispatch(entry: &'static Entry, given: Given) -> P {
    gil::settle();
    // SAFETY: says the caller. Nothing is left half changed: an op's results are dropped in unwinding.
    match catch_unwind(AssertUnwindSafe(|| unsafe { run(entry, given) })) {
        Ok(Ok(result)) => result,
        Ok(Err(e)) => raise(e),
        Err(panic) => raise(panicked(&entry.name, &*panic)),
    }
}

/// A panic is a mistake of ours, whatever the arguments: an exception, never the end of the process.
#[cold]
pub fn panicked(name: &str, panic: &(dyn Any + Send)) -> Box<crate::error::Error> {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    err!(Runtime, "internal error in {name}: {}", text.unwrap_or("unknown panic"))
}

unsafe fn run(entry: &'static Entry, given: Given) -> Result<P> {
    if overrides::active()
        // SAFETY: says the caller.
        && let Some(result) = unsafe { overrides::call(entry, given, false) }?
    {
        return Ok(result);
    }
    forget_subclass();
    for overload in &entry.overloads {
        let mut scratch = Scratch::new();
        let mut values = [const { MaybeUninit::<Arg>::uninit() }; MAX_ARGS + 1];
        // SAFETY: says the caller; the scratch outlives the values.
        unsafe {
            let misfit = match bind(overload, given, &mut values, &mut scratch) {
                Ok(misfit) => misfit,
                // What makes an argument wrong may be that its class takes over.
                Err(e) => return overrides::call(entry, given, true)?.ok_or(e),
            };
            if misfit.is_none() {
                let n = overload.template.len();
                let values = std::slice::from_raw_parts(values.as_ptr().cast::<Arg>(), n);
                let class = subclass();
                let result = call(&entry.name, overload, values, given.this)?;
                return Ok(if entry.name == "as_subclass" { result } else { keep_class(result, class) });
            }
        }
    }
    // SAFETY: says the caller.
    if let Some(result) = unsafe { overrides::call(entry, given, true) }? {
        return Ok(result);
    }
    // SAFETY: says the caller.
    if let Some(result) = unsafe { older::call(entry, given, |given| run(entry, given)) }? {
        return Ok(result);
    }
    // SAFETY: says the caller.
    Err(unsafe { mismatch::explain(entry, given) })
}

/// Fills `values`, as many as the overload has, from the call's arguments and its defaults; says why where that cannot be.
///
/// # Safety
/// The arguments are those of a C call, alive like the scratch while the values are used.
#[inline]
pub unsafe fn bind<'a>(
    o: &Overload,
    given: Given,
    values: &mut [MaybeUninit<Arg<'a>>; MAX_ARGS + 1],
    scratch: &mut Scratch<'a>,
) -> Result<Option<Mismatch>> {
    // SAFETY: says the caller.
    unsafe {
        if o.start == 1 {
            match super::object::as_tensor(given.this) {
                Some(t) => values[0].write(Arg::Tensor(t)),
                None => return Ok(Some(Mismatch::Wrong(0, given.this))),
            };
        }
        let mut seen = o.start as u32;
        let mut positional = given.n;
        if o.varargs && given.n >= 1 && (given.n > 1 || int_like(given.at(0))) {
            match scratch.varargs(given.args, given.n)? {
                Some(list) => values[o.start].write(list),
                None => return Ok(Some(Mismatch::Wrong(o.start, given.at(0)))),
            };
            seen |= 1 << o.start;
            positional = 0;
        } else if let Some(at) = o.spread.filter(|&at| given.n + o.start > at)
            && super::object::as_tensor(given.at(at - o.start)).is_some()
        {
            let (first, n) = (at - o.start, given.n - (at - o.start));
            match scratch.tensors(given.args.add(first), n)? {
                Some(list) => values[at].write(list),
                None => return Ok(Some(Mismatch::Wrong(at, given.at(first)))),
            };
            seen |= 1 << at;
            positional = first;
        } else if given.n + o.start > o.positional {
            return Ok(Some(Mismatch::TooMany));
        }
        for i in 0..positional {
            let at = o.start + i;
            match scratch.convert(given.at(i), &o.schema.params[at])? {
                Some(v) => values[at].write(v),
                None => return Ok(Some(Mismatch::Wrong(at, given.at(i)))),
            };
            seen |= 1 << at;
        }
        for k in 0..given.keywords() {
            let Some(at) = keyword(o, ffi::PyTuple_GetItem(given.names, k as ffi::Py_ssize_t)) else {
                return Ok(Some(Mismatch::Keyword(k)));
            };
            if seen >> at & 1 == 1 {
                return Ok(Some(Mismatch::Twice(k)));
            }
            let value = given.at(given.n + k);
            match scratch.convert(value, &o.schema.params[at])? {
                Some(v) => values[at].write(v),
                None => return Ok(Some(Mismatch::Wrong(at, value))),
            };
            seen |= 1 << at;
        }
        // No tensors at all are an empty list where they may be spread.
        if let Some(at) = o.spread.filter(|&at| seen >> at & 1 == 0 && o.required >> at & 1 == 1) {
            values[at].write(Arg::Tensors(&[]));
            seen |= 1 << at;
        }
        let missing = o.required & !seen;
        if missing != 0 {
            return Ok(Some(Mismatch::Missing(missing.trailing_zeros() as usize)));
        }
        for (at, default) in o.template.iter().enumerate().filter(|(at, _)| seen >> at & 1 == 0) {
            values[at].write(*default);
        }
        Ok(None)
    }
}

#[inline]
fn int_like(o: P) -> bool {
    matches!(int(o), Ok(Some(_)))
}

/// The parameter that keyword `name` means: by pointer, since names are interned; then by value; then NumPy's; then the name that
/// PyTorch's parser has where its documentation has another, such as `input` for the `A` of linalg.
unsafe fn keyword(o: &Overload, name: P) -> Option<usize> {
    for (i, &n) in o.names.iter().enumerate().skip(o.start) {
        if n == name {
            return Some(i);
        }
    }
    // SAFETY: live strings.
    let same = |n: P| unsafe { ffi::PyUnicode_Compare(n, name) == 0 };
    for (i, &n) in o.names.iter().enumerate().skip(o.start) {
        if same(n) {
            return Some(i);
        }
    }
    if !o.numpy {
        return None;
    }
    let text = super::convert::text(name).ok()??;
    let wanted: &str = match text {
        "axis" => "dim",
        "keepdims" => "keepdim",
        "x" | "a" | "x1" => "input",
        "x2" => "other",
        "input" | "other" | "b" => text,
        _ => return None,
    };
    let documented: &[&str] = match wanted {
        "input" => &["self", "A", "x"],
        "other" | "b" => &["B", "src"],
        _ => &[],
    };
    let named = |n: &str| o.schema.params.iter().enumerate().skip(o.start).find(|(_, p)| p.name == n).map(|(i, _)| i);
    named(wanted).or_else(|| documented.iter().find_map(|n| named(n)))
}

unsafe fn call(name: &'static str, o: &Overload, values: &[Arg], this: P) -> Result<P> {
    let (values, out) = match o.out {
        Some(at) => (&values[..at], Some(values[at])),
        None => (values, None),
    };
    let one;
    let out: &[&Tensor] = match out {
        Some(Arg::Tensor(t)) => {
            one = [t];
            &one
        }
        Some(Arg::Tensors(list)) => list,
        _ => &[],
    };
    let args = Args { overload: o.index, values, inplace: o.inplace, out };
    match o.target {
        Target::Native(native) => (native.call)(&args, this),
        Target::Op(def) => finish(o, &args, ops::call(name, def, &args)?),
    }
}

/// The results as Python objects.
#[inline]
fn finish(o: &Overload, args: &Args, outs: Outs) -> Result<P> {
    match outs {
        Outs::Tensor(t) => checked(wrap(t)),
        Outs::Over(_) => checked(wrap(args.this()?.clone())),
        Outs::Many(list) => many(o, list),
        // SAFETY: the GIL is held; each call gives a new reference.
        Outs::Number(n) => checked(number(n)),
        // SAFETY: as above.
        Outs::Bool(b) => checked(unsafe { ffi::PyBool_FromLong(b as std::ffi::c_long) }),
        Outs::Ints(list) => {
            // SAFETY: as above; the fresh tuple takes over each item.
            let tuple = checked(unsafe { ffi::PyTuple_New(list.len() as ffi::Py_ssize_t) })?;
            for (i, v) in list.into_iter().enumerate() {
                // SAFETY: as above.
                unsafe { ffi::PyTuple_SetItem(tuple, i as ffi::Py_ssize_t, ffi::PyLong_FromLongLong(v)) };
            }
            Ok(tuple)
        }
        Outs::None => Ok(none()),
    }
}

pub fn none() -> P {
    // SAFETY: a static object.
    unsafe {
        ffi::Py_INCREF(ffi::Py_None());
        ffi::Py_None()
    }
}

/// A Python int, float, bool or complex.
pub fn number(n: Number) -> P {
    // SAFETY: the GIL is held.
    unsafe {
        match n {
            Number::Bool(b) => ffi::PyBool_FromLong(b as std::ffi::c_long),
            Number::Int(i) => ffi::PyLong_FromLongLong(i),
            Number::Unsigned(i) => ffi::PyLong_FromUnsignedLongLong(i),
            Number::Float(f) => ffi::PyFloat_FromDouble(f),
            Number::Complex(re, im) => ffi::PyComplex_FromDoubles(re, im),
        }
    }
}

fn many(o: &Overload, list: Vec<Tensor>) -> Result<P> {
    let n = list.len();
    // SAFETY: the GIL is held; the fresh sequence takes over each item, and is given up on failure.
    unsafe {
        let named = !o.class.is_null();
        let result = checked(if named {
            ffi::PyStructSequence_New(o.class.cast())
        } else {
            ffi::PyTuple_New(n as ffi::Py_ssize_t)
        })?;
        for (i, t) in list.into_iter().enumerate() {
            let item = wrap(t);
            if item.is_null() {
                ffi::Py_DECREF(result);
                return Err(fetched());
            }
            if named {
                ffi::PyStructSequence_SetItem(result, i as ffi::Py_ssize_t, item);
            } else {
                ffi::PyTuple_SetItem(result, i as ffi::Py_ssize_t, item);
            }
        }
        Ok(result)
    }
}

/// Whether a parameter of this type can hold `o`, for messages.
pub fn accepts(o: P, p: &crate::ops::schema::Param) -> bool {
    let mut scratch = Scratch::new();
    // SAFETY: the object is alive, and what is made of it is dropped before the scratch.
    let found = unsafe { scratch.convert(o, p) };
    match found {
        Ok(v) => v.is_some(),
        Err(_) => matches!(p.ty, Type::Tensors),
    }
}
