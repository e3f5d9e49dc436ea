"""What datasets of labelled images share: where files are looked for, and how an example is made."""

import os
from collections.abc import Callable
from typing import Any

from .._rustgrad import Tensor, float32, int64
from .._rustgrad.torch import as_tensor
from ..utils.data import Dataset

__all__ = ["ImageDataset"]


class ImageDataset(Dataset):
    """Images and labels in memory. Example i is an image, float32 (channels, height, width) from 0 to 1, and an int.

    `transform` and `target_transform` are called with the image and with the label.
    """

    data: Any
    targets: Any
    classes: list[str]

    def __init__(
        self,
        root,
        train: bool,
        transform: Callable | None,
        target_transform: Callable | None,
    ):
        self.root = os.path.expanduser(root)
        self.train = train
        self.transform = transform
        self.target_transform = target_transform

    def _images(self) -> Tensor:
        """All images, uint8 (n, channels, height, width), as `data` has them now."""
        raise NotImplementedError

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class's name."""
        return {name: index for index, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = self._images()[index].to(float32).div_(255).contiguous()
        target = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def _gather(self):
        """For loaders: a function from rows to a batch; None where each example has to be made alone."""
        plain = type(self).__getitem__ is ImageDataset.__getitem__ and not hasattr(self, "__getitems__")
        if not plain or self.transform is not None or self.target_transform is not None:
            return None
        from ..utils.data._utils.fetch import rows_of

        tensors = (self._images(), as_tensor(self.targets, dtype=int64))

        def gather(rows):
            batch = rows_of(tensors, rows)
            if batch is None:
                return None
            images, targets = batch
            return [images.to(float32).div_(255).contiguous(), targets]

        return gather

    def __repr__(self) -> str:
        return (
            f"Dataset {type(self).__name__}\n"
            f"    Number of datapoints: {len(self)}\n"
            f"    Root location: {self.root}\n"
            f"    Split: {'Train' if self.train else 'Test'}"
        )


def not_found(dataset: ImageDataset, wanted: str, download: bool) -> RuntimeError:
    """The error for files that are not there."""
    hint = "rustgrad downloads nothing; put the published files there" if download else "put the published files there"
    return RuntimeError(
        f"Dataset not found: {type(dataset).__name__} looks for {wanted}, plain or compressed\nhint: {hint}"
    )
