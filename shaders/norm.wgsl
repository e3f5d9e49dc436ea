// Rows (get0) less their mean, over their deviation, times weight(k), plus bias(k), to put0; mean and inverse deviation to put1
// and put2. f32s[0] is added to the variance. After lanes.wgsl, and `weight` and `bias` by norm.rs.
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let n = enter(w, l);
    let count = f32(rg_word(LENGTH));
    var s = v_of(0.0);
    for (var k = lane; k < n; k += LANES) { s += get0(k); }
    let mean = row_sum(v_sum(s), l) / count;
    s = v_of(0.0);
    for (var k = lane; k < n; k += LANES) {
        let d = get0(k) - mean;
        s += d * d;
    }
    let rstd = 1.0 / sqrt(row_sum(v_sum(s), l) / count + rg_meta.f32s.x);
    for (var k = lane; k < n; k += LANES) {
        put0(k, ((get0(k) - mean) * rstd) * weight(k) + bias(k));
    }
    if (live && lane == 0u) {
        put1(mean);
        put2(rstd);
    }
}
