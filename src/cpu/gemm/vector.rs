//! The registers that the micro-kernels are written in: AVX-512, AVX2, or arrays that any compiler understands.
//!
//! Only operations with one correct result are here (fused multiply-add, add), so that every kind of register gives
//! the same bits.

use crate::cpu::real::Real;

/// A register of `N` elements.
///
/// # Safety
/// Every function needs the instruction set of its type; pointers are valid for `N` elements, or for the first
/// `n` (from 0 up, more than `N` counts as `N`) where `n` is given.
pub trait Vector: Copy {
    type T: Real;
    const N: usize;
    unsafe fn splat(x: Self::T) -> Self;
    unsafe fn load(p: *const Self::T) -> Self;
    /// The first `n` elements, then zeros.
    unsafe fn load_n(p: *const Self::T, n: usize) -> Self;
    unsafe fn store(self, p: *mut Self::T);
    unsafe fn store_n(self, p: *mut Self::T, n: usize);
    /// `self * y + z`, rounded once.
    unsafe fn fma(self, y: Self, z: Self) -> Self;
    unsafe fn add(self, y: Self) -> Self;
    /// Asks for the cache line at `p`, which need not be valid.
    #[inline(always)]
    unsafe fn prefetch(_p: *const Self::T) {}
}

/// `N` elements in whatever the target has.
#[derive(Clone, Copy)]
pub struct Portable<T, const N: usize>([T; N]);

impl<T: Real, const N: usize> Vector for Portable<T, N> {
    type T = T;
    const N: usize = N;
    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Portable([x; N])
    }
    #[inline(always)]
    unsafe fn load(p: *const T) -> Self {
        // SAFETY: N elements, says the caller.
        Portable(unsafe { p.cast::<[T; N]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_n(p: *const T, n: usize) -> Self {
        // SAFETY: `n` elements, says the caller.
        Portable(std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { T::ZERO }))
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut T) {
        // SAFETY: as in `load`.
        unsafe { p.cast::<[T; N]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn store_n(self, p: *mut T, n: usize) {
        for (i, &v) in self.0.iter().enumerate().take(n) {
            // SAFETY: as in `load_n`.
            unsafe { *p.add(i) = v }
        }
    }
    #[inline(always)]
    unsafe fn fma(self, y: Self, z: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i].fma(y.0[i], z.0[i])))
    }
    #[inline(always)]
    unsafe fn add(self, y: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i] + y.0[i]))
    }
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    /// Ones, then zeros: eight words from `8 - n` on are a mask of the first `n`.
    static WORDS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    static LONGS: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

    #[inline(always)]
    unsafe fn words(n: usize) -> __m256i {
        // SAFETY: from 8 - n, at least 0, eight words exist.
        unsafe { _mm256_loadu_si256(WORDS.as_ptr().add(8 - n.min(8)).cast()) }
    }
    #[inline(always)]
    unsafe fn longs(n: usize) -> __m256i {
        // SAFETY: from 4 - n, at least 0, four words exist.
        unsafe { _mm256_loadu_si256(LONGS.as_ptr().add(4 - n.min(4)).cast()) }
    }
    #[inline(always)]
    fn bits(n: usize) -> u16 {
        if n >= 16 { u16::MAX } else { (1 << n) - 1 }
    }

    macro_rules! register {
        ($name:ident, $t:ty, $n:literal, $reg:ty, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident,
         |$lp:ident, $ln:ident| $load_n:expr, |$sv:ident, $sp:ident, $sn:ident| $store_n:expr) => {
            #[derive(Clone, Copy)]
            pub struct $name($reg);
            impl Vector for $name {
                type T = $t;
                const N: usize = $n;
                #[inline(always)]
                unsafe fn splat(x: $t) -> Self {
                    // SAFETY: the caller has the instructions and valid pointers, here and below.
                    unsafe { $name($splat(x)) }
                }
                #[inline(always)]
                unsafe fn load(p: *const $t) -> Self {
                    // SAFETY: as above.
                    unsafe { $name($load(p)) }
                }
                #[inline(always)]
                unsafe fn load_n($lp: *const $t, $ln: usize) -> Self {
                    // SAFETY: as above.
                    unsafe { $name($load_n) }
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut $t) {
                    // SAFETY: as above.
                    unsafe { $store(p, self.0) }
                }
                #[inline(always)]
                unsafe fn store_n(self, $sp: *mut $t, $sn: usize) {
                    let $sv = self.0;
                    // SAFETY: as above.
                    unsafe { $store_n }
                }
                #[inline(always)]
                unsafe fn fma(self, y: Self, z: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $name($fma(self.0, y.0, z.0)) }
                }
                #[inline(always)]
                unsafe fn add(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $name($add(self.0, y.0)) }
                }
                #[inline(always)]
                unsafe fn prefetch(p: *const $t) {
                    // SAFETY: reads nothing.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
                }
            }
        };
    }

    register!(
        F32x8,
        f32,
        8,
        __m256,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        |p, n| _mm256_maskload_ps(p, words(n)),
        |v, p, n| _mm256_maskstore_ps(p, words(n), v)
    );
    register!(
        F64x4,
        f64,
        4,
        __m256d,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd,
        |p, n| _mm256_maskload_pd(p, longs(n)),
        |v, p, n| _mm256_maskstore_pd(p, longs(n), v)
    );
    register!(
        F32x16,
        f32,
        16,
        __m512,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        |p, n| _mm512_maskz_loadu_ps(bits(n), p),
        |v, p, n| _mm512_mask_storeu_ps(p, bits(n), v)
    );
    register!(
        F64x8,
        f64,
        8,
        __m512d,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd,
        _mm512_add_pd,
        |p, n| _mm512_maskz_loadu_pd(bits(n) as u8, p),
        |v, p, n| _mm512_mask_storeu_pd(p, bits(n) as u8, v)
    );
}
