//! Filling arrays with draws, in PyTorch's order and to its bits: uniforms, normals, integers, coins, permutations.
//!
//! An array fills in the order of its memory. Words are drawn into a tile and shaped there, so the generator's loop and
//! the shaping loop are both vector code. All draws are serial: a stream has one order.

use super::strided::{Raw, Walk};
use crate::core::dtype::not_real;
use crate::core::{DType, Element, Stored};
use crate::device::Array;
use crate::device::rng::{Generator, UNIT53};
use crate::{dispatch, simd};

/// Elements shaped at a time.
const TILE: usize = 512;
/// 2^-24, what turns the low 24 bits of a word into a number below 1.
const UNIT24: f32 = 1.0 / (1u32 << 24) as f32;
const LOW53: u64 = (1 << 53) - 1;

/// The coefficients of PyTorch's vector functions in full, as the Cephes library has them: a digit less may be another float.
#[expect(clippy::excessive_precision, reason = "the published digits")]
mod cephes {
    /// Of the logarithm's polynomial, highest power first.
    pub const LOG: [f32; 9] = [
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    ];
    /// ln 2 in two parts.
    pub const LN_2_HIGH: f32 = 0.693359375;
    pub const LN_2_LOW: f32 = -2.12194440e-4;
    pub const FOUR_OVER_PI: f32 = 1.27323954473516;
    /// -pi/4 in three parts.
    pub const QUARTER: [f32; 3] = [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8];
    pub const SIN: [f32; 3] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
    pub const COS: [f32; 3] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];
}

simd! {
    /// Draws `n` words.
    unsafe fn words(g: &mut Generator, out: *mut u32, n: usize) = words_body;
    /// Units from words, scaled to [from, to).
    unsafe fn shape_uniform_f32[T: Element][T](w: *const u32, y: *mut T, n: usize, from: f32, to: f32) = shape_uniform_f32_body;
    unsafe fn shape_uniform_f64(w: *const u32, y: *mut f64, n: usize, from: f64, to: f64) = shape_uniform_f64_body;
    /// `on` where the 53-bit number of two words is below `limit`, else zero.
    unsafe fn shape_coins[T: Element][T](w: *const u32, y: *mut T, n: usize, limit: u64, on: T) = shape_coins_body;
    /// `blocks` blocks of 16 normals from 16 words each.
    unsafe fn shape_normal_f32[T: Element][T](w: *const u32, y: *mut T, blocks: usize, mean: f32, std: f32) = shape_normal_f32_body;
    /// `w % range + low` for a range below 2^32.
    unsafe fn shape_integers[T: Element][T](w: *const u32, y: *mut T, n: usize, range: u32, low: i64) = shape_integers_body;
}

#[inline(always)]
unsafe fn words_body(g: &mut Generator, out: *mut u32, n: usize) {
    // SAFETY: the caller's tile of n words, which nobody else sees.
    g.fill(unsafe { std::slice::from_raw_parts_mut(out, n) });
}

#[inline(always)]
unsafe fn shape_uniform_f32_body<T: Element>(w: *const u32, y: *mut T, n: usize, from: f32, to: f32) {
    let span = to - from;
    let (low, high) = (T::from_f64(from as f64), T::from_f64(to as f64).to_f64());
    for i in 0..n {
        // SAFETY: n words and n elements.
        unsafe {
            let u = (*w.add(i) & 0xff_ffff) as i32 as f32 * UNIT24;
            let v = T::from_f64(u.mul_add(span, from) as f64);
            *y.add(i) = if v.to_f64() == high { low } else { v };
        }
    }
}

#[inline(always)]
unsafe fn shape_uniform_f64_body(w: *const u32, y: *mut f64, n: usize, from: f64, to: f64) {
    let span = to - from;
    for i in 0..n {
        // SAFETY: 2n words and n elements.
        unsafe {
            let bits = ((*w.add(2 * i) as u64) << 32 | *w.add(2 * i + 1) as u64) & LOW53;
            let v = (bits as i64 as f64 * UNIT53).mul_add(span, from);
            *y.add(i) = if v == to { from } else { v };
        }
    }
}

#[inline(always)]
unsafe fn shape_coins_body<T: Element>(w: *const u32, y: *mut T, n: usize, limit: u64, on: T) {
    let (limit_high, limit_low) = ((limit >> 32) as u32, limit as u32);
    for i in 0..n {
        // SAFETY: 2n words and n elements.
        unsafe {
            let (high, low) = (*w.add(2 * i) & 0x1f_ffff, *w.add(2 * i + 1));
            let below = (high < limit_high) | ((high == limit_high) & (low < limit_low));
            *y.add(i) = if below { on } else { T::ZERO };
        }
    }
}

#[inline(always)]
unsafe fn shape_integers_body<T: Element>(w: *const u32, y: *mut T, n: usize, range: u32, low: i64) {
    // Lemire, Kaser and Kurz 2019, section 3: w % range by two products, exact for 32 bits.
    let magic = (u64::MAX / range as u64).wrapping_add(1);
    for i in 0..n {
        // SAFETY: n words and n elements.
        unsafe {
            let fraction = magic.wrapping_mul(*w.add(i) as u64);
            let rest = ((fraction as u128 * range as u128) >> 64) as i64;
            *y.add(i) = T::from_i64(rest.wrapping_add(low));
        }
    }
}

#[inline(always)]
unsafe fn shape_normal_f32_body<T: Element>(w: *const u32, y: *mut T, blocks: usize, mean: f32, std: f32) {
    for b in 0..blocks {
        // SAFETY: 16 words and elements a block.
        let (w, y) = unsafe { (w.add(16 * b), y.add(16 * b)) };
        let (mut first, mut second) = ([0f32; 8], [0f32; 8]);
        for j in 0..8 {
            // SAFETY: as above.
            let (w1, w2) = unsafe { (*w.add(j), *w.add(j + 8)) };
            let u1 = 1.0 - (w1 & 0xff_ffff) as i32 as f32 * UNIT24;
            let u2 = (w2 & 0xff_ffff) as i32 as f32 * UNIT24;
            let radius = (-2.0 * log(u1)).sqrt();
            let (sin, cos) = sin_cos(std::f32::consts::TAU * u2);
            first[j] = (radius * cos).mul_add(std, mean);
            second[j] = (radius * sin).mul_add(std, mean);
        }
        for j in 0..8 {
            // SAFETY: as above.
            unsafe {
                *y.add(j) = T::from_f64(first[j] as f64);
                *y.add(j + 8) = T::from_f64(second[j] as f64);
            }
        }
    }
}

/// Natural logarithm of x in (0, 1], with the operations of PyTorch's vector code (Cephes `logf`).
#[inline(always)]
fn log(x: f32) -> f32 {
    use cephes::{LN_2_HIGH, LN_2_LOW, LOG};
    let bits = x.to_bits();
    let m = f32::from_bits((bits & 0x7f_ffff) | 0x3f00_0000);
    let low = m < std::f32::consts::FRAC_1_SQRT_2;
    let e = ((bits >> 23) as i32 - 126 - low as i32) as f32;
    let t = if low { (m - 1.0) + m } else { m - 1.0 };
    let z = t * t;
    let mut y = LOG[0];
    for c in &LOG[1..] {
        y = y.mul_add(t, *c);
    }
    let y = (y * t).mul_add(z, e * LN_2_LOW) - 0.5 * z;
    e.mul_add(LN_2_HIGH, t + y)
}

/// Sine and cosine of x >= 0, with the operations of PyTorch's vector code (Cephes `sinf`, `cosf`).
#[inline(always)]
fn sin_cos(x: f32) -> (f32, f32) {
    use cephes::{COS, FOUR_OVER_PI, QUARTER, SIN};
    let j = ((x * FOUR_OVER_PI) as i32 + 1) & !1;
    let y = j as f32;
    let x = QUARTER.iter().fold(x, |x, &part| y.mul_add(part, x));
    let z = x * x;
    let c = COS[0].mul_add(z, COS[1]).mul_add(z, COS[2]) * z;
    let c = c.mul_add(z, -(0.5 * z)) + 1.0;
    let s = SIN[0].mul_add(z, SIN[1]).mul_add(z, SIN[2]) * z;
    let s = s.mul_add(x, x);
    let (s, c) = if j & 2 == 0 { (s, c) } else { (c, s) };
    let sign_sin = ((j & 4) as u32) << 29;
    let sign_cos = ((!(j - 2) & 4) as u32) << 29;
    (f32::from_bits(s.to_bits() ^ sign_sin), f32::from_bits(c.to_bits() ^ sign_cos))
}

/// Calls `draw(y, n)` for the elements of `out` in the order of memory, at most [`TILE`] at a time.
fn fill<T: Element>(out: &Array, mut draw: impl FnMut(*mut T, usize)) {
    let walk = Walk::in_memory_order(out.shape(), [out.strides()]);
    let y = Raw::new(out.ptr::<T>());
    let step = walk.steps()[0];
    let mut tile = [T::ZERO; TILE];
    walk.pieces(0..walk.numel(), |[at], _, len| {
        for i in (0..len).step_by(TILE) {
            let n = TILE.min(len - i);
            let p = y.at(at + i as isize * step);
            if step == 1 {
                draw(p, n);
            } else {
                draw(tile.as_mut_ptr(), n);
                for (k, v) in tile[..n].iter().enumerate() {
                    // SAFETY: an element of `out`.
                    unsafe { *p.offset(k as isize * step) = *v }
                }
            }
        }
    });
}

/// One word per element in, `shape(words, y, n)` out.
fn fill_words<T: Element>(out: &Array, g: &mut Generator, per: usize, shape: impl Fn(*const u32, *mut T, usize)) {
    let mut tile = [0u32; 2 * TILE];
    fill::<T>(out, |y, n| {
        // SAFETY: at most two words an element.
        unsafe { words(g, tile.as_mut_ptr(), per * n) };
        shape(tile.as_ptr(), y, n);
    });
}

/// Uniform in [from, to). `out` is of a float type.
pub fn uniform(out: &Array, g: &mut Generator, from: f64, to: f64) {
    match out.dtype {
        DType::F64 => fill_words(out, g, 2, |w, y, n| {
            // SAFETY: the tile holds the words and y the elements.
            unsafe { shape_uniform_f64(w, y, n, from, to) }
        }),
        dtype => dispatch!(float dtype, T => fill_words::<T>(out, g, 1, |w, y, n| {
            // SAFETY: as above.
            unsafe { shape_uniform_f32(w, y, n, from as f32, to as f32) }
        }); else => ()),
    }
}

/// Normal with this mean and deviation. Sixteen and more elements of contiguous memory take the path of
/// blocks; all others take pairs, one of which may wait in the generator. `out` is of a float type.
pub fn normal(out: &Array, g: &mut Generator, mean: f64, std: f64) {
    let n = out.numel();
    if n < 16 || !out.is_contiguous() {
        return dispatch!(float out.dtype, T => fill::<T>(out, |y, n| {
            for i in 0..n {
                // SAFETY: n elements.
                unsafe { *y.add(i) = T::from_f64(g.normal().mul_add(std, mean)) }
            }
        }); else => ());
    }
    match out.dtype {
        DType::F64 => normal_blocks_f64(out.ptr(), n, g, mean, std),
        dtype => {
            dispatch!(float dtype, T => normal_blocks_f32::<T>(out.ptr(), n, g, mean as f32, std as f32); else => ())
        }
    }
}

fn normal_blocks_f32<T: Element>(y: *mut T, n: usize, g: &mut Generator, mean: f32, std: f32) {
    let mut tile = [0u32; TILE];
    let whole = n / 16 * 16;
    for i in (0..whole).step_by(TILE) {
        let k = TILE.min(whole - i);
        // SAFETY: the blocks lie in the tile and in the n elements.
        unsafe {
            words(g, tile.as_mut_ptr(), k);
            shape_normal_f32(tile.as_ptr(), y.add(i), k / 16, mean, std);
        }
    }
    if whole < n {
        // float32 has drawn units for the rest already, and draws the last sixteen anew; halves have not.
        let spent = if T::DTYPE == DType::F32 { n - whole } else { 0 };
        // SAFETY: as above.
        unsafe {
            words(g, tile.as_mut_ptr(), spent + 16);
            shape_normal_f32(tile.as_ptr().add(spent), y.add(n - 16), 1, mean, std);
        }
    }
}

fn normal_blocks_f64(y: *mut f64, n: usize, g: &mut Generator, mean: f64, std: f64) {
    let block = |g: &mut Generator, y: *mut f64| {
        let d: [f64; 16] = std::array::from_fn(|_| g.unit53());
        for j in 0..8 {
            let radius = (-2.0 * (1.0 - d[j]).ln()).sqrt();
            let (sin, cos) = (2.0 * std::f64::consts::PI * d[j + 8]).sin_cos();
            // SAFETY: 16 of the n elements.
            unsafe {
                *y.add(j) = (radius * cos).mul_add(std, mean);
                *y.add(j + 8) = (radius * sin).mul_add(std, mean);
            }
        }
    };
    let whole = n / 16 * 16;
    for i in (0..whole).step_by(16) {
        block(g, y.wrapping_add(i));
    }
    if whole < n {
        (whole..n).for_each(|_| {
            g.u64();
        });
        block(g, y.wrapping_add(n - 16));
    }
}

/// Exponential with this rate, one 53-bit unit an element. `out` is of a float type.
pub fn exponential(out: &Array, g: &mut Generator, lambda: f64) {
    dispatch!(float out.dtype, T => fill::<T>(out, |y, n| {
        for i in 0..n {
            let v = -1.0 / lambda * (-g.unit53()).ln_1p();
            // SAFETY: n elements.
            unsafe { *y.add(i) = T::from_f64(v) }
        }
    }); else => ());
}

/// Each element from `draw`, computed in float64. `out` is of a type that holds it.
fn serial(out: &Array, mut draw: impl FnMut() -> f64) {
    dispatch!(out.dtype, T => fill::<T>(out, |y, n| {
        for i in 0..n {
            // SAFETY: n elements.
            unsafe { *y.add(i) = if T::DTYPE.is_float() { T::from_f64(draw()) } else { T::from_i64(draw() as i64) } }
        }
    }));
}

/// Cauchy with this median and scale: the tangent of a 53-bit unit's angle.
pub fn cauchy(out: &Array, g: &mut Generator, median: f64, sigma: f64) {
    serial(out, || median + sigma * (std::f64::consts::PI * (g.unit53() - 0.5)).tan());
}

/// Exponentials of normals, which come in pairs.
pub fn log_normal(out: &Array, g: &mut Generator, mean: f64, std: f64) {
    serial(out, || g.normal().mul_add(std, mean).exp());
}

/// Trials of probability p until one succeeds, one 53-bit unit an element.
pub fn geometric(out: &Array, g: &mut Generator, p: f64) {
    serial(out, || (g.unit53().ln() / (-p).ln_1p()).ceil());
}

/// `on` with probability p, else zero; two words an element for every dtype.
pub fn coins(out: &Array, g: &mut Generator, p: f64, on: f64) {
    // u * 2^-53 < p for an integer u, without doubles.
    let limit = (p * (1u64 << 53) as f64).ceil() as u64;
    dispatch!(out.dtype, T => fill_words::<T>(out, g, 2, |w, y, n| {
        // SAFETY: the tile holds the words and y the elements.
        unsafe { shape_coins(w, y, n, limit, T::from_f64(on)) }
    }));
}

/// One with the probability that `p` (a float type, broadcast to the shape of `out`) gives for the element.
pub fn coins_by(out: &Array, p: &Array, g: &mut Generator) {
    let p_strides = p.layout.broadcast_to(out.shape()).strides;
    let walk = Walk::in_memory_order(out.shape(), [out.strides(), &p_strides]);
    dispatch!(out.dtype, T => dispatch!(float p.dtype, P => {
        let (y, p) = (Raw::new(out.ptr::<T>()), Raw::new(p.ptr::<P>()));
        walk.elements(0..walk.numel(), |[i, j], _| {
            // SAFETY: elements of the arrays.
            unsafe {
                let p = (*p.at(j)).to_f64();
                let u = if P::DTYPE == DType::F64 { g.unit53() } else { ((g.u32() & 0xff_ffff) as f32 * UNIT24) as f64 };
                *y.at(i) = T::from_i64((u < p) as i64);
            }
        });
    }; else => ()));
}

/// Whether every element of the float array lies in [0, 1].
pub fn all_probabilities(p: &Array) -> bool {
    let walk = Walk::new(p.shape(), [p.strides()]);
    let mut good = true;
    dispatch!(float p.dtype, P => walk.elements(0..walk.numel(), |[i], _| {
        // SAFETY: an element of p.
        let v = unsafe { *p.ptr::<P>().wrapping_offset(i) }.to_f64();
        good &= (0.0..=1.0).contains(&v);
    }); else => ());
    good
}

/// Integers `low + draw % range`. Wide ranges take two words; a range of 0 stands for 2^64.
pub fn integers(out: &Array, g: &mut Generator, low: i64, range: u64) {
    dispatch!(out.dtype, T => if range != 0 && range < 1 << 28 {
        fill_words::<T>(out, g, 1, |w, y, n| {
            // SAFETY: the tile holds the words and y the elements.
            unsafe { shape_integers(w, y, n, range as u32, low) }
        })
    } else {
        wide_integers::<T>(out, g, low, range)
    });
}

fn wide_integers<T: Element>(out: &Array, g: &mut Generator, low: i64, range: u64) {
    fill::<T>(out, |y, n| {
        for i in 0..n {
            let draw = g.u64();
            let rest = if range == 0 { draw } else { draw % range };
            // SAFETY: n elements.
            unsafe { *y.add(i) = T::from_i64((rest as i64).wrapping_add(low)) }
        }
    });
}

/// What `random_()` without bounds gives: the non-negative integers that the dtype holds exactly.
pub fn any_integers(out: &Array, g: &mut Generator) {
    match out.dtype {
        DType::I64 => wide_integers::<i64>(out, g, 0, 1 << 63),
        DType::F64 => wide_integers::<f64>(out, g, 0, (1 << 53) + 1),
        DType::I32 => fill::<i32>(out, |y, n| {
            for i in 0..n {
                // SAFETY: n elements. (The range of 2^31 takes one word here, unlike in `integers`.)
                unsafe { *y.add(i) = (g.u32() & 0x7fff_ffff) as i32 }
            }
        }),
        DType::U8 => integers(out, g, 0, 1 << 8),
        DType::I8 => integers(out, g, 0, 1 << 7),
        DType::I16 => integers(out, g, 0, 1 << 15),
        DType::Bool => integers(out, g, 0, 2),
        DType::F32 => integers(out, g, 0, (1 << 24) + 1),
        DType::F16 => integers(out, g, 0, (1 << 11) + 1),
        DType::BF16 => integers(out, g, 0, (1 << 8) + 1),
        // The op refuses the others.
        other => not_real(other),
    }
}

/// A random permutation of 0..n in the contiguous 1-d `out`.
pub fn permutation(out: &Array, g: &mut Generator) {
    let n = out.numel();
    dispatch!(out.dtype, T => {
        let y = out.ptr::<T>();
        for i in 0..n {
            // SAFETY: an index below n.
            unsafe { *y.add(i) = T::from_i64(i as i64) }
        }
        for i in 0..n.saturating_sub(1) {
            let z = g.u32() as usize % (n - i);
            // SAFETY: as above.
            unsafe { std::ptr::swap(y.add(i), y.add(i + z)) }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Device, Layout, Meta};
    use crate::cpu::dispatch::{Level, set_level};

    fn empty(shape: &[usize], dtype: DType) -> Array {
        Array::empty(Meta::new(Layout::contiguous(shape.into()), dtype, Device::CPU)).unwrap()
    }

    /// What `draw` makes of n elements from a seed, as float64.
    fn drawn(seed: u64, n: usize, dtype: DType, draw: impl Fn(&Array, &mut Generator)) -> Vec<f64> {
        let out = empty(&[n], dtype);
        draw(&out, &mut Generator::new(seed));
        dispatch!(dtype, T => out.to_vec::<T>().into_iter().map(|v| v.to_f64()).collect())
    }

    fn begins(v: &[f64], first: &[f64], sum: f64) {
        assert_eq!(&v[..first.len()], first);
        assert!((v.iter().sum::<f64>() - sum).abs() <= 1e-12 * sum.abs(), "{} {sum}", v.iter().sum::<f64>());
    }

    #[test]
    fn uniforms_are_pytorchs_on_every_level() {
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            set_level(level);
            let unit = |a: &Array, g: &mut Generator| uniform(a, g, 0.0, 1.0);
            begins(&drawn(42, 1000, DType::F32, unit), &[0.8822692632675171, 0.9150039553642273], 486.3117963075638);
            begins(&drawn(42, 1000, DType::F64, unit), &[0.05815448596142969], 487.4211019226069);
            begins(&drawn(42, 20, DType::BF16, unit), &[0.8828125, 0.9140625, 0.3828125], 12.748046875);
            let wide = drawn(42, 100, DType::F32, |a, g| uniform(a, g, -3.0, 11.5));
            begins(&wide, &[9.792903900146484, 10.267557144165039, 2.5515246391296387], 447.95314130187035);
        }
    }

    #[test]
    fn normals_are_pytorchs_on_every_level() {
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            set_level(level);
            let unit = |a: &Array, g: &mut Generator| normal(a, g, 0.0, 1.0);
            begins(&drawn(42, 15, DType::F32, unit), &[0.33669036626815796, 0.12880940735340118], 1.6961162984371185);
            begins(&drawn(42, 16, DType::F32, unit), &[1.9269152879714966], -2.1876682862639427);
            begins(&drawn(42, 17, DType::F32, unit), &[1.9269152879714966, -0.1595974713563919], 8.21729576587677);
            begins(&drawn(42, 1000, DType::F32, unit), &[1.9269152879714966], 4.23129390826216);
            begins(&drawn(42, 1000, DType::F64, unit), &[0.2995562877502637, 0.24237779080894106], 35.8634311761931);
            begins(
                &drawn(42, 33, DType::BF16, |a, g| (normal(&empty(&[5], DType::BF16), g, 0.0, 1.0), unit(a, g)).1),
                &[-0.248046875, -1.2109375, -0.478515625],
                3.444091796875,
            );
            begins(
                &drawn(42, 40, DType::F32, |a, g| {
                    (normal(&empty(&[7], DType::F32), g, 0.5, 2.25), normal(a, g, 0.5, 2.25)).1
                }),
                &[4.195213317871094, 0.1409056931734085],
                40.251690216362476,
            );
        }
    }

    #[test]
    fn the_rest_is_pytorchs() {
        let v = drawn(42, 20, DType::I64, |a, g| integers(a, g, 0, 10));
        begins(&v, &[2.0, 7.0, 6.0, 4.0], 79.0);
        begins(
            &drawn(42, 6, DType::I64, any_integers),
            &[6.909045637428952e18, 8.314211556539078e18],
            27078344808748474475.0,
        );
        begins(&drawn(42, 1000, DType::I64, permutation), &[542.0, 618.0, 816.0, 68.0], 499500.0);
        begins(&drawn(42, 20, DType::F32, |a, g| coins(a, g, 0.3, 1.0)), &[1.0, 1.0, 1.0, 1.0], 8.0);
        let v = drawn(42, 20, DType::F32, |a, g| exponential(a, g, 1.0));
        begins(&v, &[0.05991401523351669, 0.06497612595558167], 16.490604113787413);
        let p = Array::from_slice(&[1], &[0.3f32]).unwrap();
        let after_coins = drawn(42, 20, DType::F32, |a, g| (coins(a, g, 0.3, 1.0), coins_by(a, &p, g)).1);
        begins(&after_coins, &[0.0, 0.0, 0.0, 0.0], 5.0);
        // Remainders by products equal remainders.
        let mut g = Generator::new(3);
        for range in [1, 2, 3, 10, 65537, (1 << 28) - 1] {
            let v = drawn(3, 500, DType::I64, |a, g| integers(a, g, -7, range));
            g.manual_seed(3);
            assert!(v.iter().all(|&v| v as i64 == (g.u32() as u64 % range) as i64 - 7));
        }
    }

    #[test]
    fn strided_arrays_fill_in_the_order_of_memory() {
        let mut g = Generator::new(42);
        let t = empty(&[4, 8], DType::F32);
        normal(&t.with_layout(t.layout.transposed(0, 1)), &mut g, 0.0, 1.0);
        let v: Vec<f64> = t.to_vec::<f32>().into_iter().map(f64::from).collect();
        begins(&v, &[0.33669036626815796, 0.12880940735340118], 7.602069424465299);
        let wide = empty(&[6, 8], DType::F32);
        normal(&wide.with_layout(wide.layout.sliced(1, 0, 4, 2)), &mut g, 0.0, 1.0);
        let v: Vec<f64> = wide.to_vec::<f32>().into_iter().step_by(2).map(f64::from).collect();
        begins(&v, &[0.13314196467399597, 0.8639776706695557, -1.0156747102737427], -3.697438983246684);
    }
}
