//! Micro-kernels: a tile of C, a few rows by a few registers, held in registers over one block of k.
//!
//! Each element of C has one accumulator, k ascends, and each step is one fused multiply-add: so a tile's shape, the
//! instruction set and the number of threads do not show in the result.

use super::dot::Dot;
#[cfg(target_arch = "x86_64")]
use super::vector::x86::{F32x8, F32x16, F64x4, F64x8};
use super::vector::{Portable, Vector};
use crate::core::Stored;
use crate::cpu::dispatch::{Level, level};
use crate::cpu::real::Real;

/// Steps of k that one call of a kernel takes at most. Part of the result: C is the sum of such partial sums, in order.
pub const KC: usize = 256;
/// The stride of packed rows of A. A constant makes the rows displacements of one pointer, and an odd number of cache
/// lines keeps them in different sets.
pub const AS: usize = KC + 16;

/// `c[i][j] (+)= sum over k of a[i * rs + k * cs] * b[k * ldb + j]` for the kernel's rows and the first `n` columns;
/// `first` overwrites what is in c.
///
/// # Safety
/// All of it is in bounds, and the processor has the kernel's instructions. Without `edge`, `n` is the full width, or b
/// holds that many columns (of any value).
pub type Kernel<T> = unsafe fn(
    k: usize,
    a: *const T,
    rs: isize,
    cs: isize,
    b: *const T,
    ldb: usize,
    c: *mut T,
    ldc: usize,
    n: usize,
    first: bool,
);

/// The kernels of one type at one level, by their number of rows less one.
pub struct Kernels<T: 'static> {
    /// Most rows, and columns, of a tile.
    pub mr: usize,
    pub nr: usize,
    /// A packed in rows of stride [`AS`]; b has `nr` columns.
    pub packed: &'static [Kernel<T>],
    /// A as it lies; b has `nr` columns.
    pub strided: &'static [Kernel<T>],
    /// A as it lies; b has `n` columns.
    pub edge: &'static [Kernel<T>],
    /// For few rows: wider tiles, so that there are enough sums to hide the latency of one. A as it lies.
    pub wide: &'static [(Kernel<T>, usize)],
}

/// The sums of a tile. With `EDGE` b has `n` columns only.
#[inline(always)]
unsafe fn products<V: Vector, const MR: usize, const NV: usize, const EDGE: bool>(
    k: usize,
    mut a: *const V::T,
    rs: isize,
    cs: isize,
    mut b: *const V::T,
    ldb: usize,
    n: usize,
) -> [[V; NV]; MR] {
    // SAFETY: the promises of `Kernel`; the pointers past the last step are not read.
    unsafe {
        let mut acc = [[V::splat(V::T::ZERO); NV]; MR];
        for _ in 0..k {
            // No closure here: one that takes or returns registers is not inlined.
            let mut bv = [V::splat(V::T::ZERO); NV];
            for v in 0..NV {
                let p = b.wrapping_add(v * V::N);
                bv[v] = if EDGE { V::load_n(p, n.saturating_sub(v * V::N)) } else { V::load(p) };
            }
            for i in 0..MR {
                let x = V::splat(*a.offset(i as isize * rs));
                for v in 0..NV {
                    acc[i][v] = x.fma(bv[v], acc[i][v]);
                }
            }
            a = a.wrapping_offset(cs);
            b = b.wrapping_add(ldb);
        }
        acc
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of every kernel")]
unsafe fn tile<V: Vector, const MR: usize, const NV: usize, const PACKED: bool, const EDGE: bool>(
    k: usize,
    a: *const V::T,
    rs: isize,
    cs: isize,
    b: *const V::T,
    ldb: usize,
    c: *mut V::T,
    ldc: usize,
    n: usize,
    first: bool,
) {
    let (rs, cs) = if PACKED { (AS as isize, 1) } else { (rs, cs) };
    let full = n >= NV * V::N;
    // SAFETY: the promises of `Kernel`.
    unsafe {
        for i in 0..MR {
            V::prefetch(c.wrapping_add(i * ldc));
            V::prefetch(c.wrapping_add(i * ldc + NV * V::N - 1));
        }
        let acc = if EDGE && !full {
            products::<V, MR, NV, true>(k, a, rs, cs, b, ldb, n)
        } else {
            products::<V, MR, NV, false>(k, a, rs, cs, b, ldb, n)
        };
        for i in 0..MR {
            for v in 0..NV {
                let p = c.wrapping_add(i * ldc + v * V::N);
                let mut x = acc[i][v];
                if full {
                    if !first {
                        x = V::load(p).add(x);
                    }
                    x.store(p);
                } else {
                    let n = n.saturating_sub(v * V::N);
                    if !first {
                        x = V::load_n(p, n).add(x);
                    }
                    x.store_n(p, n);
                }
            }
        }
    }
}

/// Compiles the kernels of one level and lists them.
macro_rules! kernels {
    ($name:ident, $t:ty, $v:ty, $nv:literal, $mr:literal, [$($m:literal)*], [$(($wm:literal, $wv:literal))*]
     $(, $feature:literal)?) => {
        mod $name {
            use super::*;
            $(#[target_feature(enable = $feature)])?
            #[expect(clippy::too_many_arguments, reason = "the signature of every kernel")]
            unsafe fn run<const MR: usize, const NV: usize, const PACKED: bool, const EDGE: bool>(
                k: usize, a: *const $t, rs: isize, cs: isize, b: *const $t, ldb: usize, c: *mut $t, ldc: usize,
                n: usize, first: bool,
            ) {
                // SAFETY: the caller's promises are the kernel's.
                unsafe { tile::<$v, MR, NV, PACKED, EDGE>(k, a, rs, cs, b, ldb, c, ldc, n, first) }
            }
            pub static KERNELS: Kernels<$t> = Kernels {
                mr: $mr,
                nr: $nv * <$v as Vector>::N,
                packed: &[$(run::<$m, $nv, true, false>),*],
                strided: &[$(run::<$m, $nv, false, false>),*],
                edge: &[$(run::<$m, $nv, false, true>),*],
                wide: &[$((run::<$wm, $wv, false, true>, $wv * <$v as Vector>::N)),*],
            };
        }
    };
}

kernels!(f32_portable, f32, Portable<f32, 8>, 2, 4, [1 2 3 4], [(1, 2)]);
kernels!(f64_portable, f64, Portable<f64, 4>, 2, 4, [1 2 3 4], [(1, 2)]);
#[cfg(target_arch = "x86_64")]
kernels!(f32_avx2, f32, F32x8, 2, 6, [1 2 3 4 5 6], [(1, 8) (2, 4) (3, 4) (4, 3)], "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(f64_avx2, f64, F64x4, 2, 6, [1 2 3 4 5 6], [(1, 8) (2, 4) (3, 4) (4, 3)], "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(
    f32_avx512, f32, F32x16, 2, 14, [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    [(1, 8) (2, 8) (3, 8) (4, 6) (5, 4) (6, 4)], "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"
);
#[cfg(target_arch = "x86_64")]
kernels!(
    f64_avx512, f64, F64x8, 2, 14, [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    [(1, 8) (2, 8) (3, 8) (4, 6) (5, 4) (6, 4)], "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"
);

/// A real lane that has kernels for products.
pub trait Product: Real {
    /// The side of the square that `transpose` takes.
    const SIDE: usize;
    fn kernels() -> &'static Kernels<Self>;
    fn dot() -> Dot<Self>;
    fn can_transpose() -> bool;
    /// Writes the columns of the square at `s` as the rows of the one at `d`.
    ///
    /// # Safety
    /// Both are in bounds, and `can_transpose` said yes.
    unsafe fn transpose(s: *const Self, ss: isize, d: *mut Self, ds: usize);
}

macro_rules! real {
    ($t:ty, $side:literal, $transpose:ident, $dot:ident, $portable:ident, $avx2:ident, $avx512:ident) => {
        impl Product for $t {
            const SIDE: usize = $side;
            #[inline]
            fn kernels() -> &'static Kernels<$t> {
                match level() {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => &$avx512::KERNELS,
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => &$avx2::KERNELS,
                    _ => &$portable::KERNELS,
                }
            }
            #[inline]
            fn dot() -> Dot<$t> {
                super::dot::$dot()
            }
            #[inline]
            fn can_transpose() -> bool {
                level() >= Level::Avx2
            }
            #[inline]
            unsafe fn transpose(s: *const $t, ss: isize, d: *mut $t, ds: usize) {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: says the caller.
                unsafe {
                    super::pack::$transpose(s, ss, d, ds)
                }
                #[cfg(not(target_arch = "x86_64"))]
                // SAFETY: says the caller.
                unsafe {
                    for i in 0..$side {
                        for j in 0..$side {
                            *d.add(i * ds + j) = *s.offset(j as isize * ss + i as isize);
                        }
                    }
                }
            }
        }
    };
}
real!(f32, 8, transpose8, f32_dot, f32_portable, f32_avx2, f32_avx512);
real!(f64, 4, transpose4, f64_dot, f64_portable, f64_avx2, f64_avx512);
