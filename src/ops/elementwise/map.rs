//! `impl Op` for every elementwise row: promotion, PyTorch's refusals, strides of the result, the kernel, and the
//! derivative: one Map per gradient that is needed, then summed to its input's shape.

mod call;
mod direct;
mod gradient;

pub use self::call::{
    Call, anything, call, call_on, call_with, fits, numbers_fit, on, on_with, over, params_fit, promoted,
};
use super::formula::{Formula, Source};
use crate::core::layout::preserved;
use crate::core::promote::Promotion;
use crate::core::shape::broadcast;
use crate::core::{DType, Layout, Meta, Number, Shape};
use crate::cpu::map::{Call as Loop, Code, any_zero, run};
use crate::cpu::narrow::{self, Narrow};
use crate::device::{Array, Value};
use crate::error::Result;
use crate::expr::MAX_INPUTS;
use crate::gpu;
use crate::tensor::op::{Mask, Saves, backward_class};
use crate::tensor::{Context, Cotangents, Grads, Op, Operand, Tensor, mode};
use crate::{bail, err};

/// Numbers that a row may have.
pub const PARAMS: usize = 3;
/// Operands of a row that may be numbers.
const NUMBERS: usize = 2;
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
    /// PyTorch's node class where it is not made from the name. Where overloads have classes of their own, `a|b|c`: if all
    /// operands are tensors, if one is a number, if the first is.
    pub grad_name: &'static str,
    /// The kernel's name in PyTorch's refusals.
    pub kernel: &'static str,
    pub rule: Rule,
    pub inputs: usize,
    /// Bit k: input k is bool, whatever the others are.
    pub masks: u32,
    pub params: usize,
    pub defaults: [Number; PARAMS],
    /// Beside half tensors the row's numbers keep their float32 values: its params, or, where it has none, its last operand.
    pub wide: bool,
    /// An integer divisor must not be zero.
    pub divides: bool,
    /// PyTorch has a kernel for uint16, uint32 and uint64. (Where the rule promotes to floats it needs none.)
    pub unsigned: bool,
    /// A number after the first operand is a parameter of the kernel in PyTorch, and no operand: it has no say in the
    /// result's strides.
    pub parametric: bool,
    /// PyTorch runs the op with its operands the other way round, which shows in the result's strides.
    pub reversed: bool,
    /// The formula holds for complex numbers, as a holomorphic function of each operand; its gradient reads operands conjugated.
    pub complex: bool,
    /// PyTorch has a kernel for complex32 too.
    pub chalf: bool,
    /// The op on a complex tensor, where the formula does not hold for it.
    pub on_complex: Option<fn(&Tensor) -> Result<Tensor>>,
    /// The gradient compares operands, and is in PyTorch no function of them: recorded, it does not require grad for their sake.
    pub compares: bool,
    /// The gradient is in PyTorch an op of the operands, though the formula does not look at them.
    pub tied: bool,
    /// `out=` must have the dtype of the result, where one operand is a tensor.
    pub same_out: bool,
    /// The function takes numbers alone too: the first of them stands as a 0-d tensor.
    pub numbers: bool,
    pub out_mask: bool,
    pub value: Formula,
    pub grads: [Option<Formula>; 3],
    /// The gradient of an operand of a half type, in ops that round where PyTorch's do; used where rounding once shows.
    pub half_grad: Option<HalfGrad>,
    /// What else PyTorch refuses, given the dtype of the operands together.
    pub check: fn(&Call, DType) -> Result<()>,
}

/// Given the operands, the result where it was saved, `g` and which operand: its gradient, of the result's shape.
pub type HalfGrad = fn([Operand; 2], Option<&Tensor>, &Tensor, usize) -> Result<Tensor>;

impl Row {
    /// Whether `f` is this row's value (and not one of its partials).
    fn is_value(&self, f: &Source) -> bool {
        matches!(f, Source::Row(f) if std::ptr::eq(*f, &self.value))
    }
}

#[derive(Clone, Copy)]
enum Slot {
    Tensor,
    /// Place among the numbers.
    Number(u8),
    Unused,
}

/// One call of a formula. Small, since a recorded node holds it.
#[derive(Clone)]
pub struct Map {
    row: &'static Row,
    formula: Source,
    slots: [Slot; SLOTS],
    count: u8,
    /// One operand at least is a tensor.
    numbers: [Number; NUMBERS],
    params: [Number; PARAMS],
    /// The dtype to compute in, where it is not found by promotion: gradients have that of the result.
    fixed: Option<DType>,
    /// All tensors have one shape and dtype, so that gradients need no sum and no cast.
    uniform: bool,
}

impl Map {
    /// The Map of a call, and the tensors that it is applied to; `uniform` where they are known to be so.
    fn new<'a>(call: &Call<'a>, uniform: bool) -> (Map, Inputs<'a>) {
        let mut m = Map {
            row: call.row,
            formula: call.formula.clone(),
            slots: [Slot::Unused; SLOTS],
            count: call.operands.len().min(SLOTS) as u8,
            numbers: [Number::Int(0); NUMBERS],
            params: call.params,
            fixed: call.fixed,
            uniform: true,
        };
        let mut x = Inputs::NONE;
        let mut numbers = 0;
        for (slot, operand) in m.slots.iter_mut().zip(call.operands) {
            *slot = match *operand {
                Some(Operand::Number(n)) => {
                    if let Some(to) = m.numbers.get_mut(numbers) {
                        *to = n;
                    }
                    numbers += 1;
                    Slot::Number(numbers as u8 - 1)
                }
                Some(Operand::Tensor(t)) => {
                    x.push(t);
                    Slot::Tensor
                }
                None => Slot::Unused,
            };
        }
        // A complex number makes the result of real tensors complex: their gradients are cast back.
        let complex = m.numbers.iter().any(|n| matches!(n, Number::Complex(..)));
        m.uniform = (uniform || x.uniform()) && !complex;
        (m, x)
    }

    /// Operand `k`, where it is a number.
    #[inline]
    fn number_at(&self, k: usize) -> Option<Number> {
        match self.slots.get(k) {
            Some(&Slot::Number(at)) => self.numbers.get(at as usize).copied(),
            _ => None,
        }
    }

    #[inline]
    fn slots(&self) -> &[Slot] {
        &self.slots[..(self.count as usize).min(SLOTS)]
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
    fn promoted<'m>(&self, mut x: impl Iterator<Item = &'m Meta>) -> Result<DType> {
        let mut p = Promotion::default();
        let masks = self.row.masks;
        for (k, slot) in self.slots().iter().enumerate() {
            if let Slot::Tensor = slot {
                match x.next() {
                    Some(m) if masks >> k & 1 == 0 => p.tensor(m.dtype, m.ndim()),
                    _ => {}
                }
            } else if let Some(n) = self.number_at(k).filter(|_| masks >> k & 1 == 0) {
                p.number(n, mode::default_float());
            }
        }
        Ok(p.result()?.unwrap_or(DType::Bool))
    }

    /// The dtype that the kernel computes, by the row's rule.
    #[inline]
    fn compute<'m>(&self, x: impl Iterator<Item = &'m Meta>) -> Result<DType> {
        Ok(match self.fixed {
            Some(dtype) => dtype,
            None => match self.promoted(x)? {
                dtype if self.row.rule == Rule::Float && dtype.is_integral() => mode::default_float(),
                dtype => dtype,
            },
        })
    }

    fn refuse(&self, dtype: DType, x: &[&Meta]) -> Result<()> {
        let refused = match self.row.rule {
            _ if dtype == DType::C32 => !self.row.chalf,
            _ if dtype.is_complex() => !self.row.complex,
            Rule::Float => false,
            Rule::FloatOnly => !dtype.is_float(),
            _ if dtype.is_limited() => !self.row.unsigned,
            Rule::All => false,
            Rule::Numeric => dtype == DType::Bool,
            Rule::Bits => !dtype.is_integral(),
        };
        // A check looks at numbers only.
        let numbers: [_; SLOTS] = std::array::from_fn(|k| self.number_at(k).map(Operand::Number));
        let (params, fixed) = (self.params, self.fixed);
        let operands = &numbers[..self.slots().len()];
        (self.row.check)(&Call { row: self.row, formula: self.formula.clone(), operands, params, fixed }, dtype)?;
        if refused {
            // PyTorch looks at shapes before it looks for a kernel.
            x.iter().try_fold(Shape::default(), |shape, m| broadcast(&shape, m.shape()))?;
            return Err(dtype.lacks(self.row.kernel));
        }
        Ok(())
    }

    /// The operation that integers need not be widened for, if this is one.
    fn narrow(&self) -> Option<Narrow> {
        let plain =
            self.row.is_value(&self.formula) && self.params[..self.row.params].iter().all(|p| *p == Number::Int(1));
        if plain { Narrow::of(self.row.name) } else { None }
    }

    /// The operands of a kernel that computes `compute`; and, as bits, which of them are not rounded to it.
    fn values<'a>(&self, x: &[&'a Array], out: &Array, compute: DType) -> ([Value<'a>; MAX_INPUTS], u32) {
        let uses = self.formula.facts().uses;
        let mut values = [Value::Unused; MAX_INPUTS];
        let mut wide = 0;
        let mut tensors = x.iter();
        for (k, slot) in self.slots().iter().enumerate() {
            let needed = uses >> k & 1 == 1;
            values[k] = match (slot, self.number_at(k)) {
                (Slot::Tensor, _) => match tensors.next() {
                    Some(a) if needed => {
                        // A 0-d tensor stands for a number, beside halves as well.
                        if self.is_wide(k) && a.ndim() == 0 && out.ndim() > 0 {
                            wide |= 1 << k;
                        }
                        Value::Array(a)
                    }
                    _ => Value::Unused,
                },
                (_, Some(n)) if needed => {
                    Value::Number(if self.is_wide(k) && compute.is_half() { n } else { n.cast(compute) })
                }
                _ => Value::Unused,
            };
        }
        (values, wide)
    }

    /// Whether operand `k` keeps its float32 value beside halves.
    fn is_wide(&self, k: usize) -> bool {
        self.row.wide && self.row.params == 0 && k + 1 == self.slots().len()
    }

    /// The numbers of the formula, rounded to the halves that they stand beside.
    fn rounded_params(&self, compute: DType) -> [Number; PARAMS] {
        if compute.is_half() && !self.row.wide { self.params.map(|p| p.cast(compute)) } else { self.params }
    }

    /// The loop for these operands. Where a row rounds each step in halves, it does so between tensors; one value on the right
    /// keeps its float32 value and PyTorch computes in float32.
    fn code(&self, values: &[Value], compute: DType) -> Option<Code<'_>> {
        let one = |v: &Value| match v {
            Value::Number(_) => true,
            Value::Array(a) => a.numel() == 1,
            Value::Unused => false,
        };
        let plain = self.row.wide && values.last().is_some_and(one);
        let stepped = if compute.is_half() && !plain { self.formula.stepped(compute) } else { None };
        stepped.or_else(|| self.formula.code(compute))
    }

    /// PyTorch's error where an integer divisor is zero, before anything is written. The GPU reports it when a result is read: a
    /// device cannot raise.
    fn check_divisor(&self, v: Option<&Value>, compute: DType) -> Result<()> {
        let zero = match v {
            _ if !(self.row.divides && compute.is_integral() && self.row.is_value(&self.formula)) => false,
            Some(Value::Number(n)) => n.is_zero(),
            Some(Value::Array(a)) if a.device.is_gpu() => return gpu::divisor::check(self.row.name, a),
            Some(Value::Array(a)) => any_zero(a),
            _ => false,
        };
        if !zero {
            return Ok(());
        }
        Err(err!(Runtime, "ZeroDivisionError").hint("an integer tensor was divided by zero"))
    }

    /// Whether a number is an operand in PyTorch's sense.
    fn counts_numbers(&self) -> bool {
        !self.row.parametric && (0..self.slots().len()).any(|k| self.number_at(k).is_some())
    }

    /// The layout of a result of several operands. PyTorch casts operands before it looks at their strides.
    fn result_layout(&self, x: &[&Meta], shape: Shape, compute: DType) -> Layout {
        if self.row.parametric && self.number_at(0).is_some() {
            // PyTorch takes a number to the power of a tensor into a contiguous result.
            return Layout::contiguous(shape);
        }
        let n = x.len().min(SLOTS);
        let mut layouts = [&x[0].layout; SLOTS];
        layouts.iter_mut().zip(x).for_each(|(l, m)| *l = &m.layout);
        let masks = self.row.masks;
        let cast = |k: usize, m: &Meta| m.dtype != compute && masks >> k & 1 == 0 && !m.layout.is_dense();
        let mut copies = [const { None }; SLOTS];
        for (k, m) in x.iter().take(n).enumerate().filter(|(k, m)| cast(*k, m)) {
            copies[k] = Some(preserved(&m.layout));
        }
        layouts.iter_mut().zip(&copies).for_each(|(l, copy)| *l = copy.as_ref().unwrap_or(*l));
        if self.row.reversed && self.row.is_value(&self.formula) {
            layouts[..n].reverse();
        }
        crate::core::layout::elementwise(shape, &layouts[..n], self.counts_numbers())
    }

    /// The position among the tensors of operand `k`.
    fn tensor_index(&self, k: usize) -> usize {
        self.slots[..k].iter().filter(|s| matches!(s, Slot::Tensor)).count()
    }
}

/// The tensors of a call, in order.
struct Inputs<'a> {
    /// Entries past the count repeat the first.
    list: Option<[&'a Tensor; SLOTS]>,
    len: usize,
}

impl<'a> Inputs<'a> {
    const NONE: Inputs<'a> = Inputs { list: None, len: 0 };

    #[inline]
    fn push(&mut self, t: &'a Tensor) {
        if let Some(slot) = self.list.get_or_insert([t; SLOTS]).get_mut(self.len) {
            *slot = t;
            self.len += 1;
        }
    }

    #[inline]
    fn tensors(&self, name: &str) -> Result<&[&'a Tensor]> {
        match &self.list {
            Some(list) => Ok(&list[..self.len.min(SLOTS)]),
            None => bail!(Type, "{name}(): at least one operand must be a tensor"),
        }
    }

    #[inline]
    fn uniform(&self) -> bool {
        let Some(list) = &self.list else { return true };
        let (first, rest) = (list[0].meta(), &list[1..self.len.clamp(1, SLOTS)]);
        rest.iter().all(|t| t.dtype() == first.dtype && t.layout().shape == first.layout.shape)
    }
}

impl Op for Map {
    fn name(&self) -> &'static str {
        self.row.name
    }

    fn grad_name(&self) -> String {
        if !self.row.grad_name.is_empty() && self.row.is_value(&self.formula) {
            let which = match self.slots().iter().position(|s| matches!(s, Slot::Number(_))) {
                None => 0,
                Some(0) => 2,
                Some(_) => 1,
            };
            return self.row.grad_name.split('|').take(which + 1).last().unwrap_or_default().to_string();
        }
        backward_class(self.row.name) + if self.row.is_value(&self.formula) { "" } else { "Backward" }
    }

    fn edge_order(&self) -> &'static [usize] {
        let numbers = self.slots().iter().any(|s| matches!(s, Slot::Number(_)));
        match (self.row.name, numbers) {
            ("where", _) => &[1, 2],
            ("masked_fill", true) => &[0],
            ("masked_fill", false) => &[0, 2],
            ("add" | "sub" | "mul" | "div", true) if self.row.is_value(&self.formula) => &[0, 1],
            _ => &[],
        }
    }

    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let compute = self.compute(x.iter().copied())?;
        if self.fixed.is_none() {
            let dtype = if self.row.rule == Rule::Float { compute } else { self.promoted(x.iter().copied())? };
            self.refuse(dtype, x)?;
        }
        let dtype = if self.out_mask() { DType::Bool } else { compute };
        let Some(&first) = x.first() else { bail!(Runtime, "internal error: {} without inputs", self.row.name) };
        let layout = match x {
            [a] if self.number_at(0).is_none() && !self.counts_numbers() => elementwise_of_one(&a.layout),
            _ => {
                let mut shape: Shape = first.layout.shape.clone();
                for m in &x[1..] {
                    shape = broadcast(&shape, m.shape())?;
                }
                self.result_layout(x, shape, compute)
            }
        };
        Ok(Meta::new(layout, dtype, first.device))
    }

    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let out = &out[0];
        let compute = if self.out_mask() { self.compute(x.iter().map(|a| &a.meta))? } else { out.dtype };
        let (values, wide) = self.values(x, out, compute);
        let values = &values[..self.slots().len()];
        if narrow::pays(out) && !self.out_mask() && self.narrow().is_some_and(|op| narrow::run(op, values, out)) {
            return Ok(());
        }
        let Some(code) = self.code(values, compute) else { return Err(compute.lacks(self.row.kernel)) };
        self.check_divisor(values.get(1), compute)?;
        let cost = self.formula.facts().cost;
        let cost = match compute {
            DType::F64 => 2.0 * cost,
            d if d.is_complex() => 8.0 * cost,
            _ => cost,
        };
        let params = &self.rounded_params(compute);
        let call = Loop { code, compute, masks: self.masks(), wide, out_mask: self.out_mask(), params, cost };
        run(&call, values, out);
        Ok(())
    }

    /// The row's own expression, printed. (An integer division by a tensor's zero gives 0.)
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let out = &out[0];
        let compute = if self.out_mask() { self.compute(x.iter().map(|a| &a.meta))? } else { out.dtype };
        let (values, wide) = self.values(x, out, compute);
        self.check_divisor(values.get(1), compute)?;
        let (formula, masks, out_mask) = (self.formula.facts().on_gpu(), self.masks(), self.out_mask());
        let params = &self.rounded_params(compute)[..self.row.params];
        let call = gpu::map::Call { op: self.row.name, formula, compute, masks, wide, out_mask, params };
        gpu::map::run(&call, &values[..self.slots().len()], out)
    }

    fn aliases(&self) -> bool {
        true
    }

    /// What a row lacks is refused by `infer`.
    fn complex(&self) -> bool {
        true
    }

    fn saves(&self, needs: Mask) -> Saves {
        let tensors = || self.slots().iter().enumerate().filter(|(_, s)| matches!(s, Slot::Tensor)).map(|(k, _)| k);
        let uses = tensors()
            .enumerate()
            .filter(|(index, _)| needs.has(*index))
            .fold(0, |uses, (_, k)| uses | self.uses_of_partial(k));
        let mut saves = if self.uniform { Saves::NONE } else { Saves::META };
        for (index, _) in tensors().enumerate().filter(|(_, k)| uses >> k & 1 == 1) {
            saves = saves.and(Saves::input_at(index));
        }
        let result = self.row.is_value(&self.formula) && uses >> self.slots().len() & 1 == 1;
        if result { saves.and(Saves::OUTPUT) } else { saves }
    }

    fn ties(&self) -> Mask {
        if self.row.tied && self.row.is_value(&self.formula) { Mask::ALL } else { Mask::default() }
    }

    fn differentiable(&self) -> bool {
        !self.out_mask()
    }

    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        let mut grads = [None, None, None];
        let mut more = Vec::new();
        let n = self.slots().len();
        let (mut count, is_tensor) = (0, |k: usize| matches!(self.slots[k], Slot::Tensor));
        // Of two operands the second's first, as PyTorch does: gradients of gradients add up in this order.
        for k in (0..n).map(|i| if n == 2 { 1 - i } else { i }).filter(|&k| is_tensor(k)) {
            let index = self.tensor_index(k);
            let grad = if c.needs(index) { self.grad(c, g, k, index)? } else { None };
            match grads.get_mut(index) {
                Some(slot) => *slot = grad,
                None => more.push(grad),
            }
            count += 1;
        }
        if more.is_empty() {
            return Ok(Grads::Inline(count, grads));
        }
        Grads::many(grads.into_iter().chain(more).collect())
    }
}

/// The layout of the result of one input: its own strides where it is dense.
#[inline]
fn elementwise_of_one(x: &Layout) -> Layout {
    if x.is_contiguous() {
        return Layout::contiguous(x.shape.clone());
    }
    crate::core::layout::elementwise(x.shape.clone(), &[x], false)
}
