//! The declaration of an op as the user sees it: schema lines, docs, samples, and the function that
//! turns parsed arguments into a call. The bindings, stubs, docs and generated tests come from here.

use std::ffi::c_void;

use super::handle::Tensor;
use crate::core::{DType, Device, Number};
use crate::device::rng::SharedGenerator;
use crate::error::Result;

/// A row of the registry, written by [`ops!`](crate::ops!) or [`elementwise!`](crate::elementwise!).
pub struct OpDef {
    /// One line per overload and place, in PyTorch's schema language: `sum(Tensor self, *, dtype? dtype=None) -> Tensor`.
    ///
    /// A prefix says where the name lives: `nn.` (nn.functional), `linalg.` or another module, `method.`, `function.`; none
    /// is function and method. The first argument is `self`, spelled `input` in functions. `Operand other` takes a tensor
    /// or a number. `{options}` stands for dtype, layout, device, pin_memory and requires_grad. After a semicolon: `out` or `no
    /// out` where the line differs from its row, and Python's operators that call it: `; __add__ __radd__ __iadd__`.
    pub schema: &'static [&'static str],
    /// Other names of the whole row (`absolute`, `special.expit`).
    pub aliases: &'static [&'static str],
    /// First paragraph, blank line, more. Shapes, dtypes, errors, source.
    pub doc: &'static str,
    /// Derived forms beside the schema lines.
    pub variants: Variants,
    /// The class of `grad_fn`, where PyTorch has one node for what is computed by several ops here; else empty.
    pub graph: &'static str,
    /// The names of the arguments that the call reads.
    pub reads: &'static [&'static str],
    /// The call as declared. Users' calls go through [`ops::call`](crate::ops::call), which adds the variants.
    pub call: fn(&Args) -> Result<Outs>,
    /// Argument lists for golden values and generated tests, as Python text evaluated by `tests/generated/samples.py`:
    /// `u(2, 3)` is a tensor of the dtype under test with values in [-2, 2] (`lo=`, `hi=`), `pos(..)` positive, `nz(..)` away from
    /// zero, `uniq(..)` all different, `edges(0.0, INF, NAN)` the listed values, `ix(3, n=4)` int64 in [0, n), `at(2, 0)` int64 as listed, `mask(2, 3)` bool; tensors may
    /// be rearranged: `u(3, 2).t()`, `u(1, 3).expand(2, 3)`, `u(6)[::2]`. Example: `"u(2, 3), dim=1, keepdim=True"`.
    pub samples: &'static [&'static str],
}

/// Forms that follow from the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variants(u8);

impl Variants {
    pub const NONE: Variants = Variants(0);

    /// `name_`, method and function: computed aside, then written over `self`.
    #[must_use]
    pub const fn inplace(self) -> Variants {
        Variants(self.0 | 1)
    }
    /// `out=` in functions.
    #[must_use]
    pub const fn out(self) -> Variants {
        Variants(self.0 | 2)
    }
    /// `out=` must have the dtype of the result.
    #[must_use]
    pub const fn exact(self) -> Variants {
        Variants(self.0 | 4)
    }
    /// `out=` must share no memory with a tensor argument.
    #[must_use]
    pub const fn apart(self) -> Variants {
        Variants(self.0 | 8)
    }
    /// `name_`, where the call itself writes over `self`.
    #[must_use]
    pub const fn overwrites(self) -> Variants {
        Variants(self.0 | 1 | 16)
    }

    #[inline]
    pub const fn has_inplace(self) -> bool {
        self.0 & 1 != 0
    }
    #[inline]
    pub const fn has_out(self) -> bool {
        self.0 & 2 != 0
    }
    pub const fn out_exact(self) -> bool {
        self.0 & 4 != 0
    }
    pub const fn out_apart(self) -> bool {
        self.0 & 8 != 0
    }
    #[inline]
    pub const fn writes_itself(self) -> bool {
        self.0 & 16 != 0
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
    /// A list of tensors, some of which are None.
    OptionalTensors(&'a [Option<&'a Tensor>]),
    Numbers(&'a [Number]),
    Generator(&'a SharedGenerator),
    /// A Python object the schema calls `Any`; floor 8 knows what it is.
    Object(*mut c_void),
}

/// Most arguments a schema may have.
pub const MAX_ARGS: usize = 24;

/// The arguments of a call, in schema order whatever their type. A call reads them by name ([`super::declare`]).
pub struct Args<'a> {
    /// Which of the row's schema lines matched.
    pub overload: usize,
    pub values: &'a [Arg<'a>],
    /// Write the result over `self` (the `name_` form).
    pub inplace: bool,
    /// Where the user wants the results (`out=`). A call that cannot write there directly ignores it, and
    /// [`ops::call`](crate::ops::call) copies.
    pub out: &'a [&'a Tensor],
}

impl<'a> Args<'a> {
    /// The argument at a position; None beyond the last.
    #[inline(always)]
    pub(super) fn at(&self, i: usize) -> Arg<'a> {
        self.values.get(i).copied().unwrap_or(Arg::None)
    }

    /// The dtype of the user's `out=`, which decides where the op takes a `dtype` and none is given.
    pub fn out_dtype(&self) -> Option<DType> {
        self.out.first().map(|t| t.dtype())
    }

    /// The arguments that are tensors; lists of them not.
    #[inline]
    pub fn tensors(&self) -> impl Iterator<Item = &'a Tensor> {
        self.values.iter().filter_map(|v| match v {
            Arg::Tensor(t) => Some(*t),
            _ => None,
        })
    }

    /// The first argument of a method or of what is written in place.
    pub fn this(&self) -> Result<&'a Tensor> {
        match self.at(0) {
            Arg::Tensor(t) => Ok(t),
            _ => Err(crate::err!(Runtime, "internal error: a method without self")),
        }
    }

    /// The leading `N` arguments, tensors or numbers.
    #[inline]
    pub fn operands<const N: usize>(&self) -> Result<[Operand<'a>; N]> {
        let mut out = [Operand::Number(Number::Int(0)); N];
        for (i, o) in out.iter_mut().enumerate() {
            *o = match self.at(i) {
                Arg::Tensor(t) => Operand::Tensor(t),
                Arg::Number(n) => Operand::Number(n),
                Arg::Bool(b) => Operand::Number(Number::Bool(b)),
                _ => return Err(crate::err!(Runtime, "internal error: argument {i} is no tensor or number")),
            };
        }
        Ok(out)
    }

    /// The number at a position, if there is one.
    #[inline]
    pub fn number_at(&self, i: usize) -> Option<Number> {
        match self.at(i) {
            Arg::Number(n) => Some(n),
            Arg::Bool(b) => Some(Number::Bool(b)),
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
    /// `self`, which was written over.
    Over(Written),
    None,
}

/// Proof that an op wrote over its first argument: only what writes in place hands one out.
pub struct Written(pub(super) ());

macro_rules! outs_from {
    ($($variant:ident: $ty:ty),*) => {$(
        impl From<$ty> for Outs {
            #[inline]
            fn from(value: $ty) -> Outs {
                Outs::$variant(value)
            }
        }
    )*};
}
outs_from!(Tensor: Tensor, Many: Vec<Tensor>, Number: Number, Bool: bool, Ints: Vec<i64>, Over: Written);

impl From<()> for Outs {
    fn from((): ()) -> Outs {
        Outs::None
    }
}
