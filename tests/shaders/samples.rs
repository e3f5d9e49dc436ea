//! The registry's samples on the GPU, without Python: their text is a handful of calls (`u(3, 2).t(), 1, dim=0`), read here
//! with the shapes, strides and dtypes that it names. Values are whatever the memory holds: the tests of kernels compile them,
//! and nothing runs.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::autograd::grad;
use crate::core::{DType, Device, Layout, Meta, Number, Shape};
use crate::device::Array;
use crate::error::{Error, Kind};
use crate::gpu::map::settle;
use crate::ops::elementwise::map::{Row, on};
use crate::ops::registry;
use crate::ops::schema::{Param, Schema, Type};
use crate::tensor::{Arg, Args, OpDef, Operand, Outs, Tensor};

/// What a sample's text may hold.
#[derive(Clone)]
enum Value {
    None,
    Tensor(Tensor),
    Number(Number),
    Bool(bool),
    Str(String),
    Name(String),
    List(Vec<Value>),
}

/// How the tensors of a sample are made.
#[derive(Clone, Copy)]
pub struct Making {
    pub dtype: DType,
    /// Spread over memory in another order.
    pub strided: bool,
    pub grad: bool,
}

/// Why a sample did not run.
pub enum Trouble {
    /// Its text is beyond what is read here.
    Text(String),
    /// The op refused it.
    Refused(Box<Error>),
    /// The op took data on the GPU for data of the CPU, or another panic.
    Panicked(String),
}

impl From<Box<Error>> for Trouble {
    fn from(e: Box<Error>) -> Trouble {
        Trouble::Refused(e)
    }
}

type Read<T> = Result<T, Trouble>;

fn beyond<T>(what: impl Into<String>) -> Read<T> {
    Err(Trouble::Text(what.into()))
}

/// As [`called`]; a panic of the op is a trouble like others.
pub fn run(def: &'static OpDef, text: &str, making: Making) -> Read<()> {
    std::panic::catch_unwind(|| called(def, text, making)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|s| s.to_string());
        Err(Trouble::Panicked(said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()))
    })
}

/// A row by the name of its first line.
pub fn row(name: &str) -> &'static OpDef {
    let is_it = |d: &&OpDef| Schema::parse(d.schema[0]).is_ok_and(|s| s.name == name);
    registry().find(is_it).unwrap_or_else(|| panic!("no row {name}"))
}

/// Runs `def` on a sample: the call, its gradients and theirs where they are asked for, and the forms that write.
fn called(def: &'static OpDef, text: &str, making: Making) -> Read<()> {
    let fresh = || {
        let mut r = Reader { rest: text, making, leaves: vec![] };
        let arguments = r.arguments(None)?;
        Ok::<_, Trouble>((arguments, r.leaves))
    };
    let (arguments, leaves) = fresh()?;
    let outs = tensors(call(def, &arguments, false, &[])?);
    settle()?;
    if making.grad && !leaves.is_empty() {
        return gradients(&outs, &leaves);
    }
    let room: Vec<Tensor> = outs.iter().map(|t| empty(&[0], t.dtype())).collect::<Read<_>>()?;
    if def.variants.has_out() && !room.is_empty() {
        // What only `out=` refuses is no matter here.
        let _ = call(def, &fresh()?.0, false, &room.iter().collect::<Vec<_>>());
        settle()?;
    }
    if def.variants.has_inplace() {
        let _ = call(def, &fresh()?.0, true, &[]);
    }
    if !making.strided {
        // With another call in one kernel.
        let again = tensors(call(def, &fresh()?.0, false, &[])?);
        let _sums: Vec<_> = again.iter().map(|t| t.add(t)).collect();
        drop(again);
        settle()?;
    }
    Ok(settle()?)
}

fn gradients(outs: &[Tensor], leaves: &[Tensor]) -> Read<()> {
    let with_grad = |ts: &[Tensor]| -> Read<Vec<(Tensor, Option<Tensor>)>> {
        let ts = ts.iter().filter(|t| t.requires_grad());
        ts.map(|t| Ok((t.clone(), Some(empty(t.shape(), t.dtype())?)))).collect()
    };
    let roots = with_grad(outs)?;
    if roots.is_empty() {
        return Ok(());
    }
    // Kernels of their own, and the ops that can be differentiated again.
    let plain = grad(&roots, leaves, true, false, true)?;
    settle()?;
    drop(plain);
    let first: Vec<Tensor> = grad(&roots, leaves, true, true, true)?.into_iter().flatten().collect();
    let roots = with_grad(&first)?;
    if !roots.is_empty() {
        let second = grad(&roots, leaves, true, false, true)?;
        settle()?;
        drop(second);
    }
    Ok(settle()?)
}

fn tensors(outs: Outs) -> Vec<Tensor> {
    match outs {
        Outs::Tensor(t) => vec![t],
        Outs::Many(ts) => ts,
        _ => vec![],
    }
}

fn empty(shape: &[usize], dtype: DType) -> Read<Tensor> {
    let meta = Meta::new(Layout::contiguous(Shape::from(shape)), dtype, Device::GPU);
    Ok(crate::tensor::door::enter("test", Array::zeros(meta)?))
}

/// Methods by name, for what stands after a dot.
fn methods() -> &'static HashMap<&'static str, &'static OpDef> {
    static METHODS: OnceLock<HashMap<&str, &OpDef>> = OnceLock::new();
    METHODS.get_or_init(|| {
        let lines = registry().flat_map(|d| d.schema.iter().map(move |line| (*line, d)));
        let parsed = lines.filter_map(|(line, d)| Some((Schema::parse(line).ok()?, d)));
        parsed.filter(|(s, _)| s.place.method).map(|(s, d)| (s.name, d)).collect()
    })
}

type Arguments = (Vec<Value>, Vec<(String, Value)>);

/// Calls the first overload that takes the arguments.
fn call(def: &'static OpDef, (positional, named): &Arguments, inplace: bool, out: &[&Tensor]) -> Read<Outs> {
    for (overload, line) in def.schema.iter().enumerate() {
        let schema = Schema::parse(line)?;
        if let Some(values) = bound(&schema, positional, named) {
            return Ok(crate::ops::call(schema.name, def, &Args { overload, values: &values, inplace, out })?);
        }
    }
    beyond("no overload takes the arguments")
}

/// The arguments in the order of the schema. Lists are leaked: tests are few and short.
fn bound<'a>(schema: &Schema, positional: &'a [Value], named: &'a [(String, Value)]) -> Option<Vec<Arg<'a>>> {
    let mut values = vec![Arg::None; schema.params.len()];
    let mut given = vec![false; schema.params.len()];
    let order: Vec<usize> = (0..schema.params.len()).filter(|&i| !schema.params[i].keyword_only).collect();
    for (at, v) in positional.iter().enumerate() {
        let i = *order.get(at)?;
        let last = at + 1 == order.len();
        let spread = schema.params[i].spread && is_tensor(v) && !matches!(v, Value::List(_));
        if spread || last && schema.params[i].ty == Type::Ints && matches!(v, Value::Number(_)) {
            // `view(2, 3)`, `meshgrid(x, y)`: the rest is one list.
            let rest: &Value = Box::leak(Box::new(Value::List(positional[at..].to_vec())));
            values[i] = argument(rest, &schema.params[i])?;
            given[i] = true;
            break;
        }
        values[i] = argument(v, &schema.params[i])?;
        given[i] = true;
    }
    for (name, v) in named {
        let i = schema.params.iter().position(|p| p.name == name || (p.name == "self" && name == "input"))?;
        values[i] = argument(v, &schema.params[i])?;
        given[i] = true;
    }
    let has_tensor = positional.iter().any(is_tensor);
    for (i, p) in schema.params.iter().enumerate().filter(|(i, _)| !given[*i]) {
        use crate::ops::schema::Default as D;
        values[i] = match &p.default {
            // What is made from nothing is made on the GPU.
            _ if p.ty == Type::Device && !has_tensor => Arg::Device(Device::GPU),
            None => return None,
            Some(D::None) => Arg::None,
            Some(D::Bool(b)) => Arg::Bool(*b),
            Some(D::Int(n)) => match p.ty {
                Type::Ints => Arg::Ints(vec![*n; p.len.unwrap_or(1)].leak()),
                Type::Bool => Arg::Bool(*n != 0),
                _ => Arg::Number(Number::Int(*n)),
            },
            Some(D::Float(v)) => Arg::Number(Number::Float(*v)),
            Some(D::Str(_)) if p.ty == Type::MemoryFormat => Arg::None,
            Some(D::Str(s)) => Arg::Str(s),
            Some(D::Ints(v)) => Arg::Ints(v.clone().leak()),
        };
    }
    Some(values)
}

fn is_tensor(v: &Value) -> bool {
    match v {
        Value::Tensor(_) => true,
        Value::List(items) => items.iter().any(is_tensor),
        _ => false,
    }
}

fn argument<'a>(v: &'a Value, p: &Param) -> Option<Arg<'a>> {
    let number = |v: &Value| match v {
        Value::Number(n) => Some(*n),
        _ => None,
    };
    let int = |v: &Value| match v {
        Value::Number(Number::Int(n)) => Some(*n),
        _ => None,
    };
    Some(match (p.ty, v) {
        (_, Value::None) if p.optional => Arg::None,
        (Type::Tensor | Type::Operand, Value::Tensor(t)) => Arg::Tensor(t),
        (Type::Operand | Type::Scalar | Type::Float, Value::Number(n)) => Arg::Number(*n),
        (Type::Operand | Type::Scalar | Type::Bool, Value::Bool(b)) => Arg::Bool(*b),
        (Type::Int, Value::Number(n @ Number::Int(_))) => Arg::Number(*n),
        (Type::Ints, Value::Number(Number::Int(n))) => Arg::Ints(vec![*n; p.len.unwrap_or(1)].leak()),
        (Type::Ints, Value::List(items)) => Arg::Ints(items.iter().map(int).collect::<Option<Vec<i64>>>()?.leak()),
        (Type::Scalars, Value::List(items)) => {
            Arg::Numbers(items.iter().map(number).collect::<Option<Vec<Number>>>()?.leak())
        }
        (Type::Floats, Value::List(items)) => {
            let float = |v: &Value| number(v).map(Number::to_f64);
            Arg::Floats(items.iter().map(float).collect::<Option<Vec<f64>>>()?.leak())
        }
        (Type::Tensors, Value::List(items)) => {
            let tensor = |v: &'a Value| match v {
                Value::Tensor(t) => Some(t),
                _ => None,
            };
            Arg::Tensors(items.iter().map(tensor).collect::<Option<Vec<&Tensor>>>()?.leak())
        }
        (Type::Str | Type::MemoryFormat, Value::Str(s) | Value::Name(s)) => Arg::Str(s),
        (Type::Device, Value::Str(s)) => Arg::Device(Device::parse(s).ok()?),
        (Type::DType, Value::Name(s)) => Arg::DType(dtype(s)?),
        _ => return None,
    })
}

fn dtype(name: &str) -> Option<DType> {
    DType::ALL.into_iter().find(|d| d.name() == name)
}

/// `x.dtype` and `x.mT`.
fn attribute(v: &Value, name: &str) -> Read<Value> {
    match (v, name) {
        (Value::Tensor(t), "dtype") => Ok(Value::Name(t.dtype().name().to_string())),
        (Value::Tensor(t), "mT") if t.shape().len() >= 2 => {
            let mut order: Vec<usize> = (0..t.shape().len()).collect();
            order.swap(t.shape().len() - 2, t.shape().len() - 1);
            Ok(Value::Tensor(t.permute(&order)?))
        }
        _ => beyond(format!("attribute {name}")),
    }
}

fn operand(v: &Value) -> Read<Operand<'_>> {
    match v {
        Value::Tensor(t) => Ok(Operand::Tensor(t)),
        Value::Number(n) => Ok(Operand::Number(*n)),
        _ => beyond("arithmetic"),
    }
}

struct Reader<'a> {
    rest: &'a str,
    making: Making,
    leaves: Vec<Tensor>,
}

impl Reader<'_> {
    /// Whether `text` comes next; it is taken then.
    fn takes(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(text) {
            Some(rest) => self.rest = rest,
            None => return false,
        }
        true
    }

    fn word(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_string()
    }

    /// Up to `end`, or to the end of the text.
    fn arguments(&mut self, end: Option<&str>) -> Read<Arguments> {
        let (mut positional, mut named) = (vec![], vec![]);
        loop {
            match end {
                Some(end) if self.takes(end) => return Ok((positional, named)),
                None if self.rest.trim().is_empty() => return Ok((positional, named)),
                _ => {}
            }
            let before = self.rest;
            let word = self.word();
            if !word.is_empty() && self.rest.starts_with('=') && !self.rest.starts_with("==") {
                self.rest = &self.rest[1..];
                let v = self.value()?;
                named.push((word, v));
            } else {
                self.rest = before;
                positional.push(self.value()?);
            }
            self.takes(",");
        }
    }

    fn value(&mut self) -> Read<Value> {
        let mut v = self.single()?;
        loop {
            if self.takes(".") {
                let name = self.word();
                if !self.takes("(") {
                    v = attribute(&v, &name)?;
                    continue;
                }
                let (positional, named) = self.arguments(Some(")"))?;
                let Some(&def) = methods().get(name.as_str()) else { return beyond(format!("method {name}")) };
                let all = std::iter::once(v).chain(positional).collect();
                v = match tensors(call(def, &(all, named), false, &[])?).first() {
                    Some(t) => Value::Tensor(t.clone()),
                    None => return beyond(format!("result of {name}")),
                };
            } else if self.takes("[") {
                v = self.sliced(v)?;
            } else if let Some(row) = self.operator() {
                let b = self.single()?;
                let sides = [operand(&v)?, operand(&b)?];
                if sides.iter().all(|side| matches!(side, Operand::Number(_))) {
                    return beyond("arithmetic of numbers");
                }
                v = Value::Tensor(on(row, sides)?);
            } else {
                return Ok(v);
            }
        }
    }

    /// The row of the operator that comes next, from left to right: shapes ask for no precedence.
    fn operator(&mut self) -> Option<&'static Row> {
        use crate::ops::elementwise::{binary, compare};
        let rows =
            [("*", &binary::mul::ROW), ("/", &binary::div::ROW), ("+", &binary::add::ROW), ("-", &binary::sub::ROW)];
        rows.into_iter().chain([(">", &compare::gt::ROW)]).find_map(|(sign, row)| self.takes(sign).then_some(row))
    }

    /// `[:, ::2]`, `[1:]`: whole dims, starts and steps.
    fn sliced(&mut self, v: Value) -> Read<Value> {
        let Value::Tensor(mut t) = v else { return beyond("slice") };
        let mut dim = 0;
        while !self.takes("]") {
            let size = t.shape().get(dim).copied().unwrap_or(0);
            let start = self.word().parse::<usize>().unwrap_or(0).min(size);
            let step = match () {
                () if self.takes("::") => self.word().parse().or_else(|_| beyond("slice"))?,
                () if self.takes(":") => 1,
                () => return beyond("slice"),
            };
            t = t.slice(dim, start, (size - start).div_ceil(step), step)?;
            dim += 1;
            self.takes(",");
        }
        Ok(Value::Tensor(t))
    }

    fn single(&mut self) -> Read<Value> {
        if self.takes("-") {
            return match self.single()? {
                Value::Number(Number::Int(n)) => Ok(Value::Number(Number::Int(-n))),
                Value::Number(n) => Ok(Value::Number(Number::Float(-n.to_f64()))),
                _ => beyond("minus"),
            };
        }
        for (open, close) in [("[", "]"), ("(", ")")] {
            if self.takes(open) {
                let before = self.rest;
                let mut items = self.arguments(Some(close))?.0;
                let inside = before[..before.len() - self.rest.len()].trim_end_matches(close).trim_end();
                // `(x)` is x, `(x,)` a tuple.
                let group = open == "(" && items.len() == 1 && !inside.ends_with(',');
                return Ok(if group { items.remove(0) } else { Value::List(items) });
            }
        }
        for quote in ["'", "\""] {
            if self.takes(quote) {
                let Some((inside, rest)) = self.rest.split_once(quote) else { return beyond("string") };
                self.rest = rest;
                return Ok(Value::Str(inside.to_string()));
            }
        }
        self.rest = self.rest.trim_start();
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.number();
        }
        let word = self.word();
        if word == "torch" && self.takes(".") {
            let name = self.word();
            return if self.takes("(") { self.creation(&name) } else { Ok(Value::Name(name)) };
        }
        if self.takes("(") {
            let (positional, named) = self.arguments(Some(")"))?;
            return Ok(Value::Tensor(self.tensor(&word, &positional, &named)?));
        }
        Ok(match word.as_str() {
            "" => return beyond(self.rest),
            "None" => Value::None,
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "INF" | "inf" => Value::Number(Number::Float(f64::INFINITY)),
            "NAN" | "nan" => Value::Number(Number::Float(f64::NAN)),
            _ => Value::Name(word),
        })
    }

    fn number(&mut self) -> Read<Value> {
        let mut end = 0;
        for (i, c) in self.rest.char_indices() {
            let sign = (c == '-' || c == '+') && self.rest[..i].ends_with('e');
            if !(c.is_ascii_digit() || c == '.' || c == 'e' || c == '*' || sign) {
                break;
            }
            end = i + 1;
        }
        let text = self.rest[..end].trim_end_matches('*');
        self.rest = &self.rest[text.len()..];
        if let Some((a, b)) = text.split_once("**") {
            return match (a.parse::<i64>(), b.parse::<u32>()) {
                (Ok(a), Ok(b)) => Ok(Value::Number(Number::Int(a.wrapping_pow(b)))),
                _ => beyond(text),
            };
        }
        match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(n), _) => Ok(Value::Number(Number::Int(n))),
            (_, Ok(v)) => Ok(Value::Number(Number::Float(v))),
            _ => beyond(text),
        }
    }

    /// `torch.tensor([[1.0, 2.0]])`, `torch.eye(3, dtype=torch.int32)`: of float32 if nothing is said, on the GPU as all.
    fn creation(&mut self, name: &str) -> Read<Value> {
        let (positional, named) = self.arguments(Some(")"))?;
        let size = |v: &Value| match v {
            Value::Number(n) => Ok(n.to_i64() as usize),
            _ => beyond("size"),
        };
        let mut shape = vec![];
        match name {
            "tensor" => {
                let mut inside = positional.first();
                while let Some(Value::List(items)) = inside {
                    shape.push(items.len());
                    inside = items.first();
                }
            }
            "eye" => shape = vec![size(&positional[0])?; 2],
            "zeros" | "ones" => shape = positional.iter().map(size).collect::<Read<_>>()?,
            _ => return beyond(format!("torch.{name}()")),
        }
        let dtype = match named.iter().find(|(name, _)| name == "dtype") {
            Some((_, Value::Name(name))) => dtype(name),
            _ => Some(DType::F32),
        };
        self.takes(".to(mask(1).device)");
        Ok(Value::Tensor(empty(&shape, dtype.unwrap_or(DType::F32))?))
    }

    /// What `u(2, 3)` and its like make.
    fn tensor(&mut self, name: &str, positional: &[Value], named: &[(String, Value)]) -> Read<Tensor> {
        let _ = named; // bounds of values
        let sizes = positional.iter().map(|v| match v {
            Value::Number(n) => Some(n.to_i64() as usize),
            _ => None,
        });
        let sizes: Option<Vec<usize>> = match name {
            "edges" | "at" => Some(vec![positional.len()]),
            _ => sizes.collect(),
        };
        let Some(shape) = sizes else { return beyond(format!("shape of {name}")) };
        let dtype = match name {
            "u" | "pos" | "nz" | "uniq" | "edges" => self.making.dtype,
            "ix" | "at" => DType::I64,
            "mask" => DType::Bool,
            "cx" => DType::C64,
            _ => return beyond(format!("{name}()")),
        };
        let t = if self.making.strided { spread(&shape, dtype)? } else { empty(&shape, dtype)? };
        if self.making.grad && dtype.is_differentiable() {
            t.set_requires_grad(true)?;
            self.leaves.push(t.clone());
        }
        Ok(t)
    }
}

/// Dims in reverse order, every other element.
fn spread(shape: &[usize], dtype: DType) -> Read<Tensor> {
    let mut wide: Vec<usize> = shape.iter().rev().copied().collect();
    wide.push(2);
    let whole = empty(&wide, dtype)?;
    let order: Vec<usize> = (0..shape.len()).rev().collect();
    Ok(whole.select(shape.len(), 0)?.permute(&order)?.detach())
}

/// Whether a refusal means that the GPU lacks the op.
pub fn is_missing(e: &Error) -> bool {
    e.kind == Kind::NotImplemented && e.message.contains("not implemented on the GPU")
}
