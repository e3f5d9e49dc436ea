//! Steps of the optimizers over one parameter, one dispatch each. What changes from step to step (rates, corrections) is
//! data, so that a schedule compiles nothing.

use super::access::{Type, Way};
use super::copy::packed;
use super::kernel::{Kernel, Operand, count};
use super::lanes::vector;
use super::walk::{Walk, index};
use crate::core::optim::{Adam, Sgd};
use crate::core::{DType, Strides};
use crate::device::Array;
use crate::device::gpu::gpu;
use crate::error::Result;

const SGD: &str = include_str!("../../shaders/optim_sgd.wgsl");
const MOMENTUM: &str = include_str!("../../shaders/optim_momentum.wgsl");
const ADAM: &str = include_str!("../../shaders/optim_adam.wgsl");

const GROUP: usize = 256;
/// Words before the numbers: the flags.
const FLAGS: usize = 2;
/// Numbers of a step at most, so that the places of the operands follow at one word.
const NUMBERS: usize = 8;
const PLACES: usize = FLAGS + 1 + NUMBERS;

/// `param` moves along `grad`, or along `momentum`, which is updated first. All have one shape and dtype.
pub fn sgd(param: &Array, grad: &Array, momentum: Option<&Array>, o: &Sgd) -> Result<()> {
    let flags = [o.maximize, o.weight_decay != 0.0, o.first, o.nesterov];
    let numbers = [-o.lr, o.weight_decay, o.momentum, 1.0 - o.dampening];
    let along = if momentum.is_some() { MOMENTUM } else { "fn along(d: V) -> V { return d; }\n" };
    let written: Vec<&Array> = [Some(param), momentum].into_iter().flatten().collect();
    let grad = &apart(grad, &written)?;
    let step = Step { op: "SGD", text: SGD, more: along, flags: &flags, numbers: &numbers, written, grad };
    step.run()
}

/// One step of Adam; `largest` is amsgrad's running maximum. All have one shape and dtype.
pub fn adam(
    param: &Array,
    grad: &Array,
    mean: &Array,
    square: &Array,
    largest: Option<&Array>,
    o: &Adam,
) -> Result<()> {
    let corrections = [1.0 - o.beta1.powf(o.step), (1.0 - o.beta2.powf(o.step)).sqrt()];
    // lerp goes from the nearer end: PyTorch's rule.
    let weight = 1.0 - o.beta1;
    let near = weight < 0.5;
    let pull = if near { weight as f32 } else { weight as f32 - 1.0 };
    let flags = [o.maximize, o.weight_decay != 0.0, o.decoupled, near];
    let numbers = [
        -(o.lr / corrections[0]),
        o.weight_decay,
        1.0 - o.lr * o.weight_decay,
        f64::from(pull),
        o.beta2,
        1.0 - o.beta2,
        corrections[1],
        o.eps,
    ];
    let more = match largest {
        Some(_) => "fn largest(v: V) -> V { let top = v_max(get4(), v); put3(top); return top; }\n",
        None => "fn largest(v: V) -> V { return v; }\n",
    };
    let written: Vec<&Array> = [Some(param), Some(mean), Some(square), largest].into_iter().flatten().collect();
    let grad = &apart(grad, &written)?;
    let step = Step { op: "Adam", text: ADAM, more, flags: &flags, numbers: &numbers, written, grad };
    step.run()
}

/// A kernel may not read a buffer that it also writes: the gradient, or a copy of it.
fn apart(grad: &Array, written: &[&Array]) -> Result<Array> {
    if written.iter().any(|a| a.storage.same(&grad.storage)) { packed(grad) } else { Ok(grad.clone()) }
}

struct Step<'a> {
    op: &'a str,
    text: &'static str,
    /// A function that the text calls.
    more: &'static str,
    flags: &'a [bool],
    numbers: &'a [f64],
    /// The parameter and its state: `put0` ..; they are read as `get0`, `get2` ..
    written: Vec<&'a Array>,
    /// `get1`.
    grad: &'a Array,
}

impl Step<'_> {
    fn run(&self) -> Result<()> {
        let n = self.written[0].numel();
        if n == 0 {
            return Ok(());
        }
        let g = gpu(self.op)?;
        count(self.op, n)?;
        let arrays: Vec<&Array> = self.written.iter().copied().chain([self.grad]).collect();
        let strides: Vec<&Strides> = arrays.iter().map(|a| &a.layout.strides).collect();
        let walk = Walk::new(self.written[0].shape(), &strides);
        if !self.is_flat(&walk) {
            let mut words = self.options();
            words.extend(self.operands(Way::Each, None).iter().map(|o| o.first(g)));
            words.extend(walk.words());
            return self.launch(n, Way::Each, Some(&walk), &words, None);
        }
        // A parameter may be larger than what a kernel may see.
        let window = (g.binding_limit() as usize / arrays[0].dtype.size() / GROUP - 1) * GROUP;
        for start in (0..n).step_by(window) {
            let len = window.min(n - start);
            let part = (n > window).then_some((start, len));
            let mut words = self.options();
            words.extend(self.operands(Way::Fours, part).iter().map(|o| o.first(g) / 4));
            self.launch(len.div_ceil(4), Way::Fours, None, &words, part)?;
        }
        Ok(())
    }

    /// Whether all operands are element after element by fours, and what is written past their end is nobody's.
    fn is_flat(&self, walk: &Walk) -> bool {
        let n = self.written[0].numel();
        let aligned = |a: &Array| a.layout.offset.is_multiple_of(4);
        let owned = |a: &Array| n.is_multiple_of(4) || (a.layout.offset + n) * a.dtype.size() >= a.storage.bytes();
        (0..=self.written.len()).all(|k| walk.is_flat(k))
            && aligned(self.grad)
            && self.written.iter().all(|a| aligned(a) && owned(a))
    }

    /// What is written, then the gradient.
    fn operands(&self, way: Way, part: Option<(usize, usize)>) -> Vec<Operand<'_>> {
        let all = self.written.iter().copied().chain([self.grad]);
        all.map(|a| {
            let o = Operand::new(a, Type::F32).way(way);
            part.map_or(o, |(start, n)| o.part(start, n))
        })
        .collect()
    }

    fn options(&self) -> Vec<u32> {
        let mut out = vec![self.flags.iter().enumerate().fold(0, |m, (j, &f)| m | u32::from(f) << j)];
        out.extend((0..NUMBERS).map(|j| (self.numbers.get(j).copied().unwrap_or(0.0) as f32).to_bits()));
        out
    }

    fn launch(
        &self,
        invocations: usize,
        way: Way,
        walk: Option<&Walk>,
        words: &[u32],
        part: Option<(usize, usize)>,
    ) -> Result<()> {
        let writes = &self.operands(way, part)[..self.written.len()];
        let gradient = self.operands(way, part)[self.written.len()];
        let mut reads: Vec<Operand> = writes.iter().zip(0..).map(|(o, k)| o.over_output(k)).collect();
        reads.insert(1, gradient);
        let body = || {
            let rounded = match self.grad.dtype {
                DType::F16 => "v_f16(v)",
                DType::BF16 => "v_bf16(v)",
                _ => "v",
            };
            Ok(format!(
                "{}{}fn flag(j: u32) -> bool {{ return (rg_word({FLAGS}u) >> j & 1u) == 1u; }}\nfn number(j: u32) -> f32 {{ return \
                 bitcast<f32>(rg_word({}u + j)); }}\nfn rounded(v: V) -> V {{ return {rounded}; \
                 }}\n{}{}@compute @workgroup_size({GROUP})\nfn main(@builtin(workgroup_id) w: vec3<u32>, \
                 @builtin(local_invocation_index) l: u32) {{\n    let i = rg_group(w) * {GROUP}u + l;\n    if (i >= rg_word(0u)) {{ \
                 return; }}\n    find(i);\n    step();\n}}\n",
                vector(way == Way::Fours),
                self.places(walk),
                FLAGS + 1,
                self.more,
                self.text
            ))
        };
        let kernel = Kernel {
            op: self.op,
            id: self.text.as_ptr().addr(),
            variant: walk.map_or(0, |w| w.ndim() as u64),
            consts: &[],
            reads: &reads,
            writes,
            body: &body,
        };
        kernel.run_linear(invocations, GROUP, words, &[])
    }

    /// `find(i)`, and `get{k}` and `put{k}` at the place found.
    fn places(&self, walk: Option<&Walk>) -> String {
        let operands = self.written.len() + 1;
        let mut out = String::new();
        for k in 0..operands {
            out += &format!("var<private> p{k}: u32;\n");
        }
        out += "fn find(i: u32) {\n    var r = i;\n";
        let start = |k: usize| format!("    p{k} = rg_word({}u)", PLACES + k);
        match walk {
            None => (0..operands).for_each(|k| out += &(start(k) + " + i;\n")),
            Some(walk) => {
                (0..operands).for_each(|k| out += &(start(k) + ";\n"));
                for d in 0..walk.ndim() {
                    let word = PLACES + operands + d * (operands + 1);
                    let (text, index) = index(d, walk.ndim(), word);
                    out += &text;
                    for k in 0..operands {
                        out += &format!("    p{k} += {index} * rg_word({}u);\n", word + 1 + k);
                    }
                }
            }
        }
        out += "}\n";
        for k in 0..self.written.len() {
            let read = if k == 0 { 0 } else { k + 1 };
            out += &format!(
                "fn put{k}(v: V) {{ store{k}(p{k}, v); }}\nfn get{read}() -> V {{ return load{read}(p{k}); }}\n"
            );
        }
        out + &format!("fn get1() -> V {{ return load1(p{}); }}\n", self.written.len())
    }
}
