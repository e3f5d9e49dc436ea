//! Differentiation as Python sees it: backward, grad, hooks of tensors.

use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::call::none;
use super::convert::{is_none, type_name};
use super::errors::{OrForeign, P, checked};
use super::hooks;
use super::native::natives;
use super::object::{as_tensor, track, wrap};
use crate::autograd;
use crate::core::shape::list;
use crate::error::Result;
use crate::tensor::{Node, Tensor, mode};
use crate::{bail, err};

natives! {
    /// Adds the gradient of `self` to `.grad` of every leaf it was made from.
    ///
    /// `gradient` is the gradient of `self`, 1 for a scalar. `inputs` limits which leaves are written. The graph is
    /// freed unless `retain_graph`; with `create_graph` the gradients are recorded themselves.
    backward as [
        "method.backward(Tensor self, Tensor? gradient=None, bool? retain_graph=None, bool create_graph=False, Any inputs=None) -> None",
    ] {
        call(
            x = self: &Tensor,
            gradient: Option<&Tensor>,
            retain_graph: Option<bool>,
            create = create_graph: bool,
            leaves = inputs: P
        ) {
            let root = (x.clone(), gradient.cloned());
            warn_of_cycle(create)?;
            autograd::backward(&[root], retain_graph.unwrap_or(create), create, inputs(leaves)?.as_deref())?;
            Ok(none())
        }
    }
    /// `backward` of several roots at once.
    backward as [
        "function._backward(Any tensors, Any grad_tensors=None, bool? retain_graph=None, bool create_graph=False, Any inputs=None) -> None",
    ] {
        call(
            tensors: P,
            grad_tensors: P,
            retain_graph: Option<bool>,
            create = create_graph: bool,
            leaves = inputs: P
        ) {
            let roots = pairs(tensors, grad_tensors)?;
            warn_of_cycle(create)?;
            autograd::backward(&roots, retain_graph.unwrap_or(create), create, inputs(leaves)?.as_deref())?;
            Ok(none())
        }
    }
    /// The gradients of `outputs` with respect to `inputs`, None where unused.
    grad as [
        "function._grad(Any outputs, Any inputs, Any grad_outputs=None, bool? retain_graph=None, bool create_graph=False, bool allow_unused=False) -> tuple",
    ] {
        call(
            outputs: P,
            leaves = inputs: P,
            grad_outputs: P,
            retain_graph: Option<bool>,
            create = create_graph: bool,
            allow_unused: bool
        ) {
            let outputs = pairs(outputs, grad_outputs)?;
            let leaves = inputs(leaves)?.unwrap_or_default();
            let grads = autograd::grad(&outputs, &leaves, retain_graph.unwrap_or(create), create, allow_unused)?;
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            let objects: Vec<Bound<'_, PyAny>> =
                grads.into_iter().map(|g| object(py, g)).collect::<PyResult<_>>().or_foreign()?;
            Ok(PyTuple::new(py, objects).or_foreign()?.into_ptr())
        }
    }
    /// Switches recording on or off for this tensor, and returns it.
    requires_grad_ as ["method.requires_grad_(Tensor self, bool requires_grad=True) -> Tensor"] {
        call(x = self: &Tensor, requires_grad: bool; _a, this) {
            if requires_grad && !x.dtype().is_differentiable() {
                // Not the words of the attribute's refusal.
                return Err(err!(Runtime, "only Tensors of floating point dtype can require gradients")
                    .hint(format!("this tensor is {}; convert it first, e.g. x.float()", x.dtype().name())));
            }
            x.set_requires_grad(requires_grad)?;
            Ok(again(this))
        }
    }
    /// Makes backward keep the gradient of this non-leaf in `.grad`.
    retain_grad as ["method.retain_grad(Tensor self) -> None"] {
        call(x = self: &Tensor; _a, this) {
            autograd::retain_grad(x)?;
            // SAFETY: a method's own object.
            unsafe { track(this) };
            Ok(none())
        }
    }
    /// Calls `hook(grad)` whenever a gradient of this tensor is computed; what it returns, if not None, goes on in
    /// place of the gradient. The result has a method `remove()`.
    register_hook as ["method.register_hook(Tensor self, Any hook) -> Any"] {
        call(x = self: &Tensor, hook: P; _a, this) { register(x, hook, this, false) }
    }
    /// Calls `hook(tensor)` after backward has written this leaf's `.grad`.
    register_post_accumulate_grad_hook as ["method.register_post_accumulate_grad_hook(Tensor self, Any hook) -> Any"] {
        call(x = self: &Tensor, hook: P; _a, this) { register(x, hook, this, true) }
    }
    /// Whether this tensor shares another's memory as a view of it.
    is_view as ["method._is_view(Tensor self) -> bool"] {
        call(x = self: &Tensor) { Ok(super::call::number(x.is_view().into())) }
    }
}

/// Says, once in a process, what a recorded `.grad` costs.
fn warn_of_cycle(create_graph: bool) -> Result<()> {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !create_graph || SAID.swap(true, Relaxed) {
        return Ok(());
    }
    mode::warn(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which \
         can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use \
         this function, make sure to reset the .grad fields of your parameters to None after use to break the cycle and \
         avoid the leak.",
    )
}

/// A new reference to the same object.
pub fn again(o: P) -> P {
    // SAFETY: a live object; the GIL is held.
    unsafe { ffi::Py_INCREF(o) };
    o
}

/// The Python object of an optional tensor.
pub fn object(py: Python<'_>, t: Option<Tensor>) -> PyResult<Bound<'_, PyAny>> {
    let p = t.map_or_else(none, wrap);
    // SAFETY: a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, p) }
}

/// A tensor, or a sequence of tensors; None for None.
fn inputs(o: P) -> Result<Option<Vec<Tensor>>> {
    let Some(list) = optional(o)? else { return Ok(None) };
    if list.is_empty() {
        bail!(Runtime, "`inputs` argument to `backward()` cannot be empty.");
    }
    list.into_iter()
        .map(|t| t.ok_or_else(|| err!(Type, "expected tensors, but got None")))
        .collect::<Result<_>>()
        .map(Some)
}

/// A tensor or None, or a sequence of such.
fn optional(o: P) -> Result<Option<Vec<Option<Tensor>>>> {
    if is_none(o) {
        return Ok(None);
    }
    // SAFETY: an argument of the call, alive during it.
    unsafe {
        if let Some(t) = as_tensor(o) {
            return Ok(Some(vec![Some(t.clone())]));
        }
        let tuple = ffi::PySequence_Tuple(o);
        let tuple = checked(tuple)?;
        let mut out = Ok(Vec::new());
        for i in 0..ffi::PyTuple_Size(tuple) {
            let it = ffi::PyTuple_GetItem(tuple, i);
            match (as_tensor(it), &mut out) {
                (Some(t), Ok(list)) => list.push(Some(t.clone())),
                (None, Ok(list)) if is_none(it) => list.push(None),
                _ => out = Err(err!(Type, "expected a Tensor as element {i}, but got {}", type_name(it))),
            }
        }
        ffi::Py_DECREF(tuple);
        out.map(Some)
    }
}

fn pairs(roots: P, grads: P) -> Result<Vec<(Tensor, Option<Tensor>)>> {
    let roots = inputs(roots)?.unwrap_or_default();
    let grads = optional(grads)?.unwrap_or_else(|| vec![None; roots.len()]);
    if grads.len() != roots.len() {
        bail!(Runtime, "got {} tensors and {} gradients", roots.len(), grads.len());
    }
    Ok(roots.into_iter().zip(grads).collect())
}

pub fn get_grad(t: &Tensor, o: P) -> Result<P> {
    // SAFETY: the tensor's own object. Whoever holds the gradient can hang `o` on it.
    match t.grad() {
        Some(g) => {
            // SAFETY: as above.
            unsafe { track(o) };
            checked(wrap(g))
        }
        None => {
            if !t.is_leaf() && t.extra(|e| e.retained.is_some()) != Some(true) {
                mode::warn(
                    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute \
                     won't be populated during autograd.backward(). If you indeed want the .grad field to be populated \
                     for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor \
                     by mistake, make sure you access the leaf Tensor instead.",
                )?;
            }
            Ok(none())
        }
    }
}

pub fn set_grad(t: &Tensor, o: P, v: P) -> Result<()> {
    if v.is_null() || is_none(v) {
        t.set_grad(None);
        return Ok(());
    }
    // SAFETY: a live object.
    let Some(g) = (unsafe { as_tensor(v) }) else {
        bail!(Type, "assigned grad expected to be a Tensor or None but got grad of type {}", type_name(v));
    };
    if g.is(t) {
        bail!(Runtime, "can't assign Variable as its own grad");
    }
    if g.dtype() != t.dtype() {
        bail!(
            Runtime,
            "attempting to assign a gradient with dtype '{}' to a tensor with grad_dtype '{}'. The gradient must match \
             the tensor's grad_dtype (defaults to the tensor's dtype).",
            g.dtype().scalar_name().to_lowercase(),
            t.dtype().scalar_name()
        );
    }
    if g.device().kind != t.device().kind {
        bail!(
            Runtime,
            "attempting to assign a gradient with device type '{}' to a tensor with device type '{}'. Please ensure that the \
             gradient and the tensor are on the same device",
            g.device().kind.name(),
            t.device().kind.name()
        );
    }
    if g.device() != t.device() {
        bail!(
            Runtime,
            "attempting to assign a gradient located on device with index '{}' to a tensor located on '{}'",
            g.device(),
            t.device()
        );
    }
    if g.shape() != t.shape() {
        bail!(
            Runtime,
            "attempting to assign a gradient of size '{}' to a tensor of size '{}'. Please ensure that the gradient and \
             the tensor are the same size",
            list(g.shape()),
            list(t.shape())
        );
    }
    t.set_grad(Some(g.clone()));
    // SAFETY: the tensor's own object.
    unsafe { track(o) };
    Ok(())
}

fn register(t: &Tensor, callable: P, this: P, post: bool) -> Result<P> {
    let id = autograd::next_hook_id();
    let mut node = None;
    if post {
        if !t.requires_grad() {
            bail!(Runtime, "cannot register a hook on a tensor that doesn't require gradient");
        }
        if !t.is_leaf() {
            bail!(Runtime, "post accumulate grad hooks cannot be registered on non-leaf tensors");
        }
        // SAFETY: an argument of the call.
        let hook = unsafe { hooks::hook(id, callable) };
        t.with_extra(|e| e.post_hooks.push((id, hook)));
        autograd::note_leaf();
    } else {
        if !t.requires_grad() {
            bail!(Runtime, "cannot register a hook on a tensor that doesn't require gradient");
        }
        // SAFETY: an argument of the call.
        let hook = unsafe { hooks::hook(id, callable) };
        match t.grad_fn()? {
            Some(n) => {
                node = Some(Rc::downgrade(&n));
                n.with_extra(|e| e.hooks.push((t.output_nr(), id, hook)));
            }
            None => {
                t.with_extra(|e| e.hooks.push((id, hook)));
                autograd::note_leaf();
            }
        }
    }
    // SAFETY: a method's own object: the hook may lead back to it.
    unsafe { track(this) };
    // SAFETY: the GIL is held.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: as above.
    let this = unsafe { Bound::from_borrowed_ptr(py, this) };
    let weak = pyo3::types::PyWeakrefReference::new(&this).or_foreign()?;
    Ok(Bound::new(py, RemovableHandle { id, tensor: weak.unbind(), node }).or_foreign()?.into_ptr())
}

/// What `register_hook` returns; it does not keep the tensor alive.
#[pyclass(frozen, module = "rustgrad.utils.hooks")]
pub struct RemovableHandle {
    id: u64,
    tensor: Py<pyo3::types::PyWeakrefReference>,
    /// The node that has the hook. The tensor may have another since, after a write in place.
    node: Option<Weak<Node>>,
}

// SAFETY: the node is looked at with the GIL held only.
unsafe impl Send for RemovableHandle {}
// SAFETY: as above.
unsafe impl Sync for RemovableHandle {}

#[pymethods]
impl RemovableHandle {
    /// Take the hook off again.
    fn remove(&self, py: Python<'_>) {
        use pyo3::types::PyWeakrefMethods;
        // Taken out first, dropped after the borrow: a hook's drop may run Python code.
        let mut gone = Vec::new();
        let object = self.tensor.bind(py).upgrade();
        // SAFETY: alive while its object is.
        if let Some(t) = object.as_ref().and_then(|o| unsafe { as_tensor(o.as_ptr()) })
            && t.extra(|_| ()).is_some()
        {
            t.with_extra(|e| {
                for list in [&mut e.hooks, &mut e.post_hooks] {
                    while let Some(at) = list.iter().position(|(id, _)| *id == self.id) {
                        gone.push(list.remove(at).1);
                    }
                }
            });
        }
        let node = self.node.as_ref().and_then(Weak::upgrade);
        if let Some(node) = node.filter(|n| n.extra.borrow().is_some()) {
            node.with_extra(|e| {
                while let Some(at) = e.hooks.iter().position(|(_, id, _)| *id == self.id) {
                    gone.push(e.hooks.remove(at).2);
                }
            });
        }
        drop(gone);
    }
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }
    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }
    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyTuple>) {
        self.remove(py);
    }
}
