// What the kernels of windows share: which elements a window covers, and where an element stands.
// Words, three each (depth, height, width): 3 sizes, 6 counts of windows, 9 kernels (0: windows of nearly equal sizes that cover
// the dim), 12 strides, 15 padding; 18 what divides a sum (0 elements covered, 1 also padded ones, 2 word 19).
fn begin(d: u32, i: u32) -> u32 {
    if (rg_word(9u + d) == 0u) { return i * rg_word(3u + d) / rg_word(6u + d); }
    let start = i * rg_word(12u + d);
    let pad = rg_word(15u + d);
    return min(max(start, pad) - pad, rg_word(3u + d));
}
fn end(d: u32, i: u32) -> u32 {
    let count = rg_word(6u + d);
    if (rg_word(9u + d) == 0u) { return ((i + 1u) * rg_word(3u + d) + count - 1u) / count; }
    let stop = i * rg_word(12u + d) + rg_word(9u + d);
    let pad = rg_word(15u + d);
    return min(max(stop, pad) - pad, rg_word(3u + d));
}
fn counted(d: u32, i: u32) -> u32 {
    if (rg_word(18u) == 0u || rg_word(9u + d) == 0u) { return end(d, i) - begin(d, i); }
    let start = i * rg_word(12u + d);
    return min(start + rg_word(9u + d), rg_word(3u + d) + 2u * rg_word(15u + d)) - start;
}
fn divisor(a: u32, b: u32, c: u32) -> f32 {
    if (rg_word(18u) == 2u) { return f32(bitcast<i32>(rg_word(19u))); }
    return f32(counted(0u, a) * counted(1u, b) * counted(2u, c));
}
// The first and one past the last window over element i.
fn first_over(d: u32, i: u32) -> u32 {
    if (rg_word(9u + d) == 0u) { return i * rg_word(6u + d) / rg_word(3u + d); }
    let at = i + rg_word(15u + d) + 1u;
    let kernel = rg_word(9u + d);
    let stride = rg_word(12u + d);
    return (max(at, kernel) - kernel + stride - 1u) / stride;
}
fn past_over(d: u32, i: u32) -> u32 {
    if (rg_word(9u + d) == 0u) { return ((i + 1u) * rg_word(6u + d) - 1u) / rg_word(3u + d) + 1u; }
    return min((i + rg_word(15u + d)) / rg_word(12u + d) + 1u, rg_word(6u + d));
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
    let n = volume / rg_word(2u);
    return At(n, volume - n * rg_word(2u),
        vec3<u32>(plane - volume * rg_word(at), row - plane * rg_word(at + 1u), i - row * rg_word(at + 2u)));
}
