// The gradients of layer_norm's weight (store0) and bias (store1), summed over one chunk of rows in order: an invocation for each
// step of a row and chunk. Operands as in norm_backward.wgsl.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let k = i % rg_word(STEPS);
    let first = i / rg_word(STEPS) * rg_word(CHUNK);
    let end = min(first + rg_word(CHUNK), rg_word(ROWS));
    var s = v_of(0.0);
    var t = v_of(0.0);
    for (var row = first; row < end; row++) {
        find(row);
        let g = get0(k);
        s += g * ((get1(k) - get2()) * get3());
        t += g;
    }
    store0(i, s);
    store1(i, t);
}
