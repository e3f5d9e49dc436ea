// The gradient of layer_norm's input (put0) from that of its output (get0), the input (get1), each row's mean (get2) and inverse
// deviation (get3): with u = (x - mean) rstd and h = g weight, it is (h - mean h - u mean(h u)) rstd. After lanes.wgsl, and
// `weight` by norm.rs.
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let n = enter(w, l);
    let mean = get2();
    let rstd = get3();
    var s = v_of(0.0);
    var t = v_of(0.0);
    for (var k = lane; k < n; k += LANES) {
        let h = get0(k) * weight(k);
        s += h;
        t += h * ((get1(k) - mean) * rstd);
    }
    let count = f32(rg_word(LENGTH));
    let a = row_sum(v_sum(s), l) / count;
    let b = row_sum(v_sum(t), l) / count;
    for (var k = lane; k < n; k += LANES) {
        let u = (get1(k) - mean) * rstd;
        put0(k, (get0(k) * weight(k) - a - u * b) * rstd);
    }
}
