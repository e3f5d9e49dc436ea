//! Small vectors of sizes and strides, and the rules that make one shape from others.

use std::fmt;
use std::ops::{BitOr, BitXor, Deref, DerefMut};

use crate::error::{Error, Result};
use crate::{bail, err};

/// Up to this many dims live inline; more go to the heap.
pub const INLINE: usize = 5;

/// A short list of integers, inline up to [`INLINE`] entries: sizes, strides or dims. One cache line.
pub struct Dims<T> {
    len: usize,
    /// Entries past the length, and all of them once spilled, are zero: two lists compare as a whole.
    inline: [T; INLINE],
    spill: Option<Box<[T]>>,
}

pub type Shape = Dims<usize>;
/// In elements, not bytes.
pub type Strides = Dims<isize>;

impl Strides {
    /// No dims: what arrays of lists begin as.
    pub const NONE: Strides = Dims { len: 0, inline: [0; INLINE], spill: None };
}

impl<T: Copy + Default> Dims<T> {
    #[inline]
    pub fn new() -> Dims<T> {
        Dims { len: 0, inline: [T::default(); INLINE], spill: None }
    }

    #[inline]
    pub fn from_slice(s: &[T]) -> Dims<T> {
        Dims::from_fn(s.len(), |i| s[i])
    }

    /// `len` entries, each by its position.
    #[inline]
    pub fn from_fn(len: usize, mut f: impl FnMut(usize) -> T) -> Dims<T> {
        if len > INLINE {
            return Dims { len, inline: [T::default(); INLINE], spill: Some((0..len).map(f).collect()) };
        }
        // A loop of fixed length, so that entries stay in registers until the list is whole.
        let inline = std::array::from_fn(|i| if i < len { f(i) } else { T::default() });
        Dims { len, inline, spill: None }
    }

    #[inline]
    pub fn filled(value: T, len: usize) -> Dims<T> {
        Dims::from_fn(len, |_| value)
    }

    /// `len` zeros, to be filled in place.
    #[inline]
    pub fn zeros(len: usize) -> Dims<T> {
        let spill = if len > INLINE { Some(vec![T::default(); len].into()) } else { None };
        Dims { len, inline: [T::default(); INLINE], spill }
    }

    #[inline]
    pub fn push(&mut self, value: T) {
        if self.spill.is_none() && self.len < INLINE {
            self.inline[self.len] = value;
            self.len += 1;
        } else {
            self.insert(self.len, value);
        }
    }

    pub fn pop(&mut self) -> Option<T> {
        if self.len == 0 { None } else { Some(self.remove(self.len - 1)) }
    }

    /// `at` is at most the length.
    pub fn insert(&mut self, at: usize, value: T) {
        if self.spill.is_none() && self.len < INLINE {
            self.inline.copy_within(at..self.len, at + 1);
            self.inline[at] = value;
        } else {
            let mut all = self.to_vec();
            all.insert(at, value);
            self.inline = [T::default(); INLINE];
            self.spill = Some(all.into());
        }
        self.len += 1;
    }

    /// `at` is below the length.
    pub fn remove(&mut self, at: usize) -> T {
        let value = self[at];
        let kept: Dims<T> = (0..self.len).filter(|&i| i != at).map(|i| self[i]).collect();
        *self = kept;
        value
    }
}

impl<T: Copy + Default> Default for Dims<T> {
    fn default() -> Self {
        Dims::new()
    }
}

impl<T: Copy> Clone for Dims<T> {
    #[inline]
    fn clone(&self) -> Self {
        Dims { len: self.len, inline: self.inline, spill: self.spill.clone() }
    }
}

impl<T> Deref for Dims<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        match &self.spill {
            None => &self.inline[..self.len],
            Some(v) => v,
        }
    }
}

impl<T> DerefMut for Dims<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.spill {
            None => &mut self.inline[..self.len],
            Some(v) => v,
        }
    }
}

impl<T: Copy + Default> FromIterator<T> for Dims<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        let mut iter = iter.into_iter();
        let mut d = Dims::new();
        for v in iter.by_ref().take(INLINE) {
            d.push(v);
        }
        // Pushed one by one, many would be copied as often.
        if let Some(next) = iter.next() {
            let all: Vec<T> = d.iter().copied().chain([next]).chain(iter).collect();
            d = Dims { len: all.len(), inline: [T::default(); INLINE], spill: Some(all.into()) };
        }
        d
    }
}

impl<T: Copy + Default> From<&[T]> for Dims<T> {
    fn from(s: &[T]) -> Self {
        Dims::from_slice(s)
    }
}

impl<T: Copy + Default + PartialEq + BitXor<Output = T> + BitOr<Output = T>> PartialEq for Dims<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // The bits that differ, without a branch; comparing the arrays would be a call.
        let differ = self.inline.iter().zip(&other.inline).fold(T::default(), |d, (&a, &b)| d | (a ^ b));
        self.len == other.len && differ == T::default() && self.spill == other.spill
    }
}
impl<T: Copy + Default + Eq + BitXor<Output = T> + BitOr<Output = T>> Eq for Dims<T> {}

impl<T: fmt::Debug> fmt::Debug for Dims<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[inline]
pub fn numel(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Refuses a shape of more elements than an int64 counts. Sizes are multiplied from the first on, so that a 0 behind too many
/// does not help, as in PyTorch.
#[inline]
pub fn check_numel(shape: &[usize]) -> Result<()> {
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    if count.is_some_and(|count| count <= i64::MAX as usize) { Ok(()) } else { Err(too_many(shape)) }
}

#[cold]
fn too_many(shape: &[usize]) -> Box<Error> {
    err!(Runtime, "numel: integer multiplication overflow")
        .hint(format!("the shape {} has more elements than an int64 counts", list(shape)))
}

/// The most dims that a list of dims may choose from.
const MOST_DIMS: usize = 64;

/// `dim` counted from the front, for a tensor of `ndim` dims (a 0-d tensor accepts -1 and 0).
#[inline]
pub fn normalize_dim(dim: i64, ndim: usize) -> Result<usize> {
    let n = ndim.max(1) as i64;
    if dim < -n || dim >= n {
        return Err(err!(
            Index,
            "Dimension out of range (expected to be in range of [{}, {}], but got {dim})",
            -n,
            n - 1
        )
        .hint("dims count from 0, or backwards from -1, the last one"));
    }
    Ok((if dim < 0 { dim + n } else { dim }) as usize)
}

/// Every entry of `dims` normalised; twice the same is an error. An empty list stays empty.
pub fn normalize_dims(dims: &[i64], ndim: usize) -> Result<Shape> {
    check_dims(ndim)?;
    let mut out = Shape::new();
    for &d in dims {
        let d = normalize_dim(d, ndim)?;
        if out.contains(&d) {
            bail!(Runtime, "dim {d} appears multiple times in the list of dims");
        }
        out.push(d);
    }
    Ok(out)
}

/// Refuses to choose dims of a tensor that has more of them than PyTorch has bits for.
pub fn check_dims(ndim: usize) -> Result<()> {
    if ndim > MOST_DIMS {
        return Err(err!(Runtime, "only tensors with up to 64 dims are supported")
            .hint(format!("this tensor has {ndim} dims; reshape it first")));
    }
    Ok(())
}

/// The shape that both broadcast to, by NumPy's rule: trailing dims are equal, or one of them is 1.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Shape> {
    let n = a.len().max(b.len());
    let mut out = Shape::filled(1, n);
    // PyTorch names the last dim that does not fit.
    for i in (0..n).rev() {
        let x = if i + a.len() >= n { a[i + a.len() - n] } else { 1 };
        let y = if i + b.len() >= n { b[i + b.len() - n] } else { 1 };
        out[i] = match (x, y) {
            _ if x == y => x,
            (1, _) => y,
            (_, 1) => x,
            _ => {
                return Err(err!(
                    Runtime,
                    "The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton dimension {i}"
                )
                .hint(format!(
                    "shapes {} and {}: from the last dim on, sizes must be equal or one of them 1",
                    list(a),
                    list(b)
                )));
            }
        };
    }
    Ok(out)
}

/// `x.view(sizes)`: one entry may be -1 and is deduced from the number of elements.
pub fn infer_sizes(sizes: &[i64], numel: usize) -> Result<Shape> {
    // Products that an int64 does not hold wrap, as in PyTorch; what comes of them is checked at the end.
    let mut known: usize = 1;
    let mut hole = None;
    let mut out = Shape::zeros(sizes.len());
    for (i, (&s, to)) in sizes.iter().zip(out.iter_mut()).enumerate() {
        if s >= 0 {
            *to = s as usize;
            known = known.wrapping_mul(s as usize);
        } else if s < -1 {
            bail!(Runtime, "invalid shape dimension {s} at index {i} of shape {}", list(sizes));
        } else if hole.replace(i).is_some() {
            bail!(Runtime, "only one dimension can be inferred");
        }
    }
    let fits = match hole {
        None => known == numel,
        Some(_) if known == 0 && numel == 0 => bail!(
            Runtime,
            "cannot reshape tensor of 0 elements into shape {} because the unspecified dimension size -1 can be \
             any value and is ambiguous",
            list(sizes)
        ),
        Some(i) if known != 0 && numel.is_multiple_of(known) => {
            out[i] = numel / known;
            true
        }
        Some(_) => false,
    };
    if !fits {
        return Err(err!(Runtime, "shape '{}' is invalid for input of size {numel}", list(sizes))
            .hint(format!("the sizes must multiply to {numel}; one of them may be -1, which is then deduced")));
    }
    check_numel(&out)?;
    Ok(out)
}

/// `[2, 3]`, as PyTorch writes sizes in messages.
pub fn list<T: fmt::Display>(items: &[T]) -> String {
    let mut s = String::from("[");
    for (i, v) in items.iter().enumerate() {
        if i > 0 {
            s.push_str(", ");
        }
        s.push_str(&v.to_string());
    }
    s.push(']');
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dims_spill_and_come_back() {
        let mut d = Shape::new();
        for i in 0..12 {
            d.push(i);
        }
        assert_eq!(&d[..], &(0..12).collect::<Vec<_>>()[..]);
        d.insert(3, 99);
        assert_eq!((d.len(), d[3], d[4], d[12]), (13, 99, 3, 11));
        assert_eq!(d.remove(3), 99);
        assert_eq!(&d.clone()[..], &(0..12).collect::<Vec<_>>()[..]);
        let mut small = Shape::from_slice(&[1, 2, 3, 4, 5, 6]);
        small.insert(0, 0);
        assert_eq!(&small[..], &[0, 1, 2, 3, 4, 5, 6]);
        while small.len() > 2 {
            small.pop();
        }
        assert!(small == Shape::from_slice(&[0, 1]) && small != Shape::zeros(2));
    }

    #[test]
    fn broadcasting() {
        assert_eq!(&broadcast(&[3, 1], &[2, 1, 4]).unwrap()[..], &[2, 3, 4]);
        assert_eq!(&broadcast(&[], &[0]).unwrap()[..], &[0]);
        assert!(broadcast(&[2], &[3]).is_err());
    }

    #[test]
    fn inferred_sizes() {
        assert_eq!(&infer_sizes(&[2, -1], 6).unwrap()[..], &[2, 3]);
        assert!(infer_sizes(&[4, -1], 6).is_err());
        assert!(infer_sizes(&[-1, 0], 0).is_err());
        assert_eq!(&infer_sizes(&[0, 5], 0).unwrap()[..], &[0, 5]);
    }
}
