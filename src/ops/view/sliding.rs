//! Windows that slide along a dim, shown without a copy: Tensor.unfold; and images cut into such windows and put together from
//! them: nn.functional.unfold and fold.

use crate::core::dtype::Category;
use crate::core::shape::{list, normalize_dim};
use crate::core::{Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Op, Tensor, apply, data};
use crate::{bail, err};

ops! {
    /// All windows of `size` entries of dim `dimension`, `step` apart, without a copy: a new last dim of that size.
    ///
    /// The derivative adds where windows overlap.
    unfold as ["method.unfold(Tensor self, int dimension, int size, int step) -> Tensor"] {
        call(x = self: &Tensor, dimension: i64, size: i64, step: i64) {
            let dim = normalize_dim(dimension, x.ndim())?;
            let n = x.shape().get(dim).copied().unwrap_or(1) as i64;
            if size < 0 {
                bail!(Runtime, "size is {size} but must be >= 0");
            }
            if size > n {
                bail!(Runtime, "maximum size for tensor at dimension {dim} is {n} but size is {size}");
            }
            if step <= 0 {
                bail!(Runtime, "step is {step} but must be > 0");
            }
            if x.layout().strides.get(dim).is_some_and(|s| s.checked_mul(step as isize).is_none()) {
                bail!(Runtime, "unfold: step is {step}, which is more elements of dimension {dim} than memory has");
            }
            x.windows(dim, size as usize, step as usize)
        },
        samples: [
            "u(7), 0, 3, 2",
            "u(2, 6), 1, 2, 1",
            "u(6, 2).t(), -1, 2, 3",
            "u(4), 0, 4, 1",
            "u(4), 0, 0, 1",
            "u(), 0, 1, 1",
            "u(4), 0, 5, 1",
            "u(4), 0, 2, 0",
            "u(4), 0, -1, 1",
            "u(4), 1, 2, 1",
        ],
    }
    /// Patches of images (N, C, H, W), or of one image, as columns: (N, C * kernel height * kernel width, number of patches).
    ///
    /// Each size is one int or two. Gradient: `fold` of the gradient.
    nn_unfold as [
        "nn.unfold(Tensor input, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1) -> Tensor",
    ] graph "Im2ColBackward0" {
        call(x = input: &Tensor, kernel_size: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) {
            let p = Patches::new(kernel_size, dilation, padding, stride)?;
            if x.ndim() < 3 {
                crate::core::shape::normalize_dim(if x.ndim() < 2 { 1 } else { 2 }, x.ndim())?;
            }
            if x.dtype().category() == Category::Int {
                return Err(x.dtype().lacks("im2col_out_cpu"));
            }
            if !matches!(x.ndim(), 3 | 4) || x.shape()[x.ndim() - 3..].contains(&0) {
                return Err(err!(
                    Runtime,
                    "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, \
                     but got: {}",
                    list(x.shape())
                ));
            }
            let nd = x.ndim();
            let blocks = p.blocks([x.shape()[nd - 2], x.shape()[nd - 1]])?;
            let pad = [p.padding[1] as i64, p.padding[1] as i64, p.padding[0] as i64, p.padding[0] as i64];
            let padded = crate::ops::pad::constant(x, &pad, Number::Int(0))?;
            let mut shape: Shape = x.shape()[..nd - 3].into();
            shape.push(x.shape()[nd - 3] * p.kernel[0] * p.kernel[1]);
            shape.push(blocks[0] * blocks[1]);
            p.patches(&padded)?.reshape(&shape)
        },
        samples: [
            "u(2, 3, 4, 5), 2",
            "u(3, 4, 5), (2, 3), padding=1",
            "u(1, 2, 6, 6), 2, 2, 1, 2",
            "u(2, 3, 4, 5), (4, 5)",
            "u(2, 3), 2",
            "u(2, 3, 4, 5), 5",
        ],
    }
    /// The transpose of `unfold`: columns (N, C * kernel height * kernel width, number of patches) added into images of
    /// `output_size`.
    nn_fold as [
        "nn.fold(Tensor input, int[2] output_size, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1) -> Tensor",
    ] {
        call(x = input: &Tensor, output_size: &[i64], kernel_size: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) {
            let p = Patches::new(kernel_size, dilation, padding, stride)?;
            if !matches!(x.ndim(), 2 | 3) || x.shape()[x.ndim() - 2..].contains(&0) {
                bail!(
                    Runtime,
                    "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for \
                     input, but got: {}",
                    list(x.shape())
                );
            }
            let [tall, wide] = *output_size else {
                bail!(Runtime, "It is expected output_size equals to 2, but got size {}", output_size.len());
            };
            let area = p.kernel[0] * p.kernel[1];
            let (rows, cols) = (x.shape()[x.ndim() - 2], x.shape()[x.ndim() - 1]);
            if !rows.is_multiple_of(area) {
                bail!(
                    Runtime,
                    "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got \
                     input.size(1)={rows} and kernel_size=({}, {}).",
                    p.kernel[0],
                    p.kernel[1]
                );
            }
            let blocks = [p.along(0, tall)?, p.along(1, wide)?];
            if blocks[0].checked_mul(blocks[1]) != Some(cols as i64) {
                bail!(
                    Runtime,
                    "Given output_size=({}, {}), {}, expected size of input's dimension 2 to match the calculated number of \
                     sliding blocks {} * {} = {}, but got input.size(2)={cols}.",
                    tall, wide, p.words(), blocks[0], blocks[1], blocks[0].wrapping_mul(blocks[1])
                );
            }
            if tall < 1 || wide < 1 {
                bail!(Runtime, "Expected output spatial size to be positive, but got: output_size=({tall}, {wide}).");
            }
            if x.dtype().category() == Category::Int {
                return Err(x.dtype().lacks("col2im_out_cpu"));
            }
            p.fold(x, [tall as usize, wide as usize], blocks.map(|n| n as usize))
        },
        samples: [
            "u(2, 12, 12), (4, 5), 2",
            "u(6, 20), (4, 5), (2, 3), padding=1",
            "u(1, 8, 9), (6, 6), 2, 2, 1, 2",
            "u(2, 12, 11), (4, 5), 2",
            "u(2, 11, 12), (4, 5), 2",
            "u(12), (4, 5), 2",
        ],
    }
}

/// How patches of images lie: sizes of height and width.
struct Patches {
    kernel: [usize; 2],
    dilation: [usize; 2],
    padding: [usize; 2],
    stride: [usize; 2],
}

/// One int or two, at least `least`.
fn pair(name: &str, v: &[i64], least: i64) -> Result<[usize; 2]> {
    let both = match *v {
        [a] => [a, a],
        [a, b] => [a, b],
        _ => bail!(Runtime, "It is expected {name} equals to 2, but got size {}", v.len()),
    };
    if both[0] < least || both[1] < least {
        let what = if least > 0 { "greater than zero" } else { "non-negative" };
        let (name, short) = match name {
            "kernel_size" => ("kernel size", "kernel"),
            "padding" => ("padding", "pad"),
            name => (name, name),
        };
        bail!(Runtime, "{name} should be {what}, but got {short}_height: {} {short}_width: {}", both[0], both[1]);
    }
    if both.iter().any(|&n| i32::try_from(n).is_err()) {
        bail!(Runtime, "{name} is too large: ({}, {})", both[0], both[1]);
    }
    Ok(both.map(|n| n as usize))
}

impl Patches {
    fn new(kernel: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) -> Result<Patches> {
        Ok(Patches {
            kernel: pair("kernel_size", kernel, 1)?,
            dilation: pair("dilation", dilation, 1)?,
            padding: pair("padding", padding, 0)?,
            stride: pair("stride", stride, 1)?,
        })
    }

    /// The sizes, as errors list them.
    fn words(&self) -> String {
        let [k, d, p, s] = [self.kernel, self.dilation, self.padding, self.stride].map(|[a, b]| format!("({a}, {b})"));
        format!("kernel_size={k}, dilation={d}, padding={p}, stride={s}")
    }

    /// How many patches lie along a side `i` of `size`: below 1 where none fits.
    fn along(&self, i: usize, size: i64) -> Result<i64> {
        let reach = self.dilation[i] as i64 * (self.kernel[i] as i64 - 1) + 1;
        let room = size.checked_add(2 * self.padding[i] as i64 - reach);
        match room.and_then(|room| room.div_euclid(self.stride[i] as i64).checked_add(1)) {
            Some(count) => Ok(count),
            None => bail!(Runtime, "unfold: a size of {size} is out of range"),
        }
    }

    /// How many patches lie below and beside each other in an image of `size`.
    fn blocks(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        let n = [self.along(0, size[0] as i64)?, self.along(1, size[1] as i64)?];
        if n[0] < 1 || n[1] < 1 {
            bail!(
                Runtime,
                "Given input with spatial size ({}, {}), {}, calculated shape of the array of sliding blocks as ({}, {}), but its \
                 components must be at least one.",
                size[0],
                size[1],
                self.words().replace(&format!(", stride=({}, {})", self.stride[0], self.stride[1]), ""),
                n[0],
                n[1]
            );
        }
        Ok(n.map(|v| v as usize))
    }

    /// Of padded images (.., C, H, W): (.., C, kernel height, kernel width, blocks below, blocks beside).
    fn patches(&self, x: &Tensor) -> Result<Tensor> {
        let nd = x.ndim();
        let mut y = x.clone();
        for (i, d) in [(0, nd - 2), (1, nd - 1)] {
            let reach = self.dilation[i] * (self.kernel[i] - 1) + 1;
            y = y.windows(d, reach, self.stride[i])?;
            let last = y.ndim() - 1;
            y = y.slice(last, 0, self.kernel[i], self.dilation[i])?;
        }
        // (.., C, below, beside, kernel height, kernel width)
        let lead = nd - 2;
        let order: Shape = (0..lead).chain([lead + 2, lead + 3, lead, lead + 1]).collect();
        y.permute(&order)
    }

    fn fold(&self, x: &Tensor, size: [usize; 2], blocks: [usize; 2]) -> Result<Tensor> {
        let nd = x.ndim();
        let channels = x.shape()[nd - 2] / (self.kernel[0] * self.kernel[1]);
        let inner = [channels, self.kernel[0], self.kernel[1], blocks[0], blocks[1]];
        let shape: Shape = x.shape()[..nd - 2].iter().copied().chain(inner).collect();
        let lead = nd - 1;
        let order: Shape = (0..lead).chain([lead + 2, lead + 3, lead, lead + 1]).collect();
        let mut y = x.reshape(&shape)?.permute(&order)?;
        // The windows of the last dim, then those of the one before: what `patches` did, backwards.
        for (i, d) in [(1, lead + 1), (0, lead)] {
            let last = y.ndim() - 1;
            let reach = self.dilation[i] * (self.kernel[i] - 1) + 1;
            y = super::window::spread(&y, last, reach, self.dilation[i])?;
            let mut into: Shape = y.shape()[..last].into();
            into[d] = size[i] + 2 * self.padding[i];
            let op = Overlay { slide: Slide { dim: d, size: reach, step: self.stride[i] }, into };
            y = apply(op, &[&y])?;
        }
        let (h, w) = (lead, lead + 1);
        y.narrow(h, self.padding[0], size[0])?.narrow(w, self.padding[1], size[1])?.contiguous()
    }
}

impl Tensor {
    /// Windows of `size` entries of `dim`, `step` apart; `size` is at most that of the dim.
    pub fn windows(&self, dim: usize, size: usize, step: usize) -> Result<Tensor> {
        let slide = Slide { dim, size, step };
        apply(Unfold { slide, from: self.shape().into() }, &[self])
    }

    /// Zeros of shape `into`, to whose windows of `size` entries of `dim`, `step` apart, this is added.
    pub fn from_windows(&self, dim: usize, size: usize, step: usize, into: &[usize]) -> Result<Tensor> {
        apply(Overlay { slide: Slide { dim, size, step }, into: into.into() }, &[self])
    }
}

#[derive(Clone, Copy)]
struct Slide {
    dim: usize,
    size: usize,
    step: usize,
}

impl Slide {
    fn of(self, x: &Layout) -> Layout {
        let mut out = x.clone();
        if x.ndim() == 0 {
            out.shape.push(self.size);
            out.strides.push(1);
            return out;
        }
        let (n, stride) = (x.shape[self.dim], x.strides[self.dim]);
        out.shape[self.dim] = (n - self.size) / self.step + 1;
        out.strides[self.dim] = stride * self.step as isize;
        out.shape.push(self.size);
        out.strides.push(stride);
        out
    }
}

struct Unfold {
    slide: Slide,
    from: Shape,
}

impl Op for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(self.slide.of(x)))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(Overlay { slide: self.slide, into: self.from.clone() }, &[g.one()?])?)
    }
}

/// Zeros of shape `into`, to whose windows the input is added.
struct Overlay {
    slide: Slide,
    into: Shape,
}

impl Op for Overlay {
    fn name(&self) -> &'static str {
        "unfold_backward"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.into.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::fill(&out[0], Number::Int(0))?;
        if x[0].numel() == 0 {
            return Ok(());
        }
        data::add_overlapping(x[0], &out[0].with_layout(self.slide.of(&out[0].layout)))
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.windows(self.slide.dim, self.slide.size, self.slide.step)?)
    }
}
