//! Matrix products: `matmul` in all of PyTorch's ranks, its strict forms, and products with something added.
//!
//! Everything becomes one of three kernels' calls: a product of (batches of) matrices, a matrix that multiplies the last dim
//! (`linear.rs`), or a vector product; what is left are views.

mod check;
mod linear;
mod product;

use crate::core::shape::{broadcast, list};
use crate::core::{DType, Number, Shape};
use crate::error::Result;
use crate::ops;
use crate::ops::copy::Format;
use crate::tensor::{Args, Outs, Tensor, apply, apply_inplace};
use crate::{bail, err};

use linear::{Addmm, Linear};
use product::{Dot, Mv, Product};

ops! {
    /// The matrix product of two tensors.
    ///
    /// Two vectors give their dot product; a matrix and a vector, the matrix-vector product (a vector on the left is a
    /// row, on the right a column, and the dim it adds is dropped again). Of more dims the last two are matrices and
    /// those before broadcast.
    ///
    /// Both have one dtype. float16 and bfloat16 accumulate in float32 and round once; integers wrap.
    ///
    ///     >>> torch.matmul(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1., 1.]))
    ///     tensor([3., 7.])
    matmul + out + exact as [
        "matmul(Tensor self, Tensor other) -> Tensor; __matmul__",
    ] aliases ["linalg.matmul"] {
        call(x = self: &Tensor, other: &Tensor) { x.matmul(other) },
        samples: [
            "u(3, 4), u(4, 5)",
            "u(4, 3).t(), u(5, 4).t()",
            "u(4), u(4)",
            "u(3, 4), u(4)",
            "u(4), u(4, 5)",
            "u(2, 3, 4), u(4, 5)",
            "u(3, 2, 4).transpose(0, 1), u(4, 5)",
            "u(2, 3, 4), u(4)",
            "u(3, 4), u(2, 4, 5)",
            "u(4), u(2, 4, 5)",
            "u(2, 3, 4), u(2, 4, 5)",
            "u(5, 1, 3, 4), u(2, 4, 2)",
            "u(3, 300), u(300, 2)",
            "u(3, 0), u(0, 2)",
            "u(0, 3), u(3, 2)",
            "u(3, 4), u(5, 4)",
            "u(2, 3, 4), u(5, 4)",
            "u(2, 3, 4), u(2, 5, 4)",
            "u(2, 3, 4), u(3, 4, 4)",
            "u(3), u(4)",
            "u(2, 3), u(4)",
            "u(), u(4)",
            "u(3, 4), u(4, 5).double()",
        ],
    }
    /// The product of two matrices. `matmul` takes other ranks too.
    ///
    ///     >>> torch.mm(torch.tensor([[1., 2.], [3., 4.]]), torch.eye(2))
    ///     tensor([[1., 2.],
    ///             [3., 4.]])
    mm + out + exact as ["mm(Tensor self, Tensor mat2) -> Tensor"] {
        call(x = self: &Tensor, mat2: &Tensor) { x.mm(mat2) },
        samples: [
            "u(3, 4), u(4, 5)",
            "u(4, 3).t(), u(4, 5)",
            "u(3, 4), u(5, 4).t()",
            "u(3, 4)[:, ::2], u(2, 5)",
            "u(3, 4), u(5, 4)",
            "u(3, 4), u(4)",
            "u(2, 3, 4), u(4, 5)",
            "mask(3, 4), mask(4, 2)",
        ],
    }
    /// The products of two batches of matrices, (b, m, k) times (b, k, n). Does not broadcast.
    ///
    ///     >>> tuple(torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).shape)
    ///     (2, 1, 1)
    bmm + out + exact as ["bmm(Tensor self, Tensor mat2) -> Tensor"] {
        call(x = self: &Tensor, y = mat2: &Tensor) {
            for (t, name) in [(x, "batch1"), (y, "batch2")] {
                if t.ndim() != 3 {
                    bail!(Runtime, "{name} must be a 3D tensor");
                }
            }
            apply(Product::plain("bmm"), &[x, y])
        },
        samples: [
            "u(2, 3, 4), u(2, 4, 5)",
            "u(2, 4, 3).transpose(1, 2), u(2, 4, 5)",
            "u(0, 3, 4), u(0, 4, 5)",
            "u(2, 3, 4), u(2, 5, 4)",
            "u(2, 3, 4), u(3, 4, 4)",
            "u(3, 4), u(2, 4, 5)",
        ],
    }
    /// A matrix times a vector.
    mv + out + exact as ["mv(Tensor self, Tensor vec) -> Tensor"] {
        call(x = self: &Tensor, vec: &Tensor) { apply(Mv { t: false }, &[x, vec]) },
        samples: ["u(3, 4), u(4)", "u(4, 3).t(), u(8)[::2]", "u(3, 0), u(0)", "u(2, 3), u(4)", "u(2, 3), u(3, 1)"],
    }
    /// The sum of the products of two vectors. Both are 1-D; `inner` takes other ranks.
    ///
    ///     >>> torch.dot(torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    ///     tensor(11.)
    dot + out + exact as ["dot(Tensor self, Tensor tensor) -> Tensor"] {
        call(x = self: &Tensor, tensor: &Tensor) { apply(Dot, &[x, tensor]) },
        samples: DOT_SAMPLES,
    }
    /// The sum of the products of two vectors, the first conjugated. Both are 1-D.
    vdot + out + exact as ["vdot(Tensor self, Tensor other) -> Tensor"] graph "VdotBackward0" {
        call(x = self: &Tensor, other: &Tensor) { apply(Dot, &[&x.conj()?, other]) },
        samples: DOT_SAMPLES,
    }
    /// Sums of products over the last dim of both; the other dims of `self`, then those of `other`, are the result's.
    ///
    /// A scalar multiplies.
    inner + out + exact as ["inner(Tensor self, Tensor other) -> Tensor"] {
        call(x = self: &Tensor, other: &Tensor) { inner(x, other) },
        samples: ["u(4), u(4)", "u(2, 3), u(4, 3)", "u(2, 2, 3), u(3)", "u(), u(3)", "u(2, 3), u(4, 4)"],
    }
    /// All products of an element of `self` and one of `vec2`: (n) and (m) give (n, m).
    ///
    ///     >>> torch.outer(torch.tensor([1., 2.]), torch.tensor([1., 10.]))
    ///     tensor([[ 1., 10.],
    ///             [ 2., 20.]])
    outer + out + exact as ["outer(Tensor self, Tensor vec2) -> Tensor"] aliases ["ger"] {
        call(x = self: &Tensor, y = vec2: &Tensor) {
            for (t, name) in [(x, "self"), (y, "vec2")] {
                if t.ndim() != 1 {
                    bail!(Runtime, "outer: Expected 1-D argument {name}, but got {}-D", t.ndim());
                }
            }
            product::outer(x, y)
        },
        samples: ["u(3), u(4)", "u(6)[::2], u(2)", "u(0), u(3)", "u(3, 1), u(3)"],
    }
    /// `beta * self + alpha * (mat1 @ mat2)`; `self` broadcasts. With `beta=0` NaN and infinity in `self` do not count.
    addmm + out + overwrites + exact as [
        "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    ] {
        call(x = self: &Tensor, mat1: &Tensor, mat2: &Tensor, beta: Number, alpha: Number; a) {
            addmm("addmm", beta, alpha, [x, mat1, mat2], a)
        },
        samples: [
            "u(3, 5), u(3, 4), u(4, 5)",
            "u(5), u(3, 4), u(4, 5), beta=0.5, alpha=2",
            "u(3, 1), u(4, 3).t(), u(5, 4).t(), beta=2",
            "u(), u(3, 4), u(4, 5)",
            "edges(NAN, INF), u(3, 4), u(4, 2), beta=0",
            "u(3, 5), u(3, 0), u(0, 5)",
            "u(3, 3), u(3, 4), u(5, 4)",
            "u(7), u(3, 4), u(4, 4)",
            "u(1, 3, 4), u(3, 4), u(4, 4)",
            "u(4), u(3), u(4, 4)",
        ],
    }
    /// `beta * self + alpha * (mat @ vec)`; `self` broadcasts.
    addmv + out + inplace + exact as [
        "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    ] graph "AddmvBackward0" {
        call(x = self: &Tensor, m = mat: &Tensor, v = vec: &Tensor, beta: Number, alpha: Number) {
            check::matrix_vector(m.meta(), v.meta())?;
            check::addend(x.shape(), &m.shape()[..1])?;
            let column = x.unsqueeze_dims(&[x.ndim()])?;
            // PyTorch rounds them to halves here, and not in `addmm`.
            let factor = |n: Number| if x.dtype().is_half() { n.cast(x.dtype()) } else { n }.to_f64();
            if beta.imag() != 0.0 || alpha.imag() != 0.0 {
                [beta, alpha].iter().try_for_each(|&n| crate::ops::elementwise::map::fits(n, m.dtype()))?;
                return m.matmul(v)?.mul_number(alpha)?.add(&times(x, beta)?);
            }
            if x.dtype() != m.dtype() || m.dtype() != v.dtype() {
                let [x, m, v] = [x, m, v].map(|t| t.dtype().scalar_name());
                bail!(Runtime, "addmv input tensors must have the same dtype, but got {x}, {m}, and {v}");
            }
            let (beta, alpha) = (factor(beta), factor(alpha));
            if [x, m, v].iter().all(|t| t.dtype() == DType::Bool) && m.shape()[1] == 0 && beta != 0.0 {
                // No products: PyTorch gives the vector itself, of bool too.
                x.expand_to(&m.shape()[..1])?.cloned(Format::Contiguous)
            } else {
                let op = Addmm { beta, alpha, name: "addmm" };
                apply(op, &[&column, m, &v.unsqueeze_dims(&[1])?])?.squeeze_dims(&[1])
            }
        },
        samples: [
            "u(3), u(3, 4), u(4)",
            "u(1), u(3, 4), u(4), beta=0.5, alpha=-1",
            "u(3), u(3, 4), u(3)",
            "u(3), u(3, 0), u(0)",
        ],
    }
    /// `beta * self + alpha * torch.bmm(batch1, batch2)`; `self` broadcasts.
    baddbmm + out + overwrites + exact as [
        "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    ] {
        call(x = self: &Tensor, batch1: &Tensor, batch2: &Tensor, beta: Number, alpha: Number; a) {
            addmm("baddbmm", beta, alpha, [x, batch1, batch2], a)
        },
        samples: [
            "u(2, 3, 5), u(2, 3, 4), u(2, 4, 5)",
            "u(5), u(2, 3, 4), u(2, 4, 5), beta=0.5, alpha=2",
            "u(2, 3, 1), u(2, 4, 3).transpose(1, 2), u(2, 4, 5)",
            "u(4), u(2, 3, 4), u(2, 5, 4)",
            "u(5), u(2, 3, 4), u(2, 4, 4)",
            "u(2, 3, 5), u(2, 3, 0), u(2, 0, 5)",
        ],
    }
    /// `input @ weight.T + bias` over the last dim of `input`.
    ///
    /// input: (.., in_features); weight: (out_features, in_features), or (in_features) for one output without its dim;
    /// bias: (out_features).
    ///
    ///     >>> torch.nn.functional.linear(torch.tensor([1., 1.]), torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([0., 10.]))
    ///     tensor([ 3., 17.])
    linear_ + out + exact as ["nn.linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor; out"] {
        call(x = input: &Tensor, weight: &Tensor, bias: Option<&Tensor>) { x.linear(weight, bias) },
        samples: [
            "u(3, 4), u(5, 4), u(5)",
            "u(3, 4), u(5, 4)",
            "u(2, 3, 4), u(5, 4), u(5)",
            "u(3, 2, 4).transpose(0, 1), u(4, 5).t(), u(5)",
            "u(4), u(5, 4), u(5)",
            "u(4), u(5, 4)",
            "u(3, 4), u(4)",
            "u(0, 4), u(5, 4), u(5)",
            "u(3, 0), u(5, 0), u(5)",
            "u(3, 4), u(5, 6)",
            "u(2, 3, 4), u(5, 6), u(5)",
            "u(3, 4), u(5, 4), u(6)",
            "u(), u(5, 4), u(5)",
            "u(3, 4), u(5, 4).double(), u(5)",
        ],
    }
}

const DOT_SAMPLES: &[&str] =
    &["u(4), u(4)", "u(8)[::2], u(4)", "u(0), u(0)", "u(300), u(300)", "u(3), u(4)", "u(3, 1), u(3)"];

fn addmm(name: &'static str, beta: Number, alpha: Number, x: [&Tensor; 3], a: &Args) -> Result<Outs> {
    if beta.imag() != 0.0 || alpha.imag() != 0.0 {
        return scaled(name, beta, alpha, x, a);
    }
    let op = Addmm { beta: beta.to_f64(), alpha: alpha.to_f64(), name };
    if a.inplace { apply_inplace(op, &x).map(Outs::Over) } else { apply(op, &x).map(Outs::Tensor) }
}

/// `addmm` with complex factors: the product and what is added are scaled first.
fn scaled(name: &'static str, beta: Number, alpha: Number, [x, p, q]: [&Tensor; 3], a: &Args) -> Result<Outs> {
    [beta, alpha].iter().try_for_each(|&n| crate::ops::elementwise::map::fits(n, p.dtype()))?;
    let op = Addmm { beta: 1.0, alpha: 1.0, name };
    let y = apply(op, &[&times(x, beta)?, &times(p, alpha)?, q])?;
    if a.inplace { crate::tensor::views::replace(name, x, &y).map(Outs::Over) } else { Ok(Outs::Tensor(y)) }
}

/// `x` times `n`. By 0 it is without `x`, which may be NaN.
fn times(x: &Tensor, n: Number) -> Result<Tensor> {
    if n.is_zero() { crate::ops::scatter::number(Number::Int(0), x, x.shape()) } else { x.mul_number(n) }
}

fn inner(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if x.ndim() == 0 || y.ndim() == 0 {
        return x.mul(y);
    }
    if x.shape()[x.ndim() - 1] != y.shape()[y.ndim() - 1] {
        bail!(
            Runtime,
            "inner() the last dimension must match on both input tensors but got shapes {} and {}",
            list(x.shape()),
            list(y.shape())
        );
    }
    if x.dtype() != y.dtype() {
        bail!(Runtime, "both inputs should have same dtype");
    }
    if x.ndim() == 1 && y.ndim() == 1 {
        return apply(Dot, &[x, y]);
    }
    let mut shape: Shape = x.shape()[..x.ndim() - 1].into();
    y.shape()[..y.ndim() - 1].iter().for_each(|&n| shape.push(n));
    let k = x.shape()[x.ndim() - 1];
    let matrix = |t: &Tensor| t.reshape(&[t.shape()[..t.ndim() - 1].iter().product(), k]);
    product::product(&matrix(x)?, false, &matrix(y)?, true, 1.0)?.view_to(&shape)
}

impl Tensor {
    /// The product of two matrices.
    pub fn mm(&self, other: &Tensor) -> Result<Tensor> {
        if self.ndim() != 2 {
            bail!(Runtime, "self must be a matrix");
        }
        if other.ndim() != 2 {
            bail!(Runtime, "mat2 must be a matrix");
        }
        apply(Product::plain("mm"), &[self, other])
    }

    /// `torch.matmul`.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        match (self.ndim(), other.ndim()) {
            (0, _) | (_, 0) => Err(err!(
                Runtime,
                "both arguments to matmul need to be at least 1D, but they are {}D and {}D",
                self.ndim(),
                other.ndim()
            )
            .hint("matmul: multiply by a scalar with *")),
            (2, 2) => apply(Product::plain("mm"), &[self, other]),
            (1, 1) => apply(Dot, &[self, other]),
            (2, 1) => apply(Mv { t: false }, &[self, other]),
            (1, 2) => self.unsqueeze_dims(&[0])?.mm(other)?.squeeze_dims(&[0]),
            (n, 1) => {
                let rows = self.shape()[..n - 1].iter().product();
                let flat = self.reshape(&[rows, self.shape()[n - 1]])?;
                apply(Mv { t: false }, &[&flat, other])?.view_to(&self.shape()[..n - 1])
            }
            (ndim, 2) => apply(Linear { rows: false, name: "mm", ndim, bias: None }, &[self, other]),
            (1, n) => batched(&self.unsqueeze_dims(&[0])?, other)?.squeeze_dims(&[n - 2]),
            _ => batched(self, other),
        }
    }

    /// `torch.nn.functional.linear`.
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let ndim = self.ndim();
        if ndim == 0 || weight.ndim() == 0 {
            bail!(
                Runtime,
                "both arguments to linear need to be at least 1D, but they are {ndim}D and {}D",
                weight.ndim()
            );
        }
        match (weight.ndim(), bias) {
            (2, Some(b)) => {
                let plain = b.shape() == &weight.shape()[..1];
                let bias = if plain { None } else { Some(Box::new(b.layout().shape.clone())) };
                apply(Linear { rows: true, name: "linear", ndim, bias }, &[self, weight, b])
            }
            (2, None) => apply(Linear { rows: true, name: "mm", ndim, bias: None }, &[self, weight]),
            (1, None) => self.matmul(weight),
            (n, _) => Err(err!(Runtime, "mat2 must be a matrix, got {n}-D tensor")
                .hint("linear: weight has shape (out_features, in_features)")),
        }
    }
}

/// Batches of matrices whose leading dims broadcast. One of them has three dims or more, the other two or more.
fn batched(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (p, q) = (&x.shape()[..x.ndim() - 2], &y.shape()[..y.ndim() - 2]);
    let lead = if p == q { p.into() } else { broadcast(p, q)? };
    let widened = |t: &Tensor| {
        let mut shape = lead.clone();
        t.shape()[t.ndim() - 2..].iter().for_each(|&n| shape.push(n));
        t.expand_to(&shape)
    };
    apply(Product::plain("matmul"), &[&widened(x)?, &widened(y)?])
}

#[cfg(test)]
mod tests;
