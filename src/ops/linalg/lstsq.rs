//! Least squares.

use super::solve::together;
use super::*;
use crate::core::Number;
use crate::ops;
use crate::tensor::apply::{recorded, remember};
use crate::tensor::mode::GradGuard;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Outs, Saves};

ops! {
    /// The X with the least `|A X - B|`, of several the smallest: (.., n, k) for A (.., m, n) and B (.., m, k), or
    /// vectors B (.., m).
    ///
    /// driver: "gelsy" (the default), "gels" (A has full rank), "gelsd", "gelss". The rank is given by all but gels,
    /// singular values by gelsd and gelss, the squared residuals where m > n and the rank is n by all but gelsy; else
    /// they are empty.
    linalg_lstsq + out as [
        "linalg.lstsq(Tensor A, Tensor B, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
    ] {
        call(a = A: &Tensor, b = B: &Tensor, rcond: Option<f64>, driver: Option<&str>) {
            lstsq(a, b, rcond, driver).map(Outs::Many)
        },
        samples: [
            "u(3, 3), u(3, 2)", "u(4, 2), u(4, 2)", "u(2, 4), u(2, 3)", "u(2, 4, 2), u(2, 4, 1)", "u(4, 2), u(4)",
            "u(4, 2), u(4, 3), driver='gels'", "u(4, 2), u(4, 3), driver='gelsd'", "u(4, 2), u(4, 3), driver='gelss'",
            "u(3, 2), u(2, 2)", "u(3, 2), u(3, 2), driver='other'",
        ],
    }
}

fn lstsq(a: &Tensor, b: &Tensor, rcond: Option<f64>, driver: Option<&str>) -> Result<Vec<Tensor>> {
    const OP: &str = "torch.linalg.lstsq";
    if a.ndim() < 2 {
        bail!(Runtime, "{OP}: input must have at least 2 dimensions.");
    }
    if b.ndim() < 1 {
        bail!(Runtime, "{OP}: other must have at least 1 dimension.");
    }
    if a.dtype() != b.dtype() {
        bail!(
            Runtime,
            "{OP}: Expected input and other to have the same dtype, but got input's dtype {} and other's dtype {}",
            a.dtype().scalar_name(),
            b.dtype().scalar_name()
        );
    }
    if a.ndim() < b.ndim() || a.ndim() > b.ndim() + 1 {
        bail!(
            Runtime,
            "{OP}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        );
    }
    let driver = driver.unwrap_or("gelsy");
    if !matches!(driver, "gels" | "gelsy" | "gelsd" | "gelss") {
        bail!(Runtime, "{OP}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)");
    }
    let vectors = a.ndim() == b.ndim() + 1;
    let columns = if vectors { b.unsqueeze_dims(&[b.ndim()])? } else { b.clone() };
    let (m, n) = sizes(a);
    if m != sizes(&columns).0 {
        bail!(Runtime, "{OP}: input.size(-2) should match other.size(-{})", if vectors { 1 } else { 2 });
    }
    check_float(a, "linalg.lstsq")?;
    let (a, columns) = together(a, &columns, OP)?;
    let empty = |dtype: DType| Tensor::constant(&[0], dtype, a.device(), 0);
    let rest = batch(a.shape());
    let k = m.min(n);
    let (x, s, full) = {
        let _guard = GradGuard::new(false);
        let (a, b) = (a.detach(), columns.detach());
        if a.numel() == 0 {
            let s = a.zeros_of(&shaped(rest, &[k]))?.to_dtype(a.dtype().to_real())?;
            (a.zeros_of(&shaped(rest, &[n, sizes(&b).1]))?, s.clone(), s.gt(&s)?)
        } else {
            let parts = super::svd::parts(&a, false)?;
            let (u, s, vh) = (&parts[0], &parts[1], &parts[2]);
            let least = rcond.unwrap_or(precision(a.dtype()) * m.max(n) as f64);
            let least = s.narrow(s.ndim() - 1, 0, 1)?.mul_number(least)?;
            let keep = s.gt(&least)?;
            // Divided, since the inverse of a tiny value is infinite where the quotient is not.
            let (b, rows) = (mh(u)?.matmul(&b)?, |t: &Tensor| t.unsqueeze_dims(&[t.ndim()]));
            let quotient = b.div(&rows(s)?)?;
            let zero = Operand::Number(Number::Float(0.0));
            let x = mh(vh)?.matmul(&rows(&keep)?.choose(Operand::Tensor(&quotient), zero)?)?;
            (x, s.clone(), keep)
        }
    };
    let x = laid(&x, m.max(n))?;
    if recorded([&a, &columns].into_iter()) {
        remember(Lstsq, &[&a, &columns], &x)?;
    }
    let counts = full.to_dtype(DType::I64)?.sum(&[full.ndim() - 1], false)?;
    let complete = m > n && !crate::ops::composite::refuted(&full)?;
    let residuals = if complete && driver != "gelsy" {
        a.matmul(&x)?.sub(&columns)?.abs()?.square()?.sum(&[x.ndim() - 2], false)?
    } else {
        // Of the solution's graph, as PyTorch's.
        x.reshape(&[x.numel()])?.narrow(0, 0, 0)?.real()?
    };
    let x = if vectors { x.squeeze_dims(&[x.ndim() - 1])? } else { x };
    let rank = if driver == "gels" { empty(DType::I64)? } else { counts };
    let values = if matches!(driver, "gelsd" | "gelss") { s } else { empty(a.dtype().to_real())? };
    Ok(vec![x, residuals, rank, values])
}

/// A copy as LAPACK leaves it: the first rows of columns that are as long as the larger side.
fn laid(x: &Tensor, rows: usize) -> Result<Tensor> {
    let (n, cols) = sizes(x);
    let room = x.zeros_of(&shaped(batch(x.shape()), &[cols, rows]))?;
    let filled = room.overlaid(&x.mt()?, |r| r.narrow(r.ndim() - 1, 0, n))?;
    filled.narrow(filled.ndim() - 1, 0, n)?.mt()
}

/// A solution that was found without being recorded.
struct Lstsq;

impl Op for Lstsq {
    fn name(&self) -> &'static str {
        "linalg_lstsq"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let n = x[0].ndim();
        Ok(x[0].contiguous(shaped(batch(x[0].shape()), &[x[0].shape()[n - 1], x[1].shape()[n - 1]])))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    /// Of `X = P B`, P the pseudoinverse of A.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (g, a, b) = (g.one()?, c.input(0)?, c.input(1)?);
        let p = super::pinv::pinv(&a, None, None, false)?;
        Grads::two(c, || super::pinv::gradient(&g.matmul(&mh(&b)?)?, &p, &a), || mh(&p)?.matmul(g))
    }
}
