// What a step is worked on as where four rows lie side by side: an element of each.
alias V = vec4<f32>;
// What is known of the rows.
alias S = vec4<f32>;
alias B = vec4<bool>;
fn s_max(a: S, b: S) -> S {
    return vec4<f32>(rg_max(a.x, b.x), rg_max(a.y, b.y), rg_max(a.z, b.z), rg_max(a.w, b.w));
}
fn s_log(x: S) -> S { return vec4<f32>(rg_log(x.x), rg_log(x.y), rg_log(x.z), rg_log(x.w)); }
fn s_not(x: S) -> B {
    return !vec4<bool>(rg_isfinite(x.x), rg_isfinite(x.y), rg_isfinite(x.z), rg_isfinite(x.w));
}
fn v_of(x: f32) -> V { return vec4<f32>(x); }
fn v_exp(x: V) -> V { return vec4<f32>(rg_exp(x.x), rg_exp(x.y), rg_exp(x.z), rg_exp(x.w)); }
fn v_max(a: V, b: V) -> V { return s_max(a, b); }
fn v_sum(a: V) -> S { return a; }
fn v_top(a: V) -> S { return a; }
