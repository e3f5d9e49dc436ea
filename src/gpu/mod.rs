//! Floor 3, beside `cpu`: how to compute on arrays of the GPU. Each family launches its kernels; elementwise kernels are
//! printed from their expressions, the others stand in `shaders/`. Knows no graph and no op.

pub mod access;
pub mod conv;
pub mod copy;
mod gemm;
pub mod kernel;
pub mod library;
pub mod map;
pub mod matmul;
mod plain;
pub mod pool;
pub mod reduce;
pub mod scan;
mod walk;
