// The keys of a radix sort: slice * size + index, for each entry of each slice. Reads index (int64); writes keys (int32).
// Words: 0 entries, 1 the grid's row, 2 entries of a slice, 3 size, 4 first element of index, 5 its stride along a slice, then
// per dim of the slices its size and index's stride, which `walk` adds up.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_word(0u)) { return; }
    let b = i / rg_word(2u);
    let at = walk(b, rg_word(4u) + (i - b * rg_word(2u)) * rg_word(5u));
    store0(i, bitcast<i32>(b * rg_word(3u) + rg_index(load0(at), rg_word(3u))));
}
