//! Singular values and vectors.

use super::solve::work;
use super::*;
use crate::core::Number;
use crate::cpu;
use crate::device::Array;
use crate::ops;
use crate::tensor::apply::recorded;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, apply, apply_many, mode};

ops! {
    /// U, S and Vh with `A = U diag(S) Vh`: singular values, the largest first, and their vectors, as many as there
    /// are values, or all if `full_matrices`.
    ///
    /// Raises `linalg.LinAlgError` for NaN; an infinity gives NaN. Gradients by U and Vh exist where the singular values differ.
    linalg_svd + out + exact as [
        "linalg.svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    ] {
        call(x = A: &Tensor, full_matrices: bool, driver: Option<&str>) {
            check(x, driver)?;
            parts(x, full_matrices).map(Outs::Many)
        },
        samples: [
            "u(0, 0).double()", "u(0, 3).double()", "u(2, 3, 0).double()", "u(0, 3, 2).double(), full_matrices=False",
            "u(2, 2) * NAN", "u(3)",
        ],
    }
    /// Singular values, the largest first.
    svdvals + out + exact as ["linalg.svdvals(Tensor A, *, str? driver=None) -> Tensor"] {
        call(x = A: &Tensor, driver: Option<&str>) {
            check(x, driver)?;
            values(x)
        },
        samples: [
            "u(3, 3)", "u(2, 4, 3)", "u(3, 4)", "u(3, 4).t()", "u(20, 20)", "u(0, 3).double()", "u(2, 0, 0).double()",
            "u(2, 2) * NAN", "u(3)",
        ],
    }
    /// U, S and V (not its adjoint) of `A = U diag(S) V^H`: as many vectors as values if `some`, else all; zeros if
    /// not `compute_uv`.
    svd_ + out as ["svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)"] {
        call(x = self: &Tensor, some: bool, compute_uv: bool) {
            mode::warn(
                "torch.svd is deprecated in favor of torch.linalg.svd and will be removed in a future PyTorch \
                 release.\nU, S, V = torch.svd(A, some=some, compute_uv=True) (default)\nshould be replaced \
                 with\nU, S, Vh = torch.linalg.svd(A, full_matrices=not some)\nV = Vh.mH\nand\n_, S, _ = \
                 torch.svd(A, some=some, compute_uv=False)\nshould be replaced with\nS = torch.linalg.svdvals(A)",
            )?;
            if x.ndim() < 2 {
                bail!(
                    Runtime,
                    "linalg.svd: input should have at least 2 dimensions, but has {} dimensions instead",
                    x.ndim()
                );
            }
            check(x, None)?;
            if compute_uv {
                let mut outs = parts(x, !some)?;
                outs[2] = mh(&outs[2])?;
                return Ok(Outs::Many(outs));
            }
            let (m, n) = sizes(x);
            let zeros = |n: usize| x.zeros_of(&shaped(batch(x.shape()), &[n, n]));
            Ok(Outs::Many(vec![zeros(m)?, values(x)?, zeros(n)?.mt()?]))
        },
        samples: ["u(3, 2), compute_uv=False", "u(0, 3).double()"],
    }
}

fn check(x: &Tensor, driver: Option<&str>) -> Result<()> {
    check_matrices(x, "linalg.svd", "A")?;
    check_kernel(x, "linalg.svd", "linalg_svd_cpu")?;
    if driver.is_some() {
        bail!(
            Runtime,
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        );
    }
    Ok(())
}

/// U, S, Vh.
pub(crate) fn parts(x: &Tensor, full: bool) -> Result<Vec<Tensor>> {
    apply_many(Svd { full }, &[x])
}

/// The singular values; with derivative.
pub(crate) fn values(x: &Tensor) -> Result<Tensor> {
    if recorded([x].into_iter()) {
        return Ok(parts(x, false)?.swap_remove(1));
    }
    apply(Values, &[x])
}

/// What a loss that asks for phases is told.
const PHASES: &str = "svd_backward: The singular vectors in the complex case are specified up to multiplication by \
                      e^{i phi}. The specified loss function depends on this phase term, making it ill-defined.";

struct Values;

impl Op for Values {
    fn name(&self) -> &'static str {
        "linalg_svdvals"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[0].ndim();
        let k = x[0].shape()[n - 2].min(x[0].shape()[n - 1]);
        Ok(reals(x[0], shaped(batch(x[0].shape()), &[k])))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (m, n) = cpu::linalg::size(x[0]);
        failed("linalg.svd", cpu::linalg::svd::decompose(x[0], &out[0], None)?, x[0].ndim() > 2, m.min(n))
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
}

struct Svd {
    full: bool,
}

impl Op for Svd {
    fn name(&self) -> &'static str {
        "linalg_svd"
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
        let k = m.min(n);
        let (cols, rows) = if self.full { (m, n) } else { (k, k) };
        Ok(vec![by_columns(x[0], rest, m, cols), reals(x[0], shaped(rest, &[k])), by_columns(x[0], rest, rows, n)])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (m, n) = cpu::linalg::size(x[0]);
        let failure = cpu::linalg::svd::decompose(x[0], &out[1], Some((&out[0], &out[2])))?;
        failed("linalg.svd", failure, x[0].ndim() > 2, m.min(n))
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::OUTPUT.and(Saves::output_at(1)).and(Saves::output_at(2))
    }
    /// `U (skew(U^H gU) / E S + S skew(V^H gV) / E + diag(gS)) V^H` with `E_jk = S_k^2 - S_j^2`, and what gU and gV
    /// have outside the spaces that U and V span, over S. Of full matrices the first columns alone are
    /// differentiable. A pair of complex vectors may be turned by any phase, of which the loss must not depend; then
    /// the diagonals of both skew matrices cancel, and that of `U^H gU` over S stands there.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (u, s, vh) = (c.output()?, c.output_at(1)?, c.output_at(2)?);
        let (m, n, k) = (sizes(&u).0, sizes(&vh).1, s.shape()[s.ndim() - 1]);
        let (u, vh) = (first_columns(&u, k)?, first_rows(&vh, k)?);
        let gu = g.get(0).map(|g| first_columns(g, k)).transpose()?;
        let gvh = g.get(2).map(|g| first_rows(g, k)).transpose()?;
        let gs = g.get(1);
        if gu.is_none() && gvh.is_none() {
            let Some(gs) = gs else { return Grads::many(vec![None]) };
            return Grads::one(scale_columns(&u, gs)?.matmul(&vh)?);
        }
        let square = s.square()?;
        let apart = square.unsqueeze_dims(&[s.ndim() - 1])?.sub(&square.unsqueeze_dims(&[s.ndim()])?)?;
        // Ones where there is nothing to divide.
        let apart = apart.add(&eye(k, &s)?)?;
        let of_u = gu.as_ref().map(|gu| skew(&mh(&u)?.matmul(gu)?)).transpose()?;
        let of_v = gvh.as_ref().map(|gvh| skew(&vh.matmul(&mh(gvh)?)?)).transpose()?;
        let mut core = None;
        if let Some(w) = &of_u {
            core = Some(scale_columns(&w.div(&apart)?, &s)?);
        }
        if let Some(w) = &of_v {
            core = Some(plus(core, scale_rows(&w.div(&apart)?, &s)?)?);
        }
        if u.dtype().is_complex() {
            let (a, b) = (of_u.as_ref().map(phases).transpose()?, of_v.as_ref().map(phases).transpose()?);
            match (&a, &b) {
                (Some(a), Some(b)) => check_phases(a, Some(&b.neg()?), PHASES)?,
                (Some(a), None) | (None, Some(a)) => check_phases(a, None, PHASES)?,
                (None, None) => {}
            }
            if let (Some(a), Some(_)) = (&a, &b) {
                let turn = a.div(&s)?.mul_number(Number::Complex(0.0, 0.5))?;
                core = Some(plus(core, turn.diag_embed(0, -2, -1)?)?);
            }
        }
        if let Some(gs) = gs {
            core = Some(plus(core, gs.diag_embed(0, -2, -1)?)?);
        }
        let Some(core) = core else { return Grads::many(vec![None]) };
        let mut left = u.matmul(&core)?;
        if m > k
            && let Some(gu) = &gu
        {
            let scaled = gu.div(&s.unsqueeze_dims(&[s.ndim() - 1])?)?;
            left = left.add(&scaled)?.sub(&u.matmul(&mh(&u)?.matmul(&scaled)?)?)?;
        }
        let mut ga = left.matmul(&vh)?;
        if n > k
            && let Some(gvh) = &gvh
        {
            let scaled = gvh.div(&s.unsqueeze_dims(&[s.ndim()])?)?;
            let outside = scaled.sub(&scaled.matmul(&mh(&vh)?)?.matmul(&vh)?)?;
            ga = ga.add(&u.matmul(&outside)?)?;
        }
        Grads::one(ga)
    }
}
