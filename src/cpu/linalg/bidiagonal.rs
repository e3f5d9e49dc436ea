//! Singular vectors of matrices with few rows or columns: reflections make the matrix bidiagonal, then implicit QR steps
//! make it diagonal (Golub and Kahan 1965; Demmel and Kahan 1990, whose steps without a shift keep small values
//! accurate). In the order and with the signs of LAPACK's gesdd, which works so up to [`SMALL`] values.

use faer::reborrow::{Reborrow, ReborrowMut};
use faer::traits::ComplexField as _;
use faer::{Mat, MatMut};

use super::qr::{apply, in_place, reflect, strike};
use super::rotations::{Triangle, exchange_columns, rotate_columns, rotation, smaller_value, triangle};
pub use super::tridiagonal::SMALL;
use super::{Field, Part};

/// Steps for each pair of values at most.
const STEPS: usize = 6;

/// The singular values of `a`, the largest first, with U and the columns of V, each thin or full. `u` and `v` hold
/// zeros. False where the steps do not converge.
pub fn decompose<T: Field>(a: Mat<T>, values: &mut [T::Part], mut u: MatMut<'_, T>, mut v: MatMut<'_, T>) -> bool {
    let (m, n) = (a.nrows(), a.ncols());
    let k = m.min(n);
    if k == 0 {
        ones(u, 0);
        ones(v, 0);
        return true;
    }
    // A much higher matrix first becomes its R, and a much wider complex one its L; a wide real one does not.
    let much = if T::IS_REAL { k * 11 / 6 } else { k * 17 / 9 };
    let (high, wide) = (m >= n && m >= much, m < n && n >= much && !T::IS_REAL);
    if !high && !wide {
        return reduced(a, values, u, v);
    }
    let mut a = if wide { a.adjoint().to_owned() } else { a };
    let mut taus = vec![T::ZERO; k];
    in_place(a.as_mut(), &mut taus);
    let r = Mat::from_fn(k, k, |r, c| match wide {
        true if r >= c => a[(c, r)].conj(),
        false if r <= c => a[(r, c)],
        _ => T::ZERO,
    });
    let done = reduced(r, values, u.rb_mut().submatrix_mut(0, 0, k, k), v.rb_mut().submatrix_mut(0, 0, k, k));
    let mut long = if wide { v } else { u };
    ones(long.rb_mut(), k);
    apply(a.as_ref().subcols(0, k), &taus, long, true, false);
    done
}

/// Ones on the diagonal from row and column `from` on.
fn ones<T: Field>(mut x: MatMut<'_, T>, from: usize) {
    (from..x.nrows().min(x.ncols())).for_each(|i| x[(i, i)] = T::ONE);
}

/// As [`decompose`], of a matrix that is not much higher than wide.
fn reduced<T: Field>(mut a: Mat<T>, values: &mut [T::Part], mut u: MatMut<'_, T>, mut v: MatMut<'_, T>) -> bool {
    let (m, n) = (a.nrows(), a.ncols());
    let k = m.min(n);
    let upper = m >= n;
    let mut off = vec![T::Part::ZERO; k];
    let (mut left, mut right) = (vec![T::ZERO; k], vec![T::ZERO; k]);
    for i in 0..k {
        if upper {
            (left[i], values[i]) = column(&mut a, i, i);
            if i + 1 < n {
                (right[i], off[i]) = row(&mut a, i, i + 1);
            }
        } else {
            (right[i], values[i]) = row(&mut a, i, i);
            if i + 1 < m {
                (left[i], off[i]) = column(&mut a, i + 1, i);
            }
        }
    }
    // The products of all rotations; the reflections come before them.
    let (mut p, mut q) = (Mat::<T>::identity(k, k), Mat::<T>::identity(k, k));
    // Rotations that make a lower bidiagonal matrix an upper one; they belong to U, before all that follow.
    let mut turned = vec![];
    if !upper {
        for i in 0..k - 1 {
            let (c, s, r) = rotation(values[i], off[i]);
            values[i] = r;
            off[i] = s * values[i + 1];
            values[i + 1] = c * values[i + 1];
            turned.push((c, s));
        }
    }
    let done = if k == 1 {
        p[(0, 0)] = T::of(T::Part::ONE.copysign(values[0]));
        values[0] = values[0].size();
        true
    } else {
        Iteration { d: values, e: &mut off, u: &mut p, v: &mut q }.run()
    };
    sort(values, &mut p, &mut q);
    for (j, (c, s)) in turned.into_iter().enumerate().rev() {
        rotate_rows(&mut p, j, c, s);
    }
    let (mut p, mut q) = (enlarged(p, u.nrows(), u.ncols()), enlarged(q, v.nrows(), v.ncols()));
    let (wide_p, wide_q) = (p.ncols(), q.ncols());
    for i in (0..k).rev() {
        let (first, second) = if upper { (i, i + 1) } else { (i + 1, i) };
        if first < m {
            let below = a.as_ref().submatrix(first, i, m - first, 1);
            strike(below, left[i], p.as_mut().submatrix_mut(first, 0, m - first, wide_p));
        }
        if second < n {
            let beside = Mat::from_fn(n - second, 1, |c, _| a[(i, second + c)]);
            strike(beside.as_ref(), right[i], q.as_mut().submatrix_mut(second, 0, n - second, wide_q));
        }
    }
    u.copy_from(&p);
    v.copy_from(&q);
    done
}

/// `x` in the upper left corner of a matrix that has ones on the diagonal behind it.
fn enlarged<T: Field>(x: Mat<T>, rows: usize, cols: usize) -> Mat<T> {
    let k = x.ncols();
    if (rows, cols) == (k, k) {
        return x;
    }
    Mat::from_fn(rows, cols, |r, c| match (r < k && c < k, r == c) {
        (true, _) => x[(r, c)],
        (false, true) => T::ONE,
        _ => T::ZERO,
    })
}

/// Makes zeros below row `r` of column `c`; gives the reflection's factor and what stands at (r, c).
fn column<T: Field>(a: &mut Mat<T>, r: usize, c: usize) -> (T, T::Part) {
    let (m, n) = (a.nrows(), a.ncols());
    let (head, rest) = a.as_mut().submatrix_mut(r, c, m - r, n - c).split_at_col_mut(1);
    let mut head = head;
    let tau = reflect(head.rb_mut());
    strike(head.rb(), tau.conj(), rest);
    (tau, head[(0, 0)].re())
}

/// Makes zeros behind column `c` of row `r`, which then holds the reflection; gives its factor and what stood at (r, c).
fn row<T: Field>(a: &mut Mat<T>, r: usize, c: usize) -> (T, T::Part) {
    let (m, n) = (a.nrows(), a.ncols());
    let (head, rest) = a.as_mut().submatrix_mut(r, c, m - r, n - c).split_at_row_mut(1);
    let mut head = head.transpose_mut();
    for i in 0..head.nrows() {
        head[(i, 0)] = head[(i, 0)].conj();
    }
    let tau = reflect(head.rb_mut());
    // A G is the adjoint of G^H A^H: conjugates in, conjugates out.
    let mut rest = rest.transpose_mut();
    super::conjugate(rest.rb_mut());
    strike(head.rb(), tau.conj(), rest.rb_mut());
    super::conjugate(rest);
    (tau, head[(0, 0)].re())
}

/// Rows `j` and `j + 1` become `c x_j - s x_(j+1)` and `c x_(j+1) + s x_j`.
fn rotate_rows<T: Field>(x: &mut Mat<T>, j: usize, c: T::Part, s: T::Part) {
    for col in 0..x.ncols() {
        let (a, b) = (x[(j, col)], x[(j + 1, col)]);
        x[(j, col)] = a.scaled(c) - b.scaled(s);
        x[(j + 1, col)] = b.scaled(c) + a.scaled(s);
    }
}

/// An upper bidiagonal matrix, `d` and beside it `e`, on its way to a diagonal one; `u` and the columns of `v` take the
/// rotations.
struct Iteration<'a, T: Field> {
    d: &'a mut [T::Part],
    e: &'a mut [T::Part],
    u: &'a mut Mat<T>,
    v: &'a mut Mat<T>,
}

/// Which way a bulge is chased: from the larger end to the smaller.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Down,
    Up,
}

impl<T: Field> Iteration<'_, T> {
    fn run(mut self) -> bool {
        let n = self.d.len();
        let number = |x: f64| T::Part::from_f64_impl(x);
        let eps = T::Part::ROUNDOFF;
        let tolerance = number(eps.to_f64().powf(-0.125).clamp(10.0, 100.0)) * eps;
        let least = number(STEPS as f64) * number((n * n) as f64) * T::Part::LEAST;
        let threshold = self.smallest_estimate() / number(n as f64).root() * tolerance;
        let threshold = if threshold > least { threshold } else { least };
        let mut left = STEPS * n * n;
        let (mut before, mut way) = ((usize::MAX, 0), Way::Down);
        let mut end = n;
        while end > 1 {
            let m = end - 1;
            if left == 0 {
                return false;
            }
            let mut largest = self.d[m].size();
            let mut first = 0;
            for l in (0..m).rev() {
                if self.e[l].size() <= threshold {
                    self.e[l] = T::Part::ZERO;
                    first = l + 1;
                    break;
                }
                for x in [self.d[l].size(), self.e[l].size()] {
                    largest = if x > largest { x } else { largest };
                }
            }
            if first == m {
                end -= 1;
                continue;
            }
            if first + 1 == m {
                self.pair(first);
                end -= 2;
                continue;
            }
            // On a new part the way is chosen anew.
            if before.0 == usize::MAX || first > before.1 || m < before.0 {
                way = if self.d[first].size() >= self.d[m].size() { Way::Down } else { Way::Up };
            }
            let Some(smallest) = self.converged(first, m, way, tolerance) else { continue };
            before = (first, m);
            left -= (m - first).min(left);
            let shift = self.shift(first, m, way);
            let end_value = if way == Way::Down { self.d[first] } else { self.d[m] }.size();
            let relative = number(n as f64) * tolerance * (smallest / largest);
            let bound = number(0.01) * tolerance;
            let negligible = end_value > T::Part::ZERO && (shift / end_value) * (shift / end_value) < eps;
            if relative <= if eps > bound { eps } else { bound } || negligible || shift == T::Part::ZERO {
                self.plain_step(first, m, way);
            } else {
                self.shifted_step(first, m, way, shift);
            }
            let edge = if way == Way::Down { m - 1 } else { first };
            if self.e[edge].size() <= threshold {
                self.e[edge] = T::Part::ZERO;
            }
        }
        for i in 0..n {
            if self.d[i] < T::Part::ZERO {
                self.d[i] = -self.d[i];
                for r in 0..self.v.nrows() {
                    self.v[(r, i)] = -self.v[(r, i)];
                }
            }
        }
        true
    }

    /// A lower bound, but for a factor, of the smallest singular value.
    fn smallest_estimate(&self) -> T::Part {
        let mut mu = self.d[0].size();
        let mut smallest = mu;
        for i in 1..self.d.len() {
            if smallest == T::Part::ZERO {
                break;
            }
            mu = self.d[i].size() * (mu / (mu + self.e[i - 1].size()));
            smallest = if mu < smallest { mu } else { smallest };
        }
        smallest
    }

    /// Two rows at once.
    fn pair(&mut self, l: usize) {
        let Triangle { small, large, right, left } = triangle(self.d[l], self.e[l], self.d[l + 1]);
        (self.d[l], self.e[l], self.d[l + 1]) = (large, T::Part::ZERO, small);
        rotate_columns(self.v, l, l + 1, right.1, right.0);
        rotate_columns(self.u, l, l + 1, left.1, left.0);
    }

    /// Drops an element beside the diagonal of rows `first` to `m` that is negligible, and gives None; else gives an
    /// estimate of the smallest value.
    fn converged(&mut self, first: usize, m: usize, way: Way, tolerance: T::Part) -> Option<T::Part> {
        let (edge, end) = if way == Way::Down { (m - 1, m) } else { (first, first) };
        if self.e[edge].size() <= tolerance * self.d[end].size() {
            self.e[edge] = T::Part::ZERO;
            return None;
        }
        let mut mu = if way == Way::Down { self.d[first] } else { self.d[m] }.size();
        let mut smallest = mu;
        for step in 0..m - first {
            let (e, next) =
                if way == Way::Down { (first + step, first + step + 1) } else { (m - 1 - step, m - 1 - step) };
            if self.e[e].size() <= tolerance * mu {
                self.e[e] = T::Part::ZERO;
                return None;
            }
            mu = self.d[next].size() * (mu / (mu + self.e[e].size()));
            smallest = if mu < smallest { mu } else { smallest };
        }
        Some(smallest)
    }

    /// The smaller singular value of the 2 x 2 matrix at the end that a bulge is chased to.
    fn shift(&self, first: usize, m: usize, way: Way) -> T::Part {
        let l = if way == Way::Down { m - 1 } else { first };
        smaller_value(self.d[l], self.e[l], self.d[l + 1])
    }

    /// A QR step without a shift.
    fn plain_step(&mut self, first: usize, m: usize, way: Way) {
        let (mut c, mut old_c, mut old_s) = (T::Part::ONE, T::Part::ONE, T::Part::ZERO);
        for step in 0..m - first {
            let (s, r);
            match way {
                Way::Down => {
                    let i = first + step;
                    (c, s, r) = rotation(self.d[i] * c, self.e[i]);
                    if step > 0 {
                        self.e[i - 1] = old_s * r;
                    }
                    (old_c, old_s, self.d[i]) = rotation(old_c * r, self.d[i + 1] * s);
                    rotate_columns(self.v, i, i + 1, c, s);
                    rotate_columns(self.u, i, i + 1, old_c, old_s);
                }
                Way::Up => {
                    let i = m - step;
                    (c, s, r) = rotation(self.d[i] * c, self.e[i - 1]);
                    if step > 0 {
                        self.e[i] = old_s * r;
                    }
                    (old_c, old_s, self.d[i]) = rotation(old_c * r, self.d[i - 1] * s);
                    rotate_columns(self.v, i - 1, i, old_c, -old_s);
                    rotate_columns(self.u, i - 1, i, c, -s);
                }
            }
        }
        let (end, edge) = if way == Way::Down { (m, m - 1) } else { (first, first) };
        let h = self.d[end] * c;
        self.d[end] = h * old_c;
        self.e[edge] = h * old_s;
    }

    /// A QR step with a shift.
    fn shifted_step(&mut self, first: usize, m: usize, way: Way, shift: T::Part) {
        let (begin, edge) = if way == Way::Down { (first, first) } else { (m, m - 1) };
        let d = self.d[begin];
        let mut f = (d.size() - shift) * (T::Part::ONE.copysign(d) + shift / d);
        let mut g = self.e[edge];
        for step in 0..m - first {
            // `e` lies between rows i and `next`; `past` and `ahead` are the ones before and behind it on the way.
            let (i, next, e) = match way {
                Way::Down => (first + step, first + step + 1, first + step),
                Way::Up => (m - step, m - step - 1, m - step - 1),
            };
            let (c, s, r) = rotation(f, g);
            if step > 0 {
                let past = if way == Way::Down { e - 1 } else { e + 1 };
                self.e[past] = r;
            }
            f = c * self.d[i] + s * self.e[e];
            self.e[e] = c * self.e[e] - s * self.d[i];
            g = s * self.d[next];
            self.d[next] = c * self.d[next];
            let (c2, s2, r2) = rotation(f, g);
            self.d[i] = r2;
            f = c2 * self.e[e] + s2 * self.d[next];
            self.d[next] = c2 * self.d[next] - s2 * self.e[e];
            if step + 1 < m - first {
                let ahead = if way == Way::Down { e + 1 } else { e - 1 };
                g = s2 * self.e[ahead];
                self.e[ahead] = c2 * self.e[ahead];
            }
            match way {
                Way::Down => {
                    rotate_columns(self.v, i, next, c, s);
                    rotate_columns(self.u, i, next, c2, s2);
                }
                Way::Up => {
                    rotate_columns(self.v, next, i, c2, -s2);
                    rotate_columns(self.u, next, i, c, -s);
                }
            }
        }
        self.e[if way == Way::Down { m - 1 } else { first }] = f;
    }
}

/// Descending, by as few exchanges as there need be: the least of the rest goes last.
fn sort<T: Field>(values: &mut [T::Part], u: &mut Mat<T>, v: &mut Mat<T>) {
    for end in (1..values.len()).rev() {
        let mut least = 0;
        for j in 1..=end {
            if values[j] <= values[least] {
                least = j;
            }
        }
        if least != end {
            values.swap(least, end);
            exchange_columns(u, least, end);
            exchange_columns(v, least, end);
        }
    }
}
