// What the kernels of pooling share: where the element of an operand stands, whose first element and four strides are words from
// `at` on.
fn place(at: u32, b: u32, c: u32, y: u32, x: u32) -> u32 {
    return rg_word(at) + b * rg_word(at + 1u) + c * rg_word(at + 2u) + y * rg_word(at + 3u) + x * rg_word(at + 4u);
}
