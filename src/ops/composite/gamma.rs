//! Derivatives and products of the gamma function's logarithm.

use super::counted;
use crate::bail;
use crate::core::DType;
use crate::ops;
use crate::ops::elementwise::special::polygamma_of;
use crate::tensor::{Tensor, mode};

ops! {
    /// The derivative of order `n` of `digamma`.
    polygamma + out as [
        "function.polygamma(int n, Tensor self) -> Tensor",
        "special.polygamma(int n, Tensor self) -> Tensor",
    ] {
        call(n: i64, x = self: &Tensor; a) { polygamma_of(n, x, a) },
        samples: ["1, pos(2, 3)", "0, pos(2, 3)", "2, pos(3, 2).t()", "4, nz(2, 3)", "-1, pos(3)"],
    }
    /// The logarithm of the multivariate gamma function of dimension `p`.
    ///
    /// Raises RuntimeError for `p` below 1.
    mvlgamma + out + inplace as [
        "mvlgamma(Tensor self, int p) -> Tensor",
    ] aliases ["special.multigammaln"] graph "MvlgammaBackward0" {
        call(x = self: &Tensor, p: i64; a) {
            if p < 1 {
                bail!(Runtime, "p has to be greater than or equal to 1");
            }
            if x.dtype() == DType::Bool {
                bail!(Runtime, "The input tensor may not be a boolean tensor.");
            }
            if x.dtype().is_complex() {
                return Err(x.dtype().lacks("arange_cpu"));
            }
            let wide = !x.dtype().is_float() && !a.inplace;
            let x = if wide { x.to_dtype(mode::default_float())? } else { x.clone() }.contiguous()?;
            let steps = counted(p as usize, x.device())?.to_dtype(x.dtype())?.mul_number(-0.5)?;
            let terms = x.unsqueeze_dims(&[x.ndim()])?.add(&steps)?.lgamma()?;
            let p = p as f64;
            terms.sum(&[x.ndim()], false)?.add_number(p * (p - 1.0) * 0.25 * std::f64::consts::PI.ln())
        },
        samples: ["pos(2, 3, lo=1.5, hi=4.0), 2", "pos(3, 2, lo=2.5, hi=4.0).t(), 3", "pos(3), 1", "pos(3), 0"],
    }
}
