//! Floor 3, beside `cpu`: how to compute on arrays of the GPU. Each family launches its kernels; elementwise kernels are
//! printed from their expressions, the others stand in `shaders/`. Knows no graph and no op.

pub mod access;
pub mod copy;
pub mod kernel;
pub mod library;
pub mod map;
pub mod reduce;
pub mod scan;
mod walk;
