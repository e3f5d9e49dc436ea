//! Stores that go past the cache, for results too large to stay in it: they save reading the lines that are about to be
//! overwritten. Measured to pay from 12 MB up.

#[cfg(target_arch = "x86_64")]
use crate::cpu::dispatch::{Level, level};

const LARGE: usize = 12 << 20;

/// Whether `bytes` at `to` are written faster past the cache.
#[inline]
pub fn pays(bytes: usize, to: *const u8) -> bool {
    #[cfg(target_arch = "x86_64")]
    return bytes >= LARGE && (to as usize).is_multiple_of(32) && level() >= Level::Avx2;
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (bytes, to);
        false
    }
}

/// Copies `bytes` from `from` to `to`, which [`pays`] accepted. [`fence`] before another thread may read.
///
/// # Safety
/// Both are good for `bytes` and do not overlap; `to` is aligned to 32.
#[inline]
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise; `pays` has seen AVX2.
    unsafe {
        copy_avx2(from, to, bytes)
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: the caller's promise.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, bytes)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn copy_avx2(from: *const u8, to: *mut u8, bytes: usize) {
    use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_stream_si256};
    let whole = bytes / 32 * 32;
    // SAFETY: inside `bytes`, and `to` is aligned, says the caller.
    unsafe {
        for i in (0..whole).step_by(32) {
            let v = _mm256_loadu_si256(from.add(i).cast::<__m256i>());
            _mm256_stream_si256(to.add(i).cast::<__m256i>(), v);
        }
        std::ptr::copy_nonoverlapping(from.add(whole), to.add(whole), bytes - whole);
    }
}

/// Orders streamed stores before what follows.
#[inline]
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    }
}

/// Copies a run. The C library's copy of some kilobytes is ten times slower where the target lies a few bytes behind the
/// source modulo 4096, as the rows of a shifted matrix do: processors then take each load for one of the store before.
///
/// # Safety
/// Both are good for `bytes` and do not overlap.
#[inline(always)]
pub unsafe fn copy_run(x: *const u8, y: *mut u8, bytes: usize) {
    const BLOCK: usize = 128;
    let gap = (y as usize).wrapping_sub(x as usize) % 4096;
    // SAFETY: both are good for so many bytes and do not overlap, says the caller; blocks lie inside.
    unsafe {
        if gap == 0 || gap >= 64 || bytes < 8 * BLOCK {
            return std::ptr::copy_nonoverlapping(x, y, bytes);
        }
        let whole = bytes / BLOCK * BLOCK;
        for i in (0..whole).step_by(BLOCK) {
            let block = x.add(i).cast::<[u64; BLOCK / 8]>().read_unaligned();
            y.add(i).cast::<[u64; BLOCK / 8]>().write_unaligned(block);
        }
        std::ptr::copy_nonoverlapping(x.add(whole), y.add(whole), bytes - whole);
    }
}
