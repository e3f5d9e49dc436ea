//! The backward engine: nodes in descending sequence number, which is a topological order, since a
//! consumer is always younger than what it consumed. Iterative, and deterministic for any thread count.
//!
//! Gradients wait in the nodes themselves. A node that another live run has claimed (a hook that calls
//! backward; a second thread while a kernel has released the GIL) gets a slot in this run's side table.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::accumulate::sum;
use crate::core::shape::list;
use crate::error::Result;
use crate::tensor::mode::{self, GradGuard};
use crate::tensor::node::Scratch;
use crate::tensor::op::{Context, Cotangents};
use crate::tensor::tie::tie;
use crate::tensor::{Edge, Node, Tensor, door};
use crate::{bail, err, spoken};

/// Adds d(roots)/d(leaf) to `.grad` of every leaf, or of `inputs` only.
///
/// A root without a gradient must be a scalar, whose gradient is 1. RuntimeError where a root has no graph, where
/// shapes differ, or where saved tensors are gone or were changed.
pub fn backward(
    roots: &[(Tensor, Option<Tensor>)],
    retain_graph: bool,
    create_graph: bool,
    inputs: Option<&[Tensor]>,
) -> Result<()> {
    match inputs {
        None => Run::new(retain_graph, create_graph, None)?.execute(roots),
        Some(inputs) => {
            if inputs.iter().any(|t| !t.requires_grad()) {
                bail!(Runtime, "can't retain_grad on Tensor that has requires_grad=False");
            }
            let mut run = Run::new(retain_graph, create_graph, Some(inputs))?;
            run.accumulates = true;
            run.execute(roots)?;
            let _mode = GradGuard::new(create_graph);
            for (input, g) in inputs.iter().zip(run.captured()) {
                if let Some(g) = g {
                    super::node_hooks::accumulate(input, g)?;
                }
            }
            Ok(())
        }
    }
}

/// d(outputs)/d(inputs), None where an input was not used and `allow_unused`.
pub fn grad(
    outputs: &[(Tensor, Option<Tensor>)],
    inputs: &[Tensor],
    retain_graph: bool,
    create_graph: bool,
    allow_unused: bool,
) -> Result<Vec<Option<Tensor>>> {
    for t in inputs {
        if !t.requires_grad() {
            bail!(Runtime, "One of the differentiated Tensors does not require grad");
        }
    }
    let mut run = Run::new(retain_graph, create_graph, Some(inputs))?;
    run.execute(outputs)?;
    let grads = run.captured();
    if !allow_unused && let Some(i) = grads.iter().position(Option::is_none) {
        bail!(
            Runtime,
            "The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if \
             this is the desired behavior."
        );
    }
    Ok(grads)
}

/// A queued node; the youngest comes first.
struct Entry(Rc<Node>);

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.0.seq == other.0.seq
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        self.0.seq.cmp(&other.0.seq)
    }
}

/// Where a captured gradient comes from.
struct Target {
    tensor: Tensor,
    node: Option<(Rc<Node>, u32)>,
    grad: Option<Tensor>,
}

fn tensors(targets: &[Target]) -> Vec<Tensor> {
    targets.iter().map(|t| t.tensor.clone()).collect()
}

struct Run {
    id: u64,
    retain_graph: bool,
    create_graph: bool,
    /// Whether what is captured is added to `.grad`.
    accumulates: bool,
    /// The youngest queued node, kept beside the heap: a chain never touches the heap.
    next: Option<Entry>,
    heap: BinaryHeap<Entry>,
    /// Leaves that have received something, in order of first arrival.
    leaves: Vec<Tensor>,
    side: HashMap<*const Node, Scratch>,
    /// As `side`, for leaves (by id) whose slot another run owns.
    side_leaves: HashMap<usize, Tensor>,
    /// For leaves with hooks (by id), how many edges have yet to bring something, or nothing.
    awaited: HashMap<usize, usize>,
    /// With `inputs=`: what to capture, and the nodes on a path to it.
    targets: Option<Vec<Target>>,
    path: HashMap<*const Node, bool>,
}

impl Run {
    fn new(retain_graph: bool, create_graph: bool, inputs: Option<&[Tensor]>) -> Result<Run> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let targets = match inputs {
            None => None,
            Some(list) => {
                let mut targets = Vec::with_capacity(list.len());
                for t in list {
                    let node = t.grad_fn()?.map(|n| (n, t.output_nr()));
                    targets.push(Target { tensor: t.clone(), node, grad: None });
                }
                Some(targets)
            }
        };
        Ok(Run {
            id: NEXT.fetch_add(1, Relaxed),
            retain_graph,
            create_graph,
            accumulates: false,
            next: None,
            heap: BinaryHeap::new(),
            leaves: Vec::new(),
            side: HashMap::new(),
            side_leaves: HashMap::new(),
            awaited: HashMap::new(),
            targets,
            path: HashMap::new(),
        })
    }

    fn execute(&mut self, roots: &[(Tensor, Option<Tensor>)]) -> Result<()> {
        let _mode = GradGuard::new(self.create_graph);
        let _current = super::current::enter(self.id, roots, self.targets.as_deref().map(tensors))?;
        let result = self.run(roots).and_then(|()| super::current::finish());
        if result.is_err() {
            self.clear();
        }
        result
    }

    fn run(&mut self, roots: &[(Tensor, Option<Tensor>)]) -> Result<()> {
        let mut starts = Vec::with_capacity(roots.len());
        for (i, (root, g)) in roots.iter().enumerate() {
            if !root.requires_grad() {
                return Err(err!(Runtime, "element {i} of tensors does not require grad and does not have a grad_fn")
                    .hint("none of what it was computed from has requires_grad=True, or it was computed under no_grad or detached"));
            }
            starts.push((root.edge()?, seed(i, root, g.as_ref())?));
        }
        if self.targets.is_some() {
            self.find_paths(&starts);
        }
        if super::node_hooks::on_leaves() {
            self.await_leaves(&starts);
        }
        let arrived = starts.iter().map(|(edge, _)| edge.clone()).collect();
        for (edge, g) in starts {
            self.deliver(&edge, g)?;
        }
        self.arrived(arrived)?;
        while let Some(Entry(node)) = self.pop() {
            self.step(&node)?;
        }
        self.finish()
    }

    fn pop(&mut self) -> Option<Entry> {
        let next = self.next.take();
        match (next, self.heap.peek()) {
            (Some(a), Some(b)) if a < *b => {
                let top = self.heap.pop();
                self.next = Some(a);
                top
            }
            (Some(a), _) => Some(a),
            (None, _) => self.heap.pop(),
        }
    }

    fn push(&mut self, entry: Entry) {
        match self.next.take() {
            None => self.next = Some(entry),
            Some(old) if old < entry => {
                self.heap.push(old);
                self.next = Some(entry);
            }
            Some(old) => {
                self.heap.push(entry);
                self.next = Some(old);
            }
        }
    }

    /// Hands `g` to the leaf or node behind `edge`.
    fn deliver(&mut self, edge: &Edge, g: Tensor) -> Result<()> {
        match edge {
            Edge::None => Ok(()),
            Edge::Leaf(leaf) => {
                if let Some(targets) = &self.targets
                    && !targets.iter().any(|t| t.tensor.is(leaf))
                {
                    return Ok(());
                }
                // A run that began beside the slot stays there, though its owner may be gone by now.
                let aside = !self.side_leaves.is_empty() && self.side_leaves.contains_key(&leaf.id());
                let (mine, have) = leaf.with_extra(|e| {
                    if e.slot_owner == 0 && !aside {
                        e.slot_owner = self.id;
                    }
                    let mine = e.slot_owner == self.id;
                    (mine, if mine { e.slot.take() } else { None })
                });
                let have = if mine { have } else { self.side_leaves.remove(&leaf.id()) };
                let g = match have {
                    None => {
                        self.leaves.push(leaf.clone());
                        g
                    }
                    Some(have) => sum(have, &g)?,
                };
                if mine {
                    leaf.with_extra(|e| e.slot = Some(g));
                } else {
                    self.side_leaves.insert(leaf.id(), g);
                }
                Ok(())
            }
            Edge::Node(node, nr) => {
                if self.targets.is_some() && !self.path.contains_key(&Rc::as_ptr(node)) {
                    return Ok(());
                }
                self.deposit(node, *nr as usize, g)
            }
        }
    }

    fn deposit(&mut self, node: &Rc<Node>, nr: usize, g: Tensor) -> Result<()> {
        let mut slots = node.scratch.borrow_mut();
        let mut queue = false;
        if slots.owner == 0 {
            slots.owner = self.id;
            queue = true;
        }
        if slots.owner == self.id {
            let have = take(&mut slots, nr);
            drop(slots);
            let g = match have {
                None => g,
                Some(have) => sum(have, &g)?,
            };
            put(&mut node.scratch.borrow_mut(), nr, g);
        } else {
            drop(slots);
            let slots = self.side.entry(Rc::as_ptr(node)).or_default();
            queue = slots.owner == 0;
            slots.owner = self.id;
            let g = match take(slots, nr) {
                None => g,
                Some(have) => sum(have, &g)?,
            };
            put(slots, nr, g);
        }
        if queue {
            self.push(Entry(node.clone()));
        }
        Ok(())
    }

    /// Runs one node with the gradients that have arrived for its outputs.
    fn step(&mut self, node: &Rc<Node>) -> Result<()> {
        let slots = if node.scratch.borrow().owner == self.id {
            node.scratch.take()
        } else {
            self.side.remove(&Rc::as_ptr(node)).unwrap_or_default()
        };
        if node.outputs == 1 {
            return self.pass(node, &mut [slots.first]);
        }
        let mut grads = slots.rest;
        grads.insert(0, slots.first);
        grads.resize(node.outputs as usize, None);
        self.pass(node, &mut grads)
    }

    /// Hooks, captures, the vjp, and on to the inputs.
    fn pass(&mut self, node: &Rc<Node>, grads: &mut [Option<Tensor>]) -> Result<()> {
        if node.hooked() {
            run_tensor_hooks(node, grads)?;
        }
        if let Some(targets) = &mut self.targets {
            for t in targets.iter_mut() {
                match &t.node {
                    Some((n, nr)) if Rc::ptr_eq(n, node) => t.grad = grads.get(*nr as usize).cloned().flatten(),
                    _ => {}
                }
            }
        }
        let only_asked = self.targets.is_some() && self.path.get(&Rc::as_ptr(node)) == Some(&false);
        // Also of a node that backward, unlike grad, only asks for the gradient that comes to it.
        if node.hooked() && (!only_asked || self.accumulates) {
            super::node_hooks::pre(node, grads)?;
        }
        if only_asked {
            return Ok(());
        }
        let vjp = || node.op().vjp(&Context::new(node), &Cotangents(grads));
        let mut outgoing = match door::backward_of(|| node.op().name(), vjp) {
            Ok(outgoing) => outgoing,
            Err(e) => return Err(super::anomaly::failed(node, e)),
        };
        if mode::anomaly().1 {
            outgoing = super::anomaly::checked(node, outgoing)?;
        }
        if self.create_graph {
            outgoing = tie(node, outgoing)?;
        }
        if node.post_hooked() {
            outgoing = super::node_hooks::post(node, outgoing, grads)?;
        }
        // Let go of what came in, so that what goes out can be summed in place.
        grads.fill(None);
        if !self.retain_graph {
            node.release();
        }
        let edges = node.edges.borrow();
        for (i, edge) in edges.iter().enumerate() {
            if let Some(g) = outgoing.take(i) {
                self.deliver(edge, g)?;
            }
        }
        drop(edges);
        if self.awaited.is_empty() { Ok(()) } else { self.arrived(node.ordered_edges()) }
    }

    /// Counts the edges to leaves that have hooks, so that these run as soon as the sum is complete.
    fn await_leaves(&mut self, starts: &[(Edge, Tensor)]) {
        let wanted = |leaf: &Tensor| match &self.targets {
            Some(targets) => targets.iter().any(|t| t.tensor.is(leaf)),
            None => true,
        };
        let runs = |node: &Rc<Node>| self.targets.is_none() || self.path.get(&Rc::as_ptr(node)) == Some(&true);
        let mut awaited = HashMap::new();
        let mut seen: HashSet<*const Node> = HashSet::new();
        let mut stack: Vec<Rc<Node>> = vec![];
        let mut visit = |edge: &Edge, stack: &mut Vec<Rc<Node>>| match edge {
            Edge::None => {}
            Edge::Leaf(leaf) => {
                if wanted(leaf) && super::node_hooks::has_any(leaf) {
                    *awaited.entry(leaf.id()).or_insert(0) += 1;
                }
            }
            Edge::Node(node, _) => {
                if runs(node) && seen.insert(Rc::as_ptr(node)) {
                    stack.push(node.clone());
                }
            }
        };
        starts.iter().for_each(|(edge, _)| visit(edge, &mut stack));
        while let Some(node) = stack.pop() {
            node.edges.borrow().iter().for_each(|edge| visit(edge, &mut stack));
        }
        self.awaited = awaited;
    }

    /// Counts edges that nothing more comes along, and finishes the leaves that these were the last for.
    fn arrived(&mut self, edges: Vec<Edge>) -> Result<()> {
        for edge in edges {
            if let Edge::Leaf(leaf) = edge
                && let Some(left) = self.awaited.get_mut(&leaf.id())
            {
                *left -= 1;
                if *left == 0 {
                    self.awaited.remove(&leaf.id());
                    self.complete(&leaf)?;
                }
            }
        }
        Ok(())
    }

    /// Finishes the other leaves: those without hooks, and those of nodes that no gradient came to.
    fn finish(&mut self) -> Result<()> {
        let mut i = 0;
        while i < self.leaves.len() {
            let leaf = self.leaves[i].clone();
            i += 1;
            self.complete(&leaf)?;
        }
        self.leaves.clear();
        Ok(())
    }

    /// The sum for a leaf is complete: its hooks, then `.grad` or the capture.
    fn complete(&mut self, leaf: &Tensor) -> Result<()> {
        let Some(mut g) = self.take_slot(leaf) else { return Ok(()) };
        for hook in super::node_hooks::of_leaf(leaf, |e| &e.hooks) {
            if let Some(new) = (hook.0)(&g)? {
                g = new;
            }
        }
        if let Some(targets) = &mut self.targets {
            for t in targets.iter_mut().filter(|t| t.node.is_none() && t.tensor.is(leaf)) {
                t.grad = Some(g.clone());
            }
            return Ok(());
        }
        super::node_hooks::accumulate(leaf, g)
    }

    /// Marks every node from which a target can be reached: true where its vjp must run, false where only its
    /// own gradient is wanted.
    fn find_paths(&mut self, starts: &[(Edge, Tensor)]) {
        let targets = self.targets.as_deref().unwrap_or(&[]);
        let mut seen: HashMap<*const Node, Rc<Node>> = HashMap::new();
        let mut stack: Vec<Rc<Node>> = Vec::new();
        let mut visit = |edge: &Edge, stack: &mut Vec<Rc<Node>>| {
            if let Edge::Node(n, _) = edge
                && seen.insert(Rc::as_ptr(n), n.clone()).is_none()
            {
                stack.push(n.clone());
            }
        };
        starts.iter().for_each(|(e, _)| visit(e, &mut stack));
        while let Some(node) = stack.pop() {
            node.edges.borrow().iter().for_each(|e| visit(e, &mut stack));
        }
        let mut nodes: Vec<Rc<Node>> = seen.into_values().collect();
        nodes.sort_by_key(|n| n.seq);
        for node in nodes {
            let through = node.edges.borrow().iter().any(|e| match e {
                Edge::None => false,
                Edge::Leaf(leaf) => targets.iter().any(|t| t.tensor.is(leaf)),
                Edge::Node(n, _) => self.path.contains_key(&Rc::as_ptr(n)),
            });
            let wanted = targets.iter().any(|t| t.node.as_ref().is_some_and(|(n, _)| Rc::ptr_eq(n, &node)));
            if through || wanted {
                self.path.insert(Rc::as_ptr(&node), through);
            }
        }
    }

    fn captured(&mut self) -> Vec<Option<Tensor>> {
        self.targets.take().into_iter().flatten().map(|t| t.grad).collect()
    }

    /// After an error: no gradient stays behind in a node or leaf.
    fn clear(&mut self) {
        while let Some(Entry(node)) = self.pop() {
            let mine = node.scratch.borrow().owner == self.id;
            if mine {
                drop(node.scratch.take());
            }
        }
        for leaf in self.leaves.drain(..) {
            let slot = take_own(&leaf, self.id);
            drop(slot);
        }
        self.side.clear();
        self.side_leaves.clear();
    }

    /// What this run has collected for a leaf; the leaf's slot is free again.
    fn take_slot(&mut self, leaf: &Tensor) -> Option<Tensor> {
        take_own(leaf, self.id).or_else(|| self.side_leaves.remove(&leaf.id()))
    }
}

/// The content of a leaf's slot, where run `id` owns it.
fn take_own(leaf: &Tensor, id: u64) -> Option<Tensor> {
    leaf.with_extra(|e| {
        if e.slot_owner != id {
            return None;
        }
        e.slot_owner = 0;
        e.slot.take()
    })
}

fn take(slots: &mut Scratch, nr: usize) -> Option<Tensor> {
    if nr == 0 { slots.first.take() } else { slots.rest.get_mut(nr - 1).and_then(Option::take) }
}

fn put(slots: &mut Scratch, nr: usize, g: Tensor) {
    if nr == 0 {
        slots.first = Some(g);
        return;
    }
    if slots.rest.len() < nr {
        slots.rest.resize(nr, None);
    }
    slots.rest[nr - 1] = Some(g);
}

/// Hooks of tensors on the gradients of a node's outputs, in the order of their registration, then `retain_grad`.
fn run_tensor_hooks(node: &Rc<Node>, grads: &mut [Option<Tensor>]) -> Result<()> {
    let (hooks, retain) = node.with_extra(|e| (e.hooks.clone(), e.retain.clone()));
    for (nr, _, hook) in hooks {
        if let Some(Some(g)) = grads.get(nr as usize)
            && let Some(new) = (hook.0)(g)?
        {
            grads[nr as usize] = Some(new);
        }
    }
    for (nr, slot) in retain {
        if let Some(Some(g)) = grads.get(nr as usize) {
            let have = slot.take();
            let total = match have {
                None => g.clone(),
                Some(have) => have.add(g)?,
            };
            slot.replace(Some(total));
        }
    }
    Ok(())
}

/// The gradient that starts a root: the given one if it fits, 1 for a scalar.
fn seed(i: usize, root: &Tensor, g: Option<&Tensor>) -> Result<Tensor> {
    if let Some(g) = g {
        if g.shape() != root.shape() {
            bail!(
                Runtime,
                "Mismatch in shape: grad_output[{i}] has a shape of {size}({}) and output[{i}] has a shape of {size}({}).",
                list(g.shape()),
                list(root.shape()),
                size = spoken!("Size")
            );
        }
        if g.device() != root.device() && g.ndim() > 0 {
            bail!(
                Runtime,
                "grad_output[{i}] is on {} and output[{i}] on {}: a gradient lives where its tensor does",
                g.device(),
                root.device()
            );
        }
        if g.dtype() != root.dtype() && (g.dtype().is_complex() || root.dtype().is_complex()) {
            bail!(
                Runtime,
                "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: \
                 grad_output[{i}] has a dtype of {library}.{} and output[{i}] has a dtype of {library}.{}.",
                g.dtype().name(),
                root.dtype().name(),
                library = crate::core::spoken::library()
            );
        }
        return g.to_device(root.device())?.to_dtype(root.dtype());
    }
    if root.numel() != 1 {
        return Err(err!(Runtime, "grad can be implicitly created only for scalar outputs").hint(format!(
            "this tensor has shape {}; reduce it first (loss.mean().backward()), or pass backward(gradient=...)",
            list(root.shape())
        )));
    }
    if root.dtype().is_complex() {
        return Err(err!(
            Runtime,
            "grad can be implicitly created only for real scalar outputs but got {}.{}",
            crate::core::spoken::library(),
            root.dtype().name()
        )
        .hint("take its .real, .imag or .abs() first, or pass backward(gradient=...)"));
    }
    Tensor::constant(root.shape(), root.dtype(), root.device(), 1)
}

/// A number that names a hook for its removal, and a Python object for the collector: one of its kind in the process.
pub fn next_hook_id() -> u64 {
    static HOOK_ID: AtomicU64 = AtomicU64::new(1);
    HOOK_ID.fetch_add(1, Relaxed)
}
