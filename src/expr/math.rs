//! Elementary functions, branch-free so that the loops around them vectorise. float32: every function within 3 ulp
//! (`tests` below states each bound), polynomials fitted for this library and evaluated with fused products.
//! float64: exp, log and what is made of them vectorise; the rest are scalar calls of the standard library and libm.
//! Clamps are comparisons, not `min` and `max`, so that NaN passes.

pub mod complex;
pub mod f32;
pub mod f64;

/// Integer power, wrapping. A negative exponent gives 0 but for bases 1 and -1, as in PyTorch.
#[inline(always)]
pub fn pow_i64(base: i64, exponent: i64) -> i64 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 => 1 - 2 * (exponent & 1),
            _ => 0,
        };
    }
    let (mut b, mut e, mut r) = (base, exponent, 1i64);
    while e != 0 {
        if e & 1 == 1 {
            r = r.wrapping_mul(b);
        }
        b = b.wrapping_mul(b);
        e >>= 1;
    }
    r
}

/// The greatest common divisor, after Euclid; of 0 and 0 it is 0.
#[inline(always)]
pub fn gcd_i64(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while a != 0 {
        (a, b) = (b % a, a);
    }
    b as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance of `got` from `want` in units of the last place of an f32 (subnormals count in the smallest unit).
    fn ulps(got: f32, want: f64) -> f64 {
        if want.is_nan() || got.is_nan() {
            return if want.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
        }
        let w = want as f32;
        if w.is_infinite() || got.is_infinite() {
            return if w == got { 0.0 } else { f64::INFINITY };
        }
        let exponent = ((want.abs().max(f32::MIN_POSITIVE as f64).to_bits() >> 52) as i32 - 1023 - 23).max(-149);
        (got as f64 - want).abs() / 2f64.powi(exponent)
    }

    /// Every 997th float between `low` and `high` in magnitude, of both signs, and the edges.
    fn arguments(low: f32, high: f32) -> impl Iterator<Item = f32> {
        let edges = [0.0, f32::INFINITY, f32::NAN, 1.0, 0.5, 2.0, 1e-40, 1e-45, f32::MIN_POSITIVE, 89.0, 104.0, 3e38];
        let inner = (low.to_bits()..high.to_bits()).step_by(997).map(f32::from_bits);
        edges.into_iter().chain(inner).flat_map(|x| [x, -x])
    }

    fn worst(name: &str, bound: f64, low: f32, high: f32, f: fn(f32) -> f32, exact: fn(f64) -> f64) {
        let (mut most, mut at) = (0.0, 0.0);
        for x in arguments(low, high) {
            let d = ulps(f(x), exact(x as f64));
            if d > most {
                (most, at) = (d, x);
            }
        }
        assert!(most <= bound, "{name}: {most} ulp at {at:e}: {:e}, exactly {:e}", f(at), exact(at as f64));
    }

    #[test]
    fn f32_functions_stay_within_their_bounds() {
        use super::f32 as m;
        worst("exp", 1.1, 1e-9, 110.0, m::exp, f64::exp);
        worst("exp2", 1.6, 1e-9, 160.0, m::exp2, f64::exp2);
        worst("expm1", 1.6, 1e-12, 110.0, m::expm1, f64::exp_m1);
        worst("log", 0.9, 1e-44, 3e38, m::log, f64::ln);
        worst("log2", 1.5, 1e-44, 3e38, m::log2, f64::log2);
        worst("log10", 0.51, 1e-44, 3e38, m::log10, f64::log10);
        worst("log1p", 2.5, 1e-12, 3e38, m::log1p, f64::ln_1p);
        worst("tanh", 0.500_001, 1e-9, 20.0, m::tanh, f64::tanh);
        worst("sinh", 3.0, 1e-9, 95.0, m::sinh, f64::sinh);
        worst("cosh", 2.0, 1e-9, 95.0, m::cosh, f64::cosh);
        worst("sin", 2.0, 1e-9, 3e5, m::sin, f64::sin);
        worst("cos", 2.0, 1e-9, 3e5, m::cos, f64::cos);
        worst("tan", 3.5, 1e-9, 3e5, m::tan, f64::tan);
        worst("asin", 2.5, 1e-9, 1.1, m::asin, f64::asin);
        worst("acos", 2.5, 1e-9, 1.1, m::acos, f64::acos);
        worst("atan", 2.5, 1e-9, 3e38, m::atan, f64::atan);
        worst("erf", 1.4, 1e-9, 6.0, m::erf, libm::erf);
        worst("erfc", 0.51, 1e-9, 11.0, m::erfc, libm::erfc);
        worst("lgamma", 0.6, 1e-3, 1e4, m::lgamma, libm::lgamma);
    }

    #[test]
    fn sine_of_huge_arguments() {
        for x in arguments(3e5, 3.4e38) {
            let (s, c) = (super::f32::sin(x) as f64, super::f32::cos(x) as f64);
            let (es, ec) = ((x as f64).sin(), (x as f64).cos());
            assert!((s - es).abs() < 2e-7 || es.is_nan() && s.is_nan(), "sin {x:e}: {s}, exactly {es}");
            assert!((c - ec).abs() < 2e-7 || ec.is_nan() && c.is_nan(), "cos {x:e}: {c}, exactly {ec}");
        }
    }

    #[test]
    fn powers() {
        let edges = [0.0, 1.0, 2.0, 3.0, 0.5, 2.5, 1e-40, 7e37, f32::INFINITY, f32::NAN, 16_777_217.0];
        let signed = |v: &'static [f32]| v.iter().flat_map(|&x| [x, -x]);
        for x in signed(Box::leak(Box::new(edges))) {
            for y in signed(Box::leak(Box::new(edges))) {
                let (got, want) = (super::f32::pow(x, y), (x as f64).powf(y as f64));
                assert!(ulps(got, want) <= 1.0, "pow({x}, {y}) = {got}, exactly {want}");
                let (got, want) = (super::f32::atan2(x, y), (x as f64).atan2(y as f64));
                assert!(ulps(got, want) <= 3.0, "atan2({x}, {y}) = {got}, exactly {want}");
                assert_eq!(
                    got.is_sign_negative(),
                    (want as f32).is_sign_negative() || got.is_nan() && got.is_sign_negative()
                );
            }
        }
        for i in 0..20_000 {
            let (x, y) = (1e-3 + i as f32 * 0.37 % 50.0, (i as f32 * 0.731) % 24.0 - 12.0);
            let want = (x as f64).powf(y as f64);
            assert!(ulps(super::f32::pow(x, y), want) <= 0.51, "pow({x}, {y})");
        }
        assert_eq!(pow_i64(-3, 5), -243);
        assert_eq!((pow_i64(2, -1), pow_i64(-1, -3), pow_i64(1, -9), pow_i64(0, 0)), (0, -1, 1, 1));
    }

    #[test]
    fn f64_functions_agree_with_the_standard_library() {
        use super::f64 as m;
        let close = |name: &str, x: f64, got: f64, want: f64| {
            let same = got == want || got.is_nan() && want.is_nan();
            let unit = want.abs().max(f64::MIN_POSITIVE) * f64::EPSILON;
            assert!(same || (got - want).abs() <= 4.0 * unit, "{name}({x:e}) = {got:e}, exactly {want:e}");
        };
        let edges =
            [0.0, f64::INFINITY, f64::NAN, 1.0, 5e-324, 1e-310, 1e-20, 709.7, 710.4, 745.0, 1e300, 0.36, 1.4143];
        let inner = (0..20_000).map(|i| 2f64.powf(i as f64 * 0.002 - 30.0));
        for x in edges.into_iter().chain(inner).flat_map(|x| [x, -x]) {
            close("exp", x, m::exp(x), x.exp());
            close("exp2", x, m::exp2(x), x.exp2());
            close("expm1", x, m::expm1(x), x.exp_m1());
            close("log", x, m::log(x), x.ln());
            close("log2", x, m::log2(x), x.log2());
            close("log10", x, m::log10(x), x.log10());
            close("log1p", x, m::log1p(x), x.ln_1p());
            close("tanh", x, m::tanh(x), x.tanh());
            close("sinh", x, m::sinh(x), x.sinh());
            close("cosh", x, m::cosh(x), x.cosh());
        }
        for i in 1..1000 {
            let p = i as f64 / 1000.0;
            close("erf", p, m::erf(m::erfinv(p)), p);
            // psi(x + 1) = psi(x) + 1/x, and psi(1) = -gamma.
            assert!((m::digamma(p + 1.0) - m::digamma(p) - 1.0 / p).abs() < 1e-11 / p);
            assert!((m::digamma(-p + 1.0) - m::digamma(-p) + 1.0 / p).abs() < 1e-9 / p);
        }
        // zeta(2, 1) is pi^2 / 6, and zeta(s, q) is q^-s + zeta(s, q + 1), also left of 0.
        close("zeta", 2.0, m::zeta(2.0, 1.0), std::f64::consts::PI.powi(2) / 6.0);
        for q in [0.3, 4.5, 30.25, -0.5, -7.75, -123.25] {
            for s in [2.0, 3.0, 7.0] {
                let (here, above) = (m::zeta(s, q), m::zeta(s, q + 1.0));
                assert!((here - above - q.powf(-s)).abs() <= 1e-13 * here.abs().max(above.abs()), "zeta({s}, {q})");
            }
        }
        assert!(
            m::zeta(1.0, 2.0) == f64::INFINITY && m::zeta(0.5, 2.0).is_nan() && m::zeta(2.0, -3.0) == f64::INFINITY
        );
        assert_eq!((gcd_i64(12, -18), gcd_i64(0, -5), gcd_i64(0, 0)), (6, 5, 0));
        assert!((m::digamma(1.0) + 0.577_215_664_901_532_9).abs() < 1e-14);
        assert!(m::erfinv(1.0) == f64::INFINITY && m::erfinv(1.1).is_nan() && m::erfinv(-0.5) == -m::erfinv(0.5));
        close("erfinv", 1.0 - 2f64.powi(-53), m::erfinv(1.0 - 2f64.powi(-53)), 5.863_584_748_755_168);
    }
}
