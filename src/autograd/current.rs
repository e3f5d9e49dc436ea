//! The backward runs of this thread: what hooks may ask about the one that called them.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use crate::bail;
use crate::error::Result;
use crate::tensor::{Edge, Node, Tensor};

struct Current {
    id: u64,
    roots: Vec<Edge>,
    targets: Option<Vec<Tensor>>,
    /// Addresses of the nodes, and ids of the leaves, that get a gradient; found when first asked for.
    reached: Option<HashSet<usize>>,
    /// What is called when the run has written all gradients.
    afterwards: VecDeque<Callback>,
}

pub type Callback = Box<dyn FnOnce() -> Result<()>>;

thread_local! {
    static RUNS: RefCell<Vec<Current>> = const { RefCell::new(Vec::new()) };
}

/// Ends the run when dropped.
pub struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        // Dropped after the borrow: an edge may be the last to hold a graph.
        let gone = RUNS.with_borrow_mut(Vec::pop);
        drop(gone);
    }
}

pub fn enter(id: u64, roots: &[(Tensor, Option<Tensor>)], targets: Option<Vec<Tensor>>) -> Result<Guard> {
    let roots = roots.iter().map(|(t, _)| t.edge()).collect::<Result<_>>()?;
    RUNS.with_borrow_mut(|runs| runs.push(Current { id, roots, targets, reached: None, afterwards: VecDeque::new() }));
    Ok(Guard)
}

/// The number of the innermost run; None outside of backward.
pub fn id() -> Option<u64> {
    RUNS.with_borrow(|runs| runs.last().map(|r| r.id))
}

/// Has the innermost run call `f` when it has written all gradients. Errors outside of backward.
pub fn afterwards(f: Callback) -> Result<()> {
    RUNS.with_borrow_mut(|runs| match runs.last_mut() {
        Some(run) => {
            run.afterwards.push_back(f);
            Ok(())
        }
        None => bail!(Runtime, "Final callbacks can only be installed during backward pass."),
    })
}

/// Calls what the innermost run was asked to call at its end, what those ask for included.
pub fn finish() -> Result<()> {
    while let Some(f) = RUNS.with_borrow_mut(|runs| runs.last_mut().and_then(|run| run.afterwards.pop_front())) {
        f()?;
    }
    Ok(())
}

/// Whether the innermost run was told which tensors to find the gradients of.
pub fn limited() -> bool {
    RUNS.with_borrow(|runs| runs.last().is_some_and(|r| r.targets.is_some()))
}

/// Whether the innermost run brings a gradient to the node or leaf of `edge`.
pub fn reaches(edge: &Edge) -> bool {
    RUNS.with_borrow_mut(|runs| {
        let Some(run) = runs.last_mut() else { return false };
        let Some(key) = key(edge) else { return false };
        run.reached.get_or_insert_with(|| reached(&run.roots, run.targets.as_deref())).contains(&key)
    })
}

fn key(edge: &Edge) -> Option<usize> {
    match edge {
        Edge::None => None,
        Edge::Leaf(t) => Some(t.id()),
        Edge::Node(n, _) => Some(Rc::as_ptr(n).cast::<u8>() as usize),
    }
}

fn reached(roots: &[Edge], targets: Option<&[Tensor]>) -> HashSet<usize> {
    let mut seen: HashSet<usize> = HashSet::new();
    let mut nodes: Vec<Rc<Node>> = Vec::new();
    let mut next = 0;
    let mut visit = |edge: &Edge, nodes: &mut Vec<Rc<Node>>| {
        if let Some(k) = key(edge)
            && seen.insert(k)
            && let Edge::Node(n, _) = edge
        {
            nodes.push(n.clone());
        }
    };
    roots.iter().for_each(|e| visit(e, &mut nodes));
    while next < nodes.len() {
        let node = nodes[next].clone();
        next += 1;
        node.edges.borrow().iter().for_each(|e| visit(e, &mut nodes));
    }
    let Some(targets) = targets else { return seen };
    // Only what leads to a target runs. Older nodes first: what a node leads to is older than itself.
    let mut kept: HashSet<usize> = targets.iter().filter_map(|t| t.edge().ok().as_ref().and_then(key)).collect();
    nodes.sort_by_key(|n| n.seq);
    for node in nodes {
        if node.edges.borrow().iter().filter_map(key).any(|k| kept.contains(&k)) {
            kept.insert(Rc::as_ptr(&node).cast::<u8>() as usize);
        }
    }
    kept.retain(|k| seen.contains(k));
    kept
}
