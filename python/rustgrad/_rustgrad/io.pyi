"""Files of tensors. Written by hand: these are no ops of the registry."""

from os import PathLike

from . import Tensor

def save_safetensors(
    tensors: dict[str, Tensor], path: str | bytes | PathLike[str], metadata: dict[str, str] | None = None
) -> None: ...
def load_safetensors(path: str | bytes | PathLike[str]) -> dict[str, Tensor]: ...
