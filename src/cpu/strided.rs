//! The iterator that kernels walk: the dims of several operands of one shape, merged wherever all of them allow, as
//! an outer loop over runs of constant stride. Everything is in elements and relative to each operand's pointer.

use std::ops::Range;

use crate::core::layout::memory_order;
use crate::core::{Shape, Strides};

/// A pointer that the threads of one kernel share. Which thread writes where is the kernel's affair.
pub struct Raw<T>(*mut T);

impl<T> Raw<T> {
    #[inline(always)]
    pub fn new(p: *mut T) -> Raw<T> {
        Raw(p)
    }

    /// The pointer `i` elements on. (A method, so that closures capture the wrapper and not the bare pointer.)
    #[inline(always)]
    pub fn at(&self, i: isize) -> *mut T {
        self.0.wrapping_offset(i)
    }
}

impl<T> Clone for Raw<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Raw<T> {}
// SAFETY: a pointer is a number; dereferencing it is what needs care, and is unsafe.
unsafe impl<T> Send for Raw<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Raw<T> {}

/// Merged dims of `N` operands, slowest first. There is always an innermost dim.
pub struct Walk<const N: usize> {
    shape: Shape,
    strides: [Strides; N],
    numel: usize,
}

impl<const N: usize> Walk<N> {
    /// Walks in logical order: the last dim is the fastest.
    pub fn new(shape: &[usize], strides: [&[isize]; N]) -> Walk<N> {
        let order: Shape = (0..shape.len()).collect();
        Walk::ordered(shape, strides, &order)
    }

    /// Walks in the order of memory, the first operand's before the others'.
    pub fn in_memory_order(shape: &[usize], strides: [&[isize]; N]) -> Walk<N> {
        let mut order = memory_order(shape, N, |k, d| strides[k][d]);
        order.reverse();
        Walk::ordered(shape, strides, &order)
    }

    /// `order`: the dims, slowest first.
    fn ordered(shape: &[usize], strides: [&[isize]; N], order: &[usize]) -> Walk<N> {
        let mut out =
            Walk { shape: Shape::new(), strides: [const { Strides::NONE }; N], numel: shape.iter().product() };
        for &d in order {
            if shape[d] == 1 {
                continue;
            }
            let n = shape[d] as isize;
            let last = out.shape.len().wrapping_sub(1);
            if !out.shape.is_empty() && (0..N).all(|k| out.strides[k][last] == strides[k][d].wrapping_mul(n)) {
                out.shape[last] *= shape[d];
                (0..N).for_each(|k| out.strides[k][last] = strides[k][d]);
            } else {
                out.shape.push(shape[d]);
                (0..N).for_each(|k| out.strides[k].push(strides[k][d]));
            }
        }
        if out.shape.is_empty() {
            out.shape.push(1);
            out.strides.iter_mut().for_each(|s| s.push(1));
        }
        out
    }

    #[inline]
    pub fn numel(&self) -> usize {
        self.numel
    }

    /// The length of a run.
    #[inline]
    pub fn run(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }

    /// The strides within a run.
    #[inline]
    pub fn steps(&self) -> [isize; N] {
        let last = self.shape.len() - 1;
        // A plain loop for the same reason as in `add`.
        let mut steps = [0; N];
        let mut k = 0;
        while k < N {
            steps[k] = self.strides[k][last];
            k += 1;
        }
        steps
    }

    /// Whether one run is all.
    #[inline]
    pub fn is_one_run(&self) -> bool {
        self.shape.len() == 1
    }

    /// Calls `f(at, start, len)` for each piece of a run that lies in `range` of the walk's elements: `at` are the
    /// operands' offsets, `start` the piece's place in the walk.
    ///
    /// Hundreds of kernels are compiled with this loop, so it has only what must be fast: `f` stands in it once.
    #[inline]
    pub fn pieces(&self, range: Range<usize>, mut f: impl FnMut([isize; N], usize, usize)) {
        let mut start = range.start;
        while start < range.end {
            let Pieces { mut at, steps, len, count } = self.pieces_from(start, range.end);
            for _ in 0..count {
                f(at, start, len);
                start += len;
                add(&mut at, &steps);
            }
        }
    }

    /// As many pieces between two elements of the walk, from the first on, as are one length and one step apart.
    #[inline(never)]
    fn pieces_from(&self, start: usize, end: usize) -> Pieces<N> {
        let last = self.shape.len() - 1;
        let run = self.shape[last];
        let mut pieces = Pieces { at: [0; N], steps: [0; N], len: end - start, count: 1 };
        let mut place = |d: usize, i: usize| (0..N).for_each(|k| pieces.at[k] += i as isize * self.strides[k][d]);
        if last == 0 {
            place(0, start);
            return pieces;
        }
        let (mut rest, skip) = (start / run, start % run);
        place(last, skip);
        let mut lines = 0;
        for d in (0..last).rev() {
            let i = rest % self.shape[d];
            rest /= self.shape[d];
            place(d, i);
            if d == last - 1 {
                lines = self.shape[d] - i;
            }
        }
        if skip == 0 && end - start >= run {
            pieces.len = run;
            pieces.count = lines.min((end - start) / run);
            (0..N).for_each(|k| pieces.steps[k] = self.strides[k][last - 1]);
        } else {
            pieces.len = (run - skip).min(end - start);
        }
        pieces
    }

    /// Calls `f(at)` for every element in `range`.
    #[inline]
    pub fn elements(&self, range: Range<usize>, mut f: impl FnMut([isize; N], usize)) {
        let steps = self.steps();
        self.pieces(range, |mut at, start, len| {
            for i in start..start + len {
                f(at, i);
                add(&mut at, &steps);
            }
        });
    }
}

/// Pieces of runs, of one length and one step apart.
struct Pieces<const N: usize> {
    /// The operands' offsets of the first, and from each to the next.
    at: [isize; N],
    steps: [isize; N],
    /// Elements of each, and how many there are.
    len: usize,
    count: usize,
}

/// Moves each operand by its step. (A plain loop: the closures of an iterator would be compiled for each of the kernels.)
#[inline(always)]
fn add<const N: usize>(at: &mut [isize; N], steps: &[isize; N]) {
    let mut k = 0;
    while k < N {
        at[k] += steps[k];
        k += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(w: &Walk<2>, range: Range<usize>) -> Vec<[isize; 2]> {
        let mut out = vec![];
        w.elements(range, |at, i| {
            out.push(at);
            assert_eq!(i % w.numel().max(1), i);
        });
        out
    }

    #[test]
    fn dims_merge_where_all_operands_allow() {
        let w = Walk::new(&[4, 1, 3, 2], [&[6, 9, 2, 1], &[6, 0, 2, 1]]);
        assert!(w.is_one_run() && w.run() == 24);
        let w = Walk::new(&[4, 3, 2], [&[6, 2, 1], &[2, 8, 1]]);
        assert_eq!((w.run(), w.is_one_run()), (2, false));
        let w = Walk::in_memory_order(&[3, 4], [&[1, 3], &[1, 3]]);
        assert!(w.is_one_run() && w.steps() == [1, 1]);
    }

    #[test]
    fn any_range_is_a_part_of_the_whole() {
        let w = Walk::new(&[3, 2, 4], [&[8, 4, 1], &[1, 3, 6]]);
        let all = offsets(&w, 0..24);
        let mut naive = vec![];
        for i in 0..3 {
            for j in 0..2 {
                (0..4).for_each(|k| naive.push([i * 8 + j * 4 + k, i + j * 3 + k * 6]));
            }
        }
        assert_eq!(all, naive);
        for (a, b) in [(0, 5), (3, 19), (7, 8), (23, 24), (5, 5)] {
            assert_eq!(offsets(&w, a..b), all[a..b]);
        }
        assert_eq!(offsets(&Walk::new(&[], [&[], &[]]), 0..1), [[0, 0]]);
    }
}
