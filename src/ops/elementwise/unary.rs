//! Elementwise functions of one operand.

use crate::bail;
use crate::core::DType;
use crate::elementwise;
use crate::error::Result;
use crate::ops::complex::Of;
use crate::ops::elementwise::map::{self, Call};
use crate::tensor::{Operand, Tensor};

fn no_bool_negation(_: &Call, dtype: DType) -> Result<()> {
    if dtype == DType::Bool {
        bail!(
            Runtime,
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the \
             `~` or `logical_not()` operator instead."
        );
    }
    Ok(())
}

/// The gradient of a reciprocal in halves, rounded after each step as PyTorch's is.
fn stepwise_square(_: [Operand; 2], y: Option<&Tensor>, g: &Tensor, _: usize) -> Result<Tensor> {
    let Some(y) = y else { bail!(Runtime, "internal error: reciprocal backward without its result") };
    g.neg()?.mul(&y.mul(y)?)
}

elementwise! {
    /// The negative of each element.
    ///
    ///     >>> torch.neg(torch.tensor([1., -2.]))
    ///     tensor([-1.,  2.])
    neg(x) numeric + same_out + complex + chalf as ["neg(Tensor self) -> Tensor; __neg__"] aliases ["negative"] {
        value: -x,
        grad(y, g): [-g],
        check: no_bool_negation,
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "u()", "u(0, 3)", "edges(0.0, -0.0, INF, NAN)"],
    }
    /// The absolute value of each element.
    ///
    /// Gradient: g sign(x), 0 at 0.
    ///
    ///     >>> torch.abs(torch.tensor([-1.5, 2.]))
    ///     tensor([1.5000, 2.0000])
    abs(x) numeric + same_out as ["abs(Tensor self) -> Tensor; __abs__"] aliases ["absolute"] {
        value: x.abs(),
        grad(y, g): [g * x.sign()],
        complex: |x| Of::Abs.run(x),
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, -0.0, -INF, NAN)"],
    }
    /// e to the power of each element.
    ///
    ///     >>> torch.exp(torch.tensor([0., 1.]))
    ///     tensor([1.0000, 2.7183])
    exp(x) float + complex {
        value: x.exp(),
        grad(y, g): [g * y],
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "edges(0.0, 88.8, -104.0, INF, -INF, NAN)"],
    }
    /// e to the power of each element, less 1; exact near 0.
    expm1(x) float + complex aliases ["special.expm1"] {
        value: x.expm1(),
        grad(y, g): [g * (y + 1.0)],
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "edges(0.0, -0.0, 1e-8, 88.8, -104.0, INF, -INF, NAN)"],
    }
    /// The natural logarithm of each element; negative elements give NaN.
    ///
    ///     >>> torch.log(torch.tensor([1., 10.]))
    ///     tensor([0.0000, 2.3026])
    log(x) float + complex {
        value: x.log(),
        grad(y, g): [g / x],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -1.0, INF, NAN, 1e-30)"],
    }
    /// The square root of each element; negative elements give NaN.
    ///
    ///     >>> torch.sqrt(torch.tensor([4., 2.]))
    ///     tensor([2.0000, 1.4142])
    sqrt(x) float + complex {
        value: x.sqrt(),
        grad(y, g): [g / (2.0 * y)],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -1.0, INF, NAN)"],
    }
    /// One over the square root of each element.
    rsqrt(x) float + complex {
        value: x.rsqrt(),
        grad(y, g): [-0.5 * g * (y * y * y)],
        samples: ["pos(2, 3)", "pos(3, 2).t()", "edges(0.0, -1.0, INF, NAN)"],
    }
    /// The sine of each element, in radians.
    ///
    ///     >>> torch.sin(torch.tensor([0., 1.]))
    ///     tensor([0.0000, 0.8415])
    sin(x) float + complex {
        value: x.sin(),
        grad(y, g): [g * x.cos()],
        samples: ["u(2, 3)", "u(2, 3) * 100", "edges(0.0, -0.0, INF, NAN)"],
    }
    /// The cosine of each element, in radians.
    ///
    ///     >>> torch.cos(torch.tensor([0., 1.]))
    ///     tensor([1.0000, 0.5403])
    cos(x) float + complex {
        value: x.cos(),
        grad(y, g): [-(g * x.sin())],
        samples: ["u(2, 3)", "u(2, 3) * 100", "edges(0.0, INF, NAN)"],
    }
    /// The hyperbolic tangent of each element.
    ///
    /// Gradient: g (1 - y^2), from the output, so that the input is not saved.
    ///
    ///     >>> torch.tanh(torch.tensor([-1., 0., 1.]))
    ///     tensor([-0.7616,  0.0000,  0.7616])
    tanh(x) float + complex as ["tanh(Tensor self) -> Tensor", "nn.tanh(Tensor input) -> Tensor"] {
        value: x.tanh(),
        grad(y, g): [g * (1.0 - y * y)],
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "edges(0.0, 20.0, -20.0, INF, NAN)"],
    }
    /// Each element times itself; bool becomes int64, as with any power.
    square(x) all + complex named "PowBackward" kernel "pow" {
        value: x * x,
        grad(y, g): [g * (2.0 * x)],
        call(x = self: &Tensor; a) {
            if x.dtype() != DType::Bool {
                return map::call_on(&ROW, [Operand::Tensor(x)], a);
            }
            if a.inplace {
                bail!(Runtime, "result type Long can't be cast to the desired output type Bool");
            }
            map::call_on(&ROW, [Operand::Tensor(&x.to_dtype(DType::I64)?)], a)
        },
        samples: ["u(2, 3)", "u(3, 2).t()"],
    }
    /// One over each element.
    reciprocal(x) float + complex {
        value: 1.0 / x,
        grad(y, g): [-(g * (y * y))],
        half_grad: stepwise_square,
        samples: ["nz(2, 3)", "nz(3, 2).t()", "edges(0.0, INF, NAN)"],
    }
}
