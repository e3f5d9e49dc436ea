"""CIFAR-10 and CIFAR-100: 32 x 32 pixels of colour, from the published Python or binary files, or their archives."""

import io
import os
import pickle
from typing import Any

from .._rustgrad import from_numpy
from .images import ImageDataset, not_found

__all__ = ["CIFAR10", "CIFAR100"]

SIDE = 32
PIXELS = 3 * SIDE * SIDE
# More than any file of these sets has.
MOST = 1 << 28


class _Bytes:
    """Stands for a NumPy array while a file is read: sizes, and bytes."""

    shape: tuple = ()
    data = b""

    def __setstate__(self, state):
        _, self.shape, kind, fortran, data = state
        if not isinstance(kind, _Kind) or kind.name not in ("u1", "|u1") or fortran:
            raise pickle.UnpicklingError("an array that is not of uint8 in C order")
        self.data = data.encode("latin1") if isinstance(data, str) else bytes(data)


class _Kind:
    """Stands for a NumPy dtype."""

    def __init__(self, name="", *_):
        self.name = name

    def __setstate__(self, state):
        pass


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes encoded as {encoding}")
    return text.encode("latin1")


class _Reader(pickle.Unpickler):
    """Reads numbers, strings, containers and arrays of bytes. Nothing else can be named, so nothing can be run."""

    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Bytes(),
        ("numpy._core.multiarray", "_reconstruct"): lambda *_: _Bytes(),
        ("numpy", "ndarray"): _Bytes,
        ("numpy", "dtype"): _Kind,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no file of this set does")
        return self.ALLOWED[module, name]


def _unpickled(data: bytes, name: str) -> dict:
    try:
        found = _Reader(io.BytesIO(data), encoding="latin1").load()
    except Exception as error:  # whatever damaged bytes lead to
        raise ValueError(f"{name} is not a file of this set: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not a file of this set: it holds {type(found).__name__}, not dict")
    return {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in found.items()}


class CIFAR10(ImageDataset):
    """Photographs of ten classes of things: 50000 to train with, 10000 to test.

    Looked for in `root` are, in this order, the folders `cifar-10-batches-py` and `cifar-10-batches-bin`, and the
    archives `cifar-10-python.tar.gz` and `cifar-10-binary.tar.gz`, which are read without being unpacked. Pickled files
    are read by a reader that runs nothing. `data` is a NumPy array, uint8 (n, 32, 32, 3), and `targets` a list.
    `download` is accepted: nothing is downloaded. Raises RuntimeError if the files are not there, ValueError if they
    are not what they should be.
    """

    # For either format: folder, archive, then the names of the files to train with, to test with, and of the classes.
    _python: tuple[Any, ...] = (
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        [f"data_batch_{i}" for i in range(1, 6)],
        ["test_batch"],
        "batches.meta",
    )
    _binary: tuple[Any, ...] = (
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        [f"data_batch_{i}.bin" for i in range(1, 6)],
        ["test_batch.bin"],
        "batches.meta.txt",
    )
    # The key of the classes' names and that of the labels in pickled files; bytes in front of an image in binary ones.
    _names, _labels, _before = "label_names", "labels", 1

    def __init__(self, root, train: bool = True, transform=None, target_transform=None, download: bool = False):
        super().__init__(root, train, transform, target_transform)
        import numpy as np

        images: list[Any] = []
        self.targets = []
        for file_format in (self._python, self._binary):
            folder, archive, train_files, test_files, names = file_format
            wanted = [*(train_files if train else test_files), names]
            files = _read(self.root, folder, archive, wanted)
            if files is None:
                continue
            binary = file_format is self._binary
            for name in wanted[:-1]:
                data, labels = (self._from_binary if binary else self._from_pickle)(files[name], name)
                images.append(np.frombuffer(bytearray(data), np.uint8).reshape(-1, 3, SIDE, SIDE))
                self.targets += labels
            text = files[names].decode("latin1").split() if binary else _unpickled(files[names], names)[self._names]
            self.classes = [str(name) for name in text]
            break
        else:
            raise not_found(self, f"{self._python[0]} or {self._binary[0]} in {self.root}", download)
        if self.targets and max(self.targets) >= len(self.classes):
            raise ValueError(f"label {max(self.targets)}, but there are {len(self.classes)} classes")
        self.data = np.concatenate(images).transpose(0, 2, 3, 1)

    def _from_pickle(self, data: bytes, name: str) -> tuple[bytes, list[int]]:
        found = _unpickled(data, name)
        images, labels = found.get("data"), found.get(self._labels)
        if not isinstance(images, _Bytes) or not isinstance(labels, list):
            raise ValueError(f"{name} is not a file of this set: it has no data or no {self._labels}")
        whole = images.shape == (len(labels), PIXELS) and len(images.data) == len(labels) * PIXELS
        if not whole or not all(type(label) is int and label >= 0 for label in labels):
            raise ValueError(f"{name} is damaged: {len(labels)} labels, and data of shape {images.shape}")
        return images.data, labels

    def _from_binary(self, data: bytes, name: str) -> tuple[bytes, list[int]]:
        step = self._before + PIXELS
        if len(data) % step:
            raise ValueError(f"{name} is damaged: {len(data)} bytes are no multiple of {step}")
        rows = memoryview(data)
        images = b"".join(rows[i + self._before : i + step] for i in range(0, len(data), step))
        return images, list(data[self._before - 1 :: step])

    def _images(self):
        return from_numpy(self.data).permute(0, 3, 1, 2)


class CIFAR100(CIFAR10):
    """Photographs of a hundred classes, 500 of each to train with and 100 to test: `cifar-100-python` or `-binary`."""

    _python = ("cifar-100-python", "cifar-100-python.tar.gz", ["train"], ["test"], "meta")
    _binary = ("cifar-100-binary", "cifar-100-binary.tar.gz", ["train.bin"], ["test.bin"], "fine_label_names.txt")
    _names, _labels, _before = "fine_label_names", "fine_labels", 2


def _read(root: str, folder: str, archive: str, names: list[str]) -> dict[str, bytes] | None:
    """The files `names` of a folder or an archive; None if neither is there. ValueError if one of them is missing."""
    inside = os.path.join(root, folder)
    packed = os.path.join(root, archive)
    if os.path.isdir(inside):
        files = {}
        for name in names:
            path = os.path.join(inside, name)
            if not os.path.isfile(path):
                raise ValueError(f"{inside} has no file {name}")
            with open(path, "rb") as file:
                files[name] = _limited(file, path)
        return files
    if not os.path.isfile(packed):
        return None
    import tarfile

    files = {}
    try:
        with tarfile.open(packed) as tar:
            for member in tar:
                name = os.path.basename(member.name)
                if member.isfile() and name in names:
                    file: Any = tar.extractfile(member)
                    files[name] = _limited(file, f"{packed}/{name}")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{packed} is damaged: {error}") from None
    if missing := [name for name in names if name not in files]:
        raise ValueError(f"{packed} has no file {missing[0]}")
    return files


def _limited(file, name: str) -> bytes:
    data = file.read(MOST + 1)
    if len(data) > MOST:
        raise ValueError(f"{name} is larger than any file of this set")
    return data
