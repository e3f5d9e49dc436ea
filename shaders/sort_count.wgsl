// The first step of a pass of a radix sort: how often each digit occurs in each chunk of 1 << bits keys. One invocation a
// chunk, which alone writes its column of counts[digit][chunk]. Reads counts (over the result), keys; writes counts.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let c = rg_group(w) * 64u + l;
    let chunks = rg_meta.count;
    if (c >= chunks) { return; }
    let bits = rg_word(BITS);
    for (var d = 0u; d < 1u << bits; d++) { store0(d * chunks + c, 0); }
    let end = min((c + 1u) << bits, rg_word(KEYS));
    for (var i = c << bits; i < end; i++) {
        let digit = (bitcast<u32>(load1(i)) >> rg_word(SHIFT)) & ((1u << bits) - 1u);
        store0(digit * chunks + c, load0(digit * chunks + c) + 1);
    }
}
