//! The same elements with their dims in another order: permute, transpose, t, movedim.

use super::run;
use crate::bail;
use crate::core::shape::{list, normalize_dim};
use crate::core::{Layout, Shape};
use crate::error::Result;
use crate::tensor::def::Twins;
use crate::tensor::{Args, Context, Cotangents, Grads, Op, OpDef, Outs, Tensor, apply};

pub const PERMUTE: OpDef = OpDef {
    schema: &["permute(Tensor self, int[] dims) -> Tensor"],
    aliases: &[],
    doc: "The dims in the order `dims`, a permutation of all of them.",
    twins: Twins::NONE,
    call: |a| {
        let (x, dims) = (a.t(0)?, a.ints(1)?);
        if dims.len() != x.ndim() {
            bail!(
                Runtime,
                "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired \
                 ordering of dimensions i.e. input.dim() = {} is not equal to len(dims) = {}",
                x.ndim(),
                dims.len()
            );
        }
        let mut order = Shape::new();
        for &d in dims {
            let d = normalize_dim(d, x.ndim())?;
            if order.contains(&d) {
                bail!(Runtime, "permute(): duplicate dims are not allowed.");
            }
            order.push(d);
        }
        Outs::one(x.permute(&order))
    },
    samples: &[
        "u(2, 3, 4), (2, 0, 1)",
        "u(2, 3), (-1, 0)",
        "u(), ()",
        "u(2, 3), (0, 0)",
        "u(2, 3), (0,)",
        "u(2, 3), (0, 2)",
    ],
};

pub const TRANSPOSE: OpDef = OpDef {
    schema: &["transpose(Tensor self, int dim0, int dim1) -> Tensor"],
    aliases: &["swapdims"],
    doc: "Dims `dim0` and `dim1` swapped.",
    twins: Twins::INPLACE,
    call: transpose_args,
    samples: &["u(2, 3, 4), 0, 2", "u(2, 3), -1, dim1=-2", "u(), 0, -1", "u(2, 3), 0, 2"],
};

pub const SWAPAXES: OpDef = OpDef {
    schema: &["swapaxes(Tensor self, int axis0, int axis1) -> Tensor"],
    aliases: &[],
    doc: "`transpose` under NumPy's name.",
    twins: Twins::INPLACE,
    call: transpose_args,
    samples: &["u(2, 3, 4), 0, 2", "u(2, 3), axis0=-1, axis1=0"],
};

pub const T: OpDef = OpDef {
    schema: &["t(Tensor self) -> Tensor"],
    aliases: &[],
    doc: "The transpose of a matrix; fewer dims stay as they are.",
    twins: Twins::INPLACE,
    call: |a| {
        let x = a.t(0)?;
        if x.ndim() > 2 {
            bail!(Runtime, "t() expects a tensor with <= 2 dimensions, but self is {}D", x.ndim());
        }
        run(a, Transpose { a: 0, b: x.ndim().saturating_sub(1), name: "t" })
    },
    samples: &["u(2, 3)", "u(3)", "u()", "u(2, 3, 4)"],
};

pub const ADJOINT: OpDef = OpDef {
    schema: &["adjoint(Tensor self) -> Tensor"],
    aliases: &[],
    doc: "The last two dims swapped (and conjugated, which changes no real number).",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        match x.ndim() {
            0 => Ok(x.clone().into()),
            1 => {
                bail!(Runtime, "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
            }
            _ => Outs::one(x.mt()),
        }
    },
    samples: &["u(2, 3)", "u(2, 3, 4)", "u(3)"],
};

pub const MOVEDIM: OpDef = OpDef {
    schema: &[
        "movedim(Tensor self, int source, int destination) -> Tensor",
        "movedim(Tensor self, int[] source, int[] destination) -> Tensor",
    ],
    aliases: &["moveaxis"],
    doc: "The dims `source` put at the places `destination`; the others keep their order.",
    twins: Twins::NONE,
    call: |a| {
        let x = a.t(0)?;
        let one = |i| a.int(i).map(|d| [d]);
        match (a.opt_ints(1), a.opt_ints(2)) {
            (Some(source), Some(destination)) => Outs::one(movedim(x, source, destination)),
            _ => Outs::one(movedim(x, &one(1)?, &one(2)?)),
        }
    },
    samples: &[
        "u(2, 3, 4), 0, 2",
        "u(2, 3, 4), (0, 1), (2, 0)",
        "u(), (), ()",
        "u(2, 3, 4), (0, 1), (0,)",
        "u(2, 3, 4), (0, 0), (0, 1)",
        "u(2, 3), 2, 0",
    ],
};

fn transpose_args(a: &Args) -> Result<Outs> {
    let x = a.t(0)?;
    let (d, e) = (normalize_dim(a.int(1)?, x.ndim())?, normalize_dim(a.int(2)?, x.ndim())?);
    run(a, Transpose { a: d, b: e, name: "transpose" })
}

fn movedim(x: &Tensor, source: &[i64], destination: &[i64]) -> Result<Tensor> {
    if source.len() != destination.len() {
        bail!(
            Runtime,
            "movedim: Invalid source or destination dims: source ({} dims) should contain the same number of dims as \
             destination ({} dims)",
            list(source),
            list(destination)
        );
    }
    let normalized = |dims: &[i64], what| -> Result<Shape> {
        let out: Shape = dims.iter().map(|&d| normalize_dim(d, x.ndim())).collect::<Result<Vec<_>>>()?[..].into();
        if (1..out.len()).any(|i| out[..i].contains(&out[i])) {
            bail!(Runtime, "movedim: repeated dim in `{what}` ({})", list(dims));
        }
        Ok(out)
    };
    let (from, to) = (normalized(source, "source")?, normalized(destination, "destination")?);
    let mut others = (0..x.ndim()).filter(|d| !from.contains(d));
    let mut order = Shape::new();
    for place in 0..x.ndim() {
        match to.iter().position(|&t| t == place) {
            Some(i) => order.push(from[i]),
            None => others.by_ref().take(1).for_each(|d| order.push(d)),
        }
    }
    x.permute(&order)
}

impl Tensor {
    /// The dims in the order `dims`, a permutation.
    pub fn permute(&self, dims: &[usize]) -> Result<Tensor> {
        apply(Permute { dims: dims.into() }, &[self])
    }

    #[inline]
    pub fn transpose(&self, a: usize, b: usize) -> Result<Tensor> {
        apply(Transpose { a, b, name: "transpose" }, &[self])
    }

    /// The last two dims swapped, of a tensor that has two.
    pub fn mt(&self) -> Result<Tensor> {
        let n = self.ndim();
        if n < 2 {
            bail!(Runtime, "tensor.mT is only supported on matrices or batches of matrices. Got {n}-D tensor.");
        }
        self.transpose(n - 2, n - 1)
    }

    /// All dims in reverse order: `x.T`.
    pub fn reversed(&self) -> Result<Tensor> {
        let order: Shape = (0..self.ndim()).rev().collect();
        self.permute(&order)
    }
}

struct Permute {
    dims: Shape,
}

impl Op for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.permuted(&self.dims)))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        let mut inverse = Shape::zeros(self.dims.len());
        self.dims.iter().enumerate().for_each(|(i, &d)| inverse[d] = i);
        Grads::one(g.one()?.permute(&inverse)?)
    }
}

struct Transpose {
    a: usize,
    b: usize,
    /// `transpose` or `t`, which PyTorch's nodes tell apart.
    name: &'static str,
}

impl Op for Transpose {
    fn name(&self) -> &'static str {
        self.name
    }
    fn view(&self, x: &Layout) -> Option<Result<Layout>> {
        Some(Ok(x.transposed(self.a, self.b)))
    }
    fn vjp(&self, _: &Context, g: &Cotangents) -> Result<Grads> {
        Grads::one(apply(Transpose { a: self.a, b: self.b, name: self.name }, &[g.one()?])?)
    }
}
