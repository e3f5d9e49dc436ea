"""Exponential families: densities exp(<t(x), theta> - F(theta) + k(x))."""

from typing import Any

from ..autograd import grad
from .distribution import Distribution, Undefined
from .utils import sum_rightmost

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution that knows its natural parameters theta and their log-normalizer F, which give the entropy."""

    # theta, a tuple of tensors; F, a function of them; and the mean of k(x).
    _natural_params: Any = Undefined()
    _log_normalizer: Any = Undefined()
    _mean_carrier_measure: Any = Undefined()

    def entropy(self):
        """The entropy, by the gradient of the log-normalizer (Nielsen and Nock 2010)."""
        carried = self._mean_carrier_measure
        total, params, means = log_normalizer_and_means(self)
        result = total - carried
        for p, mean in zip(params, means):
            result = result - sum_rightmost(p * mean, (p * mean).dim() - len(self._batch_shape))
        return result


def log_normalizer_and_means(p: Any):
    """F, the natural parameters as leaves, and F's gradients by them: the means of t(x)."""
    params = [value.detach().requires_grad_() for value in p._natural_params]
    total = p._log_normalizer(*params)
    return total, params, grad(total.sum(), params, create_graph=True)
