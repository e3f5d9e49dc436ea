//! LU with partial pivoting: linalg.lu, lu_factor, lu_solve, lu_unpack, and torch.lu.

use super::solve::{together, triangular, work};
use super::*;
use crate::cpu;
use crate::cpu::linalg::triangular::Triangle;
use crate::device::Array;
use crate::ops;
use crate::ops::copy::Format;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, apply, apply_many, mode};

ops! {
    /// P, L and U with `A = P L U` for matrices of any size; P is empty if not `pivot`, which the CPU lacks.
    linalg_lu + out + exact as ["linalg.lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)"] graph "LinalgLuBackward0" {
        call(x = A: &Tensor, pivot: bool) {
            check_matrices(x, "linalg.lu", "A")?;
            check_lane(x.dtype(), "lu_cpu")?;
            let outs = factor(x, "linalg.lu", pivot)?;
            unpacked(&outs[0], &outs[1], true, true).map(Outs::Many)
        },
        samples: [
            "u(3, 3)", "u(2, 3, 3)", "u(4, 2)", "u(2, 4)", "u(3, 3).t()", "u(0, 0).double()", "u(0, 3).double()",
            "u(2, 0, 3).double()", "u(1, 2).expand(2, 2)", "u(20, 20)", "u(3)",
        ],
    }
    /// L and U of matrices in one (L's ones are not stored), and int32 `pivots` from 1: row i was exchanged with row
    /// `pivots[i]`.
    ///
    /// Raises RuntimeError where U has a zero on its diagonal, as `lu_solve` would divide by it.
    lu_factor + out + exact as ["linalg.lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)"] {
        call(x = A: &Tensor, pivot: bool) {
            check_matrices(x, "linalg.lu_factor", "A")?;
            check_lane(x.dtype(), "lu_cpu")?;
            let mut outs = factor(x, "linalg.lu_factor", pivot)?;
            check(&outs[2], "torch.linalg.lu_factor")?;
            outs.truncate(2);
            Ok(Outs::Many(outs))
        },
        samples: [
            "u(3, 3)", "u(2, 3, 3)", "u(4, 2)", "u(2, 4)", "u(0, 0).double()", "u(2, 0, 3).double()",
            "u(1, 2).expand(2, 2)", "u(3)",
        ],
    }
    /// As `linalg.lu_factor`, with an int32 for each matrix: 0, or where from 1 the first zero on U's diagonal stands.
    lu_factor_ex + out + exact as [
        "linalg.lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)",
    ] {
        call(x = A: &Tensor, pivot: bool, check_errors: bool) {
            check_matrices(x, "linalg.lu_factor_ex", "A")?;
            check_lane(x.dtype(), "lu_cpu")?;
            let outs = factor(x, "linalg.lu_factor", pivot)?;
            if check_errors {
                check(&outs[2], "torch.linalg.lu_factor_ex")?;
            }
            Ok(Outs::Many(outs))
        },
        samples: ["u(3, 3)", "u(2, 3, 3)", "u(1, 2).expand(2, 2)"],
    }
    /// `linalg.lu_factor`, or `linalg.lu_factor_ex` if `get_infos`.
    lu_ + out as ["lu(Tensor self, bool pivot=True, bool get_infos=False) -> Tensor[]"] {
        call(x = self: &Tensor, pivot: bool, get_infos: bool) {
            mode::warn(
                "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and will be \
                 removed in a future PyTorch release.\nLU, pivots = torch.lu(A, compute_pivots)\nshould be replaced \
                 with\nLU, pivots = torch.linalg.lu_factor(A, compute_pivots)\nand\nLU, pivots, info = torch.lu(A, \
                 compute_pivots, get_infos=True)\nshould be replaced with\nLU, pivots, info = \
                 torch.linalg.lu_factor_ex(A, compute_pivots)",
            )?;
            check_matrices(x, "linalg.lu_factor", "A")?;
            check_lane(x.dtype(), "lu_cpu")?;
            let mut outs = factor(x, "linalg.lu_factor", pivot)?;
            if !get_infos {
                outs.truncate(2);
            }
            Ok(Outs::Many(outs))
        },
        samples: ["u(3, 3)", "u(2, 3, 3), get_infos=True"],
    }
    /// P, L and U of what `linalg.lu_factor` gives. What is not asked for is empty.
    lu_unpack + out as [
        "function.lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)",
    ] graph "LuUnpackBackward0" {
        call(lu = LU_data: &Tensor, pivots = LU_pivots: &Tensor, unpack_data: bool, unpack_pivots: bool) {
            if lu.ndim() < 2 {
                bail!(
                    Runtime,
                    "torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {} instead",
                    crate::core::shape::list(lu.shape())
                );
            }
            if unpack_pivots {
                if pivots.dtype() != DType::I32 {
                    bail!(
                        Runtime,
                        "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 \
                         dtype.\nNote: this function is intended to be used with the output produced by \
                         torch.linalg.lu_factor"
                    );
                }
                let (m, n) = sizes(lu);
                if pivots.ndim() + 1 != lu.ndim() || *pivots.shape() != *shaped(batch(lu.shape()), &[m.min(n)]) {
                    bail!(
                        Runtime,
                        "torch.lu_unpack: LU_pivots must have shape {}",
                        crate::core::shape::list(&shaped(batch(lu.shape()), &[m.min(n)]))
                    );
                }
                if !all_pivots(pivots, |p| (1..=m as i64).contains(&p))? {
                    bail!(
                        Runtime,
                        "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the \
                         result of lu_factor?"
                    );
                }
            }
            unpacked(lu, pivots, unpack_data, unpack_pivots).map(Outs::Many)
        },
        samples: [
            "u(3, 3), torch.tensor([3, 3, 3], dtype=torch.int32)", "u(4, 2), torch.tensor([3, 2], dtype=torch.int32)",
            "u(2, 4), torch.tensor([1, 2], dtype=torch.int32)",
            "u(3, 3), torch.tensor([3, 3, 3], dtype=torch.int32), False",
            "u(3, 3), torch.tensor([3, 3, 3], dtype=torch.int32), True, False", "u(3, 3), at(3, 3, 3)",
        ],
    }
    /// The solution of `A X = B` from what `linalg.lu_factor` gives (of `X A = B` if not `left`, of `A^H X = B` if
    /// `adjoint`).
    linalg_lu_solve + out + exact as [
        "linalg.lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
    ] graph "LinalgLuSolveBackward0" {
        call(lu = LU: &Tensor, pivots: &Tensor, b = B: &Tensor, left: bool, adjoint: bool) {
            solve(lu, pivots, b, left, adjoint)
        },
        samples: [
            "nz(3, 3), torch.tensor([3, 3, 3], dtype=torch.int32), u(3, 2)",
            "nz(3, 3), torch.tensor([2, 2, 3], dtype=torch.int32), u(2, 3), left=False",
            "nz(3, 3), torch.tensor([2, 2, 3], dtype=torch.int32), u(3, 2), adjoint=True",
            "nz(3, 3), torch.tensor([2, 3, 3], dtype=torch.int32), u(2, 3), left=False, adjoint=True",
            "nz(2, 3, 3), torch.tensor([[2, 3, 3], [1, 2, 3]], dtype=torch.int32), u(3, 2)",
            "nz(3, 3), torch.tensor([2, 3, 3], dtype=torch.int32), u(2, 2)",
        ],
    }
    /// The older name of `linalg.lu_solve`, B first.
    lu_solve_ + out + exact as ["lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor"] graph "LinalgLuSolveBackward0" {
        call(b = self: &Tensor, lu = LU_data: &Tensor, pivots = LU_pivots: &Tensor) {
            mode::warn(
                "torch.lu_solve is deprecated in favor of torch.linalg.lu_solveand will be removed in a future \
                 PyTorch release.\nNote that torch.linalg.lu_solve has its arguments reversed.\nX = \
                 torch.lu_solve(B, LU, pivots)\nshould be replaced with\nX = torch.linalg.lu_solve(LU, pivots, B)",
            )?;
            solve(lu, pivots, b, true, false)
        },
        samples: ["u(3, 2), nz(3, 3), torch.tensor([3, 3, 3], dtype=torch.int32)"],
    }
}

/// LU, pivots and the places of zero pivots.
pub(crate) fn factor(x: &Tensor, op: &str, pivot: bool) -> Result<Vec<Tensor>> {
    if !pivot {
        bail!(
            Runtime,
            "{}: LU without pivoting is not implemented on the CPU",
            if op == "linalg.lu" { "linalg.lu_factor" } else { op }
        );
    }
    apply_many(Factor, &[x])
}

fn check(info: &Tensor, op: &str) -> Result<()> {
    match first_info(info)? {
        None => Ok(()),
        Some((i, at)) => bail!(
            Runtime,
            "{}U[{at},{at}] is zero and using it on lu_solve would result in a division by zero. If you still want \
             to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
            blamed(op, info.ndim() > 0, i)
        ),
    }
}

/// P, L and U of factors in one.
fn unpacked(lu: &Tensor, pivots: &Tensor, data: bool, order: bool) -> Result<Vec<Tensor>> {
    let (m, n) = sizes(lu);
    let k = m.min(n);
    let empty = || lu.zeros_of(&[0]);
    let p = if order { permutation(lu, pivots)? } else { empty()? };
    if !data {
        return Ok(vec![p, empty()?, empty()?]);
    }
    let lower = tril(&first_columns(lu, k)?, -1)?;
    let ones = eye(m, lu)?.narrow(1, 0, k)?;
    Ok(vec![p, lower.add(&ones)?.contiguous()?, triu(&first_rows(lu, k)?, 0)?.contiguous()?])
}

/// The matrix P with `A = P L U`.
fn permutation(lu: &Tensor, pivots: &Tensor) -> Result<Tensor> {
    let m = sizes(lu).0;
    let order = apply(Order { rows: m }, &[&pivots.cloned(Format::Contiguous)?])?;
    // Row `order[j]` of A is row j of L U: P has ones at (order[j], j).
    let place = order.unsqueeze_dims(&[order.ndim() - 1])?;
    let shape = shaped(batch(lu.shape()), &[m, m]);
    let ones = Tensor::constant(&[1], lu.dtype(), lu.device(), 1)?.expand_to(place.shape())?;
    lu.detach().zeros_of(&shape)?.scatter_set(shape.len() - 2, &place, &ones)
}

pub(crate) fn solve(lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, adjoint: bool) -> Result<Tensor> {
    const OP: &str = "linalg.lu_solve";
    check_kernel(lu, OP, "linalg.lu_solve_cpu")?;
    if lu.dtype() != b.dtype() {
        bail!(
            Runtime,
            "linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {} and B of type {} \
             instead",
            lu.dtype().scalar_name(),
            b.dtype().scalar_name()
        );
    }
    if pivots.dtype() != DType::I32 {
        bail!(Runtime, "{OP}: pivots should be a Tensor of scalar type torch.int32");
    }
    check_square(lu, "torch.linalg.lu_solve", "A")?;
    check_matrices(b, OP, "B")?;
    let ((n, _), (rows, cols)) = (sizes(lu), sizes(b));
    if n != if left { rows } else { cols } {
        let equation = if left { "AX = B" } else { "XA = B" };
        bail!(Runtime, "{OP}: Incompatible shapes of A and B for the equation {equation} ({n}x{n} and {rows}x{cols})");
    }
    if pivots.ndim() == 0 || pivots.shape()[pivots.ndim() - 1] != n {
        bail!(Runtime, "{OP}: Number of pivots per batch should be same as the dimension of the matrix");
    }
    if *batch(lu.shape()) != pivots.shape()[..pivots.ndim() - 1] {
        bail!(
            Runtime,
            "{OP}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape {} instead",
            crate::core::shape::list(pivots.shape())
        );
    }
    for (words, wrong) in
        [("greater or equal to 1", i64::MIN..1), ("smaller or equal to LU.size(-2)", n as i64 + 1..i64::MAX)]
    {
        if !all_pivots(pivots, |p| !wrong.contains(&p))? {
            bail!(
                Runtime,
                "Pivots given to lu_solve must all be {words}. Did you properly pass the result of lu_factor?"
            );
        }
    }
    let (lu, b) = together(lu, b, OP)?;
    let pivots = pivots.expand_to(&shaped(batch(lu.shape()), &[n]))?.contiguous()?;
    apply(SolveFactored { left, adjoint }, &[&lu, &pivots, &b])
}

struct Factor;

impl Op for Factor {
    fn name(&self) -> &'static str {
        "linalg_lu_factor_ex"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        3
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[0].shape()), x[0].ndim());
        let (m, n) = (x[0].shape()[n - 2], x[0].shape()[n - 1]);
        Ok(vec![by_columns(x[0], rest, m, n), ints(x[0], shaped(rest, &[m.min(n)])), ints(x[0], rest.into())])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::lu::factor(x[0], &out[0], &out[1], &out[2]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::OUTPUT.and(Saves::output_at(1))
    }
    /// Of `A = P L U`: `P L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H`; what a wide U or a tall L has beyond the
    /// square is a product of its own.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        let parts = unpacked(&c.output()?, &c.output_at(1)?, true, true)?;
        let (p, l, u) = (&parts[0], &parts[1], &parts[2]);
        let (m, n) = sizes(g);
        let k = m.min(n);
        let (unit, full) = (Triangle { upper: true, unit: true }, Triangle { upper: false, unit: false });
        let (gl, gu) = (tril(&first_columns(g, k)?, -1)?, triu(&first_rows(g, k)?, 0)?);
        let (l1, u1) = (first_rows(l, k)?, first_columns(u, k)?);
        let mut lower = mh(&l1)?.matmul(&first_rows(&gl, k)?)?;
        let mut upper = first_columns(&gu, k)?.matmul(&mh(&u1)?)?;
        if n > k {
            lower = lower.sub(&later_columns(&gu, k)?.matmul(&mh(&later_columns(u, k)?)?)?)?;
        }
        if m > k {
            upper = upper.sub(&mh(&later_rows(l, k)?)?.matmul(&later_rows(&gl, k)?)?)?;
        }
        let square = tril(&lower, -1)?.add(&triu(&upper, 0)?)?;
        let right = |x: &Tensor| triangular(&mh(&u1)?, x, full, false);
        let left = |x: &Tensor| triangular(&mh(&l1)?, x, unit, true);
        let mut ga = left(&right(&square)?)?;
        let last = ga.ndim() - 1;
        if n > k {
            ga = cat(&[&ga, &left(&later_columns(&gu, k)?)?], last)?;
        }
        if m > k {
            ga = cat(&[&ga, &right(&later_rows(&gl, k)?)?], last - 1)?;
        }
        Grads::one(p.matmul(&ga)?)
    }
}

fn cat(parts: &[&Tensor], dim: usize) -> Result<Tensor> {
    crate::ops::join::cat(parts, dim)
}

/// The order of rows that pivots make: int64.
struct Order {
    rows: usize,
}

impl Op for Order {
    fn name(&self) -> &'static str {
        "lu_unpack"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let rest = &x[0].shape()[..x[0].ndim() - 1];
        Ok(x[0].contiguous(shaped(rest, &[self.rows])).with_dtype(DType::I64))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::lu::order(x[0], &out[0]);
        Ok(())
    }
}

struct SolveFactored {
    left: bool,
    adjoint: bool,
}

impl Op for SolveFactored {
    fn name(&self) -> &'static str {
        "linalg_lu_solve"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[2].ndim();
        let (rows, cols) = (x[2].shape()[n - 2], x[2].shape()[n - 1]);
        let rest = batch(x[2].shape());
        Ok(if self.left { by_columns(x[2], rest, rows, cols) } else { x[2].contiguous(shaped(rest, &[rows, cols])) })
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::lu::solve_factored(x[0], x[1], x[2], &out[0], self.left, self.adjoint);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0]).saturating_add(work(x[2]))
    }
    /// `P L U X = B` in triangular systems, which have derivatives.
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        Some((|| {
            let parts = unpacked(x[0], x[1], true, true)?;
            let (p, l, u) = (&parts[0], &parts[1], &parts[2]);
            let (lower, upper) = (Triangle { upper: false, unit: true }, Triangle { upper: true, unit: false });
            let (turned_l, turned_u) = (Triangle { upper: true, unit: true }, Triangle { upper: false, unit: false });
            // Whether P L U stands in this order on the side of X: `X A = B` is `A^T X^T = B^T`.
            let y = match (self.left, self.adjoint) {
                (true, false) => triangular(u, &triangular(l, &p.mt()?.matmul(x[2])?, lower, true)?, upper, true)?,
                (true, true) => {
                    let z = triangular(&mh(u)?, x[2], turned_u, true)?;
                    p.matmul(&triangular(&mh(l)?, &z, turned_l, true)?)?
                }
                (false, false) => triangular(l, &triangular(u, x[2], upper, false)?, lower, false)?.matmul(&p.mt()?)?,
                (false, true) => {
                    let z = triangular(&mh(l)?, &x[2].matmul(p)?, turned_l, false)?;
                    triangular(&mh(u)?, &z, turned_u, false)?
                }
            };
            Ok(vec![y])
        })())
    }
}
