//! Floor 4: the Tensor handle, graph nodes, versions, views, `trait Op`, and `apply`, the one door.
//! Knows no op by name.

pub mod apply;
pub mod data;
pub mod declare;
pub mod def;
pub mod display;
pub mod door;
pub mod extra;
pub mod handle;
pub mod mode;
pub mod node;
pub mod op;
pub mod parts;
pub mod replay;
pub mod saved;
pub mod source;
pub mod tangent;
pub mod tie;
pub mod views;
pub mod write;

pub use apply::{apply, apply_many};
pub use def::{Arg, Args, OpDef, Operand, Outs, Written};
pub use door::{Door, Token};
pub use handle::Tensor;
pub use node::{Edge, Node};
pub use op::{Context, Cotangents, Grads, Mask, Op, Saves};
pub use write::apply_inplace;
