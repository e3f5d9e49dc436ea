//! Functions of the module that are no ops: modes, defaults, dtypes, threads, printing.

use pyo3::ffi;
use pyo3::prelude::*;

use super::call::{none, number};
use super::convert;
use super::errors::{OrForeign, P, checked};
use super::native::Native;
use super::object::{as_tensor, set_parameter_type};
use super::{size, types};
use crate::core::promote::{Promotion, promote};
use crate::core::{DType, Number, shape};
use crate::error::Result;
use crate::tensor::apply::check_castable;
use crate::tensor::{Args, Operand, display, mode};
use crate::{bail, cpu};

fn truth(b: bool) -> Result<P> {
    checked(number(Number::Bool(b)))
}

/// A new reference to the object of a dtype.
fn dtype_object(d: DType) -> P {
    super::autograd::again(types::dtype_object(d))
}

macro_rules! native {
    ($schema:literal, $doc:literal, $call:expr) => {
        Native { schema: &[$schema], aliases: &[], doc: $doc, call: $call }
    };
}

pub static ROWS: &[Native] = &[
    native!("function.is_tensor(Any obj) -> bool", "Whether `obj` is a Tensor.", |a, _| {
        // SAFETY: an argument of the call.
        truth(a.opt_object(0).is_some_and(|o| unsafe { as_tensor(o.cast()) }.is_some()))
    }),
    native!("function.is_grad_enabled() -> bool", "Whether operations are recorded for backward.", |_, _| {
        truth(mode::grad_enabled())
    }),
    native!(
        "function._set_grad_enabled(bool enabled) -> bool",
        "Switches recording on or off, and returns what it was.",
        |a, _| truth(mode::set_grad_enabled(a.flag(0)))
    ),
    native!("function.is_inference_mode_enabled() -> bool", "Whether inference mode is on.", |_, _| truth(
        mode::inference()
    )),
    native!(
        "function._set_inference(bool enabled) -> bool",
        "Switches inference mode on or off, and returns what it was.",
        |a, _| truth(mode::set_inference(a.flag(0)))
    ),
    native!("function.get_default_dtype() -> dtype", "The dtype of Python floats.", |_, _| {
        Ok(dtype_object(mode::default_float()))
    }),
    native!("function.set_default_dtype(dtype d) -> None", "Sets the dtype of Python floats.", |a, _| {
        match a.opt_dtype(0) {
            Some(d) if d.is_float() => mode::set_default_float(d),
            _ => bail!(Type, "only floating-point types are supported as the default type"),
        }
        Ok(none())
    }),
    native!("function.get_num_threads() -> int", "How many threads a kernel may use.", |_, _| {
        checked(number(Number::Int(cpu::threads::count() as i64)))
    }),
    native!("function.set_num_threads(int n) -> None", "Sets how many threads a kernel may use.", |a, _| {
        match a.int(0)? {
            n if n > 0 => cpu::threads::set_count(n as usize),
            _ => bail!(Runtime, "set_num_threads expects a positive integer"),
        }
        Ok(none())
    }),
    native!(
        "function._become_worker(Generator generator) -> None",
        "Until this thread ends, its default generator is `generator`, and its kernels leave the other threads alone.",
        |a, _| {
            crate::device::rng::use_here(a.generator(0));
            cpu::threads::work_alone();
            Ok(none())
        }
    ),
    native!(
        "function.promote_types(dtype type1, dtype type2) -> dtype",
        "The smallest dtype that both convert to.",
        |a, _| Ok(dtype_object(promote(dtype(a, 0)?, dtype(a, 1)?)))
    ),
    native!(
        "function.result_type(Operand tensor1, Operand tensor2) -> dtype",
        "The dtype of an operation on both.",
        |a, _| {
            let mut p = Promotion::default();
            for i in 0..2 {
                match a.operand(i)? {
                    Operand::Tensor(t) => p.tensor(t.dtype(), t.ndim()),
                    Operand::Number(n) => p.number(n, mode::default_float()),
                }
            }
            Ok(dtype_object(p.result().unwrap_or(DType::F32)))
        }
    ),
    Native {
        schema: &["function.can_cast(dtype from_, dtype to) -> bool"],
        aliases: &[],
        doc: "Whether an in-place operation may cast so: floats not to ints, nothing but bool to bool.",
        call: |a, _| truth(check_castable(dtype(a, 0)?, dtype(a, 1)?).is_ok()),
    },
    Native {
        schema: &["function._broadcast_shapes(Any shapes) -> Size"],
        aliases: &[],
        doc: "The shape that all of a sequence of shapes broadcast to.",
        call: broadcast_shapes,
    },
    Native {
        schema: &[
            "function.set_printoptions(int? precision=None, float? threshold=None, int? edgeitems=None, int? linewidth=None, str? profile=None, bool? sci_mode=None) -> None",
        ],
        aliases: &[],
        doc: "How tensors are printed; `profile` is default, short or full.",
        call: set_print_options,
    },
    Native {
        schema: &["function._set_parameter_type(Any cls) -> None"],
        aliases: &[],
        doc: "Told once by `nn.Parameter`, whose objects then pass the fast type test.",
        call: |a, _| {
            let class: P = a.opt_object(0).map_or(std::ptr::null_mut(), |o| o.cast());
            // SAFETY: an argument of the call; a class that is kept for ever.
            unsafe {
                if class.is_null()
                    || ffi::PyType_Check(class) == 0
                    || ffi::PyType_IsSubtype(class.cast(), super::object::tensor_type()) == 0
                {
                    bail!(Type, "expected a subclass of Tensor");
                }
                ffi::Py_INCREF(class);
            }
            set_parameter_type(class.cast());
            Ok(none())
        },
    },
];

fn dtype(a: &Args, i: usize) -> Result<DType> {
    a.opt_dtype(i).ok_or_else(|| crate::err!(Type, "expected a dtype"))
}

fn broadcast_shapes(a: &Args, _: P) -> Result<P> {
    // SAFETY: an argument of the call; the GIL is held.
    let shapes = unsafe {
        let o: P = a.opt_object(0).map_or(ffi::Py_None(), |o| o.cast());
        Bound::from_borrowed_ptr(Python::assume_attached(), o)
    };
    let mut out = shape::Shape::new();
    for s in shapes.try_iter().or_foreign()? {
        let s = s.or_foreign()?;
        // A shape may be a number.
        let one = match convert::int(s.as_ptr())? {
            Some(n) => vec![n.max(0) as usize],
            None => s.extract::<Vec<usize>>().or_foreign()?,
        };
        out = shape::broadcast(&out, &one)
            .map_err(|_| crate::err!(Runtime, "Shape mismatch: objects cannot be broadcast to a single shape"))?;
    }
    checked(size::new(&out))
}

fn set_print_options(a: &Args, _: P) -> Result<P> {
    let mut o = match a.opt_str(4) {
        None => display::options(),
        Some(name) => match display::Options::profile(name) {
            Some(o) => o,
            None => bail!(Value, "set_printoptions: profile is '{name}'; expected default, short or full"),
        },
    };
    let (precision, edgeitems, linewidth) = display::checked(
        a.opt_int(0).unwrap_or(o.precision as i64),
        a.opt_int(2).unwrap_or(o.edgeitems as i64),
        a.opt_int(3).unwrap_or(o.linewidth as i64),
    )?;
    (o.precision, o.edgeitems, o.linewidth) = (precision, edgeitems, linewidth);
    if let Some(t) = a.opt_float(1) {
        o.threshold = t;
    }
    o.sci_mode = a.opt_flag(5);
    display::set_options(o);
    Ok(none())
}
