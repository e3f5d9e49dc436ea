//! The gradient of an operand: one Map of the formula's partial, then summed to the operand's shape.

use super::{Inputs, Map, SLOTS, Slot};
use crate::bail;
use crate::device::Array;
use crate::error::Result;
use crate::ops::elementwise::formula::Source;
use crate::tensor::{Context, Tensor};

pub struct Partial {
    formula: Source,
    /// Where the forward result stands.
    pub result: Option<usize>,
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

    /// Bit k: operand k of the differentiated formula, its result or `g` is needed.
    pub fn uses(&self) -> u32 {
        match self.from() {
            None => self.formula.facts().uses,
            Some(from) => from.iter().fold(0, |m, &k| m | 1 << k),
        }
    }
}

impl Map {
    /// The gradient formula of operand `k`: its operands are those of this one, then its result (rows only), then `g`.
    pub(super) fn partial(&self, k: usize) -> Option<Partial> {
        let count = self.slots().len();
        if self.row.is_value(&self.formula) {
            let f = self.row.grads.get(k)?.as_ref()?;
            return Some(Partial { formula: Source::Row(f), result: Some(count), g: count + 1 });
        }
        Some(Partial { formula: Source::Derived(self.formula.partial(k, count)), result: None, g: count })
    }

    /// The gradient of operand `k`, tensor `index`.
    pub(super) fn grad(&self, c: &Context, g: &Tensor, k: usize, index: usize) -> Result<Option<Tensor>> {
        let Some(p) = self.partial(k) else { bail!(Runtime, "derivative for {} is not implemented", self.row.name) };
        let facts = p.formula.facts();
        let from = p.from();
        let source = |j: usize| from.map_or(j, |f| f[j] as usize);
        let grad = if facts.is_zero && self.masks() >> k & 1 == 1 {
            return Ok(None);
        } else if facts.is_zero {
            Tensor::new(Array::zeros(g.meta().contiguous(g.layout().shape.clone()))?)
        } else if facts.is_input.map(source) == Some(p.g) {
            g.clone()
        } else {
            let count = from.map_or(p.g + 1, <[u8]>::len);
            if count > SLOTS {
                bail!(NotImplemented, "{}: derivatives of this order are not implemented", self.row.name);
            }
            let mut m = Map {
                row: self.row,
                formula: p.formula.clone(),
                slots: [Slot::Unused; SLOTS],
                count: count as u8,
                numbers: self.numbers,
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
            let mut x = Inputs::NONE;
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
