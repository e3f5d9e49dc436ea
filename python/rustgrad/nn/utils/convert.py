"""All parameters as one vector, and back."""

from ..._rustgrad import Tensor, _library
from ..._rustgrad.torch import cat

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _check_devices(params):
    """Raises TypeError where parameters live on several devices."""
    if len({str(param.device) for param in params}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")


def parameters_to_vector(parameters):
    """The parameters' elements, one after another, as a tensor of one dim."""
    params = list(parameters)
    _check_devices(params)
    return cat([param.view(-1) for param in params])


def vector_to_parameters(vec, parameters):
    """Give the parameters the values of such a vector; they become views of it.

    Raises TypeError where `vec` is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected {_library()}.Tensor, but got: {type(vec).__name__}")
    params = list(parameters)
    _check_devices(params)
    start = 0
    for param in params:
        count = param.numel()
        param.data = vec[start : start + count].view_as(param).data
        start += count
