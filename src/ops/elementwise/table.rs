//! `elementwise!`, the macro that makes an op of a row: its formula, gradients, loops, schema and samples.

use super::map::{PARAMS, Rule};
use crate::core::Number;
use crate::cpu::map::Loops;
use crate::expr::Body;
use crate::tensor::declare;
use crate::tensor::def::Variants;

/// The loops of a value: the lanes that the rule may ask for; those of halves that round each step; the one over the first
/// operand where the op has a twin that writes there; and, where that is arithmetic of two operands, those for one element and
/// many. None for a `rare` row, which runs as a tile program: each loop costs some kilobytes.
pub const fn loops<B: Body>(
    rule: Rule,
    variants: Variants,
    row: &Signature,
    out_mask: bool,
    rare: bool,
    stepwise: [bool; 2],
) -> Loops {
    if rare {
        assert!(!stepwise[0] && !stepwise[1], "a rare row has no loops that round each step");
        return Loops::NONE;
    }
    let loops = match rule {
        Rule::Float | Rule::FloatOnly => Loops::float::<B>(),
        Rule::Numeric | Rule::All => Loops::all::<B>(),
        Rule::Bits => Loops::int::<B>(),
    };
    let loops = loops.and_halves::<B>(stepwise);
    if !variants.has_inplace() || out_mask {
        loops
    } else if row.inputs == 2 && row.masks == 0 {
        loops.and_over::<B>().and_one::<B>()
    } else {
        loops.and_over::<B>()
    }
}

/// The loops of a gradient.
pub const fn grad_loops<B: Body>(rare: bool) -> Loops {
    if rare { Loops::NONE } else { Loops::float::<B>() }
}

/// What a row's signature says.
pub struct Signature {
    pub inputs: usize,
    pub masks: u32,
    pub params: usize,
    pub defaults: [Number; PARAMS],
}

impl Signature {
    /// `kinds`: the word after each input's colon, or nothing.
    pub const fn new(kinds: &[&str], params: usize, defaults: [Number; PARAMS]) -> Signature {
        let (mut masks, mut k) = (0, 0);
        while k < kinds.len() {
            masks |= (!kinds[k].is_empty() as u32) << k;
            k += 1;
        }
        Signature { inputs: kinds.len(), masks, params, defaults }
    }
}

/// Whether schema lines give a row's `inputs` first, then its `params` by name: what the call that is not written out reads.
pub const fn lines_fit<const P: usize>(lines: &[&str], inputs: usize, params: [&str; P]) -> bool {
    if lines.is_empty() {
        return true;
    }
    let mut k = 0;
    while k < P {
        match declare::place_of(lines, params[k]) {
            Some(at) if at == inputs + k => {}
            _ => return false,
        }
        k += 1;
    }
    declare::leading_operands(lines) >= inputs
}

/// A name without the underscore that keeps it from being a word of Rust.
pub const fn plain_name(name: &'static str) -> &'static str {
    let b = name.as_bytes();
    match b.split_last() {
        Some((b'_', rest)) => match std::str::from_utf8(rest) {
            Ok(s) => s,
            Err(_) => name,
        },
        _ => name,
    }
}

/// Declares elementwise ops. A row reads
///
/// ```ignore
/// /// What it computes; after a blank line, more.
/// name(a, b; alpha = 1) -> bool numeric + wide as ["name(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor"]
///     aliases ["special.other"] named "AddBackward" kernel "add_stub" {
///     value: a + alpha * b,
///     grad(y, g): [g, g * alpha],
///     check: refuse_float_alpha,
///     call(x = self: Operand, other: Operand; a) { .. },
///     samples: ["u(2, 3), u(3)"],
/// }
/// ```
/// A body is an expression over `S: Scalar`; `c: bool` is an input that is a truth value, `-> bool` an output that is one. The
/// rule is `float`, `float_only`, `numeric`, `all` or `bits`; `wide`, `divides`, `unsigned`, `parametric`, `reversed`, `complex`,
/// `chalf`, `compares`, `tied`, `same_out` and `numbers` are flags of `Row`, and `complex: f` is its function of a complex tensor where the formula is none; with
/// `stepwise` (`stepwise_bf16`) each step in halves (in bfloat16) is rounded, as PyTorch's is; a `rare` row has no compiled loops
/// and runs as a tile program (one intrinsic costs nothing more that way, a long formula up to twice as much). Whatever is not
/// said has a default; without `as` the schema is `name(Tensor self) -> Tensor`. An input without a gradient has `S::lit(0.0)`.
///
/// A row that other ops call, but no user, has `as []` and no samples.
#[macro_export]
macro_rules! elementwise {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident $sig:tt $(-> $out:ident)?
        $rule:ident $(+ $flag:ident)* $(as [$($schema:expr),* $(,)?])? $(aliases [$($alias:literal),* $(,)?])?
        $(named $grad_name:literal)? $(kernel $kernel:literal)? {
            value: $value:expr,
            $(grad($y:ident, $g:ident): $grads:tt,)?
            $(half_grad: $half_grad:expr,)?
            $(complex: $complex:expr,)?
            $(check: $check:expr,)?
            $(call $args:tt $body:block,)?
            samples: [$($sample:literal),* $(,)?] $(,)?
        }
    )*) => {
        /// The ops of this table; those that others call have no schema lines.
        pub(crate) const OPS: &[&$crate::tensor::OpDef] = &[$(&$name::DEF),*];
        /// Their formulas.
        pub(crate) static ROWS: &[&$crate::ops::elementwise::map::Row] = &[$(&$name::ROW),*];
        $($crate::elementwise!(@method $name $sig $([$($schema),*])? ; $(#[doc = $doc])*);)*
        $(
            pub mod $name {
                #[allow(unused_imports, reason = "not every row uses its table's helpers")]
                use super::*;
                use $crate::expr::{Body, Left, Place, Scalar};
                use $crate::ops::elementwise::formula::Formula;
                use $crate::ops::elementwise::map::{Row, Rule};
                use $crate::ops::elementwise::table;
                use $crate::tensor::OpDef;

                const RULE: Rule = $crate::elementwise!(@rule $rule);
                const NAME: &str = table::plain_name(stringify!($name));
                const RARE: bool = $crate::elementwise!(@flag rare $($flag)*);

                struct Value;
                impl Body for Value {
                    #[inline(always)]
                    fn eval<S: Scalar, P: Place<S>>(place: P) -> P::Done
                    where
                        f64: Left<S>,
                    {
                        $crate::elementwise!(@inputs place $sig);
                        $crate::elementwise!(@put place $($out)?; $value)
                    }
                }

                $($crate::elementwise!(@gradients $sig $y $g $grads);)?

                const SIGNATURE: table::Signature = $crate::elementwise!(@signature $sig);
                const STEPWISE: [bool; 2] = {
                    let both = $crate::elementwise!(@flag stepwise $($flag)*);
                    [both, both || $crate::elementwise!(@flag stepwise_bf16 $($flag)*)]
                };
                const OUT_MASK: bool = !matches!(concat!($(stringify!($out))?).as_bytes(), b"");

                pub static ROW: Row = Row {
                    name: NAME,
                    grad_name: concat!($($grad_name)?),
                    kernel: $crate::elementwise!(@or $($kernel)?; concat!(stringify!($name), "_cpu")),
                    rule: RULE,
                    inputs: SIGNATURE.inputs,
                    masks: SIGNATURE.masks,
                    params: SIGNATURE.params,
                    defaults: SIGNATURE.defaults,
                    wide: $crate::elementwise!(@flag wide $($flag)*),
                    divides: $crate::elementwise!(@flag divides $($flag)*),
                    unsigned: $crate::elementwise!(@flag unsigned $($flag)*),
                    parametric: $crate::elementwise!(@flag parametric $($flag)*),
                    reversed: $crate::elementwise!(@flag reversed $($flag)*),
                    complex: $crate::elementwise!(@flag complex $($flag)*),
                    chalf: $crate::elementwise!(@flag chalf $($flag)*),
                    on_complex: $crate::elementwise!(@some $($complex)?),
                    compares: $crate::elementwise!(@flag compares $($flag)*),
                    tied: $crate::elementwise!(@flag tied $($flag)*),
                    same_out: $crate::elementwise!(@flag same_out $($flag)*),
                    numbers: $crate::elementwise!(@flag numbers $($flag)*),
                    out_mask: OUT_MASK,
                    value: Formula::new::<Value>(
                        table::loops::<Value>(RULE, DEF.variants, &SIGNATURE, OUT_MASK, RARE, STEPWISE)
                    ),
                    grads: $crate::elementwise!(@grads $($y)? $sig),
                    half_grad: $crate::elementwise!(@some $($half_grad)?),
                    check: $crate::elementwise!(@or $($check)?; $crate::ops::elementwise::map::anything),
                };

                const LINES: &[&str] = $crate::elementwise!(@schema $name $([$($schema),*])?);
                $crate::declare!(@doc $($doc)*);
                $crate::elementwise!(@call $name $sig $($args $body)?);

                pub const DEF: OpDef = OpDef {
                    schema: LINES,
                    aliases: &[$($($alias),*)?],
                    doc: DOC,
                    variants: $crate::elementwise!(@variants $($flag)*),
                    graph: "",
                    reads: $crate::elementwise!(@reads $sig $($args)?),
                    call: from_args,
                    samples: &[$($sample),*],
                };
            }
        )*
    };

    // A row of one or two tensors is a method too, for derivatives and composites.
    (@method $name:ident $sig:tt []; $(#[doc = $doc:literal])*) => {};
    (@method $name:ident ($x:ident) $([$($schema:expr),+])?; $(#[doc = $doc:literal])*) => {
        impl $crate::tensor::Tensor {
            $(#[doc = $doc])*
            pub fn $name(&self) -> $crate::error::Result<$crate::tensor::Tensor> {
                $crate::ops::elementwise::map::on(&$name::ROW, [$crate::tensor::Operand::Tensor(self)])
            }
        }
    };
    (@method $name:ident ($x:ident, $z:ident $(; $($p:ident = $default:expr),+)?) $([$($schema:expr),+])?;
        $(#[doc = $doc:literal])*) => {
        impl $crate::tensor::Tensor {
            $(#[doc = $doc])*
            pub fn $name(&self, other: &$crate::tensor::Tensor) -> $crate::error::Result<$crate::tensor::Tensor> {
                use $crate::tensor::Operand::Tensor as T;
                $crate::ops::elementwise::map::on(&$name::ROW, [T(self), T(other)])
            }
        }
    };
    (@method $name:ident $sig:tt $([$($schema:expr),+])?; $(#[doc = $doc:literal])*) => {};

    (@rule float) => { Rule::Float };
    (@rule float_only) => { Rule::FloatOnly };
    (@rule numeric) => { Rule::Numeric };
    (@rule all) => { Rule::All };
    (@rule bits) => { Rule::Bits };

    (@inputs $place:ident ($($x:ident $(: $kind:ident)?),+ $(; $($p:ident = $default:expr),+)?)) => {
        $crate::elementwise!(@bind $place $($x $(: $kind)?),+ $(; $($p),+)?);
    };
    (@bind $place:ident $($x:ident $(: $kind:ident)?),+ $(; $($p:ident),+)?) => {
        let mut at = 0;
        $(
            let $x = $crate::elementwise!(@read $place at $($kind)?);
            at += 1;
        )+
        let _ = at;
        $(
            let mut at = 0;
            $(
                let $p = $place.param(at);
                at += 1;
            )+
            let _ = at;
            let _ = ($($p,)+);
        )?
    };
    (@gradients ($($x:ident $(: $kind:ident)?),+ $(; $($p:ident = $default:expr),+)?) $y:ident $g:ident
        [$($grad:expr),+ $(,)?]) => {
        struct Grad<const K: usize>;
        impl<const K: usize> Body for Grad<K> {
            #[inline(always)]
            fn eval<S: Scalar, P: Place<S>>(place: P) -> P::Done
            where
                f64: Left<S>,
            {
                $crate::elementwise!(@bind place $($x $(: $kind)?,)+ $y, $g $(; $($p),+)?);
                let _ = ($($x,)+ $y, $g);
                let all = [$($grad),+];
                place.put(all[K])
            }
        }
    };
    (@signature ($($x:ident $(: $kind:ident)?),+ $(; $($p:ident = $default:expr),+)?)) => {
        table::Signature::new(
            &[$(concat!($(stringify!($kind))?)),+],
            <[&str]>::len(&[$($(stringify!($p)),+)?]),
            $crate::elementwise!(@defaults $($($default),+)?),
        )
    };
    (@read $place:ident $at:ident) => { $place.num($at) };
    (@read $place:ident $at:ident bool) => { $place.mask($at) };

    (@put $place:ident; $value:expr) => { $place.put($value) };
    (@put $place:ident bool; $value:expr) => { $place.put_mask($value) };

    (@some) => { None };
    (@some $given:expr) => { Some($given) };
    (@or ; $default:expr) => { $default };
    (@or $given:expr; $default:expr) => { $given };

    (@defaults) => { [$crate::core::Number::Int(0); 3] };
    (@defaults $a:expr) => { [$a, $crate::core::Number::Int(0), $crate::core::Number::Int(0)] };
    (@defaults $a:expr, $b:expr) => { [$a, $b, $crate::core::Number::Int(0)] };
    (@defaults $a:expr, $b:expr, $c:expr) => { [$a, $b, $c] };

    (@flag $wanted:ident) => { false };
    (@flag wide wide $($rest:ident)*) => { true };
    (@flag divides divides $($rest:ident)*) => { true };
    (@flag unsigned unsigned $($rest:ident)*) => { true };
    (@flag parametric parametric $($rest:ident)*) => { true };
    (@flag stepwise stepwise $($rest:ident)*) => { true };
    (@flag stepwise_bf16 stepwise_bf16 $($rest:ident)*) => { true };
    (@flag reversed reversed $($rest:ident)*) => { true };
    (@flag compares compares $($rest:ident)*) => { true };
    (@flag tied tied $($rest:ident)*) => { true };
    (@flag rare rare $($rest:ident)*) => { true };
    (@flag same_out same_out $($rest:ident)*) => { true };
    (@flag numbers numbers $($rest:ident)*) => { true };
    (@flag complex complex $($rest:ident)*) => { true };
    (@flag chalf chalf $($rest:ident)*) => { true };
    (@flag $wanted:ident $other:ident $($rest:ident)*) => { $crate::elementwise!(@flag $wanted $($rest)*) };

    (@variants) => { $crate::tensor::def::Variants::NONE.overwrites().out() };
    (@variants out_only $($rest:ident)*) => { $crate::tensor::def::Variants::NONE.out() };
    (@variants inplace_only $($rest:ident)*) => { $crate::tensor::def::Variants::NONE.overwrites() };
    (@variants no_variants $($rest:ident)*) => { $crate::tensor::def::Variants::NONE };
    (@variants $other:ident $($rest:ident)*) => { $crate::elementwise!(@variants $($rest)*) };

    (@grads $sig:tt) => { [None, None, None] };
    (@grads $y:ident ($($x:ident $(: $kind:ident)?),+ $(; $($p:ident = $default:expr),+)?)) => {
        $crate::elementwise!(@grads_of $($x)+)
    };
    (@grads_of $a:ident) => { [$crate::elementwise!(@grad 0), None, None] };
    (@grads_of $a:ident $b:ident) => { [$crate::elementwise!(@grad 0), $crate::elementwise!(@grad 1), None] };
    (@grads_of $a:ident $b:ident $c:ident) => {
        [$crate::elementwise!(@grad 0), $crate::elementwise!(@grad 1), $crate::elementwise!(@grad 2)]
    };
    (@grad $k:literal) => { Some(Formula::new::<Grad<$k>>(table::grad_loops::<Grad<$k>>(RARE))) };

    (@call $name:ident ($($x:ident $(: $kind:ident)?),+ $(; $($p:ident = $default:expr),+)?)) => {
        const _: () = assert!(
            table::lines_fit(LINES, SIGNATURE.inputs, [$($(stringify!($p)),+)?]),
            concat!(stringify!($name), ": the schema lines are not the inputs and then the params by name"),
        );
        fn from_args(a: &$crate::tensor::Args) -> $crate::error::Result<$crate::tensor::Outs> {
            $crate::ops::elementwise::map::call::<{ SIGNATURE.inputs }, { SIGNATURE.params }>(&ROW, a)
        }
    };
    (@call $name:ident $sig:tt $args:tt $body:block) => { $crate::declare!(@call $name $args $body); };

    // A row without a call of its own reads all that its lines hold.
    (@reads $sig:tt) => { &["*"] };
    (@reads $sig:tt $args:tt) => { $crate::declare!(@reads $args) };

    (@schema $name:ident) => { &[concat!(stringify!($name), "(Tensor self) -> Tensor")] };
    (@schema $name:ident [$($schema:expr),*]) => { &[$($schema),*] };
}
