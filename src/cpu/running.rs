//! Running extremes and the running log-sum-exp along a dim. Threads share lines, never a line.

use super::complex;
use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{Complex, Element, Layout, Stored, Strides};
use crate::device::Array;
use crate::dispatch;
use crate::expr::math::complex as m;

const GRAIN: usize = 1 << 15;

/// The lines of `layout` along `dim`, as where each begins, and the entries of a line.
fn lines<const N: usize>(layout: &Layout, dim: usize, strides: [&Strides; N]) -> (Walk<N>, usize) {
    let mut begins = layout.shape.clone();
    let n = begins.get_mut(dim).map_or(1, |n| std::mem::replace(n, 1));
    (Walk::new(&begins, strides.map(|s| &s[..])), n)
}

fn step(x: &Array, dim: usize) -> isize {
    x.layout.strides.get(dim).copied().unwrap_or(0)
}

/// The largest (or smallest) entry of `dim` so far, and the last place where it stood. NaN stays once it came.
pub fn extreme(x: &Array, dim: usize, largest: bool, values: &Array, places: &Array) {
    let (walk, n) = lines(&x.layout, dim, [&x.layout.strides, &values.layout.strides, &places.layout.strides]);
    let steps = [step(x, dim), step(values, dim), step(places, dim)];
    dispatch!(x.dtype, T => {
        let (xp, vp, pp) = (Raw::new(x.ptr::<T>()), Raw::new(values.ptr::<T>()), Raw::new(places.ptr::<i64>()));
        threads::split(walk.numel(), GRAIN.div_ceil(n.max(1)), &|range| walk.elements(range, |[px, pv, pi], _| {
            let (mut best, mut at) = (T::ZERO, 0);
            for i in 0..n as isize {
                // SAFETY: element i of one line of each operand; lines of the outputs are apart.
                unsafe {
                    let v = xp.at(px + i * steps[0]).read();
                    if i == 0 || replaces(v, best, largest) {
                        (best, at) = (v, i as i64);
                    }
                    vp.at(pv + i * steps[1]).write(best);
                    pp.at(pi + i * steps[2]).write(at);
                }
            }
        }));
    });
}

/// Whether `v` becomes the extreme in the place of `best`: equal ones do, and NaN.
#[inline(always)]
fn replaces<T: Element>(v: T, best: T, largest: bool) -> bool {
    if T::DTYPE.is_float() {
        let (v, best) = (v.to_f64(), best.to_f64());
        return v.is_nan() || (!best.is_nan() && if largest { v >= best } else { v <= best });
    }
    // uint64 keeps its bits as an int64.
    let flip = if T::DTYPE.size() == 8 && !T::DTYPE.is_signed() { i64::MIN } else { 0 };
    let (v, best) = (v.to_i64() ^ flip, best.to_i64() ^ flip);
    if largest { v >= best } else { v <= best }
}

/// The logarithm of the sum of the exponentials of the entries of `dim` so far, or of those behind if `backwards`. Carried in
/// float64.
pub fn logcumsumexp(x: &Array, dim: usize, backwards: bool, out: &Array) {
    let (walk, n) = lines(&x.layout, dim, [&x.layout.strides, &out.layout.strides]);
    let steps = [step(x, dim), step(out, dim)];
    if x.dtype.is_complex() {
        walk.elements(0..walk.numel(), |[px, py], _| {
            let mut sum = m::of(f64::NEG_INFINITY, 0.0);
            for k in 0..n as isize {
                let i = if backwards { n as isize - 1 - k } else { k };
                sum = complex_added(sum, complex::read(x, px + i * steps[0]));
                complex::write(out, py + i * steps[1], sum);
            }
        });
        return;
    }
    dispatch!(float x.dtype, T => {
        let (xp, yp) = (Raw::new(x.ptr::<T>()), Raw::new(out.ptr::<T>()));
        threads::split(walk.numel(), GRAIN.div_ceil(4 * n.max(1)), &|range| walk.elements(range, |[px, py], _| {
            let mut sum = f64::NEG_INFINITY;
            for k in 0..n as isize {
                let i = if backwards { n as isize - 1 - k } else { k };
                // SAFETY: as above.
                unsafe {
                    let v = xp.at(px + i * steps[0]).read().to_f64();
                    sum = added(sum, v);
                    yp.at(py + i * steps[1]).write(T::from_f64(sum));
                }
            }
        }));
    }; else => ());
}

/// log(exp(a) + exp(b)).
#[inline]
fn added(a: f64, b: f64) -> f64 {
    let (low, high) = if a.is_nan() || a < b { (a, b) } else { (b, a) };
    // Equal infinities have no difference.
    if low.is_nan() || high.is_nan() {
        f64::NAN
    } else if low == high && high.is_infinite() {
        high
    } else {
        high + (low - high).exp().ln_1p()
    }
}

/// log(exp(a) + exp(b)) of complex numbers; NaN in any part is NaN in both.
fn complex_added(a: Complex<f64>, b: Complex<f64>) -> Complex<f64> {
    let nan = |z: Complex<f64>| z.re.is_nan() || z.im.is_nan();
    if nan(a) || nan(b) {
        return m::of(f64::NAN, f64::NAN);
    }
    let (low, high) = if a.re < b.re { (a, b) } else { (b, a) };
    if low.re == high.re && low.re.is_infinite() {
        if low.re < 0.0 {
            // Both exponentials are 0, whose logarithm has no phase.
            return m::of(low.re, 0.0);
        }
        let (p, q) = (m::exp(low), m::exp(high));
        return m::log(m::of(p.re + q.re, p.im + q.im));
    }
    // The exponential of -inf is 0, whatever the other part is.
    let less = m::of(low.re - high.re, low.im - high.im);
    let ratio = if less.re == f64::NEG_INFINITY { m::of(0.0, 0.0) } else { m::exp(less) };
    let more = m::log1p(ratio);
    m::of(more.re + high.re, more.im + high.im)
}
