//! Max pooling of images, with the places of the maxima; its gradient, and the gradient of that. All gather: a pixel's gradient
//! looks at the windows that cover it, in their order, so sums have the order of the CPU's.

use super::access::{Type, Way};
use super::kernel::{Kernel, Operand};
use super::words::words;
use crate::device::Array;
use crate::device::gpu::{Gpu, gpu};
use crate::error::Result;

const FORWARD: &str = include_str!("../../shaders/pool.wgsl");
const BACKWARD: &str = include_str!("../../shaders/pool_backward.wgsl");
const GATHER: &str = include_str!("../../shaders/pool_gather.wgsl");
/// Stands before each of them.
const PLACE: &str = include_str!("../../shaders/pool_place.wgsl");

const GROUP: usize = 64;

// Pairs are of height and width. An operand's words are its first element and its strides.
words! {
    /// `size`: of the output.
    struct Forward { channels, size[2], kernel[2], stride[2], pad[2], dilation[2], image[2], x[5], maxima[5], places[5] }
}
words! {
    /// `size`: of the image, whose rows have so many `fours`; four pixels are covered by `most` windows, down and
    /// across.
    struct Backward { channels, size[2], stride[2], pad[2], pooled[2], g[5], places[5], out[5], fours, most[2] }
}
words! {
    /// `size`: of the output.
    struct Gather { channels, size[2], plane[2], x[5], places[5], out[5] }
}

/// Windows of a pooling, height first. Padding is in front; sizes say what is behind.
#[derive(Clone, Copy)]
pub struct Windows {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
}

fn pair(n: [usize; 2]) -> [u32; 2] {
    n.map(|n| n as u32)
}

/// The first element of an operand of four dims, and its strides.
fn layout(g: &Gpu, o: &Operand) -> [u32; 5] {
    std::array::from_fn(|k| if k == 0 { o.first(g) } else { o.array.strides()[k - 1] as u32 })
}

/// Channels of images, and their height and width.
fn sizes(x: &Array) -> (u32, [u32; 2]) {
    let s = x.shape();
    (s[1] as u32, pair([s[2], s[3]]))
}

/// Maxima of `x` into `out` (n, c, oh, ow) and their places in the plane, row-major, into `places`. Any strides; all dtypes but
/// bool.
pub fn max_pool2d(op: &str, x: &Array, out: &Array, places: &Array, windows: Windows) -> Result<()> {
    let g = gpu(op)?;
    let kind = Type::of(x.dtype);
    let (reads, writes) = ([Operand::new(x, kind)], [Operand::new(out, kind), Operand::new(places, Type::I64)]);
    let (channels, size) = sizes(out);
    let words = Forward {
        channels,
        size,
        kernel: pair(windows.kernel),
        stride: pair(windows.stride),
        pad: pair(windows.pad),
        dilation: pair(windows.dilation),
        image: sizes(x).1,
        x: layout(g, &reads[0]),
        maxima: layout(g, &writes[0]),
        places: layout(g, &writes[1]),
    };
    let body = || {
        let (beats, lowest) = match kind {
            Type::F32 => ("rg_isnan(a) || rg_lt(b, a)", "-rg_inf()"),
            Type::I64 => ("i64_lt(b, a)", "vec2<u32>(0u, 0x80000000u)"),
            _ => ("a > b", "bitcast<i32>(0x80000000u)"),
        };
        let t = kind.name();
        Ok(format!(
            "alias Num = {t};\nfn beats(a: Num, b: Num) -> bool {{ return {beats}; }}\nfn lowest() -> Num {{ return {lowest}; }}\n{PLACE}{FORWARD}"
        ))
    };
    Kernel { op, id: FORWARD.as_ptr().addr(), variant: 0, consts: &[], reads: &reads, writes: &writes, body: &body }
        .run_linear(out.numel(), GROUP, &words.words(), &[])
}

/// Adds each element of `g` at its place in the plane: `out` (n, c, h, w), of a pooling with these windows. Floats.
pub fn scatter(op: &str, g: &Array, places: &Array, out: &Array, windows: Windows) -> Result<()> {
    let dev = gpu(op)?;
    let reads = [Operand::new(g, Type::F32), Operand::new(places, Type::I64)];
    let whole = out.is_contiguous() && out.shape()[3].is_multiple_of(4) && out.layout.offset.is_multiple_of(4);
    let writes = [Operand::new(out, Type::F32).way(if whole { Way::Fours } else { Way::Each })];
    let fours = out.shape()[3].div_ceil(4);
    let most = |d: usize, more: usize| ((windows.kernel[d] - 1) * windows.dilation[d] + more) / windows.stride[d] + 1;
    let (channels, size) = sizes(out);
    let words = Backward {
        channels,
        size,
        stride: pair(windows.stride),
        pad: pair(windows.pad),
        pooled: sizes(g).1,
        g: layout(dev, &reads[0]),
        places: layout(dev, &reads[1]),
        out: layout(dev, &writes[0]),
        fours: fours as u32,
        most: pair([most(0, 0), most(1, 3)]),
    };
    let body = || {
        let put = match whole {
            true => "store0(at / 4u, v);",
            false => "for (var i = 0u; i < min(n, 4u); i++) { store0(at + i * rg_word(OUT + COLUMN), v[i]); }",
        };
        Ok(format!("fn put(at: u32, n: u32, v: vec4<f32>) {{ {put} }}\n{PLACE}{BACKWARD}"))
    };
    Kernel { op, id: BACKWARD.as_ptr().addr(), variant: 0, consts: &[], reads: &reads, writes: &writes, body: &body }
        .run_linear(out.numel() / out.shape()[3].max(1) * fours, GROUP, &words.words(), &[])
}

/// `out[i] = x[places[i]]`, plane by plane. Floats.
pub fn gather(op: &str, x: &Array, places: &Array, out: &Array) -> Result<()> {
    let dev = gpu(op)?;
    let reads = [Operand::new(x, Type::F32), Operand::new(places, Type::I64)];
    let writes = [Operand::new(out, Type::F32)];
    let (channels, size) = sizes(out);
    let words = Gather {
        channels,
        size,
        plane: sizes(x).1,
        x: layout(dev, &reads[0]),
        places: layout(dev, &reads[1]),
        out: layout(dev, &writes[0]),
    };
    let body = || Ok([PLACE, GATHER].concat());
    Kernel { op, id: GATHER.as_ptr().addr(), variant: 0, consts: &[], reads: &reads, writes: &writes, body: &body }
        .run_linear(out.numel(), GROUP, &words.words(), &[])
}
