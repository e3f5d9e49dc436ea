// out[.., c] = 1 where index[..] is c, else 0 (int64). Reads index; writes out (contiguous), one element an invocation.
// Words: 0 elements, 1 the grid's row, 2-3 first elements of out and index, 4 classes, then per dim of out its size and
// index's stride, 0 along the classes, which `walk` adds up.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_word(0u)) { return; }
    let v = load0(walk(i, rg_word(3u)));
    store0(i + rg_word(2u), vec2<u32>(select(0u, 1u, v.y == 0u && v.x == i % rg_word(4u)), 0u));
}
