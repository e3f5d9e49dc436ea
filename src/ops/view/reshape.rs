//! The same elements in the same order under other sizes: view, reshape, flatten, squeeze, unsqueeze.

use super::run;
use crate::core::dtype::OnGpu;
use crate::core::shape::{infer_sizes, list, normalize_dim, normalize_dims, numel};
use crate::core::{DType, Layout, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::apply::{apply_view, remember};
use crate::tensor::door::mark_view;
use crate::tensor::{Context, Cotangents, Door, Grads, Op, Tensor, apply, data, mode};
use crate::{bail, err};

ops! {
    /// The same elements under another shape, without a copy.
    ///
    /// One size may be -1 and is deduced. Raises RuntimeError where `self`'s strides allow no such view (`reshape`
    /// copies then). With a dtype, the same bytes read as that dtype; where its size differs, the last dim shrinks or
    /// grows.
    view as ["method.view(Tensor self, int[] size) -> Tensor", "method.view(Tensor self, dtype dtype) -> Tensor"] {
        call(x = self: &Tensor, size: Option<&[i64]>, dtype: Option<DType>) {
            match (size, dtype) {
                (_, Some(dtype)) => x.view_dtype(dtype),
                (size, None) => view_sizes(x, size.unwrap_or(&[])),
            }
        },
        samples: [
            "u(2, 3, 4), (6, 4)",
            "u(2, 3, 4), -1",
            "u(2, 3, 4), 2, -1, 2",
            "u(4, 6).t(), (2, 3, 4)",
            "u(6)[::2], (3, 1)",
            "u(), (1, 1)",
            "u(1), ()",
            "u(0, 3), (3, 0, 2)",
            "u(2, 3), (7,)",
            "u(2, 3).t(), (6,)",
        ],
    }
    /// `self.view(other.size())`.
    view_as as ["method.view_as(Tensor self, Tensor other) -> Tensor"] {
        call(x = self: &Tensor, other: &Tensor) { x.view_to(other.shape()) },
        samples: ["u(2, 3), u(3, 2)", "u(2, 3), u(3)"],
    }
    /// The same elements under another shape: a view where strides allow it, else a copy.
    ///
    /// One size may be -1 and is deduced. Raises RuntimeError where the number of elements differs.
    ///
    ///     >>> torch.reshape(torch.arange(6), (2, -1))
    ///     tensor([[0, 1, 2],
    ///             [3, 4, 5]])
    reshape as ["reshape(Tensor self, int[] shape) -> Tensor"] {
        call(x = self: &Tensor, shape: &[i64]) { reshape_sizes(x, shape) },
        samples: [
            "u(2, 3, 4), (6, 4)",
            "u(2, 3, 4), (-1,)",
            "u(4, 6).t(), (4, 6)",
            "u(1, 3).expand(2, 3), (6,)",
            "u(), (1,)",
            "u(0, 3), (3, 0)",
            "u(2, 3), (4, -1)",
            "u(2, 3), (-1, -1)",
        ],
    }
    /// `self.reshape(other.size())`.
    reshape_as as ["method.reshape_as(Tensor self, Tensor other) -> Tensor"] {
        call(x = self: &Tensor, other: &Tensor) { x.reshape(other.shape()) },
        samples: ["u(2, 3), u(3, 2)", "u(2, 3).t(), u(6)", "u(2, 3), u(4)"],
    }
    /// The dims from `start_dim` to `end_dim` made one.
    ///
    /// A view where strides allow it; a 0-d tensor becomes 1-d.
    ///
    ///     >>> tuple(torch.flatten(torch.zeros(2, 3, 4), 1).shape)
    ///     (2, 12)
    flatten as ["flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor"] {
        call(x = self: &Tensor, start_dim: i64, end_dim: i64) { x.flatten(start_dim, end_dim) },
        samples: [
            "u(2, 3, 4)",
            "u(2, 3, 4), 1",
            "u(2, 3, 4, 2), 1, 2",
            "u(3, 2).t()",
            "u()",
            "u(3), 0, 0",
            "u(2, 3), start_dim=1, end_dim=0",
            "u(2, 3), 2",
        ],
    }
    /// Dim `dim` cut into `sizes`, one of which may be -1.
    unflatten as ["unflatten(Tensor self, int dim, int[] sizes) -> Tensor"] {
        call(x = self: &Tensor, dim: i64, sizes: &[i64]) {
            let dim = normalize_dim(dim, x.ndim())?;
            if sizes.is_empty() {
                bail!(Runtime, "unflatten: sizes must be non-empty");
            }
            let n = x.shape().get(dim).copied().unwrap_or(1);
            let Ok(parts) = infer_sizes(sizes, n) else {
                bail!(
                    Runtime,
                    "unflatten: Provided sizes {} don't multiply up to the size of dim {dim} ({n}) in the input tensor",
                    list(sizes)
                )
            };
            let mut shape: Shape = x.shape().iter().take(dim).copied().collect();
            parts.iter().chain(x.shape().iter().skip(dim + 1)).for_each(|&n| shape.push(n));
            x.view_to(&shape)
        },
        samples: ["u(2, 6), 1, (2, 3)", "u(6, 2), 0, (-1, 2)", "u(2, 6), 1, (4, 2)"],
    }
    /// All elements in one dim; a copy only where `self` is not contiguous.
    ravel as ["ravel(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { x.contiguous()?.view_to(&[x.numel()]) },
        samples: ["u(2, 3)", "u(2, 3).t()", "u()"],
    }
    /// Without the dims of size 1, or those among `dim` that have size 1.
    ///
    ///     >>> tuple(torch.squeeze(torch.zeros(1, 3, 1)).shape)
    ///     (3,)
    squeeze + overwrites as [
        "squeeze(Tensor self) -> Tensor",
        "squeeze(Tensor self, int dim) -> Tensor",
        "squeeze(Tensor self, int[1] dim) -> Tensor",
    ] {
        call(x = self: &Tensor, dims = dim: Option<&[i64]>, dim: Option<i64>; a) {
            let (dims, form): (Shape, u8) = if let Some(list) = dims {
                (normalize_dims(list, x.ndim())?, 2)
            } else if let Some(dim) = dim {
                ([normalize_dim(dim, x.ndim())?][..].into(), 1)
            } else {
                ((0..x.ndim()).collect(), 0)
            };
            run(x, a, Squeeze::new(x.shape(), &dims, form))
        },
        samples: [
            "u(1, 3, 1, 2)",
            "u(1, 3, 1, 2), 0",
            "u(1, 3, 1, 2), dim=1",
            "u(1, 3, 1, 2), (0, 2)",
            "u()",
            "u(), -1",
            "u(2, 1), 2",
            "u(2, 1), (1, -1)",
        ],
    }
    /// A dim of size 1 put before `dim` (at the end for -1).
    ///
    ///     >>> torch.unsqueeze(torch.tensor([1, 2]), 1)
    ///     tensor([[1],
    ///             [2]])
    unsqueeze + overwrites as ["unsqueeze(Tensor self, int dim) -> Tensor"] {
        call(x = self: &Tensor, dim: i64; a) {
            let dim = normalize_dim(dim, x.ndim() + 1)?;
            run(x, a, Unsqueeze { dims: [dim][..].into() })
        },
        samples: ["u(2, 3), 0", "u(2, 3), -1", "u(3, 2).t(), 1", "u(), 0", "u(2, 3), 3"],
    }
}

fn view_sizes(x: &Tensor, sizes: &[i64]) -> Result<Tensor> {
    let shape = infer_sizes(sizes, x.numel())?;
    view_as(x, &shape)
}

/// As `shape`, which has as many elements: shortly where `x` is packed.
fn view_as(x: &Tensor, shape: &Shape) -> Result<Tensor> {
    let op = || View { shape: shape.clone(), from: x.layout().shape.clone() };
    let door = Door::here();
    let (Some(_), Some(token)) = (x.layout().packed_numel(), door.token()) else { return apply(op(), &[x]) };
    let a = x.array();
    let out = Tensor::packed(shape, a.layout.offset, a.dtype, a.device, a.storage.clone(), token);
    mark_view(x, &out);
    if door.records([x].into_iter()) {
        remember(op(), &[x], &out)?;
    }
    Ok(out)
}

fn reshape_sizes(x: &Tensor, sizes: &[i64]) -> Result<Tensor> {
    reshape_to(x, infer_sizes(sizes, x.numel())?)
}

fn reshape_to(x: &Tensor, shape: Shape) -> Result<Tensor> {
    if x.layout().viewed(&shape).is_some() {
        return view_as(x, &shape);
    }
    apply(Reshaped { shape, from: x.layout().shape.clone() }, &[x])
}

impl Tensor {
    /// A view of as many elements; an error where strides allow none.
    pub fn view_to(&self, shape: &[usize]) -> Result<Tensor> {
        same_numel(self, shape)?;
        view_as(self, &shape.into())
    }

    /// A view where strides allow it, else a copy.
    pub fn reshape(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        same_numel(self, shape)?;
        reshape_to(self, shape.into())
    }

    /// Dims `start` to `end` made one; `self` where that changes nothing.
    pub fn flatten(&self, start: i64, end: i64) -> Result<Tensor> {
        let (start, end) = (normalize_dim(start, self.ndim())?, normalize_dim(end, self.ndim())?);
        if start > end {
            bail!(Runtime, "flatten() has invalid args: start_dim cannot come after end_dim");
        }
        if self.ndim() == 0 {
            return reshape_to(self, [1][..].into());
        }
        if start == end {
            return Ok(self.clone());
        }
        let s = self.shape();
        let mut shape: Shape = s[..start].into();
        shape.push(numel(&s[start..=end]));
        s[end + 1..].iter().for_each(|&n| shape.push(n));
        reshape_to(self, shape)
    }

    /// Without those of `dims` that have size 1.
    pub fn squeeze_dims(&self, dims: &[usize]) -> Result<Tensor> {
        let form = if dims.len() == 1 { 1 } else { 2 };
        apply(Squeeze::new(self.shape(), dims, form), &[self])
    }

    /// With dims of size 1 at `dims`, positions in the result in ascending order.
    pub fn unsqueeze_dims(&self, dims: &[usize]) -> Result<Tensor> {
        apply(Unsqueeze { dims: dims.into() }, &[self])
    }

    /// The same bytes as another dtype. Carries no gradient.
    pub fn view_dtype(&self, dtype: DType) -> Result<Tensor> {
        let (old, new) = (self.dtype(), dtype);
        if old == new {
            return view_as(self, &self.layout().shape);
        }
        if new.row().gpu == OnGpu::Nothing && self.device().is_gpu() {
            return Err(new.lacks_on_gpu("view"));
        }
        let mut layout = self.layout().clone();
        if old.size() != new.size() {
            rescale(&mut layout, old, new)?;
        }
        let mut array = self.array().with_layout(layout);
        array.meta.dtype = new;
        let out = apply_view("view", self, array);
        if mode::recording() && self.requires_grad() {
            // The root's history cannot follow a write through another dtype.
            out.clear_base();
        }
        Ok(out)
    }
}

/// The layout of the same bytes in elements of another size: the last dim takes up the difference.
fn rescale(layout: &mut Layout, old: DType, new: DType) -> Result<()> {
    let names = (old.scalar_name(), new.scalar_name());
    let different = format!("to view {} as {} (different element sizes)", names.0, names.1);
    let Some(last) = layout.ndim().checked_sub(1) else {
        bail!(Runtime, "self.dim() cannot be 0 {different}");
    };
    if layout.strides[last] != 1 {
        bail!(Runtime, "self.stride(-1) must be 1 {different}, but got {}", layout.strides[last]);
    }
    if old.size() > new.size() {
        let ratio = old.size() / new.size();
        layout.shape[last] *= ratio;
        layout.offset *= ratio;
        layout.strides[..last].iter_mut().for_each(|s| *s = s.wrapping_mul(ratio as isize));
        return Ok(());
    }
    let ratio = new.size() / old.size();
    if !layout.shape[last].is_multiple_of(ratio) {
        bail!(Runtime, "self.size(-1) must be divisible by {ratio} {different}, but got {}", layout.shape[last]);
    }
    if !layout.offset.is_multiple_of(ratio) {
        bail!(Runtime, "self.storage_offset() must be divisible by {ratio} {different}, but got {}", layout.offset);
    }
    for d in 0..last {
        if layout.strides[d] % ratio as isize != 0 {
            bail!(Runtime, "self.stride({d}) must be divisible by {ratio} {different}, but got {}", layout.strides[d]);
        }
        layout.strides[d] /= ratio as isize;
    }
    layout.shape[last] /= ratio;
    layout.offset /= ratio;
    Ok(())
}

fn same_numel(x: &Tensor, shape: &[usize]) -> Result<()> {
    if numel(shape) != x.numel() {
        return Err(err!(Runtime, "shape '{}' is invalid for input of size {}", list(shape), x.numel()).hint(format!(
            "the tensor has shape {}; the sizes must multiply to {}",
            list(x.shape()),
            x.numel()
        )));
    }
    Ok(())
}

pub struct View {
    shape: Shape,
    from: Shape,
}

impl Op for View {
    fn name(&self) -> &'static str {
        "view"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(x.viewed(&self.shape).ok_or_else(|| {
            crate::err!(
                Runtime,
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across \
                 two contiguous subspaces). Use .reshape(...) instead."
            )
            .hint(format!(
                "view: shape {} with strides {} cannot be seen as {}",
                list(&x.shape),
                list(&x.strides),
                list(&self.shape)
            ))
        }))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.reshape(&self.from)?)
    }
}

/// `reshape` where only a copy has the shape.
struct Reshaped {
    shape: Shape,
    from: Shape,
}

impl Op for Reshaped {
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn grad_name(&self) -> String {
        "UnsafeViewBackward".into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(self.shape.clone()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        data::copy(x[0], &out[0].with_layout(Layout::contiguous(self.from.clone())))
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.reshape(&self.from)?)
    }
}

/// Drops dims of size 1. `form` is PyTorch's overload, which names the node.
struct Squeeze {
    dims: Shape,
    form: u8,
}

impl Squeeze {
    /// Keeps those of `dims` that have size 1, in order.
    fn new(shape: &[usize], dims: &[usize], form: u8) -> Squeeze {
        Squeeze { dims: (0..shape.len()).filter(|d| shape[*d] == 1 && dims.contains(d)).collect(), form }
    }
}

impl Op for Squeeze {
    fn name(&self) -> &'static str {
        "squeeze"
    }
    fn grad_name(&self) -> String {
        format!("SqueezeBackward{}", self.form)
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.squeezed(&self.dims)))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.unsqueeze_dims(&self.dims)?)
    }
}

/// Puts dims of size 1 at `dims`, positions in the result in ascending order.
struct Unsqueeze {
    dims: Shape,
}

impl Op for Unsqueeze {
    fn name(&self) -> &'static str {
        "unsqueeze"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        let mut out = x.clone();
        for &d in self.dims.iter() {
            out = out.unsqueezed(d);
        }
        Some(Ok(out))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.squeeze_dims(&self.dims)?)
    }
}
