//! Sums into memory where several indices name one element, in index order, so that the bits are the same
//! on every run.

use crate::core::{Element, Shape};
use crate::device::Array;
use crate::dispatch;
use crate::error::Result;

/// `to[i] += from[i]` for each index in order; `to` may be expanded.
pub fn add(from: &Array, to: &Array) -> Result<()> {
    if from.numel() == 0 {
        return Ok(());
    }
    let shape = from.shape();
    dispatch!(from.dtype, T => {
        let mut index = Shape::filled(0, shape.len());
        loop {
            let at = |s: &[isize]| index.iter().zip(s).map(|(&i, &s)| i as isize * s).sum::<isize>();
            // SAFETY: the index lies inside the shape, which both layouts cover.
            unsafe {
                let x = from.ptr::<T>().wrapping_offset(at(from.strides())).read();
                let y = to.ptr::<T>().wrapping_offset(at(to.strides()));
                y.write(if T::DTYPE.is_float() {
                    T::from_f64(y.read().to_f64() + x.to_f64())
                } else {
                    T::from_i64(y.read().to_i64().wrapping_add(x.to_i64()))
                });
            }
            let mut d = shape.len();
            loop {
                if d == 0 {
                    return Ok(());
                }
                d -= 1;
                index[d] += 1;
                if index[d] < shape[d] {
                    break;
                }
                index[d] = 0;
            }
        }
    })
}
