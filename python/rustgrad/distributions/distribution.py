"""The base class of distributions."""

import warnings
from typing import Any

from .._rustgrad import Size, Tensor
from ..grad_mode import no_grad
from . import constraints
from .utils import lazy_property

__all__ = ["Distribution"]

_PACKAGE = __name__.rpartition(".")[0]


class Undefined:
    """What a subclass has to define; asked of an instance, NotImplementedError."""

    def __init__(self, message=""):
        self.message = message

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        raise NotImplementedError(self.message.format(type(instance)))


class Distribution:
    """A distribution over events of `event_shape`, independent over `batch_shape`.

    A subclass says in `arg_constraints` which parameters it has. validate_args: whether parameters and values are
    checked (ValueError); the class's default is True.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    # The constraint of each parameter, which values may be drawn, and the moments, of batch_shape + event_shape.
    arg_constraints: Any = Undefined()
    support: Any = Undefined()
    mean: Any = Undefined()
    variance: Any = Undefined()
    mode: Any = Undefined("{} does not implement mode")
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value):
        """Whether distributions that are not told check their arguments."""
        if value not in [True, False]:
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _check_parameters(self):
        try:
            parameters = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                "the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        for name, constraint in parameters.items():
            later = name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property)
            if later or constraints.is_dependent(constraint):
                continue
            value = getattr(self, name)
            if not bool(constraint.check(value).all()):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape, _instance=None) -> Any:
        """The distribution with parameters expanded to `batch_shape`; nothing is copied or checked again."""
        new: Distribution = self._get_checked_instance(self._own_class(), _instance)
        batch_shape, known = Size(batch_shape), self.arg_constraints
        for name, value in self.__dict__.items():
            if name in known:
                dims = known[name].event_dim
                value = value.expand((*batch_shape, *value.shape[value.dim() - dims :]))
            elif isinstance(getattr(type(self), name, None), lazy_property):
                continue
            new.__dict__[name] = value
        new._batch_shape = batch_shape
        new.__dict__.pop("_validate_args", None)
        new._validate_args = self._validate_args
        return new

    def _own_class(self):
        """The class of this library that this one is or comes from."""
        return next(c for c in type(self).__mro__ if c.__module__.startswith(_PACKAGE))

    def _get_checked_instance(self, cls, _instance=None):
        if _instance is None and type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    @property
    def batch_shape(self):
        """The shape over which parameters are batched."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one draw."""
        return self._event_shape

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()) -> Any:
        """Draws of shape sample_shape + batch_shape + event_shape, outside any graph."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()) -> Any:
        """Draws through which gradients reach the parameters."""
        raise NotImplementedError

    def sample_n(self, n):
        """`sample((n,))`; deprecated."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", category=FutureWarning, stacklevel=2
        )
        return self.sample((n,))

    def log_prob(self, value) -> Any:
        """The logarithm of the density, or of the probability, of `value`."""
        raise NotImplementedError

    def cdf(self, value) -> Any:
        """The probability of a draw up to `value`."""
        raise NotImplementedError

    def icdf(self, value) -> Any:
        """Up to where a draw is with probability `value`."""
        raise NotImplementedError

    def enumerate_support(self, expand=True) -> Any:
        """All values of a discrete distribution, along a first dim; with expand=False, other batch dims are 1."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """The entropy, of batch_shape, in nats."""
        raise NotImplementedError

    def perplexity(self):
        """e to the power of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape=()):
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _check(self, value):
        """Refuses values outside of the support, where arguments are checked."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value):
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        actual, expected = value.size(), self._batch_shape + self._event_shape
        if actual[len(actual) - len(self._event_shape) :] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.size()} vs {self._event_shape}."
            )
        if any(i != 1 and j != 1 and i != j for i, j in zip(reversed(actual), reversed(expected))):
            raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {actual} vs {expected}.")
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not bool(support.check(value).all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self):
        known = [(name, self.__dict__[name]) for name in self.arg_constraints if name in self.__dict__]
        shown = ", ".join(f"{name}: {v if v.numel() == 1 else v.size()}" for name, v in known)
        return f"{type(self).__name__}({shown})"
