//! Launches products of matrices in batches, the one thing that `matmul` and `conv` are made of: splits what is too much for one
//! dispatch, splits long sums where there are few results, and chooses the kernel.
//!
//! The order of additions follows from sizes, strides and the kind of adapter alone. `RUSTGRAD_GPU_MATMUL=tiled` or `plain`, read
//! once, forces a variant; without it software adapters and thin products take the plain one.

use std::sync::OnceLock;

use super::access::{Type, Way};
use super::copy;
use super::kernel::{Kernel, Operand};
use super::plain;
use super::words::words;
use crate::core::{DType, Layout, Meta, Number, Shape, Strides};
use crate::device::Array;
use crate::device::gpu::{Gpu, gpu};
use crate::err;
use crate::error::Result;

const COMMON: &str = include_str!("../../shaders/matmul.wgsl");
const TILED: &str = include_str!("../../shaders/matmul_tiled.wgsl");
const DOT: &str = include_str!("../../shaders/matmul_dot.wgsl");
const SUM: &str = include_str!("../../shaders/matmul_sum.wgsl");

words! {
    /// An operand's words are its first element and the strides of the outer batch, the inner batch (of size `inner`),
    /// rows and columns, in fours where it is read or written so. `chunk`: k of a split; `split`: from the sums of one
    /// split to those of the next. `group_columns`: log2 of the columns of invocations in a workgroup. What follows is
    /// of patches: the sizes of the two lower digits of k and of a column, and what each of their three digits adds to
    /// a place in B, or a column's to one in C.
    struct Product {
        m, n, k, chunk, splits, inner, group_columns, a[5], b[5], c[5], split, d[5],
        k_sizes[2], k_steps[3], column_sizes[2], column_steps[3], out_steps[3],
    }
}
words! {
    /// `step`: from the sums of one split to those of the next. Operands as in [`Product`].
    struct Splits { m, n, inner, splits, sums, step, c[5], d[5] }
}

/// Operations of one dispatch at most, so that no driver loses patience.
const MOST: usize = 4 << 30;
/// Groups of one dimension of a grid at most.
const GRID: usize = 65_535;
/// k of a split at least, and groups above which k is not split.
const SPLIT: usize = 512;
const ENOUGH: usize = 256;
/// k of a split at most: lavapipe ends the loops of an invocation, without a word, after 65535 rounds of all together.
const LONGEST: usize = 1 << 15;
/// k of a split at least where a group computes few results.
const SPLIT_DOT: usize = 4096;
/// Elements of a matrix from which its product with one row has a kernel of its own; smaller ones take that of several rows, so that
/// a batch of one compiles nothing where larger ones ran.
const SMALL: usize = 1 << 14;

/// A matrix operand: (outer batch, inner batch, row, column) as sizes and strides.
pub fn matrix(x: &Array, sizes: [usize; 4], strides: [isize; 4]) -> Array {
    let layout =
        Layout { shape: Shape::from_slice(&sizes), strides: Strides::from_slice(&strides), offset: x.layout.offset };
    x.with_layout(layout)
}

/// Where k and a column lie in a B that is made of patches of an image: numbers of three digits, of which the sizes of the two
/// lower ones are given, with what each digit adds to a place; for columns also in C.
#[derive(Clone, Copy, Default)]
pub struct Patch {
    pub k: [usize; 2],
    pub k_steps: [isize; 3],
    pub column: [usize; 2],
    pub column_steps: [isize; 3],
    pub out_steps: [isize; 3],
    /// Elements of B between groups of channels.
    pub group: isize,
    /// Added to each place in B.
    pub base: isize,
    /// Whether `out_steps` differ from those of a contiguous C; such a C has four-byte elements.
    pub scatters: bool,
}

/// `c = alpha * a b + beta * add`, all of four dims: (outer batch, inner batch, row, column).
#[derive(Clone)]
pub struct Job<'a> {
    pub op: &'a str,
    /// Outer batch, inner batch, m, n, k.
    pub size: [usize; 5],
    pub a: Array,
    /// With a patch: the whole image.
    pub b: Array,
    pub c: Array,
    pub add: Option<Array>,
    pub patch: Option<Patch>,
    /// Whether columns of `a` (of consecutive rows), or rows of `b`, have room for whole fours.
    pub padded: [bool; 2],
    /// Whether the one row of results was a column.
    pub column: bool,
    pub alpha: f64,
    pub beta: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Variant {
    Dot,
    Plain,
    Tiled,
}

fn forced() -> Option<Variant> {
    static FORCED: OnceLock<Option<Variant>> = OnceLock::new();
    *FORCED.get_or_init(|| match std::env::var("RUSTGRAD_GPU_MATMUL").as_deref() {
        Ok("tiled") => Some(Variant::Tiled),
        Ok("plain") => Some(Variant::Plain),
        _ => None,
    })
}

/// What numbers are computed as.
pub fn kind(dtype: DType) -> Type {
    Type::of(dtype)
}

/// The dtype of sums that are not rounded yet.
pub fn wide(dtype: DType) -> DType {
    if dtype.is_float() { DType::F32 } else { DType::I32 }
}

/// The names that kernels of products use for what depends on the dtype.
fn prelude(job: &Job) -> String {
    let (t, four, numbers) = match kind(job.a.dtype) {
        Type::F32 => ("f32", "vec4<f32>", "f32s"),
        _ => ("i32", "vec4<i32>", "i32s"),
    };
    format!(
        "alias Num = {t};\nalias Four = {four};\nfn alpha() -> Num {{ return rg_meta.{numbers}[0]; }}\nfn beta() -> Num {{ \
         return rg_meta.{numbers}[1]; }}\n"
    )
}

impl Job<'_> {
    fn flops(&self) -> usize {
        self.size.iter().fold(2usize, |v, &n| v.saturating_mul(n))
    }

    /// Entries `start..start + len` of a dim: 0 and 1 batch, 2 m, 3 n.
    fn part(&self, dim: usize, start: usize, len: usize) -> Self {
        let mut job = self.clone();
        let cut = |x: &mut Array, d: usize| *x = x.with_layout(x.layout.sliced(d, start, len, 1));
        job.size[dim] = len;
        if dim != 3 {
            cut(&mut job.a, dim);
        }
        if dim != 2 && self.patch.is_none() {
            cut(&mut job.b, dim);
        }
        if let (Some(p), true) = (&self.patch, dim == 1) {
            job.b.meta.layout.offset = (job.b.layout.offset as isize + p.group * start as isize) as usize;
        }
        cut(&mut job.c, dim);
        if let Some(d) = &mut job.add {
            cut(d, dim);
        }
        job
    }

    /// The dim to halve where this is too much for one dispatch.
    fn excess(&self, g: &Gpu) -> Option<usize> {
        let large = |x: &Array| {
            let bytes = (x.layout.end() - x.layout.offset) * x.dtype.size();
            x.storage.bytes() as u64 > g.binding_limit() && bytes as u64 + 512 > g.binding_limit()
        };
        let [outer, inner, m, n, _] = self.size;
        let work = self.flops() > MOST;
        let (la, lb, lc) = (large(&self.a), self.patch.is_none() && large(&self.b), large(&self.c));
        let any = work || la || lb || lc || outer * inner > GRID;
        match () {
            () if any && outer > 1 => Some(0),
            () if any && inner > 1 => Some(1),
            () if m > 64 && (work || la || lc) || m > GRID * 8 => Some(2),
            () if self.patch.is_none() && (n > 64 && (work || lb || lc) || n > GRID * 4) => Some(3),
            () => None,
        }
    }

    /// Whether k lies along memory in B.
    fn is_along(&self) -> bool {
        self.size[4] == 1 || self.b.layout.strides.get(2) == Some(&1)
    }

    /// Whether a row of results takes the kernel of several. What a column was has as many results as a batch has rows: its
    /// kernel does not depend on how many.
    fn is_small(&self) -> bool {
        let (n, k) = (self.size[3], self.size[4]);
        self.patch.is_none() && !self.column && n > 1 && if self.is_along() { n * k < SMALL } else { n * n < SMALL }
    }

    fn variant(&self, g: &Gpu) -> Variant {
        if let Some(v) = forced() {
            return v;
        }
        match self.size[2] {
            1 if self.patch.is_none() && self.is_along() && self.size[3] <= GRID * 4 && !self.is_small() => {
                Variant::Dot
            }
            m if m <= 4 || g.is_software() => Variant::Plain,
            _ => Variant::Tiled,
        }
    }
}

pub fn run(job: &Job) -> Result<()> {
    let g = gpu(job.op)?;
    if job.size[..4].contains(&0) {
        return Ok(());
    }
    if let Some(d) = job.excess(g) {
        let (n, step) = (job.size[d], if d < 2 { 1 } else { 64 });
        let half = n.div_ceil(2).next_multiple_of(step).min(n - 1);
        run(&job.part(d, 0, half))?;
        return run(&job.part(d, half, n - half));
    }
    let [outer, inner, m, n, k] = job.size;
    // Narrow elements are written four at a time, or first computed aside.
    let scatters = job.patch.is_some_and(|p| p.scatters);
    let fours = !scatters && is_fours(&job.c, n);
    if job.c.dtype.size() < 4 && !fours {
        let aside = Array::empty(Meta::new(
            Layout::contiguous(Shape::from_slice(&[outer, inner, m, n])),
            wide(job.c.dtype),
            job.c.device,
        ))?;
        run(&Job { c: aside.clone(), ..job.clone() })?;
        return copy::copy(&aside, &job.c);
    }
    let variant = job.variant(g);
    if let (Variant::Plain, Some(packed)) = (variant, packed(job)?) {
        return run(&packed);
    }
    let (per, tiles) = match variant {
        Variant::Dot => (SPLIT_DOT, n.div_ceil(4)),
        _ => (SPLIT, m.div_ceil(64) * n.div_ceil(64)),
    };
    if scatters && k > LONGEST {
        return Err(err!(
            NotImplemented,
            "{}: sums of {k} products are not implemented on the GPU; at most {LONGEST} are",
            job.op
        )
        .hint("use x.cpu(), and .to(\"gpu\") on the result"));
    }
    let enough = (k / per).min(ENOUGH / (tiles * outer * inner));
    let splits = if scatters { 1 } else { enough.max(k.div_ceil(LONGEST)).max(1) };
    let chunk = k.div_ceil(splits).next_multiple_of(64).max(64);
    let splits = k.div_ceil(chunk).max(1);
    if splits == 1 {
        return launch(job, g, variant, chunk, fours, None);
    }
    let shape = Shape::from_slice(&[splits, outer, inner, m, n]);
    let sums = Array::empty(Meta::new(Layout::contiguous(shape), wide(job.c.dtype), job.c.device))?;
    let one = sums.with_layout(sums.layout.selected(0, 0));
    let aside = Job { c: one, add: None, ..job.clone() };
    launch(&aside, g, variant, chunk, n.is_multiple_of(4), Some((splits, outer * inner * m * n)))?;
    sum(job, g, &sums, splits)
}

/// Whether rows of n elements can be written, or read, in fours.
fn is_fours(x: &Array, n: usize) -> bool {
    let s = &x.layout.strides;
    let steps = (0..3).all(|d| x.shape()[d] == 1 || s[d] % 4 == 0);
    n.is_multiple_of(4) && s[3] == 1 && steps && x.layout.offset.is_multiple_of(4)
}

/// Whether a matrix can be read in fours along dim `d`, 2 or 3, of whose elements there are whole fours.
fn reads_fours(x: &Array, d: usize, whole: bool) -> bool {
    let s = &x.layout.strides;
    let steps = (0..4).all(|i| i == d || x.shape()[i] == 1 || s[i] % 4 == 0);
    whole && s[d] == 1 && steps && x.layout.offset.is_multiple_of(4)
}

/// Operands of a size from which copying them costs less than reading them one by one.
const PACKED: usize = 64;

/// A contiguous copy whose last dim has room for whole fours; past the end are zeros.
fn roomy(x: &Array, sizes: [usize; 2]) -> Result<Array> {
    let mut shape = Shape::from_slice(x.shape());
    let mut seen = x.layout.clone();
    // What a batch repeats is not copied repeatedly.
    for d in 0..2 {
        if x.strides()[d] == 0 {
            (shape[d], seen.shape[d]) = (1, 1);
        }
    }
    (shape[2], shape[3]) = (sizes[0], sizes[1]);
    let out = Array::empty(Meta::new(Layout::contiguous(shape), x.dtype, x.device))?;
    if out.numel() != seen.numel() {
        copy::fill(&out, Number::Int(0))?;
    }
    let mut layout = out.layout.clone();
    layout.shape = seen.shape.clone();
    copy::copy(&x.with_layout(seen), &out.with_layout(layout))?;
    let mut layout = out.layout.clone();
    for d in 0..2 {
        if x.strides()[d] == 0 {
            (layout.shape[d], layout.strides[d]) = (x.shape()[d], 0);
        }
    }
    Ok(out.with_layout(layout))
}

/// The job with operands that can be read in fours, where they cannot be as they are and it pays.
fn packed<'a>(job: &Job<'a>) -> Result<Option<Job<'a>>> {
    let [_, _, m, n, k] = job.size;
    if job.patch.is_some() || m.min(n).min(k) < PACKED {
        return Ok(None);
    }
    let by_four = k.is_multiple_of(4);
    let a = reads_fours(&job.a, 3, by_four) || reads_fours(&job.a, 2, job.padded[0] || m.is_multiple_of(4));
    let b = reads_fours(&job.b, 2, by_four) || reads_fours(&job.b, 3, job.padded[1] || n.is_multiple_of(4));
    if a && b {
        return Ok(None);
    }
    // A sum has as many terms on both sides.
    let whole = k.next_multiple_of(4);
    let mut job = job.clone();
    if !a || whole != k {
        job.a = roomy(&job.a, [m, whole])?;
    }
    if !b || whole != k {
        job.b = roomy(&job.b, [whole, n.next_multiple_of(4)])?;
        job.padded[1] = true;
    }
    job.size[4] = whole;
    Ok(Some(job))
}

/// The first element and the strides of a matrix, in fours where it is read so: the one along which it is then counts
/// fours.
fn places(g: &Gpu, x: &Operand, fours: bool) -> [u32; 5] {
    let mut out = [x.first(g) / if fours { 4 } else { 1 }, 0, 0, 0, 0];
    for d in 0..4 {
        let s = if x.array.shape()[d] == 1 { 0 } else { x.array.layout.strides[d] };
        out[1 + d] = if fours && s != 1 { (s / 4) as u32 } else { s as u32 };
    }
    out
}

/// One dispatch. `partial`: how many splits of k, each of whose sums are so many elements after the last one's.
fn launch(
    job: &Job,
    g: &Gpu,
    variant: Variant,
    chunk: usize,
    fours: bool,
    partial: Option<(usize, usize)>,
) -> Result<()> {
    let [outer, inner, m, n, k] = job.size;
    let splits = partial.map_or(1, |p| p.0);
    let by_four = k.is_multiple_of(4);
    let left = match () {
        () if job.patch.is_none() && variant != Variant::Tiled && reads_fours(&job.a, 3, by_four) => plain::Way::AlongK,
        () if variant == Variant::Plain && reads_fours(&job.a, 2, job.padded[0] || m.is_multiple_of(4)) => {
            plain::Way::Across
        }
        () => plain::Way::Each,
    };
    let right = match () {
        () if job.patch.is_some() => plain::Way::Each,
        () if variant != Variant::Tiled && reads_fours(&job.b, 2, by_four) => plain::Way::AlongK,
        () if variant == Variant::Plain && reads_fours(&job.b, 3, job.padded[1] || n.is_multiple_of(4)) => {
            plain::Way::Across
        }
        () => plain::Way::Each,
    };
    // The dot kernel reads both in fours or neither.
    let both = left == plain::Way::AlongK && right == plain::Way::AlongK;
    let (left, right) = match variant {
        Variant::Dot if !both => (plain::Way::Each, plain::Way::Each),
        _ => (left, right),
    };
    let kind = kind(job.a.dtype);
    let read = |x, way| match way {
        plain::Way::Each => Operand::new(x, kind),
        _ => Operand::new(x, kind).way(Way::Fours),
    };
    let mut reads = vec![read(&job.a, left), read(&job.b, right)];
    reads.extend(job.add.as_ref().map(|d| Operand::new(d, kind)));
    let out = Operand::new(&job.c, kind);
    let fours = fours && variant != Variant::Dot;
    let out = if fours { out.way(Way::Fours) } else { out };

    let rows = if m == 1 && job.is_small() { 2 } else { m };
    let form = plain::Form::new(rows, n, left, right, job.patch.is_some());
    let columns = form.columns(n);
    let b = match &job.patch {
        Some(p) => [reads[1].first(g).wrapping_add(p.base as u32), 0, p.group as u32, 0, 0],
        None => places(g, &reads[1], right != plain::Way::Each),
    };
    let patch = job.patch.unwrap_or_default();
    let words = Product {
        m: m as u32,
        n: n as u32,
        k: k as u32,
        chunk: chunk as u32,
        splits: splits as u32,
        inner: inner as u32,
        group_columns: columns.ilog2(),
        a: places(g, &reads[0], left != plain::Way::Each),
        b,
        c: places(g, &out, fours),
        split: partial.map_or(0, |p| p.1) as u32 / if fours { 4 } else { 1 },
        d: reads.get(2).map_or([0; 5], |d| places(g, d, false)),
        k_sizes: patch.k.map(|n| n as u32),
        k_steps: patch.k_steps.map(|n| n as u32),
        column_sizes: patch.column.map(|n| n as u32),
        column_steps: patch.column_steps.map(|n| n as u32),
        out_steps: patch.out_steps.map(|n| n as u32),
    };
    let words = words.words();

    let flag = u32::from;
    let mut consts = vec![
        ("PATCH", flag(job.patch.is_some())),
        ("FULL", flag(partial.is_none())),
        ("ADD", flag(job.add.is_some())),
        ("FOURS", flag(fours)),
    ];
    let z = (outer * inner * splits) as u32;
    let text = |own: &str| {
        let added = match job.add {
            Some(_) => "load2(rg_d + r * rg_word(D + ROW) + min(c, rg_word(N) - 1u) * rg_word(D + COLUMN))",
            None => "Num()",
        };
        let (one, four) = if fours { ("", "store0(at, v);") } else { ("store0(at, v);", "") };
        format!(
            "{}fn added(r: u32, c: u32) -> Num {{ return {added}; }}\nfn put_one(at: u32, v: Num) {{ {one} }}\nfn put_four(at: \
             u32, v: Four) {{ {four} }}\n{COMMON}{own}",
            prelude(job)
        )
    };
    let numbers = [Number::Float(job.alpha), Number::Float(job.beta)];
    let kernel = Kernel {
        op: job.op,
        id: 0,
        variant: 0,
        consts: &[],
        reads: &reads,
        writes: &[out],
        body: &|| Ok(String::new()),
    };
    match variant {
        Variant::Dot => {
            let lanes = if n < 4 { 64 } else { 16 };
            consts.extend([("LANES", lanes), ("STEP", if both { 4 } else { 1 })]);
            let (sum, total) = if both { ("Four", "v.x + v.y + v.z + v.w") } else { ("Num", "v") };
            let own = || format!("alias Sum = {sum};\nfn total(v: Sum) -> Num {{ return {total}; }}\n{DOT}");
            let id = DOT.as_ptr().addr();
            let groups = [(n as u32).div_ceil(64 / lanes), 1, z];
            Kernel { id, consts: &consts, body: &|| Ok(text(&own())), ..kernel }.run_grid(
                groups,
                &words,
                &numbers,
                job.flops(),
            )
        }
        Variant::Tiled => {
            let along = |x: &Array, k: usize, other: usize| x.layout.strides[k] == 1 && x.layout.strides[other] != 1;
            consts.extend([
                ("A_ALONG_K", flag(along(&job.a, 3, 2))),
                ("B_ALONG_K", flag(job.patch.is_none() && along(&job.b, 2, 3))),
            ]);
            let id = TILED.as_ptr().addr();
            let groups = [n.div_ceil(64) as u32, m.div_ceil(64) as u32, z];
            Kernel { id, consts: &consts, body: &|| Ok(text(TILED)), ..kernel }.run_grid(
                groups,
                &words,
                &numbers,
                job.flops(),
            )
        }
        Variant::Plain => {
            let id = plain::id();
            let groups = [n.div_ceil(columns * form.width()) as u32, m.div_ceil(64 / columns * form.rows) as u32, z];
            let body = || Ok(text(&plain::text(&form)));
            Kernel { id, variant: form.code(), consts: &consts, body: &body, ..kernel }.run_grid(
                groups,
                &words,
                &numbers,
                job.flops(),
            )
        }
    }
}

/// C from the sums of the splits of k.
fn sum(job: &Job, g: &Gpu, sums: &Array, splits: usize) -> Result<()> {
    let [outer, inner, m, n, _] = job.size;
    let kind = kind(job.a.dtype);
    let mut reads = vec![Operand::new(sums, kind)];
    reads.extend(job.add.as_ref().map(|d| Operand::new(d, kind)));
    let out = Operand::new(&job.c, kind);
    let count = outer * inner * m * n;
    let words = Splits {
        m: m as u32,
        n: n as u32,
        inner: inner as u32,
        splits: splits as u32,
        sums: reads[0].first(g),
        step: count as u32,
        c: places(g, &out, false),
        d: reads.get(1).map_or([0; 5], |d| places(g, d, false)),
    };
    let added = if job.add.is_some() { "load1(d)" } else { "Num()" };
    let body = || Ok(format!("{}fn added(d: u32, c: u32) -> Num {{ return {added}; }}\n{SUM}", prelude(job)));
    let consts = [("ADD", u32::from(job.add.is_some()))];
    let id = SUM.as_ptr().addr();
    Kernel { op: job.op, id, variant: 0, consts: &consts, reads: &reads, writes: &[out], body: &body }.run_linear(
        count,
        64,
        &words.words(),
        &[Number::Float(job.alpha), Number::Float(job.beta)],
    )
}
