//! Tensors made from nothing: zeros, ones, full, empty, ranges, eye, and their `_like` and `new_` forms; fill_ and zero_.

use super::copy::Format;
use super::options::Options;
use crate::core::shape::list;
use crate::core::{DType, Device, Layout, Meta, Number, Shape};
use crate::cpu;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::apply_inplace;
use crate::tensor::source::Constant;
use crate::tensor::{Args, Context, Cotangents, Grads, Op, Operand, Tensor, apply, data, mode};
use crate::{bail, err, gpu};

/// The sizes that a user gave.
pub fn sizes(size: &[i64]) -> Result<Shape> {
    match size.iter().find(|&&n| n < 0) {
        Some(n) => bail!(Runtime, "Trying to create tensor with negative dimension {n}: {}", list(size)),
        None => Ok(size.iter().map(|&n| n as usize).collect()),
    }
}

pub fn empty(name: &'static str, layout: Layout, dtype: DType, device: Device) -> Result<Tensor> {
    apply(Constant { name, meta: Meta::new(layout, dtype, device), value: None }, &[])
}

fn filled(name: &'static str, layout: Layout, dtype: DType, device: Device, value: Number) -> Result<Tensor> {
    check_fits(value, dtype)?;
    apply(Constant { name, meta: Meta::new(layout, dtype, device), value: Some(value) }, &[])
}

fn zeroed(name: &'static str, layout: Layout, dtype: DType, device: Device) -> Result<Tensor> {
    filled(name, layout, dtype, device, Number::Int(0))
}

/// A number that is written into elements must fit them.
pub fn check_fits(value: Number, dtype: DType) -> Result<()> {
    if value.fits(dtype) {
        return Ok(());
    }
    Err(value.misfit(dtype))
}

const SIZED: &[&str] = &["(2, 3)", "2, 3", "()", "(0, 3)", "(2,), dtype=int64", "3, dtype=bool", "(2, -3)"];
const LIKE: &[&str] = &["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "u(1, 3).expand(2, 3)", "u(), dtype=int64"];
const NEW: &[&str] = &["u(2), (2, 3)", "u(2), 3, 2", "u(2), (2,), dtype=int64", "u(2), ()"];

ops! {
    /// Zeros.
    ///
    ///     >>> torch.zeros(2, 3)
    ///     tensor([[0., 0., 0.],
    ///             [0., 0., 0.]])
    zeros + out as ["function.zeros(int[] size, *, {options}, memory_format? memory_format=None) -> Tensor"] {
        call(size: &[i64], options: Options) {
            if size.iter().any(|&n| n < 0) {
                return Err(err!(Runtime, "zeros: Dimension size must be non-negative.").hint(format!("got {}", list(size))));
            }
            let layout = Layout::contiguous(sizes(size)?);
            options.finish(zeroed("zeros", layout, options.float(), options.device())?)
        },
        samples: SIZED,
    }
    /// Ones.
    ///
    ///     >>> torch.ones(2, dtype=torch.int64)
    ///     tensor([1, 1])
    ones + out as ["function.ones(int[] size, *, {options}, memory_format? memory_format=None) -> Tensor"] {
        call(size: &[i64], options: Options) {
            let layout = Layout::contiguous(sizes(size)?);
            options.finish(filled("ones", layout, options.float(), options.device(), Number::Int(1))?)
        },
        samples: SIZED,
    }
    /// A tensor of any content.
    empty + out as ["function.empty(int[] size, *, {options}, memory_format? memory_format=None) -> Tensor"] {
        call(size: &[i64], options: Options, memory_format: Option<Format>) {
            let layout = Layout::contiguous(sizes(size)?);
            let layout = memory_format.map_or(Ok(layout.clone()), |f| f.layout(&layout))?;
            options.finish(empty("empty", layout, options.float(), options.device())?)
        },
        samples: ["(0, 3)", "(2, -3)"],
    }
    /// Every element `fill_value`, whose kind (bool, int, float) gives the dtype if none is given.
    ///
    ///     >>> torch.full((2, 2), 7)
    ///     tensor([[7, 7],
    ///             [7, 7]])
    full + out as ["function.full(int[] size, Scalar fill_value, *, {options}) -> Tensor"] {
        call(size: &[i64], value = fill_value: Number, options: Options) {
            let kind = match crate::core::promote::number_dtype(value, mode::default_float()) {
                DType::U64 => DType::I64,
                // Half a default makes no complex half here, as in PyTorch.
                DType::C32 => DType::C64,
                kind => kind,
            };
            let layout = Layout::contiguous(sizes(size)?);
            options.finish(filled("full", layout, options.or(kind), options.device(), value)?)
        },
        samples: ["(2, 3), 1.5", "(2,), 3", "(2,), True", "(), 2.5", "(2,), 3.7, dtype=int64", "(2,), 300, dtype=uint8"],
    }
    /// `start`, `start + step`, ... below `end`. int64 where all three are ints, else the default float dtype.
    ///
    ///     >>> torch.arange(1, 2.5, 0.5)
    ///     tensor([1.0000, 1.5000, 2.0000])
    arange + out as [
        "function.arange(Scalar end, *, {options}) -> Tensor",
        "function.arange(Scalar start, Scalar end, Scalar step=1, *, {options}) -> Tensor",
    ] {
        call(start: Option<Number>, end: Number, step: Option<Number>, options: Options; a) {
            let (start, step) = (start.unwrap_or(Number::Int(0)), step.unwrap_or(Number::Int(1)));
            let float = [start, end, step].iter().any(|n| matches!(n, Number::Float(_)));
            let dtype = if float { options.float() } else { options.or(DType::I64) };
            let n = range_len(start, end, step, dtype)?;
            // What a GPU's kernel cannot count comes from the CPU.
            let there = options.device().is_gpu() && gpu::create::counts(dtype, n, start, step);
            let device = if there { options.device() } else { options.source() };
            let meta = Meta::new(Layout::contiguous([n][..].into()), dtype, device);
            options.finish(as_out(apply(Arange { meta, start, step }, &[])?, a)?)
        },
        samples: [
            "5",
            "5.0",
            "1, 5",
            "1, 5, 0.5",
            "5, 1, -1",
            "0, 1, 0.1",
            "start=1, end=9, step=3",
            "0, 5, dtype=float16",
            "0.5, 4, dtype=int64",
            "5, 1",
            "0, 5, 0",
            "0, INF",
            "5, dtype=bool",
        ],
    }
    /// `steps` evenly spaced numbers from `start` to `end`, both included.
    ///
    ///     >>> torch.linspace(0, 1, 5)
    ///     tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    linspace + out as ["function.linspace(Operand start, Operand end, int steps, *, {options}) -> Tensor"] {
        call(start: Operand, end: Operand, steps: i64, options: Options; a) {
            let options = options.between([start, end]);
            let Line { start, end, dtype } = line("linspace", start, end, steps, &options)?;
            if dtype == DType::Bool {
                return Err(dtype.lacks("linspace_cpu"));
            }
            if dtype.is_integral() {
                check_fits(start, dtype)?;
                check_fits(end, dtype)?;
            }
            options.finish(as_out(linspaced(start, end, steps as usize, dtype, options.source())?, a)?)
        },
        samples: [
            "0, 1, 5",
            "-3, 7, 50",
            "0, 1, 1",
            "0, 1, 0",
            "0, 10, 5, dtype=int64",
            "0, 1, 7, dtype=float64",
            "0, 1, -1",
        ],
    }
    /// An n x m matrix (n x n if m is not given) with ones on the diagonal.
    ///
    ///     >>> torch.eye(2)
    ///     tensor([[1., 0.],
    ///             [0., 1.]])
    eye + out as ["function.eye(int n, *, {options}) -> Tensor", "function.eye(int n, int m, *, {options}) -> Tensor"] {
        call(n: i64, m: Option<i64>, options: Options) {
            let m = m.unwrap_or(n);
            if n < 0 {
                bail!(Runtime, "n must be greater or equal to 0, got {n}");
            }
            if m < 0 {
                bail!(Runtime, "m must be greater or equal to 0, got {m}");
            }
            options.float().to_real().usual("eye")?;
            let layout = Layout::contiguous([n as usize, m as usize][..].into());
            let meta = Meta::new(layout, options.float(), options.device());
            options.finish(apply(Eye { meta }, &[])?)
        },
        samples: ["3", "2, 3", "3, 2, dtype=int64", "0", "2, dtype=bool", "-1", "2, -1"],
    }
    /// Zeros with the shape, strides and dtype of `self`.
    zeros_like as ["function.zeros_like(Tensor self, *, {options}, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, options: Options, memory_format: Option<Format>) {
            like(x, options, memory_format, |layout, dtype, device| zeroed("zeros_like", layout, dtype, device))
        },
        samples: LIKE,
    }
    /// Ones with the shape, strides and dtype of `self`.
    ones_like as ["function.ones_like(Tensor self, *, {options}, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, options: Options, memory_format: Option<Format>) {
            like(x, options, memory_format, |layout, dtype, device| filled("ones_like", layout, dtype, device, Number::Int(1)))
        },
        samples: LIKE,
    }
    /// Any content, with the shape, strides and dtype of `self`.
    empty_like as ["function.empty_like(Tensor self, *, {options}, memory_format? memory_format=None) -> Tensor"] {
        call(x = self: &Tensor, options: Options, memory_format: Option<Format>) {
            like(x, options, memory_format, |layout, dtype, device| empty("empty_like", layout, dtype, device))
        },
        samples: ["u(0, 3)"],
    }
    /// Zeros of the dtype of `self`.
    new_zeros as ["method.new_zeros(Tensor self, int[] size, *, {options}) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64], options: Options) {
            new(x, size, options, |layout, dtype, device| zeroed("new_zeros", layout, dtype, device))
        },
        samples: NEW,
    }
    /// Ones of the dtype of `self`.
    new_ones as ["method.new_ones(Tensor self, int[] size, *, {options}) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64], options: Options) {
            new(x, size, options, |layout, dtype, device| filled("new_ones", layout, dtype, device, Number::Int(1)))
        },
        samples: NEW,
    }
    /// Any content, of the dtype of `self`.
    new_empty as ["method.new_empty(Tensor self, int[] size, *, {options}) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64], options: Options) {
            new(x, size, options, |layout, dtype, device| empty("new_empty", layout, dtype, device))
        },
        samples: ["u(2), (0, 3)"],
    }
    /// `fill_value` everywhere, with the shape, strides and dtype of `self`.
    full_like as [
        "function.full_like(Tensor self, Scalar fill_value, *, {options}, memory_format? memory_format=None) -> Tensor",
    ] {
        call(x = self: &Tensor, value = fill_value: Number, options: Options, memory_format: Option<Format>) {
            like(x, options, memory_format, |layout, dtype, device| filled("full_like", layout, dtype, device, value))
        },
        samples: ["u(2, 3), 2", "u(3, 2).t(), 1.5", "ix(3, n=4), 2.5", "u(2), 300, dtype=uint8"],
    }
    /// `fill_value` everywhere, of the dtype of `self`.
    new_full as ["method.new_full(Tensor self, int[] size, Scalar fill_value, *, {options}) -> Tensor"] {
        call(x = self: &Tensor, size: &[i64], value = fill_value: Number, options: Options) {
            new(x, size, options, |layout, dtype, device| filled("new_full", layout, dtype, device, value))
        },
        samples: ["u(2), (2, 3), 3", "ix(2, n=3), (2,), 3.7"],
    }
    /// `value` everywhere, with the shape, strides and dtype of `self`.
    fill as ["function.fill(Tensor self, Operand value) -> Tensor"] {
        call(x = self: &Tensor, value: Operand) {
            match value {
                Operand::Number(n) => {
                    check_fits(n, x.dtype())?;
                    apply(Fill { value: Some(n), of: None, name: "fill" }, &[x])
                }
                Operand::Tensor(t) => {
                    check_scalar(t)?;
                    apply(Fill { value: None, of: Some(t.dtype()), name: "fill" }, &[x, t])
                }
            }
        },
        samples: ["u(2, 3), 3", "u(3, 2).t(), 1.5", "u(2), u()"],
    }
    /// Overwrites every element with `value`.
    fill_ as ["fill_(Tensor self, Operand value) -> Tensor"] {
        call(x = self: &Tensor, value: Operand) {
            match value {
                Operand::Number(n) => {
                    check_fits(n, x.dtype())?;
                    apply_inplace(Fill { value: Some(n), of: None, name: "fill" }, &[x])
                }
                Operand::Tensor(t) => {
                    check_scalar(t)?;
                    apply_inplace(Fill { value: None, of: Some(t.dtype()), name: "fill" }, &[x, t])
                }
            }
        },
        samples: ["u(2, 3), 3", "u(3, 2).t(), 1.5", "u(2), u()", "u(6)[::2], -1", "u(2), u(1)"],
    }
    /// Overwrites every element with zero.
    zero_ as ["zero_(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            apply_inplace(Fill { value: Some(Number::Int(0)), of: None, name: "zero" }, &[x])
        },
        samples: ["u(2, 3)", "u(3, 2).t()", "u(6)[::2]"],
    }
}

/// The ends of a line of numbers, and the dtype of these.
pub(super) struct Line {
    pub start: Number,
    pub end: Number,
    pub dtype: DType,
}

pub(super) fn line(name: &str, start: Operand, end: Operand, steps: i64, options: &Options) -> Result<Line> {
    let dims = [start, end].map(|o| if let Operand::Tensor(t) = o { t.ndim() } else { 0 });
    if dims != [0, 0] {
        bail!(
            Runtime,
            "{name} only supports 0-dimensional start and end tensors, but got start with {} dimension(s) and end with {} \
             dimension(s).",
            dims[0],
            dims[1]
        );
    }
    let end_of = |o: Operand| match o {
        // On `meta` nobody sees which numbers lie between the ends.
        Operand::Tensor(t) if t.device().is_meta() && options.device().is_meta() => Ok(Number::Float(0.0)),
        o => number(o),
    };
    let (start, end) = (end_of(start)?, end_of(end)?);
    let complex = [start, end].iter().any(|n| matches!(n, Number::Complex(..)));
    let inferred = mode::default_float().to_complex();
    let dtype = if complex { options.or(inferred) } else { options.float() };
    if complex && !dtype.is_complex() {
        let (library, from, to) = (crate::core::spoken::library(), inferred.c_words(), dtype.scalar_name());
        bail!(Runtime, "{library}.{name}(): inferred dtype {from} can't be safely cast to passed dtype {to}");
    }
    if steps < 0 {
        bail!(Runtime, "number of steps must be non-negative");
    }
    if steps > 0 {
        dtype.to_real().usual(&format!("{name}_cpu"))?;
    }
    Ok(Line { start, end, dtype })
}

/// A line of numbers in the shape of an `out=` of as many elements, which keeps its own.
pub fn as_out(line: Tensor, a: &Args) -> Result<Tensor> {
    match a.out {
        [out] if out.numel() == line.numel() => line.view_to(out.shape()),
        _ => Ok(line),
    }
}

/// `n` evenly spaced numbers from `start` to `end`.
pub fn linspaced(start: Number, end: Number, n: usize, dtype: DType, device: Device) -> Result<Tensor> {
    let meta = Meta::new(Layout::contiguous([n][..].into()), dtype, device.source());
    apply(Linspace { meta, start, end }, &[])?.to_device(device)
}

/// A number, or a 0-d tensor's.
pub fn number(value: Operand) -> Result<Number> {
    match value {
        Operand::Number(n) => Ok(n),
        Operand::Tensor(t) => {
            if t.ndim() != 0 {
                bail!(Runtime, "expected a number or a 0-dimensional tensor, but got {} dimensions", t.ndim());
            }
            data::number(t)
        }
    }
}

fn range_len(start: Number, end: Number, step: Number, dtype: DType) -> Result<usize> {
    if dtype == DType::Bool {
        return Err(DType::Bool.lacks("arange_cpu"));
    }
    dtype.usual("arange_cpu")?;
    let (from, to, by) = (start.to_f64(), end.to_f64(), step.to_f64());
    if by == 0.0 || by.is_nan() {
        bail!(Runtime, "step must be nonzero");
    }
    if !from.is_finite() || !to.is_finite() {
        let text = |v: f64| if v.is_nan() { "nan".into() } else { format!("{v}") };
        bail!(Runtime, "unsupported range: {} -> {}", text(from), text(to));
    }
    if (by > 0.0 && to < from) || (by < 0.0 && to > from) {
        bail!(Runtime, "upper bound and lower bound inconsistent with step sign");
    }
    let n = if dtype == DType::I64 {
        [start, end, step].into_iter().try_for_each(|n| check_fits(n, dtype))?;
        let (from, to, by) = (start.to_i64() as i128, end.to_i64() as i128, step.to_i64() as i128);
        if by == 0 {
            bail!(Value, "step must be nonzero");
        }
        ((to - from + by - by.signum()) / by).max(0) as f64
    } else {
        ((to - from) / by).ceil()
    };
    if n > i64::MAX as f64 {
        bail!(Runtime, "invalid size, possible overflow?");
    }
    Ok(n as usize)
}

/// What `make` gives with the shape, strides, dtype and device of `x`, where `options` do not say otherwise.
pub fn like(
    x: &Tensor,
    options: Options,
    format: Option<Format>,
    make: impl FnOnce(Layout, DType, Device) -> Result<Tensor>,
) -> Result<Tensor> {
    let options = options.like(x);
    let layout = format.unwrap_or(Format::Preserve).layout(x.layout())?;
    options.finish(make(layout, options.or(x.dtype()), options.device())?)
}

/// As [`like`], of another size.
fn new(
    x: &Tensor,
    size: &[i64],
    options: Options,
    make: impl FnOnce(Layout, DType, Device) -> Result<Tensor>,
) -> Result<Tensor> {
    let options = options.like(x);
    options.finish(make(Layout::contiguous(sizes(size)?), options.or(x.dtype()), options.device())?)
}

/// `start`, `start + step`, ...
pub struct Arange {
    pub meta: Meta,
    pub start: Number,
    pub step: Number,
}

impl Op for Arange {
    fn name(&self) -> &'static str {
        "arange"
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        cpu::create::arange(&out[0], self.start, self.step);
        Ok(())
    }
    fn gpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        gpu::create::arange(&out[0], self.start, self.step)
    }
}

/// On the CPU only: the numbers are brought where they were asked for.
struct Linspace {
    meta: Meta,
    start: Number,
    end: Number,
}

impl Op for Linspace {
    fn name(&self) -> &'static str {
        "linspace"
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        cpu::create::linspace(&out[0], self.start, self.end);
        Ok(())
    }
}

struct Eye {
    meta: Meta,
}

impl Op for Eye {
    fn name(&self) -> &'static str {
        "eye"
    }
    fn infer(&self, _: &[&Meta]) -> Result<Meta> {
        Ok(self.meta.clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        cpu::create::eye(&out[0]);
        Ok(())
    }
    fn gpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        gpu::create::eye(&out[0])
    }
}

fn check_scalar(t: &Tensor) -> Result<()> {
    if t.ndim() != 0 {
        return Err(err!(
            Runtime,
            "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.",
            t.ndim()
        ));
    }
    Ok(())
}

/// Input 0 overwritten with a number, or with the 0-d input 1, whose dtype is `of`.
struct Fill {
    value: Option<Number>,
    of: Option<DType>,
    name: &'static str,
}

impl Op for Fill {
    fn name(&self) -> &'static str {
        self.name
    }
    fn grad_name(&self) -> String {
        match (self.name, self.value) {
            ("zero", _) => "ZeroBackward",
            (_, Some(_)) => "FillBackward2",
            (_, None) => "FillBackward3",
        }
        .into()
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(Meta::new(Format::Preserve.layout(&x[0].layout)?, x[0].dtype, x[0].device))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        match self.value {
            Some(v) => data::fill(&out[0], v),
            None => data::copy(&x[1].with_layout(x[1].layout.broadcast_to(out[0].shape())), &out[0]),
        }
    }
    fn everywhere(&self) -> bool {
        true
    }
    fn aliases(&self) -> bool {
        true
    }
    fn repeats(&self) -> bool {
        true
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::two(c, || zeros_like(g), || g.sum_to(&[])?.to_dtype(self.of.unwrap_or(g.dtype())))
    }
}

/// Contiguous zeros of the shape and dtype of `t`, outside the graph.
pub fn zeros_like(t: &Tensor) -> Result<Tensor> {
    zeroed("zeros_like", Layout::contiguous(t.shape().into()), t.dtype(), t.device())
}
