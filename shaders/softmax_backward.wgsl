// The gradient of softmax's input from that of its output (get0) and the output (get1): y (g - sum g y), or of log_softmax (LOG 1):
// g - exp(y) sum g. After lanes.wgsl; const LOG.
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let n = enter(w, l);
    var s = v_of(0.0);
    if (LOG == 1u) {
        for (var k = lane; k < n; k += LANES) { s += get0(k); }
    } else {
        for (var k = lane; k < n; k += LANES) { s += get0(k) * get1(k); }
    }
    let sum = row_sum(v_sum(s), l);
    if (LOG == 1u) {
        for (var k = lane; k < n; k += LANES) { put0(k, get0(k) - v_exp(get1(k)) * sum); }
    } else {
        for (var k = lane; k < n; k += LANES) { put0(k, get1(k) * (get0(k) - sum)); }
    }
}
