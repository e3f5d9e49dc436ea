//! Reading and writing at indices along one dim: gather, index_select, embedding, and their transposes, which add. Indices are
//! int64 of any strides; where an index repeats over a run (stride 0), whole runs move.
//!
//! What adds is deterministic: every thread owns a range of destinations and walks all indices in order.

use super::complex::{parts, twice};
use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{Bool, DType, Element, Strides};
use crate::device::Array;
use crate::{dispatch, simd};

const GRAIN: usize = 1 << 15;

/// The first index outside `0..size`, if there is one.
pub fn out_of_range(index: &Array, size: usize) -> Option<i64> {
    let walk = Walk::new(index.shape(), [index.strides()]);
    let p = Raw::new(index.ptr::<i64>());
    let mut bad = None;
    let step = walk.steps()[0];
    walk.pieces(0..walk.numel(), |[at], _, n| {
        for i in 0..n as isize {
            // SAFETY: an element of index.
            let v = unsafe { *p.at(at + i * step) };
            if (v as u64) >= size as u64 && bad.is_none() {
                bad = Some(v);
            }
        }
    });
    bad
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
    let [y_step, at_step, x_step] = walk.steps();
    threads::split(walk.numel(), GRAIN, &|range| {
        walk.pieces(range, |[o, k, i], _, n| {
            // SAFETY: elements of the arrays; this range alone writes its part of out.
            unsafe {
                if at_step == 0 {
                    let from = x.at(i + *at.at(k) as isize * along);
                    if x_step == 1 && y_step == 1 {
                        std::ptr::copy_nonoverlapping(from, y.at(o), n);
                    } else {
                        for j in 0..n as isize {
                            *y.at(o + j * y_step) = *from.wrapping_offset(j * x_step);
                        }
                    }
                    return;
                }
                for j in 0..n as isize {
                    let from = i + j * x_step + *at.at(k + j * at_step) as isize * along;
                    *y.at(o + j * y_step) = *x.at(from);
                }
            }
        });
    });
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
    let (rest, along) = without(out, dim);
    let walk = Walk::new(index.shape(), [src.strides(), index.strides(), &rest]);
    let size = if out.ndim() == 0 { 1 } else { out.shape()[dim] };
    let (y, at, x) = (Raw::new(out.ptr::<T>()), Raw::new(index.ptr::<i64>()), Raw::new(src.ptr::<T>()));
    let [x_step, at_step, y_step] = walk.steps();
    let n = walk.numel();
    let parts = if n < 2 * GRAIN { 1 } else { threads::count().min(size) };
    threads::run(parts, &|part| {
        let (low, high) = ((size * part / parts) as i64, (size * (part + 1) / parts) as i64);
        walk.pieces(0..n, |[i, k, o], _, n| {
            // SAFETY: elements of the arrays; this part alone writes rows low..high of out.
            unsafe {
                if at_step == 0 {
                    let to = *at.at(k);
                    if to < low || to >= high {
                        return;
                    }
                    let to = y.at(o + to as isize * along);
                    if x_step == 1 && y_step == 1 && n >= 8 {
                        return add_run(to, x.at(i), n);
                    }
                    for j in 0..n as isize {
                        let to = to.wrapping_offset(j * y_step);
                        *to = (*to).plus(*x.at(i + j * x_step));
                    }
                    return;
                }
                for j in 0..n as isize {
                    let to = *at.at(k + j * at_step);
                    if to >= low && to < high {
                        let to = y.at(o + j * y_step + to as isize * along);
                        *to = (*to).plus(*x.at(i + j * x_step));
                    }
                }
            }
        });
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
