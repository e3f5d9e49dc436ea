//! Writing at indices along one dim: set, multiplied, or the larger or smaller kept. (Adding stands in `gather.rs`.)
//!
//! Deterministic: every destination belongs to one thread, which meets its values in order, so that of several for one place the
//! last is kept.

use super::complex::{parts, twice};
use super::gather::write_shared;
use super::strided::Raw;
use crate::core::{Complex, DType, Element, Put, Stored};
use crate::device::Array;
use crate::dispatch;

use std::ops::{Add, Mul, Sub};

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
    match (out.dtype, how) {
        (DType::C64, Put::Multiply) => merge(out, dim, index, src, times::<f32>),
        (DType::C128, Put::Multiply) => merge(out, dim, index, src, times::<f64>),
        // Else set only: ops refuse the rest.
        (d, _) if d.is_complex() => scatter(&parts(out), dim, &twice(index), &parts(src), how),
        _ => dispatch!(out.dtype, T => merge(out, dim, index, src, |old: T, new| merged(how, old, new))),
    }
}

/// In the precision of the parts, as PyTorch multiplies: what is rounded at each step would differ otherwise.
fn times<T: Mul<Output = T> + Sub<Output = T> + Add<Output = T> + Copy>(a: Complex<T>, b: Complex<T>) -> Complex<T> {
    Complex { re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re }
}

fn merge<T: Stored>(out: &Array, dim: usize, index: &Array, src: &Array, merged: impl Fn(T, T) -> T + Copy + Sync) {
    let (y, at, x) = (Raw::new(out.ptr::<T>()), Raw::new(index.ptr::<i64>()), Raw::new(src.ptr::<T>()));
    write_shared(out, dim, index, src, &|share| {
        let ([x_step, at_step, y_step], along, has) = (share.walk.steps(), share.along, share.has());
        share.pieces(move |[i, k, o], n| {
            let (x, at, y) = (x.at(i), at.at(k), y.at(o));
            for j in 0..n as isize {
                // SAFETY: elements of the arrays; what this share may write no other writes.
                unsafe {
                    let to = *at.wrapping_offset(j * at_step);
                    if has(to) {
                        let to = y.wrapping_offset(j * y_step + to as isize * along);
                        *to = merged(*to, *x.wrapping_offset(j * x_step));
                    } else if at_step == 0 {
                        return;
                    }
                }
            }
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
