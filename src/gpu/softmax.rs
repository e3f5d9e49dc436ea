//! Softmax and its logarithm along one dim, and their gradients.

use super::lanes::{Row, Rows, Text};
use crate::core::Shape;
use crate::device::Array;
use crate::error::Result;

const FORWARD: &str = include_str!("../../shaders/softmax.wgsl");
const BACKWARD: &str = include_str!("../../shaders/softmax_backward.wgsl");

/// The shape without `dim`, and the size of that.
fn split(a: &Array, dim: usize) -> (Shape, usize) {
    let mut shape = a.layout.shape.clone();
    let n = if shape.is_empty() { 1 } else { shape.remove(dim) };
    (shape, n)
}

fn run(op: &str, text: &'static str, log: bool, dim: usize, reads: &[&Array], out: &Array) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    let (shape, n) = split(out, dim);
    let reads = reads.iter().map(|a| Row::along(a, dim)).collect();
    let text = Text { id: text, variant: 0, constant: ("LOG", u32::from(log)), parts: &[text], across: true };
    Rows { op, shape, n, reads, writes: vec![Row::along(out, dim)] }.run(&text, &[])
}

/// exp(x) over its sum along `dim`, or the logarithm of that.
pub fn forward(op: &str, x: &Array, dim: usize, log: bool, out: &Array) -> Result<()> {
    run(op, FORWARD, log, dim, &[x], out)
}

/// The gradient of the input from that of the output, `g`, and the output, `y`.
pub fn backward(op: &str, g: &Array, y: &Array, dim: usize, log: bool, dx: &Array) -> Result<()> {
    run(op, BACKWARD, log, dim, &[g, y], dx)
}
