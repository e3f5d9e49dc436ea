//! Layer normalisation.

use crate::core::shape::list;
use crate::core::{DType, Meta, Shape};
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply_many};
use crate::{bail, cpu, err, gpu};

ops! {
    /// Each slice over the last dims, which are `normalized_shape`, less its mean and divided by sqrt(variance + eps);
    /// then times `weight`, plus `bias`.
    ///
    /// As Ba, Kiros and Hinton 2016, eq. 4, with the biased variance.
    ///
    ///     >>> torch.nn.functional.layer_norm(torch.tensor([[1., 2., 3.]]), (3,))
    ///     tensor([[-1.2247,  0.0000,  1.2247]])
    layer_norm as [
        "function.layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor",
        "nn.layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor",
    ] {
        call(
            x = input: &Tensor,
            normalized_shape: &[i64],
            weight: Option<&Tensor>,
            bias: Option<&Tensor>,
            eps: f64
        ) {
            layer_norm(x, normalized_shape, weight, bias, eps)
        },
        samples: [
            "u(4, 6), (6,)",
            "u(4, 6), (6,), u(6)",
            "u(4, 6), (6,), u(6), u(6)",
            "u(4, 6), (6,), None, u(6)",
            "u(2, 3, 4), (3, 4), u(3, 4), u(3, 4)",
            "u(6, 4).t(), (6,), u(6), u(6), 1e-2",
            "u(2, 70), [70], u(70), u(70)",
            "u(0, 3), (3,)",
            "u(4, 6), (5,)",
            "u(4, 6), (6,), u(5)",
            "ix(2, 3, n=4), (3,)",
        ],
    }
}

/// PyTorch's rule for the parameters of a normalisation of `dtype`: all have its dtype, or it is a half and all are float32. The
/// first that is given says which.
pub fn check_parameters(dtype: DType, parameters: &[Option<&Tensor>]) -> Result<()> {
    let given = || parameters.iter().flatten().map(|t| t.dtype());
    let Some(first) = given().next() else { return Ok(()) };
    let hint = format!(
        "the input is {}, the weight {}; convert the input, {}",
        dtype.name(),
        first.name(),
        first.cast_of("x")
    );
    if first == dtype {
        let Some(other) = given().find(|&d| d != dtype) else { return Ok(()) };
        bail!(Runtime, "expected scalar type {} but found {}", dtype.scalar_name(), other.scalar_name());
    }
    if given().any(|d| d != DType::F32) {
        return Err(err!(Runtime, "mixed dtype (CPU): expect parameter to have scalar type of Float").hint(hint));
    }
    if !dtype.is_half() {
        return Err(err!(Runtime, "mixed dtype (CPU): all inputs must share same datatype.").hint(hint));
    }
    Ok(())
}

pub fn layer_norm(
    x: &Tensor,
    normalized: &[i64],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    if normalized.is_empty() {
        bail!(
            Runtime,
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got \
             normalized_shape = []"
        );
    }
    let shape: Shape = normalized.iter().map(|&n| n.max(0) as usize).collect();
    for (name, t) in [("weight", weight), ("bias", bias)] {
        if let Some(t) = t.filter(|t| *t.shape() != *shape) {
            bail!(
                Runtime,
                "Expected {name} to be of same shape as normalized_shape, but got {name} of shape {} and normalized_shape = {}",
                list(t.shape()),
                list(normalized)
            );
        }
    }
    if x.ndim() < shape.len() || x.shape()[x.ndim() - shape.len()..] != *shape {
        let tail: String = normalized.iter().map(|n| format!(", {n}")).collect();
        bail!(
            Runtime,
            "Given normalized_shape={}, expected input with shape [*{tail}], but got input of size{}",
            list(normalized),
            list(x.shape())
        );
    }
    check_parameters(x.dtype(), &[weight, bias])?;
    if !x.dtype().is_float() {
        return Err(x.dtype().lacks("LayerNormKernelImpl"));
    }
    if weight.or(bias).is_some_and(|t| t.dtype() != x.dtype()) {
        // Halves with float32 parameters compute in float32, as they do anyway.
        return layer_norm(&x.to_dtype(DType::F32)?, normalized, weight, bias, eps)?.to_dtype(x.dtype());
    }
    let affine = Affine { weight: weight.is_some(), bias: bias.is_some() };
    let op = LayerNorm { n: shape.iter().product(), dims: shape.len(), affine, eps };
    let inputs: Vec<&Tensor> = [Some(x), weight, bias].into_iter().flatten().collect();
    Ok(apply_many(op, &inputs)?.swap_remove(0))
}

/// The parameters, weight and bias, that follow x among the inputs of an op with the outputs y, means and one over deviations.
#[derive(Clone, Copy)]
pub(super) struct Affine {
    pub weight: bool,
    pub bias: bool,
}

impl Affine {
    pub fn bias_at(self) -> usize {
        1 + self.weight as usize
    }

    /// Weight and bias among the inputs.
    pub fn parameters<'a>(self, x: &[&'a Array]) -> [Option<&'a Array>; 2] {
        [if self.weight { Some(x[1]) } else { None }, if self.bias { Some(x[self.bias_at()]) } else { None }]
    }

    pub fn ties(self) -> Mask {
        Mask(if self.weight { 0b11 } else { 0b1 })
    }

    /// The inputs and outputs that [`Affine::backward`] reads.
    pub fn saves(self) -> Saves {
        let x = if self.weight { Saves::input_at(0).and(Saves::input_at(1)) } else { Saves::input_at(0) };
        x.and(Saves::output_at(1)).and(Saves::output_at(2))
    }

    /// The gradients of x, weight and bias by `op` of g, x, mean, one over the deviation, and the weight where present. Its results
    /// are those of x if that is needed, and of weight and bias if `parameters`.
    pub fn backward(self, c: &Context, g: &Tensor, op: impl Op, parameters: bool) -> Result<Grads> {
        let x = c.input(0)?;
        let weight = if self.weight { Some(c.input(1)?) } else { None };
        let (mean, rstd) = (c.output_at(1)?, c.output_at(2)?);
        let mut inputs = vec![g, &x, &mean, &rstd];
        inputs.extend(&weight);
        let mut out = apply_many(op, &inputs)?.into_iter();
        let dx = if c.needs(0) { out.next() } else { None };
        let (dw, db) = if parameters { (out.next(), out.next()) } else { (None, None) };
        Grads::many(if self.weight { vec![dx, dw, db] } else { vec![dx, db] })
    }
}

#[derive(Clone, Copy)]
struct LayerNorm {
    /// Elements of a row, and how many dims they span.
    n: usize,
    dims: usize,
    affine: Affine,
    eps: f64,
}

impl LayerNorm {
    fn over(&self) -> gpu::norm::Over {
        gpu::norm::Over { dims: self.dims, n: self.n }
    }

    /// The metas of a row's mean and of its deviation's inverse.
    fn rows(&self, x: &Meta) -> Meta {
        let lead = x.ndim() - self.dims;
        let dtype = if x.dtype.is_half() { DType::F32 } else { x.dtype };
        x.contiguous(x.shape()[..lead].into()).with_dtype(dtype)
    }
}

impl Op for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn grad_name(&self) -> String {
        "NativeLayerNormBackward".into()
    }
    /// Weight and bias have edges, also where they are not given.
    fn edge_order(&self) -> &'static [usize] {
        &[0, 1, 2]
    }
    fn outputs(&self) -> usize {
        3
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let rows = self.rows(x[0]);
        Ok(vec![x[0].contiguous(x[0].shape().into()), rows.clone(), rows])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let [weight, bias] = self.affine.parameters(x);
        cpu::norm::forward(x[0], self.n, weight, bias, self.eps, [&out[0], &out[1], &out[2]]);
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let [weight, bias] = self.affine.parameters(x);
        gpu::norm::forward(x[0], self.over(), weight, bias, self.eps, [&out[0], &out[1], &out[2]])
    }
    fn ties(&self) -> Mask {
        self.affine.ties()
    }
    fn saves(&self, _: Mask) -> Saves {
        self.affine.saves()
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![]) };
        let Affine { weight, bias } = self.affine;
        let parameters = (weight && c.needs(1)) || (bias && c.needs(self.affine.bias_at()));
        self.affine.backward(c, g, Backward { norm: *self, input: c.needs(0), parameters }, parameters)
    }
}

impl Backward {
    /// The gradients in ops that can be differentiated again.
    fn in_ops(&self, g: &Tensor, x: &Tensor, weight: Option<&Tensor>) -> Result<Vec<Tensor>> {
        let lead = x.ndim() - self.norm.dims;
        let (outer, inner): (Vec<usize>, Vec<usize>) = ((0..lead).collect(), (lead..x.ndim()).collect());
        let apart = x.sub(&x.mean(&inner, true)?)?;
        let rstd = apart.square()?.mean(&inner, true)?.add_number(self.norm.eps)?.rsqrt()?;
        let unit = apart.mul(&rstd)?;
        let mut grads = vec![];
        if self.input {
            let h = weight.map_or(Ok(g.clone()), |w| g.mul(w))?;
            let along = unit.mul(&h.mul(&unit)?.mean(&inner, true)?)?;
            grads.push(h.sub(&h.mean(&inner, true)?)?.sub(&along)?.mul(&rstd)?);
        }
        if self.parameters {
            grads.extend([g.mul(&unit)?.sum(&outer, false)?, g.sum(&outer, false)?]);
        }
        Ok(grads)
    }
}

/// Inputs: g, x, mean, rstd, and the weight where present. Outputs: dx if asked for, dw and db if asked for.
struct Backward {
    norm: LayerNorm,
    input: bool,
    parameters: bool,
}

impl Op for Backward {
    fn name(&self) -> &'static str {
        "layer_norm_backward"
    }
    fn outputs(&self) -> usize {
        self.input as usize + 2 * self.parameters as usize
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let shape = x[1].shape();
        let row = x[1].contiguous(shape[shape.len() - self.norm.dims..].into());
        let mut out = vec![];
        if self.input {
            out.push(x[1].contiguous(shape.into()));
        }
        if self.parameters {
            out.extend([row.clone(), row]);
        }
        Ok(out)
    }
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        Some(self.in_ops(x[0], x[1], x.get(4).copied()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let n = self.norm.n;
        if self.input {
            cpu::norm::backward_input(x[0], x[1], n, x.get(4).copied(), x[2], x[3], &out[0]);
        }
        if self.parameters {
            let at = self.input as usize;
            cpu::norm::backward_parameters(x[0], x[1], n, x[2], x[3], &out[at], &out[at + 1]);
        }
        Ok(())
    }
    fn gpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        let over = self.norm.over();
        if self.input {
            gpu::norm::backward_input(x[0], x[1], over, x.get(4).copied(), [x[2], x[3]], &out[0])?;
        }
        if self.parameters {
            let at = self.input as usize;
            gpu::norm::backward_parameters(x[0], x[1], over, [x[2], x[3]], [&out[at], &out[at + 1]])?;
        }
        Ok(())
    }
    fn differentiable(&self) -> bool {
        false
    }
}
