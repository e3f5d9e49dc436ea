// The keys of a pass of a stable sort of values: numbers whose unsigned order is that of the values, or the number of the slice.
// Reads x, and the places so far but in the first pass; writes keys (int32). `key(v, part)` of a value, and `place(i)`, the place
// that entry i had at first, are printed by src/gpu/order.rs.
// Words: 0 entries, 1 the grid's row, 2 entries of a slice, 3 first element of x, 4 its stride along a slice, 5 part: 0 the low
// word of the key, 1 the high one, 2 the slice, 6 largest key where the order is turned, else 0, then per dim of the slices its
// size and x's stride, which `walk` adds up.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_word(0u)) { return; }
    let p = place(i);
    let b = p / rg_word(2u);
    var k = b;
    if (rg_word(5u) != 2u) {
        k = key(load0(walk(b, rg_word(3u) + (p - b * rg_word(2u)) * rg_word(4u))), rg_word(5u));
        if (rg_word(6u) != 0u) { k = rg_word(6u) - k; }
    }
    store0(i, bitcast<i32>(k));
}
