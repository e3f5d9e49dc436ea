//! The shortest way to a compiled loop: a few contiguous lanes, with numbers and operands that repeat beside them. Nothing is
//! planned, converted or shared out; what is larger or less plain goes through [`super::run`].

use std::mem::MaybeUninit;

use super::{Kernel, Loops, PARALLEL_NS, Params, Pointers, SMALL, TILE, repeat, room};
use crate::core::dtype::WIDEST;
use crate::core::{Bits, DType, Number};
use crate::device::{Array, Storage};
use crate::expr::{MAX_INPUTS, MAX_PARAMS};

/// The operands of one call.
pub struct Lanes {
    each: Pointers,
    /// Bit k: operand k is `same[k]` for all elements, or repeats.
    spread: u32,
    /// Bit k: operand k is what lies at `each[k]`, repeated as `same[k]` says: how many elements, and how often each in a row.
    repeats: u32,
    /// The elements after which all that repeats begins anew.
    period: usize,
    same: [Bits; MAX_INPUTS],
}

impl Lanes {
    /// Operands that all read the elements at `each`, until they are put.
    #[inline(always)]
    pub fn new(each: *const u8) -> Lanes {
        Lanes { each: [each; MAX_INPUTS], spread: 0, repeats: 0, period: 1, same: [[0; WIDEST]; MAX_INPUTS] }
    }

    #[inline(always)]
    fn put_same(&mut self, k: usize, bits: Bits) {
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
        self.put_element(k, a);
        Some(())
    }

    /// Operand `k` is `a`, an element for all.
    fn put_element(&mut self, k: usize, a: &Array) {
        let mut bits = [0; WIDEST];
        // SAFETY: the array has an element, of at most so many bytes.
        unsafe { std::ptr::copy_nonoverlapping(a.bytes_ptr(), bits.as_mut_ptr(), a.dtype.size().min(WIDEST)) };
        self.put_same(k, bits);
    }

    /// As [`put_array`](Self::put_array), or `a` is broadcast to `like`, a packed array: an element, rows over
    /// and over, or each element several times, as far as a tile has room for it.
    pub fn put_broadcast(&mut self, k: usize, a: &Array, like: &Array) -> Option<()> {
        if a.layout.shape == like.layout.shape {
            return self.put_array(k, a, like);
        }
        if a.dtype != like.dtype || a.device != like.device || a.ndim() > like.ndim() {
            return None;
        }
        if a.layout.packed_numel()? == 1 {
            self.put_element(k, a);
            return Some(());
        }
        let (count, often) = repeats(a.shape(), like.shape())?;
        let (period, both) = (count * often, self.period.max(count * often));
        if period > capacity::<TILE>(a.dtype.size()) || both % period != 0 || both % self.period != 0 {
            return None;
        }
        self.period = both;
        *self.each.get_mut(k)? = a.bytes_ptr();
        self.put_same(k, ((often as u128) << 64 | count as u128).to_ne_bytes());
        self.repeats |= 1 << k;
        Some(())
    }
}

/// How a packed array of shape `a` is broadcast to a packed one of `shape`: so many elements, each of them so often in a row,
/// over and over. None where it is no such pattern, or no broadcast.
fn repeats(a: &[usize], shape: &[usize]) -> Option<(usize, usize)> {
    let shape = shape.get(shape.len().checked_sub(a.len())?..)?;
    let (mut count, mut often, mut d) = (1, 1, a.len());
    while d > 0 && a[d - 1] == 1 {
        d -= 1;
        often *= shape[d];
    }
    while d > 0 && a[d - 1] == shape[d - 1] {
        d -= 1;
        count *= a[d];
    }
    a[..d].iter().all(|&size| size == 1).then_some((count, often))
}

/// The lanes of `size` bytes that a tile of `N` lanes of 8 has room for.
const fn capacity<const N: usize>(size: usize) -> usize {
    N * 8 / size
}

#[inline]
fn bits(n: Number, dtype: DType) -> Bits {
    match (n, dtype) {
        (Number::Float(v), DType::F32) => float(v as f32),
        (Number::Int(v), DType::F32) => float(v as f32),
        _ => n.bits(dtype),
    }
}

#[inline]
fn float(v: f32) -> Bits {
    u128::to_le_bytes(v.to_bits().to_le() as u128)
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
    let Some(kernel) = loops.of(out.dtype).filter(|_| n <= room::<SMALL>(out.dtype.size())) else { return false };
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
    let mut packed = [[0; WIDEST]; MAX_PARAMS];
    for (p, &v) in packed.iter_mut().zip(params) {
        *p = bits(v, dtype);
    }
    // SAFETY: says the caller; what is not read has lanes as well.
    unsafe {
        if x.spread == 0 {
            kernel(&x.each, &packed, out, n);
        } else if n <= room::<SMALL>(dtype.size()) {
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
    // What repeats begins anew with each tile.
    let most = (capacity::<N>(lane) / x.period * x.period).min(n);
    // SAFETY: tiles have room for so many lanes; pointers move with the tiles, inside n elements.
    unsafe {
        let mut left = x.spread;
        while left != 0 {
            let k = left.trailing_zeros() as usize;
            left &= left - 1;
            let tile: *mut u8 = tiles[k].as_mut_ptr().cast();
            if x.repeats >> k & 1 == 1 {
                repeat_each(x.each[k], u128::from_ne_bytes(x.same[k]), lane, tile, most);
            } else {
                repeat(x.same[k], lane, tile, most);
            }
            (x.each[k], steps[k]) = (tile, 0);
        }
        for start in (0..n).step_by(most) {
            let len = most.min(n - start);
            kernel(&x.each, params, out.wrapping_add(start * size), len);
            for (p, s) in x.each.iter_mut().zip(steps) {
                *p = p.wrapping_add(len * s);
            }
        }
    }
}

/// `len` lanes at `to`: those at `from`, as many as the low half of `how` says, each as often as the high half, over and over.
unsafe fn repeat_each(from: *const u8, how: u128, lane: usize, to: *mut u8, len: usize) {
    let (count, often) = (how as usize, (how >> 64) as usize);
    // SAFETY: room for `len` lanes, a multiple of `count * often`, says the caller.
    unsafe {
        if often == 1 {
            std::ptr::copy_nonoverlapping(from, to, count * lane);
        } else {
            match lane {
                WIDEST => each_often(from.cast::<[u64; 2]>(), to.cast(), count, often),
                8 => each_often(from.cast::<u64>(), to.cast(), count, often),
                4 => each_often(from.cast::<u32>(), to.cast(), count, often),
                2 => each_often(from.cast::<u16>(), to.cast(), count, often),
                _ => each_often(from, to, count, often),
            }
        }
        let mut done = count * often;
        while done < len {
            let more = done.min(len - done);
            std::ptr::copy_nonoverlapping(to, to.add(done * lane), more * lane);
            done += more;
        }
    }
}

#[inline(always)]
unsafe fn each_often<T: Copy>(from: *const T, to: *mut T, count: usize, often: usize) {
    for i in 0..count {
        // SAFETY: the caller's.
        unsafe {
            let one = from.add(i).read();
            for j in 0..often {
                to.add(i * often + j).write(one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::repeats;

    #[test]
    fn patterns_of_broadcasts() {
        assert_eq!(repeats(&[10], &[2, 10]), Some((10, 1)));
        assert_eq!(repeats(&[2, 1], &[2, 10]), Some((2, 10)));
        assert_eq!(repeats(&[1, 3, 1, 1], &[4, 3, 5, 6]), Some((3, 30)));
        assert_eq!(repeats(&[4, 1, 6], &[4, 5, 6]), None);
        assert_eq!(repeats(&[1, 10], &[10]), None);
        assert_eq!(repeats(&[3], &[2, 10]), None);
        assert_eq!(repeats(&[3, 1], &[2, 10]), None);
    }
}
