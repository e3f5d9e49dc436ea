// The gradient of means: an invocation an element, which adds its share of each window over it, in their order.
// Bindings: gradients, result.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let e = element(i, SIZE);
    var sum = 0.0f;
    for (var a = first_over(0u, e.p.x); a < past_over(0u, e.p.x); a++) {
        for (var b = first_over(1u, e.p.y); b < past_over(1u, e.p.y); b++) {
            for (var c = first_over(2u, e.p.z); c < past_over(2u, e.p.z); c++) {
                sum += load0(place(X, e.n, e.c, vec3<u32>(a, b, c))) / divisor(a, b, c);
            }
        }
    }
    store0(place(OUT, e.n, e.c, e.p), sum);
}
