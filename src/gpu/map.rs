//! The kernel around an elementwise formula: four neighbours an invocation where all operands lie alike, else one element (or
//! one word of narrow elements) that walks each operand's strides. The formula is the row's own expression, printed.

use super::access::{Type, Way, per_word};
use super::copy;
use super::kernel::{Kernel, Operand, count};
use super::walk::Walk;
use crate::core::{DType, Number, Strides};
use crate::device::gpu::gpu;
use crate::device::{Array, Value};
use crate::err;
use crate::error::Result;
use crate::expr::Graph;
use crate::expr::wgsl::{Lane, function};

const GROUP: usize = 256;
/// Operands that are arrays, at most: eight buffers less the result.
const READS: usize = 7;

/// A formula with all that is known of one call of it.
pub struct Call<'a> {
    pub op: &'a str,
    pub graph: &'a Graph,
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
    match dtype {
        DType::F16 | DType::BF16 | DType::F32 => Some(Lane::F32),
        DType::I64 => Some(Lane::I64),
        DType::Bool | DType::U8 | DType::I32 => Some(Lane::I32),
        DType::F64 => None,
    }
}

/// `out[i] = formula(operands[i])`; operands broadcast to the shape of `out`, which may be one of them.
pub fn run(call: &Call, operands: &[Value], out: &Array) -> Result<()> {
    let Some(lane) = lane(call.compute) else { return Err(call.compute.lacks_on_gpu(call.op)) };
    let missing = || err!(NotImplemented, "{}: not implemented on the GPU for {}", call.op, call.compute.name());
    let formula = || function("formula", call.graph, lane).ok_or_else(missing);
    let mut numbers: Vec<Number> = call.params.to_vec();
    let mut arrays: Vec<(&Array, Type)> = vec![];
    let mut arguments: Vec<Argument> = vec![];
    for (k, v) in operands.iter().enumerate() {
        let mask = call.masks >> k & 1 == 1;
        match v {
            Value::Array(a) => {
                let exact = a.dtype == call.compute || matches!(a.dtype, DType::Bool | DType::U8);
                let rounds = call.compute.is_half() && !mask && call.wide >> k & 1 == 0 && !exact;
                arguments
                    .push(Argument { source: Source::Array(arrays.len()), rounds: rounds.then_some(call.compute) });
                arrays.push((a, if mask { Type::Bool } else { lane.into() }));
            }
            Value::Number(n) => {
                arguments.push(Argument { source: Source::Number(numbers.len(), mask), rounds: None });
                numbers.push(*n);
            }
            Value::Unused => {}
        }
    }
    let result = if call.out_mask { Type::Bool } else { lane.into() };
    let key = (std::ptr::from_ref(call.graph).addr(), arguments.iter().fold(0, |v, a| v << 9 | a.code()));
    launch(call.op, key, &arrays, &numbers, result, out, &|| {
        let arguments: Vec<String> = arguments.iter().map(|a| a.text(lane)).collect();
        Ok((formula()?, arguments))
    })
}

/// What a formula gets in one place.
struct Argument {
    source: Source,
    /// The half type that it is rounded to first.
    rounds: Option<DType>,
}

enum Source {
    Array(usize),
    /// By its place; whether a truth value is meant.
    Number(usize, bool),
}

impl Argument {
    /// Nine bits that stand for it.
    fn code(&self) -> u64 {
        let source = match self.source {
            Source::Array(k) => k,
            Source::Number(j, mask) => 16 + j + 8 * usize::from(mask),
        };
        (source + 64 * self.rounds.map_or(0, |d| d as usize)) as u64
    }

    /// With `@` for each array's element.
    fn text(&self, lane: Lane) -> String {
        let source = match self.source {
            Source::Array(k) => format!("@{k}"),
            Source::Number(j, false) => crate::expr::wgsl::parameter(j as u8, lane),
            Source::Number(j, true) => format!("(rg_meta.i32s[{j}] != 0)"),
        };
        match self.rounds {
            Some(DType::F16) => format!("f16_unpack(f16_round({source}))"),
            Some(_) => format!("bf16_unpack(bf16_round({source}))"),
            None => source,
        }
    }
}

/// A function named `formula`, and its arguments: `@k` stands for the element of array `k`.
type Text<'a> = &'a dyn Fn() -> Result<(String, Vec<String>)>;

/// `out[i]` from the elements `i` of `arrays`, which broadcast. `key` stands for what `text` gives.
pub(super) fn launch(
    op: &str,
    key: (usize, u64),
    arrays: &[(&Array, Type)],
    numbers: &[Number],
    result: Type,
    out: &Array,
    text: Text,
) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    if arrays.len() > READS {
        return Err(err!(NotImplemented, "{op}: more operands than a kernel on the GPU may have"));
    }
    // One that shares memory with the result is read where it is written, or first copied aside.
    let over = |a: &Array| a.storage.same(&out.storage) && a.dtype == out.dtype && a.layout == out.layout;
    let mut aside: Vec<Array> = vec![];
    for (a, _) in arrays.iter().filter(|(a, _)| a.storage.same(&out.storage) && !over(a)) {
        aside.push(copy::packed(a)?);
    }
    let mut copies = aside.iter();
    let arrays: Vec<(&Array, Type)> = arrays
        .iter()
        .map(|&(a, t)| (if a.storage.same(&out.storage) && !over(a) { copies.next().unwrap_or(a) } else { a }, t))
        .collect();
    let spread: Vec<Strides> = arrays.iter().map(|(a, _)| a.layout.broadcast_to(out.shape()).strides).collect();
    let strides: Vec<&Strides> = std::iter::once(&out.layout.strides).chain(&spread).collect();
    let walk = Walk::new(out.shape(), &strides);
    let job = Job { op, key, numbers, result, out, text, walk, arrays };
    if job.is_flat(4) { job.fours() } else { job.walked() }
}

struct Job<'a> {
    op: &'a str,
    /// Stands for what `text` gives.
    key: (usize, u64),
    numbers: &'a [Number],
    result: Type,
    out: &'a Array,
    text: Text<'a>,
    /// Operand 0 is `out`.
    walk: Walk,
    arrays: Vec<(&'a Array, Type)>,
}

impl Job<'_> {
    /// Whether each operand is element after element, or one, from a multiple of `step` on. What is written past the end
    /// must be nobody's: padding of a whole buffer.
    fn is_flat(&self, step: usize) -> bool {
        let aligned = |a: &Array| a.layout.offset.is_multiple_of(step);
        let inputs = self.arrays.iter().enumerate();
        self.owns_words(step)
            && inputs
                .into_iter()
                .all(|(k, (a, _))| self.walk.is_single(k + 1) || self.walk.is_flat(k + 1) && aligned(a))
    }

    fn owns_words(&self, step: usize) -> bool {
        let (out, n) = (self.out, self.out.numel());
        let ends = (out.layout.offset + n) * out.dtype.size() >= out.storage.bytes();
        self.walk.is_flat(0) && out.layout.offset.is_multiple_of(step) && (n.is_multiple_of(step) || ends)
    }

    fn is_over(&self, a: &Array) -> bool {
        a.storage.same(&self.out.storage)
    }

    /// The text of one call of the formula.
    fn call(arguments: &[String], element: &dyn Fn(usize) -> String) -> String {
        let mut text = format!("formula({})", arguments.join(", "));
        for k in 0..READS {
            text = text.replace(&format!("@{k}"), &element(k));
        }
        text
    }

    fn fours(&self) -> Result<()> {
        let g = gpu(self.op)?;
        let n = self.out.numel();
        let widest = self.arrays.iter().map(|(a, _)| a.dtype.size()).fold(self.out.dtype.size(), usize::max);
        let window = (g.binding_limit() as usize / widest / GROUP - 1) * GROUP;
        // What lies over the result is read where it is written.
        let single =
            |(k, (a, _)): (usize, &(&Array, Type))| u32::from(self.walk.is_single(k + 1) && !self.is_over(a)) << k;
        let singles: u32 = self.arrays.iter().enumerate().map(single).sum();
        let single = |k: usize| singles >> k & 1 == 1;
        let body = || {
            let (formula, arguments) = (self.text)()?;
            let loads: String = (0..self.arrays.len())
                .map(|k| match single(k) {
                    true => format!("    let a{k} = load{k}(rg_word({}u));\n", k + 3),
                    false => format!("    let a{k} = load{k}(i + rg_word({}u));\n", k + 3),
                })
                .collect();
            let part =
                |j: usize| Job::call(&arguments, &|k| if single(k) { format!("a{k}") } else { format!("a{k}[{j}]") });
            Ok(format!(
                "{formula}@compute @workgroup_size({GROUP})\nfn main(@builtin(workgroup_id) w: vec3<u32>, \
                 @builtin(local_invocation_index) l: u32) {{\n    let i = rg_group(w) * {GROUP}u + l;\n    if (i >= rg_word(0u)) {{ \
                 return; }}\n{loads}    store0(i + rg_word(2u), {}({}, {}, {}, {}));\n}}\n",
                self.result.four(),
                part(0),
                part(1),
                part(2),
                part(3)
            ))
        };
        for start in (0..n).step_by(window) {
            let len = window.min(n - start);
            let cut = |o| if n > window { Operand::part(o, start, len) } else { o };
            let reads: Vec<Operand> = self
                .arrays
                .iter()
                .enumerate()
                .map(|(k, &(a, kind))| match Operand::new(a, kind) {
                    o if single(k) => o,
                    o if self.is_over(a) => cut(o.way(Way::Fours).over()),
                    o => cut(o.way(Way::Fours)),
                })
                .collect();
            let out = cut(Operand::new(self.out, self.result).way(Way::Fours));
            let mut words = vec![out.first(g) / 4];
            words.extend(reads.iter().enumerate().map(|(k, o)| if single(k) { o.first(g) } else { o.first(g) / 4 }));
            let kernel = Kernel {
                op: self.op,
                id: self.key.0,
                variant: self.key.1,
                consts: &[("SINGLES", singles)],
                reads: &reads,
                writes: &[out],
                body: &body,
            };
            kernel.run_linear(len.div_ceil(4), GROUP, &words, self.numbers)?;
        }
        Ok(())
    }

    fn walked(&self) -> Result<()> {
        let g = gpu(self.op)?;
        let n = self.out.numel();
        count(self.op, n)?;
        let per = per_word(self.out.dtype);
        let owned = per > 1 && self.owns_words(per);
        let way = if owned { Way::Words } else { Way::Each };
        let reads: Vec<Operand> = self
            .arrays
            .iter()
            .map(|&(a, kind)| match Operand::new(a, kind) {
                o if self.is_over(a) => o.way(way).over(),
                o => o,
            })
            .collect();
        let out = Operand::new(self.out, self.result).way(way);
        let mut words = vec![out.first(g) / if owned { per as u32 } else { 1 }];
        words.extend(reads.iter().map(|o| o.first(g)));
        words.extend(self.walk.words());
        let (dims, count) = (self.walk.ndim(), reads.len());
        let body = || {
            let (formula, arguments) = (self.text)()?;
            let value = Job::call(&arguments, &|k| format!("load{k}(p{k})"));
            let main = match per {
                4 if owned => format!(
                    "store0(i + rg_word(2u), {}(value(4u * i), value(4u * i + 1u), value(4u * i + 2u), value(4u * i + 3u)));",
                    self.result.four()
                ),
                2 if owned => {
                    format!("store0(i + rg_word(2u), {}(value(2u * i), value(2u * i + 1u)));", self.result.two())
                }
                _ => "let v = value(i); store0(place, v);".to_string(),
            };
            Ok(format!(
                "{formula}var<private> place: u32;\nfn value(i: u32) -> {} {{\n{}    return {value};\n}}\n@compute \
                 @workgroup_size({GROUP})\nfn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) \
                 {{\n    let i = rg_group(w) * {GROUP}u + l;\n    if (i >= rg_word(0u)) {{ return; }}\n    {main}\n}}\n",
                self.result.name(),
                steps(dims, count, 3),
            ))
        };
        let kernel = Kernel {
            op: self.op,
            id: self.key.0,
            variant: self.key.1,
            consts: &[("DIMS", dims as u32)],
            reads: &reads,
            writes: &[out],
            body: &body,
        };
        kernel.run_linear(if owned { n.div_ceil(per) } else { n }, GROUP, &words, self.numbers)
    }
}

/// From the element's number `i` to its place in the result (`place`) and in each of `count` operands (`p0` ..), whose first
/// elements are words from `at` on, the dims after them. The last dim needs no division.
fn steps(dims: usize, count: usize, at: usize) -> String {
    let mut out = "    var r = i;\n    place = rg_word(2u);\n".to_string();
    for k in 0..count {
        out += &format!("    var p{k} = rg_word({}u);\n", at + k);
    }
    for d in 0..dims {
        let word = at + count + d * (count + 2);
        let index = if d + 1 < dims {
            out += &format!(
                "    let q{d} = r / rg_word({word}u);\n    let c{d} = r - q{d} * rg_word({word}u);\n    r = q{d};\n"
            );
            format!("c{d}")
        } else {
            "r".to_string()
        };
        out += &format!("    place += {index} * rg_word({}u);\n", word + 1);
        for k in 0..count {
            out += &format!("    p{k} += {index} * rg_word({}u);\n", word + 2 + k);
        }
    }
    out
}
