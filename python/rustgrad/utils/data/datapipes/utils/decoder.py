"""Values made of files by their extension."""

import io
import json
import os
from typing import Any

from .common import StreamWrapper

__all__ = [
    "Decoder",
    "ImageHandler",
    "basichandlers",
    "extension_extract_fn",
    "handle_extension",
    "imagehandler",
    "mathandler",
]

_TEXT = {"", "txt", "text", "transcript"}
_NUMBER = {"cls", "cls2", "class", "count", "index", "inx", "id"}


def basichandlers(extension: str, data: bytes) -> Any:
    """Texts, numbers, JSON and files of `torch.save`; None for other extensions, and for what is no number.

    Pickles are not read: that would run what they name.
    """
    if extension in _TEXT:
        return data.decode("utf-8")
    if extension in _NUMBER:
        try:
            return int(data)
        except ValueError:
            return None
    if extension in ("json", "jsn"):
        return json.loads(data)
    if extension == "pt":
        from .....serialization import load

        return load(io.BytesIO(data))
    if extension in ("pyd", "pickle"):
        raise NotImplementedError(
            f"basichandlers: files of the extension {extension!r} are not read, since a pickle runs what it names\n"
            "hint: give a handler of your own first, or save with torch.save and the extension pt"
        )
    return None


def handle_extension(extensions: str, f) -> Any:
    """A handler that gives `f(data)` for extensions, such as "jpg jpeg" or "left.png"."""
    known = [extension.split(".") for extension in extensions.lower().split()]

    def handler(extension, data):
        parts = extension.lower().split(".")
        return (
            f(data) if any(parts[-len(target) :] == target for target in known if len(target) <= len(parts)) else None
        )

    return handler


# Word -> what an image becomes, of which numbers, and its colours.
_IMAGES = {
    f"{kind}{numbers}": (base, dtype, mode)
    for kind, base, mode in (
        ("l", "numpy", "l"),
        ("rgb", "numpy", "rgb"),
        ("rgba", "numpy", "rgba"),
        ("torchl", "torch", "l"),
        ("torchrgb", "torch", "rgb"),
        ("torch", "torch", "rgb"),
        ("torchrgba", "torch", "rgba"),
        ("pill", "pil", "l"),
        ("pil", "pil", "rgb"),
        ("pilrgb", "pil", "rgb"),
        ("pilrgba", "pil", "rgba"),
    )
    for numbers, dtype in (("", "float"), ("8", "uint8"))
    if not (numbers and base == "pil")
}


class ImageHandler:
    """Images by Pillow, which has to be installed: "torch" gives floats in [0, 1] of shape (3, H, W), "rgb" an array.

    Words end in 8 for bytes. AssertionError for other words.
    """

    def __init__(self, imagespec: str) -> None:
        if imagespec not in _IMAGES:
            raise AssertionError(f"unknown image specification: {imagespec}")
        self.imagespec = imagespec

    def __call__(self, extension: str, data: bytes) -> Any:
        """The image; None for other extensions."""
        if extension.lower() not in ("jpg", "jpeg", "png", "ppm", "pgm", "pbm", "pnm"):
            return None
        try:
            import PIL.Image  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ModuleNotFoundError(
                "Package `PIL` is required to be installed for default image decoder."
                "Please use `pip install Pillow` to install the package"
            ) from error
        import numpy as np

        from ..... import tensor

        base, dtype, mode = _IMAGES[self.imagespec]
        image = PIL.Image.open(io.BytesIO(data)).convert(mode.upper())
        if base == "pil":
            return image
        array = np.asarray(image)
        if base == "numpy":
            return array if dtype == "uint8" else array.astype("f") / 255.0
        planes = tensor(np.array(array.transpose(2, 0, 1) if array.ndim == 3 else array[None]))
        return planes if dtype == "uint8" else planes / 255.0


def imagehandler(imagespec: str) -> ImageHandler:
    """A handler of images."""
    return ImageHandler(imagespec)


class _MatHandler:
    def __init__(self, **loadmat_kwargs) -> None:
        try:
            import scipy.io as sio  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ModuleNotFoundError(
                "Package `scipy` is required to be installed for mat file."
                "Please use `pip install scipy` to install the package"
            ) from error
        self.sio, self.loadmat_kwargs = sio, loadmat_kwargs

    def __call__(self, extension: str, data: bytes) -> Any:
        return self.sio.loadmat(io.BytesIO(data), **self.loadmat_kwargs) if extension == "mat" else None


def mathandler(**loadmat_kwargs) -> Any:
    """A handler of MATLAB's files by SciPy, which has to be installed."""
    return _MatHandler(**loadmat_kwargs)


def extension_extract_fn(pathname: str) -> str:
    """The extension of a path, without the dot."""
    return os.path.splitext(pathname)[1][1:]


class Decoder:
    """Values of (path, stream or bytes): what the first handler gives that gives something."""

    def __init__(self, *handler, key_fn=extension_extract_fn) -> None:
        self.handlers = list(handler)
        self.key_fn = key_fn

    def add_handler(self, *handler) -> None:
        """Ask these handlers before the others."""
        self.handlers[:0] = handler

    def decode1(self, key, data) -> Any:
        """The value of one file by its extension; its bytes if no handler knows it."""
        if not data:
            return data
        file = data.file_obj if isinstance(data, StreamWrapper) else data
        if isinstance(file, (io.BufferedIOBase, io.RawIOBase)):
            stream, data = data, b"".join(file)
            stream.close()
        for handler in self.handlers:
            if (value := handler(key, data)) is not None:
                return value
        return data

    def decode(self, data) -> dict[str, Any]:
        """{path: value} of a pair or of several."""
        pairs = [data] if isinstance(data, tuple) else data or []
        result = {}
        for path, value in pairs:
            hidden = path[0] == "_" and isinstance(value, bytes)
            result[path] = value.decode("utf-8") if hidden else self.decode1(self.key_fn(path), value)
        return result

    def __call__(self, data) -> dict[str, Any]:
        return self.decode(data)
