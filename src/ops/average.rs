//! Pooling by windows over (N, C, *sizes): means over windows of one size, means and maxima over windows that cover the input.
//! The gradient of a mean is an op whose derivative is the mean.

use crate::core::shape::list;
use crate::core::span::{Span, Steps};
use crate::core::{DType, Layout, Meta, Shape, Strides};
use crate::cpu;
use crate::cpu::window::Divide;
use crate::device::Array;
use crate::error::Result;
use crate::gpu;
use crate::ops;
use crate::ops::conv::in_order;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Outs, Saves, Tensor, apply, apply_many};
use crate::{bail, err};

const FORMS: &[&str] = &[
    "u(2, 3, 6, 5), 2",
    "u(2, 3, 6, 5), (3, 2), (2, 1), 1",
    "u(1, 2, 7, 7), 3, 2, 1, True, False",
    "u(3, 6, 4), 2, divisor_override=3",
    "u(2, 4, 5, 3).permute(0, 3, 1, 2), 2, 1",
    "u(0, 3, 4, 4), 2",
    "u(1, 1, 4, 4), 5",
    "u(4, 4), 2",
    "u(1, 1, 4, 4), 2, 0",
    "u(1, 1, 4, 4), 2, 1, 2",
    "u(1, 1, 4, 4), (2, 2, 2)",
    "u(1, 1, 4, 4), 2, divisor_override=0",
];

ops! {
    /// The mean of each window of a sequence (N, C, L) or (C, L); `stride` is the window's size by default.
    ///
    /// `padding`: zeros at both ends, which count unless count_include_pad is False. `ceil_mode`: keep a last window that begins
    /// inside the input but reaches beyond it. Raises RuntimeError for sizes that do not fit.
    avg_pool1d as [
        "function.avg_pool1d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool ceil_mode=False, bool count_include_pad=True) -> Tensor",
        "nn.avg_pool1d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool ceil_mode=False, bool count_include_pad=True) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            kernel_size: &[i64],
            stride: Option<&[i64]>,
            padding: &[i64],
            ceil_mode: bool,
            padded = count_include_pad: bool
        ) {
            let stride = stride.unwrap_or(&[]);
            if x.ndim() != 2 && x.ndim() != 3 {
                return Err(rank_of_one("avg_pool1d", x));
            }
            let one = |name: &str, v: &[i64]| match *v {
                [n] => Ok(n),
                _ => bail!(Runtime, "avg_pool1d() argument '{name}' should contain one int (got {})", v.len()),
            };
            let k = one("kernel_size", kernel_size)?;
            let s = if stride.is_empty() { k } else { one("stride", stride)? };
            let p = one("padding", padding)?;
            let rows = x.unsqueeze_dims(&[x.ndim() - 1])?;
            averaged(&rows, &[1, k], &[1, s], &[0, p], ceil_mode, Divide::Counted(padded))?.squeeze_dims(&[x.ndim() - 1])
        },
        samples: [
            "u(2, 3, 7), 3",
            "u(2, 3, 7), 3, 2, 1, True, False",
            "u(3, 6), 2, 1",
            "u(3, 7, 2).permute(2, 0, 1), (2,)",
            "u(2, 3, 2), 3",
            "u(4), 2",
            "u(1, 1, 4), 2, 0",
            "u(1, 1, 4), (2, 2)",
        ],
    }
    /// The mean of each window of an image (N, C, H, W) or (C, H, W); options as of `avg_pool1d`.
    ///
    /// `divisor_override`: what to divide the sums by in place of the window's size.
    avg_pool2d + out + exact as [
        "nn.avg_pool2d(Tensor input, int[2] kernel_size, int[2]? stride=None, int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor; out",
    ] {
        call(
            x = input: &Tensor,
            kernel_size: &[i64],
            stride: Option<&[i64]>,
            padding: &[i64],
            ceil_mode: bool,
            padded = count_include_pad: bool,
            divisor = divisor_override: Option<i64>
        ) {
            averaged(x, kernel_size, stride.unwrap_or(&[]), padding, ceil_mode, divide(padded, divisor)?)
        },
        samples: FORMS,
    }
    /// The mean of each window of a volume (N, C, D, H, W) or (C, D, H, W); options as of `avg_pool2d`.
    avg_pool3d + out + exact as [
        "nn.avg_pool3d(Tensor input, int[3] kernel_size, int[3]? stride=None, int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor; out",
    ] {
        call(
            x = input: &Tensor,
            kernel_size: &[i64],
            stride: Option<&[i64]>,
            padding: &[i64],
            ceil_mode: bool,
            padded = count_include_pad: bool,
            divisor = divisor_override: Option<i64>
        ) {
            averaged_volumes(x, kernel_size, stride.unwrap_or(&[]), padding, ceil_mode, divide(padded, divisor)?)
        },
        samples: [
            "u(2, 2, 4, 6, 5), 2",
            "u(1, 2, 5, 6, 7), (3, 2, 3), (2, 1, 2), 1",
            "u(1, 2, 5, 6, 7), 3, 2, 1, True, False",
            "u(2, 4, 5, 6), 2, divisor_override=3",
            "u(1, 1, 4, 4, 4), 5",
            "u(4, 4), 2",
            "u(1, 1, 4, 4, 4), 2, 0",
            "u(1, 1, 4, 4, 4), (2, 2)",
        ],
    }
    /// Means over windows that cover an image; the sizes of the result. See `nn.functional.adaptive_avg_pool2d`.
    adaptive_avg_pool2d as ["function._adaptive_avg_pool2d(Tensor self, int[2] output_size) -> Tensor"] {
        call(x = self: &Tensor, sizes = output_size: &[i64]) { covered_mean(x, sizes, 2) },
        samples: [
            "u(2, 3, 6, 5), (3, 4)",
            "u(3, 6, 5), (7, 2)",
            "u(2, 4, 5, 3).permute(0, 3, 1, 2), (2, 3)",
            "u(0, 3, 4, 4).double(), (2, 2)",
        ],
    }
    /// Means over windows that cover a volume; the sizes of the result. See `nn.functional.adaptive_avg_pool3d`.
    adaptive_avg_pool3d as ["function._adaptive_avg_pool3d(Tensor self, int[3] output_size) -> Tensor"] {
        call(x = self: &Tensor, sizes = output_size: &[i64]) { covered_mean(x, sizes, 3) },
        samples: ["u(2, 3, 6, 5, 4), (3, 4, 2)", "u(3, 6, 5, 2), (7, 2, 3)"],
    }
    /// Maxima over windows that cover an image; the sizes of the result. See `nn.functional.adaptive_max_pool2d`.
    adaptive_max_pool2d as [
        "nn._adaptive_max_pool2d(Tensor input, int[2] output_size, bool return_indices=False) -> Tensor",
    ] {
        call(x = input: &Tensor, sizes = output_size: &[i64], places = return_indices: bool) {
            covered_max(x, sizes, places, 2)
        },
        samples: [
            "uniq(2, 3, 6, 5), (3, 4)",
            "uniq(3, 6, 5), (7, 2)",
            "uniq(2, 4, 5, 3).permute(0, 3, 1, 2), (2, 3)",
        ],
    }
    /// Maxima over windows that cover a volume; the sizes of the result. See `nn.functional.adaptive_max_pool3d`.
    adaptive_max_pool3d as [
        "nn._adaptive_max_pool3d(Tensor input, int[3] output_size, bool return_indices=False) -> Tensor",
    ] {
        call(x = input: &Tensor, sizes = output_size: &[i64], places = return_indices: bool) {
            covered_max(x, sizes, places, 3)
        },
        samples: ["uniq(2, 3, 6, 5, 4), (3, 4, 2)", "uniq(3, 6, 5, 2), (7, 2, 3)"],
    }
}

#[cold]
fn rank_of_one(name: &str, x: &Tensor) -> Box<crate::error::Error> {
    err!(
        Runtime,
        "Expected 2 to 3 dimensions, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for {name})",
        x.ndim()
    )
}

fn divide(padded: bool, divisor: Option<i64>) -> Result<Divide> {
    match divisor {
        Some(0) => bail!(Runtime, "divisor must be not zero"),
        Some(n) => Ok(Divide::By(n)),
        None => Ok(Divide::Counted(padded)),
    }
}

/// An option of a pool, one int for each of `N` dims.
fn each<const N: usize>(name: &str, v: &[i64]) -> Result<[i64; N]> {
    let values = match *v {
        [one] => [one; N],
        _ => match <[i64; N]>::try_from(v) {
            Ok(v) => v,
            Err(_) => {
                let omitted = match (name, N) {
                    ("stride", 2) => "either be omitted, ",
                    ("stride", _) => "be omitted, ",
                    (_, 2) => "either be ",
                    _ => "be ",
                };
                let words = if N == 2 { "two" } else { "three" };
                bail!(Runtime, "avg_pool{N}d: {name} must {omitted}a single int, or a tuple of {words} ints")
            }
        },
    };
    match values.iter().all(|&n| i32::try_from(n).is_ok()) {
        true => Ok(values),
        false => bail!(Runtime, "value cannot be converted to type int without overflow"),
    }
}

/// How many windows fit.
fn count(size: usize, k: i64, s: i64, p: i64, ceil: bool) -> Result<i64> {
    if s == 0 {
        bail!(Runtime, "stride should not be zero");
    }
    if p < 0 {
        bail!(Runtime, "pad must be non-negative, but got pad: {p}");
    }
    if p > k / 2 {
        bail!(
            Runtime,
            "pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation=1"
        );
    }
    let size = size as i64;
    let n = (size + 2 * p - k + if ceil { s - 1 } else { 0 }).div_euclid(s) + 1;
    Ok(if ceil && (n - 1) * s >= size + p { n - 1 } else { n })
}

fn named(axes: &[&str], v: &[i64]) -> String {
    let parts: Vec<String> = axes.iter().zip(v).map(|(axis, n)| format!("{axis}: {n}")).collect();
    parts.join(" ")
}

fn averaged(x: &Tensor, kernel: &[i64], stride: &[i64], pad: &[i64], ceil: bool, divide: Divide) -> Result<Tensor> {
    let k = each::<2>("kernel_size", kernel)?;
    let s = if stride.is_empty() { k } else { each::<2>("stride", stride)? };
    let p = each::<2>("padding", pad)?;
    if x.ndim() < 3 {
        let n = x.ndim() as i64;
        bail!(
            Index,
            "Dimension out of range (expected to be in range of [{}, {}], but got -3)",
            -n.max(1),
            n.max(1) - 1
        );
    }
    let sizes = &x.shape()[x.ndim() - 2..];
    let counts = [count(sizes[0], k[0], s[0], p[0], ceil)?, count(sizes[1], k[1], s[1], p[1], ceil)?];
    if k.iter().any(|&n| n <= 0) {
        bail!(Runtime, "kernel size should be greater than zero, but got {}", named(&["kH", "kW"], &k));
    }
    if s.iter().any(|&n| n <= 0) {
        bail!(Runtime, "stride should be greater than zero, but got {}", named(&["dH", "dW"], &s));
    }
    if !matches!(x.ndim(), 3 | 4) || x.shape()[x.ndim() - 3..].contains(&0) {
        bail!(
            Runtime,
            "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{}",
            list(x.shape())
        );
    }
    let channels = x.shape()[x.ndim() - 3];
    if counts.iter().any(|&n| n < 1) {
        return Err(err!(
            Runtime,
            "Given input size: ({channels}x{}x{}). Calculated output size: ({channels}x{}x{}). Output size is too small",
            sizes[0],
            sizes[1],
            counts[0].max(0),
            counts[1].max(0)
        )
        .hint("the window is larger than the input; fewer poolings, or padding, would fit"));
    }
    let spans = [Span::ONE, span(sizes[0], counts[0], k[0], s[0], p[0]), span(sizes[1], counts[1], k[1], s[1], p[1])];
    mean(x, Mean { spans, divide, dims: 2, name: "avg_pool2d" }, "avg_pool2d")
}

fn averaged_volumes(
    x: &Tensor,
    kernel: &[i64],
    stride: &[i64],
    pad: &[i64],
    ceil: bool,
    divide: Divide,
) -> Result<Tensor> {
    let k = each::<3>("kernel_size", kernel)?;
    let s = if stride.is_empty() { k } else { each::<3>("stride", stride)? };
    let p = each::<3>("padding", pad)?;
    if !matches!(x.ndim(), 4 | 5) {
        bail!(Runtime, "non-empty 4D or 5D (batch mode) tensor expected for input");
    }
    let sizes = &x.shape()[x.ndim() - 3..];
    let mut counts = [0; 3];
    for d in 0..3 {
        counts[d] = count(sizes[d], k[d], s[d], p[d], ceil)?;
    }
    if k.iter().any(|&n| n <= 0) {
        bail!(Runtime, "kernel size should be greater than zero, but got {}", named(&["kT", "kH", "kW"], &k));
    }
    if s.iter().any(|&n| n <= 0) {
        bail!(Runtime, "stride should be greater than zero, but got {}", named(&["dT", "dH", "dW"], &s));
    }
    let from = x.ndim() - 4;
    if let Some(d) = (from..x.ndim()).find(|&d| x.shape()[d] == 0) {
        bail!(
            Runtime,
            "avg_pool3d(): Expected input's non-batch dimensions to have positive length, but input has a shape of {} and \
             non-batch dimension {} has length zero!",
            list(x.shape()),
            x.shape()[d]
        );
    }
    if (0..3).any(|d| (sizes[d] as i64) < k[d]) {
        let (image, window) = (sizes.iter().map(|&n| n as i64).collect::<Vec<_>>(), k);
        return Err(err!(
            Runtime,
            "input image ({}) smaller than kernel size ({})",
            named(&["T", "H", "W"], &image),
            named(&["kT", "kH", "kW"], &window)
        ));
    }
    if counts.iter().any(|&n| n < 1) {
        let c = x.shape()[from];
        let (a, b) = (sizes.iter().map(|&n| n as i64).collect::<Vec<_>>(), counts);
        bail!(
            Runtime,
            "Given input size: ({c}x{}x{}x{}). Calculated output size: ({c}x{}x{}x{}). Output size is too small",
            a[0],
            a[1],
            a[2],
            b[0],
            b[1],
            b[2]
        );
    }
    if x.dtype().is_half() && x.numel() > 0 {
        return Err(x.dtype().lacks("avg_pool3d_out_frame"));
    }
    let spans = [0, 1, 2].map(|d| span(sizes[d], counts[d], k[d], s[d], p[d]));
    mean(x, Mean { spans, divide, dims: 3, name: "avg_pool3d" }, "avg_pool3d_out_frame")
}

fn span(size: usize, count: i64, k: i64, s: i64, p: i64) -> Span {
    let steps = Steps { kernel: k as usize, stride: s as usize, pad: p as usize };
    Span { size, count: count as usize, steps: Some(steps) }
}

fn mean(x: &Tensor, op: Mean, kernel: &'static str) -> Result<Tensor> {
    if !x.dtype().is_float() && x.dtype() != DType::I64 {
        return Err(x.dtype().lacks(kernel));
    }
    apply(op, &[x])
}

/// Spans that cover the last `dims` dims of `x`.
fn covering(x: &Tensor, sizes: &[i64], dims: usize) -> Result<[Span; 3]> {
    if x.ndim() != dims + 1 && x.ndim() != dims + 2 {
        bail!(Runtime, "Expected {}D or {}D tensor, but got {}", dims + 1, dims + 2, list(x.shape()));
    }
    if sizes.len() != dims || sizes.iter().any(|&n| n < 0) {
        bail!(Runtime, "output_size must be {dims} sizes, but got {}", list(sizes));
    }
    if sizes.iter().any(|&n| i32::try_from(n).is_err()) {
        bail!(Runtime, "output_size is too large: {}", list(sizes));
    }
    let mut spans = [Span::ONE; 3];
    for d in 0..dims {
        let size = x.shape()[x.ndim() - dims + d];
        if size == 0 {
            bail!(
                Runtime,
                "Expected input to have non-zero size for non-batch dimensions, but got {}",
                list(x.shape())
            );
        }
        spans[3 - dims + d] = Span { size, count: sizes[d] as usize, steps: None };
    }
    Ok(spans)
}

fn covered_mean(x: &Tensor, sizes: &[i64], dims: usize) -> Result<Tensor> {
    let spans = covering(x, sizes, dims)?;
    let (name, kernel) = match dims {
        2 => ("adaptive_avg_pool2d", "adaptive_avg_pool2d"),
        _ => ("adaptive_avg_pool3d", "adaptive_avg_pool3d_cpu"),
    };
    if !x.dtype().is_float() {
        return Err(x.dtype().lacks(kernel));
    }
    apply(Mean { spans, divide: Divide::Counted(false), dims, name }, &[x])
}

fn covered_max(x: &Tensor, sizes: &[i64], places: bool, dims: usize) -> Result<Outs> {
    let spans = covering(x, sizes, dims)?;
    if !x.dtype().is_float() {
        return Err(x.dtype().lacks(if dims == 2 { "adaptive_max_pool2d" } else { "adaptive_max_pool3d_cpu" }));
    }
    let mut outs = apply_many(Most { spans, dims }, &[x])?;
    outs.truncate(if places { 2 } else { 1 });
    Ok(match outs.pop() {
        Some(y) if !places => Outs::Tensor(y),
        Some(y) => {
            outs.push(y);
            Outs::Many(outs)
        }
        None => bail!(Runtime, "internal error: a maximum without a result"),
    })
}

/// An array of `dims` dims behind batch and channels as (n, c, d, h, w).
fn five(x: &Array, dims: usize) -> Array {
    let l = &x.layout;
    let (mut shape, mut strides) = (vec![1; 2 - (l.shape.len() - dims)], vec![0; 2 - (l.shape.len() - dims)]);
    let lead = l.shape.len() - dims;
    for d in 0..lead {
        shape.push(l.shape[d]);
        strides.push(l.strides[d]);
    }
    for _ in dims..3 {
        shape.push(1);
        strides.push(0);
    }
    for d in lead..l.shape.len() {
        shape.push(l.shape[d]);
        strides.push(l.strides[d]);
    }
    let (shape, strides) = (Shape::from_slice(&shape), Strides::from_slice(&strides));
    x.with_layout(Layout { shape, strides, offset: l.offset })
}

/// The meta of (.., sizes), whose channels come last where they do in an image `x`.
fn shaped(x: &Meta, sizes: [usize; 3], dims: usize) -> Meta {
    let lead = x.ndim() - dims;
    let shape: Shape = x.shape()[..lead].iter().chain(&sizes[3 - dims..]).copied().collect();
    let mut layout = Layout::contiguous(shape);
    if x.ndim() == 4 && dims == 2 && x.layout.suggests_channels_last() {
        let [c, h, w] = [1, 2, 3].map(|d| layout.shape[d] as isize);
        // Saturating: what has more elements than can be counted is refused when it is made.
        let row = w.saturating_mul(c);
        layout.strides.copy_from_slice(&[h.saturating_mul(row), 1, row, c]);
    }
    Meta::new(layout, x.dtype, x.device)
}

fn on_gpu(d: Divide) -> gpu::window::Divide {
    match d {
        Divide::Counted(padded) => gpu::window::Divide::Counted(padded),
        Divide::By(n) => gpu::window::Divide::By(n),
    }
}

#[derive(Clone, Copy)]
struct Mean {
    spans: [Span; 3],
    divide: Divide,
    dims: usize,
    name: &'static str,
}

impl Op for Mean {
    fn name(&self) -> &'static str {
        self.name
    }
    fn grad_name(&self) -> String {
        grad_name(self.name)
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(shaped(x[0], self.spans.map(|s| s.count), self.dims))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        in_order(&out[0], |y| cpu::window::mean(&five(x[0], self.dims), &five(y, self.dims), &self.spans, self.divide))
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        gpu::matmul::supported(self.name, x[0].dtype)?;
        let (x, y) = (five(x[0], self.dims), five(&out[0], self.dims));
        gpu::window::mean(self.name, &x, &y, &self.spans, on_gpu(self.divide))
    }
    fn ties(&self) -> Mask {
        Mask::ALL
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(MeanBackward { mean: *self }, &[g.one()?])?)
    }
}

/// `AvgPool2DBackward` of `avg_pool2d`.
fn grad_name(name: &str) -> String {
    crate::tensor::op::backward_class(name).replace("2d", "2D").replace("3d", "3D")
}

/// Each mean's gradient, spread over its window.
struct MeanBackward {
    mean: Mean,
}

impl Op for MeanBackward {
    fn name(&self) -> &'static str {
        "avg_pool_backward"
    }
    fn grad_name(&self) -> String {
        grad_name(self.mean.name) + "Backward"
    }
    fn infer(&self, g: &[&Meta]) -> Result<Meta> {
        Ok(shaped(g[0], self.mean.spans.map(|s| s.size), self.mean.dims))
    }
    fn cpu(&self, g: &[&Array], out: &[Array]) -> Result<()> {
        let Mean { spans, divide, dims, .. } = self.mean;
        in_order(&out[0], |y| cpu::window::mean_backward(&five(g[0], dims), &five(y, dims), &spans, divide))
    }
    fn gpu(&self, g: &[&Array], out: &[Array]) -> Result<()> {
        let Mean { spans, divide, dims, .. } = self.mean;
        gpu::window::mean_backward(self.name(), &five(g[0], dims), &five(&out[0], dims), &spans, on_gpu(divide))
    }
    fn vjp(&self, _: &Context, h: &Cotangents) -> Result<Grads> {
        Grads::one(apply(self.mean, &[h.one()?])?)
    }
}

/// The largest element of each window, and its place.
struct Most {
    spans: [Span; 3],
    dims: usize,
}

impl Op for Most {
    fn name(&self) -> &'static str {
        if self.dims == 2 { "adaptive_max_pool2d" } else { "adaptive_max_pool3d" }
    }
    fn grad_name(&self) -> String {
        grad_name(self.name())
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let y = shaped(x[0], self.spans.map(|s| s.count), self.dims);
        Ok(vec![y.clone(), y.with_dtype(DType::I64)])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        in_order(&out[0], |y| {
            in_order(&out[1], |places| {
                let [x, y, places] = [x[0], y, places].map(|a| five(a, self.dims));
                cpu::window::maxima(&x, &y, &places, &self.spans)
            })
        })
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let [x, y, places] = [x[0], &out[0], &out[1]].map(|a| five(a, self.dims));
        gpu::window::maxima(self.name(), &x, &y, &places, &self.spans)
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::output_at(1).and(Saves::META)
    }
    fn ties(&self) -> Mask {
        Mask::ALL
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![None]) };
        let (places, like) = (c.output_at(1)?, c.meta(0)?);
        let lead = like.ndim() - self.dims;
        let flat = |shape: &[usize]| -> Vec<usize> {
            let mut flat = shape[..lead].to_vec();
            flat.push(shape[lead..].iter().product());
            flat
        };
        let from = flat(g.shape());
        let sums = g.zeros_of(&flat(like.shape()))?.scatter_add(lead, &places.reshape(&from)?, &g.reshape(&from)?)?;
        Grads::one(sums.reshape(like.shape())?)
    }
}
