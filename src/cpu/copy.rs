//! Copies and casts between any two arrays, and fills. Transposed copies go by square tiles, large results past the
//! cache.

use super::convert::{Mover, Piece, mover};
use super::map::grid::{Grid, TILE};
use super::map::stream;
use super::strided::Raw;
use super::threads;
use crate::core::{Layout, Meta, Number, Strides};
use crate::device::Array;
use crate::error::Result;

/// Work below this, at about a nanosecond per four elements, stays on one thread.
const PARALLEL: usize = 1 << 16;
/// Elements of a chunk of a parallel copy.
const GRAIN: usize = 1 << 14;

/// `to[i] = from[i]`, cast to the dtype of `to`; `from` broadcasts to its shape. The two may overlap in any way.
pub fn copy(from: &Array, to: &Array) -> Result<()> {
    let shares = from.storage.same(&to.storage);
    if shares && from.dtype == to.dtype && from.layout == to.layout {
        return Ok(());
    }
    let apart = from.bytes_ptr().wrapping_add((from.layout.end() - from.layout.offset) * from.dtype.size())
        <= to.bytes_ptr()
        || to.bytes_ptr().wrapping_add((to.layout.end() - to.layout.offset) * to.dtype.size()) <= from.bytes_ptr();
    if shares && !apart {
        let meta = Meta::new(Layout::contiguous(from.layout.shape.clone()), from.dtype, from.device);
        let aside = Array::empty(meta)?;
        disjoint(from, &aside);
        disjoint(&aside, to);
    } else {
        disjoint(from, to);
    }
    Ok(())
}

/// The array itself, or a copy in C order.
pub fn contiguous(x: &Array) -> Result<Array> {
    if x.is_contiguous() {
        return Ok(x.clone());
    }
    let to = Array::empty(x.meta.contiguous(x.layout.shape.clone()))?;
    disjoint(x, &to);
    Ok(to)
}

/// `to[i] = value`, cast to the dtype of `to`.
pub fn fill(to: &Array, value: Number) {
    let bits = value.bits(to.dtype);
    let strides = Strides::zeros(to.ndim());
    walk(bits.as_ptr(), strides, to.dtype, to);
}

fn disjoint(from: &Array, to: &Array) {
    walk(from.bytes_ptr(), from.layout.broadcast_to(to.shape()).strides, from.dtype, to);
}

fn walk(from: *const u8, strides: Strides, dtype: crate::core::DType, to: &Array) {
    let n = to.numel();
    if n == 0 {
        return;
    }
    let (moves, sizes) = (mover(dtype, to.dtype), [dtype.size(), to.dtype.size()]);
    let target = Raw::new(to.bytes_ptr());
    let source = Raw::new(from.cast_mut());
    let all = [strides, to.layout.strides.clone()];
    // A row may be one tile, but where threads or streams want pieces.
    let large = n >= PARALLEL;
    let grid = Grid::<2>::new(to.shape(), &all, TILE, if large { GRAIN } else { usize::MAX });
    let ([f1, f0], [t1, t0]) = (grid.steps(0), grid.steps(1));
    let streams = t0 == 1 && grid.tile_len() >= GRAIN && stream::pays(n * sizes[1], to.bytes_ptr());
    let piece = |t: usize| {
        let place = grid.place(t, 2);
        let x = source.at(place.at[0] * sizes[0] as isize);
        let y = target.at(place.at[1] * sizes[1] as isize);
        // SAFETY: the grid's places lie inside both layouts, which do not overlap; tiles are disjoint.
        unsafe {
            if streams && (y as usize).is_multiple_of(32) && place.rows == 1 {
                stream_row(&moves, sizes, x, f0, y, place.cols, dtype == to.dtype && f0 == 1);
            } else {
                moves.run(x, y, Piece { rows: place.rows, cols: place.cols, from: [f1, f0], to: [t1, t0] });
            }
        }
    };
    if !large {
        return (0..grid.tiles()).for_each(piece);
    }
    threads::split(grid.tiles(), GRAIN.div_ceil(grid.tile_len()), &|range| {
        range.for_each(piece);
        if streams {
            stream::fence();
        }
    });
}

/// One run past the cache, through tiles in L1 unless its bytes are right already.
unsafe fn stream_row(
    moves: &Mover,
    [from, to]: [usize; 2],
    x: *const u8,
    step: isize,
    y: *mut u8,
    n: usize,
    as_is: bool,
) {
    #[repr(align(64))]
    struct Tile([std::mem::MaybeUninit<[u64; 2]>; TILE]);
    // SAFETY: n elements each, says the caller; a tile holds TILE of any dtype.
    unsafe {
        if as_is {
            return stream::copy(x, y, n * to);
        }
        let mut tile = Tile([std::mem::MaybeUninit::uninit(); TILE]);
        let aside: *mut u8 = tile.0.as_mut_ptr().cast();
        for i in (0..n).step_by(TILE) {
            let m = TILE.min(n - i);
            let piece = Piece { rows: 1, cols: m, from: [0, step], to: [0, 1] };
            moves.run(x.wrapping_offset(i as isize * step * from as isize), aside, piece);
            stream::copy(aside, y.wrapping_add(i * to), m * to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{DType, Device};

    fn arange(shape: &[usize]) -> Array {
        let n: usize = shape.iter().product();
        Array::from_slice(shape, &(0..n).map(|i| i as f32).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn any_layout_to_any_other() {
        for shape in [
            &[3, 4, 5][..],
            &[40, 50, 3],
            &[7, 1, 2100],
            &[2, 3, 2, 3, 2, 2, 3, 2, 2, 2, 2, 2],
            &[0, 3],
            &[],
            &[300, 700],
        ] {
            let a = arange(shape);
            let n = shape.len();
            for dims in [(0..n).collect::<Vec<_>>(), (0..n).rev().collect()] {
                let x = a.with_layout(a.layout.permuted(&dims));
                for dtype in [DType::F32, DType::F64, DType::I32, DType::F16] {
                    let y = Array::empty(Meta::new(Layout::contiguous(x.layout.shape.clone()), dtype, Device::CPU))
                        .unwrap();
                    copy(&x, &y).unwrap();
                    let back =
                        Array::empty(Meta::new(Layout::contiguous(shape.into()), DType::F32, Device::CPU)).unwrap();
                    copy(&y, &back.with_layout(back.layout.permuted(&dims))).unwrap();
                    for (p, q) in a.to_vec::<f32>().iter().zip(back.to_vec::<f32>()) {
                        assert!(
                            *p == q || dtype == DType::F16 && (p - q).abs() <= p.abs() * 5e-4 || q.is_infinite(),
                            "{shape:?} {dims:?} {p} {q}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn overlapping_copies_and_fills() {
        let a = arange(&[50, 50]);
        copy(&a.with_layout(a.layout.transposed(0, 1)), &a).unwrap();
        assert_eq!(a.to_vec::<f32>()[1..3], [50.0, 100.0]);
        let rows = a.with_layout(a.layout.sliced(0, 0, 49, 1));
        copy(&rows, &a.with_layout(a.layout.sliced(0, 1, 49, 1))).unwrap();
        assert_eq!(a.to_vec::<f32>()[50..53], [0.0, 50.0, 100.0]);
        fill(&a.with_layout(a.layout.sliced(1, 0, 25, 2)), Number::Float(7.0));
        assert_eq!(a.to_vec::<f32>()[..3], [7.0, 50.0, 7.0]);
        let b = Array::zeros(Meta::new(Layout::contiguous((&[3][..]).into()), DType::U8, Device::CPU)).unwrap();
        fill(&b, Number::Int(300));
        assert_eq!(b.to_vec::<u8>(), [44, 44, 44]);
    }
}
