//! Max pooling of images, with the places of the maxima; its gradient, and the gradient of that. All gather: a pixel's gradient
//! looks at the windows that cover it, in their order, so sums have the order of the CPU's.

use super::access::{Type, Way};
use super::kernel::{Kernel, Operand};
use crate::device::Array;
use crate::device::gpu::{Gpu, gpu};
use crate::error::Result;

const FORWARD: &str = include_str!("../../shaders/pool.wgsl");
const BACKWARD: &str = include_str!("../../shaders/pool_backward.wgsl");
const GATHER: &str = include_str!("../../shaders/pool_gather.wgsl");
/// Stands before each of them.
const PLACE: &str = include_str!("../../shaders/pool_place.wgsl");

const GROUP: usize = 64;

/// Windows of a pooling, height first. Padding is in front; sizes say what is behind.
#[derive(Clone, Copy)]
pub struct Windows {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
}

impl Windows {
    fn words(&self) -> impl Iterator<Item = u32> {
        [self.kernel, self.stride, self.pad, self.dilation].into_iter().flatten().map(|n| n as u32)
    }
}

/// The first element of an operand, and its strides.
fn layout(g: &Gpu, o: &Operand) -> impl Iterator<Item = u32> {
    std::iter::once(o.first(g)).chain(o.array.strides().iter().map(|&s| s as u32))
}

fn sizes(x: &Array) -> impl Iterator<Item = u32> {
    x.shape()[1..].iter().map(|&n| n as u32)
}

/// Maxima of `x` into `out` (n, c, oh, ow) and their places in the plane, row-major, into `places`. Any strides; all dtypes but
/// bool.
pub fn max_pool2d(op: &str, x: &Array, out: &Array, places: &Array, windows: Windows) -> Result<()> {
    let g = gpu(op)?;
    let kind = Type::of(x.dtype);
    let (reads, writes) = ([Operand::new(x, kind)], [Operand::new(out, kind), Operand::new(places, Type::I64)]);
    let mut words: Vec<u32> = sizes(out).chain(windows.words()).collect();
    words.extend(&[x.shape()[2] as u32, x.shape()[3] as u32]);
    for o in reads.iter().chain(&writes) {
        words.extend(layout(g, o));
    }
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
        .run_linear(out.numel(), GROUP, &words, &[])
}

/// Adds each element of `g` at its place in the plane: `out` (n, c, h, w), of a pooling with these windows. Floats.
pub fn scatter(op: &str, g: &Array, places: &Array, out: &Array, windows: Windows) -> Result<()> {
    let dev = gpu(op)?;
    let reads = [Operand::new(g, Type::F32), Operand::new(places, Type::I64)];
    let whole = out.is_contiguous() && out.shape()[3].is_multiple_of(4) && out.layout.offset.is_multiple_of(4);
    let writes = [Operand::new(out, Type::F32).way(if whole { Way::Fours } else { Way::Each })];
    let mut words: Vec<u32> = sizes(out).chain(windows.words()).collect();
    words.extend(&[g.shape()[2] as u32, g.shape()[3] as u32]);
    for o in reads.iter().chain(&writes) {
        words.extend(layout(dev, o));
    }
    let fours = out.shape()[3].div_ceil(4);
    let most = |d: usize, more: usize| ((windows.kernel[d] - 1) * windows.dilation[d] + more) / windows.stride[d] + 1;
    words.extend([fours, most(0, 0), most(1, 3)].map(|n| n as u32));
    let body = || {
        let put = match whole {
            true => "store0(at / 4u, v);",
            false => "for (var i = 0u; i < min(n, 4u); i++) { store0(at + i * rg_word(29u), v[i]); }",
        };
        Ok(format!("fn put(at: u32, n: u32, v: vec4<f32>) {{ {put} }}\n{PLACE}{BACKWARD}"))
    };
    Kernel { op, id: BACKWARD.as_ptr().addr(), variant: 0, consts: &[], reads: &reads, writes: &writes, body: &body }
        .run_linear(out.numel() / out.shape()[3].max(1) * fours, GROUP, &words, &[])
}

/// `out[i] = x[places[i]]`, plane by plane. Floats.
pub fn gather(op: &str, x: &Array, places: &Array, out: &Array) -> Result<()> {
    let dev = gpu(op)?;
    let reads = [Operand::new(x, Type::F32), Operand::new(places, Type::I64)];
    let writes = [Operand::new(out, Type::F32)];
    let mut words: Vec<u32> = sizes(out).collect();
    words.extend(&[x.shape()[2] as u32, x.shape()[3] as u32]);
    for o in reads.iter().chain(&writes) {
        words.extend(layout(dev, o));
    }
    let body = || Ok([PLACE, GATHER].concat());
    Kernel { op, id: GATHER.as_ptr().addr(), variant: 0, consts: &[], reads: &reads, writes: &writes, body: &body }
        .run_linear(out.numel(), GROUP, &words, &[])
}
