//! How many elements fall where: bincount, histc, histogram. Each finds the bin of every element and adds up there.

use super::called;
use crate::bail;
use crate::core::number::spelled;
use crate::core::shape::list;
use crate::core::{DType, Number};
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::compare::{ge, le, logical_and};
use crate::ops::elementwise::map::on;
use crate::ops::unique::searchsorted;
use crate::tensor::{Arg, Operand, Outs, Tensor, data};

ops! {
    /// How often each of 0, 1, 2, ... occurs in a vector, or the sum of its `weights`: at least `minlength` results.
    ///
    /// int64, or with weights float64 (float32 where they are). Raises RuntimeError for negative entries.
    ///
    ///     >>> torch.bincount(torch.tensor([0, 1, 1, 3]))
    ///     tensor([1, 2, 0, 1])
    bincount as ["bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor"] {
        call(x = self: &Tensor, weights: Option<&Tensor>, minlength: i64) {
            let (x, weights) = (x.detach(), weights.map(Tensor::detach));
            bincount(&x, weights.as_ref(), minlength)
        },
        samples: [
            "ix(9, n=4)",
            "ix(9, n=4), minlength=7",
            "ix(5, n=4), u(5)",
            "ix(5, n=4), ix(5, n=3)",
            "ix(0, n=4)",
            "ix(0, n=4), minlength=2",
            "ix(3, n=4) - 4",
            "ix(2, 2, n=4)",
            "ix(3, n=4), u(2)",
            "ix(3, n=4), minlength=-1",
        ],
    }
    /// How many elements lie in each of `bins` equal parts of [min, max], the last of which has its end; those outside do not
    /// count. If both are 0 they are the least and the greatest element.
    histc + out + exact as ["histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor"] {
        call(x = self: &Tensor, bins: i64, min: f64, max: f64) { histc(&x.detach(), bins, min, max) },
        samples: [
            "u(20), 5",
            "u(4, 5).t(), 4, -1, 1",
            "edges(1.0, 2.0, 2.0, 3.0), 2",
            "edges(1.0, NAN, 2.0), 4, 0, 3",
            "edges(2.0, 2.0), 3",
            "u(0), 3",
            "u(3), 0",
            "u(3), 4, 2, 1",
            "edges(1.0, INF), 4",
        ],
    }
    /// How many elements, or the sum of their `weight`, lie between neighbours of `bins` (a vector in order), or in each of that
    /// many equal parts of `range` (from the least to the greatest element where it is not given); and those edges. The last
    /// part has its end. `density` divides by the sum and by the width.
    histogram + out + exact as [
        "histogram(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)",
        "histogram(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)",
    ] {
        call(
            x = self: &Tensor,
            edges = bins: Option<&Tensor>,
            bins: Option<i64>,
            range: Option<&[f64]>,
            weight: Option<&Tensor>,
            density: bool
        ) {
            let x = x.detach();
            let flat = x.reshape(&[x.numel()])?;
            let edges = match edges {
                Some(e) => {
                    check_edges(&x, e)?;
                    e.detach()
                }
                None => equal_edges(&flat, bins.unwrap_or(100), range)?,
            };
            if let Some(w) = weight {
                check_weight(&x, w)?;
            }
            if !x.dtype().is_float() {
                return Err(x.dtype().lacks("histogram_cpu"));
            }
            let bins = edges.numel() - 1;
            let weight = weight.map(|w| w.detach().reshape(&[flat.numel()])).transpose()?;
            let place = bin_of(&flat, &edges)?;
            let mut hist = tally(&place, weight.as_ref(), bins, flat.dtype())?;
            if density {
                let widths = edges.narrow(0, 1, bins)?.sub(&edges.narrow(0, 0, bins)?)?;
                hist = hist.div(&widths)?.div(&hist.sum_all()?)?;
            }
            Ok(Outs::Many(vec![hist, edges]))
        },
        samples: [
            "u(20), 5",
            "u(4, 5), 4, range=(-1.0, 1.0)",
            "u(20), 5, density=True",
            "u(20), 3, weight=pos(20)",
            "u(20), edges(-2.0, -1.0, 0.5, 2.0)",
            "edges(1.0, 2.0, 2.0, 5.0), edges(1.0, 2.0, 5.0)",
            "u(0), 3",
            "edges(3.0), 3",
            "u(3), 0",
            "u(3), 2, range=(1.0, 0.0)",
            "u(3), 2, weight=u(2)",
            "u(3), u(2, 2)",
            "edges(NAN), 2",
        ],
    }
}

fn bincount(x: &Tensor, weights: Option<&Tensor>, minlength: i64) -> Result<Tensor> {
    if minlength < 0 {
        bail!(Runtime, "minlength should be >= 0");
    }
    let wrong = "bincount only supports 1-d non-negative integral inputs.";
    if x.ndim() == 1 && x.numel() == 0 {
        return Tensor::constant(&[minlength as usize], DType::I64, x.device(), 0);
    }
    if !x.dtype().is_integral() || x.dtype() == DType::Bool || x.dtype().is_limited() {
        return Err(x.dtype().lacks("bincount_cpu"));
    }
    if x.ndim() != 1 {
        bail!(Runtime, "{wrong}");
    }
    if weights.is_some_and(|w| w.ndim() != 1 || w.numel() != x.numel()) {
        bail!(Runtime, "weights should be 1-d and have the same length as input");
    }
    let places = x.to_dtype(DType::I64)?;
    data::needs_values("bincount", &[x])?;
    let bound = |t: Tensor| -> Result<i64> { Ok(t.on_cpu()?.element(&[]).to_i64()) };
    if bound(places.amin(&[0], false)?)? < 0 {
        bail!(Runtime, "{wrong}");
    }
    let most = bound(places.amax(&[0], false)?)?;
    let n = most.saturating_add(1).max(minlength) as usize;
    let dtype = weights.map_or(DType::I64, |w| if w.dtype() == DType::F32 { DType::F32 } else { DType::F64 });
    let weights = weights.map(|w| w.to_dtype(dtype)).transpose()?;
    tally_as(&places, weights.as_ref(), n, dtype)
}

/// The sums of `weights` (or of ones) at `places`, each below `n`.
fn tally_as(places: &Tensor, weights: Option<&Tensor>, n: usize, dtype: DType) -> Result<Tensor> {
    let ones;
    let values = match weights {
        Some(w) => w,
        None => {
            ones = Tensor::constant(places.shape(), dtype, places.device(), 1)?;
            &ones
        }
    };
    Tensor::constant(&[n], dtype, places.device(), 0)?.scatter_add(0, places, values)
}

/// As [`tally_as`]; `n` itself is the place of what does not count. Counts are exact in halves too.
fn tally(places: &Tensor, weights: Option<&Tensor>, n: usize, dtype: DType) -> Result<Tensor> {
    let wide = if weights.is_none() { DType::I64 } else { dtype };
    tally_as(places, weights, n + 1, wide)?.narrow(0, 0, n)?.to_dtype(dtype)?.contiguous()
}

/// Where in `edges`, in order, each element of a vector lies: from 0 on, the number of bins where it lies in none. The last bin
/// has its end.
fn bin_of(x: &Tensor, edges: &Tensor) -> Result<Tensor> {
    let bins = edges.numel() as i64 - 1;
    let found = called(
        &searchsorted::DEF,
        &[Arg::Tensor(edges), Arg::Tensor(x), Arg::Bool(false), Arg::Bool(true), Arg::None, Arg::None],
    )?;
    let end = |i: usize| edges.select(0, i);
    let inside = within(x, Operand::Tensor(&end(0)?), Operand::Tensor(&end(bins as usize)?))?;
    let place = found.add_number(-1i64)?;
    let last = on(&ge::ROW, [Operand::Tensor(&place), Operand::Number(Number::Int(bins))])?;
    let place = last.choose(Operand::Number(Number::Int(bins - 1)), Operand::Tensor(&place))?;
    let below = on(&le::ROW, [Operand::Tensor(&place), Operand::Number(Number::Int(-1))])?;
    let place = below.choose(Operand::Number(Number::Int(bins)), Operand::Tensor(&place))?;
    inside.choose(Operand::Tensor(&place), Operand::Number(Number::Int(bins)))
}

fn within(x: &Tensor, low: Operand, high: Operand) -> Result<Tensor> {
    let above = on(&ge::ROW, [Operand::Tensor(x), low])?;
    on(&logical_and::ROW, [Operand::Tensor(&above), Operand::Tensor(&on(&le::ROW, [Operand::Tensor(x), high])?)])
}

fn check_bins(bins: i64) -> Result<()> {
    if bins <= 0 {
        bail!(Runtime, "torch.histogram(): bins must be > 0, but got {bins} for dimension 0");
    }
    Ok(())
}

/// The least and the greatest element of a vector that has some; on `meta`, where results show neither, any range.
fn extent(x: &Tensor) -> Result<(f64, f64)> {
    if x.device().is_meta() {
        return Ok((0.0, 1.0));
    }
    let of = |t: Tensor| -> Result<f64> { Ok(t.on_cpu()?.element(&[]).to_f64()) };
    Ok((of(x.amin(&[0], false)?)?, of(x.amax(&[0], false)?)?))
}

fn histc(x: &Tensor, bins: i64, min: f64, max: f64) -> Result<Tensor> {
    if !x.dtype().is_float() {
        return Err(x.dtype().lacks("histogram_cpu"));
    }
    check_bins(bins)?;
    let dtype = x.dtype();
    let flat = x.reshape(&[x.numel()])?;
    let (mut low, mut high) = (min, max);
    if low == high && x.numel() > 0 {
        (low, high) = extent(&flat)?;
    }
    if low == high {
        (low, high) = (low - 1.0, high + 1.0);
    }
    if !low.is_finite() || !high.is_finite() {
        bail!(Runtime, "torch.histc: range of [{}, {}] is not finite", spelled(low), spelled(high));
    }
    if low >= high {
        bail!(Runtime, "torch.histc: max must be larger than min");
    }
    // By the place in the range, in the arithmetic of the dtype, as PyTorch: not by comparison with edges.
    let number = |v: f64| Operand::Number(Number::Float(v));
    let inside = within(&flat, number(low), number(high))?;
    let round = |v: f64| Number::Float(v).cast(dtype).to_f64();
    let span = round(round(high) - round(low));
    let place = flat.add_number(-low)?.mul_number(bins as f64)?.div_number(span)?;
    let place = inside.choose(Operand::Tensor(&place), number(bins as f64))?.to_dtype(DType::I64)?;
    // The greatest of all belongs to the last bin; what lies outside has the place behind it.
    let end = on(&ge::ROW, [Operand::Tensor(&place), Operand::Number(Number::Int(bins))])?.logical_and(&inside)?;
    let place = end.choose(Operand::Number(Number::Int(bins - 1)), Operand::Tensor(&place))?;
    tally(&place, None, bins as usize, dtype)
}

fn check_weight(x: &Tensor, w: &Tensor) -> Result<()> {
    if w.dtype() != x.dtype() {
        bail!(
            Runtime,
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but \
             got input({}), and weight({})",
            x.dtype().c_words(),
            w.dtype().c_words()
        );
    }
    if w.numel() != x.numel() {
        bail!(
            Runtime,
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its \
             innermost dimension, but got input with shape {} and weight with shape {}",
            list(&[x.numel(), 1]),
            list(&[w.numel()])
        );
    }
    Ok(())
}

fn check_edges(x: &Tensor, edges: &Tensor) -> Result<()> {
    if edges.ndim() != 1 {
        bail!(
            Runtime,
            "torch.histogramdd: bins tensor should have one dimension, but got {} dimensions in the bins tensor for \
             dimension 0",
            edges.ndim()
        );
    }
    if edges.numel() == 0 {
        bail!(
            Runtime,
            "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for \
             dimension 0"
        );
    }
    if edges.dtype() != x.dtype() {
        bail!(
            Runtime,
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {} and \
             bins for dimension 0 with dtype {}",
            x.dtype().c_words(),
            edges.dtype().c_words()
        );
    }
    check_bins(edges.numel() as i64 - 1)
}

fn equal_edges(x: &Tensor, bins: i64, range: Option<&[f64]>) -> Result<Tensor> {
    check_bins(bins)?;
    let (mut low, mut high) = match range {
        Some(&[low, high]) => (low, high),
        Some(other) => bail!(
            Runtime,
            "torch.histogramdd: for a 1-dimensional histogram range should have 2 elements, but got {}",
            other.len()
        ),
        None if x.numel() > 0 => {
            if !matches!(x.dtype(), DType::F32 | DType::F64) {
                return Err(x.dtype().lacks("histogramdd"));
            }
            extent(x)?
        }
        None => (0.0, 1.0),
    };
    if !low.is_finite() || !high.is_finite() {
        bail!(Runtime, "torch.histogramdd: dimension 0's range [{}, {}] is not finite", spelled(low), spelled(high));
    }
    if low > high {
        bail!(
            Runtime,
            "torch.histogramdd: min should not exceed max, but got min {} max {} for dimension 0",
            spelled(low),
            spelled(high)
        );
    }
    if low == high {
        (low, high) = (low - 0.5, high + 0.5);
    }
    crate::ops::create::linspaced(low.into(), high.into(), bins as usize + 1, x.dtype(), x.device())
}
