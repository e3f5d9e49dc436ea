// The gradient of max pooling: an invocation takes four pixels of a row, and adds for each the gradients of those windows over it
// whose maximum it was, in their order.
// Words: 0 count (of fours), 1 grid row, 2 channels, 3 and 4 height and width of the image; two each of 5 kernel, 7 stride, 9 pad,
// 11 dilation, 13 size of the pooled image; (first, four strides) of 15 gradients, 20 places, 25 result; 30 fours in a row;
// 31 and 32 windows that cover such pixels at most, down and across.
// Before it: put(at, n, v) stores n of four neighbours, or all.
// Bindings: gradients, places, result.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_word(0u)) { return; }
    let row = i / rg_word(30u);
    let first = (i - row * rg_word(30u)) * 4u;
    let plane = row / rg_word(3u);
    let y = row - plane * rg_word(3u);
    let b = plane / rg_word(2u);
    let c = plane - b * rg_word(2u);
    // Windows that may cover these pixels end with this one.
    let last_y = (y + rg_word(9u)) / rg_word(7u);
    let last_x = (first + 3u + rg_word(10u)) / rg_word(8u);
    let start = place(15u, b, c, 0u, 0u);
    let at = place(20u, b, c, 0u, 0u);
    let own = y * rg_word(4u) + first + vec4<u32>(0u, 1u, 2u, 3u);
    var sums = vec4<f32>();
    for (var p = rg_word(31u); p > 0u; p--) {
        // Below 0 wraps around, and is too large.
        let h = last_y + 1u - p;
        for (var q = rg_word(32u); q > 0u; q--) {
            let s = last_x + 1u - q;
            if (h < rg_word(13u) && s < rg_word(14u)) {
                let won = load1(at + h * rg_word(23u) + s * rg_word(24u)).x;
                let g = load0(start + h * rg_word(18u) + s * rg_word(19u));
                sums += select(vec4<f32>(), vec4<f32>(g), own == vec4<u32>(won));
            }
        }
    }
    put(place(25u, b, c, y, first), rg_word(4u) - first, sums);
}
