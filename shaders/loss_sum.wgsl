// The losses of 4096 places (loss.wgsl) and their weights, added up: a workgroup each. KIND says what becomes of them (loss_finish.wgsl).
// After lanes.wgsl with LANES 256.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let first = rg_group(w) * 4096u;
    let end = min(first + 4096u, rg_meta.count);
    lane = l;
    var v = vec2<f32>(0.0);
    for (var i = first + l; i < end; i += 256u) { v += term(i); }
    let sum = row_sum(v.x, l);
    let by = row_sum(v.y, l);
    if (l == 0u && (first < end || first == 0u)) { finish(rg_group(w), sum, by); }
}
