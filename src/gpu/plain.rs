//! The text of the product kernel without shared memory: an invocation computes a block of rows and columns of C in registers. It
//! is printed, not written, because its loops over the block must be unrolled: drivers keep an indexed array in memory.
//! Follows `shaders/matmul.wgsl`, whose words and functions it uses.

use std::fmt::Write;

/// How an operand is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Each,
    /// Four neighbours along k.
    AlongK,
    /// Four neighbours along rows of A, or columns of B.
    Across,
}

#[derive(Clone, Copy)]
pub struct Form {
    /// Of the block: rows, and fours of columns.
    pub rows: usize,
    quads: usize,
    thin: bool,
    left: Way,
    right: Way,
    patch: bool,
}

/// Its address stands for the text here.
static KEY: u8 = 0;

pub fn id() -> usize {
    std::ptr::from_ref(&KEY).addr()
}

impl Form {
    pub fn new(m: usize, n: usize, left: Way, right: Way, patch: bool) -> Form {
        // Larger blocks load less for each product, but keep fewer lanes busy and take longer to compile.
        let quick = left != Way::Each && (right != Way::Each || patch);
        let (rows, quads) = match m {
            1 => (1, 1),
            _ if quick && m >= 16 && n >= 128 => (8, 2),
            _ => (4, 1),
        };
        Form { rows, quads, thin: m <= rows, left, right, patch }
    }

    /// Columns of C of an invocation.
    pub fn width(&self) -> usize {
        4 * self.quads
    }

    /// Columns of invocations in a group of 64.
    pub fn columns(&self, n: usize) -> usize {
        if self.thin { 64 } else { n.div_ceil(self.width()).next_power_of_two().min(8) }
    }

    pub fn code(&self) -> u64 {
        let parts = [self.rows, self.quads, self.left as usize, self.right as usize, usize::from(self.patch)];
        parts.iter().fold(0, |v, &p| v << 4 | p as u64)
    }
}

/// Four of something.
fn four(f: impl Fn(usize) -> String) -> String {
    format!("Four({}, {}, {}, {})", f(0), f(1), f(2), f(3))
}

pub fn text(f: &Form) -> String {
    let mut out = String::new();
    put(f, &mut out).map_or(String::new(), |()| out)
}

fn put(f: &Form, t: &mut String) -> std::fmt::Result {
    let step = if f.left == Way::AlongK || f.right == Way::AlongK { 4 } else { 1 };
    writeln!(
        t,
        "@compute @workgroup_size(64)\nfn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {{\n    \
         let p = part(w.z);\n    let m = rg_word(M);\n    let n = rg_word(N);\n    let s = rg_word(GROUP_COLUMNS);\n    \
         let r = ((w.y << (6u - s)) + (l >> s)) * {}u;\n    let x = l & ((1u << s) - 1u);",
        f.rows
    )?;
    for q in 0..f.quads {
        writeln!(t, "    let n{q} = (((w.x * {}u + {q}u) << s) + x) * 4u;", f.quads)?;
    }
    writeln!(t, "    if (r >= m || n0 >= n) {{ return; }}\n    let a = first(A, p);\n    let b = first(B, p);")?;
    match f.left {
        Way::Across => {
            for q in 0..f.rows.div_ceil(4) {
                writeln!(t, "    let pa{q} = a + min(r / 4u + {q}u, (m + 3u) / 4u - 1u);")?;
            }
        }
        _ => {
            for i in 0..f.rows {
                writeln!(t, "    let pa{i} = a + min(r + {i}u, m - 1u) * rg_word(A + ROW);")?;
            }
        }
    }
    for q in 0..f.quads {
        match f.right {
            Way::AlongK => {
                for j in 0..4 {
                    writeln!(t, "    let pb{q}_{j} = b + min(n{q} + {j}u, n - 1u) * rg_word(B + COLUMN);")?;
                }
            }
            Way::Across => writeln!(t, "    let pb{q} = b + min(n{q} / 4u, (n + 3u) / 4u - 1u);")?,
            Way::Each => writeln!(t, "    let pb{q} = b + columns(n{q});")?,
        }
        for i in 0..f.rows {
            writeln!(t, "    var c{q}_{i} = Four();")?;
        }
    }
    if f.patch {
        // The digits of k and their place, kept up to date by additions alone.
        t.push_str(
            "    let low_size = rg_word(K_SIZES + 1u);\n    let mid_size = rg_word(K_SIZES);\n    var low = p.k % low_size;\n    \
             var mid = (p.k / low_size) % mid_size;\n    var at = along(p.k);\n    let to_mid = rg_word(K_STEPS + 1u) - low_size * \
             rg_word(K_STEPS + 2u);\n    let to_high = rg_word(K_STEPS) - mid_size * rg_word(K_STEPS + 1u);\n",
        );
    }
    writeln!(t, "    for (var k = p.k; k < p.end; k += {step}u) {{")?;
    load_left(f, step, t)?;
    load_right(f, step, t)?;
    for q in 0..f.quads {
        for i in 0..f.rows {
            let sum: Vec<String> = (0..step).map(|kk| format!("{} * b{q}_{kk}", left(f, step, i, kk))).collect();
            writeln!(t, "        c{q}_{i} += {};", sum.join(" + "))?;
        }
    }
    if f.patch {
        t.push_str(
            "        low += 1u;\n        at += rg_word(K_STEPS + 2u);\n        let turn = low == low_size;\n        low = select(low, 0u, \
             turn);\n        mid = select(mid, mid + 1u, turn);\n        at = select(at, at + to_mid, turn);\n        let over = mid == \
             mid_size;\n        mid = select(mid, 0u, over);\n        at = select(at, at + to_high, over);\n",
        );
    }
    t.push_str("    }\n");
    for q in 0..f.quads {
        writeln!(t, "    if (n{q} < n) {{\n        let to = spots(n{q});")?;
        for i in 0..f.rows {
            writeln!(t, "        if (r + {i}u < m) {{ put(r + {i}u, n{q}, to, c{q}_{i}); }}")?;
        }
        t.push_str("    }\n");
    }
    t.push_str("}\n");
    Ok(())
}

/// The element of A in row `i` and the `kk`th of `step` k.
fn left(f: &Form, step: usize, i: usize, kk: usize) -> String {
    match (f.left == Way::Across, step) {
        (true, _) => format!("a{}_{kk}[{}]", i / 4, i % 4),
        (_, 4) => format!("a{i}[{kk}]"),
        _ => format!("a{i}"),
    }
}

/// The loads of A for `step` k.
fn load_left(f: &Form, step: usize, t: &mut String) -> std::fmt::Result {
    let at = |i: usize, kk: usize| format!("load0(pa{i} + (k + {kk}u) * rg_word(A + COLUMN))");
    match f.left {
        Way::Across => {
            for kk in 0..step {
                for q in 0..f.rows.div_ceil(4) {
                    writeln!(t, "        let a{q}_{kk} = {};", at(q, kk))?;
                }
            }
        }
        Way::AlongK => {
            for i in 0..f.rows {
                writeln!(t, "        let a{i} = load0(pa{i} + (k >> 2u));")?;
            }
        }
        Way::Each => {
            for i in 0..f.rows {
                let v = if step == 4 { four(|kk| at(i, kk)) } else { at(i, 0) };
                writeln!(t, "        let a{i} = {v};")?;
            }
        }
    }
    Ok(())
}

/// The loads of B for `step` k, as `b{quad}_{k}`.
fn load_right(f: &Form, step: usize, t: &mut String) -> std::fmt::Result {
    for q in 0..f.quads {
        if f.right == Way::AlongK {
            for j in 0..4 {
                writeln!(t, "        let w{q}_{j} = load1(pb{q}_{j} + (k >> 2u));")?;
            }
        }
        for kk in 0..step {
            match f.right {
                Way::AlongK => writeln!(t, "        let b{q}_{kk} = {};", four(|j| format!("w{q}_{j}[{kk}]")))?,
                Way::Across => writeln!(t, "        let b{q}_{kk} = load1(pb{q} + (k + {kk}u) * rg_word(B + ROW));")?,
                Way::Each => {
                    let from = if f.patch { "at".to_string() } else { format!("(k + {kk}u) * rg_word(B + ROW)") };
                    writeln!(t, "        let t{q}_{kk} = pb{q} + {from};")?;
                    let v = four(|j| format!("load1(t{q}_{kk}[{j}])"));
                    writeln!(t, "        let b{q}_{kk} = {v};")?;
                }
            }
        }
    }
    Ok(())
}
