//! How kernels see their operands: the WGSL that declares operand `k` and defines `load{k}(i)` for inputs and `store{k}(i, v)`
//! for outputs, whatever the dtype. Narrow elements share words: they are unpacked to read, and written by compare-exchange, or
//! a whole word at a time where one invocation owns it. A buffer larger than what one binding shows is bound several times,
//! window after window, and `load` and `store` choose the window.

use crate::core::DType;
use crate::core::dtype::OnGpu;
use crate::expr::wgsl::Lane;

/// What a kernel computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    F32,
    I32,
    I64,
    Bool,
    /// A complex number: real and imaginary part.
    C64,
}

impl Type {
    pub const fn name(self) -> &'static str {
        match self {
            Type::F32 => "f32",
            Type::I32 => "i32",
            Type::I64 => "vec2<u32>",
            Type::Bool => "bool",
            Type::C64 => "vec2<f32>",
        }
    }

    /// Four of them.
    pub const fn four(self) -> &'static str {
        match self {
            Type::F32 => "vec4<f32>",
            Type::I32 => "vec4<i32>",
            Type::I64 => "array<vec2<u32>, 4>",
            Type::Bool => "vec4<bool>",
            Type::C64 => "array<vec2<f32>, 4>",
        }
    }

    /// Two of them.
    pub const fn two(self) -> &'static str {
        match self {
            Type::F32 => "vec2<f32>",
            Type::I32 => "vec2<i32>",
            Type::I64 => "array<vec2<u32>, 2>",
            Type::Bool => "vec2<bool>",
            Type::C64 => "array<vec2<f32>, 2>",
        }
    }

    /// What computes elements of this dtype without loss.
    pub const fn of(dtype: DType) -> Type {
        match dtype.row().gpu {
            OnGpu::F32 | OnGpu::Nothing => Type::F32,
            OnGpu::I64 => Type::I64,
            OnGpu::I32 => Type::I32,
            OnGpu::C64 => Type::C64,
        }
    }
}

impl From<Lane> for Type {
    fn from(lane: Lane) -> Type {
        match lane {
            Lane::F32 => Type::F32,
            Lane::I32 => Type::I32,
            Lane::I64 => Type::I64,
            Lane::C64 => Type::C64,
        }
    }
}

/// One operand of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access {
    pub dtype: DType,
    pub kind: Type,
    pub way: Way,
    /// An input over the buffer of an output, with its dtype and layout.
    pub over: bool,
    /// Which output that is.
    pub output: u8,
    /// How many bindings show it, one after the other.
    pub windows: u8,
    /// Bytes that each of them shows but the last, where there are several.
    pub window: u32,
}

impl Access {
    /// A number that stands for it in the key of a pipeline.
    pub const fn code(self) -> u64 {
        1 + (self.dtype as u64
            | (self.kind as u64) << 5
            | (self.way as u64) << 8
            | (self.over as u64) << 12
            | (self.output as u64) << 13
            | (self.windows as u64) << 20)
    }

    /// The declarations of a buffer of `element`s from a binding on, one per window; `mode` is its access.
    fn declared(self, name: &str, binding: usize, mode: &str, element: &str) -> String {
        (0..self.windows.max(1) as usize)
            .map(|p| {
                let (at, name) = (binding + p, window(name, p));
                format!("@group(0) @binding({at}) var<storage, {mode}> {name}: array<{element}>;\n")
            })
            .collect()
    }

    /// Elements of this type in a window.
    fn room(self, element: &str) -> u32 {
        let bytes = match element {
            "vec4<f32>" | "vec4<u32>" | "vec4<i32>" => 16,
            "vec2<u32>" | "vec2<f32>" => 8,
            _ => 4,
        };
        self.window / bytes
    }

    /// What stands before `body` where there are several windows: a function of this name and result, whose argument `i` is made
    /// relative to the window that `body` is given by name. Else nothing.
    fn choice(self, head: &str, name: &str, element: &str, body: &dyn Fn(&str, &str) -> String) -> String {
        let room = self.room(element);
        let mut text = format!("{head} {{\n");
        for p in 0..self.windows as usize {
            let here = body(&window(name, p), &format!("(i - {}u)", p as u32 * room));
            text += &match p + 1 < self.windows as usize {
                true => format!("    if (i < {}u) {{ {here} }}\n", (p as u32 + 1) * room),
                false => format!("    {here}\n"),
            };
        }
        text + "}\n"
    }
}

/// The name of window `p` of a buffer.
fn window(name: &str, p: usize) -> String {
    if p == 0 { name.to_string() } else { format!("{name}_{p}") }
}

/// How elements are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// One by one: `load{k}(i)`, `store{k}(i, v)`.
    Each,
    /// Four neighbours: `load{k}(i)` and `store{k}(i, v)` count in fours.
    Fours,
    /// An output's whole word of narrow elements: `store{k}(i, v)` counts words, `v` has as many elements as fit one. An input
    /// over it is still read one by one.
    Words,
}

/// Elements in a word, where several fit.
pub const fn per_word(dtype: DType) -> usize {
    match dtype.size() {
        1 => 4,
        2 => 2,
        _ => 1,
    }
}

/// The WGSL type of what memory holds.
const fn stored(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "f32",
        DType::I32 => "i32",
        DType::I64 | DType::U64 => "vec2<u32>",
        DType::C64 => "vec2<f32>",
        _ => "u32",
    }
}

/// `bits` of an element, which is what its memory holds, as a value of type `kind`. The unsigned integers that fill their words
/// have no type of their own: as `I32` and `I64` values are their bits, and other types get their numbers.
fn unpacked(dtype: DType, bits: &str, kind: Type) -> String {
    let own = match (dtype, kind) {
        (DType::U32 | DType::U64, Type::C64) => return cast(&unpacked(dtype, bits, Type::F32), Type::F32, kind),
        (DType::U32, Type::F32) => return format!("f32({bits})"),
        (DType::U32, Type::I64) => return format!("i64_from_u32({bits})"),
        (DType::U64, Type::F32) => return format!("u64_to_f32({bits})"),
        (DType::F16, _) => format!("f16_unpack({bits})"),
        (DType::BF16, _) => format!("bf16_unpack({bits})"),
        (DType::I8, _) => format!("(bitcast<i32>(({bits}) << 24u) >> 24u)"),
        (DType::I16, _) => format!("(bitcast<i32>(({bits}) << 16u) >> 16u)"),
        (DType::Bool | DType::U8 | DType::U16 | DType::U32, _) => format!("bitcast<i32>({bits})"),
        _ => bits.to_string(),
    };
    cast(&own, Type::of(dtype), kind)
}

/// A value of one type as another: PyTorch's casts.
fn cast(v: &str, from: Type, to: Type) -> String {
    use Type as T;
    match (from, to) {
        (T::C64, T::C64) => v.to_string(),
        (T::C64, T::Bool) => format!("c64_is_true({v})"),
        (T::C64, _) => cast(&format!("({v}).x"), T::F32, to),
        (_, T::C64) => format!("c64_real({})", cast(v, from, T::F32)),
        (T::F32, T::I32) => format!("i32_from_f32({v})"),
        (T::F32, T::I64) => format!("i64_from_f32({v})"),
        (T::F32, T::Bool) => format!("rg_ne({v}, 0.0f)"),
        (T::I32, T::F32) => format!("f32({v})"),
        (T::I32, T::I64) => format!("i64_from_i32({v})"),
        (T::I32, T::Bool) => format!("({v}) != 0"),
        (T::I64, T::F32) => format!("i64_to_f32({v})"),
        (T::I64, T::I32) => format!("i64_low({v})"),
        (T::I64, T::Bool) => format!("!i64_is_zero({v})"),
        (T::Bool, T::F32) => format!("select(0.0f, 1.0f, {v})"),
        (T::Bool, T::I32) => format!("select(0, 1, {v})"),
        (T::Bool, T::I64) => format!("vec2<u32>(select(0u, 1u, {v}), 0u)"),
        _ => v.to_string(),
    }
}

/// What memory of this dtype holds for a value.
fn packed(dtype: DType, v: &str, kind: Type) -> String {
    match (dtype, kind) {
        (DType::U32 | DType::U64, Type::C64) => return packed(dtype, &format!("({v}).x"), Type::F32),
        (DType::U32, Type::F32) => return format!("i64_from_f32({v}).x"),
        (DType::U64, Type::F32) => return format!("u64_from_f32({v})"),
        _ => {}
    }
    let own = cast(v, kind, Type::of(dtype));
    match dtype {
        DType::F16 => format!("f16_round({own})"),
        DType::BF16 => format!("bf16_round({own})"),
        DType::Bool if kind != Type::Bool => format!("select(0u, 1u, {})", cast(v, kind, Type::Bool)),
        DType::Bool => format!("select(0u, 1u, {v})"),
        DType::U8 | DType::I8 => format!("(bitcast<u32>({own}) & 0xffu)"),
        DType::U16 | DType::I16 => format!("(bitcast<u32>({own}) & 0xffffu)"),
        DType::U32 => format!("bitcast<u32>({own})"),
        _ => own,
    }
}

/// `v` as if it had been written to memory of this dtype and read again, as type `to`; `v` is a name.
pub fn through(dtype: DType, v: &str, from: Type, to: Type) -> String {
    unpacked(dtype, &packed(dtype, v, from), to)
}

/// The declaration of input `k` at a binding, and its `load{k}`.
pub fn read(k: usize, binding: usize, a: Access) -> String {
    let (dtype, kind) = (a.dtype, a.kind.name());
    let n = per_word(dtype);
    let bits = 32 / n;
    let mask = if n == 4 { "0xffu" } else { "0xffffu" };
    let x = if a.over { format!("y{}", a.output) } else { format!("x{k}") };
    let several = a.windows > 1;
    let atomic = a.over && a.way == Way::Each && n > 1;
    let declared = |element: &str| {
        let mut text = if a.over { String::new() } else { a.declared(&x, binding, "read", element) };
        if several {
            let head = format!("fn rg_at{k}(i: u32) -> {element}");
            text += &a.choice(&head, &x, element, &|name, i| match atomic {
                true => format!("return atomicLoad(&{name}[{i}]);"),
                false => format!("return {name}[{i}];"),
            });
        }
        text
    };
    let at = |i: &str| if several { format!("rg_at{k}({i})") } else { format!("{x}[{i}]") };
    let value = |v: &str| unpacked(dtype, v, a.kind);
    if a.way != Way::Fours {
        // Words that other invocations write in part.
        let word = at(&format!("i / {n}u"));
        let word = if atomic && !several { format!("atomicLoad(&{word})") } else { word };
        let element = if n > 1 { format!("({word} >> ((i % {n}u) * {bits}u)) & {mask}") } else { at("i") };
        return declared(stored(dtype)) + &format!("fn load{k}(i: u32) -> {kind} {{ return {}; }}\n", value(&element));
    }
    let parts = |f: &dyn Fn(usize) -> String| {
        format!("{}({})", a.kind.four(), (0..4).map(|j| value(&f(j))).collect::<Vec<_>>().join(", "))
    };
    let (element, body) = match dtype.size() {
        1 => ("u32", parts(&|j| format!("(w >> {}u) & 0xffu", 8 * j))),
        2 => ("vec2<u32>", parts(&|j| format!("(w[{}] >> {}u) & 0xffffu", j / 2, 16 * (j % 2)))),
        8 => (four_words(dtype), parts(&|j| ["w.xy", "w.zw", "u.xy", "u.zw"][j].to_string())),
        _ => (four_words(dtype), parts(&|j| format!("w[{j}]"))),
    };
    let first = match dtype.size() {
        8 => format!("let w = {}; let u = {};", at("2u * i"), at("2u * i + 1u")),
        _ => format!("let w = {};", at("i")),
    };
    declared(element) + &format!("fn load{k}(i: u32) -> {} {{ {first} return {body}; }}\n", a.kind.four())
}

/// Four words of memory of a dtype that fills whole ones.
const fn four_words(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 | DType::C64 => "vec4<f32>",
        DType::U32 | DType::I64 | DType::U64 => "vec4<u32>",
        _ => "vec4<i32>",
    }
}

/// The declaration of output `k` at a binding, and its `store{k}`.
pub fn write(k: usize, binding: usize, a: Access) -> String {
    let (dtype, kind) = (a.dtype, a.kind.name());
    let n = per_word(dtype);
    let several = a.windows > 1;
    let y = format!("y{k}");
    let declared = |element: &str| {
        let mut text = a.declared(&y, binding, "read_write", element);
        if several && !element.starts_with("atomic") {
            let head = format!("fn rg_put{k}(i: u32, v: {element})");
            text += &a.choice(&head, &y, element, &|name, i| format!("{name}[{i}] = v; return;"));
        }
        text
    };
    let put = |i: &str, v: &str| if several { format!("rg_put{k}({i}, {v});") } else { format!("y{k}[{i}] = {v};") };
    let part = |j: usize| packed(dtype, &format!("v[{j}]"), a.kind);
    let word = |parts: std::ops::Range<usize>| {
        let first = parts.start;
        parts.map(|j| format!("({} << {}u)", part(j), (j - first) * 32 / n)).collect::<Vec<_>>().join(" | ")
    };
    match a.way {
        Way::Fours => {
            let four = a.kind.four();
            let (element, body) = match dtype.size() {
                1 => ("u32", put("i", &word(0..4))),
                2 => ("vec2<u32>", put("i", &format!("vec2<u32>({}, {})", word(0..2), word(2..4)))),
                8 => {
                    let t = four_words(dtype);
                    let two = |j: usize| format!("{t}({}, {})", part(j), part(j + 1));
                    (t, format!("{} {}", put("2u * i", &two(0)), put("2u * i + 1u", &two(2))))
                }
                _ => {
                    let t = four_words(dtype);
                    (t, put("i", &format!("{t}({}, {}, {}, {})", part(0), part(1), part(2), part(3))))
                }
            };
            declared(element) + &format!("fn store{k}(i: u32, v: {four}) {{ {body} }}\n")
        }
        Way::Words if n > 1 => {
            let words = if n == 4 { a.kind.four() } else { a.kind.two() };
            declared("u32") + &format!("fn store{k}(i: u32, v: {words}) {{ {} }}\n", put("i", &word(0..n)))
        }
        _ if n > 1 => {
            let (bits, mask) = (32 / n, if n == 4 { "0xffu" } else { "0xffffu" });
            let value = packed(dtype, "v", a.kind);
            // Neighbours in the word may be written by other invocations.
            let exchange = |name: &str, i: &str| {
                format!(
                    "    var old = atomicLoad(&{name}[{i}]);\n    loop {{\n        let r = \
                     atomicCompareExchangeWeak(&{name}[{i}], old, (old & ~({mask} << s)) | b);\n        if (r.exchanged) {{ \
                     break; }}\n        old = r.old_value;\n    }}\n"
                )
            };
            let head = format!("    let s = (j % {n}u) * {bits}u;\n    let b = {value} << s;\n");
            let declared = declared("atomic<u32>");
            if several {
                let chosen =
                    a.choice(&format!("fn rg_put{k}(i: u32, s: u32, b: u32)"), &y, "atomic<u32>", &|name, i| {
                        format!("{} return;", exchange(name, i))
                    });
                return declared
                    + &chosen
                    + &format!("fn store{k}(j: u32, v: {kind}) {{\n{head}    rg_put{k}(j / {n}u, s, b);\n}}\n");
            }
            declared
                + &format!("fn store{k}(j: u32, v: {kind}) {{\n    let w = j / {n}u;\n{head}{}}}\n", exchange(&y, "w"))
        }
        _ => {
            let value = packed(dtype, "v", a.kind);
            declared(stored(dtype)) + &format!("fn store{k}(i: u32, v: {kind}) {{ {} }}\n", put("i", &value))
        }
    }
}
