// The maximum of each window of an image and its place in the plane: an invocation an output. What is padded never wins; a later
// element wins only if it beats the best so far.
// Before it: Num, beats(a, b), lowest(). Bindings: image, maxima, places.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let row = i / rg_word(SIZE + 1u);
    let x = i - row * rg_word(SIZE + 1u);
    let plane = row / rg_word(SIZE);
    let y = row - plane * rg_word(SIZE);
    let b = plane / rg_word(CHANNELS);
    let c = plane - b * rg_word(CHANNELS);
    let top = i32(y * rg_word(STRIDE)) - i32(rg_word(PAD));
    let left = i32(x * rg_word(STRIDE + 1u)) - i32(rg_word(PAD + 1u));
    let height = i32(rg_word(IMAGE));
    let width = i32(rg_word(IMAGE + 1u));
    let down = i32(rg_word(DILATION));
    let across = i32(rg_word(DILATION + 1u));
    let start = place(X, b, c, 0u, 0u);
    var best = lowest();
    var at = -1;
    for (var p = 0u; p < rg_word(KERNEL); p++) {
        let h = top + i32(p) * down;
        for (var q = 0u; q < rg_word(KERNEL + 1u); q++) {
            let s = left + i32(q) * across;
            if (h >= 0 && h < height && s >= 0 && s < width) {
                let v = load0(start + u32(h) * rg_word(X + ROW) + u32(s) * rg_word(X + COLUMN));
                // The first one's place stands even if it is the lowest there is.
                if (at < 0 || beats(v, best)) {
                    best = v;
                    at = h * width + s;
                }
            }
        }
    }
    store0(place(MAXIMA, b, c, y, x), best);
    store1(place(PLACES, b, c, y, x), vec2<u32>(u32(at), 0u));
}
