//! Node objects: the graph as Python walks it. They are made on demand and equal by node; those of custom functions are
//! the functions' contexts.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use super::autograd::object;
use super::call::none;
use super::errors::{OrForeign, P, to_python};
use super::hooks::{self, Callable};
use super::saved_tensor::{SavedTensor, saved_names};
use crate::autograd;
use crate::core::spoken::library;
use crate::error::Result;
use crate::tensor::node::{PostHookFn, PreHookFn};
use crate::tensor::op::Cotangents;
use crate::tensor::saved;
use crate::tensor::{Context, Edge, Node, Tensor, display};

/// Whose hook a handle removes.
enum Owner {
    Node(Weak<Node>),
    /// The leaf of an AccumulateGrad.
    Leaf(Tensor),
}

type Pre = (u64, Rc<PreHookFn>);
type Post = (u64, Rc<PostHookFn>);

fn taken(pre: &mut Vec<Pre>, post: &mut Vec<Post>, id: u64) -> (Option<Pre>, Option<Post>) {
    let at = pre.iter().position(|(i, _)| *i == id).map(|at| pre.remove(at));
    (at, post.iter().position(|(i, _)| *i == id).map(|at| post.remove(at)))
}

/// What `register_hook` of a node returns; it does not keep the node alive.
#[pyclass(frozen, module = "rustgrad.utils.hooks")]
pub struct NodeHandle {
    id: u64,
    owner: Owner,
}

// SAFETY: nodes are used and dropped with the GIL held only.
unsafe impl Send for NodeHandle {}
// SAFETY: as above.
unsafe impl Sync for NodeHandle {}

#[pymethods]
impl NodeHandle {
    /// Take the hook off again.
    fn remove(&self) {
        // Taken out first, dropped after the borrow: a hook's drop may run Python code.
        let gone = match &self.owner {
            Owner::Node(node) => node.upgrade().map(|n| n.with_extra(|e| taken(&mut e.pre, &mut e.post, self.id))),
            Owner::Leaf(leaf) => Some(leaf.with_extra(|e| taken(&mut e.before, &mut e.after, self.id))),
        };
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
    fn __exit__(&self, _args: &Bound<'_, PyTuple>) {
        self.remove();
    }
}

/// What a node object stands for.
enum Origin {
    Node(Rc<Node>),
    /// Edges point at leaves themselves.
    Leaf(Tensor),
    /// The context that a custom function's forward was given, which the node outlives or not.
    Context(Weak<Node>),
}

/// A node of the graph. Objects are made when asked for; two of one node are equal.
#[pyclass(frozen, subclass, module = "rustgrad.autograd.graph", name = "Node")]
pub struct NodeObject(OnceCell<Origin>, Cell<u64>);

// SAFETY: nodes and tensors are used and dropped with the GIL held only.
unsafe impl Send for NodeObject {}
// SAFETY: as above.
unsafe impl Sync for NodeObject {}

/// What Python keeps with a node: the class and the attributes of a custom function's context, or `metadata`.
pub struct Payload {
    pub class: Option<Callable>,
    pub dict: Callable,
}

impl NodeObject {
    fn node(&self) -> Option<Rc<Node>> {
        match self.0.get()? {
            Origin::Node(n) => Some(n.clone()),
            Origin::Leaf(_) => None,
            Origin::Context(weak) => weak.upgrade(),
        }
    }

    /// What gradients go to.
    fn edge(&self, nr: u32) -> Edge {
        match self.0.get() {
            Some(Origin::Leaf(t)) => Edge::Leaf(t.clone()),
            _ => self.node().map_or(Edge::None, |n| Edge::Node(n, nr)),
        }
    }

    /// The context of a custom function whose forward has run.
    pub fn becomes(&self, node: &Rc<Node>) {
        let _ = self.0.set(Origin::Context(Rc::downgrade(node)));
    }

    fn id(&self) -> usize {
        match self.edge(0) {
            Edge::Node(n, _) => Rc::as_ptr(&n).cast::<u8>() as usize,
            Edge::Leaf(t) => t.id(),
            Edge::None => self as *const NodeObject as usize,
        }
    }

    fn add_hook(&self, pre: Option<Rc<PreHookFn>>, post: Option<Rc<PostHookFn>>, id: u64) -> PyResult<NodeHandle> {
        let owner = match self.edge(0) {
            Edge::Node(n, _) => {
                n.with_extra(|e| {
                    e.pre.extend(pre.map(|h| (id, h)));
                    e.post.extend(post.map(|h| (id, h)));
                });
                Owner::Node(Rc::downgrade(&n))
            }
            Edge::Leaf(t) => {
                t.with_extra(|e| {
                    e.before.extend(pre.map(|h| (id, h)));
                    e.after.extend(post.map(|h| (id, h)));
                });
                crate::autograd::note_leaf();
                Owner::Leaf(t)
            }
            Edge::None => return Err(PyRuntimeError::new_err("this context has no node: nothing was recorded")),
        };
        Ok(NodeHandle { id, owner })
    }
}

#[pymethods]
impl NodeObject {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> NodeObject {
        NodeObject(OnceCell::new(), Cell::new(0))
    }
    /// The class name, as PyTorch's: `MulBackward0`.
    fn name(slf: &Bound<'_, Self>) -> PyResult<String> {
        match slf.get().edge(0) {
            Edge::Node(n, _) => {
                // Nodes of the engine itself, such as CopySlices, have the whole name of their class in C++.
                let name = display::class_name(&n);
                Ok(if name.contains("Backward") { name } else { format!("{}::autograd::{name}", library()) })
            }
            Edge::Leaf(_) => Ok(format!("{}::autograd::AccumulateGrad", library())),
            Edge::None => Ok(slf.get_type().name()?.to_string()),
        }
    }
    /// The nodes that gradients go to, with the number of their output.
    #[getter]
    fn next_functions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let list = PyList::empty(py);
        if let Some(node) = self.node() {
            for edge in node.shown_edges() {
                let nr = if let Edge::Node(_, nr) = edge { nr } else { 0 };
                match of_edge(py, edge)? {
                    Some(o) => list.append((o, nr))?,
                    None => list.append((py.None(), 0))?,
                }
            }
        }
        Ok(list.to_tuple())
    }
    /// The leaf of an AccumulateGrad.
    #[getter]
    fn variable<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.edge(0) {
            Edge::Leaf(t) => object(py, Some(t)),
            _ => Err(PyAttributeError::new_err("only AccumulateGrad has a variable")),
        }
    }
    /// A dict that belongs to the node, for the user's own marks.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Some(node) = self.node() else { return Ok(PyDict::new(py).into_any()) };
        let dict = match payload(&node) {
            // SAFETY: alive while its payload is.
            Some(p) => unsafe { Bound::from_borrowed_ptr(py, p.dict.object()) },
            None => {
                let dict = PyDict::new(py);
                // SAFETY: a live object; the GIL is held.
                unsafe { keep(&node, None, dict.as_ptr()) };
                dict.into_any()
            }
        };
        if payload(&node).is_some_and(|p| p.class.is_none()) {
            return Ok(dict);
        }
        // The attributes of a context are the user's: the marks are one of them.
        dict.call_method1("setdefault", ("_metadata", PyDict::new(py)))
    }
    /// Whether gradients go on from here.
    #[getter]
    fn requires_grad(&self) -> bool {
        self.edge(0).is_some()
    }
    /// Nodes made later have higher numbers.
    fn _sequence_nr(&self) -> u64 {
        self.node().map_or(u64::MAX, |n| n.seq)
    }
    /// The tensors that the node keeps, with their places in the graph. RuntimeError after they were freed.
    fn _kept<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let Some(node) = self.node() else { return Ok(Vec::new()) };
        let kept = saved::kept(&node).map_err(|e| to_python(py, e))?;
        kept.into_iter().map(|t| object(py, Some(t))).collect()
    }
    /// Saved tensors by the names of the op's arguments: `_saved_self`, `_saved_result`.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let missing = || {
            let class = slf.get_type().name().map_or_else(|_| "Node".into(), |n| n.to_string());
            PyAttributeError::new_err(format!("'{class}' object has no attribute '{name}'"))
        };
        let (raw, wanted) = match name.strip_prefix("_raw_saved_") {
            Some(wanted) => (true, wanted),
            None => (false, name.strip_prefix("_saved_").ok_or_else(missing)?),
        };
        let Some(node) = slf.get().node() else { return Err(missing()) };
        let py = slf.py();
        if node.released() {
            return Err(to_python(py, crate::tensor::op::backward_twice()));
        }
        let place = saved_names(&node).iter().position(|n| n == wanted || (wanted == "result" && n == "result0"));
        let place = place.ok_or_else(missing)?;
        if raw {
            return Ok(Bound::new(py, SavedTensor::of(&node, Some(place)))?.into_any());
        }
        let saved = node.saved.borrow();
        let Some(s) = saved.iter().nth(place) else { return Err(missing()) };
        let t = Context::new(&node).kept(s).map_err(|e| to_python(py, e))?;
        object(py, Some(t))
    }
    /// The attributes, with those of saved tensors.
    fn __dir__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let own = slf.py().get_type::<PyAny>().call_method1("__dir__", (slf,))?;
        let names = PyList::empty(slf.py());
        for name in own.try_iter()? {
            let name = name?;
            let hidden = name.eq("_kept")?
                || name.eq("_raw")?
                || name.eq("_raw_none")?
                || (name.eq("variable")? && slf.get().node().is_some());
            if !hidden {
                names.append(name)?;
            }
        }
        if let Some(node) = slf.get().node().filter(|n| payload(n).is_none_or(|p| p.class.is_none())) {
            for name in saved_names(&node) {
                names.append(format!("_saved_{name}"))?;
                names.append(format!("_raw_saved_{name}"))?;
            }
        }
        Ok(names.into_any())
    }
    /// The tensors that the node keeps, as `SavedTensor` objects.
    fn _raw(&self) -> PyResult<Vec<SavedTensor>> {
        let Some(node) = self.node() else { return Ok(Vec::new()) };
        if node.released() {
            return Err(PyRuntimeError::new_err(crate::tensor::op::backward_twice().to_string()));
        }
        let count = node.saved.borrow().iter().count();
        Ok((0..count).map(|i| SavedTensor::of(&node, Some(i))).collect())
    }
    /// A `SavedTensor` that stands for a saved None.
    fn _raw_none(&self) -> PyResult<SavedTensor> {
        let node = self.node().ok_or_else(|| PyRuntimeError::new_err("nothing was recorded"))?;
        Ok(SavedTensor::of(&node, None))
    }
    /// The gradients of the node's inputs, from one for each of its outputs; None for those that none goes to. A single one
    /// is no tuple. TypeError for another number of arguments.
    #[pyo3(signature = (*grads))]
    fn __call__<'py>(slf: &Bound<'py, Self>, grads: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let outputs = match slf.get().edge(0) {
            Edge::Node(n, _) => n.outputs as usize,
            _ => 1,
        };
        if grads.len() != outputs {
            let given = grads.len();
            return Err(PyTypeError::new_err(format!("expected {outputs} arguments, got {given} instead")));
        }
        let mut given = Vec::with_capacity(outputs);
        for g in grads.iter() {
            // SAFETY: a live object.
            match unsafe { super::object::as_tensor(g.as_ptr()) } {
                Some(t) => given.push(Some(t.clone())),
                None if g.is_none() => given.push(None),
                None => {
                    let what = g.get_type().name()?;
                    return Err(PyTypeError::new_err(format!("expected Variable or None (got {what})")));
                }
            }
        }
        let node = match slf.get().edge(0) {
            Edge::Node(n, _) => n,
            Edge::Leaf(leaf) => {
                if let Some(g) = given.pop().flatten() {
                    autograd::node_hooks::accumulate(&leaf, g).map_err(|e| to_python(py, e))?;
                }
                return Ok(PyTuple::empty(py).into_any());
            }
            Edge::None => return Err(PyRuntimeError::new_err("this context has no node: nothing was recorded")),
        };
        let mut found = node.op().vjp(&Context::new(&node), &Cotangents(&given)).map_err(|e| to_python(py, e))?;
        let count = node.edges.borrow().len();
        let mut all: Vec<Option<Tensor>> = (0..count).map(|i| found.take(i)).collect();
        let mut shown: Vec<Option<Tensor>> = match node.op().edge_order() {
            [] => all,
            order => order.iter().map(|&i| all.get_mut(i).and_then(Option::take)).collect(),
        };
        shown.resize(shown.len().max(node.shown_edges().len()), None);
        let objects = shown.into_iter().map(|g| object(py, g)).collect::<PyResult<Vec<_>>>()?;
        match objects.len() {
            1 => Ok(objects.into_iter().next().unwrap_or_else(|| py.None().into_bound(py))),
            _ => Ok(PyTuple::new(py, objects)?.into_any()),
        }
    }
    /// Call `fn(grad_inputs, grad_outputs)` after backward has passed this node; a tuple that it returns takes the place
    /// of grad_inputs.
    #[pyo3(signature = (r#fn))]
    fn register_hook(&self, r#fn: &Bound<'_, PyAny>) -> PyResult<NodeHandle> {
        let id = autograd::next_hook_id();
        // SAFETY: an argument of the call, which holds the GIL.
        self.add_hook(None, Some(unsafe { hooks::post_hook(id, r#fn.as_ptr()) }), id)
    }
    /// Call `fn(grad_outputs)` before backward passes this node; a tuple that it returns takes the place of grad_outputs.
    #[pyo3(signature = (r#fn))]
    fn register_prehook(&self, r#fn: &Bound<'_, PyAny>) -> PyResult<NodeHandle> {
        let id = autograd::next_hook_id();
        // SAFETY: an argument of the call, which holds the GIL.
        self.add_hook(Some(unsafe { hooks::pre_hook(id, r#fn.as_ptr()) }), None, id)
    }
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type();
        let module = class.getattr("__module__")?.to_string();
        let place = if module == "builtins" { String::new() } else { module + "." };
        Ok(format!("<{place}{} object at {:#x}>", class.name()?, slf.get().id()))
    }
    fn __hash__(&self) -> usize {
        self.id() >> 4
    }
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<NodeObject>().is_ok_and(|o| o.get().id() == self.id())
    }
}

/// What Python keeps with the node.
pub fn payload(node: &Node) -> Option<Rc<Payload>> {
    let kept = node.extra.borrow().as_ref().and_then(|e| e.payload.as_ref().map(|(_, p)| p.clone()))?;
    kept.downcast::<Payload>().ok()
}

/// Keeps a dict, and the class of a custom function's context, with the node.
///
/// # Safety
/// The objects are alive and the GIL is held.
pub unsafe fn keep(node: &Node, class: Option<P>, dict: P) {
    let (id, other) = (autograd::next_hook_id(), autograd::next_hook_id());
    // SAFETY: says the caller.
    let payload = unsafe { Payload { class: class.map(|c| Callable::keep(other, c)), dict: Callable::keep(id, dict) } };
    node.with_extra(|e| e.payload = Some((id, Rc::new(payload))));
}

/// The object of what gradients go to; None for nothing.
fn of_edge(py: Python<'_>, edge: Edge) -> PyResult<Option<Bound<'_, NodeObject>>> {
    match edge {
        Edge::None => Ok(None),
        Edge::Leaf(t) => {
            let key = t.id();
            if let Some(found) = living(py, key) {
                return Ok(Some(found));
            }
            let object = made(py, Origin::Leaf(t))?;
            lives(key, &object);
            Ok(Some(object))
        }
        Edge::Node(n, _) => of_node(py, &n).map(Some),
    }
}

/// The living object of each node and leaf, borrowed, with its number: `y.grad_fn is y.grad_fn`. One table for all threads,
/// since an object may end on another than the one that made it.
static LIVING: Mutex<BTreeMap<usize, (u64, usize)>> = Mutex::new(BTreeMap::new());

/// The living object of what has this address.
fn living(py: Python<'_>, key: usize) -> Option<Bound<'_, NodeObject>> {
    let found = LIVING.lock().unwrap_or_else(PoisonError::into_inner).get(&key)?.1 as P;
    // SAFETY: the GIL is held, and objects leave the table before their memory is given back; one that is being taken apart
    // has no references.
    unsafe {
        if ffi::Py_REFCNT(found) == 0 {
            return None;
        }
        Bound::from_borrowed_ptr(py, found).cast_into::<NodeObject>().ok()
    }
}

fn lives(key: usize, object: &Bound<'_, NodeObject>) {
    let id = autograd::next_hook_id();
    object.get().1.set(id);
    LIVING.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (id, object.as_ptr() as usize));
}

impl Drop for NodeObject {
    fn drop(&mut self) {
        let key = match self.0.get() {
            Some(Origin::Node(n)) => Rc::as_ptr(n).cast::<u8>() as usize,
            Some(Origin::Leaf(t)) => t.id(),
            _ => return,
        };
        let mut table = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        // Another object may stand there since this one began to be taken apart.
        if table.get(&key).is_some_and(|(id, _)| *id == self.1.get()) {
            table.remove(&key);
        }
    }
}

/// The object of a node: of a custom function, its context.
pub fn of_node<'py>(py: Python<'py>, node: &Rc<Node>) -> PyResult<Bound<'py, NodeObject>> {
    let key = Rc::as_ptr(node).cast::<u8>() as usize;
    if let Some(found) = living(py, key) {
        return Ok(found);
    }
    let object = new_of_node(py, node)?;
    lives(key, &object);
    Ok(object)
}

fn new_of_node<'py>(py: Python<'py>, node: &Rc<Node>) -> PyResult<Bound<'py, NodeObject>> {
    let Some(payload) = payload(node) else { return made(py, Origin::Node(node.clone())) };
    let Some(class) = &payload.class else { return made(py, Origin::Node(node.clone())) };
    // SAFETY: alive while the payload is.
    let (class, dict) =
        unsafe { (Bound::from_borrowed_ptr(py, class.object()), Bound::from_borrowed_ptr(py, payload.dict.object())) };
    let object = class.call0()?.cast_into::<NodeObject>()?;
    let _ = object.get().0.set(Origin::Node(node.clone()));
    object.setattr("__dict__", dict)?;
    Ok(object)
}

/// An object whose class is the node's kind, as in PyTorch: a subclass made when first asked for.
fn made<'py>(py: Python<'py>, origin: Origin) -> PyResult<Bound<'py, NodeObject>> {
    static KINDS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let kinds = KINDS.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let object = Bound::new(py, NodeObject(OnceCell::from(origin), Cell::new(0)))?;
    let name = match object.get().edge(0) {
        Edge::Node(n, _) => display::class_name(&n),
        _ => "AccumulateGrad".into(),
    };
    let kind = match kinds.get_item(&name)? {
        Some(kind) => kind,
        None => {
            let members = PyDict::new(py);
            members.set_item("__slots__", ())?;
            members.set_item("__module__", "builtins")?;
            let kind = py.get_type::<PyType>().call1((&name, (py.get_type::<NodeObject>(),), members))?;
            kinds.set_item(&name, &kind)?;
            kind
        }
    };
    object.setattr("__class__", kind)?;
    Ok(object)
}

/// The node object of a tensor, or None.
pub fn grad_fn(t: &Tensor) -> Result<P> {
    match t.grad_fn()? {
        None => Ok(none()),
        Some(node) => {
            // SAFETY: the GIL is held.
            let py = unsafe { Python::assume_attached() };
            Ok(of_node(py, &node).or_foreign()?.into_ptr())
        }
    }
}

/// Where the gradient of `x` goes: the object and the number of its output; None where it needs none.
#[pyfunction]
fn _gradient_edge<'py>(py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, NodeObject>, u32)>> {
    // SAFETY: an argument of the call.
    let Some(t) = (unsafe { super::object::as_tensor(x.as_ptr()) }) else { return Ok(None) };
    let edge = t.edge().map_err(|e| to_python(py, e))?;
    let nr = if let Edge::Node(_, nr) = edge { nr } else { 0 };
    Ok(of_edge(py, edge)?.map(|o| (o, nr)))
}

/// A tensor that stands for output `nr` of a node in calls of backward: over `like`'s memory.
#[pyfunction]
fn _edge_tensor<'py>(
    py: Python<'py>,
    node: &Bound<'py, NodeObject>,
    nr: u32,
    like: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: an argument of the call.
    let like = unsafe { super::object::as_tensor(like.as_ptr()) };
    match (node.get().edge(nr), like) {
        (Edge::Leaf(t), _) => object(py, Some(t)),
        (Edge::Node(n, nr), Some(like)) => {
            let t = like.detach();
            t.set_history(n, nr);
            object(py, Some(t))
        }
        _ => Err(PyRuntimeError::new_err("this context has no node: nothing was recorded")),
    }
}

/// The number of the backward that runs; -1 outside of one.
#[pyfunction]
fn _current_graph_task_id() -> i64 {
    autograd::current::id().map_or(-1, |id| id as i64)
}

/// Whether the backward that runs brings a gradient to this node. RuntimeError outside of one.
#[pyfunction]
fn _will_engine_execute_node(node: &Bound<'_, NodeObject>) -> PyResult<bool> {
    if autograd::current::id().is_none() {
        return Err(PyRuntimeError::new_err(
            "_get_should_execute_nodes should only be called during the backward pass",
        ));
    }
    Ok(autograd::current::reaches(&node.get().edge(0)))
}

/// Has the backward that runs call `callback()` when it has written all gradients. RuntimeError outside of backward.
#[pyfunction]
fn _queue_callback(py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
    let call = move || Python::attach(|py| callback.call0(py).map(drop).or_foreign());
    autograd::current::afterwards(Box::new(call)).map_err(|e| to_python(py, e))
}

/// Whether the backward that runs was told which tensors to find the gradients of.
#[pyfunction]
fn _graph_task_is_limited() -> bool {
    autograd::current::limited()
}

pub fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("Node", m.py().get_type::<NodeObject>())?;
    m.add("SavedTensor", m.py().get_type::<SavedTensor>())?;
    m.add_function(wrap_pyfunction!(_gradient_edge, m)?)?;
    m.add_function(wrap_pyfunction!(_edge_tensor, m)?)?;
    m.add_function(wrap_pyfunction!(_graph_task_is_limited, m)?)?;
    m.add_function(wrap_pyfunction!(_current_graph_task_id, m)?)?;
    m.add_function(wrap_pyfunction!(_queue_callback, m)?)?;
    m.add_function(wrap_pyfunction!(_will_engine_execute_node, m)?)
}
