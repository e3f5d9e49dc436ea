//! Images in zero-padded planes, and the columns of im2col packed from them for the matrix kernels.
//!
//! In a padded plane every tap (channel, kh, kw) of a pixel stands at the pixel's base plus an offset of the tap's own,
//! with no edge to test.

use super::Window;
use crate::cpu::gemm::micro::{AS, Kernels, Product};
use crate::simd;

/// An image of some channels as it lies in memory, strides in elements.
#[derive(Clone, Copy)]
pub struct Image<T> {
    pub p: *const T,
    pub channels: usize,
    pub h: usize,
    pub w: usize,
    pub sc: isize,
    pub sh: isize,
    pub sw: isize,
}

/// The sizes of one convolution of one group: what is padded, tapped and produced.
#[derive(Clone, Copy)]
pub struct Taps {
    pub window: Window,
    pub kh: usize,
    pub kw: usize,
    pub ow: usize,
    /// Of a padded plane.
    pub ph: usize,
    pub pw: usize,
}

/// Elements behind planes and panels that whole registers may touch.
pub const SLACK: usize = 64;

impl Taps {
    pub fn new(window: Window, kernel: [usize; 2], out: [usize; 2]) -> Taps {
        let reach = |d: usize| (out[d].max(1) - 1) * window.stride[d] + (kernel[d].max(1) - 1) * window.dilation[d] + 1;
        Taps { window, kh: kernel[0], kw: kernel[1], ow: out[1], ph: reach(0), pw: reach(1) }
    }

    /// Taps of one channel.
    pub fn taps(&self) -> usize {
        self.kh * self.kw
    }

    pub fn plane(&self) -> usize {
        self.ph * self.pw
    }

    /// Where pixel `p` begins in a plane.
    #[inline(always)]
    pub fn base(&self, p: usize) -> usize {
        p / self.ow * self.window.stride[0] * self.pw + p % self.ow * self.window.stride[1]
    }

    /// Where each tap (channel, kh, kw) stands from there.
    pub fn offsets(&self, channels: usize) -> Vec<usize> {
        let d = self.window.dilation;
        let mut out = Vec::with_capacity(channels * self.taps());
        for c in 0..channels {
            for i in 0..self.kh {
                out.extend((0..self.kw).map(|j| c * self.plane() + i * d[0] * self.pw + j * d[1]));
            }
        }
        out
    }

    /// Copies rows `rows` of the padded planes of an image into `to`.
    ///
    /// # Safety
    /// The image is in bounds, and `to` holds its planes.
    pub unsafe fn fill<T: Product>(&self, x: &Image<T>, rows: std::ops::Range<usize>, to: *mut T) {
        let [top, left] = self.window.pad;
        // Columns lo..hi of the plane lie in the image.
        let lo = left.clamp(0, self.pw as isize) as usize;
        let hi = (left + x.w as isize).clamp(lo as isize, self.pw as isize) as usize;
        for c in 0..x.channels {
            for r in rows.clone() {
                let h = r as isize - top;
                // SAFETY: inside the plane, and for h and columns in bounds inside the image.
                unsafe {
                    let row = to.add(c * self.plane() + r * self.pw);
                    if h < 0 || h >= x.h as isize || hi == lo {
                        std::ptr::write_bytes(row, 0, self.pw);
                        continue;
                    }
                    let from = x.p.offset(c as isize * x.sc + h * x.sh + (lo as isize - left) * x.sw);
                    (0..lo).for_each(|i| *row.add(i) = T::ZERO);
                    if x.sw == 1 {
                        std::ptr::copy_nonoverlapping(from, row.add(lo), hi - lo);
                    } else {
                        (lo..hi).for_each(|i| *row.add(i) = *from.offset((i - lo) as isize * x.sw));
                    }
                    (hi..self.pw).for_each(|i| *row.add(i) = T::ZERO);
                }
            }
        }
    }

    /// Copies what lies in the image of `planes`, whose element (channel, row, column) stands `at` a place, to `to`, an image of
    /// size `[channels, h, w]`. Rows and columns that no window reached are zero.
    ///
    /// # Safety
    /// `planes` has every place that `at` gives, and `to` the size.
    pub unsafe fn cut<T: Product>(
        &self,
        planes: *const T,
        at: impl Fn(usize, usize, usize) -> usize,
        to: *mut T,
        [channels, h, w]: [usize; 3],
    ) {
        let [top, left] = self.window.pad;
        for (c, r) in (0..channels).flat_map(|c| (0..h).map(move |r| (c, r))) {
            for s in 0..w {
                let (y, z) = (r as isize + top, s as isize + left);
                let inside = (0..self.ph as isize).contains(&y) && (0..self.pw as isize).contains(&z);
                // SAFETY: says the caller.
                unsafe {
                    let v = if inside { *planes.add(at(c, y as usize, z as usize)) } else { T::ZERO };
                    *to.add((c * h + r) * w + s) = v;
                }
            }
        }
    }

    /// Packs taps `offsets` of pixels `p0..p0 + n` into panels of the kernels' width, `offsets.len()` rows each.
    ///
    /// # Safety
    /// `planes` was filled for these pixels and has [`SLACK`]; so has `to` behind its panels.
    pub unsafe fn pack<T: Product>(
        &self,
        kn: &Kernels<T>,
        planes: *const T,
        offsets: &[usize],
        p0: usize,
        n: usize,
        to: *mut T,
    ) {
        let mut segments = [(0usize, 0usize); SLACK];
        for (panel, j) in (0..n).step_by(kn.nr).enumerate() {
            let cols = kn.nr.min(n - j);
            let d = to.wrapping_add(panel * kn.nr * offsets.len());
            // SAFETY: says the caller; a panel has at most 64 columns.
            unsafe {
                if self.window.stride[1] == 1 {
                    // Runs of neighbours: one for each output row that the panel touches.
                    let mut count = 0;
                    let mut lane = 0;
                    while lane < cols {
                        let p = p0 + j + lane;
                        segments[count] = (lane, self.base(p));
                        count += 1;
                        lane += self.ow - p % self.ow;
                    }
                    let s = &segments[..count];
                    match kn.nr {
                        8 => runs::<T, 8>(planes, offsets, s, d),
                        16 => runs::<T, 16>(planes, offsets, s, d),
                        _ => runs::<T, 32>(planes, offsets, s, d),
                    }
                } else {
                    for (lane, s) in segments[..cols].iter_mut().enumerate() {
                        *s = (lane, self.base(p0 + j + lane));
                    }
                    gather(planes, offsets, &segments[..cols], d, kn.nr);
                }
            }
        }
    }

    /// Packs taps `offsets` of pixels `p0..p0 + n` as rows of stride [`AS`], pixels along them.
    ///
    /// # Safety
    /// As for [`Taps::pack`].
    pub unsafe fn pack_rows<T: Product>(&self, planes: *const T, offsets: &[usize], p0: usize, n: usize, to: *mut T) {
        for (row, &offset) in offsets.iter().enumerate() {
            let d = to.wrapping_add(row * AS);
            let mut p = p0;
            while p < p0 + n {
                let len = (self.ow - p % self.ow).min(p0 + n - p);
                // SAFETY: says the caller.
                unsafe {
                    let from = planes.add(self.base(p) + offset);
                    let d = d.add(p - p0);
                    match self.window.stride[1] {
                        // In eights: what is too much, the next run overwrites, or nobody reads.
                        1 => (0..len).step_by(8).for_each(|i| {
                            d.add(i).cast::<[T; 8]>().write_unaligned(from.add(i).cast::<[T; 8]>().read_unaligned());
                        }),
                        step => (0..len).for_each(|i| *d.add(i) = *from.add(i * step)),
                    }
                }
                p += len;
            }
        }
    }
}

simd! {
    /// Each run is copied a whole register row long: what is too much of it, the next run or the next row overwrites.
    unsafe fn runs[T: Product, const N: usize][T, N](x: *const T, offsets: &[usize], s: &[(usize, usize)], d: *mut T) =
        runs_body;
    unsafe fn gather[T: Product][T](x: *const T, offsets: &[usize], s: &[(usize, usize)], d: *mut T, nr: usize) =
        gather_body;
}

#[inline(always)]
unsafe fn runs_body<T: Product, const N: usize>(x: *const T, offsets: &[usize], s: &[(usize, usize)], d: *mut T) {
    for (k, &offset) in offsets.iter().enumerate() {
        for &(lane, base) in s {
            // SAFETY: both have slack behind them.
            unsafe {
                let v = x.add(base + offset).cast::<[T; N]>().read_unaligned();
                d.add(k * N + lane).cast::<[T; N]>().write_unaligned(v);
            }
        }
    }
}

#[inline(always)]
unsafe fn gather_body<T: Product>(x: *const T, offsets: &[usize], s: &[(usize, usize)], d: *mut T, nr: usize) {
    for (k, &offset) in offsets.iter().enumerate() {
        for &(lane, base) in s {
            // SAFETY: says the caller.
            unsafe { *d.add(k * nr + lane) = *x.add(base + offset) }
        }
    }
}
