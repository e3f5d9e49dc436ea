"""Linear algebra: what a user sees of factors whose signs or order no one promises, and of the refusals."""

import warnings

from support import Cases, raised

CASES = Cases()
case = CASES.case


def matrix(torch, *shape, dtype="float64", seed=0):
    """Values that look random and are the same in every library."""
    n = 1
    for size in shape:
        n *= size
    k = torch.arange(n, dtype=torch.float64) + seed
    return (torch.sin(k * k * 12.9898 + k + 4.1) * 2).reshape(shape).to(getattr(torch, dtype))


def symmetric(torch, *shape, **kw):
    x = matrix(torch, *shape, **kw)
    return x + x.mT


def near(torch, a, b):
    return bool(torch.allclose(a, b, rtol=1e-4, atol=1e-4))


@case(1e-9)
def svd_values_and_products(torch):
    """Singular values; U, S, Vh make the matrix again, with orthonormal vectors, in all shapes."""
    found = []
    for shape in [(4, 3), (3, 4), (2, 5, 5), (1, 7), (30, 4), (2, 0, 3, 3)]:
        for full in (False, True):
            x = matrix(torch, *shape)
            u, s, vh = torch.linalg.svd(x, full_matrices=full)
            k = s.shape[-1]
            made = (u[..., :k] * s[..., None, :]) @ vh[..., :k, :]
            one = [torch.eye(t.shape[-1], dtype=t.dtype) for t in (u, vh.mT)]
            found.append([list(u.shape), list(vh.shape), s, near(torch, made, x)])
            found[-1] += [
                near(torch, u.mT @ u, one[0].expand_as(u.mT @ u)),
                near(torch, vh @ vh.mT, one[1].expand_as(vh @ vh.mT)),
            ]
    return found


@case(1e-9)
def eigh_values_and_products(torch):
    """Eigenvalues in ascending order; their vectors; the triangle that UPLO names is read."""
    found = []
    for shape in [(3, 3), (2, 5, 5), (1, 1), (40, 40)]:
        x = symmetric(torch, *shape)
        for uplo, half in (("L", x.tril()), ("U", x.triu())):
            values, vectors = torch.linalg.eigh(half, UPLO=uplo)
            found.append([values, near(torch, vectors * values[..., None, :] @ vectors.mT, x)])
            found[-1].append(near(torch, torch.linalg.eigvalsh(half, UPLO=uplo), values))
    return found


@case(1e-9, 1e-9)
def gauge_invariant_gradients(torch):
    """Gradients through SVD, eigh and QR of what does not depend on signs, and second gradients."""

    def both(fn, x):
        x = x.detach().clone().requires_grad_()
        (g,) = torch.autograd.grad(fn(x), x, create_graph=True)
        (h,) = torch.autograd.grad((g * matrix(torch, *g.shape, seed=3)).sum(), x)
        return [g, h]

    def of_svd(x):
        u, s, vh = torch.linalg.svd(x, full_matrices=False)
        return ((u * s.exp()[..., None, :]) @ vh).cos().sum()

    def of_eigh(x):
        values, vectors = torch.linalg.eigh(x + x.mT)
        return ((vectors * values.cos()[..., None, :]) @ vectors.mT).sin().sum()

    def of_qr(x):
        q, r = torch.linalg.qr(x)
        return (q.sin() * 2).sum() + r.square().cos().sum()

    found = [both(of_svd, matrix(torch, *shape)) for shape in [(3, 3), (4, 3), (3, 4), (2, 3, 3)]]
    found += [both(of_eigh, matrix(torch, *shape)) for shape in [(3, 3), (2, 4, 4)]]
    found += [both(of_qr, matrix(torch, *shape)) for shape in [(3, 3), (4, 3), (3, 4), (2, 5, 3)]]
    return found


@case(1e-9, 1e-12)
def qr_signs(torch):
    """Q and R with LAPACK's signs, for wide, tall, singular and large matrices."""
    found = [
        torch.linalg.qr(matrix(torch, *shape), mode)
        for shape in [(3, 3), (5, 3), (3, 5)]
        for mode in ("reduced", "complete")
    ]
    x = matrix(torch, 70, 40)
    q, r = torch.linalg.qr(x)
    return [*found, torch.linalg.qr(torch.zeros(2, 2, dtype=torch.float64)), r.diagonal(), q[:3], near(torch, q @ r, x)]


@case(1e-7, 1e-7)
def large_systems(torch):
    """Sizes beyond one block: inverse, solution, determinant, Cholesky, LU."""
    x = matrix(torch, 90, 90) + 20 * torch.eye(90, dtype=torch.float64)
    b = matrix(torch, 90, 2)
    spd = x @ x.mT
    p, low, u = torch.linalg.lu(x)
    factor = torch.linalg.cholesky(spd)
    return [
        torch.linalg.inv(x)[:2, :5],
        torch.linalg.solve(x, b)[:4],
        torch.linalg.slogdet(x),
        factor[-1, :5],
        near(torch, p @ low @ u, x),
        torch.cholesky_solve(b, factor)[:3],
        torch.linalg.eigvalsh(spd)[:5],
        torch.linalg.svdvals(x)[:5],
    ]


@case()
def refusals(torch):
    """Singular matrices, shapes and dtypes: class and first sentence."""
    la, zeros, ones = torch.linalg, torch.zeros, torch.ones
    calls = [
        lambda: la.inv(zeros(2, 2)),
        lambda: la.inv(torch.stack([torch.eye(2), zeros(2, 2)])),
        lambda: la.solve(zeros(2, 2), ones(2)),
        lambda: la.solve(zeros(3, 2, 2), ones(3, 2)),
        lambda: la.cholesky(-torch.eye(2)),
        lambda: la.cholesky(-torch.eye(2).expand(2, 2, 2)),
        lambda: la.inv(zeros(2, 3)),
        lambda: la.inv(zeros(2)),
        lambda: la.inv(zeros(2, 2, dtype=torch.int64)),
        lambda: la.inv(zeros(2, 2, dtype=torch.half)),
        lambda: la.svd(torch.full((2, 2), float("nan"))),
        lambda: la.eig(torch.full((2, 2), float("nan"))),
        lambda: la.lu_factor(zeros(2, 2)),
        lambda: la.qr(zeros(2, 2), "x"),
        lambda: la.lu(zeros(2, 2), pivot=False),
        lambda: la.svd(ones(2, 2), driver="gesvd"),
        lambda: la.eigh(ones(2, 2), UPLO="X"),
        lambda: la.matrix_power(zeros(2, 2), -1),
        lambda: la.solve(ones(2, 2), ones(3)),
        lambda: la.solve_triangular(ones(2, 2), ones(3, 1), upper=True),
        lambda: la.lstsq(ones(3, 2), ones(2, 2)),
        lambda: la.tensorinv(ones(2, 2, 3)),
        lambda: la.slogdet(ones(2, 3)),
        lambda: la.cholesky_ex(ones(2, 3)),
    ]
    return [raised(call).splitlines()[0].replace("torch.", "") for call in calls]


@case()
def names(torch):
    """Named results, and the error class."""
    x = torch.eye(2) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [torch.svd(x), torch.qr(x), torch.geqrf(x), torch.slogdet(x), torch.triangular_solve(x, x)]
    la = torch.linalg
    found += [
        la.svd(x),
        la.qr(x),
        la.eigh(x),
        la.slogdet(x),
        la.lu(x),
        la.lu_factor(x),
        la.lu_factor_ex(x),
        la.inv_ex(x),
        la.solve_ex(x, x),
    ]
    found += [la.cholesky_ex(x), la.lstsq(x, x), la.ldl_factor(x), torch.lu_unpack(*la.lu_factor(x))]
    text = [type(f).__name__ for f in found]
    return [text, issubclass(la.LinAlgError, RuntimeError), la.LinAlgError.__name__]


@case(1e-6, 1e-9)
def old_svd(torch):
    """torch.svd: V, not its transpose; and approximations of low rank draw PyTorch's numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        u, s, v = torch.svd(matrix(torch, 4, 3))
    found = [s, near(torch, (u * s) @ v.mT, matrix(torch, 4, 3))]
    torch.manual_seed(0)
    u, s, v = torch.svd_lowrank(matrix(torch, 9, 7), q=3)
    found += [s, (u * s) @ v.mT]
    u, s, v = torch.pca_lowrank(matrix(torch, 6, 8), q=2)
    return [*found, s, (u * s) @ v.mT]


@case(1e-5, 1e-6)
def orthogonal_parametrization(torch):
    """nn.utils.parametrizations.orthogonal: weights stay orthogonal through each map, and train."""
    from importlib import import_module

    orthogonal = import_module(f"{torch.__name__}.nn.utils.parametrizations").orthogonal
    found = []
    for name in (None, "matrix_exp", "cayley", "householder"):
        for shape in [(3, 3), (4, 2), (2, 4)]:
            layer = torch.nn.Linear(shape[1], shape[0], bias=False)
            with torch.no_grad():
                layer.weight.copy_(matrix(torch, *shape, dtype="float32"))
            square = shape[0] == shape[1]
            orthogonal(layer, orthogonal_map=name, use_trivialization=square or name in (None, "householder"))
            with torch.no_grad():
                layer.parametrizations.weight.original.add_(matrix(torch, *shape, dtype="float32", seed=5) * 0.1)
            w = layer.weight
            small = w @ w.mT if shape[0] <= shape[1] else w.mT @ w
            (w * matrix(torch, *shape, dtype="float32", seed=2)).sum().backward()
            grad = layer.parametrizations.weight.original.grad
            found.append([near(torch, small, torch.eye(min(shape))), w if square else 0, grad if square else 0])
    layer = torch.nn.Linear(3, 3)
    found.append(
        [
            raised(orthogonal, layer, "other"),
            raised(orthogonal, layer, "bias"),
            raised(orthogonal, layer, orthogonal_map="x"),
        ]
    )
    return found
