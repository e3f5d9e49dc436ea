// out[i] = the place in memory of index i, in C order, of a layout (int64). Writes out.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    store0(i + rg_word(OUT), vec2<u32>(walk(i, rg_word(OFFSET)), 0u));
}
