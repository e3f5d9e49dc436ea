//! Matrices of extreme size. Decompositions square elements and divide by them, which leaves the range of the dtype
//! long before the results do. So, as LAPACK's drivers do, such a matrix is multiplied by a power of two, which rounds
//! nothing, and what comes out is multiplied by the inverse.

use faer::traits::ComplexField as _;
use faer::{Mat, MatMut, MatRef};

use super::{Field, Part};

/// What the elements of a matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// One is NaN.
    Nan,
    /// None is NaN, one is an infinity.
    Infinite,
    /// All are finite; times 2 to this power the largest is of ordinary size. 0 for matrices that are so already.
    Finite(i32),
}

/// One look at all elements.
pub fn size<T: Field>(x: MatRef<'_, T>) -> Size {
    let mut largest = T::Part::ZERO;
    let mut nan = false;
    let mut look = |x: T| {
        // Each part by itself, since a sum may overflow; comparisons lose NaN.
        for part in [x.re(), x.im()] {
            let part = part.size();
            nan |= T::Part::is_nan_impl(&part);
            largest = if part > largest { part } else { largest };
        }
    };
    let x = if x.row_stride() == 1 { x } else { x.transpose() };
    for c in 0..x.ncols() {
        match x.col(c).try_as_col_major() {
            Some(col) => col.as_slice().iter().for_each(|&x| look(x)),
            None => (0..x.nrows()).for_each(|r| look(x[(r, c)])),
        }
    }
    match largest {
        _ if nan => Size::Nan,
        _ if !T::Part::is_finite_impl(&largest) => Size::Infinite,
        _ => Size::Finite(power_of(largest)),
    }
}

/// The power of two that brings a finite number of extreme size near 1; 0 for others.
pub fn power_of<P: Part>(x: P) -> i32 {
    exponent(x.to_f64(), if size_of::<P>() == 4 { 40 } else { 450 })
}

/// The power that brings a number outside 2^-limit .. 2^limit to 1 .. 2, and 0 for those inside and those that are not
/// finite.
fn exponent(x: f64, limit: i32) -> i32 {
    let field = |x: f64| (x.to_bits() >> 52) as i32 - 1023;
    let power = if x < f64::MIN_POSITIVE { field(x * 2f64.powi(100)) - 100 } else { field(x) };
    if x == 0.0 || !x.is_finite() || power.abs() <= limit { 0 } else { -power }
}

/// Times 2 to the power: in two steps, as a power itself may lie outside the range of the dtype.
#[inline]
pub fn scaled<T: Field>(x: T, power: i32) -> T {
    let by = |power: i32| T::Part::from_f64_impl(2f64.powi(power));
    if power == 0 { x } else { x.scaled(by(power / 2)).scaled(by(power - power / 2)) }
}

/// Multiplies all elements.
pub fn scale<T: Field>(mut x: MatMut<'_, T>, power: i32) {
    if power != 0 {
        for c in 0..x.ncols() {
            for r in 0..x.nrows() {
                x[(r, c)] = scaled(x[(r, c)], power);
            }
        }
    }
}

/// `a / b`, where b may be so large or small that its square, which a complex quotient takes, leaves the range. Equal
/// numbers give exactly 1.
#[inline]
pub fn quotient<T: Field>(a: T, b: T) -> T {
    let power = if T::IS_REAL { 0 } else { power_of(b.taxicab()) };
    scaled(a, power) / scaled(b, power)
}

/// The matrix where nothing is to be done, else a multiplied copy, which `room` keeps.
pub fn at_size<'a, T: Field>(x: MatRef<'a, T>, power: i32, room: &'a mut Mat<T>) -> MatRef<'a, T> {
    if power == 0 {
        return x;
    }
    *room = Mat::from_fn(x.nrows(), x.ncols(), |r, c| scaled(x[(r, c)], power));
    room.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_bring_extreme_numbers_near_one_and_back() {
        for (x, limit) in [(1e20, 40), (3e38, 40), (1e-25, 40), (1e-45f32 as f64, 40), (1e200, 450), (5e-324, 450)] {
            let power = exponent(x, limit);
            let near = scaled(x, power);
            assert!((1.0..2.0).contains(&near) && scaled(near, -power) == x, "{x:e}: {power} {near}");
        }
        assert_eq!([exponent(0.0, 40), exponent(1.0, 40), exponent(1e12, 40), exponent(1e-12, 40)], [0; 4]);
        assert_eq!(scaled(1e-45f32, exponent(1e-45f32 as f64, 40)), 1.0);
        assert_eq!(scaled(f32::MAX, exponent(f32::MAX as f64, 40)), f32::MAX / 2f32.powi(127));
    }

    #[test]
    fn sizes() {
        let of = |v: [f32; 2]| size(Mat::from_fn(1, 2, |_, c| v[c]).as_ref());
        assert_eq!(of([1.0, f32::NAN]), Size::Nan);
        assert_eq!(of([f32::INFINITY, f32::NAN]), Size::Nan);
        assert_eq!(of([f32::NEG_INFINITY, 0.0]), Size::Infinite);
        assert_eq!(of([1.0, -2.0]), Size::Finite(0));
        assert_eq!(of([1.0, -(2f32.powi(100))]), Size::Finite(-100));
    }
}
