//! Floor 3, beside `cpu`: how to compute on arrays of the GPU. Each family launches its kernels; elementwise kernels are
//! printed from their expressions, the others stand in `shaders/`. Knows no graph and no op.

pub mod access;
pub mod complex;
pub mod conv;
pub mod copy;
pub mod create;
pub mod divisor;
pub mod dropout;
pub mod gather;
mod gemm;
pub mod kernel;
mod lanes;
pub mod library;
pub mod loss;
pub mod map;
pub mod matmul;
pub mod norm;
pub mod order;
pub mod overlap;
mod plain;
pub mod pool;
pub mod reduce;
pub mod running;
pub mod scatter;
pub mod softmax;
mod sort;
pub mod update;
mod walk;
pub mod window;
pub mod words;
