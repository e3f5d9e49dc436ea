"""Neural networks: modules, their parameters, functions and initialisers, as PyTorch names them."""

from . import functional, init, utils
from .module import Module as Module
from .modules import *
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
