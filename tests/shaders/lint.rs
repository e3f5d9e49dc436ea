//! What the validator lets pass and a device does not: inexact builtins, float operators that drivers fold or lose NaN in,
//! barriers that not every invocation reaches, and limits that some adapters have.

use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{BinaryOperator as B, Expression, MathFunction as M, ScalarKind, Statement, TypeInner};

/// The files whose functions are there to wrap what is forbidden elsewhere.
const WRAPPERS: [&str; 2] = [include_str!("../../shaders/floats.wgsl"), include_str!("../../shaders/math.wgsl")];

pub fn check(name: &str, source: &str, module: &naga::Module, info: &ModuleInfo) {
    let fail = |what: &str| panic!("{name}: {what} in\n{source}");
    if source.lines().any(|l| l.trim_start().starts_with("enable ")) {
        fail("an extension");
    }
    let vars = || module.global_variables.iter().map(|(_, v)| v);
    let storage = vars().filter(|v| matches!(v.space, naga::AddressSpace::Storage { .. }));
    if storage.count() > 8 {
        fail("more than 8 storage buffers");
    }
    let shared = vars().filter(|v| v.space == naga::AddressSpace::WorkGroup);
    if shared.map(|v| module.types[v.ty].inner.size(module.to_ctx())).sum::<u32>() > 16 << 10 {
        fail("more than 16 KiB of shared memory");
    }
    for (i, e) in module.entry_points.iter().enumerate() {
        if e.workgroup_size.iter().product::<u32>() > 256 {
            fail("a workgroup above 256");
        }
        function(&e.function, info.get_entry_point(i), module, &fail);
        if barriers(&e.function.body) && !reached(&e.function.body, false) {
            fail("a barrier that not every invocation reaches");
        }
    }
    for (handle, f) in module.functions.iter() {
        let own = f.name.as_deref().unwrap_or_default();
        if !WRAPPERS.iter().any(|w| w.contains(&format!("fn {own}("))) {
            function(f, &info[handle], module, &fail);
        }
        if barriers(&f.body) && !reached(&f.body, false) {
            fail("a barrier that not every invocation reaches");
        }
    }
}

fn function(f: &naga::Function, info: &FunctionInfo, module: &naga::Module, fail: &dyn Fn(&str)) {
    let float = |e: naga::Handle<Expression>| {
        matches!(
            info[e].ty.inner_with(&module.types),
            TypeInner::Scalar(s) | TypeInner::Vector { scalar: s, .. } if s.kind == ScalarKind::Float
        )
    };
    for (_, e) in f.expressions.iter() {
        match *e {
            Expression::Math { fun, arg, .. } if float(arg) => {
                let exact = [M::Abs, M::Ceil, M::Floor, M::Round, M::Trunc, M::Sqrt, M::Fma, M::Dot];
                if !exact.contains(&fun) {
                    fail(&format!("the builtin {fun:?} of floats, for which there is a function of ours,"));
                }
            }
            // `x == x` is false for NaN and `x != x` too on some drivers; a comparison with a number is as good as it looks.
            Expression::Binary { op: B::Equal | B::NotEqual, left, right } if float(left) => {
                let literal = |e| matches!(f.expressions[e], Expression::Literal(_));
                if !literal(left) && !literal(right) {
                    fail("a comparison of floats for equality (rg_eq and rg_ne do it)");
                }
            }
            Expression::Binary { op: B::Modulo, left, .. } if float(left) => {
                fail("the float remainder (rg_fmod does it)")
            }
            _ => {}
        }
    }
}

/// Whether a block waits for the workgroup, at any depth.
fn barriers(block: &naga::Block) -> bool {
    block.iter().any(|s| match s {
        Statement::ControlBarrier(_) | Statement::WorkGroupUniformLoad { .. } => true,
        Statement::Block(b) => barriers(b),
        Statement::If { accept, reject, .. } => barriers(accept) || barriers(reject),
        Statement::Switch { cases, .. } => cases.iter().any(|c| barriers(&c.body)),
        Statement::Loop { body, continuing, .. } => barriers(body) || barriers(continuing),
        _ => false,
    })
}

/// Whether a block returns, at any depth.
fn returns(block: &naga::Block) -> bool {
    block.iter().any(|s| match s {
        Statement::Return { .. } => true,
        Statement::Block(b) => returns(b),
        Statement::If { accept, reject, .. } => returns(accept) || returns(reject),
        Statement::Switch { cases, .. } => cases.iter().any(|c| returns(&c.body)),
        Statement::Loop { body, continuing, .. } => returns(body) || returns(continuing),
        _ => false,
    })
}

/// Whether every barrier stands at the top or in a loop (whose bound the author answers for), none in a branch, and nothing
/// returns before the last. `gone`: some invocations may have returned.
fn reached(block: &naga::Block, mut gone: bool) -> bool {
    for s in block.iter() {
        match s {
            Statement::ControlBarrier(_) | Statement::WorkGroupUniformLoad { .. } if gone => return false,
            Statement::Block(b) => {
                if !reached(b, gone) {
                    return false;
                }
                gone |= returns(b);
            }
            Statement::If { accept, reject, .. } => {
                if barriers(accept) || barriers(reject) {
                    return false;
                }
                gone |= returns(accept) || returns(reject);
            }
            Statement::Switch { cases, .. } => {
                if cases.iter().any(|c| barriers(&c.body)) {
                    return false;
                }
                gone |= cases.iter().any(|c| returns(&c.body));
            }
            Statement::Loop { body, continuing, .. } => {
                // Its end comes before its beginning the next time.
                let inside = gone || returns(body);
                if !reached(body, inside) || !reached(continuing, inside) {
                    return false;
                }
                gone |= returns(body);
            }
            _ => {}
        }
    }
    true
}
