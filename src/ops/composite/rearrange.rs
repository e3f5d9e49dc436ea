//! Elements in another order or several times: flip and kin, roll, rot90, repeat, tile, repeat_interleave.

use crate::core::Device;
use crate::core::shape::{check_numel, list, normalize_dim, normalize_dims};
use crate::core::{DType, Layout, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::join::cat;
use crate::tensor::door::enter;
use crate::tensor::{Context, Cotangents, Grads, Op, Tensor, apply, data};
use crate::{bail, err};

ops! {
    /// The entries of each of `dims` in reverse order, in new memory.
    ///
    ///     >>> torch.flip(torch.tensor([1, 2, 3]), (0,))
    ///     tensor([3, 2, 1])
    flip as ["flip(Tensor self, int[] dims) -> Tensor"] {
        call(x = self: &Tensor, dims: &[i64]) { x.flip(&normalize_dims(dims, x.ndim())?) },
        samples: [
            "u(2, 3), (0,)",
            "u(2, 3), (0, 1)",
            "u(2, 3, 4), (0, -1)",
            "u(3, 2).t(), (1,)",
            "u(1, 3).expand(2, 3), (1,)",
            "u(6)[::2], (0,)",
            "u(), ()",
            "u(0, 3), (0,)",
            "u(2, 3), ()",
            "u(2, 3), (0, 0)",
            "u(2, 3), (2,)",
        ],
    }
    /// The entries of dim 1 in reverse order.
    fliplr as ["fliplr(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            if x.ndim() < 2 {
                bail!(Runtime, "Input must be >= 2-d.");
            }
            x.flip(&[1])
        },
        samples: ["u(2, 3)", "u(3, 2, 2)", "u(3)"],
    }
    /// The entries of dim 0 in reverse order.
    flipud as ["flipud(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            if x.ndim() < 1 {
                bail!(Runtime, "Input must be >= 1-d.");
            }
            x.flip(&[0])
        },
        samples: ["u(2, 3)", "u(3)", "u()"],
    }
    /// A quarter turn, `k` times, in the plane of two dims, from the first towards the second.
    rot90 as ["rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor"] graph "Rot90Backward0" {
        call(x = self: &Tensor, k: i64, dims: &[i64]) {
            let &[a, b] = dims else {
                bail!(Runtime, "expected total rotation dims == 2, but got dims = {}", dims.len())
            };
            if x.ndim() < 2 {
                bail!(Runtime, "expected total dims >= 2, but got total dims = {}", x.ndim());
            }
            let (first, second) = (normalize_dim(a, x.ndim())?, normalize_dim(b, x.ndim())?);
            if first == second {
                bail!(Runtime, "expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}");
            }
            let (a, b) = (first, second);
            match k.rem_euclid(4) {
                1 => x.flip(&[b])?.transpose(a, b),
                2 => x.flip(&[a, b]),
                3 => x.flip(&[a])?.transpose(a, b),
                _ => x.cloned(crate::ops::copy::Format::Contiguous),
            }
        },
        samples: [
            "u(2, 3)",
            "u(2, 3), 2",
            "u(2, 3), -1",
            "u(2, 3), 4",
            "u(2, 3, 4), 1, (1, -1)",
            "u(2, 3, 4), 3, (2, 0)",
            "u(3)",
            "u(2, 3), 1, (0, 0)",
            "u(2, 3), 1, (0,)",
            "u(2, 3), 1, (0, 5)",
        ],
    }
    /// The entries of each of `dims` moved on by `shifts`; what leaves at the end comes in at the start. Without dims the
    /// flattened tensor is rolled.
    ///
    ///     >>> torch.roll(torch.tensor([1, 2, 3]), 1)
    ///     tensor([3, 1, 2])
    roll as ["roll(Tensor self, int[1] shifts, int[1]? dims=None) -> Tensor"] graph "RollBackward0" {
        call(x = self: &Tensor, shifts: &[i64], dims: Option<&[i64]>) {
            let dims = dims.unwrap_or(&[]);
            if dims.is_empty() && shifts.len() == 1 {
                let flat = x.contiguous()?.view_to(&[x.numel()])?;
                return roll(&flat, shifts[0], 0)?.view_to(x.shape());
            }
            if x.ndim() == 0 && !dims.is_empty() && shifts.len() == dims.len() {
                bail!(Index, "Dimension specified as {} but tensor has no dimensions", dims[0]);
            }
            if shifts.is_empty() {
                bail!(Runtime, "`shifts` required");
            }
            if shifts.len() != dims.len() {
                bail!(Runtime, "shifts and dimensions must align. shifts: {}, dims:{}", shifts.len(), dims.len());
            }
            let mut y = x.clone();
            for (&shift, &dim) in shifts.iter().zip(dims) {
                y = roll(&y, shift, normalize_dim(dim, x.ndim())?)?;
            }
            Ok(y)
        },
        samples: [
            "u(5), 2",
            "u(2, 3), 1",
            "u(2, 3), -1, 1",
            "u(2, 3), (1, 2), (0, 1)",
            "u(3, 2).t(), 1, 0",
            "u(2, 3), 7, 0",
            "u(2, 3), (1, 1), (0, 0)",
            "u(0, 3), 1, 0",
            "u(), 1",
            "u(2, 3), (1, 2), 0",
            "u(2, 3), 1, 2",
        ],
    }
    /// `self` laid out `repeats` times along each dim; more repeats than dims add dims in front.
    repeat as ["method.repeat(Tensor self, int[] repeats) -> Tensor"] graph "RepeatBackward0" {
        call(x = self: &Tensor, repeats: &[i64]) {
            if repeats.len() < x.ndim() {
                bail!(
                    Runtime,
                    "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
                );
            }
            repeat(x, repeats)
        },
        samples: [
            "u(2, 3), 2, 3",
            "u(2, 3), (2, 1, 2)",
            "u(3), (4, 2)",
            "u(3, 2).t(), (1, 2)",
            "u(), (2,)",
            "u(), ()",
            "u(2, 3), (0, 1)",
            "u(0, 3), (2, 2)",
            "u(2, 3), (2,)",
            "u(2, 3), (2, -1)",
        ],
    }
    /// As `repeat`, where missing repeats of leading dims are 1.
    tile as ["tile(Tensor self, int[] dims) -> Tensor"] graph "RepeatBackward0" {
        call(x = self: &Tensor, dims: &[i64]) {
            let more = x.ndim().saturating_sub(dims.len());
            let all: Vec<i64> = std::iter::repeat_n(1, more).chain(dims.iter().copied()).collect();
            repeat(x, &all)
        },
        samples: ["u(2, 3), (2,)", "u(2, 3), 2, 2", "u(3), (2, 2)", "u(2, 3), ()", "u(), (2, 2)", "u(2, 3), (-1,)"],
    }
    /// Each entry of `dim` several times in a row: `repeats` times, or as often as a vector says. Without `dim` the flattened
    /// tensor is repeated. A vector alone gives each index as often as it says.
    ///
    /// Raises RuntimeError for negative repeats, and where they are not as many as entries.
    repeat_interleave as [
        "function.repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor",
        "repeat_interleave(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
        "repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
    ] {
        call(
            x = self: Option<&Tensor>,
            counts = repeats: Option<&Tensor>,
            times = repeats: Option<i64>,
            dim: Option<i64>,
            output_size: Option<i64>
        ) {
            let Some(x) = x else {
                let Some(counts) = counts else { bail!(Runtime, "internal error: repeat_interleave without repeats") };
                return to_device(indices(counts, output_size)?, counts);
            };
            let (x, dim) = match dim {
                Some(dim) => (x.clone(), normalize_dim(dim, x.ndim())?),
                None => (x.contiguous()?.view_to(&[x.numel()])?, 0),
            };
            let x = if x.ndim() == 0 { x.view_to(&[1])? } else { x };
            if let Some(times) = times {
                if times < 0 {
                    bail!(Runtime, "Repeats must be non-negative");
                }
                let n = x.shape()[dim];
                if output_size.is_some_and(|size| size != times.saturating_mul(n as i64)) {
                    bail!(Runtime, "repeat_interleave: Invalid output_size");
                }
                return each_times(&x, dim, times as usize);
            }
            let Some(counts) = counts else { bail!(Runtime, "internal error: repeat_interleave without repeats") };
            let n = x.shape()[dim];
            if !matches!(counts.dtype(), DType::I64 | DType::I32) {
                return Err(counts.dtype().lacks("repeat_interleave_cpu"));
            }
            if counts.ndim() > 1 {
                bail!(Runtime, "repeats must be 0-dim or 1-dim tensor");
            }
            if counts.numel() != 1 && counts.numel() != n {
                return Err(err!(Runtime, "repeats must have the same size as input along dim")
                    .hint(format!("got {} repeats for {n} entries", counts.numel())));
            }
            let counts = if counts.numel() == 1 && n != 1 {
                counts.reshape(&[1])?.expand_to(&[n])?
            } else {
                counts.reshape(&[n])?
            };
            x.index_select(dim, &to_device(indices(&counts, output_size)?, &x)?)
        },
        samples: [
            "ix(4, n=3)",
            "u(2, 3), 2",
            "u(2, 3), 2, 1",
            "u(3, 2).t(), 3, dim=0",
            "u(2, 3), at(1, 2), 0",
            "u(2, 3), at(2), dim=1",
            "u(3), at(0, 2, 1)",
            "u(), 3",
            "u(2, 3), 0, 0",
            "u(2, 3), at(1, 2), dim=1",
            "u(2, 3), at(1, -2), dim=0",
            "u(2, 3), -1",
            "u(2, 3), torch.tensor([1.0, 2.0]), 0",
            "torch.tensor([1.0, 2.0])",
        ],
    }
}

fn roll(x: &Tensor, shift: i64, dim: usize) -> Result<Tensor> {
    let n = x.shape().get(dim).copied().unwrap_or(1);
    if x.numel() == 0 || x.ndim() == 0 {
        return x.cloned(crate::ops::copy::Format::Preserve);
    }
    let first = n - shift.rem_euclid(n as i64) as usize;
    if first == n {
        return x.cloned(crate::ops::copy::Format::Contiguous);
    }
    cat(&[&x.narrow(dim, first, n - first)?, &x.narrow(dim, 0, first)?], dim)
}

fn repeat(x: &Tensor, repeats: &[i64]) -> Result<Tensor> {
    if let Some(&n) = repeats.iter().find(|&&n| n < 0) {
        return Err(err!(Runtime, "Trying to create tensor with negative dimension {n}: {}", list(repeats))
            .hint("repeats must not be negative"));
    }
    let lead = repeats.len() - x.ndim();
    // Each dim beside one of size 1, which is expanded and then joined with it.
    let (mut apart, mut wide, mut whole) = (Shape::new(), Shape::new(), Shape::new());
    for (d, &times) in repeats.iter().enumerate() {
        let n = if d < lead { 1 } else { x.shape()[d - lead] };
        apart.push(1);
        apart.push(n);
        wide.push(times as usize);
        wide.push(n);
        whole.push(n.checked_mul(times as usize).ok_or_else(|| err!(Runtime, "repeat: sizes overflow"))?);
    }
    x.reshape(&apart)?.expand_to(&wide)?.cloned(crate::ops::copy::Format::Contiguous)?.view_to(&whole)
}

/// Each entry of `dim` as often as `times` says, in a row.
fn each_times(x: &Tensor, dim: usize, times: usize) -> Result<Tensor> {
    let mut wide: Shape = x.shape().into();
    wide.insert(dim + 1, times);
    check_numel(&wide)?;
    let mut whole: Shape = x.shape().into();
    whole[dim] *= times;
    x.unsqueeze_dims(&[dim + 1])?.expand_to(&wide)?.cloned(crate::ops::copy::Format::Contiguous)?.view_to(&whole)
}

/// Index i `counts[i]` times, in order, on the CPU.
fn indices(counts: &Tensor, output_size: Option<i64>) -> Result<Tensor> {
    if counts.ndim() != 1 {
        bail!(Runtime, "repeat_interleave only accept 1D vector as repeat");
    }
    if !matches!(counts.dtype(), DType::I64 | DType::I32) {
        return Err(counts.dtype().lacks("repeat_interleave_cpu"));
    }
    if counts.device().is_meta() {
        let Some(n) = output_size else {
            bail!(Runtime, "cannot repeat_interleave a meta tensor without output_size");
        };
        if n < 0 {
            bail!(Runtime, "Trying to create tensor with negative dimension {n}: [{n}]");
        }
        return Tensor::constant(&[n as usize], DType::I64, Device::META, 0);
    }
    let counts = counts.detach().to_device(Device::CPU)?.to_dtype(DType::I64)?.contiguous()?.array().to_vec::<i64>();
    if counts.iter().any(|&n| n < 0) {
        bail!(Runtime, "repeats can not be negative");
    }
    let total = counts.iter().try_fold(0usize, |sum, &n| sum.checked_add(n as usize));
    let Some(total) = total else { bail!(Runtime, "repeat_interleave: sizes overflow") };
    if output_size.is_some_and(|n| n != total as i64) {
        bail!(Runtime, "allocated size does not match required size");
    }
    let each = counts.iter().enumerate().flat_map(|(i, &n)| std::iter::repeat_n(i as i64, n as usize));
    let mut out = Vec::new();
    if out.try_reserve_exact(total).is_err() {
        bail!(OutOfMemory, "repeat_interleave: {total} indices do not fit in memory");
    }
    out.extend(each);
    Ok(enter("repeat_interleave", Array::from_slice(&[total], &out)?))
}

fn to_device(x: Tensor, like: &Tensor) -> Result<Tensor> {
    x.to_device(like.device())
}

impl Tensor {
    /// The entries of `dims` in reverse order.
    pub fn flip(&self, dims: &[usize]) -> Result<Tensor> {
        apply(Flip { dims: dims.into() }, &[self])
    }
}

struct Flip {
    dims: Shape,
}

impl Op for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(Meta::new(crate::ops::copy::Format::Preserve.layout(&x[0].layout)?, x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if x[0].numel() == 0 {
            return Ok(());
        }
        // Backwards from the last entry of each dim.
        let mut from: Layout = x[0].layout.clone();
        let mut offset = from.offset as isize;
        for &d in self.dims.iter().filter(|&&d| d < x[0].ndim()) {
            offset += (from.shape[d] as isize - 1) * from.strides[d];
            from.strides[d] = -from.strides[d];
        }
        from.offset = offset as usize;
        data::copy(&x[0].with_layout(from), &out[0])
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.flip(&self.dims)?)
    }
}
