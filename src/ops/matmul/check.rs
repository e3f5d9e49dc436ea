//! What products refuse, in PyTorch's words, and what would probably work.

use crate::core::shape::list;
use crate::core::{DType, Meta};
use crate::error::{Error, Result};
use crate::tensor::write::check_castable;
use crate::{bail, err};

/// A cast that would make both dtypes one. Of a layer's two it is the input, `a`, that should follow, not the weight.
fn cast_hint(e: Box<Error>, op: &str, a: DType, b: DType) -> Box<Error> {
    if b.is_float() && (op == "addmm" || op == "linear") {
        return e.hint(format!(
            "{op}: the input is {}, the weight {}; convert the input, {}{}",
            a.name(),
            b.name(),
            b.cast_of("x"),
            if a.is_float() { format!(", or the layer, {}", a.cast_of("layer")) } else { String::new() }
        ));
    }
    let (wide, other) = if b.category() > a.category() || b.size() > a.size() { (b, "first") } else { (a, "second") };
    e.hint(format!("{op} does not promote; cast the {other} operand with .to(torch.{})", wide.name()))
}

/// Both operands of a product have one dtype, and not bool unless the result has no products to add up (`empty`).
pub fn dtypes(op: &str, kernel: &str, a: DType, b: DType, empty: bool) -> Result<()> {
    if a != b {
        let e = match op {
            "bmm" | "baddbmm" | "matmul" => {
                err!(Runtime, "expected scalar type {} but found {}", a.scalar_name(), b.scalar_name())
            }
            "mv" => err!(
                Runtime,
                "addmv input tensors must have the same dtype, but got {}, {}, and {}",
                b.scalar_name(),
                a.scalar_name(),
                b.scalar_name()
            ),
            "dot" => err!(
                Runtime,
                "dot : expected both vectors to have same dtype, but found {} and {}",
                a.scalar_name(),
                b.scalar_name()
            ),
            "addmm" => {
                err!(
                    Runtime,
                    "mat1 and mat2 must have the same dtype, but got {} and {}",
                    a.scalar_name(),
                    b.scalar_name()
                )
            }
            _ => {
                err!(Runtime, "expected m1 and m2 to have the same dtype, but got: {} != {}", a.c_words(), b.c_words())
            }
        };
        return Err(cast_hint(e, op, a, b));
    }
    if a == DType::Bool && !empty {
        return Err(err!(NotImplemented, "\"{kernel}\" not implemented for 'Bool'")
            .hint(format!("{op}: products of bool have no dtype of their own; cast with .int() or .float()")));
    }
    // No kernel holds complex32, not even to fill a result of sums over nothing.
    if a == DType::C32 || (!empty && !matches!(a, DType::C64 | DType::C128)) {
        a.usual(kernel)?;
    }
    Ok(())
}

/// Sums of no products have a dtype, bool included, but PyTorch does not add anything to those of bool.
pub fn addition(dtype: DType, shape: &[usize], beta: f64) -> Result<()> {
    if dtype == DType::Bool && beta != 0.0 && !shape.contains(&0) {
        return check_castable(DType::I64, dtype);
    }
    Ok(())
}

/// m x k and l x n multiply where k equals l.
pub fn inner(op: &str, (m, k): (usize, usize), (l, n): (usize, usize), names: [&str; 2]) -> Result<()> {
    if k == l {
        return Ok(());
    }
    let [a, b] = names;
    let more = if op == "linear" {
        format!("linear: input's last dim must equal in_features, dim 1 of weight ({l})")
    } else if n == k {
        format!("{b}.T has shape ({n}, {l}); did you mean {a} @ {b}.T?")
    } else if m == l {
        format!("{a}.T has shape ({k}, {m}); did you mean {a}.T @ {b}?")
    } else {
        return Err(err!(Runtime, "mat1 and mat2 shapes cannot be multiplied ({m}x{k} and {l}x{n})")
            .hint(format!("dim 1 of {a} ({k}) must equal dim 0 of {b} ({l})")));
    };
    Err(err!(Runtime, "mat1 and mat2 shapes cannot be multiplied ({m}x{k} and {l}x{n})")
        .hint(format!("dim 1 of {a} ({k}) must equal dim 0 of {b} ({l}); {more}")))
}

/// Two batches of matrices that multiply.
pub fn batches(op: &str, a: &Meta, b: &Meta) -> Result<()> {
    let (batch, k) = (a.shape()[0], a.shape()[a.ndim() - 1]);
    let (lead, l, n) = (b.shape()[0], b.shape()[b.ndim() - 2], b.shape()[b.ndim() - 1]);
    if a.ndim() == 3 && (batch, k) != (lead, l) {
        let e = err!(
            Runtime,
            "Expected size for first two dimensions of batch2 tensor to be: [{batch}, {k}] but got: [{lead}, {l}]."
        );
        return Err(transposes(e, op, (batch, k), (lead, l, n)));
    }
    if k != l {
        let e = err!(
            Runtime,
            "Expected size for first two dimensions of batch2 tensor to be: [{}, {k}] but got: [{}, {l}].",
            a.numel() / (a.shape()[a.ndim() - 2] * k).max(1),
            b.numel() / (l * n).max(1)
        );
        return Err(transposes(e, op, (0, k), (0, l, n)));
    }
    Ok(())
}

fn transposes(e: Box<Error>, op: &str, a: (usize, usize), b: (usize, usize, usize)) -> Box<Error> {
    if a.0 == b.0 && a.1 == b.2 {
        e.hint(format!("{op}: transposing the last two dims of the second operand (.mT) would make them fit"))
    } else {
        e
    }
}

/// Two vectors of one length.
pub fn vectors(a: &Meta, b: &Meta) -> Result<()> {
    if a.ndim() != 1 || b.ndim() != 1 {
        bail!(Runtime, "1D tensors expected, but got {}D and {}D tensors", a.ndim(), b.ndim());
    }
    dtypes("dot", "dot", a.dtype, b.dtype, false)?;
    let (n, m) = (a.shape()[0], b.shape()[0]);
    if n != m {
        bail!(
            Runtime,
            "inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, but got \
             {n} and {m} elements respectively"
        );
    }
    Ok(())
}

/// A matrix and a vector as long as its rows.
pub fn matrix_vector(a: &Meta, x: &Meta) -> Result<()> {
    if a.ndim() != 2 || x.ndim() != 1 {
        bail!(Runtime, "vector + matrix @ vector expected, got 1, {}, {}", a.ndim(), x.ndim());
    }
    let (m, k, l) = (a.shape()[0], a.shape()[1], x.shape()[0]);
    if k != l {
        let e = err!(Runtime, "size mismatch, got input ({m}), mat ({m}x{k}), vec ({l})");
        return Err(if m == l { e.hint("mv: the transposed matrix would fit; did you mean mat.T?") } else { e });
    }
    Ok(())
}

/// `input` broadcasts to what it is added to.
pub fn addend(input: &[usize], to: &[usize]) -> Result<()> {
    if input.len() > to.len() {
        bail!(
            Runtime,
            "expand(torch.Tensor{{{}}}, size={}): the number of sizes provided ({}) must be greater or equal to the \
             number of dimensions in the tensor ({})",
            list(input),
            list(to),
            to.len(),
            input.len()
        );
    }
    let lead = to.len() - input.len();
    for (d, &n) in input.iter().enumerate() {
        if n != 1 && n != to[lead + d] {
            bail!(
                Runtime,
                "The expanded size of the tensor ({}) must match the existing size ({n}) at non-singleton dimension {}.  \
                 Target sizes: {}.  Tensor sizes: {}",
                to[lead + d],
                lead + d,
                list(to),
                list(input)
            );
        }
    }
    Ok(())
}
