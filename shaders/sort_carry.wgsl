// Adds to each number what stands before its tile of 4096. Reads x (over the result), the scanned sums of tiles; writes x.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i < rg_meta.count) { store0(i, load0(i) + load1(i / 4096u)); }
}
