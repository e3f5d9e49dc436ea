//! The declaration of an op as the user sees it: schema lines, docs, samples, and the function that
//! turns parsed arguments into a call. The bindings, stubs, docs and generated tests come from here.

use std::ffi::c_void;

use super::handle::Tensor;
use crate::core::{DType, Device, Number};
use crate::device::rng::{SharedGenerator, default_generator};
use crate::error::Result;

/// A row of the registry.
pub struct OpDef {
    /// One line per overload and place, in PyTorch's schema language: `sum(Tensor self, *, dtype? dtype=None) -> Tensor`.
    ///
    /// A prefix says where the name lives: `nn.` (nn.functional), `linalg.`, `special.`, `fft.`, `method.`, `function.`; none
    /// is function and method. The first argument is `self`, spelled `input` in functions. `Tensor other` also takes a
    /// number where the op reads it with [`Args::operand`]: write `Operand other`.
    /// A name that starts with `__` is an operator method (`__matmul__`).
    pub schema: &'static [&'static str],
    /// Other names of the whole row (`absolute`, `special.expit`).
    pub aliases: &'static [&'static str],
    /// First paragraph, blank line, more. Shapes, dtypes, errors, source.
    pub doc: &'static str,
    /// Derived forms beside the schema lines.
    pub twins: Twins,
    pub call: fn(&Args) -> Result<Outs>,
    /// Argument lists for golden values and generated tests, as Python text evaluated by `tests/generated/samples.py`:
    /// `u(2, 3)` is a tensor of the dtype under test with values in [-2, 2] (`lo=`, `hi=`), `pos(..)` positive, `nz(..)` away from
    /// zero, `uniq(..)` all different, `edges(0.0, INF, NAN)` the listed values, `ix(3, n=4)` int64 in [0, n), `mask(2, 3)` bool; tensors may
    /// be rearranged: `u(3, 2).t()`, `u(1, 3).expand(2, 3)`, `u(6)[::2]`. Example: `"u(2, 3), dim=1, keepdim=True"`.
    pub samples: &'static [&'static str],
}

/// Forms that follow from the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twins(pub u8);

impl Twins {
    pub const NONE: Twins = Twins(0);
    /// `name_`: writes the result over `self`. Method and function.
    pub const INPLACE: Twins = Twins(1);
    /// `out=` in functions.
    pub const OUT: Twins = Twins(2);
    pub const BOTH: Twins = Twins(3);

    /// `out=` must have the dtype of the result.
    pub const fn exact(self) -> Twins {
        Twins(self.0 | 4)
    }
    /// `out=` must share no memory with a tensor argument.
    pub const fn apart(self) -> Twins {
        Twins(self.0 | 8)
    }

    #[inline]
    pub const fn inplace(self) -> bool {
        self.0 & 1 != 0
    }
    #[inline]
    pub const fn out(self) -> bool {
        self.0 & 2 != 0
    }
    pub const fn out_exact(self) -> bool {
        self.0 & 4 != 0
    }
    pub const fn out_apart(self) -> bool {
        self.0 & 8 != 0
    }
}

/// A tensor or a Python number, in ops that take both.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    Tensor(&'a Tensor),
    Number(Number),
}

/// One parsed argument. Tensors are borrowed from the caller's arguments.
#[derive(Clone, Copy)]
pub enum Arg<'a> {
    /// Not given, or None.
    None,
    Tensor(&'a Tensor),
    Number(Number),
    Bool(bool),
    Ints(&'a [i64]),
    Floats(&'a [f64]),
    Bools(&'a [bool]),
    Str(&'a str),
    DType(DType),
    Device(Device),
    /// A list of tensors.
    Tensors(&'a [&'a Tensor]),
    Generator(&'a SharedGenerator),
    /// A Python object the schema calls `Any`; floor 8 knows what it is.
    Object(*mut c_void),
}

/// Most arguments a schema may have.
pub const MAX_ARGS: usize = 24;

/// The arguments of a call, in schema order whatever their type. Every accessor counts in schema positions.
pub struct Args<'a> {
    /// Which of the row's schema lines matched.
    pub overload: usize,
    pub values: &'a [Arg<'a>],
    /// Write the result over `self` (the `name_` form).
    pub inplace: bool,
    /// Where the user wants the results (`out=`). Ops that cannot write there directly ignore it, and the
    /// dispatcher copies.
    pub out: &'a [&'a Tensor],
}

#[cold]
fn mismatch(i: usize, wanted: &str) -> Box<crate::error::Error> {
    crate::err!(Runtime, "internal error: argument {i} is not {wanted}")
}

impl<'a> Args<'a> {
    #[inline]
    fn at(&self, i: usize) -> Arg<'a> {
        self.values.get(i).copied().unwrap_or(Arg::None)
    }

    #[inline]
    pub fn given(&self, i: usize) -> bool {
        !matches!(self.at(i), Arg::None)
    }

    #[inline]
    pub fn t(&self, i: usize) -> Result<&'a Tensor> {
        match self.at(i) {
            Arg::Tensor(t) => Ok(t),
            _ => Err(mismatch(i, "a tensor")),
        }
    }

    pub fn opt_t(&self, i: usize) -> Option<&'a Tensor> {
        match self.at(i) {
            Arg::Tensor(t) => Some(t),
            _ => None,
        }
    }

    pub fn tensors(&self, i: usize) -> Result<&'a [&'a Tensor]> {
        match self.at(i) {
            Arg::Tensors(t) => Ok(t),
            _ => Err(mismatch(i, "a list of tensors")),
        }
    }

    #[inline]
    pub fn operand(&self, i: usize) -> Result<Operand<'a>> {
        match self.at(i) {
            Arg::Tensor(t) => Ok(Operand::Tensor(t)),
            Arg::Number(n) => Ok(Operand::Number(n)),
            Arg::Bool(b) => Ok(Operand::Number(Number::Bool(b))),
            _ => Err(mismatch(i, "a tensor or number")),
        }
    }

    #[inline]
    pub fn opt_number(&self, i: usize) -> Option<Number> {
        match self.at(i) {
            Arg::Number(n) => Some(n),
            Arg::Bool(b) => Some(Number::Bool(b)),
            _ => None,
        }
    }

    pub fn number(&self, i: usize) -> Result<Number> {
        self.opt_number(i).ok_or_else(|| mismatch(i, "a number"))
    }

    pub fn opt_int(&self, i: usize) -> Option<i64> {
        self.opt_number(i).map(Number::to_i64)
    }

    pub fn int(&self, i: usize) -> Result<i64> {
        self.opt_int(i).ok_or_else(|| mismatch(i, "an int"))
    }

    pub fn opt_float(&self, i: usize) -> Option<f64> {
        self.opt_number(i).map(Number::to_f64)
    }

    pub fn float(&self, i: usize) -> Result<f64> {
        self.opt_float(i).ok_or_else(|| mismatch(i, "a float"))
    }

    /// The dtype of the user's `out=`, which decides where the op takes a `dtype` and none is given.
    pub fn out_dtype(&self) -> Option<DType> {
        self.out.first().map(|t| t.dtype())
    }

    /// False where not given.
    #[inline]
    pub fn flag(&self, i: usize) -> bool {
        self.opt_flag(i).unwrap_or(false)
    }

    #[inline]
    pub fn opt_flag(&self, i: usize) -> Option<bool> {
        match self.at(i) {
            Arg::Bool(b) => Some(b),
            Arg::Number(n) => Some(!n.is_zero()),
            _ => None,
        }
    }

    pub fn opt_ints(&self, i: usize) -> Option<&'a [i64]> {
        match self.at(i) {
            Arg::Ints(v) => Some(v),
            _ => None,
        }
    }

    pub fn ints(&self, i: usize) -> Result<&'a [i64]> {
        self.opt_ints(i).ok_or_else(|| mismatch(i, "a list of ints"))
    }

    pub fn opt_str(&self, i: usize) -> Option<&'a str> {
        match self.at(i) {
            Arg::Str(s) => Some(s),
            _ => None,
        }
    }

    pub fn opt_dtype(&self, i: usize) -> Option<DType> {
        match self.at(i) {
            Arg::DType(d) => Some(d),
            _ => None,
        }
    }

    pub fn opt_device(&self, i: usize) -> Option<Device> {
        match self.at(i) {
            Arg::Device(d) => Some(d),
            _ => None,
        }
    }

    /// The generator given, else the default one.
    pub fn generator(&self, i: usize) -> &'a SharedGenerator {
        match self.at(i) {
            Arg::Generator(g) => g,
            _ => default_generator(),
        }
    }

    pub fn opt_object(&self, i: usize) -> Option<*mut c_void> {
        match self.at(i) {
            Arg::Object(o) => Some(o),
            _ => None,
        }
    }
}

/// What a call gives back. The schema's `-> (Tensor values, Tensor indices)` names the fields of a named tuple;
/// `Tensor[]` makes a tuple of tensors.
pub enum Outs {
    Tensor(Tensor),
    Many(Vec<Tensor>),
    Number(Number),
    Bool(bool),
    Ints(Vec<i64>),
    /// `self`, for methods that change it in place and return it.
    This,
    None,
}

impl From<Tensor> for Outs {
    #[inline]
    fn from(t: Tensor) -> Outs {
        Outs::Tensor(t)
    }
}

impl Outs {
    /// For `call: |a| Outs::one(apply(..))`.
    #[inline]
    pub fn one(r: Result<Tensor>) -> Result<Outs> {
        r.map(Outs::Tensor)
    }
}
