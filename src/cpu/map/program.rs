//! The interpreter of tile programs: derivatives of higher order, and fused chains. Its instructions are the intrinsics,
//! each compiled as the rows' loops are.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use super::grid::TILE;
use super::{Kernel, Loops, Params, room};
use crate::core::DType;
use crate::expr::graph::{Binary, Compare, Unary};
use crate::expr::program::{Constant, Op, Program, Source};
use crate::expr::{Body, Graph, Left, MAX_INPUTS, Mask, Place, Scalar};

/// Declares one formula per intrinsic and the table that finds its loops.
macro_rules! instructions {
    ($($find:ident($kind:ident) in $module:ident {
        $($lanes:ident: $($name:ident)*;)*
    } = |$p:ident, $op:ident| $body:expr;)*) => { $(
        mod $module {
            $($(#[expect(non_camel_case_types, reason = "the names are the intrinsics'")] pub struct $name;)*)*
        }
        $($(impl Body for $module::$name {
            #[inline(always)]
            fn eval<S: Scalar, P: Place<S>>($p: P) -> P::Done where f64: Left<S> {
                let $op = $kind::$name;
                $body
            }
        })*)*
        const fn $find(op: $kind) -> Loops {
            match op { $($($kind::$name => Loops::$lanes::<$module::$name>(),)*)* }
        }
    )* };
}

instructions! {
    unary(Unary) in of_one {
        all: neg abs floor ceil round trunc sign;
        float: exp exp2 expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh sqrt rsqrt erf erfc erfinv
            lgamma digamma;
        int: bit_not;
    } = |p, op| p.put(op.apply(p.num(0)));
    binary(Binary) in of_two {
        all: add sub mul div rem pow min max copysign;
        float: atan2 zeta;
        int: gcd bit_and bit_or bit_xor shl shr;
    } = |p, op| p.put(op.apply(p.num(0), p.num(1)));
    compare(Compare) in comparing {
        all: eq ne lt le gt ge;
    } = |p, op| p.put_mask(op.apply(p.num(0), p.num(1)));
}

/// The steps that are no intrinsic, or whose operands are truth values.
macro_rules! others {
    ($($name:ident |$p:ident| $body:expr;)*) => { $(
        struct $name;
        impl Body for $name {
            #[inline(always)]
            fn eval<S: Scalar, P: Place<S>>($p: P) -> P::Done where f64: Left<S> {
                $body
            }
        }
    )* };
}
others! {
    Select |p| p.put(S::select(p.mask(0), p.num(1), p.num(2)));
    And |p| p.put_mask(p.mask(0) & p.mask(1));
    Or |p| p.put_mask(p.mask(0) | p.mask(1));
    Xor |p| p.put_mask(p.mask(0) ^ p.mask(1));
    Not |p| p.put_mask(!p.mask(0));
    Move |p| p.put(p.num(0));
    MoveMask |p| p.put_mask(p.mask(0) | S::Mask::of(false));
}

fn loops(op: Op) -> Loops {
    match op {
        Op::Unary(u) => unary(u),
        Op::Binary(b) => binary(b),
        Op::Compare(c) => compare(c),
        Op::Select => Loops::all::<Select>(),
        Op::Move => Loops::all::<Move>(),
        // Bytes, whatever the lane.
        Op::And => Loops::bytes::<And>(),
        Op::Or => Loops::bytes::<Or>(),
        Op::Xor => Loops::bytes::<Xor>(),
        Op::Not => Loops::bytes::<Not>(),
        Op::MoveMask => Loops::bytes::<MoveMask>(),
    }
}

/// The loops of comparisons of complex numbers.
fn compared(c: Compare) -> [Kernel; 2] {
    match c {
        Compare::eq => Loops::complex::<comparing::eq>(),
        Compare::ne => Loops::complex::<comparing::ne>(),
        Compare::lt => Loops::complex::<comparing::lt>(),
        Compare::le => Loops::complex::<comparing::le>(),
        Compare::gt => Loops::complex::<comparing::gt>(),
        Compare::ge => Loops::complex::<comparing::ge>(),
    }
}

/// The loop of a step over complex numbers of `size` bytes; None for what they lack.
fn complex(op: Op, size: usize) -> Option<Kernel> {
    macro_rules! listed {
        ($kind:ident in $module:ident, $found:expr; $($name:ident)*) => {
            match $found {
                $($kind::$name => Loops::complex::<$module::$name>(),)*
                _ => return None,
            }
        };
    }
    let kernels = match op {
        Op::Unary(u) => {
            listed! { Unary in of_one, u; neg exp exp2 expm1 log log1p log2 log10 sin cos tan asin acos atan sinh
            cosh tanh sqrt rsqrt abs sign }
        }
        Op::Binary(b) => listed! { Binary in of_two, b; add sub mul div pow },
        Op::Compare(c) => compared(c),
        Op::Select => Loops::complex::<Select>(),
        Op::Move => Loops::complex::<Move>(),
        Op::And | Op::Or | Op::Xor | Op::Not | Op::MoveMask => return loops(op).of(DType::I64),
    };
    Some(kernels[(size == 16) as usize])
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Tile(#[expect(dead_code, reason = "read through pointers")] [u64; TILE]);

fn gives_mask(op: Op) -> bool {
    !matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Move)
}

/// A program bound to one lane.
pub struct Plan {
    program: Program,
    kernels: Vec<Kernel>,
    lane: DType,
}

thread_local! {
    /// Tiles of the programs that run on this thread.
    static SCRATCH: RefCell<Vec<MaybeUninit<Tile>>> = const { RefCell::new(Vec::new()) };
}

impl Plan {
    /// None where the graph has an intrinsic that the lane lacks.
    pub fn new(graph: &Graph, lane: DType) -> Option<Plan> {
        let program = Program::new(graph);
        let kernel = |op| if lane.is_complex() { complex(op, lane.size()) } else { loops(op).of(lane) };
        let kernels = program.steps.iter().map(|s| kernel(s.op)).collect::<Option<Vec<_>>>()?;
        Some(Plan { program, kernels, lane })
    }

    /// As a [`Kernel`].
    ///
    /// # Safety
    /// A kernel's: see there.
    pub unsafe fn run(&self, x: &[*const u8; MAX_INPUTS], p: &Params, out: *mut u8, n: usize) {
        let (tiles, constants) = (self.program.tiles, &self.program.constants);
        SCRATCH.with_borrow_mut(|scratch| {
            let wanted = tiles + constants.len();
            if scratch.len() < wanted {
                scratch.resize(wanted, MaybeUninit::uninit());
            }
            let base: *mut Tile = scratch.as_mut_ptr().cast();
            let tile = |i: usize| base.wrapping_add(i).cast::<u8>();
            let most = room::<TILE>(self.lane.size());
            let len = n.min(most);
            for (i, c) in constants.iter().enumerate() {
                // SAFETY: tile `i` exists and has room for so many lanes.
                unsafe { self.fill(*c, p, tile(tiles + i), len) };
            }
            let mut start = 0;
            while start < n {
                let m = most.min(n - start);
                for (step, kernel) in self.program.steps.iter().zip(&self.kernels) {
                    let mut from = [base.cast::<u8>().cast_const(); MAX_INPUTS];
                    for (slot, (k, source)) in from.iter_mut().zip(step.from.iter().enumerate()) {
                        let masks = matches!(step.op, Op::And | Op::Or | Op::Xor | Op::Not | Op::MoveMask)
                            || step.op == Op::Select && k == 0;
                        let size = if masks { 1 } else { self.lane.size() };
                        *slot = match *source {
                            Source::Input(i) => x[i as usize].wrapping_add(start * size),
                            Source::Constant(i) => tile(tiles + i as usize),
                            Source::Tile(i) => tile(i as usize),
                        };
                    }
                    let size = if gives_mask(step.op) { 1 } else { self.lane.size() };
                    let to = match step.to {
                        Some(t) => tile(t as usize),
                        None => out.wrapping_add(start * size),
                    };
                    // SAFETY: inputs and output have n elements, says the caller; tiles hold m.
                    unsafe { kernel(&from, p, to, m) };
                }
                start += m;
            }
        });
    }

    unsafe fn fill(&self, c: Constant, p: &Params, to: *mut u8, n: usize) {
        use crate::core::Number;
        use crate::core::dtype::WIDEST;
        use crate::cpu::convert::{Piece, mover};
        let (bits, dtype) = match c {
            Constant::Lit(v) => (Number::Float(v).bits(self.lane), self.lane),
            Constant::Param(j) => (p[j as usize], self.lane),
            Constant::Truth(v) => ([v as u8; WIDEST], DType::Bool),
        };
        // SAFETY: room for n lanes, says the caller.
        unsafe { mover(dtype, dtype).run(bits.as_ptr(), to, Piece { rows: 1, cols: n, from: [0, 0], to: [0, 1] }) };
    }
}
