//! Eigenvalues and eigenvectors.

use faer::diag::DiagMut;
use faer::dyn_stack::MemStack;
use faer::linalg::evd::{
    ComputeEigenvectors, EvdError, evd_cplx, evd_real, evd_scratch, self_adjoint_evd, self_adjoint_evd_scratch,
};
use faer::reborrow::ReborrowMut;
use faer::traits::ComplexField;
use faer::{Mat, MatMut, MatRef, Par, Spec, c32, c64};

use super::svd::{Failure, First};
use super::{Field, Part, count, cube, each, finite, matrix, matrix_mut, scratch, size, vector_mut};
use crate::core::{Complex, DType};
use crate::device::Array;
use crate::error::Result;
use crate::field;

/// Of symmetric or Hermitian matrices, of which the lower (or `upper`) triangle is read: `values` in ascending order,
/// real, `vectors` as columns. A matrix that is not finite gives NaN.
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
            let mut lower = Mat::<T>::zeros(n, n);
            let mut found = vec![T::ZERO; n];
            for i in range {
                let a = matrix::<T>(x, i);
                for c in 0..n {
                    lower[(c, c)] = T::of(a[(c, c)].re());
                    for r in c + 1..n {
                        lower[(r, c)] = if upper { a[(c, r)].conj() } else { a[(r, c)] };
                    }
                }
                // SAFETY: each vector and matrix is one thread's.
                let (s, v) = unsafe {
                    (vector_mut::<<T as Field>::Part>(values, i), vectors.map(|v| matrix_mut::<T>(v, i)))
                };
                if !finite(lower.as_ref()) {
                    s.fill(<T as Field>::Part::nan_impl());
                    if let Some(mut v) = v {
                        v.fill(T::nan_impl());
                    }
                    continue;
                }
                let (to, stack) = (DiagMut::from_slice_mut(&mut found), MemStack::new(&mut memory));
                if self_adjoint_evd(lower.as_ref(), to, v, Par::Seq, stack, Spec::default()).is_err() {
                    first.note(i, true);
                    continue;
                }
                s.iter_mut().zip(&found).for_each(|(to, v)| *to = v.re());
            }
        });
    });
    Ok(first.found())
}

/// Of any square matrices: `values` complex, `vectors` as columns of length 1 whose largest element is real. Of a real
/// matrix a value with a positive imaginary part comes before its conjugate.
pub fn general(x: &Array, values: &Array, vectors: Option<&Array>) -> Result<Option<Failure>> {
    match x.dtype {
        _ if size(x).0 == 0 => Ok(None),
        DType::F32 => of_real::<f32>(x, values, vectors),
        DType::F64 => of_real::<f64>(x, values, vectors),
        DType::C64 => of_complex::<c32>(x, values, vectors, |a, s, v, stack| {
            evd_cplx(a, s, None, v, Par::Seq, stack, Spec::default())
        }),
        _ => of_complex::<c64>(x, values, vectors, |a, s, v, stack| {
            evd_cplx(a, s, None, v, Par::Seq, stack, Spec::default())
        }),
    }
}

/// faer's decomposition of complex matrices of one type.
type Decompose<T> =
    fn(MatRef<'_, T>, DiagMut<'_, T>, Option<MatMut<'_, T>>, &mut MemStack) -> std::result::Result<(), EvdError>;

fn of_complex<T: Field>(
    x: &Array,
    values: &Array,
    vectors: Option<&Array>,
    decompose: Decompose<T>,
) -> Result<Option<Failure>> {
    let n = size(x).0;
    let mode = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let first = First::new();
    let need = evd_scratch::<T>(n, ComputeEigenvectors::No, mode, Par::Seq, Spec::default());
    drop(scratch(need)?);
    each(count(x), 16 * cube(n, n), &|range| {
        let Ok(mut memory) = scratch(need) else { return first.note(range.start, true) };
        for i in range {
            let a = matrix::<T>(x, i);
            if !finite(a) {
                first.note(i, false);
                continue;
            }
            // SAFETY: each vector and matrix is one thread's.
            let (to, mut v) = unsafe { (vector_mut::<T>(values, i), vectors.map(|v| matrix_mut::<T>(v, i))) };
            let right = v.as_mut().map(|v| v.rb_mut());
            if decompose(a, DiagMut::from_slice_mut(to), right, MemStack::new(&mut memory)).is_err() {
                first.note(i, true);
                continue;
            }
            for mut v in v.into_iter().flat_map(|v| v.col_iter_mut()) {
                let size = |r: usize| v[r].size().to_f64();
                let length = (0..n).map(|r| size(r) * size(r)).sum::<f64>().sqrt();
                let largest = (1..n).fold(0, |best, r| if size(r) > size(best) { r } else { best });
                // The largest element becomes real and positive.
                let size = size(largest);
                let turn = v[largest].conj().scaled(T::Part::from_f64_impl(1.0 / (size * length)));
                for r in 0..n {
                    v[r] = if r == largest { T::from_f64_impl(size / length) } else { v[r] * turn };
                }
            }
        }
    });
    Ok(first.found())
}

fn of_real<T: Part>(x: &Array, values: &Array, vectors: Option<&Array>) -> Result<Option<Failure>> {
    let n = size(x).0;
    let mode = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let first = First::new();
    let need = evd_scratch::<T>(n, ComputeEigenvectors::No, mode, Par::Seq, Spec::default());
    drop(scratch(need)?);
    each(count(x), 16 * cube(n, n), &|range| {
        let Ok(mut memory) = scratch(need) else { return first.note(range.start, true) };
        let (mut re, mut im) = (vec![T::ZERO; n], vec![T::ZERO; n]);
        let mut v = Mat::<T>::zeros(n, if vectors.is_some() { n } else { 0 });
        for i in range {
            let a = matrix::<T>(x, i);
            if !finite(a) {
                first.note(i, false);
                continue;
            }
            let right = vectors.map(|_| v.as_mut());
            let parts = (DiagMut::from_slice_mut(&mut re), DiagMut::from_slice_mut(&mut im));
            let stack = MemStack::new(&mut memory);
            if evd_real(a, parts.0, parts.1, None, right, Par::Seq, stack, Spec::default()).is_err() {
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
                unpack(v.as_ref(), &im, unsafe { matrix_mut::<Complex<T>>(vectors, i) });
            }
        }
    });
    Ok(first.found())
}

/// The eigenvectors `v` of a real matrix, scaled: a pair of complex ones stands in `v` as real and imaginary part in
/// two columns, the first of which has the positive imaginary part `im`.
fn unpack<T: Part>(v: MatRef<'_, T>, im: &[T], mut out: MatMut<'_, Complex<T>>) {
    let (n, from) = (im.len(), T::from_f64_impl);
    let mut k = 0;
    while k < n {
        let pair = im[k] != T::ZERO && k + 1 < n;
        let at = |r: usize| (v[(r, k)].to_f64(), if pair { v[(r, k + 1)].to_f64() } else { 0.0 });
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
