//! Convolution of images, (n, c, h, w), and its two gradients, as implicit matrix products.
//!
//! No im2col matrix is made: each task copies its image into a zero-padded plane and packs from there the panels that the
//! matrix kernels read; groups of one or two outputs need no matrix at all (`direct.rs`). Sums run over (c, kh, kw) as in
//! [`super::gemm`], so bits do not depend on the machine.

mod backward;
mod direct;
mod integer;
mod plane;

use super::copy::{contiguous, copy};
use super::gemm::drive::{Gemm, Mat, Target, gemm, scratch, tiles};
use super::gemm::epilogue::Epilogue;
use super::gemm::micro::{KC, Product};
use super::gemm::{single, widened};
use super::strided::Raw;
use super::threads;
use crate::core::DType;
use crate::device::Array;
use crate::error::Result;

pub use backward::{input_grad, weight_grad};
use plane::{Image, SLACK, Taps};

/// How the kernel moves over the image, height first. What is padded behind follows from the sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub stride: [usize; 2],
    /// Zeros in front; negative cuts off.
    pub pad: [isize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
}

/// `out = x * w + bias`: x (n, c, h, w), w (o, c / groups, kh, kw), out (n, o, oh, ow), contiguous. Floats; strides of
/// inputs are any.
pub fn forward(x: &Array, w: &Array, bias: Option<&Array>, out: &Array, window: Window) -> Result<()> {
    let w = &contiguous(w)?;
    match x.dtype {
        dtype if dtype.is_integral() => integer::forward(x, w, bias, out, window),
        DType::F64 => run::<f64>(x, w, bias, out, window),
        DType::F32 => run::<f32>(x, w, bias, out, window),
        _ => {
            let y = single(out.shape(), out)?;
            let bias = bias.map(widened).transpose()?;
            run::<f32>(&widened(x)?, &widened(w)?, bias.as_ref(), &y, window);
            return copy(&y, out);
        }
    }
    Ok(())
}

/// Image `n`, channels from `c` on.
fn image<T: Product>(x: &Array, n: usize, c: usize, channels: usize) -> Image<T> {
    let (s, z) = (x.strides(), x.shape());
    let p = x.ptr::<T>().wrapping_offset(n as isize * s[0] + c as isize * s[1]);
    Image { p, channels, h: z[2], w: z[3], sc: s[1], sh: s[2], sw: s[3] }
}

/// How many parts to cut each of `units` images into, so that all threads have work; `work` is that of all.
fn parts(units: usize, work: usize, most: usize) -> usize {
    let threads = threads::count();
    if threads == 1 || work < 1 << 19 || units >= 4 * threads {
        1
    } else {
        (4 * threads).div_ceil(units).min(most).max(1)
    }
}

/// Runs `f(0..units * parts)`, on all threads if there is work for them.
fn each(tasks: usize, work: usize, f: &(dyn Fn(usize) + Sync)) {
    if work < 1 << 19 { (0..tasks).for_each(f) } else { threads::run(tasks, f) }
}

fn run<T: Product>(x: &Array, w: &Array, bias_array: Option<&Array>, out: &Array, window: Window) {
    let [n, o, oh, ow] = dims(out);
    let [_, cg, kh, kw] = dims(w);
    let groups = window.groups;
    let og = o / groups;
    let t = Taps::new(window, [kh, kw], [oh, ow]);
    let (k, pixels) = (cg * kh * kw, oh * ow);
    if out.numel() == 0 {
        return;
    }
    let kn = T::kernels();
    let (wp, yp) = (Raw::new(w.ptr::<T>()), Raw::new(out.ptr::<T>()));
    let bias = bias_array.map(|b| (Raw::new(b.ptr::<T>()), b.strides()[0]));
    let epilogue = |first: usize| Epilogue {
        alpha: T::ONE,
        beta: T::ONE,
        add: bias.map(|(b, step)| Mat { p: b.at(first as isize * step).cast_const(), rs: step, cs: 0 }),
        relu: false,
    };
    let work = out.numel() * k;
    let pointwise = t.taps() == 1 && window.stride == [1, 1] && window.pad == [0, 0] && x.is_contiguous();
    if pointwise && oh == x.shape()[2] && ow == x.shape()[3] {
        // One tap: the image is the matrix.
        let few = n * groups < 2 * threads::count();
        let xp = Raw::new(x.ptr::<T>());
        let one = |i: usize| {
            let (b, g) = (i / groups, i % groups);
            let g = Gemm {
                m: og,
                n: pixels,
                k,
                a: Mat { p: wp.at((g * og * k) as isize).cast_const(), rs: k as isize, cs: 1 },
                b: Mat { p: xp.at((i * cg * pixels) as isize).cast_const(), rs: pixels as isize, cs: 1 },
                c: yp.at(((b * o + g * og) * pixels) as isize),
                ldc: pixels,
                epilogue: epilogue(g * og),
            };
            // SAFETY: the op has checked the shapes; each task has its own part of `out`.
            unsafe { gemm(&g, few) }
        };
        return if few { (0..n * groups).for_each(one) } else { each(n * groups, work, &one) };
    }
    if direct::pays(og) {
        return direct::forward::<T>(x, w, bias_array, out, window);
    }
    let offsets = t.offsets(cg);
    let panels = pixels.div_ceil(kn.nr);
    let parts = parts(n * groups, work, panels.div_ceil(4));
    each(n * groups * parts, work, &|task| {
        let (i, part) = (task / parts, task % parts);
        let (b, g) = (i / groups, i % groups);
        let (p0, p1) = (panels * part / parts * kn.nr, (panels * (part + 1) / parts * kn.nr).min(pixels));
        if p0 >= p1 {
            return;
        }
        // SAFETY: as above; scratch is as large as what is put there.
        unsafe {
            let nc = (2048 / size_of::<T>()).min((p1 - p0).next_multiple_of(kn.nr));
            let planes = cg * t.plane() + SLACK;
            let room = scratch::<T>(planes + nc * KC.min(k) + SLACK);
            let plane = room.ptr().cast::<T>();
            let bp = plane.add(planes);
            let rows = p0 / ow * window.stride[0]..(p1 - 1) / ow * window.stride[0] + (kh - 1) * window.dilation[0] + 1;
            t.fill(&image::<T>(x, b, g * cg, cg), rows, plane);
            let (c, a) = (yp.at(((b * o + g * og) * pixels) as isize), wp.at((g * og * k) as isize).cast_const());
            for jc in (p0..p1).step_by(nc) {
                let jw = nc.min(p1 - jc);
                for pc in (0..k).step_by(KC) {
                    let kw = KC.min(k - pc);
                    t.pack(kn, plane, &offsets[pc..pc + kw], jc, jw, bp);
                    let a = Mat { p: a.add(pc), rs: k as isize, cs: 1 };
                    let to = Target { c: c.wrapping_add(jc), ldc: pixels, rows: og, cols: jw };
                    tiles(kn, kw, a, bp, kn.nr, kn.nr * kw, true, &to, pc == 0);
                }
                epilogue(g * og).apply(c, pixels, 0, og, jc, jc + jw, k == 0);
            }
        }
    });
}

fn dims(x: &Array) -> [usize; 4] {
    std::array::from_fn(|d| x.shape()[d])
}

#[cfg(test)]
mod tests;
