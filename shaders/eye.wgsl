// Ones on the diagonal, zeros elsewhere (out contiguous, computed as int32).
// Words: 0 elements, 1 the grid's row, 2 first element of out, 3 columns.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_word(0u)) { return; }
    let row = i / rg_word(3u);
    store0(i + rg_word(2u), select(0, 1, i - row * rg_word(3u) == row));
}
