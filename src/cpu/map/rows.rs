//! Broadcast operands where all rows are lanes already: a row or a column added to a matrix, a slice times another. Rows are
//! computed where they lie, several at once where they follow each other; only what repeats is copied, into a tile. A column
//! that is one of two operands is not even that, where there is a loop which takes one element of it for a row.

use std::mem::MaybeUninit;

use super::grid::Grid;
use super::tiled::{K, Tiled};
use super::{Call, Code, Kernel, Tile, lane, repeat};
use crate::core::dtype::WIDEST;
use crate::device::{Array, Value};
use crate::expr::MAX_INPUTS;

/// Shorter rows are cheaper by tiles of many, into which a row that repeats is brought once.
const LONG: usize = 128;

/// Where the loop can read all operands and write the result row by row: how many rows are computed together. More than one
/// where the result's rows follow each other, as do those of each operand that does not repeat.
pub fn together(call: &Call, x: &[Value], grid: &Grid<K>, out: &Array) -> Option<usize> {
    let width = grid.tile()[1];
    let lanes = |k: usize, operand: &Value| match operand {
        Value::Array(a) => grid.is_constant(k) || call.is_lanes(k, a.dtype) && grid.steps(k)[1] & !1 == 0,
        _ => true,
    };
    // A program plans each of its calls.
    let fits = matches!(call.code, Code::Loop(..))
        && grid.tile()[0] > 1
        && width >= LONG
        && grid.steps(x.len())[1] == 1
        && out.dtype == call.gives()
        && !call.rounds(out.dtype)
        && x.iter().enumerate().all(|(k, operand)| lanes(k, operand));
    if !fits {
        return None;
    }
    let follow = |k: usize| match grid.steps(k) {
        [down, 1] => down == width as isize || down == 0,
        _ => true,
    };
    let follows = grid.steps(x.len())[0] == width as isize && (0..x.len()).all(follow);
    let widest = x.iter().fold(lane(call.compute).size(), |w, operand| match operand {
        Value::Array(a) => w.max(a.dtype.size()),
        _ => w,
    });
    Some(if follows { (size_of::<Tile>() / widest / width).max(1) } else { 1 })
}

impl Tiled<'_> {
    /// The loop for rows each of which sees one element of an operand.
    fn one_a_row(&self) -> Option<Kernel> {
        let Code::Loop(ways) = self.call.code else { return None };
        let column = |k: usize| matches!(self.x[k], Value::Array(_)) && self.grid.steps(k)[1] == 0;
        match [0, 1].map(|k| self.x.len() == 2 && column(k)) {
            [true, false] => ways.one[0],
            [false, true] => ways.one[1],
            _ => None,
        }
    }

    /// The tiles `start..end`, so many rows [`together`]; none of the operands is the output.
    pub(super) fn rows(&self, start: usize, end: usize, high: usize) {
        let (call, n, width) = (self.call, self.x.len(), self.grid.tile()[1]);
        let params = call.pack();
        let mut tiles: [MaybeUninit<Tile>; MAX_INPUTS] = [const { MaybeUninit::uninit() }; MAX_INPUTS];
        let mut x = *self.pointers.get();
        let bytes = |k: usize| if let Value::Array(a) = self.x[k] { a.dtype.size() } else { 0 };
        let sizes: [usize; MAX_INPUTS] = std::array::from_fn(|k| if k < n { bytes(k) } else { 0 });
        let size = self.out.dtype.size();
        // SAFETY: tiles have room for `high` rows of the grid's tiles; the grid's places lie inside the layouts of the operands.
        unsafe {
            let fixed = self.spread(&mut tiles, &mut x, high * width);
            if let Some(kernel) = self.one_a_row() {
                // Nothing to copy, so that nothing is won by several rows at once. The loop below could do it, 10 ns a row slower.
                for t in start..end {
                    let place = self.grid.place(t, n + 1);
                    for r in 0..place.rows as isize {
                        let at = |k: usize| place.at[k] + r * self.grid.steps(k)[0];
                        for k in (0..n).filter(|k| fixed >> k & 1 == 0) {
                            x[k] = self.pointers.get()[k].wrapping_offset(at(k) * sizes[k] as isize);
                        }
                        kernel(&x, &params, self.to.at(at(n) * size as isize), place.cols);
                    }
                }
                return;
            }
            // The row that a tile repeats, and how often.
            let mut there = [(std::ptr::null(), 0); MAX_INPUTS];
            for t in start..end {
                let place = self.grid.place(t, n + 1);
                let cols = place.cols;
                for r in (0..place.rows).step_by(high) {
                    let rows = high.min(place.rows - r);
                    for k in (0..n).filter(|k| fixed >> k & 1 == 0) {
                        let [down, along] = self.grid.steps(k).map(|s| s * sizes[k] as isize);
                        let from =
                            self.pointers.get()[k].wrapping_offset(place.at[k] * sizes[k] as isize + r as isize * down);
                        let tile: *mut u8 = tiles[k].as_mut_ptr().cast();
                        let row = |i: usize| tile.add(i * cols * sizes[k]);
                        if along == 0 {
                            for i in 0..rows {
                                let mut bits = [0; WIDEST];
                                let one = from.wrapping_offset(i as isize * down);
                                std::ptr::copy_nonoverlapping(one, bits.as_mut_ptr(), sizes[k]);
                                repeat(bits, sizes[k], row(i), cols);
                            }
                            x[k] = tile;
                        } else if down == 0 && high > 1 {
                            if there[k].0 != from || there[k].1 < rows {
                                (0..rows).for_each(|i| std::ptr::copy_nonoverlapping(from, row(i), cols * sizes[k]));
                                there[k] = (from, rows);
                            }
                            x[k] = tile;
                        } else {
                            x[k] = from;
                        }
                    }
                    let at = place.at[n] + r as isize * self.grid.steps(n)[0];
                    call.kernel(&x, &params, self.to.at(at * size as isize), rows * cols);
                }
            }
        }
    }
}
