//! How gamma and Dirichlet variates change with their parameters: -(d/dalpha cdf(x; alpha)) / pdf(x; alpha), after
//! Figurnov, Mohamed and Mnih 2018 and Jankowiak and Obermeyer 2018: series near the ends, Rice's saddle point expansion
//! for large parameters, and the rational approximations between, whose coefficients are PyTorch's.

use crate::expr::math::f64::digamma;

/// dx/dalpha of a standard gamma variate `x`.
pub fn gamma(alpha: f64, x: f64) -> f64 {
    if x < 0.8 {
        return gamma_small(alpha, x);
    }
    if alpha > 8.0 {
        return gamma_large(alpha, x);
    }
    const C: [[f64; 8]; 3] = [
        [0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1.0, 0.32668115, 0.10406089, 0.0014179084],
        [0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
        [
            0.040121004,
            -0.0065914022,
            -0.0026286047,
            -0.0013441777,
            0.017050642,
            -0.0021309326,
            0.00085092367,
            -1.5247877e-07,
        ],
    ];
    let (u, v) = ((x / alpha).ln(), alpha.ln());
    let by_u: [f64; 8] = std::array::from_fn(|i| C[0][i] + u * (C[1][i] + u * C[2][i]));
    let cubic = |c: &[f64]| c[0] + v * (c[1] + v * (c[2] + v * c[3]));
    (cubic(&by_u[..4]) / cubic(&by_u[4..])).exp()
}

/// The series of the incomplete gamma function in x, and its derivative by alpha.
fn gamma_small(alpha: f64, x: f64) -> f64 {
    let (mut term, mut below) = (1.0, alpha);
    let (mut series, mut squares) = (1.0 / below, 1.0 / (below * below));
    for i in 1..=5 {
        term *= -x / i as f64;
        below += 1.0;
        series += term / below;
        squares += term / (below * below);
    }
    let power = x.powf(alpha);
    let density = x.powf(alpha - 1.0) * (-x).exp();
    let by_alpha = (x.ln() - digamma(alpha)) * power * series - power * squares;
    let change = -by_alpha / density;
    if change.is_nan() { 0.0 } else { change }
}

/// Rice's expansion; a polynomial where it is singular, at x near alpha.
fn gamma_large(alpha: f64, x: f64) -> f64 {
    if (0.9 * alpha..=1.1 * alpha).contains(&x) {
        let first = 1.0 + 24.0 * alpha * (1.0 + 12.0 * alpha);
        let second =
            1440.0 * alpha * alpha + 6.0 * x * (53.0 - 120.0 * x) - 65.0 * x * x / alpha + alpha * (107.0 + 3600.0 * x);
        return first * second / (1244160.0 * alpha.powi(4));
    }
    let root = (8.0 * alpha).sqrt();
    let away = root / (alpha - x);
    let power = (x - alpha - alpha * (x / alpha).ln()).powf(-1.5);
    let both = if x < alpha { away - power } else { away + power };
    let term = (x / alpha).ln() * both - (2.0 / alpha).sqrt() * (alpha + x) / (alpha - x).powi(2);
    let stirling = 1.0 + 1.0 / (12.0 * alpha) * (1.0 + 1.0 / (24.0 * alpha));
    -stirling * x * term / root
}

/// dx/dalpha / (1 - x) of a Beta(alpha, total - alpha) variate `x`.
pub fn dirichlet(x: f64, alpha: f64, total: f64) -> f64 {
    let beta = total - alpha;
    let edge = total * x * (1.0 - x);
    if x <= 0.5 && edge < 2.5 {
        return by_alpha_near_0(x, alpha, beta);
    }
    if x >= 0.5 && edge < 0.75 {
        return -by_beta_near_0(1.0 - x, beta, alpha);
    }
    if alpha > 6.0 && beta > 6.0 {
        return large(x, alpha, beta);
    }
    const P: [[[f64; 4]; 3]; 3] = [
        [
            [1.003668233, -0.01061107488, -0.0657888334, 0.01201642863],
            [0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033],
            [-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013],
        ],
        [
            [0.221950385, -0.3187676331, 0.01799915743, 0.01074823814],
            [-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057],
            [0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05],
        ],
        [
            [-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565],
            [0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181],
            [0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05],
        ],
    ];
    const Q: [[[f64; 4]; 3]; 3] = [
        [
            [1.0, -0.02924021934, -0.04438342661, 0.007285809825],
            [0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521],
            [-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149],
        ],
        [
            [0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273],
            [0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956],
            [-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05],
        ],
        [
            [0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05],
            [0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05],
            [-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06],
        ],
    ];
    let u = x.ln();
    let a = alpha.ln() - u;
    let b = total.ln() - a;
    let sum = |c: &[[[f64; 4]; 3]; 3]| {
        let cubic = |c: &[f64; 4]| c[0] + b * (c[1] + b * (c[2] + b * c[3]));
        let row = |r: &[[f64; 4]; 3]| cubic(&r[0]) + a * (cubic(&r[1]) + a * cubic(&r[2]));
        row(&c[0]) + u * (row(&c[1]) + u * row(&c[2]))
    };
    sum(&P) / sum(&Q) * x * (digamma(total) - digamma(alpha)) / beta
}

/// The series in x of the incomplete beta function, differentiated by alpha.
fn by_alpha_near_0(x: f64, alpha: f64, beta: f64) -> f64 {
    let factor = digamma(alpha) - digamma(alpha + beta) - x.ln();
    let (mut term, mut series) = (1.0, (factor + 1.0 / alpha) / alpha);
    for i in 1..=10 {
        let i = i as f64;
        term *= (i - beta) * x / i;
        series += term / (alpha + i) * (factor + 1.0 / (alpha + i));
    }
    let change = x * (1.0 - x).powf(-beta) * series;
    if change.is_nan() { 0.0 } else { change }
}

/// The same, differentiated by beta.
fn by_beta_near_0(x: f64, alpha: f64, beta: f64) -> f64 {
    let factor = digamma(alpha + beta) - digamma(beta);
    let (mut term, mut product, mut slope, mut series) = (1.0, 1.0, 0.0, factor / alpha);
    for i in 1..=8 {
        let i = i as f64;
        term *= -x / i;
        slope = slope * (beta - i) + product;
        product *= beta - i;
        series += term / (alpha + i) * (slope + factor * product);
    }
    let change = -(1.0 - x).powf(1.0 - beta) * series;
    if change.is_nan() { 0.0 } else { change }
}

/// Rice's expansion; a polynomial where it is singular, at x near the mean.
fn large(x: f64, alpha: f64, beta: f64) -> f64 {
    let total = alpha + beta;
    let mean = alpha / total;
    let deviation = (alpha * beta / (total + 1.0)).sqrt() / total;
    if (mean - 0.1 * deviation..=mean + 0.1 * deviation).contains(&x) {
        let powers = [
            47.0 * x * beta.powi(4),
            (43.0 + 20.0 * (16.0 + 27.0 * beta) * x) * beta.powi(3),
            3.0 * (59.0 + 180.0 * beta - 90.0 * x) * beta * beta,
            (453.0 + 1620.0 * beta * (1.0 - x) - 455.0 * x) * beta,
            8.0 * (1.0 - x) * (135.0 * beta - 11.0),
        ];
        let polynomial = powers.iter().rev().fold(0.0, |sum, c| sum * alpha + c);
        let above = (1.0 + 12.0 * alpha) * (1.0 + 12.0 * beta) / (total * total);
        let below = 12960.0 * alpha.powi(3) * beta * beta * (1.0 + 12.0 * total);
        return above / (1.0 - x) * polynomial / below;
    }
    let series = |v: f64| 1.0 + 1.0 / (12.0 * v) + 1.0 / (288.0 * v * v);
    let stirling = series(alpha) * series(beta) / series(total);
    let off = alpha * (x - 1.0) + beta * x;
    let first = (2.0 * alpha * alpha * (x - 1.0) + alpha * beta * (x - 1.0) - x * beta * beta)
        / ((2.0 * alpha / beta).sqrt() * total.powf(1.5) * off * off);
    let half_log = 0.5 * (alpha / (total * x)).ln();
    let away = (8.0 * alpha * beta / total).sqrt() / off;
    let power = (beta * (beta / (total * (1.0 - x))).ln() + alpha * (alpha / (total * x)).ln()).powf(-1.5);
    let sum = first + half_log * (away + if x < mean { power } else { -power });
    -stirling * x / (2.0 * alpha * beta / total).sqrt() * sum
}
