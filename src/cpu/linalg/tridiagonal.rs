//! Eigenvectors of symmetric or Hermitian matrices of moderate size: reflections make the matrix tridiagonal, then
//! implicit QL or QR steps make it diagonal (Dubrulle, Martin and Wilkinson 1968), or its halves, which are put together.
//! In the order and with the signs of LAPACK's syevd.

use faer::diag::DiagMut;
use faer::dyn_stack::MemStack;
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, Par, Spec};

use super::qr::{reflect, strike};
use super::rotations::{exchange_columns, older_rotation, rotate_columns, symmetric_pair};
use super::{Field, Part, scratch};

/// Up to so many rows by steps alone; matrices of more are divided.
pub const SMALL: usize = 25;
/// Up to so many rows here at all; larger matrices are faer's, which is faster at them.
pub const MOST: usize = 64;

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
    for c in 1..n {
        for r in 0..c {
            a[(r, c)] = a[(c, r)].conj();
        }
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
    if n > SMALL {
        let Some(found) = divide(values, &mut off) else { return false };
        let found = Mat::from_fn(n, n, |r, c| T::of(found[(r, c)]));
        matmul(z, Accum::Replace, q.as_ref(), found.as_ref(), T::ONE, Par::Seq);
        return true;
    }
    let done = Iteration { d: values, e: &mut off, z: &mut q }.run();
    sort(values, &mut q);
    z.copy_from(&q);
    done
}

/// `H^H A H` of the rows and columns behind column `i`, which holds the reflection. All of them are kept, not only the
/// lower triangle, so that columns are read as they lie in memory.
fn both_sides<T: Field>(a: &mut Mat<T>, i: usize, tau: T) {
    let (n, first) = (a.nrows(), i + 1);
    if tau == T::ZERO {
        return;
    }
    let v: Vec<T> = (first..n).map(|r| if r == first { T::ONE } else { a[(r, i)] }).collect();
    // w = tau A v, less the part along v: A - v w^H - w v^H is the product.
    let mut w = vec![T::ZERO; n - first];
    let mut rest = a.as_mut().submatrix_mut(first, first, n - first, n - first);
    for (c, &x) in v.iter().enumerate() {
        if let Some(column) = rest.rb().col(c).try_as_col_major() {
            w.iter_mut().zip(column.as_slice()).for_each(|(w, &a)| *w += a * x);
        }
    }
    w.iter_mut().for_each(|w| *w *= tau);
    let mut dot = T::ZERO;
    w.iter().zip(&v).for_each(|(w, &v)| dot += w.conj() * v);
    let half = T::of(T::Part::ONE / (T::Part::ONE + T::Part::ONE));
    let along = -(half * tau * dot);
    w.iter_mut().zip(&v).for_each(|(w, &v)| *w += along * v);
    for c in 0..n - first {
        let (wc, vc) = (w[c].conj(), v[c].conj());
        if let Some(column) = rest.rb_mut().col_mut(c).try_as_col_major_mut() {
            let others = v.iter().zip(&w);
            column.as_slice_mut().iter_mut().zip(others).for_each(|(a, (&v, &w))| *a -= v * wc + w * vc);
        }
    }
}

/// The eigenvectors of a tridiagonal matrix of more than [`SMALL`] rows, by those of its halves (Cuppen 1981): beside
/// these it is a diagonal matrix and one of rank 1, `D + rho z z^T`, which faer decomposes. An eigenvector to l has the
/// parts `z_i / (D_i - l)`, in LAPACK with that sign; one that only belongs to one half is that half's. Gives None where
/// the steps do not converge.
fn divide<P: Part>(d: &mut [P], e: &mut [P]) -> Option<Mat<P>> {
    let n = d.len();
    if n <= SMALL {
        let mut z = Mat::identity(n, n);
        let done = Iteration { d: &mut *d, e, z: &mut z }.run();
        sort(d, &mut z);
        return done.then_some(z);
    }
    let half = n / 2;
    let cut = e[half - 1];
    let rho = cut.size();
    (d[half - 1], d[half]) = (d[half - 1] - rho, d[half] - rho);
    let ((d1, d2), (e1, e2)) = (d.split_at_mut(half), e.split_at_mut(half));
    let (upper, lower) = (divide(d1, e1)?, divide(d2, e2)?);
    let sign = P::ONE.copysign(cut);
    let z: Vec<P> = (0..n).map(|i| if i < half { upper[(half - 1, i)] } else { lower[(0, i - half)] * sign }).collect();
    let whole = Mat::from_fn(n, n, |r, c| if r == c { d[r] + rho * z[r] * z[r] } else { rho * z[r] * z[c] });
    let (mut values, mut parts) = (vec![P::ZERO; n], Mat::<P>::zeros(n, n));
    let need = self_adjoint_evd_scratch::<P>(n, ComputeEigenvectors::Yes, Par::Seq, Spec::default());
    let mut memory = scratch(need).ok()?;
    let (to, stack) = (DiagMut::from_slice_mut(&mut values), MemStack::new(&mut memory));
    self_adjoint_evd(whole.as_ref(), to, Some(parts.as_mut()), Par::Seq, stack, Spec::default()).ok()?;
    let largest = d.iter().chain(&z).fold(P::ZERO, |m, x| if x.size() > m { x.size() } else { m });
    let two = P::ONE + P::ONE;
    let negligible = (two * two * two) * P::ROUNDOFF * largest / two.root();
    for (j, &value) in values.iter().enumerate() {
        let i = (1..n).fold(0, |best, r| if parts[(r, j)].size() > parts[(best, j)].size() { r } else { best });
        let wanted = if rho * z[i].size() <= negligible { P::ONE } else { z[i] * (d[i] - value) };
        if (wanted < P::ZERO) != (parts[(i, j)] < P::ZERO) {
            (0..n).for_each(|r| parts[(r, j)] = -parts[(r, j)]);
        }
    }
    d.copy_from_slice(&values);
    let mut vectors = Mat::zeros(n, n);
    for (from, rows, half) in [(0, half, &upper), (half, n - half, &lower)] {
        let to = vectors.as_mut().subrows_mut(from, rows);
        matmul(to, Accum::Replace, half.as_ref(), parts.as_ref().subrows(from, rows), P::ONE, Par::Seq);
    }
    Some(vectors)
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
