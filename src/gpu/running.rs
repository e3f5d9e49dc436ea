//! Running values along a dim: sums and products, extremes, the log-sum-exp. Few long lines are cut into chunks: each
//! is folded, the folds are such lines again, and every chunk goes on from the end of the one before. The cut depends
//! on sizes alone.

use super::access::Type;
use super::kernel::{Kernel, Operand, count};
use super::walk::Walk;
use super::words::words;
use crate::core::{DType, Layout, Meta, Number, Shape, Strides};
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

words! {
    /// Elements are those of a line, or of a chunk of one. Of both inputs and both outputs: the first element, and the
    /// stride along a line. `ends`: of the arrays that have the ends of chunks.
    struct Lines { chunks, chunk, length, start[4], step[4], ends[2] }
}

/// What is carried from element to element: a value with its last place; a largest element with the sum of the
/// exponentials of all, over that of the largest; or `y = a y + b`, whose folds are the maps that chunks are.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Max,
    Min,
    LogSum,
    Linear,
}

#[derive(Clone, Copy)]
struct Job<'a> {
    op: &'a str,
    how: How,
    kind: Type,
    dim: usize,
    backwards: bool,
    /// What stands before the first element, where there is such a thing.
    first: f64,
}

/// `y[i] = a[i] y[i - 1] + b[i]` along `dim`, from `first` on, forwards or backwards; a missing `b` adds nothing. One
/// dtype, whose halves are carried in float32. (A product of a chunk may overflow where the whole would not.)
pub fn scan(
    op: &str,
    a: &Array,
    b: Option<&Array>,
    dim: usize,
    backwards: bool,
    first: f64,
    out: &Array,
) -> Result<()> {
    let job = Job { op, how: How::Linear, kind: Type::of(a.dtype), dim, backwards, first };
    match b {
        Some(b) => job.run(&[a, b], &[out], true),
        None => job.run(&[a], &[out], true),
    }
}

/// The largest (or smallest) entry of `dim` so far, and the last place where it stood. NaN stays once it came.
pub fn extreme(op: &str, x: &Array, dim: usize, largest: bool, values: &Array, places: &Array) -> Result<()> {
    if x.shape().get(dim).is_some_and(|&n| n > i32::MAX as usize) {
        return Err(err!(NotImplemented, "{op}: more elements than a kernel on the GPU can count"));
    }
    let how = if largest { How::Max } else { How::Min };
    let job = Job { op, how, kind: Type::of(x.dtype), dim, backwards: false, first: 0.0 };
    job.run(&[x], &[values, places], true)
}

/// The logarithm of the sum of the exponentials of the entries of `dim` so far, or of those behind if `backwards`.
pub fn logcumsumexp(x: &Array, dim: usize, backwards: bool, out: &Array) -> Result<()> {
    let job = Job { op: "logcumsumexp", how: How::LogSum, kind: Type::of(x.dtype), dim, backwards, first: 0.0 };
    job.run(&[x], &[out], true)
}

impl Job<'_> {
    /// What the second part of a fold is computed as.
    fn beside(&self) -> Type {
        match self.how {
            How::Linear => self.kind,
            How::LogSum => Type::F32,
            _ => Type::I32,
        }
    }

    /// `x`: the elements, or the two arrays of folds. `out`: the results, or two arrays of folds unless `last`.
    fn run(&self, x: &[&Array], out: &[&Array], last: bool) -> Result<()> {
        let numel = x[0].numel();
        if numel == 0 {
            return Ok(());
        }
        let n = x[0].shape().get(self.dim).copied().unwrap_or(1);
        let lines = numel / n;
        if n <= 4 * CHUNK || (lines >= 1024 && n <= LONGEST) {
            return self.launch(WHOLE, n, x, &[], out, last);
        }
        let shape = [lines, n.div_ceil(CHUNK)];
        let fold = |kind| {
            let dtype = match kind {
                Type::F32 => DType::F32,
                Type::I64 => DType::I64,
                Type::C64 => DType::C64,
                _ => DType::I32,
            };
            Array::empty(Meta::new(Layout::contiguous(shape[..].into()), dtype, x[0].device))
        };
        let folds = [fold(self.kind)?, fold(self.beside())?];
        let mut ends = vec![fold(self.kind)?];
        // A line of maps ends in a number.
        if self.how != How::Linear {
            ends.push(fold(self.beside())?);
        }
        let ends: Vec<&Array> = ends.iter().collect();
        self.launch(SUMMARY, CHUNK, x, &[], &folds.each_ref(), false)?;
        Job { dim: 1, backwards: false, ..*self }.run(&folds.each_ref(), &ends, false)?;
        self.launch(ONWARD, CHUNK, x, &ends, out, last)
    }

    fn launch<'b>(
        &self,
        mode: u32,
        chunk: usize,
        x: &[&'b Array],
        ends: &[&'b Array],
        out: &[&'b Array],
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
        let results = if mode == SUMMARY { &[] } else { out };
        let seen = [x.first(), x.get(1), results.first(), results.get(1)];
        let walked = seen.map(|a| a.map_or(none.clone(), |&a| strides(a)));
        let walk = Walk::new(&shape, &walked.each_ref());
        let step = seen.map(|a| {
            let s = a.and_then(|a| a.strides().get(self.dim)).copied().unwrap_or(0) as u32;
            if self.backwards { s.wrapping_neg() } else { s }
        });
        let operand = |(k, a): (usize, &&'b Array)| Operand::new(a, if k == 1 { self.beside() } else { self.kind });
        let reads: Vec<Operand> = x.iter().enumerate().chain(ends.iter().enumerate()).map(operand).collect();
        let writes: Vec<Operand> = out.iter().enumerate().map(operand).collect();
        let first = |o: &[Operand], k: usize| o.get(k).map_or(0, |o| o.first(g));
        let (of_x, of_ends) = reads.split_at(x.len());
        let start = [first(of_x, 0), first(of_x, 1), first(&writes, 0), first(&writes, 1)];
        // Backwards is forwards from the last element on.
        let back = if self.backwards { n as u32 - 1 } else { 0 };
        let words = Lines {
            chunks: n.div_ceil(chunk) as u32,
            chunk: chunk as u32,
            length: n as u32,
            start: std::array::from_fn(|k| start[k].wrapping_sub(step[k].wrapping_mul(back))),
            step,
            ends: [first(of_ends, 0), first(of_ends, 1)],
        };
        let variant =
            (self.how as u64) << 3 | u64::from(last) << 2 | u64::from(x.len() > 1) << 1 | u64::from(!ends.is_empty());
        let kernel = Kernel {
            op: self.op,
            id: RUNNING.as_ptr().addr(),
            variant,
            consts: &[("DIMS", walk.ndim() as u32), ("MODE", mode)],
            reads: &reads,
            writes: &writes,
            body: &|| Ok(self.text(mode, x.len(), last) + RUNNING),
        };
        let words = words.words().and(walk.words());
        kernel.run_linear(lines * n.div_ceil(chunk), 64, &words, &[Number::Float(self.first)])
    }

    /// `Acc` and what is done with it. The folds that a launch reads are its inputs, unless it reads elements.
    fn text(&self, mode: u32, inputs: usize, last: bool) -> String {
        if self.how == How::Linear {
            return self.linear(mode, inputs);
        }
        let sums = self.how == How::LogSum;
        let (t, beside) = (self.kind.name(), self.beside().name());
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
        let carried = match mode {
            ONWARD => format!("Acc(load{inputs}(rg_word(ENDS) + i), load{}(rg_word(ENDS + 1u) + i))", inputs + 1),
            _ => "init()".to_string(),
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

    /// As [`Job::text`] of `y = a y + b`: a number that goes through the maps, or in a summary the map that they are
    /// together.
    fn linear(&self, mode: u32, inputs: usize) -> String {
        let kind = self.kind;
        let mul = |a: &str, b: &str| match kind {
            Type::I64 => format!("i64_mul({a}, {b})"),
            Type::C64 => format!("c64_mul({a}, {b})"),
            _ => format!("{a} * {b}"),
        };
        let through = |y: &str| match kind {
            Type::I64 => format!("i64_add({}, m.b)", mul("m.a", y)),
            _ => format!("{} + m.b", mul("m.a", y)),
        };
        // `nothing` leaves every float as it is, which zero does not: -0.0 + 0.0 would be 0.0.
        let (zero, nothing, one, number) = match kind {
            Type::F32 => ("0.0f", "-0.0f", "1.0f", "rg_meta.f32s.x"),
            Type::C64 => ("vec2<f32>()", "vec2<f32>(-0.0f, -0.0f)", "c64_real(1.0f)", "c64_real(rg_meta.f32s.x)"),
            Type::I64 => ("vec2<u32>()", "vec2<u32>()", "vec2<u32>(1u, 0u)", "rg_meta.i64s[0].xy"),
            _ => ("0", "0", "1", "rg_meta.i32s.x"),
        };
        let t = kind.name();
        let (acc, init, fold, finish) = match mode {
            SUMMARY => {
                // A chunk without a b adds nothing to what comes in.
                let (start, b) = if inputs > 1 { (zero, through("y.b")) } else { (nothing, "y.b".into()) };
                let fold = format!("Map({}, {b})", mul("y.a", "m.a"));
                ("Map", format!("Map({one}, {start})"), fold, "store0(p.z, y.a); store1(p.w, y.b);")
            }
            _ => (t, number.into(), through("y"), "store0(p.z, y);"),
        };
        let b = if inputs > 1 { "load1(p.y)" } else { nothing };
        let carried = if mode == ONWARD { format!("load{inputs}(rg_word(ENDS) + i)") } else { "init()".into() };
        format!(
            "struct Map {{ a: {t}, b: {t} }}\nalias Acc = {acc};\nfn init() -> Acc {{ return {init}; }}\nfn fold(y: Acc, m: Map) -> Acc \
             {{ return {fold}; }}\nfn item(p: vec4<u32>, j: u32) -> Map {{ return Map(load0(p.x), {b}); }}\nfn carried(i: u32) -> Acc {{ \
             return {carried}; }}\nfn finish(p: vec4<u32>, y: Acc) {{ {finish} }}\n"
        )
    }
}
