//! Determinants.

use super::solve::{solved, work};
use super::*;
use crate::core::Number;
use crate::cpu;
use crate::device::Array;
use crate::ops;
use crate::tensor::apply::{recorded, remember};
use crate::tensor::mode::GradGuard;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Outs, Saves, apply_many};

ops! {
    /// The determinants of square matrices (.., n, n): (..). That of an empty matrix is 1.
    ///
    ///     >>> torch.linalg.det(torch.tensor([[2., 0.], [1., 4.]]))
    ///     tensor(8.)
    linalg_det + out + exact as ["linalg.det(Tensor A) -> Tensor"] {
        call(x = A: &Tensor) { det(x) },
        samples: [
            "u(3, 3)", "u(2, 3, 3)", "u(3, 3).t()", "u(1, 1)", "u(0, 0).double()", "u(0, 3, 3).double()",
            "u(2, 0, 0).double()", "u(1, 2).expand(2, 2)", "u(2, 3)", "u(3)",
        ],
    }
    /// The determinants of square matrices. See `linalg.det`.
    det_ as ["det(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { det(x) },
        samples: ["u(3, 3)", "u(2, 3, 3)", "u(2, 3)"],
    }
    /// The sign of the determinants of square matrices, and the logarithm of their size: 0 and -inf for a singular
    /// matrix.
    linalg_slogdet + out + exact as ["linalg.slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)"] {
        call(x = A: &Tensor) { slogdet(x).map(Outs::Many) },
        samples: ["u(3, 3)", "u(2, 3, 3)", "u(3, 3).t()", "u(0, 0).double()", "u(0, 3, 3).double()", "u(2, 3)", "u(3)"],
    }
    /// The sign of the determinants of square matrices, and the logarithm of their size. See `linalg.slogdet`.
    slogdet_ + out + exact as ["slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)"] {
        call(x = self: &Tensor) { slogdet(x).map(Outs::Many) },
        samples: ["u(3, 3)", "u(2, 3, 3)", "u(2, 3)"],
    }
    /// The logarithms of the determinants of square matrices: NaN where one is negative, -inf where it is 0.
    logdet as ["logdet(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            check_square(x, "logdet", "A")?;
            check_numbers(x, "logdet")?;
            let outs = slogdet(x)?;
            if x.dtype().is_complex() {
                return outs[0].log()?.add(&outs[1]);
            }
            // NaN for negative determinants, whose gradient is 0; for 0 it is -inf.
            let negative = outs[0].detach().lt(&crate::ops::create::zeros_like(&outs[0])?)?;
            negative.choose(Operand::Number(f64::NAN.into()), Operand::Tensor(&outs[1]))
        },
        samples: [
            "u(2, 2) * 0.25 + torch.eye(2) * 4", "u(2, 2, 2) * 0.25 + torch.eye(2) * 4",
            "u(2, 2) * 0.25 + torch.tensor([[0.0, 2.0], [2.0, 0.0]])", "u(0, 0).double()", "u(2, 3)",
        ],
    }
}

/// The determinant, its sign and the logarithm of its size.
fn parts(x: &Tensor) -> Result<Vec<Tensor>> {
    check_lane(x.dtype(), "lu_cpu")?;
    apply_many(Factors, &[x])
}

pub(crate) fn det(x: &Tensor) -> Result<Tensor> {
    check_square(x, "linalg.det", "A")?;
    check_numbers(x, "linalg.det")?;
    let y = {
        let _guard = GradGuard::new(false);
        parts(&x.detach())?.swap_remove(0)
    };
    if recorded([x].into_iter()) {
        remember(Det, &[x], &y)?;
    }
    Ok(y)
}

pub(crate) fn slogdet(x: &Tensor) -> Result<Vec<Tensor>> {
    check_square(x, "linalg.slogdet", "A")?;
    check_float(x, "linalg.slogdet")?;
    Ok(parts(x)?.split_off(1))
}

/// The determinant, its sign, and the logarithm of its size.
struct Factors;

impl Op for Factors {
    fn name(&self) -> &'static str {
        "linalg_slogdet"
    }
    fn complex(&self) -> bool {
        true
    }
    fn outputs(&self) -> usize {
        3
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let one = x[0].contiguous(batch(x[0].shape()).into());
        let log = reals(x[0], batch(x[0].shape()).into());
        Ok(vec![one.clone(), one, log])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::linalg::lu::determinant(x[0], [&out[0], &out[1], &out[2]]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::output_at(1))
    }
    /// `g A^-H` for the logarithm. The sign of a real matrix is constant; that of a complex one turns with the
    /// imaginary part of `tr(A^-1 dA)`, as the logarithm grows with the real one. (The determinant is recorded as
    /// [`Det`].)
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let x = c.input(0)?;
        let mut sum = g.get(2).cloned();
        if x.dtype().is_complex()
            && let Some(g) = g.get(1)
        {
            let turn = g.conj()?.mul(&c.output_at(1)?)?.imag()?;
            sum = Some(plus(sum, turn.mul_number(Number::Complex(0.0, -1.0))?)?);
        }
        let Some(g) = sum else { return Grads::one(x.zeros_of(x.shape())?) };
        let g = g.to_dtype(x.dtype())?;
        let n = sizes(&x).0;
        let d = g.unsqueeze_dims(&[g.ndim()])?.expand_to(&shaped(g.shape(), &[n]))?.diag_embed(0, -2, -1)?;
        Grads::one(solved(&mh(&x)?, &d, true)?)
    }
}

/// A determinant that was found without being recorded.
struct Det;

impl Op for Det {
    fn name(&self) -> &'static str {
        "linalg_det"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(batch(x[0].shape()).into()))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::OUTPUT)
    }
    /// `g conj(det) A^-H`; where A is (nearly) singular, g times the adjugate from singular values: `conj(det(U)
    /// det(V^H)) U D V^H`, D the products of all other singular values (Higham 2020, "What is the adjugate of a
    /// matrix").
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (g, x, y) = (g.one()?, c.input(0)?, c.output()?);
        let n = sizes(&x).0;
        if x.numel() == 0 {
            return Grads::one(x.zeros_of(x.shape())?);
        }
        let zero = crate::ops::composite::refuted(&y.detach().ne(&y.zeros_of(&[])?)?)?;
        let factor = g.mul(&y.conj()?)?;
        let shape = shaped(factor.shape(), &[n]);
        let regular = |x: &Tensor| {
            let d = factor.unsqueeze_dims(&[factor.ndim()])?.expand_to(&shape)?.diag_embed(0, -2, -1)?;
            solved(&mh(x)?, &d, true)
        };
        if !zero {
            return Grads::one(regular(&x)?);
        }
        let parts = super::svd::parts(&x, false)?;
        let (u, s, vh) = (&parts[0], &parts[1], &parts[2]);
        let sign = g.mul(&det(u)?.mul(&det(vh)?)?.conj()?)?;
        let others = products_of_others(s)?;
        let d = others.mul(&sign.unsqueeze_dims(&[sign.ndim()])?)?;
        let adjugate = scale_columns(u, &d)?.matmul(vh)?;
        let singular = y.detach().eq(&y.zeros_of(&[])?)?.unsqueeze_dims(&[y.ndim(), y.ndim() + 1])?;
        if y.ndim() == 0 {
            return Grads::one(adjugate);
        }
        // The regular formula is asked of matrices that are not singular only.
        let mask = singular.expand_to(x.shape())?;
        let safe = mask.choose(Operand::Tensor(&eye(n, &x)?), Operand::Tensor(&x))?;
        Grads::one(mask.choose(Operand::Tensor(&adjugate), Operand::Tensor(&regular(&safe)?))?)
    }
}

/// For each entry of the last dim the product of the others.
fn products_of_others(s: &Tensor) -> Result<Tensor> {
    let n = s.shape()[s.ndim() - 1];
    let square = s.unsqueeze_dims(&[s.ndim() - 1])?.expand_to(&shaped(s.shape(), &[n]))?;
    let diagonal = eye(n, s)?.gt(&s.zeros_of(&[])?)?;
    let ones = diagonal.choose(Operand::Number(Number::Float(1.0)), Operand::Tensor(&square))?;
    let mut product = ones.select(ones.ndim() - 1, 0)?;
    for k in 1..n {
        product = product.mul(&ones.select(ones.ndim() - 1, k)?)?;
    }
    Ok(product)
}
