// Minus the weighed log-probability (get0(class)) of each place's target (get1()), and its weight; 0 and 0 where the target is i64s[0].
// Words: 0 places, 1 groups in a row of the grid, 2 classes; then the operands' places. `weight` by loss.rs.
fn term(i: u32) -> vec2<f32> {
    find(i);
    let t = get1();
    if (i64_eq(t, rg_meta.i64s[0].xy)) { return vec2<f32>(0.0); }
    let c = rg_index(t, rg_word(2u));
    let w = weight(c);
    return vec2<f32>(0.0 - w * get0(c), w);
}
