//! The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x), in float64 whatever the dtype.
//!
//! Series and continued fraction after DLMF 8.7.1, 8.7.3 and 8.9.2, the uniform expansion for large `a` after DLMF 8.12 (Temme
//! 1979). Relative error some 1e-13 where the smaller of P and Q is asked for.

use super::strided::{Raw, Walk};
use super::threads;
use crate::core::Element;
use crate::device::Array;
use crate::dispatch;

/// Elements worth a thread.
const GRAIN: usize = 1 << 9;
/// From here on the expansion is as exact as the others, and they would need too many terms.
const LARGE: f64 = 1e5;

/// Writes P(a, x), or Q(a, x) if `upper`, of broadcast floats.
pub fn incomplete(a: &Array, x: &Array, out: &Array, upper: bool) {
    let (sa, sx) = (a.layout.broadcast_strides(out.shape()), x.layout.broadcast_strides(out.shape()));
    let walk = Walk::new(out.shape(), [&sa, &sx, out.strides()]);
    dispatch!(float out.dtype, T => {
        let (pa, px, py) = (Raw::new(a.ptr::<T>()), Raw::new(x.ptr::<T>()), Raw::new(out.ptr::<T>()));
        threads::split(walk.numel(), GRAIN, &|range| walk.elements(range, |[ia, ix, iy], _| {
            // SAFETY: places of the arrays' elements, each of `out` written by one thread.
            unsafe {
                let [p, q] = regularized(pa.at(ia).read().to_f64(), px.at(ix).read().to_f64());
                py.at(iy).write(T::from_f64(if upper { q } else { p }));
            }
        }));
    }; else => crate::core::dtype::not_real(out.dtype));
}

/// P(a, x) and Q(a, x).
fn regularized(a: f64, x: f64) -> [f64; 2] {
    let p = |p: f64| [p, 1.0 - p];
    let q = |q: f64| [1.0 - q, q];
    if a.is_nan() || x.is_nan() || a < 0.0 || x < 0.0 || (a == 0.0 && x == 0.0) || (a.is_infinite() && x.is_infinite())
    {
        return [f64::NAN; 2];
    }
    if x == 0.0 || a.is_infinite() {
        return p(0.0);
    }
    if a == 0.0 || x.is_infinite() {
        return q(0.0);
    }
    if a > LARGE {
        return uniform(a, x);
    }
    if x <= 1.1 && a < 1.0 {
        return q(upper_series(a, x));
    }
    if x < a + 1.0 { p(lower_series(a, x)) } else { q(fraction(a, x)) }
}

/// x^a e^-x / Gamma(a + 1).
fn prefactor(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return (a * x.ln() - x - libm::lgamma(a + 1.0)).exp();
    }
    // In the distance of x from a, so that no large numbers cancel; DLMF 5.11.3 for Gamma.
    let b = 1.0 / (a * a);
    let stirling = (1.0 / 12.0 - b * (1.0 / 360.0 - b * (1.0 / 1260.0 - b * (1.0 / 1680.0 - b / 1188.0)))) / a;
    (-a * distance(a, x) - stirling).exp() / (2.0 * std::f64::consts::PI * a).sqrt()
}

/// m - ln(1 + m) for m = (x - a) / a.
fn distance(a: f64, x: f64) -> f64 {
    let m = (x - a) / a;
    if m.abs() > 0.1 {
        return m - m.ln_1p();
    }
    // m^2/2 - m^3/3 + ...
    let (mut term, mut sum) = (m * m, 0.0);
    for k in 2..40 {
        let next = sum + term / k as f64;
        if next == sum {
            break;
        }
        sum = next;
        term *= -m;
    }
    sum
}

fn lower_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0, 1.0, a);
    for _ in 0..10_000 {
        n += 1.0;
        term *= x / n;
        sum += term;
        if term <= sum * 1e-17 {
            break;
        }
    }
    prefactor(a, x) * sum
}

/// Q for small a and x, where 1 - P would cancel.
fn upper_series(a: f64, x: f64) -> f64 {
    // ln Gamma(1 + a), whose argument loses a tiny `a`.
    let log_gamma = if a < 1e-4 {
        a * (-0.577_215_664_901_532_9 + a * (0.822_467_033_424_113_2 - a * 0.400_685_634_386_531_4))
    } else {
        libm::lgamma(1.0 + a)
    };
    let log = a * x.ln() - log_gamma;
    // 1 - x^a / Gamma(1 + a) (1 + a sum (-x)^n / ((a + n) n!)).
    let (mut term, mut sum) = (1.0, 0.0);
    for n in 1..60 {
        term *= -x / n as f64;
        let next = sum + term / (a + n as f64);
        if next == sum {
            break;
        }
        sum = next;
    }
    -log.exp_m1() - a * log.exp() * sum
}

/// Q by the continued fraction, from the front (Lentz).
fn fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut d = 1.0 / b;
    let (mut c, mut h) = (f64::INFINITY, d);
    for i in 1..10_000 {
        let n = -(i as f64) * (i as f64 - a);
        b += 2.0;
        d = 1.0 / (n * d + b);
        c = b + if c.is_infinite() { 0.0 } else { n / c };
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    prefactor(a, x) * a * h
}

/// DLMF 8.12.3 and 8.12.4 with the first two coefficients, as series in eta (8.12.11): where `a` is this large, all else is 0 or 1.
fn uniform(a: f64, x: f64) -> [f64; 2] {
    const FIRST: [f64; 8] = [
        -1.0 / 3.0,
        1.0 / 12.0,
        -2.0 / 135.0,
        1.0 / 864.0,
        1.0 / 2835.0,
        -139.0 / 777_600.0,
        1.0 / 25_515.0,
        -571.0 / 261_273_600.0,
    ];
    const SECOND: [f64; 4] = [-1.0 / 540.0, -1.0 / 288.0, 1.0 / 378.0, -77.0 / 77_760.0];
    let half = distance(a, x);
    let eta = (2.0 * half).sqrt().copysign(x - a);
    let series = |c: &[f64]| c.iter().rev().fold(0.0, |sum, c| sum * eta + c);
    let rest = (-a * half).exp() / (2.0 * std::f64::consts::PI * a).sqrt()
        * if eta.abs() < 0.5 { series(&FIRST) + series(&SECOND) / a } else { 0.0 };
    let at = eta * (a / 2.0).sqrt();
    [0.5 * libm::erfc(-at) - rest, 0.5 * libm::erfc(at) + rest]
}

#[cfg(test)]
mod tests {
    use super::regularized;

    #[test]
    fn the_ways_agree_where_they_meet() {
        // P(1, x) = 1 - e^-x; Q(1/2, x) = erfc(sqrt x).
        for x in [1e-8, 0.3, 1.0, 1.09, 1.5, 2.0, 9.0, 40.0] {
            let [p, q] = regularized(1.0, x);
            assert!((p + (-x).exp_m1()).abs() <= 1e-14 * p && (q - (-x).exp()).abs() <= 1e-13 * q, "{x} {p} {q}");
            let q = regularized(0.5, x)[1];
            assert!((q - libm::erfc(x.sqrt())).abs() <= 1e-13 * q, "{x} {q}");
        }
        for t in [-3.0, -0.5, 0.0, 0.5, 3.0] {
            let near = |a: f64| regularized(a, a + t * a.sqrt())[0];
            assert!((near(99_999.0) - near(100_001.0)).abs() < 1e-6, "{t}");
        }
    }
}
