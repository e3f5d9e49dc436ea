//! Declarations by name. [`ops!`](crate::ops!) declares ops as `elementwise!` declares rows: doc comment, schema lines, the
//! call with its arguments by name, samples. Where an argument stands in each schema line, and whether its type is the one
//! that the call reads, is found while compiling: a wrong name or type is a compile error, never a value silently missing.

use std::ffi::c_void;

use super::def::{Arg, Args, Operand, Outs};
use super::handle::Tensor;
use crate::core::{DType, Device, Number};
use crate::device::rng::{SharedGenerator, default_generator};
use crate::error::Result;

/// The position of an argument that an overload lacks.
const ABSENT: u8 = u8::MAX;

/// What a call may read an argument as.
pub trait FromArg<'a>: Sized {
    /// The schema's types that give one, without `?` and a list's length: `int[]`.
    const TYPES: &'static [&'static str];
    /// Whether there is a value for an argument that was not given, is None, or does not exist in an overload.
    const MAY_LACK: bool;

    /// The argument at position `at` of a call to `op`; `Arg::None` stands for one that is not there.
    fn read(op: &'static str, a: &Args<'a>, at: usize) -> Result<Self>;
}

/// Where argument `name` stands in each of the schema lines. `errors`: the sentences for a name that no line has, for a type that
/// does not fit, and for a value that may be missing.
pub const fn positions<'a, T: FromArg<'a>, const N: usize>(lines: &[&str], name: &str, errors: [&str; 3]) -> [u8; N] {
    let mut out = [ABSENT; N];
    let (mut k, mut named, mut fits) = (0, false, false);
    while k < N {
        match find(lines[k].as_bytes(), name.as_bytes()) {
            Some(p) if is_one_of(lines[k].as_bytes(), &p, T::TYPES) => {
                if p.optional && !T::MAY_LACK {
                    panic!("{}", errors[2]);
                }
                fits = true;
                out[k] = p.at;
            }
            // Another overload's argument of that name, read as another type.
            Some(_) if T::MAY_LACK => named = true,
            Some(_) => panic!("{}", errors[1]),
            None if !T::MAY_LACK => panic!("{}", errors[2]),
            None => {}
        }
        k += 1;
    }
    if N > 0 && !fits {
        panic!("{}", errors[named as usize]);
    }
    out
}

/// Reads the argument that [`positions`] found.
#[inline(always)]
pub fn read<'a, T: FromArg<'a>, const N: usize>(op: &'static str, a: &Args<'a>, at: &[u8; N]) -> Result<T> {
    T::read(op, a, at[a.overload] as usize)
}

/// Where all schema lines have parameter `name`, if it is one place.
pub const fn place_of(lines: &[&str], name: &str) -> Option<usize> {
    let (mut k, mut at) = (0, None);
    while k < lines.len() {
        let here = match find(lines[k].as_bytes(), name.as_bytes()) {
            Some(p) => p.at as usize,
            None => return None,
        };
        match at {
            Some(other) if other != here => return None,
            _ => at = Some(here),
        }
        k += 1;
    }
    at
}

/// With how many tensors or numbers each of the schema lines begins at least.
pub const fn leading_operands(lines: &[&str]) -> usize {
    let (mut k, mut least) = (0, usize::MAX);
    while k < lines.len() {
        let line = lines[k].as_bytes();
        let mut n = 0;
        while let Some(p) = nth(line, n) {
            if p.optional || !is_one_of(line, &p, &["Tensor", "Operand", "Scalar"]) {
                break;
            }
            n += 1;
        }
        least = if n < least { n } else { least };
        k += 1;
    }
    least
}

/// A parameter in the text of a schema line.
struct Found {
    at: u8,
    /// Where its type begins and ends, without `?`.
    start: usize,
    end: usize,
    optional: bool,
}

/// The words that `{options}` stands for.
pub const OPTIONS: &str =
    "dtype? dtype=None, layout? layout=None, device? device=None, bool pin_memory=False, bool requires_grad=False";
const OPTIONS_COUNT: u8 = 5;

/// Parameter `name` of a schema line. `self` and `input` are one name; `{options}` is the parameter `options`.
const fn find(line: &[u8], name: &[u8]) -> Option<Found> {
    search(line, name, usize::MAX)
}

/// Parameter `n` of a schema line.
const fn nth(line: &[u8], n: usize) -> Option<Found> {
    search(line, b"", n)
}

const fn search(line: &[u8], name: &[u8], n: usize) -> Option<Found> {
    let mut i = 0;
    while line[i] != b'(' {
        i += 1;
    }
    i += 1;
    let (mut at, mut start, mut depth) = (0, i, 0);
    while i < line.len() {
        let c = line[i];
        if depth == 0 && (c == b',' || c == b')') {
            let (from, to) = trimmed(line, start, i);
            if same(line, from, to, b"{options}") {
                if same(name, 0, name.len(), b"options") {
                    return Some(Found { at, start: from, end: to, optional: false });
                }
                at += OPTIONS_COUNT;
            } else if from < to && !same(line, from, to, b"*") {
                // `*Tensor[] tensors`: the positional arguments are the list.
                let p = parameter(line, if line[from] == b'*' { from + 1 } else { from }, to, at);
                let own = &p.1;
                if at as usize == n
                    || same(line, own.0, own.1, name)
                    || (same(name, 0, name.len(), b"self") && same(line, own.0, own.1, b"input"))
                {
                    return Some(p.0);
                }
                at += 1;
            }
            start = i + 1;
            if c == b')' {
                return None;
            }
        }
        match c {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
        i += 1;
    }
    None
}

/// `int[2]? dim=None` between two places of `line`: the parameter, and where its name stands.
const fn parameter(line: &[u8], from: usize, to: usize, at: u8) -> (Found, (usize, usize)) {
    let mut end = from;
    while end < to && line[end] != b'=' {
        end += 1;
    }
    let none = end < to && same(line, end + 1, to, b"None");
    let (_, name_end) = trimmed(line, from, end);
    let mut name = name_end;
    while name > from && line[name - 1] != b' ' {
        name -= 1;
    }
    let (start, mut type_end) = trimmed(line, from, name);
    let optional = none || (type_end > start && line[type_end - 1] == b'?');
    while type_end > start && line[type_end - 1] == b'?' {
        type_end -= 1;
    }
    (Found { at, start, end: type_end, optional }, (name, name_end))
}

const fn trimmed(line: &[u8], mut from: usize, mut to: usize) -> (usize, usize) {
    while from < to && line[from] == b' ' {
        from += 1;
    }
    while to > from && line[to - 1] == b' ' {
        to -= 1;
    }
    (from, to)
}

const fn same(line: &[u8], from: usize, to: usize, text: &[u8]) -> bool {
    if to - from != text.len() {
        return false;
    }
    let mut i = 0;
    while i < text.len() {
        if line[from + i] != text[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether the type of `p`, without the length of a list, is one of `types`.
const fn is_one_of(line: &[u8], p: &Found, types: &[&str]) -> bool {
    // `Tensor(a!)` is a Tensor, `int[2]` a list of ints.
    let (mut base, mut list) = (p.start, false);
    while base < p.end && line[base] != b'[' && line[base] != b'(' {
        base += 1;
    }
    let mut i = p.start;
    while i < p.end {
        list = list || line[i] == b'[';
        i += 1;
    }
    let mut k = 0;
    while k < types.len() {
        let wanted = types[k].as_bytes();
        let n = wanted.len();
        let wants_list = n > 2 && wanted[n - 1] == b']';
        let (wanted, _) = wanted.split_at(if wants_list { n - 2 } else { n });
        if list == wants_list && same(line, p.start, base, wanted) {
            return true;
        }
        k += 1;
    }
    false
}

/// Implements [`FromArg`] for a type that is always there, and for its Option.
macro_rules! from_arg {
    ($($ty:ty, $types:expr, $($pattern:pat => $value:expr),+;)*) => {$(
        impl<'a> FromArg<'a> for $ty {
            const TYPES: &'static [&'static str] = &$types;
            const MAY_LACK: bool = false;
            #[inline(always)]
            fn read(op: &'static str, a: &Args<'a>, at: usize) -> Result<Self> {
                match a.at(at) {
                    $($pattern => Ok($value),)+
                    _ => Err(missing(op, at)),
                }
            }
        }
        impl<'a> FromArg<'a> for Option<$ty> {
            const TYPES: &'static [&'static str] = &$types;
            const MAY_LACK: bool = true;
            #[inline(always)]
            fn read(_: &'static str, a: &Args<'a>, at: usize) -> Result<Self> {
                Ok(match a.at(at) {
                    $($pattern => Some($value),)+
                    _ => None,
                })
            }
        }
    )*};
}
from_arg! {
    &'a Tensor, ["Tensor"], Arg::Tensor(t) => t;
    &'a [&'a Tensor], ["Tensor[]"], Arg::Tensors(t) => t;
    &'a [Option<&'a Tensor>], ["Tensor?[]"], Arg::OptionalTensors(t) => t;
    &'a [Number], ["Scalar[]"], Arg::Numbers(n) => n;
    Operand<'a>, ["Operand", "Tensor", "Scalar"], Arg::Tensor(t) => Operand::Tensor(t), Arg::Number(n) => Operand::Number(n),
        Arg::Bool(b) => Operand::Number(Number::Bool(b));
    Number, ["Scalar"], Arg::Number(n) => n, Arg::Bool(b) => Number::Bool(b);
    i64, ["int"], Arg::Number(n) => n.to_i64(), Arg::Bool(b) => b as i64;
    f64, ["float", "Scalar"], Arg::Number(n) => n.to_f64(), Arg::Bool(b) => b as u8 as f64;
    &'a [i64], ["int[]"], Arg::Ints(v) => v;
    &'a [f64], ["float[]"], Arg::Floats(v) => v;
    &'a [bool], ["bool[]"], Arg::Bools(v) => v;
    &'a str, ["str", "memory_format"], Arg::Str(s) => s;
    DType, ["dtype"], Arg::DType(d) => d;
    Device, ["device"], Arg::Device(d) => d;
    *mut c_void, ["Any"], Arg::Object(o) => o;
}

impl<'a> FromArg<'a> for Option<bool> {
    const TYPES: &'static [&'static str] = &["bool"];
    const MAY_LACK: bool = true;
    #[inline(always)]
    fn read(_: &'static str, a: &Args<'a>, at: usize) -> Result<Self> {
        Ok(match a.at(at) {
            Arg::Bool(b) => Some(b),
            Arg::Number(n) => Some(!n.is_zero()),
            _ => None,
        })
    }
}

/// False in an overload that has no such argument.
impl<'a> FromArg<'a> for bool {
    const TYPES: &'static [&'static str] = &["bool"];
    const MAY_LACK: bool = true;
    #[inline(always)]
    fn read(op: &'static str, a: &Args<'a>, at: usize) -> Result<Self> {
        Ok(<Option<bool>>::read(op, a, at)?.unwrap_or(false))
    }
}

/// The generator given, else the default one.
impl<'a> FromArg<'a> for &'a SharedGenerator {
    const TYPES: &'static [&'static str] = &["Generator"];
    const MAY_LACK: bool = true;
    #[inline]
    fn read(_: &'static str, a: &Args<'a>, at: usize) -> Result<Self> {
        Ok(match a.at(at) {
            Arg::Generator(g) => g,
            _ => default_generator(),
        })
    }
}

#[cold]
fn missing(op: &str, at: usize) -> Box<crate::error::Error> {
    crate::err!(Runtime, "internal error: {op}: argument {at} is missing")
}

/// What a call's body may give.
#[inline(always)]
pub fn outs<T: Into<Outs>>(result: Result<T>) -> Result<Outs> {
    result.map(Into::into)
}

/// `text` without the space that follows `///` on each line, and without the last line's end.
pub const fn doc_len(text: &str) -> usize {
    let b = text.as_bytes();
    let (mut i, mut n) = (0, 0);
    while i + 1 < b.len() {
        if !(b[i] == b' ' && (i == 0 || b[i - 1] == b'\n')) {
            n += 1;
        }
        i += 1;
    }
    n
}

/// The text that [`doc_len`] counted.
pub const fn doc_text<const N: usize>(text: &str) -> [u8; N] {
    let b = text.as_bytes();
    let mut out = [0; N];
    let (mut i, mut n) = (0, 0);
    while i + 1 < b.len() {
        if !(b[i] == b' ' && (i == 0 || b[i - 1] == b'\n')) {
            out[n] = b[i];
            n += 1;
        }
        i += 1;
    }
    out
}

/// Declares the ops of a file that have kernels of their own, are views, or are written with other ops. An op reads
///
/// ```ignore
/// /// Sum over `dim` (all dims if it is None or empty).
/// ///
/// /// After a blank line, more.
/// sum + out as [
///     "sum(Tensor self, *, dtype? dtype=None) -> Tensor",
///     "sum(Tensor self, int[1]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
/// ] aliases ["special.other"] {
///     call(x = self: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>; a) {
///         apply(Sum { .. }, &[x])
///     },
///     samples: ["u(2, 3)", "u(2, 3), 1"],
/// }
/// ```
/// The arguments of `call` have the names of the schema lines; `x = self` binds one to another variable. An argument that an
/// overload lacks is an Option, or false. `; a` gives the call's [`Args`] (its overload, its `out=`). The body gives a
/// `Result` of a tensor, tensors, or [`Outs`].
///
/// Flags: `out` (functions take `out=`), `exact` (of the result's dtype), `apart` (sharing no memory with an argument);
/// `inplace` (`name_`: computed aside, then written over `self`), `overwrites` (`name_`, where the call itself writes over `self`
/// if `a.inplace`).
#[macro_export]
macro_rules! ops {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident $(+ $flag:ident)* as [$($schema:expr),+ $(,)?] $(aliases [$($alias:literal),* $(,)?])?
        $(graph $graph:literal)? {
            call $args:tt $body:block,
            samples: $samples:expr $(,)?
        }
    )*) => {
        /// The ops of this file.
        pub(crate) const OPS: &[&$crate::tensor::OpDef] = &[$(&$name::DEF),*];
        $(
            pub mod $name {
                #[allow(unused_imports, reason = "not every op uses its file's helpers")]
                use super::*;

                const LINES: &[&str] = &[$($schema),+];
                $crate::declare!(@doc $($doc)*);

                pub const DEF: $crate::tensor::OpDef = $crate::tensor::OpDef {
                    schema: LINES,
                    aliases: &[$($($alias),*)?],
                    doc: DOC,
                    variants: $crate::tensor::def::Variants::NONE$(.$flag())*,
                    graph: concat!($($graph)?),
                    reads: $crate::declare!(@reads $args),
                    call: from_args,
                    samples: &$samples,
                };
                $crate::declare!(@call $name $args $body);
            }
        )*
    };
}

/// What `ops!` and `elementwise!` share; a declaration's module holds its schema lines as LINES.
#[doc(hidden)]
#[macro_export]
macro_rules! declare {
    // The text of doc comments, as the constant DOC.
    (@doc $($doc:literal)*) => {
        const RAW_DOC: &str = concat!($($doc, "\n"),*);
        const DOC_BYTES: [u8; $crate::tensor::declare::doc_len(RAW_DOC)] = $crate::tensor::declare::doc_text(RAW_DOC);
        const DOC: &str = match std::str::from_utf8(&DOC_BYTES) {
            Ok(s) => s,
            Err(_) => RAW_DOC,
        };
    };
    // The names that a call reads.
    (@reads ($($var:ident $(= $name:tt)? : $ty:ty),* $(,)? $(; $a:ident)?)) => {
        &[$($crate::declare!(@name $var $($name)?)),*]
    };
    (@name $var:ident) => { stringify!($var) };
    (@name $var:ident $name:tt) => { stringify!($name) };
    // The function `from_args`, whose arguments are found by name.
    (@call $op:ident ($($var:ident $(= $name:tt)? : $ty:ty),* $(,)?) $body:block) => {
        $crate::declare!(@call $op ($($var $(= $name)? : $ty),*; a) $body);
    };
    (@call $op:ident ($($var:ident $(= $name:tt)? : $ty:ty),* $(,)?; $a:ident) $body:block) => {
        #[allow(clippy::redundant_closure_call, reason = "`?` in the body leaves the body only")]
        fn from_args($a: &$crate::tensor::Args) -> $crate::error::Result<$crate::tensor::Outs> {
            $(let $var: $ty = $crate::declare!(@argument $op $a $ty, $crate::declare!(@name $var $($name)?));)*
            $crate::tensor::declare::outs((|| -> $crate::error::Result<_> { $body })())
        }
    };
    (@argument $op:ident $a:ident $ty:ty, $name:expr) => {{
        const AT: [u8; LINES.len()] = $crate::tensor::declare::positions::<$ty, { LINES.len() }>(
            LINES,
            $name,
            [
                concat!(stringify!($op), ": no schema line has the argument ", $name),
                concat!(stringify!($op), ": ", $name, " has another type in the schema"),
                concat!(stringify!($op), ": ", $name, " may be missing: read it as an Option"),
            ],
        );
        $crate::tensor::declare::read::<$ty, { LINES.len() }>(stringify!($op), $a, &AT)?
    }};
}
