//! Where elements are not zero, and what stands there: nonzero, argwhere, where(condition), count_nonzero, masked_select,
//! masked_scatter.

use super::reduce::Over;
use crate::core::shape::broadcast;
use crate::core::spoken::library;
use crate::core::{DType, Device, Meta, Number, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::compare::ne;
use crate::ops::elementwise::map;
use crate::tensor::{Op, Operand, Outs, Tensor, apply, data, mode};
use crate::{bail, cpu, err};

ops! {
    /// The indices of all elements that are not zero, a row each, in logical order: (count, ndim).
    ///
    /// With `as_tuple` one vector for each dim, of a 0-d tensor as of a vector.
    ///
    ///     >>> torch.nonzero(torch.tensor([0, 4, 5]))
    ///     tensor([[1],
    ///             [2]])
    nonzero + out + exact as [
        "nonzero(Tensor self, *, bool as_tuple=False) -> Tensor",
    ] {
        call(x = self: &Tensor, as_tuple: bool; a) {
            if as_tuple && !a.out.is_empty() {
                bail!(Runtime, "nonzero does not support the out kwarg when as_tuple is True");
            }
            if let Some(out) = a.out.first()
                && out.dtype() != DType::I64
            {
                bail!(
                    Runtime,
                    "nonzero: Expected out tensor to have scalar type Long but got scalar type{}",
                    out.dtype().scalar_name()
                );
            }
            if as_tuple { tuple("nonzero", x).map(Outs::Many) } else { nonzero("nonzero", x, false).map(Outs::Tensor) }
        },
        samples: [
            "mask(2, 3)",
            "ix(2, 3, n=2)",
            "u(2, 3) > 0",
            "edges(0.0, -0.0, NAN, 1.0, INF)",
            "mask(3, 2, 2), as_tuple=True",
            "mask(3, 2).t()",
            "u()",
            "u() > 9",
            "u(), as_tuple=True",
            "u(0, 3)",
            "u(0, 3), as_tuple=True",
            "mask(2, 3), as_tuple=False",
        ],
    }
    /// `nonzero` cut, or filled up with rows of `fill_value`, to `size` rows.
    nonzero_static + out + exact as ["nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor"] {
        call(x = self: &Tensor, size: i64, fill_value: i64) {
            if size < 0 {
                bail!(Runtime, "nonzero_static: 'size' must be an non-negative integer");
            }
            if x.device().is_meta() {
                let shape = [size as usize, x.ndim()];
                return Tensor::constant(&shape, DType::I64, x.device(), fill_value);
            }
            let rows = nonzero("nonzero_static", x, false)?.contiguous()?;
            crate::ops::pad::constant(&rows, &[0, 0, 0, size - rows.shape()[0] as i64], Number::Int(fill_value))
        },
        samples: ["mask(2, 3), size=4", "mask(2, 3), size=1", "u(3), size=5, fill_value=7", "u(0), size=2", "mask(2), size=-1"],
    }
    /// `nonzero`, also of a 0-d tensor: one row without columns where it is not zero.
    argwhere as ["argwhere(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) { nonzero("argwhere", x, false) },
        samples: ["mask(2, 3)", "u(3)", "u()", "u(0)"],
    }
    /// `nonzero(condition, as_tuple=True)`.
    ///
    ///     >>> torch.where(torch.tensor([True, False]), torch.tensor([1., 2.]), 0.)
    ///     tensor([1., 0.])
    where_true as ["function.where(Tensor condition) -> Tensor[]; no out"] {
        call(condition: &Tensor) { tuple("where", condition).map(Outs::Many) },
        samples: ["mask(2, 3)", "u(3, 2).t()", "u()"],
    }
    /// How many elements are not zero, over `dim` (all dims if None).
    ///
    ///     >>> torch.count_nonzero(torch.tensor([0, 3, 0, 5]))
    ///     tensor(2)
    count_nonzero as [
        "count_nonzero(Tensor self, int? dim=None) -> Tensor",
        "count_nonzero(Tensor self, int[1] dim) -> Tensor",
    ] {
        call(x = self: &Tensor, dim: Option<i64>, dims = dim: Option<&[i64]>) {
            let one = dim.map(|d| [d]);
            let over = Over::new(x, dims.or(one.as_ref().map(|d| &d[..])), false)?;
            x.detach().to_dtype(DType::Bool)?.sum(&over.dims, false)
        },
        samples: ["mask(2, 3)", "ix(2, 3, n=2), 1", "edges(0.0, NAN, INF, -0.0)", "mask(2, 3, 2), (0, 2)", "u(0, 3), 0", "u()",
            "mask(2, 3), ()", "u(2, 3), 2"],
    }
    /// The elements of `self` where `mask` is true, in logical order, as a vector. Both broadcast.
    ///
    ///     >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    ///     tensor([1, 3])
    masked_select + out + exact + apart as [
        "masked_select(Tensor self, Tensor mask) -> Tensor",
    ] graph "MaskedSelectBackward0" {
        call(x = self: &Tensor, mask: &Tensor) {
            if mask.dtype() != DType::Bool {
                bail!(Runtime, "masked_select: expected BoolTensor for mask");
            }
            data::needs_values("masked_select", &[x, mask])?;
            let shape = broadcast(x.shape(), mask.shape())?;
            let places = nonzero("masked_select", &mask.expand_to(&shape)?, true)?;
            x.expand_to(&shape)?.reshape(&[shape.iter().product()])?.index_select(0, &places)
        },
        samples: ["u(2, 3), mask(2, 3)", "u(3), mask(2, 3)", "u(2, 3), mask(2, 1)", "u(3, 2).t(), mask(2, 3)", "u(), mask(2)",
            "u(0), mask(0)", "u(2, 3), mask(2)", "u(2), u(2)"],
    }
    /// `self` with elements of `source`, in logical order, where `mask` is true. `mask` and `self` broadcast.
    ///
    /// Raises RuntimeError where `source` has too few elements, or another dtype.
    masked_scatter + inplace as [
        "masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor",
    ] graph "MaskedScatterBackward0" {
        call(x = self: &Tensor, mask: &Tensor, source: &Tensor) {
            if x.dtype() != source.dtype() {
                bail!(
                    Runtime,
                    "masked_scatter: expected self and source to have same dtypes but got {} and {}",
                    x.dtype().scalar_name(),
                    source.dtype().scalar_name()
                );
            }
            if mask.dtype() != DType::Bool {
                bail!(Runtime, "masked_scatter_ only supports boolean masks, but got mask with dtype {}", mask.dtype().scalar_name());
            }
            let shape = broadcast(x.shape(), mask.shape())?;
            let places = match mask.device().is_meta() {
                // As many as may be: the result looks the same, whatever they are.
                true => {
                    let n = shape.iter().product::<usize>().min(source.numel());
                    Tensor::constant(&[n], DType::I64, Device::META, 0)?
                }
                false => nonzero("masked_scatter", &mask.expand_to(&shape)?, true)?,
            };
            let n = places.numel();
            if source.numel() < n {
                return Err(err!(Runtime, "Number of elements of source < number of ones in mask")
                    .hint(format!("masked_scatter: {n} places for {} elements", source.numel())));
            }
            let part = source.reshape(&[source.numel()])?.narrow(0, 0, n)?;
            let flat = x.expand_to(&shape)?.reshape(&[shape.iter().product()])?;
            flat.scatter_set(0, &places, &part)?.view_to(&shape)
        },
        samples: ["u(2, 3), mask(2, 3), u(6)", "u(2, 3), mask(3), u(2, 4)", "u(3), mask(2, 3), u(6)", "u(3, 2).t(), mask(2, 3), u(6)",
            "u(2, 3), mask(2, 3), u(0)", "u(2, 3), u(2, 3), u(6)", "u(2, 3), mask(2), u(6)"],
    }
}

/// The places of what is not zero: rows of indices, or numbers in logical order.
pub fn nonzero(name: &'static str, x: &Tensor, flat: bool) -> Result<Tensor> {
    if x.device().is_meta() {
        return Err(err!(
            NotImplemented,
            "The register_meta function for {}.nonzero() raises unimplemented by default, as a correct \
             data-independent implementation does not exist.",
            library()
        )
        .hint(format!("{name}: how many elements are not zero is not known on meta")));
    }
    if x.device().is_gpu() {
        if x.ndim() == 0 || x.numel() == 0 {
            return nonzero(name, &x.detach().to_device(Device::CPU)?, flat)?.to_device(x.device());
        }
        return on_gpu(x, flat);
    }
    if x.dtype().is_complex() {
        let zero = Operand::Number(crate::core::Number::Int(0));
        return nonzero(name, &map::on(&ne::ROW, [Operand::Tensor(&x.detach()), zero])?, flat);
    }
    let (array, mut before) = (x.array().clone(), Vec::new());
    mode::unlocked(array.numel(), &mut || before = cpu::nonzero::count(&array));
    apply(Nonzero { name, before, flat }, &[&x.detach()])
}

/// As [`nonzero`] of what is not empty, by a scan of the mask: what is not zero goes to the place that the scan counts, all else to one behind the last.
fn on_gpu(x: &Tensor, flat: bool) -> Result<Tensor> {
    let n = x.numel();
    let mask = x.detach().reshape(&[n])?.to_dtype(DType::Bool)?;
    let counts = mask.to_dtype(DType::I64)?.cumsum(0, false)?;
    let total = counts.select(0, n - 1)?.to_device(Device::CPU)?.array().element(&[]).to_i64() as usize;
    let last = super::scatter::number(Number::Int(total as i64), &counts, &[])?;
    let place = mask.choose(Operand::Tensor(&counts.add_number(-1i64)?), Operand::Tensor(&last))?;
    let room = super::scatter::number(Number::Int(0), &counts, &[total + 1])?;
    let found = room.scatter_set(0, &place, &super::composite::counted(n, x.device())?)?.narrow(0, 0, total)?;
    if flat {
        return found.contiguous();
    }
    // The indices of a dim lie together.
    let mut rest = found;
    let mut dims = Vec::with_capacity(x.ndim());
    for &size in x.shape().iter().rev() {
        let size = super::scatter::number(Number::Int(size as i64), &rest, &[])?;
        let above = rest.floor_divide(&size)?;
        dims.push(rest.sub(&above.mul(&size)?)?);
        rest = above;
    }
    dims.reverse();
    let rows = dims.iter().map(|t| t.unsqueeze_dims(&[0])).collect::<Result<Vec<_>>>()?;
    super::join::cat(&rows.iter().collect::<Vec<_>>(), 0)?.transpose(0, 1)
}

fn tuple(name: &'static str, x: &Tensor) -> Result<Vec<Tensor>> {
    let x = if x.ndim() == 0 { x.reshape(&[1])? } else { x.clone() };
    let places = nonzero(name, &x, false)?;
    (0..x.ndim()).map(|d| places.select(1, d)).collect()
}

struct Nonzero {
    name: &'static str,
    /// How many come before each chunk; last how many there are.
    before: Vec<usize>,
    flat: bool,
}

impl Op for Nonzero {
    fn name(&self) -> &'static str {
        self.name
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let total = self.before.last().copied().unwrap_or(0);
        let shape: Shape = if self.flat { [total][..].into() } else { [total, x[0].ndim()][..].into() };
        let mut meta = x[0].contiguous(shape).with_dtype(DType::I64);
        if !self.flat {
            // The indices of a dim lie together.
            meta.layout.strides = [1, total as isize][..].into();
        }
        Ok(meta)
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        cpu::nonzero::write(x[0], &self.before, self.flat, &out[0]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        x[0].numel()
    }
    fn differentiable(&self) -> bool {
        false
    }
}
