//! LDL factors of symmetric matrices that need not be positive-definite.

use super::solve::{together, work};
use super::*;
use crate::cpu;
use crate::device::Array;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Op, Outs, apply, apply_many};

ops! {
    /// L and D of symmetric matrices (complex Hermitian ones if `hermitian`) in one, of which the lower triangle is
    /// read, and int32 `pivots`, by Bunch and Kaufman's pivoting in LAPACK's form. Not differentiable.
    ldl_factor + out + exact as ["linalg.ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)"] {
        call(x = self: &Tensor, hermitian: bool) {
            let mut outs = factor(x, hermitian, "torch.linalg.ldl_factor", true)?;
            outs.truncate(2);
            Ok(Outs::Many(outs))
        },
        samples: [
            "u(3, 3)", "u(2, 5, 5)", "u(0, 0).double()", "u(2, 2) * torch.tensor([[0.0, 1.0], [1.0, 0.0]])",
            "u(2, 3)",
        ],
    }
    /// As `linalg.ldl_factor`, with an int32 for each matrix: 0, or where from 1 the first zero in D stands.
    ldl_factor_ex + out + exact as [
        "linalg.ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, Tensor info)",
    ] {
        call(x = self: &Tensor, hermitian: bool, check_errors: bool) {
            factor(x, hermitian, "torch.linalg.ldl_factor_ex", check_errors).map(Outs::Many)
        },
        samples: ["u(3, 3)", "u(4, 4)", "u(0, 0).double()"],
    }
    /// The solution of `A X = B` from what `linalg.ldl_factor` gives.
    ldl_solve + out as ["linalg.ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor"] {
        call(ld = LD: &Tensor, pivots: &Tensor, b = B: &Tensor, hermitian: bool) { solve(ld, pivots, b, hermitian) },
        samples: [
            "nz(3, 3), torch.tensor([1, 2, 3], dtype=torch.int32), u(3, 2)",
            "nz(3, 3), torch.tensor([-2, -2, 3], dtype=torch.int32), u(3, 2)",
            "nz(3, 3), torch.tensor([3, 3, 3], dtype=torch.int32), u(2, 3, 1)",
        ],
    }
}

fn factor(x: &Tensor, hermitian: bool, op: &str, check: bool) -> Result<Vec<Tensor>> {
    check_square(x, "torch.linalg.ldl_factor_ex", "A")?;
    check_kernel(x, "torch.linalg.ldl_factor_ex", "ldl_factor_kernel_cpu")?;
    let outs = apply_many(Factor { hermitian }, &[x])?;
    if check && let Some((i, at)) = first_info(&outs[2])? {
        bail!(Runtime, "{}D[{at},{at}] is zero", blamed(op, outs[2].ndim() > 0, i));
    }
    Ok(outs)
}

fn solve(ld: &Tensor, pivots: &Tensor, b: &Tensor, hermitian: bool) -> Result<Tensor> {
    const OP: &str = "torch.linalg.ldl_solve";
    check_square(ld, OP, "LD")?;
    check_kernel(ld, OP, "ldl_solve_kernel_cpu")?;
    if b.ndim() < 2 {
        bail!(Runtime, "{OP}: Expected B to have at least 2 dimensions, but it has {} dimensions instead", b.ndim());
    }
    let expected = &ld.shape()[..ld.ndim() - 1];
    if expected != pivots.shape() {
        bail!(
            Runtime,
            "{OP}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {} instead",
            crate::core::shape::list(pivots.shape())
        );
    }
    if pivots.dtype() != DType::I32 {
        bail!(Runtime, "{OP}: Expected pivots to be integers. Got {}", pivots.dtype().scalar_name());
    }
    if ld.dtype() != b.dtype() {
        bail!(
            Runtime,
            "{OP}: LD dtype {} does not match b dtype {}",
            ld.dtype().scalar_name(),
            b.dtype().scalar_name()
        );
    }
    if sizes(ld).0 != sizes(b).0 {
        bail!(
            Runtime,
            "{OP}: Incompatible shapes of A and B for the equation AX = B ({}x{} and {}x{})",
            sizes(ld).0,
            sizes(ld).1,
            sizes(b).0,
            sizes(b).1
        );
    }
    let n = sizes(ld).0;
    for (words, wrong) in [(">= 1", i64::MIN..1), ("<= LD.size(-2)", n as i64 + 1..i64::MAX)] {
        if !all_pivots(pivots, |p| !wrong.contains(&p.abs()))? {
            bail!(
                Runtime,
                "Pivots given to ldl_solve must all satisfy |pivot| {words}. Did you properly pass the result of ldl_factor?"
            );
        }
    }
    let (ld, b) = together(ld, b, OP)?;
    let pivots = pivots.expand_to(&shaped(batch(ld.shape()), &[n]))?;
    apply(Solve { hermitian }, &[&ld, &pivots, &b])
}

struct Factor {
    hermitian: bool,
}

impl Op for Factor {
    fn name(&self) -> &'static str {
        "linalg_ldl_factor_ex"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        3
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[0].shape()), x[0].shape()[x[0].ndim() - 1]);
        Ok(vec![by_columns(x[0], rest, n, n), ints(x[0], shaped(rest, &[n])), ints(x[0], rest.into())])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::ldl::factor(x[0], &out[0], &out[1], &out[2], self.hermitian);
        Ok(())
    }
    fn vjp(&self, _: &Context, _: &Cotangents) -> Result<Grads> {
        bail!(Runtime, "derivative for aten::{} is not implemented", self.name())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
}

struct Solve {
    hermitian: bool,
}

impl Op for Solve {
    fn name(&self) -> &'static str {
        "linalg_ldl_solve"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[2].ndim();
        Ok(by_columns(x[2], batch(x[2].shape()), x[2].shape()[n - 2], x[2].shape()[n - 1]))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::ldl::solve(x[0], x[1], x[2], &out[0], self.hermitian);
        Ok(())
    }
    fn vjp(&self, _: &Context, _: &Cotangents) -> Result<Grads> {
        bail!(Runtime, "derivative for aten::{} is not implemented", self.name())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
}
