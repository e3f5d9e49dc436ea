// What a step of a row is worked on as: four floats.
alias V = vec4<f32>;
// What is known of a row.
alias S = f32;
alias B = bool;
fn s_max(a: S, b: S) -> S { return rg_max(a, b); }
fn s_log(x: S) -> S { return rg_log(x); }
fn s_not(x: S) -> B { return !rg_isfinite(x); }
fn v_of(x: f32) -> V { return vec4<f32>(x); }
fn v_exp(x: V) -> V { return vec4<f32>(rg_exp(x.x), rg_exp(x.y), rg_exp(x.z), rg_exp(x.w)); }
fn v_max(a: V, b: V) -> V {
    return vec4<f32>(rg_max(a.x, b.x), rg_max(a.y, b.y), rg_max(a.z, b.z), rg_max(a.w, b.w));
}
fn v_sum(a: V) -> f32 { return (a.x + a.y) + (a.z + a.w); }
fn v_top(a: V) -> f32 { return rg_max(rg_max(a.x, a.y), rg_max(a.z, a.w)); }
fn v_place(k: u32) -> vec4<u32> { return vec4<u32>(4u * k, 4u * k + 1u, 4u * k + 2u, 4u * k + 3u); }
fn v_spread(k: u32) -> vec4<u32> { return vec4<u32>(k); }
fn v_f16(x: V) -> V {
    return vec4<f32>(
        f16_unpack(f16_round(x.x)), f16_unpack(f16_round(x.y)), f16_unpack(f16_round(x.z)), f16_unpack(f16_round(x.w))
    );
}
fn v_bf16(x: V) -> V {
    return vec4<f32>(
        bf16_unpack(bf16_round(x.x)), bf16_unpack(bf16_round(x.y)), bf16_unpack(bf16_round(x.z)), bf16_unpack(bf16_round(x.w))
    );
}
