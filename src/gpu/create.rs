//! Ranges of whole numbers, and ones on a diagonal. What needs float64 is made on the CPU.

use super::access::Type;
use super::kernel::{Kernel, Operand};
use super::words::words;
use crate::core::{DType, Number};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;
use crate::expr::wgsl::parameter;

const GROUP: usize = 256;

static ARANGE: &str = include_str!("../../shaders/arange.wgsl");
static EYE: &str = include_str!("../../shaders/eye.wgsl");

words! { struct Arange { out } }
words! { struct Eye { out, columns } }

/// Whether [`arange`] gives the CPU's bits: integers, or floats of which float32 has all.
pub fn counts(dtype: DType, n: usize, start: Number, step: Number) -> bool {
    let (from, by) = (start.to_f64(), step.to_f64());
    let whole = |v: f64| v.trunc() == v && v.abs() <= 16_777_216.0;
    dtype != DType::F64 && (!dtype.is_float() || (whole(from) && whole(by) && whole(from + by * n as f64)))
}

/// `start + i * step` into the contiguous `out`.
pub fn arange(out: &Array, start: Number, step: Number) -> Result<()> {
    let g = gpu("arange")?;
    let kind = Type::of(out.dtype);
    let body = || {
        let Some(lane) = super::map::lane(out.dtype) else { return Err(out.dtype.lacks_on_gpu("arange")) };
        let (a, b) = (parameter(0, lane), parameter(1, lane));
        let value = match kind {
            Type::I64 => format!("i64_add({a}, i64_mul({b}, vec2<u32>(i, 0u)))"),
            Type::F32 => format!("{a} + {b} * f32(i)"),
            Type::C64 => return Err(out.dtype.lacks_on_gpu("arange")),
            _ => format!("{a} + {b} * bitcast<i32>(i)"),
        };
        Ok(format!("fn formula(i: u32) -> {} {{ return {value}; }}\n{ARANGE}", kind.name()))
    };
    let to = Operand::of(out);
    let kernel = Kernel {
        op: "arange",
        id: ARANGE.as_ptr().addr(),
        variant: 0,
        consts: &[],
        reads: &[],
        writes: &[to],
        body: &body,
    };
    kernel.run_linear(out.numel(), GROUP, &Arange { out: to.first(g) }.words(), &[start, step])
}

/// Ones on the diagonal of the contiguous 2-d `out`, zeros elsewhere.
pub fn eye(out: &Array) -> Result<()> {
    let g = gpu("eye")?;
    let to = Operand::new(out, Type::I32);
    let kernel = Kernel {
        op: "eye",
        id: EYE.as_ptr().addr(),
        variant: 0,
        consts: &[],
        reads: &[],
        writes: &[to],
        body: &|| Ok(EYE.into()),
    };
    let words = Eye { out: to.first(g), columns: out.shape()[1] as u32 };
    kernel.run_linear(out.numel(), GROUP, &words.words(), &[])
}
