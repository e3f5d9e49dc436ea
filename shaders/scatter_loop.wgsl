// out[p but index[p] along one dim] += src[p], in the order of p: the transpose of gather, where slices are short or many. One
// invocation walks a column of a slice, whose part of out no other one has. Slices are the dims, but for that one, that index
// varies over; columns are those that it does not. A launch takes a window of each slice.
// Reads out (over the result), src, index; writes out. `plus` is printed by src/gpu/scatter.rs.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let b = i / rg_word(COLUMNS);
    let at = slice(b, vec3<u32>(rg_word(OUT), rg_word(SRC), rg_word(INDEX)));
    let column = columns(i - b * rg_word(COLUMNS), at.xy);
    for (var k = rg_word(START); k < rg_word(START) + rg_word(WINDOW); k++) {
        let sink = column.x + rg_index(load2(at.z + k * rg_word(INDEX_STRIDE)), rg_word(SIZE)) * rg_word(OUT_STRIDE);
        store0(sink, plus(load0(sink), load1(column.y + k * rg_word(SRC_STRIDE))));
    }
}
