//! Custom functions: nodes whose backward is Python code. `autograd.Function` calls the user's forward and hands what it
//! made to `_record_function`; backward calls `_run_backward` of the context's class.

use std::rc::Rc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::autograd::object;
use super::errors::{OrForeign, to_python};
use super::node::{self, NodeObject};
use super::object::{as_tensor, track};
use crate::bail;
use crate::error::Result;
use crate::tensor::handle::ViewKind;
use crate::tensor::saved::{kept_input, kept_output};
use crate::tensor::{Context, Cotangents, Grads, Mask, Node, Op, Tensor, door, views};

/// A node whose backward is Python code, kept with it.
struct Custom {
    class: String,
}

impl Op for Custom {
    fn name(&self) -> &'static str {
        "custom_function"
    }
    fn grad_name(&self) -> String {
        self.class.clone()
    }
    fn node_name(&self) -> String {
        self.class.clone()
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        // SAFETY: backward runs with the GIL held.
        let py = unsafe { Python::assume_attached() };
        if node::payload(c.node()).is_none() {
            bail!(Runtime, "{}: the context is gone", self.class);
        }
        let context = node::of_node(py, c.node()).or_foreign()?;
        let grads = g.0.iter().map(|g| object(py, g.clone())).collect::<PyResult<Vec<_>>>().or_foreign()?;
        let grads = PyTuple::new(py, grads).or_foreign()?;
        let result = context.call_method1("_run_backward", (grads,)).or_foreign()?;
        let mut out = Vec::new();
        for item in result.try_iter().or_foreign()? {
            let item = item.or_foreign()?;
            // SAFETY: a live object.
            out.push(unsafe { as_tensor(item.as_ptr()) }.cloned());
        }
        Grads::many(out)
    }
}

/// What a custom function's output is.
const FRESH: u8 = 0;
/// An input, returned as it was.
const INPUT: u8 = 1;
/// An input, written over.
const DIRTY: u8 = 2;
/// Without a gradient.
const CONSTANT: u8 = 3;

fn tensors(list: &[Bound<'_, PyAny>]) -> PyResult<Vec<Tensor>> {
    // SAFETY: live objects.
    let found = list.iter().map(|o| unsafe { as_tensor(o.as_ptr()) }.cloned());
    found.collect::<Option<_>>().ok_or_else(|| PyTypeError::new_err("expected tensors"))
}

/// Makes `outputs` the results of one node, whose gradients go to `inputs`, and whose context is `context`; returns them.
/// `kinds` says what each output is; `saved` is kept for backward. Where nothing is recorded (`recorded` False), outputs
/// lose their history.
#[pyfunction]
fn _record_function<'py>(
    py: Python<'py>,
    context: &Bound<'py, NodeObject>,
    inputs: Vec<Bound<'py, PyAny>>,
    outputs: Vec<Bound<'py, PyAny>>,
    kinds: Vec<u8>,
    saved: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let made = record(context, &tensors(&inputs)?, &tensors(&outputs)?, &kinds, &tensors(&saved)?);
    let made = made.map_err(|e| to_python(py, e))?;
    made.into_iter()
        .map(|t| {
            let o = object(py, Some(t))?;
            // SAFETY: a tensor object: the context may lead back to it.
            unsafe { track(o.as_ptr()) };
            Ok(o)
        })
        .collect()
}

fn record(
    context: &Bound<'_, NodeObject>,
    inputs: &[Tensor],
    outputs: &[Tensor],
    kinds: &[u8],
    saved: &[Tensor],
) -> Result<Vec<Tensor>> {
    let class: Bound<'_, PyType> = context.get_type();
    let name = class.name().or_foreign()?.to_string();
    let x: Vec<&Tensor> = inputs.iter().collect();
    let needs =
        x.iter().enumerate().filter(|(_, t)| t.requires_grad()).fold(Mask::default(), |m, (i, _)| m.with(i.min(63)));
    for (t, kind) in outputs.iter().zip(kinds) {
        let view_of_leaf = t.base().is_some_and(|b| b.is_leaf() && b.requires_grad());
        if *kind == DIRTY && (view_of_leaf || (!t.is_view() && t.is_leaf() && t.requires_grad())) {
            let what = if view_of_leaf { "a view of a leaf" } else { "a leaf" };
            bail!(Runtime, "{what} Variable that requires grad has been used in an in-place operation.");
        }
    }
    let node = Node::record(Custom { class: name }, &x, outputs, needs, 0)?;
    let dict = context.getattr("__dict__").or_foreign()?;
    dict.cast::<PyDict>().map_err(|e| super::errors::foreign(e.into()))?;
    // SAFETY: live objects; the GIL is held.
    unsafe { node::keep(&node, Some(class.as_ptr()), dict.as_ptr()) };
    context.get().becomes(&node);
    let mut results = Vec::with_capacity(outputs.len());
    for (i, (t, kind)) in outputs.iter().zip(kinds).enumerate() {
        results.push(recorded(
            &node,
            i as u32,
            t,
            *kind,
            if outputs.len() > 1 { ViewKind::Many } else { ViewKind::Custom },
        )?);
    }
    let mut list = crate::tensor::saved::SavedList::EMPTY;
    for t in saved {
        let output = outputs.iter().zip(kinds).position(|(o, kind)| o.is(t) && *kind != INPUT && *kind != CONSTANT);
        list.push(match output {
            Some(at) => kept_output(t, at as u8, 0)?,
            None => kept_input(t, 0)?,
        });
    }
    node.saved.replace(list);
    Ok(results)
}

/// Output `i` of the node.
fn recorded(node: &Rc<Node>, i: u32, t: &Tensor, kind: u8, view: ViewKind) -> Result<Tensor> {
    match kind {
        DIRTY => {
            t.bump_version();
            views::rebase(t, node.clone(), i)?;
            Ok(t.clone())
        }
        INPUT => {
            let out = door::view(t, t.layout().clone(), door::pass());
            out.set_base(t, view);
            out.set_history(node.clone(), i);
            Ok(out)
        }
        FRESH => {
            let viewed = t.is_view();
            if viewed && let Some(base) = t.base() {
                t.set_base(&base, view);
            }
            t.set_history(node.clone(), i);
            Ok(t.clone())
        }
        CONSTANT => {
            if t.requires_grad() && !t.is_leaf() {
                return Ok(t.detach());
            }
            Ok(t.clone())
        }
        _ => bail!(Value, "internal error: an output of kind {kind}"),
    }
}

/// `x` as a view of itself that nobody recorded: an input that a function without a graph returns.
#[pyfunction]
fn _alias<'py>(py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: an argument of the call.
    let Some(t) = (unsafe { as_tensor(x.as_ptr()) }) else { return Err(PyTypeError::new_err("expected a tensor")) };
    let out = door::view(t, t.layout().clone(), door::pass());
    object(py, Some(out))
}

pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_record_function, m)?)?;
    m.add_function(wrap_pyfunction!(_alias, m)?)
}
