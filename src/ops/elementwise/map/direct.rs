//! The short way of plain small operands: no inference, no plan, one fresh tensor.

use super::{Call, PARAMS, Rule};
use crate::core::{DType, Number};
use crate::cpu::map::Loops;
use crate::cpu::map::small::{self, Lanes, fits};
use crate::device::{Array, Storage};
use crate::ops::elementwise::formula::Source;
use crate::tensor::{Operand, Tensor, Token};

impl<'a> Call<'a> {
    /// Hands `finish` the loops of small plain floats and their operands: one shape and dtype, each packed or one element
    /// expanded; or, where they may `broadcast`, packed and of fewer elements. It also gets a packed operand, which looks like
    /// the result, and the number of elements. Floats are the highest kind, so that numbers beside them change no dtype.
    #[inline(always)]
    fn plain<R>(
        &self,
        broadcast: bool,
        finish: impl FnOnce(&Loops, &mut Lanes, &'a Array, usize) -> Option<R>,
    ) -> Option<R> {
        let (Source::Row(formula), 0) = (&self.formula, self.row.masks) else { return None };
        let mut packed = self.tensors().filter_map(|t| t.layout().packed_numel().map(|n| (t.array(), n)));
        let (like, n) = if broadcast { packed.max_by_key(|(a, n)| (*n, a.ndim()))? } else { packed.next()? };
        let dtype = like.dtype;
        if !matches!(dtype, DType::F32 | DType::F64)
            || n == 0
            || !like.device.is_cpu()
            || !fits(n, formula.facts().cost)
        {
            return None;
        }
        let taken = match self.fixed {
            Some(fixed) => fixed == dtype,
            None => self.row.rule != Rule::Bits && (self.row.check)(self, dtype).is_ok(),
        };
        if !taken {
            return None;
        }
        // Filled and read where it stays: moving what was just written is most of such a call.
        let mut lanes = Lanes::new(like.bytes_ptr());
        for (k, operand) in self.operands.iter().enumerate() {
            match operand {
                Some(Operand::Tensor(t)) if broadcast => lanes.put_broadcast(k, t.array(), like)?,
                Some(Operand::Tensor(t)) => lanes.put_array(k, t.array(), like)?,
                Some(Operand::Number(Number::Complex(..))) => return None,
                Some(Operand::Number(n)) => lanes.put_number(k, *n, dtype),
                None => {}
            }
        }
        finish(&formula.loops, &mut lanes, like, n)
    }

    #[inline]
    fn row_params(&self) -> &[Number] {
        &self.params[..self.row.params.min(PARAMS)]
    }

    /// The result in a fresh tensor, if all is small and plain.
    #[inline]
    pub(super) fn short(&self, token: Token) -> Option<Tensor> {
        self.fresh(false, token)
    }

    /// As [`short`](Self::short), where operands are broadcast to the largest.
    #[inline(never)]
    pub(super) fn short_broadcast(&self, token: Token) -> Option<Tensor> {
        self.fresh(true, token)
    }

    #[inline(always)]
    fn fresh(&self, broadcast: bool, token: Token) -> Option<Tensor> {
        self.plain(broadcast, |loops, lanes, like, n| {
            let kernel = loops.of(like.dtype)?;
            let gives = if self.row.out_mask { DType::Bool } else { like.dtype };
            // An operand has as many elements of at least that size.
            let storage = Storage::new(n * gives.size()).ok()?;
            small::run(kernel, like.dtype, lanes, self.row_params(), &storage, gives, n);
            Some(Tensor::packed(&like.layout.shape, 0, gives, like.device, storage, token))
        })
    }

    /// Writes the result over `target`, the first tensor, if all is small and plain; whether it did.
    pub(super) fn short_over(&self, target: &Tensor) -> bool {
        let out = target.array();
        let apart = |t: &Tensor| {
            !t.array().storage.same(&out.storage)
                || t.layout().offset == out.layout.offset && t.layout().shape == out.layout.shape
        };
        if self.row.out_mask || !self.tensors().all(apart) {
            return false;
        }
        let first = matches!(self.operands.first(), Some(Some(Operand::Tensor(_))))
            && self.tensors().skip(1).all(|t| !t.array().storage.same(&out.storage));
        let over = |loops: &Loops, lanes: &mut Lanes, like: &Array, n: usize| {
            let (to, as_like) = (&out.layout, &like.layout);
            let packed = to.strides == as_like.strides && to.shape == as_like.shape;
            (packed && small::run_over(loops, lanes, self.row_params(), out, n, first)).then_some(())
        };
        self.plain(false, over).or_else(|| self.plain(true, over)).is_some()
    }
}
