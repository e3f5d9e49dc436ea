//! Nanoseconds an element of every row's loops, per lane and instruction set, on 64 and on 4096 elements in cache: a row that fell
//! to scalar speed is seen at once. `cargo bench --no-default-features --bench map [name]`.

use std::time::Instant;

use _rustgrad::core::{DType, Number};
use _rustgrad::cpu::dispatch::{Level, set_level};
use _rustgrad::cpu::map::Kernel;
use _rustgrad::ops::elementwise::rows;

/// Seconds of one call, the least of many.
fn least(mut f: impl FnMut()) -> f64 {
    let t = Instant::now();
    f();
    let once = t.elapsed().as_secs_f64().max(1e-8);
    let inner = ((2e-5 / once) as usize).clamp(1, 10_000);
    (0..30)
        .map(|_| {
            let t = Instant::now();
            (0..inner).for_each(|_| f());
            t.elapsed().as_secs_f64() / inner as f64
        })
        .fold(f64::MAX, f64::min)
}

fn main() {
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let line = |s: String| std::io::Write::write_all(&mut std::io::stdout(), (s + "\n").as_bytes());
    let _ = line(format!("{:18} {:5} {:8} {:>10} {:>12}", "row", "lane", "level", "64: ns", "4096: ns/el"));
    for row in rows().filter(|r| wanted.as_ref().is_none_or(|w| r.name.contains(w.as_str()))) {
        let formulas =
            std::iter::once(("", &row.value)).chain(["d0", "d1", "d2"].into_iter().zip(row.grads.iter().flatten()));
        for (what, f) in formulas {
            for dtype in [DType::F32, DType::F64, DType::I64] {
                let Some(kernel) = f.loops.of(dtype) else { continue };
                let mut shown = format!("{:18} {:5}", format!("{} {what}", row.name), dtype.scalar_name());
                for level in [Level::Portable, Level::Avx2, Level::Avx512] {
                    if set_level(level) != level {
                        continue;
                    }
                    let [small, large] = [64, 4096].map(|n| time(kernel, dtype, row.masks, n));
                    shown += &format!(" | {level:?} {:8.1} {:8.3}", small * 1e9, large * 1e9 / 4096.0);
                }
                let _ = line(shown);
            }
        }
    }
}

fn time(kernel: Kernel, dtype: DType, masks: u32, n: usize) -> f64 {
    let value = |i: usize| Number::Float((i * 7919 % 2000) as f64 / 500.0 + 0.01);
    let lanes: Vec<u8> = (0..n).flat_map(|i| value(i).bits(dtype)[..dtype.size()].to_vec()).collect();
    let bools: Vec<u8> = (0..n).map(|i| (i * 7 % 3 == 0) as u8).collect();
    let x = std::array::from_fn(|k| if masks >> k & 1 == 1 { bools.as_ptr() } else { lanes.as_ptr() });
    let p = std::array::from_fn(|_| Number::Int(2).bits(dtype));
    let mut out = vec![0u64; n];
    // SAFETY: n elements everywhere.
    least(|| unsafe { kernel(&x, &p, out.as_mut_ptr().cast(), n) })
}
