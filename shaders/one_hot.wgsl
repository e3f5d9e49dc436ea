// out[.., c] = 1 where index[..] is c, else 0 (int64). Reads index; writes out (contiguous), one element an invocation.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    let v = load0(walk(i, rg_word(INDEX)));
    store0(i + rg_word(OUT), vec2<u32>(select(0u, 1u, v.y == 0u && v.x == i % rg_word(CLASSES)), 0u));
}
