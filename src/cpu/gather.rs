//! Reading and writing at indices along one dim: gather, index_select, embedding, and their transposes, which add. Indices are
//! int64 of any strides; where an index repeats over a run (stride 0), whole runs move.
//!
//! What adds is deterministic: every destination belongs to one thread, which adds to it in the order of the indices.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::complex::{parts, twice};
use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{Bool, DType, Element, Shape, Strides};
use crate::device::Array;
use crate::{dispatch, simd};

const GRAIN: usize = 1 << 15;

/// The first index outside `0..size`, if there is one.
pub fn out_of_range(index: &Array, size: usize) -> Option<i64> {
    // What an index repeats along a dim is read once.
    let mut shape = Shape::from_slice(index.shape());
    shape.iter_mut().zip(index.strides()).filter(|(_, step)| **step == 0).for_each(|(n, _)| *n = (*n).min(1));
    let walk = Walk::new(&shape, [index.strides()]);
    let p = Raw::new(index.ptr::<i64>());
    let step = walk.steps()[0];
    let outside = AtomicBool::new(false);
    threads::split(walk.numel(), GRAIN, &|range| {
        let outside = &outside;
        walk.pieces(range, move |[at], _, n| {
            // SAFETY: elements of index.
            let signs = unsafe { if step == 1 { signs(p.at(at), 1, n, size) } else { signs(p.at(at), step, n, size) } };
            if signs < 0 {
                outside.store(true, Relaxed);
            }
        });
    });
    if !outside.into_inner() {
        return None;
    }
    let mut first = None;
    walk.elements(0..walk.numel(), |[at], _| {
        // SAFETY: an element of index.
        let v = unsafe { *p.at(at) };
        if first.is_none() && (v as u64) >= size as u64 {
            first = Some(v);
        }
    });
    first
}

/// Negative if an index is, or one lies beyond the end: nothing is asked within the loop.
#[inline(always)]
unsafe fn signs(at: *const i64, step: isize, n: usize, size: usize) -> i64 {
    let mut signs = 0;
    for i in 0..n as isize {
        // SAFETY: element i of the caller's run.
        let v = unsafe { *at.wrapping_offset(i * step) };
        signs |= v | (size as i64 - 1).wrapping_sub(v);
    }
    signs
}

/// `out[i.., k, j..] = x[i.., index[i.., k, j..], j..]` with the index in place `dim`. `x` has the shape of `index`, or more in
/// the other dims; all indices are in range. `out` is contiguous and shaped like `index`.
pub fn gather(x: &Array, dim: usize, index: &Array, out: &Array) {
    match out.dtype.size() {
        1 => gather_in::<u8>(x, dim, index, out),
        2 => gather_in::<u16>(x, dim, index, out),
        4 => gather_in::<u32>(x, dim, index, out),
        8 => gather_in::<u64>(x, dim, index, out),
        // 16 bytes.
        _ => gather_in::<[u64; 2]>(x, dim, index, out),
    }
}

/// Strides of `x` but for `dim`, which the index takes over; and the stride there.
fn without(x: &Array, dim: usize) -> (Strides, isize) {
    let mut strides = x.layout.strides.clone();
    if x.ndim() == 0 {
        return (strides, 0);
    }
    let along = std::mem::take(&mut strides[dim]);
    (strides, along)
}

fn gather_in<T: Copy>(x: &Array, dim: usize, index: &Array, out: &Array) {
    let (rest, along) = without(x, dim);
    let walk = Walk::new(out.shape(), [out.strides(), index.strides(), &rest]);
    let (y, at, x) =
        (Raw::new(out.bytes_ptr().cast::<T>()), Raw::new(index.ptr::<i64>()), Raw::new(x.bytes_ptr().cast::<T>()));
    let steps = walk.steps();
    threads::split(walk.numel(), GRAIN, &|range| {
        walk.pieces(range, move |[o, k, i], _, n| {
            let (y, at, x) = (y.at(o), at.at(k), x.at(i));
            // SAFETY: elements of the arrays; this range alone writes its part of out.
            unsafe {
                match steps {
                    [1, 0, 1] => std::ptr::copy_nonoverlapping(x.wrapping_offset(*at as isize * along), y, n),
                    // Strides that are known while compiling: three times as fast.
                    [1, 1, 0] if along == 1 => pick(y, at, x, n, [1, 1, 0], 1),
                    [1, 1, x_step] => pick(y, at, x, n, [1, 1, x_step], along),
                    _ => pick(y, at, x, n, steps, along),
                }
            }
        });
    });
}

#[inline(always)]
unsafe fn pick<T: Copy>(y: *mut T, at: *const i64, x: *const T, n: usize, steps: [isize; 3], along: isize) {
    let [y_step, at_step, x_step] = steps;
    for j in 0..n as isize {
        // SAFETY: element j of the caller's run.
        unsafe {
            let from = j * x_step + *at.wrapping_offset(j * at_step) as isize * along;
            *y.wrapping_offset(j * y_step) = *x.wrapping_offset(from);
        }
    }
}

/// Elements that add: floats with one rounding, integers wrapping, bool as or.
trait Plus: Element {
    fn plus(self, o: Self) -> Self;
}
macro_rules! plus {
    ($($t:ty: |$a:ident, $b:ident| $e:expr;)*) => { $(
        impl Plus for $t {
            #[inline(always)]
            fn plus(self, o: $t) -> $t {
                let ($a, $b) = (self, o);
                $e
            }
        }
    )* };
}
plus! {
    f32: |a, b| a + b;
    f64: |a, b| a + b;
    i64: |a, b| a.wrapping_add(b);
    i32: |a, b| a.wrapping_add(b);
    i16: |a, b| a.wrapping_add(b);
    i8: |a, b| a.wrapping_add(b);
    u8: |a, b| a.wrapping_add(b);
    u16: |a, b| a.wrapping_add(b);
    u32: |a, b| a.wrapping_add(b);
    u64: |a, b| a.wrapping_add(b);
    Bool: |a, b| Bool((a.get() | b.get()) as u8);
    half::f16: |a, b| half::f16::from_f32(a.to_f32() + b.to_f32());
    half::bf16: |a, b| half::bf16::from_f32(a.to_f32() + b.to_f32());
}

simd! {
    unsafe fn add_run[T: Plus][T](y: *mut T, x: *const T, n: usize) = add_run_body;
}

#[inline(always)]
unsafe fn add_run_body<T: Plus>(y: *mut T, x: *const T, n: usize) {
    for i in 0..n {
        // SAFETY: n elements each.
        unsafe { *y.add(i) = (*y.add(i)).plus(*x.add(i)) }
    }
}

/// `out[i.., index[i.., k, j..], j..] += src[i.., k, j..]`, in the order of `index`, which is no larger than `src` in any dim.
/// `out` may have any strides, without overlap; all indices are in range.
pub fn scatter_add(out: &Array, dim: usize, index: &Array, src: &Array) {
    if out.dtype.is_complex() {
        return scatter_add(&parts(out), dim, &twice(index), &parts(src));
    }
    dispatch!(out.dtype, T => scatter_add_in::<T>(out, dim, index, src));
}

fn scatter_add_in<T: Plus>(out: &Array, dim: usize, index: &Array, src: &Array) {
    let (y, at, x) = (Raw::new(out.ptr::<T>()), Raw::new(index.ptr::<i64>()), Raw::new(src.ptr::<T>()));
    write_shared(out, dim, index, src, &|share| {
        let (steps, along, has, all) = (share.walk.steps(), share.along, share.has(), share.mine.is_none());
        share.pieces(move |[i, k, o], n| {
            let (x, at, y) = (x.at(i), at.at(k), y.at(o));
            // SAFETY: elements of the arrays; what this share may write no other writes.
            unsafe {
                match steps {
                    [1, 0, 1] if n >= 8 => {
                        if has(*at) {
                            add_run(y.wrapping_offset(*at as isize * along), x, n);
                        }
                    }
                    // As in `gather_in`.
                    [1, 1, 0] if all && along == 1 => add_each(y, at, x, n, [1, 1, 0], 1, |_| true),
                    [1, 1, y_step] if all => add_each(y, at, x, n, [1, 1, y_step], along, |_| true),
                    _ => add_each(y, at, x, n, steps, along, has),
                }
            }
        });
    });
}

#[inline(always)]
unsafe fn add_each<T: Plus>(
    y: *mut T,
    at: *const i64,
    x: *const T,
    n: usize,
    steps: [isize; 3],
    along: isize,
    has: impl Fn(i64) -> bool,
) {
    let [x_step, at_step, y_step] = steps;
    for j in 0..n as isize {
        // SAFETY: element j of the caller's run.
        unsafe {
            let to = *at.wrapping_offset(j * at_step);
            if has(to) {
                let to = y.wrapping_offset(j * y_step + to as isize * along);
                *to = (*to).plus(*x.wrapping_offset(j * x_step));
            }
        }
    }
}

/// One thread's part of what is written at indices: the elements that it passes over, and which of them it writes.
pub(super) struct Share<'a> {
    /// Over `src`, `index` and `out`, the last without the dim of the index.
    pub walk: &'a Walk<3>,
    /// Where it begins in each.
    start: [isize; 3],
    /// The stride of `out` in the dim of the index.
    pub along: isize,
    /// The indices that this thread writes at; None: all.
    pub mine: Option<(i64, i64)>,
}

impl Share<'_> {
    /// Calls `f(at, len)` for each run.
    pub fn pieces(&self, mut f: impl FnMut([isize; 3], usize)) {
        self.walk.pieces(0..self.walk.numel(), |at, _, n| f(std::array::from_fn(|a| at[a] + self.start[a]), n));
    }

    /// Says whether this thread writes at an index. A value of its own, which loops keep in registers.
    #[inline(always)]
    pub fn has(&self) -> impl Fn(i64) -> bool + Copy + use<> {
        let mine = self.mine;
        move |index| mine.is_none_or(|(low, high)| index >= low && index < high)
    }
}

/// Runs `write` on shares of what is written at `index` along `dim` of `out`: every destination is in one of them, and meets its
/// values in the order of `index`. `out` is not 0-d.
pub(super) fn write_shared(out: &Array, dim: usize, index: &Array, src: &Array, write: &(dyn Fn(&Share) + Sync)) {
    let (rest, along) = without(out, dim);
    let strides = [src.strides(), index.strides(), &rest];
    let whole = Walk::new(index.shape(), strides);
    let runs = whole.steps()[1] == 0 && whole.run() >= 8;
    let parts = if whole.numel() < 2 * GRAIN { 1 } else { threads::count() };
    // Elements that lie apart in another dim never meet, so threads may share that dim. Runs are written faster whole.
    let other = (0..index.ndim()).filter(|&d| d != dim).max_by_key(|&d| index.shape()[d]);
    if let Some(d) = other.filter(|&d| !runs && parts > 1 && index.shape()[d] >= 4 * parts) {
        let n = index.shape()[d];
        return threads::run(parts, &|part| {
            let (from, to) = (n * part / parts, n * (part + 1) / parts);
            let mut shape = Shape::from_slice(index.shape());
            shape[d] = to - from;
            let start = strides.map(|s| from as isize * s[d]);
            write(&Share { walk: &Walk::new(&shape, strides), start, along, mine: None });
        });
    }
    // Else each thread has a range of destinations and passes over the rest. For single elements that costs a branch which no
    // processor foresees: two threads gain nothing by it.
    let size = out.shape()[dim];
    let parts = if runs || parts > 3 { parts.min(size) } else { 1 };
    threads::run(parts, &|part| {
        let mine = (parts > 1).then(|| ((size * part / parts) as i64, (size * (part + 1) / parts) as i64));
        write(&Share { walk: &whole, start: [0; 3], along, mine });
    });
}

/// How often each of the `counts` occurs in `index` (contiguous; all in range).
pub fn count(index: &Array, counts: &mut [u32]) {
    for i in 0..index.numel() {
        // SAFETY: an element of the contiguous index.
        counts[unsafe { *index.ptr::<i64>().add(i) } as usize] += 1;
    }
}

/// Ones at `[i, index[i]]` of the zeroed, contiguous int64 `out`.
pub fn one_hot(index: &Array, classes: usize, out: &Array) {
    debug_assert_eq!(out.dtype, DType::I64);
    let walk = Walk::new(index.shape(), [index.strides()]);
    walk.elements(0..walk.numel(), |[at], i| {
        // SAFETY: an element of index, which is in range, and one of out.
        unsafe {
            let k = *index.ptr::<i64>().wrapping_offset(at) as usize;
            *out.ptr::<i64>().add(i * classes + k) = 1;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Layout, Meta};

    #[test]
    fn gather_and_its_transpose() {
        let x = Array::from_slice(&[3, 4], &(0..12).map(|v| v as f32).collect::<Vec<_>>()).unwrap();
        let index = Array::from_slice(&[2, 4], &[0i64, 2, 1, 0, 2, 2, 0, 1]).unwrap();
        let out = Array::empty(Meta::new(Layout::contiguous([2, 4][..].into()), DType::F32, x.device)).unwrap();
        gather(&x, 0, &index, &out);
        assert_eq!(out.to_vec::<f32>(), [0.0, 9.0, 6.0, 3.0, 8.0, 9.0, 2.0, 7.0]);
        let y = Array::from_slice(&[3, 4], &[0f32; 12]).unwrap();
        scatter_add(&y, 0, &index, &out);
        assert_eq!(y.to_vec::<f32>(), [0.0, 0.0, 2.0, 3.0, 0.0, 0.0, 6.0, 7.0, 8.0, 18.0, 0.0, 0.0]);
        assert_eq!((out_of_range(&index, 3), out_of_range(&index, 2)), (None, Some(2)));
    }

    #[test]
    fn rows_move_as_runs() {
        let table = Array::from_slice(&[5, 9], &(0..45i64).collect::<Vec<_>>()).unwrap();
        let rows = Array::from_slice(&[4], &[4i64, 0, 4, 2]).unwrap();
        let index = rows.with_layout(rows.layout.unsqueezed(1).expand(&[4, 9]).unwrap());
        let out = Array::from_slice(&[4, 9], &[0i64; 36]).unwrap();
        gather(&table, 0, &index, &out);
        assert_eq!(out.to_vec::<i64>()[..10], [36, 37, 38, 39, 40, 41, 42, 43, 44, 0]);
        let sums = Array::from_slice(&[5, 9], &[0i64; 45]).unwrap();
        scatter_add(&sums, 0, &index, &out);
        let sums = sums.to_vec::<i64>();
        assert_eq!((sums[36], sums[0], sums[9], sums[18]), (72, 0, 0, 18));
    }
}
