//! Spectra of frames of a signal: stft, and istft, which puts frames together again.

use super::{called, vector};
use crate::core::shape::list;
use crate::core::{DType, Number, Shape};
use crate::error::{Error, Result};
use crate::ops;
use crate::ops::fft::{c2c, c2r, promoted, r2c, r2c_whole};
use crate::ops::pad::{constant, nn_pad};
use crate::tensor::{Arg, Tensor, mode};
use crate::{bail, err};

ops! {
    /// The spectra of frames of a signal (L,) or (B, L): (.., bins, frames), complex, or with `return_complex=False` real with a
    /// last dim of two.
    ///
    /// Frames have `n_fft` values and begin `hop_length` (n_fft / 4) apart; they are multiplied with `window`, of `win_length`
    /// (n_fft) weights, in their middle. `center` continues the signal by half a frame at both ends, as `pad_mode` says.
    /// `normalized` divides by sqrt(n_fft). `onesided` keeps the bins 0 to n_fft / 2, by default of real signals.
    stft as [
        "stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode='reflect', bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            n_fft: i64,
            hop_length: Option<i64>,
            win_length: Option<i64>,
            window: Option<&Tensor>,
            center: bool,
            pad_mode: &str,
            normalized: bool,
            onesided: Option<bool>,
            return_complex: Option<bool>,
            align = align_to_window: Option<bool>
        ) {
            if center && align.is_some() {
                bail!(Runtime, "stft align_to_window should only be set when center = false");
            }
            let mut x = x.clone();
            if center {
                x = centered(&x, n_fft.div_euclid(2), pad_mode)?;
            }
            let f = Frames::new(n_fft, hop_length, win_length, window, onesided);
            f.without_window(",which is known to cause spectral leakage. Other windows such as torch.hann_window or \
                torch.hamming_window are recommended to reduce spectral leakage.")?;
            let complex = x.dtype().is_complex() || window.is_some_and(|w| w.dtype().is_complex());
            if return_complex.is_none() && !complex {
                bail!(
                    Runtime,
                    "stft requires the return_complex parameter be given for real inputs, and will further require that \
                     return_complex=True in a future PyTorch release."
                );
            }
            let return_complex = return_complex.unwrap_or(complex);
            if !return_complex {
                mode::warn(
                    "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors \
                     for all inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real \
                     on the complex output to recover the old return format.",
                )?;
            }
            let wrong = |what: String| f.wrong_stft(&x, normalized, return_complex, align, what);
            if x.dtype().is_integral() {
                return Err(wrong("expected a tensor of floating point or complex values".into()));
            }
            if !(1..=2).contains(&x.ndim()) {
                return Err(wrong("expected a 1D or 2D tensor".into()));
            }
            let signal = if x.ndim() == 1 { x.unsqueeze_dims(&[0])? } else { x.clone() };
            let len = signal.shape()[1] as i64;
            if n_fft <= 0 || n_fft > len {
                return Err(wrong(format!("expected 0 < n_fft < {len}, but got n_fft={n_fft}")));
            }
            if f.hop <= 0 {
                return Err(wrong(format!("expected hop_length > 0, but got hop_length={}", f.hop)));
            }
            if f.length <= 0 || f.length > n_fft {
                return Err(wrong(format!("expected 0 < win_length <= n_fft, but got win_length={}", f.length)));
            }
            if let Some(w) = window.filter(|w| w.ndim() != 1 || w.numel() as i64 != f.length) {
                return Err(wrong(format!(
                    "expected a 1D window tensor of size equal to win_length={}, but got window with size {}",
                    f.length,
                    list(w.shape())
                )));
            }
            // Frames may be as short as the window where they need not be cut out of a longer one.
            let (size, left) = if align == Some(true) { (f.length, 0) } else { (n_fft, (n_fft - f.length) / 2) };
            let mut frames = signal.windows(1, size as usize, f.hop as usize)?;
            if let Some(w) = window {
                let w = constant(w, &[left, size - f.length - left], Number::Int(0))?;
                frames = frames.mul(&w)?;
            } else if size > f.length {
                let inside = frames.narrow(2, left as usize, f.length as usize)?;
                frames = constant(&inside, &[left, size - f.length - left], Number::Int(0))?;
            }
            if size < n_fft {
                let before = (n_fft - size) / 2;
                frames = constant(&frames, &[before, n_fft - size - before], Number::Int(0))?;
            }
            let scale = if normalized { 1.0 / (n_fft as f64).sqrt() } else { 1.0 };
            let onesided = onesided.unwrap_or(!complex);
            if onesided && complex {
                bail!(Runtime, "Cannot have onesided output if window or input is complex");
            }
            let frames = promoted(&frames)?;
            let spectra = match (frames.dtype().is_complex(), onesided) {
                (true, _) => c2c(&frames, &[2], true, scale)?,
                (false, true) => r2c(&frames, &[2], true, scale)?,
                (false, false) => r2c_whole(&frames, &[2], true, scale)?,
            };
            let mut y = spectra.transpose(1, 2)?;
            if x.ndim() == 1 {
                y = y.squeeze_dims(&[0])?;
            }
            if return_complex { Ok(y) } else { y.view_as_real() }
        },
        samples: [
            "u(20), 8, return_complex=True",
            "u(2, 20), 8, window=pos(8), return_complex=True",
            "u(2, 20), 8, 3, 6, pos(6), return_complex=True",
            "u(2, 20), 8, 3, 6, return_complex=True",
            "u(20), 7, 3, window=pos(7), center=False, return_complex=True",
            "u(20), 8, pad_mode='constant', normalized=True, return_complex=True",
            "u(20), 8, 2, onesided=False, return_complex=True",
            "u(2, 20), 8, window=pos(8), return_complex=False",
            "u(20), 8, 2, 4, pos(4), center=False, align_to_window=True, return_complex=True",
            "u(20), 8, 2, 4, pos(4), center=False, align_to_window=False, return_complex=True",
            "u(40)[::2], 8, window=pos(8), return_complex=True",
            "u(20), 8",
            "u(20), 8, window=pos(6), return_complex=True",
            "u(20), 8, 0, return_complex=True",
            "u(20), 8, 2, 9, return_complex=True",
            "u(20), 30, center=False, return_complex=True",
            "u(20), 60, return_complex=True",
            "u(1, 2, 20), 8, return_complex=True",
            "ix(20, n=4), 8, return_complex=True",
            "cx(2, 20), 8, window=pos(8)",
            "u(20), 8, 2, window=cx(8)",
        ],
    }
    /// The signal whose `stft` with the same arguments is `self`, (bins, frames) or (B, bins, frames): frames weighted by `window`
    /// are added up and divided by the sum of the squared weights.
    ///
    /// `length` cuts the signal or continues it with zeros. Raises RuntimeError where the weights of a value are all 0.
    istft as [
        "istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor",
    ] {
        call(
            x = self: &Tensor,
            n_fft: i64,
            hop_length: Option<i64>,
            win_length: Option<i64>,
            window: Option<&Tensor>,
            center: bool,
            normalized: bool,
            onesided: Option<bool>,
            length: Option<i64>,
            return_complex: bool
        ) {
            let f = Frames::new(n_fft, hop_length, win_length, window, onesided);
            f.without_window(".Please provide the same window used by stft to make the inversion lossless.")?;
            if !x.dtype().is_complex() {
                bail!(
                    Runtime,
                    "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
                );
            }
            f.istft(x, center, normalized, length, return_complex)
        },
        samples: [
            "cx(5, 11), 8, window=pos(8)",
            "cx(2, 5, 6), 8, 3, 6, pos(6)",
            "cx(2, 5, 6), 8",
            "cx(5, 6), 8, 2, window=pos(8), center=False, normalized=True",
            "cx(8, 6), 8, 2, window=pos(8), onesided=False",
            "cx(5, 6), 8, 2, window=pos(8), length=7",
            "cx(5, 6), 8, 2, window=pos(8), length=20",
            "cx(8, 6), 8, 2, window=cx(8), onesided=False, return_complex=True",
            "cx(5, 6), 10",
            "cx(5, 6), 8, 9",
            "cx(5, 6), 8, window=pos(8) * 0",
            "cx(5, 6), 8, window=pos(7)",
            "u(5, 6), 8",
        ],
    }
}

/// The signal continued by `by` values at both ends.
fn centered(x: &Tensor, by: i64, mode: &str) -> Result<Tensor> {
    let ones = std::iter::repeat_n(1, 3usize.saturating_sub(x.ndim()));
    let shape: Shape = ones.chain(x.shape().iter().copied()).collect();
    let pad = [by, by];
    let args = [Arg::Tensor(&x.view_to(&shape)?), Arg::Ints(&pad), Arg::Str(mode), Arg::None];
    let padded = called(&nn_pad::DEF, &args)?;
    let last = padded.ndim() - x.ndim();
    padded.reshape(&padded.shape()[last..])
}

/// How a signal is cut into frames.
struct Frames<'a> {
    n_fft: i64,
    hop: i64,
    /// Of the window.
    length: i64,
    window: Option<&'a Tensor>,
    onesided: Option<bool>,
}

/// A value or `None`, flags as numbers, as PyTorch's messages of these functions write them.
fn shown<T: Into<i64>>(value: Option<T>) -> String {
    value.map_or("None".into(), |v| v.into().to_string())
}

impl<'a> Frames<'a> {
    fn new(
        n_fft: i64,
        hop_length: Option<i64>,
        win_length: Option<i64>,
        window: Option<&'a Tensor>,
        onesided: Option<bool>,
    ) -> Frames<'a> {
        let hop = hop_length.unwrap_or(n_fft.div_euclid(4));
        Frames { n_fft, hop, length: win_length.unwrap_or(n_fft), window, onesided }
    }

    fn without_window(&self, reason: &str) -> Result<()> {
        if self.window.is_some() {
            return Ok(());
        }
        mode::warn(&format!(
            "A window was not provided. A rectangular window will be applied{reason}To suppress this warning and use a rectangular \
             window, explicitly set `window=torch.ones(n_fft, device=<device>)`."
        ))
    }

    fn arguments(&self) -> String {
        let window = self
            .window
            .map_or("None".into(), |w| format!("torch.{}Tensor{{{}}}", w.dtype().scalar_name(), list(w.shape())));
        format!("n_fft={}, hop_length={}, win_length={}, window={window}", self.n_fft, self.hop, self.length)
    }

    #[cold]
    fn wrong_stft(
        &self,
        x: &Tensor,
        normalized: bool,
        return_complex: bool,
        align: Option<bool>,
        what: String,
    ) -> Box<Error> {
        err!(
            Runtime,
            "stft(torch.{}Tensor{}, {}, normalized={}, onesided={}, return_complex={}, align_to_window={}) : {what}",
            x.dtype().scalar_name(),
            list(x.shape()),
            self.arguments(),
            normalized as u8,
            shown(self.onesided),
            return_complex as u8,
            shown(align)
        )
    }

    fn istft(
        &self,
        x: &Tensor,
        center: bool,
        normalized: bool,
        length: Option<i64>,
        return_complex: bool,
    ) -> Result<Tensor> {
        let Frames { n_fft, hop, window, .. } = *self;
        let call = format!(
            "istft(CPU{}Type{}, {}, center={}, normalized={}, onesided={}, length={}, return_complex={})",
            x.dtype().scalar_name(),
            list(x.shape()),
            self.arguments(),
            center as u8,
            normalized as u8,
            shown(self.onesided),
            shown(length),
            return_complex as u8
        );
        if x.numel() == 0 {
            bail!(Runtime, "{call} : input tensor cannot be empty.");
        }
        // PyTorch counts the two parts of a complex number as a dim.
        if x.ndim() < 2 {
            bail!(Index, "Dimension out of range (expected to be in range of [-2, 1], but got -3)");
        }
        if x.ndim() > 3 {
            bail!(Runtime, "{call} : expected a tensor with 3 or 4 dimensions, but got {}", x.ndim() + 1);
        }
        let spectra = if x.ndim() == 2 { x.unsqueeze_dims(&[0])? } else { x.clone() };
        let (bins, frames) = (spectra.shape()[1] as i64, spectra.shape()[2]);
        let onesided = self.onesided.unwrap_or(bins != n_fft);
        let wanted = if onesided { n_fft / 2 + 1 } else { n_fft };
        if bins != wanted {
            bail!(
                Runtime,
                "{call} : expected the frequency dimension (3rd to the last) of the input tensor to match {} when onesided={}, but \
                 got {bins}",
                if onesided { "n_fft / 2 + 1" } else { "n_fft" },
                if onesided { "True" } else { "False" }
            );
        }
        if hop <= 0 || hop > self.length {
            bail!(Runtime, "{call} : expected 0 < hop_length <= win_length");
        }
        if self.length <= 0 || self.length > n_fft {
            bail!(Runtime, "{call} : expected 0 < win_length <= n_fft");
        }
        if window.is_some_and(|w| w.ndim() != 1 || w.numel() as i64 != self.length) {
            bail!(Runtime, "{call} : Invalid window shape. window has to be 1D and length of `win_length`");
        }
        if window.is_some_and(|w| w.dtype().is_complex()) && !return_complex {
            bail!(Runtime, "Complex windows are incompatible with return_complex=False");
        }
        if return_complex && onesided {
            bail!(Runtime, "Cannot have onesided output if window or input is complex");
        }
        let left = (n_fft - self.length) / 2;
        let ones;
        let weights = match window {
            Some(w) => w,
            None => {
                ones = vector(&vec![1; self.length as usize], x)?.to_dtype(x.dtype().to_real())?;
                &ones
            }
        };
        let weights = constant(weights, &[left, n_fft - self.length - left], Number::Int(0))?;
        let scale = if normalized { 1.0 / (n_fft as f64).sqrt() } else { 1.0 / n_fft as f64 };
        let lines = spectra.transpose(1, 2)?;
        let values = if return_complex {
            c2c(&lines, &[2], false, scale)?
        } else {
            c2r(&lines.narrow(2, 0, n_fft as usize / 2 + 1)?, &[2], false, scale, n_fft as usize)?
        };
        let values = values.mul(&weights)?;
        let (batch, size, step) = (spectra.shape()[0], n_fft as usize, hop as usize);
        let whole = size + step * (frames - 1);
        let added = |frames: &Tensor, batch: usize| -> Result<Tensor> {
            if !frames.dtype().is_complex() {
                return frames.from_windows(1, size, step, &[batch, whole]);
            }
            // (batch, frames, size, 2) with the size last.
            let parts = frames.view_as_real()?.permute(&[0, 1, 3, 2])?;
            parts.from_windows(1, size, step, &[batch, whole, 2])?.paired()
        };
        let signal = added(&values, batch)?;
        // Ones and zeros are counted.
        let weights = if weights.dtype() == DType::Bool { weights.to_dtype(DType::I64)? } else { weights };
        let envelope = added(&weights.square()?.expand_to(&[1, frames, size])?, 1)?;
        // As a slice of Python, where the end may count from the back.
        let start = if center { size / 2 } else { 0 };
        let end = match length {
            Some(n) => n.saturating_add(start as i64),
            None if center => whole as i64 - n_fft / 2,
            None => whole as i64,
        };
        let last = if end < 0 { end + whole as i64 } else { end }.clamp(start as i64, whole as i64) as usize;
        let (signal, envelope) = (signal.narrow(1, start, last - start)?, envelope.narrow(1, start, last - start)?);
        if envelope.numel() == 0 {
            bail!(
                Runtime,
                "min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' \
                 argument."
            );
        }
        let least = match envelope.device().is_meta() {
            true => 1.0,
            false => envelope.detach().abs()?.amin(&[0, 1], false)?.on_cpu()?.element(&[]).to_f64(),
        };
        // PyTorch's bound is a number of the dtype, 0 in float16.
        if least < 1e-11 && envelope.dtype() != DType::F16 {
            return Err(err!(Runtime, "{call} window overlap add min: 1")
                .hint("the weights that meet at some value are all 0: use a smaller hop_length, or another window"));
        }
        let mut y = signal.div(&envelope)?;
        if end > whole as i64 {
            mode::warn(
                "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please \
                 check your center and hop_length settings.",
            )?;
            y = constant(&y, &[0, end - whole as i64], Number::Int(0))?;
        }
        if x.ndim() == 2 { y.squeeze_dims(&[0]) } else { Ok(y) }
    }
}
