"""Linear algebra of matrices whose elements are very large or very small, and of those that hold NaN or infinities."""

import math

from support import Cases, first_sentence, raised

CASES = Cases()
case = CASES.case

SCALES = {
    "float32": (1e20, 1e-25),
    "float64": (1e200, 1e-250),
    "complex64": (1e20, 1e-25),
    "complex128": (1e200, 1e-250),
}


def matrix(torch, rows, cols, dtype, scale):
    """Values that look random, the largest of them about the scale."""
    k = torch.arange(rows * cols, dtype=torch.float64)
    x = torch.sin(k * k * 12.9898 + k + 4.1).reshape(rows, cols) + torch.eye(rows, cols, dtype=torch.float64)
    if dtype.startswith("complex"):
        x = torch.complex(x, torch.cos(k * k * 7.31 + k).reshape(rows, cols))
    return (x * scale).to(getattr(torch, dtype))


def in_scale(torch, value, scale, power):
    """Results as numbers near 1, in float64: `power` is how they grow with the matrix."""
    value = value.detach().to(torch.complex128 if value.is_complex() else torch.float64)
    return (value.abs() / scale**power) if value.is_floating_point() or value.is_complex() else value


def extremes(torch, shapes):
    for dtype, scales in SCALES.items():
        for scale in scales:
            for shape in shapes:
                yield scale, matrix(torch, *shape, dtype, scale)


@case(2e-3, 1e-4)
def singular_values_and_what_is_made_of_them(torch):
    """svd, svdvals, pinv, lstsq, matrix_rank, cond and the norms made of singular values."""
    found, linalg = [], torch.linalg
    for scale, x in extremes(torch, [(4, 3), (3, 4), (5, 5)]):
        u, s, vh = linalg.svd(x, full_matrices=False)
        again = (u * s) @ vh
        found.append([in_scale(torch, s, scale, 1), in_scale(torch, linalg.svdvals(x), scale, 1)])
        found.append([in_scale(torch, again, scale, 1), in_scale(torch, linalg.pinv(x), scale, -1)])
        found.append([linalg.matrix_rank(x).item(), in_scale(torch, linalg.cond(x), scale, 0)])
        found.append([in_scale(torch, linalg.matrix_norm(x, order), scale, 1) for order in (2, "nuc")])
        b = x[:, :1].clone()
        found.append([in_scale(torch, linalg.lstsq(x, b).solution, scale, 0)])
        if x.shape[0] == x.shape[1]:
            found.append([in_scale(torch, linalg.cond(x, p), scale, 0) for p in ("nuc", 1, math.inf)])
    return found


@case(2e-3, 1e-4)
def eigenvalues(torch):
    """eigh, eigvalsh, eig and eigvals, and the pseudoinverse and rank of Hermitian matrices."""
    found, linalg = [], torch.linalg
    for scale, x in extremes(torch, [(4, 4)]):
        h = x + x.mH
        values, vectors = linalg.eigh(h)
        found.append([in_scale(torch, values, scale, 1), in_scale(torch, linalg.eigvalsh(h), scale, 1)])
        found.append([in_scale(torch, (vectors * values) @ vectors.mH, scale, 1)])
        found.append([in_scale(torch, linalg.pinv(h, hermitian=True), scale, -1)])
        found.append(linalg.matrix_rank(h, hermitian=True).item())
        values, vectors = linalg.eig(x)
        found.append(in_scale(torch, values, scale, 1).sort().values)
        found.append(in_scale(torch, linalg.eigvals(x), scale, 1).sort().values)
        found.append(in_scale(torch, x.to(values.dtype) @ vectors - vectors * values, scale, 1).max().item() < 1e-5)
    return found


@case(2e-3, 1e-4)
def factors_and_solutions(torch):
    """qr, lu_factor, inv, solve and slogdet."""
    found, linalg = [], torch.linalg
    for scale, x in extremes(torch, [(4, 4)]):
        q, r = linalg.qr(x)
        found.append([in_scale(torch, q, scale, 0), in_scale(torch, r, scale, 1)])
        sign, log = linalg.slogdet(x)
        lower = linalg.lu_factor(x)[0].tril(-1)
        found.append([in_scale(torch, lower, scale, 0), in_scale(torch, sign, scale, 0), log])
        found.append(in_scale(torch, linalg.inv(x), scale, -1))
        found.append(in_scale(torch, linalg.solve(x, x[:, :2].clone()), scale, 0))
    return found


@case(0.0, 0.02)
def matrices_near_the_smallest_number(torch):
    """Elements that are subnormal: the values come out, where their inverses would be infinite."""
    found, linalg = [], torch.linalg
    for dtype, scale in (("float32", 2.0**-140), ("float64", 2.0**-1060)):
        x = matrix(torch, 5, 5, dtype, 1.0).mul(64).round().mul(scale / 64)
        s = linalg.svdvals(x)
        found.append([s / s[:1], linalg.cond(x) > 1, linalg.cond(x, "fro") > 1])
        found.append((linalg.qr(x)[0].mT @ linalg.qr(x)[0] - torch.eye(5, dtype=x.dtype)).abs().max().item() < 1e-5)
    return found


def said(fn, *args, **kwargs):
    """The class and the first sentence of what a call raises."""
    return first_sentence(raised(fn, *args, **kwargs))


@case()
def nan_raises_where_singular_values_are_asked_for(torch):
    found, linalg = [], torch.linalg
    for dtype in ("float32", "complex128"):
        x = torch.tensor([[1.0, math.nan], [2.0, 3.0]], dtype=getattr(torch, dtype))
        many = torch.stack([torch.eye(2, dtype=x.dtype), x])
        for fn in (linalg.svd, linalg.svdvals, linalg.pinv, linalg.matrix_rank, linalg.cond):
            found.append([said(fn, x), said(fn, many)])
        found.append([said(linalg.cond, x, p) for p in (-2, "nuc")])
        found.append([said(linalg.matrix_norm, x, p) for p in (2, -2, "nuc")])
        found.append([said(linalg.eig, x).split(":")[0], said(linalg.cholesky, x)])
    return found


@case(1e-6)
def infinities_give_nan(torch):
    """svdvals, cond, rank and norms of a matrix with an infinity; condition numbers that would be NaN are infinite."""
    found, linalg = [], torch.linalg
    for dtype in ("float32", "complex128"):
        x = torch.tensor([[1.0, math.inf], [2.0, 3.0]], dtype=getattr(torch, dtype))
        nan = torch.tensor([[1.0, math.nan], [2.0, 3.0]], dtype=x.dtype)
        zero = torch.zeros(2, 2, dtype=x.dtype)
        found.append([linalg.svdvals(x), linalg.cond(x), linalg.cond(x, -2), linalg.cond(x, "nuc")])
        found.append([linalg.matrix_rank(x), linalg.matrix_norm(x, 2), linalg.matrix_norm(x, "nuc")])
        found.append([linalg.pinv(x).abs().isnan().all(), linalg.svd(x)[0].abs().isnan().all()])
        for a in (x, nan, zero, torch.ones_like(zero)):
            found.append([linalg.cond(a, p) for p in ("fro", 1, -1, math.inf, -math.inf)])
        found.append([linalg.cond(zero, p) for p in ("nuc", 2, -2)])
        found.append([linalg.cond(torch.ones_like(zero), p) > 1e6 for p in ("nuc", 2)])
        found.append([linalg.det(x.real), linalg.det(nan).abs(), linalg.inv_ex(x).info, linalg.inv_ex(nan).info])
        found.append(
            [*linalg.slogdet(nan.real), linalg.inv(nan).abs().isnan().all(), linalg.matrix_exp(x).abs().isnan().all()]
        )
    return found


@case()
def eigh_reads_one_triangle(torch):
    """NaN in the other triangle is not seen."""
    x = torch.tensor([[1.0, math.nan], [2.0, 3.0]])
    low = torch.linalg.eigvalsh(x)
    return [low.isfinite().all(), torch.linalg.eigvalsh(x, UPLO="U").isnan().all()]
