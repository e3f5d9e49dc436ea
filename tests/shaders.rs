//! The WGSL of every elementwise row, checked without a device: naga parses and validates it with no optional capability,
//! translates it to SPIR-V, MSL and HLSL, and a lint of our own reads the text. This proves translation, not that
//! another maker's compiler accepts the result.

use _rustgrad::expr::Graph;
use _rustgrad::expr::graph::Node;
use _rustgrad::expr::wgsl::{Lane, function, library};
use _rustgrad::ops::elementwise::map::{Row, Rule};
use _rustgrad::ops::elementwise::rows;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

/// A compute shader of one element an invocation around a formula. Bool operands are bytes in words; a bool result takes
/// a word of its own here, since packing is the business of the real kernel.
fn kernel(graph: &Graph, lane: Lane) -> Option<String> {
    let formula = function("formula", graph, lane)?;
    let mut inputs: Vec<(u8, bool)> = graph
        .nodes
        .iter()
        .filter_map(|n| match n {
            Node::Input(k) => Some((*k, false)),
            Node::MaskInput(k) => Some((*k, true)),
            _ => None,
        })
        .collect();
    inputs.sort_unstable();
    let mut text = format!("{}{formula}", library(lane));
    let mut arguments = vec![];
    for (at, (k, mask)) in inputs.iter().enumerate() {
        let ty = if *mask { "u32" } else { lane.name() };
        text += &format!("@group(0) @binding({}) var<storage, read> in{k}: array<{ty}>;\n", at + 1);
        arguments.push(if *mask {
            format!("((in{k}[i / 4u] >> (8u * (i % 4u))) & 0xffu) > 0u")
        } else {
            format!("in{k}[i]")
        });
    }
    let (ty, result) = if graph.is_mask() { ("u32", "select(0u, 1u, y)") } else { (lane.name(), "y") };
    text += &format!("@group(0) @binding({}) var<storage, read_write> res: array<{ty}>;\n", inputs.len() + 1);
    text += &format!(
        "@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3<u32>) {{\n    let i = id.x;\n    if (i < \
         arrayLength(&res)) {{\n        let y = formula({});\n        res[i] = {result};\n    }}\n}}\n",
        arguments.join(", ")
    );
    Some(text)
}

/// Parses, validates with empty capabilities, and translates to all three languages with explicit bindings.
fn check(name: &str, source: &str) {
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
    let bindings: Vec<naga::ResourceBinding> = module.global_variables.iter().filter_map(|(_, v)| v.binding).collect();
    let storage = module.global_variables.iter().filter(|(_, v)| matches!(v.space, naga::AddressSpace::Storage { .. }));
    assert!(storage.count() <= 8, "{name}: more than 8 storage buffers");
    for e in &module.entry_points {
        assert!(e.workgroup_size.iter().product::<u32>() <= 256, "{name}: a workgroup above 256");
    }
    to_spirv(name, &module, &info, &bindings);
    to_msl(name, &module, &info, &bindings);
    to_hlsl(name, &module, &info, &bindings);
}

fn to_spirv(name: &str, module: &naga::Module, info: &ModuleInfo, bindings: &[naga::ResourceBinding]) {
    let options = spv::Options {
        fake_missing_bindings: false,
        binding_map: bindings
            .iter()
            .map(|b| (*b, spv::BindingInfo { descriptor_set: b.group, binding: b.binding, binding_array_size: None }))
            .collect(),
        ..Default::default()
    };
    let words = spv::write_vec(module, info, &options, None).unwrap_or_else(|e| panic!("{name}: SPIR-V: {e}"));
    assert_eq!(words[0], 0x0723_0203, "{name}: SPIR-V");
}

fn to_msl(name: &str, module: &naga::Module, info: &ModuleInfo, bindings: &[naga::ResourceBinding]) {
    let resources = bindings
        .iter()
        .map(|b| (*b, msl::BindTarget { buffer: Some(b.binding as u8), mutable: true, ..Default::default() }))
        .collect();
    let entry = msl::EntryPointResources { resources, immediates_buffer: None, sizes_buffer: Some(30) };
    let options = msl::Options {
        lang_version: (2, 1),
        fake_missing_bindings: false,
        per_entry_point_map: module.entry_points.iter().map(|e| (e.name.clone(), entry.clone())).collect(),
        ..Default::default()
    };
    let (_, names) = msl::write_string(module, info, &options, &msl::PipelineOptions::default())
        .unwrap_or_else(|e| panic!("{name}: MSL: {e}"));
    for n in names.entry_point_names {
        n.unwrap_or_else(|e| panic!("{name}: MSL: {e}"));
    }
}

fn to_hlsl(name: &str, module: &naga::Module, info: &ModuleInfo, bindings: &[naga::ResourceBinding]) {
    let target = |b: &naga::ResourceBinding| hlsl::BindTarget {
        space: b.group as u8,
        register: b.binding,
        binding_array_size: None,
        dynamic_storage_buffer_offsets_index: None,
        restrict_indexing: true,
    };
    let options = hlsl::Options {
        fake_missing_bindings: false,
        binding_map: bindings.iter().map(|b| (*b, target(b))).collect(),
        ..Default::default()
    };
    let pipeline = hlsl::PipelineOptions::default();
    let mut text = String::new();
    let names = hlsl::Writer::new(&mut text, &options, &pipeline)
        .write(module, info, None)
        .unwrap_or_else(|e| panic!("{name}: HLSL: {e}"));
    for n in names.entry_point_names {
        n.unwrap_or_else(|e| panic!("{name}: HLSL: {e}"));
    }
}

/// What the text of a formula must not have: builtins of our own table, comparisons of floats that a driver may fold, the
/// float remainder, extensions.
fn lint(name: &str, formula: &str, lane: Lane) {
    const BUILTINS: [&str; 18] = [
        "exp",
        "exp2",
        "log",
        "log2",
        "tanh",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
        "cosh",
        "pow",
        "inverseSqrt",
        "min",
        "max",
    ];
    if lane == Lane::F32 {
        for b in BUILTINS {
            for (at, _) in formula.match_indices(&format!("{b}(")) {
                let before = formula[..at].chars().last().unwrap_or(' ');
                assert!(before.is_alphanumeric() || before == '_', "{name}: builtin {b} in\n{formula}");
            }
        }
        for sign in ["!=", "==", " % ", "inf,", "NaN"] {
            assert!(!formula.contains(sign), "{name}: {sign} in\n{formula}");
        }
    }
    assert!(!formula.contains("enable "), "{name}: an extension");
}

/// The lanes that the row's dtype rule lets onto the GPU: bool and the narrow integers compute in i32.
fn lanes(row: &Row, partial: bool) -> &'static [Lane] {
    match row.rule {
        _ if partial => &[Lane::F32],
        Rule::Float | Rule::FloatOnly => &[Lane::F32],
        Rule::Numeric | Rule::All => &[Lane::F32, Lane::I32, Lane::I64],
        Rule::Bits => &[Lane::I32, Lane::I64],
    }
}

#[test]
fn every_row_translates() {
    let mut count = 0;
    for row in rows() {
        let formulas = std::iter::once(&row.value).chain(row.grads.iter().flatten());
        for (i, f) in formulas.enumerate() {
            for &lane in lanes(row, i > 0) {
                let name = format!("{} {} {lane:?}", row.name, if i == 0 { "value" } else { "partial" });
                let graph = &f.facts().graph;
                let formula = function("formula", graph, lane).unwrap_or_else(|| panic!("{name}: no WGSL"));
                lint(&name, &formula, lane);
                check(&name, &kernel(graph, lane).unwrap_or_default());
                count += 1;
            }
        }
    }
    assert!(count > 100, "only {count} kernels");
}

/// Every intrinsic prints in some lane, so that a row to come needs no new text.
#[test]
fn every_intrinsic_translates() {
    use _rustgrad::expr::graph::{Binary, Compare, Expr, Unary};
    let mut all: Vec<(String, Graph)> = vec![];
    for &u in Unary::ALL {
        all.push((format!("{u:?}"), Graph::derive(|| u.apply(Graph::leaf(0)))));
    }
    for &b in Binary::ALL {
        all.push((format!("{b:?}"), Graph::derive(|| b.apply(Graph::leaf(0), Graph::leaf(1)))));
    }
    for &c in Compare::ALL {
        use _rustgrad::expr::Scalar;
        let pick = || Expr::select(c.apply(Graph::leaf(0), Graph::leaf(1)), Graph::leaf(2), Graph::leaf_param(3));
        all.push((format!("{c:?}"), Graph::derive(pick)));
    }
    for (name, graph) in all {
        let mut lanes = 0;
        for lane in [Lane::F32, Lane::I32, Lane::I64] {
            if let Some(text) = kernel(&graph, lane) {
                check(&format!("{name} {lane:?}"), &text);
                lanes += 1;
            }
        }
        assert!(lanes > 0, "{name} has no WGSL");
    }
}
