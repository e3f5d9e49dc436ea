//! Eigenvalues and eigenvectors.

use super::solve::{solved, work};
use super::*;
use crate::cpu;
use crate::device::Array;
use crate::ops;
use crate::tensor::apply::recorded;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, apply_many};

ops! {
    /// Eigenvalues of symmetric matrices in ascending order, and their vectors as columns of length 1. UPLO: the
    /// triangle that is read, "L" or "U".
    ///
    /// Gradients by the vectors exist where the eigenvalues differ.
    eigh + out + exact as ["linalg.eigh(Tensor A, str UPLO='L') -> (Tensor eigenvalues, Tensor eigenvectors)"] {
        call(x = A: &Tensor, uplo = UPLO: &str) { symmetric(x, "linalg.eigh", uplo, true).map(Outs::Many) },
        samples: [
            "u(0, 0).double()", "u(2, 0, 0).double()", "u(0, 3, 3).double()", "torch.zeros(1, 1, dtype=u().dtype)",
            "u(2, 3)", "u(3)", "u(3, 3), 'X'",
        ],
    }
    /// Eigenvalues of symmetric matrices in ascending order. UPLO: the triangle that is read, "L" or "U".
    eigvalsh + out + exact as ["linalg.eigvalsh(Tensor A, str UPLO='L') -> Tensor"] {
        call(x = A: &Tensor, uplo = UPLO: &str) {
            Ok(symmetric(x, "linalg.eigvalsh", uplo, recorded([x].into_iter()))?.swap_remove(0))
        },
        samples: ["u(3, 3)", "u(2, 3, 3)", "u(3, 3), UPLO='U'",
            "u(0, 0).double()", "u(2, 0, 0).double()", "u(2, 2) * NAN", "u(2, 3)", "u(3)"],
    }
    /// Eigenvalues of square matrices, complex and in no order, and their vectors as columns of length 1.
    ///
    /// Raises RuntimeError for NaN and infinity.
    eig + out as ["linalg.eig(Tensor A) -> (Tensor eigenvalues, Tensor eigenvectors)"] {
        call(x = A: &Tensor) { general(x, "linalg.eig", true).map(Outs::Many) },
        samples: ["u(2, 3)", "u(3)"],
    }
    /// Eigenvalues of square matrices, complex and in no order.
    eigvals + out as ["linalg.eigvals(Tensor A) -> Tensor"] {
        call(x = A: &Tensor) { Ok(general(x, "linalg.eigvals", recorded([x].into_iter()))?.swap_remove(0)) },
        samples: ["u(2, 3)", "u(3)"],
    }
}

/// Eigenvalues, and vectors if asked for.
pub(crate) fn symmetric(x: &Tensor, op: &'static str, uplo: &str, vectors: bool) -> Result<Vec<Tensor>> {
    check_square(x, op, "A")?;
    check_lane(x.dtype(), "linalg_eigh_cpu")?;
    let upper = match uplo {
        "L" | "l" => false,
        "U" | "u" => true,
        other => bail!(Runtime, "Expected UPLO argument to be 'L' or 'U', but got {other}"),
    };
    apply_many(Symmetric { upper, vectors, op }, &[x])
}

fn general(x: &Tensor, op: &'static str, vectors: bool) -> Result<Vec<Tensor>> {
    check_square(x, op, "A")?;
    check_kernel(x, op, "linalg_eig_out_cpu")?;
    apply_many(General { vectors, op }, &[x])
}

struct Symmetric {
    upper: bool,
    vectors: bool,
    op: &'static str,
}

impl Op for Symmetric {
    fn name(&self) -> &'static str {
        "linalg_eigh"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        1 + self.vectors as usize
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[0].shape()), x[0].shape()[x[0].ndim() - 1]);
        let mut outs = vec![reals(x[0], shaped(rest, &[n]))];
        if self.vectors {
            outs.push(by_columns(x[0], rest, n, n));
        }
        Ok(outs)
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let failure = cpu::linalg::eigen::symmetric(x[0], &out[0], out.get(1), self.upper)?;
        failed(self.op, failure, x[0].ndim() > 2, cpu::linalg::size(x[0]).0)
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        if self.vectors { Saves::OUTPUT.and(Saves::output_at(1)) } else { Saves::OUTPUT }
    }
    fn ties(&self) -> Mask {
        Mask(1)
    }
    /// `V (diag(gL) + M) V^H`, M the Hermitian part of `V^H gV / E` with `E_jk = L_k - L_j`.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (l, v) = (c.output()?, c.output_at(1)?);
        let vh = mh(&v)?;
        let Some(gv) = g.get(1) else {
            let Some(gl) = g.get(0) else { return Grads::many(vec![None]) };
            return Grads::one(scale_columns(&v, gl)?.matmul(&vh)?);
        };
        let n = l.shape()[l.ndim() - 1];
        let one = eye(n, &l)?;
        let apart = l.unsqueeze_dims(&[l.ndim() - 1])?.sub(&l.unsqueeze_dims(&[l.ndim()])?)?.add(&one)?;
        let inside = vh.matmul(gv)?;
        if inside.dtype().is_complex() {
            check_phases(&phases(&inside)?, None, &ill_defined("linalg_eigh_backward"))?;
        }
        // The length of vectors is fixed, so nothing stands on the diagonal.
        let core = inside.sub(&inside.mul(&one)?)?.div(&apart)?;
        let mut core = hermitian(&core)?;
        if let Some(gl) = g.get(0) {
            core = core.add(&gl.diag_embed(0, -2, -1)?)?;
        }
        Grads::one(v.matmul(&core)?.matmul(&vh)?)
    }
}

struct General {
    vectors: bool,
    op: &'static str,
}

impl Op for General {
    fn name(&self) -> &'static str {
        "linalg_eig"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        1 + self.vectors as usize
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (rest, n) = (batch(x[0].shape()), x[0].shape()[x[0].ndim() - 1]);
        let like = x[0].clone().with_dtype(x[0].dtype.to_complex());
        let mut outs = vec![like.contiguous(shaped(rest, &[n]))];
        if self.vectors {
            outs.push(by_columns(&like, rest, n, n));
        }
        Ok(outs)
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        match cpu::linalg::eigen::general(x[0], &out[0], out.get(1))? {
            Some(Failure::NotFinite(_)) => {
                bail!(Runtime, "torch.linalg.eig: input tensor should not contain infs or NaNs.")
            }
            failure => failed(self.op, failure, x[0].ndim() > 2, cpu::linalg::size(x[0]).0),
        }
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        if self.vectors { Saves::OUTPUT.and(Saves::output_at(1)).and(Saves::META) } else { Saves::OUTPUT }
    }
    fn ties(&self) -> Mask {
        Mask(1)
    }
    /// `V^-H (diag(gL) + (V^H gV - V^H V diag(Re(V^H gV))) / conj(E)) V^H` with `E_jk = L_k - L_j`, since vectors keep
    /// their length (Boeddeker et al. 2019). They may be turned by any phase, of which the loss must not depend.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (l, v) = (c.output()?, c.output_at(1)?);
        let vh = mh(&v)?;
        let mut core = None;
        if let Some(gv) = g.get(1) {
            let inside = vh.matmul(gv)?;
            check_phases(&phases(&inside)?, None, &ill_defined("linalg_eig_backward"))?;
            let lengths = inside.diagonal(0, -2, -1)?.real()?;
            let l = l.conj()?;
            let one = eye(l.shape()[l.ndim() - 1], &l)?;
            let apart = l.unsqueeze_dims(&[l.ndim() - 1])?.sub(&l.unsqueeze_dims(&[l.ndim()])?)?.add(&one)?;
            let inside = inside.sub(&scale_columns(&vh.matmul(&v)?, &lengths)?)?;
            core = Some(inside.sub(&inside.mul(&one)?)?.div(&apart)?);
        }
        if let Some(gl) = g.get(0) {
            let gl = gl.diag_embed(0, -2, -1)?;
            core = Some(plus(core, gl)?);
        }
        let Some(core) = core else { return Grads::many(vec![None]) };
        let ga = solved(&vh, &core.matmul(&vh)?, true)?;
        Grads::one(if c.meta(0)?.dtype.is_complex() { ga } else { ga.real()? })
    }
}

/// What a loss that asks for phases is told.
fn ill_defined(node: &str) -> String {
    format!(
        "{node}: The eigenvectors in the complex case are specified up to multiplication by e^{{i phi}}. The specified \
         loss function depends on this quantity, so it is ill-defined."
    )
}
