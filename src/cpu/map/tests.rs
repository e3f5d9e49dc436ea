//! The loops over every kind of operand, against plain ones.

use super::*;
use crate::core::{Device, Layout, Meta};
use crate::cpu::dispatch::{Level, set_level};
use crate::expr::{Body, Graph, Left, Place, Scalar};

/// `c ? a : tanh(a b) + p`.
struct Mixed;
impl Body for Mixed {
    #[inline(always)]
    fn eval<S: Scalar, P: Place<S>>(x: P) -> P::Done
    where
        f64: Left<S>,
    {
        let (a, b) = (x.num(1), x.num(2));
        x.put(S::select(x.mask(0), a, (a * b).tanh() + x.param(0)))
    }
}
const MIXED: Loops = Loops::all::<Mixed>();

fn call<'a>(code: Code<'a>, compute: DType, params: &'a [Number]) -> Call<'a> {
    Call { code, compute, masks: 1, wide: 0, out_mask: false, params, cost: 1.0 }
}

fn array(shape: &[usize], f: impl Fn(usize) -> f32) -> Array {
    let n: usize = shape.iter().product();
    Array::from_slice(shape, &(0..n).map(f).collect::<Vec<_>>()).unwrap()
}

fn to(a: &Array, dtype: DType) -> Array {
    let out = Array::empty(Meta::new(Layout::contiguous(a.layout.shape.clone()), dtype, Device::CPU)).unwrap();
    crate::cpu::copy::copy(a, &out).unwrap();
    out
}

/// The mixed formula over `shape` with every kind of operand, against a plain loop.
fn check(shape: &[usize], transposed: bool) {
    let n: usize = shape.iter().product();
    let nd = shape.len();
    let flip = |a: Array| {
        if transposed { a.with_layout(a.layout.permuted(&(0..nd).rev().collect::<Vec<_>>())) } else { a }
    };
    let c = flip(to(&array(shape, |i| (i % 3) as f32), DType::Bool));
    let a = array(shape, |i| (i % 101) as f32 * 0.25 - 10.0);
    let a = flip(a);
    let shape: Vec<usize> = a.shape().to_vec();
    let b = array(&shape, |i| (i % 37) as f32 * 0.01);
    let half = to(&b, DType::BF16);
    let row = array(&shape[nd.min(1)..], |i| (i % 11) as f32 * 0.1);
    let params = [Number::Float(0.5)];
    let out = Array::empty(Meta::new(Layout::contiguous((&shape[..]).into()), DType::F32, Device::CPU)).unwrap();
    let plain = |x: &Array| to(x, DType::F32).to_vec::<f32>();
    let graph = Graph::of::<Mixed>();
    let plan = Plan::new(&graph, DType::F32).unwrap();
    for code in [Code::Loop(MIXED.ways(DType::F32).unwrap()), Code::Program(&plan)] {
        let call = call(code, DType::F32, &params);
        for (k, operand) in [Value::Array(&b), Value::Array(&half), Value::Array(&row), Value::Number(Number::Int(3))]
            .into_iter()
            .enumerate()
        {
            let bs: Vec<f32> = match operand {
                Value::Array(x) => {
                    let l = x.layout.broadcast_to(&shape);
                    plain(&x.with_layout(l))
                }
                _ => vec![3.0; n],
            };
            let want: Vec<f32> = plain(&c)
                .iter()
                .zip(plain(&a))
                .zip(bs)
                .map(|((c, a), b)| if *c != 0.0 { a } else { crate::expr::math::f32::tanh(a * b) + 0.5 })
                .collect();
            run(&call, &[Value::Array(&c), Value::Array(&a), operand], &out);
            assert_eq!(out.to_vec::<f32>(), want, "{shape:?} {transposed} {k}");
            // In place, into another dtype, and into a strided output.
            let same = to(&a, DType::F32);
            run(&call, &[Value::Array(&c), Value::Array(&same), operand], &same);
            assert_eq!(same.to_vec::<f32>(), want, "in place: {shape:?} {transposed} {k}");
            let wide = to(&out, DType::F64);
            run(&call, &[Value::Array(&c), Value::Array(&a), operand], &wide);
            assert!(wide.to_vec::<f64>().iter().zip(&want).all(|(x, y)| *x == *y as f64));
            let back = flip(array(&shape.iter().rev().copied().collect::<Vec<_>>(), |_| 0.0));
            if back.shape() == shape {
                run(&call, &[Value::Array(&c), Value::Array(&a), operand], &back);
                assert_eq!(plain(&back), want);
            }
        }
    }
}

#[test]
fn every_kind_of_operand() {
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        set_level(level);
        for shape in [
            &[5][..],
            &[],
            &[64],
            &[3, 4, 5],
            &[1, 1000],
            &[1500, 3],
            &[40, 70],
            &[130, 2, 600],
            &[2, 2, 2, 2, 2, 2, 2, 2, 3],
        ] {
            check(shape, false);
            check(shape, true);
        }
    }
    check(&[300, 401, 3], true);
}

/// `a + b`.
struct Add;
impl Body for Add {
    #[inline(always)]
    fn eval<S: Scalar, P: Place<S>>(x: P) -> P::Done
    where
        f64: Left<S>,
    {
        x.put(x.num(0) + x.num(1))
    }
}

const ADD: Loops = Loops::all::<Add>().and_over::<Add>().and_one::<Add>();

#[test]
fn what_is_written_may_be_read() {
    let call = Call { masks: 0, ..call(Code::Loop(ADD.ways(DType::F32).unwrap()), DType::F32, &[]) };
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        set_level(level);
        for n in [1, 7, 64, 65, 1000, 3000, 200_003] {
            let (x, y) = (|i: usize| (i % 97) as f32 - 40.5, |i: usize| (i % 89) as f32 * 0.25);
            let after = |f: &dyn Fn(&Array, &Array)| {
                let (a, b) = (array(&[n], x), array(&[n], y));
                f(&a, &b);
                assert_eq!(b.to_vec::<f32>(), (0..n).map(y).collect::<Vec<_>>());
                a.to_vec::<f32>()
            };
            let all = |f: &dyn Fn(usize) -> f32| (0..n).map(f).collect::<Vec<_>>();
            use Value::{Array as A, Number as N};
            assert_eq!(after(&|a, b| run(&call, &[A(a), A(b)], a)), all(&|i| x(i) + y(i)), "over operand 0: {n}");
            assert_eq!(after(&|a, b| run(&call, &[A(b), A(a)], a)), all(&|i| x(i) + y(i)), "over operand 1: {n}");
            assert_eq!(after(&|a, _| run(&call, &[A(a), A(a)], a)), all(&|i| 2.0 * x(i)), "over both: {n}");
            assert_eq!(after(&|a, _| run(&call, &[A(a), N(Number::Int(3))], a)), all(&|i| x(i) + 3.0), "number: {n}");
            let one = Array::from_slice(&[], &[0.5f32]).unwrap();
            assert_eq!(after(&|a, _| run(&call, &[A(a), A(&one)], a)), all(&|i| x(i) + 0.5), "one element: {n}");
            if (2..1000).contains(&n) {
                // Inside one tile even what overlaps by halves is computed before it is written.
                let part = |a: &Array, from| {
                    a.with_layout(Layout { offset: from, ..Layout::contiguous((&[n - 1][..]).into()) })
                };
                let early = after(&|a, _| run(&call, &[A(&part(a, 0)), A(&part(a, 1))], &part(a, 0)));
                assert_eq!(early, all(&|i| if i + 1 < n { x(i) + x(i + 1) } else { x(i) }), "the next: {n}");
                let late = after(&|a, _| run(&call, &[A(&part(a, 1)), A(&part(a, 0))], &part(a, 1)));
                assert_eq!(late, all(&|i| if i > 0 { x(i) + x(i - 1) } else { x(i) }), "the one before: {n}");
            }
        }
    }
}

/// Every kind of row: whole, apart from the next, the same for all, one element each, transposed, and of another dtype; the
/// result contiguous, with rows apart, transposed, and in place.
#[test]
fn rows_of_every_kind() {
    let call = Call { masks: 0, ..call(Code::Loop(ADD.ways(DType::F32).unwrap()), DType::F32, &[]) };
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        set_level(level);
        for [r, c] in
            [[1, 40], [2, 31], [3, 32], [40, 26], [65, 90], [250, 400], [5, 1023], [3, 1024], [2, 1025], [1030, 33]]
        {
            let whole = |k: usize| array(&[r, c], |i| (i * k % 97) as f32 - 40.5);
            let apart = |a: &Array| {
                let wide = array(&[r, c + 5], |_| -1.0);
                let part = wide.with_layout(wide.layout.sliced(1, 2, c, 1));
                crate::cpu::copy::copy(a, &part).unwrap();
                part
            };
            let turned = |a: &Array| {
                let back = array(&[c, r], |_| 0.0);
                let turned = back.with_layout(back.layout.transposed(0, 1));
                crate::cpu::copy::copy(a, &turned).unwrap();
                turned
            };
            let plain = |x: &Array| to(&x.with_layout(x.layout.broadcast_to(&[r, c])), DType::F32).to_vec::<f32>();
            let b = whole(7);
            let operands = [
                apart(&b),
                turned(&b),
                array(&[c], |i| i as f32),
                array(&[r, 1], |i| i as f32 * 0.5),
                array(&[1, 1], |_| 3.25),
                to(&b, DType::F64),
            ];
            for (i, y) in operands.iter().enumerate() {
                for (j, make) in
                    [&(|a: &Array| a.clone()) as &dyn Fn(&Array) -> Array, &apart, &turned].iter().enumerate()
                {
                    let x = make(&whole(5));
                    let want: Vec<f32> = plain(&x).iter().zip(plain(y)).map(|(a, b)| a + b).collect();
                    let what = format!("{level:?} {r} {c}: {i}, {j}");
                    for out in [whole(3), apart(&b), turned(&b)] {
                        run(&call, &[Value::Array(&x), Value::Array(y)], &out);
                        assert_eq!(plain(&out), want, "{what}");
                        run(&call, &[Value::Array(y), Value::Array(&x)], &out);
                        assert_eq!(plain(&out), want, "{what}");
                    }
                    run(&call, &[Value::Array(&x), Value::Array(y)], &x);
                    assert_eq!(plain(&x), want, "in place: {what}");
                }
            }
        }
    }
}

#[test]
fn operands_are_cast_to_the_compute_dtype_first() {
    let add = |compute, x: &[Value], out: &Array| {
        let code = Code::Loop(Loops::all::<Add>().ways(lane(compute)).unwrap());
        run(&Call { masks: 0, ..call(code, compute, &[]) }, x, out);
    };
    let bytes = Array::from_slice::<u8>(&[3], &[1, 200, 255]).unwrap();
    let zero_d = Array::from_slice::<i64>(&[], &[300]).unwrap();
    let out = Array::from_slice::<u8>(&[3], &[0; 3]).unwrap();
    add(DType::U8, &[Value::Array(&bytes), Value::Array(&zero_d)], &out);
    assert_eq!(out.to_vec::<u8>(), [45, 244, 43]);
    let out = Array::from_slice::<i64>(&[3], &[0; 3]).unwrap();
    add(DType::U8, &[Value::Array(&bytes), Value::Array(&bytes)], &out);
    assert_eq!(out.to_vec::<i64>(), [2, 144, 254]);
    let h = |v: &[f32]| to(&Array::from_slice(&[v.len()], v).unwrap(), DType::BF16);
    let out = to(&h(&[0.0, 0.0]), DType::F32);
    add(DType::BF16, &[Value::Array(&h(&[1.0, 256.0])), Value::Array(&h(&[0.00390625, 1.0]))], &out);
    assert_eq!(out.to_vec::<f32>(), [1.0, 256.0]);
}
