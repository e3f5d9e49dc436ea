//! Floor 6: running backward. Recording is below the ops (`tensor/node.rs`); running is above them, since it
//! adds gradients.

mod accumulate;
mod anomaly;
pub mod current;
mod engine;
pub mod node_hooks;

use crate::error::Result;
use crate::tensor::Tensor;

/// Lends the door the engine, for tangents.
pub fn serve_tangents() {
    fn gradients(
        outputs: &[(Tensor, Option<Tensor>)],
        inputs: &[Tensor],
        create_graph: bool,
    ) -> Result<Vec<Option<Tensor>>> {
        grad(outputs, inputs, create_graph, create_graph, true)
    }
    crate::tensor::tangent::set_gradients(gradients);
}

pub use anomaly::set_show;
pub use engine::{backward, grad, next_hook_id};
pub use node_hooks::{note_leaf, retain_grad};
