// out[p] = x[p but index[p] along one dim]: gather, index_select, embedding. Bits are moved, not computed with.
// Reads x, index (int64); writes out. `V` is what one invocation moves: an element, or four neighbours of a row.
// Words: 0 invocations, 1 the grid's row, 2-4 first elements of out, index, x, 5 x's stride along the dim, 6 its size there,
// 7 elements of out, then per dim its size and the strides of out, index, x, which `walk` adds up. With fours, x and out are
// counted in fours. `walk` and the entry point are printed by src/gpu/gather.rs.
var<private> place: u32;
fn value(i: u32) -> V {
    let at = walk(i, vec3<u32>(rg_word(2u), rg_word(3u), rg_word(4u)));
    place = at.x;
    return load0(at.z + rg_index(load1(at.y), rg_word(6u)) * rg_word(5u));
}
