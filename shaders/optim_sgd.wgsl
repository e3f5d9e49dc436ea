// One step of stochastic gradient descent for one element or four: the parameter get0() to put0, the gradient get1(), with MOMENTUM 1
// the buffer get2() to put1. Every operation rounds where PyTorch's chain of in-place ops rounds. `flag(j)` is bit j of the options:
// 0 maximize, 1 weight decay, 2 the buffer is empty, 3 nesterov. `number(j)`: 0 -lr, 1 weight decay, 2 momentum, 3 1 - dampening.
fn step() {
    let x = get0();
    var d = get1();
    if (flag(0u)) { d = -d; }
    if (flag(1u)) { d = rounded(fma(x, v_of(number(1u)), d)); }
    put0(fma(along(d), v_of(number(0u)), x));
}
