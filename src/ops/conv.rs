//! Convolution of images. The product of image, kernel and output is linear in each, so forward, input gradient and
//! weight gradient are each other's derivatives: three ops, closed under differentiation.

use crate::core::shape::{check_numel, list};
use crate::core::{DType, Layout, Meta, Shape};
use crate::cpu;
use crate::cpu::conv::Window;
use crate::device::Array;
use crate::error::Result;
use crate::gpu;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply};
use crate::{bail, err};

/// The forms that `conv2d` has in a place.
macro_rules! lines {
    ($place:literal) => {
        [
            concat!(
                $place,
                ".conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] \
                 dilation=1, int groups=1) -> Tensor"
            ),
            concat!(
                $place,
                ".conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, str padding='valid', int[2] \
                 dilation=1, int groups=1) -> Tensor"
            ),
        ]
    };
}

ops! {
    /// Cross-correlation of images with kernels.
    ///
    /// input: (N, C, H, W) or (C, H, W); weight: (O, C / groups, kH, kW); bias: (O,). Returns (N, O, H', W') with H' = (H + 2
    /// padding - dilation (kH - 1) - 1) / stride + 1, rounded down. `padding` may be "valid" (none) or "same" (the output
    /// has the size of the input; stride 1 only).
    ///
    /// Raises RuntimeError where sizes, groups or dtypes do not fit.
    ///
    ///     >>> torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
    ///     tensor([[[[4., 4.],
    ///               [4., 4.]]]])
    conv2d as [
        lines!("function")[0],
        lines!("function")[1],
        lines!("nn")[0],
        lines!("nn")[1],
    ] {
        call(
            x = input: &Tensor,
            weight: &Tensor,
            bias: Option<&Tensor>,
            stride: &[i64],
            padding: Option<&[i64]>,
            named = padding: Option<&str>,
            dilation: &[i64],
            groups: i64
        ) {
            let padding = match named {
                Some(name) => Padding::Named(name),
                None => Padding::Rows(pair("padding", padding.unwrap_or(&[0]))?),
            };
            conv2d(x, weight, bias, pair("stride", stride)?, padding, pair("dilation", dilation)?, groups)
        },
        samples: [
            "u(2, 3, 5, 6), u(4, 3, 3, 3)",
            "u(2, 3, 5, 6), u(4, 3, 3, 2), u(4), stride=2, padding=1",
            "u(2, 4, 7, 5), u(6, 2, 3, 3), u(6), stride=(2, 1), padding=(1, 2), dilation=(2, 1), groups=2",
            "u(1, 3, 4, 4), u(3, 1, 3, 3), None, 1, 1, 1, 3",
            "u(3, 5, 6), u(4, 3, 1, 1), u(4)",
            "u(2, 3, 5, 6), u(4, 3, 2, 3), padding='same', dilation=(1, 2)",
            "u(2, 3, 5, 6), u(4, 3, 2, 3), padding='valid'",
            "u(2, 5, 6, 3).permute(0, 3, 1, 2), u(4, 3, 3, 3)",
            "u(0, 3, 5, 6), u(4, 3, 3, 3), u(4)",
            "u(2, 3, 5, 6), u(4, 2, 3, 3)",
            "u(2, 3, 2, 2), u(4, 3, 3, 3)",
            "u(2, 3, 5, 6), u(4, 3, 3, 3), u(5)",
            "u(2, 3, 5, 6), u(4, 3, 3, 3), stride=0",
            "u(2, 3, 5, 6), u(4, 3, 3, 3), padding='same', stride=2",
        ],
    }
}

enum Padding<'a> {
    Rows([i64; 2]),
    Named(&'a str),
}

/// One number for both dims, or two.
pub(super) fn pair(name: &str, v: &[i64]) -> Result<[i64; 2]> {
    match *v {
        [both] => Ok([both, both]),
        [h, w] => Ok([h, w]),
        _ => bail!(
            Runtime,
            "expected {name} to be a single integer value or a list of 2 values to match the convolution dimensions, but \
             got {name}={}",
            list(v)
        ),
    }
}

fn conv2d(
    x: &Tensor,
    w: &Tensor,
    bias: Option<&Tensor>,
    stride: [i64; 2],
    padding: Padding,
    dilation: [i64; 2],
    groups: i64,
) -> Result<Tensor> {
    if x.ndim() != 3 && x.ndim() != 4 {
        bail!(
            Runtime,
            "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {}",
            list(x.shape())
        );
    }
    if w.ndim() != 4 {
        return Err(err!(
            Runtime,
            "expected stride to be a single integer value or a list of {} values to match the convolution dimensions, but \
             got stride={}",
            w.ndim().saturating_sub(2),
            list(&stride)
        )
        .hint(format!("conv2d: weight must be (out, in / groups, kH, kW), but has shape {}", list(w.shape()))));
    }
    let spans = [0, 1].map(|d| dilation[d].saturating_mul(w.shape()[2 + d] as i64 - 1).min(i64::MAX / 2));
    // Rows added in front, and in all.
    let (front, total) = match padding {
        Padding::Named("valid") => ([0, 0], [0, 0]),
        Padding::Named("same") if stride != [1, 1] => {
            bail!(Runtime, "padding='same' is not supported for strided convolutions")
        }
        Padding::Named("same") => (spans.map(|s| s / 2), spans),
        Padding::Named(other) => bail!(Runtime, "Invalid padding string: '{other}'"),
        Padding::Rows(p) => {
            const MOST: i64 = i64::MAX / 2;
            if let Some(d) = p.iter().position(|&p| p > MOST) {
                let p = p[d];
                bail!(Runtime, "Given padding={p} at dimension {d} , expected padding to be at most {MOST}");
            }
            (p, p.map(|p| p.saturating_mul(2)))
        }
    };
    if front.iter().any(|&p| p < 0) {
        bail!(Runtime, "negative padding is not supported");
    }
    if stride.iter().any(|&s| s <= 0) {
        bail!(Runtime, "non-positive stride is not supported");
    }
    if dilation.iter().any(|&d| d <= 0) {
        bail!(Runtime, "dilation should be greater than zero, but got {}", list(&dilation));
    }
    if groups <= 0 {
        bail!(Runtime, "non-positive groups is not supported");
    }
    let single = x.ndim() == 3;
    let x = &if single { x.unsqueeze_dims(&[0])? } else { x.clone() };
    let window = Window {
        stride: stride.map(|s| s as usize),
        pad: front.map(|p| p as isize),
        dilation: dilation.map(|d| d as usize),
        groups: groups as usize,
    };
    check(x, w, bias, &window, single)?;
    let mut size = [0, 0];
    for d in [0, 1] {
        let room = (x.shape()[2 + d] as i64).saturating_add(total[d]);
        if room < spans[d] + 1 || x.shape()[2 + d] == 0 {
            bail!(
                Runtime,
                "Calculated padded input size per channel: ({} x {}). Kernel size: ({} x {}). Kernel size can't be greater \
                 than actual input size",
                (x.shape()[2] as i64).saturating_add(total[0]),
                (x.shape()[3] as i64).saturating_add(total[1]),
                spans[0] + 1,
                spans[1] + 1
            );
        }
        size[d] = ((room - spans[d] - 1) / stride[d] + 1) as usize;
    }
    check_numel(&[x.shape()[0], w.shape()[0], size[0], size[1]])?;
    let both = x.numel() + x.shape()[0] * w.shape()[0] * size[0] * size[1];
    check_planes("convolution", size, w, &window, both)?;
    if x.dtype().is_complex() {
        // Three real convolutions instead of four, as PyTorch does.
        let conv = |x: &Tensor, w: &Tensor| apply(Conv { window, size, bias: false }, &[x, w]);
        let ([xr, xi], [wr, wi]) = ([x.real()?, x.imag()?], [w.real()?, w.imag()?]);
        let (re, im, both) = (conv(&xr, &wr)?, conv(&xi, &wi)?, conv(&xr.add(&xi)?, &wr.add(&wi)?)?);
        let y = crate::ops::complex::joined(&re.sub(&im)?, &both.sub(&re)?.sub(&im)?)?;
        let y = match bias {
            Some(b) => y.add(&b.view_to(&[b.numel(), 1, 1])?)?,
            None => y,
        };
        return if single { y.squeeze_dims(&[0]) } else { Ok(y) };
    }
    let op = Conv { window, size, bias: bias.is_some() };
    let y = match bias {
        Some(b) => apply(op, &[x, w, b])?,
        None => apply(op, &[x, w])?,
    };
    if single { y.squeeze_dims(&[0]) } else { Ok(y) }
}

/// Refuses padding and dilation that make planes, images with their padding, of many times the `elements` of image and
/// result together. `size` is that of the convolution's result: the image's, where it is transposed.
pub fn check_planes(op: &str, size: [usize; 2], w: &Tensor, window: &Window, elements: usize) -> Result<()> {
    let reach = [0, 1].map(|d| {
        let (steps, taps) = (size[d].saturating_sub(1), w.shape()[2 + d].saturating_sub(1));
        steps as u128 * window.stride[d] as u128 + taps as u128 * window.dilation[d] as u128 + 1
    });
    let most = 16 * elements as u128 + (1 << 26);
    if reach[0].saturating_mul(reach[1]) > most {
        return Err(err!(
            Runtime,
            "{op}: with its padding an image has {} x {} elements, far more than its input and output, {elements} in all",
            reach[0],
            reach[1]
        )
        .hint(format!(
            "stride={}, dilation={}: they count elements of the image",
            list(&window.stride),
            list(&window.dilation)
        )));
    }
    Ok(())
}

fn check(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, window: &Window, single: bool) -> Result<()> {
    let (groups, ws) = (window.groups, w.shape());
    if let Some(b) = bias
        && b.dtype() != x.dtype()
    {
        let hint = format!("conv2d: convert the input, {}", b.dtype().cast_of("x"));
        return Err(err!(
            Runtime,
            "Input type ({}) and bias type ({}) should be the same",
            x.dtype().c_words(),
            b.dtype().c_words()
        )
        .hint(hint));
    }
    if ws[0] < groups {
        bail!(
            Runtime,
            "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {} instead",
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
    if x.shape()[1] != ws[1] * groups {
        let given = if single { &x.shape()[1..] } else { x.shape() };
        return Err(err!(
            Runtime,
            "Given groups={groups}, weight of size {}, expected input{} to have {} channels, but got {} channels instead",
            list(ws),
            list(given),
            ws[1] * groups,
            x.shape()[1]
        )
        .hint("conv2d: images are (N, C, H, W); x.permute(0, 3, 1, 2) brings (N, H, W, C) into that order"));
    }
    if let Some(b) = bias
        && (b.ndim() != 1 || b.shape()[0] != ws[0])
    {
        bail!(
            Runtime,
            "Given weight of size {}, expected bias to be 1-dimensional with {} elements, but got bias of size {} instead",
            list(ws),
            ws[0],
            list(b.shape())
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
            "the input is {}, the weight {}; convert the input, {}",
            x.dtype().name(),
            w.dtype().name(),
            w.dtype().cast_of("x")
        )));
    }
    if x.dtype() == DType::Bool && x.numel() > 0 {
        return Err(DType::Bool.lacks("slow_conv2d_cpu"));
    }
    if x.dtype().is_integral() && !matches!(x.dtype(), DType::Bool | DType::I64) && window.dilation != [1, 1] {
        return Err(x.dtype().lacks("slow_conv_dilated<>"));
    }
    x.dtype().to_real().usual("slow_conv2d_cpu")?;
    Ok(())
}

/// A meta of `like`'s dtype, with the memory order of an image whose channels come last if `order` has it so.
pub(super) fn image(like: &Meta, order: &Layout, shape: [usize; 4]) -> Meta {
    let mut layout = Layout::contiguous(Shape::from_slice(&shape));
    if order.suggests_channels_last() {
        let [_, c, h, w] = shape.map(|n| n.max(1) as isize);
        layout.strides.copy_from_slice(&[h * w * c, 1, w * c, c]);
    }
    Meta::new(layout, like.dtype, like.device)
}

/// Runs `f` on `out`, or on a contiguous array that is then copied there.
pub fn in_order(out: &Array, f: impl FnOnce(&Array) -> Result<()>) -> Result<()> {
    if out.is_contiguous() {
        return f(out);
    }
    let dense = Array::empty(out.meta.contiguous(out.layout.shape.clone()))?;
    f(&dense)?;
    cpu::copy::copy(&dense, out)
}

/// The window as kernels of the GPU know it: the two floors do not import each other.
fn on_gpu(w: Window) -> gpu::conv::Window {
    gpu::conv::Window { stride: w.stride, pad: w.pad, dilation: w.dilation, groups: w.groups }
}

pub(super) fn four(shape: &[usize]) -> Result<[usize; 4]> {
    shape.try_into().map_err(|_| err!(Runtime, "internal error: an image of {} dims", shape.len()))
}

/// Inputs: x (N, C, H, W), w, and the bias if `bias`.
struct Conv {
    window: Window,
    /// Of the output.
    size: [usize; 2],
    bias: bool,
}

impl Op for Conv {
    fn name(&self) -> &'static str {
        "conv2d"
    }
    fn grad_name(&self) -> String {
        "ConvolutionBackward".into()
    }
    /// The bias has an edge, also where it is not given.
    fn edge_order(&self) -> &'static [usize] {
        &[0, 1, 2]
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(image(x[0], &x[0].layout, [x[0].shape()[0], x[1].shape()[0], self.size[0], self.size[1]]))
    }
    fn cost(&self, x: &[&Array], out: &[Array]) -> usize {
        out[0].numel() * x[1].numel() / x[1].shape()[0].max(1) / 16
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        in_order(&out[0], |y| cpu::conv::forward(x[0], x[1], x.get(2).copied(), y, self.window))
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::conv::forward(self.name(), x[0], x[1], x.get(2).copied(), &out[0], on_gpu(self.window))
    }
    fn ties(&self) -> Mask {
        Mask(0b11)
    }
    fn saves(&self, needs: Mask) -> Saves {
        let image = if needs.has(1) { Saves::input_at(0) } else { Saves::NONE };
        let kernel = if needs.has(0) { Saves::input_at(1) } else { Saves::NONE };
        image.and(kernel).and(Saves::META)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (g, window) = (g.one()?, self.window);
        let of = |i: usize| four(c.meta(i)?.shape());
        let x = || apply(InputGrad { window, shape: of(0)?, transposed: false }, &[g, &c.input(1)?]);
        let w = || apply(WeightGrad { window, shape: of(1)? }, &[g, &c.input(0)?]);
        if self.bias { Grads::three(c, x, w, || g.sum(&[0, 2, 3], false)) } else { Grads::two(c, x, w) }
    }
}

/// The gradient of the image from g (N, O, H', W') and w.
pub(super) struct InputGrad {
    pub window: Window,
    pub shape: [usize; 4],
    /// Whether it was called as a function of its own, a transposed convolution.
    pub transposed: bool,
}

impl Op for InputGrad {
    fn name(&self) -> &'static str {
        "conv2d_input_grad"
    }
    fn grad_name(&self) -> String {
        if self.transposed { "ConvolutionBackward" } else { "ConvolutionBackwardBackward" }.into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(image(x[0], &x[0].layout, self.shape))
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        x[0].numel() * x[1].numel() / x[1].shape()[0].max(1) / 16
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        in_order(&out[0], |y| cpu::conv::input_grad(x[0], x[1], y, self.window))
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::conv::input_grad(self.name(), x[0], x[1], &out[0], on_gpu(self.window))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    fn vjp(&self, c: &Context, h: &Cotangents) -> Result<Grads> {
        let (h, window) = (h.one()?, self.window);
        let (g, w) = (c.input(0)?, c.input(1)?);
        let (size, shape) = (four(g.shape())?, four(w.shape())?);
        Grads::two(
            c,
            || apply(Conv { window, size: [size[2], size[3]], bias: false }, &[h, &w]),
            || apply(WeightGrad { window, shape }, &[&g, h]),
        )
    }
}

/// The gradient of the kernel from g (N, O, H', W') and x.
struct WeightGrad {
    window: Window,
    shape: [usize; 4],
}

impl Op for WeightGrad {
    fn name(&self) -> &'static str {
        "conv2d_weight_grad"
    }
    fn grad_name(&self) -> String {
        "ConvolutionBackwardBackward".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(Shape::from_slice(&self.shape)))
    }
    fn cost(&self, x: &[&Array], out: &[Array]) -> usize {
        x[0].numel() * out[0].numel() / self.shape[0].max(1) / 16
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::conv::weight_grad(x[0], x[1], &out[0], self.window)
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::conv::weight_grad(self.name(), x[0], x[1], &out[0], on_gpu(self.window))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    fn vjp(&self, c: &Context, h: &Cotangents) -> Result<Grads> {
        let (h, window) = (h.one()?, self.window);
        let (g, x) = (c.input(0)?, c.input(1)?);
        let (size, shape) = (four(g.shape())?, four(x.shape())?);
        Grads::two(
            c,
            || apply(Conv { window, size: [size[2], size[3]], bias: false }, &[&x, h]),
            || apply(InputGrad { window, shape, transposed: false }, &[&g, h]),
        )
    }
}
