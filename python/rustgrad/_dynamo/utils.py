"""What packages ask PyTorch's compiler about. There is none."""

__all__ = ["is_compile_supported"]


def is_compile_supported(device_type) -> bool:
    """False: nothing is compiled."""
    return False
