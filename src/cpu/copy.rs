//! Copies between any two arrays of one shape: any strides, any dtypes.

use crate::core::{Element, Shape};
use crate::device::Array;
use crate::dispatch;
use crate::error::Result;

/// `to[i] = from[i]`, cast to the dtype of `to`.
pub fn copy(from: &Array, to: &Array) -> Result<()> {
    dispatch!(from.dtype, S => dispatch!(to.dtype, D => walk(from, to, |x, y| {
        // SAFETY: both pointers come from `walk`, which stays inside the layouts.
        unsafe {
            let v: S = x.cast::<S>().read();
            let integral = S::DTYPE.is_integral();
            y.cast::<D>().write(if integral { D::from_i64(v.to_i64()) } else { D::from_f64(v.to_f64()) });
        }
    })));
    Ok(())
}

/// Calls `f` with the addresses of each pair of elements, in index order.
fn walk(a: &Array, b: &Array, mut f: impl FnMut(*const u8, *mut u8)) {
    let shape = b.shape();
    if b.numel() == 0 {
        return;
    }
    let (sa, sb) = (a.dtype.size() as isize, b.dtype.size() as isize);
    let mut index = Shape::filled(0, shape.len());
    let (mut pa, mut pb) = (a.bytes_ptr().cast_const(), b.bytes_ptr());
    loop {
        f(pa, pb);
        let mut d = shape.len();
        loop {
            if d == 0 {
                return;
            }
            d -= 1;
            index[d] += 1;
            (pa, pb) = (pa.wrapping_offset(a.strides()[d] * sa), pb.wrapping_offset(b.strides()[d] * sb));
            if index[d] < shape[d] {
                break;
            }
            let n = index[d] as isize;
            (pa, pb) = (pa.wrapping_offset(-n * a.strides()[d] * sa), pb.wrapping_offset(-n * b.strides()[d] * sb));
            index[d] = 0;
        }
    }
}
