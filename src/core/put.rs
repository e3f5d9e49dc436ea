//! What becomes of an element that is written to by index.

/// What becomes of an element `old` for which there is `new`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Set,
    Multiply,
    /// NaN wins.
    Larger,
    /// NaN wins.
    Smaller,
}
