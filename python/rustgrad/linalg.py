"""Linear algebra: the extension's ops of that place."""

from ._rustgrad.linalg import *
