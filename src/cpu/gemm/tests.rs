//! Products against their definition, on every instruction set, layout and number of threads.

use half::{bf16, f16};

use super::*;
use crate::core::{DType, Element, Layout};
use crate::cpu::dispatch::{Level, set_level};
use crate::cpu::threads;
use crate::device::Array;

fn random<T: Element>(shape: &[usize], seed: u64) -> Array {
    let mut s = seed;
    let values: Vec<T> = (0..shape.iter().product())
        .map(|_| {
            s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let v = (s >> 40) as f64 / (1 << 23) as f64 - 1.0;
            if T::DTYPE.is_float() { T::from_f64(v) } else { T::from_i64((v * 1e9) as i64) }
        })
        .collect();
    Array::from_slice(shape, &values).unwrap()
}

/// The same shape over memory in which the last two dims are swapped, if `t`.
fn maybe_transposed<T: Element>(shape: &[usize], t: bool, seed: u64) -> Array {
    if !t {
        return random::<T>(shape, seed);
    }
    let mut swapped = shape.to_vec();
    let n = shape.len();
    swapped.swap(n - 1, n - 2);
    let x = random::<T>(&swapped, seed);
    let mut l = x.layout.clone();
    l.shape.swap(n - 1, n - 2);
    l.strides.swap(n - 1, n - 2);
    x.with_layout(l)
}

fn at<T: Element>(x: &Array, index: &[usize]) -> T {
    let off: isize = index.iter().zip(x.strides()).map(|(&i, &s)| i as isize * s).sum();
    // SAFETY: an index inside the shape.
    unsafe { *x.ptr::<T>().offset(off) }
}

/// The definition, in f64 (integers in i64).
fn expected<T: Element>(a: &Array, b: &Array, m: usize, n: usize, k: usize) -> Vec<(f64, f64)> {
    let mut out = vec![];
    for i in 0..m {
        for j in 0..n {
            let (mut sum, mut size) = (0.0, 0.0);
            for q in 0..k {
                let p = at::<T>(a, &[i, q]).to_f64() * at::<T>(b, &[q, j]).to_f64();
                sum += p;
                size += p.abs();
            }
            out.push((sum, size));
        }
    }
    out
}

fn check<T: Element>(m: usize, n: usize, k: usize, ulp: f64) {
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
        let (a, b) = (maybe_transposed::<T>(&[m, k], ta, 1), maybe_transposed::<T>(&[k, n], tb, 2));
        let mut seen: Option<Vec<u64>> = None;
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            for count in [1, 3] {
                set_level(level);
                threads::set_count(count);
                let out = random::<T>(&[m, n], 3);
                matmul(&a, &b, &out, &Fused::NONE).unwrap();
                let got = out.to_vec::<T>();
                let bits: Vec<u64> = got.iter().map(|v| v.to_f64().to_bits()).collect();
                match &seen {
                    Some(first) => assert!(*first == bits, "{m}x{n}x{k} {ta} {tb} {level:?} {count}: other bits"),
                    None => {
                        for (v, (sum, size)) in got.iter().zip(expected::<T>(&a, &b, m, n, k)) {
                            let error = (v.to_f64() - sum).abs();
                            assert!(error <= ulp * (size + sum.abs()), "{m}x{n}x{k} {ta} {tb}: {} {sum}", v.to_f64());
                        }
                        seen = Some(bits);
                    }
                }
            }
        }
    }
}

const SHAPES: [(usize, usize, usize); 15] = [
    (1, 1, 1),
    (1, 7, 5),
    (7, 1, 300),
    (1, 300, 129),
    (16, 16, 16),
    (3, 100, 257),
    (13, 47, 300),
    (65, 17, 64),
    (14, 32, 600),
    (129, 131, 277),
    (2, 5, 5000),
    (200, 3, 200),
    (5, 9, 0),
    (0, 4, 3),
    (90, 600, 30),
];

#[test]
fn float32() {
    SHAPES.iter().for_each(|&(m, n, k)| check::<f32>(m, n, k, 6e-8 * 8.0));
}

#[test]
fn float64() {
    SHAPES.iter().for_each(|&(m, n, k)| check::<f64>(m, n, k, 1e-15));
}

#[test]
fn halves_accumulate_in_float32() {
    for &(m, n, k) in &SHAPES[..11] {
        check::<f16>(m, n, k, 1.0 / 1024.0);
        check::<bf16>(m, n, k, 1.0 / 128.0);
    }
}

#[test]
fn integers_wrap() {
    for &(m, n, k) in &SHAPES {
        let (a, b) = (maybe_transposed::<i64>(&[m, k], true, 4), random::<i64>(&[k, n], 5));
        let (a32, b32) = (random::<i32>(&[m, k], 6), maybe_transposed::<i32>(&[k, n], true, 7));
        let (a8, b8) = (random::<u8>(&[m, k], 8), random::<u8>(&[k, n], 9));
        let (c, c32, c8) = (random::<i64>(&[m, n], 1), random::<i32>(&[m, n], 1), random::<u8>(&[m, n], 1));
        matmul(&a, &b, &c, &Fused::NONE).unwrap();
        matmul(&a32, &b32, &c32, &Fused::NONE).unwrap();
        matmul(&a8, &b8, &c8, &Fused::NONE).unwrap();
        for i in 0..m {
            for j in 0..n {
                let sum = |f: &dyn Fn(usize) -> i64| (0..k).fold(0i64, |s, q| s.wrapping_add(f(q)));
                let wide = sum(&|q| at::<i64>(&a, &[i, q]).wrapping_mul(at::<i64>(&b, &[q, j])));
                assert_eq!(at::<i64>(&c, &[i, j]), wide);
                let mid = sum(&|q| (at::<i32>(&a32, &[i, q]) as i64).wrapping_mul(at::<i32>(&b32, &[q, j]) as i64));
                assert_eq!(at::<i32>(&c32, &[i, j]), mid as i32);
                let low = sum(&|q| at::<u8>(&a8, &[i, q]) as i64 * at::<u8>(&b8, &[q, j]) as i64);
                assert_eq!(at::<u8>(&c8, &[i, j]), low as u8);
            }
        }
    }
}

/// A batch equals its matrices one by one, however it is laid out.
#[test]
fn batches() {
    for (batch, m, n, k) in
        [(vec![3], 4, 5, 6), (vec![2, 3], 33, 20, 40), (vec![40], 30, 31, 32), (vec![2, 1], 1, 8, 9)]
    {
        let count: usize = batch.iter().product();
        let with = |r: usize, c: usize| [batch.as_slice(), &[r, c]].concat();
        let wide = |x: &Array, r: usize, c: usize| x.with_layout(x.layout.broadcast_to(&with(r, c)));
        let (a, b) = (random::<f32>(&with(m, k), 1), maybe_transposed::<f32>(&with(k, n), true, 2));
        let (one_a, one_b) = (random::<f32>(&[m, k], 3), random::<f32>(&[k, n], 4));
        let bias = random::<f32>(&[n], 5);
        let bias = bias.with_layout(bias.layout.broadcast_to(&with(m, n)));
        for (a, b) in [(a.clone(), b.clone()), (a, wide(&one_b, k, n)), (wide(&one_a, m, k), b)] {
            for fused in [Fused::NONE, Fused { alpha: 0.5, beta: 2.0, add: Some(&bias), relu: true }] {
                let out = random::<f32>(&with(m, n), 9);
                matmul(&a, &b, &out, &fused).unwrap();
                let got = out.to_vec::<f32>();
                for i in 0..count {
                    let mut index = vec![0; batch.len()];
                    let mut rest = i;
                    for d in (0..batch.len()).rev() {
                        index[d] = rest % batch[d];
                        rest /= batch[d];
                    }
                    for r in 0..m {
                        for c in 0..n {
                            let full = |x: usize, y: usize| [index.as_slice(), &[x, y]].concat();
                            let sum: f64 = (0..k)
                                .map(|q| at::<f32>(&a, &full(r, q)) as f64 * at::<f32>(&b, &full(q, c)) as f64)
                                .sum();
                            let v = match fused.add {
                                Some(d) => (sum * 0.5 + 2.0 * at::<f32>(d, &full(r, c)) as f64).max(0.0),
                                None => sum,
                            };
                            assert!((got[(i * m + r) * n + c] as f64 - v).abs() < 1e-4);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn special_values_and_strided_views() {
    // A NaN in an unused row of memory stays out, one in use comes through; relu keeps it.
    let x = Array::from_slice(&[2, 4], &[1.0f32, f32::NAN, 2.0, 0.0, 3.0, f32::INFINITY, 4.0, 0.0]).unwrap();
    let every_second =
        x.with_layout(Layout { shape: [2usize, 2][..].into(), strides: [4isize, 2][..].into(), offset: 0 });
    let b = Array::from_slice(&[2, 1], &[1.0f32, 1.0]).unwrap();
    let out = random::<f32>(&[2, 1], 1);
    matmul(&every_second, &b, &out, &Fused::NONE).unwrap();
    assert_eq!(out.to_vec::<f32>(), [3.0, 7.0]);
    let b = Array::from_slice(&[4, 1], &[1.0f32; 4]).unwrap();
    matmul(&x, &b, &out, &Fused { relu: true, ..Fused::NONE }).unwrap();
    assert!(out.to_vec::<f32>()[0].is_nan() && out.to_vec::<f32>()[1] == f32::INFINITY);
    assert_eq!(x.dtype, DType::F32);
}
