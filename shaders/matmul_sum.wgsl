// The sums of the splits of k, in order, as an element of C. An invocation an element.
// Words: 0 count, 1 grid row, 2 m, 3 n, 4 size of the inner batch dim, 5 splits, 6 first of the sums, 7 from split to split;
// 8 C (first, outer batch, inner batch, row, column), 13 D the same. Const ADD = 1: there is a D. Sums are contiguous.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_word(0u)) { return; }
    var v = Num();
    let start = rg_word(6u) + i;
    for (var s = 0u; s < rg_word(5u); s++) { v += load0(start + s * rg_word(7u)); }
    let q = i / rg_word(3u);
    let c = i - q * rg_word(3u);
    let batch = q / rg_word(2u);
    let r = q - batch * rg_word(2u);
    let outer = batch / rg_word(4u);
    let inner = batch - outer * rg_word(4u);
    v = alpha() * v;
    if (ADD == 1u) {
        let d = rg_word(13u) + outer * rg_word(14u) + inner * rg_word(15u) + r * rg_word(16u) + c * rg_word(17u);
        v += beta() * added(d, 0u);
    }
    store0(rg_word(8u) + outer * rg_word(9u) + inner * rg_word(10u) + r * rg_word(11u) + c * rg_word(12u), v);
}
