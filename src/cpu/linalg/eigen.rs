//! Eigenvalues and eigenvectors.

use faer::diag::DiagMut;
use faer::dyn_stack::MemStack;
use faer::linalg::evd::{
    ComputeEigenvectors, EvdError, evd_real, evd_scratch, self_adjoint_evd, self_adjoint_evd_scratch,
};
use faer::{Mat, MatMut, MatRef, Par, Spec};

use super::svd::{Failure, First};
use super::{count, cube, each, finite, matrix, matrix_mut, scratch, size, vector_mut};
use crate::core::{Complex, Stored};
use crate::device::Array;
use crate::error::Result;
use crate::field;

/// Of symmetric matrices, of which the lower (or `upper`) triangle is read: `values` in ascending order, `vectors` as
/// columns. A matrix that is not finite gives NaN.
pub fn symmetric(x: &Array, values: &Array, vectors: Option<&Array>, upper: bool) -> Result<Option<Failure>> {
    let n = size(x).0;
    let mode = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let first = First::new();
    field!(x.dtype, T => {
        if n == 0 {
            return Ok(None);
        }
        let need = self_adjoint_evd_scratch::<T>(n, mode, Par::Seq, Spec::default());
        drop(scratch(need)?);
        each(count(x), 8 * cube(n, n), &|range| {
            let Ok(mut memory) = scratch(need) else { return first.note(range.start, true) };
            for i in range {
                let a = matrix::<T>(x, i);
                let a = if upper { a.transpose() } else { a };
                // SAFETY: each vector and matrix is one thread's.
                let (s, v) = unsafe { (vector_mut::<T>(values, i), vectors.map(|v| matrix_mut::<T>(v, i))) };
                if (0..n).any(|c| (c..n).any(|r| !a[(r, c)].is_finite())) {
                    s.fill(T::NAN);
                    if let Some(mut v) = v {
                        v.fill(T::NAN);
                    }
                    continue;
                }
                let stack = MemStack::new(&mut memory);
                if self_adjoint_evd(a, DiagMut::from_slice_mut(s), v, Par::Seq, stack, Spec::default()).is_err() {
                    first.note(i, true);
                }
            }
        });
    });
    Ok(first.found())
}

/// Of any square real matrices: `values` complex, `vectors` as columns of length 1 whose largest element is real. A
/// value with a positive imaginary part comes before its conjugate.
#[allow(clippy::unnecessary_cast, reason = "one of the two types is f64")]
pub fn general(x: &Array, values: &Array, vectors: Option<&Array>) -> Result<Option<Failure>> {
    let n = size(x).0;
    let mode = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let first = First::new();
    field!(x.dtype, T => {
        if n == 0 {
            return Ok(None);
        }
        let need = evd_scratch::<T>(n, ComputeEigenvectors::No, mode, Par::Seq, Spec::default());
        drop(scratch(need)?);
        each(count(x), 16 * cube(n, n), &|range| {
            let Ok(mut memory) = scratch(need) else { return first.note(range.start, true) };
            let (mut re, mut im) = (vec![0.0 as T; n], vec![0.0 as T; n]);
            let mut v = Mat::<T>::zeros(n, if vectors.is_some() { n } else { 0 });
            for i in range {
                let a = matrix::<T>(x, i);
                if !finite(a) {
                    first.note(i, false);
                    continue;
                }
                let right = vectors.map(|_| v.as_mut());
                let done: std::result::Result<(), EvdError> = evd_real(
                    a,
                    DiagMut::from_slice_mut(&mut re),
                    DiagMut::from_slice_mut(&mut im),
                    None,
                    right,
                    Par::Seq,
                    MemStack::new(&mut memory),
                    Spec::default(),
                );
                if done.is_err() {
                    first.note(i, true);
                    continue;
                }
                // SAFETY: each vector is one thread's.
                let to = unsafe { vector_mut::<Complex<T>>(values, i) };
                for k in 0..n {
                    to[k] = Complex { re: re[k], im: im[k] };
                }
                if let Some(vectors) = vectors {
                    // SAFETY: each matrix is one thread's.
                    let to = unsafe { matrix_mut::<Complex<T>>(vectors, i) };
                    unpack(v.as_ref(), &im, to, |x| x as f64, |x| x as T);
                }
            }
        });
    });
    Ok(first.found())
}

/// The eigenvectors `v` of a real matrix, scaled: a pair of complex ones stands in `v` as real and imaginary part in
/// two columns, the first of which has the positive imaginary part `im`.
fn unpack<T: Stored>(
    v: MatRef<'_, T>,
    im: &[T],
    mut out: MatMut<'_, Complex<T>>,
    to: fn(T) -> f64,
    from: fn(f64) -> T,
) {
    let n = im.len();
    let mut k = 0;
    while k < n {
        let pair = to(im[k]) != 0.0 && k + 1 < n;
        let at = |r: usize| (to(v[(r, k)]), if pair { to(v[(r, k + 1)]) } else { 0.0 });
        let square = |(a, b): (f64, f64)| a * a + b * b;
        let scale = 1.0 / (0..n).map(|r| square(at(r))).sum::<f64>().sqrt();
        let mut largest = 0;
        for r in 1..n {
            if square(at(r)) > square(at(largest)) {
                largest = r;
            }
        }
        // The rotation that makes the largest element real and keeps the sign of its real part.
        let (mut c, mut s) = (1.0, 0.0);
        if pair {
            let (a, b) = at(largest);
            let r = a.hypot(b).copysign(a);
            (c, s) = (a / r, b / r);
        }
        for r in 0..n {
            let (a, b) = at(r);
            let (a, b) = ((c * a + s * b) * scale, (c * b - s * a) * scale);
            let b = if r == largest { 0.0 } else { b };
            out[(r, k)] = Complex { re: from(a), im: from(b) };
            if pair {
                out[(r, k + 1)] = Complex { re: from(a), im: from(-b) };
            }
        }
        k += if pair { 2 } else { 1 };
    }
}
