// out[p but index[p] along one dim] += src[p], in the order of p: the transpose of gather, where slices are short or many. One
// invocation walks a column of a slice, whose part of out no other one has. Slices are the dims, but for that one, that index
// varies over; columns are those that it does not. A launch takes a window of each slice.
// Reads out (over the result), src, index; writes out. `plus` is printed by src/gpu/scatter.rs.
// Words: 0 invocations, 1 the grid's row, 2-4 first elements of out, src, index, 5 columns, 6 size of out along the dim, 7-9
// strides of out, src and index along it, 10-11 first entry and entries of the window, then per dim of the columns its size
// and the strides of out, src, and per dim of the slices its size and the strides of out, src, index, which `columns` and
// `slice` add up.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_word(0u)) { return; }
    let b = i / rg_word(5u);
    let at = slice(b, vec3<u32>(rg_word(2u), rg_word(3u), rg_word(4u)));
    let column = columns(i - b * rg_word(5u), at.xy);
    for (var k = rg_word(10u); k < rg_word(10u) + rg_word(11u); k++) {
        let sink = column.x + rg_index(load2(at.z + k * rg_word(9u)), rg_word(6u)) * rg_word(7u);
        store0(sink, plus(load0(sink), load1(column.y + k * rg_word(8u))));
    }
}
