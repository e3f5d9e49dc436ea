//! Pointwise functions made of rows: comparisons of whole tensors, powers of two.

use super::any_false;
use crate::bail;
use crate::core::{DType, Number};
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::classify::near;
use crate::ops::elementwise::compare::{eq, logical_and, logical_or};
use crate::ops::elementwise::map::{on, on_with};
use crate::ops::elementwise::power::pow;
use crate::ops::elementwise::rounding::{exponent, mantissa};
use crate::tensor::{Operand, Tensor, data};

/// Where elements are close, by PyTorch's rule.
fn close(x: &Tensor, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<Tensor> {
    if x.dtype() != other.dtype() {
        bail!(Runtime, "{} did not match {}", x.dtype().scalar_name(), other.dtype().scalar_name());
    }
    for (name, bound) in [("rtol", rtol), ("atol", atol)] {
        if bound < 0.0 || bound.is_nan() {
            bail!(
                Runtime,
                "{name} must be greater than or equal to zero, but got {}",
                crate::core::number::spelled(bound)
            );
        }
    }
    let wider;
    let [x, other] = match x.dtype() {
        DType::C32 => {
            wider = [x.to_dtype(DType::C64)?, other.to_dtype(DType::C64)?];
            wider.each_ref()
        }
        _ => [x, other],
    };
    let pair = [x, other].map(Operand::Tensor);
    let close = match (rtol, atol) {
        (0.0, 0.0) => on(&eq::ROW, pair)?,
        _ => on_with(&near::ROW, pair, [rtol, atol].map(Number::Float))?,
    };
    if !equal_nan || !x.dtype().is_differentiable() {
        return Ok(close);
    }
    let both = on(&logical_and::ROW, [&x.isnan()?, &other.isnan()?].map(Operand::Tensor))?;
    on(&logical_or::ROW, [&close, &both].map(Operand::Tensor))
}

fn only_double(what: &str, name: &str, dtype: DType, needed: DType) -> Result<()> {
    if dtype != needed {
        bail!(
            Runtime,
            "the {what} given to {name} has dtype {} but the operation's result requires dtype {}",
            dtype.scalar_name(),
            needed.scalar_name()
        );
    }
    Ok(())
}

ops! {
    /// Whether each element is within `atol + rtol * |other|` of `other`'s; NaN is close to NaN if `equal_nan`.
    ///
    /// Both have one dtype. Raises RuntimeError for other dtypes and for negative tolerances.
    isclose as ["isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor"] {
        call(x = self: &Tensor, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) {
            close(x, other, rtol, atol, equal_nan)
        },
        samples: [
            "u(2, 3), u(2, 3), 0.5, 0.5",
            "u(2, 3), u(3), atol=1.0",
            "edges(INF, NAN, 1.0, -INF), edges(INF, NAN, 1.00000001, INF)",
            "edges(INF, NAN, 1.0), edges(INF, NAN, 2.0), equal_nan=True",
            "u(3), u(3), 0.0, 0.0",
            "u(3), u(3), -1.0",
            "u(3), ix(3, n=2)",
        ],
    }
    /// Whether all elements are close, as `isclose` says: one bool.
    ///
    ///     >>> torch.allclose(torch.tensor([1.]), torch.tensor([1. + 1e-9]))
    ///     True
    allclose as ["allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool"] {
        call(x = self: &Tensor, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) {
            any_false(&close(x, other, rtol, atol, equal_nan)?).map(|any| !any)
        },
        samples: [
            "u(2, 3), u(2, 3)",
            "u(3), u(3), 10.0",
            "edges(NAN), edges(NAN), equal_nan=True",
            "u(0, 3), u(3)",
            "u(3), ix(3, n=2)",
        ],
    }
    /// Whether both tensors have one shape and equal elements: one bool. NaN equals nothing.
    equal as ["equal(Tensor self, Tensor other) -> bool"] {
        call(x = self: &Tensor, other: &Tensor) {
            if x.shape() != other.shape() {
                return Ok(false);
            }
            data::needs_values("equal", &[x, other])?;
            any_false(&on(&eq::ROW, [x, other].map(Operand::Tensor))?).map(|any| !any)
        },
        samples: ["u(2, 3), u(2, 3)", "mask(0), mask(0)", "u(3), u(2)", "edges(0.0, NAN), edges(-0.0, NAN)", "ix(3, n=1), ix(3, n=1)"],
    }
    /// Mantissas in [0.5, 1) and exponents (int32), whose `ldexp` is the tensor: 0 for zeros, infinities and NaN.
    ///
    /// Floats only (RuntimeError). Gradient: of the mantissa, g 2^-exponent.
    frexp + out + exact as ["frexp(Tensor self) -> (Tensor mantissa, Tensor exponent)"] {
        call(x = self: &Tensor) {
            if !x.dtype().is_float() {
                bail!(Runtime, "torch.frexp() only supports floating-point dtypes");
            }
            let powers = on(&exponent::ROW, [Operand::Tensor(&x.detach())])?.to_dtype(DType::I32)?;
            Ok(vec![on(&mantissa::ROW, [Operand::Tensor(x)])?, powers])
        },
        samples: [
            "u(2, 3)",
            "u(3, 2).t() * 100",
            "edges(0.0, -0.0, 1.0, 0.99609375, INF, -INF, NAN, 1e-5)",
        ],
    }
    /// `self` times 2 to the power of `other`.
    ldexp + out + inplace as ["ldexp(Tensor self, Tensor other) -> Tensor"] graph "LdexpBackward0" {
        call(x = self: &Tensor, other: &Tensor) {
            let power = on(&pow::ROW, [Operand::Number(Number::Float(2.0)), Operand::Tensor(other)])?;
            // Whole powers do not widen a half.
            x.mul(&if x.dtype().is_half() && !other.dtype().is_float() { power.to_dtype(x.dtype())? } else { power })
        },
        samples: ["u(2, 3), ix(2, 3, n=5)", "u(2, 3), u(3)", "u(3, 2).t(), ix(n=3)"],
    }
    /// `self` to the power of `exponent`, computed in float64.
    float_power + out + inplace as [
        "float_power(Tensor self, Operand exponent) -> Tensor",
        "function.float_power(Scalar self, Tensor exponent) -> Tensor",
    ] {
        call(x = self: Operand, exponent: Operand; a) {
            let complex = |o: Operand| match o {
                Operand::Tensor(t) => t.dtype().is_complex(),
                Operand::Number(n) => matches!(n, Number::Complex(..)),
            };
            let needed = if complex(x) || complex(exponent) { DType::C128 } else { DType::F64 };
            if a.inplace {
                only_double("base", "float_power_", a.this()?.dtype(), needed)?;
            }
            if let Some(dtype) = a.out_dtype() {
                only_double("output", "float_power", dtype, needed)?;
            }
            let wide = |o: Operand| match o {
                Operand::Tensor(t) if t.dtype().is_complex() => t.to_dtype(DType::C128).map(Some),
                Operand::Tensor(t) => t.to_dtype(DType::F64).map(Some),
                Operand::Number(_) => Ok(None),
            };
            let (base, power) = (wide(x)?, wide(exponent)?);
            let base = base.as_ref().map_or(x, Operand::Tensor);
            on(&pow::ROW, [base, power.as_ref().map_or(exponent, Operand::Tensor)])
        },
        samples: ["pos(2, 3), u(2, 3)", "u(2, 3), 2", "pos(2, 3), ix(3, n=4)", "u(2, 3), 0.5"],
    }
    /// The standard normal distribution function.
    ndtr + out as ["special.ndtr(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            x.div_number(std::f64::consts::SQRT_2)?.erf()?.add_number(1)?.mul_number(0.5)
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, INF, -INF, NAN)"],
    }
}
