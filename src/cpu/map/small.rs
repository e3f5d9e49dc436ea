//! The shortest way to a compiled loop: a few contiguous lanes, with numbers beside them. Nothing is planned, converted or
//! shared out; what is larger or less plain goes through [`super::run`].

use std::mem::MaybeUninit;

use super::{Kernel, PARALLEL_NS, SMALL, TILE, element_bits, repeat};
use crate::core::{DType, Number, Strides};
use crate::device::{Array, Storage};
use crate::expr::{MAX_INPUTS, MAX_PARAMS};

/// An operand.
#[derive(Clone, Copy)]
pub enum Lanes {
    /// One for each element.
    Each(*const u8),
    /// The same for all elements.
    Same([u8; 8]),
    /// The formula does not read it.
    Unused,
}

impl Lanes {
    /// A number as a lane of `dtype`.
    #[inline]
    pub fn number(n: Number, dtype: DType) -> Lanes {
        Lanes::Same(bits(n, dtype))
    }

    /// An array of `dtype` whose strides, where it is not one element expanded, must be `strides`.
    #[inline]
    pub fn of(a: &Array, dtype: DType, strides: &Strides) -> Option<Lanes> {
        if a.layout.strides == *strides {
            return Some(Lanes::Each(a.bytes_ptr()));
        }
        if a.strides().iter().any(|&s| s != 0) {
            return None;
        }
        let mut bits = [0; 8];
        // SAFETY: the array has an element, of at most 8 bytes.
        unsafe { std::ptr::copy_nonoverlapping(a.bytes_ptr(), bits.as_mut_ptr(), dtype.size()) };
        Some(Lanes::Same(bits))
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
    (n as f32) * cost < PARALLEL_NS
}

/// Runs `kernel`, which computes `dtype`, into the fresh memory of `n` elements of dtype `gives`. At least one operand is
/// `Each`, and all those have `n` elements.
#[inline]
pub fn run(kernel: Kernel, dtype: DType, x: &[Lanes], params: &[Number], out: &Storage, gives: DType, n: usize) {
    // SAFETY: all operands have n lanes, and the memory n results, apart from them.
    unsafe { run_to(kernel, dtype, x, params, out.ptr(), gives.size(), n) }
}

/// As [`run`], over `out`, a contiguous array of `dtype` that operands may be; whether it is small enough.
#[inline]
pub fn run_over(kernel: Kernel, dtype: DType, x: &[Lanes], params: &[Number], out: &Array, n: usize) -> bool {
    if n > SMALL {
        return false;
    }
    // A loop may not write what it reads.
    let mut aside = MaybeUninit::<[u64; SMALL]>::uninit();
    let from: *mut u8 = aside.as_mut_ptr().cast();
    // SAFETY: as above; the result is copied when all is read.
    unsafe {
        run_to(kernel, dtype, x, params, from, dtype.size(), n);
        std::ptr::copy_nonoverlapping(from, out.bytes_ptr(), n * dtype.size());
    }
    true
}

unsafe fn run_to(kernel: Kernel, dtype: DType, x: &[Lanes], params: &[Number], out: *mut u8, size: usize, n: usize) {
    let mut packed = [[0; 8]; MAX_PARAMS];
    for (p, &v) in packed.iter_mut().zip(params) {
        *p = bits(v, dtype);
    }
    let mut pointers = [out.cast_const(); MAX_INPUTS];
    let (mut each, mut same) = (out.cast_const(), false);
    for (p, &lanes) in pointers.iter_mut().zip(x) {
        match lanes {
            Lanes::Each(at) => (*p, each) = (at, at),
            Lanes::Same(_) => same = true,
            Lanes::Unused => {}
        }
    }
    for (p, lanes) in pointers.iter_mut().zip(x) {
        if matches!(lanes, Lanes::Unused) {
            *p = each;
        }
    }
    // SAFETY: says the caller; what is not read has lanes as well.
    unsafe {
        if !same {
            kernel(&pointers, &packed, out, n);
        } else if n <= SMALL {
            tiled::<SMALL>(kernel, dtype.size(), x, &mut pointers, &packed, out, size, n);
        } else {
            tiled::<TILE>(kernel, dtype.size(), x, &mut pointers, &packed, out, size, n);
        }
    }
}

/// By tiles, with the lanes that are the same for all elements spread out over one. Never inlined: reserving its stack costs
/// more than a small call.
#[inline(never)]
#[expect(clippy::too_many_arguments, reason = "the parts of one loop")]
unsafe fn tiled<const N: usize>(
    kernel: Kernel,
    lane: usize,
    x: &[Lanes],
    pointers: &mut [*const u8; MAX_INPUTS],
    params: &[[u8; 8]; MAX_PARAMS],
    out: *mut u8,
    size: usize,
    n: usize,
) {
    let mut tiles = [const { MaybeUninit::<[u64; N]>::uninit() }; MAX_INPUTS];
    let mut steps = [lane; MAX_INPUTS];
    // SAFETY: tiles hold N lanes of at most 8 bytes; pointers move with the tiles, inside n elements.
    unsafe {
        for (k, &lanes) in x.iter().enumerate() {
            if let Lanes::Same(bits) = lanes {
                let tile: *mut u8 = tiles[k].as_mut_ptr().cast();
                repeat(bits, lane, tile, n.min(N));
                (pointers[k], steps[k]) = (tile, 0);
            }
        }
        for start in (0..n).step_by(N) {
            let len = N.min(n - start);
            kernel(pointers, params, out.wrapping_add(start * size), len);
            for (p, s) in pointers.iter_mut().zip(steps) {
                *p = p.wrapping_add(len * s);
            }
        }
    }
}
