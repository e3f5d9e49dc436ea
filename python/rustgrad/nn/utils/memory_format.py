"""Memory formats of the weights of convolutions."""

from ...grad_mode import no_grad

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module, memory_format):
    """Bring the weights of all Conv2d and ConvTranspose2d of `module` into a memory format; return `module`.

    Raises NotImplementedError for a format that tensors cannot have.
    """
    return _converted(module, memory_format, 4)


def convert_conv3d_weight_memory_format(module, memory_format):
    """Bring the weights of all Conv3d and ConvTranspose3d of `module` into a memory format; return `module`.

    Raises NotImplementedError for a format that tensors cannot have.
    """
    return _converted(module, memory_format, 5)


def _converted(module, memory_format, ndim):
    from ..modules.conv import _ConvNd

    with no_grad():
        for one in module.modules():
            if isinstance(one, _ConvNd) and one.weight.ndim == ndim:
                one.weight.data = one.weight.detach().contiguous(memory_format=memory_format)
    return module
