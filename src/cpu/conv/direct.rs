//! Convolutions with one or two outputs in a group, depthwise ones above all. As matrix products they have so few rows that
//! packing would cost more than multiplying; here a run of pixels stays in registers while the taps go by.

use std::ops::Range;

use super::plane::{Image, SLACK, Taps};
use super::{Window, dims, image, parts};
use crate::cpu::gemm::drive::scratch;
use crate::cpu::gemm::micro::Product;
use crate::cpu::strided::Raw;
use crate::cpu::threads;
use crate::device::{Array, Storage};
use crate::error::Result;
use crate::simd;

/// Pixels in a run; the end of a row is one of half as many, where these suffice.
const LANES: usize = 16;
const HALF: usize = LANES / 2;

/// Products that pay for handing work to another thread.
const GRAIN: usize = 1 << 16;

/// Whether groups of so many outputs are computed here.
pub fn pays(outputs: usize) -> bool {
    outputs <= 2
}

/// Padded planes whose columns stand sorted by their remainder by the stride: whatever the stride is, neighbouring pixels read
/// neighbours.
struct Planes {
    taps: Taps,
    channels: usize,
    /// The window's, no longer than the planes: a longer one never moves.
    stride: [usize; 2],
    /// Columns of one remainder.
    columns: usize,
}

impl Planes {
    fn new(taps: Taps, channels: usize) -> Planes {
        let [down, across] = taps.window.stride;
        let stride = [down.min(taps.ph), across.min(taps.pw)];
        Planes { taps, channels, stride, columns: taps.pw.div_ceil(stride[1]) }
    }

    fn row(&self) -> usize {
        self.columns * self.stride[1]
    }

    /// From the first pixel of a row to that of the next.
    fn step(&self) -> usize {
        self.stride[0] * self.row()
    }

    /// Elements of all channels, with what whole registers may touch.
    fn size(&self) -> usize {
        self.channels * self.taps.ph * self.row() + SLACK
    }

    /// Elements that [`Planes::fill`] needs.
    fn room(&self) -> usize {
        if self.stride[1] == 1 { self.size() } else { self.size() + self.channels * self.taps.plane() }
    }

    /// Where row `r` and column `s` of channel `c` stands.
    fn at(&self, c: usize, r: usize, s: usize) -> usize {
        let stride = self.stride[1];
        (c * self.taps.ph + r) * self.row() + s % stride * self.columns + s / stride
    }

    /// Where each tap (channel, kh, kw) of the first pixel stands.
    fn offsets(&self) -> Vec<usize> {
        let (t, d) = (&self.taps, self.taps.window.dilation);
        let taps = (0..t.kh).flat_map(|i| (0..t.kw).map(move |j| (i * d[0], j * d[1])));
        (0..self.channels).flat_map(|c| taps.clone().map(move |(r, s)| self.at(c, r, s))).collect()
    }

    /// Copies rows `rows` of an image's padded planes to `to`.
    ///
    /// # Safety
    /// The image is in bounds, and `to` has [`Planes::room`].
    unsafe fn fill<T: Product>(&self, x: &Image<T>, rows: Range<usize>, to: *mut T) {
        let (t, stride) = (&self.taps, self.stride[1]);
        // SAFETY: says the caller; behind the planes there is room for them in their first order.
        unsafe {
            if stride == 1 {
                return t.fill(x, rows, to);
            }
            let plain = to.add(self.size());
            t.fill(x, rows.clone(), plain);
            for c in 0..self.channels {
                for r in rows.clone() {
                    let (from, to) = (plain.add(c * t.plane() + r * t.pw), to.add(self.at(c, r, 0)));
                    for first in 0..stride {
                        let to = to.add(first * self.columns);
                        for (i, s) in (first..t.pw).step_by(stride).enumerate() {
                            *to.add(i) = *from.add(s);
                        }
                    }
                }
            }
        }
    }
}

/// As [`super::forward`], for groups of which [`pays`] says yes.
pub fn forward<T: Product>(x: &Array, w: &Array, bias: Option<&Array>, out: &Array, window: Window) {
    let ([n, o, oh, ow], [_, cg, kh, kw]) = (dims(out), dims(w));
    let groups = window.groups;
    let og = o / groups;
    let planes = Planes::new(Taps::new(window, [kh, kw], [oh, ow]), cg);
    let offsets = planes.offsets();
    let k = offsets.len();
    let work = out.numel() * k;
    let parts = parts(n * groups, work, oh);
    let units = n * groups * parts;
    let (wp, yp) = (Raw::new(w.ptr::<T>()), Raw::new(out.ptr::<T>()));
    let bias = bias.map(|b| (Raw::new(b.ptr::<T>()), b.strides()[0]));
    threads::split(units, (GRAIN * units).div_ceil(work.max(1)), &|range| {
        let room = scratch::<T>(planes.room());
        let plane = room.ptr().cast::<T>();
        for unit in range {
            let (i, part) = (unit / parts, unit % parts);
            let (b, g) = (i / groups, i % groups);
            let rows = oh * part / parts..oh * (part + 1) / parts;
            if rows.is_empty() {
                continue;
            }
            let below = (rows.end - 1) * window.stride[0] + (kh.max(1) - 1) * window.dilation[0] + 1;
            // SAFETY: the op has checked the shapes; each unit has its own rows of `out`.
            unsafe {
                planes.fill(&image::<T>(x, b, g * cg, cg), rows.start * window.stride[0]..below, plane);
                for c in g * og..(g + 1) * og {
                    let bias = bias.map(|(p, step)| *p.at(c as isize * step));
                    let y = yp.at(((b * o + c) * oh * ow) as isize);
                    let taps = wp.at((c * k) as isize).cast_const();
                    pixels::<T>(plane, &offsets, taps, bias, rows.clone(), [ow, planes.step()], y);
                }
            }
        }
    });
}

/// As [`super::input_grad`]: each gradient is spread over the taps of its pixel.
pub fn input_grad<T: Product>(g: &Array, w: &Array, out: &Array, window: Window) {
    let ([n, o, oh, ow], [_, cg, kh, kw], [_, _, h, wd]) = (dims(g), dims(w), dims(out));
    let groups = window.groups;
    let og = o / groups;
    let planes = Planes::new(Taps::new(window, [kh, kw], [oh, ow]), cg);
    let offsets = planes.offsets();
    let k = offsets.len();
    let (units, work) = (n * groups, g.numel() * k);
    let (gp, wp, xp) = (Raw::new(g.ptr::<T>()), Raw::new(w.ptr::<T>()), Raw::new(out.ptr::<T>()));
    threads::split(units, (GRAIN * units).div_ceil(work.max(1)), &|range| {
        let room = scratch::<T>(planes.size());
        let plane = room.ptr().cast::<T>();
        for i in range {
            // SAFETY: each unit has its own image of `out`, and the scratch holds its planes.
            unsafe {
                std::ptr::write_bytes(plane, 0, planes.size());
                for c in 0..og {
                    let taps = wp.at(((i % groups * og + c) * k) as isize).cast_const();
                    let g = gp.at(((i * og + c) * oh * ow) as isize).cast_const();
                    spread::<T>(plane, &offsets, taps, g, oh, ow, planes.step());
                }
                let x = xp.at((i * cg * h * wd) as isize);
                planes.taps.cut(plane, |c, y, z| planes.at(c, y, z), x, [cg, h, wd]);
            }
        }
    });
}

/// As [`super::weight_grad`]. The images are cut into slabs, by shape alone, whose sums are added in order.
pub fn weight_grad<T: Product>(g: &Array, x: &Array, out: &Array, window: Window) -> Result<()> {
    let ([n, o, oh, ow], [_, cg, kh, kw]) = (dims(g), dims(out));
    let groups = window.groups;
    let og = o / groups;
    let planes = Planes::new(Taps::new(window, [kh, kw], [oh, ow]), cg);
    let offsets = planes.offsets();
    let (k, work) = (offsets.len(), g.numel() * offsets.len());
    let slabs = n.clamp(1, 32);
    let units = groups * slabs;
    let sums = Storage::zeroed(slabs * o * k * size_of::<T>())?;
    let (sp, gp) = (Raw::new(sums.ptr().cast::<T>()), Raw::new(g.ptr::<T>()));
    // Rows of gradients end with zeros, for whole runs.
    let width = ow.next_multiple_of(HALF);
    threads::split(units, (GRAIN * units).div_ceil(work.max(1)), &|range| {
        let room = scratch::<T>(planes.room() + oh * width + SLACK);
        let plane = room.ptr().cast::<T>();
        for unit in range {
            let (slab, group) = (unit / groups, unit % groups);
            for b in n * slab / slabs..n * (slab + 1) / slabs {
                // SAFETY: each unit has its own sums; scratch is as large as what is put there.
                unsafe {
                    planes.fill(&image::<T>(x, b, group * cg, cg), 0..planes.taps.ph, plane);
                    let padded = plane.add(planes.room());
                    for c in group * og..(group + 1) * og {
                        let from = gp.at(((b * o + c) * oh * ow) as isize).cast_const();
                        std::ptr::write_bytes(padded, 0, oh * width);
                        for r in 0..oh {
                            std::ptr::copy_nonoverlapping(from.add(r * ow), padded.add(r * width), ow);
                        }
                        let sums = sp.at(((slab * o + c) * k) as isize);
                        dots::<T>(plane, &offsets, padded, [oh, ow], [planes.step(), width], sums);
                    }
                }
            }
        }
    });
    // SAFETY: `sums` holds as many slabs, each of `out`'s size.
    unsafe {
        let to = out.ptr::<T>();
        for e in 0..o * k {
            *to.add(e) = (1..slabs).fold(*sp.at(e as isize), |sum, slab| sum + *sp.at((slab * o * k + e) as isize));
        }
    }
    Ok(())
}

simd! {
    /// Rows `rows` of an output, each of as many pixels as `size` begins with: the taps `w` at `offsets` from each pixel, and the
    /// bias. Rows of x are as far apart as `size` ends with.
    unsafe fn pixels[T: Product][T](
        x: *const T, offsets: &[usize], w: *const T, bias: Option<T>, rows: Range<usize>, size: [usize; 2], out: *mut T
    ) = pixels_body;
    /// Adds `w` times the gradient of each pixel where its taps stand.
    unsafe fn spread[T: Product][T](
        x: *mut T, offsets: &[usize], w: *const T, g: *const T, oh: usize, ow: usize, step: usize
    ) = spread_body;
    /// Adds to `sums`, one for each tap, the products of gradients and taps over all pixels. Rows of x and g are `steps` apart.
    unsafe fn dots[T: Product][T](
        x: *const T, offsets: &[usize], g: *const T, size: [usize; 2], steps: [usize; 2], sums: *mut T
    ) = dots_body;
}

#[inline(always)]
unsafe fn pixels_body<T: Product>(
    x: *const T,
    offsets: &[usize],
    w: *const T,
    bias: Option<T>,
    rows: Range<usize>,
    [ow, step]: [usize; 2],
    out: *mut T,
) {
    for r in rows {
        let mut c = 0;
        while c < ow {
            // SAFETY: planes have slack behind them, and no more is written than the row has.
            unsafe {
                let (from, to, left) = (x.add(r * step + c), out.add(r * ow + c), ow - c);
                if left > HALF {
                    run::<T, LANES>(from, offsets, w, bias, to, left.min(LANES));
                    c += LANES;
                } else {
                    run::<T, HALF>(from, offsets, w, bias, to, left);
                    c += HALF;
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn run<T: Product, const N: usize>(
    x: *const T,
    offsets: &[usize],
    w: *const T,
    bias: Option<T>,
    out: *mut T,
    n: usize,
) {
    let mut sum = [T::ZERO; N];
    // SAFETY: says the caller.
    unsafe {
        for (k, &offset) in offsets.iter().enumerate() {
            let (v, w) = (x.add(offset).cast::<[T; N]>().read_unaligned(), *w.add(k));
            for i in 0..N {
                sum[i] = v[i].fma(w, sum[i]);
            }
        }
        if let Some(bias) = bias {
            for v in &mut sum {
                *v = *v + bias;
            }
        }
        if n == N {
            out.cast::<[T; N]>().write_unaligned(sum);
        } else {
            std::ptr::copy_nonoverlapping(sum.as_ptr(), out, n);
        }
    }
}

#[inline(always)]
unsafe fn spread_body<T: Product>(
    x: *mut T,
    offsets: &[usize],
    w: *const T,
    g: *const T,
    oh: usize,
    ow: usize,
    step: usize,
) {
    for (k, &offset) in offsets.iter().enumerate() {
        for r in 0..oh {
            // SAFETY: every pixel's taps stand inside the planes.
            unsafe {
                let (to, from, w) = (x.add(offset + r * step), g.add(r * ow), *w.add(k));
                for c in 0..ow {
                    *to.add(c) = (*from.add(c)).fma(w, *to.add(c));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn dots_body<T: Product>(
    x: *const T,
    offsets: &[usize],
    g: *const T,
    [oh, ow]: [usize; 2],
    [step, width]: [usize; 2],
    sums: *mut T,
) {
    for (k, &offset) in offsets.iter().enumerate() {
        let mut sum = [T::ZERO; LANES];
        for r in 0..oh {
            let mut c = 0;
            while c < ow {
                // SAFETY: planes have slack behind them, and rows of gradients are filled up.
                unsafe {
                    let (x, g, left) = (x.add(offset + r * step + c), g.add(r * width + c), ow - c);
                    if left > HALF {
                        products::<T, LANES>(x, g, left, &mut sum);
                        c += LANES;
                    } else {
                        products::<T, HALF>(x, g, left, &mut sum);
                        c += HALF;
                    }
                }
            }
        }
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                sum[i] = sum[i] + sum[i + half];
            }
            half /= 2;
        }
        // SAFETY: there is a sum for each tap.
        unsafe { *sums.add(k) = *sums.add(k) + sum[0] };
    }
}

/// Adds the products of the first `n` pixels, lane by lane. What lies behind them in `x` may be NaN and is not taken.
#[inline(always)]
unsafe fn products<T: Product, const N: usize>(x: *const T, g: *const T, n: usize, sum: &mut [T; LANES]) {
    // SAFETY: says the caller.
    let (mut x, g) = unsafe { (x.cast::<[T; N]>().read_unaligned(), g.cast::<[T; N]>().read_unaligned()) };
    if n < N {
        for (i, v) in x.iter_mut().enumerate() {
            *v = if i < n { *v } else { T::ZERO };
        }
    }
    for i in 0..N {
        sum[i] = x[i].fma(g[i], sum[i]);
    }
}
