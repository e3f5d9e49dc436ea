//! Fourier transforms along dims of complex64, complex128 and their real dtypes. rustfft and realfft transform lines; here
//! lines of any strides are gathered into scratch, several at a time, transformed, scaled and put where they belong, the lines
//! of a dim shared by the threads.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex as Num;
use rustfft::{Fft, FftDirection, FftNum, FftPlanner};

use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{Complex, DType, Element, Layout, Meta, Shape, Stored};
use crate::device::Array;
use crate::error::Result;

/// How a transform goes: the sign of its exponent, what results are multiplied with, and what the bins of a half spectrum that
/// stand for two (all but the first, and the last of an even length) are multiplied with besides. That factor makes the
/// transforms of real data closed under differentiation: the derivative of one is the other with a factor of two more or less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    pub forward: bool,
    pub scale: f64,
    pub doubled: f64,
}

/// Elements of a block of lines: its scratch stays in the second cache.
const BLOCK: usize = 1 << 13;
/// Lines of a block where they do not lie along the dim, so that whole cache lines are read.
const ABREAST: usize = 8;
/// Elements worth a thread.
const GRAIN: usize = 1 << 13;
/// How many lengths are kept planned, and how long they may be: a plan holds about as many factors as its length.
const KEPT: usize = 64;
const LONGEST_KEPT: usize = 1 << 20;

/// What is planned, for one dtype.
struct Plans<T: FftNum>(Mutex<Option<Planner<T>>>);

struct Planner<T: FftNum> {
    complex: FftPlanner<T>,
    real: RealFftPlanner<T>,
    lengths: Vec<usize>,
}

impl<T: FftNum> Planner<T> {
    fn new() -> Planner<T> {
        Planner { complex: FftPlanner::new(), real: RealFftPlanner::new(), lengths: Vec::new() }
    }
}

impl<T: FftNum> Plans<T> {
    const fn new() -> Plans<T> {
        Plans(Mutex::new(None))
    }

    /// Plans length `n`. Never waits: who finds another thread planning (or, in a forked child, a lock that nobody will open)
    /// plans alone.
    fn plan<R>(&self, n: usize, f: impl FnOnce(&mut Planner<T>) -> R) -> R {
        let mut kept = match self.0.try_lock() {
            _ if n > LONGEST_KEPT => return f(&mut Planner::new()),
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(p)) => PoisonError::into_inner(p),
            Err(TryLockError::WouldBlock) => return f(&mut Planner::new()),
        };
        let planner = kept.get_or_insert_with(Planner::new);
        if !planner.lengths.contains(&n) {
            if planner.lengths.len() == KEPT {
                *planner = Planner::new();
            }
            planner.lengths.push(n);
        }
        f(planner)
    }
}

/// float32 and float64.
trait Real: FftNum + Element {
    fn plans() -> &'static Plans<Self>;

    fn complex_plan(n: usize, forward: bool) -> Arc<dyn Fft<Self>> {
        let direction = if forward { FftDirection::Forward } else { FftDirection::Inverse };
        Self::plans().plan(n, |p| p.complex.plan_fft(n, direction))
    }
    fn half_plan(n: usize) -> Arc<dyn RealToComplex<Self>> {
        Self::plans().plan(n, |p| p.real.plan_fft_forward(n))
    }
    fn whole_plan(n: usize) -> Arc<dyn ComplexToReal<Self>> {
        Self::plans().plan(n, |p| p.real.plan_fft_inverse(n))
    }
}

impl Real for f32 {
    fn plans() -> &'static Plans<f32> {
        static PLANS: Plans<f32> = Plans::new();
        &PLANS
    }
}

impl Real for f64 {
    fn plans() -> &'static Plans<f64> {
        static PLANS: Plans<f64> = Plans::new();
        &PLANS
    }
}

/// The complex transform of `x` along `dims`, into `out` of the same shape.
pub fn complex(x: &Array, out: &Array, dims: &[usize], way: Way) {
    match out.dtype {
        DType::C64 => complex_of::<f32>(x, out, dims, way),
        _ => complex_of::<f64>(x, out, dims, way),
    }
}

/// The spectrum of real `x` along the last of `dims`, or the half of it that `out` has room for, then the complex transform along
/// the others. Backwards it is the conjugate of the spectrum.
pub fn real_to_complex(x: &Array, out: &Array, dims: &[usize], way: Way) {
    match x.dtype {
        DType::F32 => half::<f32>(x, out, dims, way),
        _ => half::<f64>(x, out, dims, way),
    }
}

/// The complex transform along all of `dims` but the last, into memory of layout `between`, then real values of the half
/// spectra along the last. Forwards the conjugate of the spectrum is meant. Imaginary parts that a real signal cannot have do not
/// count.
pub fn complex_to_real(x: &Array, out: &Array, dims: &[usize], between: Layout, way: Way) -> Result<()> {
    match out.dtype {
        DType::F32 => whole::<f32>(x, out, dims, between, way),
        _ => whole::<f64>(x, out, dims, between, way),
    }
}

/// Lines of a block: line `b` begins `b * apart` after `at`, its elements are `step` apart.
struct Lines<T> {
    at: Raw<T>,
    apart: isize,
    step: isize,
}

impl<T: Copy> Lines<T> {
    fn begin(&self, b: usize) -> *mut T {
        self.at.at(b as isize * self.apart)
    }

    /// Calls `f(line, index, place)` for the elements of `count` lines of `n`, in an order that is kind to memory.
    #[inline(always)]
    fn each(&self, count: usize, n: usize, mut f: impl FnMut(usize, usize, *mut T)) {
        if self.step.abs() <= self.apart.abs() {
            for b in 0..count {
                (0..n).for_each(|i| f(b, i, self.at.at(b as isize * self.apart + i as isize * self.step)));
            }
        } else {
            for i in 0..n {
                (0..count).for_each(|b| f(b, i, self.at.at(b as isize * self.apart + i as isize * self.step)));
            }
        }
    }
}

/// Calls `work` on blocks of lines along `dim` of `x` and `out`, whose other dims are the same; `room` makes a thread's scratch
/// for so many lines.
fn blocks<A: Stored, B: Stored, S>(
    x: &Array,
    out: &Array,
    dim: usize,
    room: &(impl Fn(usize) -> S + Sync),
    work: &(impl Fn(&mut S, &Lines<A>, &Lines<B>, usize) + Sync),
) {
    if out.numel() == 0 {
        return;
    }
    let n = x.shape()[dim].max(out.shape()[dim]);
    let mut begins: Shape = out.shape().into();
    begins[dim] = 1;
    let lines = Walk::in_memory_order(&begins, [x.strides(), out.strides()]);
    let (step_x, step_y) = (x.strides()[dim], out.strides()[dim]);
    let least = if step_x == 1 && step_y == 1 { 1 } else { ABREAST };
    let most = (BLOCK / n).clamp(least, 256).min(lines.numel());
    let [apart_x, apart_y] = lines.steps();
    let (px, py) = (Raw::new(x.bytes_ptr().cast::<A>()), Raw::new(out.bytes_ptr().cast::<B>()));
    threads::split(lines.numel(), GRAIN.div_ceil(n), &|range| {
        let mut scratch = room(most.min(range.len()));
        lines.pieces(range, |[at_x, at_y], _, len| {
            for first in (0..len).step_by(most) {
                let f = first as isize;
                let from = Lines { at: Raw::new(px.at(at_x + f * apart_x)), apart: apart_x, step: step_x };
                let to = Lines { at: Raw::new(py.at(at_y + f * apart_y)), apart: apart_y, step: step_y };
                work(&mut scratch, &from, &to, most.min(len - first));
            }
        });
    });
}

fn zeros<T: FftNum>(n: usize) -> Vec<Num<T>> {
    vec![Num { re: T::zero(), im: T::zero() }; n]
}

fn complex_of<T: Real>(x: &Array, out: &Array, dims: &[usize], way: Way)
where
    Complex<T>: Stored,
{
    let mut from = x;
    for (i, &dim) in dims.iter().rev().enumerate() {
        let scale = if i == 0 { way.scale } else { 1.0 };
        complex_pass::<T>(from, out, dim, Way { scale, ..way });
        from = out;
    }
}

fn complex_pass<T: Real>(x: &Array, out: &Array, dim: usize, way: Way)
where
    Complex<T>: Stored,
{
    let n = out.shape()[dim];
    if out.numel() == 0 {
        return;
    }
    let plan = T::complex_plan(n, way.forward);
    let scale = <T as Element>::from_f64(way.scale);
    let room = |lines: usize| (zeros::<T>(lines * n), zeros::<T>(plan.get_inplace_scratch_len()));
    blocks::<Complex<T>, Complex<T>, _>(x, out, dim, &room, &|(line, scratch), from, to, count| {
        let line = &mut line[..count * n];
        // These are places of the arrays' elements; complex numbers are two floats in both crates. Here and below, no other thread
        // writes to this block's lines, and they are read before they are written.
        if from.step == 1 {
            for (b, line) in line.chunks_exact_mut(n).enumerate() {
                // SAFETY: as above; scratch is no part of an array.
                unsafe { line.as_mut_ptr().copy_from_nonoverlapping(from.begin(b).cast::<Num<T>>(), n) };
            }
        } else {
            // SAFETY: as above.
            from.each(count, n, |b, i, p| line[b * n + i] = unsafe { p.cast::<Num<T>>().read() });
        }
        plan.process_with_scratch(line, scratch);
        if way.scale != 1.0 {
            line.iter_mut().for_each(|bin| *bin = *bin * scale);
        }
        if to.step == 1 {
            for (b, line) in line.chunks_exact(n).enumerate() {
                // SAFETY: as above.
                unsafe { to.begin(b).cast::<Num<T>>().copy_from_nonoverlapping(line.as_ptr(), n) };
            }
        } else {
            // SAFETY: as above.
            to.each(count, n, |b, i, p| unsafe { p.cast::<Num<T>>().write(line[b * n + i]) });
        }
    });
}

/// Whether bin `k` of the half spectrum of `n` values stands for two.
#[inline(always)]
fn is_doubled(k: usize, n: usize) -> bool {
    k != 0 && 2 * k != n
}

fn half<T: Real>(x: &Array, out: &Array, dims: &[usize], way: Way)
where
    Complex<T>: Stored,
{
    let Some((&dim, others)) = dims.split_last() else { return };
    let (n, whole) = (x.shape()[dim], out.shape()[dim]);
    let bins = n / 2 + 1;
    if out.numel() == 0 {
        return;
    }
    let plan = T::half_plan(n);
    let scale = <T as Element>::from_f64(way.scale);
    let doubled = <T as Element>::from_f64(way.scale * way.doubled);
    let sign = <T as Element>::from_f64(if way.forward { 1.0 } else { -1.0 });
    let room =
        |lines: usize| (vec![T::zero(); lines * n], zeros::<T>(lines * bins), zeros::<T>(plan.get_scratch_len()));
    blocks::<T, Complex<T>, _>(x, out, dim, &room, &|(line, spectrum, scratch), from, to, count| {
        // SAFETY: as in `complex_pass`.
        from.each(count, n, |b, i, p| line[b * n + i] = unsafe { p.read() });
        for (line, spectrum) in line.chunks_exact_mut(n).zip(spectrum.chunks_exact_mut(bins)).take(count) {
            // It refuses buffers of other lengths only.
            let done = plan.process_with_scratch(line, spectrum, scratch);
            debug_assert!(done.is_ok());
        }
        to.each(count, whole, |b, k, p| {
            let factor = if is_doubled(k, n) { doubled } else { scale };
            let (k, sign) = if k < bins { (k, sign) } else { (n - k, -sign) };
            let bin = spectrum[b * bins + k];
            let bin = Num { re: bin.re * factor, im: bin.im * factor * sign };
            // SAFETY: as above.
            unsafe { p.cast::<Num<T>>().write(bin) }
        });
    });
    complex_of::<T>(out, out, others, Way { scale: 1.0, ..way });
}

fn whole<T: Real>(x: &Array, out: &Array, dims: &[usize], between: Layout, way: Way) -> Result<()>
where
    Complex<T>: Stored,
{
    let Some((&dim, others)) = dims.split_last() else { return Ok(()) };
    let (n, bins) = (out.shape()[dim], x.shape()[dim]);
    let aside;
    let mut x = x;
    if !others.is_empty() {
        aside = Array::empty(Meta::new(between, x.dtype, x.device))?;
        complex_of::<T>(x, &aside, others, Way { scale: 1.0, ..way });
        x = &aside;
    }
    if out.numel() == 0 {
        return Ok(());
    }
    let plan = T::whole_plan(n);
    let scale = <T as Element>::from_f64(way.scale);
    let doubled = <T as Element>::from_f64(way.doubled);
    let sign = <T as Element>::from_f64(if way.forward { -1.0 } else { 1.0 });
    let room =
        |lines: usize| (zeros::<T>(lines * bins), vec![T::zero(); lines * n], zeros::<T>(plan.get_scratch_len()));
    blocks::<Complex<T>, T, _>(x, out, dim, &room, &|(spectrum, line, scratch), from, to, count| {
        from.each(count, bins, |b, k, p| {
            // SAFETY: as in `complex_pass`.
            let bin = unsafe { p.cast::<Num<T>>().read() };
            let two = is_doubled(k, n);
            let factor = if two { doubled } else { T::one() };
            let im = if two { bin.im * doubled * sign } else { T::zero() };
            spectrum[b * bins + k] = Num { re: bin.re * factor, im };
        });
        for (spectrum, line) in spectrum.chunks_exact_mut(bins).zip(line.chunks_exact_mut(n)).take(count) {
            let done = plan.process_with_scratch(spectrum, line, scratch);
            debug_assert!(done.is_ok());
        }
        // SAFETY: as above.
        to.each(count, n, |b, i, p| unsafe { p.write(line[b * n + i] * scale) });
    });
    Ok(())
}
