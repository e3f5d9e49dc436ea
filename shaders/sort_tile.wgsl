// Sorts the indices of each slice, with their places in it: a bitonic network over index << bits | place, all of which differ,
// so that equal indices keep their order. A workgroup takes several slices, each of 1 << bits entries with the padding.
// Reads index (int64); writes the sorted entries (int32), `length` to a slice.
// Slices of a workgroup << bits is at most 4096.
var<workgroup> s: array<u32, 4096>;
fn entry(b: u32, k: u32) -> u32 {
    let at = walk(b, rg_word(INDEX) + k * rg_word(STRIDE));
    return (rg_index(load0(at), rg_word(SIZE)) << rg_word(BITS)) | k;
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let bits = rg_word(BITS);
    let last = (1u << bits) - 1u;
    let tile = rg_word(TOGETHER) << bits;
    let first = rg_group(w) * rg_word(TOGETHER);
    let length = rg_word(LENGTH);
    for (var t = l; t < tile; t += 128u) {
        let b = first + (t >> bits);
        var v = 0xffffffffu;
        if (b < rg_word(SLICES) && (t & last) < length) { v = entry(b, t & last); }
        s[t] = v;
    }
    workgroupBarrier();
    for (var m = 1u; m <= bits; m++) {
        for (var j = m; j > 0u; j--) {
            let gap = 1u << (j - 1u);
            for (var t = l; t < tile / 2u; t += 128u) {
                let a = ((t >> (j - 1u)) << j) | (t & (gap - 1u));
                let x = s[a];
                let y = s[a + gap];
                // Runs of 1 << m rise and fall by turns; the whole slice rises.
                if ((x > y) == ((a & last & (1u << m)) == 0u)) {
                    s[a] = y;
                    s[a + gap] = x;
                }
            }
            workgroupBarrier();
        }
    }
    for (var t = l; t < tile; t += 128u) {
        let b = first + (t >> bits);
        if (b < rg_word(SLICES) && (t & last) < length) { store0(b * length + (t & last), bitcast<i32>(s[t])); }
    }
}
