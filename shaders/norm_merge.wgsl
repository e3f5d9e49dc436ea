// The sums of the chunks (load0, load1: chunks x elements) in order, to store0 and store1: an invocation an element.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let n = rg_meta.count;
    let i = rg_group(w) * 64u + l;
    if (i >= n) { return; }
    var s = 0.0;
    var t = 0.0;
    for (var c = 0u; c < rg_word(CHUNKS); c++) {
        s += load0(c * n + i);
        t += load1(c * n + i);
    }
    store0(i, s);
    store1(i, t);
}
