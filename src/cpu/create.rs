//! Ranges, and ones on a diagonal.

use std::ops::Range;

use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{DType, Element, Layout, Number, Stored};
use crate::device::Array;
use crate::dispatch;
use crate::expr::Native;
use crate::expr::math::complex as m;

const GRAIN: usize = 1 << 16;

/// `out[i] = value(i)`, where i counts elements in the order of memory.
fn each<T: Element>(out: &Array, value: &(dyn Fn(usize) -> T + Sync)) {
    let walk = Walk::in_memory_order(out.shape(), [out.strides()]);
    let (y, step) = (Raw::new(out.ptr::<T>()), walk.steps()[0]);
    threads::split(walk.numel(), GRAIN, &|range| {
        walk.pieces(range, |[at], start, n| {
            for i in 0..n {
                // SAFETY: an element that only this range has.
                unsafe { *y.at(at + i as isize * step) = value(start + i) }
            }
        });
    });
}

/// The places of elements of a matrix, row by row, into (2, count) numbers: all rows' and then all columns'.
pub fn triangle(out: &Array, rows: Range<i64>, columns: &(dyn Fn(i64) -> Range<i64> + Sync)) {
    // SAFETY: `out` is a fresh contiguous array of int64.
    let out = unsafe { std::slice::from_raw_parts_mut(out.ptr::<i64>(), out.numel()) };
    let (down, right) = out.split_at_mut(out.len() / 2);
    let mut places = down.iter_mut().zip(right);
    for r in rows {
        for (c, (to_row, to_column)) in columns(r).zip(&mut places) {
            (*to_row, *to_column) = (r, c);
        }
    }
}

/// `start + i * step`, in int64 or float64, then rounded. `out` is contiguous.
pub fn arange(out: &Array, start: Number, step: Number) {
    dispatch!(out.dtype, T => if T::DTYPE.is_integral() {
        let (start, step) = (start.to_i64(), step.to_i64());
        each::<T>(out, &|i| T::from_i64(start.wrapping_add(step.wrapping_mul(i as i64))));
    } else {
        let (start, step) = (start.to_f64(), step.to_f64());
        each::<T>(out, &|i| T::from_f64(start + step * i as f64));
    });
}

/// Evenly spaced from `start` to `end`, both included; counted from the nearer end, so that both ends are exact.
pub fn linspace(out: &Array, start: Number, end: Number) {
    if out.dtype.is_complex() {
        linspace(&out.part(0), start.to_f64().into(), end.to_f64().into());
        return linspace(&out.part(1), start.imag().into(), end.imag().into());
    }
    let (start, end) = (start.to_f64(), end.to_f64());
    let n = out.numel();
    // Integers are counted between whole numbers.
    let (start, end) = if out.dtype.is_float() { (start, end) } else { (start.trunc(), end.trunc()) };
    let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
    let single = out.dtype == DType::F32;
    // float32 computes in its own precision, as PyTorch's does.
    let (start_s, end_s) = (start as f32, end as f32);
    let step_s = if n > 1 { (end_s - start_s) / (n - 1) as f32 } else { 0.0 };
    if out.dtype.is_half() {
        return linspace_half(out, n, [start, end]);
    }
    dispatch!(out.dtype, T => each::<T>(out, &|i| {
        let first = i < n / 2 || n == 1;
        T::from_f64(match (single, first) {
            (true, true) => step_s.mul_add(i as f32, start_s) as f64,
            (true, false) => (-step_s).mul_add((n - i - 1) as f32, end_s) as f64,
            (false, true) => step.mul_add(i as f64, start),
            (false, false) => (-step).mul_add((n - i - 1) as f64, end),
        })
    }));
}

/// `base` to the power of evenly spaced numbers from `start` to `end`, both included.
pub fn logspace(out: &Array, start: Number, end: Number, base: f64) {
    let n = out.numel();
    let steps = n.saturating_sub(1).max(1) as f64;
    if out.dtype.is_complex() {
        let (start, end) = (m::of(start.to_f64(), start.imag()), m::of(end.to_f64(), end.imag()));
        let step = m::of((end.re - start.re) / steps, (end.im - start.im) / steps);
        let Layout { strides, .. } = &out.layout;
        for i in 0..n {
            let (from, k) = if i < n / 2 || n == 1 { (start, i as f64) } else { (end, -((n - i - 1) as f64)) };
            let power = m::of(step.re.mul_add(k, from.re), step.im.mul_add(k, from.im));
            super::complex::write(out, i as isize * strides[0], Native::pow(m::of(base, 0.0), power));
        }
        return;
    }
    let (start, end) = (start.to_f64(), end.to_f64());
    if n == 1 {
        return super::copy::fill(out, Number::Float(base.powf(start)));
    }
    let float = out.dtype.is_float();
    dispatch!(out.dtype, T => {
        // Floats round where they lie, as PyTorch's do; integers are counted in float64.
        let round = |v: f64| if float { T::from_f64(v).to_f64() } else { v };
        let (start, end) = if float { (round(start), round(end)) } else { (start.trunc(), end.trunc()) };
        let step = round(round(end - start) / round(steps));
        each::<T>(out, &|i| {
            let first = i < n / 2;
            let way = round(step * round(if first { i } else { n - i - 1 } as f64));
            T::from_f64(round(base).powf(round(if first { start + way } else { end - way })))
        });
    });
}

/// `linspace` in halves, where PyTorch rounds the step, the places and each product.
fn linspace_half(out: &Array, n: usize, ends: [f64; 2]) {
    dispatch!(out.dtype, T => {
        let round = |v: f64| T::from_f64(v).to_f64();
        let [start, end] = ends.map(round);
        let step = if n > 1 { round(round(end - start) / round((n - 1) as f64)) } else { 0.0 };
        each::<T>(out, &|i| {
            let first = i < n / 2 || n == 1;
            let way = round(step * round(if first { i } else { n - i - 1 } as f64));
            T::from_f64(if first { start + way } else { end - way })
        });
    });
}

/// Ones on the diagonal of the contiguous 2-d `out`, zeros elsewhere.
pub fn eye(out: &Array) {
    super::copy::fill(out, Number::Int(0));
    let n = out.shape()[0].min(out.shape()[1]);
    let diagonal =
        Layout { shape: [n][..].into(), strides: [out.shape()[1] as isize + 1][..].into(), ..out.layout.clone() };
    super::copy::fill(&out.with_layout(diagonal), Number::Int(1));
}
