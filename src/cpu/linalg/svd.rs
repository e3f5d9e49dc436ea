//! Singular values and vectors.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use faer::diag::DiagMut;
use faer::dyn_stack::MemStack;
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::reborrow::ReborrowMut;
use faer::traits::ComplexField;
use faer::{Mat, Par, Spec};

use super::bidiagonal::{self, SMALL};
use super::scale::{Size, at_size, scaled, size as size_of};
use super::{Field, conjugate, copy, count, cube, each, matrix, matrix_mut, scratch, size, vector_mut};
use crate::device::Array;
use crate::error::Result;
use crate::field;

/// What became of a batch: the first matrix that could not be decomposed, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It holds what cannot be decomposed: NaN, or an infinity.
    NotFinite(usize),
    /// The iterations did not converge.
    NoConvergence(usize),
}

/// Keeps the first of several failures.
pub(super) struct First(AtomicUsize);

impl First {
    pub fn new() -> First {
        First(AtomicUsize::new(usize::MAX))
    }
    /// Notes matrix `i`.
    pub fn note(&self, i: usize, finite: bool) {
        self.0.fetch_min(2 * i + finite as usize, Relaxed);
    }
    pub fn found(&self) -> Option<Failure> {
        match self.0.load(Relaxed) {
            usize::MAX => None,
            n if n % 2 == 0 => Some(Failure::NotFinite(n / 2)),
            n => Some(Failure::NoConvergence(n / 2)),
        }
    }
}

/// `s` = the singular values, the largest first; with `vectors` U and V^H, of the shapes given: full, or as many as
/// there are singular values. The signs of a pair of vectors are LAPACK's where there are at most
/// [`SMALL`] values, else arbitrary. Infinities give NaN; NaN is a failure.
pub fn decompose(x: &Array, s: &Array, vectors: Option<(&Array, &Array)>) -> Result<Option<Failure>> {
    let (m, n) = size(x);
    let full = vectors.is_some_and(|(u, vh)| size(u).1 == m && size(vh).0 == n);
    let mode = match (vectors, full) {
        (None, _) => ComputeSvdVectors::No,
        (_, true) => ComputeSvdVectors::Full,
        _ => ComputeSvdVectors::Thin,
    };
    let first = First::new();
    field!(x.dtype, T => {
        let need = svd_scratch::<T>(m, n, mode, mode, Par::Seq, Spec::default());
        drop(scratch(need)?);
        each(count(x), 8 * cube(m, n), &|range| {
            let Ok(mut memory) = scratch(need) else { return first.note(range.start, true) };
            let mut found = vec![T::ZERO; m.min(n)];
            for i in range {
                let a = matrix::<T>(x, i);
                let (mut u, mut v) = match vectors {
                    // SAFETY: each matrix is one thread's.
                    Some((u, vh)) => unsafe {
                        (Some(matrix_mut::<T>(u, i)), Some(matrix_mut::<T>(vh, i).transpose_mut()))
                    },
                    None => (None, None),
                };
                // SAFETY: each vector is one thread's.
                let values = unsafe { vector_mut::<<T as Field>::Part>(s, i) };
                let power = match size_of(a) {
                    Size::Finite(power) => power,
                    Size::Nan => {
                        first.note(i, false);
                        continue;
                    }
                    Size::Infinite => {
                        values.fill(<T as Field>::Part::nan_impl());
                        u.iter_mut().chain(v.iter_mut()).for_each(|t| t.fill(T::nan_impl()));
                        continue;
                    }
                };
                let mut room = Mat::new();
                if full {
                    // faer leaves parts of the further vectors as they are.
                    u.iter_mut().chain(v.iter_mut()).for_each(|t| t.fill(T::ZERO));
                }
                if let (true, Some(u), Some(v)) = (m.min(n) <= SMALL, u.as_mut(), v.as_mut()) {
                    u.fill(T::ZERO);
                    v.fill(T::ZERO);
                    let mut small = Mat::zeros(m, n);
                    copy(small.as_mut(), at_size(a, power, &mut room));
                    if !bidiagonal::decompose(small, values, u.rb_mut(), v.rb_mut()) {
                        first.note(i, true);
                        continue;
                    }
                    conjugate(v.rb_mut());
                    values.iter_mut().for_each(|v| *v = scaled(*v, -power));
                    continue;
                }
                let done = svd(
                    at_size(a, power, &mut room),
                    DiagMut::from_slice_mut(&mut found),
                    u.as_mut().map(|u| u.rb_mut()),
                    v.as_mut().map(|v| v.rb_mut()),
                    Par::Seq,
                    MemStack::new(&mut memory),
                    Spec::default(),
                );
                if done.is_err() {
                    first.note(i, true);
                    continue;
                }
                if let Some(v) = v {
                    conjugate(v);
                }
                values.iter_mut().zip(&found).for_each(|(to, v)| *to = scaled(v.re(), -power));
            }
        });
    });
    Ok(first.found())
}
