//! The short way of plain small operands: no inference, no plan, one fresh tensor.

use super::{Map, PARAMS, Rule, SLOTS, Slot};
use crate::core::layout::contiguous_strides;
use crate::core::{DType, Layout, Meta};
use crate::cpu::map::small::{self, Lanes, fits};
use crate::device::{Array, Storage};
use crate::ops::elementwise::formula::Source;
use crate::tensor::Tensor;

impl Map {
    /// The result of small plain floats, straight from the compiled loop into a fresh tensor: one shape and dtype, each
    /// contiguous or one element expanded. Floats are the highest kind, so that numbers beside them change no dtype.
    pub(super) fn small(&self, x: &[&Tensor]) -> Option<Tensor> {
        let (Source::Row(formula), true, 0) = (&self.formula, self.uniform, self.row.masks) else { return None };
        let first = x.first()?.meta();
        let dtype = first.dtype;
        if !matches!(dtype, DType::F32 | DType::F64) {
            return None;
        }
        let kernel = formula.loops.of(dtype)?;
        let n = first.numel();
        let taken = match self.fixed {
            Some(fixed) => fixed == dtype,
            None => self.row.rule != Rule::Bits && (self.row.check)(self, dtype).is_ok(),
        };
        if !taken || n == 0 || !fits(n, formula.facts().cost) {
            return None;
        }
        let strides = contiguous_strides(&first.layout.shape);
        let mut lanes = [Lanes::Unused; SLOTS];
        let mut tensors = x.iter();
        for (k, &slot) in self.slots().iter().enumerate() {
            lanes[k] = match slot {
                Slot::Tensor => Lanes::of(tensors.next()?.array(), dtype, &strides)?,
                Slot::Number(_) => Lanes::number(self.number_at(k)?, dtype),
                Slot::Unused => Lanes::Unused,
            };
        }
        if !lanes.iter().any(|l| matches!(l, Lanes::Each(_))) {
            return None;
        }
        let gives = if self.out_mask() { DType::Bool } else { dtype };
        // An operand has as many elements of at least that size.
        let storage = Storage::new(n * gives.size()).ok()?;
        let params = &self.params[..self.row.params.min(PARAMS)];
        small::run(kernel, dtype, &lanes[..self.slots().len()], params, &storage, gives, n);
        let layout = Layout { shape: first.layout.shape.clone(), strides, offset: 0 };
        Some(Tensor::new(Array::new(Meta::new(layout, gives, first.device), storage)))
    }
}
