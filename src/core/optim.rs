//! Options of the optimizers' steps, as the kernels of both devices take them.

/// Options of a step of stochastic gradient descent.
#[derive(Clone, Copy)]
pub struct Sgd {
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub weight_decay: f64,
    pub nesterov: bool,
    pub maximize: bool,
    /// The momentum buffer holds nothing yet, and takes the gradient.
    pub first: bool,
}

/// Options of a step of Adam, its `step`th.
#[derive(Clone, Copy)]
pub struct Adam {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    /// The decay shrinks the parameter itself, as in AdamW.
    pub decoupled: bool,
    pub maximize: bool,
    pub step: f64,
}
