//! Cholesky factors.

use faer::dyn_stack::MemStack;
use faer::linalg::cholesky::llt::factor::{LltError, cholesky_in_place, cholesky_in_place_scratch};
use faer::reborrow::ReborrowMut;
use faer::{Par, Spec};

use super::{Field, conjugate, count, cube, each, matrix, matrix_mut, put, scratch, size};
use crate::device::Array;
use crate::error::Result;
use crate::field;

/// `out` = L with `L L^H = A`, from the lower triangle of `A`, or U with `U^H U = A`, from the upper one. `info`
/// int32: 0, or the order of the first leading minor that is not positive-definite.
pub fn factor(x: &Array, out: &Array, info: &Array, upper: bool) -> Result<()> {
    let n = size(x).0;
    field!(x.dtype, T => {
        let need = cholesky_in_place_scratch::<T>(n, Par::Seq, Spec::default());
        drop(scratch(need)?);
        each(count(x), cube(n, n), &|range| {
            let Ok(mut memory) = scratch(need) else { return };
            for i in range {
                // SAFETY: each matrix is one thread's.
                let a = unsafe { matrix_mut::<T>(out, i) };
                let x = matrix::<T>(x, i);
                let (mut a, x) = if upper { (a.transpose_mut(), x.transpose()) } else { (a, x) };
                // U is the adjoint of the L that its conjugate triangle has.
                let turned = |v: T| if upper { v.conj() } else { v };
                for c in 0..n {
                    for r in 0..n {
                        a[(r, c)] = if r < c { T::ZERO } else { turned(x[(r, c)]) };
                    }
                }
                let stack = MemStack::new(&mut memory);
                let done = cholesky_in_place(a.rb_mut(), Default::default(), Par::Seq, stack, Spec::default());
                for c in 1..n {
                    (0..c).for_each(|r| a[(r, c)] = T::ZERO);
                }
                if upper {
                    conjugate(a.rb_mut());
                }
                let order = match done {
                    Ok(_) => 0,
                    Err(LltError::NonPositivePivot { index }) => index as i32 + 1,
                };
                // SAFETY: as above.
                unsafe { put(info, i, order) };
            }
        });
    });
    Ok(())
}
