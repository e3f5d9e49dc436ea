//! float32 functions. `exp`, `log` and `erf` are minimax fits (relative to the result, coefficients rounded to f32
//! lowest first and the rest refitted); `tanh`, `pow`, `sin`, `cos` and `tan` do their hard part in f64.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, LOG2_E, PI};

/// 1.5 * 2^23, whose sum with a number is rounded to an integer, which then stands in the low bits; and with it 254, twice
/// the bias of exponents.
const MAGIC: f32 = 12_582_912.0 + 254.0;
/// ln 2 in two parts; the first has 16 bits, so that its multiples are exact.
const LN2_HI: f32 = 0.693_145_75;
const LN2_LO: f32 = 1.428_606_8e-6;

/// `r` at the top of a Horner scheme, lowest power last.
macro_rules! horner {
    ($r:expr; $top:expr $(, $c:expr)*) => {{
        let (r, p) = ($r, $top);
        $(let p = r.mul_add(p, $c);)*
        p
    }};
}

/// q of e^r - 1 = r + r^2 q(r) for |r| <= 0.347, bound 3.1e-9.
#[inline(always)]
fn expm1_tail(r: f32) -> f32 {
    horner!(r; 0.001_382_013_6, 0.008_368_686, 0.041_668_274, 0.166_665_21, 0.499_999_94)
}

#[inline(always)]
fn expm1_core(r: f32) -> f32 {
    (r * r).mul_add(expm1_tail(r), r)
}

/// x = n ln 2 + r; e^r - 1, and the bits of n + MAGIC.
#[inline(always)]
fn expm1_reduced(x: f32) -> (f32, u32) {
    let t = x.mul_add(LOG2_E, MAGIC);
    let n = t - MAGIC;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    (expm1_core(r), t.to_bits())
}

/// n of the bits of n + MAGIC.
#[inline(always)]
fn whole(t: u32) -> i32 {
    t.wrapping_sub(MAGIC.to_bits()) as i32
}

/// 2^n for -126 <= n <= 127.
#[inline(always)]
fn pow2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// (1 + y) 2^n of the bits of n + MAGIC, in two factors: right for subnormal results (one rounding) and for overflow. The
/// first, which loses nothing, joins the sum. Half of the low bits, n + 254, is the one's biased exponent, the rest the
/// other's; what else is in them is shifted out.
#[inline(always)]
fn scale(y: f32, t: u32) -> f32 {
    let half = t >> 1;
    let s = f32::from_bits(half << 23);
    y.mul_add(s, s) * f32::from_bits(t.wrapping_sub(half) << 23)
}

#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (y, t) = expm1_reduced(clamp(x, -104.5, 91.0));
    scale(y, t)
}

#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    let x = clamp(x, -151.0, 129.0);
    let t = x + MAGIC;
    let y = expm1_core((x - (t - MAGIC)) * LN_2);
    scale(y, t.to_bits())
}

#[inline(always)]
pub fn expm1(x: f32) -> f32 {
    let (p, t) = expm1_reduced(clamp(x, -30.0, 91.0));
    let n = whole(t);
    // Half of 2^n stays finite at n = 128.
    let s = pow2(if n > 128 { 127 } else { n - 1 });
    let y = 2.0 * s.mul_add(p, s - 0.5);
    let y = if n == 0 { p } else { y };
    // The clamp turns -0 into itself, the polynomial into 0.
    if x == 0.0 {
        x
    } else if x > 89.0 {
        f32::INFINITY
    } else {
        y
    }
}

/// x = 2^e (1 + f), 1 + f in [0.707, 1.414], for finite x > 0.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let tiny = x < f32::MIN_POSITIVE;
    let y = if tiny { x * 8_388_608.0 } else { x };
    let i = (y.to_bits() as i32).wrapping_sub(0x3f35_04f3);
    let e = (i >> 23) as f32 - if tiny { 23.0 } else { 0.0 };
    (f32::from_bits(((i & 0x7f_ffff) + 0x3f35_04f3) as u32) - 1.0, e)
}

/// log(1 + f) - f = f^3 p(f) - f^2 / 2; p's bound 7.8e-10.
#[inline(always)]
fn log_tail(f: f32, small: f32) -> f32 {
    let p = horner!(f; 0.067_507_96, -0.116_737_77, 0.118_847_87, -0.124_058_03, 0.142_201_77, -0.166_680_01,
        0.200_020_78, -0.250_000_1, 0.333_333_13);
    let z = f * f;
    // The small terms first.
    z.mul_add(-0.5, (f * z).mul_add(p, small))
}

/// `y`, but what a logarithm is outside (0, inf).
#[inline(always)]
fn log_edges(x: f32, y: f32) -> f32 {
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x < 0.0 { f32::NAN } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

#[inline(always)]
pub fn log(x: f32) -> f32 {
    let (f, e) = split(x);
    let t = log_tail(f, e * LN2_LO);
    log_edges(x, e.mul_add(LN2_HI, f + t))
}

#[inline(always)]
pub fn log2(x: f32) -> f32 {
    /// log2(e) - 1
    const EXCESS: f32 = 0.442_695_04;
    let (f, e) = split(x);
    let t = log_tail(f, 0.0);
    // (f + t) log2(e), the large part without a rounding.
    let low = f.mul_add(EXCESS, t * LOG2_E);
    log_edges(x, e + (f + low))
}

#[inline(always)]
pub fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // What the sum lost, to first order.
    let lost = (x - (u - 1.0)) / u;
    let y = log(u);
    let y = if (u > 0.0) & (u < f32::INFINITY) { y + lost } else { y };
    if x.abs() < 1e-7 { x } else { y }
}

/// In f64, so that the only rounding that shows is the last: the nearest float for all but one |x|. PyTorch's own is nearly
/// as exact, so that a network of tanh trains through the same digits.
///
/// 2|x| = r + n ln 2 with |r| <= (ln 2) / 2. c = r coth(r / 2) is an even function of r, and e^r = (c + r) / (c - r), so
/// that tanh, (2^n e^r - 1) / (2^n e^r + 1), needs no division but its own: with s = (2^n - 1) / 2 it is
/// (s (c + r) + r) / (s (c + r) + c), which loses nothing near 0.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    /// 1.5 * 2^52, and the bias of the exponents less 1: shifted up, the low bits of the sum are those of 2^n / 2.
    const MAGIC: f64 = 6_755_399_441_055_744.0 + 1022.0;
    let a = x.abs();
    let a = if a > 10.0 { 10.0 } else { a };
    let a = (a + a) as f64;
    let m = a.mul_add(std::f64::consts::LOG2_E, MAGIC);
    let r = (m - MAGIC).mul_add(-std::f64::consts::LN_2, a);
    // A minimax fit to 1.0e-15.
    let c = horner!(r * r; -1.640_969_815_559_007_1e-6, 6.613_625_864_609_675e-5, -0.002_777_777_721_786_036_7,
        0.166_666_666_665_827_5, 2.000_000_000_000_002);
    let s = f64::from_bits(m.to_bits() << 52) - 0.5;
    let u = c + r;
    let y = s.mul_add(u, r) / s.mul_add(u, c);
    (y as f32).copysign(x)
}

#[inline(always)]
pub fn sinh(x: f32) -> f32 {
    let a = x.abs();
    let e = expm1(if a > 20.0 { 20.0 } else { a });
    let small = 0.5 * (e + e / (e + 1.0));
    let (y, t) = expm1_reduced(clamp(a, 0.0, 91.0));
    let y = if a > 9.0 { scale(y, t.wrapping_sub(1)) } else { small };
    if a < 1e-4 { x } else { y.copysign(x) }
}

#[inline(always)]
pub fn cosh(x: f32) -> f32 {
    let (y, t) = expm1_reduced(clamp(x.abs(), 0.0, 91.0));
    let half = scale(y, t.wrapping_sub(1));
    half + 0.25 / half
}

/// sign(x) (1 - e^q), where q = a g(a) - a is log(erfc(a)), a = |x|; g's bound is 4.4e-9 of the result.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    /// As the other, for one bias: n is not below -26 here.
    const MAGIC: f32 = 12_582_912.0 + 127.0;
    let a = x.abs();
    let a = if a > 4.0 { 4.0 } else { a };
    let g = horner!(a; 9.392_537e-6, -0.000_118_890_16, 0.000_637_462_4, -0.001_675_897_9, 0.000_169_783_7,
        0.019_147_653, -0.102_776_27, -0.636_619_57, -0.128_379_17);
    let q = a.mul_add(g, -a);
    // What q lost in its rounding, which shows where the result is small.
    let lost = a.mul_add(g, -a - q);
    let t = q.mul_add(LOG2_E, MAGIC);
    let r = (t - MAGIC).mul_add(-LN_2, q);
    let y = (r * r).mul_add(expm1_tail(r), lost) + r;
    let s = f32::from_bits(t.to_bits() << 23);
    (-s).mul_add(y, 1.0 - s).copysign(x)
}

/// 2/pi times 2^32k modulo 4 for k = 0..4, in three parts of 28, 28 and 53 bits.
const TURNS: [[f64; 3]; 4] = [
    [0.6366197615861893, 1.0781392056902206e-08, 1.6153797880892852e-17],
    [2.3057263493537903, 9.775388776223082e-09, 5.301520062385178e-17],
    [1.9849753230810165, 4.1811349382747665e-09, 2.433258526461657e-17],
    [1.957837924361229, 1.995295595413893e-10, 2.218469580876047e-17],
];

/// One of four by |x|: below 2^56, 2^88, 2^120, and above.
#[inline(always)]
fn by_size(a: f32, t0: f64, t1: f64, t2: f64, t3: f64) -> f64 {
    let t = if a < 7.205_759_4e16 { t0 } else { t1 };
    let t = if a < 3.094_850_1e26 { t } else { t2 };
    if a < 1.329_228e36 { t } else { t3 }
}

#[inline(always)]
fn modulo_4(p: f64) -> f64 {
    p - 4.0 * (p * 0.25).round_ties_even()
}

/// x = (quarter + r 2/pi) pi/2 with |r| <= pi/4, for every finite x: the quarter turn modulo 4, and r.
///
/// Far out x is a whole multiple of 2^32k, whose turns modulo 4 the table has; the products with its first two parts
/// are exact in f64, and so are their remainders.
#[inline(always)]
fn turns(x: f32) -> (u32, f32) {
    let a = x.abs();
    let y =
        x as f64 * by_size(a, 1.0, 2.328_306_436_538_696_3e-10, 5.421_010_862_427_522e-20, 1.262_177_448_353_619e-29);
    let [t0, t1, t2, t3] = TURNS;
    let f = modulo_4(y * by_size(a, t0[0], t1[0], t2[0], t3[0]))
        + (modulo_4(y * by_size(a, t0[1], t1[1], t2[1], t3[1])) + y * by_size(a, t0[2], t1[2], t2[2], t3[2]));
    /// 1.5 * 2^52
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let t = f + MAGIC;
    (t.to_bits() as u32, ((f - (t - MAGIC)) * std::f64::consts::FRAC_PI_2) as f32)
}

/// sin on [-pi/4, pi/4].
#[inline(always)]
fn sin_core(r: f32) -> f32 {
    let z = r * r;
    let p = horner!(z; 2.724_638_3e-6, -0.000_198_400_67, 0.008_333_332, -0.166_666_67);
    (r * z).mul_add(p, r)
}

/// cos on [-pi/4, pi/4].
#[inline(always)]
fn cos_core(r: f32) -> f32 {
    let z = r * r;
    let p = horner!(z; -2.773_644_8e-7, 2.480_461_3e-5, -0.001_388_889_6, 0.041_666_668);
    (z * z).mul_add(p, z.mul_add(-0.5, 1.0))
}

#[inline(always)]
fn negate_if(y: f32, odd: u32) -> f32 {
    f32::from_bits(y.to_bits() ^ (odd << 31))
}

#[inline(always)]
pub fn sin(x: f32) -> f32 {
    let (q, r) = turns(x);
    let y = if q & 1 == 1 { cos_core(r) } else { sin_core(r) };
    let y = negate_if(y, (q >> 1) & 1);
    if x.abs() < 1e-4 { x } else { y }
}

#[inline(always)]
pub fn cos(x: f32) -> f32 {
    let (q, r) = turns(x);
    let y = if q & 1 == 1 { sin_core(r) } else { cos_core(r) };
    negate_if(y, (q.wrapping_add(1) >> 1) & 1)
}

#[inline(always)]
pub fn tan(x: f32) -> f32 {
    let (q, r) = turns(x);
    let (s, c) = (sin_core(r), cos_core(r));
    let y = if q & 1 == 1 { -c / s } else { s / c };
    if x.abs() < 1e-4 { x } else { y }
}

/// atan for a >= 0, by one reduction to [-tan(pi/8), tan(pi/8)].
#[inline(always)]
fn atan_positive(a: f32) -> f32 {
    let inverse = a > 1.0;
    let b = if inverse { 1.0 / a } else { a };
    let reduced = b > 0.414_213_57;
    let c = if reduced { (b - 1.0) / (b + 1.0) } else { b };
    let z = c * c;
    let p = horner!(z; -0.064_255_4, 0.107_363_95, -0.142_633_57, 0.199_995_26, -0.333_333_3);
    let p = (c * z).mul_add(p, c);
    let q = if reduced { FRAC_PI_4 + p } else { p };
    if inverse { FRAC_PI_2 - q } else { q }
}

#[inline(always)]
pub fn atan(x: f32) -> f32 {
    atan_positive(x.abs()).copysign(x)
}

#[inline(always)]
pub fn atan2(y: f32, x: f32) -> f32 {
    let (ay, ax) = (y.abs(), x.abs());
    let ratio = ay / ax;
    let ratio = if (ay == 0.0) & (ax == 0.0) { 0.0 } else { ratio };
    let ratio = if (ay == f32::INFINITY) & (ax == f32::INFINITY) { 1.0 } else { ratio };
    let t = atan_positive(ratio);
    let t = if x.is_sign_negative() { PI - t } else { t };
    if (x.is_nan()) | (y.is_nan()) { x + y } else { t.copysign(y) }
}

/// asin on [0, 0.5].
#[inline(always)]
fn asin_core(a: f32) -> f32 {
    let z = a * a;
    let p = horner!(z; 0.034_175_034, 0.016_861_368, 0.031_160_347, 0.044_594_374, 0.075_001_09, 0.166_666_66);
    (a * z).mul_add(p, a)
}

#[inline(always)]
pub fn asin(x: f32) -> f32 {
    let a = x.abs();
    // Beyond 1 the root of a negative number makes the NaN.
    let far = FRAC_PI_2 - 2.0 * asin_core((0.5 * (1.0 - a)).sqrt());
    let y = if a <= 0.5 { asin_core(a) } else { far };
    y.copysign(x)
}

#[inline(always)]
pub fn acos(x: f32) -> f32 {
    let a = x.abs();
    let t = 2.0 * asin_core((0.5 * (1.0 - a)).sqrt());
    let far = if x < 0.0 { PI - t } else { t };
    if a <= 0.5 { FRAC_PI_2 - asin_core(a).copysign(x) } else { far }
}

/// log2 of a finite x > 0, to about 2^-40 of its value.
#[inline(always)]
fn log2_wide(x: f32) -> f64 {
    let (f, e) = split(x);
    let f = f as f64;
    // 2 atanh(s) log2(e), s = f / (2 + f): |s| <= 0.1716, so that seven terms do.
    let s = f / (2.0 + f);
    let z = s * s;
    let p = horner!(z; 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0);
    (2.0 * std::f64::consts::LOG2_E * s).mul_add(p, e as f64)
}

/// 2^t, to about 2^-37 of its value, for |t| < 1000.
#[inline(always)]
fn exp2_wide(t: f64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let m = t + MAGIC;
    let r = t - (m - MAGIC);
    // The powers of ln 2 over factorials.
    let p = horner!(r; 1.017_808_600_923_97e-7, 1.321_548_679_014_431e-6, 1.525_273_380_405_984e-5,
        0.000_154_035_303_933_816_1, 0.001_333_355_814_642_844_3, 0.009_618_129_107_628_477,
        0.055_504_108_664_821_58, 0.240_226_506_959_100_72, std::f64::consts::LN_2, 1.0);
    f64::from_bits(p.to_bits().wrapping_add(m.to_bits() << 52))
}

/// C's `pow`, special values included.
#[inline(always)]
pub fn pow(x: f32, y: f32) -> f32 {
    let a = x.abs();
    let l = log2_wide(a);
    let l = if a == 0.0 { f64::NEG_INFINITY } else { l };
    let l = if a == f32::INFINITY { f64::INFINITY } else { l };
    let t = y as f64 * l;
    let t = if t > 900.0 { 900.0 } else { t };
    let t = if t < -900.0 { -900.0 } else { t };
    let r = exp2_wide(t) as f32;
    let r = if a == 1.0 { 1.0 } else { r };
    let whole = y.trunc() == y;
    let half = 0.5 * y;
    let odd = whole & (half.trunc() != half);
    let r = if odd { r.copysign(x) } else { r };
    let r = if (x < 0.0) & !whole & (a != f32::INFINITY) { f32::NAN } else { r };
    let r = if (x.is_nan()) | (y.is_nan()) { f32::NAN } else { r };
    if (y == 0.0) | (x == 1.0) { 1.0 } else { r }
}

#[inline(always)]
pub fn log10(x: f32) -> f32 {
    log_edges(x, (log2_wide(x) * std::f64::consts::LOG10_2) as f32)
}

#[inline(always)]
pub fn erfc(x: f32) -> f32 {
    super::f64::erfc(x as f64) as f32
}

#[inline(always)]
pub fn zeta(s: f32, q: f32) -> f32 {
    super::f64::zeta(s as f64, q as f64) as f32
}

#[inline(always)]
pub fn erfinv(x: f32) -> f32 {
    super::f64::erfinv(x as f64) as f32
}

#[inline(always)]
pub fn lgamma(x: f32) -> f32 {
    super::f64::lgamma(x as f64) as f32
}

#[inline(always)]
pub fn digamma(x: f32) -> f32 {
    super::f64::digamma(x as f64) as f32
}
