//! Padding of the borders of a tensor: with a number, or with what lies inside (reflected, the border itself, or from the other
//! side).

use crate::core::shape::list;
use crate::core::{DType, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::call::show_as;
use crate::ops::composite::{listed, vector};
use crate::ops::copy::Format;
use crate::ops::create::check_fits;
use crate::tensor::{Context, Cotangents, Grads, Op, Tensor, apply, data};
use crate::{bail, err};

ops! {
    /// `pad` entries before and after each dim, from the last dim on: (left, right, top, bottom, ...). Negative numbers cut.
    ///
    /// `mode`: "constant" fills with `value` (0 if None); "reflect" mirrors without repeating the border, "replicate" repeats the
    /// border, "circular" goes on at the other side; these three take the last one, two or three dims of a tensor that has one
    /// or two more. Raises RuntimeError for an odd number of entries, and where less is left than nothing.
    ///
    ///     >>> torch.nn.functional.pad(torch.tensor([1, 2]), (1, 2), value=9)
    ///     tensor([9, 1, 2, 9, 9])
    nn_pad as ["nn.pad(Tensor input, int[] pad, str mode='constant', float? value=None) -> Tensor"] {
        call(x = input: &Tensor, pad: &[i64], mode: &str, value: Option<f64>) {
            if !pad.len().is_multiple_of(2) {
                bail!(Runtime, "Padding length must be divisible by 2");
            }
            if pad.len() > 2 * x.ndim() {
                bail!(Runtime, "Padding length should be less than or equal to two times the input dimension but got padding \
                    length {} and input of dimension {}", pad.len(), x.ndim());
            }
            if mode == "constant" {
                return constant(x, pad, Number::Float(value.unwrap_or(0.0)));
            }
            if value.is_some_and(|v| v != 0.0) {
                bail!(Runtime, "Padding mode \"{mode}\" doesn't take in value argument");
            }
            let how = match mode {
                "reflect" => Border::Reflect,
                "replicate" => Border::Replicate,
                "circular" => Border::Circular,
                _ => bail!(NotImplemented, "Unrecognised padding mode {mode}"),
            };
            let dims = pad.len() / 2;
            if !(1..=3).contains(&dims) || (x.ndim() != dims + 1 && x.ndim() != dims + 2) {
                bail!(
                    NotImplemented,
                    "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
                );
            }
            let y = bordered(x, pad, how)?;
            let node = match (how, dims) {
                (Border::Reflect, 1) => "ReflectionPad1DBackward0",
                (Border::Reflect, 2) => "ReflectionPad2DBackward0",
                (Border::Reflect, _) => "ReflectionPad3DBackward0",
                (Border::Replicate, 1) => "ReplicationPad1DBackward0",
                (Border::Replicate, 2) => "ReplicationPad2DBackward0",
                (Border::Replicate, _) => "ReplicationPad3DBackward0",
                (Border::Circular, _) => "CopySlices",
            };
            show_as(node, &[x], &y)?;
            Ok(y)
        },
        samples: [
            "u(2, 3), (1, 2)",
            "u(2, 3), (1, 0, 2, 1), value=1.5",
            "u(2, 3, 4), (-1, 2)",
            "u(4, 6), (-1, -2, 1, -1)",
            "u(3, 2).t(), (1, 1)",
            "u(3), ()",
            "u(2, 3, 4), (2, 1), 'reflect'",
            "u(3, 4), (3, 2), 'reflect'",
            "u(1, 2, 3, 4), (1, 2, 2, 1), 'reflect'",
            "u(1, 2, 3, 2, 4), (1, 2, 1, 1, 2, 1), 'reflect'",
            "u(2, 3, 4), (2, 5), 'replicate'",
            "u(1, 2, 3, 4), (1, 2, 4, 1), mode='replicate'",
            "u(2, 3, 2, 2), (1, 2, 3, 0, 0, 1), mode='replicate'",
            "u(2, 3, 4), (2, 3), 'circular'",
            "u(1, 2, 3, 4), (1, 2, 3, 1), 'circular'",
            "u(1, 2, 3, 4), (-1, 2, 1, -1), 'circular'",
            "u(2, 3, 4), (-1, 2), 'replicate'",
            "u(2, 3, 4), (4, 1), 'reflect'",
            "u(2, 3, 4), (5, 1), 'circular'",
            "u(2, 3), (1,)",
            "u(2, 3), (-2, -2)",
            "u(2, 3), (1, 1, 1, 1, 1, 1)",
            "u(2, 3), (1, 1), 'other'",
            "u(2, 3), (1, 1, 1, 1), 'reflect'",
        ],
    }
    /// `pad` entries of `value` before and after each dim, from the last dim on. See `nn.functional.pad`.
    constant_pad_nd as ["function.constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor"] {
        call(x = self: &Tensor, pad: &[i64], value: Number) {
            if !pad.len().is_multiple_of(2) {
                bail!(Runtime, "Length of pad must be even but instead it equals {}", pad.len());
            }
            constant(x, pad, value)
        },
        samples: ["u(2, 3), (1, 2), 2", "u(2, 3), (1, 0, -1, 1)", "u(2, 3), (1,)", "u(2), (1, 1, 1, 1)"],
    }
}

/// Pads with one number.
pub fn constant(x: &Tensor, pad: &[i64], value: Number) -> Result<Tensor> {
    let n = x.ndim();
    if pad.len() / 2 > n {
        bail!(
            Runtime,
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is {} while the \
             input has {n} dimensions.",
            pad.len()
        );
    }
    check_fits(value, x.dtype())?;
    let mut edges = vec![(0, 0); n];
    for (i, two) in pad.chunks_exact(2).enumerate() {
        edges[n - 1 - i] = (two[0], two[1]);
    }
    for (d, &(before, after)) in edges.iter().enumerate() {
        let size = (x.shape()[d] as i64).checked_add(before).and_then(|n| n.checked_add(after));
        if size.is_none_or(|n| n < 0) {
            bail!(
                Runtime,
                "The input size {}, plus negative padding {before} and {after} resulted in a negative output size, which is \
                 invalid. Check dimension {d} of your input.",
                x.shape()[d]
            );
        }
    }
    apply(Constant { edges, value }, &[x])
}

/// Entries before (negative: cut) and after each dim.
struct Constant {
    edges: Vec<(i64, i64)>,
    value: Number,
}

impl Constant {
    /// The layouts of what is kept: in the input, and in the result.
    fn kept(&self, x: &Layout, y: &Layout) -> (Layout, Layout) {
        let (mut from, mut to) = (x.clone(), y.clone());
        for (d, &(before, after)) in self.edges.iter().enumerate() {
            let cut = [before, after].map(|e| e.min(0).unsigned_abs() as usize);
            let len = from.shape[d].saturating_sub(cut[0] + cut[1]);
            from = from.sliced(d, cut[0].min(from.shape[d]), len, 1);
            to = to.sliced(d, (before.max(0) as usize).min(to.shape[d]), len.min(to.shape[d]), 1);
        }
        (from, to)
    }
}

impl Op for Constant {
    fn name(&self) -> &'static str {
        "constant_pad_nd"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let sizes = x[0].shape().iter().zip(&self.edges);
        let shape: Shape = sizes.map(|(&n, &(before, after))| (n as i64 + before + after) as usize).collect();
        let mut y = x[0].contiguous(shape);
        if x[0].layout.suggests_channels_last() {
            y.layout.strides = y.layout.channels_last_strides().unwrap_or_default();
        }
        Ok(y)
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (from, to) = self.kept(&x[0].layout, &out[0].layout);
        if to.numel() != out[0].numel() {
            data::fill(&out[0], self.value)?;
        }
        if to.numel() == 0 {
            return Ok(());
        }
        data::copy(&x[0].with_layout(from), &out[0].with_layout(to))
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        let edges = self.edges.iter().map(|&(before, after)| (-before, -after)).collect();
        Grads::one(apply(Constant { edges, value: Number::Int(0) }, &[g.one()?])?)
    }
}

/// What stands beyond a border.
#[derive(Clone, Copy, PartialEq)]
enum Border {
    Reflect,
    Replicate,
    Circular,
}

impl Border {
    /// The entry of a dim of size `n` that stands at place `i`.
    fn entry(self, i: i64, n: i64) -> i64 {
        match self {
            Border::Replicate => i.clamp(0, n - 1),
            Border::Circular => i.rem_euclid(n),
            Border::Reflect if i < 0 => -i,
            Border::Reflect if i >= n => 2 * (n - 1) - i,
            Border::Reflect => i,
        }
    }
}

fn bordered(x: &Tensor, pad: &[i64], how: Border) -> Result<Tensor> {
    if x.dtype() == DType::Bool && how != Border::Circular {
        return Err(x.dtype().lacks(if how == Border::Reflect { "reflection_pad" } else { "replication_pad" }));
    }
    let dims = pad.len() / 2;
    let batch = usize::from(x.ndim() == dims + 2);
    if how != Border::Circular && x.shape()[batch..].contains(&0) {
        bail!(
            Runtime,
            "Expected {}D or {}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but \
             got: {}",
            dims + 1,
            dims + 2,
            list(x.shape())
        );
    }
    // PyTorch reflects and replicates with an op, and goes round by copying slices.
    let mut y = if how == Border::Circular { x.clone() } else { x.tied()? };
    let first = y.clone();
    for (i, two) in pad.chunks_exact(2).enumerate() {
        let d = x.ndim() - 1 - i;
        let (n, before, after) = (x.shape()[d] as i64, two[0], two[1]);
        let size = n.saturating_add(before).saturating_add(after);
        match how {
            Border::Reflect if before >= n || after >= n => bail!(
                Runtime,
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({before}, \
                 {after}) at dimension {d} of input {}",
                list(x.shape())
            ),
            Border::Circular if before > n || after > n => {
                bail!(Runtime, "Padding value causes wrapping around more than once.")
            }
            Border::Circular if size < 0 => {
                bail!(Runtime, "Negative padding value is resulting in an empty dimension")
            }
            Border::Circular => {}
            _ if size < 1 => {
                return Err(err!(Runtime, "input (size {n} at dim {d}) is too small. Calculated output size: {size}")
                    .hint("negative padding cuts entries off; at least one must be left"));
            }
            _ => {}
        }
        if (before, after) == (0, 0) {
            continue;
        }
        // What goes on at the other side is what cutting leaves.
        let (cut, left) = match how {
            Border::Circular => ((-before).max(0), n + before.min(0) + after.min(0)),
            _ => (0, n),
        };
        let index = listed(size, |at| cut + how.entry(at - before - cut, left.max(1)))?;
        let index = vector(&index, x)?;
        y = y.index_select(d, &index)?;
    }
    if how != Border::Circular && x.layout().suggests_channels_last() {
        return y.cloned(Format::ChannelsLast(x.ndim() as u8));
    }
    if y.is(&first) { x.cloned(Format::Contiguous) } else { Ok(y) }
}
