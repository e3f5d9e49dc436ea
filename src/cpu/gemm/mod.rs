//! Matrix products on the CPU.
//!
//! [`matmul`] takes arrays; [`drive::gemm`] is the product of two matrices as they lie in memory. The bits of a result depend
//! on shapes, strides and dtype, never on the instruction set or the number of threads: see `micro.rs` and `dot.rs`.

mod batch;
mod dot;
pub(crate) mod drive;
pub(crate) mod epilogue;
mod integer;
pub(crate) mod micro;
pub(crate) mod pack;
pub(crate) mod vector;

pub use batch::{Fused, matmul};
pub(crate) use batch::{single, widened};

#[cfg(test)]
mod tests;
