//! Norms of vectors and of matrices as far as they are sums, and distances: linalg.vector_norm, linalg.norm, norm, dist, cdist.

use crate::bail;
use crate::core::shape::{list, normalize_dim, normalize_dims};
use crate::core::{DType, Meta, Number, Shape};
use crate::error::Result;
use crate::ops;
use crate::ops::create::zeros_like;
use crate::ops::elementwise::{map, power};
use crate::ops::linalg;
use crate::ops::reduce::Over;
use crate::tensor::apply::{recorded, remember};
use crate::tensor::mode::GradGuard;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Operand, Saves, Tensor};

ops! {
    /// `(sum |x|^ord)^(1/ord)` over `dim` (all dims if None): the largest element for inf, the smallest for -inf, how many are
    /// not zero for 0. The gradient at a norm of 0 is 0.
    vector_norm + out + exact as [
        "linalg.vector_norm(Tensor x, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] {
        call(x: &Tensor, p = ord: f64, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) {
            x.vector_norm(p, dim, keepdim, dtype)
        },
        samples: [
            "u(2, 3)",
            "u(2, 3), 1",
            "u(2, 3), 3, 1",
            "u(2, 3), INF, 0, True",
            "u(2, 3), -INF, dim=1",
            "u(2, 3), 0",
            "u(2, 3), 0.5, 1",
            "u(2, 3, 4), 1.5, (0, 2)",
            "u(3, 2).t(), 2, 0",
            "edges(0.0, 2.0, 0.0), 3",
            "u()",
            "u(0)",
            "u(0, 3), 2, 0",
            "u(0), INF",
            "u(2, 3), 2, dtype=float64",
            "u(2, 3), 2, 2",
        ],
    }
    /// The norm `ord` of vectors along `dim`, or of matrices in two dims; without `ord` the 2-norm of all elements.
    ///
    /// Orders of matrices: "fro", "nuc" (the sum of singular values), 2 and -2 (the largest and the smallest of them), inf, -inf, 1, -1.
    ///
    ///     >>> torch.linalg.norm(torch.tensor([3., 4.]))
    ///     tensor(5.)
    linalg_norm + out + exact as [
        "linalg.norm(Tensor A, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
        "linalg.norm(Tensor A, str ord, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] {
        call(
            x = A: &Tensor,
            p = ord: Option<f64>,
            named = ord: Option<&str>,
            dim: Option<&[i64]>,
            keepdim: bool,
            dtype: Option<DType>
        ) {
            if let Some(d) = dim
                && !matches!(d.len(), 1 | 2)
            {
                bail!(Runtime, "linalg.norm: If dim is specified, it must be of length 1 or 2. Got {}", list(d));
            }
            let order = match (p, named) {
                (Some(p), _) => Order::P(p),
                (None, Some(name)) => Order::named(name)?,
                (None, None) => {
                    return x.vector_norm(2.0, dim, keepdim, dtype);
                }
            };
            if dim.is_none() && !matches!(x.ndim(), 1 | 2) {
                bail!(
                    Runtime,
                    "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {}D.",
                    x.ndim()
                );
            }
            match (order, dim.map_or(x.ndim(), <[i64]>::len)) {
                (Order::P(p), 1) => x.vector_norm(p, dim, keepdim, dtype),
                (order, _) => matrix_norm(x, order, dim.unwrap_or(&[-2, -1]), keepdim, dtype),
            }
        },
        samples: [
            "u(2, 3)",
            "u(2, 3), 1",
            "u(2, 3), INF, keepdim=True",
            "u(2, 3), 'fro'",
            "u(2, 3), 3, 1",
            "u(2, 3, 4), -1, (0, 2)",
            "u(3), 3",
            "u(2, 2, 2), 2",
            "u(2, 3), 'other'",
        ],
    }
    /// The norm `ord` of matrices in two dims: "fro", "nuc" (the sum of singular values), 2 and -2 (the largest and the smallest of
    /// them), inf, -inf, 1, -1.
    matrix_norm + out + exact as [
        "linalg.matrix_norm(Tensor A, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, dtype? dtype=None) -> Tensor",
        "linalg.matrix_norm(Tensor A, str ord='fro', int[] dim=[-2, -1], bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    ] {
        call(x = A: &Tensor, p = ord: Option<f64>, named = ord: Option<&str>, dim: &[i64], keepdim: bool, dtype: Option<DType>) {
            let order = match p {
                Some(p) => Order::P(p),
                None => Order::named(named.unwrap_or("fro"))?,
            };
            super::matrix_norm(x, order, dim, keepdim, dtype)
        },
        samples: ["u(2, 3)", "u(2, 3, 4), 1", "u(2, 3), INF, keepdim=True", "u(2, 3, 4), -INF, (0, 1)", "u(3)", "u(2, 3), 'fro', (0, 0)", "u(2, 3), 2", "u(2, 3, 4), -2, (2, 0)", "u(2, 3, 4), 'nuc', (0, 1)"],
    }
    /// The p-norm over `dim` (all dims if None); "fro" is the 2-norm.
    norm + out + exact as [
        "norm(Tensor self, Scalar? p, int[1]? dim=None, bool keepdim=False, dtype? dtype=None) -> Tensor",
        "norm(Tensor self, str? p='fro', int[1]? dim=None, bool keepdim=False, dtype? dtype=None) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            p: Option<f64>,
            named = p: Option<&str>,
            dim: Option<&[i64]>,
            keepdim: bool,
            dtype: Option<DType>
        ) {
            let p = match (p, named) {
                (Some(p), _) => p,
                (None, None | Some("fro")) => {
                    if let Some(d) = dim && named.is_some() && d.len() > 2 {
                        bail!(Runtime, "linalg.matrix_norm: dim must be a 2-tuple. Got {}", list(d));
                    }
                    2.0
                }
                (None, Some(name)) => {
                    return matrix_norm(x, Order::named(name)?, dim.unwrap_or(&[-2, -1]), keepdim, dtype);
                }
            };
            let dim = dim.filter(|d| !d.is_empty());
            x.vector_norm(p, dim, keepdim, dtype)
        },
        samples: [
            "u(2, 3)",
            "u(2, 3), 1",
            "u(2, 3), 'fro', 1",
            "u(2, 3), p=2, dim=(0, 1), keepdim=True",
            "u(2, 3), INF",
            "u(2, 3), 3, -1",
            "u(3, 2).t(), dim=0",
            "u(2, 3), dtype=float64",
            "u(2, 3), 'other'",
        ],
    }
    /// The p-norm of `self - other`, which broadcast.
    dist as ["dist(Tensor self, Tensor other, Scalar p=2) -> Tensor"] graph "DistBackward0" {
        call(x = self: &Tensor, other: &Tensor, p: f64) { x.sub(other)?.vector_norm(p, None, false, None) },
        samples: ["u(2, 3), u(2, 3)", "u(2, 3), u(3), 1", "u(2, 3), u(2, 3), INF", "u(2, 3), u(2, 3), 0.5", "u(3, 2).t(), u(2, 3), 3", "u(2), u(3)"],
    }
    /// The p-norms of the differences of all rows of `x1` and all rows of `x2`: (.., rows of x1, rows of x2).
    ///
    /// float32 and float64. The gradient at a distance of 0 is 0. Euclidean distances of more than 25 rows come from a matrix
    /// product unless `compute_mode` is "donot_use_mm_for_euclid_dist".
    cdist as [
        "function.cdist(Tensor x1, Tensor x2, float p=2.0, str? compute_mode='use_mm_for_euclid_dist_if_necessary') -> Tensor",
    ] graph "CdistBackward0" {
        call(x1: &Tensor, x2: &Tensor, p: f64, compute_mode: Option<&str>) { cdist(x1, x2, p, compute_mode) },
        samples: [
            "u(3, 4), u(2, 4)",
            "u(2, 3, 4), u(2, 2, 4), 1.0",
            "u(3, 4), u(5, 2, 4), p=3.0",
            "u(3, 4), u(2, 4), INF",
            "u(3, 4), u(2, 4), 0.0",
            "u(30, 2), u(27, 2) + 8",
            "u(30, 2), u(2, 2), 2.0, 'donot_use_mm_for_euclid_dist'",
            "u(0, 4), u(2, 4)",
            "u(3, 0), u(2, 0)",
            "u(3, 4), u(2, 3)",
            "u(4), u(2, 4)",
            "u(3, 4), u(2, 4), -1.0",
        ],
    }
}

/// What a norm of matrices is of.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    P(f64),
    Frobenius,
    Nuclear,
}

impl Order {
    pub(crate) fn named(name: &str) -> Result<Order> {
        match name {
            "fro" => Ok(Order::Frobenius),
            "nuc" => Ok(Order::Nuclear),
            other => bail!(Runtime, "linalg.matrix_norm: Order {other} not supported."),
        }
    }
}

pub(crate) fn matrix_norm(
    x: &Tensor,
    order: Order,
    dim: &[i64],
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    if x.ndim() < 2 {
        bail!(Runtime, "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.");
    }
    let &[rows, cols] = dim else {
        bail!(Runtime, "linalg.matrix_norm: dim must be a 2-tuple. Got {}", list(dim));
    };
    let [row, col] = [normalize_dim(rows, x.ndim())?, normalize_dim(cols, x.ndim())?];
    if row == col {
        bail!(Runtime, "linalg.matrix_norm: dims must be different. Got ({row}, {col})");
    }
    let dims = normalize_dims(dim, x.ndim())?;
    // Sums along one dim, then the largest or smallest along the other.
    let sums = |over: usize, of: usize, largest: bool| {
        let sum = x.vector_norm(1.0, Some(&[over as i64]), true, dtype)?;
        if sum.shape()[of] == 0 {
            bail!(Index, "linalg.matrix_norm: Expected reduction dim {of} to have non-zero size.");
        }
        let y = if largest { sum.amax(&[of], true)? } else { sum.amin(&[of], true)? };
        let over = Over::new(x, Some(dim), keepdim)?;
        y.reshape(&over.shape())
    };
    match order {
        Order::Frobenius => x.vector_norm(2.0, Some(dim), keepdim, dtype),
        Order::P(p) if p == 1.0 || p == -1.0 => sums(dims[0], dims[1], p > 0.0),
        Order::P(p) if p.is_infinite() => sums(dims[1], dims[0], p > 0.0),
        Order::P(p) if p.abs() != 2.0 => bail!(Runtime, "linalg.matrix_norm: Order {p} not supported."),
        Order::P(_) | Order::Nuclear => {
            let x = x.to_dtype(dtype.unwrap_or(x.dtype()))?;
            linalg::check_float(&x, "linalg.matrix_norm")?;
            let over = Over::new(&x, Some(dim), keepdim)?;
            let order_of: Shape = (0..x.ndim()).filter(|d| !dims.contains(d)).chain([dims[0], dims[1]]).collect();
            let s = linalg::svd::values(&x.permute(&order_of)?)?;
            let last = s.ndim() - 1;
            let y = match order {
                Order::P(_) if s.shape()[last] == 0 => {
                    bail!(Index, "linalg.matrix_norm: Expected reduction dim {last} to have non-zero size.")
                }
                Order::P(p) if p > 0.0 => s.amax(&[last], false)?,
                Order::P(_) => s.amin(&[last], false)?,
                _ => s.sum(&[last], false)?,
            };
            y.reshape(&over.shape())
        }
    }
}

fn cdist(a: &Tensor, b: &Tensor, p: f64, compute_mode: Option<&str>) -> Result<Tensor> {
    for (x, name) in [(a, "X1"), (b, "X2")] {
        if !x.dtype().is_float() {
            bail!(Runtime, "cdist only supports floating-point dtypes, {name} got: {}", x.dtype().scalar_name());
        }
        if x.ndim() < 2 {
            bail!(Runtime, "cdist only supports at least 2D tensors, {name} got: {}D", x.ndim());
        }
    }
    let (m, n) = (a.shape()[a.ndim() - 1], b.shape()[b.ndim() - 1]);
    if m != n {
        bail!(Runtime, "X1 and X2 must have the same number of columns. X1: {m} X2: {n}");
    }
    if p < 0.0 || p.is_nan() {
        bail!(Runtime, "cdist only supports non-negative p values");
    }
    let mode = match compute_mode {
        None | Some("use_mm_for_euclid_dist_if_necessary") => {
            a.shape()[a.ndim() - 2] > 25 || b.shape()[b.ndim() - 2] > 25
        }
        Some("use_mm_for_euclid_dist") => true,
        Some("donot_use_mm_for_euclid_dist") => false,
        Some(other) => bail!(Value, "{other} is not a valid value for compute_mode"),
    };
    let empty = a.numel() == 0 || b.numel() == 0;
    if a.dtype() != b.dtype() && empty {
        return cdist(a, &b.to_dtype(a.dtype())?, p, compute_mode);
    }
    if !(p == 2.0 && mode) {
        super::products::one_dtype(a, b)?;
    }
    if p == 2.0 && mode {
        return euclidean(a, b);
    }
    if a.dtype().is_half() && a.numel() > 0 && b.numel() > 0 {
        return Err(a.dtype().lacks("cdist"));
    }
    let apart = a.unsqueeze_dims(&[a.ndim() - 1])?.sub(&b.unsqueeze_dims(&[b.ndim() - 2])?)?;
    if n == 0 {
        return apart.sum(&[apart.ndim() - 1], false);
    }
    let over = Over::new(&apart, Some(&[-1]), false)?;
    normed(&apart, p, over, true)
}

/// `|a|^2 + |b|^2 - 2 a b`, and its root where that is not 0.
fn euclidean(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let squares = |x: &Tensor| x.square()?.sum(&[x.ndim() - 1], true);
    let products = a.matmul(&b.mt()?)?.mul_number(-2.0)?;
    let d = products.add(&squares(a)?)?.add(&squares(b)?.mt()?)?;
    let apart = d.gt(&zeros_like(&d)?)?;
    let root = apart.choose(Operand::Tensor(&d), Operand::Number(Number::Int(1)))?.sqrt()?;
    apart.choose(Operand::Tensor(&root), Operand::Number(Number::Int(0)))
}

fn to_power(x: &Tensor, p: f64) -> Result<Tensor> {
    map::on(&power::pow::ROW, [Operand::Tensor(x), Operand::Number(p.into())])
}

/// -1, 0 or 1.
fn sign(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return crate::ops::complex::Of::Sgn.run(x);
    }
    let zero = zeros_like(x)?;
    x.gt(&zero)?.to_dtype(x.dtype())?.sub(&x.lt(&zero)?.to_dtype(x.dtype())?)
}

impl Tensor {
    /// `torch.linalg.vector_norm`.
    pub fn vector_norm(&self, p: f64, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        if !self.dtype().is_differentiable() {
            bail!(
                Runtime,
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
                self.dtype().scalar_name()
            );
        }
        if let Some(d) = dtype
            && !d.is_differentiable()
        {
            bail!(
                Runtime,
                "linalg.vector_norm: dtype should be floating point or complex, but got {}",
                d.scalar_name()
            );
        }
        let x = self.to_dtype(dtype.unwrap_or(self.dtype()))?;
        let over = Over::new(&x, dim, keepdim)?;
        if x.numel() == 0 && (p < 0.0 || p == f64::INFINITY) {
            let words = if p == f64::INFINITY { "inf".into() } else { format!("{p}") };
            match (dim, over.dims.iter().find(|&&d| over.from[d] == 0)) {
                (None, _) => bail!(
                    Runtime,
                    "linalg.vector_norm cannot compute the {words} norm on an empty tensor because the operation does not have \
                     an identity"
                ),
                (_, Some(d)) => bail!(
                    Runtime,
                    "linalg.vector_norm cannot compute the {words} norm on the dimension {d}because this dimension is empty and \
                     the operation does not have an identity"
                ),
                _ => {}
            }
        }
        normed(&x, p, over, false)
    }
}

fn normed(x: &Tensor, p: f64, over: Over, distance: bool) -> Result<Tensor> {
    let y = {
        let _guard = GradGuard::new(false);
        norm_of(&x.detach(), p, &over)?
    };
    if recorded([x].into_iter()) {
        remember(Norm { p, over, distance }, &[x], &y)?;
    }
    Ok(y)
}

fn norm_of(x: &Tensor, p: f64, over: &Over) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return norm_of(&x.abs()?, p, over);
    }
    if x.dtype().is_half() {
        // float32 on the way: squares of halves overflow.
        return norm_of(&x.to_dtype(DType::F32)?, p, over)?.to_dtype(x.dtype());
    }
    let dims = &over.dims;
    if p.is_infinite() {
        let x = x.abs()?;
        if x.numel() == 0 || dims.is_empty() {
            return if x.numel() == 0 { x.sum(dims, over.keepdim) } else { x.reshape(&over.shape()) };
        }
        return if p > 0.0 { x.amax(dims, over.keepdim) } else { x.amin(dims, over.keepdim) };
    }
    let sum = |x: Tensor| x.sum(dims, over.keepdim);
    match p {
        0.0 => sum(x.ne(&zeros_like(x)?)?.to_dtype(x.dtype())?),
        1.0 => sum(x.abs()?),
        2.0 => sum(x.square()?)?.sqrt(),
        _ => to_power(&sum(to_power(&x.abs()?, p)?)?, 1.0 / p),
    }
}

/// A norm whose value was found without being recorded, for the sake of its gradient where it is 0.
struct Norm {
    p: f64,
    over: Over,
    /// Of order 0 a distance has a gradient of zeros, a norm none, as in PyTorch.
    distance: bool,
}

impl Op for Norm {
    fn name(&self) -> &'static str {
        "linalg_vector_norm"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let dtype = x[0].dtype.to_real();
        Ok(x[0].contiguous(self.over.shape()).with_dtype(dtype))
    }
    fn ties(&self) -> Mask {
        Mask(1)
    }
    fn saves(&self, _: Mask) -> Saves {
        Saves::INPUTS.and(Saves::OUTPUT)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (x, y, g) = (c.input(0)?, self.over.kept(&c.output()?)?, self.over.kept(g.one()?)?);
        let p = self.p;
        let none = Operand::Number(Number::Bool(false));
        // What is divided by a norm of 0 is 0.
        let by = |of: &Tensor, norm: &Tensor| y.eq(&zeros_like(&y)?)?.choose(none, Operand::Tensor(&of.div(norm)?));
        if p == 0.0 {
            return if self.distance { Grads::one(zeros_like(&x)?) } else { Grads::many(vec![None]) };
        }
        if p == 1.0 {
            return Grads::one(sign(&x)?.mul(&g)?);
        }
        if p == 2.0 {
            return Grads::one(x.mul(&by(&g, &y)?)?);
        }
        if p.is_infinite() {
            let hit = x.abs()?.eq(&y)?.logical_or(&x.ne(&x)?)?.to_dtype(y.dtype())?;
            let share = g.div(&hit.sum(&self.over.dims, true)?)?;
            return Grads::one(sign(&x)?.mul(&hit)?.mul(&share)?);
        }
        // x |x|^(p - 2), which is 0 where x is.
        let zero = x.eq(&zeros_like(&x)?)?;
        let scaled = if p > 2.0 {
            x.mul(&to_power(&x.abs()?, p - 2.0)?)?
        } else {
            let one = zero.choose(Operand::Number(Number::Int(1)), Operand::Tensor(&x))?;
            zero.choose(none, Operand::Tensor(&sign(&x)?.mul(&to_power(&one.abs()?, p - 1.0)?)?))?
        };
        let factor = by(&g, &to_power(&y, p - 1.0)?)?;
        Grads::one(scaled.mul(&factor)?)
    }
}
