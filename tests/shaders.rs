//! The WGSL of every kernel, checked without a device. wgpu's backend that runs nothing stands in for the GPU, each op of the
//! registry is called on it with its own samples, and the texts that it compiles are recorded: naga parses and validates them
//! with no optional capability, translates them to SPIR-V, MSL and HLSL, and a lint of our own reads them. This proves
//! translation, not that another maker's compiler accepts the result.

#[path = "shaders/lint.rs"]
mod lint;
#[path = "shaders/samples.rs"]
mod samples;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::OnceLock;

use crate::core::DType;
use crate::core::dtype::OnGpu;
use crate::expr::Graph;
use crate::expr::wgsl::{Lane, function};
use crate::gpu::words::Words;
use crate::gpu::{kernel, library};
use crate::ops::FILES;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use samples::{Making, Trouble};

/// Parses, validates with empty capabilities, translates to all three languages with explicit bindings, and lints.
fn check(name: &str, source: &str) {
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
    let bindings: Vec<naga::ResourceBinding> = module.global_variables.iter().filter_map(|(_, v)| v.binding).collect();
    lint::check(name, source, &module, &info);
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

/// What running all samples gave.
struct Record {
    /// The distinct texts, each with the op that compiled it first.
    texts: Vec<(String, String)>,
    /// Families and dtypes that the GPU lacks a kernel for, with an example.
    missing: BTreeMap<String, String>,
}

/// Calls whose sizes ask for other kernels than the registry's samples do: rows and arguments.
const LARGE: &[(&str, &str)] = &[
    ("mm", "u(130, 70), u(70, 100)"),
    ("mm", "u(70, 130).t(), u(100, 70).t()"),
    ("mm", "u(8, 70000), u(70000, 8)"),
    ("mm", "u(128, 9000), u(9000, 128)"),
    ("addmm", "u(100), u(130, 70), u(70, 100)"),
    ("mv", "u(300, 400), u(400)"),
    ("bmm", "u(3, 70, 80), u(3, 80, 90)"),
    ("conv2d", "u(2, 16, 20, 20), u(32, 16, 3, 3), u(32)"),
    ("conv2d", "u(2, 3, 9, 9), u(4, 3, 3, 3), stride=2"),
    ("sum", "u(3, 5000)"),
    ("sum", "u(70000)"),
    ("sum", "u(5000, 3), 0"),
    ("sum", "u(20000, 64), 0"),
    ("amax", "u(70000)"),
    ("cumprod", "u(3, 70000), 1"),
    ("cummax", "u(3, 70000), 1"),
    ("logcumsumexp", "u(3, 70000), 1"),
    ("softmax", "u(3, 5000), 1"),
    ("softmax", "u(64, 300), 0"),
    ("log_softmax", "u(3, 5000), 1"),
    ("layer_norm", "u(3, 5000), [5000], u(5000), u(5000)"),
    ("layer_norm", "u(3000, 64), [64], u(64), u(64)"),
    ("cross_entropy", "u(3000, 10), ix(3000, n=10)"),
    ("gather", "u(300, 4), 0, ix(5000, 4, n=300)"),
    ("index_select", "u(300, 4), 0, ix(5000, n=300)"),
    ("index_select", "u(300), 0, ix(600, n=300)"),
    ("index_select", "u(300), 0, ix(70000, n=300)"),
    ("embedding", "u(300, 4), ix(5000, n=300)"),
    ("scatter_add", "u(300), 0, ix(600, n=300), u(600)"),
    ("scatter_add", "u(300), 0, ix(70000, n=300), u(70000)"),
];

/// Every dtype that the GPU has, contiguous and not, with gradients and without.
fn makings() -> Vec<Making> {
    let dtypes = DType::ALL.into_iter().filter(|d| d.row().gpu != OnGpu::Nothing);
    let makings = dtypes.flat_map(|dtype| {
        let forms = [(false, false), (true, false), (false, true), (true, true)];
        let forms = forms.into_iter().filter(move |(_, grad)| !grad || dtype.is_differentiable());
        forms.map(move |(strided, grad)| Making { dtype, strided, grad })
    });
    makings.collect()
}

/// The kernels that the registry's samples compile, in every dtype that the GPU has, forward and backward.
fn record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| {
        use crate::device::gpu;
        gpu::pretend();
        gpu::gpu("tests").map(|_| ()).expect("wgpu's backend that runs nothing");
        kernel::texts();
        let (mut beyond, mut missing) = (BTreeSet::new(), BTreeMap::new());
        let makings = makings();
        let own = FILES.iter().flat_map(|(family, rows)| rows.iter().map(move |def| (*family, *def)));
        let own = own.flat_map(|(family, def)| def.samples.iter().map(move |s| (family, def, *s)));
        let large = LARGE.iter().map(|&(name, text)| ("large", samples::row(name), text));
        let calls = own.chain(large).flat_map(|call| makings.iter().map(move |&m| (call, m)));
        for ((family, def, text), making) in calls {
            let what = || format!("{}: {text}", def.schema[0]);
            match samples::run(def, text, making) {
                Ok(()) => {}
                Err(Trouble::Text(why)) => {
                    beyond.insert(format!("{}: {why}", what()));
                }
                Err(Trouble::Refused(e)) if samples::is_missing(&e) => {
                    let key = format!("{family} {}", making.dtype.name());
                    missing.entry(key).or_insert_with(|| format!("{}: {}", what(), e.message));
                }
                Err(Trouble::Panicked(why)) => panic!("{}: {why}", what()),
                Err(Trouble::Refused(e)) => {
                    let expected = !(family == "large" && making.dtype == DType::F32);
                    let internal = ["internal error", "shader"].iter().any(|w| e.message.contains(w));
                    assert!(expected && !internal, "{}: {}", what(), e.message);
                }
            }
        }
        optimizers();
        let beyond: Vec<String> = beyond.into_iter().collect();
        assert!(beyond.len() <= 5, "{} samples are not understood:\n{}", beyond.len(), beyond.join("\n"));
        let mut seen = HashSet::new();
        let texts = kernel::texts().into_iter().filter(|(_, text)| seen.insert(text.clone())).collect();
        Record { texts, missing }
    })
}

/// The steps of the optimizers, plain and with every choice made.
fn optimizers() {
    use crate::core::{Device, Layout, Meta};
    use crate::device::Array;
    use crate::ops::update::{Counter, Part, RULES};
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for strides in [[8, 1], [1, 8], [16, 2]] {
            let array = || {
                let flat = Meta::new(Layout::contiguous([256][..].into()), dtype, Device::GPU);
                let layout = Layout { shape: [8, 8][..].into(), strides: strides[..].into(), offset: 0 };
                Array::zeros(flat).expect("an array").with_layout(layout)
            };
            for rule in RULES {
                for (option, choices) in [(0.0, 0), (0.75, 0), (0.75, u32::MAX >> (32 - rule.choices.len()))] {
                    let mut counters: Vec<Counter> =
                        rule.counters.iter().map(|&(_, value)| Counter { value, single: true }).collect();
                    let options = vec![option; rule.options.len()];
                    let ready = (rule.prepare)(&options, choices, &mut counters).expect("as many options as it has");
                    let arrays: [Array; 6] = std::array::from_fn(|_| array());
                    let part = Part { x: arrays.each_ref(), numbers: ready.numbers, flags: ready.flags };
                    rule.run(&[part]).expect("a step");
                }
            }
        }
    }
}

#[test]
fn every_kernel_translates() {
    let texts = &record().texts;
    assert!(texts.len() > 500, "only {} kernels", texts.len());
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|s| {
        for part in texts.chunks(texts.len().div_ceil(threads)) {
            s.spawn(move || part.iter().for_each(|(op, text)| check(op, text)));
        }
    });
}

/// Names of the functions that a WGSL text declares.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("fn ").or_else(|| line.split_once(" fn ").map(|(_, rest)| rest))?;
        rest.split_once('(').map(|(name, _)| name.trim())
    })
}

/// The functions that kernels share, those included that no kernel names yet.
#[test]
fn every_shared_function_translates() {
    let report = "@group(0) @binding(1) var<storage, read_write> rg_report: array<atomic<u32>>;\n";
    let main = "@compute @workgroup_size(1)\nfn main() {}\n";
    check("the library", &format!("{}{report}{main}", library::FILES.concat()));
}

/// Every file of `shaders/` is checked above: one of shared functions as a whole, the body of a kernel in some kernel that
/// has most of its lines, its functions each in some kernel.
#[test]
fn no_shader_is_forgotten() {
    let texts = &record().texts;
    let declared: HashSet<&str> = texts.iter().flat_map(|(_, text)| functions(text)).collect();
    let mut wrong = vec![];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("shaders/").map(|e| e.expect("a file").path()).collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if library::FILES.contains(&text.as_str()) {
            continue;
        }
        for f in functions(&text).filter(|f| !declared.contains(f)) {
            wrong.push(format!("{name}: no kernel that is tested has its function {f}"));
        }
        if !functions(&text).any(|f| f == "main") {
            continue;
        }
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| l.len() > 3 && !l.starts_with("//")).collect();
        let shared = |kernel: &str| lines.iter().filter(|l| kernel.contains(*l)).count();
        if !texts.iter().any(|(_, kernel)| 2 * shared(kernel) > lines.len()) {
            wrong.push(format!("{name}: no kernel that is tested has its body"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Families and dtypes that have no kernel: products of 64-bit integers, which have 32 bits of hardware to stand on.
const MISSING: &[&str] = &[
    "average int64",
    "conv int64",
    "conv_transpose int64",
    "einsum int64",
    "exponential complex64",
    "large int64",
    "matmul int64",
    "matmul uint64",
    "products complex64",
    "products float32",
    "products int64",
];

/// Families with rows that have no kernel yet, in any dtype: delete one that has them all.
const NOT_YET: &[&str] = &[
    "attention",
    "cholesky",
    "ctc",
    "det",
    "eigen",
    "fft",
    "frames",
    "incomplete",
    "ldl",
    "lstsq",
    "lu",
    "norms",
    "pinv",
    "qr",
    "solve",
    "svd",
    "tensors",
    "variates",
];

#[test]
fn nothing_else_lacks_a_kernel() {
    let missing: Vec<String> = record().missing.iter().map(|(f, why)| format!("{f}: {why}")).collect();
    let (yet, rest): (Vec<&str>, Vec<&str>) = record().missing.keys().map(String::as_str).partition(|key| {
        let family = key.split(' ').next().unwrap_or_default();
        NOT_YET.contains(&family)
    });
    assert_eq!(rest, MISSING, "\n{}", missing.join("\n"));
    for family in NOT_YET {
        assert!(yet.iter().any(|key| key.starts_with(family)), "{family} has its kernels: delete it from the list");
    }
}

/// A text that is no WGSL is an error of its launch, and nothing more.
#[test]
fn a_shader_that_fails_to_compile() {
    record();
    let launch = |text: &'static str| {
        let body = || Ok(text.to_string());
        let id = text.as_ptr().addr();
        let kernel = kernel::Kernel { op: "broken", id, variant: 0, consts: &[], reads: &[], writes: &[], body: &body };
        kernel.run_linear(1, 1, &Words::NONE, &[])
    };
    let main = "@compute @workgroup_size(1) fn main() {}";
    for broken in
        ["fn main(", "@compute @workgroup_size(1) fn main() { let x = 1 + 1.0f; let y: i32 = x; }", "fn f() {}"]
    {
        let error = launch(broken).expect_err("a refusal");
        assert!(error.message.starts_with("broken: a shader failed to compile: "), "{}", error.message);
        assert_eq!(error.hint.as_deref(), Some("this is a mistake in rustgrad; please report it"));
        launch(main).expect("the next kernel runs");
    }
}

/// Every intrinsic prints in some lane, so that a row to come needs no new text.
#[test]
fn every_intrinsic_translates() {
    use crate::expr::graph::{Binary, Compare, Expr, Unary};
    let mut all: Vec<(String, Graph)> = vec![];
    for &u in Unary::ALL {
        all.push((format!("{u:?}"), Graph::derive(|| u.apply(Graph::leaf(0)))));
    }
    for &b in Binary::ALL {
        all.push((format!("{b:?}"), Graph::derive(|| b.apply(Graph::leaf(0), Graph::leaf(1)))));
    }
    for &c in Compare::ALL {
        use crate::expr::Scalar;
        let pick = || Expr::select(c.apply(Graph::leaf(0), Graph::leaf(1)), Graph::leaf(2), Graph::leaf_param(3));
        all.push((format!("{c:?}"), Graph::derive(pick)));
    }
    for (name, graph) in all {
        let mut lanes = 0;
        for lane in [Lane::F32, Lane::I32, Lane::I64, Lane::C64] {
            if let Some(formula) = function("formula", &graph, lane) {
                let main = "@compute @workgroup_size(64)\nfn main() {}\n";
                check(&format!("{name} {lane:?}"), &library::link(&format!("{formula}{main}"), None));
                lanes += 1;
            }
        }
        assert!(lanes > 0, "{name} has no WGSL");
    }
}
