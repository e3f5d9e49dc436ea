//! Steps whose length is each element's own, from running means of the gradient and of its square.

use crate::expr::update::Slots;
use crate::expr::{Left, Scalar};

/// The gradient, uphill where `maximize`, with weight decay.
#[inline(always)]
fn decayed<S: Scalar, P: Slots<S>>(p: P, x: S, maximize: bool, decay: Option<S>) -> S
where
    f64: Left<S>,
{
    let d = if maximize { -p.get(1) } else { p.get(1) };
    match decay {
        Some(decay) => p.rounded(x.mul_add(p.alpha(decay), d)),
        None => d,
    }
}

/// The parameter `x` and its gradient: weight decay is added to the gradient, or, given `shrink`, shrinks the parameter.
#[inline(always)]
fn begun<S: Scalar, P: Slots<S>>(p: P, x: S, maximize: bool, decay: Option<S>, shrink: Option<S>) -> (S, S)
where
    f64: Left<S>,
{
    let d = decayed(p, x, maximize, decay.filter(|_| shrink.is_none()));
    match (decay, shrink) {
        (Some(_), Some(shrink)) => (p.rounded(x * shrink), d),
        _ => (x, d),
    }
}

/// `old + weight (new - old)`, from the nearer end, as PyTorch's lerp: `pull` is [`pull`] of the weight.
#[inline(always)]
fn lerp<S: Scalar>(old: S, new: S, near: bool, pull: S) -> S
where
    f64: Left<S>,
{
    pull.mul_add(new - old, if near { old } else { new })
}

/// What [`lerp`] multiplies with: the weight, or how much it lacks to 1.
fn pull(weight: f64) -> f64 {
    if near(weight) { weight } else { weight - 1.0 }
}

fn near(weight: f64) -> bool {
    weight < 0.5
}

/// The running mean of squares, `fade square + fresh d d`.
#[inline(always)]
fn squares<S: Scalar, P: Slots<S>>(p: P, square: S, d: S, fade: S, fresh: S) -> S
where
    f64: Left<S>,
{
    (fresh * d).mul_add(d, p.rounded(square * fade))
}

optimizer! {
    /// Adam (Kingma and Ba 2015), with amsgrad (Reddi et al. 2018); AdamW (Loshchilov and Hutter 2019) where `decoupled`.
    ADAM = "adam" {
        options: [lr, beta1, beta2, eps, weight_decay],
        choices: [amsgrad, maximize, decoupled],
        counters: [step = 0.0],
        state: [exp_avg, exp_avg_sq, max_exp_avg_sq if amsgrad],
        before: {
            let step = step.add(1.0);
        },
        numbers: [
            rate = -(lr / (1.0 - beta1.powf(step))),
            correction = (1.0 - beta2.powf(step)).sqrt(),
            tiny = eps,
            decay = weight_decay,
            shrink = 1.0 - lr * weight_decay,
            weight = pull(1.0 - beta1),
            fade = beta2,
            fresh = 1.0 - beta2,
        ],
        flags: [decays = weight_decay != 0.0, near = near(1.0 - beta1)],
        step: |p| {
            let (x, d) = begun(p, p.get(X), maximize, decays.then_some(decay), decoupled.then_some(shrink));
            let mean = p.keep(exp_avg, lerp(p.get(exp_avg), d, near, weight));
            let mut square = p.keep(exp_avg_sq, squares(p, p.get(exp_avg_sq), d, fade, fresh));
            if amsgrad {
                square = p.keep(max_exp_avg_sq, p.get(max_exp_avg_sq).max(square));
            }
            let root = p.rounded(p.rounded(square.sqrt()) / correction);
            p.put(X, x + rate * mean / p.rounded(root + tiny));
        }
    }
}

optimizer! {
    /// NAdam (Dozat 2016): Adam with Nesterov's momentum. `mu_product` is the product of the momenta so far.
    NADAM = "nadam" {
        options: [lr, beta1, beta2, eps, weight_decay, momentum_decay],
        choices: [maximize, decoupled],
        counters: [step = 0.0, mu_product = 1.0],
        state: [exp_avg, exp_avg_sq],
        before: {
            let step = step.add(1.0);
            let momentum = |step: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(step * momentum_decay));
            let (now, then) = (momentum(step), momentum(step + 1.0));
            let product = mu_product.times(now);
        },
        numbers: [
            along_gradient = -lr * (1.0 - now) / (1.0 - product),
            along_mean = -lr * then / (1.0 - product * then),
            correction = 1.0 - beta2.powf(step),
            tiny = eps,
            decay = weight_decay,
            shrink = 1.0 - lr * weight_decay,
            weight = pull(1.0 - beta1),
            fade = beta2,
            fresh = 1.0 - beta2,
        ],
        flags: [decays = weight_decay != 0.0, near = near(1.0 - beta1)],
        step: |p| {
            let (x, d) = begun(p, p.get(X), maximize, decays.then_some(decay), decoupled.then_some(shrink));
            let mean = p.keep(exp_avg, lerp(p.get(exp_avg), d, near, weight));
            let square = p.keep(exp_avg_sq, squares(p, p.get(exp_avg_sq), d, fade, fresh));
            let root = p.rounded(p.rounded(square / correction).sqrt());
            let size = p.rounded(root + tiny);
            let x = p.rounded(x + along_gradient * d / size);
            p.put(X, x + along_mean * mean / size);
        }
    }
}

optimizer! {
    /// RAdam (Liu et al. 2020): Adam whose step is rectified while the mean square stands for few gradients.
    RADAM = "radam" {
        options: [lr, beta1, beta2, eps, weight_decay],
        choices: [maximize, decoupled],
        counters: [step = 0.0],
        state: [exp_avg, exp_avg_sq],
        before: {
            let step = step.add(1.0);
            let squared = 1.0 - beta2.powf(step);
            // The length of the simple moving average that the mean square stands for, at most and now.
            let longest = 2.0 / (1.0 - beta2) - 1.0;
            let length = longest - 2.0 * step * beta2.powf(step) / squared;
            let scale = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
        },
        numbers: [
            correction = 1.0 - beta1.powf(step),
            rate = lr,
            root = squared.sqrt(),
            rectify = if length > 5.0 { scale.sqrt() } else { 1.0 },
            tiny = eps,
            decay = weight_decay,
            shrink = 1.0 - lr * weight_decay,
            weight = pull(1.0 - beta1),
            fade = beta2,
            fresh = 1.0 - beta2,
        ],
        flags: [decays = weight_decay != 0.0, near = near(1.0 - beta1), rectified = length > 5.0],
        step: |p| {
            let (x, d) = begun(p, p.get(X), maximize, decays.then_some(decay), decoupled.then_some(shrink));
            let mean = p.keep(exp_avg, lerp(p.get(exp_avg), d, near, weight));
            let square = p.keep(exp_avg_sq, squares(p, p.get(exp_avg_sq), d, fade, fresh));
            let mut change = p.rounded(p.rounded(mean / correction) * rate);
            if rectified {
                let size = p.rounded(p.rounded(square.sqrt()) + tiny);
                change = p.rounded(p.rounded(change * p.rounded(root / size)) * rectify);
            }
            p.put(X, x - change);
        }
    }
}

optimizer! {
    /// Adamax (Kingma and Ba 2015, section 7.1): Adam with the largest gradient in place of the root of the mean square.
    ADAMAX = "adamax" {
        options: [lr, beta1, beta2, eps, weight_decay],
        choices: [maximize],
        counters: [step = 0.0],
        state: [exp_avg, exp_inf],
        before: {
            let step = step.add(1.0);
        },
        numbers: [
            rate = -(lr / (1.0 - beta1.powf(step))),
            tiny = eps,
            decay = weight_decay,
            weight = pull(1.0 - beta1),
            fade = beta2,
        ],
        flags: [decays = weight_decay != 0.0, near = near(1.0 - beta1)],
        step: |p| {
            let x = p.get(X);
            let d = decayed(p, x, maximize, decays.then_some(decay));
            let mean = p.keep(exp_avg, lerp(p.get(exp_avg), d, near, weight));
            let faded = p.rounded(p.get(exp_inf) * fade);
            let largest = p.keep(exp_inf, faded.max(p.rounded(d.abs() + tiny)));
            p.put(X, x + rate * mean / largest);
        }
    }
}

optimizer! {
    /// Adagrad (Duchi et al. 2011). What the sum begins with, its class fills in.
    ADAGRAD = "adagrad" {
        options: [lr, lr_decay, eps, weight_decay],
        choices: [maximize],
        counters: [step = 0.0],
        state: [sum],
        before: {
            let step = step.add(1.0);
        },
        numbers: [rate = -(lr / (1.0 + (step - 1.0) * lr_decay)), tiny = eps, decay = weight_decay],
        flags: [decays = weight_decay != 0.0],
        step: |p| {
            let x = p.get(X);
            let d = decayed(p, x, maximize, decays.then_some(decay));
            let total = p.keep(sum, d.mul_add(d, p.get(sum)));
            p.put(X, x + rate * d / p.rounded(p.rounded(total.sqrt()) + tiny));
        }
    }
}

optimizer! {
    /// Adadelta (Zeiler 2012).
    ADADELTA = "adadelta" {
        options: [lr, rho, eps, weight_decay],
        choices: [maximize],
        counters: [step = 0.0],
        state: [square_avg, acc_delta],
        before: {
            step.add(1.0);
        },
        numbers: [rate = -lr, fade = rho, fresh = 1.0 - rho, tiny = eps, decay = weight_decay],
        flags: [decays = weight_decay != 0.0],
        step: |p| {
            let x = p.get(X);
            let d = decayed(p, x, maximize, decays.then_some(decay));
            let square = p.keep(square_avg, squares(p, p.get(square_avg), d, fade, fresh));
            let before = p.get(acc_delta);
            let size = p.rounded(p.rounded(square + tiny).sqrt());
            let change = p.rounded(p.rounded(p.rounded(before + tiny).sqrt()) / size);
            let change = p.rounded(change * d);
            p.put(acc_delta, squares(p, before, change, fade, fresh));
            p.put(X, change.mul_add(p.alpha(rate), x));
        }
    }
}

optimizer! {
    /// RMSprop (Hinton's lecture of 2012); where `centered`, over the variance (Graves 2013).
    RMSPROP = "rmsprop" {
        options: [lr, alpha, eps, weight_decay, momentum],
        choices: [centered, maximize],
        counters: [step = 0.0],
        state: [square_avg, momentum_buffer if remembers, grad_avg if centered],
        before: {
            step.add(1.0);
        },
        numbers: [
            rate = -lr,
            fade = alpha,
            fresh = 1.0 - alpha,
            tiny = eps,
            decay = weight_decay,
            weight = pull(1.0 - alpha),
            push = momentum,
        ],
        flags: [decays = weight_decay != 0.0, near = near(1.0 - alpha), remembers = momentum > 0.0],
        step: |p| {
            let x = p.get(X);
            let d = decayed(p, x, maximize, decays.then_some(decay));
            let mut square = p.keep(square_avg, squares(p, p.get(square_avg), d, fade, fresh));
            if centered {
                let mean = p.keep(grad_avg, lerp(p.get(grad_avg), d, near, weight));
                square = p.rounded((-mean).mul_add(mean, square));
            }
            let size = p.rounded(p.rounded(square.sqrt()) + tiny);
            if remembers {
                let v = p.keep(momentum_buffer, p.rounded(p.get(momentum_buffer) * push) + d / size);
                p.put(X, v.mul_add(p.alpha(rate), x));
            } else {
                p.put(X, x + rate * d / size);
            }
        }
    }
}
