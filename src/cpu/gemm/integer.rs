//! Matrix products of integers, which wrap as PyTorch's do.

use super::drive::{Mat, scratch};
use crate::core::Element;
use crate::cpu::threads;
use crate::simd;

/// An integer that products are computed in.
pub trait Int: Element {
    fn multiply_add(self, y: Self, z: Self) -> Self;
    fn multiply(self, y: Self) -> Self {
        self.multiply_add(y, Self::ZERO)
    }
}

macro_rules! int {
    ($($t:ty)*) => { $(
        impl Int for $t {
            #[inline(always)]
            fn multiply_add(self, y: $t, z: $t) -> $t {
                self.wrapping_mul(y).wrapping_add(z)
            }
        }
    )* };
}
int!(u8 i8 i16 i32 i64);

/// `c = alpha * a b + beta * add`, m x k times k x n, c contiguous.
#[derive(Clone, Copy)]
pub struct Product<T> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Mat<T>,
    pub b: Mat<T>,
    pub c: *mut T,
    pub alpha: T,
    pub beta: T,
    pub add: Option<Mat<T>>,
}

// SAFETY: tasks write rows of c that are apart.
unsafe impl<T: Int> Sync for Product<T> {}

/// Rows of B and columns of C that are gone through together.
const KC: usize = 64;
const NC: usize = 512;

/// # Safety
/// All in bounds, c apart from a and b.
pub unsafe fn product<T: Int>(g: &Product<T>, parallel: bool) {
    let grain = if parallel { (1usize << 16).div_ceil((g.n * g.k).max(1)).max(4) } else { g.m };
    threads::split(g.m, grain, &|rows| {
        // SAFETY: the rows of this task.
        unsafe {
            std::ptr::write_bytes(g.c.add(rows.start * g.n), 0, rows.len() * g.n);
            let packed = scratch::<T>(KC * NC.min(g.n));
            let p = packed.ptr().cast::<T>();
            for jc in (0..g.n).step_by(NC) {
                let n = NC.min(g.n - jc);
                for pc in (0..g.k).step_by(KC) {
                    let k = KC.min(g.k - pc);
                    for q in 0..k {
                        let b = g.b.p.offset((pc + q) as isize * g.b.rs + jc as isize * g.b.cs);
                        for j in 0..n {
                            *p.add(q * n + j) = *b.offset(j as isize * g.b.cs);
                        }
                    }
                    for i in rows.clone() {
                        let a = g.a.p.offset(i as isize * g.a.rs + pc as isize * g.a.cs);
                        row(a, g.a.cs, p, g.c.add(i * g.n + jc), n, k);
                    }
                }
            }
            rows.for_each(|i| finish(g, i));
        }
    });
}

/// Scales row i of c and adds to it.
unsafe fn finish<T: Int>(g: &Product<T>, i: usize) {
    for j in 0..g.n {
        // SAFETY: in bounds, says the caller.
        unsafe {
            let c = g.c.add(i * g.n + j);
            *c = (*c).multiply(g.alpha);
            if let Some(d) = g.add {
                *c = (*d.p.offset(i as isize * d.rs + j as isize * d.cs)).multiply_add(g.beta, *c);
            }
        }
    }
}

simd! {
    /// `c += a b` for one row of a and `k` packed rows of b.
    unsafe fn row[T: Int][T](a: *const T, cs: isize, b: *const T, c: *mut T, n: usize, k: usize) = row_body;
}

#[inline(always)]
unsafe fn row_body<T: Int>(a: *const T, cs: isize, b: *const T, c: *mut T, n: usize, k: usize) {
    // SAFETY: n columns and k rows, says the caller. Sixteen sums stay in registers over all of k.
    unsafe {
        let mut j = 0;
        while j + 16 <= n {
            let mut sums = [T::ZERO; 16];
            for l in 0..16 {
                sums[l] = *c.add(j + l);
            }
            for q in 0..k {
                let x = *a.offset(q as isize * cs);
                for l in 0..16 {
                    sums[l] = x.multiply_add(*b.add(q * n + j + l), sums[l]);
                }
            }
            for l in 0..16 {
                *c.add(j + l) = sums[l];
            }
            j += 16;
        }
        while j < n {
            for q in 0..k {
                *c.add(j) = (*a.offset(q as isize * cs)).multiply_add(*b.add(q * n + j), *c.add(j));
            }
            j += 1;
        }
    }
}
