//! Choosing and bounding: where, clamp, and the fused forms of three operands.

use crate::bail;
use crate::core::{DType, Number};
use crate::elementwise;
use crate::error::Result;
use crate::ops::elementwise::map::{self, Call, Row, numbers_fit, params_fit};
use crate::tensor::{Operand, Tensor, mode};

/// Numbers fit, and bool has no kernel for them; for tensors it is `maximum` or `minimum`.
fn bounds_fit(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_complex() {
        bail!(NotImplemented, "clamp is not supported for complex types");
    }
    let numbers = c.number_at(1).is_some();
    let kernel = match (c.operands.len(), c.row.kernel) {
        (3, _) if numbers => "clamp_scalar_cpu",
        (2, "clamp_min_scalar_cpu") if !numbers => "maximum_cpu",
        (2, "clamp_max_scalar_cpu") if !numbers => "minimum_cpu",
        (_, kernel) => kernel,
    };
    if dtype == DType::Bool && (c.operands.len() > 2 || numbers) {
        return Err(dtype.lacks(kernel));
    }
    dtype.usual(kernel)?;
    numbers_fit(c, dtype)
}

/// Conditions are bool, or as they were in old programs uint8.
fn check_condition(dtype: DType) -> Result<()> {
    match dtype {
        DType::Bool => Ok(()),
        DType::U8 => mode::warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future \
             version of PyTorch. Use a boolean condition instead.",
        ),
        other => bail!(
            Runtime,
            "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
            other.scalar_name()
        ),
    }
}

fn same_dtypes(row: &'static Row, x: &Tensor, end: &Tensor) -> Result<()> {
    if x.dtype() != end.dtype() {
        bail!(Runtime, "expected dtype {} for `end` but got dtype {}", x.dtype().c_words(), end.dtype().c_words());
    }
    if x.dtype().is_integral() {
        return Err(x.dtype().lacks(row.kernel));
    }
    Ok(())
}

fn no_integer_quotients(c: &Call, dtype: DType) -> Result<()> {
    if dtype.is_integral() {
        bail!(
            Runtime,
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true \
             division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * \
             torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / \
             tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * \
             tensor1 / tensor2), for all dtypes."
        );
    }
    params_fit(c, dtype)
}

elementwise! {
    /// Elements of `self` where `condition` is true, else of `other`.
    where_(c: bool, a, b) all + same_out + complex + chalf + out_only + unsigned as [
        "function.where(Tensor condition, Tensor self, Tensor other) -> Tensor",
        "function.where(Tensor condition, Operand self, Operand other) -> Tensor; no out",
        "method.where(Tensor self, Tensor condition, Operand other) -> Tensor",
    ] {
        value: S::select(c, a, b),
        grad(y, g): [S::lit(0.0), S::select(c, g, S::lit(0.0)), S::select(c, S::lit(0.0), g)],
        // What does not fit a half is infinite here.
        check: |c, dtype| if dtype.is_half() { Ok(()) } else { numbers_fit(c, dtype) },
        call(condition: &Tensor, x = self: Operand, other: Operand; a) {
            check_condition(condition.dtype())?;
            map::call_on(&ROW, [Operand::Tensor(condition), x, other], a)
        },
        samples: ["mask(2, 3), u(2, 3), u(2, 3)", "mask(3), u(2, 3), u(2, 1)", "mask(2, 3), u(2, 3), 1.5", "mask(2, 3), 0, u(3)",
            "mask(3, 2).t(), u(2, 3), u(2, 3)"],
    }
    /// Elements below `min` become `min`, those above `max` become `max`; either may be left out. NaN stays.
    ///
    /// The gradient passes where the element is within the bounds.
    ///
    ///     >>> torch.clamp(torch.tensor([-1., 0.5, 2.]), 0, 1)
    ///     tensor([0.0000, 0.5000, 1.0000])
    clamp(x, low, high) all + same_out + parametric + compares as [
        "clamp(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
        "clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
    ] aliases ["clip"] named "ClampBackward0|ClampBackward1" kernel "clamp_cpu" {
        // The bound first: of two equal zeros the second operand stays, which is the element.
        value: high.min(low.max(x)),
        grad(y, g): [
            S::select(x.ge(low) & x.le(high), g, S::lit(0.0)),
            S::select(x.lt(low) & low.lt(high), g, S::lit(0.0)),
            S::select(x.gt(high) | high.lt(low), g, S::lit(0.0)),
        ],
        check: bounds_fit,
        call(x = self: &Tensor, min: Option<Operand>, max: Option<Operand>; a) {
            let x = Operand::Tensor(x);
            match (min, max) {
                (Some(low), Some(high)) => map::call_on(&ROW, [x, low, high], a),
                (Some(low), None) => map::call_on(&at_least::ROW, [x, low], a),
                (None, Some(high)) => map::call_on(&at_most::ROW, [x, high], a),
                (None, None) => bail!(Runtime, "torch.clamp: At least one of 'min' or 'max' must not be None"),
            }
        },
        samples: ["u(2, 3), -1, 1", "u(2, 3), min=0", "u(2, 3), max=0.5", "u(2, 3), u(3), u(3)", "u(3, 2).t(), 0, 1",
            "edges(NAN, INF, 0.0), 0, 1", "u(2, 3), None, u(3)"],
    }
    /// Elements below `min` become `min`.
    clamp_min(x, low) all + same_out + parametric + compares as [
        "clamp_min(Tensor self, Tensor min) -> Tensor",
        "clamp_min(Tensor self, Scalar min) -> Tensor",
    ] named "ClampMinBackward1|ClampMinBackward0" kernel "clamp_min_scalar_cpu" {
        value: low.max(x),
        grad(y, g): [S::select(x.ge(low), g, S::lit(0.0)), S::select(x.lt(low), g, S::lit(0.0))],
        check: bounds_fit,
        samples: ["u(2, 3), 0", "u(2, 3), 0.5", "u(2, 3), u(3)"],
    }
    /// Elements above `max` become `max`.
    clamp_max(x, high) all + same_out + parametric + compares as [
        "clamp_max(Tensor self, Tensor max) -> Tensor",
        "clamp_max(Tensor self, Scalar max) -> Tensor",
    ] named "ClampMaxBackward1|ClampMaxBackward0" kernel "clamp_max_scalar_cpu" {
        value: high.min(x),
        grad(y, g): [S::select(x.le(high), g, S::lit(0.0)), S::select(x.gt(high), g, S::lit(0.0))],
        check: bounds_fit,
        samples: ["u(2, 3), 0", "u(2, 3), 0.5", "u(2, 3), u(3)"],
    }
    /// `self + weight * (end - self)`.
    ///
    /// From whichever end is nearer, so that both ends are met exactly.
    ///
    ///     >>> torch.lerp(torch.tensor([0., 10.]), torch.tensor([10., 20.]), 0.5)
    ///     tensor([ 5., 15.])
    lerp(a, b, w) float_only + same_out + complex + wide + parametric as ["lerp(Tensor self, Tensor end, Operand weight) -> Tensor"]
        named "LerpBackward1|LerpBackward0" kernel "lerp_kernel_scalar" {
        value: {
            let near = w.abs().lt(0.5);
            S::select(near, w, w - 1.0).mul_add(b - a, S::select(near, a, b))
        },
        grad(y, g): [g * (1.0 - w), g * w, g * (b - a)],
        check: |c, dtype| numbers_fit(c, if dtype.is_half() { DType::F32 } else { dtype }),
        call(x = self: &Tensor, end: &Tensor, weight: Operand; a) {
            same_dtypes(&ROW, x, end)?;
            let dtype = x.dtype();
            match weight {
                Operand::Tensor(w) if w.ndim() > 0 && w.dtype() != dtype => {
                    bail!(Runtime, "expected dtype {} for `weight` but got dtype {}", dtype.c_words(), w.dtype().c_words())
                }
                Operand::Number(Number::Complex(_, im)) if im != 0.0 && !dtype.is_complex() => {
                    bail!(Runtime, "value cannot be converted to type {} without overflow", dtype.c_words())
                }
                _ => map::call_on(&ROW, [Operand::Tensor(x), Operand::Tensor(end), weight], a),
            }
        },
        samples: ["u(2, 3), u(2, 3), 0.3", "u(2, 3), u(3), u(2, 3)", "u(2, 3), u(2, 3), 0.9"],
    }
    /// `self + value * tensor1 * tensor2`.
    addcmul(a, b, c; value = Number::Int(1)) numeric + complex + wide as [
        "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    ] kernel "addcmul_cpu_out" {
        value: (value * b).mul_add(c, a),
        grad(y, g): [g, g * (value * c), g * (value * b)],
        check: params_fit,
        samples: ["u(2, 3), u(2, 3), u(2, 3)", "u(2, 3), u(3), u(2, 1), value=2"],
    }
    /// `self + value * tensor1 / tensor2`.
    addcdiv(a, b, c; value = Number::Int(1)) float_only + complex + wide as [
        "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    ] {
        value: a + value * b / c,
        grad(y, g): [g, g * (value / c), -(g * (value * b / (c * c)))],
        check: no_integer_quotients,
        samples: ["u(2, 3), u(2, 3), nz(2, 3)", "u(2, 3), u(3), nz(2, 1), value=2"],
    }
    /// `clamp` without `max`.
    at_least(x, low) all + same_out + parametric as [] named "ClampBackward0|ClampBackward1" kernel "clamp_min_scalar_cpu" {
        value: low.max(x),
        grad(y, g): [S::select(x.ge(low), g, S::lit(0.0)), S::select(x.lt(low), g, S::lit(0.0))],
        check: bounds_fit,
        samples: [],
    }
    /// `clamp` without `min`.
    at_most(x, high) all + same_out + parametric as [] named "ClampBackward0|ClampBackward1" kernel "clamp_max_scalar_cpu" {
        value: high.min(x),
        grad(y, g): [S::select(x.le(high), g, S::lit(0.0)), S::select(x.gt(high), g, S::lit(0.0))],
        check: bounds_fit,
        samples: [],
    }
}
