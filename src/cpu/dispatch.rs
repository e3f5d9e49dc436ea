//! Which instruction set the kernels use, chosen once per process.
//!
//! A kernel is one `#[inline(always)]` generic body; [`simd!`](crate::simd) compiles it once per level and calls the
//! level of this machine. Results must not depend on the level: write `mul_add` where a fused product is meant,
//! nothing else is ever fused, and sum over a fixed number of virtual lanes.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Levels of instruction sets; a higher one has all of a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// What the compiler may assume without asking.
    Portable = 1,
    /// AVX2, FMA and F16C.
    Avx2 = 2,
    /// AVX-512 F, BW, DQ and VL as well.
    Avx512 = 3,
}

static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The level that kernels use. `RUSTGRAD_CPU=portable|avx2|avx512` may lower it.
#[inline(always)]
pub fn level() -> Level {
    match LEVEL.load(Relaxed) {
        1 => Level::Portable,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => choose(),
    }
}

/// Sets the level, never above what the processor has; returns what is now used. For tests: results are the same.
pub fn set_level(level: Level) -> Level {
    let level = level.min(detect());
    LEVEL.store(level as u8, Relaxed);
    level
}

#[cold]
fn choose() -> Level {
    let wish = match std::env::var("RUSTGRAD_CPU").as_deref() {
        Ok("portable") => Level::Portable,
        Ok("avx2") => Level::Avx2,
        _ => Level::Avx512,
    };
    set_level(wish)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    macro_rules! all { ($($f:tt)*) => { true $(&& std::arch::is_x86_feature_detected!($f))* } }
    if !all!("avx2" "fma" "f16c") {
        Level::Portable
    } else if all!("avx512f" "avx512bw" "avx512dq" "avx512vl") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Portable
}

/// Declares functions that run an `#[inline(always)]` body compiled for each [`Level`].
///
/// ```ignore
/// simd! {
///     /// y = x + x.
///     pub unsafe fn double[T: Element][T](x: *const T, y: *mut T, n: usize) = double_body;
/// }
/// #[inline(always)]
/// unsafe fn double_body<T: Element>(x: *const T, y: *mut T, n: usize) { .. }
/// ```
/// The two brackets, the generics and their names, may be left out; so may the result. What the body calls must
/// be `#[inline(always)]` too, or it is compiled without the instructions. The call costs a load and a branch and
/// is not inlined: give it a row or a tile, not an element.
#[macro_export]
macro_rules! simd {
    ($($(#[$doc:meta])* $vis:vis unsafe fn $name:ident $([$($gen:tt)*] [$($arg:tt)*])?
        ($($p:ident: $pt:ty),* $(,)?) $(-> $ret:ty)? = $body:ident;)*) => { $(
        $(#[$doc])*
        #[inline]
        $vis unsafe fn $name $(<$($gen)*>)? ($($p: $pt),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
            unsafe fn avx512 $(<$($gen)*>)? ($($p: $pt),*) $(-> $ret)? {
                // SAFETY: the caller's promises are the body's.
                unsafe { $crate::simd!(@call $body $(, [$($arg)*])?) ($($p),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn avx2 $(<$($gen)*>)? ($($p: $pt),*) $(-> $ret)? {
                // SAFETY: as above.
                unsafe { $crate::simd!(@call $body $(, [$($arg)*])?) ($($p),*) }
            }
            #[inline(never)]
            unsafe fn portable $(<$($gen)*>)? ($($p: $pt),*) $(-> $ret)? {
                // SAFETY: as above.
                unsafe { $crate::simd!(@call $body $(, [$($arg)*])?) ($($p),*) }
            }
            // SAFETY: as above, and the level was detected.
            unsafe {
                #[cfg(target_arch = "x86_64")]
                match $crate::cpu::dispatch::level() {
                    $crate::cpu::dispatch::Level::Avx512 => {
                        return $crate::simd!(@call avx512 $(, [$($arg)*])?) ($($p),*)
                    }
                    $crate::cpu::dispatch::Level::Avx2 => {
                        return $crate::simd!(@call avx2 $(, [$($arg)*])?) ($($p),*)
                    }
                    $crate::cpu::dispatch::Level::Portable => {}
                }
                $crate::simd!(@call portable $(, [$($arg)*])?) ($($p),*)
            }
        }
    )* };
    (@call $f:ident) => { $f };
    (@call $f:ident, [$($arg:tt)*]) => { $f::<$($arg)*> };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(always)]
    unsafe fn axpy_body<T: Copy + Into<f64>, const N: usize>(x: *const T, y: *mut f64) -> usize {
        for i in 0..N {
            // SAFETY: N elements, says the test.
            unsafe { *y.add(i) = (*x.add(i)).into().mul_add(0.1, *y.add(i)) }
        }
        N
    }
    #[inline(always)]
    unsafe fn nothing() {}

    simd! {
        /// Generic in a type and a constant.
        unsafe fn axpy[T: Copy + Into<f64>, const N: usize][T, N](x: *const T, y: *mut f64) -> usize = axpy_body;
        unsafe fn nothing_at_all() = nothing;
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        let x: Vec<f32> = (0..37).map(|i| i as f32 * 0.3).collect();
        let mut seen: Vec<Vec<f64>> = vec![];
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            set_level(level);
            let mut y = vec![1.0 / 3.0; 37];
            // SAFETY: 37 elements.
            assert_eq!(unsafe { axpy::<f32, 37>(x.as_ptr(), y.as_mut_ptr()) }, 37);
            // SAFETY: it does nothing.
            unsafe { nothing_at_all() };
            seen.push(y);
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
        assert!(level() <= detect());
    }
}
