"""What `importlib.metadata` says of `torch` in a PyTorch program."""

from importlib.metadata import Distribution

from . import VERSION

__all__ = ["Torch"]


class Torch(Distribution):
    """A distribution called torch, of the version that `torch.__version__` says, without files."""

    def read_text(self, filename):
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: torch\nVersion: {VERSION}\nSummary: rustgrad under PyTorch's name\n"

    def locate_file(self, path):
        raise FileNotFoundError(f"torch is rustgrad here; it has no file {path}")
