//! What a product does with its elements before it is done: scale, add, clip. Applied by the task that computed them,
//! while they are in its cache.

use super::drive::Mat;
use super::micro::Product;
use crate::simd;

/// `c = alpha * c + beta * add`, then `max(c, 0)` if asked for.
#[derive(Clone, Copy)]
pub struct Epilogue<T> {
    pub alpha: T,
    pub beta: T,
    /// Rows and columns as c; a stride of 0 repeats (a bias has row stride 0).
    pub add: Option<Mat<T>>,
    pub relu: bool,
}

impl<T: Product> Epilogue<T> {
    /// On rows r0..r1 and columns c0..c1; `zero` if there was nothing to sum and c holds anything.
    ///
    /// # Safety
    /// They are in bounds of c and of `add`.
    #[expect(clippy::too_many_arguments, reason = "a part of a matrix takes that many numbers")]
    pub unsafe fn apply(&self, c: *mut T, ldc: usize, r0: usize, r1: usize, c0: usize, c1: usize, zero: bool) {
        if !zero && self.add.is_none() && self.alpha == T::ONE && !self.relu {
            return;
        }
        for i in r0..r1 {
            // SAFETY: row i, from column c0 to c1.
            unsafe {
                let c = c.add(i * ldc + c0);
                if zero {
                    std::ptr::write_bytes(c, 0, c1 - c0);
                }
                let add = self.add.map(|d| (d.p.offset(i as isize * d.rs + c0 as isize * d.cs), d.cs));
                row(c, add, c1 - c0, self.alpha, self.beta, self.relu);
            }
        }
    }
}

simd! {
    /// One row of c; `add` with its step.
    unsafe fn row[T: Product][T](
        c: *mut T, add: Option<(*const T, isize)>, n: usize, alpha: T, beta: T, relu: bool
    ) = row_body;
}

#[inline(always)]
unsafe fn row_body<T: Product>(c: *mut T, add: Option<(*const T, isize)>, n: usize, alpha: T, beta: T, relu: bool) {
    // SAFETY: n elements of both, says the caller.
    unsafe {
        match add {
            None => (0..n).for_each(|j| *c.add(j) = *c.add(j) * alpha),
            Some((d, 1)) => (0..n).for_each(|j| *c.add(j) = *c.add(j) * alpha + *d.add(j) * beta),
            Some((d, step)) => (0..n).for_each(|j| *c.add(j) = *c.add(j) * alpha + *d.offset(j as isize * step) * beta),
        }
        if relu {
            for j in 0..n {
                let v = *c.add(j);
                // NaN stays.
                *c.add(j) = if v < T::ZERO { T::ZERO } else { v };
            }
        }
    }
}
