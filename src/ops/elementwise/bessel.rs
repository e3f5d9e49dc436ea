//! Bessel functions and their kin.

use super::fits;
use crate::core::DType;
use crate::elementwise;
use crate::error::Result;
use crate::ops::elementwise::map::Call;

/// PyTorch has no kernel for float16 and bfloat16.
fn no_halves(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_half() { Err(dtype.lacks(c.row.kernel)) } else { Ok(()) }
}

elementwise! {
    /// The modified Bessel function of the first kind of order 0.
    i0(x) float + rare aliases ["special.i0"] kernel "i0_vml_cpu" {
        value: fits::i0(x),
        grad(y, g): [g * fits::i1(x)],
        samples: ["u(2, 3)", "u(3, 2).t() * 10", "edges(0.0, 8.0, 20.0, INF, -INF, NAN).detach()"],
    }
    /// exp(-|x|) i0(x).
    i0e(x) float + rare + out_only as ["special.i0e(Tensor self) -> Tensor"] named "SpecialI0EBackward" {
        value: fits::i0e_positive(x.abs()),
        grad(y, g): [g * (fits::i1e_positive(x.abs()).copysign(x) - x.sign() * y)],
        samples: ["u(2, 3)", "u(3, 2).t() * 10", "edges(0.0, 8.0, 1000.0, INF, -INF, NAN).detach()"],
    }
    /// The modified Bessel function of the first kind of order 1.
    i1(x) float + rare + out_only as ["special.i1(Tensor self) -> Tensor"] named "SpecialI1Backward" {
        value: fits::i1(x),
        grad(y, g): [g * S::select(x.eq(0.0), S::lit(0.5), fits::i0(x) - y / x)],
        samples: ["nz(2, 3)", "nz(3, 2).t() * 10", "edges(0.0, 8.0, 20.0, INF, -INF, NAN).detach()"],
    }
    /// exp(-|x|) i1(x).
    i1e(x) float + rare + out_only as ["special.i1e(Tensor self) -> Tensor"] named "SpecialI1EBackward" {
        value: fits::i1e_positive(x.abs()).copysign(x),
        grad(y, g): [g * S::select(x.eq(0.0), S::lit(0.5), fits::i0e_positive(x.abs()) - y * (x.sign() + 1.0 / x))],
        samples: ["nz(2, 3)", "nz(3, 2).t() * 10", "edges(0.0, 8.0, 1000.0, INF, -INF, NAN).detach()"],
    }
    /// The modified Bessel function of the first kind of order 0, without a derivative.
    modified_bessel_i0(x) float + rare + out_only as ["special.modified_bessel_i0(Tensor self) -> Tensor"] {
        value: fits::i0(x),
        check: no_halves,
        samples: ["u(2, 3).detach()", "edges(0.0, 8.0, 20.0, NAN).detach()"],
    }
    /// The modified Bessel function of the first kind of order 1, without a derivative.
    modified_bessel_i1(x) float + rare + out_only as ["special.modified_bessel_i1(Tensor self) -> Tensor"] {
        value: fits::i1(x),
        check: no_halves,
        samples: ["u(2, 3).detach()", "edges(0.0, 8.0, 20.0, NAN).detach()"],
    }
    /// The modified Bessel function of the second kind of order 0.
    modified_bessel_k0(x) float + rare + out_only as ["special.modified_bessel_k0(Tensor self) -> Tensor"] {
        value: fits::k0(x),
        check: no_halves,
        samples: ["pos(2, 3).detach()", "edges(0.0, -1.0, 2.0, 20.0, INF, NAN).detach()"],
    }
    /// The modified Bessel function of the second kind of order 1.
    modified_bessel_k1(x) float + rare + out_only as ["special.modified_bessel_k1(Tensor self) -> Tensor"] {
        value: fits::k1(x),
        check: no_halves,
        samples: ["pos(2, 3).detach()", "edges(0.0, -1.0, 2.0, 20.0, INF, NAN).detach()"],
    }
    /// exp(x) times the modified Bessel function of the second kind of order 0.
    scaled_modified_bessel_k0(x) float + rare + out_only as ["special.scaled_modified_bessel_k0(Tensor x) -> Tensor"] {
        value: fits::k0e(x),
        check: no_halves,
        samples: ["pos(2, 3).detach()", "edges(0.0, -1.0, 2.0, 200.0, NAN).detach()"],
    }
    /// exp(x) times the modified Bessel function of the second kind of order 1.
    scaled_modified_bessel_k1(x) float + rare + out_only as ["special.scaled_modified_bessel_k1(Tensor x) -> Tensor"] {
        value: fits::k1e(x),
        check: no_halves,
        samples: ["pos(2, 3).detach()", "edges(0.0, -1.0, 2.0, 200.0, NAN).detach()"],
    }
    /// The Bessel function of the first kind of order 0.
    bessel_j0(x) float + rare + out_only as ["special.bessel_j0(Tensor self) -> Tensor"] {
        value: fits::j0(x),
        check: no_halves,
        samples: ["u(2, 3).detach()", "edges(0.0, 3.0, -3.5, NAN).detach()"],
    }
    /// The Bessel function of the first kind of order 1.
    bessel_j1(x) float + rare + out_only as ["special.bessel_j1(Tensor self) -> Tensor"] {
        value: fits::j1(x),
        check: no_halves,
        samples: ["u(2, 3).detach()", "edges(0.0, 3.0, -3.5, NAN).detach()"],
    }
    /// The Bessel function of the second kind of order 0; NaN below 0.
    bessel_y0(x) float + rare + out_only as ["special.bessel_y0(Tensor self) -> Tensor"] {
        value: fits::y0(x),
        check: no_halves,
        samples: ["pos(2, 3).detach()", "edges(0.0, -1.0, 3.0, 3.5, NAN).detach()"],
    }
    /// The Bessel function of the second kind of order 1; NaN below 0.
    bessel_y1(x) float + rare + out_only as ["special.bessel_y1(Tensor self) -> Tensor"] {
        value: fits::y1(x),
        check: no_halves,
        samples: ["pos(2, 3).detach()", "edges(0.0, -1.0, 3.0, 3.5, NAN).detach()"],
    }
    /// sin(x) / x, the spherical Bessel function of the first kind of order 0.
    spherical_bessel_j0(x) float + rare + out_only as ["special.spherical_bessel_j0(Tensor x) -> Tensor"] {
        value: {
            let y = S::select(x.eq(0.0), S::lit(1.0), x.sin() / x);
            S::select(x.abs().eq(f64::INFINITY), S::lit(0.0), y)
        },
        check: no_halves,
        samples: ["u(2, 3).detach()", "edges(0.0, 0.1, 20.0, INF, NAN).detach()"],
    }
    /// The Airy function Ai.
    airy_ai(x) float + rare + out_only as ["special.airy_ai(Tensor x) -> Tensor"] {
        value: fits::airy_ai(x),
        check: no_halves,
        samples: ["u(2, 3).detach()", "edges(0.0, 1.0, -1.0, INF, NAN).detach()"],
    }
}
