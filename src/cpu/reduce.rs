//! Reductions over any set of dims of an array with any strides: sums, means, extrema, any and all, variance.
//!
//! Where a reduced dim is the fastest in memory, each result is the fold of a stream of elements; else results are columns
//! that rows are added to. `fold.rs` fixes the order of either.

use std::mem::MaybeUninit;

use super::fold::{self, All, Any, BLOCK, Fold, Max, Min, Pairs, ROWS, Squares, Sum};
use super::strided::{Raw, Walk};
use super::threads;
use super::widen::{Acc, Real, Widen, load, with_results};
use crate::core::{Element, Shape, Strides};
use crate::device::Array;
use crate::{dispatch, simd, widened};

/// Columns that are worked on at a time.
const COLS: usize = 512;
/// Blocks that one thread takes; a power of two, so that the tree over blocks is kept.
const GROUP: usize = 16;
/// Elements that pay for handing work to another thread.
const GRAIN: usize = 1 << 16;

/// `x` split into what is kept (with the place of each result) and what is reduced.
struct Plan<S> {
    x: Raw<S>,
    kept: Walk<2>,
    reduced: Walk<1>,
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
}

impl<S> Stream<'_, S> {
    /// The fold of elements `from..to`, where `from` begins a block.
    fn part<A: Acc, F: Fold<A>>(&self, from: usize, to: usize, f: F) -> A
    where
        S: Widen<A>,
    {
        if S::SAME && self.walk.is_one_run() && self.walk.steps()[0] == 1 {
            // SAFETY: elements of x; S is A.
            return unsafe { fold::row(self.x.at(self.at + from as isize).cast::<A>(), to - from, f) };
        }
        // Filled as far as it is read: zeros would cost more than most sums.
        let mut tile = MaybeUninit::<[A; BLOCK]>::uninit();
        let y: *mut A = tile.as_mut_ptr().cast();
        let mut pairs = Pairs::new(f);
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

    /// As `fold`, by all threads where that pays.
    fn fold_wide<A: Acc, F: Fold<A>>(&self, f: F) -> A
    where
        S: Widen<A>,
    {
        let n = self.walk.numel();
        let groups = n.div_ceil(GROUP * BLOCK);
        if groups < 4 || threads::count() == 1 {
            return self.fold(f);
        }
        let mut parts = vec![f.init(); groups];
        let y = Raw::new(parts.as_mut_ptr());
        threads::run(groups, &|i| {
            let from = i * GROUP * BLOCK;
            // SAFETY: one place a group.
            unsafe { *y.at(i as isize) = self.part(from, n.min(from + GROUP * BLOCK), f) }
        });
        let mut pairs = Pairs::new(f);
        parts.into_iter().for_each(|v| pairs.push(v));
        pairs.finish()
    }
}

/// `y = value(stream)` for every result. `value` is told whether it may use all threads.
fn each_stream<S: Widen<A>, A: Acc>(p: &Plan<S>, y: *mut A, value: impl Fn(&Stream<S>, bool) -> A + Sync) {
    let (m, n) = (p.kept.numel(), p.reduced.numel());
    let y = Raw::new(y);
    let one = |[at, to]: [isize; 2], wide| {
        // SAFETY: a place that only this call has.
        unsafe { *y.at(to) = value(&Stream { x: p.x, at, walk: &p.reduced }, wide) }
    };
    if m < 2 * threads::count() && n >= 4 * GROUP * BLOCK {
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
        return by_columns(&p, y, f, |x, stride, rows, _, cols, acc| {
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

/// Adds rows to columns: `add(x, stride, rows, place of the first column, columns, acc)`.
fn by_columns<S: Widen<A>, A: Acc, F: Fold<A>>(
    p: &Plan<S>,
    y: *mut A,
    f: F,
    add: impl Fn(*const A, isize, usize, isize, usize, *mut A) + Sync,
) {
    let (m, n) = (p.kept.numel(), p.reduced.numel());
    let (y, y_step) = (Raw::new(y), p.kept.steps()[1]);
    let tile = Columns { p, f, add: &add };
    let group = 4 * GROUP * ROWS;
    if m <= COLS && p.kept.is_one_run() && n > group && m * n >= 4 * GRAIN && threads::count() > 1 {
        // Few columns: threads take groups of rows.
        let groups = n.div_ceil(group);
        let mut parts = vec![f.init(); groups * m];
        let to = Raw::new(parts.as_mut_ptr());
        threads::run(groups, &|i| {
            tile.run(0, 0, m, i * group..n.min((i + 1) * group), to.at((i * m) as isize));
        });
        let mut pairs = ColumnPairs::new(f, m, groups);
        parts.chunks_exact(m).for_each(|part| pairs.push(|acc| acc.copy_from_slice(part)));
        return pairs.finish(|c, v| {
            // SAFETY: a result's place.
            unsafe { *y.at(c as isize * y_step) = v }
        });
    }
    threads::split(m, GRAIN.div_ceil(n.max(1)).max(64), &|range| {
        p.kept.pieces(range, |[at, to], _, len| {
            for c in (0..len).step_by(COLS) {
                let cols = COLS.min(len - c);
                let mut acc = [f.init(); COLS];
                let place = to + c as isize * y_step;
                tile.run(at + c as isize * p.kept.steps()[0], place, cols, 0..n, acc.as_mut_ptr());
                for (c, v) in acc[..cols].iter().enumerate() {
                    // SAFETY: places that only this range has.
                    unsafe { *y.at(place + c as isize * y_step) = *v }
                }
            }
        });
    });
}

/// How a set of columns is reduced.
struct Columns<'a, S, F, G> {
    p: &'a Plan<S>,
    f: F,
    add: &'a G,
}

impl<S, F, G> Columns<'_, S, F, G> {
    /// Folds `rows` of `cols` columns (at most [`COLS`]) into `acc`; `place` is where the first result goes.
    fn run<A: Acc>(&self, at: isize, place: isize, cols: usize, rows: std::ops::Range<usize>, acc: *mut A)
    where
        S: Widen<A>,
        F: Fold<A>,
        G: Fn(*const A, isize, usize, isize, usize, *mut A),
    {
        let step = self.p.kept.steps()[0];
        let by = self.p.reduced.steps()[0];
        let mut tile = MaybeUninit::<[A; COLS]>::uninit();
        let tile: *mut A = tile.as_mut_ptr().cast();
        let add = |range: std::ops::Range<usize>, acc: *mut A| {
            self.p.reduced.pieces(range, |[row], _, len| {
                let x = self.p.x.at(at + row);
                if S::SAME && step == 1 {
                    return (self.add)(x.cast(), by, len, place, cols, acc);
                }
                for r in 0..len as isize {
                    // SAFETY: a row's elements, and the tile.
                    unsafe { load::<S, A>(x.wrapping_offset(r * by), step, cols, tile) };
                    (self.add)(tile.cast_const(), 0, 1, place, cols, acc);
                }
            });
        };
        if rows.len() <= ROWS {
            // `acc` came filled with the neutral element.
            return add(rows, acc);
        }
        let mut pairs = ColumnPairs::new(self.f, cols, rows.len().div_ceil(ROWS));
        for start in rows.clone().step_by(ROWS) {
            pairs.push(|part| {
                part.fill(self.f.init());
                add(start..rows.end.min(start + ROWS), part.as_mut_ptr());
            });
        }
        // SAFETY: `cols` results.
        pairs.finish(|c, v| unsafe { *acc.add(c) = v });
    }
}

/// [`Pairs`] of whole rows of columns.
pub(super) struct ColumnPairs<A, F> {
    stack: Vec<A>,
    cols: usize,
    top: usize,
    count: usize,
    f: F,
}

impl<A: Copy, F: Fold<A>> ColumnPairs<A, F> {
    pub(super) fn new(f: F, cols: usize, blocks: usize) -> ColumnPairs<A, F> {
        let levels = (usize::BITS - blocks.leading_zeros()) as usize + 1;
        ColumnPairs { stack: vec![f.init(); levels * cols], cols, top: 0, count: 0, f }
    }

    pub(super) fn push(&mut self, fill: impl FnOnce(&mut [A])) {
        fill(&mut self.stack[self.top * self.cols..][..self.cols]);
        self.top += 1;
        self.count += 1;
        let mut k = self.count;
        while k & 1 == 0 {
            self.fold_top();
            k >>= 1;
        }
    }

    fn fold_top(&mut self) {
        self.top -= 1;
        let (a, b) = self.stack.split_at_mut(self.top * self.cols);
        let a = &mut a[(self.top - 1) * self.cols..];
        // SAFETY: `cols` elements each.
        unsafe { fold::merge(a.as_mut_ptr(), b.as_ptr(), self.cols, self.f) }
    }

    pub(super) fn finish(mut self, mut store: impl FnMut(usize, A)) {
        while self.top > 1 {
            self.fold_top();
        }
        self.stack[..self.cols].iter().enumerate().for_each(|(c, v)| store(c, *v));
    }
}

/// Sum over `dims`. Both dtypes are floats, or both are not; integers add in int64.
pub fn sum(x: &Array, dims: &[usize], out: &Array) {
    widened!(x.dtype, S, A => with_results::<A>(out, &mut |y| reduce::<S, A, _>(x, dims, y, Sum)));
}

/// Mean over `dims` of a float array.
pub fn mean(x: &Array, dims: &[usize], out: &Array) {
    let n: usize = dims.iter().map(|&d| x.shape()[d]).product();
    widened!(only float x.dtype, S, A => with_results::<A>(out, &mut |y| {
        reduce::<S, A, _>(x, dims, y, Sum);
        for i in 0..out.numel() {
            // SAFETY: one of the results.
            unsafe { *y.add(i) /= n as A }
        }
    }));
}

/// Largest element over `dims`, which are not empty; NaN wins.
pub fn amax(x: &Array, dims: &[usize], out: &Array) {
    widened!(x.dtype, S, A => with_results::<A>(out, &mut |y| reduce::<S, A, _>(x, dims, y, Max)));
}

/// Smallest element over `dims`, which are not empty; NaN wins.
pub fn amin(x: &Array, dims: &[usize], out: &Array) {
    widened!(x.dtype, S, A => with_results::<A>(out, &mut |y| reduce::<S, A, _>(x, dims, y, Min)));
}

/// Whether any element is not zero. `out` is bool or uint8.
pub fn any(x: &Array, dims: &[usize], out: &Array) {
    dispatch!(x.dtype, S => reduce::<S, u8, _>(x, dims, out.bytes_ptr(), Any));
}

/// Whether no element is zero. `out` is bool or uint8.
pub fn all(x: &Array, dims: &[usize], out: &Array) {
    dispatch!(x.dtype, S => reduce::<S, u8, _>(x, dims, out.bytes_ptr(), All));
}

simd! {
    /// `acc[c] += (x[r][c] - mean[c])^2` for rows in order.
    unsafe fn columns_squares[A: Real][A](
        x: *const A, stride: isize, rows: usize, cols: usize, mean: *const A, acc: *mut A
    ) = columns_squares_body;
}

#[inline(always)]
unsafe fn columns_squares_body<A: Real>(
    x: *const A,
    stride: isize,
    rows: usize,
    cols: usize,
    mean: *const A,
    acc: *mut A,
) {
    for r in 0..rows as isize {
        let p = x.wrapping_offset(r * stride);
        for c in 0..cols {
            // SAFETY: `cols` columns of each.
            unsafe {
                {
                    let d = *p.add(c) - *mean.add(c);
                    *acc.add(c) = d.fma(d, *acc.add(c))
                }
            }
        }
    }
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
    by_columns(&p, mean.at(0), Sum, |x, stride, rows, _, cols, acc| {
        // SAFETY: rows of `cols` elements.
        unsafe { fold::columns(x, stride, rows, cols, acc, Sum) }
    });
    means.iter_mut().for_each(|v| *v = *v / n);
    let step = p.kept.steps()[1];
    by_columns(&p, y, Sum, |x, stride, rows, place, cols, acc| {
        let mut own = [A::default(); COLS];
        let mut at = mean.at(place).cast_const();
        if step != 1 {
            for c in 0..cols {
                // SAFETY: the mean of a column.
                own[c] = unsafe { *mean.at(place + c as isize * step) };
            }
            at = own.as_ptr();
        }
        // SAFETY: rows of `cols` elements, and as many means.
        unsafe { columns_squares(x, stride, rows, cols, at, acc) }
    });
    for i in 0..m {
        // SAFETY: one of the results.
        unsafe { *y.add(i) = (*y.add(i)) / less }
    }
}

/// Running values along `dim`: `y[i] = a[i] y[i - 1] + b[i]`, from `first` on, forwards or backwards; a missing `b` is 0.
/// One dtype; floats are carried in f64 and rounded at each store, as PyTorch's scans do, and integers wrap.
pub fn scan(a: &Array, b: Option<&Array>, dim: usize, backwards: bool, first: f64, out: &Array) {
    let n = a.layout.shape.get(dim).copied().unwrap_or(1);
    let step = |x: &Array| x.layout.strides.get(dim).copied().unwrap_or(0);
    let lines = |x: &Array| -> (Shape, Strides) {
        let keep = || (0..x.ndim()).filter(|&d| d != dim);
        (keep().map(|d| x.shape()[d]).collect(), keep().map(|d| x.strides()[d]).collect())
    };
    let ((shape, from), (_, to)) = (lines(a), lines(out));
    let beside = b.map_or(Strides::filled(0, shape.len()), |b| lines(b).1);
    let count: usize = shape.iter().product();
    if n == 0 || count == 0 {
        return;
    }
    let place = |mut line: usize, strides: &Strides| {
        let mut at = 0;
        for d in (0..shape.len()).rev() {
            at += (line % shape[d]) as isize * strides[d];
            line /= shape[d];
        }
        at
    };
    dispatch!(a.dtype, T => {
        let (ap, yp) = (Raw::new(a.ptr::<T>()), Raw::new(out.ptr::<T>()));
        let bp = b.map(|b| (Raw::new(b.ptr::<T>()), step(b)));
        threads::split(count, GRAIN.div_ceil(n), &|range| for line in range {
            let (pa, py, pb) = (place(line, &from), place(line, &to), place(line, &beside));
            let (mut float, mut int) = (first, first as i64);
            for k in 0..n {
                let i = if backwards { n - 1 - k } else { k } as isize;
                // SAFETY: element i of one line of each operand; lines of the output are apart.
                unsafe {
                    let x = ap.at(pa + i * step(a)).read();
                    let more = bp.map_or(T::ZERO, |(p, s)| p.at(pb + i * s).read());
                    yp.at(py + i * step(out)).write(if T::DTYPE.is_float() {
                        float = x.to_f64() * float + more.to_f64();
                        T::from_f64(float)
                    } else {
                        int = x.to_i64().wrapping_mul(int).wrapping_add(more.to_i64());
                        T::from_i64(int)
                    });
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{DType, Device, Layout, Meta};
    use crate::cpu::dispatch::{Level, set_level};

    fn noise(n: usize) -> Vec<f32> {
        (0..n as u64).map(|i| (((i * 2654435761) >> 7) % 65536) as f32 / 32768.0 - 1.0).collect()
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
        let cases = [
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
                seen.push([f(&x, &[0]), f(&y, &[0]), f(&y, &[1]), f(&y, &[0, 1])]);
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
