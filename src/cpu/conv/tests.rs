//! Convolutions against their definition: sizes, strides, padding, dilation, groups; every instruction set and number
//! of threads.

use half::f16;

use super::*;
use crate::core::{Element, Layout};
use crate::cpu::dispatch::{Level, set_level};

fn random<T: Element>(shape: &[usize], seed: u64) -> Array {
    let mut s = seed;
    let values: Vec<T> = (0..shape.iter().product())
        .map(|_| {
            s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            T::from_f64((s >> 40) as f64 / (1 << 23) as f64 - 1.0)
        })
        .collect();
    Array::from_slice(shape, &values).unwrap()
}

fn values(x: &Array) -> Vec<f64> {
    let to = random::<f64>(x.shape(), 0);
    copy(x, &to).unwrap();
    to.to_vec()
}

struct Case {
    x: [usize; 4],
    o: usize,
    kernel: [usize; 2],
    window: Window,
}

impl Case {
    fn out(&self) -> [usize; 4] {
        let size = |d: usize| {
            let w = &self.window;
            let room = self.x[2 + d] as isize + 2 * w.pad[d] - (w.dilation[d] * (self.kernel[d] - 1)) as isize - 1;
            room as usize / w.stride[d] + 1
        };
        [self.x[0], self.o, size(0), size(1)]
    }
    fn w(&self) -> [usize; 4] {
        [self.o, self.x[1] / self.window.groups, self.kernel[0], self.kernel[1]]
    }

    /// Calls `f(image, kernel, output)` with the flat index of each for every product of the definition.
    fn each(&self, mut f: impl FnMut(usize, usize, usize)) {
        let ([n, c, h, w], [_, o, oh, ow], [_, cg, kh, kw]) = (self.x, self.out(), self.w());
        let v = self.window;
        for (b, out) in (0..n).flat_map(|b| (0..o).map(move |out| (b, out))) {
            for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for (ch, i, j) in (0..cg).flat_map(|ch| (0..kh).flat_map(move |i| (0..kw).map(move |j| (ch, i, j)))) {
                    let r = (y * v.stride[0] + i * v.dilation[0]) as isize - v.pad[0];
                    let s = (x * v.stride[1] + j * v.dilation[1]) as isize - v.pad[1];
                    if r >= 0 && s >= 0 && r < h as isize && s < w as isize {
                        let channel = out / (o / v.groups) * cg + ch;
                        f(
                            ((b * c + channel) * h + r as usize) * w + s as usize,
                            ((out * cg + ch) * kh + i) * kw + j,
                            ((b * o + out) * oh + y) * ow + x,
                        );
                    }
                }
            }
        }
    }

    fn check<T: Element>(&self, tolerance: f64) {
        let (x, w, g) = (random::<T>(&self.x, 1), random::<T>(&self.w(), 2), random::<T>(&self.out(), 3));
        let bias = random::<T>(&[self.o], 4);
        let (xv, wv, gv, bv) = (values(&x), values(&w), values(&g), values(&bias));
        let (mut y, mut dx, mut dw) = (vec![0.0; gv.len()], vec![0.0; xv.len()], vec![0.0; wv.len()]);
        let pixels = self.out()[2] * self.out()[3];
        (0..y.len()).for_each(|i| y[i] = bv[i / pixels % self.o]);
        self.each(|i, j, k| {
            y[k] += xv[i] * wv[j];
            dx[i] += gv[k] * wv[j];
            dw[j] += gv[k] * xv[i];
        });
        // The image once more with its channels last in memory.
        let order = [0, 2, 3, 1].map(|d| self.x[d]);
        let last = random::<T>(&order, 9).with_layout(Layout::contiguous(order[..].into()).permuted(&[0, 3, 1, 2]));
        copy(&x, &last).unwrap();
        let mut seen: Option<[Vec<f64>; 3]> = None;
        for (level, count) in [(Level::Portable, 1), (Level::Avx2, 3), (Level::Avx512, 2)] {
            for x in [&x, &last] {
                set_level(level);
                threads::set_count(count);
                let (out, gx, gw) = (random::<T>(&self.out(), 5), random::<T>(&self.x, 6), random::<T>(&self.w(), 7));
                forward(x, &w, Some(&bias), &out, self.window).unwrap();
                input_grad(&g, &w, &gx, self.window).unwrap();
                weight_grad(&g, x, &gw, self.window).unwrap();
                let got = [values(&out), values(&gx), values(&gw)];
                match &seen {
                    Some(first) => assert!(*first == got, "other bits: {:?} {:?}", self.x, self.window),
                    None => {
                        for (what, (got, want)) in got.iter().zip([&y, &dx, &dw]).enumerate() {
                            for (e, (a, b)) in got.iter().zip(want).enumerate() {
                                let close = (a - b).abs() <= tolerance * (1.0 + b.abs());
                                assert!(close, "{what} of {:?} {:?} at {e}: {a} {b}", self.x, self.window);
                            }
                        }
                        seen = Some(got);
                    }
                }
            }
        }
    }
}

fn window(stride: [usize; 2], pad: [isize; 2], dilation: [usize; 2], groups: usize) -> Window {
    Window { stride, pad, dilation, groups }
}

fn cases() -> Vec<Case> {
    let one = window([1, 1], [0, 0], [1, 1], 1);
    let padded = window([1, 1], [1, 1], [1, 1], 1);
    vec![
        Case { x: [2, 1, 8, 8], o: 5, kernel: [3, 3], window: padded },
        Case { x: [5, 3, 8, 8], o: 17, kernel: [3, 3], window: padded },
        Case { x: [2, 30, 6, 7], o: 4, kernel: [3, 3], window: one },
        Case { x: [1, 3, 20, 19], o: 4, kernel: [5, 2], window: window([1, 1], [2, 0], [1, 1], 1) },
        Case { x: [2, 4, 9, 9], o: 6, kernel: [1, 1], window: one },
        Case { x: [2, 4, 9, 9], o: 6, kernel: [1, 1], window: window([2, 2], [0, 0], [1, 1], 1) },
        Case { x: [2, 3, 11, 12], o: 4, kernel: [3, 3], window: window([2, 3], [1, 2], [1, 1], 1) },
        Case { x: [2, 3, 11, 12], o: 4, kernel: [3, 3], window: window([2, 1], [1, 2], [1, 2], 1) },
        Case { x: [2, 4, 10, 10], o: 6, kernel: [3, 2], window: window([1, 1], [2, 1], [2, 3], 2) },
        Case { x: [2, 6, 9, 9], o: 6, kernel: [3, 3], window: window([1, 1], [1, 1], [1, 1], 6) },
        Case { x: [3, 6, 9, 30], o: 12, kernel: [3, 3], window: window([2, 2], [1, 1], [1, 1], 6) },
        Case { x: [2, 4, 9, 41], o: 4, kernel: [3, 2], window: window([1, 3], [0, 2], [2, 2], 4) },
        Case { x: [40, 3, 5, 7], o: 1, kernel: [3, 3], window: padded },
        Case { x: [1, 2, 40, 40], o: 3, kernel: [3, 3], window: window([1, 1], [4, 4], [1, 1], 1) },
    ]
}

#[test]
fn single_and_double() {
    for c in cases() {
        c.check::<f64>(1e-12);
        c.check::<f32>(2e-5);
    }
}

#[test]
fn halves() {
    cases()[..3].iter().for_each(|c| c.check::<f16>(4e-3));
}

/// Padding that differs in front and behind: the sizes alone say how much is behind.
#[test]
fn uneven_padding() {
    let c = Case { x: [1, 2, 6, 6], o: 3, kernel: [2, 2], window: window([1, 1], [0, 0], [1, 1], 1) };
    let (x, w) = (random::<f64>(&c.x, 1), random::<f64>(&c.w(), 2));
    let (same, valid) = (random::<f64>(&[1, 3, 6, 6], 3), random::<f64>(&c.out(), 3));
    forward(&x, &w, None, &same, c.window).unwrap();
    forward(&x, &w, None, &valid, c.window).unwrap();
    let (same, valid) = (values(&same), values(&valid));
    for (i, v) in valid.iter().enumerate() {
        assert_eq!(same[i / 25 * 36 + i % 25 / 5 * 6 + i % 5], *v);
    }
}
