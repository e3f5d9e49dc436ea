//! How often ops were called with which shapes: what `utils.flop_counter` computes from. Only the shapes are kept, and equal calls are
//! one row, so that a long program costs little memory.

use std::cell::RefCell;
use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::errors::{OrForeign, P};
use crate::error::Result;
use crate::tensor::{Tensor, door};

/// The op, the op whose backward called it, shapes of its inputs and of its results.
type Call = (&'static str, &'static str, Vec<Vec<usize>>, Vec<Vec<usize>>);

#[derive(Default)]
struct Counts {
    rows: Vec<(Call, u64)>,
    place: HashMap<Call, usize>,
}

thread_local! {
    static COUNTS: RefCell<Counts> = RefCell::default();
}

impl Counts {
    fn add(&mut self, call: Call) {
        let rows = &mut self.rows;
        let at = *self.place.entry(call).or_insert_with_key(|call| {
            rows.push((call.clone(), 0));
            rows.len() - 1
        });
        rows[at].1 += 1;
    }
}

/// Gives what was counted, and counts on those in `names`; None ends it.
pub fn count(names: P) -> Result<P> {
    // SAFETY: an argument of the call; the GIL is held.
    let names = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), names) };
    let py = names.py();
    let names: Option<Vec<String>> = names.extract().or_foreign()?;
    let watcher = names.map(|names| -> door::Watcher {
        Box::new(move |name, inputs, results| {
            if !inputs.is_empty() && names.iter().any(|n| n == name) {
                let shapes = |x: &[&Tensor]| x.iter().map(|t| t.shape().to_vec()).collect();
                let call = (name, door::backward(), shapes(inputs), shapes(results));
                COUNTS.with_borrow_mut(|counts| counts.add(call));
            }
        })
    });
    door::watch(watcher);
    let rows = COUNTS.take().rows;
    let shapes = |all: &[Vec<usize>]| -> PyResult<Vec<_>> { all.iter().map(|s| PyTuple::new(py, s.iter())).collect() };
    let rows = rows.iter().map(|((name, within, x, y), n)| Ok((*name, *within, shapes(x)?, shapes(y)?, *n)));
    let rows = rows.collect::<PyResult<Vec<_>>>().or_foreign()?;
    Ok(rows.into_pyobject(py).or_foreign()?.into_ptr())
}
