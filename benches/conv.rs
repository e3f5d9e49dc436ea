//! Times of convolutions and pooling: `cargo bench --no-default-features --bench conv -- [name [threads]]`.
#![expect(clippy::print_stdout, reason = "it reports")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use _rustgrad::cpu::conv::{Window, forward, input_grad, weight_grad};
use _rustgrad::cpu::pool::{Windows, max_pool2d, scatter};
use _rustgrad::cpu::threads;
use _rustgrad::device::Array;

/// CPU time of this thread where one thread is used, since the wall clock counts the neighbours.
fn now() -> f64 {
    #[cfg(target_os = "linux")]
    if threads::count() == 1 {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a query into a local.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
        return t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9;
    }
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64()
}

fn time(name: &str, flops: usize, mut f: impl FnMut()) {
    f();
    let (mut all, begin) = (vec![], Instant::now());
    while begin.elapsed() < Duration::from_millis(300) || all.len() < 5 {
        let t = now();
        f();
        all.push(now() - t);
    }
    all.sort_by(f64::total_cmp);
    let (min, median) = (all[all.len() / 50], all[all.len() / 2]);
    println!("{name:26} min {:9.1} med {:9.1} us {:6.1} GF", min * 1e6, median * 1e6, flops as f64 / min * 1e-9);
}

fn array(shape: &[usize]) -> Array {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    Array::from_slice(shape, &values).unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let only = args.first().map_or("", |s| s.as_str());
    if let Some(n) = args.get(1) {
        threads::set_count(n.parse().unwrap());
    }
    for (name, x, o, k, stride, pad, groups) in [
        ("demo1_64x1x8_16", [64, 1, 8, 8], 16, 3, 1, 1, 1),
        ("demo2_64x16x8_32", [64, 16, 8, 8], 32, 3, 1, 1, 1),
        ("3x3_8x64x56", [8, 64, 56, 56], 64, 3, 1, 1, 1),
        ("3x3_32x16x32", [32, 16, 32, 32], 16, 3, 1, 1, 1),
        ("3x3_b1_64x56", [1, 64, 56, 56], 64, 3, 1, 1, 1),
        ("1x1_8x256x28_64", [8, 256, 28, 28], 64, 1, 1, 0, 1),
        ("5x5_64x1x28_6", [64, 1, 28, 28], 6, 5, 1, 0, 1),
        ("3x3s2_8x64x56_128", [8, 64, 56, 56], 128, 3, 2, 1, 1),
        ("7x7s2_8x3x112_64", [8, 3, 112, 112], 64, 7, 2, 3, 1),
        ("depthwise_8x128x28", [8, 128, 28, 28], 128, 3, 1, 1, 128),
    ] {
        if !name.contains(only) {
            continue;
        }
        let out = |n: usize| (n + 2 * pad - k) / stride + 1;
        let (x, w) = (array(&x), array(&[o, x[1] / groups, k, k]));
        let y = array(&[x.shape()[0], o, out(x.shape()[2]), out(x.shape()[3])]);
        let (gx, gw) = (array(x.shape()), array(w.shape()));
        let window = Window { stride: [stride; 2], pad: [pad as isize; 2], dilation: [1, 1], groups };
        let flops = 2 * y.numel() * w.numel() / o;
        time(name, flops, || forward(&x, &w, None, &y, window).unwrap());
        time(&format!("{name} dx"), flops, || input_grad(&y, &w, &gx, window).unwrap());
        time(&format!("{name} dw"), flops, || weight_grad(&y, &x, &gw, window).unwrap());
    }
    for (name, x) in [("pool2_16x64x56", [16, 64, 56, 56]), ("pool2_64x32x8", [64, 32, 8, 8])] {
        if !name.contains(only) {
            continue;
        }
        let out = [x[0], x[1], x[2] / 2, x[3] / 2];
        let (x, y) = (array(&x), array(&out));
        let places = Array::from_slice(&out, &vec![0i64; y.numel()]).unwrap();
        let v = Windows { kernel: [2, 2], stride: [2, 2], pad: [0, 0], dilation: [1, 1] };
        time(name, x.numel(), || max_pool2d(&x, &y, &places, v));
        time(&format!("{name} back"), x.numel(), || scatter(&y, &places, &x).unwrap());
    }
}
