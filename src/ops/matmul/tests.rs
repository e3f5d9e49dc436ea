//! Gradients of products against finite differences, first and second order, and what is refused.

use super::*;
use crate::device::Array;
use crate::tensor::{Context, Cotangents};

fn leaf(shape: &[usize], seed: u64) -> Tensor {
    let mut s = seed;
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|_| {
            s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (s >> 40) as f64 / (1 << 23) as f64 - 1.0
        })
        .collect();
    let t = crate::tensor::door::enter("test", Array::from_slice(shape, &values).unwrap());
    t.set_requires_grad(true).unwrap();
    t
}

fn values(t: &Tensor) -> Vec<f64> {
    t.contiguous().unwrap().array().to_vec()
}

/// The gradients of the inputs of the op that made `y`.
fn back(y: &Tensor, g: &Tensor, n: usize) -> Vec<Tensor> {
    let node = y.grad_fn().unwrap().unwrap();
    let mut grads = node.op().vjp(&Context::new(&node), &Cotangents(&[Some(g.clone())])).unwrap();
    (0..n).map(|i| grads.take(i).unwrap()).collect()
}

fn weighted_sum(y: &Tensor, g: &Tensor) -> f64 {
    values(y).iter().zip(values(g)).map(|(a, b)| a * b).sum()
}

/// Compares the gradients of `f`, whose result must be made by one op, with differences.
fn check(shapes: &[&[usize]], f: impl Fn(&[Tensor]) -> Tensor) -> Vec<Tensor> {
    let x: Vec<Tensor> = shapes.iter().enumerate().map(|(i, s)| leaf(s, i as u64 + 1)).collect();
    let y = f(&x);
    let g = leaf(y.shape(), 77);
    let grads = back(&y, &g, x.len());
    for (i, grad) in grads.iter().enumerate() {
        assert_eq!(grad.shape(), x[i].shape());
        let got = values(grad);
        for (e, &want) in got.iter().enumerate() {
            let at = |step: f64| {
                let mut v = values(&x[i]);
                v[e] += step;
                let mut moved = x.clone();
                moved[i] = crate::tensor::door::enter("test", Array::from_slice(x[i].shape(), &v).unwrap());
                weighted_sum(&f(&moved), &g)
            };
            let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((slope - want).abs() < 1e-8 * (1.0 + slope.abs()), "input {i} element {e}: {slope} {want}");
        }
    }
    grads
}

#[test]
fn gradients_agree_with_differences() {
    for ta in [false, true] {
        for tb in [false, true] {
            let a: [usize; 2] = if ta { [4, 3] } else { [3, 4] };
            let b: [usize; 2] = if tb { [5, 4] } else { [4, 5] };
            let op = |x: &[Tensor]| product::product(&x[0], ta, &x[1], tb, 0.5).unwrap();
            let first = check(&[&a, &b], op);
            // What backward made is a product itself, recorded and differentiable again.
            assert!(first.iter().all(|g| g.requires_grad()));
            check(&[&[2, a[0], a[1]], &[2, b[0], b[1]]], op);
        }
    }
    check(&[&[3, 4], &[4]], |x| x[0].matmul(&x[1]).unwrap());
    check(&[&[4, 3], &[4]], |x| apply(Mv { t: true }, &[&x[0], &x[1]]).unwrap());
    check(&[&[4], &[4]], |x| x[0].matmul(&x[1]).unwrap());
    check(&[&[2, 3, 4], &[4, 5]], |x| x[0].matmul(&x[1]).unwrap());
    for lead in [&[4][..], &[3, 4], &[2, 3, 4]] {
        check(&[lead, &[5, 4], &[5]], |x| x[0].linear(&x[1], Some(&x[2])).unwrap());
        check(&[lead, &[5, 4]], |x| x[0].linear(&x[1], None).unwrap());
    }
    for input in [&[3, 5][..], &[5], &[3, 1], &[]] {
        let op = |x: &[Tensor]| apply(Addmm { alpha: 2.0, beta: 0.5, name: "addmm" }, &[&x[0], &x[1], &x[2]]).unwrap();
        check(&[input, &[3, 4], &[4, 5]], op);
    }
}

#[test]
fn ranks() {
    let shapes: [(&[usize], &[usize], &[usize]); 8] = [
        (&[4], &[4, 5], &[5]),
        (&[2, 3, 4], &[4], &[2, 3]),
        (&[4], &[2, 4, 5], &[2, 5]),
        (&[3, 4], &[2, 4, 5], &[2, 3, 5]),
        (&[5, 1, 3, 4], &[2, 4, 2], &[5, 2, 3, 2]),
        (&[2, 3, 4], &[4, 5], &[2, 3, 5]),
        (&[3, 0], &[0, 2], &[3, 2]),
        (&[0, 3], &[3, 2], &[0, 2]),
    ];
    for (a, b, y) in shapes {
        assert_eq!(leaf(a, 1).matmul(&leaf(b, 2)).unwrap().shape(), y);
    }
}

#[test]
fn refusals_say_what_would_work() {
    let e = leaf(&[3, 4], 1).matmul(&leaf(&[5, 4], 2)).err().unwrap();
    assert_eq!(
        e.to_string(),
        "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x4)\nhint: dim 1 of mat1 (4) must equal dim 0 of mat2 (5); \
         mat2.T has shape (4, 5); did you mean mat1 @ mat2.T?"
    );
    let e = leaf(&[2, 3, 4], 1).linear(&leaf(&[5, 6], 2), None).err().unwrap();
    assert!(e.to_string().starts_with("mat1 and mat2 shapes cannot be multiplied (6x4 and 6x5)"), "{e}");
    let e = leaf(&[2, 3, 4], 1).matmul(&leaf(&[2, 5, 4], 2)).err().unwrap();
    assert!(e.to_string().contains("to be: [2, 4] but got: [2, 5].") && e.hint.is_some(), "{e}");
    let single = leaf(&[4, 4], 1).to_dtype(crate::core::DType::F32).unwrap();
    let e = single.mm(&leaf(&[4, 4], 2)).err().unwrap();
    assert!(e.to_string().starts_with("expected m1 and m2 to have the same dtype, but got: float != double"), "{e}");
}
