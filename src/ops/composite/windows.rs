//! Windows for the frames of a signal: hann, hamming, blackman, bartlett, kaiser. (`signal.windows` is Python.)

use super::counted;
use crate::bail;
use crate::core::DType;
use crate::error::Result;
use crate::ops;
use crate::ops::options::Options;
use crate::tensor::Tensor;

const PLAIN: &[&str] = &[
    "5",
    "6",
    "6, False",
    "5, periodic=False",
    "1",
    "0",
    "2",
    "7, dtype=float64",
    "7, True, dtype=float16",
    "-1",
    "5, dtype=int64",
];

ops! {
    /// (1 - cos(2 pi t)) / 2 for `window_length` values of t from 0 to 1.
    ///
    /// Periodic windows are the first part of one that is longer by one.
    hann_window as [
        "function.hann_window(int window_length, *, {options}) -> Tensor",
        "function.hann_window(int window_length, bool periodic, *, {options}) -> Tensor",
    ] {
        call(n = window_length: i64, periodic: Option<bool>, options: Options) {
            Window::new("hann_window", n, periodic, &options)?.cosine(0.5, 0.5, &options)
        },
        samples: PLAIN,
    }
    /// alpha - beta cos(2 pi t) for `window_length` values of t from 0 to 1.
    hamming_window as [
        "function.hamming_window(int window_length, *, {options}) -> Tensor",
        "function.hamming_window(int window_length, bool periodic, *, {options}) -> Tensor",
        "function.hamming_window(int window_length, bool periodic, float alpha, *, {options}) -> Tensor",
        "function.hamming_window(int window_length, bool periodic, float alpha, float beta, *, {options}) -> Tensor",
    ] {
        call(n = window_length: i64, periodic: Option<bool>, alpha: Option<f64>, beta: Option<f64>, options: Options) {
            let window = Window::new("hamming_window", n, periodic, &options)?;
            window.cosine(alpha.unwrap_or(0.54), beta.unwrap_or(0.46), &options)
        },
        samples: [
            "5",
            "6, False",
            "5, periodic=False, alpha=0.3",
            "5, True, 0.3, 0.6",
            "1",
            "0",
            "7, dtype=float64",
            "-1",
            "5, dtype=int64",
        ],
    }
    /// 0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t) for `window_length` values of t from 0 to 1.
    blackman_window as [
        "function.blackman_window(int window_length, *, {options}) -> Tensor",
        "function.blackman_window(int window_length, bool periodic, *, {options}) -> Tensor",
    ] {
        call(n = window_length: i64, periodic: Option<bool>, options: Options) {
            let window = Window::new("blackman_window", n, periodic, &options)?;
            window.finish(&options, |t, steps| {
                let half = t.mul_number(std::f64::consts::PI / steps)?;
                let two = half.mul_number(2)?.cos()?.mul_number(0.5)?;
                half.mul_number(4)?.cos()?.mul_number(0.08)?.sub(&two)?.add_number(0.42)
            })
        },
        samples: PLAIN,
    }
    /// 1 - |t| for `window_length` values of t from -1 to 1.
    bartlett_window as [
        "function.bartlett_window(int window_length, *, {options}) -> Tensor",
        "function.bartlett_window(int window_length, bool periodic, *, {options}) -> Tensor",
    ] {
        call(n = window_length: i64, periodic: Option<bool>, options: Options) {
            let window = Window::new("bartlett_window", n, periodic, &options)?;
            window.finish(&options, |t, steps| {
                let up = t.mul_number(2.0 / steps)?;
                // Where both would be 1 they are the same.
                let down = up.mul_number(-1)?.add_number(2)?;
                up.minimum(&down)
            })
        },
        samples: PLAIN,
    }
    /// I0(beta sqrt(1 - t^2)) / I0(beta) for `window_length` values of t from -1 to 1.
    kaiser_window as [
        "function.kaiser_window(int window_length, *, {options}) -> Tensor",
        "function.kaiser_window(int window_length, bool periodic, *, {options}) -> Tensor",
        "function.kaiser_window(int window_length, bool periodic, float beta, *, {options}) -> Tensor",
    ] {
        call(n = window_length: i64, periodic: Option<bool>, beta: Option<f64>, options: Options) {
            let window = Window::new("kaiser_window", n, periodic, &options)?;
            let beta = beta.unwrap_or(12.0);
            window.finish(&options, |t, steps| {
                let dtype = t.dtype();
                // In a precise dtype, since the root takes half of the digits near the ends.
                let t = t.to_dtype(DType::F64)?.mul_number(2.0 / steps)?.add_number(-1)?;
                let root = t.square()?.mul_number(-1)?.add_number(1)?.relu()?.sqrt()?;
                let top = root.mul_number(0)?.add_number(beta)?;
                root.mul_number(beta)?.i0()?.div(&top.i0()?)?.to_dtype(dtype)
            })
        },
        samples: [
            "5",
            "6, False",
            "5, periodic=False, beta=3.0",
            "1",
            "0",
            "7, dtype=float64",
            "7, True, 20.0",
            "-1",
            "5, dtype=int64",
        ],
    }
}

/// A window's length, and that of the symmetric window of which it is the first part.
struct Window {
    n: usize,
    whole: usize,
}

impl Window {
    fn new(name: &str, n: i64, periodic: Option<bool>, options: &Options) -> Result<Window> {
        let dtype = options.float();
        if dtype.is_integral() {
            bail!(Runtime, "{name} expects floating point dtypes, got: TensorOptions(dtype={})", dtype.c_words());
        }
        if n < 0 {
            bail!(Runtime, "{name} requires non-negative window_length, got window_length={n}");
        }
        if n > 1 {
            dtype.usual("arange_cpu")?;
        }
        Ok(Window { n: n as usize, whole: n as usize + periodic.unwrap_or(true) as usize })
    }

    /// The window that `f` makes of 0, 1, 2, ... and the last of these: on the CPU, where there is float64.
    fn finish(&self, options: &Options, f: impl FnOnce(&Tensor, f64) -> Result<Tensor>) -> Result<Tensor> {
        let t = counted(self.whole, options.source())?.to_dtype(options.float())?;
        let window = if self.n < 2 { t.narrow(0, 0, self.n)?.add_number(1)? } else { f(&t, (self.whole - 1) as f64)? };
        options.finish(window.narrow(0, 0, self.n)?)
    }

    fn cosine(&self, alpha: f64, beta: f64, options: &Options) -> Result<Tensor> {
        self.finish(options, |t, steps| {
            t.mul_number(2.0 * std::f64::consts::PI / steps)?.cos()?.mul_number(-beta)?.add_number(alpha)
        })
    }
}
