// Minus the weighed log-probability (get0(class)) of each place's target (get1()), and its weight; 0 and 0 where the target is i64s[0].
// The launch counts places. `weight` by loss.rs.
fn term(i: u32) -> vec2<f32> {
    find(i);
    let t = get1();
    if (i64_eq(t, rg_meta.i64s[0].xy)) { return vec2<f32>(0.0); }
    let c = rg_index(t, rg_word(CLASSES));
    let w = weight(c);
    return vec2<f32>(0.0 - w * get0(c), w);
}
