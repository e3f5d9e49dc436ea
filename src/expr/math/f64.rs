//! float64 functions. exp, log and their kin use Taylor series in fused products, a few 1e-16 of the result; what
//! has no short branch-free form is a scalar call.

use std::f64::consts::{LOG2_E, PI};

const MAGIC: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the first has 33 bits, so that its multiples are exact.
const LN2_HI: f64 = 0.693_147_180_369_123_8;
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;

macro_rules! horner {
    ($r:expr; $top:expr $(, $c:expr)*) => {{
        let (r, p) = ($r, $top);
        $(let p = r.mul_add(p, $c);)*
        p
    }};
}

/// e^r - 1 for |r| <= 0.347: fourteen terms, the first one left out of the sum.
#[inline(always)]
fn expm1_core(r: f64) -> f64 {
    let q = horner!(r; 1.147_074_559_772_972_5e-11, 1.605_904_383_682_161_3e-10, 2.087_675_698_786_81e-9,
        2.505_210_838_544_172e-8, 2.755_731_922_398_589e-7, 2.755_731_922_398_589_3e-6, 2.480_158_730_158_73e-5,
        0.000_198_412_698_412_698_4, 0.001_388_888_888_888_889, 0.008_333_333_333_333_333, 0.041_666_666_666_666_664,
        0.166_666_666_666_666_66, 0.5);
    (r * r).mul_add(q, r)
}

#[inline(always)]
fn expm1_reduced(x: f64) -> (f64, i64) {
    let t = x.mul_add(LOG2_E, MAGIC);
    let n = t - MAGIC;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    (expm1_core(r), (t.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64))
}

/// 2^n for -1022 <= n <= 1023.
#[inline(always)]
fn pow2(n: i64) -> f64 {
    f64::from_bits((n.wrapping_add(1023) << 52) as u64)
}

/// y 2^n in two factors, the halves by a shift of the biased n, since AVX2 has no arithmetic shift of 64 bits.
#[inline(always)]
fn scale(y: f64, n: i64) -> f64 {
    let h = ((n.wrapping_add(2048) as u64) >> 1) as i64 - 1024;
    y * pow2(h) * pow2(n.wrapping_sub(h))
}

#[inline(always)]
fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let (y, n) = expm1_reduced(clamp(x, -746.0, 711.0));
    scale(y + 1.0, n)
}

#[inline(always)]
pub fn exp2(x: f64) -> f64 {
    let x = clamp(x, -1080.0, 1025.0);
    let t = x + MAGIC;
    let y = expm1_core((x - (t - MAGIC)) * std::f64::consts::LN_2);
    scale(y + 1.0, (t.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64))
}

#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let (p, n) = expm1_reduced(clamp(x, -60.0, 711.0));
    let s = pow2(if n > 1024 { 1023 } else { n - 1 });
    let y = 2.0 * s.mul_add(p, s - 0.5);
    let y = if n == 0 { p } else { y };
    if x == 0.0 {
        x
    } else if x > 710.0 {
        f64::INFINITY
    } else {
        y
    }
}

/// x = 2^e (1 + f), 1 + f in [0.707, 1.414], for finite x > 0.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let y = if tiny { x * 18_014_398_509_481_984.0 } else { x };
    let bits = y.to_bits().wrapping_sub(0x3fe6_a09e_667f_3bcd);
    // The exponent, biased to stay positive, becomes a float by the bits of 2^52.
    let biased = bits.wrapping_add(1 << 62) >> 52;
    let e = f64::from_bits(biased | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1024.0);
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd)) - 1.0;
    (f, e - if tiny { 54.0 } else { 0.0 })
}

/// log(1 + f) - f. With s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - s (f - 2 s^2 (1/3 + s^2/5 + ...)).
#[inline(always)]
fn log_tail(f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let p = horner!(z; 2.0 / 23.0, 2.0 / 21.0, 2.0 / 19.0, 2.0 / 17.0, 2.0 / 15.0, 2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0,
        2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0);
    let half = 0.5 * f * f;
    s * z.mul_add(p, half) - half
}

#[inline(always)]
fn log_edges(x: f64, y: f64) -> f64 {
    let y = if x == f64::INFINITY { x } else { y };
    let y = if x < 0.0 { f64::NAN } else { y };
    let y = if x == 0.0 { f64::NEG_INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

#[inline(always)]
pub fn log(x: f64) -> f64 {
    let (f, e) = split(x);
    log_edges(x, e.mul_add(LN2_HI, f + e.mul_add(LN2_LO, log_tail(f))))
}

#[inline(always)]
pub fn log2(x: f64) -> f64 {
    let (f, e) = split(x);
    let t = log_tail(f);
    log_edges(x, e + (f + f.mul_add(LOG2_E - 1.0, t * LOG2_E)))
}

#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let u = 1.0 + x;
    let lost = (x - (u - 1.0)) / u;
    let y = log(u);
    let y = if (u > 0.0) & (u < f64::INFINITY) { y + lost } else { y };
    if x.abs() < 1e-16 { x } else { y }
}

#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let a = x.abs();
    let t = expm1(2.0 * if a > 20.0 { 20.0 } else { a });
    (t / (t + 2.0)).copysign(x)
}

#[inline(always)]
pub fn sinh(x: f64) -> f64 {
    let a = x.abs();
    let e = expm1(if a > 30.0 { 30.0 } else { a });
    let small = 0.5 * (e + e / (e + 1.0));
    let (y, n) = expm1_reduced(clamp(a, 0.0, 712.0));
    let y = if a > 20.0 { scale(y + 1.0, n - 1) } else { small };
    y.copysign(x)
}

#[inline(always)]
pub fn cosh(x: f64) -> f64 {
    let (y, n) = expm1_reduced(clamp(x.abs(), 0.0, 712.0));
    let half = scale(y + 1.0, n - 1);
    half + 0.25 / half
}

macro_rules! standard {
    ($($f:ident)*) => { $(
        #[inline(always)]
        pub fn $f(x: f64) -> f64 {
            f64::$f(x)
        }
    )* };
}
standard! { log10 sin cos tan asin acos atan }

#[inline(always)]
pub fn atan2(y: f64, x: f64) -> f64 {
    y.atan2(x)
}

#[inline(always)]
pub fn pow(x: f64, y: f64) -> f64 {
    x.powf(y)
}

#[inline(always)]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

#[inline(always)]
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// A first guess after Giles ("Approximating the erfinv function", 2010), then Newton's steps on erfc, which
/// keeps its relative accuracy near 1.
#[inline(never)]
pub fn erfinv(x: f64) -> f64 {
    let a = x.abs();
    if a >= 1.0 || a.is_nan() {
        return if a == 1.0 { f64::INFINITY.copysign(x) } else { f64::NAN };
    }
    let w = -((1.0 - a) * (1.0 + a)).ln();
    let mut y = if w < 5.0 {
        let w = w - 2.5;
        a * horner!(w; 2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503,
            -0.00417768164, 0.246640727, 1.50140941)
    } else {
        let w = w.sqrt() - 3.0;
        a * horner!(w; -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
            0.00943887047, 1.00167406, 2.83297682)
    };
    if w > 16.0 {
        // Beyond the fit: erfc(y) is about exp(-y^2) / (y sqrt(pi)).
        let l = -(1.0 - a).ln();
        y = (l - (y * PI.sqrt()).ln()).sqrt();
        y = (l - (y * PI.sqrt()).ln()).sqrt();
    }
    for _ in 0..3 {
        let off = if a < 0.5 { libm::erf(y) - a } else { (1.0 - a) - libm::erfc(y) };
        y -= off / (std::f64::consts::FRAC_2_SQRT_PI * (-y * y).exp());
    }
    y.copysign(x)
}

/// Reflection below zero, recurrence up to 10, then the asymptotic series (Abramowitz and Stegun, 6.3.18).
#[inline(never)]
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        return if x == x.trunc() { f64::NAN } else { digamma(1.0 - x) - PI / (PI * x.fract()).tan() };
    }
    let (mut y, mut sum) = (x, 0.0);
    while y < 10.0 {
        sum -= 1.0 / y;
        y += 1.0;
    }
    let z = 1.0 / (y * y);
    let series =
        horner!(z; 1.0 / 12.0, -691.0 / 32760.0, 1.0 / 132.0, -1.0 / 240.0, 1.0 / 252.0, -1.0 / 120.0, 1.0 / 12.0);
    sum + y.ln() - 0.5 / y - z * series
}

/// Hurwitz's zeta function, the sum of (q + k)^-s over k >= 0: terms up to q = 10, then Euler and Maclaurin's formula
/// (Abramowitz and Stegun, 23.2.7 and 3.6.28). Left of 0, for whole s, by the sum over all whole numbers, which has period 1 in q.
#[inline(never)]
pub fn zeta(s: f64, q: f64) -> f64 {
    if s.is_nan() || q.is_nan() || s < 1.0 {
        return f64::NAN;
    }
    if s == 1.0 {
        return f64::INFINITY;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return f64::INFINITY;
        }
        if s != s.floor() {
            return f64::NAN;
        }
        let (part, sign) = (q - q.floor(), if s % 2.0 == 0.0 { 1.0 } else { -1.0 });
        return zeta(s, part) + sign * (zeta(s, 1.0 - part) - zeta(s, 1.0 - q));
    }
    let (mut a, mut sum) = (q, 0.0);
    while a < 10.0 {
        sum += a.powf(-s);
        a += 1.0;
    }
    if a == f64::INFINITY {
        return 0.0;
    }
    /// The Bernoulli number of index 2k over (2k)!, for k = 1, 2, ...
    const B: [f64; 12] = [
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30240.0,
        -1.0 / 1209600.0,
        1.0 / 47900160.0,
        -691.0 / 1307674368000.0,
        1.0 / 74724249600.0,
        -3617.0 / 10670622842880000.0,
        43867.0 / 5109094217170944000.0,
        -174611.0 / 802857662698291200000.0,
        77683.0 / 14101100039391805440000.0,
        -236364091.0 / 1693824136731743669452800000.0,
    ];
    let power = a.powf(-s);
    sum += a * power / (s - 1.0) + 0.5 * power;
    // s (s + 1) ... (s + 2k - 2) a^(-s - 2k + 1)
    let mut factor = power * s / a;
    for (k, b) in B.into_iter().enumerate() {
        let term = b * factor;
        sum += term;
        if term.abs() < 1e-17 * sum.abs() {
            break;
        }
        let j = 2.0 * k as f64 + 1.0;
        factor *= (s + j) * (s + j + 1.0) / (a * a);
    }
    sum
}
