//! The gradient of an operand: one Map of the formula's partial, then summed to the operand's shape.

use super::{Call, Map, SLOTS, Slot};
use crate::bail;
use crate::core::{DType, Number};
use crate::error::Result;
use crate::ops::elementwise::formula::Source;
use crate::tensor::{Context, Operand, Tensor};

struct Partial {
    formula: Source,
    /// Where the forward result stands.
    result: Option<usize>,
    g: usize,
}

impl Partial {
    /// What each operand of the formula is; None: they count up.
    fn from(&self) -> Option<&[u8]> {
        match &self.formula {
            Source::Row(_) => None,
            Source::Derived(d) => Some(&d.from),
        }
    }
}

impl Map {
    /// The gradient formula of operand `k`: its operands are those of this one, then its result (rows only), then `g`.
    fn partial(&self, k: usize) -> Option<Partial> {
        let count = self.slots().len();
        if self.row.is_value(&self.formula) {
            let f = self.row.grads.get(k)?.as_ref()?;
            return Some(Partial { formula: Source::Row(f), result: Some(count), g: count + 1 });
        }
        Some(Partial { formula: Source::Derived(self.formula.partial(k, count)), result: None, g: count })
    }

    /// What the gradient of operand `k` reads. Bit j: operand j of this formula, or, for rows, its result after them.
    pub(super) fn uses_of_partial(&self, k: usize) -> u32 {
        if self.row.is_value(&self.formula) {
            return self.row.grads.get(k).and_then(Option::as_ref).map_or(0, |f| f.facts().uses);
        }
        let derived = self.formula.partial(k, self.slots().len());
        derived.from.iter().fold(0, |m, &j| m | 1 << j)
    }

    /// Conjugates an operand of a gradient's formula: PyTorch's gradient of f is g times the conjugate of its derivative, which is
    /// the derivative's formula on conjugated operands. In a power a real operand becomes complex first, since the conjugate of
    /// a negative number lies on the other side of the logarithm's cut.
    fn conjugate(&self, tensor: &mut Option<Tensor>, operand: &mut Option<Operand>, dtype: DType) -> Result<()> {
        let cut = self.row.name == "pow";
        if let Some(t) = tensor {
            let complex = if cut && t.dtype().is_float() { t.to_dtype(dtype)? } else { t.clone() };
            *tensor = Some(complex.conj()?);
        }
        if let Some(Operand::Number(n)) = operand {
            *n = if cut { Number::Complex(n.to_f64(), -n.imag()) } else { n.conj() };
        }
        Ok(())
    }

    /// The gradient of operand `k`, tensor `index`.
    pub(super) fn grad(&self, c: &Context, g: &Tensor, k: usize, index: usize) -> Result<Option<Tensor>> {
        let Some(p) = self.partial(k) else {
            bail!(Runtime, "derivative for aten::{} is not implemented", self.row.name)
        };
        let facts = p.formula.facts();
        let from = p.from();
        let source = |j: usize| from.map_or(j, |f| f[j] as usize);
        let stepwise = self.row.half_grad.filter(|_| g.dtype().is_half() && self.row.is_value(&self.formula));
        let grad = if let Some(f) = stepwise {
            // An operand that the gradient does not read was not saved.
            let tensor = |i: usize| match self.slots[i] {
                Slot::Tensor if facts.uses >> i & 1 == 1 => c.input(self.tensor_index(i)).map(Some),
                _ => Ok(None),
            };
            let tensors = [tensor(0)?, tensor(1)?];
            let operand = |i: usize| match &tensors[i] {
                Some(t) => Operand::Tensor(t),
                None => Operand::Number(self.number_at(i).unwrap_or(Number::Int(0))),
            };
            f([operand(0), operand(1)], c.output().ok().as_ref(), g, k)?
        } else if facts.is_zero && self.masks() >> k & 1 == 1 {
            return Ok(None);
        } else if facts.is_zero {
            g.zeros_of(g.shape())?
        } else if facts.operand(self.params[0]).map(source) == Some(p.g) {
            g.clone()
        } else {
            let count = from.map_or(p.g + 1, <[u8]>::len);
            if count > SLOTS {
                bail!(NotImplemented, "{}: derivatives of this order are not implemented", self.row.name);
            }
            let complex = g.dtype().is_complex();
            let mut owned: [Option<Tensor>; SLOTS] = [const { None }; SLOTS];
            let mut operands = [None; SLOTS];
            for j in (0..count).filter(|j| facts.uses >> j & 1 == 1) {
                let from = source(j);
                if from == p.g {
                    operands[j] = Some(Operand::Tensor(g));
                } else if Some(from) == p.result {
                    owned[j] = Some(c.output()?);
                } else {
                    match self.slots[from] {
                        Slot::Tensor => owned[j] = Some(c.input(self.tensor_index(from))?),
                        _ => operands[j] = self.number_at(from).map(Operand::Number),
                    }
                }
                if complex {
                    self.conjugate(&mut owned[j], &mut operands[j], g.dtype())?;
                }
            }
            if self.row.compares {
                owned.iter_mut().flatten().for_each(|t| *t = t.detach());
            }
            for (operand, tensor) in operands.iter_mut().zip(&owned) {
                if let Some(t) = tensor {
                    *operand = Some(Operand::Tensor(t));
                }
            }
            let (operands, fixed) = (&operands[..count], Some(g.dtype()));
            let params = if complex { self.params.map(Number::conj) } else { self.params };
            Call { row: self.row, formula: p.formula.clone(), operands, params, fixed }.run()?
        };
        if self.uniform {
            return Ok(Some(grad));
        }
        let meta = c.meta(index)?;
        let grad = grad.sum_to(meta.shape())?;
        Ok(Some(if grad.dtype() == meta.dtype { grad } else { grad.to_dtype(meta.dtype)? }))
    }
}
