"""Methods of Tensor about sparse and quantized tensors, as plain ones have them. Those have their own (`sparse/coo.py`,
`_quantized/tensor.py`).
"""

from . import _rustgrad

__all__ = [
    "ccol_indices",
    "coalesce",
    "col_indices",
    "crow_indices",
    "dense_dim",
    "dequantize",
    "indices",
    "int_repr",
    "is_coalesced",
    "row_indices",
    "q_per_channel_axis",
    "q_per_channel_scales",
    "q_per_channel_zero_points",
    "q_scale",
    "q_zero_point",
    "qscheme",
    "sparse_dim",
    "sparse_mask",
    "to_dense",
    "to_sparse",
    "to_sparse_coo",
    "to_sparse_csc",
    "to_sparse_csr",
    "values",
]


def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The elements that are not zero, as a tensor of layout `sparse_coo`; `sparse_dim` dims are sparse, by default all.

    RuntimeError for a number of dims that the tensor does not have; NotImplementedError for other layouts.
    """
    from .sparse.forms import to_sparse

    return to_sparse(self, sparse_dim, layout=layout, blocksize=blocksize, dense_dim=dense_dim)


def to_sparse_coo(self):
    """As `to_sparse()`."""
    return self.to_sparse()


def to_sparse_csr(self, dense_dim=None):
    """A matrix in compressed rows. RuntimeError for other than two dims."""
    return self.to_sparse(layout=_rustgrad.sparse_csr)


def to_sparse_csc(self, dense_dim=None):
    """A matrix in compressed columns. RuntimeError for other than two dims."""
    return self.to_sparse(layout=_rustgrad.sparse_csc)


def sparse_mask(self, mask):
    """The elements at the places that the sparse tensor `mask` has, of the same sizes, as a sparse tensor."""
    from .sparse.forms import sparse_mask

    return sparse_mask(self, mask)


def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor itself, in `dtype` where one is given; a sparse one with its zeros."""
    return self if dtype is None else self.to(dtype)


def sparse_dim(self) -> int:
    """0: all dims are dense."""
    return 0


def dense_dim(self) -> int:
    """The number of dims."""
    return self.dim()


def _sparse_only(name, kind="sparse"):
    def method(self):
        raise RuntimeError(f"{name} expected {kind} tensor layout but got Strided")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = "Raises RuntimeError: only a sparse tensor has it."
    return method


values = _sparse_only("values")
indices = _sparse_only("indices", "sparse coordinate")
coalesce = _sparse_only("coalesce", "sparse coordinate")
is_coalesced = _sparse_only("is_coalesced", "sparse coordinate")
crow_indices = _sparse_only("crow_indices", "sparse row compressed")
col_indices = _sparse_only("col_indices", "sparse row compressed")
ccol_indices = _sparse_only("ccol_indices", "sparse column compressed")
row_indices = _sparse_only("row_indices", "sparse column compressed")


def dequantize(self):
    """The numbers of a quantized tensor, float32; of another one, itself as float32."""
    return self.float()


def _quantized_only(name):
    def method(self):
        raise NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from the 'CPU' backend.\n"
            "hint: only tensors of quantize_per_tensor and quantize_per_channel have it"
        )

    method.__name__ = method.__qualname__ = name
    method.__doc__ = "Raises NotImplementedError: only a quantized tensor has it."
    return method


int_repr, q_scale, q_zero_point, qscheme, q_per_channel_axis, q_per_channel_scales, q_per_channel_zero_points = map(
    _quantized_only,
    "int_repr q_scale q_zero_point qscheme q_per_channel_axis q_per_channel_scales q_per_channel_zero_points".split(),
)
