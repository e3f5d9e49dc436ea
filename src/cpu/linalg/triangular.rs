//! Triangular systems.

use faer::linalg::triangular_solve as by;
use faer::reborrow::ReborrowMut;
use faer::{Conj, MatMut, MatRef, Par};

use super::{Field, copy, count, each, matrix, matrix_mut, size};
use crate::device::Array;
use crate::field;

/// Which triangle of a matrix is read, and whether its diagonal is taken as ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triangle {
    pub upper: bool,
    pub unit: bool,
}

/// `out` = the solution of `A X = B`, or of `X A = B` if not `left`; batches are equal.
pub fn solve(a: &Array, b: &Array, out: &Array, kind: Triangle, left: bool) {
    let (m, n) = size(b);
    let work = m.saturating_mul(n).saturating_mul(size(a).0);
    field!(a.dtype, T => each(count(b), work, &|range| {
        for i in range {
            // SAFETY: each matrix is one thread's.
            let mut x = unsafe { matrix_mut::<T>(out, i) };
            copy(x.rb_mut(), matrix::<T>(b, i));
            let a = matrix::<T>(a, i);
            if left {
                in_place(a, x, kind, Conj::No);
            } else {
                in_place(a.transpose(), x.transpose_mut(), Triangle { upper: !kind.upper, ..kind }, Conj::No);
            }
        }
    }));
}

/// `out` = the solution of `L L^H X = B`, or of `U^H U X = B` if `upper`; batches are equal.
pub fn solve_both(a: &Array, b: &Array, out: &Array, upper: bool) {
    let (m, n) = size(b);
    let work = m.saturating_mul(n).saturating_mul(2 * size(a).0);
    let (first, second) = (Triangle { upper: false, unit: false }, Triangle { upper: true, unit: false });
    field!(a.dtype, T => each(count(b), work, &|range| {
        for i in range {
            // SAFETY: each matrix is one thread's.
            let mut x = unsafe { matrix_mut::<T>(out, i) };
            copy(x.rb_mut(), matrix::<T>(b, i));
            let a = matrix::<T>(a, i);
            // Of the two factors the one that is not stored is the adjoint.
            let (lower, l, u) = if upper { (a.transpose(), Conj::Yes, Conj::No) } else { (a, Conj::No, Conj::Yes) };
            in_place(lower, x.rb_mut(), first, l);
            in_place(lower.transpose(), x, second, u);
        }
    }));
}

/// Replaces the columns of `x` by the solutions; `conj` takes the conjugate of A.
pub fn in_place<T: Field>(a: MatRef<'_, T>, x: MatMut<'_, T>, kind: Triangle, conj: Conj) {
    match (kind.upper, kind.unit) {
        (false, false) => by::solve_lower_triangular_in_place_with_conj(a, conj, x, Par::Seq),
        (false, true) => by::solve_unit_lower_triangular_in_place_with_conj(a, conj, x, Par::Seq),
        (true, false) => by::solve_upper_triangular_in_place_with_conj(a, conj, x, Par::Seq),
        (true, true) => by::solve_unit_upper_triangular_in_place_with_conj(a, conj, x, Par::Seq),
    }
}
