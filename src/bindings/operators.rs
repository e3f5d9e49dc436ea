//! Python's operators: number slots and comparisons. They skip the schema and call the row's function with
//! arguments on the stack; an operand of a foreign type gives NotImplemented, so that Python asks the other side.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{addr_of_mut, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::ffi;

use super::call::panicked;
use super::convert::number;
use super::entry::{Entry, Target};
use super::errors::{P, raise};
use super::gil;
use super::install::slot;
use super::object::{as_tensor, wrap};
use super::{errors, numpy};
use crate::bail;
use crate::error::Result;
use crate::ops::schema::Type;
use crate::tensor::{Arg, Args, OpDef, Outs};

/// Arguments that the row of an operator may have.
const ARGS: usize = 3;

struct Operator {
    name: &'static str,
    def: &'static OpDef,
    overload: usize,
    template: [Arg<'static>; ARGS],
    n: usize,
    /// Whether the right operand may be a number.
    numbers: bool,
    /// What a number on the left asks for.
    left: Left,
}

/// How an operator takes a number on its left.
#[derive(Clone, Copy, PartialEq)]
enum Left {
    /// Operands may be swapped.
    Swap,
    /// The row reads a number there.
    AsIs,
    /// Operands are swapped for another operator, as PyTorch does: `2 - x` is `rsub(x, 2)`.
    Other(usize),
    /// `2 / x` is `x.reciprocal() * 2`, rounded twice, as in PyTorch.
    Reciprocal,
}

/// The operators, each by the first of these names that is a method.
const NAMES: [(&[&str], Left); COUNT] = [
    (&["add"], Left::Swap),
    (&["sub"], Left::Other(RSUB)),
    (&["mul"], Left::Swap),
    (&["div"], Left::Reciprocal),
    (&["floor_divide"], Left::AsIs),
    (&["remainder"], Left::AsIs),
    (&["pow"], Left::AsIs),
    (&["matmul"], Left::AsIs),
    (&["bitwise_and"], Left::Swap),
    (&["bitwise_or"], Left::Swap),
    (&["bitwise_xor"], Left::Swap),
    (&["bitwise_left_shift"], Left::AsIs),
    (&["bitwise_right_shift"], Left::AsIs),
    (&["neg"], Left::AsIs),
    (&["abs"], Left::AsIs),
    (&["positive"], Left::AsIs),
    (&["bitwise_not"], Left::AsIs),
    (&["reciprocal"], Left::AsIs),
    (&["lt"], Left::AsIs),
    (&["le"], Left::AsIs),
    (&["eq"], Left::Swap),
    (&["ne"], Left::Swap),
    (&["gt"], Left::AsIs),
    (&["ge"], Left::AsIs),
    (&["rsub"], Left::AsIs),
];
const COUNT: usize = 25;
const MUL: usize = 2;
const DIV: usize = 3;
const POSITIVE: usize = 15;
const INVERT: usize = 16;
const RECIPROCAL: usize = 17;
/// `Py_LT` is 0, and the six follow in Python's order.
const COMPARE: usize = 18;
const EQ: usize = COMPARE + ffi::Py_EQ as usize;
const RSUB: usize = 24;

static OPERATORS: [AtomicPtr<Operator>; COUNT] = [const { AtomicPtr::new(null_mut()) }; COUNT];

/// Finds the operators' rows among the installed methods; `rsub` is a function only.
pub fn connect(entries: &'static [Entry]) -> Result<()> {
    for (i, (names, left)) in NAMES.iter().enumerate() {
        let unary = (13..COMPARE).contains(&i);
        let found = names.iter().find_map(|&name| {
            let entry = entries.iter().find(|e| e.name == name && (e.method || i == RSUB))?;
            let wanted = if unary { 1 } else { 2 };
            let overload = entry.overloads.iter().filter(|o| !o.inplace).find(|o| {
                let p = &o.schema.params;
                let second = p.get(1).is_some_and(|p| matches!(p.ty, Type::Tensor | Type::Operand));
                (unary || second) && o.required.count_ones() as usize + entry.method as usize == wanted
            });
            overload.map(|o| (name, o))
        });
        let Some((name, o)) = found else { continue };
        let Target::Op(def) = o.target else { continue };
        let n = o.template.len();
        if n > ARGS {
            bail!(Runtime, "internal error: operator {name} has more than {ARGS} arguments");
        }
        let mut template = [Arg::None; ARGS];
        template[..n].copy_from_slice(&o.template);
        let numbers = o.schema.params.get(1).is_some_and(|p| p.ty == Type::Operand);
        let operator = Operator { name, def, overload: o.index, template, n, numbers, left: *left };
        OPERATORS[i].store(Box::into_raw(Box::new(operator)), Relaxed);
    }
    Ok(())
}

#[inline]
fn not_implemented() -> P {
    // SAFETY: a static object.
    unsafe {
        ffi::Py_INCREF(ffi::Py_NotImplemented());
        ffi::Py_NotImplemented()
    }
}

/// A tensor or a number, else None.
///
/// # Safety
/// `o` is alive while the result is used.
#[inline(always)]
unsafe fn operand<'a>(o: P) -> Result<Option<Arg<'a>>> {
    // SAFETY: says the caller.
    unsafe {
        let t = ffi::Py_TYPE(o);
        let plain_number = t == addr_of_mut!(ffi::PyFloat_Type) || t == addr_of_mut!(ffi::PyLong_Type);
        if !plain_number && let Some(t) = as_tensor(o) {
            return Ok(Some(Arg::Tensor(t)));
        }
        Ok(number(o, false)?.map(Arg::Number))
    }
}

/// Runs operator `which`; None means NotImplemented.
#[inline]
unsafe fn run(which: usize, a: P, b: P, inplace: bool) -> Result<Option<P>> {
    // SAFETY: slot arguments are alive; operators are set at import and live for ever.
    unsafe {
        let op = OPERATORS[which].load(Relaxed);
        if op.is_null() {
            return Ok(None);
        }
        let op = &*op;
        let Some(left) = operand(a)? else { return beside_array(which, a, b) };
        let mut values = op.template;
        values[0] = left;
        if !b.is_null() {
            let Some(right) = operand(b)? else { return beside_array(which, a, b) };
            values[1] = right;
            let left_number = matches!(left, Arg::Number(_));
            if !op.numbers && (left_number || matches!(right, Arg::Number(_))) {
                return Ok(None);
            }
            if left_number {
                match op.left {
                    Left::AsIs => {}
                    Left::Swap => values.swap(0, 1),
                    Left::Other(other) => return run(other, b, a, false),
                    Left::Reciprocal => {
                        let Some(r) = run(RECIPROCAL, b, null_mut(), false)? else { return Ok(None) };
                        let product = run(MUL, r, a, false);
                        ffi::Py_DECREF(r);
                        return product;
                    }
                }
            }
        }
        let args = Args { overload: op.overload, values: &values[..op.n], inplace, out: &[] };
        match (op.def.call)(&args)? {
            _ if inplace => {
                ffi::Py_INCREF(a);
                Ok(Some(a))
            }
            Outs::Tensor(t) => Ok(Some(wrap(t))),
            Outs::This => {
                ffi::Py_INCREF(a);
                Ok(Some(a))
            }
            _ => bail!(Runtime, "internal error: operator {} gives no tensor", op.name),
        }
    }
}

/// Operators between a tensor and a NumPy array. Most are left to NumPy, whose ufuncs read the tensor through `__array__` and
/// give the result back through `__array_wrap__`. PyTorch itself computes `==` (but not `!=`, which is then Python's comparison of
/// identities), and `array / tensor`, which is the tensor's reciprocal times the array.
#[cold]
unsafe fn beside_array(which: usize, a: P, b: P) -> Result<Option<P>> {
    // SAFETY: slot arguments are alive; each new reference is given back.
    unsafe {
        if which == DIV && numpy::is_array(a) {
            let Some(r) = run(RECIPROCAL, b, null_mut(), false)? else { return Ok(None) };
            let product = ffi::PyNumber_Multiply(r, a);
            ffi::Py_DECREF(r);
            if product.is_null() && ffi::PyErr_ExceptionMatches(ffi::PyExc_TypeError) != 0 {
                ffi::PyErr_Clear();
                return Ok(None);
            }
            return errors::checked(product).map(Some);
        }
        if which == EQ {
            let (array, tensor) = if numpy::is_array(a) { (a, b) } else { (b, a) };
            let Some(converted) = numpy::comparable(array)? else { return Ok(None) };
            let converted = errors::checked(wrap(converted))?;
            let result = run(which, tensor, converted, false);
            ffi::Py_DECREF(converted);
            return result;
        }
        Ok(None)
    }
}

/// The frame of every slot: deferred references, panics, exceptions.
#[inline(always)]
pub fn guarded(name: &'static str, f: impl FnOnce() -> Result<Option<P>>) -> P {
    gil::settle();
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(Some(p))) => p,
        Ok(Ok(None)) => not_implemented(),
        Ok(Err(e)) => raise(e),
        Err(panic) => raise(panicked(name, &*panic)),
    }
}

unsafe extern "C" fn binary<const OP: usize>(a: P, b: P) -> P {
    // SAFETY: slot arguments.
    guarded(NAMES[OP].0[0], || unsafe { run(OP, a, b, false) })
}

unsafe extern "C" fn inplace<const OP: usize>(a: P, b: P) -> P {
    // SAFETY: slot arguments.
    guarded(NAMES[OP].0[0], || unsafe { run(OP, a, b, true) })
}

unsafe extern "C" fn unary<const OP: usize>(a: P) -> P {
    // SAFETY: slot arguments.
    guarded(NAMES[OP].0[0], || unsafe {
        if OP == POSITIVE && OPERATORS[OP].load(Relaxed).is_null() {
            ffi::Py_INCREF(a);
            return Ok(Some(a));
        }
        if OP == INVERT && as_tensor(a).is_some_and(|t| t.dtype().is_float()) {
            bail!(Type, "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
        }
        run(OP, a, null_mut(), false)
    })
}

const POW: usize = 6;

unsafe extern "C" fn power(a: P, b: P, modulus: P) -> P {
    // SAFETY: slot arguments; the third is None outside `pow(a, b, c)`.
    guarded("pow", || unsafe { if modulus == ffi::Py_None() { run(POW, a, b, false) } else { Ok(None) } })
}

unsafe extern "C" fn inplace_power(a: P, b: P, _: P) -> P {
    // SAFETY: slot arguments.
    guarded("pow", || unsafe { run(POW, a, b, true) })
}

unsafe extern "C" fn compare(a: P, b: P, op: c_int) -> P {
    // SAFETY: slot arguments; `op` is one of six.
    guarded("compare", || unsafe { run(COMPARE + op as usize, a, b, false) })
}

/// Tensors hash by identity, since `==` compares elements.
unsafe extern "C" fn hash(o: P) -> ffi::Py_hash_t {
    (o as usize >> 4) as ffi::Py_hash_t
}

/// All slots of this room.
pub fn slots() -> Vec<ffi::PyType_Slot> {
    let two = |id: c_int, f: ffi::binaryfunc| slot(id, f as *mut c_void);
    let one = |id: c_int, f: ffi::unaryfunc| slot(id, f as *mut c_void);
    vec![
        two(ffi::Py_nb_add, binary::<0>),
        two(ffi::Py_nb_subtract, binary::<1>),
        two(ffi::Py_nb_multiply, binary::<2>),
        two(ffi::Py_nb_true_divide, binary::<3>),
        two(ffi::Py_nb_floor_divide, binary::<4>),
        two(ffi::Py_nb_remainder, binary::<5>),
        slot(ffi::Py_nb_power, power as *mut c_void),
        two(ffi::Py_nb_matrix_multiply, binary::<7>),
        two(ffi::Py_nb_and, binary::<8>),
        two(ffi::Py_nb_or, binary::<9>),
        two(ffi::Py_nb_xor, binary::<10>),
        two(ffi::Py_nb_lshift, binary::<11>),
        two(ffi::Py_nb_rshift, binary::<12>),
        one(ffi::Py_nb_negative, unary::<13>),
        one(ffi::Py_nb_absolute, unary::<14>),
        one(ffi::Py_nb_positive, unary::<POSITIVE>),
        one(ffi::Py_nb_invert, unary::<INVERT>),
        two(ffi::Py_nb_inplace_add, inplace::<0>),
        two(ffi::Py_nb_inplace_subtract, inplace::<1>),
        two(ffi::Py_nb_inplace_multiply, inplace::<2>),
        two(ffi::Py_nb_inplace_true_divide, inplace::<3>),
        two(ffi::Py_nb_inplace_floor_divide, inplace::<4>),
        two(ffi::Py_nb_inplace_remainder, inplace::<5>),
        slot(ffi::Py_nb_inplace_power, inplace_power as *mut c_void),
        two(ffi::Py_nb_inplace_lshift, inplace::<11>),
        two(ffi::Py_nb_inplace_rshift, inplace::<12>),
        two(ffi::Py_nb_inplace_and, inplace::<8>),
        two(ffi::Py_nb_inplace_or, inplace::<9>),
        two(ffi::Py_nb_inplace_xor, inplace::<10>),
        slot(ffi::Py_tp_richcompare, compare as *mut c_void),
        slot(ffi::Py_tp_hash, hash as *mut c_void),
    ]
}
