//! Eigenvectors of small symmetric or Hermitian matrices: reflections make the matrix tridiagonal, then implicit QL or
//! QR steps make it diagonal (Dubrulle, Martin and Wilkinson 1968). In the order and with the signs of LAPACK's syevd,
//! which works so up to [`SMALL`] rows.

use faer::{Mat, MatMut};

use super::qr::{reflect, strike};
use super::rotations::{exchange_columns, older_rotation, rotate_columns, symmetric_pair};
use super::{Field, Part};

/// Larger matrices are LAPACK's to divide and conquer, and faer's here.
pub const SMALL: usize = 25;

/// Steps for each row at most.
const STEPS: usize = 30;

/// The eigenvalues of a Hermitian matrix, of which the lower triangle is read, in ascending order, and the
/// eigenvectors as the columns of `z`. With `upper` the reflections begin at the last column, as LAPACK's do where a
/// caller names the upper triangle. False where the steps do not converge.
pub fn decompose<T: Field>(mut a: Mat<T>, values: &mut [T::Part], mut z: MatMut<'_, T>, upper: bool) -> bool {
    let n = a.nrows();
    let turned = |r: usize| n - 1 - r;
    if upper {
        // Backwards, the last column is the first.
        a = Mat::from_fn(n, n, |r, c| if r >= c { a[(turned(c), turned(r))].conj() } else { T::ZERO });
    }
    let mut off = vec![T::Part::ZERO; n];
    let mut taus = vec![T::ZERO; n];
    for i in 0..n.saturating_sub(1) {
        taus[i] = reflect(a.as_mut().submatrix_mut(i + 1, i, n - i - 1, 1));
        off[i] = a[(i + 1, i)].re();
        both_sides(&mut a, i, taus[i]);
    }
    for i in 0..n {
        values[i] = a[(i, i)].re();
    }
    let mut q = Mat::<T>::identity(n, n);
    for i in (0..n.saturating_sub(1)).rev() {
        // Q = H_0 H_1 ..: the last reflection comes first.
        let v = a.as_ref().submatrix(i + 1, i, n - i - 1, 1);
        strike(v, taus[i], q.as_mut().submatrix_mut(i + 1, i + 1, n - i - 1, n - i - 1));
    }
    if upper {
        values.reverse();
        off[..n - 1].reverse();
        q = Mat::from_fn(n, n, |r, c| q[(turned(r), turned(c))]);
    }
    let done = Iteration { d: values, e: &mut off, z: &mut q }.run();
    sort(values, &mut q);
    z.copy_from(&q);
    done
}

/// `H^H A H` of the rows and columns behind column `i`, which holds the reflection; only the lower triangle counts.
fn both_sides<T: Field>(a: &mut Mat<T>, i: usize, tau: T) {
    let (n, first) = (a.nrows(), i + 1);
    let v = |a: &Mat<T>, r: usize| if r == first { T::ONE } else { a[(r, i)] };
    let whole = |a: &Mat<T>, r: usize, c: usize| if r >= c { a[(r, c)] } else { a[(c, r)].conj() };
    // w = tau A v, less the part along v: A - v w^H - w v^H is the product.
    let mut w: Vec<T> = (first..n)
        .map(|r| {
            let mut sum = T::ZERO;
            for c in first..n {
                sum += whole(a, r, c) * v(a, c);
            }
            sum * tau
        })
        .collect();
    let mut dot = T::ZERO;
    for r in first..n {
        dot += w[r - first].conj() * v(a, r);
    }
    let half = T::of(T::Part::ONE / (T::Part::ONE + T::Part::ONE));
    let along = -(half * tau * dot);
    for r in first..n {
        w[r - first] += along * v(a, r);
    }
    for c in first..n {
        for r in c..n {
            let change = v(a, r) * w[c - first].conj() + w[r - first] * v(a, c).conj();
            a[(r, c)] -= change;
        }
    }
}

/// A tridiagonal matrix, `d` and beside it `e`, on its way to a diagonal one; `z` takes the rotations.
struct Iteration<'a, T: Field> {
    d: &'a mut [T::Part],
    e: &'a mut [T::Part],
    z: &'a mut Mat<T>,
}

impl<T: Field> Iteration<'_, T> {
    fn run(mut self) -> bool {
        let n = self.d.len();
        let mut left = STEPS * n;
        let mut first = 0;
        while first < n {
            if first > 0 {
                self.e[first - 1] = T::Part::ZERO;
            }
            let last = (first..n - 1).find(|&m| self.splits(m)).unwrap_or(n - 1);
            // From the smaller end to the larger.
            let done = if self.d[last].size() < self.d[first].size() {
                self.qr(last, first, &mut left)
            } else {
                self.ql(first, last, &mut left)
            };
            if !done {
                return false;
            }
            first = last + 1;
        }
        true
    }

    /// Whether the matrix falls into two behind row `m`.
    fn splits(&mut self, m: usize) -> bool {
        let e = self.e[m].size();
        let small = e <= self.d[m].size().root() * self.d[m + 1].size().root() * T::Part::ROUNDOFF;
        if e != T::Part::ZERO && small {
            self.e[m] = T::Part::ZERO;
        }
        small
    }

    /// Whether an element beside the diagonal, between rows `m` and `m + 1`, is as good as 0.
    fn negligible(&self, m: usize) -> bool {
        let (e, eps) = (self.e[m].size(), T::Part::ROUNDOFF);
        e * e <= eps * eps * self.d[m].size() * self.d[m + 1].size() + T::Part::LEAST
    }

    /// Two rows at once.
    fn pair(&mut self, l: usize) {
        let (first, second, c, s) = symmetric_pair(self.d[l], self.e[l], self.d[l + 1]);
        rotate_columns(self.z, l, l + 1, c, s);
        (self.d[l], self.d[l + 1], self.e[l]) = (first, second, T::Part::ZERO);
    }

    /// Wilkinson's shift, less `d[m]`: from the 2 x 2 matrix with `p` at its end, whose other row has `next`.
    fn shift(&self, m: usize, p: T::Part, next: T::Part, e: T::Part) -> T::Part {
        let g = (next - p) / (e + e);
        self.d[m] - p + e / (g + g.hypot(T::Part::ONE).copysign(g))
    }

    /// QL steps on rows `l` to `last`, from the top on.
    fn ql(&mut self, mut l: usize, last: usize, left: &mut usize) -> bool {
        while l <= last {
            let m = (l..last).find(|&m| self.negligible(m)).unwrap_or(last);
            if m < last {
                self.e[m] = T::Part::ZERO;
            }
            if m == l {
                l += 1;
                continue;
            }
            if m == l + 1 {
                self.pair(l);
                l += 2;
                continue;
            }
            if *left == 0 {
                return false;
            }
            *left -= 1;
            let mut g = self.shift(m, self.d[l], self.d[l + 1], self.e[l]);
            let (mut c, mut s, mut p) = (T::Part::ONE, T::Part::ONE, T::Part::ZERO);
            for i in (l..m).rev() {
                let (f, b) = (s * self.e[i], c * self.e[i]);
                let r;
                (c, s, r) = older_rotation(g, f);
                if i + 1 != m {
                    self.e[i + 1] = r;
                }
                g = self.d[i + 1] - p;
                let r = (self.d[i] - g) * s + c * (b + b);
                p = s * r;
                self.d[i + 1] = g + p;
                g = c * r - b;
                rotate_columns(self.z, i, i + 1, c, -s);
            }
            self.d[l] -= p;
            self.e[l] = g;
        }
        true
    }

    /// QR steps on rows `first` to `last`, from the bottom on.
    fn qr(&mut self, last: usize, first: usize, left: &mut usize) -> bool {
        let mut end = last + 1;
        while end > first {
            let l = end - 1;
            let m = (first + 1..=l).rev().find(|&m| self.negligible(m - 1)).unwrap_or(first);
            if m > first {
                self.e[m - 1] = T::Part::ZERO;
            }
            if m == l {
                end -= 1;
                continue;
            }
            if m + 1 == l {
                self.pair(m);
                end -= 2;
                continue;
            }
            if *left == 0 {
                return false;
            }
            *left -= 1;
            let mut g = self.shift(m, self.d[l], self.d[l - 1], self.e[l - 1]);
            let (mut c, mut s, mut p) = (T::Part::ONE, T::Part::ONE, T::Part::ZERO);
            for i in m..l {
                let (f, b) = (s * self.e[i], c * self.e[i]);
                let r;
                (c, s, r) = older_rotation(g, f);
                if i != m {
                    self.e[i - 1] = r;
                }
                g = self.d[i] - p;
                let r = (self.d[i + 1] - g) * s + c * (b + b);
                p = s * r;
                self.d[i] = g + p;
                g = c * r - b;
                rotate_columns(self.z, i, i + 1, c, s);
            }
            self.d[l] -= p;
            self.e[l - 1] = g;
        }
        true
    }
}

/// Ascending, by as few exchanges as there need be.
fn sort<T: Field>(values: &mut [T::Part], z: &mut Mat<T>) {
    for i in 0..values.len().saturating_sub(1) {
        let mut least = i;
        for j in i + 1..values.len() {
            if values[j] < values[least] {
                least = j;
            }
        }
        if least != i {
            values.swap(i, least);
            exchange_columns(z, i, least);
        }
    }
}
