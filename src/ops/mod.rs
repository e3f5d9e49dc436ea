//! Floor 5: every op, declared once. The registry below is one line per family; names, places, stubs,
//! docs and tests all follow from its rows.

use crate::tensor::OpDef;

pub mod cast;
pub mod conv;
pub mod copy;
pub mod create;
pub mod dropout;
pub mod elementwise;
pub mod extremum;
pub mod index;
pub mod join;
pub mod loss;
pub mod matmul;
pub mod norm;
pub mod one_hot;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod schema;
pub mod softmax;
pub mod view;

/// The rows of every family, one line each. A row's position here is its identity within one build; the name is that of
/// its golden file.
#[rustfmt::skip]
pub const FAMILIES: &[(&str, &[&OpDef])] = &[
    ("view", view::ROWS),
    ("copy", copy::ROWS),
    ("cast", cast::ROWS),
    ("activation", elementwise::activation::DEFS),
    ("binary", elementwise::binary::DEFS),
    ("bits", elementwise::bits::DEFS),
    ("compare", elementwise::compare::DEFS),
    ("conv", conv::ROWS),
    ("create", create::ROWS),
    ("dropout", dropout::ROWS),
    ("extremum", extremum::ROWS),
    ("index", index::ROWS),
    ("join", join::ROWS),
    ("loss", loss::ROWS),
    ("matmul", matmul::ROWS),
    ("norm", norm::ROWS),
    ("pool", pool::ROWS),
    ("power", elementwise::power::DEFS),
    ("random", random::ROWS),
    ("reduce", reduce::ROWS),
    ("select", elementwise::select::DEFS),
    ("softmax", softmax::ROWS),
    ("unary", elementwise::unary::DEFS),
];

/// All rows.
pub fn registry() -> impl Iterator<Item = &'static OpDef> {
    FAMILIES.iter().flat_map(|(_, rows)| rows.iter().copied())
}
