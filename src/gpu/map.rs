//! Elementwise formulas: the row's own expression, printed, in a kernel around it. A call that needs nothing special waits in
//! [`pending`] for the calls that follow, so that a chain of them is one kernel; all others are launched at once.

mod fused;
mod launch;
mod pending;

use std::sync::Arc;

use super::access::{Type, through};
use crate::core::dtype::OnGpu;
use crate::core::{DType, Number};
use crate::device::{Array, Value};
use crate::err;
use crate::error::Result;
use crate::expr::Graph;
use crate::expr::wgsl::{self, Lane, function};

pub(super) use launch::launch;
pub use pending::settle;

/// A formula as the GPU gets it.
pub struct Formula {
    /// Per lane what stands after `fn ` and a name; None where the lane cannot compute it.
    texts: [Option<String>; 4],
    params: usize,
}

impl Formula {
    pub fn of(graph: &Graph) -> Formula {
        let text = |lane| function("", graph, lane).and_then(|f| f.strip_prefix("fn ").map(str::to_string));
        Formula { texts: [Lane::F32, Lane::I32, Lane::I64, Lane::C64].map(text), params: graph.params() }
    }

    fn text(&self, lane: Lane) -> Option<&str> {
        let k = match lane {
            Lane::F32 => 0,
            Lane::I32 => 1,
            Lane::I64 => 2,
            Lane::C64 => 3,
        };
        self.texts[k].as_deref()
    }
}

/// A formula with all that is known of one call of it.
pub struct Call<'a> {
    pub op: &'static str,
    pub formula: &'a Arc<Formula>,
    /// The dtype that operands are cast to and results are rounded to.
    pub compute: DType,
    /// Bit k: operand k is a truth value.
    pub masks: u32,
    /// Bit k: operand k is not rounded to `compute`, where that is a half.
    pub wide: u32,
    pub out_mask: bool,
    pub params: &'a [Number],
}

/// What computes a dtype on the GPU; None: nothing does.
pub const fn lane(dtype: DType) -> Option<Lane> {
    match dtype.row().gpu {
        OnGpu::F32 => Some(Lane::F32),
        OnGpu::I64 => Some(Lane::I64),
        OnGpu::I32 => Some(Lane::I32),
        OnGpu::C64 => Some(Lane::C64),
        OnGpu::Nothing => None,
    }
}

/// A number as kernels of this lane are given it: complex ones get both parts.
pub fn lane_number(n: Number, lane: Lane) -> Number {
    if lane == Lane::C64 { Number::Complex(n.to_f64(), n.imag()) } else { n }
}

/// `out[i] = formula(operands[i])`; operands broadcast to the shape of `out`, which may be one of them.
pub fn run(call: &Call, operands: &[Value], out: &Array) -> Result<()> {
    let Some(lane) = lane(call.compute) else { return Err(call.compute.lacks_on_gpu(call.op)) };
    if call.formula.text(lane).is_none() {
        return Err(err!(NotImplemented, "{}: not implemented on the GPU for {}", call.op, call.compute.name()));
    }
    let mut step = Step {
        op: call.op,
        formula: call.formula.clone(),
        lane,
        result: if call.out_mask { Type::Bool } else { lane.into() },
        arguments: Vec::with_capacity(operands.len()),
        numbers: call.params.iter().map(|&n| lane_number(n, lane)).collect(),
    };
    let mut arrays: Vec<(&Array, Type)> = Vec::with_capacity(operands.len());
    for (k, v) in operands.iter().enumerate() {
        let mask = call.masks >> k & 1 == 1;
        match v {
            Value::Array(a) => {
                let exact = a.dtype == call.compute || matches!(a.dtype, DType::Bool | DType::U8);
                let narrow = call.compute.size() < 4 && call.compute != DType::Bool;
                let rounds = narrow && !mask && call.wide >> k & 1 == 0 && !exact;
                step.arguments
                    .push(Argument { source: Source::Array(arrays.len()), rounds: rounds.then_some(call.compute) });
                arrays.push((a, if mask { Type::Bool } else { lane.into() }));
            }
            Value::Number(n) => {
                step.arguments.push(Argument { source: Source::Number(step.numbers.len(), mask), rounds: None });
                step.numbers.push(if mask { *n } else { lane_number(*n, lane) });
            }
            Value::Unused => {}
        }
    }
    match pending::join(step, &arrays, out)? {
        None => Ok(()),
        Some(step) => {
            let text = || Ok(step.alone());
            launch(step.op, step.key(), &arrays, &step.numbers, step.result, out, &text)
        }
    }
}

/// A call without its arrays.
struct Step {
    op: &'static str,
    formula: Arc<Formula>,
    lane: Lane,
    /// What the formula gives.
    result: Type,
    /// What the formula's inputs are.
    arguments: Vec<Argument>,
    /// The formula's own numbers, then those that are operands.
    numbers: Vec<Number>,
}

/// What a formula gets in one place.
struct Argument {
    source: Source,
    /// The dtype of one or two bytes that it is cast to first.
    rounds: Option<DType>,
}

enum Source {
    Array(usize),
    /// By its place; whether a truth value is meant.
    Number(usize, bool),
}

impl Argument {
    /// Six bits of a cache key: five for where the argument comes from, one for whether it is rounded.
    fn code(&self) -> u64 {
        let source = match self.source {
            Source::Array(k) => k,
            Source::Number(j, mask) => 16 + j + 8 * usize::from(mask),
        };
        (source + 32 * usize::from(self.rounds.is_some())) as u64
    }

    /// Its text, where `source` is that of where it comes from.
    fn rounded(&self, source: String) -> String {
        match self.rounds {
            Some(dtype) => {
                let kind = Type::of(dtype);
                through(dtype, &source, kind, kind)
            }
            None => source,
        }
    }
}

impl Step {
    /// Cache key of what [`Step::alone`] gives: the formula, and six bits for each argument behind four for the one dtype that
    /// arguments are rounded to.
    fn key(&self) -> (usize, u64) {
        let dtype = self.arguments.iter().find_map(|a| a.rounds).map_or(0, |d| d as u64);
        (Arc::as_ptr(&self.formula).addr(), self.arguments.iter().fold(dtype, |v, a| v << 6 | a.code()))
    }

    /// The formula as a function of this name.
    fn function(&self, name: &str) -> String {
        format!("fn {name}{}", self.formula.text(self.lane).unwrap_or_default())
    }

    /// Its arguments: those given as `array` and `number` say, the formula's own numbers last.
    fn arguments(&self, array: impl Fn(usize) -> String, number: impl Fn(usize, bool) -> String) -> Vec<String> {
        let text = |a: &Argument| match a.source {
            Source::Array(k) => a.rounded(array(k)),
            Source::Number(j, mask) => a.rounded(number(j, mask)),
        };
        self.arguments.iter().map(text).chain((0..self.formula.params).map(|j| number(j, false))).collect()
    }

    /// Its function and arguments in a kernel of its own, with `@` for each array's element.
    fn alone(&self) -> (String, Vec<String>) {
        let number = |j: usize, mask| match mask {
            false => wgsl::parameter(j as u8, self.lane),
            true => format!("(rg_meta.i32s[{j}] != 0)"),
        };
        (self.function("formula"), self.arguments(|k| format!("@{k}"), number))
    }
}
