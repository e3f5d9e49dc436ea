//! The regularised incomplete gamma functions, in float64: by their power series left of the mean, by Legendre's continued
//! fraction right of it, and for large parameters by Temme's uniform expansion (DLMF 8.11, 8.9, 8.12).

use super::strided::{Raw, Walk};
use super::threads;
use crate::core::Element;
use crate::device::Array;
use crate::dispatch;

const GRAIN: usize = 512;
/// Above it the series would take thousands of terms near the mean.
const LARGE: f64 = 1e6;
const EPS: f64 = f64::EPSILON;

/// `out = P(a, x)`, or Q(a, x) = 1 - P(a, x) where `upper`. All have one shape and float dtype.
pub fn igamma(a: &Array, x: &Array, upper: bool, out: &Array) {
    let walk = Walk::new(out.shape(), [a.strides(), x.strides(), out.strides()]);
    dispatch!(float out.dtype, T => {
        let [ap, xp, yp] = [a, x, out].map(|t| Raw::new(t.ptr::<T>()));
        threads::split(walk.numel(), GRAIN, &|range| walk.elements(range, |[pa, px, py], _| {
            // SAFETY: elements of the arrays; those of the output are apart.
            unsafe {
                let (p, q) = both(ap.at(pa).read().to_f64(), xp.at(px).read().to_f64());
                yp.at(py).write(T::from_f64(if upper { q } else { p }));
            }
        }));
    }; else => ());
}

/// P(a, x) and Q(a, x).
fn both(a: f64, x: f64) -> (f64, f64) {
    if a.is_nan() || x.is_nan() || a < 0.0 || x < 0.0 || (a == 0.0 && x == 0.0) || (a.is_infinite() && x.is_infinite())
    {
        return (f64::NAN, f64::NAN);
    }
    if a == 0.0 || x.is_infinite() {
        return (1.0, 0.0);
    }
    if x == 0.0 || a.is_infinite() {
        return (0.0, 1.0);
    }
    if a > LARGE && (x / a - 1.0).abs() < 0.5 {
        return uniform(a, x);
    }
    if x < a + 1.0 {
        let p = series(a, x);
        (p, 1.0 - p)
    } else {
        let q = fraction(a, x);
        (1.0 - q, q)
    }
}

/// x^a e^-x / Gamma(a).
fn front(a: f64, x: f64) -> f64 {
    // Near the mean of a large parameter the powers would cancel: by the distance from it, with Stirling's remainder.
    if a > 50.0 {
        let d = x / a - 1.0;
        let exponent = -a * (d - d.ln_1p());
        let stirling = 1.0 / (12.0 * a) - 1.0 / (360.0 * a.powi(3)) + 1.0 / (1260.0 * a.powi(5));
        return (exponent - stirling).exp() * (a / (2.0 * std::f64::consts::PI)).sqrt();
    }
    (a * x.ln() - x - libm::lgamma(a)).exp()
}

fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    for _ in 0..20_000 {
        n += 1.0;
        term *= x / n;
        sum += term;
        if term <= sum * EPS {
            break;
        }
    }
    (sum * front(a, x)).min(1.0)
}

/// By Lentz's method.
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / if b == 0.0 { TINY } else { b };
    let mut h = d;
    for i in 1..20_000 {
        let i = i as f64;
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = b + an / c;
        c = if c.abs() < TINY { TINY } else { c };
        let by = d * c;
        h *= by;
        if (by - 1.0).abs() <= EPS {
            break;
        }
    }
    (h * front(a, x)).clamp(0.0, 1.0)
}

/// Temme's expansion with the first two coefficients: its error is below 1 / a^2.
fn uniform(a: f64, x: f64) -> (f64, f64) {
    let d = x / a - 1.0;
    let half_square = d - d.ln_1p();
    let eta = (2.0 * half_square).max(0.0).sqrt().copysign(d);
    // c0 = 1 / d - 1 / eta, by its series where they cancel.
    let c0 = if d.abs() < 1e-3 { -1.0 / 3.0 + eta / 12.0 - eta * eta * 2.0 / 135.0 } else { 1.0 / d - 1.0 / eta };
    let c1 = -1.0 / 540.0;
    let rest = (-a * half_square).exp() / (2.0 * std::f64::consts::PI * a).sqrt() * (c0 + c1 / a);
    let q = 0.5 * libm::erfc(eta * (a / 2.0).sqrt()) + rest;
    let p = 0.5 * libm::erfc(-eta * (a / 2.0).sqrt()) - rest;
    (p.clamp(0.0, 1.0), q.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::both;

    #[test]
    fn known_values() {
        // By scipy.special.gammainc and gammaincc.
        for (a, x, p) in [
            (0.5, 0.25, 0.520499877813046538),
            (1.0, 1.0, 0.632120558828557678),
            (10.0, 12.0, 0.757607843832940),
            (200.0, 180.0, 0.0767846064),
        ] {
            let (low, high) = both(a, x);
            assert!((low - p).abs() < 1e-8 && (low + high - 1.0).abs() < 1e-14, "{a} {x}: {low}");
        }
        assert!((both(2e6, 2e6).0 - 0.5000940).abs() < 1e-6);
    }
}
