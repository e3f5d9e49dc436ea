//! The one shape that every reduction has, so that its bits depend on sizes and strides alone: virtual lanes (64, or
//! 32 of 8 bytes; 8 where there are fewer elements) merged by a halving tree within a block of 4096 elements, and blocks
//! merged in pairs. Over leading dims the columns are lanes, rows add in order in blocks of 128, and blocks merge in
//! pairs. Threads take whole blocks.

use super::strided::Raw;
use super::threads;
use crate::simd;

/// Elements of a row that are summed in one set of lanes.
pub const BLOCK: usize = 4096;
/// Rows that are added in order when columns are lanes.
pub const ROWS: usize = 128;

/// How elements of type `A` come together.
pub trait Fold<A>: Copy + Send + Sync {
    /// Whether no order changes the result, as none does for integers. Lanes of them would be vectorised across the blocks, with
    /// gathers; a plain loop is not.
    const EXACT: bool = false;
    /// The value of nothing.
    fn init(self) -> A;
    /// An element that changes nothing.
    #[inline(always)]
    fn pad(self) -> A {
        self.init()
    }
    fn add(self, acc: A, x: A) -> A;
    #[inline(always)]
    fn merge(self, a: A, b: A) -> A {
        self.add(a, b)
    }
}

#[derive(Clone, Copy)]
pub struct Sum;
#[derive(Clone, Copy)]
pub struct Product;
/// NaN wins.
#[derive(Clone, Copy)]
pub struct Max;
/// NaN wins.
#[derive(Clone, Copy)]
pub struct Min;
#[derive(Clone, Copy)]
pub struct Any;
#[derive(Clone, Copy)]
pub struct All;
/// Squared distances from the mean.
#[derive(Clone, Copy)]
pub struct Squares<A>(pub A);

macro_rules! folds {
    ($($t:ty, $exact:literal, $low:expr, $high:expr, $add:ident, $mul:ident;)*) => { $(
        impl Fold<$t> for Sum {
            const EXACT: bool = $exact;
            #[inline(always)]
            fn init(self) -> $t {
                0 as $t
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                folds!(@$add acc, x)
            }
        }
        impl Fold<$t> for Product {
            const EXACT: bool = $exact;
            #[inline(always)]
            fn init(self) -> $t {
                1 as $t
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                folds!(@$mul acc, x)
            }
        }
        impl Fold<$t> for Max {
            const EXACT: bool = $exact;
            #[inline(always)]
            fn init(self) -> $t {
                $low
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                // `x != x` is the test for NaN; `|` instead of `||`, so that it vectorises.
                if (x > acc) | (x != x) { x } else { acc }
            }
        }
        impl Fold<$t> for Min {
            const EXACT: bool = $exact;
            #[inline(always)]
            fn init(self) -> $t {
                $high
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                // As for Max.
                if (x < acc) | (x != x) { x } else { acc }
            }
        }
    )* };
    (@float $a:ident, $b:ident) => { $a + $b };
    (@int $a:ident, $b:ident) => { $a.wrapping_add($b) };
    (@float_times $a:ident, $b:ident) => { $a * $b };
    (@int_times $a:ident, $b:ident) => { $a.wrapping_mul($b) };
}
folds! {
    f32, false, f32::NEG_INFINITY, f32::INFINITY, float, float_times;
    f64, false, f64::NEG_INFINITY, f64::INFINITY, float, float_times;
    i64, true, i64::MIN, i64::MAX, int, int_times;
}

macro_rules! squares {
    ($($t:ty)*) => { $(
        impl Fold<$t> for Squares<$t> {
            #[inline(always)]
            fn init(self) -> $t {
                0.0
            }
            #[inline(always)]
            fn pad(self) -> $t {
                self.0
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                let d = x - self.0;
                d.mul_add(d, acc)
            }
            #[inline(always)]
            fn merge(self, a: $t, b: $t) -> $t {
                a + b
            }
        }
    )* };
}
squares!(f32 f64);

impl Fold<u8> for Any {
    const EXACT: bool = true;
    #[inline(always)]
    fn init(self) -> u8 {
        0
    }
    #[inline(always)]
    fn add(self, acc: u8, x: u8) -> u8 {
        acc | x
    }
}
impl Fold<u8> for All {
    const EXACT: bool = true;
    #[inline(always)]
    fn init(self) -> u8 {
        1
    }
    #[inline(always)]
    fn add(self, acc: u8, x: u8) -> u8 {
        acc & x
    }
}

simd! {
    /// One row of `n` elements, whatever its length.
    ///
    /// # Safety
    /// `n` elements are readable at `x`.
    pub unsafe fn row[A: Copy, F: Fold<A>][A, F](x: *const A, n: usize, f: F) -> A = row_body;
    /// One block of pieces of `n` elements, 64 at least.
    ///
    /// # Safety
    /// `n` elements are readable at each `x`.
    pub unsafe fn together[A: Copy, F: Fold<A>][A, F](x: &[*const A], n: usize, f: F) -> A = together_body;
    /// `y[r]` from `n` elements at `x + r * stride`, for each of `rows`.
    ///
    /// # Safety
    /// `n` elements are readable at each `x + r * stride`, and `y + r * y_stride` is writable, for every `r < rows`.
    pub unsafe fn rows[A: Copy, F: Fold<A>][A, F](
        x: *const A, stride: isize, rows: usize, n: usize, y: *mut A, y_stride: isize, f: F
    ) = rows_body;
    /// Adds `rows` rows, `stride` apart, to the columns of `acc`, in order.
    ///
    /// # Safety
    /// `cols` elements are readable at each `x + r * stride`, `r < rows`, and as many are readable and writable at `acc`,
    /// which none of the rows overlaps.
    pub unsafe fn columns[A: Copy, F: Fold<A>][A, F](
        x: *const A, stride: isize, rows: usize, cols: usize, acc: *mut A, f: F
    ) = columns_body;
    /// `a[c] = merge(a[c], b[c])`.
    ///
    /// # Safety
    /// `n` elements are readable and writable at `a`, and readable at `b`.
    pub unsafe fn merge[A: Copy, F: Fold<A>][A, F](a: *mut A, b: *const A, n: usize, f: F) = merge_body;
}

/// Partial results merged in pairs, by a binary counter: the tree depends on their number alone.
pub struct Pairs<A, F> {
    stack: [A; 48],
    top: usize,
    count: usize,
    f: F,
}

impl<A: Copy, F: Fold<A>> Pairs<A, F> {
    #[inline(always)]
    pub fn new(f: F) -> Pairs<A, F> {
        Pairs { stack: [f.init(); 48], top: 0, count: 0, f }
    }

    #[inline(always)]
    pub fn push(&mut self, v: A) {
        self.stack[self.top] = v;
        self.top += 1;
        self.count += 1;
        let mut k = self.count;
        while k & 1 == 0 {
            self.fold_top();
            k >>= 1;
        }
    }

    #[inline(always)]
    fn fold_top(&mut self) {
        self.top -= 1;
        self.stack[self.top - 1] = self.f.merge(self.stack[self.top - 1], self.stack[self.top]);
    }

    #[inline(always)]
    pub fn finish(mut self) -> A {
        while self.top > 1 {
            self.fold_top();
        }
        self.stack[0]
    }
}

/// The merged values of `part(0)` to `part(groups - 1)`, by all threads. Where a group is a power of two of blocks, the
/// tree is that of the blocks.
pub(super) fn in_groups<A: Copy, F: Fold<A>>(groups: usize, f: F, part: impl Fn(usize) -> A + Sync) -> A {
    let mut parts = vec![f.init(); groups];
    let to = Raw::new(parts.as_mut_ptr());
    threads::run(groups, &|i| {
        // SAFETY: one place a group.
        unsafe { *to.at(i as isize) = part(i) }
    });
    let mut pairs = Pairs::new(f);
    parts.into_iter().for_each(|v| pairs.push(v));
    pairs.finish()
}

#[inline(always)]
fn halve<A: Copy, F: Fold<A>, const N: usize, const HALF: usize>(a: &[A; N], f: F) -> [A; HALF] {
    let mut b = [a[0]; HALF];
    for i in 0..HALF {
        b[i] = f.merge(a[i], a[i + HALF]);
    }
    b
}

/// Constant widths, so that each level is vector code.
#[inline(always)]
fn tree64<A: Copy, F: Fold<A>>(a: &[A; 64], f: F) -> A {
    tree32(&halve(a, f), f)
}

#[inline(always)]
fn tree32<A: Copy, F: Fold<A>>(a: &[A; 32], f: F) -> A {
    tree16(&halve(a, f), f)
}

#[inline(always)]
fn tree16<A: Copy, F: Fold<A>>(a: &[A; 16], f: F) -> A {
    tree8(&halve(a, f), f)
}

#[inline(always)]
fn tree8<A: Copy, F: Fold<A>>(a: &[A; 8], f: F) -> A {
    let b: [A; 4] = halve(a, f);
    f.merge(f.merge(b[0], b[2]), f.merge(b[1], b[3]))
}

/// Lanes that take what does not fill all.
const FEW: usize = 16;

/// Adds at least L elements to L lanes.
#[inline(always)]
unsafe fn spread<A: Copy, F: Fold<A>, const L: usize>(a: &mut [A; L], x: *const A, n: usize, f: F) {
    let whole = n / L * L;
    let mut i = 0;
    while i < whole {
        for l in 0..L {
            // SAFETY: i + l < n.
            a[l] = f.add(a[l], unsafe { *x.add(i + l) });
        }
        i += L;
    }
    // What is left goes to the first lanes.
    while i + FEW <= n {
        for l in 0..FEW {
            // SAFETY: i + l < n.
            a[l] = f.add(a[l], unsafe { *x.add(i + l) });
        }
        i += FEW;
    }
    if i < n {
        // The last elements, less those already seen: no loop over a tail.
        let seen = (FEW - (n - i)) as i32;
        for l in 0..FEW {
            // SAFETY: n - FEW + l < n.
            let v = unsafe { *x.add(n - FEW + l) };
            a[l] = f.add(a[l], if (l as i32) < seen { f.pad() } else { v });
        }
    }
}

#[inline(always)]
unsafe fn together_body<A: Copy, F: Fold<A>>(x: &[*const A], n: usize, f: F) -> A {
    if F::EXACT {
        let mut v = f.init();
        for &x in x {
            for i in 0..n {
                // SAFETY: n elements of each, says the caller.
                v = f.add(v, unsafe { *x.add(i) });
            }
        }
        return v;
    }
    macro_rules! lanes {
        ($l:literal, $tree:ident) => {{
            let mut a = [f.init(); $l];
            for &x in x {
                // SAFETY: n elements of each, says the caller.
                unsafe { spread(&mut a, x, n, f) }
            }
            $tree(&a, f)
        }};
    }
    if width::<A>() == 32 { lanes!(32, tree32) } else { lanes!(64, tree64) }
}

/// [`row`], for kernels that are compiled per level themselves.
#[inline(always)]
pub(super) unsafe fn row_body<A: Copy, F: Fold<A>>(x: *const A, n: usize, f: F) -> A {
    let last = n.saturating_sub(1) / BLOCK * BLOCK;
    // SAFETY: the caller's n elements.
    unsafe {
        let end = piece(x.add(last), n - last, f);
        if last == 0 {
            return end;
        }
        let mut pairs = Pairs::new(f);
        for i in (0..last).step_by(BLOCK) {
            pairs.push(block(x.add(i), BLOCK, f));
        }
        pairs.push(end);
        pairs.finish()
    }
}

/// The lanes of a block.
#[inline(always)]
const fn width<A>() -> usize {
    if size_of::<A>() == 8 { 32 } else { 64 }
}

/// At most a block.
#[inline(always)]
unsafe fn piece<A: Copy, F: Fold<A>>(x: *const A, n: usize, f: F) -> A {
    if n >= width::<A>() {
        // SAFETY: the caller's n elements.
        return unsafe { block(x, n, f) };
    }
    macro_rules! each {
        ($($q:literal)*) => {
            match n / 8 {
                // SAFETY: as above.
                $($q => unsafe { short::<A, F, $q>(x, n, f) },)*
                _ => f.init(),
            }
        };
    }
    each!(0 1 2 3 4 5 6 7)
}

/// At most a block, and at least a set of lanes.
#[inline(always)]
unsafe fn block<A: Copy, F: Fold<A>>(x: *const A, n: usize, f: F) -> A {
    // SAFETY: the caller's n elements.
    unsafe { together_body(&[x], n, f) }
}

/// Lane `l` of the first Q chunks of 8.
#[inline(always)]
unsafe fn chunks<A: Copy, F: Fold<A>, const Q: usize>(x: *const A, l: usize, f: F) -> A {
    let mut e = [f.init(); 8];
    for c in 0..Q {
        // SAFETY: 8 Q elements, says the caller.
        e[c] = f.add(e[c], unsafe { *x.add(8 * c + l) });
    }
    let mut w = Q;
    while w > 1 {
        let half = w.div_ceil(2);
        for i in 0..w / 2 {
            e[i] = f.merge(e[i], e[i + half]);
        }
        w = half;
    }
    e[0]
}

/// Less than a set of lanes: Q chunks of 8 lanes, and what is left in order.
#[inline(always)]
unsafe fn short<A: Copy, F: Fold<A>, const Q: usize>(x: *const A, n: usize, f: F) -> A {
    let mut v = f.init();
    // SAFETY: the caller's n elements.
    unsafe {
        if Q > 0 {
            let mut t = [f.init(); 8];
            for l in 0..8 {
                t[l] = chunks::<A, F, Q>(x, l, f);
            }
            v = tree8(&t, f);
        }
        for i in 8 * Q..n {
            v = f.add(v, *x.add(i));
        }
    }
    v
}

#[inline(always)]
unsafe fn rows_body<A: Copy, F: Fold<A>>(
    x: *const A,
    stride: isize,
    rows: usize,
    n: usize,
    y: *mut A,
    y_stride: isize,
    f: F,
) {
    macro_rules! each {
        ($($q:literal)*) => {
            match n / 8 {
                // SAFETY: says the caller.
                $($q if n < width::<A>() => unsafe { short_rows::<A, F, $q>(x, stride, rows, n, y, y_stride, f) },)*
                _ => {
                    for r in 0..rows as isize {
                        // SAFETY: says the caller.
                        unsafe { *y.wrapping_offset(r * y_stride) = row_body(x.wrapping_offset(r * stride), n, f) }
                    }
                }
            }
        };
    }
    // Chosen once for all rows.
    each!(0 1 2 3 4 5 6 7)
}

/// [`short`] of many rows, step by step for several at once: one row alone would be folded element by element.
#[inline(always)]
unsafe fn short_rows<A: Copy, F: Fold<A>, const Q: usize>(
    x: *const A,
    stride: isize,
    rows: usize,
    n: usize,
    y: *mut A,
    y_stride: isize,
    f: F,
) {
    const GROUP: usize = 16;
    let (mut eight, mut four) = ([[f.init(); 8]; GROUP], [[f.init(); 4]; GROUP]);
    for start in (0..rows).step_by(GROUP) {
        let group = GROUP.min(rows - start);
        let row = |r: usize| x.wrapping_offset((start + r) as isize * stride);
        if Q > 0 {
            for r in 0..group {
                for l in 0..8 {
                    // SAFETY: n elements of each row.
                    eight[r][l] = unsafe { chunks::<A, F, Q>(row(r), l, f) };
                }
            }
            for r in 0..group {
                for l in 0..4 {
                    four[r][l] = f.merge(eight[r][l], eight[r][l + 4]);
                }
            }
        }
        for r in 0..group {
            let [a, b, c, d] = four[r];
            let mut v = if Q > 0 { f.merge(f.merge(a, c), f.merge(b, d)) } else { f.init() };
            for i in 8 * Q..n {
                // SAFETY: as above, and room for each result.
                v = f.add(v, unsafe { *row(r).add(i) });
            }
            // SAFETY: as above.
            unsafe { *y.wrapping_offset((start + r) as isize * y_stride) = v }
        }
    }
}

#[inline(always)]
unsafe fn merge_body<A: Copy, F: Fold<A>>(a: *mut A, b: *const A, n: usize, f: F) {
    for i in 0..n {
        // SAFETY: n elements each.
        unsafe { *a.add(i) = f.merge(*a.add(i), *b.add(i)) }
    }
}

/// W columns in registers over all rows.
#[inline(always)]
unsafe fn strip<A: Copy, F: Fold<A>, const W: usize>(x: *const A, stride: isize, rows: usize, acc: *mut A, f: F) {
    // SAFETY: W columns of every row, and of acc.
    unsafe {
        let mut a = [f.init(); W];
        for l in 0..W {
            a[l] = *acc.add(l);
        }
        for r in 0..rows as isize {
            let p = x.wrapping_offset(r * stride);
            for l in 0..W {
                a[l] = f.add(a[l], *p.add(l));
            }
        }
        for l in 0..W {
            *acc.add(l) = a[l];
        }
    }
}

#[inline(always)]
unsafe fn columns_body<A: Copy, F: Fold<A>>(x: *const A, stride: isize, rows: usize, cols: usize, acc: *mut A, f: F) {
    // SAFETY: `cols` columns of every row, and of acc.
    unsafe {
        if cols <= 64 {
            let mut c = 0;
            while c + 32 <= cols {
                strip::<A, F, 32>(x.add(c), stride, rows, acc.add(c), f);
                c += 32;
            }
            while c + 8 <= cols {
                strip::<A, F, 8>(x.add(c), stride, rows, acc.add(c), f);
                c += 8;
            }
            while c < cols {
                strip::<A, F, 1>(x.add(c), stride, rows, acc.add(c), f);
                c += 1;
            }
            return;
        }
        // Wide rows: along memory, four rows a pass.
        let mut r = 0;
        while r + 4 <= rows {
            let p: [*const A; 4] = [
                x.wrapping_offset(r as isize * stride),
                x.wrapping_offset((r as isize + 1) * stride),
                x.wrapping_offset((r as isize + 2) * stride),
                x.wrapping_offset((r as isize + 3) * stride),
            ];
            for c in 0..cols {
                let a = f.add(f.add(*acc.add(c), *p[0].add(c)), *p[1].add(c));
                *acc.add(c) = f.add(f.add(a, *p[2].add(c)), *p[3].add(c));
            }
            r += 4;
        }
        while r < rows {
            let p = x.wrapping_offset(r as isize * stride);
            for c in 0..cols {
                *acc.add(c) = f.add(*acc.add(c), *p.add(c));
            }
            r += 1;
        }
    }
}
