//! Matrix products of arrays: batches, dtypes, and what is fused behind.

use super::drive::{Gemm, Mat, gemm};
use super::epilogue::Epilogue;
use super::integer;
use super::micro::Product;
use crate::core::dtype::not_real;
use crate::core::{DType, Layout, Meta};
use crate::cpu::copy::copy;
use crate::cpu::threads;
use crate::device::Array;
use crate::error::Result;

/// What follows a product: `relu(alpha * a b + beta * add)`, the relu for floats only.
#[derive(Clone, Copy)]
pub struct Fused<'a> {
    pub alpha: f64,
    pub beta: f64,
    /// Expanded to the result's shape.
    pub add: Option<&'a Array>,
    pub relu: bool,
}

impl Fused<'_> {
    pub const NONE: Fused<'static> = Fused { alpha: 1.0, beta: 1.0, add: None, relu: false };
}

/// `out = a b`: (.., m, k) times (.., k, n) into a contiguous (.., m, n), then `fused`. The leading dims of a and b have
/// been expanded to those of out; all have one dtype. Strides are any.
///
/// Halves compute and accumulate in float32 and are rounded once; integers wrap.
pub fn matmul(a: &Array, b: &Array, out: &Array, fused: &Fused) -> Result<()> {
    match a.dtype {
        DType::F32 => floats::<f32>(a, b, out, fused),
        DType::F64 => floats::<f64>(a, b, out, fused),
        DType::F16 | DType::BF16 => return halves(a, b, out, fused),
        DType::I64 => integers::<i64>(a, b, out, fused),
        DType::I32 => integers::<i32>(a, b, out, fused),
        DType::I16 => integers::<i16>(a, b, out, fused),
        DType::I8 => integers::<i8>(a, b, out, fused),
        DType::U8 => integers::<u8>(a, b, out, fused),
        // Products of bool have no elements to add up: the result is empty or false.
        DType::Bool => {
            let byte = |x: &Array| x.with_dtype(DType::U8);
            integers::<u8>(&byte(a), &byte(b), &byte(out), fused)
        }
        // The same bits as those of signed integers. (Ops let sums of no products through.)
        DType::U16 | DType::U32 | DType::U64 => {
            let signed = a.dtype.signed();
            let add = fused.add.map(|add| add.with_dtype(signed));
            let fused = Fused { add: add.as_ref(), ..*fused };
            return matmul(&a.with_dtype(signed), &b.with_dtype(signed), &out.with_dtype(signed), &fused);
        }
        DType::C64 | DType::C128 => return crate::cpu::complex::matmul(a, b, out, fused),
        DType::C32 => not_real(a.dtype),
    }
    Ok(())
}

/// The shape of a batch of products, with the step of each operand from one batch dim's entry to the next.
struct Batch<'a> {
    shape: &'a [usize],
    count: usize,
    m: usize,
    n: usize,
    k: usize,
}

impl<'a> Batch<'a> {
    fn new(a: &Array, out: &'a Array) -> Batch<'a> {
        let lead = out.ndim() - 2;
        let shape = &out.shape()[..lead];
        let (m, n) = (out.shape()[lead], out.shape()[lead + 1]);
        Batch { shape, count: shape.iter().product(), m, n, k: a.shape()[lead + 1] }
    }

    /// Where matrix `i` begins, in elements from the first.
    fn at(&self, x: &Array, mut i: usize) -> isize {
        let mut at = 0;
        for d in (0..self.shape.len()).rev() {
            at += (i % self.shape[d]) as isize * x.strides()[d];
            i /= self.shape[d];
        }
        at
    }

    /// Runs `f` for every matrix: the matrices side by side, or one after the other where each is worth all threads.
    /// `f` is told whether it may use threads of its own.
    fn each(&self, f: &(dyn Fn(usize, bool) + Sync)) {
        let one = self.m * self.n * self.k.max(1);
        let threads = threads::count();
        if threads == 1 || self.count == 1 || one * self.count < 1 << 19 || one >= 1 << 24 {
            return (0..self.count).for_each(|i| f(i, true));
        }
        threads::split(self.count, (1usize << 17).div_ceil(one.max(1)), &|r| r.for_each(|i| f(i, false)));
    }
}

/// The matrices of an array, which begin at `p`.
fn mat<T: crate::core::Element>(x: &Array, at: isize) -> Mat<T> {
    let lead = x.ndim() - 2;
    Mat { p: x.ptr::<T>().wrapping_offset(at), rs: x.strides()[lead], cs: x.strides()[lead + 1] }
}

/// The step from row to row, where the rows of all matrices follow each other at one step.
fn row_step(x: &Array) -> Option<isize> {
    let mut run: Option<(isize, usize)> = None;
    for d in (0..x.ndim() - 1).rev().filter(|&d| x.shape()[d] != 1) {
        run = match run {
            None => Some((x.strides()[d], x.shape()[d])),
            Some((step, n)) if x.strides()[d] == step * n as isize => Some((step, n * x.shape()[d])),
            Some(_) => return None,
        };
    }
    Some(run.map_or(0, |r| r.0))
}

struct Shared<T>(Gemm<T>);
// SAFETY: each matrix is written by one task.
unsafe impl<T: Product> Sync for Shared<T> {}

fn floats<T: Product>(a: &Array, b: &Array, out: &Array, fused: &Fused) {
    let v = Batch::new(a, out);
    if out.numel() == 0 {
        return;
    }
    let lead = v.shape.len();
    let epilogue = Epilogue {
        alpha: T::from_f64(fused.alpha),
        beta: T::from_f64(fused.beta),
        add: fused.add.map(|d| mat(d, 0)),
        relu: fused.relu,
    };
    let whole = Gemm { m: v.m, n: v.n, k: v.k, a: mat(a, 0), b: mat(b, 0), c: out.ptr::<T>(), ldc: v.n, epilogue };
    let same_b = (0..lead).all(|d| b.strides()[d] == 0 || v.shape[d] == 1);
    let add_step = match fused.add {
        Some(d) => row_step(d),
        None => Some(0),
    };
    if let (true, Some(step), Some(add_step)) = (same_b, row_step(a), add_step) {
        // One matrix with the rows of all.
        let mut g = Gemm { m: v.count * v.m, ..whole };
        g.a.rs = step;
        if let Some(d) = &mut g.epilogue.add {
            d.rs = add_step;
        }
        // SAFETY: the op has checked the shapes; `out` is fresh.
        return unsafe { gemm(&g, true) };
    }
    let whole = Shared(whole);
    v.each(&|i, parallel| {
        let whole = &whole;
        let mut g = whole.0;
        g.a.p = g.a.p.wrapping_offset(v.at(a, i));
        g.b.p = g.b.p.wrapping_offset(v.at(b, i));
        g.c = g.c.wrapping_add(i * v.m * v.n);
        if let (Some(d), Some(from)) = (&mut g.epilogue.add, fused.add) {
            d.p = d.p.wrapping_offset(v.at(from, i));
        }
        // SAFETY: as above, for matrix i.
        unsafe { gemm(&g, parallel) };
    });
}

fn integers<T: integer::Int>(a: &Array, b: &Array, out: &Array, fused: &Fused) {
    let v = Batch::new(a, out);
    if out.numel() == 0 {
        return;
    }
    let whole = integer::Product {
        m: v.m,
        n: v.n,
        k: v.k,
        a: mat(a, 0),
        b: mat(b, 0),
        c: out.ptr::<T>(),
        alpha: T::from_f64(fused.alpha),
        beta: T::from_f64(fused.beta),
        add: fused.add.map(|d| mat(d, 0)),
    };
    v.each(&|i, parallel| {
        let mut g = whole;
        g.a.p = g.a.p.wrapping_offset(v.at(a, i));
        g.b.p = g.b.p.wrapping_offset(v.at(b, i));
        g.c = g.c.wrapping_add(i * v.m * v.n);
        if let (Some(d), Some(from)) = (&mut g.add, fused.add) {
            d.p = d.p.wrapping_offset(v.at(from, i));
        }
        // SAFETY: the op has checked the shapes; `out` is fresh.
        unsafe { integer::product(&g, parallel) };
    });
}

/// A contiguous array of this shape in float32.
pub fn single(shape: &[usize], like: &Array) -> Result<Array> {
    Array::empty(Meta::new(Layout::contiguous(shape.into()), DType::F32, like.device))
}

/// The elements in float32; repeated ones are not copied repeatedly.
pub fn widened(x: &Array) -> Result<Array> {
    let mut once = x.layout.clone();
    for d in 0..x.ndim() {
        if once.strides[d] == 0 {
            once.shape[d] = once.shape[d].min(1);
        }
    }
    let from = x.with_layout(once);
    let to = single(from.shape(), x)?;
    copy(&from, &to)?;
    // A dim of size 1 may stand for a whole batch by its stride of 0.
    let mut layout = to.layout.broadcast_to(x.shape());
    (0..x.ndim()).filter(|&d| x.strides()[d] == 0).for_each(|d| layout.strides[d] = 0);
    Ok(to.with_layout(layout))
}

fn halves(a: &Array, b: &Array, out: &Array, fused: &Fused) -> Result<()> {
    let add = fused.add.map(widened).transpose()?;
    let c = single(out.shape(), out)?;
    floats::<f32>(&widened(a)?, &widened(b)?, &c, &Fused { add: add.as_ref(), ..*fused });
    copy(&c, out)
}
