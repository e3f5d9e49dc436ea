//! Kernels of complex numbers that no formula over one kind of lane says: conjugates, and functions between complex numbers
//! and their parts.

use super::copy::copy;
use super::gemm::{self, Fused};
use super::strided::Walk;
use super::threads;
use crate::core::{Complex, DType, Shape, Stored, Strides};
use crate::device::Array;
use crate::error::Result;
use crate::expr::math::complex as m;

use half::f16;

/// Elements of a chunk of a parallel loop at least.
const GRAIN: usize = 1 << 14;

/// `out[i] = f(x[i])`, with `out` possibly `x` itself.
pub fn map<S: Stored, D: Stored>(x: &Array, out: &Array, f: impl Fn(S) -> D + Sync) {
    let walk = Walk::in_memory_order(out.shape(), [out.strides(), x.strides()]);
    let (from, to) = (super::strided::Raw::new(x.ptr::<S>()), super::strided::Raw::new(out.ptr::<D>()));
    threads::split(walk.numel(), GRAIN, &|range| {
        walk.elements(range, |[o, i], _| {
            // SAFETY: the walk stays inside both layouts, and each element is read before the one of its place is written.
            unsafe { to.at(o).write(f(from.at(i).read())) }
        });
    });
}

/// The complex conjugates of `x`.
pub fn conj(x: &Array, out: &Array) {
    match x.dtype {
        DType::C32 => map::<Complex<f16>, _>(x, out, |v| Complex { re: v.re, im: -v.im }),
        DType::C64 => map::<Complex<f32>, _>(x, out, |v| Complex { re: v.re, im: -v.im }),
        _ => map::<Complex<f64>, _>(x, out, |v| Complex { re: v.re, im: -v.im }),
    }
}

/// `out[i] = f(x[i])`, computed in float64.
pub fn of(x: &Array, out: &Array, f: fn(Complex<f64>) -> Complex<f64>) {
    match x.dtype {
        DType::C32 => map::<Complex<f16>, _>(x, out, |v| {
            let y = f(Complex { re: v.re.to_f64(), im: v.im.to_f64() });
            Complex { re: f16::from_f64(y.re), im: f16::from_f64(y.im) }
        }),
        DType::C64 => map::<Complex<f32>, _>(x, out, |v| {
            let y = f(Complex { re: v.re as f64, im: v.im as f64 });
            Complex { re: y.re as f32, im: y.im as f32 }
        }),
        _ => map::<Complex<f64>, _>(x, out, f),
    }
}

/// As [`of`], where the result is real.
pub fn real_of(x: &Array, out: &Array, f: fn(Complex<f64>) -> f64) {
    match x.dtype {
        DType::C32 => {
            map::<Complex<f16>, _>(x, out, |v| f16::from_f64(f(Complex { re: v.re.to_f64(), im: v.im.to_f64() })))
        }
        DType::C64 => map::<Complex<f32>, _>(x, out, |v| f(Complex { re: v.re as f64, im: v.im as f64 }) as f32),
        _ => map::<Complex<f64>, _>(x, out, f),
    }
}

/// `out[i] = f(a[i], b[i])` of one dtype and shape, computed in float64.
pub fn of_two(a: &Array, b: &Array, out: &Array, f: impl Fn(Complex<f64>, Complex<f64>) -> Complex<f64> + Sync) {
    let walk = Walk::in_memory_order(out.shape(), [out.strides(), a.strides(), b.strides()]);
    threads::split(walk.numel(), GRAIN, &|range| {
        walk.elements(range, |[o, p, q], _| write(out, o, f(read(a, p), read(b, q))));
    });
}

/// Both parts of `x` along a last dim, over its memory.
pub fn parts(x: &Array) -> Array {
    let mut out = x.with_layout(x.layout.parts());
    out.meta.dtype = x.dtype.to_real();
    out
}

/// Indices of complex numbers as those of their parts: the same for both.
pub fn twice(index: &Array) -> Array {
    let mut layout = index.layout.clone();
    layout.shape.push(2);
    layout.strides.push(0);
    index.with_layout(layout)
}

/// The product over `dims`, in float64.
pub fn prod(x: &Array, dims: &[usize], out: &Array) {
    let mut kept = x.layout.shape.clone();
    dims.iter().for_each(|&d| kept[d] = 1);
    let mut over: Shape = x.layout.shape.clone();
    (0..x.ndim()).filter(|d| !dims.contains(d)).for_each(|d| over[d] = 1);
    let (lines, line) = (Walk::new(&kept, [x.strides()]), Walk::new(&over, [x.strides()]));
    lines.elements(0..lines.numel(), |[at], i| {
        let mut y = m::of(1.0, 0.0);
        line.elements(0..line.numel(), |[k], _| y = m::mul(y, read(x, at + k)));
        write(out, i as isize, y);
    });
}

/// As `scan` of real numbers: `y[i] = a[i] y[i - 1] + b[i]` along `dim`, carried in float64.
pub fn scan(a: &Array, b: Option<&Array>, dim: usize, backwards: bool, first: f64, out: &Array) {
    let mut begins = a.layout.shape.clone();
    let n = begins.get_mut(dim).map_or(1, |n| std::mem::replace(n, 1));
    let none = Strides::zeros(a.ndim());
    let lines = Walk::new(&begins, [a.strides(), out.strides(), b.map_or(&none, |b| b.strides())]);
    let step = |x: &Array| x.layout.strides.get(dim).copied().unwrap_or(0);
    lines.elements(0..lines.numel(), |[pa, py, pb], _| {
        let mut y = m::of(first, 0.0);
        for i in 0..n {
            let i = if backwards { n - 1 - i } else { i } as isize;
            y = m::mul(read(a, pa + i * step(a)), y);
            if let Some(b) = b {
                let more = read(b, pb + i * step(b));
                y = m::of(y.re + more.re, y.im + more.im);
            }
            write(out, py + i * step(out), y);
        }
    });
}

/// The element `at` elements after the first.
pub(super) fn read(x: &Array, at: isize) -> Complex<f64> {
    // SAFETY: the callers walk inside the layout.
    unsafe {
        match x.dtype {
            DType::C32 => {
                let v = x.ptr::<Complex<f16>>().wrapping_offset(at).read();
                m::of(v.re.to_f64(), v.im.to_f64())
            }
            DType::C64 => {
                let v = x.ptr::<Complex<f32>>().wrapping_offset(at).read();
                m::of(v.re as f64, v.im as f64)
            }
            _ => x.ptr::<Complex<f64>>().wrapping_offset(at).read(),
        }
    }
}

pub(super) fn write(y: &Array, at: isize, v: Complex<f64>) {
    // SAFETY: the callers walk inside the layout.
    unsafe {
        match y.dtype {
            DType::C32 => {
                let v = Complex { re: f16::from_f64(v.re), im: f16::from_f64(v.im) };
                y.ptr::<Complex<f16>>().wrapping_offset(at).write(v);
            }
            DType::C64 => {
                let v = Complex { re: v.re as f32, im: v.im as f32 };
                y.ptr::<Complex<f32>>().wrapping_offset(at).write(v);
            }
            _ => y.ptr::<Complex<f64>>().wrapping_offset(at).write(v),
        }
    }
}

/// `out = alpha a b + beta add` of complex matrices, or batches of them: four products of their parts. `out` is contiguous.
pub fn matmul(a: &Array, b: &Array, out: &Array, fused: &Fused) -> Result<()> {
    let apart = |x: &Array, k: usize| -> Result<Array> {
        // A matrix that serves a whole batch, or stands alone before it, is copied once and keeps a step of 0.
        let mut from = x.layout.clone();
        let lead = x.ndim() - 2;
        let once = |d: usize| x.layout.strides[d] == 0 || x.layout.shape[d] == 1;
        (0..lead).filter(|&d| once(d)).for_each(|d| from.shape[d] = 1);
        let to = Array::empty(x.contiguous(from.shape.clone()).with_dtype(x.dtype.to_real()))?;
        copy(&x.with_layout(from).part(k), &to)?;
        let mut over = to.layout.clone();
        over.shape = x.layout.shape.clone();
        (0..lead).filter(|&d| once(d)).for_each(|d| over.strides[d] = 0);
        Ok(to.with_layout(over))
    };
    let ([ar, ai], [br, bi]) = ([apart(a, 0)?, apart(a, 1)?], [apart(b, 0)?, apart(b, 1)?]);
    let room = || Array::empty(out.contiguous(out.layout.shape.clone()).with_dtype(out.dtype.to_real()));
    for (k, [(p, q), (r, s)], sign) in [(0, [(&ar, &br), (&ai, &bi)], -1.0), (1, [(&ar, &bi), (&ai, &br)], 1.0)] {
        let (first, both) = (room()?, room()?);
        let added = fused.add.map(|add| add.part(k));
        gemm::matmul(p, q, &first, &Fused { add: added.as_ref(), ..*fused })?;
        gemm::matmul(r, s, &both, &Fused { alpha: sign * fused.alpha, beta: 1.0, add: Some(&first), relu: false })?;
        copy(&both, &out.part(k))?;
    }
    Ok(())
}

/// `out = abs (cos angle + i sin angle)`, of one shape.
pub fn polar(abs: &Array, angle: &Array, out: &Array) {
    use crate::core::Element;
    fn run<T: Element>(abs: &Array, angle: &Array, out: &Array)
    where
        Complex<T>: Stored,
    {
        let walk = Walk::in_memory_order(out.shape(), [out.strides(), abs.strides(), angle.strides()]);
        walk.elements(0..walk.numel(), |[o, a, b], _| {
            // SAFETY: the walk stays inside the layouts, which share no memory with the result.
            unsafe {
                let (r, t) = (abs.ptr::<T>().offset(a).read().to_f64(), angle.ptr::<T>().offset(b).read().to_f64());
                let (s, c) = t.sin_cos();
                out.ptr::<Complex<T>>().offset(o).write(Complex { re: T::from_f64(r * c), im: T::from_f64(r * s) });
            }
        });
    }
    match abs.dtype {
        DType::F16 => run::<f16>(abs, angle, out),
        DType::F32 => run::<f32>(abs, angle, out),
        _ => run::<f64>(abs, angle, out),
    }
}
