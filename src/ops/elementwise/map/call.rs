//! A row called on operands. What is small and plain goes to its loop at once; a Map is made where the long way is needed,
//! or a node that remembers the call.

use super::{Map, PARAMS, Row};
use crate::bail;
use crate::core::promote::{Promotion, number_dtype};
use crate::core::{DType, Device, Meta, Number};
use crate::error::Result;
use crate::ops::elementwise::formula::Source;
use crate::tensor::apply::{recorded, remember};
use crate::tensor::mode::default_float;
use crate::tensor::views::{check_writable, replace};
use crate::tensor::write::{apply_inplace, apply_out, check_castable, copy_to_out, overwrite};
use crate::tensor::{Args, Door, Op, Operand, Outs, Tensor, Written, apply};

/// A formula and what it is called on.
pub struct Call<'a> {
    pub row: &'static Row,
    pub(super) formula: Source,
    /// One at least is a tensor; None where the formula reads nothing.
    pub operands: &'a [Option<Operand<'a>>],
    pub params: [Number; PARAMS],
    /// The dtype to compute in, where it is not found by promotion.
    pub(super) fixed: Option<DType>,
}

impl<'a> Call<'a> {
    #[inline(always)]
    fn of(row: &'static Row, operands: &'a [Option<Operand<'a>>], params: [Number; PARAMS]) -> Call<'a> {
        Call { row, formula: Source::Row(&row.value), operands, params, fixed: None }
    }

    #[inline(always)]
    pub(super) fn tensors(&self) -> impl Iterator<Item = &'a Tensor> + use<'a> {
        self.operands.iter().filter_map(|o| match *o {
            Some(Operand::Tensor(t)) => Some(t),
            _ => None,
        })
    }

    /// Operand `k`, where it is a number.
    #[inline]
    pub fn number_at(&self, k: usize) -> Option<Number> {
        match self.operands.get(k) {
            Some(&Some(Operand::Number(n))) => Some(n),
            _ => None,
        }
    }

    pub(super) fn run(&self) -> Result<Tensor> {
        let door = Door::here();
        let plain = door.token().and_then(|token| self.short(token));
        let alike = plain.is_some();
        let Some(out) = plain.or_else(|| door.token().and_then(|token| self.short_broadcast(token))) else {
            if let Some(out) = self.on_complex() {
                return out;
            }
            return self.together(0, |call| {
                let (m, x) = Map::new(call, false);
                apply(m, x.tensors(self.row.name)?)
            });
        };
        if door.records(self.tensors()) {
            let (m, x) = Map::new(self, alike);
            remember(m, x.tensors(self.row.name)?, &out)?;
        }
        Ok(out)
    }

    /// The result for a complex tensor, where the row has a function of its own for it.
    fn on_complex(&self) -> Option<Result<Tensor>> {
        let f = self.row.on_complex?;
        let x = self.tensors().next().filter(|x| x.dtype().is_complex())?;
        Some(f(x))
    }

    /// Writes the result over the first tensor.
    fn run_over(&self) -> Result<Written> {
        if !recorded(self.tensors())
            && let Some(target) = self.tensors().next()
            && let Some(written) = overwrite(self.row.name, target, || self.short_over(target))?
        {
            return Ok(written);
        }
        if let Some(out) = self.on_complex()
            && let Some(target) = self.tensors().next()
        {
            let out = out?;
            if !out.dtype().is_complex() {
                bail!(Runtime, "In-place {} is not supported for complex tensors.", self.row.name);
            }
            check_writable(self.row.name, target)?;
            check_castable(out.dtype(), target.dtype())?;
            return replace(self.row.name, target, &out);
        }
        self.together(1, |call| {
            let (m, x) = Map::new(call, false);
            apply_inplace(m, x.tensors(self.row.name)?)
        })
    }

    fn run_into(&self, out: &Tensor) -> Result<()> {
        if let Some(y) = self.on_complex() {
            return copy_to_out(self.row.name, &y?, out);
        }
        self.together(0, |call| {
            let (m, x) = Map::new(call, false);
            let x = x.tensors(self.row.name)?;
            // A bound or a weight that is a tensor casts into `out`, or does not, as the kernel of PyTorch was made.
            if self.row.same_out && (x.len() == 1 || x.len() == 3 && matches!(self.row.name, "where" | "lerp")) {
                let metas: Vec<&Meta> = x.iter().map(|t| t.meta()).collect();
                let (found, dtype) = (out.dtype(), m.infer(&metas)?.dtype);
                if dtype != found && self.row.name == "where" {
                    bail!(Runtime, "Expected out type to be {} but got {}", dtype.scalar_name(), found.scalar_name());
                }
                if dtype != found {
                    bail!(Runtime, "Found dtype {} but expected {}", found.scalar_name(), dtype.scalar_name());
                }
            }
            apply_out(m, x, out)
        })
    }

    /// Calls `f` with the 0-d tensors of the CPU, from operand `from` on, brought to the GPU, or to `meta`, if another operand is
    /// there: as in PyTorch they stand for numbers.
    fn together<R>(&self, from: usize, f: impl FnOnce(&Call) -> Result<R>) -> Result<R> {
        let stays = |t: &Tensor| !t.device().is_cpu() || t.ndim() > 0;
        let Some(there) = self.tensors().map(Tensor::device).find(|d| !d.is_cpu()) else { return f(self) };
        if self.tensors().skip(from).all(stays) {
            return f(self);
        }
        let moves = |k: usize, t: &Tensor| (k >= from && !stays(t)).then(|| t.to_device(there)).transpose();
        let moved = self.operands.iter().enumerate().map(|(k, o)| match *o {
            Some(Operand::Tensor(t)) => moves(k, t),
            _ => Ok(None),
        });
        let moved: Vec<Option<Tensor>> = moved.collect::<Result<_>>()?;
        let operands: Vec<Option<Operand>> = self
            .operands
            .iter()
            .zip(&moved)
            .map(|(o, m)| m.as_ref().map_or(*o, |t| Some(Operand::Tensor(t))))
            .collect();
        f(&Call {
            row: self.row,
            formula: self.formula.clone(),
            operands: &operands,
            params: self.params,
            fixed: self.fixed,
        })
    }

    /// As a user's call asks: fresh, over the first operand, or into `out=`.
    #[inline(always)]
    fn run_as(&self, a: &Args) -> Result<Outs> {
        if self.row.numbers
            && let [Some(Operand::Number(first)), ref rest @ ..] = *self.operands
            && self.tensors().next().is_none()
        {
            let first = Tensor::constant(&[], number_dtype(first, default_float()), Device::CPU, first)?;
            let operands: Vec<_> = std::iter::once(Some(Operand::Tensor(&first))).chain(rest.iter().copied()).collect();
            return Call { operands: &operands, formula: self.formula.clone(), ..*self }.run_as(a);
        }
        if a.inplace {
            return self.run_over().map(Outs::Over);
        }
        if let &[out] = a.out {
            self.run_into(out)?;
            return Ok(Outs::Tensor(out.clone()));
        }
        self.run().map(Outs::Tensor)
    }
}

/// Runs `row` for a user's call whose schema is its inputs, then its params.
/// The row has `N` inputs and `P` params.
pub fn call<const N: usize, const P: usize>(row: &'static Row, a: &Args) -> Result<Outs> {
    let operands = a.operands::<N>()?.map(Some);
    let mut params = row.defaults;
    for (j, p) in params.iter_mut().enumerate().take(P) {
        if let Some(n) = a.number_at(N + j) {
            *p = n;
        }
    }
    Call::of(row, &operands, params).run_as(a)
}

/// Runs `row` for a user's call on the operands that were found in it.
#[inline]
pub fn call_on<const N: usize>(row: &'static Row, operands: [Operand; N], a: &Args) -> Result<Outs> {
    Call::of(row, &operands.map(Some), row.defaults).run_as(a)
}

/// As [`call_on`], with the first of the row's params.
#[inline]
pub fn call_with<const N: usize, const P: usize>(
    row: &'static Row,
    operands: [Operand; N],
    params: [Number; P],
    a: &Args,
) -> Result<Outs> {
    Call::of(row, &operands.map(Some), with(row, params)).run_as(a)
}

fn with<const P: usize>(row: &'static Row, params: [Number; P]) -> [Number; PARAMS] {
    let mut all = row.defaults;
    all.iter_mut().zip(params).for_each(|(to, p)| *to = p);
    all
}

/// Runs `row` on tensors and numbers from Rust.
#[inline]
pub fn on<const N: usize>(row: &'static Row, operands: [Operand; N]) -> Result<Tensor> {
    Call::of(row, &operands.map(Some), row.defaults).run()
}

/// As [`on`], with the first of the row's params.
pub fn on_with<const N: usize, const P: usize>(
    row: &'static Row,
    operands: [Operand; N],
    params: [Number; P],
) -> Result<Tensor> {
    Call::of(row, &operands.map(Some), with(row, params)).run()
}

/// Runs `row` from Rust over the first tensor.
#[inline]
pub fn over<const N: usize>(row: &'static Row, operands: [Operand; N]) -> Result<Written> {
    Call::of(row, &operands.map(Some), row.defaults).run_over()
}

/// The dtype that tensors have together.
pub fn promoted(x: &[&Tensor]) -> Result<DType> {
    let mut p = Promotion::default();
    x.iter().for_each(|t| p.tensor(t.dtype(), t.ndim()));
    Ok(p.result()?.unwrap_or(DType::Bool))
}

/// PyTorch's error for an operand that is a number which the dtype cannot hold.
pub fn numbers_fit(call: &Call, dtype: DType) -> Result<()> {
    (0..call.operands.len()).filter_map(|k| call.number_at(k)).try_for_each(|n| fits(n, dtype))
}

/// As [`numbers_fit`], of the numbers that are no operands (`value`).
pub fn params_fit(call: &Call, dtype: DType) -> Result<()> {
    // In halves PyTorch reads them as float32.
    let dtype = if dtype.is_half() { DType::F32 } else { dtype };
    call.params[..call.row.params.min(PARAMS)].iter().try_for_each(|&n| fits(n, dtype))
}

/// PyTorch's error for a number that the dtype cannot hold.
#[inline]
pub fn fits(n: Number, dtype: DType) -> Result<()> {
    if n.fits(dtype) { Ok(()) } else { Err(n.misfit(dtype)) }
}

/// No further check.
pub fn anything(_: &Call, _: DType) -> Result<()> {
    Ok(())
}
