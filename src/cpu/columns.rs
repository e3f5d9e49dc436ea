//! Reductions whose results are columns that rows are added to, as `fold.rs` orders it: blocks of rows, merged in pairs.
//! Threads take groups of rows where all columns fit the cache, else groups of columns.

use std::mem::MaybeUninit;

use super::fold::{self, Fold, ROWS};
use super::real::Real;
use super::reduce::{GRAIN, Plan};
use super::strided::Raw;
use super::threads;
use super::widen::{Acc, Widen, load};
use crate::simd;

/// Columns that are worked on at a time: long enough to stream rows, short enough for the first cache.
pub(super) const COLS: usize = 2048;
/// Up to as many columns threads share rows, not columns.
const FEW: usize = 4096;

/// Adds rows to columns: `add(x, stride, rows, place of the first column, columns, acc)`.
pub(super) fn by_columns<S: Widen<A>, A: Acc, F: Fold<A>>(
    p: &Plan<S>,
    y: *mut A,
    f: F,
    add: impl Fn(*const A, isize, usize, isize, usize, *mut A) + Sync,
) {
    let (m, n) = (p.kept.numel(), p.reduced.numel());
    let (y, [x_step, y_step]) = (Raw::new(y), p.kept.steps());
    let tile = Columns { p, f, add: &add };
    let (blocks, threads) = (n.div_ceil(ROWS), threads::count());
    if threads > 1 && m <= FEW && p.kept.is_one_run() && blocks >= 2 * threads && m * n >= 4 * GRAIN {
        // A power of two, so that the tree over blocks is kept.
        let group = ROWS * blocks.div_ceil(8 * threads).next_power_of_two();
        let groups = n.div_ceil(group);
        let mut parts = vec![f.init(); groups * m];
        let to = Raw::new(parts.as_mut_ptr());
        threads::run(groups, &|i| {
            for c in (0..m).step_by(COLS) {
                let (at, place) = (c as isize * x_step, c as isize * y_step);
                tile.run(at, place, COLS.min(m - c), i * group..n.min((i + 1) * group), to.at((i * m + c) as isize));
            }
        });
        let mut pairs = ColumnPairs::new(f, m, groups);
        parts.chunks_exact(m).for_each(|part| pairs.push(|acc| acc.copy_from_slice(part)));
        return pairs.finish(|c, v| {
            // SAFETY: a result's place.
            unsafe { *y.at(c as isize * y_step) = v }
        });
    }
    threads::split(m, GRAIN.div_ceil(n.max(1)).max(1024), &|range| {
        p.kept.pieces(range, |[at, to], _, len| {
            let mut own = MaybeUninit::<[A; COLS]>::uninit();
            for c in (0..len).step_by(COLS) {
                let cols = COLS.min(len - c);
                let place = to + c as isize * y_step;
                let acc = if y_step == 1 { y.at(place) } else { own.as_mut_ptr().cast() };
                // SAFETY: `cols` places that only this range has, or the tile.
                unsafe { (0..cols).for_each(|c| acc.add(c).write(f.init())) };
                tile.run(at + c as isize * x_step, place, cols, 0..n, acc);
                if y_step != 1 {
                    // SAFETY: as above.
                    (0..cols).for_each(|c| unsafe { *y.at(place + c as isize * y_step) = *acc.add(c) });
                }
            }
        });
    });
}

/// How a set of columns is reduced.
struct Columns<'a, S, F, G> {
    p: &'a Plan<S>,
    f: F,
    add: &'a G,
}

impl<S, F, G> Columns<'_, S, F, G> {
    /// Folds `rows` of `cols` columns (at most [`COLS`]) into `acc`; `place` is where the first result goes.
    fn run<A: Acc>(&self, at: isize, place: isize, cols: usize, rows: std::ops::Range<usize>, acc: *mut A)
    where
        S: Widen<A>,
        F: Fold<A>,
        G: Fn(*const A, isize, usize, isize, usize, *mut A),
    {
        let step = self.p.kept.steps()[0];
        let by = self.p.reduced.steps()[0];
        let mut tile = MaybeUninit::<[A; COLS]>::uninit();
        let tile: *mut A = tile.as_mut_ptr().cast();
        let add = |range: std::ops::Range<usize>, acc: *mut A| {
            self.p.reduced.pieces(range, |[row], _, len| {
                let x = self.p.x.at(at + row);
                if S::SAME && step == 1 {
                    return (self.add)(x.cast(), by, len, place, cols, acc);
                }
                for r in 0..len as isize {
                    // SAFETY: a row's elements, and the tile.
                    unsafe { load::<S, A>(x.wrapping_offset(r * by), step, cols, tile) };
                    (self.add)(tile.cast_const(), 0, 1, place, cols, acc);
                }
            });
        };
        if rows.len() <= ROWS {
            // `acc` came filled with the neutral element.
            return add(rows, acc);
        }
        let mut pairs = ColumnPairs::new(self.f, cols, rows.len().div_ceil(ROWS));
        for start in rows.clone().step_by(ROWS) {
            pairs.push(|part| {
                part.fill(self.f.init());
                add(start..rows.end.min(start + ROWS), part.as_mut_ptr());
            });
        }
        // SAFETY: `cols` results.
        pairs.finish(|c, v| unsafe { *acc.add(c) = v });
    }
}

/// [`Pairs`] of whole rows of columns.
pub(super) struct ColumnPairs<A, F> {
    stack: Vec<A>,
    cols: usize,
    top: usize,
    count: usize,
    f: F,
}

impl<A: Copy, F: Fold<A>> ColumnPairs<A, F> {
    pub(super) fn new(f: F, cols: usize, blocks: usize) -> ColumnPairs<A, F> {
        let levels = (usize::BITS - blocks.leading_zeros()) as usize + 1;
        ColumnPairs { stack: vec![f.init(); levels * cols], cols, top: 0, count: 0, f }
    }

    pub(super) fn push(&mut self, fill: impl FnOnce(&mut [A])) {
        fill(&mut self.stack[self.top * self.cols..][..self.cols]);
        self.top += 1;
        self.count += 1;
        let mut k = self.count;
        while k & 1 == 0 {
            self.fold_top();
            k >>= 1;
        }
    }

    fn fold_top(&mut self) {
        self.top -= 1;
        let (a, b) = self.stack.split_at_mut(self.top * self.cols);
        let a = &mut a[(self.top - 1) * self.cols..];
        // SAFETY: `cols` elements each.
        unsafe { fold::merge(a.as_mut_ptr(), b.as_ptr(), self.cols, self.f) }
    }

    pub(super) fn finish(mut self, mut store: impl FnMut(usize, A)) {
        while self.top > 1 {
            self.fold_top();
        }
        self.stack[..self.cols].iter().enumerate().for_each(|(c, v)| store(c, *v));
    }
}

simd! {
    /// `acc[c] += (x[r][c] - mean[c])^2` for rows in order.
    pub(super) unsafe fn squares[A: Real][A](
        x: *const A, stride: isize, rows: usize, cols: usize, mean: *const A, acc: *mut A
    ) = squares_body;
}

#[inline(always)]
unsafe fn squares_body<A: Real>(x: *const A, stride: isize, rows: usize, cols: usize, mean: *const A, acc: *mut A) {
    for r in 0..rows as isize {
        let p = x.wrapping_offset(r * stride);
        for c in 0..cols {
            // SAFETY: `cols` columns of each.
            unsafe {
                let d = *p.add(c) - *mean.add(c);
                *acc.add(c) = d.fma(d, *acc.add(c))
            }
        }
    }
}
