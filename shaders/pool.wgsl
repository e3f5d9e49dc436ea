// The maximum of each window of an image and its place in the plane: an invocation an output. What is padded never wins; a later
// element wins only if it beats the best so far.
// Words: 0 count, 1 grid row, 2 channels, 3 and 4 height and width of the output; two each of 5 kernel, 7 stride, 9 pad,
// 11 dilation, 13 size of the image; (first, four strides) of 15 image, 20 maxima, 25 places.
// Before it: Num, beats(a, b), lowest(). Bindings: image, maxima, places.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_word(0u)) { return; }
    let row = i / rg_word(4u);
    let x = i - row * rg_word(4u);
    let plane = row / rg_word(3u);
    let y = row - plane * rg_word(3u);
    let b = plane / rg_word(2u);
    let c = plane - b * rg_word(2u);
    let top = i32(y * rg_word(7u)) - i32(rg_word(9u));
    let left = i32(x * rg_word(8u)) - i32(rg_word(10u));
    let height = i32(rg_word(13u));
    let width = i32(rg_word(14u));
    let down = i32(rg_word(11u));
    let across = i32(rg_word(12u));
    let start = place(15u, b, c, 0u, 0u);
    var best = lowest();
    var at = -1;
    for (var p = 0u; p < rg_word(5u); p++) {
        let h = top + i32(p) * down;
        for (var q = 0u; q < rg_word(6u); q++) {
            let s = left + i32(q) * across;
            if (h >= 0 && h < height && s >= 0 && s < width) {
                let v = load0(start + u32(h) * rg_word(18u) + u32(s) * rg_word(19u));
                // The first one's place stands even if it is the lowest there is.
                if (at < 0 || beats(v, best)) {
                    best = v;
                    at = h * width + s;
                }
            }
        }
    }
    store0(place(20u, b, c, y, x), best);
    store1(place(25u, b, c, y, x), vec2<u32>(u32(at), 0u));
}
