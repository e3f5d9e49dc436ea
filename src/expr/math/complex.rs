//! Elementary functions of complex numbers, as pairs of float64: rows compute complex64 through them too, so that every result
//! is rounded once. Principal values; the sign of a zero says from which side a branch cut is met. After W. Kahan, "Branch Cuts
//! for Complex Elementary Functions" (1987), where a plain formula would cancel or overflow.

use std::f64::consts::{FRAC_PI_2, LN_2, LN_10};

use crate::core::Complex;

type C = Complex<f64>;

#[inline(always)]
pub fn of(re: f64, im: f64) -> C {
    Complex { re, im }
}

fn times_i(z: C) -> C {
    of(-z.im, z.re)
}

fn over_i(z: C) -> C {
    of(z.im, -z.re)
}

pub fn abs(z: C) -> f64 {
    z.re.hypot(z.im)
}

pub fn angle(z: C) -> f64 {
    z.im.atan2(z.re)
}

pub fn mul(a: C, b: C) -> C {
    of(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
}

/// z / |z|, and 0 of 0.
pub fn sgn(z: C) -> C {
    let r = abs(z);
    if r == 0.0 { of(0.0, 0.0) } else { of(z.re / r, z.im / r) }
}

pub fn exp(z: C) -> C {
    let r = z.re.exp();
    // A zero times an infinity would be NaN.
    if z.im == 0.0 {
        return of(r, z.im);
    }
    if r == 0.0 && !z.im.is_finite() {
        return of(0.0, 0.0);
    }
    let (s, c) = z.im.sin_cos();
    of(r * c, r * s)
}

pub fn exp2(z: C) -> C {
    exp(of(z.re * LN_2, z.im * LN_2))
}

/// e^z - 1: the real part is expm1(x) cos y - 2 sin(y / 2)^2.
pub fn expm1(z: C) -> C {
    if z.im == 0.0 {
        return of(z.re.exp_m1(), z.im);
    }
    let half = (z.im / 2.0).sin();
    of(z.re.exp_m1() * z.im.cos() - 2.0 * half * half, z.re.exp() * z.im.sin())
}

pub fn log(z: C) -> C {
    let r = abs(z);
    let re = if r > 0.5 && r < 2.0 {
        // |z|^2 - 1, of which little is lost near the unit circle.
        let (big, small) = if z.re.abs() > z.im.abs() { (z.re.abs(), z.im) } else { (z.im.abs(), z.re) };
        0.5 * ((big - 1.0) * (big + 1.0) + small * small).ln_1p()
    } else if r == f64::INFINITY && z.re.is_finite() && z.im.is_finite() {
        (z.re / 2.0).hypot(z.im / 2.0).ln() + LN_2
    } else {
        r.ln()
    };
    of(re, angle(z))
}

pub fn log2(z: C) -> C {
    let y = log(z);
    of(y.re / LN_2, y.im / LN_2)
}

pub fn log10(z: C) -> C {
    let y = log(z);
    of(y.re / LN_10, y.im / LN_10)
}

pub fn log1p(z: C) -> C {
    if abs(z) < 0.5 {
        let r = z.re * (2.0 + z.re) + z.im * z.im;
        return of(0.5 * r.ln_1p(), z.im.atan2(z.re + 1.0));
    }
    log(of(z.re + 1.0, z.im))
}

pub fn sqrt(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x == 0.0 && y == 0.0 {
        return of(0.0, y);
    }
    if y.is_infinite() {
        return of(f64::INFINITY, y);
    }
    if x.is_infinite() {
        let part = if y.is_nan() { y } else { 0f64.copysign(y) };
        return if x > 0.0 { of(x, part) } else { of(part.abs(), x.abs().copysign(y)) };
    }
    // Scaled, so that neither the square nor the sum overflows.
    let scale = if x.abs().max(y.abs()) > 1e300 { 0.25 } else { 1.0 };
    let (a, b) = (x * scale, y * scale);
    let t = ((a.abs() + a.hypot(b)) / 2.0).sqrt();
    let back = if scale == 1.0 { 1.0 } else { 2.0 };
    if x >= 0.0 { of(t * back, b / (2.0 * t) * back) } else { of((b / (2.0 * t)).abs() * back, t.copysign(y) * back) }
}

/// After R. L. Smith (1962): by the larger part of the divisor, so that its square is not taken.
pub fn div(a: C, b: C) -> C {
    if b.re.abs() >= b.im.abs() {
        if b.re == 0.0 && b.im == 0.0 {
            return of(a.re / b.re.abs(), a.im / b.im.abs());
        }
        let ratio = b.im / b.re;
        let by = b.re + b.im * ratio;
        of((a.re + a.im * ratio) / by, (a.im - a.re * ratio) / by)
    } else {
        let ratio = b.re / b.im;
        let by = b.im + b.re * ratio;
        of((a.re * ratio + a.im) / by, (a.im * ratio - a.re) / by)
    }
}

pub fn rsqrt(z: C) -> C {
    div(of(1.0, 0.0), sqrt(z))
}

/// A power: e^(b log a); 0 to a power other than 0 is 0, and anything to the power of 0 is 1.
pub fn pow(a: C, b: C) -> C {
    if b.re == 0.0 && b.im == 0.0 {
        return of(1.0, 0.0);
    }
    if a.re == 0.0 && a.im == 0.0 {
        return if b.im == 0.0 && b.re > 0.0 { of(0.0, 0.0) } else { exp(mul(b, log(a))) };
    }
    exp(mul(b, log(a)))
}

pub fn sinh(z: C) -> C {
    if z.im == 0.0 {
        return of(z.re.sinh(), z.im);
    }
    if z.re == 0.0 {
        return of(z.re, z.im.sin());
    }
    let (s, c) = z.im.sin_cos();
    of(z.re.sinh() * c, z.re.cosh() * s)
}

pub fn cosh(z: C) -> C {
    if z.im == 0.0 {
        return of(z.re.cosh(), z.re.signum() * z.im);
    }
    if z.re == 0.0 {
        return of(z.im.cos(), z.re * z.im.sin());
    }
    let (s, c) = z.im.sin_cos();
    of(z.re.cosh() * c, z.re.sinh() * s)
}

/// Kahan's: with t = tan y and s = sinh x, neither of which overflows while |x| is small.
pub fn tanh(z: C) -> C {
    if z.re.abs() > 22.0 {
        let sign = if z.im.is_finite() { (2.0 * z.im).sin() } else { 1.0 };
        return of(1f64.copysign(z.re), 2.0 * sign * (-2.0 * z.re.abs()).exp());
    }
    let (t, s) = (z.im.tan(), z.re.sinh());
    let (b, r) = (1.0 + t * t, (1.0 + s * s).sqrt());
    let by = 1.0 + b * s * s;
    of(b * r * s / by, t / by)
}

pub fn sin(z: C) -> C {
    over_i(sinh(times_i(z)))
}

pub fn cos(z: C) -> C {
    cosh(times_i(z))
}

pub fn tan(z: C) -> C {
    over_i(tanh(times_i(z)))
}

/// The root of 1 - z, with the sign of a zero kept.
fn root_less(z: C) -> C {
    sqrt(of(1.0 - z.re, -z.im))
}

fn root_more(z: C) -> C {
    sqrt(of(1.0 + z.re, z.im))
}

pub fn asin(z: C) -> C {
    let (a, b) = (root_less(z), root_more(z));
    of(z.re.atan2(a.re * b.re - a.im * b.im), (a.re * b.im - a.im * b.re).asinh())
}

pub fn acos(z: C) -> C {
    let (a, b) = (root_less(z), root_more(z));
    of(2.0 * a.re.atan2(b.re), (b.re * a.im - b.im * a.re).asinh())
}

pub fn atanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.abs() > 1e150 || y.abs() > 1e150 {
        // 1 / z, and a quarter turn.
        let r = x.hypot(y);
        let re = if r.is_infinite() { 0f64.copysign(x) } else { x / r / r };
        return of(re, FRAC_PI_2.copysign(y));
    }
    // Of |x|: the logarithm is of a number above 1, where `ln_1p` loses nothing.
    let a = x.abs();
    let re = 0.25 * (4.0 * a / ((1.0 - a) * (1.0 - a) + y * y)).ln_1p();
    of(re.copysign(x), 0.5 * (2.0 * y).atan2((1.0 - x) * (1.0 + x) - y * y))
}

pub fn atan(z: C) -> C {
    over_i(atanh(times_i(z)))
}

pub fn asinh(z: C) -> C {
    over_i(asin(times_i(z)))
}

pub fn acosh(z: C) -> C {
    let (a, b) = (sqrt(of(z.re - 1.0, z.im)), root_more(z));
    of((a.re * b.re + a.im * b.im).asinh(), 2.0 * a.im.atan2(b.re))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(name: &str, got: C, want: C) {
        let off = abs(of(got.re - want.re, got.im - want.im));
        assert!(off <= 1e-12 * (1.0 + abs(want)), "{name}: {got:?}, expected {want:?}");
    }

    #[test]
    fn inverses_undo() {
        for x in [-3.0, -1.0, -0.7, 0.0, 1e-9, 0.4, 1.0, 2.5] {
            for y in [-2.0, -0.5, 1e-7, 0.3, 1.7] {
                let z = of(x, y);
                close("exp log", exp(log(z)), z);
                close("sqrt", mul(sqrt(z), sqrt(z)), z);
                close("sin asin", sin(asin(z)), z);
                close("cos acos", cos(acos(z)), z);
                close("tan atan", tan(atan(z)), z);
                close("sinh asinh", sinh(asinh(z)), z);
                close("cosh acosh", cosh(acosh(z)), z);
                close("tanh atanh", tanh(atanh(z)), z);
                close("log1p", log1p(z), log(of(1.0 + x, y)));
                close("expm1", expm1(z), of(exp(z).re - 1.0, exp(z).im));
                close("div", mul(div(z, of(0.3, -4.0)), of(0.3, -4.0)), z);
                close("pow", pow(z, of(2.0, 0.0)), mul(z, z));
            }
        }
    }
}
