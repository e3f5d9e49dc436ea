//! Elements at given indices along a dim, and one-hot vectors. A bad index is reported (see `rg_index`) and read as 0.

use super::access::{Type, Way, per_word};
use super::kernel::{Kernel, Operand, count};
use super::walk::Walk;
use super::words::words;
use crate::core::layout::contiguous_strides;
use crate::core::{DType, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::err;
use crate::error::Result;

const GROUP: usize = 256;

static GATHER: &str = include_str!("../../shaders/gather.wgsl");
static ONE_HOT: &str = include_str!("../../shaders/one_hot.wgsl");

words! {
    /// `stride` and `size` are those of x along the dim, `numel` that of out; a walk of out, index and x follows.
    struct Gather { out, index, x, stride, size, numel }
}
words! {
    /// A walk of index follows, whose stride along the classes is 0.
    struct OneHot { out, index, classes }
}

/// The array as the integers whose bits it has: kernels that only move them are the same then, and change none.
fn bits(a: &Array) -> Array {
    a.with_dtype(match a.dtype.size() {
        1 => DType::U8,
        2 => DType::I16,
        4 => DType::I32,
        _ => DType::I64,
    })
}

/// Refuses what no index can be right for.
pub(super) fn check_size(op: &str, dim: usize, size: usize) -> Result<()> {
    match size {
        0 => Err(err!(Index, "{op}: every index is out of bounds for dimension {dim} with size 0")),
        _ => count(op, size).map(|_| ()),
    }
}

/// Strides of `x` but for `dim`, which the index takes over; and the stride there.
pub(super) fn without(x: &Array, dim: usize) -> (Strides, isize) {
    let mut strides = x.layout.strides.clone();
    let along = std::mem::take(&mut strides[dim]);
    (strides, along)
}

/// Whether the walk's operand 0, `out`, lies element after element from a whole word on, and nobody else has part of the last.
fn owns_words(out: &Array, walk: &Walk, per: usize) -> bool {
    let mut run = 1;
    let packed = walk.sizes.iter().zip(&walk.strides[0]).all(|(&n, &s)| {
        let next = n == 1 || s == run;
        run *= n as isize;
        next
    });
    let end = out.layout.offset + out.numel();
    let ends = end.is_multiple_of(per) || end * out.dtype.size() >= out.storage.bytes();
    packed && out.layout.offset.is_multiple_of(per) && ends
}

/// `out[i.., k, j..] = x[i.., index[i.., k, j..], j..]` with the index (int64, any strides) in place `dim`. `x` has the shape of
/// `index`, or more in the other dims; `out` is shaped like `index`. None is 0-d.
pub fn gather(op: &str, x: &Array, dim: usize, index: &Array, out: &Array) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    check_size(op, dim, x.shape()[dim])?;
    let g = gpu(op)?;
    let (size, n) = (x.shape()[dim] as u32, count(op, out.numel())?);
    let (x, out) = (bits(x), bits(out));
    let (rest, along) = without(&x, dim);
    let mut walk = Walk::new(out.shape(), &[&out.layout.strides, &index.layout.strides, &rest]);
    let kind = Type::of(x.dtype);
    let (mut from, at, mut to) = (Operand::of(&x), Operand::of(index), Operand::of(&out));
    let per = per_word(out.dtype);
    let fours = walk.goes_in_fours(&[0, 2])
        && walk.strides[1][0] == 0
        && [along, x.layout.offset as isize, out.layout.offset as isize].iter().all(|v| v % 4 == 0);
    let by_words = !fours && per > 1 && owns_words(&out, &walk, per);
    let mut scale = [1; 2];
    if fours {
        (from, to) = (from.way(Way::Fours), to.way(Way::Fours));
        walk.sizes[0] /= 4;
        for k in [0, 2] {
            walk.strides[k][1..].iter_mut().for_each(|s| *s /= 4);
        }
        scale = [4; 2];
    } else if by_words {
        to = to.way(Way::Words);
        scale[0] = per as u32;
    }
    let words = Gather {
        out: to.first(g) / scale[0],
        index: at.first(g),
        x: from.first(g) / scale[1],
        stride: (along / scale[1] as isize) as u32,
        size,
        numel: n,
    };
    let words = words.words().and(walk.words());
    let body = || {
        let v = if fours { kind.four() } else { kind.name() };
        let main = match per {
            4 if by_words => {
                "store0(i + rg_word(OUT), vec4<i32>(value(4u * i), value(min(4u * i + 1u, last)), value(min(4u * i + 2u, last)), \
                 value(min(4u * i + 3u, last))));"
            }
            2 if by_words => "store0(i + rg_word(OUT), vec2<i32>(value(2u * i), value(min(2u * i + 1u, last))));",
            _ => "let v = value(i); store0(place, v);",
        };
        Ok(format!(
            "alias V = {v};\n{}{GATHER}@compute @workgroup_size({GROUP})\nfn main(@builtin(workgroup_id) w: vec3<u32>, \
             @builtin(local_invocation_index) l: u32) {{\n    let i = rg_group(w) * {GROUP}u + l;\n    if (i >= rg_meta.count) {{ \
             return; }}\n    let last = rg_word(NUMEL) - 1u;\n    {main}\n}}\n",
            walk.text("walk", 0)
        ))
    };
    let kernel = Kernel {
        op,
        id: GATHER.as_ptr().addr(),
        variant: walk.ndim() as u64,
        consts: &[],
        reads: &[from, at],
        writes: &[to],
        body: &body,
    };
    kernel.run_linear(out.numel().div_ceil(scale[0] as usize), GROUP, &words, &[])
}

/// Ones at `[i, index[i]]` of the contiguous int64 `out`, zeros elsewhere.
pub fn one_hot(index: &Array, classes: usize, out: &Array) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    let g = gpu("one_hot")?;
    let mut strides = index.layout.strides.clone();
    strides.push(0);
    let walk = Walk::new(out.shape(), &[&contiguous_strides(out.shape()), &strides]).only(1);
    let (from, to) = (Operand::of(index), Operand::of(out));
    let words = OneHot { out: to.first(g), index: from.first(g), classes: count("one_hot", classes)? };
    let words = words.words().and(walk.words());
    let kernel = Kernel {
        op: "one_hot",
        id: ONE_HOT.as_ptr().addr(),
        variant: walk.ndim() as u64,
        consts: &[],
        reads: &[from],
        writes: &[to],
        body: &|| Ok(walk.text("walk", 0) + ONE_HOT),
    };
    kernel.run_linear(out.numel(), GROUP, &words, &[])
}
