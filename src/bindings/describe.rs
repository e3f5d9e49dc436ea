//! The registry as Python data: what stubs, docs and generated tests are made from.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::entry::{Entry, METHODS, Overload, Target};
use super::mismatch::literal;
use crate::ops;
use crate::ops::schema::{Param, Returns, Type};

/// The docs of a row, naming the first argument as this place does: `input` of functions.
pub fn doc<'a>(entry: &Entry, text: &'a str) -> Cow<'a, str> {
    let first = entry.overloads.first().and_then(|o| o.schema.params.first());
    if entry.method || first.is_none_or(|p| p.name != "input") || !text.contains("self") {
        return text.into();
    }
    // Code stands between backticks.
    let parts = text.split('`').enumerate().map(|(i, part)| if i % 2 == 1 { word(part) } else { part.to_string() });
    parts.collect::<Vec<_>>().join("`").into()
}

/// `self` as `input`, where it is a word.
fn word(code: &str) -> String {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("self") {
        let (before, after) = (&rest[..at], &rest[at + 4..]);
        out += before;
        let whole = !letter(out.chars().last()) && !letter(after.chars().next());
        out += if whole { "input" } else { "self" };
        rest = after;
    }
    out + rest
}

/// The type of a result, as Python writes it.
pub fn returns(o: &Overload) -> Cow<'static, str> {
    if o.inplace {
        return "Tensor".into();
    }
    match &o.schema.returns {
        Returns::Tensor => "Tensor".into(),
        Returns::Tensors => "tuple[Tensor, ...]".into(),
        Returns::Named(names) => format!("tuple[{}]", vec!["Tensor"; names.len()].join(", ")).into(),
        Returns::None => "None".into(),
        Returns::Other(text) => (*text).into(),
    }
}

/// In a stub, builtin and module names get an underscore: Tensor has methods called `int` and `type`, and the
/// module dtypes called `float` and `bool`.
fn stub_returns(o: &Overload) -> String {
    if let (Returns::Named(_), false) = (&o.schema.returns, o.inplace) {
        // The class of the result, which `tests/test_stub.py` writes out.
        // SAFETY: a class that lives for ever.
        return format!("_named_{}", unsafe { super::entry::class_name(o.class) });
    }
    let text = returns(o);
    match &*text {
        "int" | "bool" | "str" | "float" | "bytes" | "complex" | "dtype" | "device" | "layout" => format!("_{text}"),
        "tuple" => "tuple[Any, ...]".into(),
        _ => text.into_owned(),
    }
}

/// The type of a parameter, as a stub writes it.
fn annotation(p: &Param) -> String {
    let base = match p.ty {
        Type::Tensor => "Tensor",
        Type::Operand => "Tensor | Number",
        Type::Scalar => "Number | Tensor",
        Type::Int => "_int | Tensor",
        Type::Float => "_float | Tensor",
        Type::Bool => "_bool",
        Type::Str => "_str",
        Type::DType => "_dtype | _type[_float | _bool]",
        Type::Device => "_device | _str | _int",
        Type::Layout => "_layout",
        Type::MemoryFormat => "_memory_format",
        Type::Generator => "Generator",
        Type::Any => "Any",
        Type::Tensors => "Sequence[Tensor]",
        Type::OptionalTensors => "Sequence[Tensor | None]",
        Type::Scalars => "Sequence[Number]",
        Type::Ints if p.len.is_none() => "Sequence[_int | Tensor]",
        Type::Ints => "_int | Sequence[_int | Tensor]",
        Type::Floats => "Sequence[_float]",
        Type::Bools => "Sequence[_bool]",
    };
    if p.optional && p.ty != Type::Any { format!("{base} | None") } else { base.into() }
}

/// Words of Python that PyTorch uses as parameters (`uniform_(from, to)`).
pub const RESERVED: [&str; 4] = ["from", "lambda", "in", "is"];

/// One `def` line of a stub, without its decorators and body.
fn stub_line(entry: &Entry, o: &Overload) -> String {
    let mut parts = Vec::new();
    let mut star = false;
    for (i, p) in o.schema.params.iter().enumerate() {
        if entry.method && i == 0 {
            parts.push("self".to_string());
            continue;
        }
        if p.keyword_only && !star {
            // After `*size: int` names are keyword-only anyway.
            if !o.varargs {
                parts.push("*".into());
            }
            star = true;
        }
        // A word that Python reserves can only be given by position.
        let name = if RESERVED.contains(&p.name) { format!("{}_", p.name) } else { p.name.to_string() };
        parts.push(match &p.default {
            None => format!("{name}: {}", annotation(p)),
            Some(d) => {
                let d = literal(d);
                let d = if d.ends_with("inf") { "..." } else { &d };
                format!("{name}: {} = {d}", annotation(p))
            }
        });
    }
    format!("def {}({}) -> {}: ...", entry.name, parts.join(", "), stub_returns(o))
}

/// The same line with the sizes spread: `def view(self, *size: int)`.
fn spread_line(entry: &Entry, o: &Overload) -> Option<String> {
    if !o.varargs {
        return None;
    }
    let mut parts = Vec::new();
    for (i, p) in o.schema.params.iter().enumerate() {
        parts.push(if entry.method && i == 0 {
            "self".to_string()
        } else if i == o.start {
            format!("*{}: _int | Tensor", p.name)
        } else {
            let d = p.default.as_ref().map(literal).unwrap_or_default();
            format!("{}: {} = {d}", p.name, annotation(p))
        });
    }
    Some(format!("def {}({}) -> {}: ...", entry.name, parts.join(", "), stub_returns(o)))
}

/// `_describe()`: rows (the registry's), natives (what is declared like them), names (the installed callables), and the attributes of Tensor.
pub fn describe<'py>(py: Python<'py>, entries: &[Entry]) -> PyResult<Bound<'py, PyDict>> {
    let rows = PyList::empty(py);
    let all = ops::FILES.iter().flat_map(|(name, rows)| rows.iter().map(move |def| (name, def)));
    for (family, def) in all.filter(|(_, def)| !def.schema.is_empty()) {
        let row = PyDict::new(py);
        row.set_item("family", family)?;
        row.set_item("schema", def.schema)?;
        row.set_item("aliases", def.aliases)?;
        row.set_item("doc", def.doc)?;
        row.set_item("inplace", def.variants.has_inplace())?;
        row.set_item("out", def.variants.has_out())?;
        row.set_item("samples", def.samples)?;
        row.set_item("reads", def.reads)?;
        rows.append(row)?;
    }
    let natives = PyList::empty(py);
    for native in super::native::rows() {
        let row = PyDict::new(py);
        row.set_item("schema", native.schema)?;
        row.set_item("reads", native.reads)?;
        natives.append(row)?;
    }
    let names = PyList::empty(py);
    for entry in entries {
        let item = PyDict::new(py);
        item.set_item("name", &entry.name)?;
        item.set_item("place", if entry.method { METHODS } else { entry.module })?;
        let native = entry.overloads.iter().all(|o| matches!(o.target, Target::Native(_)));
        item.set_item("native", native)?;
        let mut lines = Vec::new();
        for o in &entry.overloads {
            let line = stub_line(entry, o);
            lines.extend(spread_line(entry, o));
            lines.push(line);
        }
        let mut unique: Vec<String> = Vec::new();
        lines.into_iter().for_each(|l| {
            if !unique.contains(&l) {
                unique.push(l);
            }
        });
        item.set_item("stub", unique)?;
        let mut docs: Vec<String> = Vec::new();
        entry.overloads.iter().map(|o| doc(entry, o.target.doc()).into_owned()).for_each(|d| {
            if !docs.contains(&d) {
                docs.push(d);
            }
        });
        item.set_item("doc", docs.join("\n\n"))?;
        names.append(item)?;
    }
    let attributes = PyList::empty(py);
    for a in super::attributes::ATTRIBUTES {
        let item = PyDict::new(py);
        item.set_item("name", a.name.to_string_lossy())?;
        item.set_item("type", a.stub)?;
        item.set_item("writable", a.writable())?;
        item.set_item("doc", a.doc.to_string_lossy())?;
        attributes.append(item)?;
    }
    let out = PyDict::new(py);
    out.set_item("attributes", attributes)?;
    out.set_item("rows", rows)?;
    out.set_item("natives", natives)?;
    out.set_item("names", names)?;
    Ok(out)
}
