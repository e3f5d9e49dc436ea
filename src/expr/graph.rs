//! Recorded expressions. [`Expr`] is a scalar that writes itself down: equal nodes are one node, constants are folded.
//! The result, a [`Graph`], is plain data that can be replayed with any other scalar.

use std::cell::RefCell;
use std::collections::HashMap;

use super::body::{Body, Place};
use super::scalar::{Left, Mask, Scalar};
use crate::{intrinsics, operators};

macro_rules! kinds {
    (unary: neg $($u:ident)*; binary: add sub mul div $($b:ident)*; compare: $($c:ident)*;) => {
        /// An intrinsic of one operand.
        #[expect(non_camel_case_types, reason = "the names are the intrinsics'")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Unary { neg, $($u),* }
        /// An intrinsic of two operands.
        #[expect(non_camel_case_types, reason = "the names are the intrinsics'")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Binary { add, sub, mul, div, $($b),* }
        #[expect(non_camel_case_types, reason = "the names are the intrinsics'")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Compare { $($c),* }

        impl Unary {
            pub const ALL: &[Unary] = &[Unary::neg, $(Unary::$u),*];
            #[inline(always)]
            pub fn apply<S: Scalar>(self, x: S) -> S {
                match self { Unary::neg => -x, $(Unary::$u => x.$u()),* }
            }
        }
        impl Binary {
            pub const ALL: &[Binary] = &[Binary::add, Binary::sub, Binary::mul, Binary::div, $(Binary::$b),*];
            #[inline(always)]
            pub fn apply<S: Scalar>(self, a: S, b: S) -> S {
                match self {
                    Binary::add => a + b,
                    Binary::sub => a - b,
                    Binary::mul => a * b,
                    Binary::div => a / b,
                    $(Binary::$b => a.$b(b)),*
                }
            }
        }
        impl Compare {
            pub const ALL: &[Compare] = &[$(Compare::$c),*];
            #[inline(always)]
            pub fn apply<S: Scalar>(self, a: S, b: S) -> S::Mask {
                match self { $(Compare::$c => a.$c(b)),* }
            }
        }
        impl Scalar for Expr {
            type Mask = Truth;
            fn select(c: Truth, a: Expr, b: Expr) -> Expr {
                match node(c.0) {
                    _ if a == b => a,
                    Node::Truth(true) => a,
                    Node::Truth(false) => b,
                    _ => Expr(push(Node::Select(c.0, a.0, b.0))),
                }
            }
            $(fn $u(self) -> Expr {
                unary(Unary::$u, self)
            })*
            $(fn $b(self, other: impl Into<Expr>) -> Expr {
                binary(Binary::$b, self, other.into())
            })*
            $(fn $c(self, other: impl Into<Expr>) -> Truth {
                compare(Compare::$c, self, other.into())
            })*
        }
    };
}
intrinsics!(kinds);

/// One step of a graph; operands are indices of earlier steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    Input(u8),
    /// An input of dtype bool.
    MaskInput(u8),
    Param(u8),
    /// The bits of an f64.
    Lit(u64),
    Unary(Unary, u32),
    Binary(Binary, u32, u32),
    Compare(Compare, u32, u32),
    Select(u32, u32, u32),
    Truth(bool),
    And(u32, u32),
    Or(u32, u32),
    Xor(u32, u32),
    Not(u32),
    /// A number as the dtype holds it that an update stores; in a formula of one result there is none.
    Rounded(u32),
}

impl Node {
    pub fn is_mask(self) -> bool {
        use Node::*;
        matches!(self, MaskInput(_) | Compare(..) | Truth(_) | And(..) | Or(..) | Xor(..) | Not(_))
    }

    /// Calls `f` with each operand.
    pub fn operands(self, mut f: impl FnMut(u32)) {
        use Node::*;
        match self {
            Input(_) | MaskInput(_) | Param(_) | Lit(_) | Truth(_) => {}
            Unary(_, a) | Not(a) | Rounded(a) => f(a),
            Binary(_, a, b) | Compare(_, a, b) | And(a, b) | Or(a, b) | Xor(a, b) => [a, b].into_iter().for_each(f),
            Select(c, a, b) => [c, a, b].into_iter().for_each(f),
        }
    }

    fn renamed(self, to: &[u32]) -> Node {
        use Node::*;
        let n = |i: u32| to[i as usize];
        match self {
            Input(_) | MaskInput(_) | Param(_) | Lit(_) | Truth(_) => self,
            Unary(u, a) => Unary(u, n(a)),
            Binary(o, a, b) => Binary(o, n(a), n(b)),
            Compare(o, a, b) => Compare(o, n(a), n(b)),
            Select(c, a, b) => Select(n(c), n(a), n(b)),
            And(a, b) => And(n(a), n(b)),
            Or(a, b) => Or(n(a), n(b)),
            Xor(a, b) => Xor(n(a), n(b)),
            Not(a) => Not(n(a)),
            Rounded(a) => Rounded(n(a)),
        }
    }
}

/// A recorded expression: steps in order, the last one the result; every step is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    pub nodes: Vec<Node>,
}

#[derive(Default)]
struct Recorder {
    nodes: Vec<Node>,
    known: HashMap<Node, u32>,
}

thread_local! {
    static RECORDERS: RefCell<Vec<Recorder>> = const { RefCell::new(Vec::new()) };
}

/// A number being recorded; it means something inside [`Graph::record`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expr(u32);
/// A truth value being recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth(u32);

fn push(node: Node) -> u32 {
    RECORDERS.with_borrow_mut(|stack| match stack.last_mut() {
        None => 0,
        Some(r) => *r.known.entry(node).or_insert_with(|| {
            r.nodes.push(node);
            r.nodes.len() as u32 - 1
        }),
    })
}

fn node(id: u32) -> Node {
    RECORDERS.with_borrow(|stack| stack.last().map_or(Node::Truth(false), |r| r.nodes[id as usize]))
}

fn literal(e: Expr) -> Option<f64> {
    match node(e.0) {
        Node::Lit(bits) => Some(f64::from_bits(bits)),
        _ => None,
    }
}

fn unary(op: Unary, x: Expr) -> Expr {
    match (op, node(x.0)) {
        (_, Node::Lit(bits)) => Expr::from(op.apply(super::Lane(f64::from_bits(bits))).0),
        (Unary::neg, Node::Unary(Unary::neg, inner)) => Expr(inner),
        _ => Expr(push(Node::Unary(op, x.0))),
    }
}

/// Folds what a derivative is full of: zeros and ones. 0 x is 0 even where x is not finite, since such a zero is the
/// derivative of something that does not depend on x.
fn binary(op: Binary, a: Expr, b: Expr) -> Expr {
    let (va, vb) = (literal(a), literal(b));
    if let (Some(x), Some(y)) = (va, vb) {
        return Expr::from(op.apply(super::Lane(x), super::Lane(y)).0);
    }
    match (op, va, vb) {
        (Binary::add, Some(0.0), _) | (Binary::mul, Some(1.0), _) => b,
        (Binary::add | Binary::sub, _, Some(0.0)) | (Binary::mul | Binary::div, _, Some(1.0)) => a,
        (Binary::mul | Binary::div, Some(0.0), _) => a,
        (Binary::mul, _, Some(0.0)) => b,
        (Binary::sub, Some(0.0), _) => unary(Unary::neg, b),
        (Binary::mul, Some(-1.0), _) => unary(Unary::neg, b),
        (Binary::mul, _, Some(-1.0)) => unary(Unary::neg, a),
        // a b and b a are one node.
        (Binary::add | Binary::mul, ..) if a.0 > b.0 => Expr(push(Node::Binary(op, b.0, a.0))),
        _ => Expr(push(Node::Binary(op, a.0, b.0))),
    }
}

fn compare(op: Compare, a: Expr, b: Expr) -> Truth {
    match (literal(a), literal(b)) {
        (Some(x), Some(y)) => Truth::of(op.apply(super::Lane(x), super::Lane(y))),
        _ => Truth(push(Node::Compare(op, a.0, b.0))),
    }
}

impl From<f64> for Expr {
    fn from(value: f64) -> Expr {
        Expr(push(Node::Lit(value.to_bits())))
    }
}

impl std::ops::Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        unary(Unary::neg, self)
    }
}

impl Expr {
    /// As it would be stored.
    pub fn rounded(self) -> Expr {
        match node(self.0) {
            Node::Rounded(_) | Node::Input(_) => self,
            _ => Expr(push(Node::Rounded(self.0))),
        }
    }
    fn plus(self, o: Expr) -> Expr {
        binary(Binary::add, self, o)
    }
    fn minus(self, o: Expr) -> Expr {
        binary(Binary::sub, self, o)
    }
    fn times(self, o: Expr) -> Expr {
        binary(Binary::mul, self, o)
    }
    fn over(self, o: Expr) -> Expr {
        binary(Binary::div, self, o)
    }
}
operators! { [] Expr, Add add Expr::plus; Sub sub Expr::minus; Mul mul Expr::times; Div div Expr::over; }

impl Mask for Truth {
    fn of(value: bool) -> Truth {
        Truth(push(Node::Truth(value)))
    }
}

impl std::ops::BitAnd for Truth {
    type Output = Truth;
    fn bitand(self, o: Truth) -> Truth {
        match (node(self.0), node(o.0)) {
            (Node::Truth(true), _) => o,
            (_, Node::Truth(true)) => self,
            (Node::Truth(false), _) | (_, Node::Truth(false)) => Truth::of(false),
            _ => Truth(push(Node::And(self.0, o.0))),
        }
    }
}
impl std::ops::BitOr for Truth {
    type Output = Truth;
    fn bitor(self, o: Truth) -> Truth {
        match (node(self.0), node(o.0)) {
            (Node::Truth(false), _) => o,
            (_, Node::Truth(false)) => self,
            (Node::Truth(true), _) | (_, Node::Truth(true)) => Truth::of(true),
            _ => Truth(push(Node::Or(self.0, o.0))),
        }
    }
}
impl std::ops::BitXor for Truth {
    type Output = Truth;
    fn bitxor(self, o: Truth) -> Truth {
        Truth(push(Node::Xor(self.0, o.0)))
    }
}
impl std::ops::Not for Truth {
    type Output = Truth;
    fn not(self) -> Truth {
        match node(self.0) {
            Node::Truth(v) => Truth::of(!v),
            Node::Not(inner) => Truth(inner),
            _ => Truth(push(Node::Not(self.0))),
        }
    }
}

/// The place of recording: operands become leaves, the result the root.
#[derive(Clone, Copy)]
struct Leaves;

impl Place<Expr> for Leaves {
    type Done = u32;
    fn num(self, i: usize) -> Expr {
        Expr(push(Node::Input(i as u8)))
    }
    fn mask(self, i: usize) -> Truth {
        Truth(push(Node::MaskInput(i as u8)))
    }
    fn param(self, i: usize) -> Expr {
        Expr(push(Node::Param(i as u8)))
    }
    fn put(self, value: Expr) -> u32 {
        value.0
    }
    fn put_mask(self, value: Truth) -> u32 {
        value.0
    }
}

impl Graph {
    /// What `f` computes; it returns its root.
    fn record(f: impl FnOnce() -> u32) -> Graph {
        RECORDERS.with_borrow_mut(|stack| stack.push(Recorder::default()));
        let root = f();
        let nodes = RECORDERS.with_borrow_mut(|stack| stack.pop()).map_or_else(Vec::new, |r| r.nodes);
        pruned(&nodes, &[root]).0
    }

    /// What `f` computes, several numbers, and the nodes that they are.
    pub fn several(f: impl FnOnce() -> Vec<Expr>) -> (Graph, Vec<u32>) {
        RECORDERS.with_borrow_mut(|stack| stack.push(Recorder::default()));
        let roots: Vec<u32> = f().iter().map(|e| e.0).collect();
        let nodes = RECORDERS.with_borrow_mut(|stack| stack.pop()).map_or_else(Vec::new, |r| r.nodes);
        pruned(&nodes, &roots)
    }

    pub fn of<B: Body>() -> Graph {
        Graph::record(|| B::eval::<Expr, _>(Leaves))
    }

    /// The number that `f` makes of this graph's replay.
    pub fn derive(f: impl FnOnce() -> Expr) -> Graph {
        Graph::record(|| f().0)
    }

    pub fn leaf(i: usize) -> Expr {
        Leaves.num(i)
    }

    pub fn leaf_mask(i: usize) -> Truth {
        Leaves.mask(i)
    }

    pub fn leaf_param(i: usize) -> Expr {
        Leaves.param(i)
    }

    pub fn root(&self) -> Node {
        *self.nodes.last().unwrap_or(&Node::Truth(false))
    }

    /// Whether the result is a truth value.
    pub fn is_mask(&self) -> bool {
        self.root().is_mask()
    }

    /// Bit i: input i is used.
    pub fn uses(&self) -> u32 {
        self.nodes.iter().fold(0, |m, n| match n {
            Node::Input(i) | Node::MaskInput(i) => m | 1 << i,
            _ => m,
        })
    }

    /// How many numbers it may ask for: one more than the last it does.
    pub fn params(&self) -> usize {
        let used = self.nodes.iter().map(|n| if let Node::Param(j) = n { *j as usize + 1 } else { 0 });
        used.max().unwrap_or(0)
    }

    /// The input that the result simply is.
    pub fn is_input(&self) -> Option<usize> {
        match self.root() {
            Node::Input(i) => Some(i as usize),
            _ => None,
        }
    }

    /// The input that the result is where number 0 is 1: `g * alpha`.
    pub fn is_input_times_number(&self) -> Option<usize> {
        let Node::Binary(Binary::mul, a, b) = self.root() else { return None };
        match (self.nodes[a as usize], self.nodes[b as usize]) {
            (Node::Input(i), Node::Param(0)) | (Node::Param(0), Node::Input(i)) => Some(i as usize),
            _ => None,
        }
    }

    /// Whether the result is 0 whatever the inputs are.
    pub fn is_zero(&self) -> bool {
        matches!(self.root(), Node::Lit(bits) if f64::from_bits(bits) == 0.0)
    }

    /// The same graph with its inputs numbered without gaps, and what each was before.
    pub fn compacted(mut self) -> (Graph, Vec<u8>) {
        let uses = self.uses();
        let from: Vec<u8> = (0..32).filter(|i| uses >> i & 1 == 1).collect();
        for n in &mut self.nodes {
            if let Node::Input(i) | Node::MaskInput(i) = n {
                *i = (uses & ((1 << *i) - 1)).count_ones() as u8;
            }
        }
        (self, from)
    }

    /// Computes the graph with other scalars.
    pub fn eval<S: Scalar, P: Place<S>>(&self, place: P) -> P::Done
    where
        f64: Left<S>,
    {
        let mut values: Vec<Value<S>> = Vec::with_capacity(self.nodes.len());
        for n in &self.nodes {
            let num = |i: u32| match values[i as usize] {
                Value::Num(v) => v,
                Value::Mask(_) => S::lit(0.0),
            };
            let mask = |i: u32| match values[i as usize] {
                Value::Mask(v) => v,
                Value::Num(_) => S::Mask::of(false),
            };
            let v = match *n {
                Node::Input(i) => Value::Num(place.num(i as usize)),
                Node::MaskInput(i) => Value::Mask(place.mask(i as usize)),
                Node::Param(i) => Value::Num(place.param(i as usize)),
                Node::Lit(bits) => Value::Num(S::lit(f64::from_bits(bits))),
                Node::Unary(op, a) => Value::Num(op.apply(num(a))),
                Node::Binary(op, a, b) => Value::Num(op.apply(num(a), num(b))),
                Node::Compare(op, a, b) => Value::Mask(op.apply(num(a), num(b))),
                Node::Select(c, a, b) => Value::Num(S::select(mask(c), num(a), num(b))),
                Node::Truth(v) => Value::Mask(S::Mask::of(v)),
                Node::And(a, b) => Value::Mask(mask(a) & mask(b)),
                Node::Or(a, b) => Value::Mask(mask(a) | mask(b)),
                Node::Xor(a, b) => Value::Mask(mask(a) ^ mask(b)),
                Node::Not(a) => Value::Mask(!mask(a)),
                Node::Rounded(a) => Value::Num(num(a)),
            };
            values.push(v);
        }
        match values.pop() {
            Some(Value::Num(v)) => place.put(v),
            Some(Value::Mask(v)) => place.put_mask(v),
            None => place.put(S::lit(0.0)),
        }
    }
}

enum Value<S: Scalar> {
    Num(S),
    Mask(S::Mask),
}

/// The steps that `roots` need, in order, and which of them those are.
fn pruned(nodes: &[Node], roots: &[u32]) -> (Graph, Vec<u32>) {
    let mut live = vec![false; nodes.len()];
    for &root in roots {
        if let Some(l) = live.get_mut(root as usize) {
            *l = true;
        }
    }
    for i in (0..nodes.len()).rev() {
        if live[i] {
            nodes[i].operands(|o| live[o as usize] = true);
        }
    }
    let mut to = vec![0; nodes.len()];
    let mut out = Vec::new();
    for (i, n) in nodes.iter().enumerate().filter(|(i, _)| live[*i]) {
        to[i] = out.len() as u32;
        out.push(n.renamed(&to));
    }
    let roots = roots.iter().map(|&r| to.get(r as usize).copied().unwrap_or(0)).collect();
    (Graph { nodes: out }, roots)
}
