"""The activation function whose form in place is no function of the extension."""

__all__ = ["relu_"]


def relu_(input):
    """`relu` in place."""
    return input.relu_()
