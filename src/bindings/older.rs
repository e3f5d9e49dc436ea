//! Calls in the order that PyTorch had before 1.5, with the factors in front of the tensors that they multiply:
//! `p.add_(-lr, grad)`, `v.addcmul_(1 - beta, grad, grad)`, `torch.addmm(beta, x, alpha, a, b)`. PyTorch still takes them,
//! with a warning. They are looked at where no overload took the arguments, so that no other call pays for them.

use std::ffi::CString;

use pyo3::exceptions::PyUserWarning;
use pyo3::ffi;
use pyo3::prelude::*;

use super::call::Given;
use super::entry::Entry;
use super::errors::{P, checked, foreign};
use super::object::as_tensor;
use crate::error::Result;

/// How many tensors follow `self`, and the names of the factors in front of them.
fn form(name: &str) -> Option<(usize, &'static [&'static str])> {
    Some(match name.strip_suffix('_').unwrap_or(name) {
        "add" | "sub" => (1, &["alpha"]),
        "addcmul" | "addcdiv" => (2, &["value"]),
        "addmm" | "addmv" | "addr" | "addbmm" | "baddbmm" => (2, &["beta", "alpha"]),
        _ => return None,
    })
}

/// The call with its factors by keyword, where the arguments are in the older order: what `again` makes of it.
///
/// # Safety
/// The arguments are those of a C call that no overload took; the GIL is held.
#[cold]
pub unsafe fn call(entry: &Entry, given: Given, again: impl FnOnce(Given) -> Result<P>) -> Result<Option<P>> {
    let Some((tensors, factors)) = form(&entry.name) else { return Ok(None) };
    // SAFETY: says the caller.
    let mut order: Vec<P> = (0..given.n).map(|i| unsafe { given.at(i) }).collect();
    // SAFETY: the arguments are alive.
    let is_tensor = |o: P| unsafe { as_tensor(o) }.is_some();
    // SAFETY: as above.
    let is_number = |o: P| !is_tensor(o) && unsafe { ffi::PyNumber_Check(o) } != 0;
    let first = usize::from(!entry.method);
    if !entry.method && factors.len() == 2 && order.len() > 1 && is_number(order[0]) {
        order.swap(0, 1); // torch.addmm(beta, self, ...)
    }
    // `x.add(2, 3)` is x + 2 * 3: what is added, or added to, may be a number.
    let added = factors == ["alpha"];
    let most = if added { 1 } else { usize::MAX };
    let numbers = order.iter().skip(first).take_while(|&&o| is_number(o)).count().min(most);
    // A tensor without dims is a number, too: `torch.add(x, torch.tensor(2), 3)`.
    // SAFETY: as above.
    let zero_d = |o: P| unsafe { as_tensor(o) }.is_some_and(|t| t.ndim() == 0);
    let numbers = if numbers == 0 && added && order.len() == first + 2 && zero_d(order[first]) { 1 } else { numbers };
    let fits = order.len() == first + numbers + tensors
        && (1..=factors.len()).contains(&numbers)
        && order[..first].iter().chain(&order[first + numbers..]).all(|&o| is_tensor(o) || added && is_number(o));
    if !fits {
        return Ok(None);
    }
    warn(&entry.name, &factors[..numbers])?;
    order[first..].rotate_left(numbers);
    // SAFETY: as above; the tuple holds new references to the names, and values are borrowed like the others.
    unsafe {
        let names = checked(ffi::PyTuple_New((numbers + given.keywords()) as ffi::Py_ssize_t))?;
        let names = Bound::from_owned_ptr(Python::assume_attached(), names);
        for (i, factor) in factors[..numbers].iter().enumerate() {
            let name = ffi::PyUnicode_FromStringAndSize(factor.as_ptr().cast(), factor.len() as ffi::Py_ssize_t);
            ffi::PyTuple_SetItem(names.as_ptr(), i as ffi::Py_ssize_t, checked(name)?);
        }
        for k in 0..given.keywords() {
            let name = ffi::PyTuple_GetItem(given.names, k as ffi::Py_ssize_t);
            ffi::Py_INCREF(name);
            ffi::PyTuple_SetItem(names.as_ptr(), (numbers + k) as ffi::Py_ssize_t, name);
            order.push(given.at(given.n + k));
        }
        again(Given { this: given.this, args: order.as_ptr(), n: first + tensors, names: names.as_ptr() }).map(Some)
    }
}

fn warn(name: &str, factors: &[&str]) -> Result<()> {
    let keywords = factors.iter().map(|f| format!(", {f}=...")).collect::<String>();
    let text = format!(
        "This overload of {name} is deprecated: a number stands in front of the tensors\nConsider {name}(tensors{keywords}) instead"
    );
    Python::attach(|py| PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(text).unwrap_or_default(), 1))
        .map_err(foreign)
}
