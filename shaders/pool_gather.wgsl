// What stands at places of planes: an invocation an output.
// Bindings: planes, places, output.
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
    let start = load1(place(PLACES, b, c, y, x));
    var v = 0.0f;
    if (start.y == 0u && start.x < rg_word(PLANE) * rg_word(PLANE + 1u)) {
        let h = start.x / rg_word(PLANE + 1u);
        v = load0(place(X, b, c, h, start.x - h * rg_word(PLANE + 1u)));
    }
    store0(place(OUT, b, c, y, x), v);
}
