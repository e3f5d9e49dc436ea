// What the kernels of windows share: which elements a window covers, and where an element stands.
fn begin(d: u32, i: u32) -> u32 {
    if (rg_word(KERNEL + d) == 0u) { return i * rg_word(SIZE + d) / rg_word(WINDOWS + d); }
    let start = i * rg_word(STRIDE + d);
    let pad = rg_word(PAD + d);
    return min(max(start, pad) - pad, rg_word(SIZE + d));
}
fn end(d: u32, i: u32) -> u32 {
    let count = rg_word(WINDOWS + d);
    if (rg_word(KERNEL + d) == 0u) { return ((i + 1u) * rg_word(SIZE + d) + count - 1u) / count; }
    let stop = i * rg_word(STRIDE + d) + rg_word(KERNEL + d);
    let pad = rg_word(PAD + d);
    return min(max(stop, pad) - pad, rg_word(SIZE + d));
}
fn counted(d: u32, i: u32) -> u32 {
    if (rg_word(RULE) == 0u || rg_word(KERNEL + d) == 0u) { return end(d, i) - begin(d, i); }
    let start = i * rg_word(STRIDE + d);
    return min(start + rg_word(KERNEL + d), rg_word(SIZE + d) + 2u * rg_word(PAD + d)) - start;
}
fn divisor(a: u32, b: u32, c: u32) -> f32 {
    if (rg_word(RULE) == 2u) { return f32(bitcast<i32>(rg_word(DIVISOR))); }
    return f32(counted(0u, a) * counted(1u, b) * counted(2u, c));
}
// The first and one past the last window over element i.
fn first_over(d: u32, i: u32) -> u32 {
    if (rg_word(KERNEL + d) == 0u) { return i * rg_word(WINDOWS + d) / rg_word(SIZE + d); }
    let at = i + rg_word(PAD + d) + 1u;
    let kernel = rg_word(KERNEL + d);
    let stride = rg_word(STRIDE + d);
    return (max(at, kernel) - kernel + stride - 1u) / stride;
}
fn past_over(d: u32, i: u32) -> u32 {
    if (rg_word(KERNEL + d) == 0u) { return ((i + 1u) * rg_word(WINDOWS + d) - 1u) / rg_word(SIZE + d) + 1u; }
    return min((i + rg_word(PAD + d)) / rg_word(STRIDE + d) + 1u, rg_word(WINDOWS + d));
}
// The place of an element of an operand whose first element and five strides are words from `at` on.
fn place(at: u32, n: u32, c: u32, p: vec3<u32>) -> u32 {
    return rg_word(at) + n * rg_word(at + 1u) + c * rg_word(at + 2u) + p.x * rg_word(at + 3u) + p.y * rg_word(at + 4u)
        + p.z * rg_word(at + 5u);
}
// Element i of volumes whose sizes are words from `at` on: example, channel, and the place in the volume.
struct At { n: u32, c: u32, p: vec3<u32> }
fn element(i: u32, at: u32) -> At {
    let row = i / rg_word(at + 2u);
    let plane = row / rg_word(at + 1u);
    let volume = plane / rg_word(at);
    let n = volume / rg_word(CHANNELS);
    return At(n, volume - n * rg_word(CHANNELS),
        vec3<u32>(plane - volume * rg_word(at), row - plane * rg_word(at + 1u), i - row * rg_word(at + 2u)));
}
