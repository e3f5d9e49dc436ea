//! Activation functions of neural networks.

use crate::bail;
use crate::core::DType;
use crate::elementwise;
use crate::error::Result;
use crate::ops::elementwise::map::{self, Call};
use crate::tensor::{Args, Operand, Outs, Tensor};

fn no_bool(_: &Call, dtype: DType) -> Result<()> {
    if dtype.is_complex() {
        bail!(NotImplemented, "clamp is not supported for complex types");
    }
    if dtype == DType::Bool {
        bail!(Runtime, "Boolean inputs not supported for relu");
    }
    Ok(())
}

/// `f(x, inplace=..)` of nn.functional.
fn maybe_in_place(row: &'static map::Row, x: &Tensor, inplace: bool, a: &Args) -> Result<Outs> {
    if inplace {
        return map::over(row, [Operand::Tensor(x)]).map(Outs::Over);
    }
    map::call_on(row, [Operand::Tensor(x)], a)
}

const SQRT_HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// 1 / sqrt(2 pi)
const DENSITY: f64 = 0.398_942_280_401_432_7;
/// sqrt(2 / pi)
const BETA: f64 = 0.797_884_560_802_865_4;
const KAPPA: f64 = 0.044_715;
const KAPPA_3: f64 = 0.134_145;

elementwise! {
    /// 1 / (1 + exp(-x)) of each element.
    ///
    /// Gradient: g y (1 - y), from the output.
    sigmoid(x) float + complex as ["sigmoid(Tensor self) -> Tensor", "nn.sigmoid(Tensor input) -> Tensor"] aliases ["special.expit"] {
        value: 1.0 / (1.0 + (-x).exp()),
        grad(y, g): [g * (1.0 - y) * y],
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "edges(0.0, 100.0, -100.0, INF, -INF, NAN)"],
    }
    /// Negative elements become zero; NaN and -0.0 stay.
    ///
    /// Gradient: g where the output is positive, from the output.
    ///
    ///     >>> torch.nn.functional.relu(torch.tensor([-1., 2.]))
    ///     tensor([0., 2.])
    relu(x) numeric + inplace_only as ["relu(Tensor self) -> Tensor", "nn.relu(Tensor input, bool inplace=False) -> Tensor"]
        kernel "clamp_min_scalar_cpu" {
        value: S::select(x.lt(0.0), S::lit(0.0), x),
        grad(y, g): [S::select(y.le(0.0), S::lit(0.0), g)],
        check: no_bool,
        call(x = self: &Tensor, inplace: bool; a) { maybe_in_place(&ROW, x, inplace, a) },
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "edges(0.0, -0.0, INF, -INF, NAN)"],
    }
    /// x sigmoid(x) of each element (also called swish).
    silu(x) float_only + complex + no_variants as ["nn.silu(Tensor input, bool inplace=False) -> Tensor"] {
        value: x / (1.0 + (-x).exp()),
        grad(y, g): [{
            let s = 1.0 / (1.0 + (-x).exp());
            g * (s * (1.0 + x * (1.0 - s)))
        }],
        call(x = input: &Tensor, inplace: bool; a) { maybe_in_place(&ROW, x, inplace, a) },
        samples: ["u(2, 3)", "u(3, 2).t()", "edges(0.0, 100.0, -100.0, NAN)"],
    }
    /// x times the standard normal distribution function of x; with `approximate="tanh"` by its usual estimate.
    ///
    /// Hendrycks and Gimpel, 2016.
    ///
    ///     >>> torch.nn.functional.gelu(torch.tensor([-1., 0., 1.]))
    ///     tensor([-0.1587,  0.0000,  0.8413])
    gelu(x) float_only + no_variants as ["nn.gelu(Tensor input, *, str approximate='none') -> Tensor"] kernel "GeluKernelImpl" {
        value: x * 0.5 * (1.0 + (x * SQRT_HALF).erf()),
        grad(y, g): [g * (0.5 * (1.0 + (x * SQRT_HALF).erf()) + x * DENSITY * (x * x * -0.5).exp())],
        call(x = input: &Tensor, approximate: &str; a) {
            let row = match approximate {
                "none" => &ROW,
                "tanh" => &gelu_tanh::ROW,
                _ => bail!(Runtime, "approximate argument must be either none or tanh."),
            };
            map::call_on(row, [Operand::Tensor(x)], a)
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "u(2, 3), approximate='tanh'", "edges(0.0, 10.0, -10.0, INF, NAN)"],
    }
    /// `gelu` with `approximate="tanh"`.
    gelu_tanh(x) float_only + no_variants as [] named "GeluBackward" kernel "GeluKernelImpl" {
        value: 0.5 * x * (1.0 + (BETA * (x + KAPPA * (x * x * x))).tanh()),
        grad(y, g): [{
            let t = (BETA * (x + KAPPA * (x * x * x))).tanh();
            let inner = BETA * (1.0 + KAPPA_3 * (x * x));
            g * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner)
        }],
        samples: [],
    }
}
