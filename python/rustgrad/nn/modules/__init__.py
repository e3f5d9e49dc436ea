"""Layers and losses, one file per family."""

from ..._names import lookup as _lookup
from .activation import GELU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .conv import Conv1d, Conv2d, LazyConv1d, LazyConv2d
from .distance import CosineSimilarity, PairwiseDistance
from .dropout import Dropout
from .embedding import Embedding
from .linear import Bilinear, Flatten, Identity, LazyLinear, Linear, Unflatten
from .loss import CrossEntropyLoss, MSELoss, NLLLoss
from .module import Module
from .norm import LayerNorm
from .pooling import MaxPool2d

__all__ = [
    "Module",
    "ModuleDict",
    "ModuleList",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "Conv1d",
    "Conv2d",
    "LazyConv1d",
    "LazyConv2d",
    "CosineSimilarity",
    "PairwiseDistance",
    "Dropout",
    "Embedding",
    "Bilinear",
    "Flatten",
    "Identity",
    "LayerNorm",
    "LazyLinear",
    "Linear",
    "Unflatten",
    "MaxPool2d",
    "GELU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "CrossEntropyLoss",
    "MSELoss",
    "NLLLoss",
]

__getattr__ = _lookup("torch.nn.modules")
