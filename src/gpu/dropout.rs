//! The noise of dropout, from a mask that was drawn on the CPU: bytes travel, not floats.

use super::access::Type;
use super::map::launch;
use crate::core::Number;
use crate::device::Array;
use crate::error::Result;

/// Its address stands for the formula here.
static KEY: u8 = 0;

/// `out[i] = scale` where `mask` is true, else 0.
pub fn noise(mask: &Array, scale: f64, out: &Array) -> Result<()> {
    let key = (std::ptr::from_ref(&KEY).addr(), 0);
    launch("dropout", key, &[(mask, Type::Bool)], &[Number::Float(scale)], Type::F32, out, &|| {
        let text = "fn formula(kept: bool) -> f32 { return select(0.0f, rg_meta.f32s.x, kept); }\n";
        Ok((text.to_string(), vec!["@0".into()]))
    })
}
