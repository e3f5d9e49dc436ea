// Rows that LANES invocations share, ROWS of them in a workgroup. Invocations of a row are neighbours (STEP 1), or neighbours
// belong to neighbouring rows (STEP is ROWS): whichever lies side by side in memory. LANES is a power of 4 (1, 16, 64, 256).
// Consts: LANES, ROWS, STEP. Words: 0 rows, 1 groups in a row of the grid, 2 steps of a row (elements or fours), 3 elements of a
// row, 4 the kernel's own; the places of the operands follow, which `find(row)` (written by lanes.rs) reads.
const GROUP: u32 = LANES * ROWS;
var<private> lane: u32;
var<private> live: bool;
// Finds the row of this invocation; returns how many steps it has, 0 past the last row.
fn enter(w: vec3<u32>, l: u32) -> u32 {
    lane = select(l / ROWS, l % LANES, STEP == 1u);
    let row = rg_group(w) * ROWS + select(l % ROWS, l / LANES, STEP == 1u);
    live = row < rg_word(0u);
    find(select(0u, row, live));
    return select(0u, rg_word(2u), live);
}
