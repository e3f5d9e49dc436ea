//! The same elements with their dims in another order: permute, transpose, t, movedim.

use super::run;
use crate::bail;
use crate::core::shape::{list, normalize_dim};
use crate::core::{Layout, Shape};
use crate::error::Result;
use crate::ops;
use crate::tensor::{Args, Context, Cotangents, Grads, Op, Outs, Tensor, apply};

ops! {
    /// The dims in the order `dims`, a permutation of all of them.
    ///
    ///     >>> tuple(torch.permute(torch.zeros(2, 3, 5), (2, 0, 1)).shape)
    ///     (5, 2, 3)
    permute as ["permute(Tensor self, int[] dims) -> Tensor"] {
        call(x = self: &Tensor, dims: &[i64]) {
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
            x.permute(&order)
        },
        samples: [
            "u(2, 3, 4), (2, 0, 1)",
            "u(2, 3), (-1, 0)",
            "u(), ()",
            "u(2, 3), (0, 0)",
            "u(2, 3), (0,)",
            "u(2, 3), (0, 2)",
        ],
    }
    /// Dims `dim0` and `dim1` swapped.
    ///
    ///     >>> torch.transpose(torch.tensor([[1., 2.], [3., 4.]]), 0, 1)
    ///     tensor([[1., 3.],
    ///             [2., 4.]])
    transpose + overwrites as ["transpose(Tensor self, int dim0, int dim1) -> Tensor"] aliases ["swapdims"] {
        call(x = self: &Tensor, dim0: i64, dim1: i64; a) { transposed(x, dim0, dim1, a) },
        samples: ["u(2, 3, 4), 0, 2", "u(2, 3), -1, dim1=-2", "u(), 0, -1", "u(2, 3), 0, 2"],
    }
    /// `transpose` under NumPy's name.
    swapaxes + overwrites as ["swapaxes(Tensor self, int axis0, int axis1) -> Tensor"] {
        call(x = self: &Tensor, axis0: i64, axis1: i64; a) { transposed(x, axis0, axis1, a) },
        samples: ["u(2, 3, 4), 0, 2", "u(2, 3), axis0=-1, axis1=0"],
    }
    /// The transpose of a matrix; fewer dims stay as they are.
    ///
    ///     >>> torch.t(torch.tensor([[1, 2, 3]]))
    ///     tensor([[1],
    ///             [2],
    ///             [3]])
    t + overwrites as ["t(Tensor self) -> Tensor"] {
        call(x = self: &Tensor; a) {
            if x.ndim() > 2 {
                bail!(Runtime, "t() expects a tensor with <= 2 dimensions, but self is {}D", x.ndim());
            }
            run(x, a, Transpose { a: 0, b: x.ndim().saturating_sub(1), name: "t" })
        },
        samples: ["u(2, 3)", "u(3)", "u()", "u(2, 3, 4)"],
    }
    /// The last two dims swapped, and complex elements conjugated.
    adjoint as ["adjoint(Tensor self) -> Tensor"] {
        call(x = self: &Tensor) {
            match x.ndim() {
                0 => x.conj(),
                1 => {
                    bail!(Runtime, "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
                }
                _ => x.mt()?.conj(),
            }
        },
        samples: ["u(2, 3)", "u(2, 3, 4)", "u(3)"],
    }
    /// The dims `source` put at the places `destination`; the others keep their order.
    movedim as [
        "movedim(Tensor self, int source, int destination) -> Tensor",
        "movedim(Tensor self, int[] source, int[] destination) -> Tensor",
    ] aliases ["moveaxis"] {
        call(
            x = self: &Tensor,
            source: Option<&[i64]>,
            destination: Option<&[i64]>,
            one = source: Option<i64>,
            place = destination: Option<i64>
        ) {
            match (source, destination, one, place) {
                (_, _, Some(one), Some(place)) => movedim(x, &[one], &[place]),
                (source, destination, ..) => movedim(x, source.unwrap_or(&[]), destination.unwrap_or(&[])),
            }
        },
        samples: [
            "u(2, 3, 4), 0, 2",
            "u(2, 3, 4), (0, 1), (2, 0)",
            "u(), (), ()",
            "u(2, 3, 4), (0, 1), (0,)",
            "u(2, 3, 4), (0, 0), (0, 1)",
            "u(2, 3), 2, 0",
        ],
    }
}

fn transposed(x: &Tensor, dim0: i64, dim1: i64, args: &Args) -> Result<Outs> {
    let (a, b) = (normalize_dim(dim0, x.ndim())?, normalize_dim(dim1, x.ndim())?);
    run(x, args, Transpose { a, b, name: "transpose" })
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
