//! Elementwise calls that wait. A chain `(x * 2 + y).relu()` is three calls, but one kernel: each call is noted, and launched
//! when anything but another elementwise call wants the device ([`settle`]), or when enough of them wait. A result that nobody
//! holds any more by then is never written; it is computed where it is used.
//!
//! What a user sees is as if each call had run at once: shapes, dtypes and lacks are checked and memory is taken when it is
//! made, in-place writes and reads settle first, and a value is rounded to its dtype whether or not it goes through memory.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::launch::{Job, READS};
use super::{Step, fused};
use crate::bail;
use crate::core::DType;
use crate::device::Array;
use crate::device::gpu::{self, gpu};
use crate::error::Result;
use crate::gpu::access::Type;

/// Calls that wait, at most: as many as a set in a word can hold.
const MOST: usize = u64::BITS as usize;
/// Arrays that they read, at most.
const LEAVES: usize = u128::BITS as usize;
/// Elements times calls of one kernel, at most: a launch should end before a driver loses patience.
const WORK: usize = 1 << 28;

/// Where an operand of a waiting call comes from.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Leaf(usize),
    Node(usize),
}

/// A waiting call.
struct Node {
    step: Step,
    /// Of the result.
    dtype: DType,
    /// The arrays of the call, in order, and what each is read as.
    operands: Vec<(Origin, Type)>,
    /// The result; None once nobody else holds it.
    out: Option<Array>,
    /// How often other waiting calls read it.
    uses: usize,
    cone: Cone,
}

/// All that a kernel computes which computes a call from memory.
#[derive(Clone, Copy)]
struct Cone {
    nodes: u64,
    leaves: u128,
}

#[derive(Default)]
struct Queue {
    nodes: Vec<Node>,
    leaves: Vec<(Array, Type)>,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { nodes: vec![], leaves: vec![] });

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Launches what waits.
pub fn settle() -> Result<()> {
    // Another thread of the parent may have held the lock as it forked.
    if gpu::is_forked() {
        return Ok(());
    }
    queue().flush()
}

/// Lets a call wait; gives it back where it must run at once: where it writes over a tensor, or where an operand does not lie
/// as the result does.
pub fn join(step: Step, arrays: &[(&Array, Type)], out: &Array) -> Result<Option<Step>> {
    static RELIEF: Once = Once::new();
    let n = out.numel();
    let fresh = out.storage.is_unique() && out.layout.offset == 0 && n * out.dtype.size() == out.storage.bytes();
    let beside = |a: &Array| a.numel() == 1 || alike(a, out) && a.layout.offset.is_multiple_of(4);
    let suits = fresh && out.layout.is_contiguous() && arrays.len() <= READS;
    if n == 0 || !suits || !arrays.iter().all(|(a, _)| beside(a)) || gpu(step.op)?.checks_each() {
        return Ok(Some(step));
    }
    // What waits holds arrays that nobody else may hold any more.
    RELIEF.call_once(|| gpu::relieve_by(|| drop(settle())));
    let mut queue = queue();
    queue.let_go();
    queue.add(step, arrays, out)?;
    Ok(None)
}

/// Whether both are element after element in the same shape.
fn alike(a: &Array, out: &Array) -> bool {
    a.layout.is_contiguous() && a.layout.shape == out.layout.shape
}

impl Queue {
    /// Launches what waits, and begins anew.
    fn flush(&mut self) -> Result<()> {
        if self.nodes.is_empty() { Ok(()) } else { std::mem::take(self).launch() }
    }

    /// Gives up the memory of results that nobody else holds. One that several calls read may yet be needed.
    fn let_go(&mut self) {
        for node in &mut self.nodes {
            if node.uses <= 1 && node.out.as_ref().is_some_and(|a| a.storage.is_unique()) {
                node.out = None;
            }
        }
    }

    fn add(&mut self, step: Step, arrays: &[(&Array, Type)], out: &Array) -> Result<()> {
        if self.nodes.len() == MOST || self.leaves.len() + arrays.len() > LEAVES {
            self.flush()?;
        }
        let Some(operands) = arrays.iter().map(|&(a, t)| Some((self.origin(a, t, out)?, t))).collect() else {
            self.flush()?;
            return self.add(step, arrays, out);
        };
        let operands: Vec<(Origin, Type)> = operands;
        let own = Cone { nodes: 1 << self.nodes.len(), leaves: 0 };
        let cone = operands.iter().fold(own, |Cone { nodes, leaves }, (origin, _)| match *origin {
            Origin::Leaf(k) => Cone { nodes, leaves: leaves | 1 << k },
            Origin::Node(j) => {
                Cone { nodes: nodes | self.nodes[j].cone.nodes, leaves: leaves | self.nodes[j].cone.leaves }
            }
        });
        let count = cone.nodes.count_ones() as usize;
        let members = self.nodes.iter().enumerate().filter(|(j, _)| cone.nodes >> j & 1 == 1).map(|(_, n)| &n.step);
        let words: usize = members.chain([&step]).map(fused::words).sum();
        let fits = cone.leaves.count_ones() as usize <= READS && words <= fused::WORDS && count * out.numel() <= WORK;
        if count > 1 && !fits {
            self.flush()?;
            return self.add(step, arrays, out);
        }
        for (origin, _) in &operands {
            if let Origin::Node(j) = *origin {
                self.nodes[j].uses += 1;
            }
        }
        self.nodes.push(Node { step, dtype: out.dtype, operands, out: Some(out.clone()), uses: 0, cone });
        Ok(())
    }

    /// Where an operand comes from; None where it is a waiting result that is not read as it was written.
    fn origin(&mut self, a: &Array, t: Type, out: &Array) -> Option<Origin> {
        let waits = |n: &Node| n.out.as_ref().is_some_and(|y| y.storage.same(&a.storage));
        if let Some(j) = self.nodes.iter().rposition(waits) {
            let same = self.nodes[j].out.as_ref().is_some_and(|y| y.dtype == a.dtype && y.layout == a.layout);
            return (same && alike(a, out)).then_some(Origin::Node(j));
        }
        let same = |(b, u): &(Array, Type)| {
            b.storage.same(&a.storage) && *u == t && b.dtype == a.dtype && b.layout == a.layout
        };
        let k = self.leaves.iter().position(same).unwrap_or_else(|| {
            self.leaves.push((a.clone(), t));
            self.leaves.len() - 1
        });
        Some(Origin::Leaf(k))
    }

    /// A kernel for each result that somebody holds, of all that leads to it and is held by nobody.
    fn launch(self) -> Result<()> {
        let homes = self.homes();
        let mut outcome = Ok(());
        for (i, node) in self.nodes.iter().enumerate() {
            if let (Some(out), true) = (&node.out, homes[i] == Some(i)) {
                // One that fails leaves the others as they are.
                let launched = self.kernel(i, &homes, out);
                outcome = outcome.and(launched);
            }
        }
        outcome
    }

    /// In which call's kernel each is computed: its own, where somebody holds the result or several kernels read it. None where
    /// nobody asks for it.
    fn homes(&self) -> Vec<Option<usize>> {
        let mut homes: Vec<Option<usize>> = vec![None; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate().rev() {
            if node.out.as_ref().is_some_and(|a| !a.storage.is_unique()) {
                homes[i] = Some(i);
            }
            let Some(home) = homes[i] else { continue };
            for (origin, _) in &node.operands {
                if let Origin::Node(j) = *origin {
                    homes[j] = match homes[j] {
                        Some(other) if other != home => Some(j),
                        _ => Some(home),
                    };
                }
            }
        }
        homes
    }

    /// Where a kernel reads it from; None where it computes it.
    fn array(&self, origin: Origin, homes: &[Option<usize>]) -> Option<&Array> {
        match origin {
            Origin::Leaf(k) => Some(&self.leaves[k].0),
            Origin::Node(k) if homes[k] == Some(k) => self.nodes[k].out.as_ref(),
            Origin::Node(_) => None,
        }
    }

    fn kernel(&self, i: usize, homes: &[Option<usize>], out: &Array) -> Result<()> {
        let Node { step, operands, .. } = &self.nodes[i];
        if let Some(arrays) = operands.iter().map(|&(o, t)| Some((self.array(o, homes)?, t))).collect() {
            let (key, text) = (step.key(), || Ok(step.alone()));
            let (op, numbers, result) = (step.op, &step.numbers[..], step.result);
            return Job { op, key, numbers, words: &[], result, out, text: &text, arrays }.run();
        }
        let mut arrays: Vec<(&Array, Type)> = vec![];
        let mut slots: Vec<(Origin, Type)> = vec![];
        let mut parts: Vec<fused::Part> = vec![];
        // Where in `parts` each call is.
        let mut places = [0; MOST];
        for (j, node) in self.nodes[..=i].iter().enumerate().filter(|(j, _)| homes[*j] == Some(i)) {
            let input = |&(origin, kind): &(Origin, Type)| match (origin, self.array(origin, homes)) {
                (Origin::Node(k), None) => fused::Input::Part(places[k], kind),
                (_, array) => {
                    fused::Input::Array(slots.iter().position(|s| *s == (origin, kind)).unwrap_or_else(|| {
                        slots.push((origin, kind));
                        arrays.extend(array.map(|a| (a, kind)));
                        slots.len() - 1
                    }))
                }
            };
            let inputs = node.operands.iter().map(input).collect();
            places[j] = parts.len();
            parts.push(fused::Part { step: &node.step, inputs, dtype: node.dtype });
        }
        // Results that others hold are read from memory, beside the leaves that were counted.
        if arrays.len() > READS {
            return self.apart(i, homes, out);
        }
        fused::launch(&parts, arrays, out)
    }

    /// The calls of kernel `i` one by one, each result in memory of its own.
    fn apart(&self, i: usize, homes: &[Option<usize>], out: &Array) -> Result<()> {
        let mut made: Vec<Option<Array>> = vec![None; i + 1];
        for (j, Node { step, dtype, operands, .. }) in
            self.nodes[..=i].iter().enumerate().filter(|(j, _)| homes[*j] == Some(i))
        {
            let to = if j == i { out.clone() } else { Array::empty(out.meta.clone().with_dtype(*dtype))? };
            let array = |&(origin, kind): &(Origin, Type)| match origin {
                Origin::Node(k) if made[k].is_some() => Some((made[k].as_ref()?, kind)),
                _ => Some((self.array(origin, homes)?, kind)),
            };
            let Some(arrays) = operands.iter().map(array).collect() else {
                bail!(Runtime, "internal error: {} waits for a result that is nowhere", step.op)
            };
            let (key, text) = (step.key(), || Ok(step.alone()));
            let (op, numbers, result) = (step.op, &step.numbers[..], step.result);
            Job { op, key, numbers, words: &[], result, out: &to, text: &text, arrays }.run()?;
            made[j] = Some(to);
        }
        Ok(())
    }
}
