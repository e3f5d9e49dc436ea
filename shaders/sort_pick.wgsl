// Entries of sorted slices: their values, and where they stood. One invocation an entry.
// Reads x and the places in order (slice * length + place); writes values, places (int64). `nan(v)` and `key(v, part)` are
// printed by src/gpu/order.rs.
var<private> slice: u32;
var<private> start: vec3<u32>;
// Where the k-th entry of the slice stood.
fn origin(k: u32) -> u32 {
    return bitcast<u32>(load1(slice * rg_word(LENGTH) + k)) - slice * rg_word(LENGTH);
}
// How many entries of the slice are no NaN: these stand last.
fn numbers() -> u32 {
    var low = 0u;
    var high = rg_word(LENGTH);
    for (var step = 0u; step < 32u; step++) {
        if (low >= high) { break; }
        let mid = (low + high) / 2u;
        if (nan(load0(start.x + origin(mid) * rg_word(X_STRIDE)))) { high = mid; } else { low = mid + 1u; }
    }
    return low;
}
fn most_frequent() -> u32 {
    var best = 0u;
    var longest = 0u;
    var first = 0u;
    var before = load0(start.x + origin(0u) * rg_word(X_STRIDE));
    for (var k = 1u; k <= rg_word(LENGTH); k++) {
        var ends = k == rg_word(LENGTH);
        if (!ends) {
            let v = load0(start.x + origin(k) * rg_word(X_STRIDE));
            ends = key(v, 0u) != key(before, 0u) || key(v, 1u) != key(before, 1u);
            before = v;
        }
        if (ends) {
            if (k - first > longest) {
                longest = k - first;
                best = k - 1u;
            }
            first = k;
        }
    }
    return best;
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    slice = i / rg_word(WANTED);
    let k = i - slice * rg_word(WANTED);
    start = walk(slice, vec3<u32>(rg_word(X), rg_word(VALUES), rg_word(PLACES)));
    var at = rg_word(FIRST) + k;
    if (rg_word(RULE) == 3u) {
        at = most_frequent();
    } else if (rg_word(RULE) != 0u) {
        let n = numbers();
        at = select((max(n, 1u) - 1u) / 2u, n, rg_word(RULE) == 1u && n < rg_word(LENGTH));
    }
    let p = origin(at);
    store0(start.y + k * rg_word(VALUES_STRIDE), load0(start.x + p * rg_word(X_STRIDE)));
    store1(start.z + k * rg_word(PLACES_STRIDE), vec2<u32>(p, 0u));
}
