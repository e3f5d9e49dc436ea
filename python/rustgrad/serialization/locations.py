"""Where storages live, as files name it ("cpu", "cuda:0"), and where `map_location` wants them."""

from collections.abc import Callable

from .. import _rustgrad
from ..storage import TypedStorage, UntypedStorage
from .names import short_name, storage_name

__all__ = [
    "MAP_LOCATION",
    "Outside",
    "default_restore_location",
    "is_meta",
    "location_tag",
    "normalize_storage_type",
    "register_package",
    "restorer",
    "storage_to_tensor_type",
]


# What `map_location` may be, as a type.
MAP_LOCATION = Callable[[UntypedStorage, str], UntypedStorage] | _rustgrad.device | str | dict[str, str] | None


class Outside(Exception):
    """Carries an error of a `map_location` through the machine that reads a pickle, whose own errors are others."""

    def __init__(self, error: Exception):
        self.error = error


# What PyTorch's files call devices that our GPU stands for.
_GPUS = ("cuda", "gpu", "mps", "xpu")


def _cpu_tag(storage):
    return "cpu" if storage.device.type == "cpu" else None


def _to_cpu(storage, location):
    return storage.cpu() if location == "cpu" else None


def _gpu_tag(storage):
    # The name that PyTorch has for the first GPU, so that it opens the file.
    return "cuda:0" if storage.device.type in _GPUS else None


def _to_gpu(storage, location):
    kind = location.split(":")[0]
    if kind not in _GPUS:
        return None
    from .. import gpu

    if not gpu.is_available():
        name = "MPS" if kind == "mps" else "CUDA"
        raise RuntimeError(
            f"Attempting to deserialize object on a {name} device but torch.{name.lower()}.is_available() is False. If "
            "you are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map "
            "your storages to the CPU."
        )
    return storage.to("gpu")


def _to_meta(storage, location):
    return storage.to("meta") if location == "meta" else None


def _meta_tag(storage):
    return "meta" if storage.device.type == "meta" else None


_packages = [(10, _cpu_tag, _to_cpu), (20, _gpu_tag, _to_gpu), (22, _meta_tag, _to_meta)]


def is_meta(map_location) -> bool:
    """Whether `map_location` wants sizes without data, which then need not be read."""
    return str(map_location) == "meta" if isinstance(map_location, (str, _rustgrad.device)) else False


def register_package(priority, tagger, deserializer) -> None:
    """Add a kind of location.

    tagger: gives a storage's location, or None if it is of another kind. deserializer: gives a storage at a location,
    or None if that is of another kind. Those of lower `priority` are asked first.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda entry: entry[0])


def location_tag(storage) -> str:
    """The location of a storage, as files name it."""
    for _, tagger, _ in _packages:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {_typename(storage)}")


def default_restore_location(storage, location):
    """The storage at `location`."""
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(f"don't know how to restore data location of {_typename(storage)} (tagged with {location})")


def _typename(storage) -> str:
    from .. import typename

    name = typename(storage)
    return f"torch.storage.{name.rpartition('.')[2]}" if name.endswith("UntypedStorage") else name


def restorer(map_location):
    """The function (storage, location) -> storage that `map_location` means."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(storage, map_location.get(location, location))
    if isinstance(map_location, (str, bytes)):
        place = map_location.decode("ascii") if isinstance(map_location, bytes) else map_location
        return lambda storage, location: default_restore_location(storage, place)
    if isinstance(map_location, _rustgrad.device):
        return lambda storage, location: default_restore_location(storage, str(map_location))
    if not callable(map_location):
        raise TypeError(f"'{type(map_location).__name__}' object is not callable")

    def restore(storage, location):
        try:
            result = map_location(storage, location)
        except Exception as error:
            raise Outside(error) from error
        if result is None:
            return default_restore_location(storage, location)
        result = result.untyped() if isinstance(result, TypedStorage) else result
        if not isinstance(result, UntypedStorage):
            given = type(result).__name__
            raise Outside(TypeError(f"map_location must return a storage or None, but returned {given}"))
        if result.nbytes() != storage.nbytes():
            raise RuntimeError("map_location must return a storage of the same size")
        return result

    return restore


def normalize_storage_type(storage_type):
    """PyTorch's generic storage class for one of another device: here each is its own."""
    return storage_type


def storage_to_tensor_type(storage) -> str:
    """The name of the tensor type over a typed storage: `torch.FloatTensor`."""
    name = storage_name(storage.dtype)
    if name is None:
        raise ValueError(f"no tensor type has storages of {short_name(storage.dtype)}")
    return "torch." + name.replace("Storage", "Tensor")
