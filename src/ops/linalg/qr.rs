//! QR, and the Householder reflections that it is made of: geqrf, householder_product, ormqr.

use super::solve::{triangular, work};
use super::*;
use crate::core::shape::list;
use crate::cpu;
use crate::cpu::linalg::triangular::Triangle;
use crate::device::Array;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, apply, apply_many, mode};

ops! {
    /// Q with orthonormal columns and upper triangular R, with `A = Q R`. mode: "reduced" (min(m, n) columns),
    /// "complete" (m columns), or "r" (R alone; Q is empty).
    linalg_qr + out + exact as ["linalg.qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)"] {
        call(x = A: &Tensor, mode: &str) { qr(x, mode).map(Outs::Many) },
        samples: [
            "u(3, 3)", "u(2, 4, 3)", "u(3, 4)", "u(4, 2), 'complete'", "u(2, 4), mode='complete'", "u(4, 2), 'r'",
            "u(3, 4).t()", "u(40, 36)", "u(0, 3)", "u(3, 0)", "u(3, 0), 'complete'", "u(0, 3, 3)", "u(2, 2) * 0",
            "u(3, 3), 'full'", "u(3)",
        ],
    }
    /// The older form of `linalg.qr`: reduced if `some`, else complete.
    qr_ + out + exact as ["qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)"] {
        call(x = self: &Tensor, some: bool) {
            mode::warn(
                "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch \
                 release.\nThe boolean parameter 'some' has been replaced with a string parameter 'mode'.\nQ, R = \
                 torch.qr(A, some)\nshould be replaced with\nQ, R = torch.linalg.qr(A, 'reduced' if some else \
                 'complete')",
            )?;
            qr(x, if some { "reduced" } else { "complete" }).map(Outs::Many)
        },
        samples: ["u(4, 3)", "u(4, 3), False"],
    }
    /// R, with reflections below its diagonal, and their factors `tau`: LAPACK's form of QR, for
    /// `linalg.householder_product`.
    geqrf + out as ["geqrf(Tensor self) -> (Tensor a, Tensor tau)"] {
        call(x = self: &Tensor) {
            if x.ndim() < 2 {
                bail!(Runtime, "torch.geqrf: input must have at least 2 dimensions.");
            }
            check_lane(x.dtype(), "geqrf_cpu")?;
            apply_many(Geqrf, &[x]).map(Outs::Many)
        },
        samples: ["u(3, 3)", "u(2, 4, 3)", "u(3, 4)", "u(0, 3)"],
    }
    /// The first n columns of the product of reflections: column i of `input` (.., m, n), below the diagonal, with
    /// factor `tau` (.., k), k <= n <= m.
    householder_product + out as [
        "linalg.householder_product(Tensor input, Tensor tau) -> Tensor",
    ] graph "LinalgHouseholderProductBackward0" {
        call(x = input: &Tensor, tau: &Tensor) { product(x, tau) },
        samples: PRODUCTS,
    }
    /// See `linalg.householder_product`.
    orgqr + out as ["orgqr(Tensor self, Tensor input2) -> Tensor"] {
        call(x = self: &Tensor, tau = input2: &Tensor) { product(x, tau) },
        samples: PRODUCTS,
    }
    /// `Q other` (or `other Q` if not `left`) for the whole Q of a product of reflections; its adjoint if
    /// `transpose`.
    ormqr + out as [
        "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
    ] graph "OrmqrBackward0" {
        call(x = self: &Tensor, tau = input2: &Tensor, c = input3: &Tensor, left: bool, transpose: bool) {
            multiply(x, tau, c, left, transpose)
        },
        samples: [
            "u(3, 2), u(2), u(3, 4)", "u(3, 2), u(2), u(3, 4), True, True", "u(3, 2), u(2), u(4, 3), False",
            "u(3, 2), u(2), u(4, 3), left=False, transpose=True", "u(2, 3, 2), u(2, 2), u(2, 3, 4)",
            "u(3, 2), u(2), u(4, 4)", "u(3), u(2), u(3, 4)",
        ],
    }
}

const PRODUCTS: &[&str] = &[
    "u(3, 2), u(2)",
    "u(3, 3), u(2)",
    "u(2, 4, 3), u(2, 3)",
    "u(3, 2), u(1)",
    "u(0, 0), u(0)",
    "u(2, 3), u(2)",
    "u(3), u(3)",
    "u(3, 2), u(3)",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Reduced,
    Complete,
    R,
}

pub(crate) fn qr(x: &Tensor, mode: &str) -> Result<Vec<Tensor>> {
    let mode = match mode {
        "reduced" => Mode::Reduced,
        "complete" => Mode::Complete,
        "r" => Mode::R,
        other => bail!(
            Runtime,
            "qr received unrecognized mode '{other}' but expected one of 'reduced' (default), 'r', or 'complete'"
        ),
    };
    check_matrices(x, "linalg.qr", "A")?;
    check_kernel(x, "linalg.qr", "geqrf_cpu")?;
    apply_many(Qr { mode }, &[x])
}

struct Qr {
    mode: Mode,
}

impl Op for Qr {
    fn name(&self) -> &'static str {
        "linalg_qr"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[0].shape()), x[0].ndim());
        let (m, n) = (x[0].shape()[n - 2], x[0].shape()[n - 1]);
        let k = if self.mode == Mode::Complete { m } else { m.min(n) };
        let q = if self.mode == Mode::R { x[0].contiguous([0][..].into()) } else { by_columns(x[0], rest, m, k) };
        Ok(vec![q, by_columns(x[0], rest, k, n)])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::qr::decompose(x[0], (self.mode != Mode::R).then_some(&out[0]), &out[1]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::OUTPUT.and(Saves::output_at(1))
    }
    /// `(gQ + Q sym(R gR^H - gQ^H Q)) R^-H`, sym repeating the lower triangle above; columns beyond the square are `Q
    /// R2`.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (q, r) = (c.output()?, c.output_at(1)?);
        let (k, n) = sizes(&r);
        match self.mode {
            Mode::R => bail!(
                Runtime,
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use \
                 linalg.qr(A, mode='reduced') if you are going to require gradients."
            ),
            Mode::Complete if k > n => {
                bail!(Runtime, "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
            }
            _ => {}
        }
        let gq = g.get(0);
        let gr = g.get(1);
        if gq.is_none() && gr.is_none() {
            return Grads::many(vec![None]);
        }
        let (r1, mut gq) = (first_columns(&r, k.min(n))?, gq.cloned());
        let mut rest = None;
        if n > k
            && let Some(gr) = gr
        {
            let g2 = later_columns(gr, k)?;
            // A2 = Q R2.
            let a2 = q.matmul(&later_columns(&r, k)?)?;
            gq = Some(plus(gq, a2.matmul(&mh(&g2)?)?)?);
            rest = Some(q.matmul(&g2)?);
        }
        let mut m = None;
        if let Some(gr) = gr {
            m = Some(r1.matmul(&mh(&first_columns(gr, k.min(n))?)?)?);
        }
        if let Some(gq) = &gq {
            m = Some(plus(m, mh(gq)?.matmul(&q)?.neg()?)?);
        }
        let Some(m) = m else { return Grads::many(vec![None]) };
        let symmetric = tril(&m, 0)?.add(&mh(&tril(&m, -1)?)?)?;
        // The diagonal of R is real.
        let symmetric = if m.dtype().is_complex() { hermitian(&symmetric)? } else { symmetric };
        let sum = plus(gq, q.matmul(&symmetric)?)?;
        let lower = Triangle { upper: false, unit: false };
        let ga = triangular(&mh(&r1)?, &sum, lower, false)?;
        Grads::one(match rest {
            Some(rest) => crate::ops::join::cat(&[&ga, &rest], ga.ndim() - 1)?,
            None if n > k => {
                let shape = shaped(batch(ga.shape()), &[sizes(&ga).0, n - k]);
                crate::ops::join::cat(&[&ga, &ga.zeros_of(&shape)?], ga.ndim() - 1)?
            }
            None => ga,
        })
    }
}

struct Geqrf;

impl Op for Geqrf {
    fn name(&self) -> &'static str {
        "geqrf"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[0].shape()), x[0].ndim());
        let (m, n) = (x[0].shape()[n - 2], x[0].shape()[n - 1]);
        Ok(vec![by_columns(x[0], rest, m, n), x[0].contiguous(shaped(rest, &[m.min(n)]))])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::qr::factor(x[0], &out[0], &out[1]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
}

/// Refuses what are no reflections.
fn check_reflections(x: &Tensor, tau: &Tensor, op: &str) -> Result<()> {
    let (m, n) = sizes(x);
    if m < n {
        bail!(Runtime, "{op}: input.shape[-2] must be greater than or equal to input.shape[-1]");
    }
    let k = tau.shape().last().copied().unwrap_or(1);
    if n < k {
        bail!(Runtime, "{op}: input.shape[-1] must be greater than or equal to tau.shape[-1]");
    }
    if tau.ndim() + 1 != x.ndim() {
        bail!(
            Runtime,
            "{op}: Expected tau to have one dimension less than input, but got tau.ndim equal to {} and input.ndim \
             is equal to {}",
            tau.ndim(),
            x.ndim()
        );
    }
    if tau.shape()[..tau.ndim() - 1] != *batch(x.shape()) {
        bail!(
            Runtime,
            "{op}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {}",
            list(&tau.shape()[..tau.ndim() - 1])
        );
    }
    if tau.dtype() != x.dtype() {
        bail!(
            Runtime,
            "{op}: tau dtype {} does not match input dtype {}",
            tau.dtype().scalar_name(),
            x.dtype().scalar_name()
        );
    }
    Ok(())
}

fn product(x: &Tensor, tau: &Tensor) -> Result<Tensor> {
    const OP: &str = "torch.linalg.householder_product";
    if x.ndim() < 2 {
        bail!(Runtime, "{OP}: input must have at least 2 dimensions.");
    }
    check_reflections(x, tau, OP)?;
    check_lane(x.dtype(), "orgqr_cpu")?;
    apply(Product, &[x, tau])
}

fn multiply(x: &Tensor, tau: &Tensor, c: &Tensor, left: bool, transpose: bool) -> Result<Tensor> {
    const OP: &str = "torch.ormqr";
    for (t, name) in [(x, "input"), (c, "other")] {
        if t.ndim() < 2 {
            bail!(Runtime, "{OP}: {name} must have at least 2 dimensions.");
        }
    }
    let side = if left { 2 } else { 1 };
    let (m, k) = (sizes(x).0, tau.shape().last().copied().unwrap_or(1));
    let n = c.shape()[c.ndim() - side];
    if n < k {
        bail!(Runtime, "{OP}: other.shape[-{side}] must be greater than or equal to tau.shape[-1]");
    }
    if n != m {
        bail!(Runtime, "{OP}: other.shape[-{side}] must be equal to input.shape[-2]");
    }
    if k > sizes(x).1 {
        bail!(Runtime, "{OP}: tau.shape[-1] must be less than or equal to input.shape[-1]");
    }
    if tau.ndim() + 1 != x.ndim() {
        bail!(
            Runtime,
            "{OP}: Expected tau to have one dimension less than input, but got tau.ndim equal to {} and input.ndim \
             is equal to {}",
            tau.ndim(),
            x.ndim()
        );
    }
    if x.ndim() != c.ndim() {
        bail!(
            Runtime,
            "{OP}: Expected other to have the same number of dimensions as input, but got other.ndim equal to {} \
             and input.ndim is equal to {}",
            c.ndim(),
            x.ndim()
        );
    }
    for (t, name) in [(&tau.shape()[..tau.ndim() - 1], "tau"), (batch(c.shape()), "other")] {
        if t != batch(x.shape()) {
            bail!(
                Runtime,
                "{OP}: Expected batch dimensions of {name} to be equal to input.shape[:-2], but got {}",
                list(t)
            );
        }
    }
    for (t, name) in [(tau, "tau"), (c, "other")] {
        if t.dtype() != x.dtype() {
            bail!(
                Runtime,
                "{OP}: Expected input and {name} to have the same dtype, but input has dtype {} and {name} has \
                 dtype {}",
                x.dtype().scalar_name(),
                t.dtype().scalar_name()
            );
        }
    }
    check_lane(x.dtype(), "ormqr_cpu")?;
    apply(Multiply { left, transpose }, &[x, tau, c])
}

/// Reflection by reflection, in ops: `c` times Q, for derivatives.
fn reflected(x: &Tensor, tau: &Tensor, c: &Tensor, left: bool, adjoint: bool) -> Result<Tensor> {
    let (m, k) = (sizes(x).0, tau.shape()[tau.ndim() - 1]);
    let unit = eye(m, x)?;
    let mut c = c.clone();
    for i in 0..k {
        let i = if left != adjoint { k - 1 - i } else { i };
        // Zeros, a one, and what is stored below the diagonal.
        let v = tril(x, -1)?.narrow(x.ndim() - 1, i, 1)?.add(&unit.narrow(1, i, 1)?)?;
        let factor = tau.narrow(tau.ndim() - 1, i, 1)?.unsqueeze_dims(&[tau.ndim()])?;
        let factor = if adjoint { factor.conj()? } else { factor };
        let change = if left {
            v.mul(&factor)?.matmul(&mh(&v)?.matmul(&c)?)?
        } else {
            c.matmul(&v)?.matmul(&mh(&v)?.mul(&factor)?)?
        };
        c = c.sub(&change)?;
    }
    Ok(c)
}

struct Product;

impl Op for Product {
    fn name(&self) -> &'static str {
        "linalg_householder_product"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[0].ndim();
        Ok(by_columns(x[0], batch(x[0].shape()), x[0].shape()[n - 2], x[0].shape()[n - 1]))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::qr::product(x[0], x[1], &out[0]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        if x[0].numel() == 0 || x[1].numel() == 0 {
            return None;
        }
        Some((|| {
            let (m, n) = sizes(x[0]);
            let start = eye(m, x[0])?.narrow(1, 0, n)?.expand_to(x[0].shape())?;
            Ok(vec![reflected(x[0], x[1], &start, true, false)?])
        })())
    }
    /// Without a reflection nothing of the inputs is in the result, which belongs to their graph all the same.
    fn vjp(&self, _: &Context, _: &Cotangents) -> Result<Grads> {
        Grads::many(vec![None, None])
    }
}

struct Multiply {
    left: bool,
    transpose: bool,
}

impl Op for Multiply {
    fn name(&self) -> &'static str {
        "ormqr"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[2].ndim();
        Ok(by_columns(x[2], batch(x[2].shape()), x[2].shape()[n - 2], x[2].shape()[n - 1]))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::qr::multiply(x[0], x[1], x[2], &out[0], self.left, self.transpose);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[2])
    }
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        Some(reflected(x[0], x[1], x[2], self.left, self.transpose).map(|y| vec![y]))
    }
}
