//! Steps of the optimizers over one parameter: each element of it, of its gradient and of its state is read and
//! written once. Every operation rounds where PyTorch's chain of in-place ops rounds, so losses agree with it to the
//! bit, but for its square root, which is not always correctly rounded.

use half::{bf16, f16};

use super::strided::{Raw, Walk};
use super::threads;
pub use crate::core::optim::{Adam, Sgd};
use crate::core::{DType, Element};
use crate::device::Array;
use crate::simd;

/// Elements per task: about 20 us of work.
const GRAIN: usize = 16 * 1024;

/// `param` moves along `grad`, or along `momentum`, which is updated first. All have one shape and dtype.
pub fn sgd(param: &Array, grad: &Array, momentum: Option<&Array>, o: &Sgd) {
    match param.dtype {
        DType::F32 => sgd_of::<f32>(param, grad, momentum, o),
        DType::F64 => sgd_of::<f64>(param, grad, momentum, o),
        DType::F16 => sgd_of::<f16>(param, grad, momentum, o),
        DType::BF16 => sgd_of::<bf16>(param, grad, momentum, o),
        _ => unreachable!("only floating point tensors have gradients"),
    }
}

/// One step of Adam; `largest` is amsgrad's running maximum. All have one shape and dtype.
pub fn adam(param: &Array, grad: &Array, mean: &Array, square: &Array, largest: Option<&Array>, o: &Adam) {
    match param.dtype {
        DType::F32 => adam_of::<f32>(param, grad, mean, square, largest, o),
        DType::F64 => adam_of::<f64>(param, grad, mean, square, largest, o),
        DType::F16 => adam_of::<f16>(param, grad, mean, square, largest, o),
        DType::BF16 => adam_of::<bf16>(param, grad, mean, square, largest, o),
        _ => unreachable!("only floating point tensors have gradients"),
    }
}

/// An element and the type it is computed in.
trait Real: Element {
    type Wide: Wide;
    fn load(self) -> Self::Wide;
    fn store(v: Self::Wide) -> Self;
    /// A result as if it had been stored in between.
    #[inline(always)]
    fn rounded(v: Self::Wide) -> Self::Wide {
        Self::store(v).load()
    }
}

/// float32 or float64.
trait Wide: Copy + PartialOrd + std::ops::Neg<Output = Self> + Send + Sync + 'static {
    fn of(v: f64) -> Self;
    fn fma(self, b: Self, c: Self) -> Self;
    fn times(self, b: Self) -> Self;
    fn minus(self, b: Self) -> Self;
    fn plus(self, b: Self) -> Self;
    fn over(self, b: Self) -> Self;
    fn root(self) -> Self;
    fn is_nan(self) -> bool;
}

macro_rules! wide {
    ($($t:ident)*) => { $(
        impl Wide for $t {
            #[inline(always)]
            fn of(v: f64) -> Self { v as $t }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self { self.mul_add(b, c) }
            #[inline(always)]
            fn times(self, b: Self) -> Self { self * b }
            #[inline(always)]
            fn minus(self, b: Self) -> Self { self - b }
            #[inline(always)]
            fn plus(self, b: Self) -> Self { self + b }
            #[inline(always)]
            fn over(self, b: Self) -> Self { self / b }
            #[inline(always)]
            fn root(self) -> Self { self.sqrt() }
            #[inline(always)]
            fn is_nan(self) -> bool { self != self }
        }
        impl Real for $t {
            type Wide = $t;
            #[inline(always)]
            fn load(self) -> $t { self }
            #[inline(always)]
            fn store(v: $t) -> $t { v }
        }
    )* };
}
wide!(f32 f64);

macro_rules! half {
    ($($t:ident)*) => { $(
        impl Real for $t {
            type Wide = f32;
            #[inline(always)]
            fn load(self) -> f32 { self.to_f32() }
            #[inline(always)]
            fn store(v: f32) -> $t { $t::from_f32(v) }
        }
    )* };
}
half!(f16 bf16);

/// Calls `f` with the offsets and the length of runs that are contiguous in every operand, in several threads.
fn runs<const N: usize>(arrays: [&Array; N], f: &(dyn Fn([isize; N], usize) + Sync)) {
    let first = arrays[0];
    if arrays.iter().all(|a| a.is_contiguous()) {
        return threads::split(first.numel(), GRAIN, &|range| f([range.start as isize; N], range.len()));
    }
    let walk = Walk::in_memory_order(first.shape(), arrays.map(|a| a.strides()));
    let dense = walk.steps().iter().all(|&s| s == 1) || walk.run() == 1;
    threads::split(walk.numel(), GRAIN, &|range| {
        if dense {
            walk.pieces(range, |at, _, len| f(at, len));
        } else {
            walk.elements(range, |at, _| f(at, 1));
        }
    });
}

fn sgd_of<T: Real>(param: &Array, grad: &Array, momentum: Option<&Array>, o: &Sgd) {
    let buffer = momentum.unwrap_or(grad);
    let (p, g, b) = (Raw::new(param.ptr::<T>()), Raw::new(grad.ptr::<T>()), Raw::new(buffer.ptr::<T>()));
    let has_momentum = momentum.is_some();
    runs([param, grad, buffer], &|at, n| {
        // SAFETY: the walk stays inside the arrays, and ranges of different threads do not meet.
        unsafe { sgd_run::<T>(p.at(at[0]), g.at(at[1]), b.at(at[2]), n, o, has_momentum) }
    });
}

fn adam_of<T: Real>(param: &Array, grad: &Array, mean: &Array, square: &Array, largest: Option<&Array>, o: &Adam) {
    let top = largest.unwrap_or(square);
    let (p, g, m) = (Raw::new(param.ptr::<T>()), Raw::new(grad.ptr::<T>()), Raw::new(mean.ptr::<T>()));
    let (s, t) = (Raw::new(square.ptr::<T>()), Raw::new(top.ptr::<T>()));
    let amsgrad = largest.is_some();
    runs([param, grad, mean, square, top], &|at, n| {
        // SAFETY: as above.
        unsafe { adam_run::<T>(p.at(at[0]), g.at(at[1]), m.at(at[2]), s.at(at[3]), t.at(at[4]), n, o, amsgrad) }
    });
}

simd! {
    unsafe fn sgd_run[T: Real][T](p: *mut T, g: *const T, b: *mut T, n: usize, o: &Sgd, momentum: bool) = sgd_body;
    #[expect(clippy::too_many_arguments, reason = "as its body")]
    unsafe fn adam_run[T: Real][T](
        p: *mut T, g: *const T, m: *mut T, s: *mut T, t: *mut T, n: usize, o: &Adam, amsgrad: bool,
    ) = adam_body;
}

/// The options do not change within the loop, so the compiler makes one loop for each of their combinations.
#[inline(always)]
unsafe fn sgd_body<T: Real>(p: *mut T, g: *const T, b: *mut T, n: usize, o: &Sgd, has_momentum: bool) {
    let (rate, decay) = (T::Wide::of(-o.lr), T::Wide::of(o.weight_decay));
    let (momentum, fresh) = (T::Wide::of(o.momentum), T::Wide::of(1.0 - o.dampening));
    for i in 0..n {
        // SAFETY: the caller promises n elements behind each pointer.
        unsafe {
            let x = (*p.add(i)).load();
            let mut d = (*g.add(i)).load();
            if o.maximize {
                d = -d;
            }
            if o.weight_decay != 0.0 {
                d = T::rounded(x.fma(decay, d));
            }
            if has_momentum {
                let v =
                    if o.first { d } else { T::rounded(d.fma(fresh, T::rounded((*b.add(i)).load().times(momentum)))) };
                *b.add(i) = T::store(v);
                d = if o.nesterov { T::rounded(v.fma(momentum, d)) } else { v };
            }
            *p.add(i) = T::store(d.fma(rate, x));
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "five arrays walk in step; a struct would only rename them")]
unsafe fn adam_body<T: Real>(
    p: *mut T,
    g: *const T,
    m: *mut T,
    s: *mut T,
    t: *mut T,
    n: usize,
    o: &Adam,
    amsgrad: bool,
) {
    let of = T::Wide::of;
    let correction1 = 1.0 - o.beta1.powf(o.step);
    let correction2 = of((1.0 - o.beta2.powf(o.step)).sqrt());
    let (rate, eps) = (of(-(o.lr / correction1)), of(o.eps));
    let (decay, shrink) = (of(o.weight_decay), of(1.0 - o.lr * o.weight_decay));
    // lerp goes from the nearer end: PyTorch's rule.
    let weight = 1.0 - o.beta1;
    let (near, pull) = if weight < 0.5 { (true, of(weight)) } else { (false, of(weight).minus(of(1.0))) };
    let (beta2, fresh) = (of(o.beta2), of(1.0 - o.beta2));
    for i in 0..n {
        // SAFETY: the caller promises n elements behind each pointer.
        unsafe {
            let mut x = (*p.add(i)).load();
            let mut d = (*g.add(i)).load();
            if o.maximize {
                d = -d;
            }
            if o.weight_decay != 0.0 {
                if o.decoupled {
                    x = T::rounded(x.times(shrink));
                } else {
                    d = T::rounded(x.fma(decay, d));
                }
            }
            let old = (*m.add(i)).load();
            let mean = T::rounded(pull.fma(d.minus(old), if near { old } else { d }));
            *m.add(i) = T::store(mean);
            let square = T::rounded((*s.add(i)).load().times(beta2));
            let square = T::rounded(fresh.times(d).fma(d, square));
            *s.add(i) = T::store(square);
            let mut top = square;
            if amsgrad {
                let before = (*t.add(i)).load();
                if before > square || before.is_nan() {
                    top = before;
                }
                *t.add(i) = T::store(top);
            }
            let root = T::rounded(T::rounded(top.root()).over(correction2));
            let below = T::rounded(root.plus(eps));
            *p.add(i) = T::store(x.plus(rate.times(mean).over(below)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Layout, Meta};

    fn plain() -> Sgd {
        Sgd {
            lr: 0.5,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
            first: false,
        }
    }

    #[test]
    fn sgd_with_and_without_momentum() {
        let (p, g) = (
            Array::from_slice(&[3], &[1.0f32, 2.0, 3.0]).unwrap(),
            Array::from_slice(&[3], &[2.0f32, 0.0, -2.0]).unwrap(),
        );
        sgd(&p, &g, None, &plain());
        assert_eq!(p.to_vec::<f32>(), [0.0, 2.0, 4.0]);
        let b = Array::from_slice(&[3], &[9.0f32; 3]).unwrap();
        sgd(&p, &g, Some(&b), &Sgd { momentum: 0.5, first: true, ..plain() });
        assert_eq!(b.to_vec::<f32>(), [2.0, 0.0, -2.0]);
        sgd(&p, &g, Some(&b), &Sgd { momentum: 0.5, maximize: true, ..plain() });
        assert_eq!(b.to_vec::<f32>(), [-1.0, 0.0, 1.0]);
        assert_eq!(p.to_vec::<f32>(), [-0.5, 2.0, 4.5]);
    }

    #[test]
    fn a_transposed_parameter_takes_its_own_elements() {
        let whole = Array::from_slice(&[2, 3], &[0.0f64; 6]).unwrap();
        let p = whole.with_layout(Layout::contiguous((&[2usize, 3][..]).into()).transposed(0, 1));
        let g = Array::from_slice(&[3, 2], &[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        sgd(&p, &g, None, &Sgd { lr: 1.0, maximize: true, ..plain() });
        assert_eq!(whole.to_vec::<f64>(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        assert_eq!(p.meta.shape(), [3, 2]);
    }

    #[test]
    fn the_first_step_of_adam_moves_by_the_rate() {
        let many = 100_000;
        let meta = || Meta::new(Layout::contiguous((&[many][..]).into()), DType::F32, crate::core::Device::CPU);
        let (p, m, s) = (Array::zeros(meta()).unwrap(), Array::zeros(meta()).unwrap(), Array::zeros(meta()).unwrap());
        let g = Array::from_slice(&[many], &vec![3.0f32; many]).unwrap();
        let o = Adam {
            lr: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            maximize: false,
            step: 1.0,
        };
        adam(&p, &g, &m, &s, None, &o);
        let p = p.to_vec::<f32>();
        assert!(p.iter().all(|&x| x == p[0] && (x + 0.1).abs() < 1e-6));
    }
}
