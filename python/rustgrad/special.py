"""Special functions: the extension's ops of that place."""

from ._rustgrad.special import *
