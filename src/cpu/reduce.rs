//! Reductions over any set of dims of an array with any strides: sums, means, extrema, any and all, variance.
//!
//! Where a reduced dim is the fastest in memory, each result is the fold of a stream of elements; else results are columns
//! that rows are added to. `fold.rs` fixes the order of either.

use std::mem::MaybeUninit;

use super::columns;
use super::complex::parts;
use super::fold::{self, All, Any, BLOCK, Fold, Max, Min, Pairs, Product, Squares, Sum};
use super::real::Real;
use super::strided::{Raw, Walk};
use super::threads;
use super::widen::{Acc, Widen, load, wide, with_results};
use crate::core::dtype::not_real;
use crate::core::{Bool, Complex, DType, Element, Shape, Strides};
use crate::device::Array;
use crate::error::Result;
use crate::{dispatch, simd, widened};

/// Elements that pay for handing work to another thread.
pub(super) const GRAIN: usize = 1 << 16;
/// Runs from this on are folded where they lie, whole ones a block; shorter ones are copied to whole blocks first.
const LONG: usize = 256;

/// `x` split into what is kept (with the place of each result) and what is reduced.
pub(super) struct Plan<S> {
    pub x: Raw<S>,
    pub kept: Walk<2>,
    pub reduced: Walk<1>,
}

impl<S: Element> Plan<S> {
    fn new(x: &Array, dims: &[usize]) -> Plan<S> {
        let keep: Shape = (0..x.ndim()).filter(|d| !dims.contains(d)).collect();
        let pick = |which: &[usize]| -> (Shape, Strides) {
            (which.iter().map(|&d| x.shape()[d]).collect(), which.iter().map(|&d| x.strides()[d]).collect())
        };
        let (shape, strides) = pick(&keep);
        let places = crate::core::layout::contiguous_strides(&shape);
        let (reduced, by) = pick(dims);
        Plan {
            x: Raw::new(x.ptr()),
            kept: Walk::in_memory_order(&shape, [&strides, &places]),
            reduced: Walk::in_memory_order(&reduced, [&by]),
        }
    }

    /// Whether results are columns: a kept dim is the fastest, and long enough to fill lanes.
    fn by_columns(&self) -> bool {
        let (kept, reduced) = (self.kept.steps()[0].unsigned_abs(), self.reduced.steps()[0].unsigned_abs());
        kept < reduced && self.kept.run() >= 8 && self.kept.numel() > 1 && self.reduced.numel() > 1
    }
}

/// The elements that make one result.
struct Stream<'a, S> {
    x: Raw<S>,
    at: isize,
    walk: &'a Walk<1>,
    /// Blocks begin where such a run does, or lie within one. All elements, where they are copied.
    run: usize,
    /// Runs of a block; 1 where a run has several blocks.
    runs: usize,
}

impl<'a, S> Stream<'a, S> {
    fn new<A: Acc>(p: &'a Plan<S>, at: isize) -> Stream<'a, S>
    where
        S: Widen<A>,
    {
        let long = S::SAME && p.reduced.steps()[0] == 1 && p.reduced.run() >= LONG;
        let run = if long { p.reduced.run() } else { p.reduced.numel() };
        Stream { x: p.x, at, walk: &p.reduced, run, runs: (BLOCK / run.max(1)).max(1) }
    }

    fn blocks(&self) -> usize {
        (self.walk.numel() / self.run.max(1)).div_ceil(self.runs) * self.run.div_ceil(BLOCK)
    }

    /// Where block `i` begins.
    fn block(&self, i: usize) -> usize {
        let each = self.run.div_ceil(BLOCK);
        i / each * self.runs * self.run + i % each * BLOCK
    }

    /// The fold of elements `from..to`, where both begin blocks.
    fn part<A: Acc, F: Fold<A>>(&self, from: usize, to: usize, f: F) -> A
    where
        S: Widen<A>,
    {
        let mut pairs = Pairs::new(f);
        if S::SAME && self.walk.steps()[0] == 1 && self.walk.run() == self.run {
            let x = |at: isize| self.x.at(self.at + at).cast::<A>().cast_const();
            if self.walk.is_one_run() {
                // SAFETY: elements of x; S is A.
                return unsafe { fold::row(x(from as isize), to - from, f) };
            }
            let (mut pieces, mut count) = ([std::ptr::null(); BLOCK / LONG], 0);
            self.walk.pieces(from..to, |[at], start, len| {
                if self.run > BLOCK {
                    for i in (0..len).step_by(BLOCK) {
                        // SAFETY: as above.
                        pairs.push(unsafe { fold::row(x(at + i as isize), BLOCK.min(len - i), f) });
                    }
                    return;
                }
                pieces[count] = x(at);
                count += 1;
                if count == self.runs || start + len == to {
                    // SAFETY: as above.
                    pairs.push(unsafe { fold::together(&pieces[..count], len, f) });
                    count = 0;
                }
            });
            return pairs.finish();
        }
        // Filled as far as it is read: zeros would cost more than most sums.
        let mut tile = MaybeUninit::<[A; BLOCK]>::uninit();
        let y: *mut A = tile.as_mut_ptr().cast();
        let mut start = from;
        loop {
            let n = BLOCK.min(to - start);
            self.walk.pieces(start..start + n, |[at], i, len| {
                // SAFETY: elements of x, and of the tile.
                unsafe { load::<S, A>(self.x.at(self.at + at), self.walk.steps()[0], len, y.add(i - start)) }
            });
            // SAFETY: n elements of the tile.
            pairs.push(unsafe { fold::row(y, n, f) });
            start += n;
            if start >= to {
                return pairs.finish();
            }
        }
    }

    fn fold<A: Acc, F: Fold<A>>(&self, f: F) -> A
    where
        S: Widen<A>,
    {
        self.part(0, self.walk.numel(), f)
    }

    /// As `fold`, by all threads.
    fn fold_wide<A: Acc, F: Fold<A>>(&self, f: F) -> A
    where
        S: Widen<A>,
    {
        let (n, blocks) = (self.walk.numel(), self.blocks());
        // A power of two, so that the tree over blocks is kept.
        let group = blocks.div_ceil(16 * threads::count()).next_power_of_two();
        let bound = |i: usize| self.block(i * group).min(n);
        fold::in_groups(blocks.div_ceil(group), f, |i| self.part(bound(i), bound(i + 1), f))
    }
}

/// `y = value(stream)` for every result. `value` is told whether it may use all threads.
fn each_stream<S: Widen<A>, A: Acc>(p: &Plan<S>, y: *mut A, value: impl Fn(&Stream<S>, bool) -> A + Sync) {
    let (m, n) = (p.kept.numel(), p.reduced.numel());
    let y = Raw::new(y);
    let one = |[at, to]: [isize; 2], wide| {
        // SAFETY: a place that only this call has.
        unsafe { *y.at(to) = value(&Stream::new::<A>(p, at), wide) }
    };
    if m < 2 * threads::count() && n >= 4 * GRAIN {
        return p.kept.elements(0..m, |at, _| one(at, true));
    }
    threads::split(m, GRAIN.div_ceil(n.max(1)), &|range| p.kept.elements(range, |at, _| one(at, false)));
}

/// `y = fold` over the reduced dims.
fn reduce<S: Widen<A>, A: Acc, F: Fold<A>>(x: &Array, dims: &[usize], y: *mut A, f: F) {
    if S::SAME && x.is_contiguous() && dims.len() == x.ndim() && x.numel() <= 4 * BLOCK {
        // All of a small tensor, without a plan.
        // SAFETY: its elements (S is A), and the only result.
        unsafe { *y = fold::row(x.ptr::<S>().cast::<A>(), x.numel(), f) };
        return;
    }
    let p = Plan::<S>::new(x, dims);
    if p.by_columns() {
        return columns::by_columns(&p, y, f, |x, stride, rows, _, cols, acc| {
            // SAFETY: `by_columns` gives rows of `cols` elements.
            unsafe { fold::columns(x, stride, rows, cols, acc, f) }
        });
    }
    let (m, n) = (p.kept.numel(), p.reduced.numel());
    let in_place = S::SAME && p.reduced.is_one_run() && (n == 1 || p.reduced.steps()[0] == 1);
    if !in_place || n >= BLOCK {
        return each_stream(&p, y, |s, wide| if wide { s.fold_wide(f) } else { s.fold(f) });
    }
    // Short rows: many of them a call.
    let (y, [x_step, y_step]) = (Raw::new(y), p.kept.steps());
    threads::split(m, GRAIN.div_ceil(n.max(1)), &|range| {
        p.kept.pieces(range, |[at, to], _, rows| {
            // SAFETY: elements of x (S is A), and places that only this range has.
            unsafe { fold::rows(p.x.at(at).cast::<A>(), x_step, rows, n, y.at(to), y_step, f) }
        });
    });
}

/// Sum over `dims`. Both dtypes are floats, or both are not; integers add in int64.
pub fn sum(x: &Array, dims: &[usize], out: &Array) -> Result<()> {
    if x.dtype.is_complex() {
        return sum(&parts(x), dims, &parts(out));
    }
    let x = &wide(x)?;
    widened!(x.dtype, S, A => with_results::<A>(out, &mut |y| reduce::<S, A, _>(x, dims, y, Sum)));
    Ok(())
}

/// Product over `dims`. Both dtypes are floats, or both are not; integers multiply in int64.
pub fn prod(x: &Array, dims: &[usize], out: &Array) {
    if x.dtype.is_complex() {
        return super::complex::prod(x, dims, out);
    }
    widened!(x.dtype, S, A => with_results::<A>(out, &mut |y| reduce::<S, A, _>(x, dims, y, Product)));
}

simd! {
    /// `y[i] /= by`.
    unsafe fn divide[A: Real][A](y: *mut A, n: usize, by: A) = divide_body;
}

#[inline(always)]
unsafe fn divide_body<A: Real>(y: *mut A, n: usize, by: A) {
    for i in 0..n {
        // SAFETY: n elements, says the caller.
        unsafe { *y.add(i) = *y.add(i) / by }
    }
}

/// `y[i] /= by`, by all threads.
fn divide_all<A: Real>(y: *mut A, n: usize, by: A) {
    let y = Raw::new(y);
    threads::split(n, GRAIN, &|range| {
        // SAFETY: results that only this range has.
        unsafe { divide::<A>(y.at(range.start as isize), range.len(), by) }
    });
}

/// Mean over `dims` of a float array.
pub fn mean(x: &Array, dims: &[usize], out: &Array) {
    if x.dtype.is_complex() {
        mean(&parts(x), dims, &parts(out));
        // A complex quotient by a real number, as PyTorch computes it: an infinite part leaves no number of the other.
        let crossed = |v: Complex<f64>| Complex { re: v.re + v.im * 0.0, im: v.im - v.re * 0.0 };
        return super::complex::of(out, out, crossed);
    }
    let n: usize = dims.iter().map(|&d| x.shape()[d]).product();
    widened!(only float x.dtype, S, A => with_results::<A>(out, &mut |y| {
        reduce::<S, A, _>(x, dims, y, Sum);
        divide_all(y, out.numel(), n as A);
    }));
}

/// Largest element over `dims`, which are not empty; NaN wins.
pub fn amax(x: &Array, dims: &[usize], out: &Array) {
    // Of uint16, uint32 and uint64 only empty arrays come here.
    let x = &x.with_dtype(x.dtype.signed());
    widened!(x.dtype, S, A => with_results::<A>(out, &mut |y| reduce::<S, A, _>(x, dims, y, Max)));
}

/// Smallest element over `dims`, which are not empty; NaN wins.
pub fn amin(x: &Array, dims: &[usize], out: &Array) {
    let x = &x.with_dtype(x.dtype.signed());
    widened!(x.dtype, S, A => with_results::<A>(out, &mut |y| reduce::<S, A, _>(x, dims, y, Min)));
}

/// Runs `$body` with `$s` a type whose elements are zero where those of `$x` are, which is shadowed by them: of integers only
/// the size matters.
macro_rules! truths {
    ($x:ident, $s:ident => $body:expr) => {{
        let bits = match $x.dtype {
            DType::I8 => DType::U8,
            other => other.signed(),
        };
        let $x = &$x.with_dtype(bits);
        match bits {
            DType::Bool => { type $s = Bool; $body }
            DType::U8 => { type $s = u8; $body }
            DType::I16 => { type $s = i16; $body }
            DType::I32 => { type $s = i32; $body }
            DType::I64 => { type $s = i64; $body }
            other => dispatch!(float other, $s => $body; else => not_real(other)),
        }
    }};
}

/// Whether any element is not zero. `out` is bool or uint8.
pub fn any(x: &Array, dims: &[usize], out: &Array) {
    truths!(x, S => reduce::<S, u8, _>(x, dims, out.bytes_ptr(), Any));
}

/// Whether no element is zero. `out` is bool or uint8.
pub fn all(x: &Array, dims: &[usize], out: &Array) {
    truths!(x, S => reduce::<S, u8, _>(x, dims, out.bytes_ptr(), All));
}

/// Variance over `dims` of a float array (its root if `root`): squared distances from the mean, over their number less `correction` (at least 0).
/// Two passes: the second finds the row in the cache, and cannot lose digits as a difference of squares would.
pub fn var(x: &Array, dims: &[usize], correction: f64, root: bool, out: &Array) {
    widened!(only float x.dtype, S, A => with_results::<A>(out, &mut |y| {
        var_in::<S, A>(x, dims, correction, y);
        for i in 0..if root { out.numel() } else { 0 } {
            // SAFETY: one of the results.
            unsafe { *y.add(i) = (*y.add(i)).root() }
        }
    }));
}

fn var_in<S: Widen<A>, A: Real>(x: &Array, dims: &[usize], correction: f64, y: *mut A)
where
    Sum: Fold<A>,
    Squares<A>: Fold<A>,
{
    let p = Plan::<S>::new(x, dims);
    let (m, count) = (p.kept.numel(), p.reduced.numel());
    let (n, less) = (A::of(count as f64), A::of((count as f64 - correction).max(0.0)));
    if !p.by_columns() {
        return each_stream(&p, y, |s, wide| {
            let total = if wide { s.fold_wide(Sum) } else { s.fold(Sum) };
            let squares = Squares(total / n);
            let total = if wide { s.fold_wide(squares) } else { s.fold(squares) };
            total / less
        });
    }
    let mut means = vec![A::default(); m];
    let mean = Raw::new(means.as_mut_ptr());
    columns::by_columns(&p, mean.at(0), Sum, |x, stride, rows, _, cols, acc| {
        // SAFETY: rows of `cols` elements.
        unsafe { fold::columns(x, stride, rows, cols, acc, Sum) }
    });
    divide_all(mean.at(0), m, n);
    let step = p.kept.steps()[1];
    columns::by_columns(&p, y, Sum, |x, stride, rows, place, cols, acc| {
        let mut own = MaybeUninit::<[A; columns::COLS]>::uninit();
        let mut at = mean.at(place);
        if step != 1 {
            at = own.as_mut_ptr().cast();
            for c in 0..cols {
                // SAFETY: the mean of a column, and a place of the tile.
                unsafe { *at.add(c) = *mean.at(place + c as isize * step) }
            }
        }
        // SAFETY: rows of `cols` elements, and as many means.
        unsafe { columns::squares(x, stride, rows, cols, at, acc) }
    });
    divide_all(y, m, less);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{DType, Device, Layout, Meta};
    use crate::cpu::dispatch::{Level, set_level};

    fn noise(n: usize) -> Vec<f32> {
        (0..n as u64).map(|i| (((i * 2654435761) >> 7) % 65536) as f32 / 32768.0 - 1.0).collect()
    }

    fn sum(x: &Array, dims: &[usize], out: &Array) {
        super::sum(x, dims, out).unwrap();
    }

    fn result(x: &Array, dims: &[usize], dtype: DType, f: impl Fn(&Array, &[usize], &Array)) -> Array {
        let shape: Shape = (0..x.ndim()).filter(|d| !dims.contains(d)).map(|d| x.shape()[d]).collect();
        let out = Array::empty(Meta::new(Layout::contiguous(shape), dtype, Device::CPU)).unwrap();
        f(x, dims, &out);
        out
    }

    /// Elements of each result, in index order, as float64.
    fn groups(x: &Array, dims: &[usize]) -> Vec<Vec<f64>> {
        let keep: Vec<usize> = (0..x.ndim()).filter(|d| !dims.contains(d)).collect();
        let m = keep.iter().map(|&d| x.shape()[d]).product();
        let mut out = vec![vec![]; m];
        let w = Walk::new(x.shape(), [x.strides()]);
        w.elements(0..x.numel(), |[at], i| {
            let mut rest = i;
            let mut index = vec![0; x.ndim()];
            for d in (0..x.ndim()).rev() {
                index[d] = rest % x.shape()[d];
                rest /= x.shape()[d];
            }
            let to = keep.iter().fold(0, |a, &d| a * x.shape()[d] + index[d]);
            // SAFETY: an element of x.
            out[to].push(unsafe { *x.ptr::<f32>().offset(at) } as f64);
        });
        out
    }

    #[test]
    fn every_layout_and_set_of_dims() {
        let data = Array::from_slice(&[7, 5, 3, 40], &noise(4200)).unwrap();
        let big = Array::from_slice(&[5000, 37], &noise(185000)).unwrap();
        let runs = |n: usize| Array::from_slice(&[9, 2, n], &noise(18 * n)).unwrap();
        let cases = [
            runs(300),
            runs(701),
            runs(5000),
            data.clone(),
            data.with_layout(data.layout.permuted(&[3, 1, 0, 2])),
            data.with_layout(data.layout.sliced(3, 1, 13, 3)),
            data.with_layout(data.layout.sliced(1, 2, 1, 1).expand(&[7, 4, 3, 40]).unwrap()),
            big.clone(),
            big.with_layout(big.layout.transposed(0, 1)),
        ];
        for x in &cases {
            for mask in 0..1usize << x.ndim() {
                let dims: Vec<usize> = (0..x.ndim()).filter(|d| mask >> d & 1 == 1).collect();
                let naive = groups(x, &dims);
                let close = |got: &Array, want: &dyn Fn(&[f64]) -> f64| {
                    for (got, g) in got.to_vec::<f32>().iter().zip(&naive) {
                        let scale = 1e-6 * g.iter().map(|v| v.abs()).sum::<f64>() + 1e-6;
                        assert!((*got as f64 - want(g)).abs() <= scale, "{:?} {dims:?} {got} {}", x.layout, want(g));
                    }
                };
                close(&result(x, &dims, DType::F32, sum), &|g| g.iter().sum());
                close(&result(x, &dims, DType::F32, mean), &|g| g.iter().sum::<f64>() / g.len() as f64);
                close(&result(x, &dims, DType::F32, amax), &|g| g.iter().cloned().fold(f64::MIN, f64::max));
                close(&result(x, &dims, DType::F32, amin), &|g| g.iter().cloned().fold(f64::MAX, f64::min));
                if naive[0].len() > 1 {
                    close(&result(x, &dims, DType::F32, |x, d, y| var(x, d, 1.0, false, y)), &|g| {
                        let m = g.iter().sum::<f64>() / g.len() as f64;
                        g.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (g.len() as f64 - 1.0)
                    });
                }
            }
        }
    }

    #[test]
    fn bits_depend_on_neither_level_nor_threads() {
        let x = Array::from_slice(&[1_000_001], &noise(1_000_001)).unwrap();
        let y = Array::from_slice(&[90_000, 11], &noise(990_000)).unwrap();
        let z = Array::from_slice(&[1500, 2, 333], &noise(999_000)).unwrap();
        let mut seen = vec![];
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            for n in [1, 2, 3] {
                set_level(level);
                threads::set_count(n);
                let f = |x: &Array, dims: &[usize]| -> Vec<u32> {
                    let var1 = |x: &Array, d: &[usize], y: &Array| var(x, d, 1.0, false, y);
                    let both = [result(x, dims, DType::F32, sum), result(x, dims, DType::F32, var1)];
                    both.iter().flat_map(|a| a.to_vec::<f32>()).map(f32::to_bits).collect()
                };
                seen.push([f(&x, &[0]), f(&y, &[0]), f(&y, &[1]), f(&y, &[0, 1]), f(&z, &[0, 2]), f(&z, &[0])]);
            }
        }
        assert!(seen.iter().all(|s| *s == seen[0]));
    }

    #[test]
    fn dtypes_and_edges() {
        let x = Array::from_slice(&[4], &[1.0f32, f32::NAN, 3.0, -2.0]).unwrap();
        assert!(result(&x, &[0], DType::F32, amax).to_vec::<f32>()[0].is_nan());
        let x = Array::from_slice(&[3], &[200u8, 100, 7]).unwrap();
        assert_eq!(result(&x, &[0], DType::I64, sum).to_vec::<i64>(), [307]);
        assert_eq!(result(&x, &[0], DType::U8, amax).to_vec::<u8>(), [200]);
        assert_eq!(result(&x, &[0], DType::Bool, all).to_vec::<crate::core::Bool>()[0].0, 1);
        let x = Array::from_slice::<f32>(&[2, 0], &[]).unwrap();
        assert_eq!(result(&x, &[1], DType::F32, sum).to_vec::<f32>(), [0.0, 0.0]);
        assert_eq!(result(&x, &[1], DType::Bool, any).to_vec::<crate::core::Bool>()[1].0, 0);
        let x = Array::from_slice(&[2], &[half::f16::from_f32(60000.0), half::f16::from_f32(-59999.0)]).unwrap();
        assert_eq!(result(&x, &[0], DType::F16, sum).to_vec::<half::f16>()[0].to_f32(), 0.0);
        let x = Array::from_slice(&[3], &[-0.0f64, -0.0, -0.0]).unwrap();
        assert_eq!(result(&x, &[0], DType::F64, sum).to_vec::<f64>()[0].to_bits(), 0);
    }
}
