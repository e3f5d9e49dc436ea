//! Distances of all pairs of the rows of a matrix: pdist.

use super::vector;
use crate::bail;
use crate::core::DType;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Operand, Tensor};

ops! {
    /// The p-norm distances of all pairs of rows of a matrix (N, M): (N (N - 1) / 2,), pairs (0, 1), (0, 2), ..., (1, 2), ...
    ///
    /// The gradient where two rows are equal is 0. Raises RuntimeError for other ranks, integers and negative p.
    pdist as [
        "nn.pdist(Tensor input, float p=2) -> Tensor", "function.pdist(Tensor input, float p=2) -> Tensor",
    ] graph "PdistBackward0" {
        call(x = input: &Tensor, p: f64) {
            if x.ndim() != 2 {
                bail!(Runtime, "pdist only supports 2D tensors, got: {}D", x.ndim());
            }
            if !x.dtype().is_float() {
                bail!(Runtime, "pdist only supports floating-point dtypes");
            }
            if p < 0.0 || p.is_nan() {
                bail!(Runtime, "pdist only supports non-negative p values");
            }
            let any = x.shape()[0] > 1 && x.shape()[1] > 0;
            if any && !matches!(x.dtype(), DType::F32 | DType::F64) {
                return Err(x.dtype().lacks("pdist"));
            }
            pdist(&x.tied()?, p)
        },
        samples: [
            "u(4, 3)",
            "u(3, 4).t(), 1",
            "u(4, 3), 0",
            "u(4, 3), 1.5",
            "u(4, 3), 3",
            "u(4, 3), INF",
            "u(1, 3)",
            "u(3, 0)",
            "u(2, 2, 2)",
            "u(2, 2), -1",
        ],
    }
}

fn pdist(x: &Tensor, p: f64) -> Result<Tensor> {
    let n = x.shape()[0];
    let mut pairs = [vec![], vec![]];
    for i in 0..n as i64 {
        for j in i + 1..n as i64 {
            pairs[0].push(i);
            pairs[1].push(j);
        }
    }
    let [a, b] = [x.index_select(0, &vector(&pairs[0], x)?)?, x.index_select(0, &vector(&pairs[1], x)?)?];
    let apart = a.sub(&b)?;
    // Of nothing the distance is 0 for every p; a number of differences has a gradient, of zeros.
    let sums = apart.sum(&[1], false)?;
    if apart.numel() == 0 {
        return Ok(sums);
    }
    let distances = apart.vector_norm(p, Some(&[1]), false, None)?;
    if p != 0.0 {
        return Ok(distances);
    }
    distances.eq(&distances)?.choose(Operand::Tensor(&distances), Operand::Tensor(&sums))
}
