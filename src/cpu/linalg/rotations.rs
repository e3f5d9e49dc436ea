//! Plane rotations, and the closed forms of 2 x 2 matrices, of the iterations in `tridiagonal.rs` and `bidiagonal.rs`.
//!
//! They follow LAPACK's conventions of sign, on which the signs of eigenvectors and singular vectors depend.

use faer::Mat;

use super::{Field, Part};

/// `sqrt(f^2 + g^2)`.
#[inline]
fn length<P: Part>(f: P, g: P) -> P {
    let square = f * f + g * g;
    // Squares of small numbers lose digits, or all.
    if square > P::LEAST / P::ROUNDOFF { square.root() } else { f.hypot(g) }
}

/// `c` and `s` with `[c s; -s c] [f; g] = [r; 0]`, where `c` is not negative.
pub fn rotation<P: Part>(f: P, g: P) -> (P, P, P) {
    if g == P::ZERO {
        return (P::ONE, P::ZERO, f);
    }
    if f == P::ZERO {
        return (P::ZERO, P::ONE.copysign(g), g.size());
    }
    let d = length(f, g);
    let r = d.copysign(f);
    (f.size() / d, g / r, r)
}

/// As [`rotation`], but `r` is positive unless `|f| > |g|` and `f` is negative: LAPACK's convention up to 3.9, which
/// PyTorch's eigenvectors still have.
pub fn older_rotation<P: Part>(f: P, g: P) -> (P, P, P) {
    if g == P::ZERO {
        return (P::ONE, P::ZERO, f);
    }
    if f == P::ZERO {
        return (P::ZERO, P::ONE, g);
    }
    let r = length(f, g);
    let (c, s) = (f / r, g / r);
    if f.size() > g.size() && c < P::ZERO { (-c, -s, -r) } else { (c, s, r) }
}

/// Columns `i` and `j` of `x`, which lies in memory column by column.
fn two<T: Field>(x: &mut Mat<T>, i: usize, j: usize) -> (&mut [T], &mut [T]) {
    let (a, b) = x.two_cols_mut(i, j);
    match (a.try_as_col_major_mut(), b.try_as_col_major_mut()) {
        (Some(a), Some(b)) => (a.as_slice_mut(), b.as_slice_mut()),
        _ => (&mut [], &mut []),
    }
}

/// They become `c x_i + s x_j` and `c x_j - s x_i`.
pub fn rotate_columns<T: Field>(x: &mut Mat<T>, i: usize, j: usize, c: T::Part, s: T::Part) {
    let (a, b) = two(x, i, j);
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (a.scaled(c) + b.scaled(s), b.scaled(c) - a.scaled(s));
    }
}

/// They are exchanged.
pub fn exchange_columns<T: Field>(x: &mut Mat<T>, i: usize, j: usize) {
    let (a, b) = two(x, i, j);
    a.swap_with_slice(b);
}

/// The eigenvalues of `[a b; b c]`, that of larger absolute value first, and its unit eigenvector (cosine, sine).
/// LAPACK's laev2.
pub fn symmetric_pair<P: Part>(a: P, b: P, c: P) -> (P, P, P, P) {
    let half = P::ONE / (P::ONE + P::ONE);
    let (sum, difference, twice) = (a + c, a - c, b + b);
    let (large, small) = if a.size() > c.size() { (a, c) } else { (c, a) };
    let root = difference.hypot(twice);
    let (first, second, positive) = if sum == P::ZERO {
        (half * root, -(half * root), true)
    } else {
        let positive = sum > P::ZERO;
        let first = half * if positive { sum + root } else { sum - root };
        (first, large / first * small - b / first * b, positive)
    };
    let rising = difference >= P::ZERO;
    let cs = if rising { difference + root } else { difference - root };
    let (cosine, sine) = if cs.size() > twice.size() {
        let t = -twice / cs;
        let sine = P::ONE / P::ONE.hypot(t);
        (t * sine, sine)
    } else if twice == P::ZERO {
        (P::ONE, P::ZERO)
    } else {
        let t = -cs / twice;
        let cosine = P::ONE / P::ONE.hypot(t);
        (cosine, t * cosine)
    };
    if positive == rising { (first, second, -sine, cosine) } else { (first, second, cosine, sine) }
}

/// The smaller singular value of `[f g; 0 h]`. LAPACK's las2.
pub fn smaller_value<P: Part>(f: P, g: P, h: P) -> P {
    let (f, g, h) = (f.size(), g.size(), h.size());
    let (small, large) = if f < h { (f, h) } else { (h, f) };
    if small == P::ZERO {
        return P::ZERO;
    }
    let two = P::ONE + P::ONE;
    let (a, t) = (P::ONE + small / large, (large - small) / large);
    if g < large {
        let u = (g / large) * (g / large);
        return small * (two / ((a * a + u).root() + (t * t + u).root()));
    }
    let u = large / g;
    if u == P::ZERO {
        return small * large / g;
    }
    let c = P::ONE / (P::ONE.hypot(a * u) + P::ONE.hypot(t * u));
    two * (small * c) * u
}

/// The singular values of `[f g; 0 h]`, signed, and its singular vectors. LAPACK's lasv2.
pub struct Triangle<P> {
    pub small: P,
    pub large: P,
    /// Sine and cosine.
    pub right: (P, P),
    pub left: (P, P),
}

pub fn triangle<P: Part>(f: P, g: P, h: P) -> Triangle<P> {
    let two = P::ONE + P::ONE;
    let swapped = h.size() > f.size();
    let (ft, ht) = if swapped { (h, f) } else { (f, h) };
    let (fa, ga, ha) = (ft.size(), g.size(), ht.size());
    // Cosine and sine of the left, then of the right.
    let (small, large, cl, sl, cr, sr);
    if ga == P::ZERO {
        (small, large) = (ha, fa);
        (cl, sl, cr, sr) = (P::ONE, P::ZERO, P::ONE, P::ZERO);
    } else if ga > fa && fa / ga < P::ROUNDOFF {
        (large, small) = (ga, if ha > P::ONE { fa / (ga / ha) } else { fa / ga * ha });
        (cl, sl, cr, sr) = (P::ONE, ht / g, ft / g, P::ONE);
    } else {
        let d = fa - ha;
        let l = if d == fa { P::ONE } else { d / fa };
        let m = g / ft;
        let t = two - l;
        let s = t.hypot(m);
        let r = if l == P::ZERO { m.size() } else { l.hypot(m) };
        let a = (s + r) / two;
        (small, large) = (ha / a, fa * a);
        let t = if m * m != P::ZERO {
            (m / (s + t) + m / (r + l)) * (P::ONE + a)
        } else if l == P::ZERO {
            two.copysign(ft) * P::ONE.copysign(g)
        } else {
            g / d.copysign(ft) + m / t
        };
        let l = t.hypot(two);
        (cr, sr) = (two / l, t / l);
        (cl, sl) = ((cr + sr * m) / a, ht / ft * sr / a);
    }
    let (left, right) = if swapped { ((cr, sr), (cl, sl)) } else { ((sl, cl), (sr, cr)) };
    let sign = |x: P| P::ONE.copysign(x);
    // The largest of the three elements settles the signs.
    let by = if ga > fa {
        sign(right.0) * sign(left.1) * sign(g)
    } else if swapped {
        sign(right.0) * sign(left.0) * sign(h)
    } else {
        sign(right.1) * sign(left.1) * sign(f)
    };
    Triangle { small: small.copysign(by * sign(f) * sign(h)), large: large.copysign(by), right, left }
}
