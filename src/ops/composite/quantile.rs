//! Quantiles: entries in order, and what lies between two of them.

use crate::bail;
use crate::core::shape::{Dims, normalize_dim};
use crate::core::{DType, Number, Shape};
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::compare::{ge, le, lt, ne};
use crate::ops::elementwise::map::on;
use crate::ops::elementwise::rounding::{ceil, floor, round};
use crate::ops::elementwise::select::lerp;
use crate::ops::sort::sort;
use crate::tensor::{Arg, Operand, Outs, Tensor};

const SAMPLES: &[&str] = &[
    "uniq(7), 0.3",
    "uniq(2, 5), 0.25, 1",
    "uniq(2, 3, 4), 0.5, 0, True",
    "uniq(3, 2).t(), 0.9, dim=0, interpolation='lower'",
    "uniq(5), 0.4, interpolation='higher'",
    "uniq(5), 0.4, interpolation='nearest'",
    "uniq(5), 0.4, interpolation='midpoint'",
    "uniq(2, 5), torch.tensor([0.0, 0.5, 1.0]).to(uniq(1)), 1, True",
    "uniq(2, 5), torch.tensor([0.1, 0.6]).to(uniq(1))",
    "edges(1.0, NAN, 3.0, 2.0).detach(), 0.5",
    "edges(NAN, NAN).detach(), 0.5",
    "u(), 0.5",
    "u(0), 0.5",
    "u(3), 1.5",
    "u(3), 0.5, interpolation='up'",
    "ix(3, n=3), 0.5",
];

ops! {
    /// The `q`-quantiles of all elements, or along `dim`: a number or a vector, whose dim comes first. NaN where there is one.
    ///
    /// Where a quantile lies between two entries, `interpolation` says which is taken: "linear", "lower", "higher", "midpoint",
    /// "nearest".
    quantile + out + exact as [
        "quantile(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
        "quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    ] graph "SqueezeBackward4" {
        call(x = self: &Tensor, q: Option<f64>, by = q: Option<&Tensor>, dim: Option<i64>, keepdim: bool, interpolation: &str) {
            quantile(x, by, q, dim, keepdim, interpolation, false)
        },
        samples: SAMPLES,
    }
    /// `quantile` of the elements that are not NaN.
    nanquantile + out + exact as [
        "nanquantile(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
        "nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    ] graph "SqueezeBackward4" {
        call(x = self: &Tensor, q: Option<f64>, by = q: Option<&Tensor>, dim: Option<i64>, keepdim: bool, interpolation: &str) {
            quantile(x, by, q, dim, keepdim, interpolation, true)
        },
        samples: SAMPLES,
    }
}

fn quantile(
    x: &Tensor,
    by: Option<&Tensor>,
    q: Option<f64>,
    dim: Option<i64>,
    keepdim: bool,
    how: &str,
    without_nan: bool,
) -> Result<Outs> {
    let number = |v: f64| Operand::Number(Number::Float(v));
    let made;
    let q = match (by, q) {
        (Some(t), _) => t,
        (None, q) => {
            let q = q.unwrap_or(0.5);
            if !(0.0..=1.0).contains(&q) {
                bail!(Runtime, "quantile() q must be in the range [0, 1] but got {}", crate::core::number::spelled(q));
            }
            made = Tensor::constant(&[], x.dtype(), x.device(), q)?;
            &made
        }
    };
    let wrapped = dim.map(|d| normalize_dim(d, x.ndim())).transpose()?;
    if x.numel() == 0 {
        bail!(Runtime, "quantile() input tensor must be non-empty");
    }
    if q.ndim() > 1 {
        bail!(Runtime, "quantile() q must be a scalar or 1D tensor");
    }
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        bail!(Runtime, "quantile() input tensor must be either float or double dtype");
    }
    if q.dtype() != x.dtype() {
        bail!(Runtime, "quantile() q tensor must be same dtype as the input tensor");
    }
    if q.device() != x.device() {
        bail!(Runtime, "quantile() q tensor must be on the same device as the input tensor");
    }
    if !["linear", "lower", "higher", "midpoint", "nearest"].contains(&how) {
        bail!(
            Runtime,
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {how}"
        );
    }
    if by.is_some() {
        let inside = on(&ge::ROW, [Operand::Tensor(q), number(0.0)])?
            .logical_and(&on(&le::ROW, [Operand::Tensor(q), number(1.0)])?)?;
        if super::refuted(&inside)? {
            bail!(Runtime, "quantile() q values must be in the range [0, 1]");
        }
    }
    // The dim that is left goes last, and is put in order.
    let lines = match wrapped {
        None => x.reshape(&[x.numel()])?,
        Some(_) if x.ndim() == 0 => x.reshape(&[1])?,
        Some(d) => x.unsqueeze_dims(&[x.ndim()])?.transpose(d, x.ndim())?,
    };
    let last = lines.ndim() - 1;
    let Outs::Many(mut parts) = (sort::DEF.call)(&crate::tensor::Args {
        overload: 0,
        values: &[Arg::Tensor(&lines), Arg::Number(Number::Int(-1)), Arg::Bool(false)],
        inplace: false,
        out: &[],
    })?
    else {
        bail!(Runtime, "internal error: sort gives no tensors")
    };
    let ordered = parts.swap_remove(0);
    let ranks = ranks(&lines.detach(), q, without_nan)?;
    let below = on(&floor::ROW, [Operand::Tensor(&ranks)])?.to_dtype(DType::I64)?;
    let pick = |places: &Tensor| ordered.gather(last as i64, places);
    let y = match how {
        "lower" => pick(&below)?,
        "higher" => pick(&on(&ceil::ROW, [Operand::Tensor(&ranks)])?.to_dtype(DType::I64)?)?,
        "nearest" => pick(&on(&round::ROW, [Operand::Tensor(&ranks)])?.to_dtype(DType::I64)?)?,
        _ => {
            let above = on(&ceil::ROW, [Operand::Tensor(&ranks)])?.to_dtype(DType::I64)?;
            let weight = if how == "midpoint" {
                Tensor::constant(ranks.shape(), x.dtype(), x.device(), 0.5)?
            } else {
                ranks.sub(&below.to_dtype(x.dtype())?)?
            };
            on(&lerp::ROW, [&pick(&below)?, &pick(&above)?, &weight].map(Operand::Tensor))?
        }
    };
    shaped(x, &y, q, wrapped, keepdim).map(Outs::Tensor)
}

/// Where in the ordered last dim each quantile lies, one column each; at the end where NaN stands in the way.
fn ranks(x: &Tensor, q: &Tensor, without_nan: bool) -> Result<Tensor> {
    let last = x.ndim() - 1;
    let n = x.shape()[last];
    let q = q.reshape(&[q.numel()])?;
    let real = x.eq(x)?;
    let mut shape: Shape = x.shape().into();
    shape[last] = q.numel();
    let zero = Operand::Number(Number::Int(0));
    if without_nan {
        let most = real.to_dtype(DType::I64)?.sum(&[last], true)?.to_dtype(x.dtype())?.add_number(-1.0)?;
        let rank = most.mul(&q)?;
        let none = on(&lt::ROW, [Operand::Tensor(&rank), zero])?;
        return none.choose(zero, Operand::Tensor(&rank))?.to_dtype(x.dtype());
    }
    let rank = q.mul_number((n - 1) as f64)?.expand_to(&shape)?;
    let some = on(&ne::ROW, [Operand::Tensor(&real.logical_not()?.to_dtype(DType::I64)?.sum(&[last], true)?), zero])?;
    some.choose(Operand::Number(Number::Float((n - 1) as f64)), Operand::Tensor(&rank))?.to_dtype(x.dtype())
}

/// The result, whose last dim is that of the quantiles, in its final shape: that dim in front, where `q` has one.
fn shaped(x: &Tensor, y: &Tensor, q: &Tensor, dim: Option<usize>, keepdim: bool) -> Result<Tensor> {
    let mut shape: Shape = match dim {
        Some(_) if x.ndim() > 0 => x.shape().into(),
        _ => Dims::filled(1usize, if keepdim { x.ndim() } else { 0 }),
    };
    if let (Some(d), true) = (dim, x.ndim() > 0) {
        if keepdim {
            shape[d] = 1;
        } else {
            shape.remove(d);
        }
    }
    let last = shape.len();
    let y = if q.ndim() == 0 {
        y.reshape(&shape)?
    } else {
        shape.push(q.numel());
        let order: Vec<usize> = std::iter::once(last).chain(0..last).collect();
        y.reshape(&shape)?.permute(&order)?
    };
    // A tensor of its own, under other strides.
    y.clear_base();
    Ok(y)
}
