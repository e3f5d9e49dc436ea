//! Methods and functions that are no ops but are declared like them: by schema lines, so that parsing, errors,
//! stubs and docs come from the same place. They see arguments in schema order and give back an object.

use super::errors::P;
use crate::error::Result;
use crate::tensor::Args;

pub struct Native {
    pub schema: &'static [&'static str],
    pub aliases: &'static [&'static str],
    pub doc: &'static str,
    /// The second argument is `self`'s object, null in functions. Returns a new reference.
    pub call: fn(&Args, P) -> Result<P>,
}

/// The rows of every room.
pub fn rows() -> impl Iterator<Item = &'static Native> {
    [
        super::methods::ROWS,
        super::storage::ROWS,
        super::functions::ROWS,
        super::autograd::ROWS,
        super::data::ROWS,
        super::numpy::ROWS,
    ]
    .into_iter()
    .flatten()
}
