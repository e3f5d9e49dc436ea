//! Long short-term memory: all steps of one layer in one direction, as one op.

use super::join::cat;
use crate::core::{Meta, Shape};
use crate::cpu::copy::contiguous;
use crate::device::Array;
use crate::error::Result;
use crate::tensor::{Context, Cotangents, Grads, Mask, Op, Saves, Tensor, apply_many};
use crate::{bail, cpu};

/// Hidden states and cells (T, N, H) of all steps. `gates` (T, N, 4 H) holds the products with the inputs, with all biases, in the order
/// i, f, g, o; `w` (4 H, H) is the states' weight; `h0` and `c0` (N, H) are the states at first. All are on the CPU, in float32 or
/// float64; `reverse` begins at the last step.
pub fn lstm(gates: &Tensor, w: &Tensor, h0: &Tensor, c0: &Tensor, reverse: bool) -> Result<[Tensor; 2]> {
    let fits = match *gates.shape() {
        [_, batch, wide] => {
            let n = wide / 4;
            *w.shape() == [wide, n] && *h0.shape() == [batch, n] && *c0.shape() == [batch, n] && wide % 4 == 0
        }
        _ => false,
    };
    let same = [w, h0, c0].iter().all(|t| t.dtype() == gates.dtype() && t.device() == gates.device());
    if !fits || !same || gates.shape()[0] == 0 {
        bail!(Runtime, "lstm: the gates, the weight and the states do not fit each other");
    }
    let mut out = apply_many(Lstm { reverse }, &[gates, w, h0, c0])?;
    out.truncate(2);
    let cells = out.swap_remove(1);
    Ok([out.swap_remove(0), cells])
}

/// Inputs: gates before their functions, weight, states at first. Outputs: hidden states, cells, and gates after their functions.
#[derive(Clone, Copy)]
struct Lstm {
    reverse: bool,
}

impl Op for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }
    /// As PyTorch's on CPUs.
    fn grad_name(&self) -> String {
        "MkldnnRnnLayerBackward".into()
    }
    fn outputs(&self) -> usize {
        3
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let mut shape: Shape = x[0].shape().into();
        shape[2] /= 4;
        let state = x[0].contiguous(shape);
        Ok(vec![state.clone(), state, x[0].contiguous(x[0].shape().into())])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if out[0].numel() > 0 {
            let (gates, h0, c0) = (contiguous(x[0])?, contiguous(x[2])?, contiguous(x[3])?);
            cpu::lstm::forward(&gates, x[1], [&h0, &c0], self.reverse, [&out[0], &out[1], &out[2]]);
        }
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        x[0].numel() * 8
    }
    fn saves(&self, _: Mask) -> Saves {
        let inputs = Saves::input_at(1).and(Saves::input_at(2)).and(Saves::input_at(3));
        inputs.and(Saves::output_at(0)).and(Saves::output_at(1)).and(Saves::output_at(2))
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let (w, c0) = (c.input(1)?, c.input(3)?);
        let (cells, gates) = (c.output_at(1)?, c.output_at(2)?);
        let given: [Option<&Tensor>; 3] = std::array::from_fn(|k| g.get(k));
        let mut inputs = vec![&w, &gates, &cells, &c0];
        inputs.extend(given.into_iter().flatten());
        let op = Backward { reverse: self.reverse, given: given.map(|g| g.is_some()) };
        let mut out = apply_many(op, &inputs)?;
        let (dc0, dh0, dgates) = (out.pop(), out.pop(), out.pop());
        let dw = match (&dgates, c.needs(1)) {
            (Some(d), true) => Some(self.weight_gradient(d, &c.input(2)?, &c.output_at(0)?)?),
            _ => None,
        };
        Grads::many(vec![dgates, dw, dh0, dc0])
    }
}

impl Lstm {
    /// One product of all steps: the gates' gradients with the hidden states that they were computed from.
    fn weight_gradient(&self, dgates: &Tensor, h0: &Tensor, hidden: &Tensor) -> Result<Tensor> {
        let [steps, batch, n] = [hidden.shape()[0], hidden.shape()[1], hidden.shape()[2]];
        let first = h0.reshape(&[1, batch, n])?;
        let others = hidden.narrow(0, self.reverse as usize, steps - 1)?;
        let before = if self.reverse { cat(&[&others, &first], 0)? } else { cat(&[&first, &others], 0)? };
        let rows = dgates.reshape(&[steps * batch, 4 * n])?;
        rows.transpose(0, 1)?.matmul(&before.reshape(&[steps * batch, n])?)
    }
}

/// Inputs: weight, gates after their functions, cells, the cell at first, and the gradients of the results that are given. Outputs:
/// gradients of the gates before their functions, and of the states at first.
struct Backward {
    reverse: bool,
    given: [bool; 3],
}

impl Backward {
    /// The gradients of the results among the inputs.
    fn found<'a, T: ?Sized>(&self, x: &[&'a T]) -> [Option<&'a T>; 3] {
        let mut next = 4;
        self.given.map(|given| {
            given.then(|| {
                next += 1;
                x[next - 1]
            })
        })
    }

    /// Step by step in ops that can be differentiated again.
    fn in_ops(&self, x: &[&Tensor]) -> Result<Vec<Tensor>> {
        let [w, gates, cells, c0] = [x[0], x[1], x[2], x[3]];
        let (steps, n) = (cells.shape()[0], cells.shape()[2]);
        let given = self.found(x);
        let with = |sum: Tensor, k: usize, t: usize| match given[k] {
            Some(g) => sum.add(&g.select(0, t)?),
            None => Ok(sum),
        };
        let (mut dh, mut dc) = (super::create::zeros_like(c0)?, super::create::zeros_like(c0)?);
        let mut all: Vec<Option<Tensor>> = vec![None; steps];
        for s in (0..steps).rev() {
            let place = |s: usize| if self.reverse { steps - 1 - s } else { s };
            let t = place(s);
            let now = gates.select(0, t)?;
            let part = |x: &Tensor, k: usize| x.narrow(1, k * n, n);
            let [i, f, g, o] = [part(&now, 0)?, part(&now, 1)?, part(&now, 2)?, part(&now, 3)?];
            let before = if s == 0 { c0.clone() } else { cells.select(0, place(s - 1))? };
            let squashed = cells.select(0, t)?.tanh()?;
            dh = with(dh, 0, t)?;
            dc = with(dc, 1, t)?;
            dc = dc.add(&dh.mul(&o)?.mul(&squashed.square()?.neg()?.add_number(1i64)?)?)?;
            let mut parts = [dc.mul(&g)?, dc.mul(&before)?, dc.mul(&i)?, dh.mul(&squashed)?];
            for (k, d) in parts.iter_mut().enumerate() {
                if let Some(more) = given[2] {
                    *d = d.add(&part(&more.select(0, t)?, k)?)?;
                }
            }
            let slope = |y: &Tensor| y.sub(&y.square()?);
            let [di, df, dg, d_o] = &parts;
            let d = cat(
                &[
                    &di.mul(&slope(&i)?)?,
                    &df.mul(&slope(&f)?)?,
                    &dg.mul(&g.square()?.neg()?.add_number(1i64)?)?,
                    &d_o.mul(&slope(&o)?)?,
                ],
                1,
            )?;
            dc = dc.mul(&f)?;
            dh = d.matmul(w)?;
            all[t] = Some(d.unsqueeze_dims(&[0])?);
        }
        let all: Vec<&Tensor> = all.iter().flatten().collect();
        Ok(vec![cat(&all, 0)?, dh, dc])
    }
}

impl Op for Backward {
    fn name(&self) -> &'static str {
        "lstm_backward"
    }
    fn outputs(&self) -> usize {
        3
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let state = x[3].contiguous(x[3].shape().into());
        Ok(vec![x[1].contiguous(x[1].shape().into()), state.clone(), state])
    }
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        Some(self.in_ops(x))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if out[0].numel() == 0 {
            return Ok(());
        }
        let given = self.found(x).map(|g| g.map(contiguous).transpose());
        let [h, c, gates] = given;
        let (h, c, gates, c0) = (h?, c?, gates?, contiguous(x[3])?);
        let given = [h.as_ref(), c.as_ref(), gates.as_ref()];
        cpu::lstm::backward(given, x[0], [x[1], x[2], &c0], self.reverse, [&out[0], &out[1], &out[2]]);
        Ok(())
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        x[1].numel() * 8
    }
    fn differentiable(&self) -> bool {
        false
    }
}
