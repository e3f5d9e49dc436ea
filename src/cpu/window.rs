//! Means over windows of (n, c, d, h, w), their gradient, and maxima with their places, for windows that [`Span`]s describe.
//!
//! Means add the rows under a window first, and then what a window covers of the sum: both are runs.

use super::copy::{contiguous, copy};
use super::gemm::{single, widened};
use super::pool::Ordered;
use super::strided::Raw;
use super::threads;
use crate::core::span::Span;
use crate::core::{DType, Element};
use crate::device::Array;
use crate::error::Result;
use crate::{dispatch, simd};

/// What a sum is divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divide {
    /// The elements of the window; with true also those of the padding.
    Counted(bool),
    By(i64),
}

/// An element that a mean can be taken of. Integers wrap, and divide towards zero.
trait Mean: Element {
    fn plus(self, other: Self) -> Self;
    fn over(self, n: i64) -> Self;
}
macro_rules! mean {
    ($($t:ty, |$a:ident, $b:ident| $plus:expr, |$c:ident, $n:ident| $over:expr;)*) => { $(
        impl Mean for $t {
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                let ($a, $b) = (self, other);
                $plus
            }
            #[inline(always)]
            fn over(self, $n: i64) -> $t {
                let $c = self;
                $over
            }
        }
    )* };
}
mean! {
    f32, |a, b| a + b, |a, n| a / n as f32;
    f64, |a, b| a + b, |a, n| a / n as f64;
    i64, |a, b| a.wrapping_add(b), |a, n| if n == 0 { 0 } else { a.wrapping_div(n) };
}

simd! {
    unsafe fn add_row[T: Mean][T](sum: *mut T, x: *const T, n: usize) = add_row_body;
    unsafe fn total[T: Mean][T](x: *const T, n: usize) -> T = total_body;
}

#[inline(always)]
unsafe fn add_row_body<T: Mean>(sum: *mut T, x: *const T, n: usize) {
    for i in 0..n {
        // SAFETY: both have n elements.
        unsafe { *sum.add(i) = (*sum.add(i)).plus(*x.add(i)) }
    }
}

const LANES: usize = 16;

#[inline(always)]
unsafe fn total_body<T: Mean>(x: *const T, n: usize) -> T {
    let mut lanes = [T::ZERO; LANES];
    let whole = n / LANES * LANES;
    for i in (0..whole).step_by(LANES) {
        for (l, lane) in lanes.iter_mut().enumerate() {
            // SAFETY: x has n elements.
            *lane = lane.plus(unsafe { *x.add(i + l) });
        }
    }
    let mut sum = T::ZERO;
    for i in whole..n {
        // SAFETY: as above.
        sum = sum.plus(unsafe { *x.add(i) });
    }
    lanes.into_iter().fold(sum, Mean::plus)
}

/// Means of `x` into `out`, (n, c, d, h, w) both; `out` contiguous. Floats and int64.
pub fn mean(x: &Array, out: &Array, spans: &[Span; 3], divide: Divide) -> Result<()> {
    along(x, out, spans, divide, false)
}

/// The gradient of x from that of the means `g`.
pub fn mean_backward(g: &Array, out: &Array, spans: &[Span; 3], divide: Divide) -> Result<()> {
    along(g, out, spans, divide, true)
}

fn along(x: &Array, out: &Array, spans: &[Span; 3], divide: Divide, back: bool) -> Result<()> {
    match x.dtype {
        DType::F64 => run::<f64>(&contiguous(x)?, out, spans, divide, back),
        DType::F32 => run::<f32>(&contiguous(x)?, out, spans, divide, back),
        DType::I64 => run::<i64>(&contiguous(x)?, out, spans, divide, back),
        _ => {
            let y = single(out.shape(), out)?;
            run::<f32>(&contiguous(&widened(x)?)?, &y, spans, divide, back);
            return copy(&y, out);
        }
    }
    Ok(())
}

fn run<T: Mean>(x: &Array, out: &Array, spans: &[Span; 3], divide: Divide, back: bool) {
    let (from, to) = (x.shape(), out.shape());
    let planes = to[0] * to[1];
    let (reads, writes) = (from[2] * from[3] * from[4], to[2] * to[3] * to[4]);
    if planes == 0 || writes == 0 {
        return;
    }
    let (xp, yp) = (Raw::new(x.ptr::<T>()), Raw::new(out.ptr::<T>()));
    let grain = (1usize << 14).div_ceil(reads.max(writes).max(1));
    threads::split(planes, grain, &|range| {
        let mut row = vec![T::ZERO; spans[2].size];
        for plane in range {
            let (x, y) = (xp.at((plane * reads) as isize), yp.at((plane * writes) as isize));
            // SAFETY: each task has planes of its own; the op has checked the shapes.
            unsafe {
                if back {
                    spread(x.cast_const(), y, spans, divide, &mut row);
                } else {
                    gathered(x.cast_const(), y, spans, divide, &mut row);
                }
            }
        }
    });
}

/// What the window at these places is divided by.
fn divisor(spans: &[Span; 3], divide: Divide, at: [usize; 3]) -> i64 {
    match divide {
        Divide::By(n) => n,
        Divide::Counted(padded) => (0..3).map(|d| spans[d].counted(at[d], padded)).product::<usize>() as i64,
    }
}

unsafe fn gathered<T: Mean>(x: *const T, y: *mut T, spans: &[Span; 3], divide: Divide, row: &mut [T]) {
    let [_, h, w] = spans.map(|s| s.size);
    let [counts, ch, cw] = spans.map(|s| s.count);
    for (a, b) in (0..counts).flat_map(|a| (0..ch).map(move |b| (a, b))) {
        row.fill(T::ZERO);
        for (i, j) in spans[0].range(a).flat_map(|i| spans[1].range(b).map(move |j| (i, j))) {
            // SAFETY: rows of the plane.
            unsafe { add_row(row.as_mut_ptr(), x.add((i * h + j) * w), w) }
        }
        for c in 0..cw {
            let r = spans[2].range(c);
            // SAFETY: the window lies in the row, the output in its plane.
            unsafe {
                let sum = match r.len() {
                    0..LANES => row[r].iter().fold(T::ZERO, |a, &b| a.plus(b)),
                    n => total(row.as_ptr().add(r.start), n),
                };
                *y.add((a * ch + b) * cw + c) = sum.over(divisor(spans, divide, [a, b, c]));
            }
        }
    }
}

unsafe fn spread<T: Mean>(g: *const T, x: *mut T, spans: &[Span; 3], divide: Divide, row: &mut [T]) {
    let [d, h, w] = spans.map(|s| s.size);
    let [counts, ch, cw] = spans.map(|s| s.count);
    // SAFETY: the plane of the result.
    unsafe { std::slice::from_raw_parts_mut(x, d * h * w).fill(T::ZERO) };
    for (a, b) in (0..counts).flat_map(|a| (0..ch).map(move |b| (a, b))) {
        row.fill(T::ZERO);
        for c in 0..cw {
            // SAFETY: an output of the plane.
            let g = unsafe { *g.add((a * ch + b) * cw + c) }.over(divisor(spans, divide, [a, b, c]));
            for v in &mut row[spans[2].range(c)] {
                *v = v.plus(g);
            }
        }
        for (i, j) in spans[0].range(a).flat_map(|i| spans[1].range(b).map(move |j| (i, j))) {
            // SAFETY: rows of the plane.
            unsafe { add_row(x.add((i * h + j) * w), row.as_ptr(), w) }
        }
    }
}

/// Maxima of `x` into `out`, (n, c, d, h, w) both, and their places in the volume, row-major, into `places`; both contiguous. A
/// later element wins only if it is greater; NaN always wins. All dtypes but bool.
pub fn maxima(x: &Array, out: &Array, places: &Array, spans: &[Span; 3]) -> Result<()> {
    let x = &contiguous(x)?;
    dispatch!(ordered x.dtype, T => most::<T>(x, out, places, spans); else => crate::core::dtype::not_real(x.dtype));
    Ok(())
}

fn most<T: Ordered>(x: &Array, out: &Array, places: &Array, spans: &[Span; 3]) {
    let [d, h, w] = spans.map(|s| s.size);
    let [cd, ch, cw] = spans.map(|s| s.count);
    let planes = out.shape()[0] * out.shape()[1];
    let (xp, yp, pp) = (Raw::new(x.ptr::<T>()), Raw::new(out.ptr::<T>()), Raw::new(places.ptr::<i64>()));
    if out.numel() == 0 {
        return;
    }
    threads::split(planes, (1usize << 13).div_ceil(d * h * w), &|range| {
        for plane in range {
            let x = xp.at((plane * d * h * w) as isize).cast_const();
            let to = plane * cd * ch * cw;
            for (i, (a, b, c)) in
                (0..cd).flat_map(|a| (0..ch).flat_map(move |b| (0..cw).map(move |c| (a, b, c)))).enumerate()
            {
                let [ra, rb, rc] = [spans[0].range(a), spans[1].range(b), spans[2].range(c)];
                let mut best = T::LOWEST;
                let mut at = (ra.start * h + rb.start) * w + rc.start;
                for (p, q) in ra.flat_map(|p| rb.clone().map(move |q| (p, q))) {
                    for r in rc.clone() {
                        let place = (p * h + q) * w + r;
                        // SAFETY: inside the plane.
                        let v = unsafe { *x.add(place) };
                        if v.beats(best) {
                            (best, at) = (v, place);
                        }
                    }
                }
                // SAFETY: each task has planes of its own.
                unsafe {
                    *yp.at((to + i) as isize) = best;
                    *pp.at((to + i) as isize) = at as i64;
                }
            }
        }
    });
}
