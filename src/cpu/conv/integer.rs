//! Convolutions of integers, which wrap as PyTorch's do: the definition itself, since nobody trains on them.

use super::{Window, dims};
use crate::core::dtype::not_real;
use crate::core::{DType, Element};
use crate::cpu::strided::Raw;
use crate::cpu::threads;
use crate::device::Array;

/// As [`super::forward`], for integer dtypes.
pub fn forward(x: &Array, w: &Array, bias: Option<&Array>, out: &Array, window: Window) {
    if out.numel() == 0 {
        return;
    }
    match x.dtype {
        DType::U8 => run::<u8>(x, w, bias, out, window),
        DType::I8 => run::<i8>(x, w, bias, out, window),
        DType::I16 => run::<i16>(x, w, bias, out, window),
        DType::I32 => run::<i32>(x, w, bias, out, window),
        DType::I64 => run::<i64>(x, w, bias, out, window),
        other => not_real(other),
    }
}

fn run<T: Element>(x: &Array, w: &Array, bias: Option<&Array>, out: &Array, window: Window) {
    let ([n, o, oh, ow], [_, cg, kh, kw]) = (dims(out), dims(w));
    let og = o / window.groups.max(1);
    let (h, width) = (x.shape()[2] as isize, x.shape()[3] as isize);
    let at = |strides: &[isize], i: [usize; 4]| i.iter().zip(strides).map(|(&i, &s)| i as isize * s).sum::<isize>();
    let (xp, wp, yp) = (Raw::new(x.ptr::<T>()), Raw::new(w.ptr::<T>()), Raw::new(out.ptr::<T>()));
    let bias = bias.map(|b| (Raw::new(b.ptr::<T>()), b.strides()[0]));
    threads::run(n * o, &|plane| {
        let (b, to) = (plane / o, plane % o);
        for (y, z) in (0..oh).flat_map(|y| (0..ow).map(move |z| (y, z))) {
            // SAFETY: every index is checked against the sizes that the strides belong to; planes are apart.
            unsafe {
                let mut sum = bias.map_or(0, |(p, s)| p.at(to as isize * s).read().to_i64());
                for (c, i, j) in (0..cg).flat_map(|c| (0..kh).flat_map(move |i| (0..kw).map(move |j| (c, i, j)))) {
                    let row = (y * window.stride[0] + i * window.dilation[0]) as isize - window.pad[0];
                    let column = (z * window.stride[1] + j * window.dilation[1]) as isize - window.pad[1];
                    if row >= 0 && row < h && column >= 0 && column < width {
                        let from = [b, to / og * cg + c, row as usize, column as usize];
                        let product = xp.at(at(x.strides(), from)).read().to_i64();
                        sum = sum
                            .wrapping_add(product.wrapping_mul(wp.at(at(w.strides(), [to, c, i, j])).read().to_i64()));
                    }
                }
                yp.at(((plane * oh + y) * ow + z) as isize).write(T::from_i64(sum));
            }
        }
    });
}

/// As [`super::input_grad`], for int64: what a transposed convolution of integers is.
pub fn transposed(g: &Array, w: &Array, out: &Array, window: Window) {
    let ([n, o, gh, gw], [_, cg, kh, kw], [_, _, h, width]) = (dims(g), dims(w), dims(out));
    let og = o / window.groups.max(1);
    let plane = h * width;
    if out.numel() == 0 {
        return;
    }
    let (gp, wp, yp) = (Raw::new(g.ptr::<i64>()), Raw::new(w.ptr::<i64>()), Raw::new(out.ptr::<i64>()));
    threads::run(n * window.groups * cg, &|task| {
        let (b, c) = (task / (window.groups * cg), task % (window.groups * cg));
        // SAFETY: `g` and `w` are contiguous, every index is checked against the sizes; planes are apart.
        unsafe {
            let y = std::slice::from_raw_parts_mut(yp.at((task * plane) as isize), plane);
            y.fill(0);
            for (from, i, j) in (0..og).flat_map(|k| (0..kh).flat_map(move |i| (0..kw).map(move |j| (k, i, j)))) {
                let from = c / cg * og + from;
                let weight = wp.at((((from * cg + c % cg) * kh + i) * kw + j) as isize).read();
                for (p, q) in (0..gh).flat_map(|p| (0..gw).map(move |q| (p, q))) {
                    let row = (p * window.stride[0] + i * window.dilation[0]) as isize - window.pad[0];
                    let column = (q * window.stride[1] + j * window.dilation[1]) as isize - window.pad[1];
                    if row >= 0 && row < h as isize && column >= 0 && column < width as isize {
                        let g = gp.at((((b * o + from) * gh + p) * gw + q) as isize).read();
                        let to = &mut y[row as usize * width + column as usize];
                        *to = to.wrapping_add(g.wrapping_mul(weight));
                    }
                }
            }
        }
    });
}
