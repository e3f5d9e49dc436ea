// softmax of rows (get0 to put0), or its logarithm (LOG 1). One pass finds the maximum and the sum together (Milakov and
// Gimelshein 2018), with one exponential an element: of the two that the method names, one is exp(0). A second pass writes.
// A row that holds NaN or +inf, or nothing but -inf, is NaN throughout. After lanes.wgsl; const LOG.
const LOWEST: f32 = -3.4028234e38f;
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let n = enter(w, l);
    var m = v_of(LOWEST);
    var s = v_of(0.0);
    for (var k = lane; k < n; k += LANES) {
        let x = get0(k);
        let d = x - m;
        let e = v_exp(-abs(d));
        s = select(s + e, s * e + 1.0, d > v_of(0.0));
        m = v_max(m, x);
    }
    let most = row_max(v_top(m), l);
    let sum = row_sum(v_sum(s * v_exp(m - most)), l);
    // The largest element adds 1 to the sum, if it is a number.
    let bad = s_not(most) | (sum < S(0.5));
    if (LOG == 1u) {
        let shift = s_log(sum);
        for (var k = lane; k < n; k += LANES) {
            put0(k, select((get0(k) - most) - shift, v_of(rg_nan()), bad));
        }
    } else {
        let scale = 1.0 / sum;
        for (var k = lane; k < n; k += LANES) {
            put0(k, select(v_exp(get0(k) - most) * scale, v_of(rg_nan()), bad));
        }
    }
}
