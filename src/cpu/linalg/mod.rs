//! Factorizations of batches of matrices. An array's last two dims are a matrix, those before are the batch; any
//! strides are read and written. Each matrix is one thread's work, and a batch is shared among threads.
//!
//! Products, triangular systems, Cholesky, singular values and eigenvalues are faer's. LU and QR are ours (`lu.rs`,
//! `qr.rs`), made of faer's products, since PyTorch's users expect LAPACK's answers for singular matrices, where
//! faer's stop or reorder. So are eigenvectors and singular vectors of small matrices (`tridiagonal.rs`,
//! `bidiagonal.rs`), whose signs, and choice where values are equal, users see printed.

mod bidiagonal;
pub mod cholesky;
pub mod eigen;
pub mod ldl;
pub mod lu;
pub mod qr;
mod rotations;
pub mod scale;
pub mod svd;
pub mod triangular;
mod tridiagonal;

use std::ops::Range;

use faer::dyn_stack::{MemBuffer, StackReq};
use faer::reborrow::ReborrowMut;
use faer::traits::{ComplexField, RealField};
use faer::{MatMut, MatRef, c32, c64};

use super::threads;
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// Runs `$body` with `$t` bound to faer's type for `$dtype`: float32, float64, complex64 or complex128. Ops refuse
/// other dtypes before.
#[macro_export]
macro_rules! field {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::core::DType::F32 => {
                type $t = f32;
                $body
            }
            $crate::core::DType::F64 => {
                type $t = f64;
                $body
            }
            $crate::core::DType::C64 => {
                type $t = faer::c32;
                $body
            }
            $crate::core::DType::C128 => {
                type $t = faer::c64;
                $body
            }
            other => unreachable!("{} in a factorization", other.name()),
        }
    };
}

/// Numbers of a field whose matrices are factorized. faer's complex numbers lie in memory as ours do.
pub trait Field: ComplexField + Copy + Send + Sync + 'static {
    /// The type of real and imaginary parts, and of sizes.
    type Part: Part;
    const ZERO: Self;
    const ONE: Self;

    fn re(self) -> Self::Part;
    fn im(self) -> Self::Part;
    fn of(re: Self::Part) -> Self;
    fn scaled(self, by: Self::Part) -> Self;
    fn size(self) -> Self::Part;
    /// The sum of the sizes of both parts.
    fn taxicab(self) -> Self::Part;

    #[inline]
    fn conj(self) -> Self {
        Self::conj_impl(&self)
    }
    #[inline]
    fn recip(self) -> Self {
        Self::recip_impl(&self)
    }
}

/// Real numbers of such a field.
pub trait Part: Field<Part = Self> + RealField + std::ops::Div<Output = Self> {
    /// Half the distance from 1 to the next number.
    const ROUNDOFF: Self;
    /// The least number of full precision.
    const LEAST: Self;

    fn natural_log(self) -> Self;
    fn to_f64(self) -> f64;
    fn root(self) -> Self;
    fn hypot(self, other: Self) -> Self;
    fn copysign(self, sign: Self) -> Self;
}

macro_rules! fields {
    ($($t:ty, $part:ty: $zero:expr, $one:expr;)*) => { $(
        impl Field for $t {
            type Part = $part;
            const ZERO: Self = $zero;
            const ONE: Self = $one;

            #[inline]
            fn re(self) -> $part {
                Self::real_part_impl(&self)
            }
            #[inline]
            fn im(self) -> $part {
                Self::imag_part_impl(&self)
            }
            #[inline]
            fn of(re: $part) -> Self {
                Self::from_real_impl(&re)
            }
            #[inline]
            fn scaled(self, by: $part) -> Self {
                Self::mul_real_impl(&self, &by)
            }
            #[inline]
            fn size(self) -> $part {
                Self::abs_impl(&self)
            }
            #[inline]
            fn taxicab(self) -> $part {
                Self::abs1_impl(&self)
            }
        }
    )* };
}
fields! {
    f32, f32: 0.0, 1.0;
    f64, f64: 0.0, 1.0;
    c32, f32: c32 { re: 0.0, im: 0.0 }, c32 { re: 1.0, im: 0.0 };
    c64, f64: c64 { re: 0.0, im: 0.0 }, c64 { re: 1.0, im: 0.0 };
}

macro_rules! parts {
    ($($t:ty)*) => { $(
        impl Part for $t {
            const ROUNDOFF: $t = <$t>::EPSILON / 2.0;
            const LEAST: $t = <$t>::MIN_POSITIVE;

            #[inline]
            fn natural_log(self) -> Self {
                self.ln()
            }
            #[inline]
            fn to_f64(self) -> f64 {
                self.into()
            }
            #[inline]
            fn root(self) -> Self {
                self.sqrt()
            }
            #[inline]
            fn hypot(self, other: Self) -> Self {
                <$t>::hypot(self, other)
            }
            #[inline]
            fn copysign(self, sign: Self) -> Self {
                <$t>::copysign(self, sign)
            }
        }
    )* };
}
parts! { f32 f64 }

/// Operations that pay for handing a matrix to another thread.
const GRAIN: usize = 1 << 16;

/// How many matrices an array holds.
pub fn count(x: &Array) -> usize {
    x.shape()[..x.ndim() - 2].iter().product()
}

/// Rows and columns.
pub fn size(x: &Array) -> (usize, usize) {
    (x.shape()[x.ndim() - 2], x.shape()[x.ndim() - 1])
}

/// Where entry `i` of the first `dims` dims begins, in elements.
fn offset(x: &Array, dims: usize, mut i: usize) -> isize {
    let mut at = 0;
    for d in (0..dims).rev() {
        let n = x.shape()[d];
        at += (i % n) as isize * x.strides()[d];
        i /= n;
    }
    at
}

/// Matrix `i` of an array whose dtype is that of `T`.
pub fn matrix<T: Field>(x: &Array, i: usize) -> MatRef<'_, T> {
    let n = x.ndim();
    let at = x.bytes_ptr().cast::<T>().wrapping_offset(offset(x, n - 2, i));
    // SAFETY: the layout covers every index inside the shape, and nobody writes to an op's inputs while it runs.
    unsafe { MatRef::from_raw_parts(at, x.shape()[n - 2], x.shape()[n - 1], x.strides()[n - 2], x.strides()[n - 1]) }
}

/// Matrix `i` of an array that is being written.
///
/// # Safety
/// No other view of this matrix is alive.
pub unsafe fn matrix_mut<'a, T>(x: &Array, i: usize) -> MatMut<'a, T> {
    let n = x.ndim();
    let at = x.bytes_ptr().cast::<T>().wrapping_offset(offset(x, n - 2, i));
    // SAFETY: the layout covers every index inside the shape; the caller has the only view.
    unsafe {
        MatMut::from_raw_parts_mut(at, x.shape()[n - 2], x.shape()[n - 1], x.strides()[n - 2], x.strides()[n - 1])
    }
}

/// Vector `i` of an array whose last dim is a contiguous vector: its results that are no matrices.
///
/// # Safety
/// No other view of this vector is alive.
pub unsafe fn vector_mut<'a, T>(x: &Array, i: usize) -> &'a mut [T] {
    let n = x.ndim();
    debug_assert!(x.shape()[n - 1] < 2 || x.strides()[n - 1] == 1);
    let at = x.bytes_ptr().cast::<T>().wrapping_offset(offset(x, n - 1, i));
    // SAFETY: the last dim is contiguous and covered by the layout; the caller has the only view.
    unsafe { std::slice::from_raw_parts_mut(at, x.shape()[n - 1]) }
}

/// A copy of vector `i` of an array.
pub fn vector<T: Copy>(x: &Array, i: usize) -> Vec<T> {
    let n = x.ndim();
    let at = x.bytes_ptr().cast::<T>().wrapping_offset(offset(x, n - 1, i));
    // SAFETY: the layout covers every index inside the shape.
    (0..x.shape()[n - 1]).map(|k| unsafe { at.wrapping_offset(k as isize * x.strides()[n - 1]).read() }).collect()
}

/// Writes element `i`, counted in order of indices.
///
/// # Safety
/// Nobody else reads or writes this element meanwhile.
pub unsafe fn put<T>(x: &Array, i: usize, value: T) {
    let at = x.bytes_ptr().cast::<T>().wrapping_offset(offset(x, x.ndim(), i));
    // SAFETY: the layout covers every index inside the shape.
    unsafe { at.write(value) };
}

/// Runs `f` over the matrices of a batch, of about `work` operations each, on several threads where that pays.
pub fn each(batch: usize, work: usize, f: &(dyn Fn(Range<usize>) + Sync)) {
    if batch > 0 {
        threads::split(batch, GRAIN / work.clamp(1, GRAIN), f);
    }
}

/// Scratch memory for one of faer's algorithms.
pub fn scratch(need: StackReq) -> Result<MemBuffer> {
    MemBuffer::try_new(need)
        .map_err(|_| err!(OutOfMemory, "linalg: no memory for {} bytes of scratch", need.size_bytes()))
}

/// `to = from`. Rows become columns tile by tile, so that what is read together lies in the cache.
pub fn copy<T: Field>(mut to: MatMut<'_, T>, from: MatRef<'_, T>) {
    const TILE: usize = 32;
    if from.col_stride() != 1 || to.row_stride() != 1 {
        return to.copy_from(from);
    }
    for c in (0..from.ncols()).step_by(TILE) {
        for r in (0..from.nrows()).step_by(TILE) {
            let (height, width) = (TILE.min(from.nrows() - r), TILE.min(from.ncols() - c));
            let part = from.submatrix(r, c, height, width);
            let mut place = to.rb_mut().submatrix_mut(r, c, height, width);
            for c in 0..width {
                for r in 0..height {
                    place[(r, c)] = part[(r, c)];
                }
            }
        }
    }
}

/// `n^3`-like work of a matrix, without overflow.
pub fn cube(rows: usize, cols: usize) -> usize {
    rows.saturating_mul(cols).saturating_mul(rows.min(cols)).max(1)
}

/// Replaces complex numbers by their conjugates.
pub fn conjugate<T: Field>(mut x: MatMut<'_, T>) {
    if !T::IS_REAL {
        for c in 0..x.ncols() {
            for r in 0..x.nrows() {
                x[(r, c)] = x[(r, c)].conj();
            }
        }
    }
}

/// The identity, of any shape.
pub fn identity<T: Field>(mut x: MatMut<'_, T>) {
    for c in 0..x.ncols() {
        for r in 0..x.nrows() {
            x[(r, c)] = if r == c { T::ONE } else { T::ZERO };
        }
    }
}
