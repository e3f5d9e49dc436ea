"""HistogramObserver: the range in which rounding errs least, from a histogram of what was seen."""

from ..._quantized.dtypes import per_tensor_affine, quint8
from ..._rustgrad import Tensor, float32
from ..._rustgrad.torch import arange, bincount, bucketize, histc, linspace, ones_like, tensor, zeros
from .observer import _EPS, UniformQuantizationObserverBase

__all__ = ["HistogramObserver", "default_histogram_observer"]

# Each bin is spread over as many, before it is laid into bins of a wider range.
_SPREAD = 16


class HistogramObserver(UniformQuantizationObserverBase):
    """A histogram of all that was seen; its range is cut at both ends as long as the sum of squared errors falls."""

    histogram: Tensor

    def __init__(
        self,
        bins=2048,
        dtype=quint8,
        qscheme=per_tensor_affine,
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        factory_kwargs=None,
        eps=_EPS,
        is_dynamic=False,
        **kwargs,
    ):
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic, **kwargs)
        self.bins, self.upsample_rate = bins, _SPREAD
        self.register_buffer("histogram", zeros(bins))
        self.register_buffer("min_val", tensor(float("inf")))
        self.register_buffer("max_val", tensor(float("-inf")))
        self.dst_nbins = 2 ** (8 * dtype.itemsize)

    def forward(self, x_orig):
        """Remember, and give `x_orig` back."""
        if not x_orig.numel():
            return x_orig
        x = x_orig.detach().to(float32)
        low, high = x.aminmax()
        if bool(self.min_val == float("inf")):
            self.min_val, self.max_val = low, high
            self.histogram = histc(x, self.bins, min=float(low), max=float(high))
            return x_orig
        before = float(self.min_val), float(self.max_val)
        wide = min(before[0], float(low)), max(before[1], float(high))
        seen = histc(x, self.bins, min=wide[0], max=wide[1])
        kept = self.histogram if wide == before else self._spread(before, wide)
        self.histogram = seen + kept
        self.min_val, self.max_val = tensor(wide[0]), tensor(wide[1])
        return x_orig

    def _spread(self, before, wide):
        """The histogram laid into the bins of a wider range."""
        if before[0] == before[1]:
            place = bucketize(tensor([before[0]]), linspace(wide[0], wide[1], self.bins + 1), right=True) - 1
            whole = zeros(self.bins)
            whole[place.clamp(0, self.bins - 1)] = self.histogram.sum()
            return whole
        fine = self.histogram.repeat_interleave(_SPREAD) / _SPREAD
        width = (before[1] - before[0]) / (self.bins * _SPREAD)
        middles = linspace(before[0], before[1], self.bins * _SPREAD + 1)[:-1] + 0.5 * width
        place = bucketize(middles, linspace(wide[0], wide[1], self.bins + 1), right=True) - 1
        return bincount(place.clamp(0, self.bins - 1), weights=fine, minlength=self.bins)

    def _error(self, first: int, last: int) -> float:
        """The sum of squared errors where the integers span the bins from `first` to `last`."""
        width = (float(self.max_val) - float(self.min_val)) / self.bins
        step = width * (last - first + 1) / self.dst_nbins
        if step == 0.0:
            return 0.0
        begin = (arange(self.bins) - first) * width
        end = begin + width
        begin_at = begin.div(step, rounding_mode="floor").clamp(0, self.dst_nbins - 1)
        end_at = end.div(step, rounding_mode="floor").clamp(0, self.dst_nbins - 1)
        density = self.histogram / width

        def between(a, b):
            return density * (b * b * b - a * a * a) / 3

        half = ones_like(begin) * (step / 2)
        error = between(begin - (begin_at + 0.5) * step, half)
        error = error + (end_at - begin_at - 1) * between(-half, half)
        return float((error + between(-half, end - (end_at * step + step / 2))).sum())

    def _best_range(self):
        """The range after cutting ends of equal weight in turn, as long as the error falls."""
        width = (self.max_val - self.min_val) / self.bins
        total = float(self.histogram.sum())
        sums = self.histogram.cumsum(0).tolist()
        low, high, first, last, least = 0.0, 1.0, 0, self.bins - 1, float("inf")
        while low < high:
            next_low, next_high = low + 1e-5, high - 1e-5
            left, right = first, last
            while left < last and sums[left] < next_low * total:
                left += 1
            while right > first and sums[right] > next_high * total:
                right -= 1
            next_first, next_last = first, last
            if left - first > last - right:
                next_first, low = left, next_low
            else:
                next_last, high = right, next_high
            if (next_first, next_last) == (first, last):
                continue
            error = self._error(next_first, next_last)
            if error > least:
                break
            least, first, last = error, next_first, next_last
        return self.min_val + width * first, self.min_val + width * (last + 1)

    def calculate_qparams(self, **kwargs):
        """The scale and the zero of the best range. Warns where nothing was seen."""
        if bool(self.min_val == float("inf")):
            return self._qparams(self.min_val, self.max_val)
        return self._qparams(*self._best_range())


default_histogram_observer = HistogramObserver.with_args(quant_min=0, quant_max=127)
