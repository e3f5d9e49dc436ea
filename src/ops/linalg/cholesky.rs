//! Cholesky factors of positive-definite matrices, and what is solved with them.

use super::solve::{together, triangular, work};
use super::*;
use crate::cpu;
use crate::cpu::linalg::triangular::Triangle;
use crate::device::Array;
use crate::ops;
use crate::ops::copy::Format;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, apply, apply_many, mode};

ops! {
    /// Lower triangular L with `L L^H = A` (upper triangular U with `U^H U = A` if `upper`), for symmetric
    /// positive-definite A, of which that triangle is read.
    ///
    /// Raises `linalg.LinAlgError` where A is not positive-definite.
    linalg_cholesky + out + exact as ["linalg.cholesky(Tensor A, *, bool upper=False) -> Tensor"] {
        call(x = A: &Tensor, upper: bool) { factor(x, "linalg.cholesky", upper) },
        samples: SAMPLES,
    }
    /// As `linalg.cholesky`, with an int32 for each matrix: 0, or the order of the first leading minor that is not
    /// positive-definite.
    cholesky_ex + out + exact as [
        "linalg.cholesky_ex(Tensor A, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
    ] {
        call(x = A: &Tensor, upper: bool, check_errors: bool) {
            let outs = factor_ex(x, upper)?;
            if check_errors {
                check(&outs[1], "linalg.cholesky_ex")?;
            }
            Ok(Outs::Many(outs))
        },
        samples: ["torch.eye(2, dtype=u().dtype) * 4", "torch.eye(2, dtype=u().dtype).expand(2, 2, 2) * 4", "u(2, 3)"],
    }
    /// The older name of `linalg.cholesky`.
    cholesky_ + out as ["cholesky(Tensor self, bool upper=False) -> Tensor"] {
        call(x = self: &Tensor, upper: bool) {
            mode::warn(
                "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a future \
                 PyTorch release.\nL = torch.cholesky(A)\nshould be replaced with\nL = \
                 torch.linalg.cholesky(A)\nand\nU = torch.cholesky(A, upper=True)\nshould be replaced with\nU = \
                 torch.linalg.cholesky(A).mH\nThis transform will produce equivalent results for all valid \
                 (symmetric positive definite) inputs.",
            )?;
            check_square(x, "cholesky", "A")?;
            check_lane(x.dtype(), "cholesky_cpu")?;
            if x.numel() == 0 {
                return x.tied()?.cloned(Format::Contiguous);
            }
            factor(x, "cholesky", upper)
        },
        samples: SAMPLES,
    }
    /// The solution of `A X = B` from the factor L of A (U if `upper`): (.., n, k).
    cholesky_solve + out as ["cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor"] {
        call(b = self: &Tensor, l = input2: &Tensor, upper: bool) {
            if b.ndim() < 2 {
                bail!(Runtime, "b should have at least 2 dimensions, but has {} dimensions instead", b.ndim());
            }
            if l.ndim() < 2 {
                bail!(Runtime, "u should have at least 2 dimensions, but has {} dimensions instead", l.ndim());
            }
            if l.dtype() != b.dtype() {
                bail!(
                    Runtime,
                    "Expected b and A to have the same dtype, but found b of type {} and A of type {} instead.",
                    b.dtype().scalar_name(),
                    l.dtype().scalar_name()
                );
            }
            check_square(l, "cholesky_solve", "A")?;
            check_lane(l.dtype(), "cholesky_solve_cpu")?;
            if sizes(l).0 != sizes(b).0 {
                bail!(
                    Runtime,
                    "Incompatible matrix sizes for cholesky_solve: each A matrix is {} by {} but each b matrix is \
                     {} by {}",
                    sizes(l).0,
                    sizes(l).1,
                    sizes(b).0,
                    sizes(b).1
                );
            }
            let (l, b) = together(l, b, "cholesky_solve")?;
            apply(CholeskySolve { upper }, &[&b, &l])
        },
        samples: [
            "u(3, 2), nz(3, 3)", "u(3, 2), nz(3, 3), True", "u(2, 3, 1), nz(3, 3)", "u(3, 2), nz(2, 2)",
            "u(3), nz(3, 3)", "u(0, 2).double(), u(0, 0).double()",
        ],
    }
    /// The inverse of A from its factor L (U if `upper`).
    cholesky_inverse + out as [
        "cholesky_inverse(Tensor self, bool upper=False) -> Tensor",
    ] graph "CholeskyInverseBackward0" {
        call(l = self: &Tensor, upper: bool) {
            check_square(l, "cholesky_inverse", "A")?;
            check_lane(l.dtype(), "cholesky_inverse_out_cpu")?;
            let (l, b) = together(l, &eye(sizes(l).0, l)?, "cholesky_inverse")?;
            apply(CholeskySolve { upper }, &[&b, &l])
        },
        samples: ["nz(3, 3)", "nz(3, 3), True", "nz(2, 3, 3)", "u(0, 0).double()", "u(2, 3)"],
    }
}

const SAMPLES: &[&str] = &[
    "torch.eye(2, dtype=u().dtype) * 4",
    "u(3, 3) * 0.25 + torch.eye(3) * 4",
    "u(3, 3) * 0.25 + torch.eye(3) * 4, upper=True",
    "u(2, 3, 3) * 0.25 + torch.eye(3) * 4",
    "(u(3, 3) * 0.25 + torch.eye(3) * 4).mT",
    "u(0, 0).double()",
    "u(0, 3, 3).double()",
    "u(2, 2) * 0.25 - torch.eye(2)",
    "u(2, 3)",
    "u(3)",
];

fn factor(x: &Tensor, op: &str, upper: bool) -> Result<Tensor> {
    let mut outs = factor_ex(x, upper)?;
    check(&outs[1], op)?;
    Ok(outs.swap_remove(0))
}

fn factor_ex(x: &Tensor, upper: bool) -> Result<Vec<Tensor>> {
    check_square(x, "linalg.cholesky", "A")?;
    check_kernel(x, "linalg.cholesky", "cholesky_cpu")?;
    apply_many(Cholesky { upper }, &[x])
}

fn check(info: &Tensor, op: &str) -> Result<()> {
    match first_info(info)? {
        None => Ok(()),
        Some((i, at)) => Err(err!(
            LinAlg,
            "{}The factorization could not be completed because the input is not positive-definite (the leading \
             minor of order {at} is not positive-definite).",
            blamed(op, info.ndim() > 0, i)
        )),
    }
}

struct Cholesky {
    upper: bool,
}

impl Op for Cholesky {
    fn name(&self) -> &'static str {
        "linalg_cholesky_ex"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[0].shape()), x[0].shape()[x[0].ndim() - 1]);
        Ok(vec![by_columns(x[0], rest, n, n), ints(x[0], rest.into())])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::cholesky::factor(x[0], &out[0], &out[1], self.upper)
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::OUTPUT
    }
    fn ties(&self) -> Mask {
        Mask(1)
    }
    /// `L^-H P L^-1`, made Hermitian, where P is the lower triangle of `L^H g` with half of its diagonal.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        let l = c.output()?;
        let (l, g) = if self.upper { (mh(&l)?, mh(g)?) } else { (l, g.clone()) };
        let p = mh(&l)?.matmul(&g)?;
        let p = tril(&p, 0)?.add(&mh(&tril(&p, -1)?)?)?.mul_number(0.5)?;
        let upper = Triangle { upper: true, unit: false };
        let lower = Triangle { upper: false, unit: false };
        let left = triangular(&mh(&l)?, &p, upper, true)?;
        Grads::one(triangular(&l, &left, lower, false)?)
    }
}

/// The solution from a factor. Two triangular systems, but with a derivative of its own: as in PyTorch the gradient
/// of the factor is not cut to a triangle.
struct CholeskySolve {
    upper: bool,
}

impl Op for CholeskySolve {
    fn name(&self) -> &'static str {
        "cholesky_solve"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[0].ndim();
        Ok(by_columns(x[0], batch(x[0].shape()), x[0].shape()[n - 2], x[0].shape()[n - 1]))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::triangular::solve_both(x[1], x[0], &out[0], self.upper);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0]).saturating_add(work(x[1]))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(1).and(Saves::OUTPUT)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (g, l, x) = (g.one()?, c.input(1)?, c.output()?);
        let gb = apply(CholeskySolve { upper: self.upper }, &[g, &l])?;
        let gl = || {
            let common = gb.matmul(&mh(&x)?)?;
            let common = common.add(&mh(&common)?)?.neg()?;
            if self.upper { l.matmul(&common) } else { common.matmul(&l) }
        };
        Grads::two(c, || Ok(gb.clone()), gl)
    }
}
