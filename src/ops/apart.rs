//! Parts of a tensor that are no views of it: copies of slices, parts that PyTorch does not track (unsafe_chunk and kin), and sums
//! over what broadcasting would repeat.

use crate::bail;
use crate::core::DType;
use crate::core::shape::{broadcast, list};
use crate::error::Result;
use crate::ops;
use crate::ops::copy::Format;
use crate::ops::create::sizes;
use crate::ops::view::cut::sliced;
use crate::ops::view::window;
use crate::tensor::{Args, OpDef, Outs, Tensor};

ops! {
    /// Entries `start` to `end` of dim `dim`, `step` apart, in new memory: a copy of `x[start:end:step]`.
    slice_copy + out + exact as [
        "function.slice_copy(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) {
            let (dim, start, len) = sliced(x, dim, start, end, step)?;
            x.slice(dim, start, len, step as usize)?.cloned(Format::Contiguous)
        },
        samples: ["u(5, 2)", "u(5, 2), 0, 1, 4, 2", "u(2, 5), 1, -3", "u(3), 0, 2, 1", "u(3), 0, 0, 1, 0", "u()"],
    }
    /// A copy in C order.
    alias_copy + out + exact as ["function.alias_copy(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { x.cloned(Format::Contiguous) },
        samples: ["u(2, 3)", "u(3, 2).t()"],
    }
    /// `chunk` whose parts may be written to one by one: PyTorch does not track them as views.
    unsafe_chunk as ["unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]"] graph "UnsafeSplitBackward0" {
        call(x = self: &Tensor, chunks: i64, dim: i64; a) {
            let _ = (x, chunks, dim);
            untracked(&window::chunk::DEF, a)
        },
        samples: ["u(5, 2), 2", "u(2, 6), 4, 1", "u(5), 0"],
    }
    /// `split` whose parts may be written to one by one: PyTorch does not track them as views.
    unsafe_split as ["unsafe_split(Tensor self, int split_size, int dim=0) -> Tensor[]"] graph "UnsafeSplitBackward0" {
        call(x = self: &Tensor, split_size: i64, dim: i64; a) {
            let _ = (x, split_size, dim);
            untracked(&window::split::DEF, a)
        },
        samples: ["u(5, 2), 2", "u(2, 5), 3, 1", "u(5), 0"],
    }
    /// `split_with_sizes` whose parts may be written to one by one: PyTorch does not track them as views.
    unsafe_split_with_sizes as ["unsafe_split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]"] {
        call(x = self: &Tensor, split_sizes: &[i64], dim: i64; a) {
            let _ = (x, split_sizes, dim);
            untracked(&window::split_with_sizes::DEF, a)
        },
        samples: ["u(5, 2), [1, 4]", "u(5), [1, 2]"],
    }
    /// `self` summed over what broadcasting from `size` would repeat.
    ///
    /// Raises RuntimeError where `size` does not broadcast to the shape of `self`.
    sum_to_size as ["method.sum_to_size(Tensor self, int[] size) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64]) {
            let misfit = || crate::err!(Runtime, "size {{{}}} is not expandable to size {{{}}}.", list(size), list(x.shape()));
            let to = sizes(size).map_err(|_| misfit())?;
            if broadcast(&to, x.shape()).ok().as_deref() != Some(x.shape()) {
                bail!(Runtime, "{}", misfit().message);
            }
            // No sizes at all are a sum, also of a number.
            let summed = to.is_empty() || *to != *x.shape();
            let wide = if x.dtype().is_integral() && summed { x.to_dtype(DType::I64)? } else { x.clone() };
            wide.sum_to(&to)
        },
        samples: ["u(2, 3), (1, 3)", "u(2, 3), 3", "u(2, 3), (2, 3)", "u(2, 3), (1,)", "u(3), (2,)", "ix(3, n=5), (1,)"],
    }
}

/// The parts that an op of views gives, without the tie to what they are parts of.
fn untracked(of: &OpDef, a: &Args) -> Result<Outs> {
    let outs = (of.call)(a)?;
    if let Outs::Many(parts) = &outs {
        parts.iter().for_each(Tensor::clear_base);
    }
    Ok(outs)
}
