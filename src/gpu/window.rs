//! Means over windows of (n, c, d, h, w), their gradient, and maxima with their places. All gather, so sums have one order.

use super::access::Type;
use super::kernel::{Kernel, Operand};
use super::words::words;
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

words! {
    /// Threes are of depth, height and width: sizes of the volume, how many windows there are, and of these the kernel
    /// (0: windows of nearly equal sizes that cover the dim), stride and padding. A sum is divided by the elements that
    /// a window covers (`rule` 0), also padded ones (1), or `divisor` (2). An operand's words are its first element and
    /// its strides.
    struct Spans {
        channels, size[3], windows[3], kernel[3], stride[3], pad[3], rule, divisor, x[6], out[6], places[6],
    }
}

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
    let (rule, divisor) = match divide {
        Divide::Counted(padded) => (u32::from(padded), 0),
        Divide::By(n) => (2, n as i32 as u32),
    };
    let layout = |o: &Operand| -> [u32; 6] {
        std::array::from_fn(|k| if k == 0 { o.first(g) } else { o.array.strides()[k - 1] as u32 })
    };
    let words = Spans {
        channels: out.shape()[1] as u32,
        size: spans.map(|s| s.size as u32),
        windows: spans.map(|s| s.count as u32),
        kernel: steps(|s| s.kernel),
        stride: steps(|s| s.stride),
        pad: steps(|s| s.pad),
        rule,
        divisor,
        x: layout(&reads[0]),
        out: layout(&writes[0]),
        places: writes.get(1).map_or([0; 6], layout),
    };
    let body = || Ok([SPAN, text].concat());
    Kernel { op, id: text.as_ptr().addr(), variant: 0, consts: &[], reads, writes, body: &body }.run_linear(
        out.numel(),
        GROUP,
        &words.words(),
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
