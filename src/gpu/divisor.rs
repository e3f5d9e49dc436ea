//! Integers are not divided by zero: a device cannot raise, so a kernel looks at the divisor and reports, as for a bad index.

use super::access::Type;
use super::kernel::{Kernel, Operand};
use super::walk::Walk;
use super::words::words;
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

static DIVISOR: &str = include_str!("../../shaders/divisor.wgsl");

words! { struct Divisor { x } }

/// Has a zero in `x` reported by the name of `op`.
pub fn check(op: &str, x: &Array) -> Result<()> {
    let walk = Walk::new(x.shape(), &[&x.layout.strides]);
    let from = Operand::new(x, Type::Bool);
    let words = Divisor { x: from.first(gpu(op)?) }.words().and(walk.words());
    let kernel = Kernel {
        op,
        id: DIVISOR.as_ptr().addr(),
        variant: walk.ndim() as u64,
        consts: &[],
        reads: &[from],
        writes: &[],
        body: &|| Ok(walk.text("walk", 0) + DIVISOR),
    };
    kernel.run_linear(x.numel(), 256, &words, &[])
}
