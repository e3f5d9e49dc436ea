"""Linear algebra of complex matrices, and gradients that real matrices have through complex results."""

import warnings

from support import Cases, raised

CASES = Cases()
case = CASES.case


def matrix(torch, *shape, seed=0):
    """Complex numbers that look random and are the same in every library."""
    n = 1
    for size in shape:
        n *= size
    k = torch.arange(2 * n, dtype=torch.float64) + seed
    parts = (torch.sin(k * k * 12.9898 + k + 4.1) * 2).reshape(2, *shape)
    return torch.complex(parts[0], parts[1])


def hermitian(torch, *shape, **kw):
    x = matrix(torch, *shape, **kw)
    return x + x.mH


def positive(torch, *shape, **kw):
    x = matrix(torch, *shape, **kw)
    return x @ x.mH + torch.eye(shape[-1])


def near(torch, a, b):
    return bool(torch.allclose(a, b, rtol=1e-6, atol=1e-6))


def unitary(torch, q):
    one = torch.eye(q.shape[-1], dtype=q.dtype)
    return near(torch, q.mH @ q, one.expand(*q.shape[:-2], *one.shape))


def digest(torch, x):
    """One number that every element counts in, and the dtype."""
    return [str(x.dtype), (x * matrix(torch, *x.shape, seed=7)).sum()]


def quiet(fn, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fn(*args, **kwargs)


def both(torch, fn, *inputs):
    """The gradients of a loss that looks at all of a result, and those of a loss of these gradients."""
    inputs = [x.detach().clone().requires_grad_() for x in inputs]

    def loss(parts, seed):
        parts = parts if isinstance(parts, (list, tuple)) else [parts]
        total = 0
        for i, part in enumerate(parts):
            w = matrix(torch, *part.shape, seed=seed + i)
            total = total + ((part * w).real.sum() if part.is_complex() else (part * w.real).sum())
        return total

    first = torch.autograd.grad(loss(fn(*inputs), 2), inputs, create_graph=True)
    second = torch.autograd.grad(loss(first, 5), inputs)
    return [digest(torch, g) for g in (*first, *second)]


@case(1e-8, 1e-10)
def decompositions(torch):
    """Values, which are real where PyTorch's are, and what vectors make, since their phases are open."""
    la, found = torch.linalg, []
    for shape in [(3, 3), (4, 3), (2, 3, 4), (20, 20)]:
        x = matrix(torch, *shape)
        u, s, vh = la.svd(x, full_matrices=False)
        q, r = la.qr(x)
        found += [s, str(s.dtype), near(torch, (u * s[..., None, :]) @ vh, x), unitary(torch, u), unitary(torch, vh.mH)]
        found += [near(torch, q @ r, x), r.diagonal(0, -2, -1), unitary(torch, q)]
    for shape in [(3, 3), (2, 4, 4), (1, 1), (20, 20)]:
        x = hermitian(torch, *shape)
        for uplo, half in (("L", x.tril()), ("U", x.triu())):
            values, vectors = la.eigh(half, UPLO=uplo)
            found += [values, str(values.dtype), near(torch, (vectors * values[..., None, :]) @ vectors.mH, x)]
            found.append(near(torch, la.eigvalsh(half, UPLO=uplo), values))
        x = matrix(torch, *shape)
        values, vectors = la.eig(x)
        largest = vectors.gather(-2, vectors.abs().argmax(-2, keepdim=True))
        found += [near(torch, x @ vectors, vectors * values[..., None, :]), near(torch, largest.imag, 0 * largest.imag)]
        found += [bool((largest.real > 0).all()), near(torch, vectors.abs().square().sum(-2), 1 + 0 * values.real)]
        found.append(near(torch, la.eigvals(x).sum(-1), x.diagonal(0, -2, -1).sum(-1)))
    return found


@case(1e-8, 1e-10)
def factors(torch):
    """Cholesky, LU, Householder reflections, and LDL of symmetric and of Hermitian matrices."""
    la, found = torch.linalg, []
    for shape in [(3, 3), (2, 4, 4)]:
        spd, x, b = positive(torch, *shape), matrix(torch, *shape), matrix(torch, *shape[:-1], 2, seed=3)
        for upper in (False, True):
            low = la.cholesky(spd.triu() if upper else spd.tril(), upper=upper)
            found += [low, torch.cholesky_solve(b, low, upper), torch.cholesky_inverse(low, upper)]
        lu, pivots = la.lu_factor(x)
        found += [la.lu(x), pivots]
        for adjoint in (False, True):
            found.append(la.lu_solve(lu, pivots, b, adjoint=adjoint))
            found.append(la.lu_solve(lu, pivots, b.mT, left=False, adjoint=adjoint))
        a, tau = torch.geqrf(x)
        found += [a, tau, la.householder_product(a, tau)]
        found += [torch.ormqr(a, tau, b, True, t) for t in (False, True)]
        found += [torch.ormqr(a, tau, b.mT, False, t) for t in (False, True)]
    for n in (2, 3, 6):
        for seed in range(3):
            x, b = matrix(torch, n, n, seed=seed), matrix(torch, n, 2, seed=4)
            none = x - torch.diag(x.diagonal())
            for make, flag in ((x + x.mT, False), (x + x.mH, True), (none + none.mH, True)):
                ld, pivots = la.ldl_factor(make, hermitian=flag)
                y = la.ldl_solve(ld, pivots, b, hermitian=flag)
                found += [digest(torch, ld), pivots, y[-1], near(torch, make @ y, b)]
    return found


@case(1e-8, 1e-10)
def functions(torch):
    """Solutions, determinants, norms and powers."""
    la = torch.linalg
    x, b, tall = matrix(torch, 2, 3, 3), matrix(torch, 2, 3, 2, seed=3), matrix(torch, 4, 3)
    found = [la.inv(x), la.solve(x, b), la.solve(x, b.mT, left=False), la.solve_triangular(x, b, upper=True)]
    found += [la.solve_triangular(x, b.mT, upper=False, left=False, unitriangular=True)]
    found += [quiet(torch.triangular_solve, b, x, transpose=True)[0], torch.det(x), la.slogdet(x), torch.logdet(x)]
    found += [la.matrix_exp(x), la.matrix_exp(x * 5), la.matrix_power(x, 3), la.matrix_power(x, -2), la.pinv(tall)]
    found += [la.pinv(hermitian(torch, 3, 3), hermitian=True), la.matrix_rank(tall), la.matrix_rank(x, hermitian=True)]
    for p in (None, 1, -1, 2, -2, float("inf"), -float("inf"), "fro", "nuc"):
        found.append(la.cond(x, p))
        if p is not None:
            found.append(la.matrix_norm(x, p))
    found += [la.vector_norm(x, p, dim=-1) for p in (0, 0.5, 1, 2, 3, float("inf"), -float("inf"))]
    found += [la.tensorinv(matrix(torch, 2, 2, 4)), la.tensorsolve(matrix(torch, 2, 2, 4), matrix(torch, 2, 2))]
    found += [la.multi_dot([x[0], b[0], b[1].mH]), la.vander(x[0, 0]), la.vecdot(x, x.mT), la.cross(x, x.mT)]
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        parts = la.lstsq(tall, matrix(torch, 4, 2, seed=1), driver=driver)
        found += [*parts, [str(p.dtype) for p in parts]]
    return found


@case(1e-7, 1e-8)
def gradients(torch):
    """First and second gradients."""
    la = torch.linalg
    x, b, tall = matrix(torch, 3, 3), matrix(torch, 3, 2, seed=3), matrix(torch, 4, 3)
    tau = matrix(torch, 2, seed=9)
    found = [
        both(torch, la.inv, matrix(torch, 2, 3, 3)),
        both(torch, la.solve, x, b),
        both(torch, lambda x, b: la.solve(x, b.mT, left=False), x, b),
        both(torch, lambda x, b: la.solve_triangular(x, b, upper=True), x, b),
        both(torch, lambda x, b: la.solve_triangular(x, b.mT, upper=False, left=False, unitriangular=True), x, b),
        both(torch, lambda x, b: quiet(torch.triangular_solve, b, x, transpose=True)[0], x, b),
        both(torch, torch.det, x),
        both(torch, la.slogdet, x),
        both(torch, torch.logdet, x),
        both(torch, la.cholesky, positive(torch, 3, 3)),
        both(torch, lambda x: la.cholesky(x, upper=True), positive(torch, 3, 3)),
        both(torch, lambda b, x: torch.cholesky_solve(b, x), b, x),
        both(torch, lambda b, x: torch.cholesky_solve(b, x, upper=True), b, x),
        both(torch, torch.cholesky_inverse, la.cholesky(positive(torch, 3, 3))),
        both(torch, la.qr, x),
        both(torch, la.qr, tall),
        both(torch, la.qr, tall.mH),
        both(torch, lambda x: la.lu(x)[1:], x),
        both(torch, lambda x: la.lu(x)[1:], tall),
        both(torch, lambda x: la.lu_factor(x)[0], tall.mH),
        both(torch, la.householder_product, tall[:, :2], tau),
        both(torch, la.pinv, tall),
        both(torch, lambda x: la.pinv(x + x.mH, hermitian=True), x),
        both(torch, lambda a, b: la.lstsq(a, b)[0], tall, matrix(torch, 4, 2)),
        both(torch, la.matrix_exp, x),
        both(torch, lambda x: la.matrix_power(x, -2), x),
        both(torch, la.svdvals, tall),
        both(torch, la.eigvalsh, hermitian(torch, 3, 3)),
        *[both(torch, lambda x, p=p: la.matrix_norm(x, p), x) for p in ("fro", "nuc", 2, -2, 1, -1)],
        *[both(torch, lambda x, p=p: la.vector_norm(x, p), x) for p in (0.5, 1, 2, 3)],
        both(torch, la.cond, x),
    ]
    lu, pivots = la.lu_factor(x)
    for adjoint in (False, True):
        found.append(both(torch, lambda lu, b: la.lu_solve(lu, pivots, b, adjoint=adjoint), lu, b))  # noqa: B023
        found.append(both(torch, lambda lu, b: la.lu_solve(lu, pivots, b.mT, left=False, adjoint=adjoint), lu, b))  # noqa: B023
    return found


@case(1e-7, 1e-8)
def gradients_of_vectors(torch):
    """Gradients of what does not depend on the phases of vectors."""
    la = torch.linalg

    def of_svd(x):
        u, s, vh = la.svd(x, full_matrices=False)
        return (u * s.exp()[..., None, :]) @ vh, u.abs(), vh.abs(), s

    def of_eigh(x):
        values, vectors = la.eigh(x + x.mH)
        return (vectors * values.cos()[..., None, :]) @ vectors.mH, vectors.abs(), values

    def of_eig(x):
        values, vectors = la.eig(x)
        return (values * values).sum(-1), (vectors.abs().square() * values[..., None, :]).sum(-1)

    def of_eigvals(x):
        values = la.eigvals(x)
        return (values * values).sum(-1), (values * values * values).sum(-1)

    found = [both(torch, of_svd, matrix(torch, *shape)) for shape in [(3, 3), (4, 3), (3, 4), (2, 3, 3)]]
    found += [both(torch, of_eigh, matrix(torch, *shape)) for shape in [(3, 3), (2, 4, 4)]]
    for fn in (of_eig, of_eigvals):
        found += [both(torch, fn, matrix(torch, *shape)) for shape in [(3, 3), (2, 4, 4)]]
        found += [both(torch, fn, matrix(torch, *shape).real) for shape in [(3, 3), (2, 4, 4)]]
    return found


@case()
def open_phases(torch):
    """A loss that asks for phases is refused."""
    la = torch.linalg

    def refused(fn, part, x):
        x = x.detach().clone().requires_grad_()
        return raised((fn(x)[part] * 1j).real.sum().backward)

    x = matrix(torch, 3, 3)
    found = [refused(la.svd, 0, x), refused(la.svd, 2, x), refused(la.eigh, 1, x + x.mH), refused(la.eig, 1, x)]
    return [*found, refused(la.eig, 1, x.real), refused(la.svd, 1, x)]


@case()
def zero_gradients(torch):
    """Of order 0 a norm has no gradient, a distance zeros; in place the conjugate of a real tensor is itself."""
    x = torch.tensor([[1.0, 0.0], [-2.0, 3.0]], requires_grad=True)
    found = []
    for fn in (
        lambda: torch.linalg.vector_norm(x, 0),
        lambda: torch.cdist(x, x + 1, p=0.0).sum(),
        lambda: (x * 2).conj_physical_().sum(),
        lambda: torch.linalg.vector_norm(torch.complex(x, x), 0),
    ):
        found.append(torch.autograd.grad(fn(), x, allow_unused=True))
    return found


@case()
def older_names(torch):
    """The older names take complex matrices too."""
    x = matrix(torch, 3, 3)
    (u, s, v), (q, r), low = quiet(torch.svd, x), quiet(torch.qr, x), quiet(torch.cholesky, x @ x.mH)
    return [near(torch, (u * s) @ v.mH, x), near(torch, q @ r, x), near(torch, low @ low.mH, x @ x.mH)]
