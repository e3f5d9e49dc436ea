"""All parameters as one vector, and back."""

from ..._rustgrad.torch import cat

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """The parameters' elements, one after another, as a tensor of one dim."""
    return cat([param.view(-1) for param in parameters])


def vector_to_parameters(vec, parameters):
    """Give the parameters the values of such a vector; they become views of it."""
    start = 0
    for param in parameters:
        count = param.numel()
        param.data = vec[start : start + count].view_as(param).data
        start += count
