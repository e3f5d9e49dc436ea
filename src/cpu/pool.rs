//! Max pooling of images, (n, c, h, w), with the places of the maxima; its gradient, and the gradient of that.
//!
//! A later maximum wins only if it is greater; NaN always wins, the last one of a window. What is padded never wins.

use half::{bf16, f16};

use super::strided::Raw;
use super::threads;
use crate::core::dtype::not_real;
use crate::core::{DType, Element, Layout};
use crate::device::Array;
use crate::error::Result;
use crate::{dispatch, simd};

/// Windows of a pooling, height first. Padding is in front; sizes say what is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
}

/// An element that a maximum can be taken of.
pub trait Ordered: Element {
    const LOWEST: Self;
    /// Whether this replaces the maximum so far.
    fn beats(self, best: Self) -> bool;
}

macro_rules! ordered {
    ($($t:ty, $lowest:expr, |$a:ident, $b:ident| $beats:expr;)*) => { $(
        impl Ordered for $t {
            const LOWEST: $t = $lowest;
            #[inline(always)]
            fn beats(self, best: $t) -> bool {
                let ($a, $b) = (self, best);
                $beats
            }
        }
    )* };
}
ordered! {
    f32, f32::NEG_INFINITY, |a, b| a > b || a.is_nan();
    f64, f64::NEG_INFINITY, |a, b| a > b || a.is_nan();
    f16, f16::NEG_INFINITY, |a, b| a > b || a.is_nan();
    bf16, bf16::NEG_INFINITY, |a, b| a > b || a.is_nan();
    u8, u8::MIN, |a, b| a > b;
    i8, i8::MIN, |a, b| a > b;
    i16, i16::MIN, |a, b| a > b;
    i32, i32::MIN, |a, b| a > b;
    i64, i64::MIN, |a, b| a > b;
}

/// One row of outputs of one plane.
struct Row<T> {
    x: *const T,
    sh: isize,
    sw: isize,
    h: usize,
    w: usize,
    /// The row, and how many outputs it has.
    y: usize,
    n: usize,
    windows: Windows,
}

/// Maxima of `x`, any strides, into `out` (n, c, oh, ow) and their places in the plane, row-major, into `places`; both
/// contiguous. All dtypes but bool.
pub fn max_pool2d(x: &Array, out: &Array, places: &Array, windows: Windows) {
    dispatch!(ordered x.dtype, T => forward::<T>(x, out, places, windows); else => not_real(x.dtype))
}

fn forward<T: Ordered>(x: &Array, out: &Array, places: &Array, windows: Windows) {
    let (s, z, o) = (x.strides(), x.shape(), out.shape());
    let (oh, ow) = (o[2], o[3]);
    if out.numel() == 0 {
        return;
    }
    let (xp, yp, pp) = (Raw::new(x.ptr::<T>()), Raw::new(out.ptr::<T>()), Raw::new(places.ptr::<i64>()));
    let taps = windows.kernel[0] * windows.kernel[1];
    let grain = (1usize << 14).div_ceil((oh * ow * taps).max(1));
    threads::split(o[0] * o[1], grain, &|planes| {
        for plane in planes {
            let (b, c) = (plane / o[1], plane % o[1]);
            for y in 0..oh {
                let x = xp.at(b as isize * s[0] + c as isize * s[1]).cast_const();
                let row = Row { x, sh: s[2], sw: s[3], h: z[2], w: z[3], y, n: ow, windows };
                let to = ((plane * oh + y) * ow) as isize;
                // SAFETY: the op has checked the shapes; each task has its own planes of the outputs.
                unsafe {
                    match (windows.stride[1], s[3]) {
                        (1, 1) => maxima::<T, 1>(&row, yp.at(to), pp.at(to)),
                        (2, 1) => maxima::<T, 2>(&row, yp.at(to), pp.at(to)),
                        _ => maxima::<T, 0>(&row, yp.at(to), pp.at(to)),
                    }
                }
            }
        }
    });
}

simd! {
    /// Steps between outputs are `S` elements, if that is not 0.
    unsafe fn maxima[T: Ordered, const S: usize][T, S](row: &Row<T>, out: *mut T, places: *mut i64) = maxima_body;
}

/// Outputs that are computed side by side.
const TILE: usize = 64;

#[inline(always)]
unsafe fn maxima_body<T: Ordered, const S: usize>(row: &Row<T>, out: *mut T, places: *mut i64) {
    let v = row.windows;
    let stride = if S == 0 { v.stride[1] } else { S };
    let step = if S == 0 { stride as isize * row.sw } else { S as isize };
    let top = (row.y * v.stride[0]) as isize - v.pad[0] as isize;
    // The first row of the window that lies in the image.
    let first =
        if top >= 0 { top } else { top + (-top as usize).div_ceil(v.dilation[0]) as isize * v.dilation[0] as isize };
    for tile in (0..row.n).step_by(TILE) {
        let n = TILE.min(row.n - tile);
        let mut best = [T::LOWEST; TILE];
        let mut at = [0i32; TILE];
        let left = (tile * stride) as isize - v.pad[1] as isize;
        for i in 0..n {
            let w = left + (i * stride) as isize;
            let inside =
                if w >= 0 { w } else { w + (-w as usize).div_ceil(v.dilation[1]) as isize * v.dilation[1] as isize };
            at[i] = (first * row.w as isize + inside) as i32;
        }
        for kh in 0..v.kernel[0] {
            let h = top + (kh * v.dilation[0]) as isize;
            if h < 0 || h >= row.h as isize {
                continue;
            }
            for kw in 0..v.kernel[1] {
                // Outputs lo..hi of the tile have this tap inside the image.
                let w0 = left + (kw * v.dilation[1]) as isize;
                let lo = if w0 >= 0 { 0 } else { (-w0 as usize).div_ceil(stride) };
                let room = row.w as isize - w0;
                let hi = if room <= 0 { 0 } else { (room as usize).div_ceil(stride).min(n) };
                let place = (h * row.w as isize + w0) as i32;
                for i in lo..hi {
                    // SAFETY: inside the image.
                    let x = unsafe { *row.x.offset(h * row.sh + w0 * row.sw + i as isize * step) };
                    let wins = x.beats(best[i]);
                    best[i] = if wins { x } else { best[i] };
                    at[i] = if wins { place + (i * stride) as i32 } else { at[i] };
                }
            }
        }
        for i in 0..n {
            // SAFETY: outputs tile..tile + n of the row.
            unsafe {
                *out.add(tile + i) = best[i];
                *places.add(tile + i) = at[i] as i64;
            }
        }
    }
}

/// Adds each element of `g` to `out` at its place in the plane; the rest of `out`, contiguous, is zero. Floats.
pub fn scatter(g: &Array, places: &Array, out: &Array) -> Result<()> {
    match g.dtype {
        DType::F64 => planes::<f64>(g, places, out, true),
        DType::F32 => planes::<f32>(g, places, out, true),
        _ => {
            // Sums in float32, rounded once.
            let sums = super::gemm::single(out.shape(), out)?;
            planes::<f32>(&super::gemm::widened(g)?, places, &sums, true);
            return super::copy::copy(&sums, out);
        }
    }
    Ok(())
}

/// `out[i] = x[places[i]]`, plane by plane; `out` contiguous. Floats.
pub fn gather(x: &Array, places: &Array, out: &Array) {
    dispatch!(float x.dtype, T => planes::<T>(x, places, out, false); else => ())
}

/// Moves between planes of elements and of places: adds to the places, or reads from there.
fn planes<T: Element + std::ops::Add<Output = T>>(x: &Array, places: &Array, out: &Array, add: bool) {
    let z = places.shape();
    let (count, n) = (z[0] * z[1], z[2] * z[3]);
    let size = if add { out.shape()[2] * out.shape()[3] } else { x.shape()[2] * x.shape()[3] };
    let (rows, columns) = (x.shape()[2], x.shape()[3]);
    let index = Layout::contiguous(places.shape().into());
    let (ps, xs) = (places.strides(), x.strides());
    let (xp, pp, yp) = (Raw::new(x.ptr::<T>()), Raw::new(places.ptr::<i64>()), Raw::new(out.ptr::<T>()));
    let to_plane = if add { size } else { n };
    threads::split(count, (1usize << 14).div_ceil((n + size).max(1)), &|planes| {
        for plane in planes {
            let (b, c) = ((plane / z[1]) as isize, (plane % z[1]) as isize);
            let (x, p) = (xp.at(b * xs[0] + c * xs[1]), pp.at(b * ps[0] + c * ps[1]));
            let y = yp.at((plane * to_plane) as isize);
            // SAFETY: indices below the sizes; places are checked, since they may come from the user.
            unsafe {
                if add {
                    std::ptr::write_bytes(y, 0, size);
                }
                for i in 0..n {
                    let (r, s) = ((i / z[3]) as isize, (i % z[3]) as isize);
                    let place = *p.offset(r * ps[2] + s * ps[3]) as usize;
                    if place >= size {
                        continue;
                    }
                    if add {
                        let v = *x.offset(r * xs[2] + s * xs[3]);
                        *y.add(place) = *y.add(place) + v;
                    } else {
                        let (h, w) = ((place / columns) as isize, (place % columns) as isize);
                        *y.add(i) = *x.offset(h * xs[2] + w * xs[3]);
                    }
                }
            }
        }
    });
    debug_assert!(index.numel() == count * n && rows * columns > 0 || count * n == 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::dispatch::{Level, set_level};

    fn pooled(x: &Array, out: [usize; 4], windows: Windows) -> (Vec<f32>, Vec<i64>) {
        let n = out.iter().product();
        let y = Array::from_slice(&out, &vec![0f32; n]).unwrap();
        let places = Array::from_slice(&out, &vec![0i64; n]).unwrap();
        max_pool2d(x, &y, &places, windows);
        (y.to_vec(), places.to_vec())
    }

    /// The definition.
    fn expected(x: &[f32], z: [usize; 4], out: [usize; 4], v: Windows) -> (Vec<f32>, Vec<i64>) {
        let (mut values, mut places) = (vec![], vec![]);
        for plane in 0..z[0] * z[1] {
            for (y, o) in (0..out[2]).flat_map(|y| (0..out[3]).map(move |o| (y, o))) {
                let (mut best, mut at) = (f32::NEG_INFINITY, -1);
                for (i, j) in (0..v.kernel[0]).flat_map(|i| (0..v.kernel[1]).map(move |j| (i, j))) {
                    let h = (y * v.stride[0] + i * v.dilation[0]) as isize - v.pad[0] as isize;
                    let w = (o * v.stride[1] + j * v.dilation[1]) as isize - v.pad[1] as isize;
                    if h >= 0 && w >= 0 && h < z[2] as isize && w < z[3] as isize {
                        let place = h as usize * z[3] + w as usize;
                        let value = x[plane * z[2] * z[3] + place];
                        if at < 0 || value > best || value.is_nan() {
                            (best, at) = (value, place as i64);
                        }
                    }
                }
                values.push(best);
                places.push(at);
            }
        }
        (values, places)
    }

    #[test]
    fn maxima_and_places() {
        let z = [2, 3, 13, 150];
        let mut values: Vec<f32> = (0..z.iter().product()).map(|i| ((i * 7919) % 31) as f32).collect();
        (0..values.len()).step_by(17).for_each(|i| values[i] = f32::NAN);
        (0..values.len()).step_by(5).for_each(|i| values[i] = f32::NEG_INFINITY);
        let x = Array::from_slice(&z, &values).unwrap();
        for (kernel, stride, pad, dilation) in [
            ([2, 2], [2, 2], [0, 0], [1, 1]),
            ([3, 3], [1, 1], [1, 1], [1, 1]),
            ([3, 2], [2, 3], [1, 0], [2, 3]),
            ([5, 4], [2, 2], [2, 2], [1, 2]),
        ] {
            let v = Windows { kernel, stride, pad, dilation };
            let size = |d: usize| (z[2 + d] + 2 * pad[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1;
            let out = [2, 3, size(0), size(1)];
            let want = expected(&values, z, out, v);
            for level in [Level::Portable, Level::Avx2, Level::Avx512] {
                set_level(level);
                let got = pooled(&x, out, v);
                assert_eq!(got.1, want.1, "{v:?}");
                assert!(got.0.iter().zip(&want.0).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
        }
    }

    #[test]
    fn gradients_go_to_the_places() {
        let places = Array::from_slice(&[1, 2, 1, 2], &[0i64, 0, 3, 1]).unwrap();
        let g = Array::from_slice(&[1, 2, 1, 2], &[1f32, 2.0, 3.0, 4.0]).unwrap();
        let x = Array::from_slice(&[1, 2, 2, 2], &[9f32; 8]).unwrap();
        scatter(&g, &places, &x).unwrap();
        assert_eq!(x.to_vec::<f32>(), [3.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 3.0]);
        let y = Array::from_slice(&[1, 2, 1, 2], &[0f32; 4]).unwrap();
        gather(&x, &places, &y);
        assert_eq!(y.to_vec::<f32>(), [3.0, 3.0, 3.0, 4.0]);
    }
}
