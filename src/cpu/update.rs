//! Loops of formulas with several results: each element of a parameter, of its gradient and of its state is read and written
//! once. Every operation rounds where PyTorch's chain of in-place ops rounds, so that losses agree with it to the bit, but for
//! its square root, which is not always correctly rounded. The parts of all parameters are one job of the pool.

use half::{bf16, f16};

use super::strided::{Raw, Walk};
use super::threads;
use crate::core::{DType, Element};
use crate::device::Array;
use crate::expr::update::{MAX_NUMBERS, MAX_OPERANDS, Slots, Update};
use crate::expr::{Lane, Native};
use crate::simd;

/// Elements per task: about 20 us of work.
const GRAIN: usize = 16 * 1024;

pub type Pointers = [*mut u8; MAX_OPERANDS];
pub type Numbers = [f64; MAX_NUMBERS];
/// A compiled update over so many contiguous elements, with its numbers and its flags.
pub type Kernel = unsafe fn(&Pointers, &Numbers, u32, usize);

/// The loops of one update.
pub struct Loops {
    f32: Kernel,
    f64: Kernel,
    f16: Kernel,
    bf16: Kernel,
}

impl Loops {
    pub const fn of<U: Update>() -> Loops {
        Loops { f32: looped::<U, f32>, f64: looped::<U, f64>, f16: looped::<U, f16>, bf16: looped::<U, bf16> }
    }

    fn for_dtype(&self, dtype: DType) -> Kernel {
        match dtype {
            DType::F32 => self.f32,
            DType::F64 => self.f64,
            DType::F16 => self.f16,
            DType::BF16 => self.bf16,
            _ => unreachable!("only floating point tensors have gradients"),
        }
    }
}

/// An element and the lane that computes it.
trait Stored: Element {
    type Wide: Native;
    fn load(self) -> Self::Wide;
    fn store(v: Self::Wide) -> Self;
}

macro_rules! stored {
    ($($t:ident as $wide:ident: $load:expr, $store:expr;)*) => { $(
        impl Stored for $t {
            type Wide = $wide;
            #[inline(always)]
            fn load(self) -> $wide { $load(self) }
            #[inline(always)]
            fn store(v: $wide) -> $t { $store(v) }
        }
    )* };
}
stored! {
    f32 as f32: |x| x, |x| x;
    f64 as f64: |x| x, |x| x;
    f16 as f32: f16::to_f32, f16::from_f32;
    bf16 as f32: bf16::to_f32, bf16::from_f32;
}

/// Element `i` of a loop.
#[derive(Clone, Copy)]
struct At<'a, T: Stored> {
    x: [*mut T; MAX_OPERANDS],
    numbers: &'a [T::Wide; MAX_NUMBERS],
    flags: u32,
    i: usize,
}

impl<T: Stored> Slots<Lane<T::Wide>> for At<'_, T> {
    #[inline(always)]
    fn get(self, k: usize) -> Lane<T::Wide> {
        // SAFETY: i is below the n for which the caller of the kernel vouches; so below.
        Lane(unsafe { self.x[k].add(self.i).read() }.load())
    }
    #[inline(always)]
    fn number(self, j: usize) -> Lane<T::Wide> {
        Lane(self.numbers[j])
    }
    #[inline(always)]
    fn flag(self, j: usize) -> bool {
        self.flags >> j & 1 == 1
    }
    #[inline(always)]
    fn put(self, k: usize, value: Lane<T::Wide>) {
        // SAFETY: as above.
        unsafe { self.x[k].add(self.i).write(T::store(value.0)) }
    }
    #[inline(always)]
    fn rounded(self, value: Lane<T::Wide>) -> Lane<T::Wide> {
        Lane(T::store(value.0).load())
    }
}

simd! {
    unsafe fn looped[U: Update, T: Stored][U, T](x: &Pointers, numbers: &Numbers, flags: u32, n: usize) = body;
}

/// The flags do not change within the loop, so that the compiler makes one loop for each of their combinations.
#[inline(always)]
unsafe fn body<U: Update, T: Stored>(x: &Pointers, numbers: &Numbers, flags: u32, n: usize) {
    let mut wide = [T::Wide::lit(0.0); MAX_NUMBERS];
    for (to, &from) in wide.iter_mut().zip(numbers) {
        *to = T::Wide::lit(from);
    }
    let x = [x[0].cast(), x[1].cast(), x[2].cast(), x[3].cast(), x[4].cast(), x[5].cast()];
    for i in 0..n {
        U::eval::<Lane<T::Wide>, _>(At::<T> { x, numbers: &wide, flags, i });
    }
}

/// A step of one parameter.
pub struct Part<'a> {
    /// The parameter, its gradient, its state; all of one shape and dtype. What is missing is the parameter again.
    pub x: [&'a Array; MAX_OPERANDS],
    pub numbers: Numbers,
    pub flags: u32,
}

/// Runs an update over all parts, one after another where two of them share memory that is written.
pub fn run(loops: &Loops, parts: &[Part]) {
    let total: usize = parts.iter().map(|p| p.x[0].numel()).sum();
    let plain = |p: &Part| p.x.iter().all(|a| a.is_contiguous());
    if total <= GRAIN || !parts.iter().all(plain) || share_memory(parts) {
        return parts.iter().for_each(|part| alone(loops, part));
    }
    let mut chunks = Vec::with_capacity(total / GRAIN + parts.len());
    for (k, part) in parts.iter().enumerate() {
        chunks.extend((0..part.x[0].numel()).step_by(GRAIN).map(|start| (k, start)));
    }
    // A chunk of small parts is a task of several.
    let grain = (chunks.len() * GRAIN / total).max(1);
    let starts: Vec<[Raw<u8>; MAX_OPERANDS]> = parts.iter().map(|p| p.x.map(|a| Raw::new(a.bytes_ptr()))).collect();
    threads::split(chunks.len(), grain, &|range| {
        for &(k, start) in &chunks[range] {
            let first = parts[k].x[0];
            let n = GRAIN.min(first.numel() - start);
            let bytes = (start * first.dtype.size()) as isize;
            let x = [0, 1, 2, 3, 4, 5].map(|j: usize| starts[k][j].at(bytes));
            // SAFETY: the arrays are contiguous and have these elements, and chunks of different threads do not meet.
            unsafe { loops.for_dtype(first.dtype)(&x, &parts[k].numbers, parts[k].flags, n) };
        }
    });
}

/// Runs one part, in several threads where it is large.
fn alone(loops: &Loops, part: &Part) {
    let first = part.x[0];
    let (kernel, size) = (loops.for_dtype(first.dtype), first.dtype.size() as isize);
    let starts = part.x.map(|a| Raw::new(a.bytes_ptr()));
    let at = |i: [isize; MAX_OPERANDS], n: usize| {
        let x = [0, 1, 2, 3, 4, 5].map(|j: usize| starts[j].at(i[j] * size));
        // SAFETY: the walk stays inside the arrays, and ranges of different threads do not meet.
        unsafe { kernel(&x, &part.numbers, part.flags, n) };
    };
    if part.x.iter().all(|a| a.is_contiguous()) {
        return threads::split(first.numel(), GRAIN, &|range| at([range.start as isize; MAX_OPERANDS], range.len()));
    }
    let walk = Walk::in_memory_order(first.shape(), part.x.map(|a| a.strides()));
    let dense = walk.steps().iter().all(|&s| s == 1) || walk.run() == 1;
    threads::split(walk.numel(), GRAIN, &|range| {
        if dense {
            walk.pieces(range, |i, _, len| at(i, len));
        } else {
            walk.elements(range, |i, _| at(i, 1));
        }
    });
}

/// Whether what one part writes is read or written by another.
fn share_memory(parts: &[Part]) -> bool {
    let mut ranges = Vec::with_capacity(parts.len() * MAX_OPERANDS);
    for (k, part) in parts.iter().enumerate() {
        for (j, a) in part.x.iter().enumerate().filter(|(_, a)| a.numel() > 0) {
            let start = a.bytes_ptr().addr();
            ranges.push((start, start + a.numel() * a.dtype.size(), k, j != 1));
        }
    }
    ranges.sort_unstable();
    // How far what was written, and what was touched at all, reaches so far, and by which part.
    let (mut written, mut touched) = ((0, usize::MAX), (0, usize::MAX));
    for (start, end, k, writes) in ranges {
        let before = if writes { touched } else { written };
        if start < before.0 && k != before.1 {
            return true;
        }
        if writes && end > written.0 {
            written = (end, k);
        }
        if end > touched.0 {
            touched = (end, k);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Layout;
    use crate::expr::{Left, Scalar};

    /// x takes x - rate g, and the state takes g.
    struct Down;
    impl Update for Down {
        fn eval<S: Scalar, P: Slots<S>>(p: P)
        where
            f64: Left<S>,
        {
            let g = p.keep(2, p.get(1));
            p.put(0, p.get(0) - p.number(0) * g);
        }
    }
    static LOOPS: Loops = Loops::of::<Down>();

    fn part<'a>(p: &'a Array, g: &'a Array, s: &'a Array) -> Part<'a> {
        let mut numbers = [0.0; MAX_NUMBERS];
        numbers[0] = 0.5;
        Part { x: [p, g, s, p, p, p], numbers, flags: 0 }
    }

    #[test]
    fn a_transposed_parameter_takes_its_own_elements() {
        let whole = Array::from_slice(&[2, 3], &[0.0f64; 6]).unwrap();
        let p = whole.with_layout(Layout::contiguous((&[2usize, 3][..]).into()).transposed(0, 1));
        let g = Array::from_slice(&[3, 2], &[-2.0f64, -4.0, -6.0, -8.0, -10.0, -12.0]).unwrap();
        let s = Array::from_slice(&[3, 2], &[0.0f64; 6]).unwrap();
        run(&LOOPS, &[part(&p, &g, &s)]);
        assert_eq!(whole.to_vec::<f64>(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        assert_eq!(s.to_vec::<f64>(), g.to_vec::<f64>());
    }

    #[test]
    fn parameters_of_all_sizes_are_one_job() {
        let sizes = [1usize, 3, 40_000, 0, 16_384, 100_000];
        let of = |v: f32| sizes.map(|n| Array::from_slice(&[n], &vec![v; n]).unwrap());
        let (p, g, s) = (of(1.0), of(4.0), of(0.0));
        let parts: Vec<Part> = (0..sizes.len()).map(|k| part(&p[k], &g[k], &s[k])).collect();
        assert!(!share_memory(&parts));
        run(&LOOPS, &parts);
        assert!(p.iter().all(|p| p.to_vec::<f32>().iter().all(|&x| x == -1.0)));
        assert!(s.iter().all(|s| s.to_vec::<f32>().iter().all(|&x| x == 4.0)));
    }

    #[test]
    fn a_parameter_that_comes_twice_moves_twice() {
        let n = 50_000;
        let [p, g, s] = [1.0f32, 4.0, 0.0].map(|v| Array::from_slice(&[n], &vec![v; n]).unwrap());
        let parts = [part(&p, &g, &s), part(&p, &g, &s)];
        assert!(share_memory(&parts));
        run(&LOOPS, &parts);
        assert!(p.to_vec::<f32>().iter().all(|&x| x == -3.0));
    }
}
