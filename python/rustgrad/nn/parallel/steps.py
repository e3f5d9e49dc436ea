"""The steps of a model on several devices, of which there is one: scatter, replicate, apply, gather."""

from collections.abc import Sequence
from typing import Any

from ..._rustgrad import Tensor, device
from ...utils._pytree import tree_map

__all__ = ["gather", "one_device", "parallel_apply", "replicate", "scatter"]


def one_device(what: str, ids) -> device:
    """The only device that a list of numbers or devices names. Raises NotImplementedError for several."""
    places = [device("cuda", one) if isinstance(one, int) else device(one) for one in ids]
    if len(places) != 1:
        raise NotImplementedError(f"{what}: one GPU is used at a time, but got {len(places)} devices")
    return places[0]


def scatter(inputs, target_gpus: Sequence, dim: int = 0) -> tuple:
    """The inputs for each device: for the only one, all tensors in them, moved there."""
    place = one_device("scatter", target_gpus)
    return (tree_map(lambda x: x.to(place) if isinstance(x, Tensor) else x, inputs),)


def replicate(network, devices: Sequence, detach: bool = False) -> list:
    """The module on each device: on the only one, itself."""
    return [network.to(one_device("replicate", devices))]


def parallel_apply(modules: Sequence, inputs: Sequence, kwargs_tup=None, devices=None) -> list:
    """What each module returns for its inputs, one after the other."""
    kwargs_tup = [{}] * len(modules) if kwargs_tup is None else kwargs_tup
    if not len(modules) == len(inputs) == len(kwargs_tup):
        raise AssertionError(f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)}")

    def call(module, args, kwargs) -> Any:
        return module(*(args if isinstance(args, (list, tuple)) else (args,)), **kwargs)

    return [call(module, args, kwargs) for module, args, kwargs in zip(modules, inputs, kwargs_tup)]


def gather(outputs, target_device, dim: int = 0):
    """The outputs of all devices as one: those of the only device, moved to `target_device`."""
    if len(outputs) != 1:
        from ..._rustgrad.torch import cat

        place = device("cuda", target_device) if isinstance(target_device, int) else device(target_device)
        return cat([x.to(place) for x in outputs], dim)
    place = device("cpu") if target_device in ("cpu", -1) else one_device("gather", [target_device])
    return tree_map(lambda x: x.to(place) if isinstance(x, Tensor) else x, outputs[0])
