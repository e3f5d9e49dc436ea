//! The parts of matrices on either side of a diagonal: tril, triu, and the indices of such parts.

use std::ops::Range;

use super::counted;
use crate::core::{DType, Device, Layout, Meta, Number};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::options::Options;
use crate::tensor::door::enter;
use crate::tensor::{Operand, Tensor, mode};
use crate::{bail, cpu};

const SAMPLES: &[&str] = &[
    "u(3, 4)",
    "u(3, 4), 1",
    "u(3, 4), diagonal=-1",
    "u(2, 3, 3)",
    "u(4, 3).t(), 0",
    "u(3, 4), 9",
    "u(3, 4), -9",
    "u(0, 3)",
    "edges(INF, NAN, 1.0).reshape(-1, 1)",
    "u(3)",
];

ops! {
    /// Matrices with zeros to the right of diagonal `diagonal`.
    ///
    ///     >>> torch.tril(torch.ones(3, 3))
    ///     tensor([[1., 0., 0.],
    ///             [1., 1., 0.],
    ///             [1., 1., 1.]])
    tril + out + inplace as ["tril(Tensor self, int diagonal=0) -> Tensor"] {
        call(x = self: &Tensor, diagonal: i64) { triangle("tril", x, diagonal, true)?.named("TrilBackward0", x) },
        samples: SAMPLES,
    }
    /// Matrices with zeros to the left of diagonal `diagonal`.
    triu + out + inplace as ["triu(Tensor self, int diagonal=0) -> Tensor"] {
        call(x = self: &Tensor, diagonal: i64) { triangle("triu", x, diagonal, false)?.named("TriuBackward0", x) },
        samples: SAMPLES,
    }
    /// Rows and columns of the elements on and to the left of diagonal `offset` of a matrix, row by row: (2, count).
    tril_indices as ["function.tril_indices(int row, int col, int offset=0, *, {options}) -> Tensor"] {
        call(row: i64, col: i64, offset: i64, options: Options) { places(row, col, offset, options, true) },
        samples: PLACES,
    }
    /// Rows and columns of the elements on and to the right of diagonal `offset` of a matrix, row by row: (2, count).
    triu_indices as ["function.triu_indices(int row, int col, int offset=0, *, {options}) -> Tensor"] {
        call(row: i64, col: i64, offset: i64, options: Options) { places(row, col, offset, options, false) },
        samples: PLACES,
    }
}

const PLACES: &[&str] = &[
    "3, 4",
    "3, 4, 1",
    "3, 3, -1",
    "2, 3, 5",
    "0, 3",
    "3, 2, dtype=int32",
    "3, 3, -9",
    "-1, 3",
    "3, 2, dtype=float32",
];

pub(crate) fn triangle(name: &str, x: &Tensor, diagonal: i64, lower: bool) -> Result<Tensor> {
    let n = x.ndim();
    if n < 2 {
        bail!(Runtime, "{name}: input tensor must have at least 2 dimensions");
    }
    let (rows, cols) = (x.shape()[n - 2], x.shape()[n - 1]);
    let down = counted(rows, x.device())?.add_number(diagonal.clamp(-(rows as i64) - 1, cols as i64 + 1))?;
    let (down, right) = (down.unsqueeze_dims(&[1])?, counted(cols, x.device())?);
    let keep = if lower { down.ge(&right)? } else { down.le(&right)? };
    // False is 0 in every dtype.
    keep.choose(Operand::Tensor(x), Operand::Number(Number::Bool(false)))
}

fn places(rows: i64, cols: i64, offset: i64, options: Options, lower: bool) -> Result<Tensor> {
    if rows < 0 || cols < 0 {
        let (what, n) = if rows < 0 { ("row", rows) } else { ("col", cols) };
        bail!(Runtime, "{what} must be non-negative, got{n}");
    }
    let name = if lower { "tril_indices" } else { "triu_indices" };
    let dtype = options.or(DType::I64);
    if !matches!(dtype, DType::I64 | DType::I32) {
        return Err(dtype.lacks(name));
    }
    // Only the rows from `first` to `end` have elements.
    let first = if lower { offset.clamp(-rows, 0).saturating_neg() } else { 0 };
    let end = match cols {
        0 => first,
        _ if lower => rows,
        _ => cols.saturating_sub(offset).clamp(0, rows),
    };
    let columns = |r: i64| {
        let edge = r.saturating_add(offset);
        if lower { 0..edge.saturating_add(1).clamp(0, cols) } else { edge.clamp(0, cols)..cols }
    };
    let count = usize::try_from(elements(first..end, &columns)).unwrap_or(usize::MAX);
    let out = Array::empty(Meta::new(Layout::contiguous([2, count][..].into()), DType::I64, Device::CPU))?;
    mode::unlocked(count, &mut || cpu::create::triangle(&out, first..end, &columns));
    let device: Device = options.device();
    options.finish(enter(name, out).to_dtype(dtype)?.to_device(device)?)
}

/// How many elements rows have, whose lengths grow by one from row to row up to some length, or fall by one from it.
fn elements(rows: Range<i64>, columns: &dyn Fn(i64) -> Range<i64>) -> i128 {
    if rows.is_empty() {
        return 0;
    }
    let length = |r: i64| columns(r).count() as i128;
    let (n, first, last) = ((rows.end - rows.start) as i128, length(rows.start), length(rows.end - 1));
    let changing = (last - first).abs() + 1;
    changing * (first + last) / 2 + (n - changing) * first.max(last)
}
