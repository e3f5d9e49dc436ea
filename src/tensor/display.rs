//! Tensors as text, exactly as PyTorch prints them: one width for all elements, integers recognised, powers of ten where
//! magnitudes differ, long tensors summarised by their edges.
//!
//! For floor 8: `repr(x)` is `show(&x, class)?`, with `class` the name of a subclass or None (a Parameter puts `Parameter
//! containing:\n` before it); `set_printoptions` is `Options::profile`, then its own arguments, then `set_options`; the
//! class name of a `grad_fn` is `class_name(&node)`.

use std::sync::{Mutex, PoisonError};

use super::handle::Tensor;
use super::mode;
use super::node::{Node, tuple};
use crate::bail;
use crate::core::spoken::library;
use crate::core::{DType, Number};
use crate::device::Array;
use crate::error::Result;

/// What `set_printoptions` sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Digits after the point.
    pub precision: usize,
    /// Tensors of more elements are summarised; may be infinite.
    pub threshold: f64,
    /// Entries shown at either end of a summarised dim.
    pub edgeitems: usize,
    /// Characters per line.
    pub linewidth: usize,
    /// Powers of ten: always, never, or where magnitudes ask for it.
    pub sci_mode: Option<bool>,
}

impl Options {
    pub const DEFAULT: Options =
        Options { precision: 4, threshold: 1000.0, edgeitems: 3, linewidth: 80, sci_mode: None };

    /// `default`, `short` or `full`; `sci_mode` is not part of a profile.
    pub fn profile(name: &str) -> Option<Options> {
        match name {
            "default" => Some(Options::DEFAULT),
            "short" => Some(Options { precision: 2, edgeitems: 2, ..Options::DEFAULT }),
            "full" => Some(Options { threshold: f64::INFINITY, ..Options::DEFAULT }),
            _ => None,
        }
    }
}

static OPTIONS: Mutex<Options> = Mutex::new(Options::DEFAULT);

pub fn options() -> Options {
    *OPTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn set_options(o: Options) {
    *OPTIONS.lock().unwrap_or_else(PoisonError::into_inner) = o;
}

/// The Python class name of a node: `AddBackward0`.
pub fn class_name(node: &Node) -> String {
    node.class_name()
}

/// `tensor([1., 2.], requires_grad=True)`; `class` replaces the word `tensor`.
pub fn show(t: &Tensor, class: Option<&str>) -> Result<String> {
    let o = options();
    let prefix = format!("{}(", class.unwrap_or("tensor"));
    let indent = prefix.len();
    let (dtype, default) = (t.dtype(), mode::default_float());
    let empty = t.numel() == 0;
    let mut suffixes: Vec<String> = Vec::new();
    let meta = t.device().is_meta();
    if !meta && ((empty && t.ndim() != 1) || (!empty && o.edgeitems == 0)) {
        suffixes.push(format!("size={}", tuple(t.shape())));
    }
    if !t.device().is_cpu() {
        suffixes.push(format!("device='{}'", t.device().shown()));
    }
    if meta {
        suffixes.push(format!("size={}", tuple(t.shape())));
    }
    // No element of an empty tensor tells that it is int64, bool or complex, and none of a tensor on meta.
    let empty = empty || meta;
    let usual = matches!(dtype, DType::I64 | DType::Bool) || dtype == default.to_complex();
    if dtype != default && (empty || !usual) {
        suffixes.push(format!("dtype={}.{}", library(), dtype.name()));
    }
    if let Some(node) = t.grad_fn()? {
        suffixes.push(format!("grad_fn=<{}>", class_name(&node)));
    } else if t.requires_grad() {
        suffixes.push("requires_grad=True".into());
    }
    if let Some(tangent) = t.tangent() {
        suffixes.push(format!("tangent={}", show(&tangent, None)?));
    }
    let mut text = prefix;
    if meta {
        text.push_str("...");
    } else {
        text.push_str(&elements(&t.on_cpu()?, indent, &o));
    }
    let mut line = text.len() - text.rfind('\n').map_or(0, |i| i + 1) + 2;
    for s in suffixes {
        // Lines break where PyTorch's do, under either name of the library.
        let longer = library().len() - "torch".len();
        let width = if s.starts_with("dtype=") { s.len() - longer } else { s.len() };
        if line + width + 2 > o.linewidth {
            text.push_str(",\n");
            text.extend(std::iter::repeat_n(' ', indent));
            line = indent + width;
        } else {
            text.push_str(", ");
            line += width + 2;
        }
        text.push_str(&s);
    }
    text.push(')');
    Ok(text)
}

/// The nested lists, without prefix and suffixes.
fn elements(x: &Array, indent: usize, o: &Options) -> String {
    if x.numel() == 0 {
        return "[]".into();
    }
    let summary = x.numel() as f64 > o.threshold;
    let mut shown = Vec::new();
    visit(x, &mut Vec::new(), &|n| edges(n, summary, o.edgeitems), &mut |v| shown.push(v));
    let imaginary = x.dtype.is_complex().then(|| {
        let parts: Vec<Number> = shown.iter().map(|v| Number::Float(v.imag())).collect();
        Format::of(DType::F64, &parts, o)
    });
    if imaginary.is_some() {
        shown.iter_mut().for_each(|v| *v = Number::Float(v.to_f64()));
    }
    let format = Format::of(if imaginary.is_some() { DType::F64 } else { x.dtype }, &shown, o);
    let page = Page { x, o, summary, format, imaginary };
    let mut out = String::new();
    page.write(&mut Vec::new(), indent, &mut out);
    out
}

/// How many entries of a dim of size `n` are shown at its start, and from where on at its end.
fn edges(n: usize, summary: bool, edgeitems: usize) -> (usize, usize) {
    if summary && n > 2 * edgeitems { (edgeitems, n - edgeitems) } else { (n, n) }
}

/// Calls `f` for the elements that are shown; `index` holds the dims before `dim`.
fn visit(x: &Array, index: &mut Vec<usize>, edges: &dyn Fn(usize) -> (usize, usize), f: &mut dyn FnMut(Number)) {
    let dim = index.len();
    if dim == x.ndim() {
        return f(x.element(index));
    }
    let n = x.shape()[dim];
    let (head, tail) = edges(n);
    for i in (0..head).chain(tail..n) {
        index.push(i);
        visit(x, index, edges, f);
        index.pop();
    }
}

/// How each element is written, and how wide.
struct Format {
    float: bool,
    /// All finite elements are integers: `1.`
    integers: bool,
    scientific: bool,
    precision: usize,
    width: usize,
}

impl Format {
    fn of(dtype: DType, shown: &[Number], o: &Options) -> Format {
        let mut f =
            Format { float: dtype.is_float(), integers: true, scientific: false, precision: o.precision, width: 1 };
        if !f.float {
            f.width = shown.iter().map(|&v| f.bare(v).len()).max().unwrap_or(1);
            return f;
        }
        // Zeros, infinities and NaN do not count, and may be wider than the rest.
        let counted: Vec<f64> = shown.iter().map(|v| v.to_f64()).filter(|v| v.is_finite() && *v != 0.0).collect();
        if counted.is_empty() {
            return f;
        }
        let low = counted.iter().fold(f64::INFINITY, |a, v| a.min(v.abs()));
        let high = counted.iter().fold(0.0f64, |a, v| a.max(v.abs()));
        f.integers = counted.iter().all(|v| v.fract() == 0.0);
        f.scientific = o.sci_mode.unwrap_or(high / low > 1000.0 || high > 1e8 || low < 1e-4);
        f.width = counted.iter().map(|&v| f.bare(Number::Float(v)).len()).max().unwrap_or(1);
        f
    }

    /// The element without padding.
    fn bare(&self, v: Number) -> String {
        let v = match v {
            Number::Bool(b) => return if b { "True".into() } else { "False".into() },
            Number::Int(i) => return i.to_string(),
            Number::Unsigned(i) => return i.to_string(),
            Number::Float(f) | Number::Complex(f, _) => f,
        };
        if v.is_nan() {
            "nan".into()
        } else if v.is_infinite() {
            if v > 0.0 { "inf".into() } else { "-inf".into() }
        } else if self.scientific {
            scientific(v, self.precision)
        } else if self.integers {
            format!("{v:.0}.")
        } else {
            format!("{v:.0$}", self.precision)
        }
    }

    fn padded(&self, v: Number) -> String {
        format!("{:>1$}", self.bare(v), self.width)
    }
}

/// As C prints it: a sign and at least two digits in the exponent.
fn scientific(v: f64, precision: usize) -> String {
    let text = format!("{v:.precision$e}");
    match text.split_once('e') {
        Some((digits, power)) => {
            let (sign, power) = power.strip_prefix('-').map_or(('+', power), |p| ('-', p));
            format!("{digits}e{sign}{power:0>2}")
        }
        None => text,
    }
}

struct Page<'a> {
    x: &'a Array,
    o: &'a Options,
    summary: bool,
    /// Of the elements, or of their real parts.
    format: Format,
    imaginary: Option<Format>,
}

impl Page<'_> {
    /// One element, padded.
    fn text(&self, v: Number) -> String {
        let Some(format) = &self.imaginary else { return self.format.padded(v) };
        // The padding of the imaginary part is dropped, but the room for it was counted.
        let im = format.bare(Number::Float(v.imag()));
        let sign = if im.starts_with('-') { "" } else { "+" };
        format!("{}{sign}{im}j", self.format.padded(Number::Float(v.to_f64())))
    }

    /// The part of the tensor at `index` of its first dims.
    fn write(&self, index: &mut Vec<usize>, indent: usize, out: &mut String) {
        let dim = index.len();
        if dim == self.x.ndim() {
            return out.push_str(&self.text(self.x.element(index)));
        }
        let n = self.x.shape()[dim];
        let (head, tail) = edges(n, self.summary, self.o.edgeitems);
        if dim + 1 == self.x.ndim() {
            return self.write_row(index, indent, out);
        }
        // None is the gap.
        let gap = tail > head || (self.summary && self.o.edgeitems == 0);
        let items = (0..head).map(Some).chain(gap.then_some(None)).chain((tail..n).map(Some));
        out.push('[');
        for (i, item) in items.enumerate() {
            if i > 0 {
                out.push(',');
                out.extend(std::iter::repeat_n('\n', self.x.ndim() - dim - 1));
                out.extend(std::iter::repeat_n(' ', indent + 1));
            }
            match item {
                None => out.push_str("..."),
                Some(at) => {
                    index.push(at);
                    self.write(index, indent + 1, out);
                    index.pop();
                }
            }
        }
        out.push(']');
    }

    fn write_row(&self, index: &mut Vec<usize>, indent: usize, out: &mut String) {
        let n = self.x.shape()[index.len()];
        let (head, tail) = edges(n, self.summary, self.o.edgeitems);
        let mut text = |i: usize| {
            index.push(i);
            let text = self.text(self.x.element(index));
            index.pop();
            text
        };
        let mut items: Vec<String> = Vec::new();
        if self.summary && self.o.edgeitems == 0 {
            items.push("...".into());
        } else {
            items.extend((0..head).map(&mut text));
            items.extend((tail > head).then(|| " ...".to_string()));
            items.extend((tail..n).map(&mut text));
        }
        let width = self.format.width + 2 + self.imaginary.as_ref().map_or(0, |f| f.width + 1);
        let per_line = (self.o.linewidth.saturating_sub(indent) / width).max(1);
        out.push('[');
        for (i, line) in items.chunks(per_line).enumerate() {
            if i > 0 {
                out.push_str(",\n");
                out.extend(std::iter::repeat_n(' ', indent + 1));
            }
            out.push_str(&line.join(", "));
        }
        out.push(']');
    }
}

/// Checks the numbers of `set_printoptions`.
pub fn checked(precision: i64, edgeitems: i64, linewidth: i64) -> Result<(usize, usize, usize)> {
    for (what, v) in [("precision", precision), ("edgeitems", edgeitems), ("linewidth", linewidth)] {
        if v < 0 {
            bail!(Value, "set_printoptions: {what} is {v}; expected 0 or more");
        }
    }
    Ok((precision.min(100) as usize, edgeitems as usize, linewidth as usize))
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} {:?})", self.dtype().name(), self.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Element;

    fn text<T: Element>(shape: &[usize], v: &[T]) -> String {
        show(&crate::tensor::door::enter("test", Array::from_slice(shape, v).unwrap()), None).unwrap()
    }

    #[test]
    fn as_pytorch_prints() {
        assert_eq!(text(&[2], &[1f32, 2.0]), "tensor([1., 2.])");
        assert_eq!(text(&[], &[0.25f32]), "tensor(0.2500)");
        assert_eq!(text(&[2], &[1e-5f32, 1.0]), "tensor([1.0000e-05, 1.0000e+00])");
        assert_eq!(text(&[3], &[1.5f32, f32::NAN, f32::NEG_INFINITY]), "tensor([1.5000,    nan,   -inf])");
        assert_eq!(text(&[2, 2], &[1i64, -20, 3, 4]), "tensor([[  1, -20],\n        [  3,   4]])");
        assert_eq!(text(&[2], &[1i32, 2]), "tensor([1, 2], dtype=rustgrad.int32)");
        assert_eq!(text::<f32>(&[0, 3], &[]), "tensor([], size=(0, 3))");
        assert_eq!(text::<i64>(&[0], &[]), "tensor([], dtype=rustgrad.int64)");
        let long: Vec<i64> = (0..1001).collect();
        assert_eq!(text(&[1001], &long), "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
        let t = crate::tensor::door::enter("test", Array::from_slice(&[1], &[1f64]).unwrap());
        t.set_requires_grad(true).unwrap();
        assert_eq!(show(&t, None).unwrap(), "tensor([1.], dtype=rustgrad.float64, requires_grad=True)");
    }
}
