//! A formula that Map can run: a row's value or partial, compiled, or a derivative of either, which is a tile program.
//! What it uses, costs and whether it is trivial is read from its recorded expression, once.

use std::sync::{Arc, OnceLock};

use crate::core::{DType, Number};
use crate::cpu::map::program::Plan;
use crate::cpu::map::{Code, Loops, lane};
use crate::expr::graph::{Binary, Node, Unary};
use crate::expr::{Body, Graph, MAX_INPUTS, diff};
use crate::gpu;

/// What a recorded expression tells.
pub struct Facts {
    pub graph: Graph,
    /// Bit k: operand k is needed.
    pub uses: u32,
    /// The operand that the result simply is.
    pub is_input: Option<usize>,
    /// The operand that the result simply is where the first number is 1.
    is_input_times_number: Option<usize>,
    pub is_zero: bool,
    /// Nanoseconds an element on one thread, roughly, in float32.
    pub cost: f32,
    on_gpu: OnceLock<Arc<gpu::map::Formula>>,
}

impl Facts {
    fn of(graph: Graph) -> Facts {
        let cost = graph.nodes.iter().map(|n| weight(*n)).sum::<f32>() + 0.1;
        let (is_input, is_zero, on_gpu) = (graph.is_input(), graph.is_zero(), OnceLock::new());
        let is_input_times_number = graph.is_input_times_number();
        Facts { uses: graph.uses(), is_input, is_input_times_number, is_zero, cost, graph, on_gpu }
    }

    /// The operand that the result simply is, given the formula's first number.
    pub fn operand(&self, number: Number) -> Option<usize> {
        let one = || self.is_input_times_number.filter(|_| number.to_f64() == 1.0 && number.imag() == 0.0);
        self.is_input.or_else(one)
    }

    /// The formula printed for the GPU, once.
    pub fn on_gpu(&self) -> &Arc<gpu::map::Formula> {
        self.on_gpu.get_or_init(|| Arc::new(gpu::map::Formula::of(&self.graph)))
    }
}

/// Measured with AVX2, rounded.
fn weight(n: Node) -> f32 {
    use {Binary as B, Unary as U};
    match n {
        Node::Input(_) | Node::MaskInput(_) => 0.08,
        Node::Param(_) | Node::Lit(_) | Node::Truth(_) => 0.0,
        Node::Unary(U::lgamma | U::digamma | U::erfinv | U::erfc, _) => 30.0,
        Node::Binary(B::zeta | B::gcd, ..) => 100.0,
        Node::Unary(U::neg | U::abs | U::floor | U::ceil | U::round | U::trunc | U::sign | U::bit_not, _) => 0.02,
        Node::Unary(U::sqrt | U::rsqrt, _) | Node::Binary(B::div, ..) => 0.15,
        Node::Unary(..) => 0.6,
        Node::Binary(B::rem, ..) => 8.0,
        Node::Binary(B::pow | B::atan2, ..) => 2.0,
        _ => 0.03,
    }
}

/// A formula with its compiled loops.
pub struct Formula {
    pub loops: Loops,
    record: fn() -> Graph,
    facts: OnceLock<Facts>,
    partials: [OnceLock<Arc<Derived>>; MAX_INPUTS],
    /// The tile programs of a formula without compiled loops, and those over complex numbers.
    plans: Plans,
}

/// One tile program per lane, made when first asked for: f32, f64, i64, complex64, complex128.
struct Plans([OnceLock<Option<Plan>>; 5]);

impl Plans {
    const fn new() -> Plans {
        Plans([const { OnceLock::new() }; 5])
    }

    fn of(&self, graph: &Graph, lane: DType) -> Option<&Plan> {
        let slot = match lane {
            DType::F32 => 0,
            DType::F64 => 1,
            DType::I64 => 2,
            DType::C64 => 3,
            DType::C128 => 4,
            _ => return None,
        };
        self.0[slot].get_or_init(|| Plan::new(graph, lane)).as_ref()
    }
}

impl Formula {
    pub const fn new<B: Body>(loops: Loops) -> Formula {
        Formula {
            loops,
            record: Graph::of::<B>,
            facts: OnceLock::new(),
            partials: [const { OnceLock::new() }; MAX_INPUTS],
            plans: Plans::new(),
        }
    }

    fn code(&self, lane: DType) -> Option<Code<'_>> {
        if self.loops.is_none() || lane.is_complex() {
            return self.plans.of(&self.facts().graph, lane).map(Code::Program);
        }
        self.loops.ways(lane).map(Code::Loop)
    }

    pub fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| Facts::of((self.record)()))
    }
}

/// A formula made by differentiation.
pub struct Derived {
    pub facts: Facts,
    /// Which operand of the formula it was made from (the gradient after the last) each of its own is.
    pub from: Vec<u8>,
    plans: Plans,
    partials: [OnceLock<Arc<Derived>>; MAX_INPUTS],
}

impl Derived {
    /// The gradient that operand `k` of `graph` gets, `g` being operand `at`.
    fn new(graph: &Graph, k: usize, at: usize) -> Derived {
        let (graph, from) = diff::pulled_back(graph, k, at).compacted();
        Derived {
            facts: Facts::of(graph),
            from,
            plans: Plans::new(),
            partials: [const { OnceLock::new() }; MAX_INPUTS],
        }
    }
}

/// Either of them, as an op holds it.
#[derive(Clone)]
pub enum Source {
    Row(&'static Formula),
    Derived(Arc<Derived>),
}

impl Source {
    #[inline]
    pub fn facts(&self) -> &Facts {
        match self {
            Source::Row(f) => f.facts(),
            Source::Derived(d) => &d.facts,
        }
    }

    /// What computes `dtype`, if that lane was compiled.
    #[inline]
    pub fn code(&self, dtype: DType) -> Option<Code<'_>> {
        match self {
            Source::Row(f) => f.code(lane(dtype)),
            Source::Derived(d) => d.plans.of(&d.facts.graph, lane(dtype)).map(Code::Program),
        }
    }

    /// What computes this half with each step rounded, if that was compiled.
    pub fn stepped(&self, dtype: DType) -> Option<Code<'_>> {
        match self {
            Source::Row(f) => f.loops.stepped(dtype).map(Code::Loop),
            Source::Derived(_) => None,
        }
    }

    /// The derivative for operand `k` of a formula of `n` operands.
    pub fn partial(&self, k: usize, n: usize) -> Arc<Derived> {
        let cell = match self {
            Source::Row(f) => &f.partials[k],
            Source::Derived(d) => &d.partials[k],
        };
        cell.get_or_init(|| Arc::new(Derived::new(&self.facts().graph, k, n))).clone()
    }
}
