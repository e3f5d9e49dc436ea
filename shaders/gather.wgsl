// out[p] = x[p but index[p] along one dim]: gather, index_select, embedding. Bits are moved, not computed with.
// Reads x, index (int64); writes out. `V` is what one invocation moves: an element, or four neighbours of a row. With
// fours, x and out are counted in fours. `walk` and the entry point are printed by src/gpu/gather.rs.
var<private> place: u32;
fn value(i: u32) -> V {
    let at = walk(i, vec3<u32>(rg_word(OUT), rg_word(INDEX), rg_word(X)));
    place = at.x;
    return load0(at.z + rg_index(load1(at.y), rg_word(SIZE)) * rg_word(STRIDE));
}
