//! `impl Op` for every elementwise row: promotion, PyTorch's refusals, strides of the result, the kernel, and the
//! derivative: one Map per gradient that is needed, then summed to its input's shape.

use super::formula::{Formula, Source};
use crate::core::promote::Promotion;
use crate::core::shape::broadcast;
use crate::core::{Bool, DType, Layout, Meta, Number, Shape};
use crate::cpu::map::{Call, Operand as Value, run};
use crate::cpu::strided::Walk;
use crate::device::Array;
use crate::error::Result;
use crate::expr::MAX_INPUTS;
use crate::tensor::op::{Mask, Saves};
use crate::tensor::{Args, Context, Cotangents, Grads, Op, Operand, Outs, Tensor, apply, mode};
use crate::{bail, err};

/// Numbers that a row may have.
pub const PARAMS: usize = 2;
/// Operands of a Map at most: inputs, output, and gradients of rising order.
const SLOTS: usize = 7;

/// Which dtypes a row takes, and in which it computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Integers and bool become the default float dtype.
    Float,
    /// Integers and bool are refused.
    FloatOnly,
    /// Bool is refused.
    Numeric,
    All,
    /// Floats are refused.
    Bits,
}

/// An elementwise op.
pub struct Row {
    pub name: &'static str,
    /// PyTorch's node class where it is not made from the name.
    pub grad_name: &'static str,
    /// The kernel's name in PyTorch's refusals.
    pub kernel: &'static str,
    pub rule: Rule,
    pub inputs: usize,
    /// Bit k: input k is bool, whatever the others are.
    pub masks: u32,
    pub params: usize,
    pub defaults: [Number; PARAMS],
    /// A number beside half tensors keeps its float32 value.
    pub wide: bool,
    /// An integer divisor must not be zero.
    pub divides: bool,
    pub out_mask: bool,
    pub value: Formula,
    pub grads: [Option<Formula>; 3],
    /// What else PyTorch refuses, given the dtype of the operands together.
    pub check: fn(&Map, DType) -> Result<()>,
}

impl Row {
    /// Whether `f` is this row's value (and not one of its partials).
    fn is_value(&self, f: &Source) -> bool {
        matches!(f, Source::Row(f) if std::ptr::eq(*f, &self.value))
    }
}

/// PyTorch's error for a number that the dtype cannot hold.
pub fn numbers_fit(m: &Map, dtype: DType) -> Result<()> {
    for slot in &m.slots[..m.count] {
        if let Slot::Number(n) = *slot
            && !n.fits(dtype)
        {
            let name = match dtype {
                DType::Bool => "bool",
                DType::U8 => "uint8_t",
                DType::I32 => "int",
                DType::I64 => "int64_t",
                DType::F16 => "at::Half",
                DType::BF16 => "at::BFloat16",
                DType::F32 => "float",
                DType::F64 => "double",
            };
            return Err(err!(Runtime, "value cannot be converted to type {name} without overflow").hint(format!(
                "{}: a number beside a {} tensor must fit it",
                m.row.name,
                dtype.name()
            )));
        }
    }
    Ok(())
}

/// No further check.
pub fn anything(_: &Map, _: DType) -> Result<()> {
    Ok(())
}

#[derive(Clone, Copy)]
pub enum Slot {
    Tensor,
    Number(Number),
    Unused,
}

/// One call of a formula.
#[derive(Clone)]
pub struct Map {
    pub row: &'static Row,
    formula: Source,
    pub slots: [Slot; SLOTS],
    pub count: usize,
    pub params: [Number; PARAMS],
    /// The dtype to compute in, where it is not found by promotion: gradients have that of the result.
    fixed: Option<DType>,
    /// All tensors have one shape and dtype, so that gradients need no sum and no cast.
    uniform: bool,
}

impl Map {
    /// Applies `row` to operands, which may be numbers but for one.
    pub fn new<'a>(row: &'static Row, operands: &[Operand<'a>], params: &[Number]) -> (Map, Inputs<'a>) {
        let mut m = Map {
            row,
            formula: Source::Row(&row.value),
            slots: [Slot::Unused; SLOTS],
            count: operands.len().min(SLOTS),
            params: row.defaults,
            fixed: None,
            uniform: true,
        };
        m.params[..params.len().min(PARAMS)].copy_from_slice(&params[..params.len().min(PARAMS)]);
        let mut x = Inputs { list: [None; SLOTS], len: 0 };
        for (slot, operand) in m.slots.iter_mut().zip(operands) {
            *slot = match *operand {
                Operand::Number(n) => Slot::Number(n),
                Operand::Tensor(t) => {
                    x.push(t);
                    Slot::Tensor
                }
            };
        }
        m.uniform = x.uniform();
        (m, x)
    }

    pub fn number_at(&self, k: usize) -> Option<Number> {
        match self.slots.get(k) {
            Some(Slot::Number(n)) => Some(*n),
            _ => None,
        }
    }

    /// Bit k: operand k is a truth value.
    fn masks(&self) -> u32 {
        let own = self.row.masks;
        match &self.formula {
            Source::Row(_) => own,
            Source::Derived(d) => d.facts.graph.nodes.iter().fold(0, |m, n| match n {
                crate::expr::graph::Node::MaskInput(i) => m | 1 << i,
                _ => m,
            }),
        }
    }

    fn out_mask(&self) -> bool {
        self.row.out_mask && self.row.is_value(&self.formula)
    }

    /// The dtype of all operands together.
    #[inline]
    fn promoted<'m>(&self, mut x: impl Iterator<Item = &'m Meta>) -> DType {
        let mut p = Promotion::default();
        let masks = self.row.masks;
        for (k, slot) in self.slots[..self.count].iter().enumerate() {
            match slot {
                Slot::Tensor => match x.next() {
                    Some(m) if masks >> k & 1 == 0 => p.tensor(m.dtype, m.ndim()),
                    _ => {}
                },
                Slot::Number(n) if masks >> k & 1 == 0 => p.number(*n, mode::default_float()),
                _ => {}
            }
        }
        p.result().unwrap_or(DType::Bool)
    }

    /// The dtype that the kernel computes, by the row's rule.
    #[inline]
    fn compute<'m>(&self, x: impl Iterator<Item = &'m Meta>) -> DType {
        match self.fixed {
            Some(dtype) => dtype,
            None => match self.promoted(x) {
                dtype if self.row.rule == Rule::Float && !dtype.is_float() => mode::default_float(),
                dtype => dtype,
            },
        }
    }

    fn refuse(&self, dtype: DType) -> Result<()> {
        let refused = match self.row.rule {
            Rule::Float | Rule::All => false,
            Rule::FloatOnly => !dtype.is_float(),
            Rule::Numeric => dtype == DType::Bool,
            Rule::Bits => dtype.is_float(),
        };
        (self.row.check)(self, dtype)?;
        if refused {
            bail!(NotImplemented, "\"{}\" not implemented for '{}'", self.row.kernel, dtype.scalar_name());
        }
        Ok(())
    }

    /// Runs it as a user's call asks: fresh, over the first operand, or into `out=`.
    pub fn call(self, x: &Inputs, a: &Args) -> Result<Outs> {
        let (list, n) = x.refs(self.row.name)?;
        let x = &list[..n];
        if a.inplace {
            crate::tensor::apply::apply_inplace(self, x)?;
            return Ok(Outs::This);
        }
        if let &[out] = a.out {
            crate::tensor::apply::apply_out(self, x, out)?;
            return Ok(Outs::Tensor(out.clone()));
        }
        Outs::one(apply(self, x))
    }

    pub fn apply(self, x: &Inputs) -> Result<Tensor> {
        let (list, n) = x.refs(self.row.name)?;
        apply(self, &list[..n])
    }

    /// The position among the tensors of operand `k`.
    fn tensor_index(&self, k: usize) -> usize {
        self.slots[..k].iter().filter(|s| matches!(s, Slot::Tensor)).count()
    }

    /// The gradient formula of operand `k`: its operands are those of this one, then its result (rows only), then `g`.
    fn partial(&self, k: usize) -> Option<Partial> {
        if self.row.is_value(&self.formula) {
            let f = self.row.grads.get(k)?.as_ref()?;
            return Some(Partial { formula: Source::Row(f), from: None, result: Some(self.count), g: self.count + 1 });
        }
        let d = self.formula.partial(k, self.count);
        let from = Some(d.from.clone());
        Some(Partial { formula: Source::Derived(d), from, result: None, g: self.count })
    }
}

struct Partial {
    formula: Source,
    /// What each operand of the formula is; None: they count up.
    from: Option<Vec<u8>>,
    /// Where the forward result stands.
    result: Option<usize>,
    g: usize,
}

impl Partial {
    /// Bit k: operand k of the differentiated formula, its result or `g` is needed.
    fn uses(&self) -> u32 {
        let own = self.formula.facts().uses;
        match &self.from {
            None => own,
            Some(from) => from.iter().fold(0, |m, &k| m | 1 << k),
        }
    }
}

/// The tensors of a call, in order.
pub struct Inputs<'a> {
    list: [Option<&'a Tensor>; SLOTS],
    len: usize,
}

impl<'a> Inputs<'a> {
    fn push(&mut self, t: &'a Tensor) {
        if let Some(slot) = self.list.get_mut(self.len) {
            *slot = Some(t);
            self.len += 1;
        }
    }

    /// The tensors; entries past the count repeat the first.
    #[inline]
    fn refs(&self, name: &str) -> Result<([&'a Tensor; SLOTS], usize)> {
        match self.list[0] {
            Some(first) => Ok((std::array::from_fn(|i| self.list[i].unwrap_or(first)), self.len)),
            None => bail!(Type, "{name}(): at least one operand must be a tensor"),
        }
    }

    fn uniform(&self) -> bool {
        let Some(first) = self.list[0] else { return true };
        self.list[1..self.len.max(1)].iter().flatten().all(|t| t.dtype() == first.dtype() && t.shape() == first.shape())
    }
}

/// Runs `row` for a user's call whose schema is its inputs, then its params.
pub fn call(row: &'static Row, a: &Args) -> Result<Outs> {
    let mut operands = [Operand::Number(Number::Int(0)); 3];
    for (k, o) in operands[..row.inputs].iter_mut().enumerate() {
        *o = a.operand(k)?;
    }
    let mut params = row.defaults;
    for (j, p) in params[..row.params].iter_mut().enumerate() {
        *p = a.opt_number(row.inputs + j).unwrap_or(*p);
    }
    let (m, x) = Map::new(row, &operands[..row.inputs], &params);
    m.call(&x, a)
}

/// Runs `row` on tensors and numbers from Rust.
pub fn on(row: &'static Row, operands: &[Operand], params: &[Number]) -> Result<Tensor> {
    let (m, x) = Map::new(row, operands, params);
    m.apply(&x)
}

impl Op for Map {
    fn name(&self) -> &'static str {
        self.row.name
    }

    fn grad_name(&self) -> String {
        if !self.row.grad_name.is_empty() && self.row.is_value(&self.formula) {
            return self.row.grad_name.to_string();
        }
        let mut out = String::new();
        for part in self.row.name.split('_') {
            let mut chars = part.chars();
            out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
            out.extend(chars);
        }
        out + if self.row.is_value(&self.formula) { "Backward" } else { "BackwardBackward" }
    }

    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let compute = self.compute(x.iter().copied());
        if self.fixed.is_none() {
            self.refuse(if self.row.rule == Rule::Float { compute } else { self.promoted(x.iter().copied()) })?;
        }
        let dtype = if self.out_mask() { DType::Bool } else { compute };
        let Some(first) = x.first() else { bail!(Runtime, "internal error: {} without inputs", self.row.name) };
        let layout = match x {
            [a] => elementwise_of_one(&a.layout),
            [a, b] if a.layout.shape == b.layout.shape => {
                crate::core::layout::elementwise(a.layout.shape.clone(), &[&a.layout, &b.layout])
            }
            _ => {
                let mut shape: Shape = first.layout.shape.clone();
                for m in &x[1..] {
                    shape = broadcast(&shape, m.shape())?;
                }
                let layouts: Vec<&Layout> = x.iter().map(|m| &m.layout).collect();
                crate::core::layout::elementwise(shape, &layouts)
            }
        };
        Ok(Meta::new(layout, dtype, first.device))
    }

    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let out = &out[0];
        let compute = if self.out_mask() { self.compute(x.iter().map(|a| &a.meta)) } else { out.dtype };
        let facts = self.formula.facts();
        let Some(code) = self.formula.code(compute) else {
            bail!(NotImplemented, "\"{}\" not implemented for '{}'", self.row.kernel, compute.scalar_name())
        };
        let mut values = [Value::Unused; MAX_INPUTS];
        let mut wide = 0;
        let mut tensors = x.iter();
        for (k, slot) in self.slots[..self.count].iter().enumerate() {
            let needed = facts.uses >> k & 1 == 1;
            values[k] = match slot {
                Slot::Tensor => match tensors.next() {
                    Some(a) if needed => {
                        // A 0-d tensor stands for a number, beside halves as well.
                        if self.row.wide && a.ndim() == 0 && out.ndim() > 0 {
                            wide |= 1 << k;
                        }
                        Value::Array(a)
                    }
                    _ => Value::Unused,
                },
                Slot::Number(n) if needed => Value::Number(if self.row.wide { *n } else { n.cast(compute) }),
                _ => Value::Unused,
            };
        }
        if self.row.divides && compute.is_integral() && self.row.is_value(&self.formula) {
            check_divisor(values[1])?;
        }
        let cost = if compute == DType::F64 { 2.0 * facts.cost } else { facts.cost };
        let call =
            Call { code, compute, masks: self.masks(), wide, out_mask: self.out_mask(), params: &self.params, cost };
        run(&call, &values[..self.count], out);
        Ok(())
    }

    fn aliases(&self) -> bool {
        true
    }

    fn saves(&self, needs: Mask) -> Saves {
        let mut saves = if self.uniform { Saves::NONE } else { Saves::META };
        let mut index = 0;
        for k in 0..self.count {
            if !matches!(self.slots[k], Slot::Tensor) {
                continue;
            }
            if needs.has(index)
                && let Some(p) = self.partial(k)
            {
                let uses = p.uses();
                for j in (0..self.count).filter(|j| uses >> j & 1 == 1 && matches!(self.slots[*j], Slot::Tensor)) {
                    saves = saves.and(Saves::input_at(self.tensor_index(j)));
                }
                if p.result.is_some_and(|r| uses >> r & 1 == 1) {
                    saves = saves.and(Saves::OUTPUT);
                }
            }
            index += 1;
        }
        saves
    }

    fn differentiable(&self) -> bool {
        !self.out_mask()
    }

    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        let mut grads = [None, None, None];
        let mut more = Vec::new();
        let mut index = 0;
        for k in 0..self.count {
            if !matches!(self.slots[k], Slot::Tensor) {
                continue;
            }
            let grad = if c.needs(index) { self.grad(c, g, k, index)? } else { None };
            match grads.get_mut(index) {
                Some(slot) => *slot = grad,
                None => more.push(grad),
            }
            index += 1;
        }
        if more.is_empty() {
            return Ok(Grads::Inline(index as u8, grads));
        }
        Grads::many(grads.into_iter().chain(more).collect())
    }
}

impl Map {
    /// The gradient of operand `k`, tensor `index`.
    fn grad(&self, c: &Context, g: &Tensor, k: usize, index: usize) -> Result<Option<Tensor>> {
        let Some(p) = self.partial(k) else { bail!(Runtime, "derivative for {} is not implemented", self.row.name) };
        let facts = p.formula.facts();
        let source = |j: usize| p.from.as_ref().map_or(j, |f| f[j] as usize);
        let grad = if facts.is_zero && self.masks() >> k & 1 == 1 {
            return Ok(None);
        } else if facts.is_zero {
            Tensor::new(Array::zeros(g.meta().contiguous(g.layout().shape.clone()))?)
        } else if facts.is_input.map(source) == Some(p.g) {
            g.clone()
        } else {
            let count = p.from.as_ref().map_or(p.g + 1, Vec::len);
            if count > SLOTS {
                bail!(NotImplemented, "{}: derivatives of this order are not implemented", self.row.name);
            }
            let mut m = Map {
                row: self.row,
                formula: p.formula.clone(),
                slots: [Slot::Unused; SLOTS],
                count,
                params: self.params,
                fixed: Some(g.dtype()),
                uniform: false,
            };
            let mut owned: [Option<Tensor>; SLOTS] = [const { None }; SLOTS];
            for j in (0..count).filter(|j| facts.uses >> j & 1 == 1) {
                let from = source(j);
                let tensor = if from == p.g {
                    g.clone()
                } else if Some(from) == p.result {
                    c.output()?
                } else {
                    match self.slots[from] {
                        Slot::Tensor => c.input(self.tensor_index(from))?,
                        other => {
                            m.slots[j] = other;
                            continue;
                        }
                    }
                };
                m.slots[j] = Slot::Tensor;
                owned[j] = Some(tensor);
            }
            let mut x = Inputs { list: [None; SLOTS], len: 0 };
            owned.iter().flatten().for_each(|t| x.push(t));
            m.uniform = x.uniform();
            m.apply(&x)?
        };
        if self.uniform {
            return Ok(Some(grad));
        }
        let meta = c.meta(index)?;
        let grad = grad.sum_to(meta.shape())?;
        Ok(Some(if grad.dtype() == meta.dtype { grad } else { grad.to_dtype(meta.dtype)? }))
    }
}

/// The layout of the result of one input: its own strides where it is dense.
#[inline]
fn elementwise_of_one(x: &Layout) -> Layout {
    if x.is_contiguous() {
        return Layout::contiguous(x.shape.clone());
    }
    crate::core::layout::elementwise(x.shape.clone(), &[x])
}

/// PyTorch's error where an integer divisor is zero, before anything is written.
fn check_divisor(v: Value) -> Result<()> {
    let zero = match v {
        Value::Number(n) => n.is_zero(),
        Value::Array(a) => match a.dtype {
            DType::Bool => any_zero::<Bool>(a, |v| !v.get()),
            DType::U8 => any_zero::<u8>(a, |v| v == 0),
            DType::I32 => any_zero::<i32>(a, |v| v == 0),
            DType::I64 => any_zero::<i64>(a, |v| v == 0),
            _ => false,
        },
        Value::Unused => false,
    };
    if zero { Err(err!(Runtime, "ZeroDivisionError").hint("an integer tensor was divided by zero")) } else { Ok(()) }
}

fn any_zero<T: crate::core::Element>(a: &Array, is_zero: fn(T) -> bool) -> bool {
    let walk = Walk::new(a.shape(), [a.strides()]);
    let mut found = false;
    walk.elements(0..walk.numel(), |[at], _| {
        // SAFETY: the walk stays inside the layout.
        found |= is_zero(unsafe { a.ptr::<T>().wrapping_offset(at).read() });
    });
    found
}
