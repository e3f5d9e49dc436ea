//! Layer normalisation over the trailing elements of each row, and its gradients. Statistics are kept in the type of
//! computation (float32 for halves).

use super::columns::ColumnPairs;
use super::fold::{Fold, Sum};
use super::real::Real;
use super::strided::Raw;
use super::threads;
use super::widen::{Flat, Widen, contiguous, with_results};
use crate::device::Array;
use crate::{simd, widened};

const GRAIN: usize = 1 << 14;
/// Rows whose weight gradients are added in order.
const ROWS: usize = 128;

simd! {
    #[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
    unsafe fn forward_rows[A: Real][A](
        x: *const A, rows: usize, n: usize, w: *const A, b: *const A, eps: A, y: *mut A, mean: *mut A, rstd: *mut A
    ) = forward_rows_body;
    #[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
    unsafe fn input_rows[A: Real][A](
        g: *const A, x: *const A, rows: usize, n: usize, w: *const A, mean: *const A, rstd: *const A, t: *mut A, dx: *mut A
    ) = input_rows_body;
    /// Adds `rows` rows to the gradients of weight and bias.
    #[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
    unsafe fn parameter_rows[A: Real][A](
        g: *const A, x: *const A, rows: usize, n: usize, mean: *const A, rstd: *const A, dw: *mut A, db: *mut A
    ) = parameter_rows_body;
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
unsafe fn forward_rows_body<A: Real>(
    x: *const A,
    rows: usize,
    n: usize,
    w: *const A,
    b: *const A,
    eps: A,
    y: *mut A,
    mean: *mut A,
    rstd: *mut A,
) {
    let count = A::of(n as f64);
    for r in 0..rows {
        // SAFETY: n elements a row, and n of w and b unless they are null.
        unsafe {
            let (x, y) = (x.add(r * n), y.add(r * n));
            let m = A::total(x, n) / count;
            let s = A::ONE / (A::squares(x, n, m) / count + eps).root();
            (*mean.add(r), *rstd.add(r)) = (m, s);
            match (w.is_null(), b.is_null()) {
                (true, true) => (0..n).for_each(|i| *y.add(i) = (*x.add(i) - m) * s),
                (false, true) => {
                    for i in 0..n {
                        *y.add(i) = (*x.add(i) - m) * s * *w.add(i);
                    }
                }
                (true, false) => {
                    for i in 0..n {
                        *y.add(i) = (*x.add(i) - m) * s + *b.add(i);
                    }
                }
                (false, false) => {
                    for i in 0..n {
                        *y.add(i) = ((*x.add(i) - m) * s).fma(*w.add(i), *b.add(i));
                    }
                }
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
unsafe fn input_rows_body<A: Real>(
    g: *const A,
    x: *const A,
    rows: usize,
    n: usize,
    w: *const A,
    mean: *const A,
    rstd: *const A,
    t: *mut A,
    dx: *mut A,
) {
    let count = A::of(n as f64);
    for r in 0..rows {
        // SAFETY: n elements a row, of t and of w unless it is null.
        unsafe {
            let (g, x, dx) = (g.add(r * n), x.add(r * n), dx.add(r * n));
            let (m, s) = (*mean.add(r), *rstd.add(r));
            // dx holds h = g w, t holds h (x - mean) / deviation.
            for i in 0..n {
                let h = if w.is_null() { *g.add(i) } else { *g.add(i) * *w.add(i) };
                *dx.add(i) = h;
                *t.add(i) = h * ((*x.add(i) - m) * s);
            }
            let (a, b) = (A::total(dx, n) / count, A::total(t, n) / count);
            for i in 0..n {
                let h = (*x.add(i) - m) * s;
                *dx.add(i) = (*dx.add(i) - a - h * b) * s;
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
unsafe fn parameter_rows_body<A: Real>(
    g: *const A,
    x: *const A,
    rows: usize,
    n: usize,
    mean: *const A,
    rstd: *const A,
    dw: *mut A,
    db: *mut A,
) {
    for r in 0..rows {
        // SAFETY: n elements a row, of dw and of db.
        unsafe {
            let (g, x) = (g.add(r * n), x.add(r * n));
            let (m, s) = (*mean.add(r), *rstd.add(r));
            for i in 0..n {
                *dw.add(i) = (*g.add(i)).fma((*x.add(i) - m) * s, *dw.add(i));
                *db.add(i) = *db.add(i) + *g.add(i);
            }
        }
    }
}

/// The elements of an array that may be missing; null then.
fn optional<S: Widen<A>, A: Real>(x: Option<&Array>) -> (Option<Flat<A>>, Raw<A>) {
    match x {
        None => (None, Raw::new(std::ptr::null_mut())),
        Some(x) => {
            let flat = contiguous::<S, A>(x);
            let p = flat.raw();
            (Some(flat), p)
        }
    }
}

/// Runs `f(first row, rows)` over all rows.
fn over_rows(rows: usize, n: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    threads::split(rows, GRAIN.div_ceil(n.max(1)), &|r| f(r.start, r.len()));
}

/// `y = (x - mean) / sqrt(var + eps) * weight + bias` over rows of `n` elements; `mean` and `rstd` (one over the root) are
/// contiguous, one a row, of the type of computation. Weight and bias have the dtype of x.
pub fn forward(
    x: &Array,
    n: usize,
    weight: Option<&Array>,
    bias: Option<&Array>,
    eps: f64,
    [y, mean, rstd]: [&Array; 3],
) {
    let rows = x.numel().checked_div(n).unwrap_or(0);
    widened!(only float x.dtype, S, A => with_results::<A>(y, &mut |y| {
        let flat = contiguous::<S, A>(x);
        let ((_w, w), (_b, b)) = (optional::<S, A>(weight), optional::<S, A>(bias));
        let (x, y, mean, rstd) = (flat.raw(), Raw::new(y), Raw::new(mean.ptr::<A>()), Raw::new(rstd.ptr::<A>()));
        over_rows(rows, n, &|r, count| {
            let (i, r) = ((r * n) as isize, r as isize);
            // SAFETY: `count` rows from row r.
            unsafe {
                forward_rows(x.at(i), count, n, w.at(0), b.at(0), A::of(eps), y.at(i), mean.at(r), rstd.at(r))
            }
        });
    }));
}

/// The gradient of x.
pub fn backward_input(g: &Array, x: &Array, n: usize, weight: Option<&Array>, mean: &Array, rstd: &Array, dx: &Array) {
    let rows = x.numel().checked_div(n).unwrap_or(0);
    widened!(only float x.dtype, S, A => with_results::<A>(dx, &mut |dx| {
        let (gf, xf) = (contiguous::<S, A>(g), contiguous::<S, A>(x));
        let (_w, w) = optional::<S, A>(weight);
        let (g, x, dx) = (gf.raw(), xf.raw(), Raw::new(dx));
        let (mean, rstd) = (Raw::new(mean.ptr::<A>()), Raw::new(rstd.ptr::<A>()));
        over_rows(rows, n, &|r, count| {
            let mut scratch = vec![A::default(); n];
            let (i, r, t) = ((r * n) as isize, r as isize, scratch.as_mut_ptr());
            // SAFETY: `count` rows from row r.
            unsafe { input_rows(g.at(i), x.at(i), count, n, w.at(0), mean.at(r), rstd.at(r), t, dx.at(i)) }
        });
    }));
}

/// The gradients of weight and bias: sums over rows, in blocks that merge in pairs.
pub fn backward_parameters(g: &Array, x: &Array, n: usize, mean: &Array, rstd: &Array, dw: &Array, db: &Array) {
    let rows = x.numel().checked_div(n).unwrap_or(0);
    widened!(only float x.dtype, S, A => {
        let (gf, xf) = (contiguous::<S, A>(g), contiguous::<S, A>(x));
        let (g, x) = (gf.raw(), xf.raw());
        let (mean, rstd) = (Raw::new(mean.ptr::<A>()), Raw::new(rstd.ptr::<A>()));
        let blocks = rows.div_ceil(ROWS).max(1);
        let mut parts = vec![A::default(); blocks * 2 * n];
        let to = Raw::new(parts.as_mut_ptr());
        threads::split(blocks, GRAIN.div_ceil(ROWS * n.max(1)), &|range| {
            for b in range {
                let (r, count) = (b * ROWS, ROWS.min(rows - b * ROWS));
                let (i, r, at) = ((r * n) as isize, r as isize, (b * 2 * n) as isize);
                // SAFETY: `count` rows from row r, and this block's sums.
                unsafe {
                    parameter_rows(
                        g.at(i), x.at(i), count, n, mean.at(r), rstd.at(r), to.at(at), to.at(at + n as isize)
                    )
                }
            }
        });
        if n > 0 {
            merge::<A>(&parts, n, blocks, dw, db);
        }
    });
}

fn merge<A: Real>(parts: &[A], n: usize, blocks: usize, dw: &Array, db: &Array)
where
    Sum: Fold<A>,
{
    let mut pairs = ColumnPairs::new(Sum, 2 * n, blocks);
    parts.chunks_exact(2 * n).for_each(|part| pairs.push(|acc| acc.copy_from_slice(part)));
    let mut both = vec![A::default(); 2 * n];
    pairs.finish(|c, v| both[c] = v);
    for (out, from) in [(dw, &both[..n]), (db, &both[n..])] {
        with_results::<A>(out, &mut |y| {
            for (i, v) in from.iter().enumerate() {
                // SAFETY: one of n results.
                unsafe { *y.add(i) = *v }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{DType, Device, Layout, Meta};

    #[test]
    fn gradients_agree_with_differences() {
        let (rows, n) = (5, 7);
        let noise = |k: usize, by: f64| (0..k).map(|i| ((i as f64 * by + 0.3) % 3.1) - 1.5).collect::<Vec<f64>>();
        let arr = |shape: &[usize], v: &[f64]| Array::from_slice(shape, v).unwrap();
        let new = |shape: &[usize]| {
            Array::empty(Meta::new(Layout::contiguous(shape.into()), DType::F64, Device::CPU)).unwrap()
        };
        let (x, w, b, g) = (noise(rows * n, 1.7), noise(n, 0.9), noise(n, 2.3), noise(rows * n, 0.61));
        let value = |x: &[f64], w: &[f64], b: &[f64]| -> (f64, Array, Array) {
            let (y, mean, rstd) = (new(&[rows, n]), new(&[rows]), new(&[rows]));
            let (wa, ba) = (arr(&[n], w), arr(&[n], b));
            forward(&arr(&[rows, n], x), n, Some(&wa), Some(&ba), 1e-5, [&y, &mean, &rstd]);
            (y.to_vec::<f64>().iter().zip(&g).map(|(a, b)| a * b).sum(), mean, rstd)
        };
        let (_, mean, rstd) = value(&x, &w, &b);
        let (dx, dw, db) = (new(&[rows, n]), new(&[n]), new(&[n]));
        let (ga, xa, wa) = (arr(&[rows, n], &g), arr(&[rows, n], &x), arr(&[n], &w));
        backward_input(&ga, &xa, n, Some(&wa), &mean, &rstd, &dx);
        backward_parameters(&ga, &xa, n, &mean, &rstd, &dw, &db);
        let check = |which: usize, got: Vec<f64>| {
            for i in 0..got.len() {
                let at = |d: f64| {
                    let mut v = [x.clone(), w.clone(), b.clone()];
                    v[which][i] += d;
                    value(&v[0], &v[1], &v[2]).0
                };
                let want = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((got[i] - want).abs() < 1e-6, "{which} {i} {} {want}", got[i]);
            }
        };
        check(0, dx.to_vec());
        check(1, dw.to_vec());
        check(2, db.to_vec());
    }
}
