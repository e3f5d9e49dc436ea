//! Python's operators: number slots and comparisons. They skip the schema and call the row's function with
//! arguments on the stack; an operand of a foreign type gives NotImplemented, so that Python asks the other side.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{addr_of_mut, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use pyo3::ffi;

use super::call::panicked;
use super::convert::number;
use super::entry::default_arg;
use super::errors::{P, raise};
use super::gil;
use super::install::slot;
use super::object::{as_tensor, forget_subclass, keep_class, subclass, wrap};
use super::{errors, numpy, overrides};
use crate::bail;
use crate::error::Result;
use crate::ops;
use crate::ops::schema::{Schema, Type};
use crate::tensor::{Arg, Args, OpDef, Outs};

/// Arguments that the schema line of an operator may have.
const ARGS: usize = 3;

/// Python's operators. An op says in its schema line which of them it is: `__add__`, `__radd__` (a number on the left),
/// `__iadd__`.
const NAMES: [&str; 23] = [
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift", "neg",
    "abs", "pos", "invert", "lt", "le", "eq", "ne", "gt", "ge",
];

/// The position of an operator among [`NAMES`], found while compiling.
const fn at(name: &str) -> usize {
    let mut i = 0;
    while i < NAMES.len() {
        let (a, b) = (NAMES[i].as_bytes(), name.as_bytes());
        let mut same = a.len() == b.len();
        let mut k = 0;
        while same && k < a.len() {
            same = a[k] == b[k];
            k += 1;
        }
        if same {
            return i;
        }
        i += 1;
    }
    panic!("no such operator")
}

/// Which of an operator's methods: the plain one, the one for a number on the left, the one in place.
const PLAIN: usize = 0;
const REFLECTED: usize = 1;
const INPLACE: usize = 2;

struct Operator {
    def: &'static OpDef,
    overload: usize,
    template: [Arg<'static>; ARGS],
    n: usize,
    /// Whether the operand that is not `self` may be a number.
    numbers: bool,
    /// A reflected call whose line has the tensor first: `2 + x` is `add(x, 2)`.
    swaps: bool,
}

static OPERATORS: [[AtomicPtr<Operator>; 3]; NAMES.len()] =
    [const { [const { AtomicPtr::new(null_mut()) }; 3] }; NAMES.len()];

/// The operator that `__radd__` names, and which of its methods.
fn parsed(method: &str) -> Option<(usize, usize)> {
    let name = method.strip_prefix("__")?.strip_suffix("__")?;
    let found = |name: &str| NAMES.iter().position(|&n| n == name);
    if let Some(i) = found(name) {
        return Some((i, PLAIN));
    }
    let (letter, rest) = name.split_at_checked(1)?;
    match letter {
        "r" => Some((found(rest)?, REFLECTED)),
        "i" => Some((found(rest)?, INPLACE)),
        _ => None,
    }
}

/// Notes the schema lines that operators call.
pub fn connect() -> Result<()> {
    for def in ops::registry() {
        // Few lines name operators; the rest need not be parsed again.
        for (overload, line) in def.schema.iter().enumerate().filter(|(_, line)| line.contains("; __")) {
            let schema = Schema::parse(line)?;
            for method in &schema.operators {
                let Some((i, which)) = parsed(method) else { bail!(Value, "no operator {method}: {line}") };
                let n = schema.params.len();
                if n > ARGS {
                    bail!(Value, "operator {method} has more than {ARGS} arguments: {line}");
                }
                let mut template = [Arg::None; ARGS];
                for (to, p) in template.iter_mut().zip(&schema.params) {
                    *to = default_arg(p);
                }
                let takes_number = |k: usize| schema.params.get(k).is_some_and(|p| p.ty == Type::Operand);
                let swaps = which == REFLECTED && schema.params[0].ty == Type::Tensor;
                let numbers = if which == REFLECTED && !swaps { takes_number(0) } else { takes_number(1) };
                let operator = Operator { def, overload, template, n, numbers, swaps };
                OPERATORS[i][which].store(Box::into_raw(Box::new(operator)), Relaxed);
            }
        }
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
        if overrides::active()
            && let Some(result) = overrides::operator(NAMES[which], a, b, inplace, false)?
        {
            return Ok(Some(result));
        }
        forget_subclass();
        let Some(left) = operand(a)? else { return beside(which, a, b, inplace) };
        let reflected = matches!(left, Arg::Number(_));
        let method = if inplace { INPLACE } else { reflected as usize };
        let op = OPERATORS[which][method].load(Relaxed);
        if op.is_null() {
            return Ok(None);
        }
        let op = &*op;
        let mut values = op.template;
        values[0] = left;
        if !b.is_null() {
            let Some(right) = operand(b)? else { return beside(which, a, b, inplace) };
            if !op.numbers && (reflected || matches!(right, Arg::Number(_))) {
                return Ok(None);
            }
            values[1] = right;
            if op.swaps {
                values.swap(0, 1);
            }
        }
        let args = Args { overload: op.overload, values: &values[..op.n], inplace, out: &[] };
        let class = subclass();
        match ops::call(NAMES[which], op.def, &args)? {
            _ if inplace => {
                ffi::Py_INCREF(a);
                Ok(Some(a))
            }
            Outs::Tensor(t) => Ok(Some(keep_class(wrap(t), class))),
            _ => bail!(Runtime, "internal error: operator {} gives no tensor", NAMES[which]),
        }
    }
}

/// Operators between a tensor and what is neither a tensor nor a number: a class that takes over, or an array.
#[cold]
unsafe fn beside(which: usize, a: P, b: P, inplace: bool) -> Result<Option<P>> {
    // SAFETY: slot arguments.
    unsafe {
        if let Some(result) = overrides::operator(NAMES[which], a, b, inplace, true)? {
            return Ok(Some(result));
        }
        beside_array(which, a, b)
    }
}

/// Operators between a tensor and a NumPy array. Most are left to NumPy, whose ufuncs read the tensor through `__array__` and
/// give the result back through `__array_wrap__`. PyTorch itself computes `==` (but not `!=`, which is then Python's comparison of
/// identities), and `array / tensor`, which is the tensor's reciprocal times the array.
#[cold]
unsafe fn beside_array(which: usize, a: P, b: P) -> Result<Option<P>> {
    // SAFETY: slot arguments are alive; each new reference is given back.
    unsafe {
        if which == at("truediv") && numpy::is_array(a) {
            let Some(divisor) = as_tensor(b) else { return Ok(None) };
            let r = errors::checked(wrap(divisor.reciprocal()?))?;
            let product = ffi::PyNumber_Multiply(r, a);
            ffi::Py_DECREF(r);
            if product.is_null() && ffi::PyErr_ExceptionMatches(ffi::PyExc_TypeError) != 0 {
                ffi::PyErr_Clear();
                return Ok(None);
            }
            return errors::checked(product).map(Some);
        }
        if which == at("eq") {
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
    guarded(NAMES[OP], || unsafe { run(OP, a, b, false) })
}

unsafe extern "C" fn inplace<const OP: usize>(a: P, b: P) -> P {
    // SAFETY: slot arguments.
    guarded(NAMES[OP], || unsafe { run(OP, a, b, true) })
}

unsafe extern "C" fn unary<const OP: usize>(a: P) -> P {
    // SAFETY: slot arguments.
    guarded(NAMES[OP], || unsafe {
        if OP == at("invert") && as_tensor(a).is_some_and(|t| t.dtype().is_float()) {
            bail!(Type, "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
        }
        run(OP, a, null_mut(), false)
    })
}

unsafe extern "C" fn power(a: P, b: P, modulus: P) -> P {
    // SAFETY: slot arguments; the third is None outside `pow(a, b, c)`.
    guarded("pow", || unsafe { if modulus == ffi::Py_None() { run(at("pow"), a, b, false) } else { Ok(None) } })
}

unsafe extern "C" fn inplace_power(a: P, b: P, _: P) -> P {
    // SAFETY: slot arguments.
    guarded("pow", || unsafe { run(at("pow"), a, b, true) })
}

unsafe extern "C" fn compare(a: P, b: P, op: c_int) -> P {
    // SAFETY: slot arguments; `op` is one of six, in Python's order, which is that of the names.
    guarded("compare", || unsafe { run(at("lt") + op as usize, a, b, false) })
}

/// Tensors hash by identity, since `==` compares elements.
unsafe extern "C" fn hash(o: P) -> ffi::Py_hash_t {
    (o as usize >> 4) as ffi::Py_hash_t
}

/// All slots of this room.
pub fn slots() -> Vec<ffi::PyType_Slot> {
    macro_rules! table {
        ($($kind:ident $name:literal $slot:ident,)*) => {
            vec![
                $(slot(ffi::$slot, $kind::<{ at($name) }> as *mut c_void),)*
                slot(ffi::Py_nb_power, power as *mut c_void),
                slot(ffi::Py_nb_inplace_power, inplace_power as *mut c_void),
                slot(ffi::Py_tp_richcompare, compare as *mut c_void),
                slot(ffi::Py_tp_hash, hash as *mut c_void),
            ]
        };
    }
    table![
        binary "add" Py_nb_add,
        binary "sub" Py_nb_subtract,
        binary "mul" Py_nb_multiply,
        binary "truediv" Py_nb_true_divide,
        binary "floordiv" Py_nb_floor_divide,
        binary "mod" Py_nb_remainder,
        binary "matmul" Py_nb_matrix_multiply,
        binary "and" Py_nb_and,
        binary "or" Py_nb_or,
        binary "xor" Py_nb_xor,
        binary "lshift" Py_nb_lshift,
        binary "rshift" Py_nb_rshift,
        unary "neg" Py_nb_negative,
        unary "abs" Py_nb_absolute,
        unary "pos" Py_nb_positive,
        unary "invert" Py_nb_invert,
        inplace "add" Py_nb_inplace_add,
        inplace "sub" Py_nb_inplace_subtract,
        inplace "mul" Py_nb_inplace_multiply,
        inplace "truediv" Py_nb_inplace_true_divide,
        inplace "floordiv" Py_nb_inplace_floor_divide,
        inplace "mod" Py_nb_inplace_remainder,
        inplace "lshift" Py_nb_inplace_lshift,
        inplace "rshift" Py_nb_inplace_rshift,
        inplace "and" Py_nb_inplace_and,
        inplace "or" Py_nb_inplace_or,
        inplace "xor" Py_nb_inplace_xor,
    ]
}
