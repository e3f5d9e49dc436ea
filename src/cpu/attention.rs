//! Attention of scaled dot products, by tiles: the scores of a block of queries with a block of keys are made, used and forgotten,
//! so that memory grows with the lengths and not with their product. Forward is the online softmax of Milakov and Gimelshein
//! 2018; forward and backward go by blocks as in Dao et al. 2022, algorithms 1 and 4. Each product of blocks is a gemm.

use super::gemm::drive::{Gemm, Mat, gemm, scratch};
use super::gemm::epilogue::Epilogue;
use super::gemm::micro::Product;
use super::real::Real;
use super::strided::Raw;
use super::threads;
use crate::core::{Bool, DType, Stored};
use crate::device::{Array, Storage};
use crate::simd;

/// Queries and keys of a block: their scores take 64 KiB in float32.
const QUERIES: usize = 64;
const KEYS: usize = 256;
/// Products that one task should have at least.
const GRAIN: usize = 1 << 17;

/// Which scores count.
#[derive(Clone, Copy)]
pub struct Masked<'a> {
    /// Position i sees positions up to i only.
    pub causal: bool,
    /// Expanded to the shape of the scores: bool (false: not seen), or of the type of computation, added.
    pub mask: Option<&'a Array>,
}

/// One matrix of a batch.
#[derive(Clone, Copy)]
struct Matrix<A> {
    p: Raw<A>,
    rs: isize,
    cs: isize,
}

/// Where matrix `head` of `x` (.., heads, rows, columns) begins, in elements; each head of `x` serves `group` of those counted.
fn begin(x: &Array, batch: usize, head: usize, group: usize) -> isize {
    let (mut at, mut rest) = (0, batch);
    let lead = x.ndim() - 2;
    if lead > 0 {
        at += (head / group) as isize * x.strides()[lead - 1];
    }
    for d in (0..lead.saturating_sub(1)).rev() {
        at += (rest % x.shape()[d]) as isize * x.strides()[d];
        rest /= x.shape()[d];
    }
    at
}

impl<A: Stored> Matrix<A> {
    fn of(x: &Array, batch: usize, head: usize, group: usize) -> Matrix<A> {
        let p = Raw::new(x.ptr::<A>().wrapping_offset(begin(x, batch, head, group)));
        Matrix { p, rs: x.strides()[x.ndim() - 2], cs: x.strides()[x.ndim() - 1] }
    }

    fn at_row(self, row: usize) -> Mat<A> {
        Mat { p: self.p.at(row as isize * self.rs), rs: self.rs, cs: self.cs }
    }
}

/// The numbers of one matrix's queries in `x` (.., heads, queries), and their stride.
fn line<A: Stored>(x: &Array, batch: usize, head: usize) -> (Raw<A>, isize) {
    let matrix = Matrix::of(&x.with_layout(x.layout.unsqueezed(x.ndim())), batch, head, 1);
    (matrix.p, matrix.rs)
}

/// The sizes of a problem.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    /// Query heads for each head of keys.
    group: usize,
    queries: usize,
    keys: usize,
    width: usize,
    values: usize,
}

impl Sizes {
    fn new(q: &Array, k: &Array, v: &Array) -> Sizes {
        let lead = q.ndim() - 2;
        let heads = |x: &Array| if lead == 0 { 1 } else { x.shape()[lead - 1] };
        Sizes {
            batch: q.shape()[..lead.saturating_sub(1)].iter().product(),
            heads: heads(q),
            group: heads(q) / heads(k).max(1),
            queries: q.shape()[lead],
            keys: k.shape()[lead],
            width: q.shape()[lead + 1],
            values: v.shape()[lead + 1],
        }
    }

    /// The keys that any of the queries up to `end` sees.
    fn seen(&self, masked: Masked, end: usize) -> usize {
        if masked.causal { self.keys.min(end) } else { self.keys }
    }
}

simd! {
    /// Scores become weights relative to the largest score so far; `shrink` says what earlier results are multiplied with.
    unsafe fn weigh[A: Real][A](
        s: *mut A, rows: usize, n: usize, causal: Option<(usize, usize)>, largest: *mut A, sum: *mut A, shrink: *mut A
    ) = weigh_body;
    /// `y = y * factor + x`, row by row, rows of y at stride `ldy`.
    unsafe fn join[A: Real][A](y: *mut A, ldy: isize, x: *const A, rows: usize, n: usize, factor: *const A) = join_body;
    /// `y += x`, rows of y at stride `ldy`.
    unsafe fn gather_up[A: Real][A](y: *mut A, ldy: isize, x: *const A, rows: usize, n: usize) = gather_up_body;
    /// Scores become weights, `exp(score - lse)`, and the gradients of weights those of scores, `weight (g - d) scale`.
    #[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
    unsafe fn weigh_back[A: Real][A](
        s: *mut A, g: *mut A, rows: usize, n: usize, causal: Option<(usize, usize)>, lse: *const A, d: *const A, scale: A
    ) = weigh_back_body;
    /// The sums of products of the rows of a and b.
    unsafe fn dots[A: Real][A](a: *const A, lda: isize, b: *const A, ldb: isize, rows: usize, n: usize, d: *mut A)
        = dots_body;
}

/// How many of a row's `n` keys its query sees; `causal` is the block's first query and first key.
#[inline(always)]
fn shown(causal: Option<(usize, usize)>, row: usize, n: usize) -> usize {
    causal.map_or(n, |(query, key)| (query + row + 1).saturating_sub(key).min(n))
}

#[inline(always)]
unsafe fn weigh_body<A: Real>(
    s: *mut A,
    rows: usize,
    n: usize,
    causal: Option<(usize, usize)>,
    largest: *mut A,
    sum: *mut A,
    shrink: *mut A,
) {
    let nothing = A::of(f64::NEG_INFINITY);
    for r in 0..rows {
        let seen = shown(causal, r, n);
        // SAFETY: n scores a row, and one number a row of the others.
        unsafe {
            let s = s.add(r * n);
            (seen..n).for_each(|i| *s.add(i) = A::default());
            let before = *largest.add(r);
            let now = if seen == 0 { before } else { before.larger(A::largest(s, seen)) };
            if now == nothing {
                (0..seen).for_each(|i| *s.add(i) = A::default());
                *shrink.add(r) = A::ONE;
                continue;
            }
            for i in 0..seen {
                *s.add(i) = (*s.add(i) - now).exp();
            }
            let factor = (before - now).exp();
            *shrink.add(r) = factor;
            *sum.add(r) = *sum.add(r) * factor + A::total(s, seen);
            *largest.add(r) = now;
        }
    }
}

#[inline(always)]
unsafe fn join_body<A: Real>(y: *mut A, ldy: isize, x: *const A, rows: usize, n: usize, factor: *const A) {
    for r in 0..rows {
        // SAFETY: n elements a row of both.
        unsafe {
            let (y, x, f) = (y.offset(r as isize * ldy), x.add(r * n), *factor.add(r));
            (0..n).for_each(|i| *y.add(i) = (*y.add(i)).fma(f, *x.add(i)));
        }
    }
}

#[inline(always)]
unsafe fn gather_up_body<A: Real>(y: *mut A, ldy: isize, x: *const A, rows: usize, n: usize) {
    for r in 0..rows {
        // SAFETY: n elements a row of both.
        unsafe {
            let (y, x) = (y.offset(r as isize * ldy), x.add(r * n));
            (0..n).for_each(|i| *y.add(i) = *y.add(i) + *x.add(i));
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "arrays that walk in step; a struct would only rename them")]
unsafe fn weigh_back_body<A: Real>(
    s: *mut A,
    g: *mut A,
    rows: usize,
    n: usize,
    causal: Option<(usize, usize)>,
    lse: *const A,
    d: *const A,
    scale: A,
) {
    let nothing = A::of(f64::NEG_INFINITY);
    for r in 0..rows {
        // SAFETY: n elements a row of both, and one number a row of the others.
        unsafe {
            let (s, g, lse, d) = (s.add(r * n), g.add(r * n), *lse.add(r), *d.add(r));
            let seen = if lse == nothing { 0 } else { shown(causal, r, n) };
            for i in 0..seen {
                let weight = (*s.add(i) - lse).exp();
                *s.add(i) = weight;
                *g.add(i) = weight * (*g.add(i) - d) * scale;
            }
            for i in seen..n {
                (*s.add(i), *g.add(i)) = (A::default(), A::default());
            }
        }
    }
}

#[inline(always)]
unsafe fn dots_body<A: Real>(a: *const A, lda: isize, b: *const A, ldb: isize, rows: usize, n: usize, d: *mut A) {
    for r in 0..rows {
        // SAFETY: n elements a row of both.
        unsafe {
            let (a, b) = (a.offset(r as isize * lda), b.offset(r as isize * ldb));
            let mut sums = [A::default(); 8];
            for i in 0..n {
                sums[i % 8] = (*a.add(i)).fma(*b.add(i), sums[i % 8]);
            }
            *d.add(r) = sums.into_iter().fold(A::default(), |a, b| a + b);
        }
    }
}

/// `c = alpha a b` on this thread; c is dense.
unsafe fn product<A: Product>(m: usize, n: usize, k: usize, alpha: A, a: Mat<A>, b: Mat<A>, c: *mut A) {
    let epilogue = Epilogue { alpha, beta: A::from_f64(0.0), add: None, relu: false };
    // SAFETY: says the caller.
    unsafe { gemm(&Gemm { m, n, k, a, b, c, ldc: n, epilogue }, false) }
}

fn turned<A>(m: Mat<A>) -> Mat<A> {
    Mat { p: m.p, rs: m.cs, cs: m.rs }
}

/// A dense block, n wide.
fn dense<A>(p: *const A, n: usize) -> Mat<A> {
    Mat { p, rs: n as isize, cs: 1 }
}

/// Adds the mask to a block of scores.
unsafe fn add_mask<A: Product>(mask: &Array, at: (usize, usize), s: *mut A, [q, k, rows, n]: [usize; 4]) {
    let nothing = A::of(f64::NEG_INFINITY);
    if mask.dtype == DType::Bool {
        let m = Matrix::<Bool>::of(mask, at.0, at.1, 1);
        for r in 0..rows {
            for i in 0..n {
                // SAFETY: elements of the block, and of the mask.
                unsafe {
                    if !(*m.p.at((q + r) as isize * m.rs + (k + i) as isize * m.cs)).get() {
                        *s.add(r * n + i) = nothing;
                    }
                }
            }
        }
        return;
    }
    let m = Matrix::<A>::of(mask, at.0, at.1, 1);
    for r in 0..rows {
        for i in 0..n {
            // SAFETY: as above.
            unsafe {
                let s = s.add(r * n + i);
                *s = *s + *m.p.at((q + r) as isize * m.rs + (k + i) as isize * m.cs);
            }
        }
    }
}

/// The scores of a block of queries from `qi` on with keys from `ki` on.
unsafe fn scores<A: Product>(
    [q, k]: [Matrix<A>; 2],
    [qi, ki, rows, n]: [usize; 4],
    width: usize,
    scale: A,
    mask: Option<&Array>,
    at: (usize, usize),
    s: *mut A,
) {
    // SAFETY: says the caller.
    unsafe {
        product(rows, n, width, scale, q.at_row(qi), turned(k.at_row(ki)), s);
        if let Some(mask) = mask {
            add_mask(mask, at, s, [qi, ki, rows, n]);
        }
    }
}

/// Memory for blocks of these sizes.
struct Blocks<A> {
    _own: Storage,
    at: Vec<*mut A>,
}

impl<A> Blocks<A> {
    fn new(sizes: &[usize]) -> Blocks<A> {
        let own = scratch::<A>(sizes.iter().sum());
        let mut next = own.ptr().cast::<A>();
        let place = |&n: &usize| {
            let here = next;
            next = next.wrapping_add(n);
            here
        };
        let at = sizes.iter().map(place).collect();
        Blocks { _own: own, at }
    }
}

/// `out`, and for each query the logarithm of the sum of its weights (`lse`, dense, of any order). All are float32 or float64; the last dim of
/// `out` has stride 1. Keys may have fewer heads (dim -3) than queries.
pub fn forward(q: &Array, k: &Array, v: &Array, masked: Masked, scale: f64, out: &Array, lse: &Array) {
    match q.dtype {
        DType::F64 => forward_in::<f64>(q, k, v, masked, scale, out, lse),
        _ => forward_in::<f32>(q, k, v, masked, scale, out, lse),
    }
}

fn forward_in<A: Product>(q: &Array, k: &Array, v: &Array, masked: Masked, scale: f64, out: &Array, lse: &Array) {
    let z = Sizes::new(q, k, v);
    let blocks = z.queries.div_ceil(QUERIES);
    let work = QUERIES.min(z.queries) * z.keys * (z.width + z.values);
    threads::split(z.batch * z.heads * blocks, GRAIN.div_ceil(work.max(1)), &|range| {
        let rows = QUERIES.min(z.queries);
        let room = Blocks::<A>::new(&[rows * KEYS.min(z.keys), rows * z.values, rows, rows, rows]);
        let [s, t, largest, sum, shrink] = std::array::from_fn(|i| room.at[i]);
        for task in range {
            // The longest blocks of a causal problem come first.
            let (matrix, block) = (task / blocks, blocks - 1 - task % blocks);
            let (batch, head) = (matrix / z.heads, matrix % z.heads);
            let (q, k, v) = (
                Matrix::<A>::of(q, batch, head, 1),
                Matrix::<A>::of(k, batch, head, z.group),
                Matrix::<A>::of(v, batch, head, z.group),
            );
            let o = Matrix::<A>::of(out, batch, head, 1);
            let (note, step) = line::<A>(lse, batch, head);
            let qi = block * QUERIES;
            let rows = QUERIES.min(z.queries - qi);
            // SAFETY: blocks within the matrices; this task alone writes these rows.
            unsafe {
                for r in 0..rows {
                    *largest.add(r) = A::of(f64::NEG_INFINITY);
                    *sum.add(r) = A::default();
                    let o = o.p.at((qi + r) as isize * o.rs);
                    (0..z.values).for_each(|i| *o.add(i) = A::default());
                }
                let y = o.p.at(qi as isize * o.rs);
                let seen = z.seen(masked, qi + rows);
                for ki in (0..seen).step_by(KEYS) {
                    let n = KEYS.min(seen - ki);
                    let causal = masked.causal.then_some((qi, ki));
                    scores([q, k], [qi, ki, rows, n], z.width, A::of(scale), masked.mask, (batch, head), s);
                    weigh::<A>(s, rows, n, causal, largest, sum, shrink);
                    product(rows, z.values, n, A::ONE, dense(s, n), v.at_row(ki), t);
                    join::<A>(y, o.rs, t, rows, z.values, shrink);
                }
                for r in 0..rows {
                    let (total, note) = (*sum.add(r), note.at((qi + r) as isize * step));
                    // A query that sees nothing gets zeros.
                    let none = total == A::default();
                    *note = if none { A::of(f64::NEG_INFINITY) } else { *largest.add(r) + total.log() };
                    let o = o.p.at((qi + r) as isize * o.rs);
                    (0..z.values).filter(|_| !none).for_each(|i| *o.add(i) = *o.add(i) / total);
                }
            }
        }
    });
}

/// The gradients of queries, keys and values, whose last dims have stride 1, given `[g, q, k, v, out, lse]` of a forward.
pub fn backward(x: [&Array; 6], masked: Masked, scale: f64, grads: [&Array; 3]) {
    match x[1].dtype {
        DType::F64 => backward_in::<f64>(x, masked, scale, grads),
        _ => backward_in::<f32>(x, masked, scale, grads),
    }
}

fn backward_in<A: Product>([g, q, k, v, out, lse]: [&Array; 6], masked: Masked, scale: f64, [dq, dk, dv]: [&Array; 3]) {
    let z = Sizes::new(q, k, v);
    let scale = A::of(scale);
    let work = z.queries * z.keys * (3 * z.width + 2 * z.values) * z.group;
    // A task has all queries that share keys and values, so that nothing is added to by two.
    threads::split(z.batch * z.heads / z.group, GRAIN.div_ceil(work.max(1)), &|range| {
        let (rows, keys) = (QUERIES.min(z.queries), KEYS.min(z.keys));
        let widest = rows.max(keys) * z.width.max(z.values);
        let room = Blocks::<A>::new(&[rows * keys, rows * keys, widest, rows, rows]);
        let [s, ds, t, d, sums] = std::array::from_fn(|i| room.at[i]);
        for task in range {
            let (batch, shared) = (task / (z.heads / z.group), task % (z.heads / z.group));
            let head = shared * z.group;
            let at = |x: &Array, head: usize, group: usize| Matrix::<A>::of(x, batch, head, group);
            let (k, v, dk, dv) =
                (at(k, head, z.group), at(v, head, z.group), at(dk, head, z.group), at(dv, head, z.group));
            // SAFETY: blocks within the matrices; this task alone writes these.
            unsafe {
                for (m, width) in [(dk, z.width), (dv, z.values)] {
                    for r in 0..z.keys {
                        (0..width).for_each(|i| *m.p.at(r as isize * m.rs + i as isize) = A::default());
                    }
                }
                for head in head..head + z.group {
                    let (q, g, o, dq) = (at(q, head, 1), at(g, head, 1), at(out, head, 1), at(dq, head, 1));
                    let (note, step) = line::<A>(lse, batch, head);
                    for qi in (0..z.queries).step_by(QUERIES) {
                        let rows = QUERIES.min(z.queries - qi);
                        let (gb, ob, dqb) = (g.at_row(qi), o.at_row(qi), dq.p.at(qi as isize * dq.rs));
                        for r in 0..rows {
                            *sums.add(r) = *note.at((qi + r) as isize * step);
                            (0..z.width).for_each(|i| *dqb.offset(r as isize * dq.rs + i as isize) = A::default());
                        }
                        dots::<A>(gb.p, gb.rs, ob.p, ob.rs, rows, z.values, d);
                        let seen = z.seen(masked, qi + rows);
                        for ki in (0..seen).step_by(KEYS) {
                            let n = KEYS.min(seen - ki);
                            let causal = masked.causal.then_some((qi, ki));
                            scores([q, k], [qi, ki, rows, n], z.width, scale, masked.mask, (batch, head), s);
                            product(rows, n, z.values, A::ONE, gb, turned(v.at_row(ki)), ds);
                            weigh_back::<A>(s, ds, rows, n, causal, sums, d, scale);
                            product(n, z.values, rows, A::ONE, turned(dense(s, n)), gb, t);
                            gather_up::<A>(dv.p.at(ki as isize * dv.rs), dv.rs, t, n, z.values);
                            product(n, z.width, rows, A::ONE, turned(dense(ds, n)), q.at_row(qi), t);
                            gather_up::<A>(dk.p.at(ki as isize * dk.rs), dk.rs, t, n, z.width);
                            product(rows, z.width, n, A::ONE, dense(ds, n), k.at_row(ki), t);
                            gather_up::<A>(dqb, dq.rs, t, rows, z.width);
                        }
                    }
                }
            }
        }
    });
}
