//! One kernel for several calls: their formulas one after another, each value rounded to its dtype as if it had gone through
//! memory. Their numbers are data in the metadata, as a single call's are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Step;
use super::launch::{Job, PLACES};
use crate::core::DType;
use crate::device::Array;
use crate::error::Result;
use crate::expr::wgsl::Lane;
use crate::gpu::access::{Type, through};
use crate::gpu::kernel;
use crate::gpu::words::rest;

/// Words of metadata for numbers, at most.
pub const WORDS: usize = kernel::WORDS - 1 - PLACES;

/// A call, and what its arrays are.
pub struct Part<'a> {
    pub step: &'a Step,
    pub inputs: Vec<Input>,
    /// Of its result.
    pub dtype: DType,
}

pub enum Input {
    /// An array of the kernel.
    Array(usize),
    /// The result of an earlier part, read as this type.
    Part(usize, Type),
}

/// Parts that were launched before: the name that they have together, in messages and profiles. Its address stands for them.
struct Shape {
    name: String,
    /// The address of a formula is in the key, so that it must live on.
    _formulas: Vec<Arc<super::Formula>>,
}

static SHAPES: Mutex<Option<HashMap<Vec<u64>, &'static Shape>>> = Mutex::new(None);

/// Words that the numbers of a call take.
pub fn words(step: &Step) -> usize {
    step.numbers.len() * width(step.lane)
}

fn width(lane: Lane) -> usize {
    if matches!(lane, Lane::I64 | Lane::C64) { 2 } else { 1 }
}

/// Launches the kernel that computes the last of `parts` into `out`, ahead of what waits. All arrays lie as `out` does, or are
/// single elements.
pub fn launch(parts: &[Part], arrays: Vec<(&Array, Type)>, out: &Array) -> Result<()> {
    let shape = shape(parts);
    let mut data = Vec::with_capacity(WORDS);
    for step in parts.iter().map(|p| p.step) {
        for n in &step.numbers {
            match step.lane {
                Lane::F32 => data.push((n.to_f64() as f32).to_bits()),
                Lane::I32 => data.push(n.to_i64() as u32),
                Lane::I64 => data.extend([n.to_i64() as u32, (n.to_i64() >> 32) as u32]),
                Lane::C64 => data.extend([n.to_f64(), n.imag()].map(|v| (v as f32).to_bits())),
            }
        }
    }
    let types: Vec<Type> = arrays.iter().map(|(_, t)| *t).collect();
    let result = parts.last().map_or(Type::F32, |p| p.step.result);
    let text = || Ok(text(parts, &types, result));
    let key = (std::ptr::from_ref(shape).addr(), 0);
    Job { op: &shape.name, key, numbers: &[], words: &data, result, out, text: &text, arrays }.run()
}

fn shape(parts: &[Part]) -> &'static Shape {
    let mut key = Vec::with_capacity(8 * parts.len());
    for p in parts {
        let of = p.step.lane as u64 | (p.step.result as u64) << 4 | (p.dtype as u64) << 8;
        key.extend([Arc::as_ptr(&p.step.formula).addr() as u64, of, p.step.arguments.len() as u64]);
        key.extend(p.step.arguments.iter().map(super::Argument::code));
        key.extend(p.inputs.iter().map(|i| match *i {
            Input::Array(k) => k as u64,
            Input::Part(j, t) => (j as u64) << 8 | (t as u64) << 4 | 8,
        }));
    }
    let mut known = SHAPES.lock().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().entry(key).or_insert_with(|| {
        // Like the pipelines that they stand for, they are never given up.
        Box::leak(Box::new(Shape {
            name: name(parts),
            _formulas: parts.iter().map(|p| p.step.formula.clone()).collect(),
        }))
    })
}

/// `mul+add+relu`; of a long chain the first ones and how many more.
fn name(parts: &[Part]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = parts.iter().take(SHOWN).map(|p| p.step.op).collect();
    match parts.len().saturating_sub(SHOWN) {
        0 => shown.join("+"),
        more => format!("{}+{more} more", shown.join("+")),
    }
}

/// The function of the kernel, of one element of each array, and its arguments.
fn text(parts: &[Part], types: &[Type], result: Type) -> (String, Vec<String>) {
    let mut functions = String::new();
    let mut body = String::new();
    // Calls of one formula share its function.
    let mut names: HashMap<(usize, u8), usize> = HashMap::new();
    let mut word = types.len();
    for (i, p) in parts.iter().enumerate() {
        let (step, count) = (p.step, names.len());
        let f = *names.entry((Arc::as_ptr(&step.formula).addr(), step.lane as u8)).or_insert(count);
        if f == count {
            functions += &step.function(&format!("f{f}"));
        }
        let array = |k: usize| match p.inputs[k] {
            Input::Array(slot) => format!("e{slot}"),
            Input::Part(j, kind) => through(parts[j].dtype, &format!("v{j}"), parts[j].step.result, kind),
        };
        let number = |j: usize, mask: bool| {
            let at = word + j * width(step.lane);
            let (low, high) = (rest(at), rest(at + 1));
            match (step.lane, mask) {
                (Lane::I64 | Lane::C64, true) => format!("(({low} | {high}) != 0u)"),
                (_, true) => format!("({low} != 0u)"),
                (Lane::F32, _) => format!("bitcast<f32>({low})"),
                (Lane::I32, _) => format!("bitcast<i32>({low})"),
                (Lane::I64, _) => format!("vec2<u32>({low}, {high})"),
                (Lane::C64, _) => format!("bitcast<vec2<f32>>(vec2<u32>({low}, {high}))"),
            }
        };
        body += &format!("    let v{i} = f{f}({});\n", step.arguments(array, number).join(", "));
        word += words(step);
    }
    let elements: Vec<String> = types.iter().enumerate().map(|(k, t)| format!("e{k}: {}", t.name())).collect();
    let formula = format!(
        "{functions}fn formula({}) -> {} {{\n{body}    return v{};\n}}\n",
        elements.join(", "),
        result.name(),
        parts.len() - 1
    );
    (formula, (0..types.len()).map(|k| format!("@{k}")).collect())
}
