//! QR by Householder reflections in LAPACK's form: `H = I - tau v v^H`, v = 1 and what is stored below the diagonal.
//! Blocks of reflections are applied together (Schreiber and Van Loan 1989: `I - V T V^H`), so that most of the work
//! is faer's products.

use faer::linalg::matmul::matmul;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::scale::{Size, power_of, scale, scaled, size as size_of};
use super::{Field, copy, count, cube, each, identity, matrix, matrix_mut, size, vector, vector_mut};
use crate::device::Array;
use crate::field;

/// Factorizes a matrix of any size: `R` is scaled with it, reflections and their factors are not.
fn at_any_size<T: Field>(mut a: MatMut<'_, T>, tau: &mut [T]) {
    let Size::Finite(power) = size_of(a.rb()) else { return in_place(a, tau) };
    scale(a.rb_mut(), power);
    in_place(a.rb_mut(), tau);
    if power != 0 {
        for c in 0..a.ncols() {
            (0..a.nrows().min(c + 1)).for_each(|r| a[(r, c)] = scaled(a[(r, c)], -power));
        }
    }
}

/// Reflections in a block.
const BLOCK: usize = 32;

/// `out` = R on and above the diagonal, reflections below; `taus` their factors.
pub fn factor(x: &Array, out: &Array, taus: &Array) {
    let (m, n) = size(x);
    field!(x.dtype, T => each(count(x), cube(m, n), &|range| {
        for i in range {
            // SAFETY: each matrix, with its vector, is one thread's.
            let (mut a, tau) = unsafe { (matrix_mut::<T>(out, i), vector_mut::<T>(taus, i)) };
            copy(a.rb_mut(), matrix::<T>(x, i));
            at_any_size(a, tau);
        }
    }));
}

/// `q`, of as many columns as it has, and the upper triangle `r`, both of the shapes that the mode asks for.
pub fn decompose(x: &Array, q: Option<&Array>, r: &Array) {
    let (m, n) = size(x);
    let rows = size(r).0;
    field!(x.dtype, T => each(count(x), 2 * cube(m, n), &|range| {
        let mut a = Mat::<T>::zeros(m, n);
        let mut tau = vec![T::ZERO; m.min(n)];
        for i in range {
            copy(a.rb_mut(), matrix::<T>(x, i));
            at_any_size(a.as_mut(), &mut tau);
            // SAFETY: each matrix is one thread's.
            let mut r = unsafe { matrix_mut::<T>(r, i) };
            for c in 0..n {
                for row in 0..rows {
                    r[(row, c)] = if row <= c { a[(row, c)] } else { T::ZERO };
                }
            }
            if let Some(q) = q {
                // SAFETY: as above.
                let mut q = unsafe { matrix_mut::<T>(q, i) };
                identity(q.rb_mut());
                apply(a.as_ref().subcols(0, tau.len()), &tau, q, true, false);
            }
        }
    }));
}

/// `out` = the first columns of the product of reflections, as many as `a` has.
pub fn product(a: &Array, taus: &Array, out: &Array) {
    let (m, n) = size(a);
    let k = taus.shape()[taus.ndim() - 1];
    field!(a.dtype, T => each(count(a), cube(m, n), &|range| {
        for i in range {
            // SAFETY: each matrix is one thread's.
            let mut q = unsafe { matrix_mut::<T>(out, i) };
            identity(q.rb_mut());
            apply(matrix::<T>(a, i).subcols(0, k), &vector::<T>(taus, i), q, true, false);
        }
    }));
}

/// `out` = `Q c` (`left`) or `c Q`, with the adjoint of Q if so asked.
pub fn multiply(a: &Array, taus: &Array, c: &Array, out: &Array, left: bool, adjoint: bool) {
    let (m, n) = size(c);
    let k = taus.shape()[taus.ndim() - 1];
    field!(a.dtype, T => each(count(c), m.saturating_mul(n).saturating_mul(k.max(1)), &|range| {
        for i in range {
            // SAFETY: each matrix is one thread's.
            let mut to = unsafe { matrix_mut::<T>(out, i) };
            copy(to.rb_mut(), matrix::<T>(c, i));
            let (v, tau) = (matrix::<T>(a, i).subcols(0, k), vector::<T>(taus, i));
            if left {
                apply(v, &tau, to, true, adjoint);
            } else {
                apply(v, &tau, to, false, adjoint);
            }
        }
    }));
}

pub(super) fn in_place<T: Field>(mut a: MatMut<'_, T>, tau: &mut [T]) {
    let (m, n) = (a.nrows(), a.ncols());
    let k = m.min(n);
    let mut at = 0;
    while at < k {
        let width = BLOCK.min(k - at);
        let mut rest = a.rb_mut().submatrix_mut(at, at, m - at, n - at);
        narrow(rest.rb_mut().subcols_mut(0, width), &mut tau[at..at + width]);
        if n - at > width {
            let (panel, trailing) = rest.split_at_col_mut(width);
            block(panel.rb(), &tau[at..at + width], trailing, true, true);
        }
        at += width;
    }
}

/// Reflections of a few columns, one by one.
fn narrow<T: Field>(mut a: MatMut<'_, T>, taus: &mut [T]) {
    let (m, n) = (a.nrows(), a.ncols());
    for k in 0..n.min(m) {
        let (mut head, rest) = a.rb_mut().submatrix_mut(k, k, m - k, n - k).split_at_col_mut(1);
        taus[k] = reflect(head.rb_mut());
        strike(head.rb(), taus[k].conj(), rest);
    }
}

/// `c - tau v (v^H c)` for each column c; the first element of v, a column, counts as 1.
pub(super) fn strike<T: Field>(v: MatRef<'_, T>, tau: T, mut c: MatMut<'_, T>) {
    if tau == T::ZERO || v.nrows() == 0 {
        return;
    }
    for j in 0..c.ncols() {
        let mut c = c.rb_mut().col_mut(j);
        if let (Some(v), Some(c)) = (v.col(0).try_as_col_major(), c.rb_mut().try_as_col_major_mut()) {
            let (v, [first, rest @ ..]) = (&v.as_slice()[1..], c.as_slice_mut()) else { continue };
            let dot = (*first + product_of(v, rest)) * tau;
            *first -= dot;
            rest.iter_mut().zip(v).for_each(|(c, &v)| *c -= v * dot);
            continue;
        }
        let mut dot = c[0];
        for r in 1..v.nrows() {
            dot += v[(r, 0)].conj() * c[r];
        }
        let dot = dot * tau;
        c[0] -= dot;
        for r in 1..v.nrows() {
            c[r] -= v[(r, 0)] * dot;
        }
    }
}

/// `v^H c`, in several sums that a processor adds up at once.
fn product_of<T: Field>(v: &[T], c: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::ZERO; LANES];
    let (v_parts, c_parts) = (v.chunks_exact(LANES), c.chunks_exact(LANES));
    let mut total = T::ZERO;
    for (&v, &c) in v_parts.remainder().iter().zip(c_parts.remainder()) {
        total += v.conj() * c;
    }
    for (v, c) in v_parts.zip(c_parts) {
        for (sum, (&v, &c)) in sums.iter_mut().zip(v.iter().zip(c)) {
            *sum += v.conj() * c;
        }
    }
    sums.into_iter().for_each(|sum| total += sum);
    total
}

/// Makes the first element of a column real and the others zero: writes it and the rest of v, gives tau. LAPACK's
/// larfg.
pub(super) fn reflect<T: Field>(mut x: MatMut<'_, T>) -> T {
    let alpha = x[(0, 0)];
    let tail = x.rb().subrows(1, x.nrows() - 1).norm_l2();
    let zero = T::real_part_impl(&T::ZERO);
    if tail == zero && T::imag_part_impl(&alpha) == zero {
        return T::ZERO;
    }
    let norm = x.rb().norm_l2();
    // The inverse of a tiny number has no digits, or is infinite. Reflections do not change with the column's scale.
    let power = power_of(T::from_real_impl(&norm).re());
    if power != 0 {
        scale(x.rb_mut(), power);
        let tau = reflect(x.rb_mut());
        x[(0, 0)] = scaled(x[(0, 0)], -power);
        return tau;
    }
    let beta = if T::real_part_impl(&alpha) >= zero { -norm } else { norm };
    let beta = T::from_real_impl(&beta);
    let inverse = (alpha - beta).recip();
    for r in 1..x.nrows() {
        x[(r, 0)] *= inverse;
    }
    x[(0, 0)] = beta;
    (beta - alpha) * beta.recip()
}

/// Replaces `c` by `Q c` or `c Q`, Q being the product of reflections `v`, or by those with its adjoint.
pub(super) fn apply<T: Field>(v: MatRef<'_, T>, tau: &[T], mut c: MatMut<'_, T>, left: bool, adjoint: bool) {
    let (m, k) = (v.nrows(), tau.len());
    let blocks = k.div_ceil(BLOCK);
    for i in 0..blocks {
        // Of `H1 H2 .. c` the last comes first.
        let at = BLOCK * if left != adjoint { blocks - 1 - i } else { i };
        let width = BLOCK.min(k - at);
        let panel = v.submatrix(at, at, m - at, width);
        let part = if left {
            let rows = c.nrows();
            c.rb_mut().subrows_mut(at, rows - at)
        } else {
            let cols = c.ncols();
            c.rb_mut().subcols_mut(at, cols - at)
        };
        block(panel, &tau[at..at + width], part, left, adjoint);
    }
}

/// As [`apply`], of one block.
fn block<T: Field>(v: MatRef<'_, T>, tau: &[T], c: MatMut<'_, T>, left: bool, adjoint: bool) {
    let (m, k) = (v.nrows(), tau.len());
    let (zero, one) = (T::ZERO, T::ONE);
    let v = Mat::<T>::from_fn(m, k, |r, c| match r.cmp(&c) {
        std::cmp::Ordering::Less => zero,
        std::cmp::Ordering::Equal => one,
        std::cmp::Ordering::Greater => v[(r, c)],
    });
    // T of `H1 .. Hk = I - V T V^H`, column by column.
    let mut gram = Mat::<T>::zeros(k, k);
    matmul(gram.as_mut(), Accum::Replace, v.as_ref().adjoint(), v.as_ref(), one, Par::Seq);
    let mut t = Mat::<T>::zeros(k, k);
    for j in 0..k {
        for i in 0..j {
            let mut sum = zero;
            for l in i..j {
                sum += t[(i, l)] * gram[(l, j)];
            }
            t[(i, j)] = -(tau[j] * sum);
        }
        t[(j, j)] = tau[j];
    }
    let t = if adjoint { t.adjoint().to_owned() } else { t };
    if left {
        let n = c.ncols();
        let (mut w, mut tw) = (Mat::<T>::zeros(k, n), Mat::<T>::zeros(k, n));
        matmul(w.as_mut(), Accum::Replace, v.as_ref().adjoint(), c.as_ref(), one, Par::Seq);
        matmul(tw.as_mut(), Accum::Replace, t.as_ref(), w.as_ref(), one, Par::Seq);
        matmul(c, Accum::Add, v.as_ref(), tw.as_ref(), -one, Par::Seq);
    } else {
        let n = c.nrows();
        let (mut w, mut wt) = (Mat::<T>::zeros(n, k), Mat::<T>::zeros(n, k));
        matmul(w.as_mut(), Accum::Replace, c.as_ref(), v.as_ref(), one, Par::Seq);
        matmul(wt.as_mut(), Accum::Replace, w.as_ref(), t.as_ref(), one, Par::Seq);
        matmul(c, Accum::Add, wt.as_ref(), v.as_ref().adjoint(), -one, Par::Seq);
    }
}
