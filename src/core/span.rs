//! Which elements of a dim each window of a pooling covers.

use std::ops::Range;

/// Windows along one dim of `size` elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub size: usize,
    /// How many windows there are.
    pub count: usize,
    /// Windows of one size, in equal steps; None where they have nearly equal sizes and cover the dim.
    pub steps: Option<Steps>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    pub kernel: usize,
    pub stride: usize,
    /// In front, and behind.
    pub pad: usize,
}

impl Span {
    /// A dim that no window covers more than one element of.
    pub const ONE: Span = Span { size: 1, count: 1, steps: None };

    /// Window `i` covers these elements.
    #[inline]
    pub fn range(&self, i: usize) -> Range<usize> {
        match self.steps {
            None => i * self.size / self.count..((i + 1) * self.size).div_ceil(self.count),
            Some(s) => {
                let start = i * s.stride;
                let end = (start + s.kernel).saturating_sub(s.pad).min(self.size);
                start.saturating_sub(s.pad).min(end)..end
            }
        }
    }

    /// How many elements count in window `i`: with `padded` also those of the padding.
    #[inline]
    pub fn counted(&self, i: usize, padded: bool) -> usize {
        match self.steps {
            Some(s) if padded => (i * s.stride + s.kernel).min(self.size + 2 * s.pad) - i * s.stride,
            _ => self.range(i).len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_one_size() {
        let s = Span { size: 5, count: 3, steps: Some(Steps { kernel: 3, stride: 2, pad: 1 }) };
        assert_eq!([0, 1, 2].map(|i| s.range(i)), [0..2, 1..4, 3..5]);
        assert_eq!([0, 1, 2].map(|i| s.counted(i, true)), [3, 3, 3]);
        assert_eq!([0, 1, 2].map(|i| s.counted(i, false)), [2, 3, 2]);
    }

    #[test]
    fn windows_that_cover_a_dim() {
        let s = Span { size: 7, count: 3, steps: None };
        assert_eq!([0, 1, 2].map(|i| s.range(i)), [0..3, 2..5, 4..7]);
    }
}
