// out[i] = start + i * step (out contiguous). `formula` is printed by src/gpu/create.rs.
// Words: 0 elements, 1 the grid's row, 2 first element of out. Numbers: start, step.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i < rg_word(0u)) { store0(i + rg_word(2u), formula(i)); }
}
