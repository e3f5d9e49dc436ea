// Complex numbers as pairs of floats: arithmetic, and principal values of elementary functions, whose branch cuts heed the sign of
// zeros. Where a plain formula would cancel or overflow, after W. Kahan, "Branch Cuts for Complex Elementary Functions" (1987), and
// R. L. Smith, "Complex division" (1962). The CPU computes these in float64, so results differ in the last bits.
fn c64_real(x: f32) -> vec2<f32> { return vec2<f32>(x, 0.0); }
fn c64_conj(z: vec2<f32>) -> vec2<f32> { return vec2<f32>(z.x, -z.y); }
fn c64_times_i(z: vec2<f32>) -> vec2<f32> { return vec2<f32>(-z.y, z.x); }
fn c64_over_i(z: vec2<f32>) -> vec2<f32> { return vec2<f32>(z.y, -z.x); }
fn c64_eq(a: vec2<f32>, b: vec2<f32>) -> bool { return rg_eq(a.x, b.x) && rg_eq(a.y, b.y); }
fn c64_is_true(z: vec2<f32>) -> bool { return rg_ne(z.x, 0.0) || rg_ne(z.y, 0.0); }
fn c64_mul(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
// By the larger part of the divisor, so that its square is not taken.
fn c64_div(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    if (rg_eq(b.y, 0.0)) { return vec2<f32>(a.x / b.x, a.y / b.x); }
    let swap = abs(b.x) < abs(b.y);
    let p = select(b.x, b.y, swap);
    let q = select(b.y, b.x, swap);
    let ratio = q / p;
    let by = p + q * ratio;
    if (swap) { return vec2<f32>((a.x * ratio + a.y) / by, (a.y * ratio - a.x) / by); }
    return vec2<f32>((a.x + a.y * ratio) / by, (a.y - a.x * ratio) / by);
}
fn c64_abs(z: vec2<f32>) -> f32 {
    let a = abs(z);
    if (rg_isinf(a.x) || rg_isinf(a.y)) { return rg_inf(); }
    if (rg_isnan(a.x) || rg_isnan(a.y)) { return rg_nan(); }
    let big = rg_max(a.x, a.y);
    if (big == 0.0) { return 0.0; }
    let ratio = rg_min(a.x, a.y) / big;
    return big * sqrt(1.0 + ratio * ratio);
}
fn c64_angle(z: vec2<f32>) -> f32 { return rg_atan2(z.y, z.x); }
fn c64_polar(r: f32, angle: f32) -> vec2<f32> { return vec2<f32>(r * rg_cos(angle), r * rg_sin(angle)); }
fn c64_sign(z: vec2<f32>) -> vec2<f32> {
    let r = c64_abs(z);
    return select(z / r, vec2<f32>(0.0, 0.0), rg_eq(r, 0.0));
}
fn c64_exp(z: vec2<f32>) -> vec2<f32> {
    // A zero times an infinity would be NaN.
    if (rg_eq(z.y, 0.0)) { return vec2<f32>(rg_exp(z.x), z.y); }
    if (z.x < -110.0 && !rg_isfinite(z.y)) { return vec2<f32>(0.0, 0.0); }
    let turn = vec2<f32>(rg_cos(z.y), rg_sin(z.y));
    if (abs(z.x) > 80.0 && rg_isfinite(z.x)) {
        // In two steps: e^x alone may be beyond what the parts are.
        let half = rg_exp(z.x * 0.5);
        return (turn * half) * half;
    }
    return turn * rg_exp(z.x);
}
fn c64_exp2(z: vec2<f32>) -> vec2<f32> {
    if (rg_eq(z.y, 0.0)) { return vec2<f32>(rg_exp2(z.x), z.y * 0.6931472); }
    return c64_polar(rg_exp2(z.x), z.y * 0.6931472);
}
fn c64_expm1(z: vec2<f32>) -> vec2<f32> {
    if (rg_eq(z.y, 0.0)) { return vec2<f32>(rg_expm1(z.x), z.y); }
    let half = rg_sin(z.y * 0.5);
    return vec2<f32>(rg_expm1(z.x) * rg_cos(z.y) - 2.0 * half * half, rg_exp(z.x) * rg_sin(z.y));
}
// The logarithm of the absolute value; near the unit circle of |z|^2 - 1, of which less is lost.
fn c64_log_abs(z: vec2<f32>) -> f32 {
    let r = c64_abs(z);
    let a = abs(z);
    if (r > 0.5 && r < 2.0) {
        let big = rg_max(a.x, a.y);
        let small = rg_min(a.x, a.y);
        return 0.5 * rg_log1p((big - 1.0) * (big + 1.0) + small * small);
    }
    if (rg_isinf(r) && rg_isfinite(z.x) && rg_isfinite(z.y)) { return rg_log(c64_abs(z * 0.5)) + 0.6931472; }
    return rg_log(r);
}
fn c64_log(z: vec2<f32>) -> vec2<f32> { return vec2<f32>(c64_log_abs(z), c64_angle(z)); }
fn c64_log2(z: vec2<f32>) -> vec2<f32> { return c64_log(z) * 1.442695; }
fn c64_log10(z: vec2<f32>) -> vec2<f32> { return c64_log(z) * 0.43429448; }
fn c64_log1p(z: vec2<f32>) -> vec2<f32> {
    if (c64_abs(z) < 0.5) {
        return vec2<f32>(0.5 * rg_log1p(z.x * (2.0 + z.x) + z.y * z.y), rg_atan2(z.y, z.x + 1.0));
    }
    return c64_log(vec2<f32>(z.x + 1.0, z.y));
}
fn c64_sqrt(z: vec2<f32>) -> vec2<f32> {
    if (rg_eq(z.x, 0.0) && rg_eq(z.y, 0.0)) { return vec2<f32>(0.0, z.y); }
    if (rg_isinf(z.y)) { return vec2<f32>(rg_inf(), z.y); }
    if (rg_isinf(z.x)) {
        let part = select(rg_copysign(0.0, z.y), z.y, rg_isnan(z.y));
        if (z.x > 0.0) { return vec2<f32>(z.x, part); }
        return vec2<f32>(abs(part), rg_copysign(rg_inf(), z.y));
    }
    // Scaled, so that no sum overflows and no part is lost below the least normal number.
    let big = rg_max(abs(z.x), abs(z.y));
    let scale = select(select(1.0, 1.8446744e19, big < 1e-20), 0.25, big > 1e37);
    let back = select(select(1.0, 2.3283064e-10, big < 1e-20), 2.0, big > 1e37);
    let w = z * scale;
    let t = sqrt((abs(w.x) + c64_abs(w)) * 0.5);
    let other = w.y / (2.0 * t);
    if (z.x >= 0.0) { return vec2<f32>(t, other) * back; }
    return vec2<f32>(abs(other), rg_copysign(t, z.y)) * back;
}
fn c64_rsqrt(z: vec2<f32>) -> vec2<f32> { return c64_div(vec2<f32>(1.0, 0.0), c64_sqrt(z)); }
// Powers to small whole numbers by products, others e^(b log a); 0 to a power other than 0 is 0, anything to the power of 0 is 1.
fn c64_pow(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
    if (rg_eq(b.y, 0.0) && abs(b.x) <= 64.0 && rg_eq(floor(b.x), b.x)) {
        var n = u32(abs(b.x));
        var y = vec2<f32>(1.0, 0.0);
        var square = a;
        for (var k = 0u; k < 7u; k++) {
            if ((n & 1u) == 1u) { y = c64_mul(y, square); }
            n = n >> 1u;
            if (n > 0u) { square = c64_mul(square, square); }
        }
        if (b.x >= 0.0) { return y; }
        return c64_div(vec2<f32>(1.0, 0.0), y);
    }
    if (rg_eq(a.x, 0.0) && rg_eq(a.y, 0.0) && rg_eq(b.y, 0.0) && b.x > 0.0) { return vec2<f32>(0.0, 0.0); }
    return c64_exp(c64_mul(b, c64_log(a)));
}
fn c64_sinh(z: vec2<f32>) -> vec2<f32> {
    if (rg_eq(z.y, 0.0)) { return vec2<f32>(rg_sinh(z.x), z.y); }
    if (rg_eq(z.x, 0.0)) { return vec2<f32>(z.x, rg_sin(z.y)); }
    return vec2<f32>(rg_sinh(z.x) * rg_cos(z.y), rg_cosh(z.x) * rg_sin(z.y));
}
fn c64_cosh(z: vec2<f32>) -> vec2<f32> {
    if (rg_eq(z.y, 0.0)) { return vec2<f32>(rg_cosh(z.x), rg_copysign(1.0, z.x) * z.y); }
    if (rg_eq(z.x, 0.0)) { return vec2<f32>(rg_cos(z.y), z.x * rg_sin(z.y)); }
    return vec2<f32>(rg_cosh(z.x) * rg_cos(z.y), rg_sinh(z.x) * rg_sin(z.y));
}
// With t = tan y and s = sinh x, neither of which overflows while |x| is small.
fn c64_tanh(z: vec2<f32>) -> vec2<f32> {
    if (abs(z.x) > 12.0) {
        let sign = select(1.0, rg_sin(2.0 * z.y), rg_isfinite(z.y));
        return vec2<f32>(rg_copysign(1.0, z.x), 2.0 * sign * rg_exp(-2.0 * abs(z.x)));
    }
    let t = rg_tan(z.y);
    let s = rg_sinh(z.x);
    let b = 1.0 + t * t;
    let by = 1.0 + b * s * s;
    return vec2<f32>(b * sqrt(1.0 + s * s) * s / by, t / by);
}
fn c64_sin(z: vec2<f32>) -> vec2<f32> { return c64_over_i(c64_sinh(c64_times_i(z))); }
fn c64_cos(z: vec2<f32>) -> vec2<f32> { return c64_cosh(c64_times_i(z)); }
fn c64_tan(z: vec2<f32>) -> vec2<f32> { return c64_over_i(c64_tanh(c64_times_i(z))); }
fn c64_real_asinh(x: f32) -> f32 {
    let a = abs(x);
    if (a > 1e9) { return rg_copysign(rg_log(a) + 0.6931472, x); }
    return rg_copysign(rg_log1p(a + a * a / (1.0 + sqrt(1.0 + a * a))), x);
}
// The roots of 1 - z and 1 + z, with the sign of a zero kept.
fn c64_root_less(z: vec2<f32>) -> vec2<f32> { return c64_sqrt(vec2<f32>(1.0 - z.x, -z.y)); }
fn c64_root_more(z: vec2<f32>) -> vec2<f32> { return c64_sqrt(vec2<f32>(1.0 + z.x, z.y)); }
fn c64_asin(z: vec2<f32>) -> vec2<f32> {
    let a = c64_root_less(z);
    let b = c64_root_more(z);
    return vec2<f32>(rg_atan2(z.x, a.x * b.x - a.y * b.y), c64_real_asinh(a.x * b.y - a.y * b.x));
}
fn c64_acos(z: vec2<f32>) -> vec2<f32> {
    let a = c64_root_less(z);
    let b = c64_root_more(z);
    return vec2<f32>(2.0 * rg_atan2(a.x, b.x), c64_real_asinh(b.x * a.y - b.y * a.x));
}
fn c64_atanh(z: vec2<f32>) -> vec2<f32> {
    let a = abs(z);
    if (a.x > 1e15 || a.y > 1e15) {
        // 1 / z, and a quarter turn.
        let r = c64_abs(z);
        return vec2<f32>(select(z.x / r / r, rg_copysign(0.0, z.x), rg_isinf(r)), rg_copysign(1.5707964, z.y));
    }
    // Of |x|: the logarithm is of a number above 1, where nothing is lost.
    let less = 1.0 - a.x;
    let re = 0.25 * rg_log1p(4.0 * a.x / (less * less + z.y * z.y));
    return vec2<f32>(rg_copysign(re, z.x), 0.5 * rg_atan2(2.0 * z.y, (1.0 - z.x) * (1.0 + z.x) - z.y * z.y));
}
fn c64_atan(z: vec2<f32>) -> vec2<f32> { return c64_over_i(c64_atanh(c64_times_i(z))); }
fn c64_asinh(z: vec2<f32>) -> vec2<f32> { return c64_over_i(c64_asin(c64_times_i(z))); }
fn c64_acosh(z: vec2<f32>) -> vec2<f32> {
    let a = c64_sqrt(vec2<f32>(z.x - 1.0, z.y));
    let b = c64_root_more(z);
    return vec2<f32>(c64_real_asinh(a.x * b.x + a.y * b.y), 2.0 * rg_atan2(a.y, b.x));
}
