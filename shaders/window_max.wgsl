// The maximum of each window and its place in the volume: an invocation an output. A later element wins only if it is greater;
// NaN always wins.
// Bindings: input, maxima, places.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let e = element(i, WINDOWS);
    var best = -rg_inf();
    var at = (begin(0u, e.p.x) * rg_word(SIZE + 1u) + begin(1u, e.p.y)) * rg_word(SIZE + 2u) + begin(2u, e.p.z);
    for (var z = begin(0u, e.p.x); z < end(0u, e.p.x); z++) {
        for (var y = begin(1u, e.p.y); y < end(1u, e.p.y); y++) {
            for (var x = begin(2u, e.p.z); x < end(2u, e.p.z); x++) {
                let v = load0(place(X, e.n, e.c, vec3<u32>(z, y, x)));
                if (rg_isnan(v) || rg_lt(best, v)) {
                    best = v;
                    at = (z * rg_word(SIZE + 1u) + y) * rg_word(SIZE + 2u) + x;
                }
            }
        }
    }
    store0(place(OUT, e.n, e.c, e.p), best);
    store1(place(PLACES, e.n, e.c, e.p), vec2<u32>(at, 0u));
}
