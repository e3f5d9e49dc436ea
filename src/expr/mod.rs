//! Floor 1: scalar expressions. A formula is an ordinary function, generic over [`Scalar`]; run with other types it
//! becomes a vectorised loop ([`Lane`]), a recorded [`Graph`], its derivative ([`Dual`]) or WGSL text.
//! Knows no tensors.

pub mod body;
pub mod complex;
pub mod diff;
pub mod dual;
pub mod graph;
pub mod halves;
pub mod lanes;
pub mod math;
pub mod program;
pub mod scalar;
pub mod wgsl;

pub use body::{Body, MAX_INPUTS, MAX_PARAMS, Place};
pub use dual::Dual;
pub use graph::{Expr, Graph};
pub use halves::Half;
pub use lanes::{Lane, Native};
pub use program::Program;
pub use scalar::{Left, Mask, Scalar};
