//! rustgrad's core. Floors, each importing only those above it:
//! `core`, `expr`, `device`, `cpu`, `tensor`, `ops`, `autograd`, `io`, `bindings`.

pub mod autograd;
pub mod core;
pub mod cpu;
pub mod device;
pub mod error;
pub mod expr;
pub mod io;
pub mod ops;
pub mod tensor;
