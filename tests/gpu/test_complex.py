"""complex64 on the GPU against the CPU's: moves, views, arithmetic, functions, sums, products, indexing, gradients."""

import numpy as np
import pytest

import rustgrad as torch

pytestmark = pytest.mark.gpu

INF, NAN = float("inf"), float("nan")


def noise(*shape, seed=0):
    rng = np.random.default_rng(seed + sum(shape))
    return torch.tensor((rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64))


def same(got, want, allowed=4e-6):
    assert got.device.type == "gpu"
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    a, b = got.detach().cpu().numpy(), want.detach().numpy()
    np.testing.assert_allclose(a, b, rtol=allowed, atol=allowed)


def both(f, *x, allowed=4e-6):
    got, want = f(*(t.to("gpu") for t in x)), f(*x)
    for g, w in zip(got if isinstance(got, tuple) else [got], want if isinstance(want, tuple) else [want], strict=True):
        same(g, w, allowed)


def test_moves_and_creation():
    x = noise(5, 6)
    for t in (x, x.t(), x[::2, 1:], x[:1].expand(4, 6), x[0, 0], x[:0]):
        g = t.to("gpu")
        assert torch.equal(g.cpu(), t)
        assert torch.equal(g.contiguous().cpu(), t.contiguous())
    for make in (torch.zeros, torch.ones, torch.empty):
        t = make(2, 3, dtype=torch.complex64, device="gpu")
        assert (t.dtype, t.shape, t.device.type) == (torch.complex64, (2, 3), "gpu")
    full = torch.full((3,), 1.5 - 2j, device="gpu")
    assert full.dtype == torch.complex64 and full.tolist() == [1.5 - 2j] * 3
    assert torch.eye(2, dtype=torch.complex64, device="gpu").tolist() == [[1, 0], [0, 1]]
    assert torch.tensor([1j, 2.0], device="gpu").tolist() == [1j, 2]
    assert full[0].item() == 1.5 - 2j
    assert repr(full) == repr(full.cpu())[:-1] + ", device='gpu')"


REAL = [torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool, torch.uint32]


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_casts(dtype):
    whole = torch.tensor([0, 1, 3, 100], dtype=dtype)
    both(lambda t: t.to(torch.complex64), whole)
    z = torch.tensor([0j, 1 + 2j, 3 - 1j, 2j])
    got, want = z.to("gpu").to(dtype), z.to(dtype)
    assert got.dtype == dtype and torch.equal(got.cpu(), want)


def test_writes_and_views():
    for f in (
        lambda t: torch.view_as_real(t),
        lambda t: torch.view_as_complex(torch.view_as_real(t)[1:]),
        lambda t: t.real,
        lambda t: t.imag,
        lambda t: t.conj().resolve_conj(),
        lambda t: t.t().conj_physical(),
        lambda t: t.mH,
        lambda t: torch.cat([t, t * 2j], 1),
        lambda t: torch.stack([t, t.conj()]),
        lambda t: t.flip(0).roll(1, 1),
        lambda t: t.reshape(-1)[torch.tensor([3, 0, 3], device=t.device)],
        lambda t: t.index_select(1, torch.tensor([2, 0], device=t.device)),
        lambda t: t.gather(0, torch.tensor([[1, 0, 1]], device=t.device)),
        lambda t: torch.complex(t.real, t.imag * 2),
        lambda t: torch.polar(t.real.abs(), t.imag),
        lambda t: t.view(torch.float32),
        lambda t: t.tril(),
    ):
        both(f, noise(4, 3))
    x = noise(4, 3)
    g = x.to("gpu")
    for t in (x, g):
        t[1] = 2 - 1j
        t.real[0] = 7
        t[:, 2] *= 1j
        t.imag.add_(1)
        t[t.real > 6.5] = 0
        t.index_add_(0, torch.tensor([0, 0], device=t.device), torch.ones(2, 3, dtype=t.dtype, device=t.device))
        t.scatter_(1, torch.tensor([[1]], device=t.device), 5j)
    same(g, x)


ARITHMETIC = [
    lambda a, b: a + b,
    lambda a, b: a - 2j * b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a * 3 + b.real,
    lambda a, b: 1j / a - 1,
    lambda a, b: torch.add(a, b, alpha=1 - 2j),
    lambda a, b: torch.addcmul(a, b, a, value=0.5),
    lambda a, b: torch.addcdiv(a, b, a),
    lambda a, b: torch.where(a.real > 0, a, b),
    lambda a, b: torch.where(a.real > 0, 1j, 0.0),
    lambda a, b: torch.lerp(a, b, 0.25),
    lambda a, b: a == b,
    lambda a, b: a != a.conj(),
    lambda a, b: (a, a.clone())[0].eq(a[0]),
    lambda a, b: a**2 + a**3 + a**-1,
    lambda a, b: a**0.5,
    lambda a, b: a**b,
    lambda a, b: -a,
    lambda a, b: a.half().float() if False else a.real.half() * b,
    lambda a, b: torch.isnan(a) | torch.isinf(b),
    lambda a, b: a.logical_and(b),
    lambda a, b: (a * b + a).exp().sin() * 0.01,
]


@pytest.mark.parametrize("f", ARITHMETIC, ids=range(len(ARITHMETIC)))
def test_arithmetic(f):
    for x, y in (
        (noise(4, 6), noise(4, 6, seed=1)),
        (noise(6, 4).t(), noise(6, seed=1)),
        (noise(3, 5), noise(3, 5, seed=2)[:, :1]),
    ):
        both(f, x, y, allowed=2e-5)


FUNCTIONS = """
abs angle sgn exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal square sin cos tan sinh cosh tanh asin acos atan
asinh acosh atanh sigmoid neg positive
""".split()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    f = getattr(torch, name)
    both(f, noise(7, 9), allowed=1e-5)
    both(f, noise(7, 9) * 0.01, allowed=1e-5)
    both(f, noise(31) * 3, allowed=2e-5)


def test_edges():
    """Zeros, infinities, and numbers whose squares no float holds."""
    z = torch.tensor([0j, 1 + 0j, -1 + 0j, -4 + 0j, -4 - 0.0j, 1e30 + 1e30j, 1e-30 - 1e-30j, 3e-42j, -0.0 + 2j])
    for name in ("abs", "angle", "sgn", "sqrt", "log", "neg", "square"):
        both(getattr(torch, name), z if name != "square" else z[:5])
    both(lambda a: a / torch.tensor(1e30 + 1e30j, device=a.device), z)
    wild = torch.tensor([complex(INF, 1), complex(1, -INF), complex(-INF, 0), complex(NAN, 1), complex(NAN, NAN)])
    both(lambda a: a * 1 + 1, wild)
    both(torch.abs, wild)
    both(torch.isnan, wild)
    both(lambda a: a == a, wild)


def test_sums():
    for shape in ((5, 7), (3, 300), (700, 12), (1, 4), (20000,)):
        x = noise(*shape)
        both(lambda t: t.sum(), x, allowed=2e-4)
        both(lambda t: (t.sum(0), t.mean(-1), t.mean(0, keepdim=True)), x, allowed=2e-4)
    x = noise(4, 6)
    both(lambda t: (t.cumsum(1), t.cumprod(0), t.prod(1), t.var(0), t.std(1)), x, allowed=2e-5)
    both(lambda t: (t.any(0), t.all()), x)
    both(lambda t: (t.norm(), torch.linalg.vector_norm(t, 1, dim=1)), x, allowed=2e-5)


def test_products():
    a, b, c = noise(5, 6), noise(6, 4), noise(4)
    both(lambda a, b, c: (a @ b, b.mH @ a.mH, a @ b @ c, torch.addmm(c, a, b, alpha=2, beta=3)), a, b, c, allowed=2e-5)
    both(lambda a, b: torch.einsum("bij,bjk->bik", a, b), noise(3, 4, 5), noise(3, 5, 2), allowed=2e-5)
    both(lambda a, b: (torch.dot(a, b), torch.vdot(a, b), torch.outer(a, b)), noise(9), noise(9, seed=1), allowed=2e-5)
    both(lambda a, b: a @ b, noise(70, 130), noise(130, 90), allowed=1e-4)
    both(lambda a, b, c: torch.nn.functional.linear(a, b, c), noise(7, 6), noise(4, 6), c, allowed=2e-5)


GRADIENTS = [
    lambda a, b: a * b + a.conj() * 2j,
    lambda a, b: a / b,
    lambda a, b: (a @ b.mH).exp() * 0.1,
    lambda a, b: a.abs() + b.angle(),
    lambda a, b: a.sin() * b.tanh() + a.sqrt(),
    lambda a, b: torch.view_as_complex(torch.view_as_real(a) * 2) * b.real,
    lambda a, b: torch.complex(a.real, b.imag) ** 2,
    lambda a, b: torch.polar(a.abs(), b.angle()),
    lambda a, b: a.mean(0) * b.sum(1, keepdim=True),
    lambda a, b: torch.where(a.real > 0, a, b) * a[:1],
    lambda a, b: torch.cat([a, b])[1:, ::2],
    lambda a, b: a.sgn() * b.log(),
]


@pytest.mark.parametrize("f", GRADIENTS, ids=range(len(GRADIENTS)))
def test_gradients(f):
    grads = []
    for device in ("gpu", "cpu"):
        a = noise(3, 4).to(device).requires_grad_()
        b = noise(3, 4, seed=5).to(device).requires_grad_()
        f(a, b).abs().square().sum().backward()
        grads.append((a.grad, b.grad))
    for got, want in zip(*grads, strict=True):
        if want is not None:
            same(got, want, allowed=5e-5)


def test_training():
    """A complex parameter learns as on the CPU."""
    ends = []
    for device in ("gpu", "cpu"):
        w = noise(6).to(device).requires_grad_()
        x, y = noise(20, 6, seed=3).to(device), noise(20, seed=4).to(device)
        optimizer = torch.optim.Adam([w], lr=0.05)
        for _ in range(20):
            optimizer.zero_grad()
            (x @ w - y).abs().square().mean().backward()
            optimizer.step()
        ends.append(w.detach())
    same(*ends, allowed=1e-3)


def test_refusals():
    z = torch.zeros(2, dtype=torch.complex64, device="gpu")
    for make in (lambda: torch.zeros(2, dtype=torch.complex128, device="gpu"), lambda: z.to(torch.complex128)):
        with pytest.raises(NotImplementedError, match="complex128 is not available on the GPU"):
            make()
    with pytest.raises(NotImplementedError, match="complex32 is not available on the GPU"):
        torch.view_as_complex(torch.zeros(2, 2, dtype=torch.float16, device="gpu"))
    with pytest.raises(NotImplementedError, match="not implemented on the GPU"):
        torch.fft.fft(z)
    with pytest.raises(NotImplementedError, match="complex64 is not available on the GPU"):
        z.logcumsumexp(0)


FUNCTIONS = {
    "exp": torch.exp,
    "product": lambda z: z * z,
    "quotient": lambda z: 1 / (z + 2),
    "matmul": lambda z: z @ z.mT,
    "sum": lambda z: z.sum(0),
    "abs": torch.abs,
    "log": lambda z: torch.log(z + 3),
    "cumsum": lambda z: z.cumsum(0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_gradients(name):
    def second(z):
        z = z.detach().requires_grad_()
        (g,) = torch.autograd.grad(FUNCTIONS[name](z).abs().square().sum(), z, create_graph=True)
        return torch.autograd.grad(g.abs().square().sum(), z)[0]

    both(second, noise(3, 4) * 0.3, allowed=2e-5)
