"""Functions of neural networks. They are the extension's ops themselves, not wrappers around them."""

from ..._rustgrad.nn import *
