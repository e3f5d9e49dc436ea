//! A graph as a straight program over tiles: each step is one intrinsic over a run of elements. Tiles are reused as soon
//! as their value is dead, so that they stay in L1.

use super::graph::{Binary, Compare, Graph, Node, Unary};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    Select,
    And,
    Or,
    Xor,
    Not,
    /// The result is an operand or a constant.
    Move,
    MoveMask,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Constant {
    Lit(f64),
    Param(u8),
    Truth(bool),
}

/// Where a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Input(u8),
    Constant(u16),
    Tile(u16),
}

#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub op: Op,
    /// As many as the op takes; the rest repeat the first.
    pub from: [Source; 3],
    /// A tile, or the output.
    pub to: Option<u16>,
}

/// Steps in order; the last one writes the output.
#[derive(Debug, Clone, Default)]
pub struct Program {
    pub steps: Vec<Step>,
    pub constants: Vec<Constant>,
    /// How many tiles hold values between steps.
    pub tiles: usize,
}

impl Program {
    pub fn new(graph: &Graph) -> Program {
        let mut p = Program::default();
        let n = graph.nodes.len();
        let mut last_use = vec![0; n];
        for (i, node) in graph.nodes.iter().enumerate() {
            node.operands(|o| last_use[o as usize] = i);
        }
        let mut place: Vec<Source> = Vec::with_capacity(n);
        let mut free: Vec<u16> = Vec::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            let at = |o: u32| place[o as usize];
            let (op, from) = match *node {
                Node::Input(k) | Node::MaskInput(k) => {
                    place.push(Source::Input(k));
                    continue;
                }
                Node::Lit(bits) => {
                    place.push(p.constant(Constant::Lit(f64::from_bits(bits))));
                    continue;
                }
                Node::Param(k) => {
                    place.push(p.constant(Constant::Param(k)));
                    continue;
                }
                Node::Truth(v) => {
                    place.push(p.constant(Constant::Truth(v)));
                    continue;
                }
                Node::Unary(u, a) => (Op::Unary(u), [at(a); 3]),
                Node::Binary(o, a, b) => (Op::Binary(o), [at(a), at(b), at(a)]),
                Node::Compare(o, a, b) => (Op::Compare(o), [at(a), at(b), at(a)]),
                Node::Select(c, a, b) => (Op::Select, [at(c), at(a), at(b)]),
                Node::And(a, b) => (Op::And, [at(a), at(b), at(a)]),
                Node::Or(a, b) => (Op::Or, [at(a), at(b), at(a)]),
                Node::Xor(a, b) => (Op::Xor, [at(a), at(b), at(a)]),
                Node::Not(a) => (Op::Not, [at(a); 3]),
                Node::Rounded(a) => (Op::Move, [at(a); 3]),
            };
            if i + 1 == n {
                p.steps.push(Step { op, from, to: None });
                return p;
            }
            // A step may not write where it reads, so its operands' tiles become free only now.
            let to = free.pop().unwrap_or_else(|| {
                p.tiles += 1;
                p.tiles as u16 - 1
            });
            let mut freed = Vec::new();
            node.operands(|o| {
                if let (Source::Tile(t), true) = (place[o as usize], last_use[o as usize] == i) {
                    freed.push(t);
                }
            });
            freed.sort_unstable();
            freed.dedup();
            free.extend(freed);
            p.steps.push(Step { op, from, to: Some(to) });
            place.push(Source::Tile(to));
        }
        // The root is a leaf.
        let op = if graph.is_mask() { Op::MoveMask } else { Op::Move };
        if let Some(&root) = place.last() {
            p.steps.push(Step { op, from: [root; 3], to: None });
        }
        p
    }

    fn constant(&mut self, c: Constant) -> Source {
        self.constants.push(c);
        Source::Constant(self.constants.len() as u16 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_reused() {
        let g = Graph::derive(|| {
            let (a, b) = (Graph::leaf(0), Graph::leaf(1));
            let mut x = a;
            for _ in 0..10 {
                x = (x * b + a) * 0.5;
            }
            x
        });
        let p = Program::new(&g);
        assert_eq!((p.steps.len(), p.tiles), (30, 2));
        assert!(p.steps.iter().all(|s| s.to.is_none_or(|t| !s.from.contains(&Source::Tile(t)))));
        let p = Program::new(&Graph::derive(|| Graph::leaf(3)));
        assert_eq!((p.steps.len(), p.tiles), (1, 0));
    }
}
