// out[p but index[p] along one dim] += src[p], in the order of p: the transpose of gather, with entries that were sorted within
// slices, which are the other dims that index varies over; columns are those that it does not. One invocation a column of an
// entry: the first of a run of equal indices adds the whole run, in order, and alone writes there; the others leave. A launch
// takes a window of each slice, so that no invocation loops for long: the next one goes on from the sums of this.
// Reads out (over the result), src, and what `key(p)` and `entry(p)` read, printed by src/gpu/scatter.rs: the index of sorted entry
// p and its place in the slice. `plus` is printed, too. Writes out.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    let u = i / rg_word(COLUMNS);
    let b = u / rg_word(WINDOW);
    let first = b * rg_word(LENGTH) + rg_word(START);
    let p = first + u - b * rg_word(WINDOW);
    let own = key(p);
    if (p > first && key(p - 1u) == own) { return; }
    let at = slice(b, vec2<u32>(rg_word(OUT), rg_word(SRC)));
    let column = columns(i - u * rg_word(COLUMNS), vec2<u32>(at.x + own * rg_word(OUT_STRIDE), at.y));
    let sink = column.x;
    let source = column.y;
    var sum = plus(load0(sink), load1(source + entry(p) * rg_word(SRC_STRIDE)));
    for (var q = p + 1u; q < first + rg_word(WINDOW); q++) {
        if (key(q) != own) { break; }
        sum = plus(sum, load1(source + entry(q) * rg_word(SRC_STRIDE)));
    }
    store0(sink, sum);
}
