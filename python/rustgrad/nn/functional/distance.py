"""Lengths and angles: normalised vectors, cosines, distances of pairs."""

from ..._rustgrad.torch import div, result_type
from .._compose import scalar_name, vector_norm

__all__ = ["cosine_similarity", "normalize", "pairwise_distance"]


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """`input` divided by its norm of order `p` over `dim` (an int or a tuple), or by `eps` where that is larger.

    Returns a tensor of the shape of `input`, or writes it to `out`, which records nothing for backward. Raises
    RuntimeError for integers, IndexError for a dim that is not there. Same as torch.nn.functional.normalize.
    """
    length = vector_norm(input, p, dim, True).clamp_min(eps)
    return input / length if out is None else div(input, length, out=out)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between `x1` and `x2` over `dim`, each norm taken as at least `eps`.

    The inputs broadcast; the result lacks `dim`. Raises RuntimeError for two tensors of integers and for shapes that do
    not broadcast. Same as torch.nn.functional.cosine_similarity.
    """
    dtype = result_type(x1, x2)
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {scalar_name(dtype)}\n"
            "hint: convert the inputs first, e.g. x.float()"
        )
    x1, x2 = x1.to(dtype), x2.to(dtype)
    # The product needs both shapes; a norm only its own, broadcast.
    left, right = x1.expand(_broadcast(x1, x2)), x2.expand(_broadcast(x1, x2))
    return (normalize(left, 2.0, dim, eps) * normalize(right, 2.0, dim, eps)).sum(dim)


def _broadcast(x1, x2):
    from ... import broadcast_shapes

    return broadcast_shapes(x1.shape, x2.shape)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The norm of order `p` of `x1 - x2 + eps` over the last dim, which stays as 1 if `keepdim`.

    The inputs broadcast. Raises RuntimeError for integers. Same as torch.nn.functional.pairwise_distance.
    """
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)
