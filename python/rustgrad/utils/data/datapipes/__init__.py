"""Pipelines of datasets: each pipe reads the one before it. PyTorch keeps them for older programs, and so do we."""

from . import iter as iter
from . import map as map
