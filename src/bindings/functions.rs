//! Functions of the module that are no ops: modes, defaults, dtypes, threads, printing.

use std::cell::RefCell;

use pyo3::ffi;
use pyo3::prelude::*;

use super::call::{none, number};
use super::convert;
use super::errors::{OrForeign, P, checked};
use super::native::natives;
use super::object::{as_tensor, set_parameter_type, wrap};
use super::{size, types};
use crate::core::promote::{Promotion, promoted};
use crate::core::{DType, Device, Number, shape};
use crate::device::SharedGenerator;
use crate::error::Result;
use crate::ops::call::show_as;
use crate::ops::norm::check_parameters;
use crate::tensor::write::check_castable;
use crate::tensor::{Operand, Tensor, display, door, mode};
use crate::{bail, cpu};

fn truth(b: bool) -> Result<P> {
    checked(number(Number::Bool(b)))
}

/// A new reference to the object of a dtype.
fn dtype_object(d: DType) -> P {
    super::autograd::again(types::dtype_object(d))
}

natives! {
    /// Whether `obj` is a Tensor.
    is_tensor as ["function.is_tensor(Any obj) -> bool"] {
        call(obj: P) {
            // SAFETY: an argument of the call.
            truth(unsafe { as_tensor(obj) }.is_some())
        }
    }
    /// Refuses parameters of a normalisation whose dtypes do not fit the input's: one rule for those in Rust and in Python.
    check_norm_parameters as ["function._check_norm_parameters(Tensor input, Tensor? weight, Tensor? bias) -> None"] {
        call(input: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>) {
            check_parameters(input.dtype(), &[weight, bias])?;
            Ok(none())
        }
    }
    /// Shows users the node of `out`, computed from `inputs` by several ops, as PyTorch's one node `name`.
    show_as_one as ["function._show_as(str name, Tensor?[] inputs, Tensor out) -> None"] {
        call(name: &str, inputs: &[Option<&Tensor>], out: &Tensor) {
            let inputs: Vec<&Tensor> = inputs.iter().copied().flatten().collect();
            show_as(name.to_string(), &inputs, out)?;
            Ok(none())
        }
    }
    /// Whether operations are recorded for backward.
    is_grad_enabled as ["function.is_grad_enabled() -> bool"] {
        call() { truth(mode::grad_enabled()) }
    }
    /// Switches recording on or off, and returns what it was.
    set_grad_enabled as ["function._set_grad_enabled(bool enabled) -> bool"] {
        call(enabled: bool) { truth(mode::set_grad_enabled(enabled)) }
    }
    /// Whether inference mode is on.
    is_inference_mode_enabled as ["function.is_inference_mode_enabled() -> bool"] {
        call() { truth(mode::inference()) }
    }
    /// Switches inference mode on or off, and returns what it was.
    set_inference as ["function._set_inference(bool enabled) -> bool"] {
        call(enabled: bool) { truth(mode::set_inference(enabled)) }
    }
    /// The dtype of Python floats.
    get_default_dtype as ["function.get_default_dtype() -> dtype"] {
        call() { Ok(dtype_object(mode::default_float())) }
    }
    /// Sets the dtype of Python floats.
    set_default_dtype as ["function.set_default_dtype(dtype d) -> None"] {
        call(d: DType) {
            if !d.is_float() {
                bail!(Type, "only floating-point types are supported as the default type");
            }
            mode::set_default_float(d);
            Ok(none())
        }
    }
    /// Where tensors are made that no device is named for.
    get_default_device as ["function.get_default_device() -> device"] {
        call() {
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            Ok(types::device_object(py, mode::default_device().shown()).or_foreign()?.into_ptr())
        }
    }
    /// Makes new tensors on `device` where none is named for them; on the CPU for None. For this thread.
    set_default_device as ["function.set_default_device(device? device) -> None"] {
        call(device: Option<Device>) {
            let device = device.unwrap_or(Device::CPU);
            device.require("set_default_device")?;
            mode::set_default_device(device.plain());
            Ok(none())
        }
    }
    /// How many threads a kernel may use.
    get_num_threads as ["function.get_num_threads() -> int"] {
        call() { checked(number(Number::Int(cpu::threads::count() as i64))) }
    }
    /// Sets how many threads a kernel may use.
    set_num_threads as ["function.set_num_threads(int n) -> None"] {
        call(n: i64) {
            match n {
                n if n > 0 => cpu::threads::set_count(n as usize),
                _ => bail!(Runtime, "set_num_threads expects a positive integer"),
            }
            Ok(none())
        }
    }
    /// Until this thread ends, its default generator is `generator`, and its kernels leave the other threads alone.
    become_worker as ["function._become_worker(Generator generator) -> None"] {
        call(generator: &SharedGenerator) {
            crate::device::rng::use_here(generator);
            cpu::threads::work_alone();
            Ok(none())
        }
    }
    /// The smallest dtype that both convert to.
    promote_types as ["function.promote_types(dtype type1, dtype type2) -> dtype"] {
        call(type1: DType, type2: DType) { Ok(dtype_object(promoted(type1, type2)?)) }
    }
    /// The dtype of an operation on both.
    result_type as ["function.result_type(Operand tensor1, Operand tensor2) -> dtype"] {
        call(tensor1: Operand, tensor2: Operand) {
            let mut p = Promotion::default();
            for operand in [tensor1, tensor2] {
                match operand {
                    Operand::Tensor(t) => p.tensor(t.dtype(), t.ndim()),
                    Operand::Number(n) => p.number(n, mode::default_float()),
                }
            }
            Ok(dtype_object(p.result()?.unwrap_or(DType::F32)))
        }
    }
    /// Whether an in-place operation may cast so: floats not to ints, nothing but bool to bool.
    can_cast as ["function.can_cast(dtype from_, dtype to) -> bool"] {
        call(from_: DType, to: DType) { truth(check_castable(from_, to).is_ok()) }
    }
    /// The shape that all of a sequence of shapes broadcast to.
    broadcast_shapes as ["function._broadcast_shapes(Any shapes) -> Size"] {
        call(shapes: P) { broadcast_shapes(shapes) }
    }
    /// The tensor itself, whose gradient, where backward is recorded, requires grad as that of one op of it and the others.
    tied as ["function._tied(Tensor x, Tensor[] others) -> Tensor"] {
        call(x: &Tensor, others: &[&Tensor]) { Ok(wrap(x.tied_to(others)?)) }
    }
    /// Hidden states and cells (T, N, H) of all steps of a layer of long short-term memory on the CPU. `gates` (T, N, 4 H): the
    /// products with the inputs, with all biases; weight (4 H, H) is the states', hidden and cell (N, H) those at first.
    lstm as [
        "function._lstm(Tensor gates, Tensor weight, Tensor hidden, Tensor cell, bool reverse=False) -> tuple",
    ] {
        call(gates: &Tensor, weight: &Tensor, hidden: &Tensor, cell: &Tensor, reverse: bool) {
            let [hidden, cells] = crate::ops::lstm::lstm(gates, weight, hidden, cell, reverse)?;
            let (hidden, cells) = (wrap(hidden), wrap(cells));
            // SAFETY: both are new references, given back; the tuple has its own.
            unsafe {
                let pair = ffi::PyTuple_Pack(2, hidden, cells);
                ffi::Py_DECREF(hidden);
                ffi::Py_DECREF(cells);
                checked(pair)
            }
        }
    }
    /// How tensors are printed; `profile` is default, short or full.
    set_printoptions as [
        "function.set_printoptions(int? precision=None, float? threshold=None, int? edgeitems=None, int? linewidth=None, str? profile=None, bool? sci_mode=None) -> None",
    ] {
        call(
            precision: Option<i64>,
            threshold: Option<f64>,
            edgeitems: Option<i64>,
            linewidth: Option<i64>,
            profile: Option<&str>,
            sci_mode: Option<bool>
        ) {
            let mut o = match profile {
                None => display::options(),
                Some(name) => match display::Options::profile(name) {
                    Some(o) => o,
                    None => bail!(Value, "set_printoptions: profile is '{name}'; expected default, short or full"),
                },
            };
            (o.precision, o.edgeitems, o.linewidth) = display::checked(
                precision.unwrap_or(o.precision as i64),
                edgeitems.unwrap_or(o.edgeitems as i64),
                linewidth.unwrap_or(o.linewidth as i64),
            )?;
            o.threshold = threshold.unwrap_or(o.threshold);
            o.sci_mode = sci_mode;
            display::set_options(o);
            Ok(none())
        }
    }
    /// How tensors are printed: (precision, threshold, edgeitems, linewidth, sci_mode).
    printoptions as ["function._printoptions() -> Any"] {
        call() {
            let o = display::options();
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            let all = (o.precision, o.threshold, o.edgeitems, o.linewidth, o.sci_mode);
            Ok(all.into_pyobject(py).or_foreign()?.into_ptr())
        }
    }
    /// Watches the door, for tests: until the next call notes each op's name and its results; that call gives them as a list.
    watch as ["function._watch(bool on) -> Any"] {
        call(on: bool) { watch(on) }
    }
    /// Counts calls of ops at the door, for `utils.flop_counter`: those whose name is in `names`, of this thread, until the next
    /// call, forward and backward. That call gives (name, the op whose backward ran or "", shapes of inputs, shapes of
    /// results, how often), in the order of their first call. With None it ends.
    count_calls as ["function._count_calls(Any names) -> Any"] {
        call(names: P) { super::counts::count(names) }
    }
    /// Told once by `nn.Parameter`, whose objects then pass the fast type test.
    set_parameter_type as ["function._set_parameter_type(Any cls) -> None"] {
        call(class = cls: P) {
            // SAFETY: an argument of the call; a class that is kept for ever.
            unsafe {
                if ffi::PyType_Check(class) == 0
                    || ffi::PyType_IsSubtype(class.cast(), super::object::tensor_type()) == 0
                {
                    bail!(Type, "expected a subclass of Tensor");
                }
                ffi::Py_INCREF(class);
            }
            set_parameter_type(class.cast());
            Ok(none())
        }
    }
}

thread_local! {
    /// The names of ops and their results, as they passed the door.
    static SEEN: RefCell<Vec<(&'static str, Vec<Tensor>)>> = const { RefCell::new(Vec::new()) };
}

fn watch(on: bool) -> Result<P> {
    let note = |name, _: &[&Tensor], results: &[&Tensor]| {
        let results = results.iter().map(|&t| t.clone()).collect();
        SEEN.with_borrow_mut(|seen| seen.push((name, results)));
    };
    door::watch(if on { Some(Box::new(note)) } else { None });
    let seen = SEEN.take();
    // SAFETY: the GIL is held.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: `wrap` gives a new reference, or null with an exception set.
    let object = |t| unsafe { Bound::from_owned_ptr_or_err(py, wrap(t)) };
    let rows = seen.into_iter().map(|(name, results)| {
        let results = results.into_iter().map(object).collect::<PyResult<Vec<_>>>()?;
        Ok((name, results))
    });
    let list = rows.collect::<PyResult<Vec<_>>>().or_foreign()?;
    Ok(list.into_pyobject(py).or_foreign()?.into_ptr())
}

fn broadcast_shapes(shapes: P) -> Result<P> {
    // SAFETY: an argument of the call; the GIL is held.
    let shapes = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), shapes) };
    let mut all: Vec<Vec<i64>> = vec![];
    let objects = shapes.try_iter().or_foreign()?.collect::<PyResult<Vec<_>>>().or_foreign()?;
    for s in &objects {
        // A shape may be a number, and one that is None does not count.
        let one = match convert::int(s.as_ptr())? {
            Some(n) => vec![n],
            None if s.is_none() => continue,
            None => s.extract::<Vec<i64>>().map_err(|_| {
                crate::err!(Runtime, "Input shapes should be of type ints, a tuple of ints, or a list of ints, got {s}")
            })?,
        };
        all.push(one);
    }
    let mut out: Vec<i64> = vec![1; all.iter().map(Vec::len).max().unwrap_or(0)];
    for (at, shape) in all.iter().enumerate() {
        for (back, &n) in (1..).zip(shape.iter().rev()) {
            let place = out.len() - back;
            if out[place] == 1 && n < 0 {
                crate::bail!(Value, "Attempting to broadcast a dimension with negative length!");
            }
            if out[place] == 1 {
                out[place] = n;
            } else if n != 1 && n != out[place] {
                let comma = if shape.len() == 1 { "," } else { "" };
                let given = shape.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                crate::bail!(
                    Runtime,
                    "Attempting to broadcast a dimension of length {n} at -{back}! Mismatching argument at index {at} had \
                     ({given}{comma}); but expected shape should be broadcastable to {out:?}"
                );
            }
        }
    }
    let out: shape::Shape = out.into_iter().map(|n| n as usize).collect();
    checked(size::new(&out))
}
