//! LU with partial pivoting, as LAPACK's getrf gives it: a zero pivot is kept, its column is left as it is, and the
//! first one is reported. Columns are halved recursively (Toledo 1997), so that most of the work is faer's products.

use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::solve_unit_lower_triangular_in_place;
use faer::reborrow::ReborrowMut;
use faer::traits::ComplexField as _;
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par};

use super::scale::{Size, power_of, quotient, scale, scaled, size as size_of};
use super::triangular::{self, Triangle};
use super::{Field, Part, conjugate, copy, count, cube, each, matrix, matrix_mut, put, size, vector, vector_mut};
use crate::device::Array;
use crate::field;

/// `out` = L below the diagonal (its ones are not stored) and U; `pivots` int32, from 1: row k was exchanged with row
/// `pivots[k]`; `info` int32: 0, or the place from 1 of the first zero on U's diagonal.
pub fn factor(x: &Array, out: &Array, pivots: &Array, info: &Array) {
    let (m, n) = size(x);
    field!(x.dtype, T => each(count(x), cube(m, n), &|range| {
        for i in range {
            // SAFETY: each matrix, with its pivots, is one thread's.
            let (mut a, p) = unsafe { (matrix_mut::<T>(out, i), vector_mut::<i32>(pivots, i)) };
            copy(a.rb_mut(), matrix::<T>(x, i));
            let zero = in_place(a, p);
            // SAFETY: as above.
            unsafe { put(info, i, zero) };
        }
    }));
}

/// Factorizes; gives the place from 1 of the first zero pivot, or 0.
pub fn in_place<T: Field>(mut a: MatMut<'_, T>, pivots: &mut [i32]) -> i32 {
    let (m, n) = (a.nrows(), a.ncols());
    let k = m.min(n);
    let (mut left, mut right) = a.rb_mut().split_at_col_mut(k);
    let zero = columns(left.rb_mut(), pivots);
    if n > k {
        swap(right.rb_mut(), pivots);
        solve_unit_lower_triangular_in_place(left.as_ref(), right, Par::Seq);
    }
    for (row, p) in pivots.iter_mut().enumerate() {
        *p += row as i32 + 1;
    }
    zero
}

/// Exchanges rows as found; `pivots` count from the row itself here.
fn swap<T: Field>(mut a: MatMut<'_, T>, pivots: &[i32]) {
    for c in 0..a.ncols() {
        for (row, &p) in pivots.iter().enumerate() {
            if p != 0 {
                let (x, y) = (a[(row, c)], a[(row + p as usize, c)]);
                a[(row, c)] = y;
                a[(row + p as usize, c)] = x;
            }
        }
    }
}

/// A matrix of no more columns than rows.
fn columns<T: Field>(mut a: MatMut<'_, T>, pivots: &mut [i32]) -> i32 {
    let (m, n) = (a.nrows(), a.ncols());
    if n <= 8 {
        return narrow(a, pivots);
    }
    let half = n / 2;
    let (first, second) = pivots.split_at_mut(half);
    let (mut left, mut right) = a.rb_mut().split_at_col_mut(half);
    let zero = columns(left.rb_mut(), first);
    swap(right.rb_mut(), first);
    let (l11, mut l21) = left.rb_mut().split_at_row_mut(half);
    let (mut u12, mut rest) = right.rb_mut().split_at_row_mut(half);
    solve_unit_lower_triangular_in_place(l11.as_ref(), u12.rb_mut(), Par::Seq);
    if m > half {
        let minus = -T::ONE;
        matmul(rest.rb_mut(), Accum::Add, l21.as_ref(), u12.as_ref(), minus, Par::Seq);
    }
    let later = columns(rest, second);
    swap(l21.rb_mut(), second);
    if zero != 0 {
        zero
    } else if later != 0 {
        later + half as i32
    } else {
        0
    }
}

fn narrow<T: Field>(mut a: MatMut<'_, T>, pivots: &mut [i32]) -> i32 {
    let (m, n) = (a.nrows(), a.ncols());
    let mut zero = 0;
    for k in 0..n {
        let (mut best, mut row) = (a[(k, k)].taxicab(), k);
        for r in k + 1..m {
            let size = a[(r, k)].taxicab();
            if size > best {
                (best, row) = (size, r);
            }
        }
        pivots[k] = (row - k) as i32;
        if row != k {
            for c in 0..n {
                let (x, y) = (a[(k, c)], a[(row, c)]);
                a[(k, c)] = y;
                a[(row, c)] = x;
            }
        }
        let pivot = a[(k, k)];
        if pivot == T::ZERO {
            if zero == 0 {
                zero = k as i32 + 1;
            }
        } else {
            // Divided, not scaled by the inverse: equal rows must give exactly 1, so that a singular matrix is found.
            for r in k + 1..m {
                a[(r, k)] = quotient(a[(r, k)], pivot);
            }
        }
        for c in k + 1..n {
            let u = a[(k, c)];
            for r in k + 1..m {
                a[(r, c)] = a[(r, c)] - a[(r, k)] * u;
            }
        }
    }
    zero
}

/// The rows' order that exchanges `pivots` (as [`factor`] gives them) make of 0, 1, ..: int64, of `rows` entries.
pub fn order(pivots: &Array, out: &Array) {
    let batch = pivots.shape()[..pivots.ndim() - 1].iter().product();
    each(batch, 8 * out.shape()[out.ndim() - 1], &|range| {
        for i in range {
            // SAFETY: each vector is one thread's.
            let to = unsafe { vector_mut::<i64>(out, i) };
            for (row, place) in to.iter_mut().enumerate() {
                *place = row as i64;
            }
            for (row, p) in vector::<i32>(pivots, i).into_iter().enumerate() {
                // `infer` cannot see values: a pivot out of range is left out.
                let p = (p as i64 - 1).max(0) as usize;
                if p < to.len() && row < to.len() {
                    to.swap(row, p);
                }
            }
        }
    });
}

/// `out` = the solution of `A X = B`, or of `X A = B` if not `left`; without B the inverse. `info` as in [`factor`].
pub fn solve(a: &Array, b: Option<&Array>, out: &Array, info: &Array, left: bool) {
    let (n, cols) = (size(a).0, size(out).0.max(size(out).1));
    let work = cube(n, n).saturating_add(n.saturating_mul(n).saturating_mul(cols));
    field!(a.dtype, T => each(count(out), work, &|range| {
        let mut lu = Mat::<T>::zeros(n, n);
        let mut pivots = vec![0; n];
        for i in range {
            copy(lu.rb_mut(), matrix::<T>(a, i));
            // The inverse of a tiny pivot may be infinite where the solution is not.
            let power = if let Size::Finite(power) = size_of(lu.as_ref()) { power } else { 0 };
            scale(lu.as_mut(), power);
            pivots.fill(0);
            let zero = in_place(lu.as_mut(), &mut pivots);
            // SAFETY: each matrix, and its place in `info`, is one thread's.
            let mut x = unsafe {
                put(info, i, zero);
                matrix_mut::<T>(out, i)
            };
            match b {
                Some(b) => copy(x.rb_mut(), matrix::<T>(b, i)),
                None => super::identity(x.rb_mut()),
            }
            if left {
                apply(lu.as_ref(), &pivots, x.rb_mut(), Turn::No);
            } else {
                apply(lu.as_ref(), &pivots, x.rb_mut().transpose_mut(), Turn::Transpose);
            }
            scale(x, power);
        }
    }));
}

/// What is solved with the factors of A: A itself, its transpose, or its adjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    No,
    Transpose,
    Adjoint,
}

/// `out` = the solution of `A X = B` from the factors of A (of its adjoint if `adjoint`), or of `X A = B` if not
/// `left`.
pub fn solve_factored(lu: &Array, pivots: &Array, b: &Array, out: &Array, left: bool, adjoint: bool) {
    let (m, n) = size(b);
    field!(lu.dtype, T => each(count(out), m.saturating_mul(n).saturating_mul(size(lu).0).max(1), &|range| {
        for i in range {
            // SAFETY: each matrix is one thread's.
            let mut x = unsafe { matrix_mut::<T>(out, i) };
            copy(x.rb_mut(), matrix::<T>(b, i));
            let (lu, pivots) = (matrix::<T>(lu, i), vector::<i32>(pivots, i));
            match (left, adjoint) {
                (true, false) => apply(lu, &pivots, x, Turn::No),
                (true, true) => apply(lu, &pivots, x, Turn::Adjoint),
                (false, false) => apply(lu, &pivots, x.transpose_mut(), Turn::Transpose),
                // `X A^H = B` is `A X^H = B^H`.
                (false, true) => {
                    conjugate(x.rb_mut());
                    apply(lu, &pivots, x.rb_mut().transpose_mut(), Turn::No);
                    conjugate(x);
                }
            }
        }
    }));
}

/// Replaces the columns of `x` by solutions of `A x = b`, with A turned.
fn apply<T: Field>(lu: MatRef<'_, T>, pivots: &[i32], mut x: MatMut<'_, T>, turn: Turn) {
    let n = x.nrows();
    // Values come from users: rows out of range are taken as the last.
    let row = |p: i32| (p.max(1) as usize).min(n.max(1)) - 1;
    let swap = |x: &mut MatMut<'_, T>, i: usize| {
        let p = row(pivots[i]);
        if p != i {
            for c in 0..x.ncols() {
                let (u, v) = (x[(i, c)], x[(p, c)]);
                x[(i, c)] = v;
                x[(p, c)] = u;
            }
        }
    };
    let (lower, upper) = (Triangle { upper: false, unit: true }, Triangle { upper: true, unit: false });
    if turn != Turn::No {
        let conj = if turn == Turn::Adjoint { Conj::Yes } else { Conj::No };
        triangular::in_place(lu.transpose(), x.rb_mut(), Triangle { upper: false, unit: false }, conj);
        triangular::in_place(lu.transpose(), x.rb_mut(), Triangle { upper: true, unit: true }, conj);
        (0..pivots.len().min(n)).rev().for_each(|i| swap(&mut x, i));
    } else {
        (0..pivots.len().min(n)).for_each(|i| swap(&mut x, i));
        triangular::in_place(lu, x.rb_mut(), lower, Conj::No);
        triangular::in_place(lu, x.rb_mut(), upper, Conj::No);
    }
}

/// Determinants, their signs, and the logarithms of their sizes.
pub fn determinant(x: &Array, out: [&Array; 3]) {
    let n = size(x).0;
    field!(x.dtype, T => each(count(x), cube(n, n), &|range| {
        let mut lu = Mat::<T>::zeros(n, n);
        let mut pivots = vec![0; n];
        for i in range {
            copy(lu.rb_mut(), matrix::<T>(x, i));
            pivots.fill(0);
            in_place(lu.as_mut(), &mut pivots);
            let swaps = pivots.iter().enumerate().filter(|&(row, &p)| p as usize != row + 1).count();
            let start = if swaps % 2 == 0 { T::ONE } else { -T::ONE };
            let (mut det, mut sign, mut log) = (start, start, <<T as Field>::Part as Field>::ZERO);
            for k in 0..n {
                let u = lu[(k, k)];
                let size = u.size();
                det *= u;
                let near = scaled(u, power_of(size));
                sign *= if T::IS_REAL {
                    // 0 of NaN too.
                    let one = T::ONE;
                    if u.re() > T::ZERO.re() { one } else if u.re() < T::ZERO.re() { -one } else { T::ZERO }
                } else if u == T::ZERO {
                    T::ZERO
                } else {
                    near.scaled(near.size().recip())
                };
                log += size.natural_log();
            }
            // SAFETY: each element is one thread's.
            unsafe {
                put(out[0], i, det);
                put(out[1], i, sign);
                put(out[2], i, log);
            }
        }
    }));
}
