// Sums of all numbers before each one, within tiles of 4096, and the sum of each tile. Reads x (over the result); writes x, sums.
var<workgroup> totals: array<u32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let tile = rg_group(w);
    let start = tile * 4096u + l * 64u;
    let end = min(start + 64u, rg_word(NUMBERS));
    var sum = 0u;
    for (var i = start; i < end; i++) { sum += bitcast<u32>(load0(i)); }
    totals[l] = sum;
    workgroupBarrier();
    if (l == 0u) {
        sum = 0u;
        for (var j = 0u; j < 64u; j++) {
            let own = totals[j];
            totals[j] = sum;
            sum += own;
        }
        if (tile < rg_word(TILES)) { store1(tile, bitcast<i32>(sum)); }
    }
    workgroupBarrier();
    sum = totals[l];
    for (var i = start; i < end; i++) {
        let own = bitcast<u32>(load0(i));
        store0(i, bitcast<i32>(sum));
        sum += own;
    }
}
