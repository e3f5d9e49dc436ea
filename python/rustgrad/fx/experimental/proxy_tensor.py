"""What libraries ask of a tracer that sees operators. None is ever running."""

from ..._names import lookup as _lookup

__all__ = ["get_proxy_mode"]


def get_proxy_mode() -> None:
    """None: no tracer is running."""


__getattr__ = _lookup("torch.fx.experimental.proxy_tensor")
