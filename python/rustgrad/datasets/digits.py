"""Handwritten digits: 1797 images of 8x8 pixels.

The test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998, CC BY 4.0). The file beside this one holds, compressed with zlib, 1797 bytes of labels and then
1797 x 64 bytes of pixels from 0 to 16.
"""

from .._rustgrad import Tensor, float32, from_numpy, int64

__all__ = ["digits"]

COUNT = 1797


def digits() -> tuple[Tensor, Tensor]:
    """All images, float32 (1797, 1, 8, 8) from 0 (paper) to 1 (ink), and their labels, int64 (1797,) from 0 to 9."""
    import zlib
    from importlib.resources import files

    import numpy as np

    packed = files("rustgrad.datasets").joinpath("digits.bin").read_bytes()
    values = np.frombuffer(bytearray(zlib.decompress(packed)), np.uint8)
    labels = from_numpy(values[:COUNT]).to(int64)
    images = from_numpy(values[COUNT:]).to(float32).div_(16).view(COUNT, 1, 8, 8)
    return images, labels
