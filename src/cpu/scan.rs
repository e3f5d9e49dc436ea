//! Running values along a dim: each depends on the one before it, so threads share lines, never a line.

use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{Element, Strides};
use crate::device::Array;
use crate::dispatch;

/// Elements that pay for handing work to another thread.
const GRAIN: usize = 1 << 16;

/// Running values along `dim`: `y[i] = a[i] y[i - 1] + b[i]`, from `first` on, forwards or backwards; a missing `b` adds nothing.
/// One dtype; floats are carried in f64 and rounded at each store, as PyTorch's scans do, and integers wrap.
pub fn scan(a: &Array, b: Option<&Array>, dim: usize, backwards: bool, first: f64, out: &Array) {
    if out.numel() == 0 {
        return;
    }
    if a.dtype.is_complex() {
        return super::complex::scan(a, b, dim, backwards, first, out);
    }
    // Where lines begin: one place along `dim`.
    let mut begins = a.layout.shape.clone();
    let n = begins.get_mut(dim).map_or(1, |n| std::mem::replace(n, 1));
    let none = Strides::zeros(a.ndim());
    let lines = Walk::new(&begins, [a.strides(), out.strides(), b.map_or(&none, |b| b.strides())]);
    dispatch!(a.dtype, T => {
        // An operand from the first element of a line on, and the step to the next: the loop has nothing to ask.
        let line = |x: &Array| {
            let (x, step) = (Raw::new(x.ptr::<T>()), x.layout.strides.get(dim).copied().unwrap_or(0));
            if backwards { (Raw::new(x.at((n - 1) as isize * step)), -step) } else { (x, step) }
        };
        // What leaves every float as it is: -0.0 + 0.0 would be 0.0.
        let mut zero = T::from_f64(-0.0);
        let ((ap, a_step), (yp, y_step)) = (line(a), line(out));
        let (bp, b_step) = b.map_or((Raw::new(&raw mut zero), 0), line);
        let (from, first) = ([ap, bp], Start { n, float: first, steps: [a_step, b_step, y_step] });
        threads::split(lines.numel(), GRAIN.div_ceil(n), &|range| {
            let mut at = [[0; 3]; TOGETHER];
            let mut count = 0;
            lines.elements(range, |[pa, py, pb], _| {
                at[count] = [pa, pb, py];
                count += 1;
                if count == TOGETHER {
                    // SAFETY: lines of the operands; those of the output are apart.
                    unsafe { side_by_side::<T, TOGETHER>(from, yp, &at, first) };
                    count = 0;
                }
            });
            for one in &at[..count] {
                // SAFETY: as above.
                unsafe { side_by_side::<T, 1>(from, yp, &[*one], first) };
            }
        });
    });
}

/// Lines that are walked at once: a processor computes their elements while it waits for the ones before, and reads
/// neighbouring columns from one cache line.
const TOGETHER: usize = 8;

/// The numbers that all lines share: elements, the value before the first, and the operands' steps (a, b, out).
#[derive(Clone, Copy)]
struct Start {
    n: usize,
    float: f64,
    steps: [isize; 3],
}

/// Lines that begin at `at` (a, b, out).
///
/// # Safety
/// Each has `n` elements in the arrays, and nobody else writes those of `out`.
#[inline]
unsafe fn side_by_side<T: Element, const G: usize>(
    [a, b]: [Raw<T>; 2],
    out: Raw<T>,
    at: &[[isize; 3]; G],
    first: Start,
) {
    let (mut float, mut int) = ([first.float; G], [first.float as i64; G]);
    let [a_step, b_step, y_step] = first.steps;
    for i in 0..first.n as isize {
        for g in 0..G {
            let [pa, pb, py] = at[g];
            // SAFETY: says the caller.
            unsafe {
                let (x, more) = (a.at(pa + i * a_step).read(), b.at(pb + i * b_step).read());
                out.at(py + i * y_step).write(if T::DTYPE.is_float() {
                    float[g] = x.to_f64() * float[g] + more.to_f64();
                    T::from_f64(float[g])
                } else {
                    int[g] = x.to_i64().wrapping_mul(int[g]).wrapping_add(more.to_i64());
                    T::from_i64(int[g])
                });
            }
        }
    }
}
