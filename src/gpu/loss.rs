//! Negative log likelihood of class indices, and its gradient. A target that is no class is reported at the next read.

use super::kernel::{Kernel, Operand};
use super::lanes::{Row, Rows, Text, WHOLE, sums, vector};
use super::words::{Words, words};
use crate::core::{DType, Device, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::Result;

const TERM: &str = include_str!("../../shaders/loss.wgsl");
const EACH: &str = include_str!("../../shaders/loss_each.wgsl");
const SUM: &str = include_str!("../../shaders/loss_sum.wgsl");
const MERGE: &str = include_str!("../../shaders/loss_merge.wgsl");
const FINISH: &str = include_str!("../../shaders/loss_finish.wgsl");
const BACKWARD: &str = include_str!("../../shaders/loss_backward.wgsl");

words! {
    /// What [`Rows::prelude`] reads follows.
    struct Loss { classes }
}

/// Places that one workgroup adds up, as loss_sum.wgsl says.
const CHUNK: usize = 4096;

/// What becomes of the losses: `KIND` of the shaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    None = 0,
    Mean = 1,
    Sum = 2,
    Parts = 3,
}

/// Classes along dim 1 of (N, C, d1, ...), or dim 0 of (C): which dim, and the places that are left.
fn split(shape: &[usize]) -> (usize, Shape, usize) {
    let dim = usize::from(shape.len() > 1);
    let mut places: Shape = shape.into();
    let classes = places.remove(dim);
    (dim, places, classes)
}

/// The weight of a class: read `k`, or 1.
fn weight_of(k: Option<usize>) -> String {
    let value = k.map_or("1.0".to_string(), |k| format!("get{k}(c)"));
    format!("fn weight(c: u32) -> f32 {{ return {value}; }}\n")
}

/// Losses (one a target, and no second output), or their sum, or their mean by weight, and the sum of the weights.
pub fn forward(
    x: &Array,
    target: &Array,
    weight: Option<&Array>,
    ignore: i64,
    kind: Kind,
    [out, total]: [&Array; 2],
) -> Result<()> {
    const OP: &str = "nll_loss";
    let (dim, places, classes) = split(x.shape());
    let mut reads = vec![Row::along(x, dim).any(), Row::one(target, &places)];
    reads.extend(weight.map(|w| Row::along(w, 0).shared(places.len()).any()));
    let writes = if kind == Kind::None { vec![Row::one(out, &places)] } else { vec![] };
    let mut rows = Rows { op: OP, shape: places, n: classes, reads, writes };
    let plan = rows.plan(false)?;
    let count = rows.count();
    let words = Loss { classes: classes as u32 }.words().and(rows.words(&plan)?);
    let ignored = [Number::Int(ignore)];
    let weighed = weight_of(weight.map(|_| 2));
    let finds = || format!("{}{weighed}{TERM}", rows.prelude(&plan));
    let dims = ("DIMS", plan.ndim() as u32);
    let reads = rows.operands(&plan);
    let variant = u64::from(weight.is_some());
    if kind == Kind::None {
        let kernel = Kernel {
            op: OP,
            id: EACH.as_ptr().addr(),
            variant,
            consts: &[dims],
            reads: &reads,
            writes: &[Operand::of(out)],
            body: &|| Ok(finds() + EACH),
        };
        return kernel.run_linear(count, 64, &words, &ignored);
    }
    let chunks = count.div_ceil(CHUNK).max(1);
    let part = || Array::empty(Meta::new(Layout::contiguous(Shape::from_slice(&[chunks])), DType::F32, Device::GPU));
    let (to, first) = match chunks {
        1 => ([out.clone(), total.clone()], kind),
        _ => ([part()?, part()?], Kind::Parts),
    };
    let consts = |kind: Kind| [WHOLE[0], WHOLE[1], WHOLE[2], ("KIND", kind as u32), dims];
    let kernel = Kernel {
        op: OP,
        id: SUM.as_ptr().addr(),
        variant,
        consts: &consts(first),
        reads: &reads,
        writes: &to.each_ref().map(Operand::of),
        body: &|| Ok([&sums(&finds()), FINISH, SUM].concat()),
    };
    kernel.run_groups(count, chunks, &words, &ignored)?;
    if chunks == 1 {
        return Ok(());
    }
    let merge = Kernel {
        op: OP,
        id: MERGE.as_ptr().addr(),
        variant: 0,
        consts: &consts(kind)[..4],
        reads: &to.each_ref().map(Operand::of),
        writes: &[Operand::of(out), Operand::of(total)],
        body: &|| Ok([&sums(vector(false)), FINISH, MERGE].concat()),
    };
    merge.run_groups(chunks, 1, &Words::NONE, &[])
}

/// The gradient of the input: minus weight times gradient at each target (over the sum of weights for the mean), zero elsewhere.
pub fn backward(
    g: &Array,
    target: &Array,
    weight: Option<&Array>,
    ignore: i64,
    kind: Kind,
    total: &Array,
    dx: &Array,
) -> Result<()> {
    if dx.numel() == 0 {
        return Ok(());
    }
    let (dim, shape, n) = split(dx.shape());
    let mut reads = vec![Row::one(g, &shape), Row::one(target, &shape), Row::one(total, &shape)];
    reads.extend(weight.map(|w| Row::along(w, 0).shared(shape.len()).any()));
    let weighed = weight_of(weight.map(|_| 3));
    let mean = u32::from(kind == Kind::Mean);
    let variant = u64::from(weight.is_some());
    let text = Text { id: BACKWARD, variant, constant: ("MEAN", mean), parts: &[&weighed, BACKWARD], across: false };
    let writes = vec![Row::along(dx, dim)];
    Rows { op: "nll_loss_backward", shape, n, reads, writes }.run(&text, &[Number::Int(ignore)])
}
