"""The capabilities of the namespace, in the standard's words."""

import rustgrad as torch

from ._dtypes import COMPLEX, KINDS, isdtype

__all__ = ["__array_namespace_info__"]


class Info:
    """Answers of `__array_namespace_info__()`."""

    def capabilities(self):
        """The choices that the standard leaves open."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self):
        """Where new arrays are."""
        return torch.get_default_device()

    def default_dtypes(self, *, device=None):
        """The dtype of new arrays, by kind."""
        real = torch.get_default_dtype()
        whole = {"integral": torch.int64, "indexing": torch.int64}
        return {"real floating": real, "complex floating": real.to_complex(), **whole}

    def dtypes(self, *, device=None, kind=None):
        """Dtypes by name, of a kind or a tuple of kinds, on a device."""
        every = KINDS["bool"] | KINDS["numeric"]
        device = self.default_device() if device is None else torch.device(device)
        absent = () if device.type == "cpu" else ("float64", *COMPLEX)
        return {name: it for name, it in every.items() if name not in absent and (kind is None or isdtype(it, kind))}

    def devices(self):
        """Where arrays can be."""
        return [torch.device("cpu")] + ([torch.device("gpu")] if torch.gpu.is_available() else [])


def __array_namespace_info__():
    """The answers of the namespace: `capabilities`, `default_device`, `default_dtypes`, `devices`, `dtypes`."""
    return Info()
