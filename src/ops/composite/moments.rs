//! Statistics made of sums: std_mean, var_mean, logsumexp, nansum, nanmean, aminmax, cov, corrcoef.

use crate::bail;
use crate::core::promote::promoted;
use crate::core::{DType, Device, Number};
use crate::error::Result;
use crate::ops;
use crate::ops::copy::Format;
use crate::ops::create::zeros_like;
use crate::ops::reduce::{self, Over};
use crate::tensor::{Operand, Outs, Tensor};

const SPREADS: &[&str] = &[
    "u(2, 3)",
    "u(2, 3), 1",
    "u(2, 3), 0, False",
    "u(2, 3), False",
    "u(2, 3, 4), (0, 2), keepdim=True",
    "u(3, 2).t(), 0, correction=0",
    "u(2, 3), dim=1, correction=0.5",
    "ix(3, n=5)",
];

ops! {
    /// `std` and `mean` over `dim` (all dims if it is None or empty).
    std_mean as [
        "function.std_mean(Tensor self, bool unbiased=True) -> Tensor[]",
        "function.std_mean(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor[]",
        "function.std_mean(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor[]",
    ] graph "StdMeanBackward0" {
        call(x = self: &Tensor, dim: Option<&[i64]>, unbiased: Option<bool>, correction: Option<f64>, keepdim: bool) {
            both("std_mean", x, dim, correction.unwrap_or(reduce::divisor(unbiased)), keepdim, true)
        },
        samples: SPREADS,
    }
    /// `var` and `mean` over `dim` (all dims if it is None or empty).
    var_mean as [
        "function.var_mean(Tensor self, bool unbiased=True) -> Tensor[]",
        "function.var_mean(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor[]",
        "function.var_mean(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor[]",
    ] graph "VarMeanBackward0" {
        call(x = self: &Tensor, dim: Option<&[i64]>, unbiased: Option<bool>, correction: Option<f64>, keepdim: bool) {
            both("var_mean", x, dim, correction.unwrap_or(reduce::divisor(unbiased)), keepdim, false)
        },
        samples: SPREADS,
    }
    /// The logarithm of the sum of exponentials over `dim`, without overflow.
    ///
    ///     >>> torch.logsumexp(torch.tensor([0., 0.]), 0)
    ///     tensor(0.6931)
    logsumexp + out as [
        "logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor",
    ] aliases ["special.logsumexp"] graph "LogsumexpBackward0" {
        call(x = self: &Tensor, dim: &[i64], keepdim: bool) { logsumexp(x, dim, keepdim) },
        samples: [
            "u(2, 3), 1",
            "u(2, 3, 4), (0, 2), keepdim=True",
            "u(3, 2).t(), 0",
            "edges(INF, 0.0, -INF), 0",
            "edges(-INF, -INF), 0",
            "edges(NAN, 1.0), 0",
            "edges(1000.0, 1000.0), 0",
            "u(), 0",
            "u(0, 3), 0",
            "u(2, 3), 2",
        ],
    }
    /// `sum` where NaN counts as 0.
    nansum + out + exact as [
        "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] graph "NansumBackward0" {
        call(x = self: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>; a) {
            if x.dtype().is_complex() {
                bail!(Runtime, "nansum on CPU does not support complex inputs");
            }
            let over = Over::new(x, dim, keepdim)?;
            reduce::sum(&without_nan(x)?, over, dtype.or(a.out_dtype()), 1)
        },
        samples: ["edges(1.0, NAN, 2.0)", "edges(NAN, NAN).detach(), 0", "u(2, 3), 1", "u(2, 3, 4), (0, 2), keepdim=True", "u(2, 3), dtype=float64",
            "ix(3, n=5)", "u(0, 3), 0"],
    }
    /// `mean` where NaN does not count.
    nanmean + out as [
        "nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>; a) {
            if x.dtype().is_complex() {
                bail!(Runtime, "nansum on CPU does not support complex inputs");
            }
            if !x.dtype().is_differentiable() {
                bail!(Runtime, "nanmean(): expected input to have floating point or complex dtype but got {}", x.dtype().scalar_name());
            }
            let over = Over::new(x, dim, keepdim)?;
            let count = x.detach().eq(&x.detach())?.sum(&over.dims, keepdim)?;
            reduce::sum(&without_nan(x)?, over, dtype.or(a.out_dtype()), 1)?.div(&count)
        },
        samples: ["edges(1.0, NAN, 2.0)", "edges(NAN, NAN).detach(), 0", "u(2, 3), 1", "u(2, 3, 4), (0, 2), keepdim=True", "ix(3, n=5)", "u(0, 3), 0"],
    }
    /// The smallest and the largest element, of all or along `dim`.
    aminmax + out + exact as [
        "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
    ] graph "AminmaxBackward0" {
        call(x = self: &Tensor, dim: Option<i64>, keepdim: bool) {
            if x.numel() == 0 && dim.is_none() {
                bail!(Runtime, "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
            }
            let one = dim.map(|d| [d]);
            let over = Over::new(x, one.as_ref().map(|d| &d[..]), keepdim)?;
            if over.dims.iter().any(|&d| over.from[d] == 0) {
                bail!(Index, "aminmax(): Expected reduction dim {} to have non-zero size.", over.dims[0]);
            }
            if x.ndim() == 0 {
                return Ok(Outs::Many(vec![x.cloned(Format::Preserve)?, x.cloned(Format::Preserve)?]));
            }
            let least = x.amin(&over.dims, keepdim)?;
            Ok(Outs::Many(vec![least, x.amax(&over.dims, keepdim)?]))
        },
        samples: ["u(2, 3)", "u(2, 3), dim=1", "u(2, 3), dim=0, keepdim=True", "edges(1.0, NAN, 2.0)", "u()", "u(), dim=0", "u(0)",
            "u(0, 3), dim=0", "u(0, 3), dim=1"],
    }
    /// The covariances of the rows of a matrix, whose columns are observations: how often each occurred (`fweights`) and how
    /// much it weighs (`aweights`) may be given.
    cov as [
        "cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor",
    ] graph "SqueezeBackward0" {
        call(x = self: &Tensor, correction: i64, fweights: Option<&Tensor>, aweights: Option<&Tensor>) {
            cov(x, correction, fweights, aweights)
        },
        samples: [
            "u(2, 5)",
            "u(5)",
            "u(2, 5), correction=0",
            "u(2, 4), fweights=at(1, 2, 1, 3)",
            "u(2, 4), aweights=pos(4)",
            "u(2, 4), fweights=at(1, 2, 1, 3), aweights=pos(4), correction=0",
            "u(3, 2).t()",
            "u()",
            "u(2, 2, 2)",
            "u(2, 4), fweights=u(4)",
            "u(2, 4), fweights=at(1, 2)",
        ],
    }
    /// The correlation coefficients of the rows of a matrix, whose columns are observations.
    corrcoef as ["corrcoef(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            if x.ndim() > 2 {
                bail!(
                    Runtime,
                    "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions",
                    x.ndim()
                );
            }
            let c = cov(x, 1, None, None)?;
            if c.ndim() == 0 {
                return c.div(&c);
            }
            let d = c.diagonal(0, 0, 1)?;
            let d = d.real()?.sqrt()?;
            let c = c.div(&d.unsqueeze_dims(&[1])?)?.div(&d.unsqueeze_dims(&[0])?)?;
            let within = |c: &Tensor| -> Result<Tensor> {
                let one = crate::ops::scatter::number(Number::Int(1), c, &[])?;
                c.minimum(&one)?.maximum(&one.neg()?)
            };
            if c.dtype().is_complex() {
                return crate::ops::complex::joined(&within(&c.real()?)?, &within(&c.imag()?)?);
            }
            within(&c)
        },
        samples: ["u(2, 5)", "u(5)", "u(3, 4).t()", "u(2, 2, 2)"],
    }
}

fn both(name: &str, x: &Tensor, dim: Option<&[i64]>, correction: f64, keepdim: bool, root: bool) -> Result<Outs> {
    if !x.dtype().is_differentiable() {
        bail!(Runtime, "{name} only support floating point and complex dtypes");
    }
    let spread = reduce::var(x, dim, correction, keepdim, root)?;
    let over = Over::new(x, dim, keepdim)?;
    Ok(Outs::Many(vec![spread, x.mean(&over.dims, keepdim)?]))
}

/// Zeros in place of NaN.
fn without_nan(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_float() {
        return Ok(x.clone());
    }
    x.eq(x)?.choose(Operand::Tensor(x), Operand::Number(Number::Bool(false)))
}

fn logsumexp(x: &Tensor, dims: &[i64], keepdim: bool) -> Result<Tensor> {
    let number = x.dtype().is_float() || x.dtype().is_complex();
    let x = if number { x.clone() } else { x.to_dtype(crate::tensor::mode::default_float())? };
    let over = if dims.is_empty() {
        Over::of(&x, &(0..x.ndim()).collect::<Vec<_>>(), keepdim)
    } else {
        Over::new(&x, Some(dims), keepdim)?
    };
    if x.numel() == 0 {
        return x.exp()?.sum(&over.dims, keepdim)?.log();
    }
    // Infinities are left in the exponentials, where no difference of two is taken.
    let top = x.detach().real()?.amax(&over.dims, true)?;
    let finite = top.sub(&top)?.eq(&zeros_like(&top)?)?;
    let top = finite.choose(Operand::Tensor(&top), Operand::Number(Number::Bool(false)))?;
    let y = x.sub(&top)?.exp()?.sum(&over.dims, true)?.log()?.add(&top)?;
    if keepdim { Ok(y) } else { y.reshape(&over.shape()) }
}

fn cov(x: &Tensor, correction: i64, fweights: Option<&Tensor>, aweights: Option<&Tensor>) -> Result<Tensor> {
    if x.ndim() > 2 {
        bail!(
            Runtime,
            "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions",
            x.ndim()
        );
    }
    if x.dtype() == DType::Bool {
        bail!(Runtime, "cov(): bool dtype is not supported for input");
    }
    let vector = x.ndim() < 2;
    let rows = if vector { x.reshape(&[1, x.numel()])? } else { x.clone() };
    let n = rows.shape()[1];
    let checked = |w: &Tensor, name: &str| -> Result<()> {
        if w.ndim() > 1 {
            bail!(
                Runtime,
                "cov(): expected {name} to have one or fewer dimensions but got {name} with {} dimensions",
                w.ndim()
            );
        }
        if w.numel() != n {
            bail!(
                Runtime,
                "cov(): expected {name} to have the same numel as there are observations in the input but got {} != {n}",
                w.numel()
            );
        }
        Ok(())
    };
    let mut weights = None;
    if let Some(w) = fweights {
        checked(w, "fweights")?;
        if w.dtype().is_float() || w.dtype() == DType::Bool {
            bail!(
                Runtime,
                "cov(): expected fweights to have integral dtype but got fweights with {} dtype",
                w.dtype().scalar_name()
            );
        }
        if negative(w)? {
            bail!(Runtime, "cov(): fweights cannot be negative");
        }
        promoted(x.dtype(), DType::I64)?;
        weights = Some(w.reshape(&[n])?);
    }
    if let Some(w) = aweights {
        checked(w, "aweights")?;
        if !w.dtype().is_float() {
            bail!(
                Runtime,
                "cov(): expected aweights to have floating point dtype but got aweights with {} dtype",
                w.dtype().scalar_name()
            );
        }
        if negative(w)? {
            bail!(Runtime, "cov(): aweights cannot be negative");
        }
        let w = w.reshape(&[n])?;
        weights = Some(match weights {
            Some(f) => f.mul(&w)?,
            None => w,
        });
    }
    let rows =
        if rows.dtype().is_differentiable() { rows } else { rows.to_dtype(crate::tensor::mode::default_float())? };
    let (mean, norm) = match &weights {
        None => (rows.mean(&[1], true)?, None),
        Some(w) => {
            let total = w.sum_all()?;
            let mean = rows.mul(w)?.sum(&[1], true)?.div(&total)?;
            let norm = match aweights {
                _ if correction == 0 => total,
                Some(a) => total.sub(&w.mul(&a.reshape(&[n])?)?.sum_all()?.div(&total)?.mul_number(correction)?)?,
                None => total.sub(&total.mul_number(0i64)?.add_number(correction)?)?,
            };
            (mean, Some(norm))
        }
    };
    let apart = rows.sub(&mean)?;
    let heavy = match &weights {
        Some(w) => apart.mul(w)?,
        None => apart.clone(),
    };
    let c = apart.mm(&heavy.to_dtype(apart.dtype())?.mt()?.conj()?)?;
    let c = match norm {
        None => {
            let by = n as f64 - correction as f64;
            if by <= 0.0 {
                crate::tensor::mode::warn(
                    "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
                )?;
            }
            c.div_number(by.max(0.0))?
        }
        Some(norm) => c.div(&norm.to_dtype(c.dtype())?)?,
    };
    if vector || rows.shape()[0] == 1 { c.reshape(&[]) } else { Ok(c) }
}

fn negative(w: &Tensor) -> Result<bool> {
    if w.device().is_meta() {
        return Ok(false);
    }
    let w = w.detach().to_device(Device::CPU)?;
    let below = w.lt(&zeros_like(&w)?)?;
    Ok((0..w.numel()).any(|i| !below.array().element(&[i][..below.ndim()]).is_zero()))
}
