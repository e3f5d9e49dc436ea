//! Where elements are not zero: counted by chunks first, so that the second pass writes each chunk's places where they belong, on
//! every core.

use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{Element, Shape};
use crate::device::Array;
use crate::dispatch;

/// Elements of a chunk.
const CHUNK: usize = 1 << 13;
/// Places that are gathered before their coordinates are written.
const BUFFER: usize = 1 << 9;
/// Chunks that pay for handing work to another thread.
const GRAIN: usize = 8;

#[inline(always)]
fn is_nonzero<T: Element>(v: T) -> bool {
    if T::DTYPE.is_float() { v.to_f64() != 0.0 } else { v.to_i64() != 0 }
}

/// How many elements that are not zero come before each chunk of `x`, in logical order; last how many there are.
pub fn count(x: &Array) -> Vec<usize> {
    let n = x.numel();
    let mut before = vec![0; n.div_ceil(CHUNK) + 1];
    let walk = Walk::new(x.shape(), [x.strides()]);
    let out = Raw::new(before[1..].as_mut_ptr());
    dispatch!(x.dtype, T => {
        let p = Raw::new(x.ptr::<T>());
        let step = walk.steps()[0];
        threads::split(n.div_ceil(CHUNK), GRAIN, &|chunks| chunks.for_each(|c| {
            let mut sum = 0;
            walk.pieces(c * CHUNK..n.min((c + 1) * CHUNK), |[at], _, len| {
                for i in 0..len as isize {
                    // SAFETY: an element of x.
                    sum += is_nonzero(unsafe { *p.at(at + i * step) }) as usize;
                }
            });
            // SAFETY: the place of this chunk alone.
            unsafe { *out.at(c as isize) = sum };
        }));
    });
    for i in 1..before.len() {
        before[i] += before[i - 1];
    }
    before
}

/// The indices of what is not zero, a row each in the int64 `out` (count, ndim) of any strides; if `flat`, numbers in logical
/// order (count). `before` is what [`count`] gave.
pub fn write(x: &Array, before: &[usize], flat: bool, out: &Array) {
    let n = x.numel();
    let walk = Walk::new(x.shape(), [x.strides()]);
    let shape: &[usize] = if flat { &[n] } else { x.shape() };
    let y = Raw::new(out.ptr::<i64>());
    let (row, col) = (out.strides()[0], out.strides().get(1).copied().unwrap_or(0));
    dispatch!(x.dtype, T => {
        let p = Raw::new(x.ptr::<T>());
        let step = walk.steps()[0];
        threads::split(n.div_ceil(CHUNK), GRAIN, &|chunks| {
            let mut places = [0usize; BUFFER];
            chunks.for_each(|c| {
                let mut k = before[c];
                if k == before[c + 1] || shape.is_empty() {
                    return;
                }
                let mut line = Line::new(shape);
                walk.pieces(c * CHUNK..n.min((c + 1) * CHUNK), |[at], start, len| {
                    for from in (0..len).step_by(BUFFER) {
                        // Without a branch on each element, which no processor could foresee.
                        let mut found = 0;
                        for i in from..len.min(from + BUFFER) {
                            places[found] = start + i;
                            // SAFETY: an element of x.
                            found += is_nonzero(unsafe { *p.at(at + i as isize * step) }) as usize;
                        }
                        for &place in &places[..found] {
                            let last = line.reach(place);
                            // SAFETY: row k of the result, which belongs to this chunk.
                            unsafe {
                                let to = y.at(k as isize * row);
                                for (d, &v) in line.lead.iter().enumerate() {
                                    *to.wrapping_offset(d as isize * col) = v as i64;
                                }
                                *to.wrapping_offset(line.lead.len() as isize * col) = last as i64;
                            }
                            k += 1;
                        }
                    }
                });
            });
        });
    });
}

/// Coordinates of places that come in ascending order: those of the leading dims are found anew where a line ends.
struct Line<'a> {
    shape: &'a [usize],
    /// All indices but the last.
    lead: Shape,
    start: usize,
    end: usize,
}

impl<'a> Line<'a> {
    fn new(shape: &'a [usize]) -> Line<'a> {
        Line { shape, lead: Shape::zeros(shape.len() - 1), start: 0, end: 0 }
    }

    /// The last index of a place; the others stand in `lead` then.
    #[inline(always)]
    fn reach(&mut self, place: usize) -> usize {
        if place >= self.end {
            let last = self.shape[self.shape.len() - 1];
            let mut rest = place / last;
            self.start = rest * last;
            self.end = self.start + last;
            for d in (0..self.lead.len()).rev() {
                self.lead[d] = rest % self.shape[d];
                rest /= self.shape[d];
            }
        }
        place - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{DType, Layout, Meta};

    #[test]
    fn all_places_in_order() {
        let n = 3 * CHUNK + 17;
        let values: Vec<u8> = (0..n).map(|i| (i % 3 == 0) as u8).collect();
        let x = Array::from_slice(&[n / 7, 7], &values[..n / 7 * 7]).unwrap();
        let before = count(&x);
        let total = before[before.len() - 1];
        let meta = |shape: &[usize]| Meta::new(Layout::contiguous(shape.into()), DType::I64, x.device);
        let (flat, rows) = (Array::empty(meta(&[total])).unwrap(), Array::empty(meta(&[total, 2])).unwrap());
        write(&x, &before, true, &flat);
        write(&x, &before, false, &rows);
        let expected: Vec<i64> = (0..(n / 7 * 7) as i64).filter(|i| i % 3 == 0).collect();
        assert_eq!(flat.to_vec::<i64>(), expected);
        assert_eq!(rows.to_vec::<i64>(), expected.iter().flat_map(|i| [i / 7, i % 7]).collect::<Vec<_>>());
    }
}
