//! rustgrad's core. Floors, each importing only those above it:
//! `core`, `expr`, `device`, `cpu` and `gpu`, `tensor`, `ops`, `autograd`, `io`, `bindings`.

pub mod autograd;
pub mod core;
pub mod cpu;
pub mod device;
pub mod error;
pub mod expr;
pub mod gpu;
pub mod io;
pub mod ops;
pub mod tensor;

#[cfg(feature = "python")]
mod bindings;

// Checks of the whole tree and of every kernel's text. As crates of their own they would have all of this one compiled again.
#[cfg(test)]
#[path = "../tests/floors.rs"]
mod floors;
#[cfg(all(test, feature = "checks"))]
#[path = "../tests/shaders.rs"]
mod shaders;
#[cfg(all(test, not(feature = "checks")))]
compile_error!("the tests need what the feature `checks` brings: cargo test --no-default-features --features checks");

/// The extension module.
#[cfg(feature = "python")]
#[pyo3::pymodule]
fn _rustgrad(m: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
    bindings::init(m)
}
