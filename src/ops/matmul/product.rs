//! The products that all others are made of, closed under differentiation: matrix times matrix (each transposed or not,
//! in batches or not), matrix times vector, vector times vector.

use super::check;
use crate::core::{Layout, Meta};
use crate::cpu::gemm::{Fused, matmul};
use crate::device::Array;
use crate::error::Result;
use crate::gpu;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply};

/// Elements of elementwise work that m x n x k products are worth.
pub fn cost(m: usize, n: usize, k: usize) -> usize {
    m.saturating_mul(n).saturating_mul(k) / 16
}

/// A layout with its last two dims swapped, if `t`.
pub fn turned(x: &Layout, t: bool) -> Layout {
    let mut l = x.clone();
    if t {
        let n = l.shape.len();
        l.shape.swap(n - 1, n - 2);
        l.strides.swap(n - 1, n - 2);
    }
    l
}

/// The array with its last two dims swapped, if `t`.
pub fn turned_array(x: &Array, t: bool) -> Array {
    if t { x.with_layout(turned(&x.layout, true)) } else { x.clone() }
}

/// `alpha * op(a) op(b)`, where op transposes the last two dims if `ta`, `tb`. All dims before them are equal.
pub struct Product {
    pub ta: bool,
    pub tb: bool,
    pub alpha: f64,
    /// What the user called: `mm`, `bmm`, `matmul`.
    pub name: &'static str,
}

impl Product {
    pub fn plain(name: &'static str) -> Product {
        Product { ta: false, tb: false, alpha: 1.0, name }
    }
}

/// `alpha * op(a) op(b)` for matrices, or batches of them.
pub fn product(a: &Tensor, ta: bool, b: &Tensor, tb: bool, alpha: f64) -> Result<Tensor> {
    let name = if a.ndim() == 2 { "mm" } else { "bmm" };
    apply(Product { ta, tb, alpha, name }, &[a, b])
}

impl Op for Product {
    fn name(&self) -> &'static str {
        self.name
    }
    fn complex(&self) -> bool {
        true
    }

    fn grad_name(&self) -> String {
        match self.name {
            "mm" => "MmBackward".into(),
            "bmm" => "BmmBackward".into(),
            _ => "UnsafeViewBackward".into(),
        }
    }

    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        let (a, b) = (x[0], x[1]);
        let n = a.ndim();
        let kernel = if self.name == "mm" { "addmm_impl_cpu_" } else { "bmm" };
        let (p, q) = if self.ta { (n - 1, n - 2) } else { (n - 2, n - 1) };
        let (r, s) = if self.tb { (n - 1, n - 2) } else { (n - 2, n - 1) };
        let (ash, bsh) = (a.shape(), b.shape());
        if n == 2 {
            check::inner(self.name, (ash[p], ash[q]), (bsh[r], bsh[s]), ["mat1", "mat2"])?;
        } else if !self.ta && !self.tb {
            check::batches(self.name, a, b)?;
        }
        let empty = a.numel() == 0 || b.numel() == 0;
        check::dtypes(if n == 2 { "mm" } else { self.name }, kernel, a.dtype, b.dtype, empty)?;
        let mut shape = a.layout.shape.clone();
        shape[n - 2] = ash[p];
        shape[n - 1] = bsh[s];
        Ok(a.contiguous(shape))
    }

    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (a, b) = (turned_array(x[0], self.ta), turned_array(x[1], self.tb));
        matmul(&a, &b, &out[0], &Fused { alpha: self.alpha, ..Fused::NONE })
    }

    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let (a, b) = (turned_array(x[0], self.ta), turned_array(x[1], self.tb));
        let fused = gpu::matmul::Fused { alpha: self.alpha, ..gpu::matmul::Fused::NONE };
        gpu::matmul::matmul(self.name, &a, &b, &out[0], &fused)
    }

    fn cost(&self, x: &[&Array], out: &[Array]) -> usize {
        let k = x[0].shape()[x[0].ndim() - if self.ta { 2 } else { 1 }];
        cost(out[0].numel(), 1, k)
    }

    fn saves(&self, needs: Mask) -> Saves {
        both(needs)
    }

    /// y = A B: dA = g B^H and dB = A^H g; each is a product again, of transposed operands as need be.
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        let (ta, tb, alpha) = (self.ta, self.tb, self.alpha);
        Grads::two(
            c,
            || {
                let b = c.input(1)?.conj()?;
                if ta { product(&b, tb, g, true, alpha) } else { product(g, false, &b, !tb, alpha) }
            },
            || {
                let a = c.input(0)?.conj()?;
                if tb { product(g, true, &a, ta, alpha) } else { product(&a, !ta, g, false, alpha) }
            },
        )
    }
}

/// What a product of two inputs keeps: each for the other's gradient.
fn both(needs: Mask) -> Saves {
    let mut s = Saves::NONE;
    if needs.has(0) {
        s = s.and(Saves::input_at(1));
    }
    if needs.has(1) {
        s = s.and(Saves::input_at(0));
    }
    s
}

/// A matrix (transposed if `t`) times a vector.
pub struct Mv {
    pub t: bool,
}

impl Op for Mv {
    fn name(&self) -> &'static str {
        "mv"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        if !self.t {
            check::matrix_vector(x[0], x[1])?;
        }
        check::dtypes("mv", "addmv_impl_cpu", x[0].dtype, x[1].dtype, x[0].numel() == 0)?;
        Ok(x[0].contiguous([x[0].shape()[self.t as usize]][..].into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let column = |v: &Array| v.with_layout(v.layout.unsqueezed(1));
        matmul(&turned_array(x[0], self.t), &column(x[1]), &column(&out[0]), &Fused::NONE)
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let column = |v: &Array| v.with_layout(v.layout.unsqueezed(1));
        let (a, b, y) = (turned_array(x[0], self.t), column(x[1]), column(&out[0]));
        gpu::matmul::matmul("mv", &a, &b, &y, &gpu::matmul::Fused::NONE)
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        x[0].numel()
    }
    fn saves(&self, needs: Mask) -> Saves {
        both(needs)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::two(
            c,
            || {
                let x = c.input(1)?.conj()?;
                if self.t { outer(&x, g) } else { outer(g, &x) }
            },
            || apply(Mv { t: !self.t }, &[&c.input(0)?.conj()?, g]),
        )
    }
}

/// Column times row, element by element: it promotes, and bool stays bool.
pub fn outer(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.unsqueeze_dims(&[1])?.mul(b)
}

/// The sum of the products of two vectors.
pub struct Dot;

impl Op for Dot {
    fn name(&self) -> &'static str {
        "dot"
    }
    fn complex(&self) -> bool {
        true
    }
    fn infer(&self, x: &[&Meta]) -> Result<Meta> {
        check::vectors(x[0], x[1])?;
        Ok(x[0].contiguous([][..].into()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let row = x[0].with_layout(x[0].layout.unsqueezed(0));
        let column = x[1].with_layout(x[1].layout.unsqueezed(1));
        let one = out[0].with_layout(Layout::contiguous([1, 1][..].into()));
        matmul(&row, &column, &one, &Fused::NONE)
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let row = x[0].with_layout(x[0].layout.unsqueezed(0));
        let column = x[1].with_layout(x[1].layout.unsqueezed(1));
        let one = out[0].with_layout(out[0].layout.unsqueezed(0).unsqueezed(0));
        gpu::matmul::matmul("dot", &row, &column, &one, &gpu::matmul::Fused::NONE)
    }
    fn saves(&self, needs: Mask) -> Saves {
        both(needs)
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let g = g.one()?;
        Grads::two(c, || c.input(1)?.conj()?.mul(g), || c.input(0)?.conj()?.mul(g))
    }
}
