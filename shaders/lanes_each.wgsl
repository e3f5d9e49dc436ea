// What a step of a row is worked on as: one float.
alias V = f32;
// What is known of a row.
alias S = f32;
alias B = bool;
fn s_max(a: S, b: S) -> S { return rg_max(a, b); }
fn s_log(x: S) -> S { return rg_log(x); }
fn s_not(x: S) -> B { return !rg_isfinite(x); }
fn v_of(x: f32) -> V { return x; }
fn v_exp(x: V) -> V { return rg_exp(x); }
fn v_max(a: V, b: V) -> V { return rg_max(a, b); }
fn v_sum(a: V) -> S { return a; }
fn v_top(a: V) -> S { return a; }
fn v_place(k: u32) -> u32 { return k; }
fn v_spread(k: u32) -> u32 { return k; }
fn v_f16(x: V) -> V { return f16_unpack(f16_round(x)); }
fn v_bf16(x: V) -> V { return bf16_unpack(bf16_round(x)); }
