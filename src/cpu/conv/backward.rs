//! The gradients of a convolution: of the image by the flipped kernel (or, with strides, by scattering columns), of the
//! kernel by a product over all pixels.

use super::plane::{SLACK, Taps};
use super::{Window, dims, direct, each, image, run};
use crate::core::DType;
use crate::cpu::copy::{contiguous, copy};
use crate::cpu::gemm::drive::{Gemm, Mat, Target, gemm, scratch, tiles};
use crate::cpu::gemm::epilogue::Epilogue;
use crate::cpu::gemm::micro::{AS, KC, Product};
use crate::cpu::gemm::pack::copy_block;
use crate::cpu::gemm::{single, widened};
use crate::cpu::strided::Raw;
use crate::device::{Array, Storage};
use crate::error::Result;

/// The gradient of x, from that of the output `g`: `out` (n, c, h, w) contiguous.
pub fn input_grad(g: &Array, w: &Array, out: &Array, window: Window) -> Result<()> {
    let (g, w) = (&contiguous(g)?, &contiguous(w)?);
    match g.dtype {
        DType::F64 => input::<f64>(g, w, out, window),
        DType::F32 => input::<f32>(g, w, out, window),
        DType::I64 => {
            super::integer::transposed(g, w, out, window);
            Ok(())
        }
        _ => {
            let y = single(out.shape(), out)?;
            input::<f32>(&widened(g)?, &widened(w)?, &y, window)?;
            copy(&y, out)
        }
    }
}

fn input<T: Product>(g: &Array, w: &Array, out: &Array, window: Window) -> Result<()> {
    let [o, cg, kh, kw] = dims(w);
    let groups = window.groups;
    let og = o / groups;
    if window.stride == [1, 1] {
        // A convolution of g with the kernel turned by half a turn, inputs and outputs swapped.
        let flipped = Array::empty(w.meta.contiguous([groups * cg, og, kh, kw][..].into()))?;
        let (from, to) = (w.ptr::<T>(), flipped.ptr::<T>());
        let taps = kh * kw;
        for (at, (c, i)) in (0..groups * cg).flat_map(|c| (0..og).map(move |i| (c, i))).enumerate() {
            let first = ((c / cg * og + i) * cg + c % cg) * taps;
            for q in 0..taps {
                // SAFETY: a permutation of the kernel's elements.
                unsafe { *to.add(at * taps + q) = *from.add(first + taps - 1 - q) }
            }
        }
        let pad = |d: usize, k: usize| (window.dilation[d] * (k.max(1) - 1)) as isize - window.pad[d];
        run::<T>(g, &flipped, None, out, Window { pad: [pad(0, kh), pad(1, kw)], ..window });
        return Ok(());
    }
    if direct::pays(og) {
        direct::input_grad::<T>(g, w, out, window);
    } else {
        scatter::<T>(g, w, out, window);
    }
    Ok(())
}

/// Columns `W^T g` of the pixels, added where their taps came from.
fn scatter<T: Product>(g: &Array, w: &Array, out: &Array, window: Window) {
    let [n, o, oh, ow] = dims(g);
    let [_, cg, kh, kw] = dims(w);
    let [_, _, h, wd] = dims(out);
    let groups = window.groups;
    let (og, k, pixels) = (o / groups, cg * kh * kw, oh * ow);
    let t = Taps::new(window, [kh, kw], [oh, ow]);
    let offsets = t.offsets(cg);
    let (gp, wp, xp) = (Raw::new(g.ptr::<T>()), Raw::new(w.ptr::<T>()), Raw::new(out.ptr::<T>()));
    let block = (1usize << 16).div_ceil(k.max(1)).clamp(64, 1024).min(pixels.max(1));
    each(n * groups, g.numel() * k, &|i| {
        let room = scratch::<T>(cg * t.plane() + k * block);
        let plane = room.ptr().cast::<T>();
        // SAFETY: each task has its own image of `out`, and scratch as large as what is put there.
        unsafe {
            std::ptr::write_bytes(plane, 0, cg * t.plane());
            let columns = plane.add(cg * t.plane());
            for p0 in (0..pixels).step_by(block) {
                let width = block.min(pixels - p0);
                let product = Gemm {
                    m: k,
                    n: width,
                    k: og,
                    a: Mat { p: wp.at((i % groups * og * k) as isize).cast_const(), rs: 1, cs: k as isize },
                    b: Mat { p: gp.at((i * og * pixels + p0) as isize).cast_const(), rs: pixels as isize, cs: 1 },
                    c: columns,
                    ldc: width,
                    epilogue: Epilogue { alpha: T::ONE, beta: T::ONE, add: None, relu: false },
                };
                gemm(&product, false);
                for (q, offset) in offsets.iter().enumerate() {
                    for p in 0..width {
                        let to = plane.add(offset + t.base(p0 + p));
                        *to = *to + *columns.add(q * width + p);
                    }
                }
            }
            let x = xp.at((i * cg * h * wd) as isize);
            t.cut(plane, |c, y, z| c * t.plane() + y * t.pw + z, x, [cg, h, wd]);
        }
    });
}

/// The gradient of w, from that of the output `g`: `out` (o, c / groups, kh, kw) contiguous.
pub fn weight_grad(g: &Array, x: &Array, out: &Array, window: Window) -> Result<()> {
    let g = &contiguous(g)?;
    match g.dtype {
        DType::F64 => weight::<f64>(g, x, out, window),
        DType::F32 => weight::<f32>(g, x, out, window),
        _ => {
            let y = single(out.shape(), out)?;
            weight::<f32>(&widened(g)?, &widened(x)?, &y, window)?;
            copy(&y, out)
        }
    }
}

/// Rows of the kernel's gradient that one task computes at most, and of them that are packed at once.
const ROWS: usize = 480;
const CHUNK: usize = 120;

/// Computed transposed, (c, kh, kw) x o, so that rows of A are runs of the image. The pixels of all images are cut into
/// slabs, by shape alone, whose sums are added in order.
fn weight<T: Product>(g: &Array, x: &Array, out: &Array, window: Window) -> Result<()> {
    let [n, o, oh, ow] = dims(g);
    let [_, cg, kh, kw] = dims(out);
    let groups = window.groups;
    let (og, k, pixels) = (o / groups, cg * kh * kw, oh * ow);
    if out.numel() == 0 {
        return Ok(());
    }
    if direct::pays(og) {
        return direct::weight_grad::<T>(g, x, out, window);
    }
    let t = Taps::new(window, [kh, kw], [oh, ow]);
    let offsets = t.offsets(cg);
    // A block of pixels: several small images, or a part of a large one.
    let per_block = KC.checked_div(pixels).map_or(1, |images| images.max(1));
    let blocks = if per_block > 1 { n.div_ceil(per_block) } else { n * pixels.div_ceil(KC) };
    let work = g.numel() * k;
    let slabs = (work >> 21).clamp(1, 16).min(((4 << 20) / out.numel()).max(1)).min(blocks.max(1));
    let row_groups = k.div_ceil(ROWS);
    let size = groups * k * og;
    let sums = Storage::zeroed(slabs * size * size_of::<T>())?;
    let (sp, gp) = (Raw::new(sums.ptr().cast::<T>()), Raw::new(g.ptr::<T>()));
    let kn = T::kernels();
    each(groups * slabs * row_groups, work, &|task| {
        let (slab, rest) = (task / (groups * row_groups), task % (groups * row_groups));
        let (group, rg) = (rest / row_groups, rest % row_groups);
        let rows = k * rg / row_groups..k * (rg + 1) / row_groups;
        let c = sp.at((slab * size + group * k * og) as isize);
        let planes = per_block * cg * t.plane() + SLACK;
        let (b_room, a_room) = (KC * og.next_multiple_of(kn.nr), CHUNK.min(rows.len()) * AS + SLACK);
        let room = scratch::<T>(planes + b_room + a_room);
        let plane = room.ptr().cast::<T>();
        // SAFETY: tasks have rows or slabs of their own; scratch is as large as what is put there.
        unsafe {
            let (bp, ap) = (plane.add(planes), plane.add(planes + b_room));
            let mut filled = usize::MAX;
            for block in blocks * slab / slabs..blocks * (slab + 1) / slabs {
                // Images first..last, and of each pixels p0..p1.
                let per_image = pixels.div_ceil(KC).max(1);
                let (first, last, p0, p1) = if per_block > 1 {
                    (block * per_block, ((block + 1) * per_block).min(n), 0, pixels)
                } else {
                    let (i, part) = (block / per_image, block % per_image);
                    (i, i + 1, part * KC, ((part + 1) * KC).min(pixels))
                };
                let (each_image, depth) = (p1 - p0, (p1 - p0) * (last - first));
                if filled != first {
                    for i in first..last {
                        let to = plane.add((i - first) * cg * t.plane());
                        t.fill(&image::<T>(x, i, group * cg, cg), 0..t.ph, to);
                    }
                    filled = first;
                }
                for (panel, j) in (0..og).step_by(kn.nr).enumerate() {
                    let cols = kn.nr.min(og - j);
                    let d = bp.add(panel * kn.nr * depth);
                    if cols < kn.nr {
                        std::ptr::write_bytes(d, 0, kn.nr * depth);
                    }
                    for i in first..last {
                        let from = gp.at((((i * groups + group) * og + j) * pixels + p0) as isize).cast_const();
                        let d = d.add((i - first) * each_image * kn.nr);
                        copy_block(from, 1, pixels as isize, d, kn.nr, each_image, cols);
                    }
                }
                for r0 in rows.clone().step_by(CHUNK) {
                    let r1 = (r0 + CHUNK).min(rows.end);
                    for i in 0..last - first {
                        let from = plane.add(i * cg * t.plane()).cast_const();
                        t.pack_rows(from, &offsets[r0..r1], p0, each_image, ap.add(i * each_image));
                    }
                    let a = Mat { p: ap.cast_const(), rs: AS as isize, cs: 1 };
                    let to = Target { c: c.add(r0 * og), ldc: og, rows: r1 - r0, cols: og };
                    tiles(kn, depth, a, bp, kn.nr, kn.nr * depth, true, &to, false);
                }
            }
        }
    });
    // SAFETY: `sums` and `out` have the sizes above.
    unsafe {
        let total = sp.at(0);
        for slab in 1..slabs {
            for e in 0..size {
                *total.add(e) = *total.add(e) + *total.add(slab * size + e);
            }
        }
        for group in 0..groups {
            let at = group * k * og;
            copy_block(total.add(at).cast_const(), 1, og as isize, out.ptr::<T>().add(at), k, og, k);
        }
    }
    Ok(())
}
