// The gradient of the log-probabilities of a place (put0): minus weight and gradient (get0()) at its target (get1()), zero elsewhere.
// MEAN 1: over the sum of the weights (get2()). Targets equal to i64s[0] do not count. After lanes.wgsl, and `weight` by loss.rs;
// const MEAN.
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let n = enter(w, l);
    let t = get1();
    let counts = live && t.y == 0u && t.x < rg_word(LENGTH) && !i64_eq(t, rg_meta.i64s[0].xy);
    // A place that no class has.
    let c = select(0xffffffffu, t.x, counts);
    var v = 0.0;
    if (counts) {
        v = get0();
        if (MEAN == 1u) { v = v / get2(); }
        v = 0.0 - weight(c) * v;
    }
    for (var k = lane; k < n; k += LANES) {
        put0(k, select(v_of(0.0), v_of(v), v_place(k) == v_spread(c)));
    }
}
