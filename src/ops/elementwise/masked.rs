//! Elements replaced where a mask is true.

use crate::bail;
use crate::core::DType;
use crate::elementwise;
use crate::error::Result;
use crate::ops::create::check_fits;
use crate::ops::elementwise::map;
use crate::tensor::{Operand, Tensor};

fn check_mask(name: &str, mask: &Tensor) -> Result<()> {
    if mask.dtype() != DType::Bool {
        bail!(Runtime, "{name}_ only supports boolean masks, but got mask with dtype {}", mask.dtype().c_words());
    }
    Ok(())
}

elementwise! {
    /// `value`, a number or a 0-d tensor, where `mask` is true, else the elements of `self`.
    ///
    /// `mask` broadcasts with `self`; the result has the dtype of `self`. The gradient passes where the mask is false; that of
    /// a 0-d `value` is the sum over the rest.
    ///
    ///     >>> torch.tensor([1., 2.]).masked_fill(torch.tensor([True, False]), 0.)
    ///     tensor([0., 2.])
    masked_fill(x, m: bool, v) all + complex + chalf + inplace_only as [
        "masked_fill(Tensor self, Tensor mask, Tensor value) -> Tensor",
        "masked_fill(Tensor self, Tensor mask, Scalar value) -> Tensor",
    ] named "MaskedFillBackward1|MaskedFillBackward0" {
        value: S::select(m, v, x),
        grad(y, g): [S::select(m, S::lit(0.0), g), S::lit(0.0), S::select(m, g, S::lit(0.0))],
        call(x = self: &Tensor, mask: &Tensor, value: Operand; a) {
            check_mask("masked_fill", mask)?;
            let dtype = x.dtype();
            let converted;
            let value = match value {
                Operand::Tensor(t) => {
                    if t.ndim() != 0 {
                        bail!(
                            Runtime,
                            "masked_fill only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                            t.ndim()
                        );
                    }
                    if t.dtype().is_complex() && !dtype.is_complex() {
                        bail!(Runtime, "value cannot be converted to type {} without overflow", dtype.c_name());
                    }
                    converted = t.to_dtype(dtype)?;
                    Operand::Tensor(&converted)
                }
                Operand::Number(n) => {
                    check_fits(n, dtype)?;
                    Operand::Number(n.cast(dtype))
                }
            };
            // The result is contiguous.
            let aside;
            let x = if a.inplace || x.is_contiguous() {
                x
            } else {
                aside = x.contiguous()?;
                &aside
            };
            map::call_on(&ROW, [Operand::Tensor(x), Operand::Tensor(mask), value], a)
        },
        samples: ["u(2, 3), mask(2, 3), 1.5", "u(2, 3), mask(3), 2", "u(3), mask(2, 3), -INF", "u(3, 2).t(), mask(2, 3), 0",
            "u(2, 3), mask(2, 1), u()", "u(2, 3), mask(2, 3), True", "u(0, 3), mask(3), 1", "u(2, 3), u(2, 3), 1",
            "u(2, 3), mask(2, 3), u(1)", "u(2, 3), mask(2), 1", "u(), mask(2), 1"],
    }
}
