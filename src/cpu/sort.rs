//! Order: lines sorted, and the smallest or largest entries of lines found. Stable, in every dtype: an element becomes an unsigned
//! key that orders as it does (NaN above all, -0 as 0), with its place in the line behind it, so that no two are equal and any fast sort
//! is a stable one. Descending order inverts the keys.
//!
//! Threads share lines; a long line alone is sorted in parts, which are merged.

use super::strided::{Raw, Walk};
use super::{introsort, threads};
use crate::core::{DType, Element, Stored, Strides};
use crate::device::Array;
use crate::dispatch;

/// Elements that pay for handing work to another thread.
const GRAIN: usize = 1 << 13;
/// Lines from this on are sorted in parts.
const LONG: usize = 1 << 16;

/// What orders an element: for 32 bits and fewer the key and the place in one word.
trait Key: Copy + Ord + Send + Sync + Default + 'static {
    fn new(key: u64, place: usize) -> Self;
    fn place(self) -> usize;
    /// The key without the place.
    fn key(self) -> u64;
}

impl Key for u64 {
    #[inline(always)]
    fn new(key: u64, place: usize) -> u64 {
        key << 32 | place as u64
    }
    #[inline(always)]
    fn place(self) -> usize {
        (self & 0xffff_ffff) as usize
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self >> 32
    }
}

impl Key for u128 {
    #[inline(always)]
    fn new(key: u64, place: usize) -> u128 {
        (key as u128) << 64 | place as u128
    }
    #[inline(always)]
    fn place(self) -> usize {
        self as u64 as usize
    }
    #[inline(always)]
    fn key(self) -> u64 {
        (self >> 64) as u64
    }
}

/// The key of an element; of 32 bits where the dtype has no more.
#[inline(always)]
fn key_of<T: Element>(v: T) -> u64 {
    match T::DTYPE {
        DType::F64 => {
            let v = v.to_f64();
            if v.is_nan() {
                return u64::MAX;
            }
            let bits = (v + 0.0).to_bits();
            bits ^ (((bits as i64 >> 63) as u64) | 1 << 63)
        }
        d if d.is_float() => {
            let v = v.to_f64() as f32;
            if v.is_nan() {
                return u32::MAX as u64;
            }
            let bits = (v + 0.0).to_bits();
            (bits ^ (((bits as i32 >> 31) as u32) | 1 << 31)) as u64
        }
        DType::I64 => v.to_i64() as u64 ^ 1 << 63,
        DType::U64 => v.to_i64() as u64,
        // Narrower integers, shifted above 0.
        _ => (v.to_i64() + (1 << 31)) as u64,
    }
}

#[inline(always)]
fn inverted<T: Element>(key: u64, descending: bool) -> u64 {
    let all = if size_of::<T>() == 8 { u64::MAX } else { u32::MAX as u64 };
    if descending { all - key } else { key }
}

/// How a job uses the sorted, or partly sorted, keys of a line.
#[derive(Clone, Copy, PartialEq)]
pub enum Want {
    /// All, in order.
    Sorted,
    /// The first `.0`; in order if `.1`.
    First(usize, bool),
    /// The one that stands at `.0` in order.
    At(usize),
    /// The middle one, the lower of two; NaN if there is one.
    Median,
    /// The middle one of those that are not NaN.
    NanMedian,
    /// The smallest of those that occur most often, at the place that PyTorch reports.
    Mode,
}

/// Entries of the lines of `x` along `dim` in order, their values and places (int64); both results have as many entries along
/// `dim` as are wanted. Lines are not empty.
pub fn order(x: &Array, dim: usize, descending: bool, want: Want, values: &Array, places: &Array) {
    dispatch!(x.dtype, T => {
        if size_of::<T>() == 8 || x.numel() > u32::MAX as usize {
            lines::<T, u128>(x, dim, descending, want, values, places);
        } else {
            lines::<T, u64>(x, dim, descending, want, values, places);
        }
    });
}

fn lines<T: Element, K: Key>(x: &Array, dim: usize, descending: bool, want: Want, values: &Array, places: &Array) {
    let (mut begins, mut n) = (x.layout.shape.clone(), 1);
    if let Some(size) = begins.get_mut(dim) {
        n = std::mem::replace(size, 1);
    }
    let along = |a: &Array| a.strides().get(dim).copied().unwrap_or(0);
    // The results have other sizes along the dim, where a line has one beginning.
    let strides = |a: &Array| -> Strides { a.strides().iter().copied().collect() };
    let walk = Walk::new(&begins, [&strides(x), &strides(values), &strides(places)]);
    let (xs, vs, ps) = (along(x), along(values), along(places));
    let (xp, vp, pp) = (Raw::new(x.ptr::<T>()), Raw::new(values.ptr::<T>()), Raw::new(places.ptr::<i64>()));
    let count = walk.numel();
    let one = |[at, v, p]: [isize; 3], keys: &mut Vec<K>, wide: bool| {
        keys.clear();
        keys.extend((0..n).map(|i| {
            // SAFETY: an element of the line.
            let e = unsafe { *xp.at(at + i as isize * xs) };
            K::new(inverted::<T>(key_of(e), descending), i)
        }));
        let write = |i: usize, place: usize| {
            // SAFETY: an element of the line, and places of the results that only this line has.
            unsafe {
                *vp.at(v + i as isize * vs) = *xp.at(at + place as isize * xs);
                *pp.at(p + i as isize * ps) = place as i64;
            }
        };
        match want {
            Want::Sorted => {
                sort(keys, wide);
                keys.iter().enumerate().for_each(|(i, k)| write(i, k.place()));
            }
            Want::First(k, ordered) => {
                if k == 0 {
                    return;
                }
                // As PyTorch does, which decides which of equal elements are taken.
                let less = |a: K, b: K| a.key() < b.key();
                if k * 64 <= n {
                    introsort::first(keys, k, &less);
                } else {
                    introsort::select(keys, k - 1, &less);
                    if ordered {
                        introsort::sort(&mut keys[..k - 1], &less);
                    }
                }
                keys[..k].iter().enumerate().for_each(|(i, k)| write(i, k.place()));
            }
            Want::At(k) => write(0, keys.select_nth_unstable(k).1.place()),
            Want::Median | Want::NanMedian => {
                let nan = |k: &K| T::DTYPE.is_float() && k.key() == key_of(T::from_f64(f64::NAN));
                let first = keys.iter().find(|k| nan(k)).copied();
                let real = n - keys.iter().filter(|k| nan(k)).count();
                match (want, first) {
                    (Want::Median, Some(k)) => write(0, k.place()),
                    (_, Some(k)) if real == 0 => write(0, k.place()),
                    _ => write(0, keys.select_nth_unstable((real - 1) / 2).1.place()),
                }
            }
            Want::Mode => {
                introsort::sort(keys, &|a: K, b: K| a.key() < b.key());
                let (mut best, mut longest, mut start) = (0, 0, 0);
                for i in 1..=n {
                    if i == n || keys[i].key() != keys[start].key() {
                        if i - start > longest {
                            (best, longest) = (i - 1, i - start);
                        }
                        start = i;
                    }
                }
                write(0, keys[best].place());
            }
        }
    };
    if count < threads::count() && n >= LONG {
        let mut keys = Vec::with_capacity(n);
        return walk.elements(0..count, |at, _| one(at, &mut keys, true));
    }
    threads::split(count, GRAIN.div_ceil(n.max(1)), &|range| {
        let mut keys = Vec::with_capacity(n);
        walk.elements(range, |at, _| one(at, &mut keys, false));
    });
}

/// Sorts keys, no two of which are equal; by all threads if `wide`.
fn sort<K: Key>(keys: &mut [K], wide: bool) {
    let n = keys.len();
    let parts = threads::count().min(n / (LONG / 4)).next_power_of_two();
    if !wide || parts < 2 {
        return keys.sort_unstable();
    }
    let bound = |i: usize, parts: usize| n * i / parts;
    let p = Raw::new(keys.as_mut_ptr());
    threads::run(parts, &|i| {
        let (from, to) = (bound(i, parts), bound(i + 1, parts));
        // SAFETY: this part of the keys alone.
        unsafe { std::slice::from_raw_parts_mut(p.at(from as isize), to - from) }.sort_unstable();
    });
    // Two sorted halves become one, in as many pieces as there are threads; then the next two.
    let mut aside: Vec<K> = vec![K::default(); n];
    let q = Raw::new(aside.as_mut_ptr());
    let (mut from, mut to, mut left) = (p, q, parts);
    while left > 1 {
        let pieces = (2 * threads::count()).div_ceil(left / 2).max(1);
        threads::run(left / 2 * pieces, &|job| {
            let (pair, piece) = (job / pieces, job % pieces);
            let (a, b, c) = (bound(2 * pair, left), bound(2 * pair + 1, left), bound(2 * pair + 2, left));
            // SAFETY: sorted parts that are only read, and a piece of the other buffer that only this job writes.
            unsafe {
                let (x, y) = (
                    std::slice::from_raw_parts(from.at(a as isize).cast_const(), b - a),
                    std::slice::from_raw_parts(from.at(b as isize).cast_const(), c - b),
                );
                let (start, end) = ((c - a) * piece / pieces, (c - a) * (piece + 1) / pieces);
                merge(x, y, start, end, to.at((a + start) as isize));
            }
        });
        (from, to) = (to, from);
        left /= 2;
    }
    if parts.trailing_zeros() % 2 == 1 {
        keys.copy_from_slice(&aside);
    }
}

/// How many of the first `n` of two merged slices come from the first.
fn share<K: Key>(x: &[K], y: &[K], n: usize) -> usize {
    let (mut low, mut high) = (n.saturating_sub(y.len()), n.min(x.len()));
    while low < high {
        let mid = (low + high) / 2;
        if x[mid] < y[n - mid - 1] { low = mid + 1 } else { high = mid }
    }
    low
}

/// Elements `start..end` of two merged slices.
///
/// # Safety
/// `out` has room for them.
unsafe fn merge<K: Key>(x: &[K], y: &[K], start: usize, end: usize, out: *mut K) {
    let (mut i, last) = (share(x, y, start), share(x, y, end));
    let (mut j, stop) = (start - i, end - last);
    for k in 0..end - start {
        let first = j >= stop || (i < last && x[i] < y[j]);
        // SAFETY: says the caller.
        unsafe { *out.add(k) = if first { x[i] } else { y[j] } };
        i += first as usize;
        j += !first as usize;
    }
}

/// For each element of `values` the number of entries of the sorted lines of `edges` that are smaller, or with `right` not larger. The
/// lines of `edges` are one, or as many as those of `values`; all are contiguous. `order` gives the sorted order of each line, if they
/// are not sorted as they lie. `out` is int64 or int32.
pub fn search(edges: &Array, order: Option<&Array>, values: &Array, right: bool, out: &Array) {
    let n = edges.shape().last().copied().unwrap_or(1);
    let line = values.shape().last().copied().unwrap_or(1).max(1);
    let many = edges.ndim() > 1;
    let narrow = out.dtype == DType::I32;
    let (o32, o64) = (Raw::new(out.bytes_ptr().cast::<i32>()), Raw::new(out.bytes_ptr().cast::<i64>()));
    let at = order.map(|o| Raw::new(o.ptr::<i64>()));
    dispatch!(edges.dtype, T => {
        let (e, v) = (Raw::new(edges.ptr::<T>()), Raw::new(values.ptr::<T>()));
        let edge = |i: usize| {
            // SAFETY: elements of the arrays, whose sizes the caller has checked.
            key_of::<T>(unsafe {
                let place = at.as_ref().map_or(i, |o| i / n * n + *o.at(i as isize) as usize);
                *e.at(place as isize)
            })
        };
        // The keys of all edges pay where many values are looked for.
        let keys: Vec<u64> = if edges.numel() <= values.numel() { (0..edges.numel()).map(edge).collect() } else { vec![] };
        threads::split(values.numel(), GRAIN / 8, &|range| for i in range {
            let base = if many { i / line * n } else { 0 };
            // SAFETY: as above.
            let key = key_of::<T>(unsafe { *v.at(i as isize) });
            let place = match (keys.is_empty(), right) {
                (true, _) => place(n, |k| { let e = edge(base + k); e < key || (right && e == key) }),
                (false, true) => { let keys = &keys[base..base + n]; place(n, |k| keys[k] <= key) }
                (false, false) => { let keys = &keys[base..base + n]; place(n, |k| keys[k] < key) }
            };
            // SAFETY: as above.
            unsafe {
                if narrow { *o32.at(i as isize) = place as i32 } else { *o64.at(i as isize) = place as i64 }
            }
        });
    });
}

/// How many of `n` sorted elements come before. Halves the rest without a branch that a processor would have to guess.
#[inline(always)]
fn place(n: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut rest) = (0, n);
    while rest > 1 {
        let half = rest / 2;
        low = if before(low + half - 1) { low + half } else { low };
        rest -= half;
    }
    low + (rest == 1 && before(low)) as usize
}

/// The different elements of an array in order, how often each occurs, and for each element which it is.
pub struct Distinct {
    pub values: Vec<i64>,
    pub counts: Vec<i64>,
    pub places: Vec<i64>,
}

/// The different elements of a contiguous array of integers by a table of all numbers between the least and the largest;
/// None where such a table is much larger than the array.
pub fn distinct(x: &Array, places: bool) -> Option<Distinct> {
    if x.dtype.is_float() || x.dtype.is_complex() || x.dtype == DType::U64 || x.numel() == 0 {
        return None;
    }
    dispatch!(x.dtype, T => {
        // SAFETY: all elements of the array, which lie one behind the other.
        let x = unsafe { std::slice::from_raw_parts(x.ptr::<T>(), x.numel()) };
        let (mut least, mut largest) = (i64::MAX, i64::MIN);
        for v in x {
            (least, largest) = (least.min(v.to_i64()), largest.max(v.to_i64()));
        }
        let width = largest.abs_diff(least);
        if width >= 4 * x.len() as u64 + 1024 {
            return None;
        }
        let mut table = vec![0i64; width as usize + 1];
        x.iter().for_each(|v| table[(v.to_i64() - least) as usize] += 1);
        let mut found = Distinct { values: vec![], counts: vec![], places: vec![] };
        for (i, count) in table.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            found.values.push(least + i as i64);
            found.counts.push(*count);
            *count = found.values.len() as i64 - 1;
        }
        if places {
            found.places = x.iter().map(|v| table[(v.to_i64() - least) as usize]).collect();
        }
        Some(found)
    })
}

/// The order of the rows of the contiguous matrix `x`, compared entry by entry. NaN is neither less nor greater than anything, so
/// that rows which hold it stay about where the sort of GNU's C++ library leaves them, as in PyTorch.
pub fn rows(x: &Array, out: &Array) {
    let (n, m) = (x.shape()[0], x.shape()[1]);
    let mut order: Vec<usize> = (0..n).collect();
    dispatch!(x.dtype, T => {
        let p = x.ptr::<T>();
        // SAFETY: an entry of the matrix, which is contiguous.
        let entry = |row: usize, column: usize| unsafe { p.add(row * m + column).read() };
        let whole = !T::DTYPE.is_float();
        introsort::sort(&mut order, &|a: usize, b: usize| {
            for c in 0..m {
                let (u, v) = (entry(a, c), entry(b, c));
                let (less, greater) = if whole {
                    let (u, v) = (key_of(u), key_of(v));
                    (u < v, u > v)
                } else {
                    let (u, v) = (u.to_f64(), v.to_f64());
                    (u < v, u > v)
                };
                if less || greater {
                    return less;
                }
            }
            false
        });
    });
    let places = out.ptr::<i64>();
    for (i, &row) in order.iter().enumerate() {
        // SAFETY: one place for each row.
        unsafe { places.add(i).write(row as i64) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Layout, Meta};

    fn sorted(x: &[f32], descending: bool) -> (Vec<f32>, Vec<i64>) {
        let x = Array::from_slice(&[x.len()], x).unwrap();
        let meta = |dtype| Meta::new(Layout::contiguous([x.numel()][..].into()), dtype, x.device);
        let (v, p) = (Array::empty(meta(DType::F32)).unwrap(), Array::empty(meta(DType::I64)).unwrap());
        order(&x, 0, descending, Want::Sorted, &v, &p);
        (v.to_vec(), p.to_vec())
    }

    #[test]
    fn zeros_are_equal_and_nan_is_largest() {
        let x = [0.0, f32::NAN, -0.0, 2.0, -f32::INFINITY, 0.0];
        assert_eq!(sorted(&x, false).1, [4, 0, 2, 5, 3, 1]);
        assert_eq!(sorted(&x, true).1, [1, 3, 0, 2, 5, 4]);
    }

    #[test]
    fn long_lines_are_sorted_in_parts() {
        let n = 3 * LONG + 5;
        let x: Vec<f32> = (0..n as u64).map(|i| (i.wrapping_mul(2_654_435_761) % 1000) as f32).collect();
        let mut expected: Vec<usize> = (0..n).collect();
        expected.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
        let (v, p) = sorted(&x, false);
        assert!(p.iter().zip(&expected).all(|(&a, &b)| a == b as i64));
        assert!(v.windows(2).all(|w| w[0] <= w[1]));
    }
}
