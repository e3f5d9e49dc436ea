//! Every row's three forms agree: the written partial, the machine derivative (`Dual`) and the symbolic one; and the tile
//! program of each formula gives the bits of its compiled loop.

use super::formula::Formula;
use super::map::{Row, Rule};
use super::rows;
use crate::core::DType;
use crate::cpu::map::program::Plan;
use crate::expr::diff::pulled_back;
use crate::expr::{Dual, Graph, Lane, MAX_INPUTS, Place};

type F = Lane<f64>;

/// Operands given as numbers; truth values are those that are positive.
#[derive(Clone, Copy)]
struct Given<'a>(&'a [f64]);

impl Place<F> for Given<'_> {
    type Done = f64;
    fn num(self, i: usize) -> F {
        Lane(self.0[i])
    }
    fn mask(self, i: usize) -> bool {
        self.0[i] > 0.0
    }
    fn param(self, _: usize) -> F {
        Lane(1.5)
    }
    fn put(self, value: F) -> f64 {
        value.0
    }
    fn put_mask(self, value: bool) -> f64 {
        value as u8 as f64
    }
}

/// The same, differentiated in one operand.
#[derive(Clone, Copy)]
struct Tilted<'a>(&'a [f64], usize);

impl Place<Dual<F>> for Tilted<'_> {
    type Done = f64;
    fn num(self, i: usize) -> Dual<F> {
        Dual::new(Lane(self.0[i]), Lane((i == self.1) as u8 as f64))
    }
    fn mask(self, i: usize) -> bool {
        self.0[i] > 0.0
    }
    fn param(self, _: usize) -> Dual<F> {
        Dual::constant(Lane(1.5))
    }
    fn put(self, value: Dual<F>) -> f64 {
        value.slope.0
    }
    fn put_mask(self, _: bool) -> f64 {
        0.0
    }
}

/// Points inside every row's domain but for the edges of it, and no ties.
fn points() -> Vec<Vec<f64>> {
    (0..40)
        .map(|i| {
            let t = i as f64;
            vec![0.11 + 0.07 * t, 2.9 - 0.065 * t, 0.3 + (t * 0.37) % 1.9]
        })
        .chain([vec![-1.3, 2.0, 0.4], vec![-0.2, -0.9, 1.1]])
        .collect()
}

fn close(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
}

#[test]
fn derivatives_agree() {
    for row in rows().filter(|r| r.grads.iter().any(Option::is_some)) {
        let value = &row.value.facts().graph;
        for k in (0..row.inputs).filter(|k| row.masks >> k & 1 == 0) {
            let written = row.grads[k].as_ref().unwrap();
            let symbolic = pulled_back(value, k, row.inputs);
            for p in points() {
                let x = &p[..row.inputs];
                let (y, g) = (value.eval::<F, _>(Given(x)), 0.7);
                // The exponent's slope at a negative base is NaN, and stays NaN when nothing moves the exponent. Where the value
                // is infinite PyTorch's slope is a convention.
                if !y.is_finite() || row.name == "pow" && x[0] < 0.0 {
                    continue;
                }
                let dual = g * value.eval::<Dual<F>, _>(Tilted(x, k));
                let all: Vec<f64> = x.iter().copied().chain([y, g]).collect();
                let by_row = written.facts().graph.eval::<F, _>(Given(&all));
                let with_g: Vec<f64> = x.iter().copied().chain([g]).collect();
                let by_graph = symbolic.eval::<F, _>(Given(&with_g));
                let what = format!("{} d{k} at {x:?}", row.name);
                assert!(close(dual, by_graph), "{what}: dual {dual}, symbolic {by_graph}");
                // Steps of the quotient have no written derivative but 0.
                assert!(close(dual, by_row), "{what}: dual {dual}, written {by_row}");
                // Once more: the derivative of the written partial, by the machine and by symbols.
                for j in (0..all.len()).filter(|j| row.masks >> j & 1 == 0) {
                    let again = pulled_back(&written.facts().graph, j, all.len());
                    let dual = 0.3 * written.facts().graph.eval::<Dual<F>, _>(Tilted(&all, j));
                    let with_g: Vec<f64> = all.iter().copied().chain([0.3]).collect();
                    let symbolic = again.eval::<F, _>(Given(&with_g));
                    assert!(close(dual, symbolic), "{what}, then d{j}: dual {dual}, symbolic {symbolic}");
                }
            }
        }
    }
}

#[test]
fn saved_values_are_those_the_gradients_name() {
    let uses = |row: &Row, k: usize| row.grads[k].as_ref().unwrap().facts().uses;
    assert_eq!(uses(&super::unary::tanh::ROW, 0), 0b110);
    assert_eq!(uses(&super::activation::silu::ROW, 0), 0b101);
    assert_eq!(uses(&super::binary::mul::ROW, 0), 0b1010);
    assert_eq!(super::binary::add::ROW.grads[0].as_ref().unwrap().facts().is_input, Some(3));
    assert!(super::binary::div_floor::ROW.grads[0].as_ref().unwrap().facts().is_zero);
}

#[derive(Clone, Copy)]
enum Way {
    Loop,
    /// The loop over operand 0.
    Over,
    /// The loop, and that where this operand is one element; it is so for both.
    Each(usize),
    One(usize),
    Plan,
}

/// The results of one lane, over operands made from a pattern.
fn bits<T: crate::expr::Native + crate::core::Element>(
    f: &Formula,
    way: Way,
    masks: u32,
    out_mask: bool,
    dtype: DType,
) -> Vec<u8> {
    let n = 1100;
    let cols: Vec<Vec<T>> = (0..MAX_INPUTS)
        .map(|k| (0..n).map(|i| T::from_f64(((i * (k + 3) * 7) % 41) as f64 * 0.25 - 4.0)).collect())
        .collect();
    let bools: Vec<Vec<u8>> = cols.iter().map(|c| c.iter().map(|v| (v.to_f64() > 0.0) as u8).collect()).collect();
    let x: [*const u8; MAX_INPUTS] =
        std::array::from_fn(|k| if masks >> k & 1 == 1 { bools[k].as_ptr() } else { cols[k].as_ptr().cast() });
    let same = vec![T::from_f64(1.75); n];
    let x = std::array::from_fn(|k| match way {
        Way::Each(one) | Way::One(one) if one == k => same.as_ptr().cast(),
        _ => x[k],
    });
    let mut p = [[0u8; 16]; 4];
    p[0] = crate::core::Number::Int(2).bits(dtype);
    let size = if out_mask { 1 } else { dtype.size() };
    let mut out = vec![0u8; n * size];
    // SAFETY: n elements everywhere.
    unsafe {
        match way {
            Way::Plan => Plan::new(&f.facts().graph, dtype).unwrap().run(&x, &p, out.as_mut_ptr(), n),
            Way::One(k) => f.loops.ways(dtype).unwrap().one[k].unwrap()(&x, &p, out.as_mut_ptr(), n),
            Way::Loop | Way::Each(_) => f.loops.of(dtype).unwrap()(&x, &p, out.as_mut_ptr(), n),
            Way::Over => {
                std::ptr::copy_nonoverlapping(x[0], out.as_mut_ptr(), out.len());
                let elsewhere = std::array::from_fn(|k| if k == 0 { std::ptr::null() } else { x[k] });
                f.loops.over(dtype).unwrap()(&elsewhere, &p, out.as_mut_ptr(), n);
            }
        }
    }
    out
}

#[test]
fn tile_programs_give_the_bits_of_compiled_loops() {
    for row in rows() {
        let formulas = std::iter::once(&row.value).chain(row.grads.iter().flatten());
        for (i, f) in formulas.enumerate() {
            let out_mask = row.out_mask && i == 0;
            if f.loops.is_none() {
                continue;
            }
            if row.rule != Rule::Bits {
                let of = |way| bits::<f32>(f, way, row.masks, out_mask, DType::F32);
                assert_eq!(of(Way::Plan), of(Way::Loop), "{} {i} f32", row.name);
                let of = |way| bits::<f64>(f, way, row.masks, out_mask, DType::F64);
                assert_eq!(of(Way::Plan), of(Way::Loop), "{} {i} f64", row.name);
            }
            if f.loops.i64.is_some() {
                let of = |way| bits::<i64>(f, way, row.masks, out_mask, DType::I64);
                assert_eq!(of(Way::Plan), of(Way::Loop), "{} {i} i64", row.name);
            }
        }
    }
}

#[test]
fn loops_over_the_first_operand_give_the_same_bits() {
    let mut count = 0;
    for row in rows().filter(|r| r.value.loops.over(DType::F32).is_some()) {
        let of = |way| bits::<f32>(&row.value, way, row.masks, false, DType::F32);
        assert_eq!(of(Way::Over), of(Way::Loop), "{}", row.name);
        count += 1;
    }
    assert!(count > 20, "rows with a twin in place have such a loop");
}

#[test]
fn loops_of_one_element_and_many_give_the_same_bits() {
    let mut count = 0;
    for row in rows().filter(|r| r.value.loops.f32_one.iter().all(Option::is_some)) {
        let of = |way| bits::<f32>(&row.value, way, row.masks, false, DType::F32);
        for k in [0, 1] {
            assert_eq!(of(Way::One(k)), of(Way::Each(k)), "{} {k}", row.name);
        }
        count += 1;
    }
    assert!(count > 5, "arithmetic of two operands has such loops");
}

#[test]
fn rows_read_well() {
    for row in rows() {
        assert!(row.inputs <= 3 && row.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        assert!(Graph::is_mask(&row.value.facts().graph) == row.out_mask, "{}", row.name);
    }
    assert_eq!(super::select::where_::ROW.name, "where");
    assert!(super::unary::tanh::DEF.doc.starts_with("The hyperbolic tangent of each element.\n\nGradient"));
}
