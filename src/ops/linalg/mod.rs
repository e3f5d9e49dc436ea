//! Linear algebra: factorizations and what is solved with them. Each file has its ops (LU in `lu`, `qr`, ..), their
//! kernels are in `cpu/linalg/`. On the GPU none of them is implemented.
//!
//! Results that are matrices lie column by column, as LAPACK leaves them and PyTorch returns them. Derivatives are
//! tensor ops, so that second derivatives follow; their sources: Giles, "An extended collection of matrix derivative
//! results" (2008), and for QR and LU of matrices that are not square, Walter and Lehmann (2010) and Roberts and
//! Roberts (2020).

pub mod cholesky;
pub mod det;
pub mod eigen;
pub mod ldl;
pub mod lstsq;
pub mod lu;
pub mod matrix_exp;
pub mod pinv;
pub mod qr;
pub mod solve;
pub mod svd;
pub mod tensors;

use crate::core::{DType, Layout, Meta, Shape};
use crate::cpu::linalg::svd::Failure;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::{bail, err};

/// Refuses what is no batch of matrices.
pub(crate) fn check_matrices(x: &Tensor, op: &str, arg: &str) -> Result<()> {
    if x.ndim() < 2 {
        bail!(Runtime, "{op}: The input tensor {arg} must have at least 2 dimensions.");
    }
    Ok(())
}

/// Refuses what is no batch of square matrices.
pub(crate) fn check_square(x: &Tensor, op: &str, arg: &str) -> Result<()> {
    check_matrices(x, op, arg)?;
    let (m, n) = sizes(x);
    if m != n {
        bail!(Runtime, "{op}: {arg} must be batches of square matrices, but they are {m} by {n} matrices");
    }
    Ok(())
}

/// Refuses integers and halves.
pub(crate) fn check_float(x: &Tensor, op: &str) -> Result<()> {
    check_numbers(x, op)?;
    if x.dtype().to_real().is_half() {
        return Err(err!(Runtime, "{op}: Low precision dtypes not supported. Got {}", x.dtype().scalar_name())
            .hint("convert the tensor first: x.float()"));
    }
    Ok(())
}

/// Refuses integers, and halves by the name of PyTorch's kernel.
pub(crate) fn check_kernel(x: &Tensor, op: &str, kernel: &str) -> Result<()> {
    check_numbers(x, op)?;
    check_lane(x.dtype(), kernel)
}

/// Refuses integers.
pub(crate) fn check_numbers(x: &Tensor, op: &str) -> Result<()> {
    if !x.dtype().is_float() && !x.dtype().is_complex() {
        return Err(err!(
            Runtime,
            "{op}: Expected a floating point or complex tensor as input. Got {}",
            x.dtype().scalar_name()
        )
        .hint("convert the tensor first: x.float()"));
    }
    Ok(())
}

/// Refuses two dtypes in one equation.
pub(crate) fn check_same_dtype(a: &Tensor, b: &Tensor, op: &str) -> Result<()> {
    if a.dtype() != b.dtype() {
        bail!(
            Runtime,
            "{op}: Expected A and B to have the same dtype, but found A of type {} and B of type {} instead",
            a.dtype().scalar_name(),
            b.dtype().scalar_name()
        );
    }
    Ok(())
}

/// Rows and columns.
pub(crate) fn sizes(x: &Tensor) -> (usize, usize) {
    (x.shape()[x.ndim() - 2], x.shape()[x.ndim() - 1])
}

/// The dims before the last two.
pub(crate) fn batch(x: &[usize]) -> &[usize] {
    &x[..x.len() - 2]
}

/// `batch` with further dims.
pub(crate) fn shaped(batch: &[usize], more: &[usize]) -> Shape {
    batch.iter().chain(more).copied().collect()
}

/// A fresh result of matrices stored column by column.
pub(crate) fn by_columns(like: &Meta, batch: &[usize], rows: usize, cols: usize) -> Meta {
    let n = batch.len();
    let layout = Layout::contiguous(shaped(batch, &[cols, rows])).transposed(n, n + 1);
    Meta::new(layout, like.dtype, like.device)
}

/// A fresh result with an int32 per matrix, or of other ints.
pub(crate) fn ints(like: &Meta, shape: Shape) -> Meta {
    like.contiguous(shape).with_dtype(DType::I32)
}

/// A fresh result of real numbers, such as singular values.
pub(crate) fn reals(like: &Meta, shape: Shape) -> Meta {
    like.contiguous(shape).with_dtype(like.dtype.to_real())
}

/// The distance from 1 to the next number, of the parts of a dtype.
pub(crate) fn precision(dtype: DType) -> f64 {
    if dtype.to_real() == DType::F64 { f64::EPSILON } else { f32::EPSILON as f64 }
}

/// The conjugate transpose.
pub(crate) fn mh(x: &Tensor) -> Result<Tensor> {
    x.conj()?.mt()
}

/// The Hermitian part: half of `x + x^H`.
pub(crate) fn hermitian(x: &Tensor) -> Result<Tensor> {
    x.add(&mh(x)?)?.mul_number(0.5)
}

/// The imaginary parts of the diagonal.
pub(crate) fn phases(x: &Tensor) -> Result<Tensor> {
    x.diagonal(0, -2, -1)?.imag()
}

/// Refuses a loss that asks for the phases of complex vectors, which a decomposition leaves open: `a` and `b` (0 if
/// None) may differ by little.
pub(crate) fn check_phases(a: &Tensor, b: Option<&Tensor>, message: &str) -> Result<()> {
    let apart = match b {
        Some(b) => a.sub(b)?.abs()?.sub(&b.abs()?.mul_number(0.01)?)?,
        None => a.abs()?,
    };
    let apart = apart.detach();
    let limit = Tensor::constant(&[], apart.dtype(), apart.device(), 0.01)?;
    if crate::ops::composite::refuted(&apart.le(&limit)?)? {
        bail!(Runtime, "{message}");
    }
    Ok(())
}

/// Identity matrices that broadcast to those of `x`, of `n` rows.
pub(crate) fn eye(n: usize, like: &Tensor) -> Result<Tensor> {
    Tensor::constant(&[n], like.dtype(), like.device(), 1)?.diag_embed(0, -2, -1)
}

pub(crate) fn tril(x: &Tensor, k: i64) -> Result<Tensor> {
    super::composite::triangle::triangle("tril", x, k, true)
}

pub(crate) fn triu(x: &Tensor, k: i64) -> Result<Tensor> {
    super::composite::triangle::triangle("triu", x, k, false)
}

/// The first `n` columns, or from the `n`th on.
pub(crate) fn first_columns(x: &Tensor, n: usize) -> Result<Tensor> {
    x.narrow(x.ndim() - 1, 0, n)
}
pub(crate) fn later_columns(x: &Tensor, n: usize) -> Result<Tensor> {
    x.narrow(x.ndim() - 1, n, sizes(x).1 - n)
}
pub(crate) fn first_rows(x: &Tensor, n: usize) -> Result<Tensor> {
    x.narrow(x.ndim() - 2, 0, n)
}
pub(crate) fn later_rows(x: &Tensor, n: usize) -> Result<Tensor> {
    x.narrow(x.ndim() - 2, n, sizes(x).0 - n)
}

/// `x - x^H`.
pub(crate) fn skew(x: &Tensor) -> Result<Tensor> {
    x.sub(&mh(x)?)
}

/// Columns of `x` times the entries of `s`.
pub(crate) fn scale_columns(x: &Tensor, s: &Tensor) -> Result<Tensor> {
    x.mul(&s.unsqueeze_dims(&[s.ndim() - 1])?)
}

/// Rows of `x` times the entries of `s`.
pub(crate) fn scale_rows(x: &Tensor, s: &Tensor) -> Result<Tensor> {
    s.unsqueeze_dims(&[s.ndim()])?.mul(x)
}

/// The sum of two gradients, of which either may be missing.
pub(crate) fn plus(a: Option<Tensor>, b: Tensor) -> Result<Tensor> {
    match a {
        Some(a) => a.add(&b),
        None => Ok(b),
    }
}

/// The first matrix whose int32 in `info` is not 0, and that int.
pub(crate) fn first_info(info: &Tensor) -> Result<Option<(usize, i32)>> {
    if info.device().is_meta() {
        return Ok(None);
    }
    let infos = info.reshape(&[info.numel()])?.contiguous()?.on_cpu()?.to_vec::<i32>();
    Ok(infos.into_iter().enumerate().find(|(_, v)| *v != 0))
}

/// Whether all pivots, counted from 1, are within a range; on `meta` none are wrong.
pub(crate) fn all_pivots(pivots: &Tensor, fits: impl Fn(i64) -> bool) -> Result<bool> {
    if pivots.device().is_meta() {
        return Ok(true);
    }
    let pivots = pivots.reshape(&[pivots.numel()])?.contiguous()?.on_cpu()?.to_vec::<i32>();
    Ok(pivots.into_iter().all(|p| fits(p as i64)))
}

/// `op: (Batch element 3): ` or `op: `.
pub(crate) fn blamed(op: &str, batched: bool, i: usize) -> String {
    if batched { format!("{op}: (Batch element {i}): ") } else { format!("{op}: ") }
}

/// The error of a decomposition that did not succeed.
pub(crate) fn failed(op: &str, failure: Option<Failure>, batched: bool, order: usize) -> Result<()> {
    match failure {
        None => Ok(()),
        Some(Failure::NotFinite(i)) => Err(err!(
            LinAlg,
            "{}The algorithm failed to converge because the input matrix contained non-finite values.",
            blamed(op, batched, i)
        )),
        Some(Failure::NoConvergence(i)) => Err(err!(
            LinAlg,
            "{}The algorithm failed to converge because the input matrix is ill-conditioned or has too many \
             repeated singular values (error code: {order}).",
            blamed(op, batched, i)
        )),
    }
}

/// float32 and float64, real or complex, only, by the name of PyTorch's kernel.
pub(crate) fn check_lane(dtype: DType, kernel: &str) -> Result<()> {
    if matches!(dtype.to_real(), DType::F32 | DType::F64) { Ok(()) } else { Err(dtype.lacks(kernel)) }
}
