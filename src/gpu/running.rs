//! Running extremes, and the running log-sum-exp, along a dim. Few long lines are cut into chunks: each is folded, the folds are
//! such lines again, and every chunk goes on from the end of the one before. The cut depends on sizes alone.

use super::access::Type;
use super::kernel::{Kernel, Operand, count};
use super::walk::Walk;
use crate::core::{DType, Layout, Meta, Shape, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::err;
use crate::error::Result;

const RUNNING: &str = include_str!("../../shaders/running.wgsl");
const CHUNK: usize = 256;
/// Elements that one invocation takes at most.
const LONGEST: usize = 1 << 15;

/// What a launch does, as `running.wgsl` counts it.
const WHOLE: u32 = 0;
const SUMMARY: u32 = 1;
const ONWARD: u32 = 2;

/// What is carried from element to element: a value with its last place, or a largest element with the sum of the exponentials of all,
/// over that of the largest.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Max,
    Min,
    LogSum,
}

#[derive(Clone, Copy)]
struct Job<'a> {
    op: &'a str,
    how: How,
    kind: Type,
    dim: usize,
    backwards: bool,
}

/// The largest (or smallest) entry of `dim` so far, and the last place where it stood. NaN stays once it came.
pub fn extreme(op: &str, x: &Array, dim: usize, largest: bool, values: &Array, places: &Array) -> Result<()> {
    if x.shape().get(dim).is_some_and(|&n| n > i32::MAX as usize) {
        return Err(err!(NotImplemented, "{op}: more elements than a kernel on the GPU can count"));
    }
    let how = if largest { How::Max } else { How::Min };
    let job = Job { op, how, kind: Type::of(x.dtype), dim, backwards: false };
    job.run(&[x], &[values, places], true)
}

/// The logarithm of the sum of the exponentials of the entries of `dim` so far, or of those behind if `backwards`.
pub fn logcumsumexp(x: &Array, dim: usize, backwards: bool, out: &Array) -> Result<()> {
    let job = Job { op: "logcumsumexp", how: How::LogSum, kind: Type::of(x.dtype), dim, backwards };
    job.run(&[x], &[out], true)
}

impl Job<'_> {
    /// `x`: the elements, or the two arrays of folds. `out`: the results, or two arrays of folds unless `last`.
    fn run(&self, x: &[&Array], out: &[&Array], last: bool) -> Result<()> {
        let numel = x[0].numel();
        if numel == 0 {
            return Ok(());
        }
        let n = x[0].shape().get(self.dim).copied().unwrap_or(1);
        let lines = numel / n;
        if n <= 4 * CHUNK || (lines >= 1024 && n <= LONGEST) {
            return self.launch(WHOLE, n, x, None, out, last);
        }
        let shape = [lines, n.div_ceil(CHUNK)];
        let fold = |dtype| Array::empty(Meta::new(Layout::contiguous(shape[..].into()), dtype, x[0].device));
        let values = match self.kind {
            Type::F32 => DType::F32,
            Type::I64 => DType::I64,
            _ => DType::I32,
        };
        let beside = if self.how == How::LogSum { DType::F32 } else { DType::I32 };
        let pair = || -> Result<[Array; 2]> { Ok([fold(values)?, fold(beside)?]) };
        let (folds, ends) = (pair()?, pair()?);
        self.launch(SUMMARY, CHUNK, x, None, &folds.each_ref(), false)?;
        Job { dim: 1, backwards: false, ..*self }.run(&folds.each_ref(), &ends.each_ref(), false)?;
        self.launch(ONWARD, CHUNK, x, Some(&ends), out, last)
    }

    fn launch(
        &self,
        mode: u32,
        chunk: usize,
        x: &[&Array],
        ends: Option<&[Array; 2]>,
        out: &[&Array],
        last: bool,
    ) -> Result<()> {
        let g = gpu(self.op)?;
        count(self.op, x[0].numel())?;
        let n = x[0].shape().get(self.dim).copied().unwrap_or(1);
        let lines = x[0].numel() / n;
        let others: Shape = (0..x[0].ndim()).filter(|&d| d != self.dim).collect();
        let shape: Shape = others.iter().map(|&d| x[0].shape()[d]).collect();
        let strides = |a: &Array| -> Strides { others.iter().map(|&d| a.strides()[d]).collect() };
        let none = Strides::zeros(others.len());
        // Folds of chunks lie by their numbers.
        let results = if mode == SUMMARY { &[][..] } else { out };
        let seen = [x.first(), x.get(1), results.first(), results.get(1)];
        let walked = seen.map(|a| a.map_or(none.clone(), |&a| strides(a)));
        let walk = Walk::new(&shape, &walked.each_ref());
        let steps = seen.map(|a| {
            let s = a.and_then(|a| a.strides().get(self.dim)).copied().unwrap_or(0) as u32;
            if self.backwards { s.wrapping_neg() } else { s }
        });
        let beside = if self.how == How::LogSum { Type::F32 } else { Type::I32 };
        let operand = |k: usize, a| Operand::new(a, if k == 1 { beside } else { self.kind });
        let of_ends = ends.iter().flat_map(|e| e.iter());
        let mut reads: Vec<Operand> = x.iter().enumerate().map(|(k, &a)| operand(k, a)).collect();
        reads.extend(of_ends.enumerate().map(|(k, a)| operand(k, a)));
        let writes: Vec<Operand> = out.iter().enumerate().map(|(k, &a)| operand(k, a)).collect();
        let first = |o: &[Operand], k: usize| o.get(k).map_or(0, |o| o.first(g));
        let starts = [first(&reads[..x.len()], 0), first(&reads[..x.len()], 1), first(&writes, 0), first(&writes, 1)];
        let mut words = vec![n.div_ceil(chunk) as u32, chunk as u32, n as u32];
        // Backwards is forwards from the last element on.
        let back = if self.backwards { n as u32 - 1 } else { 0 };
        words.extend(starts.iter().zip(steps).map(|(s, step)| s.wrapping_sub(step.wrapping_mul(back))));
        words.extend([first(&reads[x.len()..], 0), first(&reads[x.len()..], 1)]);
        words.extend(steps);
        words.extend(walk.words());
        let variant =
            (self.how as u64) << 3 | u64::from(last) << 2 | u64::from(x.len() > 1) << 1 | u64::from(ends.is_some());
        let kernel = Kernel {
            op: self.op,
            id: RUNNING.as_ptr().addr(),
            variant,
            consts: &[("DIMS", walk.ndim() as u32), ("MODE", mode)],
            reads: &reads,
            writes: &writes,
            body: &|| Ok(self.text(x.len(), ends.is_some(), last) + RUNNING),
        };
        kernel.run_linear(lines * n.div_ceil(chunk), 64, &words, &[])
    }

    /// `Acc` and what is done with it. The folds that a launch reads are its inputs, unless it reads elements.
    fn text(&self, inputs: usize, goes_on: bool, last: bool) -> String {
        let sums = self.how == How::LogSum;
        let (t, beside) = (self.kind.name(), if sums { "f32" } else { "i32" });
        let init = match (self.how, self.kind) {
            (How::LogSum, _) => "-rg_inf(), 0.0f",
            // Nothing has no place yet.
            (_, Type::F32) => "0.0f, -1",
            (_, Type::I64) => "vec2<u32>(0u, 0u), -1",
            _ => "0, -1",
        };
        let (low, high) = if self.how == How::Max { ("a.v", "b.v") } else { ("b.v", "a.v") };
        let follows = match self.kind {
            Type::F32 => format!("rg_isnan(b.v) || (!rg_isnan(a.v) && rg_le({low}, {high}))"),
            Type::I64 => format!("!i64_lt({high}, {low})"),
            _ => format!("{low} <= {high}"),
        };
        let fold = match sums {
            true => {
                "if (rg_isnan(a.v) || rg_isnan(b.v)) { return Acc(rg_nan(), 1.0f); }\n    let v = rg_max(a.v, b.v);\n    if \
                 (rg_isinf(v)) { return Acc(v, 1.0f); }\n    return Acc(v, a.k * rg_exp(a.v - v) + b.k * rg_exp(b.v - v));"
                    .to_string()
            }
            false => format!("if (a.k < 0 || {follows}) {{ return b; }}\n    return a;"),
        };
        let item = match (inputs, sums) {
            (1, true) => "load0(p.x), 1.0f",
            (1, false) => "load0(p.x), i32(j)",
            _ => "load0(p.x), load1(p.y)",
        };
        let carried = match goes_on {
            true => format!("Acc(load{inputs}(rg_word(9u) + i), load{}(rg_word(10u) + i))", inputs + 1),
            false => "init()".to_string(),
        };
        let finish = match (last, sums) {
            (true, true) => "store0(p.z, v.v + rg_log(v.k));",
            _ => "store0(p.z, v.v); store1(p.w, v.k);",
        };
        format!(
            "struct Acc {{ v: {t}, k: {beside} }}\nfn init() -> Acc {{ return Acc({init}); }}\nfn fold(a: Acc, b: Acc) -> Acc {{\n    \
             {fold}\n}}\nfn item(p: vec4<u32>, j: u32) -> Acc {{ return Acc({item}); }}\nfn carried(i: u32) -> Acc {{ return \
             {carried}; }}\nfn finish(p: vec4<u32>, v: Acc) {{ {finish} }}\n"
        )
    }
}
