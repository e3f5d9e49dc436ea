//! The dims that a kernel walks: those of several operands of one shape, merged wherever all of them allow, fastest first.

use super::words::rest;
use crate::core::Strides;
use crate::core::layout::memory_order;

/// Merged dims: sizes, and strides per operand.
pub struct Walk {
    pub sizes: Vec<usize>,
    pub strides: Vec<Vec<isize>>,
}

/// The WGSL that takes the index along dim `d` of `dims` off `r`, and the name that it has then; word `size` of the
/// lists is the dim's size. The last dim needs no division.
pub fn index(d: usize, dims: usize, size: usize) -> (String, String) {
    if d + 1 == dims {
        return (String::new(), "r".to_string());
    }
    let n = rest(size);
    let text = format!("    let t{d} = r / {n};\n    let c{d} = r - t{d} * {n};\n    r = t{d};\n");
    (text, format!("c{d}"))
}

impl Walk {
    /// In the order of the first operand's memory. Operands have as many strides as `shape` has dims.
    pub fn new(shape: &[usize], operands: &[&Strides]) -> Walk {
        Walk::along(shape, operands, &memory_order(shape, operands.len(), |k, d| operands[k][d]))
    }

    /// In the order of the indices, the last dim fastest.
    pub fn in_order(shape: &[usize], operands: &[&Strides]) -> Walk {
        let order: Vec<usize> = (0..shape.len()).rev().collect();
        Walk::along(shape, operands, &order)
    }

    fn along(shape: &[usize], operands: &[&Strides], order: &[usize]) -> Walk {
        let mut walk = Walk { sizes: vec![], strides: vec![vec![]; operands.len()] };
        for &d in order.iter().filter(|&&d| shape[d] != 1) {
            let last = walk.sizes.len().wrapping_sub(1);
            let follows = |k: usize| operands[k][d] == walk.strides[k][last].wrapping_mul(walk.sizes[last] as isize);
            if !walk.sizes.is_empty() && (0..operands.len()).all(follows) {
                walk.sizes[last] *= shape[d];
                continue;
            }
            walk.sizes.push(shape[d]);
            for (to, from) in walk.strides.iter_mut().zip(operands) {
                to.push(from[d]);
            }
        }
        if walk.sizes.is_empty() {
            walk.sizes.push(1);
            walk.strides.iter_mut().for_each(|s| s.push(0));
        }
        walk
    }

    /// The walk of operand `k` alone, in the same order.
    pub fn only(&self, k: usize) -> Walk {
        Walk { sizes: self.sizes.clone(), strides: vec![self.strides[k].clone()] }
    }

    pub fn numel(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Whether each of `operands` can be counted in fours: neighbours along the first dim, multiples of four along the others.
    pub fn goes_in_fours(&self, operands: &[usize]) -> bool {
        let whole = |s: &Vec<isize>| s[0] == 1 && s[1..].iter().all(|v| v % 4 == 0);
        self.sizes[0].is_multiple_of(4) && operands.iter().all(|&k| whole(&self.strides[k]))
    }

    pub fn ndim(&self) -> usize {
        self.sizes.len()
    }

    /// Whether operand `k` is read element after element.
    pub fn is_flat(&self, k: usize) -> bool {
        self.ndim() == 1 && (self.strides[k][0] == 1 || self.sizes[0] == 1)
    }

    /// Whether operand `k` is one element for all.
    pub fn is_single(&self, k: usize) -> bool {
        self.strides[k].iter().all(|&s| s == 0)
    }

    /// Words of the metadata: per dim its size and each operand's stride.
    pub fn words(&self) -> impl Iterator<Item = u32> {
        (0..self.ndim()).flat_map(move |d| {
            std::iter::once(self.sizes[d] as u32).chain(self.strides.iter().map(move |s| s[d] as u32))
        })
    }

    /// The WGSL of `name(i, start)`: where element `i` of each operand stands, from the words of [`Walk::words`], which begin
    /// at word `word` of the lists. One operand has a u32, several a vector.
    pub fn text(&self, name: &str, word: usize) -> String {
        let (dims, count) = (self.ndim(), self.strides.len());
        let t = if count == 1 { "u32".to_string() } else { format!("vec{count}<u32>") };
        let mut out = format!("fn {name}(i: u32, start: {t}) -> {t} {{\n    var r = i;\n    var p = start;\n");
        for d in 0..dims {
            let at = word + d * (count + 1);
            let (text, index) = index(d, dims, at);
            out += &text;
            let strides: Vec<String> = (1..=count).map(|k| rest(at + k)).collect();
            out += &format!("    p += {index} * {t}({});\n", strides.join(", "));
        }
        out + "    return p;\n}\n"
    }
}
