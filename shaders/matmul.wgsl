// What the kernels of products share: C[r, c] = alpha * sum over k of A[r, k] B[k, c] + beta * D[r, c], in batches of two dims.
// An operand's words are its first element and the strides of the outer and the inner batch, ROW and COLUMN. Where B is
// made of patches of an image (PATCH = 1), k and column are numbers of three digits.
// Consts: PATCH; FULL = 0: sums of a split of k, as they are; ADD = 1: there is a D; FOURS = 1: C is written in fours.
// Before it: `Num` and `Four` (four of them), alpha(), beta(), load0.. of A, B; added(r, c) of D, put_one and put_four of C.
const ROW: u32 = 3u;
const COLUMN: u32 = 4u;
var<private> rg_c: u32;
var<private> rg_d: u32;
struct Part { split: u32, outer: u32, inner: u32, k: u32, end: u32 }
// The part of the work that a group of this z has.
fn part(z: u32) -> Part {
    var p: Part;
    let batch = z / rg_word(SPLITS);
    p.split = z - batch * rg_word(SPLITS);
    p.outer = batch / rg_word(INNER);
    p.inner = batch - p.outer * rg_word(INNER);
    p.k = p.split * rg_word(CHUNK);
    p.end = min(p.k + rg_word(CHUNK), rg_word(K));
    rg_c = first(C, p) + p.split * rg_word(SPLIT);
    rg_d = first(D, p);
    return p;
}
fn first(at: u32, p: Part) -> u32 { return rg_word(at) + p.outer * rg_word(at + 1u) + p.inner * rg_word(at + 2u); }
// The three digits of a number, highest first; the sizes of the lower two from word `sizes` on.
fn digits(i: u32, sizes: u32) -> vec3<u32> {
    let q = i / rg_word(sizes + 1u);
    let high = q / rg_word(sizes);
    return vec3<u32>(high, q - high * rg_word(sizes), i - q * rg_word(sizes + 1u));
}
// The digits of the next column: no division. The last column is its own successor.
fn next(d: vec3<u32>, c: u32) -> vec3<u32> {
    if (c + 1u >= rg_word(N)) { return d; }
    let carry = d.z + 1u == rg_word(COLUMN_SIZES + 1u);
    let low = select(d.z + 1u, 0u, carry);
    let mid = select(d.y, d.y + 1u, carry);
    let over = mid == rg_word(COLUMN_SIZES);
    return vec3<u32>(select(d.x, d.x + 1u, over), select(mid, 0u, over), low);
}
// What digits are worth, by the three words from `steps` on.
fn worth(d: vec3<u32>, steps: u32) -> u32 {
    return d.x * rg_word(steps) + d.y * rg_word(steps + 1u) + d.z * rg_word(steps + 2u);
}
fn worths(c: u32, steps: u32) -> vec4<u32> {
    let d0 = digits(c, COLUMN_SIZES);
    let d1 = next(d0, c);
    let d2 = next(d1, c + 1u);
    let d3 = next(d2, c + 2u);
    return vec4<u32>(worth(d0, steps), worth(d1, steps), worth(d2, steps), worth(d3, steps));
}
// Four columns in B from c on; those past the end are the last one.
fn columns(c: u32) -> vec4<u32> {
    let last = rg_word(N) - 1u;
    if (PATCH == 1u) { return worths(min(c, last), COLUMN_STEPS); }
    return vec4<u32>(min(c, last), min(c + 1u, last), min(c + 2u, last), min(c + 3u, last)) * rg_word(B + COLUMN);
}
fn along(k: u32) -> u32 {
    if (PATCH == 1u) { return worth(digits(k, K_SIZES), K_STEPS); }
    return k * rg_word(B + ROW);
}
// Four columns in C.
fn spots(c: u32) -> vec4<u32> {
    if (PATCH == 1u && FULL == 1u && FOURS == 0u) { return worths(c, OUT_STEPS); }
    return vec4<u32>(c, c + 1u, c + 2u, c + 3u);
}
// Four elements of a row of C, at what `spots` gave.
fn put(r: u32, c: u32, to: vec4<u32>, sums: Four) {
    var v = sums;
    if (FULL == 1u) {
        v = alpha() * v;
        if (ADD == 1u) { v += beta() * Four(added(r, c), added(r, c + 1u), added(r, c + 2u), added(r, c + 3u)); }
    }
    let row = rg_c + r * rg_word(C + ROW);
    if (FOURS == 1u) {
        put_four(row + c / 4u, v);
        return;
    }
    let n = rg_word(N);
    put_one(row + to.x, v.x);
    if (c + 1u < n) { put_one(row + to.y, v.y); }
    if (c + 2u < n) { put_one(row + to.z, v.z); }
    if (c + 3u < n) { put_one(row + to.w, v.w); }
}
