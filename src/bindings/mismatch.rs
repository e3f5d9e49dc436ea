//! The TypeErrors of calls that no overload takes, in PyTorch's words: one sentence where one signature is
//! plausible, else the list of signatures.

use std::borrow::Cow;

use pyo3::ffi;
use pyo3::marker::Python;

use super::call::{Given, Mismatch, accepts, bind};
use super::convert::{Scratch, text, type_name};
use super::entry::{Entry, Overload};
use super::types::refuse_named;
use crate::err;
use crate::error::{Error, Result};
use crate::ops::schema::{Default, Param, Type};
use crate::tensor::def::MAX_ARGS;

/// # Safety
/// The arguments are those of a C call that no overload took.
#[cold]
pub unsafe fn explain(entry: &Entry, given: Given) -> Box<Error> {
    let count = given.n + given.keywords();
    for i in 0..count {
        // SAFETY: says the caller; the GIL is held, since this is a call from Python.
        if let Err(e) = unsafe { refuse_named(Python::assume_attached(), &entry.name, given.at(i)) } {
            return e;
        }
    }
    let plausible: Vec<&Overload> = entry
        .overloads
        .iter()
        .filter(|o| {
            let most = o.schema.params.len() - o.start;
            count >= o.required.count_ones() as usize && (count <= most || o.varargs)
        })
        .collect();
    let one = match (&plausible[..], &entry.overloads[..]) {
        (&[one], _) => Some(one),
        (_, [one]) => Some(one),
        _ => None,
    };
    // SAFETY: says the caller.
    unsafe {
        match one {
            Some(o) => sentence(entry, o, given).unwrap_or_else(|e| e),
            None => all(entry, given),
        }
    }
}

/// What is wrong with the arguments for this one signature.
unsafe fn sentence(entry: &Entry, o: &Overload, given: Given) -> Result<Box<Error>> {
    let name = &entry.name;
    let mut scratch = Scratch::new();
    let mut values = [const { std::mem::MaybeUninit::uninit() }; MAX_ARGS + 1];
    // SAFETY: says the caller; the values are not read.
    let Some(why) = (unsafe { bind(o, given, &mut values, &mut scratch)? }) else {
        return Ok(err!(Type, "{name}(): internal error: arguments were refused and then taken"));
    };
    Ok(match why {
        Mismatch::TooMany => {
            let most = o.positional - o.start;
            let least = (o.required & ((1u64 << o.positional) - 1) as u32).count_ones() as usize;
            if most == 0 && entry.method {
                err!(Type, "Tensor.{name}() takes no arguments ({} given)", given.n)
            } else {
                let range = if least < most { format!("from {least} to {most}") } else { most.to_string() };
                let s = if most == 1 { "" } else { "s" };
                let were = if given.n == 1 { "was" } else { "were" };
                err!(Type, "{name}() takes {range} positional argument{s} but {} {were} given", given.n)
            }
        }
        Mismatch::Keyword(k) => err!(Type, "{name}() got an unexpected keyword argument '{}'", keyword_text(given, k)),
        Mismatch::Twice(k) => err!(Type, "{name}() got multiple values for argument '{}'", keyword_text(given, k)),
        Mismatch::Missing(first) => {
            let missing: Vec<String> = (first..o.schema.params.len())
                .filter(|&i| o.required >> i & 1 == 1 && i >= o.start + given.n && !by_keyword(o, given, i))
                .map(|i| format!("\"{}\"", o.schema.params[i].name))
                .collect();
            err!(Type, "{name}() missing {} required positional arguments: {}", missing.len(), missing.join(", "))
        }
        Mismatch::Wrong(at, object) => {
            let p = &o.schema.params[at];
            let by_position = if o.varargs { at == o.start && given.n > 0 } else { at < o.start + given.n };
            let position = if by_position { format!(" (position {})", at + 1 - o.start) } else { String::new() };
            match first_bad_item(object, p) {
                Some((i, bad)) => err!(
                    Type,
                    "{name}(): argument '{}'{position} must be {}, but found element of type {bad} at pos {i}",
                    p.name,
                    p.ty.spoken()
                ),
                None => err!(
                    Type,
                    "{name}(): argument '{}'{position} must be {}, not {}",
                    p.name,
                    p.ty.spoken(),
                    type_name(object)
                ),
            }
        }
    })
}

fn by_keyword(o: &Overload, given: Given, at: usize) -> bool {
    (0..given.keywords()).any(|k| keyword_text(given, k) == o.schema.params[at].name)
}

/// The item that spoils a list of numbers.
fn first_bad_item(object: *mut ffi::PyObject, p: &Param) -> Option<(usize, String)> {
    let item = match p.ty {
        Type::Ints => Type::Int,
        Type::Floats => Type::Float,
        Type::Bools => Type::Bool,
        _ => return None,
    };
    let one = Param { ty: item, optional: false, ..p.clone() };
    // SAFETY: the object is alive; items are borrowed from it.
    unsafe {
        let (n, list) = if ffi::PyTuple_Check(object) != 0 {
            (ffi::PyTuple_Size(object), false)
        } else if ffi::PyList_Check(object) != 0 {
            (ffi::PyList_Size(object), true)
        } else {
            return None;
        };
        (0..n).find_map(|i| {
            let it = if list { ffi::PyList_GetItem(object, i) } else { ffi::PyTuple_GetItem(object, i) };
            (!accepts(it, &one)).then(|| (i as usize, type_name(it)))
        })
    }
}

fn keyword_text(given: Given, k: usize) -> String {
    // SAFETY: the names are a tuple of strings.
    let name = unsafe { ffi::PyTuple_GetItem(given.names, k as ffi::Py_ssize_t) };
    text(name).ok().flatten().unwrap_or("?").to_string()
}

/// `(Tensor input, Number other, *, Number alpha = 1)`.
pub fn signature(o: &Overload) -> String {
    let mut text = String::with_capacity(128);
    text.push('(');
    let mut star = false;
    for p in &o.schema.params[o.start..] {
        if text.len() > 1 {
            text += ", ";
        }
        if p.keyword_only && !star {
            text += "*, ";
            star = true;
        }
        for part in [p.ty.spoken(), " ", p.name] {
            text += part;
        }
        if let Some(d) = &p.default {
            text += " = ";
            text += &literal(d);
        }
    }
    text.push(')');
    text
}

/// A default as Python writes it.
pub fn literal(d: &Default) -> Cow<'static, str> {
    match d {
        Default::None => "None".into(),
        Default::Bool(true) => "True".into(),
        Default::Bool(false) => "False".into(),
        Default::Int(i) => i.to_string().into(),
        Default::Float(f) if f.is_infinite() => if *f > 0.0 { "inf" } else { "-inf" }.into(),
        Default::Float(f) => format!("{f:?}").into(),
        Default::Str(s) => format!("'{s}'").into(),
        Default::Ints(v) => format!("{v:?}").into(),
    }
}

/// The sentence that lists every signature.
unsafe fn all(entry: &Entry, given: Given) -> Box<Error> {
    // SAFETY: all arguments are alive.
    let object = |i: usize| unsafe { given.at(i) };
    let mut got: Vec<String> = (0..given.n).map(|i| type_name(object(i))).collect();
    let keywords = given.keywords();
    got.extend((0..keywords).map(|k| format!("{}={}", keyword_text(given, k), type_name(object(given.n + k)))));
    let tail = if keywords > 0 { ", " } else { "" };
    let mut message = format!(
        "{}() received an invalid combination of arguments - got ({}{tail}), but expected one of:\n",
        entry.name,
        got.join(", ")
    );
    for o in &entry.overloads {
        message += &format!(" * {}\n", signature(o));
        let expected = (o.schema.params.len() - o.start - o.out.is_some() as usize).max(1);
        if given.n + keywords != expected && !(o.varargs && given.n > expected) {
            continue;
        }
        let wrong: Vec<String> = (0..keywords)
            .map(|k| keyword_text(given, k))
            .filter(|k| !o.schema.params.iter().any(|p| p.name == k))
            .collect();
        if !wrong.is_empty() {
            message +=
                &format!("      didn't match because some of the keywords were incorrect: {}\n", wrong.join(", "));
            continue;
        }
        let mut shown = Vec::new();
        for i in 0..given.n {
            let fits = o.schema.params.get(o.start + i).is_some_and(|p| accepts(object(i), p));
            let t = type_name(object(i));
            shown.push(if fits { t } else { format!("!{t}!") });
        }
        for k in 0..keywords {
            let (key, t) = (keyword_text(given, k), type_name(object(given.n + k)));
            let fits = o.schema.params.iter().any(|p| p.name == key && accepts(object(given.n + k), p));
            shown.push(if fits { format!("{key}={t}") } else { format!("!{key}={t}!") });
        }
        message +=
            &format!("      didn't match because some of the arguments have invalid types: ({})\n", shown.join(", "));
    }
    err!(Type, "{message}")
}
