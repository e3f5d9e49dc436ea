"""MNIST and FashionMNIST: 28 x 28 pixels of grey, in IDX files as published, plain or compressed with gzip."""

import os

from .._rustgrad import int64, uint8
from .idx import read_idx
from .images import ImageDataset, not_found

__all__ = ["MNIST", "FashionMNIST"]


class MNIST(ImageDataset):
    """Handwritten digits: 60000 to train with, 10000 to test.

    Files are looked for in `root/MNIST/raw`, as torchvision has them, then in `root/MNIST`, `root/raw` and `root`:
    `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and `t10k-...` for train=False; with or without `.gz`.
    `data` is uint8 (n, 28, 28) and `targets` int64 (n,). `download` is accepted: nothing is downloaded. Raises
    RuntimeError if the files are not there, ValueError if they are not what they should be.
    """

    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(self, root, train: bool = True, transform=None, target_transform=None, download: bool = False):
        super().__init__(root, train, transform, target_transform)
        part = "train" if train else "t10k"
        names = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
        paths = [self._find(name) for name in names]
        if None in paths:
            raise not_found(self, f"{names[0]} and {names[1]} in {self.raw_folder}", download)
        images, labels = map(read_idx, paths)
        if images.dtype != uint8 or images.ndim != 3:
            raise ValueError(f"{paths[0]} holds {images.dtype} of shape {list(images.shape)}, not images")
        if labels.dtype != uint8 or labels.ndim != 1 or len(labels) != len(images):
            raise ValueError(f"{paths[1]} holds {labels.dtype} of shape {list(labels.shape)}, not {len(images)} labels")
        self.data, self.targets = images, labels.to(int64)

    def _find(self, name: str) -> str | None:
        own = os.path.join(self.root, type(self).__name__)
        for folder in (self.raw_folder, own, os.path.join(self.root, "raw"), self.root):
            for path in (os.path.join(folder, name), os.path.join(folder, f"{name}.gz")):
                if os.path.isfile(path):
                    return path
        return None

    @property
    def raw_folder(self) -> str:
        """Where torchvision puts the files."""
        return os.path.join(self.root, type(self).__name__, "raw")

    def _images(self):
        return self.data.unsqueeze(1)


class FashionMNIST(MNIST):
    """Pieces of clothing, in the files and sizes of MNIST: `root/FashionMNIST/raw`."""

    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]
