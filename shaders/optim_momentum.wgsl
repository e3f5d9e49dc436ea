// The direction of a step with momentum, whose buffer is get2() and put1. See optim_sgd.wgsl.
fn along(d: V) -> V {
    var v = d;
    if (!flag(2u)) { v = rounded(fma(d, v_of(number(3u)), rounded(get2() * number(2u)))); }
    put1(v);
    if (flag(3u)) { return rounded(fma(v, v_of(number(2u)), d)); }
    return v;
}
