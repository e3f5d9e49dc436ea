//! Floor 7: file formats.

pub mod safetensors;
