//! Eigenvalues and eigenvectors.

use faer::diag::DiagMut;
use faer::dyn_stack::MemStack;
use faer::linalg::evd::{
    ComputeEigenvectors, EvdError, evd_cplx, evd_real, evd_scratch, self_adjoint_evd, self_adjoint_evd_scratch,
};
use faer::reborrow::ReborrowMut;
use faer::traits::ComplexField;
use faer::{Mat, MatMut, MatRef, Par, Spec, c32, c64};

use super::scale::{Size, at_size, scale, scaled, size as size_of};
use super::svd::{Failure, First};
use super::tridiagonal::{self, MOST};
use super::{Field, Part, count, cube, each, matrix, matrix_mut, scratch, size, vector_mut};
use crate::core::{Complex, DType};
use crate::device::Array;
use crate::error::Result;
use crate::field;

/// Of symmetric or Hermitian matrices, of which the lower (or `upper`) triangle is read: `values` in ascending order,
/// real, `vectors` as columns, with LAPACK's signs up to [`MOST`] rows. A matrix that is not finite gives NaN.
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
                let Size::Finite(power) = size_of(lower.as_ref()) else {
                    s.fill(<T as Field>::Part::nan_impl());
                    if let Some(mut v) = v {
                        v.fill(T::nan_impl());
                    }
                    continue;
                };
                scale(lower.as_mut(), power);
                if n <= MOST && let Some(v) = v {
                    if !tridiagonal::decompose(std::mem::replace(&mut lower, Mat::zeros(n, n)), s, v, upper) {
                        first.note(i, true);
                        continue;
                    }
                    s.iter_mut().for_each(|v| *v = scaled(*v, -power));
                    continue;
                }
                let (to, stack) = (DiagMut::from_slice_mut(&mut found), MemStack::new(&mut memory));
                if self_adjoint_evd(lower.as_ref(), to, v, Par::Seq, stack, Spec::default()).is_err() {
                    first.note(i, true);
                    continue;
                }
                s.iter_mut().zip(&found).for_each(|(to, v)| *to = scaled(v.re(), -power));
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

/// Calls `one` for each matrix, with its number, the matrix at an ordinary size, the power of two that made it so, what
/// `start` made for the thread, and memory for faer. It gives whether the iterations converged.
fn each_general<T: Field, S>(
    x: &Array,
    vectors: bool,
    start: impl Fn(usize) -> S + Sync,
    one: impl Fn(usize, MatRef<'_, T>, i32, &mut S, &mut MemStack) -> bool + Sync,
) -> Result<Option<Failure>> {
    let n = size(x).0;
    let mode = if vectors { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let first = First::new();
    let need = evd_scratch::<T>(n, ComputeEigenvectors::No, mode, Par::Seq, Spec::default());
    drop(scratch(need)?);
    each(count(x), 16 * cube(n, n), &|range| {
        let Ok(mut memory) = scratch(need) else { return first.note(range.start, true) };
        let mut state = start(n);
        for i in range {
            let a = matrix::<T>(x, i);
            let Size::Finite(power) = size_of(a) else {
                first.note(i, false);
                continue;
            };
            let mut room = Mat::new();
            if !one(i, at_size(a, power, &mut room), power, &mut state, MemStack::new(&mut memory)) {
                first.note(i, true);
            }
        }
    });
    Ok(first.found())
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
    each_general::<T, ()>(
        x,
        vectors.is_some(),
        |_| (),
        |i, a, power, _, stack| {
            // SAFETY: each vector and matrix is one thread's.
            let (to, mut v) = unsafe { (vector_mut::<T>(values, i), vectors.map(|v| matrix_mut::<T>(v, i))) };
            if decompose(a, DiagMut::from_slice_mut(to), v.as_mut().map(|v| v.rb_mut()), stack).is_err() {
                return false;
            }
            to.iter_mut().for_each(|v| *v = scaled(*v, -power));
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
            true
        },
    )
}

fn of_real<T: Part>(x: &Array, values: &Array, vectors: Option<&Array>) -> Result<Option<Failure>> {
    let start =
        |n: usize| (vec![T::ZERO; n], vec![T::ZERO; n], Mat::<T>::zeros(n, if vectors.is_some() { n } else { 0 }));
    each_general::<T, _>(x, vectors.is_some(), start, |i, a, power, (re, im, v), stack| {
        let right = vectors.map(|_| v.as_mut());
        let parts = (DiagMut::from_slice_mut(re), DiagMut::from_slice_mut(im));
        if evd_real(a, parts.0, parts.1, None, right, Par::Seq, stack, Spec::default()).is_err() {
            return false;
        }
        // SAFETY: each vector is one thread's.
        let to = unsafe { vector_mut::<Complex<T>>(values, i) };
        for (to, (&re, &im)) in to.iter_mut().zip(re.iter().zip(im.iter())) {
            *to = Complex { re: scaled(re, -power), im: scaled(im, -power) };
        }
        if let Some(vectors) = vectors {
            // SAFETY: each matrix is one thread's.
            unpack(v.as_ref(), im, unsafe { matrix_mut::<Complex<T>>(vectors, i) });
        }
        true
    })
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
