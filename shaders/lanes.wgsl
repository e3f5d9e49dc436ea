// Rows that LANES invocations share, ROWS of them in a workgroup. Invocations of a row are neighbours (STEP 1), or neighbours
// belong to neighbouring rows (STEP is ROWS): whichever lies side by side in memory. LANES is a power of 4 (1, 16, 64, 256).
// Consts: LANES, ROWS, STEP.
const GROUP: u32 = LANES * ROWS;
var<private> lane: u32;
var<private> live: bool;
