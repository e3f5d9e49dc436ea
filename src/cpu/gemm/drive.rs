//! The product of two matrices: chooses a way by shape and strides, cuts the work into tasks, packs what pays for it,
//! and calls the micro-kernels.

use super::epilogue::Epilogue;
use super::micro::{AS, KC, Kernels, Product};
use super::pack::{copy_block, panels};
use crate::cpu::threads;
use crate::device::Storage;

/// A matrix as it lies in memory, strides in elements.
#[derive(Clone, Copy)]
pub struct Mat<T> {
    pub p: *const T,
    pub rs: isize,
    pub cs: isize,
}

impl<T> Mat<T> {
    fn t(self) -> Mat<T> {
        Mat { p: self.p, rs: self.cs, cs: self.rs }
    }
}

/// `c = a b`, m x k times k x n, rows of c at stride `ldc`, then the epilogue.
#[derive(Clone, Copy)]
pub struct Gemm<T> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Mat<T>,
    pub b: Mat<T>,
    pub c: *mut T,
    pub ldc: usize,
    pub epilogue: Epilogue<T>,
}

// SAFETY: tasks write parts of c that are apart; a and b are only read.
unsafe impl<T: Product> Sync for Gemm<T> {}

/// Below this many products one thread does it all: about 10 us.
const SERIAL: usize = 1 << 19;
/// Bytes of one row of a packed block of B: with [`KC`] rows it takes half of a megabyte of second-level cache.
const ROW: usize = 2048;
/// Rows of A per block.
const MC: usize = 120;
/// Up to this many rows (or columns) are computed as dot products where both operands lie along k.
const DOT_ROWS: usize = 24;
const DOT_COLS: usize = 4;
/// Dot products shorter than this spend their time in the sum over lanes.
const DOT_LEAST: usize = 96;

/// Computes it, on all threads when `parallel` and that is worth it.
///
/// # Safety
/// The matrices are in bounds, and c overlaps neither a nor b.
pub unsafe fn gemm<T: Product>(g: &Gemm<T>, parallel: bool) {
    if g.n == 1 && g.m > 1 && g.ldc == 1 {
        // A column is a row of the transposed product.
        let mut t = Gemm { m: 1, n: g.m, a: g.b.t(), b: g.a.t(), ldc: g.m, ..*g };
        t.epilogue.add = g.epilogue.add.map(Mat::t);
        // SAFETY: the same memory.
        return unsafe { gemm(&t, parallel) };
    }
    let along_k = g.a.cs == 1 && g.b.rs == 1 && g.k >= DOT_LEAST && (g.m <= DOT_ROWS || g.n <= DOT_COLS);
    let part = if along_k { dots } else { block };
    let threads = if parallel && g.m * g.n * g.k >= SERIAL { threads::count() } else { 1 };
    if threads == 1 {
        // SAFETY: says the caller.
        return unsafe { part(g, 0, g.m, 0, g.n) };
    }
    // Columns are split first: each task then packs a part of B that nobody else needs.
    let kn = T::kernels();
    let want = 4 * threads;
    let column_tasks = want.min(g.n / (4 * kn.nr)).max(1);
    let row_tasks = want.div_ceil(column_tasks).min(g.m.div_ceil(2 * kn.mr)).max(1);
    let cut = |i: usize, parts: usize, n: usize, unit: usize| (n.div_ceil(unit) * i / parts * unit).min(n);
    threads::run(row_tasks * column_tasks, &|t| {
        let (i, j) = (t / column_tasks, t % column_tasks);
        let (r0, r1) = (cut(i, row_tasks, g.m, kn.mr), cut(i + 1, row_tasks, g.m, kn.mr));
        let (c0, c1) = (cut(j, column_tasks, g.n, kn.nr), cut(j + 1, column_tasks, g.n, kn.nr));
        // SAFETY: the tasks' parts are apart and within.
        unsafe { part(g, r0, r1, c0, c1) }
    });
}

/// Memory for `n` elements.
pub fn scratch<T>(n: usize) -> Storage {
    match Storage::new(n * size_of::<T>()) {
        Ok(s) => s,
        // At most a megabyte: without it nothing else works either.
        Err(_) => std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>()),
    }
}

/// Rows r0..r1 and columns c0..c1 as dot products.
unsafe fn dots<T: Product>(g: &Gemm<T>, r0: usize, r1: usize, c0: usize, c1: usize) {
    // SAFETY: in bounds, and k is not zero.
    unsafe {
        let (a, b) = (g.a.p.offset(r0 as isize * g.a.rs), g.b.p.offset(c0 as isize * g.b.cs));
        T::dot()(r1 - r0, c1 - c0, g.k, a, g.a.rs, b, g.b.cs, g.c.add(r0 * g.ldc + c0), g.ldc, 1);
        g.epilogue.apply(g.c, g.ldc, r0, r1, c0, c1, false);
    }
}

/// Rows r0..r1 and columns c0..c1 by tiles.
unsafe fn block<T: Product>(g: &Gemm<T>, r0: usize, r1: usize, c0: usize, c1: usize) {
    let kn = T::kernels();
    let (rows, cols) = (r1 - r0, c1 - c0);
    if rows == 0 || cols == 0 {
        return;
    }
    // B is read as it lies where few tiles reuse it, or where its rows are so short that they are as good as packed.
    let direct_b = g.b.cs == 1 && (rows <= 2 * kn.mr || (g.b.rs <= 128 && rows <= 6 * kn.mr));
    // So is A where its rows lie along k and the kernel can address them, or where few columns reuse it.
    let direct_a = (g.a.cs == 1 && kn.mr <= 6) || cols <= 4 * kn.nr && (g.a.cs == 1 || g.a.rs == 1);
    let nc = ROW / size_of::<T>();
    let mc = MC / kn.mr * kn.mr;
    // SAFETY: all indices are below m, n and k, and the scratch is as large as what is packed.
    unsafe {
        if direct_b && rows <= kn.wide.len() {
            few_rows(g, kn, r0, r1, c0, c1);
            return g.epilogue.apply(g.c, g.ldc, r0, r1, c0, c1, g.k == 0);
        }
        let b_room = if direct_b { 0 } else { KC.min(g.k) * nc.min(cols.next_multiple_of(kn.nr)) };
        let a_room = if direct_a { 0 } else { mc.min(rows) * AS };
        let room = scratch::<T>(b_room + a_room);
        let bp = room.ptr().cast::<T>();
        let ap = bp.add(b_room);
        for jc in (c0..c1).step_by(nc) {
            let jw = nc.min(c1 - jc);
            for pc in (0..g.k).step_by(KC) {
                let kw = KC.min(g.k - pc);
                let b = g.b.p.offset(pc as isize * g.b.rs + jc as isize * g.b.cs);
                let (b, ldb, step) = if direct_b {
                    (b, g.b.rs as usize, kn.nr)
                } else {
                    panels(b, g.b.rs, g.b.cs, kw, jw, kn.nr, bp);
                    (bp.cast_const(), kn.nr, kn.nr * kw)
                };
                for ic in (r0..r1).step_by(mc) {
                    let iw = mc.min(r1 - ic);
                    let a = g.a.p.offset(ic as isize * g.a.rs + pc as isize * g.a.cs);
                    let (a, rs, cs) = if direct_a {
                        (a, g.a.rs, g.a.cs)
                    } else {
                        copy_block(a, g.a.rs, g.a.cs, ap, AS, iw, kw);
                        (ap.cast_const(), AS as isize, 1)
                    };
                    let to = Target { c: g.c.add(ic * g.ldc + jc), ldc: g.ldc, rows: iw, cols: jw };
                    tiles(kn, kw, Mat { p: a, rs, cs }, b, ldb, step, !direct_b, &to, pc == 0);
                }
            }
        }
        g.epilogue.apply(g.c, g.ldc, r0, r1, c0, c1, g.k == 0);
    }
}

/// A part of a result.
pub struct Target<T> {
    pub c: *mut T,
    pub ldc: usize,
    pub rows: usize,
    pub cols: usize,
}

/// All tiles of one block: `c (+)= a b` over `k` up to [`KC`] steps. Panels of B begin `step` apart, their rows `ldb`;
/// `packed` ones have their full width. `kn` are the kernels that they were packed for.
///
/// # Safety
/// All in bounds.
#[expect(clippy::too_many_arguments, reason = "two operands, a result, and how to combine them")]
pub unsafe fn tiles<T: Product>(
    kn: &Kernels<T>,
    k: usize,
    a: Mat<T>,
    b: *const T,
    ldb: usize,
    step: usize,
    packed: bool,
    to: &Target<T>,
    first: bool,
) {
    // Even heights: 64 rows of 14 are 13 and 12, not 14 and 8.
    let height = to.rows.div_ceil(to.rows.div_ceil(kn.mr));
    for (panel, j) in (0..to.cols).step_by(kn.nr).enumerate() {
        let n = kn.nr.min(to.cols - j);
        let table = if !packed && n < kn.nr {
            kn.edge
        } else if a.rs == AS as isize && a.cs == 1 {
            kn.packed
        } else {
            kn.strided
        };
        for i in (0..to.rows).step_by(height) {
            // SAFETY: rows and columns below those of the block.
            unsafe {
                let (a_row, c) = (a.p.offset(i as isize * a.rs), to.c.add(i * to.ldc + j));
                let kernel = table[height.min(to.rows - i) - 1];
                kernel(k, a_row, a.rs, a.cs, b.add(panel * step), ldb, c, to.ldc, n, first);
            }
        }
    }
}

/// At most `wide.len()` rows, with B as it lies.
unsafe fn few_rows<T: Product>(g: &Gemm<T>, kn: &Kernels<T>, r0: usize, r1: usize, c0: usize, c1: usize) {
    let (kernel, nr) = kn.wide[r1 - r0 - 1];
    for pc in (0..g.k).step_by(KC) {
        // SAFETY: in bounds.
        unsafe {
            let a = g.a.p.offset(r0 as isize * g.a.rs + pc as isize * g.a.cs);
            for j in (c0..c1).step_by(nr) {
                let b = g.b.p.offset(pc as isize * g.b.rs + j as isize);
                let c = g.c.add(r0 * g.ldc + j);
                kernel(KC.min(g.k - pc), a, g.a.rs, g.a.cs, b, g.b.rs as usize, c, g.ldc, c1 - j, pc == 0);
            }
        }
    }
}
