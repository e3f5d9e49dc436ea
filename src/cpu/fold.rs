//! The one shape that every reduction has, so that its bits depend on sizes and strides alone: virtual lanes (64, or
//! 32 of 8 bytes) merged by a halving tree within a block of 4096 elements, and blocks merged in pairs. Over leading dims
//! the columns are lanes, rows add in order in blocks of 128, and blocks merge in pairs. Threads take whole blocks.

use crate::simd;

/// Elements of a row that are summed in one set of lanes.
pub const BLOCK: usize = 4096;
/// Rows that are added in order when columns are lanes.
pub const ROWS: usize = 128;

/// How elements of type `A` come together.
pub trait Fold<A>: Copy + Send + Sync {
    /// The value of nothing.
    fn init(self) -> A;
    /// An element that changes nothing.
    fn pad(self) -> A {
        self.init()
    }
    fn add(self, acc: A, x: A) -> A;
    fn merge(self, a: A, b: A) -> A {
        self.add(a, b)
    }
}

#[derive(Clone, Copy)]
pub struct Sum;
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
    ($($t:ty, $low:expr, $high:expr, $add:ident;)*) => { $(
        impl Fold<$t> for Sum {
            #[inline(always)]
            fn init(self) -> $t {
                0 as $t
            }
            #[inline(always)]
            fn add(self, acc: $t, x: $t) -> $t {
                folds!(@$add acc, x)
            }
        }
        impl Fold<$t> for Max {
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
}
folds! {
    f32, f32::NEG_INFINITY, f32::INFINITY, float;
    f64, f64::NEG_INFINITY, f64::INFINITY, float;
    i64, i64::MIN, i64::MAX, int;
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

#[inline(always)]
fn halve<A: Copy, F: Fold<A>, const N: usize, const HALF: usize>(a: &[A; N], f: F) -> [A; HALF] {
    let mut b = [a[0]; HALF];
    for i in 0..HALF {
        b[i] = f.merge(a[i], a[i + HALF]);
    }
    b
}

/// Constant widths, so that each level is vector code. Lanes that saw nothing do not change a result, so a short row may
/// start lower in the tree.
#[inline(always)]
fn tree<A: Copy, F: Fold<A>, const L: usize>(a: &[A; L], f: F) -> A {
    let p = a.as_ptr();
    match L {
        // SAFETY: L is 64, so `a` is of this type.
        64 => tree32(&halve(unsafe { &*p.cast::<[A; 64]>() }, f), f),
        // SAFETY: L is 32, as above.
        32 => tree32(unsafe { &*p.cast::<[A; 32]>() }, f),
        // SAFETY: L is 16, as above.
        16 => tree16(unsafe { &*p.cast::<[A; 16]>() }, f),
        _ => {
            assert!(L == 8);
            // SAFETY: L is 8, as above.
            tree8(unsafe { &*p.cast::<[A; 8]>() }, f)
        }
    }
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

/// At most a block in L lanes.
#[inline(always)]
unsafe fn lanes<A: Copy, F: Fold<A>, const L: usize>(x: *const A, n: usize, f: F) -> A {
    let mut a = [f.init(); L];
    let whole = n / L * L;
    let mut i = 0;
    while i < whole {
        for l in 0..L {
            // SAFETY: i + l < n.
            a[l] = f.add(a[l], unsafe { *x.add(i + l) });
        }
        i += L;
    }
    // A padded chunk instead of a scalar tail.
    if whole == 0 {
        let mut t = [f.pad(); L];
        for l in 0..n {
            // SAFETY: l < n.
            t[l] = unsafe { *x.add(l) };
        }
        for l in 0..L {
            a[l] = f.add(a[l], t[l]);
        }
    } else if whole < n {
        // The last L elements, less those already seen.
        let seen = L - (n - whole);
        for l in 0..L {
            // SAFETY: n - L + l < n.
            let v = unsafe { *x.add(n - L + l) };
            a[l] = f.add(a[l], if l < seen { f.pad() } else { v });
        }
    }
    tree(&a, f)
}

/// [`row`], for kernels that are compiled per level themselves.
#[inline(always)]
pub(super) unsafe fn row_body<A: Copy, F: Fold<A>>(x: *const A, n: usize, f: F) -> A {
    // SAFETY: the caller's n elements.
    unsafe {
        if n > BLOCK {
            let mut pairs = Pairs::new(f);
            let mut i = 0;
            while i < n {
                pairs.push(block(x.add(i), BLOCK.min(n - i), f));
                i += BLOCK;
            }
            return pairs.finish();
        }
        match n {
            0 => f.init(),
            1..=8 => lanes::<A, F, 8>(x, n, f),
            9..=16 => lanes::<A, F, 16>(x, n, f),
            17..=32 => lanes::<A, F, 32>(x, n, f),
            _ => block(x, n, f),
        }
    }
}

#[inline(always)]
unsafe fn block<A: Copy, F: Fold<A>>(x: *const A, n: usize, f: F) -> A {
    // SAFETY: the caller's n elements.
    unsafe { if size_of::<A>() == 8 { lanes::<A, F, 32>(x, n, f) } else { lanes::<A, F, 64>(x, n, f) } }
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
    // The width is chosen once for all rows.
    // SAFETY: says the caller.
    unsafe {
        match n {
            1..=8 => short_rows::<A, F, 8>(x, stride, rows, n, y, y_stride, f),
            9..=16 => short_rows::<A, F, 16>(x, stride, rows, n, y, y_stride, f),
            17..=32 => short_rows::<A, F, 32>(x, stride, rows, n, y, y_stride, f),
            _ => (0..rows as isize)
                .for_each(|r| *y.wrapping_offset(r * y_stride) = row_body(x.wrapping_offset(r * stride), n, f)),
        }
    }
}

/// Rows of at most L elements, as [`lanes`] folds one: all L lanes are read wherever later rows lie behind them, and those
/// that are not of the row replaced, which needs no loop over the row's end.
#[inline(always)]
unsafe fn short_rows<A: Copy, F: Fold<A>, const L: usize>(
    x: *const A,
    stride: isize,
    rows: usize,
    n: usize,
    y: *mut A,
    y_stride: isize,
    f: F,
) {
    let end = (rows as isize - 1) * stride + n as isize;
    let whole = if stride > 0 && end >= L as isize { ((end - L as isize) / stride + 1).min(rows as isize) } else { 0 };
    // SAFETY: n elements of each row, L where they end before the last row does; and room for each result.
    unsafe {
        for r in 0..whole {
            let p = x.wrapping_offset(r * stride).cast::<[A; L]>().read_unaligned();
            let mut a = [f.init(); L];
            for l in 0..L {
                a[l] = f.add(a[l], if l < n { p[l] } else { f.pad() });
            }
            *y.wrapping_offset(r * y_stride) = tree(&a, f);
        }
        for r in whole..rows as isize {
            *y.wrapping_offset(r * y_stride) = lanes::<A, F, L>(x.wrapping_offset(r * stride), n, f);
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
