//! Random tensors: what draws from a generator (the default one, or `generator=`), in PyTorch's order and to its bits.
//!
//! Draws are serial and hold the generator's lock, so two threads cannot mix their streams within a tensor.

use super::copy::Format;
use super::create::{Made, fresh, sizes, zeros_like};
use crate::core::{DType, Device, Layout, Meta};
use crate::cpu::random;
use crate::device::{Array, SharedGenerator};
use crate::error::Result;
use crate::tensor::apply::apply_inplace;
use crate::tensor::def::Twins;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, OpDef, Outs, Saves, Tensor, apply, data, mode};
use crate::{bail, err};

/// The rows of this family.
pub const ROWS: &[&OpDef] = &[
    &RAND,
    &RANDN,
    &RANDINT,
    &RANDPERM,
    &RAND_LIKE,
    &RANDN_LIKE,
    &RANDINT_LIKE,
    &UNIFORM_,
    &NORMAL_,
    &EXPONENTIAL_,
    &RANDOM_,
    &BERNOULLI,
    &BERNOULLI_,
];

/// What is drawn for each element.
#[derive(Debug, Clone, Copy)]
pub enum Draw {
    Uniform {
        from: f64,
        to: f64,
    },
    Normal {
        mean: f64,
        std: f64,
    },
    Exponential {
        lambda: f64,
    },
    /// 1 with probability p, else 0.
    Coins {
        p: f64,
    },
    /// `low + draw % range`, where 0 stands for 2^64.
    Integers {
        low: i64,
        range: u64,
    },
    AnyIntegers,
}

impl Draw {
    /// The in-place op's name.
    const fn name(self) -> &'static str {
        match self {
            Draw::Uniform { .. } => "uniform",
            Draw::Normal { .. } => "normal",
            Draw::Exponential { .. } => "exponential",
            Draw::Coins { .. } => "bernoulli",
            Draw::Integers { .. } | Draw::AnyIntegers => "random",
        }
    }

    /// Refuses what PyTorch refuses.
    pub fn check(self, dtype: DType) -> Result<()> {
        let float = dtype.is_float();
        match self {
            Draw::Uniform { .. } if !float => Err(dtype.lacks("check_uniform_bounds")),
            Draw::Uniform { from, to } if from > to => {
                bail!(Runtime, "uniform_ expects to return a [from, to) range, but found from={from} > to={to}")
            }
            Draw::Normal { std, .. } if std < 0.0 => {
                bail!(Runtime, "normal expects std >= 0.0, but found std {std}")
            }
            Draw::Normal { .. } if !float => Err(dtype.lacks("normal_kernel_cpu")),
            Draw::Exponential { .. } if !float => bail!(
                Runtime,
                "Exponential distribution is a continuous probability distribution. dtype must be a floating point but \
                 you specified {}",
                dtype.scalar_name()
            ),
            Draw::Exponential { lambda } if lambda <= 0.0 || lambda.is_nan() => {
                bail!(Runtime, "exponential_ expects lambda > 0.0, but found lambda={lambda}")
            }
            Draw::Coins { p } if !(0.0..=1.0).contains(&p) => {
                bail!(Runtime, "bernoulli_ expects p to be in [0, 1], but got p={p}")
            }
            Draw::Coins { .. } => dtype.usual("bernoulli_scalar_cpu_"),
            Draw::AnyIntegers => dtype.usual("random_kernel_cpu"),
            Draw::Integers { .. } if dtype.is_complex() => Err(dtype.lacks("random_from_to")),
            _ => Ok(()),
        }
    }

    fn into(self, out: &Array, generator: &SharedGenerator) {
        let g = &mut *generator.lock();
        match self {
            Draw::Uniform { from, to } => random::uniform(out, g, from, to),
            Draw::Normal { mean, std } => random::normal(out, g, mean, std),
            Draw::Exponential { lambda } => random::exponential(out, g, lambda),
            Draw::Coins { p } => random::coins(out, g, p, 1.0),
            Draw::Integers { low, range } => random::integers(out, g, low, range),
            Draw::AnyIntegers => random::any_integers(out, g),
        }
    }

    /// A fresh tensor of draws, on the CPU.
    pub fn make(self, op: &str, layout: Layout, dtype: DType, generator: &SharedGenerator) -> Result<Tensor> {
        self.check(dtype)?;
        let t = fresh(op, layout, dtype)?;
        let (array, generator) = (t.array().clone(), generator.clone());
        mode::unlocked(array.numel(), &mut || self.into(&array, &generator));
        Ok(t)
    }

    /// Overwrites `t` with draws.
    pub fn over(self, t: &Tensor, generator: &SharedGenerator) -> Result<Outs> {
        self.check(t.dtype())?;
        apply_inplace(Overwrite { draw: self, generator: generator.clone() }, &[t])?;
        Ok(Outs::This)
    }
}

/// Input 0 overwritten with draws.
struct Overwrite {
    draw: Draw,
    generator: SharedGenerator,
}

impl Op for Overwrite {
    fn name(&self) -> &'static str {
        self.draw.name()
    }
    fn grad_name(&self) -> String {
        let mut name = self.name().to_string();
        name[..1].make_ascii_uppercase();
        let form = if matches!(self.draw, Draw::Coins { .. }) { 1 } else { 0 };
        format!("{name}Backward{form}")
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].clone())
    }
    fn cpu(&self, _: &[&Array], out: &[Array]) -> Result<()> {
        self.draw.into(&out[0], &self.generator);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        // Drawn under the same strides: PyTorch draws normal numbers in another way where they are not contiguous.
        let layout = &out[0].layout;
        let room = Layout::contiguous([layout.end() - layout.offset][..].into());
        let room = Array::empty(Meta::new(room, out[0].dtype, Device::CPU))?;
        let drawn = room.with_layout(Layout { offset: 0, ..layout.clone() });
        self.cpu(x, std::slice::from_ref(&drawn))?;
        data::copy(&drawn, &out[0])
    }
    fn aliases(&self) -> bool {
        true
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(zeros_like(g.one()?)?)
    }
}

/// `out` as a result of the tensors it was drawn with: nothing flows back, and a gradient of 0 says so.
pub fn drawn_from(name: &'static str, out: &Tensor, parameters: &[&Tensor]) -> Result<Tensor> {
    if !mode::grad_enabled() || !parameters.iter().any(|t| t.requires_grad()) {
        return Ok(out.clone());
    }
    let inputs: Vec<&Tensor> = std::iter::once(out).chain(parameters.iter().copied()).collect();
    let drawn = apply(Drawn { name }, &inputs)?;
    drawn.clear_base();
    Ok(drawn)
}

/// Input 0, drawn with the others as parameters.
struct Drawn {
    name: &'static str,
}

impl Op for Drawn {
    fn name(&self) -> &'static str {
        self.name
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.clone()))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::META
    }
    fn vjp(&self, c: &Context, _: &Cotangents) -> Result<Grads> {
        let zeros = |i| -> Result<Option<Tensor>> {
            if !c.needs(i) {
                return Ok(None);
            }
            let meta = c.meta(i)?;
            Ok(Some(Tensor::new(Array::zeros(meta.contiguous(meta.layout.shape.clone()))?)))
        };
        Grads::many((0..3).map(zeros).collect::<Result<_>>()?)
    }
}

/// Rows `name(int[] size)` and `name_like(Tensor self)` of one draw.
macro_rules! drawn {
    ($row:ident, $name:literal, $like:ident, $like_name:literal, $doc:literal, $draw:expr) => {
        pub const $row: OpDef = OpDef {
            schema: &[concat!(
                "function.",
                $name,
                "(int[] size, *, Generator? generator=None, dtype? dtype=None, layout? layout=None, device? device=None, \
                 bool pin_memory=False, bool requires_grad=False) -> Tensor"
            )],
            aliases: &[],
            doc: $doc,
            twins: Twins::OUT,
            call: |a| {
                let made = Made::parse($name, a, 2)?;
                let layout = Layout::contiguous(sizes(a.ints(0)?)?);
                made.finish($draw.make($name, layout, made.float(), a.generator(1))?)
            },
            samples: &["(2, 3)", "2, 3", "(20,), dtype=float64", "(33,), dtype=bfloat16", "()", "(2,), dtype=int64"],
        };
        pub const $like: OpDef = OpDef {
            schema: &[concat!(
                "function.",
                $like_name,
                "(Tensor self, *, Generator? generator=None, dtype? dtype=None, layout? layout=None, device? device=None, \
                 bool pin_memory=False, bool requires_grad=False, memory_format? memory_format=None) -> Tensor"
            )],
            aliases: &[],
            doc: concat!("`", $name, "` with the shape, strides and dtype of `self`."),
            twins: Twins::NONE,
            call: |a| {
                let x = a.t(0)?;
                let made = Made::parse($like_name, a, 2)?.like(x);
                let layout = Format::arg(a, 7)?.unwrap_or(Format::Preserve).layout(x.layout())?;
                made.finish($draw.make($like_name, layout, made.or(x.dtype()), a.generator(1))?)
            },
            samples: &["u(2, 3)", "u(5, 4).t()", "ix(3, n=4), dtype=float32", "ix(3, n=4)"],
        };
    };
}
drawn!(RAND, "rand", RAND_LIKE, "rand_like", "Uniform in [0, 1).", Draw::Uniform { from: 0.0, to: 1.0 });
drawn!(
    RANDN,
    "randn",
    RANDN_LIKE,
    "randn_like",
    "Normal, with mean 0 and deviation 1.",
    Draw::Normal { mean: 0.0, std: 1.0 }
);

pub const RANDINT: OpDef = OpDef {
    schema: &[
        "function.randint(int high, int[] size, *, Generator? generator=None, dtype? dtype=None, layout? layout=None, \
         device? device=None, bool pin_memory=False, bool requires_grad=False) -> Tensor",
        "function.randint(int low, int high, int[] size, *, Generator? generator=None, dtype? dtype=None, layout? \
         layout=None, device? device=None, bool pin_memory=False, bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "Integers in [low, high), int64 unless `dtype` says otherwise.",
    twins: Twins::OUT,
    call: |a| {
        let o = a.overload;
        let made = Made::parse("randint", a, 3 + o)?;
        let (low, high) = if o == 0 { (0, a.int(0)?) } else { (a.int(0)?, a.int(1)?) };
        let dtype = made.or(DType::I64);
        let draw = between(low, high, dtype)?;
        made.finish(draw.make("randint", Layout::contiguous(sizes(a.ints(1 + o)?)?), dtype, a.generator(2 + o))?)
    },
    samples: &[
        "10, (5,)",
        "-5, 5, (3, 4)",
        "0, 2**40, (4,)",
        "7, (3,), dtype=float32",
        "5, 2, (2,)",
        "300, (2,), dtype=uint8",
    ],
};

pub const RANDINT_LIKE: OpDef = OpDef {
    schema: &[
        "function.randint_like(Tensor self, int high, *, Generator? generator=None, dtype? dtype=None, layout? layout=None, \
         device? device=None, bool pin_memory=False, bool requires_grad=False, memory_format? memory_format=None) -> Tensor",
        "function.randint_like(Tensor self, int low, int high, *, Generator? generator=None, dtype? dtype=None, layout? \
         layout=None, device? device=None, bool pin_memory=False, bool requires_grad=False, memory_format? \
         memory_format=None) -> Tensor",
    ],
    aliases: &[],
    doc: "Integers in [low, high) with the shape, strides and dtype of `self`.",
    twins: Twins::NONE,
    call: |a| {
        let (x, o) = (a.t(0)?, a.overload);
        let made = Made::parse("randint_like", a, 3 + o)?.like(x);
        let (low, high) = if o == 0 { (0, a.int(1)?) } else { (a.int(1)?, a.int(2)?) };
        let layout = Format::arg(a, 8 + o)?.unwrap_or(Format::Preserve).layout(x.layout())?;
        let dtype = made.or(x.dtype());
        made.finish(between(low, high, dtype)?.make("randint_like", layout, dtype, a.generator(2 + o))?)
    },
    samples: &["u(2, 3), 5", "u(2, 3), 2, 5", "u(5, 4).t(), 9"],
};

pub const RANDPERM: OpDef = OpDef {
    schema: &[
        "function.randperm(int n, *, Generator? generator=None, dtype? dtype=None, layout? layout=None, device? \
               device=None, bool pin_memory=False, bool requires_grad=False) -> Tensor",
    ],
    aliases: &[],
    doc: "A random permutation of 0 to n - 1, int64 unless `dtype` says otherwise.",
    twins: Twins::OUT,
    call: |a| {
        let made = Made::parse("randperm", a, 2)?;
        let n = a.int(0)?;
        let layout = Layout::contiguous(sizes(&[n])?);
        let dtype = made.or(DType::I64);
        dtype.usual("randperm")?;
        if let Some(digits) = digits(dtype) {
            if n > (1 << digits) + 1 {
                bail!(Runtime, "n cannot be greater than {} for {} type.", (1i64 << digits) + 1, dtype.scalar_name());
            }
        } else if !crate::core::Number::Int(n).fits(dtype) {
            super::create::check_fits(crate::core::Number::Int(n), dtype)?;
        }
        let t = fresh("randperm", layout, dtype)?;
        let (array, generator) = (t.array().clone(), a.generator(1).clone());
        mode::unlocked(array.numel(), &mut || random::permutation(&array, &mut generator.lock()));
        made.finish(t)
    },
    samples: &["10", "17, dtype=int32", "5, dtype=float16", "0", "1", "-1", "3000, dtype=float16"],
};

pub const UNIFORM_: OpDef = OpDef {
    schema: &["method.uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor"],
    aliases: &[],
    doc: "Overwrites `self` with uniform numbers in [from, to).",
    twins: Twins::NONE,
    call: |a| {
        let draw = Draw::Uniform { from: a.opt_float(1).unwrap_or(0.0), to: a.opt_float(2).unwrap_or(1.0) };
        draw.over(a.t(0)?, a.generator(3))
    },
    samples: &["u(2, 3)", "u(20), -3, 11.5", "u(5, 4).t()", "u(6)[::2], 1, 2", "u(2), 2, 1"],
};

pub const NORMAL_: OpDef = OpDef {
    schema: &["method.normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor"],
    aliases: &[],
    doc: "Overwrites `self` with normal numbers.",
    twins: Twins::NONE,
    call: |a| {
        let draw = Draw::Normal { mean: a.opt_float(1).unwrap_or(0.0), std: a.opt_float(2).unwrap_or(1.0) };
        draw.over(a.t(0)?, a.generator(3))
    },
    samples: &["u(2, 3)", "u(40), 0.5, 2.25", "u(5, 4).t()", "u(34)[::2]", "u(3), 0, -1"],
};

pub const EXPONENTIAL_: OpDef = OpDef {
    schema: &["method.exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor"],
    aliases: &[],
    doc: "Overwrites `self` with exponential numbers of rate `lambd`.",
    twins: Twins::NONE,
    call: |a| Draw::Exponential { lambda: a.opt_float(1).unwrap_or(1.0) }.over(a.t(0)?, a.generator(2)),
    samples: &["u(20)", "u(5), 2.5", "u(5), -1"],
};

pub const RANDOM_: OpDef = OpDef {
    schema: &[
        "method.random_(Tensor self, *, Generator? generator=None) -> Tensor",
        "method.random_(Tensor self, int to, *, Generator? generator=None) -> Tensor",
        "method.random_(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor",
    ],
    aliases: &[],
    doc: "Overwrites `self` with integers in [from, to): from 0, and up to the largest that the dtype holds exactly, \
          where a bound is not given.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        match a.overload {
            0 => Draw::AnyIntegers.over(x, a.generator(1)),
            1 => between(0, a.int(1)?, x.dtype())?.over(x, a.generator(2)),
            _ => match a.opt_int(2) {
                Some(to) => between(a.int(1)?, to, x.dtype())?.over(x, a.generator(3)),
                None => upwards(a.int(1)?, x.dtype())?.over(x, a.generator(3)),
            },
        }
    },
    samples: &[
        "u(6)",
        "u(6), 5",
        "u(6), -3, 9",
        "u(3), 5, 5",
        "ix(6, n=3)",
        "ix(6, n=3), 2**40",
        "ix(4, n=3), 7, None",
    ],
};

/// Bits of a float dtype's significand.
const fn digits(dtype: DType) -> Option<u32> {
    match dtype {
        DType::F16 => Some(11),
        DType::BF16 => Some(8),
        DType::F32 => Some(24),
        DType::F64 => Some(53),
        _ => None,
    }
}

/// The smallest and largest integers of an integral dtype.
const fn bounds(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Bool => (0, 1),
        // A bound is an int64, as PyTorch's.
        DType::U64 => (0, i64::MAX),
        _ => match dtype.range() {
            Some((low, high)) => (low as i64, high as i64),
            None => (i64::MIN, i64::MAX),
        },
    }
}

/// Integers in [low, high). Bounds that a float dtype does not hold move to the nearest inside that it does.
fn between(low: i64, high: i64, dtype: DType) -> Result<Draw> {
    let (mut low, mut high) = (low, high);
    if low >= high {
        return Err(err!(Runtime, "random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"));
    }
    if let Some(digits) = digits(dtype) {
        let held = |v: i64| crate::core::Number::Int(v).cast(dtype).to_i64();
        let gap = |v: i64| 1i64 << (64 - v.unsigned_abs().leading_zeros()).saturating_sub(digits).min(62);
        if held(low.wrapping_add(1)) < low {
            low = held(low.wrapping_add(1)).wrapping_add(gap(low.wrapping_add(1)));
        }
        if held(high - 1) >= high {
            high = held(high - 1).wrapping_sub(gap(high - 1));
        }
        if low >= high {
            bail!(
                Runtime,
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from={low} >= \
                 to={high}"
            );
        }
    } else {
        let (least, most) = bounds(dtype);
        let name = match dtype {
            DType::I64 => "long",
            other => other.c_words(),
        };
        if low < least || low > most {
            bail!(Runtime, "from is out of bounds for {name}");
        }
        if high - 1 < least || high - 1 > most {
            bail!(Runtime, "to - 1 is out of bounds for {name}");
        }
    }
    Ok(Draw::Integers { low, range: high.wrapping_sub(low) as u64 })
}

/// Integers from `low` to the largest that the dtype holds.
fn upwards(low: i64, dtype: DType) -> Result<Draw> {
    let most = digits(dtype).map_or(bounds(dtype).1, |d| 1i64 << d);
    if low > most {
        bail!(Runtime, "random_ expects 'from' to be less than or equal to 'to', but got from={low} > to={most}");
    }
    Ok(Draw::Integers { low, range: (most.wrapping_sub(low) as u64).wrapping_add(1) })
}

pub const BERNOULLI: OpDef = OpDef {
    schema: &[
        "bernoulli(Tensor self, *, Generator? generator=None) -> Tensor",
        "bernoulli(Tensor self, float p, *, Generator? generator=None) -> Tensor; no out",
    ],
    aliases: &[],
    doc: "Ones with probability `p` (each element of `self` where it is not given), else zeros.",
    twins: Twins::OUT,
    call: |a| {
        let x = a.t(0)?;
        let layout = Layout::contiguous(x.shape().into());
        let out = if a.overload == 1 {
            Draw::Coins { p: a.float(1)? }
                .make("bernoulli", layout, x.dtype(), a.generator(2))?
                .to_device(x.device())?
        } else {
            let out = fresh("bernoulli", layout, x.dtype())?;
            coins_by(out.array(), x, a.generator(1))?;
            out.to_device(x.device())?
        };
        Outs::one(drawn_from("bernoulli", &out, &[x]))
    },
    samples: &["pos(20) * 0.1", "pos(5, 4).t() * 0.1", "u(20), 0.3", "pos(3) * 100"],
};

pub const BERNOULLI_: OpDef = OpDef {
    schema: &[
        "method.bernoulli_(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor",
        "method.bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor",
    ],
    aliases: &[],
    doc: "Overwrites `self` with ones with probability `p`, else zeros.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        if a.overload == 1 {
            return Draw::Coins { p: a.opt_float(1).unwrap_or(0.5) }.over(x, a.generator(2));
        }
        let p = a.t(1)?;
        crate::tensor::views::check_writable("bernoulli", x)?;
        if crate::core::shape::broadcast(x.shape(), p.shape())?[..] != *x.shape() {
            bail!(
                Runtime,
                "output with shape {} doesn't match the broadcast shape of p {}",
                crate::core::shape::list(x.shape()),
                crate::core::shape::list(p.shape())
            );
        }
        let aside = fresh("bernoulli", Format::Preserve.layout(x.layout())?, x.dtype())?;
        coins_by(aside.array(), p, a.generator(2))?;
        x.copy_from(&aside)?;
        Ok(Outs::This)
    },
    samples: &["u(20)", "u(20), 0.3", "ix(5, n=3), 0.5", "u(3), pos(3) * 0.1", "u(3), 2.0"],
};

fn coins_by(out: &Array, p: &Tensor, generator: &SharedGenerator) -> Result<()> {
    if !p.dtype().is_float() {
        return Err(p.dtype().lacks("bernoulli_tensor_cpu_p_"));
    }
    out.dtype.usual("bernoulli_tensor_cpu_self_")?;
    // They decide what is drawn, which happens on the CPU.
    let p = data::moved(p.array(), Device::CPU)?;
    if !random::all_probabilities(&p) {
        return Err(err!(Runtime, "Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
            .hint("bernoulli: every probability must lie in [0, 1]"));
    }
    let generator = generator.clone();
    mode::unlocked(out.numel(), &mut || random::coins_by(out, &p, &mut generator.lock()));
    Ok(())
}
