//! Systems of linear equations and inverses: inv, solve, solve_triangular, and the older names.

use super::*;
use crate::core::shape::{broadcast, list};
use crate::cpu;
use crate::cpu::linalg::triangular::Triangle;
use crate::device::Array;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, apply, apply_many};

ops! {
    /// The inverses of square matrices (.., n, n).
    ///
    /// Raises `linalg.LinAlgError` for a singular matrix; `linalg.inv_ex` says which instead.
    ///
    ///     >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    ///     tensor([[0.5000, 0.0000],
    ///             [0.0000, 0.2500]])
    linalg_inv + out + exact as ["linalg.inv(Tensor A) -> Tensor"] {
        call(x = A: &Tensor) { inverse(x, "linalg.inv") },
        samples: [
            "u(3, 3)", "u(2, 3, 3)", "u(3, 3).t()", "u(1, 1)", "u(0, 0).double()", "u(0, 3, 3).double()",
            "u(2, 0, 0).double()", "u(20, 20)", "u(1, 2).expand(2, 2)", "u(2, 3)", "u(3)",
        ],
    }
    /// The inverses of square matrices (.., n, n). See `linalg.inv`.
    inverse_ + out + exact as ["inverse(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { inverse(x, "linalg.inv") },
        samples: ["u(3, 3)", "u(2, 3, 3)", "u(2, 3)"],
    }
    /// Inverses, and an int32 for each matrix: 0, or where from 1 the first zero pivot stands. `check_errors` raises
    /// instead.
    inv_ex + out + exact as ["linalg.inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)"] {
        call(x = A: &Tensor, check_errors: bool) {
            let outs = inverse_ex(x, "linalg.inv_ex")?;
            if check_errors {
                check_inverse("linalg.inv_ex", &outs[1])?;
            }
            Ok(Outs::Many(outs))
        },
        samples: ["u(3, 3)", "u(2, 3, 3)", "u(0, 0).double()", "u(2, 3)"],
    }
    /// The solution of `A X = B`, or of `X A = B` if not `left`; B is a matrix, or a vector for each matrix of A.
    /// Batches broadcast.
    ///
    /// Raises `linalg.LinAlgError` for a singular matrix; `linalg.solve_ex` says which instead.
    ///
    ///     >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 4.]))
    ///     tensor([1., 1.])
    linalg_solve + out + exact as ["linalg.solve(Tensor A, Tensor B, *, bool left=True) -> Tensor"] graph "LinalgSolveExBackward0" {
        call(a = A: &Tensor, b = B: &Tensor, left: bool) {
            let mut outs = solve_ex_of(a, b, left)?;
            check_solve("torch.linalg.solve", &outs[1])?;
            Ok(outs.swap_remove(0))
        },
        samples: [
            "u(3, 3), u(3, 2)", "u(3, 3), u(3)", "u(2, 3, 3), u(2, 3, 2)", "u(2, 3, 3), u(2, 3)",
            "u(3, 3), u(2, 3, 2)", "u(2, 1, 3, 3), u(4, 3, 1)", "u(3, 3), u(2, 3), left=False",
            "u(3, 3).t(), u(2, 3).t()", "u(0, 0).double(), u(0, 2).double()", "u(3, 3), u(3, 0)",
            "u(0, 3, 3).double(), u(0, 3, 2).double()", "u(20, 20), u(20, 3)", "u(1, 2).expand(2, 2), u(2)",
            "u(3, 3), u(2, 2)", "u(2, 3), u(3)", "u(3, 3), u(3).double()",
        ],
    }
    /// As `linalg.solve`, with an int32 for each matrix: 0, or where from 1 the first zero pivot stands.
    solve_ex + out + exact as [
        "linalg.solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
    ] graph "LinalgSolveExBackward0" {
        call(a = A: &Tensor, b = B: &Tensor, left: bool, check_errors: bool) {
            let outs = solve_ex_of(a, b, left)?;
            if check_errors {
                check_solve("torch.linalg.solve_ex", &outs[1])?;
            }
            Ok(Outs::Many(outs))
        },
        samples: ["u(3, 3), u(3, 2)", "u(2, 3, 3), u(2, 3)", "u(3, 3), u(2, 3), left=False"],
    }
    /// The solution of `A X = B` for triangular A, of which only the `upper` or the lower triangle is read (without
    /// its diagonal, which is taken as ones, if `unitriangular`); of `X A = B` if not `left`. Batches broadcast.
    /// Never raises for singular matrices.
    solve_triangular + out as [
        "linalg.solve_triangular(Tensor A, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    ] {
        call(a = A: &Tensor, b = B: &Tensor, upper: bool, left: bool, unit = unitriangular: bool) {
            // PyTorch solves in the dtype of A.
            let b = &b.to_dtype(a.dtype())?;
            check_equation(a, b, left, "linalg.solve_triangular")?;
            triangular(a, b, Triangle { upper, unit }, left)
        },
        samples: [
            "nz(3, 3), u(3, 2), upper=True", "nz(3, 3), u(3, 2), upper=False",
            "nz(2, 3, 3), u(3, 2), upper=True, unitriangular=True", "nz(3, 3), u(2, 3), upper=False, left=False",
            "nz(3, 3).t(), u(2, 3).t(), upper=True",
            "nz(2, 3, 3), u(2, 3, 1), upper=False, unitriangular=True, left=True",
            "u(0, 0).double(), u(0, 2).double(), upper=True", "u(3, 3), u(2, 2), upper=True",
            "u(3, 3), u(3), upper=True",
        ],
    }
    /// The solution of `A X = b` for triangular A (of its transpose if `transpose`), and A. `linalg.solve_triangular`
    /// is the newer name.
    triangular_solve + out + exact as [
        "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)",
    ] graph "TriangularSolveBackward0" {
        call(b = self: &Tensor, a = A: &Tensor, upper: bool, transpose: bool, unit = unitriangular: bool) {
            check_matrices(b, "torch.triangular_solve", "b")?;
            check_square(a, "torch.triangular_solve", "A")?;
            check_equation(a, b, true, "triangular_solve")?;
            check_lane(a.dtype(), "triangular_solve")?;
            let kind = Triangle { upper: upper != transpose, unit };
            let x = triangular(&if transpose { a.mt()? } else { a.clone() }, b, kind, true)?;
            let shape = shaped(batch(x.shape()), &a.shape()[a.ndim() - 2..]);
            let copy = a.expand_to(&shape)?.mt()?.cloned(crate::ops::copy::Format::Contiguous)?.mt()?;
            Ok(Outs::Many(vec![x, copy]))
        },
        samples: [
            "u(3, 2), nz(3, 3)", "u(3, 2), nz(3, 3), False", "u(3, 2), nz(3, 3), True, True",
            "u(3, 2), nz(2, 3, 3), unitriangular=True",
        ],
    }
}

/// `linalg.inv` by the name `op`.
pub(crate) fn inverse(x: &Tensor, op: &str) -> Result<Tensor> {
    let mut outs = inverse_ex(x, op)?;
    check_inverse(op, &outs[1])?;
    Ok(outs.swap_remove(0))
}

/// Inverses and the places of zero pivots.
pub(crate) fn inverse_ex(x: &Tensor, op: &str) -> Result<Vec<Tensor>> {
    check_square(x, "linalg.inv", "A")?;
    let _ = op;
    check_float(x, "linalg.inv")?;
    apply_many(Inverse, &[x])
}

fn check_inverse(op: &str, info: &Tensor) -> Result<()> {
    match first_info(info)? {
        None => Ok(()),
        Some((i, at)) => Err(err!(
            LinAlg,
            "{}The diagonal element {at} is zero, the inversion could not be completed because the input matrix is \
             singular.",
            blamed(op, info.ndim() > 0, i)
        )
        .hint("linalg.pinv gives the pseudoinverse of any matrix")),
    }
}

pub(crate) fn check_solve(op: &str, info: &Tensor) -> Result<()> {
    match first_info(info)? {
        None => Ok(()),
        Some((i, _)) => Err(err!(
            LinAlg,
            "{}The solver failed because the input matrix is singular.",
            blamed(op, info.ndim() > 0, i)
        )
        .hint("linalg.lstsq solves such systems in the sense of least squares")),
    }
}

/// Whether A and B are an equation: square A, as many rows (or columns) in B, one dtype.
fn check_equation(a: &Tensor, b: &Tensor, left: bool, op: &str) -> Result<()> {
    check_same_dtype(a, b, op)?;
    check_square(a, op, "A")?;
    check_matrices(b, op, "B")?;
    let ((m, n), (rows, cols)) = (sizes(a), sizes(b));
    if n != if left { rows } else { cols } {
        let equation = if left { "AX = B" } else { "XA = B" };
        bail!(Runtime, "{op}: Incompatible shapes of A and B for the equation {equation} ({m}x{n} and {rows}x{cols})");
    }
    Ok(())
}

/// A and B with one batch.
pub(crate) fn together(a: &Tensor, b: &Tensor, op: &str) -> Result<(Tensor, Tensor)> {
    let full = broadcast(batch(a.shape()), batch(b.shape())).map_err(|_| {
        err!(
            Runtime,
            "The batch dimensions of A {} and B {} do not broadcast ({op})",
            list(batch(a.shape())),
            list(batch(b.shape()))
        )
    })?;
    let to = |t: &Tensor| -> Result<Tensor> {
        let shape = shaped(&full, &t.shape()[t.ndim() - 2..]);
        if *shape == *t.shape() { Ok(t.clone()) } else { t.expand_to(&shape) }
    };
    Ok((to(a)?, to(b)?))
}

/// `linalg.solve_triangular` of operands that are known to fit.
pub(crate) fn triangular(a: &Tensor, b: &Tensor, kind: Triangle, left: bool) -> Result<Tensor> {
    check_lane(a.dtype(), "triangular_solve_cpu")?;
    let (a, b) = together(a, b, "linalg.solve_triangular")?;
    apply(SolveTriangular { kind, left }, &[&a, &b])
}

/// Whether B is a vector for each matrix of A.
fn of_vectors(a: &Tensor, b: &Tensor) -> bool {
    b.ndim() == 1 || (a.ndim() == b.ndim() + 1 && a.shape()[..a.ndim() - 1] == *b.shape())
}

/// Solutions and the places of zero pivots.
pub(crate) fn solve_ex_of(a: &Tensor, b: &Tensor, left: bool) -> Result<Vec<Tensor>> {
    check_numbers(a, "linalg.solve")?;
    check_same_dtype(a, b, "linalg.solve")?;
    check_kernel(a, "linalg.solve", "lu_cpu")?;
    check_square(a, "linalg.solve", "A")?;
    let vectors = of_vectors(a, b);
    if vectors && !left {
        bail!(
            Runtime,
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case \
             linalg.solve is equivalent to B / A.squeeze(-1)"
        );
    }
    let columns = if vectors { b.unsqueeze_dims(&[b.ndim()])? } else { b.clone() };
    check_equation(a, &columns, left, "linalg.solve")?;
    let (a, columns) = together(a, &columns, "linalg.solve")?;
    let mut outs = apply_many(Solve { left }, &[&a, &columns])?;
    if vectors {
        let x = outs[0].squeeze_dims(&[outs[0].ndim() - 1])?;
        // PyTorch lays vectors of a batch as the columns of a matrix.
        outs[0] = if x.ndim() > 1 { x.mt()?.cloned(crate::ops::copy::Format::Contiguous)?.mt()? } else { x };
    }
    Ok(outs)
}

/// `linalg.solve` in a derivative: of operands that fit, without a word about singular matrices.
pub(crate) fn solved(a: &Tensor, b: &Tensor, left: bool) -> Result<Tensor> {
    let (a, b) = together(a, b, "linalg.solve")?;
    Ok(apply_many(Solve { left }, &[&a, &b])?.swap_remove(0))
}

struct Inverse;

impl Op for Inverse {
    fn name(&self) -> &'static str {
        "linalg_inv_ex"
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
        cpu::linalg::lu::solve(x[0], None, &out[0], &out[1], true);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::OUTPUT
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        let y = mh(&c.output()?)?;
        Grads::one(y.matmul(g)?.matmul(&y)?.neg()?)
    }
}

/// Operations on the matrices of an array, to decide on releasing the GIL.
pub(crate) fn work(x: &Array) -> usize {
    x.numel().saturating_mul(x.shape().last().copied().unwrap_or(1).max(1)).saturating_mul(2)
}

struct Solve {
    left: bool,
}

impl Op for Solve {
    fn name(&self) -> &'static str {
        "linalg_solve_ex"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[1].shape()), x[1].ndim());
        let (rows, cols) = (x[1].shape()[n - 2], x[1].shape()[n - 1]);
        let result =
            if self.left { by_columns(x[1], rest, rows, cols) } else { x[1].contiguous(shaped(rest, &[rows, cols])) };
        Ok(vec![result, ints(x[0], rest.into())])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::lu::solve(x[0], Some(x[1]), &out[0], &out[1], self.left);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0]).saturating_add(work(x[1]))
    }
    fn saves(&self, needs: Mask) -> Saves {
        if needs.has(0) { Saves::input_at(0).and(Saves::OUTPUT) } else { Saves::input_at(0) }
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None, None]) };
        let gb = solved(&mh(&c.input(0)?)?, g, self.left)?;
        let ga = || outer(&gb, &c.output()?, self.left);
        Grads::two(c, ga, || Ok(gb.clone()))
    }
}

/// The gradient of A from that of B: `-gB X^H`, or `-X^H gB`.
fn outer(gb: &Tensor, x: &Tensor, left: bool) -> Result<Tensor> {
    let x = mh(x)?;
    if left { gb.matmul(&x)?.neg() } else { x.matmul(gb)?.neg() }
}

struct SolveTriangular {
    kind: Triangle,
    left: bool,
}

impl Op for SolveTriangular {
    fn name(&self) -> &'static str {
        "linalg_solve_triangular"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[1].ndim();
        Ok(by_columns(x[1], batch(x[1].shape()), x[1].shape()[n - 2], x[1].shape()[n - 1]))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::triangular::solve(x[0], x[1], &out[0], self.kind, self.left);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0]).saturating_add(work(x[1]))
    }
    fn saves(&self, needs: Mask) -> Saves {
        if needs.has(0) { Saves::input_at(0).and(Saves::OUTPUT) } else { Saves::input_at(0) }
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None, None]) };
        let turned = Triangle { upper: !self.kind.upper, ..self.kind };
        let gb = triangular(&mh(&c.input(0)?)?, g, turned, self.left)?;
        let ga = || {
            let ga = outer(&gb, &c.output()?, self.left)?;
            let k = self.kind.unit as i64;
            if self.kind.upper { triu(&ga, k) } else { tril(&ga, -k) }
        };
        Grads::two(c, ga, || Ok(gb.clone()))
    }
}
