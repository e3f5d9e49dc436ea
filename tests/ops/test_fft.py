"""Transforms and frames beside the samples: sizes that samples do not have, `out=`, second derivatives, refusals."""

import warnings

import numpy as np
import pytest

import rustgrad as torch
from rustgrad.autograd import gradcheck, gradgradcheck


def numbers(*shape, dtype="float64"):
    rng = np.random.RandomState(sum(shape))
    values = rng.randn(*shape)
    if dtype.startswith("complex"):
        values = values + 1j * rng.randn(*shape)
    return torch.from_numpy(values.astype(dtype))


def near(got, wanted, tolerance):
    got = got.numpy()
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("n", [1, 2, 3, 64, 97, 1000, 4096, 65537, 1 << 18])
def test_lengths(n):
    z, x = numbers(n, dtype="complex128"), numbers(n)
    near(torch.fft.fft(z), np.fft.fft(z.numpy()), 1e-12)
    near(torch.fft.ifft(z), np.fft.ifft(z.numpy()), 1e-12)
    near(torch.fft.fft(x), np.fft.fft(x.numpy()), 1e-12)
    near(torch.fft.rfft(x), np.fft.rfft(x.numpy()), 1e-12)
    near(torch.fft.irfft(torch.fft.rfft(x), n), x.numpy(), 1e-12)
    near(torch.fft.fft(z.to(torch.complex64)), np.fft.fft(z.numpy()), 1e-5)


def test_many_lines_in_any_order():
    z = numbers(70, 33, 40, dtype="complex128")
    for view in (z, z.permute(2, 0, 1), z.transpose(0, 1), z[::2, 1:, ::3]):
        for dim in range(3):
            near(torch.fft.fft(view, dim=dim), np.fft.fft(view.numpy(), axis=dim), 1e-12)
            near(torch.fft.rfft(view.real, dim=dim), np.fft.rfft(view.numpy().real, axis=dim), 1e-12)
            near(torch.fft.irfft(view, dim=dim), np.fft.irfft(view.numpy(), axis=dim), 1e-12)
        near(torch.fft.fftn(view), np.fft.fftn(view.numpy()), 1e-12)
        near(torch.fft.fftn(view.real), np.fft.fftn(view.numpy().real), 1e-12)


def test_the_number_of_threads_changes_nothing():
    z = numbers(64, 1000, dtype="complex128")
    before, threads = torch.fft.fft(z), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.equal(torch.fft.fft(z), before)
    finally:
        torch.set_num_threads(threads)


DIFFERENTIATED = {
    "fft": lambda z: torch.fft.fft(z, 5),
    "ifft": lambda z: torch.fft.ifft(z, dim=0, norm="ortho"),
    "irfft": lambda z: torch.fft.irfft(z),
    "irfft, odd": lambda z: torch.fft.irfft(z, 7),
    "hfft": lambda z: torch.fft.hfft(z, 6, norm="forward"),
    "fft of a real one": lambda z: torch.fft.fft(z.real),
    "rfft": lambda z: torch.fft.rfft(z.real),
    "rfft, odd": lambda z: torch.fft.rfft(z.real, 3),
    "ihfft": lambda z: torch.fft.ihfft(z.imag, 6),
    "fft2": lambda z: torch.fft.fft2(z, norm="ortho"),
    "fftn of a real one": lambda z: torch.fft.fftn(z.real),
    "rfftn": lambda z: torch.fft.rfftn(z.real),
    "irfftn": lambda z: torch.fft.irfftn(z),
    "hfftn": lambda z: torch.fft.hfftn(z, (4, 5)),
    "ihfftn": lambda z: torch.fft.ihfftn(z.real),
    "istft": lambda z: torch.istft(z, 4, 1, window=torch.ones(4, dtype=torch.float64)),
}


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_gradients(name):
    """Of both parts of a complex number; squares, so that the second derivatives are not zero."""

    def parts(re, im):
        y = DIFFERENTIATED[name](torch.complex(re, im))
        return (torch.view_as_real(y) if y.is_complex() else y) ** 2

    both = numbers(3, 4).requires_grad_(), numbers(4, 3).t().requires_grad_()
    assert gradcheck(parts, both)
    assert gradgradcheck(parts, both)


def test_gradients_of_frames():
    x, window = numbers(2, 20).requires_grad_(), (numbers(8).abs() + 0.5).requires_grad_()

    def there(x, window):
        return torch.view_as_real(torch.stft(x, 8, 3, window=window, return_complex=True))

    def back(x, window):
        return torch.istft(torch.view_as_complex(there(x, window)) + 1, 8, 3, window=window)

    assert gradcheck(there, (x, window))
    assert gradcheck(back, (x, window))
    assert gradgradcheck(there, (x, window))


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_istft_undoes_stft(onesided, normalized):
    x, window = numbers(3, 400), torch.hann_window(64, dtype=torch.float64)
    options = {"hop_length": 16, "window": window, "normalized": normalized, "onesided": onesided}
    spectra = x.stft(64, return_complex=True, **options)
    near(spectra.istft(64, length=400, **options), x.numpy(), 1e-12)


def test_out():
    x = numbers(4, 6, dtype="float32")
    room = torch.empty(0, dtype=torch.complex64)
    y = torch.fft.rfft(x, out=room)
    assert y is room
    assert torch.equal(room, torch.fft.rfft(x))
    with pytest.raises(RuntimeError, match="fft expects a complex output tensor, but got Float"):
        torch.fft.fft(x, out=torch.empty(0))
    with pytest.raises(RuntimeError, match="irfft expects a floating point output tensor, but got ComplexFloat"):
        torch.fft.irfft(x, out=room)


def test_refusals():
    x = numbers(4, 6, dtype="float32")
    for wrong, message in (
        (lambda: torch.fft.fft(x.half()), "Unsupported dtype Half"),
        (lambda: torch.fft.rfft(x.bfloat16()), "Unsupported dtype BFloat16"),
        (lambda: torch.fft.fft(x, 0), r"Invalid number of data points \(0\) specified"),
        (lambda: torch.fft.fft(x, norm="other"), 'Invalid normalization mode: "other"'),
        (lambda: torch.fft.rfft(x.to(torch.complex64)), "rfft expects a real input tensor, but got ComplexFloat"),
        (lambda: torch.fft.fftn(x, dim=(0, 0)), "FFT dims must be unique"),
        (lambda: torch.fft.rfftn(x, dim=()), "rfftn must transform at least one axis"),
        (lambda: torch.stft(x, 8), "stft requires the return_complex parameter be given for real inputs"),
        (lambda: torch.istft(x, 8), "istft requires a complex-valued input tensor"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(RuntimeError, match=message):
                wrong()
    with pytest.raises(IndexError, match=r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)"):
        torch.fft.fft(x, dim=2)


def test_stft_warns_without_a_window():
    with pytest.warns(UserWarning, match="A window was not provided. A rectangular window will be applied"):
        torch.stft(numbers(20), 8, return_complex=True)


@pytest.mark.gpu
def test_the_gpu_is_refused():
    x = torch.ones(4, device="gpu")
    message = r"not implemented on the GPU \(for float32\)\nhint: use x.cpu\(\)"
    for f in (torch.fft.fft, torch.fft.rfft, torch.fft.irfft, lambda x: torch.igamma(x, x)):
        with pytest.raises(NotImplementedError, match=message):
            f(x)
