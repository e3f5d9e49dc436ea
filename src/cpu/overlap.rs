//! Sums into memory where several indices name one element, in index order, so that the bits are the same
//! on every run.

use super::complex::parts;
use super::strided::Walk;
use crate::core::{Element, Layout, Stored};
use crate::device::Array;
use crate::dispatch;

/// `to[i] += from[i]` for each index in order; `to` may be expanded.
pub fn add(from: &Array, to: &Array) {
    if from.dtype.is_complex() {
        return add(&parts(from), &parts(to));
    }
    let walk = Walk::new(from.shape(), [from.strides(), to.strides()]);
    dispatch!(from.dtype, T => walk.elements(0..from.numel(), |[x, y], _| {
        // SAFETY: the index lies inside the shape, which both layouts cover.
        unsafe {
            let x = from.ptr::<T>().wrapping_offset(x).read();
            let y = to.ptr::<T>().wrapping_offset(y);
            y.write(if T::DTYPE.is_float() {
                T::from_f64(y.read().to_f64() + x.to_f64())
            } else {
                T::from_i64(y.read().to_i64().wrapping_add(x.to_i64()))
            });
        }
    }));
}

/// Divides each element of the contiguous `room` by how many indices of `layout` name it, where that is more than one.
pub fn share(room: &Array, layout: &Layout) {
    if room.dtype.is_complex() {
        return share(&parts(room), &layout.parts());
    }
    let mut counts = vec![0u32; room.numel()];
    let at = |i: isize| layout.offset as isize + i;
    Walk::new(&layout.shape, [&layout.strides]).elements(0..layout.numel(), |[i], _| counts[at(i) as usize] += 1);
    dispatch!(room.dtype, T => for (i, &n) in counts.iter().enumerate().filter(|&(_, &n)| n > 1) {
        // SAFETY: element i of the room.
        unsafe {
            let x = room.ptr::<T>().add(i);
            x.write(T::from_f64(x.read().to_f64() / n as f64));
        }
    });
}
