//! Means over windows of (n, c, d, h, w), their gradient, and maxima with their places. All gather, so sums have one order.

use super::access::Type;
use super::kernel::{Kernel, Operand};
use crate::core::span::Span;
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

const MEAN: &str = include_str!("../../shaders/window_mean.wgsl");
const BACKWARD: &str = include_str!("../../shaders/window_mean_backward.wgsl");
const MAX: &str = include_str!("../../shaders/window_max.wgsl");
/// Stands before each of them.
const SPAN: &str = include_str!("../../shaders/window_span.wgsl");

const GROUP: usize = 64;

/// What a sum is divided by.
#[derive(Clone, Copy)]
pub enum Divide {
    /// The elements of the window; with true also those of the padding.
    Counted(bool),
    By(i64),
}

fn launch(
    op: &str,
    text: &'static str,
    spans: &[Span; 3],
    divide: Divide,
    reads: &[Operand],
    writes: &[Operand],
) -> Result<()> {
    let g = gpu(op)?;
    let out = writes[0].array;
    let steps = |f: fn(&crate::core::span::Steps) -> usize| spans.map(|s| s.steps.as_ref().map_or(0, f) as u32);
    let mut words = vec![out.shape()[1] as u32];
    words.extend(spans.map(|s| s.size as u32));
    words.extend(spans.map(|s| s.count as u32));
    words.extend(steps(|s| s.kernel));
    words.extend(steps(|s| s.stride));
    words.extend(steps(|s| s.pad));
    words.extend(match divide {
        Divide::Counted(padded) => [u32::from(padded), 0],
        Divide::By(n) => [2, n as i32 as u32],
    });
    for o in reads.iter().chain(writes) {
        words.push(o.first(g));
        words.extend(o.array.strides().iter().map(|&s| s as u32));
    }
    let body = || Ok([SPAN, text].concat());
    Kernel { op, id: text.as_ptr().addr(), variant: 0, consts: &[], reads, writes, body: &body }.run_linear(
        out.numel(),
        GROUP,
        &words,
        &[],
    )
}

/// Means of `x` into `out`. Floats; any strides.
pub fn mean(op: &str, x: &Array, out: &Array, spans: &[Span; 3], divide: Divide) -> Result<()> {
    launch(op, MEAN, spans, divide, &[Operand::new(x, Type::F32)], &[Operand::new(out, Type::F32)])
}

/// The gradient of x from that of the means `g`.
pub fn mean_backward(op: &str, g: &Array, out: &Array, spans: &[Span; 3], divide: Divide) -> Result<()> {
    launch(op, BACKWARD, spans, divide, &[Operand::new(g, Type::F32)], &[Operand::new(out, Type::F32)])
}

/// Maxima of `x` into `out`, and their places in the volume, row-major, into `places`.
pub fn maxima(op: &str, x: &Array, out: &Array, places: &Array, spans: &[Span; 3]) -> Result<()> {
    let writes = [Operand::new(out, Type::F32), Operand::new(places, Type::I64)];
    launch(op, MAX, spans, Divide::Counted(false), &[Operand::new(x, Type::F32)], &writes)
}
