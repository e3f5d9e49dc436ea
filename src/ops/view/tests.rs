//! Layouts and rules of derivatives that Python tests reach only through the engine.

use crate::core::DType;
use crate::device::Array;
use crate::tensor::{Context, Cotangents, Tensor};

fn counting(shape: &[usize]) -> Tensor {
    let n = shape.iter().product::<usize>();
    crate::tensor::door::enter("test", Array::from_slice(shape, &(0..n).map(|i| i as f64).collect::<Vec<_>>()).unwrap())
}

/// The gradient of the op that made `y`, for the cotangent `g`.
fn back(y: &Tensor, g: &Tensor) -> Tensor {
    let node = y.grad_fn().unwrap().unwrap();
    node.op().vjp(&Context::new(&node), &Cotangents(&[Some(g.clone())])).unwrap().take(0).unwrap()
}

fn values(t: &Tensor) -> Vec<f64> {
    t.contiguous().unwrap().array().to_vec()
}

fn leaf(shape: &[usize]) -> Tensor {
    let x = counting(shape);
    x.set_requires_grad(true).unwrap();
    x
}

#[test]
fn parts_and_their_gradients() {
    let x = leaf(&[3, 4]);
    let y = x.slice(1, 0, 2, 2).unwrap();
    assert_eq!(values(&y), [0., 2., 4., 6., 8., 10.]);
    assert_eq!(values(&back(&y, &counting(&[3, 2]))), [0., 0., 1., 0., 2., 0., 3., 0., 4., 0., 5., 0.]);
    let y = x.select(0, 1).unwrap();
    assert_eq!(values(&back(&y, &counting(&[4]))), [0., 0., 0., 0., 0., 1., 2., 3., 0., 0., 0., 0.]);
}

#[test]
fn repeats_sum_back() {
    let x = leaf(&[3, 1]);
    let y = x.expand_to(&[2, 3, 2]).unwrap();
    assert_eq!(y.layout().strides[..], [0, 1, 0]);
    assert_eq!(values(&back(&y, &counting(&[2, 3, 2]))), [14., 22., 30.]);
}

#[test]
fn reshapes_copy_only_where_they_must() {
    let x = leaf(&[2, 3]);
    assert!(x.reshape(&[6]).unwrap().array().storage.same(&x.array().storage));
    let t = x.mt().unwrap();
    assert!(t.view_to(&[6]).is_err());
    let y = t.reshape(&[6]).unwrap();
    assert_eq!(values(&y), [0., 3., 1., 4., 2., 5.]);
    assert_eq!(back(&y, &counting(&[6])).shape(), [3, 2]);
    assert_eq!(x.flatten(0, -1).unwrap().shape(), [6]);
    assert_eq!(x.unsqueeze_dims(&[0, 2]).unwrap().shape(), [1, 2, 1, 3]);
}

#[test]
fn bytes_as_another_dtype() {
    let x = counting(&[2, 2]);
    assert_eq!(x.view_dtype(DType::I32).unwrap().shape(), [2, 4]);
    assert_eq!(x.view_dtype(DType::I64).unwrap().layout().strides[..], [2, 1]);
    assert!(x.view_dtype(DType::I32).unwrap().slice(1, 0, 3, 1).unwrap().view_dtype(DType::F64).is_err());
}
