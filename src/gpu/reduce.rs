//! Reductions over any dims of arrays with any strides. A result's elements are cut into chunks, chunks are folded by several
//! invocations (or each of neighbouring columns by one), and the results of chunks are rows that the same kernel reduces again: so
//! the order of folding depends on sizes and strides alone, and is the same on every run. The operation is printed around
//! the kernels of `shaders/reduce*.wgsl`.

use super::access::{Type, Way};
use super::kernel::{Kernel, Operand, count};
use super::walk::Walk;
use super::words::words;
use crate::core::layout::contiguous_strides;
use crate::core::{DType, Layout, Meta, Number, Shape, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::err;
use crate::error::Result;

const REDUCE: &str = include_str!("../../shaders/reduce.wgsl");
const ROWS: &str = include_str!("../../shaders/reduce_rows.wgsl");
const LANES: &str = include_str!("../../shaders/reduce_lanes.wgsl");
const LANE: &str = include_str!("../../shaders/reduce_lane.wgsl");
const COLUMNS: &str = include_str!("../../shaders/reduce_columns.wgsl");
const GROUP: usize = 64;

words! {
    /// How many results there are, chunks of each, elements of a chunk and of a result; `base` is added to places.
    /// Walks of the operands and the outputs, then of the operands, follow.
    struct Reduce { results, chunks, chunk, length, out[2], x[2], base }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Sum,
    Max,
    Min,
    Any,
    All,
}

/// What becomes of a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Itself,
    /// Divided by number 0.
    Divided,
    /// The root of that.
    Root,
}

/// An operation. With two operands, unless they are values and places, the elements are the squares of their differences.
#[derive(Debug, Clone, Copy)]
struct Job {
    op: &'static str,
    how: How,
    /// What is computed with.
    kind: Type,
    /// Whether the fold knows the place of its value, and whether the value is a result too.
    place: bool,
    value: bool,
    end: End,
    number: f64,
}

impl Job {
    fn new(op: &'static str, how: How, kind: Type) -> Job {
        Job { op, how, kind, place: false, value: true, end: End::Itself, number: 1.0 }
    }

    /// The accumulator's parts: `Acc`, `init`, `fold`, and `item` and `finish` of a stage that is the first or the last.
    fn text(&self, operands: usize, first: bool, last: bool) -> String {
        let t = self.kind.name();
        let edge = match (self.how, self.kind) {
            (How::Sum, Type::I64) => "vec2<u32>(0u, 0u)",
            (How::Sum, Type::I32) => "0",
            (How::Sum, Type::C64) => "vec2<f32>()",
            (How::Sum, _) => "0.0f",
            (How::Any, _) => "false",
            (How::All, _) => "true",
            (How::Max, Type::F32) => "-rg_inf()",
            (How::Max, Type::I64) => "vec2<u32>(0u, 0x80000000u)",
            (How::Max, _) => "bitcast<i32>(0x80000000u)",
            (_, Type::F32) => "rg_inf()",
            (_, Type::I64) => "vec2<u32>(0xffffffffu, 0x7fffffffu)",
            _ => "0x7fffffff",
        };
        let fold = match (self.how, self.kind) {
            (How::Sum, Type::I64) => "i64_add(a, b)",
            (How::Sum, _) => "a + b",
            (How::Any, _) => "a || b",
            (How::All, _) => "a && b",
            (How::Max, Type::F32) => "rg_max(a, b)",
            (How::Max, Type::I64) => "i64_max(a, b)",
            (How::Max, _) => "max(a, b)",
            (How::Min, Type::F32) => "rg_min(a, b)",
            (How::Min, Type::I64) => "i64_min(a, b)",
            (How::Min, _) => "min(a, b)",
        };
        let value = match (last, self.end) {
            (true, End::Divided) => "v / rg_meta.f32s.x",
            (true, End::Root) => "sqrt(v / rg_meta.f32s.x)",
            _ => "v",
        };
        if !self.place {
            let item = match operands {
                1 => format!("fn item(x: {t}, r: u32) -> Acc {{ return x; }}\n"),
                _ => format!("fn item(x: {t}, y: {t}, r: u32) -> Acc {{ let d = x - y; return d * d; }}\n"),
            };
            return format!(
                "alias Acc = {t};\nfn init() -> Acc {{ return {edge}; }}\nfn fold(a: Acc, b: Acc) -> Acc {{ return {fold}; }}\n\
                 {item}fn finish(v: Acc, place: u32) {{ store0(rg_word(OUT) + place, {value}); }}\n"
            );
        }
        // The first of equal values, and the first NaN.
        let (a, b) = if self.how == How::Max { ("a", "b") } else { ("b", "a") };
        let beats = match self.kind {
            Type::F32 => format!(
                "let na = rg_isnan(a.v); let nb = rg_isnan(b.v); let tie = b.i < a.i;\n    return select({b}.v > {a}.v || \
                 (rg_eq(b.v, a.v) && tie), nb && (!na || tie), na || nb);"
            ),
            Type::I64 => format!("return i64_lt({a}.v, {b}.v) || (i64_eq(a.v, b.v) && b.i < a.i);"),
            _ => format!("return {b}.v > {a}.v || (b.v == a.v && b.i < a.i);"),
        };
        let item = match first {
            true => format!("fn item(x: {t}, r: u32) -> Acc {{ return Acc(x, r + rg_word(BASE)); }}\n"),
            false => format!("fn item(x: {t}, y: i32, r: u32) -> Acc {{ return Acc(x, bitcast<u32>(y)); }}\n"),
        };
        let store = match (last, self.value) {
            (true, false) => "store0(rg_word(OUT) + place, bitcast<i32>(v.i));",
            _ => "store0(rg_word(OUT) + place, v.v); store1(rg_word(OUT + 1u) + place, bitcast<i32>(v.i));",
        };
        format!(
            "struct Acc {{ v: {t}, i: u32 }}\nfn init() -> Acc {{ return Acc({edge}, 0xffffffffu); }}\nfn beats(a: Acc, b: Acc) -> \
             bool {{\n    {beats}\n}}\nfn fold(a: Acc, b: Acc) -> Acc {{ if (beats(a, b)) {{ return b; }} return a; }}\n{item}fn \
             finish(v: Acc, place: u32) {{ {store} }}\n"
        )
    }

    /// Arrays for `shape` results of a stage that is not the last.
    fn partial(&self, like: &Array, shape: &[usize]) -> Result<Vec<Array>> {
        let make = |dtype| Array::empty(Meta::new(Layout::contiguous(shape.into()), dtype, like.device));
        let values = make(match self.kind {
            Type::F32 => DType::F32,
            Type::I64 => DType::I64,
            Type::I32 | Type::Bool => DType::I32,
            Type::C64 => DType::C64,
        })?;
        if self.place { Ok(vec![values, make(DType::I32)?]) } else { Ok(vec![values]) }
    }

    /// How operand `k` of a stage is read, and output `k` written.
    fn read(&self, k: usize, first: bool) -> Type {
        if k == 1 && self.place && !first { Type::I32 } else { self.kind }
    }

    fn written(&self, k: usize, last: bool) -> Type {
        if k == 1 || (last && self.place && !self.value) { Type::I32 } else { self.kind }
    }
}

/// What is left to reduce: operands of one shape, and where results go.
struct Task<'a> {
    x: &'a [Array],
    dims: &'a [usize],
    /// Their shape is that of the operands without `dims`.
    out: &'a [Array],
    /// Whether operands are elements, not the results of chunks; and whether `out` gets the end result.
    first: bool,
    last: bool,
    /// Added to places.
    base: usize,
}

/// Reduces the operands, which broadcast to the shape of `x[0]`, over `dims`.
fn reduce(job: &Job, x: &[&Array], dims: &[usize], out: &[Array]) -> Result<()> {
    let shape = x[0].shape();
    let x: Vec<Array> = x.iter().map(|a| a.with_layout(a.layout.broadcast_to(shape))).collect();
    let kept: Shape = (0..shape.len()).filter(|d| !dims.contains(d)).map(|d| shape[d]).collect();
    let strides = contiguous_strides(&kept);
    let seen =
        |a: &Array| a.with_layout(Layout { shape: kept.clone(), strides: strides.clone(), offset: a.layout.offset });
    let out: Vec<Array> = out.iter().map(seen).collect();
    if kept.contains(&0) {
        return Ok(());
    }
    job.task(&Task { x: &x, dims, out: &out, first: true, last: true, base: 0 })
}

impl Job {
    fn task(&self, t: &Task) -> Result<()> {
        let g = gpu(self.op)?;
        let too_large = |a: &&Array| {
            let end = if a.numel() == 0 { 0 } else { (a.layout.end() - a.layout.offset) * a.dtype.size() };
            end as u64 + 512 > g.binding_limit() && a.storage.bytes() as u64 > g.binding_limit()
        };
        if let Some(large) = t.x.iter().find(too_large)
            && let Some(done) = self.halves(t, large)
        {
            return done;
        }
        let (shape, ndim) = (&t.x[0].layout.shape, t.x[0].ndim());
        let pick = |which: &[usize], of: &[usize]| -> Shape { which.iter().map(|&d| of[d]).collect() };
        let strides = |which: &[usize], a: &Array| -> Strides { which.iter().map(|&d| a.strides()[d]).collect() };
        let keep: Vec<usize> = (0..ndim).filter(|d| !t.dims.contains(d)).collect();
        let of_kept: Vec<Strides> =
            t.x.iter().map(|a| strides(&keep, a)).chain([t.out[0].layout.strides.clone()]).collect();
        let of_reduced: Vec<Strides> = t.x.iter().map(|a| strides(t.dims, a)).collect();
        let kept = Walk::new(&pick(&keep, shape), &of_kept.iter().collect::<Vec<_>>());
        let reduced = pick(t.dims, shape);
        let reduced = match self.place {
            true => Walk::in_order(&reduced, &of_reduced.iter().collect::<Vec<_>>()),
            false => Walk::new(&reduced, &of_reduced.iter().collect::<Vec<_>>()),
        };
        self.stages(t, kept, reduced)
    }

    /// Reduces half by half where an operand is more than a kernel can see; None: that does not help, or a place has no number
    /// in a half.
    fn halves(&self, t: &Task, large: &Array) -> Option<Result<()>> {
        let shape = large.shape();
        let extent = |d: usize| (shape[d] - 1) as isize * large.strides()[d];
        let d = (0..shape.len()).filter(|&d| shape[d] > 1).max_by_key(|&d| extent(d))?;
        let at = t.dims.iter().position(|&e| e == d);
        if self.place && at.is_some_and(|at| t.dims[..at].iter().any(|&e| shape[e] > 1)) {
            return None;
        }
        let half = shape[d] / 2;
        let parts = [(0, half), (half, shape[d] - half)];
        let cut = |a: &Array, d: usize, (start, n)| a.with_layout(a.layout.sliced(d, start, n, 1));
        let Some(at) = at else {
            let place = d - t.dims.iter().filter(|&&e| e < d).count();
            return Some(parts.iter().try_for_each(|&part| {
                let x: Vec<Array> = t.x.iter().map(|a| cut(a, d, part)).collect();
                let out: Vec<Array> = t.out.iter().map(|a| cut(a, place, part)).collect();
                self.task(&Task { x: &x, out: &out, ..*t })
            }));
        };
        let after: usize = t.dims[at + 1..].iter().map(|&e| shape[e]).product();
        let whole: Shape = [2].into_iter().chain(t.out[0].shape().iter().copied()).collect();
        let run = || -> Result<()> {
            let partial = self.partial(&t.x[0], &whole)?;
            for (i, &part) in parts.iter().enumerate() {
                let x: Vec<Array> = t.x.iter().map(|a| cut(a, d, part)).collect();
                let out: Vec<Array> = partial.iter().map(|a| a.with_layout(a.layout.selected(0, i))).collect();
                self.task(&Task { x: &x, out: &out, last: false, base: t.base + part.0 * after, ..*t })?;
            }
            self.task(&Task { x: &partial, dims: &[0], first: false, base: 0, ..*t })
        };
        Some(run())
    }

    /// The first stage, and then those over the results of chunks.
    fn stages(&self, t: &Task, kept: Walk, reduced: Walk) -> Result<()> {
        let (m, n) = (kept.sizes.iter().product::<usize>(), reduced.sizes.iter().product::<usize>());
        count(self.op, m)?;
        count(self.op, n)?;
        let plan = Plan::new(t.x, &kept, &reduced, m, n);
        if plan.chunks == 1 {
            return self.launch(t, &plan, &kept, &reduced, t.out, t.last);
        }
        let partial = self.partial(&t.x[0], &[m, plan.chunks])?;
        self.launch(t, &plan, &kept, &reduced, &partial, false)?;
        // Results are numbered in the order of the walk over them. Those of a column's chunks are columns again.
        let operands = partial.len();
        let mut rows = Walk { sizes: kept.sizes.clone(), strides: vec![vec![]; operands + 1] };
        let (mut step, along) = if plan.columns { (1, m as isize) } else { (plan.chunks, 1) };
        for (d, &size) in kept.sizes.iter().enumerate() {
            rows.strides[..operands].iter_mut().for_each(|s| s.push(step as isize));
            rows.strides[operands].push(kept.strides[t.x.len()][d]);
            step *= size;
        }
        let chunk = Walk { sizes: vec![plan.chunks], strides: vec![vec![along]; operands] };
        self.stages(&Task { x: &partial, first: false, base: 0, ..*t }, rows, chunk)
    }

    fn launch(&self, t: &Task, plan: &Plan, kept: &Walk, reduced: &Walk, out: &[Array], last: bool) -> Result<()> {
        let g = gpu(self.op)?;
        let (first, operands) = (t.first, t.x.len());
        let read = |(k, a)| match Operand::new(a, self.read(k, first)) {
            o if plan.fours >> k & 1 == 1 => o.way(Way::Fours),
            o => o,
        };
        let reads: Vec<Operand> = t.x.iter().enumerate().map(read).collect();
        let writes: Vec<Operand> =
            out.iter().enumerate().map(|(k, a)| Operand::new(a, self.written(k, last))).collect();
        let at = |o: &[Operand], k: usize| o.get(k).map_or(0, |o| o.first(g));
        let words = Reduce {
            results: plan.m as u32,
            chunks: plan.chunks as u32,
            chunk: plan.chunk as u32,
            length: plan.n as u32,
            out: [at(&writes, 0), at(&writes, 1)],
            x: [at(&reads, 0), at(&reads, 1)],
            base: t.base as u32,
        };
        let stride = |w: &Walk, k: usize, d: usize| if k < operands { w.strides[k][d] as u32 } else { 0 };
        let of_kept = (0..kept.ndim()).flat_map(|d| {
            [kept.sizes[d] as u32, stride(kept, 0, d), stride(kept, 1, d), kept.strides[operands][d] as u32]
        });
        let of_reduced =
            (0..reduced.ndim()).flat_map(|d| [reduced.sizes[d] as u32, stride(reduced, 0, d), stride(reduced, 1, d)]);
        let words = words.words().and(of_kept).and(of_reduced);
        let v = if plan.fours == 0 { 1 } else { 4 };
        let (dims, width) =
            ([("KEPT", kept.ndim() as u32), ("DIMS", reduced.ndim() as u32), ("V", v)], plan.lanes as u32);
        let (main, rest): (&str, &[(&'static str, u32)]) = match plan.columns {
            true => (COLUMNS, &[]),
            false => (ROWS, &[("LANES", width), ("WAY", plan.way)]),
        };
        let consts: Vec<_> = dims.iter().chain(rest).copied().collect();
        let flags = [first, last, self.place, self.value, operands > 1].iter().fold(0, |v, &b| v << 1 | u64::from(b));
        let kernel = Kernel {
            op: self.op,
            id: main.as_ptr().addr(),
            variant: flags << 16 | (self.how as u64) << 8 | (self.end as u64) << 4 | u64::from(plan.fours),
            consts: &consts,
            reads: &reads,
            writes: &writes,
            body: &|| {
                let end = match (plan.columns, plan.lanes) {
                    (true, _) => "",
                    (_, 1) => LANE,
                    _ => LANES,
                };
                Ok(self.text(operands, first, last) + &take(operands, plan) + REDUCE + main + end)
            },
        };
        let invocations = plan.m * plan.chunks * if plan.columns { 1 } else { plan.lanes }
            / if plan.columns { v as usize } else { 1 };
        kernel.run_linear(invocations, GROUP, &words, &[Number::Float(self.number)])
    }
}

/// `take`, and `take_some`, which heeds neighbours `lo` to `hi` alone.
fn take(operands: usize, plan: &Plan) -> String {
    let mut out = String::new();
    for some in [false, true] {
        let (name, more) = if some { ("take_some", ", lo: u32, hi: u32") } else { ("take", "") };
        out += &format!("fn {name}(a: ptr<function, array<Acc, V>>, px: u32, py: u32, r: u32{more}) {{\n");
        let names = ["x", "y"];
        for k in 0..operands {
            let by = if plan.fours >> k & 1 == 1 { " / 4u" } else { "" };
            out += &format!("    let {0} = load{k}(p{0}{by});\n", names[k]);
        }
        for v in 0..if plan.fours == 0 { 1 } else { 4 } {
            let part = |k: usize| match plan.fours >> k & 1 {
                1 => format!("{}[{v}]", names[k]),
                _ => names[k].to_string(),
            };
            let arguments: String = (0..operands).map(|k| part(k) + ", ").collect();
            // Across columns the neighbours are element r of other results.
            let r = if plan.columns { "r".to_string() } else { format!("r + {v}u") };
            let test = if some { format!("if ({v}u >= lo && {v}u < hi) ") } else { String::new() };
            out += &format!("    {test}{{ (*a)[{v}] = fold((*a)[{v}], item({arguments}{r})); }}\n");
        }
        out += "}\n";
    }
    out
}

/// How a stage is computed.
struct Plan {
    m: usize,
    n: usize,
    chunks: usize,
    chunk: usize,
    columns: bool,
    lanes: usize,
    /// As `reduce_rows.wgsl` counts them.
    way: u32,
    /// Bit k: operand k is read by fours.
    fours: u32,
}

impl Plan {
    fn new(x: &[Array], kept: &Walk, reduced: &Walk, m: usize, n: usize) -> Plan {
        let step = |w: &Walk| if w.sizes[0] > 1 { w.strides[0][0].unsigned_abs() } else { 0 };
        let (across, along) = (step(kept), step(reduced));
        let columns = across > 0 && (across < along || along == 0) && n > 0;
        if columns {
            let chunk = match n {
                0..=128 => n,
                0..=256 if n * m <= 1 << 15 => n,
                _ => (n.saturating_mul(m) >> 15).next_power_of_two().clamp(64, 256),
            };
            let fours = if kept.sizes[0].is_multiple_of(4) { fours(x, kept, reduced, true) } else { 0 };
            return Plan { m, n, chunks: n.div_ceil(chunk).max(1), chunk, columns, lanes: 1, way: 1, fours };
        }
        let run = reduced.sizes[0];
        // The kernel of a single result does not depend on how many elements it has: batches of any size compile nothing.
        let single = m == 1 && reduced.ndim() == 1;
        let lanes = if n <= 64 && !single { 1 } else { 16 };
        let chunk = if n <= 1 << 14 {
            n
        } else if m >= 1024 {
            1 << 14
        } else {
            1 << 12
        };
        // Worth it where runs are longer than what lanes take at once.
        let long = single || run >= if lanes == 1 { 4 } else { 128 };
        let even = if long && !single && run.is_multiple_of(4) { fours(x, reduced, kept, true) } else { 0 };
        let edges = if long && lanes > 1 && even == 0 { fours(x, reduced, kept, false) } else { 0 };
        let way = match (even | edges, edges) {
            (0, _) if lanes > 1 && run < 32 && reduced.ndim() > 1 => 0,
            (_, 0) => 1,
            _ => 2,
        };
        Plan { m, n, chunks: n.div_ceil(chunk.max(1)).max(1), chunk, columns, lanes, way, fours: even | edges }
    }
}

/// Which operands to read by fours along the fastest dim of `along`: those that are element after element there, if the others are
/// one element for all of it. `even`: each run begins at a multiple of four; otherwise those of both operands begin alike.
fn fours(x: &[Array], along: &Walk, other: &Walk, even: bool) -> u32 {
    let mut found = 0;
    for (k, a) in x.iter().enumerate() {
        match along.strides[k][0] {
            1 => found |= 1 << k,
            // The only element of a run is one of four as well.
            0 if along.sizes[0] == 1 && !even => found |= 1 << k,
            0 => continue,
            _ => return 0,
        }
        let rest = along.strides[k][1..].iter().chain(&other.strides[k]);
        if even && !(a.layout.offset.is_multiple_of(4) && rest.clone().all(|s| s % 4 == 0)) {
            return 0;
        }
    }
    if found & 1 == 0 {
        return 0;
    }
    let alike = || {
        x[0].layout.offset % 4 == x[1].layout.offset % 4
            && along.strides[0] == along.strides[1]
            && other.strides[0] == other.strides[1]
    };
    if !even && found == 3 && !alike() { 0 } else { found }
}

/// What elements are summed as: integers in int64.
fn kind(dtype: DType) -> Type {
    if dtype.is_integral() { Type::I64 } else { Type::of(dtype) }
}

/// Sum over `dims`. Both dtypes are floats, or both are complex, or both are not.
pub fn sum(op: &'static str, x: &Array, dims: &[usize], out: &Array) -> Result<()> {
    let kind = kind(x.dtype);
    reduce(&Job::new(op, How::Sum, kind), &[x], dims, std::slice::from_ref(out))
}

/// The number of elements of a result.
fn length(x: &Array, dims: &[usize]) -> usize {
    dims.iter().map(|&d| x.shape()[d]).product()
}

/// Mean over `dims` of a float or complex array.
pub fn mean(op: &'static str, x: &Array, dims: &[usize], out: &Array) -> Result<()> {
    let job = Job { end: End::Divided, number: length(x, dims) as f64, ..Job::new(op, How::Sum, kind(x.dtype)) };
    reduce(&job, &[x], dims, std::slice::from_ref(out))
}

/// Variance over `dims` of a float array, in two passes as on the CPU.
pub fn var(op: &'static str, x: &Array, dims: &[usize], correction: f64, root: bool, out: &Array) -> Result<()> {
    let shape: Shape = (0..x.ndim()).map(|d| if dims.contains(&d) { 1 } else { x.shape()[d] }).collect();
    let centre = Array::empty(Meta::new(Layout::contiguous(shape), DType::F32, x.device))?;
    mean(op, x, dims, &centre)?;
    let end = if root { End::Root } else { End::Divided };
    let number = (length(x, dims) as f64 - correction).max(0.0);
    let job = Job { end, number, ..Job::new(op, How::Sum, Type::F32) };
    reduce(&job, &[x, &centre], dims, std::slice::from_ref(out))
}

/// The squared distance of two float arrays of one shape, or its mean.
pub fn squared_distance(op: &'static str, x: &Array, y: &Array, mean: bool, out: &Array) -> Result<()> {
    let dims: Shape = (0..x.ndim()).collect();
    let end = if mean { End::Divided } else { End::Itself };
    let job = Job { end, number: x.numel() as f64, ..Job::new(op, How::Sum, Type::F32) };
    reduce(&job, &[x, y], &dims, std::slice::from_ref(out))
}

/// Whether any element (or each, unless `any`) is not zero.
pub fn truth(op: &'static str, x: &Array, dims: &[usize], any: bool, out: &Array) -> Result<()> {
    let how = if any { How::Any } else { How::All };
    reduce(&Job::new(op, how, Type::Bool), &[x], dims, std::slice::from_ref(out))
}

/// Largest or smallest element over `dims`, which are not empty; NaN wins.
pub fn extremum(op: &'static str, x: &Array, dims: &[usize], largest: bool, out: &Array) -> Result<()> {
    let how = if largest { How::Max } else { How::Min };
    reduce(&Job::new(op, how, Type::of(x.dtype)), &[x], dims, std::slice::from_ref(out))
}

/// As `extremum`, with the number of its first occurrence within `dims`: values (where wanted) and int64 indices.
pub fn placed(
    op: &'static str,
    x: &Array,
    dims: &[usize],
    largest: bool,
    values: Option<&Array>,
    indices: &Array,
) -> Result<()> {
    let how = if largest { How::Max } else { How::Min };
    let job = Job { place: true, value: values.is_some(), ..Job::new(op, how, Type::of(x.dtype)) };
    if length(x, dims) > i32::MAX as usize {
        return Err(err!(NotImplemented, "{op}: more elements than a kernel on the GPU can count"));
    }
    let out: Vec<Array> = values.into_iter().chain([indices]).cloned().collect();
    reduce(&job, &[x], dims, &out)
}
