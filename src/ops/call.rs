//! Calls of declared ops as users ask for them: fresh, over `self` (`name_`), or into `out=`.
//!
//! An op computes; where the result goes is settled here, for every op that says it has such forms. An op that can write
//! over `self` or into `out=` by itself does so and says it.

use std::borrow::Cow;
use std::rc::Rc;
use std::slice;

use super::autocast;
use crate::bail;
use crate::core::DType;
use crate::core::shape::list;
use crate::core::spoken::library;
use crate::err;
use crate::error::{Error, Result};
use crate::tensor::apply::recorded;
use crate::tensor::def::MAX_ARGS;
use crate::tensor::node::Edge;
use crate::tensor::write::{check_apart, check_apart_inplace, check_castable, copy_to_out};
use crate::tensor::{Arg, Args, OpDef, Outs, Tensor, views};

/// Calls `def`, named `name` by the user; under autocast, with its tensors in the dtype that its policy says.
#[inline]
pub fn call(name: &'static str, def: &'static OpDef, a: &Args) -> Result<Outs> {
    if autocast::anywhere() && !a.inplace && a.out.is_empty() {
        return autocast::call(def, a);
    }
    plain(name, def, a)
}

#[inline(always)]
fn plain(name: &'static str, def: &OpDef, a: &Args) -> Result<Outs> {
    if a.inplace {
        if let Some(done) = super::shared::over(name, def, a)? {
            return Ok(done);
        }
        return if def.variants.writes_itself() { written(name, (def.call)(a)?) } else { over(name, def, a) };
    }
    let outs = (def.call)(a)?;
    if !def.graph.is_empty() {
        match &outs {
            Outs::Tensor(y) => show(def, a.values, slice::from_ref(y))?,
            Outs::Many(list) => show(def, a.values, list)?,
            _ => {}
        }
    }
    if a.out.is_empty() { Ok(outs) } else { into(name, def, a, outs) }
}

/// The results of a composite get the `grad_fn` that a user sees: one node whose edges are those of the arguments.
#[inline(never)]
fn show(def: &OpDef, values: &[Arg], outs: &[Tensor]) -> Result<()> {
    let mut inputs: Vec<&Tensor> = Vec::new();
    for value in values {
        match value {
            Arg::Tensor(t) => inputs.push(t),
            Arg::Tensors(list) => inputs.extend(list.iter()),
            _ => {}
        }
    }
    inputs.retain(|t| t.dtype().is_differentiable());
    if !recorded(inputs.iter().copied()) {
        return Ok(());
    }
    outs.iter().try_for_each(|y| show_as(def.graph, &inputs, y))
}

/// Shows users the node of `out`, computed from `inputs` by several ops, as the one node `name` of PyTorch.
pub fn show_as(name: impl Into<Cow<'static, str>>, inputs: &[&Tensor], out: &Tensor) -> Result<()> {
    let Edge::Node(node, _) = out.edge()? else { return Ok(()) };
    let edges = inputs.iter().map(|t| t.edge()).collect::<Result<Vec<_>>>()?;
    // An input that is given back as it is keeps its own.
    if !edges.iter().any(|e| matches!(e, Edge::Node(from, _) if Rc::ptr_eq(from, &node))) {
        node.with_extra(|e| e.shown = Some((name.into(), edges)));
    }
    Ok(())
}

/// An op that writes over `self` by itself must have done so.
fn written(name: &str, outs: Outs) -> Result<Outs> {
    match outs {
        Outs::Over(_) => Ok(outs),
        _ => bail!(Runtime, "internal error: {name} left its tensor as it was"),
    }
}

/// Computes aside and writes the result over `self`, whose history becomes the result's.
#[inline(never)]
fn over(name: &'static str, def: &OpDef, a: &Args) -> Result<Outs> {
    let target = a.this()?;
    views::check_writable(name, target)?;
    if def.variants.out_apart() {
        for value in &a.values[1..] {
            match value {
                Arg::Tensor(t) => check_apart_inplace(target, t)?,
                Arg::Tensors(list) => list.iter().try_for_each(|t| check_apart_inplace(target, t))?,
                _ => {}
            }
        }
    }
    // Backward may read what is about to be overwritten.
    let old = if recorded(a.tensors()) { views::past(target, true)? } else { target.clone() };
    let mut values = [Arg::None; MAX_ARGS];
    let n = a.values.len();
    values[..n].copy_from_slice(a.values);
    values[0] = Arg::Tensor(&old);
    let Outs::Tensor(y) = (def.call)(&Args { values: &values[..n], out: &[], ..*a })? else {
        bail!(Runtime, "internal error: {name} gives no tensor to write over its first")
    };
    if y.shape() != target.shape() {
        return Err(err!(
            Runtime,
            "output with shape {} doesn't match the broadcast shape {}",
            list(target.shape()),
            list(y.shape())
        )
        .hint(format!("{name} writes over its first tensor and cannot enlarge it; use the out-of-place form")));
    }
    check_castable(y.dtype(), target.dtype())?;
    if !def.graph.is_empty() {
        show(def, &values[..n], slice::from_ref(&y))?;
    }
    views::replace(name, target, &y.to_dtype(target.dtype())?).map(Outs::Over)
}

/// Whether no tensor among the arguments requires a gradient.
fn recorded_none(a: &Args) -> bool {
    a.values.iter().all(|v| match v {
        Arg::Tensor(t) => !t.requires_grad(),
        Arg::Tensors(list) => list.iter().all(|t| !t.requires_grad()),
        _ => true,
    })
}

/// Hands finished results to the user's `out=`.
fn into(name: &'static str, def: &OpDef, a: &Args, outs: Outs) -> Result<Outs> {
    match outs {
        Outs::Tensor(t) => {
            let &[out] = a.out else { bail!(Type, "{name}(): out takes one tensor") };
            check_out(name, def, a, (0, &t), out)?;
            // A result that was asked to require a gradient is a leaf; so becomes the tensor that it is written to.
            let leaf = t.requires_grad() && t.is_leaf() && !out.requires_grad() && recorded_none(a);
            let t = if leaf { t.detach() } else { t };
            copy_to_out(name, &t, out)?;
            if leaf {
                out.set_requires_grad(true)?;
            }
            Ok(out.clone().into())
        }
        Outs::Many(list) => {
            if a.out.len() != list.len() {
                bail!(Type, "{name}(): out must be a tuple of {} tensors, not of {}", list.len(), a.out.len());
            }
            for (t, out) in list.iter().enumerate().zip(a.out) {
                check_out(name, def, a, t, out)?;
            }
            for (t, out) in list.iter().zip(a.out) {
                copy_to_out(name, t, out)?;
            }
            Ok(a.out.iter().map(|&t| t.clone()).collect::<Vec<_>>().into())
        }
        other => Ok(other),
    }
}

/// What the op demands of `out=` beyond a shape and a dtype that the result can be cast to.
fn check_out(name: &str, def: &OpDef, a: &Args, (at, result): (usize, &Tensor), out: &Tensor) -> Result<()> {
    // `max` and `min` of two tensors are `maximum` and `minimum`, whose results are cast.
    let of_two = matches!(name, "max" | "min") && matches!(a.values.get(1), Some(Arg::Tensor(_)));
    if of_two {
        check_castable(result.dtype(), out.dtype())?;
    } else if def.variants.out_exact() && result.dtype() != out.dtype() {
        return Err(unfit(name, result.dtype(), out.dtype(), at));
    }
    if def.variants.out_apart() {
        for value in a.values {
            match value {
                Arg::Tensor(t) => check_apart(out, t)?,
                Arg::Tensors(list) => list.iter().try_for_each(|t| check_apart(out, t))?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// The error of an `out=` that is not of the result's dtype, the `at`-th of the call, in the words of each function.
#[cold]
fn unfit(name: &str, dtype: DType, got: DType, at: usize) -> Box<Error> {
    let (right, wrong) = (dtype.scalar_name(), got.scalar_name());
    match name {
        "mode" => {
            let which = if at == 0 { "values" } else { "indices" };
            err!(Runtime, "expected scalar type '{right}' but got '{wrong}' for {which} output")
        }
        "frexp" if at == 0 => {
            let (right, wrong) = (dtype.c_words(), got.c_words());
            err!(Runtime, "{}.frexp() expects mantissa to have dtype {right} but got {wrong}", library())
        }
        "frexp" => err!(Runtime, "{}.frexp() expects exponent to have int dtype but got {}", library(), got.c_words()),
        "histc" | "histogram" => {
            let what = if at == 0 { "hist" } else { "bin_edges" };
            let (right, wrong) = (dtype.c_words(), got.c_words());
            err!(
                Runtime,
                "{}.histogram: input tensor and {what} tensor should have the same dtype, but got input {right} and {what} {wrong}",
                library()
            )
        }
        "multi_dot" => err!(
            Runtime,
            "multi_dot(): expected out tensor to have dtype {} but got {}",
            dtype.c_words(),
            got.c_words()
        ),
        "vecdot" => err!(Runtime, "linalg.vecdot: Expected out of dtype{right} but found {wrong}"),
        "cummax" | "cummin" | "logcumsumexp" => err!(Runtime, "expected scalar_type {right} but found {wrong}"),
        "quantile" | "nanquantile" => err!(Runtime, "quantile() out tensor must be same dtype as the input tensor"),
        "complex" | "polar" => {
            err!(Runtime, "Expected object of scalar type {right} but got scalar type {wrong} for argument 'out'")
        }
        _ => {
            err!(Runtime, "Expected out tensor to have dtype {}, but got {} instead", dtype.c_words(), got.c_words())
        }
    }
}
