//! Tensors raised to more dims and put together: atleast_1d and kin, column_stack, dstack.

use crate::bail;
use crate::error::Result;
use crate::ops;
use crate::ops::join::cat;
use crate::tensor::{Outs, Tensor};

ops! {
    /// 0-d tensors as 1-d ones of one element; a list of tensors gives a tuple.
    atleast_1d as [
        "function.atleast_1d(Tensor self) -> Tensor",
        "function.atleast_1d(*Tensor[] tensors) -> Tensor[]",
    ] {
        call(x = self: Option<&Tensor>, tensors: Option<&[&Tensor]>) { each(x, tensors, |t| raised(t, 1)) },
        samples: ["u()", "u(2)", "u(2, 3), u()", "(u(2, 3), u())"],
    }
    /// Tensors with at least two dims, new ones in front; a list of tensors gives a tuple.
    atleast_2d as [
        "function.atleast_2d(Tensor self) -> Tensor",
        "function.atleast_2d(*Tensor[] tensors) -> Tensor[]",
    ] {
        call(x = self: Option<&Tensor>, tensors: Option<&[&Tensor]>) { each(x, tensors, |t| raised(t, 2)) },
        samples: ["u()", "u(2)", "u(2, 3, 4)", "u(2, 3), u(), u(2)", "(u(2, 3), u(2))"],
    }
    /// Tensors with at least three dims: a vector of n becomes (1, n, 1), a matrix (m, n, 1); a list of tensors gives a
    /// tuple.
    atleast_3d as [
        "function.atleast_3d(Tensor self) -> Tensor",
        "function.atleast_3d(*Tensor[] tensors) -> Tensor[]",
    ] {
        call(x = self: Option<&Tensor>, tensors: Option<&[&Tensor]>) { each(x, tensors, |t| raised(t, 3)) },
        samples: ["u()", "u(2)", "u(2, 3)", "u(2, 3, 4)", "u(2, 3), u(), u(2)"],
    }
    /// `hstack` where vectors count as columns.
    column_stack + out + apart as ["function.column_stack(Tensor[] tensors) -> Tensor"] {
        call(tensors: &[&Tensor]) {
            if tensors.is_empty() {
                bail!(Runtime, "column_stack expects a non-empty TensorList");
            }
            let columns = tensors.iter().map(|t| match t.ndim() {
                0 | 1 => t.reshape(&[t.numel(), 1]),
                _ => Ok((*t).clone()),
            });
            let columns: Vec<Tensor> = columns.collect::<Result<_>>()?;
            cat(&columns.iter().collect::<Vec<_>>(), 1)
        },
        samples: ["[u(3), u(3)]", "[u(3, 2), u(3)]", "[u(), u()]", "[u(3), u(2)]", "[]"],
    }
    /// `cat` along dim 2 of tensors with at least three dims.
    dstack + out + apart as ["function.dstack(Tensor[] tensors) -> Tensor"] {
        call(tensors: &[&Tensor]) {
            if tensors.is_empty() {
                bail!(Runtime, "dstack expects a non-empty TensorList");
            }
            let deep: Vec<Tensor> = tensors.iter().map(|t| raised(t, 3)).collect::<Result<_>>()?;
            cat(&deep.iter().collect::<Vec<_>>(), 2)
        },
        samples: ["[u(3), u(3)]", "[u(3, 2), u(3, 2)]", "[u(), u()]", "[u(2, 1, 2), u(2, 1, 3)]", "[u(3), u(2)]", "[]"],
    }
}

fn each(x: Option<&Tensor>, list: Option<&[&Tensor]>, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Outs> {
    match (x, list) {
        (Some(x), _) => f(x).map(Outs::Tensor),
        (None, list) => Ok(Outs::Many(list.unwrap_or(&[]).iter().map(|t| f(t)).collect::<Result<_>>()?)),
    }
}

fn raised(x: &Tensor, least: usize) -> Result<Tensor> {
    match (x.ndim(), least) {
        (0, _) => x.reshape(&[1, 1, 1][..least]),
        (1, 2) => x.unsqueeze_dims(&[0]),
        (1, 3) => x.unsqueeze_dims(&[0, 2]),
        (2, 3) => x.unsqueeze_dims(&[2]),
        _ => Ok(x.clone()),
    }
}
