// Running folds along lines of n elements, chunk by chunk, one invocation a chunk of a line, elements in order.
// Follows `Acc`, `init`, `fold(a, b)` of what stands before and behind, `item(p, j)` of element j at the places p, `carried(i)`, and
// `finish(p, v)`. Constants: DIMS counts the merged dims of the lines, fastest first; MODE 0: one chunk is the line; MODE 1: a chunk
// becomes the fold of its elements; MODE 2: a chunk goes on from the end of the chunk before, which `carried` has.
// Words: 2 chunks of a line, 3 elements of a chunk, 4 elements of a line, 5 and 6 where the inputs begin, 7 and 8 the outputs, 9 and 10
// the ends of chunks, 11 to 14 the strides along a line of inputs and outputs; from 15 on DIMS times (size, those four strides).
// A linear grid of lines * chunks.
const FIRST: u32 = 15u;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_word(0u)) { return; }
    let chunks = rg_word(2u);
    let line = i / chunks;
    let chunk = i - line * chunks;
    var r = line;
    var p = vec4<u32>(rg_word(5u), rg_word(6u), rg_word(7u), rg_word(8u));
    for (var d = 0u; d < DIMS; d++) {
        let at = FIRST + 5u * d;
        let q = r / rg_word(at);
        p += (r - q * rg_word(at)) * vec4<u32>(rg_word(at + 1u), rg_word(at + 2u), rg_word(at + 3u), rg_word(at + 4u));
        r = q;
    }
    let step = vec4<u32>(rg_word(11u), rg_word(12u), rg_word(13u), rg_word(14u));
    let start = chunk * rg_word(3u);
    let end = min(start + rg_word(3u), rg_word(4u));
    p += start * step;
    var v = init();
    if (MODE == 2u && chunk > 0u) { v = carried(i - 1u); }
    for (var j = start; j < end; j++) {
        v = fold(v, item(p, j));
        if (MODE != 1u) { finish(p, v); }
        p += step;
    }
    // The folds of chunks lie by their numbers.
    if (MODE == 1u) { finish(vec4<u32>(0u, 0u, rg_word(7u) + i, rg_word(8u) + i), v); }
}
