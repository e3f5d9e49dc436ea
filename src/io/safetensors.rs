//! Named tensors in a file that runs no code: the safetensors format. Header and checks are the
//! `safetensors` crate's; reading goes straight into the tensors' memory.
//!
//! The Python side passes the path of a file aside, which it renames when this one is written and synced.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::core::{DType, Device, Layout, Meta};
use crate::cpu;
use crate::device::Array;
use crate::err;
use crate::error::{Error, Result};

/// No header of a real model comes near this; a hostile length field must not allocate.
const MAX_HEADER: u64 = 100 << 20;

/// Tensors by name, in file order, and the file's free text.
pub type Loaded = (Vec<(String, Array)>, HashMap<String, String>);

/// Writes `tensors` to the file `path`, and syncs it. Larger element types come first, so that every tensor is aligned; else the order is kept.
pub fn save(path: &Path, tensors: &[(String, Array)], text: Option<HashMap<String, String>>) -> Result<()> {
    let mut order: Vec<&(String, Array)> = tensors.iter().collect();
    order.sort_by_key(|(_, a)| std::cmp::Reverse(a.dtype.size()));
    let mut infos = Vec::with_capacity(order.len());
    let mut end = 0;
    for (name, a) in &order {
        let start = end;
        end += a.numel() * a.dtype.size();
        let Some(dtype) = to_file(a.dtype) else {
            return Err(err!(Value, "save: tensor '{name}' has dtype {}, which safetensors lacks", a.dtype.name())
                .hint("save its real and imaginary parts, or convert it to complex64"));
        };
        infos.push((name.clone(), TensorInfo { dtype, shape: a.shape().to_vec(), data_offsets: (start, end) }));
    }
    let refuse = |e: &dyn std::fmt::Display| err!(Runtime, "save: cannot write {}: {e}", path.display());
    let metadata = Metadata::new(text, infos).map_err(|e| refuse(&e))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|e| refuse(&e))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    write(path, &header, &order).map_err(|e| refuse(&e))
}

fn write(path: &Path, header: &[u8], tensors: &[&(String, Array)]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header)?;
    for (_, a) in tensors {
        let dense = contiguous(a).map_err(|e| io::Error::other(e.message))?;
        // SAFETY: contiguous, so numel elements lie at the pointer; nobody writes them while the GIL is held.
        let bytes = unsafe { std::slice::from_raw_parts(dense.bytes_ptr(), dense.numel() * dense.dtype.size()) };
        out.write_all(bytes)?;
    }
    out.into_inner().map_err(|e| e.into_error())?.sync_all()
}

fn contiguous(a: &Array) -> Result<Array> {
    if a.is_contiguous() {
        return Ok(a.clone());
    }
    let out = Array::empty(Meta::new(Layout::contiguous(a.layout.shape.clone()), a.dtype, a.device))?;
    cpu::copy::copy(a, &out)?;
    Ok(out)
}

/// Reads every tensor of `path`. A truncated, oversized or inconsistent file is an error that says where, and nothing
/// is allocated beyond what the file really holds.
pub fn load(path: &Path) -> Result<Loaded> {
    let bad = |what: String| {
        err!(Runtime, "load: {} is not a valid safetensors file: {what}", path.display())
            .hint("the file is damaged, cut short, or of another format")
    };
    let read_failed = |e: io::Error| io_error(path, &e);
    let mut file = File::open(path).map_err(read_failed)?;
    let size = file.metadata().map_err(read_failed)?.len();
    let mut prefix = [0; 8];
    if size < 8 {
        return Err(bad(format!("it has {size} bytes, fewer than the 8 of the header's length")));
    }
    file.read_exact(&mut prefix).map_err(read_failed)?;
    let n = u64::from_le_bytes(prefix);
    if n > MAX_HEADER || n > size - 8 {
        return Err(bad(format!("its header claims {n} bytes, the file has {size}")));
    }
    let mut header = vec![0; n as usize];
    file.read_exact(&mut header).map_err(read_failed)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| bad(e.to_string()))?;
    let expected = 8 + n + metadata.data_len() as u64;
    if expected != size {
        return Err(bad(format!("its header describes {expected} bytes, the file has {size}")));
    }
    let mut tensors = Vec::new();
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let Some(dtype) = from_file(info.dtype) else {
            return Err(err!(
                NotImplemented,
                "load: tensor '{name}' in {} has dtype {:?}, which rustgrad does not have",
                path.display(),
                info.dtype
            ));
        };
        let out = Array::empty(Meta::new(Layout::contiguous(info.shape[..].into()), dtype, Device::CPU))?;
        let bytes = info.data_offsets.1 - info.data_offsets.0;
        file.seek(SeekFrom::Start(8 + n + info.data_offsets.0 as u64)).map_err(read_failed)?;
        // SAFETY: fresh memory of this many bytes (the crate checked size against shape and dtype), not shared yet.
        let target = unsafe {
            std::ptr::write_bytes(out.bytes_ptr(), 0, bytes);
            std::slice::from_raw_parts_mut(out.bytes_ptr(), bytes)
        };
        file.read_exact(target).map_err(read_failed)?;
        tensors.push((name, out));
    }
    Ok((tensors, metadata.metadata().clone().unwrap_or_default()))
}

/// The Python side opens the file first, so that a missing one is its own `FileNotFoundError`.
fn io_error(path: &Path, e: &io::Error) -> Box<Error> {
    err!(Runtime, "load: cannot read {}: {e}", path.display())
}

/// The file format's dtype; it lacks complex32 and complex128.
fn to_file(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::Bool => Dtype::BOOL,
        DType::U8 => Dtype::U8,
        DType::I8 => Dtype::I8,
        DType::I16 => Dtype::I16,
        DType::U16 => Dtype::U16,
        DType::U32 => Dtype::U32,
        DType::U64 => Dtype::U64,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::C64 => Dtype::C64,
        DType::C32 | DType::C128 => return None,
    })
}

fn from_file(dtype: Dtype) -> Option<DType> {
    DType::ALL.into_iter().find(|&d| to_file(d) == Some(dtype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("rustgrad-{}-{name}.safetensors", std::process::id()))
    }

    fn save_one(path: &Path) {
        let a = Array::from_slice(&[2, 3], &[1f32, 2., 3., 4., 5., 6.]).unwrap();
        let b = Array::from_slice(&[2], &[7i64, -8]).unwrap();
        let t = a.with_layout(a.layout.transposed(0, 1));
        let text = HashMap::from([("made by".to_string(), "a test".to_string())]);
        save(path, &[("a".into(), a), ("b".into(), b), ("t".into(), t)], Some(text)).unwrap();
    }

    #[test]
    fn comes_back() {
        let path = scratch("comes_back");
        save_one(&path);
        let (tensors, text) = load(&path).unwrap();
        assert_eq!(text["made by"], "a test");
        let get = |n: &str| &tensors.iter().find(|(name, _)| name == n).unwrap().1;
        assert_eq!(get("a").to_vec::<f32>(), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(get("t").to_vec::<f32>(), [1., 4., 2., 5., 3., 6.]);
        assert_eq!((get("t").shape(), get("b").to_vec::<i64>()), (&[3, 2][..], vec![7, -8]));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn damaged_files_are_errors() {
        let path = scratch("damaged");
        save_one(&path);
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(load(&path).is_err(), "cut at {cut}");
        }
        for at in 0..whole.len().min(200) {
            for value in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                fs::write(&path, &damaged).unwrap();
                // Some damage leaves a valid file; none may panic or read outside it.
                let _ = load(&path);
            }
        }
        fs::remove_file(path).unwrap();
    }
}
