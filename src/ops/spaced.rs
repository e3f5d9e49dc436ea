//! Lines of numbers beside arange and linspace: logspace, and the range that counts its end.

use super::create::{Arange, Line, as_out, check_fits, line};
use super::options::Options;
use crate::bail;
use crate::core::{DType, Layout, Meta, Number};
use crate::cpu;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Op, Operand, apply, mode};

ops! {
    /// `base` to the power of `steps` evenly spaced numbers from `start` to `end`, both included.
    logspace + out as ["function.logspace(Operand start, Operand end, int steps, float base=10.0, *, {options}) -> Tensor"] {
        call(start: Operand, end: Operand, steps: i64, base: f64, options: Options; a) {
            let options = options.between([start, end]);
            let Line { start, end, dtype } = line("logspace", start, end, steps, &options)?;
            if dtype == DType::Bool && steps > 0 {
                return Err(dtype.lacks("logspace_cpu"));
            }
            let layout = Layout::contiguous([steps as usize][..].into());
            let meta = Meta::new(layout, dtype, options.source());
            options.finish(as_out(apply(Logspace { meta, start, end, base }, &[])?, a)?)
        },
        samples: [
            "0, 2, 5",
            "-1, 1, 7, 2.0",
            "0, 2, 5, dtype=int64",
            "0, 3, 4, base=2, dtype=float64",
            "1, 2, 1",
            "torch.tensor(0.5), 2, 6, dtype=float16",
            "0, 1+1j, 5",
            "0, 1, 0",
            "0, 1, -1",
        ],
    }
    /// `start`, `start + step`, ... up to `end`, which belongs to it. Deprecated: `arange`.
    range + out as ["function.range(Scalar start, Scalar end, Scalar step=1, *, {options}) -> Tensor"] {
        call(start: Number, end: Number, step: Number, options: Options; a) {
            mode::warn(
                "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with \
                 Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
            )?;
            let dtype = options.float();
            let (from, to, by) = (start.to_f64(), end.to_f64(), step.to_f64());
            if by == 0.0 || by.is_nan() {
                bail!(Runtime, "step must be nonzero");
            }
            if !from.is_finite() || !to.is_finite() {
                bail!(Runtime, "unsupported range: {from} -> {to}");
            }
            if (by > 0.0 && to < from) || (by < 0.0 && to > from) {
                bail!(Runtime, "upper bound and lower bound inconsistent with step sign");
            }
            if dtype == DType::Bool {
                return Err(dtype.lacks("range_cpu"));
            }
            dtype.usual("range_cpu")?;
            [start, end, step].into_iter().try_for_each(|n| check_fits(n, dtype))?;
            let n = ((to - from) / by).floor() + 1.0;
            if n > i64::MAX as f64 {
                bail!(Runtime, "invalid size, possible overflow?");
            }
            let meta = Meta::new(Layout::contiguous([n as usize][..].into()), dtype, options.source());
            options.finish(as_out(apply(Arange { meta, start, step }, &[])?, a)?)
        },
        samples: ["0, 3", "0, 3.5, 0.5", "3, 0, -1", "0, 5, 2, dtype=int64", "3, 0", "0, 3, 0"],
    }
}

/// On the CPU only: the numbers are brought where they were asked for.
struct Logspace {
    meta: Meta,
    start: Number,
    end: Number,
    base: f64,
}

impl Op for Logspace {
    fn name(&self) -> &'static str {
        "logspace"
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        cpu::create::logspace(&out[0], self.start, self.end, self.base);
        Ok(())
    }
}
