//! Updates: formulas with several results, such as an optimizer's step, one dispatch for each parameter. What changes from step
//! to step (rates, corrections) is data, so that a schedule compiles nothing; what a program chooses once is text.

use super::access::{Type, Way};
use super::copy::packed;
use super::kernel::{Kernel, Operand, count};
use super::lanes::vector;
use super::walk::{Walk, index};
use super::words::{Words, rest, words};
use crate::core::{DType, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;
use crate::expr::Recorded;
use crate::expr::update::{MAX_NUMBERS, MAX_OPERANDS};
use crate::expr::wgsl::{Lane, lines};

const GROUP: usize = 256;

words! {
    /// The first elements of the operands follow, then a walk of all of them.
    struct Update { numbers[MAX_NUMBERS] }
}

/// An update printed for one choice of its flags. Its address stands for it in the cache of kernels.
pub struct Text {
    op: &'static str,
    /// `fn update`, of one element, and the struct of its results.
    function: String,
    /// Which operands are read; those that the formula has no use for are not bound.
    reads: Vec<usize>,
    /// Which are written.
    writes: Vec<usize>,
    numbers: usize,
}

impl Text {
    pub fn of(op: &'static str, recorded: &Recorded) -> Text {
        let graph = &recorded.graph;
        let mut writes: Vec<usize> = recorded.results.iter().map(|&(k, _)| k).collect();
        writes.sort_unstable();
        let uses = graph.uses();
        let reads: Vec<usize> = (0..MAX_OPERANDS).filter(|k| uses >> k & 1 == 1).collect();
        let numbers = graph.params();
        // Every intrinsic of floats has its text.
        let (body, values) = lines(graph, Lane::F32).unwrap_or_default();
        let fields: String = writes.iter().map(|k| format!("    r{k}: f32,\n")).collect();
        let arguments: Vec<String> =
            reads.iter().map(|k| format!("x{k}: f32")).chain((0..numbers).map(|j| format!("n{j}: f32"))).collect();
        let result = |k: &usize| {
            let node = recorded.results.iter().find(|(to, _)| to == k).map_or(0, |r| r.1);
            values.get(node as usize).cloned().unwrap_or_default()
        };
        let results: Vec<String> = writes.iter().map(result).collect();
        let function = format!(
            "struct Results {{\n{fields}}}\nfn update({}) -> Results {{\n{body}    return Results({});\n}}\n",
            arguments.join(", "),
            results.join(", ")
        );
        Text { op, function, reads, writes, numbers }
    }

    /// `step()`: reads an element of each operand, or four, and writes the results.
    fn step(&self, fours: bool) -> String {
        let mut out = String::from("fn step() {\n");
        for k in &self.reads {
            out += &format!("    let x{k} = get{k}();\n");
        }
        let parts: &[&str] = if fours { &[".x", ".y", ".z", ".w"] } else { &[""] };
        for (c, part) in parts.iter().enumerate() {
            let operands = self.reads.iter().map(|k| format!("x{k}{part}"));
            let numbers = (0..self.numbers).map(|j| format!("bitcast<f32>(rg_word(NUMBERS + {j}u))"));
            out += &format!("    let r{c} = update({});\n", operands.chain(numbers).collect::<Vec<_>>().join(", "));
        }
        for k in &self.writes {
            let values: Vec<String> = (0..parts.len()).map(|c| format!("r{c}.r{k}")).collect();
            out += &match fours {
                true => format!("    put{k}(vec4<f32>({}));\n", values.join(", ")),
                false => format!("    put{k}({});\n", values[0]),
            };
        }
        out + "}\n"
    }
}

/// Runs the update over one parameter: `x` are its operands, by their numbers in the formula, all of one shape and dtype; the
/// formula reads and writes only those that are there.
pub fn run(text: &'static Text, x: &[&Array; MAX_OPERANDS], numbers: &[f64; MAX_NUMBERS]) -> Result<()> {
    let written: Vec<&Array> = text.writes.iter().map(|&k| x[k]).collect();
    // A kernel may not read a buffer that it also writes: then a copy of the gradient is read.
    let shared = written.iter().any(|a| a.storage.same(&x[1].storage));
    let grad = &if shared { packed(x[1])? } else { x[1].clone() };
    Step { text, numbers, written, grad }.run()
}

struct Step<'a> {
    text: &'static Text,
    numbers: &'a [f64; MAX_NUMBERS],
    /// The parameter and its state: `put0`, `put2` ..; they are read as `get0`, `get2` ..
    written: Vec<&'a Array>,
    /// `get1`.
    grad: &'a Array,
}

impl Step<'_> {
    fn run(&self) -> Result<()> {
        let n = self.written[0].numel();
        if n == 0 {
            return Ok(());
        }
        let g = gpu(self.text.op)?;
        count(self.text.op, n)?;
        let arrays: Vec<&Array> = self.written.iter().copied().chain([self.grad]).collect();
        let strides: Vec<&Strides> = arrays.iter().map(|a| &a.layout.strides).collect();
        let walk = Walk::new(self.written[0].shape(), &strides);
        if !self.is_flat(&walk) {
            let operands = self.operands(Way::Each, None);
            let words = self.numbers().and(operands.iter().map(|o| o.first(g))).and(walk.words());
            return self.launch(n, Way::Each, Some(&walk), &words, None);
        }
        // A parameter may be larger than what a kernel may see.
        let window = (g.binding_limit() as usize / arrays[0].dtype.size() / GROUP - 1) * GROUP;
        for start in (0..n).step_by(window) {
            let len = window.min(n - start);
            let part = (n > window).then_some((start, len));
            let operands = self.operands(Way::Fours, part);
            let words = self.numbers().and(operands.iter().map(|o| o.first(g) / 4));
            self.launch(len.div_ceil(4), Way::Fours, None, &words, part)?;
        }
        Ok(())
    }

    /// Whether all operands are element after element by fours, and what is written past their end is nobody's.
    fn is_flat(&self, walk: &Walk) -> bool {
        let n = self.written[0].numel();
        let aligned = |a: &Array| a.layout.offset.is_multiple_of(4);
        let owned = |a: &Array| n.is_multiple_of(4) || (a.layout.offset + n) * a.dtype.size() >= a.storage.bytes();
        (0..=self.written.len()).all(|k| walk.is_flat(k))
            && aligned(self.grad)
            && self.written.iter().all(|a| aligned(a) && owned(a))
    }

    /// What is written, then the gradient.
    fn operands(&self, way: Way, part: Option<(usize, usize)>) -> Vec<Operand<'_>> {
        let all = self.written.iter().copied().chain([self.grad]);
        all.map(|a| {
            let o = Operand::new(a, Type::F32).way(way);
            part.map_or(o, |(start, n)| o.part(start, n))
        })
        .collect()
    }

    fn numbers(&self) -> Words {
        Update { numbers: self.numbers.map(|v| (v as f32).to_bits()) }.words()
    }

    fn launch(
        &self,
        invocations: usize,
        way: Way,
        walk: Option<&Walk>,
        words: &Words,
        part: Option<(usize, usize)>,
    ) -> Result<()> {
        let writes = &self.operands(way, part)[..self.written.len()];
        let gradient = self.operands(way, part)[self.written.len()];
        let mut reads: Vec<Operand> = writes.iter().zip(0..).map(|(o, k)| o.over_output(k)).collect();
        reads.insert(1, gradient);
        let body = || {
            let rounded = match self.grad.dtype {
                DType::F16 => "f16_unpack(f16_round(v))",
                DType::BF16 => "bf16_unpack(bf16_round(v))",
                _ => "v",
            };
            let fours = way == Way::Fours;
            Ok(format!(
                "{}{}fn rounded(v: f32) -> f32 {{ return {rounded}; }}\n{}{}@compute @workgroup_size({GROUP})\nfn \
                 main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {{\n    let i = \
                 rg_group(w) * {GROUP}u + l;\n    if (i >= rg_meta.count) {{ return; }}\n    find(i);\n    step();\n}}\n",
                vector(fours),
                self.places(walk),
                self.text.function,
                self.text.step(fours)
            ))
        };
        let kernel = Kernel {
            op: self.text.op,
            id: std::ptr::from_ref(self.text).addr(),
            variant: walk.map_or(0, |w| w.ndim() as u64),
            consts: &[],
            reads: &reads,
            writes,
            body: &body,
        };
        kernel.run_linear(invocations, GROUP, words, &[])
    }

    /// `find(i)`, and `get{k}` and `put{k}` at the place found.
    fn places(&self, walk: Option<&Walk>) -> String {
        let operands = self.written.len() + 1;
        let mut out = String::new();
        for k in 0..operands {
            out += &format!("var<private> p{k}: u32;\n");
        }
        out += "fn find(i: u32) {\n    var r = i;\n";
        let start = |k: usize| format!("    p{k} = {}", rest(k));
        match walk {
            None => (0..operands).for_each(|k| out += &(start(k) + " + i;\n")),
            Some(walk) => {
                (0..operands).for_each(|k| out += &(start(k) + ";\n"));
                for d in 0..walk.ndim() {
                    let word = operands + d * (operands + 1);
                    let (text, index) = index(d, walk.ndim(), word);
                    out += &text;
                    for k in 0..operands {
                        out += &format!("    p{k} += {index} * {};\n", rest(word + 1 + k));
                    }
                }
            }
        }
        out += "}\n";
        // Array k of those written is operand `name` of the formula; the kernel reads its arrays with the gradient second.
        for (k, name) in self.text.writes.iter().enumerate() {
            let read = if k == 0 { 0 } else { k + 1 };
            out += &format!(
                "fn put{name}(v: V) {{ store{k}(p{k}, v); }}\nfn get{name}() -> V {{ return load{read}(p{k}); }}\n"
            );
        }
        out + &format!("fn get1() -> V {{ return load1(p{}); }}\n", self.written.len())
    }
}
