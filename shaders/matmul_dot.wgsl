// A row times a matrix whose columns lie along memory (after matmul.wgsl; m is 1): LANES invocations of a group of 64 add up an
// element of C, each every LANES-th product, and the first of them adds their sums in order.
// Before it: `Sum`, what one load gives, and total(v), its sum; STEP elements are loaded at once.
var<workgroup> lanes: array<Num, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let p = part(w.z);
    let lane = l % LANES;
    let c = w.x * (64u / LANES) + l / LANES;
    let a = first(A, p);
    let b = first(B, p) + min(c, rg_word(N) - 1u) * rg_word(B + COLUMN);
    var sum = Sum();
    for (var k = p.k / STEP + lane; k < p.end / STEP; k += LANES) {
        sum += load0(a + k * rg_word(A + COLUMN)) * load1(b + k * rg_word(B + ROW));
    }
    lanes[l] = total(sum);
    workgroupBarrier();
    if (lane == 0u && c < rg_word(N)) {
        var v = Num();
        for (var i = 0u; i < LANES; i++) { v += lanes[l + i]; }
        if (FULL == 1u) {
            v = alpha() * v;
            if (ADD == 1u) { v += beta() * added(0u, c); }
        }
        put_one(rg_c + c, v);
    }
}
