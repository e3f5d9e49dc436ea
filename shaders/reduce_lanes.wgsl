// After reduce_rows.wgsl: behind one barrier, an invocation a result folds its LANES parts in pairs.
const ROWS: u32 = 64u / LANES;
var<workgroup> parts: array<Acc, 64>;
var<workgroup> places: array<u32, ROWS>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i < rg_meta.count) {
        let found = row(i);
        parts[l] = found.v;
        if (l % LANES == 0u) { places[l / LANES] = found.place; }
    }
    workgroupBarrier();
    if (l < ROWS && (rg_group(w) * ROWS + l) * LANES < rg_meta.count) {
        var v = init();
        for (var j = l * LANES; j < (l + 1u) * LANES; j += 4u) {
            v = fold(v, fold(fold(parts[j], parts[j + 1u]), fold(parts[j + 2u], parts[j + 3u])));
        }
        finish(v, places[l]);
    }
}
