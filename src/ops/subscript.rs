//! Basic indexing, `x[2, 1:, None]`: each step is a view. Where results are recorded or watched an index is the chain of
//! views that PyTorch records; elsewhere it is read as one layout.

use crate::core::shape::list;
use crate::error::Result;
use crate::tensor::{Door, Tensor, door};
use crate::{bail, err};

/// One entry of an index.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    At(i64),
    Slice { start: i64, stop: i64, step: i64 },
    NewDim,
    Rest,
}

/// Entries of an index that live inline.
const INLINE: usize = 8;

pub struct Steps {
    inline: [Step; INLINE],
    len: usize,
    more: Vec<Step>,
}

impl Default for Steps {
    fn default() -> Steps {
        Steps::new()
    }
}

impl Steps {
    pub const fn new() -> Steps {
        Steps { inline: [Step::NewDim; INLINE], len: 0, more: Vec::new() }
    }

    pub fn push(&mut self, s: Step) {
        if self.len < INLINE {
            self.inline[self.len] = s;
        } else {
            self.more.push(s);
        }
        self.len += 1;
    }

    /// As PyTorch, which lets an ellipsis after the first stand for nothing.
    pub fn push_unless_second_rest(&mut self, s: Step) {
        if !(matches!(s, Step::Rest) && self.iter().any(|s| matches!(s, Step::Rest))) {
            self.push(s);
        }
    }

    fn iter(&self) -> impl Iterator<Item = Step> + '_ {
        self.inline[..self.len.min(INLINE)].iter().chain(&self.more).copied()
    }
}

/// The part of a dim of `n` entries that a slice shows: start and length.
fn clip(start: i64, stop: i64, step: i64, n: usize) -> (usize, usize) {
    let n = n as i64;
    let place = |v: i64| (if v < 0 { v.saturating_add(n) } else { v }).clamp(0, n);
    let (start, stop) = (place(start), place(stop));
    let len = if stop > start { (stop - start - 1) / step + 1 } else { 0 };
    (start as usize, len as usize)
}

/// `x[steps]`.
pub fn view(x: &Tensor, steps: &Steps) -> Result<Tensor> {
    let used = steps.iter().filter(|s| matches!(s, Step::At(_) | Step::Slice { .. })).count();
    if used > x.ndim() {
        if x.ndim() == 0 && used == 1 && matches!(steps.inline[0], Step::At(_)) && steps.len == 1 {
            return Err(err!(
                Index,
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert \
                 a 0-dim tensor to a number"
            ));
        }
        if x.ndim() == 0 && steps.iter().any(|s| matches!(s, Step::Slice { .. })) && steps.len == 1 {
            bail!(Index, "slice() cannot be applied to a 0-dim tensor.");
        }
        return Err(err!(Index, "too many indices for tensor of dimension {}", x.ndim())
            .hint(format!("the tensor has shape {}", list(x.shape()))));
    }
    let door = Door::here();
    let token = if door.records([x].into_iter()) { None } else { door.token() };
    let mut layout = x.layout().clone();
    let mut chain = if token.is_none() { Some(x.clone()) } else { None };
    let mut dim = 0;
    // Dims of `x` itself, for messages.
    let mut original = 0;
    for s in steps.iter() {
        match s {
            Step::At(i) => {
                let n = layout.shape[dim];
                if i < -(n as i64) || i >= n as i64 {
                    return Err(err!(Index, "index {i} is out of bounds for dimension {original} with size {n}").hint(
                        format!("the tensor has shape {}; negative indices count from the end", list(x.shape())),
                    ));
                }
                let at = (if i < 0 { i + n as i64 } else { i }) as usize;
                match &mut chain {
                    Some(t) => {
                        *t = t.select(dim, at)?;
                        layout = t.layout().clone();
                    }
                    None => layout = layout.selected(dim, at),
                }
                original += 1;
            }
            Step::Slice { start, stop, step } => {
                let n = layout.shape[dim];
                let (start, len) = clip(start, stop, step, n);
                match &mut chain {
                    // A whole dim needs no node.
                    Some(_) if len == n && step == 1 => {}
                    Some(t) => {
                        *t = t.slice(dim, start, len, step as usize)?;
                        layout = t.layout().clone();
                    }
                    None => layout = layout.sliced(dim, start, len, step as usize),
                }
                dim += 1;
                original += 1;
            }
            Step::NewDim => {
                match &mut chain {
                    Some(t) => {
                        *t = t.unsqueeze_dims(&[dim])?;
                        layout = t.layout().clone();
                    }
                    None => layout = layout.unsqueezed(dim),
                }
                dim += 1;
            }
            Step::Rest => {
                let rest = x.ndim() - used;
                dim += rest;
                original += rest;
            }
        }
    }
    match (chain, token) {
        // `x[...]` is a new tensor, never `x` itself.
        (Some(t), _) if t.is(x) => x.view_to(x.shape()),
        (Some(t), _) => Ok(t),
        (None, Some(token)) => Ok(door::view(x, layout, token)),
        (None, None) => bail!(Runtime, "internal error: an index that nobody may read"),
    }
}
