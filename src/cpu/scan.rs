//! Running values along a dim: each depends on the one before it, so threads share lines, never a line.

use super::strided::Raw;
use super::threads;
use crate::core::{Element, Shape, Strides};
use crate::device::Array;
use crate::dispatch;

/// Elements that pay for handing work to another thread.
const GRAIN: usize = 1 << 16;

/// Running values along `dim`: `y[i] = a[i] y[i - 1] + b[i]`, from `first` on, forwards or backwards; a missing `b` is 0.
/// One dtype; floats are carried in f64 and rounded at each store, as PyTorch's scans do, and integers wrap.
pub fn scan(a: &Array, b: Option<&Array>, dim: usize, backwards: bool, first: f64, out: &Array) {
    let n = a.layout.shape.get(dim).copied().unwrap_or(1);
    let step = |x: &Array| x.layout.strides.get(dim).copied().unwrap_or(0);
    let lines = |x: &Array| -> (Shape, Strides) {
        let keep = || (0..x.ndim()).filter(|&d| d != dim);
        (keep().map(|d| x.shape()[d]).collect(), keep().map(|d| x.strides()[d]).collect())
    };
    let ((shape, from), (_, to)) = (lines(a), lines(out));
    let beside = b.map_or(Strides::filled(0, shape.len()), |b| lines(b).1);
    let count: usize = shape.iter().product();
    if n == 0 || count == 0 {
        return;
    }
    let place = |mut line: usize, strides: &Strides| {
        let mut at = 0;
        for d in (0..shape.len()).rev() {
            at += (line % shape[d]) as isize * strides[d];
            line /= shape[d];
        }
        at
    };
    dispatch!(a.dtype, T => {
        let (ap, yp) = (Raw::new(a.ptr::<T>()), Raw::new(out.ptr::<T>()));
        let bp = b.map(|b| (Raw::new(b.ptr::<T>()), step(b)));
        threads::split(count, GRAIN.div_ceil(n), &|range| for line in range {
            let (pa, py, pb) = (place(line, &from), place(line, &to), place(line, &beside));
            let (mut float, mut int) = (first, first as i64);
            for k in 0..n {
                let i = if backwards { n - 1 - k } else { k } as isize;
                // SAFETY: element i of one line of each operand; lines of the output are apart.
                unsafe {
                    let x = ap.at(pa + i * step(a)).read();
                    let more = bp.map_or(T::ZERO, |(p, s)| p.at(pb + i * s).read());
                    yp.at(py + i * step(out)).write(if T::DTYPE.is_float() {
                        float = x.to_f64() * float + more.to_f64();
                        T::from_f64(float)
                    } else {
                        int = x.to_i64().wrapping_mul(int).wrapping_add(more.to_i64());
                        T::from_i64(int)
                    });
                }
            }
        });
    });
}
