// One step of Adam for one element or four: the parameter get0() to put0, the gradient get1(), running means of it (get2(), put1) and of
// its square (get3(), put2); `largest` keeps amsgrad's maximum. Every operation rounds where PyTorch's chain of in-place ops rounds.
// `flag(j)`: 0 maximize, 1 weight decay, 2 it shrinks the parameter itself (AdamW), 3 lerp goes from the old mean. `number(j)`: 0 -lr /
// (1 - beta1^step), 1 weight decay, 2 1 - lr weight decay, 3 the pull of lerp, 4 beta2, 5 1 - beta2, 6 sqrt(1 - beta2^step), 7 eps.
fn step() {
    var x = get0();
    var d = get1();
    if (flag(0u)) { d = -d; }
    if (flag(1u)) {
        if (flag(2u)) {
            x = rounded(x * number(2u));
        } else {
            d = rounded(fma(x, v_of(number(1u)), d));
        }
    }
    let old = get2();
    var base = d;
    if (flag(3u)) { base = old; }
    let mean = rounded(fma(v_of(number(3u)), d - old, base));
    put1(mean);
    let faded = rounded(get3() * number(4u));
    let square = rounded(fma(number(5u) * d, d, faded));
    put2(square);
    let root = rounded(rounded(sqrt(largest(square))) / number(6u));
    let below = rounded(root + number(7u));
    put0(x + number(0u) * mean / below);
}
