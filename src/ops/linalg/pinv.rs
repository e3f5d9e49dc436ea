//! What singular values say of a matrix: pseudoinverse, rank, condition number, norms.

use super::solve::{inverse_ex, work};
use super::*;
use crate::core::Number;
use crate::ops;
use crate::ops::composite::norms;
use crate::tensor::apply::{recorded, remember};
use crate::tensor::mode::GradGuard;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Saves};

ops! {
    /// The pseudoinverse of matrices (.., m, n): (.., n, m). Singular values up to the larger of `atol` and `rtol`
    /// times the largest count as 0; `rtol` is max(m, n) times the dtype's precision, or 0 where `atol` is above 0.
    /// `hermitian`: A is symmetric.
    linalg_pinv + out as [
        "linalg.pinv(Tensor A, *, Operand? atol=None, Operand? rtol=None, bool hermitian=False) -> Tensor",
        "linalg.pinv(Tensor A, Operand rcond, bool hermitian=False) -> Tensor",
    ] {
        call(x = A: &Tensor, atol: Option<Operand>, rtol: Option<Operand>, rcond: Option<Operand>, hermitian: bool) {
            pinv(x, atol, rtol.or(rcond), hermitian)
        },
        samples: [
            "u(3, 3)", "u(2, 4, 3)", "u(3, 4)", "u(3, 4).t()", "u(3, 3), rtol=0.5", "u(3, 3), atol=1.0",
            "u(3, 3), 0.3", "u(3, 0).double()", "u(2, 0, 3).double()", "u(0, 3, 2).double()",
            "u(3, 3), hermitian=True", "u(3)",
        ],
    }
    /// The pseudoinverse of matrices. `linalg.pinv` is the newer name.
    pinverse as ["pinverse(Tensor self, float rcond=1e-15) -> Tensor"] {
        call(x = self: &Tensor, rcond: f64) { pinv(x, None, Some(Operand::Number(rcond.into())), false) },
        samples: ["u(3, 3)", "u(4, 3)"],
    }
    /// How many singular values (or sizes of eigenvalues, if `hermitian`) are above the larger of `atol` and `rtol`
    /// times the largest one: int64.
    matrix_rank + out as [
        "linalg.matrix_rank(Tensor A, *, Operand? atol=None, Operand? rtol=None, bool hermitian=False) -> Tensor",
        "linalg.matrix_rank(Tensor A, Operand tol, bool hermitian=False) -> Tensor",
    ] {
        call(x = A: &Tensor, atol: Option<Operand>, rtol: Option<Operand>, tol: Option<Operand>, hermitian: bool) {
            let zero = Operand::Number(Number::Float(0.0));
            rank(x, atol.or(tol), if tol.is_some() { Some(zero) } else { rtol }, hermitian)
        },
        samples: [
            "u(3, 3)", "u(2, 4, 3)", "u(1, 2).expand(2, 2)", "u(3, 3), 1.0", "u(3, 3), atol=1.0", "u(3, 3), rtol=0.5",
            "u(1, 2).expand(2, 2), hermitian=True", "u(0, 3).double()", "u(2, 0, 0).double()", "u(0, 2, 3).double()",
            "u(3)",
        ],
    }
    /// The condition number of matrices by the norm `p`: 2 (or None), -2, "fro", "nuc", inf, -inf, 1, -1; inf for
    /// singular ones.
    cond + out as [
        "linalg.cond(Tensor A, Scalar? p=None) -> Tensor",
        "linalg.cond(Tensor A, str p) -> Tensor",
    ] {
        call(x = A: &Tensor, p: Option<f64>, named = p: Option<&str>) { condition(x, p, named) },
        samples: [
            "u(3, 3)", "u(2, 3, 3)", "u(4, 3)", "u(3, 3), -2", "u(3, 3), 1", "u(3, 3), 'fro'", "u(3, 3), 'nuc'",
            "u(3, 3), INF", "u(3, 3), -INF", "u(3, 3), -1", "u(0, 0).double()", "u(2, 0, 0).double()",
            "u(0, 3, 3).double()", "u(1, 2).expand(2, 2), 1", "u(2, 3), 1", "u(3)",
        ],
    }
}

/// A tolerance as a tensor that broadcasts to the batch, with room for the singular values.
fn as_tensor(n: Operand, x: &Tensor) -> Result<Tensor> {
    match n {
        Operand::Tensor(t) => {
            if t.dtype().is_complex() {
                bail!(Runtime, "torch.linalg: tolerances must not be complex");
            }
            t.to_dtype(x.dtype().to_real())?.unsqueeze_dims(&[t.ndim()])
        }
        Operand::Number(n) => Tensor::constant(&[1], x.dtype().to_real(), x.device(), n),
    }
}

/// `max(atol, rtol * largest)`; the largest along a last dim of size 1.
fn tolerance(x: &Tensor, largest: &Tensor, atol: Option<Operand>, rtol: Option<Operand>) -> Result<Tensor> {
    let (m, n) = sizes(x);
    let usual = as_tensor(Operand::Number((precision(x.dtype()) * m.max(n) as f64).into()), x)?;
    let a = match atol {
        Some(a) => as_tensor(a, x)?,
        None => usual.zeros_of(&[1])?,
    };
    let r = match rtol {
        Some(r) => as_tensor(r, x)?,
        None => a.gt(&a.zeros_of(&[1])?)?.choose(Operand::Number(Number::Float(0.0)), Operand::Tensor(&usual))?,
    };
    a.maximum(&r.mul(largest)?)
}

pub(crate) fn pinv(x: &Tensor, atol: Option<Operand>, rtol: Option<Operand>, hermitian: bool) -> Result<Tensor> {
    const OP: &str = "linalg.pinv";
    check_matrices(x, OP, "A")?;
    check_float(x, OP)?;
    if hermitian {
        check_square(x, "linalg.eigh", "A")?;
    }
    let (m, n) = sizes(x);
    let y = {
        let _guard = GradGuard::new(false);
        let x = x.detach();
        if x.numel() == 0 {
            x.zeros_of(&shaped(batch(x.shape()), &[n, m]))?
        } else if hermitian {
            let parts = super::eigen::symmetric(&x, "linalg.eigh", "L", true)?;
            let (l, v) = (&parts[0], &parts[1]);
            let size = l.abs()?;
            let keep = size.gt(&tolerance(&x, &size.amax(&[l.ndim() - 1], true)?, atol, rtol)?)?;
            scale_columns(v, &inverted(l, &keep)?)?.matmul(&mh(v)?)?
        } else {
            let parts = super::svd::parts(&x, false)?;
            let (u, s, vh) = (&parts[0], &parts[1], &parts[2]);
            let keep = s.gt(&tolerance(&x, &s.narrow(s.ndim() - 1, 0, 1)?, atol, rtol)?)?;
            scale_columns(&mh(vh)?, &inverted(s, &keep)?)?.matmul(&mh(u)?)?
        }
    };
    if recorded([x].into_iter()) {
        remember(Pinv, &[x], &y)?;
    }
    Ok(y)
}

fn inverted(s: &Tensor, keep: &Tensor) -> Result<Tensor> {
    keep.choose(Operand::Tensor(&s.reciprocal()?), Operand::Number(Number::Float(0.0)))
}

/// A pseudoinverse that was found without being recorded.
struct Pinv;

impl Op for Pinv {
    fn name(&self) -> &'static str {
        "linalg_pinv"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[0].ndim();
        Ok(x[0].contiguous(shaped(batch(x[0].shape()), &[x[0].shape()[n - 1], x[0].shape()[n - 2]])))
    }
    fn cost(&self, x: &[&crate::device::Array], _: &[crate::device::Array]) -> usize {
        work(x[0])
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::OUTPUT)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(gradient(g.one()?, &c.output()?, &c.input(0)?)?)
    }
}

/// The gradient of A from that of its pseudoinverse P (Golub and Pereyra 1973, eq. 4.12).
pub(crate) fn gradient(g: &Tensor, p: &Tensor, a: &Tensor) -> Result<Tensor> {
    let (ph, gh) = (mh(p)?, mh(g)?);
    let (m, n) = sizes(a);
    if m <= n {
        let k = gh.matmul(p)?;
        let kph = k.matmul(&ph)?;
        let sum = kph.sub(&mh(&p.matmul(&k)?)?)?.sub(&a.matmul(p)?.matmul(&kph)?)?;
        return sum.add(&ph.matmul(p)?.matmul(&gh.sub(&k.matmul(a)?)?)?);
    }
    let k = p.matmul(&gh)?;
    let phk = ph.matmul(&k)?;
    let sum = phk.sub(&mh(&k.matmul(p)?)?)?.sub(&phk.matmul(p)?.matmul(a)?)?;
    sum.add(&gh.sub(&a.matmul(&k)?)?.matmul(p)?.matmul(&ph)?)
}

fn rank(x: &Tensor, atol: Option<Operand>, rtol: Option<Operand>, hermitian: bool) -> Result<Tensor> {
    const OP: &str = "torch.linalg.matrix_rank";
    check_matrices(x, OP, "input")?;
    check_numbers(x, "linalg.matrix_rank")?;
    if atol.is_some() || rtol.is_some() {
        check_lane(x.dtype(), "linalg_svd_cpu")?;
    }
    check_float(x, "linalg.matrix_rank")?;
    for (t, name) in [(atol, "atol"), (rtol, "rtol")] {
        if let Some(Operand::Tensor(t)) = t
            && t.dtype().is_complex()
        {
            bail!(Runtime, "{OP}: {name} tensor of complex type is not supported. Got {}", t.dtype().scalar_name());
        }
    }
    if hermitian {
        check_square(x, "linalg.eigh", "A")?;
    }
    let x = x.detach();
    if x.numel() == 0 {
        return Tensor::constant(batch(x.shape()), DType::I64, x.device(), 0);
    }
    let s = if hermitian {
        super::eigen::symmetric(&x, "linalg.eigvalsh", "L", false)?.swap_remove(0).abs()?
    } else {
        super::svd::values(&x)?
    };
    let last = s.ndim() - 1;
    s.gt(&tolerance(&x, &s.amax(&[last], true)?, atol, rtol)?)?.to_dtype(DType::I64)?.sum(&[last], false)
}

/// The condition numbers of matrices without elements: 0.
fn none(x: &Tensor) -> Result<Tensor> {
    Tensor::constant(batch(x.shape()), x.dtype().to_real(), x.device(), 0)
}

fn condition(x: &Tensor, p: Option<f64>, named: Option<&str>) -> Result<Tensor> {
    const OP: &str = "linalg.cond";
    check_matrices(x, OP, "A")?;
    check_numbers(x, OP)?;
    let order = match named {
        Some(name) => norms::Order::named(name)?,
        None => norms::Order::P(p.unwrap_or(2.0)),
    };
    if matches!(order, norms::Order::P(2.0 | -2.0) | norms::Order::Nuclear) {
        check_lane(x.dtype(), "linalg_svd_cpu")?;
    }
    if let norms::Order::P(p) = order
        && p.abs() == 2.0
    {
        if x.numel() == 0 {
            return none(x);
        }
        let s = super::svd::values(x)?;
        let last = s.ndim() - 1;
        let (high, low) = (s.select(last, 0)?, s.select(last, s.shape()[last] - 1)?);
        return if p > 0.0 { high.div(&low) } else { low.div(&high) };
    }
    if let norms::Order::P(p) = order
        && p.abs() != 1.0
        && !p.is_infinite()
    {
        bail!(Runtime, "linalg.cond got an invalid norm type: {p}");
    }
    let shown = named.map_or_else(|| p.unwrap_or(2.0).to_string(), str::to_string);
    check_square(x, &format!("{OP}(ord={shown})"), "A")?;
    if x.numel() == 0 {
        return none(x);
    }
    if matches!(order, norms::Order::Nuclear) {
        // The inverse may hold infinities, which have no singular values.
        let s = super::svd::values(x)?;
        let last = [s.ndim() - 1];
        return s.sum(&last, false)?.mul(&s.reciprocal()?.sum(&last, false)?);
    }
    let outs = inverse_ex(x, OP)?;
    let n = |t: &Tensor| norms::matrix_norm(t, order, &[-2, -1], false, None);
    let y = n(x)?.mul(&n(&outs[0])?)?;
    let singular = outs[1].ne(&outs[1].detach().zeros_of(&[])?)?.logical_or(&y.ne(&y)?)?;
    singular.choose(Operand::Number(Number::Float(f64::INFINITY)), Operand::Tensor(&y))
}
