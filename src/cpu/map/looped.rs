//! The compiled loops: a formula over contiguous lanes, once per lane and instruction set.
//!
//! LLVM turns a loop into vector code where its loads and stores cannot meet, which it asks at run time, once a call: where
//! they do, the loop runs element by element. So a result that may overlap an operand is computed aside. The common case
//! that it lies exactly over operand 0, as in `x.add_(y)`, has a loop of its own: it reads that operand through the
//! result's pointer, and no question is left to ask. So has the case that one of two operands is the same for all
//! elements, as each row of a matrix sees a column: it stays in a register.

use crate::core::{Bits, Complex, DType, Stored};
use crate::expr::{Body, Half, Lane, MAX_INPUTS, MAX_PARAMS, Native, Place};
use crate::simd;

/// The numbers of a formula, each as one lane in the first bytes.
pub type Params = [Bits; MAX_PARAMS];
/// A compiled formula over contiguous lanes (bool operands are bytes). The output may not overlap an input, unless the
/// loop is one that is made to; every pointer is good for as many elements as are asked for.
pub type Kernel = unsafe fn(&[*const u8; MAX_INPUTS], &Params, *mut u8, usize);

/// The loops of one formula, per lane.
#[derive(Clone, Copy)]
pub struct Loops {
    pub f32: Option<Kernel>,
    pub f64: Option<Kernel>,
    pub i64: Option<Kernel>,
    /// As `f32`, over operand 0: the output's elements are its.
    pub f32_over: Option<Kernel>,
    /// As `f32`, where operand 0 or 1 is one element for all.
    pub f32_one: [Option<Kernel>; 2],
    /// As `f32`, but each step is rounded to float16 or bfloat16.
    pub halves: [Option<Kernel>; 2],
}

/// The loops of one lane.
#[derive(Clone, Copy)]
pub struct Ways {
    /// Over operands that have an element each.
    pub each: Kernel,
    /// The loop over operand 0, if there is one.
    pub over: Option<Kernel>,
    /// The loops where operand 0 or 1 is one element, if there are such.
    pub one: [Option<Kernel>; 2],
}

/// Which operand is one element for all: none.
const EACH: usize = MAX_INPUTS;

impl Loops {
    /// No loop: the formula runs as a tile program.
    pub const NONE: Loops =
        Loops { f32: None, f64: None, i64: None, f32_over: None, f32_one: [None; 2], halves: [None; 2] };

    pub const fn float<B: Body>() -> Loops {
        Loops { f32: Some(looped::<B, f32, false, EACH>), f64: Some(looped::<B, f64, false, EACH>), ..Loops::NONE }
    }
    pub const fn all<B: Body>() -> Loops {
        Loops { i64: Some(looped::<B, i64, false, EACH>), ..Loops::float::<B>() }
    }
    pub const fn int<B: Body>() -> Loops {
        Loops { i64: Some(looped::<B, i64, false, EACH>), ..Loops::NONE }
    }

    /// For formulas of truth values only.
    pub const fn bytes<B: Body>() -> Loops {
        let k = Some(looped::<B, i64, false, EACH> as Kernel);
        Loops { f32: k, f64: k, i64: k, ..Loops::NONE }
    }

    /// The loops over complex64 and complex128: intrinsics have them, rows run as tile programs of these.
    pub const fn complex<B: Body>() -> [Kernel; 2] {
        [looped::<B, Complex<f32>, false, EACH>, looped::<B, Complex<f64>, false, EACH>]
    }

    /// With the loop over operand 0, for formulas that are often asked to be: each costs some kilobytes.
    pub const fn and_over<B: Body>(self) -> Loops {
        match self.f32 {
            Some(_) => Loops { f32_over: Some(looped::<B, f32, true, EACH>), ..self },
            None => self,
        }
    }

    /// With the loops where one of two operands is one element.
    pub const fn and_one<B: Body>(self) -> Loops {
        match self.f32 {
            Some(_) => Loops { f32_one: [Some(looped::<B, f32, false, 0>), Some(looped::<B, f32, false, 1>)], ..self },
            None => self,
        }
    }

    /// Whether nothing was compiled.
    pub const fn is_none(&self) -> bool {
        self.f32.is_none() && self.f64.is_none() && self.i64.is_none()
    }

    /// With the loops that round each step to a half: float16's or bfloat16's.
    pub const fn and_halves<B: Body>(self, which: [bool; 2]) -> Loops {
        let f16 = if which[0] { Some(stepped::<B, false> as Kernel) } else { None };
        let bf16 = if which[1] { Some(stepped::<B, true> as Kernel) } else { None };
        Loops { halves: [f16, bf16], ..self }
    }

    /// The loop that rounds each step to this half, if there is one.
    pub fn stepped(&self, dtype: DType) -> Option<Ways> {
        let each = match dtype {
            DType::F16 => self.halves[0],
            DType::BF16 => self.halves[1],
            _ => None,
        };
        each.map(|each| Ways { each, over: None, one: [None; 2] })
    }

    #[inline]
    pub fn of(&self, lane: DType) -> Option<Kernel> {
        match lane {
            DType::F32 => self.f32,
            DType::F64 => self.f64,
            DType::I64 => self.i64,
            // Rows of complex numbers are tile programs.
            _ => None,
        }
    }

    /// The loop over operand 0.
    #[inline]
    pub fn over(&self, lane: DType) -> Option<Kernel> {
        if lane == DType::F32 { self.f32_over } else { None }
    }

    /// All loops of a lane, if it was compiled.
    #[inline]
    pub fn ways(&self, lane: DType) -> Option<Ways> {
        let one = if lane == DType::F32 { self.f32_one } else { [None; 2] };
        self.of(lane).map(|each| Ways { each, over: self.over(lane), one })
    }
}

simd! {
    unsafe fn looped[B: Body, T: Native, const OVER: bool, const ONE: usize][B, T, OVER, ONE]
        (x: &[*const u8; MAX_INPUTS], p: &Params, out: *mut u8, n: usize) = body;
    /// Over float32 lanes, each step rounded to a half.
    unsafe fn stepped[B: Body, const BRAIN: bool][B, BRAIN]
        (x: &[*const u8; MAX_INPUTS], p: &Params, out: *mut u8, n: usize) = stepped_body;
}

#[inline(always)]
unsafe fn stepped_body<B: Body, const BRAIN: bool>(x: &[*const u8; MAX_INPUTS], p: &Params, out: *mut u8, n: usize) {
    let p: [f32; MAX_PARAMS] = std::array::from_fn(|i| f32::of_bits(&p[i]));
    for i in 0..n {
        B::eval::<Half<BRAIN>, _>(At::<f32, EACH> { x: *x, p, one: p[0], out, i });
    }
}

#[inline(always)]
unsafe fn body<B: Body, T: Native, const OVER: bool, const ONE: usize>(
    x: &[*const u8; MAX_INPUTS],
    p: &Params,
    out: *mut u8,
    n: usize,
) {
    // Not by `from_fn`, whose closure may become a call each.
    let p: [T; MAX_PARAMS] = std::array::from_fn(|i| T::of_bits(&p[i]));
    let mut x = *x;
    if OVER {
        x[0] = out;
    }
    // SAFETY: each operand has an element, says the caller.
    let one = if ONE == EACH { p[0] } else { unsafe { x[ONE].cast::<T>().read() } };
    for i in 0..n {
        B::eval::<Lane<T>, _>(At::<T, ONE> { x, p, one, out, i });
    }
}

/// Element `i` of a loop.
#[derive(Clone, Copy)]
struct At<T, const ONE: usize> {
    x: [*const u8; MAX_INPUTS],
    p: [T; MAX_PARAMS],
    /// Operand `ONE`; nothing asks for it where that is `EACH`.
    one: T,
    out: *mut u8,
    i: usize,
}

/// Operands and numbers are halves already.
impl<const BRAIN: bool> Place<Half<BRAIN>> for At<f32, EACH> {
    type Done = ();
    #[inline(always)]
    fn num(self, k: usize) -> Half<BRAIN> {
        Half(Place::<Lane<f32>>::num(self, k).0)
    }
    #[inline(always)]
    fn mask(self, k: usize) -> bool {
        Place::<Lane<f32>>::mask(self, k)
    }
    #[inline(always)]
    fn param(self, j: usize) -> Half<BRAIN> {
        Half(self.p[j])
    }
    #[inline(always)]
    fn put(self, value: Half<BRAIN>) {
        Place::<Lane<f32>>::put(self, Lane(value.0));
    }
    #[inline(always)]
    fn put_mask(self, value: bool) {
        Place::<Lane<f32>>::put_mask(self, value);
    }
}

impl<T: Native, const ONE: usize> Place<Lane<T>> for At<T, ONE> {
    type Done = ();
    #[inline(always)]
    fn num(self, k: usize) -> Lane<T> {
        if k == ONE {
            return Lane(self.one);
        }
        // SAFETY: i is below the n for which the caller of the kernel vouches; so below.
        Lane(unsafe { self.x[k].cast::<T>().add(self.i).read() })
    }
    #[inline(always)]
    fn mask(self, k: usize) -> bool {
        // SAFETY: as above.
        unsafe { self.x[k].add(self.i).read() != 0 }
    }
    #[inline(always)]
    fn param(self, j: usize) -> Lane<T> {
        Lane(self.p[j])
    }
    #[inline(always)]
    fn put(self, value: Lane<T>) {
        // SAFETY: as above.
        unsafe { self.out.cast::<T>().add(self.i).write(value.0) }
    }
    #[inline(always)]
    fn put_mask(self, value: bool) {
        // SAFETY: as above.
        unsafe { self.out.add(self.i).write(value as u8) }
    }
}
