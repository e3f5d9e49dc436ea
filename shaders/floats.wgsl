// Tests of float class by bits, and min/max/compare that treat NaN as PyTorch does.
// A driver may assume that NaN and infinity do not occur, so nothing here asks a float comparison about NaN.
fn rg_bits(x: f32) -> u32 { return bitcast<u32>(x); }
fn rg_isnan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn rg_isinf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
fn rg_isfinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn rg_signbit(x: f32) -> bool { return (bitcast<u32>(x) >> 31u) == 1u; }
fn rg_copysign(m: f32, s: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(m) & 0x7fffffffu) | (bitcast<u32>(s) & 0x80000000u));
}
// `a != b` is false for NaN on Mesa; these are not.
fn rg_eq(a: f32, b: f32) -> bool { return a == b && !rg_isnan(a) && !rg_isnan(b); }
fn rg_ne(a: f32, b: f32) -> bool { return !rg_eq(a, b); }
// torch.maximum / minimum and max / min reductions: NaN wins, and of two zeros the second. (Which zero `max` gives is the
// driver's choice.)
fn rg_max(a: f32, b: f32) -> f32 { return select(select(select(b, a, a > b), b, rg_isnan(b)), a, rg_isnan(a)); }
fn rg_min(a: f32, b: f32) -> f32 { return select(select(select(b, a, a < b), b, rg_isnan(b)), a, rg_isnan(a)); }
// torch.fmax / fmin: NaN loses.
fn rg_fmax(a: f32, b: f32) -> f32 { return select(select(max(a, b), a, rg_isnan(b)), b, rg_isnan(a)); }
fn rg_fmin(a: f32, b: f32) -> f32 { return select(select(min(a, b), a, rg_isnan(b)), b, rg_isnan(a)); }
fn rg_relu(x: f32) -> f32 { return select(max(x, 0.0), x, rg_isnan(x)); }
fn rg_clamp(x: f32, lo: f32, hi: f32) -> f32 { return rg_min(rg_max(x, lo), hi); }
fn rg_sign(x: f32) -> f32 { return select(sign(x), 0.0, rg_isnan(x)); }   // of NaN: 0, as in PyTorch
// Read from the metadata: a compiler may fold constants of this kind, and browsers refuse them.
fn rg_inf() -> f32 { return rg_meta.special.x; }
fn rg_nan() -> f32 { return rg_meta.special.y; }
// Comparisons that are false where either side is NaN, whatever the driver assumes.
fn rg_ordered(a: f32, b: f32) -> bool { return !rg_isnan(a) && !rg_isnan(b); }
fn rg_lt(a: f32, b: f32) -> bool { return a < b && rg_ordered(a, b); }
fn rg_le(a: f32, b: f32) -> bool { return a <= b && rg_ordered(a, b); }
