// The keys of a radix sort: slice * size + index, for each entry of each slice. Reads index (int64); writes keys (int32).
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    let b = i / rg_word(LENGTH);
    let at = walk(b, rg_word(INDEX) + (i - b * rg_word(LENGTH)) * rg_word(STRIDE));
    store0(i, bitcast<i32>(b * rg_word(SIZE) + rg_index(load0(at), rg_word(SIZE))));
}
