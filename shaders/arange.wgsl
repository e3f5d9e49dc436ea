// out[i] = start + i * step (out contiguous). `formula` is printed by src/gpu/create.rs. Numbers: start, step.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i < rg_meta.count) { store0(i + rg_word(OUT), formula(i)); }
}
