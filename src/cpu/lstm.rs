//! A layer of long short-term memory over all steps, and its gradients. Examples of a batch do not meet, so each thread takes some
//! of them through all steps; the weight is packed once for all.

use super::gemm::drive::{Mat, Target, scratch, tiles};
use super::gemm::micro::{KC, Product};
use super::gemm::pack::panels;
use super::real::Real;
use super::strided::Raw;
use super::threads;
use crate::core::DType;
use crate::device::{Array, Storage};
use crate::simd;

/// Elements that are computed together.
const LANES: usize = 16;
/// Products of one thread's examples and the weight that pay for a thread.
const GRAIN: usize = 1 << 16;

simd! {
    /// One step of `rows` examples: `gates` (rows of 4 n: i, f, g, o before their functions) become what they are after them; `cell`
    /// and `hidden` come from the cell `before`.
    unsafe fn step[A: Product][A](gates: *mut A, before: *const A, cell: *mut A, hidden: *mut A, rows: usize, n: usize)
        = step_body;
    unsafe fn step_back[A: Product][A](x: &Back<A>, rows: usize, n: usize) = step_back_body;
}

#[inline(always)]
fn sigmoid<A: Real>(x: A) -> A {
    A::ONE / (A::ONE + (A::default() - x).exp())
}

/// `count` elements, and zeros.
#[inline(always)]
unsafe fn read<A: Real>(p: *const A, count: usize) -> [A; LANES] {
    let mut v = [A::default(); LANES];
    // SAFETY: says the caller.
    unsafe {
        if count == LANES {
            return p.cast::<[A; LANES]>().read();
        }
        for l in 0..count {
            v[l] = *p.add(l);
        }
    }
    v
}

#[inline(always)]
unsafe fn write<A: Real>(p: *mut A, v: &[A; LANES], count: usize) {
    // SAFETY: says the caller.
    unsafe {
        if count == LANES {
            return p.cast::<[A; LANES]>().write(*v);
        }
        for l in 0..count {
            *p.add(l) = v[l];
        }
    }
}

#[inline(always)]
unsafe fn step_body<A: Product>(gates: *mut A, before: *const A, cell: *mut A, hidden: *mut A, rows: usize, n: usize) {
    // No closure holds the work: one that is not inlined would be compiled for no instruction set.
    for r in 0..rows {
        for j in (0..n).step_by(LANES) {
            let (at, count) = (r * n + j, LANES.min(n - j));
            // SAFETY: the examples' elements.
            unsafe {
                let p = gates.add(4 * r * n + j);
                let (mut i, mut f) = (read(p, count), read(p.add(n), count));
                let (mut g, mut o) = (read(p.add(2 * n), count), read(p.add(3 * n), count));
                let was = read(before.add(at), count);
                let (mut c, mut h) = ([A::default(); LANES], [A::default(); LANES]);
                for l in 0..LANES {
                    i[l] = sigmoid(i[l]);
                    f[l] = sigmoid(f[l]);
                    o[l] = sigmoid(o[l]);
                }
                for l in 0..LANES {
                    g[l] = g[l].tanh();
                    c[l] = f[l] * was[l] + i[l] * g[l];
                }
                for l in 0..LANES {
                    h[l] = o[l] * c[l].tanh();
                }
                write(p, &i, count);
                write(p.add(n), &f, count);
                write(p.add(2 * n), &g, count);
                write(p.add(3 * n), &o, count);
                write(cell.add(at), &c, count);
                write(hidden.add(at), &h, count);
            }
        }
    }
}

/// One step back: `dh` and `dc` are the gradients of what the step gave, `dc` becomes that of the cell before. The three that are
/// added may be null.
struct Back<A> {
    gates: *const A,
    cell: *const A,
    before: *const A,
    dh: *const A,
    dc: *mut A,
    add_h: *const A,
    add_c: *const A,
    add_gates: *const A,
    dgates: *mut A,
}

#[inline(always)]
unsafe fn step_back_body<A: Product>(x: &Back<A>, rows: usize, n: usize) {
    for r in 0..rows {
        for j in (0..n).step_by(LANES) {
            let (at, wide, count) = (r * n + j, 4 * r * n + j, LANES.min(n - j));
            // SAFETY: the examples' elements.
            unsafe {
                let p = x.gates.add(wide);
                let (i, f) = (read(p, count), read(p.add(n), count));
                let (g, o) = (read(p.add(2 * n), count), read(p.add(3 * n), count));
                let (c, was) = (read(x.cell.add(at), count), read(x.before.add(at), count));
                let (mut dh, mut dc) = (read(x.dh.add(at), count), read(x.dc.add(at), count));
                if !x.add_h.is_null() {
                    let more = read(x.add_h.add(at), count);
                    for l in 0..LANES {
                        dh[l] = dh[l] + more[l];
                    }
                }
                if !x.add_c.is_null() {
                    let more = read(x.add_c.add(at), count);
                    for l in 0..LANES {
                        dc[l] = dc[l] + more[l];
                    }
                }
                let mut d = [[A::default(); LANES]; 4];
                if !x.add_gates.is_null() {
                    for k in 0..4 {
                        d[k] = read(x.add_gates.add(wide + k * n), count);
                    }
                }
                for l in 0..LANES {
                    let t = c[l].tanh();
                    dc[l] = dc[l] + dh[l] * o[l] * (A::ONE - t * t);
                    d[3][l] = (d[3][l] + dh[l] * t) * o[l] * (A::ONE - o[l]);
                }
                for l in 0..LANES {
                    d[0][l] = (d[0][l] + dc[l] * g[l]) * i[l] * (A::ONE - i[l]);
                    d[1][l] = (d[1][l] + dc[l] * was[l]) * f[l] * (A::ONE - f[l]);
                    d[2][l] = (d[2][l] + dc[l] * i[l]) * (A::ONE - g[l] * g[l]);
                    dc[l] = dc[l] * f[l];
                }
                for k in 0..4 {
                    write(x.dgates.add(wide + k * n), &d[k], count);
                }
                write(x.dc.add(at), &dc, count);
            }
        }
    }
}

/// A matrix (k, n) in the order of the micro-kernels, blocks of [`KC`] rows after each other.
struct Packed<A> {
    own: Storage,
    k: usize,
    n: usize,
    p: Raw<A>,
}

impl<A: Product> Packed<A> {
    fn new(b: Mat<A>, k: usize, n: usize) -> Packed<A> {
        let nr = A::kernels().nr;
        let wide = n.next_multiple_of(nr);
        let own = scratch::<A>(k * wide);
        let p = Raw::new(own.ptr().cast::<A>());
        for from in (0..k).step_by(KC) {
            let rows = KC.min(k - from);
            // SAFETY: rows of the matrix, and their place.
            unsafe { panels(b.p.offset(from as isize * b.rs), b.rs, b.cs, rows, n, nr, p.at((from * wide) as isize)) }
        }
        Packed { own, k, n, p }
    }

    /// `c += a b` for dense rows.
    ///
    /// # Safety
    /// `rows` rows each.
    unsafe fn add(&self, a: *const A, c: *mut A, rows: usize) {
        let (kn, _alive) = (A::kernels(), &self.own);
        let wide = self.n.next_multiple_of(kn.nr);
        for from in (0..self.k).step_by(KC) {
            let part = KC.min(self.k - from);
            let to = Target { c, ldc: self.n, rows, cols: self.n };
            // SAFETY: says the caller.
            unsafe {
                let a = Mat { p: a.add(from), rs: self.k as isize, cs: 1 };
                let b = self.p.at((from * wide) as isize);
                tiles(kn, part, a, b, kn.nr, kn.nr * part, true, &to, false);
            }
        }
    }
}

/// Calls `f(first example, examples)` for each thread's part of the batch.
fn over_batch(batch: usize, n: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let worth = batch * n * 4 * n / GRAIN;
    let parts = threads::count().min(worth).min(batch.div_ceil(4)).max(1);
    threads::run(parts, &|part| {
        let (from, to) = (batch * part / parts, batch * (part + 1) / parts);
        f(from, to - from);
    });
}

/// The step at place `s` of a run.
fn place(s: usize, steps: usize, reverse: bool) -> usize {
    if reverse { steps - 1 - s } else { s }
}

/// `gates` (T, N, 4 H) holds the products with the inputs and all biases; `w` is (4 H, H) of any strides; the states `h0` and `c0` are (N, H).
/// Writes hidden states and cells of all steps (T, N, H), and the gates after their functions (T, N, 4 H). All but `w` are contiguous, in
/// float32 or float64.
pub fn forward(gates: &Array, w: &Array, [h0, c0]: [&Array; 2], reverse: bool, out: [&Array; 3]) {
    match gates.dtype {
        DType::F64 => forward_in::<f64>(gates, w, [h0, c0], reverse, out),
        _ => forward_in::<f32>(gates, w, [h0, c0], reverse, out),
    }
}

fn forward_in<A: Product>(gates: &Array, w: &Array, [h0, c0]: [&Array; 2], reverse: bool, [hs, cs, acts]: [&Array; 3]) {
    let (steps, batch, n) = (gates.shape()[0], gates.shape()[1], w.shape()[1]);
    let turned = Mat { p: w.ptr::<A>().cast_const(), rs: w.strides()[1], cs: w.strides()[0] };
    let packed = Packed::new(turned, n, 4 * n);
    let raw = |x: &Array| Raw::new(x.ptr::<A>());
    let (gates, h0, c0, hs, cs, acts) = (raw(gates), raw(h0), raw(c0), raw(hs), raw(cs), raw(acts));
    over_batch(batch, n, &|first, rows| {
        let (mut hidden, mut cell) = (h0.at((first * n) as isize), c0.at((first * n) as isize));
        for s in 0..steps {
            let at = ((place(s, steps, reverse) * batch + first) * n) as isize;
            // SAFETY: the examples' elements of this step and of the one before.
            unsafe {
                let a = acts.at(4 * at);
                std::ptr::copy_nonoverlapping(gates.at(4 * at), a, rows * 4 * n);
                packed.add(hidden, a, rows);
                step::<A>(a, cell, cs.at(at), hs.at(at), rows, n);
            }
            (hidden, cell) = (hs.at(at), cs.at(at));
        }
    });
}

/// The gradients of the gates before their functions (T, N, 4 H), and of the states at first, given those of the three results of
/// [`forward`], each of which may be missing.
pub fn backward(given: [Option<&Array>; 3], w: &Array, [acts, cs, c0]: [&Array; 3], reverse: bool, out: [&Array; 3]) {
    match w.dtype {
        DType::F64 => backward_in::<f64>(given, w, [acts, cs, c0], reverse, out),
        _ => backward_in::<f32>(given, w, [acts, cs, c0], reverse, out),
    }
}

fn backward_in<A: Product>(
    given: [Option<&Array>; 3],
    w: &Array,
    [acts, cs, c0]: [&Array; 3],
    reverse: bool,
    [dgates, dh0, dc0]: [&Array; 3],
) {
    let (steps, batch, n) = (acts.shape()[0], acts.shape()[1], w.shape()[1]);
    let plain = Mat { p: w.ptr::<A>().cast_const(), rs: w.strides()[0], cs: w.strides()[1] };
    let packed = Packed::new(plain, 4 * n, n);
    let raw = |x: &Array| Raw::new(x.ptr::<A>());
    let given = given.map(|g| g.map(raw));
    let (acts, cs, c0, dgates, dh0, dc0) = (raw(acts), raw(cs), raw(c0), raw(dgates), raw(dh0), raw(dc0));
    over_batch(batch, n, &|first, rows| {
        let begin = (first * n) as isize;
        let (dh, dc) = (dh0.at(begin), dc0.at(begin));
        // SAFETY: the examples' elements of a step and of the one before it.
        unsafe {
            std::ptr::write_bytes(dh, 0, rows * n);
            std::ptr::write_bytes(dc, 0, rows * n);
            for s in (0..steps).rev() {
                let at = |s: usize| ((place(s, steps, reverse) * batch + first) * n) as isize;
                let here = at(s);
                let added = |k: usize, at: isize| given[k].map_or(std::ptr::null(), |g| g.at(at).cast_const());
                let back = Back {
                    gates: acts.at(4 * here),
                    cell: cs.at(here),
                    before: if s == 0 { c0.at(begin) } else { cs.at(at(s - 1)) },
                    dh,
                    dc,
                    add_h: added(0, here),
                    add_c: added(1, here),
                    add_gates: added(2, 4 * here),
                    dgates: dgates.at(4 * here),
                };
                step_back::<A>(&back, rows, n);
                std::ptr::write_bytes(dh, 0, rows * n);
                packed.add(dgates.at(4 * here), dh, rows);
            }
        }
    });
}
