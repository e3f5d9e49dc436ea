//! Floor 3: how to compute on raw arrays on the CPU. Knows no autograd.

pub mod argreduce;
mod columns;
pub mod conv;
pub mod convert;
pub mod copy;
pub mod create;
pub mod dispatch;
pub mod fold;
pub mod gather;
pub mod gemm;
pub mod loss;
pub mod map;
pub mod multinomial;
pub mod nonzero;
pub mod norm;
pub mod optim;
pub mod overlap;
pub mod pool;
pub mod random;
pub mod reduce;
pub mod scan;
pub mod scatter;
pub mod softmax;
pub mod sort;
pub mod strided;
pub mod threads;
pub mod widen;
