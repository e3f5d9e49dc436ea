//! Microseconds of a reduction, per shape and dims: sums, maxima with their place, variances. `cargo bench
//! --no-default-features --bench reduce [name]`; `RUSTGRAD_NUM_THREADS=1` for one thread.

use std::time::Instant;

use _rustgrad::core::{DType, Device, Layout, Meta, Shape};
use _rustgrad::cpu::{argreduce, reduce};
use _rustgrad::device::Array;

/// Seconds of one call, the least of many.
fn least(mut f: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut best = f64::MAX;
    while begun.elapsed().as_secs_f64() < 0.2 {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let line = |s: String| std::io::Write::write_all(&mut std::io::stdout(), (s + "\n").as_bytes());
    let cases: [(&[usize], &[&[usize]]); 5] = [
        (&[1000, 1000], &[&[1], &[0], &[0, 1]]),
        (&[100_000, 16], &[&[1], &[0], &[0, 1]]),
        (&[16, 100_000], &[&[1], &[0], &[0, 1]]),
        (&[32, 64, 28, 28], &[&[3], &[0], &[0, 2, 3], &[0, 1, 2, 3]]),
        (&[10_000_000], &[&[0]]),
    ];
    for (shape, sets) in cases {
        let numel: usize = shape.iter().product();
        let data: Vec<f32> =
            (0..numel as u64).map(|i| ((i * 2654435761) >> 9 & 0xffff) as f32 / 32768.0 - 1.0).collect();
        let x = Array::from_slice(shape, &data).unwrap();
        for &dims in sets {
            let kept: Shape = (0..shape.len()).filter(|d| !dims.contains(d)).map(|d| shape[d]).collect();
            let make = |t| Array::empty(Meta::new(Layout::contiguous(kept.clone()), t, Device::CPU)).unwrap();
            let (y, at) = (make(DType::F32), make(DType::I64));
            let show = |name: &str, f: &mut dyn FnMut()| {
                let name = format!("{name} {shape:?} over {dims:?}");
                if wanted.as_ref().is_none_or(|w| name.contains(w.as_str())) {
                    let _ = line(format!("{name:40} {:10.1} us", least(f) * 1e6));
                }
            };
            show("sum", &mut || reduce::sum(&x, dims, &y).expect("a sum"));
            if let &[dim] = dims {
                show("max", &mut || argreduce::extremum(&x, dim, true, &y, &at));
            }
            show("var", &mut || reduce::var(&x, dims, 1.0, false, &y));
        }
    }
}
