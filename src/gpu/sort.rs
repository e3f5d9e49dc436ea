//! Stable sorts of indices, which keep the order of equal ones: slices of up to 4096 in a workgroup each, longer ones by
//! passes of a radix sort over all. Neither depends on which invocation comes first.

use super::kernel::{Kernel, Operand};
use super::walk::Walk;
use super::words::{Words, words};
use crate::core::{DType, Layout, Meta};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

/// Entries that a workgroup sorts at most: its shared memory.
const TILE: usize = 4096;
/// Numbers of a tile of `sort_scan.wgsl`.
const SCANNED: usize = 4096;
const GROUP: usize = 256;
/// Invocations that sort a tile: few, since barriers are dear in software.
const SORTERS: usize = 128;
/// Invocations of a group where each does a long piece of work alone.
const LONE: usize = 64;

static IN_TILE: &str = include_str!("../../shaders/sort_tile.wgsl");
static KEYS: &str = include_str!("../../shaders/sort_keys.wgsl");
static COUNT: &str = include_str!("../../shaders/sort_count.wgsl");
static SCAN: &str = include_str!("../../shaders/sort_scan.wgsl");
static CARRY: &str = include_str!("../../shaders/sort_carry.wgsl");
static MOVE: &str = include_str!("../../shaders/sort_move.wgsl");

words! {
    /// Of `slices`, each workgroup sorts `together`; a slice has `length` indices below `size`, which walk along it by
    /// `stride`. A place in a slice takes `bits`.
    struct Tile { slices, together, length, bits, size, index, stride }
}
words! {
    /// As [`Tile`].
    struct Keys { length, size, index, stride }
}
words! {
    /// Of a pass: how many keys, bits of a digit, and how far the digit stands from the right.
    struct Pass { keys, bits, shift }
}
words! { struct Scan { numbers, tiles } }

/// Slices of int64 indices below `size`, to be sorted each for itself.
pub struct Slices<'a> {
    pub op: &'a str,
    pub index: &'a Array,
    /// Indices of a slice, and their stride.
    pub length: usize,
    pub stride: isize,
    pub size: usize,
    /// From slice to slice; its only operand is the index.
    pub walk: Walk,
}

/// The entries of each slice in the order of their indices.
pub enum Sorted {
    /// `index << bits | place in the slice`.
    Packed(Array, u32),
    /// `slice * size + index`, and `slice * length + place`.
    Split(Array, Array),
}

/// Fresh unsigned numbers, which kernels see as int32.
pub fn fresh(like: &Array, n: usize) -> Result<Array> {
    Array::empty(Meta::new(Layout::contiguous([n][..].into()), DType::I32, like.device))
}

impl Slices<'_> {
    pub fn sorted(&self) -> Result<Sorted> {
        let bits = self.length.next_power_of_two().ilog2();
        // Padding must be larger than all entries.
        if self.length <= TILE && (self.size as u64) << bits <= u64::from(u32::MAX) {
            return Ok(Sorted::Packed(self.in_tiles(bits)?, bits));
        }
        let (keys, places) = self.by_radix()?;
        Ok(Sorted::Split(keys, places))
    }

    fn in_tiles(&self, bits: u32) -> Result<Array> {
        let g = gpu(self.op)?;
        let slices = self.walk.numel();
        let out = fresh(self.index, slices * self.length)?;
        let per = (1024 >> bits).clamp(1, slices);
        let from = Operand::of(self.index);
        let words = Tile {
            slices: slices as u32,
            together: per as u32,
            length: self.length as u32,
            bits,
            size: self.size as u32,
            index: from.first(g),
            stride: self.stride as u32,
        };
        let words = words.words().and(self.walk.words());
        let kernel = Kernel {
            op: self.op,
            id: IN_TILE.as_ptr().addr(),
            variant: self.walk.ndim() as u64,
            consts: &[],
            reads: &[from],
            writes: &[Operand::of(&out)],
            body: &|| Ok(self.walk.text("walk", 0) + IN_TILE),
        };
        kernel.run_linear(slices.div_ceil(per) * SORTERS, SORTERS, &words, &[])?;
        Ok(out)
    }

    fn by_radix(&self) -> Result<(Array, Array)> {
        let g = gpu(self.op)?;
        let slices = self.walk.numel();
        let n = slices * self.length;
        let keys = fresh(self.index, n)?;
        let from = Operand::of(self.index);
        let words = Keys {
            length: self.length as u32,
            size: self.size as u32,
            index: from.first(g),
            stride: self.stride as u32,
        };
        let words = words.words().and(self.walk.words());
        let kernel = Kernel {
            op: self.op,
            id: KEYS.as_ptr().addr(),
            variant: self.walk.ndim() as u64,
            consts: &[],
            reads: &[from],
            writes: &[Operand::of(&keys)],
            body: &|| Ok(self.walk.text("walk", 0) + KEYS),
        };
        kernel.run_linear(n, GROUP, &words, &[])?;
        radix(self.op, keys, (slices * self.size) as u64, None)
    }
}

/// Keys below `limit` in order, and the place that each had: its own, or that of `places`.
pub fn radix(op: &str, mut keys: Array, limit: u64, mut places: Option<Array>) -> Result<(Array, Array)> {
    let n = keys.numel();
    let bits = (u64::BITS - limit.saturating_sub(1).leading_zeros()).max(1);
    let passes = bits.div_ceil(8);
    // A chunk has as many keys as there are digits, so that there are about as many counts as keys.
    let digit = bits.div_ceil(passes).max(5);
    let chunks = n.div_ceil(1 << digit);
    for pass in 0..passes {
        let counts = fresh(&keys, chunks << digit)?;
        let (moved, origins) = (fresh(&keys, n)?, fresh(&keys, n)?);
        let words = Pass { keys: n as u32, bits: digit, shift: pass * digit }.words();
        let counter = Operand::of(&counts);
        let kernel = Kernel {
            op,
            id: COUNT.as_ptr().addr(),
            variant: 0,
            consts: &[],
            reads: &[counter.over(), Operand::of(&keys)],
            writes: &[counter],
            body: &|| Ok(COUNT.into()),
        };
        kernel.run_linear(chunks, LONE, &words, &[])?;
        scan(op, &counts)?;
        let mut reads = vec![counter.over(), Operand::of(&keys)];
        reads.extend(places.as_ref().map(Operand::of));
        let origin = if places.is_some() { "load2(i)" } else { "bitcast<i32>(i)" };
        let kernel = Kernel {
            op,
            id: MOVE.as_ptr().addr(),
            variant: 0,
            consts: &[],
            reads: &reads,
            writes: &[counter, Operand::of(&moved), Operand::of(&origins)],
            body: &|| Ok(format!("fn origin(i: u32) -> i32 {{ return {origin}; }}\n{MOVE}")),
        };
        kernel.run_linear(chunks, LONE, &words, &[])?;
        (keys, places) = (moved, Some(origins));
    }
    let places = places.ok_or_else(|| crate::err!(Runtime, "internal error: a sort without passes"))?;
    Ok((keys, places))
}

/// Each number replaced by the sum of those before it.
fn scan(op: &str, x: &Array) -> Result<()> {
    let tiles = x.numel().div_ceil(SCANNED);
    let sums = fresh(x, tiles)?;
    let own = Operand::of(x);
    let kernel = Kernel {
        op,
        id: SCAN.as_ptr().addr(),
        variant: 0,
        consts: &[],
        reads: &[own.over()],
        writes: &[own, Operand::of(&sums)],
        body: &|| Ok(SCAN.into()),
    };
    let words = Scan { numbers: x.numel() as u32, tiles: tiles as u32 }.words();
    kernel.run_linear(tiles * LONE, LONE, &words, &[])?;
    if tiles == 1 {
        return Ok(());
    }
    scan(op, &sums)?;
    let kernel = Kernel {
        op,
        id: CARRY.as_ptr().addr(),
        variant: 0,
        consts: &[],
        reads: &[own.over(), Operand::of(&sums)],
        writes: &[own],
        body: &|| Ok(CARRY.into()),
    };
    kernel.run_linear(x.numel(), GROUP, &Words::NONE, &[])
}
