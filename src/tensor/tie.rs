//! What a recorded backward gives. In PyTorch the backward of an op is one op of the gradient and of what the forward
//! read, so under `create_graph` each of its results requires grad where one of those does, also where the formula does
//! not look at it: the gradient of a bias is a sum of `g`, and still a function (a constant one) of image and kernel.
//! Differentiated again it gives zeros, not an error. An op says with [`Op::ties`] that its backward is such an op;
//! the engine then ties what it gives to the inputs, here. Composites tie what they read with [`Tensor::tied`].

use std::rc::Rc;

use super::door::{Token, note};
use super::handle::Tensor;
use super::mode;
use super::node::{Edge, Node};
use super::op::{Context, Cotangents, Grads, Mask, Op, Saves, backward_class};
use crate::core::Meta;
use crate::error::Result;

/// The first input as it is; the others have a derivative of zero.
struct Tied {
    name: &'static str,
    others: Vec<Meta>,
}

impl Op for Tied {
    fn name(&self) -> &'static str {
        self.name
    }
    fn grad_name(&self) -> String {
        backward_class(self.name) + "Backward"
    }
    fn complex(&self) -> bool {
        true
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let mut grads = vec![if c.needs(0) { Some(g.one()?.clone()) } else { None }];
        for (i, like) in self.others.iter().enumerate() {
            grads.push(if c.needs(i + 1) {
                Some(Tensor::constant(like.shape(), like.dtype, like.device, 0)?)
            } else {
                None
            });
        }
        Grads::many(grads)
    }
}

/// The gradients that `node` gave for its inputs, each tied to the inputs that its op names. For a backward that is recorded.
pub fn tie(node: &Rc<Node>, mut outgoing: Grads) -> Result<Grads> {
    let ties = Mask(node.op().ties().0 & node.needs.0);
    if ties.0 == 0 {
        return Ok(outgoing);
    }
    let edges = node.edges.borrow();
    let mut grads: Vec<Option<Tensor>> = (0..edges.len()).map(|i| outgoing.take(i)).collect();
    let Some(any) = grads.iter().flatten().next().map(|g| g.array().clone()) else { return Grads::many(grads) };
    let mut others = vec![];
    let mut metas = vec![];
    for (i, edge) in edges.iter().enumerate().filter(|(i, _)| ties.has(*i)) {
        let meta = grads[i].as_ref().map(|g| g.meta().clone()).or_else(|| node.input_meta(i));
        let Some(meta) = meta else { continue };
        let input = match edge {
            Edge::None => continue,
            Edge::Leaf(leaf) => leaf.clone(),
            Edge::Node(from, nr) => {
                // Only its place in the graph counts: the elements are not read.
                let t = Tensor::new(any.clone(), Token(false));
                t.set_history(from.clone(), *nr);
                t
            }
        };
        metas.push(meta);
        others.push(input);
    }
    for g in grads.iter_mut().flatten().filter(|g| g.dtype().is_differentiable()) {
        let mut x = vec![&*g];
        x.extend(&others);
        *g = through(Tied { name: node.op().name(), others: metas.clone() }, &x)?;
    }
    Grads::many(grads)
}

/// `x[0]` as the recorded result of an op that does not touch it.
fn through<O: Op>(op: O, x: &[&Tensor]) -> Result<Tensor> {
    let name = op.name();
    let out = Tensor::new(x[0].array().clone(), Token(false));
    super::apply::remember(op, x, &out)?;
    note(name, &[], &[&out]);
    Ok(out)
}

/// The first input as it is; its gradient is tied to the others, or, where there are none, to itself.
struct Entry {
    alone: bool,
}

impl Op for Entry {
    fn name(&self) -> &'static str {
        "tied"
    }
    fn complex(&self) -> bool {
        true
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::META
    }
    fn ties(&self) -> Mask {
        Mask(if self.alone { 1 } else { !1 })
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(g.one()?.clone())
    }
}

impl Tensor {
    /// This tensor as a composite reads it whose backward is one op in PyTorch.
    pub fn tied(&self) -> Result<Tensor> {
        self.tied_to(&[])
    }

    /// As [`Tensor::tied`], where that op reads the others as well.
    pub fn tied_to(&self, others: &[&Tensor]) -> Result<Tensor> {
        if !mode::grad_enabled() || !self.requires_grad() {
            return Ok(self.clone());
        }
        let mut x = vec![self];
        x.extend(others);
        through(Entry { alone: others.is_empty() }, &x)
    }
}
