//! The three ops behind all Fourier transforms: complex to complex, real to half spectrum and back.

use super::{has_transforms, points};
use crate::core::{DType, Layout, Meta, Shape, Strides};
use crate::cpu::fft::Way;
use crate::device::Array;
use crate::error::Result;
use crate::tensor::{Context, Cotangents, Grads, Op, Tensor, apply};
use crate::{bail, cpu, err};

/// The complex transform of complex `x`.
pub fn c2c(x: &Tensor, dims: &[usize], forward: bool, scale: f64) -> Result<Tensor> {
    apply(C2c { dims: dims.into(), way: Way { forward, scale, doubled: 1.0 } }, &[x])
}

/// The half spectrum of real `x` along the last of `dims`.
pub fn r2c(x: &Tensor, dims: &[usize], forward: bool, scale: f64) -> Result<Tensor> {
    apply(R2c::new(x.shape(), dims, Way { forward, scale, doubled: 1.0 }), &[x])
}

/// The complex transform of real `x`: of a half spectrum, and its mirrored conjugate.
pub fn r2c_whole(x: &Tensor, dims: &[usize], forward: bool, scale: f64) -> Result<Tensor> {
    let op = R2c::new(x.shape(), dims, Way { forward, scale, doubled: 1.0 });
    apply(R2c { whole: true, ..op }, &[x])
}

/// `n` real values of the half spectra `x` along the last of `dims`.
pub fn c2r(x: &Tensor, dims: &[usize], forward: bool, scale: f64, n: usize) -> Result<Tensor> {
    apply(C2r { dims: dims.into(), n, way: Way { forward, scale, doubled: 1.0 } }, &[x])
}

/// The layout that PyTorch gives to a result of `shape`: transformed dims innermost, the last of `dims` first among them, then the
/// others as they lie in `x`.
fn lines_innermost(x: &Layout, dims: &[usize], shape: Shape) -> Layout {
    let mut order: Vec<usize> = (0..x.ndim()).filter(|d| !dims.contains(d)).collect();
    order.sort_by_key(|&d| std::cmp::Reverse(x.strides[d]));
    order.extend(dims);
    let mut strides = Strides::zeros(x.ndim());
    let mut step = 1isize;
    for &d in order.iter().rev() {
        strides[d] = step;
        step = step.wrapping_mul(shape[d].max(1) as isize);
    }
    Layout { shape, strides, offset: 0 }
}

/// `dims` from the one with the greatest stride to the one with the smallest.
fn by_stride(x: &Layout, dims: &[usize]) -> Shape {
    let mut sorted: Vec<usize> = dims.to_vec();
    sorted.sort_by_key(|&d| std::cmp::Reverse(x.strides[d]));
    sorted.into_iter().collect()
}

/// Refuses sizes of 0 along `dims`, dtypes and devices.
fn check(x: &Meta, dims: &[usize], dtypes: [DType; 2]) -> Result<()> {
    if !dtypes.contains(&x.dtype) {
        bail!(Runtime, "Unsupported dtype {}", x.dtype.scalar_name());
    }
    has_transforms(x.device, x.dtype)?;
    dims.iter().try_for_each(|&d| points(x.shape()[d] as i64).map(|_| ()))
}

/// The work of transforms of lines: about log2 of a line's length for each element.
fn work(out: &Array, dims: &[usize]) -> usize {
    let logs: usize = dims.iter().map(|&d| out.shape()[d].max(2).ilog2() as usize).sum();
    out.numel().saturating_mul(logs.max(1))
}

struct C2c {
    dims: Shape,
    way: Way,
}

impl Op for C2c {
    fn name(&self) -> &'static str {
        "fft_c2c"
    }
    fn grad_name(&self) -> String {
        "FftC2CBackward".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        check(x[0], &self.dims, [DType::C64, DType::C128])?;
        let layout = lines_innermost(&x[0].layout, &by_stride(&x[0].layout, &self.dims), x[0].layout.shape.clone());
        Ok(Meta::new(layout, x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if self.dims.is_empty() {
            return cpu::copy::copy(x[0], &out[0]);
        }
        cpu::fft::complex(x[0], &out[0], &by_stride(&x[0].layout, &self.dims), self.way);
        Ok(())
    }
    fn complex(&self) -> bool {
        true
    }
    fn cost(&self, _: &[&Array], out: &[Array]) -> usize {
        work(&out[0], &self.dims)
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        let way = Way { forward: !self.way.forward, ..self.way };
        Grads::one(apply(C2c { dims: self.dims.clone(), way }, &[g.one()?])?)
    }
}

struct R2c {
    dims: Shape,
    /// The number of real values.
    n: usize,
    /// Whether all bins are given, and not only the first half of them.
    whole: bool,
    way: Way,
}

impl R2c {
    fn new(shape: &[usize], dims: &[usize], way: Way) -> R2c {
        R2c { n: dims.last().map_or(1, |&d| shape[d]), dims: dims.into(), whole: false, way }
    }
}

impl Op for R2c {
    fn name(&self) -> &'static str {
        "fft_r2c"
    }
    fn grad_name(&self) -> String {
        "FftR2CBackward".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        check(x[0], &self.dims, [DType::F32, DType::F64])?;
        let Some((&last, others)) = self.dims.split_last() else {
            bail!(Runtime, "rfftn must transform at least one axis")
        };
        let x = x[0];
        let mut shape = x.layout.shape.clone();
        shape[last] = if self.whole { self.n } else { self.n / 2 + 1 };
        let layout = if self.whole {
            lines_innermost(&x.layout, &by_stride(&x.layout, &self.dims), shape)
        } else if self.way.forward {
            let mut dims = by_stride(&x.layout, others);
            dims.push(last);
            lines_innermost(&x.layout, &dims, shape)
        } else {
            // PyTorch's backward one is two calls, the second of which sees the first one's layout.
            let half = lines_innermost(&x.layout, &[last], shape.clone());
            if others.is_empty() { half } else { lines_innermost(&half, &by_stride(&half, others), shape) }
        };
        Ok(Meta::new(layout, x.dtype.to_complex(), x.device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::fft::real_to_complex(x[0], &out[0], &self.dims, self.way);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        work(x[0], &self.dims)
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        if self.whole {
            return Grads::one(c2c(g.one()?, &self.dims, !self.way.forward, self.way.scale)?.real()?);
        }
        let way = Way { forward: !self.way.forward, scale: self.way.scale, doubled: self.way.doubled / 2.0 };
        Grads::one(apply(C2r { dims: self.dims.clone(), n: self.n, way }, &[g.one()?])?)
    }
}

struct C2r {
    dims: Shape,
    /// The number of real values.
    n: usize,
    way: Way,
}

impl C2r {
    /// The layout of what the complex transforms along all dims but the last give.
    fn between(&self, x: &Layout) -> Layout {
        match self.dims.split_last() {
            Some((_, others)) if !others.is_empty() => lines_innermost(x, &by_stride(x, others), x.shape.clone()),
            _ => x.clone(),
        }
    }
}

impl Op for C2r {
    fn name(&self) -> &'static str {
        "fft_c2r"
    }
    fn grad_name(&self) -> String {
        "FftC2RBackward".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        check(x[0], &self.dims, [DType::C64, DType::C128])?;
        let Some(&last) = self.dims.last() else { bail!(Runtime, "irfftn must transform at least one axis") };
        if x[0].shape()[last] != self.n / 2 + 1 {
            return Err(err!(Runtime, "fft_c2r: {} bins do not belong to {} values", x[0].shape()[last], self.n)
                .hint(format!("{} values have {} bins", self.n, self.n / 2 + 1)));
        }
        let mut shape = x[0].layout.shape.clone();
        shape[last] = self.n;
        let layout = lines_innermost(&self.between(&x[0].layout), &[last], shape);
        Ok(Meta::new(layout, x[0].dtype.to_real(), x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::fft::complex_to_real(x[0], &out[0], &self.dims, self.between(&x[0].layout), self.way)
    }
    fn complex(&self) -> bool {
        true
    }
    fn cost(&self, _: &[&Array], out: &[Array]) -> usize {
        work(&out[0], &self.dims)
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        let way = Way { forward: !self.way.forward, scale: self.way.scale, doubled: 2.0 * self.way.doubled };
        Grads::one(apply(R2c { dims: self.dims.clone(), n: self.n, whole: false, way }, &[g.one()?])?)
    }
}
