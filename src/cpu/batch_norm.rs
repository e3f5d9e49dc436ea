//! Batch normalisation: each channel by the mean and variance of its elements, and the gradients. Elements lie in planes of one
//! channel (NCHW), or with the channels fastest (channels last, and matrices). Sums are taken in float32 over short stretches and
//! in float64 over those, as no channel is too long for then.

use super::real::Real;
use super::strided::Raw;
use super::threads;
use super::widen::{Flat, contiguous};
use crate::core::{DType, Layout};
use crate::device::Array;
use crate::simd;

const GRAIN: usize = 1 << 14;
/// Elements that are added in the type of the elements before float64 takes their sum.
const STRETCH: usize = 1024;
/// Sums side by side, which hide the latency of an addition.
const SUMS: usize = 32;
/// Channels that one pass takes together where channels are fastest.
const STRIP: usize = 32;
/// Rows whose sums are taken in the type of the elements.
const ROWS: usize = 64;

/// How the elements of a channel lie: `count` pieces of `len` elements, `stride` apart.
#[derive(Clone, Copy)]
struct Planes {
    count: usize,
    stride: usize,
    len: usize,
}

/// What a channel's results are made with: its mean, and one over its deviation; the weight or 1.
#[derive(Clone, Copy)]
struct Channel<A> {
    mean: A,
    rstd: A,
    weight: A,
}

/// The sums over a channel that its gradients are made of: of g, and of g times the distance from the mean.
#[derive(Clone, Copy, Default)]
struct Sums {
    g: f64,
    along: f64,
}

simd! {
    /// The sum of the elements, and then that of their squared distances from the mean.
    unsafe fn moments_of_planes[A: Real][A](x: *const A, p: Planes) -> (f64, f64) = moments_of_planes_body;
    /// `y = x * scale + shift`.
    unsafe fn scale_planes[A: Real][A](x: *const A, p: Planes, scale: A, shift: A, y: *mut A) = scale_planes_body;
    unsafe fn sums_of_planes[A: Real][A](g: *const A, x: *const A, p: Planes, mean: A) -> Sums = sums_of_planes_body;
    /// `dx = (g - a - (x - mean) * b) * scale`, with these four in order.
    unsafe fn gradient_of_planes[A: Real][A](g: *const A, x: *const A, p: Planes, f: [A; 4], dx: *mut A)
        = gradient_of_planes_body;
    /// Per column of `rows` rows, `columns` apart, of which `n` are looked at: as for planes.
    unsafe fn moments_of_columns[A: Real][A](x: *const A, rows: usize, columns: usize, n: usize) -> [(f64, f64); STRIP]
        = moments_of_columns_body;
    unsafe fn scale_columns[A: Real][A](
        x: *const A, rows: usize, columns: usize, n: usize, scale: &[A; STRIP], shift: &[A; STRIP], y: *mut A
    ) = scale_columns_body;
    unsafe fn sums_of_columns[A: Real][A](
        g: *const A, x: *const A, rows: usize, columns: usize, n: usize, mean: &[A; STRIP]
    ) -> [Sums; STRIP] = sums_of_columns_body;
    unsafe fn gradient_of_columns[A: Real][A](
        g: *const A, x: *const A, rows: usize, columns: usize, n: usize, f: &[[A; STRIP]; 4], dx: *mut A
    ) = gradient_of_columns_body;
}

/// Adds `f(i)` for all `i < n`, which is at most a stretch.
#[inline(always)]
fn stretch<A: Real>(n: usize, f: impl Fn(usize) -> A) -> f64 {
    let mut sums = [A::default(); SUMS];
    let whole = n / SUMS * SUMS;
    for i in (0..whole).step_by(SUMS) {
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = *sum + f(i + j);
        }
    }
    for i in whole..n {
        sums[i - whole] = sums[i - whole] + f(i);
    }
    let mut width = SUMS / 2;
    while width > 0 {
        for j in 0..width {
            sums[j] = sums[j] + sums[j + width];
        }
        width /= 2;
    }
    sums[0].to_f64()
}

/// Calls `f(offset, length)` for each stretch of each plane.
#[inline(always)]
fn stretches(p: Planes, mut f: impl FnMut(usize, usize)) {
    for plane in 0..p.count {
        for from in (0..p.len).step_by(STRETCH) {
            f(plane * p.stride + from, STRETCH.min(p.len - from));
        }
    }
}

#[inline(always)]
unsafe fn moments_of_planes_body<A: Real>(x: *const A, p: Planes) -> (f64, f64) {
    let (mut sum, mut squares) = (0.0, 0.0);
    // SAFETY: elements of the channel.
    stretches(p, |at, n| sum += stretch(n, |i| unsafe { *x.add(at + i) }));
    let mean = A::of(sum / (p.count * p.len) as f64);
    stretches(p, |at, n| {
        squares += stretch(n, |i| {
            // SAFETY: as above.
            let d = unsafe { *x.add(at + i) } - mean;
            d * d
        });
    });
    (sum, squares)
}

#[inline(always)]
unsafe fn scale_planes_body<A: Real>(x: *const A, p: Planes, scale: A, shift: A, y: *mut A) {
    for plane in 0..p.count {
        for i in plane * p.stride..plane * p.stride + p.len {
            // SAFETY: elements of the channel in both.
            unsafe { *y.add(i) = (*x.add(i)).fma(scale, shift) }
        }
    }
}

#[inline(always)]
unsafe fn sums_of_planes_body<A: Real>(g: *const A, x: *const A, p: Planes, mean: A) -> Sums {
    let mut sums = Sums::default();
    stretches(p, |at, n| {
        // SAFETY: elements of the channel in both.
        unsafe {
            sums.g += stretch(n, |i| *g.add(at + i));
            sums.along += stretch(n, |i| *g.add(at + i) * (*x.add(at + i) - mean));
        }
    });
    sums
}

#[inline(always)]
unsafe fn gradient_of_planes_body<A: Real>(g: *const A, x: *const A, p: Planes, f: [A; 4], dx: *mut A) {
    let [a, mean, b, scale] = f;
    for plane in 0..p.count {
        for i in plane * p.stride..plane * p.stride + p.len {
            // SAFETY: elements of the channel in all three.
            unsafe { *dx.add(i) = (*g.add(i) - a - (*x.add(i) - mean) * b) * scale }
        }
    }
}

/// Adds `f(row, column)` for every row, per column: `ROWS` of them at a time in the type of the elements.
#[inline(always)]
fn per_column<A: Real>(rows: usize, n: usize, f: impl Fn(usize, usize) -> A) -> [f64; STRIP] {
    let mut total = [0.0; STRIP];
    for from in (0..rows).step_by(ROWS) {
        let mut sums = [A::default(); STRIP];
        let rows = from..rows.min(from + ROWS);
        if n == STRIP {
            // The length is known here, so that the sums stay in registers.
            for r in rows {
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = *sum + f(r, c);
                }
            }
        } else {
            for r in rows {
                for (c, sum) in sums.iter_mut().enumerate().take(n) {
                    *sum = *sum + f(r, c);
                }
            }
        }
        for (t, s) in total.iter_mut().zip(sums) {
            *t += s.to_f64();
        }
    }
    total
}

#[inline(always)]
unsafe fn moments_of_columns_body<A: Real>(x: *const A, rows: usize, columns: usize, n: usize) -> [(f64, f64); STRIP] {
    // SAFETY: n columns of the rows, so in what follows.
    let sums = per_column(rows, n, |r, c| unsafe { *x.add(r * columns + c) });
    let mean = sums.map(|s| A::of(s / rows as f64));
    let squares = per_column(rows, n, |r, c| {
        // SAFETY: as above.
        let d = unsafe { *x.add(r * columns + c) } - mean[c];
        d * d
    });
    std::array::from_fn(|c| (sums[c], squares[c]))
}

#[inline(always)]
unsafe fn scale_columns_body<A: Real>(
    x: *const A,
    rows: usize,
    columns: usize,
    n: usize,
    scale: &[A; STRIP],
    shift: &[A; STRIP],
    y: *mut A,
) {
    for r in 0..rows {
        for c in 0..n {
            // SAFETY: n columns of the rows of both.
            unsafe { *y.add(r * columns + c) = (*x.add(r * columns + c)).fma(scale[c], shift[c]) }
        }
    }
}

#[inline(always)]
unsafe fn sums_of_columns_body<A: Real>(
    g: *const A,
    x: *const A,
    rows: usize,
    columns: usize,
    n: usize,
    mean: &[A; STRIP],
) -> [Sums; STRIP] {
    // SAFETY: n columns of the rows of both.
    let (sums, along) = unsafe {
        (
            per_column(rows, n, |r, c| *g.add(r * columns + c)),
            per_column(rows, n, |r, c| *g.add(r * columns + c) * (*x.add(r * columns + c) - mean[c])),
        )
    };
    std::array::from_fn(|c| Sums { g: sums[c], along: along[c] })
}

#[inline(always)]
unsafe fn gradient_of_columns_body<A: Real>(
    g: *const A,
    x: *const A,
    rows: usize,
    columns: usize,
    n: usize,
    f: &[[A; STRIP]; 4],
    dx: *mut A,
) {
    let [a, mean, b, scale] = f;
    for r in 0..rows {
        for c in 0..n {
            let i = r * columns + c;
            // SAFETY: n columns of the rows of all three.
            unsafe { *dx.add(i) = (*g.add(i) - a[c] - (*x.add(i) - mean[c]) * b[c]) * scale[c] }
        }
    }
}

/// Whether the channels of `x` are taken as columns: they are fastest in memory, or there is nothing else. Results lie so too.
fn in_columns(x: &Layout) -> bool {
    x.shape[2..].iter().all(|&n| n == 1) || x.suggests_channels_last()
}

/// The elements of an array in the order that the kernel walks.
fn ordered<A: Real + super::widen::Widen<A>>(x: &Array, columns: bool) -> Flat<A> {
    if !columns {
        return contiguous::<A, A>(x);
    }
    let channels_last = (0..x.ndim()).filter(|&d| d != 1).chain([1]);
    let mut layout = x.layout.clone();
    for (to, from) in channels_last.enumerate() {
        layout.shape[to] = x.layout.shape[from];
        layout.strides[to] = x.layout.strides[from];
    }
    contiguous::<A, A>(&x.with_layout(layout))
}

/// Sizes of the problem: channels, elements of each, and the images' elements.
fn sizes(x: &Array) -> (usize, usize, Planes) {
    let (channels, image) = (x.shape()[1], x.shape()[2..].iter().product::<usize>());
    (channels, x.numel() / channels.max(1), Planes { count: x.shape()[0], stride: channels * image, len: image })
}

/// Runs `f(first channel, channels)` on strips of channels.
fn over_strips(channels: usize, count: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let strips = channels.div_ceil(STRIP);
    threads::split(strips, GRAIN.div_ceil(STRIP * count.max(1)), &|range| {
        range.for_each(|s| f(s * STRIP, STRIP.min(channels - s * STRIP)))
    });
}

/// `y`, and per channel mean, one over the deviation, and in float64 the mean and the unbiased variance (2 rows of channels).
/// Weight and bias are contiguous, of the dtype of `x`, which is float32 or float64. `y` is dense, channels last where `x` suggests
/// it.
pub fn forward(x: &Array, weight: Option<&Array>, bias: Option<&Array>, eps: f64, out: [&Array; 4]) {
    match x.dtype {
        DType::F64 => forward_in::<f64>(x, weight, bias, eps, out),
        _ => forward_in::<f32>(x, weight, bias, eps, out),
    }
}

fn forward_in<A: Real + super::widen::Widen<A>>(
    x: &Array,
    weight: Option<&Array>,
    bias: Option<&Array>,
    eps: f64,
    [y, mean, rstd, moments]: [&Array; 4],
) {
    let (channels, count, planes) = sizes(x);
    let columns = in_columns(&x.layout);
    let flat = ordered::<A>(x, columns);
    let (x, y) = (flat.raw(), Raw::new(y.ptr::<A>()));
    let (mean, rstd, moments) = (Raw::new(mean.ptr::<A>()), Raw::new(rstd.ptr::<A>()), Raw::new(moments.ptr::<f64>()));
    let (w, b) = (weight.map(|w| Raw::new(w.ptr::<A>())), bias.map(|b| Raw::new(b.ptr::<A>())));
    // Notes a channel's statistics; gives what its elements are multiplied with, and what is added.
    let finish = |c: usize, (sum, squares): (f64, f64)| {
        let (m, c) = (sum / count as f64, c as isize);
        let s = 1.0 / (squares / count as f64 + eps).sqrt();
        // SAFETY: one of the channels, which this thread alone has.
        unsafe {
            (*mean.at(c), *rstd.at(c)) = (A::of(m), A::of(s));
            (*moments.at(c), *moments.at(channels as isize + c)) = (m, squares / (count as f64 - 1.0));
            let scale = w.map_or(A::of(s), |w| A::of(s) * *w.at(c));
            let shift = b.map_or(A::default(), |b| *b.at(c)) - A::of(m) * scale;
            (scale, shift)
        }
    };
    if columns {
        over_strips(channels, count, &|c, n| {
            let at = c as isize;
            let (mut scale, mut shift) = ([A::default(); STRIP], [A::default(); STRIP]);
            // SAFETY: n columns from c.
            unsafe {
                let found = moments_of_columns::<A>(x.at(at), count, channels, n);
                (0..n).for_each(|i| (scale[i], shift[i]) = finish(c + i, found[i]));
                scale_columns::<A>(x.at(at), count, channels, n, &scale, &shift, y.at(at));
            }
        });
        return;
    }
    threads::split(channels, GRAIN.div_ceil(count.max(1)), &|range| {
        for c in range {
            let at = (c * planes.len) as isize;
            // SAFETY: the planes of channel c.
            unsafe {
                let (scale, shift) = finish(c, moments_of_planes::<A>(x.at(at), planes));
                scale_planes::<A>(x.at(at), planes, scale, shift, y.at(at));
            }
        }
    });
}

/// The gradients of `x` (which lies as the result did), the weight and the bias, given g, x, and each channel's mean and one over
/// its deviation.
pub fn backward(inputs: [&Array; 4], weight: Option<&Array>, dx: Option<&Array>, dw: &Array, db: &Array) {
    match inputs[1].dtype {
        DType::F64 => backward_in::<f64>(inputs, weight, dx, dw, db),
        _ => backward_in::<f32>(inputs, weight, dx, dw, db),
    }
}

fn backward_in<A: Real + super::widen::Widen<A>>(
    [g, x, mean, rstd]: [&Array; 4],
    weight: Option<&Array>,
    dx: Option<&Array>,
    dw: &Array,
    db: &Array,
) {
    let (channels, count, planes) = sizes(x);
    let columns = in_columns(&x.layout);
    let (gf, xf) = (ordered::<A>(g, columns), ordered::<A>(x, columns));
    let (g, x, dx) = (gf.raw(), xf.raw(), dx.map(|dx| Raw::new(dx.ptr::<A>())));
    let (mean, rstd) = (Raw::new(mean.ptr::<A>()), Raw::new(rstd.ptr::<A>()));
    let (w, dw, db) = (weight.map(|w| Raw::new(w.ptr::<A>())), Raw::new(dw.ptr::<A>()), Raw::new(db.ptr::<A>()));
    let channel = |c: usize| {
        let c = c as isize;
        // SAFETY: one of the channels.
        unsafe { Channel { mean: *mean.at(c), rstd: *rstd.at(c), weight: w.map_or(A::ONE, |w| *w.at(c)) } }
    };
    // Notes the gradients of a channel's parameters; gives the four numbers of its elements' gradient.
    let finish = |c: usize, sums: Sums| {
        let (ch, n) = (channel(c), count as f64);
        let s = ch.rstd.to_f64();
        // SAFETY: one of the channels, which this thread alone has.
        unsafe {
            *dw.at(c as isize) = A::of(sums.along * s);
            *db.at(c as isize) = A::of(sums.g);
        }
        [A::of(sums.g / n), ch.mean, A::of(sums.along * s * s / n), ch.rstd * ch.weight]
    };
    if columns {
        over_strips(channels, count, &|c, n| {
            let at = c as isize;
            let mut means = [A::default(); STRIP];
            (0..n).for_each(|i| means[i] = channel(c + i).mean);
            let mut f = [[A::default(); STRIP]; 4];
            // SAFETY: n columns from c.
            unsafe {
                let sums = sums_of_columns::<A>(g.at(at), x.at(at), count, channels, n, &means);
                for i in 0..n {
                    let found = finish(c + i, sums[i]);
                    (0..4).for_each(|k| f[k][i] = found[k]);
                }
                if let Some(dx) = &dx {
                    gradient_of_columns::<A>(g.at(at), x.at(at), count, channels, n, &f, dx.at(at));
                }
            }
        });
        return;
    }
    threads::split(channels, GRAIN.div_ceil(count.max(1)), &|range| {
        for c in range {
            let at = (c * planes.len) as isize;
            // SAFETY: the planes of channel c.
            unsafe {
                let sums = sums_of_planes::<A>(g.at(at), x.at(at), planes, channel(c).mean);
                let f = finish(c, sums);
                if let Some(dx) = &dx {
                    gradient_of_planes::<A>(g.at(at), x.at(at), planes, f, dx.at(at));
                }
            }
        }
    });
}
