//! Discrete Fourier transforms: fft, ifft, rfft, irfft, hfft, ihfft with their 2-d and n-d forms, frequencies and shifts.
//!
//! Three ops do all: complex to complex, real to a spectrum or its half, half spectrum to real. Each goes either way, and its
//! derivative is one of them.

use crate::core::shape::{list, normalize_dim};
use crate::core::{DType, Device, Number, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::composite::{called, listed};
use crate::ops::options::Options;
use crate::ops::pad::constant;
use crate::tensor::door::enter;
use crate::tensor::{Arg, Args, Tensor, mode};
use crate::{bail, err};

mod transforms;

pub use transforms::{c2c, c2r, r2c, r2c_whole};

const ONE: &[&str] = &[
    "u(6)",
    "u(2, 5)",
    "u(2, 3), 4",
    "u(2, 4), n=3, dim=0",
    "u(3, 4).t(), dim=0, norm='ortho'",
    "u(2, 3, 4), dim=1, norm='forward'",
    "u(8)[::2], norm='backward'",
    "ix(5, n=4)",
    "mask(4)",
    "u(1, 3).expand(2, 3)",
    "edges(1.0, INF, NAN)",
    "cx(5)",
    "cx(2, 4), 6, 0, 'ortho'",
    "u(3), 0",
    "u(3), -2",
    "u(2, 3), dim=2",
    "u()",
    "u(3), norm='other'",
];
const TWO: &[&str] = &[
    "u(3, 4)",
    "u(2, 3, 5)",
    "u(3, 4), (4, 3)",
    "u(3, 4), s=(-1, 6), norm='ortho'",
    "u(2, 3, 4), dim=(0, 1)",
    "u(2, 3, 4), dim=(-1, 0), norm='forward'",
    "u(4, 3).t()",
    "ix(3, 4, n=5)",
    "cx(3, 4)",
    "cx(2, 3, 4), s=(2, 5), dim=(2, 0)",
    "u(3)",
    "u(3, 4), (0, 3)",
    "u(3, 4), (2,), dim=(0, 1)",
    "u(3, 4), dim=(1, 1)",
    "u(3, 4), norm='x'",
];
const MANY: &[&str] = &[
    "u(3, 4)",
    "u(2, 3, 4)",
    "u(2, 3, 4), (4, 3)",
    "u(2, 3, 4), s=(3, -1), norm='ortho'",
    "u(2, 3, 4), dim=(0, 2)",
    "u(2, 3, 4), dim=(2, 0, 1), norm='forward'",
    "u(2, 3, 4), (3, 5), (1, 0)",
    "u(4, 3).t(), dim=(0,)",
    "u(2, 3), dim=1",
    "ix(3, 4, n=5)",
    "cx(2, 3, 4)",
    "cx(3, 4), s=(4, 3), norm='ortho'",
    "u(2, 3), (2, 2, 2)",
    "u(2, 3), (0, 2)",
    "u(2, 3), dim=(0, 2)",
    "u(2, 3), dim=(0, -2)",
    "u(2, 3), (2,), (0, 1)",
    "u()",
];
const FREQUENCIES: &[&str] = &["5", "6", "4, 0.5", "1", "0", "3, d=0.0", "4, dtype=float64", "4, dtype=int64", "-1"];
const SHIFTS: &[&str] = &["u(5)", "u(4, 3)", "u(4, 3), 0", "u(2, 3, 4), (0, -1)", "u(3, 2).t(), dim=1", "u(2, 3), 2"];

ops! {
    /// The discrete Fourier transform along `dim`, complex: bin k is the sum of x[t] exp(-2 pi i k t / n).
    ///
    /// `n`: the signal is cut or continued with zeros to that many values. `norm`: 'backward' (None) scales the inverse by 1 / n,
    /// 'forward' this one, 'ortho' both by 1 / sqrt(n).
    ///
    ///     >>> torch.fft.fft(torch.tensor([1., 2.]))
    ///     tensor([ 3.+0.j, -1.+0.j])
    fft + out as ["fft.fft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>; a) {
            Transform { name: "fft", kind: Kind::Complex, forward: true }.one(x, n, dim, norm, a)
        },
        samples: ONE,
    }
    /// The inverse of `fft`, scaled by 1 / n by default.
    ifft + out as ["fft.ifft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>; a) {
            Transform { name: "ifft", kind: Kind::Complex, forward: false }.one(x, n, dim, norm, a)
        },
        samples: ONE,
    }
    /// The bins 0 to n / 2 of the transform of a real signal, which tell the others.
    rfft + out as ["fft.rfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>; a) {
            Transform { name: "rfft", kind: Kind::Half, forward: true }.one(x, n, dim, norm, a)
        },
        samples: ONE,
    }
    /// The inverse of `rfft`: `n` real values, 2 (bins - 1) of them by default.
    irfft + out as ["fft.irfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>; a) {
            Transform { name: "irfft", kind: Kind::Real, forward: false }.one(x, n, dim, norm, a)
        },
        samples: ONE,
    }
    /// The real transform of a signal of which the first half is given, the other being its mirrored conjugate.
    hfft + out as ["fft.hfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>; a) {
            Transform { name: "hfft", kind: Kind::Real, forward: true }.one(x, n, dim, norm, a)
        },
        samples: ONE,
    }
    /// The inverse of `hfft`: half of the inverse transform of a real spectrum.
    ihfft + out as ["fft.ihfft(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>; a) {
            Transform { name: "ihfft", kind: Kind::Half, forward: false }.one(x, n, dim, norm, a)
        },
        samples: ONE,
    }
    /// `fft` along two dims.
    fft2 + out as ["fft.fft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>; a) {
            Transform { name: "fftn", kind: Kind::Complex, forward: true }.many(x, s, Some(dim), norm, a)
        },
        samples: TWO,
    }
    /// `ifft` along two dims.
    ifft2 + out as ["fft.ifft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>; a) {
            Transform { name: "ifftn", kind: Kind::Complex, forward: false }.many(x, s, Some(dim), norm, a)
        },
        samples: TWO,
    }
    /// `rfft` along the second of two dims, then `fft` along the first.
    rfft2 + out as ["fft.rfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>; a) {
            Transform { name: "rfftn", kind: Kind::Half, forward: true }.many(x, s, Some(dim), norm, a)
        },
        samples: TWO,
    }
    /// The inverse of `rfft2`.
    irfft2 + out as ["fft.irfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>; a) {
            Transform { name: "irfftn", kind: Kind::Real, forward: false }.many(x, s, Some(dim), norm, a)
        },
        samples: TWO,
    }
    /// `fft` along the first of two dims, then `hfft` along the second.
    hfft2 + out as ["fft.hfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>; a) {
            Transform { name: "hfftn", kind: Kind::Real, forward: true }.many(x, s, Some(dim), norm, a)
        },
        samples: TWO,
    }
    /// The inverse of `hfft2`.
    ihfft2 + out as ["fft.ihfft2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>; a) {
            Transform { name: "ihfftn", kind: Kind::Half, forward: false }.many(x, s, Some(dim), norm, a)
        },
        samples: TWO,
    }
    /// `fft` along `dim`: the last len(s) dims, or all of them, by default. -1 in `s` keeps a dim's size.
    fftn + out as ["fft.fftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>; a) {
            Transform { name: "fftn", kind: Kind::Complex, forward: true }.many(x, s, dim, norm, a)
        },
        samples: MANY,
    }
    /// `ifft` along `dim`: the last len(s) dims, or all of them, by default.
    ifftn + out as ["fft.ifftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>; a) {
            Transform { name: "ifftn", kind: Kind::Complex, forward: false }.many(x, s, dim, norm, a)
        },
        samples: MANY,
    }
    /// `rfft` along the last of `dim`, then `fft` along the others.
    rfftn + out as ["fft.rfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>; a) {
            Transform { name: "rfftn", kind: Kind::Half, forward: true }.many(x, s, dim, norm, a)
        },
        samples: MANY,
    }
    /// The inverse of `rfftn`; the last of `s` is the number of real values.
    irfftn + out as ["fft.irfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>; a) {
            Transform { name: "irfftn", kind: Kind::Real, forward: false }.many(x, s, dim, norm, a)
        },
        samples: MANY,
    }
    /// `fft` along all of `dim` but the last, then `hfft` along the last.
    hfftn + out as ["fft.hfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>; a) {
            Transform { name: "hfftn", kind: Kind::Real, forward: true }.many(x, s, dim, norm, a)
        },
        samples: MANY,
    }
    /// The inverse of `hfftn`.
    ihfftn + out as ["fft.ihfftn(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"] {
        call(x = self: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>; a) {
            Transform { name: "ihfftn", kind: Kind::Half, forward: false }.many(x, s, dim, norm, a)
        },
        samples: MANY,
    }
    /// The frequencies of the bins of `fft` for `n` values `d` apart: from 0 up, then the negative ones.
    fftfreq + out as ["fft.fftfreq(int n, float d=1.0, *, {options}) -> Tensor"] {
        call(n: i64, d: f64, options: Options) {
            if n < 0 {
                bail!(Runtime, "Trying to create tensor with negative dimension {n}: [{n}]");
            }
            let bins = listed(n, |k| if 2 * k < n { k } else { k - n })?;
            frequencies("fftfreq", &bins, n as f64 * d, &options)
        },
        samples: FREQUENCIES,
    }
    /// The frequencies of the bins of `rfft` for `n` values `d` apart.
    rfftfreq + out as ["fft.rfftfreq(int n, float d=1.0, *, {options}) -> Tensor"] {
        call(n: i64, d: f64, options: Options) {
            if n / 2 + 1 < 0 {
                bail!(Runtime, "upper bound and lower bound inconsistent with step sign");
            }
            let bins = listed(n / 2 + 1, |k| k)?;
            frequencies("rfftfreq", &bins, n as f64 * d, &options)
        },
        samples: FREQUENCIES,
    }
    /// `self` rolled by half of each of `dim` (all by default), so that frequency 0 stands in the middle.
    fftshift as ["fft.fftshift(Tensor self, int[1]? dim=None) -> Tensor"] graph "RollBackward0" {
        call(x = self: &Tensor, dim: Option<&[i64]>) { shifted(x, dim, 0) },
        samples: SHIFTS,
    }
    /// Undoes `fftshift`.
    ifftshift as ["fft.ifftshift(Tensor self, int[1]? dim=None) -> Tensor"] graph "RollBackward0" {
        call(x = self: &Tensor, dim: Option<&[i64]>) { shifted(x, dim, 1) },
        samples: SHIFTS,
    }
    /// The complex transform along `dim`; `normalization` is 0 for none, 1 for 1 / sqrt(n), 2 for 1 / n.
    fft_c2c_ + out as ["function._fft_c2c(Tensor self, int[] dim, int normalization, bool forward) -> Tensor"] {
        call(x = self: &Tensor, dim: &[i64], normalization: i64, forward: bool) {
            if !x.dtype().is_complex() {
                bail!(Runtime, "Expected self.is_complex() to be true, but got false.");
            }
            let dims = dims(dim, x.ndim())?;
            let sizes: Shape = dims.iter().map(|&d| x.shape()[d]).collect();
            c2c(x, &dims, forward, factor(normalization, &sizes))
        },
        samples: ["cx(2, 3), (1,), 0, True", "cx(2, 3), (0, 1), 2, False"],
    }
    /// The spectrum of a real tensor along `dim`, the half of it if `onesided`.
    fft_r2c_ + out as ["function._fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor"] {
        call(x = self: &Tensor, dim: &[i64], normalization: i64, onesided: bool) {
            if !x.dtype().is_float() {
                bail!(Runtime, "Expected self.is_floating_point() to be true, but got false.");
            }
            let dims = dims(dim, x.ndim())?;
            let sizes: Shape = dims.iter().map(|&d| x.shape()[d]).collect();
            let scale = factor(normalization, &sizes);
            if onesided { r2c(x, &dims, true, scale) } else { r2c_whole(x, &dims, true, scale) }
        },
        samples: ["u(2, 3), (1,), 1, True", "u(2, 3), (0, 1), 0, False"],
    }
    /// `last_dim_size` real values of half spectra along the last of `dim`, after complex transforms along the others.
    fft_c2r_ + out as ["function._fft_c2r(Tensor self, int[] dim, int normalization, int last_dim_size) -> Tensor"] {
        call(x = self: &Tensor, dim: &[i64], normalization: i64, n = last_dim_size: i64) {
            if !x.dtype().is_complex() {
                bail!(Runtime, "Expected self.is_complex() to be true, but got false.");
            }
            let dims = dims(dim, x.ndim())?;
            let mut sizes: Shape = dims.iter().map(|&d| x.shape()[d]).collect();
            if let Some(last) = sizes.last_mut() {
                *last = points(n)?;
            }
            c2r(x, &dims, false, factor(normalization, &sizes), n as usize)
        },
        samples: ["cx(2, 3), (1,), 2, 4", "cx(2, 3), (0, 1), 0, 5"],
    }
}

/// What a transform takes and gives.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Complex,
    /// Real values; the half of their spectrum.
    Half,
    /// Half of a spectrum; real values.
    Real,
}

/// One of the named transforms.
struct Transform {
    name: &'static str,
    kind: Kind,
    forward: bool,
}

impl Transform {
    fn one(&self, x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>, a: &Args) -> Result<Tensor> {
        self.takes(x, "a real")?;
        let input = self.checked(x, a)?;
        if x.ndim() == 0 {
            bail!(Index, "Dimension specified as {dim} but tensor has no dimensions");
        }
        let dim = normalize_dim(dim, x.ndim())?;
        let size = x.shape()[dim] as i64;
        let n = points(n.unwrap_or(if self.kind == Kind::Real { 2 * (size - 1) } else { size }))?;
        self.run(&input, &[dim], &[n], norm)
    }

    fn many(&self, x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>, a: &Args) -> Result<Tensor> {
        if self.name != "ihfftn" {
            self.takes(x, "a real-valued")?;
        }
        let ndim = x.ndim();
        let chosen = dim.map(|d| dims(d, ndim)).transpose()?;
        let dims = match (s, chosen) {
            (Some(s), Some(dims)) if s.len() != dims.len() => {
                bail!(Runtime, "When given, dim and shape arguments must have the same length")
            }
            (Some(s), _) if s.len() > ndim => {
                bail!(Runtime, "Got shape with {} values but input tensor only has {ndim} dimensions.", s.len())
            }
            (_, Some(dims)) => dims,
            (s, None) => (ndim - s.map_or(ndim, <[i64]>::len)..ndim).collect(),
        };
        let Some(last) = dims.len().checked_sub(1) else {
            if self.kind == Kind::Complex {
                let input = self.checked(x, a)?;
                let y = input.to_dtype(input.dtype().to_complex())?;
                return if y.is(x) { x.cloned(crate::ops::copy::Format::Preserve) } else { Ok(y) };
            }
            bail!(Runtime, "{} must transform at least one axis", self.name)
        };
        let mut sizes = Shape::new();
        for (i, &d) in dims.iter().enumerate() {
            let size = x.shape()[d] as i64;
            sizes.push(match s.map(|s| s[i]) {
                None | Some(-1) if i == last && self.kind == Kind::Real => points(2 * (size - 1))?,
                None | Some(-1) => points(size)?,
                Some(n) => points(n)?,
            });
        }
        self.run(&self.checked(x, a)?, &dims, &sizes, norm)
    }

    /// Refuses complex numbers where real ones are transformed.
    fn takes(&self, x: &Tensor, real: &str) -> Result<()> {
        if self.kind == Kind::Half && x.dtype().is_complex() {
            bail!(Runtime, "{} expects {real} input tensor, but got {}", self.name, x.dtype().scalar_name());
        }
        Ok(())
    }

    /// The tensor in a dtype that is computed with.
    fn checked(&self, x: &Tensor, a: &Args) -> Result<Tensor> {
        if let Some(out) = a.out.first()
            && out.dtype().is_complex() == (self.kind == Kind::Real)
        {
            let wanted = if self.kind == Kind::Real { "floating point" } else { "complex" };
            // PyTorch's inverse in many dims speaks of the other one.
            let name = if self.name == "ifftn" { "fftn" } else { self.name };
            bail!(Runtime, "{name} expects a {wanted} output tensor, but got {}", out.dtype().scalar_name());
        }
        if self.kind == Kind::Half && x.dtype().is_complex() {
            bail!(Runtime, "Only supports floating-point dtypes, but found: {}", x.dtype().scalar_name());
        }
        let x = promoted(x)?;
        if self.kind == Kind::Real { x.to_dtype(x.dtype().to_complex()) } else { Ok(x) }
    }

    /// Transforms along `dims` to `sizes`.
    fn run(&self, x: &Tensor, dims: &[usize], sizes: &[usize], norm: Option<&str>) -> Result<Tensor> {
        let by_n = match norm {
            None | Some("backward") => !self.forward,
            Some("forward") => self.forward,
            Some("ortho") => false,
            Some(other) => bail!(Runtime, "Invalid normalization mode: \"{other}\""),
        };
        let scale = factor(if by_n { 2 } else { (norm == Some("ortho")) as i64 }, sizes);
        let mut y = x.clone();
        let mut pad = vec![0; 2 * x.ndim()];
        let last = dims.len() - 1;
        for (i, (&d, &n)) in dims.iter().zip(sizes).enumerate() {
            let n = if i == last && self.kind == Kind::Real { n / 2 + 1 } else { n };
            let size = x.shape()[d];
            if n < size {
                y = y.narrow(d, 0, n)?;
            } else {
                pad[2 * (x.ndim() - 1 - d) + 1] = (n - size) as i64;
            }
        }
        if pad.iter().any(|&n| n > 0) {
            y = constant(&y, &pad, Number::Int(0))?;
        }
        match self.kind {
            Kind::Complex if !y.dtype().is_complex() => r2c_whole(&y, dims, self.forward, scale),
            Kind::Complex => c2c(&y, dims, self.forward, scale),
            Kind::Half => r2c(&y, dims, self.forward, scale),
            Kind::Real => c2r(&y, dims, self.forward, scale, sizes[last]),
        }
    }
}

/// A number of values that can be transformed.
fn points(n: i64) -> Result<usize> {
    if n < 1 {
        return Err(
            err!(Runtime, "Invalid number of data points ({n}) specified").hint("at least one value is transformed")
        );
    }
    Ok(n as usize)
}

fn dims(dims: &[i64], ndim: usize) -> Result<Shape> {
    let mut out = Shape::new();
    for &d in dims {
        if ndim == 0 {
            bail!(Index, "Dimension specified as {d} but tensor has no dimensions");
        }
        let d = normalize_dim(d, ndim)?;
        out.push(d);
    }
    if (1..out.len()).any(|i| out[..i].contains(&out[i])) {
        return Err(err!(Runtime, "FFT dims must be unique").hint(format!("dim is {}", list(dims))));
    }
    Ok(out)
}

/// What PyTorch's numbers of normalizations scale by.
fn factor(normalization: i64, sizes: &[usize]) -> f64 {
    let n: f64 = sizes.iter().map(|&n| n as f64).product();
    match normalization {
        1 => 1.0 / n.sqrt(),
        2 => 1.0 / n,
        _ => 1.0,
    }
}

/// `x` in a dtype of transforms. Integers become the default float dtype.
pub fn promoted(x: &Tensor) -> Result<Tensor> {
    let dtype = if x.dtype().is_integral() { mode::default_float() } else { x.dtype() };
    match dtype {
        DType::F32 | DType::F64 | DType::C64 | DType::C128 => {}
        other => {
            return Err(err!(Runtime, "Unsupported dtype {}", other.scalar_name())
                .hint("transforms compute in float32, float64, complex64 and complex128: use x.float()"));
        }
    }
    has_transforms(x.device(), dtype)?;
    x.to_dtype(dtype)
}

/// Refuses the GPU, which has no complex numbers.
fn has_transforms(device: Device, dtype: DType) -> Result<()> {
    if device.is_gpu() {
        return Err(err!(NotImplemented, "fft: not implemented on the GPU (for {})", dtype.name())
            .hint("use x.cpu(), and .to(\"gpu\") on what is real again"));
    }
    Ok(())
}

fn frequencies(name: &str, bins: &[i64], span: f64, options: &Options) -> Result<Tensor> {
    let dtype = options.float();
    if dtype.is_integral() {
        bail!(Runtime, "{name} requires a floating point or complex dtype");
    }
    dtype.usual("arange_cpu")?;
    let bins =
        enter(if name == "fftfreq" { "fft_fftfreq" } else { "fft_rfftfreq" }, Array::from_slice(&[bins.len()], bins)?);
    options.finish(bins.to_dtype(dtype)?.mul_number(1.0 / span)?)
}

fn shifted(x: &Tensor, dim: Option<&[i64]>, up: usize) -> Result<Tensor> {
    let all: Vec<i64> = (0..x.ndim() as i64).collect();
    let dims = dim.unwrap_or(&all);
    let mut shifts = vec![];
    for &d in dims {
        let n = x.shape().get(normalize_dim(d, x.ndim())?).copied().unwrap_or(1);
        shifts.push((n.div_ceil(2) * up + n / 2 * (1 - up)) as i64);
    }
    called(&super::composite::rearrange::roll::DEF, &[Arg::Tensor(x), Arg::Ints(&shifts), Arg::Ints(dims)])
}
