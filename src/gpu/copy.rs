//! Copies and casts between arrays of the GPU, fills, and transfers from and to the CPU.

use super::access::Type;
use super::map::{self, launch};
use crate::core::{DType, Number};
use crate::device::Array;
use crate::device::gpu::{Block, gpu};
use crate::err;
use crate::error::Result;

/// Its address stands for the formulas here.
static KEY: u8 = 0;

fn key(kind: Type, fill: bool) -> (usize, u64) {
    (std::ptr::from_ref(&KEY).addr(), kind as u64 + 8 * u64::from(fill))
}

/// `to[i] = from[i]`, cast to the dtype of `to`; `from` broadcasts to its shape. The two may overlap in any way.
pub fn copy(from: &Array, to: &Array) -> Result<()> {
    if from.storage.same(&to.storage) && from.dtype == to.dtype && from.layout == to.layout {
        return Ok(());
    }
    // Truth values are bytes of 0 and 1, which any number but 0 becomes. Unsigned words are read as the type that goes to
    // memory, since their own is one of bits.
    let kind = match (from.dtype, Type::of(to.dtype)) {
        (DType::U32, to @ (Type::F32 | Type::I64 | Type::C64)) | (DType::U64, to @ (Type::F32 | Type::C64)) => to,
        (from, _) => Type::of(from),
    };
    launch("copy", key(kind, false), &[(from, kind)], &[], kind, to, &|| {
        let t = kind.name();
        Ok((format!("fn formula(x: {t}) -> {t} {{ return x; }}\n"), vec!["@0".into()]))
    })
}

/// `to[i] = value`, cast to the dtype of `to`.
pub fn fill(to: &Array, value: Number) -> Result<()> {
    let kind = Type::of(to.dtype);
    let lane = map::lane(to.dtype).ok_or_else(|| to.dtype.lacks_on_gpu("fill"))?;
    launch("fill", key(kind, true), &[], &[map::lane_number(value.cast(to.dtype), lane)], kind, to, &|| {
        let (t, value) = (kind.name(), crate::expr::wgsl::parameter(0, lane));
        Ok((format!("fn formula() -> {t} {{ return {value}; }}\n"), vec![]))
    })
}

/// A contiguous copy.
pub fn packed(a: &Array) -> Result<Array> {
    let out = Array::empty(a.contiguous(a.layout.shape.clone()))?;
    copy(a, &out)?;
    Ok(out)
}

/// The bytes of a dense array of the CPU over all of `to`, which has the same dtype and strides.
pub fn upload(from: &Array, to: &Array) -> Result<()> {
    // SAFETY: a dense layout spans as many elements as it has, from its offset on; only a thread of the user's that races with
    // this copy could write them meanwhile.
    let bytes = unsafe { std::slice::from_raw_parts(from.bytes_ptr(), from.numel() * from.dtype.size()) };
    map::settle()?;
    gpu("copy")?.upload("copy", block(to)?, bytes)
}

/// The bytes of a dense array of the GPU over those of `to`, which has the same dtype and strides.
pub fn download(from: &Array, to: &Array) -> Result<()> {
    let size = from.dtype.size();
    // SAFETY: as above; `to` is being written, so nobody else may read it.
    let bytes = unsafe { std::slice::from_raw_parts_mut(to.bytes_ptr(), to.numel() * size) };
    map::settle()?;
    gpu("copy")?.download("copy", block(from)?, from.layout.offset * size, bytes)
}

fn block(a: &Array) -> Result<&Block> {
    a.storage.gpu().ok_or_else(|| err!(Runtime, "internal error: an array of the CPU was taken for one of the GPU"))
}
