//! Anomaly mode: which line of the forward call made the node whose backward fails or gives NaN.

use std::rc::Rc;

use crate::core::{DType, Device};
use crate::err;
use crate::error::{Error, Result};
use crate::tensor::Node;
use crate::tensor::mode::{self, GradGuard};
use crate::tensor::op::Grads;

/// How floor 8 shows where a node was made, from the trace that it keeps.
pub type Show = fn(&str, Option<&dyn std::any::Any>) -> Result<()>;

static SHOW: std::sync::OnceLock<Show> = std::sync::OnceLock::new();

/// Told once by the bindings.
pub fn set_show(f: Show) {
    let _ = SHOW.set(f);
}

/// Warns of where `node` was made, if its backward failed in anomaly mode; the error goes on.
#[cold]
pub fn failed(node: &Rc<Node>, e: Box<Error>) -> Box<Error> {
    if !mode::anomaly().0 {
        return e;
    }
    match show(node) {
        Ok(()) => e,
        Err(other) => other,
    }
}

fn show(node: &Rc<Node>) -> Result<()> {
    let trace = node.extra.borrow().as_ref().and_then(|e| e.trace.clone());
    SHOW.get().map_or(Ok(()), |f| f(&node.class_name(), trace.as_deref()))
}

/// Refuses gradients that hold NaN.
pub fn checked(node: &Rc<Node>, mut outgoing: Grads) -> Result<Grads> {
    let count = node.edges.borrow().len();
    let _grad = GradGuard::new(false);
    let mut grads = Vec::with_capacity(count);
    for i in 0..count {
        let g = outgoing.take(i);
        if let Some(g) = g.as_ref().filter(|g| g.dtype().is_float() && g.numel() > 0 && !g.device().is_meta()) {
            let elements = g.detach().to_device(Device::CPU)?.to_dtype(DType::F64)?.contiguous()?;
            if elements.array().to_vec::<f64>().iter().any(|x| x.is_nan()) {
                let name = node.class_name();
                show(node)?;
                return Err(err!(Runtime, "Function '{name}' returned nan values in its {i}th output."));
            }
        }
        grads.push(g);
    }
    Ok(Grads::Heap(grads))
}
