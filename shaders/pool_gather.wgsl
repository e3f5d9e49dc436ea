// What stands at places of planes: an invocation an output.
// Words: 0 count, 1 grid row, 2 channels, 3 and 4 height and width of the output, 5 and 6 of a plane; (first, four strides) of
// 7 planes, 12 places, 17 output. Bindings: planes, places, output.
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
    let start = load1(place(12u, b, c, y, x));
    var v = 0.0f;
    if (start.y == 0u && start.x < rg_word(5u) * rg_word(6u)) {
        let h = start.x / rg_word(6u);
        v = load0(place(7u, b, c, h, start.x - h * rg_word(6u)));
    }
    store0(place(17u, b, c, y, x), v);
}
