//! Tensors made from nothing: zeros, ones, full, empty, ranges, eye, and their `_like` and `new_` forms; fill_ and zero_.

use super::copy::Format;
use crate::core::shape::list;
use crate::core::{DType, Device, Layout, Meta, Number, Shape};
use crate::cpu;
use crate::device::Array;
use crate::error::Result;
use crate::tensor::apply::apply_inplace;
use crate::tensor::def::Twins;
use crate::tensor::{Args, Context, Cotangents, Grads, Op, OpDef, Operand, Outs, Tensor, apply, data, mode};
use crate::{bail, err, gpu};

/// The rows of this family.
pub const ROWS: &[&OpDef] = &[
    &ZEROS,
    &ONES,
    &EMPTY,
    &FULL,
    &ARANGE,
    &LINSPACE,
    &EYE,
    &ZEROS_LIKE,
    &ONES_LIKE,
    &EMPTY_LIKE,
    &FULL_LIKE,
    &NEW_ZEROS,
    &NEW_ONES,
    &NEW_EMPTY,
    &NEW_FULL,
    &FILL,
    &FILL_,
    &ZERO_,
];

/// The keywords of every function that makes a tensor: dtype, layout, device, pin_memory, requires_grad, from
/// position `at` on.
pub struct Made {
    pub dtype: Option<DType>,
    device: Option<Device>,
    requires_grad: bool,
}

impl Made {
    pub fn parse(op: &str, a: &Args, at: usize) -> Result<Made> {
        let device = a.opt_device(at + 2);
        if let Some(device) = device {
            device.require(op)?;
        }
        let (given, out) = (a.opt_dtype(at), a.out_dtype());
        if let (Some(given), Some(out)) = (given, out)
            && given != out
        {
            bail!(
                Runtime,
                "dtype {} does not match dtype of out parameter ({})",
                given.scalar_name(),
                out.scalar_name()
            );
        }
        // What is made for `out=` is made where that is.
        let device = device.map(Device::plain).or(a.out.first().map(|t| t.device()));
        Ok(Made { dtype: given.or(out), device, requires_grad: a.flag(at + 4) })
    }

    pub fn or(&self, dtype: DType) -> DType {
        self.dtype.unwrap_or(dtype)
    }

    /// For what is made like `x`: on its device, if none is given.
    #[must_use]
    pub fn like(mut self, x: &Tensor) -> Made {
        self.device.get_or_insert(x.device());
        self
    }

    pub fn device(&self) -> Device {
        self.device.unwrap_or(Device::CPU)
    }

    pub fn float(&self) -> DType {
        self.or(mode::default_float())
    }

    /// The finished tensor, where it was asked for; numbers that a device does not make come from the CPU.
    pub fn finish(&self, t: Tensor) -> Result<Outs> {
        let t = t.to_device(self.device())?;
        if self.requires_grad {
            if !t.dtype().is_float() {
                bail!(Runtime, "Only Tensors of floating point and complex dtype can require gradients");
            }
            t.set_requires_grad(true)?;
        }
        Ok(t.into())
    }
}

/// The sizes that a user gave `zeros`, which has words of its own.
fn sizes_of(name: &str, size: &[i64]) -> Result<Shape> {
    if name == "zeros" && size.iter().any(|&n| n < 0) {
        return Err(err!(Runtime, "zeros: Dimension size must be non-negative.").hint(format!("got {}", list(size))));
    }
    sizes(size)
}

/// The sizes that a user gave.
pub fn sizes(size: &[i64]) -> Result<Shape> {
    match size.iter().find(|&&n| n < 0) {
        Some(n) => bail!(Runtime, "Trying to create tensor with negative dimension {n}: {}", list(size)),
        None => Ok(size.iter().map(|&n| n as usize).collect()),
    }
}

/// A fresh tensor of the CPU, of any content.
pub fn fresh(op: &str, layout: Layout, dtype: DType) -> Result<Tensor> {
    empty(op, layout, dtype, Device::CPU)
}

fn empty(op: &str, layout: Layout, dtype: DType, device: Device) -> Result<Tensor> {
    Array::empty(Meta::new(layout, dtype, device)).map(Tensor::new).map_err(|e| e.asked_by(op))
}

fn zeroed(op: &str, layout: Layout, dtype: DType, device: Device) -> Result<Tensor> {
    Array::zeros(Meta::new(layout, dtype, device)).map(Tensor::new).map_err(|e| e.asked_by(op))
}

fn filled(op: &str, layout: Layout, dtype: DType, device: Device, value: Number) -> Result<Tensor> {
    check_fits(value, dtype)?;
    if value.is_zero() {
        return zeroed(op, layout, dtype, device);
    }
    let t = empty(op, layout, dtype, device)?;
    let (array, mut done) = (t.array().clone(), Ok(()));
    mode::unlocked(array.numel(), &mut || done = data::fill(&array, value));
    done.map(|()| t)
}

/// A number that is written into elements must fit them.
pub fn check_fits(value: Number, dtype: DType) -> Result<()> {
    if value.fits(dtype) {
        return Ok(());
    }
    Err(value.misfit(dtype))
}

/// A row `name(int[] size, *, ...)`.
macro_rules! sized {
    ($row:ident, $name:literal, $doc:literal, |$layout:ident, $dtype:ident, $device:ident| $make:expr) => {
        pub const $row: OpDef = OpDef {
            schema: &[concat!(
                "function.",
                $name,
                "(int[] size, *, dtype? dtype=None, layout? layout=None, device? device=None, bool pin_memory=False, \
                 bool requires_grad=False, memory_format? memory_format=None) -> Tensor"
            )],
            aliases: &[],
            doc: $doc,
            twins: Twins::OUT,
            call: |a| {
                let made = Made::parse($name, a, 1)?;
                let $layout = Layout::contiguous(sizes_of($name, a.ints(0)?)?);
                let ($dtype, $device) = (made.float(), made.device());
                made.finish($make?)
            },
            samples: &["(2, 3)", "2, 3", "()", "(0, 3)", "(2,), dtype=int64", "3, dtype=bool", "(2, -3)"],
        };
    };
}
sized!(ZEROS, "zeros", "Zeros.", |l, d, on| zeroed("zeros", l, d, on));
sized!(ONES, "ones", "Ones.", |l, d, on| filled("ones", l, d, on, Number::Int(1)));

pub const EMPTY: OpDef = OpDef {
    schema: &["function.empty(int[] size, *, dtype? dtype=None, layout? layout=None, device? device=None, bool \
               pin_memory=False, bool requires_grad=False, memory_format? memory_format=None) -> Tensor"],
    aliases: &[],
    doc: "A tensor of any content.",
    twins: Twins::OUT,
    call: |a| {
        let made = Made::parse("empty", a, 1)?;
        let layout = Layout::contiguous(sizes(a.ints(0)?)?);
        let layout = Format::arg(a, 6)?.map_or(Ok(layout.clone()), |f| f.layout(&layout))?;
        made.finish(empty("empty", layout, made.float(), made.device())?)
    },
    samples: &["(0, 3)", "(2, -3)"],
};

pub const FULL: OpDef = OpDef {
    schema: &[
        "function.full(int[] size, Operand fill_value, *, dtype? dtype=None, layout? layout=None, device? device=None, \
               bool pin_memory=False, bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "Every element `fill_value`, whose kind (bool, int, float) gives the dtype if none is given.",
    twins: Twins::OUT,
    call: |a| {
        let made = Made::parse("full", a, 2)?;
        let (value, kind) = number(a, 1)?;
        let layout = Layout::contiguous(sizes(a.ints(0)?)?);
        made.finish(filled("full", layout, made.or(kind), made.device(), value)?)
    },
    samples: &["(2, 3), 1.5", "(2,), 3", "(2,), True", "(), 2.5", "(2,), 3.7, dtype=int64", "(2,), 300, dtype=uint8"],
};

/// A number, or a 0-d tensor's; and the dtype that it stands for.
fn number(a: &Args, i: usize) -> Result<(Number, DType)> {
    match a.operand(i)? {
        Operand::Number(n) => Ok((n, crate::core::promote::number_dtype(n, mode::default_float()))),
        Operand::Tensor(t) => {
            if t.ndim() != 0 {
                bail!(Runtime, "expected a number or a 0-dimensional tensor, but got {} dimensions", t.ndim());
            }
            Ok((t.on_cpu()?.element(&[]), t.dtype()))
        }
    }
}

pub const ARANGE: OpDef = OpDef {
    schema: &[
        "function.arange(Scalar end, *, dtype? dtype=None, layout? layout=None, device? device=None, bool pin_memory=False, \
         bool requires_grad=False) -> Tensor",
        "function.arange(Scalar start, Scalar end, Scalar step=1, *, dtype? dtype=None, layout? layout=None, device? \
         device=None, bool pin_memory=False, bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "`start`, `start + step`, ... below `end`. int64 where all three are ints, else the default float dtype.",
    twins: Twins::OUT,
    call: |a| {
        let (start, end, step, made) = if a.overload == 0 {
            (Number::Int(0), a.number(0)?, Number::Int(1), Made::parse("arange", a, 1)?)
        } else {
            let step = a.opt_number(2).unwrap_or(Number::Int(1));
            (a.number(0)?, a.number(1)?, step, Made::parse("arange", a, 3)?)
        };
        let float = [start, end, step].iter().any(|n| matches!(n, Number::Float(_)));
        let dtype = if float { made.float() } else { made.or(DType::I64) };
        let n = range_len(start, end, step, dtype)?;
        let layout = Layout::contiguous([n][..].into());
        if made.device().is_gpu() && gpu::create::counts(dtype, n, start, step) {
            let t = empty("arange", layout, dtype, made.device())?;
            gpu::create::arange(t.array(), start, step)?;
            return made.finish(t);
        }
        let t = fresh("arange", layout, dtype)?;
        let array = t.array().clone();
        mode::unlocked(n, &mut || cpu::create::arange(&array, start, step));
        made.finish(t)
    },
    samples: &[
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
};

fn range_len(start: Number, end: Number, step: Number, dtype: DType) -> Result<usize> {
    if dtype == DType::Bool {
        return Err(DType::Bool.lacks("arange_cpu"));
    }
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

pub const LINSPACE: OpDef = OpDef {
    schema: &[
        "function.linspace(Operand start, Operand end, int steps, *, dtype? dtype=None, layout? layout=None, device? \
               device=None, bool pin_memory=False, bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "`steps` evenly spaced numbers from `start` to `end`, both included.",
    twins: Twins::OUT,
    call: |a| {
        let made = Made::parse("linspace", a, 3)?;
        let (start, end, steps) = (number(a, 0)?.0.to_f64(), number(a, 1)?.0.to_f64(), a.int(2)?);
        if steps < 0 {
            bail!(Runtime, "number of steps must be non-negative");
        }
        let t = fresh("linspace", Layout::contiguous([steps as usize][..].into()), made.float())?;
        let array = t.array().clone();
        mode::unlocked(array.numel(), &mut || cpu::create::linspace(&array, start, end));
        made.finish(t)
    },
    samples: &[
        "0, 1, 5",
        "-3, 7, 50",
        "0, 1, 1",
        "0, 1, 0",
        "0, 10, 5, dtype=int64",
        "0, 1, 7, dtype=float64",
        "0, 1, -1",
    ],
};

pub const EYE: OpDef = OpDef {
    schema: &[
        "function.eye(int n, *, dtype? dtype=None, layout? layout=None, device? device=None, bool pin_memory=False, bool \
         requires_grad=False) -> Tensor",
        "function.eye(int n, int m, *, dtype? dtype=None, layout? layout=None, device? device=None, bool pin_memory=False, \
         bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "An n x m matrix (n x n if m is not given) with ones on the diagonal.",
    twins: Twins::OUT,
    call: |a| {
        let made = Made::parse("eye", a, 1 + a.overload)?;
        let n = a.int(0)?;
        let m = if a.overload == 0 { n } else { a.int(1)? };
        if n < 0 {
            bail!(Runtime, "n must be greater or equal to 0, got {n}");
        }
        if m < 0 {
            bail!(Runtime, "m must be greater or equal to 0, got {m}");
        }
        let layout = Layout::contiguous([n as usize, m as usize][..].into());
        let t = empty("eye", layout, made.float(), made.device())?;
        if t.device().is_gpu() {
            gpu::create::eye(t.array())?;
        } else {
            cpu::create::eye(t.array());
        }
        made.finish(t)
    },
    samples: &["3", "2, 3", "3, 2, dtype=int64", "0", "2, dtype=bool", "-1", "2, -1"],
};

/// A row `name_like(Tensor self, *, ...)`.
macro_rules! like {
    ($row:ident, $name:literal, $doc:literal, $samples:expr, |$layout:ident, $dtype:ident, $device:ident| $make:expr) => {
        pub const $row: OpDef = OpDef {
            schema: &[concat!(
                "function.",
                $name,
                "(Tensor self, *, dtype? dtype=None, layout? layout=None, device? device=None, bool pin_memory=False, bool \
                 requires_grad=False, memory_format? memory_format=None) -> Tensor"
            )],
            aliases: &[],
            doc: $doc,
            twins: Twins::NONE,
            call: |a| {
                let x = a.t(0)?;
                let made = Made::parse($name, a, 1)?.like(x);
                let $layout = Format::arg(a, 6)?.unwrap_or(Format::Preserve).layout(x.layout())?;
                let ($dtype, $device) = (made.or(x.dtype()), made.device());
                made.finish($make?)
            },
            samples: $samples,
        };
    };
}
const LIKE: &[&str] = &["u(2, 3)", "u(3, 2).t()", "u(6)[::2]", "u(1, 3).expand(2, 3)", "u(), dtype=int64"];
like!(ZEROS_LIKE, "zeros_like", "Zeros with the shape, strides and dtype of `self`.", LIKE, |l, d, on| zeroed(
    "zeros_like",
    l,
    d,
    on
));
like!(ONES_LIKE, "ones_like", "Ones with the shape, strides and dtype of `self`.", LIKE, |l, d, on| filled(
    "ones_like",
    l,
    d,
    on,
    Number::Int(1)
));
like!(
    EMPTY_LIKE,
    "empty_like",
    "Any content, with the shape, strides and dtype of `self`.",
    &["u(0, 3)"],
    |l, d, on| { empty("empty_like", l, d, on) }
);

pub const FULL_LIKE: OpDef = OpDef {
    schema: &[
        "function.full_like(Tensor self, Operand fill_value, *, dtype? dtype=None, layout? layout=None, device? \
               device=None, bool pin_memory=False, bool requires_grad=False, memory_format? memory_format=None) -> Tensor",
    ],
    aliases: &[],
    doc: "`fill_value` everywhere, with the shape, strides and dtype of `self`.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        let made = Made::parse("full_like", a, 2)?.like(x);
        let layout = Format::arg(a, 7)?.unwrap_or(Format::Preserve).layout(x.layout())?;
        made.finish(filled("full_like", layout, made.or(x.dtype()), made.device(), number(a, 1)?.0)?)
    },
    samples: &["u(2, 3), 2", "u(3, 2).t(), 1.5", "ix(3, n=4), 2.5", "u(2), 300, dtype=uint8"],
};

/// A row `self.new_name(int[] size, *, ...)`.
macro_rules! new {
    ($row:ident, $name:literal, $doc:literal, $samples:expr, |$layout:ident, $dtype:ident, $device:ident| $make:expr) => {
        pub const $row: OpDef = OpDef {
            schema: &[concat!(
                "method.",
                $name,
                "(Tensor self, int[] size, *, dtype? dtype=None, layout? layout=None, device? device=None, bool \
                 pin_memory=False, bool requires_grad=False) -> Tensor"
            )],
            aliases: &[],
            doc: $doc,
            twins: Twins::NONE,
            call: |a| {
                let x = a.t(0)?;
                let made = Made::parse($name, a, 2)?.like(x);
                let $layout = Layout::contiguous(sizes(a.ints(1)?)?);
                let ($dtype, $device) = (made.or(x.dtype()), made.device());
                made.finish($make?)
            },
            samples: $samples,
        };
    };
}
const NEW: &[&str] = &["u(2), (2, 3)", "u(2), 3, 2", "u(2), (2,), dtype=int64", "u(2), ()"];
new!(NEW_ZEROS, "new_zeros", "Zeros of the dtype of `self`.", NEW, |l, d, on| zeroed("new_zeros", l, d, on));
new!(NEW_ONES, "new_ones", "Ones of the dtype of `self`.", NEW, |l, d, on| filled(
    "new_ones",
    l,
    d,
    on,
    Number::Int(1)
));
new!(NEW_EMPTY, "new_empty", "Any content, of the dtype of `self`.", &["u(2), (0, 3)"], |l, d, on| empty(
    "new_empty",
    l,
    d,
    on
));

pub const NEW_FULL: OpDef = OpDef {
    schema: &[
        "method.new_full(Tensor self, int[] size, Operand fill_value, *, dtype? dtype=None, layout? layout=None, \
               device? device=None, bool pin_memory=False, bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "`fill_value` everywhere, of the dtype of `self`.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        let made = Made::parse("new_full", a, 3)?.like(x);
        let layout = Layout::contiguous(sizes(a.ints(1)?)?);
        made.finish(filled("new_full", layout, made.or(x.dtype()), made.device(), number(a, 2)?.0)?)
    },
    samples: &["u(2), (2, 3), 3", "ix(2, n=3), (2,), 3.7"],
};

pub const FILL: OpDef = OpDef {
    schema: &["function.fill(Tensor self, Operand value) -> Tensor"],
    aliases: &[],
    doc: "`value` everywhere, with the shape, strides and dtype of `self`.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        match a.operand(1)? {
            Operand::Number(n) => {
                check_fits(n, x.dtype())?;
                Outs::one(apply(Fill { value: Some(n), of: None, name: "fill" }, &[x]))
            }
            Operand::Tensor(t) => {
                check_scalar(t)?;
                Outs::one(apply(Fill { value: None, of: Some(t.dtype()), name: "fill" }, &[x, t]))
            }
        }
    },
    samples: &["u(2, 3), 3", "u(3, 2).t(), 1.5", "u(2), u()"],
};

pub const FILL_: OpDef = OpDef {
    schema: &["fill_(Tensor self, Operand value) -> Tensor"],
    aliases: &[],
    doc: "Overwrites every element with `value`.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        match a.operand(1)? {
            Operand::Number(n) => {
                check_fits(n, x.dtype())?;
                apply_inplace(Fill { value: Some(n), of: None, name: "fill" }, &[x])?;
            }
            Operand::Tensor(t) => {
                check_scalar(t)?;
                apply_inplace(Fill { value: None, of: Some(t.dtype()), name: "fill" }, &[x, t])?;
            }
        }
        Ok(Outs::This)
    },
    samples: &["u(2, 3), 3", "u(3, 2).t(), 1.5", "u(2), u()", "u(6)[::2], -1", "u(2), u(1)"],
};

pub const ZERO_: OpDef = OpDef {
    schema: &["zero_(Tensor self) -> Tensor"],
    aliases: &[],
    doc: "Overwrites every element with zero.",
    twins: Twins::NONE,
    call: |a| {
        apply_inplace(Fill { value: Some(Number::Int(0)), of: None, name: "zero" }, &[a.t(0)?])?;
        Ok(Outs::This)
    },
    samples: &["u(2, 3)", "u(3, 2).t()", "u(6)[::2]"],
};

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
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::two(c, || zeros_like(g), || g.sum_to(&[])?.to_dtype(self.of.unwrap_or(g.dtype())))
    }
}

/// Contiguous zeros of the shape and dtype of `t`, outside the graph.
pub fn zeros_like(t: &Tensor) -> Result<Tensor> {
    zeroed("zeros_like", Layout::contiguous(t.shape().into()), t.dtype(), t.device())
}
