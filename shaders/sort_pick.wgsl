// Entries of sorted slices: their values, and where they stood. One invocation an entry.
// Reads x and the places in order (slice * length + place); writes values, places (int64). `nan(v)` and `key(v, part)` are
// printed by src/gpu/order.rs.
// Words: 0 entries, 1 the grid's row, 2 length of a slice, 3 entries of a slice that are wanted, 4 the first of them, 5 which one:
// 0 that, 1 the middle one or NaN, 2 the middle one of those that are not NaN, 3 the last of the longest run of equals,
// 6-11 first element and stride along a slice of x, values, places, then per dim of the slices its size and the three strides,
// which `walk` adds up.
var<private> slice: u32;
var<private> start: vec3<u32>;
// Where the k-th entry of the slice stood.
fn origin(k: u32) -> u32 {
    return bitcast<u32>(load1(slice * rg_word(2u) + k)) - slice * rg_word(2u);
}
// How many entries of the slice are no NaN: these stand last.
fn numbers() -> u32 {
    var low = 0u;
    var high = rg_word(2u);
    for (var step = 0u; step < 32u; step++) {
        if (low >= high) { break; }
        let mid = (low + high) / 2u;
        if (nan(load0(start.x + origin(mid) * rg_word(7u)))) { high = mid; } else { low = mid + 1u; }
    }
    return low;
}
fn most_frequent() -> u32 {
    var best = 0u;
    var longest = 0u;
    var first = 0u;
    var before = load0(start.x + origin(0u) * rg_word(7u));
    for (var k = 1u; k <= rg_word(2u); k++) {
        var ends = k == rg_word(2u);
        if (!ends) {
            let v = load0(start.x + origin(k) * rg_word(7u));
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
    if (i >= rg_word(0u)) { return; }
    slice = i / rg_word(3u);
    let k = i - slice * rg_word(3u);
    start = walk(slice, vec3<u32>(rg_word(6u), rg_word(8u), rg_word(10u)));
    var at = rg_word(4u) + k;
    if (rg_word(5u) == 3u) {
        at = most_frequent();
    } else if (rg_word(5u) != 0u) {
        let n = numbers();
        at = select((max(n, 1u) - 1u) / 2u, n, rg_word(5u) == 1u && n < rg_word(2u));
    }
    let p = origin(at);
    store0(start.y + k * rg_word(9u), load0(start.x + p * rg_word(7u)));
    store1(start.z + k * rg_word(11u), vec2<u32>(p, 0u));
}
