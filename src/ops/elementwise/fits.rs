//! Special functions as expressions over scalars, from fits made for this library (`scripts/fits.py`): Chebyshev
//! interpolants to some 1e-17, written in powers of a variable t in [-1, 1] and summed by Horner's scheme, the highest power first.
//! Errors in float32 are a few units of the last place, near zeros of the Bessel functions as much of the largest term.

use crate::expr::{Left, Scalar};

const FRAC_PI_4: f64 = std::f64::consts::FRAC_PI_4;
const THREE_PI_4: f64 = 3.0 * FRAC_PI_4;
const TWO_OVER_PI: f64 = std::f64::consts::FRAC_2_PI;
const TWO_THIRDS: f64 = 2.0 / 3.0;
/// 1 / sqrt(pi)
pub const INV_SQRT_PI: f64 = 0.564_189_583_547_756_3;
const HALF_INV_SQRT_PI: f64 = 0.5 * INV_SQRT_PI;

#[inline(always)]
fn horner<S: Scalar, const N: usize>(t: S, c: &[f64; N]) -> S
where
    f64: Left<S>,
{
    let mut y = S::lit(c[0]);
    for &c in &c[1..] {
        y = y * t + c;
    }
    y
}

/// `x` where `c` holds, else a number in the range of the branch.
#[inline(always)]
fn within<S: Scalar>(c: S::Mask, x: S, other: f64) -> S {
    S::select(c, x, S::lit(other))
}

macro_rules! functions {
    ($($(#[doc = $doc:literal])* $name:ident($x:ident) $body:block)*) => { $(
        $(#[doc = $doc])*
        #[inline(always)]
        pub fn $name<S: Scalar>($x: S) -> S
        where
            f64: Left<S>,
        $body
    )* };
}

functions! {
    /// exp(x^2) erfc(x).
    erfcx(x) {
        let a = x.abs();
        // (1 + 2 a) erfcx(a) is smooth in (a - 3.75) / (a + 3.75) (Shepherd and Laframboise, 1981).
        let b = within(a.lt(1e8), a, 1.0);
        let y = horner((b - 3.75) / (b + 3.75), &ERFCX) / (1.0 + 2.0 * b);
        let y = S::select(a.lt(1e8), y, INV_SQRT_PI / a);
        let y = S::select(x.lt(0.0), 2.0 * (x * x).exp() - y, y);
        S::select(x.ne(x), x, y)
    }
    /// The logarithm of the standard normal distribution function.
    log_ndtr(x) {
        let t = x * std::f64::consts::FRAC_1_SQRT_2;
        let far = x.lt(-1.0);
        S::select(far, (erfcx(-within(far, t, -1.0)) * 0.5).log() - t * t, (-0.5 * t.erfc()).log1p())
    }
    /// The inverse of the standard normal distribution function.
    ndtri(p) {
        let middle = p.gt(0.2) & p.lt(0.8);
        let near = std::f64::consts::SQRT_2 * (2.0 * within(middle, p, 0.5) - 1.0).erfinv();
        // Outside, erfc(x) = 2 q by Newton's steps on logarithms, from the leading term of the asymptotic series.
        let q = S::select(p.lt(0.5), p, 1.0 - p);
        let inside = p.gt(0.0) & p.lt(1.0) & !middle;
        let log = (2.0 * within(inside, q, 0.1)).log();
        let mut x = (-log).sqrt();
        x = (-log - (x * 1.772_453_850_905_516 + 0.5).log()).abs().sqrt();
        for _ in 0..4 {
            let e = erfcx(x);
            x = x + (e.log() - x * x - log) * (0.886_226_925_452_758 * e);
        }
        let far = (std::f64::consts::SQRT_2 * x).copysign(p - 0.5);
        let edge = S::select(p.eq(0.0), S::lit(f64::NEG_INFINITY), S::select(p.eq(1.0), S::lit(f64::INFINITY), S::lit(f64::NAN)));
        S::select(middle, near, S::select(inside, far, edge))
    }
    /// exp(-a) I0(a) for a >= 0.
    i0e_positive(a) {
        let small = a.le(8.0);
        let (b, c) = (within(small, a, 1.0), within(!small, a, 8.0));
        let far = horner(16.0 / c - 1.0, &I0_LARGE) / c.sqrt();
        S::select(small, horner(b * b * 0.25, &I0_SMALL) * (-b).exp(), far)
    }
    /// exp(-a) I1(a) for a >= 0.
    i1e_positive(a) {
        let small = a.le(8.0);
        let (b, c) = (within(small, a, 1.0), within(!small, a, 8.0));
        let far = horner(16.0 / c - 1.0, &I1_LARGE) / c.sqrt();
        S::select(small, 0.5 * b * horner(b * b * 0.25, &I1_SMALL) * (-b).exp(), far)
    }
    /// The modified Bessel function of the first kind of order 0.
    i0(x) {
        let a = x.abs();
        let small = a.le(8.0);
        let (b, c) = (within(small, a, 1.0), within(!small, a, 8.0));
        let far = c.exp() * horner(16.0 / c - 1.0, &I0_LARGE) / c.sqrt();
        S::select(small, horner(b * b * 0.25, &I0_SMALL), far)
    }
    /// The modified Bessel function of the first kind of order 1.
    i1(x) {
        let a = x.abs();
        let small = a.le(8.0);
        let (b, c) = (within(small, x, 1.0), within(!small, a, 8.0));
        let far = (c.exp() * horner(16.0 / c - 1.0, &I1_LARGE) / c.sqrt()).copysign(x);
        S::select(small, 0.5 * b * horner(b * b * 0.25, &I1_SMALL), far)
    }
    /// exp(x) K0(x) for x > 2.
    k0e_large(x) {
        horner(4.0 / x - 1.0, &K0_LARGE) / x.sqrt()
    }
    /// exp(x) K1(x) for x > 2.
    k1e_large(x) {
        horner(4.0 / x - 1.0, &K1_LARGE) / x.sqrt()
    }
    /// K0(x) for 0 < x <= 2.
    k0_small(x) {
        horner(x * x * 0.5 - 1.0, &K0_SMALL) - (0.5 * x).log() * i0(x)
    }
    /// K1(x) for 0 < x <= 2.
    k1_small(x) {
        horner(x * x * 0.5 - 1.0, &K1_SMALL) / x + (0.5 * x).log() * i1(x)
    }
    /// The modified Bessel function of the second kind of order 0.
    k0(x) {
        let small = x.le(2.0);
        let (b, c) = (within(small, x, 1.0), within(!small, x, 2.0));
        second_kind(x, S::select(small, k0_small(b), (-c).exp() * k0e_large(c)))
    }
    /// The modified Bessel function of the second kind of order 1.
    k1(x) {
        let small = x.le(2.0);
        let (b, c) = (within(small, x, 1.0), within(!small, x, 2.0));
        second_kind(x, S::select(small, k1_small(b), (-c).exp() * k1e_large(c)))
    }
    /// exp(x) K0(x).
    k0e(x) {
        let small = x.le(2.0);
        let (b, c) = (within(small, x, 1.0), within(!small, x, 2.0));
        second_kind(x, S::select(small, b.exp() * k0_small(b), k0e_large(c)))
    }
    /// exp(x) K1(x).
    k1e(x) {
        let small = x.le(2.0);
        let (b, c) = (within(small, x, 1.0), within(!small, x, 2.0));
        second_kind(x, S::select(small, b.exp() * k1_small(b), k1e_large(c)))
    }
    /// J0(a) for 0 <= a <= 8.
    j0_small(a) {
        let w = a * a;
        (w - J0_ZEROS[0]) * (w - J0_ZEROS[1]) * horner(w / 32.0 - 1.0, &J0_SMALL)
    }
    /// J1(a) for 0 <= a <= 8.
    j1_small(a) {
        let w = a * a;
        a * ((w - J1_ZEROS[0]) * (w - J1_ZEROS[1]) * horner(w / 32.0 - 1.0, &J1_SMALL))
    }
    /// The Bessel function of the first kind of order 0.
    j0(x) {
        let a = x.abs();
        let small = a.le(8.0);
        let (b, c) = (within(small, a, 1.0), within(!small, a, 8.0));
        let (p, q, size) = far(c, &P0, &Q0);
        let angle = c - FRAC_PI_4;
        S::select(small, j0_small(b), size * (p * angle.cos() - q * angle.sin()))
    }
    /// The Bessel function of the first kind of order 1.
    j1(x) {
        let a = x.abs();
        let small = a.le(8.0);
        let (b, c) = (within(small, a, 1.0), within(!small, a, 8.0));
        let (p, q, size) = far(c, &P1, &Q1);
        let angle = c - THREE_PI_4;
        let y = S::select(small, j1_small(b), size * (p * angle.cos() - q * angle.sin()));
        S::select(x.lt(0.0), -y, y)
    }
    /// The Bessel function of the second kind of order 0.
    y0(x) {
        let small = x.le(8.0);
        let (b, c) = (within(small & x.gt(0.0), x, 1.0), within(!small, x, 8.0));
        let (p, q, size) = far(c, &P0, &Q0);
        let angle = c - FRAC_PI_4;
        let near = horner(b * b / 32.0 - 1.0, &Y0_SMALL) + TWO_OVER_PI * (b.log() * j0_small(b));
        -second_kind(x, -S::select(small, near, size * (p * angle.sin() + q * angle.cos())))
    }
    /// The Bessel function of the second kind of order 1.
    y1(x) {
        let small = x.le(8.0);
        let (b, c) = (within(small & x.gt(0.0), x, 1.0), within(!small, x, 8.0));
        let (p, q, size) = far(c, &P1, &Q1);
        let angle = c - THREE_PI_4;
        let near = b * horner(b * b / 32.0 - 1.0, &Y1_SMALL) + TWO_OVER_PI * (b.log() * j1_small(b) - 1.0 / b);
        -second_kind(x, -S::select(small, near, size * (p * angle.sin() + q * angle.cos())))
    }
    /// The Airy function Ai.
    airy_ai(x) {
        let (left, right) = (x.lt(-5.0), x.gt(2.0));
        let middle = horner((within(!left & !right, x, 0.0) + 1.5) / 3.5, &AIRY_MID);
        // zeta = 2/3 |x|^(3/2)
        let c = within(right, x, 2.0);
        let zeta = TWO_THIRDS * c * c.sqrt();
        let falls = HALF_INV_SQRT_PI * (-zeta).exp() / c.sqrt().sqrt() * horner(TWICE_AIRY_FROM / zeta - 1.0, &AIRY);
        let c = within(left, -x, 5.0);
        let zeta = TWO_THIRDS * c * c.sqrt();
        let u = AIRY_TO / zeta;
        let (angle, t) = (zeta + FRAC_PI_4, 2.0 * (u * u) - 1.0);
        let waves = horner(t, &AIRY_P) * angle.sin() + u * horner(t, &AIRY_Q) * angle.cos();
        let waves = INV_SQRT_PI / c.sqrt().sqrt() * waves;
        S::select(x.abs().eq(f64::INFINITY), S::lit(f64::NAN), S::select(left, waves, S::select(right, falls, middle)))
    }
}

/// P and Q of an order's modulus and phase at x >= 8, and sqrt(2 / (pi x)).
#[inline(always)]
fn far<S: Scalar, const N: usize, const M: usize>(x: S, p: &[f64; N], q: &[f64; M]) -> (S, S, S)
where
    f64: Left<S>,
{
    let u = 8.0 / x;
    let t = 2.0 * (u * u) - 1.0;
    (horner(t, p), u * horner(t, q), (TWO_OVER_PI / x).sqrt())
}

/// `y`, but infinite at 0 and NaN below, as all functions that are infinite at 0 are.
#[inline(always)]
fn second_kind<S: Scalar>(x: S, y: S) -> S {
    let y = S::select(x.eq(0.0), S::lit(f64::INFINITY), y);
    S::select(x.lt(0.0) | x.ne(x), S::lit(f64::NAN), y)
}

/// The squares of the first two zeros of J0 and J1.
const J0_ZEROS: [f64; 2] = [5.783185962946784, 30.471262343662087];
const J1_ZEROS: [f64; 2] = [14.681970642123893, 49.2184563216946];
/// Twice zeta at 2, and zeta at 5.
const TWICE_AIRY_FROM: f64 = 3.771_236_166_328_253_5;
const AIRY_TO: f64 = 7.453_559_924_999_299;

/// (1 + 2 a) erfcx(a), t = (a - 3.75) / (a + 3.75).
#[rustfmt::skip]
const ERFCX: [f64; 26] = [
    -3.75315827795962e-11, 4.2514714447963895e-10, 5.457157304704688e-10, -5.1739902140113095e-09,
    -4.389284159986328e-09, 3.8675334242222354e-08, 2.4289762925488707e-08, -2.5866850716155884e-07,
    -5.826281078800777e-08, 1.751637648849062e-06, -9.72849582211122e-07, -1.1444146237700524e-05,
    2.2383912036550678e-05, 5.164909889268241e-05, -0.00029015397928986765, 0.0002937136655913448,
    0.0017556258324217529, -0.009746579558029276, 0.0283622774215156, -0.05869339858963677, 0.09230432116019834,
    -0.10880393014174886, 0.08227673849015102, 0.0035854154854644293, -0.14024059858554702, 1.2375126308378275,
];
/// I0(x) in powers of x^2 / 4, x <= 8.
#[rustfmt::skip]
const I0_SMALL: [f64; 18] = [
    1.2296184293122587e-29, 1.973751019377943e-27, 5.976725245213973e-25, 1.3122053822734593e-22,
    2.5796359138253543e-20, 4.358286690595411e-18, 6.276092646227169e-16, 7.59405749044198e-14, 7.594058487051352e-12,
    6.151187323998059e-10, 3.936759889238354e-08, 1.9290123456765407e-06, 6.944444444444882e-05, 0.001736111111111106,
    0.02777777777777778, 0.25, 1.0, 1.0,
];
/// 2 I1(x) / x in powers of x^2 / 4, x <= 8.
#[rustfmt::skip]
const I1_SMALL: [f64; 17] = [
    2.090657263147499e-28, 3.158678286327369e-26, 8.964033582246973e-24, 1.8371489793294634e-21,
    3.3535061507697163e-19, 5.2299485202605754e-17, 6.903701228383478e-15, 7.59405756463584e-13,
    6.834652632505484e-11, 4.920949859531225e-09, 2.755731922453285e-07, 1.1574074074063106e-05,
    0.0003472222222222367, 0.006944444444444433, 0.08333333333333334, 0.5, 1.0,
];
/// sqrt(x) exp(-x) I0(x), t = 16 / x - 1.
#[rustfmt::skip]
const I0_LARGE: [f64; 26] = [
    1.6645473602872717e-11, -6.067631570603006e-11, -1.2429481430536811e-10, 4.577087631643623e-10,
    4.388861044991905e-10, -1.618980683624682e-09, -1.0267340552488217e-09, 3.6379546359011143e-09,
    1.983359036878627e-09, -5.95356943826489e-09, -3.82099512308995e-09, 7.430464650325426e-09, 7.697662019062485e-09,
    -5.404771567579958e-09, -1.3453822931523271e-08, -6.747657956107524e-09, 7.56377201554603e-09,
    2.1548377974791598e-08, 3.9324708328742363e-08, 8.872219737904054e-08, 2.9735993830791437e-07,
    1.4838475658279249e-06, 1.1143033788352455e-05, 0.0001362160743919305, 0.0033605519836678865, 0.4021765094450081,
];
/// sqrt(x) exp(-x) I1(x), t = 16 / x - 1.
#[rustfmt::skip]
const I1_LARGE: [f64; 26] = [
    -1.5626599071977848e-11, 6.305965197150057e-11, 1.161813630287145e-10, -4.758818838703853e-10,
    -4.086984233473255e-10, 1.6848984479705146e-09, 9.568523624905203e-10, -3.794670896208339e-09,
    -1.8736450470066097e-09, 6.242741219786445e-09, 3.7219797447255018e-09, -7.888351507862078e-09,
    -7.778592763970399e-09, 5.974437608040264e-09, 1.4076395500755014e-08, 6.734464815301592e-09,
    -8.436290430234562e-09, -2.337392820814264e-08, -4.312811174972107e-08, -1.0001288294864884e-07,
    -3.4838565069237384e-07, -1.8349101326980946e-06, -1.503854719814553e-05, -0.00021923576383388928,
    -0.00974957719323576, 0.38939845902587233,
];
/// K0(x) + log(x / 2) I0(x), t = x^2 / 2 - 1.
#[rustfmt::skip]
const K0_SMALL: [f64; 12] = [
    7.814803107959231e-19, 1.8282990225962873e-16, 3.518416608769253e-14, 5.452107588016936e-12,
    6.623013294285161e-10, 6.093361934166155e-08, 4.054506619948951e-06, 0.00018280555827901256, 0.005053392643196092,
    0.07177701034240512, 0.3404973210133806, -0.30362077291575545,
];
/// x (K1(x) - log(x / 2) I1(x)), t = x^2 / 2 - 1.
#[rustfmt::skip]
const K1_SMALL: [f64; 12] = [
    -1.6940313758823418e-17, -3.5962181014457795e-15, -6.21380575870121e-13, -8.53273511404978e-11,
    -9.032127548326542e-09, -7.081133770184678e-07, -3.891869064369595e-05, -0.0013831688466153064,
    -0.027854235219771848, -0.24383852886774365, -0.3322409552403131, 0.8850882877295894,
];
/// sqrt(x) exp(x) K0(x), t = 4 / x - 1.
#[rustfmt::skip]
const K0_LARGE: [f64; 25] = [
    4.4463261136368365e-11, -6.910453875670571e-11, -1.5750973144552285e-10, 2.213758097591008e-10,
    3.883027499295913e-10, -5.541051446065683e-10, -2.426111314423373e-10, 1.7887095838476482e-10,
    1.0573777917720047e-09, -1.9309444875845705e-09, 3.170629957994259e-09, -7.286380907337665e-09,
    1.731622598181986e-08, -4.133923052104385e-08, 1.0287980689458582e-07, -2.6890662472901614e-07,
    7.427932208028755e-07, -2.191177788015528e-06, 7.002244287487694e-06, -2.4735204561466906e-05,
    9.956054749305854e-05, -0.0004797690567662314, 0.003032891810273794, -0.03107146182488952, 1.2185953385133905,
];
/// sqrt(x) exp(x) K1(x), t = 4 / x - 1.
#[rustfmt::skip]
const K1_LARGE: [f64; 25] = [
    -4.829107281627596e-11, 7.52479548635394e-11, 1.704297529665342e-10, -2.399376595899464e-10,
    -4.2190635517826636e-10, 6.042482293782838e-10, 2.560533082941635e-10, -1.7982138496175016e-10,
    -1.180097808498307e-09, 2.1757782025837176e-09, -3.639264909950171e-09, 8.40938756536177e-09,
    -2.0109398585523846e-08, 4.8461952200091865e-08, -1.2195093824501613e-07, 3.2298119177151824e-07,
    -9.067229884830243e-07, 2.730041433569803e-06, -8.961205912549711e-06, 3.284386555825453e-05,
    -0.00013959021964175084, 0.0007357241549081501, -0.005566729880072931, 0.10334973775386523, 1.363151890371342,
];
/// J0(x) over (x^2 - a) (x^2 - b), its zeros, t = x^2 / 32 - 1.
#[rustfmt::skip]
const J0_SMALL: [f64; 16] = [
    -1.1360491745378638e-17, 4.0068948013720515e-16, -1.2440365198698484e-14, 3.3923298937104677e-13,
    -8.023536504699326e-12, 1.62764894918064e-10, -2.7948629190182998e-09, 3.998839345472477e-08,
    -4.677128021500441e-07, 4.3669323246406834e-06, -3.157342540223125e-05, 0.00016977200713997844,
    -0.0006415390646406127, 0.0015636431645931661, -0.002119794289479692, 0.0011434937743762545,
];
/// J1(x) / x over (x^2 - a) (x^2 - b), its zeros, t = x^2 / 32 - 1.
#[rustfmt::skip]
const J1_SMALL: [f64; 16] = [
    -3.1622441710487245e-19, 1.181146462725329e-17, -3.898564466971905e-16, 1.1343125416873433e-14,
    -2.875548656182314e-13, 6.284733827929608e-12, -1.1696932385905797e-10, 1.8268547695321333e-09,
    -2.3521922546334384e-08, 2.442522260752042e-07, -1.98909351591414e-06, 1.224217365301561e-05,
    -5.408003239085507e-05, 0.00015860016799369874, -0.0002697522746716368, 0.00019498936985895625,
];
/// Y0(x) - 2/pi log(x) J0(x), t = x^2 / 32 - 1.
#[rustfmt::skip]
const Y0_SMALL: [f64; 18] = [
    2.558039436392922e-14, -8.840112096073101e-13, 2.681822137847736e-11, -7.13046146536789e-10,
    1.6391065268260488e-08, -3.2185078445935923e-07, 5.321318633735116e-06, -7.279541882454115e-05,
    0.0008061586060550644, -0.00702574105727097, 0.0463670476813471, -0.21895747096171628, 0.6721770783431723,
    -1.0775477338215995, 0.14412632369302442, 1.6470964788745466, -0.8284358903604587, -0.382250654459425,
];
/// (Y1(x) - 2/pi (log(x) J1(x) - 1 / x)) / x, t = x^2 / 32 - 1.
#[rustfmt::skip]
const Y1_SMALL: [f64; 18] = [
    7.339060975161991e-16, -2.695138958384033e-14, 8.728810134833414e-13, -2.4887509903377128e-11,
    6.169742613332968e-10, -1.3153322551127247e-08, 2.380492991366028e-07, -3.600999874357815e-06,
    4.467433012914413e-05, -0.00044381734351149876, 0.0034224907399180455, -0.019628756833099423, 0.07854786922242545,
    -0.19639839859930425, 0.23507209206669755, 0.023367571720993584, -0.24337743079193114, 0.07075985882118005,
];
/// The even part of order 0's phase and modulus, t = 2 (8 / x)^2 - 1.
#[rustfmt::skip]
const P0: [f64; 14] = [
    -1.180002783020184e-14, 3.339452259070809e-14, -6.416781008015415e-14, 2.4531772967345006e-13,
    -1.0636861151667625e-12, 4.786995821368028e-12, -2.4882702786880542e-11, 1.5500565496632596e-10,
    -1.2121182069774233e-09, 1.280376144080092e-08, -2.0527448156307146e-07, 6.137416080109497e-06,
    -0.0005363673192130047, 0.9994572757882519,
];
/// The odd part times x / 8.
#[rustfmt::skip]
const Q0: [f64; 17] = [
    -9.572065985377984e-16, 2.1449029578293448e-15, -1.2429356588525987e-15, 4.687981531507901e-15,
    -2.264373726402886e-14, 6.962833501774959e-14, -2.289404566509541e-13, 8.597568595721077e-13,
    -3.5908691821499985e-12, 1.7033142359521874e-11, -9.47035030693847e-11, 6.432781585673823e-10,
    -5.668716125225146e-09, 7.106214859523438e-08, -1.4771388326463828e-06, 6.833149099343887e-05,
    -0.015555113879513518,
];
/// The same of order 1.
#[rustfmt::skip]
const P1: [f64; 14] = [
    1.2489929194563941e-14, -3.5455617466606254e-14, 6.864486664846182e-14, -2.6335760672461096e-13,
    1.1462229852806783e-12, -5.191158004646548e-12, 2.720406848040165e-11, -1.713107485294131e-10,
    1.3603058049468316e-09, -1.4708512991275258e-08, 2.4536766222672443e-07, -7.9596946984383e-06,
    0.0008988049416705579, 1.0009070262780821,
];
/// The same of order 1.
#[rustfmt::skip]
const Q1: [f64; 16] = [
    -2.25538400007774e-15, 5.344527277743522e-15, -4.991329339681744e-15, 1.7495330566839966e-14,
    -7.413329287139417e-14, 2.503410968458231e-13, -9.234469565869528e-13, 3.875456046538219e-12,
    -1.852470068817663e-11, 1.0395096687547827e-10, -7.151105285512477e-10, 6.420132496338991e-09,
    -8.29196070902235e-08, 1.8212018512314264e-06, -9.621458822054426e-05, 0.04677687402744898,
];
/// Ai(x), t = (x + 1.5) / 3.5.
#[rustfmt::skip]
const AIRY_MID: [f64; 36] = [
    1.3893375408457528e-08, -3.6279115000354646e-08, -1.432837673945756e-07, 6.731558269283445e-07,
    -1.243113542647361e-07, -4.898113030611925e-06, 1.211083451027739e-05, 5.492549532968761e-06,
    -9.468833158321184e-05, 0.0001841731657505356, 0.0001728887644222426, -0.0014711977920055317,
    0.0021642443590770477, 0.0033428916254144353, -0.01751026200718224, 0.018039926045373758, 0.04375368662941979,
    -0.15277862786744706, 0.09441047427670732, 0.3894710074111743, -0.9234688236321502, 0.20316980298607454,
    2.2672020039883094, -3.551454586435171, -0.6596168799436931, 7.966485186152071, -7.519716387889936,
    -4.915047123329306, 14.616202352506741, -6.363775200028948, -9.146985614158044, 10.397775816796367,
    0.0034023237962924387, -4.265357308067737, 1.0821543852084365, 0.4642565777488694,
];
/// 2 sqrt(pi) x^(1/4) exp(zeta) Ai(x), t = 2 (2/3 2^(3/2)) / zeta - 1.
#[rustfmt::skip]
const AIRY: [f64; 25] = [
    3.574679392411892e-11, -5.4400006009749504e-11, -1.3027746132837299e-10, 1.8009401491463617e-10,
    3.130998589122445e-10, -4.349436323146175e-10, -2.2891220445247759e-10, 2.0119706569032908e-10,
    7.358611841049239e-10, -1.2787487327828507e-09, 1.9043697886227834e-09, -4.334633626191562e-09,
    1.0200717228660297e-08, -2.3820808462967335e-08, 5.7960437564430385e-08, -1.4812065561005197e-07,
    3.9971932998186475e-07, -1.1510261131203217e-06, 3.5878318769130335e-06, -1.2354390686945676e-05,
    4.846334059232947e-05, -0.0002278522136910503, 0.0014132014717017304, -0.014613458724023217, 0.983679282828043,
];
/// The even part of Ai's phase and modulus left of -5, t = 2 u^2 - 1 with u = (2/3 5^(3/2)) / zeta.
#[rustfmt::skip]
const AIRY_P: [f64; 14] = [
    -1.9812122863900244e-14, 5.2727784242470915e-14, -8.740150514114807e-14, 3.1998747979878037e-13,
    -1.335695437559922e-12, 5.602889049196218e-12, -2.7003591428776718e-11, 1.5522262548635303e-10,
    -1.1119478838383279e-09, 1.067342663285596e-08, -1.5421120172357627e-07, 4.128666158294696e-06,
    -0.0003254319872640772, 0.9996702731603566,
];
/// The odd part over u.
#[rustfmt::skip]
const AIRY_Q: [f64; 18] = [
    9.820477254339544e-16, -1.9892236137050045e-15, 4.8973665866586745e-17, -1.4832368145847768e-15,
    1.3824101085922933e-14, -3.635803464803047e-14, 9.775105772816305e-14, -3.182255788587588e-13,
    1.1278692120587634e-12, -4.396154849938428e-12, 1.9397001838577762e-11, -9.97268403580538e-11,
    6.220460054080667e-10, -4.994302583152704e-09, 5.656011362100201e-08, -1.0537250019853913e-06,
    4.357473176792137e-05, -0.00927225914789848,
];
