// y[i] = a[i] y[i - 1] + b[i] along lines of n elements, chunk by chunk, one invocation a chunk of a line, elements in order.
// Follows `alias T`, `mul`, `add`, and `number` (number 0 as T). Constants: DIMS counts the merged dims of the lines, fastest first;
// B: whether there is a b (operand 1), else nothing is added; MODE 0: one chunk is the line; MODE 1: a chunk becomes the map that it is,
// y -> store0 y + store1; MODE 2: a chunk goes on from the end of the chunk before, which the last operand has.
// Words: 2 chunks of a line, 3 elements of a chunk, 4 elements of a line, 5 and 6 where the outputs begin, 7 and 8 a and b, 9 the
// last operand, 10 to 12 the strides along a line of a, b and the output; from 13 on DIMS times (size, strides of a, b, output).
// A linear grid of lines * chunks.
const FIRST: u32 = 13u;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let i = rg_group(w) * 64u + l;
    if (i >= rg_word(0u)) { return; }
    let chunks = rg_word(2u);
    let line = i / chunks;
    let chunk = i - line * chunks;
    var r = line;
    var p = vec3<u32>(rg_word(7u), rg_word(8u), rg_word(5u));
    for (var d = 0u; d < DIMS; d++) {
        let at = FIRST + 4u * d;
        let q = r / rg_word(at);
        p += (r - q * rg_word(at)) * vec3<u32>(rg_word(at + 1u), rg_word(at + 2u), rg_word(at + 3u));
        r = q;
    }
    let step = vec3<u32>(rg_word(10u), rg_word(11u), rg_word(12u));
    let start = chunk * rg_word(3u);
    let end = min(start + rg_word(3u), rg_word(4u));
    p += start * step;
    var y = number();
    var product = one();
    if (MODE == 1u) { y = select(beside(0u), zero(), B == 1u); }
    if (MODE == 2u && chunk > 0u) { y = carried(rg_word(9u) + i - 1u); }
    for (var j = start; j < end; j++) {
        let a = load0(p.x);
        // A chunk without a b adds nothing to what comes in.
        if (MODE != 1u || B == 1u) { y = add(mul(a, y), beside(p.y)); }
        if (MODE == 1u) { product = mul(product, a); } else { result(p.z, y); }
        p += step;
    }
    if (MODE == 1u) { summary(i, product, y); }
}
