// Each result, or V neighbouring ones, or a chunk of them, by one invocation, for results whose elements are neighbours in memory
// across results: a column adds its rows in order. Constants and words as in reduce.wgsl; the results of one chunk lie side by side, so
// that those of all chunks are such columns again.
// A linear grid of chunks * results / V, results fastest.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_meta.count) { return; }
    let chunks = rg_word(CHUNKS);
    var chunk = 0u;
    var k = i;
    if (chunks > 1u) {
        let across = rg_word(RESULTS) / V;
        chunk = i / across;
        k = i - chunk * across;
    }
    k *= V;
    let base = kept(k);
    let size = rg_word(INNER);
    let step = vec2<u32>(rg_word(INNER + 1u), rg_word(INNER + 2u));
    var a = nothing();
    var r = chunk * rg_word(CHUNK);
    let end = min(r + rg_word(CHUNK), rg_word(LENGTH));
    while (r < end) {
        let q = run_of(r);
        let c = r - q * size;
        let len = min(size - c, end - r);
        var p = base.xy + run_start(q) + c * step;
        for (var j = 0u; j < len; j++) {
            take(&a, p.x, p.y, r + j);
            p += step;
        }
        r += len;
    }
    for (var v = 0u; v < V; v++) {
        finish(a[v], select(base.z + v * rg_word(REST + 3u), chunk * rg_word(RESULTS) + k + v, chunks > 1u));
    }
}
