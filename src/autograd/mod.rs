//! Floor 6: running backward. Recording is below the ops (`tensor/node.rs`); running is above them, since it
//! adds gradients.

mod accumulate;
mod anomaly;
pub mod current;
mod engine;
mod node_hooks;

pub use anomaly::set_show;
pub use engine::{backward, grad, next_hook_id};
pub use node_hooks::{note_leaf, retain_grad};
