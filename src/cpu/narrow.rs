//! Sums, products and bits of integers of one, two or four bytes in their own size. Elsewhere such integers are computed
//! as int64 and cut; the last bytes of these results depend on the last bytes of the operands only, so that all are equal,
//! and four to eight times as many elements fit a register.

use super::strided::Raw;
use super::threads;
use crate::core::DType;
use crate::device::{Array, Value};
use crate::simd;

/// An operation whose last bytes depend on the last bytes of its operands only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Narrow {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
}

/// Elements that pay for asking.
const LEAST: usize = 4096;
/// Bytes of a thread's part.
const GRAIN: usize = 1 << 16;

impl Narrow {
    /// The operation of an op with this name, whose factor of the second operand, if it has one, is 1.
    pub fn of(name: &str) -> Option<Narrow> {
        Some(match name {
            "add" => Narrow::Add,
            "sub" => Narrow::Sub,
            "mul" => Narrow::Mul,
            "bitwise_and" => Narrow::And,
            "bitwise_or" => Narrow::Or,
            "bitwise_xor" => Narrow::Xor,
            _ => return None,
        })
    }
}

/// Whether a result is one that may be computed here.
#[inline]
pub fn pays(out: &Array) -> bool {
    out.numel() >= LEAST && out.dtype.is_integral() && out.dtype.size() < 8
}

/// Computes `out`, whose dtype all operands have or are cast to; false where they do not lie in a row.
pub fn run(op: Narrow, x: &[Value], out: &Array) -> bool {
    let bits = matches!(op, Narrow::And | Narrow::Or | Narrow::Xor);
    let [a, b] = x else { return false };
    if !out.is_contiguous() || (out.dtype == DType::Bool && !bits) {
        return false;
    }
    let n = out.numel();
    let start = out.bytes_ptr() as usize;
    let end = start + n * out.dtype.size();
    // Where an operand's elements are, or the one that all have.
    let operand = |v: &Value| match v {
        Value::Array(a) if a.dtype == out.dtype && a.numel() == n && a.is_contiguous() => {
            let p = a.bytes_ptr();
            let apart = p as usize >= end || p as usize + n * out.dtype.size() <= start;
            (apart || p as usize == start).then_some((p.cast_const(), 0u32))
        }
        Value::Number(v) => {
            let b = v.cast(out.dtype).bits(out.dtype);
            Some((std::ptr::null(), u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
        }
        _ => None,
    };
    let (Some(a), Some(b)) = (operand(a), operand(b)) else { return false };
    if a.0.is_null() && b.0.is_null() {
        return false;
    }
    let size = out.dtype.size();
    let (first, second) = (Raw::new(a.0.cast_mut()), Raw::new(b.0.cast_mut()));
    let (nulls, to) = ([a.0.is_null(), b.0.is_null()], Raw::new(out.bytes_ptr()));
    threads::split(n, GRAIN / size, &|range| {
        let at = |p: &Raw<u8>| p.at((range.start * size) as isize).cast_const();
        let x = [at(&first), at(&second)];
        // SAFETY: every array has the elements of the range; one of the operands is no number.
        unsafe {
            match size {
                1 => all::<u8>(op, x, nulls, [a.1 as u8, b.1 as u8], to.at(range.start as isize), range.len()),
                2 => {
                    let to = to.at(2 * range.start as isize).cast();
                    all::<u16>(op, x, nulls, [a.1 as u16, b.1 as u16], to, range.len());
                }
                _ => all::<u32>(op, x, nulls, [a.1, b.1], to.at(4 * range.start as isize).cast(), range.len()),
            }
        }
    });
    true
}

/// Integers of one size; their sign makes no difference here.
trait Whole: Copy + Send + Sync + 'static {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
}

macro_rules! whole {
    ($($t:ty)*) => { $(
        impl Whole for $t {
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
        }
    )* };
}
whole! { u8 u16 u32 }

simd! {
    unsafe fn all[T: Whole][T](op: Narrow, x: [*const u8; 2], numbers: [bool; 2], values: [T; 2], out: *mut T, n: usize) = each;
}

#[inline(always)]
unsafe fn each<T: Whole>(op: Narrow, x: [*const u8; 2], numbers: [bool; 2], values: [T; 2], out: *mut T, n: usize) {
    // SAFETY: the caller's promises.
    unsafe {
        match op {
            Narrow::Add => with(T::add, x, numbers, values, out, n),
            Narrow::Sub => with(T::sub, x, numbers, values, out, n),
            Narrow::Mul => with(T::mul, x, numbers, values, out, n),
            Narrow::And => with(T::and, x, numbers, values, out, n),
            Narrow::Or => with(T::or, x, numbers, values, out, n),
            Narrow::Xor => with(T::xor, x, numbers, values, out, n),
        }
    }
}

#[inline(always)]
unsafe fn with<T: Whole>(
    f: impl Fn(T, T) -> T,
    x: [*const u8; 2],
    numbers: [bool; 2],
    values: [T; 2],
    out: *mut T,
    n: usize,
) {
    let [a, b] = x.map(|p| p.cast::<T>());
    // SAFETY: the arrays have n elements, says the caller.
    unsafe {
        match numbers {
            [false, false] => (0..n).for_each(|i| *out.add(i) = f(*a.add(i), *b.add(i))),
            [true, false] => (0..n).for_each(|i| *out.add(i) = f(values[0], *b.add(i))),
            _ => (0..n).for_each(|i| *out.add(i) = f(*a.add(i), values[1])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Number;

    #[test]
    fn as_int64_would_give_it() {
        let n = LEAST + 37;
        let x: Vec<i32> = (0..n).map(|i| (i as i32).wrapping_mul(0x0765_4321)).collect();
        let y: Vec<i32> = (0..n).map(|i| (i as i32).wrapping_mul(-0x0123_4567)).collect();
        let (a, b) = (Array::from_slice(&[n], &x).unwrap(), Array::from_slice(&[n], &y).unwrap());
        let out = Array::from_slice(&[n], &vec![0i32; n]).unwrap();
        type Wide = fn(i64, i64) -> i64;
        let wide: [(Narrow, Wide); 4] = [
            (Narrow::Add, |a, b| a.wrapping_add(b)),
            (Narrow::Sub, |a, b| a.wrapping_sub(b)),
            (Narrow::Mul, |a, b| a.wrapping_mul(b)),
            (Narrow::Xor, |a, b| a ^ b),
        ];
        for (op, f) in wide {
            assert!(run(op, &[Value::Array(&a), Value::Array(&b)], &out));
            // SAFETY: the elements of the array.
            let found = unsafe { std::slice::from_raw_parts(out.ptr::<i32>(), n) };
            assert!(found.iter().zip(x.iter().zip(&y)).all(|(o, (a, b))| *o == f(*a as i64, *b as i64) as i32));
            assert!(run(op, &[Value::Number(Number::Int(-7)), Value::Array(&b)], &out));
            // SAFETY: as above.
            let found = unsafe { std::slice::from_raw_parts(out.ptr::<i32>(), n) };
            assert!(found.iter().zip(&y).all(|(o, b)| *o == f(-7, *b as i64) as i32));
        }
    }
}
