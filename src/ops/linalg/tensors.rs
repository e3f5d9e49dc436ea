//! Inverses of tensors and equations of them, as matrices over several dims.

use super::solve::{check_solve, inverse, solve_ex_of};
use super::*;
use crate::core::shape::normalize_dims;
use crate::ops;

ops! {
    /// The inverse of `A` as a map from its dims after the first `ind` to those: (A.shape[ind:], A.shape[:ind]).
    tensorinv + out as ["linalg.tensorinv(Tensor A, int ind=2) -> Tensor"] {
        call(x = A: &Tensor, ind: i64) {
            check_float(x, "linalg.tensorinv")?;
            if ind <= 0 {
                bail!(Runtime, "Expected a strictly positive integer for 'ind'");
            }
            let (first, last) = x.shape().split_at((ind as usize).min(x.ndim()));
            let (m, n) = (first.iter().product::<usize>(), last.iter().product::<usize>());
            if m != n {
                bail!(
                    Runtime,
                    "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but \
                     got {n} != {m}"
                );
            }
            let shape = shaped(last, first);
            inverse(&x.reshape(&[m, n])?, "linalg.inv")?.reshape(&shape)
        },
        samples: ["u(2, 3, 6)", "u(6, 2, 3), ind=1", "u(2, 2, 4), 0", "u(2, 3, 5)"],
    }
    /// The X with `tensordot(A, X, X.ndim) = B`; `dims` of A are moved to its end first.
    tensorsolve + out as ["linalg.tensorsolve(Tensor A, Tensor B, int[]? dims=None) -> Tensor"] {
        call(a = A: &Tensor, b = B: &Tensor, dims: Option<&[i64]>) {
            let a = match dims {
                Some(dims) => {
                    let last = normalize_dims(dims, a.ndim())?;
                    let others = (0..a.ndim()).filter(|d| !last.contains(d));
                    let order: Shape = others.chain(last.iter().copied()).collect();
                    a.permute(&order)?
                }
                None => a.clone(),
            };
            let (first, shape) = a.shape().split_at(b.ndim().min(a.ndim()));
            let (m, n) = (first.iter().product::<usize>(), shape.iter().product::<usize>());
            if m != n {
                bail!(
                    Runtime,
                    "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == \
                     prod(self.shape[:other.ndim]), but got {n} != {m}"
                );
            }
            let outs = solve_ex_of(&a.reshape(&[b.numel(), n])?, &b.reshape(&[b.numel()])?, true)?;
            check_solve("torch.linalg.solve", &outs[1])?;
            outs[0].reshape(shape)
        },
        samples: ["u(2, 3, 6), u(2, 3)", "u(2, 6, 3), u(2, 3), dims=(1,)", "u(2, 3, 5), u(2, 3)"],
    }
}
