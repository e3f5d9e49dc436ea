//! Transposed convolutions of sequences and images: the gradients of convolutions with respect to their images, as functions.

use super::conv::{InputGrad, check_planes, four, pair};
use crate::core::DType;
use crate::core::shape::{check_numel, list};
use crate::cpu::conv::Window;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Tensor, apply};
use crate::{bail, err};

/// The forms of a transposed convolution.
macro_rules! lines {
    ($name:literal, $n:literal) => {
        [
            concat!(
                "function.",
                $name,
                "(Tensor input, Tensor weight, Tensor? bias=None, int[",
                $n,
                "] stride=1, int[",
                $n,
                "] padding=0, int[",
                $n,
                "] output_padding=0, int groups=1, int[",
                $n,
                "] dilation=1) -> Tensor"
            ),
            concat!(
                "nn.",
                $name,
                "(Tensor input, Tensor weight, Tensor? bias=None, int[",
                $n,
                "] stride=1, int[",
                $n,
                "] padding=0, int[",
                $n,
                "] output_padding=0, int groups=1, int[",
                $n,
                "] dilation=1) -> Tensor"
            ),
        ]
    };
}

ops! {
    /// Transposed convolution of sequences: what conv1d with these arguments maps gradients of outputs to.
    ///
    /// input: (N, C, L) or (C, L); weight: (C, O / groups, k); bias: (O,). Returns (N, O, L') with L' = (L - 1) stride - 2 padding
    /// + dilation (k - 1) + output_padding + 1. Raises RuntimeError where sizes, groups or dtypes do not fit.
    conv_transpose1d as [lines!("conv_transpose1d", "1")[0], lines!("conv_transpose1d", "1")[1]] {
        call(
            x = input: &Tensor,
            weight: &Tensor,
            bias: Option<&Tensor>,
            stride: &[i64],
            padding: &[i64],
            output_padding: &[i64],
            groups: i64,
            dilation: &[i64]
        ) {
            if x.ndim() != 2 && x.ndim() != 3 {
                bail!(
                    Runtime,
                    "Expected 2D (unbatched) or 3D (batched) input to conv_transpose1d, but got input of size: {}",
                    list(x.shape())
                );
            }
            let one = |name: &str, v: &[i64]| match *v {
                [n] => Ok(n),
                _ => bail!(
                    Runtime,
                    "expected {name} to be a single integer value or a list of 1 values to match the convolution dimensions, \
                     but got {name}={}",
                    list(v)
                ),
            };
            let call = Transposed {
                stride: [1, one("stride", stride)?],
                padding: [0, one("padding", padding)?],
                more: [0, one("output_padding", output_padding)?],
                dilation: [1, one("dilation", dilation)?],
                groups,
                dims: 1,
            };
            call.run(x, weight, bias)
        },
        samples: [
            "u(2, 3, 5), u(3, 4, 3)",
            "u(2, 3, 5), u(3, 4, 3), u(4), 2, 1, 1",
            "u(4, 5), u(4, 2, 3), u(4), stride=3, output_padding=1, groups=2, dilation=2",
            "u(2, 3, 5), u(2, 4, 3)",
            "u(5), u(2, 4, 3)",
            "u(2, 3, 5), u(3, 4, 3), output_padding=1",
        ],
    }
    /// Transposed convolution of images: input (N, C, H, W) or (C, H, W), weight (C, O / groups, kH, kW).
    ///
    /// For the rest see `conv_transpose1d`.
    conv_transpose2d as [lines!("conv_transpose2d", "2")[0], lines!("conv_transpose2d", "2")[1]] {
        call(
            x = input: &Tensor,
            weight: &Tensor,
            bias: Option<&Tensor>,
            stride: &[i64],
            padding: &[i64],
            output_padding: &[i64],
            groups: i64,
            dilation: &[i64]
        ) {
            if x.ndim() != 3 && x.ndim() != 4 {
                bail!(
                    Runtime,
                    "Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: {}",
                    list(x.shape())
                );
            }
            let call = Transposed {
                stride: pair("stride", stride)?,
                padding: pair("padding", padding)?,
                more: pair("output_padding", output_padding)?,
                dilation: pair("dilation", dilation)?,
                groups,
                dims: 2,
            };
            call.run(x, weight, bias)
        },
        samples: [
            "u(2, 3, 5, 4), u(3, 4, 3, 2)",
            "u(2, 3, 4, 5), u(3, 4, 3, 3), u(4), 2, 1, 1",
            "u(2, 4, 3, 4), u(4, 2, 3, 2), u(4), (2, 3), (1, 0), (1, 2), 2, (1, 2)",
            "u(3, 4, 5), u(3, 1, 3, 3), None, 1, 0, 1, 3, 2",
            "u(2, 3, 4, 3).permute(0, 3, 1, 2), u(3, 4, 3, 3), stride=2",
            "u(0, 3, 5, 4), u(3, 4, 3, 2)",
            "u(2, 3, 5, 4), u(2, 4, 3, 2)",
            "u(2, 3, 5, 4), u(3, 4, 3, 2), u(3)",
            "u(2, 3, 5, 4), u(3, 4, 3, 2), padding=9",
            "u(2, 3, 5, 4), u(3, 4, 3, 2), stride=0",
        ],
    }
}

/// A call; height first. A sequence is an image of one row.
struct Transposed {
    stride: [i64; 2],
    padding: [i64; 2],
    /// Rows and columns added behind.
    more: [i64; 2],
    dilation: [i64; 2],
    groups: i64,
    /// Of what the user gave.
    dims: usize,
}

impl Transposed {
    fn run(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        self.check(x, weight, bias)?;
        let batched = x.ndim() == self.dims + 2;
        let mut images = if batched { x.clone() } else { x.unsqueeze_dims(&[0])? };
        let mut kernel = weight.clone();
        if self.dims == 1 {
            images = images.unsqueeze_dims(&[2])?;
            kernel = kernel.unsqueeze_dims(&[2])?;
        }
        let size = self.sizes(&images, &kernel)?;
        let [n, c, h, w] = four(images.shape())?;
        if c > 0 && (h == 0 || w == 0) {
            bail!(
                Runtime,
                "Only zero batch or zero channel inputs are supported, but got input shape: {}",
                list(images.shape())
            );
        }
        let groups = self.groups as usize;
        let window = Window {
            stride: self.stride.map(|s| s as usize),
            pad: self.padding.map(|p| p as isize),
            dilation: self.dilation.map(|d| d as usize),
            groups,
        };
        let channels = kernel.shape()[1] * groups;
        check_numel(&[n, channels, size[0], size[1]])?;
        check_planes(
            "transposed convolution",
            [h, w],
            &kernel,
            &window,
            images.numel() + n * channels * size[0] * size[1],
        )?;
        let whole = |x: &Tensor, w: &Tensor| {
            apply(InputGrad { window, shape: [n, channels, size[0], size[1]], transposed: true }, &[x, w])
        };
        let mut y = if images.dtype().is_complex() {
            // Three real ones, as convolutions of complex numbers do.
            let ([xr, xi], [wr, wi]) = ([images.real()?, images.imag()?], [kernel.real()?, kernel.imag()?]);
            let (re, im, both) = (whole(&xr, &wr)?, whole(&xi, &wi)?, whole(&xr.add(&xi)?, &wr.add(&wi)?)?);
            crate::ops::complex::joined(&re.sub(&im)?, &both.sub(&re)?.sub(&im)?)?
        } else {
            whole(&images, &kernel)?
        };
        if let Some(b) = bias {
            let b = b.tied_to(&[x, weight])?.to_dtype(y.dtype())?.reshape(&[channels, 1, 1])?;
            y = y.add(&b)?;
        }
        let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
        crate::ops::call::show_as("ConvolutionBackward0", &inputs, &y)?;
        if self.dims == 1 {
            y = y.squeeze_dims(&[2])?;
        }
        if batched { Ok(y) } else { y.squeeze_dims(&[0]) }
    }

    fn check(&self, x: &Tensor, w: &Tensor, bias: Option<&Tensor>) -> Result<()> {
        let named = |values: [i64; 2]| values[2 - self.dims..].to_vec();
        if w.ndim() != self.dims + 2 {
            if self.dims == 2 && w.ndim() < 4 {
                return Err(err!(
                    Runtime,
                    "expected stride to be a single integer value or a list of {} values to match the convolution dimensions, \
                     but got stride={}",
                    w.ndim().saturating_sub(2),
                    list(&named(self.stride))
                )
                .hint(format!("weight must be (in, out / groups, *kernel), but has shape {}", list(w.shape()))));
            }
            bail!(
                Runtime,
                "Expected {}-dimensional input for {}-dimensional weight {}, but got {}-dimensional input of size {} instead",
                w.ndim(),
                w.ndim(),
                list(w.shape()),
                x.ndim(),
                list(x.shape())
            );
        }
        if self.padding.iter().any(|&p| p < 0) {
            bail!(Runtime, "negative padding is not supported");
        }
        if self.more.iter().any(|&p| p < 0) {
            bail!(Runtime, "negative output_padding is not supported");
        }
        if self.stride.iter().any(|&s| s <= 0) {
            bail!(Runtime, "non-positive stride is not supported");
        }
        if self.groups <= 0 {
            bail!(Runtime, "non-positive groups is not supported");
        }
        let (groups, ws) = (self.groups as usize, w.shape());
        if ws[0] < groups {
            bail!(
                Runtime,
                "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {} \
                 instead",
                list(ws)
            );
        }
        if !ws[0].is_multiple_of(groups) {
            bail!(
                Runtime,
                "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{}] \
                 instead",
                list(ws)
            );
        }
        let mut given = x.shape().to_vec();
        if x.ndim() == self.dims + 1 {
            given.insert(0, 1);
        }
        if given[1] != ws[0] {
            bail!(
                Runtime,
                "Given transposed=1, weight of size {}, expected input{} to have {} channels, but got {} channels instead",
                list(ws),
                list(&given),
                ws[0],
                given[1]
            );
        }
        if let Some(b) = bias
            && (b.ndim() != 1 || b.shape()[0] != ws[1] * groups)
        {
            bail!(
                Runtime,
                "Given transposed=1, weight of size {}, expected bias to be 1-dimensional with {} elements, but got bias of \
                 size {} instead",
                list(ws),
                ws[1] * groups,
                list(b.shape())
            );
        }
        let ([dh, dw], [sh, sw], [mh, mw]) = (self.dilation, self.stride, self.more);
        if dh <= 0 || dw <= 0 {
            bail!(Runtime, "dilation should be greater than zero, but got dilation_height: {dh}, dilation_width: {dw}");
        }
        if (mh >= sh && mh >= dh) || (mw >= sw && mw >= dw) {
            bail!(
                Runtime,
                "output padding must be smaller than either stride or dilation, but got output_padding_height: {mh} \
                 output_padding_width: {mw} stride_height: {sh} stride_width: {sw} dilation_height: {dh} dilation_width: {dw}"
            );
        }
        if x.dtype() != w.dtype() {
            return Err(err!(
                Runtime,
                "expected scalar type {} but found {}",
                x.dtype().scalar_name(),
                w.dtype().scalar_name()
            )
            .hint(format!(
                "input is {}, weight {}; cast one to the other",
                x.dtype().name(),
                w.dtype().name()
            )));
        }
        let taken = x.dtype().is_float() || x.dtype().is_complex() || x.dtype() == DType::I64;
        if !taken && x.shape().iter().all(|&n| n > 0) {
            return Err(x.dtype().lacks("slow_conv_transpose2d_out_cpu"));
        }
        Ok(())
    }

    /// The size of the result.
    fn sizes(&self, x: &Tensor, w: &Tensor) -> Result<[usize; 2]> {
        let size = [0, 1].map(|d| {
            let (n, k) = (x.shape()[2 + d] as i64, w.shape()[2 + d] as i64);
            (n - 1)
                .saturating_mul(self.stride[d])
                .saturating_sub(self.padding[d].saturating_mul(2))
                .saturating_add(self.dilation[d].saturating_mul(k - 1))
                .saturating_add(self.more[d] + 1)
        });
        if size.iter().any(|&n| n < 1) {
            bail!(
                Runtime,
                "Given input size per channel: ({} x {}). Calculated output size per channel: ({} x {}). Output size is too small",
                x.shape()[2],
                x.shape()[3],
                size[0],
                size[1]
            );
        }
        Ok(size.map(|n| n as usize))
    }
}
