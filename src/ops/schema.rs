//! The signature language: PyTorch's, with places. `nn.relu(Tensor input, bool inplace=False) -> Tensor`.
//!
//! Parsed once at import; what it yields drives the binding, the stub, the docs and the generated tests.

use crate::error::Result;
use crate::tensor::declare::OPTIONS;
use crate::{bail, spoken};

/// Where a name lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// On Tensor.
    pub method: bool,
    /// The submodule of the function: `torch` for the top of the package, else its dotted name there (`nn`, `fft`).
    pub module: Option<&'static str>,
}

impl Place {
    /// No prefix: a method, and a function.
    const BOTH: Place = Place { method: true, module: Some("torch") };

    /// The place that a dotted prefix names, and the rest.
    pub fn split(text: &'static str) -> (Place, &'static str) {
        let name = &text[..text.find('(').unwrap_or(text.len())];
        let Some(dot) = name.rfind('.') else { return (Place::BOTH, text) };
        let place = match &text[..dot] {
            "method" => Place { method: true, module: None },
            "function" => Place { method: false, module: Some("torch") },
            module => Place { method: false, module: Some(module) },
        };
        (place, &text[dot + 1..])
    }

    /// The place of an alias: its own, or where it has no prefix that of the line it is another name of.
    pub fn of_alias(alias: &'static str, line: Place) -> (Place, &'static str) {
        if alias.contains('.') { Place::split(alias) } else { (line, alias) }
    }
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Tensor,
    /// A tensor or a Python number.
    Operand,
    Scalar,
    Int,
    Float,
    Bool,
    Str,
    DType,
    Device,
    Layout,
    MemoryFormat,
    Generator,
    /// Any Python object, handed on as it is.
    Any,
    Tensors,
    /// Tensors, some of which may be None.
    OptionalTensors,
    Scalars,
    Ints,
    Floats,
    Bools,
}

impl Type {
    /// The type's name and whether it is a list: `int[2]` gives `Ints`.
    fn parse(base: &str, list: bool) -> Option<Type> {
        Some(match (base, list) {
            ("Tensor", false) => Type::Tensor,
            ("Tensor", true) => Type::Tensors,
            ("Tensor?", true) => Type::OptionalTensors,
            ("Scalar", true) => Type::Scalars,
            ("Operand", false) => Type::Operand,
            ("Scalar" | "Number", false) => Type::Scalar,
            ("int" | "SymInt", false) => Type::Int,
            ("int" | "SymInt", true) => Type::Ints,
            ("float", false) => Type::Float,
            ("float", true) => Type::Floats,
            ("bool", false) => Type::Bool,
            ("bool", true) => Type::Bools,
            ("str", false) => Type::Str,
            ("dtype" | "ScalarType", false) => Type::DType,
            ("device" | "Device", false) => Type::Device,
            ("layout" | "Layout", false) => Type::Layout,
            ("memory_format" | "MemoryFormat", false) => Type::MemoryFormat,
            ("Generator", false) => Type::Generator,
            ("Any", false) => Type::Any,
            _ => return None,
        })
    }

    /// As PyTorch's messages call it.
    pub fn spoken(self) -> &'static str {
        match self {
            Type::Tensor | Type::Operand => "Tensor",
            Type::Scalar => "Number",
            Type::Int => "int",
            Type::Float => "float",
            Type::Bool => "bool",
            Type::Str => "str",
            Type::DType => spoken!("dtype"),
            Type::Device => spoken!("device"),
            Type::Layout => spoken!("layout"),
            Type::MemoryFormat => spoken!("memory_format"),
            Type::Generator => spoken!("Generator"),
            Type::Any => "object",
            Type::Tensors | Type::OptionalTensors => "tuple of Tensors",
            Type::Scalars => "tuple of Scalars",
            Type::Ints => "tuple of ints",
            Type::Floats => "tuple of floats",
            Type::Bools => "tuple of bools",
        }
    }
}

/// What stands for a parameter that is not given.
#[derive(Debug, Clone, PartialEq)]
pub enum Default {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'static str),
    Ints(Vec<i64>),
}

#[derive(Debug, Clone)]
pub struct Param {
    pub name: &'static str,
    pub ty: Type,
    /// None may be passed.
    pub optional: bool,
    /// The length of `int[2]`: a bare int stands for that many.
    pub len: Option<usize>,
    pub default: Option<Default>,
    pub keyword_only: bool,
    /// `*Tensor[] tensors`: the positional arguments themselves are the list.
    pub spread: bool,
}

/// What a call gives back.
#[derive(Debug, Clone, PartialEq)]
pub enum Returns {
    Tensor,
    /// A tuple of tensors.
    Tensors,
    /// A named tuple of tensors.
    Named(Vec<&'static str>),
    None,
    /// Another type, as Python writes it.
    Other(&'static str),
}

#[derive(Debug, Clone)]
pub struct Schema {
    pub place: Place,
    pub name: &'static str,
    pub params: Vec<Param>,
    pub returns: Returns,
    /// What the line's end says of `out=` where it differs from its row and place: `; no out` or `; out`.
    pub out: Option<bool>,
    /// Python's operators that call this line: `; __add__ __radd__ __iadd__`.
    pub operators: Vec<&'static str>,
}

impl Schema {
    pub fn parse(line: &'static str) -> Result<Schema> {
        let (place, rest) = Place::split(line.trim());
        let Some((name, rest)) = rest.split_once('(') else { bail!(Value, "schema without arguments: {line}") };
        let Some(end) = closing(rest) else { bail!(Value, "schema with an open bracket: {line}") };
        let (inside, after) = (expanded(&rest[..end]), rest[end + 1..].trim());
        let (after, notes) = after.split_once(';').unwrap_or((after, ""));
        let (mut out, mut operators) = (None, Vec::new());
        let mut words = notes.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "out" => out = Some(true),
                "no" if words.next() == Some("out") => out = Some(false),
                _ if word.starts_with("__") && word.ends_with("__") => operators.push(word),
                _ => bail!(Value, "schema with text after its arguments: {line}"),
            }
        }
        let mut params = Vec::new();
        let mut keyword_only = false;
        for part in split(inside) {
            if part == "*" {
                keyword_only = true;
                continue;
            }
            match param(part, keyword_only) {
                Some(p) => params.push(p),
                None => bail!(Value, "schema argument '{part}' not understood: {line}"),
            }
        }
        let returns = match after.strip_prefix("->").map(str::trim) {
            None if after.is_empty() => Returns::Tensor,
            None => bail!(Value, "schema with text after its arguments: {line}"),
            Some(text) => returns(text.trim()),
        };
        Ok(Schema { place, name: name.trim(), params, returns, out, operators })
    }

    /// Parameters that may be given by position.
    pub fn positional(&self) -> usize {
        self.params.iter().filter(|p| !p.keyword_only).count()
    }

    /// Whether the first parameter is `self`, so that there can be a method and an in-place form.
    pub fn has_self(&self) -> bool {
        self.params.first().is_some_and(|p| p.name == "self" && p.ty == Type::Tensor)
    }
}

/// `{options}` written out. Lines are parsed once, at import, and live for ever.
fn expanded(text: &'static str) -> &'static str {
    if text.contains("{options}") { text.replace("{options}", OPTIONS).leak() } else { text }
}

/// Where the bracket that was opened before `text` closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(i),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parts between commas that stand in no bracket.
fn split(text: &'static str) -> Vec<&'static str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|p| !p.is_empty());
    parts
}

/// `int[2]? dim=None`; an alias mark, as in `Tensor(a!)`, is skipped.
fn param(text: &'static str, keyword_only: bool) -> Option<Param> {
    let (declared, default) = match text.split_once('=') {
        Some((declared, value)) => (declared.trim(), Some(value_of(value.trim())?)),
        None => (text, None),
    };
    let (kind, name) = declared.rsplit_once(' ')?;
    let kind = kind.trim();
    let (kind, spread) = kind.strip_prefix('*').map_or((kind, false), |kind| (kind, true));
    let optional = kind.ends_with('?');
    let kind = kind.trim_end_matches('?');
    let (base, len, list) = match kind.split_once('[') {
        Some((base, rest)) => {
            let digits = rest.strip_suffix(']')?;
            (base, if digits.is_empty() { None } else { Some(digits.parse().ok()?) }, true)
        }
        None => (kind, None, false),
    };
    let base = base.split_once('(').map_or(base, |(b, _)| b);
    let base = if list { base } else { base.trim_end_matches('?') };
    let ty = Type::parse(base, list)?;
    Some(Param { name, ty, optional: optional || default == Some(Default::None), len, default, keyword_only, spread })
}

fn value_of(text: &'static str) -> Option<Default> {
    Some(match text {
        "None" => Default::None,
        "True" => Default::Bool(true),
        "False" => Default::Bool(false),
        "inf" => Default::Float(f64::INFINITY),
        "-inf" => Default::Float(f64::NEG_INFINITY),
        _ => {
            if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
                let items: Option<Vec<i64>> =
                    inner.split(',').map(str::trim).filter(|s| !s.is_empty()).map(|s| s.parse().ok()).collect();
                return Some(Default::Ints(items?));
            }
            for quote in ['"', '\''] {
                if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
                    return Some(Default::Str(inner));
                }
            }
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(i), _) => Default::Int(i),
                (_, Ok(f)) => Default::Float(f),
                // A name, such as `contiguous_format` or PyTorch's `Mean`.
                _ if text.chars().all(|c| c.is_alphanumeric() || c == '_') => Default::Str(text),
                _ => return None,
            }
        }
    })
}

fn returns(text: &'static str) -> Returns {
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        let parts = split(inner);
        if parts.is_empty() {
            return Returns::None;
        }
        let names: Option<Vec<&'static str>> = parts.iter().map(|p| p.rsplit_once(' ').map(|(_, n)| n)).collect();
        return names.map_or(Returns::Tensors, Returns::Named);
    }
    match text {
        "Tensor" => Returns::Tensor,
        "None" => Returns::None,
        _ if text.starts_with("Tensor[") => Returns::Tensors,
        _ if text.starts_with("Tensor(") => Returns::Tensor,
        _ => Returns::Other(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_everything() {
        let s = Schema::parse(
            "nn.f(Tensor self, int[2]? dim=None, float p=0.5, *, Scalar alpha=1, str reduction='mean', int[] k=[1, -2]) -> (Tensor values, Tensor indices)",
        )
        .unwrap();
        assert_eq!(
            (s.place, s.name, s.positional(), s.has_self()),
            (Place { method: false, module: Some("nn") }, "f", 3, true)
        );
        assert_eq!((s.params[1].ty, s.params[1].len, s.params[1].optional), (Type::Ints, Some(2), true));
        assert_eq!(s.params[2].default, Some(Default::Float(0.5)));
        assert!(s.params[3].keyword_only && !s.params[2].keyword_only);
        assert_eq!(s.params[4].default, Some(Default::Str("mean")));
        assert_eq!(s.params[5].default, Some(Default::Ints(vec![1, -2])));
        assert_eq!(s.returns, Returns::Named(vec!["values", "indices"]));
    }

    #[test]
    fn pytorch_spellings() {
        let s = Schema::parse("view(Tensor(a) self, SymInt[] size) -> Tensor(a)").unwrap();
        assert_eq!((s.params[0].ty, s.params[1].ty, s.returns), (Type::Tensor, Type::Ints, Returns::Tensor));
        let s = Schema::parse("split(Tensor self, int n, ScalarType? dtype=None) -> Tensor[]").unwrap();
        assert_eq!((s.params[2].ty, s.returns), (Type::DType, Returns::Tensors));
        assert_eq!(Schema::parse("method.f(Tensor self)").unwrap().place, Place { method: true, module: None });
        let s = Schema::parse("signal.windows.f(int n, *, {options}) -> Tensor; no out").unwrap();
        assert_eq!((s.place.module, s.params.len(), s.out), (Some("signal.windows"), 6, Some(false)));
        let s = Schema::parse("f(*Tensor[] tensors, Tensor?[] indices, Scalar[] values) -> Tensor; __add__ __radd__")
            .unwrap();
        assert_eq!((s.params[0].ty, s.params[0].spread, s.operators.len()), (Type::Tensors, true, 2));
        assert_eq!((s.params[1].ty, s.params[2].ty), (Type::OptionalTensors, Type::Scalars));
        assert_eq!(Schema::parse("function.seed() -> int").unwrap().returns, Returns::Other("int"));
        assert!(Schema::parse("f(Tensor self").is_err());
        assert!(Schema::parse("f(Thing self)").is_err());
        assert!(Schema::parse("f(Tensor self) Tensor").is_err());
    }
}
