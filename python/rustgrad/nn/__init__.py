"""Neural networks: modules, their parameters, functions and initialisers, as PyTorch names them."""

from . import functional, init, parameter, utils
from .modules import *
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedBuffer as UninitializedBuffer
from .parameter import UninitializedParameter as UninitializedParameter
