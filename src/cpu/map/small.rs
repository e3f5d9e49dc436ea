//! The shortest way to a compiled loop: a few contiguous lanes, with numbers beside them. Nothing is planned, converted or
//! shared out; what is larger or less plain goes through [`super::run`].

use std::mem::MaybeUninit;

use super::{Kernel, Loops, PARALLEL_NS, Params, Pointers, SMALL, TILE, element_bits, repeat};
use crate::core::{DType, Number};
use crate::device::{Array, Storage};
use crate::expr::{MAX_INPUTS, MAX_PARAMS};

/// The operands of one call.
pub struct Lanes {
    each: Pointers,
    /// Bit k: operand k is `same[k]` for all elements.
    spread: u32,
    same: [[u8; 8]; MAX_INPUTS],
}

impl Lanes {
    /// Operands that all read the elements at `each`, until they are put.
    #[inline(always)]
    pub fn new(each: *const u8) -> Lanes {
        Lanes { each: [each; MAX_INPUTS], spread: 0, same: [[0; 8]; MAX_INPUTS] }
    }

    #[inline(always)]
    fn put_same(&mut self, k: usize, bits: [u8; 8]) {
        if let Some(place) = self.same.get_mut(k) {
            *place = bits;
            self.spread |= 1 << k;
        }
    }

    /// Operand `k` is a number, as a lane of `dtype`.
    #[inline(always)]
    pub fn put_number(&mut self, k: usize, n: Number, dtype: DType) {
        self.put_same(k, bits(n, dtype));
    }

    /// Operand `k` is `a`, if it is laid out as `like`, or one element expanded to that.
    #[inline(always)]
    pub fn put_array(&mut self, k: usize, a: &Array, like: &Array) -> Option<()> {
        let alike = std::ptr::eq(a, like);
        if !alike && (a.dtype != like.dtype || a.device != like.device || a.layout.shape != like.layout.shape) {
            return None;
        }
        if alike || a.layout.strides == like.layout.strides {
            *self.each.get_mut(k)? = a.bytes_ptr();
            return Some(());
        }
        if a.strides().iter().any(|&s| s != 0) {
            return None;
        }
        let mut bits = [0; 8];
        // SAFETY: the array has an element, of at most 8 bytes.
        unsafe { std::ptr::copy_nonoverlapping(a.bytes_ptr(), bits.as_mut_ptr(), a.dtype.size().min(8)) };
        self.put_same(k, bits);
        Some(())
    }
}

#[inline]
fn bits(n: Number, dtype: DType) -> [u8; 8] {
    match (n, dtype) {
        (Number::Float(v), DType::F32) => float(v as f32),
        (Number::Int(v), DType::F32) => float(v as f32),
        _ => element_bits(n, dtype),
    }
}

#[inline]
fn float(v: f32) -> [u8; 8] {
    let [a, b, c, d] = v.to_ne_bytes();
    [a, b, c, d, 0, 0, 0, 0]
}

/// Whether `n` elements at `cost` nanoseconds each are computed sooner than handed to other threads.
#[inline]
pub fn fits(n: usize, cost: f32) -> bool {
    // Signed, which is one instruction.
    n as isize as f32 * cost < PARALLEL_NS
}

/// Runs `kernel`, which computes `dtype`, into the fresh memory of `n` elements of dtype `gives`. Operands that are not the
/// same for all have `n` elements.
#[inline]
pub fn run(kernel: Kernel, dtype: DType, x: &mut Lanes, params: &[Number], out: &Storage, gives: DType, n: usize) {
    // SAFETY: all operands have n lanes, and the memory n results, apart from them.
    unsafe { run_to(kernel, dtype, x, params, out.ptr(), gives.size(), n) }
}

/// As [`run`], over `out`, a contiguous array of the same dtype that operands may be; `first`: it is operand 0, and shares
/// no memory with the others. Whether there is such a short way.
#[inline]
pub fn run_over(loops: &Loops, x: &mut Lanes, params: &[Number], out: &Array, n: usize, first: bool) -> bool {
    if first && let Some(kernel) = loops.over(out.dtype) {
        // SAFETY: as above; operand 0 is where the loop looks for it.
        unsafe { run_to(kernel, out.dtype, x, params, out.bytes_ptr(), out.dtype.size(), n) };
        return true;
    }
    let Some(kernel) = loops.of(out.dtype).filter(|_| n <= SMALL) else { return false };
    // Another loop may not write what it reads.
    let mut aside = MaybeUninit::<[u64; SMALL]>::uninit();
    let from: *mut u8 = aside.as_mut_ptr().cast();
    let size = out.dtype.size();
    // SAFETY: as above; the result is copied when all is read.
    unsafe {
        run_to(kernel, out.dtype, x, params, from, size, n);
        std::ptr::copy_nonoverlapping(from, out.bytes_ptr(), n * size);
    }
    true
}

#[inline]
unsafe fn run_to(kernel: Kernel, dtype: DType, x: &mut Lanes, params: &[Number], out: *mut u8, size: usize, n: usize) {
    let mut packed = [[0; 8]; MAX_PARAMS];
    for (p, &v) in packed.iter_mut().zip(params) {
        *p = bits(v, dtype);
    }
    // SAFETY: says the caller; what is not read has lanes as well.
    unsafe {
        if x.spread == 0 {
            kernel(&x.each, &packed, out, n);
        } else if n <= SMALL {
            tiled::<SMALL>(kernel, dtype.size(), x, &packed, out, size, n);
        } else {
            tiled::<TILE>(kernel, dtype.size(), x, &packed, out, size, n);
        }
    }
}

/// By tiles, with the lanes that are the same for all elements spread out over one. Never inlined: reserving its stack costs
/// more than a small call.
#[inline(never)]
unsafe fn tiled<const N: usize>(
    kernel: Kernel,
    lane: usize,
    x: &mut Lanes,
    params: &Params,
    out: *mut u8,
    size: usize,
    n: usize,
) {
    let mut tiles = [const { MaybeUninit::<[u64; N]>::uninit() }; MAX_INPUTS];
    let mut steps = [lane; MAX_INPUTS];
    // SAFETY: tiles hold N lanes of at most 8 bytes; pointers move with the tiles, inside n elements.
    unsafe {
        let mut left = x.spread;
        while left != 0 {
            let k = left.trailing_zeros() as usize;
            left &= left - 1;
            let tile: *mut u8 = tiles[k].as_mut_ptr().cast();
            repeat(x.same[k], lane, tile, n.min(N));
            (x.each[k], steps[k]) = (tile, 0);
        }
        for start in (0..n).step_by(N) {
            let len = N.min(n - start);
            kernel(&x.each, params, out.wrapping_add(start * size), len);
            for (p, s) in x.each.iter_mut().zip(steps) {
                *p = p.wrapping_add(len * s);
            }
        }
    }
}
