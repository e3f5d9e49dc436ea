// What every kernel may use: its metadata, its place in the grid, and the report of a bad index.
// The metadata begin with infinity and NaN, what the launch counts (invocations, for the most part) and the workgroups
// in a row of its grid; the numbers of a formula follow, as each lane reads them, and the words, which are the kernel's
// (src/gpu/words.rs). The last word is the number of the launch.
struct RgMeta {
    special: vec2<f32>, count: u32, row: u32,
    f32s: vec4<f32>, i32s: vec4<i32>, i64s: array<vec4<u32>, 2>, words: array<vec4<u32>, 27>
}
@group(0) @binding(0) var<uniform> rg_meta: RgMeta;
fn rg_word(i: u32) -> u32 { return rg_meta.words[i >> 2u][i & 3u]; }
// The number of a workgroup: one dimension of a grid ends at 65535.
fn rg_group(w: vec3<u32>) -> u32 { return w.x + w.y * rg_meta.row; }
// Notes the first index that is out of range; the host raises it at the next read.
fn rg_fail(low: u32, high: u32, size: u32) {
    if (atomicAdd(&rg_report[1], 1u) == 0u) {
        atomicStore(&rg_report[0], rg_meta.words[26].w);
        atomicStore(&rg_report[2], low);
        atomicStore(&rg_report[3], high);
        atomicStore(&rg_report[4], size);
    }
}
// An index into a dimension of `size`, negative ones refused; a bad one is reported and becomes 0.
fn rg_index(i: vec2<u32>, size: u32) -> u32 {
    if (i.y != 0u || i.x >= size) {
        rg_fail(i.x, i.y, size);
        return 0u;
    }
    return i.x;
}
