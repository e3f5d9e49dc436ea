//! What ARCHITECTURE asks of the Rust tree: imports point up the list of floors only, files are rooms and not halls, and
//! `unsafe` stands in the files listed here.

use std::fs;
use std::path::{Path, PathBuf};

/// Folder or file under `src/`, and its floor. A floor may name those with smaller numbers, and itself.
const FLOORS: [(&str, u8); 13] = [
    ("core", 0),
    ("error", 0),
    ("expr", 1),
    ("device", 2),
    ("cpu", 3),
    ("gpu", 3),
    ("tensor", 4),
    ("ops", 5),
    ("autograd", 6),
    ("func", 7),
    ("compile", 7),
    ("io", 7),
    ("bindings", 8),
];

/// Siblings that must not know each other.
const APART: [(&str, &str); 2] = [("cpu", "gpu"), ("gpu", "cpu")];

/// Lines of a file. Above that, its first lines say `Above 600 lines:` and why.
const LINES: usize = 600;

/// Where raw memory is handled: the folders of kernels, memory and the C API, and single files.
const UNSAFE: [&str; 9] = [
    "src/bindings/",
    "src/cpu/",
    "src/device/",
    "src/gpu/",
    // The traits whose implementors promise plain data.
    "src/core/dtype.rs",
    // Counted handles that hold a Python object.
    "src/tensor/handle.rs",
    // Calls compiled loops as the kernels do.
    "src/ops/elementwise/tests.rs",
    // Adds into gradients that nobody else holds.
    "src/autograd/engine.rs",
    // Reads files straight into a tensor's memory.
    "src/io/safetensors.rs",
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("src"), root.join("tests"), root.join("benches")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|e| e.expect("a readable folder").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("a readable file");
                let name = path.strip_prefix(root).expect("under the root").to_path_buf();
                found.push((name, text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// The text without comments, string literals and char literals, line breaks kept.
fn code(text: &str) -> String {
    let c: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut i = 0;
    let starts = |i: usize, s: &str| s.chars().enumerate().all(|(k, ch)| c.get(i + k) == Some(&ch));
    while i < c.len() {
        if starts(i, "//") {
            while i < c.len() && c[i] != '\n' {
                i += 1;
            }
        } else if starts(i, "/*") {
            while i < c.len() && !starts(i, "*/") {
                i += 1;
            }
            i += 2;
        } else if starts(i, "r#\"") || (starts(i, "r\"") && !c[..i].last().is_some_and(|p| p.is_alphanumeric())) {
            let end = if starts(i, "r#") { "\"#" } else { "\"" };
            i += 3 - (end.len() == 1) as usize;
            while i < c.len() && !starts(i, end) {
                i += 1;
            }
            i += end.len();
        } else if c[i] == '"' {
            i += 1;
            while i < c.len() && c[i] != '"' {
                i += 1 + (c[i] == '\\') as usize;
            }
            i += 1;
        } else if c[i] == '\'' && (c.get(i + 2) == Some(&'\'') || c.get(i + 1) == Some(&'\\')) {
            i += 2;
            while i < c.len() && c[i] != '\'' {
                i += 1;
            }
            i += 1;
        } else {
            out.push(c[i]);
            i += 1;
        }
    }
    out
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|f| f.1)
}

/// The names right after each `crate::`, a braced list included.
fn named(code: &str) -> Vec<String> {
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut out = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        let Some(list) = rest.strip_prefix('{') else {
            out.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => out.push(word(std::mem::take(&mut item).trim())),
                c if depth == 0 => item.push(c),
                _ => {}
            }
        }
        out.push(word(item.trim()));
    }
    out
}

#[test]
fn floors_import_upwards_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let mut parts = path.components().map(|p| p.as_os_str().to_string_lossy().into_owned());
        if parts.next().as_deref() != Some("src") {
            continue;
        }
        let own = parts.next().unwrap_or_default();
        let own = own.strip_suffix(".rs").unwrap_or(&own);
        if own == "lib" {
            continue;
        }
        let Some(level) = floor(own) else {
            wrong.push(format!("{} is on no floor", path.display()));
            continue;
        };
        for name in named(&code(&text)) {
            let apart = APART.contains(&(own, name.as_str()));
            if apart || floor(&name).is_some_and(|f| f > level) {
                wrong.push(format!("{} names crate::{name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_are_rooms() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        let excused = text.lines().take(8).any(|l| l.contains("Above 600 lines:"));
        if lines > LINES && !excused {
            wrong.push(format!("{}: {lines} lines; split it by subject, or say why not", path.display()));
        }
        if path.starts_with("src") && !text.starts_with("//!") {
            wrong.push(format!("{}: opens without its charter", path.display()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_stands_where_it_is_expected() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let name = path.to_string_lossy().replace('\\', "/");
        let used = code(&text).split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe");
        if name.starts_with("src/") && used && !UNSAFE.iter().any(|u| name.starts_with(u)) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "unsafe in\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_code_skips_what_is_none() {
    let text = "use crate::{core::{DType, Meta}, bail}; // crate::ops\nlet s = \"crate::tensor \\\" crate::io\"; 'c'; '\\''; x::<'a>();";
    assert_eq!(named(&code(text)), ["core", "bail"]);
    assert_eq!(named("crate::device::Array"), ["device"]);
}
