"""Saving and loading tensors by name, in safetensors files: no code runs when one is read."""

import os

from . import _rustgrad
from ._rustgrad import io

__all__ = ["load", "save"]


def save(obj, f) -> None:
    """Write a state dict, or any dict from names to tensors, to the file `f` in safetensors format.

    The file is written aside, synced and renamed: what stood there before stays whole until the new one is.
    """
    if not isinstance(obj, dict):
        raise TypeError(
            f"save: expected a dict from names to tensors, such as model.state_dict(), but got {type(obj).__name__}"
        )
    for name, value in obj.items():
        if not isinstance(name, str) or not isinstance(value, _rustgrad.Tensor):
            raise TypeError(
                f"save: expected a dict from names to tensors, but {name!r} holds {type(value).__name__}\n"
                "hint: save tensors only; keep numbers and options in a file of their own"
            )
    io.save_safetensors(dict(obj), os.fspath(f))


def load(f, map_location=None, *, weights_only=True, mmap=None):
    """The tensors of a safetensors file, by name, in the order of the file.

    map_location: the device to put them on. weights_only and mmap are accepted and change nothing: such a file holds
    nothing but tensors. Files written by torch.save raise RuntimeError.
    """
    path = os.fspath(f)
    with open(path, "rb") as file:
        start = file.read(2)
    if start == b"PK" or start[:1] == b"\x80":
        raise RuntimeError(
            f"load: {path!r} was written by torch.save; only safetensors files are read\n"
            "hint: convert it once where PyTorch is installed, with safetensors.torch.save_file(state_dict, path)"
        )
    tensors = io.load_safetensors(path)
    if map_location is not None:
        tensors = {name: value.to(map_location) for name, value in tensors.items()}
    return tensors
