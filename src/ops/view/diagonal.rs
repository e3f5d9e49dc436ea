//! Diagonals: shown without a copy (diagonal), put into zeros (diag_embed), or both as the dims tell (diag), and their sum.

use crate::core::shape::{list, normalize_dim};
use crate::core::{DType, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::call::show_as;
use crate::ops::copy::Format;
use crate::tensor::{Context, Cotangents, Grads, Op, Tensor, apply, data};
use crate::{bail, err};

ops! {
    /// The elements of dims `dim1` and `dim2` whose second index is the first plus `offset`, without a copy: a new last dim
    /// in place of both.
    ///
    /// An offset beyond the matrix gives no elements. Raises RuntimeError where both dims are one.
    diagonal as ["diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor"] {
        call(x = self: &Tensor, offset: i64, dim1: i64, dim2: i64) { x.diagonal(offset, dim1, dim2) },
        samples: [
            "u(3, 4)",
            "u(3, 4), 1",
            "u(3, 4), -2",
            "u(2, 3, 4), 0, 1, 2",
            "u(2, 3, 4), 1, -1, 0",
            "u(3, 4).t(), 1",
            "u(3, 4), 5",
            "u(3, 4), -9",
            "u(0, 3)",
            "u(3, 4), 0, 0, 0",
            "u(3), 0",
            "u(3, 4), 0, 0, 2",
        ],
    }
    /// `diagonal` of the last two dims.
    linalg_diagonal as ["linalg.diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor"] {
        call(x = A: &Tensor, offset: i64, dim1: i64, dim2: i64) { x.diagonal(offset, dim1, dim2) },
        samples: ["u(3, 4)", "u(2, 3, 4), offset=1", "u(2, 3, 4), dim1=0, dim2=1"],
    }
    /// Zeros with the last dim of `self` on the diagonal of dims `dim1` and `dim2` of the result, `offset` to the right.
    diag_embed as [
        "diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
    ] graph "DiagEmbedBackward0" {
        call(x = self: &Tensor, offset: i64, dim1: i64, dim2: i64) { x.diag_embed(offset, dim1, dim2) },
        samples: [
            "u(3)",
            "u(2, 3)",
            "u(2, 3), 1",
            "u(2, 3), -2, 0, 2",
            "u(3, 2).t(), 0, 1, 0",
            "u(0)",
            "u(2, 3), 0, 1, 1",
            "u()",
        ],
    }
    /// The diagonal of a matrix (a copy), or a matrix of zeros with a vector on its diagonal.
    ///
    ///     >>> torch.diag(torch.tensor([1, 2]))
    ///     tensor([[1, 0],
    ///             [0, 2]])
    diag + out + exact as ["diag(Tensor self, int diagonal=0) -> Tensor"] {
        call(x = self: &Tensor, diagonal: i64) {
            let (y, name) = match x.ndim() {
                1 => (x.diag_embed(diagonal, 0, 1)?, "DiagEmbedBackward0"),
                2 => (x.diagonal(diagonal, 0, 1)?.cloned(Format::Contiguous)?, "DiagonalBackward0_copy"),
                n => bail!(Runtime, "diag(): Supports 1D or 2D tensors. Got {n}D"),
            };
            show_as(name, &[x], &y)?;
            Ok(y)
        },
        samples: ["u(3)", "u(3), -1", "u(3, 4)", "u(3, 4), 2", "u(4, 3).t(), -1", "u(0)", "u(2, 3, 4)", "u()"],
    }
    /// A matrix of zeros with all elements of `self` on its diagonal.
    diagflat as ["diagflat(Tensor self, int offset=0) -> Tensor"] graph "DiagEmbedBackward0" {
        call(x = self: &Tensor, offset: i64) { x.contiguous()?.view_to(&[x.numel()])?.diag_embed(offset, 0, 1) },
        samples: ["u(3)", "u(2, 2), 1", "u(), -1", "u(3, 2).t()"],
    }
    /// A copy of `self` with `src` on the diagonal of dims `dim1` and `dim2`.
    diagonal_scatter as [
        "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    ] graph "DiagonalScatterBackward0" {
        call(x = self: &Tensor, src: &Tensor, offset: i64, dim1: i64, dim2: i64) {
            x.replaced(src, |y| y.diagonal(offset, dim1, dim2))
        },
        samples: [
            "u(3, 4), u(3)",
            "u(3, 4), u(2), 2",
            "u(2, 3, 4), u(2, 3), 0, 1, 2",
            "u(4, 3).t(), u(3), -0",
            "u(3, 4), u(2)",
        ],
    }
    /// The sum of the diagonal of a matrix; integers give int64.
    trace as ["trace(Tensor self) -> Tensor"] graph "TraceBackward0" {
        call(x = self: &Tensor) {
            if x.dtype() == DType::Bool {
                return Err(x.dtype().lacks("trace"));
            }
            if x.ndim() != 2 {
                bail!(Runtime, "trace: expected a matrix, but got tensor with dim {}", x.ndim());
            }
            x.diagonal(0, 0, 1)?.sum_all()
        },
        samples: ["u(3, 3)", "u(2, 3)", "u(4, 3).t()", "u(0, 3)", "u(3)"],
    }
}

impl Tensor {
    /// `torch.diagonal`.
    pub fn diagonal(&self, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
        let (a, b) = (normalize_dim(dim1, self.ndim())?, normalize_dim(dim2, self.ndim())?);
        if a == b {
            bail!(Runtime, "diagonal dimensions cannot be identical {dim1}, {dim2}");
        }
        apply(Diagonal { places: Places { offset, a, b }, from: self.shape().into() }, &[self])
    }

    /// `torch.diag_embed`.
    pub fn diag_embed(&self, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
        let ndim = self.ndim() + 1;
        let (a, b) = (normalize_dim(dim1, ndim)?, normalize_dim(dim2, ndim)?);
        if a == b {
            bail!(Runtime, "diagonal dimensions cannot be identical {dim1}, {dim2}");
        }
        let Some((&last, rest)) = self.shape().split_last() else {
            return Err(err!(Index, "Dimension out of range (expected to be in range of [-1, 0], but got 1)")
                .hint("diag_embed: a 0-d tensor has no dim to put on a diagonal; use x.reshape(1)"));
        };
        let n = last + offset.unsigned_abs() as usize;
        let mut rest = rest.iter();
        let into: Shape =
            (0..ndim).map(|d| if d == a || d == b { n } else { rest.next().copied().unwrap_or(1) }).collect();
        apply(Place { places: Places { offset, a, b }, into }, &[self])
    }

    /// A copy with `src` in place of the part that `part` shows.
    pub fn replaced(&self, src: &Tensor, part: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        self.cloned(Format::Preserve)?.overlaid(src, part)
    }

    /// This tensor, a fresh one, with `src` written over the part that `part` shows.
    pub fn overlaid(self, src: &Tensor, part: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let part = part(&self)?;
        if part.shape() != src.shape() {
            bail!(
                Runtime,
                "expected src to have a size equal to the slice of self. src size = {}, slice size = {}",
                list(src.shape()),
                list(part.shape())
            );
        }
        part.copy_from(src)?;
        Ok(self)
    }
}

/// Which elements of two dims.
#[derive(Clone, Copy)]
struct Places {
    offset: i64,
    a: usize,
    b: usize,
}

impl Places {
    fn of(self, x: &Layout) -> Layout {
        let Places { offset, a, b } = self;
        let (rows, cols) = (x.shape[a] as i64, x.shape[b] as i64);
        // How many rows or columns come before the diagonal.
        let (down, right) = (offset.saturating_neg().max(0), offset.max(0));
        let n = (rows.saturating_sub(down)).min(cols.saturating_sub(right)).max(0) as usize;
        let mut out = x.clone();
        if n > 0 {
            out.offset = (x.offset as isize + down as isize * x.strides[a] + right as isize * x.strides[b]) as usize;
        }
        for d in [a.max(b), a.min(b)] {
            out.shape.remove(d);
            out.strides.remove(d);
        }
        out.shape.push(n);
        out.strides.push(x.strides[a] + x.strides[b]);
        out
    }
}

struct Diagonal {
    places: Places,
    from: Shape,
}

impl Op for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(self.places.of(x)))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(Place { places: self.places, into: self.from.clone() }, &[g.one()?])?)
    }
}

/// Zeros of shape `into` with the input on a diagonal.
struct Place {
    places: Places,
    into: Shape,
}

impl Op for Place {
    fn name(&self) -> &'static str {
        "diagonal_backward"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.into.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::fill(&out[0], Number::Int(0))?;
        data::copy(x[0], &out[0].with_layout(self.places.of(&out[0].layout)))
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(Diagonal { places: self.places, from: self.into.clone() }, &[g.one()?])?)
    }
}
