//! The functions of `shaders/` that kernels share, as one namespace, and the linker that gives a kernel those it names. So no
//! kernel lists what it needs, and modules stay small, which is most of the time that a driver takes to compile them.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The files.
pub const FILES: [&str; 7] = [
    include_str!("../../shaders/common.wgsl"),
    include_str!("../../shaders/floats.wgsl"),
    include_str!("../../shaders/math.wgsl"),
    include_str!("../../shaders/half.wgsl"),
    include_str!("../../shaders/i32.wgsl"),
    include_str!("../../shaders/i64.wgsl"),
    include_str!("../../shaders/complex.wgsl"),
];

/// A declaration with the names that it uses of the library.
struct Item {
    text: &'static str,
    uses: Vec<usize>,
}

struct Library {
    items: Vec<Item>,
    places: HashMap<&'static str, usize>,
}

/// The identifiers of a WGSL text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|w| w.starts_with(|c: char| !c.is_ascii_digit()))
}

/// The name that a declaration defines.
fn name(item: &'static str) -> Option<&'static str> {
    let mut words = words(item);
    let kind = words.find(|w| matches!(*w, "fn" | "struct" | "alias" | "const" | "var"))?;
    words.find(|w| !(kind == "var" && matches!(*w, "uniform" | "storage" | "read" | "read_write" | "private")))
}

/// The declarations of a file: each begins a line, and what follows indented or closes a brace belongs to it.
fn declarations(file: &'static str) -> Vec<&'static str> {
    let begins = |line: &str| ["fn ", "struct ", "alias ", "const ", "@group"].iter().any(|k| line.starts_with(k));
    let mut starts: Vec<usize> = vec![];
    let mut at = 0;
    for line in file.split_inclusive('\n') {
        if begins(line) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    starts.iter().zip(ends).map(|(&a, b)| &file[a..b]).collect()
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let texts: Vec<&str> = FILES.iter().flat_map(|f| declarations(f)).collect();
        let places: HashMap<&str, usize> = texts.iter().enumerate().filter_map(|(i, t)| Some((name(t)?, i))).collect();
        let uses = |i: usize, text: &'static str| -> Vec<usize> {
            words(without_comments(text)).filter_map(|w| places.get(w).copied()).filter(|&j| j != i).collect()
        };
        let items = texts.iter().enumerate().map(|(i, &text)| Item { text, uses: uses(i, text) }).collect();
        Library { items, places }
    })
}

/// Comments of a file's end stand after its last declaration; inside of one they may name what it does not use, at no harm.
fn without_comments(text: &str) -> &str {
    text.split("\n//").next().unwrap_or(text)
}

/// `body` after all that it uses of the library, in the library's order. `Some(n)`: binding `n` is the buffer of reports.
pub fn link(body: &str, report: Option<u32>) -> String {
    let l = library();
    let mut wanted = vec![false; l.items.len()];
    let mut open: Vec<usize> = words(body).filter_map(|w| l.places.get(w).copied()).collect();
    while let Some(i) = open.pop() {
        if !std::mem::replace(&mut wanted[i], true) {
            open.extend(&l.items[i].uses);
        }
    }
    let mut out = String::with_capacity(body.len() + 4096);
    for (item, _) in l.items.iter().zip(&wanted).filter(|(_, w)| **w) {
        out += without_comments(item.text);
        out.push('\n');
    }
    if let Some(n) = report {
        out += &format!("@group(0) @binding({n}) var<storage, read_write> rg_report: array<atomic<u32>>;\n");
    }
    out + body
}

/// Whether a kernel with this text may report a bad index.
pub fn reports(body: &str) -> bool {
    words(body).any(|w| matches!(w, "rg_index" | "rg_fail"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_what_is_used_and_no_more() {
        let text = link("fn f(x: f32) -> f32 { return rg_tanh(x); }", None);
        assert!(text.contains("fn rg_tanh(") && text.contains("fn rg_exp(") && text.ends_with("rg_tanh(x); }"));
        assert!(!text.contains("fn rg_lgamma(") && !text.contains("i64_mul"));
        let places = &library().places;
        for name in ["rg_meta", "RgMeta", "I64", "I64DivRem", "rg_index", "f16_round", "i64_pow", "rg_fmod"] {
            assert!(places.contains_key(name), "{name}");
        }
        assert!(reports("let i = rg_index(v, n);") && !reports("let rg_indices = 0;"));
    }
}
