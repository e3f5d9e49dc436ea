//! Extrema with their place: the largest or smallest element along one dim, and the first index that has it. NaN wins, the
//! first one if there are several. The value is found first, at full speed; its place is then looked for in one block.

use std::mem::MaybeUninit;

use super::fold::{self, BLOCK, Fold, Max, Min};
use super::strided::{Raw, Walk};
use super::threads;
use super::widen::{Acc, Flat, Widen, contiguous, load, with_results};
use crate::core::layout::contiguous_strides;
use crate::core::{Layout, Shape, Strides};
use crate::device::Array;
use crate::{simd, widened};

/// Columns that are worked on at a time.
const COLS: usize = 256;
/// Fewer columns than these are worked on some at a time, in registers; more go by row, as they lie in memory.
const FEW: usize = 64;
const TOGETHER: usize = 8;
const GRAIN: usize = 1 << 15;

simd! {
    /// The first index whose element is `v`, or is NaN if `v` is.
    unsafe fn find[A: Acc + PartialEq][A](x: *const A, n: usize, v: A) -> usize = find_body;
    /// Takes over the elements of the rows `first` to `last`, `step` apart, that beat `best`. (Many at once, since a call takes as
    /// long as a short row.)
    unsafe fn beat[A: Acc + PartialOrd, const LARGEST: bool][A, LARGEST](
        x: *const A, step: isize, cols: usize, first: i64, last: i64, best: *mut A, at: *mut i64
    ) = beat_body;
}

#[inline(always)]
#[expect(clippy::eq_op, reason = "the test for NaN")]
unsafe fn find_body<A: Acc + PartialEq>(x: *const A, n: usize, v: A) -> usize {
    const CHUNK: usize = 128;
    let nan = v != v;
    let hit = |i: usize| {
        // SAFETY: i is below n.
        let e = unsafe { *x.add(i) };
        (e == v) | (nan & (e != e))
    };
    let mut i = 0;
    while i + CHUNK <= n {
        let mut any = false;
        for l in 0..CHUNK {
            // SAFETY: as above.
            let e = unsafe { *x.add(i + l) };
            any |= (e == v) | (nan & (e != e));
        }
        if any {
            break;
        }
        i += CHUNK;
    }
    (i..n).find(|&i| hit(i)).unwrap_or(0)
}

#[inline(always)]
#[expect(clippy::eq_op, reason = "the test for NaN")]
unsafe fn beat_body<A: Acc + PartialOrd, const LARGEST: bool>(
    x: *const A,
    step: isize,
    cols: usize,
    first: i64,
    last: i64,
    best: *mut A,
    at: *mut i64,
) {
    // Whether `v` is taken in the place of `b`.
    let beats = |v: A, b: A| ((if LARGEST { v > b } else { v < b }) | (v != v)) & (b == b);
    let mut c = 0;
    // A few columns stay in registers while all rows go by.
    while cols < FEW && c + TOGETHER <= cols {
        // SAFETY: `cols` elements each.
        unsafe {
            let (mut b, mut i) = (*best.add(c).cast::<[A; TOGETHER]>(), *at.add(c).cast::<[i64; TOGETHER]>());
            for r in first..last {
                let v = *x.wrapping_offset((r - first) as isize * step).add(c).cast::<[A; TOGETHER]>();
                for k in 0..TOGETHER {
                    let take = beats(v[k], b[k]);
                    b[k] = if take { v[k] } else { b[k] };
                    i[k] = if take { r } else { i[k] };
                }
            }
            (*best.add(c).cast::<[A; TOGETHER]>(), *at.add(c).cast::<[i64; TOGETHER]>()) = (b, i);
        }
        c += TOGETHER;
    }
    for r in first..last {
        let row = x.wrapping_offset((r - first) as isize * step);
        for c in c..cols {
            // SAFETY: as above.
            unsafe {
                let (v, b) = (*row.add(c), *best.add(c));
                let take = beats(v, b);
                *best.add(c) = if take { v } else { b };
                *at.add(c) = if take { r } else { *at.add(c) };
            }
        }
    }
}

/// `x` seen as one dim to search (`n` elements `step` apart), and the others with the place of each result.
struct Plan {
    others: Walk<2>,
    n: usize,
    step: isize,
}

impl Plan {
    fn new(layout: &Layout, dim: usize) -> Plan {
        if layout.ndim() == 0 {
            return Plan { others: Walk::new(&[], [&[], &[]]), n: 1, step: 1 };
        }
        let keep: Shape = (0..layout.ndim()).filter(|&d| d != dim).collect();
        let shape: Shape = keep.iter().map(|&d| layout.shape[d]).collect();
        let strides: Strides = keep.iter().map(|&d| layout.strides[d]).collect();
        let others = Walk::in_memory_order(&shape, [&strides, &contiguous_strides(&shape)]);
        Plan { others, n: layout.shape[dim], step: layout.strides[dim] }
    }
}

/// `found(place, value, index)` for each result.
fn search<S: Widen<A>, A: Acc + PartialOrd, F: Fold<A>, const LARGEST: bool>(
    x: Raw<S>,
    p: &Plan,
    f: F,
    found: impl Fn(isize, A, usize) + Sync,
) {
    let m = p.others.numel();
    let [step, place_step] = p.others.steps();
    let columns = step.unsigned_abs() < p.step.unsigned_abs() && p.others.run() >= 8 && p.n > 1;
    if columns {
        return threads::split(m, GRAIN.div_ceil(p.n).max(64), &|range| {
            p.others.pieces(range, |[at, place], _, len| {
                for c in (0..len).step_by(COLS) {
                    let cols = COLS.min(len - c);
                    let start = x.at(at + c as isize * step);
                    let (mut best, mut index, mut row) = ([A::default(); COLS], [0i64; COLS], [A::default(); COLS]);
                    // SAFETY: `cols` elements of the rows of x, and of the tiles.
                    unsafe {
                        load::<S, A>(start, step, cols, best.as_mut_ptr());
                        let (best, index, n) = (best.as_mut_ptr(), index.as_mut_ptr(), p.n as i64);
                        if S::SAME && step == 1 {
                            let second = start.wrapping_offset(p.step).cast::<A>().cast_const();
                            beat::<A, LARGEST>(second, p.step, cols, 1, n, best, index);
                        } else {
                            for r in 1..n {
                                load::<S, A>(start.wrapping_offset(r as isize * p.step), step, cols, row.as_mut_ptr());
                                beat::<A, LARGEST>(row.as_ptr(), 0, cols, r, r + 1, best, index);
                            }
                        }
                    }
                    for k in 0..cols {
                        found(place + (c + k) as isize * place_step, best[k], index[k] as usize);
                    }
                }
            });
        });
    }
    threads::split(m, GRAIN.div_ceil(p.n.max(1)), &|range| {
        p.others.elements(range, |[at, place], _| {
            let (v, i) = row::<S, A, F>(x, at, p, f);
            found(place, v, i);
        });
    });
}

/// The extremum of one row, and where it is.
fn row<S: Widen<A>, A: Acc + PartialOrd, F: Fold<A>>(x: Raw<S>, at: isize, p: &Plan, f: F) -> (A, usize) {
    let in_place = S::SAME && p.step == 1;
    // Filled as far as it is read: zeros would cost more than a short row.
    let mut tile = MaybeUninit::<[A; BLOCK]>::uninit();
    let tile: *mut A = tile.as_mut_ptr().cast();
    let block = |i: usize| {
        let n = BLOCK.min(p.n - i);
        let start = x.at(at + i as isize * p.step);
        if in_place {
            return (start.cast::<A>().cast_const(), n);
        }
        // SAFETY: n elements of x, and of the tile.
        unsafe { load::<S, A>(start, p.step, n, tile) };
        (tile.cast_const(), n)
    };
    let mut best = f.init();
    let mut first = 0;
    for i in (0..p.n).step_by(BLOCK) {
        let (e, n) = block(i);
        // SAFETY: n elements.
        let v = unsafe { fold::row(e, n, f) };
        let both = f.add(best, v);
        // Only a better block is remembered: an equal value came earlier.
        if i > 0 && is(both, best) {
            continue;
        }
        (best, first) = (v, i);
    }
    let (e, n) = block(first);
    // SAFETY: n elements.
    (best, first + unsafe { find(e, n, best) })
}

/// Equal, or both NaN.
#[expect(clippy::eq_op, reason = "the test for NaN")]
fn is<A: PartialEq + Copy>(a: A, b: A) -> bool {
    a == b || (a != a && b != b)
}

/// Values and int64 indices along `dim`, which is not empty. Both outputs are contiguous.
pub fn extremum(x: &Array, dim: usize, largest: bool, values: &Array, indices: &Array) {
    // Of uint16, uint32 and uint64 no more than one element comes here.
    let x = &x.with_dtype(x.dtype.signed());
    let (p, at) = (Plan::new(&x.layout, dim), Raw::new(indices.ptr::<i64>()));
    widened!(x.dtype, S, A => with_results::<A>(values, &mut |y| {
        let (x, y) = (Raw::new(x.ptr::<S>()), Raw::new(y));
        let found = |place: isize, v: A, i: usize| {
            // SAFETY: places that only this call has.
            unsafe { (*y.at(place) = v, *at.at(place) = i as i64) };
        };
        if largest {
            search::<S, A, _, true>(x, &p, Max, found);
        } else {
            search::<S, A, _, false>(x, &p, Min, found);
        }
    }));
}

/// The int64 index of the extremum along `dim`, or in the flattened array. `x` is not empty there.
pub fn arg_extremum(x: &Array, dim: Option<usize>, largest: bool, out: &Array) {
    let at = Raw::new(out.ptr::<i64>());
    let found = |place: isize, i: usize| {
        // SAFETY: a place that only this call has.
        unsafe { *at.at(place) = i as i64 }
    };
    widened!(x.dtype, S, A => match dim {
        Some(dim) => {
            let (p, x) = (Plan::new(&x.layout, dim), Raw::new(x.ptr::<S>()));
            if largest {
                search::<S, A, _, true>(x, &p, Max, |place, _, i| found(place, i));
            } else {
                search::<S, A, _, false>(x, &p, Min, |place, _, i| found(place, i));
            }
        }
        None => {
            let flat: Flat<A> = contiguous::<S, A>(x);
            found(0, if largest { flat_index(&flat, x.numel(), Max) } else { flat_index(&flat, x.numel(), Min) });
        }
    });
}

/// The place of the extremum of `n` elements, by all threads where that pays.
fn flat_index<A: Acc + PartialOrd + Widen<A>, F: Fold<A>>(x: &Flat<A>, n: usize, f: F) -> usize {
    let part = n.div_ceil(4 * threads::count()).max(GRAIN);
    let parts = n.div_ceil(part);
    let mut found = vec![(f.init(), 0); parts];
    let (to, x) = (Raw::new(found.as_mut_ptr()), x.raw());
    let work = |i: usize| {
        let len = part.min(n - i * part);
        let p = Plan { others: Walk::new(&[], [&[], &[]]), n: len, step: 1 };
        let (v, at) = row::<A, A, F>(x, (i * part) as isize, &p, f);
        // SAFETY: one place a part.
        unsafe { *to.at(i as isize) = (v, i * part + at) }
    };
    threads::run(parts, &work);
    let mut best = found[0];
    for &(v, at) in &found[1..] {
        if !is(f.add(best.0, v), best.0) {
            best = (v, at);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{DType, Device, Meta};

    fn both(x: &Array, dim: usize, largest: bool) -> (Vec<f32>, Vec<i64>) {
        let shape: Shape = (0..x.ndim()).filter(|&d| d != dim).map(|d| x.shape()[d]).collect();
        let make = |t| Array::empty(Meta::new(Layout::contiguous(shape.clone()), t, Device::CPU)).unwrap();
        let (v, i) = (make(DType::F32), make(DType::I64));
        extremum(x, dim, largest, &v, &i);
        (v.to_vec(), i.to_vec())
    }

    #[test]
    fn any_dim_and_layout() {
        let v: Vec<f32> = (0..6 * 50 * 9000u64).map(|i| (((i * 2654435761) >> 9) % 9973) as f32).collect();
        let x = Array::from_slice(&[6, 50, 9000], &v).unwrap();
        for x in [x.clone(), x.with_layout(x.layout.permuted(&[2, 0, 1])), x.with_layout(x.layout.sliced(2, 5, 44, 7))]
        {
            for dim in 0..3 {
                for largest in [true, false] {
                    let (values, indices) = both(&x, dim, largest);
                    let keep: Vec<usize> = (0..3).filter(|&d| d != dim).collect();
                    let (rows, cols) = (x.shape()[keep[0]], x.shape()[keep[1]]);
                    for k in (0..rows * cols).step_by(97) {
                        let at =
                            (k / cols) as isize * x.strides()[keep[0]] + (k % cols) as isize * x.strides()[keep[1]];
                        let e = |i: usize| {
                            // SAFETY: an element of x.
                            unsafe { *x.ptr::<f32>().offset(at + i as isize * x.strides()[dim]) }
                        };
                        let mut best = 0;
                        for i in 1..x.shape()[dim] {
                            if (largest && e(i) > e(best)) || (!largest && e(i) < e(best)) {
                                best = i;
                            }
                        }
                        assert_eq!((values[k], indices[k]), (e(best), best as i64), "{:?} {dim} {k}", x.layout);
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_nan_wins() {
        let mut v = vec![1.0f32; 10000];
        (v[6000], v[7000], v[3]) = (f32::NAN, f32::NAN, 9.0);
        let x = Array::from_slice(&[10000], &v).unwrap();
        assert_eq!(both(&x, 0, true).1, [6000]);
        let x = Array::from_slice(&[1000, 10], &v).unwrap();
        assert_eq!(both(&x, 0, false).1[0], 600);
        let out = Array::from_slice(&[], &[0i64]).unwrap();
        arg_extremum(&x, None, true, &out);
        assert_eq!(out.to_vec::<i64>(), [6000]);
        let x = Array::from_slice(&[], &[f32::NEG_INFINITY]).unwrap();
        arg_extremum(&x, None, true, &out);
        assert_eq!(out.to_vec::<i64>(), [0]);
    }
}
