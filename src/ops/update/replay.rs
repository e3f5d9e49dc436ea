//! An update as tensor ops, which are recorded: the way of a step that is itself to be differentiated.

use super::{Ready, Rule};
use crate::err;
use crate::error::Result;
use crate::expr::graph::{Binary, Node, Unary};
use crate::ops::elementwise::map::{Row, on};
use crate::ops::elementwise::{binary, rounding, unary};
use crate::tensor::{Operand, Tensor};

/// What the operands of the rule become: their numbers in the formula, and their new values.
///
/// `x` are the parameter, its gradient and its state; None where a state is not needed.
pub fn replay(rule: &Rule, x: &[Option<Tensor>], ready: &Ready) -> Result<Vec<(usize, Tensor)>> {
    let recorded = rule.recorded(ready.flags);
    let mut values: Vec<Value> = Vec::with_capacity(recorded.graph.nodes.len());
    for node in &recorded.graph.nodes {
        let at = |k: u32| values[k as usize].operand();
        let value = match *node {
            Node::Input(k) => x.get(k as usize).cloned().flatten().map(Value::Tensor),
            Node::Param(j) => ready.numbers.get(j as usize).map(|&n| Value::Number(n)),
            Node::Lit(bits) => Some(Value::Number(f64::from_bits(bits))),
            Node::Rounded(a) => Some(values[a as usize].clone()),
            Node::Unary(op, a) => match one(op) {
                Some(row) => Some(Value::Tensor(on(row, [at(a)])?)),
                None => None,
            },
            Node::Binary(op, a, b) => match two(op) {
                Some(row) => Some(Value::Tensor(on(row, [at(a), at(b)])?)),
                None => None,
            },
            _ => None,
        };
        values.push(value.ok_or_else(|| err!(Runtime, "internal error: {} has no tensor op for {node:?}", rule.name))?);
    }
    let mut results = Vec::with_capacity(recorded.results.len());
    for &(k, node) in &recorded.results {
        match (values.get(node as usize), &x[0]) {
            (Some(Value::Tensor(t)), _) => results.push((k, t.clone())),
            (Some(&Value::Number(n)), Some(like)) => results.push((k, like.mul_number(0.0)?.add_number(n)?)),
            _ => {}
        }
    }
    Ok(results)
}

#[derive(Clone)]
enum Value {
    Tensor(Tensor),
    Number(f64),
}

impl Value {
    fn operand(&self) -> Operand<'_> {
        match self {
            Value::Tensor(t) => Operand::Tensor(t),
            Value::Number(n) => Operand::Number((*n).into()),
        }
    }
}

fn one(op: Unary) -> Option<&'static Row> {
    Some(match op {
        Unary::neg => &unary::neg::ROW,
        Unary::abs => &unary::abs::ROW,
        Unary::sqrt => &unary::sqrt::ROW,
        Unary::sign => &rounding::sign::ROW,
        _ => return None,
    })
}

fn two(op: Binary) -> Option<&'static Row> {
    Some(match op {
        Binary::add => &binary::add::ROW,
        Binary::sub => &binary::sub::ROW,
        Binary::mul => &binary::mul::ROW,
        Binary::div => &binary::div::ROW,
        Binary::max => &binary::maximum::ROW,
        Binary::min => &binary::minimum::ROW,
        _ => return None,
    })
}
