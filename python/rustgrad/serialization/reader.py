"""PyTorch's reader of single records of a file, which libraries name in annotations."""

__all__ = ["PyTorchFileReader"]


class PyTorchFileReader:
    """Raises NotImplementedError: `torch.load` reads whole files."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            "PyTorchFileReader: rustgrad does not read single records of a file\n"
            "hint: torch.load(file, mmap=True) reads tensors when they are used"
        )
