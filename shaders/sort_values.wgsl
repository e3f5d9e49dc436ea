// The keys of a pass of a stable sort of values: numbers whose unsigned order is that of the values, or the number of the slice.
// Reads x, and the places so far but in the first pass; writes keys (int32). `key(v, part)` of a value, and `place(i)`, the place
// that entry i had at first, are printed by src/gpu/order.rs.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    let p = place(i);
    let b = p / rg_word(LENGTH);
    var k = b;
    if (rg_word(PART) != 2u) {
        k = key(load0(walk(b, rg_word(X) + (p - b * rg_word(LENGTH)) * rg_word(STRIDE))), rg_word(PART));
        if (rg_word(LARGEST) != 0u) { k = rg_word(LARGEST) - k; }
    }
    store0(i, bitcast<i32>(k));
}
