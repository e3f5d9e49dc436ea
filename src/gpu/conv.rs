//! Convolutions of images on the GPU, as products without an im2col matrix: the kernel finds the elements of B in the zero-padded
//! image by adding what each digit of its row (c, kh, kw) and of its column (n, h, w) are worth. The three directions differ in
//! who plays which part; all gather, so sums have one order.

use super::copy::{copy, fill};
use super::gemm::{Job, Patch, matrix, run, wide};
use super::matmul::{Fused, matmul, supported};
use crate::core::{Layout, Meta, Number, Shape, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

/// How the kernel moves over the image, height first. What is padded behind follows from the sizes.
#[derive(Clone, Copy)]
pub struct Window {
    pub stride: [usize; 2],
    /// Zeros in front; negative cuts off.
    pub pad: [isize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
}

/// Operations and columns of a dispatch at most.
const MOST: usize = 4 << 30;
const COLUMNS: usize = 1 << 20;

fn view(x: &Array, shape: &[usize], strides: &[isize], moved: isize) -> Array {
    let offset = (x.layout.offset as isize + moved) as usize;
    x.with_layout(Layout { shape: Shape::from_slice(shape), strides: Strides::from_slice(strides), offset })
}

fn four<T: Copy + Default>(v: &[T]) -> [T; 4] {
    std::array::from_fn(|i| v.get(i).copied().unwrap_or_default())
}

/// The image with `pad` zeros in front (cut off where negative), of size `size`; itself where nothing is to add.
fn padded(x: &Array, pad: [isize; 2], size: [usize; 2]) -> Result<Array> {
    // Rows and columns of x that are seen: from where, to where, how many.
    let seen = [0, 1].map(|d| {
        let from = (-pad[d]).max(0);
        let to = pad[d].max(0);
        (from, to, (x.shape()[2 + d] as isize - from).min(size[d] as isize - to).max(0))
    });
    let s = four(x.strides());
    let shape = [x.shape()[0], x.shape()[1], size[0], size[1]];
    let from = seen[0].0 * s[2] + seen[1].0 * s[3];
    if [0, 1].iter().all(|&d| seen[d].2 == size[d] as isize) {
        return Ok(view(x, &shape, &s, from));
    }
    let out = Array::empty(Meta::new(Layout::contiguous(Shape::from_slice(&shape)), x.dtype, x.device))?;
    fill(&out, Number::Int(0))?;
    let part = [shape[0], shape[1], seen[0].2 as usize, seen[1].2 as usize];
    if part.contains(&0) {
        return Ok(out);
    }
    let t = four(out.strides());
    copy(&view(x, &part, &s, from), &view(&out, &part, &t, seen[0].1 * t[2] + seen[1].1 * t[3]))?;
    Ok(out)
}

/// A matrix of the last dim of `x`'s five (groups, three digits of k, rows), as (groups, k, rows) with room for whole fours of rows.
fn packed(x: &Array) -> Result<Array> {
    let z = x.shape();
    let (groups, k, m) = (z[0], z[1] * z[2] * z[3], z[4]);
    let room = if m < 4 { m } else { m.next_multiple_of(4) };
    let out = Array::empty(Meta::new(Layout::contiguous(Shape::from_slice(&[groups, k, room])), x.dtype, x.device))?;
    if room != m {
        fill(&out, Number::Int(0))?;
    }
    let low = room as isize;
    let (b, c) = (z[2] as isize, z[3] as isize);
    copy(x, &view(&out, z, &[k as isize * low, b * c * low, c * low, low, 1], 0))?;
    Ok(matrix(&out, [1, groups, m, k], [0, k as isize * low, 1, low]))
}

/// Images of a dispatch: by operations, columns, and the bytes that a kernel can see.
fn images(op: &str, operations: usize, columns: usize, bytes: usize) -> Result<usize> {
    let limit = gpu(op)?.binding_limit() as usize;
    Ok((MOST / operations.max(1)).min(COLUMNS / columns.max(1)).min(limit / bytes.max(1)).max(1))
}

/// Images `start..start + n`.
fn some(x: &Array, start: usize, n: usize) -> Array {
    x.with_layout(x.layout.sliced(0, start, n, 1))
}

/// Whether pixels of each channel follow each other at one step.
fn flat(x: &Array) -> bool {
    let s = x.strides();
    s[2] == s[3] * x.shape()[3] as isize
}

fn pointwise(w: &Array, window: &Window, images: [&Array; 2]) -> bool {
    let plain = window.stride == [1, 1] && window.pad == [0, 0] && window.groups == 1;
    plain
        && w.shape()[2..] == [1, 1]
        && images.iter().all(|x| flat(x))
        && images[0].shape()[2..] == images[1].shape()[2..]
}

/// Planes of pixels, as matrices (image, channel, pixel).
fn planes(x: &Array) -> Array {
    let (z, s) = (x.shape(), x.strides());
    view(x, &[z[0], z[1], z[2] * z[3]], &[s[0], s[1], s[3]], 0)
}

/// The result where kernels write it: itself, or one of four-byte elements that is then to be copied there.
fn target(y: &Array) -> Result<Array> {
    if y.dtype.size() >= 4 {
        return Ok(y.clone());
    }
    let layout = Layout { offset: 0, ..y.layout.clone() };
    Array::empty(Meta::new(layout, wide(y.dtype), y.device))
}

fn finish(computed: &Array, y: &Array) -> Result<()> {
    if computed.storage.same(&y.storage) { Ok(()) } else { copy(computed, y) }
}

/// A result of rows (channels) at places that steps give, as the kernels' C.
fn rows(y: &Array, groups: usize, moved: isize) -> Array {
    let (z, s) = (y.shape(), y.strides());
    let m = z[1] / groups.max(1);
    let span = (z[0] as isize - 1) * s[0] + (z[2] as isize - 1) * s[2] + (z[3] as isize - 1) * s[3] + 1 - moved;
    let offset = (y.layout.offset as isize + moved) as usize;
    let mut c = matrix(y, [1, groups, m, span.max(1) as usize], [0, m as isize * s[1], s[1], 1]);
    c.meta.layout.offset = offset;
    c
}

/// `y = x * w + bias`: x (n, c, h, w), w (o, c / groups, kh, kw), y (n, o, oh, ow), any strides.
pub fn forward(op: &str, x: &Array, w: &Array, bias: Option<&Array>, y: &Array, window: Window) -> Result<()> {
    if y.numel() == 0 {
        return Ok(());
    }
    supported(op, x.dtype)?;
    let [o, cg, kh, kw] = four(w.shape());
    let [n, _, oh, ow] = four(y.shape());
    let bias = bias.map(|b| view(b, y.shape(), &[0, b.strides()[0], 0, 0], 0));
    if w.numel() == 0 {
        return match &bias {
            Some(b) => copy(b, y),
            None => fill(y, Number::Int(0)),
        };
    }
    if pointwise(w, &window, [x, y]) {
        let weight = view(w, &[n, o, cg], &[0, w.strides()[0], w.strides()[1]], 0);
        let add = bias.map(|b| view(&b, &[n, o, oh * ow], &[0, b.strides()[1], 0], 0));
        return matmul(op, &weight, &planes(x), &planes(y), &Fused { add: add.as_ref(), ..Fused::NONE });
    }
    let Window { stride, dilation, groups, .. } = window;
    let og = o / groups;
    let v = four(w.strides());
    let by_tap = view(w, &[groups, cg, kh, kw, og], &[og as isize * v[0], v[1], v[2], v[3], v[0]], 0);
    let a = packed(&by_tap)?;
    let size = [0, 1].map(|d| (y.shape()[2 + d] - 1) * stride[d] + (w.shape()[2 + d] - 1) * dilation[d] + 1);
    let k = cg * kh * kw;
    let per = images(op, 2 * o * k * oh * ow, oh * ow, 4 * (x.shape()[1] * size[0] * size[1]).max(o * oh * ow))?;
    let out = target(y)?;
    for start in (0..n).step_by(per) {
        let count = per.min(n - start);
        let (x, y) = (padded(&some(x, start, count), window.pad, size)?, some(&out, start, count));
        let (s, t) = (four(x.strides()), four(y.strides()));
        let columns = count * oh * ow;
        let add = bias.as_ref().map(|b| {
            let by = b.strides()[1];
            matrix(b, [1, groups, og, columns], [0, og as isize * by, by, 0])
        });
        let patch = Patch {
            k: [kh, kw],
            k_steps: [s[1], dilation[0] as isize * s[2], dilation[1] as isize * s[3]],
            column: [oh, ow],
            column_steps: [s[0], stride[0] as isize * s[2], stride[1] as isize * s[3]],
            out_steps: [t[0], t[2], t[3]],
            group: cg as isize * s[1],
            base: 0,
            scatters: true,
        };
        let size = [1, groups, og, columns, k];
        let c = rows(&y, groups, 0);
        run(&Job {
            op,
            size,
            a: a.clone(),
            b: x,
            c,
            add,
            patch: Some(patch),
            padded: [og >= 4, false],
            column: false,
            alpha: 1.0,
            beta: 1.0,
        })?;
    }
    finish(&out, y)
}

/// The taps that meet pixels of one remainder, in one dim: the first, the step to the next, how many; and from the number of the
/// pixel of that remainder to the pixel of g: what the first tap adds, and what each further one takes away.
struct Taps {
    first: usize,
    step: usize,
    count: usize,
    base: isize,
    back: usize,
}

/// Pixels h with h % stride == phase get g[(h + pad - i * dilation) / stride] for the taps i where that is whole.
fn taps(phase: usize, kernel: usize, stride: usize, pad: isize, dilation: usize) -> Option<Taps> {
    let (at, s, d) = (phase as isize + pad, stride as isize, dilation as isize);
    let whole = |i: usize| (at - i as isize * d).rem_euclid(s) == 0;
    let first = (0..kernel.min(stride)).find(|&i| whole(i))?;
    let step = (1..=stride).find(|n| (n * dilation).is_multiple_of(stride))?;
    let count = (kernel - first).div_ceil(step);
    Some(Taps { first, step, count, base: (at - first as isize * d) / s, back: step * dilation / stride })
}

/// The gradient of x, `out` (n, c, h, w), from that of the output, `g`, and w. With strides, each remainder of pixels is a
/// convolution of its own, with the taps that meet it.
pub fn input_grad(op: &str, g: &Array, w: &Array, out: &Array, window: Window) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    supported(op, g.dtype)?;
    let [o, cg, kh, kw] = four(w.shape());
    let [n, _, h, wd] = four(out.shape());
    if g.numel() == 0 || w.numel() == 0 {
        return fill(out, Number::Int(0));
    }
    if pointwise(w, &window, [g, out]) {
        let weight = view(w, &[n, cg, o], &[0, w.strides()[1], w.strides()[0]], 0);
        return matmul(op, &weight, &planes(g), &planes(out), &Fused::NONE);
    }
    let Window { stride, pad, dilation, groups } = window;
    let og = o / groups;
    let dx = target(out)?;
    let phases = (0..stride[0].min(h)).flat_map(|p| (0..stride[1].min(wd)).map(move |q| (p, q)));
    let met = |(p, q): (usize, usize)| {
        Some((taps(p, kh, stride[0], pad[0], dilation[0])?, taps(q, kw, stride[1], pad[1], dilation[1])?))
    };
    if phases.clone().any(|p| met(p).is_none()) {
        fill(&dx, Number::Int(0))?;
    }
    let v = four(w.strides());
    for (p, q) in phases {
        let Some((down, across)) = met((p, q)) else { continue };
        let (th, tw) = ((h - p).div_ceil(stride[0]), (wd - q).div_ceil(stride[1]));
        let by_tap = view(
            w,
            &[groups, og, down.count, across.count, cg],
            &[og as isize * v[0], v[0], down.step as isize * v[2], across.step as isize * v[3], v[1]],
            down.first as isize * v[2] + across.first as isize * v[3],
        );
        let a = packed(&by_tap)?;
        let span = |t: &Taps| (t.count - 1) * t.back;
        let size = [th + span(&down), tw + span(&across)];
        // Pixel t and the last tap meet the first pixel of the padded g.
        let front = [span(&down) as isize - down.base, span(&across) as isize - across.base];
        let k = og * down.count * across.count;
        let per =
            images(op, 2 * groups * cg * k * th * tw, th * tw, 4 * (o * size[0] * size[1]).max(groups * cg * h * wd))?;
        for start in (0..n).step_by(per) {
            let count = per.min(n - start);
            let (g, y) = (padded(&some(g, start, count), front, size)?, some(&dx, start, count));
            let (s, t) = (four(g.strides()), four(y.strides()));
            let patch = Patch {
                k: [down.count, across.count],
                k_steps: [s[1], -(down.back as isize) * s[2], -(across.back as isize) * s[3]],
                column: [th, tw],
                column_steps: [s[0], s[2], s[3]],
                out_steps: [t[0], stride[0] as isize * t[2], stride[1] as isize * t[3]],
                group: og as isize * s[1],
                base: span(&down) as isize * s[2] + span(&across) as isize * s[3],
                scatters: true,
            };
            let size = [1, groups, cg, count * th * tw, k];
            let c = rows(&y, groups, p as isize * t[2] + q as isize * t[3]);
            let a = a.clone();
            run(&Job {
                op,
                size,
                a,
                b: g,
                c,
                add: None,
                patch: Some(patch),
                padded: [cg >= 4, false],
                column: false,
                alpha: 1.0,
                beta: 1.0,
            })?;
        }
    }
    finish(&dx, out)
}

/// The gradient of w, `out` (o, c / groups, kh, kw) contiguous, from that of the output, `g`, and x.
pub fn weight_grad(op: &str, g: &Array, x: &Array, out: &Array, window: Window) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    supported(op, g.dtype)?;
    if g.numel() == 0 || x.numel() == 0 {
        return fill(out, Number::Int(0));
    }
    let Window { stride, dilation, groups, .. } = window;
    let [o, cg, kh, kw] = four(out.shape());
    let [n, _, oh, ow] = four(g.shape());
    let (og, columns) = (o / groups, cg * kh * kw);
    let size = [0, 1].map(|d| (g.shape()[2 + d] - 1) * stride[d] + (out.shape()[2 + d] - 1) * dilation[d] + 1);
    let bytes = 4 * (x.shape()[1] * size[0] * size[1]).max(o.next_multiple_of(4) * oh * ow);
    let per = images(op, 2 * o * columns * oh * ow, oh * ow, bytes)?;
    let mut before: Option<Array> = None;
    for start in (0..n).step_by(per) {
        let count = per.min(n - start);
        let (g, x) = (some(g, start, count), padded(&some(x, start, count), window.pad, size)?);
        let (s, t) = (four(x.strides()), four(g.strides()));
        let by_pixel = view(&g, &[groups, count, oh, ow, og], &[og as isize * t[1], t[0], t[2], t[3], t[1]], 0);
        let patch = Patch {
            k: [oh, ow],
            k_steps: [s[0], stride[0] as isize * s[2], stride[1] as isize * s[3]],
            column: [kh, kw],
            column_steps: [s[1], dilation[0] as isize * s[2], dilation[1] as isize * s[3]],
            out_steps: [(kh * kw) as isize, kw as isize, 1],
            group: cg as isize * s[1],
            base: 0,
            scatters: false,
        };
        // Sums over several dispatches stay unrounded until the last.
        let to = match start + per < n {
            true => Array::empty(Meta::new(Layout::contiguous(out.layout.shape.clone()), wide(out.dtype), out.device))?,
            false => out.clone(),
        };
        let own = |y: &Array| matrix(y, [1, groups, og, columns], [0, (og * columns) as isize, columns as isize, 1]);
        run(&Job {
            op,
            size: [1, groups, og, columns, count * oh * ow],
            a: packed(&by_pixel)?,
            b: x,
            c: own(&to),
            add: before.as_ref().map(own),
            patch: Some(patch),
            padded: [og >= 4, false],
            column: false,
            alpha: 1.0,
            beta: 1.0,
        })?;
        before = Some(to);
    }
    Ok(())
}
