//! The steps of optimizers: formulas with several results, `(p, state) <- f(p, g, state)`, one row each in the files beside.
//! A row becomes loops of the CPU, kernels of the GPU, and, where a step itself is to be differentiated, tensor ops.

#[macro_use]
mod row;
mod adaptive;
mod descent;
mod replay;

use std::sync::{Mutex, PoisonError};

use crate::core::{DeviceKind, Meta};
pub use crate::cpu::update::Part;
use crate::cpu::update::{Loops, Numbers};
use crate::device::Array;
use crate::error::Result;
use crate::expr::Recorded;
use crate::expr::update::MAX_OPERANDS;
use crate::{cpu, gpu};

pub use replay::replay;

/// Tensors in the state of one parameter at most, and numbers.
pub const MAX_STATE: usize = MAX_OPERANDS - 2;
pub const MAX_COUNTERS: usize = 2;
/// The flag that says that the state was made in this step.
pub const FRESH: usize = 31;

/// All optimizers that are rows.
pub static RULES: [&Rule; 8] = [
    &descent::SGD,
    &adaptive::ADAM,
    &adaptive::NADAM,
    &adaptive::RADAM,
    &adaptive::ADAMAX,
    &adaptive::ADAGRAD,
    &adaptive::ADADELTA,
    &adaptive::RMSPROP,
];

/// An optimizer's step.
pub struct Rule {
    pub name: &'static str,
    /// What a step is called with: numbers, then choices.
    pub options: &'static [&'static str],
    pub choices: &'static [&'static str],
    /// State that is one number for each parameter, a 0-d tensor; and what it begins with.
    pub counters: &'static [(&'static str, f64)],
    /// State like the parameter, zeros at first; and the flag, if any, without which it is not needed.
    pub state: &'static [(&'static str, Option<usize>)],
    /// What the formula gets, from the options and the counters, which it moves on. None: other numbers of them were given.
    pub prepare: fn(&[f64], u32, &mut [Counter]) -> Option<Ready>,
    loops: Loops,
    record: fn(u32) -> Recorded,
    /// The texts for the GPU, by flags. Like the pipelines made of them, they are never given up.
    texts: Mutex<Vec<(u32, &'static gpu::update::Text)>>,
}

/// The numbers of a step, and its flags, one bit each: the choices first.
pub struct Ready {
    pub numbers: Numbers,
    pub flags: u32,
}

/// A number that is part of a parameter's state, computed as its dtype computes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    pub value: f64,
    /// It is a float32.
    pub single: bool,
}

impl Counter {
    fn set(&mut self, value: f64) -> f64 {
        self.value = if self.single { f64::from(value as f32) } else { value };
        self.value
    }

    /// Adds, and gives the sum.
    fn add(&mut self, more: f64) -> f64 {
        self.set(self.value + more)
    }

    /// Multiplies, and gives the product.
    fn times(&mut self, factor: f64) -> f64 {
        let factor = if self.single { f64::from(factor as f32) } else { factor };
        self.set(self.value * factor)
    }
}

/// Both parts of complex elements as numbers of their own, over the same memory; a real array as it is.
pub fn lanes(a: &Array) -> Array {
    if !a.dtype.is_complex() {
        return a.clone();
    }
    let mut layout = a.layout.clone();
    layout.offset *= 2;
    layout.strides.iter_mut().for_each(|s| *s *= 2);
    layout.shape.push(2);
    layout.strides.push(1);
    Array::new(Meta::new(layout, a.dtype.to_real(), a.device), a.storage.clone())
}

impl Rule {
    pub fn named(name: &str) -> Option<&'static Rule> {
        RULES.iter().copied().find(|rule| rule.name == name)
    }

    /// Changes parameters and state in place. All of a part are on one device.
    pub fn run(&self, parts: &[Part]) -> Result<()> {
        if parts.iter().all(|part| part.x[0].device.is_cpu()) {
            cpu::update::run(&self.loops, parts);
            return Ok(());
        }
        for part in parts {
            match part.x[0].device.kind {
                DeviceKind::Cpu => cpu::update::run(&self.loops, std::slice::from_ref(part)),
                DeviceKind::Meta => {}
                _ => gpu::update::run(self.text(part.flags), &part.x, &part.numbers)?,
            }
        }
        Ok(())
    }

    fn text(&self, flags: u32) -> &'static gpu::update::Text {
        let mut known = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&(_, text)) = known.iter().find(|(f, _)| *f == flags) {
            return text;
        }
        let text = Box::leak(Box::new(gpu::update::Text::of(self.name, &self.recorded(flags))));
        known.push((flags, text));
        text
    }

    pub fn recorded(&self, flags: u32) -> Recorded {
        (self.record)(flags)
    }
}
