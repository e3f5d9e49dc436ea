"""Tensors that are made of dense ones: sparse and nested. Each is a Tensor on `meta` with its own shape."""

from ._rustgrad import Tensor

__all__ = ["OfParts", "registering"]


def registering(functions: dict):
    """The decorator that puts a function into a table under the names of ops, for `__torch_function__`."""

    def op(*names: str):
        def register(f):
            for name in names:
                functions[name] = f
            return f

        return register

    return op


class OfParts(Tensor):
    """A tensor whose elements are `_v`: it lies where they lie, and has their gradient."""

    _v: Tensor

    def _gradient(self, grad: Tensor) -> Tensor:
        """The tensor whose elements are their gradients."""
        raise NotImplementedError

    def _set_gradient(self, value) -> None:
        self._v.grad = value._v if isinstance(value, OfParts) else value

    @property
    def device(self):
        return self._v.device

    @property
    def is_meta(self) -> bool:
        return self._v.is_meta

    @property
    def is_cpu(self) -> bool:
        return self._v.is_cpu

    @property
    def is_cuda(self) -> bool:
        return self._v.is_cuda

    @property
    def is_gpu(self) -> bool:
        return self._v.is_gpu

    @property
    def is_leaf(self) -> bool:
        return self._v.is_leaf

    @property
    def grad_fn(self):
        return self._v.grad_fn

    @property
    def requires_grad(self) -> bool:
        return self._v.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._v.requires_grad_(value)

    @property
    def grad(self):
        """The gradient, made of parts as the tensor is; None before backward."""
        return None if self._v.grad is None else self._gradient(self._v.grad)

    @grad.setter
    def grad(self, value) -> None:
        self._set_gradient(value)
