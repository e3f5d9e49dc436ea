"""Tensor attributes that are written in Python, and those that PyTorch has and rustgrad lacks: placeholders whose
first reading loads the one, or raises the error that says so for the other.

A `__getattr__` on the class would slow down every attribute of every tensor; placeholders cost nothing until read.
"""

from .._rustgrad import Tensor
from . import Missing, listed

__all__ = ["PYTHON", "install", "mark"]

# What rustgrad/_methods.py holds.
PYTHON = (
    "__array_namespace__ __cuda_array_interface__ __div__ __dlpack__ __dlpack_device__ __idiv__ __long__ __nonzero__ "
    "__torch_function__ apply_ ccol_indices coalesce col_indices const_data_ptr crow_indices dense_dim dequantize "
    "dim_order eig fill_diagonal_ grad_dtype hash_tensor indices int_repr is_coalesced is_distributed is_ipu is_maia "
    "is_mkldnn is_mtia is_nonzero is_sparse_csr is_vulkan is_xla is_xpu lstsq map2_ map_ module_load name new "
    "pin_memory q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qscheme "
    "record_stream reinforce resize resize_as row_indices set_ share_memory_ slice_inverse solve sparse_dim "
    "sparse_mask storage storage_type symeig to_dense to_device to_sparse to_sparse_coo to_sparse_csc to_sparse_csr "
    "values volatile"
).split()


class Later:
    """Stands on Tensor for a method or attribute of `_methods.py`, which replaces it when first read."""

    __slots__ = ("_name",)

    def __init__(self, name: str):
        self._name = name

    def __get__(self, instance, owner=None):
        from .. import _methods

        value = getattr(_methods, self._name)
        setattr(Tensor, self._name, value)
        return value.__get__(instance, owner)


def install() -> None:
    """Put what is written in Python on Tensor."""
    for name in PYTHON:
        setattr(Tensor, name, Later(name))
    setattr(Tensor, "__init_subclass__", classmethod(_subclassed))  # noqa: B010


def _subclassed(cls, **kwargs) -> None:
    from ..overrides import _subclassed

    _subclassed(cls, **kwargs)


def mark() -> None:
    """Put a placeholder on Tensor for each name that it lacks."""
    for name in listed("torch.Tensor"):
        if name not in Tensor.__dict__:
            setattr(Tensor, name, Missing("torch.Tensor", name))
