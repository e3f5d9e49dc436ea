// The mean of each window: an invocation an output.
// Bindings: input, means.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let e = element(i, WINDOWS);
    var sum = 0.0f;
    for (var z = begin(0u, e.p.x); z < end(0u, e.p.x); z++) {
        for (var y = begin(1u, e.p.y); y < end(1u, e.p.y); y++) {
            for (var x = begin(2u, e.p.z); x < end(2u, e.p.z); x++) {
                sum += load0(place(X, e.n, e.c, vec3<u32>(z, y, x)));
            }
        }
    }
    store0(place(OUT, e.n, e.c, e.p), sum / divisor(e.p.x, e.p.y, e.p.z));
}
