// The gradient of max pooling: an invocation takes four pixels of a row, and adds for each the gradients of those windows over it
// whose maximum it was, in their order.
// Before it: put(at, n, v) stores n of four neighbours, or all.
// Bindings: gradients, places, result.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let row = i / rg_word(FOURS);
    let first = (i - row * rg_word(FOURS)) * 4u;
    let plane = row / rg_word(SIZE);
    let y = row - plane * rg_word(SIZE);
    let b = plane / rg_word(CHANNELS);
    let c = plane - b * rg_word(CHANNELS);
    // Windows that may cover these pixels end with this one.
    let last_y = (y + rg_word(PAD)) / rg_word(STRIDE);
    let last_x = (first + 3u + rg_word(PAD + 1u)) / rg_word(STRIDE + 1u);
    let start = place(G, b, c, 0u, 0u);
    let at = place(PLACES, b, c, 0u, 0u);
    let own = y * rg_word(SIZE + 1u) + first + vec4<u32>(0u, 1u, 2u, 3u);
    var sums = vec4<f32>();
    for (var p = rg_word(MOST); p > 0u; p--) {
        // Below 0 wraps around, and is too large.
        let h = last_y + 1u - p;
        for (var q = rg_word(MOST + 1u); q > 0u; q--) {
            let s = last_x + 1u - q;
            if (h < rg_word(POOLED) && s < rg_word(POOLED + 1u)) {
                let won = load1(at + h * rg_word(PLACES + ROW) + s * rg_word(PLACES + COLUMN)).x;
                let g = load0(start + h * rg_word(G + ROW) + s * rg_word(G + COLUMN));
                sums += select(vec4<f32>(), vec4<f32>(g), own == vec4<u32>(won));
            }
        }
    }
    put(place(OUT, b, c, y, first), rg_word(SIZE + 1u) - first, sums);
}
