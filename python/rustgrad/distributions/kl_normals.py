"""Kullback-Leibler divergences of multivariate normal distributions."""

from .. import broadcast_shapes
from .._rustgrad.torch import diag_embed
from .kl import register_kl
from .lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    low_rank_log_det,
    low_rank_mahalanobis,
    over_diagonal,
)
from .multivariate_normal import MultivariateNormal, half_log_det, linalg, mahalanobis


def _square(matrix):
    """The trace of matrix matrix^T."""
    return matrix.pow(2).sum((-2, -1))


def _solved(tril, matrix):
    batch = broadcast_shapes(tril.shape[:-2], matrix.shape[:-2])
    tril, matrix = (m.expand((*batch, *m.shape[-2:])) for m in (tril, matrix))
    return linalg.solve_triangular(tril, matrix, upper=False)


def _refuse(p, q, kind):
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {kind}Multivariate Normals with different event shapes cannot be computed"
        )


def _whitened(q):
    """What takes the low-rank part out of traces with q's precision."""
    inner = over_diagonal(q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag)
    return linalg.solve_triangular(q._capacitance_tril, inner, upper=False)


@register_kl(MultivariateNormal, MultivariateNormal)
def _full_full(p, q):
    _refuse(p, q, "")
    mine, other = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    trace, apart = _square(_solved(other, mine)), mahalanobis(other, q.loc - p.loc)
    return half_log_det(other) - half_log_det(mine) + 0.5 * (trace + apart - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_low(p, q):
    _refuse(p, q, "Low Rank ")
    white, root = _whitened(q), q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1)
    factor, diagonal = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag
    trace = (diagonal / q._unbroadcasted_cov_diag).sum(-1) + _square(factor * root)
    trace = trace - _square(white * diagonal.sqrt().unsqueeze(-2)) - _square(white @ factor)
    size = low_rank_log_det(q) - low_rank_log_det(p)
    return 0.5 * (size + trace + low_rank_mahalanobis(q, q.loc - p.loc) - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _full_low(p, q):
    _refuse(p, q, "(Low Rank) ")
    tril, root = p._unbroadcasted_scale_tril, q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1)
    trace = _square(tril * root) - _square(_whitened(q) @ tril)
    size = low_rank_log_det(q) - 2 * half_log_det(tril)
    return 0.5 * (size + trace + low_rank_mahalanobis(q, q.loc - p.loc) - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_full(p, q):
    _refuse(p, q, "(Low Rank) ")
    tril = q._unbroadcasted_scale_tril
    diagonal = diag_embed(p._unbroadcasted_cov_diag.sqrt())
    trace = _square(_solved(tril, p._unbroadcasted_cov_factor)) + _square(_solved(tril, diagonal))
    size = 2 * half_log_det(tril) - low_rank_log_det(p)
    return 0.5 * (size + trace + mahalanobis(tril, q.loc - p.loc) - p.event_shape[0])
