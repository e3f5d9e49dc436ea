//! Symbolic derivatives: a graph replayed with dual numbers over expressions.

use super::body::Place;
use super::dual::Dual;
use super::graph::{Expr, Graph, Truth};

/// The leaves of a graph, with slope 1 at one input.
#[derive(Clone, Copy)]
struct Seeded(usize);

impl Place<Dual<Expr>> for Seeded {
    type Done = Expr;
    fn num(self, i: usize) -> Dual<Expr> {
        Dual::new(Graph::leaf(i), Expr::from((i == self.0) as u8 as f64))
    }
    fn mask(self, i: usize) -> Truth {
        Graph::leaf_mask(i)
    }
    fn param(self, i: usize) -> Dual<Expr> {
        Dual::constant(Graph::leaf_param(i))
    }
    fn put(self, value: Dual<Expr>) -> Expr {
        value.slope
    }
    fn put_mask(self, _: Truth) -> Expr {
        Expr::from(0.0)
    }
}

/// d graph / d input i, on the same inputs.
pub fn derivative(graph: &Graph, i: usize) -> Graph {
    Graph::derive(|| graph.eval::<Dual<Expr>, _>(Seeded(i)))
}

/// The gradient that input i gets: the derivative times one more input, `g`, of index `at`.
pub fn pulled_back(graph: &Graph, i: usize, at: usize) -> Graph {
    Graph::derive(|| graph.eval::<Dual<Expr>, _>(Seeded(i)) * Graph::leaf(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::graph::{Binary, Node, Unary};

    #[test]
    fn derivatives_fold() {
        // x exp(x), twice.
        let f = Graph::derive(|| {
            let x = Graph::leaf(0);
            x * Unary::exp.apply(x)
        });
        let d = derivative(&f, 0);
        assert_eq!(d.uses(), 1);
        assert!(derivative(&f, 1).is_zero());
        let g = pulled_back(&Graph::derive(|| Graph::leaf(0) + Graph::leaf(1)), 1, 2);
        assert_eq!(g.is_input(), Some(2));
        // exp x + x exp x: exp stands once.
        assert_eq!(d.nodes.iter().filter(|n| matches!(n, Node::Unary(Unary::exp, _))).count(), 1);
        assert!(matches!(d.root(), Node::Binary(Binary::add, ..)));
    }
}
