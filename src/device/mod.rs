//! Floor 2: memory, devices and random streams. Knows no op.

pub mod array;
pub mod cpu;
pub mod gpu;
pub mod os;
pub mod rng;
pub mod settings;
pub mod storage;

pub use array::{Array, Value};
pub use rng::{Generator, SharedGenerator};
pub use storage::Storage;
