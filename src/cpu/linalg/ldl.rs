//! LDL of symmetric or Hermitian matrices by Bunch and Kaufman's diagonal pivoting (1977), as LAPACK's sytf2 and hetf2
//! store it for the lower triangle: D has blocks of one or two rows, and `pivots` are from 1, negative in both rows of
//! a block of two.

use faer::MatMut;
use faer::reborrow::ReborrowMut;

use super::{Field, Part, copy, count, cube, each, matrix, matrix_mut, put, size, vector, vector_mut};
use crate::device::Array;
use crate::field;

/// `out` = L below the diagonal and D, of `A = L D L^H` if `hermitian`, else of `A = L D L^T`; `pivots` and `info`
/// int32 (the place from 1 of the first zero in D).
pub fn factor(x: &Array, out: &Array, pivots: &Array, info: &Array, hermitian: bool) {
    let n = size(x).0;
    field!(x.dtype, T => each(count(x), cube(n, n), &|range| {
        for i in range {
            // SAFETY: each matrix, with its pivots, is one thread's.
            let (mut a, p) = unsafe { (matrix_mut::<T>(out, i), vector_mut::<i32>(pivots, i)) };
            copy(a.rb_mut(), matrix::<T>(x, i));
            for c in 1..n {
                (0..c).for_each(|r| a[(r, c)] = T::ZERO);
            }
            let zero = in_place(a, p, hermitian);
            // SAFETY: as above.
            unsafe { put(info, i, zero) };
        }
    }));
}

/// The conjugate, of what stands on the other side of a Hermitian matrix.
fn other_side<T: Field>(v: T, hermitian: bool) -> T {
    if hermitian { v.conj() } else { v }
}

/// An entry of the diagonal, which is real in a Hermitian matrix.
fn on_diagonal<T: Field>(v: T, hermitian: bool) -> T {
    if hermitian { T::of(v.re()) } else { v }
}

fn in_place<T: Field>(mut a: MatMut<'_, T>, pivots: &mut [i32], hermitian: bool) -> i32 {
    let n = a.nrows();
    let turned = |v: T| other_side(v, hermitian);
    // As LAPACK measures entries: the sum of the sizes of both parts.
    let abs = |v: T| v.taxicab().to_f64();
    for k in 0..n {
        a[(k, k)] = on_diagonal(a[(k, k)], hermitian);
    }
    let alpha = (1.0 + 17f64.sqrt()) / 8.0;
    let mut info = 0;
    let largest = |a: &MatMut<'_, T>, rows: std::ops::Range<usize>, at: &dyn Fn(usize) -> (usize, usize)| {
        let mut best = (0.0, rows.start);
        for r in rows {
            let v = abs(a[at(r)]);
            if v > best.0 {
                best = (v, r);
            }
        }
        best
    };
    let mut k = 0;
    while k < n {
        let here = abs(a[(k, k)]);
        let (column, row) = if k + 1 < n { largest(&a, k + 1..n, &|r| (r, k)) } else { (0.0, k) };
        let (mut pivot, mut step) = (k, 1);
        if here.max(column) == 0.0 || here.is_nan() {
            if info == 0 {
                info = k as i32 + 1;
            }
            pivots[k] = k as i32 + 1;
            k += 1;
            continue;
        }
        if here < alpha * column {
            let (left, _) = largest(&a, k..row, &|c| (row, c));
            let (below, _) = if row + 1 < n { largest(&a, row + 1..n, &|r| (r, row)) } else { (0.0, 0) };
            let across = left.max(below);
            if here >= alpha * column * (column / across) {
                // One row, no exchange.
            } else if abs(a[(row, row)]) >= alpha * across {
                pivot = row;
            } else {
                (pivot, step) = (row, 2);
            }
        }
        let low = k + step - 1;
        if pivot != low {
            exchange(a.rb_mut(), k, low, pivot, step, hermitian);
        }
        if step == 1 {
            let inverse = a[(k, k)].recip();
            for c in k + 1..n {
                let f = turned(a[(c, k)] * inverse);
                for r in c..n {
                    a[(r, c)] = a[(r, c)] - a[(r, k)] * f;
                }
                a[(c, c)] = on_diagonal(a[(c, c)], hermitian);
            }
            for r in k + 1..n {
                a[(r, k)] *= inverse;
            }
            pivots[k] = pivot as i32 + 1;
        } else {
            // Rows of W times the inverse of the block [[p, o'], [o, q]], divided by o and o' first.
            let by = a[(k + 1, k)].recip();
            let turned_by = turned(by);
            let (d11, d22) = (a[(k + 1, k + 1)] * turned_by, a[(k, k)] * by);
            let t = (d11 * d22 - T::ONE).recip();
            for c in k + 2..n {
                let (x, y) = (a[(c, k)] * by, a[(c, k + 1)] * turned_by);
                let (wk, wl) = (t * (d11 * x - y), t * (d22 * y - x));
                let (fk, fl) = (turned(wk), turned(wl));
                for r in c..n {
                    a[(r, c)] = a[(r, c)] - a[(r, k)] * fk - a[(r, k + 1)] * fl;
                }
                a[(c, k)] = wk;
                a[(c, k + 1)] = wl;
                a[(c, c)] = on_diagonal(a[(c, c)], hermitian);
            }
            pivots[k] = -(pivot as i32 + 1);
            pivots[k + 1] = pivots[k];
        }
        k += step;
    }
    info
}

/// Exchanges rows and columns `low` and `pivot` of the trailing matrix from `k`, of which the lower triangle is stored.
fn exchange<T: Field>(mut a: MatMut<'_, T>, k: usize, low: usize, pivot: usize, step: usize, hermitian: bool) {
    let n = a.nrows();
    let mut swap = |x: (usize, usize), y: (usize, usize), hermitian: bool| {
        let (u, v) = (a[x], a[y]);
        a[x] = other_side(v, hermitian);
        a[y] = other_side(u, hermitian);
    };
    for r in pivot + 1..n {
        swap((r, low), (r, pivot), false);
    }
    for j in low + 1..pivot {
        swap((j, low), (pivot, j), hermitian);
    }
    swap((low, low), (pivot, pivot), false);
    if step == 2 {
        swap((k + 1, k), (pivot, k), false);
    }
    // This entry stays in its place but comes to the other side.
    a[(pivot, low)] = other_side(a[(pivot, low)], hermitian);
}

/// `out` = the solution of `A X = B` from what [`factor`] gave (LAPACK's sytrs and hetrs).
pub fn solve(ld: &Array, pivots: &Array, b: &Array, out: &Array, hermitian: bool) {
    let (n, cols) = size(b);
    field!(ld.dtype, T => each(count(b), n.saturating_mul(n).saturating_mul(cols).max(1), &|range| {
        for i in range {
            // SAFETY: each matrix is one thread's.
            let mut x = unsafe { matrix_mut::<T>(out, i) };
            copy(x.rb_mut(), matrix::<T>(b, i));
            backward(matrix::<T>(ld, i), &vector::<i32>(pivots, i), x, hermitian);
        }
    }));
}

fn backward<T: Field>(a: faer::MatRef<'_, T>, pivots: &[i32], mut x: MatMut<'_, T>, hermitian: bool) {
    let turned = |v: T| other_side(v, hermitian);
    let (n, cols) = (x.nrows(), x.ncols());
    // Values come from users: rows out of range are taken as the last.
    let row = |p: i32| (p.unsigned_abs() as usize).clamp(1, n) - 1;
    for c in 0..cols {
        let mut k = 0;
        while k < n {
            if pivots[k] > 0 || k + 1 == n {
                let p = row(pivots[k]);
                let (u, v) = (x[(k, c)], x[(p, c)]);
                x[(k, c)] = v;
                x[(p, c)] = u;
                for r in k + 1..n {
                    x[(r, c)] -= a[(r, k)] * v;
                }
                x[(k, c)] = v * on_diagonal(a[(k, k)], hermitian).recip();
                k += 1;
            } else {
                let p = row(pivots[k]);
                let (u, v) = (x[(k + 1, c)], x[(p, c)]);
                x[(k + 1, c)] = v;
                x[(p, c)] = u;
                let (s, t) = (x[(k, c)], x[(k + 1, c)]);
                for r in k + 2..n {
                    x[(r, c)] = x[(r, c)] - a[(r, k)] * s - a[(r, k + 1)] * t;
                }
                let by = a[(k + 1, k)].recip();
                let turned_by = turned(by);
                let (d1, d2) = (a[(k, k)] * turned_by, a[(k + 1, k + 1)] * by);
                let det = (d1 * d2 - T::ONE).recip();
                let (s, t) = (s * turned_by, t * by);
                x[(k, c)] = (d2 * s - t) * det;
                x[(k + 1, c)] = (d1 * t - s) * det;
                k += 2;
            }
        }
        let mut k = n;
        while k > 0 {
            let at = k - 1;
            let two = pivots[at] < 0 && at > 0;
            let first = if two { at - 1 } else { at };
            for j in first..k {
                let mut sum = x[(j, c)];
                for r in k..n {
                    sum -= turned(a[(r, j)]) * x[(r, c)];
                }
                x[(j, c)] = sum;
            }
            let p = row(pivots[at]);
            let (u, v) = (x[(at, c)], x[(p, c)]);
            x[(at, c)] = v;
            x[(p, c)] = u;
            k = first;
        }
    }
}
