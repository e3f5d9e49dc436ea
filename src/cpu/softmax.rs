//! Softmax and its logarithm along one dim, and their gradients. Rows in memory are worked on one by one; along any
//! other dim, columns are lanes. Sums have the shape of `fold.rs`; a row of -inf gives NaN, as in PyTorch, and so does one with a NaN:
//! where the largest element passes it over, the sum does not.

use super::real::Real;
use super::strided::Raw;
use super::threads;
use super::widen::{Widen, contiguous, with_results};
use crate::device::Array;
use crate::{simd, widened};

/// Columns that are worked on at a time.
const COLS: usize = 128;
/// Elements that pay for handing work to another thread.
const GRAIN: usize = 1 << 13;

simd! {
    /// Rows of `n` elements that follow each other.
    unsafe fn forward_rows[A: Real, const LOG: bool][A, LOG](
        x: *const A, rows: usize, n: usize, y: *mut A
    ) = forward_rows_body;
    /// `n` rows of `cols` columns, `stride` apart.
    unsafe fn forward_columns[A: Real, const LOG: bool][A, LOG](
        x: *const A, n: usize, stride: usize, cols: usize, y: *mut A
    ) = forward_columns_body;
    unsafe fn backward_rows[A: Real, const LOG: bool][A, LOG](
        g: *const A, y: *const A, rows: usize, n: usize, dx: *mut A
    ) = backward_rows_body;
    unsafe fn backward_columns[A: Real, const LOG: bool][A, LOG](
        g: *const A, y: *const A, n: usize, stride: usize, cols: usize, dx: *mut A
    ) = backward_columns_body;
}

#[inline(always)]
unsafe fn forward_rows_body<A: Real, const LOG: bool>(x: *const A, rows: usize, n: usize, y: *mut A) {
    if LOG {
        // SAFETY: the caller's rows.
        return unsafe { log_rows(x, rows, n, y) };
    }
    for r in 0..rows {
        // SAFETY: n elements each.
        unsafe {
            let (x, y) = (x.add(r * n), y.add(r * n));
            let m = A::largest(x, n);
            exp_of(x, n, m, y);
            let scale = A::ONE / A::total(y, n);
            for i in 0..n {
                *y.add(i) = *y.add(i) * scale;
            }
        }
    }
}

/// `y = exp(x - m)`. The last elements, where they fill no vector, go together with some before them: done twice, these cost
/// less than a loop over a tail.
#[inline(always)]
unsafe fn exp_of<A: Real>(x: *const A, n: usize, m: A, y: *mut A) {
    const FEW: usize = 16;
    let whole = n / FEW * FEW;
    // SAFETY: n elements each, which do not overlap.
    unsafe {
        for i in 0..whole {
            *y.add(i) = (*x.add(i) - m).exp();
        }
        if whole > 0 && whole < n {
            let (x, y) = (x.add(n - FEW), y.add(n - FEW));
            for i in 0..FEW {
                *y.add(i) = (*x.add(i) - m).exp();
            }
        } else {
            for i in whole..n {
                *y.add(i) = (*x.add(i) - m).exp();
            }
        }
    }
}

/// Short rows come in groups, whose logarithms are taken side by side.
#[inline(always)]
unsafe fn log_rows<A: Real>(x: *const A, rows: usize, n: usize, y: *mut A) {
    const GROUP: usize = 16;
    let group = if n <= 512 { GROUP } else { 1 };
    for from in (0..rows).step_by(group) {
        let here = group.min(rows - from);
        let (mut m, mut s) = ([A::default(); GROUP], [A::ONE; GROUP]);
        // SAFETY: n elements each.
        unsafe {
            for r in 0..here {
                let x = x.add((from + r) * n);
                m[r] = A::largest(x, n);
                s[r] = A::total_exp(x, n, m[r]);
            }
            s.iter_mut().for_each(|s| *s = s.log());
            for r in 0..here {
                let (x, y, m, s) = (x.add((from + r) * n), y.add((from + r) * n), m[r], s[r]);
                for i in 0..n {
                    *y.add(i) = (*x.add(i) - m) - s;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn forward_columns_body<A: Real, const LOG: bool>(x: *const A, n: usize, stride: usize, cols: usize, y: *mut A) {
    let (mut m, mut s) = ([A::default(); COLS], [A::default(); COLS]);
    // SAFETY: `cols` (at most COLS) columns of n rows each.
    unsafe {
        for c in 0..cols {
            m[c] = *x.add(c);
        }
        for r in 1..n {
            let p = x.add(r * stride);
            for c in 0..cols {
                m[c] = A::larger(m[c], *p.add(c));
            }
        }
        for r in 0..n {
            let (p, q) = (x.add(r * stride), y.add(r * stride));
            for c in 0..cols {
                let e = (*p.add(c) - m[c]).exp();
                if !LOG {
                    *q.add(c) = e;
                }
                s[c] = s[c] + e;
            }
        }
        for c in 0..cols {
            s[c] = if LOG { s[c].log() } else { A::ONE / s[c] };
        }
        for r in 0..n {
            let (p, q) = (x.add(r * stride), y.add(r * stride));
            for c in 0..cols {
                *q.add(c) = if LOG { (*p.add(c) - m[c]) - s[c] } else { *q.add(c) * s[c] };
            }
        }
    }
}

#[inline(always)]
unsafe fn backward_rows_body<A: Real, const LOG: bool>(g: *const A, y: *const A, rows: usize, n: usize, dx: *mut A) {
    for r in 0..rows {
        // SAFETY: n elements each.
        unsafe {
            let (g, y, dx) = (g.add(r * n), y.add(r * n), dx.add(r * n));
            if LOG {
                let s = A::total(g, n);
                for i in 0..n {
                    *dx.add(i) = *g.add(i) - (*y.add(i)).exp() * s;
                }
            } else {
                for i in 0..n {
                    *dx.add(i) = *g.add(i) * *y.add(i);
                }
                let s = A::total(dx, n);
                for i in 0..n {
                    *dx.add(i) = *y.add(i) * (*g.add(i) - s);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn backward_columns_body<A: Real, const LOG: bool>(
    g: *const A,
    y: *const A,
    n: usize,
    stride: usize,
    cols: usize,
    dx: *mut A,
) {
    let mut s = [A::default(); COLS];
    // SAFETY: `cols` (at most COLS) columns of n rows each.
    unsafe {
        for r in 0..n {
            let (g, y) = (g.add(r * stride), y.add(r * stride));
            for c in 0..cols {
                s[c] = s[c] + if LOG { *g.add(c) } else { *g.add(c) * *y.add(c) };
            }
        }
        for r in 0..n {
            let (g, y, dx) = (g.add(r * stride), y.add(r * stride), dx.add(r * stride));
            for c in 0..cols {
                let (g, y) = (*g.add(c), *y.add(c));
                *dx.add(c) = if LOG { g - y.exp() * s[c] } else { y * (g - s[c]) };
            }
        }
    }
}

/// Sizes before, of and after `dim`.
fn split(x: &Array, dim: usize) -> (usize, usize, usize) {
    if x.ndim() == 0 {
        return (1, 1, 1);
    }
    let s = x.shape();
    (s[..dim].iter().product(), s[dim], s[dim + 1..].iter().product())
}

/// Runs `rows(first, count)` over rows, or `columns(offset, stride, count)` over sets of columns.
fn over(
    (outer, n, inner): (usize, usize, usize),
    rows: &(dyn Fn(usize, usize) + Sync),
    columns: &(dyn Fn(usize, usize, usize) + Sync),
) {
    if outer * n * inner == 0 {
        return;
    }
    if inner == 1 {
        return threads::split(outer, GRAIN.div_ceil(n), &|r| rows(r.start, r.len()));
    }
    let sets = inner.div_ceil(COLS);
    threads::split(outer * sets, GRAIN.div_ceil(n * inner.min(COLS)), &|range| {
        for i in range {
            let c = i % sets * COLS;
            columns(i / sets * n * inner + c, inner, COLS.min(inner - c));
        }
    });
}

fn forward_in<S: Widen<A>, A: Real, const LOG: bool>(x: &Array, dim: usize, y: *mut A) {
    let (flat, y) = (contiguous::<S, A>(x), Raw::new(y));
    let x_at = flat.raw();
    let sizes = split(x, dim);
    let n = sizes.1;
    over(
        sizes,
        &|r, count| {
            let i = (r * n) as isize;
            // SAFETY: `count` rows from row r.
            unsafe { forward_rows::<A, LOG>(x_at.at(i), count, n, y.at(i)) }
        },
        &|at, stride, cols| {
            // SAFETY: `cols` columns of n rows.
            unsafe { forward_columns::<A, LOG>(x_at.at(at as isize), n, stride, cols, y.at(at as isize)) }
        },
    );
}

fn backward_in<S: Widen<A>, A: Real, const LOG: bool>(g: &Array, y: &Array, dim: usize, dx: *mut A) {
    let (g_flat, y_flat, dx) = (contiguous::<S, A>(g), contiguous::<S, A>(y), Raw::new(dx));
    let (ga, ya) = (g_flat.raw(), y_flat.raw());
    let sizes = split(y, dim);
    let n = sizes.1;
    over(
        sizes,
        &|r, count| {
            let i = (r * n) as isize;
            // SAFETY: `count` rows from row r.
            unsafe { backward_rows::<A, LOG>(ga.at(i), ya.at(i), count, n, dx.at(i)) }
        },
        &|at, stride, cols| {
            let i = at as isize;
            // SAFETY: `cols` columns of n rows.
            unsafe { backward_columns::<A, LOG>(ga.at(i), ya.at(i), n, stride, cols, dx.at(i)) }
        },
    );
}

/// exp(x) over its sum along `dim`, or the logarithm of that. Float arrays of one dtype, or empty ones.
pub fn forward(x: &Array, dim: usize, log: bool, out: &Array) {
    if x.numel() == 0 {
        return;
    }
    widened!(only float x.dtype, S, A => with_results::<A>(out, &mut |y| {
        if log { forward_in::<S, A, true>(x, dim, y) } else { forward_in::<S, A, false>(x, dim, y) }
    }));
}

/// The gradient of the input from that of the output, `g`, and the output, `y`.
pub fn backward(g: &Array, y: &Array, dim: usize, log: bool, dx: &Array) {
    widened!(only float y.dtype, S, A => with_results::<A>(dx, &mut |to| {
        if log { backward_in::<S, A, true>(g, y, dim, to) } else { backward_in::<S, A, false>(g, y, dim, to) }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{DType, Device, Layout, Meta};

    fn like(x: &Array) -> Array {
        Array::empty(Meta::new(Layout::contiguous(x.shape().into()), DType::F64, Device::CPU)).unwrap()
    }

    #[test]
    fn forward_and_its_gradient_along_every_dim() {
        let noise = |n: usize, by: f64| (0..n).map(|i| ((i as f64 * by) % 7.3) - 3.0).collect::<Vec<f64>>();
        let x = Array::from_slice(&[4, 33, 6], &noise(792, 1.37)).unwrap();
        let g = Array::from_slice(&[4, 33, 6], &noise(792, 0.77)).unwrap();
        for x in [x.clone(), x.with_layout(x.layout.permuted(&[2, 0, 1]))] {
            let g = g.with_layout(Layout::contiguous(x.shape().into()));
            for dim in 0..3 {
                for log in [false, true] {
                    let (y, dx) = (like(&x), like(&x));
                    forward(&x, dim, log, &y);
                    backward(&g, &y, dim, log, &dx);
                    // Along the dim: sums are 1, and gradients add up to 0.
                    let (outer, n, inner) = split(&x, dim);
                    let (y, dx) = (y.to_vec::<f64>(), dx.to_vec::<f64>());
                    for k in 0..outer * inner {
                        let at = |i: usize| k / inner * n * inner + i * inner + k % inner;
                        let p = |i| if log { y[at(i)].exp() } else { y[at(i)] };
                        assert!(((0..n).map(p).sum::<f64>() - 1.0).abs() < 1e-12);
                        assert!((0..n).map(|i| dx[at(i)]).sum::<f64>().abs() < 1e-11);
                    }
                }
            }
        }
    }

    #[test]
    fn infinities() {
        let inf = f32::INFINITY;
        let x = Array::from_slice(&[2, 2], &[-inf, -inf, 0.0, -inf]).unwrap();
        let out = Array::from_slice(&[2, 2], &[0f32; 4]).unwrap();
        forward(&x, 1, false, &out);
        let y = out.to_vec::<f32>();
        assert!(y[0].is_nan() && y[1].is_nan());
        assert_eq!(y[2..], [1.0, 0.0]);
        forward(&x, 1, true, &out);
        assert_eq!(out.to_vec::<f32>()[2..], [0.0, -inf]);
    }
}
