//! Elementary functions, branch-free so that the loops around them vectorise. float32: every function within 3 ulp
//! (`tests` below states each bound), polynomials fitted for this library and evaluated with fused products.
//! float64: exp, log and what is made of them vectorise; the rest are scalar calls of the standard library and libm.
//! Clamps are comparisons, not `min` and `max`, so that NaN passes.

pub mod f32;
pub mod f64;

/// Integer power, wrapping. A negative exponent gives 0 but for bases 1 and -1, as in PyTorch.
#[inline(always)]
pub fn pow_i64(base: i64, exponent: i64) -> i64 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 => 1 - 2 * (exponent & 1),
            _ => 0,
        };
    }
    let (mut b, mut e, mut r) = (base, exponent, 1i64);
    while e != 0 {
        if e & 1 == 1 {
            r = r.wrapping_mul(b);
        }
        b = b.wrapping_mul(b);
        e >>= 1;
    }
    r
}
