//! Floor 3: how to compute on raw arrays on the CPU. Knows no autograd.

pub mod copy;
pub mod dispatch;
pub mod overlap;
pub mod random;
pub mod strided;
pub mod threads;
