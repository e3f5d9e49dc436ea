// What is kept of a sum of losses and of that of their weights: the sum (KIND 2), its ratio to the weights (KIND 1), NaN where nothing
// counts, or a part of either (KIND 3).
fn finish(i: u32, sum: f32, by: f32) {
    var v = sum;
    if (KIND == 1u) { v = select(sum / by, rg_nan(), rg_eq(sum, 0.0) && rg_eq(by, 0.0)); }
    store0(i, v);
    store1(i, by);
}
