// Reports a zero among the elements of an integer divisor. Reads x, as truth values.
// Words: 0 elements, 1 the grid's row, 2 first element of x, then per dim its size and x's stride, which `walk` adds up.
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 256u + l;
    if (i < rg_word(0u)) {
        if (!load0(walk(i, rg_word(2u)))) { rg_fail(0u, 0u, 0u); }
    }
}
