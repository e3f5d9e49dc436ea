//! One kernel around a formula: four neighbours an invocation where all operands lie alike, else one element (or one word of
//! narrow elements) that walks each operand's strides.

use super::pending;
use crate::core::{Number, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::err;
use crate::error::Result;
use crate::gpu::access::{Type, Way, per_word};
use crate::gpu::copy;
use crate::gpu::kernel::{Kernel, Operand, count};
use crate::gpu::walk::{Walk, index};
use crate::gpu::words::{rest, words};

const GROUP: usize = 256;
/// Operands that are arrays, at most: eight buffers less the result.
pub const READS: usize = 7;

words! {
    /// The first elements of the arrays follow, then a walk of all of them, or what the formula reads.
    struct Map { out }
}

/// Words in front of those that a formula reads, at most: where the result and the arrays begin.
pub const PLACES: usize = 1 + READS;

/// A function named `formula`, and its arguments: `@k` stands for the element of array `k`.
pub type Text<'a> = &'a dyn Fn() -> Result<(String, Vec<String>)>;

/// `out[i]` from the elements `i` of `arrays`, which broadcast. `key` stands for what `text` gives.
pub fn launch(
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
    pending::settle()?;
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
    Job { op, key, numbers, words: &[], result, out, text, arrays }.run()
}

/// A launch whose operands all lie beside the result, or exactly over it.
pub struct Job<'a> {
    pub op: &'a str,
    /// Stands for what `text` gives.
    pub key: (usize, u64),
    pub numbers: &'a [Number],
    /// What the formula reads, behind the places of the arrays, where all operands lie alike.
    pub words: &'a [u32],
    pub result: Type,
    pub out: &'a Array,
    pub text: Text<'a>,
    pub arrays: Vec<(&'a Array, Type)>,
}

impl Job<'_> {
    /// Launches it, ahead of what waits.
    pub fn run(&self) -> Result<()> {
        let spread = self.arrays.iter().map(|(a, _)| a.layout.broadcast_to(self.out.shape()).strides);
        let spread: Vec<Strides> = spread.collect();
        let strides: Vec<&Strides> = std::iter::once(&self.out.layout.strides).chain(&spread).collect();
        // Operand 0 is the result.
        let walk = Walk::new(self.out.shape(), &strides);
        if self.is_flat(&walk, 4) { self.fours(&walk) } else { self.walked(&walk) }
    }

    /// Whether each operand is element after element, or one, from a multiple of `step` on. What is written past the end
    /// must be nobody's: padding of a whole buffer.
    fn is_flat(&self, walk: &Walk, step: usize) -> bool {
        let aligned = |a: &Array| a.layout.offset.is_multiple_of(step);
        let inputs = self.arrays.iter().enumerate();
        self.owns_words(walk, step)
            && inputs.into_iter().all(|(k, (a, _))| walk.is_single(k + 1) || walk.is_flat(k + 1) && aligned(a))
    }

    fn owns_words(&self, walk: &Walk, step: usize) -> bool {
        let (out, n) = (self.out, self.out.numel());
        let ends = (out.layout.offset + n) * out.dtype.size() >= out.storage.bytes();
        walk.is_flat(0) && out.layout.offset.is_multiple_of(step) && (n.is_multiple_of(step) || ends)
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

    fn fours(&self, walk: &Walk) -> Result<()> {
        let g = gpu(self.op)?;
        let n = self.out.numel();
        let widest = self.arrays.iter().map(|(a, _)| a.dtype.size()).fold(self.out.dtype.size(), usize::max);
        let window = (g.binding_limit() as usize / widest / GROUP - 1) * GROUP;
        // What lies over the result is read where it is written.
        let single = |(k, (a, _)): (usize, &(&Array, Type))| u32::from(walk.is_single(k + 1) && !self.is_over(a)) << k;
        let singles: u32 = self.arrays.iter().enumerate().map(single).sum();
        let single = |k: usize| singles >> k & 1 == 1;
        let body = || {
            let (formula, arguments) = (self.text)()?;
            let loads: String = (0..self.arrays.len())
                .map(|k| match single(k) {
                    true => format!("    let a{k} = load{k}({});\n", rest(k)),
                    false => format!("    let a{k} = load{k}(i + {});\n", rest(k)),
                })
                .collect();
            let part =
                |j: usize| Job::call(&arguments, &|k| if single(k) { format!("a{k}") } else { format!("a{k}[{j}]") });
            Ok(format!(
                "{formula}@compute @workgroup_size({GROUP})\nfn main(@builtin(workgroup_id) w: vec3<u32>, \
                 @builtin(local_invocation_index) l: u32) {{\n    let i = rg_group(w) * {GROUP}u + l;\n    if (i >= rg_meta.count) {{ \
                 return; }}\n{loads}    store0(i + rg_word(OUT), {}({}, {}, {}, {}));\n}}\n",
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
            let places = reads.iter().enumerate().map(|(k, o)| o.first(g) / if single(k) { 1 } else { 4 });
            let words = Map { out: out.first(g) / 4 }.words().and(places).and(self.words.iter().copied());
            let kernel = Kernel {
                op: self.op,
                id: self.key.0,
                variant: self.key.1,
                consts: &[("SINGLES", singles)],
                reads: &reads,
                writes: &[out],
                body: &body,
            };
            kernel.launch_linear(len.div_ceil(4), GROUP, &words, self.numbers)?;
        }
        Ok(())
    }

    fn walked(&self, walk: &Walk) -> Result<()> {
        let g = gpu(self.op)?;
        let n = self.out.numel();
        count(self.op, n)?;
        let per = per_word(self.out.dtype);
        let owned = per > 1 && self.owns_words(walk, per);
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
        let words = Map { out: out.first(g) / if owned { per as u32 } else { 1 } };
        let words = words.words().and(reads.iter().map(|o| o.first(g))).and(walk.words());
        let (dims, count) = (walk.ndim(), reads.len());
        let body = || {
            let (formula, arguments) = (self.text)()?;
            let value = Job::call(&arguments, &|k| format!("load{k}(p{k})"));
            let main = match per {
                4 if owned => format!(
                    "store0(i + rg_word(OUT), {}(value(4u * i), value(4u * i + 1u), value(4u * i + 2u), value(4u * i + 3u)));",
                    self.result.four()
                ),
                2 if owned => {
                    format!("store0(i + rg_word(OUT), {}(value(2u * i), value(2u * i + 1u)));", self.result.two())
                }
                _ => "let v = value(i); store0(place, v);".to_string(),
            };
            Ok(format!(
                "{formula}var<private> place: u32;\nfn value(i: u32) -> {} {{\n{}    return {value};\n}}\n@compute \
                 @workgroup_size({GROUP})\nfn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) \
                 {{\n    let i = rg_group(w) * {GROUP}u + l;\n    if (i >= rg_meta.count) {{ return; }}\n    {main}\n}}\n",
                self.result.name(),
                steps(dims, count),
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
        kernel.launch_linear(if owned { n.div_ceil(per) } else { n }, GROUP, &words, self.numbers)
    }
}

/// From the element's number `i` to its place in the result (`place`) and in each of `count` operands (`p0` ..), whose first
/// elements are the first words of the lists, the dims after them.
fn steps(dims: usize, count: usize) -> String {
    let mut out = "    var r = i;\n    place = rg_word(OUT);\n".to_string();
    for k in 0..count {
        out += &format!("    var p{k} = {};\n", rest(k));
    }
    for d in 0..dims {
        let word = count + d * (count + 2);
        let (text, index) = index(d, dims, word);
        out += &text;
        out += &format!("    place += {index} * {};\n", rest(word + 1));
        for k in 0..count {
            out += &format!("    p{k} += {index} * {};\n", rest(word + 2 + k));
        }
    }
    out
}
