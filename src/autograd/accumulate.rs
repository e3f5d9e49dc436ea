//! What happens to a gradient when it meets another, and when it reaches a leaf.

use crate::bail;
use crate::core::shape::list;
use crate::error::Result;
use crate::tensor::source::Laid;
use crate::tensor::{Tensor, apply, data, mode};

/// The sum of what has arrived and what arrives. Written over the former where nobody else can see it.
pub fn sum(have: Tensor, more: &Tensor) -> Result<Tensor> {
    let private = !mode::grad_enabled()
        && have.count() == 1
        && have.object().is_null()
        && have.shape() == more.shape()
        && have.dtype() == more.dtype()
        && data::is_private(have.array());
    if private {
        have.add_inplace(more)?;
        return Ok(have);
    }
    have.add(more)
}

/// Adds the finished gradient of a leaf to its `.grad`.
pub fn into_grad(leaf: &Tensor, g: Tensor) -> Result<()> {
    // Of a real tensor that was used beside complex ones, the real part.
    let g = if g.dtype().is_complex() != leaf.dtype().is_complex() { g.to_dtype(leaf.dtype())? } else { g };
    if g.shape() != leaf.shape() || g.dtype() != leaf.dtype() {
        bail!(
            Runtime,
            "internal error: a gradient of shape {} and dtype {} for a tensor of shape {} and dtype {}",
            list(g.shape()),
            g.dtype().name(),
            list(leaf.shape()),
            leaf.dtype().name()
        );
    }
    let recording = mode::grad_enabled();
    let grad = match leaf.grad() {
        None if recording => g,
        None => own(leaf, g)?,
        Some(old) if recording => old.add(&g)?,
        Some(old) => {
            old.add_inplace(&g)?;
            return Ok(());
        }
    };
    leaf.set_grad(Some(grad));
    Ok(())
}

/// The gradient as memory of its own, with the strides of a dense leaf: taken over where nobody else holds
/// it, else copied.
fn own(leaf: &Tensor, g: Tensor) -> Result<Tensor> {
    let layout = leaf.layout();
    let (shape, ours, theirs) = (leaf.shape(), &layout.strides, &g.layout().strides);
    // In a dim of size 1 any stride will do but 0, that of an expanded tensor.
    let alike = |d: usize| if shape[d] == 1 { theirs[d] != 0 } else { theirs[d] == ours[d] };
    let fits = if layout.is_dense() { (0..shape.len()).all(alike) } else { g.is_contiguous() };
    if fits && g.count() == 1 && g.object().is_null() && data::is_private(g.array()) {
        return Ok(if g.is_leaf() && !g.is_view() { g } else { g.detach() });
    }
    let mut wanted = layout.clone();
    wanted.offset = 0;
    if !layout.is_dense() {
        wanted = crate::core::Layout::contiguous(layout.shape.clone());
    }
    apply(Laid { layout: wanted }, &[&g])
}
