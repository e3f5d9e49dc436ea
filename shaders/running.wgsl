// Running folds along lines of n elements, chunk by chunk, one invocation a chunk of a line, elements in order.
// Follows `Acc`, `init`, `fold(a, b)` of what stands before and an item, `item(p, j)` of element j at the places p,
// `carried(i)`, and `finish(p, v)`. Constants: DIMS counts the merged dims of the lines, fastest first; MODE 0: one
// chunk is the line; MODE 1: a chunk becomes the fold of its elements; MODE 2: a chunk goes on from the end of the
// chunk before, which `carried` has.
// From REST on are DIMS times (size, strides of both inputs and of both outputs). A linear grid of lines * chunks.
fn four(at: u32) -> vec4<u32> { return vec4<u32>(rg_word(at), rg_word(at + 1u), rg_word(at + 2u), rg_word(at + 3u)); }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let chunks = rg_word(CHUNKS);
    let line = i / chunks;
    let chunk = i - line * chunks;
    var r = line;
    var p = four(START);
    for (var d = 0u; d < DIMS; d++) {
        let at = REST + 5u * d;
        let q = r / rg_word(at);
        p += (r - q * rg_word(at)) * four(at + 1u);
        r = q;
    }
    let step = four(STEP);
    let start = chunk * rg_word(CHUNK);
    let end = min(start + rg_word(CHUNK), rg_word(LENGTH));
    p += start * step;
    var v = init();
    if (MODE == 2u && chunk > 0u) { v = carried(i - 1u); }
    for (var j = start; j < end; j++) {
        v = fold(v, item(p, j));
        if (MODE != 1u) { finish(p, v); }
        p += step;
    }
    // The folds of chunks lie by their numbers.
    if (MODE == 1u) { finish(vec4<u32>(0u, 0u, rg_word(START + 2u) + i, rg_word(START + 3u) + i), v); }
}
