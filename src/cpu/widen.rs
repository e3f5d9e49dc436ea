//! Elements brought to the type a kernel computes in, a tile at a time: halves to float32, integers and bool to int64, anything
//! to the byte "is not zero". And results brought back.

use half::{bf16, f16};

use super::convert::f16_to_f32;
use super::strided::{Raw, Walk};
use crate::core::{Bool, DType, Element};
use crate::device::Array;
use crate::error::Result;
use crate::{dispatch, simd};

/// An element type that a kernel computes in as `A`.
pub trait Widen<A: Copy>: Element {
    /// Whether both are one type, so that memory can be read as it is.
    const SAME: bool = false;
    fn widen(self) -> A;
}

macro_rules! widen {
    ($($s:ty => $a:ty, $same:expr, |$v:ident| $e:expr;)*) => { $(
        impl Widen<$a> for $s {
            const SAME: bool = $same;
            #[inline(always)]
            fn widen(self) -> $a {
                let $v = self;
                $e
            }
        }
    )* };
}
widen! {
    f32 => f32, true, |v| v;
    f16 => f32, false, |v| f16_to_f32(v.to_bits());
    bf16 => f32, false, |v| f32::from_bits((v.to_bits() as u32) << 16);
    f64 => f64, true, |v| v;
    i64 => i64, true, |v| v;
    i32 => i64, false, |v| v as i64;
    i16 => i64, false, |v| v as i64;
    i8 => i64, false, |v| v as i64;
    u8 => i64, false, |v| v as i64;
    Bool => i64, false, |v| v.get() as i64;
    f32 => u8, false, |v| (v != 0.0) as u8;
    f64 => u8, false, |v| (v != 0.0) as u8;
    f16 => u8, false, |v| (v.to_bits() & 0x7fff != 0) as u8;
    bf16 => u8, false, |v| (v.to_bits() & 0x7fff != 0) as u8;
    i64 => u8, false, |v| (v != 0) as u8;
    i32 => u8, false, |v| (v != 0) as u8;
    i16 => u8, false, |v| (v != 0) as u8;
    u8 => u8, false, |v| (v != 0) as u8;
    Bool => u8, false, |v| v.get() as u8;
}

simd! {
    /// `y[i] = x[i * stride]`, widened.
    ///
    /// # Safety
    /// `x + i * stride` is readable and `y + i` is writable for every `i < n`; they do not overlap.
    pub unsafe fn load[S: Widen<A>, A: Copy][S, A](x: *const S, stride: isize, n: usize, y: *mut A) = load_body;
}

#[inline(always)]
unsafe fn load_body<S: Widen<A>, A: Copy>(x: *const S, stride: isize, n: usize, y: *mut A) {
    if stride == 1 {
        for i in 0..n {
            // SAFETY: n elements each.
            unsafe { *y.add(i) = (*x.add(i)).widen() }
        }
    } else {
        for i in 0..n as isize {
            // SAFETY: as above.
            unsafe { *y.offset(i) = (*x.wrapping_offset(i * stride)).widen() }
        }
    }
}

/// What a kernel computes in, and how its results become elements.
pub trait Acc: Element + Default {
    fn element<T: Element>(self) -> T;
}

macro_rules! acc {
    ($($a:ty => $via:ident as $w:ty;)*) => { $(
        impl Acc for $a {
            #[inline(always)]
            fn element<T: Element>(self) -> T {
                T::$via(self as $w)
            }
        }
    )* };
}
acc! {
    f32 => from_f64 as f64;
    f64 => from_f64 as f64;
    i64 => from_i64 as i64;
    u8 => from_i64 as i64;
}

/// Runs `f` on memory for the results of a kernel that computes in `A`: that of the contiguous `out` itself where the types
/// agree, else memory that is converted into `out` afterwards.
pub fn with_results<A: Acc>(out: &Array, f: &mut dyn FnMut(*mut A)) {
    if A::DTYPE == out.dtype {
        return f(out.ptr());
    }
    let n = out.numel();
    let mut few = [A::default(); 16];
    let mut many = Vec::new();
    let results = if n <= few.len() {
        few.as_mut_ptr()
    } else {
        many.resize(n, A::default());
        many.as_mut_ptr()
    };
    f(results);
    dispatch!(out.dtype, T => for i in 0..n {
        // SAFETY: n elements each; `out` is contiguous.
        unsafe { *out.ptr::<T>().add(i) = (*results.add(i)).element() }
    });
}

/// The elements of `x` in logical order, widened, in memory of their own unless they lie so already.
pub fn contiguous<S: Widen<A>, A: Acc>(x: &Array) -> Flat<A> {
    let p = x.ptr::<S>();
    if S::SAME && x.is_contiguous() {
        return Flat { p: Raw::new(p.cast()), _own: Vec::new() };
    }
    let mut own = vec![A::default(); x.numel()];
    let y = Raw::new(own.as_mut_ptr());
    let (walk, x) = (Walk::new(x.shape(), [x.strides()]), Raw::new(p));
    super::threads::split(own.len(), 1 << 15, &|range| {
        let step = walk.steps()[0];
        walk.pieces(range, |[at], start, n| {
            // SAFETY: elements of x, and places of `own` that only this range has.
            unsafe { load::<S, A>(x.at(at), step, n, y.at(start as isize)) }
        });
    });
    Flat { p: y, _own: own }
}

/// `x`, as int64 where it is uint16, uint32 or uint64 (whose bits it keeps): few kernels have these, and they have no loops of
/// their own.
pub fn wide(x: &Array) -> Result<Array> {
    if !x.dtype.is_limited() {
        return Ok(x.clone());
    }
    if x.dtype == DType::U64 {
        return Ok(x.with_dtype(DType::I64));
    }
    let y = Array::empty(x.contiguous(x.layout.shape.clone()).with_dtype(DType::I64))?;
    super::copy::copy(x, &y)?;
    Ok(y)
}

/// What [`contiguous`] gives.
pub struct Flat<A> {
    p: Raw<A>,
    _own: Vec<A>,
}

impl<A> Flat<A> {
    #[inline]
    pub fn raw(&self) -> Raw<A> {
        self.p
    }
}

/// Runs `$body` with `$s` the type of the elements of `$dtype` and `$a` the type to compute in; `only float` leaves the
/// integers out. uint16, uint32 and uint64 come as int64 ([`wide`]).
#[macro_export]
macro_rules! widened {
    (only float $dtype:expr, $s:ident, $a:ident => $body:expr) => {
        match $dtype {
            $crate::core::DType::F16 => { type $s = ::half::f16; type $a = f32; $body }
            $crate::core::DType::BF16 => { type $s = ::half::bf16; type $a = f32; $body }
            $crate::core::DType::F32 => { type $s = f32; type $a = f32; $body }
            $crate::core::DType::F64 => { type $s = f64; type $a = f64; $body }
            other => $crate::core::dtype::not_real(other),
        }
    };
    ($dtype:expr, $s:ident, $a:ident => $body:expr) => {
        match $dtype {
            $crate::core::DType::Bool => { type $s = $crate::core::Bool; type $a = i64; $body }
            $crate::core::DType::U8 => { type $s = u8; type $a = i64; $body }
            $crate::core::DType::I8 => { type $s = i8; type $a = i64; $body }
            $crate::core::DType::I16 => { type $s = i16; type $a = i64; $body }
            $crate::core::DType::I32 => { type $s = i32; type $a = i64; $body }
            $crate::core::DType::I64 => { type $s = i64; type $a = i64; $body }
            other => $crate::widened!(only float other, $s, $a => $body),
        }
    };
}
