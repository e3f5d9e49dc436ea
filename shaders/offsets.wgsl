// out[i] = the place in memory of index i, in C order, of a layout (int64). Writes out.
// Words: 0 elements, 1 the grid's row, 2 first element of out, 3 the layout's offset, then per dim its size and the layout's
// stride, which `walk` adds up.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_word(0u)) { return; }
    store0(i + rg_word(2u), vec2<u32>(walk(i, rg_word(3u)), 0u));
}
