// Reports a zero among the elements of an integer divisor. Reads x, as truth values.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i < rg_meta.count) {
        if (!load0(walk(i, rg_word(X)))) { rg_fail(0u, 0u, 0u); }
    }
}
