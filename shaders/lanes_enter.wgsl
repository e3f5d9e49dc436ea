// Finds the row of this invocation, of those that the launch counts, by `find(row)` (printed by lanes.rs); returns how many
// steps it has, 0 past the last row. After lanes.wgsl.
fn enter(w: vec3<u32>, l: u32) -> u32 {
    lane = select(l / ROWS, l % LANES, STEP == 1u);
    let row = rg_group(w) * ROWS + select(l % ROWS, l / LANES, STEP == 1u);
    live = row < rg_meta.count;
    find(select(0u, row, live));
    return select(0u, rg_word(STEPS), live);
}
