//! Running values along a dim. Few long lines are cut into chunks: each becomes the map that it is, the maps' own running values
//! are such a scan again, and every chunk goes on from the end of the one before. The cut depends on sizes alone.

use super::access::Type;
use super::kernel::{Kernel, Operand, count};
use super::walk::Walk;
use crate::core::{DType, Layout, Meta, Number, Shape, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

const SCAN: &str = include_str!("../../shaders/scan.wgsl");
const CHUNK: usize = 256;
/// Elements that one invocation takes at most.
const LONGEST: usize = 1 << 15;

/// What a launch does, as `scan.wgsl` counts it.
const WHOLE: u32 = 0;
const SUMMARY: u32 = 1;
const ONWARD: u32 = 2;

/// `y[i] = a[i] y[i - 1] + b[i]` along `dim`, from `first` on, forwards or backwards; a missing `b` adds nothing. One dtype, whose
/// halves are carried in float32. (A product of a chunk may overflow where the whole would not.)
pub fn scan(
    op: &str,
    a: &Array,
    b: Option<&Array>,
    dim: usize,
    backwards: bool,
    first: f64,
    out: &Array,
) -> Result<()> {
    if a.numel() == 0 {
        return Ok(());
    }
    let n = a.shape().get(dim).copied().unwrap_or(1);
    let lines = a.numel() / n;
    let job = Job { op, a, b, dim, backwards, first, n, lines };
    if n <= 4 * CHUNK || (lines >= 1024 && n <= LONGEST) {
        return job.launch(WHOLE, n, None, &[out]);
    }
    let chunks = n.div_ceil(CHUNK);
    let dtype = match Type::of(a.dtype) {
        Type::F32 => DType::F32,
        Type::I64 => DType::I64,
        Type::C64 => DType::C64,
        _ => DType::I32,
    };
    let meta = Meta::new(Layout::contiguous([lines, chunks][..].into()), dtype, a.device);
    let (by, plus, ends) = (Array::empty(meta.clone())?, Array::empty(meta.clone())?, Array::empty(meta)?);
    job.launch(SUMMARY, CHUNK, None, &[&by, &plus])?;
    scan(op, &by, Some(&plus), 1, false, first, &ends)?;
    job.launch(ONWARD, CHUNK, Some(&ends), &[out])
}

struct Job<'a> {
    op: &'a str,
    a: &'a Array,
    b: Option<&'a Array>,
    dim: usize,
    backwards: bool,
    first: f64,
    n: usize,
    lines: usize,
}

impl Job<'_> {
    fn launch(&self, mode: u32, chunk: usize, ends: Option<&Array>, out: &[&Array]) -> Result<()> {
        let g = gpu(self.op)?;
        count(self.op, self.a.numel())?;
        let kind = Type::of(self.a.dtype);
        let others: Shape = (0..self.a.ndim()).filter(|&d| d != self.dim).collect();
        let lines = |x: &Array| -> Strides { others.iter().map(|&d| x.strides()[d]).collect() };
        let shape: Shape = others.iter().map(|&d| self.a.shape()[d]).collect();
        let none = Strides::zeros(others.len());
        // Maps of chunks lie by their numbers.
        let result = if mode == SUMMARY { None } else { Some(out[0]) };
        let strides = [lines(self.a), self.b.map_or(none.clone(), lines), result.map_or(none, lines)];
        let walk = Walk::new(&shape, &strides.each_ref());
        let step = |x: Option<&Array>| {
            let s = x.and_then(|x| x.strides().get(self.dim)).copied().unwrap_or(0) as u32;
            if self.backwards { s.wrapping_neg() } else { s }
        };
        // Backwards is forwards from the last element on.
        let start = |x: Option<&Array>, first: u32| match self.backwards {
            true => first.wrapping_sub(step(x).wrapping_mul(self.n as u32 - 1)),
            false => first,
        };
        let mut reads = vec![Operand::of(self.a)];
        reads.extend(self.b.map(Operand::of));
        reads.extend(ends.map(Operand::of));
        let writes: Vec<Operand> = out.iter().map(|&y| Operand::new(y, kind)).collect();
        let chunks = self.n.div_ceil(chunk);
        let mut words = vec![chunks as u32, chunk as u32, self.n as u32];
        let second = writes.get(1).map_or(0, |o| o.first(g));
        words.extend([start(result, writes[0].first(g)), second]);
        words.push(start(Some(self.a), reads[0].first(g)));
        words.push(self.b.map_or(0, |b| start(Some(b), reads[1].first(g))));
        words.push(ends.map_or(0, |_| reads[reads.len() - 1].first(g)));
        words.extend([step(Some(self.a)), step(self.b), step(result)]);
        words.extend(walk.words());
        let consts = [("DIMS", walk.ndim() as u32), ("B", self.b.is_some() as u32), ("MODE", mode)];
        let kernel = Kernel {
            op: self.op,
            id: SCAN.as_ptr().addr(),
            variant: 0,
            consts: &consts,
            reads: &reads,
            writes: &writes,
            body: &|| Ok(self.text(kind, mode, reads.len() - 1) + SCAN),
        };
        kernel.run_linear(self.lines * chunks, 64, &words, &[Number::Float(self.first)])
    }

    fn text(&self, kind: Type, mode: u32, last: usize) -> String {
        let t = kind.name();
        let (mul, add, zero, one, number) = match kind {
            Type::I64 => {
                ("i64_mul(a, b)", "i64_add(a, b)", "vec2<u32>(0u, 0u)", "vec2<u32>(1u, 0u)", "rg_meta.i64s[0].xy")
            }
            Type::F32 => ("a * b", "a + b", "0.0f", "1.0f", "rg_meta.f32s.x"),
            Type::C64 => ("c64_mul(a, b)", "a + b", "vec2<f32>()", "c64_real(1.0f)", "c64_real(rg_meta.f32s.x)"),
            _ => ("a * b", "a + b", "0", "1", "rg_meta.i32s.x"),
        };
        // Without a b, what leaves every float as it is: -0.0 + 0.0 would be 0.0.
        let beside = match (self.b, kind) {
            (Some(_), _) => "load1(p)",
            (None, Type::F32) => "(-0.0f)",
            (None, Type::C64) => "vec2<f32>(-0.0f, -0.0f)",
            (None, _) => "zero()",
        };
        let carried = if mode == ONWARD { format!("load{last}(i)") } else { "zero()".into() };
        let (result, summary) = match mode {
            SUMMARY => ("", "store0(rg_word(5u) + i, a); store1(rg_word(6u) + i, b);"),
            _ => ("store0(p, y);", ""),
        };
        format!(
            "alias T = {t};\nfn mul(a: T, b: T) -> T {{ return {mul}; }}\nfn add(a: T, b: T) -> T {{ return {add}; }}\nfn zero() -> T \
             {{ return {zero}; }}\nfn one() -> T {{ return {one}; }}\nfn number() -> T {{ return {number}; }}\nfn beside(p: u32) -> T \
             {{ return {beside}; }}\nfn carried(i: u32) -> T {{ return {carried}; }}\nfn result(p: u32, y: T) {{ {result} }}\nfn \
             summary(i: u32, a: T, b: T) {{ {summary} }}\n"
        )
    }
}
