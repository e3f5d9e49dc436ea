//! `SavedTensor`: one tensor that a node keeps, as `grad_fn._raw_saved_self` shows it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::autograd::object;
use super::errors::to_python;
use super::saved::packed;
use crate::ops;
use crate::ops::schema::{Schema, Type};
use crate::tensor::op::backward_twice;
use crate::tensor::saved::{ByHooks, Saved};
use crate::tensor::{Context, Edge, Node};

/// A tensor that a node keeps for backward. Made by nodes only.
#[pyclass(frozen, module = "rustgrad.autograd")]
pub struct SavedTensor {
    node: Rc<Node>,
    /// Its place among what the node keeps; None stands for a saved None.
    place: Option<usize>,
}

// SAFETY: nodes are used and dropped with the GIL held only.
unsafe impl Send for SavedTensor {}
// SAFETY: as above.
unsafe impl Sync for SavedTensor {}

impl SavedTensor {
    pub fn of(node: &Rc<Node>, place: Option<usize>) -> SavedTensor {
        SavedTensor { node: node.clone(), place }
    }
}

#[pymethods]
impl SavedTensor {
    #[new]
    #[pyo3(signature = (*_args))]
    fn new(_args: &Bound<'_, PyTuple>) -> PyResult<SavedTensor> {
        Err(PyRuntimeError::new_err(
            "Trying to create a SavedTensor object from Python is forbidden.\nhint: read one of a node, such as \
             y.grad_fn._raw_saved_self",
        ))
    }
    /// The tensor, through the hooks that it was given.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let saved = self.node.saved.borrow();
        let Some(s) = self.place.and_then(|i| saved.iter().nth(i)) else { return Ok(py.None().into_bound(py)) };
        object(py, Some(Context::new(&self.node).kept(s).map_err(|e| to_python(py, e))?))
    }
    /// Keep what `pack_hook(tensor)` returns instead of the tensor; `unpack_hook` of that gives it back.
    ///
    /// RuntimeError for a saved None, after backward has freed the tensor, where it has hooks, and where pack_hook writes
    /// over it; TypeError for what cannot be called.
    #[pyo3(signature = (*hooks))]
    fn register_hooks(&self, py: Python<'_>, hooks: &Bound<'_, PyTuple>) -> PyResult<()> {
        let pair = match hooks.len() {
            2 => Some((hooks.get_item(0)?, hooks.get_item(1)?)),
            _ => None,
        };
        let Some((pack, unpack)) = pair.filter(|(p, u)| p.is_callable() && u.is_callable()) else {
            return Err(PyTypeError::new_err(
                "register_hooks(): incompatible function arguments: expected two functions, pack_hook and unpack_hook",
            ));
        };
        if self.node.released() {
            return Err(to_python(py, backward_twice()));
        }
        let Some(place) = self.place else {
            return Err(PyRuntimeError::new_err(
                "Calling register_hooks on a saved tensor with value None is forbidden",
            ));
        };
        let (tensor, output, at, edge) = match self.node.saved.borrow().iter().nth(place) {
            Some(Saved::Input(t, at, _)) => (t.clone(), false, *at, t.edge().map_err(|e| to_python(py, e))?),
            Some(Saved::Output(t, at, _)) => (t.clone(), true, *at, Edge::None),
            Some(Saved::Packed(_)) => {
                return Err(PyRuntimeError::new_err("Saved tensor hooks have already been set for this SavedTensor."));
            }
            None => return Err(to_python(py, backward_twice())),
        };
        // Not borrowed meanwhile: the hook may look at the node.
        let packed = packed(&tensor, &pack, &unpack).map_err(|e| to_python(py, e))?;
        let kept = Saved::Packed(Box::new(ByHooks { packed, output, at, edge }));
        let gone = self.node.saved.borrow_mut().replace(place, kept);
        drop(gone);
        Ok(())
    }
}

/// The names of what a node keeps, in its order: those of the op's arguments, `result`s for outputs.
pub fn saved_names(node: &Node) -> Vec<String> {
    let names = argument_names(node.op().name());
    let name_of = |s: &Saved| {
        let (at, output) = match s {
            Saved::Input(_, at, _) => (*at, false),
            Saved::Output(_, at, _) => (*at, true),
            Saved::Packed(kept) => (kept.at, kept.output),
        };
        match (output, node.outputs) {
            (true, 1) => "result".into(),
            (true, _) => format!("result{at}"),
            (false, _) => match (names.get(at as usize), at) {
                (Some(name), _) => (*name).into(),
                // An op that no schema names computes a part of one that is named.
                (None, 0) => "self".into(),
                (None, 1) => "other".into(),
                (None, _) => format!("input{at}"),
            },
        }
    };
    node.saved.borrow().iter().map(name_of).collect()
}

/// The order in which PyTorch saves the first `n` inputs of an op: by the names of its arguments.
pub fn saving_order(op: &str, n: usize) -> Vec<usize> {
    let names = argument_names(op);
    let mut order: Vec<usize> = (0..n).collect();
    if names.len() >= n {
        order.sort_by_key(|&i| names[i]);
    }
    order
}

/// The names of an op's tensor arguments, as its first schema line has them.
fn argument_names(op: &str) -> Vec<&'static str> {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Vec<&'static str>>> = const { RefCell::new(BTreeMap::new()) };
    }
    if let Some(found) = KNOWN.with_borrow(|known| known.get(op).cloned()) {
        return found;
    }
    let found = names_by_schema(op);
    KNOWN.with_borrow_mut(|known| known.insert(op.into(), found.clone()));
    found
}

fn names_by_schema(op: &str) -> Vec<&'static str> {
    for def in ops::registry() {
        if let Some(schema) = def.schema.first().and_then(|line| Schema::parse(line).ok())
            && schema.name == op
        {
            let tensors = schema.params.iter().filter(|p| matches!(p.ty, Type::Tensor | Type::Operand));
            return tensors.map(|p| p.name).collect();
        }
    }
    Vec::new()
}
