//! Elementwise loops. A formula is compiled into loops over contiguous elements ([`looped`]); [`run`] feeds them from any
//! arrays: contiguous ones directly, all others (strided, broadcast, numbers, other dtypes) by rows where those are lanes
//! ([`rows`]), else through tiles of 1024 elements in L1 ([`tiled`]). Each element depends on its own operands only, so threads and tiles never change bits.

pub mod grid;
pub mod looped;
pub mod program;
mod rows;
pub mod small;
pub mod stream;
mod tiled;

use std::mem::MaybeUninit;

use self::grid::TILE;
pub use self::looped::{Kernel, Loops, Params, Ways};
use self::program::Plan;
use super::convert::{Piece, mover};
use super::strided::{Raw, Walk};
use super::threads;
use crate::core::dtype::WIDEST;
use crate::core::{Bits, DType, Element, Number};
use crate::device::{Array, Value};
use crate::expr::MAX_INPUTS;
use crate::{dispatch, simd};

/// The lane that computes a dtype.
#[inline]
pub const fn lane(dtype: DType) -> DType {
    dtype.lane()
}

/// Lanes of `size` bytes in a tile that has room for `N` of 8: at most `N`.
#[inline]
const fn room<const N: usize>(size: usize) -> usize {
    if size > 8 { N * 8 / size } else { N }
}

#[derive(Clone, Copy)]
pub enum Code<'a> {
    Loop(Ways),
    Program(&'a Plan),
}

/// A formula with all that is known of one call of it.
pub struct Call<'a> {
    pub code: Code<'a>,
    /// The dtype that operands are cast to and results are rounded to.
    pub compute: DType,
    /// Bit k: operand k is a truth value.
    pub masks: u32,
    /// Bit k: operand k is not rounded to `compute`, where that is a half.
    pub wide: u32,
    pub out_mask: bool,
    pub params: &'a [Number],
    /// Nanoseconds an element on one thread, roughly.
    pub cost: f32,
}

/// Work below this stays on one thread.
const PARALLEL_NS: f32 = 15_000.0;
/// A chunk of a parallel loop takes at least this.
const GRAIN_NS: f32 = 5_000.0;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Tile<const N: usize = TILE>([MaybeUninit<u64>; N]);

/// The tile of a small call, whose stack costs nothing to reserve.
const SMALL: usize = 64;

type Pointers = [*const u8; MAX_INPUTS];

/// Pointers that threads share.
#[derive(Clone, Copy)]
struct Shared(Pointers);
// SAFETY: addresses; the kernels read disjoint or unchanging elements through them.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    #[inline(always)]
    fn get(&self) -> &Pointers {
        &self.0
    }
}

impl Call<'_> {
    /// What the kernel reads operand `k` as.
    #[inline]
    fn expects(&self, k: usize) -> DType {
        if self.masks >> k & 1 == 1 { DType::Bool } else { lane(self.compute) }
    }

    /// Whether an operand of this dtype is what the kernel reads, as it lies in memory.
    fn is_lanes(&self, k: usize, dtype: DType) -> bool {
        dtype == self.expects(k) && !self.narrows(k, dtype)
    }

    #[inline]
    fn gives(&self) -> DType {
        if self.out_mask { DType::Bool } else { lane(self.compute) }
    }

    /// Whether operand `k` of this dtype must be rounded to the compute dtype once it is a lane.
    fn narrows(&self, k: usize, dtype: DType) -> bool {
        let exact = dtype == self.compute || dtype == DType::Bool || dtype == DType::U8 && self.compute != DType::Bool;
        self.masks >> k & 1 == 0 && self.wide >> k & 1 == 0 && lane(self.compute) != self.compute && !exact
    }

    /// Whether a result that goes to this dtype is rounded to the compute dtype before.
    #[inline]
    fn rounds(&self, dtype: DType) -> bool {
        !self.out_mask && dtype != self.compute && lane(self.compute) != self.compute
    }

    fn pack(&self) -> Params {
        let mut out = Params::default();
        for (slot, &p) in out.iter_mut().zip(self.params) {
            *slot = p.bits(lane(self.compute));
        }
        out
    }

    #[inline(always)]
    unsafe fn kernel(&self, x: &Pointers, p: &Params, out: *mut u8, n: usize) {
        // SAFETY: the caller's.
        unsafe {
            match self.code {
                Code::Loop(ways) => (ways.each)(x, p, out, n),
                Code::Program(plan) => plan.run(x, p, out, n),
            }
        }
    }

    /// Fills `n` lanes at `to` with one number or one element.
    unsafe fn fill(&self, k: usize, x: Value, to: *mut u8, n: usize) {
        let expects = self.expects(k);
        let one = Piece { rows: 1, cols: 1, from: [0, 1], to: [0, 1] };
        let mut bits: Bits = [0; WIDEST];
        // SAFETY: `to` has room for n lanes, says the caller; the array has an element.
        unsafe {
            match x {
                Value::Number(v) => bits = v.bits(expects),
                Value::Array(a) => {
                    mover(a.dtype, expects).run(a.bytes_ptr(), bits.as_mut_ptr(), one);
                    if self.narrows(k, a.dtype) {
                        self.narrow(bits.as_mut_ptr(), 1);
                    }
                }
                Value::Unused => {}
            }
            repeat(bits, expects.size(), to, n);
        }
    }

    /// Rounds lanes to the compute dtype.
    unsafe fn narrow(&self, x: *mut u8, n: usize) {
        let mut narrow = MaybeUninit::<Tile>::uninit();
        let (small, piece) = (narrow.as_mut_ptr().cast::<u8>(), Piece { rows: 1, cols: n, from: [0, 1], to: [0, 1] });
        // SAFETY: both hold n elements, of which that of the lane is the wider.
        unsafe {
            mover(lane(self.compute), self.compute).run(x, small, piece);
            mover(self.compute, lane(self.compute)).run(small, x, piece);
        }
    }
}

simd! {
    /// `n` times the element of `size` bytes that `bits` begins with.
    unsafe fn repeat(bits: Bits, size: usize, to: *mut u8, n: usize) = repeat_body;
}

#[inline(always)]
unsafe fn repeat_body(bits: Bits, size: usize, to: *mut u8, n: usize) {
    // SAFETY: room for n elements, says the caller.
    unsafe {
        match size {
            WIDEST => fill_run::<[u64; 2]>(&bits, to, n),
            8 => fill_run::<u64>(&bits, to, n),
            4 => fill_run::<u32>(&bits, to, n),
            2 => fill_run::<u16>(&bits, to, n),
            _ => std::ptr::write_bytes(to, bits[0], n),
        }
    }
}

#[inline(always)]
unsafe fn fill_run<T: Copy>(bits: &Bits, to: *mut u8, n: usize) {
    // SAFETY: T is no larger than the bits, and there is room for n of it, says the caller.
    unsafe {
        let one = bits.as_ptr().cast::<T>().read_unaligned();
        for i in 0..n {
            to.cast::<T>().add(i).write(one);
        }
    }
}

/// Computes `out` from `x`, which broadcast to its shape.
#[inline]
pub fn run(call: &Call, x: &[Value], out: &Array) {
    let n = out.numel();
    if n == 0 {
        return;
    }
    if out.dtype == call.gives()
        && !call.rounds(out.dtype)
        && out.is_contiguous()
        && x.len() <= MAX_INPUTS
        && let Some(flat) = Flat::new(call, x, out, n)
    {
        return flat.run();
    }
    tiled::general(call, x, out);
}

/// Whether integers or bools have a zero among them.
pub fn any_zero(a: &Array) -> bool {
    if a.dtype.is_float() {
        return false;
    }
    let walk = Walk::new(a.shape(), [a.strides()]);
    let mut found = false;
    dispatch!(a.dtype, T => walk.elements(0..walk.numel(), |[at], _| {
        // SAFETY: the walk stays inside the layout.
        found |= unsafe { a.ptr::<T>().wrapping_offset(at).read() }.to_i64() == 0;
    }));
    found
}

/// A call all of whose operands are contiguous lanes or one value.
struct Flat<'a> {
    call: &'a Call<'a>,
    x: &'a [Value<'a>],
    n: usize,
    pointers: Shared,
    /// Bytes per element of each pointer, 0 for a constant.
    sizes: [u8; MAX_INPUTS],
    constants: u32,
    out: Raw<u8>,
    /// The loop over operand 0, where the output is that and no other operand.
    over: Option<Kernel>,
    /// Whether the output may overlap an operand otherwise.
    overlaps: bool,
}

impl<'a> Flat<'a> {
    #[inline(always)]
    fn new(call: &'a Call, x: &'a [Value], out: &Array, n: usize) -> Option<Flat<'a>> {
        let (start, bytes) = (out.bytes_ptr(), n * out.dtype.size());
        let mut f = Flat {
            call,
            x,
            n,
            pointers: Shared([start.cast_const(); MAX_INPUTS]),
            sizes: [0; MAX_INPUTS],
            constants: 0,
            out: Raw::new(start),
            over: None,
            overlaps: false,
        };
        let (mut first, mut unused) = (false, false);
        for (k, operand) in x.iter().enumerate() {
            match operand {
                Value::Array(a) if a.numel() == n && a.dtype == call.expects(k) && a.is_contiguous() => {
                    if call.narrows(k, a.dtype) {
                        return None;
                    }
                    let (p, size) = (a.bytes_ptr(), a.dtype.size());
                    if k == 0 && p == start && a.dtype == out.dtype {
                        first = true;
                    } else {
                        f.overlaps |= (p as usize) < start as usize + bytes && (start as usize) < p as usize + n * size;
                    }
                    f.pointers.0[k] = p;
                    f.sizes[k] = size as u8;
                }
                Value::Array(a) if a.numel() == 1 => f.constants |= 1 << k,
                Value::Number(_) => f.constants |= 1 << k,
                Value::Unused => unused = true,
                Value::Array(_) => return None,
            }
        }
        if first {
            match call.code {
                Code::Loop(Ways { over: over @ Some(_), .. }) if !f.overlaps => f.over = over,
                _ => f.overlaps = true,
            }
        }
        if !unused {
            return Some(f);
        }
        // What the formula does not need is still an address of lanes.
        if let Some(lanes) = (0..x.len()).find(|&k| f.sizes[k] as usize == lane(call.compute).size()) {
            for (k, operand) in x.iter().enumerate() {
                if matches!(operand, Value::Unused) {
                    f.pointers.0[k] = f.pointers.0[lanes];
                    f.sizes[k] = f.sizes[lanes];
                }
            }
            Some(f)
        } else {
            None
        }
    }

    #[inline(always)]
    unsafe fn kernel(&self, x: &Pointers, p: &Params, out: *mut u8, n: usize) {
        // SAFETY: the caller's.
        unsafe {
            match self.over {
                Some(f) => f(x, p, out, n),
                None => self.call.kernel(x, p, out, n),
            }
        }
    }

    #[inline]
    fn run(&self) {
        let params = self.call.pack();
        let direct = self.constants == 0 && !self.overlaps && matches!(self.call.code, Code::Loop(..));
        if self.n as f32 * self.call.cost < PARALLEL_NS {
            // SAFETY: all n elements, which every operand has.
            return unsafe {
                if direct {
                    self.kernel(self.pointers.get(), &params, self.out.at(0), self.n);
                } else if self.n <= room::<SMALL>(lane(self.call.compute).size()) {
                    self.tiled::<SMALL>(&params, 0, self.n, false);
                } else {
                    self.tiled::<TILE>(&params, 0, self.n, false);
                }
            };
        }
        let size = self.call.gives().size();
        // What is written in place is in the cache already.
        let streams = !self.overlaps && self.over.is_none() && stream::pays(self.n * size, self.out.at(0));
        let grain = ((GRAIN_NS / self.call.cost) as usize).div_ceil(TILE);
        threads::split(self.n.div_ceil(TILE), grain, &|range| {
            let (start, end) = (range.start * TILE, (range.end * TILE).min(self.n));
            // SAFETY: ranges are disjoint parts of the n elements.
            unsafe {
                if direct && !streams {
                    let x = self.moved(start);
                    self.kernel(&x, &params, self.out.at((start * size) as isize), end - start);
                } else {
                    self.tiled::<TILE>(&params, start, end, streams);
                }
            }
        });
    }

    /// The pointers at element `i`.
    #[inline]
    fn moved(&self, i: usize) -> Pointers {
        let mut x = *self.pointers.get();
        for (p, &s) in x.iter_mut().zip(&self.sizes) {
            *p = p.wrapping_add(i * s as usize);
        }
        x
    }

    /// Elements `start..end` by tiles: with constants spread out, and the result aside where it may overlap an input
    /// or goes past the cache.
    unsafe fn tiled<const N: usize>(&self, params: &Params, start: usize, end: usize, streams: bool) {
        let mut tiles: [MaybeUninit<Tile<N>>; MAX_INPUTS] = [const { MaybeUninit::uninit() }; MAX_INPUTS];
        let mut aside = MaybeUninit::<Tile<N>>::uninit();
        let most = room::<N>(lane(self.call.compute).size());
        let len = most.min(end - start);
        let size = self.call.gives().size();
        // SAFETY: tiles hold `most` lanes; the rest as in `run`.
        unsafe {
            let mut x = self.moved(start);
            for (k, &operand) in self.x.iter().enumerate().filter(|(k, _)| self.constants >> k & 1 == 1) {
                self.call.fill(k, operand, tiles[k].as_mut_ptr().cast(), len);
                x[k] = tiles[k].as_ptr().cast();
            }
            let mut i = start;
            while i < end {
                let m = most.min(end - i);
                let out = self.out.at((i * size) as isize);
                if self.overlaps || streams {
                    let tile: *mut u8 = aside.as_mut_ptr().cast();
                    // Never the loop over operand 0: what has one neither overlaps otherwise nor streams.
                    self.call.kernel(&x, params, tile, m);
                    if streams {
                        stream::copy(tile, out, m * size);
                    } else {
                        std::ptr::copy_nonoverlapping(tile, out, m * size);
                    }
                } else {
                    self.kernel(&x, params, out, m);
                }
                for (p, &s) in x.iter_mut().zip(&self.sizes) {
                    *p = p.wrapping_add(m * s as usize);
                }
                i += m;
            }
        }
        if streams {
            stream::fence();
        }
    }
}

#[cfg(test)]
mod tests;
