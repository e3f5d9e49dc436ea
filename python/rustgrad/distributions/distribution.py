"""The base class of distributions."""

from numbers import Number

from .._rustgrad import Size, Tensor, get_default_dtype, tensor
from .._rustgrad.torch import broadcast_tensors
from ..grad_mode import no_grad

__all__ = ["Distribution"]


class Distribution:
    """A distribution over events of `event_shape`, independent over `batch_shape`.

    validate_args: whether parameters and values are checked (ValueError); the class's default is True.
    """

    has_rsample = False
    _validate_args = True

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args

    @staticmethod
    def set_default_validate_args(value):
        """Whether distributions that are not told check their arguments."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    @property
    def batch_shape(self):
        return self._batch_shape

    @property
    def event_shape(self):
        return self._event_shape

    def _extended_shape(self, sample_shape=()):
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def sample(self, sample_shape=()):
        """Draws of shape sample_shape + batch_shape + event_shape, outside any graph."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draws through which gradients reach the parameters."""
        raise NotImplementedError

    def log_prob(self, value):
        """The logarithm of the density, or of the probability, of `value`."""
        raise NotImplementedError

    def entropy(self):
        """The entropy, of batch_shape, in nats."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError

    @property
    def stddev(self):
        return self.variance.sqrt()

    def perplexity(self):
        """e to the power of the entropy."""
        return self.entropy().exp()

    def _refuse(self, name, value, valid, what):
        """Refuses parameters that are not what they must be."""
        if self._validate_args and not bool(valid.all()):
            raise ValueError(
                f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                f"{self!r} to satisfy the constraint {what}, but found invalid values:\n{value}"
            )

    def _refuse_value(self, value, valid, what):
        """Refuses values outside of the support."""
        if self._validate_args and not bool(valid.all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({what}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self):
        known = ((name, self.__dict__.get(name, self.__dict__.get(f"_{name}"))) for name in self._shown)
        shown = (f"{name}: {v if v.numel() == 1 else v.size()}" for name, v in known if v is not None)
        return f"{type(self).__name__}({', '.join(shown)})"

    _shown: tuple[str, ...] = ()


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape."""
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype, device = (get_default_dtype(), "cpu") if like is None else (like.dtype, like.device)
    made = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype, device=device) for v in values]
    return broadcast_tensors(made)


def batch_of(given, value):
    """The batch shape: none where only numbers were given."""
    return () if all(isinstance(v, Number) for v in given) else value.size()
