//! Sums of products by Einstein's notation: the equation is read, operands are contracted two by two from the left.

use crate::bail;
use crate::core::Shape;
use crate::core::shape::list;
use crate::error::Result;
use crate::ops;
use crate::ops::call::show_as;
use crate::tensor::Tensor;

ops! {
    /// Sums of products of the elements of the operands, by an equation such as "bij,bjk->bik".
    ///
    /// Each letter is a dim: those that the result does not name are summed; letters that occur once make the result where it
    /// is not given, in alphabetical order. `...` stands for any dims, which broadcast. A letter twice in one operand takes its
    /// diagonal.
    ///
    ///     >>> torch.einsum('ij,jk->ik', torch.ones(2, 3), torch.ones(3, 2))
    ///     tensor([[3., 3.],
    ///             [3., 3.]])
    einsum as ["function.einsum(str equation, *Tensor[] operands) -> Tensor"] {
        call(equation: &str, operands: &[&Tensor]) { einsum(equation, operands) },
        samples: [
            "'ij,jk->ik', u(2, 3), u(3, 4)",
            "'ij,jk', u(2, 3), u(3, 4)",
            "'bij,bjk->bik', u(2, 3, 4), u(2, 4, 2)",
            "'bhid,bhjd->bhij', u(2, 2, 3, 4), u(2, 2, 5, 4)",
            "'i,j->ij', u(3), u(4)",
            "'ij->ji', u(2, 3)",
            "'ij->', u(2, 3)",
            "'ij->i', u(3, 2).t()",
            "'ii->i', u(3, 3)",
            "'ii', u(3, 3)",
            "'iij->j', u(3, 3, 2)",
            "'...ij,...jk->...ik', u(2, 3, 4), u(4, 2)",
            "'...ij->...ji', u(2, 3, 4)",
            "'b...,b...->b', u(2, 3, 4), u(2, 3, 4)",
            "'ij,ij->ij', u(2, 3), u(2, 3)",
            "'i,i', u(3), u(3)",
            "'ij,jk,kl->il', u(2, 3), u(3, 4), u(4, 2)",
            "'ab,bc,ac->', u(2, 3), u(3, 2), u(2, 2)",
            "'ij,jk->ik', u(2, 1), u(3, 4)",
            "' i j , j -> i ', u(2, 3), u(3)",
            "'ij,kj->ik', u(0, 3), u(2, 3)",
            "'ij,jk->ik', [u(2, 3), u(3, 4)]",
            "'i->', u()",
            "'ij,jk', u(2, 3), u(4, 5)",
            "'ij,j->', u(2, 3)",
            "'ij->k', u(2, 3)",
            "'i.j', u(2, 3)",
            "'i%j', u(2, 3)",
            "'ij->ii', u(2, 3)",
            "'ij->i...', u(2, 3)",
            "'ii->i', u(2, 3)",
        ],
    }
}

/// Letters are 0 to 51, upper case first; the dims of `...` follow.
const LETTERS: usize = 52;

fn letter(c: u8) -> Option<usize> {
    match c {
        b'A'..=b'Z' => Some((c - b'A') as usize),
        b'a'..=b'z' => Some((c - b'a') as usize + 26),
        _ => None,
    }
}

fn spoken(label: usize) -> char {
    match label {
        0..26 => (b'A' + label as u8) as char,
        26..LETTERS => (b'a' + (label - 26) as u8) as char,
        _ => '.',
    }
}

/// One term of an equation: labels, and where `...` stands among them.
struct Term {
    labels: Vec<usize>,
    rest: Option<usize>,
}

/// A term of `equation[from..to]`; `whose` names it in messages.
fn term(equation: &[u8], from: usize, to: usize, whose: &str) -> Result<Term> {
    let mut out = Term { labels: vec![], rest: None };
    let mut i = from;
    while i < to {
        match equation[i] {
            b' ' => {}
            b'.' => {
                let why = match (out.rest.is_some(), whose == "output") {
                    (true, true) => Some("but an ellipsis (...) was already found"),
                    (true, false) => Some("for which an ellipsis was already found"),
                    _ if equation[i..to].starts_with(b"...") => None,
                    (_, true) => Some("that is not part of any ellipsis (...)"),
                    _ => Some("that is not part of any ellipsis"),
                };
                if let Some(why) = why {
                    bail!(Runtime, "einsum(): found '.' for {whose} {why}");
                }
                out.rest = Some(out.labels.len());
                i += 2;
            }
            c => match letter(c) {
                Some(l) => out.labels.push(l),
                None => bail!(
                    Runtime,
                    "einsum(): invalid subscript given at index {i} in the equation string, subscripts must be in [a-zA-Z]"
                ),
            },
        }
        i += 1;
    }
    Ok(out)
}

fn einsum(equation: &str, operands: &[&Tensor]) -> Result<Tensor> {
    if operands.is_empty() {
        bail!(
            Value,
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list"
        );
    }
    let text = equation.as_bytes();
    let arrow = equation.find("->");
    let lhs = arrow.unwrap_or(text.len());
    let mut terms = vec![];
    let mut start = 0;
    for i in 0..=lhs {
        if i == lhs || text[i] == b',' {
            terms.push(term(text, start, i, &format!("operand {}", terms.len()))?);
            start = i + 1;
        }
    }
    if operands.len() < terms.len() {
        bail!(Runtime, "einsum(): fewer operands were provided than specified in the equation");
    }
    if operands.len() > terms.len() {
        bail!(Runtime, "einsum(): more operands were provided than specified in the equation");
    }
    // How many dims `...` stands for at most.
    let mut most = 0;
    for (i, (t, x)) in terms.iter().zip(operands).enumerate() {
        let n = t.labels.len();
        match t.rest {
            None if n != x.ndim() => bail!(
                Runtime,
                "einsum(): the number of subscripts in the equation ({n}) does not match the number of dimensions ({}) for operand {i} \
                 and no ellipsis was given",
                x.ndim()
            ),
            Some(_) if n > x.ndim() => bail!(
                Runtime,
                "einsum(): the number of subscripts in the equation ({n}) is more than the number of dimensions ({}) for operand {i}",
                x.ndim()
            ),
            Some(_) => most = most.max(x.ndim() - n),
            None => {}
        }
    }
    let whole = |t: &Term, n: usize| -> Vec<usize> {
        let mut out = t.labels.clone();
        if let Some(at) = t.rest {
            out.splice(at..at, LETTERS + most - n..LETTERS + most);
        }
        out
    };
    let mut parts: Vec<Part> = vec![];
    let mut sizes = vec![1usize; LETTERS + most];
    let mut counts = vec![0usize; LETTERS + most];
    for (i, (t, x)) in terms.iter().zip(operands).enumerate() {
        let labels = whole(t, x.ndim() - t.labels.len());
        for (&l, &n) in labels.iter().zip(x.shape()) {
            counts[l] += 1;
            if n != 1 && sizes[l] != 1 && n != sizes[l] {
                if labels.iter().filter(|&&k| k == l).count() > 1 && !parts.iter().any(|p| p.labels.contains(&l)) {
                    bail!(
                        Runtime,
                        "einsum(): subscript {} is repeated for operand {i} but the sizes don't match, {n} != {}",
                        spoken(l),
                        sizes[l]
                    );
                }
                bail!(
                    Runtime,
                    "einsum(): subscript {} has size {n} for operand {i} which does not broadcast with previously seen size {}",
                    spoken(l),
                    sizes[l]
                );
            }
            if n != 1 {
                sizes[l] = n;
            }
        }
        parts.push(Part { x: (*x).clone(), labels }.diagonals(i)?);
    }
    let output = match arrow {
        Some(at) => {
            let t = term(text, at + 2, text.len(), "output")?;
            let labels = whole(&t, most);
            for (i, &l) in labels.iter().enumerate() {
                if labels[..i].contains(&l) {
                    bail!(Runtime, "einsum(): output subscript {} appears more than once in the output", spoken(l));
                }
                if l < LETTERS && counts[l] == 0 {
                    bail!(
                        Runtime,
                        "einsum(): output subscript {} does not appear in the equation for any input operand",
                        spoken(l)
                    );
                }
            }
            labels
        }
        None => (LETTERS..LETTERS + most).chain((0..LETTERS).filter(|&l| counts[l] == 1)).collect(),
    };
    let mut left = parts.into_iter();
    let Some(mut y) = left.next() else { bail!(Runtime, "internal error: einsum without operands") };
    let mut later: Vec<Part> = left.collect();
    while !later.is_empty() {
        let next = later.remove(0);
        let needed = |l: usize| output.contains(&l) || later.iter().any(|p| p.labels.contains(&l));
        y = y.times(next, &needed)?;
    }
    let y = y.summed(|l| output.contains(&l))?;
    // Labels that no operand has left are `...` without dims here: of size 1.
    let mut x = y.x;
    let mut labels = y.labels;
    for &l in &output {
        if !labels.contains(&l) {
            x = x.unsqueeze_dims(&[x.ndim()])?;
            labels.push(l);
        }
    }
    let order: Shape = output.iter().filter_map(|l| labels.iter().position(|k| k == l)).collect();
    let y = if x.ndim() == 0 { x } else { x.permute(&order)? };
    // As PyTorch's graph ends: it drops the summed dims of a product by a view, and those of one operand by a sum.
    let summed = counts.iter().enumerate().any(|(l, &n)| n > 0 && !output.contains(&l));
    match (operands.len(), summed) {
        (1, true) => show_as("SumBackward1", operands, &y)?,
        (1, false) => {}
        (_, true) => show_as("ViewBackward0", operands, &y)?,
        (_, false) => show_as("MulBackward0", operands, &y)?,
    }
    Ok(y)
}

/// A tensor whose dims have labels, all different.
struct Part {
    x: Tensor,
    labels: Vec<usize>,
}

impl Part {
    /// Takes the diagonals of labels that occur twice.
    fn diagonals(mut self, operand: usize) -> Result<Part> {
        let mut i = 0;
        while i < self.labels.len() {
            match self.labels[i + 1..].iter().position(|&l| l == self.labels[i]) {
                Some(more) => {
                    let j = i + 1 + more;
                    let (m, n) = (self.x.shape()[i], self.x.shape()[j]);
                    if m != n {
                        bail!(
                            Runtime,
                            "einsum(): subscript {} is repeated for operand {operand} but the sizes don't match, {n} != {m}",
                            spoken(self.labels[i])
                        );
                    }
                    self.x = self.x.diagonal(0, i as i64, j as i64)?;
                    let label = self.labels[i];
                    self.labels.remove(j);
                    self.labels.remove(i);
                    self.labels.push(label);
                }
                None => i += 1,
            }
        }
        Ok(self)
    }

    /// The sum over all labels that are not kept.
    fn summed(self, keep: impl Fn(usize) -> bool) -> Result<Part> {
        let dims: Vec<usize> = (0..self.labels.len()).filter(|&d| !keep(self.labels[d])).collect();
        if dims.is_empty() {
            return Ok(self);
        }
        let x = self.x.sum(&dims, false)?;
        Ok(Part { x, labels: self.labels.into_iter().filter(|&l| keep(l)).collect() })
    }

    fn size(&self, label: usize) -> Option<usize> {
        self.labels.iter().position(|&l| l == label).map(|d| self.x.shape()[d])
    }

    /// Without the dims that are of size 1 here and not there.
    fn narrowed(self, other: &Part) -> Result<Part> {
        let gone = |l: usize| self.size(l) == Some(1) && other.size(l).is_some();
        let dims: Vec<usize> = (0..self.labels.len()).filter(|&d| gone(self.labels[d])).collect();
        let labels = self.labels.iter().copied().filter(|&l| !gone(l)).collect();
        Ok(Part { x: self.x.squeeze_dims(&dims)?, labels })
    }

    /// With its dims in the order of groups of labels, each group one dim.
    fn grouped(&self, groups: [&[usize]; 3]) -> Result<Tensor> {
        let labels = groups.concat();
        let order: Shape = labels.iter().filter_map(|l| self.labels.iter().position(|k| k == l)).collect();
        let shape: Shape = groups.iter().map(|g| g.iter().filter_map(|&l| self.size(l)).product()).collect();
        let x = if self.x.ndim() == 0 { self.x.clone() } else { self.x.permute(&order)? };
        x.reshape(&shape)
    }

    /// The product, summed over the labels that are not `needed`.
    fn times(self, other: Part, needed: &impl Fn(usize) -> bool) -> Result<Part> {
        // A dim of size 1 that the other has too multiplies all of it: it is no dim then.
        let slim = self.narrowed(&other)?;
        let other = other.narrowed(&slim)?;
        let a = slim.summed(|l| needed(l) || other.labels.contains(&l))?;
        let b = other.summed(|l| needed(l) || a.labels.contains(&l))?;
        let summed = a.labels.iter().any(|&l| b.labels.contains(&l) && !needed(l));
        if summed && a.x.dtype() != b.x.dtype() {
            bail!(
                Runtime,
                "expected scalar type {} but found {}",
                a.x.dtype().scalar_name(),
                b.x.dtype().scalar_name()
            );
        }
        let both: Vec<usize> = a.labels.iter().copied().filter(|l| b.labels.contains(l)).collect();
        if both.iter().any(|&l| a.size(l) != b.size(l)) {
            bail!(Runtime, "internal error: einsum of sizes {} and {}", list(a.x.shape()), list(b.x.shape()));
        }
        let (batch, inner): (Vec<usize>, Vec<usize>) = both.into_iter().partition(|&l| needed(l));
        let only =
            |p: &Part, q: &Part| -> Vec<usize> { p.labels.iter().copied().filter(|l| !q.labels.contains(l)).collect() };
        let (left, right) = (only(&a, &b), only(&b, &a));
        let sizes: Shape =
            batch.iter().chain(&left).map(|&l| a.size(l)).chain(right.iter().map(|&l| b.size(l))).flatten().collect();
        let labels: Vec<usize> = batch.iter().chain(&left).chain(&right).copied().collect();
        let (x, y) = (a.grouped([&batch, &left, &inner])?, b.grouped([&batch, &inner, &right])?);
        let product = if inner.is_empty() {
            x.mul(&y)?
        } else if batch.is_empty() {
            x.squeeze_dims(&[0])?.mm(&y.squeeze_dims(&[0])?)?
        } else {
            x.matmul(&y)?
        };
        Ok(Part { x: product.reshape(&sizes)?, labels })
    }
}
