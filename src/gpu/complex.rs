//! Complex numbers on the GPU: functions between them and their parts. Formulas of rows
//! print over complex numbers as over others (`expr/wgsl.rs`).

use super::access::Type;
use super::map::launch;
use crate::device::Array;
use crate::error::Result;

/// `out[i] = f(x[i])` with a function of `shaders/complex.wgsl`, whose result is real or complex as `out` is; `out` may be `x`.
pub fn of(op: &str, f: &'static str, x: &Array, out: &Array) -> Result<()> {
    let (from, to) = (Type::C64.name(), Type::of(out.dtype));
    launch(op, (f.as_ptr().addr(), 0), &[(x, Type::C64)], &[], to, out, &|| {
        Ok((format!("fn formula(x: {from}) -> {} {{ return {f}(x); }}\n", to.name()), vec!["@0".into()]))
    })
}

/// Complex numbers of their absolute values and angles, which broadcast.
pub fn polar(r: &Array, angle: &Array, out: &Array) -> Result<()> {
    const TEXT: &str = "fn formula(r: f32, angle: f32) -> vec2<f32> { return c64_polar(r, angle); }\n";
    let arrays = [(r, Type::F32), (angle, Type::F32)];
    launch("polar", (TEXT.as_ptr().addr(), 0), &arrays, &[], Type::C64, out, &|| {
        Ok((TEXT.into(), vec!["@0".into(), "@1".into()]))
    })
}
