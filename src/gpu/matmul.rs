//! Products of arrays on the GPU: dtypes, batches, and shapes brought to the few that kernels know.

use super::access::Type;
use super::copy::{copy, fill};
use super::gemm::{self, Job, matrix};
use super::map::launch;
use crate::core::{DType, Number};
use crate::device::Array;
use crate::err;
use crate::error::Result;

/// What follows a product: `alpha * a b + beta * add`.
#[derive(Clone, Copy)]
pub struct Fused<'a> {
    pub alpha: f64,
    pub beta: f64,
    /// Expanded to the result's shape.
    pub add: Option<&'a Array>,
}

impl Fused<'_> {
    pub const NONE: Fused<'static> = Fused { alpha: 1.0, beta: 1.0, add: None };
}

/// The refusal of a dtype whose products no kernel computes.
pub fn supported(op: &str, dtype: DType) -> Result<()> {
    match dtype {
        DType::I64 | DType::U64 | DType::F64 => {
            Err(err!(NotImplemented, "{op}: {} is not implemented on the GPU", dtype.name())
                .hint("use x.int() or x.float(), or x.cpu() and .to(\"gpu\") on the result"))
        }
        _ => Ok(()),
    }
}

/// Its address stands for the formula here.
static KEY: u8 = 0;

/// `out = beta * add`, or zeros: what a product without any terms is.
fn nothing(op: &str, out: &Array, fused: &Fused) -> Result<()> {
    let Some(add) = fused.add else { return fill(out, Number::Int(0)) };
    let (kind, numbers) = match Type::of(out.dtype) {
        Type::F32 => (Type::F32, "f32s"),
        Type::I64 => {
            supported(op, out.dtype)?;
            return fill(out, Number::Int(0));
        }
        // Its parts come here.
        Type::C64 => return fill(out, Number::Int(0)),
        _ => (Type::I32, "i32s"),
    };
    let t = kind.name();
    let key = (std::ptr::from_ref(&KEY).addr(), kind as u64);
    launch(op, key, &[(add, kind)], &[Number::Float(fused.beta)], kind, out, &|| {
        Ok((format!("fn formula(x: {t}) -> {t} {{ return rg_meta.{numbers}[0] * x; }}\n"), vec!["@0".into()]))
    })
}

/// A batch dim: its size, and what it adds to a place in a, b, out and the addend.
#[derive(Clone, Copy)]
struct Step {
    size: usize,
    by: [isize; 4],
}

/// As [`matmul`], of complex numbers: four products of their parts, which lie in memory with strides of two.
fn complex(op: &str, a: &Array, b: &Array, out: &Array, fused: &Fused) -> Result<()> {
    for k in 0..2 {
        let add = fused.add.map(|x| x.part(k));
        let first = Array::empty(out.part(k).contiguous(out.layout.shape.clone()))?;
        matmul(op, &a.part(0), &b.part(k), &first, &Fused { add: add.as_ref(), ..*fused })?;
        let alpha = if k == 0 { -fused.alpha } else { fused.alpha };
        let all = Fused { alpha, beta: 1.0, add: Some(&first) };
        matmul(op, &a.part(1), &b.part(1 - k), &out.part(k), &all)?;
    }
    Ok(())
}

/// `out = a b`: (.., m, k) times (.., k, n) into a contiguous (.., m, n), then `fused`. The leading dims of a and b have been
/// expanded to those of out; all have one dtype. Strides are any. Halves accumulate in float32 and are rounded once; integers
/// wrap.
pub fn matmul(op: &str, a: &Array, b: &Array, out: &Array, fused: &Fused) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    if out.dtype.is_complex() {
        return complex(op, a, b, out, fused);
    }
    let lead = out.ndim() - 2;
    let (mut m, mut n, k) = (out.shape()[lead], out.shape()[lead + 1], a.shape()[lead + 1]);
    if k == 0 {
        return nothing(op, out, fused);
    }
    supported(op, out.dtype)?;
    if !out.is_contiguous() {
        let dense = Array::empty(out.meta.contiguous(out.layout.shape.clone()))?;
        matmul(op, a, b, &dense, fused)?;
        return copy(&dense, out);
    }
    let stride = |x: &Array, d: usize| x.strides()[d];
    let by = |d: usize, e: usize| [stride(a, d), stride(b, e), stride(out, d), fused.add.map_or(0, |x| stride(x, d))];
    // Of m: a, -, out, addend. Of n: -, b, out, addend. Of k: a and b.
    let mut rows = Step { size: m, by: by(lead, lead) };
    rows.by[1] = 0;
    let mut columns = Step { size: n, by: by(lead + 1, lead + 1) };
    columns.by[0] = 0;
    let (mut ka, mut kb) = (stride(a, lead + 1), stride(b, lead));
    let mut batch: Vec<Step> = vec![];
    // Fastest first; rows of matrices that meet the same b are rows of one.
    for d in (0..lead).rev().filter(|&d| out.shape()[d] != 1) {
        let step = Step { size: out.shape()[d], by: by(d, d) };
        let follows = |s: &Step| (0..4).all(|i| step.by[i] == s.by[i] * s.size as isize);
        match batch.last_mut() {
            None if m == 1 && step.by[1] == 0 => rows = step,
            None if m != 1 && follows(&rows) => rows.size *= step.size,
            Some(last) if follows(last) => last.size *= step.size,
            _ => batch.push(step),
        }
        m = rows.size;
    }
    let (mut a, mut b) = (a, b);
    let column = n == 1 && m != 1;
    if column {
        // A column of results is a row of the transposed product.
        (a, b, ka, kb, m, n) = (b, a, kb, ka, n, m);
        (rows, columns) = (columns, rows);
        for s in batch.iter_mut().chain([&mut rows, &mut columns]) {
            s.by.swap(0, 1);
        }
    }
    while batch.len() < 2 {
        batch.push(Step { size: 1, by: [0; 4] });
    }
    let (inner, outer, rest) = (batch[0], batch[1], &batch[2..]);
    let sizes = |x: usize, y: usize| [outer.size, inner.size, x, y];
    let strides = |i: usize, x: isize, y: isize| [outer.by[i], inner.by[i], x, y];
    let job = Job {
        op,
        size: [outer.size, inner.size, m, n, k],
        a: matrix(a, sizes(m, k), strides(0, rows.by[0], ka)),
        b: matrix(b, sizes(k, n), strides(1, kb, columns.by[1])),
        c: matrix(out, sizes(m, n), strides(2, rows.by[2], columns.by[2])),
        add: fused.add.map(|x| matrix(x, sizes(m, n), strides(3, rows.by[3], columns.by[3]))),
        patch: None,
        padded: [false, false],
        column,
        alpha: fused.alpha,
        beta: fused.beta,
    };
    // Batch dims that kernels have no place for.
    for i in 0..rest.iter().map(|s| s.size).product() {
        let mut part = job.clone();
        let mut left: usize = i;
        for s in rest {
            let at = (left % s.size) as isize;
            left /= s.size;
            let moved = |x: &mut Array, by: isize| x.meta.layout.offset = (x.layout.offset as isize + at * by) as usize;
            moved(&mut part.a, s.by[0]);
            moved(&mut part.b, s.by[1]);
            moved(&mut part.c, s.by[2]);
            if let Some(x) = &mut part.add {
                moved(x, s.by[3]);
            }
        }
        gemm::run(&part)?;
    }
    Ok(())
}
