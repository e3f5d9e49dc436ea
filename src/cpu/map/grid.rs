//! How a Map or a copy is cut into tiles: dims in the order of the output's memory, merged wherever all operands allow,
//! then two-dimensional tiles. Where an operand runs along another dim than the output (a transposed one) the tiles
//! are squares, so that each of its cache lines is read once.

use crate::core::{Shape, Strides};

/// Elements of one tile at most, half as many where lanes have 16 bytes: an operand of it is 8 KiB, so that several stay in L1.
pub const TILE: usize = 1024;
/// The side of a square tile.
const SIDE: usize = 32;

/// The cut of a loop over `K` operands at most; operand `count - 1` is the output.
pub struct Grid<const K: usize> {
    /// Merged dims, fastest first; at least two.
    shape: Shape,
    strides: [Strides; K],
    /// Rows and columns of a tile: along dims 1 and 0.
    tile: [usize; 2],
    /// Tiles along dims 0 and 1.
    counts: [usize; 2],
    tiles: usize,
    /// Tiles are squares.
    square: bool,
}

/// One tile: its rows and columns, and where it starts in each operand, in elements.
pub struct Place<const K: usize> {
    pub rows: usize,
    pub cols: usize,
    pub at: [isize; K],
}

impl<const K: usize> Grid<K> {
    /// `strides[..count]` are those of the operands over `shape`, the output's last. `tile`: the most elements of a tile, at
    /// least `SIDE`; `wide`: those of a row that is one tile.
    pub fn new(shape: &[usize], strides: &[Strides], tile: usize, wide: usize) -> Grid<K> {
        let count = strides.len().min(K);
        let out = &strides[count - 1];
        let mut order: Shape = (0..shape.len()).rev().filter(|&d| shape[d] != 1).collect();
        order.sort_by_key(|&d| out[d]);
        let mut grid = Grid {
            shape: Shape::new(),
            strides: [const { Strides::NONE }; K],
            tile: [1, 1],
            counts: [1, 1],
            tiles: 1,
            square: false,
        };
        for &d in order.iter() {
            let last = grid.shape.len().wrapping_sub(1);
            let merges = !grid.shape.is_empty()
                && (0..count).all(|k| strides[k][d] == grid.strides[k][last].wrapping_mul(grid.shape[last] as isize));
            if merges {
                grid.shape[last] *= shape[d];
            } else {
                grid.shape.push(shape[d]);
                (0..count).for_each(|k| grid.strides[k].push(strides[k][d]));
            }
        }
        while grid.shape.len() < 2 {
            grid.shape.push(1);
            grid.strides.iter_mut().for_each(|s| s.push(0));
        }
        grid.square = grid.turn(count);
        let [n0, n1] = [grid.shape[0], grid.shape[1]];
        grid.tile = match () {
            _ if grid.square => [(tile / SIDE).min(SIDE).min(n1), SIDE.min(n0)],
            _ if n0 < tile => [(tile / n0.max(1)).clamp(1, n1.max(1)), n0],
            _ => [1, n0.min(wide)],
        };
        grid.counts[0] = n0.div_ceil(grid.tile[1].max(1));
        grid.set_rows(grid.tile[0]);
        grid
    }

    /// Gives tiles so many rows, if there are as many.
    pub fn set_rows(&mut self, rows: usize) {
        self.tile[0] = rows.min(self.shape[1]);
        self.counts[1] = self.shape[1].div_ceil(self.tile[0]);
        self.tiles = self.counts[0] * self.counts[1] * self.shape[2..].iter().product::<usize>();
    }

    /// Makes dim 1 the one along which the first transposed operand runs; whether there is one.
    fn turn(&mut self, count: usize) -> bool {
        for k in 0..count {
            let s = &self.strides[k];
            if s[0] == 0 || s[0] == 1 {
                continue;
            }
            if let Some(d) = (1..self.shape.len()).find(|&d| s[d] == 1 && self.shape[d] >= 4) {
                self.shape.swap(1, d);
                (0..count).for_each(|j| self.strides[j].swap(1, d));
                return self.shape[0] >= 4;
            }
        }
        false
    }

    /// Square tiles go in bands of 16 rows of them, down before along: so a transposed operand is read in longer runs, and
    /// its pages are few enough to stay in the TLB.
    #[inline]
    fn banded(&self, t: usize) -> (usize, usize) {
        const BAND: usize = 16;
        let (band, t) = (t / (BAND * self.counts[0]), t % (BAND * self.counts[0]));
        let height = BAND.min(self.counts[1] - band * BAND);
        (t / height, band * BAND + t % height)
    }

    #[inline]
    pub fn tiles(&self) -> usize {
        self.tiles
    }

    /// Rows and columns of a tile that is not cut off.
    pub fn tile(&self) -> [usize; 2] {
        self.tile
    }

    /// The most elements a tile has.
    pub fn tile_len(&self) -> usize {
        self.tile[0] * self.tile[1]
    }

    /// Outer and inner stride of operand `k`.
    #[inline]
    pub fn steps(&self, k: usize) -> [isize; 2] {
        [self.strides[k][1], self.strides[k][0]]
    }

    /// Whether operand `k` is one element.
    pub fn is_constant(&self, k: usize) -> bool {
        self.strides[k].iter().all(|&s| s == 0)
    }

    /// Tile `t` of `tiles()`.
    #[inline]
    pub fn place(&self, t: usize, count: usize) -> Place<K> {
        let plane = self.counts[0] * self.counts[1];
        let (t, mut rest) = (t % plane, t / plane);
        let (i0, i1) = if self.square { self.banded(t) } else { (t % self.counts[0], t / self.counts[0]) };
        let (c0, c1) = (i0 * self.tile[1], i1 * self.tile[0]);
        let mut at = [0isize; K];
        for (k, a) in at.iter_mut().enumerate().take(count) {
            *a = c0 as isize * self.strides[k][0] + c1 as isize * self.strides[k][1];
        }
        for d in 2..self.shape.len() {
            let i = (rest % self.shape[d]) as isize;
            rest /= self.shape[d];
            for (k, a) in at.iter_mut().enumerate().take(count) {
                *a += i * self.strides[k][d];
            }
        }
        Place { rows: self.tile[0].min(self.shape[1] - c1), cols: self.tile[1].min(self.shape[0] - c0), at }
    }
}
