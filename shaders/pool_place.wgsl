// What the kernels of pooling share: where the element of an operand stands, whose words from `at` on are the first
// element and four strides, the last two ROW and COLUMN.
const ROW: u32 = 3u;
const COLUMN: u32 = 4u;
fn place(at: u32, b: u32, c: u32, y: u32, x: u32) -> u32 {
    return rg_word(at) + b * rg_word(at + 1u) + c * rg_word(at + 2u) + y * rg_word(at + ROW) + x * rg_word(at + COLUMN);
}
