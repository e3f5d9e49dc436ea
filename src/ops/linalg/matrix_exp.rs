//! The exponential of matrices.

use super::*;
use crate::device::Array;
use crate::ops;
use crate::tensor::apply::{recorded, remember};
use crate::tensor::door::enter;
use crate::tensor::mode::GradGuard;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Saves};

ops! {
    /// The exponentials of square matrices: `I + A + A^2 / 2 + ..`.
    ///
    /// Scaled, expanded to degree 18, and squared back (Bader, Blanes and Casas 2019, whose bound for degree 18 it
    /// uses).
    matrix_exp as ["matrix_exp(Tensor self) -> Tensor"] aliases ["linalg.matrix_exp"] {
        call(x = self: &Tensor) { exponential(x) },
        samples: [
            "u(3, 3).double()", "u(2, 3, 3).double()", "u(3, 3).t().double()", "u(1, 1)",
            "u(0, 0)", "u(2, 0, 0)",
            "u(3, 3).double() * 10", "u(3, 3).double() * 0.001", "u(2, 3)", "u(3)",
        ],
    }
}

pub(crate) fn exponential(x: &Tensor) -> Result<Tensor> {
    check_square(x, "linalg.matrix_exp", "A")?;
    check_numbers(x, "linalg.matrix_exp")?;
    let y = {
        let _guard = GradGuard::new(false);
        let x = x.detach();
        if x.numel() == 0 {
            x.cloned(crate::ops::copy::Format::Preserve)?
        } else if sizes(&x).0 == 1 {
            x.exp()?
        } else if x.dtype().is_half() {
            series(&x.to_dtype(DType::F32)?)?.to_dtype(x.dtype())?
        } else {
            series(&x)?
        }
    };
    if recorded([x].into_iter()) {
        remember(Exponential, &[x], &y)?;
    }
    Ok(y)
}

/// The series of matrices that are scaled below the bound, each by its own power of two.
fn series(x: &Tensor) -> Result<Tensor> {
    let bound = if x.dtype().to_real() == DType::F64 { 1.090863719290036 } else { 3.010066362817634 };
    let n = x.ndim();
    if x.device().is_meta() {
        // How often results are squared changes no shape.
        return taylor(x);
    }
    let norms = x.abs()?.sum(&[n - 2], false)?.amax(&[n - 2], false)?;
    let norms =
        norms.to_device(crate::core::Device::CPU)?.to_dtype(DType::F64)?.contiguous()?.on_cpu()?.to_vec::<f64>();
    let steps: Vec<i64> =
        norms.iter().map(|&v| if v.is_finite() && v > bound { (v / bound).log2().ceil() as i64 } else { 0 }).collect();
    let per_matrix = |values: &[f64]| -> Result<Tensor> {
        // float64 does not exist on the GPU.
        let t = enter("tensor", Array::from_slice(&[values.len()], values)?).to_dtype(x.dtype().to_real())?;
        t.to_device(x.device())?.reshape(batch(x.shape()))?.unsqueeze_dims(&[n - 2, n - 1])
    };
    // A matrix that is not finite gives NaN.
    let scale = |(&s, v): (&i64, &f64)| if v.is_finite() { 0.5f64.powi(s as i32) } else { f64::NAN };
    let scale: Vec<f64> = steps.iter().zip(&norms).map(scale).collect();
    let scaled = x.mul(&per_matrix(&scale)?)?;
    let mut y = taylor(&scaled)?;
    let all = steps.iter().copied().max().unwrap_or(0);
    for step in 0..all {
        let square = y.matmul(&y)?;
        if steps.iter().all(|&s| s > step) {
            y = square;
            continue;
        }
        let more: Vec<f64> = steps.iter().map(|&s| (s > step) as u8 as f64).collect();
        let more = per_matrix(&more)?;
        let more = more.gt(&more.detach().zeros_of(&[])?)?;
        y = more.choose(Operand::Tensor(&square), Operand::Tensor(&y))?;
    }
    Ok(y)
}

/// `sum x^k / k!` up to 18, in blocks of four powers (Paterson and Stockmeyer 1973).
fn taylor(x: &Tensor) -> Result<Tensor> {
    let one = eye(sizes(x).0, x)?.expand_to(x.shape())?;
    let second = x.matmul(x)?;
    let powers = [&one, x, &second, &second.matmul(x)?];
    let fourth = second.matmul(&second)?;
    let mut factor = [1.0f64; 20];
    for k in 1..20 {
        factor[k] = factor[k - 1] / k as f64;
    }
    let block = |from: usize, count: usize| -> Result<Tensor> {
        let mut sum = powers[0].mul_number(factor[from])?;
        for k in 1..count {
            sum = sum.add(&powers[k].mul_number(factor[from + k])?)?;
        }
        Ok(sum)
    };
    let mut y = block(16, 3)?;
    for from in [12, 8, 4, 0] {
        y = y.matmul(&fourth)?.add(&block(from, 4)?)?;
    }
    Ok(y)
}

/// An exponential that was found without being recorded.
struct Exponential;

impl Op for Exponential {
    fn name(&self) -> &'static str {
        "linalg_matrix_exp"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        Ok(x[0].contiguous(x[0].layout.shape.clone()))
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS
    }
    /// The upper right block of the exponential of `[[A^H, g], [0, A^H]]` (Mathias 1996, theorem 2.1).
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (g, a) = (g.one()?, mh(&c.input(0)?)?);
        let n = sizes(&a).0;
        let cat = crate::ops::join::cat;
        let top = cat(&[&a, g], a.ndim() - 1)?;
        let bottom = cat(&[&a.zeros_of(a.shape())?, &a], a.ndim() - 1)?;
        let whole = exponential(&cat(&[&top, &bottom], a.ndim() - 2)?)?;
        Grads::one(later_columns(&first_rows(&whole, n)?, n)?)
    }
}
