// 16-bit floats, two to a word, computed in f32. By integers: right for denormals, infinity and NaN on any driver.
fn bf16_unpack(h: u32) -> f32 { return bitcast<f32>(h << 16u); }
fn bf16_round(x: f32) -> u32 {                           // to nearest even; NaN stays NaN
    let b = bitcast<u32>(x);
    if ((b & 0x7fffffffu) > 0x7f800000u) { return (b >> 16u) | 0x40u; }
    return (b + 0x7fffu + ((b >> 16u) & 1u)) >> 16u;
}
fn f16_unpack(h: u32) -> f32 {
    let s = (h & 0x8000u) << 16u; let e = (h >> 10u) & 31u; let m = h & 0x3ffu;
    if (e == 31u) { return bitcast<f32>(s | 0x7f800000u | (m << 13u)); }
    if (e == 0u) { let f = f32(m) * 5.9604644775390625e-8; return bitcast<f32>(bitcast<u32>(f) | s); }
    return bitcast<f32>(s | ((e + 112u) << 23u) | (m << 13u));
}
fn f16_round(x: f32) -> u32 {                            // to nearest even, overflow to infinity
    let b = bitcast<u32>(x); let s = (b >> 16u) & 0x8000u; let a = b & 0x7fffffffu;
    if (a > 0x7f800000u) { return s | 0x7e00u | ((a >> 13u) & 0x3ffu); }
    if (a >= 0x477ff000u) { return s | 0x7c00u; }
    if (a < 0x38800000u) {                               // denormal
        if (a < 0x33000000u) { return s; }
        let sh = 126u - (a >> 23u); let m = (a & 0x7fffffu) | 0x800000u;
        let q = m >> sh; let r = m & ((1u << sh) - 1u); let h = 1u << (sh - 1u);
        return s | (q + select(0u, 1u, r > h || (r == h && (q & 1u) == 1u)));
    }
    return s | (((a + 0xfffu + ((a >> 13u) & 1u)) >> 13u) - 0x1c000u);
}
