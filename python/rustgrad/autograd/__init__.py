"""Differentiation: `backward` and `grad`, and the switches for recording."""

from .._rustgrad.autograd import *
from ..grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
