//! A graph as WGSL text. Functions whose builtins are inexact or lose NaN are ours, in `shaders/`; int64 is emulated on pairs
//! of words. Numbers of the formula and the values infinity and NaN are data in the metadata slot, never text.

use std::fmt::Write;

use super::graph::{Binary, Compare, Graph, Node, Unary};

/// What a formula computes with on the GPU: float16 and bfloat16 in f32, bool and the narrow integers in i32. The same formula gives
/// the text of each: over complex numbers its steps are the functions of `shaders/complex.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    F32,
    I32,
    I64,
    /// Complex numbers, as pairs of floats.
    C64,
}

impl Lane {
    /// The WGSL type.
    pub const fn name(self) -> &'static str {
        match self {
            Lane::F32 => "f32",
            Lane::I32 => "i32",
            Lane::I64 => "vec2<u32>",
            Lane::C64 => "vec2<f32>",
        }
    }
}

/// A WGSL function that computes the graph: its arguments are the inputs that are used, `x0`, `x1` ... by their number, then
/// the first [`Graph::params`] numbers, `n0` ... None where the lane has no such function: rows of floats promote before they
/// get here.
pub fn function(name: &str, graph: &Graph, lane: Lane) -> Option<String> {
    let (body, values) = lines(graph, lane)?;
    let mut arguments: Vec<(u8, bool)> = graph
        .nodes
        .iter()
        .filter_map(|n| match *n {
            Node::Input(k) | Node::MaskInput(k) => Some((k, n.is_mask())),
            _ => None,
        })
        .collect();
    arguments.sort_unstable();
    let mut head = Vec::new();
    for (k, mask) in arguments {
        head.push(format!("x{k}: {}", if mask { "bool" } else { lane.name() }));
    }
    head.extend((0..graph.params()).map(|j| format!("n{j}: {}", lane.name())));
    let result = if graph.is_mask() { "bool" } else { lane.name() };
    let last = values.last()?;
    Some(format!("fn {name}({}) -> {result} {{\n{body}    return {last};\n}}\n", head.join(", ")))
}

/// The steps of a graph, a line each, and what each node is called: inputs `x0` .., numbers `n0` .., steps `t0` ..
pub fn lines(graph: &Graph, lane: Lane) -> Option<(String, Vec<String>)> {
    let mut body = String::new();
    let mut values: Vec<String> = Vec::with_capacity(graph.nodes.len());
    for (i, n) in graph.nodes.iter().enumerate() {
        let at = |k: u32| values[k as usize].as_str();
        let text = match *n {
            Node::Input(k) | Node::MaskInput(k) => {
                values.push(format!("x{k}"));
                continue;
            }
            Node::Param(j) => {
                values.push(format!("n{j}"));
                continue;
            }
            Node::Lit(bits) => {
                values.push(literal(f64::from_bits(bits), lane));
                continue;
            }
            Node::Truth(v) => {
                values.push(v.to_string());
                continue;
            }
            Node::Unary(op, a) => unary(op, at(a), lane)?,
            Node::Binary(op, a, b) => binary(op, at(a), at(b), lane)?,
            Node::Compare(op, a, b) => compare(op, at(a), at(b), lane),
            Node::Select(c, a, b) => format!("select({}, {}, {})", at(b), at(a), at(c)),
            Node::And(a, b) => format!("{} && {}", at(a), at(b)),
            Node::Or(a, b) => format!("{} || {}", at(a), at(b)),
            // Of truth values.
            Node::Xor(a, b) => format!("select({}, !{}, {})", at(a), at(a), at(b)),
            Node::Not(a) => format!("!{}", at(a)),
            // A function of the kernel's.
            Node::Rounded(a) => format!("rounded({})", at(a)),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(body, "    let t{i} = {text};");
        values.push(format!("t{i}"));
    }
    Some((body, values))
}

/// Number `j` of a call, in the metadata.
pub fn parameter(j: u8, lane: Lane) -> String {
    let part = ["x", "y", "z", "w"][j as usize % 4];
    match lane {
        Lane::F32 => format!("rg_meta.f32s.{part}"),
        Lane::I32 => format!("rg_meta.i32s.{part}"),
        Lane::I64 => format!("rg_meta.i64s[{}].{}", j / 2, if j.is_multiple_of(2) { "xy" } else { "zw" }),
        // Complex numbers stand where int64 ones would.
        Lane::C64 => format!("bitcast<vec2<f32>>({})", parameter(j, Lane::I64)),
    }
}

fn literal(v: f64, lane: Lane) -> String {
    match lane {
        Lane::F32 => match v as f32 {
            v if v.is_nan() => "rg_nan()".into(),
            v if v.is_infinite() => if v > 0.0 { "rg_inf()" } else { "(-rg_inf())" }.into(),
            v if v < 0.0 || v.to_bits() == (-0.0f32).to_bits() => format!("({v:?}f)"),
            v => format!("{v:?}f"),
        },
        Lane::I32 => match v as i32 {
            i32::MIN => "i32(-2147483648)".into(),
            v => format!("({v}i)"),
        },
        Lane::I64 => {
            let v = v as i64 as u64;
            format!("vec2<u32>({}u, {}u)", v as u32, v >> 32)
        }
        Lane::C64 => format!("vec2<f32>({}, 0.0f)", literal(v, Lane::F32)),
    }
}

fn unary(op: Unary, x: &str, lane: Lane) -> Option<String> {
    use Unary as U;
    Some(match (lane, op) {
        (Lane::F32 | Lane::I32 | Lane::C64, U::neg) => format!("-{x}"),
        (Lane::C64, U::abs) => format!("c64_real(c64_abs({x}))"),
        (Lane::C64, U::floor | U::ceil | U::round | U::trunc | U::bit_not) => return None,
        (Lane::C64, U::erf | U::erfc | U::erfinv | U::lgamma | U::digamma) => return None,
        (Lane::C64, _) => format!("c64_{op:?}({x})"),
        (Lane::F32, U::sqrt) => format!("sqrt({x})"),
        (Lane::F32, U::rsqrt) => format!("1.0f / sqrt({x})"),
        (Lane::F32, U::abs | U::floor | U::ceil | U::round | U::trunc) | (Lane::I32, U::abs | U::sign) => {
            format!("{op:?}({x})")
        }
        (Lane::F32, U::bit_not) => return None,
        (Lane::F32, _) => format!("rg_{op:?}({x})"),
        (_, U::floor | U::ceil | U::round | U::trunc) => x.to_string(),
        (Lane::I32, U::bit_not) => format!("~{x}"),
        (Lane::I64, U::neg | U::abs | U::sign) => format!("i64_{op:?}({x})"),
        (Lane::I64, U::bit_not) => format!("i64_not({x})"),
        _ => return None,
    })
}

fn binary(op: Binary, a: &str, b: &str, lane: Lane) -> Option<String> {
    use Binary as B;
    let infix = |sign: &str| format!("{a} {sign} {b}");
    let call = |f: &str| format!("{f}({a}, {b})");
    Some(match (lane, op) {
        (Lane::F32 | Lane::I32 | Lane::C64, B::add) => infix("+"),
        (Lane::F32 | Lane::I32 | Lane::C64, B::sub) => infix("-"),
        (Lane::C64, B::mul | B::div | B::pow) => call(&format!("c64_{op:?}")),
        (Lane::C64, _) => return None,
        (Lane::F32 | Lane::I32, B::mul) => infix("*"),
        (Lane::F32, B::div) => infix("/"),
        (Lane::F32, B::rem) => call("rg_fmod"),
        (Lane::F32, B::pow | B::atan2 | B::copysign | B::zeta | B::min | B::max) => call(&format!("rg_{op:?}")),
        (Lane::F32, _) => return None,
        (Lane::I32, B::min | B::max) => call(&format!("{op:?}")),
        (Lane::I32, B::bit_and) => infix("&"),
        (Lane::I32, B::bit_or) => infix("|"),
        (Lane::I32, B::bit_xor) => infix("^"),
        (Lane::I32, B::div | B::rem | B::pow | B::copysign | B::gcd | B::shl | B::shr) => call(&format!("i32_{op:?}")),
        (Lane::I64, B::add | B::sub | B::mul | B::rem | B::pow | B::copysign | B::gcd | B::min | B::max) => {
            call(&format!("i64_{op:?}"))
        }
        (Lane::I64, B::div) => call("i64_div_trunc"),
        (Lane::I64, B::bit_and) => call("i64_and"),
        (Lane::I64, B::bit_or) => call("i64_or"),
        (Lane::I64, B::bit_xor) => call("i64_xor"),
        (Lane::I64, B::shl) => call("i64_shift_left"),
        (Lane::I64, B::shr) => call("i64_shift_right"),
        (Lane::I32 | Lane::I64, B::atan2 | B::zeta) => return None,
    })
}

fn compare(op: Compare, a: &str, b: &str, lane: Lane) -> String {
    use Compare as C;
    let sign = match op {
        C::eq => "==",
        C::ne => "!=",
        C::lt => "<",
        C::le => "<=",
        C::gt => ">",
        C::ge => ">=",
    };
    match (lane, op) {
        (Lane::C64, C::eq) => format!("c64_eq({a}, {b})"),
        (Lane::C64, C::ne) => format!("!c64_eq({a}, {b})"),
        // Order is that of the real parts, as on the CPU.
        (Lane::C64, _) => compare(op, &format!("({a}).x"), &format!("({b}).x"), Lane::F32),
        (Lane::I32, _) => format!("{a} {sign} {b}"),
        (Lane::F32, C::gt) => format!("rg_lt({b}, {a})"),
        (Lane::F32, C::ge) => format!("rg_le({b}, {a})"),
        (Lane::F32, _) => format!("rg_{op:?}({a}, {b})"),
        (Lane::I64, C::eq | C::lt) => format!("i64_{op:?}({a}, {b})"),
        (Lane::I64, C::ne) => format!("!i64_eq({a}, {b})"),
        (Lane::I64, C::gt) => format!("i64_lt({b}, {a})"),
        (Lane::I64, C::le) => format!("!i64_lt({b}, {a})"),
        (Lane::I64, C::ge) => format!("!i64_lt({a}, {b})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text() {
        let g = Graph::derive(|| {
            let x = Graph::leaf(1);
            Unary::tanh.apply(x) * 0.5 + Graph::leaf_param(0)
        });
        let want = "fn f(x1: f32, n0: f32) -> f32 {\n    let t1 = rg_tanh(x1);\n    let t3 = t1 * 0.5f;\n    let t5 = t3 + n0;\n    return t5;\n}\n";
        assert_eq!(function("f", &g, Lane::F32).unwrap(), want);
        assert!(function("f", &g, Lane::I64).is_none());
        assert_eq!(literal(-3.0, Lane::I64), "vec2<u32>(4294967293u, 4294967295u)");
        assert_eq!(literal(f64::NEG_INFINITY, Lane::F32), "(-rg_inf())");
    }
}
