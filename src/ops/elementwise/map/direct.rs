//! The short way of plain small operands: no inference, no plan, one fresh tensor.

use super::{Map, PARAMS, Rule, SLOTS, Slot};
use crate::core::layout::contiguous_strides;
use crate::core::{DType, Layout, Meta, Number, Strides};
use crate::cpu::map::Kernel;
use crate::cpu::map::small::{self, Lanes, fits};
use crate::device::{Array, Storage};
use crate::ops::elementwise::formula::Source;
use crate::tensor::Tensor;

/// A call of a compiled loop.
struct Plain {
    kernel: Kernel,
    dtype: DType,
    lanes: [Lanes; SLOTS],
    n: usize,
    /// Of the result.
    strides: Strides,
}

impl Map {
    /// Hands `finish` the loop of small plain floats: one shape and dtype, each contiguous or one element expanded. Floats are
    /// the highest kind, so that numbers beside them change no dtype.
    #[inline(always)]
    fn plain<R>(&self, x: &[&Tensor], finish: impl FnOnce(&Plain) -> Option<R>) -> Option<R> {
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
        // Filled and read where it stays: moving what was just written is most of such a call.
        let mut p = Plain { kernel, dtype, lanes: [Lanes::Unused; SLOTS], n, strides };
        let mut tensors = x.iter();
        for (k, &slot) in self.slots().iter().enumerate() {
            p.lanes[k] = match slot {
                Slot::Tensor => Lanes::of(tensors.next()?.array(), dtype, &p.strides)?,
                Slot::Number(_) => Lanes::number(self.number_at(k)?, dtype),
                Slot::Unused => Lanes::Unused,
            };
        }
        if p.lanes.iter().any(|l| matches!(l, Lanes::Each(_))) { finish(&p) } else { None }
    }

    fn row_params(&self) -> &[Number] {
        &self.params[..self.row.params.min(PARAMS)]
    }

    /// The result in a fresh tensor, if all is small and plain.
    pub(super) fn small(&self, x: &[&Tensor]) -> Option<Tensor> {
        self.plain(x, |p| {
            let gives = if self.out_mask() { DType::Bool } else { p.dtype };
            // An operand has as many elements of at least that size.
            let storage = Storage::new(p.n * gives.size()).ok()?;
            small::run(p.kernel, p.dtype, &p.lanes[..self.slots().len()], self.row_params(), &storage, gives, p.n);
            let first = x.first()?;
            let layout = Layout { shape: first.layout().shape.clone(), strides: p.strides.clone(), offset: 0 };
            Some(Tensor::new(Array::new(Meta::new(layout, gives, first.device()), storage)))
        })
    }

    /// Writes the result over the first operand, if all is small and plain; whether it did.
    pub(super) fn small_over(&self, x: &[&Tensor]) -> bool {
        let Some((first, others)) = x.split_first() else { return false };
        let out = first.array();
        let apart = |t: &&Tensor| !t.array().storage.same(&out.storage) || t.layout().offset == out.layout.offset;
        if self.out_mask() || !others.iter().all(apart) {
            return false;
        }
        self.plain(x, |p| {
            let lanes = &p.lanes[..self.slots().len()];
            let same = out.layout.strides == p.strides;
            (same && small::run_over(p.kernel, p.dtype, lanes, self.row_params(), out, p.n)).then_some(())
        })
        .is_some()
    }
}
