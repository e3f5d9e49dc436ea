//! Writing at indices along one dim: set, multiplied, or the larger or smaller kept. (Adding stands in `gather.rs`.)
//!
//! Deterministic: every thread owns a range of destinations and walks all indices in order, so that of several values for one place
//! the last is kept.

use super::complex::{parts, twice};
use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{Element, Strides};
use crate::device::Array;
use crate::dispatch;

const GRAIN: usize = 1 << 15;

/// What becomes of an element `old` for which there is `new`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Set,
    Multiply,
    /// NaN wins.
    Larger,
    /// NaN wins.
    Smaller,
}

#[inline(always)]
fn merged<T: Element>(how: Put, old: T, new: T) -> T {
    if how == Put::Set {
        return new;
    }
    if T::DTYPE.is_float() {
        let (a, b) = (old.to_f64(), new.to_f64());
        return match how {
            Put::Multiply => T::from_f64(a * b),
            Put::Larger if b > a || b.is_nan() => new,
            Put::Smaller if b < a || b.is_nan() => new,
            _ => old,
        };
    }
    let (a, b) = (old.to_i64(), new.to_i64());
    match how {
        Put::Multiply => T::from_i64(a.wrapping_mul(b)),
        Put::Larger if b > a => new,
        Put::Smaller if b < a => new,
        _ => old,
    }
}

/// `out[i.., index[i.., k, j..], j..]` set to, or merged with, `src[i.., k, j..]`, in the order of `index`, which is no larger than
/// `src` in any dim. `out` may have any strides, without overlap; all indices are in range. None is 0-d.
pub fn scatter(out: &Array, dim: usize, index: &Array, src: &Array, how: Put) {
    if out.dtype.is_complex() {
        // Set only: ops refuse the rest.
        return scatter(&parts(out), dim, &twice(index), &parts(src), how);
    }
    let mut rest: Strides = out.layout.strides.clone();
    let along = std::mem::take(&mut rest[dim]);
    let walk = Walk::new(index.shape(), [src.strides(), index.strides(), &rest]);
    let size = out.shape()[dim];
    let n = walk.numel();
    let parts = if n < 2 * GRAIN { 1 } else { threads::count().min(size) };
    dispatch!(out.dtype, T => {
        let (y, at, x) = (Raw::new(out.ptr::<T>()), Raw::new(index.ptr::<i64>()), Raw::new(src.ptr::<T>()));
        let [x_step, at_step, y_step] = walk.steps();
        threads::run(parts, &|part| {
            let (low, high) = ((size * part / parts) as i64, (size * (part + 1) / parts) as i64);
            walk.pieces(0..n, |[i, k, o], _, n| {
                for j in 0..n as isize {
                    // SAFETY: elements of the arrays; this part alone writes rows low..high of out.
                    unsafe {
                        let to = *at.at(k + j * at_step);
                        if to >= low && to < high {
                            let to = y.at(o + j * y_step + to as isize * along);
                            *to = merged(how, *to, *x.at(i + j * x_step));
                        } else if at_step == 0 {
                            return;
                        }
                    }
                }
            });
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_place_is_kept() {
        let y = Array::from_slice(&[4], &[1f32, 2.0, 3.0, 4.0]).unwrap();
        let index = Array::from_slice(&[3], &[2i64, 0, 2]).unwrap();
        let x = Array::from_slice(&[3], &[5f32, f32::NAN, 7.0]).unwrap();
        scatter(&y, 0, &index, &x, Put::Set);
        let v = y.to_vec::<f32>();
        assert!(v[0].is_nan() && v[1..] == [2.0, 7.0, 4.0]);
        scatter(&y, 0, &index, &Array::from_slice(&[3], &[5f32, 1.0, 9.0]).unwrap(), Put::Larger);
        let v = y.to_vec::<f32>();
        assert!(v[0].is_nan() && v[1..] == [2.0, 9.0, 4.0]);
    }
}
