//! Products whose both operands lie along k: few rows times a transposed matrix, a matrix times a vector.
//!
//! Packing the large operand would cost more than the product, so lanes run along k here. Eight lanes of float32 (four of
//! float64) on every instruction set, then a fixed tree: the bits differ from the tiles' in `micro.rs`, which is sound
//! since shapes and strides alone choose between the two.

#[cfg(target_arch = "x86_64")]
use super::vector::x86::{F32x8, F64x4};
use super::vector::{Portable, Vector};
use crate::core::Stored;
use crate::cpu::dispatch::{Level, level};

/// Steps of k between two additions to the result.
const BLOCK: usize = 4096;

/// `c[i * ci + j * cj] = sum over q of a[i * lda + q] * b[j * ldb + q]` for i below m, j below n.
///
/// # Safety
/// All in bounds, c apart from a and b, k above 0, and the processor has the function's instructions.
pub type Dot<T> = unsafe fn(
    m: usize,
    n: usize,
    k: usize,
    a: *const T,
    lda: isize,
    b: *const T,
    ldb: isize,
    c: *mut T,
    ci: usize,
    cj: usize,
);

/// R rows of a times Q rows of b: R * Q registers of sums.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "as `Dot`")]
unsafe fn tile<V: Vector, const R: usize, const Q: usize>(
    k: usize,
    a: *const V::T,
    lda: isize,
    b: *const V::T,
    ldb: isize,
    c: *mut V::T,
    ci: usize,
    cj: usize,
) {
    // SAFETY: the promises of `Dot`.
    unsafe {
        for q0 in (0..k).step_by(BLOCK) {
            let kw = BLOCK.min(k - q0);
            let mut acc = [[V::splat(V::T::ZERO); Q]; R];
            let mut q = 0;
            while q < kw {
                let left = kw - q;
                let mut x = [V::splat(V::T::ZERO); R];
                for i in 0..R {
                    let p = a.offset(i as isize * lda).add(q0 + q);
                    x[i] = if left >= V::N { V::load(p) } else { V::load_n(p, left) };
                }
                for j in 0..Q {
                    let p = b.offset(j as isize * ldb).add(q0 + q);
                    let y = if left >= V::N { V::load(p) } else { V::load_n(p, left) };
                    for i in 0..R {
                        acc[i][j] = x[i].fma(y, acc[i][j]);
                    }
                }
                q += V::N;
            }
            for i in 0..R {
                for j in 0..Q {
                    let mut lanes = [V::T::ZERO; 8];
                    acc[i][j].store(lanes.as_mut_ptr());
                    let mut width = V::N / 2;
                    while width > 0 {
                        for l in 0..width {
                            lanes[l] = lanes[l] + lanes[l + width];
                        }
                        width /= 2;
                    }
                    let p = c.add(i * ci + j * cj);
                    *p = if q0 == 0 { lanes[0] } else { *p + lanes[0] };
                }
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "as `Dot`")]
unsafe fn rows<V: Vector, const R: usize>(
    n: usize,
    k: usize,
    a: *const V::T,
    lda: isize,
    b: *const V::T,
    ldb: isize,
    c: *mut V::T,
    ci: usize,
    cj: usize,
) {
    let mut j = 0;
    // SAFETY: the promises of `Dot`.
    unsafe {
        while j + 4 <= n {
            tile::<V, R, 4>(k, a, lda, b.offset(j as isize * ldb), ldb, c.add(j * cj), ci, cj);
            j += 4;
        }
        while j < n {
            tile::<V, R, 1>(k, a, lda, b.offset(j as isize * ldb), ldb, c.add(j * cj), ci, cj);
            j += 1;
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "as `Dot`")]
unsafe fn all<V: Vector>(
    m: usize,
    n: usize,
    k: usize,
    a: *const V::T,
    lda: isize,
    b: *const V::T,
    ldb: isize,
    c: *mut V::T,
    ci: usize,
    cj: usize,
) {
    // SAFETY: the promises of `Dot`.
    unsafe {
        for i in (0..m).step_by(3) {
            let (a, c) = (a.offset(i as isize * lda), c.add(i * ci));
            match m - i {
                1 => rows::<V, 1>(n, k, a, lda, b, ldb, c, ci, cj),
                2 => rows::<V, 2>(n, k, a, lda, b, ldb, c, ci, cj),
                _ => rows::<V, 3>(n, k, a, lda, b, ldb, c, ci, cj),
            }
        }
    }
}

macro_rules! dots {
    ($portable:ident, $avx2:ident, $choose:ident, $t:ty, $n:literal, $v:ident) => {
        #[expect(clippy::too_many_arguments, reason = "as `Dot`")]
        unsafe fn $portable(
            m: usize,
            n: usize,
            k: usize,
            a: *const $t,
            lda: isize,
            b: *const $t,
            ldb: isize,
            c: *mut $t,
            ci: usize,
            cj: usize,
        ) {
            // SAFETY: the promises of `Dot`.
            unsafe { all::<Portable<$t, $n>>(m, n, k, a, lda, b, ldb, c, ci, cj) }
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        #[expect(clippy::too_many_arguments, reason = "as `Dot`")]
        unsafe fn $avx2(
            m: usize,
            n: usize,
            k: usize,
            a: *const $t,
            lda: isize,
            b: *const $t,
            ldb: isize,
            c: *mut $t,
            ci: usize,
            cj: usize,
        ) {
            // SAFETY: the promises of `Dot`.
            unsafe { all::<$v>(m, n, k, a, lda, b, ldb, c, ci, cj) }
        }

        /// The function for this machine. AVX-512 would need twice the lanes.
        pub fn $choose() -> Dot<$t> {
            match level() {
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 | Level::Avx512 => $avx2,
                _ => $portable,
            }
        }
    };
}
dots!(f32_portable, f32_avx2, f32_dot, f32, 8, F32x8);
dots!(f64_portable, f64_avx2, f64_dot, f64, 4, F64x4);
