//! Times of matrix products: `cargo bench --no-default-features --bench gemm -- [name [threads]]`.
//! Each line: the case, minimum and median time of a call, GFLOP/s of the minimum.
#![expect(clippy::print_stdout, reason = "it reports")]

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use _rustgrad::core::{DType, Device, Layout, Meta};
use _rustgrad::cpu::copy::copy;
use _rustgrad::cpu::gemm::{Fused, matmul};
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

fn times(mut f: impl FnMut()) -> (f64, f64) {
    f();
    let t = now();
    f();
    let inner = ((50e-6 / (now() - t).max(1e-8)) as usize).clamp(1, 10_000);
    let (mut all, begin) = (vec![], Instant::now());
    while begin.elapsed() < Duration::from_millis(400) || all.len() < 5 {
        let t = now();
        (0..inner).for_each(|_| f());
        all.push((now() - t) / inner as f64);
    }
    all.sort_by(f64::total_cmp);
    (all[all.len() / 50], all[all.len() / 2])
}

/// A matrix, or a batch of them, over memory with the last two dims swapped if `t`.
fn array(dtype: DType, shape: &[usize], t: bool) -> Array {
    let mut stored = shape.to_vec();
    let n = shape.len();
    if t {
        stored.swap(n - 1, n - 2);
    }
    let values: Vec<f32> = (0..shape.iter().product()).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let x = Array::from_slice(&stored, &values).unwrap();
    let y = Array::empty(Meta::new(Layout::contiguous(stored[..].into()), dtype, Device::CPU)).unwrap();
    copy(&x, &y).unwrap();
    let mut l = y.layout.clone();
    if t {
        l.shape.swap(n - 1, n - 2);
        l.strides.swap(n - 1, n - 2);
    }
    y.with_layout(l)
}

struct Case<'a> {
    only: &'a str,
    dtype: DType,
    batch: &'a [usize],
}

impl Case<'_> {
    fn run(&self, name: &str, m: usize, n: usize, k: usize, ta: bool, tb: bool) {
        if !name.contains(self.only) {
            return;
        }
        let with = |r: usize, c: usize| [self.batch, &[r, c]].concat();
        let (a, b) = (array(self.dtype, &with(m, k), ta), array(self.dtype, &with(k, n), tb));
        let c = array(self.dtype, &with(m, n), false);
        let (min, median) = times(|| matmul(black_box(&a), &b, &c, &Fused::NONE).unwrap());
        let work = 2e-9 * (c.numel() * k) as f64;
        println!("{name:22} min {:10.1} med {:10.1} us {:7.1} GF", min * 1e6, median * 1e6, work / min);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let only = args.first().map_or("", |s| s.as_str());
    if let Some(n) = args.get(1) {
        threads::set_count(n.parse().unwrap());
    }
    let f32s = Case { only, dtype: DType::F32, batch: &[] };
    for s in [8, 16, 32, 64, 128, 256, 512, 1024, 2048] {
        f32s.run(&format!("f32_{s}"), s, s, s, false, false);
    }
    for s in [512, 1024] {
        f32s.run(&format!("AtB_{s}"), s, s, s, true, false);
        f32s.run(&format!("ABt_{s}"), s, s, s, false, true);
    }
    for (m, n, k) in [
        (1, 1024, 1024),
        (8, 1024, 1024),
        (16384, 64, 64),
        (64, 64, 16384),
        (128, 512, 784),
        (2048, 384, 128),
        (64, 10, 512),
        (1, 1, 1024),
        (1024, 2, 1024),
        (16, 16, 16),
    ] {
        f32s.run(&format!("{m}x{n}x{k}"), m, n, k, false, false);
        f32s.run(&format!("{m}x{n}x{k}_bt"), m, n, k, false, true);
        f32s.run(&format!("{m}x{n}x{k}_at"), m, n, k, true, false);
    }
    Case { batch: &[64], ..f32s }.run("batch64_128x128x64", 128, 128, 64, false, false);
    for dtype in [DType::F64, DType::BF16, DType::F16, DType::I64] {
        for s in [256, 1024] {
            Case { only, dtype, batch: &[] }.run(&format!("{}_{s}", dtype.name()), s, s, s, false, false);
        }
    }
}
