// Where each value belongs among edges in order: behind those that are smaller, or on the right also behind its equals. NaN
// belongs last. One invocation a value.
// Reads edges, values, and where edges lie out of order their order (int64); writes places. `less(a, b)`, `edge(row, k)` and
// `put(i, k)` are printed by src/gpu/order.rs.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    var row = 0u;
    if (rg_word(LINE) != 0u) { row = i / rg_word(LINE); }
    let v = load1(rg_word(VALUES) + i);
    var low = 0u;
    var high = rg_word(LENGTH);
    for (var step = 0u; step < 33u; step++) {
        if (low >= high) { break; }
        let mid = low + (high - low) / 2u;
        let e = edge(row * rg_word(LENGTH), mid);
        if (less(e, v) || (rg_word(RIGHT) != 0u && !less(v, e))) { low = mid + 1u; } else { high = mid; }
    }
    put(rg_word(OUT) + i, low);
}
