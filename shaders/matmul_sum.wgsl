// The sums of the splits of k, in order, as an element of C. An invocation an element. Sums are contiguous; const ADD =
// 1: there is a D. An operand's words are its first element and the strides of the outer and the inner batch, rows and
// columns.
fn place(at: u32, outer: u32, inner: u32, r: u32, c: u32) -> u32 {
    return rg_word(at) + outer * rg_word(at + 1u) + inner * rg_word(at + 2u) + r * rg_word(at + 3u)
        + c * rg_word(at + 4u);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    var v = Num();
    let start = rg_word(SUMS) + i;
    for (var s = 0u; s < rg_word(SPLITS); s++) { v += load0(start + s * rg_word(STEP)); }
    let q = i / rg_word(N);
    let c = i - q * rg_word(N);
    let batch = q / rg_word(M);
    let r = q - batch * rg_word(M);
    let outer = batch / rg_word(INNER);
    let inner = batch - outer * rg_word(INNER);
    v = alpha() * v;
    if (ADD == 1u) { v += beta() * added(place(D, outer, inner, r, c), 0u); }
    store0(place(C, outer, inner, r, c), v);
}
