// Where each value belongs among edges in order: behind those that are smaller, or on the right also behind its equals. NaN
// belongs last. One invocation a value.
// Reads edges, values, and where edges lie out of order their order (int64); writes places. `less(a, b)`, `edge(row, k)` and
// `put(i, k)` are printed by src/gpu/order.rs.
// Words: 0 values, 1 the grid's row, 2 edges of a row, 3 values of a row, 0 where all share one row of edges, 4 on the right,
// 5-8 first elements of edges, values, order, places.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_word(0u)) { return; }
    var row = 0u;
    if (rg_word(3u) != 0u) { row = i / rg_word(3u); }
    let v = load1(rg_word(6u) + i);
    var low = 0u;
    var high = rg_word(2u);
    for (var step = 0u; step < 33u; step++) {
        if (low >= high) { break; }
        let mid = low + (high - low) / 2u;
        let e = edge(row * rg_word(2u), mid);
        if (less(e, v) || (rg_word(4u) != 0u && !less(v, e))) { low = mid + 1u; } else { high = mid; }
    }
    put(rg_word(8u) + i, low);
}
