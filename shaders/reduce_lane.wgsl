// After reduce_rows.wgsl, with LANES = 1: the part is the result.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let found = row(i);
    finish(found.v, found.place);
}
