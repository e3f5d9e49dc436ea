// 64-bit integers as vec2<u32>: x is the low word, y the high one (little-endian memory, the bytes of an int64).
alias I64 = vec2<u32>;
fn i64_from_i32(a: i32) -> I64 { return I64(bitcast<u32>(a), select(0u, 0xffffffffu, a < 0)); }
fn i64_from_u32(a: u32) -> I64 { return I64(a, 0u); }
fn i64_low(a: I64) -> i32 { return bitcast<i32>(a.x); }
fn i64_fits_i32(a: I64) -> bool { return a.y == select(0u, 0xffffffffu, (a.x >> 31u) == 1u); }
fn i64_add(a: I64, b: I64) -> I64 { let l = a.x + b.x; return I64(l, a.y + b.y + select(0u, 1u, l < a.x)); }
fn i64_neg(a: I64) -> I64 { let l = ~a.x + 1u; return I64(l, ~a.y + select(0u, 1u, l == 0u)); }
fn i64_sub(a: I64, b: I64) -> I64 { return I64(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x)); }
fn u32_mul_wide(a: u32, b: u32) -> I64 {
    let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
    let m = ah * bl + ((al * bl) >> 16u);
    let n = al * bh + (m & 0xffffu);
    return I64(a * b, ah * bh + (m >> 16u) + (n >> 16u));
}
fn i64_mul(a: I64, b: I64) -> I64 { let p = u32_mul_wide(a.x, b.x); return I64(p.x, p.y + a.x * b.y + a.y * b.x); }
fn i64_eq(a: I64, b: I64) -> bool { return a.x == b.x && a.y == b.y; }
fn i64_lt(a: I64, b: I64) -> bool {
    return select(a.x < b.x, bitcast<i32>(a.y) < bitcast<i32>(b.y), a.y != b.y);
}
fn u64_lt(a: I64, b: I64) -> bool { return select(a.x < b.x, a.y < b.y, a.y != b.y); }
fn i64_min(a: I64, b: I64) -> I64 { return select(b, a, i64_lt(a, b)); }
fn i64_max(a: I64, b: I64) -> I64 { return select(a, b, i64_lt(a, b)); }
fn i64_abs(a: I64) -> I64 { return select(a, i64_neg(a), (a.y >> 31u) == 1u); }
fn i64_and(a: I64, b: I64) -> I64 { return a & b; }
fn i64_shl(a: I64, n: u32) -> I64 {
    if (n == 0u) { return a; }
    if (n >= 64u) { return I64(0u, 0u); }
    if (n >= 32u) { return I64(0u, a.x << (n - 32u)); }
    return I64(a.x << n, (a.y << n) | (a.x >> (32u - n)));
}
fn u64_shr(a: I64, n: u32) -> I64 {
    if (n == 0u) { return a; }
    if (n >= 64u) { return I64(0u, 0u); }
    if (n >= 32u) { return I64(a.y >> (n - 32u), 0u); }
    return I64((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}
fn i64_shr(a: I64, n: u32) -> I64 {
    let s = bitcast<i32>(a.y);
    if (n == 0u) { return a; }
    if (n >= 64u) { return I64(bitcast<u32>(s >> 31u), bitcast<u32>(s >> 31u)); }
    if (n >= 32u) { return I64(bitcast<u32>(s >> (n - 32u)), bitcast<u32>(s >> 31u)); }
    return I64((a.x >> n) | (a.y << (32u - n)), bitcast<u32>(s >> n));
}
struct I64DivRem { q: I64, r: I64 }
fn u64_divrem(a: I64, b: I64) -> I64DivRem {             // b != 0; shift and subtract
    if (a.y == 0u && b.y == 0u) { return I64DivRem(I64(a.x / b.x, 0u), I64(a.x % b.x, 0u)); }
    var q = I64(0u, 0u); var r = I64(0u, 0u);
    for (var i = 0u; i < 64u; i++) {
        let bit = select(a.x >> (63u - i), a.y >> (31u - min(i, 31u)), i < 32u) & 1u;
        let top = r.y >> 31u;
        r = I64((r.x << 1u) | bit, (r.y << 1u) | (r.x >> 31u));
        let take = top == 1u || !u64_lt(r, b);
        if (take) { r = i64_sub(r, b); }
        q = I64((q.x << 1u) | select(0u, 1u, take), (q.y << 1u) | (q.x >> 31u));
    }
    return I64DivRem(q, r);
}
fn i64_div_trunc(a: I64, b: I64) -> I64 {                // division by zero: 0 (the caller refuses it beforehand)
    if (b.x == 0u && b.y == 0u) { return I64(0u, 0u); }
    let q = u64_divrem(i64_abs(a), i64_abs(b)).q;
    return select(q, i64_neg(q), ((a.y ^ b.y) >> 31u) == 1u);
}
fn i64_to_f32(a: I64) -> f32 {                           // rounded once, to nearest even
    let n = (a.y >> 31u) == 1u;
    let m = i64_abs(a);
    if (m.y == 0u) { let f0 = f32(m.x); return select(f0, -f0, n); }
    let z = countLeadingZeros(m.y);
    let t = i64_shl(m, z);                               // top bit set
    let v = t.y | select(0u, 1u, t.x != 0u);             // sticky bit
    let f = f32(v) * bitcast<f32>((127u + 32u - z) << 23u);
    return select(f, -f, n);
}
fn i64_from_f32(x: f32) -> I64 {                         // truncates; NaN and out of range give the smallest int64
    let b = bitcast<u32>(x); let e = i32((b >> 23u) & 255u) - 150;
    if (e >= 40) { return I64(0u, 0x80000000u); }
    if (e <= -24) { return I64(0u, 0u); }
    let m = I64((b & 0x7fffffu) | 0x800000u, 0u);
    let v = select(u64_shr(m, u32(-e)), i64_shl(m, u32(max(e, 0))), e >= 0);
    return select(v, i64_neg(v), (b >> 31u) == 1u);
}
fn u64_to_f32(a: I64) -> f32 {                           // rounded once, to nearest even
    if (a.y == 0u) { return f32(a.x); }
    let z = countLeadingZeros(a.y);
    let t = i64_shl(a, z);                               // top bit set
    let v = t.y | select(0u, 1u, t.x != 0u);             // sticky bit
    return f32(v) * bitcast<f32>((127u + 32u - z) << 23u);
}
fn u64_from_f32(x: f32) -> I64 {                         // negative values as i64_from_f32; from 2^64 on 0, NaN gives 2^63
    let b = bitcast<u32>(x); let e = i32((b >> 23u) & 255u) - 150;
    if (e < 40) { return i64_from_f32(x); }
    if (b > 0x7f800000u) { return I64(0u, 0x80000000u); }
    if (e > 40) { return I64(0u, 0u); }
    return i64_shl(I64((b & 0x7fffffu) | 0x800000u, 0u), 40u);
}
fn i64_or(a: I64, b: I64) -> I64 { return a | b; }
fn i64_xor(a: I64, b: I64) -> I64 { return a ^ b; }
fn i64_not(a: I64) -> I64 { return ~a; }
fn i64_is_zero(a: I64) -> bool { return a.x == 0u && a.y == 0u; }
fn i64_sign(a: I64) -> I64 { return select(select(I64(1u, 0u), I64(0u, 0u), i64_is_zero(a)), I64(0xffffffffu, 0xffffffffu), (a.y >> 31u) == 1u); }
fn i64_rem(a: I64, b: I64) -> I64 {                      // the dividend's sign; 0 for a zero divisor, which is refused beforehand
    if (i64_is_zero(b)) { return I64(0u, 0u); }
    let r = u64_divrem(i64_abs(a), i64_abs(b)).r;
    return select(r, i64_neg(r), (a.y >> 31u) == 1u);
}
fn i64_pow(a: I64, b: I64) -> I64 {                      // negative exponents: 0 but for 1 and -1
    if ((b.y >> 31u) == 1u) {
        let odd = (b.x & 1u) == 1u;
        let one = i64_eq(a, I64(1u, 0u));
        let minus = i64_eq(a, I64(0xffffffffu, 0xffffffffu));
        return select(select(I64(0u, 0u), select(I64(1u, 0u), a, odd), minus), a, one);
    }
    var n = b; var p = a; var r = I64(1u, 0u);
    for (var i = 0; i < 63; i++) {
        if ((n.x & 1u) == 1u) { r = i64_mul(r, p); }
        n = u64_shr(n, 1u);
        if (i64_is_zero(n)) { break; }
        p = i64_mul(p, p);
    }
    return r;
}
fn i64_count(n: I64) -> u32 { return select(64u, n.x, n.y == 0u && n.x < 64u); }   // a shift: 64 for all that is no place
fn i64_shift_left(a: I64, n: I64) -> I64 { return i64_shl(a, i64_count(n)); }
fn i64_shift_right(a: I64, n: I64) -> I64 { return i64_shr(a, i64_count(n)); }
fn i64_copysign(a: I64, b: I64) -> I64 { return select(i64_abs(a), i64_neg(i64_abs(a)), (b.y >> 31u) == 1u); }
fn i64_gcd(a: I64, b: I64) -> I64 {                      // Euclid's; the loop ends by itself, after 92 rounds at most
    var x = i64_abs(a); var y = i64_abs(b);
    while (!i64_is_zero(x)) { let r = u64_divrem(y, x).r; y = x; x = r; }
    return y;
}
