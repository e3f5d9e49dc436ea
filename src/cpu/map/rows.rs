//! Broadcast operands where all rows are lanes already: a row or a column added to a matrix, a slice times another. Rows are
//! computed one by one where they lie; only what is one element a row is spread out, over one row.

use std::mem::MaybeUninit;

use super::grid::Grid;
use super::tiled::{K, Tiled};
use super::{Call, Code, Tile, repeat};
use crate::device::{Array, Value};
use crate::expr::MAX_INPUTS;

/// Shorter rows are cheaper by tiles of many, into which a row that repeats is brought once.
const LONG: usize = 128;

/// Whether the loop can read all operands and write the result so.
pub fn fits(call: &Call, x: &[Value], grid: &Grid<K>, out: &Array) -> bool {
    let lanes = |k: usize, operand: &Value| match operand {
        Value::Array(a) => grid.is_constant(k) || call.is_lanes(k, a.dtype) && grid.steps(k)[1] & !1 == 0,
        _ => true,
    };
    // A program plans each of its calls.
    matches!(call.code, Code::Loop(..))
        && grid.tile()[0] > 1
        && grid.tile()[1] >= LONG
        && grid.steps(x.len())[1] == 1
        && out.dtype == call.gives()
        && !call.rounds(out.dtype)
        && x.iter().enumerate().all(|(k, operand)| lanes(k, operand))
}

impl Tiled<'_> {
    /// The tiles `start..end` of a grid that [`fits`], none of whose operands is the output.
    pub(super) fn rows(&self, start: usize, end: usize) {
        let (call, n, width) = (self.call, self.x.len(), self.grid.tile()[1]);
        let params = call.pack();
        let mut tiles: [MaybeUninit<Tile>; MAX_INPUTS] = [const { MaybeUninit::uninit() }; MAX_INPUTS];
        let mut x = *self.pointers.get();
        // Bytes of an element of each, and bit k: operand k is one element a row, or the same everywhere.
        let (mut sizes, mut columns, mut fixed) = ([0usize; MAX_INPUTS], 0u32, 0u32);
        let size = self.out.dtype.size() as isize;
        // SAFETY: tiles hold TILE lanes of 8 bytes, and no row of the grid's tiles is longer; the grid's places lie inside the
        // layouts of the operands.
        unsafe {
            for (k, &operand) in self.x.iter().enumerate() {
                let tile: *mut u8 = tiles[k].as_mut_ptr().cast();
                match operand {
                    Value::Array(a) if !self.grid.is_constant(k) => {
                        sizes[k] = a.dtype.size();
                        if self.grid.steps(k)[1] == 1 {
                            continue;
                        }
                        columns |= 1 << k;
                    }
                    Value::Unused => std::ptr::write_bytes(tile, 0, size_of::<Tile>()),
                    _ => call.fill(k, operand, tile, width),
                }
                x[k] = tile;
                fixed |= 1 << k;
            }
            for t in start..end {
                let place = self.grid.place(t, n + 1);
                let step = |k: usize| self.grid.steps(k)[0];
                for r in 0..place.rows as isize {
                    for k in 0..n {
                        let at = (place.at[k] + r * step(k)) * sizes[k] as isize;
                        let from = self.pointers.get()[k].wrapping_offset(at);
                        if columns >> k & 1 == 1 {
                            let mut bits = [0; 8];
                            std::ptr::copy_nonoverlapping(from, bits.as_mut_ptr(), sizes[k]);
                            repeat(bits, sizes[k], tiles[k].as_mut_ptr().cast(), place.cols);
                        } else if fixed >> k & 1 == 0 {
                            x[k] = from;
                        }
                    }
                    call.kernel(&x, &params, self.to.at((place.at[n] + r * step(n)) * size), place.cols);
                }
            }
        }
    }
}
