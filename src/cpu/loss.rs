//! Negative log likelihood of class indices: forward and its gradient, for (C), (N, C) and (N, C, d1, ...) inputs seen as
//! N x C x L. And the squared distance of two arrays.

use std::mem::MaybeUninit;

use super::fold::{BLOCK, Fold, Pairs, Sum, in_groups, row};
use super::real::Real;
use super::strided::Raw;
use super::threads;
use super::widen::{Flat, Widen, contiguous, with_results};
use crate::device::Array;
use crate::{simd, widened};

const GRAIN: usize = 1 << 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    None,
    Mean,
    Sum,
}

/// The sizes of the input: batch, classes, and what follows them.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub batch: usize,
    pub classes: usize,
    pub rest: usize,
}

/// Targets (int64) and their weights.
struct Picked<A> {
    target: Flat<i64>,
    weight: Option<Flat<A>>,
    ignore: i64,
}

impl<A: Real> Picked<A> {
    fn new<S: Widen<A>>(target: &Array, weight: Option<&Array>, ignore: i64) -> Picked<A> {
        Picked { target: contiguous::<i64, i64>(target), weight: weight.map(|w| contiguous::<S, A>(w)), ignore }
    }

    /// Class and weight at place i; None where it is ignored.
    #[inline]
    fn at(&self, i: usize) -> Option<(usize, A)> {
        // SAFETY: a target, which is a class where it is not ignored.
        let t = unsafe { *self.target.raw().at(i as isize) };
        if t == self.ignore {
            return None;
        }
        // SAFETY: as above.
        Some((t as usize, self.weight.as_ref().map_or(A::ONE, |w| unsafe { *w.raw().at(t as isize) })))
    }
}

/// The first target that is neither a class nor `ignore`.
pub fn bad_target(target: &Array, classes: usize, ignore: i64) -> Option<i64> {
    let flat = contiguous::<i64, i64>(target);
    (0..target.numel()).find_map(|i| {
        // SAFETY: one of the targets.
        let t = unsafe { *flat.raw().at(i as isize) };
        (t != ignore && (t as u64) >= classes as u64).then_some(t)
    })
}

/// Losses (one a target), or their sum, or their mean by weight; and the sum of the weights, both contiguous.
pub fn forward(
    x: &Array,
    s: Sizes,
    target: &Array,
    weight: Option<&Array>,
    ignore: i64,
    reduction: Reduction,
    [out, total]: [&Array; 2],
) {
    widened!(only float x.dtype, S, A => {
        let (flat, picked) = (contiguous::<S, A>(x), Picked::<A>::new::<S>(target, weight, ignore));
        let places = s.batch * s.rest;
        let loss = |i: usize| match picked.at(i) {
            None => A::default(),
            Some((t, w)) => {
                let at = (i / s.rest * s.classes + t) * s.rest + i % s.rest;
                // SAFETY: an element of x.
                A::default() - w * unsafe { *flat.raw().at(at as isize) }
            }
        };
        let mut losses = vec![A::default(); if reduction == Reduction::None { 0 } else { places }];
        let fill = |y: Raw<A>| threads::split(places, GRAIN, &|r| r.for_each(|i| {
            // SAFETY: one a target.
            unsafe { *y.at(i as isize) = loss(i) }
        }));
        if reduction == Reduction::None {
            return with_results::<A>(out, &mut |y| fill(Raw::new(y)));
        }
        fill(Raw::new(losses.as_mut_ptr()));
        let weights: Vec<A> = (0..places).map(|i| picked.at(i).map_or(A::default(), |(_, w)| w)).collect();
        let (sum, by) = (added(&losses), added(&weights));
        let value = if reduction == Reduction::Mean { sum / by } else { sum };
        for (to, v) in [(out, value), (total, by)] {
            with_results::<A>(to, &mut |y| {
                // SAFETY: a 0-d result.
                unsafe { *y = v }
            });
        }
    });
}

fn added<A: Real>(v: &[A]) -> A
where
    Sum: Fold<A>,
{
    // SAFETY: the slice's elements.
    unsafe { row(v.as_ptr(), v.len(), Sum) }
}

/// The gradient of the input: `-weight * g` at each target (over the sum of weights for the mean), zero elsewhere. `dx` is
/// contiguous.
#[expect(clippy::too_many_arguments, reason = "the arguments of the forward kernel, and the gradient")]
pub fn backward(
    g: &Array,
    s: Sizes,
    target: &Array,
    weight: Option<&Array>,
    ignore: i64,
    reduction: Reduction,
    total: &Array,
    dx: &Array,
) {
    widened!(only float dx.dtype, S, A => with_results::<A>(dx, &mut |y| {
        let (gf, picked) = (contiguous::<S, A>(g), Picked::<A>::new::<S>(target, weight, ignore));
        let by = contiguous::<S, A>(total);
        let y = Raw::new(y);
        let g = |i: usize| {
            // SAFETY: the gradient of place i, or the one of all.
            unsafe {
                match reduction {
                    Reduction::None => *gf.raw().at(i as isize),
                    Reduction::Sum => *gf.raw().at(0),
                    Reduction::Mean => *gf.raw().at(0) / *by.raw().at(0),
                }
            }
        };
        let size = s.classes * s.rest;
        threads::split(s.batch, GRAIN.div_ceil(size.max(1)), &|range| {
            for n in range {
                let at = (n * size) as isize;
                // SAFETY: the elements of one batch entry.
                unsafe { std::ptr::write_bytes(y.at(at), 0, size) };
                for l in 0..s.rest {
                    let i = n * s.rest + l;
                    if let Some((t, w)) = picked.at(i) {
                        // SAFETY: as above.
                        unsafe { *y.at(at + (t * s.rest + l) as isize) = A::default() - w * g(i) }
                    }
                }
            }
        });
    }));
}

simd! {
    /// `y[i] = (x[i] - t[i])^2`, each step rounded to `S`.
    unsafe fn squares[S: Widen<A>, A: Real][S, A](x: *const A, t: *const A, n: usize, y: *mut A) = squares_body;
}

#[inline(always)]
unsafe fn squares_body<S: Widen<A>, A: Real>(x: *const A, t: *const A, n: usize, y: *mut A) {
    let round = |v: A| if S::SAME { v } else { v.element::<S>().widen() };
    for i in 0..n {
        // SAFETY: n elements each, says the caller.
        unsafe {
            let d = round(*x.add(i) - *t.add(i));
            *y.add(i) = round(d * d);
        }
    }
}

/// The sum of the squared differences of two arrays of one shape and float dtype, or their mean.
pub fn squared_distance(x: &Array, t: &Array, mean: bool, out: &Array) {
    // A power of two, so that the tree over blocks is kept.
    const GROUP: usize = 16 * BLOCK;
    let n = x.numel();
    widened!(only float x.dtype, S, A => {
        let (x, t) = (contiguous::<S, A>(x), contiguous::<S, A>(t));
        let (x, t) = (x.raw(), t.raw());
        let part = |from: usize, to: usize| {
            let mut tile = MaybeUninit::<[A; BLOCK]>::uninit();
            let y: *mut A = tile.as_mut_ptr().cast();
            let mut pairs = Pairs::new(Sum);
            for i in (from..to.max(from + 1)).step_by(BLOCK) {
                let n = BLOCK.min(to - i);
                // SAFETY: n elements of both, and of the tile.
                pairs.push(unsafe {
                    squares::<S, A>(x.at(i as isize), t.at(i as isize), n, y);
                    row(y, n, Sum)
                });
            }
            pairs.finish()
        };
        let total = if n <= 2 * GROUP {
            part(0, n)
        } else {
            in_groups(n.div_ceil(GROUP), Sum, |i| part(i * GROUP, n.min((i + 1) * GROUP)))
        };
        // SAFETY: the only result.
        with_results::<A>(out, &mut |y| unsafe { *y = if mean { total / n as A } else { total } });
    });
}
