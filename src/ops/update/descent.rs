//! Steps along the gradient.

use super::FRESH;

optimizer! {
    /// Stochastic gradient descent, with momentum and Nesterov's form of it (Sutskever et al. 2013).
    SGD = "sgd" {
        options: [lr, momentum, dampening, weight_decay],
        choices: [nesterov, maximize],
        counters: [],
        state: [momentum_buffer if remembers],
        before: {},
        numbers: [rate = -lr, decay = weight_decay, fade = momentum, fresh = 1.0 - dampening],
        flags: [decays = weight_decay != 0.0, remembers = momentum != 0.0],
        step: |p| {
            let x = p.get(X);
            let mut d = if maximize { -p.get(G) } else { p.get(G) };
            if decays {
                d = p.rounded(x.mul_add(p.alpha(decay), d));
            }
            if remembers {
                let v = match p.flag(FRESH) {
                    true => d,
                    false => d.mul_add(p.alpha(fresh), p.rounded(p.get(momentum_buffer) * fade)),
                };
                let v = p.keep(momentum_buffer, v);
                d = if nesterov { p.rounded(v.mul_add(p.alpha(fade), d)) } else { v };
            }
            p.put(X, d.mul_add(p.alpha(rate), x));
        }
    }
}
