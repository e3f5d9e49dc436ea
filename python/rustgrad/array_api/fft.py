"""The extension `fft` of the standard: transforms of one dim or several, and the order of frequencies."""

import rustgrad as torch

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


def _one(op):
    def transform(x, /, *, n=None, axis=-1, norm="backward"):
        return op(x, n, axis, norm)

    return transform


def _several(op):
    def transform(x, /, *, s=None, axes=None, norm="backward"):
        return op(x, s, axes, norm)

    return transform


for _make, _names in ((_one, "fft ifft rfft irfft hfft ihfft"), (_several, "fftn ifftn rfftn irfftn")):
    for _name in _names.split():
        _call = _make(getattr(torch.fft, _name))
        _call.__name__ = _call.__qualname__ = _name
        _call.__doc__ = f"`torch.fft.{_name}`, under the standard's names of arguments."
        globals()[_name] = _call
        __all__.append(_name)  # pyright: ignore[reportUnsupportedDunderAll]


def fftfreq(n, /, *, d=1.0, dtype=None, device=None):
    """The frequencies of a transform of `n` samples `d` apart."""
    return torch.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n, /, *, d=1.0, dtype=None, device=None):
    """The frequencies of a transform of `n` real samples `d` apart."""
    return torch.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x, /, *, axes=None):
    """Frequency 0 moved to the middle."""
    return torch.fft.fftshift(x, axes)


def ifftshift(x, /, *, axes=None):
    """Frequency 0 moved back to the begin."""
    return torch.fft.ifftshift(x, axes)
