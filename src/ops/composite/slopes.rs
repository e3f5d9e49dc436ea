//! Slopes along dims (gradient), and rows brought to a norm (renorm).

use crate::bail;
use crate::core::shape::{normalize_dim, normalize_dims};
use crate::core::{DType, Number, Shape};
use crate::error::Result;
use crate::ops;
use crate::ops::elementwise::compare::gt;
use crate::ops::elementwise::map::on;
use crate::ops::join::cat;
use crate::tensor::{Operand, Outs, Tensor};

ops! {
    /// The slope of `self` along each of `dim` (all dims if it is not given), by differences over both neighbours, and by those
    /// of order `edge_order` at the ends. `spacing`: the distance of neighbours, one for each dim, or the coordinates.
    gradient as [
        "function.gradient(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]",
        "function.gradient(Tensor self, *, Scalar? spacing=None, int[] dim, int edge_order=1) -> Tensor[]",
        "function.gradient(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
        "function.gradient(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
        "function.gradient(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
        "function.gradient(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
    ] {
        call(
            x = self: &Tensor,
            one = spacing: Option<Number>,
            steps = spacing: Option<&[Number]>,
            points = spacing: Option<&[&Tensor]>,
            dim: Option<i64>,
            dims = dim: Option<&[i64]>,
            edge_order: i64
        ) {
            let given = match (dim, dims) {
                (Some(d), _) => Some(normalize_dims(&[d], x.ndim())?),
                (_, Some(list)) => Some(normalize_dims(list, x.ndim())?),
                _ => None,
            };
            let count = points.map(<[_]>::len).or(steps.map(<[_]>::len));
            let wanted = given.as_ref().map_or(x.ndim(), |d| d.len());
            if let Some(n) = count
                && n != wanted
            {
                if given.is_none() {
                    bail!(
                        Runtime,
                        "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to \
                         'self.dim() = {}', since dim argument was not given, but got a list of length {n}",
                        x.ndim()
                    );
                }
                bail!(
                    Runtime,
                    "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have \
                     the same length, but got a spacing argument of length {n} and a dim argument of length {wanted}."
                );
            }
            if x.dtype() == DType::U8 {
                bail!(Runtime, "torch.gradient does not support uint8 input.");
            }
            if x.dtype() == DType::Bool {
                bail!(
                    Runtime,
                    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` \
                     operator instead."
                );
            }
            if edge_order != 1 && edge_order != 2 {
                bail!(Runtime, "torch.gradient only supports edge_order=1 and edge_order=2.");
            }
            let dims: Shape = given.unwrap_or_else(|| (0..x.ndim()).collect());
            for (k, &d) in dims.iter().enumerate() {
                if x.shape().get(d).copied().unwrap_or(1) <= edge_order as usize {
                    bail!(Runtime, "torch.gradient expected each dimension size to be at least edge_order+1");
                }
                if dims[..k].contains(&d) {
                    bail!(Runtime, "dim {d} appears multiple times in the list of dims");
                }
            }
            if let Some(points) = points {
                for (&d, p) in dims.iter().zip(points) {
                    if p.ndim() != 1 {
                        bail!(
                            Runtime,
                            "torch.gradient expected each element of spacing to have one dimension, but got an element with \
                             {} dimensions!",
                            p.ndim()
                        );
                    }
                    if p.numel() != x.shape()[d] {
                        bail!(
                            Runtime,
                            "torch.gradient expected each element of spacing to have as many entries as its dim, {}, but got \
                             {}",
                            x.shape()[d],
                            p.numel()
                        );
                    }
                }
            }
            if x.dtype() == DType::Bool && points.is_none() {
                bail!(
                    Runtime,
                    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` \
                     operator instead."
                );
            }
            let slopes = dims.iter().enumerate().map(|(k, &d)| match (points, steps, one) {
                (Some(points), ..) => uneven(x, d, points[k], edge_order),
                (_, Some(steps), _) => even(x, d, steps[k].to_f64(), edge_order),
                (.., one) => even(x, d, one.map_or(1.0, Number::to_f64), edge_order),
            });
            slopes.collect::<Result<Vec<_>>>().map(Outs::Many)
        },
        samples: [
            "u(5)",
            "u(4, 5)",
            "u(4, 5), spacing=0.5",
            "u(4, 5), dim=1, edge_order=2",
            "u(4, 5), spacing=[0.5, 2.0]",
            "u(4, 5), dim=(1, 0), spacing=[0.5, 2.0], edge_order=2",
            "u(3, 4), dim=0, spacing=(edges(0.0, 1.0, 4.0),)",
            "u(4, 3), dim=(1,), spacing=(edges(0.0, 1.0, 4.0),), edge_order=2",
            "u(3, 2).t(), dim=1",
            "u(1)",
            "u(3), edge_order=3",
            "u(3), spacing=[1.0, 2.0]",
        ],
    }
    /// `self` whose entries along `dim` with a `p`-norm above `maxnorm` are scaled down to it.
    renorm + out + inplace + exact as [
        "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor",
    ] graph "RenormBackward0" {
        call(x = self: &Tensor, p: f64, dim: i64, maxnorm: f64) {
            if x.ndim() < 2 {
                bail!(Runtime, "renorm: input needs at least 2 dimensions, got {} dimensions", x.ndim());
            }
            if p <= 0.0 || p.is_nan() {
                bail!(Runtime, "renorm: non-positive-norm not supported");
            }
            if maxnorm < 0.0 || maxnorm.is_nan() {
                bail!(Runtime, "renorm: expected maxnorm to be >= 0 but got {}", crate::core::number::spelled(maxnorm));
            }
            let dim = normalize_dim(dim, x.ndim())?;
            let others: Vec<i64> = (0..x.ndim()).filter(|&d| d != dim).map(|d| d as i64).collect();
            let wide = if x.dtype().is_half() { x.to_dtype(DType::F32)? } else { x.clone() };
            let norm = wide.vector_norm(p, Some(&others[..]), true, None)?;
            let number = |v: f64| Operand::Number(Number::Float(v));
            let factor = norm.add_number(1e-7)?.reciprocal()?.mul_number(maxnorm)?;
            let large = on(&gt::ROW, [Operand::Tensor(&norm.detach()), number(maxnorm)])?;
            let factor = large.choose(Operand::Tensor(&factor), number(1.0))?;
            x.mul(&factor.to_dtype(x.dtype())?)?.contiguous()
        },
        samples: [
            "u(3, 4), 2, 0, 1.5",
            "u(3, 4), 1, 1, 2",
            "u(3, 2, 2), INF, -1, 1",
            "u(3, 2).t(), 2, 0, 0.5",
            "u(3, 2), 2, 0, -1",
            "u(3), 2, 0, 1",
            "u(3, 2), 0, 0, 1",
        ],
    }
}

/// `len` entries of dim `d` from `at` on.
fn part(x: &Tensor, d: usize, at: usize, len: usize) -> Result<Tensor> {
    x.narrow(d, at, len)
}

fn even(x: &Tensor, d: usize, step: f64, order: i64) -> Result<Tensor> {
    let n = x.shape()[d];
    let at = |i| part(x, d, i, 1);
    let (first, last) = if order == 1 {
        (at(1)?.sub(&at(0)?)?.div_number(step)?, at(n - 1)?.sub(&at(n - 2)?)?.div_number(step)?)
    } else {
        let edge = |a: Tensor, b: Tensor, c: Tensor, sign: f64| -> Result<Tensor> {
            let [a, b, c] = [(a, -1.5), (b, 2.0), (c, -0.5)].map(|(t, by)| t.mul_number(sign * by / step));
            a?.add(&b?)?.add(&c?)
        };
        (edge(at(0)?, at(1)?, at(2)?, 1.0)?, edge(at(n - 1)?, at(n - 2)?, at(n - 3)?, -1.0)?)
    };
    let middle = part(x, d, 2, n - 2)?.sub(&part(x, d, 0, n - 2)?)?.div_number(2.0 * step)?;
    cat(&[&first, &middle, &last], d)
}

/// Slopes at coordinates `p`, by the parabola through three neighbours.
fn uneven(x: &Tensor, d: usize, p: &Tensor, order: i64) -> Result<Tensor> {
    let n = x.shape()[d];
    let float = if x.dtype().is_float() { x.dtype() } else { crate::tensor::mode::default_float() };
    let p = if p.dtype().is_float() { p.clone() } else { p.to_dtype(float)? };
    let gaps = p.narrow(0, 1, n - 1)?.sub(&p.narrow(0, 0, n - 1)?)?;
    let along: Shape = (0..x.ndim()).map(|k| if k == d { n - 2 } else { 1 }).collect();
    let (left, right) = (gaps.narrow(0, 0, n - 2)?.reshape(&along)?, gaps.narrow(0, 1, n - 2)?.reshape(&along)?);
    let both = left.add(&right)?;
    let a = right.neg()?.div(&left.mul(&both)?)?;
    let b = right.sub(&left)?.div(&left.mul(&right)?)?;
    let c = left.div(&right.mul(&both)?)?;
    let weighed = |a: &Tensor, x: &Tensor, b: &Tensor, y: &Tensor, c: &Tensor, z: &Tensor| -> Result<Tensor> {
        a.mul(x)?.add(&b.mul(y)?)?.add(&c.mul(z)?)
    };
    let at = |i| part(x, d, i, 1);
    let middle = weighed(&a, &part(x, d, 0, n - 2)?, &b, &part(x, d, 1, n - 2)?, &c, &part(x, d, 2, n - 2)?)?;
    let gap = |i: usize| gaps.select(0, i);
    let (first, last) = if order == 1 {
        (at(1)?.sub(&at(0)?)?.div(&gap(0)?)?, at(n - 1)?.sub(&at(n - 2)?)?.div(&gap(n - 2)?)?)
    } else {
        // The slope of the same parabola at its end, whose gaps are h and k.
        let edge = |h: Tensor, k: Tensor, x: [Tensor; 3], sign: f64| -> Result<Tensor> {
            let both = h.add(&k)?;
            let a = h.mul_number(2.0)?.add(&k)?.div(&h.mul(&both)?)?.mul_number(-sign)?;
            let b = both.div(&h.mul(&k)?)?.mul_number(sign)?;
            let c = h.div(&k.mul(&both)?)?.mul_number(-sign)?;
            weighed(&a, &x[0], &b, &x[1], &c, &x[2])
        };
        (
            edge(gap(0)?, gap(1)?, [at(0)?, at(1)?, at(2)?], 1.0)?,
            edge(gap(n - 2)?, gap(n - 3)?, [at(n - 1)?, at(n - 2)?, at(n - 3)?], -1.0)?,
        )
    };
    cat(&[&first, &middle, &last], d)
}
