//! Writes at places of a tensor of which several elements share memory, as those that `expand` makes do. Of most such writes
//! nobody knows what they mean, and they are refused; of three PyTorch warns, and they are done here: what is written last
//! stays, and what is added is added for each element.

use super::composite::counted;
use super::index_put::Places;
use super::join::cat;
use super::scatter::number;
use crate::core::{DType, Number, Shape};
use crate::error::Result;
use crate::tensor::apply::recorded;
use crate::tensor::def::MAX_ARGS;
use crate::tensor::{Arg, Args, OpDef, Operand, Outs, Tensor, mode};

/// Whether `x` is an expanded tensor. (Not on `meta`, where there is nothing to write.)
#[inline]
fn expanded(x: &Tensor) -> bool {
    !x.is_contiguous() && x.layout().overlaps_itself() && !x.device().is_meta()
}

/// The call of one of the three ops over an expanded `self`; None for any other call, which goes its usual way.
#[inline]
pub fn over(name: &str, def: &OpDef, a: &Args) -> Result<Option<Outs>> {
    match a.this() {
        Ok(x) if expanded(x) => fill(name.trim_end_matches('_'), def, a, x),
        _ => Ok(None),
    }
}

#[cold]
fn fill(name: &str, def: &OpDef, a: &Args, x: &Tensor) -> Result<Option<Outs>> {
    let (at, also) = match name {
        "masked_fill" => (2, "tensor[mask] = scalar"),
        "index_fill" => (3, "tensor[mask] = scalar"),
        "index_put" => (2, "tensor[indices] = tensor"),
        _ => return Ok(None),
    };
    if recorded(a.tensors()) {
        return Ok(None);
    }
    let Some(once) = once(x)? else { return Ok(None) };
    let run = |x: &Tensor, value: Option<Arg>| {
        let mut values = [Arg::None; MAX_ARGS];
        let n = a.values.len();
        values[..n].copy_from_slice(a.values);
        values[0] = Arg::Tensor(x);
        if let Some(value) = value {
            values[at] = value;
        }
        match (def.call)(&Args { values: &values[..n], out: &[], inplace: false, ..*a })? {
            Outs::Tensor(y) => Ok(y),
            _ => crate::bail!(Runtime, "internal error: {name} gives no tensor to write over its first"),
        }
    };
    let one = Tensor::constant(&[], DType::I64, x.device(), 1)?;
    let mark = |zeros: &Tensor| run(zeros, Some(Arg::Tensor(&one)));
    let accumulate = name == "index_put" && matches!(a.values.get(3), Some(Arg::Bool(true)));
    warn(name, also)?;
    write(x, &once, accumulate, |x| run(x, None), mark)?;
    Ok(Some(x.clone().into()))
}

/// `x[indices] = values`, where `x` is an expanded tensor that nobody records; false for any other.
pub fn put(x: &Tensor, places: &Places, values: &Tensor) -> Result<bool> {
    if !expanded(x) || recorded([x, values].into_iter()) {
        return Ok(false);
    }
    let Some(once) = once(x)? else { return Ok(false) };
    let one = Tensor::constant(&[], DType::I64, x.device(), 1)?;
    warn("index_put", "tensor[indices] = tensor")?;
    write(x, &once, false, |x| places.put(x, values, false), |zeros| places.put(zeros, &one, false))?;
    Ok(true)
}

fn warn(name: &str, also: &str) -> Result<()> {
    mode::warn(&format!(
        "Use of {name}_ on expanded tensors is deprecated. Please clone() the tensor before performing this operation. This \
         also applies to advanced indexing e.g. {also}"
    ))
}

/// The view of `x` in which each element stands once; None where elements share memory otherwise than along whole dims.
fn once(x: &Tensor) -> Result<Option<Tensor>> {
    let mut view = x.detach();
    for (d, &stride) in x.layout().strides.iter().enumerate() {
        if stride == 0 && x.shape()[d] > 1 {
            view = view.narrow(d, 0, 1)?;
        }
    }
    Ok(if view.layout().overlaps_itself() { None } else { Some(view) })
}

/// Writes to `once` what `put` writes to `x`, at the places where `mark` writes to zeros.
fn write(
    x: &Tensor,
    once: &Tensor,
    accumulate: bool,
    put: impl Fn(&Tensor) -> Result<Tensor>,
    mark: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    let n = once.numel();
    let whole: Shape = x.shape().into();
    let places = counted(n, x.device())?.reshape(once.shape())?.expand_to(&whole)?;
    // One place more for what is not written.
    let spare = number(Number::Int(0), once, &[1])?;
    let flat = cat(&[&once.reshape(&[n])?, &spare], 0)?;
    let flat = if accumulate {
        let added = put(&number(Number::Int(0), once, &whole)?)?;
        flat.scatter_add(0, &places.reshape(&[places.numel()])?, &added.reshape(&[added.numel()])?)?
    } else {
        let zeros = Tensor::constant(&whole, DType::I64, x.device(), 0)?;
        let written = mark(&zeros)?.to_dtype(DType::Bool)?;
        let places = written.choose(Operand::Tensor(&places), Operand::Number(Number::Int(n as i64)))?;
        let fresh = put(&x.detach().contiguous()?)?;
        flat.scatter_set(0, &places.reshape(&[places.numel()])?, &fresh.reshape(&[fresh.numel()])?)?
    };
    once.copy_from(&flat.narrow(0, 0, n)?.reshape(once.shape())?)
}
