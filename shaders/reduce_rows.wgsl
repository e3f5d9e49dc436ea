// Each result, or chunk of one, by LANES invocations side by side, for elements that are neighbours in memory (or that no order of
// walking makes so). Lane k takes elements (or fours) k, k + LANES, ... of each run. What `main` does with the lanes' parts stands
// in reduce_lanes.wgsl, or for one lane in reduce_lane.wgsl. Constants beside those of reduce.wgsl: LANES, 1 or 16, and WAY: EACH finds each element by
// divisions, for runs shorter than the lanes; RUNS follows runs; EDGES too, by fours although runs begin or end inside of one.
// Words as in reduce.wgsl; the results of chunks lie side by side. A linear grid of results * chunks * LANES.
const EACH: u32 = 0u;
const EDGES: u32 = 2u;
fn part(base: vec2<u32>, lane: u32, start: u32, end: u32) -> Acc {
    var a = nothing();
    let size = rg_word(INNER);
    let step = vec2<u32>(rg_word(INNER + 1u), rg_word(INNER + 2u));
    if (WAY == EACH) {
        for (var r = start + lane; r < end; r += LANES) {
            let q = run_of(r);
            let p = base + run_start(q) + (r - q * size) * step;
            take(&a, p.x, p.y, r);
        }
    } else {
        var r = start;
        while (r < end) {
            let q = run_of(r);
            let c = r - q * size;
            let len = min(size - c, end - r);
            let p = base + run_start(q) + c * step;
            if (WAY == EDGES) {
                let past = p.x & 3u;                                   // of the four in which the run begins
                let first = (4u - past) & 3u;
                let last = first + ((max(len, first) - first) & ~3u);
                for (var j = first + lane * 4u; j < last; j += LANES * 4u) { take(&a, p.x + j * step.x, p.y + j * step.y, r + j); }
                if (lane == 0u && past > 0u) {
                    take_some(&a, p.x - past * step.x, p.y - past * step.y, r - past, past, past + min(len, first));
                }
                if (lane == LANES - 1u && last < len) {
                    take_some(&a, p.x + last * step.x, p.y + last * step.y, r + last, 0u, len - last);
                }
            } else {
                for (var j = lane * V; j < len; j += LANES * V) { take(&a, p.x + j * step.x, p.y + j * step.y, r + j); }
            }
            r += len;
        }
    }
    if (V == 4u) { return fold(fold(a[0], a[V / 4u]), fold(a[V / 2u], a[V - 1u])); }
    return a[0];
}
struct Row { v: Acc, place: u32 }
// The part of invocation `i`, and where the whole goes.
fn row(i: u32) -> Row {
    let chunks = rg_word(CHUNKS);
    let task = i / LANES;
    var k = task;
    var start = 0u;
    if (chunks > 1u) {
        k = task / chunks;
        start = (task - k * chunks) * rg_word(CHUNK);
    }
    let base = kept(k);
    let v = part(base.xy, i % LANES, start, min(start + rg_word(CHUNK), rg_word(LENGTH)));
    return Row(v, select(base.z, task, chunks > 1u));
}
