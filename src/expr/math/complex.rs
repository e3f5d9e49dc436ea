//! Elementary functions of complex numbers, as pairs of float64: rows compute complex64 through them too, so that every result
//! is rounded once. Principal values; the sign of a zero says from which side a branch cut is met. After W. Kahan, "Branch Cuts
//! for Complex Elementary Functions" (1987), where a plain formula would cancel or overflow.

use std::f64::consts::{FRAC_PI_2, LN_2, LN_10};

use crate::core::Complex;
use crate::expr::Native;

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

/// v e^x for v that is not 0: infinite only where the product is.
fn grown(v: f64, x: f64) -> f64 {
    const STEP: f64 = 700.0;
    if x > STEP { v * STEP.exp() * (x - STEP).exp() } else { v * x.exp() }
}

pub fn exp(z: C) -> C {
    let (x, y) = (z.re, z.im);
    // A zero times an infinity would be NaN.
    if y == 0.0 {
        return of(x.exp(), y);
    }
    if !y.is_finite() && x.is_infinite() {
        return if x > 0.0 { of(x, f64::NAN) } else { of(0.0, 0f64.copysign(y)) };
    }
    let (s, c) = y.sin_cos();
    of(grown(c, x), grown(s, x))
}

/// e^z - 1: the real part is expm1(x) cos y - 2 sin(y / 2)^2. As PyTorch's it has no exception for real z.
pub fn expm1(z: C) -> C {
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
    if z.re.is_nan() || z.im.is_nan() {
        return of(f64::NAN, f64::NAN);
    }
    if z.re == 0.0 && z.im == 0.0 {
        return z;
    }
    if abs(z) < 0.5 {
        let r = z.re * (2.0 + z.re) + z.im * z.im;
        return of(0.5 * r.ln_1p(), z.im.atan2(z.re + 1.0));
    }
    log(of(z.re + 1.0, z.im))
}

/// log(e^a + e^b), after PyTorch: by the number with the larger real part.
pub fn log_add_exp(a: C, b: C) -> C {
    if a.re.is_nan() || a.im.is_nan() || b.re.is_nan() || b.im.is_nan() {
        return of(f64::NAN, f64::NAN);
    }
    let (low, high) = if a.re < b.re { (a, b) } else { (b, a) };
    if low.re == high.re && low.re.is_infinite() {
        let (x, y) = (exp(low), exp(high));
        return if low.re < 0.0 { low } else { log(of(x.re + y.re, x.im + y.im)) };
    }
    let more = log1p(exp(of(low.re - high.re, low.im - high.im)));
    of(more.re + high.re, more.im + high.im)
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

pub fn rsqrt(z: C) -> C {
    Native::div(of(1.0, 0.0), sqrt(z))
}

/// The products of cosh x and sinh x with a and b, which are not 0.
fn cosh_sinh(x: f64, a: f64, b: f64) -> (f64, f64) {
    if x.abs() < 40.0 {
        return (a * x.cosh(), b * x.sinh());
    }
    (grown(0.5 * a, x.abs()), grown(0.5 * b, x.abs()).copysign(if x < 0.0 { -b } else { b }))
}

pub fn sinh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if y == 0.0 {
        return of(x.sinh(), y);
    }
    if !y.is_finite() {
        let re = if x.is_infinite() {
            x.abs()
        } else if x == 0.0 {
            x
        } else {
            f64::NAN
        };
        return of(re, f64::NAN);
    }
    let (s, c) = y.sin_cos();
    let (im, re) = cosh_sinh(x, s, c);
    of(re, im)
}

pub fn cosh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if y == 0.0 {
        return of(x.cosh(), if x.is_nan() { y } else { 1f64.copysign(x) * y });
    }
    if !y.is_finite() {
        return of(if x.is_infinite() { x.abs() } else { f64::NAN }, if x == 0.0 { 0.0 } else { f64::NAN });
    }
    let (s, c) = y.sin_cos();
    let (re, im) = cosh_sinh(x, c, s);
    of(re, im)
}

/// Kahan's: with t = tan y and s = sinh x, neither of which overflows while |x| is small.
pub fn tanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.is_infinite() || x.abs() > 22.0 && y.is_finite() {
        let (s, c) = y.sin_cos();
        let turn = if y.is_finite() { s * c } else { 0f64.copysign(y) };
        return of(1f64.copysign(x), 4.0 * turn * (-2.0 * x.abs()).exp());
    }
    if y == 0.0 {
        return of(x.tanh(), y);
    }
    if !y.is_finite() {
        return of(if x == 0.0 { x } else { f64::NAN }, f64::NAN);
    }
    let (t, s) = (y.tan(), x.sinh());
    let (b, r) = (1.0 + t * t, (1.0 + s * s).sqrt());
    let by = 1.0 + b * s * s;
    of(b * r * s / by, t / by)
}

pub fn sin(z: C) -> C {
    if z.im.is_infinite() && !z.re.is_finite() {
        return of(f64::NAN, f64::INFINITY);
    }
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

/// Whether a number has no square that the formulas around it could take.
fn huge(z: C) -> bool {
    z.re.abs() > 1e150 || z.im.abs() > 1e150
}

/// log(2 |z|) of huge z.
fn log_twice(z: C) -> f64 {
    log(of(z.re.abs(), z.im.abs())).re + LN_2
}

pub fn asin(z: C) -> C {
    if z.re == 0.0 {
        // Also where the imaginary part is NaN.
        return of(z.re, if z.im.is_nan() { z.im } else { z.im.asinh() });
    }
    over_i(asinh(times_i(z)))
}

pub fn acos(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if !x.is_finite() || !y.is_finite() || huge(z) {
        let v = asin(z);
        // Not pi / 2 less the arcsine, which would cancel at the cut.
        let re = if huge(z) && !v.re.is_nan() { y.abs().atan2(x) } else { FRAC_PI_2 - v.re };
        return of(re, -v.im);
    }
    let (a, b) = (root_less(z), root_more(z));
    of(2.0 * a.re.atan2(b.re), (b.re * a.im - b.im * a.re).asinh())
}

pub fn atanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if y.is_nan() {
        let re = if x == 0.0 {
            x
        } else if x.is_infinite() {
            0f64.copysign(x)
        } else {
            f64::NAN
        };
        return of(re, f64::NAN);
    }
    if x.is_nan() {
        return if y.is_infinite() { of(0f64.copysign(x), FRAC_PI_2.copysign(y)) } else { of(x, f64::NAN) };
    }
    if huge(z) {
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
    let (x, y) = (z.re, z.im);
    if y == 0.0 && !x.is_infinite() {
        return of(if x.is_nan() { x } else { x.asinh() }, y);
    }
    if huge(z) || x.is_nan() || y.is_nan() {
        if y.is_infinite() {
            return of(f64::INFINITY.copysign(x), if x.is_nan() { x } else { y.atan2(x.abs()) });
        }
        let re = if x.is_infinite() { x } else { log_twice(z).copysign(x) };
        return of(re, y.atan2(x.abs()));
    }
    let v = times_i(z);
    let (a, b) = (root_less(v), root_more(v));
    over_i(of(v.re.atan2(a.re * b.re - a.im * b.im), (a.re * b.im - a.im * b.re).asinh()))
}

pub fn acosh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.is_nan() || y.is_nan() || huge(z) {
        let re = if x.is_infinite() || y.is_infinite() { f64::INFINITY } else { log_twice(z) };
        let im = if x == 0.0 { FRAC_PI_2 } else { y.atan2(x) };
        return of(re, if y.is_nan() { im } else { im.copysign(y) });
    }
    let (a, b) = (sqrt(of(x - 1.0, y)), root_more(z));
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
                close("div", mul(Native::div(z, of(0.3, -4.0)), of(0.3, -4.0)), z);
                close("pow", Native::pow(z, of(2.0, 0.0)), mul(z, z));
            }
        }
    }
}
