//! Arrays of any strides and dtypes, cut into tiles: what is not lanes is gathered in L1, what is lanes is read where it is,
//! and the result, where it is none or may be an operand, is computed aside.

use std::mem::MaybeUninit;

use super::grid::{self, Grid, TILE};
use super::{Call, Code, GRAIN_NS, PARALLEL_NS, Params, Pointers, Shared, Tile, lane, room, rows};
use crate::core::Strides;
use crate::cpu::convert::{Mover, Piece, mover};
use crate::cpu::strided::Raw;
use crate::cpu::threads;
use crate::device::{Array, Value};
use crate::expr::MAX_INPUTS;

/// Operands of a grid: the inputs and the output.
pub(super) const K: usize = MAX_INPUTS + 1;

/// Any strides, any dtypes.
#[inline(never)]
pub(super) fn general(call: &Call, x: &[Value], out: &Array) {
    let x = &x[..x.len().min(MAX_INPUTS)];
    let count = x.len() + 1;
    let shape = out.shape();
    let mut strides = [const { Strides::NONE }; K];
    for (k, operand) in x.iter().enumerate() {
        strides[k] = match operand {
            Value::Array(a) => a.layout.broadcast_strides(shape),
            _ => Strides::zeros(shape.len()),
        };
    }
    strides[x.len()] = out.layout.strides.clone();
    let tile = room::<TILE>(lane(call.compute).size());
    let mut grid = Grid::<K>::new(shape, &strides[..count], tile, tile);
    let shares = x.iter().any(|o| matches!(o, Value::Array(a) if a.storage.same(&out.storage)));
    let high = if shares { None } else { rows::together(call, x, &grid, out) };
    if let Some(high) = high {
        // Nothing is gathered: a tile's size is bounded by what threads share out.
        grid.set_rows(4 * high.max(grid.tile()[0]));
    }
    let mut pointers = [out.bytes_ptr().cast_const(); MAX_INPUTS];
    for (k, operand) in x.iter().enumerate() {
        if let Value::Array(a) = operand {
            pointers[k] = a.bytes_ptr();
        }
    }
    let by_rows = high.is_none() && Tiled::by_rows(call, x, &grid, out);
    let job =
        Tiled { call, x, grid: &grid, out, to: Raw::new(out.bytes_ptr()), pointers: Shared(pointers), shares, by_rows };
    // A tile that is gathered or converted costs more than the formula says.
    let cost = (call.cost + if high.is_some() { 0.0 } else { 0.5 }) * grid.tile_len() as f32;
    let part = |start, end| match high {
        Some(high) => job.rows(start, end, high),
        None => job.tiles(start, end),
    };
    if cost * (grid.tiles() as f32) < PARALLEL_NS {
        part(0, grid.tiles());
    } else {
        threads::split(grid.tiles(), (GRAIN_NS / cost) as usize, &|r| part(r.start, r.end));
    }
}

pub(super) struct Tiled<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) x: &'a [Value<'a>],
    pub(super) grid: &'a Grid<K>,
    pub(super) out: &'a Array,
    pub(super) to: Raw<u8>,
    pub(super) pointers: Shared,
    /// Whether an input may be the output: then a tile's result is written after all its operands are read.
    shares: bool,
    /// A tile is computed row by row, so that operands whose rows are lanes are read where they are.
    by_rows: bool,
}

/// How an operand becomes lanes.
struct Moved {
    size: isize,
    /// Its memory is lanes already, where it lies straight.
    as_it_is: bool,
    narrows: bool,
    mover: Mover,
}

/// Rows shorter than this are gathered in a tile sooner than computed one by one.
const ROW: usize = 32;

impl Tiled<'_> {
    /// Whether there are rows of lanes, apart from each other, that would be copied for a loop over the tile.
    fn by_rows(call: &Call, x: &[Value], grid: &Grid<K>, out: &Array) -> bool {
        let [rows, cols] = grid.tile();
        let apart = |k: usize| {
            let [s1, s0] = grid.steps(k);
            s0 == 1 && s1 != 0 && s1 != cols as isize
        };
        // A program plans each of its calls.
        matches!(call.code, Code::Loop(..))
            && rows > 1
            && cols >= ROW
            && (apart(x.len()) && out.dtype == call.gives()
                || (0..x.len()).any(|k| apart(k) && matches!(x[k], Value::Array(a) if call.is_lanes(k, a.dtype))))
    }

    /// Spreads operands that are the same everywhere over `len` lanes of their tiles, where `x` then points. As bits, which
    /// operands those are.
    ///
    /// # Safety
    /// A tile holds as many lanes.
    pub(super) unsafe fn spread(&self, tiles: &mut [MaybeUninit<Tile>], x: &mut Pointers, len: usize) -> u32 {
        let mut fixed = 0;
        for (k, (&operand, tile)) in self.x.iter().zip(tiles).enumerate() {
            // SAFETY: says the caller.
            unsafe {
                if matches!(operand, Value::Unused) {
                    std::ptr::write_bytes(tile.as_mut_ptr(), 0, 1);
                } else if self.grid.is_constant(k) {
                    self.call.fill(k, operand, tile.as_mut_ptr().cast(), len);
                } else {
                    continue;
                }
            }
            x[k] = tile.as_ptr().cast();
            fixed |= 1 << k;
        }
        fixed
    }

    fn tiles(&self, start: usize, end: usize) {
        let (call, count) = (self.call, self.x.len() + 1);
        let params = call.pack();
        let mut tiles: [MaybeUninit<Tile>; K] = [const { MaybeUninit::uninit() }; K];
        let mut x = *self.pointers.get();
        // Bytes from row to row of each, where rows are computed one by one.
        let mut steps = [0isize; MAX_INPUTS];
        // SAFETY: a tile of the grid has at most as many elements as tiles have room for lanes; the grid's
        // places lie inside the layouts of the operands; so to the end.
        unsafe {
            let fixed = self.spread(&mut tiles, &mut x, self.grid.tile_len());
            let movers: [_; MAX_INPUTS] = std::array::from_fn(|k| match self.x.get(k) {
                Some(Value::Array(a)) if fixed >> k & 1 == 0 => Some(Moved {
                    size: a.dtype.size() as isize,
                    as_it_is: call.is_lanes(k, a.dtype),
                    narrows: call.narrows(k, a.dtype),
                    mover: mover(a.dtype, call.expects(k)),
                }),
                _ => None,
            });
            // What each tile holds: an operand that repeats from row to row is brought once.
            let mut there = [(std::ptr::null(), 0, 0); MAX_INPUTS];
            for t in start..end {
                let place = self.grid.place(t, count);
                let (rows, cols) = (place.rows, place.cols);
                for (k, moved) in movers[..self.x.len()].iter().enumerate() {
                    let Some(m) = moved else { continue };
                    let from = self.pointers.get()[k].wrapping_offset(place.at[k] * m.size);
                    let [s1, s0] = self.grid.steps(k);
                    let straight = s0 == 1 && (self.by_rows || rows == 1 || s1 == cols as isize);
                    if straight && m.as_it_is {
                        (x[k], steps[k]) = (from, s1 * m.size);
                        continue;
                    }
                    let to: *mut u8 = tiles[k].as_mut_ptr().cast();
                    (x[k], steps[k]) = (to, (cols * call.expects(k).size()) as isize);
                    if there[k] == (from, rows, cols) && !self.shares {
                        continue;
                    }
                    there[k] = (from, rows, cols);
                    m.mover.run(from, to, Piece { rows, cols, from: [s1, s0], to: [cols as isize, 1] });
                    if m.narrows {
                        call.narrow(to, rows * cols);
                    }
                }
                self.finish(&x, &steps, &params, &place, tiles[K - 1].as_mut_ptr().cast());
            }
        }
    }

    /// Computes one tile and brings it to the output.
    #[inline(always)]
    unsafe fn finish(
        &self,
        x: &Pointers,
        steps: &[isize; MAX_INPUTS],
        params: &Params,
        place: &grid::Place<K>,
        aside: *mut u8,
    ) {
        let (call, rows, cols) = (self.call, place.rows, place.cols);
        let k = self.x.len();
        let dtype = self.out.dtype;
        let size = dtype.size() as isize;
        let to = self.to.at(place.at[k] * size);
        let [s1, s0] = self.grid.steps(k);
        let straight = s0 == 1 && (self.by_rows || rows == 1 || s1 == cols as isize);
        // SAFETY: as in `tiles`.
        unsafe {
            if straight && dtype == call.gives() && !call.rounds(dtype) && !self.shares {
                return self.compute(x, steps, params, to, s1 * size, [rows, cols]);
            }
            self.compute(x, steps, params, aside, (cols * call.gives().size()) as isize, [rows, cols]);
            if call.rounds(dtype) {
                call.narrow(aside, rows * cols);
            }
            let piece = Piece { rows, cols, from: [cols as isize, 1], to: [s1, s0] };
            mover(call.gives(), dtype).run(aside, to, piece);
        }
    }

    /// The tile's results at `to`, whose rows are `step` bytes apart where they are computed one by one.
    #[inline(always)]
    unsafe fn compute(
        &self,
        x: &Pointers,
        steps: &[isize; MAX_INPUTS],
        params: &Params,
        to: *mut u8,
        step: isize,
        [rows, cols]: [usize; 2],
    ) {
        // SAFETY: as in `tiles`.
        unsafe {
            if !self.by_rows {
                return self.call.kernel(x, params, to, rows * cols);
            }
            let mut x = *x;
            for r in 0..rows as isize {
                self.call.kernel(&x, params, to.wrapping_offset(r * step), cols);
                (0..self.x.len()).for_each(|k| x[k] = x[k].wrapping_offset(steps[k]));
            }
        }
    }
}
