"""Neural networks: modules, their parameters, functions and initialisers, as PyTorch names them."""

from . import functional, init, utils
from .module import Module
from .modules import *
from .parameter import Buffer, Parameter
