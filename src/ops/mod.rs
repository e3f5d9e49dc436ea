//! Floor 5: every op, declared once. The registry below is one line per family; names, places, stubs,
//! docs and tests all follow from its rows.

use crate::tensor::OpDef;

pub mod cast;
pub mod copy;
pub mod view;

/// The rows of every family. A row's position here is its identity within one build.
pub const FAMILIES: &[&[&OpDef]] = &[view::ROWS, copy::ROWS, cast::ROWS];

/// All rows.
pub fn registry() -> impl Iterator<Item = &'static OpDef> {
    FAMILIES.iter().flat_map(|rows| rows.iter().copied())
}
