"""Softmax, layer_norm, losses, dropout, draws and optimizer steps on the GPU give what they give on the CPU."""

import math

import numpy as np
import pytest

import rustgrad as torch
import rustgrad.nn.functional as F

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.gpu.is_available(), reason="needs a GPU, or RUSTGRAD_GPU=software"),
]

TOLERANCE = {torch.float32: (1e-5, 1e-6), torch.float16: (2e-3, 1e-3), torch.bfloat16: (1.6e-2, 8e-3)}
DTYPES = list(TOLERANCE)


def noise(*shape, seed=0, dtype=torch.float32, scale=2.0):
    values = np.random.default_rng(seed).standard_normal(shape) * scale
    return torch.tensor(values.astype(np.float32)).to(dtype)


def classes(*shape, n, seed=0):
    return torch.tensor(np.random.default_rng(seed).integers(0, n, shape))


def same(got, want, dtype=None, factor=1.0):
    assert got.device.type == "gpu" and got.dtype == want.dtype and got.shape == want.shape
    assert got.stride() == want.stride() or got.numel() == 0
    rtol, atol = TOLERANCE.get(dtype or want.dtype, (0, 0))
    got, want = got.detach().cpu().double().numpy(), want.detach().double().numpy()
    np.testing.assert_allclose(
        got, want, rtol * factor, atol * factor * max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0))
    )


def strided(name):
    """A view, made the same way on either device."""
    return {
        "plain": lambda t: t,
        "t": lambda t: t.transpose(0, -1),
        "step": lambda t: t[..., ::2],
        "rows": lambda t: t[::2],
        "offset": lambda t: t[..., 1:],
        "expand": lambda t: t[:1].expand(3, *t.shape[1:]),
    }[name]


VIEWS = ["plain", "t", "step", "rows", "offset", "expand"]
SIZES = [1, 2, 3, 15, 16, 17, 63, 64, 65, 255, 256, 257, 4095, 4096, 4097, 33000]


def gradients(f, leaves, device, seed=5):
    """`f` of leaves on a device, and the gradients of all of them for one fixed gradient of the result."""
    leaves = [None if x is None else x.detach().to(device).requires_grad_() for x in leaves]
    y = f(*leaves)
    g = noise(*y.shape, seed=seed).to(y.dtype).to(device)
    y.backward(g)
    return [y, *(x.grad for x in leaves if x is not None)]


def both(f, leaves, factor=1.0):
    for got, want in zip(gradients(f, leaves, "gpu"), gradients(f, leaves, "cpu"), strict=True):
        same(got, want, factor=factor)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_softmax_sizes(n, log):
    f = F.log_softmax if log else F.softmax
    both(lambda x: f(x, -1), [noise(3, n)], factor=4)
    both(lambda x: f(x, 0), [noise(n, 3)], factor=4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_softmax_views(view, dim, dtype):
    x = noise(6, 40, 22, dtype=dtype)
    for f in (F.softmax, F.log_softmax):
        got, want = f(strided(view)(x.to("gpu")), dim), f(strided(view)(x), dim)
        same(got, want)
        both(lambda x, f=f: f(strided(view)(x), dim), [x], factor=2)


def test_softmax_across_many_rows():
    both(lambda x: x.softmax(0), [noise(50, 20000)])
    both(lambda x: x.softmax(1), [noise(2, 300, 40)])
    both(lambda x: x.log_softmax(-1), [noise(70000, 5)])


def test_softmax_of_many_dims():
    x = noise(2, 3, 2, 3, 2, 3, 2)
    for order in [(6, 5, 4, 3, 2, 1, 0), (0, 2, 4, 6, 1, 3, 5)]:
        both(lambda x, order=order: x.permute(order).softmax(3), [x])


def test_softmax_edges():
    inf, nan = math.inf, math.nan
    rows = [
        [-inf] * 4,
        [inf, 0, 1, 2],
        [inf, inf, 0, 0],
        [nan, 0, 0, 0],
        [-inf, 0, -inf, 1],
        [3e38, -3e38, 0, 1],
        [0.0] * 4,
    ]
    for x in (torch.tensor(rows), torch.tensor(rows).t().contiguous().t(), torch.cat([torch.tensor(rows)] * 30, 1)):
        for f in (F.softmax, F.log_softmax):
            same(f(x.to("gpu"), 1), f(x, 1))
    for shape, dim in [((), 0), ((0, 3), 1), ((3, 0), 1), ((1,), 0)]:
        same(torch.ones(shape, device="gpu").softmax(dim), torch.ones(shape).softmax(dim))
    out = torch.empty(5, 4, device="gpu")
    torch.softmax(noise(5, 4).to("gpu"), 1, out=out)
    same(out, noise(5, 4).softmax(1))
    same(noise(5, 4).to("gpu").softmax(1, dtype=torch.float16), noise(5, 4).softmax(1, dtype=torch.float16))


def test_softmax_twice_differentiable():
    for log in (False, True):
        values = []
        for device in ("gpu", "cpu"):
            x = noise(4, 7).to(device).requires_grad_()
            y = x.log_softmax(1) if log else x.softmax(1)
            (g,) = torch.autograd.grad(y, x, noise(4, 7, seed=1).to(device), create_graph=True)
            (h,) = torch.autograd.grad(g, x, noise(4, 7, seed=2).to(device))
            values.append((g, h))
        for got, want in zip(*values, strict=True):
            same(got, want, factor=4)


@pytest.mark.parametrize("n", [1, 3, 16, 64, 65, 256, 257, 1000, 4096, 10001])
@pytest.mark.parametrize("affine", ["", "w", "b", "wb"])
def test_layer_norm(n, affine):
    w = noise(n, seed=1) if "w" in affine else None
    b = noise(n, seed=2) if "b" in affine else None
    for rows in (1, 5, 200):
        if n > 1 and n * rows <= 1 << 17:
            both(lambda x, w, b: F.layer_norm(x, (n,), w, b), [noise(rows, n), w, b], factor=20)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("view", VIEWS)
def test_layer_norm_views(view, dtype):
    x = noise(6, 12, 10, dtype=dtype)
    for dims in (1, 2, 3):
        shape = strided(view)(x).shape[-dims:]
        w, b = noise(*shape, seed=1, dtype=dtype), noise(*shape, seed=2, dtype=dtype)
        both(lambda x, w, b, shape=shape: F.layer_norm(strided(view)(x), shape, w, b), [x, w, b], factor=8)


def test_layer_norm_rest():
    both(lambda x, w: F.layer_norm(x, (8,), w), [noise(40000, 8), noise(8, seed=1)], factor=40)
    same(F.layer_norm(torch.ones(0, 3, device="gpu"), (3,)), torch.ones(0, 3))
    x = noise(4, 6, dtype=torch.float16)
    w = noise(6, seed=1)
    same(F.layer_norm(x.to("gpu"), (6,), w.to("gpu")), F.layer_norm(x, (6,), w))
    values = []
    for device in ("gpu", "cpu"):
        x, w = noise(4, 6).to(device).requires_grad_(), noise(6, seed=1).to(device).requires_grad_()
        d = torch.autograd.grad(F.layer_norm(x, (6,), w), [x, w], noise(4, 6, seed=2).to(device), create_graph=True)
        values.append((*d, *torch.autograd.grad((d[0] * d[1]).sum(), [x, w])))
    for got, want in zip(*values, strict=True):
        same(got, want, factor=40)


CASES = {
    "1d": ((5,), ()),
    "2d": ((40, 5), (40,)),
    "wide": ((9, 300), (9,)),
    "fours": ((9, 512), (9,)),
    "many": ((20000, 4), (20000,)),
    "3d": ((3, 5, 70), (3, 70)),
    "4d": ((2, 6, 3, 4), (2, 3, 4)),
}


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("options", ["", "w", "i", "wi"])
def test_nll_loss(case, reduction, options):
    shape, places = CASES[case]
    n = shape[min(1, len(shape) - 1)]
    target = classes(*places, n=n)
    ignore = 1 if "i" in options else -100
    weight = noise(n, seed=3).abs() if "w" in options else None

    def loss(x):
        w = None if weight is None else weight.to(x.device)
        return F.nll_loss(x, target.to(x.device), w, ignore_index=ignore, reduction=reduction)

    both(loss, [noise(*shape)], factor=4)


def test_nll_loss_views_and_dtypes():
    target = classes(12, n=6)
    for view in (lambda t: t.t(), lambda t: t[:, ::2].t()):
        x = noise(6, 24)[:, : 12 if view(torch.ones(6, 24)).shape[0] == 24 else 24]
        both(lambda x, view=view: F.nll_loss(view(x), target.to(x.device)), [x], factor=4)
    both(lambda x: F.nll_loss(x, classes(4, n=6).to(x.device)[:1].expand(12), reduction="none"), [noise(12, 6)])
    for dtype in (torch.float16, torch.bfloat16):
        for reduction in ("none", "mean", "sum"):
            both(
                lambda x, r=reduction: F.nll_loss(x, target.to(x.device), reduction=r),
                [noise(12, 6, dtype=dtype)],
                factor=2,
            )
    both(lambda x: F.nll_loss(x, target.to(torch.uint8).to(x.device)), [noise(12, 6)])


def test_nll_loss_counts_nothing():
    for target in (torch.full((3,), -100), torch.ones(0, dtype=torch.int64)):
        x = torch.zeros(target.shape[0], 4)
        for reduction in ("mean", "sum", "none"):
            same(
                F.nll_loss(x.to("gpu"), target.to("gpu"), reduction=reduction),
                F.nll_loss(x, target, reduction=reduction),
            )


@pytest.mark.parametrize("bad", [4, -1, 2**40, -(2**33)])
def test_target_out_of_range(bad):
    x = torch.zeros(3, 4, device="gpu")
    target = torch.tensor([0, bad, 1], device="gpu")
    with pytest.raises(IndexError, match=f"nll_loss: index {bad} is out of bounds for a dimension with size 4"):
        F.cross_entropy(x, target).item()
    assert F.cross_entropy(x, target, ignore_index=bad).item() == pytest.approx(math.log(4))


def test_cross_entropy():
    target = classes(30, n=7)
    for reduction in ("mean", "sum", "none"):
        both(lambda x, r=reduction: F.cross_entropy(x, target.to(x.device), reduction=r), [noise(30, 7)], factor=4)
    both(lambda x: F.cross_entropy(x, classes(2, 9, n=5).to(x.device)), [noise(2, 5, 9)], factor=4)
    w = noise(7, seed=3).abs()
    for reduction in ("mean", "sum", "none"):
        both(
            lambda x, r=reduction: F.cross_entropy(
                x, target.to(x.device), w.to(x.device), ignore_index=2, label_smoothing=0.2, reduction=r
            ),
            [noise(30, 7)],
            factor=8,
        )
    p = noise(30, 7, seed=4).softmax(1)
    both(lambda x: F.cross_entropy(x, p.to(x.device), w.to(x.device), label_smoothing=0.1), [noise(30, 7)], factor=8)


def test_nll_loss_twice_differentiable():
    values = []
    for device in ("gpu", "cpu"):
        x = noise(6, 4).to(device).requires_grad_()
        g = torch.tensor(1.5, device=device).requires_grad_()
        (d,) = torch.autograd.grad(F.nll_loss(x * x, classes(6, n=4).to(device)), x, g, create_graph=True)
        values.append(torch.autograd.grad(d, [x, g], noise(6, 4, seed=2).to(device)))
    for got, want in zip(*values, strict=True):
        same(got, want, factor=4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_dropout(p, dtype):
    for view in ("plain", "t", "step"):

        def f(x, view=view):
            torch.manual_seed(7)
            return F.dropout(strided(view)(x), p)

        both(f, [noise(30, 17, dtype=dtype)])
    torch.manual_seed(1)
    x = torch.ones(10, device="gpu")
    F.dropout(x, p, inplace=True)
    torch.manual_seed(1)
    same(x, F.dropout(torch.ones(10), p))


DRAWS = {
    "rand": lambda d: torch.rand(3, 5, device=d),
    "randn": lambda d: torch.randn(40, device=d),
    "randn half": lambda d: torch.randn(40, dtype=torch.float16, device=d),
    "randint": lambda d: torch.randint(-5, 5, (9,), device=d),
    "randperm": lambda d: torch.randperm(20, device=d),
    "rand_like": lambda d: torch.rand_like(torch.ones(5, 4, device=d).t()),
    "randn_like": lambda d: torch.randn_like(torch.ones(5, device=d)),
    "randint_like": lambda d: torch.randint_like(torch.ones(5, device=d), 9),
    "uniform_": lambda d: torch.ones(6, 4, device=d)[:, ::2].uniform_(-1, 3),
    "normal_": lambda d: torch.ones(5, 4, device=d).t().normal_(1, 2),
    "normal_ strided": lambda d: torch.ones(80, device=d)[::2].normal_(1, 2),
    "exponential_": lambda d: torch.ones(20, device=d).exponential_(2.0),
    "random_": lambda d: torch.ones(20, dtype=torch.uint8, device=d).random_(),
    "bernoulli_": lambda d: torch.ones(20, device=d).bernoulli_(0.3),
    "bernoulli_ tensor": lambda d: torch.ones(4, 5, device=d).bernoulli_(torch.linspace(0, 1, 5).to(d)),
    "bernoulli": lambda d: torch.bernoulli(torch.linspace(0, 1, 20).to(d)),
    "bernoulli p": lambda d: torch.bernoulli(torch.ones(20, device=d), 0.3),
    "normal mean": lambda d: torch.normal(noise(4, 5).to(d), 2.0),
    "normal std": lambda d: torch.normal(1.0, noise(4, 5).abs().to(d)),
    "normal both": lambda d: torch.normal(noise(4, 5).to(d), noise(5).abs().to(d)),
    "normal size": lambda d: torch.normal(0.5, 2.0, (3, 4), device=d),
    "multinomial": lambda d: torch.multinomial(noise(3, 5).abs().to(d), 4),
    "multinomial replacement": lambda d: torch.multinomial(noise(5).abs().to(d), 9, replacement=True),
    "rand out": lambda d: torch.rand(3, 4, out=torch.empty(3, 4, device=d)),
    "multinomial out": lambda d: torch.multinomial(
        noise(5).abs().to(d), 2, out=torch.empty(2, dtype=torch.int64, device=d)
    ),
    "bernoulli out": lambda d: torch.bernoulli(torch.linspace(0, 1, 20).to(d), out=torch.empty(20, device=d)),
    "normal out": lambda d: torch.normal(noise(4, 5).to(d), 2.0, out=torch.empty(4, 5, device=d)),
    "init": lambda d: torch.nn.init.kaiming_uniform_(torch.empty(6, 5, device=d)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws(name):
    values = []
    for device in ("gpu", "cpu"):
        torch.manual_seed(3)
        values.append((DRAWS[name](device), torch.rand(2)))
    same(values[0][0], values[1][0])
    assert values[0][1].tolist() == values[1][1].tolist()


def test_draws_refuse():
    with pytest.raises(RuntimeError, match="p_in >= 0"):
        torch.bernoulli(torch.tensor([2.0], device="gpu"))
    with pytest.raises(RuntimeError, match=r"std >= 0\.0"):
        torch.normal(0.0, torch.tensor([-1.0], device="gpu"))
    with pytest.raises(RuntimeError, match="inf"):
        torch.multinomial(torch.tensor([-1.0, 2.0], device="gpu"), 1)


STEPS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.3, maximize=True),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "adam decay": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1, maximize=True, betas=(0.3, 0.9)),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1, amsgrad=True),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.1, weight_decay=0.1, decoupled_weight_decay=True),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.1, betas=(0.6, 0.9), maximize=True),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.1, weight_decay=0.1),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=0.1, eps=1e-3),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True),
}


def stepped(make, device, dtype, view):
    params = [
        noise(*s, seed=i, dtype=dtype).to(device) for i, s in enumerate([(6, 8), (1,), (63,), (4097,), (0,), (5, 7)])
    ]
    if view == "t":
        params = [p.t() if p.dim() == 2 else p for p in params]
    if view == "step":
        params = [p[1::2] for p in params]
    params = [p.detach().requires_grad_() for p in params]
    o = make(params)
    for i in range(3):
        for j, p in enumerate(params):
            g = noise(*p.shape, seed=10 * i + j, dtype=dtype).to(device)
            p.grad = noise(*reversed(p.shape), seed=10 * i + j, dtype=dtype).to(device).t() if p.dim() == 2 else g
        o.step()
        o.param_groups[0]["lr"] *= 0.7
    state = [
        t for p in params for k, t in sorted(o.state[p].items()) if k not in ("step", "mu_product") and t is not None
    ]
    return params + state


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("view", ["plain", "t", "step"])
@pytest.mark.parametrize("name", STEPS)
def test_optimizer_steps(name, view, dtype):
    got, want = (stepped(STEPS[name], d, dtype, view) for d in ("gpu", "cpu"))
    for a, b in zip(got, want, strict=True):
        same(a, b, factor=2 if dtype == torch.float32 else 4)


def test_optimizer_state_comes_back():
    values = []
    for device in ("gpu", "cpu"):
        p = noise(9, 3).to(device).requires_grad_()
        o = torch.optim.Adam([p], lr=0.1)
        p.grad = noise(9, 3, seed=1).to(device)
        o.step()
        other = torch.optim.Adam([p], lr=0.1)
        other.load_state_dict(o.state_dict())
        other.step()
        assert other.state[p]["step"].item() == 2 and other.state[p]["step"].device.type == "cpu"
        values.append(p)
    same(values[0], values[1])


def trained(make, device, steps=20):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(12, 32), torch.nn.LayerNorm(32), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(32, 5)
    ).to(device)
    o = make(model.parameters())
    x, y = noise(24, 12).to(device), classes(24, n=5).to(device)
    losses = []
    for _ in range(steps):
        o.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        o.step()
        losses.append(loss.detach())
    return [*losses, *model.parameters()]


@pytest.mark.parametrize("name", ["nesterov", "adam"])
def test_training(name):
    make = {"nesterov": STEPS["nesterov"], "adam": lambda p: torch.optim.Adam(p, lr=0.01)}[name]
    for got, want in zip(trained(make, "gpu"), trained(make, "cpu"), strict=True):
        np.testing.assert_allclose(got.detach().cpu().numpy(), want.detach().numpy(), 1e-4, 1e-4)
