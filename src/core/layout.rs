//! Where the elements of a tensor lie in its storage, and every rearrangement that needs no data.

use super::shape::{Dims, Shape, Strides, list, numel};
use crate::bail;
use crate::error::Result;

/// Shape, strides and offset, all in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub shape: Shape,
    pub strides: Strides,
    pub offset: usize,
}

/// Strides of a C-contiguous tensor. Sizes of 0 count as 1, as PyTorch does.
#[inline]
pub fn contiguous_strides(shape: &[usize]) -> Strides {
    let mut strides = Strides::zeros(shape.len());
    fill_contiguous(&mut strides, shape);
    strides
}

/// Writes the strides of a C-contiguous tensor of `shape` to as many places.
#[inline]
pub fn fill_contiguous(strides: &mut [isize], shape: &[usize]) {
    let mut acc = 1isize;
    for i in (0..shape.len().min(strides.len())).rev() {
        strides[i] = acc;
        acc = acc.wrapping_mul(shape[i].max(1) as isize);
    }
}

impl Layout {
    #[inline]
    pub fn contiguous(shape: Shape) -> Layout {
        Layout { strides: contiguous_strides(&shape), shape, offset: 0 }
    }

    #[inline]
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    #[inline]
    pub fn numel(&self) -> usize {
        numel(&self.shape)
    }

    #[inline]
    pub fn is_contiguous(&self) -> bool {
        let (shape, strides) = (&self.shape[..], &self.strides[..]);
        let mut acc = 1isize;
        for i in (0..shape.len().min(strides.len())).rev() {
            if shape[i] != 1 {
                if strides[i] != acc {
                    return self.numel() == 0;
                }
                acc = acc.wrapping_mul(shape[i] as isize);
            }
        }
        true
    }

    /// The number of elements, where the strides are exactly those of a fresh tensor: contiguous, and dims of one element
    /// count too.
    #[inline]
    pub fn packed_numel(&self) -> Option<usize> {
        let (shape, strides) = (&self.shape[..], &self.strides[..]);
        let (mut acc, mut numel) = (1isize, 1);
        for i in (0..shape.len().min(strides.len())).rev() {
            if strides[i] != acc {
                return None;
            }
            acc = acc.wrapping_mul(shape[i].max(1) as isize);
            numel *= shape[i];
        }
        Some(numel)
    }

    /// The dims with more than one element, fastest first, when they fill memory without gaps or
    /// overlap in some order.
    pub fn is_dense(&self) -> bool {
        if self.is_contiguous() {
            return true;
        }
        let mut dims: Vec<usize> = (0..self.ndim()).filter(|&d| self.shape[d] != 1).collect();
        dims.sort_by_key(|&d| self.strides[d]);
        let mut acc = 1isize;
        for d in dims {
            if self.strides[d] != acc {
                return false;
            }
            acc = acc.wrapping_mul(self.shape[d] as isize);
        }
        true
    }

    /// Whether two different indices may name the same element. Conservative: a layout that is not
    /// provably free of overlap counts as overlapping only where a stride is 0 or smaller than the
    /// extent of the dims below it.
    pub fn overlaps_itself(&self) -> bool {
        if self.is_contiguous() {
            return false;
        }
        let mut dims: Vec<usize> = (0..self.ndim()).filter(|&d| self.shape[d] > 1).collect();
        dims.sort_by_key(|&d| self.strides[d]);
        let mut extent = 0isize;
        for d in dims {
            if self.strides[d] <= extent {
                return self.numel() != 0;
            }
            extent += self.strides[d] * (self.shape[d] as isize - 1);
        }
        false
    }

    /// The dims from fastest to slowest that a `channels_last` tensor of this rank has: channels first, then the image, then the
    /// batch. None for ranks that have no such format.
    fn channels_last_order(&self) -> Option<&'static [usize]> {
        match self.ndim() {
            4 => Some(&[1, 3, 2, 0]),
            5 => Some(&[1, 4, 3, 2, 0]),
            _ => None,
        }
    }

    /// Whether the elements lie without gaps in channels-last order; the strides of dims of size 1 do not matter.
    pub fn is_channels_last(&self) -> bool {
        let Some(order) = self.channels_last_order() else { return false };
        let mut expected = 1isize;
        order.iter().filter(|&&d| self.shape[d] != 1).all(|&d| {
            let as_expected = self.strides[d] == expected;
            expected *= self.shape[d] as isize;
            as_expected
        })
    }

    /// The strides of a channels-last tensor of this shape. A size of 0 makes those of slower dims 0, as PyTorch does.
    pub fn channels_last_strides(&self) -> Option<Strides> {
        let order = self.channels_last_order()?;
        let mut strides = Strides::filled(1, self.ndim());
        let mut acc = 1isize;
        for &d in order {
            strides[d] = acc;
            acc = acc.wrapping_mul(self.shape[d] as isize);
        }
        Some(strides)
    }

    /// PyTorch's `suggest_memory_format`: whether the strides rise in channels-last order, gaps allowed, and could not as well be
    /// those of a contiguous tensor.
    pub fn suggests_channels_last(&self) -> bool {
        let Some(order) = self.channels_last_order() else { return false };
        if self.strides[1] == 0 {
            return false;
        }
        let mut least = 0;
        for &d in order {
            let (n, stride) = (self.shape[d] as isize, self.strides[d]);
            if n == 0 || stride < least || (d == 0 && least == self.strides[1]) {
                return false;
            }
            least = stride * n.max(1);
        }
        true
    }

    /// One past the last element that the layout reaches.
    pub fn end(&self) -> usize {
        if self.numel() == 0 {
            return self.offset;
        }
        let reach: isize = self.shape.iter().zip(self.strides.iter()).map(|(&n, &s)| (n as isize - 1) * s.max(0)).sum();
        self.offset + reach as usize + 1
    }

    /// The shape seen as `shape`, strides 0 where it repeats. The caller has checked that it broadcasts.
    #[inline]
    pub fn broadcast_to(&self, shape: &[usize]) -> Layout {
        Layout { shape: Dims::from_slice(shape), strides: self.broadcast_strides(shape), offset: self.offset }
    }

    /// The strides of [`broadcast_to`](Self::broadcast_to).
    #[inline]
    pub fn broadcast_strides(&self, shape: &[usize]) -> Strides {
        let lead = shape.len() - self.ndim();
        let mut strides = Strides::zeros(shape.len());
        for i in 0..self.ndim() {
            if self.shape[i] == shape[lead + i] {
                strides[lead + i] = self.strides[i];
            }
        }
        strides
    }

    /// `x.expand(sizes)`; -1 keeps a size.
    pub fn expand(&self, sizes: &[i64]) -> Result<Layout> {
        if sizes.len() < self.ndim() {
            bail!(
                Runtime,
                "expand(torch.Tensor{{{}}}, size={}): the number of sizes provided ({}) must be greater or equal to the \
                 number of dimensions in the tensor ({})",
                list(&self.shape),
                list(sizes),
                sizes.len(),
                self.ndim()
            );
        }
        let lead = sizes.len() - self.ndim();
        let mut shape = Shape::zeros(sizes.len());
        // PyTorch names the last dim that does not fit.
        for (i, &s) in sizes.iter().enumerate().rev() {
            let own = if i >= lead { Some(self.shape[i - lead]) } else { None };
            shape[i] = match (s, own) {
                (-1, Some(n)) => n,
                (s, None) if s < 0 => bail!(
                    Runtime,
                    "The expanded size of the tensor ({s}) isn't allowed in a leading, non-existing dimension {i}"
                ),
                (s, Some(n)) if s < 0 || (n != 1 && n as i64 != s) => bail!(
                    Runtime,
                    "The expanded size of the tensor ({s}) must match the existing size ({n}) at non-singleton \
                     dimension {i}.  Target sizes: {}.  Tensor sizes: {}",
                    list(sizes),
                    list(&self.shape)
                ),
                (s, _) => s as usize,
            };
        }
        let mut out = self.broadcast_to(&shape);
        // A leading dim of size 1 gets the stride that would follow the dim behind it.
        for i in (0..lead).rev().filter(|&i| shape[i] == 1 && self.ndim() > 0) {
            out.strides[i] = (shape[i + 1] as isize).wrapping_mul(out.strides[i + 1]);
        }
        Ok(out)
    }

    /// The dims in the order `dims`, a permutation.
    pub fn permuted(&self, dims: &[usize]) -> Layout {
        Layout {
            shape: dims.iter().map(|&d| self.shape[d]).collect(),
            strides: dims.iter().map(|&d| self.strides[d]).collect(),
            offset: self.offset,
        }
    }

    /// The layout of the parts of complex numbers, in elements of half the size: one more dim, of size 2, last.
    pub fn parts(&self) -> Layout {
        let mut out = self.clone();
        out.strides.iter_mut().for_each(|s| *s = s.wrapping_mul(2));
        out.offset *= 2;
        out.shape.push(2);
        out.strides.push(1);
        out
    }

    #[inline]
    pub fn transposed(&self, a: usize, b: usize) -> Layout {
        let mut out = self.clone();
        if self.ndim() > 0 {
            out.shape.swap(a, b);
            out.strides.swap(a, b);
        }
        out
    }

    /// `len` entries of `dim` from `start`, `step` apart. The caller has clipped them.
    pub fn sliced(&self, dim: usize, start: usize, len: usize, step: usize) -> Layout {
        let mut out = self.clone();
        out.offset = (self.offset as isize + start as isize * self.strides[dim]) as usize;
        out.shape[dim] = len;
        // With a step beyond the dim there is one entry, whose stride nobody follows.
        out.strides[dim] = self.strides[dim].wrapping_mul(step as isize);
        out
    }

    /// One index of `dim`, which goes away.
    pub fn selected(&self, dim: usize, index: usize) -> Layout {
        let mut out = self.clone();
        out.offset = (self.offset as isize + index as isize * self.strides[dim]) as usize;
        out.shape.remove(dim);
        out.strides.remove(dim);
        out
    }

    /// A dim of size 1 before `dim` (at most `ndim`).
    pub fn unsqueezed(&self, dim: usize) -> Layout {
        let mut out = self.clone();
        let stride = if dim < self.ndim() { (self.shape[dim] as isize).wrapping_mul(self.strides[dim]) } else { 1 };
        out.shape.insert(dim, 1);
        out.strides.insert(dim, stride);
        out
    }

    /// Without those of `dims` that have size 1.
    pub fn squeezed(&self, dims: &[usize]) -> Layout {
        let keep = |d: &usize| !(self.shape[*d] == 1 && dims.contains(d));
        Layout {
            shape: (0..self.ndim()).filter(keep).map(|d| self.shape[d]).collect(),
            strides: (0..self.ndim()).filter(keep).map(|d| self.strides[d]).collect(),
            offset: self.offset,
        }
    }

    /// The same elements in the same order under another shape of as many elements, if no copy is
    /// needed: each run of dims that lies at one stride is cut anew.
    pub fn viewed(&self, shape: &[usize]) -> Option<Layout> {
        let done = |strides| Some(Layout { shape: Dims::from_slice(shape), strides, offset: self.offset });
        if self.packed_numel().is_some_and(|n| n != 0) {
            return done(contiguous_strides(shape));
        }
        if self.numel() == 0 {
            return done(if *self.shape == *shape { self.strides.clone() } else { contiguous_strides(shape) });
        }
        let mut strides = Strides::filled(1, shape.len());
        let mut view_d = shape.len();
        let mut base = *self.strides.last()?;
        let (mut tensor_numel, mut view_numel) = (1usize, 1usize);
        for d in (0..self.ndim()).rev() {
            tensor_numel *= self.shape[d];
            let run_ends = d == 0 || (self.shape[d - 1] != 1 && self.strides[d - 1] != tensor_numel as isize * base);
            if run_ends {
                while view_d > 0 && (view_numel < tensor_numel || shape[view_d - 1] == 1) {
                    view_d -= 1;
                    strides[view_d] = view_numel as isize * base;
                    view_numel *= shape[view_d];
                }
                if view_numel != tensor_numel {
                    return None;
                }
                if d > 0 {
                    base = self.strides[d - 1];
                    (tensor_numel, view_numel) = (1, 1);
                }
            }
        }
        if view_d == 0 { done(strides) } else { None }
    }
}

/// Dims from fastest to slowest, as PyTorch's TensorIterator orders them for `count` operands broadcast to one shape: by
/// stride of the first operand that tells, else by position. `stride(k, d)` is that of operand `k` along dim `d`.
pub fn memory_order(shape: &[usize], count: usize, stride: impl Fn(usize, usize) -> isize) -> Shape {
    let n = shape.len();
    let mut perm: Shape = (0..n).rev().collect();
    // 1: `a` is slower than `b` and must come after it; -1: the order is right; 0: no operand can tell.
    let compare = |a: usize, b: usize| -> i32 {
        for k in 0..count {
            let (x, y) = (stride(k, a), stride(k, b));
            if x == 0 || y == 0 {
                continue;
            }
            if x != y {
                return if x < y { -1 } else { 1 };
            }
            if shape[a] > shape[b] {
                return 1;
            }
        }
        0
    };
    // An insertion sort that looks past ties, since the comparison is not transitive.
    for i in 1..n {
        let mut at = i;
        for before in (0..i).rev() {
            match compare(perm[before], perm[at]) {
                1 => {
                    perm.swap(before, at);
                    at = before;
                }
                -1 => break,
                _ => {}
            }
        }
    }
    perm
}

/// The strides of TensorIterator's results with the dims of `shape` in `order`, fastest first: dense. (A size of 0 makes those of
/// slower dims 0, but not where the order is that of a contiguous tensor.)
fn strides_in_order(shape: &[usize], order: &[usize]) -> Strides {
    if order.iter().rev().copied().eq(0..shape.len()) {
        return contiguous_strides(shape);
    }
    let mut strides = Strides::filled(1, shape.len());
    let mut acc = 1isize;
    for &d in order {
        strides[d] = acc;
        acc = acc.wrapping_mul(shape[d] as isize);
    }
    strides
}

/// The layout of a fresh tensor like `x` (PyTorch's `preserve_format`): its strides where it is dense, else dense ones with the
/// dims in the same order.
pub fn preserved(x: &Layout) -> Layout {
    let mut strides = x.strides.clone();
    if !x.is_dense() {
        let mut acc = 1isize;
        for &d in &memory_order(&x.shape, 1, |_, d| x.strides[d])[..] {
            strides[d] = acc;
            acc = acc.wrapping_mul(x.shape[d].max(1) as isize);
        }
    }
    Layout { shape: x.shape.clone(), strides, offset: 0 }
}

/// The layout of a fresh elementwise result over `inputs` broadcast to `shape`: dense, with the
/// inputs' memory order kept (TensorIterator's rule, so that strides equal PyTorch's). `numbers`: whether a number is an
/// operand too, which PyTorch makes a 0-d tensor of, so that not all operands have one shape.
pub fn elementwise(shape: Shape, inputs: &[&Layout], numbers: bool) -> Layout {
    let alike = inputs.iter().all(|l| l.shape == shape) && (!numbers || shape.is_empty());
    if alike && inputs.iter().all(|l| l.is_contiguous()) {
        return Layout::contiguous(shape);
    }
    if alike && let Some(first) = inputs.first() {
        if shape.len() == 4 && inputs.iter().all(|l| l.is_channels_last()) {
            return Layout { strides: first.channels_last_strides().unwrap_or_default(), shape, offset: 0 };
        }
        if inputs.iter().all(|l| l.strides == first.strides) && first.is_dense() {
            return Layout { shape, strides: first.strides.clone(), offset: 0 };
        }
    }
    // 0 only where a size of 1 really repeats, so that order among dims of size 1 survives as it does in PyTorch.
    let stride = |k: usize, d: usize| {
        let l = inputs[k];
        let Some(i) = (d + l.ndim()).checked_sub(shape.len()) else { return 0 };
        if l.shape[i] == 1 && shape[d] != 1 { 0 } else { l.strides[i] }
    };
    let order = memory_order(&shape, inputs.len(), stride);
    Layout { strides: strides_in_order(&shape, &order), shape, offset: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(s: &[usize]) -> Shape {
        Shape::from_slice(s)
    }

    #[test]
    fn views_without_copy() {
        let t = Layout::contiguous(shape(&[4, 3, 2]));
        assert_eq!(&t.viewed(&[12, 2]).unwrap().strides[..], &[2, 1]);
        let p = t.transposed(0, 1);
        assert!(p.viewed(&[24]).is_none());
        assert_eq!(&p.viewed(&[3, 2, 2, 2]).unwrap().strides[..], &[2, 12, 6, 1]);
        let zero_d = Layout::contiguous(shape(&[]));
        assert_eq!(&zero_d.viewed(&[1, 1]).unwrap().shape[..], &[1, 1]);
    }

    #[test]
    fn density() {
        let t = Layout::contiguous(shape(&[4, 3, 2]));
        assert!(t.permuted(&[2, 0, 1]).is_dense());
        assert!(!t.sliced(0, 0, 2, 2).is_dense());
        assert!(t.expand(&[5, 4, 3, 2]).unwrap().overlaps_itself());
        assert!(!t.permuted(&[2, 0, 1]).overlaps_itself());
        assert_eq!(t.sliced(1, 1, 2, 1).end(), 24);
    }

    #[test]
    fn results_keep_memory_order() {
        let a = Layout::contiguous(shape(&[4, 3])).transposed(0, 1);
        let b = Layout::contiguous(shape(&[4]));
        assert_eq!(&elementwise(shape(&[3, 4]), &[&a, &b], false).strides[..], &[1, 3]);
        assert_eq!(&elementwise(shape(&[3, 4]), &[&b, &a], false).strides[..], &[1, 3]);
        let column = Layout { strides: Strides::from_slice(&[1, 4]), ..Layout::contiguous(shape(&[2, 1])) };
        assert_eq!(&elementwise(shape(&[2, 1]), &[&column], false).strides[..], &[1, 1]);
        assert_eq!(&elementwise(shape(&[2, 1]), &[&column], true).strides[..], &[1, 2]);
    }
}
