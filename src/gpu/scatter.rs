//! Writing at given indices along a dim, above all sums, the transpose of `gather`, without float atomics: indices are sorted, and each destination
//! adds its sources in their order. So bits are the same on every run, and those of the CPU's loop.

use super::access::{Type, Way};
use super::copy;
use super::gather::{check_size, without};
use super::kernel::{Kernel, Operand, count};
use super::map::launch;
use super::sort::{Slices, Sorted};
use super::walk::Walk;
use super::words::words;
use crate::core::{DType, Layout, Meta, Number, Put, Shape, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

const GROUP: usize = 256;
/// Invocations of a group where each does a long piece of work alone.
const LONE: usize = 64;
/// Slices that are always walked, not sorted.
const SHORT: usize = 256;
/// Entries of a slice that a launch takes. Mesa's lavapipe ends a shader's loops without a word after 65535 iterations; other
/// devices must not be kept busy for long.
const WINDOW: usize = 32_768;

static ADD: &str = include_str!("../../shaders/scatter_add.wgsl");
static LOOP: &str = include_str!("../../shaders/scatter_loop.wgsl");
/// How `scatter_add.wgsl` finds the index and the place of a sorted entry.
const PACKED: &str = "fn key(p: u32) -> u32 { return bitcast<u32>(load2(p)) >> rg_word(BITS); }
fn entry(p: u32) -> u32 { return bitcast<u32>(load2(p)) & ((1u << rg_word(BITS)) - 1u); }
";
const SPLIT: &str = "fn key(p: u32) -> u32 { return bitcast<u32>(load2(p)) - p / rg_word(LENGTH) * rg_word(SIZE); }
fn entry(p: u32) -> u32 { return bitcast<u32>(load3(p)) - p / rg_word(LENGTH) * rg_word(LENGTH); }
";
/// Its address stands for the formula of [`rarity`].
static RARITY: u8 = 0;

words! {
    /// Strides and `size`, that of out, are those along the dim. Of slices of `length` entries a launch takes a
    /// `window` from `start` on, each with `columns`. `bits`: those of a place in a packed entry. Walks of columns and
    /// of slices follow.
    struct Scatter {
        out, src, index, out_stride, src_stride, index_stride, columns, size, bits, length, start, window,
    }
}

/// The walk over some dims of `shape`.
pub fn walk_of(shape: &[usize], dims: &[usize], operands: &[&Strides]) -> Walk {
    let sizes: Shape = dims.iter().map(|&d| shape[d]).collect();
    let strides: Vec<Strides> = operands.iter().map(|s| dims.iter().map(|&d| s[d]).collect()).collect();
    Walk::new(&sizes, &strides.iter().collect::<Vec<_>>())
}

/// What becomes of an element `a` for which there is `b`, or of four: `how`, or their sum. Halves are rounded each time, as on the
/// CPU.
fn plus(how: Option<Put>, dtype: DType, v: &str, fours: bool) -> String {
    let kind = Type::of(dtype);
    let one = |a: &str, b: &str| match (how, kind) {
        (None, _) => sum(dtype, a, b),
        (Some(Put::Set), _) => b.to_string(),
        (Some(Put::Multiply), Type::F32) => round(dtype, format!("{a} * {b}")),
        (Some(Put::Multiply), Type::I64) => format!("i64_mul({a}, {b})"),
        (Some(Put::Multiply), _) => format!("{a} * {b}"),
        (Some(Put::Larger), Type::F32) => format!("rg_max({a}, {b})"),
        (Some(Put::Smaller), Type::F32) => format!("rg_min({a}, {b})"),
        (Some(Put::Larger), Type::I64) => format!("i64_max({a}, {b})"),
        (Some(Put::Smaller), Type::I64) => format!("i64_min({a}, {b})"),
        (Some(Put::Larger), _) => format!("max({a}, {b})"),
        (Some(Put::Smaller), _) => format!("min({a}, {b})"),
    };
    let both = if fours {
        format!("{v}({})", [0, 1, 2, 3].map(|j| one(&format!("a[{j}]"), &format!("b[{j}]"))).join(", "))
    } else {
        one("a", "b")
    };
    format!("fn plus(a: {v}, b: {v}) -> {v} {{ return {both}; }}\n")
}

fn round(dtype: DType, v: String) -> String {
    match dtype {
        DType::F16 => format!("f16_unpack(f16_round({v}))"),
        DType::BF16 => format!("bf16_unpack(bf16_round({v}))"),
        _ => v,
    }
}

fn sum(dtype: DType, a: &str, b: &str) -> String {
    match dtype {
        DType::I64 => format!("i64_add({a}, {b})"),
        DType::Bool => format!("{a} | {b}"),
        _ => round(dtype, format!("{a} + {b}")),
    }
}

/// `out[i.., index[i.., k, j..], j..] += src[i.., k, j..]`, in the order of `index` (int64), which is no larger than `src` in any
/// dim. All may have any strides, `out` without overlap; none is 0-d.
pub fn add(op: &str, out: &Array, dim: usize, index: &Array, src: &Array) -> Result<()> {
    write(op, out, dim, index, src, None)
}

/// As [`add`], but the values are put as `how` says.
pub fn put(op: &str, out: &Array, dim: usize, index: &Array, src: &Array, how: Put) -> Result<()> {
    write(op, out, dim, index, src, Some(how))
}

fn write(op: &str, out: &Array, dim: usize, index: &Array, src: &Array, how: Option<Put>) -> Result<()> {
    if index.numel() == 0 {
        return Ok(());
    }
    let (shape, size, length) = (index.shape(), out.shape()[dim], index.shape()[dim]);
    check_size(op, dim, size)?;
    let g = gpu(op)?;
    let (rest, along) = without(out, dim);
    let varies = |d: &usize| index.layout.strides[*d] != 0 && shape[*d] > 1;
    let (slices, columns): (Vec<usize>, Vec<usize>) = (0..shape.len()).filter(|&d| d != dim).partition(varies);
    let mut slice = walk_of(shape, &slices, &[&rest, &src.layout.strides, &index.layout.strides]);
    let mut column = walk_of(shape, &columns, &[&rest, &src.layout.strides]);
    count(op, index.numel().max(slice.numel().saturating_mul(size)))?;
    // Short slices are walked, and so are long ones where there are enough to keep a device busy.
    let sorted = if length <= SHORT || length / 4 <= slice.numel() * column.numel() {
        None
    } else {
        let stride = index.layout.strides[dim];
        Some(Slices { op, index, length, stride, size, walk: slice.only(2) }.sorted()?)
    };

    let (from, to) = (Operand::of(src), Operand::of(out));
    // First elements, and strides along the dim, of out and src.
    let mut places = [to.first(g), from.first(g)];
    let mut steps = [along, src.layout.strides[dim]];
    let fours = column.goes_in_fours(&[0, 1])
        && slice.strides[..2].iter().flatten().chain(&steps).all(|s| s % 4 == 0)
        && places.iter().all(|p| p % 4 == 0);
    let way = if fours { Way::Fours } else { Way::Each };
    if fours {
        column.sizes[0] /= 4;
        column.strides.iter_mut().flat_map(|s| &mut s[1..]).for_each(|v| *v /= 4);
        slice.strides[..2].iter_mut().flatten().for_each(|v| *v /= 4);
        places = places.map(|p| p / 4);
        steps = steps.map(|s| s / 4);
    }
    let (from, to) = (from.way(way), to.way(way));
    let mut reads = vec![to.over(), from];
    let mut words = Scatter {
        out: places[0],
        src: places[1],
        index: 0,
        out_stride: steps[0] as u32,
        src_stride: steps[1] as u32,
        index_stride: index.layout.strides[dim] as u32,
        columns: column.numel() as u32,
        size: size as u32,
        bits: 0,
        length: length as u32,
        start: 0,
        window: 0,
    };
    let (text, find) = match &sorted {
        None => {
            reads.push(Operand::of(index));
            words.index = reads[2].first(g);
            (LOOP, "")
        }
        Some(Sorted::Packed(entries, bits)) => {
            reads.push(Operand::of(entries));
            words.bits = *bits;
            (ADD, PACKED)
        }
        Some(Sorted::Split(keys, entries)) => {
            reads.extend([Operand::of(keys), Operand::of(entries)]);
            (ADD, SPLIT)
        }
    };
    if sorted.is_some() {
        slice.strides.pop();
    }
    let body = || {
        let kind = Type::of(out.dtype);
        let sum = plus(how, out.dtype, if fours { kind.four() } else { kind.name() }, fours);
        Ok(column.text("columns", 0) + &slice.text("slice", column.words().count()) + &sum + find + text)
    };
    let kernel = Kernel {
        op,
        id: text.as_ptr().addr(),
        // How entries are found follows from the operands: they are one or two.
        variant: (column.ndim() | slice.ndim() << 4) as u64 | how.map_or(0, |how| how as u64 + 1) << 32,
        consts: &[],
        reads: &reads,
        writes: &[to],
        body: &body,
    };
    for start in (0..length).step_by(WINDOW) {
        let n = WINDOW.min(length - start);
        let words = Scatter { start: start as u32, window: n as u32, ..words };
        let each = if sorted.is_some() { n } else { 1 };
        kernel.run_linear(
            slice.numel() * each * column.numel(),
            if sorted.is_some() { GROUP } else { LONE },
            &words.words().and(column.words()).and(slice.words()),
            &[],
        )?;
    }
    Ok(())
}

/// One by how often each of `rows` occurs in `index` (int64, contiguous), 1 where it does not; float32, in one dim.
pub fn rarity(op: &str, index: &Array, rows: usize) -> Result<Array> {
    let float = |n| Array::empty(Meta::new(Layout::contiguous([n][..].into()), DType::F32, index.device));
    let (counts, one, n) = (float(rows)?, float(1)?, index.numel());
    copy::fill(&counts, Number::Int(0))?;
    copy::fill(&one, Number::Int(1))?;
    let row = Layout { offset: index.layout.offset, ..Layout::contiguous([n][..].into()) };
    add(op, &counts, 0, &index.with_layout(row), &one.with_layout(one.layout.broadcast_to(&[n])))?;
    let key = (std::ptr::from_ref(&RARITY).addr(), 0);
    launch(op, key, &[(&counts, Type::F32)], &[], Type::F32, &counts, &|| {
        Ok(("fn formula(n: f32) -> f32 { return select(1.0, 1.0 / n, n > 1.0); }\n".into(), vec!["@0".into()]))
    })?;
    Ok(counts)
}
