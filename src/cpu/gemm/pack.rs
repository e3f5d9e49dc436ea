//! Copies blocks of a matrix into the order that the micro-kernels read.

use super::micro::Product;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// `d[i * ds + j] = s[i * rs + j * cs]`.
///
/// # Safety
/// Both blocks are in bounds and apart.
pub unsafe fn copy_block<T: Product>(
    s: *const T,
    rs: isize,
    cs: isize,
    d: *mut T,
    ds: usize,
    rows: usize,
    cols: usize,
) {
    // SAFETY: indices below rows and cols.
    unsafe {
        if cs == 1 {
            for i in 0..rows {
                std::ptr::copy_nonoverlapping(s.offset(i as isize * rs), d.add(i * ds), cols);
            }
            return;
        }
        let (mut full_rows, mut full_cols) = (0, 0);
        let side = T::SIDE;
        if rs == 1 && T::can_transpose() {
            (full_rows, full_cols) = (rows / side * side, cols / side * side);
            for j in (0..full_cols).step_by(side) {
                for i in (0..full_rows).step_by(side) {
                    T::transpose(s.offset(i as isize + j as isize * cs), cs, d.add(i * ds + j), ds);
                }
            }
        }
        // The rest, in strips of columns, so that strided reads of one strip share cache lines.
        for jb in (0..cols).step_by(16) {
            for i in 0..rows {
                let from = if i < full_rows { jb.max(full_cols) } else { jb };
                for j in from..(jb + 16).min(cols) {
                    *d.add(i * ds + j) = *s.offset(i as isize * rs + j as isize * cs);
                }
            }
        }
    }
}

/// Packs `k` rows of B into panels of `nr` columns, each `k * nr` elements, the last one filled up with zeros.
///
/// # Safety
/// `b` has `k` rows of `n` columns, `d` room for all panels.
pub unsafe fn panels<T: Product>(b: *const T, rs: isize, cs: isize, k: usize, n: usize, nr: usize, d: *mut T) {
    // SAFETY: as promised.
    unsafe {
        for (panel, j) in (0..n).step_by(nr).enumerate() {
            let d = d.add(panel * nr * k);
            let cols = nr.min(n - j);
            if cols < nr {
                std::ptr::write_bytes(d, 0, nr * k);
            }
            copy_block(b.offset(j as isize * cs), rs, cs, d, nr, k, cols);
        }
    }
}

/// Eight by eight floats: reads rows at `s + i * ss`, writes columns at `d + i * ds`.
///
/// # Safety
/// AVX; 8 elements are valid at each row of both.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
pub unsafe fn transpose8(s: *const f32, ss: isize, d: *mut f32, ds: usize) {
    // SAFETY: says the caller.
    unsafe {
        // No closures over registers: they are not inlined.
        let mut r = [_mm256_setzero_ps(); 8];
        for i in 0..8 {
            r[i] = _mm256_loadu_ps(s.offset(i as isize * ss));
        }
        let (mut lo, mut hi) = ([r[0]; 4], [r[0]; 4]);
        for i in 0..4 {
            lo[i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            hi[i] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        for (i, half) in [lo, hi].into_iter().enumerate() {
            let a0 = _mm256_shuffle_ps::<0x44>(half[0], half[1]);
            let a1 = _mm256_shuffle_ps::<0xee>(half[0], half[1]);
            let b0 = _mm256_shuffle_ps::<0x44>(half[2], half[3]);
            let b1 = _mm256_shuffle_ps::<0xee>(half[2], half[3]);
            let d = d.add(2 * i * ds);
            _mm256_storeu_ps(d, _mm256_permute2f128_ps::<0x20>(a0, b0));
            _mm256_storeu_ps(d.add(ds), _mm256_permute2f128_ps::<0x20>(a1, b1));
            _mm256_storeu_ps(d.add(4 * ds), _mm256_permute2f128_ps::<0x31>(a0, b0));
            _mm256_storeu_ps(d.add(5 * ds), _mm256_permute2f128_ps::<0x31>(a1, b1));
        }
    }
}

/// Four by four doubles, likewise.
///
/// # Safety
/// AVX; 4 elements are valid at each row of both.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
pub unsafe fn transpose4(s: *const f64, ss: isize, d: *mut f64, ds: usize) {
    // SAFETY: says the caller.
    unsafe {
        let mut r = [_mm256_setzero_pd(); 4];
        for i in 0..4 {
            r[i] = _mm256_loadu_pd(s.offset(i as isize * ss));
        }
        let (a0, a1) = (_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpackhi_pd(r[0], r[1]));
        let (b0, b1) = (_mm256_unpacklo_pd(r[2], r[3]), _mm256_unpackhi_pd(r[2], r[3]));
        _mm256_storeu_pd(d, _mm256_permute2f128_pd::<0x20>(a0, b0));
        _mm256_storeu_pd(d.add(ds), _mm256_permute2f128_pd::<0x20>(a1, b1));
        _mm256_storeu_pd(d.add(2 * ds), _mm256_permute2f128_pd::<0x31>(a0, b0));
        _mm256_storeu_pd(d.add(3 * ds), _mm256_permute2f128_pd::<0x31>(a1, b1));
    }
}
