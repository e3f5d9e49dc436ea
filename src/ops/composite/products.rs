//! Products made of matrix products: kron, cross, addr, addbmm, multi_dot, vecdot, matrix_power, bilinear.

use super::vector;
use crate::core::promote::promoted;
use crate::core::shape::{broadcast, list, normalize_dim};
use crate::core::{DType, Number, Shape};
use crate::error::Result;
use crate::ops;
use crate::tensor::{Operand, Tensor, mode};
use crate::{bail, err};

ops! {
    /// `beta * self + alpha * (the sum of the products of two batches of matrices)`; with `beta` 0 what `self` holds does not
    /// count.
    addbmm + out + inplace as [
        "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    ] graph "AddbmmBackward0" {
        call(x = self: &Tensor, batch1: &Tensor, batch2: &Tensor, beta: Number, alpha: Number) {
            if batch1.ndim() != 3 {
                bail!(Runtime, "batch1 must be a 3D tensor");
            }
            if batch2.ndim() != 3 {
                bail!(Runtime, "batch2 must be a 3D tensor");
            }
            let (a, b) = (batch1.shape(), batch2.shape());
            if a[0] != b[0] {
                bail!(Runtime, "batch1 and batch2 must have same number of batches, got {} and {}", a[0], b[0]);
            }
            if a[2] != b[1] {
                bail!(Runtime, "Incompatible matrix sizes for bmm ({}x{} and {}x{})", a[1], a[2], b[1], b[2]);
            }
            let x = x.expand_to_checked(&[a[1], b[2]])?;
            for (what, p, q) in [("mat1", batch1, batch2), ("self", &x, batch2)] {
                if p.dtype() != q.dtype() {
                    bail!(
                        Runtime,
                        "{what} and mat2 must have the same dtype, but got {} and {}",
                        p.dtype().scalar_name(),
                        q.dtype().scalar_name()
                    );
                }
            }
            let (beta, alpha) = (beta.cast(x.dtype()), alpha.cast(x.dtype()));
            let plain = |n: Number| n.to_f64() == 1.0 && n.imag() == 0.0;
            // One product over batch and inner dim.
            let left = batch1.permute(&[1, 0, 2])?.reshape(&[a[1], a[0] * a[2]])?;
            let y = left.mm(&batch2.reshape(&[b[0] * b[1], b[2]])?)?;
            let y = if plain(alpha) { y } else { y.mul_number(alpha)?.to_dtype(y.dtype())? };
            if beta.is_zero() {
                return Ok(y);
            }
            let x = if plain(beta) { x } else { x.mul_number(beta)?.to_dtype(x.dtype())? };
            y.add(&x)
        },
        samples: ["u(2, 3), u(4, 2, 5), u(4, 5, 3)", "u(2, 3), u(2, 2, 2), u(2, 2, 3), beta=2, alpha=0.5", "u(3, 2).t(), u(2, 2, 2), u(2, 2, 3)",
            "u(2, 3), u(2, 2, 3), u(2, 4, 3)"],
    }
    /// The products of all elements of `self` with all of `other`: block (i, j, ..) is `self[i, j, ..] * other`.
    kron + out as ["kron(Tensor self, Tensor other) -> Tensor"] {
        call(a = self: &Tensor, b = other: &Tensor) {
            let n = a.ndim().max(b.ndim());
            let size = |t: &Tensor, d: usize| if d + t.ndim() < n { 1 } else { t.shape()[d + t.ndim() - n] };
            let (mut left, mut right, mut whole) = (Shape::new(), Shape::new(), Shape::new());
            for d in 0..n {
                left.push(size(a, d));
                left.push(1);
                right.push(1);
                right.push(size(b, d));
                whole.push(size(a, d) * size(b, d));
            }
            a.reshape(&left)?.mul(&b.reshape(&right)?)?.reshape(&whole)
        },
        samples: ["u(2, 3), u(3, 2)", "u(2), u(2, 2)", "u(2, 3), u()", "u(0, 2), u(2, 2)", "u(2), ix(2, n=3)"],
    }
    /// Cross products of vectors of 3 along `dim`; without `dim` along the first dim of size 3, which is deprecated.
    cross + out + exact as ["cross(Tensor self, Tensor other, int? dim=None) -> Tensor"] graph "LinalgCrossBackward0" {
        call(a = self: &Tensor, b = other: &Tensor, dim: Option<i64>) {
            let dim = match dim {
                Some(dim) => dim,
                None => {
                    mode::warn(
                        "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or \
                         simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a \
                         future release.",
                    )?;
                    match a.shape().iter().position(|&n| n == 3) {
                        Some(d) => d as i64,
                        None => bail!(Runtime, "no dimension of size 3 in input"),
                    }
                }
            };
            crossed(a, b, dim)
        },
        samples: ["u(3), u(3), 0", "u(2, 3), u(2, 3), 1", "u(3, 2), u(3, 2)", "u(3, 2).t(), u(2, 3), -1", "u(1, 3), u(2, 3), 1", "u(2, 4), u(2, 4)",
            "u(2, 3), u(3), 1", "u(2, 3), u(2, 3), 0"],
    }
    /// Cross products of vectors of 3 along `dim`; all other dims broadcast.
    linalg_cross + out + exact as [
        "linalg.cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor",
    ] graph "LinalgCrossBackward0" {
        call(a = self: &Tensor, b = other: &Tensor, dim: i64) { crossed(a, b, dim) },
        samples: ["u(3), u(3)", "u(2, 3), u(1, 3)", "u(3, 2), u(3, 2), dim=0", "u(2, 4), u(2, 4)"],
    }
    /// `beta * self + alpha * outer(vec1, vec2)`; with `beta` 0 what `self` holds does not count.
    addr + out + inplace as [
        "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    ] graph "AddrBackward0" {
        call(x = self: &Tensor, vec1: &Tensor, vec2: &Tensor, beta: Number, alpha: Number) {
            if vec1.ndim() != 1 || vec2.ndim() != 1 {
                bail!(
                    Runtime,
                    "addr: Expected 1-D argument vec1, but got {}-D, and 1-D argument vec2, but got {}-D",
                    vec1.ndim(),
                    vec2.ndim()
                );
            }
            let to = [vec1.numel(), vec2.numel()];
            let dtype = promoted(x.dtype(), promoted(vec1.dtype(), vec2.dtype())?)?;
            for (n, name) in [(beta, "beta"), (alpha, "alpha")] {
                match n {
                    Number::Bool(_) if dtype != DType::Bool => bail!(Runtime, "Boolean {name} only supported for Boolean results."),
                    Number::Float(_) if dtype.is_integral() => bail!(Runtime, "For integral input tensors, argument {name} must not be a floating point number."),
                    _ => {}
                }
            }
            let x = x.expand_to_checked(&to)?;
            let y = vec1.unsqueeze_dims(&[1])?.mul(&vec2.unsqueeze_dims(&[0])?)?;
            let y = if alpha == Number::Int(1) { y } else { y.mul_number(alpha)? };
            if beta.is_zero() {
                return y.to_dtype(dtype);
            }
            let x = if beta == Number::Int(1) { x } else { x.mul_number(beta)? };
            x.add(&y)?.to_dtype(dtype)
        },
        samples: ["u(2, 3), u(2), u(3)", "u(3), u(2), u(3), beta=2, alpha=3", "u(3, 2).t(), u(2), u(3)", "u(2, 3), u(2), u(3), beta=0", "u(2), u(2), u(3)",
            "u(2, 3), u(2, 1), u(3)"],
    }
    /// The product of two or more matrices, in the order that costs least; the first and the last may be vectors.
    multi_dot + out + exact as ["linalg.multi_dot(Tensor[] tensors) -> Tensor"] {
        call(tensors: &[&Tensor]) { multi_dot(tensors) },
        samples: ["[u(2, 3), u(3, 4)]", "[u(2, 3), u(3, 4), u(4, 2)]", "[u(3), u(3, 4), u(4, 2), u(2)]", "[u(2, 5), u(5, 1), u(1, 4), u(4, 3)]", "[u(2, 3)]",
            "[u(2, 3), u(2, 3)]", "[u(2, 3), u(3), u(3, 2)]"],
    }
    /// `linalg.multi_dot` of its arguments; deprecated.
    chain_matmul + out as ["function.chain_matmul(*Tensor[] matrices) -> Tensor"] {
        call(matrices: &[&Tensor]) {
            mode::warn(
                "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot \
                 instead, which accepts a list of two or more tensors rather than multiple parameters.",
            )?;
            if let Some(t) = matrices.iter().find(|t| t.ndim() != 2) {
                bail!(Runtime, "Tensor dimension is {}, expected 2 instead.", t.ndim());
            }
            match matrices {
                [] => bail!(Runtime, "chain_matmul(): Expected one or more matrices"),
                [only] => Ok((*only).clone()),
                _ => multi_dot(matrices),
            }
        },
        samples: ["u(2, 3), u(3, 4)", "u(2, 3), u(3, 4), u(4, 2)", "u(2, 3)"],
    }
    /// The sums of products of two tensors along `dim`; all other dims broadcast.
    vecdot + out + exact as ["linalg.vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor"] {
        call(x: &Tensor, y: &Tensor, dim: i64) {
            if x.dtype() != y.dtype() {
                bail!(
                    Runtime,
                    "linalg.vecdot: Expected x and y to have the same dtype, but found x of type {} and y of type {} instead",
                    x.dtype().scalar_name(),
                    y.dtype().scalar_name()
                );
            }
            for t in [x, y] {
                if !t.dtype().is_differentiable() {
                    bail!(
                        Runtime,
                        "linalg.vecdot: Expected a floating point or complex tensor as input. Got {}",
                        t.dtype().scalar_name()
                    );
                }
            }
            let shape = broadcast(x.shape(), y.shape())?;
            let dim = normalize_dim(dim, shape.len())?;
            let z = x.conj()?.mul(y)?;
            let dtype = z.dtype();
            z.sum(&if shape.is_empty() { vec![] } else { vec![dim] }, false)?.to_dtype(dtype)
        },
        samples: ["u(3), u(3)", "u(2, 3), u(2, 3)", "u(2, 3), u(3), dim=1", "u(3, 2).t(), u(2, 3), dim=0", "u(2, 3), u(2)"],
    }
    /// The `n`th power of square matrices; for negative `n` of their inverse.
    matrix_power + out + exact as ["matrix_power(Tensor self, int n) -> Tensor"] aliases ["linalg.matrix_power"] {
        call(x = self: &Tensor, n: i64) { power(x, n) },
        samples: ["u(3, 3), 3", "u(2, 3, 3), 2", "u(3, 3), 1", "u(3, 3), 0", "u(3, 3), 6", "u(3, 3).t(), 5", "u(3, 3), -1", "u(2, 3, 3), -3", "u(2, 3), 2", "u(3), 2"],
    }
    /// `x1 A x2 + b` for each output: `input1` (.., n1), `input2` (.., n2), `weight` (out, n1, n2), `bias` (out).
    bilinear as [
        "function.bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor",
        "nn.bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor",
    ] {
        call(input1: &Tensor, input2: &Tensor, weight: &Tensor, bias: Option<&Tensor>) {
            bilinear(input1, input2, weight, bias)
        },
        samples: ["u(4, 2), u(4, 3), u(5, 2, 3), u(5)", "u(2, 4, 2), u(2, 4, 3), u(1, 2, 3)", "u(2), u(3), u(5, 2, 3)", "u(4, 2), u(4, 3), u(5, 2, 2)",
            "u(4, 2), u(3, 3), u(5, 2, 3)"],
    }
}

/// Refuses two dtypes, in the words of kernels that promote nothing.
pub(super) fn one_dtype(a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dtype() != b.dtype() {
        bail!(Runtime, "expected scalar type {} but found {}", a.dtype().scalar_name(), b.dtype().scalar_name());
    }
    Ok(())
}

fn crossed(a: &Tensor, b: &Tensor, dim: i64) -> Result<Tensor> {
    if a.ndim() != b.ndim() {
        bail!(Runtime, "linalg.cross: inputs must have the same number of dimensions.");
    }
    let d = normalize_dim(dim, a.ndim())?;
    let size = |t: &Tensor| t.shape().get(d).copied().unwrap_or(1);
    if size(a) != 3 || size(b) != 3 {
        bail!(Runtime, "linalg.cross: inputs dimension {dim} must have length 3. Got {} and {}", size(a), size(b));
    }
    broadcast(a.shape(), b.shape())?;
    if a.dtype() == DType::Bool {
        return Err(DType::Bool.lacks("cross"));
    }
    one_dtype(a, b)?;
    let turned = |t: &Tensor, by: i64| t.index_select(d, &vector(&[by, (by + 1) % 3, (by + 2) % 3], t)?);
    turned(a, 1)?.mul(&turned(b, 2)?)?.sub(&turned(a, 2)?.mul(&turned(b, 1)?)?)
}

impl Tensor {
    /// Broadcast to `shape`, or the error that it does not.
    fn expand_to_checked(&self, shape: &[usize]) -> Result<Tensor> {
        let sizes: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
        self.layout().expand(&sizes)?;
        self.expand_to(shape)
    }
}

fn multi_dot(tensors: &[&Tensor]) -> Result<Tensor> {
    let n = tensors.len();
    if n < 2 {
        bail!(Runtime, "multi_dot(): expected at least 2 tensors but got {n}");
    }
    let dtype = tensors[0].dtype();
    for (i, t) in tensors.iter().enumerate() {
        let end = i == 0 || i == n - 1;
        if t.ndim() != 2 && !(end && t.ndim() == 1) {
            let d = t.ndim();
            match i {
                0 => bail!(Runtime, "multi_dot(): the first tensor must be 1D or 2D but got {d}D"),
                _ if i == n - 1 => bail!(Runtime, "multi_dot(): the last tensor must be 1D or 2D but got {d}D"),
                _ => bail!(Runtime, "multi_dot(): tensor {i} must be 2D but got {d}D"),
            }
        }
        if t.dtype() != dtype {
            bail!(
                Runtime,
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is {} and tensor {i} {}",
                dtype.scalar_name(),
                t.dtype().scalar_name()
            );
        }
    }
    let mut parts: Vec<Tensor> = tensors.iter().map(|&t| t.clone()).collect();
    let (row, column) = (parts[0].ndim() == 1, parts[n - 1].ndim() == 1);
    if row {
        parts[0] = parts[0].unsqueeze_dims(&[0])?;
    }
    if column {
        parts[n - 1] = parts[n - 1].unsqueeze_dims(&[1])?;
    }
    for (i, two) in parts.windows(2).enumerate() {
        if two[0].shape()[1] != two[1].shape()[0] {
            bail!(
                Runtime,
                "multi_dot(): tensors {i} and {} with shapes {} and {} cannot be multiplied",
                i + 1,
                list(two[0].shape()),
                list(two[1].shape())
            );
        }
    }
    // cost[i][j]: the least number of multiplications for parts i to j; at[i][j]: where they are cut.
    let size = |i: usize| if i == 0 { parts[0].shape()[0] } else { parts[i - 1].shape()[1] };
    let (mut cost, mut at) = (vec![vec![0f64; n]; n], vec![vec![0usize; n]; n]);
    for len in 1..n {
        for i in 0..n - len {
            let j = i + len;
            cost[i][j] = f64::INFINITY;
            for k in i..j {
                let c = cost[i][k] + cost[k + 1][j] + (size(i) as f64) * (size(k + 1) as f64) * (size(j + 1) as f64);
                if c < cost[i][j] {
                    (cost[i][j], at[i][j]) = (c, k);
                }
            }
        }
    }
    let mut y = chained(&parts, &at, 0, n - 1)?;
    if column {
        y = y.squeeze_dims(&[1])?;
    }
    if row {
        y = y.squeeze_dims(&[0])?;
    }
    Ok(y)
}

fn chained(parts: &[Tensor], at: &[Vec<usize>], i: usize, j: usize) -> Result<Tensor> {
    if i == j {
        return Ok(parts[i].clone());
    }
    let k = at[i][j];
    chained(parts, at, i, k)?.mm(&chained(parts, at, k + 1, j)?)
}

fn power(x: &Tensor, n: i64) -> Result<Tensor> {
    let nd = x.ndim();
    if nd < 2 {
        bail!(Runtime, "linalg.matrix_power: The input tensor A must have at least 2 dimensions.");
    }
    let (r, c) = (x.shape()[nd - 2], x.shape()[nd - 1]);
    if r != c {
        bail!(Runtime, "linalg.matrix_power: A must be batches of square matrices, but they are {r} by {c} matrices");
    }
    if n < 0 {
        return power(&crate::ops::linalg::solve::inverse(x, "linalg.inv")?, n.saturating_neg());
    }
    if n == 0 {
        let one = super::counted(r, x.device())?;
        let eye = one.unsqueeze_dims(&[1])?.eq(&one)?;
        // None of `x` is chosen: the result belongs to its graph, with a gradient of 0.
        let never = eye.logical_xor(&eye)?;
        return never.choose(Operand::Tensor(&x.contiguous()?), Operand::Tensor(&eye.to_dtype(x.dtype())?));
    }
    if n == 1 {
        return x.cloned(crate::ops::copy::Format::Preserve);
    }
    let (mut rest, mut square, mut out) = (n, x.clone(), None::<Tensor>);
    loop {
        if rest & 1 == 1 {
            out = Some(match out {
                Some(y) => y.matmul(&square)?,
                None => square.clone(),
            });
        }
        rest >>= 1;
        if rest == 0 {
            break;
        }
        square = square.matmul(&square)?;
    }
    out.ok_or_else(|| err!(Runtime, "internal error: no power"))
}

fn bilinear(a: &Tensor, b: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if [Some(b), Some(weight), bias].into_iter().flatten().any(|t| t.dtype() != a.dtype()) {
        let bias = bias.map_or(String::new(), |t| format!(", bias: {}", t.dtype().c_words()));
        bail!(
            Runtime,
            "All tensors must have the same dtype, got input1: {}, input2: {}, weight: {}{bias}",
            a.dtype().c_words(),
            b.dtype().c_words(),
            weight.dtype().c_words()
        );
    }
    if a.ndim() != b.ndim() {
        bail!(Runtime, "bilinear(): input dimensions do not match: got {} and {}", a.ndim(), b.ndim());
    }
    let n = a.ndim();
    if n == 0 || weight.ndim() != 3 {
        bail!(Runtime, "bilinear(): expected inputs with at least one dim and a weight with three");
    }
    for d in 0..n - 1 {
        if a.shape()[d] != b.shape()[d] {
            bail!(
                Runtime,
                "bilinear(): input batch dimensions do not match at dim {d}: got {} and {}",
                a.shape()[d],
                b.shape()[d]
            );
        }
    }
    let w = weight.shape();
    for (i, t) in [a, b].into_iter().enumerate() {
        if t.shape()[n - 1] != w[i + 1] {
            bail!(
                Runtime,
                "bilinear(): input{} size does not match weight size: got {} but expected {}",
                i + 1,
                t.shape()[n - 1],
                w[i + 1]
            );
        }
    }
    if let Some(bias) = bias
        && (bias.ndim() != 1 || bias.numel() != w[0])
    {
        bail!(Runtime, "bilinear(): bias size does not match weight size: got {} but expected {}", bias.numel(), w[0]);
    }
    let rows: usize = a.shape()[..n - 1].iter().product();
    let (a, b2) = (a.reshape(&[rows, w[1]])?, b.reshape(&[rows, w[2]])?);
    // (rows, n1) by (n1, out * n2), then the sum with b along n2.
    let left = a.mm(&weight.permute(&[1, 0, 2])?.reshape(&[w[1], w[0] * w[2]])?)?.view_to(&[rows, w[0], w[2]])?;
    let y = left.mul(&b2.unsqueeze_dims(&[1])?)?.sum(&[2], false)?.to_dtype(left.dtype())?;
    let mut shape: Shape = b.shape()[..n - 1].into();
    shape.push(w[0]);
    let y = y.reshape(&shape)?;
    match bias {
        Some(bias) => y.add(bias),
        None => Ok(y),
    }
}
