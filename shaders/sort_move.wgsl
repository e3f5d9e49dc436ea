// The last step of a pass of a radix sort: one invocation moves the keys of a chunk, in order, each to the next free place of its
// digit and chunk, so that equal digits keep their order. Reads counts (over the result), keys, and places but in the first
// pass; writes counts, keys, places. `origin(i)`, the place that key i had at first, is printed by src/gpu/sort.rs.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let c = rg_group(w) * 64u + l;
    let chunks = rg_meta.count;
    if (c >= chunks) { return; }
    let bits = rg_word(BITS);
    let end = min((c + 1u) << bits, rg_word(KEYS));
    for (var i = c << bits; i < end; i++) {
        let key = load1(i);
        let at = ((bitcast<u32>(key) >> rg_word(SHIFT)) & ((1u << bits) - 1u)) * chunks + c;
        let to = load0(at);
        store0(at, to + 1);
        store1(bitcast<u32>(to), key);
        store2(bitcast<u32>(to), origin(i));
    }
}
