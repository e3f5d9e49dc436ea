//! Orthogonal polynomials, element by element, by their recurrences in three terms.

use crate::core::{DType, Number};
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::compare::{eq, ge, gt, le, lt};
use crate::ops::elementwise::distance::polynomial;
use crate::ops::elementwise::map::{on, promoted};
use crate::ops::elementwise::select::where_;
use crate::tensor::{Arg, Operand, Tensor, mode};
use crate::{bail, ops::composite::called, ops::extremum::amax};

/// A family: its kernel's name in PyTorch, its first polynomial as `a x + b`, and how the next follows.
struct Family {
    kernel: &'static str,
    first: (f64, f64),
    next: Next,
    /// The closed form that PyTorch takes inside (-1, 1) above a degree.
    closed: Option<(f64, Closed)>,
    /// Of 2 x - 1 in the place of x.
    shifted: bool,
    /// Values at 1 and, for even and odd degrees, at -1: `a n + b`.
    ends: Option<[(f64, f64); 3]>,
}

/// P(k + 1) of x, P(k), P(k - 1).
#[derive(Clone, Copy)]
enum Next {
    Chebyshev,
    Hermite,
    HermiteE,
    Laguerre,
    Legendre,
}

/// By the angle t = acos(x).
#[derive(Clone, Copy)]
enum Closed {
    /// cos(n t)
    T,
    /// sin((n + 1) t) / sin(t)
    U,
    /// cos((n + 1/2) t) / cos(t / 2)
    V,
    /// sin((n + 1/2) t) / sin(t / 2)
    W,
}

fn number(n: f64) -> Operand<'static> {
    Operand::Number(Number::Float(n))
}

fn compare(row: &'static crate::ops::elementwise::map::Row, x: &Tensor, n: f64) -> Result<Tensor> {
    on(row, [Operand::Tensor(x), number(n)])
}

fn pick(c: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    on(&where_::ROW, [c, a, b].map(Operand::Tensor))
}

impl Closed {
    fn at(self, x: &Tensor, n: &Tensor) -> Result<Tensor> {
        let t = x.acos()?;
        let (half, between) = (t.mul_number(0.5)?, n.add_number(0.5)?.mul(&t)?);
        match self {
            Closed::T => n.mul(&t)?.cos(),
            Closed::U => n.add_number(1.0)?.mul(&t)?.sin()?.div(&t.sin()?),
            Closed::V => between.cos()?.div(&half.cos()?),
            Closed::W => between.sin()?.div(&half.sin()?),
        }
    }
}

impl Next {
    fn step(self, k: f64, x: &Tensor, p: &Tensor, q: &Tensor) -> Result<Tensor> {
        match self {
            Next::Chebyshev => x.add(x)?.mul(q)?.sub(p),
            Next::Hermite => x.add(x)?.mul(q)?.sub(&p.mul_number(2.0 * k)?),
            Next::HermiteE => x.mul(q)?.sub(&p.mul_number(k)?),
            Next::Laguerre => {
                let slope = x.neg()?.add_number(2.0 * k + 1.0)?;
                slope.mul(q)?.sub(&p.mul_number(k)?)?.div_number(k + 1.0)
            }
            Next::Legendre => x.mul_number(2.0 * k + 1.0)?.mul(q)?.sub(&p.mul_number(k)?)?.div_number(k + 1.0),
        }
    }
}

impl Family {
    fn at(&self, x: Operand, n: Operand) -> Result<Tensor> {
        let tensors = [x, n].map(|o| if let Operand::Tensor(t) = o { Some(t) } else { None });
        let Some(like) = tensors[0].or(tensors[1]) else {
            bail!(Type, "at least one of x and n must be a tensor");
        };
        if let [Some(a), Some(b)] = tensors {
            promoted(&[a, b])?;
        }
        // Both together say the shape and the dtype; uint16, uint32 and uint64, which have no sums, as floats.
        let floats = tensors.map(|t| t.filter(|t| t.dtype().is_limited()).map(|t| t.to_dtype(mode::default_float())));
        let [a, b] = floats.map(Option::transpose);
        let (a, b) = (a?, b?);
        fn of<'a>(float: &'a Option<Tensor>, given: Operand<'a>) -> Operand<'a> {
            float.as_ref().map_or(given, Operand::Tensor)
        }
        let sum = on(&crate::ops::elementwise::binary::add::ROW, [of(&a, x), of(&b, n)])?.detach();
        let dtype = if sum.dtype().is_float() { sum.dtype() } else { mode::default_float() };
        if dtype.is_half() {
            return Err(dtype.lacks(self.kernel));
        }
        let zeros = crate::ops::create::zeros_like(&sum)?.to_dtype(dtype)?;
        let spread = |o: Operand| -> Result<Tensor> {
            match o {
                Operand::Tensor(t) => zeros.add(&t.detach().to_dtype(dtype)?),
                Operand::Number(n) => zeros.add_number(n.to_f64()),
            }
        };
        let (given, n) = (spread(x)?, spread(n)?.trunc()?);
        let y = self.values(&given, &n)?;
        // A derivative is missing, not zero: backward says so.
        let input = tensors[0].unwrap_or(like);
        if input.requires_grad() { on(&polynomial::ROW, [input, &y].map(Operand::Tensor)) } else { Ok(y) }
    }

    fn values(&self, given: &Tensor, n: &Tensor) -> Result<Tensor> {
        let x = &if self.shifted { given.add(given)?.add_number(-1.0)? } else { given.clone() };
        let (a, b) = self.first;
        let mut p = x.mul_number(0.0)?.add_number(1.0)?;
        let one = p.clone();
        let mut q = x.mul_number(a)?.add_number(b)?;
        let mut y = pick(&compare(&ge::ROW, n, 1.0)?, &q, &p)?;
        let (mut above, mut inside) = (f64::INFINITY, None);
        if let Some((degree, closed)) = self.closed {
            let within = compare(&lt::ROW, &x.abs()?, 1.0)?;
            let far = pick(&within, n, &n.mul_number(0.0)?)?;
            inside = Some((compare(&gt::ROW, &far, degree)?, closed.at(x, n)?));
            above = degree;
        }
        let limit = match self.next {
            Next::Hermite | Next::HermiteE if x.dtype() == DType::F64 => 512.0,
            Next::Hermite | Next::HermiteE => 128.0,
            _ => f64::INFINITY,
        };
        // Where the closed form stands, no recurrence is needed.
        let open = match &inside {
            Some((c, _)) => on(&where_::ROW, [Operand::Tensor(c), number(above), Operand::Tensor(n)])?,
            None => n.clone(),
        };
        let most = if n.numel() == 0 { 0.0 } else { largest(&open)?.min(limit) };
        let mut k = 1.0;
        while k < most {
            let r = self.next.step(k, x, &p, &q)?;
            (p, q) = (q, r);
            k += 1.0;
            y = pick(&compare(&ge::ROW, n, k)?, &q, &y)?;
        }
        if let Some((c, closed)) = inside {
            y = pick(&c, &closed, &y)?;
        }
        if let Some([(a1, b1), even, odd]) = self.ends {
            let line = |(a, b): (f64, f64)| n.mul_number(a)?.add_number(b);
            let halves = n.mul_number(0.5)?;
            let is_even = on(&eq::ROW, [&halves, &halves.trunc()?].map(Operand::Tensor))?;
            let low = pick(&is_even, &line(even)?, &line(odd)?)?;
            y = pick(&compare(&eq::ROW, x, 1.0)?, &line((a1, b1))?, &y)?;
            y = pick(&compare(&eq::ROW, x, -1.0)?, &low, &y)?;
        }
        if let Next::Laguerre = self.next {
            y = pick(&compare(&eq::ROW, x, 0.0)?, &one, &y)?;
        }
        if limit.is_finite() {
            y = on(
                &where_::ROW,
                [Operand::Tensor(&compare(&le::ROW, n, limit)?), Operand::Tensor(&y), number(f64::NAN)],
            )?;
        }
        on(&where_::ROW, [Operand::Tensor(&compare(&lt::ROW, n, 0.0)?), number(0.0), Operand::Tensor(&y)])
    }
}

/// The largest element of a float tensor that has some. On `meta` it is said to be 0: no shape depends on it.
fn largest(x: &Tensor) -> Result<f64> {
    if x.device().is_meta() {
        return Ok(0.0);
    }
    Ok(called(&amax::DEF, &[Arg::Tensor(x)])?.on_cpu()?.element(&[]).to_f64())
}

const fn chebyshev(
    kernel: &'static str,
    first: (f64, f64),
    closed: (f64, Closed),
    ends: [(f64, f64); 3],
    shifted: bool,
) -> Family {
    Family { kernel, first, next: Next::Chebyshev, closed: Some(closed), shifted, ends: Some(ends) }
}

const fn other(kernel: &'static str, first: (f64, f64), next: Next, ends: Option<[(f64, f64); 3]>) -> Family {
    Family { kernel, first, next, closed: None, shifted: false, ends }
}

const ONES: [(f64, f64); 3] = [(0.0, 1.0), (0.0, 1.0), (0.0, -1.0)];
const U_ENDS: [(f64, f64); 3] = [(1.0, 1.0), (1.0, 1.0), (-1.0, -1.0)];
const V_ENDS: [(f64, f64); 3] = [(0.0, 1.0), (2.0, 1.0), (-2.0, -1.0)];
const W_ENDS: [(f64, f64); 3] = [(2.0, 1.0), (0.0, 1.0), (0.0, -1.0)];

const SAMPLES: &[&str] = &[
    "u(2, 3, lo=-1.0, hi=1.0).detach(), ix(2, 3, n=6)",
    "u(2, 3).detach(), 3",
    "u(3, lo=-1.0, hi=1.0).detach(), ix(2, 1, n=12)",
    "0.5, ix(3, n=5)",
    "edges(1.0, -1.0, 0.0, 1.0, -1.0).detach(), ix(5, n=8) - 1",
];

macro_rules! polynomials {
    ($($doc:literal $name:ident $lines:tt $family:expr;)*) => {
        ops! { $(
            #[doc = $doc]
            ///
            /// `n` is cut to a whole number; a negative degree gives 0. PyTorch has no derivative of it.
            $name + out as $lines {
                call(x: Operand, n: Operand) {
                    const FAMILY: Family = $family;
                    FAMILY.at(x, n)
                },
                samples: SAMPLES,
            }
        )* }
    };
}

polynomials! {
    " Chebyshev's polynomial of the first kind of degree n."
    chebyshev_polynomial_t ["special.chebyshev_polynomial_t(Operand x, Operand n) -> Tensor"]
        chebyshev("chebyshev_polynomial_t_cpu", (1.0, 0.0), (6.0, Closed::T), ONES, false);
    " Chebyshev's polynomial of the second kind of degree n."
    chebyshev_polynomial_u ["special.chebyshev_polynomial_u(Operand x, Operand n) -> Tensor"]
        chebyshev("chebyshev_polynomial_u_cpu", (2.0, 0.0), (8.0, Closed::U), U_ENDS, false);
    " Chebyshev's polynomial of the third kind of degree n."
    chebyshev_polynomial_v ["special.chebyshev_polynomial_v(Operand x, Operand n) -> Tensor"]
        chebyshev("chebyshev_polynomial_v_cpu", (2.0, -1.0), (8.0, Closed::V), V_ENDS, false);
    " Chebyshev's polynomial of the fourth kind of degree n."
    chebyshev_polynomial_w ["special.chebyshev_polynomial_w(Operand x, Operand n) -> Tensor"]
        chebyshev("chebyshev_polynomial_w_cpu", (2.0, 1.0), (8.0, Closed::W), W_ENDS, false);
    " Chebyshev's polynomial of the first kind of degree n, of 2 x - 1."
    shifted_chebyshev_polynomial_t ["special.shifted_chebyshev_polynomial_t(Operand x, Operand n) -> Tensor"]
        chebyshev("shifted_chebyshev_polynomial_t_cpu", (1.0, 0.0), (6.0, Closed::T), ONES, true);
    " Chebyshev's polynomial of the second kind of degree n, of 2 x - 1."
    shifted_chebyshev_polynomial_u ["special.shifted_chebyshev_polynomial_u(Operand x, Operand n) -> Tensor"]
        chebyshev("shifted_chebyshev_polynomial_u_cpu", (2.0, 0.0), (6.0, Closed::U), U_ENDS, true);
    " Chebyshev's polynomial of the third kind of degree n, of 2 x - 1."
    shifted_chebyshev_polynomial_v ["special.shifted_chebyshev_polynomial_v(Operand x, Operand n) -> Tensor"]
        chebyshev("shifted_chebyshev_polynomial_v_cpu", (2.0, -1.0), (6.0, Closed::V), V_ENDS, true);
    " Chebyshev's polynomial of the fourth kind of degree n, of 2 x - 1."
    shifted_chebyshev_polynomial_w ["special.shifted_chebyshev_polynomial_w(Operand x, Operand n) -> Tensor"]
        chebyshev("shifted_chebyshev_polynomial_w_cpu", (2.0, 1.0), (4.0, Closed::W), W_ENDS, true);
    " Hermite's polynomial of degree n, of the weight exp(-x^2)."
    hermite_polynomial_h ["special.hermite_polynomial_h(Operand x, Operand n) -> Tensor"]
        other("hermite_polynomial_h_cpu", (2.0, 0.0), Next::Hermite, None);
    " Hermite's polynomial of degree n, of the weight exp(-x^2 / 2)."
    hermite_polynomial_he ["special.hermite_polynomial_he(Operand x, Operand n) -> Tensor"]
        other("hermite_polynomial_he_cpu", (1.0, 0.0), Next::HermiteE, None);
    " Laguerre's polynomial of degree n."
    laguerre_polynomial_l ["special.laguerre_polynomial_l(Operand x, Operand n) -> Tensor"]
        other("laguerre_polynomial_l_cpu", (-1.0, 1.0), Next::Laguerre, None);
    " Legendre's polynomial of degree n."
    legendre_polynomial_p ["special.legendre_polynomial_p(Operand x, Operand n) -> Tensor"]
        other("legendre_polynomial_p_cpu", (1.0, 0.0), Next::Legendre, Some(ONES));
}
