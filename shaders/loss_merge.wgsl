// The sums of loss.wgsl's parts, which the launch counts: losses in load0, weights in load1. After lanes.wgsl with
// LANES 256 and loss_finish.wgsl.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    lane = l;
    var v = vec2<f32>(0.0);
    for (var i = l; i < rg_meta.count; i += 256u) { v += vec2<f32>(load0(i), load1(i)); }
    let sum = row_sum(v.x, l);
    let by = row_sum(v.y, l);
    if (l == 0u) { finish(0u, sum, by); }
}
