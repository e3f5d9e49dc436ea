//! Draws whose parameters are arrays: gamma, Dirichlet, Poisson and binomial variates, in PyTorch's order, to its bits.
//!
//! Every element draws as many numbers as its rejections ask for, so all of it is serial, in double.

use super::strided::{Raw, Walk};
use crate::core::{DType, Element};
use crate::device::Array;
use crate::device::rng::Generator;
use crate::dispatch;

/// A walk over `out` in the order of its memory, and over parameters broadcast to its shape.
fn walk<const N: usize>(out: &Array, x: [&Array; N]) -> Walk<N> {
    let strides = x.map(|a| a.layout.broadcast_to(out.shape()).strides);
    Walk::in_memory_order(out.shape(), std::array::from_fn(|i| &strides[i][..]))
}

/// `out[i] = f(x[i])`, all of one float dtype.
fn each(out: &Array, x: &Array, mut f: impl FnMut(f64) -> f64) {
    dispatch!(float out.dtype, T => {
        let (y, x_at) = (Raw::new(out.ptr::<T>()), Raw::new(x.ptr::<T>()));
        // SAFETY: elements of the arrays.
        walk(out, [out, x]).elements(0..out.numel(), |[i, j], _| unsafe {
            *y.at(i) = T::from_f64(f((*x_at.at(j)).to_f64()))
        });
    }; else => ());
}

/// Gamma variates of shape `alpha`, of which none is below the dtype's least normal number.
pub fn gamma(out: &Array, alpha: &Array, g: &mut Generator) {
    let single = out.dtype == DType::F32;
    let least = if single { f32::MIN_POSITIVE as f64 } else { f64::MIN_POSITIVE };
    each(out, alpha, |a| gamma_one(a, single, g).max(least));
}

/// Marsaglia and Tsang 2000. `single`: the sums of alpha are float32 sums, as PyTorch's are.
fn gamma_one(mut alpha: f64, single: bool, g: &mut Generator) -> f64 {
    let round = |v: f64| if single { v as f32 as f64 } else { v };
    let mut scale = 1.0;
    if alpha < 1.0 {
        if alpha == 0.0 {
            return 0.0;
        }
        scale = (1.0 - g.unit53()).powf(round(1.0 / alpha));
        alpha = round(alpha + 1.0);
    }
    let d = round(alpha - (1.0f32 / 3.0) as f64);
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let (x, y) = loop {
            let x = g.normal();
            let y = 1.0 + c * x;
            if y > 0.0 || y.is_nan() {
                break (x, y);
            }
        };
        let v = y * y * y;
        let u = 1.0 - g.unit53();
        let xx = x * x;
        if u < 1.0 - 0.0331f32 as f64 * xx * xx || u.ln() < 0.5 * xx + d * (1.0 - v + v.ln()) || d.is_nan() {
            return scale * d * v;
        }
    }
}

/// Rows of gamma variates of float64, divided by their sum. `out` is contiguous.
pub fn dirichlet(out: &Array, alpha: &Array, g: &mut Generator) {
    let row = out.shape().last().copied().unwrap_or(1);
    let mut drawn = Vec::with_capacity(out.numel());
    dispatch!(float alpha.dtype, T => {
        let at = Raw::new(alpha.ptr::<T>());
        walk(out, [out, alpha]).elements(0..out.numel(), |[_, i], _| {
            // SAFETY: an element of alpha.
            let a = unsafe { *at.at(i) }.to_f64();
            drawn.push(gamma_one(a, false, g).max(f64::MIN_POSITIVE));
        });
    }; else => ());
    let single = out.dtype == DType::F32;
    let (least, most) = if single {
        (f32::MIN_POSITIVE as f64, (1.0 - f32::EPSILON / 2.0) as f64)
    } else {
        (f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0)
    };
    dispatch!(float out.dtype, T => {
        let y = out.ptr::<T>();
        for (r, part) in drawn.chunks(row.max(1)).enumerate() {
            let sum: f64 = part.iter().sum();
            for (j, v) in part.iter().enumerate() {
                let share = T::from_f64(v / sum).to_f64();
                // SAFETY: the contiguous output has as many elements as were drawn.
                unsafe { *y.add(r * row + j) = T::from_f64(share.max(least).min(most)) }
            }
        }
    }; else => ());
}

/// Poisson variates of these rates.
pub fn poisson(out: &Array, rate: &Array, g: &mut Generator) {
    each(out, rate, |rate| poisson_one(rate, g));
}

/// Products of units for small rates, Hoermann's transformed rejection (1993, algorithm PTRS) for others.
fn poisson_one(rate: f64, g: &mut Generator) -> f64 {
    if rate == 0.0 {
        return 0.0;
    }
    if rate < 10.0 {
        let (least, mut product, mut count) = ((-rate).exp(), 1.0, 0.0);
        loop {
            product *= g.unit53();
            if product <= least {
                return count;
            }
            count += 1.0;
        }
    }
    let b = 0.931 + 2.53 * rate.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = g.unit53() - 0.5;
        let v = g.unit53();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + rate + 0.43).floor();
        if us >= 0.07 && v <= v_r {
            return k;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let bound = -rate + k * rate.ln() - libm::lgamma(k + 1.0);
        if v.ln() + inverse_alpha.ln() - (a / (us * us) + b).ln() <= bound {
            return k;
        }
    }
}

/// Binomial variates of `count` trials of probability `p`.
pub fn binomial(out: &Array, count: &Array, p: &Array, g: &mut Generator) {
    let single = out.dtype == DType::F32;
    dispatch!(float out.dtype, T => {
        let (y, n, p) = (Raw::new(out.ptr::<T>()), Raw::new(count.ptr::<T>()), (Raw::new(p.ptr::<T>()), p));
        walk(out, [out, count, p.1]).elements(0..out.numel(), |[i, j, k], _| {
            // SAFETY: elements of the arrays.
            unsafe {
                let v = binomial_one((*n.at(j)).to_f64(), (*p.0.at(k)).to_f64(), single, g);
                *y.at(i) = T::from_f64(v);
            }
        });
    }; else => ());
}

/// `single`: products and sums of count and p are float32's, as PyTorch's are.
fn binomial_one(count: f64, p: f64, single: bool, g: &mut Generator) -> f64 {
    let round = |v: f64| if single { v as f32 as f64 } else { v };
    if count <= 0.0 || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return count;
    }
    if p.is_nan() {
        return f64::NAN;
    }
    let few = |p: f64, g: &mut Generator| {
        if round(count * p) >= 10.0 { binomial_many(count, p, round, g) } else { binomial_few(count, p, single, g) }
    };
    if p <= 0.5 { few(p, g) } else { count - few(round(1.0 - p), g) }
}

/// Sums of geometric variates until they exceed the count.
fn binomial_few(count: f64, p: f64, single: bool, g: &mut Generator) -> f64 {
    let log = if single { (-p as f32).ln_1p() as f64 } else { (-p).ln_1p() };
    let (mut sum, mut successes) = (0.0, 0.0);
    loop {
        sum += (g.unit53().ln() / log).ceil();
        if sum > count || sum.is_nan() {
            return successes;
        }
        successes += 1.0;
    }
}

/// Hoermann's transformed rejection (1993, algorithm BTRS).
fn binomial_many(count: f64, p: f64, round: impl Fn(f64) -> f64, g: &mut Generator) -> f64 {
    let deviation = round(round(round(count * p) * round(1.0 - p)).sqrt());
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = round(count * p) + 0.5;
    let v_r = 0.92 - 4.2 / b;
    let r = round(p / round(1.0 - p));
    let alpha = (2.83 + 5.1 / b) * deviation;
    let m = round((count + 1.0) * p).floor();
    loop {
        let u = g.unit53() - 0.5;
        let v = g.unit53();
        let us = 0.5 - u.abs();
        let k = round(((2.0 * a / us + b) * u + c).floor());
        if k < 0.0 || k > count {
            continue;
        }
        if us >= 0.07 && v <= v_r {
            return k;
        }
        let bound = (m + 0.5) * ((m + 1.0) / (r * (count - m + 1.0))).ln()
            + (count + 1.0) * ((count - m + 1.0) / (count - k + 1.0)).ln()
            + (k + 0.5) * (r * (count - k + 1.0) / (k + 1.0)).ln()
            + stirling_tail(m)
            + stirling_tail(count - m)
            - stirling_tail(k)
            - stirling_tail(count - k);
        if (v * alpha / (a / (us * us) + b)).ln() <= bound {
            return k;
        }
    }
}

/// What Stirling's formula lacks of ln k!.
fn stirling_tail(k: f64) -> f64 {
    const FIRST: [f64; 10] = [
        0.0810614667953272,
        0.0413406959554092,
        0.0276779256849983,
        0.02079067210376509,
        0.0166446911898211,
        0.0138761288230707,
        0.0118967099458917,
        0.0104112652619720,
        0.00925546218271273,
        0.00833056343336287,
    ];
    if k < 10.0 {
        return FIRST[k.max(0.0) as usize];
    }
    let square = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)
}

/// Whether some rate is negative or NaN.
pub fn any_unfit_rate(rate: &Array) -> bool {
    let mut bad = false;
    let walk = Walk::new(rate.shape(), [rate.strides()]);
    dispatch!(float rate.dtype, T => walk.elements(0..walk.numel(), |[i], _| {
        // SAFETY: an element of the array.
        let v = unsafe { *rate.ptr::<T>().wrapping_offset(i) }.to_f64();
        bad |= v < 0.0 || v.is_nan();
    }); else => ());
    bad
}

/// `out[i] = f(x[i], y[i])`, broadcast, all of one float dtype.
pub fn each_of_two(out: &Array, x: &Array, y: &Array, f: impl Fn(f64, f64) -> f64) {
    dispatch!(float out.dtype, T => {
        let (to, a, b) = (Raw::new(out.ptr::<T>()), Raw::new(x.ptr::<T>()), Raw::new(y.ptr::<T>()));
        walk(out, [out, x, y]).elements(0..out.numel(), |[i, j, k], _| {
            // SAFETY: elements of the arrays.
            unsafe { *to.at(i) = T::from_f64(f((*a.at(j)).to_f64(), (*b.at(k)).to_f64())) }
        });
    }; else => ());
}

/// `out[i] = f(x[i], y[i], z[i])`, broadcast, all of one float dtype.
pub fn each_of_three(out: &Array, [x, y, z]: [&Array; 3], f: impl Fn(f64, f64, f64) -> f64) {
    dispatch!(float out.dtype, T => {
        let (to, a) = (Raw::new(out.ptr::<T>()), Raw::new(x.ptr::<T>()));
        let (b, c) = (Raw::new(y.ptr::<T>()), Raw::new(z.ptr::<T>()));
        walk(out, [out, x, y, z]).elements(0..out.numel(), |[i, j, k, l], _| {
            // SAFETY: elements of the arrays.
            unsafe { *to.at(i) = T::from_f64(f((*a.at(j)).to_f64(), (*b.at(k)).to_f64(), (*c.at(l)).to_f64())) }
        });
    }; else => ());
}
