//! Indices drawn by weight, in PyTorch's streams.

use super::widen::{Acc, Flat, Widen, contiguous};
use crate::core::Element;
use crate::device::Array;
use crate::device::rng::Generator;
use crate::widened;

/// Why weights are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadWeights {
    /// One is negative, infinite or NaN.
    Value,
    /// A row has none above zero.
    Sum,
}

/// Whether every element of the float array is 0 or above; NaN is not.
pub fn none_negative(x: &Array) -> bool {
    widened!(only float x.dtype, S, A => {
        let flat = contiguous::<S, A>(x);
        (0..x.numel()).all(|i| value(&flat, i) >= 0.0)
    })
}

fn value<A: Element>(x: &Flat<A>, i: usize) -> f64 {
    // SAFETY: an element of the flat array.
    unsafe { *x.raw().at(i as isize) }.to_f64()
}

/// The contiguous int64 `out` (n, or rows x n) from the float weights `p` (classes, or rows x classes).
pub fn draw(p: &Array, replacement: bool, out: &Array, g: &mut Generator) -> Result<(), BadWeights> {
    widened!(only float p.dtype, S, A => draw_in::<S, A>(p, replacement, out, g))
}

fn draw_in<S: Widen<A> + Element, A: Acc>(
    p: &Array,
    replacement: bool,
    out: &Array,
    g: &mut Generator,
) -> Result<(), BadWeights> {
    let classes = p.shape()[p.ndim() - 1];
    let n = out.shape()[out.ndim() - 1];
    if p.numel() == 0 {
        return Ok(());
    }
    let flat = contiguous::<S, A>(p);
    let weights: Vec<f64> = (0..p.numel()).map(|i| value(&flat, i)).collect();
    if weights.iter().any(|w| !w.is_finite() || *w < 0.0) {
        return Err(BadWeights::Value);
    }
    if weights.chunks(classes).any(|row| row.iter().sum::<f64>() <= 0.0) {
        return Err(BadWeights::Sum);
    }
    // Arithmetic in the dtype of p: each step is rounded to it.
    let round = |v: f64| S::from_f64(v).to_f64();
    let put = |at: usize, v: usize| {
        // SAFETY: an element of the contiguous out.
        unsafe { *out.ptr::<i64>().add(at) = v as i64 }
    };
    if replacement && n > 1 {
        for (r, row) in weights.chunks(classes).enumerate() {
            let mut sums = vec![0.0; classes];
            let mut sum = 0.0;
            for (to, w) in sums.iter_mut().zip(row) {
                sum = round(sum + w);
                *to = sum;
            }
            sums.iter_mut().for_each(|v| *v = round(*v / sum));
            sums[classes - 1] = 1.0;
            for k in 0..n {
                let u = g.unit53();
                put(r * n + k, sums.partition_point(|&s| s < u));
            }
        }
        return Ok(());
    }
    let keys: Vec<f64> = weights.iter().map(|w| round(w / round(-(-g.unit53()).ln_1p()))).collect();
    for (r, row) in keys.chunks(classes).enumerate() {
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order[..n].iter().enumerate().for_each(|(k, &v)| put(r * n + k, v));
    }
    Ok(())
}
