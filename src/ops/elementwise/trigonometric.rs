//! Trigonometric and hyperbolic functions with their inverses, beyond `sin`, `cos` and `tanh`.

use crate::bail;
use crate::core::DType;
use crate::elementwise;
use crate::error::Result;
use crate::expr::{Left, Scalar};
use crate::ops::complex::Of;
use crate::ops::elementwise::map::Call;

const PI: f64 = std::f64::consts::PI;
const RADIANS: f64 = PI / 180.0;
const DEGREES: f64 = 180.0 / PI;
const LN_2: f64 = std::f64::consts::LN_2;

/// asinh for x >= 0: log1p(x + x^2 / (1 + sqrt(x^2 + 1))); far out log(2 x), whose square would overflow.
#[inline(always)]
fn asinh_positive<S: Scalar>(x: S) -> S
where
    f64: Left<S>,
{
    let near = S::select(x.lt(1e9), x, S::lit(1.0));
    let z = near * near;
    S::select(x.lt(1e9), (near + z / (1.0 + (z + 1.0).sqrt())).log1p(), x.log() + LN_2)
}

fn real(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_complex() {
        bail!(Runtime, "{} is not supported for complex tensors.", c.row.name);
    }
    Ok(())
}

elementwise! {
    /// The tangent of each element, in radians.
    tan(x) float + complex + rare {
        value: x.tan(),
        grad(y, g): [g * (1.0 + y * y)],
        samples: ["u(2, 3, lo=-1.4, hi=1.4)", "u(2, 3) * 100", "edges(0.0, -0.0, INF, NAN)"],
    }
    /// The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1].
    asin(x) float + complex + rare aliases ["arcsin"] {
        value: x.asin(),
        grad(y, g): [g * (1.0 - x * x).rsqrt()],
        samples: ["u(2, 3, lo=-0.9, hi=0.9)", "u(3, 2, lo=-0.9, hi=0.9).t()", "edges(0.0, -0.0, 1.0, -1.0, 2.0, NAN)"],
    }
    /// The angle in [0, pi] whose cosine is x; NaN outside [-1, 1].
    acos(x) float + complex + rare aliases ["arccos"] {
        value: x.acos(),
        grad(y, g): [-(g * (1.0 - x * x).rsqrt())],
        samples: ["u(2, 3, lo=-0.9, hi=0.9)", "u(3, 2, lo=-0.9, hi=0.9).t()", "edges(0.0, 1.0, -1.0, 2.0, NAN)"],
    }
    /// The angle in [-pi/2, pi/2] whose tangent is x.
    atan(x) float + complex + rare aliases ["arctan"] {
        value: x.atan(),
        grad(y, g): [g / (x * x + 1.0)],
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, 1e10, INF, -INF, NAN)"],
    }
    /// The angle in [-pi, pi] of the point (other, self).
    atan2(a, b) float + rare as ["atan2(Tensor self, Tensor other) -> Tensor"] aliases ["arctan2"] {
        value: a.atan2(b),
        grad(y, g): [
            S::select(a.eq(0.0) & b.eq(0.0), S::lit(0.0), g * (b / (a * a + b * b))),
            S::select(a.eq(0.0) & b.eq(0.0), S::lit(0.0), g * (-a / (a * a + b * b))),
        ],
        samples: ["u(2, 3), nz(2, 3)", "u(2, 3), nz(3)", "edges(0.0, -0.0, 0.0, 1.0, INF).detach(), edges(0.0, -1.0, -0.0, -0.0, INF).detach()"],
    }
    /// The hyperbolic sine of each element.
    sinh(x) float + complex + rare {
        value: x.sinh(),
        grad(y, g): [g * x.cosh()],
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, 20.0, INF, -INF, NAN)"],
    }
    /// The hyperbolic cosine of each element.
    cosh(x) float + complex + rare {
        value: x.cosh(),
        grad(y, g): [g * x.sinh()],
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 20.0, INF, -INF, NAN)"],
    }
    /// The inverse of `sinh`.
    asinh(x) float + rare aliases ["arcsinh"] {
        value: asinh_positive(x.abs()).copysign(x),
        grad(y, g): [g * (x * x + 1.0).rsqrt()],
        complex: |x| Of::Asinh.run(x),
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, 1e-6, 1e30, INF, -INF, NAN)"],
    }
    /// The inverse of `cosh`, not negative; NaN below 1.
    acosh(x) float + rare aliases ["arccosh"] {
        value: {
            let near = S::select(x.lt(1e9), x, S::lit(2.0));
            let t = near - 1.0;
            S::select(x.lt(1e9), (t + (t * (near + 1.0)).sqrt()).log1p(), x.log() + LN_2)
        },
        grad(y, g): [g * (x * x - 1.0).rsqrt()],
        complex: |x| Of::Acosh.run(x),
        samples: ["u(2, 3, lo=1.0, hi=4.0)", "u(3, 2, lo=1.0, hi=4.0).t()", "edges(1.0, 0.5, -2.0, 1e30, INF, NAN)"],
    }
    /// The inverse of `tanh`; NaN outside [-1, 1].
    atanh(x) float + rare aliases ["arctanh"] {
        value: {
            let a = x.abs();
            (0.5 * (2.0 * a / (1.0 - a)).log1p()).copysign(x)
        },
        grad(y, g): [g / (1.0 - x * x)],
        complex: |x| Of::Atanh.run(x),
        samples: ["u(2, 3, lo=-0.9, hi=0.9)", "u(3, 2, lo=-0.9, hi=0.9).t()", "edges(0.0, -0.0, 1e-6, 1.0, -1.0, NAN)"],
    }
    /// sin(pi x) / (pi x), 1 at 0.
    sinc(x) float + complex + rare aliases ["special.sinc"] {
        value: {
            let z = x * PI;
            S::select(x.eq(0.0), S::lit(1.0), z.sin() / z)
        },
        grad(y, g): [{
            let z = x * PI;
            S::select(x.eq(0.0), S::lit(0.0), g * ((z * z.cos() - z.sin()) / (z * x)))
        }],
        samples: ["nz(2, 3)", "nz(3, 2).t()", "edges(0.0, -0.0, 1.0, INF, NAN).detach()"],
    }
    /// Degrees as radians.
    deg2rad(x) float + rare named "Deg2RadBackward" {
        value: x * RADIANS,
        grad(y, g): [g * RADIANS],
        check: real,
        samples: ["u(2, 3)", "u(3, 2).t() * 90", "edges(0.0, 180.0, INF, NAN)"],
    }
    /// Radians as degrees.
    rad2deg(x) float + rare named "Rad2DegBackward" {
        value: x * DEGREES,
        grad(y, g): [g * DEGREES],
        check: real,
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 3.0, INF, NAN)"],
    }
    /// sqrt(self^2 + other^2), without overflow on the way.
    hypot(a, b) float_only + rare as ["hypot(Tensor self, Tensor other) -> Tensor"] {
        value: {
            let (x, z) = (a.abs(), b.abs());
            let (most, least) = (x.max(z), x.min(z));
            let r = least / most;
            let y = S::select(most.eq(0.0), most, most * (1.0 + r * r).sqrt());
            S::select(x.eq(f64::INFINITY) | z.eq(f64::INFINITY), S::lit(f64::INFINITY), y)
        },
        grad(y, g): [g * (a / y), g * (b / y)],
        samples: ["u(2, 3), nz(2, 3)", "u(2, 3), nz(3)", "edges(0.0, 3e30, INF, NAN), edges(0.0, 4e30, NAN, 1.0)"],
    }
}
