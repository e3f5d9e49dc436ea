"""The windows themselves, as functions of evenly spaced points.

All take `M`, the number of weights (ValueError if negative), and by keyword `sym` (False: the first M of a window of
M + 1, which goes on periodically), dtype (float32 or float64, else ValueError), layout, device, requires_grad. They
return (M,).
"""

import math
from collections.abc import Iterable

from ... import _rustgrad
from ..._rustgrad import float32, float64, strided
from ..._rustgrad.torch import arange, get_default_dtype, i0, linspace, minimum, ones, tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


class _Points:
    """How many weights, and how tensors of them are made."""

    def __init__(self, name, M, sym, dtype, layout, device, requires_grad):
        dtype = get_default_dtype() if dtype is None else dtype
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if layout is not strided:
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        if dtype not in (float32, float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
        self.count = M
        # The steps from the first weight to the one that equals it; of a single weight, which has none, one.
        self.steps = M - 1 if sym or M < 2 else M
        self.trivial = M < 2
        self.kind = {"dtype": dtype, "device": device}
        self.requires_grad = requires_grad

    def ones(self):
        """The window of none or one weight."""
        return ones((self.count,), requires_grad=self.requires_grad, **self.kind)

    def line(self, start, step):
        """`start`, `start + step`, ..."""
        return self.between(start, start + (self.count - 1) * step)

    def between(self, start, end):
        return linspace(start, end, self.count, requires_grad=self.requires_grad, **self.kind)


def exponential(
    M, *, center=None, tau=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
) -> "_rustgrad.Tensor":
    """exp(-|n - center| / tau), by default around the middle."""
    points = _Points("exponential", M, sym, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return points.ones()
    center = points.steps / 2.0 if center is None else center
    return (-points.between(-center / tau, (M - 1 - center) / tau).abs()).exp()


def cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False) -> "_rustgrad.Tensor":
    """sin(pi (n + 1/2) / M), half a wave."""
    points = _Points("cosine", M, sym, dtype, layout, device, requires_grad)
    if M == 0:
        return points.ones()
    step = math.pi / (points.steps + 1)
    return points.line(step / 2, step).sin()


def gaussian(
    M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
) -> "_rustgrad.Tensor":
    """exp(-n^2 / (2 std^2)), n counted from the middle."""
    points = _Points("gaussian", M, sym, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return points.ones()
    step = 1 / (std * math.sqrt(2))
    return (-(points.line(-points.steps / 2.0 * step, step) ** 2)).exp()


def kaiser(
    M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
) -> "_rustgrad.Tensor":
    """I0(beta sqrt(1 - t^2)) / I0(beta) for t from -1 to 1."""
    points = _Points("kaiser", M, sym, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if points.trivial:
        return points.ones()
    # In the window's own dtype, so that no root of a negative number is taken at the ends.
    beta = tensor(beta, **points.kind)
    end = minimum(beta, (M - 1) * (2.0 * beta / points.steps) - beta)
    return i0((beta * beta - points.between(-beta, end) ** 2).sqrt()) / i0(beta)


def hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False) -> "_rustgrad.Tensor":
    """0.54 - 0.46 cos(2 pi t) for t from 0 to 1."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False) -> "_rustgrad.Tensor":
    """(1 - cos(2 pi t)) / 2 for t from 0 to 1."""
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False) -> "_rustgrad.Tensor":
    """0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t) for t from 0 to 1."""
    points = _Points("blackman", M, sym, dtype, layout, device, requires_grad)
    return _cosines(points, [0.42, 0.5, 0.08])


def bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False) -> "_rustgrad.Tensor":
    """1 - |t| for t from -1 to 1, a triangle."""
    points = _Points("bartlett", M, sym, dtype, layout, device, requires_grad)
    if points.trivial:
        return points.ones()
    return 1 - points.line(-1, 2 / points.steps).abs()


def general_cosine(
    M, *, a: Iterable, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
) -> "_rustgrad.Tensor":
    """a[0] - a[1] cos(2 pi t) + a[2] cos(4 pi t) - ... for t from 0 to 1."""
    points = _Points("general_cosine", M, sym, dtype, layout, device, requires_grad)
    if not points.trivial:
        if not isinstance(a, Iterable):
            raise TypeError("Coefficients must be a list/tuple")
        if not a:
            raise ValueError("Coefficients cannot be empty")
    return _cosines(points, a)


def _cosines(points, a):
    if points.trivial:
        return points.ones()
    signed = tensor([(-1) ** i * w for i, w in enumerate(a)], requires_grad=points.requires_grad, **points.kind)
    waves = arange(len(signed), **points.kind).unsqueeze(-1) * points.line(0, 2 * math.pi / points.steps)
    return (signed.unsqueeze(-1) * waves.cos()).sum(0)


def general_hamming(
    M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
) -> "_rustgrad.Tensor":
    """alpha - (1 - alpha) cos(2 pi t) for t from 0 to 1."""
    return general_cosine(
        M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False) -> "_rustgrad.Tensor":
    """The minimum four-term Blackman-Harris window of Nuttall 1981."""
    return general_cosine(
        M,
        a=[0.3635819, 0.4891775, 0.1365995, 0.0106411],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )
