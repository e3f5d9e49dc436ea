//! Elements from one dtype and stride to another, a two-dimensional piece at a time: what copies, casts and the tiles of
//! Map kernels are made of. Casts are PyTorch's (`core/dtype.rs` states them), written so that loops vectorise.

use std::mem::MaybeUninit;

use half::{bf16, f16};

use crate::core::dtype::WIDEST;
use crate::core::{Complex, DType, Element, Stored};
#[cfg(target_arch = "x86_64")]
use crate::cpu::dispatch::{Level, level};
use crate::cpu::map::stream::copy_run;
use crate::simd;

/// A piece of `rows` runs of `cols` elements; strides are in elements, the outer one first.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    pub rows: usize,
    pub cols: usize,
    pub from: [isize; 2],
    pub to: [isize; 2],
}

/// A compiled loop over a piece.
type Loop = unsafe fn(*const u8, *mut u8, Piece);

/// Loops of a cast at most: int8 to complex32 goes through int64, float32 and complex64.
const STEPS: usize = 4;

/// What moves a piece from one dtype to another: one loop, or several with tiles of lanes between them.
#[derive(Clone, Copy)]
pub struct Mover {
    /// The loops, and the dtype that each gives.
    steps: [(Loop, DType); STEPS],
    count: usize,
    from: DType,
}

/// What moves a piece from `from` to `to`. Loops are compiled for the pairs of a dtype and its lane, of lanes, and for those
/// that need their own ([`direct`]); all other casts go through the lane of either side.
#[inline]
pub fn mover(from: DType, to: DType) -> Mover {
    match direct(from, to) {
        Some(only) => Mover { steps: [(only, to); STEPS], count: 1, from },
        None => chain(from, to),
    }
}

#[cold]
fn chain(from: DType, to: DType) -> Mover {
    let mut m = Mover { steps: [(moved::<u8>, from); STEPS], count: 0, from };
    let mut at = from;
    for step in &mut m.steps {
        let next = if direct(at, to).is_some() {
            to
        } else if at != to.lane() && direct(at, to.lane()).is_some() {
            to.lane()
        } else if at != at.lane() {
            at.lane()
        } else if at.is_complex() {
            at.to_real()
        } else {
            to.lane().to_real()
        };
        let Some(f) = direct(at, next) else { break };
        *step = (f, next);
        (at, m.count) = (next, m.count + 1);
        if at == to {
            return m;
        }
    }
    unreachable!("no cast from {} to {}", from.name(), to.name())
}

/// The compiled loop of a pair, if it has one. Floats to integers have all, since none of these casts is one to int64 and
/// then another; of the rest those that data sets and masks need.
fn direct(from: DType, to: DType) -> Option<Loop> {
    use DType::*;
    type B = crate::core::Bool;
    macro_rules! pairs {
        ($($s:ident $st:ty => $($d:ident $dt:ty),*;)*) => {
            match (from, to) {
                $($(($s, $d) => converted::<$st, $dt>,)*)*
                (C32, C64) => paired::<f16, f32> as Loop,
                (C64, C32) => paired::<f32, f16>,
                (C64, C128) => paired::<f32, f64>,
                (C128, C64) => paired::<f64, f32>,
                (F32, C64) => completed::<f32>,
                (F64, C128) => completed::<f64>,
                (C64, F32) => halved::<f32>,
                (C128, F64) => halved::<f64>,
                (C64, Bool) => nonzero::<f32>,
                (C128, Bool) => nonzero::<f64>,
                (U64, I64) | (I64, U64) => moved::<u64>,
                (a, b) if a == b => match a.size() {
                    1 => moved::<u8>,
                    2 => moved::<u16>,
                    4 => moved::<u32>,
                    8 => moved::<u64>,
                    WIDEST => moved::<[u64; 2]>,
                    _ => return None,
                },
                _ => return None,
            }
        };
    }
    Some(pairs! {
        Bool B => I64 i64, F32 f32;
        U8 u8 => I64 i64, F32 f32;
        I8 i8 => I64 i64;
        I16 i16 => I64 i64;
        I32 i32 => I64 i64, F32 f32;
        U16 u16 => I64 i64;
        U32 u32 => I64 i64;
        U64 u64 => F32 f32, F64 f64;
        I64 i64 => Bool B, U8 u8, I8 i8, I16 i16, I32 i32, U16 u16, U32 u32, F32 f32, F64 f64;
        F16 f16 => F32 f32;
        BF16 bf16 => F32 f32;
        F32 f32 => Bool B, U8 u8, I8 i8, I16 i16, I32 i32, I64 i64, U16 u16, U32 u32, U64 u64, F16 f16, BF16 bf16, F64 f64;
        F64 f64 => Bool B, U8 u8, I8 i8, I16 i16, I32 i32, I64 i64, U16 u16, U32 u32, U64 u64, F32 f32;
    })
}

/// Bytes of a tile between two loops of a cast.
const ROOM: usize = 8192;

#[repr(align(64))]
struct Tile(MaybeUninit<[u8; ROOM]>);

impl Mover {
    /// Moves a piece.
    ///
    /// # Safety
    /// The elements of the piece at `x` are readable as the dtype moved from, those at `y` writable as the dtype moved to; the
    /// two do not overlap.
    #[inline]
    pub unsafe fn run(&self, x: *const u8, y: *mut u8, p: Piece) {
        // SAFETY: the caller's promises.
        unsafe { if self.count == 1 { self.steps[0].0(x, y, p) } else { self.by_tiles(x, y, p) } }
    }

    /// By parts that fit a tile, through all loops one after the other.
    #[inline(never)]
    unsafe fn by_tiles(&self, x: *const u8, y: *mut u8, p: Piece) {
        let mut tiles = [const { Tile(MaybeUninit::uninit()) }; 2];
        let [mut here, mut there] = tiles.each_mut().map(|t| t.0.as_mut_ptr().cast::<u8>());
        let (last, before) = (self.count - 1, self.steps[..self.count - 1].iter().fold(1, |w, s| w.max(s.1.size())));
        let most = ROOM / before;
        let cols = p.cols.min(most);
        let rows = (most / cols.max(1)).max(1);
        let (size_x, size_y) = (self.from.size() as isize, self.steps[last].1.size() as isize);
        for r in (0..p.rows).step_by(rows) {
            for c in (0..p.cols).step_by(cols.max(1)) {
                let (rows, cols) = (rows.min(p.rows - r), cols.min(p.cols - c));
                let (r, c) = (r as isize, c as isize);
                let x = x.wrapping_offset((r * p.from[0] + c * p.from[1]) * size_x);
                let y = y.wrapping_offset((r * p.to[0] + c * p.to[1]) * size_y);
                let lanes = [cols as isize, 1];
                // SAFETY: a part of the piece; a tile has room for so many elements of each dtype between.
                unsafe {
                    self.steps[0].0(x, here, Piece { rows, cols, from: p.from, to: lanes });
                    for (f, _) in &self.steps[1..last] {
                        f(here, there, Piece { rows: 1, cols: rows * cols, from: [0, 1], to: [0, 1] });
                        std::mem::swap(&mut here, &mut there);
                    }
                    self.steps[last].0(here, y, Piece { rows, cols, from: lanes, to: p.to });
                }
            }
        }
    }
}

simd! {
    unsafe fn converted[S: Element, D: Element][S, D](x: *const u8, y: *mut u8, p: Piece) = convert;
    unsafe fn moved[T: Plain][T](x: *const u8, y: *mut u8, p: Piece) = shift;
    unsafe fn paired[S: Element, D: Element][S, D](x: *const u8, y: *mut u8, p: Piece) = pairs;
    unsafe fn completed[T: Element][T](x: *const u8, y: *mut u8, p: Piece) = complete;
    unsafe fn halved[T: Element][T](x: *const u8, y: *mut u8, p: Piece) = halve;
    unsafe fn nonzero[T: Element][T](x: *const u8, y: *mut u8, p: Piece) = are_nonzero;
}

/// Complex numbers of one size to another: part by part.
#[inline(always)]
unsafe fn pairs<S: Element, D: Element>(x: *const u8, y: *mut u8, p: Piece) {
    // SAFETY: the caller's promise.
    unsafe {
        each(x, y, p, |v: Complex<S>| Complex::<D> { re: cast(v.re), im: cast(v.im) });
    }
}

/// Real numbers to complex ones.
#[inline(always)]
unsafe fn complete<T: Element>(x: *const u8, y: *mut u8, p: Piece) {
    // SAFETY: the caller's promise.
    unsafe { each(x, y, p, |re: T| Complex { re, im: T::ZERO }) }
}

/// Complex numbers to their real parts.
#[inline(always)]
unsafe fn halve<T: Element>(x: *const u8, y: *mut u8, p: Piece) {
    // SAFETY: the caller's promise.
    unsafe { each(x, y, p, |v: Complex<T>| v.re) }
}

/// Whether complex numbers are not zero.
#[inline(always)]
unsafe fn are_nonzero<T: Element>(x: *const u8, y: *mut u8, p: Piece) {
    // SAFETY: the caller's promise.
    unsafe { each(x, y, p, |v: Complex<T>| crate::core::Bool::from(v.re.to_f64() != 0.0 || v.im.to_f64() != 0.0)) }
}

#[inline(always)]
unsafe fn each<S: Copy, D>(x: *const u8, y: *mut u8, p: Piece, f: impl Fn(S) -> D) {
    let (x, y): (*const S, *mut D) = (x.cast(), y.cast());
    for r in 0..p.rows as isize {
        for c in 0..p.cols as isize {
            let from = x.wrapping_offset(r * p.from[0] + c * p.from[1]);
            // SAFETY: elements of the piece, says the caller.
            unsafe { y.wrapping_offset(r * p.to[0] + c * p.to[1]).write(f(*from)) }
        }
    }
}

/// Bits of one size.
trait Plain: Copy + 'static {}
impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for u64 {}
impl Plain for [u64; 2] {}

/// Reads the value as the type that its dtype says it is.
#[inline(always)]
fn view<S: Stored, T: Stored>(v: S) -> T {
    debug_assert!(S::DTYPE == T::DTYPE);
    // SAFETY: one dtype is one type.
    unsafe { std::mem::transmute_copy(&v) }
}

/// `v` as `D`: integers keep low bits, halves go through float32, bool is "not zero".
#[inline(always)]
pub fn cast<S: Element, D: Element>(v: S) -> D {
    match (S::DTYPE, D::DTYPE) {
        (DType::F16, _) => cast_wide(f16_to_f32(view::<S, f16>(v).to_bits())),
        (DType::BF16, _) => cast_wide(f32::from_bits((view::<S, bf16>(v).to_bits() as u32) << 16)),
        _ => cast_wide(v),
    }
}

/// As [`cast`], from what is no half.
#[inline(always)]
fn cast_wide<S: Element, D: Element>(v: S) -> D {
    match D::DTYPE {
        DType::F16 => view(f16::from_bits(f32_to_f16(cast_native(v)))),
        DType::BF16 => view(bf16::from_bits(f32_to_bf16(cast_native(v)))),
        _ => cast_native(v),
    }
}

/// As [`cast`], between types that are no halves.
#[inline(always)]
fn cast_native<S: Element, D: Element>(v: S) -> D {
    match (S::DTYPE.is_float(), D::DTYPE) {
        (true, DType::Bool) => D::from_i64((v.to_f64() != 0.0) as i64),
        (true, _) => D::from_f64(v.to_f64()),
        // Its bits are no int64 where it is 2^63 or more.
        (false, d) if d.is_float() && S::DTYPE == DType::U64 => D::from_f64(v.to_f64()),
        (false, _) => D::from_i64(v.to_i64()),
    }
}

/// Without branches, so that loops vectorise: the exponent is rebased by an exact product, and masks choose.
#[inline(always)]
pub fn f16_to_f32(h: u16) -> f32 {
    let magnitude = ((h & 0x7fff) as u32) << 13;
    let rebased = (f32::from_bits(magnitude) * f32::from_bits(0x7780_0000)).to_bits();
    let special = ((magnitude >= 0x0f80_0000) as u32).wrapping_neg() & (magnitude | 0x7f80_0000);
    let plain = ((magnitude < 0x0f80_0000) as u32).wrapping_neg() & rebased;
    f32::from_bits(plain | special | ((h & 0x8000) as u32) << 16)
}

/// To nearest even. Subnormal results are rounded by an addition that aligns them at the last bits of a float.
#[inline(always)]
pub fn f32_to_f16(x: f32) -> u16 {
    let magnitude = x.to_bits() & 0x7fff_ffff;
    let sign = (x.to_bits() ^ magnitude) >> 16;
    let special = if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 };
    let small = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3f00_0000);
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude.wrapping_sub(0x3800_0000).wrapping_add(0xfff + odd) >> 13;
    let finite = if magnitude < 0x3880_0000 { small } else { normal };
    (sign | if magnitude >= 0x4780_0000 { special } else { finite }) as u16
}

/// To nearest even; NaN stays NaN.
#[inline(always)]
pub fn f32_to_bf16(x: f32) -> u16 {
    let b = x.to_bits();
    let rounded = b.wrapping_add(0x7fff + ((b >> 16) & 1)) >> 16;
    (if b & 0x7fff_ffff > 0x7f80_0000 { b >> 16 | 0x40 } else { rounded }) as u16
}

/// How many floats are looked at together before they become integers.
const BLOCK: usize = 64;

/// `y[i] = cast(x[i])` over contiguous runs.
#[inline(always)]
unsafe fn convert_run<S: Element, D: Element>(x: *const S, y: *mut D, n: usize) {
    let narrow = matches!(D::DTYPE, DType::U8 | DType::I8 | DType::I16 | DType::U16 | DType::I32);
    if matches!(S::DTYPE, DType::F32 | DType::F64) && narrow {
        for i in 0..n {
            // SAFETY: n elements each; only what is an i32 when cut to a whole number is converted.
            unsafe {
                let v = (*x.add(i)).to_f64();
                let fits = (v > -2_147_483_649.0) & (v < 2_147_483_648.0);
                let whole = if S::DTYPE == DType::F32 {
                    (if fits { v as f32 } else { i32::MIN as f32 }).to_int_unchecked::<i32>()
                } else {
                    (if fits { v } else { i32::MIN as f64 }).to_int_unchecked::<i32>()
                };
                *y.add(i) = D::from_i64(whole as i64);
            }
        }
        return;
    }
    let mut i = 0;
    let to_int = matches!(S::DTYPE, DType::F32 | DType::F64) && D::DTYPE == DType::I64;
    while to_int && i + BLOCK <= n {
        // Where all fit 32 bits, one vector instruction converts them; its result is the same.
        let mut fit = true;
        for j in i..i + BLOCK {
            // SAFETY: n elements, says the caller.
            let v = unsafe { *x.add(j) }.to_f64();
            fit &= (v > -2_147_483_649.0) & (v < 2_147_483_648.0);
        }
        for j in i..i + BLOCK {
            // SAFETY: n elements; `fit` says that the value, cut to a whole one, is an i32.
            unsafe {
                let v = *x.add(j);
                let d = if !fit {
                    cast(v)
                } else if S::DTYPE == DType::F32 {
                    D::from_i64(view::<S, f32>(v).to_int_unchecked::<i32>() as i64)
                } else {
                    D::from_i64(v.to_f64().to_int_unchecked::<i32>() as i64)
                };
                *y.add(j) = d;
            }
        }
        i += BLOCK;
    }
    for j in i..n {
        // SAFETY: n elements each.
        unsafe { *y.add(j) = cast(*x.add(j)) }
    }
}

#[inline(always)]
unsafe fn convert<S: Element, D: Element>(x: *const u8, y: *mut u8, p: Piece) {
    let (x, y): (*const S, *mut D) = (x.cast(), y.cast());
    for r in 0..p.rows as isize {
        let (x, y) = (x.wrapping_offset(r * p.from[0]), y.wrapping_offset(r * p.to[0]));
        // SAFETY: the piece lies inside both arrays, says the caller; so below.
        unsafe {
            if p.from[1] == 1 && p.to[1] == 1 {
                convert_run(x, y, p.cols);
            } else if p.from[1] == 0 && p.to[1] == 1 {
                let v = cast(*x);
                (0..p.cols).for_each(|c| *y.add(c) = v);
            } else {
                for c in 0..p.cols as isize {
                    *y.wrapping_offset(c * p.to[1]) = cast(*x.wrapping_offset(c * p.from[1]));
                }
            }
        }
    }
}

/// Moves bits of one size.
#[inline(always)]
unsafe fn shift<T: Plain>(x: *const u8, y: *mut u8, p: Piece) {
    let (x, y): (*const T, *mut T) = (x.cast(), y.cast());
    if p.rows > 1 && p.from[0] == 1 && !matches!(p.from[1], 0 | 1) && p.to[1] == 1 {
        // SAFETY: the caller's promise; so below.
        return unsafe { transpose(x, y, p) };
    }
    for r in 0..p.rows as isize {
        let (x, y) = (x.wrapping_offset(r * p.from[0]), y.wrapping_offset(r * p.to[0]));
        // SAFETY: the caller's promise.
        unsafe {
            match (p.from[1], p.to[1]) {
                (1, 1) => copy_run(x.cast(), y.cast(), p.cols * size_of::<T>()),
                (0, 1) => {
                    let v = *x;
                    (0..p.cols).for_each(|c| *y.add(c) = v);
                }
                // Constant strides vectorise.
                (2, 1) => (0..p.cols).for_each(|c| *y.add(c) = *x.add(2 * c)),
                (-1, 1) => (0..p.cols).for_each(|c| *y.add(c) = *x.wrapping_sub(c)),
                (s, 1) => (0..p.cols as isize).for_each(|c| *y.offset(c) = *x.wrapping_offset(c * s)),
                (s, t) => (0..p.cols as isize).for_each(|c| *y.wrapping_offset(c * t) = *x.wrapping_offset(c * s)),
            }
        }
    }
}

/// The side of the squares that transposed pieces go by.
const SIDE: usize = 8;

/// Rows of the result are columns of the source: squares of 8 by 8, read along the source's runs. (Arrays are filled by loops
/// here: a closure of `from_fn` is a call each where the caller has instructions that the standard library lacks.)
#[inline(always)]
unsafe fn transpose<T: Plain>(x: *const T, y: *mut T, p: Piece) {
    let (mut c, s, t) = (0, p.from[1], p.to[0]);
    #[cfg(target_arch = "x86_64")]
    if size_of::<T>() == 4 && p.rows >= SIDE && p.cols >= SIDE && level() >= Level::Avx2 {
        // SAFETY: a square fits the piece, and the level was asked.
        return unsafe { transpose_words(x.cast(), y.cast(), p) };
    }
    while c < p.cols {
        let w = SIDE.min(p.cols - c);
        let mut r = 0;
        while r < p.rows {
            let h = SIDE.min(p.rows - r);
            let x = x.wrapping_offset(r as isize + c as isize * s);
            let y = y.wrapping_offset(r as isize * t + c as isize);
            // SAFETY: the square lies inside the piece.
            unsafe {
                if w == SIDE && h == SIDE {
                    let mut a = [x.cast::<[T; SIDE]>().read_unaligned(); SIDE];
                    for j in 1..SIDE {
                        a[j] = x.wrapping_offset(j as isize * s).cast::<[T; SIDE]>().read_unaligned();
                    }
                    for i in 0..SIDE {
                        let mut row = a[0];
                        for j in 0..SIDE {
                            row[j] = a[j][i];
                        }
                        y.wrapping_offset(i as isize * t).cast::<[T; SIDE]>().write_unaligned(row);
                    }
                } else {
                    for i in 0..h as isize {
                        for j in 0..w as isize {
                            *y.wrapping_offset(i * t + j) = *x.wrapping_offset(i + j * s);
                        }
                    }
                }
            }
            r += h;
        }
        c += w;
    }
}

/// Squares of 8 by 8 words in registers: pairs of rows interleave by words, then by pairs, then by halves. There is at least
/// one each way; the last ones go back over what is done rather than past the end.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn transpose_words(x: *const f32, y: *mut f32, p: Piece) {
    use std::arch::x86_64::*;
    let (s, t) = (p.from[1], p.to[0]);
    for c in (0..p.cols).step_by(SIDE) {
        let c = c.min(p.cols - SIDE) as isize;
        for r in (0..p.rows).step_by(SIDE) {
            let r = r.min(p.rows - SIDE) as isize;
            let from = x.wrapping_offset(r + c * s);
            let to = y.wrapping_offset(r * t + c);
            // SAFETY: the square lies inside the piece.
            unsafe {
                let mut a = [_mm256_setzero_ps(); SIDE];
                for j in 0..SIDE {
                    a[j] = _mm256_loadu_ps(from.wrapping_offset(j as isize * s));
                }
                let mut b = a;
                for i in 0..4 {
                    b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
                    b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
                }
                let mut d = b;
                for i in [0, 4] {
                    d[i] = _mm256_shuffle_ps::<0x44>(b[i], b[i + 2]);
                    d[i + 1] = _mm256_shuffle_ps::<0xee>(b[i], b[i + 2]);
                    d[i + 2] = _mm256_shuffle_ps::<0x44>(b[i + 1], b[i + 3]);
                    d[i + 3] = _mm256_shuffle_ps::<0xee>(b[i + 1], b[i + 3]);
                }
                for i in 0..4 {
                    let low = _mm256_permute2f128_ps::<0x20>(d[i], d[i + 4]);
                    let high = _mm256_permute2f128_ps::<0x31>(d[i], d[i + 4]);
                    _mm256_storeu_ps(to.wrapping_offset(i as isize * t), low);
                    _mm256_storeu_ps(to.wrapping_offset((i as isize + 4) * t), high);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::dispatch::{Level, set_level};
    use crate::dispatch;

    #[test]
    fn halves_as_the_half_crate() {
        for h in 0..=u16::MAX {
            let (a, b) = (f16_to_f32(h), f16::from_bits(h).to_f32());
            assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{h:x}");
            let (a, b) = (f32_to_f16(b), f16::from_f32(b).to_bits());
            assert!(a == b || f16::from_bits(a).is_nan() && f16::from_bits(b).is_nan(), "{h:x}");
        }
        for i in (0..u32::MAX - 9973).step_by(9973) {
            let x = f32::from_bits(i);
            if !x.is_nan() {
                assert_eq!(f32_to_f16(x), f16::from_f32(x).to_bits(), "{x:e}");
                assert_eq!(f32_to_bf16(x), bf16::from_f32(x).to_bits(), "{x:e}");
            }
        }
        assert!(bf16::from_bits(f32_to_bf16(f32::NAN)).is_nan() && f16::from_bits(f32_to_f16(f32::NAN)).is_nan());
    }

    #[test]
    fn every_cast_is_that_of_the_elements() {
        let values = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.9,
            255.5,
            256.0,
            300.0,
            -129.0,
            2147483647.0,
            2147483648.0,
            -2147483648.5,
            4294967296.0,
            1e10,
            -1e18,
            1e19,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            65504.0,
            65520.0,
            1e-6,
            70000.0,
        ];
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            set_level(level);
            for from in DType::ALL.into_iter().filter(|d| !d.is_complex()) {
                for to in DType::ALL.into_iter().filter(|d| !d.is_complex()) {
                    dispatch!(from, S => dispatch!(to, D => {
                        // Runs of one value first, so that blocks of values that fit are met, then all mixed.
                        let xs: Vec<S> = (0..values.len() * 80)
                            .map(|i| S::from_f64(values[if i < 70 { 2 } else if i < 140 { 6 } else { i % values.len() }]))
                            .collect();
                        let mut ys = vec![D::ZERO; xs.len()];
                        let piece = Piece { rows: 1, cols: xs.len(), from: [0, 1], to: [0, 1] };
                        // SAFETY: as many elements each.
                        unsafe { mover(from, to).run(xs.as_ptr().cast(), ys.as_mut_ptr().cast(), piece) };
                        for (x, y) in xs.iter().zip(&ys) {
                            let want = if from == to { y.to_f64() }
                                else if from.is_float() || from == DType::U64 && to.is_float() { D::from_f64(x.to_f64()).to_f64() }
                                else { D::from_i64(x.to_i64()).to_f64() };
                            assert!(y.to_f64() == want || y.to_f64().is_nan() && want.is_nan(),
                                "{from:?} {} to {to:?}: {}, not {want}", x.to_f64(), y.to_f64());
                        }
                    }));
                }
            }
        }
    }

    #[test]
    fn transposed_pieces() {
        for (rows, cols) in [(19, 21), (16, 24), (8, 9), (7, 30), (32, 26), (1, 9)] {
            let x: Vec<u32> = (0..rows * cols).map(|i| i as u32).collect();
            let mut y = vec![0u32; rows * cols];
            let p = Piece { rows, cols, from: [1, rows as isize], to: [cols as isize, 1] };
            // SAFETY: rows * cols elements each.
            unsafe { mover(DType::F32, DType::F32).run(x.as_ptr().cast(), y.as_mut_ptr().cast(), p) };
            for r in 0..rows {
                (0..cols).for_each(|c| assert_eq!(y[r * cols + c], x[c * rows + r]));
            }
        }
    }
}
