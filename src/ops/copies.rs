//! Views in new memory: `view_copy`, `t_copy` and kin. One declaration serves all: the op of the view is called, and its result
//! copied.

use super::copy::{self, Format};
use super::view::{diagonal, expand, order, reshape, sliding, window};
use crate::bail;
use crate::core::shape::list;
use crate::error::Result;
use crate::tensor::def::Variants;
use crate::tensor::write::copy_to_out;
use crate::tensor::{Args, OpDef, Outs};

/// What an op of views gives, in memory of its own.
fn copied(name: &'static str, of: &OpDef, a: &Args) -> Result<Outs> {
    Ok(match (of.call)(&Args { out: &[], ..*a })? {
        Outs::Tensor(t) => Outs::Tensor(t.cloned(Format::Contiguous)?),
        // A list in `out=` is filled, and nothing returned.
        Outs::Many(parts) if !a.out.is_empty() => {
            if a.out.len() != parts.len() {
                bail!(
                    Runtime,
                    "{name}() expected an out= argument of length {}, got length {}",
                    parts.len(),
                    a.out.len()
                );
            }
            // As in PyTorch, split_copy alone does not give its outputs their sizes.
            if let (true, Some(out)) =
                (name == "split_copy", a.out.iter().zip(&parts).find(|(o, p)| o.shape() != p.shape()))
            {
                bail!(Runtime, "{name}: an output has shape {}, its part {}", list(out.0.shape()), list(out.1.shape()));
            }
            parts.iter().zip(a.out).try_for_each(|(part, out)| copy_to_out(name, part, out))?;
            Outs::None
        }
        Outs::Many(parts) => Outs::Many(parts.iter().map(|t| t.cloned(Format::Contiguous)).collect::<Result<_>>()?),
        other => other,
    })
}

/// `name of op: [schema lines]`, the lines being those of the op in their order.
macro_rules! copies {
    ($($name:ident of $op:path: [$($schema:literal),+ $(,)?], [$($sample:literal),+ $(,)?];)*) => {
        /// The ops of this file.
        pub(crate) const OPS: &[&OpDef] = &[$(&$name::DEF),*];
        $(
            pub mod $name {
                use super::*;
                use $op as of;

                pub const DEF: OpDef = OpDef {
                    schema: &[$($schema),+],
                    aliases: &[],
                    doc: concat!("The view that `", stringify!($name), "` is named after, in new memory."),
                    variants: Variants::NONE.out().exact(),
                    graph: "",
                    reads: of::DEF.reads,
                    call: |a| copied(stringify!($name), &of::DEF, a),
                    samples: &[$($sample),+],
                };
            }
        )*
    };
}

copies! {
    detach_copy of copy::detach: ["function.detach_copy(Tensor self) -> Tensor"], ["u(2, 3)", "u(3, 2).t()"];
    view_copy of reshape::view: [
        "function.view_copy(Tensor self, int[] size) -> Tensor",
        "function.view_copy(Tensor self, dtype dtype) -> Tensor",
    ], ["u(2, 3), (3, 2)", "u(2, 3), (-1,)", "u(2, 3), (4,)"];
    squeeze_copy of reshape::squeeze: [
        "function.squeeze_copy(Tensor self) -> Tensor",
        "function.squeeze_copy(Tensor self, int dim) -> Tensor",
        "function.squeeze_copy(Tensor self, int[] dim) -> Tensor",
    ], ["u(1, 3, 1)", "u(1, 3, 1), 0", "u(1, 3, 1), (0, 2)"];
    unsqueeze_copy of reshape::unsqueeze: ["function.unsqueeze_copy(Tensor self, int dim) -> Tensor"], ["u(2, 3), 1", "u(2), 3"];
    expand_copy of expand::expand: [
        "function.expand_copy(Tensor self, int[] size, *, bool implicit=False) -> Tensor",
    ], ["u(3, 1), (3, 4)", "u(3), (2,)"];
    permute_copy of order::permute: ["function.permute_copy(Tensor self, int[] dims) -> Tensor"], ["u(2, 3, 4), (2, 0, 1)", "u(2, 3), (0, 0)"];
    transpose_copy of order::transpose: [
        "function.transpose_copy(Tensor self, int dim0, int dim1) -> Tensor",
    ], ["u(2, 3), 0, 1", "u(2), 0, 1"];
    t_copy of order::t: ["function.t_copy(Tensor self) -> Tensor"], ["u(2, 3)", "u(3)", "u(2, 2, 2)"];
    select_copy of window::select: ["function.select_copy(Tensor self, int dim, int index) -> Tensor"], ["u(2, 3), 1, -1", "u(2), 0, 2"];
    unbind_copy of window::unbind: ["function.unbind_copy(Tensor self, int dim=0) -> Tensor[]"], ["u(2, 3)", "u(2, 3), 1", "u()"];
    split_copy of window::split: [
        "function.split_copy(Tensor self, int split_size, int dim=0) -> Tensor[]",
        "function.split_copy(Tensor self, int[] split_size, int dim=0) -> Tensor[]",
    ], ["u(5, 2), 2", "u(5), 0"];
    split_with_sizes_copy of window::split_with_sizes: [
        "function.split_with_sizes_copy(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]",
    ], ["u(5, 2), [1, 4]", "u(5), [1, 2]"];
    as_strided_copy of window::as_strided: [
        "function.as_strided_copy(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
    ], ["u(12).contiguous(), (3, 2), (4, 1)", "u(12).contiguous(), (13,), (1,)"];
    diagonal_copy of diagonal::diagonal: [
        "function.diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    ], ["u(3, 3)", "u(2, 3, 4), 1, 0, 2", "u(3)"];
    unfold_copy of sliding::unfold: [
        "function.unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor",
    ], ["u(7), 0, 3, 2", "u(2, 5), 1, 2, 1", "u(3), 0, 4, 1"];
}
