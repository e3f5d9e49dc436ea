//! Connectionist temporal classification: the probability of a labelling, summed over all its alignments to a sequence
//! (Graves et al., 2006, section 4.1), in logarithms; and the gradient (equations 14 to 16 with log-probabilities).

use super::strided::Raw;
use super::threads;
use crate::core::{DType, Element};
use crate::device::Array;

/// One example: where its labels begin among all, how many it has, and how long its sequence is.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    pub offset: usize,
    pub labels: usize,
    pub steps: usize,
}

/// A float with the two functions that the sums need.
trait Log:
    Element + PartialOrd + std::ops::Add<Output = Self> + std::ops::Sub<Output = Self> + std::ops::Mul<Output = Self>
{
    const LOWEST: Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
}
macro_rules! log {
    ($($t:ty),*) => { $(
        impl Log for $t {
            const LOWEST: $t = <$t>::NEG_INFINITY;
            fn exp(self) -> $t {
                <$t>::exp(self)
            }
            fn ln(self) -> $t {
                <$t>::ln(self)
            }
        }
    )* };
}
log!(f32, f64);

/// log(sum of exp), which of nothing but minus infinities is one.
fn log_sum<T: Log, const N: usize>(v: [T; N]) -> T {
    let mut most = v[0];
    v.into_iter().for_each(|x| most = if x > most { x } else { most });
    let shift = if most.to_f64() == f64::NEG_INFINITY { T::ZERO } else { most };
    let sum = v.into_iter().fold(T::ZERO, |sum, x| sum + (x - shift).exp());
    sum.ln() + shift
}

/// The labels of one example with blanks around each, and its log-probabilities.
struct View<'a, T> {
    lp: *const T,
    /// Strides of steps and of classes.
    step: isize,
    class: isize,
    labels: &'a [i64],
    blank: i64,
}

impl<T: Log> View<'_, T> {
    /// Place `s` of the labelling with blanks.
    fn label(&self, s: usize) -> i64 {
        if s.is_multiple_of(2) { self.blank } else { self.labels[s / 2] }
    }
    fn at(&self, t: usize, class: i64) -> T {
        // SAFETY: the op has checked steps and labels.
        unsafe { *self.lp.offset(t as isize * self.step + class as isize * self.class) }
    }
    /// Whether an alignment may go from place `s - 2` to `s`.
    fn skips(&self, s: usize) -> bool {
        s > 1 && self.label(s - 2) != self.label(s)
    }
}

fn view<'a, T: Log>(x: &Array, n: usize, e: Example, labels: &'a [i64], blank: i64) -> View<'a, T> {
    let s = x.strides();
    let lp = x.ptr::<T>().wrapping_offset(n as isize * s[1]).cast_const();
    View { lp, step: s[0], class: s[2], labels: &labels[e.offset..e.offset + e.labels], blank }
}

/// Minus the log-probability of each labelling into `nll` (n), and the forward sums into `alpha` (n, steps, places); both
/// contiguous. `x` is (steps, n, classes), `labels` has those of all examples.
pub fn forward(x: &Array, labels: &[i64], examples: &[Example], blank: i64, nll: &Array, alpha: &Array) {
    match x.dtype {
        DType::F64 => sums::<f64>(x, labels, examples, blank, nll, alpha),
        _ => sums::<f32>(x, labels, examples, blank, nll, alpha),
    }
}

fn sums<T: Log>(x: &Array, labels: &[i64], examples: &[Example], blank: i64, nll: &Array, alpha: &Array) {
    let (steps, width) = (alpha.shape()[1], alpha.shape()[2]);
    let (np, ap) = (Raw::new(nll.ptr::<T>()), Raw::new(alpha.ptr::<T>()));
    let each = |n: usize| {
        let e = examples[n];
        let v = view::<T>(x, n, e, labels, blank);
        let places = 2 * e.labels + 1;
        // SAFETY: each example has its own part of both.
        let a = unsafe { std::slice::from_raw_parts_mut(ap.at((n * steps * width) as isize), steps * width) };
        a.fill(T::LOWEST);
        let total = if e.steps == 0 {
            if e.labels == 0 { T::ZERO } else { T::LOWEST }
        } else {
            a[0] = v.at(0, blank);
            if e.labels > 0 {
                a[1] = v.at(0, v.label(1));
            }
            for t in 1..e.steps {
                let (before, now) = a[(t - 1) * width..(t + 1) * width].split_at_mut(width);
                for s in 0..places {
                    let from = [
                        before[s],
                        if s > 0 { before[s - 1] } else { T::LOWEST },
                        if v.skips(s) { before[s - 2] } else { T::LOWEST },
                    ];
                    now[s] = log_sum(from) + v.at(t, v.label(s));
                }
            }
            let last = &a[(e.steps - 1) * width..];
            log_sum([last[places - 1], if places > 1 { last[places - 2] } else { T::LOWEST }])
        };
        // SAFETY: as above.
        unsafe { *np.at(n as isize) = T::ZERO - total }
    };
    threads::run(examples.len(), &each);
}

/// What [`backward`] reads: log-probabilities, the gradients of the losses, the losses, and the forward sums.
pub struct Given<'a> {
    pub x: &'a Array,
    pub g: &'a Array,
    pub nll: &'a Array,
    pub alpha: &'a Array,
}

/// The gradient of the log-probabilities, into `out` (steps, n, classes), contiguous. With `zero_infinity` that of infinite losses is 0.
pub fn backward(v: &Given, labels: &[i64], examples: &[Example], blank: i64, zero_infinity: bool, out: &Array) {
    match v.x.dtype {
        DType::F64 => gradients::<f64>(v, labels, examples, blank, zero_infinity, out),
        _ => gradients::<f32>(v, labels, examples, blank, zero_infinity, out),
    }
}

fn gradients<T: Log>(v: &Given, labels: &[i64], examples: &[Example], blank: i64, zero_infinity: bool, out: &Array) {
    let (steps, width) = (v.alpha.shape()[1], v.alpha.shape()[2]);
    let (count, classes) = (out.shape()[1], out.shape()[2]);
    let (x, op) = (v.x, Raw::new(out.ptr::<T>()));
    let (gp, np, ap) = (Raw::new(v.g.ptr::<T>()), Raw::new(v.nll.ptr::<T>()), Raw::new(v.alpha.ptr::<T>()));
    let g_step = v.g.strides()[0];
    let each = |n: usize| {
        let e = examples[n];
        let v = view::<T>(x, n, e, labels, blank);
        let places = 2 * e.labels + 1;
        // SAFETY: each example has its own part of the result; the rest is only read.
        unsafe {
            let a = std::slice::from_raw_parts(ap.at((n * steps * width) as isize).cast_const(), steps * width);
            let (g, nll) = (*gp.at(n as isize * g_step), *np.at(n as isize));
            let to = |t: usize| op.at(((t * count + n) * classes) as isize);
            let nothing = zero_infinity && nll.to_f64() == f64::INFINITY;
            let seen = if nothing { 0 } else { e.steps };
            for t in seen..steps {
                std::slice::from_raw_parts_mut(to(t), classes).fill(T::ZERO);
            }
            let mut beta = vec![T::LOWEST; places];
            for t in (0..seen).rev() {
                let row = std::slice::from_raw_parts_mut(to(t), classes);
                row.fill(T::LOWEST);
                let next = beta.clone();
                for s in 0..places {
                    let label = v.label(s);
                    let tail = if t + 1 == seen {
                        if s + 2 >= places { T::ZERO } else { T::LOWEST }
                    } else {
                        log_sum([
                            next[s],
                            if s + 1 < places { next[s + 1] } else { T::LOWEST },
                            if s + 2 < places && v.skips(s + 2) { next[s + 2] } else { T::LOWEST },
                        ])
                    };
                    beta[s] = tail + v.at(t, label);
                    let both = &mut row[label as usize];
                    *both = log_sum([*both, a[t * width + s] + beta[s]]);
                }
                for (c, r) in row.iter_mut().enumerate() {
                    let lp = v.at(t, c as i64);
                    *r = (lp.exp() - (*r + nll - lp).exp()) * g;
                }
            }
        }
    };
    threads::run(examples.len(), &each);
}
