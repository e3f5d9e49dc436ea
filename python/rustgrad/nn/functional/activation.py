"""The activation function whose form in place is no function of the extension."""

from ...overrides import overridable

__all__ = ["relu_"]


@overridable
def relu_(input):
    """`relu` in place."""
    return input.relu_()
