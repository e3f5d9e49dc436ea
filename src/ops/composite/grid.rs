//! All pairs, or tuples, of entries: meshgrid, cartesian_prod, combinations; and tensors brought to one shape or put on one
//! diagonal: broadcast_tensors, block_diag; vander.

use super::rearrange::flip;
use super::{called, vector};
use crate::core::Shape;
use crate::core::promote::promoted;
use crate::core::shape::{broadcast, list};
use crate::core::{DType, Device, Number};
use crate::error::Result;
use crate::ops;
use crate::ops::copy::Format;
use crate::ops::create::zeros_like;
use crate::ops::join::cat;
use crate::ops::pad::constant;
use crate::ops::reduce::cumprod;
use crate::tensor::{Arg, Outs, Tensor, mode};
use crate::{bail, err};

ops! {
    /// Vectors as coordinates of a grid: one tensor each, shaped by all their lengths, without a copy.
    ///
    /// `indexing`: "ij" (the first vector varies along dim 0; what None means, with a warning) or "xy" (along dim 1).
    meshgrid as ["function.meshgrid(*Tensor[] tensors, str? indexing=None) -> Tensor[]"] {
        call(tensors: &[&Tensor], indexing: Option<&str>) {
            if indexing.is_none() {
                mode::warn(
                    "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
                )?;
            }
            meshgrid(tensors, indexing.unwrap_or("ij")).map(Outs::Many)
        },
        samples: [
            "u(2), u(3)",
            "u(2), u(3), indexing='xy'",
            "[u(2), u(3), u(4)], indexing='ij'",
            "u(2), u(3), u(4), indexing='xy'",
            "u(2), u(), indexing='ij'",
            "u(3)",
            "[]",
            "u(2, 2), u(3)",
            "u(2), u(3), indexing='ji'",
            "u(2), ix(3, n=4)",
        ],
    }
    /// All tuples of entries of the vectors, as rows; one vector alone stays as it is.
    cartesian_prod as ["function.cartesian_prod(*Tensor[] tensors) -> Tensor"] graph "StackBackward0" {
        call(tensors: &[&Tensor]) {
            if let Some(t) = tensors.iter().find(|t| t.ndim() != 1) {
                bail!(Runtime, "Expect a 1D vector, but got shape {}", list(t.shape()));
            }
            if let [only] = tensors {
                return Ok((*only).clone());
            }
            let columns: Vec<Tensor> =
                meshgrid(tensors, "ij")?.iter().map(|t| t.reshape(&[t.numel(), 1])).collect::<Result<_>>()?;
            cat(&columns.iter().collect::<Vec<_>>(), 1)
        },
        samples: ["u(2), u(3)", "u(2), u(3), u(2)", "u(3)", "u(2), u(0)", "u(2, 2), u(3)"],
    }
    /// All combinations of `r` entries of a vector, in order of place, as rows.
    combinations as [
        "function.combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor",
    ] graph "StackBackward0" {
        call(x = self: &Tensor, r: i64, with_replacement: bool) {
            if x.ndim() != 1 {
                bail!(Runtime, "Expect a 1D vector, but got shape {}", list(x.shape()));
            }
            if r < 0 {
                bail!(Runtime, "Expect a non-negative number, but got {r}");
            }
            if r == 0 {
                return vector(&[], x)?.to_dtype(x.dtype());
            }
            let (n, r) = (x.numel(), r as usize);
            let index = vector(&chosen(n, r, with_replacement)?, x)?;
            x.index_select(0, &index)?.view_to(&[index.numel() / r, r])
        },
        samples: ["u(4)", "u(3), 3", "u(3), 2, True", "u(2), 3", "u(3), 1", "u(3), 0", "u(0)", "u(2, 2)", "u(3), -1"],
    }
    /// The tensors expanded to their common shape.
    broadcast_tensors as ["function.broadcast_tensors(*Tensor[] tensors) -> Tensor[]"] {
        call(tensors: &[&Tensor]) {
            let mut shape = Shape::new();
            for t in tensors {
                shape = broadcast(&shape, t.shape())?;
            }
            let all: Vec<Tensor> = tensors.iter().map(|t| t.expand_to(&shape)).collect::<Result<_>>()?;
            Ok(Outs::Many(all))
        },
        samples: ["u(3, 1), u(2)", "u(), u(2, 3)", "u(2)", "u(3), u(2)"],
    }
    /// A matrix of zeros with the tensors, which have two dims or fewer, one after the other along its diagonal.
    block_diag as ["function.block_diag(*Tensor[] tensors) -> Tensor"] graph "BlockDiagBackward0" {
        call(tensors: &[&Tensor]) {
            let mut blocks = vec![];
            for (i, t) in tensors.iter().enumerate() {
                blocks.push(match t.ndim() {
                    0 => t.reshape(&[1, 1])?,
                    1 => t.unsqueeze_dims(&[0])?,
                    2 => (*t).clone(),
                    n => bail!(
                        Runtime,
                        "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {n} dimensions"
                    ),
                });
            }
            if blocks.is_empty() {
                // As PyTorch has it: one row without columns.
                let dtype = crate::tensor::mode::default_float();
                return Tensor::constant(&[1, 0], dtype, Device::CPU, Number::Int(0).cast(dtype));
            }
            let width: usize = blocks.iter().map(|b| b.shape()[1]).sum();
            let mut before = 0;
            let mut rows = vec![];
            for b in &blocks {
                let n = b.shape()[1];
                rows.push(constant(b, &[before as i64, (width - before - n) as i64], Number::Int(0))?);
                before += n;
            }
            cat(&rows.iter().collect::<Vec<_>>(), 0)
        },
        samples: ["u(2, 3), u(1, 2)", "u(2), u(), u(2, 1)", "u(2, 0), u(1, 2)", "u(2, 2, 2)"],
    }
    /// Powers of a vector as columns: from `N - 1` down to 0, or up if `increasing`.
    vander as ["function.vander(Tensor x, int? N=None, bool increasing=False) -> Tensor"] {
        call(x: &Tensor, n = N: Option<i64>, increasing: bool) {
            if x.ndim() != 1 {
                bail!(Runtime, "x must be a one-dimensional tensor.");
            }
            promoted(x.dtype(), DType::I64)?;
            powers(x, n, "N must be non-negative.", increasing)
        },
        samples: ["u(3)", "u(3), 2", "u(3), N=4, increasing=True", "u(3), 0", "u(0)", "u(2, 2)", "u(3), -1"],
    }
    /// Powers of the last dim from 0 to `N - 1`, along a new last dim.
    linalg_vander as ["linalg.vander(Tensor x, *, int? N=None) -> Tensor"] {
        call(x: &Tensor, n = N: Option<i64>) {
            if x.dtype() == DType::Bool || x.dtype().is_half() {
                bail!(
                    Runtime,
                    "linalg.vander supports floating point, complex, and integer tensors, but got {}",
                    x.dtype().scalar_name()
                );
            }
            if n.unwrap_or(x.shape().last().map_or(1, |&n| n as i64)) < 2 {
                bail!(Runtime, "N must be greater than 1.");
            }
            let x = if x.ndim() == 0 { x.reshape(&[1])? } else { x.clone() };
            powers(&x, n, "", true)
        },
        samples: ["u(3)", "u(2, 3), N=2", "u(3), N=4", "u(3), N=1", "u()", "u(), N=3"],
    }
}

/// Vectors as coordinates of a grid.
fn meshgrid(tensors: &[&Tensor], indexing: &str) -> Result<Vec<Tensor>> {
    let Some(first) = tensors.first() else { bail!(Runtime, "meshgrid expects a non-empty TensorList") };
    if let Some(t) = tensors.iter().find(|t| t.ndim() > 1) {
        bail!(Runtime, "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {}", list(t.shape()));
    }
    if tensors.iter().any(|t| t.device() != first.device()) {
        bail!(Runtime, "meshgrid expects all tensors to have the same device");
    }
    if tensors.iter().any(|t| t.dtype() != first.dtype()) {
        bail!(Runtime, "meshgrid expects all tensors to have the same dtype");
    }
    if !matches!(indexing, "ij" | "xy") {
        bail!(Runtime, "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}");
    }
    let n = tensors.len();
    // The dim along which vector i varies before the first two are swapped.
    let dim = |i: usize| if indexing == "xy" && n > 1 && i < 2 { 1 - i } else { i };
    let mut shape = Shape::filled(1, n);
    tensors.iter().enumerate().for_each(|(i, t)| shape[dim(i)] = t.numel());
    let spread = |(i, t): (usize, &&Tensor)| {
        let mut own = Shape::filled(1, n);
        own[dim(i)] = t.numel();
        t.reshape(&own)?.expand_to(&shape)
    };
    tensors.iter().enumerate().map(spread).collect()
}

/// The places of all combinations of `r` of `n` entries, row by row.
fn chosen(n: usize, r: usize, again: bool) -> Result<Vec<i64>> {
    let mut out = vec![];
    if n == 0 || (!again && r > n) {
        return Ok(out);
    }
    // A binomial: r of n, or of n + r - 1 where entries may come again; as many as leave the others out.
    let of = n as u128 + if again { r as u128 - 1 } else { 0 };
    let few = (r as u128).min(of - r as u128);
    let count = (0..few).try_fold(1u128, |c, i| c.checked_mul(of - i).map(|c| c / (i + 1)));
    let places = count.and_then(|c| c.checked_mul(r as u128)).filter(|&c| c <= i64::MAX as u128);
    let Some(places) = places else { bail!(Runtime, "numel: integer multiplication overflow") };
    let bytes = 8 * places;
    let mut row: Vec<usize> = vec![];
    out.try_reserve_exact(places as usize)
        .and_then(|()| row.try_reserve_exact(r))
        .map_err(|_| err!(OutOfMemory, "not enough memory: you tried to allocate {bytes} bytes"))?;
    row.extend((0..r).map(|i| if again { 0 } else { i }));
    loop {
        out.extend(row.iter().map(|&i| i as i64));
        // The last place that can still move on.
        let last = |i: usize| if again { n - 1 } else { n - r + i };
        let Some(i) = (0..r).rev().find(|&i| row[i] < last(i)) else { return Ok(out) };
        row[i] += 1;
        for j in i + 1..r {
            row[j] = if again { row[i] } else { row[j - 1] + 1 };
        }
    }
}

fn powers(x: &Tensor, n: Option<i64>, negative: &str, increasing: bool) -> Result<Tensor> {
    let last = x.ndim();
    let n = n.unwrap_or(x.shape().last().map_or(1, |&n| n as i64));
    if n < 0 {
        bail!(Runtime, "{negative}");
    }
    let dtype = if x.dtype() == DType::Bool || x.dtype().is_integral() { DType::I64 } else { x.dtype() };
    let x = x.to_dtype(dtype)?.unsqueeze_dims(&[last])?;
    if n == 0 {
        return x.narrow(last, 0, 0)?.detach().cloned(Format::Contiguous);
    }
    let ones = zeros_like(&x)?.add_number(1i64)?;
    if n == 1 {
        return Ok(ones);
    }
    let mut wide = Shape::from_slice(x.shape());
    wide[last] = n as usize - 1;
    let dim = Arg::Number(Number::Int(last as i64));
    let up = cat(&[&ones, &called(&cumprod::DEF, &[Arg::Tensor(&x.expand_to(&wide)?), dim])?], last)?;
    if increasing { Ok(up) } else { called(&flip::DEF, &[Arg::Tensor(&up), Arg::Ints(&[last as i64])]) }
}
