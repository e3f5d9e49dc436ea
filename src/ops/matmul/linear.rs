//! Products with something added: `addmm`, `baddbmm` and the linear layer, one kernel call each.

use super::check;
use super::product::{cost, product, turned};
use crate::core::{Meta, Shape};
use crate::cpu::gemm::{Fused, matmul};
use crate::device::Array;
use crate::error::Result;
use crate::gpu;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply};
use crate::{bail, err};

/// `x W^T + bias` over the last dim of x (`x W` if not `rows`); the bias is optional. Inputs: x, W, bias.
pub struct Linear {
    /// Whether W holds a row per output, as layers do.
    pub rows: bool,
    pub name: &'static str,
    /// Of W.
    pub ndim: usize,
    /// The bias's shape, where it is not one entry per output.
    pub bias: Option<Box<Shape>>,
}

impl Linear {
    /// W as the kernel wants it: k x n, repeated for every leading dim of x.
    fn weight(&self, w: &Array, ndim: usize) -> Array {
        let mut l = turned(&w.layout, self.rows);
        while l.ndim() < ndim {
            l = l.unsqueezed(0);
            l.strides[0] = 0;
        }
        w.with_layout(l)
    }
}

impl Op for Linear {
    fn name(&self) -> &'static str {
        self.name
    }
    fn complex(&self) -> bool {
        true
    }

    /// As PyTorch's decomposition would name it.
    fn grad_name(&self) -> String {
        match (self.ndim, self.name) {
            (2, "mm") => "MmBackward",
            (2, _) => "AddmmBackward",
            (1, "mm") => "SqueezeBackward",
            (_, "mm") => "UnsafeViewBackward",
            _ => "ViewBackward",
        }
        .into()
    }

    /// As of an addmm: what is added comes first.
    fn edge_order(&self) -> &'static [usize] {
        if self.name == "mm" { &[] } else { &[2, 0, 1] }
    }

    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let (a, w) = (x[0], x[1]);
        let last = a.ndim() - 1;
        let (k, l, n) = {
            let (p, q) = if self.rows { (1, 0) } else { (0, 1) };
            (a.shape()[last], w.shape()[p], w.shape()[q])
        };
        let m = a.numel() / k.max(1);
        check::inner(if self.rows { "linear" } else { "mm" }, (m, k), (l, n), ["mat1", "mat2"])?;
        if let Some(b) = x.get(2)
            && b.dtype != w.dtype
        {
            return Err(err!(
                Runtime,
                "self and mat2 must have the same dtype, but got {} and {}",
                b.dtype.scalar_name(),
                w.dtype.scalar_name()
            )
            .hint(format!(
                "linear: cast all to one dtype; weight is {}, bias {}",
                w.dtype.name(),
                b.dtype.name()
            )));
        }
        let empty = a.numel() == 0 || w.numel() == 0;
        check::dtypes(if x.len() == 3 { "addmm" } else { "mm" }, "addmm_impl_cpu_", a.dtype, w.dtype, empty)?;
        let mut shape = a.layout.shape.clone();
        shape[last] = n;
        if let Some(b) = x.get(2) {
            let rows: [usize; 2] = [m, n];
            check::addend(b.shape(), &rows)?;
            check::addition(a.dtype, &shape, 1.0)?;
        }
        Ok(a.contiguous(shape))
    }

    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let matrix = |x: &Array| if x.ndim() == 1 { x.with_layout(x.layout.unsqueezed(0)) } else { x.clone() };
        let (a, y) = (matrix(x[0]), matrix(&out[0]));
        let add = x.get(2).map(|b| b.with_layout(b.layout.broadcast_to(y.shape())));
        let fused = Fused { add: add.as_ref(), ..Fused::NONE };
        matmul(&a, &self.weight(x[1], a.ndim()), &y, &fused)
    }

    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let matrix = |x: &Array| if x.ndim() == 1 { x.with_layout(x.layout.unsqueezed(0)) } else { x.clone() };
        let (a, y) = (matrix(x[0]), matrix(&out[0]));
        let add = x.get(2).map(|b| b.with_layout(b.layout.broadcast_to(y.shape())));
        let fused = gpu::matmul::Fused { add: add.as_ref(), ..gpu::matmul::Fused::NONE };
        gpu::matmul::matmul(self.name, &a, &self.weight(x[1], a.ndim()), &y, &fused)
    }

    fn cost(&self, x: &[&Array], out: &[Array]) -> usize {
        cost(out[0].numel(), 1, x[0].shape()[x[0].ndim() - 1])
    }

    fn saves(&self, needs: Mask) -> Saves {
        let mut s = Saves::NONE;
        if needs.has(0) {
            s = s.and(Saves::input_at(1));
        }
        if needs.has(1) {
            s = s.and(Saves::input_at(0));
        }
        s
    }

    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::three(
            c,
            || {
                let w = c.input(1)?.conj()?;
                apply(Linear { rows: !self.rows, name: "mm", ndim: g.ndim(), bias: None }, &[g, &w])
            },
            || {
                let x = matrix_of(&c.input(0)?.conj()?)?;
                let g = matrix_of(g)?;
                if self.rows { product(&g, true, &x, false, 1.0) } else { product(&x, true, &g, false, 1.0) }
            },
            // A bias of several dims belongs to a matrix; else g has at least its dims.
            || g.sum_to(self.bias.as_deref().map_or(&g.shape()[g.ndim() - 1..], |shape| shape)),
        )
    }
}

/// All dims but the last made one.
fn matrix_of(x: &Tensor) -> Result<Tensor> {
    let n = x.ndim();
    if n == 2 {
        return Ok(x.clone());
    }
    let k = x.shape()[n - 1];
    let rows = x.shape()[..n - 1].iter().product();
    x.reshape(&[rows, k])
}

/// `beta * input + alpha * a b`; a and b are matrices or batches of them, input broadcasts. Inputs: input, a, b.
pub struct Addmm {
    pub alpha: f64,
    pub beta: f64,
    pub name: &'static str,
}

impl Op for Addmm {
    fn name(&self) -> &'static str {
        self.name
    }
    fn complex(&self) -> bool {
        true
    }

    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let (input, a, b) = (x[0], x[1], x[2]);
        if self.name == "addmm" {
            for (m, name) in [(a, "mat1"), (b, "mat2")] {
                if m.ndim() != 2 {
                    bail!(Runtime, "{name} must be a matrix, got {}-D tensor", m.ndim());
                }
            }
            let (p, q) = (a.shape(), b.shape());
            check::inner("addmm", (p[0], p[1]), (q[0], q[1]), ["mat1", "mat2"])?;
        } else {
            for (m, name) in [(a, "batch1"), (b, "batch2")] {
                if m.ndim() != 3 {
                    bail!(Runtime, "{name} must be a 3D tensor");
                }
            }
            if [a, b].iter().any(|m| m.dtype != input.dtype) {
                let [x, p, q] = [input, a, b].map(|m| m.dtype.c_words());
                return Err(err!(Runtime, "Input dtypes must be the same, got: input {x}, batch1: {p}, batch2: {q}")
                    .hint(format!("{}: cast all to one dtype; input is {}", self.name, input.dtype.name())));
            }
            check::batches(self.name, a, b)?;
        }
        if input.dtype != b.dtype {
            return Err(err!(
                Runtime,
                "self and mat2 must have the same dtype, but got {} and {}",
                input.dtype.scalar_name(),
                b.dtype.scalar_name()
            )
            .hint(format!("{}: cast all to one dtype; input is {}", self.name, input.dtype.name())));
        }
        let kernel = if self.name == "addmm" { "addmm_impl_cpu_" } else { "baddbmm" };
        check::dtypes(self.name, kernel, a.dtype, b.dtype, a.numel() == 0 || b.numel() == 0)?;
        let mut shape = a.layout.shape.clone();
        let last = shape.len() - 1;
        shape[last] = b.shape()[last];
        check::addend(input.shape(), &shape)?;
        check::addition(a.dtype, &shape, self.beta)?;
        Ok(a.contiguous(shape))
    }

    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let input = x[0].with_layout(x[0].layout.broadcast_to(out[0].shape()));
        // A beta of 0 keeps NaN and infinity of the input out.
        let add = if self.beta == 0.0 { None } else { Some(&input) };
        matmul(x[1], x[2], &out[0], &Fused { alpha: self.alpha, beta: self.beta, add, relu: false })
    }

    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let input = x[0].with_layout(x[0].layout.broadcast_to(out[0].shape()));
        let add = if self.beta == 0.0 { None } else { Some(&input) };
        let fused = gpu::matmul::Fused { alpha: self.alpha, beta: self.beta, add };
        gpu::matmul::matmul(self.name, x[1], x[2], &out[0], &fused)
    }

    fn cost(&self, x: &[&Array], out: &[Array]) -> usize {
        cost(out[0].numel(), 1, x[1].shape()[x[1].ndim() - 1])
    }

    fn saves(&self, needs: Mask) -> Saves {
        let mut s = Saves::NONE;
        if needs.has(0) {
            s = s.and(Saves::META);
        }
        if needs.has(1) {
            s = s.and(Saves::input_at(2));
        }
        if needs.has(2) { s.and(Saves::input_at(1)) } else { s }
    }

    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::three(
            c,
            || if self.beta == 1.0 { Ok(g.clone()) } else { g.mul_number(self.beta) }?.sum_to(c.meta(0)?.shape()),
            || product(g, false, &c.input(2)?.conj()?, true, self.alpha),
            || product(&c.input(1)?.conj()?, true, g, false, self.alpha),
        )
    }
}
