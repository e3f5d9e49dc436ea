//! Max pooling of images. The forward kernel notes the place of each maximum; the gradient adds at those places, and the
//! gradient of that reads them.

use super::conv::in_order;
use crate::core::shape::list;
use crate::core::{DType, Layout, Meta, Number, Shape};
use crate::cpu;
use crate::cpu::pool::Windows;
use crate::device::Array;
use crate::error::Result;
use crate::gpu;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, Tensor, apply, apply_many};
use crate::{bail, err};

const SAMPLES: &[&str] = &[
    "uniq(2, 3, 6, 5), 2",
    "uniq(2, 3, 6, 5), (3, 2), stride=(2, 1), padding=1",
    "uniq(1, 2, 7, 7), 3, 2, 1, 2",
    "uniq(1, 2, 7, 6), 2, stride=3, ceil_mode=True",
    "uniq(3, 6, 4), 2",
    "uniq(2, 4, 5, 3).permute(0, 3, 1, 2), 2",
    "edges(1.0, NAN, 3.0, INF, -INF, 0.0, NAN, 2.0, 5.0).view(1, -1, 1), (3, 1), 1",
    "u(0, 3, 4, 4), 2",
    "u(1, 1, 4, 4), 2, padding=2",
    "u(1, 1, 4, 4), 5",
    "u(4, 4), 2",
    "u(1, 1, 4, 4), 2, 0",
];

ops! {
    /// The largest element of each window of an image; NaN wins.
    ///
    /// input: (N, C, H, W) or (C, H, W). `stride` is `kernel_size` where not given; `padding` adds elements that never win, at
    /// most half a window; `ceil_mode` keeps a last window that starts inside the image but reaches beyond it.
    max_pool2d as [
        "function.max_pool2d(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor",
        "nn.max_pool2d(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False, bool return_indices=False) -> Tensor",
    ] graph "MaxPool2DWithIndicesBackward0" {
        call(
            x = input: &Tensor,
            kernel_size: &[i64],
            stride: Option<&[i64]>,
            padding: &[i64],
            dilation: &[i64],
            ceil_mode: bool,
            return_indices: bool
        ) {
            let (y, places) = pooled(x, kernel_size, stride, padding, dilation, ceil_mode)?;
            Ok(if return_indices { Outs::Many(vec![y, places]) } else { Outs::Tensor(y) })
        },
        samples: SAMPLES,
    }
    /// `max_pool2d` and, as int64, the place of each maximum in its plane, row by row.
    max_pool2d_with_indices as [
        "nn.max_pool2d_with_indices(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, int[2] dilation=1, bool ceil_mode=False, bool return_indices=False) -> Tensor[]",
    ] {
        call(
            x = input: &Tensor,
            kernel_size: &[i64],
            stride: Option<&[i64]>,
            padding: &[i64],
            dilation: &[i64],
            ceil_mode: bool
        ) {
            let (y, places) = pooled(x, kernel_size, stride, padding, dilation, ceil_mode)?;
            Ok(vec![y, places])
        },
        samples: SAMPLES,
    }
}

fn pair(name: &str, v: &[i64]) -> Result<[i64; 2]> {
    match *v {
        [both] => Ok([both, both]),
        [h, w] => Ok([h, w]),
        _ => bail!(Runtime, "max_pool2d: {name} must either be a single int, or a tuple of two ints"),
    }
}

/// How many windows fit: with `ceil`, also one that starts inside the image or its padding in front.
fn outputs(size: usize, kernel: i64, stride: i64, pad: i64, dilation: i64, ceil: bool) -> i64 {
    let room = size as i64 + 2 * pad - dilation * (kernel - 1) - 1 + if ceil { stride - 1 } else { 0 };
    let n = room.div_euclid(stride) + 1;
    if ceil && (n - 1) * stride >= size as i64 + pad { n - 1 } else { n }
}

/// The largest elements, and their places.
fn pooled(
    x: &Tensor,
    kernel: &[i64],
    stride: Option<&[i64]>,
    pad: &[i64],
    dilation: &[i64],
    ceil: bool,
) -> Result<(Tensor, Tensor)> {
    let kernel = pair("kernel_size", kernel)?;
    let stride = match stride {
        None | Some([]) => kernel,
        Some(s) => pair("stride", s)?,
    };
    let (pad, dilation) = (pair("padding", pad)?, pair("dilation", dilation)?);
    if kernel.iter().chain(&stride).chain(&pad).chain(&dilation).any(|&n| i32::try_from(n).is_err()) {
        bail!(Runtime, "value cannot be converted to type int without overflow");
    }
    if stride.contains(&0) {
        bail!(Runtime, "stride should not be zero");
    }
    if kernel.iter().chain(&stride).any(|&n| n <= 0) {
        bail!(Runtime, "kernel size should be greater than zero, but got kH: {} kW: {}", kernel[0], kernel[1]);
    }
    if dilation.iter().any(|&d| d <= 0) {
        bail!(
            Runtime,
            "dilation should be greater than zero, but got dilationH: {} dilationW: {}",
            dilation[0],
            dilation[1]
        );
    }
    if x.ndim() != 3 && x.ndim() != 4 {
        bail!(Runtime, "non-empty 3D or 4D (batch mode) tensor expected for input");
    }
    let inner = &x.shape()[x.ndim() - 3..];
    if inner.contains(&0) || (x.ndim() == 3 && x.numel() == 0) {
        bail!(
            Runtime,
            "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{}",
            list(x.shape())
        );
    }
    let mut size = [0, 0];
    for d in [0, 1] {
        if pad[d] < 0 {
            bail!(Runtime, "pad must be non-negative, but got pad: {}", pad[d]);
        }
        if pad[d] > ((kernel[d] - 1) * dilation[d] + 1) / 2 {
            bail!(
                Runtime,
                "pad should be at most half of effective kernel size, but got pad={}, kernel_size={} and dilation={}",
                pad[d],
                kernel[d],
                dilation[d]
            );
        }
        size[d] = outputs(inner[1 + d], kernel[d], stride[d], pad[d], dilation[d], ceil);
    }
    if size.iter().any(|&n| n < 1) {
        return Err(err!(
            Runtime,
            "Given input size: ({}x{}x{}). Calculated output size: ({}x{}x{}). Output size is too small",
            inner[0],
            inner[1],
            inner[2],
            inner[0],
            size[0].max(0),
            size[1].max(0)
        )
        .hint("max_pool2d: the window is larger than the image; fewer poolings, or padding, would fit"));
    }
    if x.dtype() == DType::Bool {
        return Err(DType::Bool.lacks("max_pool2d"));
    }
    x.dtype().usual("max_pool2d")?;
    let single = x.ndim() == 3;
    let x = if single { x.unsqueeze_dims(&[0])? } else { x.clone() };
    let windows = Windows {
        kernel: kernel.map(|k| k as usize),
        stride: stride.map(|s| s as usize),
        pad: pad.map(|p| p as usize),
        dilation: dilation.map(|d| d as usize),
    };
    let op = MaxPool { windows, size: size.map(|n| n as usize), image: [inner[1], inner[2]] };
    let mut outs = apply_many(op, &[&x])?;
    let (Some(places), Some(y)) = (outs.pop(), outs.pop()) else {
        bail!(Runtime, "internal error: max_pool2d gave fewer than two results")
    };
    if single { Ok((y.squeeze_dims(&[0])?, places.squeeze_dims(&[0])?)) } else { Ok((y, places)) }
}

struct MaxPool {
    windows: Windows,
    /// Of the output, and of the input.
    size: [usize; 2],
    image: [usize; 2],
}

impl Op for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }
    fn grad_name(&self) -> String {
        "MaxPool2DWithIndicesBackward".into()
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (n, c) = (x[0].shape()[0], x[0].shape()[1]);
        let mut layout = Layout::contiguous(Shape::from_slice(&[n, c, self.size[0], self.size[1]]));
        if x[0].layout.suggests_channels_last() {
            let [c, h, w] = [c, self.size[0], self.size[1]].map(|n| n as isize);
            layout.strides.copy_from_slice(&[h * w * c, 1, w * c, c]);
        }
        let y = Meta::new(layout, x[0].dtype, x[0].device);
        Ok(vec![y.clone(), y.with_dtype(DType::I64)])
    }
    fn cost(&self, _: &[&Array], out: &[Array]) -> usize {
        out[0].numel() * self.windows.kernel[0] * self.windows.kernel[1]
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        in_order(&out[0], |y| {
            in_order(&out[1], |places| {
                cpu::pool::max_pool2d(x[0], y, places, self.windows);
                Ok(())
            })
        })
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::pool::max_pool2d(self.name(), x[0], &out[0], &out[1], on_gpu(self.windows))
    }
    fn ties(&self) -> Mask {
        Mask::ALL
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::output_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(Vec::new()) };
        Grads::one(apply(AtPlaces { image: self.image, windows: self.windows, add: true }, &[g, &c.output_at(1)?])?)
    }
}

/// Plane by plane, adds elements at the places they came from, or reads the elements there: each the other's derivative.
/// Inputs: elements, places (N, C, H', W').
struct AtPlaces {
    /// Size of a plane that the places lie in.
    image: [usize; 2],
    /// Of the pooling that noted the places.
    windows: Windows,
    add: bool,
}

/// The windows as kernels of the GPU know them: the two floors do not import each other.
fn on_gpu(w: Windows) -> gpu::pool::Windows {
    gpu::pool::Windows { kernel: w.kernel, stride: w.stride, pad: w.pad, dilation: w.dilation }
}

impl Op for AtPlaces {
    fn name(&self) -> &'static str {
        if self.add { "max_pool2d_backward" } else { "max_pool2d_gather" }
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let z = x[1].shape();
        let size = if self.add { self.image } else { [z[2], z[3]] };
        Ok(x[0].contiguous(Shape::from_slice(&[z[0], z[1], size[0], size[1]])))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if !self.add {
            cpu::pool::gather(x[0], x[1], &out[0]);
            return Ok(());
        }
        cpu::copy::fill(&out[0], Number::Int(0));
        cpu::pool::scatter(x[0], x[1], &out[0])
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        match self.add {
            true => gpu::pool::scatter(self.name(), x[0], x[1], &out[0], on_gpu(self.windows)),
            false => gpu::pool::gather(self.name(), x[0], x[1], &out[0]),
        }
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::input_at(1)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(
            AtPlaces { image: self.image, windows: self.windows, add: !self.add },
            &[g.one()?, &c.input(1)?],
        )?)
    }
}
