"""Windows: weights for the frames of a signal, symmetric, or periodic (`sym=False`) for spectra."""

from ..._names import lookup as _lookup
from .windows import bartlett as bartlett
from .windows import blackman as blackman
from .windows import cosine as cosine
from .windows import exponential as exponential
from .windows import gaussian as gaussian
from .windows import general_cosine as general_cosine
from .windows import general_hamming as general_hamming
from .windows import hamming as hamming
from .windows import hann as hann
from .windows import kaiser as kaiser
from .windows import nuttall as nuttall

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]

__getattr__ = _lookup("torch.signal.windows")
