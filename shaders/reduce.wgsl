// The walk that all reductions share: from the number of a result, and of an element of it, to places in memory.
// Follows what `src/gpu/reduce.rs` prints for the operation: `Acc` with `init`, `fold` and `finish(v, place)`, and `take(a, px, py, r)`,
// which folds element `r` of a result (or its V neighbours) at the places px, py of the two operands into `a`.
// Constants: KEPT and DIMS count the merged dims of the results and of the elements of one, fastest first; V is 4 where operands
// are read four at a time.
// From REST on are KEPT times (size, strides of both operands and of the outputs), from INNER on DIMS times (size,
// strides of both operands).
const INNER: u32 = REST + 4u * KEPT;
// Places of the operands and of the outputs for result `k`. The slowest dim needs no division.
fn kept(k: u32) -> vec3<u32> {
    var r = k;
    var p = vec3<u32>(rg_word(X), rg_word(X + 1u), 0u);
    for (var d = 0u; d + 1u < KEPT; d++) {
        let at = REST + 4u * d;
        let q = r / rg_word(at);
        p += (r - q * rg_word(at)) * vec3<u32>(rg_word(at + 1u), rg_word(at + 2u), rg_word(at + 3u));
        r = q;
    }
    let at = REST + 4u * (KEPT - 1u);
    return p + r * vec3<u32>(rg_word(at + 1u), rg_word(at + 2u), rg_word(at + 3u));
}
// How far the operands have gone in all but the fastest dim of the elements, whose runs are counted by `n`.
fn run_start(n: u32) -> vec2<u32> {
    var r = n;
    var p = vec2<u32>();
    for (var d = 1u; d + 1u < DIMS; d++) {
        let at = INNER + 3u * d;
        let q = r / rg_word(at);
        p += (r - q * rg_word(at)) * vec2<u32>(rg_word(at + 1u), rg_word(at + 2u));
        r = q;
    }
    if (DIMS > 1u) {
        let at = INNER + 3u * (DIMS - 1u);
        p += r * vec2<u32>(rg_word(at + 1u), rg_word(at + 2u));
    }
    return p;
}
// The run that element `r` lies in. Where all are one run, it takes no division.
fn run_of(r: u32) -> u32 {
    if (DIMS == 1u) { return 0u; }
    return r / rg_word(INNER);
}
fn nothing() -> array<Acc, V> {
    var a: array<Acc, V>;
    for (var v = 0u; v < V; v++) { a[v] = init(); }
    return a;
}
