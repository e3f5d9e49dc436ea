// Ones on the diagonal, zeros elsewhere (out contiguous, computed as int32).
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i >= rg_meta.count) { return; }
    let row = i / rg_word(COLUMNS);
    store0(i + rg_word(OUT), select(0, 1, i - row * rg_word(COLUMNS) == row));
}
