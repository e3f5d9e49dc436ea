//! Values in order: stable sorts along a dim, by passes of the radix sort over numbers that are ordered as the values are, and
//! what is picked from them; and searches among values in order.

use super::access::Type;
use super::kernel::{Kernel, Operand, count};
use super::scatter::walk_of;
use super::sort::{fresh, radix};
use super::walk::Walk;
use super::words::words;
use crate::core::DType;
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::err;
use crate::error::Result;

const GROUP: usize = 256;
/// Entries of a slice whose most frequent one is found: one invocation walks them.
const WALKED: usize = 32_768;

static VALUES: &str = include_str!("../../shaders/sort_values.wgsl");
static PICK: &str = include_str!("../../shaders/sort_pick.wgsl");
static SEARCH: &str = include_str!("../../shaders/search.wgsl");

words! {
    /// A slice has `length` entries, which walk along it by `stride`. `part`: 0 the low word of the key, 1 the high
    /// one, 2 the number of the slice. `largest`: the largest key where the order is turned, else 0.
    struct Values { length, x, stride, part, largest }
}
words! {
    /// Of slices of `length` entries, `wanted` ones from `first` on. `rule`: 0 those, 1 the middle one or NaN, 2 the
    /// middle one of those that are not NaN, 3 the last of the longest run of equals. Strides are those along a slice;
    /// a walk of x, values and places follows.
    struct Picked { length, wanted, first, rule, x, x_stride, values, values_stride, places, places_stride }
}
words! {
    /// Rows have `length` edges and `line` values, 0 where all share one row of edges. `right`: 1 on the right.
    struct Search { length, line, right, edges, values, order, out }
}

/// Which entries of a sorted slice are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// So many, from the one that stands at `.0`.
    From(usize),
    /// The middle one, the lower of two; NaN if there is one.
    Median,
    /// The middle one of those that are not NaN.
    NanMedian,
    /// The smallest of those that occur most often, at the last of its places.
    Mode,
}

/// Entries of the slices of `x` along `dim` in order, their values and places (int64). Both results have as many entries along
/// `dim` as are wanted. Slices are not empty; none is 0-d.
pub fn order(
    op: &str,
    x: &Array,
    dim: usize,
    descending: bool,
    pick: Pick,
    values: &Array,
    places: &Array,
) -> Result<()> {
    let g = gpu(op)?;
    let (n, length) = (x.numel(), x.shape()[dim]);
    count(op, n)?;
    if pick == Pick::Mode && length > WALKED {
        return Err(err!(NotImplemented, "{op}: not implemented on the GPU for more than {WALKED} entries ({length})")
            .hint("use x.cpu(), and .to(\"gpu\") on the result"));
    }
    let dims: Vec<usize> = (0..x.ndim()).filter(|&d| d != dim).collect();
    let strides = [&x.layout.strides, &values.layout.strides, &places.layout.strides];
    let walk = walk_of(x.shape(), &dims, &strides);
    let sorted = sorted(op, x, length, x.layout.strides[dim], &walk, descending)?;

    let (from, to, at) = (Operand::of(x), Operand::of(values), Operand::of(places));
    let wanted = values.shape()[dim];
    let (first, rule) = match pick {
        Pick::From(k) => (k, 0),
        Pick::Median => (0, 1),
        Pick::NanMedian => (0, 2),
        Pick::Mode => (0, 3),
    };
    let [x_stride, values_stride, places_stride] = strides.map(|s| s[dim] as u32);
    let words = Picked {
        length: length as u32,
        wanted: wanted as u32,
        first: first as u32,
        rule,
        x: from.first(g),
        x_stride,
        values: to.first(g),
        values_stride,
        places: at.first(g),
        places_stride,
    };
    let words = words.words().and(walk.words());
    let kernel = Kernel {
        op,
        id: PICK.as_ptr().addr(),
        variant: (walk.ndim() << 8) as u64 | x.dtype as u64,
        consts: &[],
        reads: &[from, Operand::of(&sorted)],
        writes: &[to, at],
        body: &|| Ok(walk.text("walk", 0) + &key(x.dtype) + PICK),
    };
    kernel.run_linear(walk.numel() * wanted, GROUP, &words, &[])
}

/// The places of all entries, `slice * length + place`, slice after slice, each in order.
fn sorted(op: &str, x: &Array, length: usize, stride: isize, walk: &Walk, descending: bool) -> Result<Array> {
    let g = gpu(op)?;
    let (n, slices) = (x.numel(), walk.numel());
    let from = Operand::of(x);
    let walk = walk.only(0);
    let bits = bits(x.dtype);
    let mut places: Option<Array> = None;
    // The least significant part first; each pass keeps the order of equals.
    let mut parts = vec![(0, bits.min(32))];
    if bits == 64 {
        parts.push((1, 32));
    }
    let limits = parts.into_iter().map(|(part, bits)| (part, 1u64 << bits));
    for (part, limit) in limits.chain((slices > 1).then_some((2, slices as u64))) {
        let keys = fresh(x, n)?;
        let largest = if descending && part != 2 { (limit - 1) as u32 } else { 0 };
        let words = Values { length: length as u32, x: from.first(g), stride: stride as u32, part, largest };
        let words = words.words().and(walk.words());
        let mut reads = vec![from];
        reads.extend(places.as_ref().map(Operand::of));
        let place = if places.is_some() { "bitcast<u32>(load1(i))" } else { "i" };
        let kernel = Kernel {
            op,
            id: VALUES.as_ptr().addr(),
            variant: (walk.ndim() << 8) as u64 | x.dtype as u64,
            consts: &[],
            reads: &reads,
            writes: &[Operand::of(&keys)],
            body: &|| {
                let place = format!("fn place(i: u32) -> u32 {{ return {place}; }}\n");
                Ok(walk.text("walk", 0) + &key(x.dtype) + &place + VALUES)
            },
        };
        kernel.run_linear(n, GROUP, &words, &[])?;
        places = Some(radix(op, keys, limit, places)?.1);
    }
    places.ok_or_else(|| err!(Runtime, "internal error: a sort without passes"))
}

/// Bits of a key: those of the dtype, as kernels see it.
fn bits(dtype: DType) -> usize {
    match Type::of(dtype) {
        Type::I64 => 64,
        Type::I32 | Type::Bool if dtype.size() < 4 => 8 * dtype.size(),
        _ => 32,
    }
}

/// `key(v, part)`: the low or the high word of a number that is ordered as values are, NaN last, both zeros alike; `nan(v)`.
fn key(dtype: DType) -> String {
    let kind = Type::of(dtype);
    let text = match kind {
        Type::F32 => {
            "let b = bitcast<u32>(v);\n    if (nan(v)) { return 0xffffffffu; }\n    if ((b << 1u) == 0u) { return 0x80000000u; }\n    \
             return select(b | 0x80000000u, ~b, (b >> 31u) == 1u);"
        }
        .to_string(),
        Type::I64 => {
            let turn = if dtype.is_signed() { "0x80000000u" } else { "0u" };
            format!("return select(v.x, v.y ^ {turn}, part == 1u);")
        }
        _ if dtype.size() < 4 => {
            let bias = if dtype.is_signed() { 1 << (8 * dtype.size() - 1) } else { 0 };
            format!("return bitcast<u32>(v + {bias});")
        }
        _ => "return bitcast<u32>(v) ^ 0x80000000u;".into(),
    };
    let nan = match kind {
        Type::F32 => "(bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u",
        _ => "false",
    };
    let name = kind.name();
    format!("fn nan(v: {name}) -> bool {{ return {nan}; }}\nfn key(v: {name}, part: u32) -> u32 {{\n    {text}\n}}\n")
}

/// Where `values` belong among `edges`, along their last dim: as many rows of edges as of values, or one for all. All are
/// contiguous; `order` says where the edges that stand in order lie.
pub fn search(op: &str, edges: &Array, order: Option<&Array>, values: &Array, right: bool, out: &Array) -> Result<()> {
    let n = values.numel();
    if n == 0 {
        return Ok(());
    }
    let g = gpu(op)?;
    count(op, n.max(edges.numel()))?;
    let line = values.shape().last().copied().unwrap_or(1);
    let line = if edges.ndim() > 1 { line } else { 0 };
    let (from, given, to) = (Operand::of(edges), Operand::of(values), Operand::of(out));
    let mut reads = vec![from, given];
    reads.extend(order.map(Operand::of));
    let third = reads.get(2).map_or(0, |o| o.first(g));
    let length = edges.shape().last().copied().unwrap_or(1);
    let words = Search {
        length: length as u32,
        line: line as u32,
        right: u32::from(right),
        edges: from.first(g),
        values: given.first(g),
        order: third,
        out: to.first(g),
    };
    let body = || {
        let kind = Type::of(edges.dtype).name();
        let less = match Type::of(edges.dtype) {
            Type::F32 => {
                "rg_lt(a, b) || ((bitcast<u32>(b) & 0x7fffffffu) > 0x7f800000u && (bitcast<u32>(a) & 0x7fffffffu) <= 0x7f800000u)"
            }
            Type::I64 if edges.dtype.is_signed() => "i64_lt(a, b)",
            Type::I64 => "a.y < b.y || (a.y == b.y && a.x < b.x)",
            _ => "a < b",
        };
        let place = if order.is_some() { "rg_index(load2(rg_word(ORDER) + base + k), rg_word(LENGTH))" } else { "k" };
        let put = if out.dtype == DType::I64 { "vec2<u32>(k, 0u)" } else { "bitcast<i32>(k)" };
        Ok(format!(
            "fn less(a: {kind}, b: {kind}) -> bool {{ return {less}; }}\nfn edge(base: u32, k: u32) -> {kind} {{ return \
             load0(rg_word(EDGES) + base + {place}); }}\nfn put(i: u32, k: u32) {{ store0(i, {put}); }}\n{SEARCH}"
        ))
    };
    let kernel =
        Kernel { op, id: SEARCH.as_ptr().addr(), variant: 0, consts: &[], reads: &reads, writes: &[to], body: &body };
    kernel.run_linear(n, GROUP, &words.words(), &[])
}
