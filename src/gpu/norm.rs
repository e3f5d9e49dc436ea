//! Layer normalisation over the trailing elements of each row, and its gradients.

use super::access::Way;
use super::copy::fill;
use super::kernel::{Kernel, Operand};
use super::lanes::{Row, Rows, Text, Unit};
use super::words::words;
use crate::core::{DType, Device, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::Result;

const FORWARD: &str = include_str!("../../shaders/norm.wgsl");
const BACKWARD: &str = include_str!("../../shaders/norm_backward.wgsl");
const PARAMETERS: &str = include_str!("../../shaders/norm_parameters.wgsl");
const MERGE: &str = include_str!("../../shaders/norm_merge.wgsl");

words! {
    /// Steps of a row (elements or fours), rows, and rows of a chunk. What [`Rows::prelude`] reads follows.
    struct Parameters { steps, rows, chunk }
}
words! { struct Merge { chunks } }

/// Rows that are added in order, at least, and how many such chunks there are at most.
const ROWS: usize = 64;
const CHUNKS: usize = 512;

/// Rows over the last `dims` dims of x: their shape, and their elements.
#[derive(Clone, Copy)]
pub struct Over {
    pub dims: usize,
    pub n: usize,
}

impl Over {
    fn shape(self, x: &Array) -> Shape {
        x.shape()[..x.ndim() - self.dims].into()
    }

    /// The row that all rows share.
    fn shared(self, a: &Array, rows: &[usize]) -> Result<Row> {
        Ok(Row::trailing(a, self.dims)?.shared(rows.len()))
    }
}

/// A function of the step: read `k`, or a constant.
fn function(name: &str, read: Option<usize>, constant: &str) -> String {
    let value = read.map_or(format!("v_of({constant})"), |k| format!("get{k}(k)"));
    format!("fn {name}(k: u32) -> V {{ return {value}; }}\n")
}

/// (x - mean) / deviation * weight + bias for each row, and its mean and one over its deviation.
pub fn forward(
    x: &Array,
    over: Over,
    weight: Option<&Array>,
    bias: Option<&Array>,
    eps: f64,
    [y, mean, rstd]: [&Array; 3],
) -> Result<()> {
    if over.n == 0 {
        return [mean, rstd].into_iter().try_for_each(|a| fill(a, Number::Float(f64::NAN)));
    }
    let shape = over.shape(x);
    let mut reads = vec![Row::trailing(x, over.dims)?];
    let mut place = |a: Option<&Array>| -> Result<Option<usize>> {
        let Some(a) = a else { return Ok(None) };
        reads.push(over.shared(a, &shape)?);
        Ok(Some(reads.len() - 1))
    };
    let (w, b) = (place(weight)?, place(bias)?);
    let (w, b) = (function("weight", w, "1.0"), function("bias", b, "0.0"));
    let writes = vec![Row::trailing(y, over.dims)?, Row::one(mean, &shape), Row::one(rstd, &shape)];
    let variant = u64::from(weight.is_some()) | u64::from(bias.is_some()) << 1;
    let text = Text { id: FORWARD, variant, constant: ("NORM", 0), parts: &[&w, &b, FORWARD], across: false };
    Rows { op: "layer_norm", shape, n: over.n, reads, writes }.run(&text, &[Number::Float(eps)])
}

/// The gradient of x.
pub fn backward_input(
    g: &Array,
    x: &Array,
    over: Over,
    weight: Option<&Array>,
    [mean, rstd]: [&Array; 2],
    dx: &Array,
) -> Result<()> {
    if over.n == 0 {
        return Ok(());
    }
    let (shape, mut reads) = operands(g, x, over, [mean, rstd])?;
    if let Some(w) = weight {
        reads.push(over.shared(w, &shape)?);
    }
    let w = function("weight", weight.map(|_| 4), "1.0");
    let variant = u64::from(weight.is_some());
    let text = Text { id: BACKWARD, variant, constant: ("NORM", 0), parts: &[&w, BACKWARD], across: false };
    let writes = vec![Row::trailing(dx, over.dims)?];
    Rows { op: "layer_norm_backward", shape, n: over.n, reads, writes }.run(&text, &[])
}

fn operands(g: &Array, x: &Array, over: Over, [mean, rstd]: [&Array; 2]) -> Result<(Shape, Vec<Row>)> {
    let shape = over.shape(x);
    let (mean, rstd) = (Row::one(mean, &shape), Row::one(rstd, &shape));
    Ok((shape, vec![Row::trailing(g, over.dims)?, Row::trailing(x, over.dims)?, mean, rstd]))
}

/// The gradients of weight and bias: chunks of rows, then the chunks, in order.
pub fn backward_parameters(
    g: &Array,
    x: &Array,
    over: Over,
    statistics: [&Array; 2],
    [dw, db]: [&Array; 2],
) -> Result<()> {
    const OP: &str = "layer_norm_backward";
    let (shape, reads) = operands(g, x, over, statistics)?;
    let mut rows = Rows { op: OP, shape, n: over.n, reads, writes: vec![] };
    let count = rows.count();
    if over.n == 0 {
        return Ok(());
    }
    if count == 0 {
        return [dw, db].into_iter().try_for_each(|a| fill(a, Number::Int(0)));
    }
    let each = ROWS.max(count.div_ceil(CHUNKS));
    let chunks = count.div_ceil(each);
    let part =
        || Array::empty(Meta::new(Layout::contiguous(Shape::from_slice(&[chunks, over.n])), DType::F32, Device::GPU));
    let parts = if chunks == 1 { [dw.clone(), db.clone()] } else { [part()?, part()?] };
    let places = rows.plan(false)?;
    let (way, steps) = if places.unit == Unit::Fours { (Way::Fours, over.n / 4) } else { (Way::Each, over.n) };
    let writes: Vec<Operand> = parts.iter().map(|a| Operand::of(a).way(way)).collect();
    let words = Parameters { steps: steps as u32, rows: count as u32, chunk: each as u32 };
    let words = words.words().and(rows.words(&places)?);
    let kernel = Kernel {
        op: OP,
        id: PARAMETERS.as_ptr().addr(),
        variant: places.unit as u64,
        consts: &[("DIMS", places.ndim() as u32)],
        reads: &rows.operands(&places),
        writes: &writes,
        body: &|| Ok(rows.prelude(&places) + PARAMETERS),
    };
    kernel.run_linear(chunks * steps, 64, &words, &[])?;
    if chunks == 1 {
        return Ok(());
    }
    let merge = Kernel {
        op: OP,
        id: MERGE.as_ptr().addr(),
        variant: 0,
        consts: &[],
        reads: &parts.each_ref().map(Operand::of),
        writes: &[Operand::of(dw), Operand::of(db)],
        body: &|| Ok(MERGE.to_string()),
    };
    merge.run_linear(over.n, 64, &Merge { chunks: chunks as u32 }.words(), &[])
}
