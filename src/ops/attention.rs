//! Attention of scaled dot products without its scores in memory.

use super::composite::triangle::triangle;
use super::copy::Format;
use crate::core::shape::list;
use crate::core::{DType, Meta, Number, Shape, Strides};
use crate::cpu::attention::Masked;
use crate::device::Array;
use crate::error::Result;
use crate::ops;
use crate::tensor::{Context, Cotangents, Grads, Op, Operand, Outs, Saves, Tensor, apply_many, data};
use crate::{bail, cpu};

ops! {
    /// softmax(query key^T scale + mask) value, and for each query the logarithm of the sum of its weights.
    ///
    /// query is (..., H, L, E), key (..., H, S, E), value (..., H, S, V); H of the latter two may divide that of the query. Of a bool
    /// mask what is False is not attended to, one of floats is added; `is_causal`: position i attends to those up to i. A row
    /// without anything gives zeros. Needs memory for the results only, forward and backward: Dao et al. 2022.
    _scaled_dot_product_flash_attention_for_cpu as [
        "function._scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0.0, bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor, Tensor)",
    ] {
        call(
            query: &Tensor,
            key: &Tensor,
            value: &Tensor,
            dropout_p: f64,
            is_causal: bool,
            attn_mask: Option<&Tensor>,
            scale: Option<f64>
        ) {
            if dropout_p != 0.0 {
                bail!(Runtime, "scaled_dot_product_attention_flash_attention: Currently do not support dropout > 0");
            }
            attention(query, key, value, attn_mask, is_causal, scale)
        },
        samples: [
            "u(2, 3, 5, 4), u(2, 3, 5, 4), u(2, 3, 5, 4)",
            "u(2, 3, 5, 4), u(2, 3, 7, 4), u(2, 3, 7, 4), 0.0, True",
            "u(1, 1, 65, 2), u(1, 1, 260, 2), u(1, 1, 260, 2), scale=0.5",
            "u(2, 5, 3, 4).transpose(1, 2), u(2, 3, 6, 4), u(2, 3, 6, 4), attn_mask=u(5, 6)",
            "u(1, 2, 3, 4), u(1, 2, 3, 4), u(1, 2, 3, 4), 0.5",
        ],
    }
}

fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    causal: bool,
    scale: Option<f64>,
) -> Result<Outs> {
    let name = "scaled_dot_product_attention";
    let rank = q.ndim();
    let fits = rank >= 2 && k.ndim() == rank && v.ndim() == rank && {
        let (a, b, c) = (q.shape(), k.shape(), v.shape());
        let lead = rank - 2;
        let grouped = lead == 0 || b[lead - 1] == c[lead - 1] && a[lead - 1].checked_rem(b[lead - 1]) == Some(0);
        let outer = lead.saturating_sub(1);
        grouped
            && a[..outer] == b[..outer]
            && a[..outer] == c[..outer]
            && b[lead] == c[lead]
            && a[lead + 1] == b[lead + 1]
    };
    if !fits {
        bail!(
            Runtime,
            "{name}: shapes {}, {} and {} do not fit; expected (..., H, L, E), (..., H, S, E) and (..., H, S, V)",
            list(q.shape()),
            list(k.shape()),
            list(v.shape())
        );
    }
    if !q.dtype().is_float() || q.dtype() != k.dtype() || q.dtype() != v.dtype() {
        bail!(Runtime, "{name}: expected query, key, and value to have one floating point dtype");
    }
    let op = Attention {
        causal,
        scale: scale.unwrap_or_else(|| 1.0 / (q.shape()[rank - 1] as f64).sqrt()),
        mask: mask.is_some(),
    };
    let mut shape: Shape = q.shape().into();
    shape[rank - 1] = k.shape()[rank - 2];
    let mask = match mask {
        None => None,
        Some(m) if m.dtype() == DType::Bool => Some(m.expand_to(&shape)?),
        Some(m) => Some(m.detach().to_dtype(computed(q.dtype()))?.expand_to(&shape)?),
    };
    let inputs: Vec<&Tensor> = [Some(q), Some(k), Some(v), mask.as_ref()].into_iter().flatten().collect();
    let mut out = apply_many(op, &inputs)?;
    let sums = out.swap_remove(1).detach();
    Ok(Outs::Many(vec![out.swap_remove(0), sums]))
}

/// Halves compute in float32.
fn computed(dtype: DType) -> DType {
    if dtype.is_half() { DType::F32 } else { dtype }
}

/// Inputs: query, key, value, and the mask where there is one, expanded to the scores. Outputs: the result, and the logarithm of
/// each query's sum of weights, heads behind positions in memory.
#[derive(Clone, Copy)]
struct Attention {
    causal: bool,
    scale: f64,
    mask: bool,
}

impl Attention {
    fn masked<'a>(&self, mask: Option<&&'a Array>) -> Masked<'a> {
        Masked { causal: self.causal, mask: mask.copied() }
    }
}

/// The array as kernels take it: halves in float32; the last dim without gaps if so asked.
fn ready(x: &Array, gapless: bool) -> Result<Array> {
    if x.dtype.is_half() {
        return cpu::gemm::widened(x);
    }
    if !gapless || x.strides()[x.ndim() - 1] == 1 { Ok(x.clone()) } else { cpu::copy::contiguous(x) }
}

/// Memory for a result as kernels write it: `out` itself, or float32 beside halves.
fn result(out: &Array) -> Result<Array> {
    if out.dtype.is_half() { cpu::gemm::single(out.shape(), out) } else { Ok(out.clone()) }
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "scaled_dot_product_attention"
    }
    fn grad_name(&self) -> String {
        "ScaledDotProductFlashAttentionForCpuBackward".into()
    }
    fn outputs(&self) -> usize {
        2
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        let (q, rank) = (x[0], x[0].ndim());
        let mut shape: Shape = q.shape().into();
        shape[rank - 1] = x[2].shape()[rank - 1];
        let mut y = q.contiguous(shape);
        if y.shape() == q.shape() {
            let layout = Format::Preserve.layout(&q.layout)?;
            if layout.strides[rank - 1] == 1 {
                y.layout = layout;
            }
        }
        let mut sums = q.contiguous(q.shape()[..rank - 1].into()).with_dtype(computed(q.dtype));
        if let [_, heads, length] = *sums.shape() {
            let [heads, length] = [heads as isize, length as isize];
            sums.layout.strides = Strides::from_slice(&[heads * length, 1, heads]);
        }
        Ok(vec![y, sums])
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if out[0].numel() == 0 {
            return data::fill(&out[1], 0i64.into());
        }
        let (q, k, v) = (ready(x[0], false)?, ready(x[1], false)?, ready(x[2], false)?);
        let y = result(&out[0])?;
        cpu::attention::forward(&q, &k, &v, self.masked(x.get(3)), self.scale, &y, &out[1]);
        if out[0].dtype.is_half() { data::copy(&y, &out[0]) } else { Ok(()) }
    }
    fn cost(&self, x: &[&Array], _: &[Array]) -> usize {
        x[0].numel() * x[1].shape()[x[1].ndim() - 2]
    }
    fn saves(&self, _: crate::tensor::Mask) -> Saves {
        let inputs = Saves::input_at(0).and(Saves::input_at(1)).and(Saves::input_at(2));
        let inputs = if self.mask { inputs.and(Saves::input_at(3)) } else { inputs };
        inputs.and(Saves::output_at(0)).and(Saves::output_at(1))
    }
    fn vjp(&self, c: &Context, g: &Cotangents) -> Result<Grads> {
        let Some(g) = g.get(0) else { return Grads::many(vec![]) };
        let mask = if self.mask { Some(c.input(3)?) } else { None };
        let (q, k, v, y, sums) = (c.input(0)?, c.input(1)?, c.input(2)?, c.output_at(0)?, c.output_at(1)?);
        let mut inputs = vec![g, &q, &k, &v, &y, &sums];
        inputs.extend(&mask);
        Grads::many(apply_many(Backward(*self), &inputs)?.into_iter().map(Some).collect())
    }
}

/// Inputs: g, query, key, value, the result, the sums, and the mask where there is one. Outputs: gradients of the first three.
struct Backward(Attention);

impl Backward {
    /// The gradients in ops that can be differentiated again, with the scores in memory.
    fn in_ops(&self, g: &Tensor, [q, k, v]: [&Tensor; 3], mask: Option<&Tensor>) -> Result<Vec<Tensor>> {
        let (rank, lead) = (q.ndim(), q.ndim() - 2);
        let turned = |x: &Tensor| x.transpose(rank - 2, rank - 1);
        // Heads of keys, repeated for the queries that share them.
        let spread = |x: &Tensor| -> Result<Tensor> {
            if lead == 0 || x.shape()[lead - 1] == q.shape()[lead - 1] {
                return Ok(x.clone());
            }
            let mut parts: Shape = x.shape().into();
            parts.insert(lead, 1);
            let once = x.reshape(&parts)?;
            parts[lead] = q.shape()[lead - 1] / x.shape()[lead - 1];
            let mut whole: Shape = x.shape().into();
            whole[lead - 1] = q.shape()[lead - 1];
            once.expand_to(&parts)?.reshape(&whole)
        };
        let (wide_k, wide_v) = (spread(k)?, spread(v)?);
        let mut scores = q.matmul(&turned(&wide_k)?)?.mul_number(self.0.scale)?;
        let nothing = Operand::Number(Number::Float(f64::NEG_INFINITY));
        match mask {
            Some(m) if m.dtype() == DType::Bool => scores = m.choose(Operand::Tensor(&scores), nothing)?,
            Some(m) => scores = scores.add(&m.to_dtype(scores.dtype())?)?,
            None => {}
        }
        if self.0.causal {
            let ones = Tensor::constant(&scores.shape()[lead..], DType::Bool, q.device(), true)?;
            let seen = triangle("tril", &ones, 0, true)?;
            scores = seen.choose(Operand::Tensor(&scores), nothing)?;
        }
        // Rows that see nothing have no weights.
        let lowest = Tensor::constant(&[], scores.dtype(), q.device(), f64::NEG_INFINITY)?;
        let none = scores.detach().amax(&[rank - 1], true)?.eq(&lowest)?;
        let zero = Operand::Number(Number::Float(0.0));
        let weights = none.choose(zero, Operand::Tensor(&scores))?.softmax(rank as i64 - 1)?;
        let weights = none.choose(zero, Operand::Tensor(&weights))?;
        let per_weight = g.matmul(&turned(&wide_v)?)?;
        let along = per_weight.mul(&weights)?.sum(&[rank - 1], true)?;
        let ds = weights.mul(&per_weight.sub(&along)?)?.mul_number(self.0.scale)?;
        let gathered = |dx: Tensor, x: &Tensor| -> Result<Tensor> {
            if dx.shape() == x.shape() {
                return Ok(dx);
            }
            let mut parts: Shape = x.shape().into();
            parts.insert(lead, q.shape()[lead - 1] / x.shape()[lead - 1]);
            dx.reshape(&parts)?.sum(&[lead], false)
        };
        let dv = gathered(turned(&weights)?.matmul(g)?, v)?;
        let dk = gathered(turned(&ds)?.matmul(q)?, k)?;
        Ok(vec![ds.matmul(&wide_k)?, dk, dv])
    }
}

/// Dense, with heads behind positions in memory, as PyTorch's gradients lie.
fn by_position(x: &Meta) -> Meta {
    let mut y = x.contiguous(x.shape().into());
    if x.ndim() == 4 {
        let [_, heads, length, width] = [x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]].map(|n| n as isize);
        y.layout.strides = Strides::from_slice(&[heads * length * width, width, heads * width, 1]);
    }
    y
}

impl Op for Backward {
    fn name(&self) -> &'static str {
        "scaled_dot_product_attention_backward"
    }
    fn outputs(&self) -> usize {
        3
    }
    fn infer_many(&self, x: &[&Meta]) -> Result<Vec<Meta>> {
        Ok(x[1..4].iter().map(|x| by_position(x)).collect())
    }
    fn composed(&self, x: &[&Tensor]) -> Option<Result<Vec<Tensor>>> {
        Some(self.in_ops(x[0], [x[1], x[2], x[3]], x.get(6).copied()))
    }
    fn cpu(&self, x: &[&Array], out: &[Array]) -> Result<()> {
        if x[1].numel() == 0 || x[2].numel() == 0 || x[0].numel() == 0 {
            return out.iter().try_for_each(|dx| data::fill(dx, 0i64.into()));
        }
        let (g, y) = (ready(x[0], true)?, ready(x[4], true)?);
        let (q, k, v) = (ready(x[1], false)?, ready(x[2], false)?, ready(x[3], false)?);
        let grads = [result(&out[0])?, result(&out[1])?, result(&out[2])?];
        let [dq, dk, dv] = &grads;
        let masked = self.0.masked(x.get(6));
        cpu::attention::backward([&g, &q, &k, &v, &y, x[5]], masked, self.0.scale, [dq, dk, dv]);
        if out[0].dtype.is_half() {
            grads.iter().zip(out).try_for_each(|(dx, out)| data::copy(dx, out))?;
        }
        Ok(())
    }
    fn differentiable(&self) -> bool {
        false
    }
}
