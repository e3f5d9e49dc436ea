// 32-bit integers where WGSL's own operators differ from PyTorch's: casts, division, powers, shifts of 32 and more.
fn i32_from_f32(x: f32) -> i32 {                         // truncates; NaN and out of range give the smallest int32
    return select(i32(x), i32(-2147483648), ((bitcast<u32>(x) >> 23u) & 255u) >= 158u);
}
fn i32_div(a: i32, b: i32) -> i32 { return select(a / select(b, 1, b == 0), 0, b == 0); }
fn i32_rem(a: i32, b: i32) -> i32 { return select(a % select(b, 1, b == 0), 0, b == 0); }
fn i32_pow(a: i32, b: i32) -> i32 {                      // negative exponents: 0 but for 1 and -1
    if (b < 0) { return select(select(0, select(1, a, (b & 1) == 1), a == -1), a, a == 1); }
    var n = b; var p = a; var r = 1;
    for (var i = 0; i < 31; i++) {
        if ((n & 1) == 1) { r = r * p; }
        n = n >> 1u;
        if (n == 0) { break; }
        p = p * p;
    }
    return r;
}
fn i32_shl(a: i32, n: i32) -> i32 { return select(a << u32(n & 31), 0, n < 0 || n > 31); }
fn i32_shr(a: i32, n: i32) -> i32 { return a >> select(u32(n & 31), 31u, n < 0 || n > 31); }
fn i32_copysign(a: i32, b: i32) -> i32 { return select(abs(a), -abs(a), b < 0); }
fn i32_gcd(a: i32, b: i32) -> i32 {                      // Euclid's; the loop ends by itself, after 46 rounds at most
    var x = u32(abs(a)); var y = u32(abs(b));
    while (x != 0u) { let r = y % x; y = x; x = r; }
    return i32(y);
}
